"""Many pictures on one sheet, in columns: `python scripts/sheet.py OUT.jpg PICTURE...`.

For the grids that `syncpano reproduce` writes; what differs in height is laid without holes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from syncpano import files

GAP = 8  # pixels between pictures


def lay(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Pictures of one width in even columns, each filled from the top before the next."""
    each = -(-len(pictures) // columns)
    width = pictures[0].width
    stacks = [pictures[start : start + each] for start in range(0, len(pictures), each)]
    height = max(sum(picture.height + GAP for picture in stack) for stack in stacks) - GAP
    sheet = Image.new("RGB", (len(stacks) * (width + GAP) - GAP, height), "white")
    for column, stack in enumerate(stacks):
        top = 0
        for picture in stack:
            sheet.paste(picture, (column * (width + GAP), top))
            top += picture.height + GAP
    return sheet


def scaled(path: Path, width: int) -> Image.Image:
    """A picture in RGB, `width` pixels wide."""
    with Image.open(path) as picture:
        height = round(picture.height * width / picture.width)
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def main() -> None:
    """Scale the pictures, lay them out, save the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(":")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--columns", type=int, default=1)
    parser.add_argument("--width", type=int, default=1200, help="pixels of a column")
    parser.add_argument("--overwrite", action="store_true")
    arguments = parser.parse_args()
    if arguments.columns < 1:
        parser.error(f"--columns {arguments.columns}: a sheet has one at least")
    if arguments.out.suffix.lower() not in Image.registered_extensions():
        parser.error(f"{arguments.out} has no ending that says what picture it is")
    if arguments.out.exists() and not arguments.overwrite:
        parser.error(f"{arguments.out}, the sheet, exists: --overwrite replaces it")
    for path in arguments.pictures:
        if not path.is_file():
            parser.error(f"{path} is no file")
    files.check_writable(arguments.out.parent)
    pictures = [scaled(path, arguments.width) for path in arguments.pictures]
    partial = arguments.out.with_stem(f"{arguments.out.stem}.partial")
    lay(pictures, arguments.columns).save(partial, quality=88)
    partial.replace(arguments.out)


if __name__ == "__main__":
    main()
