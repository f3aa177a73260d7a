"""Captions: true to the attributes, never a held-out prompt, with all of the paper's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "pocket"
pytest.importorskip("cv2", reason="the scenes are drawn with OpenCV")
sys.path.insert(0, str(SCRIPTS))

import captions  # noqa: E402
import own_words  # noqa: E402
import scenes  # noqa: E402
from phrases import NOUNS, SEASON, STYLE, TIME, WEATHER  # noqa: E402
from scenes.attributes import Attributes, sample_attributes  # noqa: E402

from syncpano.models.source import POCKET_FOLDER  # noqa: E402

SAMPLES = 20_000
# Words that belong to one value; "sunset" and "morning" are judged as phrases below.
CLAIMS = {
    ("time", "night"): r"at night|midnight|moon\w*|in the dark",
    ("time", "twilight"): r"twilight|dusky?|nightfall|blue hour|after sunset",
    ("time", "sunset"): r"(?<!after )sunset|golden|evening",
    ("time", "dawn"): r"dawn|sunrise|daybreak|morning",
    ("time", "noon"): r"noon|midday|daylight|daytime|sunny|by day",
    ("weather", "fog"): r"in the fog|in mist|with fog|in the haze|hazy",
    ("weather", "snow"): r"in the snow|falling snow|snowfall",
    ("weather", "clear"): r"clear sky|clear weather",
    ("weather", "cloudy"): r"cloudy|overcast|clouds",
    ("season", "autumn"): r"autumn\w*|fall",
    ("season", "winter"): r"winter\w*|wintry",
    ("season", "spring"): r"spring\w*",
    ("season", "summer"): r"summer\w*",
    ("style", "cartoon"): r"cartoon",
    ("style", "anime"): r"anime",
    ("style", "photo"): r"photo\w*",
    ("style", "silhouette"): r"silhouette\w*",
}
# Said of every picture of the subject, so part of its name.
NAMED = {"cartoon_landscape": ("season",), "winter_village": ("season", "weather")}


def sampled(count: int = SAMPLES) -> Iterator[tuple[str, Attributes]]:
    """Captions and what they describe, drawn as for training."""
    rng = np.random.default_rng(7)
    subjects = [name for name in NOUNS if name in scenes.SUBJECTS]
    allowed = {name: getattr(scenes.module(name), "ALLOWED", None) for name in subjects}
    for i in range(count):
        subject = subjects[i % len(subjects)]
        attributes = sample_attributes(rng, subject, allowed[subject])
        yield captions.caption(rng, attributes), attributes


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, Attributes]]:
    return list(sampled())


def bare(text: str) -> str:
    """Lower case, without punctuation."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def test_captions_never_contradict_the_render(corpus: list[tuple[str, Attributes]]) -> None:
    for text, attributes in corpus:
        for (name, value), pattern in CLAIMS.items():
            if getattr(attributes, name) == value or name in NAMED.get(attributes.subject, ()):
                continue
            found = re.search(rf"\b({pattern})\b", text.lower())
            assert not found, (text, attributes)


def test_the_sun_and_the_moon_are_named_only_where_they_can_be_seen() -> None:
    rng = np.random.default_rng(0)
    for time, weather in product(TIME, ("fog", "snow")):
        attributes = Attributes("mountains", time, weather)
        for _ in range(300):
            assert not re.search(
                r"\b(sun|sunny|moon\w*)\b", captions.caption(rng, attributes).lower()
            )


def test_held_out_prompts_are_never_trained_on(corpus: list[tuple[str, Attributes]]) -> None:
    trained = {bare(text) for text, _ in corpus}
    for subject in NOUNS:
        assert len(set(captions.evaluation_prompts(subject))) == 4
        held_out = list(captions.evaluation_prompts(subject))
        held_out += [p for time in TIME for p in captions.attribute_prompts(subject, "time", time)]
        held_out += [p for s in STYLE for p in captions.attribute_prompts(subject, "style", s)]
        assert not trained & {bare(prompt) for prompt in held_out}


def test_held_out_templates_use_known_words_only() -> None:
    known = captions.known_words()
    for subject in NOUNS:
        words = set(bare(" ".join(captions.evaluation_prompts(subject))).split())
        words |= set(bare(" ".join(captions.attribute_prompts(subject, "time", "night"))).split())
        assert words <= known, words - known


def test_every_word_of_the_papers_prompts_occurs_in_captions(
    corpus: list[tuple[str, Attributes]],
) -> None:
    said: dict[str, set[str]] = {subject: set() for subject in NOUNS}
    for text, attributes in corpus:
        said[attributes.subject] |= set(bare(text).split())
    for prompt, subject in captions.PAPER_PROMPTS.items():
        if said[subject]:
            assert set(bare(prompt).split()) <= said[subject], prompt


def test_known_words_are_the_words_of_captions(corpus: list[tuple[str, Attributes]]) -> None:
    known = captions.known_words()
    for text, _ in corpus:
        assert set(bare(text).split()) <= known, text


def test_every_subject_has_eight_names_and_one_prompt() -> None:
    assert sorted([*captions.PAPER_PROMPTS.values(), *captions.OWN_PROMPTS.values()]) == sorted(
        NOUNS
    )
    assert all(len(set(nouns)) >= 8 for nouns in NOUNS.values())


def test_every_attribute_value_can_be_said() -> None:
    rng = np.random.default_rng(1)
    for phrases in (TIME, WEATHER, SEASON, STYLE):
        assert all(value.tails for value in phrases.values())
    for time, weather, season in product(TIME, WEATHER, SEASON):
        for subject in NOUNS:
            assert captions.caption(rng, Attributes(subject, time, weather, season))


def test_some_captions_are_the_bare_name(corpus: list[tuple[str, Attributes]]) -> None:
    names = [bare(text) in NOUNS[attributes.subject] for text, attributes in corpus]
    assert 0.01 < np.mean(names) < 0.3


def test_prompts_in_own_words_name_classes_that_there_are() -> None:
    prompts = own_words.read_prompts(own_words.PROMPTS.read_text())
    assert len(prompts) == 240
    assert prompts["Castles at night"] == {"subject": ["castle"], "time": ["night"]}
    named = [pair for names in prompts.values() for pair in names.items()]
    assert {name for name, _ in named} <= set(own_words.NAMES)
    assert all(set(classes) <= set(own_words.NAMES[name]) for name, classes in named)


@pytest.mark.skipif(
    not (POCKET_FOLDER / "pocket.json").is_file(),
    reason="this checkout carries no trained pocket model",
)
def test_own_words_are_measured_on_the_networks_that_ship() -> None:
    bench = SimpleNamespace(model="pocket", folder=POCKET_FOLDER)
    found = own_words.own_words(bench)
    assert found["prompts"] == 240
    assert found["read"] > 0.95 > found["word_for_word"]
    assert len(found["misread"]["read"]) == round(240 * (1 - found["read"]))
