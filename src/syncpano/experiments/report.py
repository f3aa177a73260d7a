"""An experiment as one HTML page that needs nothing but itself. No torch."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from syncpano.experiments.tables import Report, to_markdown
from syncpano.metrics.pictures import open_picture
from syncpano.pages import data_uri, fill

SHOWN_HEIGHT = 256  # pixels of the shorter side in the page
QUALITY = 82


def to_html(
    report: Report, shown: Mapping[tuple[str, str], Sequence[tuple[str, Path]]], plot: bytes | None
) -> str:
    """Tables, plot and pictures.

    Args:
        shown: layout and row name -> prompt and picture, in the order of the rows.
        plot: a PNG; None where nothing was measured.
    """
    title, how, *blocks = to_markdown(report).strip().split("\n\n")
    picture = "" if plot is None else _plot(plot)
    return fill(
        "report.html",
        TITLE=html.escape(title.removeprefix("# ")),
        HOW=_inline(how),
        HEIGHT=str(SHOWN_HEIGHT),
        TABLES="\n".join(_block(block) for block in blocks),
        PLOT=picture,
        PICTURES="\n".join(_rows(report, shown)),
    )


def _rows(report: Report, shown: Mapping[tuple[str, str], Sequence[tuple[str, Path]]]) -> list[str]:
    several = len(report.experiment.layouts) > 1
    parts = []
    for (layout, row), pictures in shown.items():
        heading = f"{row} ({layout})" if several else row
        parts.append(f"<section><h3>{html.escape(heading)}</h3>")
        parts += [_picture(prompt, path) for prompt, path in pictures]
        parts.append("</section>")
    return parts


def _picture(prompt: str, path: Path) -> str:
    image = open_picture(path)
    tall = image.height > image.width
    scale = SHOWN_HEIGHT / min(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    text = html.escape(prompt)
    kind = ' class="tall"' if tall else ""
    return (
        f'<div class="wide" tabindex="0"><img{kind} alt="{text}" src="{data_uri(image, QUALITY)}">'
        f'</div><p class="made">{text}</p>'
    )


def _plot(png: bytes) -> str:
    encoded = base64.b64encode(png).decode()
    return f'<div class="plot"><img alt="plot" src="data:image/png;base64,{encoded}"></div>'


def _block(markdown: str) -> str:
    """The few things that our own tables are made of: headings, tables, sentences."""
    if markdown.startswith("## "):
        return f"<h2>{_inline(markdown[3:])}</h2>"
    if not markdown.startswith("|"):
        return f"<p>{_inline(markdown)}</p>"
    header, _, *lines = [_cells(line) for line in markdown.splitlines()]
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0">{table}</div>'


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _inline(text: str) -> str:
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]*)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]*)\*\*", r"<strong>\1</strong>", escaped)
