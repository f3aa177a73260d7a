"""Stage: what the refiner remembers, and how it reads a prompt. Nothing is trained here."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import scenes
import torch
from data import HEIGHT, code_folder
from folders import whole
from progress import tracked
from safetensors.torch import load_file
from scenes import suns
from scenes.attributes import CLASSES, Attributes
from torch import Tensor
from transformers import CLIPTextConfig

from syncpano import files
from syncpano.interrupts import heeded
from syncpano.models.albums import as_file
from syncpano.models.near_words import UNASKED
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_refiner import THUMBNAIL, PocketRefiner

# Shares of what is remembered, as often as prompts mean it. Most name nothing but a subject, and by
# the defaults that is a photo in clear air, not at night, and not in winter.
_STYLES = {"photo": 6.0, "cartoon": 1.0, "anime": 1.0, "silhouette": 1.0}
_TIMES = {"dawn": 1.2, "noon": 2.0, "sunset": 1.2, "twilight": 1.0, "night": 1.2}
_SKIES = {"clear": 6.0, "cloudy": 1.0, "fog": 1.0, "snow": 1.0, "winter": 1.0, "late snow": 0.1}
_IN_WINTER = UNASKED["snow, winter"][1]  # subjects for which winter is a season like others


def build_refiner(
    folder: Path, subjects: Sequence[str], recipe: Mapping[str, Any], processes: int
) -> None:
    """Write `refiner/`: a balanced choice of wide renders, and the readers of the text stage."""
    readers = _readers(folder)
    chosen = [pick for subject in subjects for pick in _choice(subject, recipe)]
    cache = folder / "memory"
    with ProcessPoolExecutor(processes, initializer=_ignore_signals) as pool:
        drawn = pool.map(partial(_files, cache, recipe), *zip(*chosen, strict=True))
        remembered = list(tracked(drawn, "refiner", len(chosen)))
    pictures, thumbnails, spans = zip(*remembered, strict=True)
    heads = {"subject": list(subjects), **{name: list(names) for name, names in CLASSES.items()}}
    cell = PocketAutoencoder.load_config(folder / "vae")["factor"]
    columns = recipe["width"] // cell
    refiner = PocketRefiner(
        renders=len(chosen),
        picture_bytes=sum(map(len, pictures)),
        thumbnail_bytes=sum(map(len, thumbnails)),
        height=HEIGHT // cell,
        width=columns,
        text_width=CLIPTextConfig.from_pretrained(folder / "text_encoder").hidden_size,
        heads={name: len(names) for name, names in heads.items()},
        trust=recipe["trust"],
        change=recipe["change"],
    )
    attributes = [known for _, known in chosen]
    classes = {
        name: torch.tensor([names.index(getattr(a, name)) for a in attributes])
        for name, names in heads.items()
    }
    shown = torch.stack([suns_of(found, columns, cell) for found in spans])
    refiner.remember(pictures, thumbnails, classes, shown)
    refiner.readers.load_state_dict(readers)
    with whole(folder / "refiner") as target:
        refiner.save_pretrained(target)


def _ignore_signals() -> None:
    """For drawing processes: signals may reach a whole group, and their parent ends them.

    The handler that they inherit raises, which would leave one in the midst of its queue, and its
    parent waiting for it.
    """
    for number in heeded():
        signal.signal(number, signal.SIG_IGN)


def _choice(subject: str, recipe: Mapping[str, Any]) -> list[tuple[int, Attributes]]:
    """Seeds and attributes of the renders of a subject that are remembered."""
    drawn = {seed: scenes.attributes_of(seed, subject) for seed in range(recipe["out_of"])}
    return balanced(drawn, recipe["per_subject"])


def balanced(drawn: Mapping[int, Attributes], count: int) -> list[tuple[int, Attributes]]:
    """Choose seeds one by one, each the one whose traits are furthest behind their shares.

    So the sum of (renders)^2 / share over all traits grows least (Sainte-Lague).
    """
    left, chosen, seen = dict(drawn), [], Counter[object]()
    for _ in range(min(count, len(left))):
        best = min(left, key=lambda seed: _crowding(left[seed], seen))
        seen.update(_shares(left[best]).keys())
        chosen.append((best, left.pop(best)))
    return chosen


def _crowding(attributes: Attributes, seen: Counter[object]) -> float:
    return sum((2 * seen[trait] + 1) / share for trait, share in _shares(attributes).items())


def _shares(a: Attributes) -> dict[object, float]:
    """The traits of a render, and the share that each should have."""
    style, time, sky = _share(a.style, _STYLES), _share(a.time, _TIMES), _share(_sky(a), _SKIES)
    is_photo = a.style == "photo"
    of_kind = _share("photo", _STYLES) if is_photo else 1 - _share("photo", _STYLES)
    return {
        a.style: style,
        (a.style, a.time): style * time,
        (is_photo, _sky(a)): of_kind * sky,
        (is_photo, _sky(a), a.time): of_kind * sky * time,
        (_sky(a), a.time): sky * time,
        a.season: 2.0,  # a tie is broken by it
    }


def _share(name: str, weights: Mapping[str, float]) -> float:
    return weights[name] / sum(weights.values())


def _sky(a: Attributes) -> str:
    """The weather, or the winter, where that is what a picture of the subject is noticed for."""
    if a.season == "winter" and a.weather in ("clear", "cloudy"):
        return a.weather if a.subject.replace("_", " ") in _IN_WINTER else "winter"
    return "late snow" if a.weather == "snow" and a.season != "winter" else a.weather


def suns_of(spans: Sequence[Sequence[float]], columns: int, cell: int) -> Tensor:
    """`columns` bools: whether a sun or a moon, known by first and last pixel, reaches there."""
    there = torch.zeros(columns, dtype=torch.bool)
    for first, last in spans:
        there[max(int(first // cell), 0) : max(int(last // cell) + 1, 0)] = True
    return there


def _files(
    cache: Path, recipe: Mapping[str, Any], seed: int, attributes: Attributes
) -> tuple[bytes, bytes, list[list[float]]]:
    """A render and its thumbnail, compressed, and its suns; drawn unless they are in the cache."""
    width, quality, small_quality = (recipe[k] for k in ("width", "quality", "thumbnail_quality"))
    stem = code_folder(cache, attributes.subject, width) / f"{seed:07d}-{quality}-{small_quality}"
    picture, thumbnail = stem.with_suffix(".avif"), stem.with_suffix(".thumbnail.avif")
    sidecar = stem.with_suffix(".json")
    if not sidecar.exists():
        cv2.setNumThreads(1)
        with suns.watched() as spans:
            image, drawn = scenes.render(seed, attributes.subject, width)
        assert drawn == attributes
        size = (width // THUMBNAIL, HEIGHT // THUMBNAIL)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        files.write_atomic(picture, as_file(image, quality), overwrite=True)
        files.write_atomic(thumbnail, as_file(small, small_quality), overwrite=True)
        # The sidecar comes last: where it stands, both are whole.
        noted = json.dumps(asdict(drawn) | {"suns": spans})
        files.write_atomic(sidecar, noted.encode(), overwrite=True)
    found = json.loads(sidecar.read_text())["suns"]
    return picture.read_bytes(), thumbnail.read_bytes(), found


def _readers(folder: Path) -> dict[str, Tensor]:
    """The text stage's heads, which tell from a prompt's states what the picture shows.

    A run that keeps another model's text encoder keeps that model's readers too.
    """
    checkpoint = folder / "text.checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state"]["model"]
        prefix = "heads."
    else:
        kept = folder / "refiner" / "diffusion_pytorch_model.safetensors"
        state, prefix = load_file(kept), "readers."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
