"""Checked input of `RIDStudent`: labels, layers, and the parts of a student."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skdistill._validation import has_infinity, has_missing

__all__ = ["check_classes", "check_labels", "layer_pairs", "refuse_gaps", "student_steps"]


def check_labels(y: Any) -> np.ndarray:
    """Return labels, in their own values.

    Raises
    ------
    ValueError
        If they are values rather than classes, of several kinds, or missing.
    """
    labels = column_or_1d(y, warn=True)
    if labels.dtype == object and len({isinstance(value, str) for value in labels.tolist()}) > 1:
        raise ValueError(
            "y must hold classes of one kind, got both strings and other values (or missing ones). Convert them, for "
            "instance with y.astype(str), and drop rows without a label."
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("Input y contains NaN or infinity. Drop the rows without a label.")
    check_classification_targets(labels)
    return labels


def check_classes(y: np.ndarray) -> np.ndarray:
    """Return the classes.

    Raises
    ------
    ValueError
        If there is only one.
    """
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least two classes, got only one class, {classes.tolist()[0]!r}. There is nothing to tell "
            "apart; check the labels (and that sample_weight leaves rows of two classes)."
        )
    return classes


def layer_pairs(layers: Any) -> list[tuple[str | None, str | None]]:
    """Turn the parameter `layers` into pairs of a teacher's and a student's layer.

    Parameters
    ----------
    layers : None, str, or sequence of str and pairs
        As in `RIDStudent`.

    Returns
    -------
    list of tuple of (str or None, str or None)
        None stands for the default layer.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if layers is None or isinstance(layers, str):
        return [(layers, None)]
    given = list(layers) if isinstance(layers, Sequence) else []
    pairs = [one if isinstance(one, tuple | list) else (one, None) for one in given]
    names = (str, type(None))
    if not pairs or not all(len(pair) == 2 and all(isinstance(name, names) for name in pair) for pair in pairs):
        raise ValueError(
            "layers must be None, the name of a layer of the teacher, or a list of such names and of pairs (teacher's "
            f"layer, student's layer), got {layers!r}. Use None in a pair for the input of the last linear layer."
        )
    return [(pair[0], pair[1]) for pair in pairs]


def student_steps(student: Any, X: Any) -> tuple[Pipeline | None, Any, str]:
    """Part a student into what changes rows and what is taught.

    Parameters
    ----------
    student : object
        As in `RIDStudent`.
    X : array-like, data frame or sparse matrix
        The rows.

    Returns
    -------
    steps : Pipeline or None
        Unfitted clones of the steps before the net; standardisation if there is no student.
    net : object
        The net, not a clone, or the class of a module, or None.
    name : str
        Name of the net's step.
    """
    if student is None:
        # Centred sparse rows would be dense.
        scaler = MaxAbsScaler() if hasattr(X, "tocsr") else StandardScaler()
        return Pipeline([("scale", scaler)]), None, "net"
    if not isinstance(student, Pipeline):
        return None, student, "net"
    *first, (name, net) = student.steps
    return (Pipeline(clone(student).steps[:-1]) if first else None), net, name


def refuse_gaps(X: Any) -> None:
    """Refuse missing and infinite values, which no net takes.

    Raises
    ------
    ValueError
        If there are some.
    """
    if has_missing(X) or has_infinity(X):
        raise ValueError(
            "Input X contains NaN or infinity, which a neural net cannot take. Impute the rows first, for instance "
            "with student=make_pipeline(SimpleImputer(), StandardScaler(), net)."
        )
