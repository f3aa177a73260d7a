"""A run's folder: its parts, and notes of the recipe, subjects and model that they hang on."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from folders import copy_whole, note_down

from syncpano.errors import SyncPanoError
from syncpano.models.folder import content_hash

PARTS = (
    "unet",
    "vae",
    "vae_tiny",
    "text_encoder",
    "tokenizer",
    "scheduler",
    "refiner",
    "perceptual",
    "features",
)
_NOTHING: dict[str, Any] = {"start_from": None, "keep": [], "subjects": []}


def parts_in(folder: Path) -> set[str]:
    """The parts that a run or a model has."""
    return {part for part in PARTS if (folder / part).is_dir()}


def started_with(folder: Path) -> dict[str, Any]:
    """What a run noted: the hash of the model that it began with, the parts kept, the subjects."""
    note = folder / "start.json"
    return _NOTHING | (json.loads(note.read_text()) if note.exists() else {})


def begin(
    folder: Path,
    recipe: dict[str, Any],
    subjects: Sequence[str],
    model: Path | None = None,
    keep: Collection[str] = PARTS,
) -> None:
    """Note down what a run is of, and copy the parts that it starts from.

    Args:
        model: the folder to copy the parts `keep` from; None for none, or for those noted.

    Raises:
        SyncPanoError: the model lacks a part, or what lies in the folder is not of all this.
    """
    missing = [] if model is None else sorted(set(keep) - parts_in(model))
    if missing:
        raise SyncPanoError(
            f"{model} has no {', '.join(missing)}", hint="`--keep` names the parts that it has"
        )
    present = parts_in(folder)
    checkpoints = any(folder.glob("*.checkpoint.pt"))
    begun = bool(present) or checkpoints
    known = started_with(folder) if begun else _NOTHING
    trained = checkpoints or not present <= set(known["keep"])
    facts = known | {"subjects": list(subjects)}
    if model is not None:
        facts |= {"start_from": content_hash(model), "keep": sorted(keep)}
    hint = "leave out --start-from, give the same --subjects, or name another --folder"
    note_down(folder / "start.json", facts, facts if begun else (), hint)
    note_down(folder / "recipe.json", recipe, recipe.keys() - {"card"} if trained else ())
    if model is not None:
        for part in sorted(set(keep) - present):
            copy_whole(model / part, folder / part)
