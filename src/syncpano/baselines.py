"""The baseline that is no special case of the sampler: Blended Latent Diffusion.

# C latent channels, h w one window, H W the panorama

MultiDiffusion is `sampler.sample` without weights, and independent windows are the same with the
windows side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from syncpano.machine import now
from syncpano.models.denoiser import Denoiser
from syncpano.montage import crop, paste
from syncpano.sampler import StepReport, check_finite
from syncpano.windows import Grid, Window


class NoisingDenoiser(Denoiser, Protocol):
    """A denoiser that can also go forward: from a clean latent to a noisy one."""

    def add_noise(self, latent: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """z_0, unit noise -> z_t, in the shape of `latent`."""
        ...


@torch.no_grad()
def bld(
    latent: Tensor,
    denoiser: NoisingDenoiser,
    grid: Grid,
    *,
    report: Callable[[StepReport], None] = lambda _: None,
) -> Tensor:
    """z_T (1 C H W, float32) -> z_0 by extrapolation from the centre window to both sides.

    Every window runs the whole schedule. Its known cells are set to the known latent, noised to
    the step's level, before each step, and to the known latent itself at the end; the rest of it
    starts as z_T. A run of k windows makes k times as many steps as the schedule has, numbered
    on. Source: Blended Latent Diffusion (Avrahami et al., SIGGRAPH 2023), Alg. 1, with the mask of
    an extension.

    Args:
        grid: its windows are grown one after the other, the first one from nothing
            (`extension_windows`).

    Raises:
        SyncPanoError: a latent is NaN or infinite; the message names the step.
    """
    canvas = latent.clone()  # known cells hold z_0, the others z_T
    known = torch.zeros_like(latent[:, :1], dtype=torch.bool)  # 1 1 H W
    for index, window in enumerate(grid.windows):
        held = crop(known, [window])  # 1 1 h w
        first = index * len(denoiser.timesteps)
        cells = _grow(canvas, held, latent, window, denoiser, first, report)
        paste(canvas, cells, window)
        paste(known, torch.ones_like(held), window)
    return canvas


def _grow(
    canvas: Tensor,
    held: Tensor,
    noise: Tensor,
    window: Window,
    denoiser: NoisingDenoiser,
    first: int,
    report: Callable[[StepReport], None],
) -> Tensor:
    """1 C h w: one window run through the whole schedule around its held cells (1 1 h w)."""
    content = crop(canvas, [window])  # z_0 where held
    own_noise = crop(noise, [window])
    view = own_noise
    for step, t in enumerate(denoiser.timesteps):
        started = now(noise.device)
        view = torch.where(held, denoiser.add_noise(content, own_noise, t), view)
        prediction = denoiser.predict(view, t)
        foreseen = canvas.clone()
        paste(foreseen, denoiser.foresee(view, prediction, t), window)
        view = denoiser.step(view, prediction, t)
        check_finite(view, first + step)
        seconds = now(noise.device) - started
        report(StepReport(first + step, float(t), foreseen, denoise_seconds=seconds))
    return torch.where(held, content, view)
