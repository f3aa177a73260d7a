"""The contract between the sampler and a perceptual loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class PerceptualLoss(Protocol):
    """L of Eq. 14, in two parts so that the anchor's features are computed once a step."""

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """N 3 h w in [-1, 1] -> feature tensors with leading dimension N, differentiable."""
        ...

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Features of N images and of one target (leading dimension 1) -> N distances >= 0."""
        ...
