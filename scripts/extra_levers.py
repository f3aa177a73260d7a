"""Levers beside the presets, tried on top of one: what they save and what they do to the picture.

    python scripts/extra_levers.py --preset fast

Writes out/extra-levers.md; benchmarks/extra-levers.md has remarks beside its numbers.

Tried: initial noise with a shared style term (GVCF), and reuse of the UNet's deep features in every
second of the steps that do not synchronise (DeepCache). Each paints the same prompts from the same
seeds; the pocket model's judge, which guidance never sees, measures coherence and prompt fit. A
lever that does not pay stays out of the package.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from torch import Tensor

import repeat
from syncpano import files, machine, pipeline
from syncpano.config import PanoramaConfig
from syncpano.experiments.comparison import paired
from syncpano.experiments.reading import paper_prompts
from syncpano.layers import config_layer, resolve, values_layer
from syncpano.metrics.colour import colour_distance
from syncpano.metrics.crops import native_boxes
from syncpano.metrics.pairs import pair_distances
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.models.folder import content_hash
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import Studio, initial_noise

Patch = Callable[[], Any]  # a context manager under which panoramas are painted
Numbers = tuple[float, ...]
Columns = list[tuple[float, ...]]

MEASURED = ("Intra-Pocket", "colour distance", "prompt fit %")  # after both times


@contextmanager
def as_it_is() -> Any:
    """Nothing is changed."""
    yield


def style_noise(share: float, window: int) -> Patch:
    """z_T as the slerp between the canvas's own noise and one window's noise, repeated."""

    @contextmanager
    def patched() -> Any:
        plain = pipeline.initial_noise

        def mixed(seed: int, channels: int, height: int, width: int) -> Tensor:
            canvas = plain(seed, channels, height, width)
            style = initial_noise(seed + 1_000_003, channels, height, window)
            repeated = style.repeat(1, 1, 1, math.ceil(width / window))[..., :width]
            # Independent noises are orthogonal: their slerp is a rotation by a share of 90 degrees.
            angle = share * math.pi / 2
            return math.cos(angle) * canvas + math.sin(angle) * repeated

        pipeline.initial_noise = mixed
        try:
            yield
        finally:
            pipeline.initial_noise = plain

    return patched


def deep_features_reused(every: int, after: int) -> Patch:
    """From step `after` on, the UNet's inner levels run in every `every`-th step only."""

    @contextmanager
    def patched() -> Any:
        plain = LatentDiffusion.predict_raw
        state: dict[str, Any] = {"t": None, "step": -1, "deep": None}

        def predict_raw(self: LatentDiffusion, views: Tensor, t: Tensor, embeds: Tensor) -> Tensor:
            unet: Any = self._parts.unet
            if state["t"] != int(t):
                if state["t"] is None or int(t) > state["t"]:
                    state["step"] = -1
                state["t"], state["step"] = int(t), state["step"] + 1
            deep = state["deep"]
            reuse = state["step"] >= after and (state["step"] - after) % every
            if torch.is_grad_enabled() or not reuse or deep is None or len(deep) != len(views):
                hook = unet.up_blocks[-2].register_forward_hook(
                    lambda module, given, result: state.__setitem__("deep", result.detach())
                )
                try:
                    return plain(self, views, t, embeds)
                finally:
                    hook.remove()
            return shallow(unet, views.to(self.dtype), t, deep).float()

        LatentDiffusion.predict_raw = predict_raw  # type: ignore[method-assign]
        try:
            yield
        finally:
            LatentDiffusion.predict_raw = plain  # type: ignore[method-assign]

    return patched


def shallow(unet: Any, views: Tensor, t: Tensor, deep: Tensor) -> Tensor:
    """The UNet's outermost level around deep features of an earlier step (no attention there)."""
    time_features = unet.get_time_embed(sample=views, timestep=t)
    embedding = unet.time_embedding(time_features)
    entered = unet.conv_in(views)
    _, kept = unet.down_blocks[0](hidden_states=entered, temb=embedding)
    last = unet.up_blocks[-1]
    skips = (entered, *kept)[: len(last.resnets)]
    left = last(hidden_states=deep, temb=embedding, res_hidden_states_tuple=skips)
    result: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(left)))
    return result


def painted(config: PanoramaConfig, patch: Patch, studio: Studio, judge: PocketFeatures) -> Numbers:
    """Seconds, processor seconds and what is `MEASURED` of one panorama under a patch."""
    studio.loaded(config)
    started, cpu_started = time.perf_counter(), time.process_time()
    with patch():
        image = studio.generate(config).image
    taken = time.perf_counter() - started, time.process_time() - cpu_started
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    boxes = native_boxes(height, width, height)
    crops = [pixels[b.top : b.top + b.size, b.left : b.left + b.size] for b in boxes]
    tensors = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1
    fits = judge.prompt_fit(tensors, config.prompt) or [math.nan]
    with torch.no_grad():
        distance = float(pair_distances(judge, tensors, 4).double().mean())
    return *taken, distance, fmean(colour_distance(crops)), fmean(fits)


def line(name: str, columns: Columns, others: Columns) -> str:
    """A row: medians of the times, means of the rest and, beside them, paired with the preset's."""
    cells = [name, *(f"{median(column):.2f}" for column in columns[:2])]
    for column, other in zip(columns[2:], others[2:], strict=True):
        cells.append(f"{fmean(column):.4g}")
        difference = paired(column, other)
        if columns is not others and difference and difference.error is not None:
            cells[-1] += f" ({difference.mean:+.2g} ± {difference.error:.2g})"
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Try every lever and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--prompts", type=int, default=6, help="of the paper's")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--markdown", type=Path, default=Path("out/extra-levers.md"))
    arguments = parser.parse_args()
    source = resolve_source(arguments.model, download=False)
    assert source.folder is not None
    judge = PocketFeatures.of_model(arguments.model, "cpu")
    prompts = paper_prompts()[: arguments.prompts]
    trials: dict[str, tuple[str, Patch]] = {
        "MultiDiffusion": ("multidiffusion", as_it_is),
        arguments.preset: (arguments.preset, as_it_is),
    }
    for share in (0.1, 0.2, 0.3):
        patch = style_noise(share, source.window)
        trials[f"shared style noise, {share:.0%}"] = arguments.preset, patch
    trials["deep features reused"] = arguments.preset, deep_features_reused(2, 8)
    found: dict[str, list[Numbers]] = {name: [] for name in trials}
    studio = Studio()
    for prompt in prompts:
        for seed in range(arguments.seeds):
            for name, (preset, patch) in trials.items():  # in turns: machines have slow minutes
                own = {"model": arguments.model, "seed": seed, "negative_prompt": ""}
                config = resolve([values_layer("script", own), config_layer(preset)]).config(
                    prompt=prompt
                )
                found[name].append(painted(config, patch, studio, judge))
    columns = {name: list(zip(*numbers, strict=True)) for name, numbers in found.items()}
    rows = [
        f"| setting | seconds | processor seconds | {' | '.join(MEASURED)} |",
        "| --- | --- | --- | --- | --- | --- |",
        *(line(name, mine, columns[arguments.preset]) for name, mine in columns.items()),
    ]
    environment = machine.environment(torch.device("cpu"), torch.float32)
    text = (
        "# Levers beside the presets\n\n"
        f"Made by `{repeat.command(__file__, parser, arguments)}`: {len(prompts)} prompts x "
        f"{arguments.seeds} seeds, the same noise in every row but the style noise's own, model "
        f"{source.id} (weights {content_hash(source.folder)[:12]}), judged by {judge.name}. "
        f"{environment['device_name']}, {environment['threads']} threads. In turns; medians of the "
        f"times, means of the rest, and the paired difference from {arguments.preset} with its "
        "standard error. Lower is better but for prompt fit.\n\n" + "\n".join(rows) + "\n"
    )
    files.write_atomic(arguments.markdown, text.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
