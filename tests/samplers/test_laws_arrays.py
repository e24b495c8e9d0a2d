"""Every sampler keeps the laws on numpy arrays and sparse matrices."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from skdistill.samplers import ConditionalSampler, MixupSampler, MungeSampler
from tests.samplers.laws import (
    LAWS,
    SAMPLERS,
    check_rows,
    columns,
    law_any_number_of_rows,
    law_one_row_is_repeated,
    law_rows_look_like_the_table,
    sampler_id,
)

N_ROWS = 90


def mixed_objects(rng: np.random.Generator) -> np.ndarray:
    X = np.empty((N_ROWS, 7), dtype=object)
    X[:, 0] = rng.choice(["red", "green", "blue"], N_ROWS)
    X[:, 1] = [int(v) for v in rng.integers(0, 50, N_ROWS)]
    X[:, 2] = [float(v) for v in rng.normal(size=N_ROWS)]
    X[:, 3] = rng.choice(np.array(["yes", None], dtype=object), N_ROWS, p=[0.7, 0.3])
    X[:, 4] = [np.nan if k % 5 == 0 else float(k) for k in range(N_ROWS)]
    X[:, 5] = [k % 3 == 0 for k in range(N_ROWS)]
    X[:, 6] = [None if k % 6 == 0 else k % 2 for k in range(N_ROWS)]
    return X


def array_tables() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    floats = rng.normal(size=(N_ROWS, 4)) * [1, 10, 1e-6, 1e6]
    holes = np.where(rng.random(floats.shape) < [0, 0.1, 0.5, 0], np.nan, floats)
    constants = np.column_stack([floats[:, 0], np.full(N_ROWS, 3.0), np.full(N_ROWS, np.nan)])
    integers = rng.integers(-5, 200, size=(N_ROWS, 3))
    thin = rng.poisson(0.5, size=(N_ROWS, 5)).astype(float)
    return {
        "float64": floats,
        "float32": floats.astype(np.float32),
        "fortran": np.asfortranarray(floats),
        "missing": holes,
        "whole floats": np.column_stack([np.round(floats[:, :2] * 3), floats[:, 2]]),
        "constant columns": constants,
        "int64": integers,
        "uint8": (integers + 5).astype(np.uint8),
        "huge integers": integers + 2**60,
        "bool": integers > 90,
        "str": rng.choice(["a", "bb", "ccc"], size=(N_ROWS, 3)),
        "dates": np.array(["2020-01-01", "NaT"], dtype="M8[D]")[(rng.random((N_ROWS, 2)) < 0.3).astype(int)],
        "objects": mixed_objects(rng),
        "one column": floats[:, :1],
        "csr_matrix": sparse.csr_matrix(thin),
        "csc_array": sparse.csc_array(thin),
        "csr of integers": sparse.csr_array(thin.astype(np.int32)),
    }


TABLES = array_tables()


# The other tables differ from these in their dtype alone, which most laws do not look at.
MAIN = ["float64", "missing", "int64", "huge integers", "objects", "constant columns", "csr_matrix"]
OTHERS = [name for name in TABLES if name not in MAIN]


@pytest.mark.parametrize("table", MAIN)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("check_law", LAWS, ids=lambda law: law.__name__)
def test_law(check_law: Any, sampler: Any, table: str) -> None:
    check_law(clone(sampler), TABLES[table])


@pytest.mark.parametrize("table", OTHERS)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("check_law", [law_rows_look_like_the_table, law_any_number_of_rows, law_one_row_is_repeated])
def test_law_for_further_dtypes(check_law: Any, sampler: Any, table: str) -> None:
    check_law(clone(sampler), TABLES[table])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
def test_every_sparse_format_comes_back(sampler: Any, form: str) -> None:
    X = sparse.random(40, 5, density=0.3, format=form, random_state=0)
    check_rows(clone(sampler).fit(X).sample(25, random_state=0), X, 25)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_explicit_zeros_and_duplicates_are_values(sampler: Any) -> None:
    X = sparse.coo_matrix(([1.0, 1.0, 0.0, 2.0], ([0, 0, 1, 2], [0, 0, 1, 1])), shape=(3, 2))
    rows = clone(sampler).fit(X).sample(50, random_state=0).toarray()
    assert rows[:, 0].max() <= 2.0
    assert rows.min() >= 0.0


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 21, 41])
def test_tables_of_few_rows(sampler: Any, n_rows: int) -> None:
    X = TABLES["objects"][:n_rows]
    check_rows(clone(sampler).fit(X).sample(30, random_state=0), X, 30)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_all_rows_equal(sampler: Any) -> None:
    X = np.repeat(TABLES["objects"][:1], 60, axis=0)
    assert columns(clone(sampler).fit(X).sample(7, random_state=0)) == [c * 7 for c in columns(X[:1])]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_lists_become_arrays(sampler: Any) -> None:
    X = TABLES["float64"]
    rows = clone(sampler).set_params(random_state=0).fit(X.tolist()).sample(9)
    np.testing.assert_array_equal(rows, clone(sampler).set_params(random_state=0).fit(X).sample(9))


def scikit_learn_checks() -> list[Any]:
    estimators = [MungeSampler(), MixupSampler(n_neighbors=2), ConditionalSampler(max_iter=2)]
    pairs = [pair for estimator in estimators for pair in estimator_checks_generator(estimator)]
    # scikit-learn itself leaves out the checks of the array API unless an environment variable asks for them.
    return [
        pytest.param(*pair, id=f"{type(pair[0]).__name__}-{pair[1].func.__name__}")
        for pair in pairs
        if "array_api" not in pair[1].func.__name__
    ]


@pytest.mark.parametrize(("estimator", "check"), scikit_learn_checks())
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(clone(estimator))


FLOATS = st.floats(allow_nan=True, allow_infinity=False, width=64)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)


@settings(max_examples=40, deadline=None)
@given(
    X=hnp.arrays(np.float64, SHAPES, elements=FLOATS),
    k=st.integers(0, len(SAMPLERS) - 1),
    n=st.integers(0, 12),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_floats(X: np.ndarray, k: int, n: int, seed: int) -> None:
    check_rows(clone(SAMPLERS[k]).fit(X).sample(n, random_state=seed), X, n)


@settings(max_examples=40, deadline=None)
@given(
    X=hnp.arrays(st.sampled_from([np.int8, np.uint16, np.int64, np.uint64]), SHAPES),
    k=st.integers(0, len(SAMPLERS) - 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_integers(X: np.ndarray, k: int, seed: int) -> None:
    check_rows(clone(SAMPLERS[k]).fit(X).sample(7, random_state=seed), X, 7)


CELLS = st.one_of(st.none(), st.text(max_size=2), st.booleans(), st.integers(-9, 9), st.just(float("nan")))


@settings(max_examples=40, deadline=None)
@given(
    X=hnp.arrays(object, SHAPES, elements=CELLS),
    k=st.integers(0, len(SAMPLERS) - 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_objects(X: np.ndarray, k: int, seed: int) -> None:
    sampler = clone(SAMPLERS[k])
    check_rows(sampler.fit(X).sample(7, random_state=seed), X, 7)
    law_one_row_is_repeated(sampler, X)
