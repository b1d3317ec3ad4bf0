"""Build the panoramas: `python -m threedpain.generation.scene.build_panoramas --panoramas FOLDER --out FILE`.

FOLDER is the unpacked npm package @pmndrs/assets 1.7.0 (CC0-1.0; photographs of Poly Haven), whose hdri/*.exr.js hold
EXR files as base64. Reading these needs the package OpenEXR (`pip install OpenEXR`), here alone.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from threedpain.errors import InvalidInput, MissingExtra, ThreeDPainError
from threedpain.limits import PANORAMAS
from threedpain.schema import KEY_LIGHTS

from .light import COSINE_BAND, sh_basis
from .panorama import FORMAT, LUMINANCE, PARTS, directions

HEIGHT, WIDTH = 128, 256  # stored; finer than this nothing is out of focus
BRIGHT = 6.0  # times the mean luminance: what is brighter is a lamp
CONE = 20.0  # degrees around its middle that belong to one lamp
LEAST = 0.02  # share of all light below which a lamp stays in the harmonics
BLOCK = 8  # pixels: the codec's blocks
DAZZLED = 0.05, 8.0  # share of a channel's light in one block, and its lead on the weakest channel, that no lamp has


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panoramas", type=Path, required=True, help="the unpacked npm package @pmndrs/assets")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args()
    try:
        asset = build({name: read(options.panoramas, name) for name in PANORAMAS})
    except ThreeDPainError as problem:
        parser.error(str(problem))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(asset)
    print(f"{options.out}: {len(asset) / 1e6:.2f} MB, sha256 {hashlib.sha256(asset).hexdigest()}")


def read(folder: Path, name: str) -> np.ndarray:
    """Linear radiance float64 [H, W, 3] of one panorama of the package."""
    for path in (folder / "hdri" / f"{name}.exr.js", folder / f"{name}.exr.js"):
        if path.is_file():
            return decode(embedded(path.read_text()))
    raise InvalidInput(f"{folder} has no hdri/{name}.exr.js: give the unpacked npm package @pmndrs/assets 1.7.0")


def embedded(script: str) -> bytes:
    """The file that a script of the package holds as a base64 address."""
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", script)
    try:
        return base64.b64decode(found[1] if found else "", validate=True)
    except binascii.Error as problem:
        raise InvalidInput(f"the script holds no base64 file: {problem}") from problem


def decode(file: bytes) -> np.ndarray:
    try:
        import OpenEXR
    except ImportError as missing:
        raise MissingExtra("building panoramas needs OpenEXR, which is not installed: pip install OpenEXR") from missing
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panorama.exr"
        path.write_bytes(file)
        with OpenEXR.File(str(path)) as opened:
            return np.asarray(opened.channels()["RGB"].pixels, np.float64)


def build(pictures: Mapping[str, np.ndarray]) -> bytes:
    """The asset of panoramas [H, W, 3], W = 2 H: each as light and as a picture, its mean radiance measured before."""
    parts: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    for picture in pictures.values():
        whole = mended(picture)
        whole = whole / (LUMINANCE @ mean(whole))
        environment, keys = split(whole)
        parts["picture"].append(reduced(whole).astype(np.float16))
        parts["environment"].append(environment.astype(np.float32))
        parts["keys"].append(keys.astype(np.float32))
        parts["mean"].append(mean(whole).astype(np.float32))
    tensors = {key: np.stack(values) for key, values in parts.items()}
    digest = hashlib.sha256(b"".join(tensors[key].tobytes() for key in sorted(tensors)))
    facts = {
        "format": FORMAT,
        "names": list(pictures),
        "licence": "CC0-1.0 (photographs of Poly Haven, as distributed with @pmndrs/assets 1.7.0)",
        "sha256": digest.hexdigest(),
    }
    return save(tensors, metadata={"panoramas": json.dumps(facts)})  # one entry: several come in any order


def mended(picture: np.ndarray) -> np.ndarray:
    """A panorama without what its making left around the brightest lamps, [H, W, 3], nowhere negative.

    Resizing and the codec overshoot beside a lamp: negative values are raised to 0 and what that adds is taken from
    the same block. Where a sun kept one channel alone, all channels get it: sunlight is nearly white.
    """
    height, width = picture.shape[:2]
    blocks = picture.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).swapaxes(1, 2).astype(np.float64)
    total, raised = blocks.sum((2, 3), keepdims=True), np.maximum(blocks, 0)
    kept = raised * np.maximum(total, 0) / np.maximum(raised.sum((2, 3), keepdims=True), 1e-12)
    light = (kept.swapaxes(1, 2).reshape(height, width, 3) * solid_angle(height, width)[..., None]).reshape(
        height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3
    )
    share = light.sum((1, 3))
    least, lead = DAZZLED
    dazzled = (share.max(-1) > lead * share.min(-1)) & ((share / share.sum((0, 1))).max(-1) > least)
    for row, column in np.argwhere(dazzled):
        kept[row, column] = kept[row, column][..., share[row, column].argmax(), None]
    return kept.swapaxes(1, 2).reshape(height, width, 3)


def split(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A panorama of mean luminance 1 as harmonics [9, 3] of irradiance / pi and lamps [KEY_LIGHTS, 7].

    A lamp's row: direction, colour, softness as in `records.KeyLight`; one that is not there has the colour 0. What a
    lamp holds above BRIGHT is taken from the picture, so that no light is counted twice.
    """
    angle, toward = solid_angle(*picture.shape[:2]), sky(*picture.shape[:2])
    rest, keys = picture.copy(), np.zeros((KEY_LIGHTS, 7))
    keys[:, 2], keys[:, 6] = 1.0, 1.0
    for number in range(KEY_LIGHTS):
        luminance = rest @ LUMINANCE
        excess = np.maximum(luminance - BRIGHT, 0) * angle
        lamp = _lamp(toward, excess)
        if lamp is None or excess[lamp].sum() < LEAST * 4 * np.pi:
            break
        share = excess[lamp] / (luminance[lamp] * angle[lamp])  # of these pixels' light
        energy = (rest[lamp] * (share * angle[lamp])[:, None]).sum(0)
        middle = (toward[lamp] * excess[lamp][:, None]).sum(0)
        middle /= np.linalg.norm(middle)
        away = np.degrees(np.arccos(np.clip(toward[lamp] @ middle, -1, 1)))
        spread = np.sqrt((excess[lamp] * away**2).sum() / excess[lamp].sum())
        softness = min(0.1 + spread / 15, 1.0)  # a sun is hard, a window of a quarter of a right angle very soft
        # `light.irradiance` spreads a key by half its softness, which adds to its mean over all normals.
        keys[number] = [*middle, *(energy / (np.pi * (1 + 0.5 * softness))), softness]
        rest[lamp] *= (1 - share)[:, None]
    basis = sh_basis(toward).reshape(-1, 9)
    moments = basis.T @ (rest * angle[..., None]).reshape(-1, 3)
    return moments * COSINE_BAND[:, None], keys


def _lamp(toward: np.ndarray, excess: np.ndarray) -> np.ndarray | None:
    """Where the strongest lamp is, bool [H, W]: the cone that holds most of the excess; None in a place without."""
    bright = np.argwhere(excess > 0)
    if not len(bright):
        return None
    places = toward[bright[:, 0], bright[:, 1]].astype(np.float32)
    amount = excess[bright[:, 0], bright[:, 1]]
    edge = np.cos(np.radians(CONE))
    middles = places[np.argsort(-amount, kind="stable")[:400]]
    best = middles[((middles @ places.T > edge) * amount).sum(1).argmax()]
    return (toward @ best > edge) & (excess > 0)


def reduced(picture: np.ndarray) -> np.ndarray:
    """The picture [HEIGHT, WIDTH, 3] whose pixels hold the mean radiance of those they replace."""
    down, across = picture.shape[0] // HEIGHT, picture.shape[1] // WIDTH
    angle = solid_angle(*picture.shape[:2])[..., None]
    shape = (HEIGHT, down, WIDTH, across, -1)
    return (picture * angle).reshape(shape).sum((1, 3)) / angle.reshape(shape).sum((1, 3))


def mean(picture: np.ndarray) -> np.ndarray:
    """Mean radiance over the sphere [3]: the integral of a panorama [H, W, 3] by 4 pi."""
    return (picture * solid_angle(*picture.shape[:2])[..., None]).sum((0, 1)) / (4 * np.pi)


def solid_angle(height: int, width: int) -> np.ndarray:
    """Steradians of each pixel [H, W]; exact, 4 pi together."""
    edges = np.cos(np.linspace(0, np.pi, height + 1))
    return np.repeat((edges[:-1] - edges[1:])[:, None] * (2 * np.pi / width), width, axis=1)


def sky(height: int, width: int) -> np.ndarray:
    """Unit vectors [H, W, 3] of a panorama's pixels in the head frame, unturned."""
    azimuth, elevation = np.meshgrid(
        (np.arange(width) + 0.5) / width * 360, 90 - (np.arange(height) + 0.5) / height * 180
    )
    return directions(azimuth, elevation)


if __name__ == "__main__":
    main()
