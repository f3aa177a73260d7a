"""Metrics of single pictures: pairs of crops, colours, seams, edges."""

from __future__ import annotations

import os
import struct
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from syncpano.checks import MAX_PIXELS
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.metrics import cache, pairs
from syncpano.metrics.colour import colour_distance, palette_distance, to_lab
from syncpano.metrics.crops import native_boxes, random_box
from syncpano.metrics.instruments import Instruments
from syncpano.metrics.measures import measure, reference_features, to_tensor
from syncpano.metrics.pairs import pair_distances, reduce_pairs
from syncpano.metrics.pictures import Picture, open_picture, read_picture
from syncpano.metrics.pocket_features import PocketFeatures
from syncpano.metrics.settings import Settings
from syncpano.metrics.structure import edge_energy, seam_score
from tests.pictures import SHARED_VGG, SIDE, montage, save, scene, tiny_judge

needs_vgg = pytest.mark.skipif(not SHARED_VGG.exists(), reason="no ../shared/weights with VGG-16")
ROUNDING = 1e-6  # float32 networks, convolutions grouped differently


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> PocketFeatures:
    return PocketFeatures.from_folder(tiny_judge(tmp_path_factory.mktemp("judge")), "cpu")


@pytest.fixture(scope="module")
def lpips() -> PerceptualLoss:
    from syncpano.losses.lpips import LPIPS

    return LPIPS("vgg", device=torch.device("cpu"), weights=SHARED_VGG)


@pytest.fixture(scope="module")
def style() -> PerceptualLoss:
    from syncpano.losses.style import StyleLoss

    return StyleLoss(device=torch.device("cpu"), weights=SHARED_VGG)


def crops_of(pixels: np.ndarray) -> list[np.ndarray]:
    boxes = native_boxes(*pixels.shape[:2], SIDE)
    return [pixels[b.top : b.top + SIDE, b.left : b.left + SIDE] for b in boxes]


def intra(loss: PerceptualLoss, pixels: np.ndarray, batch: int = 2) -> float:
    mean = reduce_pairs(pair_distances(loss, to_tensor(crops_of(pixels)), batch).tolist(), "mean")
    assert mean is not None
    return mean


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_native_crops_do_not_overlap_and_stay_inside(height: int, width: int, side: int) -> None:
    boxes = native_boxes(height, width, side)
    covered = np.zeros((height, width), int)
    for box in boxes:
        cells = covered[box.top : box.top + side, box.left : box.left + side]
        assert cells.shape == (side, side)
        cells += 1
    assert covered.max(initial=0) <= 1
    assert len(boxes) == (height // side) * (width // side)


@given(st.integers(4, 40), st.integers(4, 40), st.integers(0, 9), st.text(max_size=5))
def test_a_random_crop_stays_inside_and_is_the_same_again(
    height: int, width: int, seed: int, name: str
) -> None:
    box = random_box(height, width, 4, seed, name)
    assert 0 <= box.top <= height - 4
    assert 0 <= box.left <= width - 4
    assert box == random_box(height, width, 4, seed, name)


def test_identical_crops_have_distance_zero(judge: PocketFeatures) -> None:
    assert intra(judge, np.tile(scene(1, 1), (1, 3, 1))) == pytest.approx(0, abs=ROUNDING)


@needs_vgg
@pytest.mark.parametrize("name", ["lpips", "style"])
def test_identical_crops_have_perceptual_distance_zero(
    name: str, request: pytest.FixtureRequest
) -> None:
    loss = request.getfixturevalue(name)
    assert intra(loss, np.tile(scene(1, 1), (1, 3, 1))) == pytest.approx(0, abs=ROUNDING)


def test_grey_of_16_bits_is_the_grey_of_8(tmp_path: Path) -> None:
    grey = scene(1)[..., 0]
    save(grey, tmp_path / "8.png")
    save((grey.astype(np.uint16) * 257), tmp_path / "16.png")
    eight, sixteen = (read_picture(tmp_path / f"{bits}.png").pixels for bits in (8, 16))
    assert np.array_equal(eight, sixteen)


def test_pictures_as_large_as_our_largest_panoramas_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(scene(1), tmp_path / "a.png")
    # Pillow's own limit is below 2^28 pixels; a real picture of so many would need 1 GB.
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    assert open_picture(path).width == scene(1).shape[1]
    assert PIL.Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)  # lifted by somebody else
    open_picture(path)
    assert PIL.Image.MAX_IMAGE_PIXELS is None


def test_a_photo_is_read_as_it_is_shown(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera stood on its side
    Image.fromarray(scene(1)).save(tmp_path / "a.jpg", exif=turned)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (3 * SIDE, SIDE, 3)


@pytest.mark.parametrize("block", [b"Exif\0\0II*\0", b"Exif\0\0no table of tags at all"])
def test_tags_that_cannot_be_read_leave_a_whole_picture_as_it_is(
    tmp_path: Path, block: bytes
) -> None:
    Image.fromarray(scene(1)).save(tmp_path / "a.jpg", exif=block)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (SIDE, 3 * SIDE, 3)


def test_a_wrongly_typed_tag_does_not_keep_a_photo_from_being_turned(tmp_path: Path) -> None:
    width_as_text = struct.pack("<HHI4s", 0x0100, 2, 4, b"big")
    orientation = struct.pack("<HHIHxx", 0x0112, 3, 1, 6)
    table = struct.pack("<H", 2) + width_as_text + orientation + bytes(4)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + table
    Image.fromarray(scene(1)).save(tmp_path / "a.jpg", exif=block)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (3 * SIDE, SIDE, 3)


@needs_vgg
@pytest.mark.parametrize("name", ["lpips", "style"])
def test_a_montage_of_two_scenes_is_worse_than_either(
    name: str, request: pytest.FixtureRequest
) -> None:
    loss = request.getfixturevalue(name)
    worst = max(intra(loss, scene(1, 2)), intra(loss, scene(2, 2)))
    assert intra(loss, montage(1, 2)) > worst


@pytest.mark.parametrize("measure", [colour_distance, palette_distance])
def test_a_montage_of_two_scenes_has_worse_colours_than_either(measure: object) -> None:
    assert callable(measure)
    worst = max(measure(crops_of(scene(seed, 2)))[0] for seed in (1, 2))
    assert measure(crops_of(montage(1, 2)))[0] > 2 * worst


@needs_vgg
def test_intra_lpips_is_the_lpips_packages_mean_over_pairs(lpips: PerceptualLoss) -> None:
    from safetensors.torch import load_file

    package = pytest.importorskip("lpips")
    reference = package.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    weights = load_file(SHARED_VGG)
    for stage in reference.net.children():
        for name, layer in stage.named_children():
            for key in layer.state_dict():
                getattr(layer, key).data.copy_(weights[f"features.{name}.{key}"].float())
    crops = to_tensor(crops_of(montage(1, 2, 3)))
    with torch.no_grad():
        expected = [reference(a[None], b[None]).item() for a, b in combinations(crops, 2)]
    assert pair_distances(lpips, crops).tolist() == pytest.approx(expected, rel=1e-5)


def test_pair_distances_depend_neither_on_batch_nor_on_block(
    judge: PocketFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = to_tensor(crops_of(montage(1, 2, 3, 4, 5)))
    expected = pair_distances(judge, crops, batch=1)
    assert torch.allclose(pair_distances(judge, crops, batch=4), expected, atol=ROUNDING)
    monkeypatch.setattr(pairs, "BLOCK", 2)
    assert torch.allclose(pair_distances(judge, crops, batch=2), expected, atol=ROUNDING)


def test_the_order_of_crops_does_not_change_the_mean(judge: PocketFeatures) -> None:
    means = [intra(judge, montage(*order)) for order in permutations((1, 2, 3))]
    assert means == pytest.approx([means[0]] * len(means), rel=1e-5)


def test_the_sum_is_the_mean_times_the_number_of_pairs() -> None:
    distances = [0.25, 0.5, 0.75]
    assert reduce_pairs(distances, "mean") == 0.5
    assert reduce_pairs(distances, "sum") == 1.5


def test_a_single_crop_has_no_distance() -> None:
    assert reduce_pairs([], "mean") is None
    assert reduce_pairs([], "sum") is None


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_have_their_published_lab_values(
    srgb: tuple[int, int, int], lab: tuple[float, float, float]
) -> None:
    published = 0.02  # tables round to two digits
    pixel = np.array([[srgb]], dtype=np.uint8)
    assert to_lab(pixel)[0, 0] == pytest.approx(lab, abs=published)


def test_palettes_tell_what_mean_colours_hide() -> None:
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[: SIDE // 2] = 255
    grey = np.full((SIDE, SIDE, 3), 119, np.uint8)  # L* 50, the mean of black and white
    assert colour_distance([half, grey])[0] < 1
    assert palette_distance([half, grey])[0] == pytest.approx(50, abs=1)


def test_a_picture_that_closes_has_a_seam_score_of_one() -> None:
    rng = np.random.default_rng(0)
    ring = rng.integers(0, 255, (64, 200, 3)).astype(float)
    for _ in range(2):
        ring = (np.roll(ring, 1, axis=1) + ring + np.roll(ring, -1, axis=1)) / 3
    scores = [seam_score(np.roll(ring, shift, axis=1).astype(np.uint8)) for shift in (0, 50, 111)]
    assert scores == pytest.approx([1, 1, 1], abs=0.3)


def test_an_open_picture_has_a_high_seam_score() -> None:
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (32, 1))[..., None], 3, axis=2)
    assert seam_score(ramp) == pytest.approx(255)


def test_a_flat_picture_closes() -> None:
    assert seam_score(np.full((8, 8, 3), 9, np.uint8)) == 1


def test_blur_takes_edge_energy_away() -> None:
    sharp = scene(1)
    blurred = (sharp[:, :-1].astype(int) + sharp[:, 1:]) // 2
    assert edge_energy(blurred.astype(np.uint8)) < 0.9 * edge_energy(sharp)


def test_edge_energy_of_a_ramp_is_its_slope() -> None:
    ramp = np.repeat(np.tile(np.arange(0, 60, 3, dtype=np.uint8), (9, 1))[..., None], 3, axis=2)
    assert edge_energy(ramp) == pytest.approx(3)


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("A waterfall", {"subject": "waterfall"}),
        (
            "A lake under the Northern Lights at night",
            {"subject": "northern_lights", "time": "night"},
        ),
        ("skyscrapers, noon!", {"subject": "city", "time": "noon"}),
        ("a spaceship", {}),
    ],
)
def test_the_judge_knows_what_a_prompt_names(
    judge: PocketFeatures, prompt: str, named: dict[str, str]
) -> None:
    assert judge.named_classes(prompt) == named


def test_prompt_fit_is_a_percentage_and_none_for_strangers(judge: PocketFeatures) -> None:
    crops = to_tensor(crops_of(montage(1, 2)))
    fits = judge.prompt_fit(crops, "a waterfall at night")
    assert fits is not None
    assert len(fits) == 2
    assert all(0 <= fit <= 100 for fit in fits)
    assert judge.prompt_fit(crops, "a spaceship") is None


def test_extractors_name_their_weights(judge: PocketFeatures, tmp_path: Path) -> None:
    again = PocketFeatures.from_folder(tiny_judge(tmp_path), "cpu")
    assert judge.name == again.name
    assert judge.name.startswith("pocket-judge@")


@needs_vgg
def test_vgg16_features_do_not_depend_on_the_batch() -> None:
    from syncpano.metrics.features import Vgg16Features

    extractor = Vgg16Features("cpu", SHARED_VGG)
    crops = to_tensor(crops_of(montage(1, 2, 3)))
    one_by_one = torch.cat([extractor(crop[None]) for crop in crops])
    assert torch.allclose(extractor(crops), one_by_one, rtol=1e-4, atol=1e-5)
    assert one_by_one.shape == (3, 512)


def test_convolutions_that_measure_do_not_round_to_tf32(
    judge: PocketFeatures,
) -> None:
    """Only Ampere GPUs and newer would: here the setting is looked at while the network runs."""
    seen = []
    looking = judge._network.stages[0].register_forward_pre_hook(
        lambda *_: seen.append(torch.backends.cudnn.allow_tf32)
    )
    settings = Settings(("intra-pocket", "pocket-fit", "giqa"), features="pocket", prompt="a city")
    tools = Instruments(settings)
    tools.judge = tools.extractor = judge
    picture = Picture(Path("a.png"), scene(1), "")
    assert torch.backends.cudnn.allow_tf32
    with looking:
        for metric in settings.metrics:
            measure(metric, picture, settings, tools)
        reference_features(picture, settings, tools)
    assert len(seen) >= 4
    assert not any(seen)
    assert torch.backends.cudnn.allow_tf32


def test_what_was_measured_in_another_way_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cache.MeasurementCache(tmp_path)
    assert kept.get("x", lambda: np.array([1.0])) == [1.0]
    assert kept.get("x", lambda: np.array([2.0])) == [1.0]
    monkeypatch.setattr(cache, "MEASURES", cache.MEASURES + 1)
    assert kept.get("x", lambda: np.array([2.0])) == [2.0]


def test_a_full_disk_leaves_no_part_of_a_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    kept = cache.MeasurementCache(tmp_path)
    with pytest.raises(SyncPanoError, match="measurements cannot be kept") as caught:
        kept.get("x", lambda: np.array([1.0]))
    assert (caught.value.exit_code, bool(caught.value.hint)) == (RUN_FAILED, True)
    assert "No space left" in caught.value.message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
