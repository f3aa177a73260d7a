"""What every lever of the exact gradient gives on a CPU, one at a time and in turns.

    python scripts/bench_levers.py

A synchronised step's gradient (UNet under guidance, decoder, loss, forward and backward) on the
embedded model and on a small Stable Diffusion of random weights. Every number is processor time of
all threads per window, the least of the rounds: it does not see what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

import repeat
import small_sd
from syncpano import files, machine
from syncpano.batching import Batcher
from syncpano.losses.load import load_loss
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models.attention import SizedAttention
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.sampler import DistanceGradient, Synchronization

STEP = 10


@dataclass(frozen=True)
class Lever:
    """One variant of the gradient; `dtype` "" is the model's own choice."""

    name: str
    attention: str = "sized"
    memory_format: str = "channels_last"  # of the decoder
    unet_format: str = "contiguous"
    sync_batch: int = 10
    decode_batch: int = 10
    decoder: str = "full"
    gradient: str = "exact"
    dtype: str = "bfloat16"


POCKET = (
    Lever("exact"),
    Lever("float32", dtype="float32"),
    Lever("torch's fused attention", attention="fused"),
    Lever("plain attention everywhere", attention="plain"),
    Lever("UNet in channels-last", unet_format="channels_last"),
    Lever("decoder not in channels-last", memory_format="contiguous"),
    Lever("one window at a time", sync_batch=1),
    Lever("4 windows at a time", sync_batch=4),
    Lever("20 windows at a time", sync_batch=20),
    Lever("decoder one window at a time", decode_batch=1),
    Lever("decoder in twos", decode_batch=2),
    Lever("tiny decoder", decoder="tiny"),
    Lever("tiny decoder, one window at a time", decoder="tiny", decode_batch=1),
    Lever("tiny decoder, conditional branch", decoder="tiny", gradient="cond"),
    Lever("tiny decoder, no Jacobian", decoder="tiny", gradient="x0"),
)
SMALL_SD = Lever("exact", dtype="float32", sync_batch=2, decode_batch=1)
STABLE_DIFFUSION = (
    SMALL_SD,
    replace(SMALL_SD, name="plain attention everywhere", attention="plain"),
    replace(SMALL_SD, name="bfloat16", dtype="bfloat16"),
    replace(
        SMALL_SD, name="bfloat16, torch's fused attention", dtype="bfloat16", attention="fused"
    ),
    replace(SMALL_SD, name="UNet in channels-last", unet_format="channels_last"),
    replace(SMALL_SD, name="decoder not in channels-last", memory_format="contiguous"),
    replace(SMALL_SD, name="one window at a time", sync_batch=1),
    replace(SMALL_SD, name="four at a time, decoded together", sync_batch=4, decode_batch=4),
    replace(SMALL_SD, name="tiny decoder", decoder="tiny", decode_batch=2),
)
PROCESSORS: dict[str, Callable[[], Any]] = {
    "sized": SizedAttention,
    "fused": AttnProcessor2_0,
    "plain": AttnProcessor,
}


class Bench:
    """A model of every number format, and the gradient under a lever."""

    def __init__(self, model: str, loss: str, weights: Path | None, windows: int) -> None:
        self.source = resolve_source(model, download=False)
        self.windows = windows
        self._loss, self._weights = loss, weights
        self._models: dict[tuple[str, str, str], tuple[LatentDiffusion, PerceptualLoss]] = {}

    def run(self, lever: Lever) -> Callable[[], object]:
        """A function that computes the gradient of all windows once."""
        model, loss = self._model(lever)
        model._parts.unet.set_attn_processor(PROCESSORS[lever.attention]())  # type: ignore[operator]
        denoiser = model.bind("A waterfall", gradient_decoder=lever.decoder)
        size = model.window
        views = torch.randn(self.windows, model.latent_channels, size, size)
        t = denoiser.timesteps[STEP]
        with torch.no_grad():
            target = loss.features(denoiser.decode(views[:1]))
        sync = Synchronization(loss, {0: 20.0}, "foreseen", lever.gradient)  # type: ignore[arg-type]
        gradient = DistanceGradient(t, denoiser, sync, Batcher(lever.decode_batch), target)
        return lambda: Batcher(lever.sync_batch)(gradient, views)

    def _model(self, lever: Lever) -> tuple[LatentDiffusion, PerceptualLoss]:
        key = (lever.dtype, lever.unet_format, lever.memory_format)
        if key not in self._models:
            model = load_model(self.source, "cpu", lever.dtype)
            formats = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
            model._parts.unet.to(memory_format=formats[lever.unet_format])
            model._parts.vae.to(memory_format=formats[lever.memory_format])
            loss = load_loss(self._loss, device="cpu", weights=self._weights, source=model.source)
            self._models[key] = model, loss
        return self._models[key]


def measure(bench: Bench, levers: tuple[Lever, ...], rounds: int) -> dict[str, float]:
    """Lever -> least processor milliseconds per window, all levers once a round."""
    least: dict[str, float] = {}
    for number in range(rounds + 1):  # the first round warms up
        for lever in levers:
            run = bench.run(lever)
            started = time.process_time()
            run()
            taken = 1e3 * (time.process_time() - started) / bench.windows
            if number:
                least[lever.name] = min(taken, least.get(lever.name, taken))
    return least


def table(found: dict[str, float]) -> str:
    """The levers against the first one."""
    shipped = next(iter(found.values()))
    rows = ["| variant | ms per window | times exact |", "| --- | --- | --- |"]
    rows += [f"| {name} | {ms:.1f} | {ms / shipped:.2f} |" for name, ms in found.items()]
    return "\n".join(rows)


def main() -> None:
    """Measure both models and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=20, help="of pocket")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        pocket = Bench("pocket", "pocket", None, arguments.windows)
        of_pocket = measure(pocket, POCKET, arguments.rounds)
        trunk = small_sd.trunk(Path(kept) / "vgg", "vgg")
        small = Bench(str(small_sd.make(Path(kept) / "sd")), "lpips-vgg", trunk, 4)
        of_small = measure(small, STABLE_DIFFUSION, arguments.rounds)
    environment = machine.environment(torch.device("cpu"), torch.float32)
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    text = (
        "# Levers of the exact gradient on a CPU\n\n"
        f"Made by `{repeat.command(__file__, parser, arguments)}`: one gradient of "
        f"{arguments.windows} windows (pocket) or 4 (small Stable Diffusion), processor time of "
        f"all threads, the least of {arguments.rounds} rounds in turns. {environment['platform']}, "
        f"{environment['device_name']}, {environment['threads']} threads; {versions}.\n\n"
        f"## Pocket\n\n{table(of_pocket)}\n\n"
        f"## A small Stable Diffusion, windows of 256 px, LPIPS with VGG-16\n\n{table(of_small)}\n"
    )
    if arguments.markdown:
        files.write_atomic(arguments.markdown, text.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
