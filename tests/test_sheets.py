"""Pictures of an experiment on one sheet, and labels that can be read on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

from syncpano.experiments.grids import compare
from tests.conftest import REPOSITORY


def test_a_sheet_shows_every_picture_once_in_columns(tmp_path: Path) -> None:
    paths = []
    for index, (colour, height) in enumerate([("red", 20), ("lime", 40), ("blue", 20)]):
        paths.append(tmp_path / f"{index}.png")
        Image.new("RGB", (80, height), colour).save(paths[-1])
    out = tmp_path / "sheet.png"
    script = str(REPOSITORY / "scripts" / "sheet.py")
    command = [sys.executable, script, str(out), *map(str, paths)]
    subprocess.run([*command, "--columns", "2", "--width", "40"], check=True)
    sheet = Image.open(out)
    assert sheet.size == (40 + 8 + 40, 10 + 8 + 20)  # red above lime, blue beside them
    assert (40 * 20, (0, 255, 0)) in (sheet.getcolors() or [])
    assert sheet.getpixel((5, 5)) == (255, 0, 0)
    assert sheet.getpixel((60, 5)) == (0, 0, 255)


def test_a_sheet_replaces_no_picture_unless_asked_to() -> None:
    """Such as the first of the pictures, where the sheet's own name was forgotten."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 10), "red").save(name)
    before = Path("a.png").read_bytes()
    command = [sys.executable, str(REPOSITORY / "scripts" / "sheet.py"), "a.png", "b.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "a.png, the sheet, exists: --overwrite replaces it" in done.stderr
    assert Path("a.png").read_bytes() == before
    assert subprocess.run([*command, "--overwrite"]).returncode == 0
    assert Path("a.png").read_bytes() != before


def test_a_sheet_without_columns_is_refused() -> None:
    Image.new("RGB", (8, 8)).save("a.png")
    script = str(REPOSITORY / "scripts" / "sheet.py")
    command = [sys.executable, script, "sheet.png", "a.png", "--columns", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: --columns 0: a sheet has one at least" in done.stderr
    assert not Path("sheet.png").exists()


def test_labels_grow_with_the_pictures() -> None:
    def label_rows(width: int) -> int:
        grid = compare([Image.new("RGB", (width, 10), "white")], ["w=20"], "")
        ink = grid.convert("L").point(lambda value: 255 * (value < 128)).getbbox()
        assert ink is not None
        return ink[3] - ink[1]

    assert label_rows(3072) > 2 * label_rows(512)
