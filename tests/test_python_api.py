"""`from syncpano import generate`: the same as the command line, from a script."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import traceback
import weakref
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import syncpano
from syncpano import (
    PanoramaConfig,
    Studio,
    SyncPanoError,
    generate,
    machine,
    pipeline,
    preset,
    runlog,
    saving,
)
from syncpano.errors import BAD_INPUT, RUN_FAILED
from syncpano.sampler import DistanceGradient
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
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 0.01), ("float16", 0.05), ("bfloat16", 0.1)]
)
@pytest.mark.parametrize("model", ["tiny", "pocket"])
def test_a_gpu_paints_what_a_cpu_paints(
    tiny: dict[str, Any], model: str, dtype: str, tolerance: float
) -> None:
    pocket = {"width": 768, "height": 512, "steps": 2, "negative_prompt": "snow"}
    config = PanoramaConfig("A waterfall", **(tiny if model == "tiny" else pocket))
    on_cpu = generate(config, device="cpu", dtype="float32").latent
    painted = generate(config, device="cuda", dtype=dtype)
    assert (painted.log["environment"]["device"], painted.log["config"]["dtype"]) == ("cuda", dtype)
    assert painted.log["memory"]["device_bytes"] > 0
    off = (painted.latent - on_cpu).square().mean().sqrt()
    assert off < tolerance * on_cpu.std()


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


def test_a_studio_lets_a_model_go_before_it_loads_another(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[weakref.ref[object]] = []
    alive = []
    real = pipeline.load_model

    def load(*given: Any) -> Any:
        gc.collect()
        alive.append([model for model in models if model() is not None])
        model = real(*given)
        models.append(weakref.ref(model))
        return model

    monkeypatch.setattr(pipeline, "load_model", load)
    studio, config = Studio(), PanoramaConfig("A waterfall", **tiny)
    for dtype in ("float32", "bfloat16"):
        studio.generate(replace(config, dtype=dtype))
    assert alive == [[], []]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows the gradient was asked for at once; two do not fit into memory."""
    sizes: list[int] = []
    real = DistanceGradient.__call__

    def call(self: DistanceGradient, views: Tensor) -> tuple[Tensor, ...]:
        sizes.append(len(views))
        if len(views) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return real(self, views)

    monkeypatch.setattr(DistanceGradient, "__call__", call)
    return sizes


FOUR_WINDOWS = {"width": 112, "steps": 1, "window_batch": 4}


def test_what_did_not_fit_into_memory_is_not_tried_for_the_next_picture(
    tiny: dict[str, Any], tried: list[int]
) -> None:
    studio, config = Studio(), PanoramaConfig("A waterfall", **{**tiny, **FOUR_WINDOWS})
    assert max(attempts(studio, config, tried)) > 1
    assert max(attempts(studio, replace(config, seed=1), tried)) == 1


@pytest.mark.parametrize(
    "change", [{"window_batch": 3}, {"gradient": "x0"}, {"loss_size": 32}, {"dtype": "bfloat16"}]
)
def test_what_did_not_fit_is_tried_again_where_something_else_is_asked_of_the_memory(
    tiny: dict[str, Any], tried: list[int], change: dict[str, Any]
) -> None:
    studio, config = Studio(), PanoramaConfig("A waterfall", **{**tiny, **FOUR_WINDOWS})
    attempts(studio, config, tried)
    assert max(attempts(studio, replace(config, **change), tried)) > 1


def attempts(studio: Studio, config: PanoramaConfig, tried: list[int]) -> list[int]:
    tried.clear()
    studio.generate(config)
    return list(tried)


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


class Cuda:
    """What torch says of a CUDA device on which a picture took 5 bytes, after a larger one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.peak = 9
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "is_initialized", lambda: True)
        patch.setattr(torch.cuda, "max_memory_allocated", lambda device=None: self.peak)
        patch.setattr(torch.cuda, "reset_peak_memory_stats", self._reset)
        patch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")

    def _reset(self, device: object = None) -> None:
        self.peak = 0


def test_a_run_on_the_cpu_has_no_peak_of_a_device_that_is_there_too(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Cuda(monkeypatch)
    assert generate("A waterfall", **tiny).log["memory"]["device_bytes"] is None


def test_the_devices_peak_is_that_of_one_picture(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = Cuda(monkeypatch)

    def paint(self: Studio, config: object, watcher: object, log: runlog.Log, clock: object) -> str:
        cuda.peak = max(cuda.peak, 5)
        log["environment"] = machine.environment(torch.device("cuda"), torch.float32)
        return "a panorama"

    monkeypatch.setattr(Studio, "_generate", paint)
    log = runlog.begin(asdict(PanoramaConfig("A lake")), {})
    Studio().generate("A lake", log=log)
    assert log["memory"]["device_bytes"] == 5


def test_a_cuda_device_that_nobody_uses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    machine.reset_device_peak()
    assert cuda.peak == 9


def test_a_model_that_cannot_be_compiled_says_so(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    try:  # in torch 2.6 there was only the other name
        from torch._inductor.exc import InductorError as GivenUp
    except ImportError:
        from torch._dynamo.exc import BackendCompilerFailed as GivenUp

    def fail(*_: object) -> None:
        raise GivenUp(InvalidCxxCompiler(), None)

    monkeypatch.setattr(pipeline, "_sample", fail)
    with pytest.raises(SyncPanoError, match=r"cannot be compiled: .*No working C") as caught:
        generate("A lake", compile=True, **tiny)
    assert caught.value.exit_code == BAD_INPUT
    assert caught.value.hint == "install g++, or leave `--compile` out"


@pytest.mark.slow  # torch.compile takes its time to find out
def test_compiling_without_a_compiler_is_an_error(tiny_flags: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "syncpano", "generate", "A lake", *tiny_flags, "--compile"]
    command += ["--seeds", "0,1"]  # the second is not tried
    fresh = {"CXX": "/nonexistent", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **fresh}, check=False
    )
    assert done.returncode == BAD_INPUT
    assert done.stderr.count("cannot be compiled") == 1
    assert "hint: install g++, or leave `--compile` out" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_noise_of_a_seed_does_not_depend_on_the_width_of_the_run_before() -> None:
    from syncpano.pipeline import initial_noise

    noise = initial_noise(3, 4, 8, 12)
    assert noise.dtype == torch.float32
    torch.manual_seed(3)
    assert torch.equal(noise, torch.randn((1, 4, 8, 12)))


def test_a_named_config_is_settings_of_a_panorama() -> None:
    both = preset("fast", "loop")
    assert both == {**preset("fast"), **preset("loop")}
    config = PanoramaConfig("A castle", **both)  # type: ignore[arg-type]
    assert (config.steps, config.loop) == (15, True)
    Path("mine.yaml").write_text("steps: 7\n")
    assert preset("fast", "mine.yaml")["steps"] == 7
    with pytest.raises(SyncPanoError, match="'fsat' is no named config"):
        preset("fsat")


def test_a_named_config_paints_what_it_does_on_the_command_line(
    tiny: dict[str, Any], tiny_flags: list[str], cli: Any
) -> None:
    cli("generate", "A waterfall", *tiny_flags, "--config", "first3", "--stride", 32, "--seed", 3)
    ours = generate("A waterfall", **{**tiny, **preset("first3")}, stride=32, seed=3).image
    assert np.array_equal(np.asarray(ours), np.asarray(Image.open("out/a-waterfall-3.png")))


def test_a_named_config_is_no_setting_and_its_hint_says_how_to_use_one() -> None:
    with pytest.raises(SyncPanoError, match="'config' in python is no setting") as caught:
        generate("A castle", config="fast")
    assert '**syncpano.preset("fast")' in caught.value.hint


def test_every_public_name_is_there() -> None:
    assert all(hasattr(syncpano, name) for name in syncpano.__all__)
    with pytest.raises(AttributeError):
        _ = syncpano.nothing
