"""Noise schedules and solvers, made from the checkpoint's own scheduler configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import diffusers
import numpy as np
from torch import Tensor

from syncpano.errors import SyncPanoError
from syncpano.models.layout import clips

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
        config: the checkpoint's scheduler_config.json, which `read_layout` has checked.
        name: one of `SOLVERS`.
        places: where every step begins, in even steps from the first one; dpmsolver++ only.

    Raises:
        SyncPanoError: the solver finds fewer timesteps in the schedule.
    """
    trained = int(config.get("num_train_timesteps", 1000))
    # A null stands for the default everywhere in diffusers' files.
    said = {k: value for k, value in config.items() if k not in _SPACINGS and value is not None}
    said["clip_sample"] = clips(config)
    solver_class, further = SOLVERS[name]
    if name == "ddim" and said.get("timestep_spacing") == "linspace":
        del said["timestep_spacing"]  # its steps would end between the timesteps
    if name == "unipc":
        # Its corrector puts a sample of its own in the place of the canvas that it is given, and so
        # takes back what moved the canvas between two steps.
        further = {**further, "disable_corrector": list(range(num_steps))}
    solver = getattr(diffusers, solver_class).from_config({**said, **further})
    solver.set_timesteps(num_steps)
    if places is not None:
        even = solver.timesteps.tolist()
        solver.set_timesteps(timesteps=np.interp(places, range(num_steps), even).round().tolist())
    steps = solver.timesteps
    # Near as many steps as were trained, an offset of 1 leads beyond the table, or steps coincide.
    if len(steps) != num_steps or int(steps[0]) >= trained or not (steps[1:] < steps[:-1]).all():
        hint = f"`--steps {trained // 2}` and fewer fit"
        raise SyncPanoError(
            f"{name} finds no {num_steps} timesteps in a schedule of {trained}",
            hint=hint if places is None else f"{hint}, and a larger `--initial-span` may",
        )
    return solver


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
