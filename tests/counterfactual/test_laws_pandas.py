"""The generators that take categories keep the laws on pandas data frames."""

import numpy as np
import pandas as pd
import pytest

from skdistill.counterfactual import NearestInstanceCounterfactual
from tests.counterfactual.laws import LAWS, AnyTable, Case
from tests.samplers.test_laws_pandas import mixed_frame, named_frame

MIXED, NAMED = mixed_frame(), named_frame()


def labels(x: np.ndarray) -> np.ndarray:
    return np.where(x > np.median(x), "above", "below")


def case(frame: pd.DataFrame, x: np.ndarray) -> Case:
    y = pd.Series(labels(x))
    categories = tuple(j for j, dtype in enumerate(frame.dtypes) if getattr(dtype, "kind", "O") not in "iuf")
    return Case(AnyTable().fit(frame[:60], y[:60]), frame[:60], y[:60], frame[60:], categories)


CASES = {
    # Larger integers than floats hold, one for each row, take this column's categories beyond what a query may keep.
    "mixed": case(MIXED.drop(columns=["id", "never seen"]), MIXED["float"].to_numpy() + MIXED["int"] / 20),
    "numbers": case(NAMED, NAMED["a"].to_numpy()),
    "numbered columns": case(NAMED.set_axis([5, 7, 9], axis=1), NAMED["a"].to_numpy()),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("case", CASES)
def test_law(case, law):
    law(NearestInstanceCounterfactual(), CASES[case])
