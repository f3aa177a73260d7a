"""One measured run, in a process of its own: a config as JSON on stdin, numbers as JSON on stdout.

# N windows, C latent channels, h w one window
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import (
    flop_registry,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from syncpano.batching import Batcher
from syncpano.binding import bound
from syncpano.config import PanoramaConfig
from syncpano.console import quiet_libraries
from syncpano.drawing import draw
from syncpano.errors import SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.machine import now
from syncpano.models.denoiser import Denoiser
from syncpano.panorama import Panorama
from syncpano.pipeline import Studio
from syncpano.plan import step_calls
from syncpano.sampler import DistanceGradient, Synchronization

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
    planned, model, loss = studio.loaded(config)
    denoiser = bound(planned, model)
    view = torch.randn(
        1, model.latent_channels, model.window, model.window, device=model.device
    )  # 1 C h w
    with OperationCounter() as decoding:
        draw(panorama.latent.to(model.device), planned, model)
    total: int = decoding.total
    batch = (config.window_batch or model.default_batches()[1]) if model.is_small else 0
    costs: dict[tuple[bool, bool], tuple[int, int, int]] = {}  # of one window
    for step, t in enumerate(denoiser.timesteps):
        calls = step_calls(planned, step)
        kind = denoiser.guides(t), 0 < calls.decodes <= batch
        if kind not in costs:
            costs[kind] = _window_flops(view, t, denoiser, loss, config, together=kind[1])
        predicting, leading, descending = costs[kind]
        total += (calls.predictions - calls.gradients) * predicting
        if calls.decodes:
            total += leading + (calls.decodes - 1) * descending
    return total


def _window_flops(
    view: Tensor,
    t: Tensor,
    denoiser: Denoiser,
    loss: PerceptualLoss | None,
    config: PanoramaConfig,
    *,
    together: bool,
) -> tuple[int, int, int]:
    """Operations of one window: to predict it, as the anchor beside that, and to descend from it.

    Args:
        together: whether the anchor is in one batch with the others, and goes backwards with them.
    """
    with torch.no_grad(), OperationCounter() as predicting:
        denoiser.predict(view, t)
    if loss is None:
        return predicting.total, 0, 0
    sync = Synchronization(loss, {}, config.compare, config.gradient)
    with torch.no_grad():
        target = loss.features(denoiser.decode(view))
    with OperationCounter() as descending:
        DistanceGradient(t, denoiser, sync, Batcher(1), target)(view)
    with OperationCounter() as with_anchor:
        DistanceGradient(t, denoiser, sync, Batcher(1))(torch.cat([view] * (1 + together)))
    leading = with_anchor.total - together * descending.total
    if config.compare == "foreseen":
        leading -= predicting.total
    return predicting.total, leading, descending.total


def _fused_forward(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


def _fused_backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any
) -> int:
    shapes = (tensor.shape for tensor in (gradient, query, key, value))
    return int(sdpa_backward_flop_count(*shapes))  # type: ignore[no-untyped-call]


# torch registers formulas for fused attention on GPUs only.
_ON_CPU: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused_forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _fused_backward,
}


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
        formula: Any = _ON_CPU.get(func._overloadpacket) or flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=result)
        return result


def _warm_up(config: PanoramaConfig) -> PanoramaConfig:
    """The same windows, batches and networks, for two steps of which the first synchronises."""
    steps = min(2, config.steps)
    synchronises = None if config.sync_freq is None else steps
    return replace(config, steps=steps, sync_freq=synchronises, initial_steps=1, initial_span=None)


def _timed(
    studio: Studio, config: PanoramaConfig, device: torch.device
) -> tuple[float, float, Panorama]:
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
