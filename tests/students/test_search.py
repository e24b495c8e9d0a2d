"""Searches as students: rows are split, never copies of them, and further rows are never judged."""

import pickle

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill.exceptions import StudentRouteError
from skdistill.students import LogitClassifier, SharpenedClassifier, SoftTargets
from skdistill.students._resolve import fit_student, resolve_route

NAMES = np.array(["ant", "bee", "cat"])
FITS = []


class Recorder(ClassifierMixin, BaseEstimator):
    """Record the rows of every fit and of every prediction, by the number in the first column."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y, sample_weight=None):
        self.rows_ = X[:, 0].astype(int)
        self.classes_ = np.unique(y)
        FITS.append(self)
        self.asked_ = []
        return self

    def predict(self, X):
        self.asked_.append(X[:, 0].astype(int))
        return self.classes_[np.zeros(len(X), dtype=int)]

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def make(rng, n_rows=90, n_further=0, alpha=0.6, temperature=1.0, weight=None):
    n = n_rows + n_further
    X = np.column_stack([np.arange(n), rng.normal(size=(n, 2))])
    teacher = softmax(0.5 * X[:, 1:] @ rng.normal(size=(2, 3)), axis=1)
    codes = np.r_[np.arange(n_rows) % 3, np.full(n_further, -1)]
    weight = np.ones(n) if weight is None else weight
    label_weight = np.where(codes >= 0, (1 - alpha) * weight, 0.0)
    return X, SoftTargets(teacher, codes, alpha * weight, label_weight, NAMES, temperature)


def fit(search, X, targets, n_original=None):
    return fit_student(search, X, targets, resolve_route(search, "auto"), n_original=n_original, random_state=0)


def test_no_row_is_in_two_folds_and_no_further_row_is_judged(rng):
    FITS.clear()
    X, targets = make(rng, n_rows=90, n_further=30)
    search = fit(GridSearchCV(Recorder(), {"depth": [1, 2]}, cv=3, refit=True), X, targets, n_original=90)
    assert resolve_route(Recorder(), "auto").route == "expansion"
    assert len(FITS) == 2 * 3 + 1
    tested = []
    for fitted in FITS[:-1]:
        # Each row of the training part is there with a copy per class, further rows always.
        assert np.bincount(fitted.rows_, minlength=120).max() == 3
        assert set(range(90, 120)) <= set(fitted.rows_)
        (asked,) = fitted.asked_
        assert set(asked).isdisjoint(fitted.rows_)
        assert len(set(asked)) == len(asked)
        assert asked.max() < 90
        tested.append(asked)
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.repeat(np.arange(90), 2))
    assert len(FITS[-1].rows_) == 360
    assert search.best_estimator_ is FITS[-1]


def test_the_splits_are_those_of_the_users_splitter(rng):
    FITS.clear()
    X, targets = make(rng)
    splitter = KFold(3, shuffle=True, random_state=5)
    fit(GridSearchCV(Recorder(), {"depth": [1]}, cv=splitter), X, targets)
    for fitted, (train, test) in zip(FITS, splitter.split(X), strict=False):
        assert set(fitted.rows_) == set(train)
        assert set(fitted.asked_[0]) == set(test)


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 5]}, cv=3),
        GridSearchCV(DecisionTreeClassifier(random_state=0), [{"max_depth": [1]}, {"max_leaf_nodes": [4, 8]}], cv=3),
        RandomizedSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 5]}, n_iter=2, random_state=0),
        HalvingGridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 4]}, cv=2, random_state=0),
        HalvingGridSearchCV(
            DecisionTreeClassifier(random_state=0),
            {"ccp_alpha": [0.0, 0.1]},
            resource="max_leaf_nodes",
            min_resources=2,
            max_resources=8,
            cv=2,
        ),
        HalvingRandomSearchCV(
            DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 4]}, n_candidates=2, cv=2, random_state=0
        ),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 10]}, cv=3),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1e6]}, cv=3),
    ],
    ids=["grid", "grids", "random", "halving", "halving-resource", "halving-random", "pipeline", "regressor"],
)
def test_every_search(rng, search):
    X, targets = make(rng)
    before = str(search.get_params())
    fitted = fit(clone(search), X[:, 1:], targets)
    assert type(fitted) is type(search)
    assert str(search.get_params()) == before
    assert set(fitted.best_params_) <= {name.removeprefix("param_") for name in fitted.cv_results_}
    assert not any("estimator__" in name for name in fitted.cv_results_)
    assert fitted.cv_results_["params"][fitted.best_index_] == fitted.best_params_
    inner = fitted.best_estimator_
    if isinstance(search.estimator, Ridge):
        assert type(inner) is LogitClassifier
        assert inner.model_.alpha == fitted.best_params_["alpha"]
    else:
        assert type(inner) is type(search.estimator)
        assert {name: inner.get_params()[name] for name in fitted.best_params_} == fitted.best_params_
    np.testing.assert_array_equal(fitted.predict_proba(X[:, 1:]), inner.predict_proba(X[:, 1:]))
    assert fitted.score(X[:, 1:], targets.labels) == inner.score(X[:, 1:], targets.labels)
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict_proba(X[:, 1:]), fitted.predict_proba(X[:, 1:]))
    assert clone(fitted).get_params().keys() == search.get_params().keys()


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "accuracy"])
def test_candidates_are_scored_on_the_labels_of_rows(rng, scoring):
    X, targets = make(rng)
    X = X[:, 1:]
    tree = DecisionTreeClassifier(random_state=0)
    search = fit(GridSearchCV(tree, {"max_depth": [1, 3]}, cv=3, scoring=scoring), X, targets)
    strategy = resolve_route(tree, "auto")
    scorer = get_scorer(scoring or "accuracy")
    for depth, found in zip([1, 3], search.cv_results_["mean_test_score"], strict=True):
        scores = []
        for train, test in StratifiedKFold(3).split(X, targets.labels):
            candidate = fit_student(clone(tree).set_params(max_depth=depth), X[train], targets.take(train), strategy)
            scores.append(scorer(candidate, X[test], targets.labels[test]))
        assert found == pytest.approx(np.mean(scores))


def test_several_scores(rng):
    X, targets = make(rng)
    grid = {"max_depth": [1, 3]}
    search = GridSearchCV(
        DecisionTreeClassifier(), grid, cv=3, scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss"
    )
    fitted = fit(search, X, targets)
    assert {"mean_test_accuracy", "mean_test_neg_log_loss"} <= set(fitted.cv_results_)
    assert fitted.score(X, targets.labels) < 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "estimator", [DecisionTreeClassifier(random_state=0), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_labels_alone_are_the_plain_search(rng, estimator, weighted):
    weight = rng.uniform(0.2, 3.0, 90) if weighted else None
    X, targets = make(rng, alpha=0.0, weight=weight)
    name = "max_depth" if isinstance(estimator, DecisionTreeClassifier) else "logisticregression__C"
    plain = GridSearchCV(clone(estimator), {name: [1, 4]}, cv=3)
    step = "" if name == "max_depth" else "logisticregression__"
    plain.fit(X, targets.labels, **({step + "sample_weight": weight} if weighted else {}))
    fitted = fit(GridSearchCV(clone(estimator), {name: [1, 4]}, cv=3), X, targets)
    assert fitted.best_params_ == plain.best_params_
    if not (weighted and step):
        # A search over a pipeline does not know that its weights are weights, and scores without.
        np.testing.assert_allclose(fitted.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(("estimator", "temperature"), [(Ridge(), 1.0), (DecisionTreeClassifier(), 2.0)])
def test_what_leaves_does_not_depend_on_alpha(rng, alpha, estimator, temperature):
    X, targets = make(rng, alpha=alpha, temperature=temperature)
    fitted = fit(GridSearchCV(estimator, {}, cv=2), X, targets)
    assert type(fitted) is GridSearchCV
    assert type(fitted.best_estimator_) is (LogitClassifier if temperature == 1.0 else SharpenedClassifier)


def test_nested_searches_and_pipelines(rng):
    X, targets = make(rng)
    inner = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=2)
    outer = make_pipeline(
        StandardScaler(), GridSearchCV(make_pipeline(StandardScaler(), inner), {"gridsearchcv__cv": [2]}, cv=2)
    )
    fitted = fit(outer, X, targets)
    assert fitted[-1].best_estimator_[-1].best_params_["max_depth"] in (1, 3)


def test_a_search_without_refit_is_refused_at_once():
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1]}, refit=False)
    for student in (search, make_pipeline(StandardScaler(), search)):
        with pytest.raises(StudentRouteError, match=r"GridSearchCV has refit=False, so it ends without a model. Set"):
            resolve_route(student, "auto")
