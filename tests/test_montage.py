"""Cropping and averaging, the two halves of MultiDiffusion's merge."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from syncpano.montage import average, crop
from syncpano.windows import Blend, Grid, Window
from tests.test_windows import grids, shifted

BLENDS = get_args(Blend)
ROUNDING = 1e-6  # a mean of up to 81 equal float32 numbers


def panorama(grid: Grid) -> torch.Tensor:
    generator = torch.Generator().manual_seed(grid.width)
    return torch.randn(1, 2, grid.height, grid.width, generator=generator)


@given(st.one_of(grids(), shifted()))
def test_averaging_unchanged_views_gives_back_the_panorama(grid: Grid) -> None:
    latent = panorama(grid)
    views = crop(latent, grid.windows)
    assert views.shape == (len(grid.windows), 2, grid.size, grid.size)
    merged = average(views, grid.windows, grid.height, grid.width)
    torch.testing.assert_close(merged, latent, atol=ROUNDING, rtol=ROUNDING)


@given(grids())
def test_a_cell_is_the_mean_of_the_windows_that_cover_it(grid: Grid) -> None:
    numbers = torch.arange(len(grid.windows), dtype=torch.float32)
    views = numbers[:, None, None, None].expand(-1, 1, grid.size, grid.size)
    merged = average(views, grid.windows, grid.height, grid.width)
    covering = [
        i
        for i, window in enumerate(grid.windows)
        if window.top == 0 and (grid.width - 1 - window.left) % grid.width < grid.size
    ]
    assert merged[0, 0, 0, -1] == sum(covering) / len(covering)


@given(st.one_of(grids(), shifted()))
def test_a_tapered_mean_of_unchanged_views_is_the_panorama_too(grid: Grid) -> None:
    latent = panorama(grid)
    views = crop(latent, grid.windows)
    merged = average(views, grid.windows, grid.height, grid.width, "tapered")
    torch.testing.assert_close(merged, latent, atol=ROUNDING, rtol=ROUNDING)


@pytest.mark.parametrize("down", [False, True])
def test_a_tapered_window_fades_into_its_neighbour(down: bool) -> None:
    views = torch.tensor([0.0, 1.0])[:, None, None, None].expand(-1, 1, 4, 4)
    windows = [Window(0, 0, 4), Window(2, 0, 4) if down else Window(0, 2, 4)]
    height, width = (6, 4) if down else (4, 6)
    merged = (average(views, windows, height, width, how)[0, 0] for how in BLENDS)
    uniform, tapered = (cells[:, 1] if down else cells[1] for cells in merged)
    assert uniform.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    torch.testing.assert_close(tapered, torch.tensor([0, 0, 0.25, 0.75, 1, 1]))


@pytest.mark.parametrize("blend", BLENDS)
def test_cells_that_no_window_covers_stay_zero(blend: Blend) -> None:
    merged = average(torch.ones(1, 1, 2, 2), [Window(0, 1, 2)], 2, 4, blend)
    assert merged[0, 0].tolist() == [[0, 1, 1, 0], [0, 1, 1, 0]]


def test_a_window_across_the_edge_of_a_loop_wraps() -> None:
    latent = torch.arange(4.0).reshape(1, 1, 1, 4)
    assert crop(latent, [Window(0, 3, 1)]).flatten().tolist() == [3]
    assert crop(latent.expand(1, 1, 2, 4), [Window(0, 3, 2)])[0, 0, 0].tolist() == [3, 0]


def test_views_of_a_short_format_are_averaged_in_float32() -> None:
    views = torch.tensor([1.0, 1.0, 1.0078125], dtype=torch.bfloat16).reshape(3, 1, 1, 1)
    merged = average(views, [Window(0, 0, 1)] * 3, 1, 1)
    assert merged.dtype == torch.float32
    assert abs(merged.item() - 1.0026041) < ROUNDING
