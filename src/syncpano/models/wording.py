"""A prompt in the words that a small model has learnt. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from syncpano.models import clock
from syncpano.models.near_words import (
    ALONE,
    ASKING,
    AT_NIGHT,
    CLEAR_NIGHT,
    FILLERS,
    FOLLOWING,
    LAKE_BY_DAY,
    LAKE_IN_MOUNTAINS,
    LINKS,
    LIT,
    NEGATIONS,
    NIGHTLY,
    ONLY_BESIDE,
    PHRASES,
    SHINING,
    UNMISSED,
    VAGUE,
    VAGUE_NOUNS,
)
from syncpano.models.negations import negated
from syncpano.models.tokens import Token, apart, instead_of, tokens_of, words_of
from syncpano.models.vocabulary import Vocabulary
from syncpano.models.word_forms import known_for

_APOSTROPHES = str.maketrans("\u2019\u02bc", "''")
_SAYING_LITTLE = LINKS | NEGATIONS | ASKING


@dataclass(frozen=True)
class Reading:
    """A prompt as a model of few words reads it.

    Attributes:
        text: the prompt in known words, as far as there are any.
        taken: word of the prompt, in lower case -> the known words that stand for it.
        unknown: words of the prompt without any, in order, each once, but for those of all talk.
        subject: what it is about, where it names other things too; else empty.
        left: those, in order, each once; the text leaves them out.
        avoided: known words for what the prompt says there is none of; the text leaves it out.
        unavoidable: those of them that belong to the subject, and are in all its pictures.
    """

    text: str
    taken: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    subject: str = ""
    left: Sequence[str] = ()
    avoided: Sequence[str] = ()
    unavoidable: Sequence[str] = ()


@dataclass(frozen=True)
class _Scene:
    """What is to be painted, what surrounds it in the prompt, and what there is none of."""

    tokens: list[Token]
    subject: str = ""
    left: Sequence[Token] = ()
    avoided: Sequence[Token] = ()
    taken: Mapping[str, str] = field(default_factory=dict)


def read(prompt: str, vocabulary: Vocabulary, negative: bool = False) -> Reading:
    """Put known words in the place of other forms of them, and of words that mean nearly the same.

    What is unknown is left out where known words say what to paint. A picture has one subject: of
    several the first stays. A negative prompt may name any number.
    """
    prompt, times = clock.in_words(prompt.translate(_APOSTROPHES), vocabulary.words)
    prompt, phrases = _in_known_phrases(prompt, vocabulary.words)
    tokens, end = tokens_of(prompt)
    tokens, stand_ins = _in_known_words(tokens, vocabulary.words)
    strange = _strange(tokens, vocabulary.words)
    unknown = [token.said for token in tokens if token.said in strange - _SAYING_LITTLE]
    scene = _Scene(tokens) if negative else _one_scene(tokens, vocabulary)
    tokens = scene.tokens
    if negative or _says_something(tokens, vocabulary):
        tokens, _ = apart(tokens, [token.said in strange for token in tokens])
    tokens, lakes = (tokens, {}) if negative else _lake_by_day(tokens, vocabulary)
    tokens, more = _with_more(tokens, vocabulary)
    said = {token.said for token in tokens}
    stand_ins = {word: meant for word, meant in stand_ins.items() if word in said}
    left = [token.said for token in scene.left if token.word not in UNMISSED | VAGUE]
    avoided = [token.word for token in scene.avoided if token.said not in strange]
    avoided = [word for word in avoided if word not in FILLERS | LINKS | NEGATIONS]
    return Reading(
        text="".join(token.before + token.text for token in tokens).lstrip(" ,;") + end,
        taken={**times, **phrases, **stand_ins, **scene.taken, **lakes, **more},
        # One letter of an alphabet says nothing; one of a script that writes words in one does.
        unknown=[word for word in dict.fromkeys(unknown) if len(word) > 1 or not word.isascii()],
        subject=scene.subject if left else "",
        left=list(dict.fromkeys(left)),
        avoided=avoided,
        unavoidable=[
            word
            for word in avoided
            if vocabulary.belongs(word, scene.subject) and not vocabulary.classes_in(word)
        ],
    )


def _strange(tokens: Sequence[Token], known: Set[str]) -> set[str]:
    """What is said and not known, or known beside another word only, which is not there."""
    words = {token.word for token in tokens}
    alone = {word for word, other in ONLY_BESIDE.items() if other not in words}
    return {token.said for token in tokens if token.word not in known - alone}


def _says_something(tokens: Sequence[Token], vocabulary: Vocabulary) -> bool:
    """Whether known words alone ask for a picture; those of a style do not."""
    named = vocabulary.classes_in(words_of(tokens)).keys() - {"style"}
    return bool(named) or any(token.word in vocabulary.words_of_subjects for token in tokens)


def _one_scene(tokens: list[Token], vocabulary: Vocabulary) -> _Scene:
    """Of all that a prompt names what one picture shows.

    Stars around its subject are a clear night, and the lights of a city are a night. What is bright
    there is no day.
    """
    tokens, avoided = apart(tokens, negated(tokens))
    by_night = [a.word == "bright" and b.word in SHINING for a, b in pairwise(tokens)]
    tokens, _ = apart(tokens, [*by_night, False][: len(tokens)])
    tokens = _subject_first(tokens, vocabulary)
    lit = [second.word == "lights" and first.word in LIT for first, second in pairwise(tokens)]
    tokens, lights = apart(tokens, [False, *lit][: len(tokens)])
    subject, around = _surroundings(tokens, vocabulary)
    tokens, left = apart(tokens, around)
    stars = [token for token in left if token.word in NIGHTLY]
    if not stars + lights or vocabulary.classes_in(words_of(tokens)).get("time"):
        return _Scene(tokens, subject, left, avoided)
    night = CLEAR_NIGHT if stars else AT_NIGHT
    at_night = [Token(word, (stars + lights)[0].said) for word in night.split()]
    left = [token for token in left if token not in stars]
    seen = " ".join(dict.fromkeys(token.said for token in stars or lights))
    return _Scene([*tokens, *at_night], subject, left, avoided, {seen: night})


def _in_known_phrases(text: str, known: Set[str]) -> tuple[str, dict[str, str]]:
    """The text, and which phrases, or their plurals, were put in the place of which."""
    taken = {}
    for phrase, meant in PHRASES.items():
        if not set(meant.split()) <= known:
            continue
        text, found = re.subn(rf"\b{phrase}(?=s?\b)", meant, text, flags=re.IGNORECASE)
        if found:
            taken[phrase] = meant
    return text, taken


def _in_known_words(tokens: Sequence[Token], known: Set[str]) -> tuple[list[Token], dict[str, str]]:
    """The tokens, and which words were put in the place of which."""
    words = [token.word for token in tokens]
    meanings = {word: known_for(word, known, words) for word in words if word not in known}
    taken = {word: meant for word, meant in meanings.items() if meant is not None}
    read = (instead_of(token, taken.get(token.word, token.text)) for token in tokens)
    return [token for tokens in read for token in tokens], taken


def _subject_first(tokens: list[Token], vocabulary: Vocabulary) -> list[Token]:
    """What is said before the subject behind it: "under stars, a castle"."""
    pause = next((n for n, token in enumerate(tokens) if n and token.pauses), 0)
    around = tokens[:pause]
    if not any(token.word in vocabulary.things for token in around) or around[0].word not in LINKS:
        return tokens
    first, *others = tokens[pause:]
    if vocabulary.subject_of(tokens[pause:]) is None:
        return tokens
    return [replace(first, before=""), *others, replace(around[0], before=", "), *around[1:]]


def _surroundings(tokens: Sequence[Token], vocabulary: Vocabulary) -> tuple[str, list[bool]]:
    """The subject, and which tokens belong to others only.

    They follow a preposition or a comma, and captions of the subject do without them; or they are
    stars above it.
    """
    named = vocabulary.subject_of(tokens)
    subject, start, behind = named or ("", len(tokens), len(tokens))
    gone: list[bool] = []
    is_around = False
    for place, token in enumerate(tokens):
        is_around |= place >= behind and (token.word in LINKS or token.pauses)
        is_other = token.word in vocabulary.things and not vocabulary.belongs(token.word, subject)
        is_vague = bool(subject) and token.word in VAGUE_NOUNS and not start <= place < behind
        is_over = any(other.word in LINKS for other in tokens[place:start])
        above = bool(subject) and token.word in NIGHTLY and is_over
        follows = gone[-1:] == [True] and FOLLOWING.get(token.word) == tokens[place - 1].word
        gone.append(((is_around or above) and is_other) or is_vague or follows)
    return subject, gone


def _lake_by_day(tokens: list[Token], vocabulary: Vocabulary) -> tuple[list[Token], dict[str, str]]:
    """The tokens with other words for a lake that is all there is, and not at night."""
    words = [token.word for token in tokens]
    is_night = "night" in vocabulary.classes_named("time", words_of(tokens))
    is_night |= not NIGHTLY.isdisjoint(words)
    others = vocabulary.things | VAGUE_NOUNS
    if "lake" not in words or is_night or not others.isdisjoint({*words} - {"lake", "mountain"}):
        return tokens, {}
    place = words.index("lake")
    first = place - (words[place - 1 : place] == ["mountain"])
    instead = LAKE_IN_MOUNTAINS if first < place else LAKE_BY_DAY
    if not set(instead.split()) <= vocabulary.words:
        return tokens, {}
    said = " ".join(token.said for token in tokens[first : place + 1])
    lake = instead_of(replace(tokens[first], said=said), instead)
    return [*tokens[:first], *lake, *tokens[place + 1 :]], {said: instead}


def _with_more(tokens: list[Token], vocabulary: Vocabulary) -> tuple[list[Token], dict[str, str]]:
    """The first word of `ALONE` with others, where nothing else says what to paint."""
    words = [token.word for token in tokens]
    others = vocabulary.things - ALONE.keys()
    if not vocabulary.names or not others.isdisjoint(words) or vocabulary.has_name(tokens):
        return tokens, {}
    for place, token in enumerate(tokens):
        if token.word in ALONE.keys() & vocabulary.words:
            more = ALONE[token.word]
            return [*tokens[:place], *instead_of(token, more), *tokens[place + 1 :]], {
                token.said: more
            }
    return tokens, {}
