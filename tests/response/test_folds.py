"""Folds by what rows hold: order, copies and containers do not matter."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from skdistill.response import row_folds
from skdistill.response._folds import row_fingerprint

# Few distinct values, so that equal rows, zeros of both signs and NaN are common.
CELLS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, np.nan])
TABLES = hnp.arrays(np.float64, st.tuples(st.integers(8, 40), st.integers(1, 3)), elements=CELLS)


def same_value(a, b):
    return (a == b) | ((a != a) & (b != b))


@settings(deadline=None)
@given(TABLES)
def test_rows_share_a_fingerprint_exactly_if_they_are_equal(X):
    marks = row_fingerprint(X)
    equal = same_value(X[:, None, :], X[None, :, :]).all(axis=2)
    np.testing.assert_array_equal(marks[:, None] == marks[None, :], equal)


@settings(deadline=None)
@given(TABLES, st.randoms(use_true_random=False), st.booleans())
def test_order_and_copies_of_rows_do_not_matter(X, random, stratify):
    # Every second row is a copy, and at least four rows differ.
    X = np.column_stack([X[np.arange(len(X)) // 2], np.arange(len(X)) // 2])
    y = np.arange(len(X)) // 2 % 2
    folds = row_folds(X, y, 3, stratify=stratify)
    order = np.array(random.sample(range(len(X)), len(X)))
    np.testing.assert_array_equal(row_folds(X[order], y[order], 3, stratify=stratify), folds[order])
    twice = np.concatenate([np.arange(len(X)), order[: len(X) // 2]])
    np.testing.assert_array_equal(row_folds(X[twice], y[twice], 3, stratify=stratify), folds[twice])


def test_a_million_distinct_rows_have_distinct_fingerprints():
    # By the birthday bound a 64-bit hash has a collision here with probability 3e-8.
    numbers = np.arange(1000.0)
    grid = np.column_stack([np.repeat(numbers, 1000), np.tile(numbers, 1000)])
    assert len(np.unique(row_fingerprint(grid))) == len(grid)


def test_values_count_in_their_own_column():
    rows = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    assert len(np.unique(row_fingerprint(rows))) == 5


def test_each_class_is_spread_evenly(rng):
    y = rng.choice(["a", "b", "c"], size=103, p=[0.6, 0.3, 0.1])
    folds = row_folds(rng.normal(size=(103, 2)), y, 5, stratify=True)
    for value in "abc":
        counts = np.bincount(folds[y == value], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(folds)) <= 1


def test_folds_of_values_are_even(rng):
    folds = row_folds(rng.normal(size=(52, 2)), rng.normal(size=(52, 3)), 5, stratify=False)
    assert sorted(np.bincount(folds)) == [10, 10, 10, 11, 11]


def test_equal_rows_share_a_fold_whatever_their_targets(rng):
    X = rng.integers(0, 4, size=(200, 2)).astype(float)
    folds = row_folds(X, rng.integers(0, 2, 200), 3, stratify=True)
    for row in np.unique(X, axis=0):
        assert len(set(folds[(row == X).all(axis=1)])) == 1


def test_weights_decide_the_class_of_equal_rows(rng):
    # Ten rows stand in both classes; by their weights five count for each.
    X = np.tile(np.arange(10.0), 2)[:, None]
    y = np.repeat([0, 1], 10)
    weight = np.concatenate([np.repeat([3.0, 1.0], 5), np.full(10, 2.0)])
    folds = row_folds(X, y, 5, stratify=True, sample_weight=weight)
    repeated = np.repeat(np.arange(20), weight.astype(int))
    np.testing.assert_array_equal(row_folds(X[repeated], y[repeated], 5, stratify=True), folds[repeated])
    assert sorted(folds[:5]) == sorted(folds[5:10]) == list(range(5))


@pytest.mark.parametrize("stratify", [False, True])
def test_a_target_equal_to_the_only_column_does_not_hide_the_rows(stratify):
    X = np.tile([0.0, 1.0], 4)[:, None]
    folds = row_folds(X, X[:, 0], 2, stratify=stratify)
    assert set(folds) == {0, 1}


def test_sparse_and_dense_rows_have_the_same_fingerprint(rng):
    X = rng.integers(-2, 3, size=(50, 4)).astype(float)
    for make in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        np.testing.assert_array_equal(row_fingerprint(make(X)), row_fingerprint(X))
    # A stored zero is a zero.
    stored = sparse.csr_array((np.zeros(1), ([0], [1])), shape=(1, 4))
    assert row_fingerprint(stored) == row_fingerprint(np.zeros((1, 4)))


@pytest.mark.needs("pandas", "polars")
def test_containers_of_one_table_have_the_same_fingerprint(rng):
    import pandas as pd
    import polars as pl

    X = rng.normal(size=(30, 3)).round(1)
    marks = row_fingerprint(X)
    np.testing.assert_array_equal(row_fingerprint(pd.DataFrame(X, index=range(30, 0, -1))), marks)
    np.testing.assert_array_equal(row_fingerprint(pl.DataFrame(X, schema=["a", "b", "c"])), marks)


@pytest.mark.needs("pandas")
def test_mixed_columns(rng):
    import pandas as pd

    n = 200
    frame = pd.DataFrame(
        {
            "number": rng.integers(0, 3, n),
            "flag": rng.random(n) < 0.5,
            "word": rng.choice(["x", "y", None], n),
            "kind": pd.Categorical(rng.choice(["p", "q"], n)),
            "day": pd.to_datetime(rng.choice(["2024-01-01", "2024-01-02"], n)),
            "maybe": pd.array(rng.choice([1, 2, None], n), dtype="Int64"),
        }
    )
    marks = row_fingerprint(frame)
    assert len(np.unique(marks)) == len(frame.drop_duplicates())
    order = rng.permutation(n)
    np.testing.assert_array_equal(row_fingerprint(frame.iloc[order]), marks[order])


def test_with_fewer_different_rows_than_folds_rows_are_dealt_out_one_by_one():
    X = np.repeat([[1.0], [2.0], [3.0], [4.0]], 4, axis=0)
    y = np.repeat([0, 1, 0, 1], 4)
    for stratify in (False, True):
        folds = row_folds(X, y, 5, stratify=stratify)
        assert sorted(np.bincount(folds)) == [3, 3, 3, 3, 4]


@pytest.mark.parametrize(
    ("n_rows", "stratify", "words"),
    [
        (4, False, ["cv=5", "at least 5 rows", "n_samples=4", "Lower cv", "FrozenEstimator"]),
        (8, True, ["cv=5", "at least 5 rows", "the largest has 2", "Lower cv to 2", "FrozenEstimator"]),
    ],
)
def test_too_few_rows(n_rows, stratify, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        row_folds(np.arange(float(n_rows))[:, None], np.arange(n_rows) // 2, 5, stratify=stratify)
