"""Choices that settings and algorithms share. No torch."""

from __future__ import annotations

from typing import Final, Literal

Compare = Literal["foreseen", "noisy"]
Gradient = Literal["exact", "cond", "x0"]
AUTO: Final = "auto"  # the value of a setting that the model, or the machine, decides
