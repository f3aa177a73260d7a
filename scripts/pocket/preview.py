"""A contact sheet of single windows: `python scripts/pocket/preview.py OUT.jpg [PROMPT...]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from captions import PAPER_PROMPTS
from PIL import Image

from syncpano.config import PanoramaConfig
from syncpano.pipeline import Studio


def main() -> None:
    """Sample one window a prompt, by default of all the paper's, and tile them."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("prompts", nargs="*", default=list(PAPER_PROMPTS))
    parser.add_argument("--model", default="pocket", help="pocket, or a folder of export.py's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--tile", type=int, default=200, help="pixels")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    studio, tile, columns = Studio(), arguments.tile, arguments.columns
    sheet = Image.new("RGB", (columns * tile, -(-len(arguments.prompts) // columns) * tile))
    for i, prompt in enumerate(arguments.prompts):
        config = PanoramaConfig(
            prompt=prompt,
            model=arguments.model,
            width=512,
            steps=arguments.steps,
            seed=arguments.seed + i,
        )
        window = studio.generate(config).image.resize((tile, tile), Image.Resampling.LANCZOS)
        sheet.paste(window, (i % columns * tile, i // columns * tile))
    sheet.save(arguments.out, quality=90)


if __name__ == "__main__":
    main()
