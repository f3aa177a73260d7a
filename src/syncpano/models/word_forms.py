"""Which known word a word of a prompt is a form, a neighbour or a slip of. No torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Set

from syncpano.models.near_words import BESIDE, NEAR, NO_SLIPS

_SHORTEST = 3  # letters of a word that may be a form of another
# Letters of a word in which a slip is sure to be one: where one is missing, and where two have
# changed places.
_MISSING, _SWAPPED = 6, 5
_MEANT = {word: meant for meant, words in NEAR.items() for word in words.split()}


def known_for(word: str, known: Set[str], words: Collection[str]) -> str | None:
    """The known words that stand for a word of a prompt, if any.

    Another form of it, or else what means nearly the same, or else what it is a slip of.

    Args:
        words: of the whole prompt: beside some of them a word means something else.
    """
    forms = [word] if word in _MEANT else list(_forms(word))  # Andes is no form of "and"
    near = [_MEANT[form] for form in forms if form in _MEANT]
    beside = (pair for form in forms for pair in BESIDE.get(form, {}).items())
    near = [meant for company, meant in beside if set(company.split()) & set(words)] + near
    usable = [meant for meant in near if set(meant.split()) <= known]
    found = [form for form in forms if form in known] or usable
    if found:
        return found[0]
    slips = [other for other in known if _is_slip(word, other)]
    return slips[0] if len(slips) == 1 and word not in NO_SLIPS else None


def _is_slip(word: str, meant: str) -> bool:
    """Whether one letter too many or too few, or two in the wrong order, are all the difference.

    Of long words with the same beginning. A wrong letter makes other words: concept art is no
    concert.
    """
    shorter, longer = sorted((len(word), len(meant)))
    enough = longer >= (_SWAPPED if shorter == longer else _MISSING)
    if not enough or longer - shorter > 1 or word[0] != meant[0]:
        return False
    same = next((n for n in range(shorter) if word[n] != meant[n]), shorter)
    word, meant = word[same:], meant[same:]
    if len(word) != len(meant):
        return word[1:] == meant or word == meant[1:]
    return word[:2] == meant[1::-1] and word[2:] == meant[2:]


def _forms(word: str) -> Iterator[str]:
    """The word, its singulars and its plurals, by the rules of English spelling alone."""
    parts = unicodedata.normalize("NFKD", word.removesuffix("'s"))
    word = "".join(letter for letter in parts if not unicodedata.combining(letter))
    endings = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
    singulars = [word.removesuffix(many) + one for many, one in endings if word.endswith(many)]
    plurals = [word + "s", word + "es", word.removesuffix("y") + "ies"]
    yield from (form for form in (word, *singulars, *plurals) if len(form) >= _SHORTEST)
