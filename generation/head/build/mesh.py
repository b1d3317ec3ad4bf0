"""Meshes while the head is built: islands of quads, values spread smoothly over them, offsets as assets hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from threedpain.generation.geometry import quad_sides


def harmonic(quads: np.ndarray, fixed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values [V, 2] that are given at `fixed` and as smooth as can be on the other vertices of `quads`."""
    ends = np.unique(np.sort(quad_sides(quads), axis=1), axis=0)
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(values),) * 2).tocsr()
    graph = graph + graph.T
    laplacian = (sp.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph).tocsr()
    free = np.setdiff1d(np.unique(quads), fixed)
    reached = connected_components(graph)[1]
    free = free[np.isin(reached[free], reached[fixed])]
    out = values.copy()
    out[free] = spsolve(laplacian[free][:, free].tocsc(), -(laplacian[free][:, fixed] @ values[fixed]))
    return out


def islands(quads: np.ndarray) -> np.ndarray:
    """A label [Q] for each connected set of quads."""
    ends = quad_sides(quads)
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(quads.max() + 1,) * 2)
    return connected_components(graph, directed=False)[1][quads[:, 0]]


def packed(
    prefix: str, offsets: Iterable[np.ndarray], moved: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """Sparse offsets, each [V, 3], of the vertices that have `moved`, as int16 on one scale a component, as
    `model.sparse_offsets` reads them."""
    starts, rows, values, scales = [0], [], [], []
    for offset in offsets:
        chosen = np.flatnonzero(moved(offset))
        scale = max(float(np.abs(offset).max()), 1e-9) / 32767
        rows.append(chosen)
        values.append(np.round(offset[chosen] / scale))
        scales.append(scale)
        starts.append(starts[-1] + len(chosen))
    return {
        f"{prefix}_start": np.array(starts, np.int32),
        f"{prefix}_row": np.concatenate(rows).astype(np.uint16),
        f"{prefix}_value": np.concatenate(values).astype(np.int16),
        f"{prefix}_scale": np.array(scales, np.float32),
    }
