"""Quantiles of the difference: by hand, against NumPy's, weights as repetition."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skdistill.fidelity import difference_quantiles
from skdistill.fidelity._differences import weighted_quantiles

SHARES = st.lists(st.integers(0, 20).map(lambda i: i / 20), min_size=1, max_size=4)
VALUES = hnp.arrays(np.float64, st.integers(1, 25), elements=st.integers(-5, 5).map(float))


def test_by_hand():
    teacher, student = np.zeros(5), np.array([3.0, -1.0, 2.0, 5.0, 1.0])
    np.testing.assert_array_equal(difference_quantiles(teacher, student), [-1, 1, 2, 3, 5])
    # Shares of weight up to -1, 1, 2, 3, 5: 0.1, 0.2, 0.3, 0.4, 1.
    weighted = difference_quantiles(
        teacher, student, quantiles=[0.1, 0.11, 0.4, 0.41, 0.0, 1.0], sample_weight=[1, 1, 1, 6, 1]
    )
    np.testing.assert_array_equal(weighted, [-1, 1, 3, 5, -1, 5])


@settings(deadline=None)
@given(VALUES, SHARES)
def test_without_weights_they_are_numpys(values, shares):
    expected = np.quantile(values, shares, method="inverted_cdf")
    # NumPy multiplies a share by the number of rows without regard to rounding.
    exact = np.abs(np.asarray(shares) * len(values) - np.round(np.asarray(shares) * len(values))) > 1e-9
    found = difference_quantiles(np.zeros(len(values)), values, quantiles=shares)
    np.testing.assert_array_equal(found[exact], expected[exact])


@settings(deadline=None)
@given(VALUES, SHARES, st.data())
def test_weights_are_repetitions(values, shares, data):
    weight = data.draw(hnp.arrays(np.int64, len(values), elements=st.integers(0, 4)))
    if not weight.any():
        weight[0] = 1
    zeros = np.zeros(len(values))
    found = difference_quantiles(zeros, values, quantiles=shares, sample_weight=weight)
    repeated = difference_quantiles(np.zeros(weight.sum()), values.repeat(weight), quantiles=shares)
    np.testing.assert_array_equal(found, repeated)
    scaled = difference_quantiles(zeros, values, quantiles=shares, sample_weight=0.1 * weight)
    np.testing.assert_array_equal(found, scaled)


@settings(deadline=None)
@given(VALUES, SHARES)
def test_they_are_values_in_order(values, shares):
    found = weighted_quantiles(values, sorted(shares))
    assert set(found.tolist()) <= set(values.tolist())
    assert (np.diff(found) >= 0).all()
    assert weighted_quantiles(values, [0.0, 1.0]).tolist() == [values.min(), values.max()]


def test_several_outputs(rng):
    teacher, student = rng.normal(size=(2, 30, 3))
    weight = rng.uniform(size=30)
    found = difference_quantiles(teacher, student, sample_weight=weight)
    assert found.shape == (5, 3)
    for output in range(3):
        alone = difference_quantiles(teacher[:, output], student[:, output], sample_weight=weight)
        np.testing.assert_array_equal(found[:, output], alone)


def test_one_row():
    np.testing.assert_array_equal(difference_quantiles([1.0], [3.5], quantiles=[0.1, 0.9]), [2.5, 2.5])


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([1.0, 2.0], [1.0]), {}, ["values", "same shape", "(2,)", "(1,)"]),
        (([1.0, 2.0], [[1.0], [2.0]]), {}, ["values", "same shape", "(2,)", "(2, 1)"]),
        (([1.0, np.nan], [1.0, 2.0]), {}, ["values_teacher", "finite", "row 1"]),
        (([1.0, 2.0], [np.inf, 2.0]), {}, ["values_student", "finite", "row 0"]),
        (([], []), {}, ["values_teacher", "at least one row"]),
        (([1.0], [2.0]), {"quantiles": [0.5, 1.5]}, ["quantiles", "[0, 1]", "1.5"]),
        (([1.0], [2.0]), {"sample_weight": [0.0]}, ["sample_weight is zero"]),
        (([1.0], [2.0]), {"sample_weight": [1.0, 1.0]}, ["sample_weight", "(1,)", "(2,)"]),
    ],
)
def test_what_it_refuses(arguments, options, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        difference_quantiles(*arguments, **options)


@pytest.mark.parametrize("size", [0.1, 0.3, 1 / 3, 1e-9])
def test_weights_of_any_size_are_rounded_alike(size):
    shares = np.arange(21) / 20
    for n_rows in range(1, 61):
        values = np.arange(n_rows, dtype=float)
        # The first value up to which the share lies, in whole numbers.
        expected = [max(-(-k * n_rows // 20) - 1, 0) for k in range(21)]
        np.testing.assert_array_equal(weighted_quantiles(values, shares, np.full(n_rows, size)), expected)
