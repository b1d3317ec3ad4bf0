"""Build the documentation as static pages: `python docs/builder/build.py [--out site]` (`make docs`).

The pages are put together first (pages.py), then mkdocs-material makes the site of them, strictly: a warning is a
failure. The finished folder needs no network: put it on any host of static files, or open index.html (browsers let its
search run only when a server gives the pages, as `python -m http.server -d site` does).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

os.environ["NO_MKDOCS_2_WARNING"] = "1"  # about a later version, which setup.cfg does not let in

import pages

CONFIG = Path(__file__).with_name("mkdocs.yml")


def build(out: Path) -> None:
    """The site in `out`, which is emptied first unless it holds something else than a site."""
    from mkdocs.commands.build import build as make
    from mkdocs.config import load_config

    if out.is_dir() and any(out.iterdir()) and not (out / "sitemap.xml").is_file():
        sys.exit(f"{out} holds something that is no site of this command: name another folder.")
    with tempfile.TemporaryDirectory(prefix="threedpain-docs-") as folder:
        pages.assemble(Path(folder))
        make(load_config(str(CONFIG), docs_dir=folder, site_dir=str(out.resolve()), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=pages.ROOT / "site", help="folder of the finished site")
    options = parser.parse_args()
    if not find_spec("material"):
        sys.exit("mkdocs-material is missing: pip install 'threedpain[docs]'")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    build(options.out)
    print(options.out / "index.html")


if __name__ == "__main__":
    main()
