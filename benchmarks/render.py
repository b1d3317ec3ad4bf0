"""Images per second of the renderer by picture size and stage, one process and one thread.

    python benchmarks/render.py [--sizes 128,256,512] [--people 6] [--texture embedded|flat]

Each person gets three expressions (neutral, two pains) in three views each, as in a set: their own hair, an outfit for
each kind of place, a light, background and turn of the head for each picture; one in ten wears glasses. Every picture
is encoded with its heatmap and mask. Skin sampling is timed apart and left out of the rate.
The second table shows how visibility grows with the number of triangles.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from contextlib import contextmanager

import numpy as np

from threedpain import expressions
from threedpain.generation.dataset.rows import setting
from threedpain.generation.dataset.writer import encode_picture, encode_png
from threedpain.generation.frames import to_ndc
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.render.raster.nearest import NO_TEST, nearest
from threedpain.generation.render.renderer import Renderer, metering
from threedpain.generation.render.shading.kernel import develop
from threedpain.generation.render.shading.model import tone_table
from threedpain.generation.render.surfaces import pose
from threedpain.generation.scene import background, sensor
from threedpain.generation.scene.posture import falls
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.texture import load_texture
from threedpain.generation.worn.choice import worn_by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="128,256,512", help="picture sizes, comma-separated")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0, help="of the first person")
    parser.add_argument("--texture", default="embedded", choices=("embedded", "flat"))
    arguments = parser.parse_args()
    model, texture = ScanHeadModel.load(), load_texture(arguments.texture)

    stages = (
        "head",
        "hair and clothes",
        "rig",
        "pose and shadows",
        "visibility",
        "background",
        "shading",
        "sensor",
        "truth",
        "encoding",
    )
    print(f"| size | images/s | {' | '.join(stages)} | skin |")
    print("|---:" * (len(stages) + 3) + "|")
    for size in map(int, arguments.sizes.split(",")):
        photograph(
            model, texture, arguments.seed + arguments.people, size, defaultdict(float)
        )  # compiled kernels loaded
        spent: dict[str, float] = defaultdict(float)
        pictures = sum(photograph(model, texture, arguments.seed + k, size, spent) for k in range(arguments.people))
        rate = pictures / sum(spent[s] for s in stages)
        cells = " | ".join(f"{1e3 * spent[stage] / pictures:.1f}" for stage in (*stages, "skin"))
        print(f"| {size} | {rate:.1f} | {cells} |", flush=True)
    print("\nColumns after the rate: milliseconds an image.\n")
    growth(model, arguments.seed)


def photograph(model: ScanHeadModel, texture, seed: int, size: int, spent: dict[str, float]) -> int:
    """All pictures of one person, stage by stage as Renderer.render takes them; the number of pictures."""

    @contextmanager
    def stage(name: str):
        start = time.process_time()
        yield
        spent[name] += time.process_time() - start

    renderer, pictures = Renderer(), 0
    rng = np.random.default_rng(seed)
    with stage("head"):
        identity = sample_identity(seed)
        bust = model(identity)
    with stage("skin"):
        maps = texture([identity])[0]
    worn = worn_by(seed, ("glasses",) if seed % 10 == 3 else ())
    for units in ({}, expressions.sample_for_pspi(6, rng), expressions.sample_for_pspi(12, rng)):
        for view in ("front", "left", "right"):
            scene, angles = setting(seed, f"pain_{len(units)}", view, size, 0)
            with stage("rig"):
                face = rig(bust, units, head_angles=angles)
            with stage("hair and clothes"):
                surfaces = renderer.surfaces(face, maps, scene.clothes, worn=worn, down=falls(scene.background.kind))
            with stage("pose and shadows"):
                posed = pose(surfaces, face, scene.light)
            with stage("visibility"):
                seen = renderer.look(posed, scene.camera)
            with stage("background"):
                behind = background.paint(scene.background, size, scene.light, scene.camera)
            with stage("shading"):
                light = renderer.radiance(seen, scene.light, behind)
                gain = (
                    scene.light.exposure * metering(identity.skin.tone) * np.asarray(scene.sensor.white_balance)
                ).astype(np.float32)
                image = develop(light, gain, tone_table())
            with stage("sensor"):
                image = sensor.apply(image, scene.sensor)
            with stage("truth"):
                sample = renderer.annotated(seen, image, regions=False)
            with stage("encoding"):
                encode_picture(sample.image)
                encode_png(sample.heatmap)
                encode_png(sample.mask)
            pictures += 1
    return pictures


def growth(model: ScanHeadModel, seed: int) -> None:
    """Visibility of a bald head at 2 x 512 samples, its triangles split again and again."""
    bust = model(sample_identity(seed))
    camera = sample_scene(seed, "front", 512).camera
    vertices, faces = bust.vertices, bust.topology.faces
    print("| triangles | visibility, ms |")
    print("|---:|---:|")
    for _ in range(3):
        placed = to_ndc(camera, vertices)
        placed[:, 2] = 1 / placed[:, 2]
        seconds = []
        for _ in range(3):
            winners, nearness = np.full((1024, 1024), -1, np.int32), np.zeros((1024, 1024), np.float32)
            start = time.process_time()
            nearest(placed, faces, len(faces), NO_TEST, winners, nearness)
            seconds.append(time.process_time() - start)
        print(f"| {len(faces):,} | {1e3 * min(seconds):.1f} |", flush=True)
        vertices, faces = split(vertices, faces)


def split(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Four triangles for each one."""
    ends = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, index = np.unique(ends, axis=0, return_inverse=True)
    a, b, c = faces.T
    ab, bc, ca = (len(vertices) + index.reshape(-1, 3)).T
    parts = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    middle = vertices[edges].mean(1).astype(np.float32)
    return np.concatenate([vertices, middle]), np.concatenate([np.stack(p, 1) for p in parts]).astype(np.int32)


if __name__ == "__main__":
    main()
