"""Crop a panorama latent into views, and average views back into a panorama.

# B batch, N windows, C latent channels, h w one window, H W the panorama
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncpano.windows import Window


def crop(panorama: Tensor, windows: Sequence[Window]) -> Tensor:
    """1 C H W -> N C h w: what every window sees; columns beyond the right edge wrap."""
    return torch.cat([panorama[(..., *_cells(window, panorama))] for window in windows])


def average(views: Tensor, windows: Sequence[Window], height: int, width: int) -> Tensor:
    """N C h w -> 1 C H W: every cell is the mean of the windows that cover it (MultiDiffusion).

    Cells that no window covers are 0: a thinned set of gradient windows leaves them untouched.
    """
    total = views.new_zeros((1, views.shape[1], height, width), dtype=torch.float32)  # 1 C H W
    count = total.new_zeros((1, 1, height, width))  # 1 1 H W
    for view, window in zip(views, windows, strict=True):
        cells = _cells(window, total)
        total[(..., *cells)] += view.float()
        count[(..., *cells)] += 1
    return total / count.clamp(min=1)


def _cells(window: Window, panorama: Tensor) -> tuple[slice, slice | Tensor]:
    rows = slice(window.top, window.top + window.size)
    width = panorama.shape[-1]
    if window.left + window.size <= width:
        return rows, slice(window.left, window.left + window.size)
    return rows, torch.arange(
        window.left, window.left + window.size, device=panorama.device
    ) % width
