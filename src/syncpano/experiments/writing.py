"""Write what an experiment found: tables, plots, grids and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from syncpano import files
from syncpano.experiments.gallery import Exhibition
from syncpano.experiments.grids import compare
from syncpano.experiments.plots import draw
from syncpano.experiments.report import to_html
from syncpano.experiments.request import COMMAND_FILE, results_in
from syncpano.experiments.spec import Experiment
from syncpano.experiments.tables import Report, to_csv, to_json, to_markdown
from syncpano.metrics.pictures import open_picture
from syncpano.saving import encode


def write(
    folder: Path,
    report: Report,
    exhibition: Exhibition,
    record: str,
    on_file: Callable[[Path], None] = lambda _: None,
) -> None:
    """Write everything into `folder`, and take away what is left of another command.

    Args:
        record: of `Request`.
        on_file: told of each file.
    """
    shown = {
        place: [(painting.config.prompt, painting.path) for painting in paintings]
        for place, paintings in exhibition.shown.items()
    }
    # First: a command that is killed from here on can be repeated.
    files.write_atomic(folder / COMMAND_FILE, record.encode(), overwrite=True)
    stale = results_in(folder)
    contents: dict[str, bytes] = {}
    plot = None
    if report.experiment.kind != "grid":
        plot = draw(report)
        contents |= {
            "table.md": to_markdown(report).encode(),
            "table.csv": to_csv(report).encode(),
            "table.json": files.readable(
                json.dumps(to_json(report), indent=2, ensure_ascii=False)
            ).encode(),
            "plot.png": plot,
        }
    for name, content in contents.items():
        _write(folder / name, content, on_file)
    if report.experiment.kind == "grid":
        for name, picture in _grids(report.experiment, exhibition):
            _write(folder / name, encode(picture), on_file)
            stale.discard(folder / name)
    _write(folder / "report.html", to_html(report, shown, plot).encode(), on_file)
    for path in stale - {folder / name for name in (*contents, "report.html")}:
        path.unlink()


def _grids(experiment: Experiment, exhibition: Exhibition) -> Iterator[tuple[str, Image.Image]]:
    """File name and sheet for every layout and prompt, one after the other."""
    labels = [row.name for row in experiment.rows]
    slugs = files.slugs(p.config.prompt for shown in exhibition.shown.values() for p in shown)
    for layout in experiment.layouts:
        strips = [exhibition.shown[layout.name, label] for label in labels]
        for paintings in zip(*strips, strict=True):
            prompt = paintings[0].config.prompt
            pictures = [open_picture(painting.path) for painting in paintings]
            name = f"grid-{layout.name}-{slugs[prompt]}.png"
            yield name, compare(pictures, labels, prompt)


def _write(path: Path, content: bytes, on_file: Callable[[Path], None]) -> None:
    files.write_atomic(path, content, overwrite=True)
    on_file(path)
