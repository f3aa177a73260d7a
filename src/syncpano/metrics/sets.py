"""Metrics that compare a set of pictures with a reference set.

# n, m crops, d feature dimensions
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from syncpano.metrics.frechet import Gaussian, frechet_distance
from syncpano.metrics.giqa import knn_giqa
from syncpano.metrics.kernel import kernel_distance
from syncpano.metrics.settings import Form

Array = NDArray[np.float64]
POOLED = ""  # the group of all pictures


@dataclass
class FeatureSet:
    """Feature vectors in groups: by prompt, or all in one.

    Attributes:
        features: group -> vectors of dimension d.
        rows: group -> which picture each vector belongs to.
    """

    features: dict[str, list[Array]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def stacked(self, group: str) -> Array:
        """n d."""
        return np.vstack(self.features[group])


@dataclass(frozen=True)
class SetDistances:
    """One distance a group that both sets have.

    Attributes:
        values: the distances.
        spread: standard deviation over random subsets, where one group was large enough for them.
        n: crops that took part.
    """

    values: list[float]
    spread: float | None
    n: int


def distances(metric: str, ours: FeatureSet, reference: FeatureSet, seed: int) -> SetDistances:
    """FID or KID, group by group; groups of fewer than two crops are left out."""
    values: list[float] = []
    spread, n = None, 0
    for group in _common(ours, reference):
        one, other = ours.stacked(group), reference.stacked(group)
        if min(len(one), len(other)) < 2:
            continue
        n += len(one)
        if metric == "fid":
            values.append(frechet_distance(Gaussian.of_features(one), Gaussian.of_features(other)))
        else:
            kernel = kernel_distance(one, other, seed)
            values.append(kernel.mean)
            spread = kernel.std
    return SetDistances(values, spread if len(values) == 1 else None, n)


def giqa_by_row(ours: FeatureSet, reference: FeatureSet, form: Form) -> dict[int, float]:
    """Picture -> KNN-GIQA; pictures without a reference in their group are absent."""
    scores: dict[int, float] = {}
    for group in _common(ours, reference):
        found = knn_giqa(ours.stacked(group), reference.stacked(group), form=form)
        scores.update(
            (row, float(score))
            for row, score in zip(ours.rows[group], found, strict=True)
            if np.isfinite(score)
        )
    return scores


def _common(ours: FeatureSet, reference: FeatureSet) -> Iterator[str]:
    return (group for group in ours.features if group in reference.features)
