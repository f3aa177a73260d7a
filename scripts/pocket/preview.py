"""A contact sheet, one picture a prompt: `python scripts/pocket/preview.py OUT.jpg [PROMPT...]`.

Single windows by default; `--width 3072 --config fast --columns 2` makes a sheet of panoramas.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from captions import OWN_PROMPTS, PAPER_PROMPTS
from PIL import Image
from script import run_main

from syncpano import files
from syncpano.config import PanoramaConfig
from syncpano.layers import preset
from syncpano.pipeline import Studio


def main() -> None:
    """Paint one picture a prompt, by default of every subject, and tile them."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("prompts", nargs="*", default=[*PAPER_PROMPTS, *OWN_PROMPTS])
    parser.add_argument("--model", default="pocket", help="pocket, or a folder of export.py's")
    parser.add_argument("--config", help="a named config; the defaults without it")
    parser.add_argument("--width", type=int, default=512, help="pixels of a picture, 512 high")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the next has the next")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--tile", type=int, default=200, help="pixels of a tile's height")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.out.suffix.lower() not in Image.registered_extensions():
        parser.error(f"{arguments.out} has no ending that says what picture it is")
    if arguments.columns < 1:
        parser.error(f"--columns {arguments.columns}: a sheet has one at least")
    files.check_writable(arguments.out.parent)
    torch.set_num_threads(arguments.threads)
    settings: dict[str, Any] = preset(arguments.config) if arguments.config else {}
    settings |= {"model": arguments.model, "width": arguments.width}
    studio, columns, height = Studio(), arguments.columns, arguments.tile
    width = height * arguments.width // 512
    rows = -(-len(arguments.prompts) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for i, prompt in enumerate(arguments.prompts):
        config = PanoramaConfig(**settings | {"prompt": prompt, "seed": arguments.seed + i})
        picture = studio.generate(config).image.resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (i % columns * width, i // columns * height))
    partial = arguments.out.with_stem(f"{arguments.out.stem}.partial")
    sheet.save(partial, quality=90)
    partial.replace(arguments.out)


if __name__ == "__main__":
    run_main(main)
