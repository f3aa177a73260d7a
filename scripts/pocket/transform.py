"""Closed forms of the autoencoder: a mirror-symmetric PCA of cells and its least-squares inverse.

# M cells, p pixels a cell's side, D = 3 p p numbers a cell, C latent channels, h w latent cells,
# K channels that are known already
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class CellTransform:
    """An orthonormal basis of cells with a scale per channel.

    Attributes:
        mean: D, the mean cell.
        basis: C D, rows of unit length; each is even or odd under mirroring.
        scale: C, latent channel = scale * (basis @ (cell - mean)).
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor


def cells(images: Tensor, p: int) -> Tensor:
    """N 3 H W -> M D, in the order of a p-strided convolution's weights."""
    return F.unfold(images, p, stride=p).transpose(1, 2).flatten(0, 1)


def fit_transform(
    images: Iterable[Tensor],
    p: int,
    channels: int,
    whitening: float,
    *,
    context: int | None = None,
    known: Tensor | None = None,
) -> CellTransform:
    """PCA of the cells of all images and their mirror images (each 1 3 H W in [-1, 1]).

    Args:
        context: the scale is such that the first channels, as many, have unit variance on average;
            None for all.
        known: K D, orthonormal rows, even or odd, that come first; the others are fitted in what
            these leave.
    """
    total, outer, count = torch.zeros(3 * p * p), torch.zeros(3 * p * p, 3 * p * p), 0
    for image in images:
        these = cells(image, p)
        total += these.sum(0)
        outer.addmm_(these.T, these)
        count += len(these)
    mirror = torch.arange(3 * p * p).view(3, p, p).flip(2).flatten()
    mean = (total + total[mirror]) / (2 * count)
    covariance = (outer + outer[mirror][:, mirror]) / (2 * count) - torch.outer(mean, mean)
    first = torch.zeros(0, 3 * p * p) if known is None else known
    rest = torch.eye(3 * p * p) - first.T @ first
    values, basis = _even_and_odd_eigenvectors(rest @ covariance @ rest, p)
    order = values.argsort(descending=True)[: channels - len(first)]
    values = torch.cat([(first @ covariance * first).sum(1), values[order]])
    scale = values.clamp(min=1e-9) ** (-whitening / 2)
    variance = (values * scale**2)[:context].mean()
    return CellTransform(mean, torch.cat([first, basis[order]]), scale / variance.sqrt())


def _even_and_odd_eigenvectors(covariance: Tensor, p: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors (rows), solved apart in the two mirror subspaces."""
    identity = torch.eye(3 * p * p).view(-1, 3, p, p)
    left = identity.view(3, p, p, 3, p, p)[:, :, : p // 2].flatten(0, 2)
    results = []
    for sign in (1.0, -1.0):
        subspace = ((left + sign * left.flip(3)) / 2**0.5).flatten(1)  # D/2 D
        values, vectors = torch.linalg.eigh(subspace @ covariance @ subspace.T)
        results.append((values, vectors.T @ subspace))
    first, second = results
    values, basis = (torch.cat(pair) for pair in zip(first, second, strict=True))
    return values, basis


def fit_linear_decoder(
    pairs: Iterable[tuple[Tensor, Tensor]], image_factor: int, ridge: float, reach: int
) -> tuple[Tensor, Tensor]:
    """Least squares from latent neighbourhoods to cells of `image_factor` pixels a side.

    Args:
        pairs: (latent 1 C h w, image 1 3 h*q w*q) with q the image factor.
        reach: neighbours to every side; k = 2 reach + 1.

    Returns:
        weight (3 q q) C k k and bias (3 q q) of a convolution before `pixel_shuffle(q)`.
    """
    fit = LeastSquares(2 * reach + 1)
    for latent, image in pairs:
        padded = F.pad(latent, (reach,) * 4, mode="replicate")
        fit.add(padded, F.pixel_unshuffle(image, image_factor))
    return fit.solution(ridge)


class LeastSquares:
    """A convolution without padding, fitted to pairs of its input and output in closed form."""

    def __init__(self, kernel: int) -> None:
        self.kernel = kernel
        self._gram, self._moment, self._weight = torch.zeros(()), torch.zeros(()), 0.0

    def add(self, inputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> None:
        """Take in a batch.

        Args:
            inputs: N C h+k-1 w+k-1.
            targets: N T h w.
            weights: N; None for ones.
        """
        neighbours = F.unfold(inputs, self.kernel).transpose(1, 2)  # N M Ckk
        ones = torch.ones_like(neighbours[..., :1])
        rows = torch.cat([neighbours, ones], 2)
        each = torch.ones(len(rows)) if weights is None else weights
        weighted = (rows * each.view(-1, 1, 1)).flatten(0, 1)
        self._gram = self._gram + weighted.T @ rows.flatten(0, 1)
        self._moment = self._moment + weighted.T @ targets.flatten(2).transpose(1, 2).flatten(0, 1)
        self._weight += float(each.sum()) * rows.shape[1]

    def solution(self, ridge: float) -> tuple[Tensor, Tensor]:
        """Weight T C k k and bias T; `ridge` is the variance of noise that inputs may carry."""
        eye = torch.eye(len(self._gram)) * ridge * self._weight
        solved = torch.linalg.solve((self._gram + eye).double(), self._moment.double()).float()
        return solved[:-1].T.unflatten(1, (-1, self.kernel, self.kernel)), solved[-1]
