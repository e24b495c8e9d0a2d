"""LightGBM students: the user's own classifier, the exact loss, the laws and the traps."""

import pickle

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skdistill.exceptions import StudentRouteError
from skdistill.students import LightGBMStrategy, SoftTargets
from skdistill.students._boosting import is_instance_of, soft_loss, start_scores
from tests.students.soft_data import NAMES, cross_entropy, make_data, make_targets


def student(**params):
    return LGBMClassifier(**{"n_estimators": 20, "num_leaves": 7, "n_jobs": 1, "verbose": -1, **params})


def distil(X, targets, **params):
    return LightGBMStrategy().fit(student(**params), X, targets)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_hard_targets_are_the_plain_fit(rng, n_classes, weighted):
    X, proba, codes = make_data(rng, n_classes)
    weight = rng.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    plain = student().fit(X, NAMES[codes], sample_weight=weight if weighted else None)
    fitted = distil(X, make_targets(proba, codes, alpha=0.0, weight=weight))
    assert fitted.booster_.model_to_string() == plain.booster_.model_to_string()


OPTIONS = {
    "plain": {},
    # Each round drops all trees: LightGBM's own random dropping has another stream under a custom objective.
    "dart": {
        "boosting_type": "dart",
        "drop_rate": 1.0,
        "skip_drop": 0.0,
        "uniform_drop": True,
        "max_drop": -1,
    },
    "goss": {"data_sample_strategy": "goss", "learning_rate": 0.3},
    "balanced": {"class_weight": "balanced"},
    "class_weight": {"class_weight": {"ant": 2.0, "bee": 0.5}},
    "columns": {"colsample_bytree": 0.5, "random_state": 3},
    "bagging": {"subsample": 0.6, "subsample_freq": 1, "random_state": 3},
    "from_zero": {"boost_from_average": False},
    "scale_pos_weight": {"scale_pos_weight": 3.0},
    "is_unbalance": {"is_unbalance": True},
    "stump_only": {"min_child_samples": 10_000},
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_one_hot_targets_give_the_plain_model(rng, option, n_classes):
    X, _, codes = make_data(rng, n_classes)
    codes[rng.random(len(X)) < 0.3] = 0
    params = OPTIONS[option]
    plain = student(**params).fit(X, NAMES[codes])
    fitted = distil(X, make_targets(np.eye(n_classes)[codes], codes, alpha=0.6), **params)
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=1e-6)
    assert fitted.booster_.num_trees() == plain.booster_.num_trees()
    assert fitted.objective_ == plain.objective_
    assert fitted.get_params() == plain.get_params()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_hot_targets_with_weights_give_the_plain_model(rng, n_classes):
    X, _, codes = make_data(rng, n_classes)
    weight = rng.uniform(0.5, 2.0, len(X))
    plain = student(class_weight="balanced").fit(X, NAMES[codes], sample_weight=weight)
    targets = make_targets(np.eye(n_classes)[codes], codes, alpha=0.6, weight=weight)
    fitted = distil(X, targets, class_weight="balanced")
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_dart_is_the_same_every_time(rng):
    X, proba, codes = make_data(rng, 3)
    targets = make_targets(proba, codes)
    answers = [distil(X, targets, boosting_type="dart", random_state=1).predict_proba(X) for _ in range(4)]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])
    other = distil(X, targets, boosting_type="dart", random_state=2).predict_proba(X)
    assert np.abs(other - answers[0]).max() > 1e-3


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_gradient_is_that_of_the_loss(rng, n_classes, temperature):
    _, proba, codes = make_data(rng, n_classes, n_rows=7)
    codes[0] = -1
    soft_weight, hard_weight = rng.uniform(0.5, 2.0, (2, 7))
    hard_weight[0] = 0.0
    class_weight = rng.uniform(0.5, 2.0, n_classes)
    targets = SoftTargets(proba, codes, soft_weight, hard_weight, NAMES[:n_classes], temperature)
    one_hot = targets.one_hot()

    def row_losses(scores):
        logits = np.vstack([np.zeros(7), scores]) if n_classes == 2 else scores
        soft = log_softmax(logits / temperature, axis=0).T * proba * class_weight
        hard = log_softmax(logits, axis=0).T * one_hot * class_weight
        return -(soft_weight * temperature**2 * soft.sum(axis=1) + hard_weight * hard.sum(axis=1))

    scores = rng.normal(size=(1 if n_classes == 2 else n_classes, 7))
    gradient, hessian = np.empty((2, *scores.shape))
    soft_loss(targets, class_weight, factor=1.0).write(scores, gradient, hessian)
    for k in range(len(scores)):
        step = np.zeros_like(scores)
        step[k] = 1e-3
        up, here, down = row_losses(scores + step), row_losses(scores), row_losses(scores - step)
        np.testing.assert_allclose(gradient[k], (up - down) / 2e-3, atol=1e-5)
        np.testing.assert_allclose(hessian[k], (up - 2.0 * here + down) / 1e-6, atol=1e-4)


def test_gradient_does_not_depend_on_blocks(rng):
    X, proba, codes = make_data(rng, 3, n_rows=40_000)
    scores = rng.normal(size=(3, len(X)))
    gradient, hessian = np.empty((2, *scores.shape), dtype=np.float32)
    soft_loss(make_targets(proba, codes, 0.5), np.ones(3), factor=1.5).write(scores, gradient, hessian)
    share = softmax(scores, axis=0)
    wanted = 0.5 * proba.T + 0.5 * np.eye(3)[:, codes]
    np.testing.assert_allclose(gradient, share - wanted, atol=1e-6)
    np.testing.assert_allclose(hessian, 1.5 * share * (1.0 - share), atol=1e-6)


def test_start_is_the_average_target(rng):
    _, proba, codes = make_data(rng, 3)
    average = 0.25 * proba.mean(axis=0) + 0.75 * np.bincount(codes) / len(codes)
    start = start_scores(make_targets(proba, codes, alpha=0.25), np.ones(3))
    np.testing.assert_allclose(softmax(start), average)
    warm = start_scores(make_targets(proba, codes, alpha=1.0, temperature=2.0), np.ones(3))
    np.testing.assert_allclose(softmax(warm / 2.0), proba.mean(axis=0))
    both = start_scores(make_targets(proba, codes, alpha=0.5, temperature=2.0), np.ones(3))
    np.testing.assert_allclose(both, 0.5 * warm + 0.5 * np.log(np.bincount(codes) / len(codes)))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_soft_optimum(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    plain = student(n_estimators=150).fit(X, NAMES[codes])
    fitted = distil(X, make_targets(proba, codes), n_estimators=150)
    answer = fitted.predict_proba(X)
    np.testing.assert_allclose(answer.mean(axis=0), proba.mean(axis=0), atol=2e-3)
    assert cross_entropy(proba, answer) < cross_entropy(proba, plain.predict_proba(X))
    assert cross_entropy(proba, answer) - cross_entropy(proba, proba) < 0.01


@pytest.mark.parametrize("order", [[1, 0], [2, 0, 1]])
def test_permuted_classes_permute_the_answer(rng, order):
    X, proba, codes = make_data(rng, len(order))
    position = np.argsort(order)
    fitted = distil(X, make_targets(proba, codes, 0.5, temperature=2.0))
    permuted = distil(X, make_targets(proba[:, order], position[codes], 0.5, temperature=2.0))
    np.testing.assert_allclose(permuted.predict_proba(X), fitted.predict_proba(X)[:, order], atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weight_two_is_the_row_twice(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes, n_rows=300)
    X = X.round()
    twice = np.repeat(np.arange(300), 1 + np.arange(300) % 2)
    params = {"min_child_samples": 1, "min_data_in_bin": 1}
    targets = make_targets(proba, codes, 0.5, temperature=2.0)
    weighted = make_targets(proba, codes, 0.5, weight=1.0 + np.arange(300) % 2, temperature=2.0)
    repeated = distil(X[twice], targets.take(twice), **params)
    np.testing.assert_allclose(distil(X, weighted, **params).predict_proba(X), repeated.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_law(rng, n_classes):
    X, truth, codes = make_data(rng, n_classes, n_rows=1500)
    softened = softmax(np.log(truth) / 3.0, axis=1)
    targets = make_targets(softened, codes, temperature=3.0)
    answer = distil(X, targets, n_estimators=150).predict_proba(X)
    assert np.abs(answer - truth).mean() < 0.03
    # The same fractions taken for temperature 1 are learnt as they are.
    flat = distil(X, make_targets(softened, codes), n_estimators=150).predict_proba(X)
    assert np.abs(flat - softened).mean() < 0.03
    assert np.abs(flat - truth).mean() > 0.1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_a_lightgbm_classifier_in_every_way(rng, n_classes, tmp_path):
    X, proba, codes = make_data(rng, n_classes)
    frame = pd.DataFrame(X, columns=["p", "q", "r", "s"])
    given = student()
    fitted = LightGBMStrategy().fit(clone(given), frame, make_targets(proba, codes))
    answer = fitted.predict_proba(frame)
    assert type(fitted) is LGBMClassifier
    assert fitted.get_params() == given.get_params() == clone(fitted).get_params()
    np.testing.assert_array_equal(fitted.classes_, NAMES[:n_classes])
    np.testing.assert_array_equal(fitted.predict(frame), NAMES[answer.argmax(axis=1)])
    np.testing.assert_allclose(answer.sum(axis=1), 1.0)
    assert fitted.n_features_in_ == 4
    assert list(fitted.feature_names_in_) == ["p", "q", "r", "s"]
    assert fitted.feature_importances_.sum() > 0
    objective = "binary sigmoid:1" if n_classes == 2 else "multiclass num_class:3"
    assert fitted.booster_.dump_model()["objective"] == objective
    last = answer[:, 1] if n_classes == 2 else answer
    np.testing.assert_array_equal(fitted.booster_.predict(frame), last)
    fitted.booster_.save_model(tmp_path / "model.txt")
    np.testing.assert_allclose(lightgbm.Booster(model_file=tmp_path / "model.txt").predict(frame), last)
    joblib.dump(fitted, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict_proba(frame), answer)
        np.testing.assert_array_equal(copy.predict(frame), fitted.predict(frame))
    raw = fitted.predict_proba(frame, raw_score=True)
    contributions = fitted.predict_proba(frame, pred_contrib=True)
    np.testing.assert_allclose(contributions.reshape(*raw.shape, 5).sum(axis=-1), raw)
    np.testing.assert_array_equal(fitted.fit(frame, codes).classes_, np.arange(n_classes))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_categories_and_missing_values(rng, n_classes):
    X, proba, codes = make_data(rng, n_classes)
    frame = pd.DataFrame({"kind": pd.Categorical(NAMES[X.argmax(axis=1)]), "x": X[:, 0]})
    frame.loc[::7, "x"] = np.nan
    frame.loc[::5, "kind"] = np.nan
    plain = student(n_estimators=60).fit(frame, NAMES[codes])
    fitted = distil(frame, make_targets(proba, codes), n_estimators=60)
    one_hot = distil(frame, make_targets(np.eye(n_classes)[codes], codes), n_estimators=60)
    np.testing.assert_allclose(one_hot.predict_proba(frame), plain.predict_proba(frame), atol=1e-6)
    assert cross_entropy(proba, fitted.predict_proba(frame)) < cross_entropy(proba, plain.predict_proba(frame))
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(frame), fitted.predict_proba(frame))


def test_rows_without_label_and_a_class_without_rows(rng):
    X, proba, _ = make_data(rng, 4)
    proba[:, 3] *= 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    fitted = distil(X, make_targets(proba, np.full(len(X), -1)), n_estimators=60)
    np.testing.assert_array_equal(fitted.classes_, NAMES)
    np.testing.assert_allclose(fitted.predict_proba(X).mean(axis=0), proba.mean(axis=0), atol=5e-3)
    three = np.column_stack([proba[:, :3] / proba[:, :3].sum(axis=1, keepdims=True), np.zeros(len(X))])
    absent = distil(X, make_targets(three, np.full(len(X), -1)))
    assert absent.predict_proba(X)[:, 3].max() < 1e-9


def test_fewer_rows_than_classes():
    targets = make_targets(np.full((3, 4), 0.25), np.full(3, -1))
    with pytest.raises(StudentRouteError, match=r"3 rows and 4 classes.*soft_targets='expansion'"):
        distil(np.zeros((3, 1)), targets)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"objective": lambda labels, scores: (scores, scores)}, "objective must be None or 'binary'"),
        ({"objective": "cross_entropy"}, "got 'cross_entropy'"),
        ({"loss": "l2"}, "got 'l2'"),
        ({"boosting_type": "rf"}, "boosting_type must be 'gbdt' or 'dart'"),
        ({"linear_tree": True}, "linear_tree must be False"),
        ({"sigmoid": 2.0}, "sigmoid must be 1.0"),
        ({"pos_bagging_fraction": 0.5}, "pos_bagging_fraction must be 1.0"),
    ],
)
def test_settings_without_soft_meaning_are_refused(rng, params, named):
    X, proba, codes = make_data(rng, 2)
    with pytest.raises(StudentRouteError, match=f"{named}.*soft_targets='expansion'"):
        distil(X, make_targets(proba, codes), **params)


def test_accepts_by_class():
    strategy = LightGBMStrategy()
    assert strategy.accepts(student())
    assert not strategy.accepts(student(boosting_type="rf"))
    assert not strategy.accepts(lightgbm.LGBMRegressor())
    assert not strategy.accepts(LogisticRegression())
    assert not is_instance_of(student(), "a_package_that_nobody_imported", "LGBMClassifier")


def test_trap_binary_objective_on_fractions(rng):
    X, proba, codes = make_data(rng, 2)
    fraction = proba[:, 1]
    params = {"objective": "binary", "num_threads": 1, "verbose": -1}
    trapped = lightgbm.train(params, lightgbm.Dataset(X, fraction), 20).predict(X)
    ours = distil(X, make_targets(proba, codes)).predict_proba(X)[:, 1]
    # Every positive fraction counts as the positive class there.
    assert trapped.mean() > 0.99
    assert ours.mean() == pytest.approx(fraction.mean(), abs=0.01)


def test_trap_closure_as_objective(rng):
    X, proba, codes = make_data(rng, 3)

    def closure(labels, scores):
        return softmax(scores, axis=1) - proba, np.ones_like(scores)

    trapped = student(objective=closure).fit(X, codes)
    with pytest.warns(UserWarning, match="Cannot compute class probabilities"):
        answer = trapped.predict_proba(X)
    assert np.abs(answer.sum(axis=1) - 1.0).max() > 0.1
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        pickle.dumps(trapped)
    assert len(pickle.dumps(distil(X, make_targets(proba, codes)))) > 0
