"""Drawn labels: seeded, unbiased, and bound to what rows hold."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdistill.students import SamplingStrategy, SoftTargets
from skdistill.students._repetition import repeat_by_weight, row_draws
from skdistill.students._sampling import draw_classes

NAMES = np.array(["ant", "bee", "cat"])


def make(rng, n_rows=300, alpha=1.0, weight=None):
    X = rng.normal(size=(n_rows, 2))
    teacher = softmax(2 * X @ rng.normal(size=(2, 3)), axis=1)
    weight = np.ones(n_rows) if weight is None else weight
    codes = rng.integers(0, 3, n_rows)
    return X, SoftTargets(teacher, codes, alpha * weight, (1 - alpha) * weight, NAMES)


def test_labels_are_drawn_from_their_distribution(rng):
    target = np.array([0.5, 0.3, 0.2, 0.0])
    codes = draw_classes(np.tile(target, (20_000, 1)), rng.random(20_000))
    # Four standard errors of a share.
    np.testing.assert_allclose(np.bincount(codes, minlength=4) / 20_000, target, atol=4 * 0.5 / np.sqrt(20_000))
    assert draw_classes(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.0, 1 - 1e-16])).tolist() == [1, 0]


def test_draws_are_uniform_and_of_no_memory(rng):
    X, target = rng.normal(size=(20_000, 2)), rng.normal(size=20_000)
    draws = row_draws(X, target, 0)
    assert 0.0 <= draws.min() < 1e-3
    assert 1 - 1e-3 < draws.max() < 1.0
    # Kolmogorov's distance at the 1e-4 level.
    assert np.abs(np.sort(draws) - (np.arange(20_000) + 0.5) / 20_000).max() < 2.2 / np.sqrt(20_000)
    other = row_draws(X, target, 1)
    assert abs(np.corrcoef(draws, other)[0, 1]) < 5 / np.sqrt(20_000)


def test_draws_belong_to_rows_and_to_their_copies(rng):
    X, target = rng.normal(size=(50, 2)), rng.normal(size=(50, 3))
    draws = row_draws(X, target, 7)
    np.testing.assert_array_equal(row_draws(X, target, 7), draws)
    order = rng.permutation(50)
    np.testing.assert_array_equal(row_draws(X[order], target[order], 7), draws[order])
    twice = row_draws(np.concatenate([X, X]), np.concatenate([target, target]), 7)
    np.testing.assert_array_equal(twice[:50], draws)
    assert (twice[50:] != draws).all()


def test_whole_weights_are_copies():
    weight = np.array([1.0, 0.0, 3.0, 2.0])
    rows = repeat_by_weight(np.arange(4.0)[:, None], np.zeros(4), weight, 0)
    assert rows.tolist() == [0, 2, 2, 2, 3, 3]
    assert repeat_by_weight(np.zeros((2, 1)), np.zeros(2), np.full(2, 0.3), 0).tolist() == [0, 1]


def test_fractions_of_weights_are_chances(rng):
    X = np.arange(20_000.0)[:, None]
    weight = np.where(X[:, 0] % 2 == 0, 2.5, 0.25)
    copies = np.bincount(repeat_by_weight(X, X[:, 0], weight, 0), minlength=20_000)
    assert set(copies[::2]) == {2, 3}
    assert copies[::2].mean() == pytest.approx(2.5, abs=5 * 0.5 / 100)
    assert copies[1::2].mean() == pytest.approx(0.25, abs=5 * 0.44 / 100)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_weights_on_another_scale_give_a_sensible_number_of_rows(rng, scale):
    X = np.arange(5000.0)[:, None]
    weight = scale * rng.uniform(0.5, 1.5, 5000)
    mean = len(repeat_by_weight(X, X[:, 0], weight, 0)) / 5000
    assert mean == pytest.approx(1.0 if scale < 1 else 10.0, rel=0.05)


def test_seeds(rng):
    X, targets = make(rng)

    def proba(seed):
        return SamplingStrategy().fit(KNeighborsClassifier(3), X, targets, random_state=seed).predict_proba(X)

    np.testing.assert_array_equal(proba(1), proba(1))
    assert (proba(1) != proba(2)).any()


def test_the_order_of_rows_does_not_matter(rng):
    X, targets = make(rng, alpha=0.6)
    order = rng.permutation(len(X))
    here = SamplingStrategy().fit(KNeighborsClassifier(3), X, targets, random_state=0)
    there = SamplingStrategy().fit(KNeighborsClassifier(3), X[order], targets.take(order), random_state=0)
    np.testing.assert_array_equal(here.predict_proba(X), there.predict_proba(X))


def test_a_row_of_weight_two_is_the_row_twice(rng):
    weight = rng.integers(1, 4, 300).astype(float)
    X, targets = make(rng, weight=weight)
    rows = np.repeat(np.arange(300), weight.astype(int))
    repeated = SoftTargets(targets.teacher[rows], targets.codes[rows], np.ones(len(rows)), np.zeros(len(rows)), NAMES)
    here = SamplingStrategy().fit(KNeighborsClassifier(4), X, targets, random_state=0)
    there = SamplingStrategy().fit(KNeighborsClassifier(4), X[rows], repeated, random_state=0)
    np.testing.assert_array_equal(here.predict_proba(X), there.predict_proba(X))


def test_the_mean_over_seeds_is_the_teacher(rng):
    # A student that memorises its rows shows the draws themselves.
    X, targets = make(rng, n_rows=100)
    seeds = 400
    told = np.mean(
        [
            SamplingStrategy().fit(KNeighborsClassifier(1), X, targets, random_state=seed).predict(X)[:, None] == NAMES
            for seed in range(seeds)
        ],
        axis=0,
    )
    # The root mean square of 300 errors, each of at most 0.5 / sqrt(seeds), is below that.
    assert np.sqrt(np.square(told - targets.teacher).mean()) < 0.5 / np.sqrt(seeds)


def test_labels_alone_are_the_plain_fit(rng):
    X, targets = make(rng, alpha=0.0)
    fitted = SamplingStrategy().fit(LinearDiscriminantAnalysis(), X, targets)
    np.testing.assert_array_equal(fitted.coef_, LinearDiscriminantAnalysis().fit(X, targets.labels).coef_)


def test_a_learner_with_weights_gets_them(rng):
    weight = rng.uniform(0.1, 3.0, 300)
    X, targets = make(rng, weight=weight)
    hard = SoftTargets(np.eye(3)[targets.codes], targets.codes, weight, np.zeros(300), NAMES)
    fitted = SamplingStrategy().fit(LogisticRegression(tol=1e-9, max_iter=1000), X, hard, random_state=0)
    plain = LogisticRegression(tol=1e-9, max_iter=1000).fit(X, targets.labels, sample_weight=weight)
    np.testing.assert_allclose(fitted.coef_, plain.coef_, atol=1e-5)
