"""The parts of each sampler do what their formulas say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.datasets import load_breast_cancer

from skdistill._columns import encode_table
from skdistill.samplers import ConditionalSampler, MixupSampler, MungeSampler, _conditional, _mixup, _munge, _neighbors
from skdistill.samplers._base import spread_rows
from skdistill.samplers._column_models import draw_classes, group_levels, rank_to_value, value_to_rank
from skdistill.samplers._mixup import mixup_rows
from skdistill.samplers._munge import munge_rows
from skdistill.samplers._neighbors import MixedNeighbors, MixedSpace


def test_rows_are_used_equally_often(rng: np.random.Generator) -> None:
    counts = np.bincount(spread_rows(23, 5, rng), minlength=5)
    assert sorted(counts) == [4, 4, 5, 5, 5]
    assert len(set(spread_rows(3, 100, rng))) == 3


def test_munge_swaps_categories_and_missing_values(rng: np.random.Generator) -> None:
    rows = np.array([[1.0, 0.0, np.nan, 4.0]])
    near = np.array([[2.0, 1.0, 7.0, np.nan]])
    swapped = munge_rows(
        rows, near, np.array([False, True, False, False]), swap_probability=1.0, local_variance=1e9, rng=rng
    )
    np.testing.assert_allclose(swapped, near, rtol=1e-7)


def test_munge_draws_around_the_neighbour(rng: np.random.Generator) -> None:
    n = 20_000
    rows, near = np.full((n, 1), 1.0), np.full((n, 1), 4.0)
    drawn = munge_rows(rows, near, np.array([False]), swap_probability=1.0, local_variance=2.0, rng=rng)
    # N(e', |e - e'| / s) with e' = 4, |e - e'| = 3 and s = 2.
    assert stats.kstest(drawn[:, 0], stats.norm(4.0, 1.5).cdf).pvalue > 1e-4
    kept = munge_rows(rows, near, np.array([False]), swap_probability=0.25, local_variance=2.0, rng=rng)
    assert abs((kept == rows).mean() - 0.75) < 0.02


def test_mixup_is_convex(rng: np.random.Generator) -> None:
    rows, partners = rng.normal(size=(2, 50, 3))
    plain = {"is_category": np.zeros(3, bool), "is_integer": np.zeros(3, bool), "rng": rng}
    weights = rng.random(50)
    mixed = mixup_rows(rows, partners, weights, **plain)
    np.testing.assert_allclose(mixed, weights[:, None] * rows + (1 - weights[:, None]) * partners)
    np.testing.assert_array_equal(mixup_rows(rows, partners, np.ones(50), **plain), rows)
    np.testing.assert_array_equal(mixup_rows(rows, partners, np.zeros(50), **plain), partners)


def test_mixup_takes_what_cannot_be_averaged_from_one_row(rng: np.random.Generator) -> None:
    n = 20_000
    rows = np.tile([0.0, 0.0, np.nan, 0.0], (n, 1))
    partners = np.tile([1.0, 1.0, 5.0, 3.0], (n, 1))
    mixed = mixup_rows(
        rows,
        partners,
        np.full(n, 0.7),
        is_category=np.array([True, True, False, False]),
        is_integer=np.array([False, False, False, True]),
        rng=rng,
    )
    np.testing.assert_array_equal(mixed[:, 0], mixed[:, 1])
    np.testing.assert_array_equal(mixed[:, 0] == 0, np.isnan(mixed[:, 2]))
    assert abs((mixed[:, 0] == 0).mean() - 0.7) < 0.02
    # 0.3 * 3 = 0.9 is no whole number: 0 or 1, and 0.9 in the mean.
    assert set(mixed[:, 3]) == {0.0, 1.0}
    assert abs(mixed[:, 3].mean() - 0.9) < 0.02


def test_mixed_distance_is_that_of_the_formula() -> None:
    X = np.array([["a", 1.0, 5], ["b", 3.0, 5], ["a", None, 5], ["c", 8.0, 5]], dtype=object)
    schema, values = encode_table(X)
    points = MixedSpace(schema, values).transform(values).astype(float)
    sigma = np.std([1.0, 3.0, 8.0])
    mean = 4.0
    assert np.sum((points[0] - points[1]) ** 2) == pytest.approx(2 + (2 / sigma) ** 2, rel=1e-5)
    assert np.sum((points[0] - points[2]) ** 2) == pytest.approx(2 + ((1 - mean) / sigma) ** 2, rel=1e-5)
    assert np.sum((points[1] - points[3]) ** 2) == pytest.approx(2 + (5 / sigma) ** 2, rel=1e-5)


@pytest.mark.parametrize("n_columns", [2, 9])
def test_neighbours_are_the_nearest_others(rng: np.random.Generator, n_columns: int) -> None:
    X = rng.normal(size=(60, n_columns))
    X[1] = X[0]
    schema, values = encode_table(X)
    search = MixedNeighbors(schema, values, n_neighbors=3, max_candidates=None, rng=rng)
    found = search.query(np.arange(60), values)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    distance = np.linalg.norm(Z[:, None] - Z[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.sort(distance, axis=1)[:, :3]
    # Distances in single precision, hence the tolerance; twins are at distance 0.
    np.testing.assert_allclose(np.take_along_axis(distance, found, axis=1), nearest, atol=2e-3)


def test_neighbours_are_searched_among_the_candidates(rng: np.random.Generator) -> None:
    schema, values = encode_table(rng.normal(size=(80, 2)))
    search = MixedNeighbors(schema, values, n_neighbors=2, max_candidates=10, rng=rng)
    found = search.query(np.arange(80), values)
    assert found.shape == (80, 2)
    assert len(np.unique(found)) <= 10
    assert not (found == np.arange(80)[:, None]).any()


def test_many_twins_and_few_rows(rng: np.random.Generator) -> None:
    schema, values = encode_table(np.ones((20, 2)))
    twins = MixedNeighbors(schema, values, n_neighbors=1, max_candidates=None, rng=rng)
    assert twins.query(np.arange(20), values).shape == (20, 1)
    schema, values = encode_table(np.eye(2))
    few = MixedNeighbors(schema, values, n_neighbors=5, max_candidates=None, rng=rng)
    np.testing.assert_array_equal(few.query(np.arange(2), values), [[1], [0]])


@pytest.mark.parametrize("sampler", [MungeSampler(), MixupSampler(n_neighbors=2), ConditionalSampler(max_iter=2)])
def test_chunks_cover_all_rows(sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(64, 3)) + 100
    for module in (_munge, _mixup, _conditional, _neighbors):
        monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    rows = sampler.fit(X).sample(150, random_state=0)
    assert (rows > 90).all()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e6)), st.booleans())
def test_ranks_and_values_are_inverse(values: np.ndarray, repeats: bool) -> None:
    ordered = np.sort(values)
    ranks = value_to_rank(values, ordered)
    assert ((ranks > 0) & (ranks < 1)).all()
    # Values that occur an even number of times have a rank between two places, both with that value.
    np.testing.assert_allclose(rank_to_value(ranks, ordered, repeats), values, rtol=1e-9, atol=1e-6)
    made = rank_to_value(np.linspace(0, 1, 30), ordered, repeats)
    assert (np.diff(made) >= -1e-9).all()
    assert not repeats or set(made) <= set(values)


def test_classes_are_drawn_from_their_probabilities(rng: np.random.Generator) -> None:
    drawn = draw_classes(np.tile([0.2, 0.0, 0.5, 0.3], (50_000, 1)), rng)
    shares = np.bincount(drawn, minlength=4) / 50_000
    np.testing.assert_allclose(shares, [0.2, 0.0, 0.5, 0.3], atol=0.01)


def test_rare_levels_share_a_group() -> None:
    codes = np.repeat([0, 1, 2, 3], [5, 40, 20, 1])
    np.testing.assert_array_equal(group_levels(codes, 5), [2, 0, 1, 2, 2])
    many = group_levels(np.repeat(np.arange(100), 50), 100)
    assert many.max() == 32


def dependent_table(n: int, seed: int = 0) -> np.ndarray:
    """Give x, a that follows x, b that scatters more for large x, a category that x decides, and 90 % zeros."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    kind = np.where(x + 0.1 * rng.normal(size=n) > 0, "up", "down")
    heavy = np.where(rng.random(n) < 0.9, 0.0, np.exp(rng.normal(size=n)))
    table = [x, 2 * x + 0.1 * rng.normal(size=n), np.exp(x + 0.5 * rng.normal(size=n)), kind, heavy]
    X = np.empty((n, 5), dtype=object)
    for j, column in enumerate(table):
        X[:, j] = column.tolist()
    return X


@pytest.fixture(scope="module")
def conditional_rows() -> tuple[np.ndarray, np.ndarray]:
    X = dependent_table(1200)
    return X, ConditionalSampler(redraw_probability=1.0, max_iter=40, random_state=0).fit(X).sample(3000)


def test_conditional_keeps_dependence(conditional_rows: tuple[np.ndarray, np.ndarray]) -> None:
    rows = conditional_rows[1]
    x, a, b = rows[:, :3].astype(float).T
    assert np.corrcoef(x, a)[0, 1] > 0.95
    assert np.mean((rows[:, 3] == "up") == (x > 0)) > 0.9
    # 1 / sqrt(1 + 0.5**2) = 0.89 in the table.
    assert np.corrcoef(x, np.log(b))[0, 1] > 0.8


def test_conditional_keeps_atoms_and_copies_no_row(conditional_rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, rows = conditional_rows
    assert abs(np.mean(rows[:, 4] == 0) - np.mean(X[:, 4] == 0)) < 0.05
    assert set(rows[:, 4]) <= set(X[:, 4])
    assert len({tuple(row) for row in rows[:, :3]} & {tuple(row) for row in X[:, :3]}) == 0


def test_fewer_redrawn_values_stay_nearer(conditional_rows: tuple[np.ndarray, np.ndarray]) -> None:
    X = dependent_table(200)[:, :3].astype(float)
    share = []
    for probability in (0.2, 1.0):
        # One fit's models may give values of the table back more often than another's.
        made = [ConditionalSampler(redraw_probability=probability, max_iter=3, random_state=k).fit(X) for k in range(8)]
        share.append(np.mean([np.isin(sampler.sample(400, random_state=0), X).mean() for sampler in made]))
    assert abs(share[0] - 0.8) < 0.05
    assert share[1] < 0.05


def test_conditional_of_identifiers_and_rare_levels() -> None:
    rng = np.random.default_rng(0)
    X = np.empty((200, 3), dtype=object)
    X[:, 0] = [f"id{k}" for k in range(200)]
    X[:, 1] = ["rare" if k < 3 else "common" for k in range(200)]
    X[:, 2] = rng.normal(size=200).tolist()
    rows = ConditionalSampler(redraw_probability=1.0, max_iter=3, max_fit_rows=100, random_state=0).fit(X).sample(2000)
    assert len(set(rows[:, 0])) > 190
    assert 0 < np.mean(rows[:, 1] == "rare") < 0.05


def real_samplers() -> list:
    return [
        MungeSampler(),
        MixupSampler(),
        MixupSampler(n_neighbors=5),
        ConditionalSampler(redraw_probability=1.0, max_iter=10),
    ]


@pytest.fixture(scope="module")
def cancer() -> np.ndarray:
    return load_breast_cancer().data[:, :8]


def nearest_distance(rows: np.ndarray, X: np.ndarray) -> float:
    scale = X.std(axis=0)
    gaps = np.linalg.norm(rows[:, None] / scale - X[None] / scale, axis=2)
    return float(gaps.min(axis=1).mean())


@pytest.mark.parametrize("sampler", real_samplers(), ids=lambda s: type(s).__name__)
def test_rows_are_nearer_than_independent_columns(sampler, cancer: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    shuffled = np.column_stack([rng.permutation(column) for column in cancer.T])
    rows = sampler.fit(cancer).sample(len(cancer), random_state=0)
    assert nearest_distance(rows, cancer) < 0.7 * nearest_distance(shuffled, cancer)


@pytest.mark.parametrize("sampler", real_samplers(), ids=lambda s: type(s).__name__)
def test_columns_are_distributed_as_in_the_table(sampler, cancer: np.ndarray) -> None:
    rows = sampler.fit(cancer).sample(4 * len(cancer), random_state=0)
    gaps = [stats.ks_2samp(new, old).statistic for new, old in zip(rows.T, cancer.T, strict=True)]
    # Mixup pulls rows together by design; a shift of a tenth is half of what alpha=inf gives.
    assert max(gaps) < 0.12


@pytest.mark.parametrize("sampler", real_samplers(), ids=lambda s: type(s).__name__)
def test_levels_are_as_frequent_as_in_the_table(sampler) -> None:
    X = dependent_table(600)
    rows = sampler.fit(X).sample(4000, random_state=0)
    assert abs(np.mean(rows[:, 3] == "up") - np.mean(X[:, 3] == "up")) < 0.08
