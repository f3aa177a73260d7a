"""Blended Latent Diffusion as extrapolation, and windows that know nothing of each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from syncpano.baselines import NoisingDenoiser, bld
from syncpano.extension import extension_windows
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.sampler import Batches, StepReport, sample
from syncpano.windows import Grid, Window, plan_grid

WINDOW = 8
STEPS = 3
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path) -> NoisingDenoiser:
    model = load_model(resolve_source(str(tiny_model), download=False), "cpu", "float32")
    return model.bind("a waterfall", "", 3.0, STEPS, "ddim")


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(0))


@given(st.integers(WINDOW, 40), st.integers(WINDOW, 40), st.integers(1, WINDOW), st.booleans())
def test_growing_covers_every_cell_and_each_window_touches_what_is_there(
    height: int, width: int, stride: int, loop: bool
) -> None:
    covered = torch.zeros(height, width, dtype=torch.bool)
    for index, window in enumerate(extension_windows(height, width, WINDOW, stride, loop=loop)):
        columns = torch.arange(window.left, window.left + WINDOW)
        assert loop or int(columns[-1]) < width
        cells = covered[window.top : window.top + WINDOW, columns % width]
        assert cells.shape == (WINDOW, WINDOW)
        if index and stride < WINDOW:
            assert cells.any(), "a window knows nothing of the picture"
        covered[window.top : window.top + WINDOW, columns % width] = True
    assert covered.all()


def growing(height: int, width: int, *, loop: bool = False) -> Grid:
    windows = extension_windows(height, width, WINDOW, 4, loop=loop)
    return Grid(height, width, WINDOW, windows, anchor=0)


def test_the_centre_comes_first_and_the_sides_take_turns() -> None:
    lefts = [window.left for window in extension_windows(8, 24, 8, 4)]
    assert lefts == [8, 4, 12, 0, 16]


def test_one_window_alone_is_sampled_as_ever(denoiser: NoisingDenoiser) -> None:
    grid = plan_grid(WINDOW, WINDOW, WINDOW, WINDOW)
    alone = sample(noise(8, 8), denoiser, lambda _: grid, None, Batches())
    assert torch.allclose(bld(noise(8, 8), denoiser, growing(8, 8)), alone, atol=ROUNDING)


def test_a_new_window_leaves_the_known_part_alone(denoiser: NoisingDenoiser) -> None:
    """The centre of the extended picture is the window that was sampled first, cell by cell."""
    latent = noise(8, 16)
    grown = bld(latent, denoiser, growing(8, 16))
    centre = latent[..., 4:12]
    alone = bld(centre, denoiser, growing(8, 8))
    assert torch.equal(grown[..., 4:12], alone)


def test_what_is_added_depends_on_what_is_known(denoiser: NoisingDenoiser) -> None:
    latent = noise(8, 12)
    other = latent.clone()
    other[..., 2:10] = noise(8, 8) + 1  # another centre, the same noise at the sides
    sides = [bld(z, denoiser, growing(8, 12))[..., :2] for z in (latent, other)]
    assert not torch.allclose(*sides, atol=1e-3)


@pytest.mark.parametrize(
    ("height", "width", "loop"), [(8, 20, False), (20, 8, False), (8, 24, True), (12, 12, False)]
)
def test_every_direction_is_filled_and_every_step_reported(
    denoiser: NoisingDenoiser, height: int, width: int, loop: bool
) -> None:
    reports: list[StepReport] = []
    grid = growing(height, width, loop=loop)
    latent = bld(noise(height, width), denoiser, grid, report=reports.append)
    assert [report.step for report in reports] == list(range(STEPS * len(grid.windows)))
    assert reports[-1].foreseen.shape == latent.shape
    # Nothing is left of the noise that it started from.
    assert ((latent - noise(height, width)).abs() > 0).float().mean() > 0.99


@pytest.mark.parametrize("scheduler", ["dpmsolver++", "unipc"])
def test_solvers_with_memory_start_afresh_with_every_window(
    tiny_model: Path, scheduler: str
) -> None:
    model = load_model(resolve_source(str(tiny_model), download=False), "cpu", "float32")
    bound = model.bind("a waterfall", "", 3.0, STEPS, scheduler)
    first, again = (bld(noise(8, 16), bound, growing(8, 16)) for _ in range(2))
    assert torch.equal(first, again)


def test_a_montage_is_its_windows_sampled_alone(denoiser: NoisingDenoiser) -> None:
    latent = noise(8, 24)
    apart = plan_grid(8, 24, 8, 8)
    joined = sample(latent, denoiser, lambda _: apart, None, Batches())
    grid = plan_grid(8, 8, 8, 8)
    for left in (0, 8, 16):
        cells = latent[..., left : left + 8]
        alone = sample(cells, denoiser, lambda _: grid, None, Batches())
        assert torch.allclose(joined[..., left : left + 8], alone, atol=ROUNDING)


def test_a_latent_that_is_not_finite_names_the_step(denoiser: NoisingDenoiser) -> None:
    from syncpano.errors import SyncPanoError

    latent = noise(8, 8)
    latent[0, 0, 0, 0] = float("nan")
    with pytest.raises(SyncPanoError, match="step 0"):
        bld(latent, denoiser, growing(8, 8))


def test_a_ring_of_the_smallest_windows_is_covered() -> None:
    for size in (1, 2):
        windows = extension_windows(4, 8, size, 1, loop=True)
        assert {(w.left + offset) % 8 for w in windows for offset in range(size)} == set(range(8))


@pytest.mark.parametrize("length", [12, 22, 24, 96])
@pytest.mark.parametrize("stride", range(1, 8))
def test_the_last_window_joins_both_ends_of_a_ring(length: int, stride: int) -> None:
    windows = extension_windows(8, length, 8, stride, loop=True)
    assert windows[0] == Window(0, (length - 8) // 2, 8)
    known: set[int] = set()
    inner = set()  # columns that lie in one window together with the column before
    for window in windows:
        columns = [(window.left + offset) % length for offset in range(8)]
        assert not known.issuperset(columns)  # something is left to paint
        known.update(columns)
        inner.update(columns[1:])
    assert inner == set(range(length))
