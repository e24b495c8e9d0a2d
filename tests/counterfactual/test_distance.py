"""Distances of mixed rows, and nearest rows against a search of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdistill.counterfactual import _distance
from skdistill.counterfactual._distance import (
    Neighbourhood,
    changed_units,
    distance,
    nearest_rows,
    smallest,
    unit_distances,
)
from skdistill.counterfactual._space import FeatureSpace

TABLE = np.array([[0.0, 1, 0, 5, 2], [10, 0, 1, 5, np.nan], [5, 2, 0, 5, 0]])


def test_distance_is_the_mean_over_units():
    space = FeatureSpace(TABLE, categorical_features=[1])
    a = np.array([[0.0, 1, 0, 5, np.nan], [2, 7, 1, 6, 1]])
    b = np.array([[5.0, 1, 1, 5, np.nan], [12, 8, 1, 5, np.nan]])
    expected = [[0.5, 0, 1, 0, 0], [1.0, 1, 0, 0, 1]]
    np.testing.assert_allclose(unit_distances(a, b, space), expected)
    np.testing.assert_allclose(distance(a, b, space), np.mean(expected, axis=1))
    # A constant column adds no distance, and still it is a change.
    assert changed_units(a, b, space).tolist() == [
        [True, False, True, False, False],
        [True, True, False, True, True],
    ]


def test_a_one_hot_group_is_one_feature():
    space = FeatureSpace(TABLE[:, :4], one_hot_groups=[[1, 2]])
    a, b = np.array([[0.0, 1, 0, 5]]), np.array([[10.0, 0, 1, 5]])
    np.testing.assert_allclose(unit_distances(a, b, space), [[1, 1, 0]])
    np.testing.assert_allclose(distance(a, b, space), [2 / 3])
    assert changed_units(a, b, space).tolist() == [[True, True, False]]


def table(rng, n, shape):
    """Make rows with ties, missing values, categories and values beyond the reference."""
    parts = {
        "numbers": [rng.integers(-3, 4, n) / 4.0, rng.normal(size=n), rng.integers(0, 9, n)],
        "categories": [rng.integers(0, 3, n), rng.integers(0, 2, n), rng.integers(0, 40, n)],
        "mixed": [rng.integers(0, 4, n) / 4.0, rng.integers(0, 3, n), rng.integers(0, 2, n), rng.integers(0, 2, n)],
    }
    rows = np.column_stack(parts[shape]).astype(float)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


@pytest.mark.parametrize("shape", ["numbers", "categories", "mixed"])
@pytest.mark.parametrize("share", [0.1, 1.0, -1.0])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12))
def test_nearest_rows_are_those_of_all_pairs(shape, share, seed, k):
    rng = np.random.default_rng(seed)
    listed = {"numbers": [], "categories": [0, 1, 2], "mixed": [1]}[shape]
    groups = [[2, 3]] if shape == "mixed" else None
    space = FeatureSpace(table(rng, 60, shape), categorical_features=listed, one_hot_groups=groups)
    values = table(rng, 9, shape) * rng.choice([1.0, 3.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_distance, "SHORT_SHARE", share)
        index, found = nearest_rows(values, space.reference, space, k, chunk_cells=170)
    gaps = np.array([[distance(a[None], b[None], space)[0] for b in space.reference] for a in values])
    np.testing.assert_allclose(found, np.sort(gaps, axis=1)[:, :k], atol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(gaps, index, axis=1), found, atol=1e-12)
    assert all(len(set(row)) == k for row in index.tolist())


def test_ties_go_to_the_lower_row():
    candidates = np.array([[2.0, 0], [1, 0], [1, 0], [3, 0], [1, 0]])
    space = FeatureSpace(candidates)
    for share in (0.9, -1.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_distance, "SHORT_SHARE", share)
            index, found = nearest_rows(np.array([[1.0, 0]]), candidates, space, 4)
        assert index.tolist() == [[1, 2, 4, 0]]
        np.testing.assert_allclose(found, [[0, 0, 0, 0.25]])


def test_candidates_below_the_least_score_are_left_out():
    candidates = np.arange(6.0)[:, None]
    space = FeatureSpace(candidates)
    near = Neighbourhood(candidates, space)
    score = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.7])
    index, found = near.query(np.zeros((3, 1)), 3, score=score, least=np.array([0.05, 0.75, 0.95]))
    assert index.tolist() == [[0, 1, 2], [1, 3, -1], [-1, -1, -1]]
    assert np.isinf(found[2]).all()


def test_no_candidates_and_more_neighbours_than_candidates():
    space = FeatureSpace(np.arange(4.0)[:, None])
    index, found = nearest_rows(np.zeros((2, 1)), np.empty((0, 1)), space, 2)
    assert index.tolist() == [[-1, -1], [-1, -1]]
    assert np.isinf(found).all()
    index, _ = nearest_rows(np.zeros((1, 1)), space.reference, space, 10)
    assert index.tolist() == [[0, 1, 2, 3, *[-1] * 6]]
    assert smallest(np.array([[3.0, 1.0, np.inf, 1.0]]), 9)[0].tolist() == [[1, 3, 0, *[-1] * 6]]


def test_a_wide_table_is_searched_too(rng):
    rows = rng.random((50, 300))
    space = FeatureSpace(rows)
    index, _ = nearest_rows(rows[:5] + 1e-3, rows, space)
    assert index[:, 0].tolist() == [0, 1, 2, 3, 4]
