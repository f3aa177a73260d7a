"""From the name of a loss to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from syncpano.losses.perceptual import PerceptualLoss
from syncpano.losses.trunk_files import TRUNK_OF
from syncpano.models.card import read_card
from syncpano.models.source import ModelSource


def load_loss(
    name: str,
    *,
    device: torch.device | str,
    weights: Path | None = None,
    size: int | None = None,
    source: ModelSource,
) -> PerceptualLoss:
    """The loss of a run, times the factor on the model's card.

    All losses compute in float32: their gradients are too small for less.

    Args:
        name: lpips-vgg, lpips-alex, lpips-squeeze, style or pocket.
        weights: a file with the trunk's `features.*`; None is torch's usual cache.
        size: side in pixels of the images as the loss sees them; None is native.
        source: the model, with a folder: its card and the pocket loss lie there.

    Raises:
        SyncPanoError: weights are missing or do not fit.
    """
    assert source.folder is not None, "the source was resolved without a download"
    loss = _load(name, torch.device(device), weights, source)
    if size is not None:
        loss = Resized(loss, size)
    scale = read_card(source.folder).loss_scales.get(name)
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
    name: str, device: torch.device, weights: Path | None, source: ModelSource
) -> PerceptualLoss:
    if name.startswith("lpips-"):
        from syncpano.losses.lpips import LPIPS

        return LPIPS(TRUNK_OF[name], device=device, weights=weights)  # type: ignore[arg-type]
    if name == "style":
        from syncpano.losses.style import StyleLoss

        return StyleLoss(device=device, weights=weights)
    assert name == "pocket", name
    assert weights is None, "the pocket loss brings its own"
    return _load_pocket(device, source)


def _load_pocket(device: torch.device, source: ModelSource) -> PerceptualLoss:
    from syncpano.losses.pocket import PocketPerceptual
    from syncpano.models.parts import load_part
    from syncpano.models.pocket_features import PocketFeatureNet

    assert source.folder is not None
    folder = source.folder / "perceptual"
    network = load_part(PocketFeatureNet, folder, source.id, device, torch.float32)
    assert isinstance(network, PocketFeatureNet)
    return PocketPerceptual(network)
