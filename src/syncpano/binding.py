"""Put a model under a config: its prompt, its sampling settings, its gradient decoder."""

from __future__ import annotations

from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.plan import Plan
from syncpano.resolving import gradient_decoder_of, sampling_of
from syncpano.schedule import step_places


def bound(planned: Plan, model: LatentDiffusion) -> BoundDiffusion:
    """The model under a config's prompt and settings."""
    config, places, decoder = planned.config, None, "full"
    if planned.weights:
        places = step_places(config.steps, config.initial_steps, config.initial_span)
        decoder = gradient_decoder_of(config, model.source)
    return model.bind(
        config.prompt,
        config.negative_prompt,
        num_steps=config.steps,
        scheduler=config.scheduler,
        gradient_decoder=decoder,
        places=places,
        **sampling_of(config, model.card),
    )
