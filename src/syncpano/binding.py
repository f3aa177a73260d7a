"""Put a model under a config: its prompt, its sampling settings, its gradient decoder."""

from __future__ import annotations

from syncpano.config import PanoramaConfig
from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.models.tiny_decoder import resolve_gradient_decoder
from syncpano.plan import Plan
from syncpano.schedule import step_places

_OF_THE_CARD = ("guidance_scale", "guided_share", "temperature")


def sampling_of(config: PanoramaConfig, model: LatentDiffusion) -> dict[str, float]:
    """The settings of sampling that a model has values of its own for, `auto` resolved."""
    given = {name: getattr(config, name) for name in _OF_THE_CARD}
    return {
        name: getattr(model.card, name) if value is None else value for name, value in given.items()
    }


def bound(planned: Plan, model: LatentDiffusion) -> BoundDiffusion:
    """The model under a config's prompt and settings."""
    config, places, decoder = planned.config, None, "full"
    if planned.weights:
        places = step_places(config.steps, config.initial_steps, config.initial_span)
        decoder = resolve_gradient_decoder(config.gradient_decoder, model.source)
    return model.bind(
        config.prompt,
        config.negative_prompt,
        num_steps=config.steps,
        scheduler=config.scheduler,
        gradient_decoder=decoder,
        places=places,
        **sampling_of(config, model),
    )
