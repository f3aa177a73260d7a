"""Closed forms of the autoencoder: a mirror-symmetric PCA of cells and its least-squares inverse.

# M cells, p pixels a cell's side, D = 3 p p numbers a cell, C latent channels, h w latent cells
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
        signs: C, +1 for even rows and -1 for odd: mirroring an image flips the latent's columns
            and multiplies its channels by these.
        scale: C, latent channel = scale * (basis @ (cell - mean)).
    """

    mean: Tensor
    basis: Tensor
    signs: Tensor
    scale: Tensor


def cells(images: Tensor, p: int) -> Tensor:
    """N 3 H W -> M D, in the order of a p-strided convolution's weights."""
    return F.unfold(images, p, stride=p).transpose(1, 2).flatten(0, 1)


def fit_transform(
    images: Iterable[Tensor], p: int, channels: int, whitening: float
) -> CellTransform:
    """PCA of the cells of all images and their mirror images (each 1 3 H W in [-1, 1])."""
    total, outer, count = torch.zeros(3 * p * p), torch.zeros(3 * p * p, 3 * p * p), 0
    for image in images:
        these = cells(image, p)
        total += these.sum(0)
        outer.addmm_(these.T, these)
        count += len(these)
    mirror = torch.arange(3 * p * p).view(3, p, p).flip(2).flatten()
    mean = (total + total[mirror]) / (2 * count)
    covariance = (outer + outer[mirror][:, mirror]) / (2 * count) - torch.outer(mean, mean)
    values, basis, signs = _even_and_odd_eigenvectors(covariance, p)
    order = values.argsort(descending=True)[:channels]
    values, basis, signs = values[order], basis[order], signs[order]
    scale = values.clamp(min=1e-9) ** (-whitening / 2)
    variance = (values * scale**2).mean()
    return CellTransform(mean, basis, signs, scale / variance.sqrt())


def _even_and_odd_eigenvectors(covariance: Tensor, p: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues, eigenvectors (rows) and parities, solved apart in the two mirror subspaces."""
    identity = torch.eye(3 * p * p).view(-1, 3, p, p)
    left = identity.view(3, p, p, 3, p, p)[:, :, : p // 2].flatten(0, 2)
    results = []
    for sign in (1.0, -1.0):
        subspace = ((left + sign * left.flip(3)) / 2**0.5).flatten(1)  # D/2 D
        values, vectors = torch.linalg.eigh(subspace @ covariance @ subspace.T)
        results.append((values, vectors.T @ subspace, torch.full_like(values, sign)))
    first, second = results
    return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))  # type: ignore[return-value]


def fit_linear_decoder(
    pairs: Iterable[tuple[Tensor, Tensor]], image_factor: int, ridge: float
) -> tuple[Tensor, Tensor]:
    """Least squares from 3x3 latent neighbourhoods to cells of `image_factor` pixels a side.

    Args:
        pairs: (latent 1 C h w, image 1 3 h*q w*q) with q the image factor.

    Returns:
        weight (3 q q) C 3 3 and bias (3 q q) of a convolution before `pixel_shuffle(q)`.
    """
    gram, moment, count = None, None, 0
    for latent, image in pairs:
        padded = F.pad(latent, (1, 1, 1, 1), mode="replicate")
        neighbours = F.unfold(padded, 3).transpose(1, 2).flatten(0, 1)  # M 9C
        inputs = torch.cat([neighbours, torch.ones(len(neighbours), 1)], 1)
        targets = F.pixel_unshuffle(image, image_factor).flatten(2).transpose(1, 2).flatten(0, 1)
        gram = inputs.T @ inputs if gram is None else gram.addmm_(inputs.T, inputs)
        moment = inputs.T @ targets if moment is None else moment.addmm_(inputs.T, targets)
        count += len(inputs)
    assert gram is not None
    assert moment is not None
    eye = torch.eye(len(gram)) * ridge * count
    solution = torch.linalg.solve((gram + eye).double(), moment.double()).float()  # (9C + 1) 3qq
    channels = (len(gram) - 1) // 9
    return solution[:-1].T.reshape(-1, channels, 3, 3), solution[-1]
