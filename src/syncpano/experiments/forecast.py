"""What an experiment would paint, before hours of it: `syncpano reproduce --dry-run`. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from syncpano.console import aligned
from syncpano.downloads import missing
from syncpano.experiments.gallery import Exhibition, Painting
from syncpano.experiments.request import Request


def forecast(request: Request) -> str:
    """Rows with their panoramas, those that are missing, and what these cost.

    What rows share counts in the first of them. The time goes by what the panoramas that are
    there have taken, where there are any.

    Raises:
        SyncPanoError: a row cannot work with the model.
    """
    exhibition = request.exhibition()
    everything = exhibition.all()
    there = [painting for painting in everything if painting.is_there()]
    counted = {painting.path for painting in there}
    left = sum(painting.cost for painting in everything if painting.path not in counted)
    lines = [("row", "panoramas", "to paint", "share of the work")]
    for name, paintings in _rows(exhibition, len(request.experiment.layouts) > 1).items():
        new = [painting for path, painting in paintings.items() if path not in counted]
        counted.update(paintings)
        share = sum(painting.cost for painting in new) / left if left else 0.0
        lines.append((name, str(len(paintings)), str(len(new)), f"{share:.0%}"))
    lines.append(("all", str(len(everything)), str(len(everything) - len(there)), ""))
    return "\n".join([aligned(lines), "", *_remarks(request, everything, there, left)])


def _rows(exhibition: Exhibition, several: bool) -> Mapping[str, Mapping[Path, Painting]]:
    """Name of every row, of every layout where there are several -> its panoramas."""
    rows: dict[str, dict[Path, Painting]] = {}
    for group in (exhibition.measured, exhibition.shown):
        for (layout, name), paintings in group.items():
            row = rows.setdefault(f"{name}, {layout}" if several else name, {})
            row.update({painting.path: painting for painting in paintings})
    if exhibition.references:
        rows["references"] = {painting.path: painting for painting in exhibition.references}
    return rows


def _remarks(
    request: Request, everything: Sequence[Painting], there: Sequence[Painting], left: float
) -> list[str]:
    lines = [f"panoramas in {request.panoramas}"]
    if request.settings.metrics:
        lines.append(f"measured: {', '.join(request.settings.metrics)}")
    lines.append(f"results in {request.results}")
    if left and there:
        pace = sum(painting.seconds() for painting in there) / sum(p.cost for p in there)
        minutes = left * pace / 60
        about = f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
        lines.append(f"about {about} of painting, going by the {len(there)} that are there")
    elif left:
        lines.append(f"as much work as {left:,.0f} predictions of a window")
    lacking = dict.fromkeys(
        name for painting in everything for name in missing(painting.planned, request.source)
    )
    return lines + [f"{name} is not downloaded yet" for name in lacking]
