"""Checks of what generators are given: the model, labels, targets and thresholds."""

from importlib import import_module
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistill._containers import is_missing
from skdistill.exceptions import TeacherError

__all__ = ["check_model_columns", "check_order", "class_codes", "thresholds", "usable_model"]

# Only who has such an object has its package, so its adapter is imported when one comes.
ADAPTERS = {"skorch": ("skdistill.nets", "adapt_teacher")}


def check_order(estimator: Any, X: Any, y: Any) -> None:
    """Refuse arguments of `fit` in another order than model, rows, labels, or too few of them.

    Raises
    ------
    TeacherError
        If a table comes where the model should be.
    ValueError
        If there are no labels, or the model comes where rows or labels should be.
    """
    order = "Call fit(estimator, X, y): the fitted model first, then reference rows, then their labels."
    if isinstance(estimator, np.ndarray | list | tuple) or issparse(estimator) or hasattr(estimator, "columns"):
        raise TeacherError(
            f"estimator should be a fitted classifier, got a table or list ({type(estimator).__name__}). {order}"
        )
    for name, given in (("X", X), ("y", y)):
        if hasattr(given, "fit") or hasattr(given, "predict_proba"):
            raise ValueError(f"{name} should be a table or labels, got the model {type(given).__name__}. {order}")
    if getattr(X, "ndim", 2) == 1 and getattr(y, "ndim", 1) == 2:
        raise ValueError(f"X should be a table and y a list of labels, got a flat X and a table as y. {order}")
    if y is None:
        raise ValueError(f"y should hold the labels of the rows of X, got None. {order}")


def usable_model(estimator: Any) -> Any:
    """Return a fitted classifier behind scikit-learn's interface, or say why there is none.

    Parameters
    ----------
    estimator : estimator
        What the user passed.

    Returns
    -------
    estimator
        The same object, or a holder of a skorch net.

    Raises
    ------
    TeacherError
        If it is no classifier that says how sure it is.
    NotFittedError
        If it was not fitted.
    """
    if isinstance(estimator, type):
        raise TeacherError(
            f"estimator should be a fitted classifier, got the class {estimator.__name__} itself. Make an object of it "
            "and fit it."
        )
    inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
    last = inner.steps[-1][1] if isinstance(inner, Pipeline) else inner
    homes = [kind.__module__.partition(".")[0] for kind in type(last).__mro__]
    for home in homes:
        if home in ADAPTERS:
            module, name = ADAPTERS[home]
            return getattr(import_module(module), name)(FrozenEstimator(inner))
    if hasattr(inner, "fit") and hasattr(inner, "get_params"):
        try:
            check_is_fitted(inner)
        except NotFittedError as error:
            raise NotFittedError(
                f"estimator should be fitted, got an unfitted {type(inner).__name__}. Call its fit first."
            ) from error
    if not (hasattr(inner, "predict_proba") or hasattr(inner, "decision_function")):
        raise TeacherError(
            f"estimator should be a fitted classifier with predict_proba or decision_function, got "
            f"{type(inner).__name__}. Use a model that has one of them, for instance CalibratedClassifierCV(model)."
        )
    if np.asarray(getattr(estimator, "classes_", None)).ndim != 1:
        raise TeacherError(
            f"estimator should have a flat list classes_ that names the columns of its answers, got "
            f"{type(inner).__name__} without one. Give it classes_; of several outputs pass one at a time."
        )
    return estimator


def check_model_columns(model: Any, X: Any) -> None:
    """Refuse reference rows whose columns the model was not fitted on, or cannot be told apart."""
    expected = getattr(model, "n_features_in_", None)
    if expected is not None and X.shape[1] != expected:
        raise ValueError(
            f"X should have the {expected} columns that the model was fitted on, got {X.shape[1]}. "
            "Pass the rows as the model takes them."
        )
    if hasattr(X, "columns") and len(set(X.columns)) < X.shape[1]:
        listed = list(X.columns)
        raise ValueError(
            f"X should have columns of different names, got {max(listed, key=listed.count)!r} more than once. "
            "Rename the columns."
        )
    names = getattr(model, "feature_names_in_", None)
    if names is not None and hasattr(X, "columns") and list(names) != list(X.columns):
        raise ValueError(
            f"X should have the columns that the model was fitted on, {list(names)!r}, got {list(X.columns)!r}. "
            "Select them in this order."
        )


def class_codes(labels: Any, classes: np.ndarray, what: str) -> np.ndarray:
    """Return the positions of labels among the model's classes.

    Parameters
    ----------
    labels : array-like of shape (n,) or (n, 1)
        Labels.
    classes : ndarray of shape (n_classes,)
        The model's classes.
    what : str
        How errors name the labels.

    Returns
    -------
    ndarray of shape (n,), int
        Positions.

    Raises
    ------
    ValueError
        If a label is missing or no class of the model.
    """
    if hasattr(labels, "to_numpy"):
        array = labels.to_numpy()
    else:
        array = np.asarray(labels)
        # Among strings, numpy would turn the label 1 into "1".
        array = np.array(labels, dtype=object) if array.dtype.kind in "US" else array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} should hold one label per row, got shape {array.shape}. Pass one output at a time.")
    listed = array.tolist()
    known = {value: code for code, value in enumerate(classes.tolist())}
    codes = np.array([known.get(value, -1) for value in listed], dtype=np.intp)
    if (codes < 0).any():
        strange = listed[int(np.flatnonzero(codes < 0)[0])]
        if is_missing(strange):
            raise ValueError(f"{what} should hold a class for every row, got a missing label. Drop these rows.")
        raise ValueError(
            f"{what} should hold classes of the model, {classes.tolist()!r}, got {strange!r}. "
            "Use the labels that the model was fitted on."
        )
    return codes


def thresholds(threshold: Any, n_rows: int) -> np.ndarray:
    """Return one threshold per row, or say which one is no probability."""
    try:
        given = np.asarray(threshold, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"threshold should be a number in (0, 1] or one for each row, got {threshold!r}. Pass a probability."
        ) from error
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n_rows):
        raise ValueError(
            f"threshold should be one number or one for each of the {n_rows} rows of X, got shape {given.shape}. "
            "Pass a number, or a flat array with one for each row."
        )
    out = np.broadcast_to(given, (n_rows,)).copy()
    bad = ~((out > 0) & (out <= 1))
    if bad.any():
        raise ValueError(
            f"threshold should lie in (0, 1], got {out[bad][0]} in {int(bad.sum())} rows. Pass a probability."
        )
    return out
