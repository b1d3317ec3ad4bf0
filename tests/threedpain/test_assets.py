"""Where weights and caches are, and what is said when they are not."""

import pytest

from threedpain import InvalidInput, MissingFile, assets, weights


def test_unknown_weights_list_the_known_ones():
    with pytest.raises(InvalidInput, match="unknown weights 'vitpane'; known are head, head-scan, texture, vitpain, "):
        weights("vitpane")


def test_missing_weights_say_where_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "WEIGHTS", tmp_path / "weights")
    with pytest.raises(MissingFile, match="the weights 'vitpain' are not in .*weights: install threedpain again"):
        weights("vitpain")


def test_shipped_weights_are_found_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "WEIGHTS", tmp_path)
    (tmp_path / "head.safetensors").write_bytes(b"")
    (tmp_path / "mine").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"")
    assert assets.shipped() == {"head": tmp_path / "head.safetensors", "mine": tmp_path / "mine"}
    assert weights("head") == weights("head.safetensors") == tmp_path / "head.safetensors"
    assert weights("mine").is_dir()


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "here"))
    assert assets.cache_dir() == tmp_path / "here" and assets.cache_dir().is_dir()
    monkeypatch.delenv("THREEDPAIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert assets.cache_dir() == tmp_path / "xdg" / "threedpain"


def test_shipped_weights_are_safetensors_and_within_their_budget():
    files = [path for path in assets.WEIGHTS.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npz", ".npy")]
    assert sum(path.stat().st_size for path in files) <= 80e6


def test_shipped_configs_name_no_path_of_the_machine_that_made_them():
    for file in assets.WEIGHTS.rglob("*.json"):
        assert '"/' not in file.read_text(), file
