"""Figures of identities, head and rig: `python benchmarks/head.py [--identities 2500]`."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from scipy.spatial.distance import pdist, squareform

from threedpain import demographics, facs
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.regions_report import face_vertices
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.regions import inside
from threedpain.unit_regions import regions_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identities", type=int, default=2500, help="people of the plan's cells to compare")
    number, least = parser.parse_args().identities, 2 * len(demographics.CELLS)
    if number < least:
        parser.error(f"--identities is {number}: allowed are {least} and more, two of each cell")
    head = ScanHeadModel.load()
    forms(head, number)
    units(head)
    timings(head)


def forms(head: ScanHeadModel, number: int) -> None:
    """Spread of face form: every tenth face vertex at rest, without place and size, in millimetres.

    A balanced analysis of variance over the plan's cells (the age is the middle of its band): what age, gender and
    ethnicity explain as sums of their own effects are the cell's own traits; `beyond` is how much cells differ in
    everything else, less what chance alone gives means of so few people; `within` is how much people of a cell differ.
    """
    rows = face_vertices(head(sample_identity(0, head=head)))[::10]
    cells, points = [], []
    for index in range(number // len(demographics.CELLS) * len(demographics.CELLS)):
        cell = demographics.cell_of(index)
        low, high = demographics.AGE_GROUPS[cell[0]]
        person = sample_identity(index, age=(low + high) / 2, gender=cell[1], ethnicity=cell[2], head=head)
        cells.append(cell)
        points.append(1000 * head(person).vertices[rows])
    points, cells = np.array(points, np.float64), np.array(cells)
    points -= points.mean(axis=1, keepdims=True)
    sizes = np.sqrt((points**2).sum(axis=(1, 2), keepdims=True))
    points *= sizes.mean() / sizes
    points = (points - points.mean(axis=0)).reshape(len(points), -1)

    def means(labels):
        """Each person's own group's mean."""
        groups, index = np.unique(labels, return_inverse=True)
        return np.array([points[index == g].mean(axis=0) for g in range(len(groups))])[index]

    def spread(values) -> float:
        """Mean square a vertex."""
        return float((values**2).sum(axis=1).mean() / len(rows))

    traits = [means(cells[:, k]) for k in range(3)]
    own = means(["/".join(cell) for cell in cells])
    people = len(points) // len(demographics.CELLS)
    within = spread(points - own) * people / (people - 1)
    between = spread(own) - within / people
    beyond = max(spread(own - sum(traits)) - within / people * 40 / 50, 0)  # 10 of 50 means are spent on the traits
    print(
        f"form, {len(points)} people, rms a vertex: within cells {np.sqrt(within):.2f} mm; between cells "
        f"{np.sqrt(between):.2f} mm, of which age {np.sqrt(spread(traits[0])):.2f}, gender "
        f"{np.sqrt(spread(traits[1])):.2f}, ethnicity {np.sqrt(spread(traits[2])):.2f}, beyond these traits "
        f"{np.sqrt(beyond):.2f} mm"
    )
    distance = squareform(pdist(points.astype(np.float32)) / np.sqrt(len(rows)))
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    print(
        f"nearest neighbour: least {nearest.min():.2f}, median {np.median(nearest):.2f} mm rms a vertex; "
        f"median pair {np.median(distance):.2f} mm"
    )


def units(head: ScanHeadModel) -> None:
    """95th percentile inside and maximum outside the regions at intensity 5, worst of five people."""
    for unit, facts in facs.ACTION_UNITS.items():
        inner, leak = [], []
        for seed in range(5):
            bust = head(sample_identity(seed, head=head))
            rows, marks = face_vertices(bust), landmarks(bust.topology, bust.vertices)
            own = inside(regions_of(unit), bust.vertices[rows, :2], marks[:, :2])
            moved = 1000 * np.linalg.norm(rig(bust, {unit: facts.maximum}).vertices - bust.vertices, axis=1)[rows]
            inner.append(np.percentile(moved[own], 95))
            leak.append(moved[~own].max() / moved[own].max())
        print(f"{unit}: 95th percentile {min(inner):.1f} mm, outside {100 * max(leak):.1f} %")


def timings(head: ScanHeadModel) -> None:
    person = sample_identity(1, head=head)
    bust = head(person)
    mixed = {"AU4": 3, "AU6": 3, "AU9": 2, "AU43": 1, "AU25": 2}
    jobs = {
        "sample an identity": lambda: sample_identity(1, head=head),
        "bust": lambda: head(person),
        "expression": lambda: rig(bust, mixed),
        "expression and head pose": lambda: rig(bust, mixed, (20, 5, 0)),
    }
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
