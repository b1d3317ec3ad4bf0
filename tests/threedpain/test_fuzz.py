"""Damaged files and odd words, by the hundred (slow: by the thousand): only our sentences come out, nothing else
happens. Every input follows from the seed and its number, so that a finding can be made again."""

import io
import sys

import av
import numpy as np
import pytest
from fuzzing import DEEPER, damaged, ours, watched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from threedpain import cli, clips, pictures
from threedpain.errors import ThreeDPainError
from threedpain.modeling.reading.photos import open_photo

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    # What a decoder warns of in a damaged file is no mistake of ours.
    pytest.mark.filterwarnings("ignore"),
]
FEW, MANY = 100, 900 * DEEPER  # damaged pictures of each kind
FEW_CLIPS, MANY_CLIPS = 40, 300 * DEEPER
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")


def picture(kind: str) -> bytes:
    ramp = np.linspace(0, 255, 40 * 56 * 3).reshape(40, 56, 3).astype(np.uint8)
    image = Image.fromarray(ramp)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a face"
    more = {"GIF": {"save_all": True, "append_images": [image.rotate(90)], "transparency": 3},
            "MPO": {"save_all": True, "append_images": [image]}}  # fmt: skip
    if kind == "GIF":
        image = image.convert("P")
    out = io.BytesIO()
    image.save(out, kind, **({"exif": exif} if kind not in ("GIF", "BMP") else {}), **more.get(kind, {}))
    return out.getvalue()


def fuzz_pictures(tmp_path, kind: str, count: int) -> int:
    whole, let_in = picture(kind), 0
    path = tmp_path / "photo.png"
    with watched(tmp_path):
        for number in range(count):
            rng = np.random.default_rng([20, KINDS.index(kind), number])
            path.write_bytes(damaged(whole, rng) if number else whole)  # the sound one is let in
            with ours(f"{kind} {number}"):
                photo = open_photo(path)
                assert photo.mode == "RGB" and min(photo.size) >= pictures.MIN_SIDE
                let_in += 1
    return let_in


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_pictures(tmp_path, kind):
    assert fuzz_pictures(tmp_path, kind, FEW) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_pictures(tmp_path, kind):
    assert fuzz_pictures(tmp_path, kind, MANY) > 0


def clip(path, codec: str, suffix: str) -> bytes:
    with av.open(str(path / f"whole.{suffix}"), "w") as out:
        stream = out.add_stream(codec, rate=10)
        stream.width = stream.height = 64
        for number in range(4):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 50 * number, np.uint8))))
        out.mux(stream.encode())
    return (path / f"whole.{suffix}").read_bytes()


def fuzz_clips(tmp_path, suffix: str, codec: str, count: int) -> None:
    whole = clip(tmp_path, codec, suffix)
    secret = tmp_path / f"whole.{suffix}"
    path = tmp_path / "clip.mp4"
    with watched(tmp_path, secret):
        for number in range(count):
            path.write_bytes(damaged(whole, np.random.default_rng([21, len(suffix + codec), number])))
            with ours(f"{suffix} {number}"):
                for _ in clips.frames(path, max_pixels=2_100_000, seconds=20):
                    pass


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mpeg4"), ("mkv", "mpeg4"), ("avi", "mpeg4")])
def test_damaged_clips(tmp_path, suffix, codec):
    fuzz_clips(tmp_path, suffix, codec, FEW_CLIPS)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mpeg4"), ("mkv", "mpeg4"), ("avi", "mpeg4")])
def test_many_damaged_clips(tmp_path, suffix, codec):
    fuzz_clips(tmp_path, suffix, codec, MANY_CLIPS)


# The command line: every word a user can get wrong, on commands that end before work begins.
WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["-1", "0", "1e400", "nan", "inf", "1" * 400, "/", "..", "/dev/full", "/proc/self/mem", "\x1b[2J",
                     "AU4=5", "AU4", "AU43=nan", "=", "==", "AU4=", "folder:", "unbc:/", "a/b", "x" * 5000,
                     "--json", "--", "-", "\udcff"]),
)  # fmt: skip
OPTIONS = {
    "face": ["--au", "--age", "--gender", "--ethnicity", "--yaw", "--fov", "--light", "--hair", "--out", "--device"],
    "clip": ["--au", "--seconds", "--fps", "--size", "--out", "--age"],
    "predict": ["--box", "--neutral", "--model", "--every", "--heatmap"],
    "evaluate": ["--conditions", "--by", "--model", "--split", "--shots", "--rounds", "--out"],
    "check": ["--replays", "--out"],
    "generate": [
        "--identities",
        "--views",
        "--size",
        "--seed",
        "--videos",
        "--truth",
        "--picture",
        "--head",
        "--workers",
    ],
    "train": ["--data", "--recipe", "--epochs", "--reference", "--loss", "--model"],
    "weights": ["--out"],
    "nothing": ["--x"],
}


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Work is refused where it would begin: what is tested is what comes before."""

    class Begun(ThreeDPainError):
        pass

    def begin(*_, **__):
        raise Begun("the work began")

    monkeypatch.setattr("threedpain.generation.dataset.generate.generate", begin)
    monkeypatch.setattr("threedpain.generation.pipeline.PainFacePipeline.from_pretrained", begin)
    monkeypatch.setattr("threedpain.generation.texture.aside.Aside", lambda *_: "flat")
    monkeypatch.setattr("threedpain.modeling.training.run.Run.fit", begin)
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def say_what(words: list[str], capfd) -> None:
    code = cli._run(words)
    _, err = capfd.readouterr()
    assert code in (0, 1, 2), (words, code, err)
    assert "Traceback" not in err and "\x1b" not in err, (words, err)
    if code == 2:
        assert err.strip().splitlines(), words


def commands(count: int):
    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip
    @given(st.sampled_from(sorted(OPTIONS)), st.data())
    def run(capfd, name, data):
        words = [name]
        if name in ("predict", "check", "train") and data.draw(st.booleans()):
            words.append(data.draw(WORDS))
        for option in data.draw(st.lists(st.sampled_from(OPTIONS[name]), max_size=4)):
            words += [option, data.draw(WORDS)]
        say_what(words, capfd)

    return run


def test_odd_commands(quick, capfd):
    commands(50)(capfd)


@pytest.mark.slow
def test_many_odd_commands(quick, capfd):
    commands(250 * DEEPER)(capfd)
