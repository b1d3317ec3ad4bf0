"""Figures of identities, head and rig: `python benchmarks/head.py [--identities 2500]`."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from scipy.spatial.distance import pdist, squareform

from threedpain import demographics, facs
from threedpain.generation.head import HeadModel
from threedpain.generation.identity import sample_identity
from threedpain.generation.rig import face_vertices, landmarks, rig
from threedpain.regions import inside, regions_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identities", type=int, default=2500, help="people of the plan's cells to compare")
    number = parser.parse_args().identities
    head = HeadModel.load()
    forms(head, number)
    units(head)
    timings(head)


def forms(head: HeadModel, number: int) -> None:
    """Spread of face form: every tenth face vertex at rest, without place and size, in millimetres."""
    rows = face_vertices(head(sample_identity(0)))[::10]
    cells, points = [], []
    for index in range(number):
        cell = demographics.cell_of(index)
        low, high = demographics.AGE_GROUPS[cell[0]]
        person = sample_identity(index, age=(low + high) / 2, gender=cell[1], ethnicity=cell[2])
        cells.append(demographics.CELLS.index(cell))
        points.append(1000 * head(person).vertices[rows])
    points, cells = np.array(points), np.array(cells)
    points -= points.mean(axis=1, keepdims=True)
    sizes = np.sqrt((points**2).sum(axis=(1, 2), keepdims=True))
    points *= sizes.mean() / sizes
    groups = [points[cells == c] for c in np.unique(cells)]
    means = np.array([group.mean(axis=0) for group in groups])
    within = np.mean([group.var(axis=0).sum(axis=1).mean() for group in groups])
    between = ((means - means.mean(axis=0)) ** 2).sum(axis=2).mean()
    distance = squareform(pdist(points.reshape(number, -1)) / np.sqrt(len(rows)))
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    print(f"form, {number} people, rms: within cells {np.sqrt(within):.2f} mm, between {np.sqrt(between):.2f} mm")
    print(f"nearest neighbour: least {nearest.min():.2f}, median {np.median(nearest):.2f} mm rms a vertex; "
          f"median pair {np.median(distance):.2f} mm")


def units(head: HeadModel) -> None:
    """95th percentile inside and maximum outside the regions at intensity 5, worst of five people."""
    for unit, facts in facs.ACTION_UNITS.items():
        inner, leak = [], []
        for seed in range(5):
            bust = head(sample_identity(seed))
            rows, marks = face_vertices(bust), landmarks(bust.topology, bust.vertices)
            own = inside(regions_of(unit), bust.vertices[rows, :2], marks[:, :2])
            moved = 1000 * np.linalg.norm(rig(bust, {unit: facts.maximum}).vertices - bust.vertices, axis=1)[rows]
            inner.append(np.percentile(moved[own], 95))
            leak.append(moved[~own].max() / moved[own].max())
        print(f"{unit}: 95th percentile {min(inner):.1f} mm, outside {100 * max(leak):.1f} %")


def timings(head: HeadModel) -> None:
    person = sample_identity(1)
    bust = head(person)
    mixed = {"AU4": 3, "AU6": 3, "AU9": 2, "AU43": 1, "AU25": 2}
    jobs = {"sample an identity": lambda: sample_identity(1), "bust": lambda: head(person),
            "expression": lambda: rig(bust, mixed), "expression and head pose": lambda: rig(bust, mixed, (20, 5, 0))}
    for name, job in jobs.items():
        job()
        spent = []
        for _ in range(40):
            start = time.process_time()
            job()
            spent.append(time.process_time() - start)
        print(f"{name}: CPU time median {1000 * statistics.median(spent):.2f} ms, least {1000 * min(spent):.2f} ms")


if __name__ == "__main__":
    main()
