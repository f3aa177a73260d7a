"""A prompt in the words that a small model has learnt. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from syncpano.models.near_words import (
    ALONE,
    ASKING,
    CLEAR_NIGHT,
    FILLERS,
    LINKS,
    NEGATIONS,
    NIGHTLY,
    PHRASES,
    UNMISSED,
    VAGUE,
    VAGUE_NOUNS,
)
from syncpano.models.vocabulary import Vocabulary
from syncpano.models.word_forms import known_for

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PAUSE = re.compile(r"[,;:./|&+]|\s[-\u2013\u2014]\s")
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
class _Token:
    """A word in the place of one that was `said`, in lower case, and what stands `before` it."""

    text: str
    said: str
    before: str = " "

    @property
    def word(self) -> str:
        return self.text.lower()

    @property
    def pauses(self) -> bool:
        return bool(_PAUSE.search(self.before))


@dataclass(frozen=True)
class _Scene:
    """What is to be painted, what surrounds it in the prompt, and what there is none of."""

    tokens: list[_Token]
    subject: str = ""
    left: Sequence[_Token] = ()
    avoided: Sequence[_Token] = ()
    taken: Mapping[str, str] = field(default_factory=dict)


def read(prompt: str, vocabulary: Vocabulary, negative: bool = False) -> Reading:
    """Put known words in the place of other forms of them, and of words that mean nearly the same.

    What is unknown is left out where known words say what to paint. A picture has one subject: of
    several the first stays. A negative prompt may name any number.
    """
    prompt, phrases = _in_known_phrases(prompt.translate(_APOSTROPHES), vocabulary.words)
    tokens, end = _tokens(prompt)
    tokens, stand_ins = _in_known_words(tokens, vocabulary.words)
    strange = {token.said for token in tokens if token.word not in vocabulary.words}
    unknown = [token.said for token in tokens if token.said in strange - _SAYING_LITTLE]
    scene = _Scene(tokens) if negative else _one_scene(tokens, vocabulary)
    tokens = scene.tokens
    if negative or any(token.word in vocabulary.words_of_subjects for token in tokens):
        tokens, _ = _apart(tokens, [token.said in strange for token in tokens])
    tokens, more = _with_more(tokens, vocabulary)
    said = {token.said for token in tokens}
    stand_ins = {word: meant for word, meant in stand_ins.items() if word in said}
    left = [token.said for token in scene.left if token.word not in UNMISSED | VAGUE]
    avoided = [token.word for token in scene.avoided if token.said not in strange]
    avoided = [word for word in avoided if word not in FILLERS | LINKS | NEGATIONS]
    return Reading(
        text="".join(token.before + token.text for token in tokens).lstrip(" ,;") + end,
        taken={**phrases, **stand_ins, **scene.taken, **more},
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


def _one_scene(tokens: list[_Token], vocabulary: Vocabulary) -> _Scene:
    """Of all that a prompt names what one picture shows; stars around its subject are a night."""
    tokens, avoided = _apart(tokens, _negated(tokens))
    tokens = _subject_first(tokens, vocabulary)
    subject, around = _surroundings(tokens, vocabulary)
    tokens, left = _apart(tokens, around)
    night = [token for token in left if token.word in NIGHTLY]
    if not night or any(token.word in vocabulary.words_of("time") for token in tokens):
        return _Scene(tokens, subject, left, avoided)
    at_night = [_Token(word, night[0].said) for word in CLEAR_NIGHT.split()]
    left = [token for token in left if token not in night]
    stars = " ".join(dict.fromkeys(token.said for token in night))
    return _Scene([*tokens, *at_night], subject, left, avoided, {stars: CLEAR_NIGHT})


def _tokens(text: str) -> tuple[list[_Token], str]:
    """Its words, and what stands behind the last one."""
    tokens, last = [], 0
    for match in _WORD.finditer(text):
        tokens.append(_Token(match[0], match[0].lower(), text[last : match.start()]))
        last = match.end()
    return tokens, text[last:]


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


def _in_known_words(
    tokens: Sequence[_Token], known: Set[str]
) -> tuple[list[_Token], dict[str, str]]:
    """The tokens, and which words were put in the place of which."""
    words = [token.word for token in tokens]
    meanings = {word: known_for(word, known, words) for word in words if word not in known}
    taken = {word: meant for word, meant in meanings.items() if meant is not None}
    read = (_instead(token, taken.get(token.word, token.text)) for token in tokens)
    return [token for tokens in read for token in tokens], taken


def _instead(token: _Token, text: str) -> list[_Token]:
    """Words in the place of one."""
    first, *others = text.split()
    return [replace(token, text=first), *(_Token(word, token.said) for word in others)]


def _apart(tokens: Sequence[_Token], gone: Sequence[bool]) -> tuple[list[_Token], list[_Token]]:
    """What stays, and what goes, with the prepositions and articles that nothing is left of."""
    going = list(gone)
    ends, dangles = True, False  # a phrase behind a token; what is behind it is gone to its end
    for place, token in reversed(list(enumerate(tokens))):
        going[place] |= dangles and token.word in LINKS | FILLERS
        dangles = going[place] and (ends or dangles)
        ends = token.pauses or token.word in LINKS
    kept = [token for token, goes in zip(tokens, going, strict=True) if not goes]
    return kept, [token for token, goes in zip(tokens, gone, strict=True) if goes]


def _negated(tokens: Sequence[_Token]) -> list[bool]:
    """Which of them say that there is none of something: "with no snow or fog"."""
    gone = []
    inside = bare = False
    for token in tokens:
        if token.word in NEGATIONS:
            inside = bare = True  # behind it: "not in the ..."
        elif token.pauses or (token.word in LINKS and token.word != "or" and not bare):
            inside = False
        bare &= token.word in NEGATIONS | LINKS | FILLERS
        gone.append(inside)
    return gone


def _subject_first(tokens: list[_Token], vocabulary: Vocabulary) -> list[_Token]:
    """What is said before the subject behind it: "under stars, a castle"."""
    pause = next((n for n, token in enumerate(tokens) if n and token.pauses), 0)
    around = tokens[:pause]
    if not any(token.word in vocabulary.things for token in around) or around[0].word not in LINKS:
        return tokens
    first, *others = tokens[pause:]
    subject, _ = vocabulary.subject_of([token.word for token in tokens[pause:]])
    if not subject:
        return tokens
    return [replace(first, before=""), *others, replace(around[0], before=", "), *around[1:]]


def _surroundings(tokens: Sequence[_Token], vocabulary: Vocabulary) -> tuple[str, list[bool]]:
    """The subject, and which tokens belong to others only.

    They follow a preposition or a comma, and captions of the subject do without them.
    """
    subject, behind = vocabulary.subject_of([token.word for token in tokens])
    start = behind - len(subject.split())
    gone, is_around = [], False
    for place, token in enumerate(tokens):
        is_around |= place >= behind and (token.word in LINKS or token.pauses)
        is_other = token.word in vocabulary.things and not vocabulary.belongs(token.word, subject)
        is_vague = bool(subject) and token.word in VAGUE_NOUNS and not start <= place < behind
        gone.append((is_around and is_other) or is_vague)
    return subject, gone


def _with_more(tokens: list[_Token], vocabulary: Vocabulary) -> tuple[list[_Token], dict[str, str]]:
    """The first word of `ALONE` with others, where nothing else says what to paint."""
    words = [token.word for token in tokens]
    others = vocabulary.things - ALONE.keys()
    if not vocabulary.names or not others.isdisjoint(words) or vocabulary.has_name(words):
        return tokens, {}
    for place, token in enumerate(tokens):
        if token.word in ALONE.keys() & vocabulary.words:
            more = ALONE[token.word]
            return [*tokens[:place], *_instead(token, more), *tokens[place + 1 :]], {
                token.said: more
            }
    return tokens, {}
