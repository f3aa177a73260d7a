"""The networks behind the metrics, each loaded once and only when a metric needs it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import torch

from syncpano.errors import SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.metrics.clip import ClipScore
from syncpano.metrics.features import FeatureExtractor, load_extractor
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.metrics.settings import OF_SETS, Settings

WITHOUT_NETWORK = "no network"


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
    def style(self) -> PerceptualLoss:
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
            assert self.lpips is not None  # loaded
            return f"lpips-vgg16 ({self._weights_name})"
        if metric == "intra-style":
            return f"{getattr(self.style, 'label', 'style')} ({self._weights_name})"
        return WITHOUT_NETWORK

    @cached_property
    def _weights_name(self) -> str:
        path = self.settings.loss_weights
        return "torchvision" if path is None else f"{path.name} {_file_digest(path)}"


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:8]
    except OSError as error:
        raise SyncPanoError(f"{path} cannot be read: {error.strerror or error}") from error
