"""What a small model has learnt to paint, and what of it a prompt is about. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from syncpano.models.near_words import (
    ALONE,
    AROUND,
    BY_DAY,
    FILLERS,
    LINKS,
    TELLING,
    UNASKED,
    UNTIMELY,
    VAGUE,
    VAGUE_NOUNS,
)
from syncpano.models.tokens import Token, tokens_of

_WORD = re.compile(r"[^\W\d_]+")


class Named(NamedTuple):
    """What a prompt calls a subject, and where: from one of its words up to another."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Vocabulary:
    """Words and phrases of a model's captions, in lower case.

    Attributes:
        words: all of them.
        subjects: subject -> what it is called.
        attributes: attribute -> class -> what names it, the classes in the order of their numbers.
    """

    words: Set[str] = frozenset()
    subjects: Mapping[str, Set[str]] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, Set[str]]] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[str]:
        """What any subject is called."""
        return frozenset[str]().union(*self.subjects.values())

    @cached_property
    def things(self) -> frozenset[str]:
        """Words that say what to paint."""
        single = frozenset(name for name in self.names if " " not in name)
        return (single | TELLING | ALONE.keys()) - VAGUE - self._of_attributes

    @cached_property
    def words_of_subjects(self) -> frozenset[str]:
        """Words in the names of subjects, those that hardly tell them apart too."""
        words = frozenset(word for name in self.names for word in name.split())
        return words - (VAGUE - VAGUE_NOUNS) - LINKS - FILLERS - self._of_attributes

    @cached_property
    def _of_attributes(self) -> frozenset[str]:
        return frozenset[str]().union(*(self.words_of(name) for name in self.attributes))

    def words_of(self, attribute: str) -> frozenset[str]:
        """Words that name a class of an attribute, alone or with others."""
        classes = self.attributes.get(attribute, {})
        return frozenset[str]().union(*map(_content, frozenset[str]().union(*classes.values())))

    def classes_in(self, text: str) -> dict[str, set[int]]:
        """Attribute -> the numbers of its classes that one word of a text is enough to name."""
        words = set(_WORD.findall(text.lower())) - UNTIMELY
        found: dict[str, set[int]] = {}
        for attribute, classes in self.attributes.items():
            for number, phrases in enumerate(classes.values()):
                alone = {min(_content(phrase)) for phrase in phrases if len(_content(phrase)) == 1}
                if not alone.isdisjoint(words):
                    found.setdefault(attribute, set()).add(number)
        return found

    def classes_named(self, attribute: str, text: str) -> set[str]:
        """The classes of an attribute that one word of a text is enough to name."""
        classes = list(self.attributes.get(attribute, ()))
        return {classes[number] for number in self.classes_in(text).get(attribute, ())}

    def avoided(self, text: str, negative: str) -> dict[str, set[int]]:
        """Attribute -> the numbers of classes that a negative prompt names and the prompt not.

        But for hours: those are what was sampled, and in the colours of a night a picture of one
        is better than one of a day.
        """
        wanted = self.classes_in(text)
        unwanted = self.classes_in(negative)
        unwanted.pop("time", None)
        return {name: numbers - wanted.get(name, set()) for name, numbers in unwanted.items()}

    def unasked(self, text: str, others: Sequence[str] = ()) -> str:
        """The negative prompt of a prompt that has none: snow, night, fog, unless it asks for them.

        It does by a word for them, or by a subject that they belong to, as a village to winter; and
        who names an hour, or a weather, leaves none open.

        Args:
            others: words of the prompt that its text leaves out.
        """
        words, subject = [*_WORD.findall(text.lower()), *others], self.subject_named(text)
        named = self.classes_in(text)
        found = []
        for phrase, (asking, subjects) in UNASKED.items():
            classes = self.classes_in(phrase)
            asked = classes.keys() <= named.keys()
            asked |= any(not classes[name].isdisjoint(named.get(name, ())) for name in classes)
            asked |= any(re.fullmatch(asking, word) for word in words)
            if classes and not asked and subject not in subjects:
                found.append(phrase)
        return ", ".join(found)

    def by_day(self, text: str, negative: str) -> str:
        """A text that names no hour, and the day where its negative prompt names the night.

        Little guidance leads away from little; what a text names is obeyed.
        """
        night = "night" in self.classes_named("time", negative)
        if not night or self.classes_in(text).get("time") or not set(BY_DAY.split()) <= self.words:
            return text
        return f"{text.rstrip(' .,;:!?')} {BY_DAY}".lstrip()

    def subject_of(self, tokens: Sequence[Token]) -> Named | None:
        """The first subject that a prompt names, of a compound its head.

        By a name, or by a word that is none, but means one where it stands alone.
        """
        return self._first(tokens, alone=True)

    def subject_named(self, text: str) -> str:
        """The subject that the first name in a text is of; "" where it has none."""
        named = self._first(tokens_of(text)[0], alone=False)
        name = named.name if named else ""
        return next((subject for subject, names in self.subjects.items() if name in names), "")

    def _first(self, tokens: Sequence[Token], *, alone: bool) -> Named | None:
        places = range(len(tokens))
        first = next(filter(None, (self._subject_at(tokens, n, alone) for n in places)), None)
        if first is None:
            return None
        # A desert castle is a castle.
        while first.stop < len(tokens) and not tokens[first.stop].pauses:
            head = self._subject_at(tokens, first.stop, alone=False)
            if head is None:
                break
            first = head
        return first

    def _subject_at(self, tokens: Sequence[Token], start: int, alone: bool) -> Named | None:
        """The longest name that begins with a token; articles do not count."""
        places = [n for n in range(start, len(tokens)) if tokens[n].word not in FILLERS]
        if not places or places[0] != start:
            return None
        words = tuple(tokens[n].word for n in places)
        for count in range(min(self._longest_name, len(words)), 0, -1):
            if (name := self._names_by_words.get(words[:count])) and set(words[:count]) - VAGUE:
                return Named(name, start, places[count - 1] + 1)
        if alone and words[0] in ALONE.keys() - AROUND and words[0] in self.words:
            return Named(words[0], start, start + 1)
        return None

    @cached_property
    def _names_by_words(self) -> dict[tuple[str, ...], str]:
        return {_without_articles(name.split()): name for name in sorted(self.names)}

    @cached_property
    def _longest_name(self) -> int:
        return max(map(len, self._names_by_words), default=0)

    def has_name(self, tokens: Sequence[Token]) -> bool:
        """Whether a prompt has any subject's name in it."""
        return self._first(tokens, alone=False) is not None

    def name_of(self, subject: str, pictures: Sequence[Mapping[str, int]]) -> str:
        """A subject without the words that not all pictures of it keep: forests need no mist.

        Args:
            pictures: of the subject, attribute -> class.
        """

        def is_kept(word: str) -> bool:
            promised = self.classes_in(word).items()
            return all(
                picture[name] in numbers for name, numbers in promised for picture in pictures
            )

        return " ".join(filter(is_kept, subject.split()))

    def names_wholly(self, text: str, subject: str, pictures: Sequence[Mapping[str, int]]) -> bool:
        """Whether a text calls a subject by a name, and says what it is like in all its pictures.

        A winter village is one in winter, an anime landscape one in anime style.
        """
        words = [token.word for token in tokens_of(text)[0]]
        kept = set(self.name_of(subject, pictures).split())
        if kept <= set(words):
            return True
        bare = " ".join(_without_articles(words))
        names = (" ".join(_without_articles(name.split())) for name in self.subjects[subject])
        named = any(_contains(bare, name) for name in names)
        return named and not (kept & self._of_attributes).difference(words)

    def belongs(self, word: str, subject: str) -> bool:
        """Whether a subject with this among its names has this word there, too."""
        return any(
            any(_contains(name, word) for name in names)
            for names in self.subjects.values()
            if any(_contains(name, subject) for name in names)
        )


def _content(phrase: str) -> frozenset[str]:
    return frozenset(phrase.split()) - LINKS - FILLERS


def _without_articles(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in FILLERS)


def _contains(name: str, words: str) -> bool:
    return f" {words} " in f" {name} "
