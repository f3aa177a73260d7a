"""The form of a study and its key. No torch."""

from __future__ import annotations

import hashlib
import html
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from syncpano import files
from syncpano.errors import SyncPanoError
from syncpano.metrics.pictures import open_picture
from syncpano.pages import data_uri, fill
from syncpano.study.montages import check_montages, montage_beside
from syncpano.study.pairs import Pair

KEY_SCHEMA = "syncpano.study-key/1"
ASPECTS = {
    "coherence": "Which picture looks more like one single scene?",
    "quality": "Which picture looks better?",
    "prompt_fit": "Which picture fits the words better?",
}
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


class _Shown(NamedTuple):
    """Two pictures side by side, before a question has its number."""

    prompt: str
    sides: tuple[str, str]
    origins: tuple[str, str]
    images: tuple[Image.Image, Image.Image]


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
        SyncPanoError: there are fewer pairs than questions, a file is there already or cannot be
            written, or there is too little for montages that nobody who looks takes for one scene.
    """
    if not 1 <= questions <= len(pairs):
        raise SyncPanoError(
            f"{questions} questions cannot be made of {len(pairs)} pairs",
            hint=f"use `--questions {len(pairs)}`, or paint more seeds",
        )
    check_montages(pairs, montages, vigilance)
    files.check_writable(folder)
    paths = folder / "form.html", folder / "key.json"
    if not overwrite:
        for path in filter(files.exists, paths):
            raise files.exists_error(path)
    rng = random.Random(f"study {seed}")
    shown = [_compare(pair, rng) for pair in rng.sample(list(pairs), questions)]
    shown += [_vigilance(pairs, montages, rng) for _ in range(vigilance)]
    rng.shuffle(shown)
    listed = [
        Question(number, two.prompt, *two.sides, two.origins, "montage" in two.sides)
        for number, two in enumerate(shown, 1)
    ]
    sections = [_section(question, two.images) for question, two in zip(listed, shown, strict=True)]
    study = hashlib.sha256("".join(sections).encode()).hexdigest()[:16]
    asked = [asdict(question) for question in listed]
    key = {"schema": KEY_SCHEMA, "study": study, "seed": seed, "questions": asked}
    form = fill("study.html", QUESTIONS="\n".join(sections), STUDY=study)
    texts = form, json.dumps(key, indent=2) + "\n"
    # A form with the key of another is worth nothing, and nobody would see it before the scoring.
    files.write_together(
        {path: text.encode() for path, text in zip(paths, texts, strict=True)}, overwrite=overwrite
    )
    return paths


def _compare(pair: Pair, rng: random.Random) -> _Shown:
    sides = [("a", pair.a), ("b", pair.b)]
    rng.shuffle(sides)
    (first, first_path), (second, second_path) = sides
    images = (_shrunk(open_picture(first_path)), _shrunk(open_picture(second_path)))
    return _Shown(pair.prompt, (first, second), (str(first_path), str(second_path)), images)


def _vigilance(pairs: Sequence[Pair], montages: Sequence[Path], rng: random.Random) -> _Shown:
    pair = rng.choice(list(pairs))
    side = rng.choice(["a", "b"])
    path = pair.a if side == "a" else pair.b
    panorama = open_picture(path)
    wrong, origin = montage_beside(panorama, pair, pairs, montages, rng)
    sides = [(side, str(path), panorama), ("montage", origin, wrong)]
    rng.shuffle(sides)
    (first, first_name, one), (second, second_name, other) = sides
    images = (_shrunk(one), _shrunk(other))
    return _Shown(pair.prompt, (first, second), (first_name, second_name), images)


def _section(question: Question, images: tuple[Image.Image, Image.Image]) -> str:
    name = f"q{question.number}"
    shape = "tall" if images[0].height > images[0].width else "wide"
    figures = "".join(
        f'<figure><figcaption>{label}</figcaption><div tabindex="0">'
        f'<img alt="{label} picture" src="{data_uri(image)}"></div></figure>'
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
        f'{html.escape(question.prompt)}</h2><div class="{shape}">{figures}</div>'
        f"{asked}</section>"
    )


def _shrunk(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.thumbnail((SHOWN_LENGTH, SHOWN_LENGTH), Image.Resampling.LANCZOS)
    return image
