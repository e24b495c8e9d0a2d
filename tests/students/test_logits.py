"""Regressors as classifiers: logits there and back."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import GammaRegressor, LassoCV, LinearRegression, MultiTaskLasso, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from skdistill.exceptions import RouteWarning, StudentRouteError
from skdistill.students import LogitClassifier, LogitStrategy, SharpenedClassifier, SoftTargets
from skdistill.students._logit_regression import centred_logits, logits_to_proba
from skdistill.students._regression import fit_value_student
from skdistill.students._resolve import resolve_route

NAMES = np.array(["ant", "bee", "cat"])


def make(rng, n_classes=3, temperature=1.0, weight=None):
    X = rng.normal(size=(150, 3))
    teacher = softmax(X @ rng.normal(size=(3, n_classes)) / temperature, axis=1)
    weight = np.ones(150) if weight is None else weight
    codes = rng.integers(0, n_classes, 150)
    return X, SoftTargets(teacher, codes, weight, np.zeros(150), NAMES[:n_classes], temperature)


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 4)), elements=st.floats(-5, 5)),
    st.sampled_from([1.0, 2.0, 0.5]),
)
def test_logits_come_back(logits, exponent):
    proba = softmax(logits, axis=1)
    told = centred_logits(proba, 1e-12)
    np.testing.assert_allclose(logits_to_proba(told, exponent), softmax(exponent * logits, axis=1), atol=1e-9)
    if told.ndim == 2:
        np.testing.assert_allclose(told.sum(axis=1), 0.0, atol=1e-9)
    else:
        np.testing.assert_allclose(told, logits[:, 1] - logits[:, 0], atol=1e-9)


def test_certain_answers_have_bounded_logits():
    told = centred_logits(np.array([[1.0, 0.0], [0.0, 1.0]]), 1e-3)
    np.testing.assert_allclose(told, [np.log(1e-3), -np.log(1e-3)])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_a_linear_student_finds_a_linear_teacher_at_every_temperature(rng, n_classes, temperature):
    X, targets = make(rng, n_classes, temperature)
    student = LogitStrategy(floor=1e-30).fit(LinearRegression(), X, targets)
    expected = targets.teacher**temperature
    np.testing.assert_allclose(student.predict_proba(X), expected / expected.sum(axis=1, keepdims=True), atol=1e-9)
    assert student.predict(X).tolist() == NAMES[targets.teacher.argmax(axis=1)].tolist()


@pytest.mark.parametrize(
    ("student", "inner"),
    [
        (Ridge(), Ridge),
        (SVR(), MultiOutputRegressor),
        (MultiTaskLasso(alpha=0.01), MultiTaskLasso),
        (MultiOutputRegressor(SVR()), MultiOutputRegressor),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_inner_model_is_of_the_users_class_where_it_can_be(rng, student, inner, n_classes):
    X, targets = make(rng, n_classes)
    fitted = LogitStrategy().fit(student, X, targets)
    expected = type(student) if n_classes == 2 else inner
    assert type(fitted.model_) is expected
    assert (fitted.predict(X) == NAMES[targets.teacher.argmax(axis=1)]).mean() > 0.75
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("student", [KNeighborsRegressor(3), MultiOutputRegressor(KNeighborsRegressor(3))])
def test_weights_are_repeated_rows_where_the_learner_takes_none(rng, student):
    weight = rng.integers(1, 4, 150).astype(float)
    X, targets = make(rng, weight=weight)
    rows = np.repeat(np.arange(150), weight.astype(int))
    weighted = LogitStrategy().fit(student, X, targets)
    plain = KNeighborsRegressor(3).fit(X[rows], centred_logits(targets.teacher[rows], 1e-3))
    np.testing.assert_allclose(weighted.model_.predict(X), plain.predict(X))


def test_weights_reach_a_learner_that_takes_them(rng):
    weight = rng.uniform(0.1, 3.0, 150)
    X, targets = make(rng, weight=weight)
    student = LogitStrategy().fit(DecisionTreeRegressor(max_depth=2, random_state=0), X, targets)
    plain = DecisionTreeRegressor(max_depth=2, random_state=0)
    plain.fit(X, centred_logits(targets.teacher, 1e-3), sample_weight=weight)
    np.testing.assert_array_equal(student.model_.predict(X), plain.predict(X))


def test_regressors_of_values_follow_the_same_rule(rng):
    X, y, weight = rng.normal(size=(40, 2)), rng.normal(size=40), rng.integers(1, 4, 40).astype(float)
    rows = np.repeat(np.arange(40), weight.astype(int))
    fitted = fit_value_student(KNeighborsRegressor(3), X, y, weight, random_state=0)
    np.testing.assert_allclose(fitted.predict(X), KNeighborsRegressor(3).fit(X[rows], y[rows]).predict(X))
    process = GaussianProcessRegressor(optimizer=None)
    even = fit_value_student(clone(process), X, y, np.full(40, 0.7))
    np.testing.assert_array_equal(even.predict(X), process.fit(X, y).predict(X))


def test_a_learner_with_folds_of_its_own_sees_no_copies():
    class NoWeights(LassoCV):
        def fit(self, X, y):
            return super().fit(X, y)

    X = np.arange(20.0)[:, None]
    with pytest.warns(RouteWarning, match=r"NoWeights takes no sample_weight and splits rows by itself"):
        fitted = fit_value_student(NoWeights(cv=2), X, X[:, 0], np.arange(1.0, 21.0))
    assert fitted.coef_ == pytest.approx(LassoCV(cv=2).fit(X, X[:, 0]).coef_)


def test_regressors_of_positive_values_cannot_learn_logits():
    with pytest.raises(
        StudentRouteError, match=r"GammaRegressor .*: it predicts positive values only.*Use a classifier"
    ):
        resolve_route(GammaRegressor(), "auto")


@pytest.mark.parametrize("thin", [LogitClassifier(), SharpenedClassifier()])
def test_thin_classifiers_are_outcomes(thin):
    with pytest.raises(TypeError, match=r"outcome of a distillation and is not fitted by itself. Fit the"):
        thin.fit([[0.0]], [0])
    with pytest.raises(NotFittedError):
        thin.predict([[0.0]])
