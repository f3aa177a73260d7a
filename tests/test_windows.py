"""Where windows lie: coverage, closure and the anchor."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncpano.errors import SyncPanoError
from syncpano.windows import Grid, Window, plan_grid, shifted_grid


@st.composite
def grids(draw: st.DrawFn, *, loop: bool | None = None) -> Grid:
    """Panoramas of one to a few windows in both axes, open or closed."""
    size = draw(st.integers(1, 9))
    stride = draw(st.integers(1, size))
    height = size + draw(st.integers(0, 12))
    closed = draw(st.booleans()) if loop is None else loop
    if closed:
        width = stride * draw(st.integers(-(-size // stride), 12))
    else:
        width = size + draw(st.integers(0, 30))
    return plan_grid(height, width, size, stride, loop=closed)


@st.composite
def shifted(draw: st.DrawFn) -> Grid:
    size = draw(st.integers(1, 9))
    height, width = (size + draw(st.integers(0, 30)) for _ in range(2))
    step, seed = draw(st.integers(0, 60)), draw(st.integers(0, 2**63))
    return shifted_grid(height, width, size, step=step, seed=seed, loop=draw(st.booleans()))


def cover_counts(grid: Grid) -> Counter[tuple[int, int]]:
    return Counter(
        (window.top + row, (window.left + column) % grid.width)
        for window in grid.windows
        for row in range(window.size)
        for column in range(window.size)
    )


@given(st.one_of(grids(), shifted()))
def test_every_cell_is_covered_and_no_window_leaves_the_panorama(grid: Grid) -> None:
    cells = {(row, column) for row in range(grid.height) for column in range(grid.width)}
    assert set(cover_counts(grid)) == cells


@given(st.one_of(grids(), shifted()))
def test_no_two_windows_are_the_same(grid: Grid) -> None:
    assert len(set(grid.windows)) == len(grid.windows)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 12))
def test_a_loop_covers_every_column_equally_often(stride: int, overlap: int, more: int) -> None:
    size = stride * overlap
    grid = plan_grid(size, size + stride * more, size, stride, loop=True)
    assert set(cover_counts(grid).values()) == {overlap}


@given(grids(loop=True))
def test_a_loop_looks_the_same_from_every_stride(grid: Grid) -> None:
    stride = min((w.left for w in grid.windows if w.left), default=grid.width)
    counts = cover_counts(grid)
    assert all(
        count == counts[row, (column + stride) % grid.width]
        for (row, column), count in counts.items()
    )


@given(grids(loop=False))
def test_the_last_window_of_an_open_axis_is_flush_with_the_border(grid: Grid) -> None:
    assert max(window.left for window in grid.windows) == grid.width - grid.size
    assert max(window.top for window in grid.windows) == grid.height - grid.size


@pytest.mark.parametrize(
    ("height", "width", "count"), [(64, 384, 21), (256, 64, 13), (64, 128, 5), (64, 64, 1)]
)
def test_the_papers_sizes_have_the_papers_windows(height: int, width: int, count: int) -> None:
    assert len(plan_grid(height, width, 64, 16).windows) == count


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 30))
def test_the_anchor_of_an_open_tiled_row_is_the_references(
    stride: int, overlap: int, more: int
) -> None:
    grid = plan_grid(
        stride * overlap, stride * (overlap + more), stride * overlap, stride, loop=False
    )
    assert grid.anchor == len(grid.windows) // 2


@given(grids())
def test_no_window_is_nearer_the_centre_than_the_anchor(grid: Grid) -> None:
    def distance(index: int) -> float:
        window = grid.windows[index]
        across = (window.left + window.size / 2) % grid.width - grid.width / 2
        return (window.top + window.size / 2 - grid.height / 2) ** 2 + across**2

    nearest = min(map(distance, range(len(grid.windows))))
    assert distance(grid.anchor) == nearest
    assert all(distance(i) > nearest for i in range(grid.anchor + 1, len(grid.windows)))


def test_with_an_even_number_of_rows_the_anchor_is_not_at_the_left_border() -> None:
    grid = plan_grid(80, 192, 64, 16)  # two rows of nine windows
    assert grid.windows[grid.anchor].left == 64


@pytest.mark.parametrize(("seed", "step", "left"), [(5, 3, 27), (5, 4, 42), (6, 3, 46)])
def test_shifted_windows_are_the_same_on_every_machine(seed: int, step: int, left: int) -> None:
    for width in (384, 768):
        grid = shifted_grid(64, width, 64, step=step, seed=seed, loop=True)
        assert grid.windows[0] == Window(0, left, 64)


@pytest.mark.parametrize(
    ("height", "width", "loop"), [(64, 384, False), (256, 64, False), (256, 384, True)]
)
def test_shifted_windows_move_from_step_to_step(height: int, width: int, loop: bool) -> None:
    """Along both axes, unless one window is all that an axis has room for."""
    grids = [shifted_grid(height, width, 64, step=step, seed=0, loop=loop) for step in range(10)]
    lefts = {frozenset(window.left for window in grid.windows) for grid in grids}
    tops = {frozenset(window.top for window in grid.windows) for grid in grids}
    assert len(lefts) == (10 if width > 64 else 1)
    assert len(tops) == (10 if height > 64 else 1)


@given(st.integers(1, 9), st.integers(-3, 12), st.integers(1, 40), st.integers(1, 40))
def test_what_does_not_fit_is_refused_with_a_hint(
    size: int, stride: int, height: int, width: int
) -> None:
    assume(min(height, width) < size or not 1 <= stride <= size)
    with pytest.raises(SyncPanoError) as refused:
        plan_grid(height, width, size, stride)
    assert refused.value.hint


def test_a_stride_that_does_not_close_the_loop_is_refused() -> None:
    with pytest.raises(SyncPanoError, match="cannot close a loop"):
        plan_grid(64, 375, 64, 16, loop=True)


@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 30))
def test_a_stride_that_divides_no_window_closes_every_loop(
    size: int, stride: int, more: int
) -> None:
    assume(stride < size and size % stride)
    width = size + more
    lefts = [window.left for window in plan_grid(size, width, size, stride, loop=True).windows]
    gaps = {after - before for before, after in pairwise([*lefts, lefts[0] + width])}
    assert max(gaps) <= stride
    assert max(gaps) - min(gaps) <= 1


@given(grid=grids(), every=st.integers(1, 9))
def test_thinned_windows_are_evenly_spread_from_the_anchor_on(grid: Grid, every: int) -> None:
    chosen = grid.thinned(every)
    assert grid.anchor in chosen
    assert chosen == sorted(set(chosen))
    windows = [grid.windows[index] for index in chosen]
    tops, lefts = ({getattr(window, side) for window in windows} for side in ("top", "left"))
    assert len(windows) == len(tops) * len(lefts)
    for side, all_of_it in (("top", tops), ("left", lefts)):
        places = sorted({getattr(window, side) for window in grid.windows})
        kept = [place in all_of_it for place in places]
        rounds = kept * 2 if grid.loop and side == "left" else kept
        first, last = rounds.index(True), len(rounds) - 1 - rounds[::-1].index(True)
        gaps = "".join("x" if keep else "." for keep in rounds[first : last + 1]).split("x")
        assert max(map(len, gaps)) < every
        assert first == 0 or (grid.loop and side == "left")
    assert grid.thinned(1) == list(range(len(grid.windows)))


@given(grid=grids(), every=st.integers(1, 9))
def test_what_thinned_windows_leave_out_is_counted_cell_by_cell(grid: Grid, every: int) -> None:
    chosen = grid.thinned(every)
    covered = {
        (row, column % grid.width)
        for window in (grid.windows[index] for index in chosen)
        for row in range(window.top, window.top + window.size)
        for column in range(window.left, window.left + window.size)
    }
    share = 1 - len(covered) / (grid.height * grid.width)
    assert grid.uncovered(chosen) == pytest.approx(share, abs=1e-9)
