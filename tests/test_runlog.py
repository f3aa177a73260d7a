"""The run log: what is no log is refused, and what is written can be read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from syncpano import png, runlog
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError

PICTURE = BytesIO()
Image.new("RGB", (3, 2), "teal").save(PICTURE, "PNG")


def begun(prompt: str = "A waterfall") -> runlog.Log:
    return runlog.begin(asdict(PanoramaConfig(prompt=prompt)), {"prompt": "flag"})


def test_a_begun_log_follows_the_schema() -> None:
    runlog.validate(begun())


def test_a_done_log_must_have_a_picture() -> None:
    with pytest.raises(ValueError, match="is a required property"):
        runlog.validate({**begun(), "status": "done", "model": {}, "windows": {}})


@given(st.text(max_size=200))
def test_any_prompt_survives_json_and_png(prompt: str) -> None:
    log = begun(prompt)
    assert json.loads(runlog.to_json(log)) == log
    path = Path("picture.png")
    path.write_bytes(runlog.embed(PICTURE.getvalue(), log))
    assert runlog.read(path) == log
    Image.open(path).load()


def test_text_does_not_change_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png.insert_text(PICTURE.getvalue(), {"a": "b", "c": "\u00e4\U0001f30b"}))
    picture = Image.open(path)
    assert picture.info == {"a": "b", "c": "\u00e4\U0001f30b"}
    assert picture.convert("RGB").getpixel((1, 1)) == (0, 128, 128)


def test_the_pixel_hash_is_the_sha_256_of_the_rgb_bytes_row_by_row() -> None:
    numbers = bytes(range(18))
    picture = Image.frombytes("RGB", (3, 2), numbers)
    assert runlog.pixel_hash(picture) == hashlib.sha256(numbers).hexdigest()


def test_the_pixel_hash_ignores_the_file_around_the_pixels() -> None:
    picture = Image.open(PICTURE)
    assert runlog.pixel_hash(picture) == runlog.pixel_hash(picture.convert("RGBA"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b""),
        ("a.json", b"[]"),
        ("a.json", b"{}"),
        ("a.json", b'{"schema": 1}'),
        ("a.json", b'{"schema": "syncpano.run/1"}'),
        ("a.json", b'{"schema": "syncpano.run/1", "config": [], "prompt": "a"}'),
        ("a.json", b'{"schema": "syncpano.run/2", "config": {}, "prompt": "a"}'),
        ("a.json", b"[" * 100_000),
        ("a.json", b"\xff\xfe"),
        ("a.png", PICTURE.getvalue()),
        ("a.png", PICTURE.getvalue()[:20]),
        ("a.png", png.SIGNATURE + b"\xff\xff\xff\xfftEXt" + b"a" * 10),
        ("a.png", png.insert_text(PICTURE.getvalue(), {"syncpano": "not json"})),
    ],
    ids=range(13),
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SyncPanoError):
        runlog.read(path)


def test_a_file_that_is_larger_than_any_log_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("a.json")
    runlog.write(path, begun())
    monkeypatch.setattr(runlog, "MAX_BYTES", path.stat().st_size)
    assert runlog.read(path) == begun()
    monkeypatch.setattr(runlog, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(SyncPanoError, match="larger than any run log"):
        runlog.read(path)


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(SyncPanoError, match="cannot be read"):
        runlog.read(tmp_path)


def test_parameters_text_names_prompt_and_settings() -> None:
    log = begun()
    log["config"]["negative_prompt"] = ""
    assert runlog.parameters_text(log).startswith("A waterfall\nSteps: 50, Sampler: ddim")
