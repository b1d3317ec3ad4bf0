"""Reference pages from the source: public names from their docstrings, commands from their help, columns from the card.

Docstrings are read with `ast`, so that a page is made without importing torch, and shows the source's own words.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import typer

from threedpain import cli
from threedpain.cli import COMMANDS
from threedpain.facs import ACTION_UNITS, PAIN_UNITS

ROOT = Path(__file__).parents[2]
ROOMS = ("generation", "dataset_script", "modeling", "spaces")

# What a page of the reference shows, in order: heading -> dotted names. Everything a how-to calls stands here.
PUBLIC: dict[str, tuple[str, ...]] = {
    "Faces": (
        "threedpain.generation.pipeline.PainFacePipeline",
        "threedpain.generation.pipeline.PainFaceOutput",
        "threedpain.generation.dataset.replay.replay",
        "threedpain.generation.dataset.replay.dense_landmarks",
        "threedpain.generation.dataset.replay.DenseLandmarks",
        "threedpain.generation.morphs.save_animated",
    ),
    "Action units": (
        "threedpain.facs.ActionUnit",
        "threedpain.facs.pspi",
        "threedpain.facs.validate",
        "threedpain.expressions.sample_for_pspi",
        "threedpain.expressions.sample_other",
    ),
    "Data": (
        "threedpain.dataset_script.load.load",
        "threedpain.dataset_script.load.problems",
        "threedpain.schema.features",
        "threedpain.dataset_script.export.export",
    ),
    "Reading": (
        "threedpain.modeling.reading.reader.PainReader",
        "threedpain.modeling.reading.reader.Reading",
        "threedpain.modeling.reading.detectors.register",
        "threedpain.assets.weights",
    ),
    "Model": (
        "threedpain.modeling.vitpain.configuration_vitpain.ViTPainConfig",
        "threedpain.modeling.vitpain.modeling_vitpain.ViTPainModel",
        "threedpain.modeling.vitpain.modeling_vitpain.ViTPainOutput",
        "threedpain.modeling.vitpain.image_processing_vitpain.ViTPainImageProcessor",
    ),
    "Training and judging": (
        "threedpain.modeling.faces.faces.FaceSet",
        "threedpain.modeling.training.settings.TrainConfig",
        "threedpain.modeling.training.run.Run",
        "threedpain.modeling.evaluation.evaluate.evaluate",
        "threedpain.modeling.protocols.protocols.run",
    ),
    "Audit": (
        "threedpain.modeling.audit.audit.audit",
        "threedpain.modeling.audit.pictures.Plan",
    ),
    "Errors": (
        "threedpain.errors.ThreeDPainError",
        "threedpain.errors.InvalidInput",
        "threedpain.errors.MissingExtra",
        "threedpain.errors.MissingFile",
    ),
}  # fmt: skip
SHORT = {  # names that users import from the package itself
    "PainFacePipeline", "replay", "dense_landmarks", "pspi", "load", "features", "weights", "ViTPainConfig",
    "ViTPainModel", "ViTPainImageProcessor", "InvalidInput", "MissingExtra", "MissingFile", "ThreeDPainError",
}  # fmt: skip

Definition = ast.ClassDef | ast.FunctionDef


def python() -> str:
    """The page of public names."""
    parts = [
        "# Python",
        "Public names with the words of their source. Importing the package is light: what it names is loaded when "
        "first used.",
    ]
    for heading, names in PUBLIC.items():
        parts.append(f"## {heading}")
        parts += [_entry(name) for name in names]
    return "\n\n".join(parts) + "\n"


def commands() -> str:
    """The page of commands: every option with its words and default, as `--help` says them."""
    group = typer.main.get_command(cli.app)
    parts = [
        "# Commands",
        "Every command ends with 0, with 2 after a user's mistake (one sentence says which), with 130 when "
        "interrupted. `3dpain COMMAND --help` prints what stands here.",
    ]
    for name in COMMANDS:
        command = group.commands[name]
        parts += [f"## 3dpain {name}", command.help or "", "| option | what it is | default |\n|---|---|---|"]
        for one in command.params:
            parts[-1] += "\n" + _option(one)
    return "\n\n".join(parts) + "\n"


def columns() -> str:
    """The page of the dataset's columns, with the words of its card."""
    from threedpain import schema
    from threedpain.dataset_script.card import column_rows, kind_of

    images = schema.features("images", schema.TRUTHS)
    parts = [
        "# Columns",
        "What `3dpain generate` writes and `load_dataset` reads; [frames, units, signs](../frames.md) says what the "
        "numbers mean. Left and right are the subject's.",
        "## images and pairs",
        f"{', '.join(f'`{name}`' for name in schema.TRUTHS)} are there if `--truth` asked for them. `pairs` also has "
        "`neutral_image`, another photograph of the person at rest.",
        "| column | type | meaning |\n|---|---|---|\n" + "\n".join(column_rows(images)),
    ]
    for config in ("expressions", "identities", "videos"):
        found = schema.features(config)
        shared = [f"`{name}`" for name in found if name in images and name not in (*ACTION_UNITS, "PSPI")]
        more = " with one value a frame" if config == "videos" else ""
        parts += [
            f"## {config}",
            f"As above: {', '.join(shared)}, the action units and `PSPI`{more}. And:",
            "| column | type |\n|---|---|",
        ]
        parts[-1] += "".join(f"\n| `{name}` | {kind_of(found[name])} |" for name in found if name not in images)
    return "\n\n".join(parts) + "\n"


def action_units() -> str:
    """The page of action units: what FACS calls them, the muscles, the regions they may move."""
    parts = [
        "# Action units",
        "FACS intensities (Ekman, Friesen and Hager, 2002): 0 absent, 1 trace, 2 slight, 3 marked, 4 severe, 5 "
        f"maximum. The units of pain are {', '.join(PAIN_UNITS)}; PSPI (Prkachin and Solomon, 2008) adds them up: "
        "AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16. One-sided units are asked for as `AU12L` and "
        "`AU12R`, the subject's left and right.",
        "| unit | FACS calls it | muscles | may move | a side alone | up to |\n|---|---|---|---|---|---|",
    ]
    for unit in ACTION_UNITS.values():
        regions = ", ".join(unit.regions).replace("_", " ")
        parts[-1] += f"\n| `{unit.name}` | {unit.facs_name} | {'; '.join(unit.muscles)} | {regions} | "
        parts[-1] += f"{'yes' if unit.sided else 'no'} | {unit.maximum:g} |"
    return "\n\n".join(parts) + "\n"


def _option(one) -> str:
    default = getattr(one.default, "value", one.default)
    words = "none" if default is None or callable(default) else str(default)
    given = "required" if one.required else f"`{words}`" if words not in ("", "none") else words
    spelt = ", ".join(f"`{name}`" for name in one.opts) if one.opts[0].startswith("-") else f"`{one.name.upper()}`"
    return f"| {spelt} | {_cell(getattr(one, 'help', None) or '')} | {given} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _entry(dotted: str) -> str:
    module, name = dotted.rsplit(".", 1)
    node = _definitions(module)[name]
    where = f"from {'threedpain' if name in SHORT else module} import {name}\n\n"
    if isinstance(node, ast.FunctionDef):
        return f"### `{name}`\n\n{_code(f'{where}{name}{_signature(node)}')}\n\n{_prose(node)}"
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [f"### `{name}`", _code(where + (f"class {name}({bases})" if bases else f"class {name}")), _prose(node)]
    if fields := _fields(node, module):
        parts.append("| field | type | what it is |\n|---|---|---|\n" + "\n".join(fields))
    for method in node.body:
        public = isinstance(method, ast.FunctionDef) and (not method.name.startswith("_") or method.name == "__call__")
        if public and ast.get_docstring(method):
            decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
            value = decorators & {"property", "functools.cached_property", "cached_property"}
            called = f"{name}.{method.name}" if value else f"{name}.{method.name}{_signature(method)}"
            parts += [f"#### `{method.name}`", _code(called), _prose(method)]
    return "\n\n".join(part for part in parts if part)


@cache
def _definitions(module: str) -> dict[str, Definition]:
    tree = ast.parse(_file(module).read_text())
    return {node.name: node for node in tree.body if isinstance(node, Definition)}


def _file(module: str) -> Path:
    parts = module.split(".")[1:]
    base = ROOT if parts and parts[0] in ROOMS else ROOT / "threedpain"
    path = base.joinpath(*parts)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _signature(node: ast.FunctionDef) -> str:
    arguments = node.args
    for group in (arguments.posonlyargs, arguments.args):
        group[:] = [one for one in group if one.arg not in ("self", "cls")]
    back = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    text = f"({ast.unparse(arguments)}){back}"
    if len(text) < 90:
        return text
    parts = [ast.unparse(one) for one in _one_by_one(arguments)]
    return "(\n" + "".join(f"    {part},\n" for part in parts) + f"){back}"


def _one_by_one(arguments: ast.arguments) -> list[ast.arguments]:
    """Each parameter with its default as an argument list of its own, in order."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    found = [_alone(args=[one], defaults=[value] if value else []) for one, value in zip(plain, defaults, strict=True)]
    if arguments.vararg:
        found.append(_alone(vararg=arguments.vararg))
    elif arguments.kwonlyargs:
        found.append(_alone(args=[ast.arg("*")]))
    for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(_alone(args=[one], defaults=[value] if value else []))
    if arguments.kwarg:
        found.append(_alone(kwarg=arguments.kwarg))
    return found


def _alone(args=(), defaults=(), vararg=None, kwarg=None) -> ast.arguments:
    return ast.arguments([], list(args), vararg, [], [], kwarg, list(defaults))


def _fields(node: ast.ClassDef, module: str) -> list[str]:
    """A dataclass's fields with the string below each, or the comment beside it; none if they say nothing."""
    lines, found, told = _file(module).read_text().splitlines(), [], False
    for at, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or ast.unparse(statement.target).startswith("_"):
            continue
        below = node.body[at + 1] if at + 1 < len(node.body) else None
        text = ""
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            text = below.value.value
        elif "  # " in (line := lines[statement.end_lineno - 1]):
            text = line.split("  # ", 1)[1]
        given = ast.unparse(statement.value) if statement.value else "field("
        default = "" if given.startswith("field(") else f" = {given}"
        name = ast.unparse(statement.target)
        found.append(f"| `{name}` | `{_bar(ast.unparse(statement.annotation) + default)}` | {_cell(text)} |")
        told = told or bool(text) or bool(default)
    return found if told else []


def _bar(code: str) -> str:
    return code.replace("|", "\\|")


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


_ITEM = re.compile(r"([a-z_]\w*(?:, [a-z_]\w*)*): (.+)")


def _prose(node: Definition) -> str:
    """A docstring as Markdown: lines of the form `name: what it is`, under `Args:` or without it, become lists."""
    lines: list[str] = []
    item, headed = False, False  # within an item; below `Args:`, where items are indented
    for line in (ast.get_docstring(node) or "").splitlines():
        text = line.strip()
        if re.fullmatch(r"(Args|Returns|Raises):", line):
            lines += ["", f"**{line}**", ""]
            item, headed = False, True
        elif (found := _ITEM.fullmatch(text)) and line.startswith("    ") == headed and not line.startswith("     "):
            lines += [""] * (not item)
            lines.append(f"- {', '.join(f'`{name}`' for name in found[1].split(', '))}: {found[2]}")
            item = True
        elif item and line.startswith("    "):
            lines.append(f"  {text}")
        else:
            lines += [""] * (item and bool(text))
            lines.append(line)
            item, headed = False, False
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).replace("<", "&lt;").strip()
