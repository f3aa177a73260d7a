"""What a run will do, before it does it: windows, weights, model calls. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from syncpano.checks import AS_FLAGS, Written, as_written, validate
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.extension import extension_windows
from syncpano.models.source import ModelSource
from syncpano.resolving import stride_of
from syncpano.schedule import sync_steps, sync_weights
from syncpano.windows import Grid, plan_grid, shifted_grid


@dataclass(frozen=True)
class Plan:
    """The geometry and the schedule of one panorama; lengths in latent cells.

    Attributes:
        height, width: the panorama.
        window: side of one window.
        stride: cells from window to window.
        weights: step -> w_t of the steps that synchronise.
    """

    config: PanoramaConfig
    height: int
    width: int
    window: int
    stride: int
    weights: Mapping[int, float]

    def grid(self, step: int) -> Grid:
        """Where the windows lie at a step."""
        if self.config.windows == "shifted":
            grid = shifted_grid(
                self.height,
                self.width,
                self.window,
                step=step,
                seed=self.config.seed,
                loop=self.config.loop,
            )
            return replace(grid, blend=self.config.blend)
        return self._still_grid

    @cached_property
    def _still_grid(self) -> Grid:
        loop = self.config.loop
        if self.config.method == "bld":
            grown = extension_windows(self.height, self.width, self.window, self.stride, loop=loop)
            return Grid(self.height, self.width, self.window, grown, anchor=0)
        grid = plan_grid(self.height, self.width, self.window, self.stride, loop=loop)
        return replace(grid, blend=self.config.blend)

    @property
    def num_reports(self) -> int:
        """Steps that a run reports: those of the schedule, for every window that is grown alone."""
        grown = len(self.grid(0).windows) if self.config.method == "bld" else 1
        return self.config.steps * grown


@dataclass(frozen=True)
class Calls:
    """How often the model runs, counted in windows.

    Attributes:
        predictions: UNet evaluations (each of them two passes where the step is guided).
        gradients: of those, the ones that a backward pass goes through.
        decodes: windows decoded for the loss.
    """

    predictions: int
    gradients: int
    decodes: int


def plan(config: PanoramaConfig, source: ModelSource, written: Written = AS_FLAGS) -> Plan:
    """Validate a config against a model and lay it out.

    Args:
        written: how messages name settings that no flag gave, as for `validate`.

    Raises:
        SyncPanoError: the config cannot work.
    """
    validate(config, source, written)
    factor = source.vae_factor
    steps = sync_steps(config.steps, config.sync_freq, config.initial_steps)
    weight = config.sync_weight if config.wants_sync else 0.0
    made = Plan(
        config=config,
        height=config.height // factor,
        width=config.width // factor,
        window=source.window,
        stride=stride_of(config, source) // factor,
        weights=sync_weights(weight, config.sync_decay, steps),
    )
    return _with_something_to_move(made, written)


def _with_something_to_move(planned: Plan, written: Written) -> Plan:
    """The plan without descents where there is one window only.

    Raises:
        SyncPanoError: there are others, and `sync_every` leaves them all out.
    """
    every, weights = planned.config.sync_every, {}
    for step, weight in planned.weights.items():
        grid = planned.grid(step)
        count = len(grid.windows)
        if count == 1:
            continue
        if len(grid.thinned(every)) == 1:
            most = next(n for n in range(count - 1, 0, -1) if len(grid.thinned(n)) > 1)
            raise SyncPanoError(
                f"{as_written(planned.config, 'sync_every', written)} leaves no window to descend "
                f"for, of {count}",
                hint=f"use `--sync-every {most}` or less",
            )
        weights[step] = weight
    return replace(planned, weights=weights)


def count_calls(planned: Plan) -> Calls:
    """Model calls of the whole run."""
    steps = [step_calls(planned, step) for step in range(planned.config.steps)]
    return Calls(
        predictions=sum(calls.predictions for calls in steps),
        gradients=sum(calls.gradients for calls in steps),
        decodes=sum(calls.decodes for calls in steps),
    )


def step_calls(planned: Plan, step: int) -> Calls:
    """Model calls of one step."""
    grid = planned.grid(step)
    count = len(grid.windows)
    if step not in planned.weights:
        return Calls(count, 0, 0)
    thinned = grid.thinned(planned.config.sync_every)
    moved = len(thinned) - 1
    if planned.config.compare == "noisy":
        return Calls(count, 0, moved + 1)
    if planned.config.predict_once:
        return Calls(count, moved, moved + 1)
    # The anchor's prediction is shared, unless thinning moves it with the canvas.
    twice = int(planned.config.sync_every > 1)
    return Calls(count + moved + twice, moved, moved + 1)
