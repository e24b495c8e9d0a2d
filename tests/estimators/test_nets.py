"""Nets as students and teachers of the distilled estimators."""

import pickle

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.nets import TorchTeacher
from tests.estimators.distiller_checks import CHECKS, assert_same_answer, make_rows, seeded
from tests.nets.modules import Perceptron, classifier, regressor

pytestmark = pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")

DISTILLERS = {
    "student": DistilledClassifier(
        LogisticRegression(), classifier(module__n_in=3, max_epochs=60, lr=0.3), alpha=0.5, temperature=2.0, cv=2
    ),
    "pipeline": DistilledClassifier(
        LogisticRegression(),
        make_pipeline(StandardScaler(), classifier(module__n_in=3, max_epochs=20, lr=0.5)),
        scoring="neg_predictive_kl",
        cv=2,
    ),
    "teacher": DistilledClassifier(
        classifier(module__n_in=3, max_epochs=60, lr=0.3), DecisionTreeClassifier(max_depth=4), alpha=0.5, cv=2
    ),
    "values": DistilledRegressor(Ridge(), regressor(module__n_in=3, max_epochs=60), alpha=0.5, cv=3),
}
# A net has a fixed number of inputs, answers in class numbers, draws from torch's one generator per process, and sets
# rows aside by their labels; what these checks say for nets is tested below and under tests/nets.
LEFT_OUT = {
    "check_distiller_refit_forgets",
    "check_distiller_pickles",
    "check_distiller_n_jobs",
    "check_distilled_without_teacher_is_the_plain_student",
    "check_distilled_teacher_is_fitted_on_all_rows",
    "check_distilled_frozen_teacher",
}


@pytest.mark.parametrize(
    "check",
    [check for check in CHECKS if check.__name__ not in LEFT_OUT],
    ids=lambda check: check.__name__.removeprefix("check_distiller_"),
)
@pytest.mark.parametrize("name", DISTILLERS)
def test_our_checks(name, check):
    check(DISTILLERS[name])


@pytest.mark.parametrize("name", DISTILLERS)
def test_stored_and_loaded(name):
    X, y = make_rows(DISTILLERS[name])
    fitted = seeded(DISTILLERS[name]).fit(X, y)
    assert_same_answer(pickle.loads(pickle.dumps(fitted)), fitted, X)


def linear_net(**params):
    return NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=3,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.LBFGS,
        optimizer__line_search_fn="strong_wolfe",
        optimizer__max_iter=100,
        lr=1.0,
        max_epochs=20,
        batch_size=-1,
        train_split=None,
        verbose=0,
        **params,
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_law(temperature):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    proba = softmax(X @ rng.normal(size=(3, 3)), axis=1)
    y = (proba.cumsum(axis=1) < rng.random((200, 1))).sum(axis=1).clip(max=2)
    teacher = LogisticRegression().fit(X, y)
    model = DistilledClassifier(
        FrozenEstimator(teacher), linear_net(), alpha=1.0, temperature=temperature, random_state=0
    ).fit(X, y)
    assert model.soft_targets_ == "native"
    np.testing.assert_allclose(model.predict_proba(X), teacher.predict_proba(X), atol=2e-3)


def test_a_trained_module_is_a_frozen_teacher():
    X, y = make_rows(DISTILLERS["student"])
    torch.manual_seed(0)
    module = Perceptron(n_in=3)
    teacher = FrozenEstimator(TorchTeacher(module, classes=np.unique(y)))
    model = DistilledClassifier(teacher, DecisionTreeClassifier(random_state=0), alpha=1.0).fit(X, y)
    with torch.no_grad():
        expected = softmax(module(torch.tensor(X, dtype=torch.float32)).double().numpy(), axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)


def test_a_net_on_trial_is_a_net_of_its_own():
    X, y = make_rows(DISTILLERS["student"])
    net = classifier(module__n_in=3, max_epochs=20, lr=0.3)
    model = DistilledClassifier(LogisticRegression(), net, cv=2, random_state=0).fit(X, y)
    assert not net.initialized_
    assert type(model.student_) is type(net)
    assert model.alpha_ in model.alpha_scores_


def test_searches_over_a_net():
    X, y = make_rows(DISTILLERS["student"])
    model = clone(DISTILLERS["student"])
    found = GridSearchCV(model, {"student__lr": [1e-6, 0.3]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert found.best_params_ == {"student__lr": 0.3}
