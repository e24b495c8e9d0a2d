"""Calibration recovers the power by which a teacher is off, and never makes it worse where it was fitted."""

import numpy as np
import pytest
from scipy.special import softmax

from skdistill.response import ResponseCalibration, fit_calibration, soften


def log_loss(proba, codes, weight=None):
    return -np.average(np.log(proba[np.arange(len(codes)), codes]), weights=weight)


@pytest.fixture
def honest(rng):
    proba = softmax(rng.normal(scale=1.5, size=(20_000, 3)), axis=1)
    codes = (proba.cumsum(axis=1) < rng.random((len(proba), 1))).sum(axis=1).clip(max=2)
    return proba, codes


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.5])
def test_a_known_exponent_is_recovered(honest, exponent):
    proba, codes = honest
    # The standard error of the exponent is below 0.02 times itself with so many rows.
    fitted = fit_calibration("temperature", soften(proba, exponent), codes)
    assert fitted.exponent == pytest.approx(exponent, rel=0.08)
    np.testing.assert_allclose(fitted.apply(soften(proba, exponent)), proba, atol=0.03)


def test_the_exponent_minimises_the_loss(honest):
    proba, codes = (part[:500] for part in honest)
    best = fit_calibration("temperature", proba, codes).exponent
    losses = [log_loss(soften(proba, 1 / power), codes) for power in (best, 0.98 * best, 1.02 * best)]
    assert losses[0] == min(losses)


def test_weights_are_repetitions(honest, rng):
    proba, codes = (part[:300] for part in honest)
    weight = rng.integers(1, 4, 300)
    for method in ("temperature", "isotonic"):
        weighted = fit_calibration(method, proba, codes, weight.astype(float)).apply(proba)
        repeated = fit_calibration(method, proba.repeat(weight, axis=0), codes.repeat(weight)).apply(proba)
        np.testing.assert_allclose(weighted, repeated, atol=1e-5)


def test_isotonic_maps_are_monotone_and_mend(honest):
    proba, codes = honest
    crooked = soften(proba, 3.0)
    fitted = fit_calibration("isotonic", crooked, codes)
    mended = fitted.apply(crooked)
    np.testing.assert_allclose(mended.sum(axis=1), 1.0)
    floored = np.maximum(mended, 1e-6)
    assert log_loss(floored, codes) < log_loss(crooked, codes) - 0.05
    grid = np.linspace(0, 1, 50)
    assert all((np.diff(maps.predict(grid)) >= 0).all() for maps in fitted.isotonic)


def test_rows_of_which_no_map_is_sure_keep_their_answer():
    # A single class seen: the maps of the others say zero for everything.
    proba = np.array([[0.9, 0.1], [0.2, 0.8]])
    fitted = fit_calibration("isotonic", proba, np.array([1, 1]))
    np.testing.assert_array_equal(fitted.apply(proba), [[0.0, 1.0], [0.0, 1.0]])
    never = ResponseCalibration(isotonic=(fitted.isotonic[0], fitted.isotonic[0]))
    np.testing.assert_array_equal(never.apply(proba), proba)


def test_certain_and_wrong_answers_do_not_break_the_fit():
    proba = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]] * 9)
    codes = np.array([0] * 8 + [1] * 9 + [0])
    fitted = fit_calibration("temperature", proba, codes)
    assert fitted.exponent < 0.2
    assert np.isfinite(fitted.apply(proba)).all()
