"""The statistics of an experiment: rows, paired differences, claims. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from syncpano.experiments.spec import Bar, Row

# Metric key -> label, factor of the shown numbers, and whether more is better. The factors are the
# paper's: its Intra-Style-L, Mean-GIQA and KID are given x1e-3.
UNITS: dict[str, tuple[str, float, bool]] = {
    "intra_lpips": ("Intra-LPIPS", 1.0, False),
    "intra_style": ("Intra-Style-L x1e-3", 1e3, False),
    "intra_pocket": ("Intra-Pocket", 1.0, False),
    "colour": ("Colour distance", 1.0, False),
    "palette": ("Palette distance", 1.0, False),
    "giqa": ("Mean-GIQA x1e-3", 1e3, True),
    "fid": ("FID", 1.0, False),
    "kid": ("KID x1e-3", 1e3, False),
    "clip": ("Mean-CLIP-S", 1.0, True),
    "pocket_fit": ("Pocket prompt fit %", 1.0, True),
    "edges": ("Edge energy", 1.0, True),
    "seam": ("Seam", 1.0, False),
    "seconds": ("Seconds", 1.0, False),
}


@dataclass(frozen=True)
class Number:
    """Mean, sample standard deviation and number of values, unscaled."""

    mean: float | None
    std: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """Row minus row, over pairs of the same prompt and seed.

    Attributes:
        error: standard error of the mean; None for one pair.
        relative: mean / mean of the other row.
    """

    mean: float
    error: float | None
    relative: float | None
    n: int


@dataclass(frozen=True)
class Share:
    """A ratio of mean differences over the same pairs; of one pair there is no standard error."""

    value: float
    error: float | None

    def __str__(self) -> str:
        return self.shown(0)

    def shown(self, decimals: int) -> str:
        """As per cent with its standard error."""
        error = "" if self.error is None else f" ± {self.error:.{decimals}%}"
        return f"{self.value:.{decimals}%}{error}"


@dataclass(frozen=True)
class RowResult:
    """What was measured of one row in one layout.

    Attributes:
        numbers: metric key -> number over panoramas (over sets for FID and KID).
        scores: metric key -> one value a panorama, in the experiment's order; for paired metrics.
        features: metric key -> network that made it.
        differences: metric key -> difference to the row `row.against`.
    """

    row: Row
    layout: str
    numbers: Mapping[str, Number]
    scores: Mapping[str, Sequence[float | None]]
    features: Mapping[str, str]
    differences: Mapping[str, Difference]


@dataclass(frozen=True)
class Verdict:
    """Whether a claim is borne out, and the figures that say so."""

    claim: str
    holds: bool
    found: str


def summarise(values: Sequence[float | None]) -> Number:
    """Mean and sample standard deviation of the values that exist."""
    there = [value for value in values if value is not None]
    return Number(
        fmean(there) if there else None, stdev(there) if len(there) > 1 else None, len(there)
    )


def paired(ours: Sequence[float | None], others: Sequence[float | None]) -> Difference | None:
    """Mean difference over the pairs where both exist; None where there is no pair."""
    pairs = [(a, b) for a, b in zip(ours, others, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    differences = [a - b for a, b in pairs]
    base = fmean(b for _, b in pairs)
    mean = fmean(differences)
    error = stdev(differences) / math.sqrt(len(pairs)) if len(pairs) > 1 else None
    return Difference(mean, error, mean / base if base else None, len(pairs))


def share_of_gain(
    first: Sequence[float | None], row: Sequence[float | None], last: Sequence[float | None]
) -> Share | None:
    """(first - row) / (first - last), means over pairs; None where there is no gain to share.

    The error is that of a ratio of means (Cochran, Sampling Techniques, 1977, chapter 6): of what
    the row's gains are beside its share of the whole gains.
    """
    parts, wholes = [], []
    for before, between, after in zip(first, row, last, strict=True):
        if before is not None and between is not None and after is not None:
            parts.append(before - between)
            wholes.append(before - after)
    if not wholes or fmean(wholes) == 0:
        return None
    share = fmean(parts) / fmean(wholes)
    rest = [part - share * whole for part, whole in zip(parts, wholes, strict=True)]
    error = stdev(rest) / math.sqrt(len(rest)) / abs(fmean(wholes)) if len(rest) > 1 else None
    return Share(share, error)


def check_features(results: Sequence[RowResult]) -> dict[str, str]:
    """Metric key -> the one network that made it in every row.

    Numbers of different networks may not stand in one column: only we could mix them.
    """
    made: dict[str, str] = {}
    for result in results:
        for metric, features in result.features.items():
            assert made.setdefault(metric, features) == features, f"{metric} of two networks"
    return made


def judge(bar: Bar, results: Sequence[RowResult]) -> Verdict | None:
    """Hold a claim against the rows of the first layout; None where the metric was not measured.

    Where it was, and a row has no value of it, the claim does not hold: nothing tells that it does.
    """
    by_name = {result.row.name: result for result in results if result.layout == results[0].layout}
    numbers = {name: by_name[name].numbers.get(bar.metric) for name in bar.rows}
    if None in numbers.values():
        return None
    claim, factor = _claim(bar), UNITS[bar.metric][1]
    valued = {name: n.mean for name, n in numbers.items() if n is not None and n.mean is not None}
    if lacking := [name for name in numbers if name not in valued]:
        return Verdict(claim, False, f"there are no values to tell, of {', '.join(lacking)}")
    means = [valued[name] for name in bar.rows]
    shown = ", ".join(f"{mean * factor:.4g}" for mean in means)
    first, last = by_name[bar.rows[0]], by_name[bar.rows[-1]]
    match bar.kind:
        case "falls":
            return Verdict(claim, all(a > b for a, b in pairwise(means)), shown)
        case "drops":
            if means[0] == 0:
                return Verdict(claim, False, f"there is nothing to be below ({shown})")
            before = _values(first, bar.metric)
            drop = share_of_gain(before, _values(last, bar.metric), [0.0] * len(before))
            if drop is None:
                return Verdict(claim, False, "there are no pairs to tell")
            return Verdict(claim, drop.value >= bar.least, f"{drop.shown(1)} ({shown})")
        case "keeps" | "fails_to_keep":
            kept = share_of_gain(*(_values(by_name[name], bar.metric) for name in bar.rows))
            if kept is None or means[0] < means[-1]:
                return Verdict(claim, False, f"there is no gain ({shown})")
            enough = kept.value >= bar.least
            return Verdict(claim, enough is (bar.kind == "keeps"), f"{kept} ({shown})")
        case "stays":
            return _stays(claim, first.scores[bar.metric], last.scores[bar.metric], factor)


def _claim(bar: Bar) -> str:
    label, first, last = UNITS[bar.metric][0], bar.rows[0], bar.rows[-1]
    match bar.kind:
        case "falls":
            return f"{label} falls from {first} to {last} without a rise"
        case "drops":
            return f"{label} of {last} is at least {bar.least:.0%} below {first}"
        case "keeps" | "fails_to_keep":
            share = f"{'at least' if bar.kind == 'keeps' else 'less than'} {bar.least:.0%}"
            return f"{label}: {bar.rows[1]} has {share} of the gain from {first} to {last}"
        case "stays":
            return f"{label} of {last} is at most its standard error below {first}"


def _values(result: RowResult, metric: str) -> Sequence[float | None]:
    """One value a panorama; of a metric of sets, its one number."""
    return result.scores.get(metric) or [result.numbers[metric].mean]


def _stays(
    claim: str, first: Sequence[float | None], last: Sequence[float | None], factor: float
) -> Verdict:
    change = paired(last, first)
    if change is None or change.error is None:
        return Verdict(claim, False, "there are no pairs to tell")
    holds = change.mean >= -change.error
    return Verdict(claim, holds, f"{change.mean * factor:+.4g} ± {change.error * factor:.2g}")
