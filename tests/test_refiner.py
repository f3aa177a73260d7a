"""The pocket model's refiner, on the embedded model.

# C latent channels, h w a render's latent, W the panorama's columns
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.models.gradient_domain import ScreenedPoisson
from syncpano.models.load import load_model
from syncpano.models.patches import faded_together, patches_of, posterior_mean
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_refiner import PocketRefiner
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import Studio, initial_noise

ROUNDING = 1e-4
GREY = 0.05  # of the range [-1, 1]: what the eye takes for the same brightness


@dataclass(frozen=True)
class Pocket:
    """The embedded model and, to look inside, two of its parts."""

    model: LatentDiffusion
    vae: PocketAutoencoder
    refiner: PocketRefiner

    def refine(self, latent: Tensor, prompt: str, seed: int = 0, *, loop: bool = False) -> Tensor:
        noise = initial_noise(seed, *latent.shape[1:])
        return self.model.refine(latent, noise, prompt, loop=loop)

    def brightness(self, latent: Tensor) -> float:
        return float(self.vae.cell_colours(latent).mean())


@pytest.fixture(scope="module")
def pocket() -> Pocket:
    model = load_model(resolve_source("pocket", download=False), "cpu", "float32")
    vae = PocketAutoencoder.from_pretrained(POCKET_FOLDER / "vae").float()
    refiner = PocketRefiner.from_pretrained(POCKET_FOLDER / "refiner").float()
    return Pocket(model, vae.requires_grad_(False), refiner.requires_grad_(False))


@pytest.fixture(scope="module")
def grey(pocket: Pocket) -> Tensor:
    """The latent of a grey window, 1 C h h."""
    return pocket.vae.encode(torch.zeros(1, 3, 512, 512)).latent


# The solver


@given(ring=st.booleans(), height=st.integers(1, 5), width=st.integers(2, 7), seed=st.integers(0))
@settings(max_examples=30, deadline=None)
def test_a_field_comes_back_from_its_own_differences(
    ring: bool, height: int, width: int, seed: int
) -> None:
    """Only its mean is known from the base."""
    generator = torch.Generator().manual_seed(seed % 2**32)
    field = torch.randn(3, height, width, generator=generator)
    right, down = field.roll(-1, -1) - field, field.roll(-1, -2) - field
    base = field.mean((1, 2), keepdim=True).expand_as(field)
    solver = ScreenedPoisson(height, width, 1e-4, ring=ring)
    torch.testing.assert_close(solver.solve(right, down, base), field, atol=1e-2, rtol=0)


def test_a_heavy_screen_gives_the_base_and_borders_are_free() -> None:
    base = torch.randn(1, 4, 6)
    wrong = torch.full_like(base, 9.0)
    solved = ScreenedPoisson(4, 6, 1e6, ring=False).solve(wrong, wrong, base)
    torch.testing.assert_close(solved, base, atol=ROUNDING, rtol=0)
    # In the last column and row nothing is asked for, unless the columns wrap.
    flat = torch.zeros_like(base)
    odd = flat.clone()
    odd[..., -1] = 5.0
    free = ScreenedPoisson(4, 6, 0.1, ring=False).solve(odd, flat, flat)
    torch.testing.assert_close(free, flat, atol=ROUNDING, rtol=0)
    assert ScreenedPoisson(4, 6, 0.1, ring=True).solve(odd, flat, flat).abs().max() > 0.5


# Colours of cells


def test_colours_are_read_and_changed_as_they_are_seen(pocket: Pocket, grey: Tensor) -> None:
    torch.testing.assert_close(
        pocket.vae.cell_colours(grey), torch.zeros(1, 3, 16, 16), atol=GREY, rtol=0
    )
    change = torch.tensor([0.4, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    for changed in (
        grey + pocket.vae.colour_shift(change),
        pocket.vae.with_colours_changed(grey, change),
    ):
        seen = pocket.vae.decode(changed).sample.mean((2, 3))
        torch.testing.assert_close(seen, change[..., 0, 0], atol=GREY, rtol=0)


# The denoiser


def test_the_posterior_mean_is_bayes_rule_written_out() -> None:
    torch.manual_seed(0)
    alpha, height, count = torch.tensor(0.3), 2, 3
    query, keys = torch.randn(1, 4, height, 5), torch.randn(2, 4, height, count)
    values, prior = torch.randn(2, 3, height, count), torch.randn(5, 2)
    found = posterior_mean(query, alpha, keys, values, prior)
    for y in range(height):
        for x in range(5):
            weights, total = [], torch.zeros(3)
            for render in range(2):
                for column in range(count):
                    error = query[0, :, y, x] - alpha.sqrt() * keys[render, :, y, column]
                    likelihood = torch.exp(-error.square().sum() / (2 * (1 - alpha)))
                    weights.append(likelihood * prior[x, render].exp())
                    total += weights[-1] * values[render, :, y, column]
            torch.testing.assert_close(
                found[0, :, y, x], total / sum(weights), atol=ROUNDING, rtol=ROUNDING
            )


def test_a_taller_panorama_remembers_every_row_and_any_order_of_renders_is_the_same() -> None:
    torch.manual_seed(0)
    alpha = torch.tensor(0.9)
    keys, values = torch.randn(2, 8, 2, 3), torch.randn(2, 1, 2, 3)
    # The query is what the second row of the second render holds, in another place.
    query = alpha.sqrt() * keys[1, :, 1, 2].view(1, 8, 1, 1).expand(1, 8, 3, 1)
    prior = torch.zeros(1, 2)
    found = posterior_mean(query, alpha, keys, values, prior)
    assert found.shape == (1, 1, 3, 1)
    torch.testing.assert_close(found[0, 0, :, 0], values[1, 0, 1, 2].expand(3), atol=0.1, rtol=0)
    swapped = posterior_mean(query, alpha, keys.flip(0), values.flip(0), prior)
    torch.testing.assert_close(swapped, found, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("loop", [False, True])
def test_patches_that_agree_fade_into_the_picture_that_they_are_of(
    pocket: Pocket, loop: bool
) -> None:
    """Wider than what is decoded at once; in a loop the picture itself must be one."""
    picture = torch.nn.functional.interpolate(
        torch.randn(1, 3, 4, 33, generator=torch.Generator().manual_seed(0)),
        (512, 66 * 32),
        mode="bilinear",
    )
    latent = pocket.vae.encode(picture).latent
    pieces = patches_of(latent, 3, loop).view(64, 9, 16, 66)
    faded = faded_together(pieces, pocket.vae, loop=loop)
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    expected = pocket.vae.encode(pocket.vae.decode_linear(latent)).latent
    torch.testing.assert_close(faded[inner], expected[inner], atol=ROUNDING, rtol=0)
    # Around the join a loop sees both of its sides.
    rolled = patches_of(latent.roll(33, -1), 3, loop).view(64, 9, 16, 66)
    around = faded_together(rolled, pocket.vae, loop=loop).roll(-33, -1)
    difference = (around - faded)[..., [0, -1]].abs().max()
    assert (difference < ROUNDING) if loop else (difference > 10 * ROUNDING)


# The refiner


def test_a_memory_of_eight_bits_is_exact_to_half_a_step() -> None:
    latents = torch.randn(3, 4, 2, 5)
    refiner = PocketRefiner(3, 4, 2, 5, 6, {"b": 2, "a": 3}, {"a": 1.0, "b": 1.0})
    refiner.remember(latents, {"a": torch.tensor([0, 2, 1]), "b": torch.tensor([1, 0, 1])})
    recalled = refiner.memory.float() * refiner.scale[:, None, None]
    assert ((recalled - latents).abs() <= refiner.scale[:, None, None] * 0.501).all()
    assert refiner.classes.tolist() == [[0, 1], [2, 0], [1, 1]]  # by name, not as they were given


def test_a_remembered_render_under_little_noise_comes_back(pocket: Pocket) -> None:
    """Out of all that is remembered, and in its place."""
    refiner = PocketRefiner.from_pretrained(
        POCKET_FOLDER / "refiner", start=200, steps=4, candidates=pocket.refiner.config.renders
    ).float()
    latent = refiner.memory[5:6].float() * refiner.scale[:, None, None]
    noise = initial_noise(0, *latent.shape[1:])
    alpha_bars = torch.linspace(0.9999, 0.3, 1000)
    refined = refiner.refine(latent, noise, torch.zeros(1, 192), alpha_bars, pocket.vae)
    drawn, wanted = (pocket.vae.decode(z).sample.clamp(-1, 1) for z in (refined, latent))
    assert float((drawn - wanted).square().mean()) < 0.01


def test_the_prompt_chooses_what_is_remembered(pocket: Pocket, grey: Tensor) -> None:
    """From the same latent: other pictures, each in the palette that was sampled."""
    city, beach = (
        pocket.refine(grey, prompt)
        for prompt in ("a city skyline at night", "a beach with palm trees")
    )
    assert (city - beach).square().mean() > 0.3
    for latent in (city, beach):
        assert pocket.brightness(latent) == pytest.approx(0.0, abs=0.1)


def test_refining_keeps_the_palette_of_either_side(pocket: Pocket) -> None:
    """That is what synchronisation decides: where it differed it still does."""
    picture = torch.full((1, 3, 512, 2048), -0.6)
    picture[..., 1024:] = 0.5
    refined = pocket.refine(pocket.vae.encode(picture).latent, "A waterfall")
    left, right = refined[..., :20], refined[..., -20:]
    assert pocket.brightness(right) - pocket.brightness(left) > 0.7


def test_in_a_loop_every_column_is_like_any_other(pocket: Pocket) -> None:
    latent, noise = initial_noise(1, 64, 16, 24), initial_noise(2, 64, 16, 24)
    plain = pocket.model.refine(latent, noise, "A waterfall", loop=True)
    rolled = pocket.model.refine(latent.roll(7, -1), noise.roll(7, -1), "A waterfall", loop=True)
    # Sums in another order, through 19 steps.
    torch.testing.assert_close(rolled, plain.roll(7, -1), atol=0.02, rtol=0)
    opened = pocket.model.refine(latent, noise, "A waterfall")
    assert (opened - plain)[..., 0].abs().max() > 0.1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 18)])
def test_any_size_and_any_words_work(pocket: Pocket, height: int, width: int) -> None:
    refined = pocket.refine(initial_noise(0, 64, height, width), "a photo of a spaceship")
    assert refined.shape == (1, 64, height, width)
    assert refined.isfinite().all()


# In a run


def test_a_run_refines_unless_told_not_to() -> None:
    config = {"prompt": "A waterfall", "width": 512, "steps": 2, "sync_weight": 0.0}
    studio = Studio()
    refined, again = (studio.generate(PanoramaConfig(**config)) for _ in range(2))
    plain = studio.generate(PanoramaConfig(**config, refine=False))
    assert refined.log["image"]["sha256"] == again.log["image"]["sha256"]
    assert refined.log["image"]["sha256"] != plain.log["image"]["sha256"]
    assert refined.log["config"]["refine"] is True


def test_windows_on_their_own_are_refined_on_their_own(pocket: Pocket) -> None:
    config = {"prompt": "A waterfall", "steps": 2, "width": 1024, "method": "independent"}
    studio = Studio()
    refined, plain = (studio.generate(PanoramaConfig(**config, refine=r)) for r in (True, False))
    noise = initial_noise(0, 64, 16, 32)
    for window in (slice(0, 16), slice(16, 32)):
        alone = pocket.model.refine(plain.latent[..., window], noise[..., window], "A waterfall")
        torch.testing.assert_close(refined.latent[..., window], alone, atol=ROUNDING, rtol=0)


def test_a_model_without_a_refiner_is_left_alone(tiny_model: Path) -> None:
    config = {"prompt": "x", "model": str(tiny_model), "width": 128, "height": 64, "steps": 2}
    studio = Studio()
    with_it, without = (
        studio.generate(PanoramaConfig(**config, sync_weight=0.0, refine=refine))
        for refine in (True, False)
    )
    assert torch.equal(with_it.latent, without.latent)


def test_a_refiner_without_weights_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(POCKET_FOLDER, tmp_path / "pocket")
    (folder / "refiner" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(SyncPanoError, match="refiner has no weights"):
        resolve_source(str(folder), download=False)
