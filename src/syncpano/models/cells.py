"""Fields of cells: a panorama's or a render's mean colours, and what is done with them.

# B channels of a field, h w a band's cells, H W the panorama's, R renders, p pixels a cell's side
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

_BLACK = 1e-3  # of white: whatever is darker gives no light to share out


def stacked_cells(bands: Sequence[Tensor], tops: Sequence[int]) -> Tensor:
    """B H W of bands B h W; where two overlap, the border is in the middle."""
    tall = bands[0].shape[1]
    edges = [0, *((a + b + tall) // 2 for a, b in pairwise(tops)), tops[-1] + tall]
    parts = [
        band[:, upper - top : lower - top]
        for band, top, (upper, lower) in zip(bands, tops, pairwise(edges), strict=True)
    ]
    return torch.cat(parts, 1)


def smooth(cells: Tensor, factor: int) -> Tensor:
    """B h w -> B p*h p*w, bicubic from cell to cell."""
    down, across = (_bicubic(length, factor).to(cells) for length in cells.shape[-2:])
    return down @ (cells @ across.T)


def _bicubic(cells: int, factor: int) -> Tensor:
    """p*n n: every pixel's weights of the cells; beyond the border the last one goes on.

    Two products with such matrices are much faster on a CPU than `F.interpolate` in two dimensions.
    """
    rim = 2
    padded = F.pad(torch.eye(cells)[None], (rim, rim), mode="replicate")  # 1 n n+4
    scale = (1.0, float(factor))
    pixels = F.interpolate(padded[None], scale_factor=scale, mode="bicubic")[0, 0]
    return pixels[:, rim * factor : -rim * factor].T


def band_tops(height: int, band: int) -> list[int]:
    """First rows of the fewest bands that cover a height, evenly spread."""
    count = -(-height // band)
    return torch.linspace(0, height - band, count).round().long().tolist()


def means(length: int, width: float, *, ring: bool = False) -> Tensor:
    """n n: weighted means with a Gaussian's weights; `width` is its standard deviation in cells."""
    place = torch.arange(length)
    apart = (place[:, None] - place).abs()
    if ring:
        apart = torch.minimum(apart, length - apart)
    weights = (-((apart / width) ** 2) / 2).exp()
    return weights / weights.sum(1, keepdim=True)


def palette_distances(colours: Tensor, renders: Tensor, width: float, loop: bool) -> Tensor:
    """W R: mean squared distance over rows between stretches of 1 3 h W and whole R 3 h w."""
    stretches = colours[0] @ means(colours.shape[-1], width, ring=loop).T.to(colours)  # 3 h W
    difference = stretches.permute(2, 0, 1)[:, None] - renders.mean(-1)
    return difference.square().sum(2).mean(-1)


def missing_colours(
    own: Tensor,
    sampled: Tensor,
    stretch: tuple[float, float],
    *,
    ring: bool,
    backlit: bool = False,
) -> Tensor:
    """3 H W: what has to be added to cells' colours for their means to be the sampled ones.

    Args:
        own, sampled: 3 H W in [-1, 1].
        stretch: cells down and across that a mean is over.
        backlit: what is dark takes no colour, as it has none of its own against the light; the
            others' means alone are moved.
    """
    height, width = own.shape[-2:]
    down, across = stretch
    rows, columns = means(height, down).to(own), means(width, across, ring=ring).to(own).T
    if not backlit:
        return rows @ (sampled - own) @ columns
    light = (own.mean(0) + 1) / 2
    light = (light / light.mean().clamp(min=_BLACK)).clamp(max=1).square()
    lit = rows @ light @ columns
    missing: Tensor = light * (rows @ (light * (sampled - own)) @ columns) / lit.clamp(min=_BLACK)
    return missing
