"""Captions of renders: many phrasings of what a scene shows, true to its attributes.

A caption names the subject and, now and then, the time, weather, season and style that the render
has. What it does not name is free: that is what makes windows sampled alone differ.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from numpy.random import Generator
from phrases import NOUNS, SEASON, STYLE, TIME, WEATHER, Phrases
from scenes.attributes import Attributes

MENTION = {"time": 0.45, "weather": 0.3, "season": 0.25, "style": 0.6}
# A style other than photo is nearly always named, so that what names none looks like a photo.
MENTION_STYLE = 0.9
_PHRASES: Mapping[str, Mapping[str, Phrases]] = {
    "time": TIME,
    "weather": WEATHER,
    "season": SEASON,
    "style": STYLE,
}
# What cannot be seen in a subject is never said of it.
_UNSEEN = {
    "coral_reef": ("weather", "season"),
    "concert": ("weather", "season"),
    "shooting_stars": ("weather", "season"),
    "starry_lake": ("weather",),
    "desert": ("season",),
}
# No sky is seen here, or, in the forest, it is always misty.
_NO_SKY = ("misty_forest", "railway", "vines_wall")
# word -> what must hold for it to be said: the sun and the moon hide behind fog and snowfall
_OPEN_SKY = ("weather", ("clear", "cloudy"))
_NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sunny": ("weather", ("clear",)),
    "sun": _OPEN_SKY,
    "moon": _OPEN_SKY,
    "moonlight": _OPEN_SKY,
    "moonlit": _OPEN_SKY,
    "blossoms": ("weather", ("clear", "cloudy", "fog")),
    "green": ("season", ("spring", "summer")),
}
_OPENERS = (
    "",
    "",
    "",
    "",
    "a view of",
    "a wide view of",
    "a panorama of",
    "panorama of",
    "a scene of",
    "a picture of",
    "an image of",
)
_PRAISE = ("beautiful", "dreamy", "cinematic", "stunning", "scenic", "natural", "lovely", "single")

PAPER_PROMPTS = {
    "A photo of a city skyline at night": "city_skyline",
    "A photo of a mountain range at twilight": "mountains",
    "A photo of a snowy mountain peak with skiers": "skiers",
    "Natural landscape in anime style illustration": "anime_landscape",
    "Cartoon panorama of spring summer beautiful nature": "cartoon_landscape",
    "A photo of a forest with a misty fog": "misty_forest",
    "A waterfall": "waterfall",
    "A top view of a single railway": "railway",
    "A photo of a rock concert": "concert",
    "Silhouette wallpaper of a dreamy scene with shooting stars": "shooting_stars",
    "A photo of vines on a brick wall": "vines_wall",
    "A bird's eye view of an alley with shops": "alley",
    "A beach with palm trees": "beach",
    "A photo of a grassland with animals": "grassland",
    "A cinematic view of a castle in the sunset": "castle",
    "A film photo of a beachside street under the sunset": "beachside_street",
    "A photo of a beautiful ocean with coral reef": "coral_reef",
    "A photo of a lake under the northern lights": "northern_lights",
}
OWN_PROMPTS = {
    "Desert dunes with a caravan": "desert",
    "A volcano at night": "volcano",
    "A harbour with boats": "harbour",
    "A village in winter": "winter_village",
    "A lighthouse on a cliff": "lighthouse",
    "A starry sky over a lake": "starry_lake",
}

# Never used in training: they ask whether the model understands words, not templates.
# Their words are all known, so that a failure is one of understanding.
HELD_OUT_TEMPLATES = (
    "a stunning panorama with {noun}",
    "{noun} in a wide and scenic picture",
    "a natural view over {noun}",
    "in the picture: {noun}, lovely and cinematic",
)
HELD_OUT_ATTRIBUTE_TEMPLATES = (
    "a wide picture with {noun} and a view {phrase}",
    "{phrase}: a panorama with {noun}",
)


def caption(rng: Generator, attributes: Attributes) -> str:
    """One caption, drawn afresh at every call."""
    noun = _pick(rng, _true(NOUNS[attributes.subject], attributes))
    if rng.random() < 0.15:
        noun = _praise(rng, noun)
    before: list[str] = []
    after: list[str] = []
    opener = _pick(rng, _OPENERS)
    for name in rng.permutation(list(_PHRASES)):
        if rng.random() >= _mention(str(name), attributes):
            continue
        phrases = _PHRASES[name][getattr(attributes, name)]
        if name == "style" and phrases.openers and rng.random() < 0.7:
            opener = _pick(rng, phrases.openers)
        elif phrases.adjectives and rng.random() < 0.35:
            noun = _adjective(_pick(rng, _true(phrases.adjectives, attributes)), noun)
        else:
            tail = _pick(rng, _true(phrases.tails, attributes))
            (before if rng.random() < 0.15 else after).append(tail)
    words = " ".join(part for part in (opener, noun, *_joined(rng, after)) if part)
    return _noise(rng, ", ".join([*before, words]))


def known_words() -> set[str]:
    """Every word that a caption can contain, in lower case."""
    texts = [noun for nouns in NOUNS.values() for noun in nouns]
    texts += [*_OPENERS, *_PRAISE, *PAPER_PROMPTS, *OWN_PROMPTS]
    for values in _PHRASES.values():
        for phrases in values.values():
            texts += [*phrases.openers, *phrases.adjectives, *phrases.tails]
    return set(re.findall(r"[a-z']+", " ".join(texts).lower()))


def class_words() -> dict[str, dict[str, list[str]]]:
    """Head of the judging network -> class -> words that name it and no other class of its head."""
    words = {"subject": {subject: _without_articles(nouns) for subject, nouns in NOUNS.items()}}
    for head, values in _PHRASES.items():
        words[head] = {
            value: [*phrases.openers, *phrases.adjectives, *phrases.tails]
            for value, phrases in values.items()
        }
    return {head: _unambiguous(classes) for head, classes in words.items()}


def _without_articles(nouns: Sequence[str]) -> list[str]:
    return [re.sub(r"^(a|an|the) ", "", noun) for noun in nouns]


def _unambiguous(classes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    count = Counter(word for words in classes.values() for word in set(words))
    return {
        name: [word for word in dict.fromkeys(words) if count[word] == 1]
        for name, words in classes.items()
    }


def evaluation_prompts(subject: str) -> list[str]:
    """Four phrasings of a subject in templates that training never used."""
    nouns = NOUNS[subject]
    return [
        template.format(noun=nouns[3 * i % len(nouns)])
        for i, template in enumerate(HELD_OUT_TEMPLATES)
    ]


def attribute_prompts(subject: str, name: str, value: str) -> list[str]:
    """Phrasings that name one attribute, such as "time", in templates never used in training."""
    tails = _PHRASES[name][value].tails
    return [
        template.format(noun=NOUNS[subject][i], phrase=tails[i % len(tails)])
        for i, template in enumerate(HELD_OUT_ATTRIBUTE_TEMPLATES)
    ]


def _true(phrases: Sequence[str], attributes: Attributes) -> list[str]:
    """The phrases none of whose words claims more than the attributes grant."""
    return [phrase for phrase in phrases if all(_holds(w, attributes) for w in phrase.split())]


def _holds(word: str, attributes: Attributes) -> bool:
    name, values = _NEEDS.get(word, ("", ()))
    snowed = word == "green" and attributes.weather == "snow"
    return not name or (getattr(attributes, name) in values and not snowed)


def _mention(name: str, attributes: Attributes) -> float:
    if name in _UNSEEN.get(attributes.subject, ()):
        return 0.0
    hidden = attributes.weather in ("clear", "cloudy") and attributes.subject in _NO_SKY
    if name == "weather" and hidden:
        return 0.0
    if name == "style" and attributes.style != "photo":
        return MENTION_STYLE
    return MENTION[name]


def _praise(rng: Generator, noun: str) -> str:
    return _adjective(_pick(rng, _PRAISE), noun)


def _adjective(word: str, noun: str) -> str:
    """Put a word behind the article: "a waterfall" -> "a foggy waterfall"."""
    article, _, rest = noun.partition(" ")
    if article == "the":
        return f"the {word} {rest}"
    if article in ("a", "an"):
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word} {rest}"
    return f"{word} {noun}"


def _joined(rng: Generator, tails: Sequence[str]) -> list[str]:
    return [(", " if rng.random() < 0.25 else "") + tail for tail in tails]


def _noise(rng: Generator, text: str) -> str:
    """Case and punctuation as people type them."""
    text = re.sub(r"\s+,", ",", text).strip(" ,")
    style = rng.random()
    if style < 0.5:
        text = text[:1].upper() + text[1:]
    elif style < 0.55:
        text = text.upper()
    return text + _pick(rng, ("", "", "", "", ".", "!"))


def _pick(rng: Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
