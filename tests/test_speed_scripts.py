"""The scripts behind benchmarks/ run on tiny models: what they write, never how long they take."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def with_tiny_decoder(tiny_model: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    torch.manual_seed(0)
    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4
    ).save_pretrained(folder / "vae_tiny")
    return folder


def test_the_gradient_study_writes_table_plot_and_numbers(
    with_tiny_decoder: Path, squeeze_trunk: Path, tmp_path: Path
) -> None:
    page = tmp_path / "gradients.md"
    sizes = ("--width", 128, "--height", 64, "--steps", 4, "--at", "0,2", "--prompts", 1)
    loss = ("--loss", "lpips-squeeze", "--loss-weights", squeeze_trunk)
    run("gradient_study.py", "--model", with_tiny_decoder, *sizes, *loss, "--markdown", page)
    assert "| conditional branch |" in page.read_text()
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(page.with_suffix(".json").read_text())["found"]
    assert all(-1.001 <= entry["cosine"] <= 1.001 for entry in found)
    assert all(entry["ratio"] >= 0 for entry in found)


def test_the_frontier_writes_a_page_and_a_plot(with_tiny_decoder: Path, tmp_path: Path) -> None:
    page = tmp_path / "frontier.md"
    settings = ("width=128", "height=64", "steps=4", "stride=16", "dtype=float32", "loss=auto")
    run(
        *("frontier.py", "--model", with_tiny_decoder, "--samples", 1, "--references", 0),
        *("--rows", "MultiDiffusion", "--metrics", "colour,edges"),
        *("--out", tmp_path / "out", "--markdown", page),
        *(part for setting in settings for part in ("--set", setting)),
    )
    assert "| MultiDiffusion |" in page.read_text()
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_reference_is_compared_in_turns(tmp_path: Path) -> None:
    page = tmp_path / "reference.md"
    run("against_reference.py", "--rounds", 1, "--width", 320, "--markdown", page)
    assert "| reference |" in page.read_text()


def test_full_size_is_rehearsed_at_toy_size(tmp_path: Path) -> None:
    page = tmp_path / "full-size.md"
    run("full_size.py", "--toy", "--folder", tmp_path / "model", "--report", page)
    assert "| sync |" in page.read_text()
    assert not list(tmp_path.rglob("*.safetensors"))  # the checkpoint is taken away
