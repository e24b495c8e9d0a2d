"""CatBoost students: fractions and copies, what stays as it was on labels, the laws and the traps."""

import pickle

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from skdistill.exceptions import StudentRouteError
from skdistill.students import CatBoostStrategy, RelabelledClassifier
from tests.students.soft_data import NAMES, cross_entropy, make_data, make_targets

# No draws, so that copies and rows can be compared.
STILL = {"random_strength": 0.0, "bootstrap_type": "No"}


def student(**params):
    return CatBoostClassifier(**{"iterations": 20, "depth": 3, "thread_count": 1, **params})


def plain_fit(X, y, weight=None, **params):
    return student(verbose=False, allow_writing_files=False, **params).fit(X, y, sample_weight=weight)


def distil(X, targets, **params):
    return CatBoostStrategy().fit(student(**params), X, targets)


OPTIONS = {
    "plain": {},
    "rate": {"eta": 0.2, "l2_leaf_reg": 7.0},
    "weights": {"class_weights": {"ant": 2.0, "bee": 0.5, "cat": 1.5}},
    "list": {"class_weights": [3.0, 1.0, 2.0]},
    "balanced": {"auto_class_weights": "Balanced"},
    "root": {"auto_class_weights": "SqrtBalanced"},
    "leaves": {"grow_policy": "Depthwise", "min_data_in_leaf": 30},
}


def options_for(option, n_classes):
    params = dict(OPTIONS[option])
    if option == "list":
        params["class_weights"] = params["class_weights"][:n_classes]
    if option == "weights":
        params["class_weights"] = dict(list(params["class_weights"].items())[:n_classes])
    return params


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_hard_targets_are_the_plain_fit(rng, option, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    params = options_for(option, n_classes)
    plain = plain_fit(X, NAMES[codes], **params)
    fitted = distil(X, make_targets(proba, codes, alpha=0.0), **params)
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(fitted.predict(X), plain.predict(X).ravel())
    assert type(fitted) is RelabelledClassifier


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_one_hot_targets_give_the_plain_model(rng, option, n_classes):
    X, _, codes = make_data(rng, n_classes)
    codes[rng.random(len(X)) < 0.3] = 0
    params = options_for(option, n_classes)
    plain = plain_fit(X, NAMES[codes], **params)
    fitted = distil(X, make_targets(np.eye(n_classes)[codes], codes, alpha=0.6), **params)
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_weights_and_scale_pos_weight(rng):
    X, proba, codes = make_data(rng, 2)
    weight = rng.uniform(0.5, 2.0, len(X))
    plain = plain_fit(X, NAMES[codes], weight, scale_pos_weight=3.0)
    hard = distil(X, make_targets(proba, codes, alpha=0.0, weight=weight), scale_pos_weight=3.0)
    np.testing.assert_array_equal(hard.predict_proba(X), plain.predict_proba(X))
    soft = distil(X, make_targets(np.eye(2)[codes], codes, weight=weight), scale_pos_weight=3.0)
    np.testing.assert_allclose(soft.predict_proba(X), plain.predict_proba(X), atol=1e-5)


def test_named_classes_in_another_order(rng):
    X, proba, codes = make_data(rng, 2)
    by_name = {"class_names": ["bee", "ant"], "class_weights": [4.0, 1.0]}
    by_dict = {"class_weights": {"bee": 4.0, "ant": 1.0}}
    for alpha in (0.0, 1.0):
        targets = make_targets(proba, codes, alpha)
        listed, named = distil(X, targets, **by_name), distil(X, targets, **by_dict)
        np.testing.assert_array_equal(listed.classes_, ["ant", "bee"])
        np.testing.assert_allclose(listed.predict_proba(X), named.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_soft_optimum(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    params = {"iterations": 150, "learning_rate": 0.3}
    plain = plain_fit(X, NAMES[codes], **params)
    answer = distil(X, make_targets(proba, codes), **params).predict_proba(X)
    np.testing.assert_allclose(answer.mean(axis=0), proba.mean(axis=0), atol=5e-3)
    assert cross_entropy(proba, answer) < cross_entropy(proba, plain.predict_proba(X))
    assert cross_entropy(proba, answer) - cross_entropy(proba, proba) < 0.02


def test_copies_are_regularised_like_rows(rng):
    X, _, codes = make_data(rng, 3)
    mixed = 0.5 * np.eye(3)[codes] + 0.25 * np.eye(3)[(codes + 1) % 3] + 0.25 * np.eye(3)[(codes + 2) % 3]
    params = {"learning_rate": 0.3, **STILL}
    soft = distil(X, make_targets(mixed, codes), l2_leaf_reg=20.0, **params)
    # Four rows of weight a quarter are the mixed target, and CatBoost scales l2_leaf_reg by the mean weight.
    rows = np.repeat(np.arange(len(X)), 4)
    labels = (codes[:, None] + np.array([0, 0, 1, 2])).ravel() % 3
    quarters = np.full(len(rows), 0.25)
    by_hand = plain_fit(X[rows], labels, quarters, l2_leaf_reg=80.0, **params)
    unscaled = plain_fit(X[rows], labels, quarters, l2_leaf_reg=20.0, **params)
    np.testing.assert_allclose(soft.predict_proba(X), by_hand.predict_proba(X), atol=1e-9)
    assert np.abs(soft.predict_proba(X) - unscaled.predict_proba(X)).max() > 1e-3


@pytest.mark.parametrize("order", [[1, 0], [2, 0, 1]])
def test_permuted_classes_permute_the_answer(rng, order):
    X, proba, codes = make_data(rng, len(order))
    position = np.argsort(order)
    fitted = distil(X, make_targets(proba, codes, 0.5), **STILL)
    permuted = distil(X, make_targets(proba[:, order], position[codes], 0.5), **STILL)
    np.testing.assert_allclose(permuted.predict_proba(X), fitted.predict_proba(X)[:, order], atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weight_two_is_the_row_twice(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes, n_rows=300)
    X = X.round()
    twice = np.repeat(np.arange(300), 1 + np.arange(300) % 2)
    # CatBoost scales l2_leaf_reg by the mean weight, so the law is one of the loss: no regularisation.
    params = {"l2_leaf_reg": 1e-9, "learning_rate": 0.3, "score_function": "L2", **STILL}
    targets = make_targets(proba, codes, 0.5)
    weighted = make_targets(proba, codes, 0.5, weight=1.0 + np.arange(300) % 2)
    repeated = distil(X[twice], targets.take(twice), **params)
    np.testing.assert_allclose(distil(X, weighted, **params).predict_proba(X), repeated.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_learning_rate_is_that_of_the_labels(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    rates = [
        model.get_all_params()["learning_rate"]
        for model in (plain_fit(X, codes), distil(X, make_targets(proba, codes)).model_)
    ]
    assert rates[1] == pytest.approx(rates[0])
    # Left alone, "CrossEntropy" learns at another rate.
    alone = plain_fit(X, proba[:, 1], loss_function="CrossEntropy")
    assert alone.get_all_params()["learning_rate"] < 0.5 * rates[0]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_targets_at_a_temperature_are_brought_back_by_their_exponent(rng, n_classes):
    X, truth, codes = make_data(rng, n_classes, n_rows=1500)
    targets = make_targets(softmax(np.log(truth) / 3.0, axis=1), codes, temperature=3.0)
    fitted = distil(X, targets, iterations=150, learning_rate=0.3)
    assert not CatBoostStrategy.two_terms
    answer = softmax(targets.exponent * np.log(fitted.predict_proba(X)), axis=1)
    assert np.abs(answer - truth).mean() < 0.03


@pytest.mark.parametrize("classes", [NAMES, np.array([3, 7, 11, 12]), np.array([False, True])])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_classes_are_the_users(rng, classes, alpha):
    X, proba, codes = make_data(rng, len(classes))
    fitted = distil(X, make_targets(proba, codes, alpha, classes=classes))
    np.testing.assert_array_equal(fitted.classes_, classes)
    np.testing.assert_array_equal(fitted.predict(X), classes[fitted.predict_proba(X).argmax(axis=1)])
    assert fitted.predict(X).shape == (len(X),)
    assert fitted.predict(X).dtype == classes.dtype
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_categories_and_missing_values(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    frame = pd.DataFrame({"kind": pd.Categorical(NAMES[X.argmax(axis=1)]), "x": X[:, 0]})
    frame.loc[::7, "x"] = np.nan
    params = {"cat_features": ["kind"], "iterations": 60}
    plain = plain_fit(frame, codes, **params)
    answer = distil(frame, make_targets(proba, codes), **params).predict_proba(frame)
    assert cross_entropy(proba, answer) < cross_entropy(proba, plain.predict_proba(frame))


def test_rows_without_label_and_a_class_without_rows(rng):
    X, proba, _ = make_data(rng, 4)
    fitted = distil(X, make_targets(proba, np.full(len(X), -1)), iterations=60)
    np.testing.assert_array_equal(fitted.classes_, NAMES)
    np.testing.assert_allclose(fitted.predict_proba(X).mean(axis=0), proba.mean(axis=0), atol=0.01)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_silent_and_without_files(rng, n_classes, alpha, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    X, proba, codes = make_data(rng, n_classes, n_rows=60)
    given = student(iterations=3)
    params = given.get_params()
    CatBoostStrategy().fit(given, X, make_targets(proba, codes, alpha))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert given.get_params() == params
    distil(X, make_targets(proba, codes, alpha), iterations=3, allow_writing_files=True, verbose=1)
    assert [path.name for path in tmp_path.iterdir()] == ["catboost_info"]
    assert "learn:" in capfd.readouterr().out


@pytest.mark.parametrize("loss", ["MultiClassOneVsAll", "Focal:focal_alpha=0.5;focal_gamma=2", object()])
def test_other_losses_are_refused(rng, loss):
    X, proba, codes = make_data(rng, 2)
    with pytest.raises(StudentRouteError, match=r"loss_function must be .*soft_targets='expansion'"):
        distil(X, make_targets(proba, codes), loss_function=loss)


def test_accepts_by_class():
    strategy = CatBoostStrategy()
    assert strategy.accepts(student())
    assert not strategy.accepts(CatBoostRegressor())
    assert not strategy.accepts(LogisticRegression())


def test_trap_multi_cross_entropy(rng):
    X, proba, codes = make_data(rng, 3)
    trapped = plain_fit(X, proba, loss_function="MultiCrossEntropy", iterations=60)
    sums = trapped.predict_proba(X).sum(axis=1)
    assert np.abs(sums - 1.0).max() > 0.05
    ours = distil(X, make_targets(proba, codes), iterations=60)
    np.testing.assert_allclose(ours.predict_proba(X).sum(axis=1), 1.0)
