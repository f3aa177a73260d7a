"""What `--dry-run` prints: settings with their origins, windows, model calls, memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from syncpano import layers, resolving
from syncpano.advice import about_words
from syncpano.batch import Job
from syncpano.commands.options import shown
from syncpano.commands.request import Request, labels, remaining
from syncpano.config import PanoramaConfig
from syncpano.console import Voice, print_result
from syncpano.downloads import missing
from syncpano.models.card import card_of
from syncpano.models.memory import default_batches, estimate_memory, total_host_bytes
from syncpano.models.source import ModelSource, resolve_source
from syncpano.plan import Plan, count_calls, plan
from syncpano.resolving import gradient_decoder_of

# Interpreter, torch and diffusers with nothing loaded, and what a gradient takes beside the
# activations that it keeps: from benchmarks/presets.md and benchmarks/full-size.md.
LIBRARY_BYTES = 900 * 2**20
WORKSPACE = 1.2
# Share of the UNet's activations that a gradient needs: of both branches, of one, of none.
KEPT_OF_UNET = {"exact": 1.0, "cond": 0.5, "x0": 0.0}
KEPT_OF_TINY_DECODER = 0.25  # of the full one's: TAESD 0.2, pocket's 0.27
PIXEL_BYTES = 4 * 4 * 3  # float32 of 3 channels: the panorama, weights and blend of the tiles


def foreseen(request: Request, source: ModelSource, voice: Voice) -> list[Job]:
    """The pictures that a run would paint."""
    revision = request.jobs[0].config.revision
    if not request.options.resume:
        return request.jobs  # what exists was warned of
    if revision is not None and source.revision is None:
        voice.warn(f"what exists is not compared before {source.id} at {revision} is downloaded")
        return request.jobs
    return remaining(request, source, voice)


def warn_of_words(jobs: Sequence[Job], source: ModelSource, voice: Voice) -> None:
    """What a run says of every picture before it paints it."""
    if not jobs or source.folder is None:
        return
    card, config = card_of(source), jobs[0].config
    negative = card.negative_prompt(config.prompt, config.negative_prompt)
    for prompt, label in labels(jobs).items():
        for sentence in about_words(source.id, card.read(prompt)):
            voice.warn(label + sentence)
    for sentence in about_words(source.id, card.read(negative, negative=True), negative=True):
        voice.warn(sentence)


def print_dry_run(jobs: Sequence[Job], resolved: layers.Resolved, *, as_json: bool) -> None:
    """Print what the jobs would do; nothing is loaded. As text, only the first one at length."""
    if not jobs:
        return
    first = jobs[0].config
    source = resolve_source(first.model, first.revision, download=False)

    def negative_of(config: PanoramaConfig) -> str:
        return card_of(source).negative_prompt(config.prompt, config.negative_prompt)

    for index, job in enumerate(jobs):
        if index and not as_json:
            negative = negative_of(job.config)
            other = f", negative prompt {negative!r}" * (negative != negative_of(first))
            print_result(f"seed {job.config.seed}: {job.config.prompt!r}, {job.path}{other}")
            continue
        facts = job_facts(job, resolved, plan(job.config, source), source)
        print_result(json.dumps(facts) if as_json else _as_text(facts))


def job_facts(
    job: Job, resolved: layers.Resolved, planned: Plan, source: ModelSource
) -> dict[str, Any]:
    """The dry run as one JSON object."""
    grid, calls, given = planned.grid(0), count_calls(planned), job.config
    settled = resolving.by_model(given, source, card_of(source), synchronises=bool(planned.weights))
    return {
        "output": str(job.path),
        "config": asdict(settled),
        "source": resolving.origins_found(resolved.origins, asdict(given)),
        "model": {
            "id": source.id,
            "family": source.family,
            "missing": missing(planned, source),
            "window": source.window,
            "vae_factor": source.vae_factor,
        },
        "windows": {
            "count": len(grid.windows),
            "anchor": grid.anchor,
            "size": planned.window * source.vae_factor,
            "stride": planned.stride * source.vae_factor,
        },
        "sync": {"steps": list(planned.weights), "weights": list(planned.weights.values())},
        "calls": asdict(calls),
        "memory": {"estimate_bytes": estimate_bytes(planned, source)},
    }


def estimate_bytes(planned: Plan, source: ModelSource) -> int:
    """Peak memory of the run on this machine's CPU: weights, one batch of windows, the picture."""
    config = planned.config
    estimate = estimate_memory(source, 2 if config.dtype in ("float16", "bfloat16") else 4)
    denoise, sync, decode = default_batches(estimate, "cpu", total_host_bytes())
    windows = len(planned.grid(0).windows)
    if config.method == "bld":  # it paints window after window
        windows = 1
    denoise = min(config.window_batch or denoise, windows)
    sync = min(config.window_batch or sync, windows) if planned.weights else 0
    of_unet = KEPT_OF_UNET[config.gradient] if config.compare == "foreseen" else 0
    is_tiny = gradient_decoder_of(config, source) == "tiny"
    of_decoder = KEPT_OF_TINY_DECODER if is_tiny else 1
    kept = of_unet * sync * estimate.sync_window
    kept += of_decoder * min(config.window_batch or decode, sync) * estimate.decode_window
    activations = max(denoise * estimate.denoise_window, WORKSPACE * kept)
    picture = config.width * config.height * PIXEL_BYTES
    return LIBRARY_BYTES + estimate.weights + round(activations) + picture


def _as_text(facts: dict[str, Any]) -> str:
    config, source = facts["config"], facts["source"]
    rows = [(name.replace("_", "-"), shown(value), source[name]) for name, value in config.items()]
    wide = max(len(name) for name, _, _ in rows)
    broad = min(max(len(value) for _, value, _ in rows), 40)
    lines = [f"{name:{wide}}  {value:{broad}}  {origin}" for name, value, origin in rows]
    windows, sync, calls = facts["windows"], facts["sync"], facts["calls"]
    size = windows["size"]
    lines += [
        "",
        f"{'windows':{wide}}  {windows['count']} of {size} x {size} pixels, one every "
        f"{windows['stride']} pixels, anchor {windows['anchor']}",
        f"{'sync':{wide}}  {_sync_line(sync, config['steps'])}",
        f"{'calls':{wide}}  {calls['predictions']} window predictions, {calls['gradients']} with "
        f"gradient, {calls['decodes']} windows decoded for the loss",
        f"{'memory':{wide}}  about {facts['memory']['estimate_bytes'] / 2**30:.1f} GiB on a CPU",
        f"{'output':{wide}}  {facts['output']}",
    ]
    lines += [
        f"{'model':{wide}}  {name} is not downloaded yet" for name in facts["model"]["missing"]
    ]
    return "\n".join(lines)


def _sync_line(sync: dict[str, Any], steps: int) -> str:
    if not sync["steps"]:
        return "none"
    first, last = sync["weights"][0], sync["weights"][-1]
    return f"{len(sync['steps'])} of {steps} steps, w from {first:.3g} to {last:.3g}"
