"""The command `3dpain`: one thin door a command in `threedpain/cli/<command>.py`, and one boundary for errors.

A command module defines `command(...)`, typed, and imports its room only inside: `3dpain --help` loads no torch. Exit
codes: 0; 2 for a user's mistake, told in one sentence on stderr; 70 for a mistake of this program, whose traceback
goes to a log that the sentence names; 130 on interrupt.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import typer

from threedpain import __version__
from threedpain.assets import cache_dir
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
    "calibrate",
    "export",
    "convert",
    "weights",
    "publish",
    "demo",
    "env",
)

# New objects after which garbage is looked for. Importing torch and transformers makes millions that stay: the usual
# number, 700, costs them a tenth more time.
GARBAGE = 50_000

# What the system refuses on a user's path or disk, as opposed to a mistake in this program.
_USER_ERRNO = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ELOOP,
    errno.ETXTBSY,
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
    gc.set_threshold(GARBAGE)
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    gc.freeze()  # the system takes back all memory at once: looking for garbage on the way out takes most of a second
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    for number, word in enumerate(arguments):
        if not word or (word.startswith("--") and word.endswith("=")):
            name = word or (arguments[number - 1] if number else "an argument")
            return _say(f"{name.rstrip('=')} is empty; leave it out or give a value", 2)
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="3dpain", standalone_mode=False)
        return _say("interrupted", 130) if code == 130 else code or 0  # typer turns an interrupt into this number
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except typer.TyperException as mistake:  # of the command line itself
        return _say(" ".join(mistake.format_message().split()) or "a command is needed; see 3dpain --help", 2)
    except ThreeDPainError as mistake:
        return _say(str(mistake), 2)
    except BrokenPipeError:  # whoever read the answer has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as mistake:
        if mistake.errno not in _USER_ERRNO:
            return _our_mistake(mistake)
        where = mistake.filename if isinstance(mistake.filename, str) else "while writing"
        return _say(f"{mistake.strerror}: {where}", 2)
    except Exception as mistake:
        return _our_mistake(mistake)


def _our_mistake(mistake: Exception) -> int:
    """One sentence for the user, and the traceback in a file for those who mend it."""
    what = f"{type(mistake).__name__}: {' '.join(str(mistake).split())}"
    try:
        log = _log_folder() / f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        log.write_text(f"3dpain {__version__}\n" + "".join(traceback.format_exception(mistake)), errors="replace")
        where = f"please report it with the log {log}"
    except OSError:
        where = "no log could be written"
    return _say(f"this is a mistake of 3dpain, not yours ({what[:200]}); {where}", 70)


def _log_folder() -> Path:
    """The cache's, or the system's folder for temporary files where there can be no cache."""
    try:
        folder = cache_dir() / "logs"
        folder.mkdir(exist_ok=True)
    except (OSError, RuntimeError):  # no home
        folder = Path(tempfile.gettempdir())
    return folder


def _say(sentence: str, code: int) -> int:
    """Print a sentence as one line; what is in it may come from a file's name, so nothing in it steers the terminal."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in sentence)
    typer.echo(plain.encode(errors="backslashreplace").decode(), err=True)
    return code
