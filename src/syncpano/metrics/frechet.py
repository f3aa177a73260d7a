"""Frechet distance between two sets of features, as Gaussians (FID: Heusel et al., NeurIPS 2017).

# n samples, d feature dimensions; everything in float64
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """Mean (d) and a factor F (r d) of the covariance F^T F."""

    mean: Array
    factor: Array

    @classmethod
    def of_features(cls, features: Array) -> Gaussian:
        """n d -> mean and unbiased covariance; needs two samples."""
        features = np.asarray(features, dtype=np.float64)
        assert features.ndim == 2
        assert len(features) >= 2
        mean = features.mean(axis=0)
        # R of a QR decomposition has at most d rows, however many samples there are.
        factor = np.linalg.qr(features - mean, mode="r") / np.sqrt(len(features) - 1)
        return cls(mean, factor)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), at least 0.

    With C = F^T F the last trace is the nuclear norm of F1 F2^T: no matrix root of a product that
    is not symmetric, and exact for fewer samples than dimensions.
    """
    shift = one.mean - other.mean
    overlap = np.linalg.svd(one.factor @ other.factor.T, compute_uv=False).sum()
    spread = np.square(one.factor).sum() + np.square(other.factor).sum()
    return max(0.0, float(shift @ shift + spread - 2 * overlap))
