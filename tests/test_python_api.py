"""`from syncpano import generate`: the same as the command line, from a script."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import syncpano
from syncpano import PanoramaConfig, Studio, SyncPanoError, generate, pipeline, runlog, saving
from syncpano.errors import RUN_FAILED
from tests.tiny import tiny_trunk


@pytest.fixture
def tiny(tiny_model: Path, squeeze_trunk: Path) -> dict[str, Any]:
    return {
        "model": str(tiny_model),
        "width": 96,
        "height": 64,
        "steps": 2,
        "device": "cpu",
        "dtype": "float32",
        "loss": "lpips-squeeze",
        "loss_weights": str(squeeze_trunk),
    }


def test_a_prompt_with_settings_is_a_panorama(tiny: dict[str, Any]) -> None:
    panorama = generate("A waterfall", seed=3, **tiny)
    assert panorama.image.size == (96, 64)
    assert panorama.latent.shape == (1, 4, 8, 12)
    assert panorama.log["source"]["seed"] == "python"
    assert panorama.log["source"]["stride"] == "default"


@pytest.mark.gpu
def test_a_gpu_paints_what_a_cpu_paints(tiny: dict[str, Any]) -> None:
    on_cpu = generate("A waterfall", **tiny).latent
    on_gpu = generate("A waterfall", **{**tiny, "device": "cuda"}).latent
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=0.01, atol=0.01)


def test_a_studio_takes_a_prompt_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(Studio, "_generate", lambda self, config, *_: asked.append(config))
    Studio().generate("A waterfall")
    assert asked == [PanoramaConfig("A waterfall")]


def test_it_gives_the_pixels_of_the_command_line(
    tiny: dict[str, Any], tiny_flags: list[str], cli: Any
) -> None:
    cli("generate", "A waterfall", *tiny_flags)
    ours = generate("A waterfall", **tiny).image
    assert np.array_equal(np.asarray(ours), np.asarray(Image.open("out/a-waterfall-0.png")))


def test_a_studio_keeps_its_model(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from syncpano import pipeline

    loaded = []
    real = pipeline.load_model
    monkeypatch.setattr(pipeline, "load_model", lambda *args: loaded.append(args) or real(*args))
    studio, seen = Studio(), []
    for seed in (0, 1):
        config = PanoramaConfig(prompt="A waterfall", seed=seed, **tiny)
        studio.generate(config, on_step=seen.append)
    assert (len(loaded), [report.step for report in seen]) == (1, [0, 1, 0, 1])


@pytest.mark.parametrize("setting", ["dtype", "loss_weights", "loss_size"])
def test_a_studio_keeps_nothing_that_another_picture_does_not_want(
    tiny: dict[str, Any], setting: str, tmp_path: Path
) -> None:
    other = {
        "dtype": "bfloat16",
        "loss_weights": str(tiny_trunk(tmp_path / "other.safetensors", seed=1)),
        "loss_size": 32,
    }
    first = PanoramaConfig("A waterfall", **tiny)
    second = replace(first, **{setting: other[setting]})
    studio = Studio()
    before, after, fresh = (
        painter.generate(config).latent
        for painter, config in ((studio, first), (studio, second), (Studio(), second))
    )
    assert torch.equal(after, fresh)
    assert not torch.equal(after, before)


def test_a_studio_keeps_no_loss_for_one_of_another_name(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = []
    real = pipeline.load_loss
    monkeypatch.setattr(
        pipeline,
        "load_loss",
        lambda name, **given: named.append(name) or real("lpips-squeeze", **given),
    )
    studio, config = Studio(), PanoramaConfig("A waterfall", **tiny)
    for name in ("lpips-squeeze", "lpips-alex", "lpips-alex"):
        studio.generate(replace(config, loss=name))
    assert named == ["lpips-squeeze", "lpips-alex"]


def test_a_studio_says_which_settings_were_asked_for(tiny: dict[str, Any], cli: Any) -> None:
    config = PanoramaConfig(prompt="A waterfall", guidance_scale=3.0, stride=16, **tiny)
    log = Studio().generate(config).save("a.png")
    assert (log["source"]["guidance_scale"], log["source"]["seed"]) == ("python", "default")
    assert "guidance-scale 3," in cli("info", "a.png").out
    # Of the model's own would have been found anew.
    again = ("generate", "--from", "a.png", "--dry-run", "--json", "--model", tiny["model"])
    assert json.loads(cli(*again).out)["config"]["guidance_scale"] == 3.0


def test_saving_writes_the_pair_and_does_not_overwrite(tiny: dict[str, Any]) -> None:
    panorama = generate(PanoramaConfig(prompt="A waterfall", **tiny), sync_weight=0.0)
    log = panorama.save("folder/picture.png")
    assert runlog.read(Path("folder/picture.json")) == log
    with pytest.raises(SyncPanoError, match="exists already"):
        panorama.save("folder/picture.png")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"widht": 1}, "'widht'"),
        ({"width": "wide"}, "not a whole number"),
        ({"width": 1}, "width 1"),
    ],
)
def test_a_bad_setting_is_an_error(
    tiny: dict[str, Any], overrides: dict[str, Any], said: str
) -> None:
    with pytest.raises(SyncPanoError, match=said):
        generate("A waterfall", **{**tiny, **overrides})


@pytest.mark.parametrize("number", [np.int64, np.int8, np.uint16])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_numbers_of_numpy_are_numbers(
    tiny: dict[str, Any], number: type[Any], real: type[Any]
) -> None:
    given = {**tiny, "width": number(96), "sync_weight": real(3), "initial_steps": number(1)}
    for panorama in (generate("A lake", **given), Studio().generate(PanoramaConfig("A", **given))):
        config = panorama.save("a.png", overwrite=True)["config"]
        plain = {name: (type(config[name]), config[name]) for name in ("width", "sync_weight")}
        assert plain == {"width": (int, 96), "sync_weight": (float, 3.0)}


@pytest.mark.parametrize("given", [None, 3, {"prompt": "A lake"}, ["A lake"]], ids=repr)
@pytest.mark.parametrize("paint", [generate, lambda given: Studio().generate(given)])
def test_what_is_no_prompt_and_no_config_is_an_error(paint: Any, given: object) -> None:
    with pytest.raises(SyncPanoError, match="is no prompt and no PanoramaConfig"):
        paint(given)


def test_a_studio_takes_one_watcher() -> None:
    with pytest.raises(SyncPanoError, match="`on_step` and a `watcher`"):
        Studio().generate("A lake", on_step=print, watcher=pipeline.Watcher())


def test_a_traceback_shows_the_hint_and_how_to_follow_it_from_python() -> None:
    Path("a.png").touch()
    with pytest.raises(SyncPanoError) as caught:
        saving.check_free(Path("a.png"))
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("a.png exists already") == 1
    assert shown.count("hint: `--overwrite` replaces it (in Python") == 1
    assert "`--overwrite` is overwrite=True" in shown
    assert str(caught.value) == caught.value.message


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("load_model", "does not fit into memory"),
        ("_sample", "a single window does not fit into memory"),
        ("draw", "the finished panorama does not fit into memory"),
    ],
)
def test_what_does_not_fit_into_memory_is_named(
    tiny: dict[str, Any], stage: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(pipeline, stage, full)
    with pytest.raises(SyncPanoError, match=said) as caught:
        generate("A lake", **tiny)
    assert caught.value.exit_code == RUN_FAILED


def test_the_noise_of_a_seed_does_not_depend_on_the_width_of_the_run_before() -> None:
    from syncpano.pipeline import initial_noise

    noise = initial_noise(3, 4, 8, 12)
    assert noise.dtype == torch.float32
    torch.manual_seed(3)
    assert torch.equal(noise, torch.randn((1, 4, 8, 12)))


def test_every_public_name_is_there() -> None:
    assert all(hasattr(syncpano, name) for name in syncpano.__all__)
    with pytest.raises(AttributeError):
        _ = syncpano.nothing
