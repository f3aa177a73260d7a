"""What the page about coherence against time says of numbers that are known."""

from __future__ import annotations

import sys

from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))

import frontier
from syncpano.experiments.reading import parse_experiment

TIMES = {
    "MultiDiffusion": frontier.Time(10.0, 1.0),
    "exact, f = 50": frontier.Time(60.0, 6.0),
    "fast": frontier.Time(4.0, 0.5),
}


def row(name: str, colour: list[float], fid: float) -> dict[str, object]:
    mean = sum(colour) / len(colour)
    metrics = {"colour": {"mean": mean}, "fid": {"mean": fid}}
    return {"name": name, "scores": {"colour": colour}, "metrics": metrics}


TABLE = {
    "units": {"colour": {"label": "Colour distance x1e-3"}},
    "rows": [
        row("MultiDiffusion", [12.0, 10.0], 50.0),
        row("exact, f = 50", [4.0, 2.0], 40.0),
        row("fast", [6.0, 4.0], 42.0),
    ],
}


def test_gains_are_shares_of_the_exact_rows_and_times_are_ratios_of_turns() -> None:
    header, _, *lines = frontier.summary(TABLE, TIMES).splitlines()
    assert header == (
        "| setting | seconds | times MultiDiffusion | faster than exact, f = 50 "
        "| Colour distance gain kept | FID against exact, f = 50 |"
    )
    assert lines == [
        "| MultiDiffusion | 10.0 | 1.00 | 6.0 | 0% ± 0% | +25.0% |",
        "| exact, f = 50 | 60.0 | 6.00 | 1.0 | 100% ± 0% | +0.0% |",
        "| fast | 4.0 | 0.50 | 12.0 | 75% ± 0% | +5.0% |",
    ]


def test_without_the_whole_row_there_is_no_gain_to_share() -> None:
    header, *_ = frontier.summary(TABLE, TIMES, "paper").splitlines()
    assert "gain" not in header
    assert "FID" not in header


def test_common_settings_are_those_that_were_typed_an_empty_text_too() -> None:
    common = frontier.common_settings(["negative-prompt=", "stride=auto", "steps=10", "loop=true"])
    found = parse_experiment(frontier.experiment(1, 0, [frontier.BASELINE], common), "frontier")
    expected = {"negative_prompt": "", "stride": None, "steps": 10, "loop": True}
    assert expected.items() <= found.rows[0].config.items()


def test_the_front_is_what_no_other_beats_in_both() -> None:
    points = {"slow": (9.0, 1.0), "worse": (9.5, 2.0), "quick": (1.0, 5.0), "middle": (4.0, 5.0)}
    assert frontier.pareto(points) == ["quick", "slow"]
