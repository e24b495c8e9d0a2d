"""Modules and nets of the tests, at top level so that they can be pickled and imported by workers."""

import numpy as np
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback

from skdistill.students import SoftTargets


class Perceptron(torch.nn.Module):
    """Two layers; logits, or probabilities with ``softmax=True``."""

    def __init__(self, n_in=4, n_out=3, n_hidden=8, softmax=False, norm=False, dropout=0.0, double=False):
        super().__init__()
        self.hidden = torch.nn.Linear(n_in, n_hidden)
        self.norm = torch.nn.BatchNorm1d(n_hidden) if norm else torch.nn.Identity()
        self.dropout = torch.nn.Dropout(dropout)
        self.out = torch.nn.Linear(n_hidden, n_out)
        self.last = torch.nn.Softmax(dim=1) if softmax else torch.nn.Identity()
        if double:
            self.double()

    def forward(self, x):
        return self.last(self.out(self.dropout(torch.relu(self.norm(self.hidden(x))))))


class Flat(torch.nn.Module):
    """A linear module that gives shape (n_rows,)."""

    def __init__(self, n_in=4):
        super().__init__()
        self.linear = torch.nn.Linear(n_in, 1)

    def forward(self, x):
        return self.linear(x).squeeze(1)


class Looked(torch.nn.Module):
    """Looks its single integer column up in an embedding."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(5, 3)

    def forward(self, x):
        return self.table(x[:, 0])


class NamedNet(NeuralNetClassifier):
    """Of a constant representation, so that the names of tests do not change from run to run."""

    def __repr__(self, N_CHAR_MAX=700):
        return "net"


class NamedRegressor(NeuralNetRegressor):
    """Of a constant representation too."""

    def __repr__(self, N_CHAR_MAX=700):
        return "net"


class SizeByData(Callback):
    """Gives the module as many inputs as X has columns, and as many outputs as y needs."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        n_out = len(np.unique(y)) if isinstance(net, NeuralNetClassifier) else y.shape[1]
        net.set_params(module__n_in=X.shape[1], module__n_out=n_out)


def classifier(module=Perceptron, kind=NeuralNetClassifier, **params):
    defaults = {"criterion": torch.nn.CrossEntropyLoss, "lr": 0.1, "max_epochs": 3, "verbose": 0}
    return kind(module, **{**defaults, **params})


def regressor(module=Perceptron, kind=NeuralNetRegressor, **params):
    defaults = {"module__n_out": 1, "lr": 0.05, "max_epochs": 3, "verbose": 0} if module is Perceptron else {}
    return kind(module, **{"verbose": 0, **defaults, **params})


def rows(n_rows=60, n_in=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_in))


def soft_targets(X, classes=(0, 1, 2), a=0.5, b=0.5, temperature=1.0, seed=1):
    """Targets of a random linear teacher, each weight a number or one per row."""
    rng = np.random.default_rng(seed)
    n_rows, n_classes = len(X), len(classes)
    logits = 2.0 * X @ rng.normal(size=(X.shape[1], n_classes))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba = weights / weights.sum(axis=1, keepdims=True)
    codes = np.array([rng.choice(n_classes, p=p) for p in proba])
    powered = proba ** (1.0 / temperature)
    return SoftTargets(
        teacher=powered / powered.sum(axis=1, keepdims=True),
        codes=codes,
        teacher_weight=np.broadcast_to(np.asarray(a, dtype=float), n_rows).copy(),
        label_weight=np.broadcast_to(np.asarray(b, dtype=float), n_rows).copy(),
        classes=np.array(classes),
        temperature=temperature,
    )


def parameters(net):
    return [p.detach().cpu().numpy().copy() for p in net.module_.parameters()]


def same_parameters(one, other):
    return all(np.array_equal(a, b) for a, b in zip(parameters(one), parameters(other), strict=True))
