"""What a small model has learnt to paint, and what of it a prompt is about. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

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

_WORD = re.compile(r"[^\W\d_]+")


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
        """The negative prompt of a prompt that has none: snow and night, unless it asks for them.

        It does by a word for them, or by a subject that they belong to, as a village to winter; and
        who names an hour leaves none open.

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
        return f"{text.rstrip(' .,;:!?')} {BY_DAY}"

    def subject_of(self, words: Sequence[str]) -> tuple[str, int]:
        """The first subject that a prompt names, and behind which of its words; "" where none."""
        most = max((len(name.split()) for name in self.names), default=0)
        for start, word in enumerate(words):
            longest_first = (" ".join(words[start : start + n]) for n in range(most, 0, -1))
            named = next((name for name in longest_first if name in self.names), "")
            if set(named.split()) - VAGUE:
                return named, start + len(named.split())
            if word in ALONE.keys() - AROUND and word in self.words:
                return word, start + 1
        return "", len(words)

    def subject_named(self, text: str) -> str:
        """The subject that the first name in a text is of; "" where it has none."""
        name, _ = self.subject_of(_WORD.findall(text.lower()))
        return next((subject for subject, names in self.subjects.items() if name in names), "")

    def has_name(self, words: Sequence[str]) -> bool:
        """Whether a prompt has any subject's name in it."""
        prompt = " ".join(words)
        return any(_contains(prompt, name) for name in self.names if set(name.split()) - VAGUE)

    def names_wholly(self, text: str, subject: str) -> bool:
        """Whether a text calls a subject by a name, and says what it is like in all its pictures.

        A winter village is one in winter, an anime landscape one in anime style.
        """
        words = _WORD.findall(text.lower())
        if set(subject.split()) <= set(words):
            return True
        named = any(_contains(" ".join(words), name) for name in self.subjects[subject])
        return named and not (set(subject.split()) & self._of_attributes).difference(words)

    def belongs(self, word: str, subject: str) -> bool:
        """Whether a subject with this among its names has this word there, too."""
        return any(
            any(_contains(name, word) for name in names)
            for names in self.subjects.values()
            if any(_contains(name, subject) for name in names)
        )


def _content(phrase: str) -> frozenset[str]:
    return frozenset(phrase.split()) - LINKS - FILLERS


def _contains(name: str, words: str) -> bool:
    return f" {words} " in f" {name} "
