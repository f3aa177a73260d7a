"""The networks behind the metrics, each loaded once and only when a metric needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from syncpano import files
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.losses.trunks import trunk_path
from syncpano.metrics.clip import ClipScore
from syncpano.metrics.features import FeatureExtractor, load_extractor
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.metrics.settings import OF_SETS, Settings

if TYPE_CHECKING:
    from syncpano.losses.style import StyleLoss

WITHOUT_NETWORK = "no network"


@contextmanager
def in_float32() -> Iterator[None]:
    """Keep convolutions from rounding to TF32, as Ampere GPUs and newer do unless they are told."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


class Instruments:
    """The networks that the metrics need, each loaded once, when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """Of FID, KID and GIQA."""
        settings = self.settings
        return load_extractor(
            settings.features,
            device=settings.device,
            weights=settings.feature_weights,
            model=settings.judge,
        )

    @cached_property
    def judge(self) -> PocketFeatures:
        """The pocket model's network that guidance does not see."""
        return PocketFeatures.of_model(self.settings.judge, self.settings.device)

    @cached_property
    def clip(self) -> ClipScore:
        """CLIP."""
        return ClipScore(self.settings.device, self.settings.clip_model)

    @cached_property
    def lpips(self) -> PerceptualLoss:
        """LPIPS with VGG-16."""
        from syncpano.losses.lpips import LPIPS

        device = torch.device(self.settings.device)
        return LPIPS("vgg", device=device, weights=self.settings.loss_weights)

    @cached_property
    def style(self) -> StyleLoss:
        """Gatys' style distance."""
        from syncpano.losses.style import StyleLoss

        device = torch.device(self.settings.device)
        return StyleLoss(device=device, weights=self.settings.loss_weights)

    def features_of(self, metric: str) -> str:
        """Load a metric's network and name it: numbers compare only where the name is equal."""
        if metric in OF_SETS:
            return self.extractor.name
        if metric in ("intra-pocket", "pocket-fit"):
            return self.judge.name
        if metric == "clip":
            return self.clip.name
        if metric == "intra-lpips":
            _ = self.lpips
            return f"lpips-vgg16 ({self._weights_name('vgg')})"
        if metric == "intra-style":
            return f"{self.style.label} ({self._weights_name('vgg19')})"
        return WITHOUT_NETWORK

    def _weights_name(self, net: str) -> str:
        path = trunk_path(net, self.settings.loss_weights)
        return f"{path.name} {files.digest_of(path)[:8]}"
