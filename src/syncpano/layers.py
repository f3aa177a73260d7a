"""Where the settings come from: flag > SYNCPANO_* > --config > --from > default. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from syncpano import runlog
from syncpano.config import PanoramaConfig, Value, settings
from syncpano.errors import SyncPanoError, suggestion
from syncpano.presets import find_config, presets, read_yaml
from syncpano.values import coerce

DEFAULT, PYTHON = "default", "python"
CONFIG, FROM = "config ", "from "
FOUND = " (auto)"  # ends the origin of what an earlier run had found for `auto`
TYPED = ("flag", "environment", PYTHON)


@dataclass(frozen=True)
class Layer:
    """Values of one origin, checked and typed."""

    origin: str  # as it stands in the run log: `flag`, `environment`, `config loop`, `from x.json`
    values: Mapping[str, Value]
    found: frozenset[str] = frozenset()  # names of those that a run found for `auto`
    written: Mapping[str, str] = field(default_factory=dict)  # name -> `seed: -4` in mine.yaml


@dataclass(frozen=True)
class Resolved:
    """Every setting's value and origin; `prompt` may be missing still.

    Attributes:
        written: name -> how and where it stands, of those that stand in a file or a variable.
        earlier: the log of the run that the settings start from.
    """

    values: Mapping[str, Value]
    origins: Mapping[str, str]
    written: Mapping[str, str] = field(default_factory=dict)
    earlier: runlog.Log | None = None

    def config(self, **overrides: Value) -> PanoramaConfig:
        """The config under these settings; `overrides` are per-picture values (prompt, seed)."""
        values = {**self.values, **overrides}
        if "prompt" not in values:
            raise SyncPanoError(
                "there is no prompt", hint='say what to paint: `syncpano generate "A waterfall"`'
            )
        return PanoramaConfig(**values)  # type: ignore[arg-type]

    def explicit(self) -> frozenset[str]:
        """Settings that somebody asked for now: typed, or in a file of theirs and not the default.

        What an earlier run or a named config has is not asked for one by one, and a file may write
        the defaults out.
        """
        named = {f"{CONFIG}{name}" for name in presets()}
        return frozenset(
            name
            for name, origin in self.origins.items()
            if origin in TYPED
            or (
                origin.startswith(CONFIG)
                and origin not in named
                and self.values[name] != settings()[name].default
            )
        )


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Merge the layers, the strongest first, over the defaults."""
    values: dict[str, Value] = {
        name: item.default for name, item in settings().items() if item.default is not MISSING
    }
    origins = dict.fromkeys(values, DEFAULT)
    written: dict[str, str] = {}
    for layer in reversed(layers):
        values.update(layer.values)
        for name in layer.values:
            origins[name] = layer.origin + (FOUND if name in layer.found else "")
            written.pop(name, None)
        written.update(layer.written)
    ordered = [name for name in settings() if name in values]
    return Resolved(
        {name: values[name] for name in ordered},
        {name: origins[name] for name in ordered},
        written,
    )


def flag_layer(given: Mapping[str, str | bool | None]) -> Layer:
    """Flags as typed on the command line; None is a flag that was not given."""
    return Layer(
        "flag",
        {
            name: coerce(settings()[name], text, settings()[name].flags[0])
            for name, text in given.items()
            if text is not None
        },
    )


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """`SYNCPANO_*` variables; an empty one is one that is not set.

    Raises:
        SyncPanoError: one is of another type, or two set the same.
    """
    for item in settings().values():
        given = [variable for variable in item.variables if environ.get(variable)]
        if len(given) > 1:
            raise SyncPanoError(
                f"{' and '.join(given)} both set {item.name}", hint="unset one of them"
            )
    variables = {
        item.name: variable
        for item in settings().values()
        for variable in item.variables
        if environ.get(variable)
    }
    values = {
        name: coerce(settings()[name], environ[variable], variable)
        for name, variable in variables.items()
    }
    written = {name: f"`{variable}={environ[variable]}`" for name, variable in variables.items()}
    return Layer("environment", values, written=written)


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """`SYNCPANO_*` variables that are no setting -> the one that is meant, if one is near."""
    prefix = "SYNCPANO_"  # left out of the comparison: alone it would make all of them near
    known = {
        variable.removeprefix(prefix) for item in settings().values() for variable in item.variables
    }
    unknown = {name.removeprefix(prefix) for name in environ if name.startswith(prefix)} - known
    near = {name: get_close_matches(name, known, 1) for name in sorted(unknown)}
    return {prefix + name: prefix + found[0] if found else None for name, found in near.items()}


def config_layer(name: str) -> Layer:
    """A named config (`paper`, `first3`, ...) or a YAML file."""
    path = find_config(name)
    content = read_yaml(path)
    return Layer(f"{CONFIG}{name}", _checked(content, name), written=_written(content, name))


def log_layer(
    log: runlog.Log, path: Path, given: Mapping[str, Value] = MappingProxyType({})
) -> Layer:
    """The config in a run log.

    Args:
        path: where the log was read.
        given: what stronger layers give. The revision, also one that somebody had asked for, and
            what the earlier run found for its own model (stride, loss, ...) are left out where they
            name another model, not where they name the same again; what it found for the stride,
            which follows from the method and the kind of windows too, where they name one; the
            number format where they name a device; the negative prompt where they name a prompt.
    """
    values, written = _checked(log["config"], str(path)), _written(log["config"], str(path))
    found = frozenset(name for name in values if was_auto(log, name))
    is_other = given.get("model", values["model"]) != values["model"]
    left_out = found | {"revision"} if is_other else frozenset()
    if not {"method", "windows"}.isdisjoint(given):
        left_out |= found & {"stride"}
    if "device" in given:
        left_out |= found & {"dtype"}
    if "prompt" in given:
        left_out |= found & {"negative_prompt"}
    kept = {name: value for name, value in values.items() if name not in left_out}
    written = {name: text for name, text in written.items() if name in kept}
    return Layer(f"{FROM}{path.name}", kept, found, written)


def was_auto(log: runlog.Log, name: str) -> bool:
    """Whether a log's value is what the run, or the one that it started from, found for `auto`."""
    origin = log["source"].get(name, DEFAULT)  # a younger setting was at its default
    return settings()[name].found and (origin == DEFAULT or origin.endswith(FOUND))


def values_layer(origin: str, values: Mapping[str, Any]) -> Layer:
    """Values from Python code."""
    return Layer(origin, _checked(values, origin))


def _checked(values: Mapping[str, Any], where: str) -> dict[str, Value]:
    return {
        name: coerce(settings()[name], values[key], f"{key} in {where}")
        for name, key in _keys(values, where).items()
    }


def _written(values: Mapping[str, Any], where: str) -> dict[str, str]:
    return {
        name: f"`{key}: {values[key]}` in {where}" for name, key in _keys(values, where).items()
    }


def _keys(values: Mapping[str, Any], where: str) -> dict[str, str]:
    """Setting -> the key by which it is given: `w` is `sync_weight`.

    Raises:
        SyncPanoError: a key is none of a setting, or the second of one.
    """
    known = settings()
    by_flag = {flag.removeprefix("--"): item.name for item in known.values() for flag in item.flags}
    keys: dict[str, str] = {}
    for key in values:
        name = key if key in known else by_flag.get(key, key)
        if name not in known:
            raise SyncPanoError(f"{key!r} in {where} is no setting", hint=_meant(key, where))
        if name in keys:
            raise SyncPanoError(
                f"{where} has {name} twice, as {keys[name]} and as {key}", hint="keep one of them"
            )
        keys[name] = key
    return keys


def _meant(key: str, where: str) -> str:
    if key in ("config", "configs", "preset") and where == PYTHON:
        return 'the settings of a named config are `**syncpano.preset("fast")`'
    return suggestion(key, settings()) or "`syncpano config show` lists all settings"


def changed_values(config: PanoramaConfig) -> dict[str, Value]:
    """The fields of a config that are not its defaults."""
    return {
        name: getattr(config, name)
        for name, item in settings().items()
        if getattr(config, name) != item.default
    }


def preset(*names: str) -> dict[str, Value]:
    """The settings of named configs or YAML files, of several the later wins; for Python code.

    `generate("A castle", **preset("fast", "loop"))` is `--config fast --config loop`.

    Raises:
        SyncPanoError: there is no such config, or something in it is no setting.
    """
    return {key: value for name in names for key, value in config_layer(name).values.items()}


def with_plain_types(config: PanoramaConfig) -> PanoramaConfig:
    """A config that was built in Python with its numbers in plain types.

    Raises:
        SyncPanoError: it holds a value of the wrong type.
    """
    values = _checked(dataclasses.asdict(config), "PanoramaConfig")
    for name, value in values.items():
        given = getattr(config, name)
        if isinstance(given, str) and not isinstance(value, str):  # a text that spells a number
            raise SyncPanoError(
                f"{name}: {given!r} is text", hint=f"use {name}={value!r} in a PanoramaConfig"
            )
    return dataclasses.replace(config, **values)  # type: ignore[arg-type]
