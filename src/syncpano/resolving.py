"""What `auto` comes to, as far as the model decides it. No torch.

Device and number format are the machine's: `models/precision.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from syncpano.choices import AUTO
from syncpano.config import PanoramaConfig, Value, settings
from syncpano.layers import DEFAULT, FOUND
from syncpano.models.card import Card
from syncpano.models.source import ModelSource
from syncpano.models.tiny_decoder import own_tiny_decoder

_OF_THE_CARD = ("guidance_scale", "guided_share", "temperature")


def by_model(
    config: PanoramaConfig, source: ModelSource, card: Card, *, synchronises: bool
) -> PanoramaConfig:
    """The config with what its model decides.

    Args:
        card: the model's; the default one as long as its folder is not there.
        synchronises: whether the run has a gradient, for which there are a loss and a decoder.
    """
    found: dict[str, Any] = {
        # The commit of a branch or tag is known when the model is there.
        "revision": source.revision or config.revision,
        "negative_prompt": card.negative_prompt(config.prompt, config.negative_prompt),
        # What was asked for stays, also where it has no effect: `--resume` compares it.
        "stride": stride_of(config, source) if config.stride is None else config.stride,
        **sampling_of(config, card),
    }
    if synchronises:
        found["loss"] = loss_of(config, source)
        found["gradient_decoder"] = gradient_decoder_of(config, source)
    return replace(config, **found)


def origins_found(origins: Mapping[str, str], given: Mapping[str, Value]) -> dict[str, str]:
    """Origins that say where a value is what was found for `auto`, which somebody had written.

    Args:
        given: the settings as they were asked for.
    """
    return {
        name: f"{origin.removesuffix(FOUND)}{FOUND}"
        if origin != DEFAULT and settings()[name].found and given[name] == settings()[name].default
        else origin
        for name, origin in origins.items()
    }


def sampling_of(config: PanoramaConfig, card: Card) -> dict[str, float]:
    """The settings of sampling that a model has values of its own for."""
    given = {name: getattr(config, name) for name in _OF_THE_CARD}
    return {name: getattr(card, name) if value is None else value for name, value in given.items()}


def stride_of(config: PanoramaConfig, source: ModelSource) -> int:
    """Pixels from window to window: as asked, or a quarter of the window, or side by side."""
    window = source.window * source.vae_factor
    if config.method == "independent" or config.windows == "shifted":
        return window
    if config.stride is not None:
        return config.stride
    return quarter_of_window(source)


def quarter_of_window(source: ModelSource) -> int:
    """Pixels of a model's own stride, the paper's share of a window; at least one latent cell."""
    return max(1, source.window // 4) * source.vae_factor


def loss_of(config: PanoramaConfig, source: ModelSource) -> str:
    """The loss's name: as asked, or pocket's own for pocket and LPIPS with VGG-16 for others."""
    if config.loss != AUTO:
        return config.loss
    return "pocket" if source.family == "pocket" else "lpips-vgg"


def gradient_decoder_of(config: PanoramaConfig, source: ModelSource) -> str:
    """As asked, or the full one, as in the paper; for pocket the tiny one that its loss sees by."""
    if config.gradient_decoder != AUTO:
        return config.gradient_decoder
    return "tiny" if source.family == "pocket" and own_tiny_decoder(source) else "full"
