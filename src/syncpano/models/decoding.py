"""Decode a whole panorama in overlapping tiles, so that memory does not grow with its size.

# H W the panorama's latent, f the VAE factor
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from syncpano.batching import free_cache, is_out_of_memory

logger = logging.getLogger(__name__)
# In windows: side of a tile, then of the ones that are tried when memory runs out; overlap of two
# tiles; and the rim of a tile that is thrown away, where the decoder saw padding instead of the
# neighbour.
_SIDES = (3.0, 2.0, 1.5, 1.0)
_OVERLAP, _RIM = 0.75, 0.25


@dataclass(frozen=True)
class _Span:
    """A tile along one axis, in cells; a seam is an end where another tile goes on."""

    first: int
    cells: int
    starts_at_seam: bool
    ends_at_seam: bool


def decode_tiled(
    latent: Tensor, decode: Callable[[Tensor], Tensor], window: int, factor: int, *, loop: bool
) -> Tensor:
    """1 C H W -> 1 3 f*H f*W in float32 on the CPU, tiles blended linearly where they overlap.

    Args:
        decode: tile latent (1 C h w) -> image (1 3 f*h f*w).
        window: the model's native window in cells; tiles are up to three windows long, and shorter
            only when memory runs out.
        loop: columns wrap, so that the last one continues in the first.

    Raises:
        torch.OutOfMemoryError, RuntimeError: a tile of one window does not fit.
    """
    for side in _SIDES[:-1]:
        try:
            return _decoded(latent, decode, window, factor, round(side * window), loop)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        logger.warning("out of memory while decoding: going on with smaller tiles")
        free_cache()
    return _decoded(latent, decode, window, factor, round(_SIDES[-1] * window), loop)


def _decoded(
    latent: Tensor,
    decode: Callable[[Tensor], Tensor],
    window: int,
    factor: int,
    side: int,
    loop: bool,
) -> Tensor:
    height, width = latent.shape[-2:]
    rows = _spans(height, side, window, ring=False)
    columns = _spans(width, side, window, ring=loop)
    image = torch.zeros((1, 3, height * factor, width * factor))
    total = torch.zeros((1, 1, height * factor, width * factor))
    for row in rows:
        for column in columns:
            across = torch.arange(column.first, column.first + column.cells)
            down = slice(row.first, row.first + row.cells)
            cells = latent[..., down, :][..., across.to(latent.device) % width]
            tile = decode(cells).float().cpu()
            weight = _ramp(row, window, factor)[:, None] * _ramp(column, window, factor)
            y = slice(row.first * factor, (row.first + row.cells) * factor)
            x = torch.arange(column.first * factor, (column.first + column.cells) * factor)
            # A tile that is longer than the ring meets a column twice: add, do not assign.
            image[..., y, :].index_add_(-1, x % (width * factor), tile * weight)
            total[..., y, :].index_add_(-1, x % (width * factor), weight[None, None])
    # In place: the picture is what grows with the width. Rims lie where another tile counts, so no
    # total is 0.
    return image.div_(total)


def _spans(length: int, side: int, window: int, *, ring: bool) -> list[_Span]:
    """Tiles of at most `side` cells along one axis, evenly spaced."""
    overlap = round(_OVERLAP * window)
    if ring:
        count = max(math.ceil(length / (side - overlap)), 1)
        starts = [round(i * length / count) for i in range(count)]
        cells = math.ceil(length / count) + overlap
        return [_Span(start, cells, True, True) for start in starts]
    if length <= side:
        return [_Span(0, length, False, False)]
    count = math.ceil((length - overlap) / (side - overlap))
    side = math.ceil((length + (count - 1) * overlap) / count)  # no longer than it takes
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)]
    return [_Span(start, side, start > 0, start + side < length) for start in starts]


def _ramp(span: _Span, window: int, factor: int) -> Tensor:
    """Weight of every pixel along one axis of a tile: 0 on its rims, rising linearly to 1."""
    rim = round(_RIM * window) * factor
    rise = round((_OVERLAP - 2 * _RIM) * window) * factor
    position = torch.arange(span.cells * factor, dtype=torch.float32) + 0.5
    weight = torch.ones(span.cells * factor)
    ends = (span.starts_at_seam, position), (span.ends_at_seam, position.flip(0))
    for at_seam, distance in ends:
        if at_seam:
            weight = torch.minimum(weight, ((distance - rim) / max(rise, 1)).clamp(0, 1))
    return weight
