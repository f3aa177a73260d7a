"""KNN-GIQA: how near a picture is to real ones (Gu et al., ECCV 2020).

# n samples, m reference samples, d feature dimensions; everything in float64
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from syncpano.metrics.settings import Form

Array = NDArray[np.float64]
NEIGHBOURS = 8


def knn_giqa(
    features: Array, reference: Array, neighbours: int = NEIGHBOURS, form: Form = "code"
) -> Array:
    """n d, m d -> n scores, higher is better.

    A reference sample at distance 0 is the picture itself and does not count as its neighbour.

    Args:
        neighbours: K; fewer where the reference is smaller.
        form: "code" is what the published code computes, the SUM over the K nearest of
            1 / |x - y|_1, and what published numbers around 0.027 mean; "paper" is the formula of
            the paper, the mean of 1 / |x - y|_2^2.
    """
    features = np.asarray(features, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    return np.array([_score(sample, reference, neighbours, form) for sample in features])


def _score(sample: Array, reference: Array, neighbours: int, form: Form) -> float:
    difference = reference - sample
    distances = np.abs(difference).sum(1) if form == "code" else np.square(difference).sum(1)
    others = distances[distances > 0]
    if not len(others):
        return float("nan")
    nearest = np.sort(others)[:neighbours]
    return float((1 / nearest).sum() if form == "code" else (1 / nearest).mean())
