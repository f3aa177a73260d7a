"""FID, KID and GIQA against closed forms, brute force and the library of the field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from syncpano.metrics import kernel
from syncpano.metrics.frechet import Gaussian, frechet_distance
from syncpano.metrics.giqa import knn_giqa
from syncpano.metrics.kernel import SUBSET_SIZE, kernel_distance

ROUNDING = 1e-9  # float64 through a handful of decompositions
SAMPLING = 0.3  # a deviation of 100 draws is known within a tenth, three of which are rare


def features(seed: int, count: int = 12, size: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(seed, 1 + 0.1 * seed, (count, size))


def fid(one: np.ndarray, other: np.ndarray) -> float:
    return frechet_distance(Gaussian.of_features(one), Gaussian.of_features(other))


@given(arrays(np.float64, (6, 4), elements=st.floats(-10, 10)))
def test_fid_of_a_set_with_itself_is_zero(sample: np.ndarray) -> None:
    scale = 1 + np.square(sample).sum()
    assert fid(sample, sample) <= ROUNDING * scale


def test_fid_of_a_set_with_itself_is_zero_for_fewer_samples_than_dimensions() -> None:
    sample = features(0, count=7, size=300)
    assert fid(sample, sample) == pytest.approx(0, abs=ROUNDING * 300)


def gaussian(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Gaussian:
    """d and d d: with the covariance's root as its factor."""
    values, vectors = np.linalg.eigh(covariance)
    return Gaussian(mean, np.sqrt(values.clip(min=0))[:, None] * vectors.T)


def test_fid_of_axis_parallel_gaussians_is_the_closed_form() -> None:
    one, other = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    mean = np.array([1.0, 2.0, -3.0])
    expected = mean @ mean + np.square(np.sqrt(one) - np.sqrt(other)).sum()
    gaussians = (
        gaussian(np.zeros(3), np.diag(one)),
        gaussian(mean, np.diag(other)),
    )
    assert frechet_distance(*gaussians) == pytest.approx(expected)


def test_fid_of_rotated_gaussians_is_the_closed_form() -> None:
    rng = np.random.default_rng(3)
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    # Covariances that commute: the trace term is the squared difference of their roots.
    one, other = np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 1.0, 0.25, 4.0])
    gaussians = [
        gaussian(np.zeros(4), rotation @ np.diag(values) @ rotation.T) for values in (one, other)
    ]
    expected = np.square(np.sqrt(one) - np.sqrt(other)).sum()
    assert frechet_distance(*gaussians) == pytest.approx(expected)


@given(st.permutations(range(12)))
def test_the_order_of_the_pictures_does_not_change_fid_and_kid(order: list[int]) -> None:
    ours, reference = features(0), features(1)
    assert fid(ours[order], reference) == pytest.approx(fid(ours, reference), rel=1e-9)
    assert kernel_distance(ours[order], reference).mean == pytest.approx(
        kernel_distance(ours, reference).mean, rel=1e-9
    )


def test_fid_is_symmetric() -> None:
    assert fid(features(0), features(1)) == pytest.approx(fid(features(1), features(0)))


def test_fid_and_kid_agree_with_torch_fidelity() -> None:
    fidelity = pytest.importorskip("torch_fidelity", reason="needs the extra `eval`")
    torch = pytest.importorskip("torch")
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    ours, reference = features(0, count=40), features(1, count=40)
    tensors = torch.from_numpy(ours), torch.from_numpy(reference)
    statistics = [fid_features_to_statistics(tensor) for tensor in tensors]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)[fidelity.KEY_METRIC_FID]
    assert fid(ours, reference) == pytest.approx(theirs, rel=1e-9)
    theirs = kid_features_to_metric(*tensors, kid_subsets=1, kid_subset_size=40, verbose=False)
    assert kernel_distance(ours, reference).mean == pytest.approx(
        theirs[fidelity.KEY_METRIC_KID_MEAN], rel=1e-9
    )


def test_kid_is_the_unbiased_estimate_by_brute_force() -> None:
    ours, reference = features(0, count=4), features(1, count=3)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    def within(sample: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(sample)) for j in range(len(sample)) if i != j]
        return float(np.mean([kernel(sample[i], sample[j]) for i, j in pairs]))

    between = np.mean([kernel(x, y) for x in ours for y in reference])
    expected = within(ours) + within(reference) - 2 * between
    assert kernel_distance(ours, reference).mean == pytest.approx(expected)


def test_kid_of_large_sets_is_seeded_and_has_a_spread() -> None:
    ours, reference = features(0, count=SUBSET_SIZE + 5, size=2), features(0, count=50, size=2)
    first, second = (kernel_distance(ours, reference, seed=4) for _ in range(2))
    assert first == second
    assert first.std is not None


def test_the_order_of_many_pictures_does_not_change_kid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "SUBSET_SIZE", 10)
    ours, reference = features(0, count=60).round(), features(1, count=60).round()  # with ties
    order = np.random.default_rng(7).permutation(60)
    assert kernel_distance(ours, reference) == kernel_distance(ours[order], reference[order[::-1]])


def test_kids_spread_is_that_of_distances_between_random_subsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "SUBSET_SIZE", 10)
    ours, reference = features(0, count=60), features(1, count=60)
    draw = np.random.default_rng(7)
    distances = [
        kernel_distance(
            *(one[draw.choice(60, 10, replace=False)] for one in (ours, reference))
        ).mean
        for _ in range(1000)
    ]
    found = kernel_distance(ours, reference)
    assert found.std == pytest.approx(np.std(distances, ddof=1), rel=SAMPLING)
    assert found.mean == pytest.approx(np.mean(distances), abs=np.std(distances) * SAMPLING)


@pytest.mark.parametrize("form", ["code", "paper"])
@pytest.mark.parametrize("count", [3, 30])
def test_giqa_is_what_brute_force_finds(form: str, count: int) -> None:
    ours, reference = features(0, count=4), features(1, count=count)
    for sample, score in zip(ours, knn_giqa(ours, reference, form=form), strict=True):
        order = 1 if form == "code" else 2
        distances = sorted(float(np.linalg.norm(sample - other, ord=order)) for other in reference)
        nearest = distances[:8]
        expected = (
            sum(1 / d for d in nearest)
            if form == "code"
            else sum(1 / d**2 for d in nearest) / len(nearest)
        )
        assert score == pytest.approx(expected)


def test_giqa_does_not_count_a_picture_as_its_own_neighbour() -> None:
    reference = features(1)
    scores = knn_giqa(reference, reference)
    assert np.isfinite(scores).all()
    assert scores[0] == pytest.approx(knn_giqa(reference[:1], reference[1:])[0])


def test_giqa_is_higher_nearer_to_the_reference() -> None:
    reference = features(0, count=50)
    near, far = knn_giqa(np.stack([np.zeros(5), np.full(5, 4.0)]), reference)
    assert near > far
