"""Calibration errors and reliability: by hand, against scikit-learn's curve, with their laws."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from skdistill.fidelity import expected_calibration_error, reliability_curve
from skdistill.fidelity._calibration import calibration_gaps


def drawn(seed, n_rows, n_classes):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(n_classes), size=n_rows)
    # Rounded, so that probabilities repeat.
    proba = np.maximum(np.round(proba, 1), 0.0)
    proba[:, 0] += 1.0 - proba.sum(axis=1)
    bad = proba[:, 0] < 0
    proba[bad] = np.eye(n_classes)[0]
    return proba, rng.integers(0, n_classes, n_rows), rng


CASES = st.tuples(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 4))


def test_by_hand():
    proba = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]]
    labels = ["no", "yes", "yes", "no"]
    # Bins (0.5, 0.75] with 0.7 (right) and 0.55 (wrong), (0.75, 1] with 0.9 (right) and 0.8 (wrong).
    expected = 0.5 * abs(0.5 - 0.625) + 0.5 * abs(0.5 - 0.85)
    assert expected_calibration_error(labels, proba, n_bins=4) == pytest.approx(expected)
    # Weighted: accuracy 3/4 at confidence (3 * 0.7 + 0.55) / 4, and 1/2 at 0.85.
    weighted = (4 * abs(0.75 - 2.65 / 4) + 2 * abs(0.5 - 0.85)) / 6
    found = expected_calibration_error(labels, proba, n_bins=4, sample_weight=[1, 1, 3, 1])
    assert found == pytest.approx(weighted)
    one_bin = abs(0.5 - (0.9 + 0.8 + 0.7 + 0.55) / 4)
    assert expected_calibration_error(labels, proba, n_bins=1) == pytest.approx(one_bin)


def test_a_teachers_distributions_are_the_truth():
    student = [[0.9, 0.1], [0.2, 0.8]]
    teacher = [[0.7, 0.3], [0.6, 0.4]]
    # The teacher gives 0.7 and 0.4 to the student's choices, of which it is sure by 0.9 and 0.8.
    assert expected_calibration_error(teacher, student, n_bins=1) == pytest.approx(0.3)
    assert expected_calibration_error(teacher, student, n_bins=20) == pytest.approx(0.5 * 0.2 + 0.5 * 0.4)
    assert expected_calibration_error(student, student) == 0.0


def test_labels_are_one_hot_distributions(rng):
    proba, labels = rng.dirichlet(np.ones(3), size=50), rng.integers(0, 3, 50)
    for strategy in ("uniform", "quantile"):
        found = expected_calibration_error(labels, proba, classes=[0, 1, 2], strategy=strategy)
        assert found == expected_calibration_error(np.eye(3)[labels], proba, strategy=strategy)


def test_bins_are_closed_on_the_right():
    proba = np.array([[0.5, 0.5], [0.7, 0.3], [0.8, 0.2], [1.0, 0.0], [0.6, 0.4]])
    curve = reliability_curve([0, 1, 0, 0, 1], proba, label=0, n_bins=10)
    np.testing.assert_array_equal(curve.edges, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    np.testing.assert_array_equal(curve.n_rows, [0, 0, 0, 0, 1, 1, 1, 1, 0, 1])
    zero = reliability_curve([0, 1, 0, 0, 1], proba, label=1, n_bins=10)
    np.testing.assert_array_equal(zero.n_rows, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("n_bins", [2, 5, 15])
def test_equal_width_is_scikit_learns_curve(rng, n_bins):
    positive = rng.uniform(size=300)
    labels = (rng.uniform(size=300) < positive**2).astype(int)
    shares, means = calibration_curve(labels, positive, n_bins=n_bins)
    curve = reliability_curve(labels, np.column_stack([1 - positive, positive]), label=1, n_bins=n_bins)
    filled = curve.n_rows > 0
    np.testing.assert_allclose(curve.accuracy[filled], shares)
    np.testing.assert_allclose(curve.confidence[filled], means)


def test_equal_mass_is_scikit_learns_curve(rng):
    # Without ties and with a number of rows that the bins divide both put the same rows together.
    positive = rng.permutation(np.linspace(0.01, 0.99, 100))
    labels = (rng.uniform(size=100) < positive).astype(int)
    curve = reliability_curve(labels, np.column_stack([1 - positive, positive]), label=1, n_bins=4, strategy="quantile")
    shares, means = calibration_curve(labels, positive, n_bins=4, strategy="quantile")
    np.testing.assert_allclose(curve.accuracy, shares)
    np.testing.assert_allclose(curve.confidence, means)
    np.testing.assert_array_equal(curve.n_rows, [25, 25, 25, 25])


def test_ties_share_a_bin_of_equal_mass():
    proba = np.column_stack([[0.6] * 7 + [0.7, 0.8, 0.9], [0.4] * 7 + [0.3, 0.2, 0.1]])
    curve = reliability_curve([0] * 9 + [1], proba, n_bins=5, strategy="quantile")
    np.testing.assert_allclose(curve.edges, [0.0, 0.6, 0.7, 1.0])
    np.testing.assert_array_equal(curve.n_rows, [7, 1, 2])
    same = reliability_curve([0, 0, 1], [[0.6, 0.4]] * 3, n_bins=5, strategy="quantile")
    np.testing.assert_array_equal(same.edges, [0.0, 1.0])
    assert same.calibration_error == pytest.approx(2 / 3 - 0.6)


@settings(deadline=None)
@given(CASES, st.sampled_from(["uniform", "quantile"]), st.integers(1, 12), st.booleans())
def test_weights_are_repetitions(case, strategy, n_bins, soft):
    proba, labels, rng = drawn(*case)
    weight = rng.integers(0, 4, len(proba))
    weight[0] += 1
    truth = np.roll(proba, 1, axis=0) if soft else labels
    options = {"classes": np.arange(proba.shape[1]), "n_bins": n_bins, "strategy": strategy}
    weighted = reliability_curve(truth, proba, sample_weight=weight, **options)
    repeated = reliability_curve(truth.repeat(weight, axis=0), proba.repeat(weight, axis=0), **options)
    np.testing.assert_array_equal(weighted.edges, repeated.edges)
    np.testing.assert_array_equal(weighted.weight, repeated.n_rows)
    np.testing.assert_allclose(weighted.accuracy, repeated.accuracy, atol=1e-12)
    np.testing.assert_allclose(weighted.confidence, repeated.confidence, atol=1e-12)
    assert weighted.calibration_error == pytest.approx(repeated.calibration_error, abs=1e-12)


@settings(deadline=None)
@given(CASES, st.sampled_from(["uniform", "quantile"]), st.integers(1, 20))
def test_bounds_and_books(case, strategy, n_bins):
    proba, labels, rng = drawn(*case)
    weight = rng.uniform(0.1, 1, len(proba))
    classes = np.arange(proba.shape[1])
    curve = reliability_curve(labels, proba, classes=classes, n_bins=n_bins, strategy=strategy, sample_weight=weight)
    assert curve.n_rows.sum() == len(proba)
    assert curve.weight.sum() == pytest.approx(weight.sum())
    assert (curve.n_effective <= curve.n_rows + 1e-9).all()
    assert len(curve.edges) == len(curve.n_rows) + 1 <= n_bins + 1
    filled = curve.n_rows > 0
    inside = (curve.edges[:-1][filled] <= curve.confidence[filled] + 1e-12) & (
        curve.confidence[filled] <= curve.edges[1:][filled] + 1e-12
    )
    assert inside.all()
    error = expected_calibration_error(
        labels, proba, classes=classes, n_bins=n_bins, strategy=strategy, sample_weight=weight
    )
    assert error == pytest.approx(curve.calibration_error)
    # Coarser than the bins: the gap of all rows together.
    top = proba.argmax(axis=1)
    overall = np.average((top == labels) - proba[np.arange(len(top)), top], weights=weight)
    assert abs(overall) - 1e-9 <= error <= 1.0
    if strategy == "quantile":
        assert filled.all()
    else:
        gaps = calibration_gaps(labels, proba, classes=classes, n_bins=n_bins)
        assert np.abs(gaps.T @ weight / weight.sum()).sum() == pytest.approx(error, abs=1e-12)


def test_a_known_error_is_found():
    # Every probability is too high by 0.1, with a standard error of 0.01 per bin or less.
    rng = np.random.default_rng(5)
    sure = rng.uniform(0.6, 1.0, 40_000)
    labels = (rng.uniform(size=len(sure)) >= sure - 0.1).astype(int)
    proba = np.column_stack([sure, 1 - sure])
    for strategy in ("uniform", "quantile"):
        assert expected_calibration_error(labels, proba, strategy=strategy) == pytest.approx(0.1, abs=0.02)


def test_intervals_of_a_curve():
    curve = reliability_curve([0, 0, 1, 0], [[0.9, 0.1]] * 4, n_bins=2)
    low, high = curve.interval(0.9)
    assert (low[0], high[0]) == (0.0, 1.0)
    assert np.isnan([curve.accuracy[0], curve.confidence[0]]).all()
    assert 0.0 < low[1] < 0.75 < high[1] < 1.0
    assert curve.interval()[0][1] < low[1]


def test_classes_by_value():
    proba = np.array([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    found = [
        expected_calibration_error(["a", "b"], proba[:, order], classes=np.array(["a", "b", "c"])[order])
        for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0])
    ]
    # 0.7 for "b" is wrong, 0.5 for "a" is wrong; "c" is never true.
    assert found == pytest.approx([0.6, 0.6, 0.6])
    curve = reliability_curve(["a", "b"], proba, label="c", classes=["a", "b", "c"], n_bins=1)
    assert (curve.confidence[0], curve.accuracy[0]) == (pytest.approx(0.1), 0.0)
    # A label that no column stands for is never right.
    assert expected_calibration_error(["a", "z"], proba, classes=["a", "b", "c"], n_bins=1) == pytest.approx(0.6)
    objects = np.array(["a", "b"], dtype=object)
    assert expected_calibration_error(objects, proba, classes=["a", "b", "c"]) == pytest.approx(0.6)


def test_one_class_and_one_row():
    assert expected_calibration_error(["a", "a"], [[1.0], [1.0]]) == 0.0
    assert expected_calibration_error([[1.0], [1.0]], [[1.0], [1.0]]) == 0.0
    assert expected_calibration_error(["b"], [[0.3, 0.7]], classes=["a", "b"]) == pytest.approx(0.3)
    assert expected_calibration_error([["a"], ["b"]], [[1.0, 0.0], [0.0, 1.0]]) == 0.0


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([0, 1], [[0.5, 0.6], [0.5, 0.5]]), {}, ["y_proba", "summing to 1", "row 0"]),
        (([0, 1], [[0.5, 0.5], [np.nan, 0.5]]), {}, ["y_proba", "finite", "row 1"]),
        (([[0.5, 0.6]], [[0.5, 0.5]]), {}, ["y_true", "summing to 1"]),
        (([[0.5, 0.25, 0.25]], [[0.5, 0.5]]), {}, ["distributions", "same shape", "(1, 3)", "(1, 2)"]),
        (([], np.empty((0, 2))), {}, ["y_proba", "at least one row"]),
        (([0, 1, 1], [[0.5, 0.5], [0.5, 0.5]]), {}, ["y_true", "2", "got 3"]),
        (([0, 0], [[0.5, 0.5], [0.5, 0.5]]), {}, ["classes must be given", "1 labels", "2 columns", "classes_"]),
        (([0, np.nan], [[0.5, 0.5], [0.5, 0.5]]), {}, ["y_true", "label in each row", "row 1"]),
        ((["a"], [[0.5, 0.5]]), {"classes": ["x", "y"]}, ["classes ['x', 'y']", "'a'", "same encoding"]),
        ((["a"], [[0.5, 0.5]]), {"classes": ["a"]}, ["classes", "shape (2,)", "(1,)"]),
        ((["a"], [[0.5, 0.5]]), {"classes": ["a", "a"]}, ["classes", "'a' more than once"]),
        (([0, 1], [[0.5, 0.5]] * 2), {"n_bins": 0}, ["n_bins", "at least 1", "0"]),
        (([0, 1], [[0.5, 0.5]] * 2), {"strategy": "even"}, ["strategy", "'uniform' or 'quantile'", "'even'"]),
        (([0, 1], [[0.5, 0.5]] * 2), {"sample_weight": [1, -1]}, ["sample_weight", "-1", "row 1"]),
        (([0, 1], [[0.5, 0.5]] * 2), {"sample_weight": [0, 0]}, ["sample_weight is zero"]),
    ],
)
def test_what_they_refuse(arguments, options, words):
    pattern = ".*".join(re.escape(word) for word in words)
    for function in (expected_calibration_error, reliability_curve):
        with pytest.raises(ValueError, match=pattern):
            function(*arguments, **options)


def test_labels_that_are_no_classes():
    with pytest.raises(ValueError, match=r"label must be one of the classes \[0, 1\], got 2"):
        reliability_curve([0, 1], [[0.5, 0.5]] * 2, label=2)
