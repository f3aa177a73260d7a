"""Experiments as YAML: found by name, read and checked. No torch.

The files are in configs/experiments/; docs/reproduce.md explains their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from math import inf
from pathlib import Path
from typing import Any, TypeVar, get_args

from syncpano import files
from syncpano.config import Value, preset_folder
from syncpano.errors import SyncPanoError, suggestion
from syncpano.experiments.spec import OF_COMMAND, Bar, BarKind, Experiment, Kind, Layout, Row
from syncpano.layers import values_layer
from syncpano.lists import read_prompt_file
from syncpano.metrics.settings import METRICS, key_of
from syncpano.presets import read_yaml

STAYING = ("clip", "pocket-fit", "edges")
PUBLISHED = (*map(key_of, METRICS), "seconds")  # what a row's `paper` may have
Made = TypeVar("Made")


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
    if not files.is_file(path):
        raise SyncPanoError(
            f"{name[:80]!r} is no experiment and no file",
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
        if not _is_number(value) or not isinstance(value, int) or value < least:
            raise _wrong(f"{number} of {name}", f"a whole number of at least {least}")
    parts: list[Experiment | Row | Layout | Bar] = [experiment, *experiment.rows]
    for part in (*parts, *experiment.layouts, *experiment.bars):
        _check_types(part, name)
    names = [row.name for row in experiment.rows]
    for what, given in {"rows": names, "layouts": [at.name for at in experiment.layouts]}.items():
        if not given or len(set(given)) < len(given):
            raise _wrong(f"{what} of {name}", f"{what} with different names")
    if experiment.kind == "lines" and all(row.x is None for row in experiment.rows):
        raise _wrong(f"rows of {name}", "rows with an x, over which lines are drawn")
    _check_references(experiment, names)
    bars = tuple(
        replace(bar, rows=tuple(bar.rows), metric=key_of(bar.metric)) for bar in experiment.bars
    )
    return _with_setting_names(replace(experiment, bars=bars))


def _with_setting_names(experiment: Experiment) -> Experiment:
    """Checked settings under their own names: `w` is `sync_weight`.

    Raises:
        SyncPanoError: a setting is unknown, given twice or of the wrong type.
    """

    def named(config: Mapping[str, Value], part: str) -> Mapping[str, Value]:
        return values_layer(f"{part} of {experiment.name}", config).values

    return replace(
        experiment,
        base=named(experiment.base, "base"),
        rows=tuple(
            replace(row, config=named(row.config, f"row {row.name!r}")) for row in experiment.rows
        ),
        layouts=tuple(
            replace(layout, config=named(layout.config, f"layout {layout.name!r}"))
            for layout in experiment.layouts
        ),
    )


def _check_types(part: Experiment | Row | Layout | Bar, where: str) -> None:
    """Of what YAML may have got wrong, all that would only be found after hours of painting."""
    texts = ("name", "title", "x_label", "against")
    for key, value in vars(part).items():
        if value is None and key in ("x", "against"):
            continue
        if key in texts and not isinstance(value, str):
            raise _wrong(f"{key} {value!r} of {where}", "a text")
        if key in ("base", "config", "paper") and not isinstance(value, Mapping):
            raise _wrong(f"{key} {value!r} of {where}", "a mapping")
        if key in ("x", "least") and not _is_number(value):
            raise _wrong(f"{key} {value!r} of {where}", "a number")
        if key == "rows" and not isinstance(value, list | tuple):
            raise _wrong(f"{key} {value!r} of {where}", "a list")
    for setting in {**getattr(part, "base", {}), **getattr(part, "config", {})}:
        if not isinstance(setting, str):
            raise _wrong(f"{setting!r} in {where}", "the name of a setting, which is a text")
        if setting in OF_COMMAND:
            raise SyncPanoError(
                f"{setting} in {where} is not a row's: all panoramas have what the command gives",
                hint="use `--prompts FILE`, `--samples`, `--model`, `--revision`, `--device`",
            )
    for metric, value in getattr(part, "paper", {}).items():
        pair = value if isinstance(value, list) and len(value) == 2 else [None, None]
        if not (isinstance(pair[0], str) or _is_number(pair[0])) or not _is_number(pair[1]):
            raise _wrong(f"{metric} {value!r} of {where}", "a mean and its standard deviation")


def _is_number(value: object) -> bool:
    """A finite one; YAML's yes and no are numbers for Python."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < inf


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
    # A score that must not fall has to be one of each picture, and better the higher it is.
    names = [name for name in METRICS if bar.kind != "stays" or name in STAYING]
    names += ["seconds"] * (bar.kind != "stays")
    if bar.metric not in (*names, *map(key_of, names)):
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
