"""Which models tell how their log-odds move with their inputs, and how each one is asked."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

__all__ = ["Slopes", "find_slopes", "innermost", "log_odds"]

# Takes inputs of shape (n, m) and the position of a class for each; returns its log-odds (n,) and gradients (n, m).
Slopes = Callable[[Any, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Where classes of these packages are asked. Only their owners have torch, which is why the function is named here and
# imported when such a model comes, not before.
NETS = ("skdistill.nets._input_gradients", "input_gradients")
ASKED_BY = {"skorch": NETS, "skdistill.nets": NETS}

# Derivatives of the activations of scikit-learn's networks, in terms of their values.
ACTIVATIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (lambda z: 0.5 * (1.0 + np.tanh(0.5 * z)), lambda a: a * (1.0 - a)),
    "tanh": (np.tanh, lambda a: 1.0 - a * a),
    "relu": (lambda z: np.maximum(z, 0.0), lambda a: (a > 0).astype(np.float64)),
}


def log_odds(logits: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ``z_t - log sum_(k != t) exp z_k``, which is ``log p_t / (1 - p_t)`` of a softmax, and its derivatives.

    Parameters
    ----------
    logits : ndarray of shape (n, n_classes)
        Logits z.
    codes : ndarray of shape (n,), int
        Class t of each row.

    Returns
    -------
    odds : ndarray of shape (n,)
        The log-odds in nats.
    by_logits : ndarray of shape (n, n_classes)
        Their derivatives by the logits: 1 for t, and minus the softmax among the others.
    """
    each = np.arange(len(codes))
    others = logits.copy()
    others[each, codes] = -np.inf
    top = others.max(axis=1, keepdims=True)
    shares = np.exp(others - top)
    total = shares.sum(axis=1, keepdims=True)
    by_logits = -shares / total
    by_logits[each, codes] = 1.0
    return logits[each, codes] - (top + np.log(total))[:, 0], by_logits


def innermost(model: Any) -> tuple[list[Any], Any]:
    """Take a fitted model out of its wrappers.

    Parameters
    ----------
    model : estimator
        A classifier; frozen, a pipeline, a finished search, or a distilled estimator around one.

    Returns
    -------
    steps : list of transformers
        What the rows pass before they reach the model inside.
    model : estimator
        The model inside.
    """
    steps: list[Any] = []
    while True:
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, Pipeline):
            steps += [step for _, step in model.steps[:-1] if step is not None and step != "passthrough"]
            model = model.steps[-1][1]
        elif (inner := getattr(model, "best_estimator_", getattr(model, "student_", None))) is not None:
            model = inner
        else:
            return steps, model


def find_slopes(model: Any) -> Slopes | None:
    """Find how the gradients of a fitted model are computed.

    Parameters
    ----------
    model : estimator
        What `innermost` returns.

    Returns
    -------
    callable or None
        Function of inputs and positions among the model's classes, which returns log-odds and their gradients; None
        for a model without gradients.
    """
    homes = [kind.__module__ for kind in type(model).__mro__]
    for start, (module, name) in ASKED_BY.items():
        if any(home == start or home.startswith(f"{start}.") for home in homes):
            ask = getattr(import_module(module), name)
            return lambda rows, codes: ask(model, rows, codes)
    if isinstance(model, MLPClassifier):
        return _network_slopes(model)
    if hasattr(model, "coef_") and hasattr(model, "intercept_"):
        return _linear_slopes(model)
    return None


def _linear_slopes(model: Any) -> Slopes:
    """Slopes of a model whose logits are linear; that its answers are their softmax is checked by the caller."""
    coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    coef = np.atleast_2d(coef).astype(np.float64)
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(coef),))

    def slopes(rows: Any, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = _two_columns(np.asarray(rows, dtype=np.float64) @ coef.T + intercept)
        odds, by_logits = log_odds(logits, codes)
        return odds, by_logits[:, -len(coef) :] @ coef

    return slopes


def _network_slopes(model: Any) -> Slopes:
    """Slopes of scikit-learn's network, by the chain rule."""
    weights, biases = model.coefs_, model.intercepts_
    activate, derivative = ACTIVATIONS[model.activation]

    def slopes(rows: Any, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        layers = [np.asarray(rows, dtype=np.float64)]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            layers.append(activate(layers[-1] @ weight + bias))
        logits = _two_columns(layers[-1] @ weights[-1] + biases[-1])
        odds, by_logits = log_odds(logits, codes)
        back = by_logits[:, -weights[-1].shape[1] :] @ weights[-1].T
        for layer, weight in zip(layers[:0:-1], weights[-2::-1], strict=True):
            back = (back * derivative(layer)) @ weight.T
        return odds, back

    return slopes


def _two_columns(margins: np.ndarray) -> np.ndarray:
    """Turn the single margin d of two classes into the logits (0, d)."""
    if margins.shape[1] > 1:
        return margins
    return np.column_stack([np.zeros(len(margins)), margins[:, 0]])
