"""What decides the pixels of a panorama, as a hash. No torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from syncpano import files
from syncpano.config import SYNC as SYNC_PANEL
from syncpano.config import PanoramaConfig, settings
from syncpano.models.card import Card

# What makes the same settings other pixels counts up; the CHANGELOG says so under "Numerics".
NUMERICS = 1


def identity(config: PanoramaConfig, model: str, card: Card) -> str:
    """16 hexadecimal digits of all that decides the pixels but the code, and of nothing else.

    Of the code the way that a prompt is read counts, where it is not read as it is.

    Settings without effect do not count, so that w = 0 and MultiDiffusion, or f = 50 of 50 steps
    and a descent every step, are one panorama in every table.
    """
    values = asdict(config) | {"model": model, "numerics": NUMERICS}
    known = settings()
    for name, item in known.items():
        without_effect = not item.decides_pixels
        if not config.wants_sync:
            without_effect |= item.panel == SYNC_PANEL
        if without_effect:
            values[name] = item.default
    if values["method"] == "sync" and config.sync_weight == 0:
        values["method"] = "multi"
    if values["sync_freq"] == config.steps:
        values["sync_freq"] = None
    if values["initial_steps"] is not None and values["initial_steps"] >= config.steps:
        values["initial_steps"] = values["initial_span"] = None
    if values["loss_weights"] is not None:
        values["loss_weights"] = files.digest_of(files.expanded(values["loss_weights"]))
    negative = card.negative_prompt(config.prompt, config.negative_prompt)
    values["negative_prompt"] = negative
    texts = card.texts(config.prompt, negative)
    if texts != (config.prompt, negative):
        values["texts"] = texts
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
