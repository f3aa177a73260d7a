"""What varies between renders of one subject."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.random import Generator

TIMES = ("dawn", "noon", "sunset", "twilight", "night")
WEATHERS = ("clear", "cloudy", "fog", "snow")
SEASONS = ("spring", "summer", "autumn", "winter")
STYLES = ("photo", "cartoon", "anime", "silhouette")
_WEIGHTS = {
    "time": (1, 1, 1, 1, 1),
    "weather": (0.5, 0.25, 0.15, 0.1),
    "season": (0.25, 0.3, 0.25, 0.2),
    "style": (0.7, 0.1, 0.1, 0.1),
}
CLASSES = {"time": TIMES, "weather": WEATHERS, "season": SEASONS, "style": STYLES}


@dataclass(frozen=True)
class Attributes:
    """The captioned choices of one render; `tint` in [0, 1) is a free palette variation, never captioned."""

    subject: str
    time: str = "noon"
    weather: str = "clear"
    season: str = "summer"
    style: str = "photo"
    tint: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in CLASSES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, not {getattr(self, name)!r}")

    @property
    def dark(self) -> bool:
        """Whether the scene is lit by moon or dusk."""
        return self.time in ("night", "twilight")


@dataclass(frozen=True)
class Allowed:
    """What a subject module allows, as `ALLOWED = Allowed(time=("night",))`; an empty tuple allows everything."""

    time: tuple[str, ...] = field(default=())
    weather: tuple[str, ...] = field(default=())
    season: tuple[str, ...] = field(default=())
    style: tuple[str, ...] = field(default=())


def sample_attributes(rng: Generator, subject: str, allowed: Allowed | None = None) -> Attributes:
    """Draw every attribute independently within what `allowed` permits."""
    got: dict[str, str] = {}
    for name, values in CLASSES.items():
        keep = (getattr(allowed, name) if allowed else ()) or values
        p = [w for v, w in zip(values, _WEIGHTS[name], strict=True) if v in keep]
        kept = [v for v in values if v in keep]
        got[name] = kept[int(rng.choice(len(kept), p=[w / sum(p) for w in p]))]
    return Attributes(subject, tint=float(rng.random()), **got)
