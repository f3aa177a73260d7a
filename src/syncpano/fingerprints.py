"""What decides a panorama's pixels beside its settings, and what two runs differ in. No torch."""

from __future__ import annotations

import hashlib
from typing import Any

from syncpano import files
from syncpano.choices import AUTO
from syncpano.config import PanoramaConfig, Setting, Value, settings
from syncpano.layers import was_auto
from syncpano.losses.trunk_files import TRUNK_OF, cached_path
from syncpano.models.card import read_card
from syncpano.models.folder import JUDGE, PARTS, content_hash, weight_files
from syncpano.models.source import ModelSource
from syncpano.models.tiny_decoder import tiny_decoder_folder
from syncpano.plan import Plan
from syncpano.resolving import gradient_decoder_of, loss_of

_NAMES = {
    "model": "the model's files",
    "loss": "the loss's weights",
    "decoder": "the tiny decoder's weights",
    "texts": "the words that prompts are read as",
}


def fingerprints(planned: Plan, source: ModelSource) -> dict[str, str | None]:
    """What decides a run beside its settings: `model`, all in its folder, and what is outside.

    `texts` is what a model of few words reads the prompts as; None where it reads them as they are.
    `loss` is the trunk of LPIPS or of the style loss, `decoder` TAESD; None where the run has no
    gradient, where the model brings its own, and where they are not on this machine.
    """
    config = planned.config
    found: dict[str, str | None] = {
        "model": model_fingerprint(source),
        "loss": None,
        "decoder": None,
        "texts": _texts(config, source),
    }
    if not planned.weights:
        return found
    if net := TRUNK_OF.get(loss_of(config, source)):
        trunk = files.expanded(config.loss_weights) if config.loss_weights else cached_path(net)
        found["loss"] = files.digest_of(trunk) if files.is_file(trunk) else None
    if gradient_decoder_of(config, source) == "tiny":
        folder = tiny_decoder_folder(source, download=False)
        if folder is not None and folder.parent != source.folder:
            digests = [files.digest_of(file) for file in weight_files(folder)[1]]
            found["decoder"] = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return found


def _texts(config: PanoramaConfig, source: ModelSource) -> str | None:
    assert source.folder is not None, "the source was resolved without a download"
    card = read_card(source.folder)
    if not card.vocabulary.words:
        return None
    return " | ".join(card.texts(config.prompt, config.negative_prompt))


def differing(log: dict[str, Any], planned: Plan, source: ModelSource) -> list[str]:
    """In words, which of an earlier run's fingerprints differ now; what either lacks is the same.

    Args:
        log: of the run; None in the place of its fingerprints in logs that are older than they.
    """
    before, now = log.get("fingerprints") or {}, fingerprints(planned, source)
    if not _same_prompts(log, planned.config):
        now["texts"] = None
    return [
        words
        for name, words in _NAMES.items()
        if before.get(name) and now[name] and before[name] != now[name]
    ]


def _same_prompts(log: dict[str, Any], config: PanoramaConfig) -> bool:
    """Whether both ask for the same; what a run found for `auto` is not what was asked for."""
    negative = log["config"]["negative_prompt"]
    if config.negative_prompt == AUTO and was_auto(log, "negative_prompt"):
        negative = AUTO
    return (log["config"]["prompt"], negative) == (config.prompt, config.negative_prompt)


def other_pixels(earlier: dict[str, Any], log: dict[str, Any]) -> str | None:
    """Why a run gave other pixels than one of the same settings; None where it did not.

    Args:
        earlier, log: run logs.
    """
    decisive = [item for item in settings().values() if item.decides_pixels]
    if any(_before(item, earlier, log) != log["config"][item.name] for item in decisive):
        return None
    before, now = earlier["image"], log["image"]
    if before is None or before["sha256"] == now["sha256"]:
        return None
    there, here = (_flat(each["environment"]) for each in (earlier, log))
    reasons = [
        f"{name} {there.get(name, 'none')} there, {value} here"
        for name, value in here.items()
        if there.get(name) != value
    ]
    return ", ".join(reasons) or "all that the log knows is the same"


def _before(item: Setting, earlier: dict[str, Any], log: dict[str, Any]) -> Value:
    """An earlier run's value; a younger setting was as it is by default, or as it is found now."""
    found = log["config"][item.name] if was_auto(log, item.name) else item.default
    value: Value = earlier["config"].get(item.name, found)
    return value


def _flat(environment: dict[str, Any]) -> dict[str, Any]:
    """Threads, devices and versions, each under its name."""
    plain = {name: value for name, value in environment.items() if name != "versions"}
    return {**plain, **environment.get("versions", {})}


def model_fingerprint(source: ModelSource) -> str:
    """A hash of the model's weights and configs, and of what else the pocket model paints with."""
    assert source.folder is not None, "the source was resolved without a download"
    if source.family == "pocket":  # its perceptual loss and small decoder lie in the folder too
        extra = [*source.folder.rglob("*.json"), *source.folder.rglob("*.safetensors")]
        extra = [path for path in extra if path.parent.name != JUDGE]
    else:  # what other programs keep in the same snapshot does not matter
        folders = [source.folder / part for part in (*PARTS, "vae_tiny")]
        extra = [path for folder in folders for path in folder.glob("*.json")]
        extra += weight_files(source.folder / "vae_tiny")[1]
    extra = [path for path in extra if files.is_file(path)]
    lines = [f"{path.relative_to(source.folder)} {files.digest_of(path)}" for path in sorted(extra)]
    return hashlib.sha256("\n".join([content_hash(source.folder), *lines]).encode()).hexdigest()
