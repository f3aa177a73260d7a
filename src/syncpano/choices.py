"""Choices that settings and algorithms share. No torch."""

from __future__ import annotations

from typing import Literal

Compare = Literal["foreseen", "noisy"]
Gradient = Literal["exact", "cond", "x0"]
