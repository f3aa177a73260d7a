"""How near the cheap gradients come to the exact one, timestep by timestep.

    python scripts/gradient_study.py --model pocket

Writes out/gradients.md; benchmarks/gradients.md has remarks beside its numbers.

Along a MultiDiffusion trajectory the update of the whole canvas is computed at some steps by every
cheap way and by the exact one (whole Jacobian, full decoder, native loss, every window). Written
are the cosine of the two canvas updates, the ratio of their lengths, and the gain that would make
the cheap one the best approximation in the least-squares sense (cosine over ratio).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

import repeat
from syncpano import files
from syncpano.batching import Batcher
from syncpano.binding import bound
from syncpano.config import GradientDecoder, PanoramaConfig
from syncpano.experiments.plots import as_png
from syncpano.experiments.reading import paper_prompts
from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.folder import content_hash
from syncpano.models.pocket_features import PocketFeatureNet
from syncpano.models.source import ModelSource, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.montage import average, crop
from syncpano.pipeline import Studio, initial_noise
from syncpano.plan import plan
from syncpano.resolving import loss_of
from syncpano.sampler import Batches, Synchronization, synchronize
from syncpano.windows import Grid, plan_grid


@dataclass(frozen=True)
class Cheap:
    """One way to compute the gradient."""

    name: str
    gradient: str = "exact"
    decoder: GradientDecoder = "full"
    loss_divisor: int = 1  # of the side at which the loss sees a window
    every: int = 1


EXACT = Cheap("exact")
WAYS = (
    Cheap("tiny decoder", decoder="tiny"),
    Cheap("conditional branch", gradient="cond"),
    Cheap("conditional branch, tiny decoder", gradient="cond", decoder="tiny"),
    Cheap("x0 (no Jacobian)", gradient="x0"),
    Cheap("every second window", every=2),
    Cheap("every fourth window", every=4),
    Cheap("loss at half its size", loss_divisor=2),
    Cheap("tiny decoder, every second window", decoder="tiny", every=2),
)


@dataclass(frozen=True)
class Setting:
    """What one update needs."""

    model: LatentDiffusion
    studio: Studio
    config: PanoramaConfig
    native: int  # pixels at which the loss sees a window

    def update(self, way: Cheap, latent: Tensor, grid: Grid, t: Tensor) -> Tensor:
        """1 C H W: what one descent with w = 1 adds to the canvas."""
        size = self.native // way.loss_divisor if way.loss_divisor > 1 else None
        config = replace(self.config, loss_size=size)
        loss = self.studio.loaded(config)[2]
        assert loss is not None
        sync = Synchronization(loss, {0: 1.0}, "foreseen", way.gradient, way.every)  # type: ignore[arg-type]
        denoise, descend, decode = map(Batcher, self.model.default_batches())
        batches = Batches(denoise, descend, decode)
        pulled = synchronize(latent, grid, t, 1.0, self.bound(way.decoder), sync, batches)
        return pulled.canvas - latent

    def bound(self, decoder: GradientDecoder = "full") -> BoundDiffusion:
        """The model under the config's prompt."""
        config = replace(self.config, gradient_decoder=decoder)
        return bound(plan(config, self.model.source), self.model)


@torch.no_grad()
def study(setting: Setting, steps: Sequence[int], ways: Sequence[Cheap]) -> list[dict[str, Any]]:
    """One entry for each step and way along one trajectory."""
    config, model = setting.config, setting.model
    size, factor = model.window, model.vae_factor
    grid = plan_grid(config.height // factor, config.width // factor, size, max(size // 4, 1))
    latent = initial_noise(config.seed, model.latent_channels, grid.height, grid.width)
    latent = latent.to(model.device)
    denoiser = setting.bound()
    batcher = Batcher(model.default_batches()[0])
    found = []
    for step, t in enumerate(denoiser.timesteps):
        if step in steps:
            exact = setting.update(EXACT, latent, grid, t)
            for way in ways:
                found.append(
                    {"step": step, "t": int(t), "way": way.name}
                    | compared(setting.update(way, latent, grid, t), exact)
                )
        if step == max(steps):
            break
        (views,) = batcher(partial(_predicted, denoiser, t), crop(latent, grid.windows))
        prediction = average(views, grid.windows, grid.height, grid.width)
        latent = denoiser.step(latent, prediction, t)
    return found


def _predicted(denoiser: BoundDiffusion, t: Tensor, views: Tensor) -> tuple[Tensor]:
    return (denoiser.predict(views, t),)


def loss_side(config: PanoramaConfig, source: ModelSource) -> int:
    """Pixels at which a run's loss sees a window."""
    if loss_of(config, source) != "pocket":
        return source.window * source.vae_factor
    assert source.folder is not None
    return int(PocketFeatureNet.load_config(source.folder / "perceptual")["size"])


def compared(cheap: Tensor, exact: Tensor) -> dict[str, float]:
    """Cosine and ratio of lengths, over the whole canvas."""
    product = float((cheap * exact).sum())
    lengths = float(cheap.norm()), float(exact.norm())
    if not min(lengths):  # so few windows that thinning leaves none but the anchor
        return {"cosine": 0.0, "ratio": 0.0}
    return {"cosine": product / (lengths[0] * lengths[1]), "ratio": lengths[0] / lengths[1]}


def means(found: Sequence[Mapping[str, Any]], way: str, step: int) -> tuple[float, float]:
    """Mean cosine and mean ratio over prompts."""
    chosen = [item for item in found if item["way"] == way and item["step"] == step]
    return fmean(i["cosine"] for i in chosen), fmean(i["ratio"] for i in chosen)


def page(found: Sequence[Mapping[str, Any]], about: Mapping[str, Any], plot: str) -> str:
    """The table as Markdown."""
    steps = sorted({item["step"] for item in found})
    ways = list(dict.fromkeys(item["way"] for item in found))
    times = {item["step"]: item["t"] for item in found}
    header = ["gradient", *(f"step {step} (t {times[step]})" for step in steps), "gain"]
    rows = [header, ["---"] * len(header)]
    for way in ways:
        cells = [means(found, way, step) for step in steps]
        gains = [cosine / ratio for cosine, ratio in cells if ratio]
        gain = f"{fmean(gains):.2f}" if gains else "-"
        rows.append([way, *(f"{c:.2f}, {r:.2f}" for c, r in cells), gain])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return (
        "# Cheap gradients against the exact one\n\n"
        f"Made by `{about['command']}`. Cosine and ratio of lengths of the canvas update, means "
        f"over {about['prompts']} prompts, along a MultiDiffusion trajectory of "
        f"{about['steps']} steps at {about['size']}; model {about['model']} "
        f"(weights {about['hash'][:12]}), {about['dtype']}. Gain: the mean of cosine / ratio, the "
        "factor on w that would bring the cheap update nearest to the exact one.\n\n"
        f"{table}\n\n![cosine by timestep]({plot})\n"
    )


def draw(found: Sequence[Mapping[str, Any]]) -> bytes:
    """Cosine and ratio over the timestep, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    steps = sorted({item["step"] for item in found})
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for way in dict.fromkeys(item["way"] for item in found):
        cells = [means(found, way, step) for step in steps]
        left.plot(steps, [cosine for cosine, _ in cells], marker="o", markersize=3, label=way)
        right.plot(steps, [ratio for _, ratio in cells], marker="o", markersize=3, label=way)
    left.set(
        title="cosine with the exact update", xlabel="step", ylim=(min(0, left.get_ylim()[0]), 1.02)
    )
    right.set(title="length over the exact one's", xlabel="step", yscale="log")
    right.legend(fontsize=7)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    return as_png(figure, dpi=130)


def main() -> None:
    """Study every prompt, then write page, plot and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--prompts", type=int, default=3, help="of the paper's")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--at", default="0,1,2,4,8,16,32", help="steps to look at")
    parser.add_argument("--loss", default="auto")
    parser.add_argument("--loss-weights")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--markdown", type=Path, default=Path("out/gradients.md"))
    arguments = parser.parse_args()
    studio = Studio()
    source = resolve_source(arguments.model, download=True)
    found: list[dict[str, Any]] = []
    for prompt in paper_prompts()[: arguments.prompts]:
        config = PanoramaConfig(
            prompt,
            negative_prompt="",
            model=arguments.model,
            width=arguments.width,
            height=arguments.height,
            steps=arguments.steps,
            loss=arguments.loss,
            loss_weights=arguments.loss_weights,
            dtype=arguments.dtype,
        )
        model = studio.loaded(config)[1]
        setting = Setting(model, studio, config, loss_side(config, source))
        found += study(setting, [int(step) for step in arguments.at.split(",")], WAYS)
    assert source.folder is not None
    about = {
        "command": repeat.command(__file__, parser, arguments),
        "prompts": arguments.prompts,
        "steps": arguments.steps,
        "size": f"{arguments.width} x {arguments.height}",
        "model": source.id,
        "hash": content_hash(source.folder),
        "dtype": arguments.dtype,
    }
    target = arguments.markdown
    plot = target.with_suffix(".png")
    files.write_atomic(plot, draw(found), overwrite=True)
    text = page(found, about, plot.name)
    files.write_atomic(target, text.encode(), overwrite=True)
    data = json.dumps({"about": about, "found": found}, indent=1)
    files.write_atomic(target.with_suffix(".json"), data.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
