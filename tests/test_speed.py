"""What makes a step fast changes no value beyond rounding."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from syncpano.batching import Batcher
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models import attention
from syncpano.models.attention import SizedAttention
from syncpano.models.card import read_card
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import Studio
from syncpano.sampler import Batches, DistanceGradient, Synchronization, synchronize
from syncpano.windows import plan_grid

ROUNDING = 1e-5
GRADIENT = 1e-6  # the gradients are of size 1e-3 here


def noise(count: int) -> torch.Tensor:
    return torch.randn((count, 4, 8, 8), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gradient", ["exact", "cond", "x0"])
@pytest.mark.parametrize("compare", ["foreseen", "noisy"])
def test_the_chain_rule_in_two_stages_is_the_gradient(
    tiny: LatentDiffusion, squeeze: PerceptualLoss, compare: str, gradient: str
) -> None:
    denoiser = tiny.bind("A waterfall")
    views, t = noise(3), denoiser.timesteps[20]
    target = squeeze.features(denoiser.decode(noise(1)))
    sync = Synchronization(squeeze, {}, compare, gradient)  # type: ignore[arg-type]
    for size in (1, 2):
        gradient_of = DistanceGradient(t, denoiser, sync, Batcher(size), target)
        found, distances, *_ = gradient_of(views)
        x = views.clone().requires_grad_()
        image = x
        if compare == "foreseen":
            image = denoiser.foresee(x, denoiser.predict(x, t, gradient), t)  # type: ignore[arg-type]
        distance = squeeze.distance(squeeze.features(denoiser.decode(image)), target)
        (expected,) = torch.autograd.grad(distance.sum(), x)
        torch.testing.assert_close(found, expected, atol=GRADIENT, rtol=1e-3)
        torch.testing.assert_close(distances, distance.detach(), atol=ROUNDING, rtol=1e-4)
        assert expected.abs().max() > 10 * GRADIENT


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_by_size_is_attention(
    tiny_model: Path, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(dtype).removeprefix("torch.")
    model = load_model(resolve_source(str(tiny_model), download=False), "cpu", name)
    denoiser = model.bind("A waterfall", guidance_scale=1.0)
    unet = model._parts.unet
    assert all(isinstance(p, SizedAttention) for p in unet.attn_processors.values())
    results = []
    for limit in (0, 10**9):
        monkeypatch.setitem(attention.PLAIN_LIMIT, dtype, limit)
        results.append(denoiser.predict(noise(2), denoiser.timesteps[20]))
    for processor in (AttnProcessor(), AttnProcessor2_0()):
        unet.set_attn_processor(processor)  # type: ignore[operator]
        results.append(denoiser.predict(noise(2), denoiser.timesteps[20]))
    tolerance = ROUNDING if dtype == torch.float32 else 0.1
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("dtype", "positions", "looked_at", "way"),
    [
        (torch.float32, 64, 64, "plain"),
        (torch.float32, 64, 65, "fused"),
        (torch.bfloat16, 4096, 128, "plain"),
        (torch.bfloat16, 4096, 129, "fused"),
        (torch.float16, 1, 1, "fused"),
    ],
)
def test_small_attention_is_plain_and_large_is_fused(
    dtype: torch.dtype, positions: int, looked_at: int, way: str
) -> None:
    by_size = SizedAttention()
    by_size._plain = lambda *_: "plain"  # type: ignore[assignment]
    by_size._fused = lambda *_: "fused"  # type: ignore[assignment]
    views, text = (torch.zeros((1, count, 1), dtype=dtype) for count in (positions, looked_at))
    assert by_size(None, views, text) == way  # type: ignore[comparison-overlap]


@pytest.mark.slow  # minutes: a compiler builds every kernel
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_model_paints_the_same(tiny_model: Path, squeeze_trunk: Path) -> None:
    config = PanoramaConfig(
        "A waterfall",
        model=str(tiny_model),
        width=96,
        height=64,
        steps=2,
        loss="lpips-squeeze",
        loss_weights=str(squeeze_trunk),
        device="cpu",
    )
    latents = [Studio().generate(replace(config, compile=c)).latent for c in (False, True)]
    torch.testing.assert_close(latents[1], latents[0], atol=1e-3, rtol=0)


def test_a_gain_stretches_the_move(tiny: LatentDiffusion, squeeze: PerceptualLoss) -> None:
    latent = torch.cat([*noise(2)], -1)[None]
    grid, denoiser = plan_grid(8, 16, 8, 4), tiny.bind("A waterfall")
    moves = []
    for gain in (1.0, 3.0):
        sync = Synchronization(squeeze, {}, gain=gain)
        t = denoiser.timesteps[20]
        with torch.no_grad():
            pulled = synchronize(latent, grid, t, 100.0, denoiser, sync, Batches())
        moves.append(pulled.canvas - latent)
    assert moves[0].abs().max() > 10 * ROUNDING
    torch.testing.assert_close(moves[1], 3 * moves[0], atol=ROUNDING, rtol=1e-3)


def test_no_gain_where_no_jacobian_is_left_out() -> None:
    """Eq. 13 does not pass the UNet, whatever `gradient` says."""
    config = PanoramaConfig("A waterfall", width=640, steps=1, compare="noisy", refine=False)
    studio = Studio()
    exact, x0 = (
        studio.generate(replace(config, gradient=gradient)).latent for gradient in ("exact", "x0")
    )
    assert torch.equal(exact, x0)


@pytest.mark.parametrize(("count", "size", "sizes"), [(20, 16, [10, 10]), (7, 3, [3, 2, 2])])
def test_batches_are_even(count: int, size: int, sizes: list[int]) -> None:
    seen: list[int] = []

    def keep(batch: torch.Tensor) -> tuple[torch.Tensor]:
        seen.append(len(batch))
        return (batch,)

    (joined,) = Batcher(size)(keep, torch.arange(count))
    assert torch.equal(joined, torch.arange(count))
    assert seen == sizes


@pytest.mark.parametrize(
    ("fact", "wrong"), [("temperature", (0, 1.5, "cold")), ("guided_share", (-0.1, 1.5, "half"))]
)
def test_a_card_tells_how_its_model_samples(
    tmp_path: Path, fact: str, wrong: tuple[object, ...]
) -> None:
    card = tmp_path / "pocket.json"
    card.write_text(json.dumps({fact: 0.75}))
    assert getattr(read_card(tmp_path), fact) == 0.75
    for value in wrong:
        card.write_text(json.dumps({fact: value}))
        with pytest.raises(SyncPanoError, match="damaged"):
            read_card(tmp_path)


@pytest.mark.parametrize("fact", ["gradient_gains", "loss_scales"])
def test_a_card_tells_factors(tmp_path: Path, fact: str) -> None:
    card = tmp_path / "pocket.json"
    card.write_text(json.dumps({fact: {"cond": 2}}))
    assert getattr(read_card(tmp_path), fact) == {"cond": 2.0}
    for wrong in ({"cond": "2"}, {"cond": 0}, [1]):
        card.write_text(json.dumps({fact: wrong}))
        with pytest.raises(SyncPanoError, match="damaged"):
            read_card(tmp_path)
