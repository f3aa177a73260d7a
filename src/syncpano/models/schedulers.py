"""Noise schedules and solvers, made from the checkpoint's own scheduler configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import diffusers
import numpy as np
from torch import Tensor

from syncpano.errors import SyncPanoError

Solver: TypeAlias = Any  # one of the classes below; diffusers gives them no common type
# Names, not classes: the solvers with memory import SciPy, which takes half a second.
SOLVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "dpmsolver++": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "unipc": ("UniPCMultistepScheduler", {"solver_order": 2}),
}
# Other spacings of the noise levels than the timesteps that `foresee` and the weights w_t speak of.
_SPACINGS = {
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
}


def make_scheduler(
    config: dict[str, Any], name: str, num_steps: int, places: Sequence[float] | None = None
) -> Solver:
    """A fresh solver with its timesteps set.

    Args:
        config: the checkpoint's scheduler_config.json.
        places: where every step begins, in even steps from the first one; dpmsolver++ only.

    Raises:
        SyncPanoError: the solver is unknown, or does not fit the checkpoint or the steps.
    """
    if name not in SOLVERS:
        raise SyncPanoError(f"unknown scheduler {name!r}", hint=f"use {', '.join(SOLVERS)}")
    trained = int(config.get("num_train_timesteps", 1000))
    if not 1 <= num_steps <= trained:
        raise _misfit(num_steps, trained)
    _check(config, name)
    # DDIM would clip by default; a schedule of another class that does not say so never clipped.
    unsaid = {} if config.get("_class_name") == "DDIMScheduler" else {"clip_sample": False}
    said = {key: value for key, value in config.items() if key not in _SPACINGS}
    solver_class, further = SOLVERS[name]
    solver = getattr(diffusers, solver_class).from_config({**unsaid, **said, **further})
    solver.set_timesteps(num_steps)
    if places is not None:
        even = solver.timesteps.tolist()
        solver.set_timesteps(timesteps=np.interp(places, range(num_steps), even).round().tolist())
    steps = solver.timesteps
    # Near as many steps as were trained, an offset of 1 leads beyond the table, or steps coincide.
    if len(steps) != num_steps or int(steps[0]) >= trained or not (steps[1:] < steps[:-1]).all():
        raise _misfit(num_steps, trained)
    return solver


def _misfit(num_steps: int, trained: int) -> SyncPanoError:
    return SyncPanoError(
        f"{num_steps} steps do not fit a schedule of {trained}",
        hint=f"use between 1 and {max(trained // 2, 1)} steps",
    )


def _check(config: dict[str, Any], name: str) -> None:
    prediction_type = config.get("prediction_type", "epsilon")
    if prediction_type not in ("epsilon", "v_prediction", "sample"):
        raise SyncPanoError(
            f"the checkpoint predicts {prediction_type!r}, which is not supported",
            hint="epsilon, v_prediction and sample are",
        )
    if config.get("thresholding"):
        raise SyncPanoError(
            "the checkpoint thresholds its samples, which latent models cannot do",
            hint="set `thresholding` to false in its scheduler_config.json",
        )
    if name != "ddim" and config.get("clip_sample"):
        raise SyncPanoError(
            f"{name} cannot clip samples as the checkpoint's `clip_sample` asks",
            hint="use `--scheduler ddim`",
        )
    if prediction_type == "epsilon" and config.get("rescale_betas_zero_snr"):
        raise SyncPanoError(
            "a schedule that ends in pure noise cannot be used with noise prediction",
            hint="`rescale_betas_zero_snr` needs `prediction_type` v_prediction",
        )


def foresee(solver: Solver, latent: Tensor, prediction: Tensor, t: Tensor) -> Tensor:
    """phi(x_t, t), the solver's `pred_original_sample`, for any batch and differentiable."""
    alpha: Tensor = solver.alphas_cumprod[int(t)]  # abar_t
    match solver.config.prediction_type:
        case "epsilon":
            x0 = (latent - (1 - alpha).sqrt() * prediction) / alpha.sqrt()
        case "v_prediction":
            x0 = alpha.sqrt() * latent - (1 - alpha).sqrt() * prediction
        case _:
            x0 = prediction
    if getattr(solver.config, "clip_sample", False):
        limit = solver.config.clip_sample_range
        x0 = x0.clamp(-limit, limit)
    return x0
