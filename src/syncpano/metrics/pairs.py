"""Perceptual distances between all pairs of crops of one picture.

# N crops, h w one crop
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncpano.losses.perceptual import PerceptualLoss
from syncpano.metrics.settings import Reduction

BLOCK = 8  # crops whose feature maps are held at once: about 1 GiB of VGG features at 512 px


@torch.no_grad()
def pair_distances(loss: PerceptualLoss, crops: Tensor, batch: int = 1) -> Tensor:
    """N 3 h w in [-1, 1] -> the N (N - 1) / 2 distances of pairs (i, j), i < j, ordered by i, j.

    Args:
        batch: crops that go through the network at once; the result does not depend on it.
    """
    count = len(crops)
    distances = torch.zeros(count, count)
    starts = range(0, count, BLOCK)
    for start in starts:
        rows = _features(loss, crops[start : start + BLOCK], batch)
        for other in starts[start // BLOCK :]:
            same = other == start
            columns = rows if same else _features(loss, crops[other : other + BLOCK], batch)
            for i in range(len(rows)):
                for j in range(i + 1 if same else 0, len(columns)):
                    distances[start + i, other + j] = loss.distance(columns[j], rows[i]).item()
    upper = torch.triu_indices(count, count, offset=1)
    return distances[upper[0], upper[1]]


def reduce_pairs(distances: Sequence[float], reduction: Reduction) -> float | None:
    """One number of a picture: the mean over pairs, or the reference script's sum.

    None for a picture of one crop, which has no pairs.
    """
    if not distances:
        return None
    return sum(distances) / (len(distances) if reduction == "mean" else 1)


def _features(loss: PerceptualLoss, crops: Tensor, batch: int) -> list[list[Tensor]]:
    """For each crop its feature maps, each with leading dimension 1."""
    split: list[list[Tensor]] = []
    for start in range(0, len(crops), batch):
        maps = loss.features(crops[start : start + batch])
        split += [[m[i : i + 1] for m in maps] for i in range(len(maps[0]))]
    return split
