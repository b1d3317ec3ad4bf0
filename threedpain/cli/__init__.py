"""The command `3dpain`: one thin door a command in `threedpain/cli/<command>.py`, and one boundary for errors.

A command module defines `command(...)`, typed, and imports its room only inside: `3dpain --help` loads no torch. Exit
codes: 0; 2 for a user's mistake, told in one sentence on stderr; 130 on interrupt.
"""

from __future__ import annotations

import errno
import gc
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

from threedpain import __version__
from threedpain.errors import ThreeDPainError

COMMANDS = (
    "generate",
    "face",
    "clip",
    "check",
    "train",
    "evaluate",
    "audit",
    "compare",
    "predict",
    "convert",
    "weights",
    "publish",
    "demo",
    "env",
)

# What the system refuses on a user's path or disk, as opposed to a mistake in this program.
_USER_ERRNO = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}

app = typer.Typer(
    name="3dpain",
    help="Faces in pain with exact labels, and ViTPain, which learns to read them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"3dpain {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Faces in pain with exact labels, and ViTPain, which learns to read them."""


for _name in COMMANDS:
    if find_spec(f"{__name__}.{_name}"):
        app.command(_name)(import_module(f"{__name__}.{_name}").command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends by SystemExit."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("threedpain").setLevel(logging.INFO)
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    gc.freeze()  # the system takes back all memory at once: looking for garbage on the way out takes most of a second
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="3dpain", standalone_mode=False)
        return _say("interrupted", 130) if code == 130 else code or 0  # typer turns an interrupt into this number
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except typer.TyperException as mistake:  # of the command line itself
        return _say(" ".join(mistake.format_message().split()) or "a command is needed; see 3dpain --help", 2)
    except ThreeDPainError as mistake:
        return _say(str(mistake), 2)
    except OSError as mistake:
        if mistake.errno not in _USER_ERRNO:
            raise
        return _say(f"{mistake.strerror}: {mistake.filename or 'while writing'}", 2)


def _say(sentence: str, code: int) -> int:
    typer.echo(sentence, err=True)
    return code
