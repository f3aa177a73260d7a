"""The recipe of a run: read, and held against the one of this repository before any work."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncpano.errors import SyncPanoError, suggestion
from syncpano.models.card import read_card
from syncpano.models.folder import read_json
from syncpano.presets import read_yaml

RECIPE = Path(__file__).resolve().parent / "recipe.yaml"
_KINDS = {
    dict: "a section",
    list: "a list of values",
    str: "text",
    int: "a whole number",
    float: "a number",
}
# Which losses and gradients these list is up to a recipe; `check_card` knows what they may say.
_TABLES = ("card.loss_scales", "card.gradient_gains")


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe, YAML or a run's JSON, with the names and kinds of values that `RECIPE` has.

    Raises:
        SyncPanoError: it cannot be read, or a name or a value in it means nothing.
    """
    try:
        recipe = _read(path)
    except SyncPanoError as error:
        raise SyncPanoError(error.message, hint=f"compare `--recipe {RECIPE}`") from error
    _compare(recipe, _read(RECIPE), path, "")
    check_card(recipe["card"])
    return recipe


def check_card(card: Mapping[str, Any]) -> None:
    """Refuse values with which no model could be loaded.

    Raises:
        SyncPanoError: there is one.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, value in card.items():  # one by one: it is to be named
            (Path(folder) / "pocket.json").write_text(json.dumps({name: value}, default=str))
            try:
                read_card(Path(folder))
            except SyncPanoError as error:
                raise SyncPanoError(
                    f"a card cannot say `{name}: {value}`", hint=f"compare {RECIPE}"
                ) from error


def _read(path: Path) -> dict[str, Any]:
    return read_json(path) if path.suffix == ".json" else read_yaml(path)


def _compare(given: Any, model: Any, path: Path, name: str) -> None:
    """Refuse what is of another kind than in `model`, and below it what has no place there."""
    if not _is_like(given, model):
        raise SyncPanoError(
            f"{path}: `{name}: {given}` is not {_KINDS[type(model)]}",
            hint=f"compare {RECIPE}; to YAML, 1e-3 is text, and 1.0e-3 a number",
        )
    if isinstance(model, list):
        for item in given:
            _compare(item, model[0], path, name)
    elif isinstance(model, dict) and name not in _TABLES:
        prefix = f"{name}." if name else ""
        for key in given:
            if key not in model:
                raise SyncPanoError(
                    f"{path}: `{prefix}{key}` is unknown",
                    hint=suggestion(str(key), model) or f"known: {', '.join(model)}",
                )
        for key in model:
            if key not in given:
                raise SyncPanoError(f"{path}: `{prefix}{key}` is missing", hint=f"compare {RECIPE}")
            _compare(given[key], model[key], path, prefix + key)


def _is_like(given: Any, model: Any) -> bool:
    """Whether a value is of the kind of another; a whole number will do where any number does."""
    if type(model) is float:
        return type(given) in (int, float) and math.isfinite(given)
    return type(given) is type(model) and given != []
