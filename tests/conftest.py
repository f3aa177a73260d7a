"""Every test runs in an empty folder, with an empty home, without a network and on one thread."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from syncpano.losses.perceptual import PerceptualLoss
    from syncpano.models.stable_diffusion import LatentDiffusion

# The libraries read these when they are imported, so they are set before any test imports one.
_HOME = tempfile.TemporaryDirectory(prefix="syncpano-tests-")
for _name, _value in {
    "HOME": _HOME.name,
    "HF_HOME": f"{_HOME.name}/huggingface",
    "TORCH_HOME": f"{_HOME.name}/torch",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}.items():
    os.environ[_name] = _value
for _name in [name for name in os.environ if name.startswith("SYNCPANO_")]:
    del os.environ[_name]

# Some tests send Ctrl-C, which would be ignored in the background of a script.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("syncpano", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("syncpano")

REPOSITORY = Path(__file__).parents[1]


class Outcome(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line in this process, errors and exit codes as in the installed command."""
    from syncpano.cli import run

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable-Diffusion-shaped checkpoint of random weights: window 64 px, VAE factor 8."""
    from tests.tiny import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def squeeze_trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SqueezeNet trunk of random weights, for `--loss lpips-squeeze --loss-weights`."""
    from tests.tiny import tiny_trunk

    return tiny_trunk(tmp_path_factory.mktemp("trunks") / "squeeze.safetensors")


@pytest.fixture
def tiny_flags(tiny_model: Path, squeeze_trunk: Path) -> list[str]:
    """Flags of a synchronised run of well under a second."""
    flags = {
        "--model": tiny_model,
        "--width": 96,
        "--height": 64,
        "--steps": 2,
        "--device": "cpu",
        "--dtype": "float32",
        "--loss": "lpips-squeeze",
        "--loss-weights": squeeze_trunk,
    }
    return [str(part) for pair in flags.items() for part in pair]


@pytest.fixture(scope="session")
def tiny(tiny_model: Path) -> LatentDiffusion:
    """The tiny checkpoint, loaded as every model is."""
    from syncpano.models.load import load_model
    from syncpano.models.source import resolve_source

    return load_model(resolve_source(str(tiny_model), download=False), "cpu", "float32")


@pytest.fixture(scope="session")
def squeeze(tiny: LatentDiffusion, squeeze_trunk: Path) -> PerceptualLoss:
    """LPIPS on the random SqueezeNet trunk."""
    from syncpano.losses.load import load_loss

    return load_loss("lpips-squeeze", device="cpu", weights=squeeze_trunk, source=tiny.source)
