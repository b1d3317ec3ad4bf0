"""The head and its rig in torch: gradients of vertices with respect to action units and identity parameters.

The same formulas as `motion.expression` (it shares `curve`, `field_weights`, `lids`, `lips` and `teeth` with it). A
person's regions (`localise`), range, resting face, the seat of their eyes, their lids at rest and how far their upper
teeth come down are held fixed; their shape coefficients and intensities are free.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from threedpain.errors import InvalidInput

from . import lids, lips, teeth
from .bust import Bust, LinearHead
from .lids import Lids
from .lips import Lips
from .motion import EYES_CLOSED, UNITS, curve, field_weights
from .teeth import Teeth

if TYPE_CHECKING:
    import torch


class DifferentiableFace:
    """A bust whose vertices are a torch function of its shape and of action units.

    `face(shape, units)` -> vertices [V, 3] in the order of `Bust.vertices`, head upright, gaze ahead. `shape` [S] are
    coefficients in the order of `Head.shape_names`, `units` [2, U] the left and right intensities in the order of
    `facs.ACTION_UNITS`; with the bust's own values it gives what `rig` gives.
    """

    def __init__(self, bust: Bust, dtype: torch.dtype | None = None, device: str = "cpu") -> None:
        import torch

        dtype = dtype or torch.float32
        self.bust, model = bust, bust.model
        if not isinstance(model, LinearHead):
            raise InvalidInput(
                f"{type(model).__name__} has no gradients by shape: its cage is not linear in the shape."
            )

        def tensor(array: np.ndarray) -> torch.Tensor:
            array = np.asarray(array)
            return torch.as_tensor(array, dtype=None if array.dtype.kind == "i" else dtype, device=device)

        def matrix(sparse) -> torch.Tensor:
            coo = sparse.tocoo()
            index = torch.as_tensor(np.stack([coo.row, coo.col]).astype(np.int64))
            with torch.sparse.check_sparse_tensor_invariants(False):  # said aloud: torch warns otherwise
                values = torch.as_tensor(coo.data, dtype=dtype)
                return torch.sparse_coo_tensor(index, values, coo.shape, device=device).coalesce()

        self._tensor, self._torch = tensor, torch
        eyes, own = model.eyes.copy(), np.asarray(bust.identity.shape, np.float32)
        average = model.cage.copy()
        average[model.teeth.upper] = (bust.cage - (model.shapes @ own).reshape(-1, 3))[model.teeth.upper]
        self._cage, self._basis = tensor(average), tensor(bust.basis)
        self._shapes, self._smooth = matrix(model.shapes), matrix(model.smoothing)
        eyes[:, :3] = bust.eye_centres - np.tensordot(own, model.shape_eyes, 1)[:, :3]  # as `lids.seated`
        self._eyes, self._shape_eyes = tensor(eyes), tensor(model.shape_eyes)
        self._ball = tensor(model.eyeballs(np.zeros((2, 3)), 1.0))
        self._lids = tuple(Lids(*(tensor(getattr(eye, f.name)) for f in fields(Lids))) for eye in bust.lids)
        self._lips = Lips(*(tensor(getattr(model.lips, f.name)) for f in fields(Lips)))
        self._teeth = Teeth(*(tensor(getattr(model.teeth, f.name)) for f in fields(Teeth)))
        self._rest, self._range = tensor(bust.rest), tensor(bust.range)
        self._closing = tensor(np.eye(len(UNITS))[EYES_CLOSED])

    def shape(self) -> torch.Tensor:
        """The bust's own coefficients [S]."""
        return self._tensor(self.bust.identity.shape)

    def __call__(self, shape: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        torch = self._torch
        moving = curve(torch, units).to(units.dtype) * (1 - self._closing) + units * self._closing
        moving = moving * self._range
        closure = 1 - (1 - self._rest[:, EYES_CLOSED]) * (1 - moving[:, EYES_CLOSED])
        weights = field_weights(torch, self.bust.model.action_names, (self._rest + moving)[None], [(0.0, 0.0)])[0]
        cage = self._cage + torch.mv(self._shapes, shape).reshape(-1, 3) + torch.tensordot(weights, self._basis, 1)
        eyes = self._eyes + torch.tensordot(shape, self._shape_eyes, 1)
        radius = eyes[:, 3].mean()
        surface = torch.sparse.mm(self._smooth, cage)
        moved = [
            lids.close(torch, surface[None], eye, eyes[side, :3], radius, closure[side, None])[0]
            for side, eye in enumerate(self._lids)
        ]
        for eye, points in zip(self._lids, moved, strict=True):
            surface = surface.index_put((eye.rows,), points)
        for side, eye in enumerate(self._lids):
            surface = surface.index_put((eye.lashes,), lids.hang(torch, surface, eye, eyes[side, :3]))
        rows = self._lips.rows
        heights = lips.part(torch, surface[None], self._lips)[0]
        surface = surface.index_put((rows, torch.ones_like(rows)), heights)
        rows = self._teeth.rows
        depths = teeth.behind(torch, surface, self._teeth)
        surface = surface.index_put((rows, torch.full_like(rows, 2)), depths)
        balls = eyes[:, None, :3] + radius * self._ball.reshape(2, -1, 3)
        return torch.concatenate([surface, balls.reshape(-1, 3)])
