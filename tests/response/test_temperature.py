"""Softening: one family for probabilities and logits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from skdistill.response import soften
from skdistill.response._temperature import log_proba, soften_logits

LOGITS = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=st.floats(-30, 30))
TEMPERATURES = st.floats(0.1, 20.0)


@settings(deadline=None)
@given(LOGITS, TEMPERATURES)
def test_softened_probabilities_are_softened_logits(logits, temperature):
    expected = softmax(logits / temperature, axis=1)
    np.testing.assert_allclose(soften_logits(logits, temperature), expected, atol=1e-12)
    np.testing.assert_allclose(soften(softmax(logits, axis=1), temperature), expected, atol=1e-9)


@settings(deadline=None)
@given(LOGITS, TEMPERATURES, TEMPERATURES)
def test_temperatures_multiply(logits, first, second):
    proba = softmax(logits, axis=1)
    np.testing.assert_allclose(soften(soften(proba, first), second), soften(proba, first * second), atol=1e-6)


def test_the_way_back_is_exact():
    proba = np.array([[0.7, 0.2, 0.1], [1e-9, 0.5, 0.5 - 1e-9]])
    np.testing.assert_allclose(soften(soften(proba, 4.0), 0.25), proba, rtol=1e-9)


def test_zeros_stay_zeros_and_small_powers_do_not_underflow():
    proba = np.array([[0.0, 1e-200, 1.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(soften(proba, 0.01), [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    warm = soften(proba, 1e6)
    np.testing.assert_allclose(warm, [[0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], atol=1e-3)
    many = np.full((1, 1000), 1e-3)
    np.testing.assert_allclose(soften(many, 0.005), many, rtol=1e-9)


def test_temperature_one_changes_nothing():
    proba = np.array([[0.3, 0.7]])
    np.testing.assert_array_equal(soften(proba, 1.0), proba)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("function", [soften, soften_logits])
def test_bad_temperatures(function, temperature):
    with pytest.raises(ValueError, match=r"temperature must be a positive, finite number, got .* Use temperature=1.0"):
        function(np.array([[0.5, 0.5]]), temperature)


def test_log_proba_is_the_logarithm_above_the_floor():
    proba = np.array([[0.25, 0.75]])
    np.testing.assert_allclose(log_proba(proba, 1e-3), np.log(proba))
    np.testing.assert_allclose(np.exp(log_proba(np.array([[0.0, 1.0]]), 0.25)), [[0.2, 0.8]])
