"""When and how strongly the run synchronises."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncpano.errors import SyncPanoError
from syncpano.schedule import step_places, sync_steps, sync_weights


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, int]:
    steps = draw(st.integers(1, 200))
    return steps, draw(st.integers(1, steps))


@given(runs())
def test_f_is_the_number_of_descents(run: tuple[int, int]) -> None:
    steps, frequency = run
    chosen = sync_steps(steps, frequency)
    assert len(set(chosen)) == frequency
    assert all(0 <= step < steps for step in chosen)
    assert chosen[-1] == steps - 1


@given(runs())
def test_descents_are_evenly_spaced(run: tuple[int, int]) -> None:
    steps, frequency = run
    chosen = (-1, *sync_steps(steps, frequency))
    gaps = {after - before for before, after in pairwise(chosen)}
    assert max(gaps) - min(gaps) <= 1


@given(st.integers(1, 20), st.integers(1, 20))
def test_where_f_divides_the_steps_they_lie_as_in_the_reference(interval: int, f: int) -> None:
    steps = interval * f
    expected = tuple(k for k in range(steps) if (k + 1) % interval == 0)
    assert sync_steps(steps, f) == expected


@given(runs(), st.integers(0, 220))
def test_initial_steps_only_cut_the_rest_off(run: tuple[int, int], initial: int) -> None:
    steps, frequency = run
    every = sync_steps(steps, frequency)
    assert sync_steps(steps, frequency, initial) == tuple(k for k in every if k < initial)


@pytest.mark.parametrize("frequency", [0, -1, 51])
def test_a_frequency_outside_the_run_is_refused(frequency: int) -> None:
    with pytest.raises(SyncPanoError, match="do not fit"):
        sync_steps(50, frequency)


@given(runs(), st.floats(0.01, 1.0))
def test_initial_steps_share_their_span_and_the_others_the_rest(
    run: tuple[int, int], finer: float
) -> None:
    steps, initial = run
    span = finer * initial / steps
    places = step_places(steps, initial, span)
    if initial == steps:
        assert places is None
        return
    assert places is not None
    assert len(places) == steps
    assert places[0] == 0
    assert places[initial] == pytest.approx(span * steps)
    lengths = [after - before for before, after in pairwise((*places, steps))]
    assert lengths[:initial] == pytest.approx([span * steps / initial] * initial)
    assert lengths[initial:] == pytest.approx([lengths[-1]] * (steps - initial))


def test_the_span_of_an_even_schedule_is_even() -> None:
    assert step_places(20, 5, 0.25) == pytest.approx(tuple(range(20)))
    assert step_places(20, 5) is None


@given(st.floats(1e-3, 1e4), st.floats(0.5, 1.0), runs())
def test_the_weight_decays_with_the_step_index(
    weight: float, decay: float, run: tuple[int, int]
) -> None:
    weights = sync_weights(weight, decay, sync_steps(*run))
    assert all(w == weight * decay**k for k, w in weights.items())


def test_w_zero_has_no_synchronised_step() -> None:
    assert sync_weights(0.0, 0.95, sync_steps(50)) == {}


def test_a_weight_that_has_faded_away_is_no_descent() -> None:
    assert sync_weights(20.0, 0.0, sync_steps(50)) == {0: 20.0}
    assert sync_weights(20.0, 0.0, sync_steps(50, frequency=5)) == {}
