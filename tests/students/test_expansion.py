"""Weighted copies: the optimum of the soft loss, and parameters that speak of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skdistill.exceptions import RouteWarning, StudentRouteError
from skdistill.students import ExpansionStrategy, SoftTargets
from skdistill.students._expansion import class_weights, drop_light, expand
from skdistill.students._resolve import resolve_route

NAMES = np.array(["ant", "bee", "cat"])


def make(rng, n_rows=120, n_classes=3, alpha=1.0):
    X = rng.normal(size=(n_rows, 3))
    teacher = softmax(X @ rng.normal(size=(3, n_classes)) * 1.5, axis=1)
    codes = (teacher.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1).clip(max=n_classes - 1)
    weight = rng.uniform(0.5, 2.0, n_rows)
    return X, SoftTargets(teacher, codes, alpha * weight, (1 - alpha) * weight, NAMES[:n_classes])


DISTRIBUTIONS = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(0, 1)).map(
    lambda raw: (raw + 1e-9) / (raw + 1e-9).sum(axis=1, keepdims=True)
)


@settings(deadline=None)
@given(DISTRIBUTIONS, st.sampled_from([0.0, 1e-5, 0.1, 0.9]))
def test_copies_keep_the_weight_of_their_row(target, min_weight):
    weight = np.arange(1.0, len(target) + 1)
    rows, codes, weights = expand(target, weight, min_weight)
    np.testing.assert_allclose(np.bincount(rows, weights, minlength=len(target)), weight)
    assert len(set(zip(rows.tolist(), codes.tolist(), strict=True))) == len(rows)
    assert (np.diff(rows) >= 0).all()
    kept = drop_light(target, min_weight)
    np.testing.assert_allclose(weights, weight[rows] * kept[rows, codes])
    # No row loses more than its light copies, and the largest share is never light.
    assert (kept[np.arange(len(target)), target.argmax(axis=1)] > 0).all()
    assert (target[kept == 0] <= min_weight).all()


def test_copies_below_the_limit_are_dropped_and_the_rest_renormalised():
    target = np.array([[0.9, 0.1 - 1e-7, 1e-7]])
    rows, codes, weights = expand(target, np.array([2.0]), 1e-5)
    assert codes.tolist() == [0, 1]
    assert rows.tolist() == [0, 0]
    np.testing.assert_allclose(weights, 2 * target[0, :2] / target[0, :2].sum())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_logistic_regression_is_at_the_optimum_of_the_soft_cross_entropy(rng, n_classes, alpha):
    X, targets = make(rng, n_classes=n_classes, alpha=alpha)
    C = 0.7
    student = ExpansionStrategy(min_weight=0.0).fit(LogisticRegression(C=C, tol=1e-10, max_iter=5000), X, targets)
    wide = np.column_stack([X, np.ones(len(X))])

    def loss(flat):
        # scikit-learn's binary model has one vector of coefficients, the logit of the second class.
        coef = np.stack([np.zeros(4), flat]) if n_classes == 2 else flat.reshape(n_classes, 4)
        logs = log_softmax(wide @ coef.T, axis=1)
        soft = -(targets.teacher_weight * (targets.teacher * logs).sum(axis=1)).sum()
        hard = -(targets.label_weight * logs[np.arange(len(X)), targets.codes]).sum()
        return C * (soft + hard) + 0.5 * np.square(coef[:, :3]).sum()

    best = minimize(loss, np.zeros(4 if n_classes == 2 else 12), options={"gtol": 1e-9, "maxiter": 2000})
    coef = np.column_stack([student.coef_, student.intercept_])
    assert loss(coef.ravel()) <= best.fun + 1e-8
    np.testing.assert_allclose(student.coef_.ravel(), best.x.reshape(-1, 4)[:, :3].ravel(), atol=1e-4)


def test_naive_bayes_learns_the_moments_under_the_shares(rng):
    X, targets = make(rng)
    student = ExpansionStrategy(min_weight=0.0).fit(GaussianNB(var_smoothing=0.0), X, targets)
    mass = targets.teacher * targets.weight[:, None]
    np.testing.assert_allclose(student.theta_, (mass.T @ X) / mass.sum(axis=0)[:, None])
    np.testing.assert_allclose(student.class_prior_, mass.sum(axis=0) / mass.sum())


def test_one_hot_targets_are_the_plain_fit(rng):
    X, targets = make(rng)
    hard = SoftTargets(np.eye(3)[targets.codes], targets.codes, np.ones(120), np.zeros(120), NAMES)
    student = ExpansionStrategy().fit(LogisticRegression(), X, hard)
    plain = LogisticRegression().fit(X, targets.labels)
    np.testing.assert_array_equal(student.coef_, plain.coef_)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keep what fit was given, and the parameters at that time."""

    seen = None

    def __init__(self, min_samples_leaf=1, min_samples_split=2, class_weight=None, early_stopping="auto", cv="prefit"):
        self.min_samples_leaf = min_samples_leaf
        self.min_samples_split = min_samples_split
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.cv = cv

    def fit(self, X, y, sample_weight=None):
        Recorder.seen = {"X": X, "y": y, "weight": sample_weight, **self.get_params()}
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.zeros(len(X), dtype=int)]


def test_numbers_of_rows_are_scaled_to_copies_and_set_back(rng):
    X, targets = make(rng)
    student = Recorder(min_samples_leaf=5, min_samples_split=0.25)
    ExpansionStrategy(min_weight=0.0).fit(student, X, targets)
    assert Recorder.seen["min_samples_leaf"] == 15
    assert Recorder.seen["min_samples_split"] == 0.25
    assert student.get_params() == Recorder(min_samples_leaf=5, min_samples_split=0.25).get_params()


def test_early_stopping_by_default_is_decided_on_rows(rng):
    X, targets = make(rng, n_rows=4000)
    ExpansionStrategy(min_weight=0.0).fit(Recorder(), X, targets)
    assert len(Recorder.seen["X"]) == 12_000
    assert Recorder.seen["early_stopping"] is False


def test_balanced_classes_are_counted_on_labels(rng):
    X, targets = make(rng)
    ExpansionStrategy().fit(Recorder(class_weight="balanced"), X, targets)
    counts = np.bincount(targets.codes)
    expected = dict(zip(NAMES.tolist(), 120 / (3 * counts), strict=True))
    assert Recorder.seen["class_weight"] == pytest.approx(expected)
    assert class_weights({"bee": 3.0}, targets) == [1.0, 3.0, 1.0]
    assert class_weights(None, targets) == [1.0, 1.0, 1.0]


def test_balanced_classes_equal_their_dictionary(rng):
    X, targets = make(rng)
    weights = dict(zip(NAMES.tolist(), class_weights("balanced", targets), strict=True))
    by_name = ExpansionStrategy().fit(LogisticRegression(class_weight="balanced"), X, targets)
    by_hand = ExpansionStrategy().fit(LogisticRegression(class_weight=weights), X, targets)
    np.testing.assert_array_equal(by_name.coef_, by_hand.coef_)


@pytest.mark.parametrize("cv", [3, None])
def test_a_students_own_folds_never_part_the_copies_of_a_row(rng, cv):
    X, targets = make(rng)
    ExpansionStrategy(min_weight=0.0).fit(Recorder(cv=cv), X, targets)
    source = np.repeat(np.arange(120), 3)
    np.testing.assert_array_equal(Recorder.seen["X"], X[source])
    assert len(Recorder.seen["cv"]) == (cv or 5)
    for train, test in Recorder.seen["cv"]:
        assert set(source[train]).isdisjoint(source[test])
        assert len(train) + len(test) == 360


def logistic_with_folds():
    """The settings for which neither old nor new scikit-learn announces a change of defaults."""
    student = LogisticRegressionCV(Cs=3, cv=3, scoring="neg_log_loss", max_iter=500)
    if "use_legacy_attributes" in student.get_params():
        student.set_params(use_legacy_attributes=False, l1_ratios=(0.0,))
    return student


@pytest.mark.parametrize(
    "student",
    [
        logistic_with_folds(),
        CalibratedClassifierCV(GaussianNB(), cv=3),
        StackingClassifier([("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))], cv=3),
    ],
    ids=lambda student: type(student).__name__,
)
def test_learners_with_folds_of_their_own(rng, student):
    X, targets = make(rng)
    strategy = resolve_route(student, "auto")
    assert strategy.route == "expansion"
    fitted = strategy.fit(clone(student), X, targets)
    # Within its family the student follows a teacher that is itself logistic in X.
    assert (fitted.predict(X) == targets.classes[targets.teacher.argmax(axis=1)]).mean() > 0.7
    assert fitted.get_params()["cv"] == 3


@pytest.mark.parametrize(
    "student",
    [
        BaggingClassifier(CalibratedClassifierCV(GaussianNB())),
        VotingClassifier([("a", GaussianNB()), ("b", CalibratedClassifierCV(GaussianNB()))]),
        CalibratedClassifierCV(LogisticRegressionCV()),
    ],
    ids=lambda student: type(student).__name__,
)
def test_folds_deep_inside_would_part_copies(student):
    with pytest.raises(StudentRouteError, match=r"copies of a row would fall into two folds of the .*CV inside it"):
        resolve_route(student, "expansion")
    assert resolve_route(student, "auto").route == "sampling"


def test_ensembles_take_weights_if_their_members_do(rng):
    members = [("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2)), ("out", "drop")]
    assert resolve_route(VotingClassifier(members), "auto").route == "expansion"
    with_neighbours = VotingClassifier([*members, ("near", KNeighborsClassifier())])
    assert resolve_route(with_neighbours, "auto").route == "sampling"


@pytest.mark.parametrize(
    ("student", "name"),
    [
        (BaggingClassifier(GaussianNB(), n_estimators=2), "bootstrap"),
        (HistGradientBoostingClassifier(early_stopping=True, max_iter=3), "early_stopping"),
        (GradientBoostingClassifier(n_iter_no_change=2, n_estimators=3), "n_iter_no_change"),
        (SGDClassifier(early_stopping=True, loss="log_loss"), "early_stopping"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_draws_of_copies_are_announced(rng, student, name):
    X, targets = make(rng)
    with pytest.warns(RouteWarning, match=rf"{type(student).__name__}.*{name}=.* draws copies.*Switch it off"):
        ExpansionStrategy().fit(student, X, targets)


def test_quiet_where_nothing_draws_copies(rng):
    # Warnings are errors here, so the fits themselves are the check.
    X, targets = make(rng)
    for student in (SGDClassifier(loss="log_loss"), HistGradientBoostingClassifier(max_iter=3)):
        assert ExpansionStrategy().fit(student, X, targets).classes_.tolist() == NAMES.tolist()
