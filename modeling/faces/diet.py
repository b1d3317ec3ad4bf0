"""What a run's pictures hold beyond what their set shows: shares of a batch, 0 for as the set is."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from threedpain.errors import InvalidInput


@dataclass(frozen=True)
class Diet:
    """What a reader must not lean on is made to vary.

    others: share of the pictures that show an expression other than pain; 0: as often as the set has them.
    strangers: share of the photographs given as reference that show somebody else, which teaches to distrust one.
    covered: share of the pictures under a hand, a mask, hair, a tube or a bar (see covers.py).
    tilted: share of the pictures turned by up to 45 degrees.
    small: share of the pictures seen from afar, their faces down to 24 pixels high.
    """

    others: float = 0.0
    strangers: float = 0.0
    covered: float = 0.0
    tilted: float = 0.0
    small: float = 0.0

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not (isinstance(share, (int, float)) and 0 <= share < 1):
                raise InvalidInput(f"diet: {name} is a share from 0 to below 1, got {share!r}")

    @classmethod
    def of(cls, shares: dict[str, float]) -> Diet:
        known = cls.__dataclass_fields__
        if unknown := sorted(set(shares) - set(known)):
            raise InvalidInput(f"diet knows {', '.join(known)}, not {', '.join(unknown)}")
        return cls(**shares)

    def weights(self, expression: np.ndarray, pain_weight: float, pspi: np.ndarray) -> np.ndarray:
        """How often each picture is drawn in an epoch [N], from its kind of expression [N] and PSPI [N]."""
        weight = np.where(pspi > 0, pain_weight, 1.0)
        other = expression == "other"
        if self.others and other.any() and not other.all():
            total = weight.sum()
            for group, share in ((other, self.others), (~other, 1 - self.others)):
                weight[group] *= share * total / weight[group].sum()
        return weight
