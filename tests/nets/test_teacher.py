import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skdistill.exceptions import TeacherError
from skdistill.nets import TorchTeacher
from skdistill.response import ask
from tests.nets.modules import Flat, Looked, Perceptron, rows

STRINGS = ["red", "blue", "green"]


class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Perceptron()

    def forward(self, x):
        return self.inner(x), x


def logits(module, X):
    with torch.no_grad():
        return copy.deepcopy(module).eval()(torch.from_numpy(X.astype(np.float32))).numpy()


def test_logits_are_asked_for_probabilities():
    X, module = rows(), Perceptron(dropout=0.5)
    teacher = FrozenEstimator(TorchTeacher(module, classes=STRINGS))
    check_is_fitted(teacher)
    assert is_classifier(teacher)
    expected = logits(module, X)
    np.testing.assert_allclose(teacher.decision_function(X), expected, rtol=1e-6)
    np.testing.assert_allclose(teacher.predict_proba(X), softmax(expected, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(teacher.predict(X), np.array(STRINGS)[expected.argmax(axis=1)])
    assert teacher.score(X, teacher.predict(X)) == 1.0
    answer = ask(teacher, X).align(sorted(STRINGS))
    np.testing.assert_allclose(answer.values, softmax(expected, axis=1)[:, [1, 2, 0]], rtol=1e-5)


def test_probabilities_are_taken_as_they_are():
    X, module = rows(), Perceptron(softmax=True)
    teacher = TorchTeacher(module, classes=STRINGS, output="probabilities")
    np.testing.assert_allclose(teacher.predict_proba(X), logits(module, X), rtol=1e-6)
    np.testing.assert_allclose(teacher.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)
    assert not hasattr(teacher, "decision_function")


@pytest.mark.parametrize("module", [torch.nn.Linear(4, 1), Flat()], ids=["column", "flat"])
def test_one_column_of_a_binary_module_is_a_margin(module):
    X = rows()
    margins = logits(module, X).reshape(-1)
    teacher = TorchTeacher(module, classes=["no", "yes"])
    np.testing.assert_allclose(teacher.decision_function(X), margins, rtol=1e-6)
    np.testing.assert_allclose(teacher.predict_proba(X)[:, 1], expit(margins), rtol=1e-6)
    np.testing.assert_array_equal(teacher.predict(X) == "yes", margins > 0)
    squashed = torch.nn.Sequential(module, torch.nn.Sigmoid())
    other = TorchTeacher(squashed, classes=["no", "yes"], output="probabilities")
    np.testing.assert_allclose(other.predict_proba(X), teacher.predict_proba(X), atol=1e-6)


def test_two_columns_of_a_binary_module_are_two_logits():
    X, module = rows(), Perceptron(n_out=2)
    teacher = TorchTeacher(module, classes=[0, 1])
    margins = np.diff(logits(module, X), axis=1)[:, 0]
    np.testing.assert_allclose(teacher.decision_function(X), margins, atol=1e-6)
    np.testing.assert_allclose(teacher.predict_proba(X)[:, 1], expit(margins), atol=1e-6)


def test_values():
    X = rows()
    teacher = FrozenEstimator(TorchTeacher(torch.nn.Linear(4, 1), output="values"))
    assert is_regressor(teacher)
    assert not hasattr(teacher, "predict_proba")
    assert not hasattr(teacher, "classes_")
    assert teacher.predict(X).shape == (60,)
    assert teacher.score(X, teacher.predict(X)) == 1.0
    assert ask(teacher, X, task="regression").values.shape == (60,)
    assert TorchTeacher(torch.nn.Linear(4, 2), output="values").predict(X).shape == (60, 2)


def test_the_module_is_left_as_it_was():
    module = Perceptron(norm=True, dropout=0.5)
    module.norm.eval()
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    teacher = TorchTeacher(module, classes=STRINGS, device="cpu")
    first = teacher.predict_proba(rows())
    np.testing.assert_array_equal(teacher.predict_proba(rows()), first)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not module._forward_pre_hooks
    with pytest.raises(RuntimeError):
        teacher.predict_proba(rows(n_in=5))
    assert [part.training for part in module.modules()] == modes


@pytest.mark.parametrize("batch_rows", [1, 7, 60, 1000])
def test_batches_change_nothing(batch_rows):
    X, module = rows(), Perceptron()
    whole = TorchTeacher(module, classes=STRINGS).decision_function(X)
    parts = TorchTeacher(module, classes=STRINGS, batch_rows=batch_rows).decision_function(X)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_rows_of_any_kind():
    X = np.round(10 * rows())
    teacher = TorchTeacher(Perceptron(), classes=STRINGS)
    expected = teacher.predict_proba(X)
    kinds = (
        X.astype(int),
        pd.DataFrame(X),
        pd.DataFrame(X.astype(int)),
        sparse.csr_array(X),
        torch.from_numpy(X),
    )
    for other in kinds:
        np.testing.assert_allclose(teacher.predict_proba(other), expected, atol=1e-6)
    double = TorchTeacher(Perceptron(double=True), classes=STRINGS)
    assert double.predict_proba(X).shape == (60, 3)
    assert TorchTeacher(Looked(), classes=STRINGS).predict(np.ones((6, 1), dtype=int)).shape == (6,)
    with_dtype = TorchTeacher(Looked(), classes=STRINGS, dtype=torch.int64)
    assert with_dtype.predict(np.ones((6, 1))).shape == (6,)


def test_images_are_rows_too():
    X = rows(30, 16).reshape(30, 1, 4, 4)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    assert TorchTeacher(module, classes=STRINGS).predict_proba(X).shape == (30, 3)


def test_the_first_of_several_outputs_counts():
    X, module = rows(), Both()
    expected = TorchTeacher(module.inner, classes=STRINGS).predict_proba(X)
    np.testing.assert_array_equal(TorchTeacher(module, classes=STRINGS).predict_proba(X), expected)


def test_clones_and_pickles():
    X, module = rows(), Perceptron()
    teacher = TorchTeacher(module, classes=STRINGS, dtype=torch.float32)
    copied = clone(teacher)
    assert copied.module is not module
    for other in (copied, pickle.loads(pickle.dumps(teacher)), clone(FrozenEstimator(teacher))):
        np.testing.assert_array_equal(other.predict_proba(X), teacher.predict_proba(X))


def test_fit_points_to_freezing():
    X = rows()
    teacher = TorchTeacher(Perceptron(), classes=STRINGS)
    with pytest.raises(TeacherError, match=r"Freeze it: sklearn\.frozen\.FrozenEstimator"):
        clone(teacher).fit(X, np.zeros(60))
    assert FrozenEstimator(teacher).fit(X, np.zeros(60)).predict(X).shape == (60,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"classes": None}, r"at least two different labels, got None"),
        ({"classes": [1, 1, 2]}, r"at least two different labels, got \[1, 1, 2\]"),
        ({"classes": [0, 1]}, r"one column for each of the 2 classes, got outputs of shape \(60, 3\)"),
        ({"classes": STRINGS, "output": "scores"}, r"output of TorchTeacher must be one of .* got 'scores'"),
    ],
)
def test_errors(params, message):
    with pytest.raises(TeacherError, match=message):
        TorchTeacher(Perceptron(), **params).predict(rows())


def test_an_absent_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"got 'cuda', .* Use device='cpu'"):
        TorchTeacher(Perceptron(), classes=STRINGS, device="cuda").predict(rows())
