"""Crop a panorama latent into views, and average views back into a panorama.

# B batch, N windows, C latent channels, h w one window, H W the panorama
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncpano.windows import Blend, Window


def crop(panorama: Tensor, windows: Sequence[Window]) -> Tensor:
    """1 C H W -> N C h w: what every window sees; columns beyond the right edge wrap."""
    return torch.cat([panorama[(..., *_cells(window, panorama))] for window in windows])


def average(
    views: Tensor,
    windows: Sequence[Window],
    height: int,
    width: int,
    blend: Blend = "uniform",
) -> Tensor:
    """N C h w -> 1 C H W: every cell is the mean of the windows that cover it (MultiDiffusion).

    Tapered, a window counts less towards its border, so that it does not end in an edge.
    Cells that no window covers are 0: a thinned set of gradient windows leaves them untouched.
    """
    total = views.new_zeros((1, views.shape[1], height, width), dtype=torch.float32)  # 1 C H W
    weights = total.new_zeros((1, 1, height, width))  # 1 1 H W
    weight = _taper(views) if blend == "tapered" else views.new_ones((), dtype=torch.float32)
    for view, window in zip(views, windows, strict=True):
        cells = _cells(window, total)
        total[(..., *cells)] += weight * view.float()
        weights[(..., *cells)] += weight
    return total / weights.where(weights > 0, 1.0)


def paste(panorama: Tensor, cells: Tensor, window: Window) -> None:
    """Write 1 C h w into a panorama 1 C H W, in place; columns beyond the right edge wrap."""
    panorama[(..., *_cells(window, panorama))] = cells.to(panorama.dtype)


def _taper(views: Tensor) -> Tensor:
    """h w: a pyramid, 1 in the middle, half a cell's height at the border."""
    size = views.shape[-1]
    inward = torch.arange(size, device=views.device) + 0.5
    slope = torch.minimum(inward, size - inward) / (size / 2)
    return torch.outer(slope, slope)


def _cells(window: Window, panorama: Tensor) -> tuple[slice, slice | Tensor]:
    rows = slice(window.top, window.top + window.size)
    width = panorama.shape[-1]
    if window.left + window.size <= width:
        return rows, slice(window.left, window.left + window.size)
    return rows, torch.arange(
        window.left, window.left + window.size, device=panorama.device
    ) % width
