"""Descent on gradients: the pieces against closed forms, and what a search returns."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from skdistill.counterfactual import GradientCounterfactual
from skdistill.counterfactual._descent import Descent, largest_penalty, nearest_in_simplex, shortfall
from skdistill.counterfactual._slopes import find_slopes, innermost, log_odds
from skdistill.exceptions import TeacherError

X, y = load_iris(return_X_y=True)
TUMOURS, BENIGN = load_breast_cancer(return_X_y=True)


def network(activation="tanh", hidden=(8, 5), labels=y):
    net = MLPClassifier(hidden, activation=activation, solver="lbfgs", alpha=0.01, max_iter=3000, random_state=0)
    return net.fit((X - X.mean(axis=0)) / X.std(axis=0), labels)


def search(model, rows=X, labels=y, **params):
    return GradientCounterfactual(**params).fit(model, rows, labels)


def differences(function, rows, step=1e-5):
    return np.column_stack(
        [(function(rows + step * unit) - function(rows - step * unit)) / (2 * step) for unit in np.eye(rows.shape[1])]
    )


def test_log_odds_are_those_of_the_softmax(rng):
    logits, codes = rng.normal(scale=5, size=(50, 4)), np.arange(50) % 4
    odds, by_logits = log_odds(logits, codes)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(odds, logit(proba[np.arange(50), codes]), rtol=1e-6)
    expected = differences(lambda z: log_odds(z, codes)[0], logits)
    np.testing.assert_allclose(by_logits, expected, rtol=1e-5, atol=1e-7)
    far, _ = log_odds(np.array([[0.0, 2000.0]]), np.array([0]))
    assert far[0] == -2000.0


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=500).fit(X, y),
        LogisticRegression(max_iter=500).fit(X, y > 0),
        LinearDiscriminantAnalysis().fit(X, y),
        network("identity"),
        network("logistic"),
        network("tanh"),
        network("tanh", hidden=()),
        network("relu", labels=y > 0),
    ],
    ids=["logistic", "binary", "lda", "identity", "sigmoid", "tanh", "no hidden layer", "relu, binary"],
)
def test_gradients_are_finite_differences(model, rng):
    rows = X + 0.01 * rng.normal(size=X.shape)
    codes = np.arange(150) % len(model.classes_)
    slopes = find_slopes(model)
    odds, gradients = slopes(rows, codes)
    np.testing.assert_allclose(expit(odds), model.predict_proba(rows)[np.arange(150), codes], rtol=1e-6, atol=1e-300)
    expected = differences(lambda z: slopes(z, codes)[0], rows)
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", ["log_odds", "probability"])
def test_the_loss_counts_only_what_lacks(scale, rng):
    weight, aim = rng.normal(size=3), np.array([0.4, 0.4, 0.4])
    rows = rng.normal(size=(3, 3))
    rows -= ((rows @ weight - [-2.0, 0.3, 1.0]) / (weight @ weight))[:, None] * weight

    def loss(z):
        return shortfall(z @ weight, np.tile(weight, (3, 1)), aim, scale)

    link = expit if scale == "probability" else (lambda z: z)
    gap = link(0.4) - link(np.array([-2.0, 0.3]))
    np.testing.assert_allclose(loss(rows)[0], [*gap**2, 0.0])
    np.testing.assert_allclose(loss(rows)[1], differences(lambda z: loss(z)[0], rows), rtol=1e-5, atol=1e-8)


def test_shares_are_the_nearest_ones(rng):
    values = rng.normal(scale=2, size=(20, 4))
    shares = nearest_in_simplex(values)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all()
    for value, share in zip(values, shares, strict=True):
        best = minimize(
            lambda s, v=value: ((s - v) ** 2).sum(),
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda s: s.sum() - 1},
            options={"ftol": 1e-14},
        )
        np.testing.assert_allclose(share, best.x, atol=1e-4)
    inside = np.array([[0.2, 0.3, 0.5]])
    np.testing.assert_allclose(nearest_in_simplex(inside), inside)


def lasso(weight, aim, *, norm="l1", max_iter=4000, reach=10.0, groups=()):
    """One problem per aim, whose log-odds are linear."""
    n, m = len(aim), len(weight)

    def ask(moves, rows):
        return moves @ weight, np.tile(weight, (len(rows), 1))

    bounds = np.full((n, m), reach)
    return Descent(ask, aim, -bounds, bounds, np.full(m, 1 / m), groups, norm, "log_odds", max_iter)


def test_nothing_moves_from_the_largest_penalty_on_and_something_below_it(rng):
    weight, aim = rng.normal(size=5), np.array([0.5, 2.0, 8.0])
    problem, still, all_rows = lasso(weight, aim), np.zeros((3, 5)), np.arange(3)
    _, slope, curvature = problem.loss(still, all_rows)
    largest = largest_penalty(slope, curvature, problem.lower, problem.upper, problem.weights, "l1")
    np.testing.assert_array_equal(problem.run(still, all_rows, 1.001 * largest), still)
    moved = problem.run(still, all_rows, 0.98 * largest)
    assert ((moved != 0).sum(axis=1) == 1).all()
    assert (np.abs(moved).argmax(axis=1) == np.abs(weight).argmax()).all()


def test_solutions_of_the_lasso_meet_its_conditions(rng):
    weight, aim = rng.normal(size=5), np.array([0.5, 2.0, 8.0])
    problem, all_rows = lasso(weight, aim, reach=0.4), np.arange(3)
    strength = np.array([0.05, 0.1, 0.3])
    moves = problem.run(np.zeros((3, 5)), all_rows, strength)
    _, slope, _ = problem.loss(moves, all_rows)
    pull = strength[:, None] * problem.weights
    free = np.abs(moves) < 0.4 - 1e-9
    # Zero: the slope is weaker than the penalty. Inside: they balance. At a bound: the slope is stronger.
    assert (np.abs(slope)[moves == 0] <= (pull + 1e-3)[moves == 0]).all()
    inside = free & (moves != 0)
    np.testing.assert_allclose(-slope[inside], (np.sign(moves) * pull)[inside], atol=1e-3)
    assert (np.abs(slope)[~free] >= (pull - 1e-3)[~free]).all()


def test_without_penalty_the_aim_is_reached(rng):
    weight, aim = rng.normal(size=4), np.array([1.0, 5.0])
    for norm in ("l1", "l2"):
        moves = lasso(weight, aim, norm=norm).run(np.zeros((2, 4)), np.arange(2), np.zeros(2))
        assert (moves @ weight >= aim - 1e-3).all()


def test_rows_of_one_descent_do_not_see_each_other(rng):
    weight, aim = rng.normal(size=4), np.array([1.0, 5.0, 0.1, 3.0])
    strength = np.array([0.1, 0.2, 0.01, 0.5])
    together = lasso(weight, aim).run(np.zeros((4, 4)), np.arange(4), strength)
    for row in range(4):
        alone = lasso(weight, aim[[row]]).run(np.zeros((1, 4)), np.zeros(1, dtype=int), strength[[row]])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-12)


def knapsack(model, rows, threshold):
    """The least mean distance with which a linear model is satisfied: the steepest column first, to its end."""
    scaler, last = model[0], model[-1]
    weight = last.coef_[0] / scaler.scale_
    gap = logit(threshold) - model.decision_function(rows)
    low, high = TUMOURS.min(axis=0), TUMOURS.max(axis=0)
    gain = np.abs(weight) * np.where(weight > 0, high - rows, rows - low)
    steepness = np.abs(weight) * (high - low)
    total = np.zeros(len(rows))
    for j in np.argsort(-steepness):
        taken = np.clip(gap, 0, gain[:, j])
        total, gap = total + taken / steepness[j], gap - taken
    assert (gap <= 1e-9).all()
    return total / rows.shape[1]


@pytest.mark.parametrize("threshold", [0.5, 0.95])
def test_distances_of_a_linear_model_are_the_least_ones(threshold):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(TUMOURS, BENIGN)
    rows = TUMOURS[model.predict(TUMOURS) == 0][:80]
    found = search(model, TUMOURS, BENIGN).generate(rows, target=1, threshold=threshold)
    least = knapsack(model, rows, threshold)
    assert found.valid.all()
    ratio = found.proximity / least
    # No one can be nearer than the least distance; the descents stop a little before their ends.
    assert ratio.min() >= 1 - 1e-9
    assert ratio.mean() <= 1.005
    assert ratio.max() <= 1.05


def test_moves_of_a_linear_model_are_along_its_weights_with_squares(rng):
    rows = rng.normal(size=(200, 4)) * [1, 10, 0.1, 3]
    model = LogisticRegression(C=10, max_iter=3000).fit(rows, rows @ [1, 0.2, 5, -0.5] > 0)
    queries = rows[model.predict(rows) == 0][:30]
    wide = dict.fromkeys(range(4), (-1e6, 1e6))
    found = search(model, rows, rows[:, 0] > 9, norm="l2", permitted_range=wide).generate(queries, target=True)
    width = np.ptp(rows, axis=0)
    along = model.coef_[0] * width
    moves = (found.X - queries) / width
    expected = -model.decision_function(queries)[:, None] * along / (along @ along)
    np.testing.assert_allclose(moves, expected, rtol=1e-2, atol=1e-4 * np.abs(expected).max())


MODELS = {
    "logistic": LogisticRegression(max_iter=500),
    "scaled": make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression(max_iter=500)),
    "network": make_pipeline(
        StandardScaler(), MLPClassifier((8,), solver="lbfgs", alpha=0.01, max_iter=3000, random_state=0)
    ),
    "svm": make_pipeline(StandardScaler(), LinearSVC()),
    "search": GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param].fit(X, load_iris().target_names[y])


def test_every_class_is_reached_from_every_other(model):
    names = load_iris().target_names
    for scale in ("log_odds", "probability"):
        generator = search(FrozenEstimator(model), labels=names[y], scale=scale)
        for target in names:
            found = generator.generate(X[::3], target=target)
            assert found.valid.all()
            assert (model.predict(found.X) == target).all()
            np.testing.assert_array_equal(np.clip(found.X, X.min(axis=0), X.max(axis=0)), found.X)


def test_rows_do_not_depend_on_the_others_nor_on_chunks(model):
    labels = load_iris().target_names[y]
    whole = search(model, labels=labels).generate(X[:60], target="virginica")
    small = search(model, labels=labels, chunk_rows=100)
    # A matrix product may differ in its last digits with the number of rows.
    np.testing.assert_allclose(small.generate(X[:60], target="virginica").X, whole.X, atol=1e-6)
    one = small.generate(X[[7]], target="virginica")
    np.testing.assert_allclose(one.X, whole.X[[7]], atol=1e-6)


def test_more_typical_rows_of_their_own_class(model):
    names = load_iris().target_names
    # Some flowers are the most typical ones within the ranges seen already.
    wide = dict.fromkeys(range(4), (-20, 30))
    generator = search(model, labels=names[y], permitted_range=wide)
    own = model.predict(X)
    before = generator.generate(X, target=own, threshold=1e-9).probability
    wanted = before + 0.5 * (1 - before)
    found = generator.generate(X, target=own, threshold=wanted)
    assert found.valid.all()
    assert (found.probability >= wanted).all()
    assert (found.probability - wanted).max() < 0.05


def test_low_thresholds_still_ask_for_the_favourite():
    model = LogisticRegression(max_iter=500).fit(X, y)
    found = search(model).generate(X[:50], target=1, threshold=0.05)
    assert found.valid.all()
    assert (model.predict(found.X) == 1).all()
    high = search(model).generate(X[:50], target=1, threshold=0.6)
    assert found.proximity.mean() < high.proximity.mean()


def test_whole_numbers_ranges_and_columns_that_may_not_change():
    rows = np.round(10 * X)
    rows[:, 3] = X[:, 3]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, y)
    generator = search(model, rows, permitted_range={0: (60, 65), 2: (10, 45)}, features_to_vary=[0, 2, 3])
    found = generator.generate(rows[:50], target=1)
    changed = found.shifts != 0
    assert found.valid.all()
    assert changed[:, 2].any()
    assert not changed[:, 1].any()
    assert (found.X[:, :3] == np.round(found.X[:, :3])).all()
    assert ((found.X[:, 0] >= 60) & (found.X[:, 0] <= 65))[changed[:, 0]].all()
    assert ((found.X[:, 2] >= 10) & (found.X[:, 2] <= 45))[changed[:, 2]].all()


def test_tables_of_whole_numbers_only():
    rows = np.round(10 * X).astype(np.int64)
    model = LogisticRegression(max_iter=3000).fit(rows, y)
    found = search(model, rows).generate(rows[:50], target=2)
    assert found.X.dtype == np.int64
    assert found.valid.all()


def test_one_hot_groups_take_one_level_and_count_once(rng):
    level = rng.integers(3, size=300)
    number = rng.normal(size=300)
    rows = np.column_stack([np.eye(3)[level], number])
    labels = (2.0 * (level == 2) + 0.2 * number + 0.1 * rng.normal(size=300)) > 1
    model = LogisticRegression(C=10).fit(rows, labels)
    found = search(model, rows, labels, one_hot_groups=[[0, 1, 2]]).generate(rows[level != 2], target=True)
    assert found.valid.all()
    assert np.isin(found.X[:, :3], (0.0, 1.0)).all()
    assert (found.X[:, :3].sum(axis=1) == 1).all()
    # The level decides almost alone.
    assert (found.X[:, 2] == 1).mean() > 0.9
    assert found.sparsity.max() <= 2


def test_rows_of_no_level_keep_their_group(rng):
    level = rng.integers(3, size=200)
    rows = np.column_stack([np.eye(3)[level], rng.normal(size=200)])
    model = LogisticRegression().fit(rows, rows[:, 3] > 0.5)
    queries = np.array([[0.0, 0.0, 0.0, -0.5], [1.0, 1.0, 0.0, -0.5]])
    found = search(model, rows, rows[:, 3] > 0.5, one_hot_groups=[[0, 1, 2]]).generate(queries, target=True)
    assert found.valid.all()
    np.testing.assert_array_equal(found.X[:, :3], queries[:, :3])


def test_a_class_out_of_reach_is_told_and_the_best_try_is_kept():
    model = LogisticRegression(max_iter=500).fit(X, y)
    generator = search(model, permitted_range={j: (X[:50, j].min(), X[:50, j].max()) for j in range(4)})
    with pytest.warns(UserWarning, match="No counterfactual of class"):
        found = generator.generate(X[:10], target=2, threshold=0.9)
    assert not found.valid.any()
    assert (found.probability > found.probability_before).all()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (RandomForestClassifier(5, random_state=0), "LinearSVC|linear classifiers? with coef_.*got RandomForest"),
        (make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=5000)), "affine.*PolynomialFeatures"),
        (make_pipeline(StandardScaler(), SGDClassifier(loss="modified_huber", random_state=0)), "softmax.*SGD"),
    ],
    ids=["forest", "bent", "no softmax"],
)
def test_models_without_gradients_are_refused_with_a_way_out(model, words):
    with pytest.raises(TeacherError, match=words) as caught:
        search(model.fit(X, y)).generate(X[:5], target=2)
    assert "NearestInstanceCounterfactual" in str(caught.value)


@pytest.mark.parametrize("params", [{"norm": "l3"}, {"scale": "x"}, {"n_penalties": 0}, {"max_iter": 0}], ids=str)
def test_parameters_are_checked(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        search(LogisticRegression(max_iter=500).fit(X, y), **params)


def test_wrappers_are_taken_off():
    pipeline = make_pipeline(StandardScaler(), "passthrough", LogisticRegression()).fit(X, y)
    steps, inner = innermost(FrozenEstimator(pipeline))
    assert steps == [pipeline[0]]
    assert inner is pipeline[-1]


def test_a_distilled_estimator_is_asked_through_its_student():
    from skdistill.estimators import DistilledClassifier

    model = DistilledClassifier(RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=500), alpha=0.5)
    model.fit(X, y)
    found = search(model).generate(X[:50], target=2)
    assert found.valid.all()
    assert (model.predict(found.X) == 2).all()


def test_reference_rows_that_all_miss_a_number():
    from sklearn.impute import SimpleImputer

    rows = np.array(X)
    rows[np.arange(150), np.arange(150) % 4] = np.nan
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, y)
    found = search(model, rows).generate(rows[:50], target=1)
    assert found.valid.all()
    np.testing.assert_array_equal(np.isnan(found.X), np.isnan(rows[:50]))


def test_few_reference_rows():
    model = LogisticRegression(max_iter=500).fit(X, y)
    assert search(model, X[[0, 120]], y[[0, 120]]).generate(X[:5], target=2).valid.all()
    with pytest.warns(UserWarning, match="No counterfactual"):
        found = search(model, X[:1], y[:1]).generate(X[:5], target=2)
    np.testing.assert_array_equal(found.X, X[:5])


def test_certainty_and_rows_beside_the_ranges():
    model = make_pipeline(StandardScaler(), LogisticRegression(C=100, max_iter=2000)).fit(TUMOURS, BENIGN)
    generator = search(model, TUMOURS, BENIGN)
    rows = TUMOURS[BENIGN == 0][:20]
    assert generator.generate(rows, target=1, threshold=1 - 1e-12).valid.all()
    outside = generator.generate(3 * rows, target=1)
    assert outside.valid.all()
    changed = outside.shifts != 0
    np.testing.assert_array_equal(
        np.clip(outside.X, TUMOURS.min(axis=0), TUMOURS.max(axis=0))[changed], outside.X[changed]
    )


def test_the_model_and_the_rows_stay_as_they_are():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    coef, rows = model[-1].coef_.copy(), X.copy()
    search(model, rows).generate(rows[:50], target=2)
    np.testing.assert_array_equal(model[-1].coef_, coef)
    np.testing.assert_array_equal(rows, X)


@pytest.mark.needs("pandas")
def test_categories_of_a_frame_are_kept_and_numbers_move():
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame(X, columns=list("abcd")).assign(town=["Rome", "Oslo", "Bonn"] * 50)
    frame.loc[::6, "b"] = np.nan
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encoder = make_column_transformer((OneHotEncoder(), ["town"]), (numbers, list("abcd")))
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, y)
    found = search(model, frame).generate(frame[:50], target=1)
    assert found.valid.all()
    assert (found.X["town"] == frame["town"][:50]).all()
    assert found.X["b"].isna().equals(frame["b"][:50].isna())
    assert list(found.X.dtypes) == list(frame.dtypes)


@pytest.fixture(scope="module")
def flowers():
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)


@pytest.fixture(scope="module")
def net(flowers):
    import torch
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    params = {"optimizer": torch.optim.Adam, "lr": 0.05, "max_epochs": 30, "train_split": None, "verbose": 0}
    net = NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, batch_size=50, **params)
    return net.fit(flowers, y)


def check_net(model, rows, labels, target):
    generator = search(model, rows, labels, n_penalties=4)
    found = generator.generate(rows[:100:4], target=target)
    assert found.valid.all()
    assert found.X.dtype == np.float32
    assert found.sparsity.mean() < 3
    # The number of rows changes the last digits of a net in single precision, and with them the step at which a descent
    # rests; it rests where it moves less than 1e-5 of the range, and its way is followed up to 16 times as far.
    alone = generator.generate(rows[[4]], target=target)
    assert (np.abs(alone.X - found.X[1]) <= 5e-4 * np.ptp(rows, axis=0)).all()


@pytest.mark.needs("torch", "skorch")
def test_a_module_of_torch(net, flowers):
    from skdistill.nets import TorchTeacher

    names = load_iris().target_names
    check_net(TorchTeacher(net.module_, classes=names), flowers, names[y], "virginica")


@pytest.mark.needs("torch", "skorch")
def test_a_net_of_skorch(net, flowers):
    check_net(net, flowers, y, 2)


@pytest.mark.needs("torch", "skorch")
def test_a_net_at_the_end_of_a_pipeline(net, flowers):
    rows = 3 * flowers + 1
    check_net(make_pipeline(StandardScaler().fit(rows), net), rows, y, 2)
