"""The parts of the pocket model's training that can be wrong without anything failing.

# C latent channels, p pixels a cell's side
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn

from syncpano.interrupts import Interrupted
from syncpano.losses.style import gram
from syncpano.models.pocket_autoencoder import PocketAutoencoder

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "pocket"
pytest.importorskip("cv2", reason="the scenes are drawn with OpenCV")
sys.path.insert(0, str(SCRIPTS))

import diffusion  # noqa: E402
import fidelity_curve  # noqa: E402
import fine  # noqa: E402
from autoencoder import fit_closed_forms, image_tensor  # noqa: E402
from data import Render, render_all  # noqa: E402
from judges import RegressionJudge, seen, style_of  # noqa: E402
from refiner import balanced, suns_of  # noqa: E402
from scenes import SUBJECTS, allowed, attributes_of, render, suns, terrain  # noqa: E402
from scenes.attributes import (  # noqa: E402
    CLASSES,
    TIMES,
    WEATHERS,
    Allowed,
    Attributes,
    sample_attributes,
)
from scenes.sky import paint_clouds, paint_sky  # noqa: E402
from scenes.water import reflect  # noqa: E402
from scenes.weather import lay  # noqa: E402
from text import CaptionReader, tokenize, train_text_encoder, train_tokenizer  # noqa: E402
from training import Stage, saved_steps  # noqa: E402
from transform import CellTransform, LeastSquares, fit_transform  # noqa: E402
from unet import new_scheduler, new_unet, write_unet  # noqa: E402

C, P = 6, 8
ROUNDING = 1e-4  # float32 through an eigendecomposition


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    return [image_tensor(render(seed, "mountains", 256)[0]) for seed in range(2)]


@pytest.fixture(scope="module")
def transform(images: list[Tensor]) -> CellTransform:
    return fit_transform(iter(images), P, C, 0.4)


@pytest.fixture
def autoencoder(transform: CellTransform) -> PocketAutoencoder:
    model = PocketAutoencoder(C, C, P, P)
    rows = transform.scale[:, None] * transform.basis
    with torch.no_grad():
        model.encoder.weight.copy_(rows.view_as(model.encoder.weight))
        model.encoder.bias.copy_(-rows @ transform.mean)
    return model


def test_the_latent_of_a_mirrored_picture_follows_from_its_own(
    images: list[Tensor], autoencoder: PocketAutoencoder
) -> None:
    latent = autoencoder.encode(images[0]).latent
    mirrored = autoencoder.encode(images[0].flip(-1)).latent
    torch.testing.assert_close(autoencoder.mirrored(latent), mirrored, atol=ROUNDING, rtol=0)
    odd = (mirrored - latent.flip(-1)).abs().amax((0, 2, 3)) > 1e-2
    assert 0 < odd.sum() < C  # some components change their sign, some do not


def test_latents_have_unit_variance_on_average(
    images: list[Tensor], autoencoder: PocketAutoencoder
) -> None:
    latents = torch.cat([autoencoder.encode(image).latent for image in images])
    assert latents.detach().var((0, 2, 3)).mean().item() == pytest.approx(1.0, abs=0.05)


def test_least_squares_find_the_convolution_that_made_their_targets() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(5, 3, 3, 3, generator=generator), torch.arange(5.0)
    fit = LeastSquares(3)
    for _ in range(3):
        inputs = torch.randn(2, 3, 9, 9, generator=generator)
        targets = nn.functional.conv2d(inputs, weight, bias)
        wrong = torch.randn(1, 5, 7, 7, generator=generator)
        fit.add(
            torch.cat([inputs, inputs[:1]]),
            torch.cat([targets, wrong]),
            torch.tensor([1.0, 0.5, 0.0]),  # what is wrong does not count
        )
    found = fit.solution(0.0)
    torch.testing.assert_close(found[0], weight, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(found[1], bias, atol=ROUNDING, rtol=0)


AUTOENCODER = {"factor": P, "tiny_factor": 2, "whitening": 0.4, "ridge": 0.08}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Render]:
    cache = tmp_path_factory.mktemp("renders")
    return list(render_all(cache, ["mountains", "castle"], 2, 512))


def test_an_autoencoder_gains_channels_and_keeps_those_that_it_has(
    drawn: list[Render], tmp_path: Path
) -> None:
    first = AUTOENCODER | {"latent_channels": C, "context_channels": C}
    fit_closed_forms(tmp_path, drawn, first)
    narrow = PocketAutoencoder.from_pretrained(tmp_path / "vae")
    fit_closed_forms(tmp_path, drawn, first | {"latent_channels": 3 * C})
    wide = PocketAutoencoder.from_pretrained(tmp_path / "vae")
    image = image_tensor(drawn[0].load())
    with torch.no_grad():
        before, after = narrow.encode(image).latent, wide.encode(image).latent
        errors = [(m.decode(m.encode(image).latent).sample - image).std() for m in (narrow, wide)]
        colours = [m.cell_colours(m.encode(image).latent) for m in (narrow, wide)]
        mirrored = wide.encode(image.flip(-1)).latent
    torch.testing.assert_close(after[:, :C], before)
    torch.testing.assert_close(*colours)
    assert errors[1] < 0.8 * errors[0]
    torch.testing.assert_close(wide.mirrored(after), mirrored, atol=10 * ROUNDING, rtol=0)
    directions = nn.functional.normalize(wide.encoder.weight.detach().flatten(1))
    torch.testing.assert_close(directions @ directions.T, torch.eye(3 * C), atol=1e-3, rtol=0)


def test_the_tiny_decoder_draws_the_same_picture_smaller(
    drawn: list[Render], tmp_path: Path
) -> None:
    recipe = AUTOENCODER | {"latent_channels": 3 * C, "context_channels": 2 * C}
    fit_closed_forms(tmp_path, drawn, recipe)
    full, tiny = (
        PocketAutoencoder.from_pretrained(tmp_path / part) for part in ("vae", "vae_tiny")
    )
    with torch.no_grad():
        latent = full.encode(image_tensor(drawn[0].load())).latent
        large, small = full.decode(latent).sample, tiny.decode(latent).sample
    assert (nn.functional.avg_pool2d(large, P // 2) - small).abs().mean() < 0.03


UNET = {
    "seed": 0,
    "unet": {"block_out_channels": [16, 32], "norm_num_groups": 8, "layers_per_block": 1},
    "attention_levels": 1,
    "text": {"hidden_size": 8, "heads": 2},
    "timesteps": 50,
    "beta_end": 0.02,
    "weight_cap": 5.0,
    "batch": 8,
    "fine_windows": 64,
    "learning_rate": 1e-3,
    "ema": 0.9,
    "warmup_steps": 1,
    "decay_share": 0.5,
    "attention_gain": 1.2,
}


def test_fine_channels_leave_what_a_unet_knows_of_the_coarse_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    told = torch.zeros(UNET["batch"], 3, 8)
    monkeypatch.setattr(fine, "Reader", lambda *_: lambda captions: told[: len(captions)])
    narrow = new_unet(8, C, UNET)
    write_unet(tmp_path, narrow)
    latents = torch.randn(4, C, 8, 16)
    # What can be known of a fine channel: here everything.
    latents = torch.cat([latents, 0.5 * latents[:, :2]], 1).half()

    class Data:
        def __init__(self) -> None:
            self.latents = latents

        def batch(self, rng: np.random.Generator, size: int) -> tuple[Tensor, list[str]]:
            chosen, left = rng.integers(4, size=size), int(rng.integers(9))
            return latents[chosen][..., left : left + 8].float(), [""] * size

    for _ in range(2):  # the second time its own fine channels are fitted anew
        fine.fit_fine_output(tmp_path, Data(), C, UNET)
    wide = UNet2DConditionModel.from_pretrained(tmp_path / "unet")
    noisy, t = torch.randn(2, C + 2, 8, 8), torch.tensor([3, 30])
    states = told[:2]
    with torch.no_grad():
        torch.testing.assert_close(
            wide(noisy, t, states).sample[:, :C], narrow(noisy[:, :C], t, states).sample
        )
        clean = latents[:2, :, :, :8].float()
        noisy = new_scheduler(UNET).add_noise(clean, torch.randn_like(clean), t[:1])
        guessed = wide(noisy, t[:1], states).sample[:, C:]
    error = (guessed - clean[:, C:]).square().mean() / clean[:, C:].square().mean()
    assert error < 0.5


def test_no_weights_of_a_unet_lie_in_a_run_before_their_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after the weights were written would make the next run begin anew with them."""
    told = torch.zeros(UNET["batch"], 3, 8)
    monkeypatch.setattr(diffusion, "Reader", lambda *_: lambda captions: told[: len(captions)])
    monkeypatch.setattr(diffusion, "caption", lambda *_: "")
    monkeypatch.setattr(diffusion, "WRITE_EVERY", 2)
    renders = [Render(Path(), attributes_of(seed, "castle")) for seed in range(2)]
    data = diffusion.Windows(torch.randn(2, C, 8, 16).half(), renders, lambda x: x, 0.1, 0.5)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diffusion, "write_average", killed)
    with pytest.raises(KeyboardInterrupt):
        diffusion.train_diffusion(Stage(tmp_path, "diffusion", 60.0), data, C, UNET, "cpu")
    assert saved_steps(tmp_path, "diffusion") == 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
def test_a_lost_terminal_ends_a_stage_after_its_step(tmp_path: Path) -> None:
    def train() -> None:
        for step in Stage(tmp_path, "text", 60.0).steps({}):
            if step == 2:
                signal.raise_signal(signal.SIGHUP)
            assert step < 9

    before = signal.signal(signal.SIGHUP, lambda *_: None)  # or it would end the tests
    try:
        with pytest.raises(Interrupted) as caught:
            train()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert caught.value.exit_code == 128 + signal.SIGHUP
    assert saved_steps(tmp_path, "text") == 3


TWO_WORKERS = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from workers import Workers
workers = Workers()
weight = torch.nn.Parameter(torch.ones(3))
(weight * (workers.rank + 1)).sum().backward()
workers.average_gradients([weight], 3)
if workers.first:
    print(workers.size, [round(g, 3) for g in weight.grad.tolist()], workers.largest(0.25, 1.0))
else:
    workers.largest(0.5, 0.0)
"""


@pytest.mark.slow
def test_workers_share_gradients_and_the_clock(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO_WORKERS)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, script, SCRIPTS], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split("\n")[0] == "2 [1.333, 1.333, 1.333] [0.5, 1.0]"


def test_the_text_encoder_learns_to_tell_subjects_apart(tmp_path: Path) -> None:
    train_tokenizer(tmp_path / "tokenizer", ["a waterfall", "a castle", "a beach"] * 9, 300, 16)
    shape = {"hidden_size": 32, "layers": 1, "heads": 2, "max_length": 16}
    recipe = {"seed": 0, "text": {**shape, "batch": 32, "learning_rate": 3e-3}}
    subjects = ["waterfall", "castle", "beach"]
    # A clock that ticks when it is read: twice a step.
    train_text_encoder(
        Stage(tmp_path, "text", 600.0, clock=count().__next__), subjects, recipe, "cpu"
    )
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert '"subject"' in lines[0]
    assert (tmp_path / "text_encoder" / "model.safetensors").is_file()
    saved = torch.load(tmp_path / "text.checkpoint.pt", weights_only=True)["state"]["model"]
    reader = CaptionReader(tmp_path, recipe["text"], {"subject": subjects, **CLASSES})
    reader.load_state_dict(saved)
    tokens = tokenize(reader.tokenizer, ["a waterfall", "an old castle", "A sandy beach."])
    said = reader(tokens)[1]["subject"].argmax(1)
    np.testing.assert_array_equal(said.numpy(), [0, 1, 2])


def test_a_larger_budget_holds_the_text_encoder_that_a_unet_knows(tmp_path: Path) -> None:
    train_tokenizer(tmp_path / "tokenizer", ["a waterfall", "a castle"] * 9, 300, 16)
    shape = {"hidden_size": 8, "layers": 1, "heads": 2, "max_length": 16, "hold": 1.0}
    recipe = {"seed": 0, "text": {**shape, "batch": 2, "learning_rate": 1e-3}}

    def train(budget: float) -> None:
        stage = Stage(tmp_path, "text", budget, clock=count().__next__)
        train_text_encoder(stage, ["waterfall", "castle"], recipe, "cpu")

    train(5.0)
    train(10.0)
    assert not (tmp_path / "text_encoder.known").exists()
    own = (tmp_path / "text_encoder" / "model.safetensors").read_bytes()
    (tmp_path / "unet").mkdir()
    train(20.0)
    assert (tmp_path / "text_encoder.known" / "model.safetensors").read_bytes() == own
    assert (tmp_path / "text_encoder" / "model.safetensors").read_bytes() != own


def test_what_the_refiner_remembers_is_what_prompts_mean() -> None:
    """Most of it photos in clear air that are not in winter, of every hour; of all else some."""
    rng = np.random.default_rng(0)
    drawn = {seed: sample_attributes(rng, "castle") for seed in range(400)}
    chosen = balanced(drawn, 36)
    assert len(dict(chosen)) == 36
    assert all(drawn[seed] == attributes for seed, attributes in chosen)
    for name in ("time", "style", "season"):
        counts = Counter(getattr(a, name) for _, a in chosen)
        assert min(counts[value] for value in CLASSES[name]) >= 3
    weathers = Counter(a.weather for _, a in chosen)
    assert min(weathers[value] for value in CLASSES["weather"]) >= 2
    plain = [
        a.time
        for _, a in chosen
        if (a.style, a.weather) == ("photo", "clear") and a.season != "winter"
    ]
    assert len(plain) >= 12
    assert min(Counter(plain)[time] for time in CLASSES["time"]) >= 2
    assert all(a.season == "winter" for _, a in chosen if a.weather == "snow")
    few = dict(list(drawn.items())[:5])
    assert balanced(few, 22) == balanced(few, 5)


def test_where_it_is_always_winter_the_weathers_count() -> None:
    rng = np.random.default_rng(0)
    village = Allowed(season=("winter",))
    drawn = {seed: sample_attributes(rng, "winter_village", village) for seed in range(400)}
    weathers = Counter(a.weather for _, a in balanced(drawn, 36))
    assert weathers.most_common(1)[0][0] == "clear"
    assert min(weathers[value] for value in CLASSES["weather"]) >= 3


def test_where_suns_are_painted_is_noted() -> None:
    """A moon every time among shooting stars, none on a wall; without a watcher nothing happens."""
    with suns.watched() as spans:
        picture, _ = render(3, "shooting_stars", 512)
    ((first, last),) = spans
    assert 0 <= first < last < 512
    assert np.array_equal(picture, render(3, "shooting_stars", 512)[0])
    with suns.watched() as spans:
        render(3, "vines_wall", 512)
    assert spans == []
    assert suns_of([(30.0, 40.0), (-9.0, 5.0)], 4, 32).tolist() == [True, True, False, False]


FOGGY = [
    subject
    for subject in SUBJECTS
    if {"clear", "fog"} <= {*((allowed(subject) or Allowed()).weather or WEATHERS)}
    and subject not in ("concert", "misty_forest")  # smoke and mist in any weather
]


@pytest.mark.parametrize("subject", FOGGY)
def test_fog_takes_contrast_away(subject: str) -> None:
    def contrast(weather: str) -> float:
        scenes = [replace(attributes_of(seed, subject), weather=weather) for seed in range(4)]
        drawn = [render(seed, subject, 256, shown)[0] for seed, shown in enumerate(scenes)]
        return float(np.abs(np.diff(np.stack(drawn).mean(axis=-1), axis=-1)).mean())

    assert contrast("fog") < 0.9 * contrast("clear")


def test_weather_comes_between_the_eye_and_what_it_sees() -> None:
    _, light = paint_sky(np.random.default_rng(1), Attributes("castle"), 256, 512, 300.0)

    def laid(weather: str) -> tuple[np.ndarray, np.ndarray]:
        canvas, dark = np.zeros((512, 256, 3), np.float32), np.ones((512, 256), np.float32)
        attributes = Attributes("castle", weather=weather)
        lay(np.random.default_rng(1), canvas, attributes, light, 300.0, dark)
        return canvas, dark

    canvas, dark = laid("clear")
    assert canvas.max() == 0
    assert dark.min() == 1
    canvas, dark = laid("snow")
    assert 0.02 < (canvas.max(axis=2) > 0.3).mean() < 0.3  # flakes
    assert dark.min() == 1
    canvas, dark = laid("fog")
    brightness, thinned = canvas.mean(axis=(1, 2)), 1 - dark.mean(axis=1)
    assert brightness[300] > 4 * brightness[500] > 0.0
    assert thinned[300] > 4 * thinned[500] > 0.0


@pytest.mark.parametrize("time", TIMES)
def test_an_overcast_sky_hides_what_is_behind_it(time: str) -> None:
    """Blue at noon and stars at night: overhead the sky of another tint is nearly the same sky."""

    def overhead(weather: str) -> np.ndarray:
        attributes = Attributes("castle", time=time, weather=weather)
        bare, light = paint_sky(
            np.random.default_rng(1), attributes, 512, 512, 300.0, clouds=False, disc=False
        )
        covered = bare.copy()
        paint_clouds(np.random.default_rng(1), covered, light, attributes, 300.0)
        marked = bare + np.random.default_rng(2).uniform(-0.2, 0.2, bare.shape).astype(np.float32)
        changed = marked.copy()
        paint_clouds(np.random.default_rng(1), changed, light, attributes, 300.0)
        left: np.ndarray = np.abs(changed - covered)[:270] / np.abs(marked - bare)[:270]
        return left

    assert np.median(overhead("clear")) > 0.5
    assert np.median(overhead("cloudy")) < 0.1
    assert np.median(overhead("snow")) < 0.1


@pytest.mark.parametrize(
    ("subject", "seed", "shore"), [("city_skyline", 2, 433), ("volcano", 0, 386)]
)
def test_silhouettes_have_dark_images_in_the_water_before_them(
    subject: str, seed: int, shore: int
) -> None:
    def below_the_shore(style: str) -> float:
        day = replace(attributes_of(seed, subject), style=style, time="noon", weather="clear")
        return float(render(seed, subject, 512, day)[0][shore + 6 : shore + 16].mean())

    assert below_the_shore("silhouette") < 0.5 * below_the_shore("photo")


def test_dark_towers_have_dark_images_in_water() -> None:
    light = paint_sky(np.random.default_rng(1), Attributes("castle"), 256, 512, 300.0)[1]
    canvas, dark = np.ones((512, 256, 3), np.float32), np.zeros((512, 256), np.float32)
    dark[200:400, 100:140] = 1.0
    reflect(np.random.default_rng(1), canvas, 400.0, light, rough=0.2, foreground=dark)
    assert dark[420, 110:130].min() > 0.5
    assert dark[420, :80].max() < 0.1
    assert dark[300].tolist() == [float(100 <= x < 140) for x in range(256)]


def test_attributes_are_known_before_a_render_is_drawn() -> None:
    for seed, subject in ((3, "castle"), (4, "alley")):
        assert attributes_of(seed, subject) == render(seed, subject, 64)[1]


def test_crests_do_not_show_how_finely_the_terrain_was_sliced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = mountains().skyline
    monkeypatch.setattr(terrain, "_STEP", terrain._STEP / 4)
    finer = mountains().skyline
    assert np.abs(finer - shipped).max() < 2  # pixels; too coarse a step cuts combs


def test_rock_on_a_steep_flank_is_patches_and_not_streaks() -> None:
    flat = mountains()
    flank = np.zeros_like(flat.elevation)
    flank[40:] = np.minimum(np.arange(len(flank) - 40) * 30.0, 300.0)[:, None]  # 10 slices high
    noise = terrain._patches(np.random.default_rng(1), replace(flat, elevation=flank))
    upwards = np.abs(noise[54] - noise[36]).mean()
    sideways = np.abs(noise[:, 40:] - noise[:, :-40]).mean()
    assert upwards > 0.5 * sideways


def mountains() -> terrain.Terrain:
    rng = np.random.default_rng(1)
    _, light = paint_sky(rng, sample_attributes(rng, "mountains"), 384, 512, 340.0)
    return terrain.make(rng, 384, 512, light, 340.0, 220.0)


class Raw:
    """Gram matrices of a picture's colours and of their differences."""

    def features(self, images: Tensor) -> list[Tensor]:
        return [gram(images), gram(images.diff(dim=-1))]


def test_the_judge_of_styles_learns_textures_whatever_their_colours_and_numbers() -> None:
    rng = np.random.default_rng(0)

    def windows(outlined: bool, count: int) -> list[np.ndarray]:
        flat = np.ones((count, 512, 512, 1), np.uint8) * rng.integers(60, 200, (count, 1, 1, 3))
        flat[:, :, ::16] //= 3 if outlined else 1
        return list(flat.astype(np.uint8))

    styles = ["cartoon"] * 6 + ["photo"] * 30
    look = style_of(Raw())
    judge = RegressionJudge(look, seen(look, windows(True, 6) + windows(False, 30)), styles)
    assert judge.votes(windows(True, 5)) == ["cartoon"] * 5
    assert judge.votes(windows(False, 5)) == ["photo"] * 5


def test_a_snapshot_is_the_shipped_model_with_the_unet_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, run = tmp_path / "shipped", tmp_path / "run"
    for folder, text in ((shipped, "old"), (run, "new")):
        for part in ("unet", "vae"):
            (folder / part).mkdir(parents=True)
            (folder / part / "config.json").write_text(text)
    monkeypatch.setattr(fidelity_curve, "SHIPPED", shipped)
    fidelity_curve.snapshot(run, tmp_path / "snapshot")
    assert (tmp_path / "snapshot" / "unet" / "config.json").read_text() == "new"
    assert (tmp_path / "snapshot" / "vae" / "config.json").read_text() == "old"


def test_the_curve_of_fidelity_is_a_picture() -> None:
    distances = dict.fromkeys(fidelity_curve.LINES, 10.0)
    points = [{"minutes": float(n), **distances} for n in (1, 2)]
    picture = Image.open(io.BytesIO(fidelity_curve.draw(points, distances)))
    assert picture.format == "PNG"
    assert len(set(picture.convert("L").tobytes())) > 2
