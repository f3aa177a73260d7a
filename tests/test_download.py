"""Fetching a model with the real Hub client, from a Hub on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake_hub import COMMIT, serve

REPO = "someone/tiny"
PULL = f"""
import sys
from syncpano.errors import SyncPanoError
from syncpano.models.source import pull, resolve_source
try:
    source = pull("{REPO}", progress=False)
except SyncPanoError as error:
    print(error.exit_code, error.message, error.hint)
else:
    assert resolve_source("{REPO}", download=False) == source
    print(source.revision, source.window, source.folder)
"""


CLIP = f"""
from syncpano.models import hub
folder = hub.cached_clip("{REPO}") or hub.download_clip("{REPO}")
print(*sorted(path.name for path in folder.iterdir()))
"""


def pull(endpoint: str, home: Path, script: str = PULL) -> str:
    """Run a script in a process of its own: the client reads its settings at import."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture
def repository(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint with things beside it that nobody needs."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "repository"))
    for useless in ("sd.ckpt", "README.md", "unet/diffusion_pytorch_model.bin", "sd.safetensors"):
        (folder / useless).write_bytes(b"useless")
    return folder


def test_a_pulled_model_is_what_it_needs_and_names_its_commit(
    repository: Path, tmp_path: Path
) -> None:
    with serve(repository, REPO) as (endpoint, fetched):
        revision, window, folder = pull(endpoint, tmp_path / "home").split()
    assert (revision, window) == (COMMIT, "8")
    kinds = (".json", ".txt", ".safetensors")
    assert fetched
    assert all(name.endswith(kinds) and name != "sd.safetensors" for name in fetched)
    assert sorted(fetched) == sorted(
        str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()
    )


def test_a_second_pull_fetches_nothing_twice(repository: Path, tmp_path: Path) -> None:
    with serve(repository, REPO) as (endpoint, fetched):
        pull(endpoint, tmp_path / "home")
        fetched.clear()
        pull(endpoint, tmp_path / "home")
    assert fetched == []


def test_a_gated_repository_says_what_to_do(repository: Path, tmp_path: Path) -> None:
    with serve(repository, REPO, gated=True) as (endpoint, _):
        said = pull(endpoint, tmp_path / "home")
    assert "is gated" in said
    assert "hf auth login" in said


def test_a_repository_that_is_not_there_is_a_clear_error(repository: Path, tmp_path: Path) -> None:
    with serve(repository, "someone/else") as (endpoint, _):
        assert "does not exist on the Hub" in pull(endpoint, tmp_path / "home")


def test_a_repository_without_safetensors_is_a_clear_error(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with serve(repository, REPO) as (endpoint, fetched):
        assert "no safetensors weights for vae" in pull(endpoint, tmp_path / "home")
    assert fetched == []


@pytest.mark.parametrize(
    ("file", "entry"),
    [
        ("model_index.json", {"text_encoder_2": ["transformers", "CLIPTextModel"]}),
        ("unet/config.json", {"time_cond_proj_dim": 256}),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}),
    ],
    ids=["another pipeline", "another network", "another schedule"],
)
def test_a_model_that_is_not_supported_is_refused_before_its_weights_are_fetched(
    repository: Path, tmp_path: Path, file: str, entry: dict[str, object]
) -> None:
    described = json.loads((repository / file).read_text())
    (repository / file).write_text(json.dumps(described | entry))
    with serve(repository, REPO) as (endpoint, fetched):
        said = pull(endpoint, tmp_path / "home")
    assert said.startswith(f"2 {REPO} ")
    assert "not supported" in said
    assert file in fetched
    assert not [name for name in fetched if name.endswith(".safetensors")]


@pytest.mark.parametrize(
    ("weights", "fetched_weights"),
    [
        (("pytorch_model.bin",), "pytorch_model.bin"),
        (("pytorch_model.bin", "model.safetensors"), "model.safetensors"),
    ],
)
def test_clip_is_fetched_once_and_as_a_pickle_only_where_there_is_nothing_else(
    tmp_path: Path, weights: tuple[str, ...], fetched_weights: str
) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    for name in ("config.json", "vocab.json", "merges.txt", "tf_model.h5", *weights):
        (folder / name).write_text(name)
    expected = sorted(["config.json", "vocab.json", "merges.txt", fetched_weights])
    with serve(folder, REPO) as (endpoint, fetched):
        for _ in range(2):
            assert pull(endpoint, tmp_path / "home", CLIP).split() == expected
    assert sorted(fetched) == expected
