"""The toy distributions: what they claim to be is what their rows and labels show."""

import pickle

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from skdistill.datasets import KnownProbabilities, TruthTeacher, make_known_probabilities
from skdistill.datasets._truths import TRUTHS, GaussianTruth, RingsTruth

ALL = [(truth, n_classes) for truth in TRUTHS for n_classes in (2, 3, 5)]


@pytest.mark.parametrize(("truth", "n_classes"), ALL)
def test_shapes_and_distributions(truth, n_classes):
    known = make_known_probabilities(truth, n_samples=200, n_features=3, n_classes=n_classes, random_state=0)
    X, y, proba, teacher = known
    assert isinstance(known, KnownProbabilities)
    assert X.shape == (200, 3)
    assert y.shape == (200,)
    assert proba.shape == (200, n_classes)
    assert X.dtype == proba.dtype == np.float64
    assert np.all(proba > 0)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(teacher.predict_proba(X), proba)
    np.testing.assert_array_equal(teacher.predict(X), proba.argmax(axis=1))


@pytest.mark.parametrize(("truth", "n_classes"), ALL)
def test_labels_are_as_frequent_as_the_truth_says(truth, n_classes):
    _, y, proba, _ = make_known_probabilities(truth, n_samples=40_000, n_classes=n_classes, random_state=0)
    bins = np.linspace(0.0, 1.0, 11)[1:-1]
    for k in range(n_classes):
        place = np.digitize(proba[:, k], bins)
        for b in np.unique(place):
            p, hit = proba[place == b, k], y[place == b] == k
            deviation = np.sqrt((p * (1 - p)).sum())
            # 5 standard deviations, and one label for bins of a few rows: a false alarm in a million.
            assert abs(hit.sum() - p.sum()) <= 5 * deviation + 1


@pytest.mark.parametrize("truth", TRUTHS)
def test_every_class_is_somewhere_the_most_probable(truth):
    proba = make_known_probabilities(truth, n_samples=5000, n_classes=4, random_state=0).proba
    assert set(proba.argmax(axis=1)) == {0, 1, 2, 3}


@pytest.mark.parametrize("truth", TRUTHS)
def test_sharper_is_easier_and_zero_says_nothing(truth):
    losses = []
    for sharpness in (0.5, 2.0, 6.0):
        _, y, proba, _ = make_known_probabilities(
            truth, n_samples=5000, n_classes=3, sharpness=sharpness, random_state=0
        )
        losses.append(log_loss(y, proba))
    assert losses == sorted(losses, reverse=True)
    blind = make_known_probabilities(truth, n_samples=50, n_classes=3, sharpness=0, random_state=0).proba
    assert np.ptp(blind, axis=0).max() < 1e-14


def test_gaussian_truth_is_bayes_rule_on_the_densities(rng):
    truth = GaussianTruth(n_classes=3, n_features=2, sharpness=1.5)
    X = rng.normal(scale=3.0, size=(100, 2))
    joint = np.column_stack(
        [
            weight * multivariate_normal(mean, width**2).pdf(X)
            for weight, mean, width in zip(truth.weights, truth.means, truth.widths, strict=True)
        ]
    )
    np.testing.assert_allclose(truth.proba(X), joint / joint.sum(axis=1, keepdims=True), rtol=1e-10)


def test_gaussian_rows_follow_the_mixture():
    truth = GaussianTruth(n_classes=3, n_features=1, sharpness=2.0)
    X = truth.sample(40_000, np.random.RandomState(0))[:, 0]
    mixture = sum(
        weight * norm(mean[0], width).cdf(1.0)
        for weight, mean, width in zip(truth.weights, truth.means, truth.widths, strict=True)
    )
    assert abs(np.mean(X <= 1.0) - mixture) < 5 * np.sqrt(mixture * (1 - mixture) / X.size)


def test_rings_lie_at_quantiles_of_the_length():
    truth = RingsTruth(n_classes=4, n_features=2, sharpness=2.0)
    length = np.hypot(*truth.sample(40_000, np.random.RandomState(0)).T)
    shares = [np.mean(length <= radius) for radius in truth.radii]
    np.testing.assert_allclose(shares, [0.125, 0.375, 0.625, 0.875], atol=5 * 0.5 / np.sqrt(40_000))


def test_logistic_regression_finds_the_logistic_truth():
    known = make_known_probabilities("logistic", n_samples=40_000, n_classes=3, random_state=0)
    student = LogisticRegression(C=1e6).fit(known.X, known.y)
    # Six free numbers: n times the mean chi-square distance is about 6, a root mean square of about 0.004.
    assert np.sqrt(np.mean((student.predict_proba(known.X) - known.proba) ** 2)) < 0.01


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_tree_of_one_leaf_per_cell_is_exact_on_the_checkerboard(n_classes, rng):
    teacher = TruthTeacher(truth="xor", n_classes=n_classes)
    edges = np.linspace(-1, 1, n_classes + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    X = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    tree = DecisionTreeClassifier(random_state=0).fit(X, teacher.predict(X))
    fresh = rng.uniform(-1, 1, size=(1000, 2))
    assert tree.get_n_leaves() <= n_classes**2
    np.testing.assert_array_equal(tree.predict(fresh), teacher.predict(fresh))


def test_rows_beyond_the_checkerboard_belong_to_the_nearest_cell():
    teacher = TruthTeacher(truth="xor")
    inside, outside = [[0.5, -0.5]], [[5.0, -7.0]]
    np.testing.assert_array_equal(teacher.predict_proba(inside), teacher.predict_proba(outside))


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_random_state_moves_the_rows_and_not_the_truth(truth):
    first = make_known_probabilities(truth, n_samples=50, random_state=0)
    again = make_known_probabilities(truth, n_samples=50, random_state=0)
    other = make_known_probabilities(truth, n_samples=50, random_state=1)
    for one, two in zip(first[:3], again[:3], strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.any(first.X == other.X)
    np.testing.assert_array_equal(other.teacher.predict_proba(first.X), first.proba)


@pytest.mark.parametrize("truth", ["xor", "rings"])
def test_only_two_columns_speak(truth):
    X, _, proba, teacher = make_known_probabilities(truth, n_samples=100, n_features=4, random_state=0)
    X[:, 2:] = 0.0
    np.testing.assert_array_equal(teacher.predict_proba(X), proba)


def test_classes_may_be_strings_in_any_order():
    plain = make_known_probabilities(n_samples=100, n_classes=3, random_state=0)
    named = make_known_probabilities(n_samples=100, n_classes=3, classes=["c", "a", "b"], random_state=0)
    np.testing.assert_array_equal(named.proba, plain.proba)
    np.testing.assert_array_equal(named.y, np.array(["c", "a", "b"])[plain.y])
    assert named.teacher.classes_.tolist() == ["c", "a", "b"]
    np.testing.assert_array_equal(named.teacher.predict(named.X), named.teacher.classes_[plain.proba.argmax(1)])


def test_the_teacher_fits_clones_freezes_and_pickles():
    X, y, proba, teacher = make_known_probabilities("gaussian", n_samples=60, n_features=3, random_state=0)
    assert is_classifier(teacher)
    assert teacher.n_features_in_ == 3
    for copy in (clone(teacher), clone(teacher).fit(X, y), pickle.loads(pickle.dumps(teacher))):
        np.testing.assert_array_equal(copy.predict_proba(X), proba)
    frozen = clone(FrozenEstimator(teacher)).fit(X[:3], y[:3])
    np.testing.assert_array_equal(frozen.predict_proba(X), proba)
    np.testing.assert_array_equal(cross_val_predict(teacher, X, y, cv=3, method="predict_proba"), proba)


def test_the_best_score_is_the_expected_one():
    X, y, proba, teacher = make_known_probabilities("rings", n_samples=40_000, random_state=0)
    best = proba.max(axis=1)
    assert abs(teacher.score(X, y) - best.mean()) < 5 * np.sqrt((best * (1 - best)).mean() / y.size)


@pytest.mark.parametrize("truth", ["logistic", "gaussian"])
def test_one_column_is_enough_for(truth):
    known = make_known_probabilities(truth, n_samples=30, n_features=1, random_state=0)
    assert known.X.shape == (30, 1)
    assert np.ptp(known.proba[:, 0]) > 0.1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"truth": "spiral"}, "'truth' parameter"),
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"n_classes": 1}, "'n_classes' parameter"),
        ({"sharpness": -1.0}, "'sharpness' parameter"),
        ({"classes": ["a", "b", "c"]}, "n_classes=2 different labels, got .* or change n_classes"),
        ({"classes": ["a", "a"]}, "n_classes=2 different labels, got .* or change n_classes"),
        ({"truth": "xor", "n_features": 1}, "n_features must be at least 2 .* got 1. Take n_features=2"),
        ({"truth": "rings", "n_features": 1}, "n_features must be at least 2 .* got 1. Take n_features=2"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_known_probabilities(**parameters)


def test_bad_rows_and_labels():
    teacher = TruthTeacher(n_features=2)
    with pytest.raises(ValueError, match=r"n_features=2 columns, got 3\. .* n_features=3"):
        teacher.predict_proba(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="n_features=2 columns, got 3"):
        teacher.fit(np.zeros((4, 3)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="NaN"):
        teacher.predict_proba([[0.0, np.nan]])
    with pytest.raises(ValueError, match=r"\[0, 1\], but has \['yes'\] as well. Give the labels"):
        teacher.fit(np.zeros((2, 2)), np.array([0, "yes"], dtype=object))
    with pytest.raises(ValueError, match="'truth' parameter of TruthTeacher"):
        TruthTeacher(truth="spiral").predict_proba([[0.0, 0.0]])
