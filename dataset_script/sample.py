"""The sample: 120 pictures of ten people that come with the package, for `load_dataset("3dpain", "sample")`.

    python -m threedpain.dataset_script.sample      # draws it anew into threedpain/sample (make sample)

It is a set of which only the pictures are kept, with their references as in `pairs`. An installation without it makes
the same rows in its cache.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from threedpain.assets import SAMPLE
from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.schema import GENERATOR_VERSION

PLAN: dict[str, Any] = {
    "identities": 10, "expressions": 2, "others": 1, "views": 3, "size": 256, "seed": 0, "videos": 0, "picture": "webp",
}  # fmt: skip
BYTES = 3_000_000  # of all pictures at most: everybody fetches the wheel


def shipped() -> Path | None:
    """The sample's folder, where it came along."""
    return SAMPLE if (SAMPLE / "manifest.json").is_file() else None


def write(made: Path, folder: Path = SAMPLE, most: int = BYTES) -> int:
    """Take the pictures of the finished set `made` into `folder`, in place of what is there; their bytes together."""
    pictures = sorted(made.glob("images/*.parquet"))
    size = sum(path.stat().st_size for path in pictures)
    if not pictures or size > most:
        raise InvalidInput(f"the pictures of {made} have {size:,} bytes; allowed are 1 to {most:,}.")
    manifest = json.loads((made / "manifest.json").read_text())
    for shard in manifest["shards"]:
        shard["files"] = [file for file in shard["files"] if file["path"].startswith("images/")]
    manifest["shards"] = [shard for shard in manifest["shards"] if shard["files"]]
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "images").mkdir(parents=True)
    for path in pictures:
        shutil.copyfile(path, folder / "images" / path.name)
    shutil.copyfile(made / "plan.json", folder / "plan.json")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return size


def draw(folder: Path = SAMPLE) -> int:
    """Make the sample's set and write it into `folder`; the bytes of its pictures."""
    from threedpain.generation.dataset.generate import generate
    from threedpain.generation.dataset.plan import Config

    with tempfile.TemporaryDirectory() as made:
        generate(Path(made) / "set", Config(**PLAN), len(os.sched_getaffinity(0)))
        return write(Path(made) / "set", folder)


def main() -> None:
    print(f"{SAMPLE}: {draw() / 1e6:.2f} MB, generator {GENERATOR_VERSION}")


if __name__ == "__main__":
    try:
        main()
    except ThreeDPainError as mistake:
        sys.exit(str(mistake))
