"""The words of a prompt, each in its place. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from syncpano.models.near_words import FILLERS, LINKS

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PAUSE = re.compile(r"[,;:./|&+]|\s[-\u2013\u2014]\s")


@dataclass(frozen=True)
class Token:
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


def tokens_of(text: str) -> tuple[list[Token], str]:
    """Its words, and what stands behind the last one."""
    tokens, last = [], 0
    for match in _WORD.finditer(text):
        tokens.append(Token(match[0], match[0].lower(), text[last : match.start()]))
        last = match.end()
    return tokens, text[last:]


def words_of(tokens: Sequence[Token]) -> str:
    """Their words, with blanks between them."""
    return " ".join(token.word for token in tokens)


def instead_of(token: Token, text: str) -> list[Token]:
    """Words in the place of one."""
    first, *others = text.split()
    return [replace(token, text=first), *(Token(word, token.said) for word in others)]


def apart(tokens: Sequence[Token], gone: Sequence[bool]) -> tuple[list[Token], list[Token]]:
    """What stays, and what goes, with the prepositions and articles that nothing is left of."""
    going = list(gone)
    ends, dangles = True, False  # a phrase behind a token; what is behind it is gone to its end
    for place, token in reversed(list(enumerate(tokens))):
        going[place] |= dangles and token.word in LINKS | FILLERS
        dangles = going[place] and (ends or dangles)
        ends = token.pauses or token.word in LINKS
    kept = [token for token, goes in zip(tokens, going, strict=True) if not goes]
    return kept, [token for token, goes in zip(tokens, gone, strict=True) if goes]
