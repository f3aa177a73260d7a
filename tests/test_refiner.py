"""The pocket model's refiner, on the embedded model.

# C latent channels, h w a render's latent, W the panorama's columns
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from syncpano.advice import about_attributes
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.models import pocket_refiner
from syncpano.models.albums import Album, as_file
from syncpano.models.cells import missing_colours, smooth
from syncpano.models.evidence import evidence as evidence_of
from syncpano.models.folder import read_json
from syncpano.models.gradient_domain import ScreenedPoisson, differences_of, mean_differences
from syncpano.models.load import load_model
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_refiner import THUMBNAIL, PocketRefiner, gumbel
from syncpano.models.quilt import joined, sewn, stacked
from syncpano.models.recalled import Recalled
from syncpano.models.refiner import Refiner
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.models.stretches import (
    REACH,
    Repetition,
    Stretch,
    Ways,
    cheapest_path,
    stretches_of,
    varied_path,
)
from syncpano.pipeline import Studio, initial_noise
from tests.conftest import Outcome

ROUNDING = 1e-4
GREY = 0.05  # of the range [-1, 1]: what the eye takes for the same brightness


@dataclass(frozen=True)
class Pocket:
    """The embedded model and, to look inside, two of its parts."""

    model: LatentDiffusion
    vae: PocketAutoencoder
    refiner: PocketRefiner

    def refine(self, latent: Tensor, prompt: str, **options: Any) -> Tensor:
        return self.model.refiner.draw(latent, prompt, **options)


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


def test_colours_of_cells_are_read_as_they_are_seen(pocket: Pocket) -> None:
    picture = torch.tensor([0.4, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 512, 512)
    colours = pocket.vae.cell_colours(pocket.vae.encode(picture).latent)
    torch.testing.assert_close(colours, picture[..., ::32, ::32], atol=GREY, rtol=0)


def test_a_thumbnail_is_encoded_like_its_picture(pocket: Pocket) -> None:
    """In the coarse channels, where a picture has nothing finer than the thumbnail shows."""
    small = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    large = small.repeat_interleave(THUMBNAIL, -1).repeat_interleave(THUMBNAIL, -2)
    torch.testing.assert_close(
        pocket.vae.encode_thumbnails(small, THUMBNAIL, 12),
        pocket.vae.encode(large).latent[:, :12],
        atol=1e-3,
        rtol=1e-3,
    )


# What a change costs


def test_a_change_costs_more_to_another_class_to_the_same_render_and_to_the_same_place() -> None:
    """Three renders of 20 columns and their mirror images; the third is of another class."""
    width, numbers = 20, torch.arange(60).view(3, 20)
    places = torch.cat([numbers, numbers.flip(1)]).flatten()
    classes = torch.tensor([[4], [4], [5]]).repeat(2, 1)
    nothing = torch.zeros(6, 1, 1, width)
    recalled = Recalled([], nothing, nothing, nothing, places, nothing, classes)
    first, second, third, mirror = 0, width, 2 * width, 3 * width
    costs = recalled.surcharge(torch.tensor([7.0]))
    assert costs.shape == (120, 120)
    assert torch.equal(costs, costs.T)
    prices = {
        60: [second, second + 11, second + width - 1],
        67: [third, third + width - 1],
        90: [12, width - 1, mirror, mirror + 7],  # the mirror image's first column is the last
        1000: [first, 11, mirror + 8, mirror + width - 1],
    }
    for price, columns in prices.items():
        assert costs[first, columns].tolist() == [price] * len(columns)
    assert costs[second - 1, second] == 60  # columns beside each other, and no near places


# Stretches


@given(seed=st.integers(0, 2**32 - 1), length=st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_the_cheapest_path_is_the_best_of_all(seed: int, length: int) -> None:
    """Of all that change no picture near the panorama's ends."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(1, 2, 1, 7, generator=generator)  # one picture of seven columns
    ways = Ways.between(pictures, 0.3 * torch.rand(7, 7, generator=generator), 0.01)
    prices = torch.rand(length, 7, generator=generator)
    price = torch.empty(7, 7).scatter_(0, ways.sources.T, ways.prices.T)  # from row to column
    only_onward = price.where(price == 0, 1e6)

    paths = torch.cartesian_prod(*[torch.arange(7)] * length)
    totals = prices[torch.arange(length), paths].sum(1)
    for place in range(1, length):
        inner = REACH <= place <= length - REACH
        totals += (price if inner else only_onward)[paths[:, place - 1], paths[:, place]]
    found = (paths == cheapest_path(prices, ways)).all(1)
    assert float(totals[found]) == pytest.approx(float(totals.min()), abs=1e-5)


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(16, 40))
@settings(max_examples=20, deadline=None)
def test_a_stretch_at_an_end_has_room_for_its_seam(seed: int, width: int) -> None:
    """Also where the path is drawn to another picture in every column."""
    generator = torch.Generator().manual_seed(seed)
    ways = Ways.between(torch.zeros(3, 1, 1, 16), torch.full((48, 48), 0.1), 1.0)
    prices = 100 * torch.rand(width, 48, generator=generator)
    path = varied_path(prices, ways, _again(48, 10.0), ring=False)
    stretches = stretches_of(path, 16, ring=False)
    assert stretches[0].length >= REACH
    assert stretches[-1].length >= REACH


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


def _again(columns: int, price: float, singles: Tensor | None = None) -> Repetition:
    if singles is None:
        singles = torch.zeros(columns, dtype=torch.bool)
    return Repetition(torch.arange(columns), price, singles, 1000.0)


@pytest.mark.parametrize(("ring", "least"), [(False, 32), (True, 28)])
def test_a_varied_path_repeats_little_where_as_much_is_remembered(ring: bool, least: int) -> None:
    """A picture that fits everywhere, and one that fits nearly as well."""
    pictures = torch.zeros(2, 1, 1, 24)
    ways = Ways.between(pictures, torch.full((48, 48), 3.0), 1.0)
    prices = torch.cat([torch.zeros(32, 24), torch.full((32, 24), 0.1)], 1)
    easy, varied = (
        varied_path(prices, ways, _again(48, price), ring=ring) for price in (0.0, 10.0)
    )
    assert len(easy.unique()) <= 24
    assert len(varied.unique()) >= least  # a ring leads back once


def test_where_little_is_remembered_a_varied_path_repeats_what_it_must() -> None:
    """One picture of 16 columns for a panorama of 40: a way has to lead back twice."""
    ways = Ways.between(torch.zeros(1, 1, 1, 16), torch.full((16, 16), 3.0), 1.0)
    path = varied_path(torch.zeros(40, 16), ways, _again(16, 10.0), ring=False)
    assert len(stretches_of(path, 16, ring=False)) >= 3
    assert torch.bincount(path, minlength=16).max() <= 4


@pytest.mark.parametrize("ring", [False, True])
def test_what_there_is_one_of_is_shown_once(ring: bool) -> None:
    """Four pictures of 24 columns, one of which is a moon's; a panorama needs three of them."""
    pictures, columns = 4, 4 * 24
    ways = Ways.between(torch.zeros(pictures, 1, 1, 24), torch.full((columns, columns), 3.0), 1.0)
    moon = torch.arange(columns) % 24 == 12
    shown = [
        int(moon[varied_path(torch.zeros(60, columns), ways, repetition, ring=ring)].sum())
        for repetition in (_again(columns, 10.0), _again(columns, 10.0, moon))
    ]
    assert shown[0] > 1
    assert shown[1] == 1


@pytest.mark.parametrize("ring", [False, True])
def test_stretches_are_runs_of_a_picture(ring: bool) -> None:
    """Pictures of 8 columns; in a ring the end may go on at the start."""
    path = torch.tensor([5, 6, 7, 8, 9, 2, 3, 4])
    open_ones = [Stretch(0, 5, 0, 3), Stretch(1, 0, 3, 2), Stretch(0, 2, 5, 3)]
    closed = [Stretch(1, 0, 3, 2), Stretch(0, 2, 5, 6)]
    assert stretches_of(path, 8, ring=ring) == (closed if ring else open_ones)


# The quilt


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_strips_of_one_picture_are_sewn_into_it() -> None:
    picture = _noise(3, 64, 900)
    strips = [picture[..., :400], picture[..., 208:700], picture[..., 508:]]
    torch.testing.assert_close(sewn(strips, 192, ring=False), picture)


def test_a_ring_of_strips_closes() -> None:
    """Turned by any amount, it is the same picture; the quilt begins with the first strip."""
    picture = _noise(3, 64, 900)
    around = torch.cat([picture, picture[..., :192]], -1)
    strips = [around[..., :400], around[..., 208:700], around[..., 508:]]
    torch.testing.assert_close(sewn(strips, 192, ring=True), picture)


def test_a_seam_runs_where_strips_agree() -> None:
    """They agree along a slanted line only, and change sides there."""
    left, right = torch.full((3, 128, 192), -0.5), torch.full((3, 128, 192), 0.5)
    line = 60 + torch.arange(128) // 2
    for row, column in enumerate(line.tolist()):
        left[:, row, column - 10 : column + 10] = 0
        right[:, row, column - 10 : column + 10] = 0
    seen = joined(left, right)
    for row in range(8, 120):
        change = int((seen[0, row] > 0.0).nonzero()[0])
        assert abs(change - int(line[row])) <= 14
    assert torch.equal(seen[..., 0], left[..., 0])
    assert torch.equal(seen[..., -1], right[..., -1])


def test_details_change_sides_at_once_and_light_slowly() -> None:
    """Fine stripes go over into stripes of the other sign, and dark into bright."""
    stripes = torch.tensor([0.3, -0.3]).repeat_interleave(2).repeat(48).expand(3, 64, 192)
    fine = joined(stripes, -stripes)
    mixed = (fine.abs() < 0.29).float().mean(1).sum(-1)
    assert mixed.max() <= 12
    dark = torch.full((3, 64, 192), -0.5)
    steps = joined(dark, -dark).diff(dim=-1)
    assert steps.max() < 1 / 40


@pytest.mark.parametrize("tops", [(0, 40), (0, 64), (0, 30, 60)])
def test_bands_of_one_picture_are_stacked_into_it(tops: tuple[int, ...]) -> None:
    """Overlapping they are the picture; touching, all but the rows in which they fade."""
    picture = _noise(3, tops[-1] + 64, 32)
    bands = [picture[:, top : top + 64] for top in tops]
    seen = stacked(bands, tops, 16)
    assert seen.shape == picture.shape
    overlap = tops[1] < 64
    exact = slice(None) if overlap else slice(None, 64 - 8)
    torch.testing.assert_close(seen[:, exact], picture[:, exact])
    assert overlap or not torch.allclose(seen, picture)


# The memory


def test_an_album_gives_its_pictures_back() -> None:
    """Each its own, whatever the others' sizes."""
    shades = [(20, 30), (200, 64), (90, 16)]
    pictures = [np.full((16, width, 3), shade, np.uint8) for shade, width in shades]
    files = [as_file(picture, 90) for picture in pictures]
    album = Album(len(files), sum(map(len, files)))
    album.fill(files)
    for index, (shade, width) in enumerate(shades):
        picture = album.picture(index)
        assert picture.shape == (3, 16, width)
        assert (picture.float() - shade).abs().max() <= 3


# The refiner


def test_classes_are_remembered_by_name() -> None:
    files = [as_file(np.zeros((16, 16, 3), np.uint8), 50)] * 3
    size, weights = sum(map(len, files)), {"a": 1.0, "b": 1.0}
    refiner = PocketRefiner(3, size, size, 2, 5, 6, {"b": 2, "a": 3}, weights, weights)
    classes = {"b": torch.tensor([1, 0, 1]), "a": torch.tensor([0, 2, 1])}
    suns = torch.eye(3, 5, dtype=torch.bool)
    refiner.remember(files, files, classes, suns)
    assert refiner.classes.tolist() == [[0, 1], [2, 0], [1, 1]]
    assert torch.equal(refiner.suns, suns)


def test_a_remembered_render_comes_back(pocket: Pocket) -> None:
    """Out of all that is remembered: it fits itself, in palette and layout."""
    everything = pocket.refiner.config.renders
    refiner = PocketRefiner.from_pretrained(
        POCKET_FOLDER / "refiner", candidates=everything, palette_trust=1e4, layout_trust=1.0
    ).float()
    render = refiner.pictures.picture(5)[None] / 127.5 - 1
    latent = pocket.vae.encode(render).latent
    drawn = refiner.refine(latent, torch.zeros(1, 192), pocket.vae)
    assert float((drawn - render).square().mean()) < 0.001


def test_the_judge_names_what_is_remembered(pocket: Pocket) -> None:
    prompts = {
        "waterfall": "A waterfall",
        "northern lights": "The northern lights",
        "castle": "A castle",
        "beach": "A beach with palm trees",
        "volcano": "A volcano",
        "lighthouse": "A lighthouse",
    }
    numbers = {name: number for number, name in pocket.model.refiner.subjects.items()}
    subjects = pocket.refiner.classes[:, list(pocket.refiner.readers).index("subject")].tolist()
    judge = PocketFeatures.of_model("pocket", "cpu")
    first = [subjects.index(numbers[name]) for name in prompts]
    crops = torch.stack([_render(pocket, index) for index in first])
    fits = torch.tensor([judge.prompt_fit(crops, prompt) for prompt in prompts.values()])
    assert fits.diagonal().min() > 80  # of 100
    assert fits.argmax(0).tolist() == list(range(len(prompts)))


def _render(pocket: Pocket, index: int) -> Tensor:
    """The left window of a remembered render, 3 512 512."""
    return pocket.refiner.pictures.picture(index)[..., :512] / 127.5 - 1


def test_a_wide_panorama_of_one_light_shows_few_places_twice(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column of 6144 pixels asks for the same, the mean column of a render of 3072."""
    render = pocket.refiner.pictures.picture(5)[None] / 127.5 - 1
    column = pocket.vae.encode(render).latent.mean(-1, keepdim=True)
    places, _ = _shown(pocket, column.expand(-1, -1, -1, 192), "A waterfall", monkeypatch)
    assert len(places.unique()) > 0.7 * 192


def test_a_wide_night_has_one_moon(pocket: Pocket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each render of shooting stars shows one, and 9216 pixels take three renders at least."""
    dreams = "Silhouette wallpaper of a dreamy scene with shooting stars"
    _, suns = _shown(pocket, initial_noise(1, 64, 16, 288), dreams, monkeypatch)
    starts = suns & ~suns.roll(1)
    assert int(starts.sum()) == 1


def _shown(
    pocket: Pocket, latent: Tensor, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Tensor, Tensor]:
    """Which place of a render every column of a refined latent shows, and whether it has a sun."""
    laid: list[tuple[Tensor, Tensor]] = []

    def watched(prices: Tensor, ways: Ways, repetition: Repetition, *, ring: bool) -> Tensor:
        path = varied_path(prices, ways, repetition, ring=ring)
        laid.append((repetition.places[path], repetition.singles[path]))
        return path

    monkeypatch.setattr(pocket_refiner, "varied_path", watched)
    pocket.refine(latent, prompt)
    (shown,) = laid
    return shown


def test_the_prompt_chooses_what_is_remembered(pocket: Pocket, grey: Tensor) -> None:
    """From the same latent: other pictures, each in the palette that was sampled."""
    city, beach = (
        pocket.refine(grey, prompt)
        for prompt in ("a city skyline at night", "a beach with palm trees")
    )
    assert (city - beach).square().mean() > 0.03
    for picture in (city, beach):
        assert float(picture.mean()) == pytest.approx(0.0, abs=0.1)


def test_refining_keeps_the_palette_of_either_side(pocket: Pocket) -> None:
    """That is what synchronisation decides: where it differed it still does."""
    picture = torch.full((1, 3, 512, 2048), -0.6)
    picture[..., 1024:] = 0.5
    refined = pocket.refine(pocket.vae.encode(picture).latent, "A waterfall")
    left, right = refined[..., :640], refined[..., -640:]
    assert float(right.mean() - left.mean()) > 0.7


def test_a_loop_has_no_seam_at_its_ends(pocket: Pocket) -> None:
    """The step over the ends is no larger than the largest of all others."""
    latent = initial_noise(1, 64, 16, 40)
    refined = pocket.refine(latent, "A waterfall", loop=True)
    steps = (refined.roll(-1, -1) - refined).square().mean((0, 1, 2))
    assert steps[-1] <= steps[:-1].max()
    assert not torch.equal(refined, pocket.refine(latent, "A waterfall"))


def test_a_loop_comes_back_to_the_light_that_it_starts_in(pocket: Pocket) -> None:
    """Sampled from dark to bright: the colours of cells and the solved field go around too."""
    ramp = torch.linspace(-0.7, 0.6, 1280).expand(1, 3, 512, 1280)
    refined = pocket.refine(pocket.vae.encode(ramp).latent, "A waterfall", loop=True)
    sky = refined[..., :64, :]  # below it may be a fall on one side and a rock on the other
    assert (sky[..., -32:].mean() - sky[..., :32].mean()).abs() < 0.1
    assert sky[..., :640].mean() < sky[..., 640:].mean() - 0.1


def test_every_band_of_a_tall_panorama_is_drawn_from_what_was_sampled_there(
    pocket: Pocket,
) -> None:
    """Two renders one above the other: the lower one is drawn as if it stood alone."""
    above, below = (pocket.vae.encode(_render(pocket, i)[None]).latent for i in (5, 200))
    tall = pocket.refine(torch.cat([above, below], -2), "A waterfall")
    alone = pocket.refine(below, "A waterfall")
    assert (tall[:, :, 768:] - alone[:, :, 256:]).abs().mean() < GREY


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 18), (40, 20)])
def test_any_size_and_any_words_work(pocket: Pocket, height: int, width: int) -> None:
    refined = pocket.refine(initial_noise(0, 64, height, width), "a photo of a spaceship")
    assert refined.shape == (1, 3, 32 * height, 32 * width)
    assert refined.isfinite().all()
    assert refined.abs().max() <= 1


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
    config |= {"negative_prompt": ""}  # as below
    studio = Studio()
    refined, plain = (studio.generate(PanoramaConfig(**config, refine=r)) for r in (True, False))
    pixels = np.asarray(refined.image, dtype=np.float32)
    generator = torch.Generator().manual_seed(0)
    for left in (0, 16):
        window = plain.latent[..., left : left + 16]
        alone = pocket.refine(window, "A waterfall", generator=generator)
        wanted = (alone[0].permute(1, 2, 0).numpy() + 1) * 127.5
        seen = pixels[:, 32 * left : 32 * (left + 16)]
        # The run may work in bfloat16, `pocket` works in float32.
        assert np.abs(seen - wanted).mean() < 3


def test_windows_on_their_own_are_decoded_on_their_own(
    tiny: LatentDiffusion, tiny_model: Path
) -> None:
    painted = Studio().generate(
        PanoramaConfig(
            "A lake", model=str(tiny_model), method="independent", width=128, height=64, steps=2
        )
    )
    pixels = np.asarray(painted.image, dtype=np.float32)
    for left in (0, 8):
        alone = tiny.decode_panorama(painted.latent[..., left : left + 8])
        wanted = (alone[0].permute(1, 2, 0).clamp(-1, 1).numpy() + 1) * 127.5
        assert np.abs(pixels[:, 8 * left : 8 * (left + 8)] - wanted).max() < 0.51


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


def test_a_pillow_without_avif_is_named_before_weights_load_and_needed_by_the_refiner_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    config = PanoramaConfig("a lake", width=512, steps=1, sync_weight=0.0)
    studio = Studio()
    with monkeypatch.context() as nothing_loads:
        nothing_loads.delattr("syncpano.pipeline.load_model")
        with pytest.raises(SyncPanoError, match="cannot read AVIF") as error:
            studio.generate(config)
    assert "`--no-refine`" in (error.value.hint or "")
    assert studio.generate(replace(config, refine=False)).image.size == (512, 512)


def test_a_refiner_that_cannot_be_loaded_is_named_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise SyncPanoError("refiner of pocket cannot be loaded")

    monkeypatch.setattr("syncpano.models.stable_diffusion.load_refiner", broken)
    steps: list[object] = []
    config = PanoramaConfig("a lake", width=512, steps=1, sync_weight=0.0)
    with pytest.raises(SyncPanoError, match="cannot be loaded"):
        Studio().generate(config, on_step=steps.append)
    assert not steps


def test_cells_become_pixels_bicubically() -> None:
    cells, factor = torch.rand((3, 4, 7), generator=torch.Generator().manual_seed(0)), 8
    bordered = F.pad(cells[None], (2, 2, 2, 2), mode="replicate")
    pixels = F.interpolate(bordered, scale_factor=factor, mode="bicubic")[0]
    assert torch.allclose(smooth(cells, factor), pixels[:, 16:-16, 16:-16], atol=1e-5)


SKY, GROUND = 0.2, -0.98  # dark ground below a sky, in [-1, 1]


def _backlit_scene() -> Tensor:
    """3 H W."""
    own = torch.full((3, 16, 24), SKY)
    own[:, 10:] = GROUND
    return own


@pytest.mark.parametrize("ring", [False, True])
def test_against_the_light_the_sky_alone_takes_colours(ring: bool) -> None:
    own = _backlit_scene()
    sampled = own + torch.tensor([0.2, -0.1, 0.4])[:, None, None]
    missing = missing_colours(own, sampled, (1.0, 4.0), ring=ring, backlit=True)
    torch.testing.assert_close(missing[:, :10], (sampled - own)[:, :10], atol=0.01, rtol=0)
    assert missing[:, 10:].abs().max() < 0.01
    # In any other light the ground takes them as well.
    everywhere = missing_colours(own, sampled, (1.0, 4.0), ring=ring)
    torch.testing.assert_close(everywhere, sampled - own)


def test_a_green_ground_does_not_green_the_sky_against_the_light() -> None:
    own = _backlit_scene()
    sampled = own.clone()
    sampled[1, 10:] = 0.5
    plain, backlit = (
        missing_colours(own, sampled, (1.0, 4.0), ring=False, backlit=backlit)
        for backlit in (False, True)
    )
    assert plain[1, 9].min() > 0.3
    assert backlit.abs().max() < 0.01


@pytest.mark.parametrize("brightness", [-1.0, -0.99])
def test_a_picture_without_light_takes_no_colours_and_stays_finite(brightness: float) -> None:
    own = torch.full((3, 4, 6), -1.0)
    own[:, 0, 0] = brightness
    missing = missing_colours(own, own + 0.5, (1.0, 4.0), ring=False, backlit=True)
    assert missing.isfinite().all()
    assert not missing[:, 1:].any()


def test_what_is_dark_in_a_silhouette_stays_dark(
    pocket: Pocket, grey: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sampled grey all over."""
    silhouette, photo = (f"{style} of a castle at sunset" for style in ("silhouette", "photo"))
    refine = pocket.model.refiner.network.refine
    drawn = pocket.refine(grey, silhouette)
    seen = []

    def in_any_light(*arguments: Any, backlit: bool, **options: Any) -> Tensor:
        seen.append(backlit)
        return refine(*arguments, backlit=False, **options)

    monkeypatch.setattr(pocket.model.refiner.network, "refine", in_any_light)
    greyed = pocket.refine(grey, silhouette)
    pocket.refine(grey, photo)
    assert seen == [True, False]
    ground, grey_ground = (float(picture.mean(1).quantile(0.2)) for picture in (drawn, greyed))
    assert ground < -0.75 < grey_ground - 0.1


# What a prompt names


@pytest.mark.parametrize(
    ("prompt", "head", "named"),
    [
        ("mountains in autumn", "season", 2),
        ("a castle in winter", "season", 3),
        ("a lighthouse in falling snow", "weather", 3),
    ],
)
def test_a_season_or_weather_that_the_prompt_names_is_laid_whatever_was_sampled(
    pocket: Pocket, prompt: str, head: str, named: int
) -> None:
    """What was sampled is a render of the same subject, of another season or weather."""
    network = pocket.model.refiner.network
    assert isinstance(network, PocketRefiner)
    text = pocket.model._embed([prompt])[0]
    column = list(network.readers).index(head)
    likeliest = network._evidence(text).topk(36).indices
    other = next(int(i) for i in likeliest.flip(0) if network.classes[i, column] != named)
    latent = pocket.vae.encode(_render(pocket, other)[None]).latent
    laid = _laid(pocket, network, latent, text)
    assert {int(network.classes[index, column]) for index in laid} == {named}


def test_autumn_is_without_snow_unless_the_prompt_names_both(pocket: Pocket) -> None:
    words = read_json(POCKET_FOLDER / "pocket.json")["class_words"]
    assert isinstance(words, dict)
    winter, snow = list(words["season"]).index("winter"), list(words["weather"]).index("snow")
    network = pocket.model.refiner.network
    assert isinstance(network, PocketRefiner)
    season, weather = (list(network.readers).index(name) for name in ("season", "weather"))
    subject = list(network.readers).index("subject")
    for prompt, has_snow in (
        ("a castle in autumn", False),
        ("a castle in autumn in snowfall", True),
        ("a castle in winter", True),
        ("a castle", True),
    ):
        text = pocket.model._embed([prompt])[0]
        evidence = network._evidence(text)
        mine = network.classes[:, subject] == network.classes[evidence.argmax(), subject]
        best = network.classes[mine & (network.classes[:, weather] == snow)]
        gap = evidence.max() - evidence[mine & (network.classes[:, weather] == snow)].max()
        assert (gap < 500) == has_snow, prompt
        assert winter in best[:, season]


def test_without_a_season_in_the_prompt_what_was_sampled_decides(pocket: Pocket) -> None:
    network = pocket.model.refiner.network
    assert isinstance(network, PocketRefiner)
    text = pocket.model._embed(["mountains"])[0]
    column = list(network.readers).index("season")
    likeliest = network._evidence(text).topk(36).indices
    seasons = set()
    for index in likeliest[::6].tolist():
        latent = pocket.vae.encode(_render(pocket, index)[None]).latent
        seasons |= {int(network.classes[i, column]) for i in _laid(pocket, network, latent, text)}
    assert len(seasons) > 1


@pytest.mark.parametrize(
    "prompt", ["castle in the fog in summer, cartoon", "a village under clouds in spring, cartoon"]
)
def test_a_sure_subject_is_painted_where_it_has_no_picture_of_all_that_is_named(
    pocket: Pocket, prompt: str
) -> None:
    network = pocket.model.refiner.network
    assert isinstance(network, PocketRefiner)
    text = pocket.model._embed([pocket.model.card.read(prompt).text])[0]
    classes = network.classes[:, list(network.readers).index("subject")]
    subject = int(network.readers["subject"](text.mean(0)).argmax())
    count = int((classes == subject).sum())
    assert set(classes[network._evidence(text).topk(count).indices].tolist()) == {subject}


@pytest.mark.parametrize(
    ("prompt", "head"),
    [("A waterfall in autumn", "style"), ("snowy mountains", "subject")],
)
def test_the_likeliest_style_and_subject_are_laid_whatever_was_sampled(
    pocket: Pocket, prompt: str, head: str
) -> None:
    """What was sampled is a cartoon, or skiers, whom snowy mountains nearly mean."""
    network = pocket.model.refiner.network
    assert isinstance(network, PocketRefiner)
    text = pocket.model._embed([prompt])[0]
    classes = network.classes[:, list(network.readers).index(head)]
    likeliest = int(network.readers[head](text.mean(0)).argmax())
    meant = network._evidence(text).topk(60).indices
    other = next(int(index) for index in meant if classes[index] != likeliest)
    latent = pocket.vae.encode(_render(pocket, other)[None]).latent
    laid = _laid(pocket, network, latent, text)
    assert {int(classes[index]) for index in laid} == {likeliest}


def _laid(
    pocket: Pocket,
    network: PocketRefiner,
    latent: Tensor,
    text: Tensor,
    avoided: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> set[int]:
    """Renders of which a window consists."""
    with torch.no_grad():
        colours = pocket.vae.cell_colours(latent, loop=False)
        band = network._plan(latent, colours, network._evidence(text, avoided), pocket.vae, False)
    return {band.renders[stretch.picture][0] for stretch in band.stretches}


def test_a_prompt_without_a_subject_is_said_to_be_unclear(
    cli: Callable[..., Outcome],
) -> None:
    quick = ("--w", 0, "--steps", 1, "--width", 512)
    unclear = cli("generate", "!!!", *quick, "-o", "a.png")
    assert "pocket cannot tell what this shows and paints: " in unclear.err
    assert "(of alley, anime landscape, beach, " in unclear.err
    assert "cannot tell" not in cli("generate", "a castle", *quick, "-o", "b.png").err
    assert "cannot tell" not in cli("generate", "!!!", *quick, "--no-refine", "-o", "c.png").err


@pytest.mark.parametrize(
    ("negative", "name", "number"),
    [
        ("snow, blurry", "weather", 3),
        ("winter", "weather", 3),
        ("snow", "season", 3),
        ("Fog", "weather", 2),
    ],
)
def test_what_a_negative_prompt_names_is_laid_only_for_want_of_others(
    pocket: Pocket, negative: str, name: str, number: int
) -> None:
    network, card = pocket.model.refiner.network, pocket.model.card
    assert isinstance(network, PocketRefiner)
    (text,) = pocket.model._embed(["a castle"])
    plain = network._evidence(text)
    evidence = network._evidence(text, card.vocabulary.avoided("a castle", negative))
    column = list(network.readers).index(name)
    shows = network.classes[:, column] == number
    assert (plain - evidence)[shows].min() > 300
    # What is not named costs what it did, and no other subject is laid for that.
    castles = network.classes[:, list(network.readers).index("subject")] == 4
    assert evidence[castles].max() == plain[castles & (evidence == plain)].max()
    assert evidence[castles & shows].max() > evidence[~castles].max()
    assert torch.equal(network._evidence(text, {}), plain)


def test_a_strange_palette_is_no_reason_to_lay_what_is_avoided(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in white nothing looks like a railway, but one in fog or snow."""
    network, avoided = pocket.model.refiner.network, {"weather": {2, 3}, "season": {3}}
    assert isinstance(network, PocketRefiner)
    (text,) = pocket.model._embed(["A top view of a single railway by day"])
    white = pocket.vae.encode(torch.full((1, 3, 512, 512), 0.9)).latent

    def weathers() -> set[int]:
        laid = _laid(pocket, network, white, text, avoided)
        return set(network.classes[sorted(laid), list(network.readers).index("weather")].tolist())

    assert weathers().isdisjoint({2, 3})
    monkeypatch.setattr(pocket_refiner, "_STRANGE", 1e9)
    assert weathers() <= {2, 3}


def test_clouds_and_fog_are_laid_for_less_where_a_weather_is_named() -> None:
    classes = {"subject": torch.zeros(4, dtype=torch.int64), "weather": torch.arange(4)}
    trust = {"subject": 100.0, "weather": 3.0}

    def meant(*weathers: float) -> list[float]:
        chances = {"subject": torch.zeros(1), "weather": torch.tensor(weathers).log()}
        found = evidence_of(chances, classes, trust, 100.0, {})
        return (found - found[0]).tolist()

    assert meant(0.25, 0.25, 0.25, 0.25) == pytest.approx([0, -60, -60, 0])
    assert meant(0.01, 0.01, 0.97, 0.01)[2] == pytest.approx(800 + 100 * math.log(0.97), rel=1e-3)


def test_what_no_render_shows_is_not_taken_for_named() -> None:
    """As snow, where only beaches and deserts are remembered."""
    classes = {"subject": torch.zeros(3, dtype=torch.int64), "weather": torch.arange(3)}
    chances = {"subject": torch.zeros(1), "weather": torch.full((4,), 0.25).log()}
    found = evidence_of(chances, classes, {"subject": 100.0, "weather": 3.0}, 100.0, {})
    assert (found - found[0]).tolist() == pytest.approx([0, -60, -60])


def test_a_weather_that_is_named_is_worth_more_than_what_is_avoided() -> None:
    """A foggy harbour at night: fog in a winter, where there is no other, and no clear spring."""
    classes = {
        "subject": torch.zeros(4, dtype=torch.int64),
        "season": torch.tensor([3, 0, 0, 0]),
        "weather": torch.tensor([2, 0, 1, 3]),
    }
    trust = {"subject": 100.0, "season": 3.0, "weather": 3.0}

    def fog_in_winter_before_a_clear_spring(weathers: Tensor) -> float:
        chances = {
            "subject": torch.zeros(1),
            "season": torch.full((4,), 0.25).log(),
            "weather": weathers.log(),
        }
        winter, spring, *_ = evidence_of(chances, classes, trust, 100.0, {"season": {3}}).tolist()
        return winter - spring

    assert fog_in_winter_before_a_clear_spring(torch.tensor([0.05, 0.03, 0.9, 0.02])) > 300
    assert fog_in_winter_before_a_clear_spring(torch.tensor([0.25, 0.25, 0.25, 0.25])) < -400


def test_an_hour_that_is_named_is_laid_whatever_was_sampled_but_noon() -> None:
    """For less than a weather costs; a day's light has many hours."""
    clear = torch.zeros(5, dtype=torch.int64)
    classes = {"subject": clear, "time": torch.arange(5), "weather": clear}
    trust = {"subject": 100.0, "time": 8.0, "weather": 3.0}

    def least_before_others(hour: int) -> float:
        hours = F.one_hot(torch.tensor(hour), 5) * 0.95 + 0.01
        weathers = torch.full((4,), 0.25)
        chances = {"subject": torch.zeros(1), "time": hours.log(), "weather": weathers.log()}
        found = evidence_of(chances, classes, trust, 100.0, {})
        return float((found[hour] - found[torch.arange(5) != hour]).min())

    noon = 1
    for hour in range(5):
        least = least_before_others(hour)
        assert least < 50 if hour == noon else 350 < least < 450


def test_a_style_that_is_named_is_worth_more_than_what_is_avoided() -> None:
    """Fog in anime instead of a photo, which a photo without a name for its style is not."""
    classes = {
        "subject": torch.zeros(2, dtype=torch.int64),
        "style": torch.tensor([0, 2]),
        "weather": torch.tensor([0, 2]),
    }
    trust = {"subject": 100.0, "style": 60.0, "weather": 3.0}

    def anime_in_fog_before_a_photo(style: int) -> float:
        styles = F.one_hot(torch.tensor(style), 4) * 0.96 + 0.01
        weathers = torch.tensor([0.25, 0.25, 0.25, 0.25])
        chances = {"subject": torch.zeros(1), "style": styles.log(), "weather": weathers.log()}
        photo, anime = evidence_of(chances, classes, trust, 100.0, {"weather": {2}}).tolist()
        return anime - photo

    assert anime_in_fog_before_a_photo(style=2) > 500
    assert anime_in_fog_before_a_photo(style=0) < -500


def test_seeds_choose_between_renders_that_fit(
    pocket: Pocket, grey: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same latent under eight seeds: several pictures, each the same every time."""
    laid: list[frozenset[int]] = []
    plan = PocketRefiner._plan

    def watched(*arguments: Any) -> Any:
        band = plan(*arguments)
        laid.append(frozenset(band.renders[stretch.picture][0] for stretch in band.stretches))
        return band

    monkeypatch.setattr(PocketRefiner, "_plan", watched)

    def drawn(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return pocket.model.refiner.draw(grey, "a castle by day", generator=generator)

    pictures = [drawn(seed) for seed in range(8)]
    assert torch.equal(drawn(3), pictures[3])
    assert laid.pop() == laid[3]
    assert len(set(laid)) >= 3
    columns = list(pocket.refiner.readers)
    classes = pocket.refiner.classes[[index for renders in laid for index in renders]]
    subjects = classes[:, columns.index("subject")].tolist()
    assert {pocket.model.refiner.subjects[subject] for subject in subjects} == {"castle"}
    assert set(classes[:, columns.index("style")].tolist()) == {0}


def test_noise_of_gumbel_draws_by_softmax() -> None:
    chances = torch.tensor([0.6, 0.3, 0.1])
    generator = torch.Generator().manual_seed(0)
    count = 20_000
    noise = gumbel(count * 3, generator).view(count, 3)
    drawn = (chances.log() + noise).argmax(1).bincount() / count
    torch.testing.assert_close(drawn, chances, atol=0.02, rtol=0)


def test_windows_on_their_own_choose_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By one generator, which the seed begins."""
    states = []

    def refine(self: PocketRefiner, latent: Tensor, *_: Any, **options: Any) -> Tensor:
        states.append(torch.rand(1, generator=options["generator"]).item())
        return torch.zeros(1, 3, 512, latent.shape[-1] * 32)

    monkeypatch.setattr(PocketRefiner, "refine", refine)
    config = PanoramaConfig("a castle", width=1024, method="independent", steps=1)
    for seed in (0, 0, 1):
        Studio().generate(replace(config, seed=seed))
    assert states[:2] == states[2:4]
    assert len(set(states)) == 4


def test_only_pictures_of_the_subject_that_is_named_are_laid(pocket: Pocket) -> None:
    """Where the network would read another one."""
    model = pocket.model
    network, prompt = model.refiner.network, "city in the snow in winter"
    (text,) = model._embed([prompt])
    (village,), _ = network.likeliest_subjects(text[None])
    (city,) = (n for n, name in model.refiner.subjects.items() if name == "city skyline")
    assert village != city
    mine = network.classes[:, list(network.readers).index("subject")] == city
    evidence = network._evidence(text, subject=city)
    assert evidence[mine].min() > evidence[~mine].max() + 1000
    latent = initial_noise(0, 64, 16, 32)
    told = network.refine(latent, text, pocket.vae, subject=city)
    torch.testing.assert_close(model.refiner.draw(latent, prompt), told)
    assert not torch.equal(network.refine(latent, text, pocket.vae), told)


def test_a_subject_that_its_readers_do_not_know_yet_is_read_like_any_word(
    pocket: Pocket, grey: Tensor
) -> None:
    """After little training the longest caption of one is taken for another."""
    trained = pocket.model.refiner
    refiner = Refiner(trained.network, pocket.vae, pocket.model.card, pocket.model._embed)
    known = {number: name for number, name in trained.subjects.items() if name != "castle"}
    refiner.__dict__["subjects"] = known
    subject, _ = refiner.subject_of("a castle")
    assert subject == ""
    assert refiner.subject_of("a beach") == ("beach", 1.0)
    assert refiner.draw(grey, "a castle").shape == (1, 3, 512, 512)


def test_what_the_prompt_itself_names_is_not_avoided(pocket: Pocket) -> None:
    avoided = pocket.model.card.vocabulary.avoided("A castle at night", "dark, Fog, cartoon")
    assert avoided == {"weather": {2}, "style": {1}}


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("A desert in winter", "has no picture of this: desert, winter"),
        ("A rock concert at noon", "has no picture of this: concert, noon"),
        ("Snowy mountains, cartoon", "has no picture of all of this: mountains, snow, cartoon"),
        ("A concert in fog", "has no picture of this: concert, fog"),
        ("A city in the snow", None),
        ("A castle in fog", None),
        ("A rock concert in winter", "has no picture of this: concert, winter"),
        ("A castle at dawn in winter", None),
        ("A concert with bright lights", None),
        ("A castle", None),
    ],
)
def test_what_a_prompt_names_and_no_picture_shows_is_said(
    pocket: Pocket, prompt: str, sentence: str | None
) -> None:
    model = pocket.model
    subject, _ = model.refiner.subject_of(prompt)
    said = about_attributes(
        "pocket",
        model.card.read(prompt),
        model.card.vocabulary,
        subject,
        model.refiner.pictures_of(subject),
    )
    assert said == ([f"pocket {sentence}"] if sentence else [])


def test_the_numbers_of_classes_are_the_readers(pocket: Pocket) -> None:
    network, vocabulary = pocket.model.refiner.network, pocket.model.card.vocabulary
    for attribute, classes in vocabulary.attributes.items():
        for number, phrases in enumerate(classes.values()):
            (text,) = pocket.model._embed([max(sorted(phrases), key=len)])
            assert int(network.readers[attribute](text.mean(0)).argmax()) == number
    found = set(pocket.model.refiner.subjects.values())
    assert found == vocabulary.subjects.keys()


def test_what_a_prompt_says_there_is_none_of_is_a_negative_prompt(pocket: Pocket) -> None:
    card = pocket.model.card
    assert card.texts("a castle without snow", "fog") == ("a castle", "fog, snow")
    assert card.texts("a castle", "blurry") == ("a castle", "")
    latent = initial_noise(0, 64, 16, 32)
    plain = pocket.model.refiner.draw(latent, "a castle")
    told = pocket.model.refiner.draw(latent, "a castle", "snow, winter, night, fog")
    assert not torch.equal(told, plain)
    assert torch.equal(
        pocket.model.refiner.draw(latent, "a castle with no snow", "winter, night, fog"), told
    )
