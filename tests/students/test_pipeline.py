"""Pipelines as students: preprocessing sees the original rows, only the last step sees the route."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill.students import LogitClassifier, SoftTargets
from skdistill.students._regression import fit_value_student
from skdistill.students._resolve import fit_student, resolve_route


class Recorder(TransformerMixin, BaseEstimator):
    """Remember the rows of fit."""

    def fit(self, X, y=None):
        self.rows_ = np.array(X)
        self.labels_ = y
        return self

    def transform(self, X):
        return X


@pytest.fixture
def lesson(rng):
    X = rng.normal(loc=5.0, size=(60, 3))
    teacher = softmax(X @ rng.normal(size=(3, 2)), axis=1)
    codes = np.r_[np.arange(40) % 2, np.full(20, -1)]
    label_weight = np.r_[np.full(40, 0.5), np.zeros(20)]
    return X, SoftTargets(teacher, codes, np.ones(60), label_weight, np.array(["no", "yes"]))


@pytest.mark.parametrize("last", [LogisticRegression(), DecisionTreeClassifier(max_depth=2), Ridge()])
def test_transformers_are_fitted_on_original_rows_once_each(lesson, last):
    X, targets = lesson
    student = make_pipeline(Recorder(), StandardScaler(), last)
    fitted = fit_student(student, X, targets, resolve_route(student, "auto"), n_original=40)
    np.testing.assert_array_equal(fitted[0].rows_, X[:40])
    assert fitted[0].labels_.tolist() == ["no", "yes"] * 20
    np.testing.assert_allclose(fitted[1].mean_, X[:40].mean(axis=0))
    assert type(fitted) is Pipeline
    assert type(fitted[-1]) is (LogitClassifier if isinstance(last, Ridge) else type(last))
    assert set(fitted.predict(X)) <= {"no", "yes"}
    scaled = StandardScaler().fit(X[:40]).transform(X)
    alone = fit_student(type(last)(**last.get_params()), scaled, targets, resolve_route(last, "auto"))
    np.testing.assert_allclose(fitted.predict_proba(X), alone.predict_proba(scaled))


def test_pipelines_inside_pipelines(lesson):
    X, targets = lesson
    student = make_pipeline(StandardScaler(), make_pipeline(Recorder(), LogisticRegression()))
    fitted = fit_student(student, X, targets, resolve_route(student, "auto"), n_original=40)
    np.testing.assert_allclose(fitted[-1][0].rows_, StandardScaler().fit_transform(X[:40]))


def test_transformers_that_look_at_labels(lesson):
    X, targets = lesson
    student = make_pipeline(SelectKBest(k=1), LogisticRegression())
    fitted = fit_student(student, X, targets, resolve_route(student, "auto"), n_original=40)
    plain = SelectKBest(k=1).fit(X[:40], targets.labels[:40])
    np.testing.assert_array_equal(fitted[0].scores_, plain.scores_)


def test_sparse_transformers_and_passthrough(rng):
    X = rng.integers(0, 4, size=(60, 2)).astype(str).astype(object)
    teacher = rng.dirichlet(np.ones(3), 60)
    targets = SoftTargets(teacher, np.full(60, -1), np.ones(60), np.zeros(60), np.arange(3))
    encoder = OneHotEncoder(handle_unknown="ignore")
    student = Pipeline([("skip", "passthrough"), ("code", encoder), ("last", LogisticRegression(max_iter=500))])
    fitted = fit_student(student, X, targets, resolve_route(student, "auto"), n_original=50)
    assert sparse.issparse(fitted[:-1].transform(X))
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)


def test_a_pipeline_of_one_step(lesson):
    X, targets = lesson
    fitted = fit_student(make_pipeline(LogisticRegression()), X, targets, resolve_route(LogisticRegression(), "auto"))
    alone = fit_student(LogisticRegression(), X, targets, resolve_route(LogisticRegression(), "auto"))
    np.testing.assert_array_equal(fitted.predict_proba(X), alone.predict_proba(X))


def test_regressors_of_values(rng):
    X, y = rng.normal(loc=3.0, size=(50, 2)), rng.normal(size=50)
    weight = np.r_[np.ones(30), np.full(20, 0.25)]
    fitted = fit_value_student(make_pipeline(Recorder(), StandardScaler(), Ridge()), X, y, weight, n_original=30)
    np.testing.assert_array_equal(fitted[0].rows_, X[:30])
    scaled = StandardScaler().fit(X[:30]).transform(X)
    np.testing.assert_allclose(fitted.predict(X), Ridge().fit(scaled, y, sample_weight=weight).predict(scaled))
