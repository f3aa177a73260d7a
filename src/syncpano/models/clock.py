"""Times of a clock in words for the hours of a day. No torch."""

from __future__ import annotations

import re
from collections.abc import Set

_TIME = re.compile(
    r"\b(?:at\s+)?(?P<said>(?P<hour>\d{1,2})(?:[:.]\d\d)?\s*(?P<half>[ap])\.?m\b\.?"
    r"|(?P<of_day>\d{1,2}):\d\d\b)",
    re.IGNORECASE,
)
_RATIO = re.compile(r"(?:--\w+|\bar|\baspect|\bratio)[\s:=]*$", re.IGNORECASE)
# From this hour on, up to the next.
_WORDS = {
    0: "at night",
    5: "at sunrise",
    8: "in daylight",
    17: "at sunset",
    20: "at dusk",
    21: "at night",
}


def in_words(text: str, known: Set[str]) -> tuple[str, dict[str, str]]:
    """The text with "at night" for "at 10 pm" and for "22:00", and what was put for what."""
    taken = {}

    def put(match: re.Match[str]) -> str:
        if _RATIO.search(text[: match.start()]):
            return match[0]
        if match["half"]:
            hour = int(match["hour"]) % 12 + 12 * (match["half"].lower() == "p")
            is_time = 1 <= int(match["hour"]) <= 12
        else:
            hour = int(match["of_day"])
            is_time = hour < 24
        if not is_time:
            return match[0]
        words = next(words for start, words in reversed(_WORDS.items()) if hour >= start)
        if not set(words.split()) <= known:
            return match[0]
        taken[match["said"].lower()] = words
        return words

    return _TIME.sub(put, text), taken
