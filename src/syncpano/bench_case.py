"""One measured run, in a process of its own: a config as JSON on stdin, numbers as JSON on stdout.

# N windows, C latent channels, h w one window
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from syncpano import describe
from syncpano.config import PanoramaConfig
from syncpano.console import quiet_libraries
from syncpano.errors import SyncPanoError
from syncpano.machine import now
from syncpano.pipeline import Panorama, Studio
from syncpano.plan import count_calls, plan
from syncpano.sampler import Synchronization, distance_gradient

# Large enough to reach the peak, small enough for a fraction of a second.
_MATMUL_SIDE = {"cpu": 1024, "cuda": 8192, "mps": 4096}
_MATMUL_RUNS = 7


def measure(config: PanoramaConfig) -> dict[str, Any]:
    """Warm up, count, time one whole panorama.

    Raises:
        SyncPanoError: the config cannot work, or the run failed.
    """
    studio = Studio()
    warm = studio.generate(_warm_up(config))
    device = torch.device(warm.log["environment"]["device"])
    dtype = getattr(torch, warm.log["environment"]["dtype"])
    peak = matmul_flops_per_second(device, dtype)
    seconds, cpu_seconds, panorama = _timed(studio, config, device)
    memory = panorama.log["memory"]  # before counting, which is not part of the case
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "load_seconds": warm.log["timings"]["load"],
        "timings": panorama.log["timings"],
        "process_bytes": memory["process_bytes"],
        "device_bytes": memory["device_bytes"],
        "matmul_flops_per_second": peak,
        "flops": count_flops(studio, config, panorama),
        "pixels": panorama.log["image"]["sha256"],
        "environment": panorama.log["environment"],
        "model": {key: panorama.log["model"][key] for key in ("id", "hash")},
    }


def matmul_flops_per_second(device: torch.device, dtype: torch.dtype) -> float:
    """What this machine reaches now with square matrices in a number format."""
    side = _MATMUL_SIDE[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    seconds = []
    for _ in range(_MATMUL_RUNS):
        started = now(device)
        a @ a
        seconds.append(now(device) - started)
    return 2 * side**3 / min(seconds)


def count_flops(studio: Studio, config: PanoramaConfig, panorama: Panorama) -> int:
    """Operations of the whole run: one window of each kind and the picture, counted, multiplied."""
    source, model, loss = studio.loaded(config)
    layout = plan(config, source)
    calls = count_calls(layout)
    denoiser = model.bind(
        config.prompt,
        config.negative_prompt,
        describe.guidance_of(config, model),
        config.steps,
        config.scheduler,
        gradient_decoder=panorama.log["config"]["gradient_decoder"],
    )
    view = torch.randn(
        1, model.latent_channels, model.window, model.window, device=model.device
    )  # 1 C h w
    t = denoiser.timesteps[0]
    with torch.no_grad(), OperationCounter() as predicting:
        denoiser.predict(view, t)
    with OperationCounter() as decoding:
        model.decode_panorama(panorama.latent, config.loop)
    total: int = decoding.total + (calls.predictions - calls.gradients) * predicting.total
    if loss is None or not layout.weights:
        return total
    sync = Synchronization(loss, layout.weights, config.compare, config.gradient)
    with torch.no_grad(), OperationCounter() as looking:
        target = loss.features(denoiser.decode(view))
    with OperationCounter() as descending:
        distance_gradient(view, target, t, denoiser, sync)
    steps = len(layout.weights)
    total += steps * looking.total + (calls.decodes - steps) * descending.total
    return total


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of matrix products and convolutions, forward and backward.

    By torch's own formulas; its `FlopCounterMode` cannot follow `autograd.grad` to a leaf.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=result)
        return result


def _warm_up(config: PanoramaConfig) -> PanoramaConfig:
    """The same windows, batches and networks, for two steps of which the first synchronises."""
    steps = min(2, config.steps)
    synchronises = None if config.sync_freq is None else steps
    return replace(config, steps=steps, sync_freq=synchronises, initial_steps=1)


def _timed(
    studio: Studio, config: PanoramaConfig, device: torch.device
) -> tuple[float, float, Panorama]:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    started, cpu_started = now(device), time.process_time()
    panorama = studio.generate(config)
    return now(device) - started, time.process_time() - cpu_started, panorama


def main() -> None:
    """Measure the config on stdin; an error is a JSON object too."""
    quiet_libraries()
    try:
        result = measure(PanoramaConfig(**json.load(sys.stdin)))
    except SyncPanoError as error:
        result = {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
