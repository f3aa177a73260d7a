"""Attention on a CPU: whichever of two equal ways is faster for its size.

# N batch, S positions, K positions that are looked at
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch import Tensor, nn

# Largest S * K at which two plain matrix products beat torch's fused attention, which recomputes
# in its backward pass and, in bfloat16, multiplies in float32 there (benchmarks/levers.md).
PLAIN_LIMIT = {torch.float32: 64 * 64, torch.bfloat16: 4096 * 128}


class SizedAttention:
    """A diffusers attention processor: plain products for small maps, fused for large ones."""

    def __init__(self) -> None:
        self._plain = AttnProcessor()
        self._fused = AttnProcessor2_0()

    def __call__(
        self,
        attention: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """N S d -> N S d; the arguments are diffusers'."""
        looked_at = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        size = hidden_states.shape[1] * looked_at.shape[1]
        small = size <= PLAIN_LIMIT.get(hidden_states.dtype, 0)
        processor = self._plain if small else self._fused
        result: Tensor = processor(
            attention, hidden_states, encoder_hidden_states, attention_mask, temb
        )
        return result


def speed_up_attention(unet: nn.Module) -> None:
    """Let a diffusers UNet on a CPU choose its attention by size; its values stay the same."""
    unet.set_attn_processor(SizedAttention())  # type: ignore[operator]
