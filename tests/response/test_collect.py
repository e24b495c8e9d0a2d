"""Asking teachers: preferred methods, margins, batches, out of fold, and what cannot be asked."""

import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, RepeatedKFold, TimeSeriesSplit, cross_val_predict
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdistill.exceptions import InvalidResponseError, TeacherError
from skdistill.response import ask, collect_out_of_fold
from skdistill.response._collect import check_can_answer


@pytest.fixture
def data():
    return make_classification(90, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)


class Fixed(ClassifierMixin, BaseEstimator):
    """A teacher that says what it is told to."""

    def __init__(self, answer, classes=(0, 1)):
        self.answer = answer
        self.classes = classes

    def fit(self, X, y):
        if self.classes is not None:
            self.classes_ = np.array(self.classes)
        return self

    def predict_proba(self, X):
        return self.answer

    def __sklearn_is_fitted__(self):
        return True


def test_probabilities_are_preferred_to_margins(data):
    X, y = data
    teacher = LogisticRegression().fit(X, y)
    answer = ask(teacher, X)
    assert (answer.kind, answer.method) == ("proba", "predict_proba")
    np.testing.assert_allclose(answer.proba(), teacher.predict_proba(X))


def test_a_binary_margin_is_two_logits_of_which_the_first_is_zero(data):
    X, y = data[0], np.where(data[1] > 0, "yes", "no")
    teacher = LinearSVC().fit(X, y)
    margin = teacher.decision_function(X)
    answer = ask(teacher, X)
    assert answer.kind == "logit"
    np.testing.assert_array_equal(answer.values, np.column_stack([np.zeros(len(X)), margin]))
    np.testing.assert_allclose(answer.proba()[:, 1], expit(margin))
    # (-d, d) would be sigmoid(2 d), which is something else.
    assert np.abs(answer.proba()[:, 1] - expit(2 * margin)).max() > 0.01


def test_margins_of_several_classes_are_logits(data):
    X, y = data
    teacher = RidgeClassifier().fit(X, y)
    np.testing.assert_allclose(ask(teacher, X).values, teacher.decision_function(X))


def test_margins_between_pairs_of_classes_are_refused(data):
    X, y = data
    teacher = SVC(decision_function_shape="ovo").fit(X, y)
    # Three classes make three pairs, so the shape alone would not tell.
    assert teacher.decision_function(X).shape == (90, 3)
    for asked in (teacher, FrozenEstimator(teacher)):
        with pytest.raises(InvalidResponseError, match=r"decision_function_shape='ovo'.*Set .*'ovr'"):
            ask(asked, X)
    two = SVC(decision_function_shape="ovo").fit(X, y > 0)
    assert ask(two, X).values.shape == (90, 2)


@pytest.mark.parametrize("shape", ["ovo", "ovr"])
def test_margins_between_pairs_of_classes_are_refused_in_pipelines_and_searches(data, shape):
    X, y = data
    machine = SVC(decision_function_shape=shape)
    search = GridSearchCV(make_pipeline(StandardScaler(), machine), {"svc__C": [1.0]}, cv=2)
    teachers = [
        make_pipeline(StandardScaler(), machine).fit(X, y),
        FrozenEstimator(make_pipeline(StandardScaler(), machine).fit(X, y)),
        make_pipeline(StandardScaler(), FrozenEstimator(machine.fit(X, y))).fit(X, y),
        search.fit(X, y),
        GridSearchCV(machine, {"C": [1.0]}, cv=2).fit(X, y),
    ]
    for teacher in teachers:
        if shape == "ovr":
            np.testing.assert_array_equal(ask(teacher, X).values, teacher.decision_function(X))
            continue
        with pytest.raises(InvalidResponseError, match=r"decision_function_shape='ovo'.*Set .*'ovr'"):
            ask(teacher, X)


@pytest.mark.parametrize("teacher", [LogisticRegression(), LinearSVC(), DecisionTreeClassifier(max_depth=3)])
def test_asking_in_batches_is_asking_at_once(data, teacher):
    X, y = data
    teacher = clone(teacher).fit(X, y)
    whole = ask(teacher, X)
    for batch_rows in (1, 7, 89, 90, 1000):
        parts = ask(teacher, X, batch_rows=batch_rows)
        assert (parts.kind, parts.method) == (whole.kind, whole.method)
        np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12, atol=1e-14)
    values = ask(LinearRegression().fit(X, y), X, task="regression", batch_rows=11)
    assert (values.kind, values.values.shape) == ("value", (90,))


def test_out_of_fold_answers_are_those_of_cross_val_predict(data):
    X, y = data
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    told = collect_out_of_fold(LogisticRegression(), X, y, splits)
    expected = cross_val_predict(LogisticRegression(), X, y, cv=splits, method="predict_proba")
    np.testing.assert_allclose(told.proba(), expected)
    values = collect_out_of_fold(LinearRegression(), X, X[:, :2], splits, task="regression")
    np.testing.assert_allclose(values.values, X[:, :2], atol=1e-9)


def test_fit_parameters_are_cut_to_the_training_part(data, rng):
    X, y = data
    splits = list(KFold(3).split(X))
    weight = rng.uniform(0.1, 2.0, len(X))
    told = collect_out_of_fold(LogisticRegression(), X, y, splits, params={"sample_weight": weight})
    train, test = splits[1]
    alone = LogisticRegression().fit(X[train], y[train], sample_weight=weight[train])
    np.testing.assert_allclose(told.values[test], alone.predict_proba(X[test]))


@pytest.mark.parametrize("teacher", [LogisticRegression(), RidgeClassifier()])
def test_a_fold_that_lacks_a_class_gives_it_nothing(data, teacher):
    X, y = data
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    splits = list(KFold(3).split(X))
    sizes = np.bincount(y)
    assert len(set(sizes)) <= 3
    told = collect_out_of_fold(teacher, X, y, [(train[y[train] != 2], test) for train, test in splits[:1]] + splits[1:])
    first = splits[0][1]
    np.testing.assert_array_equal(told.proba()[first][:, 2], 0.0)
    np.testing.assert_allclose(told.proba().sum(axis=1), 1.0)
    assert told.kind == "proba"


def test_every_row_is_asked_about_once(data):
    X, y = data
    for splitter, wrong in ((RepeatedKFold(n_splits=3, n_repeats=2), 90), (TimeSeriesSplit(3), 24)):
        with pytest.raises(ValueError, match=rf"exactly one test part, but {wrong} of 90 rows.*Use KFold"):
            collect_out_of_fold(LogisticRegression(), X, y, list(splitter.split(X)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0.5, np.nan]], ["predict_proba", "finite", "row 0"]),
        ([[-0.5, 1.5]], ["at least 0", "-0.5", "decision_function"]),
        ([[0.5, 0.6]], ["sum to 1", "1.1", "Normalise"]),
        ([[0.2, 0.3, 0.5]], ["one column per class", "(n_rows, 2)", "(1, 3)"]),
        ([np.ones((1, 2)) / 2], ["one answer per output", "MultiOutputClassifier(DistilledClassifier"]),
    ],
)
def test_answers_that_are_no_probabilities(values, words):
    teacher = Fixed(values if isinstance(values[0], np.ndarray) else np.array(values)).fit(None, None)
    with pytest.raises(InvalidResponseError, match=".*".join(re.escape(word) for word in words)):
        ask(teacher, np.zeros((1, 1)))


def test_a_teacher_of_several_outputs(data):
    X, y = data
    teacher = MultiOutputClassifier(LogisticRegression()).fit(X, np.column_stack([y, y]))
    with pytest.raises(TeacherError, match=r"output|classes_"):
        ask(teacher, X)


def test_a_teacher_without_classes_needs_them_from_outside():
    teacher = Fixed(np.array([[0.2, 0.8]]), classes=None).fit(None, None)
    with pytest.raises(TeacherError, match=r"Fixed has no classes_.*Give it a classes_"):
        ask(teacher, np.zeros((1, 1)))
    np.testing.assert_array_equal(ask(teacher, np.zeros((1, 1)), classes=np.array([3, 4])).classes, [3, 4])


def test_a_regressor_that_diverged():
    class Broken(LinearRegression):
        def predict(self, X):
            return np.array([0.0, np.inf])

    with pytest.raises(InvalidResponseError, match=r"predict must give finite numbers.*row 1"):
        ask(Broken(), np.zeros((2, 1)), task="regression")


def test_a_teacher_with_labels_only():
    class LabelsOnly(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return self.classes_[:1].repeat(len(X))

    words = r"LabelsOnly offers neither predict_proba nor decision_function.*CalibratedClassifierCV"
    with pytest.raises(TeacherError, match=words):
        check_can_answer(LabelsOnly(), "classification")
    with pytest.raises(TeacherError, match=words):
        ask(LabelsOnly().fit(np.zeros((2, 1)), [0, 1]), np.zeros((2, 1)))


def test_an_unfitted_frozen_teacher():
    with pytest.raises(NotFittedError, match=r"frozen teacher LogisticRegression is not fitted. Fit it before"):
        check_can_answer(FrozenEstimator(LogisticRegression()), "classification")


def test_methods_that_may_appear_after_fit_are_waited_for():
    # SVC shows predict_proba only with probability=True; a stacked teacher only once it is fitted.
    check_can_answer(SVC(), "classification")
    with pytest.raises(TeacherError, match=r"scikit-learn-style estimator with fit, got function"):
        check_can_answer(lambda X: X, "classification")
