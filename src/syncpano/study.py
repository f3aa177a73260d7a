"""The user study kit (supplementary S.7): a form of picture pairs, and its key. No torch.

A question shows one prompt and two panoramas of it, one of each run, in random order. A vigilance
question shows a panorama and a montage of windows that have nothing to do with each other: whoever
finds the montage more coherent did not look. Which picture is which stands in the key alone.
"""

from __future__ import annotations

import hashlib
import html
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from syncpano import files, runlog
from syncpano.errors import SyncPanoError
from syncpano.metrics.pictures import SUFFIXES
from syncpano.pages import data_uri, fill

KEY_SCHEMA = "syncpano.study-key/1"
ASPECTS = {
    "coherence": "Which picture looks more like one single scene?",
    "quality": "Which picture looks better?",
    "prompt_fit": "Which picture fits the words better?",
}
LEAST_OTHERS = 2  # pairs besides the one that a montage is shown with
SHOWN_LENGTH = 1536  # pixels of the longer side in the form


@dataclass(frozen=True)
class Question:
    """One pair of the form, in the order in which it is shown.

    Attributes:
        number: from 1.
        first, second: "a", "b" or "montage".
        pictures: the files of both, as they were found.
        vigilance: whether it only tests attention.
    """

    number: int
    prompt: str
    first: str
    second: str
    pictures: tuple[str, str]
    vigilance: bool


@dataclass(frozen=True)
class Pair:
    """Two panoramas of one prompt and seed."""

    prompt: str
    a: Path
    b: Path


def find_pairs(run_a: Path, run_b: Path) -> list[Pair]:
    """Panoramas that both folders have: of one prompt and seed, else of one file name.

    Raises:
        SyncPanoError: a folder is missing, or nothing pairs.
    """
    found_a, found_b = _pictures_of(run_a), _pictures_of(run_b)
    names = [name for name in found_a if name in found_b]
    if not names:
        raise SyncPanoError(
            f"{run_a} and {run_b} have no panorama of the same prompt and seed",
            hint="paint both runs with the same `--prompts` and `--seeds`",
        )
    return [Pair(found_a[name][1], found_a[name][0], found_b[name][0]) for name in sorted(names)]


def build(
    pairs: Sequence[Pair],
    folder: Path,
    *,
    questions: int,
    vigilance: int,
    seed: int,
    montages: Sequence[Path] = (),
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write form.html and key.json into `folder`; their paths.

    Args:
        questions: pairs to compare, drawn from `pairs`.
        vigilance: further questions that test attention.
        montages: pictures of `--method independent`; without them montages are put together from
            windows of different panoramas.

    Raises:
        SyncPanoError: there are fewer pairs than questions, a file is there already, or there is
            too little for montages that nobody who looks takes for one scene.
    """
    if not 1 <= questions <= len(pairs):
        raise SyncPanoError(
            f"{questions} questions cannot be made of {len(pairs)} pairs",
            hint=f"use `--questions {len(pairs)}`, or paint more seeds",
        )
    _check_montages(pairs, montages, vigilance)
    rng = random.Random(f"study {seed}")
    shown = [_compare(pair, rng) for pair in rng.sample(list(pairs), questions)]
    shown += [_vigilance(pairs, montages, rng) for _ in range(vigilance)]
    rng.shuffle(shown)
    listed = [
        Question(number, prompt, *sides, pictures, "montage" in sides)
        for number, (prompt, sides, pictures, _) in enumerate(shown, 1)
    ]
    sections = [
        _section(question, images) for question, (*_, images) in zip(listed, shown, strict=True)
    ]
    study = hashlib.sha256("".join(sections).encode()).hexdigest()[:16]
    asked = [asdict(question) for question in listed]
    key = {"schema": KEY_SCHEMA, "study": study, "seed": seed, "questions": asked}
    form = fill("study.html", QUESTIONS="\n".join(sections), STUDY=study)
    return _write(folder, form, json.dumps(key, indent=2) + "\n", overwrite=overwrite)


def _write(folder: Path, form: str, key: str, *, overwrite: bool) -> tuple[Path, Path]:
    paths = folder / "form.html", folder / "key.json"
    for path in paths:
        if path.exists() and not overwrite:
            raise files.exists_error(path)
    for path, text in zip(paths, (form, key), strict=True):
        files.write_atomic(path, text.encode(), overwrite=overwrite)
    return paths


_Shown = tuple[str, tuple[str, str], tuple[str, str], tuple[Image.Image, Image.Image]]


def _compare(pair: Pair, rng: random.Random) -> _Shown:
    sides = [("a", pair.a), ("b", pair.b)]
    rng.shuffle(sides)
    (first, first_path), (second, second_path) = sides
    images = (_shrunk(_open(first_path)), _shrunk(_open(second_path)))
    return pair.prompt, (first, second), (str(first_path), str(second_path)), images


def _check_montages(pairs: Sequence[Pair], montages: Sequence[Path], vigilance: int) -> None:
    for path in montages:
        log = runlog.of_picture(path)
        if log is not None and log["config"].get("method") != "independent":
            raise SyncPanoError(
                f"{path} is no montage: its windows were not sampled on their own",
                hint="paint montages with `--method independent`",
            )
    if vigilance and not montages and len(pairs) <= LEAST_OTHERS:
        raise SyncPanoError(
            f"montages cannot be made of {len(pairs)} pairs: their windows come from "
            f"{LEAST_OTHERS} others at least",
            hint="paint more prompts, give `--montages DIR`, or `--vigilance 0`",
        )


def _vigilance(pairs: Sequence[Pair], montages: Sequence[Path], rng: random.Random) -> _Shown:
    pair = rng.choice(list(pairs))
    side = rng.choice(["a", "b"])
    path = pair.a if side == "a" else pair.b
    panorama = _open(path)
    if montages:
        chosen = rng.choice(list(montages))
        wrong, origin = _open(chosen).resize(panorama.size), str(chosen)
    else:
        others = _others(pair, pairs, rng)
        wrong = _montage(panorama, others, rng)
        origin = f"windows of {', '.join(map(str, others))}"
    sides = [(side, str(path), panorama), ("montage", origin, wrong)]
    rng.shuffle(sides)
    (first, first_name, one), (second, second_name, other) = sides
    images = (_shrunk(one), _shrunk(other))
    return pair.prompt, (first, second), (first_name, second_name), images


def _others(pair: Pair, pairs: Sequence[Pair], rng: random.Random) -> list[Path]:
    """One panorama of every other pair, in random order, those of other prompts first.

    Two of one prompt and seed may look alike: they are painted from the same noise.
    """
    others = rng.sample([other for other in pairs if other != pair], len(pairs) - 1)
    others.sort(key=lambda other: other.prompt == pair.prompt)
    return [rng.choice([other.a, other.b]) for other in others]


def _montage(like: Image.Image, others: Sequence[Path], rng: random.Random) -> Image.Image:
    """A square of one panorama after the other, along the longer side of `like`."""
    side = min(like.size)
    count = max(2, max(like.size) // side)
    joined = Image.new("RGB", like.size)
    horizontal = like.width >= like.height
    length = max(like.size) / count
    for index in range(count):
        other = _open(others[index % len(others)])
        square = min(other.size)
        left, top = rng.randint(0, other.width - square), rng.randint(0, other.height - square)
        cut = other.crop((left, top, left + square, top + square))
        start, end = round(index * length), round((index + 1) * length)
        size = (end - start, like.height) if horizontal else (like.width, end - start)
        joined.paste(cut.resize(size), (start, 0) if horizontal else (0, start))
    return joined


def _section(question: Question, images: tuple[Image.Image, Image.Image]) -> str:
    name = f"q{question.number}"
    figures = "".join(
        f"<figure><figcaption>{label}</figcaption>"
        f'<img alt="{label} picture" src="{data_uri(image)}"></figure>'
        for label, image in zip(("First", "Second"), images, strict=True)
    )
    asked = "".join(
        f'<fieldset data-aspect="{aspect}"><legend>{text}</legend>'
        + "".join(
            f'<label><input type="radio" name="{name}-{aspect}" value="{value}" required> '
            f"the {value}</label>"
            for value in ("first", "second")
        )
        + "</fieldset>"
        for aspect, text in ASPECTS.items()
    )
    return (
        f'<section data-question="{question.number}"><h2>{question.number}. '
        f"{html.escape(question.prompt)}</h2>{figures}{asked}</section>"
    )


def _pictures_of(folder: Path) -> Mapping[str, tuple[Path, str]]:
    """Name that pairs -> file and prompt."""
    if not folder.is_dir():
        raise SyncPanoError(f"{folder} is no folder", hint="give a folder of panoramas")
    found: dict[str, tuple[Path, str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        log = runlog.of_picture(path)
        name = f"{log['prompt']}\n{log['config']['seed']}" if log else path.name
        if name in found:
            raise SyncPanoError(
                f"{found[name][0]} and {path} have the same prompt and seed",
                hint="give a folder with the panoramas of one run",
            )
        found[name] = (path, log["prompt"] if log else path.stem)
    return found


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise SyncPanoError(f"{path} cannot be read as a picture: {error}") from error


def _shrunk(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.thumbnail((SHOWN_LENGTH, SHOWN_LENGTH), Image.Resampling.LANCZOS)
    return image
