"""The built wheel carries what it needs and runs outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
MAX_WHEEL_BYTES = 70 * 2**20


def call(*arguments: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    call(sys.executable, *build, cwd=REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_configs_schema_licence_and_nothing_of_the_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "syncpano/runlog.schema.json" in names
    assert "syncpano/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for config in (REPOSITORY / "configs").rglob("*.yaml"):
        assert f"syncpano/configs/{config.relative_to(REPOSITORY / 'configs')}" in names
    for data in (REPOSITORY / "src" / "syncpano" / "pocket").rglob("*.*"):
        assert str(data.relative_to(REPOSITORY / "src")) in names
    assert all(name.startswith(("syncpano/", "syncpano-")) for name in names)


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= MAX_WHEEL_BYTES


def test_the_wheel_runs_outside_the_checkout(wheel: Path, tiny_model: Path, tmp_path: Path) -> None:
    """Its dependencies are borrowed from this environment, syncpano itself is not."""
    call(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    call(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    # A path line comes after the environment's own packages and runs no .pth file of the other.
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    where = call(python, "-c", "import syncpano; print(syncpano.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(site)
    command = tmp_path / "venv" / "bin" / "syncpano"
    assert "paper" in call(command, "config", "list", cwd=tmp_path)
    flags = ("--width", 96, "--height", 64, "--steps", 1, "--w", 0, "--model", tiny_model)
    printed = call(command, "generate", "A waterfall", *flags, "-o", "a.png", cwd=tmp_path)
    assert printed == "a.png\n"
    assert "A waterfall" in call(command, "info", "a.png", cwd=tmp_path)
