"""Renders that a prompt and a palette may mean, and what it costs to go from one to another.

# M recalled renders and their mirror images, D channels that are compared, h w a render's cells,
# S = M w their columns, W columns of the panorama, A attributes
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Nats. Where a render goes on in itself or in its own mirror image, the eye sees a pattern.
_CHANGE, _SAME_RENDER, _SAME_PLACE = 60.0, 30.0, 1000.0
_NEAR = 12  # cells: what counts as the same place of a render


@dataclass(frozen=True)
class Recalled:
    """Recalled renders and their mirror images.

    Attributes:
        renders: M, which render, and whether it is mirrored.
        keys: M D h w, what is compared.
        colours: M 3 h w, of the cells.
        prices: W M, nats of each at every column of the panorama, up to a constant.
        places: S, the column of a render that is seen; mirrored or not it is the same.
        suns: S, whether a column shows the sun or the moon.
        classes: M A.
    """

    renders: list[tuple[int, bool]]
    keys: Tensor
    colours: Tensor
    prices: Tensor
    places: Tensor
    suns: Tensor
    classes: Tensor

    def surcharge(self, differing: Tensor) -> Tensor:
        """S S: nats that a change from column to column costs, whatever is seen there.

        Args:
            differing: A, nats of a change to a render of another class.
        """
        width = self.keys.shape[-1]
        renders = self.places[::width] // width  # M
        differ = self.classes[:, None] != self.classes
        prices: Tensor = _CHANGE + (differ * differing).sum(-1)
        prices += _SAME_RENDER * (renders[:, None] == renders)
        prices = prices.repeat_interleave(width, 0).repeat_interleave(width, 1)
        # S S numbers follow; renders are numbered so far apart that near places are in one render.
        place = (self.places + _NEAR * (self.places // width)).to(torch.int32)
        near = (place[:, None] - place).abs_() < _NEAR
        prices.masked_fill_(near, _SAME_PLACE)
        return prices
