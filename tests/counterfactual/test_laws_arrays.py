"""Every generator keeps the laws on arrays."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skdistill.counterfactual import (
    GradientCounterfactual,
    GrowingSpheresCounterfactual,
    NearestInstanceCounterfactual,
)
from tests.counterfactual.laws import LAWS, AnyTable, Case

IRIS, SPECIES = load_iris(return_X_y=True)


def coded_array() -> np.ndarray:
    rng = np.random.default_rng(0)
    numbers = np.round(rng.normal(size=(160, 2)), 2)
    table = np.column_stack([rng.integers(0, 4, 160), numbers, rng.integers(0, 9, 160), np.ones(160)])
    table[rng.random(160) < 0.2, 1] = np.nan
    table[rng.random(160) < 0.1, 0] = np.nan
    return table


def coded_labels(table: np.ndarray) -> np.ndarray:
    score = np.nan_to_num(table[:, 1]) + 0.3 * table[:, 3] - (np.nan_to_num(table[:, 0]) == 2)
    return np.where(score > np.median(score), "yes", "no")


def objects() -> np.ndarray:
    table = coded_array()
    out = np.empty(table.shape, dtype=object)
    out[:, 0] = [None if np.isnan(v) else "abcd"[int(v)] for v in table[:, 0]]
    out[:, 1] = table[:, 1]
    out[:, 2] = table[:, 2]
    out[:, 3] = [int(v) for v in table[:, 3]]
    out[:, 4] = table[:, 1] > 0
    return out


CODED, LABELS = coded_array(), coded_labels(coded_array())
CASES = {
    "numbers": Case(AnyTable().fit(IRIS, SPECIES), IRIS, SPECIES, IRIS[::5]),
    "float32": Case(
        AnyTable(LogisticRegression()).fit(IRIS[:100].astype(np.float32), SPECIES[:100]),
        IRIS[:100].astype(np.float32),
        SPECIES[:100],
        IRIS[:100:4].astype(np.float32),
    ),
    "whole numbers": Case(
        AnyTable().fit(np.rint(10 * IRIS).astype(np.int64), SPECIES),
        np.rint(10 * IRIS).astype(np.int64),
        SPECIES,
        np.rint(10 * IRIS[::5]).astype(np.int64),
    ),
    "objects": Case(AnyTable().fit(objects()[:120], LABELS[:120]), objects()[:120], LABELS[:120], objects()[130:]),
    "strings": Case(
        AnyTable().fit(objects()[:120, :1].astype(str).repeat(2, axis=1), LABELS[:120]),
        objects()[:120, :1].astype(str).repeat(2, axis=1),
        LABELS[:120],
        objects()[130:, :1].astype(str).repeat(2, axis=1),
    ),
}
GENERATORS = {
    "default": NearestInstanceCounterfactual(),
    "one anchor": NearestInstanceCounterfactual(n_anchors=1, refine=False),
    "few copies": NearestInstanceCounterfactual(copy_limit=1),
}
NUMERIC = {
    "spheres": (GrowingSpheresCounterfactual(n_draws=60, random_state=0), CASES["numbers"]),
    "gradient": (
        GradientCounterfactual(),
        Case(LogisticRegression(max_iter=500).fit(IRIS, SPECIES), IRIS, SPECIES, IRIS[::5]),
    ),
}
# Strings that are all equal in two columns leave nothing to freeze or to bound.
LEFT_OUT = {("strings", "law_numbers_stay_where_they_are_permitted")}


@pytest.mark.parametrize(
    ("case", "law"), [(case, law) for case in CASES for law in LAWS if (case, law.__name__) not in LEFT_OUT]
)
@pytest.mark.parametrize("generator", GENERATORS)
def test_law(generator, case, law):
    law(GENERATORS[generator], CASES[case])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", NUMERIC)
def test_law_of_numeric_generators(name, law):
    law(*NUMERIC[name])


@pytest.mark.parametrize("law", [law for law in LAWS if "own_class" not in law.__name__])
def test_law_with_listed_categories(law):
    model = AnyTable(DecisionTreeClassifier(max_depth=6, random_state=0)).fit(CODED[:120], LABELS[:120])
    case = Case(model, CODED[:120], LABELS[:120], CODED[120:], categories=(0,))
    law(NearestInstanceCounterfactual(categorical_features=[0]), case)
