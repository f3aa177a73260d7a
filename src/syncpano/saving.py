"""Write a picture and its run log side by side, each whole or not at all."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import TYPE_CHECKING

from syncpano import files, runlog
from syncpano.errors import SyncPanoError
from syncpano.interrupts import held_back

if TYPE_CHECKING:
    from PIL.Image import Image


def save(image: Image, log: runlog.Log, path: Path, *, overwrite: bool = False) -> runlog.Log:
    """Write `path` (a PNG that holds the log) and the same log as JSON beside it.

    The JSON appears first: where there is a picture, all of it is there.

    Returns:
        The log with the picture's name and the time that saving took.

    Raises:
        SyncPanoError: the picture, or a JSON file that is no run log, exists and `overwrite` is
            False; or they cannot be written.
    """
    if path.suffix.lower() != ".png":
        named = path.with_suffix(".png") if path.name else path / "panorama.png"
        raise SyncPanoError(f"{path} is not a .png file", hint=f"use {named}")
    if not overwrite:
        check_free(path)
    log = copy.deepcopy(log)
    clock = runlog.Clock(log)
    with held_back():  # what took minutes to paint is not lost in its last second
        with clock("save"):
            encoded = encode(image)
        clock.stop()
        # Beside the log: the pair can move, and tells no folder names.
        log["image"]["path"] = path.name
        pair = {log_path(path): runlog.to_json(log), path: runlog.embed(encoded, log)}
        files.write_together(pair, overwrite=True)
    return log


def check_free(path: Path) -> None:
    """Refuse to replace a picture, or a file in its log's place that `runlog.may_replace` keeps."""
    if files.exists(path):
        raise files.exists_error(path)
    if not runlog.may_replace(log_path(path), path.name):
        raise files.exists_error(log_path(path))


def encode(image: Image) -> bytes:
    """The picture as PNG."""
    stream = io.BytesIO()
    # Level 4 takes a third of the default's time for a few per cent more bytes.
    image.save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def log_path(path: Path) -> Path:
    """Where the run log of a picture lies."""
    return path.with_suffix(".json")
