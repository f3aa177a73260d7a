"""What decides the pixels of a panorama, as a hash. No torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from syncpano.config import SYNC as SYNC_PANEL
from syncpano.config import PanoramaConfig, settings
from syncpano.models.folder import JUDGE, PARTS, content_hash
from syncpano.models.source import ModelSource

# What makes the same settings other pixels counts up; the CHANGELOG says so under "Numerics".
NUMERICS = 1


def model_identity(source: ModelSource) -> str:
    """A hash of the model's weights and configs, and of what else the pocket model paints with."""
    assert source.folder is not None, "the source was resolved without a download"
    if source.family == "pocket":  # its perceptual loss and small decoder lie in the folder too
        extra = [*source.folder.rglob("*.json"), *source.folder.rglob("*.safetensors")]
        extra = [path for path in extra if path.parent.name != JUDGE]
    else:  # what other programs keep in the same snapshot does not matter
        extra = [path for part in PARTS for path in (source.folder / part).glob("*.json")]
        extra += (source.folder / "vae_tiny").glob("*")
    lines = [f"{path.relative_to(source.folder)} {digest_of(path)}" for path in sorted(extra)]
    return hashlib.sha256("\n".join([content_hash(source.folder), *lines]).encode()).hexdigest()


def identity(config: PanoramaConfig, model: str) -> str:
    """16 hexadecimal digits of all that decides the pixels, and of nothing else.

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
        values["loss_weights"] = digest_of(Path(values["loss_weights"]))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@cache
def digest_of(path: Path) -> str:
    """SHA-256 of a file, read once a process."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
