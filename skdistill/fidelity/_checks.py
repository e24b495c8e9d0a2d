"""Checks of distributions, labels, values and weights that fidelity is measured on."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill._validation import check_weights

__all__ = [
    "aligned_pair",
    "check_classes",
    "check_distributions",
    "check_fraction",
    "check_labels",
    "check_positive_int",
    "check_row_weights",
    "check_same_rows",
    "check_values",
    "class_codes",
    "is_missing",
    "same_labels",
    "weighted_mean",
]

# Networks answer in float32, whose rows sum to one within about 1e-6 per class; this leaves room for many classes.
SUM_TOLERANCE = 1e-3


def check_distributions(proba: ArrayLike, name: str) -> np.ndarray:
    """Return distributions as float64 rows of sum one, or say what is wrong with them and where.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_classes)
        What `predict_proba` gave.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        The distributions.

    Raises
    ------
    ValueError
        If it is no matrix, has no row or column, or some row is not finite, negative or does not sum to 1.
    """
    array = np.asarray(proba, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix (n_rows, n_classes) with at least one row, got shape {array.shape}. Pass the "
            "output of predict_proba."
        )
    # A NaN or an infinity in a row shows in its sum.
    with np.errstate(invalid="ignore"):
        sums = array.sum(axis=1)
    wrong = ~(np.abs(sums - 1.0) <= SUM_TOLERANCE) | (array < 0).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{name} must hold distributions: finite, at least 0, rows summing to 1; got {_shown(array[row])} of sum "
            f"{sums[row]:.4g} in row {row} ({int(wrong.sum())} of {len(array)} rows are off). Pass the output of "
            "predict_proba, not margins."
        )
    return array / sums[:, None]


def check_classes(classes: ArrayLike, n_columns: int, name: str) -> np.ndarray:
    """Return the classes that columns stand for, shape (n_columns,), or say what is wrong with them."""
    array = np.asarray(classes)
    if array.shape != (n_columns,):
        raise ValueError(
            f"{name} must name the class of each column, shape ({n_columns},), got shape {array.shape}. Pass the "
            "classes_ of the model whose predict_proba gave the columns."
        )
    listed = array.tolist()
    if len(set(listed)) < len(listed):
        twice = next(value for i, value in enumerate(listed) if value in listed[:i])
        raise ValueError(
            f"{name} must name each class once, got {twice!r} more than once. Pass the classes_ of the model."
        )
    return array


def aligned_pair(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Check both models' distributions and bring them to the same columns.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        What their columns stand for. None for both takes the columns as they come.

    Returns
    -------
    teacher, student : ndarrays of shape (n_rows, n_union)
        Distributions over all classes that either knows; a class that a model never saw has probability 0 there.
    """
    teacher = check_distributions(proba_teacher, "proba_teacher")
    student = check_distributions(proba_student, "proba_student")
    if classes_teacher is None and classes_student is None:
        check_same_rows(teacher, student, "probabilities")
        return teacher, student
    if classes_teacher is None or classes_student is None:
        missing = "classes_teacher" if classes_teacher is None else "classes_student"
        raise ValueError(
            f"{missing} must be given along with the other model's classes, got None. Pass both models' classes_, or "
            "neither where the columns are in the same order."
        )
    check_same_rows(teacher[:, 0], student[:, 0], "probabilities")
    of_teacher = check_classes(classes_teacher, teacher.shape[1], "classes_teacher").tolist()
    of_student = check_classes(classes_student, student.shape[1], "classes_student").tolist()
    if of_teacher == of_student:
        return teacher, student
    if set(of_teacher).isdisjoint(of_student):
        raise ValueError(
            f"classes_teacher {of_teacher[:8]!r} and classes_student {of_student[:8]!r} must have classes in common, "
            "got none. Train both models on the same labels, or encode both in the same way."
        )
    position = {value: i for i, value in enumerate(dict.fromkeys(of_teacher + of_student))}
    return _placed(teacher, of_teacher, position), _placed(student, of_student, position)


def _placed(proba: np.ndarray, classes: list[Any], position: dict[Any, int]) -> np.ndarray:
    placed = np.zeros((len(proba), len(position)))
    placed[:, [position[value] for value in classes]] = proba
    return placed


def check_labels(labels: ArrayLike, name: str) -> np.ndarray:
    """Return labels as an array of shape (n_rows,), or say what is wrong with them."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} must be labels of shape (n_rows,), got shape {array.shape}. Pass the output of predict."
        )
    if array.dtype.kind == "f":
        missing = np.isnan(array)
    elif array.dtype == object:
        missing = np.array([is_missing(value) for value in array.tolist()], dtype=bool)
    else:
        return array
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise ValueError(
            f"{name} must have a label in each row, got {array[row]!r} in row {row} ({int(missing.sum())} such rows). "
            "Leave these rows out."
        )
    return array


def is_missing(value: Any) -> bool:
    """Tell whether an object is None, NaN or what a table has for it."""
    # pandas' NA is neither equal to itself nor unequal.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(value != value)


def same_labels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return, row by row, whether two checked label arrays say the same; labels of unlike kinds are refused."""
    kinds = (_kind(first), _kind(second))
    if set(kinds) == {"strings", "numbers"}:
        raise ValueError(
            f"The teacher's and the student's labels must be of one kind, got {kinds[0]} and {kinds[1]}. Encode both "
            "in the same way."
        )
    return np.asarray(first == second, dtype=bool)


def _kind(labels: np.ndarray) -> str:
    if labels.dtype.kind in "US":
        return "strings"
    if labels.dtype.kind in "biuf":
        return "numbers"
    listed = labels.tolist()
    if all(isinstance(value, str) for value in listed):
        return "strings"
    return "numbers" if all(isinstance(value, Real) for value in listed) else "objects"


def class_codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the position of each label among the classes, -1 for a label that is none of them."""
    lookup = {value: code for code, value in enumerate(classes.tolist())}
    if labels.dtype == object:
        return np.array([lookup.get(value, -1) for value in labels.tolist()], dtype=np.intp)
    values, inverse = np.unique(labels, return_inverse=True)
    return np.array([lookup.get(value, -1) for value in values.tolist()], dtype=np.intp)[inverse.reshape(-1)]


def check_values(values: ArrayLike, name: str) -> np.ndarray:
    """Return regression values of shape (n_rows,) or (n_rows, n_outputs) as float64, or say what is wrong."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"{name} must have shape (n_rows,) or (n_rows, n_outputs) with at least one row, got {array.shape}. Pass "
            "the output of predict."
        )
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise ValueError(
            f"{name} must be finite, got {_shown(np.atleast_1d(array[row]))} in row {row} ({int((~finite).sum())} such "
            "rows). Check the model on these rows, or leave them out."
        )
    return array


def check_same_rows(teacher: np.ndarray, student: np.ndarray, what: str) -> None:
    """Refuse answers of other shapes, and none at all."""
    if teacher.shape != student.shape:
        raise ValueError(
            f"The teacher's and the student's {what} must have the same shape, got {teacher.shape} and "
            f"{student.shape}. Predict the same rows, and bring the columns into the same order of classes."
        )
    if len(teacher) == 0:
        raise ValueError(f"There are no {what} to compare. Pass at least one row.")


def check_row_weights(sample_weight: Any, n_rows: int) -> np.ndarray | None:
    """Return weights as float64 of shape (n_rows,), or None when there are none."""
    if sample_weight is not None and np.size(sample_weight) and not np.any(np.asarray(sample_weight)):
        raise ValueError("sample_weight is zero for every row, so there is nothing to compare. Give some row a weight.")
    return check_weights(sample_weight, n_rows)


def check_fraction(value: Any, name: str, *, closed: bool = False) -> float:
    """Return a number between 0 and 1, with or without the ends."""
    number = float(value) if isinstance(value, Real) else np.nan
    if not (0 <= number <= 1 if closed else 0 < number < 1):
        span = "[0, 1]" if closed else "(0, 1), without its ends"
        raise ValueError(f"{name} must be in {span}, got {value!r}. Choose another value.")
    return number


def check_positive_int(value: Any, name: str) -> int:
    """Return an integer of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}. Choose another number.")
    return int(value)


def weighted_mean(rows: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the mean of checked numbers of shape (n_rows,) under checked weights."""
    return float(np.average(rows, weights=weight))


def _shown(row: np.ndarray) -> str:
    shown = ", ".join(f"{value:.4g}" for value in row[:6])
    return f"[{shown}]" if len(row) <= 6 else f"[{shown}, ...]"
