"""The contract between the sampler and a latent diffusion model that is bound to a prompt."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from syncpano.choices import Gradient


class Denoiser(Protocol):
    """A frozen model under one prompt, one guidance scale and one noise schedule.

    # N windows, C latent channels, h w one window, H W the panorama, q pixels a cell of the decoder
    Latents are float32 outside; a model computes in its own dtype inside. Two text encoders, added
    conditioning and flow matching live behind `predict` and `foresee`: the sampler does not know.
    """

    @property
    def timesteps(self) -> Tensor:
        """The schedule from noise to image, one entry a step."""
        ...

    def predict(self, views: Tensor, t: Tensor, gradient: Gradient = "exact") -> Tensor:
        """N C h w -> N C h w: the model's output under classifier-free guidance.

        Args:
            gradient: what a backward pass sees. "exact" is both branches of the guidance, "cond"
                the conditional branch alone with factor 1, "x0" nothing (no Jacobian).
                The value does not depend on it.
        """
        ...

    def foresee(self, latent: Tensor, prediction: Tensor, t: Tensor) -> Tensor:
        """phi(x_t, t): the foreseen denoised observation x0, in the shape of `latent`."""
        ...

    def step(self, latent: Tensor, prediction: Tensor, t: Tensor) -> Tensor:
        """One scheduler step of the whole 1 C H W canvas from t to the next timestep.

        Called once a step and in order, so that solvers with memory keep one state for the canvas.
        """
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """N C h w -> N 3 q*h q*w clipped to [-1, 1], differentiable.

        The clipping is the reference's: overshoot neither counts nor has a gradient.
        """
        ...
