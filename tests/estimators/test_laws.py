"""The laws of distillation: temperature, class order, margins, folds that lack a class."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.exceptions import InvalidResponseError
from skdistill.response import row_folds, soften
from skdistill.students import LogitStrategy, SharpenedClassifier


def exact_logistic():
    return LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)


@pytest.fixture(scope="module")
def overlapping():
    """Three classes that overlap, so that a logistic regression without penalty has an optimum."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    proba = softmax(X @ rng.normal(size=(3, 3)), axis=1)
    return X, (proba.cumsum(axis=1) < rng.random((300, 1))).sum(axis=1).clip(max=2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_temperature_law(overlapping, temperature, n_classes):
    X, y = overlapping
    y = np.minimum(y, n_classes - 1)
    teacher = exact_logistic().fit(X, y)
    model = DistilledClassifier(FrozenEstimator(teacher), exact_logistic(), temperature=temperature, alpha=1.0).fit(
        X, y
    )
    np.testing.assert_allclose(model.predict_proba(X), teacher.predict_proba(X), atol=1e-4)
    inner = model.student_.model_ if temperature != 1.0 else model.student_
    expected = (teacher.coef_ - teacher.coef_.mean(axis=0)) if n_classes == 3 else teacher.coef_
    found = (inner.coef_ - inner.coef_.mean(axis=0)) if n_classes == 3 else inner.coef_
    np.testing.assert_allclose(found, expected / temperature, atol=1e-3)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(temperature=st.floats(0.3, 8.0))
def test_the_temperature_law_for_margins_and_regressors(overlapping, temperature):
    X, y = overlapping
    teacher = LinearSVC().fit(X, y > 0)
    margin = teacher.decision_function(X)
    model = DistilledClassifier(
        FrozenEstimator(teacher),
        LinearRegression(),
        temperature=temperature,
        alpha=1.0,
        soft_targets=LogitStrategy(floor=1e-300),
    ).fit(X, y > 0)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(margin), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_a_student_of_soft_targets_is_brought_back_and_one_of_mixtures_is_not(overlapping, temperature):
    X, y = overlapping
    teacher = FrozenEstimator(GaussianNB().fit(X, y))
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    soft = DistilledClassifier(teacher, tree, temperature=temperature, alpha=1.0).fit(X, y)
    assert isinstance(soft.student_, SharpenedClassifier)
    warm = soft.student_.model_.predict_proba(X)
    np.testing.assert_allclose(soft.predict_proba(X), soften(warm, 1 / temperature))
    # Each leaf answers with the mean of the softened answers in it.
    leaf = soft.student_.model_.apply(X)
    told = soften(teacher.predict_proba(X), temperature)
    np.testing.assert_allclose(
        warm[leaf == leaf[0]], np.tile(told[leaf == leaf[0]].mean(axis=0), ((leaf == leaf[0]).sum(), 1))
    )
    mixed = DistilledClassifier(teacher, tree, temperature=temperature, alpha=0.4).fit(X, y)
    leaf = mixed.student_.model_.apply(X)
    here = leaf == leaf[0]
    expected = 0.4 * told[here].mean(axis=0) + 0.6 * np.eye(3)[y[here]].mean(axis=0)
    np.testing.assert_allclose(mixed.predict_proba(X)[0], expected)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_alpha_is_the_weight_of_the_teacher(overlapping, alpha):
    X, y = overlapping
    values = X[:, 0] ** 2 + y
    teacher = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, values + 1.0)
    model = DistilledRegressor(FrozenEstimator(teacher), LinearRegression(), alpha=alpha).fit(X, values)
    plain = LinearRegression().fit(X, alpha * teacher.predict(X) + (1 - alpha) * values)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), atol=1e-9)


def test_targets_are_the_teachers_answers_out_of_fold(overlapping):
    X, y = overlapping
    # A student that memorises shows its targets.
    teacher, student = RandomForestClassifier(5, random_state=0), DecisionTreeClassifier(random_state=0)
    model = DistilledClassifier(teacher, student, alpha=1.0, cv=4).fit(X, y)
    folds = row_folds(X, y, 4, stratify=True)
    expected = np.empty((300, 3))
    for fold in range(4):
        fitted = clone(teacher).fit(X[folds != fold], y[folds != fold])
        expected[folds == fold] = fitted.predict_proba(X[folds == fold])
    np.testing.assert_allclose(model.predict_proba(X), expected)
    in_sample = DistilledClassifier(teacher, student, alpha=1.0, cv=None).fit(X, y)
    np.testing.assert_allclose(in_sample.predict_proba(X), clone(teacher).fit(X, y).predict_proba(X))


def test_a_splitter_and_given_splits_are_used_as_they_are(overlapping):
    X, y = overlapping
    teacher, student = GaussianNB(), DecisionTreeClassifier(random_state=0)
    splitter = KFold(3, shuffle=True, random_state=1)
    by_splitter = DistilledClassifier(teacher, student, alpha=1.0, cv=splitter).fit(X, y)
    by_list = DistilledClassifier(teacher, student, alpha=1.0, cv=list(splitter.split(X))).fit(X, y)
    np.testing.assert_array_equal(by_splitter.predict_proba(X), by_list.predict_proba(X))
    train, test = next(splitter.split(X))
    expected = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    np.testing.assert_allclose(by_splitter.predict_proba(X[test]), expected)


class Turned(ClassifierMixin, BaseEstimator):
    """A teacher whose classes stand in the opposite order."""

    def __init__(self, teacher):
        self.teacher = teacher

    def fit(self, X, y, sample_weight=None):
        self.teacher_ = clone(self.teacher).fit(X, y, sample_weight)
        self.classes_ = self.teacher_.classes_[::-1]
        return self

    def predict(self, X):
        return self.teacher_.predict(X)

    def _turn(self, values):
        return -values if values.ndim == 1 else values[:, ::-1]

    def __getattr__(self, name):
        if name in ("predict_proba", "decision_function") and hasattr(self.__dict__.get("teacher"), name):
            return lambda X: self._turn(getattr(self.teacher_, name)(X))
        raise AttributeError(name)


@pytest.mark.parametrize("teacher", [LogisticRegression(), SVC(), RidgeClassifier()], ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("settings", [{"alpha": 0.7}, {"alpha": 1.0, "temperature": 2.0, "calibration": "temperature"}])
def test_the_order_of_the_teachers_classes_does_not_matter(overlapping, teacher, n_classes, settings):
    X, y = overlapping
    y = np.array(["ant", "bee", "cat"])[np.minimum(y, n_classes - 1)]
    straight = DistilledClassifier(teacher, DecisionTreeClassifier(max_depth=3), random_state=0, **settings).fit(X, y)
    turned = DistilledClassifier(Turned(teacher), DecisionTreeClassifier(max_depth=3), random_state=0, **settings)
    turned.fit(X, y)
    np.testing.assert_allclose(turned.predict_proba(X), straight.predict_proba(X), atol=1e-6)
    assert turned.classes_.tolist() == straight.classes_.tolist()


@pytest.mark.parametrize("student", [DecisionTreeClassifier(max_depth=4), LogisticRegression(tol=1e-9), GaussianNB()])
def test_names_of_classes_do_not_matter(overlapping, student):
    X, y = overlapping
    # With folds of our own the order of classes decides which fold a row falls into.
    model = DistilledClassifier(GaussianNB(), student, alpha=0.6, cv=KFold(3), random_state=0)
    numbers = clone(model).fit(X, y).predict_proba(X)
    # The same order of names, then the opposite one.
    np.testing.assert_array_equal(clone(model).fit(X, np.array(["ant", "bee", "cat"])[y]).predict_proba(X), numbers)
    turned = clone(model).fit(X, np.array(["cat", "bee", "ant"])[y]).predict_proba(X)[:, ::-1]
    np.testing.assert_allclose(turned, numbers, atol=1e-5)


@pytest.mark.parametrize(
    "labels", [np.array([0, 7]), np.array([-1.0, 1.0]), np.array([False, True]), np.array(["no", "yes"], dtype=object)]
)
def test_classes_of_every_kind(overlapping, labels):
    X, y = overlapping
    model = DistilledClassifier(LogisticRegression(), DecisionTreeClassifier(max_depth=2), alpha=0.5)
    model.fit(X, labels[np.minimum(y, 1)])
    assert model.classes_.tolist() == labels.tolist()
    assert set(model.predict(X).tolist()) <= set(labels.tolist())
    assert model.score(X, labels[np.minimum(y, 1)]) > 0.6


def test_a_binary_margin_is_read_as_a_sigmoid(overlapping):
    X, y = overlapping
    teacher = SVC().fit(X, y > 0)
    tree = DecisionTreeClassifier(random_state=0)
    model = DistilledClassifier(FrozenEstimator(teacher), tree, alpha=1.0).fit(X, y > 0)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(teacher.decision_function(X)))


def test_pairwise_margins_are_refused(overlapping):
    X, y = overlapping
    model = DistilledClassifier(SVC(decision_function_shape="ovo"), GaussianNB(), alpha=1.0)
    with pytest.raises(InvalidResponseError, match="decision_function_shape='ovr'"):
        model.fit(X, y)


def test_certain_teachers_are_not_read_as_labels(overlapping):
    X, y = overlapping
    # A teacher of zeros and ones is a distribution, whose margins at another temperature stay what they are.
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(X, y))
    tree = DecisionTreeClassifier(random_state=0)
    for temperature in (0.5, 1.0, 4.0):
        model = DistilledClassifier(teacher, tree, alpha=1.0, temperature=temperature).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), np.eye(3)[y])

    # Margins between 0 and 1 are margins.
    class Small(RidgeClassifier):
        def decision_function(self, X):
            return expit(super().decision_function(X))

    model = DistilledClassifier(FrozenEstimator(Small().fit(X, y > 0)), tree, alpha=1.0).fit(X, y > 0)
    expected = expit(expit(RidgeClassifier().fit(X, y > 0).decision_function(X)))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected)


@pytest.mark.parametrize("teacher", [GaussianNB(), RidgeClassifier()])
@pytest.mark.parametrize("alpha", [1.0, "auto"])
def test_a_class_that_a_fold_lacks(overlapping, teacher, alpha):
    X, y = overlapping
    y = np.where(y == 2, 1, y)
    y[:2] = 9
    model = DistilledClassifier(
        teacher, DecisionTreeClassifier(max_depth=3, random_state=0), alpha=alpha, scoring="neg_predictive_kl"
    )
    with pytest.warns(UserWarning, match=r"The class .*9.* has 2 rows, fewer than cv=5.*Lower cv"):
        model.fit(X, y)
    assert model.classes_.tolist() == [0, 1, 9]
    proba = model.predict_proba(X)
    assert proba.shape == (300, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def test_a_student_that_never_saw_a_class_still_answers_for_all(overlapping):
    X, y = overlapping
    # The teacher gives no mass to the third class, so a purely soft student by copies never sees it.
    teacher = FrozenEstimator(LogisticRegression().fit(X[y < 2], y[y < 2]))
    model = DistilledClassifier(teacher, GaussianNB(), alpha=1.0).fit(X, y)
    assert model.student_.classes_.tolist() == [0, 1]
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(model.predict_proba(X)[:, 2], 0.0)


@pytest.mark.parametrize("sampler", [None, "munge", "mixup", "conditional"])
def test_two_processes_give_what_one_gives(overlapping, sampler):
    X, y = (part[:90] for part in overlapping)
    model = DistilledClassifier(
        ExtraTreesClassifier(3),
        KNeighborsClassifier(5),
        alpha=0.5,
        cv=3,
        sampler=sampler,
        n_synthetic=0 if sampler is None else 0.5,
        random_state=7,
    )
    one = clone(model).set_params(n_jobs=1).fit(X, y)
    two = clone(model).set_params(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    other = clone(model).set_params(random_state=8).fit(X, y)
    assert (other.predict_proba(X) != one.predict_proba(X)).any()


def test_seeds_of_the_user_stay(overlapping):
    X, y = overlapping
    model = DistilledClassifier(
        RandomForestClassifier(3, random_state=11), RandomForestClassifier(3), alpha=1.0, random_state=0
    ).fit(X, y)
    assert model.teacher_.random_state == 11
    assert isinstance(model.student_.random_state, int)
    assert model.student.random_state is None


def test_calibration_mends_the_targets(overlapping):
    X, y = overlapping

    class Timid(LogisticRegression):
        def predict_proba(self, X):
            return soften(super().predict_proba(X), 3.0)

    plain = DistilledClassifier(Timid(), LogisticRegression(), alpha=1.0).fit(X, y)
    mended = DistilledClassifier(Timid(), LogisticRegression(), alpha=1.0, calibration="temperature").fit(X, y)
    assert plain.calibration_ is None
    assert 2.0 < mended.calibration_.exponent < 4.5
    honest = DistilledClassifier(LogisticRegression(), LogisticRegression(), alpha=1.0).fit(X, y).predict_proba(X)
    error = [np.abs(model.predict_proba(X) - honest).mean() for model in (plain, mended)]
    assert error[1] < error[0] / 3


def test_iris_by_default():
    X, y = load_iris(return_X_y=True)
    model = DistilledClassifier(
        RandomForestClassifier(20),
        DecisionTreeClassifier(max_leaf_nodes=3),
        scoring="neg_predictive_kl",
        random_state=0,
    ).fit(X, y)
    assert model.alpha_ == max(model.alpha_scores_, key=model.alpha_scores_.get)
    assert model.score(X, y) > 0.93
