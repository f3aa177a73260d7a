"""What an experiment is: rows of settings over prompts and seeds. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from syncpano.config import PanoramaConfig, Value
from syncpano.errors import SyncPanoError, suggestion
from syncpano.layers import resolve, values_layer

Kind = Literal["table", "lines", "grid"]
BarKind = Literal["falls", "drops", "keeps", "fails_to_keep", "stays"]
Published = tuple[float | str, float]  # mean (or "<0.01") and standard deviation
FIRST_REFERENCE_SEED = 10_000  # no row paints these seeds
# Settings that the command gives to all panoramas alike.
OF_COMMAND = ("prompt", "seed", "model", "revision", "device")


@dataclass(frozen=True)
class Layout:
    """One shape in which every row of a comparison is painted."""

    name: str
    config: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of a table, or one strip of a comparison.

    Attributes:
        config: settings besides the experiment's `base`.
        x: its place on the axis of a line plot.
        against: the row it is compared with, prompt by prompt and seed by seed.
        paper: metric key (or "seconds") -> what the paper has, in the units of `UNITS`.
    """

    name: str
    config: Mapping[str, Value] = field(default_factory=dict)
    x: float | None = None
    against: str | None = None
    paper: Mapping[str, Published] = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """A claim that the rows must bear out.

    Attributes:
        kind: "falls": the metric falls from row to row; "drops": the last row is lower than the
            first by at least the share `least`; "keeps" (or "fails_to_keep"): of the drop from the
            first to the last row the middle one has at least (or less than) the share `least`;
            "stays": the mean paired difference of the last row to the first is at least minus its
            standard error.
    """

    kind: BarKind
    metric: str
    rows: tuple[str, ...]
    least: float = 0.0


@dataclass(frozen=True)
class Experiment:
    """A table or figure of the paper.

    Attributes:
        base: settings of all rows.
        prompts: how many prompts of the list are measured.
        samples: seeds 0, 1, ... of every prompt, the same in every row.
        pictures: how many prompts are shown with seed 0, measured or not; 0 is those measured.
        references: seeds of every prompt in the reference set of independent windows.
        x_label: of a line plot.
    """

    name: str
    title: str
    kind: Kind
    rows: tuple[Row, ...]
    base: Mapping[str, Value] = field(default_factory=dict)
    layouts: tuple[Layout, ...] = (Layout("horizontal"),)
    prompts: int = 6
    samples: int = 3
    pictures: int = 0
    references: int = 0
    x_label: str = "w"
    bars: tuple[Bar, ...] = ()


def varied(experiment: Experiment) -> frozenset[str]:
    """The settings that rows or layouts say something about, each in its own way."""
    configs = [row.config for row in experiment.rows]
    return frozenset().union(*configs, *(layout.config for layout in experiment.layouts))


def only(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """The experiment with some of its rows, and with what can be said of those alone.

    Raises:
        SyncPanoError: there is no such row, or none is named.
    """
    known = [row.name for row in experiment.rows]
    if not names:
        raise SyncPanoError("`--rows` names none", hint=f"rows: {'; '.join(known)}")
    for name in names:
        if name not in known:
            raise SyncPanoError(
                f"{experiment.name} has no row {name!r}",
                hint=suggestion(name, known) or f"rows: {'; '.join(known)}",
            )
    rows = tuple(
        replace(row, against=row.against if row.against in names else None)
        for row in experiment.rows
        if row.name in names
    )
    bars = tuple(bar for bar in experiment.bars if set(bar.rows) <= set(names))
    return replace(experiment, rows=rows, bars=bars)


def config_of(
    experiment: Experiment,
    row: Row,
    layout: Layout,
    prompt: str,
    seed: int,
    overrides: Mapping[str, Value],
) -> PanoramaConfig:
    """The config of one panorama: overrides > row > layout > base > defaults.

    Raises:
        SyncPanoError: a setting is unknown or of the wrong type.
    """
    layers = [
        values_layer("--set", overrides),
        values_layer(f"row {row.name!r} of {experiment.name}", row.config),
        values_layer(f"layout {layout.name!r} of {experiment.name}", layout.config),
        values_layer(f"base of {experiment.name}", experiment.base),
    ]
    return resolve(layers).config(prompt=prompt, seed=seed)
