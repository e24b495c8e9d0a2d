"""Bad input: each message says what, expected, got and the way out, before any teacher is fitted."""

import re
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.exceptions import InvalidResponseError, SampledRowsError, StudentRouteError, TeacherError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.where(X[:, 0] + RNG.normal(size=60) > 0, "yes", "no")
VALUES = X[:, 0] + RNG.normal(size=60)


class Counting(ClassifierMixin, BaseEstimator):
    """A teacher that counts its fits."""

    fits: ClassVar[int] = 0

    def fit(self, X, y, sample_weight=None):
        Counting.fits += 1
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class CountingValues(RegressorMixin, BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        Counting.fits += 1
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), *(() if np.ndim(self.mean_) == 0 else (1,))))


class LabelsOnly(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        Counting.fits += 1
        return self

    def predict(self, X):
        return np.zeros(len(X))


class WrongColumns:
    def fit(self, X):
        return self

    def sample(self, n, random_state=None):
        return np.zeros((n, 5))


class Wordy:
    def fit(self, X):
        return self


def distiller(**params):
    return DistilledClassifier(**{"teacher": Counting(), "student": DecisionTreeClassifier(), "alpha": 0.5, **params})


def of_values(**params):
    return DistilledRegressor(
        **{"teacher": CountingValues(), "student": DecisionTreeRegressor(), "alpha": 0.5, **params}
    )


def check_refused(model, error, words, X=X, y=Y, **arguments):
    Counting.fits = 0
    pattern = ".*".join(re.escape(word) for word in words)
    with pytest.raises(error, match=re.compile(pattern, re.DOTALL)):
        model.fit(X, y, **arguments)
    assert Counting.fits == 0
    assert not hasattr(model, "student_")


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        (
            {"teacher": LabelsOnly()},
            TeacherError,
            ["LabelsOnly", "neither predict_proba nor", "CalibratedClassifierCV"],
        ),
        ({"teacher": "forest"}, TypeError, ["teacher", "estimator with fit", "got str", "Pass an estimator"]),
        ({"teacher": LogisticRegression}, TypeError, ["teacher", "got the class", "teacher=LogisticRegression()"]),
        ({"student": None}, TypeError, ["student", "estimator with fit", "NoneType"]),
        ({"student": KMeans()}, StudentRouteError, ["student KMeans", "'auto'", "Use a classifier or a regressor"]),
        (
            {"soft_targets": "soft_tree", "student": LogisticRegression()},
            StudentRouteError,
            ["student LogisticRegression", "'soft_tree'", "Use soft_targets='auto' or one of"],
        ),
        (
            {"soft_targets": "native"},
            StudentRouteError,
            ["DecisionTreeClassifier", "'native'", "'expansion'", "'sampling'", "'soft_tree'"],
        ),
        (
            {"student": GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1]}, refit=False)},
            StudentRouteError,
            ["GridSearchCV", "refit=False", "Set refit=True"],
        ),
        (
            {"teacher": FrozenEstimator(LogisticRegression())},
            NotFittedError,
            ["frozen teacher LogisticRegression is not fitted", "Fit it before freezing"],
        ),
        (
            {"teacher": FrozenEstimator(LogisticRegression().fit(X, np.where(Y == "yes", 1, 0)))},
            TeacherError,
            ["classes", "[0, 1]", "'no'", "nothing in common", "encode both in the same way"],
        ),
        ({"temperature": 0.0}, ValueError, ["temperature", "(0", "Got 0.0"]),
        ({"temperature": -1.0}, ValueError, ["temperature", "Got -1.0"]),
        ({"temperature": "warm"}, ValueError, ["temperature", "Got 'warm'"]),
        ({"alpha": 1.5}, ValueError, ["alpha", "[0", "1", "Got 1.5"]),
        ({"alpha": -0.1}, ValueError, ["alpha", "Got -0.1"]),
        ({"alpha": "best"}, ValueError, ["alpha", "'auto'", "Got 'best'"]),
        ({"calibration": "platt"}, ValueError, ["calibration", "Got 'platt'"]),
        ({"n_synthetic": -1}, ValueError, ["n_synthetic", "Got -1"]),
        ({"n_synthetic": 10}, ValueError, ["n_synthetic=10", "sampler is None", "Set sampler='munge'"]),
        ({"cv": "five"}, ValueError, ["cv", "Got 'five'"]),
        ({"cv": 61}, ValueError, ["cv=61", "at least 61 rows", "60", "Lower cv"]),
        ({"soft_targets": "guess"}, ValueError, ["soft_targets", "Got 'guess'"]),
        ({"sampler": "smote", "n_synthetic": 5}, ValueError, ["sampler", "'munge'", "got 'smote'", "Use one of these"]),
        ({"sampler": Wordy(), "n_synthetic": 5}, (TypeError, ValueError), ["sampler", "sample", "Wordy"]),
        (
            {"sampler": WrongColumns(), "n_synthetic": 5},
            SampledRowsError,
            ["sampler.sample", "3 columns", "got 5", "use one of the samplers"],
        ),
        ({"alpha": "auto", "scoring": "fidelity"}, ValueError, ["scoring", "'fidelity'"]),
        (
            {"alpha": "auto", "scoring": "neg_predictive_kl", "student": LinearSVC()},
            ValueError,
            ["scoring='neg_predictive_kl'", "probabilities", "LinearSVC", "Fix alpha, or use scoring='accuracy'"],
        ),
        (
            {"cv": ShuffleSplit(3, random_state=0)},
            ValueError,
            ["cv must put every row into exactly one test part", "Use KFold"],
        ),
    ],
)
def test_parameters_of_the_classifier(params, error, words):
    check_refused(distiller(**params), error, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sample_weight": np.r_[-1.0, np.ones(59)]}, ["sample_weight", "at least 0", "got -1.0 in row 0", "Drop"]),
        ({"sample_weight": np.r_[np.ones(59), np.nan]}, ["sample_weight", "finite", "got nan in row 59", "Drop"]),
        ({"sample_weight": np.ones((60, 2))}, ["sample_weight", "(60,)", "(60, 2)"]),
        ({"sample_weight": np.zeros(60)}, ["sample_weight", "zero for every row"]),
        ({"sample_weight": (Y == "yes").astype(float)}, ["at least two classes", "one class, 'yes'", "sample_weight"]),
        ({"X_teacher": X[:59]}, ["X_teacher", "same rows as X, 60", "got 59", "Select the same rows"]),
        ({"X_unlabeled": X[:, :2]}, ["X_unlabeled", "3 columns", "got 2", "Select the same columns"]),
        ({"X_unlabeled": X, "X_teacher": X}, ["X_unlabeled", "X_teacher", "got both", "ColumnTransformer"]),
        ({"y": None}, ["requires y to be passed", "X_unlabeled"]),
        ({"y": np.full(60, "yes")}, ["at least two classes", "only one class, 'yes'", "check the labels"]),
        ({"y": np.array(["a", 1] * 30, dtype=object)}, ["one kind", "strings and other values", "astype(str)"]),
        ({"y": np.array(["a", None] * 30, dtype=object)}, ["one kind", "missing", "drop rows without a label"]),
        ({"y": np.where(Y == "yes", 1.0, np.nan)}, ["y contains NaN", "X_unlabeled"]),
        ({"y": VALUES}, ["continuous", "Use DistilledRegressor"]),
        ({"y": np.stack([Y, Y], axis=1)}, ["y should be a 1d array", "(60, 2)"]),
        ({"y": Y[:59]}, ["inconsistent numbers of samples", "60, 59"]),
        ({"y": np.arange(60) // 2}, ["cv=5", "a class of at least 5 rows", "the largest has 2", "Lower cv"]),
        ({"X": X[:, 0]}, ["Reshape your data"]),
        (
            {
                "X": np.where(np.arange(180).reshape(60, 3) == 7, np.nan, X),
                "_params": {"teacher": LogisticRegression()},
            },
            ["NaN", "teacher LogisticRegression cannot handle", "SimpleImputer", "HistGradientBoosting"],
        ),
        (
            {
                "X": np.where(np.arange(180).reshape(60, 3) == 7, np.nan, X),
                "_params": {"student": LogisticRegression()},
            },
            ["NaN", "student LogisticRegression cannot handle", "Impute the rows first"],
        ),
    ],
)
def test_rows_of_the_classifier(arguments, words):
    arguments = dict(arguments)
    model = distiller(**arguments.pop("_params", {}))
    check_refused(model, ValueError, words, **arguments)


def test_missing_values_nobody_handles():
    nobody = distiller(teacher=LogisticRegression(), student=KNeighborsClassifier())
    broken = X.copy()
    broken[3, 1] = np.nan
    check_refused(
        nobody, ValueError, ["teacher LogisticRegression and student KNeighborsClassifier cannot handle"], X=broken
    )


def test_a_class_with_fewer_rows_than_folds_is_announced():
    y = Y.astype(object)
    y[:2] = "rare"
    with pytest.warns(UserWarning, match=r"The class 'rare' has 2 rows, fewer than cv=5.*Lower cv, or pass"):
        distiller().fit(X, y)


@pytest.mark.parametrize("how", ["nan", "negative", "sum", "columns"])
@pytest.mark.parametrize("frozen", [False, True])
def test_answers_that_are_no_probabilities(how, frozen):
    class Broken(Counting):
        def predict_proba(self, X):
            proba = np.array(super().predict_proba(X))
            if how == "nan":
                proba[2, 0] = np.nan
            elif how == "negative":
                proba[2] = [-0.5, 1.5]
            elif how == "sum":
                proba[2] *= 1.5
            else:
                proba = proba[:, :1]
            return proba

    words = {
        "nan": r"predict_proba must give finite numbers, got NaN or infinity in row 2. Check the teacher",
        "negative": r"probabilities of at least 0, got -0.5 in row 2. If these are margins.*decision_function",
        "sum": r"must sum to 1, got 1.5 in row 2.*Normalise",
        "columns": r"one column per class, \(n_rows, 2\), got shape \(\d+, 1\)",
    }[how]
    teacher = FrozenEstimator(Broken().fit(X, Y)) if frozen else Broken()
    with pytest.raises(InvalidResponseError, match=words):
        distiller(teacher=teacher, alpha=1.0).fit(X, Y)


def test_folds_inside_the_student_that_would_part_copies():
    student = BaggingClassifier(LogisticRegressionCV())
    check_refused(
        distiller(student=student, soft_targets="expansion"),
        StudentRouteError,
        ["copies of a row would fall into two folds of the LogisticRegressionCV", "make the search the outermost"],
    )


@pytest.mark.needs("pandas")
def test_tables_of_other_columns():
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    check_refused(
        distiller(),
        ValueError,
        ["X_unlabeled", "missing: ['c']", "unknown: ['d']", "X_unlabeled[X.columns]"],
        X=frame,
        X_unlabeled=frame.rename(columns={"c": "d"}),
    )
    check_refused(
        distiller(), ValueError, ["X_unlabeled", "same kind of table", "ndarray", "Convert"], X=frame, X_unlabeled=X
    )


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        (
            {"student": DecisionTreeClassifier()},
            StudentRouteError,
            ["must be a regressor", "Use a DistilledClassifier"],
        ),
        ({"student": KMeans()}, StudentRouteError, ["must be a regressor", "got KMeans"]),
        ({"student": GridSearchCV(Ridge(), {}, refit=False)}, StudentRouteError, ["refit=False", "Set refit=True"]),
        ({"teacher": FrozenEstimator(Ridge())}, NotFittedError, ["frozen teacher Ridge is not fitted"]),
        ({"alpha": 2.0}, ValueError, ["alpha", "Got 2.0"]),
        ({"alpha": "auto", "scoring": "closeness"}, ValueError, ["scoring", "closeness"]),
        ({"n_synthetic": 1.0}, ValueError, ["n_synthetic=1.0", "sampler is None"]),
        ({"cv": 70}, ValueError, ["cv=70", "at least 70 rows"]),
    ],
)
def test_parameters_of_the_regressor(params, error, words):
    check_refused(of_values(**params), error, words, y=VALUES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sample_weight": -np.ones(60)}, ["sample_weight", "at least 0"]),
        ({"y": np.where(VALUES > 0, np.nan, VALUES)}, ["Input y contains NaN"]),
        ({"y": np.where(VALUES > 0, "a", "b")}, ["numeric"]),
        ({"y": None}, ["requires y to be passed"]),
        ({"X_teacher": X[:3]}, ["X_teacher", "got 3"]),
        (
            {"y": np.stack([VALUES, VALUES], axis=1), "_params": {"student": SVR()}},
            ["y has 2 outputs", "SVR learns one", "MultiOutputRegressor"],
        ),
    ],
)
def test_rows_of_the_regressor(arguments, words):
    arguments = {"y": VALUES, **arguments}
    model = of_values(**arguments.pop("_params", {}))
    check_refused(model, ValueError, words, **arguments)


def test_a_teacher_of_another_number_of_outputs():
    teacher = FrozenEstimator(Ridge().fit(X, np.stack([VALUES, VALUES, VALUES], axis=1)))
    with pytest.raises(
        InvalidResponseError, match=r"must predict 1 value\(s\) per row.*shape \(60, 3\). Use a teacher"
    ):
        of_values(teacher=teacher).fit(X, VALUES)


def test_a_student_of_several_outputs_only():
    model = of_values(student=MultiOutputRegressor(Ridge()))
    check_refused(
        model,
        StudentRouteError,
        ["y has one output", "MultiOutputRegressor learns several", "Use a student of one output"],
        y=VALUES,
    )


@pytest.mark.parametrize("model", [distiller(), of_values()])
def test_prediction_before_fit_and_on_other_rows(model):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.predict(X)
    model.fit(X, Y if isinstance(model, DistilledClassifier) else VALUES)
    with pytest.raises(ValueError, match=r"X has 2 features, but Distilled.* is expecting 3"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match=r"single dimension of length 3. Reshape your data with X.reshape\(1, -1\)"):
        model.predict(X[0])


def test_missing_values_at_prediction_that_the_teacher_never_saw():
    model = distiller(teacher=LogisticRegression()).fit(X, Y)
    broken = X.copy()
    broken[0, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"NaN or infinity, which the teacher LogisticRegression cannot handle.*Impute"
    ):
        model.predict(broken)


def test_a_sampler_without_rows_is_announced():
    with pytest.warns(UserWarning, match=r"sampler='munge' draws nothing, since n_synthetic=0. Set n_synthetic"):
        distiller(sampler="munge").fit(X, Y)


def test_unknown_fit_arguments():
    with pytest.raises((TypeError, ValueError), match="groups"):
        distiller().fit(X, Y, groups=np.ones(60))
