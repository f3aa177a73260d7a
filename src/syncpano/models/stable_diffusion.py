"""Stable Diffusion 1.x and 2.x, and the pocket model, which has the same shape.

# N windows, C latent channels, h w one window, H W the panorama, f the VAE factor, L text tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from syncpano.errors import SyncPanoError
from syncpano.models import memory
from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.card import Card
from syncpano.models.decoding import decode_tiled
from syncpano.models.folder import content_hash
from syncpano.models.parts import load_refiner, load_tiny_decoder
from syncpano.models.precision import free_bytes, run_in, total_bytes
from syncpano.models.refiner import Refiner
from syncpano.models.schedulers import make_scheduler
from syncpano.models.source import ModelSource


@dataclass(frozen=True)
class Parts:
    """The loaded, frozen parts of a model folder."""

    unet: nn.Module
    vae: nn.Module
    text_encoder: nn.Module
    tokenizer: Any
    scheduler_config: dict[str, Any]
    card: Card


class LatentDiffusion:
    """A loaded model. `bind` gives the `Denoiser` that the sampler works with.

    Attributes:
        source: where it came from.
        device, dtype: where and in which format its networks compute; latents outside are float32.
        window, vae_factor, latent_channels: as in `ModelSource`.
    """

    def __init__(
        self, source: ModelSource, parts: Parts, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.source = source
        self.device = device
        self.dtype = dtype
        self.window = source.window
        self.vae_factor = source.vae_factor
        self.latent_channels = source.latent_channels
        self._parts = parts
        self._tiny_decoder: nn.Module | None = None
        if self._is_short_of_memory():
            self.checkpoint_activations()

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the weight files."""
        assert self.source.folder is not None
        return content_hash(self.source.folder)

    @property
    def card(self) -> Card:
        """Facts that a pocket model brings along."""
        return self._parts.card

    @torch.no_grad()
    def bind(
        self,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 7.5,
        num_steps: int = 50,
        scheduler: str = "ddim",
        gradient_decoder: str = "full",
        guided_share: float = 1.0,
        temperature: float = 1.0,
        places: Sequence[float] | None = None,
    ) -> BoundDiffusion:
        """The model under one prompt and one noise schedule; `temperature` as in `step`.

        Args:
            places: as in `make_scheduler`.
            guided_share: share of the steps, from the first on, that are guided; the others take
                the conditional branch alone, at half the cost (Kynkaanniemi et al., NeurIPS 2024).

        Raises:
            SyncPanoError: the scheduler does not fit the checkpoint, or there is no tiny decoder.
        """
        new_solver = partial(
            make_scheduler, self._parts.scheduler_config, scheduler, num_steps, places
        )
        decoder = self._parts.vae
        if gradient_decoder == "tiny":
            self._tiny_decoder = self._tiny_decoder or load_tiny_decoder(
                self.source, self.device, self.dtype
            )
            decoder = self._tiny_decoder
        text, negative = self.card.texts(prompt, negative_prompt)
        embeds = self._embed([negative, text])  # 2 L d
        return BoundDiffusion(
            self.predict_raw,
            new_solver,
            embeds,
            guidance_scale,
            lambda latent: self.decode(latent, decoder),
            guided_share,
            temperature,
        )

    @cached_property
    def refiner(self) -> Refiner:
        """What draws the details, of a source that has one; loaded when it is first asked for.

        Raises:
            SyncPanoError: it cannot be loaded.
        """
        return Refiner(*load_refiner(self.source, self.device), self.card, self._embed)

    @torch.no_grad()
    def decode_panorama(self, latent: Tensor, loop: bool = False) -> Tensor:
        """1 C H W -> 1 3 f*H f*W float32 on the CPU, in [-1, 1] up to the decoder's overshoot."""
        return decode_tiled(
            latent.to(self.device),
            lambda tile: self.decode(tile, self._parts.vae),
            self.window,
            self.vae_factor,
            loop=loop,
        )

    def decode(self, latent: Tensor, decoder: nn.Module) -> Tensor:
        """N C h w -> N 3 q*h q*w around [-1, 1], not clipped; the decoder has q pixels a cell."""
        config: Any = decoder.config
        shift = getattr(config, "shift_factor", None) or 0.0
        units = latent / config.scaling_factor + shift
        return run_in(self.dtype, lambda z: decoder.decode(_compact(z)).sample, units)  # type: ignore[operator]

    def predict_raw(self, views: Tensor, t: Tensor, embeds: Tensor) -> Tensor:
        """N C h w, N L d -> N C h w: the UNet's raw output under one text each, in float32."""
        unet = self._parts.unet
        return run_in(
            self.dtype,
            lambda x: unet(x, t.to(x.device), encoder_hidden_states=embeds).sample,
            views,
        )

    def dropped_words(self, text: str) -> list[str]:
        """Words at the end of a text that the text encoder does not see, or not to their end."""
        tokenizer = self._parts.tokenizer
        # Without the truncation the tokenizer warns; with `verbose` off it does not.
        places = tokenizer(text, verbose=False, return_offsets_mapping=True)["offset_mapping"]
        if len(places) <= self._max_tokens:
            return []
        first, _ = places[self._max_tokens - 1]  # its place is the end mark's
        return text.split()[len(text[: first + 1].split()) - 1 :]

    @property
    def is_small(self) -> bool:
        """As in `MemoryEstimate`."""
        return self._memory_estimate().is_small

    def default_batches(self) -> tuple[int, int, int]:
        """Windows at once: through the UNet without and with a gradient, through the decoder."""
        total = total_bytes(self.device)
        return memory.default_batches(self._memory_estimate(), self.device.type, total)

    def checkpoint_activations(self) -> None:
        """Trade time for memory in the gradient: recompute activations block by block."""
        for part in (self._parts.unet, self._parts.vae):
            if getattr(part, "_supports_gradient_checkpointing", False):
                part.enable_gradient_checkpointing()  # type: ignore[operator]

    def _embed(self, texts: list[str]) -> Tensor:
        """N texts, as the model reads them -> N L d."""
        tokenizer, encoder = self._parts.tokenizer, self._parts.text_encoder
        tokens = tokenizer(
            texts,
            padding="max_length",
            max_length=self._max_tokens,
            truncation=True,
            return_tensors="pt",
        ).to(self.device)
        config: Any = encoder.config
        last = int(tokens.input_ids.max())
        if last >= config.vocab_size:
            raise SyncPanoError(
                f"{self.source.id} has no embedding of {tokenizer.convert_ids_to_tokens(last)!r}",
                hint="leave the word out of the prompt, or add it to the text encoder",
            )
        mask = tokens.attention_mask if getattr(config, "use_attention_mask", False) else None
        embeds: Tensor = encoder(tokens.input_ids, attention_mask=mask)[0]
        return embeds.to(self.dtype)

    @property
    def _max_tokens(self) -> int:
        """Tokens of a text, both marks included; a tokenizer may not say how many there can be."""
        config: Any = self._parts.text_encoder.config
        return min(int(self._parts.tokenizer.model_max_length), int(config.max_position_embeddings))

    def _is_short_of_memory(self) -> bool:
        estimate = self._memory_estimate()
        return estimate.sync_window + estimate.decode_window > 0.8 * free_bytes(self.device)

    def _memory_estimate(self) -> memory.MemoryEstimate:
        return memory.estimate_memory(self.source, self.dtype.itemsize)


def _compact(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
