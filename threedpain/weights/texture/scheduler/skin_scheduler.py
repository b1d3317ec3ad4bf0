"""The sampler: noise turned into a skin, a few wide turns at a time.

With v-prediction under the cosine schedule a latent at angle w is cos(w) skin + sin(w) noise and its derivative by w is
the velocity itself. Stepping in that angle (second order, Adams and Bashforth) keeps the spread of whatever the network
cannot foresee exactly, in any number of steps; solvers that step in log signal-to-noise lose a tenth of it in six.

This file ships in the model's folder: it imports only torch and diffusers.
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, DDPMScheduler, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerOutput


class SkinScheduler(SchedulerMixin, ConfigMixin):
    """For networks that predict v at the timesteps 0 .. `num_train_timesteps` - 1 of the cosine schedule."""

    order = 1
    init_noise_sigma = 1.0

    @register_to_config
    def __init__(self, num_train_timesteps: int = 1000):
        self.alphas_cumprod = DDPMScheduler(num_train_timesteps, beta_schedule="squaredcos_cap_v2").alphas_cumprod
        self.angles = torch.arccos(self.alphas_cumprod.double().sqrt())  # of each timestep: 0 is skin, pi / 2 noise

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Steps of about equal angle, from pure noise to no noise."""
        grid = torch.linspace(self.config.num_train_timesteps - 1, 0, num_inference_steps + 1)[:-1].round().long()
        self.turns = -torch.diff(self.angles[grid], append=torch.zeros(1)).double()
        self.timesteps = grid.to(device or "cpu")
        self.done, self.before = 0, None  # steps taken, velocity of the last one

    def step(
        self, model_output: torch.Tensor, timestep: torch.Tensor, sample: torch.Tensor, return_dict: bool = True
    ) -> SchedulerOutput | tuple[torch.Tensor]:
        """The sample after the next turn. Steps are taken in the order of `timesteps`."""
        turn, slope = float(self.turns[self.done]), model_output
        if self.before is not None:
            slope = slope + turn / (2 * float(self.turns[self.done - 1])) * (slope - self.before)
        self.done, self.before = self.done + 1, model_output
        sample = sample - turn * slope
        return SchedulerOutput(prev_sample=sample) if return_dict else (sample,)
