import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetBinaryClassifier

from skdistill.exceptions import TeacherError
from skdistill.nets import HeldNetClassifier, HeldNetRegressor, adapt_teacher
from skdistill.response import ask, collect_out_of_fold
from tests.nets.modules import (
    NamedNet,
    NamedRegressor,
    Perceptron,
    SizeByData,
    classifier,
    parameters,
    regressor,
    rows,
    soft_targets,
)

STRINGS = np.array(["blue", "green", "red"])

# In full batches a net has no order of rows, and in double precision its sums agree, so that even weights count as
# repeated rows. In minibatches they cannot: a repeated row moves the others to other batches.
FULL_BATCH = {
    "callbacks": [SizeByData()],
    "optimizer": torch.optim.Adam,
    "batch_size": -1,
    "train_split": None,
    "module__double": True,
    "max_epochs": 15,
    "lr": 0.2,
}
MINIBATCH = {
    "callbacks": [SizeByData()],
    "optimizer": torch.optim.Adam,
    "batch_size": 16,
    "train_split": None,
    "max_epochs": 5,
}


def unequal_in_minibatches(held):
    if held.net.batch_size == -1:
        return {}
    reason = "a repeated row moves the rows after it to other minibatches"
    kinds = ("dense", "sparse")
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in kinds}


@parametrize_with_checks(
    [
        HeldNetClassifier(classifier(kind=NamedNet, **FULL_BATCH), random_state=0),
        HeldNetClassifier(classifier(kind=NamedNet, **MINIBATCH), random_state=1),
        HeldNetRegressor(regressor(kind=NamedRegressor, **FULL_BATCH), random_state=0),
    ],
    expected_failed_checks=unequal_in_minibatches,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", ["array", "frame", "sparse"])
def test_a_held_net_takes_labels_of_any_kind(kind):
    X = rows(90)
    y = STRINGS[soft_targets(X).codes]
    given = {"array": X, "frame": pd.DataFrame(X, columns=list("abcd")), "sparse": sparse.csr_array(X)}[kind]
    held = HeldNetClassifier(classifier(max_epochs=40), random_state=0).fit(given, y)
    assert held.classes_.tolist() == STRINGS.tolist()
    assert held.score(given, y) > 0.6
    assert held.predict_proba(given).shape == (90, 3)
    assert not held.net.initialized_
    back = pickle.loads(pickle.dumps(held))
    np.testing.assert_array_equal(back.predict_proba(given), held.predict_proba(given))


def test_a_held_net_is_the_plain_net():
    X = rows()
    codes = soft_targets(X).codes
    plain = clone(classifier())
    torch.manual_seed(7)
    plain.fit(X.astype(np.float32), codes)
    held = HeldNetClassifier(classifier(), random_state=7).fit(X, codes)
    np.testing.assert_allclose(held.predict_proba(X), plain.predict_proba(X.astype(np.float32)), atol=1e-6)


def test_random_states():
    X = rows()
    codes = soft_targets(X).codes
    held = [
        HeldNetClassifier(classifier(), random_state=state).fit(X, codes)
        for state in (np.random.RandomState(3), np.random.RandomState(3), np.random.RandomState(4))
    ]
    first, second, third = (parameters(one.net_)[0] for one in held)
    assert (first == second).all()
    assert (first != third).any()


def test_rows_of_no_weight_are_left_out():
    X = rows()
    codes = soft_targets(X).codes
    weight = (np.arange(60) % 2).astype(float)
    one = HeldNetClassifier(classifier(), random_state=0).fit(X, codes, sample_weight=weight)
    other = HeldNetClassifier(classifier(), random_state=0).fit(X[1::2], codes[1::2])
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    with pytest.raises(ValueError, match=r"sample_weight|weights"):
        HeldNetClassifier(classifier()).fit(X, codes, sample_weight=np.zeros(60))


def test_a_net_answers_out_of_fold_also_where_a_fold_misses_a_class():
    X = rows(90)
    y = STRINGS[np.minimum(soft_targets(X).codes, 1)]
    y[:3] = "red"
    splits = [(np.arange(45, 90), np.arange(45)), (np.arange(45), np.arange(45, 90))]
    answer = collect_out_of_fold(adapt_teacher(classifier(train_split=None), random_state=0), X, y, splits)
    assert answer.classes.tolist() == STRINGS.tolist()
    assert (answer.values[:45, 2] == 0).all()
    assert (answer.values[45:, 2] > 0).all()


def test_cross_fitting_takes_weights_and_frames():
    X = pd.DataFrame(rows(60), columns=list("abcd"))
    y = STRINGS[soft_targets(X.to_numpy()).codes]
    proba = cross_val_predict(
        adapt_teacher(classifier(max_epochs=1), random_state=0),
        X,
        y,
        cv=3,
        method="predict_proba",
        params={"sample_weight": np.linspace(1, 2, 60)},
    )
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes, got the one class"):
        HeldNetClassifier(classifier()).fit(rows(), np.zeros(60))


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: make_pipeline(StandardScaler(), net)])
def test_adapted_nets_teach(wrap):
    X = rows()
    y = STRINGS[soft_targets(X).codes]
    given = wrap(classifier())
    adapted = adapt_teacher(given, random_state=0)
    last = adapted[-1] if isinstance(adapted, Pipeline) else adapted
    assert isinstance(last, HeldNetClassifier)
    assert last.random_state == 0
    assert type(given[-1] if isinstance(given, Pipeline) else given) is type(classifier())
    assert ask(clone(adapted).fit(X, y), X).values.shape == (60, 3)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("piped", [False, True])
def test_adapted_frozen_nets_answer_as_they_are(piped, inside):
    X = rows()
    net = classifier().fit(X.astype(np.float32), soft_targets(X).codes)
    expected = net.predict_proba(X.astype(np.float32))
    scaler = StandardScaler(with_mean=False, with_std=False).fit(X)
    frozen = FrozenEstimator(net)
    if piped:
        frozen = make_pipeline(scaler, frozen) if inside else FrozenEstimator(make_pipeline(scaler, net))
    answer = ask(adapt_teacher(frozen), pd.DataFrame(X))
    assert answer.classes.tolist() == [0, 1, 2]
    np.testing.assert_allclose(answer.values, expected, atol=1e-6)
    # Nothing was installed on the caller's net.
    with pytest.raises(RuntimeError):
        net.predict_proba(X)


def test_frozen_nets_say_what_their_columns_are():
    X = rows().astype(np.float32)
    codes = soft_targets(X).codes
    named = classifier(classes=STRINGS.tolist()).fit(X, codes)
    assert HeldNetClassifier.from_fitted(named).predict(X)[0] in STRINGS
    given = HeldNetClassifier.from_fitted(classifier().fit(X, codes), classes=STRINGS)
    assert set(given.predict(X)) <= set(STRINGS)
    taught = HeldNetClassifier(classifier(), random_state=0).fit(X, STRINGS[codes])
    again = HeldNetClassifier.from_fitted(taught.net_, classes=taught.classes_)
    np.testing.assert_array_equal(again.predict_proba(X), taught.predict_proba(X))


def test_a_frozen_net_with_more_columns_than_known_classes_is_refused():
    X = rows().astype(np.float32)
    net = classifier().fit(X, np.arange(60) % 2)
    held = adapt_teacher(FrozenEstimator(net))
    with pytest.raises(TeacherError, match=r"classes \[0, 1\], got 3 columns\. Say what they stand for"):
        held.predict_proba(X)


def test_frozen_nets_that_are_not_fitted_are_refused():
    for net in (classifier(), regressor()):
        with pytest.raises(NotFittedError, match="must be fitted, and it is not"):
            adapt_teacher(FrozenEstimator(net))


def test_other_teachers_stay_as_they_are():
    for other in (
        LogisticRegression(),
        FrozenEstimator(LogisticRegression()),
        make_pipeline(LogisticRegression()),
    ):
        assert adapt_teacher(other) is other


def test_binary_nets_teach_strings():
    X = rows()
    y = STRINGS[np.minimum(soft_targets(X).codes, 1)]
    net = NeuralNetBinaryClassifier(torch.nn.Linear(4, 1), verbose=0)
    held = adapt_teacher(net, random_state=0).fit(X, y)
    assert held.predict_proba(X).shape == (60, 2)
    assert held.classes_.tolist() == ["blue", "green"]


def test_cloning_a_held_net_forgets_its_fit():
    X = rows()
    held = HeldNetClassifier(classifier(), random_state=0).fit(X, soft_targets(X).codes)
    with pytest.raises(NotFittedError):
        clone(held).predict(X)
    frozen = FrozenEstimator(HeldNetClassifier.from_fitted(held.net_))
    np.testing.assert_array_equal(clone(frozen).predict(X), held.predict(X))


def test_adapted_regressors():
    X = rows()
    y = X @ np.arange(4.0)
    held = adapt_teacher(make_pipeline(StandardScaler(), regressor()), random_state=0).fit(X, y)
    assert held.predict(X).shape == (60,)
    inner = regressor(Perceptron).fit(X.astype(np.float32), y[:, None].astype(np.float32))
    values = adapt_teacher(FrozenEstimator(inner)).predict(X)
    np.testing.assert_allclose(values, inner.predict(X.astype(np.float32))[:, 0])
