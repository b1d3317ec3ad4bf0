"""The sampler: noise turned into a skin, in a few wide turns.

With v-prediction under the cosine schedule a latent at angle w is cos(w) skin + sin(w) noise and its derivative by w is
the velocity itself. Stepping in that angle (second order, Adams and Bashforth) keeps the spread of whatever the network
cannot foresee exactly, in any number of steps; solvers that step in log signal-to-noise lose a tenth of it in six.

Two steps are a rule of their own. Pure noise foretells nothing and a finished skin holds no noise, so the velocity is
about zero at both ends and needs no asking there; where between them to ask, and what each answer weighs, was fitted by
least squares to where 32 plain steps lead from the same noise (six people, seeds 11 to 16; in latents and in CIELAB
alike), as solvers made for one model are (Shaul et al. 2023, "Bespoke solvers for generative flow models").

This file ships in the model's folder: it imports only torch, and diffusers once `SkinScheduler` is asked for.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch

# Of two steps: the angle that the network is asked at, and the turns along its answer and along the one before.
TWO = ((1.4, 1.2, 0.0), (0.8, 0.878, -0.7))


class Step(NamedTuple):
    """What a step gives, with `return_dict` or without."""

    prev_sample: torch.Tensor


class Scheduler:
    """For networks that predict v at the timesteps 0 .. `num_train_timesteps` - 1 of the cosine schedule."""

    def __init__(self, num_train_timesteps: int = 1000):
        # Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models", equation 17.
        times = (k / num_train_timesteps for k in range(num_train_timesteps + 1))
        bars = [math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2 for t in times]
        betas = torch.tensor([min(1 - after / before, 0.999) for before, after in pairwise(bars)])
        self.alphas_cumprod = torch.cumprod(1 - betas, 0)
        self.angles = torch.arccos(self.alphas_cumprod.double().sqrt())  # of each timestep: 0 is skin, pi / 2 noise

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Steps from pure noise to no noise: `TWO`, or so many of about equal angle."""
        if num_inference_steps == 2:
            asked = torch.tensor([angle for angle, _, _ in TWO], dtype=torch.double)
            grid = (self.angles - asked[:, None]).abs().argmin(1)
            self.turns = [(own, former) for _, own, former in TWO]
        else:
            grid = torch.linspace(len(self.angles) - 1, 0, num_inference_steps + 1)[:-1].round().long()
            turns = (-torch.diff(self.angles[grid], append=torch.zeros(1))).tolist()
            bends = [0.0, *(turn * turn / (2 * before) for before, turn in pairwise(turns))]
            self.turns = [(turn + bend, -bend) for turn, bend in zip(turns, bends, strict=True)]
        self.timesteps = grid.to(device or "cpu")
        self.done, self.before = 0, None  # steps taken, velocity of the last one

    def step(
        self, model_output: torch.Tensor, timestep: torch.Tensor, sample: torch.Tensor, return_dict: bool = True
    ) -> Step:
        """The sample after the next turn. Steps are taken in the order of `timesteps`."""
        own, former = self.turns[self.done]
        turned = sample - own * model_output
        if self.before is not None:
            turned -= former * self.before
        self.done, self.before = self.done + 1, model_output
        return Step(turned)


def __getattr__(name: str) -> type:
    """`SkinScheduler`, the same as a scheduler of diffusers: made when asked for, importing that costs seconds."""
    if name != "SkinScheduler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from diffusers import ConfigMixin, SchedulerMixin
    from diffusers.configuration_utils import register_to_config

    class SkinScheduler(Scheduler, SchedulerMixin, ConfigMixin):
        order = 1
        init_noise_sigma = 1.0
        __init__ = register_to_config(Scheduler.__init__)

    return globals().setdefault(name, SkinScheduler)
