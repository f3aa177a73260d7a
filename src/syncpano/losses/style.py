"""The style loss of Gatys et al. (CVPR 2016), as SyncDiffusion's supplementary S.4 uses it.

# N images, c h w one feature map
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from syncpano.losses.trunks import IMAGENET, fill, trunk_features

WEIGHT = 1e6  # S.4: L is 1e6 times the style loss, and w = 0.1
# torchvision's numbers of the first five convolutions and their widths; VGG-16 has the same.
_CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
_POOLS_BEFORE = (5, 10)
_VGG19_LAST = "34.weight"  # the trunk of VGG-16 ends with convolution 28


class StyleLoss:
    """1e6 times the MSE between Gram matrices, summed over conv1 to conv5; always float32.

    Attributes:
        label: "style (VGG-19)", or "style (VGG-16)" where such weights were given.
    """

    def __init__(self, *, device: torch.device, weights: Path | None = None) -> None:
        """Build the five convolutions.

        Args:
            weights: a file with VGG-19's `features.*`, or VGG-16's, which then is what the label
                says: the layers have the same shapes and other numbers.

        Raises:
            SyncPanoError: the weights cannot be had or do not fit.
        """
        features = trunk_features("vgg19", weights)
        self.label = f"style (VGG-{'19' if _VGG19_LAST in features else '16'})"
        self._layers: dict[int, nn.Conv2d] = {}
        for index, (inputs, outputs) in _CONVOLUTIONS.items():
            layer = nn.Conv2d(inputs, outputs, 3, padding=1, device="meta")
            fill(layer, index, features, "vgg19")
            layer.to(memory_format=torch.channels_last)  # faster on a CPU
            self._layers[index] = layer.to(device).eval().requires_grad_(False)
        self._mean, self._std = (
            torch.tensor(values, device=device)[:, None, None] for values in IMAGENET
        )

    def features(self, images: Tensor) -> list[Tensor]:
        """N 3 H W in [-1, 1] -> Gram matrices N c c of conv1 to conv5, before their ReLU."""
        maps = ((images.float() + 1) / 2 - self._mean) / self._std
        grams = []
        for index, layer in self._layers.items():
            if index in _POOLS_BEFORE:
                maps = F.max_pool2d(maps, 2)
            maps = layer(maps)
            grams.append(gram(maps))
            maps = F.relu(maps)
        return grams

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        per_layer = [
            (ours - theirs).square().mean((1, 2))
            for ours, theirs in zip(features, target, strict=True)
        ]
        return WEIGHT * torch.stack(per_layer).sum(0)


def gram(maps: Tensor) -> Tensor:
    """N c h w -> N c c: inner products of the channels, divided by c h w (a = 1 image)."""
    pixels = maps.permute(0, 2, 3, 1).flatten(1, 2)  # N hw c: no copy of channels-last maps
    return pixels.mT @ pixels / pixels[0].numel()
