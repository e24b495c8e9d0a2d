"""Gradients of a class's log-odds by a net's inputs."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier

from skdistill.exceptions import TeacherError
from skdistill.nets import HeldNetClassifier, TorchTeacher
from skdistill.nets._input_gradients import input_gradients
from tests.nets.modules import Flat, Looked, Perceptron, rows

CODES = np.arange(60) % 3


def smooth(**params):
    """A perceptron in double precision without kinks, so that finite differences hold everywhere."""
    module = Perceptron(double=True, **params)
    module.norm = torch.nn.Softplus().double()
    return module


class Detached(Perceptron):
    def forward(self, x):
        return super().forward(x.detach()).detach()


class Both(Perceptron):
    def forward(self, x):
        return super().forward(x), x


def teachers():
    torch.manual_seed(0)
    params = {"criterion": torch.nn.CrossEntropyLoss, "classes": [0, 1, 2]}
    return {
        "logits": TorchTeacher(smooth(), classes=["c", "b", "a"]),
        "frozen": FrozenEstimator(TorchTeacher(smooth(), classes=[0, 1, 2])),
        "tuple": TorchTeacher(Both(double=True), classes=[0, 1, 2]),
        "probabilities": TorchTeacher(smooth(softmax=True), classes=[0, 1, 2], output="probabilities"),
        "dropout": TorchTeacher(smooth(dropout=0.5), classes=[0, 1, 2]),
        "net": NeuralNetClassifier(smooth(), **params).initialize(),
        "held": HeldNetClassifier.from_fitted(NeuralNetClassifier(smooth(), **params).initialize()),
        "nll": NeuralNetClassifier(smooth(softmax=True), classes=[0, 1, 2]).initialize(),
        "own nonlinearity": NeuralNetClassifier(
            smooth(), predict_nonlinearity=lambda z: torch.softmax(2 * z, dim=1), classes=[0, 1, 2]
        ).initialize(),
    }


@pytest.mark.parametrize("name", teachers())
def test_log_odds_are_those_of_the_answer_and_gradients_are_finite_differences(name):
    model, X = teachers()[name], rows()[:60].astype(np.float64)
    codes = CODES[: len(X)]
    odds, gradients = input_gradients(model, X, codes)
    proba = model.predict_proba(X)[np.arange(len(X)), codes]
    # skorch casts rows to the net's own precision, which is double here.
    np.testing.assert_allclose(expit(odds), proba, rtol=1e-6)
    assert gradients.shape == X.shape
    step = 1e-5
    for j in range(X.shape[1]):
        shift = step * np.eye(X.shape[1])[j]
        up, down = (input_gradients(model, X + sign * shift, codes)[0] for sign in (1, -1))
        np.testing.assert_allclose(gradients[:, j], (up - down) / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("module", [torch.nn.Linear(4, 1), Flat()], ids=["column", "flat"])
@pytest.mark.parametrize("code", [0, 1])
def test_one_column_of_a_binary_module_is_the_margin(module, code):
    X = rows()
    weight = next(module.parameters()).detach().numpy().ravel()
    odds, gradients = input_gradients(TorchTeacher(module, classes=["no", "yes"]), X, np.full(len(X), code))
    sign = 1.0 if code else -1.0
    np.testing.assert_allclose(gradients, np.tile(sign * weight, (len(X), 1)), rtol=1e-5)
    proba = TorchTeacher(module, classes=["no", "yes"]).predict_proba(X)[:, code]
    np.testing.assert_allclose(odds, logit(proba), rtol=1e-4, atol=1e-5)


def test_a_binary_net_has_a_margin_too():
    X = rows().astype(np.float32)
    net = NeuralNetBinaryClassifier(Flat()).initialize()
    odds, _ = input_gradients(net, X, np.ones(len(X), dtype=int))
    np.testing.assert_allclose(expit(odds), net.predict_proba(X)[:, 1], rtol=1e-5)


def test_the_gradient_does_not_vanish_where_the_probability_does():
    module = torch.nn.Linear(1, 1, bias=False)
    module.load_state_dict({"weight": torch.tensor([[100.0]])})
    odds, gradients = input_gradients(TorchTeacher(module, classes=[0, 1]), [[-50.0]], np.array([1]))
    assert odds[0] == -5000.0
    assert gradients[0, 0] == 100.0


def test_neither_the_module_nor_the_batches_change_anything():
    X, module = rows().astype(np.float64), Perceptron(dropout=0.5, norm=True)
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    codes = np.arange(len(X)) % 3
    whole = input_gradients(TorchTeacher(module, classes=[0, 1, 2]), X, codes)
    parts = input_gradients(TorchTeacher(module, classes=[0, 1, 2]), X, codes, batch_rows=7)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_frames_and_no_rows():
    X, teacher = rows(), TorchTeacher(Perceptron(), classes=[0, 1, 2])
    codes = np.zeros(len(X), dtype=int)
    frame = pd.DataFrame(X, columns=list("abcd"))
    np.testing.assert_array_equal(input_gradients(teacher, frame, codes)[1], input_gradients(teacher, X, codes)[1])
    odds, gradients = input_gradients(teacher, np.empty((0, 4)), np.empty(0, dtype=int))
    assert odds.shape == (0,)
    assert gradients.shape == (0, 4)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (TorchTeacher(Looked(), classes=[0, 1, 2]), "embedding"),
        (TorchTeacher(Detached(), classes=[0, 1, 2]), "detach"),
        (object(), "TorchTeacher or a classifier of skorch, got object"),
    ],
    ids=["embedding", "detached", "no net"],
)
def test_what_has_no_gradient_is_refused_with_a_way_out(model, words):
    with pytest.raises(TeacherError, match=words) as caught:
        input_gradients(model, rows(), np.zeros(len(rows()), dtype=int))
    assert "NearestInstanceCounterfactual" in str(caught.value)
