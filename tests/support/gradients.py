"""Whether the gradients of a face, by action units and by shape, are those of finite differences."""

import torch

from threedpain.generation.head.differentiable import DifferentiableFace
from threedpain.generation.head.motion import UNITS, intensities
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.seeds import child


def check(head, units: dict[str, float], shapes: list[int]) -> None:
    """Of 120 places of one person of `head` acting `units`, by four units and by these `shapes`; in mm."""
    face = DifferentiableFace(head(sample_identity(3, head=head)), torch.float64)
    acting = torch.tensor(intensities(units))
    rows = torch.tensor(child(0, "rows").choice(head.skin_count, 120, replace=False))
    chosen = [UNITS.index(unit) for unit in ("AU4", "AU43", "AU12", "AU25")]

    def of_units(values):
        changed = acting.clone()
        changed[:, chosen] = values
        return 1000 * face(face.shape(), changed)[rows]

    def of_shape(values):
        return 1000 * face(face.shape().index_add(0, torch.tensor(shapes), values), acting)[rows]

    start = acting[:, chosen].clone().requires_grad_()
    assert torch.autograd.gradcheck(of_units, (start,), eps=1e-5, atol=1e-4, fast_mode=True)
    zero = torch.zeros(len(shapes), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(of_shape, (zero,), eps=1e-6, atol=1e-4, fast_mode=True)
