"""What holds for every representation, whatever the model."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdistill.exceptions import ConstantRepresentationError, TeacherError
from skdistill.representation import (
    BaseRepresentation,
    LeafRepresentation,
    LogProbaRepresentation,
    resolve_representation,
)
from tests.representation.seen import MODELS, fitted, rows


def representation(name, **params):
    (found,) = resolve_representation("auto", fitted(name), random_state=0)
    return found.set_params(**params)


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_output_is_finite_bounded_and_standardised(self, name):
        X, _ = rows()
        seen = representation(name).fit_transform(X)
        assert seen.dtype == np.float64
        assert seen.shape[0] == len(X)
        assert 1 <= seen.shape[1] <= 64
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-9)
        assert seen.var(axis=0).mean() == pytest.approx(1)
        assert (seen.var(axis=0) > 0).all()

    def test_width_is_bounded_by_max_width(self, name):
        X, _ = rows()
        assert representation(name, max_width=2).fit(X).transform(X).shape[1] <= 2

    def test_each_coordinate_has_variance_one_if_asked(self, name):
        X, _ = rows()
        seen = representation(name, scaling="coordinate", max_width=5).fit_transform(X)
        np.testing.assert_allclose(seen.var(axis=0), 1)

    def test_rows_do_not_depend_on_chunks_or_company(self, name):
        X, _ = rows()
        whole = representation(name).fit(X)
        chunked = representation(name, chunk_rows=7).fit(X)
        expected = whole.transform(X)
        np.testing.assert_allclose(whole.set_params(chunk_rows=11).transform(X), expected, atol=1e-8)
        np.testing.assert_allclose(whole.transform(X[[5]]), expected[[5]], atol=1e-8)
        np.testing.assert_allclose(chunked.transform(X), expected, atol=1e-6)

    def test_equal_seeds_give_equal_outputs(self, name):
        X, _ = rows()
        first, second = (representation(name, sample_rows=50, max_width=4).fit(X).transform(X) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_frozen_model_survives_a_clone(self, name):
        X, _ = rows()
        own = representation(name)
        frozen = clone(own.set_params(model=FrozenEstimator(own.model)))
        np.testing.assert_array_equal(frozen.fit(X).transform(X), representation(name).fit(X).transform(X))

    @pytest.mark.needs("pandas")
    def test_is_a_transformer_with_names(self, name):
        X, _ = rows()
        seen = representation(name, max_width=3).fit(X)
        names = [f"{type(seen).__name__.lower()}{place}" for place in range(seen.width_)]
        assert seen.get_feature_names_out().tolist() == names
        expected = seen.transform(X)
        table = seen.set_output(transform="pandas").transform(X)
        assert list(table.columns) == names
        np.testing.assert_array_equal(table.to_numpy(), expected)

    def test_knows_how_many_columns_it_was_fitted_on(self, name):
        X, _ = rows()
        seen = representation(name).fit(X)
        assert seen.n_features_in_ == 6
        with pytest.raises(ValueError, match=rf"X has 5 features, but {type(seen).__name__} is expecting 6 features"):
            seen.transform(X[:, :5])

    def test_model_is_not_changed(self, name):
        X, _ = rows()
        model = fitted(name)
        before, names = model.predict(X), set(vars(model))
        representation(name).fit(X).transform(X)
        assert set(vars(model)) == names
        np.testing.assert_array_equal(model.predict(X), before)


def test_sample_bounds_what_is_fitted_and_not_what_is_transformed():
    X, _ = rows(400)
    seen = representation("forest", sample_rows=100, max_width=6).fit(X)
    assert seen.transform(X).shape == (400, 6)
    # Means of a sample of 100 rows miss those of 400 by about a tenth of a standard deviation.
    assert np.abs(seen.transform(X).mean(axis=0)).max() < 0.6


def test_sample_of_rows_too_wide_to_hold_is_cut(monkeypatch):
    X, _ = rows()
    monkeypatch.setattr("skdistill.representation._base.MOST_CELLS", 3 * 20)
    whole = representation("logistic", chunk_rows=20).fit(X)
    # Two chunks of twenty rows pass the bound, so the first forty rows are all it stands on.
    np.testing.assert_allclose(whole.transform(X[:40]).mean(axis=0), 0, atol=1e-9)
    assert np.abs(whole.transform(X).mean(axis=0)).max() > 1e-3


class TestModelsInModels:
    def test_of_a_pipeline_the_last_step_is_seen_on_transformed_rows(self):
        X, _ = rows()
        model = fitted("forest")
        moved = make_pipeline(FunctionTransformer(lambda X: X / 2), FunctionTransformer(lambda X: 2 * X), model)
        expected = LeafRepresentation(model=model, random_state=0).fit(X).transform(X)
        nested = make_pipeline(
            FunctionTransformer(lambda X: X / 4),
            "passthrough",
            FrozenEstimator(make_pipeline(FunctionTransformer(lambda X: 4 * X), model)),
        )
        for held in (moved, FrozenEstimator(moved), nested):
            (seen,) = resolve_representation("auto", held, random_state=0)
            assert type(seen) is LeafRepresentation
            np.testing.assert_array_equal(seen.fit(X).transform(X), expected)

    def test_of_a_search_the_best_estimator_is_seen(self):
        X, y = rows()
        search = GridSearchCV(make_pipeline(StandardScaler(), clone(fitted("logistic"))), {}, cv=2).fit(X, y)
        (seen,) = resolve_representation("auto", search)
        seen.fit(X)
        assert seen.core_ is search.best_estimator_[-1]
        np.testing.assert_allclose(seen.transform(X) * seen.scale_ + seen.mean_, search.decision_function(X))

    def test_search_without_its_best_estimator(self):
        X, y = rows()
        search = GridSearchCV(clone(fitted("logistic")), {}, cv=2, refit=False).fit(X, y)
        with pytest.raises(TeacherError, match=r"GridSearchCV without best_estimator_\. Fit it with refit=True"):
            LogProbaRepresentation(model=search).fit(X)

    def test_step_without_transform_leaves_rows_alone(self):
        class Resampler:
            def fit_resample(self, X, y):
                return X, y

        X, _ = rows()
        model = fitted("bayes")
        pipeline = make_pipeline(StandardScaler(), model)
        pipeline.steps[0] = ("resampler", Resampler())
        expected = LogProbaRepresentation(model=model).fit(X).transform(X)
        np.testing.assert_array_equal(LogProbaRepresentation(model=pipeline).fit(X).transform(X), expected)


class TestTables:
    @pytest.mark.needs("pandas")
    def test_frames_pass_pipelines_by_chunk(self):
        import pandas as pd
        from sklearn.compose import make_column_transformer
        from sklearn.preprocessing import OneHotEncoder

        X, y = rows()
        frame = pd.DataFrame(X, columns=list("abcdef"))
        frame["colour"] = pd.Categorical(np.where(X[:, 0] > 0, "red", "blue"))
        encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
        model = make_pipeline(encode, clone(fitted("forest"))).fit(frame, y)
        (seen,) = resolve_representation("auto", model, random_state=0)
        expected = seen.fit(frame).transform(frame)
        np.testing.assert_array_equal(seen.set_params(chunk_rows=13).transform(frame), expected)
        whole = LeafRepresentation(model=model[-1], random_state=0).fit(model[0].transform(frame))
        np.testing.assert_array_equal(whole.transform(model[0].transform(frame)), expected)

    @pytest.mark.parametrize("name", ["rbf", "perceptron", "forest", "bagging"])
    @pytest.mark.needs("pandas")
    def test_frames_of_any_kind_give_what_arrays_give(self, name):
        import pandas as pd

        X, y = rows()
        frame = pd.DataFrame(X, columns=list("abcdef"))
        model = clone(fitted(name)).fit(frame, y)
        (seen,) = resolve_representation("auto", model, random_state=0)
        (plain,) = resolve_representation("auto", clone(fitted(name)).fit(X, y), random_state=0)
        np.testing.assert_allclose(seen.fit(frame).transform(frame), plain.fit(X).transform(X), atol=1e-8)

    @pytest.mark.needs("polars")
    def test_polars(self):
        import polars as pl

        X, y = rows()
        frame = pl.DataFrame(X, schema=list("abcdef"))
        model = clone(fitted("forest")).fit(frame, y)
        (seen,) = resolve_representation("auto", model, random_state=0)
        expected = LeafRepresentation(model=fitted("forest"), random_state=0).fit(X).transform(X)
        np.testing.assert_array_equal(seen.set_params(chunk_rows=50).fit(frame).transform(frame), expected)

    @pytest.mark.parametrize("name", ["rbf", "perceptron", "forest", "logistic"])
    def test_sparse_rows_and_single_precision(self, name):
        from scipy import sparse

        X, _ = rows()
        expected = representation(name).fit(X).transform(X)
        of_sparse = representation(name).fit(sparse.coo_array(X)).transform(sparse.csc_matrix(X))
        np.testing.assert_allclose(of_sparse, expected, atol=1e-8)
        single = representation(name).fit(X.astype(np.float32)).transform(X.astype(np.float32))
        assert single.dtype == np.float64
        assert single.shape == expected.shape

    def test_nested_lists(self):
        X, _ = rows()
        expected = representation("logistic").fit(X).transform(X)
        np.testing.assert_array_equal(representation("logistic").fit(X.tolist()).transform(X.tolist()), expected)


class Given(BaseRepresentation):
    """Sees the rows themselves."""

    def _raw(self, rows):
        return rows


class TestCoordinates:
    def test_constant_ones_are_dropped(self):
        X, _ = rows()
        X = np.column_stack([np.full(len(X), 7.0), X, np.zeros(len(X)), 1e6 + 1e-4 * X[:, 0]])
        assert Given(model=fitted("bayes")).fit(X).transform(X).shape[1] == 6

    def test_total_scaling_keeps_ratios_of_distances(self):
        X, _ = rows()
        seen = Given(model=fitted("bayes")).fit(X).transform(X)
        ratios = np.linalg.norm(seen[1:] - seen[0], axis=1) / np.linalg.norm(X[1:] - X[0], axis=1)
        np.testing.assert_allclose(ratios, ratios[0])

    def test_principal_directions_are_those_of_the_covariance(self):
        X, _ = rows()
        seen = Given(model=fitted("bayes"), max_width=2).fit(X).transform(X)
        _, vectors = np.linalg.eigh(np.cov(X.T))
        expected = (X - X.mean(axis=0)) @ vectors[:, ::-1][:, :2]
        expected /= np.sqrt(expected.var(axis=0).mean())
        np.testing.assert_allclose(np.abs(seen), np.abs(expected), atol=1e-8)

    def test_more_directions_than_rows(self):
        X, _ = rows()
        assert Given(model=fitted("bayes"), max_width=5).fit(X[:3]).transform(X).shape == (len(X), 2)

    @pytest.mark.parametrize("n_rows", [1, 30])
    def test_all_constant(self, n_rows):
        X = np.ones((n_rows, 6))
        with pytest.raises(
            ConstantRepresentationError,
            match=rf"Given of GaussianNB must differ between rows, got the same 6 numbers for all {n_rows} rows.*Pass ",
        ):
            Given(model=fitted("bayes")).fit(X)
        assert issubclass(ConstantRepresentationError, ValueError)

    def test_tree_that_never_split(self):
        X, _ = rows()
        stump = clone(fitted("tree")).fit(X, np.zeros(len(X)))
        with pytest.raises(ConstantRepresentationError, match="LeafRepresentation of DecisionTreeClassifier"):
            LeafRepresentation(model=stump).fit(X)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, value):
        X, _ = rows()
        X[3, 2] = value
        with pytest.raises(ValueError, match="Given of GaussianNB must be finite, got NaN or infinity"):
            Given(model=fitted("bayes")).fit(X)
        with pytest.raises(ValueError, match="must be finite"):
            Given(model=fitted("bayes")).fit(X[4:]).transform(X)


class TestBadInput:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"max_width": 0}, "max_width"),
            ({"chunk_rows": 0}, "chunk_rows"),
            ({"sample_rows": 1}, "sample_rows"),
            ({"scaling": "none"}, "scaling"),
            ({"random_state": "x"}, "random_state"),
            ({"floor": 0.0}, "floor"),
            ({"floor": 0.7}, "floor"),
        ],
    )
    def test_parameters(self, params, message):
        X, _ = rows()
        with pytest.raises(ValueError, match=f"The '{message}' parameter of LogProbaRepresentation"):
            LogProbaRepresentation(model=fitted("bayes"), **params).fit(X)

    @pytest.mark.parametrize("wrap", [FrozenEstimator, make_pipeline, lambda model: model])
    def test_unfitted_model(self, wrap):
        X, _ = rows()
        with pytest.raises(NotFittedError, match=r"got an unfitted GaussianNB\. Call its fit first"):
            LogProbaRepresentation(model=wrap(clone(fitted("bayes")))).fit(X)

    def test_no_model_and_a_class(self):
        X, _ = rows()
        for model in (None, type(fitted("bayes"))):
            with pytest.raises(TeacherError, match="model must be a fitted model, got"):
                LogProbaRepresentation(model=model).fit(X)

    def test_transform_before_fit(self):
        X, _ = rows()
        with pytest.raises(NotFittedError, match="LogProbaRepresentation"):
            LogProbaRepresentation(model=fitted("bayes")).transform(X)

    @pytest.mark.parametrize("name", ["rbf", "perceptron", "forest", "logistic"])
    def test_other_columns_than_the_models(self, name):
        X, _ = rows()
        with pytest.raises(ValueError, match="5 features"):
            representation(name).fit(X[:, :5])


@pytest.mark.parametrize("name", ["forest", "histograms", "rbf", "bayes"])
def test_working_memory_does_not_grow_with_the_rows(name):
    X, _ = rows(4000)
    seen = representation(name, chunk_rows=250, sample_rows=250, max_width=8).fit(X)
    working = []
    for n_rows in (1000, 4000):
        tracemalloc.start()
        try:
            held = seen.transform(X[:n_rows]).nbytes
            working.append(tracemalloc.get_traced_memory()[1] - held)
        finally:
            tracemalloc.stop()
    # Leaves of 4000 rows and 20 trees alone would hold 640 kB, four times those of 1000.
    assert working[1] < 1.3 * working[0] + 20_000


def test_rows_without_columns():
    texts = ["an ant", "a bee", "a cat", "an ant and a bee", "a cat and a bee", "no ant"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1, 1, 0, 1, 0])
    (seen,) = resolve_representation("auto", model)
    assert seen.fit(texts).transform(texts).shape == (6, 1)
    assert not hasattr(seen, "n_features_in_")


def test_names_before_fit():
    with pytest.raises(NotFittedError, match="LeafRepresentation"):
        LeafRepresentation(model=fitted("forest")).get_feature_names_out()
