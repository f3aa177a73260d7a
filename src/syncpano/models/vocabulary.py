"""What a small model has learnt to paint, and what of it a prompt is about. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from syncpano.models.near_words import ALONE, AROUND, FILLERS, LINKS, TELLING, VAGUE


@dataclass(frozen=True)
class Vocabulary:
    """Words and phrases of a model's captions, in lower case.

    Attributes:
        words: all of them.
        subjects: for each subject, what it is called.
        attributes: attribute -> what names any of its classes.
    """

    words: Set[str] = frozenset()
    subjects: Sequence[Set[str]] = ()
    attributes: Mapping[str, Set[str]] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[str]:
        """What any subject is called."""
        return frozenset[str]().union(*self.subjects)

    @cached_property
    def things(self) -> frozenset[str]:
        """Words that say what to paint."""
        single = frozenset(name for name in self.names if " " not in name)
        attributes = (self.words_of(attribute) for attribute in self.attributes)
        return (single | TELLING | ALONE.keys()).difference(VAGUE, *attributes)

    def words_of(self, attribute: str) -> frozenset[str]:
        """Words that name a class of an attribute, alone or with others."""
        said = self.attributes.get(attribute, ())
        return frozenset(word for phrase in said for word in phrase.split()) - LINKS - FILLERS

    def subject_of(self, words: Sequence[str]) -> tuple[str, int]:
        """The first subject that a prompt names, and behind which of its words; "" where none."""
        for start, word in enumerate(words):
            longest_first = (" ".join(words[start:end]) for end in range(len(words), start, -1))
            named = next((name for name in longest_first if name in self.names), "")
            if set(named.split()) - VAGUE:
                return named, start + len(named.split())
            if word in ALONE.keys() - AROUND and word in self.words:
                return word, start + 1
        return "", len(words)

    def belongs(self, word: str, subject: str) -> bool:
        """Whether a subject with this among its names has this word there, too."""
        return any(
            any(_contains(name, word) for name in names)
            for names in self.subjects
            if any(_contains(name, subject) for name in names)
        )


def _contains(name: str, words: str) -> bool:
    return f" {words} " in f" {name} "
