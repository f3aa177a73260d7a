"""What the command line says about the embedded model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from syncpano import runlog
from syncpano.config import LossName
from syncpano.models.card import read_card
from syncpano.models.source import POCKET_FOLDER
from tests.conftest import Outcome

pytestmark = pytest.mark.skipif(
    not (POCKET_FOLDER / "model_index.json").is_file(),
    reason="this checkout carries no trained pocket model",
)
QUICK = ("--width", 512, "--steps", 1, "--device", "cpu")


def test_one_line_says_who_painted_and_what_paints_photographs(
    cli: Callable[..., Outcome],
) -> None:
    done = cli("generate", "A waterfall", *QUICK, "--seeds", "1,2")
    assert done.code == 0, done.err
    (line,) = [line for line in done.err.splitlines() if line.startswith("painted by pocket")]
    assert "`--model sd2` paints photographs (5.2 GB download, GPU advised)" in line


def test_words_that_pocket_does_not_know_are_named_once(cli: Callable[..., Outcome]) -> None:
    done = cli("generate", "A waterfall with a xylophone", *QUICK, "--seeds", "1,2")
    assert done.code == 0, done.err
    assert done.err.count("pocket does not know: xylophone") == 1


def test_quiet_is_quiet(cli: Callable[..., Outcome]) -> None:
    assert cli("generate", "A xylophone", *QUICK, "--quiet").err == ""


def test_a_latent_of_no_picture_fails_with_a_log_and_the_batch_goes_on(
    cli: Callable[..., Outcome],
) -> None:
    flags = ("--width", 512, "--steps", 2, "--w", 0, "--guidance-scale", "1e10", "--device", "cpu")
    done = cli("generate", "A castle", *flags, "--seeds", "1,2")
    assert done.code == 1
    assert done.err.count("the sampled latent is far from that of any picture") == 2
    logs = [runlog.read(path) for path in sorted(Path("out").iterdir())]
    assert [log["status"] for log in logs] == ["failed", "failed"]
    assert cli("generate", "A castle", *flags, "--no-refine").code == 0


def test_the_card_scales_losses_that_there_are() -> None:
    """A misspelt name would leave a loss at full strength."""
    scaled = read_card(POCKET_FOLDER).loss_scales.keys()
    assert "pocket" in scaled
    assert scaled <= set(get_args(LossName))


def test_a_dry_run_warns_of_what_the_run_would_warn_of(cli: Callable[..., Outcome]) -> None:
    done = cli("generate", "A waterfall", "--dry-run", "--loss", "style")
    assert done.code == 0, done.err
    assert "add `--w 0.1`" in done.err
