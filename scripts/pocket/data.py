"""Cached renders: JPEG files and their attributes, one folder a version of the code.

# H W image pixels; images are uint8 RGB H W 3
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import scenes
from progress import tracked
from scenes.attributes import Attributes

from syncpano import files

HEIGHT = 512  # pixels, of every render
HELD_OUT = 1_000_000  # seeds from here on are never trained on
TAUGHT = 2_000_000  # from here on they teach the judges of evaluation, and nobody else


@dataclass(frozen=True)
class Render:
    """One cached picture and what it shows."""

    path: Path
    attributes: Attributes

    def load(self) -> np.ndarray:
        """Read the picture, uint8 H W 3."""
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise SystemExit(f"{self.path} cannot be read: remove its .json, and it is drawn anew")
        return image


def render_all(
    cache: Path, subjects: Sequence[str], count: int, width: int, *, first: int = 0
) -> Iterator[Render]:
    """Yield `count` renders of every subject, seed by seed, drawing what is missing.

    Args:
        first: the first seed.
    """
    folders = {subject: code_folder(cache, subject, width) for subject in subjects}
    drawn = list(product(range(first, first + count), folders))
    for seed, subject in tracked(drawn, "renders"):
        yield _render(folders[subject], subject, seed, width)


def _render(folder: Path, subject: str, seed: int, width: int) -> Render:
    picture, sidecar = folder / f"{seed:07d}.jpg", folder / f"{seed:07d}.json"
    if not sidecar.exists():
        image, attributes = scenes.render(seed, subject, width)
        _, encoded = cv2.imencode(".jpg", image[..., ::-1], _JPEG)
        files.write_atomic(picture, encoded.tobytes(), overwrite=True)
        # The sidecar comes last: where it stands, the picture is whole.
        files.write_atomic(sidecar, json.dumps(asdict(attributes)).encode(), overwrite=True)
    return Render(picture, Attributes(**json.loads(sidecar.read_text())))


_JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    96,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def code_folder(cache: Path, subject: str, width: int) -> Path:
    """The folder of renders of a subject that this version of its code and of the kit drew."""
    code = hashlib.sha256(inspect.getsource(scenes.module(subject)).encode())
    for kit in sorted(Path(scenes.__file__).parent.glob("*.py")):
        if kit.name != "sheet.py":  # it shows renders and draws none
            code.update(kit.read_bytes())
    folder = cache / f"{subject}-{width}-{code.hexdigest()[:10]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def odds_by_style(renders: Sequence[Render], styled: float) -> np.ndarray:
    """Odds of each render, such that `styled` of those drawn are in a style other than photo.

    Where all are photos, or none is, they are even.
    """
    photo = np.array([render.attributes.style == "photo" for render in renders])
    if photo.all() or not photo.any():
        return np.full(len(photo), 1 / len(photo))
    odds: np.ndarray = np.where(photo, (1 - styled) / photo.sum(), styled / (~photo).sum())
    return odds


def to_tensor_range(images: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 -> float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1
