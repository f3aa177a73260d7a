"""Who names the styles of windows in evaluation: logistic regression on VGG-16's Gram matrices.

# N images, c channels of a convolution, D numbers of a picture

The shipped judge sees pictures at 96 pixels, where the outlines and flat tones that make a cartoon
are gone. Gram matrices of the first convolutions are what style means in the field (Gatys et al.,
CVPR 2016). The convolutions have seen photos only, the regression renders only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from autoencoder import image_tensor
from torch import Tensor, nn
from torch.nn import functional as F

_SIDE = 256  # pixels: outlines are still seen, at a quarter of the price
_LAYERS = 3  # convolutions: more of them tell no more
_DECAY = 1e-3
_STEPS = 150  # of L-BFGS


class Grams(Protocol):
    """Such as `StyleLoss`."""

    def features(self, images: Tensor) -> list[Tensor]:
        """1 3 H W in [-1, 1] -> Gram matrices 1 c c, one a convolution."""
        ...


class StyleJudge:
    """Names the style of windows."""

    def __init__(self, grams: Grams, windows: Sequence[np.ndarray], styles: Sequence[str]) -> None:
        """Learn from windows, uint8 H W 3, and the styles that they were rendered in."""
        self._grams, self._names = grams, sorted(set(styles))
        features = self._features(windows)
        self._mean, self._std = features.mean(0), features.std(0) + 1e-6
        self._line = nn.Linear(features.shape[1], len(self._names))
        nn.init.zeros_(self._line.weight)
        self._fit(features, torch.tensor([self._names.index(style) for style in styles]))

    @torch.no_grad()
    def votes(self, windows: Sequence[np.ndarray]) -> list[str]:
        """The style of each window."""
        logits = self._logits(self._features(windows))
        return [self._names[int(i)] for i in logits.argmax(1)]

    def _logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self._line((features - self._mean) / self._std)
        return logits

    def _fit(self, features: Tensor, labels: Tensor) -> None:
        rarity = len(labels) / labels.bincount()  # every style counts the same
        optimiser = torch.optim.LBFGS(
            self._line.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(self._logits(features), labels, rarity)
            value = value + _DECAY * self._line.weight.square().sum()
            value.backward()
            return value

        optimiser.step(loss)

    @torch.no_grad()
    def _features(self, windows: Sequence[np.ndarray]) -> Tensor:
        """N D: the Gram matrices' upper halves, square roots with their sign."""
        rows = []
        for window in windows:
            small = cv2.resize(window, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
            grams = self._grams.features(image_tensor(small))[:_LAYERS]
            halves = [gram[0][tuple(torch.triu_indices(*gram.shape[1:]))] for gram in grams]
            values = torch.cat(halves)
            rows.append(values.sign() * values.abs().sqrt())
        return torch.stack(rows)
