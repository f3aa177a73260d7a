"""Files appear whole or not at all; names are safe everywhere."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncpano import files
from syncpano.errors import BAD_INPUT, RUN_FAILED, SyncPanoError


@given(st.text(max_size=300))
def test_a_slug_is_safe_and_bounded_for_any_text(text: str) -> None:
    slug = files.slug(text)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", slug)
    assert len(slug) <= files.SLUG_LENGTH


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("A waterfall", "a-waterfall"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c\n d", "a-b-c-d"),
        ("Café at night", "cafe-at-night"),
        ("CON", "con"),
    ],
)
def test_a_slug_keeps_the_words(text: str, slug: str) -> None:
    assert files.slug(text) == slug


def test_slugs_of_different_long_prompts_differ() -> None:
    assert files.slug("a " * 5000 + "cat") != files.slug("a " * 5000 + "dog")


def test_texts_of_one_slug_are_told_apart() -> None:
    found = files.slugs(["A castle", "A castle!", "A lake", "A lake", "A Castle"])
    assert found["A lake"] == "a-lake"
    assert found["A castle"] == "a-castle"  # as in a list without the others
    assert len(set(found.values())) == 4
    assert all(name.startswith("a-castle") for text, name in found.items() if "lake" not in text)


def test_slugs_of_different_emoji_differ() -> None:
    assert files.slug("\U0001f30b") != files.slug("\U0001f30a")


def test_writing_makes_missing_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    files.write_atomic(path, b"content")
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    files.write_atomic(tmp_path / "ours", b"")
    usual, ours = ((tmp_path / name).stat().st_mode for name in ("usual", "ours"))
    assert stat.S_IMODE(usual) == stat.S_IMODE(ours)


def test_writing_does_not_overwrite_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(SyncPanoError, match="exists already"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    files.write_atomic(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"


def test_a_failed_write_keeps_the_old_file_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SyncPanoError, match="No space left") as caught:
        files.write_atomic(path, b"new", overwrite=True)
    assert caught.value.exit_code == RUN_FAILED
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_belong_together_are_all_replaced_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = paths = [tmp_path / "first", tmp_path / "second"]
    files.write_together(dict.fromkeys(paths, b"old"))
    synced = iter([None, OSError(28, "No space left on device")])

    def fills_up(_: int) -> None:
        if error := next(synced):
            raise error

    monkeypatch.setattr(os, "fsync", fills_up)
    with pytest.raises(SyncPanoError, match="second cannot be written"):
        files.write_together(dict.fromkeys(paths, b"new"), overwrite=True)
    assert first.read_bytes() == second.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == paths


def test_a_folder_in_the_place_of_one_keeps_all_of_them_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "key.json").mkdir()
    contents = {tmp_path / "form.html": b"form", tmp_path / "key.json": b"key"}
    with pytest.raises(SyncPanoError, match="is a folder"):
        files.write_together(contents, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["key.json"]


def test_a_text_that_no_file_can_be_named_is_its_own_short_name(tmp_path: Path) -> None:
    assert files.short_name("a blurry, " * 30) == "a blurry, " * 30
    assert files.short_name(str(tmp_path)) == tmp_path.name


def test_a_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyncPanoError) as caught:
        files.check_writable(tmp_path / "file" / "folder")
    assert caught.value.exit_code == BAD_INPUT
