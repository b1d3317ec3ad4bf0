"""The command line's own behaviour: help, exit codes, one sentence on a mistake, weights, env."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import typer

from threedpain import InvalidInput, __version__, assets, cli
from threedpain.cli import arguments
from threedpain.schema import AU_COLUMNS


@pytest.fixture
def run(capfd):
    def run(*arguments):
        code = cli._run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def command(monkeypatch):
    """A command line of one command, `do`, whose body the test gives."""

    def command(body):
        app = typer.Typer()
        app.callback()(lambda: None)
        app.command("do")(body)
        monkeypatch.setattr(cli, "app", app)

    return command


def sentence(err):
    """The error is one line, no traceback."""
    assert err.count("\n") == 1 and "Traceback" not in err, err
    return err.strip()


def test_every_command_of_the_contract_is_there(run):
    code, out, _ = run("--help")
    assert code == 0
    for name in cli.COMMANDS:
        assert re.search(rf"\b{name}\b", out), name


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_option_has_a_help_line_and_long_name(name):
    command = typer.main.get_command(cli.app).commands[name]
    assert command.help
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, f"{name} {parameter.name}"
            if parameter.param_type_name == "option":
                assert any(option.startswith("--") for option in parameter.opts)


def test_version(run):
    assert run("--version") == (0, f"3dpain {__version__}\n", "")


def test_no_command_shows_the_help_and_exits_2(run):
    code, out, err = run()
    assert code == 2 and "Usage: 3dpain" in out + err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["weights", "--nonsense"], "No such option: --nonsense"),
        (["weights", "vitpane"], "unknown weights 'vitpane'; known are head, head-scan, texture, vitpain, "),
        (["compare", "--model", "a=b", "--out", "x", "--seed", "-1"], "Invalid value for '--seed'"),
        (["export", "3dpain", "--to", "coco", "--batch", "4"], "--batch belongs to --onnx"),
        (["check", "3dpain", "--replays", "-1"], "Invalid value for '--replays'"),
        (["convert", "v.ckpt", "--out", str(Path(__file__).parent)], "exists already: choose another --out"),
        (["face", "--size", "large"], "Invalid value for '--size'"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(run, words, text):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert text in sentence(err)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--au", "AU3=1"], "unknown action unit 'AU3'; known are AU1, AU2, AU4"),
        (["--au", "AU4=7"], "AU4 must be from 0 to 5, got 7"),
        (["--au", "AU4=nan"], "AU4 must be from 0 to 5, got nan"),
        (["--au", "AU4"], "an action unit is written as AU4=3, got 'AU4'"),
        (["--age", "12"], "age must be from 18 to 90 years, got 12"),
        (["--gender", "x"], "unknown gender 'x'; known are female, male"),
        (["--ethnicity", "x"], "unknown ethnicity 'x'; known are black, white"),
        (["--size", "8"], "size must be a whole number from 16 to 2048 pixels, got 8"),
        (["--out", "no-such-folder/face.png"], "the folder no-such-folder does not exist"),
    ],
)
def test_a_bad_face_is_refused_in_one_sentence_and_nothing_is_written(run, words, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("face", *words)
    assert (code, out) == (2, "")
    assert text in sentence(err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--epochs", "3"], "--epochs needs --protocol"),
        (["--age-group", "18-29"], "--age-group needs --protocol"),
        (["--protocol", "cv5", "--limit", "3"], "--limit does not go with --protocol"),
        (["--protocol", "cv5", "--render-aligned"], "--render-aligned does not go with --protocol"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(run, words, text, tmp_path):
    code, out, err = run("evaluate", "--out", tmp_path / "out", *words)
    assert (code, out) == (2, "") and text in sentence(err)


@pytest.mark.parametrize("words", [[], ["--host", "nobody.invalid"], ["--host", "a..b"]])
def test_a_demo_that_cannot_listen_says_so_before_it_loads_anything(run, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "threedpain.spaces.app", None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = run("demo", "--port", port, *words)
    host = words[1] if words else "127.0.0.1"
    assert (code, out) == (2, "") and f"cannot listen on {host}, port {port} (" in sentence(err)


def test_nothing_is_written_over_what_nobody_named(run, tmp_path, monkeypatch):
    """Two pictures under one name, a picture over the one that is read, labels over a table beside the film."""
    monkeypatch.chdir(tmp_path)

    def asked(**options):
        raise InvalidInput("it would have begun")

    monkeypatch.setattr("threedpain.PainFacePipeline.from_pretrained", asked)
    code, out, err = run("face", "--out", "a.png", "--heatmap", "b.png", "--neutral", "./a.png")
    assert (code, out) == (2, "") and "a.png is named twice: --out, --heatmap and --neutral are" in sentence(err)
    Path("photo.png").write_bytes(b"mine")
    code, out, err = run("predict", "photo.png", "--heatmap", "photo.png")
    assert (code, out) == (2, "") and "photo.png is named twice: --heatmap would replace" in sentence(err)
    Path("visit.csv").write_text("patient,day\n1,2\n")
    code, out, err = run("clip", "--out", "visit.mp4")
    assert (code, out) == (2, "") and "visit.csv holds no labels of a film" in sentence(err)
    Path("other.csv").mkdir()
    code, out, err = run("clip", "--out", "other.mp4")
    assert (code, out) == (2, "") and "other.csv is a folder" in sentence(err)
    assert Path("photo.png").read_bytes() == b"mine" and Path("visit.csv").read_text() == "patient,day\n1,2\n"
    Path("own.csv").write_text(",".join(["frame", "seconds", *AU_COLUMNS, "PSPI"]) + "\r\n0,0.0\n")
    assert "it would have begun" in run("clip", "--out", "own.mp4")[2], "labels of a former film are replaced"


def test_a_rehearsal_beside_a_face_changes_none_of_its_bytes():
    from threedpain import PainFacePipeline

    def picture(rehearsed):
        pipe = PainFacePipeline.from_pretrained(texture="flat", device="cpu")
        thread = threading.Thread(target=pipe.rehearse)
        if rehearsed:
            thread.start()
        face = pipe({"AU4": 3, "AU43": 1}, seed=5, size=64)
        if rehearsed:
            thread.join()
        return face.image.tobytes()

    assert picture(rehearsed=True) == picture(rehearsed=False)


def test_errors_at_the_boundary(run, command, tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path))

    def body(kind: str):
        raise {
            "ours": InvalidInput("age must be from 18 to 90 years, got 7"),
            "interrupt": KeyboardInterrupt(),
            "denied": PermissionError(errno.EACCES, "Permission denied", "/there"),
            "full": OSError(errno.ENOSPC, "No space left on device"),
            "bug": ZeroDivisionError("a bug"),
            "system": OSError(errno.EBADF, "Bad file descriptor"),
        }[kind]

    command(body)
    assert run("do", "ours") == (2, "", "age must be from 18 to 90 years, got 7\n")
    assert run("do", "interrupt") == (130, "", "interrupted\n")
    assert run("do", "denied") == (2, "", "Permission denied: /there\n")
    assert run("do", "full") == (2, "", "No space left on device: while writing\n")
    for kind, error in (("bug", "ZeroDivisionError: a bug"), ("system", "OSError: .*Bad file descriptor")):
        code, out, err = run("do", kind)  # not the user's mistake
        assert (code, out) == (70, "") and re.search(f"mistake of 3dpain, not yours .{error}", sentence(err))
        assert f"{error[:9]}" in (log := Path(err.rsplit(" log ")[-1].strip())).read_text()
        assert "Traceback" in log.read_text() and log.parent == tmp_path / "logs"


def test_a_sentence_does_not_steer_the_terminal(run, command):
    def body(name: str):
        raise InvalidInput(f"{name} does not exist")

    command(body)
    assert run("do", "a\x1b[2J\nb\udcff") == (2, "", "a\\x1b[2J\\nb\\udcff does not exist\n")


@pytest.mark.parametrize("words", [["face", "--out", ""], ["evaluate", "--conditions="], ["predict", ""]])
def test_an_empty_value_is_refused(run, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "") and "is empty; leave it out or give a value" in sentence(err)


def test_exit_codes_of_commands_pass_through(run, command):
    def body(code: int):
        raise typer.Exit(code)

    command(body)
    assert run("do", 3)[0] == 3 and run("do", 0)[0] == 0


def test_interrupt_of_the_process_exits_130(tmp_path):
    code = (
        "import time, typer\nfrom threedpain import cli\n"
        "app = typer.Typer(); app.callback()(lambda: None)\n"
        "def do(): print('ready', flush=True); time.sleep(60)\n"
        "app.command('do')(do); cli.app = app; cli.main(['do'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")


def test_a_closed_pipe_ends_quietly():
    line = f"{sys.executable} -m threedpain.cli env | head -1"
    process = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert process.stdout.splitlines() == [f"threedpain       {__version__}"] and process.stderr == ""


def test_env_names_versions_and_devices(run):
    code, out, err = run("env")
    assert code == 0 and err == ""
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["threedpain"] == __version__
    assert lines["python"] == ".".join(map(str, sys.version_info[:3]))
    import torch

    assert lines["torch"] == torch.__version__.split("+")[0] and "devices:" in lines["cuda"]
    assert {"datasets", "transformers", "pytorch3d", "cache", "cores"} <= set(lines)


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    folder = tmp_path / "weights" / "vitpain"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 1_500_000)
    (folder / "config.json").write_text("{}")
    (folder / "__pycache__").mkdir()
    (tmp_path / "weights" / "head.safetensors").write_bytes(b"y")
    monkeypatch.setattr(assets, "WEIGHTS", tmp_path / "weights")


def test_weights_are_listed_with_sizes(run, shipped):
    code, out, _ = run("weights", "--list")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()] == [["head", "0.00", "MB"], ["vitpain", "1.50", "MB"]]


def test_weights_are_copied_whole_and_never_over_something(run, shipped, tmp_path):
    out = tmp_path / "deep" / "copy"
    code, said, _ = run("weights", "vitpain", "--out", out)
    assert code == 0 and str(out) in said
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    code, said, err = run("weights", "vitpain", "--out", out)
    assert (code, said) == (2, "") and f"{out} exists already" in sentence(err)
    assert [path.name for path in out.parent.iterdir()] == ["copy"]
    assert run("weights", "head", "--out", tmp_path / "head")[0] == 0
    assert (tmp_path / "head" / "head.safetensors").read_bytes() == b"y"


def test_writable(tmp_path, monkeypatch):
    assert arguments.writable(tmp_path / "a.png") == tmp_path / "a.png"
    assert arguments.writable(tmp_path / "new" / "folder", folder=True) == tmp_path / "new" / "folder"
    assert not (tmp_path / "new").exists()
    file = tmp_path / "file"
    file.touch()
    assert arguments.writable(file) == file
    for path, folder, text in [
        (tmp_path, False, "is a folder; name a file"),
        (file, True, "is a file; name a folder"),
        (tmp_path / "no" / "a.png", False, "no does not exist"),
    ]:
        with pytest.raises(InvalidInput, match=text):
            arguments.writable(path, folder)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(InvalidInput, match=f"cannot write to {tmp_path}/a.png: no permission for {tmp_path}"):
        arguments.writable(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (["AU4=x"], "AU4 must be a number, got 'x'"),
        (["AU4=1", "au4=2"], "AU4 is given twice"),
        (["=3"], "unknown action unit"),
        (["AU12=1", "AU12L=2"], "AU12 and AU12L exclude each other"),
    ],
)
def test_action_units_of_the_command_line(pairs, text):
    assert arguments.action_units(["au4=3", "AU12L=0.5"]) == {"AU4": 3, "AU12L": 0.5}
    with pytest.raises(InvalidInput, match=text):
        arguments.action_units(pairs)


def test_a_missing_extra_names_the_pip_line():
    from threedpain import MissingExtra
    from threedpain.extras import need_extra

    need_extra("numpy", "dev")
    with pytest.raises(MissingExtra, match=r"this needs nonsense_x, .* pip install 'threedpain\[video\]'"):
        need_extra("nonsense_x", "video")
