"""Who names subjects, styles and weathers in evaluation: logistic regression on VGG-16's features.

# N images, c channels of a convolution, D numbers of a picture

The shipped judge sees pictures at 160 pixels, where the outlines and flat tones that make a cartoon
are faint, and flakes of snow are smaller than a pixel. VGG-16 has seen photos only, the regressions
renders only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from autoencoder import image_tensor
from torch import Tensor, nn
from torch.nn import functional as F

Look = Callable[[Tensor], Tensor]  # 1 3 H W in [-1, 1] -> D

_SIDE = 256  # pixels: outlines and skiers are still seen, at a quarter of the price
_LAYERS = 3  # convolutions that tell styles: more of them tell no more
_DECAY = 1e-3
# Of L-BFGS: until rounding, which is another with other threads, turns no vote any more.
_STEPS, _STEEP, _CHANGE = 1000, 1e-9, 1e-12


class Grams(Protocol):
    """Such as `StyleLoss`."""

    def features(self, images: Tensor) -> list[Tensor]:
        """1 3 H W in [-1, 1] -> Gram matrices 1 c c, one a convolution."""
        ...


def style_of(grams: Grams) -> Look:
    """Upper halves of the first Gram matrices: style as Gatys et al. (CVPR 2016) measure it."""

    def look(image: Tensor) -> Tensor:
        matrices = grams.features(image)[:_LAYERS]
        halves = [gram[0][tuple(torch.triu_indices(*gram.shape[1:]))] for gram in matrices]
        values = torch.cat(halves)
        return values.sign() * values.abs().sqrt()

    return look


@torch.no_grad()
def seen(look: Look, windows: Sequence[np.ndarray]) -> Tensor:
    """N D: what a network sees in each window, uint8 H W 3."""
    smaller = (cv2.resize(w, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for w in windows)
    return torch.stack([look(image_tensor(window)) for window in smaller]).double()


class RegressionJudge:
    """Names what windows show."""

    def __init__(self, look: Look, features: Tensor, labels: Sequence[str]) -> None:
        """Learn from what is `seen` of N windows, N D, and what they were rendered to show."""
        self._look, self._names = look, sorted(set(labels))
        self._mean, self._std = features.mean(0), features.std(0) + 1e-6
        self._line = nn.Linear(features.shape[1], len(self._names), dtype=features.dtype)
        nn.init.zeros_(self._line.weight)
        nn.init.zeros_(self._line.bias)
        self._fit(features, torch.tensor([self._names.index(label) for label in labels]))

    @torch.no_grad()
    def votes(self, windows: Sequence[np.ndarray]) -> list[str]:
        """What each window, uint8 H W 3, is taken for."""
        logits = self._logits(seen(self._look, windows))
        return [self._names[int(i)] for i in logits.argmax(1)]

    def _logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self._line((features - self._mean) / self._std)
        return logits

    def _fit(self, features: Tensor, labels: Tensor) -> None:
        rarity = (len(labels) / labels.bincount()).to(features)  # every label counts the same
        optimiser = torch.optim.LBFGS(
            self._line.parameters(),
            max_iter=_STEPS,
            tolerance_grad=_STEEP,
            tolerance_change=_CHANGE,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(self._logits(features), labels, rarity)
            value = value + _DECAY * self._line.weight.square().sum()
            value.backward()  # type: ignore[no-untyped-call]  # untyped in torch
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
