"""A latent diffusion model under one prompt: guidance, noise schedule, temperature.

# N windows, C latent channels, h w one window, H W the panorama, f the VAE factor, L text tokens
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from syncpano.choices import Gradient
from syncpano.models.schedulers import Solver, foresee


class BoundDiffusion:
    """The `Denoiser` of one prompt; made by `LatentDiffusion.bind`.

    Args:
        predict_raw: views N C h w, t, embeds N L d -> the model's raw output N C h w.
        new_solver: makes the noise schedule, set to its steps; solvers remember a run's last ones.
        embeds: 2 L d, negative and positive.
        decode: N C h w -> N 3 q*h q*w, through the gradient's decoder of factor q, not clipped.
    """

    def __init__(
        self,
        predict_raw: Callable[[Tensor, Tensor, Tensor], Tensor],
        new_solver: Callable[[], Solver],
        embeds: Tensor,
        guidance_scale: float,
        decode: Callable[[Tensor], Tensor],
        guided_share: float,
        temperature: float,
    ) -> None:
        self._predict_raw = predict_raw
        self._new_solver = new_solver
        self._solver = new_solver()
        self._embeds = embeds
        self._guidance_scale = guidance_scale
        self._decode = decode
        self._guided = round(guided_share * len(self._solver.timesteps))  # steps
        self._temperature = temperature

    @property
    def timesteps(self) -> Tensor:
        """The schedule from noise to image, one entry a step; on the CPU."""
        return self._solver.timesteps  # type: ignore[no-any-return]

    def predict(self, views: Tensor, t: Tensor, gradient: Gradient = "exact") -> Tensor:
        """N C h w -> N C h w: the guided output; `gradient` as in `Denoiser.predict`."""
        if gradient == "x0":
            with torch.no_grad():
                return self._predict(views, t)
        if gradient == "cond" and self.guides(t) and torch.is_grad_enabled():
            conditional = self._branch(views, t, 1)
            with torch.no_grad():
                negative = self._branch(views, t, 0)
                offset = (self._guidance_scale - 1) * (conditional - negative)
            return conditional + offset
        return self._predict(views, t)

    def guides(self, t: Tensor) -> bool:
        """Whether the prediction at this timestep takes both branches."""
        step = int((self.timesteps > t).sum())
        return self._guidance_scale != 1 and step < self._guided

    def foresee(self, latent: Tensor, prediction: Tensor, t: Tensor) -> Tensor:
        """phi(x_t, t): the foreseen denoised observation, in the shape of `latent`."""
        return foresee(self._solver, latent, prediction, t)

    def step(self, latent: Tensor, prediction: Tensor, t: Tensor) -> Tensor:
        """One solver step of the 1 C H W canvas; a new run starts at the first timestep.

        Low-temperature sampling: after the step, noise shrinks by temperature ** (the step's share
        of the schedule). A small model leaves noise behind that belongs to nothing.
        """
        if int(t) == int(self._solver.timesteps[0]):
            self._solver = self._new_solver()
        stepped: Tensor = self._solver.step(prediction, t, latent, return_dict=False)[0]
        following = self._solver.timesteps[self._solver.timesteps < t]
        if self._temperature == 1 or not len(following):
            return stepped
        share = float(t - following[0]) / self._solver.config.num_train_timesteps
        alpha: Tensor = self._solver.alphas_cumprod[int(following[0])]  # abar of the next step
        signal = alpha.sqrt() * self.foresee(latent, prediction, t)
        cooled: Tensor = signal + self._temperature**share * (stepped - signal)
        return cooled

    def add_noise(self, latent: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """z_0 and unit noise -> z_t, in the shape of `latent`; for Blended Latent Diffusion."""
        alpha: Tensor = self._solver.alphas_cumprod[int(t)]  # abar_t
        return alpha.sqrt() * latent + (1 - alpha).sqrt() * noise

    def decode(self, latent: Tensor) -> Tensor:
        """N C h w -> N 3 q*h q*w clipped to [-1, 1], through the gradient's decoder of factor q."""
        return self._decode(latent).clamp(-1, 1)

    def _predict(self, views: Tensor, t: Tensor) -> Tensor:
        if not self.guides(t):
            return self._branch(views, t, 1)
        embeds = self._embeds.repeat_interleave(len(views), dim=0)  # 2N L d
        both = self._predict_raw(torch.cat([views, views]), t, embeds)
        negative, conditional = both.chunk(2)
        return negative + self._guidance_scale * (conditional - negative)

    def _branch(self, views: Tensor, t: Tensor, index: int) -> Tensor:
        embeds = self._embeds[index : index + 1].expand(len(views), -1, -1)
        return self._predict_raw(views, t, embeds)
