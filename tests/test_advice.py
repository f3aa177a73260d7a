"""Settings that change nothing, or more than was meant, are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncpano.advice import left_out, too_strong, without_effect
from syncpano.plan import plan
from tests.conftest import Outcome
from tests.test_checks import GOOD, SD


@pytest.mark.parametrize(
    ("change", "explicit", "said"),
    [
        ({"sync_weight": 0.0}, {"sync_freq"}, ["`--sync-freq` has no effect with `--w 0`"]),
        ({"method": "multi"}, {"loss", "seed"}, ["`--loss` has no effect with `--method multi`"]),
        ({"method": "independent"}, {"stride"}, ["`--stride` has no effect"]),
        ({"method": "independent", "loop": True}, {"loop"}, ["`--loop` has no effect"]),
        ({"windows": "shifted"}, {"stride"}, ["`--stride` has no effect"]),
        ({"method": "bld"}, {"blend"}, ["`--blend` has no effect with `--method bld`"]),
        ({"compare": "noisy"}, {"gradient"}, ["`--gradient` has no effect"]),
        (
            {"compare": "noisy", "predict_once": True},
            {"predict_once"},
            ["`--predict-once` has no effect"],
        ),
        ({"sync_weight": 0.0}, {"initial_span"}, ["`--initial-span` has no effect with `--w 0`"]),
        ({"method": "bld"}, {"window_batch"}, ["`--window-batch` has no effect"]),
        ({"guidance_scale": 1.0}, {"negative_prompt"}, ["`--negative-prompt` has no effect"]),
        ({"guided_share": 0.0}, {"guidance_scale"}, ["`--guidance-scale` has no effect"]),
        ({"width": 512}, {"sync_weight"}, ["`--sync-weight` has no effect with one window"]),
        ({"width": 512}, {"stride"}, ["`--stride` has no effect with one window"]),
        (
            {"width": 512, "sync_weight": 0.0},
            {"stride"},
            ["`--stride` has no effect with one window"],
        ),
        ({"width": 512, "loop": True, "stride": 512}, {"stride"}, []),  # of 128 there are four
        (
            {"width": 512, "method": "bld"},
            {"stride", "blend"},
            ["`--stride` has no effect with one window", "`--blend` has no effect"],
        ),
        (
            {"sync_decay": 0.0, "sync_freq": 10},
            {"sync_weight", "sync_decay"},
            ["`--sync-weight` has no effect with `--sync-decay 0`"],
        ),
        ({"refine": False}, {"refine"}, ["`--no-refine` has no effect with sd2"]),
        ({}, {"refine"}, ["`--refine` has no effect with sd2"]),
        (
            {"guidance_scale": 1.0, "gradient": "cond"},
            {"gradient"},
            ["`--gradient` has no effect with `--guidance-scale 1`"],
        ),
        ({"guidance_scale": 1.0}, {"gradient"}, []),
        ({}, {"sync_freq", "stride", "loss"}, []),
        ({"sync_weight": 0.0}, set(), []),
    ],
)
def test_a_setting_without_effect_is_named_if_somebody_asked_for_it(
    change: dict[str, object], explicit: set[str], said: list[str]
) -> None:
    found = without_effect(plan(replace(GOOD, **change), SD), SD, explicit)  # type: ignore[arg-type]
    assert len(found) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=True))


def test_the_style_loss_with_the_default_weight_is_doubted() -> None:
    style = replace(GOOD, loss="style")
    (sentence,) = too_strong(style, {"loss"})
    assert "w = 20" in sentence
    assert "`--w 0.1`" in sentence
    assert too_strong(style, {"loss", "sync_weight"}) == []
    assert too_strong(replace(style, method="multi"), {"loss"}) == []
    assert too_strong(replace(style, sync_weight=0.1), set()) == []  # of an earlier run
    assert too_strong(GOOD, set()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sync_every": 4}, None),
        ({"sync_every": 4, "height": 1024}, None),
        ({"sync_every": 5}, "`--sync-every 5` leaves 17% of the panorama to no window"),
        ({"sync_every": 5, "loop": True}, "4 or less covers all of it"),
        ({"sync_every": 9, "sync_weight": 0.0}, None),
        ({}, None),
    ],
    ids=str,
)
def test_windows_that_are_thinned_too_much_are_said_to_leave_places_out(
    changes: dict[str, Any], sentence: str | None
) -> None:
    found = left_out(plan(replace(GOOD, **changes), SD))
    assert len(found) == int(sentence is not None)
    assert all(str(sentence) in text for text in found)


def test_what_a_named_config_has_is_not_asked_for(cli: Callable[..., Outcome]) -> None:
    narrow = ("generate", "a", "--width", 512, "--dry-run")
    assert "no effect" not in cli(*narrow, "--config", "draft").err
    Path("mine.yaml").write_text("predict_once: true\n")
    assert "`--predict-once` has no effect" in cli(*narrow, "--config", "mine.yaml").err


def test_a_refiner_heeds_a_negative_prompt_without_guidance(cli: Callable[..., Outcome]) -> None:
    asked = ("generate", "a castle", "--negative-prompt", "snow", "--guidance-scale", 1)
    assert "no effect" not in cli(*asked, "--dry-run").err
    drawn = cli(*asked, "--no-refine", "--dry-run").err
    assert "`--negative-prompt` has no effect with `--guidance-scale 1`" in drawn
