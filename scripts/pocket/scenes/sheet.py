"""Draw a contact sheet: python -m scenes.sheet SUBJECT... --out FILE.png (with PYTHONPATH=scripts/pocket)."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from syncpano import files

from . import render
from .attributes import STYLES, TIMES, WEATHERS


def main() -> None:
    """Render, label and tile."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("subjects", nargs="+")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("-n", type=int, default=8, help="renders per subject")
    p.add_argument("--columns", type=int, default=4)
    p.add_argument("--width", type=int, default=512, help="width of each render in px")
    p.add_argument("--tile", type=int, default=256, help="height of a tile in px")
    p.add_argument("--seed", type=int, default=0)
    for name, values in (("style", STYLES), ("time", TIMES), ("weather", WEATHERS)):
        p.add_argument(f"--{name}", choices=values)
    a = p.parse_args()
    if not cv2.haveImageWriter(str(a.out)):
        p.error(f"{a.out} has no ending that says what picture it is")
    files.check_writable(a.out.parent)
    cv2.setNumThreads(1)
    forced = {k: getattr(a, k) for k in ("style", "time", "weather") if getattr(a, k)}
    tiles, spent = [], []
    for subject in a.subjects:
        for k in range(a.n):
            start = time.perf_counter()
            image, attrs = render(a.seed + k, subject, a.width)
            if forced:
                image, attrs = render(a.seed + k, subject, a.width, replace(attrs, **forced))
            spent.append(time.perf_counter() - start)
            tile = cv2.resize(image, (a.tile * a.width // 512, a.tile), interpolation=cv2.INTER_AREA)
            text = f"{attrs.time} {attrs.weather} {attrs.season} {attrs.style}"
            cv2.putText(tile, text, (4, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255, 255, 0), 1, cv2.LINE_AA)
            tiles.append(tile)
    while len(tiles) % a.columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[k : k + a.columns]) for k in range(0, len(tiles), a.columns)]
    _, encoded = cv2.imencode(a.out.suffix, np.vstack(rows)[..., ::-1])
    files.write_atomic(a.out, encoded.tobytes(), overwrite=True)
    print(f"{len(spent)} renders, median {1000 * np.median(spent):.0f} ms of width {a.width}")


if __name__ == "__main__":
    main()
