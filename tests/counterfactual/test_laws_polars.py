"""The generators that take categories keep the laws on polars data frames."""

import numpy as np
import polars as pl
import pytest
from sklearn.tree import DecisionTreeClassifier

from skdistill.counterfactual import NearestInstanceCounterfactual
from tests.counterfactual.laws import LAWS, AnyTable, Case

RNG = np.random.default_rng(0)
X = RNG.normal(size=90)
GAP = RNG.random(90) < 0.2
FRAME = pl.DataFrame(
    {
        "float": X,
        "gaps": [None if gone else value for gone, value in zip(GAP, X, strict=True)],
        "float32": pl.Series(np.round(X, 2), dtype=pl.Float32),
        "int": RNG.integers(0, 40, 90),
        "bool": X > 0.3,
        "string": [None if gone else f"{value:.0f}" for gone, value in zip(GAP, X, strict=True)],
        "level": pl.Series(RNG.choice(["a", "b"], 90), dtype=pl.Categorical),
        "enum": pl.Series(RNG.choice(["u", "v"], 90), dtype=pl.Enum(["u", "v", "w"])),
    }
)
Y = np.where(X + FRAME["int"].to_numpy() / 20 > 1, "above", "below")
CASE = Case(AnyTable().fit(FRAME[:60], Y[:60]), FRAME[:60], Y[:60], FRAME[60:], categories=(4, 5, 6, 7))


@pytest.mark.parametrize("law", LAWS)
def test_law(law):
    law(NearestInstanceCounterfactual(), CASE)


def test_values_that_no_reference_row_has_are_kept_until_they_change():
    frame = pl.DataFrame({"number": [0.0, 1.0, 2.0, 3.0], "string": ["a", "a", "b", "b"]})
    model = AnyTable(DecisionTreeClassifier(max_depth=1)).fit(frame, [0, 0, 1, 1])
    model.learner_.fit([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [0, 0, 1, 1])
    queries = pl.DataFrame({"number": [0.5], "string": ["new"]})
    found = NearestInstanceCounterfactual().fit(model, frame, [0, 0, 1, 1]).generate(queries, 1)
    assert found.valid.all()
    assert found.X["string"].to_list() == ["new"]
    assert found.sparsity.tolist() == [1]
