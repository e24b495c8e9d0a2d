"""The result object: its tables and pictures."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from skdistill.counterfactual import CounterfactualSet
from skdistill.exceptions import OptionalDependencyError

BEFORE = np.array([[1.0, 0, 1, 4], [2, 1, 0, 4], [3, 1, 0, np.nan]])
AFTER = np.array([[1.5, 1, 0, 4], [2, 1, 0, 3], [3, 1, 0, np.nan]])
SHIFTS = np.array([[0.25, 1, -1, 0], [0, 0, 0, -0.5], [0, 0, 0, 0]])


def result(queries=BEFORE, X=AFTER, **changes):
    parts = {
        "X": X,
        "valid": np.array([True, True, False]),
        "probability": np.array([0.9, 0.7, 0.2]),
        "proximity": np.array([0.4, 0.125, 0.0]),
        "plausibility": np.array([0.1, 0.0, np.nan]),
        "n_model_calls": 7,
        "n_model_rows": 1234,
        "queries": queries,
        "target": np.array(["yes", "no", "yes"]),
        "threshold": np.array([0.5, 0.6, 0.5]),
        "probability_before": np.array([0.1, 0.4, 0.2]),
        "shifts": SHIFTS,
        "feature_names": ("cost $", "kind_a", "kind_b", "age"),
        "groups": ((1, 2),),
    }
    return CounterfactualSet(**{**parts, **changes})


def one_row():
    found = result()
    arrays = {
        part.name: value[:1]
        for part in dataclasses.fields(found)
        if part.init and isinstance(value := getattr(found, part.name), np.ndarray)
    }
    return dataclasses.replace(found, **arrays)


def test_it_says_at_a_glance_how_it_went():
    words = repr(result())
    assert words == (
        "CounterfactualSet(n_rows=3, n_valid=2, median_proximity=0.125, median_sparsity=1, n_model_calls=7, "
        "n_model_rows=1234)"
    )
    assert len(result()) == 3


def test_a_group_counts_once():
    assert result().sparsity.tolist() == [2, 1, 0]
    assert result(groups=()).sparsity.tolist() == [3, 1, 0]
    assert result(shifts=np.where(SHIFTS == 0.25, np.nan, SHIFTS)).sparsity.tolist() == [2, 1, 0]


def test_it_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        result().valid = np.ones(3, dtype=bool)


@pytest.mark.needs("pandas")
def test_the_table_of_rows():
    frame = result().frame()
    assert list(frame.columns) == [
        "target",
        "threshold",
        "valid",
        "probability_before",
        "probability",
        "proximity",
        "sparsity",
        "plausibility",
    ]
    assert frame.loc[1].tolist() == ["no", 0.6, True, 0.4, 0.7, 0.125, 1, 0.0]
    assert len(frame) == 3


@pytest.mark.needs("pandas")
def test_the_table_of_changes():
    frame = result().frame(changes=True)
    assert frame["row"].tolist() == [0, 0, 0, 1]
    assert frame["feature"].tolist() == ["cost $", "kind_a", "kind_b", "age"]
    assert frame["before"].tolist() == [1.0, 0.0, 1.0, 4.0]
    assert frame["after"].tolist() == [1.5, 1.0, 0.0, 3.0]
    assert frame["shift"].tolist() == [0.25, 1.0, -1.0, -0.5]
    assert len(result(X=BEFORE, shifts=np.zeros((3, 4))).frame(changes=True)) == 0


@pytest.mark.needs("pandas", "polars")
def test_changes_in_tables_of_other_kinds():
    import pandas as pd
    import polars as pl

    columns = {"number": [1, 2, 3], "town": ["Rome", "Oslo", None]}
    moved = {"number": [1, 5, 3], "town": ["Bonn", "Oslo", "Rome"]}
    shifts = np.array([[0, 1.0], [0.5, 0], [0, 1.0]])
    for kind in (pd.DataFrame, pl.DataFrame):
        found = result(kind(columns), kind(moved), shifts=shifts, feature_names=("number", "town"), groups=())
        frame = found.frame(changes=True)
        assert frame["after"].tolist() == ["Bonn", 5, "Rome"]
        assert frame["before"].tolist()[:2] == ["Rome", 2]
        assert pd.isna(frame["before"][2])
    numbers = np.nan_to_num(BEFORE), np.nan_to_num(AFTER)
    dense = result(*numbers).frame(changes=True)
    assert result(*map(sparse.csr_matrix, numbers)).frame(changes=True).equals(dense)


def bars(ax):
    return [bar.get_width() for bar in ax.patches]


def ticks(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.mark.needs("matplotlib")
def test_many_rows_are_drawn_as_probabilities_and_shares_of_changes(pyplot):
    probability, features = result().plot().axes
    points = {line.get_label(): line.get_xydata().tolist() for line in probability.lines}
    assert points["valid (2)"] == [[0.1, 0.9], [0.4, 0.7]]
    assert points["not valid (1)"] == [[0.2, 0.2]]
    assert points["demanded"] == [[0.1, 0.5], [0.4, 0.6], [0.2, 0.5]]
    # The columns of a group are one feature; a dollar in a name would start a formula.
    assert ticks(features) == [r"cost \$", "kind", "age"]
    np.testing.assert_allclose(bars(features), 100 / 3)


@pytest.mark.needs("matplotlib")
def test_one_row_is_drawn_as_its_changes(pyplot):
    (ax,) = one_row().plot().axes
    assert bars(ax) == [1.0, -1.0, 0.25]
    assert ticks(ax) == ["kind_a\n0 to 1", "kind_b\n1 to 0", "cost \\$\n1 to 1.5"]
    assert ax.get_title() == "probability of yes: 0.10 to 0.90\nvalid, demanded 0.50"
    (ax,) = result().plot(kind="row", row=1).axes
    assert bars(ax) == [-0.5]


@pytest.mark.needs("matplotlib")
def test_many_features_are_cut_and_counted(pyplot):
    shifts = np.tile(np.linspace(0.1, 1, 30), (3, 1))
    values = np.zeros((3, 30))
    wide = {"shifts": shifts, "feature_names": tuple(f"x{j}" for j in range(30)), "groups": ()}
    figure = result(values, values + shifts, **wide).plot(kind="features")
    assert len(bars(figure.axes[0])) == 12
    assert [text.get_text() for text in figure.axes[0].texts] == ["and 18 more"]
    (ax,) = result(values, values + shifts, **wide).plot(kind="row").axes
    assert len(bars(ax)) == 12
    assert ax.get_title().endswith("; and 18 more changes")


@pytest.mark.needs("matplotlib")
def test_it_draws_into_given_axes(pyplot):
    figure, (left, right) = pyplot.subplots(1, 2)
    assert result().plot([left, right]) is figure
    assert len(left.lines) == 4
    assert len(right.patches) == 3
    _, alone = pyplot.subplots()
    result().plot(alone)
    assert len(alone.patches) == 3
    _, alone = pyplot.subplots()
    result().plot(alone, kind="probability")
    assert len(alone.lines) == 4


@pytest.mark.needs("matplotlib")
def test_nothing_changed_and_unknown_ranges_can_be_drawn(pyplot):
    still = result(X=BEFORE, shifts=np.zeros((3, 4)))
    assert bars(still.plot().axes[1]) == []
    assert bars(still.plot(kind="row").axes[0]) == []
    unknown = result(shifts=np.where(SHIFTS == 0.25, np.nan, SHIFTS))
    assert bars(unknown.plot(kind="row").axes[0]) == [1.0, -1.0, 0.0]


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda found, ax: found.plot(kind="pie"), "kind must be \"summary\".*got 'pie'"),
        (lambda found, ax: found.plot(kind="row", row=3), "from 0 to 2, got 3"),
        (lambda found, ax: found.plot(ax, kind="summary"), "2 axes.*got 1"),
    ],
    ids=["kind", "row", "axes"],
)
def test_what_cannot_be_drawn_is_told(pyplot, call, words):
    _, ax = pyplot.subplots()
    with pytest.raises(ValueError, match=words):
        call(result(), ax)


def test_without_the_packages_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(OptionalDependencyError, match=r"CounterfactualSet\.frame needs.*skdistill\[plot\]"):
        result().frame()
    with pytest.raises(OptionalDependencyError, match=r"CounterfactualSet\.plot needs.*skdistill\[plot\]"):
        result().plot()
