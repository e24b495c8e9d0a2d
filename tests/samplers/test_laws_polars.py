"""Every sampler keeps the laws on polars data frames."""

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from skdistill.samplers import MixupSampler, MungeSampler
from tests.samplers.laws import LAWS, SAMPLERS, sampler_id

N_ROWS = 90


def mixed_frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N_ROWS)
    gap = rng.random(N_ROWS) < 0.25

    def with_gaps(values: Any) -> list[Any]:
        return [None if g else v for g, v in zip(gap, values, strict=True)]

    return pl.DataFrame(
        {
            "float": x,
            "float32": pl.Series(x, dtype=pl.Float32),
            "null": with_gaps(x.tolist()),
            "nan": np.where(gap, np.nan, x),
            "int": rng.integers(0, 40, N_ROWS),
            "uint8": pl.Series(with_gaps(rng.integers(0, 255, N_ROWS).tolist()), dtype=pl.UInt8),
            "bool": pl.Series(with_gaps((x > 0).tolist()), dtype=pl.Boolean),
            "string": with_gaps([f"{v:.0f}" for v in x]),
            "category": pl.Series(rng.choice(["a", "b"], N_ROWS).tolist(), dtype=pl.Categorical),
            "enum": pl.Series(rng.choice(["a", "b"], N_ROWS).tolist(), dtype=pl.Enum(["c", "b", "a"])),
            "date": [datetime.date(2020, 1, 1) + datetime.timedelta(days=k) for k in range(N_ROWS)],
            "nothing": [None] * N_ROWS,
        }
    )


TABLES = {"mixed": mixed_frame(), "numbers": mixed_frame().select("float", "null", "int")}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
@pytest.mark.parametrize("check_law", LAWS, ids=lambda law: law.__name__)
def test_law(check_law: Any, sampler: Any, table: str) -> None:
    check_law(clone(sampler), TABLES[table])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=sampler_id)
def test_schema_is_kept(sampler: Any) -> None:
    X = TABLES["mixed"]
    rows = clone(sampler).fit(X).sample(25)
    assert rows.schema == X.schema
    assert rows["null"].is_nan().sum() == 0
    assert rows["nan"].null_count() == 0


def test_columns_that_are_handled_as_categories() -> None:
    X = TABLES["mixed"]
    fitted = MungeSampler(categorical_features=["int"]).fit(X)
    numbers = {"float", "float32", "null", "nan", "uint8"}
    assert {name for name, flag in zip(X.columns, fitted.is_categorical_, strict=True) if not flag} == numbers


def test_numbers_of_a_frame_are_those_of_its_array() -> None:
    X = TABLES["numbers"].select("float", "int")
    of_frame = MixupSampler(random_state=0).fit(X).sample(20)
    of_array = MixupSampler(random_state=0).fit(X.to_numpy()).sample(20)
    np.testing.assert_array_equal(of_frame.to_numpy(), of_array)
