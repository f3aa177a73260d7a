"""From nothing to a picture, at toy size: trained, killed, gone on with, exported, painted with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.conftest import REPOSITORY, Outcome

SCRIPTS = REPOSITORY / "scripts" / "pocket"
pytest.importorskip("cv2", reason="the scenes are drawn with OpenCV")
BUDGET = 0.2  # minutes
PATIENCE = 300  # seconds, until a stage begins


def toy_recipe() -> dict[str, object]:
    recipe = yaml.safe_load((SCRIPTS / "recipe.yaml").read_text())
    recipe["renders"] |= {"per_subject": 4, "held_out_per_subject": 2}
    recipe["autoencoder"] |= {
        "latent_channels": 24,
        "context_channels": 8,
        "pca_renders_per_subject": 2,
    }
    recipe["refiner"] |= {"per_subject": 3, "out_of": 10, "width": 1024}
    for network in ("perceptual", "judge"):
        recipe["features"][network] = {"size": 64, "channels": [8, 16]}
    recipe["features"] |= {"palette_classes": 4, "batch": 4}
    recipe["diffusion"]["unet"] |= {"block_out_channels": [32, 32, 32]}
    recipe["diffusion"]["text"] |= {"hidden_size": 32, "vocabulary": 400, "batch": 8}
    recipe["diffusion"] |= {"fine_windows": 64, "batch": 4}
    return recipe


def steps_of(run: Path, stage: str) -> list[int]:
    """The steps that a stage has logged, in the order of the log."""
    log = run / "log.jsonl"
    entries = map(json.loads, log.read_text().splitlines()) if log.exists() else ()
    return [entry["step"] for entry in entries if entry["stage"] == stage]


def stop(
    command: list[str], begun: Callable[[], object], number: signal.Signals, words: Path
) -> int:
    """Start a training and stop it, and its processes, once a stage has begun: its exit code.

    Args:
        words: gets what it says on stderr.
    """
    with words.open("w") as stderr:
        training = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
    end = time.monotonic() + PATIENCE
    while not begun() and time.monotonic() < end:
        assert training.poll() is None, words.read_text()
        time.sleep(0.05)
    os.killpg(training.pid, number)
    return training.wait()


@pytest.mark.slow
def test_a_training_survives_kills_and_its_model_paints(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    run, recipe, model = tmp_path / "run", tmp_path / "toy.yaml", tmp_path / "model"
    recipe.write_text(yaml.safe_dump(toy_recipe()))
    train = [sys.executable, str(SCRIPTS / "train.py"), "--budget-minutes", str(BUDGET)]
    train += ["--folder", str(run), "--recipe", str(recipe), "--threads", "1"]
    train += ["--subjects", "castle", "alley"]

    said = tmp_path / "said.txt"
    assert stop(train, lambda: steps_of(run, "text"), signal.SIGKILL, said) == -signal.SIGKILL
    assert stop(train, lambda: steps_of(run, "perceptual"), signal.SIGINT, said) == 130
    assert said.read_text().endswith("interrupted: the same command goes on from here\n")
    assert "Traceback" not in said.read_text()
    assert (run / "perceptual.checkpoint.pt").exists()
    # The schedule is written when the UNet is about to be trained.
    assert stop(train, (run / "scheduler").exists, signal.SIGKILL, said) == -signal.SIGKILL
    subprocess.run(train, check=True, capture_output=True)
    assert steps_of(run, "perceptual").count(0) == 1  # it went on and did not begin again

    export = [sys.executable, str(SCRIPTS / "export.py"), "--folder", str(run)]
    subprocess.run([*export, "--out", str(model)], check=True, capture_output=True)
    done = cli("generate", "A castle", "--model", model, "--width", 512, "--steps", 2)
    assert done.code == 0, done.err
    assert Image.open(done.out.strip()).size == (512, 512)
