"""Rendered scenes that pocket learns from: seeded, band-limited, any width; see KIT.md."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np

from .attributes import Allowed, Attributes, sample_attributes

# name -> module; the paper's eighteen first
SUBJECTS: dict[str, str] = {
    "waterfall": "waterfall",
    "mountains": "mountains",
    "northern_lights": "northern_lights",
    "city_skyline": "city_skyline",
    "castle": "castle",
    "alley": "alley",
    "beachside_street": "beachside_street",
    "concert": "concert",
    "grassland": "grassland",
    "misty_forest": "misty_forest",
    "beach": "beach",
    "skiers": "skiers",
    "coral_reef": "coral_reef",
    "anime_landscape": "anime_landscape",
    "cartoon_landscape": "cartoon_landscape",
    "railway": "railway",
    "shooting_stars": "shooting_stars",
    "vines_wall": "vines_wall",
    "desert": "desert",
    "volcano": "volcano",
    "harbour": "harbour",
    "winter_village": "winter_village",
    "lighthouse": "lighthouse",
    "starry_lake": "starry_lake",
}


def module(subject: str) -> ModuleType:
    """Return the module that draws `subject`."""
    return import_module(f"{__name__}.subjects.{SUBJECTS.get(subject, subject)}")


def allowed(subject: str) -> Allowed | None:
    """Return which attributes `subject` can be drawn with; None is all."""
    return getattr(module(subject), "ALLOWED", None)


def attributes_of(seed: int, subject: str) -> Attributes:
    """Return what `render` would show, without drawing it."""
    return sample_attributes(_rng(seed, subject), subject, allowed(subject))


def render(seed: int, subject: str, width: int = 1024, attrs: Attributes | None = None) -> tuple[np.ndarray, Attributes]:
    """Return a render (512, width, 3) uint8 and its attributes, the same for the same arguments."""
    rng = _rng(seed, subject)
    drawn = sample_attributes(rng, subject, allowed(subject))
    attrs = attrs or drawn
    image = module(subject).draw(rng, attrs, width)
    return np.round(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8), attrs


def _rng(seed: int, subject: str) -> np.random.Generator:
    return np.random.default_rng([seed, *subject.encode()])
