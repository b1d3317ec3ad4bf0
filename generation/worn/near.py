"""The nearest vertices of points that move a little and are asked about again."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

THREE = 3
KEPT = 6  # candidates of a point: three, and what may take their place after a move of a fraction of a millimetre
LEAF = 64  # vertices in a leaf: for points centimetres away from a skin, half the time of the 16 that are usual
SURE = 1e-12  # metres: far above what rounding does to a distance, far below what a distance means


class Near:
    """`Near(tree).query(points)` is `tree.query(points, k=3)` to the bit, and cheap where little has moved.

    A vertex that was no candidate of a point, so at least as far as its last candidate, has come nearer by the point's
    move at most. While the third of the candidates is nearer than that, the three are among them. Whatever is not sure,
    equal distances too, is searched for.
    """

    def __init__(self, tree: cKDTree) -> None:
        self.tree, self.vertices = tree, np.asarray(tree.data)
        self._coarse = cKDTree(self.vertices, leafsize=LEAF, balanced_tree=False)
        self._points = np.empty((0, 3))  # float64 [N, 3], where the candidates of each were searched for
        self._near = np.empty((0, KEPT), np.int64)  # [N, KEPT], the candidates
        self._reach = np.empty(0)  # float64 [N], how far the last of them was then

    def query(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances and rows [N, 3] of the three vertices nearest to points [N, 3]: each time the same N, moved."""
        if len(self._points):
            away, near, sure = self._among_candidates(points)
        else:
            self._points, self._reach = np.empty((len(points), 3)), np.empty(len(points))
            self._near = np.empty((len(points), KEPT), np.int64)
            away, near = np.empty((len(points), THREE)), np.empty((len(points), THREE), np.int64)
            sure = np.zeros(len(points), bool)
        lost = np.flatnonzero(~sure)
        if len(lost):
            there, found = self._coarse.query(points[lost], k=KEPT)
            self._points[lost], self._near[lost], self._reach[lost] = points[lost], found, there[:, -1]
            away[lost], near[lost] = there[:, :THREE], found[:, :THREE]
            tied = lost[~_apart(there[:, : THREE + 1])]
            if len(tied):  # which comes first is the tree's own affair
                away[tied], near[tied] = self.tree.query(points[tied], k=THREE)
        return away, near

    def _among_candidates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances and rows [N, 3] of the nearest candidates, and of whom these are the nearest of all, [N]."""
        moved = np.linalg.norm(points - self._points, axis=1)
        x, y, z = (points[:, None] - self.vertices[self._near]).transpose(2, 0, 1)
        away = np.sqrt(x * x + y * y + z * z)  # summed in the order of the tree
        order = np.argsort(away, axis=1)[:, : THREE + 1]
        away = np.take_along_axis(away, order, axis=1)
        sure = (away[:, THREE - 1] < self._reach - moved - SURE) & _apart(away)
        return away[:, :THREE].copy(), np.take_along_axis(self._near, order[:, :THREE], axis=1), sure


def _apart(away: np.ndarray) -> np.ndarray:
    """Whether all of a row's rising distances [N, K] differ, [N]."""
    return np.diff(away, axis=1).min(axis=1) > SURE
