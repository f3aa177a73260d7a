"""What an experiment is: rows of settings over prompts and seeds, as YAML. No torch.

The files are in configs/experiments/; docs/reproduce.md explains their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from syncpano.batch import read_prompt_file
from syncpano.config import PanoramaConfig, Value, preset_folder
from syncpano.errors import SyncPanoError, suggestion
from syncpano.layers import resolve, values_layer
from syncpano.metrics.settings import METRICS, OF_SETS, key_of
from syncpano.presets import read_yaml

Kind = Literal["table", "lines", "grid"]
BarKind = Literal["falls", "drops", "keeps", "fails_to_keep", "stays"]
Published = tuple[float | str, float]  # mean (or "<0.01") and standard deviation
PUBLISHED = (*map(key_of, METRICS), "seconds")  # what a row's `paper` may have
FIRST_REFERENCE_SEED = 10_000  # no row paints these seeds
Made = TypeVar("Made")


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
        pictures: how many prompts are shown with seed 0, measured or not.
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


def experiments() -> dict[str, Path]:
    """Name -> file of every experiment that comes along."""
    return {path.stem: path for path in sorted((preset_folder() / "experiments").glob("*.yaml"))}


def paper_prompts() -> list[str]:
    """The paper's 18 prompts; the first six are those of its tables."""
    path = preset_folder() / "experiments" / "prompts.txt"
    return read_prompt_file(path)


def find_experiment(name: str) -> Experiment:
    """An experiment by its name, or from a YAML file.

    Raises:
        SyncPanoError: there is none, or a key or value in it cannot be used.
    """
    known = experiments()
    path = known.get(name) or Path(name)
    if not path.is_file():
        raise SyncPanoError(
            f"{name!r} is no experiment and no file",
            hint=suggestion(name, known) or f"experiments: {', '.join(known)}",
        )
    return parse_experiment(read_yaml(path), path.stem)


def parse_experiment(content: Mapping[str, Any], name: str) -> Experiment:
    """Check an experiment read from YAML.

    Raises:
        SyncPanoError: a key or value in it cannot be used.
    """
    values = {**content, "name": name}
    values["rows"] = _each(Row, content.get("rows"), f"rows of {name}")
    if "layouts" in content:
        values["layouts"] = _each(Layout, content["layouts"], f"layouts of {name}")
    if "bars" in content:
        values["bars"] = _each(Bar, content["bars"], f"bars of {name}")
    experiment = _make(Experiment, values, name)
    if experiment.kind not in get_args(Kind):
        raise _wrong(f"kind {experiment.kind!r} of {name}", f"one of {', '.join(get_args(Kind))}")
    for number, least in {"prompts": 1, "samples": 1, "pictures": 0, "references": 0}.items():
        value = getattr(experiment, number)
        if not isinstance(value, int) or value < least:
            raise _wrong(f"{number} of {name}", f"a whole number of at least {least}")
    names = [row.name for row in experiment.rows]
    if not names or len(set(names)) < len(names):
        raise _wrong(f"rows of {name}", "rows with different names")
    parts: list[Experiment | Row | Layout | Bar] = [experiment, *experiment.rows]
    for part in (*parts, *experiment.layouts, *experiment.bars):
        _check_types(part, name)
    _check_references(experiment, names)
    bars = tuple(
        replace(bar, rows=tuple(bar.rows), metric=key_of(bar.metric)) for bar in experiment.bars
    )
    return replace(experiment, bars=bars)


def varied(experiment: Experiment) -> frozenset[str]:
    """The settings that rows or layouts say something about, each in its own way."""
    configs = [row.config for row in experiment.rows]
    return frozenset().union(*configs, *(layout.config for layout in experiment.layouts))


def only(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """The experiment with some of its rows, and with what can be said of those alone.

    Raises:
        SyncPanoError: there is no such row.
    """
    known = [row.name for row in experiment.rows]
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


def _check_types(part: Experiment | Row | Layout | Bar, where: str) -> None:
    """Of what YAML may have got wrong, all that would only be found after hours of painting."""
    texts = ("name", "title", "x_label", "against")
    for key, value in vars(part).items():
        if key in texts and not isinstance(value, str | None):
            raise _wrong(f"{key} {value!r} of {where}", "a text")
        if key in ("base", "config", "paper") and not isinstance(value, Mapping):
            raise _wrong(f"{key} {value!r} of {where}", "a mapping")
        if key in ("x", "least") and not isinstance(value, int | float | None):
            raise _wrong(f"{key} {value!r} of {where}", "a number")
    for metric, value in getattr(part, "paper", {}).items():
        pair = value if isinstance(value, list) and len(value) == 2 else [None, None]
        if not isinstance(pair[0], int | float | str) or not isinstance(pair[1], int | float):
            raise _wrong(f"{metric} {value!r} of {where}", "a mean and its standard deviation")


def _check_references(experiment: Experiment, names: Sequence[str]) -> None:
    mentioned = [row.against for row in experiment.rows if row.against is not None]
    for row in experiment.rows:
        for metric in row.paper:
            if metric not in PUBLISHED:
                raise _wrong(f"{metric!r} of row {row.name!r}", ", ".join(PUBLISHED))
    for bar in experiment.bars:
        _check_bar(bar, f"bar {bar.kind!r} of {experiment.name}")
        mentioned += bar.rows
    for mention in mentioned:
        if mention not in names:
            raise _wrong(f"{mention!r} in {experiment.name}", "the name of a row")


def _check_bar(bar: Bar, where: str) -> None:
    if bar.kind not in get_args(BarKind):
        raise _wrong(where, ", ".join(get_args(BarKind)))
    shares = bar.kind in ("keeps", "fails_to_keep")
    if len(bar.rows) < 2 or (shares and len(bar.rows) != 3):
        raise _wrong(f"rows of {where}", "three rows" if shares else "at least two rows")
    names = [name for name in METRICS if bar.kind != "stays" or name not in OF_SETS]
    if bar.metric not in (*names, *map(key_of, names), "seconds"):
        raise _wrong(f"metric {bar.metric!r} of {where}", ", ".join(names))


def _each(made: type[Made], items: object, where: str) -> tuple[Made, ...]:
    if not isinstance(items, list):
        raise _wrong(where, "a list")
    return tuple(_make(made, item, where) for item in items)


def _make(made: type[Made], values: object, where: str) -> Made:
    if not isinstance(values, Mapping):
        raise _wrong(where, "a mapping")
    known = [item.name for item in fields(made)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise SyncPanoError(
                f"{key!r} in {where} is no key of an experiment",
                hint=suggestion(str(key), known) or f"keys: {', '.join(known)}",
            )
    try:
        return made(**values)
    except TypeError as error:
        raise _wrong(where, "all of its required keys") from error


def _wrong(what: str, wanted: str) -> SyncPanoError:
    return SyncPanoError(f"{what} cannot be used", hint=f"expected: {wanted}")
