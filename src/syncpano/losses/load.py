"""From the name of a loss to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from syncpano.errors import SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss

if TYPE_CHECKING:
    from syncpano.models.stable_diffusion import LatentDiffusion

LPIPS_NETS = {"lpips-vgg": "vgg", "lpips-alex": "alex", "lpips-squeeze": "squeeze"}
# AlexNet's three poolings leave nothing of a smaller image.
SMALLEST_IMAGE = 32


def resolve_loss(name: str, family: str) -> str:
    """`auto` is the embedded loss for the pocket model and LPIPS with VGG-16 for all others."""
    if name != "auto":
        return name
    return "pocket" if family == "pocket" else "lpips-vgg"


def load_loss(
    name: str,
    *,
    device: torch.device | str,
    dtype: torch.dtype | str | None = None,
    weights: Path | None = None,
    size: int | None = None,
    model: LatentDiffusion,
) -> PerceptualLoss:
    """The loss of a run, times the factor on the model's card.

    All losses compute in float32: their gradients are too small for less.

    Args:
        name: auto, lpips-vgg, lpips-alex, lpips-squeeze, style or pocket.
        dtype: of the model; not used by any loss so far.
        weights: a file with the trunk's `features.*`; None is torch's usual cache.
        size: side in pixels of the images as the loss sees them; None is native.
        model: whose folder the pocket loss comes from.

    Raises:
        SyncPanoError: unknown loss, weights missing or not fitting, no pocket loss in the model.
    """
    name = resolve_loss(name, model.source.family)
    place = torch.device(device)
    if size is not None and size < SMALLEST_IMAGE:
        raise SyncPanoError(
            f"a loss size of {size} pixels is too small",
            hint=f"use at least {SMALLEST_IMAGE}",
        )
    loss = _load(name, place, weights, model)
    if size is not None:
        loss = Resized(loss, size)
    scale = model.card.loss_scales.get(name)
    return loss if scale is None else Scaled(loss, scale)


class Resized:
    """A loss that sees images whose shorter side has `size` pixels."""

    def __init__(self, loss: PerceptualLoss, size: int) -> None:
        self.loss = loss
        self.size = size

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """N 3 H W in [-1, 1] -> the loss's features of the resized images."""
        return self.loss.features(resize(images, self.size))

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        return self.loss.distance(features, target)


class Scaled:
    """A loss times `scale`, so that w means for every model what it means for Stable Diffusion."""

    def __init__(self, loss: PerceptualLoss, scale: float) -> None:
        self.loss = loss
        self.scale = scale

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """N 3 H W in [-1, 1] -> the loss's features."""
        return self.loss.features(images)

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        return self.scale * self.loss.distance(features, target)


def resize(images: Tensor, size: int) -> Tensor:
    """N 3 H W -> images whose shorter side is `size`: means of whole blocks, else bilinear."""
    height, width = images.shape[-2:]
    short = min(height, width)
    if short == size:
        return images
    if height % size == 0 and width % size == 0 and height == width:
        return F.avg_pool2d(images, short // size)
    target = (round(height * size / short), round(width * size / short))
    return F.interpolate(images, target, mode="bilinear", antialias=True)


def _load(
    name: str, device: torch.device, weights: Path | None, model: LatentDiffusion
) -> PerceptualLoss:
    if name in LPIPS_NETS:
        from syncpano.losses.lpips import LPIPS

        return LPIPS(LPIPS_NETS[name], device=device, weights=weights)  # type: ignore[arg-type]
    if name == "style":
        from syncpano.losses.style import StyleLoss

        return StyleLoss(device=device, weights=weights)
    if name == "pocket":
        return _load_pocket(device, weights, model)
    raise SyncPanoError(
        f"unknown loss {name!r}", hint=f"use auto, {', '.join(LPIPS_NETS)}, style or pocket"
    )


def _load_pocket(
    device: torch.device, weights: Path | None, model: LatentDiffusion
) -> PerceptualLoss:
    from syncpano.losses.pocket import PocketPerceptual
    from syncpano.models.parts import load_part
    from syncpano.models.pocket_features import PocketFeatureNet

    if weights is not None:
        raise SyncPanoError(
            "the pocket loss brings its own weights", hint="leave `--loss-weights` out"
        )
    folder = model.source.folder
    if folder is None or not (folder / "perceptual" / "config.json").is_file():
        raise SyncPanoError(
            f"{model.source.id} has no perceptual/ folder for the pocket loss",
            hint="use `--loss lpips-vgg`",
        )
    network = load_part(
        PocketFeatureNet, folder / "perceptual", model.source.id, device, torch.float32
    )
    assert isinstance(network, PocketFeatureNet)
    return PocketPerceptual(network)
