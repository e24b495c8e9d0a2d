"""XGBoost students: the exact loss through XGBoost's own classifier, the laws and the traps."""

import pickle

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils.fixes import parse_version
from xgboost import XGBClassifier

from skdistill.exceptions import StudentRouteError
from skdistill.students import RelabelledClassifier, XGBoostStrategy
from tests.students.soft_data import NAMES, cross_entropy, make_data, make_targets


def student(**params):
    return XGBClassifier(**{"n_estimators": 20, "max_depth": 3, "n_jobs": 1, **params})


def distil(X, targets, **params):
    return XGBoostStrategy().fit(student(**params), X, targets)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_hard_targets_are_the_plain_fit(rng, n_classes, weighted):
    X, proba, codes = make_data(rng, n_classes)
    weight = rng.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    plain = student().fit(X, codes, sample_weight=weight if weighted else None)
    fitted = distil(X, make_targets(proba, codes, alpha=0.0, weight=weight))
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(fitted.predict(X), NAMES[plain.predict(X)])
    assert type(fitted) is RelabelledClassifier


def test_hard_targets_of_some_classes(rng):
    X, proba, codes = make_data(rng, 4)
    codes[codes == 1] = 3
    fitted = distil(X, make_targets(proba, codes, alpha=0.0))
    np.testing.assert_array_equal(fitted.classes_, NAMES[[0, 2, 3]])
    assert set(fitted.predict(X)) <= set(fitted.classes_)


OPTIONS = {
    "plain": {},
    "dart": {"booster": "dart", "rate_drop": 0.2},
    "sampling": {"subsample": 0.6, "colsample_bytree": 0.5, "random_state": 3},
    "base_score": {"base_score": 0.3},
    "exact": {"tree_method": "exact"},
    "lossguide": {"grow_policy": "lossguide", "max_leaves": 7, "max_depth": 0},
    "weighted_class": {"scale_pos_weight": 3.0, "base_score": 0.5},
    "one_tree": {"multi_strategy": "multi_output_tree"},
}
# A setting that XGBoost itself warns of or has no use for with that many classes.
LEFT_OUT = {("weighted_class", 3), ("one_tree", 2)}
CASES = [(option, k, False) for option in OPTIONS for k in (2, 3) if (option, k) not in LEFT_OUT]
CASES += [("plain", k, True) for k in (2, 3)]


@pytest.mark.parametrize(("option", "n_classes", "weighted"), CASES)
def test_one_hot_targets_give_the_plain_model(rng, option, n_classes, weighted):
    X, _, codes = make_data(rng, n_classes)
    codes[rng.random(len(X)) < 0.3] = 0
    params = OPTIONS[option]
    weight = rng.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    plain = student(**params).fit(X, codes, sample_weight=weight if weighted else None)
    fitted = distil(X, make_targets(np.eye(n_classes)[codes], codes, 0.6, weight=weight), **params)
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=1e-5)
    assert {k: v for k, v in fitted.model_.get_params().items() if v == v} == {
        k: v for k, v in plain.get_params().items() if v == v
    }


@pytest.mark.parametrize("n_classes", [2, 4])
def test_soft_optimum(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    params = {"n_estimators": 150, "min_child_weight": 0.0}
    plain = student(**params).fit(X, codes)
    answer = distil(X, make_targets(proba, codes), **params).predict_proba(X)
    np.testing.assert_allclose(answer.mean(axis=0), proba.mean(axis=0), atol=2e-3)
    assert cross_entropy(proba, answer) < cross_entropy(proba, plain.predict_proba(X))
    assert cross_entropy(proba, answer) - cross_entropy(proba, proba) < 0.01


def test_boosting_starts_from_the_average_target(rng):
    X, proba, codes = make_data(rng, 3)
    proba = proba**2 / (proba**2).sum(axis=1, keepdims=True)
    proba[:, 0] *= 0.2
    proba /= proba.sum(axis=1, keepdims=True)
    slow = {"n_estimators": 1, "learning_rate": 1e-6}
    answer = distil(X, make_targets(proba, codes), **slow).predict_proba(X[:1])
    start = proba.mean(axis=0) if parse_version(xgboost.__version__) >= parse_version("3.1") else np.full(3, 1 / 3)
    np.testing.assert_allclose(answer[0], start, atol=1e-5)
    two = np.column_stack([proba[:, 0], proba[:, 1:].sum(axis=1)])
    answer = distil(X, make_targets(two, codes.clip(max=1)), **slow).predict_proba(X[:1])
    np.testing.assert_allclose(answer[0], two.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("order", [[1, 0], [2, 0, 1]])
def test_permuted_classes_permute_the_answer(rng, order):
    X, proba, codes = make_data(rng, len(order))
    position = np.argsort(order)
    fitted = distil(X, make_targets(proba, codes, 0.5, temperature=2.0))
    permuted = distil(X, make_targets(proba[:, order], position[codes], 0.5, temperature=2.0))
    np.testing.assert_allclose(permuted.predict_proba(X), fitted.predict_proba(X)[:, order], atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weight_two_is_the_row_twice(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes, n_rows=300)
    X = X.round()
    twice = np.repeat(np.arange(300), 1 + np.arange(300) % 2)
    targets = make_targets(proba, codes, 0.5, temperature=2.0)
    weighted = make_targets(proba, codes, 0.5, weight=1.0 + np.arange(300) % 2, temperature=2.0)
    repeated = distil(X[twice], targets.take(twice))
    np.testing.assert_allclose(distil(X, weighted).predict_proba(X), repeated.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_law(rng, n_classes):
    X, truth, codes = make_data(rng, n_classes, n_rows=1500)
    softened = softmax(np.log(truth) / 3.0, axis=1)
    answer = distil(X, make_targets(softened, codes, temperature=3.0), n_estimators=150).predict_proba(X)
    assert np.abs(answer - truth).mean() < 0.03
    flat = distil(X, make_targets(softened, codes), n_estimators=150).predict_proba(X)
    assert np.abs(flat - softened).mean() < 0.03
    assert np.abs(flat - truth).mean() > 0.1


@pytest.mark.parametrize("classes", [NAMES, np.array([3, 7, 11, 12]), np.array([False, True])])
def test_classes_are_the_users(rng, classes):
    X, proba, codes = make_data(rng, len(classes))
    fitted = distil(X, make_targets(proba, codes, classes=classes))
    np.testing.assert_array_equal(fitted.classes_, classes)
    np.testing.assert_array_equal(fitted.predict(X), classes[fitted.predict_proba(X).argmax(axis=1)])
    assert fitted.predict(X).shape == (len(X),)
    assert (fitted.predict(X) == classes[proba.argmax(axis=1)]).mean() > 0.8
    assert type(fitted.model_) is XGBClassifier
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(TypeError, match="outcome of a distillation"):
        fitted.fit(X, codes)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_model_inside_answers_in_probabilities(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    model = distil(X, make_targets(proba, codes)).model_
    booster = model.get_booster().predict(xgboost.DMatrix(X))
    np.testing.assert_allclose(
        booster, model.predict_proba(X)[:, 1] if n_classes == 2 else model.predict_proba(X), atol=1e-6
    )
    assert model.objective == ("binary:logistic" if n_classes == 2 else "multi:softprob")
    labels = distil(X, make_targets(proba, codes), objective="multi:softmax")
    np.testing.assert_allclose(labels.predict_proba(X), model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_categories_and_missing_values(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    frame = pd.DataFrame({"kind": pd.Categorical(NAMES[X.argmax(axis=1)]), "x": X[:, 0]})
    frame.loc[::7, "x"] = np.nan
    frame.loc[::5, "kind"] = np.nan
    params = {"enable_categorical": True, "n_estimators": 60}
    plain = student(**params).fit(frame, codes)
    one_hot = distil(frame, make_targets(np.eye(n_classes)[codes], codes), **params)
    np.testing.assert_allclose(one_hot.predict_proba(frame), plain.predict_proba(frame), atol=1e-5)
    answer = distil(frame, make_targets(proba, codes), **params).predict_proba(frame)
    assert cross_entropy(proba, answer) < cross_entropy(proba, plain.predict_proba(frame))


def test_rows_without_label_and_a_class_without_rows(rng):
    X, proba, _ = make_data(rng, 4)
    proba[:, 3] *= 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    fitted = distil(X, make_targets(proba, np.full(len(X), -1)), n_estimators=60)
    np.testing.assert_array_equal(fitted.classes_, NAMES)
    np.testing.assert_allclose(fitted.predict_proba(X).mean(axis=0), proba.mean(axis=0), atol=5e-3)


@pytest.mark.parametrize("objective", ["binary:hinge", lambda labels, scores: (scores, scores)])
def test_other_objectives_are_refused(rng, objective):
    X, proba, codes = make_data(rng, 2)
    with pytest.raises(StudentRouteError, match=r"objective must be .*soft_targets='expansion'"):
        distil(X, make_targets(proba, codes), objective=objective)


def test_accepts_by_class():
    strategy = XGBoostStrategy()
    assert strategy.accepts(student())
    assert not strategy.accepts(xgboost.XGBRegressor())
    assert not strategy.accepts(LogisticRegression())


def test_trap_matrix_label_with_custom_objective(rng):
    X, proba, _ = make_data(rng, 3)

    def closure(scores, data):
        return softmax(scores, axis=1) - proba, np.ones_like(scores)

    params = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    with pytest.raises((xgboost.core.XGBoostError, ValueError)):
        xgboost.train(params, xgboost.DMatrix(X, label=proba), 2, obj=closure)
