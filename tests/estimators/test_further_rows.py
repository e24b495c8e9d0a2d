"""Rows without labels, synthetic rows, and what only the teacher sees."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.samplers import MungeSampler

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] + 0.5 * RNG.normal(size=80) > 0).astype(int)
VALUES = X[:, 0] ** 2 + RNG.normal(size=80)
MORE = RNG.normal(size=(50, 3))
TEACHER = FrozenEstimator(GaussianNB().fit(X, Y))


class Recorder(ClassifierMixin, BaseEstimator):
    """Keep what fit was given."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_ = X, y
        self.weight_ = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.zeros(len(X), dtype=int)]


def totals(recorder, rows):
    """Give the weight that each class of each row has."""
    mass = np.zeros((len(rows), 2))
    for row, code, weight in zip(recorder.X_, recorder.y_, recorder.weight_, strict=True):
        mass[(rows == row).all(axis=1), code] += weight
    return mass


@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_term_is_a_mean_over_its_rows(alpha, weighted):
    weight = RNG.uniform(0.5, 2.0, 80) if weighted else np.ones(80)
    student = (
        DistilledClassifier(TEACHER, Recorder(), alpha=alpha)
        .fit(X, Y, X_unlabeled=MORE, sample_weight=weight if weighted else None)
        .student_
    )
    told = TEACHER.predict_proba(np.concatenate([X, MORE]))
    everyone = np.r_[weight, np.ones(50)]
    expected = alpha * told * (everyone / everyone.sum())[:, None]
    expected[:80] += (1 - alpha) * np.eye(2)[Y] * (weight / weight.sum())[:, None]
    found = totals(student, np.concatenate([X, MORE]))
    np.testing.assert_allclose(found / found.sum(), expected, atol=1e-5)


def test_values_follow_the_same_rule():
    teacher = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, VALUES)
    model = DistilledRegressor(FrozenEstimator(teacher), LinearRegression(), alpha=0.3)
    model.fit(X, VALUES, X_unlabeled=MORE)
    rows = np.concatenate([X, MORE, X])
    values = np.r_[teacher.predict(rows[:130]), VALUES]
    weight = np.r_[np.full(130, 0.3 / 130), np.full(80, 0.7 / 80)]
    plain = LinearRegression().fit(rows, values, sample_weight=weight)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), atol=1e-9)


def test_further_rows_may_be_a_tuple_a_list_or_nothing():
    model = DistilledClassifier(TEACHER, DecisionTreeClassifier(max_depth=4, random_state=0), alpha=1.0)
    expected = clone(model).fit(X, Y, X_unlabeled=MORE).predict_proba(X)
    for form in ((MORE,), MORE.tolist()):
        np.testing.assert_array_equal(clone(model).fit(X, Y, X_unlabeled=form).predict_proba(X), expected)
    nothing = clone(model).fit(X, Y, X_unlabeled=MORE[:0]).predict_proba(X)
    np.testing.assert_array_equal(nothing, clone(model).fit(X, Y).predict_proba(X))


class Seen(GaussianNB):
    """Remember how many rows the teacher was asked about, by size of the answer."""

    asked: list

    def predict_proba(self, X):
        Seen.asked.append(len(X))
        return super().predict_proba(X)


def test_a_search_cuts_fit_arguments_but_not_a_tuple():
    # As many further rows as labelled ones: scikit-learn takes them for a value per row.
    more = RNG.normal(size=(80, 3))
    model = DistilledClassifier(FrozenEstimator(Seen().fit(X, Y)), DecisionTreeClassifier(max_depth=2), alpha=1.0)
    search = GridSearchCV(model, {"temperature": [1.0]}, cv=4, refit=False)
    Seen.asked = []
    search.fit(X, Y, X_unlabeled=(more,))
    assert Seen.asked == [60, 80] * 4
    Seen.asked = []
    search.fit(X, Y, X_unlabeled=more)
    assert Seen.asked == [60, 60] * 4


def test_sparse_further_rows():
    S, more = sparse.csr_array(np.maximum(X, 0)), sparse.csr_array(np.maximum(MORE, 0))
    teacher = FrozenEstimator(LogisticRegression().fit(S, Y))
    model = DistilledClassifier(teacher, DecisionTreeClassifier(max_depth=3, random_state=0), alpha=0.5)
    by_sparse = clone(model).fit(S, Y, X_unlabeled=more)
    by_dense = clone(model).fit(S.toarray(), Y, X_unlabeled=more.toarray())
    np.testing.assert_allclose(by_sparse.predict_proba(S), by_dense.predict_proba(S.toarray()))
    for make in (sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix):
        other = clone(model).fit(make(S.toarray()), Y, X_unlabeled=make(more.toarray()))
        np.testing.assert_allclose(other.predict_proba(make(S.toarray())), by_sparse.predict_proba(S))


@pytest.mark.parametrize("amount", [30, 0.5, np.int64(7)])
@pytest.mark.parametrize("sampler", ["munge", "mixup", "conditional", MungeSampler(n_neighbors=3)])
def test_synthetic_rows_are_labelled_by_the_teacher(sampler, amount):
    model = DistilledClassifier(
        TEACHER, Recorder(), alpha=0.5, sampler=sampler, n_synthetic=amount, random_state=0
    ).fit(X, Y)
    count = 40 if amount == 0.5 else int(amount)
    assert model.n_synthetic_ == count
    rows = np.unique(model.student_.X_, axis=0)
    known = (rows[:, None] == X[None]).all(axis=2).any(axis=1)
    # The labelled rows are all there, and the others stay within their range.
    assert known.sum() == 80
    # Some draws, of the conditional sampler above all, are rows that were there before.
    assert 0.2 * count <= (~known).sum() <= count
    assert (rows >= X.min(axis=0)).all()
    assert (rows <= X.max(axis=0)).all()
    told = totals(model.student_, rows[~known])
    np.testing.assert_allclose(told / told.sum(axis=1, keepdims=True), TEACHER.predict_proba(rows[~known]), atol=1e-4)


def test_any_object_with_fit_and_sample():
    class Copies:
        def fit(self, X):
            self.rows = np.array(X)
            return self

        def sample(self, n, random_state=None):
            return self.rows[np.random.RandomState(random_state).randint(len(self.rows), size=n)]

    model = DistilledClassifier(TEACHER, Recorder(), alpha=1.0, sampler=Copies(), n_synthetic=20, random_state=0)
    assert model.fit(X, Y).n_synthetic_ == 20
    assert not hasattr(model.sampler, "rows")


def test_synthetic_and_unlabeled_rows_together():
    model = DistilledClassifier(TEACHER, Recorder(), alpha=1.0, sampler="munge", n_synthetic=20, random_state=0)
    student = model.fit(X, Y, X_unlabeled=MORE).student_
    assert len(np.unique(student.X_, axis=0)) >= 80 + 50 + 10
    assert student.weight_.sum() == pytest.approx(80 + 50 + 20)


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("teacher", [GaussianNB(), TEACHER])
def test_a_declined_teacher_takes_its_further_rows_along(teacher):
    noise = np.random.default_rng(1).integers(0, 2, 80)
    model = DistilledClassifier(
        teacher, Recorder(), scoring="accuracy", sampler="munge", n_synthetic=20, random_state=0
    ).fit(X, noise, X_unlabeled=MORE)
    # The recorder always answers the first class, so no weight can be better than another.
    assert model.alpha_ == 0.0
    assert model.n_synthetic_ == 0
    np.testing.assert_array_equal(model.student_.X_, X)
    np.testing.assert_array_equal(model.student_.y_, noise)


def test_trials_never_see_synthetic_rows_made_from_the_rows_that_judge():
    fits = []

    class Watching:
        def fit(self, X):
            fits.append(np.array(X))
            self.rows = np.array(X)
            return self

        def sample(self, n, random_state=None):
            return self.rows[np.arange(n) % len(self.rows)] + 0.0

    model = DistilledClassifier(
        GaussianNB(),
        DecisionTreeClassifier(max_depth=2),
        scoring="neg_predictive_kl",
        sampler=Watching(),
        n_synthetic=0.5,
        cv=4,
        random_state=0,
    )
    model.fit(X, Y)
    sizes = sorted(len(rows) for rows in fits)
    assert sizes == [50, 60, 60, 60, 60, 80]
    folds = [rows for rows in fits if len(rows) == 60]
    absent = [{tuple(row) for row in X} - {tuple(row) for row in part} for part in folds]
    assert sum(map(len, absent)) == 80
    assert set.union(*absent) == {tuple(row) for row in X}


# What only the teacher sees.


@pytest.fixture(scope="module")
def privileged():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 2))
    hidden = X[:, 0] + rng.normal(size=300)
    y = (hidden > 0).astype(int)
    return X, np.column_stack([hidden, X]), y


@pytest.mark.parametrize("frozen", [False, True])
def test_the_teacher_sees_its_own_columns(privileged, frozen):
    X, rich, y = privileged
    teacher = LogisticRegression(C=10.0)
    teacher = FrozenEstimator(teacher.fit(rich, y)) if frozen else teacher
    model = DistilledClassifier(teacher, DecisionTreeClassifier(max_depth=3), alpha=1.0).fit(X, y, X_teacher=rich)
    assert model.n_features_in_ == 2
    assert model.teacher_.n_features_in_ == 3
    assert model.predict_proba(X).shape == (300, 2)
    student = DistilledClassifier(teacher, LogisticRegression(), alpha=1.0, cv=None).fit(X, y, X_teacher=rich).student_
    told = (teacher if frozen else clone(teacher).fit(rich, y)).predict_proba(rich)
    assert student.predict_proba(X)[:, 1].mean() == pytest.approx(told[:, 1].mean(), abs=0.01)


def test_values_may_be_privileged_too(privileged):
    X, rich, _ = privileged
    model = DistilledRegressor(Ridge(), LinearRegression(), alpha=1.0, cv=None).fit(X, rich[:, 0], X_teacher=rich)
    plain = LinearRegression().fit(X, Ridge().fit(rich, rich[:, 0]).predict(rich))
    np.testing.assert_allclose(model.predict(X), plain.predict(X))


def test_weights_of_zero_cut_the_teachers_rows_as_well(privileged):
    X, rich, y = privileged
    weight = np.r_[np.ones(200), np.zeros(100)]
    model = DistilledClassifier(LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0), alpha=0.5)
    cut = clone(model).fit(X[:200], y[:200], sample_weight=np.ones(200), X_teacher=rich[:200])
    weighted = clone(model).fit(X, y, sample_weight=weight, X_teacher=rich)
    np.testing.assert_array_equal(weighted.predict_proba(X), cut.predict_proba(X))


def test_the_teachers_rows_go_through_searches(privileged):
    X, rich, y = privileged
    model = DistilledClassifier(LogisticRegression(), DecisionTreeClassifier(), alpha=1.0, cv=3)
    search = GridSearchCV(model, {"student__max_depth": [1, 3]}, cv=3).fit(X, y, X_teacher=rich)
    assert search.best_estimator_.teacher_.n_features_in_ == 3
    piped = make_pipeline(StandardScaler(), clone(model)).fit(X, y, distilledclassifier__X_teacher=rich)
    assert piped[-1].teacher_.n_features_in_ == 3


def test_rows_that_stand_in_for_x_may_be_lists(privileged):
    X, rich, y = privileged
    model = DistilledClassifier(LogisticRegression(), DecisionTreeClassifier(max_depth=2, random_state=0), alpha=0.5)
    by_list = clone(model).fit(X.tolist(), y.tolist(), X_teacher=rich.tolist())
    by_array = clone(model).fit(X, y, X_teacher=rich)
    np.testing.assert_array_equal(by_list.predict_proba(X), by_array.predict_proba(X))
