"""Join pieces by their differences: the field closest to given gradients and, loosely, to a base.

# H W a field's cells, B batch of fields
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


class ScreenedPoisson:
    """Solver on an H x W grid, exact, by the eigenvectors of the grid's Laplacian.

    Minimises the squared error of all differences between neighbours plus `screen` times that of
    the values (Bhat et al., ECCV 2008). Borders are free; with `ring` the columns wrap.
    """

    def __init__(self, height: int, width: int, screen: float, *, ring: bool) -> None:
        assert screen > 0
        self._ring = ring
        (tall, self._rows), (wide, self._columns) = (
            torch.linalg.eigh(_laplacian(height, ring=False)),
            torch.linalg.eigh(_laplacian(width, ring=ring)),
        )
        self._screen = screen
        self._denominator = tall[:, None] + wide + screen

    def solve(self, right: Tensor, down: Tensor, base: Tensor) -> Tensor:
        """The field, B H W.

        Args:
            right: B H W, wanted value of the next column minus this one; the last column counts
                in a ring only.
            down: B H W, the same of the next row; the last row does not count.
            base: B H W, wanted values.
        """
        right, down = right.clone(), down.clone()
        if not self._ring:
            right[..., -1] = 0
        down[..., -1, :] = 0
        wanted = right.roll(1, -1) - right + down.roll(1, -2) - down + self._screen * base
        rows, columns = self._rows.to(base), self._columns.to(base)
        spectrum = rows.T @ wanted @ columns / self._denominator.to(base)
        field: Tensor = rows @ spectrum @ columns.T
        return field


def differences_of(fields: Tensor) -> Tensor:
    """N B H W -> N 4*B H W: to the next column, from the one before, and the same of rows.

    A piece of a field keeps all four: where it ends, its neighbour is another piece. At the borders
    they are zero.
    """
    padded = F.pad(fields, (1, 1, 1, 1), mode="replicate")
    return torch.cat(
        [
            padded[..., 1:-1, 2:] - fields,
            fields - padded[..., 1:-1, :-2],
            padded[..., 2:, 1:-1] - fields,
            fields - padded[..., :-2, 1:-1],
        ],
        1,
    )


def mean_differences(differences: Tensor) -> tuple[Tensor, Tensor]:
    """4*B H W -> right and down, B H W: the mean of what two neighbours say of their difference."""
    right, left, down, up = differences.chunk(4)
    return (right + left.roll(-1, -1)) / 2, (down + up.roll(-1, -2)) / 2


def _laplacian(length: int, *, ring: bool) -> Tensor:
    """The graph Laplacian of a path or a ring, in double precision."""
    step = torch.eye(length, dtype=torch.float64).roll(1, 1) - torch.eye(
        length, dtype=torch.float64
    )
    if not ring:
        step = step[:-1]
    return step.T @ step
