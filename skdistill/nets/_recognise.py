"""Telling skorch nets from other estimators without importing skorch."""

import sys
from typing import Any

__all__ = ["is_binary_net", "is_classifier_net", "is_regressor_net"]


def is_classifier_net(estimator: Any) -> bool:
    """Whether an estimator is one of skorch's classifiers.

    Whoever holds a skorch net has imported skorch, so that it is not imported here.

    Parameters
    ----------
    estimator : object
        Anything.

    Returns
    -------
    bool
        True for a `NeuralNetClassifier` or `NeuralNetBinaryClassifier`.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.nets import is_classifier_net
    >>> is_classifier_net(DecisionTreeClassifier())
    False
    """
    return _is_a(estimator, "NeuralNetClassifier", "NeuralNetBinaryClassifier")


def is_regressor_net(estimator: Any) -> bool:
    """Whether an estimator is skorch's regressor.

    Parameters
    ----------
    estimator : object
        Anything.

    Returns
    -------
    bool
        True for a `NeuralNetRegressor`.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from skdistill.nets import is_regressor_net
    >>> is_regressor_net(DecisionTreeRegressor())
    False
    """
    return _is_a(estimator, "NeuralNetRegressor")


def is_binary_net(estimator: Any) -> bool:
    """Whether an estimator is skorch's classifier with one output, whose classes are 0 and 1."""
    return _is_a(estimator, "NeuralNetBinaryClassifier")


def _is_a(estimator: Any, *names: str) -> bool:
    skorch = sys.modules.get("skorch")
    kinds = tuple(getattr(skorch, name) for name in names if hasattr(skorch, name))
    return isinstance(estimator, kinds)
