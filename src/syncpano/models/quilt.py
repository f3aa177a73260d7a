"""Sew strips of pictures together: image quilting (Efros & Freeman, SIGGRAPH 2001).

# C channels, H pixels a strip's height, o pixels of overlap, W pixels the quilt's width
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

_COARSE = 4  # pixels a step of a seam
_SOFTNESS = 12.0  # pixels in which one strip's details fade into the other's
_BLUR, _BLUR_SOFTNESS = 16, 96.0  # what is larger than the one fades in the other, both in pixels
_RIM = 40  # pixels on either side of an overlap in which no seam runs: clouds need room to fade
_NEVER = 1e6


def sewn(strips: Iterable[Tensor], overlap: int, *, ring: bool) -> Tensor:
    """C H W of strips C H n, each of which shows the place where the next one begins too.

    In a ring the last one also shows where the first one begins; the quilt begins there.

    Args:
        overlap: o, columns that two neighbours share; no strip is as narrow.
    """
    done, tail = [], None
    for strip in strips:
        assert strip.shape[-1] >= overlap
        if tail is None:
            tail = strip
            continue
        done.append(tail[..., :-overlap])
        seam = joined(tail[..., -overlap:], strip[..., :overlap])
        tail = torch.cat([seam, strip[..., overlap:]], -1)
    assert tail is not None
    done.append(tail)
    if not ring:
        return torch.cat(done, -1)
    quilt = torch.cat(done, -1)
    quilt[..., :overlap] = joined(quilt[..., -overlap:], quilt[..., :overlap])
    return quilt[..., :-overlap]


def joined(left: Tensor, right: Tensor) -> Tensor:
    """C H o of two: the left one up to a seam where they differ least, the right one beyond.

    Details change sides within a few pixels, light and clouds slowly (Burt & Adelson 1983).
    """
    difference = right - left
    cut = _cut(F.avg_pool2d(difference.square().sum(0)[None], _COARSE)[0]).to(left) * _COARSE
    cut = F.interpolate(cut[None, None], left.shape[1], mode="linear")[0, 0][:, None]  # H 1
    small = F.avg_pool2d(difference[None], _BLUR)
    large = F.interpolate(small, difference.shape[1:], mode="bilinear")[0]
    room = 2 * torch.minimum(cut, left.shape[2] - cut)
    slowly = _share(cut, room.clamp(max=_BLUR_SOFTNESS), left.shape[2])
    return left + slowly * large + _share(cut, _SOFTNESS, left.shape[2]) * (difference - large)


def _share(cut: Tensor, softness: Tensor | float, width: int) -> Tensor:
    """H o: how much of the right one is seen around a cut, H 1."""
    column = torch.arange(width, device=cut.device) + 0.5
    return ((column - cut) / softness + 0.5).clamp(0, 1)


def _cut(difference: Tensor) -> Tensor:
    """h: the cheapest cut from top to bottom through h n differences, in columns from the left.

    A cut at j leaves the columns before j on the left; from row to row it moves one at most.
    """
    rim = round(_RIM / _COARSE)
    price = (difference[:, 1:] + difference[:, :-1])[:, rim:-rim]
    total, steps = price[0], []
    for row in price[1:]:
        padded = F.pad(total, (1, 1), value=_NEVER)
        best, move = padded.unfold(0, 3, 1).min(1)
        steps.append(move - 1)
        total = best + row
    cut = [int(total.argmin())]
    for move in reversed(steps):
        cut.append(cut[-1] + int(move[cut[-1]]))
    return torch.tensor(cut[::-1], device=difference.device) + 1 + rim


def stacked(bands: Sequence[Tensor], tops: Sequence[int], fade: int) -> Tensor:
    """C H' W of bands C H W, whose first rows are at `tops`; they fade where they overlap.

    Where two only touch they fade over `fade` rows, into which each goes on as in a mirror.
    """
    if len(bands) == 1:
        return bands[0]
    tall = bands[0].shape[1]
    height = tops[-1] + tall
    rows = torch.arange(height, device=bands[0].device)
    middles = [(top + tall + below) / 2 for top, below in pairwise(tops)]
    lengths = [max(top + tall - below, fade) for top, below in pairwise(tops)]
    begun = [
        ((rows + 0.5 - middle) / length + 0.5).clamp(0, 1)
        for middle, length in zip(middles, lengths, strict=True)
    ]
    everywhere, nowhere = torch.ones_like(begun[0]), torch.zeros_like(begun[0])
    shares = [a - b for a, b in pairwise([everywhere, *begun, nowhere])]
    canvas = bands[0].new_zeros(bands[0].shape[0], height, bands[0].shape[2])
    for band, top, share in zip(bands, tops, shares, strict=True):
        seen = share.nonzero().flatten()
        own = seen - top
        own = torch.where(own < 0, -1 - own, own)
        own = torch.where(own < tall, own, 2 * tall - 1 - own)
        canvas[:, seen] += share[seen, None] * band[:, own]
    return canvas
