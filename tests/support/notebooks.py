"""A notebook run cell by cell, as Jupyter would, without Jupyter: `python notebooks.py FILE`, in a folder of its own.

The value of a cell's last expression is shown as Jupyter's front ends would ask for it.
"""

import ast
import json
import sys
from pathlib import Path


def run(path: Path) -> None:
    """Run all cells in one namespace; an exception ends it, with the number of the cell in its traceback."""
    names: dict = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        where = f"{path.name}, cell {number}"
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            show(eval(compile(ast.Expression(last.value), where, "eval"), names))


def show(value: object) -> None:
    """What a front end would draw: a picture or a table if the value has one, its words otherwise."""
    for form in ("_repr_png_", "_repr_html_"):
        if (drawn := getattr(value, form, None)) and drawn() is not None:
            print(f"<{form.strip('_').removeprefix('repr_')} of {type(value).__name__}>")
            return
    if value is not None:
        print(repr(value))


if __name__ == "__main__":
    run(Path(sys.argv[1]).resolve())
