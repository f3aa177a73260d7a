"""How much memory a model's passes take, and how many windows go through at once. No torch.

The coefficients are those of Stable Diffusion 2 at 512 px, measured: under guidance its UNet keeps
5.03 GiB of activations for a backward pass and its decoder 2.85 GiB, which is 515 and 23 maps of
each network's base width at full resolution; those of the pocket model are what autograd keeps of
its networks. Other sizes are scaled from there; an estimate that is too small costs a retry with
half the batch, not the run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from syncpano.models.folder import count_numbers, read_json, weight_files
from syncpano.models.source import ModelSource

_GIB = 2**30
_UNET_KEPT = {"sd": 515, "pocket": 92}
_UNET_LIVE = 40
_DECODER_KEPT = {"sd": 23, "pocket": 4}
_LOSS_KEPT_PER_PIXEL = int(0.21 * _GIB) // 512**2
POCKET_LOSS_SIDE = 64  # pixels at which the pocket loss looks at a window
_CPU_BUDGET = 2 * _GIB  # more windows than this at once only leave the caches
_UNKNOWN_TOTAL = 8 * _GIB
_CPU_DECODER_BUDGET = _GIB  # likewise: ten windows of pocket's decoder, of Stable Diffusion's one
# Windows at once: denoised, under the UNet's gradient, under the decoder's (benchmarks/levers.md).
_CPU_LIMIT = (21, 10, 10)
_GPU_LIMIT = (64, 16, 16)
_GPU_SHARE = 0.8
_SMALL_WINDOW = _GIB // 8  # pocket's is a tenth of it in float32, Stable Diffusion's 40 times it


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a model needs.

    Attributes:
        weights: all parts, loaded.
        denoise_window: activations of one window without a gradient, both guidance branches.
        sync_window: activations kept for one window's gradient through guidance and UNet.
        decode_window: the same through the decoder and the loss.
    """

    weights: int
    denoise_window: int
    sync_window: int
    decode_window: int

    @property
    def is_small(self) -> bool:
        """Whether a call of the UNet costs more than the windows in it, as in the pocket model."""
        return self.sync_window <= _SMALL_WINDOW


def estimate_memory(source: ModelSource, bytes_per_number: int) -> MemoryEstimate:
    """What a model will need, from its configuration and the sizes of its files.

    Args:
        bytes_per_number: 4 for float32, 2 for float16 and bfloat16.
    """
    unet_map = _base_width(source, "unet", 320) * source.window**2 * bytes_per_number * 2
    pixels = (source.window * source.vae_factor) ** 2
    decoder_map = _decoder_map(source, pixels) * bytes_per_number
    loss = _LOSS_KEPT_PER_PIXEL * (POCKET_LOSS_SIDE**2 if source.family == "pocket" else pixels)
    return MemoryEstimate(
        weights=_weight_bytes(source, bytes_per_number),
        denoise_window=_UNET_LIVE * unet_map,
        sync_window=_UNET_KEPT[source.family] * unet_map,
        decode_window=_DECODER_KEPT[source.family] * decoder_map + loss,
    )


def default_batches(
    estimate: MemoryEstimate, device: str, total_bytes: int
) -> tuple[int, int, int]:
    """Windows at once: through the UNet without and with a gradient, and through the decoder.

    From the memory that the device has, not from what is free just now: the batch moves the last
    bits of a result, and a run must repeat.
    """
    if device == "cpu":
        budget, limits = min(_CPU_BUDGET, total_bytes // 4), _CPU_LIMIT
    else:
        budget, limits = max(int(_GPU_SHARE * total_bytes) - estimate.weights, 0), _GPU_LIMIT
    denoise_limit, sync_limit, decode_limit = limits
    denoise = _fitting(budget, estimate.denoise_window, denoise_limit)
    # Both are there at once: the UNet waits with its activations for the decoder's gradient.
    sync = _fitting(budget - estimate.decode_window, estimate.sync_window, sync_limit)
    left = budget - sync * estimate.sync_window
    if device == "cpu":
        left = min(left, _CPU_DECODER_BUDGET)
    decode = _fitting(left, estimate.decode_window, decode_limit)
    return denoise, sync, decode


def _fitting(budget: int, need: int, limit: int) -> int:
    return min(max(budget // need, 1), limit)


def total_host_bytes() -> int:
    """Memory of the machine, or of its control group where that is less."""
    if not hasattr(os, "sysconf"):  # Windows
        return _UNKNOWN_TOTAL
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _number(Path("/sys/fs/cgroup/memory.max"))
    return min(total, limit) if limit else total


def free_host_bytes() -> int:
    """Memory of the machine that is free or can be freed; all of it where nobody tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return total_host_bytes()
    table = dict(line.split(":", 1) for line in lines if ":" in line)
    free = int(table.get("MemAvailable", "0 kB").split()[0]) * 1024
    return min(free or total_host_bytes(), total_host_bytes())


def _base_width(source: ModelSource, part: str, default: int) -> int:
    widths = _config(source, part).get("block_out_channels")
    return int(widths[0]) if isinstance(widths, list) and widths else default


def _decoder_map(source: ModelSource, pixels: int) -> int:
    if source.family == "pocket":  # linear: it has no maps but its picture
        return pixels
    return _base_width(source, "vae", 128) * pixels


def _config(source: ModelSource, part: str) -> dict[str, object]:
    return read_json(source.folder / part / "config.json") if source.folder else {}


def _weight_bytes(source: ModelSource, bytes_per_number: int) -> int:
    if source.folder is None:
        return 1_300_000_000 * bytes_per_number
    parts = [source.folder / part for part in ("unet", "vae", "text_encoder")]
    files = [file for part in parts for file in weight_files(part)[1]]
    return sum(map(count_numbers, files)) * bytes_per_number


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
