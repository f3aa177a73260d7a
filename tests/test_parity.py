"""Equal to the published loop: its golden latents, and the paper's algorithm written plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from syncpano.batching import Batcher
from syncpano.drawing import to_image
from syncpano.losses.load import load_loss
from syncpano.losses.lpips import LPIPS
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import initial_noise
from syncpano.sampler import Batches, Synchronization, sample
from syncpano.schedule import sync_steps, sync_weights
from syncpano.windows import plan_grid
from tests.reference import Reference

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
# The published loop rounds in another order; w = 2000 amplifies that (see the goldens' README).
TOLERANCES = {"B_w0": 1e-3, "A_w2000": 0.1}
PIXEL_LEVELS = 2  # it truncates to 8 bits where we round
WITNESS = 5e-3  # the plain transliteration at w = 20: rounding, amplified in four steps
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not here")


def panorama(
    model: LatentDiffusion, loss: PerceptualLoss, latent: Tensor, case: dict[str, Any]
) -> Tensor:
    steps = sync_steps(case["steps"], case["f"], case["initial_steps"])
    sync = Synchronization(
        loss, sync_weights(case["w"], case["decay"], steps), case.get("compare", "foreseen")
    )
    grid = plan_grid(*latent.shape[-2:], model.window, case["stride_latent"])
    denoiser = model.bind(
        case["prompt"], case["negative_prompt"], case["guidance_scale"], case["steps"]
    )
    return sample(latent, denoiser, lambda _: grid, sync, Batches(Batcher(8), Batcher(1)))


@golden
@pytest.mark.parametrize("name", ["B_w0", pytest.param("A_w2000", marks=pytest.mark.slow)])
def test_golden_latents_and_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(GOLDEN / "torch_home"))
    cases = json.loads((GOLDEN / "cases.json").read_text())
    case = {**cases["common"], **cases["cases"][name]}
    source = resolve_source(str(GOLDEN / "tiny-sd"), download=False)
    model = load_model(source, "cpu", "float32")
    loss = load_loss("lpips-squeeze", device="cpu", source=model.source)
    noise = initial_noise(case["seed"], 4, case["height"] // 8, case["width"] // 8)
    latent = panorama(model, loss, noise, case)
    expected = torch.from_numpy(np.load(GOLDEN / f"{name}.latent.npy"))
    torch.testing.assert_close(latent, expected, atol=TOLERANCES[name], rtol=0)
    picture = np.asarray(to_image(model.decode_panorama(latent)), dtype=np.int16)
    reference = np.asarray(Image.open(GOLDEN / f"{name}.png"), dtype=np.int16)
    assert np.abs(picture - reference).max() <= PIXEL_LEVELS


CASE = {
    "prompt": "A waterfall",
    "negative_prompt": "fog",
    "guidance_scale": 7.5,
    "decay": 0.9,
    "steps": 4,
    "w": 20.0,
    "f": 4,
    "initial_steps": 4,
    "stride_latent": 2,
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"w": 0.0},
        {"f": 2},
        {"initial_steps": 2},
        {"compare": "noisy"},
        {"guidance_scale": 1.0},
        {"stride_latent": 8},
        {"height": 24, "width": 24, "stride_latent": 8},
    ],
    ids=str,
)
def test_equal_to_the_plain_transliteration(
    tiny_model: Path, tiny: LatentDiffusion, squeeze: LPIPS, changed: dict[str, Any]
) -> None:
    case = {"height": 8, "width": 16, **CASE, **changed}
    noise = initial_noise(1, 4, case["height"], case["width"])
    pipe = StableDiffusionPipeline.from_pretrained(
        tiny_model, safety_checker=None, low_cpu_mem_usage=False
    )
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        part.requires_grad_(False)
    witness = Reference(
        pipe,
        squeeze._network,  # the lpips package's own module
        case["prompt"],
        case["negative_prompt"],
        case["guidance_scale"],
        case["steps"],
        case["w"],
        case["decay"],
        case["f"],
        case["initial_steps"],
        case["stride_latent"],
        case.get("compare", "foreseen"),
    )
    latent = panorama(tiny, squeeze, noise, case)
    torch.testing.assert_close(latent, witness.sample(noise), atol=WITNESS, rtol=0)
    if case["w"]:  # the tolerance is far below what synchronisation does
        unsynchronised = panorama(tiny, squeeze, noise, {**case, "w": 0.0})
        assert (latent - unsynchronised).abs().max() > 10 * WITNESS
