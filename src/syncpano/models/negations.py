"""Which words of a prompt say that there is none of something. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from syncpano.models.near_words import FILLERS, LINKS, NEGATIONS
from syncpano.models.tokens import Token


def negated(tokens: Sequence[Token]) -> list[bool]:
    """Which of them say that there is none of something: "with no snow, fog or clouds"."""
    gone, last = [], ""
    inside = bare = False
    for place, token in enumerate(tokens):
        following = [other.word for other in tokens[place + 1 : place + 2]]
        if token.word in NEGATIONS or (token.word == "free" and following == ["of"]):
            inside = bare = True  # behind it: "not in the ..."
            last = token.word
        elif token.pauses or (token.word in LINKS and not bare):
            inside &= _goes_on(tokens[place:], behind=last)
        bare &= token.word in NEGATIONS | LINKS | FILLERS
        gone.append(inside)
        if place and token.word == "free" and token.before == "-":  # snow-free
            gone[place - 1 :] = [True, True]
    return gone


def _goes_on(tokens: Sequence[Token], behind: str) -> bool:
    """Whether what there is none of goes on: with "or", with a comma of a list that ends with it,
    and with "and" behind "without" if one word is all that follows.
    """
    first, *others = tokens
    if first.word == "and":
        ends = len(others) == 1 or (len(others) > 1 and others[1].pauses)
        return behind == "without" and ends and others[0].word not in LINKS | FILLERS
    listed = takewhile(lambda t: t.word not in (LINKS | FILLERS | NEGATIONS) - {"or"}, tokens)
    return first.word == "or" or (first.pauses and any(token.word == "or" for token in listed))
