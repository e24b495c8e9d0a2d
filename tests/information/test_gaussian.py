"""Gaussian variables: closed forms, bounds, and the discrete solver on a fine grid."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from skdistill.information import decompose
from skdistill.information._gaussian import (
    _joint,
    _Problem,
    _whitened,
    _wishart_bias,
    gaussian_decompose,
    gaussian_information,
)


def random_covariance(rng, sizes):
    factor = rng.normal(size=(sum(sizes), sum(sizes) + 2))
    return factor @ factor.T


def information(covariance, first, second):
    """I(first; second) in bits, by log-determinants."""
    both = [*first, *second]
    determinants = [np.linalg.slogdet(covariance[np.ix_(part, part)])[1] for part in (first, second, both)]
    return (determinants[0] + determinants[1] - determinants[2]) / 2 / math.log(2)


def through_channels(gain_t, gain_s, noise):
    """Covariance of Y ~ N(0, I), T = gain_t Y + ..., S = gain_s Y + ... with a joint covariance of the noises."""
    gains = np.vstack([gain_t, gain_s])
    d_y = gains.shape[1]
    return np.block([[np.eye(d_y), gains.T], [gains, gains @ gains.T + noise]])


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 3, 2), (2, 1, 2), (3, 2, 4), (2, 6, 6)])
def test_atoms_sum_to_the_informations(rng, sizes):
    covariance = random_covariance(rng, sizes)
    parts = gaussian_decompose(covariance, sizes)
    y, t, s = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    assert parts.converged
    assert parts.gap <= 1e-8
    np.testing.assert_allclose(parts.information_teacher, information(covariance, y, t), atol=1e-9)
    np.testing.assert_allclose(parts.information_student, information(covariance, y, s), atol=1e-9)
    np.testing.assert_allclose(parts.mutual_information, information(covariance, y, [*t, *s]), atol=1e-9)
    atoms = [parts.redundancy, parts.unique_teacher, parts.unique_student, parts.synergy]
    assert min(atoms) >= 0
    np.testing.assert_allclose(sum(atoms), parts.mutual_information, atol=1e-7)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 4, 2)])
def test_one_dimensional_target_is_in_closed_form(rng, sizes):
    for _ in range(5):
        parts = gaussian_decompose(random_covariance(rng, sizes), sizes)
        assert min(parts.unique_teacher, parts.unique_student) == 0
        np.testing.assert_allclose(parts.redundancy, min(parts.information_teacher, parts.information_student))


def test_closed_form_is_what_the_general_problem_gives(rng):
    # The same one-dimensional signal, seen as one direction of a target of two dimensions.
    gain_t, gain_s = np.array([[1.5, 0.0], [0.3, 0.0]]), np.array([[0.8, 0.0]])
    wide = gaussian_decompose(through_channels(gain_t, gain_s, np.eye(3)), (2, 2, 1))
    flat = gaussian_decompose(through_channels(gain_t[:, :1], gain_s[:, :1], np.eye(3)), (1, 2, 1))
    assert wide.converged
    for name in ("redundancy", "unique_teacher", "unique_student", "synergy"):
        np.testing.assert_allclose(getattr(wide, name), getattr(flat, name), atol=1e-7)


def test_two_targets_seen_by_one_source_each():
    parts = gaussian_decompose(through_channels(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.eye(2)), (2, 1, 1))
    np.testing.assert_allclose([parts.redundancy, parts.synergy], 0, atol=1e-7)
    np.testing.assert_allclose([parts.unique_teacher, parts.unique_student], 0.5, atol=1e-7)


def test_a_degraded_student_has_nothing_of_its_own(rng):
    gain, channel = rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
    noise = np.block([[np.eye(3), channel.T], [channel, channel @ channel.T + 0.5 * np.eye(2)]])
    parts = gaussian_decompose(through_channels(gain, channel @ gain, noise), (2, 3, 2))
    np.testing.assert_allclose([parts.unique_student, parts.synergy], 0, atol=1e-7)
    # The unique parts depend on what each source is by itself, not on how their noises go together.
    apart = noise.copy()
    apart[:3, 3:] = apart[3:, :3] = 0
    assert gaussian_decompose(through_channels(gain, channel @ gain, apart), (2, 3, 2)).unique_student < 1e-7


def test_union_is_below_every_coupling(rng):
    sizes = (3, 2, 3)
    covariance = random_covariance(rng, sizes)
    parts = gaussian_decompose(covariance, sizes, base=math.e)
    union = parts.redundancy + parts.unique_teacher + parts.unique_student
    gain_t, gain_s, noise = _whitened(covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))), sizes)
    np.testing.assert_allclose(_joint(gain_t, gain_s, noise), parts.mutual_information, atol=1e-9)
    for _ in range(300):
        left, _, right = np.linalg.svd(rng.normal(size=(2, 3)), full_matrices=False)
        assert _joint(gain_t, gain_s, left * rng.uniform(0, 0.999, 2) @ right) >= union - 1e-8


def test_slope_of_the_problem(rng):
    problem = _Problem(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    cross = 0.3 * rng.normal(size=(2, 2))
    cross /= max(1.0, 1.5 * np.linalg.norm(cross, 2))
    value, slack = problem.certified(cross)
    # Convex: nowhere in the ball lower than value less slack.
    others = []
    for _ in range(200):
        other = rng.normal(size=(2, 2))
        others.append(problem.certified(0.99 * other / max(1.0, np.linalg.norm(other, 2)))[0])
    assert min(others) >= value - slack
    assert problem.certified(problem.centre(cross, 1e-9))[0] <= min(others) + 1e-6


def test_agrees_with_the_discrete_solver_on_a_grid():
    # Y of one dimension, cut finely; T and S are independent given Y.
    edges = np.linspace(-3, 3, 15)
    edges[0], edges[-1] = -np.inf, np.inf
    points = norm.ppf((np.arange(30) + 0.5) / 30)
    channel = [
        np.diff(norm.cdf((edges[None] * scale - points[:, None]) / deviation), axis=1)
        for scale, deviation in ((1.2, 0.7), (1.6, 1.3))
    ]
    grid = decompose(channel[0][:, :, None] * channel[1][:, None, :] / 30)
    noise = np.diag([0.49, 1.69])
    exact = gaussian_decompose(through_channels(np.ones((1, 1)), np.ones((1, 1)), noise), (1, 1, 1))
    for name in ("redundancy", "unique_teacher", "unique_student"):
        np.testing.assert_allclose(getattr(grid, name), getattr(exact, name), atol=0.03)


def test_units_and_directions_of_columns_do_not_matter(rng):
    sizes = (2, 2, 2)
    covariance = random_covariance(rng, sizes)
    turn = np.kron(np.eye(3), [[2.0, 1.0], [-300.0, 4.0]])
    first, second = (gaussian_decompose(matrix, sizes) for matrix in (covariance, turn @ covariance @ turn.T))
    np.testing.assert_allclose(first.redundancy, second.redundancy, atol=1e-7)


def test_teacher_and_student_change_places(rng):
    covariance = random_covariance(rng, (2, 3, 2))
    order = [0, 1, 5, 6, 2, 3, 4]
    first = gaussian_decompose(covariance, (2, 3, 2))
    second = gaussian_decompose(covariance[np.ix_(order, order)], (2, 2, 3))
    np.testing.assert_allclose(first.unique_teacher, second.unique_student, atol=1e-7)
    np.testing.assert_allclose(first.synergy, second.synergy, atol=1e-7)


def test_bias_is_that_of_rows(rng):
    sizes, n_rows = (1, 3, 2), 30
    covariance = random_covariance(rng, sizes)
    truth = gaussian_decompose(covariance, sizes)
    y, t, _ = np.split(np.arange(6), [1, 4])
    found, plain = [], []
    for _ in range(120):
        rows = rng.multivariate_normal(np.zeros(6), covariance, n_rows)
        plain.append(information(np.cov(rows, rowvar=False), y, t))
        found.append(gaussian_information(rows[:, 1:4], rows[:, 4:], rows[:, 0]).mutual_information)
    bias = np.mean(plain) - truth.information_teacher
    np.testing.assert_allclose(bias, _wishart_bias(1, 3, n_rows) / math.log(2), atol=4 * np.std(plain) / math.sqrt(120))
    np.testing.assert_allclose(np.mean(found), truth.mutual_information, atol=4 * np.std(found) / math.sqrt(120))


def test_many_rows_give_the_covariance_back(rng):
    sizes = (2, 2, 2)
    covariance = random_covariance(rng, sizes)
    rows = rng.multivariate_normal(np.zeros(6), covariance, 20_000)
    truth, found = gaussian_decompose(covariance, sizes), gaussian_information(rows[:, 2:4], rows[:, 4:], rows[:, :2])
    for name in ("redundancy", "unique_teacher", "unique_student", "synergy"):
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), atol=0.04)


@pytest.mark.parametrize(
    ("covariance", "sizes", "message"),
    [
        (np.eye(3)[:2], (1, 1, 1), "square matrix of real numbers, got float64 of shape"),
        ("none", (1, 1, 1), "square matrix of real numbers"),
        (np.eye(3) * 1j, (1, 1, 1), "got complex128"),
        (np.eye(3), (1.0, 1.0, 1.0), "three whole dimensions"),
        (np.eye(3), None, "three whole dimensions"),
        (-np.eye(3), (1, 1, 1), "positive variances, got -1 at 0"),
        ([[1.0, np.nan], [np.nan, 1.0]], (1, 1, 1), "must be finite"),
        (np.eye(3), (1, 1, 2), "sum to the order of covariance, 3"),
        (np.eye(3), (2, 1), "three whole dimensions"),
        ([[1.0, 0.5, 0], [0.1, 1, 0], [0, 0, 1]], (1, 1, 1), "symmetric"),
        (np.diag([1.0, 0.0, 1.0]), (1, 1, 1), "positive variances"),
        (np.ones((3, 3)), (1, 1, 1), "positive definite"),
    ],
)
def test_what_is_no_covariance(covariance, sizes, message):
    with pytest.raises(ValueError, match=message):
        gaussian_decompose(covariance, sizes)


def test_what_rows_cannot_be_measured(rng):
    y, T, S = rng.normal(size=(3, 20))
    with pytest.raises(ValueError, match="got 20, 20 and 19"):
        gaussian_information(T, S, y[:-1])
    with pytest.raises(ValueError, match="at least 5 rows for 3 columns"):
        gaussian_information(T[:4], S[:4], y[:4])
    with pytest.raises(ValueError, match="T must be finite"):
        gaussian_information(np.append(T[:-1], np.nan), S, y)
    with pytest.raises(ValueError, match="positive variances"):
        gaussian_information(np.ones(20), S, y)
    with pytest.raises(ValueError, match="positive definite"):
        gaussian_information(2 * y, S, y)
    with pytest.raises(ValueError, match="base must be"):
        gaussian_decompose(np.eye(3), (1, 1, 1), base=1.0)
