"""Growing spheres: radii, selection of features, and what a search returns."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skdistill.counterfactual import GrowingSpheresCounterfactual
from skdistill.counterfactual._growing_spheres import next_radius, shell_radii

X, y = load_iris(return_X_y=True)


def forest():
    return RandomForestClassifier(15, random_state=0).fit(X, y)


def search(model, rows=X, labels=y, **params):
    return GrowingSpheresCounterfactual(**{"random_state": 0, "n_draws": 60, **params}).fit(model, rows, labels)


def test_radii_are_uniform_by_volume_between_the_spheres():
    inner, outer, m = np.array([0.0, 1.0]), np.array([2.0, 3.0]), 5
    uniform = np.linspace(0, 1, 11)
    radii = shell_radii(inner, outer, uniform, m)
    np.testing.assert_allclose(radii[:, [0, -1]], np.column_stack([inner, outer]))
    volume = (radii**m - inner[:, None] ** m) / (outer**m - inner**m)[:, None]
    np.testing.assert_allclose(volume, np.tile(uniform, (2, 1)), atol=1e-12)


def test_radii_stay_numbers_in_a_thousand_dimensions():
    radii = shell_radii(np.array([1.0]), np.array([2.0]), np.array([0.0, 0.5]), 1000)
    assert (radii >= 1.0).all()
    assert (radii <= 2.0).all()
    assert shell_radii(np.array([0.5]), np.array([3.0]), np.array([0.5]), 1000)[0, 0] == pytest.approx(3.0, rel=1e-3)


def test_the_radius_doubles_until_something_is_met_and_is_then_bisected():
    state = (np.array([0.0]), np.array([np.inf]), np.array([0.1]))
    seen = []
    for hit in (False, False, True, False, True):
        state = next_radius(*state, np.array([hit]))
        seen.append(tuple(round(float(part[0]), 6) for part in state))
    inf = float("inf")
    assert seen == [(0.1, inf, 0.2), (0.2, inf, 0.4), (0.2, 0.4, 0.3), (0.3, 0.4, 0.35), (0.3, 0.35, 0.325)]


def test_the_nearest_row_of_one_column_is_the_boundary():
    line = np.linspace(-2, 3, 60)[:, None]
    model = LogisticRegression().fit(line, line[:, 0] > 0.3)
    found = search(model, line, line[:, 0] > 0.3).generate(line, target=True, threshold=0.8)
    border = (logit(0.8) - model.intercept_[0]) / model.coef_[0, 0]
    assert found.valid.all()
    before = line[:, 0] < border
    # Twelve bisections of a way of at most twice the range.
    np.testing.assert_allclose(found.X[before, 0], border, atol=2 * 5.0 / 2**12)
    assert (found.X[before, 0] >= border - 1e-9).all()
    np.testing.assert_array_equal(found.X[~before], line[~before])


def test_only_columns_that_matter_change(rng):
    rows = rng.normal(size=(120, 6))
    model = DecisionTreeClassifier(max_depth=1).fit(rows, rows[:, 2] > 0)
    found = search(model, rows, rows[:, 2] > 0).generate(rows[rows[:, 2] < -0.1], target=True)
    assert found.valid.all()
    assert (found.sparsity == 1).all()
    assert (np.delete(found.shifts, 2, axis=1) == 0).all()


def test_undoing_any_further_single_change_of_a_sparse_row_breaks_it(rng):
    # Three columns that count alike: of changes that are all needed none can be undone.
    rows = rng.uniform(size=(150, 3))
    model = LogisticRegression(C=100).fit(rows, rows.sum(axis=1) > 1.5)
    search_ = search(model, rows, rows.sum(axis=1) > 1.5)
    queries = rows[model.predict(rows) == 0]
    found = search_.generate(queries, target=True)
    assert found.valid.all()
    for j in range(3):
        one_back = np.array(found.X)
        one_back[:, j] = queries[:, j]
        changed = found.X[:, j] != queries[:, j]
        raised = changed & (found.X[:, j] > queries[:, j])
        assert not model.predict(one_back)[raised].any()


def test_rows_do_not_depend_on_the_others_nor_on_chunks():
    generator = search(forest())
    whole = generator.generate(X[:60], target=2)
    for part in (slice(0, 1), slice(20, 60, 7)):
        np.testing.assert_array_equal(generator.generate(X[:60][part], target=2).X, whole.X[part])
    small = search(forest(), chunk_rows=150)
    np.testing.assert_array_equal(small.generate(X[:60], target=2).X, whole.X)


def test_the_seed_decides():
    one, same, other = (search(forest(), random_state=seed).generate(X[:20], target=1).X for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_more_typical_rows_of_their_own_class():
    model = LogisticRegression(max_iter=500).fit(X, y)
    before = model.predict_proba(X)[np.arange(150), y]
    wanted = before + 0.5 * (1 - before)
    found = search(model).generate(X, target=y, threshold=wanted)
    assert found.valid.mean() > 0.95
    after = model.predict_proba(found.X)[np.arange(150), y]
    np.testing.assert_allclose(found.probability, after)
    assert (after[found.valid] >= wanted[found.valid]).all()


def test_whole_numbers_ranges_and_columns_that_may_not_change():
    rows = np.array(X)
    rows[:, 0] = np.round(10 * rows[:, 0])
    model = LogisticRegression(max_iter=2000).fit(rows, y)
    generator = search(model, rows, permitted_range={0: (60, 65), 2: (1.0, 4.9)}, features_to_vary=[0, 2, 3])
    found = generator.generate(rows[:50], target=1)
    changed = found.shifts != 0
    assert found.valid.all()
    assert changed[:, [0, 2, 3]].any()
    assert not changed[:, 1].any()
    assert (found.X[:, 0] == np.round(found.X[:, 0])).all()
    assert ((found.X[:, 0] >= 60) & (found.X[:, 0] <= 65))[changed[:, 0]].all()
    assert ((found.X[:, 2] >= 1.0) & (found.X[:, 2] <= 4.9))[changed[:, 2]].all()
    assert (found.X[:, 3] <= rows[:, 3].max()).all()


def test_integer_and_single_precision_tables_stay_what_they_are():
    for dtype in (np.int64, np.float32):
        rows = (10 * X).astype(dtype)
        model = forest().fit(rows, y)
        found = search(model, rows).generate(rows[:30], target=2)
        assert found.X.dtype == dtype
        assert found.valid.all()
        assert (model.predict(found.X) == 2).all()


def test_categories_missing_values_and_one_hot_groups_are_kept(rng):
    rows = np.column_stack([X, np.eye(3)[np.arange(150) % 3], np.arange(150) % 4])
    rows[::7, 1] = np.nan
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(rows, y)
    generator = search(model, rows, categorical_features=[7], one_hot_groups=[[4, 5, 6]])
    found = generator.generate(rows[:50], target=1)
    assert found.valid.all()
    np.testing.assert_array_equal(found.X[:, 4:], rows[:50, 4:])
    np.testing.assert_array_equal(np.isnan(found.X), np.isnan(rows[:50]))


def test_a_class_out_of_reach_is_told_and_the_best_try_is_kept():
    model = LogisticRegression(max_iter=500).fit(X, y)
    generator = search(model, permitted_range={j: (X[:50, j].min(), X[:50, j].max()) for j in range(4)})
    with pytest.warns(UserWarning, match="No counterfactual of class"):
        found = generator.generate(X[:10], target=2, threshold=0.9)
    assert not found.valid.any()
    assert (found.probability > found.probability_before).all()


def test_nothing_that_may_move():
    rows = np.column_stack([np.arange(40) % 3, np.ones(40)])
    model = DecisionTreeClassifier().fit(rows, rows[:, 0] > 1)
    generator = search(model, rows, rows[:, 0] > 1, categorical_features=[0])
    with pytest.warns(UserWarning, match="No counterfactual"):
        found = generator.generate(rows[:5], target=True)
    np.testing.assert_array_equal(found.X, rows[:5])


@pytest.mark.parametrize(
    "params", [{"first_radius": 0}, {"n_draws": 0}, {"max_rounds": 0}, {"random_state": "x"}], ids=str
)
def test_parameters_are_checked(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        GrowingSpheresCounterfactual(**params).fit(LogisticRegression(max_iter=500).fit(X, y), X, y)


@pytest.mark.needs("pandas")
def test_frames_keep_names_dtypes_and_strings():
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame(X, columns=list("abcd")).assign(a=(10 * X[:, 0]).astype(int), town=["Rome", "Oslo"] * 75)
    encoder = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=2000)).fit(frame, y)
    found = search(model, frame).generate(frame[:20], target=1)
    assert found.valid.all()
    assert list(found.X.dtypes) == list(frame.dtypes)
    assert (found.X["town"] == frame["town"][:20]).all()
