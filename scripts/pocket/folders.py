"""Folders that appear whole or not at all, and notes in them of what a run is of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncpano import files
from syncpano.errors import SyncPanoError


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` once all is written to it."""
    put_back(folder)
    partial, old = _beside(folder)
    for rest in (partial, old):
        shutil.rmtree(rest, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    for path in partial.rglob("*"):
        if path.is_file():
            path.chmod(files.usual_mode())  # safetensors' are for their owner alone
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def put_back(folder: Path) -> None:
    """Mend what a kill between the two renames of `whole` leaves: two copies and no folder."""
    partial, old = _beside(folder)
    if old.exists() and not folder.exists():
        (partial if partial.exists() else old).rename(folder)


def _beside(folder: Path) -> tuple[Path, Path]:
    partial, old = (folder.with_name(f"{folder.name}.{word}") for word in ("partial", "old"))
    return partial, old


def copy_whole(source: Path, target: Path) -> None:
    """Copy a folder; what stands at `target` is replaced."""
    with whole(target) as partial:
        shutil.copytree(source, partial, dirs_exist_ok=True)


def note_down(
    path: Path,
    facts: Mapping[str, Any],
    bound: Collection[str] = (),
    hint: str = "name another --folder",
) -> None:
    """Write what the results beside `path` are of.

    Args:
        bound: names of facts that results hang on already; where they are noted they must agree.
        hint: what to do where they do not.

    Raises:
        SyncPanoError: they do not.
    """
    known = json.loads(path.read_text()) if path.exists() else facts
    changed = [name for name in bound if known.get(name, facts[name]) != facts[name]]
    if changed:
        raise SyncPanoError(
            f"{path} has another {', '.join(changed)}, and what lies beside it was made with that",
            hint=hint,
        )
    files.write_atomic(path, json.dumps(facts, indent=1).encode(), overwrite=True)
