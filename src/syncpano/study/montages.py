"""What stands beside a panorama in a vigilance question: windows that do not belong together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from syncpano import runlog
from syncpano.errors import SyncPanoError
from syncpano.metrics.pictures import open_picture
from syncpano.study.pairs import Pair

MOST_STRETCH = 1.5  # of a given montage to the panorama's shape
LEAST_OTHERS = 2  # pairs besides the one that a montage is shown with


def check_montages(pairs: Sequence[Pair], montages: Sequence[Path], vigilance: int) -> None:
    """Refuse what somebody who looks could take for one scene.

    Raises:
        SyncPanoError: a given montage is none, or there are too few pairs to make some of.
    """
    for path in montages:
        log = runlog.of_picture(path)
        if log is not None and log["config"].get("method") != "independent":
            raise _no_montage(path, "its windows were not sampled on their own")
        if log is not None and log["windows"]["count"] == 1:
            raise _no_montage(path, "it is one window, and one scene")
    if vigilance and not montages and len(pairs) <= LEAST_OTHERS:
        raise SyncPanoError(
            f"montages cannot be made of {len(pairs)} pairs: their windows come from "
            f"{LEAST_OTHERS} others at least",
            hint="paint more prompts, give `--montages DIR`, or `--vigilance 0`",
        )


def montage_beside(
    panorama: Image.Image,
    pair: Pair,
    pairs: Sequence[Pair],
    montages: Sequence[Path],
    rng: random.Random,
) -> tuple[Image.Image, str]:
    """A montage as large as a panorama of `pair`, and what it was made of.

    Args:
        montages: those to choose from; without any, windows of the other pairs are put together.

    Raises:
        SyncPanoError: none of the given ones has about the panorama's shape.
    """
    if montages:
        return _given(panorama, montages, rng)
    others = _others(pair, pairs, rng)
    count = max(2, max(panorama.size) // min(panorama.size))
    sources = [others[index % len(others)] for index in range(count)]
    origin = f"windows of {', '.join(map(str, sources))}"
    return _put_together(panorama, sources, rng), origin


def _given(
    panorama: Image.Image, montages: Sequence[Path], rng: random.Random
) -> tuple[Image.Image, str]:
    """One of about the panorama's shape: stretched, it would be told by that alone."""
    shape = panorama.width / panorama.height
    for path in rng.sample(list(montages), len(montages)):
        picture = open_picture(path)
        if 1 / MOST_STRETCH <= picture.width / picture.height / shape <= MOST_STRETCH:
            return picture.resize(panorama.size), str(path)
    raise SyncPanoError(
        f"no montage has about the shape of a panorama of {panorama.width} x {panorama.height}",
        hint="paint montages of the panoramas' width and height",
    )


def _no_montage(path: Path, reason: str) -> SyncPanoError:
    return SyncPanoError(
        f"{path} is no montage: {reason}",
        hint="paint montages with `--method independent`, of several windows",
    )


def _others(pair: Pair, pairs: Sequence[Pair], rng: random.Random) -> list[Path]:
    """One panorama of every other pair, in random order, those of other prompts first.

    Two of one prompt and seed may look alike: they are painted from the same noise.
    """
    others = rng.sample([other for other in pairs if other != pair], len(pairs) - 1)
    others.sort(key=lambda other: other.prompt == pair.prompt)
    return [rng.choice([other.a, other.b]) for other in others]


def _put_together(like: Image.Image, sources: Sequence[Path], rng: random.Random) -> Image.Image:
    """A square of each panorama in turn, along the longer side of `like`."""
    joined = Image.new("RGB", like.size)
    horizontal = like.width >= like.height
    length = max(like.size) / len(sources)
    for index, source in enumerate(sources):
        other = open_picture(source)
        square = min(other.size)
        left, top = rng.randint(0, other.width - square), rng.randint(0, other.height - square)
        cut = other.crop((left, top, left + square, top + square))
        start, end = round(index * length), round((index + 1) * length)
        size = (end - start, like.height) if horizontal else (like.width, end - start)
        joined.paste(cut.resize(size), (start, 0) if horizontal else (0, start))
    return joined
