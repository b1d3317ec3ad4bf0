"""Browse opens a stranger's set on the Hub: one that is none of ours gets a sentence, and no file here is opened."""

import hashlib
import io
import json
import os
import subprocess
import sys

import hub_server
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import standin
from PIL import Image

pytestmark = pytest.mark.hub

LOOK = """
import json, sys
seen, secret = [], sys.argv[1]
sys.addaudithook(lambda event, given: seen.append(given[0]) if event == "open" and given[0] == secret else None)
from threedpain.errors import ThreeDPainError
from threedpain.spaces import browse
said = {}
for name in sys.argv[2:]:
    try:
        found = browse.find(f"stranger/{name}", "", "", "", "", "", 0, 16)
        said[name] = found[2]
    except ThreeDPainError as problem:
        said[name] = str(problem)
assert not seen, seen
print(json.dumps(said))
"""


def packed(table: pa.Table, **options) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def hostile_sets(sound: pa.Table, secret: str) -> dict[str, bytes]:
    """The one shard of each set."""
    at, cell = sound.schema.get_field_index("image"), sound.schema.field("image").type
    paths = sound.set_column(at, sound.schema.field("image"), pa.array([{"path": secret}] * len(sound), type=cell))
    facts = json.loads(sound.schema.metadata[b"huggingface"])
    facts["info"]["features"]["image"] = {"_type": "Video"}
    return {
        "sound": packed(sound),
        "paths": packed(paths),
        "films": packed(sound.replace_schema_metadata({"huggingface": json.dumps(facts)})),
        "fewer": packed(sound.drop_columns(["PSPI"])),
        "bomb": packed(pa.table({"image": ["a" * 50_000_000]}), use_dictionary=False, compression="zstd"),
        "garbage": b"PAR1" + bytes(200) + b"PAR1",
    }


def test_sets_of_strangers(tmp_path, tmp_path_factory):
    dataset = standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    sets = hostile_sets(pq.read_table(dataset / "images" / "test-00000.parquet"), str(secret))
    card = f"---\nconfigs:\n- config_name: images\n  data_files: {tmp_path}/*.png\n---\n".encode()
    with hub_server.Hub() as hub:
        for name, shard in sets.items():
            files = {"README.md": card, "images/test-00000.parquet": shard}
            digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
            hub.store.update({digests[path]: data for path, data in files.items()})
            repository = hub.repositories["dataset", f"stranger/{name}"] = hub_server.Repository()
            repository.commit(digests)
        done = subprocess.run(
            [sys.executable, "-c", LOOK, str(secret), *sets], capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, **hub_server.environment(hub), "HF_HOME": str(tmp_path / "home")},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "pictures fit" in said["sound"]
    assert "must hold its pictures" in said["paths"]
    assert "it has no column image of the right type" in said["films"]
    assert "it has no column PSPI of the right type" in said["fewer"]
    assert "claims 500" in said["bomb"]
    assert "stranger/garbage could not be opened as a 3dpain set" in said["garbage"]
