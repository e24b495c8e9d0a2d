"""Hidden layers of scikit-learn's multi-layer perceptron."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import validate_data

from skdistill.representation._base import BaseRepresentation
from skdistill.representation._reduction import Scaling

__all__ = ["PerceptronRepresentation", "hidden_layers", "is_perceptron"]

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda values: values,
    "logistic": expit,
    "relu": lambda values: np.maximum(values, 0.0),
    "tanh": np.tanh,
}


def hidden_layers(core: MLPClassifier, rows: np.ndarray) -> dict[str, np.ndarray]:
    r"""Give what each layer of a perceptron puts out.

    .. math:: h_0 = x, \quad h_i = a(h_{i-1} W_i + b_i), \quad \text{logits} = h_L W_{L+1} + b_{L+1}

    Parameters
    ----------
    core : MLPClassifier
        Fitted; its `coefs_`, `intercepts_` and `activation` are W, b and a.
    rows : ndarray or csr_matrix of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    dict of str to ndarray of shape (n_rows, n_units)
        "hidden1", "hidden2", ... and "logits".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skdistill.representation._perceptron import hidden_layers
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((8, 5), solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> {name: values.shape[1] for name, values in hidden_layers(net, X).items()}
    {'hidden1': 8, 'hidden2': 5, 'logits': 3}
    """
    activation = ACTIVATIONS[core.activation]
    values = rows
    layers = {}
    for i, (weights, bias) in enumerate(zip(core.coefs_[:-1], core.intercepts_[:-1], strict=True), start=1):
        values = layers[f"hidden{i}"] = activation(values @ weights + bias)
    layers["logits"] = np.asarray(values @ core.coefs_[-1] + core.intercepts_[-1])
    return layers


def is_perceptron(core: Any) -> bool:
    """Whether a learner is scikit-learn's multi-layer perceptron."""
    return isinstance(core, MLPClassifier)


class PerceptronRepresentation(BaseRepresentation):
    """A hidden layer of an `MLPClassifier`, by default the last one.

    Parameters
    ----------
    model : estimator, default=None
        The fitted perceptron; see `BaseRepresentation`.
    layer : str, default=None
        "hidden1", "hidden2", ... or "logits". None is the last hidden layer.
    max_width : int, default=64
        Largest number of coordinates. What is wider is reduced to its principal directions.
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, or each has variance 1.
    chunk_rows : int, default=4096
        The model is asked about so many rows at a time.
    sample_rows : int, default=10_000
        Directions, means and scales are found on at most so many rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and of the randomised solver.

    Attributes
    ----------
    core_ : estimator
        The perceptron itself.
    mean_, scale_ : ndarray of shape (width,)
        What is subtracted from each coordinate, and by what it is divided.
    width_ : int
        Number of coordinates.
    n_features_in_ : int
        Number of columns of the rows of `fit`, where they have columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skdistill.representation import PerceptronRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((5,), solver="lbfgs", activation="tanh", max_iter=1000, random_state=0).fit(X, y)
    >>> PerceptronRepresentation(model=net, layer="hidden1").fit_transform(X).shape
    (150, 5)
    """

    def __init__(
        self,
        *,
        model: Any = None,
        layer: str | None = None,
        max_width: int = 64,
        scaling: Scaling = "total",
        chunk_rows: int = 4096,
        sample_rows: int = 10_000,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            model=model,
            max_width=max_width,
            scaling=scaling,
            chunk_rows=chunk_rows,
            sample_rows=sample_rows,
            random_state=random_state,
        )
        self.layer = layer

    def _refuse(self, core: Any) -> None:
        if not is_perceptron(core):
            raise TypeError(
                f"PerceptronRepresentation needs an MLPClassifier, got {type(core).__name__}. Use "
                "representation='auto'; layers of torch modules are those of skdistill.nets.LayerRepresentation."
            )
        names = [*(f"hidden{i}" for i in range(1, len(core.coefs_))), "logits"]
        if self.layer is not None and self.layer not in names:
            raise ValueError(
                f"layer must be one of the layers {', '.join(map(repr, names))}, got {self.layer!r}. Use one of these, "
                "or None for the last hidden layer."
            )

    def _raw(self, rows: Any) -> np.ndarray:
        rows = validate_data(self.core_, rows, accept_sparse="csr", reset=False)
        return hidden_layers(self.core_, rows)[self.layer or f"hidden{len(self.core_.coefs_) - 1}"]
