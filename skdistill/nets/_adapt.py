"""Making estimators that teach out of nets, wherever a net stands as itself."""

from collections.abc import Callable
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdistill.nets._held import HeldNetClassifier, HeldNetRegressor
from skdistill.nets._recognise import is_classifier_net, is_regressor_net

__all__ = ["adapt_teacher"]


def adapt_teacher(teacher: Any, random_state: int | None = None) -> Any:
    """Put a skorch net that is to teach behind scikit-learn's interface.

    Parameters
    ----------
    teacher : estimator
        A skorch net, a frozen one, or a pipeline (also a frozen one) whose last step is a net. Anything else
        is returned as it is. The teacher is not changed.
    random_state : int, default=None
        Seed for fitting a net that is not frozen.

    Returns
    -------
    estimator
        A `HeldNetClassifier` or `HeldNetRegressor` in the place of the net; frozen if the net was.

    Raises
    ------
    NotFittedError
        If a frozen net is not fitted.

    Examples
    --------
    >>> import torch
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets import adapt_teacher
    >>> net = NeuralNetClassifier(torch.nn.Linear(4, 3), criterion=torch.nn.CrossEntropyLoss)
    >>> type(adapt_teacher(make_pipeline(StandardScaler(), net))[-1]).__name__
    'HeldNetClassifier'
    """
    if is_classifier_net(teacher) or is_regressor_net(teacher):
        return _holder(teacher)(teacher, random_state=random_state)
    if isinstance(teacher, FrozenEstimator):
        inner = _adapt_fitted(teacher.estimator)
        return teacher if inner is teacher.estimator else FrozenEstimator(inner)
    return _with_last_step(teacher, lambda last: adapt_teacher(last, random_state))


def _adapt_fitted(estimator: Any) -> Any:
    if is_classifier_net(estimator) or is_regressor_net(estimator):
        return _holder(estimator).from_fitted(estimator)
    return _with_last_step(estimator, _adapt_fitted)


def _holder(net: Any) -> type[HeldNetClassifier] | type[HeldNetRegressor]:
    return HeldNetClassifier if is_classifier_net(net) else HeldNetRegressor


def _with_last_step(estimator: Any, adapt: Callable[[Any], Any]) -> Any:
    """Return a pipeline with its last step adapted; the same object if nothing in it is a net."""
    if not isinstance(estimator, Pipeline):
        return estimator
    name, last = estimator.steps[-1]
    adapted = adapt(last)
    if adapted is last:
        return estimator
    params = {**estimator.get_params(deep=False), "steps": [*estimator.steps[:-1], (name, adapted)]}
    return type(estimator)(**params)
