"""From a sampled latent to a picture: by the decoder, or by the model's refiner.

# N windows, C latent channels, H W the panorama in latent cells, or in pixels, f the VAE factor
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from syncpano.config import PanoramaConfig
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.models.source import ModelSource
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.montage import average, crop
from syncpano.plan import Plan

_NO_PICTURE = 1e4  # of a latent whose components are about 1: beyond it all renders are as far


def refines(config: PanoramaConfig, source: ModelSource) -> bool:
    """Whether the model's refiner draws the picture, and not its decoder."""
    return config.refine and source.has_refiner


def draw(latent: Tensor, planned: Plan, model: LatentDiffusion) -> Tensor:
    """z_0 -> 1 3 f*H f*W, by the refiner where the config asks for it and the model has one.

    Raises:
        SyncPanoError: z_0 is so large that it is near no picture which the refiner remembers.
    """
    if not refines(planned.config, model.source):
        return decode(latent, planned, model)
    if latent.abs().max() > _NO_PICTURE:
        raise SyncPanoError(
            "the sampled latent is far from that of any picture",
            hint="lower `--w` or `--guidance-scale`",
            exit_code=RUN_FAILED,
        )
    config = planned.config
    refine = partial(
        model.refiner.draw,
        prompt=config.prompt,
        negative_prompt=config.negative_prompt,
        generator=torch.Generator().manual_seed(config.seed),  # one for all windows on their own
    )
    return _drawn(latent, planned, refine, model.vae_factor)


def decode(latent: Tensor, planned: Plan, model: LatentDiffusion) -> Tensor:
    """z_0, or what is foreseen of it, -> 1 3 f*H f*W, by the decoder."""
    return _drawn(latent, planned, model.decode_panorama, model.vae_factor)


def _drawn(latent: Tensor, planned: Plan, drawn: Callable[..., Tensor], factor: int) -> Tensor:
    """Windows that stand on their own are drawn alone."""
    config = planned.config
    if config.method != "independent":
        return drawn(latent, loop=config.loop)
    windows = planned.grid(0).windows
    views = [drawn(crop(latent, [window]), loop=False) for window in windows]
    in_pixels = [window.scaled(factor) for window in windows]
    return average(torch.cat(views), in_pixels, factor * planned.height, factor * planned.width)


def finite(pixels: Tensor) -> Tensor:
    """The decoded picture, 1 3 H W; raise where it holds NaN or infinity."""
    if not torch.isfinite(pixels.sum()):  # the sum: a mask would be a quarter of the picture again
        raise SyncPanoError(
            "the decoder's numbers overflowed, there is no picture",
            hint="use `--dtype bfloat16` or `--dtype float32`",
            exit_code=RUN_FAILED,
        )
    return pixels


def to_image(pixels: Tensor) -> Image.Image:
    """1 3 H W in [-1, 1] -> RGB, rounded to 8 bits once."""
    # Channel by channel: copies of a wide picture are what a run's memory grows by.
    levels = [
        channel.clamp(-1, 1).add_(1).mul_(127.5).round_().to(torch.uint8) for channel in pixels[0]
    ]
    return Image.fromarray(torch.stack(levels, -1).cpu().numpy(), "RGB")
