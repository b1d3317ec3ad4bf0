"""The modules whose types are not checked, or not strictly: a list that may only shrink."""

import configparser

import typed

MOST = {"strict_equality": 11, "ignore_errors": 88}  # lower these when a module leaves a list


def exceptions(option: str) -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(typed.ROOT / "mypy.ini")
    found = [name for name in parser.sections() if name != "mypy" and list(parser[name]) == [option]]
    return [module for name in found for module in name.removeprefix("mypy-").split(",")]


def test_the_exceptions_only_shrink():
    for option, most in MOST.items():
        assert len(exceptions(option)) <= most, f"{option}: {len(exceptions(option))} modules, {most} were allowed"


def test_exceptions_are_modules_that_exist():
    typed.plant()
    known = set(typed.names())
    lost = [name for option in MOST for name in exceptions(option) if name not in known]
    assert not lost, f"mypy.ini names {', '.join(lost)}"


def test_whatever_reads_and_writes_data_is_in_a_list():
    """A new module of these rooms is checked strictly: it is named in mypy.ini, or nothing checks its definitions."""
    typed.plant()
    text = (typed.ROOT / "mypy.ini").read_text()
    listed = {name for line in text.splitlines() if line.startswith("[mypy-") for name in line[6:-1].split(",")}
    missing = [name for name in typed.names() if typed.strict(name) and name not in listed]
    assert not missing, f"run `python tests/support/typed.py --new`, which names {', '.join(missing)}"
