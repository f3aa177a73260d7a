"""When to synchronise, and how strongly. Steps are 0-based indices into the timesteps."""

from __future__ import annotations

from syncpano.errors import SyncPanoError


def sync_steps(
    num_steps: int, frequency: int | None = None, initial_steps: int | None = None
) -> tuple[int, ...]:
    """The steps that descend the gradient.

    Args:
        num_steps: denoising steps of the whole run.
        frequency: the paper's f, the NUMBER of gradient descents in the run, spaced evenly and
            ending with the last step; None means every step. Where f divides the steps this is
            the reference's (k + 1) mod (num_steps / f) == 0.
        initial_steps: only steps below this index synchronise; None means all.
    """
    descents = num_steps if frequency is None else frequency
    if not 1 <= descents <= num_steps:
        raise SyncPanoError(
            f"{descents} gradient descents do not fit into {num_steps} steps",
            hint=f"use a frequency between 1 and {num_steps}",
        )
    limit = num_steps if initial_steps is None else initial_steps
    # Rounding half up in whole numbers: the spacing is at least 1, so no two coincide.
    spaced = ((2 * (i + 1) * num_steps + descents) // (2 * descents) - 1 for i in range(descents))
    return tuple(step for step in spaced if step < limit)


def step_places(
    num_steps: int, initial_steps: int | None = None, initial_span: float | None = None
) -> tuple[float, ...] | None:
    """Where every step begins, in even steps from the first timestep; None: 0, 1, 2, ...

    Args:
        initial_steps: the first steps, which take even parts of `initial_span`; the others take
            even parts of the rest.
        initial_span: share of the schedule, at most that of an even schedule.
    """
    if initial_span is None or initial_steps is None or initial_steps >= num_steps:
        return None
    fine = initial_span / initial_steps
    coarse = (1 - initial_span) / (num_steps - initial_steps)
    early = [step * fine for step in range(initial_steps)]
    late = [initial_span + step * coarse for step in range(num_steps - initial_steps)]
    return tuple(num_steps * share for share in (*early, *late))


def sync_weights(weight: float, decay: float, steps: tuple[int, ...]) -> dict[int, float]:
    """Step -> w_t = w * decay^k at step index k, where that is not 0; w = 0 is MultiDiffusion."""
    weights = {step: weight * decay**step for step in steps}
    return {step: strength for step, strength in weights.items() if strength > 0}
