"""Data frames: names, categories, strings, missing values, and what comes out of transformers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.exceptions import SampledRowsError

pytestmark = pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")

RNG = np.random.default_rng(0)
N = 150
NUMBERS = RNG.normal(size=(N, 3))
Y = np.where(NUMBERS[:, 0] + 0.5 * RNG.normal(size=N) > 0, "yes", "no")


def mixed(n=N, seed=0, *, missing=True):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.normal(size=n),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
            "city": rng.choice(["Rome", "Oslo"], n),
        }
    )
    if missing:
        frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    return frame


FRAME = mixed()
LABELS = np.where((FRAME["age"] > 45) ^ (FRAME["colour"] == "red"), "yes", "no")


def encoded(last):
    """A pipeline that handles strings, categories and missing values."""
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["colour", "city"]),
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
        ),
        last,
    )


def boosted(**params):
    return HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", **params)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("alpha", [0.5, "auto"])
def test_names_of_columns(make, alpha):
    frame = make({name: NUMBERS[:, j] for j, name in enumerate(["a", "b", "c"])})
    model = DistilledClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=3), alpha=alpha, cv=3, random_state=0)
    model.fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.student_.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.teacher_.feature_names_in_.tolist() == ["a", "b", "c"]
    plain = clone(model).fit(NUMBERS, Y)
    np.testing.assert_array_equal(model.predict_proba(frame), plain.predict_proba(NUMBERS))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(make({name: NUMBERS[:, j] for j, name in enumerate(["a", "b", "d"])}))
    with pytest.warns(UserWarning, match="X does not have valid feature names") as caught:
        model.predict(NUMBERS)
    assert "DistilledClassifier was fitted with feature names" in str(caught[0].message)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("sampler", ["munge", "mixup", "conditional"])
def test_further_rows_of_the_same_columns(make, sampler):
    frame = make({name: NUMBERS[:, j] for j, name in enumerate(["a", "b", "c"])})
    model = DistilledClassifier(
        GaussianNB(), RandomForestClassifier(3), alpha=0.5, sampler=sampler, n_synthetic=20, cv=3, random_state=0
    ).fit(frame, Y, X_unlabeled=frame[:30])
    assert model.n_synthetic_ == 20
    assert model.score(frame, Y) > 0.7


def test_labels_may_be_a_series_of_any_index():
    frame = pd.DataFrame(NUMBERS, columns=list("abc"), index=range(N, 0, -1))
    labels = pd.Series(Y, index=range(5, 5 + N), dtype="category")
    weight = pd.Series(np.ones(N), index=range(N))
    model = DistilledClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=3, random_state=0), alpha=0.5)
    by_series = clone(model).fit(frame, labels, sample_weight=weight)
    np.testing.assert_array_equal(by_series.predict_proba(frame), clone(model).fit(NUMBERS, Y).predict_proba(NUMBERS))
    assert by_series.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("alpha", [0.5, "auto"])
@pytest.mark.parametrize("sampler", [None, "munge", "mixup", "conditional"])
def test_mixed_tables(alpha, sampler):
    before = FRAME.copy(deep=True)
    model = DistilledClassifier(
        encoded(RandomForestClassifier(5)),
        encoded(LogisticRegression()),
        alpha=alpha,
        cv=3,
        sampler=sampler,
        n_synthetic=0 if sampler is None else 0.3,
        random_state=0,
    ).fit(FRAME, LABELS, X_unlabeled=mixed(40, seed=1))
    pd.testing.assert_frame_equal(FRAME, before)
    assert model.score(FRAME, LABELS) > 0.6
    assert model.predict(mixed(10, seed=2)).shape == (10,)


def test_categories_that_both_learners_handle():
    frame = FRAME.drop(columns="city")
    model = DistilledClassifier(boosted(), boosted(random_state=0), alpha=0.5, cv=3, random_state=0)
    model.fit(frame, LABELS, X_unlabeled=mixed(40, seed=1).drop(columns="city"))
    assert model.score(frame, LABELS) > 0.8
    strange = mixed(40, seed=1).drop(columns="city")
    strange["colour"] = strange["colour"].cat.add_categories("pink")
    np.testing.assert_array_equal(
        clone(model).fit(frame, LABELS, X_unlabeled=strange).predict_proba(frame), model.predict_proba(frame)
    )
    strange.loc[0, "colour"] = "pink"
    with pytest.raises(ValueError, match=r"categories of X, got \['pink'\] besides in column 'colour'. Leave these"):
        clone(model).fit(frame, LABELS, X_unlabeled=strange)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, lambda columns: np.column_stack(list(columns.values()))])
def test_further_rows_are_not_rounded_to_the_types_of_x(make):
    whole = {"a": np.arange(40), "b": np.arange(40)[::-1]}
    halves = {name: values[:39] + 0.5 for name, values in whole.items()}
    y = np.arange(40) % 2
    seen = []

    class Watching(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append(np.asarray(X))
            return super().fit(X, y, sample_weight)

    teacher = GaussianNB()
    DistilledClassifier(teacher, Watching(criterion="entropy"), alpha=1.0).fit(make(whole), y, X_unlabeled=make(halves))
    assert set(seen[0][:, 0]) == set(whole["a"]) | set(halves["a"])


def test_values_from_mixed_tables():
    values = FRAME["age"].to_numpy() + 5.0 * (FRAME["colour"] == "red").to_numpy()
    model = DistilledRegressor(
        HistGradientBoostingRegressor(max_iter=10, categorical_features="from_dtype"),
        encoded(DecisionTreeRegressor(max_depth=4)),
        alpha=0.5,
        sampler="munge",
        n_synthetic=30,
        random_state=0,
    )
    model = clone(model).set_params(teacher=encoded(Ridge())).fit(FRAME, values)
    assert model.score(FRAME, values) > 0.8


def test_missing_values_that_both_learners_handle():
    broken = NUMBERS.copy()
    broken[RNG.random(broken.shape) < 0.1] = np.nan
    model = DistilledClassifier(
        HistGradientBoostingClassifier(max_iter=5), DecisionTreeClassifier(max_depth=3), alpha=0.5
    )
    assert model.fit(broken, Y).predict(broken).shape == (N,)
    frame = pd.DataFrame(broken, columns=list("abc"))
    np.testing.assert_array_equal(model.fit(frame, Y).predict(frame), clone(model).fit(broken, Y).predict(broken))
    half = DistilledClassifier(LogisticRegression(), DecisionTreeClassifier(), alpha=0.5)
    with pytest.raises(ValueError, match=r"NaN, which the teacher LogisticRegression cannot handle.*SimpleImputer"):
        half.fit(frame, Y)
    imputed = make_pipeline(SimpleImputer(), LogisticRegression())
    assert half.set_params(teacher=imputed).fit(frame, Y).predict(frame).shape == (N,)


def test_strings_as_an_object_array():
    rows = FRAME[["colour", "city"]].astype(str).to_numpy(dtype=object)
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = DistilledClassifier(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
        make_pipeline(coder, DecisionTreeClassifier(max_depth=3)),
        alpha=0.5,
        sampler="munge",
        n_synthetic=20,
        random_state=0,
    ).fit(rows, LABELS)
    assert model.predict(rows).shape == (N,)


def test_frames_from_transformers_in_front():
    front = StandardScaler().set_output(transform="pandas")
    frame = pd.DataFrame(NUMBERS, columns=list("abc"))
    piped = make_pipeline(front, DistilledClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=2), alpha=0.5))
    piped.fit(frame, Y)
    assert piped[-1].feature_names_in_.tolist() == ["a", "b", "c"]
    inside = DistilledClassifier(
        GaussianNB(),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)).set_output(transform="pandas"),
        alpha=0.5,
    ).fit(frame, Y, X_unlabeled=frame.iloc[:20])
    assert inside.student_[-1].feature_names_in_.tolist() == ["a", "b", "c"]


def test_searches_and_cross_validation_of_frames():
    model = DistilledClassifier(encoded(GaussianNB()), encoded(DecisionTreeClassifier()), alpha=0.5, cv=3)
    model.teacher.steps[0] = ("columns", clone(model.teacher[0]).set_params(sparse_threshold=0))
    name = "student__decisiontreeclassifier__max_depth"
    search = GridSearchCV(model, {name: [2, 4]}, cv=2).fit(FRAME, LABELS, X_teacher=FRAME)
    assert search.best_params_[name] in (2, 4)
    assert np.isfinite(cross_validate(model, FRAME, LABELS, cv=2)["test_score"]).all()


def test_the_teacher_has_columns_of_its_own():
    model = DistilledClassifier(encoded(LogisticRegression()), DecisionTreeClassifier(max_depth=3), alpha=1.0)
    model.fit(NUMBERS, LABELS, X_teacher=FRAME)
    assert model.teacher_.feature_names_in_.tolist() == FRAME.columns.tolist()
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(NUMBERS).shape == (N,)


def test_a_sampler_that_forgets_names():
    class Bare:
        def fit(self, X):
            self.rows = X
            return self

        def sample(self, n, random_state=None):
            return self.rows.to_numpy()[:n]

    frame = pd.DataFrame(NUMBERS, columns=list("abc"))
    model = DistilledClassifier(GaussianNB(), GaussianNB(), alpha=0.5, sampler=Bare(), n_synthetic=3)
    with pytest.raises(SampledRowsError, match=r"should have a pandas DataFrame, got a ndarray"):
        model.fit(frame, Y)
