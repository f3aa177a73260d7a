"""Ours against the published loop on the same Stable-Diffusion-shaped model, in turns.

    python scripts/against_reference.py --rounds 5 --markdown benchmarks/reference.md

The other side is tests/reference.py: the paper's algorithm window by window with the cost structure
of the published code (the anchor three times a step, its features for every window, no batches).
Both start from the same noise and weights; their results are compared too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from diffusers import StableDiffusionPipeline
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests.reference

from tests.reference import Reference

import repeat
import small_sd
from syncpano import files, machine
from syncpano.batching import Batcher
from syncpano.losses.load import load_loss
from syncpano.losses.lpips import LPIPS
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import initial_noise
from syncpano.sampler import Batches, Synchronization, sample
from syncpano.schedule import sync_steps, sync_weights
from syncpano.windows import Grid, plan_grid

PROMPT, STEPS, WEIGHT, DECAY = "A waterfall", 2, 20.0, 0.95


def grid_of(noise: Tensor, model: LatentDiffusion, stride: int) -> Grid:
    """The windows of 1 C H W."""
    height, width = noise.shape[-2:]
    return plan_grid(height, width, model.window, stride)


def ours(model: LatentDiffusion, loss: LPIPS, noise: Tensor, stride: int) -> Tensor:
    """z_0 by the product's sampler with the batches that it chooses."""
    grid = grid_of(noise, model, stride)
    sync = Synchronization(loss, sync_weights(WEIGHT, DECAY, sync_steps(STEPS)))
    denoise, descend, decode = map(Batcher, model.default_batches())
    batches = Batches(denoise, descend, decode)
    denoiser = model.bind(PROMPT, "", 7.5, STEPS)
    return sample(noise, denoiser, lambda _: grid, sync, batches)


def theirs(folder: Path, loss: LPIPS, stride: int) -> Reference:
    """The plain transliteration on the same weights."""
    pipe = StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, low_cpu_mem_usage=False
    )
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        part.requires_grad_(False)
    return Reference(
        pipe, loss._network, PROMPT, steps=STEPS, weight=WEIGHT, decay=DECAY, stride=stride
    )


def seconds(function: Callable[[], Tensor]) -> tuple[float, float, Tensor]:
    """Wall time, processor time of all threads, and the result."""
    started, cpu_started = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - started, time.process_time() - cpu_started, result


def compare(folder: Path, weights: Path, net: str, rounds: int, width: int) -> dict[str, Any]:
    """Both loops in turns after a warm-up of each; ratios within a round."""
    model = load_model(resolve_source(str(folder), download=False), "cpu", "float32")
    loss = load_loss(f"lpips-{net}", device="cpu", weights=weights, source=model.source)
    assert isinstance(loss, LPIPS)
    stride = model.window // 4
    noise = initial_noise(0, model.latent_channels, model.window, width // model.vae_factor)
    reference = theirs(folder, loss, stride)
    turns: dict[str, Callable[[], Tensor]] = {
        "reference": lambda: reference.sample(noise),
        "ours": lambda: ours(model, loss, noise, stride),
    }
    results = {name: turn() for name, turn in turns.items()}  # the warm-up
    plain = sample(
        noise,
        model.bind(PROMPT, "", 7.5, STEPS),
        lambda _: grid_of(noise, model, stride),
        None,
        Batches(),
    )
    walls: dict[str, list[float]] = {name: [] for name in turns}
    cpus: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            wall, cpu, results[name] = seconds(turn)
            walls[name].append(wall)
            cpus[name].append(cpu)
    return {
        "windows": len(grid_of(noise, model, stride).windows),
        "window": model.window * model.vae_factor,
        "loss": f"lpips-{net}",
        "walls": walls,
        "cpus": cpus,
        "difference": float((results["ours"] - results["reference"]).abs().max()),
        "synchronisation": float((results["reference"] - plain).abs().max()),
        "environment": machine.environment(model.device, model.dtype),
    }


def page(found: dict[str, Any], command: str) -> str:
    """The comparison as Markdown."""
    walls, cpus = found["walls"], found["cpus"]
    ratios = [a / b for a, b in zip(walls["reference"], walls["ours"], strict=True)]
    cpu_ratios = [a / b for a, b in zip(cpus["reference"], cpus["ours"], strict=True)]
    lines = [
        f"| {name} | {median(walls[name]):.2f} ({min(walls[name]):.2f} to {max(walls[name]):.2f}) "
        f"| {median(cpus[name]):.2f} |"
        for name in walls
    ]
    environment = found["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    return (
        "# Exact against the published loop\n\n"
        f"Made by `{command}`: {len(ratios)} rounds in turns after a warm-up, "
        f"{found['windows']} windows of {found['window']} px, {STEPS} steps that all synchronise, "
        f"{found['loss']}, float32, a Stable-Diffusion-shaped model of random weights "
        "(scripts/small_sd.py). The reference is tests/reference.py.\n\n"
        "| loop | seconds, median (least to most) | processor seconds |\n| --- | --- | --- |\n"
        + "\n".join(lines)
        + f"\n\nReference over ours, median of the rounds' ratios: **{median(ratios):.2f}** "
        f"({min(ratios):.2f} to {max(ratios):.2f}); in processor time {median(cpu_ratios):.2f}.\n\n"
        f"Largest difference of the final latents: {found['difference']:.2g}, where "
        f"synchronisation itself moves them by {found['synchronisation']:.2g}.\n\n"
        f"{environment['platform']}, {environment['device_name']}, {environment['threads']} "
        f"threads; {versions}.\n"
    )


def main() -> None:
    """Make the model where there is none, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=512, help="pixels; a window has 256")
    parser.add_argument("--net", choices=("vgg", "alex", "squeeze"), default="squeeze")
    parser.add_argument("--loss-weights", type=Path, help="trunk; random weights without it")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folder = small_sd.make(Path(kept) / "sd")
        weights = arguments.loss_weights or small_sd.trunk(Path(kept) / "trunk", arguments.net)
        found = compare(folder, weights, arguments.net, arguments.rounds, arguments.width)
    text = page(found, repeat.command(__file__, parser, arguments))
    if arguments.markdown:
        files.write_atomic(arguments.markdown, text.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
