"""Turn what flags, variables, YAML, JSON and Python give into the type of a setting."""

from __future__ import annotations

from dataclasses import MISSING
from numbers import Integral, Real

from syncpano.config import Setting, Value
from syncpano.errors import SyncPanoError

AUTO = ("auto", "none", "null", "")


def coerce(item: Setting, value: object, where: str) -> Value:
    """`value` (text from a flag or variable, or what YAML, JSON or Python gave) in its own type.

    Raises:
        SyncPanoError: it is of another type; the message starts with `where`.
    """
    if value is None or (isinstance(value, str) and item.optional and value.lower() in AUTO):
        if item.optional:
            return None
        raise SyncPanoError(f"{where} has no value", hint=_expected(item))
    parsed = _parse(item, value)
    if parsed is None:
        raise SyncPanoError(f"{where}: {_shown(value)} is not {_kind(item)}", hint=_expected(item))
    return parsed


def _parse(item: Setting, value: object) -> Value:
    """None where `value` does not fit."""
    if item.kind is bool:
        return _parse_bool(value)
    if item.kind is str:
        return value if isinstance(value, str) and value in (item.choices or (value,)) else None
    if isinstance(value, bool) or not isinstance(value, str | Real):  # NumPy's numbers are Real
        return None
    try:
        if item.kind is float:
            return float(value)
        return int(value) if isinstance(value, str | Integral) else None
    except (ValueError, OverflowError):
        return None


def _parse_bool(value: object) -> bool | None:
    if isinstance(value, str):
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        return words.get(value.lower())
    return value if isinstance(value, bool) else None


def _kind(item: Setting) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return "one of " + ", ".join(item.choices) if item.choices else names[item.kind]


def _expected(item: Setting) -> str:
    """An example that works."""
    if item.choices:
        return f"use one of {', '.join(item.choices)}"
    if item.name == "prompt":
        return "say what to paint, such as A waterfall"
    if item.name == "negative_prompt":  # `auto` is no example of one
        return f'write it in quotes, an empty one as `{item.name}: ""` (Python: {item.name}="")'
    example = (
        item.default
        if item.default not in (MISSING, None)
        else {int: 128, float: 0.5, str: "text"}[item.kind]
    )
    return (
        f"for example `{item.flags[-1]} {example}`"
        if item.kind is not bool
        else "use true or false"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
