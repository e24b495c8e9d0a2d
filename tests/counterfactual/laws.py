"""What every generator keeps, as functions of a generator and a case; they share no code with the package."""

import copy
import math
import pickle
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.tree import DecisionTreeClassifier

from tests.samplers.laws import columns, is_number


class AnyTable(ClassifierMixin, BaseEstimator):
    """A classifier of any table, which reads cells as plain values and notes what it is asked."""

    def __init__(self, learner=None):
        self.learner = learner

    def fit(self, X, y):
        self.classes_ = np.unique(np.asarray(y))
        self.n_features_in_ = X.shape[1]
        self.levels_ = [sorted({str(v) for v in column if not is_number(v)}) for column in columns(X)]
        self.learner_ = clone(self.learner or DecisionTreeClassifier(max_depth=5, min_samples_leaf=3, random_state=0))
        self.learner_.fit(self._numbers(X), np.asarray(y))
        self.calls = []
        return self

    def _numbers(self, X):
        table = [
            [v if is_number(v) else -2.0 - (levels.index(str(v)) if str(v) in levels else 99) for v in column]
            for column, levels in zip(columns(X), self.levels_, strict=True)
        ]
        return np.array(table, dtype=float).T

    def predict_proba(self, X):
        self.calls.append(X.shape[0])
        return self.learner_.predict_proba(self._numbers(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@dataclass(frozen=True)
class Case:
    """A fitted model, reference rows, and rows to be changed.

    `categories` says which columns are compared as categories; None means those that hold anything but numbers.
    """

    model: Any
    X: Any
    y: Any
    queries: Any
    categories: tuple[int, ...] | None = None

    def target(self) -> np.ndarray:
        """Return another class than the model's for every row."""
        proba = self.model.predict_proba(self.queries)
        return np.asarray(self.model.classes_)[(proba.argmax(axis=1) + 1) % proba.shape[1]]


def quietly(search: Any, *args: Any, **params: Any) -> Any:
    """Generate without the warning about rows that are not valid."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No counterfactual of class", UserWarning)
        return search.generate(*args, **params)


def solve(generator: Any, case: Case, **params: Any) -> Any:
    return quietly(clone(generator).fit(case.model, case.X, case.y), case.queries, case.target(), **params)


def slow_distances(case: Case, first: list[list[Any]], second: list[list[Any]]) -> np.ndarray:
    """Give distances of paired rows cell by cell, from columns of plain values."""
    reference = columns(case.X)
    total = np.zeros(len(first[0]))
    for j, (a, b) in enumerate(zip(first, second, strict=True)):
        seen = [v for v in reference[j] if v is not None]
        number = all(is_number(v) for v in seen) if case.categories is None else j not in case.categories
        width = max(seen) - min(seen) if number and seen else 0
        for i, (u, v) in enumerate(zip(a, b, strict=True)):
            if u is None or v is None or not number:
                total[i] += (u is None) != (v is None) or (u is not None and u != v)
            else:
                total[i] += abs(u - v) / width if width else 0
    return total / len(first)


def law_answers_have_the_form_of_the_queries(generator: Any, case: Case) -> None:
    found = solve(generator, case)
    assert type(found.X) is type(case.queries)
    assert found.X.shape == case.queries.shape
    if hasattr(case.queries, "dtypes"):
        assert list(found.X.columns) == list(case.queries.columns)
        assert list(found.X.dtypes) == list(case.queries.dtypes)
    else:
        assert found.X.dtype == case.queries.dtype
    for name in ("valid", "probability", "proximity", "sparsity", "plausibility", "target", "threshold"):
        assert getattr(found, name).shape == (case.queries.shape[0],)
    for new, old, seen in zip(columns(found.X), columns(case.queries), columns(case.X), strict=True):
        known = [v for v in [*old, *seen] if v is not None]
        if known and all(is_number(v) and v == round(v) for v in known):
            assert all(v is None or v == round(v) for v in new)
        if not all(is_number(v) for v in known):
            assert {(type(v), v) for v in new} <= {(type(v), v) for v in [*old, *seen]}


def law_valid_is_what_the_model_says(generator: Any, case: Case) -> None:
    threshold = np.where(np.arange(case.queries.shape[0]) % 2, 0.5, 0.7)
    found = solve(generator, case, threshold=threshold)
    proba = case.model.predict_proba(found.X)
    place = np.searchsorted(case.model.classes_, found.target)
    each = np.arange(len(place))
    np.testing.assert_allclose(found.probability, proba[each, place], atol=1e-12)
    np.testing.assert_array_equal(found.valid, (proba[each, place] >= threshold) & (proba.argmax(axis=1) == place))
    assert found.valid.any()
    assert found.threshold.tolist() == threshold.tolist()
    before = case.model.predict_proba(case.queries)
    np.testing.assert_allclose(found.probability_before, before[each, place], atol=1e-12)


def law_measures_are_their_definitions(generator: Any, case: Case) -> None:
    found = solve(generator, case)
    before, after = columns(case.queries), columns(found.X)
    changed = sum(np.array([u != v for u, v in zip(a, b, strict=True)]) for a, b in zip(before, after, strict=True))
    np.testing.assert_array_equal(found.sparsity, changed)
    np.testing.assert_allclose(found.proximity, slow_distances(case, before, after), atol=1e-9)
    labels = np.asarray(case.y)
    reference = columns(case.X)
    for i in range(0, len(changed), 7):
        rows = np.flatnonzero(labels == found.target[i])
        here = [[column[i]] * len(rows) for column in after]
        there = [[column[r] for r in rows] for column in reference]
        assert math.isclose(found.plausibility[i], slow_distances(case, here, there).min(), abs_tol=1e-9)


def law_what_is_asked_is_counted(generator: Any, case: Case) -> None:
    model = copy.deepcopy(case.model)
    search = clone(generator).fit(model, case.X, case.y)
    if not hasattr(model, "calls"):
        return
    target = case.target()
    model.calls.clear()
    found = quietly(search, case.queries, target)
    assert found.n_model_calls == len(model.calls)
    assert found.n_model_rows == sum(model.calls)


def law_valid_rows_stay_as_they_are(generator: Any, case: Case) -> None:
    search = clone(generator).fit(case.model, case.X, case.y)
    target = np.asarray(case.model.classes_)[case.model.predict_proba(case.queries).argmax(axis=1)]
    found = search.generate(case.queries, target, threshold=1e-6)
    assert found.valid.all()
    assert columns(found.X) == columns(case.queries)
    assert not found.proximity.any()
    assert not found.sparsity.any()


def law_own_class_becomes_more_typical(generator: Any, case: Case) -> None:
    search = clone(generator).fit(case.model, case.X, case.y)
    proba = case.model.predict_proba(case.queries).max(axis=1)
    target = np.asarray(case.model.classes_)[case.model.predict_proba(case.queries).argmax(axis=1)]
    demanded = proba + 0.5 * (1 - proba)
    found = quietly(search, case.queries, target, threshold=demanded)
    assert (found.probability[found.valid] >= demanded[found.valid]).all()
    assert (found.probability >= found.probability_before - 1e-12).all()


def law_same_again(generator: Any, case: Case) -> None:
    search = clone(generator).fit(case.model, case.X, case.y)
    first, again = (quietly(search, case.queries, case.target()) for _ in range(2))
    assert columns(first.X) == columns(again.X)
    assert (first.n_model_calls, first.n_model_rows) == (again.n_model_calls, again.n_model_rows)


def law_nothing_given_is_changed(generator: Any, case: Case) -> None:
    before = [copy.deepcopy(columns(table)) for table in (case.X, case.queries)]
    params = copy.deepcopy(generator.get_params())
    own = clone(generator)
    found = quietly(own.fit(case.model, case.X, case.y), case.queries, case.target())
    assert [columns(table) for table in (case.X, case.queries)] == before
    assert str(own.get_params()) == str(params)
    assert found.X is not case.queries


def law_clone_and_pickle(generator: Any, case: Case) -> None:
    search = clone(generator).fit(case.model, case.X, case.y)
    assert not hasattr(clone(search), "classes_")
    back = pickle.loads(pickle.dumps(search))
    one, two = (quietly(s, case.queries, case.target()) for s in (search, back))
    assert columns(one.X) == columns(two.X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).valid, one.valid)


def law_one_row_and_any_order(generator: Any, case: Case) -> None:
    if "random_state" in generator.get_params():
        return
    search = clone(generator).fit(case.model, case.X, case.y)
    target = case.target()
    whole = columns(quietly(search, case.queries, target).X)
    n = case.queries.shape[0]
    one = columns(quietly(search, case.queries[:1], target[:1]).X)
    assert_same(one, [column[:1] for column in whole])
    backwards = columns(quietly(search, case.queries[::-1], target[::-1]).X)
    assert_same(backwards, [column[::-1] for column in whole])
    small = clone(generator).set_params(chunk_rows=max(2, n // 3)).fit(case.model, case.X, case.y)
    assert_same(columns(quietly(small, case.queries, target).X), whole)


def assert_same(first: list[list[Any]], second: list[list[Any]]) -> None:
    """Compare columns; numbers may differ as sums do that are taken in another order."""
    for a, b in zip(first, second, strict=True):
        for u, v in zip(a, b, strict=True):
            assert u == v or (is_number(u) and is_number(v) and math.isclose(u, v, rel_tol=1e-6, abs_tol=1e-9))


def law_what_may_not_vary_stays(generator: Any, case: Case) -> None:
    keep = np.arange(case.X.shape[1]) % 3 == 1
    found = solve(clone(generator).set_params(features_to_vary=~keep), case)
    after, before = columns(found.X), columns(case.queries)
    for j in np.flatnonzero(keep):
        assert after[j] == before[j]


def law_numbers_stay_where_they_are_permitted(generator: Any, case: Case) -> None:
    reference = columns(case.X)
    ranges = {}
    for j, column in enumerate(reference):
        seen = [v for v in column if v is not None]
        number = all(is_number(v) for v in seen) if case.categories is None else j not in case.categories
        if number and seen and min(seen) < max(seen) and j % 2 == 0:
            ranges[j] = tuple(np.quantile(seen, [0.25, 0.9]).tolist())
    assert ranges
    found = solve(clone(generator).set_params(permitted_range=ranges), case)
    after, before = columns(found.X), columns(case.queries)
    for j, (low, high) in ranges.items():
        slack = 1e-6 * max(abs(low), abs(high))
        for new, old in zip(after[j], before[j], strict=True):
            assert new == old or low - slack <= new <= high + slack


LAWS = [value for name, value in sorted(globals().items()) if name.startswith("law_")]
