"""Decode a whole panorama in overlapping tiles, so that memory does not grow with its size.

# H W the panorama's latent, f the VAE factor
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

# In windows: side of a tile, overlap of two tiles, and the rim of a tile that is thrown away,
# where the decoder saw padding instead of the neighbour.
_TILE, _OVERLAP, _RIM = 3.0, 0.75, 0.25


def decode_tiled(
    latent: Tensor, decode: Callable[[Tensor], Tensor], window: int, factor: int, *, loop: bool
) -> Tensor:
    """1 C H W -> 1 3 f*H f*W in float32 on the CPU, tiles blended linearly where they overlap.

    Args:
        decode: tile latent (1 C h w) -> image (1 3 f*h f*w).
        window: the model's native window in cells; tiles are up to three windows long.
        loop: columns wrap, so that the last one continues in the first.
    """
    height, width = latent.shape[-2:]
    rows = _tiles(height, window, ring=False)
    columns = _tiles(width, window, ring=loop)
    image = torch.zeros((1, 3, height * factor, width * factor))
    total = torch.zeros((1, 1, height * factor, width * factor))
    for top, tall, *tall_rims in rows:
        for left, wide, *wide_rims in columns:
            cells = torch.arange(left, left + wide, device=latent.device) % width
            tile = decode(latent[..., top : top + tall, :][..., cells]).float().cpu()
            weight = _ramp(tall, tall_rims, window, factor)[:, None] * _ramp(
                wide, wide_rims, window, factor
            )
            y = slice(top * factor, (top + tall) * factor)
            x = torch.arange(left * factor, (left + wide) * factor) % (width * factor)
            # A tile that is longer than the ring meets a column twice: add, do not assign.
            image[..., y, :].index_add_(-1, x, tile * weight)
            total[..., y, :].index_add_(-1, x, weight[None, None])
    return image.div_(total)  # in place: the picture is what grows with the width


def _tiles(length: int, window: int, *, ring: bool) -> list[tuple[int, int, bool, bool]]:
    """(first cell, cells, whether it starts at a seam, whether it ends at one), along one axis."""
    side, overlap = round(_TILE * window), round(_OVERLAP * window)
    if ring:
        count = max(math.ceil(length / (side - overlap)), 1)
        starts = [round(i * length / count) for i in range(count)]
        cells = math.ceil(length / count) + overlap
        return [(start, cells, True, True) for start in starts]
    if length <= side:
        return [(0, length, False, False)]
    count = math.ceil((length - overlap) / (side - overlap))
    side = math.ceil((length + (count - 1) * overlap) / count)  # no longer than it takes
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    return [(start, side, start > 0, start + side < length) for start in starts]


def _ramp(cells: int, rims: list[bool], window: int, factor: int) -> Tensor:
    """Weight of every pixel along one axis of a tile: 0 on its rims, rising linearly to 1."""
    rim = round(_RIM * window) * factor
    rise = round((_OVERLAP - 2 * _RIM) * window) * factor
    position = torch.arange(cells * factor, dtype=torch.float32) + 0.5
    weight = torch.ones(cells * factor)
    for at_seam, distance in zip(rims, (position, position.flip(0)), strict=True):
        if at_seam:
            weight = torch.minimum(weight, ((distance - rim) / max(rise, 1)).clamp(0, 1))
    return weight
