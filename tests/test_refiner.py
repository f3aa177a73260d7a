"""The pocket model's refiner, on the embedded model.

# C latent channels, h w a render's latent, W the panorama's columns
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.models.gradient_domain import ScreenedPoisson, differences_of, mean_differences
from syncpano.models.load import load_model
from syncpano.models.patches import faded_together, patches_of
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_refiner import PocketRefiner
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.models.stretches import REACH, Ways, cheapest_path, varied_path, with_seams
from syncpano.pipeline import Studio, initial_noise

ROUNDING = 1e-4
GREY = 0.05  # of the range [-1, 1]: what the eye takes for the same brightness


@dataclass(frozen=True)
class Pocket:
    """The embedded model and, to look inside, two of its parts."""

    model: LatentDiffusion
    vae: PocketAutoencoder
    refiner: PocketRefiner

    def refine(self, latent: Tensor, prompt: str, *, loop: bool = False) -> Tensor:
        return self.model.refine(latent, prompt, loop=loop)

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


def test_where_pieces_meet_their_opinions_are_averaged() -> None:
    """A field keeps its own differences; at the edge of two, each says half."""
    slopes = torch.arange(6.0).view(1, 1, 1, 6) * torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    own = differences_of(slopes)
    right, down = mean_differences(own[0])
    assert right[0, 0, :-1].tolist() == [1.0] * 5
    assert not down.any()
    pieced = torch.cat([own[0, ..., :3], own[1, ..., 3:]], -1)
    assert mean_differences(pieced)[0][0, 0, :-1].tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]


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


# Stretches


@given(seed=st.integers(0, 2**32 - 1), length=st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_the_cheapest_path_is_the_best_of_all(seed: int, length: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(1, 2, 1, 8, generator=generator)  # one picture of eight columns
    ways = Ways.between(pictures, 0.3 * torch.rand(8, 8, generator=generator), 0.2)
    prices = torch.rand(length, 8, generator=generator)
    price_of = {
        (int(source), target): float(price)
        for target in range(8)
        for source, price in zip(ways.sources[target], ways.prices[target], strict=True)
    }

    def total(path: tuple[int, ...]) -> float:
        steps = sum(price_of[step] for step in pairwise(path))
        return steps + sum(float(prices[i, s]) for i, s in enumerate(path))

    best = min(map(total, product(range(8), repeat=length)))
    assert total(tuple(cheapest_path(prices, ways).tolist())) == pytest.approx(best, abs=1e-5)


def test_going_on_is_free_and_a_change_keeps_room_for_its_seam() -> None:
    pictures = torch.randn(2, 3, 4, 16)
    ways = Ways.between(pictures, torch.full((32, 32), 7.0), 0.5)
    for target in range(32):
        for source, price in zip(ways.sources[target], ways.prices[target], strict=True):
            follows = int(source) + 1 == target and target % 16 != 0
            assert (float(price) == 0.0) == follows
            if not follows and price < 1e5:
                assert float(price) >= 7.0
                assert int(source) % 16 < 16 - REACH
                assert target % 16 >= REACH


def test_a_picture_that_differs_least_is_gone_on_in() -> None:
    """Of two, the one that continues what was left, cell by cell."""
    long = torch.randn(1, 3, 4, 32)
    pictures = torch.cat([long[..., :16], long[..., 6:22], torch.randn(1, 3, 4, 16)])
    ways = Ways.between(pictures, torch.full((48, 48), 1.0), 10.0)
    prices = torch.zeros(20, 48)
    prices[0] = 1e4
    prices[0, 2] = 0.0
    path = cheapest_path(prices, ways)
    seen = [(s % 16) + (6 if s >= 16 else 0) for s in path.tolist()]
    assert seen == list(range(2, 22))  # one change, and it cannot be seen


def test_a_ring_closes() -> None:
    pictures = torch.randn(3, 4, 4, 16)
    ways = Ways.between(pictures, torch.full((48, 48), 2.0), 0.1)
    prices = 20 * torch.rand(40, 48)
    path = cheapest_path(prices, ways, ring=True)
    into = ways.sources[path[0]].tolist()
    assert float(ways.prices[path[0], into.index(int(path[-1]))]) < 1e4


def test_a_varied_path_repeats_less() -> None:
    """A picture that fits everywhere, and one that fits nearly as well."""
    pictures = torch.zeros(2, 1, 1, 16)
    ways = Ways.between(pictures, torch.full((32, 32), 3.0), 1.0)
    prices = torch.cat([torch.zeros(24, 16), torch.full((24, 16), 0.1)], 1)
    once, varied = (
        varied_path(prices, ways, torch.arange(32), 10.0, rounds, ring=False) for rounds in (1, 6)
    )
    assert len(once.unique()) < 16
    assert len(varied.unique()) > len(once.unique())


def test_free_ways_cost_nothing_together() -> None:
    ways = Ways.between(torch.randn(1, 2, 2, 16), torch.full((16, 16), 3.0), 1.0)
    assert ways.total(torch.arange(16), ring=False) == 0.0
    assert ways.total(torch.arange(3, 12), ring=True) >= 3.0


def test_a_seam_runs_where_pictures_agree() -> None:
    """They agree in one cell of every row, one further from row to row."""
    pictures = torch.stack([torch.zeros(1, 4, 12), torch.ones(1, 4, 12)])
    for row, column in enumerate((4, 5, 6, 7)):
        pictures[1, :, row, column - 1 : column + 1] = 0
    path = torch.cat([torch.arange(6), 12 + torch.arange(6, 12)])
    picture, column = with_seams(path, pictures)
    assert column.tolist() == [list(range(12))] * 4
    for row, first in enumerate((4, 5, 6, 7)):
        assert picture[row].tolist() == [0] * first + [1] * (12 - first)


def test_a_seam_at_a_ring_s_ends_reaches_over_both() -> None:
    pictures = torch.stack([torch.zeros(1, 2, 24), torch.ones(1, 2, 24)])
    pictures[1, :, :, 9:11] = 0  # where the ring's end goes over into its start
    path = torch.cat([torch.arange(10, 16), 24 + torch.arange(4, 9)])
    closed, _ = with_seams(path, pictures, ring=True)
    opened, _ = with_seams(path, pictures)
    assert (opened[:, 0] == 0).all()
    assert (opened[:, -1] == 1).all()
    assert (closed[:, [0, 1, 2, -3, -2, -1]] != opened[:, [0, 1, 2, -3, -2, -1]]).any()


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


def test_a_memory_is_exact_to_half_a_step() -> None:
    latents = torch.randn(3, 6, 2, 5)
    weights = {"a": 1.0, "b": 1.0}
    refiner = PocketRefiner(3, 6, 2, 5, 6, {"b": 2, "a": 3}, weights, weights, coarse_channels=2)
    refiner.remember(latents, {"a": torch.tensor([0, 2, 1]), "b": torch.tensor([1, 0, 1])})
    largest = 3.5 * latents[:, 2:].std((0, 2, 3))[:, None, None]
    kept = torch.cat([latents[:, :2], latents[:, 2:].clamp(-largest, largest)], 1)
    recalled = refiner.recall(torch.tensor([2, 0]))
    step = refiner.scale[:, None, None]
    assert ((recalled - kept[[2, 0]]).abs() <= step * 0.501).all()
    assert (step[:2] < 0.05).all()
    assert (step[2:] < 0.8).all()
    assert refiner.classes.tolist() == [[0, 1], [2, 0], [1, 1]]  # by name, not as they were given


def test_a_remembered_render_comes_back(pocket: Pocket) -> None:
    """Out of all that is remembered: it fits itself, in palette and layout."""
    everything = pocket.refiner.config.renders
    refiner = PocketRefiner.from_pretrained(
        POCKET_FOLDER / "refiner", candidates=everything, palette_trust=1e4, layout_trust=1.0
    ).float()
    latent = refiner.recall(torch.tensor([5]))
    refined = refiner.refine(latent, torch.zeros(1, 192), pocket.vae)
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


def test_a_loop_has_no_seam_at_its_ends(pocket: Pocket) -> None:
    """The step over the ends is no larger than the largest of all others."""
    latent = initial_noise(1, 64, 16, 40)
    refined = pocket.refine(latent, "A waterfall", loop=True)
    steps = (refined.roll(-1, -1) - refined).square().mean((0, 1, 2))
    assert steps[-1] <= steps[:-1].max()
    assert not torch.equal(refined, pocket.refine(latent, "A waterfall"))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 18), (40, 20)])
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
    for window in (slice(0, 16), slice(16, 32)):
        alone = pocket.refine(plain.latent[..., window], "A waterfall")
        # The run may work in bfloat16, `pocket` works in float32.
        torch.testing.assert_close(refined.latent[..., window], alone, atol=0.05, rtol=0)


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
