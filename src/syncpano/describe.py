"""Fill a run log with what was resolved and found on the way."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

from syncpano import machine, resolving, runlog
from syncpano.advice import about_attributes, about_subject, about_words, listed
from syncpano.config import PanoramaConfig
from syncpano.drawing import refines
from syncpano.fingerprints import fingerprints
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.plan import Plan
from syncpano.sampler import StepReport

logger = logging.getLogger(__name__)


def resolved(
    config: PanoramaConfig, model: LatentDiffusion, *, synchronises: bool
) -> PanoramaConfig:
    """The config with what `auto` came to; painting it again gives the same pixels."""
    config = resolving.by_model(config, model.source, model.card, synchronises=synchronises)
    machines: dict[str, Any] = {
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
    }
    return replace(config, **machines)


def fill(log: runlog.Log, config: PanoramaConfig, planned: Plan, model: LatentDiffusion) -> None:
    """Write into a run log all that is known before the first step."""
    source, grid = model.source, planned.grid(0)
    log["source"] = resolving.origins_found(log["source"], log["config"])
    log["config"] = asdict(config)
    log["model"] = {
        "id": source.id,
        "revision": source.revision,
        "hash": model.content_hash,
        "family": source.family,
        "window": source.window,
        "vae_factor": source.vae_factor,
        "licence": source.licence,
    }
    log["fingerprints"] = fingerprints(planned, source)
    log["windows"] = {
        "count": len(grid.windows),
        "anchor": grid.anchor,
        "stride": planned.stride * source.vae_factor,
    }
    log["sync"] = {"steps": list(planned.weights), "weights": list(planned.weights.values())}
    log["environment"] = machine.environment(model.device, model.dtype)


def step_entry(report: StepReport) -> dict[str, Any]:
    """One line of `steps`."""
    return {
        "step": report.step,
        "timestep": report.timestep,
        "weight": report.weight,
        "distances": [round(distance, 6) for distance in report.distances],
        "seconds": round(report.sync_seconds + report.denoise_seconds, 6),
    }


def notice_words(log: runlog.Log, config: PanoramaConfig, model: LatentDiffusion) -> None:
    """Say which words of the prompts the model will not see or does not know."""
    card, sentences = model.card, list[str]()
    reading = card.read(config.prompt)
    negative = card.read(config.negative_prompt, negative=True)
    for name, each in (("prompt", reading), ("negative prompt", negative)):
        if dropped := model.dropped_words(each.text):
            words = listed(dropped)
            sentences.append(f"the {name} is too long for {config.model}, dropped: {words}")
        sentences += about_words(config.model, each, negative=each is negative)
    if refines(config, model.source):
        subject, probability = model.refiner.subject_of(config.prompt)
        pictures = model.refiner.pictures_of(subject) if subject else []
        about = config.model, reading, card.vocabulary, subject, pictures
        sentences += about_subject(*about, probability) + about_attributes(*about)
    for sentence in sentences:
        notice(log, sentence)


def notice(log: runlog.Log, sentence: str) -> None:
    """Keep a sentence in the log and say it once."""
    log["notices"].append(sentence)
    logger.warning("%s", sentence)
