"""Pictures to be measured, and what their run logs know about them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from syncpano import files, png, runlog
from syncpano.checks import MAX_PIXELS
from syncpano.errors import RUN_FAILED, SyncPanoError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Picture:
    """One picture in memory.

    Attributes:
        pixels: H W 3, sRGB of 8 bits.
        digest: SHA-256 of the file.
        prompt, seed, window: from the run log; None where there is none. `window` is the model's
            native window in pixels.
        montage: whether its windows were sampled on their own; a crop must not straddle two.
    """

    path: Path
    pixels: NDArray[np.uint8]
    digest: str
    prompt: str | None = None
    seed: int | None = None
    window: int | None = None
    montage: bool = False

    @cached_property
    def name(self) -> str:
        """What panoramas of the same prompt and seed share; without a run log the file's name."""
        return self.path.name if self.seed is None else f"{self.prompt} / {self.seed}"


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Files as they are and, sorted by name, all PNG and JPEG files in folders and below.

    What `--save-steps` wrote is left out there: see `pictures_below`.

    Raises:
        SyncPanoError: a path does not exist, or no picture is found at all.
    """
    found: list[Path] = []
    for path in paths:
        if files.is_folder(path):
            found += pictures_below(path)
        elif files.is_file(path):
            found.append(path)
        else:
            raise SyncPanoError(
                f"{str(path)[:80]} does not exist", hint="give pictures or folders of them"
            )
    if not found:
        raise SyncPanoError("no PNG or JPEG file was found", hint="give pictures or folders")
    return list(dict.fromkeys(found))


def pictures_below(folder: Path) -> list[Path]:
    """All PNG and JPEG files in a folder and below, sorted by name, but what `--save-steps` wrote.

    Previews are no results; one that is named by itself is a picture like any other.
    """
    inside = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [path for path in inside if not files.is_folder(path) and not _is_preview(path)]


def _is_preview(path: Path) -> bool:
    try:
        return png.is_png(path) and png.PREVIEW in png.read_text(path)
    except SyncPanoError:  # it cannot be read: whoever measures it says so
        return False


def read_picture(path: Path) -> Picture:
    """Decode a picture, and its run log where it has one, inside or beside it.

    Raises:
        SyncPanoError: the file cannot be read or is no whole picture.
    """
    pixels = np.asarray(open_picture(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Picture(path, pixels, digest, **_facts(runlog.of_picture(path)))


def open_picture(path: Path) -> Image:
    """A picture the right way up, RGB of 8 bits.

    Raises:
        SyncPanoError: the file cannot be read or is no whole picture.
    """
    import PIL.Image
    from PIL import UnidentifiedImageError

    # Pillow refuses pictures of more than twice its limit, which our largest panoramas have. It
    # knows one limit for the whole process: who has raised or lifted it knows why.
    if PIL.Image.MAX_IMAGE_PIXELS is not None:
        PIL.Image.MAX_IMAGE_PIXELS = max(PIL.Image.MAX_IMAGE_PIXELS, MAX_PIXELS)
    try:
        with PIL.Image.open(path) as image:
            upright = _turned(image)
            if upright.mode.startswith("I"):  # 16 bits of grey, which `convert` would clip
                levels = np.asarray(upright, dtype=np.float64) / 257
                upright = PIL.Image.fromarray(levels.round().astype(np.uint8))
            return upright.convert("RGB")
    except UnidentifiedImageError as error:
        raise _unreadable(path, "it is no picture") from error
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise _unreadable(path, str(error)) from error


def _turned(image: Image) -> Image:
    """As its EXIF says; where that cannot be read, as it is: its pixels are whole all the same."""
    from PIL import ExifTags
    from PIL.Image import Transpose

    turns: dict[object, Transpose] = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(ExifTags.Base.Orientation))
    except (struct.error, SyntaxError, OSError, ValueError, TypeError, KeyError):
        turn = None
    return image if turn is None else image.transpose(turn)


def _unreadable(path: Path, reason: str) -> SyncPanoError:
    return SyncPanoError(f"{path} cannot be read as a picture: {reason}", exit_code=RUN_FAILED)


def _facts(log: dict[str, Any] | None) -> dict[str, Any]:
    if log is None:
        return {}
    config, model = log["config"], log.get("model") or {}
    window, factor = model.get("window"), model.get("vae_factor")
    return {
        "prompt": log["prompt"],
        "seed": config.get("seed"),
        "window": window * factor if window and factor else None,
        "montage": config.get("method") == "independent",
    }
