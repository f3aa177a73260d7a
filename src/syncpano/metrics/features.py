"""Networks that turn a crop into one vector, for FID, KID and GIQA. They are exchangeable.

# N crops, h w one crop, d feature dimensions

Distances in two feature spaces have nothing to do with each other, so every extractor has a name
that tells its weights too, and every number carries it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from syncpano.errors import RUN_FAILED, SyncPanoError, first_line
from syncpano.losses.trunks import IMAGENET, trunk_features
from syncpano.metrics.network_name import network_name
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.metrics.settings import EXTRACTORS

_VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class FeatureExtractor(Protocol):
    """A frozen network with a name for its architecture and weights, such as `vgg16@1a2b3c4d`."""

    @property
    def name(self) -> str:
        """Architecture and a hash of the weights, by `network_name`."""
        ...

    def __call__(self, crops: Tensor) -> Tensor:
        """N 3 h w in [-1, 1] -> N d, float32; each row depends on its own crop alone."""
        ...


class Vgg16Features:
    """VGG-16 trained on ImageNet: conv5_3 after its ReLU, averaged over space; d = 512."""

    def __init__(self, device: str, weights: Path | None = None) -> None:
        """Build the thirteen convolutions.

        Raises:
            SyncPanoError: the weights cannot be had or do not fit.
        """
        features = trunk_features("vgg", weights)
        self._trunk = _vgg16_trunk()
        try:
            self._trunk.load_state_dict(features)
        except RuntimeError as error:
            raise SyncPanoError(
                f"these weights are not the trunk of VGG-16: {str(error).splitlines()[-1].strip()}",
                hint="`--feature-weights` takes torchvision's VGG-16 features",
            ) from error
        self._trunk.to(device).eval().requires_grad_(False)
        self._device = device
        self.name = network_name("vgg16", self._trunk)

    @torch.no_grad()
    def __call__(self, crops: Tensor) -> Tensor:
        """N 3 h w in [-1, 1] -> N 512."""
        mean, std = (torch.tensor(x, device=self._device)[:, None, None] for x in IMAGENET)
        maps = self._trunk(((crops.to(self._device) + 1) / 2 - mean) / std)
        return F.relu(maps).mean((2, 3)).cpu()


class InceptionFeatures:
    """The Inception-v3 of FID, through torch-fidelity with its standard weights; d = 2048."""

    def __init__(self, device: str) -> None:
        """Load the network from torch's cache, which is filled on first use.

        Raises:
            SyncPanoError: torch-fidelity is not installed, or the weights cannot be had.
        """
        try:
            from torch_fidelity import FeatureExtractorInceptionV3
        except ImportError as error:
            raise SyncPanoError(
                "Inception features need torch-fidelity, which is not installed",
                hint="`pip install torch-fidelity`, or use `--features pocket` offline",
            ) from error
        try:
            network: Any = FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048"], verbose=False
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise SyncPanoError(
                f"the Inception weights cannot be loaded: {first_line(error)}",
                hint="use `--features pocket`, which needs no download",
                exit_code=RUN_FAILED,
            ) from error
        self._network = network.to(device).eval()
        self._device = device
        self.name = network_name("inception-v3", self._network)

    @torch.no_grad()
    def __call__(self, crops: Tensor) -> Tensor:
        """N 3 h w in [-1, 1] -> N 2048; the network wants and resizes 8-bit levels."""
        levels = ((crops.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        features: Tensor = self._network(levels.to(self._device))[0]
        return features.float().cpu()


def load_extractor(
    kind: str, *, device: str, weights: Path | None = None, model: str = "pocket"
) -> FeatureExtractor:
    """The extractor of a name in `EXTRACTORS`.

    Args:
        weights: for vgg16 alone; None is torch's usual cache.
        model: for pocket, the model whose `features/` folder holds the network.

    Raises:
        SyncPanoError: unknown, or its weights cannot be had.
    """
    if kind == "inception":
        return InceptionFeatures(device)
    if kind == "vgg16":
        return Vgg16Features(device, weights)
    if kind == "pocket":
        return PocketFeatures.of_model(model, device)
    raise SyncPanoError(f"unknown features {kind!r}", hint=f"use {', '.join(EXTRACTORS)}")


def _vgg16_trunk() -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 3
    for stage in _VGG16:
        for next_width in stage:
            layers += [nn.Conv2d(width, next_width, 3, padding=1), nn.ReLU()]
            width = next_width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-2])  # without the last ReLU, which the caller applies, and pool
