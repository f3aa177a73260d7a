"""What was measured once: small arrays on disk, found by what made them."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncpano import files
from syncpano.errors import SyncPanoError

OTHER_CACHE = "choose another place with `--cache DIR`, or use `--no-cache`"
Array = NDArray[np.float64]
MEASURES = 2  # goes up when a picture is read, cut or measured in another way


def default_folder() -> Path:
    """`syncpano/measurements` in the user's cache (`XDG_CACHE_HOME`, else `~/.cache`).

    Raises:
        SyncPanoError: the user has no home folder.
    """
    cache = files.expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache", OTHER_CACHE)
    return cache / "syncpano" / "measurements"


class MeasurementCache:
    """Arrays by key; one file each, written whole, so that several processes can share it.

    Keys name everything a number depends on: the file's digest, the network and its weights, the
    crop; `MEASURES` stands for our own code. A damaged file counts as absent.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder` None keeps nothing."""
        self._folder = folder

    def get(self, key: str, measure: Callable[[], Array]) -> Array:
        """The array of a key, measured now if it is not known."""
        if self._folder is None:
            return measure()
        digest = hashlib.sha256(f"{MEASURES} {key}".encode()).hexdigest()
        path = self._folder / digest[:2] / f"{digest}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
        except (OSError, ValueError, EOFError):
            pass
        measured = np.asarray(measure(), dtype=np.float64)
        self._write(path, measured)
        return measured

    def _write(self, path: Path, measured: Array) -> None:
        content = io.BytesIO()
        np.save(content, measured, allow_pickle=False)
        try:
            files.write_atomic(path, content.getvalue(), overwrite=True)
        except SyncPanoError as error:
            raise SyncPanoError(
                f"measurements cannot be kept: {error.message}",
                hint=error.hint,
                exit_code=error.exit_code,
            ) from error
