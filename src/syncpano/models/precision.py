"""Device, its memory and number format of a model, and gradients that survive float16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from syncpano.errors import SyncPanoError
from syncpano.models import memory

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Largest magnitude that a scaled gradient starts with: far from float16's 65504 and from 6e-8.
_GRADIENT_PEAK = 16.0
_LEAST_PEAK = 2.0**-120  # of a smaller one, of 0 above all, the scale would be infinite


def resolve_device(name: str) -> torch.device:
    """`auto` is the first of cuda, mps and cpu that this machine has.

    Raises:
        SyncPanoError: the device is unknown or absent.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(name, False):
        raise SyncPanoError(
            f"device {name!r} is not available here", hint="use `--device auto` or `--device cpu`"
        )
    return torch.device(name)


def total_bytes(device: torch.device) -> int:
    """Memory that a device can give; of unified memory, which mps has, a part of the host's."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    return memory.total_host_bytes()


def free_bytes(device: torch.device) -> int:
    """What of `total_bytes` is free just now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return max(total_bytes(device) - torch.mps.driver_allocated_memory(), 0)
    return memory.free_host_bytes()


def check_precision(device: str, dtype: str) -> None:
    """Refuse a device or a number format that the machine has not, before anything is fetched.

    Raises:
        SyncPanoError: as `resolve_device` and `resolve_dtype`.
    """
    resolve_dtype(dtype, resolve_device(device), family="", cpu_dtype="float32")


def resolve_dtype(name: str, device: torch.device, family: str, cpu_dtype: str) -> torch.dtype:
    """The model's own number format; canvas, averages and losses stay in float32.

    Args:
        cpu_dtype: what the model's card calls safe on a CPU.

    Raises:
        SyncPanoError: the format is unknown or does not work on the device.
    """
    if name != "auto":
        if name not in DTYPES:
            raise SyncPanoError(f"unknown dtype {name!r}", hint=f"use auto, {', '.join(DTYPES)}")
        if name == "float16" and device.type == "cpu":
            raise SyncPanoError(
                "float16 does not work well on a CPU", hint="use `--dtype bfloat16` or float32"
            )
        return DTYPES[name]
    if device.type == "cpu":
        return DTYPES[cpu_dtype] if cpu_is_fast_at_bfloat16() else torch.float32
    if family == "pocket":
        # By default torch counts cards that emulate it, slowly (V100, T4).
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    return torch.float16


def cpu_is_fast_at_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself (AVX512-BF16 or AMX) rather than emulating it."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def run_in(dtype: torch.dtype, network: Callable[[Tensor], Tensor], latent: Tensor) -> Tensor:
    """Run a network in its own format between float32 in and float32 out.

    In float16 the gradient is scaled by a power of two on its way back through the network: the
    gradient of a mean over pixels is far below float16's smallest number.
    """
    if dtype != torch.float16 or not (torch.is_grad_enabled() and latent.requires_grad):
        return network(latent.to(dtype)).float()
    # Backwards `_Amplify`, the last forwards, always comes before `_Restore`, each of them once.
    scales: list[Tensor] = []
    entered: Tensor = _Restore.apply(latent.float(), scales)
    left: Tensor = _Amplify.apply(network(entered.to(dtype)).float(), scales)
    return left


class _Amplify(torch.autograd.Function):
    """The identity, whose backward pass scales the gradient up and remembers by how much."""

    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor, scales: list[Tensor]) -> Tensor:
        ctx.scales = scales  # type: ignore[attr-defined]
        return tensor.view_as(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        peak = gradient.abs().amax().clamp(min=_LEAST_PEAK)
        scale = torch.exp2(torch.floor(torch.log2(_GRADIENT_PEAK / peak)))
        ctx.scales.append(scale)
        return gradient * scale, None


class _Restore(torch.autograd.Function):
    """The identity, whose backward pass divides by what `_Amplify` multiplied by."""

    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor, scales: list[Tensor]) -> Tensor:
        ctx.scales = scales  # type: ignore[attr-defined]
        return tensor.view_as(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient / ctx.scales.pop(), None
