"""The machine that a run ran on: versions, processor, memory."""

from __future__ import annotations

import platform
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from syncpano.versions import versions_of

PACKAGES = ("syncpano", "torch", "diffusers", "transformers", "lpips", "numpy", "pillow")


def environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """`environment` of the run log."""
    return {
        "versions": {"python": platform.python_version(), **versions_of(PACKAGES)},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": str(device),
        "device_name": _device_name(device),
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
    }


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, read once the device has done all that it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def reset_device_peak() -> None:
    """Measure the CUDA device's peak anew; that of the process cannot be."""
    # Otherwise nothing is allocated, and to ask would start CUDA, which takes seconds.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: torch.device) -> dict[str, int | None]:
    """`memory` of the run log: the process's peak so far, and the device's since its reset.

    Args:
        device: which the run was on; None stands for the peak of any but a CUDA device.
    """
    cuda = device.type == "cuda"
    return {
        "process_bytes": _process_peak(),
        "device_bytes": torch.cuda.max_memory_allocated(device) if cuda else None,
    }


def _process_peak() -> int:
    with suppress(OSError, StopIteration):  # Linux; some sandboxes leave the line out
        # `ru_maxrss` outlives fork and exec: a child shows what its parent had then.
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows has no getrusage
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
