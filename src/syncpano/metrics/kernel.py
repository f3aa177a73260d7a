"""Kernel distance between two sets of features (KID: Binkowski et al., ICLR 2018).

# n, m samples, d feature dimensions; everything in float64
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SUBSET_SIZE = 1000
NUM_SUBSETS = 100


@dataclass(frozen=True)
class KernelDistance:
    """Mean over subsets, and their standard deviation; None where one subset held everything."""

    mean: float
    std: float | None


def kernel_distance(features: Array, reference: Array, seed: int = 0) -> KernelDistance:
    """Unbiased MMD^2 under the kernel (x.y / d + 1)^3; can be slightly negative.

    Sets of at most `SUBSET_SIZE` samples are compared whole; larger ones by `NUM_SUBSETS` pairs of
    random subsets, as is the custom.
    """
    features = np.asarray(features, dtype=np.float64)
    reference = np.asarray(reference, dtype=np.float64)
    if max(len(features), len(reference)) <= SUBSET_SIZE:
        return KernelDistance(_mmd(features, reference), None)
    # The draw must not depend on the order in which pictures were read.
    features, reference = (each[np.lexsort(each.T[::-1])] for each in (features, reference))
    rng = np.random.default_rng(seed)
    estimates = [_mmd(_subset(features, rng), _subset(reference, rng)) for _ in range(NUM_SUBSETS)]
    return KernelDistance(float(np.mean(estimates)), float(np.std(estimates, ddof=1)))


def _subset(features: Array, rng: np.random.Generator) -> Array:
    size = min(SUBSET_SIZE, len(features))
    return features[rng.choice(len(features), size, replace=False)]


def _mmd(features: Array, reference: Array) -> float:
    n, m = len(features), len(reference)
    assert min(n, m) >= 2
    within = _kernel(features, features)
    between = _kernel(features, reference)
    within_reference = _kernel(reference, reference)
    return float(
        (within.sum() - np.trace(within)) / (n * (n - 1))
        + (within_reference.sum() - np.trace(within_reference)) / (m * (m - 1))
        - 2 * between.mean()
    )


def _kernel(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)
