"""Solvers from checkpoints' schedules: what they foresee, and where their steps end."""

from __future__ import annotations

from itertools import product
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from syncpano.models.layout import clips
from syncpano.models.schedulers import SOLVERS, foresee, make_scheduler

SPACINGS = ["leading", "trailing", "linspace"]
CLASSES = ["DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"]
# Noise cannot be predicted of pure noise: such checkpoints are refused.
KINDS = [("epsilon", False), *product(("v_prediction", "sample"), (False, True))]
ROUNDING = 1e-4


def schedule(
    kind: str, zero_snr: bool, spacing: str, name: str = "DDIMScheduler"
) -> dict[str, Any]:
    """A scheduler_config.json as Stable Diffusion's, of 1,000 timesteps."""
    return {
        "_class_name": name,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": kind,
        "rescale_betas_zero_snr": zero_snr,
        "timestep_spacing": spacing,
        "clip_sample": False,
        "trained_betas": None,
    }


def prediction_of(kind: str, clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """What a perfect network says of sqrt(abar) x_0 + sqrt(1 - abar) eps."""
    if kind == "epsilon":
        return noise
    return clean if kind == "sample" else alpha.sqrt() * noise - (1 - alpha).sqrt() * clean


@pytest.mark.parametrize("solver_name", SOLVERS)
@pytest.mark.parametrize("class_name", CLASSES)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("kind", "zero_snr"), KINDS)
def test_what_is_foreseen_is_what_the_solver_steps_towards(
    kind: str, zero_snr: bool, spacing: str, class_name: str, solver_name: str
) -> None:
    config = schedule(kind, zero_snr, spacing, class_name)
    solver = make_scheduler(config, solver_name, 10)
    generator = torch.Generator().manual_seed(0)
    for t in solver.timesteps:
        latent, prediction = torch.randn((2, 1, 4, 8, 8), generator=generator)
        step = solver.step(prediction, t, latent)
        ddim = solver_name == "ddim"
        expected = step.pred_original_sample if ddim else solver.model_outputs[-1]
        found = foresee(solver, latent, prediction, t)
        torch.testing.assert_close(found, expected, atol=ROUNDING, rtol=ROUNDING)


@pytest.mark.parametrize("steps", [5, 10, 50])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("kind", "zero_snr"), KINDS)
def test_a_step_of_ddim_ends_at_the_noise_of_the_next_timestep(
    kind: str, zero_snr: bool, spacing: str, steps: int
) -> None:
    solver = make_scheduler(schedule(kind, zero_snr, spacing), "ddim", steps)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn((2, 1, 4, 8, 8), generator=generator, dtype=torch.float64)
    for t, following in zip(solver.timesteps[:-1], solver.timesteps[1:], strict=True):
        here, there = (solver.alphas_cumprod[int(at)].double() for at in (t, following))
        latent = here.sqrt() * clean + (1 - here).sqrt() * noise
        stepped = solver.step(prediction_of(kind, clean, noise, here), t, latent).prev_sample
        expected = there.sqrt() * clean + (1 - there).sqrt() * noise
        torch.testing.assert_close(stepped, expected, atol=ROUNDING, rtol=ROUNDING)


@pytest.mark.parametrize("key", ["prediction_type", "beta_schedule", "timestep_spacing"])
def test_a_null_in_a_schedule_is_the_default(key: str) -> None:
    config = schedule("epsilon", False, "leading") | {"clip_sample_range": None}
    plain = {name: value for name, value in config.items() if name != key}
    with_null, without = (
        make_scheduler(schedule, "ddim", 10) for schedule in (config | {key: None}, plain)
    )
    assert torch.equal(with_null.timesteps, without.timesteps)
    assert torch.equal(with_null.alphas_cumprod, without.alphas_cumprod)
    assert with_null.config.prediction_type == without.config.prediction_type


@pytest.mark.parametrize(
    "name",
    [*CLASSES, "DDPMScheduler", "DDIMParallelScheduler", "LMSDiscreteScheduler", "LCMScheduler"],
)
def test_a_schedule_that_says_nothing_clips_as_its_class_does(name: str) -> None:
    config = getattr(diffusers, name)().config
    assert clips({"_class_name": name}) == config.get("clip_sample", False)
