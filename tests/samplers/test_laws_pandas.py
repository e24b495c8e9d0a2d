"""Every sampler keeps the laws on pandas data frames."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skdistill.samplers import MungeSampler
from tests.samplers.laws import LAWS, SAMPLERS, columns, sampler_id

N_ROWS = 90


def mixed_frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    gap = rng.random(N_ROWS) < 0.25
    x = rng.normal(size=N_ROWS)
    frame = pd.DataFrame(
        {
            "float": x,
            "float with NaN": np.where(gap, np.nan, x),
            "float32": x.astype(np.float32),
            "int": rng.integers(0, 40, N_ROWS),
            "uint8": rng.integers(0, 255, N_ROWS).astype(np.uint8),
            "whole float": np.where(gap, np.nan, np.round(3 * x)),
            "bool": x > 0,
            "Int64": pd.array(np.where(gap, None, np.round(9 * x)).tolist(), dtype="Int64"),
            "boolean": pd.array([None if g else v > 0 for g, v in zip(gap, x, strict=True)], dtype="boolean"),
            "Float64": pd.array(x, dtype="Float64"),
            "string": pd.array([None if g else f"{v:.0f}" for g, v in zip(gap, x, strict=True)], "string"),
            "category": pd.Categorical(rng.choice(["b", "a"], N_ROWS), categories=["c", "b", "a"]),
            "ordered": pd.Categorical.from_codes(rng.integers(-1, 3, N_ROWS), ["x", "y", "z"], ordered=True),
            "numbered": pd.Categorical(rng.integers(0, 3, N_ROWS)),
            "date": pd.Series(pd.date_range("2020", periods=N_ROWS)).where(~gap),
            "id": np.arange(N_ROWS) + 2**60,
            "constant": 1,
            "never seen": np.nan,
        }
    )
    frame["object"] = pd.Series([None if g else f"{v:.0f}" for g, v in zip(gap, x, strict=True)], dtype=object)
    return frame


def named_frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(N_ROWS, 3)), columns=["b", "a", "c"], index=np.arange(N_ROWS)[::-1])
    frame.columns.name = "what"
    return frame


TABLES = {
    "mixed": mixed_frame(),
    "numbers": named_frame(),
    "numbered columns": named_frame().set_axis([5, 7, 9], axis=1),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("check_law", LAWS, ids=lambda law: law.__name__)
def test_law(check_law: Any, sampler: Any, table: str) -> None:
    check_law(clone(sampler), TABLES[table])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_frame_around_the_values(sampler: Any) -> None:
    X = TABLES["numbers"]
    before = X.copy()
    rows = clone(sampler).fit(X).sample(12)
    pd.testing.assert_index_equal(rows.index, pd.RangeIndex(12))
    pd.testing.assert_index_equal(rows.columns, X.columns)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_columns_that_are_handled_as_categories(sampler: Any) -> None:
    X = TABLES["mixed"]
    fitted = clone(sampler).fit(X)
    numbers = {
        "float",
        "float with NaN",
        "float32",
        "int",
        "uint8",
        "whole float",
        "Int64",
        "Float64",
        "constant",
    }
    assert set(X.columns[~fitted.is_categorical_]) == numbers
    listed = clone(sampler).set_params(categorical_features=["int", "float with NaN"]).fit(X)
    assert set(X.columns[~listed.is_categorical_]) == numbers - {"int", "float with NaN"}
    rows = listed.sample(200, random_state=0)
    assert set(rows["float with NaN"].dropna()) <= set(X["float with NaN"].dropna())


def test_missing_markers_are_kept() -> None:
    X = TABLES["mixed"]
    rows = MungeSampler().fit(X).sample(300, random_state=0)
    assert any(value is pd.NA for value in rows["Int64"])
    assert any(value is None for value in rows["object"])
    assert rows["date"].isna().any()
    assert set(rows["ordered"].cat.categories) == {"x", "y", "z"}
    assert rows["ordered"].cat.ordered


def test_numbers_of_a_frame_are_those_of_its_array() -> None:
    X = TABLES["numbers"]
    of_frame = MungeSampler(random_state=0).fit(X).sample(20)
    of_array = MungeSampler(random_state=0).fit(X.to_numpy()).sample(20)
    np.testing.assert_array_equal(of_frame.to_numpy(), of_array)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"names of columns, got \['z'\].*The columns of X are"):
        MungeSampler(categorical_features=["b", "z"]).fit(TABLES["numbers"])


def test_values_that_cannot_be_compared() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0], "lists": [[1], [2]]})
    with pytest.raises(ValueError, match=r"Column 'lists' should hold .*Drop the column"):
        MungeSampler().fit(X)


def test_rows_are_decoded_by_position() -> None:
    X = TABLES["numbers"]
    rows = MungeSampler(swap_probability=1e-9).fit(X).sample(N_ROWS, random_state=0)
    assert sorted(zip(*columns(rows), strict=True)) == sorted(zip(*columns(X), strict=True))
