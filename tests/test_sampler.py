"""The sampler on a real model at tiny size: what must hold whatever the weights are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from syncpano.batching import Batcher, is_out_of_memory
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.montage import average, crop
from syncpano.sampler import (
    Batches,
    DistanceGradient,
    StepReport,
    Synchronization,
    sample,
    synchronize,
)
from syncpano.schedule import sync_steps, sync_weights
from syncpano.windows import Blend, Grid, plan_grid

STEPS = 3
WEIGHT = 500.0  # large: on random weights the gradient is small, and an effect must show
ROUNDING = 1e-5  # float32 through a dozen layers and a few steps, latents of size about 5
AMPLIFIED = 2e-3  # the same where the large weight multiplies the rounding of the gradient
# Kernels round differently for one window, and descents on a function with kinks amplify that: in
# float64 the batches agree exactly. The descents themselves move the latent by more than 1 here.
BATCH_EFFECT = 2e-2


def noise(width: int = 16, height: int = 8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((1, 4, height, width), generator=generator)


def bound(model: LatentDiffusion, scheduler: str = "ddim", **kwargs: Any) -> BoundDiffusion:
    return model.bind("A waterfall", "", num_steps=STEPS, scheduler=scheduler, **kwargs)


def synced(loss: PerceptualLoss, weight: float = WEIGHT, **kwargs: Any) -> Synchronization:
    return Synchronization(loss, sync_weights(weight, 0.95, sync_steps(STEPS)), **kwargs)


def run(
    model: LatentDiffusion,
    sync: Synchronization | None,
    *,
    latent: Tensor | None = None,
    stride: int = 4,
    loop: bool = False,
    batch: int = 32,
    together: bool = False,
    scheduler: str = "ddim",
    report: Any = lambda _: None,
) -> Tensor:
    latent = noise() if latent is None else latent
    grid = plan_grid(*latent.shape[-2:], model.window, stride, loop=loop)
    batches = Batches(Batcher(batch), Batcher(batch), together=together)
    return sample(latent, bound(model, scheduler), lambda _: grid, sync, batches, report)


class Uncalled:
    """A loss that fails the test when it is used."""

    def features(self, images: Tensor) -> Sequence[Tensor]:
        raise AssertionError("the loss was called")

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        raise AssertionError("the loss was called")


def test_w_zero_is_multidiffusion_and_never_calls_the_loss(tiny: LatentDiffusion) -> None:
    assert torch.equal(run(tiny, synced(Uncalled(), weight=0.0)), run(tiny, None))


def test_synchronisation_changes_the_result(tiny: LatentDiffusion, squeeze: PerceptualLoss) -> None:
    assert (run(tiny, synced(squeeze)) - run(tiny, None)).abs().max() > 0.1


def test_a_step_without_weight_is_multidiffusion(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    reports: list[StepReport] = []
    sync = Synchronization(squeeze, {1: WEIGHT})
    run(tiny, sync, report=reports.append)
    assert [report.weight for report in reports] == [0.0, WEIGHT, 0.0]
    assert [len(report.distances) for report in reports] == [0, 2, 0]
    plain: list[StepReport] = []
    run(tiny, None, report=plain.append)
    assert torch.equal(reports[0].foreseen, plain[0].foreseen)


@pytest.mark.parametrize("scheduler", ["ddim", "dpmsolver++", "unipc"])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_result_does_not_depend_on_window_batch(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, batch: int, scheduler: str
) -> None:
    sync = synced(squeeze, weight=50.0)
    whole = run(tiny, sync, batch=32, stride=2, scheduler=scheduler)
    parts = run(tiny, sync, batch=batch, stride=2, scheduler=scheduler)
    torch.testing.assert_close(parts, whole, atol=BATCH_EFFECT, rtol=0)
    unsynchronised = run(tiny, None, stride=2, scheduler=scheduler)
    assert (whole - unsynchronised).abs().max() > 20 * BATCH_EFFECT


@hypothesis_settings(max_examples=8)
@given(st.integers(0, 5), st.sampled_from([2, 4, 8]), st.sampled_from(["ddim", "dpmsolver++"]))
def test_rotating_the_noise_by_a_stride_rotates_a_looped_result(
    tiny: LatentDiffusion, turns: int, stride: int, scheduler: str
) -> None:
    latent = noise(24)
    shift = turns * stride
    straight = run(tiny, None, latent=latent, stride=stride, loop=True, scheduler=scheduler)
    turned = run(
        tiny, None, latent=latent.roll(shift, -1), stride=stride, loop=True, scheduler=scheduler
    )
    torch.testing.assert_close(turned, straight.roll(shift, -1), atol=ROUNDING, rtol=0)


def test_a_panorama_of_one_window_has_nothing_to_synchronise(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    latent = noise(8)
    synchronised = run(tiny, synced(squeeze), latent=latent)
    torch.testing.assert_close(synchronised, run(tiny, None, latent=latent))


def pulled_once(
    model: LatentDiffusion,
    sync: Synchronization,
    latent: Tensor,
    grid: Grid,
    batch: int = 32,
    together: bool = False,
) -> tuple[Any, BoundDiffusion, Tensor]:
    denoiser = bound(model)
    t = denoiser.timesteps[1]
    with torch.no_grad():
        batches = Batches(Batcher(batch), Batcher(batch), together=together)
        return synchronize(latent, grid, t, WEIGHT, denoiser, sync, batches), denoiser, t


def views_of(latent: Tensor, grid: Grid) -> list[Tensor]:
    return [latent[..., w.left : w.left + w.size] for w in grid.windows]


def test_the_anchor_is_not_moved_and_all_others_are(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    latent, grid = noise(), plan_grid(8, 16, 8, 4)
    pulled, _, _ = pulled_once(tiny, synced(squeeze), latent, grid)
    for index, view in enumerate(views_of(latent, grid)):
        moved = not torch.equal(pulled.views[index : index + 1], view)
        assert moved == (index != grid.anchor)


@pytest.mark.parametrize("compare", ["foreseen", "noisy"])
def test_a_view_moves_against_the_gradient_of_its_distance(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, compare: Any
) -> None:
    """Eq. 14 (foreseen) and Eq. 13 (noisy), written out for one window with plain autograd."""
    latent, grid = noise(), plan_grid(8, 16, 8, 4)
    pulled, denoiser, t = pulled_once(tiny, synced(squeeze, compare=compare), latent, grid)

    def image(view: Tensor) -> Tensor:
        if compare == "noisy":
            return denoiser.decode(view)
        return denoiser.decode(denoiser.foresee(view, denoiser.predict(view, t), t))

    views = views_of(latent, grid)
    target = squeeze.features(image(views[grid.anchor]).detach())
    x = views[0].clone().requires_grad_()
    distance = squeeze.distance(squeeze.features(image(x)), target)
    (gradient,) = torch.autograd.grad(distance.sum(), x)
    assert gradient.abs().max() > 0
    torch.testing.assert_close(
        pulled.views[:1], x.detach() - WEIGHT * gradient, atol=AMPLIFIED, rtol=1e-3
    )
    assert pulled.distances[0] == pytest.approx(distance.item(), rel=1e-4)


def test_eq_13_does_not_run_the_unet_for_its_gradient(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    grads: list[bool] = []
    original = BoundDiffusion.predict

    def counted(self: BoundDiffusion, views: Tensor, *rest: Any) -> Tensor:
        grads.append(torch.is_grad_enabled())
        return original(self, views, *rest)

    monkeypatch.setattr(BoundDiffusion, "predict", counted)
    run(tiny, synced(squeeze, compare="noisy"))
    assert grads
    assert not any(grads)


def test_the_gradient_agrees_with_finite_differences(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    denoiser, sync = bound(tiny), synced(squeeze)
    t = denoiser.timesteps[1]
    view, direction = noise(8), torch.nn.functional.normalize(noise(8, seed=7), dim=None)
    target = [part.detach() for part in squeeze.features(denoiser.decode(noise(8, seed=3)))]
    gradient_of = DistanceGradient(t, denoiser, sync, Batcher(1), target)
    gradient, *_ = gradient_of(view)
    step = 1e-3
    ahead, behind = (gradient_of(view + sign * step * direction)[1].item() for sign in (1, -1))
    slope = (gradient * direction).sum().item()
    # A longer step meets the kinks of ReLU and clipping, a shorter one float32's last digits.
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=0.05)


def test_a_thinned_step_moves_only_what_the_chosen_windows_and_the_anchor_cover(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    latent, grid = noise(40), plan_grid(8, 40, 8, 4)  # nine windows, the anchor is the fifth
    pulled, _, _ = pulled_once(tiny, synced(squeeze, every=4), latent, grid)
    changed = (pulled.canvas != latent).any(dim=1).any(dim=1)[0]
    lefts = [grid.windows[index].left for index in (0, 8)]
    expected = [any(left <= column < left + 8 for left in lefts) for column in range(40)]
    assert changed.tolist() == expected
    assert len(pulled.distances) == 2


@pytest.mark.parametrize("blend", get_args(Blend))
@pytest.mark.parametrize("every", [1, 2])
def test_the_canvas_moves_by_the_mean_of_the_chosen_windows_moves(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, every: int, blend: Blend
) -> None:
    """In the blend of the grid; and where others are left out, every view follows the canvas."""
    latent, grid = noise(24), replace(plan_grid(8, 24, 8, 4), blend=blend)  # five windows
    exact, _, _ = pulled_once(tiny, synced(squeeze), latent, grid)
    moves = exact.views - crop(latent, grid.windows)
    chosen = list(range(0, 5, every))
    move = average(moves[chosen], [grid.windows[i] for i in chosen], 8, 24, blend)
    pulled, _, _ = pulled_once(tiny, synced(squeeze, every=every), latent, grid)
    torch.testing.assert_close(pulled.canvas, latent + move, atol=BATCH_EFFECT, rtol=0)
    assert move.abs().max() > 20 * BATCH_EFFECT
    if every > 1:
        assert torch.equal(pulled.views, crop(pulled.canvas, grid.windows))


@pytest.mark.parametrize("gradient", ["exact", "cond", "x0"])
@pytest.mark.parametrize("scheduler", ["ddim", "dpmsolver++", "unipc"])
def test_every_gradient_works_with_every_scheduler_and_thinning(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, gradient: Any, scheduler: str
) -> None:
    sync = replace(synced(squeeze, weight=50.0), gradient=gradient, every=2)
    assert torch.isfinite(run(tiny, sync, latent=noise(24), scheduler=scheduler)).all()


def test_nan_stops_the_run_and_names_the_step(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    with pytest.raises(SyncPanoError, match="after step 1") as failed:
        run(tiny, Synchronization(squeeze, {1: float("inf")}))
    assert failed.value.exit_code == RUN_FAILED
    assert failed.value.hint


def test_reports_name_every_step_and_share_no_time(
    tiny: LatentDiffusion, squeeze: PerceptualLoss
) -> None:
    reports: list[StepReport] = []
    latent = run(tiny, synced(squeeze), report=reports.append)
    assert [report.step for report in reports] == list(range(STEPS))
    assert all(report.foreseen.shape == latent.shape for report in reports)
    assert all(report.sync_seconds > 0 and report.denoise_seconds > 0 for report in reports)


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Windows of every prediction, in the order in which they are asked for."""
    counts: list[int] = []
    original = BoundDiffusion.predict

    def counted(self: BoundDiffusion, views: Tensor, *rest: Any) -> Tensor:
        counts.append(len(views))
        return original(self, views, *rest)

    monkeypatch.setattr(BoundDiffusion, "predict", counted)
    return counts


def test_the_anchor_is_predicted_once_a_step(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, predicted: list[int]
) -> None:
    ahead = run(tiny, synced(squeeze))  # three windows
    assert predicted == [1, 2, 2] * STEPS  # the anchor, the others' gradients, the others' steps
    predicted.clear()
    run(tiny, synced(squeeze), batch=2, together=True)
    assert predicted == [1, 2, 2] * STEPS
    predicted.clear()
    along = run(tiny, synced(squeeze), batch=3, together=True)
    assert predicted == [3, 2] * STEPS
    torch.testing.assert_close(along, ahead, atol=BATCH_EFFECT, rtol=0)


@pytest.mark.parametrize("every", [1, 2])
def test_predict_once_denoises_with_what_the_gradient_was_taken_of(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, every: int
) -> None:
    latent, grid = noise(24), plan_grid(8, 24, 8, 4)  # five windows, the anchor is the third
    sync = synced(squeeze, predict_once=True, every=every)
    pulled, denoiser, t = pulled_once(tiny, sync, latent, grid)
    assert sorted(pulled.predictions) == ([0, 1, 2, 3, 4] if every == 1 else [0, 2, 4])
    views = views_of(latent, grid)
    for index, prediction in pulled.predictions.items():
        with torch.no_grad():
            expected = denoiser.predict(views[index], t)[0]
        torch.testing.assert_close(prediction, expected, atol=ROUNDING, rtol=ROUNDING)
    twice, _, _ = pulled_once(tiny, replace(sync, predict_once=False), latent, grid)
    assert torch.equal(pulled.canvas, twice.canvas)


def test_predict_once_asks_for_every_window_once_a_step(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, predicted: list[int]
) -> None:
    run(tiny, synced(squeeze, predict_once=True))  # three windows
    assert predicted == [1, 2] * STEPS


class OutOfMemoryAbove:
    """A function of views that runs out of memory above some number of windows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sizes: list[int] = []

    def __call__(self, views: Tensor) -> tuple[Tensor]:
        self.sizes.append(len(views))
        if len(views) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return (views * 2,)


@pytest.mark.parametrize(
    ("limit", "sizes"), [(8, [5]), (3, [5, 3, 2]), (1, [5, 3, 2, 1, 1, 1, 1, 1])]
)
def test_a_batch_that_does_not_fit_is_halved_for_good(
    limit: int, sizes: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    views, function, batcher = torch.arange(5.0), OutOfMemoryAbove(limit), Batcher(8)
    with caplog.at_level(logging.WARNING):
        (doubled,) = batcher(function, views)
    assert torch.equal(doubled, views * 2)
    assert function.sizes == sizes
    assert len(caplog.records) == sum(size > limit for size in sizes)


def out_of_memory(*_: object) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")


@pytest.mark.parametrize("compare", ["foreseen", "noisy"])
def test_the_anchor_stays_the_anchor_when_its_batch_does_not_fit(
    tiny: LatentDiffusion,
    squeeze: PerceptualLoss,
    compare: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    latent, grid = noise(24), plan_grid(8, 24, 8, 4)  # five windows
    sync = synced(squeeze, compare=compare)
    expected, *_ = pulled_once(tiny, sync, latent, grid)
    original = DistanceGradient.__call__
    monkeypatch.setattr(
        DistanceGradient,
        "__call__",
        lambda self, views: out_of_memory() if len(views) > 2 else original(self, views),
    )
    found, *_ = pulled_once(tiny, sync, latent, grid, together=True)
    assert torch.equal(found.views[grid.anchor], views_of(latent, grid)[grid.anchor][0])
    assert found.distances == pytest.approx(expected.distances, abs=AMPLIFIED)
    torch.testing.assert_close(found.views, expected.views, atol=BATCH_EFFECT, rtol=0)


def test_a_gradient_that_fails_at_its_end_has_not_met_the_anchor(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser = bound(tiny)
    gradient = DistanceGradient(denoiser.timesteps[1], denoiser, synced(squeeze), Batcher(1))
    original = torch.autograd.grad
    with monkeypatch.context() as patch:
        patch.setattr(
            torch.autograd,
            "grad",
            lambda *given: (out_of_memory if len(given) == 3 else original)(*given),
        )
        with pytest.raises(torch.OutOfMemoryError):
            gradient(torch.cat([noise(8), noise(8, seed=7)]))
    moved, distances, _ = gradient(torch.cat([noise(8), noise(8, seed=7)]))
    assert distances[0] == 0
    assert not moved[0].any()
    assert moved[1].any()


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "Invalid buffer size: 24.00 GiB",
    ],
)
def test_an_allocator_is_understood_whatever_it_calls_itself(words: str) -> None:
    assert is_out_of_memory(RuntimeError(words))


def test_a_single_window_that_does_not_fit_fails() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        Batcher(4)(OutOfMemoryAbove(0), torch.arange(5.0))


def test_other_errors_are_not_retried() -> None:
    def broken(views: Tensor) -> tuple[Tensor]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Batcher(4)(broken, torch.arange(5.0))
