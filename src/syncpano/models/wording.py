"""A prompt in the words that a small model has learnt. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from syncpano.models.near_words import (
    ALONE,
    BESIDE,
    CLEAR_NIGHT,
    FILLERS,
    LINKS,
    NEAR,
    NIGHTLY,
    PHRASES,
)
from syncpano.models.vocabulary import Vocabulary

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PAUSE = re.compile(r"[,;:./|&+]")
_SHORTEST = 3  # letters of a word that may be a form of another
_MEANT = {word: meant for meant, words in NEAR.items() for word in words.split()}


@dataclass(frozen=True)
class Reading:
    """A prompt as a model of few words reads it.

    Attributes:
        text: the prompt in known words, as far as there are any.
        taken: word of the prompt, in lower case -> the known words that stand for it.
        unknown: words of the prompt without any, in order, each once, but for prepositions.
        subject: what it is about, where it names other things too; else empty.
        left: words for those, which the text leaves out, in order, each once.
    """

    text: str
    taken: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    subject: str = ""
    left: Sequence[str] = ()


def read(prompt: str, vocabulary: Vocabulary, negative: bool = False) -> Reading:
    """Put known words in the place of other forms of them, and of words that mean nearly the same.

    A picture has one subject: of several the first stays. A negative prompt may name any number.
    """
    text, taken = _in_known_phrases(prompt, vocabulary.words)
    text, other, unknown = _in_known_words(text, vocabulary.words)
    taken |= other
    subject, left = ("", []) if negative else _surroundings(text, vocabulary)
    if left:
        text = _without(left, text)
        nightly = next((word for word in left if word in NIGHTLY), None)
        if nightly and vocabulary.words_of("time").isdisjoint(_words(text)):
            taken[nightly] = CLEAR_NIGHT
            text += f" {CLEAR_NIGHT}"
            left.remove(nightly)
    alone = _alone(text, vocabulary)
    if alone:
        others = {word for word, meant in taken.items() if meant == alone}
        taken |= dict.fromkeys(others or {alone}, ALONE[alone])
        text = re.sub(rf"\b{alone}\b", ALONE[alone], text, count=1, flags=re.IGNORECASE)
    return Reading(text, taken, unknown, subject, left)


def _words(text: str) -> list[str]:
    return [match[0].lower() for match in _WORD.finditer(text)]


def _in_known_phrases(text: str, known: Set[str]) -> tuple[str, dict[str, str]]:
    taken = {}
    for phrase, meant in PHRASES.items():
        if phrase in text.lower() and set(meant.split()) <= known:
            text = re.sub(phrase, meant, text, flags=re.IGNORECASE)
            taken[phrase] = meant
    return text, taken


def _in_known_words(text: str, known: Set[str]) -> tuple[str, dict[str, str], list[str]]:
    """The text, what was put in the place of words, and the words that nothing stands for."""
    words = _words(text)
    other = {word: _meant(word, known, words) for word in words if word not in known}
    taken = {word: meant for word, meant in other.items() if meant is not None}
    unknown = [word for word, meant in other.items() if meant is None and word not in LINKS]
    return _WORD.sub(lambda match: taken.get(match[0].lower(), match[0]), text), taken, unknown


def _surroundings(text: str, vocabulary: Vocabulary) -> tuple[str, list[str]]:
    """The subject, where others surround it, and the words for those.

    They follow a preposition or a comma, and captions of the subject do without them.
    """
    words = _words(text)
    subject, behind = vocabulary.subject_of(words)
    matches = list(_WORD.finditer(text))
    links = (
        place
        for place in range(behind, len(words))
        if words[place] in LINKS
        or _PAUSE.search(text[matches[place - 1].end() : matches[place].start()])
    )
    first = next(links, len(words))
    left = {
        word: None
        for word in words[first:]
        if word in vocabulary.things and not vocabulary.belongs(word, subject)
    }
    return (subject if left else ""), list(left)


def _without(left: Sequence[str], text: str) -> str:
    """The text without these words and the prepositions and articles before them."""
    matches = list(_WORD.finditer(text))
    gone = [match[0].lower() in left for match in matches]
    for place in reversed(range(len(gone) - 1)):
        gone[place] |= gone[place + 1] and matches[place][0].lower() in LINKS | FILLERS
    starts = [0, *(match.end() for match in matches)]
    kept = (text[starts[n] : starts[n + 1]] for n, is_gone in enumerate(gone) if not is_gone)
    return "".join(kept) + text[starts[-1] :]


def _alone(text: str, vocabulary: Vocabulary) -> str | None:
    """The first word of `ALONE`, where nothing else says what to paint."""
    words = _words(text)
    joined = f" {' '.join(words)} "
    said = vocabulary.things - ALONE.keys()
    if not vocabulary.names or not said.isdisjoint(words):
        return None
    if any(f" {name} " in joined for name in vocabulary.names):
        return None
    return next((w for w in words if w in ALONE and w in vocabulary.words), None)


def _meant(word: str, known: Set[str], words: Sequence[str]) -> str | None:
    forms = [word] if word in _MEANT else list(_forms(word))  # Andes is no form of "and"
    near = [_MEANT[form] for form in forms if form in _MEANT]
    beside = (pair for form in forms for pair in BESIDE.get(form, {}).items())
    near = [meant for company, meant in beside if set(company.split()) & set(words)] + near
    usable = (meant for meant in near if set(meant.split()) <= known)
    return next((form for form in forms if form in known), next(usable, None))


def _forms(word: str) -> Iterator[str]:
    """The word, its singulars and its plurals, by the rules of English spelling alone."""
    word = word.removesuffix("'s")
    endings = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
    singulars = [word.removesuffix(many) + one for many, one in endings if word.endswith(many)]
    plurals = [word + "s", word + "es", word.removesuffix("y") + "ies"]
    yield from (form for form in (word, *singulars, *plurals) if len(form) >= _SHORTEST)
