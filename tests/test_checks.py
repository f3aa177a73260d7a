"""What cannot work is refused before a weight is read, with a value that can."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from syncpano.checks import validate
from syncpano.config import PanoramaConfig, Windows
from syncpano.errors import BAD_INPUT, SyncPanoError
from syncpano.models.source import ModelSource
from syncpano.plan import count_calls, plan
from syncpano.windows import Blend

SD = ModelSource(
    id="sd2",
    folder=None,
    revision=None,
    family="sd",
    window=64,
    vae_factor=8,
    latent_channels=4,
    licence="test",
    trained_steps=1000,
    clips=False,
    has_refiner=False,
)
GOOD = PanoramaConfig(prompt="A waterfall")


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"prompt": ""}, "the prompt is empty", "say what to paint"),
        ({"prompt": " \n\t"}, "the prompt is empty", "say what to paint"),
        ({"prompt": "a\udcff"}, "the prompt is not valid text at character 1", "UTF-8"),
        ({"width": 504}, "width 504 is smaller than a window of 512", "`--width 512`"),
        ({"height": 0}, "height 0 is smaller", "`--height 512`"),
        ({"height": -512}, "height -512 is smaller", "`--height 512`"),
        ({"width": 3001}, "width 3001 is not a multiple of 8", "`--width 3000` or `--width 3008`"),
        ({"width": 8 * 10**9}, "more than", "smaller panorama"),
        ({"stride": 0}, "stride 0 is not between 8 and", "`--stride 128`"),
        ({"stride": -8}, "stride -8 is not between", "`--stride 128`"),
        ({"stride": 520}, "stride 520 is not between", "`--stride 128`"),
        ({"stride": 100}, "stride 100 is not a multiple of 8", "`--stride 96`"),
        ({"loop": True, "width": 3000}, "close a loop of 3000", "`--width 2944` or `--width 3072`"),
        ({"loop": True, "width": 520}, "close a loop of 520", "`--width 512` or `--width 640`"),
        ({"sync_weight": -1.0}, "`--w -1.0` is out of range", "at least 0"),
        ({"sync_weight": math.nan}, "`--w nan` is not a finite", "give a number"),
        ({"sync_weight": math.inf}, "`--w inf` is not a finite", "give a number"),
        ({"sync_decay": 1.5}, "`--sync-decay 1.5` is out of range", "between 0 and 1"),
        ({"sync_freq": 51}, "`--sync-freq 51` is out of range", "between 1 and 50"),
        ({"sync_freq": 0}, "`--sync-freq 0` is out of range", "between 1 and 50"),
        ({"initial_steps": 0}, "`--initial-steps 0`", "at least 1"),
        ({"sync_freq": 5, "initial_steps": 3}, "first time at step 10", "`--initial-steps 10`"),
        ({"initial_span": 0.1}, "which steps are initial", "`--initial-steps`"),
        ({"initial_span": 0.1, "initial_steps": 8}, "ddim takes even steps", "dpmsolver++"),
        ({"initial_span": 0.2, "initial_steps": 8, "scheduler": "dpmsolver++"},
         "`--initial-span 0.2` is out of range", "between 0.01 and 0.16"),
        ({"sync_every": 0}, "`--sync-every 0`", "at least 1"),
        ({"steps": 0}, "`--steps 0`", "at least 1"),
        ({"steps": 1001}, "`--steps 1001`", "between 1 and 1000"),
        ({"guidance_scale": math.nan}, "`--guidance-scale nan`", "give a number"),
        ({"guided_share": 1.5}, "`--guided-share 1.5` is out of range", "between 0 and 1"),
        ({"temperature": 0.0}, "`--temperature 0.0` is out of range", "between 0.01 and 1"),
        ({"seed": -1}, "`--seed -1`", "at least 0"),
        ({"seed": 2**63}, "is out of range", "between 0 and"),
        ({"seed": 10**400}, "is out of range", "between 0 and"),
        ({"window_batch": 0}, "`--window-batch 0`", "at least 1"),
        ({"window_batch": 10**400}, "is out of range", "between 1 and"),
        ({"initial_steps": 10**400, "initial_span": 0.1, "scheduler": "dpmsolver++"},
         "is out of range", "between 1 and"),
        ({"loss_size": 8}, "`--loss-size 8`", "between 32 and"),
        ({"loss_weights": "missing.safetensors"}, "missing.safetensors is no file", "safetensors"),
        ({"loss": "pocket"}, "no perceptual/ folder", "lpips-vgg"),
        ({"method": "independent", "width": 3080}, "whole number of windows", "`--width 3072`"),
        ({"method": "bld", "windows": "shifted"}, "does not go with", "sync and multi"),
        ({"scheduler": "euler"}, "not one of ddim", "use one of"),
        ({"width": "3072"}, "'3072' is text", "width=3072"),
        ({"stride": "auto"}, "'auto' is text", "stride=None"),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_value_is_refused_with_one_that_works(
    change: dict[str, object], said: str, hint: str
) -> None:
    with pytest.raises(SyncPanoError) as caught:
        validate(replace(GOOD, **change), SD)  # type: ignore[arg-type]
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == BAD_INPUT


def test_the_hint_of_a_loop_that_does_not_close_gives_widths_that_do() -> None:
    for width in (2944, 3072):
        validate(replace(GOOD, loop=True, width=width), SD)


def test_a_schedule_that_clips_wants_the_solver_that_can() -> None:
    clipping = replace(SD, clips=True)
    validate(GOOD, clipping)
    with pytest.raises(SyncPanoError, match="unipc cannot clip") as caught:
        validate(replace(GOOD, scheduler="unipc"), clipping)
    assert "`--scheduler ddim`" in caught.value.hint


def test_the_paper_has_21_windows_and_its_weights() -> None:
    layout = plan(GOOD, SD)
    grid = layout.grid(0)
    assert (len(grid.windows), grid.anchor, layout.stride) == (21, 10, 16)
    assert layout.weights[0] == 20.0
    assert len(layout.weights) == 50


@pytest.mark.parametrize(
    ("change", "predictions", "gradients", "decodes"),
    [
        ({"sync_weight": 0.0}, 21 * 50, 0, 0),
        ({}, (21 + 20) * 50, 20 * 50, 21 * 50),
        ({"initial_steps": 3}, 21 * 50 + 20 * 3, 20 * 3, 21 * 3),
        ({"sync_freq": 10}, 21 * 50 + 20 * 10, 20 * 10, 21 * 10),
        ({"sync_decay": 0.0}, 21 * 50 + 20, 20, 21),
        ({"sync_freq": 10, "predict_once": True}, 21 * 50, 20 * 10, 21 * 10),
        ({"compare": "noisy", "sync_freq": 1}, 21 * 50, 0, 21),
        ({"compare": "noisy", "sync_freq": 1, "sync_every": 2}, 21 * 50, 0, 11),
        ({"width": 512}, 50, 0, 0),
        ({"sync_every": 2, "sync_freq": 1}, 21 * 50 + 1 + 10, 10, 11),
        ({"method": "independent"}, 6 * 50, 0, 0),
        ({"method": "bld"}, 21 * 50, 0, 0),
    ],
    ids=str,
)
def test_model_calls_are_counted(
    change: dict[str, object], predictions: int, gradients: int, decodes: int
) -> None:
    calls = count_calls(plan(replace(GOOD, **change), SD))  # type: ignore[arg-type]
    assert (calls.predictions, calls.gradients, calls.decodes) == (predictions, gradients, decodes)


@pytest.mark.parametrize("windows", get_args(Windows))
@pytest.mark.parametrize("blend", get_args(Blend))
def test_windows_blend_as_they_are_told(windows: Any, blend: Any) -> None:
    assert plan(replace(GOOD, windows=windows, blend=blend), SD).grid(0).blend == blend


@pytest.mark.parametrize("how", [{}, {"windows": "shifted"}, {"method": "bld"}], ids=str)
def test_windows_of_a_loop_alone_wrap(how: dict[str, Any]) -> None:
    for loop in (True, False):
        grid = plan(replace(GOOD, loop=loop, **how), SD).grid(0)
        assert any(window.left + window.size > grid.width for window in grid.windows) == loop


def test_thinning_leaves_some_window_to_descend_for() -> None:
    """Those at open borders always; the 24 windows of a loop have no border."""
    assert count_calls(plan(replace(GOOD, sync_every=99), SD)).decodes == 3 * 50
    assert count_calls(plan(replace(GOOD, sync_every=23, loop=True), SD)).decodes == 2 * 50
    with pytest.raises(SyncPanoError) as caught:
        plan(replace(GOOD, sync_every=24, loop=True), SD)
    assert "`--sync-every 23` or less" in caught.value.hint
    assert not plan(replace(GOOD, width=512), SD).weights


def test_loss_weights_may_be_any_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trunk.safetensors").touch()
    validate(replace(GOOD, loss_weights=str(tmp_path / "trunk.safetensors")), SD)
    monkeypatch.setenv("HOME", str(tmp_path))
    validate(replace(GOOD, loss_weights="~/trunk.safetensors"), SD)
    with pytest.raises(SyncPanoError, match=r"other\.pth is no file"):
        validate(replace(GOOD, loss_weights="~/other.pth"), SD)
