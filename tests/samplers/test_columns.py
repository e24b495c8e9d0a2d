"""Tables become matrices and tables again; what cannot be handled is refused with a way out."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skdistill import _containers as containers
from skdistill._columns import encode_table
from skdistill.exceptions import SampledRowsError
from skdistill.samplers import BaseSampler, ConditionalSampler, MixupSampler, MungeSampler


class Repeater(BaseSampler):
    """Returns what it is told to, so that the base class can be tested alone."""

    def __init__(self, *, cell=None, categorical_features="from_dtype", random_state=None):
        self.cell = cell
        self.categorical_features = categorical_features
        self.random_state = random_state

    def _sample(self, n, rng):
        values = self._values[np.arange(n) % len(self._values)]
        return values if self.cell is None else np.full_like(values, self.cell)


def test_codes_and_levels() -> None:
    X = np.array([["b", 1, None], ["a", 2.5, "u"], ["b", None, True]], dtype=object)
    schema, values = encode_table(X)
    np.testing.assert_array_equal(schema.is_category, [True, False, True])
    np.testing.assert_array_equal(schema.n_levels, [2, 0, 3])
    np.testing.assert_array_equal(values, [[0, 1.0, 2], [1, 2.5, 0], [0, np.nan, 1]])
    back = schema.decode(values)
    assert back.tolist() == [["b", 1.0, None], ["a", 2.5, "u"], ["b", None, True]]


def test_equal_values_of_different_type_are_different_levels() -> None:
    X = np.array([[True], [1], ["1"], [1.0]], dtype=object)
    schema, values = encode_table(X)
    assert [type(v) for v in schema.decode(values)[:, 0]] == [bool, int, str, float]


@pytest.mark.parametrize(
    ("given", "mask"),
    [
        ("from_dtype", [False, False, False]),
        ([], [False, False, False]),
        ([2, 0], [True, False, True]),
        ([True, False, False], [True, False, False]),
        (np.array([False, True, True]), [False, True, True]),
    ],
)
def test_categorical_features(given: Any, mask: list[bool]) -> None:
    X = np.arange(12.0).reshape(4, 3)
    before = np.array(given, copy=True)
    np.testing.assert_array_equal(MungeSampler(categorical_features=given).fit(X).is_categorical_, mask)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("given", [[3], [-1], [True, False], ["a"], [[0, 1]], [0.5]])
def test_categorical_features_that_do_not_fit(given: Any) -> None:
    with pytest.raises(ValueError, match=r"categorical_features should be 'from_dtype'.*got .*names need a"):
        MungeSampler(categorical_features=given).fit(np.zeros((4, 3)))


def test_listed_numbers_are_swapped_and_never_mixed() -> None:
    X = np.column_stack([np.arange(30) ** 2.0, np.arange(30.0)])
    rows = MixupSampler(categorical_features=[0]).fit(X).sample(500, random_state=0)
    assert set(rows[:, 0]) <= set(X[:, 0])
    assert not set(rows[:, 1]) <= set(X[:, 1]) or (rows[:, 1] == np.round(rows[:, 1])).all()


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"swap_probability": 0.0}, "swap_probability"),
        ({"swap_probability": 1.5}, "swap_probability"),
        ({"local_variance": 0}, "local_variance"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"max_candidates": 1}, "max_candidates"),
        ({"categorical_features": "all"}, "categorical_features"),
        ({"categorical_features": 3}, "categorical_features"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_parameters_of_munge(params: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MungeSampler must be"):
        MungeSampler(**params).fit(np.zeros((4, 3)))


@pytest.mark.parametrize("params", [{"alpha": 0}, {"n_neighbors": 0}, {"max_candidates": 0}])
def test_parameters_of_mixup(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of MixupSampler must be"):
        MixupSampler(**params).fit(np.zeros((4, 3)))


@pytest.mark.parametrize(
    "params",
    [{"n_sweeps": 0}, {"max_iter": 0}, {"max_fit_rows": 10}, {"redraw_probability": 0}, {"n_sweeps": 1.5}],
)
def test_parameters_of_conditional(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of ConditionalSampler must"):
        ConditionalSampler(**params).fit(np.zeros((4, 3)))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros(5), ValueError, r"Expected 2D array, got 1D.*X\.reshape\(-1, 1\)"),
        (np.zeros((2, 2, 2)), ValueError, "Expected 2D array, got 3D"),
        (np.zeros((0, 3)), ValueError, r"0 sample\(s\).*Pass at least one row"),
        (np.zeros((3, 0)), ValueError, r"0 feature\(s\).*Pass at least one column"),
        (np.array([[1.0, np.inf]]), ValueError, "infinity in column 1.*Replace it"),
        (np.zeros((2, 2), dtype=complex), ValueError, "Complex data not supported.*two columns"),
        (np.zeros((2, 2), dtype=[("a", int)]), ValueError, "X should be an array of numbers"),
        (np.array([[{"a": 1}], [{"b": 2}]]), ValueError, "cannot be compared.*Drop the column"),
        ({"a": [1, 2]}, TypeError, "got dict. Convert it to one of them"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_tables_that_are_refused(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MungeSampler().fit(X)


def test_sparse_table_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    X = sparse.random(30, 10, density=0.2, format="csr", random_state=0)
    monkeypatch.setattr(containers, "DENSE_LIMIT", 400)
    fitted = MungeSampler().fit(X)
    with pytest.raises(ValueError, match=r"at most 400 cells.*got 41 x 10.*SelectKBest or TruncatedSVD"):
        fitted.sample(41)
    monkeypatch.setattr(containers, "DENSE_LIMIT", 200)
    with pytest.raises(ValueError, match="got 30 x 10"):
        fitted.fit(X)


@pytest.mark.parametrize("n", [-1, 2.0, "3", None, True])
def test_number_of_rows_that_is_refused(n: Any) -> None:
    with pytest.raises(ValueError, match="n should be an integer of at least 0, got"):
        MungeSampler().fit(np.eye(3)).sample(n)


def test_not_fitted() -> None:
    with pytest.raises(NotFittedError, match="MungeSampler instance is not fitted"):
        MungeSampler().sample(3)


@pytest.mark.parametrize(("cell", "column"), [(np.nan, 0), (7.0, 1), (0.5, 1), (-1.0, 1)])
def test_subclass_that_breaks_the_contract(cell: float, column: int) -> None:
    X = np.array([["a", 1], ["b", 2]], dtype=object)[:, ::-1] if column else np.eye(2)
    with pytest.raises(SampledRowsError, match=f"column {column} breaks this"):
        Repeater(cell=cell).fit(X).sample(3)


def test_base_rounds_and_clips() -> None:
    X = np.column_stack([[1.0, 2.0, 9.0], [0.1, 0.2, 0.9]])
    np.testing.assert_array_equal(Repeater(cell=100.0).fit(X).sample(1), [[9.0, 0.9]])
    np.testing.assert_array_equal(Repeater(cell=1.4).fit(X).sample(1), [[1.0, 0.9]])


def test_float32_range_is_exact() -> None:
    X = np.array([[0.1], [0.7]], dtype=np.float32)
    for cell in (-5.0, 5.0):
        rows = Repeater(cell=cell).fit(X).sample(1)
        assert rows.dtype == np.float32
        assert rows[0, 0] in X


def test_y_is_not_used() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    with_y = MungeSampler(random_state=0).fit(X, np.arange(30)).sample(9)
    np.testing.assert_array_equal(with_y, MungeSampler(random_state=0).fit(X).sample(9))


@pytest.mark.parametrize("random_state", [None, 3, np.random.RandomState(3)])
def test_seeds_of_every_kind(random_state: Any) -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    rows = MungeSampler().fit(X).sample(9, random_state=random_state)
    if random_state is None:
        assert not np.array_equal(rows, MungeSampler().fit(X).sample(9))
    else:
        assert not np.array_equal(rows, MungeSampler().fit(X).sample(9, random_state=4))


def test_a_number_generator_moves_on() -> None:
    fitted = MungeSampler().fit(np.random.default_rng(0).normal(size=(30, 3)))
    state = np.random.RandomState(0)
    assert not np.array_equal(fitted.sample(9, random_state=state), fitted.sample(9, random_state=state))
