"""A picture and its run log appear together; where there is a picture, all of it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from syncpano import runlog
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.saving import save


@pytest.fixture
def log() -> runlog.Log:
    log = runlog.begin(asdict(PanoramaConfig("A lake")), {})
    log["image"] = {"path": None, "width": 3, "height": 2, "sha256": "0" * 64}
    return log


def failing_at(number: int, real: Callable[..., object]) -> Callable[..., object]:
    """A call that fails when it is made for that time, from 1 on."""
    calls = []

    def call(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == number:
            raise OSError(5, "Input/output error")
        return real(*arguments, **options)

    return call


def test_there_is_no_picture_without_a_log(
    log: runlog.Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", failing_at(2, Path.replace))
    with pytest.raises(SyncPanoError, match=r"a.png cannot be written: Input/output error"):
        save(Image.new("RGB", (3, 2)), log, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
