"""The choice of the teacher's weight: what is compared, on which rows, and when the teacher is declined."""

import warnings

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_pinball_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.estimators._alpha import ALPHAS, Trial, choose_alpha, paired_gain, term_weights
from skdistill.exceptions import DistillationDeclinedWarning
from skdistill.fidelity import make_fidelity_scorer, predictive_kl


@pytest.fixture(scope="module")
def noisy():
    """Labels from a known logistic curve in one column, so that a teacher who knows it has much to give."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-3, 3, size=(300, 2))
    return X, (rng.random(300) < expit(X[:, 0])).astype(int)


class Truth(ClassifierMixin, BaseEstimator):
    """The teacher who knows the curve."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - expit(X[:, 0]), expit(X[:, 0])])

    def __sklearn_is_fitted__(self):
        return True


def trials(rows, hits=None):
    return [
        Trial(
            float(np.mean(rows)),
            np.asarray(rows, float),
            None if hits is None else np.asarray(hits),
            np.ones(len(rows)),
        )
    ]


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("n_more", [0, 7])
def test_the_weights_of_terms(alpha, n_more, rng):
    weight = rng.uniform(0.5, 3.0, 20)
    teacher, label = term_weights(alpha, weight, n_more)
    everyone = np.r_[weight, np.ones(n_more)]
    total = teacher.sum() + label.sum()
    np.testing.assert_allclose(teacher / total, alpha * everyone / everyone.sum())
    np.testing.assert_allclose(label / total, (1 - alpha) * np.r_[weight, np.zeros(n_more)] / weight.sum())
    if n_more == 0:
        np.testing.assert_allclose(teacher + label, weight)
    if alpha == 1.0:
        np.testing.assert_allclose(teacher, everyone)
    if alpha == 0.0:
        np.testing.assert_array_equal(label[:20], weight)


def test_the_best_mean_wins_where_labels_have_no_claim():
    outcomes = {alpha: trials([score]) for alpha, score in zip(ALPHAS, [-1.0, -0.9, -0.5, -0.5, -0.6], strict=True)}
    choice = choose_alpha(outcomes, guard_accuracy=False, trust_mean=True)
    # Of equals the smaller weight.
    assert choice.alpha == 0.5
    assert choice.scores == dict(zip(ALPHAS, [-1.0, -0.9, -0.5, -0.5, -0.6], strict=True))
    assert not choice.declined


def test_a_gain_within_its_standard_error_is_none():
    plain = np.zeros(100)
    noise = np.tile([1.0, -1.0], 50)
    outcomes = {alpha: trials(plain + 0.05 + noise) for alpha in ALPHAS}
    outcomes[0.0] = trials(plain)
    assert choose_alpha(outcomes, guard_accuracy=False, trust_mean=False).declined
    outcomes[0.75] = trials(plain + 0.2 + noise)
    assert choose_alpha(outcomes, guard_accuracy=False, trust_mean=False).alpha == 0.75


def test_log_loss_is_not_bought_with_accuracy():
    hits = np.arange(100) < 80
    outcomes = {alpha: trials(np.zeros(100), hits) for alpha in ALPHAS}
    outcomes[1.0] = trials(np.full(100, 0.5), np.arange(100) < 79)
    outcomes[0.5] = trials(np.full(100, 0.3), hits)
    assert choose_alpha(outcomes, guard_accuracy=True, trust_mean=False).alpha == 0.5
    assert choose_alpha(outcomes, guard_accuracy=False, trust_mean=False).alpha == 1.0


def test_gains_are_paired_and_weighted_like_repeated_rows(rng):
    first, second, weight = rng.normal(size=30), rng.normal(size=30), rng.integers(1, 4, 30)

    def trial(rows, weight):
        return [Trial(0.0, rows, None, weight.astype(float))]

    gain = paired_gain(trial(first, weight), trial(second, weight))
    repeated = [np.repeat(part, weight) for part in (first, second)]
    ones = np.ones(weight.sum())
    assert gain == pytest.approx(paired_gain(trial(repeated[0], ones), trial(repeated[1], ones)))
    difference = repeated[0] - repeated[1]
    assert gain == pytest.approx((difference.mean(), difference.std() / np.sqrt(len(difference))))
    folds = [Trial(score, None, None, np.ones(5)) for score in (1.0, 2.0, 4.0)]
    zero = [Trial(0.0, None, None, np.ones(5))] * 3
    assert paired_gain(folds, zero) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1) / np.sqrt(3)))


def test_a_teacher_who_knows_is_followed(noisy):
    X, y = noisy
    model = DistilledClassifier(FrozenEstimator(Truth()), DecisionTreeClassifier(max_depth=6), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert model.alpha_ > 0.5
    assert model.alpha_scores_[model.alpha_] > model.alpha_scores_[0.0] + 0.2
    fresh = np.random.default_rng(9).uniform(-3, 3, size=(1000, 2))
    plain = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, y)
    truth = Truth().predict_proba(fresh)
    assert predictive_kl(truth, model.predict_proba(fresh)) < predictive_kl(truth, plain.predict_proba(fresh)) / 3


@pytest.mark.parametrize("teacher", [DummyClassifier(), FrozenEstimator(DummyClassifier().fit([[0], [0]], [0, 1]))])
def test_a_teacher_with_nothing_to_give_is_declined(noisy, teacher):
    X, y = noisy
    model = DistilledClassifier(teacher, LogisticRegression())
    with pytest.warns(
        DistillationDeclinedWarning,
        match=r"has nothing to give the student LogisticRegression under "
        r"scoring='neg_log_loss'.*alpha_scores_.*alpha_=0.*Fix alpha.*X_unlabeled",
    ):
        model.fit(X, y)
    assert model.alpha_ == 0.0
    np.testing.assert_array_equal(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_values_likewise(noisy):
    X, _ = noisy
    y = np.sin(X[:, 0]) + np.random.default_rng(2).normal(size=300)

    class Curve(Ridge):
        def predict(self, X):
            return np.sin(X[:, 0])

    followed = DistilledRegressor(Curve(), DecisionTreeRegressor(max_depth=6, random_state=0)).fit(X, y)
    assert followed.alpha_ == 1.0
    with pytest.warns(DistillationDeclinedWarning, match="DummyRegressor has nothing to give"):
        declined = DistilledRegressor(DummyRegressor(), Ridge()).fit(X, X[:, 0])
    np.testing.assert_array_equal(declined.predict(X), Ridge().fit(X, X[:, 0]).predict(X))


def test_scores_are_those_of_cross_validation(noisy):
    X, y = noisy
    rows = np.arange(300)
    splits = [(rows[rows % 3 != fold], rows[rows % 3 == fold]) for fold in range(3)]
    frozen = FrozenEstimator(Truth())
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=10, random_state=0)
    model = DistilledClassifier(frozen, tree, cv=splits).fit(X, y)
    scorer = get_scorer("neg_log_loss")
    for alpha in ALPHAS:
        scores = []
        for train, test in splits:
            student = DistilledClassifier(frozen, tree, alpha=alpha).fit(X[train], y[train])
            scores.append(scorer(student, X[test], y[test]))
        assert model.alpha_scores_[alpha] == pytest.approx(np.mean(scores), rel=1e-6)


class Counting(GaussianNB):
    fits = 0

    def fit(self, X, y, sample_weight=None):
        Counting.fits += 1
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        # One teacher per fold and the final one.
        ({"alpha": 0.5}, 5 + 1),
        ({"alpha": "auto", "scoring": "neg_predictive_kl"}, 5 + 1),
        # Labels judge, so that each pair of folds has a teacher who saw neither.
        ({"alpha": "auto"}, 5 + 10 + 1),
        ({"alpha": 0.5, "cv": None}, 1),
        ({"alpha": 0.0}, 1),
    ],
)
@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_how_often_the_teacher_is_fitted(noisy, params, fits):
    X, y = noisy
    Counting.fits = 0
    DistilledClassifier(Counting(), DecisionTreeClassifier(max_depth=2), **params).fit(X, y)
    assert Counting.fits == fits
    Counting.fits = 0
    DistilledClassifier(FrozenEstimator(GaussianNB().fit(X, y)), DecisionTreeClassifier(max_depth=2), **params).fit(
        X, y
    )
    assert Counting.fits == 0


def test_no_teacher_of_a_trial_saw_the_labels_that_judge(noisy):
    # With the true folds of the trials: the teacher of fold k's student never gets a row of fold k, nor the row asked.
    X, y = noisy
    seen = []

    class Watching(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append({tuple(row) for row in X})
            return super().fit(X, y, sample_weight)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DistillationDeclinedWarning)
        DistilledClassifier(Watching(), DecisionTreeClassifier(max_depth=2), cv=4).fit(X, y)
    everything = {tuple(row) for row in X}
    absent = [everything - rows for rows in seen]
    folds = [rows for rows in absent if 70 <= len(rows) <= 80]
    pairs = [rows for rows in absent if len(rows) > 80]
    assert (len(folds), len(pairs), absent.count(set())) == (4, 6, 1)
    for i in range(4):
        for j in range(i):
            assert folds[i] | folds[j] in pairs


def test_a_fidelity_aim_is_judged_by_the_teachers_answers(noisy):
    X, y = noisy
    tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
    for scoring in ("neg_predictive_kl", "neg_jensen_shannon", "agreement", make_fidelity_scorer()):
        model = DistilledClassifier(FrozenEstimator(Truth()), tree, scoring=scoring).fit(X, y)
        assert model.alpha_ > 0.0
        assert model.alpha_scores_[model.alpha_] == max(model.alpha_scores_.values())
    other = LogisticRegression().fit(X, 1 - y)
    judged = DistilledClassifier(FrozenEstimator(Truth()), tree, scoring=make_fidelity_scorer(other)).fit(X, y)
    assert judged.alpha_scores_[1.0] < -0.5


def test_the_closest_regressor(noisy):
    X, y = noisy
    teacher = FrozenEstimator(DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, X[:, 0] ** 2))
    model = DistilledRegressor(teacher, DecisionTreeRegressor(max_depth=4), scoring="neg_mean_squared_difference")
    assert model.set_params(random_state=0).fit(X, X[:, 0] ** 2 + y).alpha_ == 1.0


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "accuracy", get_scorer("neg_brier_score"), lambda estimator, X, y: estimator.score(X, y)]
)
@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("weighted", [False, True])
def test_scorers_of_every_kind(noisy, scoring, weighted):
    X, y = noisy
    weight = np.random.default_rng(1).uniform(0.5, 2, 300) if weighted else None
    splits = [(np.arange(150), np.arange(150, 300)), (np.arange(150, 300), np.arange(150))]
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = DistilledClassifier(FrozenEstimator(Truth()), tree, scoring=scoring, cv=splits)
    model.fit(X, y, sample_weight=weight)
    assert len(set(model.alpha_scores_.values())) > 1
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    # A scorer that knows no weights is called without.
    takes = weighted and hasattr(scorer, "_score_func")
    scores = []
    for train, test in splits:
        fitted = DecisionTreeClassifier(max_depth=3, random_state=0)
        fitted.fit(X[train], y[train], **({"sample_weight": weight[train]} if weighted else {}))
        scores.append(scorer(fitted, X[test], y[test], **({"sample_weight": weight[test]} if takes else {})))
    sizes = [weight[test].sum() if weighted else len(test) for _, test in splits]
    assert model.alpha_scores_[0.0] == pytest.approx(np.average(scores, weights=sizes))


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("scoring", ["r2", make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.9)])
def test_scorers_of_values(noisy, scoring):
    X, y = noisy
    model = DistilledRegressor(Ridge(), DecisionTreeRegressor(max_depth=2), scoring=scoring, cv=3).fit(X, X[:, 0] + y)
    assert len(set(model.alpha_scores_.values())) > 1


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_a_student_without_probabilities_is_judged_by_accuracy(noisy):
    X, y = noisy
    model = DistilledClassifier(GaussianNB(), LinearSVC(), cv=3).fit(X, y)
    assert all(0.5 < score < 1.0 for score in model.alpha_scores_.values())
    assert not hasattr(model, "predict_proba")
    assert model.decision_function(X).shape == (300,)


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_two_folds_do_not_depend_on_the_order_of_rows(noisy):
    X, y = noisy
    order = np.random.default_rng(4).permutation(300)
    model = DistilledClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=3), cv=2, random_state=0)
    here = model.fit(X, y).alpha_scores_
    there = model.fit(X[order], y[order]).alpha_scores_
    assert here == pytest.approx(there, rel=1e-9)
