"""Walks to the nearest instances: what they promise, and each of their parts."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdistill.counterfactual import CounterfactualSet, NearestInstanceCounterfactual, resolve_generator
from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._distance import distance
from skdistill.counterfactual._walk import first_best, ranks, reward
from skdistill.exceptions import TeacherError
from tests.counterfactual.laws import AnyTable, quietly

X, y = load_iris(return_X_y=True)
TUMOURS, BENIGN = load_breast_cancer(return_X_y=True)


def forest(rows=X, labels=y):
    return RandomForestClassifier(20, random_state=0).fit(rows, labels)


def search(model, rows=X, labels=y, **params):
    return NearestInstanceCounterfactual(**params).fit(model, rows, labels)


class Fixed(AnyTable):
    """A classifier whose probability of class 1 is a function of the row."""

    def __init__(self, function=None):
        self.function = function

    def fit(self, X, y):
        self.classes_, self.calls = np.array([0, 1]), []
        return self

    def predict_proba(self, X):
        self.calls.append(len(X))
        p = np.clip(self.function(np.asarray(X, dtype=float)), 0, 1)
        return np.column_stack([1 - p, p])


def fixed(function):
    return Fixed(function).fit(None, None)


MODELS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "tree": DecisionTreeClassifier(max_depth=5, random_state=0),
    "forest": RandomForestClassifier(20, random_state=0),
    "neighbours": KNeighborsClassifier(5),
    "SVC": make_pipeline(StandardScaler(), SVC(random_state=0)),
    "LinearSVC": make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("refine", [True, False])
def test_every_row_that_has_an_anchor_gets_a_valid_counterfactual(name, refine):
    for rows, labels in ((X, y), (TUMOURS[:, :9], BENIGN)):
        model = clone(MODELS[name]).fit(rows, labels)
        target = (model.predict(rows[::9]) + 1) % len(np.unique(labels))
        found = search(model, rows, labels, refine=refine).generate(rows[::9], target)
        assert found.valid.all()
        np.testing.assert_array_equal(model.predict(found.X), target)
        assert (found.sparsity >= 1).all()


def test_without_refinement_each_value_is_one_of_the_row_or_of_one_anchor():
    model = forest()
    queries = X[100:]
    found = search(model, refine=False).generate(queries, 0)
    anchors = X[(y == 0) & (model.predict(X) == 0)]
    for row, result in zip(queries, found.X, strict=True):
        assert ((result == row) | (result == anchors)).all(axis=1).any()


def test_copy_limit_bounds_what_comes_from_one_row(rng):
    # Noise makes all values different, so that an equal one was copied.
    rows = TUMOURS + rng.normal(scale=1e-6, size=TUMOURS.shape)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, BENIGN)
    queries, limit = rows[:40], 2
    target = 1 - model.predict(queries)
    free = search(model, rows, BENIGN, refine=False).generate(queries, target)
    bound = quietly(search(model, rows, BENIGN, refine=False, copy_limit=limit), queries, target)
    assert free.sparsity.max() > limit
    assert bound.valid.mean() > 0.9
    most = []
    for row, result in zip(queries, bound.X, strict=True):
        changed = row != result
        most.append((result[changed] == rows[:, changed]).sum(axis=1).max())
    assert max(most) == limit


def test_the_nearest_single_change_wins():
    # Either number alone is enough; the second is nearer in shares of its range.
    model = fixed(lambda z: 0.2 + 0.4 * (z[:, 0] >= 4) + 0.4 * (z[:, 1] >= 1))
    rows = np.array([[0.0, 0], [8, 0], [0, 9], [4, 1]])
    found = search(model, rows, [0, 1, 1, 1], refine=False).generate(rows[:1], 1)
    assert found.X.tolist() == [[0, 1]]
    assert found.sparsity.tolist() == [1]
    assert found.proximity[0] == pytest.approx(1 / 18)


def test_changes_that_turn_out_needless_are_undone():
    # The greedy first step is a short cut that the two others do not need.
    def function(z):
        both = (z[:, 1] == 1) & (z[:, 2] == 1)
        return np.where(both, 0.9, 0.1 + 0.3 * z[:, 0] + 0.02 * z[:, 1] + 0.02 * z[:, 2])

    rows = np.array([[0.0, 0, 0], [1, 1, 1]])
    found = search(fixed(function), rows, [0, 1]).generate(rows[:1], 1)
    assert found.X.tolist() == [[0, 1, 1]]
    assert found.probability.tolist() == [0.9]


def test_numbers_are_brought_back_to_the_limit():
    model = fixed(lambda z: 0.1 + 0.8 * (z[:, 0] > 3.3))
    rows = np.array([[0.0, 0], [10.5, 0], [1, 1]])
    found = search(model, rows, [0, 1, 0]).generate(rows[:1], 1)
    # To within a thirty-second part of the way from 0 to 10.5.
    assert 3.3 < found.X[0, 0] <= 3.3 + 10.5 / 32
    whole = search(model, np.round(rows), [0, 1, 0]).generate(np.round(rows[:1]), 1)
    assert whole.X[0, 0] == 4


def test_a_one_hot_group_changes_as_one():
    rng = np.random.default_rng(0)
    groups = np.eye(3)[rng.integers(0, 3, 200)]
    rows = np.column_stack([rng.normal(size=200), groups, rng.normal(size=200)])
    labels = (rows[:, 0] + 9 * rows[:, 2] > 4).astype(int)
    model = LogisticRegression(C=100).fit(rows, labels)
    queries = rows[model.predict(rows) == 0][:50]
    found = search(model, rows, labels, one_hot_groups=[[1, 2, 3]]).generate(queries, 1)
    assert found.valid.all()
    assert (found.X[:, 1:4].sum(axis=1) == 1).all()
    assert set(np.unique(found.X[:, 1:4])) == {0.0, 1.0}
    changed = (found.X[:, 1:4] != queries[:, 1:4]).any(axis=1)
    assert changed.any()
    np.testing.assert_array_equal(found.sparsity, changed + (queries != found.X)[:, [0, 4]].sum(axis=1))
    assert found.groups == ((1, 2, 3),)


def test_sparse_tables_are_answered_in_their_format():
    table = sparse.csr_matrix(np.rint(X))
    model = LogisticRegression(max_iter=500).fit(table, y)
    found = search(model, table).generate(table[:20], 1)
    assert isinstance(found.X, sparse.csr_matrix)
    np.testing.assert_array_equal(model.predict(found.X), 1)


def test_a_target_and_a_threshold_for_each_row():
    model = LogisticRegression(max_iter=500).fit(X, y)
    target, threshold = np.arange(150) % 3, np.linspace(0.3, 0.9, 150)
    found = search(model).generate(X, target, threshold)
    assert found.valid.all()
    assert (model.predict_proba(found.X)[np.arange(150), target] >= threshold).all()
    other = model.predict(X) != target
    np.testing.assert_array_equal(model.predict(found.X)[other], target[other])


def test_no_anchor_of_a_class_says_so_and_drops_nothing():
    model = forest()
    rows, labels = X[y < 2], y[y < 2]
    with pytest.warns(
        UserWarning, match="No counterfactual of class 2 was found for 10 of 10 rows.*takes no reference"
    ):
        found = search(model, rows, labels).generate(X[:20], np.repeat([1, 2], 10))
    assert found.valid.tolist() == [True] * 10 + [False] * 10
    np.testing.assert_array_equal(found.X[10:], X[10:20])
    assert np.isnan(found.plausibility[10:]).all()


def test_where_no_row_is_sure_enough_the_most_typical_one_is_aimed_at():
    model = LogisticRegression(max_iter=500).fit(X, y)
    with pytest.warns(UserWarning, match="class 1 was found for 5 of 5 rows"):
        found = search(model).generate(X[:5], 1, threshold=1.0)
    assert not found.valid.any()
    assert (found.probability > found.probability_before).all()


def test_restricted_rows_use_anchors_that_remain_valid():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    free = [2, 3]
    found = search(model, features_to_vary=free).generate(X[50:100], 2)
    assert found.valid.all()
    np.testing.assert_array_equal(found.X[:, :2], X[50:100, :2])
    bounded = search(model, permitted_range={2: (None, 6.0), 3: (None, 2.0)}, features_to_vary=free).generate(
        X[50:60], 2
    )
    assert (bounded.X[:, 2] <= 6.0).all()
    assert (bounded.X[:, 3] <= 2.0).all()
    assert bounded.valid.any()
    with pytest.warns(UserWarning, match="class 2 was found for 10 of 10 rows"):
        stuck = search(model, features_to_vary=[0]).generate(X[:10], 2)
    assert not stuck.valid.any()
    np.testing.assert_array_equal(stuck.X[:, 1:], X[:10, 1:])


def test_each_distinct_row_of_a_round_is_asked_about_once():
    seen = []

    def function(z):
        seen.extend(map(tuple, z))
        return 0.15 + 0.2 * (z == 1).sum(axis=1)

    rows = np.vstack([np.zeros((1, 4)), np.ones((3, 4)), np.eye(4) * 0.5])
    generator = search(fixed(function), rows, [0, 1, 1, 1, 0, 0, 0, 0], refine=False)
    seen.clear()
    found = generator.generate(rows[:1], 1)
    assert found.sparsity.tolist() == [2]
    # The row, four single changes, three double ones, and the result once more.
    assert len(seen) == 1 + 4 + 3 + 1
    assert len(set(seen)) == len(seen) - 1


def test_rows_that_differ_only_by_place_are_told_apart():
    # Row 1 at place 0 and row 0 at place 1 have the same numbers in another order.
    rows = np.array([[float(i)] for i in range(40)])
    model = fixed(lambda z: 0.1 + 0.02 * z[:, 0])
    labels = (0.1 + 0.02 * rows[:, 0] > 0.5).astype(int)
    one = [search(model, rows, labels).generate(rows[i : i + 1], 1).X[0, 0] for i in range(20)]
    assert search(model, rows, labels).generate(rows[:20], 1).X[:, 0].tolist() == one


def test_nothing_is_sent_in_larger_parts_than_allowed():
    model = AnyTable().fit(X, y)
    generator = search(model, chunk_rows=7)
    model.calls.clear()
    found = generator.generate(X[:30], 2)
    assert max(model.calls) <= 7
    assert found.n_model_rows == sum(model.calls)
    assert found.n_model_calls == len(model.calls)


def test_more_anchors_need_no_more_changes():
    model = RandomForestClassifier(20, random_state=0).fit(TUMOURS, BENIGN)
    queries = TUMOURS[::3]
    target = 1 - model.predict(queries)
    mean = [
        search(model, TUMOURS, BENIGN, n_anchors=k).generate(queries, target).sparsity.mean() for k in (1, 2, 4, 16)
    ]
    assert mean == sorted(mean, reverse=True)


def test_frozen_models_are_used_as_they_are():
    model = forest()
    plain = search(model).generate(X[:10], 1)
    frozen = search(FrozenEstimator(model)).generate(X[:10], 1)
    np.testing.assert_array_equal(plain.X, frozen.X)


def test_labels_may_be_strings_or_booleans():
    for labels in (np.array(["s", "ve", "vi"])[y], np.array(["s", "ve", "vi"], dtype=object)[y], y > 0):
        target = np.unique(labels)[-1]
        found = search(DecisionTreeClassifier(random_state=0).fit(X, labels), X, labels)
        assert found.generate(X[:3], target).target.tolist() == [target] * 3


def test_reward_is_between_gain_and_gain_per_distance():
    gain, steps = np.array([[0.4, 0.2, -0.1, -np.inf]]), np.array([[1.0, 0.25, 0.5, 0.5]])
    expected = [0.4 / np.sqrt(1.001), 0.2 / np.sqrt(0.251), -0.1, -np.inf]
    np.testing.assert_allclose(reward(gain, steps)[0], expected)


def test_keys_decide_one_after_the_other():
    keys = [np.array([[1.0, 1, 0], [-np.inf, 0, 0]]), np.array([[0.0, 2, 5], [9, 1, 1]]), np.zeros((2, 3))]
    assert first_best(*keys).tolist() == [1, 1]
    assert ranks(np.array([2, 2, 5, 7, 7, 7])).tolist() == [0, 1, 0, 0, 1, 2]


def test_queries_know_what_is_valid():
    queries = Queries(
        np.zeros((2, 1)),
        np.array([1, 1]),
        np.array([0.4, 0.4]),
        np.array([[0.9, 0.1], [0.3, 0.7]]),
        np.array([True, False]),
    )
    answer = np.array([[0.55, 0.45]] * 2)
    assert queries.meets(answer).tolist() == [False, True]
    assert queries.meets(answer, np.array([1, 1])).tolist() == [True, True]
    assert len(queries.take(slice(0, 1))) == 1


@pytest.mark.parametrize(
    ("model", "rows", "labels", "error", "message"),
    [
        (LogisticRegression(), X, y, NotFittedError, "estimator should be fitted, got an unfitted LogisticRegression"),
        (FrozenEstimator(LogisticRegression()), X, y, NotFittedError, "estimator should be fitted"),
        (LogisticRegression, X, y, TeacherError, "got the class LogisticRegression itself"),
        (LinearRegression().fit(X, y), X, y, TeacherError, "predict_proba or decision_function, got LinearRegression"),
        (forest(X, np.column_stack([y, y])), X, y, TeacherError, "flat list classes_"),
        (forest(), X[:, :3], y, ValueError, "should have the 4 columns that the model was fitted on, got 3"),
        (forest(), X[:0], y[:0], ValueError, "minimum of 1 is required"),
        (forest(), X, y[:9], ValueError, "y should have one label for each of the 150 rows of X, got 9"),
        (forest(), X, y + 1, ValueError, r"y should hold classes of the model, \[0, 1, 2\], got 3"),
        (
            forest(),
            X,
            np.where(y > 1, np.nan, y),
            ValueError,
            "y should hold a class for every row, got a missing label",
        ),
        (forest(), X, np.column_stack([y, y]), ValueError, "y should hold one label per row"),
        (forest(), np.where(X > 7, np.inf, X), y, ValueError, "infinity in column 0"),
        (forest(), {"a": 1}, y, TypeError, "X should be"),
    ],
)
def test_what_cannot_be_fitted_on_is_refused(model, rows, labels, error, message):
    with pytest.raises(error, match=message):
        NearestInstanceCounterfactual().fit(model, rows, labels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_anchors": 0}, "n_anchors"),
        ({"refine": "yes"}, "refine"),
        ({"copy_limit": 0}, "copy_limit"),
        ({"chunk_rows": 0}, "chunk_rows"),
        ({"permitted_range": [1]}, "permitted_range"),
        ({"features_to_vary": [9]}, "features_to_vary"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        search(forest(), **params)


@pytest.mark.parametrize(
    ("rows", "target", "threshold", "message"),
    [
        (X[:2], 7, 0.5, r"target should hold classes of the model, \[0, 1, 2\], got 7"),
        (X[:2], "a", 0.5, "target should hold classes"),
        (X[:2], [0, 1, 2], 0.5, "one class or one for each of the 2 rows of X, got 3"),
        (X[:2], [0, np.nan], 0.5, "target should hold a class for every row, got a missing label"),
        (X[:2], None, 0.5, "target should hold a class for every row"),
        (X[:2], 1, 0.0, r"threshold should lie in \(0, 1\], got 0.0"),
        (X[:2], 1, [0.5, 1.5], "got 1.5 in 1 rows"),
        (X[:2], 1, np.nan, "threshold should lie"),
        (X[:2], 1, [0.5] * 3, "one number or one for each of the 2 rows"),
        (X[:2, :3], 1, 0.5, "should have the 4 columns of the reference rows, got 3"),
        (X[:0], 1, 0.5, "minimum of 1 is required"),
        (X[0], 1, 0.5, "2D array"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_before_the_model_is_asked(rows, target, threshold, message):
    model = AnyTable().fit(X, y)
    generator = search(model)
    model.calls.clear()
    with pytest.raises(ValueError, match=message):
        generator.generate(rows, target, threshold)
    assert model.calls == []


def test_an_unfitted_generator_says_so():
    with pytest.raises(NotFittedError):
        NearestInstanceCounterfactual().generate(X, 1)


@pytest.mark.needs("pandas")
def test_columns_must_be_those_of_the_model():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LogisticRegression(max_iter=500).fit(frame, y)
    with pytest.raises(ValueError, match="columns that the model was fitted on"):
        search(model, frame[list("bacd")])
    found = search(model, frame).generate(frame[:3], 1)
    assert found.feature_names == ("a", "b", "c", "d")
    assert found.frame(changes=True)["feature"].isin(list("abcd")).all()


@pytest.mark.needs("pandas")
def test_categories_of_a_pipeline_with_a_level_it_never_saw():
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(rng.choice(["a", "b", "c"], 300)),
            "size": rng.integers(0, 50, 300),
            "open": rng.random(300) < 0.5,
            "gap": np.where(rng.random(300) < 0.3, np.nan, rng.normal(size=300)),
        }
    )
    labels = np.where((frame["kind"] == "b") + frame["size"] / 40 + frame["open"] > 1.4, "good", "bad")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind", "open"]), remainder="passthrough"
    )
    model = make_pipeline(encode, DecisionTreeClassifier(max_depth=6, random_state=0)).fit(frame, labels)
    queries = frame[model.predict(frame) == "bad"][:40].reset_index(drop=True)
    queries["kind"] = queries["kind"].cat.add_categories(["new"])
    queries.loc[:9, "kind"] = "new"
    found = search(model, frame, labels).generate(queries, "good")
    assert found.valid.all()
    assert (model.predict(found.X) == "good").all()
    assert found.X["size"].dtype == frame["size"].dtype
    assert found.X["open"].dtype == bool
    assert found.X["kind"].isin(["a", "b", "c", "new"]).all()


@pytest.mark.needs("torch", "skorch")
def test_a_net_is_asked_as_it_is():
    import torch
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        torch.nn.Linear(4, 3), criterion=torch.nn.CrossEntropyLoss, max_epochs=30, lr=0.1, verbose=0, train_split=None
    )
    torch.manual_seed(0)
    net.fit(X.astype(np.float32), y)
    found = quietly(search(net), X[:10].astype(np.float32), 2)
    proba = torch.softmax(torch.as_tensor(net.predict_proba(found.X)), dim=1).numpy()
    assert found.X.dtype == np.float32
    assert found.valid.any()
    assert (proba.argmax(axis=1)[found.valid] == 2).all()


@pytest.mark.needs("lightgbm", "pandas")
def test_boosted_trees_with_their_own_categories():
    import lightgbm
    import pandas as pd

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"c": pd.Categorical(rng.choice(list("abcd"), 400)), "x": rng.normal(size=400)})
    labels = (frame["c"].isin(["a", "b"]) + frame["x"] > 0.7).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(frame, labels)
    queries = frame[model.predict(frame) == 0][:30]
    found = search(model, frame, labels).generate(queries, 1)
    assert found.valid.all()
    assert isinstance(found, CounterfactualSet)
    assert distance(
        *(search(model, frame, labels)._space.encode(t)[0] for t in (queries, found.X)),
        search(model, frame, labels)._space,
    ) == pytest.approx(found.proximity)


def test_names_and_objects_are_resolved():
    own = NearestInstanceCounterfactual(n_anchors=2)
    copied = resolve_generator(own)
    assert copied is not own
    assert copied.n_anchors == 2
    assert type(resolve_generator("nearest_instance")) is NearestInstanceCounterfactual
    assert resolve_generator("growing_spheres", random_state=5).random_state == 5
    for wrong, error in (("nearest", ValueError), (NearestInstanceCounterfactual, TypeError), (object(), TypeError)):
        with pytest.raises(error, match="generator should be one of 'nearest_instance'"):
            resolve_generator(wrong)


def test_no_warning_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert search(forest()).generate(X[:5], 1).valid.all()


@pytest.mark.parametrize("kind", [sparse.coo_matrix, sparse.dia_matrix, sparse.bsr_matrix, sparse.coo_array])
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix:scipy.sparse.SparseEfficiencyWarning")
def test_sparse_tables_without_slices_are_welcome(kind):
    model = DecisionTreeClassifier(max_depth=3).fit(sparse.csr_matrix(X), y)
    found = search(model, kind(X)).generate(kind(X[:5]), 1)
    assert found.valid.all()
    assert type(found.X) is kind


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 2), (0, 2, 1), (2, 1, 0), (2, 0)])
def test_arguments_in_another_order_are_told_the_right_one(order):
    given = (X, y, forest())
    with pytest.raises((TeacherError, ValueError), match=r"Call fit\(estimator, X, y\)"):
        NearestInstanceCounterfactual().fit(*(given[place] for place in order))


@pytest.mark.parametrize("threshold", ["high", [0.5, "x"], {"a": 1}])
def test_a_threshold_that_is_no_number_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold should be a number in \(0, 1\]"):
        search(forest()).generate(X[:2], 1, threshold)


def test_labels_are_not_turned_into_strings():
    names = np.array(["0", "1", "2"])[y]
    with pytest.raises(ValueError, match=r"got 1\. Use the labels"):
        search(forest(X, names), X, names).generate(X[:2], ["0", 1])


@pytest.mark.needs("pandas")
def test_columns_of_one_name_are_refused():
    import pandas as pd

    with pytest.raises(ValueError, match="columns of different names, got 'a' more than once"):
        search(forest(), pd.DataFrame(X, columns=["a", "b", "a", "c"]))


def test_a_model_that_writes_into_its_rows_changes_nothing_of_the_caller():
    class Writing(Fixed):
        def predict_proba(self, X):
            answer = super().predict_proba(np.array(X))
            X[:] = 0
            return answer

    model = Writing(lambda z: 0.1 + 0.8 * (z[:, 0] > 5.5)).fit(None, None)
    rows, queries = X.copy(), X[:3].copy()
    found = search(model, rows, (X[:, 0] > 5.5).astype(int)).generate(queries, 1)
    assert found.valid.all()
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(queries, X[:3])
