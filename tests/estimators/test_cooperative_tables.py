"""Silos with columns of their own: arrays, data frames, fills, and tables that lack columns."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill.estimators import CooperativeDistillation
from skdistill.estimators._shared_table import LearnerTable, SharedTable, nearest_rows
from tests.estimators.stand_ins import RawRow

pytestmark = pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")


def tree():
    return DecisionTreeClassifier(max_depth=4, random_state=0)


def two_hospitals(n_rows=200, seed=0):
    """Rows of two hospitals that share a column; what a hospital does not measure is missing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n_rows)
    X = np.column_stack([y, y, -y]) + 0.5 * rng.normal(size=(n_rows, 3))
    owner = np.where(y == 0, "north", np.where(y == 2, "south", rng.choice(["north", "south"], n_rows)))
    X[owner == "north", 2] = np.nan
    X[owner == "south", 0] = np.nan
    return X, y, owner


def hospitals(**params):
    learners = [("north", LogisticRegression(), [0, 1]), ("south", GaussianNB(), [1, 2])]
    return CooperativeDistillation(learners, **{"random_state": 0, "generator": RawRow(), "n_rounds": 1, **params})


# Cells that a learner lacks.


def learner_table(fill, columns, rows):
    X = np.array([[0.0, 10.0, 1.0], [1.0, 20.0, 3.0], [2.0, 40.0, 8.0], [9.0, 11.0, np.nan], [9.0, np.nan, 5.0]])
    return LearnerTable(SharedTable(X), np.array(columns), np.isin(np.arange(5), rows), fill, "me")


def test_nearest_rows_by_gowers_distance():
    reference = np.array([[0.0, 0.0, 1.0], [10.0, 1.0, 1.0], [np.nan, 1.0, 0.0]])
    is_category = np.array([False, True, True])
    every = np.ones(3, dtype=bool)
    rows = np.array([[2.0, 0.0, 1.0], [9.0, 1.0, 1.0], [np.nan, 1.0, 0.0], [5.0, 1.0, 0.0]])
    assert nearest_rows(rows, reference, every, is_category).tolist() == [0, 1, 2, 2]
    # By the second column alone the first of two equally near ones counts.
    assert nearest_rows(rows[1:2], reference, [False, True, False], is_category).tolist() == [1]


@pytest.mark.parametrize(
    ("fill", "expected"),
    [("zero", 0.0), ("mean", 4.0), ("reference", 1.0), (SimpleImputer(strategy="median"), 3.0), (KNNImputer(), 4.0)],
)
def test_fills(fill, expected):
    me = learner_table(fill, [1, 2], [0, 1, 2])
    np.testing.assert_allclose(me.question(np.array([3])), [[11.0, expected]])


def test_own_rows_stay_as_they_are():
    me = learner_table("zero", [1, 2], [0, 1, 3])
    assert me.takes_missing.tolist() == [False, True]
    np.testing.assert_array_equal(me.own(np.array([3])), [[11.0, np.nan]])
    # Where its own rows miss values the learner has its way with them.
    np.testing.assert_array_equal(me.question(np.array([3])), [[11.0, np.nan]])
    np.testing.assert_array_equal(me.question(np.array([4])), [[0.0, 5.0]])


def test_rows_from_elsewhere():
    me, other = learner_table("reference", [2, 1], [0, 1, 2]), learner_table("reference", [0, 1], [3])
    received = me.receive(np.array([[9.0, 39.0], [9.0, 0.0]]), other)
    np.testing.assert_allclose(received, [[8.0, 39.0], [1.0, 0.0]])
    assert me.shares_columns(other)
    assert not learner_table("zero", [2], [0]).shares_columns(other)


def test_a_row_without_any_of_the_columns_is_no_question():
    me = learner_table("zero", [2], [0, 1, 2])
    assert me.askable.tolist() == [True, True, True, False, True]


# Silos with columns of their own.


@pytest.mark.parametrize("fill", ["zero", "mean", "reference", SimpleImputer()])
def test_hospitals_teach_each_other(fill):
    X, y, owner = two_hospitals()
    fitted = hospitals(fill=fill, accept="always").fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    assert fitted.transfer_matrix_[0, 1] > 40
    for student, shared in (("north", 1), ("south", 0)):
        rows = told.tables[student]
        assert np.isfinite(rows).all()
        np.testing.assert_array_equal(rows[:, shared], X[told.source[told.student == student], 1])


def test_a_row_is_answered_by_those_who_know_its_columns():
    X, y, owner = two_hospitals()
    fitted = hospitals().fit(X, y, owner=owner)
    proba = fitted.predict_proba(X)
    for name, columns in (("north", [0, 1]), ("south", [1, 2])):
        own = owner == name
        expected = fitted.named_estimators_[name].predict_proba(X[own][:, columns])
        np.testing.assert_allclose(proba[own], expected)
    full = np.where(np.isnan(X), 1.0, X)
    parts = [fitted.named_estimators_[n].predict_proba(full[:, c]) for n, c in (("north", [0, 1]), ("south", [1, 2]))]
    np.testing.assert_allclose(fitted.predict_proba(full), np.mean(parts, axis=0))


def test_a_row_that_nobody_knows_is_an_error():
    X, y, owner = two_hospitals()
    fitted = hospitals().fit(X, y, owner=owner)
    X[5] = [1.0, np.nan, 1.0]
    words = r"Input X contains NaN, in row 5 in columns of every learner that could be asked, \['north', 'south'\] \(1"
    with pytest.raises(ValueError, match=words):
        fitted.predict(X)


def test_a_named_learner_needs_its_columns():
    X, y, owner = two_hospitals()
    fitted = hospitals(final="north").fit(X, y, owner=owner)
    with pytest.raises(ValueError, match=r"contains NaN, in row \d+ in columns of every learner .*\['north'\]"):
        fitted.predict(X)


def test_learners_that_take_missing_values_are_asked_about_them():
    X, y, owner = two_hospitals()
    learners = [("north", tree(), [0, 1]), ("south", tree(), [1, 2])]
    fitted = CooperativeDistillation(learners, generator=RawRow()).fit(X, y, owner=owner)
    assert fitted.predict_proba(X).shape == (200, 3)
    X[5] = np.nan
    assert fitted.predict(X[5:6]).shape == (1,)


def test_negative_positions_slices_and_masks():
    X, y, _ = two_hospitals()
    X = np.nan_to_num(X)
    answers = []
    for columns in ([1, 2], [-2, -1], slice(1, None), [False, True, True]):
        learners = [("a", GaussianNB()), ("b", tree(), columns)]
        answers.append(CooperativeDistillation(learners, generator=RawRow()).fit(X, y).predict_proba(X))
    for other in answers[1:]:
        np.testing.assert_array_equal(answers[0], other)


def test_the_order_of_columns_is_the_learners():
    X, y, _ = two_hospitals()
    X = np.nan_to_num(X)
    learners = [("a", GaussianNB(), [2, 0]), ("b", tree(), [0, 1])]
    fitted = CooperativeDistillation(learners, generator=RawRow(), final="a").fit(X, y)
    np.testing.assert_allclose(fitted.initial_estimators_["a"].theta_, GaussianNB().fit(X[:, [2, 0]], y).theta_)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_sparse_tables(kind):
    X, y, _ = two_hospitals()
    X = np.nan_to_num(X)
    X[np.abs(X) < 0.5] = 0.0
    learners = [("a", LogisticRegression(), [0, 1]), ("b", tree(), [1, 2])]
    ensemble = CooperativeDistillation(learners, accept="always", generator=RawRow())
    dense, thin = ensemble.fit(X, y).predict_proba(X), ensemble.fit(kind(X), y).predict_proba(kind(X))
    assert ensemble.transfer_matrix_.sum() > 0
    np.testing.assert_allclose(dense, thin, atol=1e-6)


# Data frames.


def frame(container):
    X, y, owner = two_hospitals(240)
    rng = np.random.default_rng(1)
    colour = np.array(["red", "green", "blue"])[np.where(rng.random(240) < 0.8, y, rng.integers(0, 3, 240))]
    count = (5 * y + rng.integers(0, 4, 240)).astype(np.int64)
    data = {"age": np.nan_to_num(X[:, 0]), "count": count, "colour": colour, "dose": np.nan_to_num(X[:, 2])}
    if container == "pandas":
        import pandas as pd

        return pd.DataFrame(data).astype({"colour": "category"}), y, owner
    import polars as pl

    return pl.DataFrame(data), y, owner


def encoder():
    return make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder=StandardScaler())


def mixed(**params):
    learners = [
        ("north", make_pipeline(encoder(), LogisticRegression()), ["age", "count", "colour"]),
        ("south", make_pipeline(encoder(), tree()), ["colour", "count", "dose"]),
        ("numbers", GaussianNB(), ["age", "dose"]),
    ]
    return CooperativeDistillation(learners, **{"random_state": 0, "accept": "always", **params})


def owners(owner):
    return [[name, "numbers"] if i % 3 else [name] for i, name in enumerate(owner)]


@pytest.mark.needs("pandas", "polars")
@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("fill", ["zero", "mean", "reference", SimpleImputer()])
def test_mixed_frames(container, fill):
    X, y, owner = frame(container)
    fitted = mixed(fill=fill).fit(X, y, owner=owners(owner))
    # Zeros stand for no age here, which costs some accuracy; guessing scores .4.
    assert fitted.score(X, y) > 0.6
    assert fitted.feature_names_in_.tolist() == ["age", "count", "colour", "dose"]
    for name, columns in (("north", ["age", "count", "colour"]), ("south", ["colour", "count", "dose"])):
        rows = fitted.virtual_instances_.tables[name]
        assert type(rows) is type(X)
        assert list(rows.columns) == columns
        assert [rows[c].dtype for c in columns] == [X[c].dtype for c in columns]
        assert set(rows["colour"]) <= {"red", "green", "blue"}


@pytest.mark.needs("pandas", "polars")
def test_containers_agree():
    (X, y, owner), (same, _, _) = frame("pandas"), frame("polars")
    one, two = mixed().fit(X, y, owner=owners(owner)), mixed().fit(same, y, owner=owners(owner))
    np.testing.assert_array_equal(one.transfer_matrix_, two.transfer_matrix_)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(same))


@pytest.mark.needs("pandas")
def test_unknown_categories_are_the_learners_affair():
    import pandas as pd

    X, y, owner = frame("pandas")
    fitted = mixed().fit(X, y, owner=owners(owner))
    strange = X.astype({"colour": object})
    strange.loc[0, "colour"] = "violet"
    assert np.isfinite(fitted.predict_proba(strange)).all()

    class Invents(RawRow):
        def generate(self, X, target, threshold=0.5):
            found = super().generate(X, target, threshold)
            if "colour" in X:
                found.X = X.assign(colour=pd.Categorical(["violet"] * len(X)))
            return found

    with pytest.raises(
        ValueError, match=r"generator must return known categories, got 'violet' in column 2 of learner"
    ):
        mixed(generator=Invents()).fit(X, y, owner=owners(owner))


@pytest.mark.needs("pandas", "polars")
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_a_table_may_lack_a_silos_columns(container):
    X, y, owner = frame(container)
    fitted = mixed().fit(X, y, owner=owners(owner))
    short = X[["age", "count", "colour"]]
    np.testing.assert_allclose(fitted.predict_proba(short), fitted.named_estimators_["north"].predict_proba(short))
    words = (
        r"(?s)yet now missing:\n- count\n- dose\n.*No learner of final='soft' can be asked: the learner 'north' needs "
        r"\['count'\]; the learner 'south' needs \['count', 'dose'\]; the learner 'numbers' needs \['dose'\]. Pass"
    )
    with pytest.raises(ValueError, match=words):
        fitted.predict(X[["age", "colour"]])
    named = mixed(final="south").fit(X, y, owner=owners(owner))
    with pytest.raises(ValueError, match=r"the learner 'south' needs \['dose'\]. Pass these columns"):
        named.predict(short)
    np.testing.assert_array_equal(named.predict(X[["count", "colour", "dose"]]).shape, (240,))


@pytest.mark.needs("pandas")
def test_columns_that_are_strange_or_in_another_order_are_an_error():
    X, y, owner = frame("pandas")
    fitted = mixed().fit(X, y, owner=owners(owner))
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.predict(X[["dose", "age", "count", "colour"]])
    with pytest.raises(ValueError, match="unseen at fit time"):
        fitted.predict(X.rename(columns={"dose": "amount"}))
    with pytest.raises(ValueError, match=r"learner 'north' must be columns of X, got \['age'\], which X does not have"):
        mixed().fit(X.rename(columns={"age": "years"})[["years", "count", "colour", "dose"]], y, owner=owner)


@pytest.mark.needs("pandas")
def test_missing_categories_and_nullable_numbers():
    import pandas as pd

    X, y, owner = frame("pandas")
    X["count"] = X["count"].astype("Int64")
    X.loc[X.index[owner == "south"], "age"] = np.nan
    X.loc[X.index[owner == "north"], "dose"] = np.nan
    X.loc[X.index[::9], "colour"] = None
    learners = [
        ("north", make_pipeline(encoder(), LogisticRegression()), ["age", "count", "colour"]),
        ("south", make_pipeline(encoder(), tree()), ["colour", "count", "dose"]),
    ]
    fitted = CooperativeDistillation(learners, random_state=0, accept="always").fit(X, y, owner=owner)
    rows = fitted.virtual_instances_.tables["north"]
    assert rows["count"].dtype == "Int64"
    assert rows["age"].notna().all()
    assert rows["colour"].isna().any()
    assert isinstance(rows, pd.DataFrame)
    assert fitted.score(X, y) > 0.8
