"""The pocket model's own perceptual loss: LPIPS's form on features trained on rendered scenes.

# N images, c h w one feature map
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncpano.models.pocket_features import PocketFeatureNet


class PocketPerceptual:
    """Distance between unit-normalised feature maps, averaged over space, summed over stages.

    The form is LPIPS's (Zhang et al., CVPR 2018, Eq. 1) without learnt channel weights.
    """

    def __init__(self, network: PocketFeatureNet) -> None:
        self.network = network.eval().requires_grad_(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """N 3 H W in [-1, 1] -> unit-length feature vectors N c h w, one map a stage."""
        return [_unit(map_) for map_ in self.network.feature_maps(images.float())]

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        return unweighted_distance(features, target)


def unweighted_distance(features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """N distances >= 0 of maps N c h w: LPIPS's form without learnt channel weights."""
    stages = zip(features, target, strict=True)
    return torch.stack([(a - b).square().sum(1).mean((1, 2)) for a, b in stages]).sum(0)


def _unit(map_: Tensor) -> Tensor:
    # Where features vanish, the direction of a unit vector means nothing and its gradient explodes:
    # a constant of the features' own order lets such places fall silent instead.
    return map_ / (map_.square().sum(1, keepdim=True) + 1.0).sqrt()
