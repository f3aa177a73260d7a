"""What the pocket model's `pocket.json` says about it. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from syncpano import files
from syncpano.choices import AUTO
from syncpano.errors import SyncPanoError
from syncpano.models import wording
from syncpano.models.folder import read_json
from syncpano.models.source import ModelSource
from syncpano.models.vocabulary import Vocabulary


@dataclass(frozen=True)
class Card:
    """Facts beside the weights of a pocket model.

    Attributes:
        vocabulary: of the captions it was trained on; without words where unlisted.
        loss_scales: `--loss` -> factor that puts its useful strength at the paper's w, 20 and, for
            the style loss, 0.1 (1 where unlisted).
        guidance_scale: classifier-free guidance at which it paints best.
        guided_share: share of the steps, from the first on, whose guidance helps.
        temperature: share of the noise that its sampling keeps (see `BoundDiffusion.step`).
        cpu_dtype: the number format that is safe on a CPU that is fast at it.
        gradient_gains: `--gradient` -> factor with which a w brings the windows' colours as close
            as by the exact gradient (1 where unlisted; `syncpano reproduce gradients`).
    """

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    loss_scales: Mapping[str, float] = field(default_factory=dict)
    guidance_scale: float = 7.5  # Stable Diffusion's
    guided_share: float = 1.0
    temperature: float = 1.0
    cpu_dtype: str = "float32"
    gradient_gains: Mapping[str, float] = field(default_factory=dict)

    def read(self, prompt: str, negative: bool = False) -> wording.Reading:
        """A prompt as the model reads it: as it is, where no words are listed."""
        if not self.vocabulary.words:
            return wording.Reading(prompt)
        return wording.read(prompt, self.vocabulary, negative)

    def negative_prompt(self, prompt: str, given: str) -> str:
        """The negative prompt: as given, or the model's own for a prompt, where it is `auto`."""
        if given != AUTO:
            return given
        reading = self.read(prompt)
        return self.vocabulary.unasked(reading.text, [*reading.left, *reading.unknown])

    def texts(self, prompt: str, negative_prompt: str) -> tuple[str, str]:
        """What the model is told to paint, and what not to: both as it reads them."""
        negative_prompt = self.negative_prompt(prompt, negative_prompt)
        reading, negative = self.read(prompt), self.read(negative_prompt, negative=True)
        avoided = ", ".join(filter(None, [negative.text, *reading.avoided]))
        return self.vocabulary.by_day(reading.text, avoided), avoided


def card_of(source: ModelSource) -> Card:
    """A model's card; the defaults as long as its folder is not on this machine."""
    return read_card(source.folder) if source.folder else Card()


def read_card(folder: Path) -> Card:
    """The card of a model folder; the defaults where it has none.

    Raises:
        SyncPanoError: there is a card and it is damaged.
    """
    path = folder / "pocket.json"
    if not files.is_file(path):
        return Card()
    content = read_json(path)
    words = content.get("known_words", [])
    named = _phrases(content.get("class_words"))
    scales = content.get("loss_scales", {})
    guidance = content.get("guidance_scale", Card.guidance_scale)
    guided_share = content.get("guided_share", Card.guided_share)
    temperature = content.get("temperature", Card.temperature)
    dtype = content.get("cpu_dtype", Card.cpu_dtype)
    gains = content.get("gradient_gains", {})
    if (
        not isinstance(words, list)
        or not isinstance(guidance, int | float)
        or not isinstance(guided_share, int | float)
        or not 0 <= guided_share <= 1
        or not isinstance(temperature, int | float)
        or not 0 < temperature <= 1
        or dtype not in ("float32", "bfloat16")
        or not _factors(scales)
        or not _factors(gains)
    ):
        raise SyncPanoError(f"{path} is damaged", hint="reinstall syncpano")
    return Card(
        vocabulary=Vocabulary(
            frozenset(str(word).lower() for word in words),
            {name.replace("_", " "): names for name, names in named.pop("subject", {}).items()},
            named,
        ),
        loss_scales={name: float(scales[name]) for name in scales},
        guidance_scale=float(guidance),
        guided_share=float(guided_share),
        temperature=float(temperature),
        cpu_dtype=str(dtype),
        gradient_gains={name: float(gains[name]) for name in gains},
    )


def _phrases(class_words: object) -> dict[str, dict[str, frozenset[str]]]:
    """Attribute -> class -> what names it; none where the table is missing or of another shape."""
    tables = class_words if isinstance(class_words, dict) else {}
    return {
        str(attribute): {
            str(name): frozenset(str(phrase).lower() for phrase in phrases)
            for name, phrases in classes.items()
            if isinstance(phrases, list)
        }
        for attribute, classes in tables.items()
        if isinstance(classes, dict)
    }


def _factors(content: object) -> TypeGuard[dict[str, float]]:
    """Whether this is a table of positive numbers."""
    return isinstance(content, dict) and all(
        isinstance(factor, int | float) and 0 < factor < math.inf for factor in content.values()
    )
