"""How close two sets of predictions are."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr, xlogy
from sklearn.utils.validation import column_or_1d

__all__ = ["agreement_score", "jensen_shannon", "log_loss_soft", "predictive_kl"]

# A tree student gives exact zeros, against which the divergence would be infinite.
STUDENT_FLOOR = 1e-6


def agreement_score(
    labels_teacher: ArrayLike, labels_student: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of rows to which teacher and student give the same label.

    Parameters
    ----------
    labels_teacher, labels_student : array-like of shape (n_rows,)
        Predicted labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, equation 3.

    Examples
    --------
    >>> from skdistill.fidelity import agreement_score
    >>> agreement_score(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    """
    teacher, student = column_or_1d(labels_teacher), column_or_1d(labels_student)
    return _average(_same_shape(teacher, student, "labels")[0] == student, sample_weight)


def predictive_kl(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    floor: float = STUDENT_FLOOR,
) -> float:
    """Mean Kullback-Leibler divergence of the student's distributions from the teacher's.

    ``sum_k t_k log(t_k / s_k)`` in nats, teacher first.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions over the same classes.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    floor : float, default=1e-06
        The student's probabilities below are set to it (and its rows renormalised), since one exact zero would make
        the mean infinite. 0 switches this off.

    Returns
    -------
    float
        At least 0, in nats.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, equation 4.

    Examples
    --------
    >>> from skdistill.fidelity import predictive_kl
    >>> round(predictive_kl([[0.5, 0.5]], [[0.9, 0.1]]), 3)
    0.511
    """
    teacher, student = _distributions(proba_teacher, proba_student)
    return _average(rel_entr(teacher, _floored(student, floor)).sum(axis=1), sample_weight)


def jensen_shannon(
    proba_teacher: ArrayLike, proba_student: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean Jensen-Shannon divergence between two models' distributions.

    ``(KL(t, m) + KL(s, m)) / 2`` with ``m = (t + s) / 2``, in nats: symmetric, at most log 2, and defined for exact
    zeros.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions over the same classes.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        In [0, log 2], in nats.

    References
    ----------
    Lin: Divergence Measures Based on the Shannon Entropy, IEEE Transactions on Information Theory 37, 1991.

    Examples
    --------
    >>> from skdistill.fidelity import jensen_shannon
    >>> round(jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]]), 3)
    0.693
    """
    teacher, student = _distributions(proba_teacher, proba_student)
    middle = 0.5 * (teacher + student)
    rows = 0.5 * (rel_entr(teacher, middle) + rel_entr(student, middle)).sum(axis=1)
    return _average(np.maximum(rows, 0.0), sample_weight)


def log_loss_soft(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    floor: float = STUDENT_FLOOR,
) -> float:
    """Mean cross-entropy of the student's distributions under soft labels, ``-sum_k t_k log s_k``.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions over the same classes.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    floor : float, default=1e-06
        The student's probabilities below are set to it (and its rows renormalised).

    Returns
    -------
    float
        At least the mean entropy of the soft labels, in nats.

    Examples
    --------
    >>> from skdistill.fidelity import log_loss_soft
    >>> round(log_loss_soft([[0.5, 0.5]], [[0.5, 0.5]]), 3)
    0.693
    """
    teacher, student = _distributions(proba_teacher, proba_student)
    return _average(-xlogy(teacher, _floored(student, floor)).sum(axis=1), sample_weight)


def _distributions(proba_teacher: ArrayLike, proba_student: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    teacher = _checked(proba_teacher, "proba_teacher")
    student = _checked(proba_student, "proba_student")
    return _same_shape(teacher, student, "probabilities")


def _checked(proba: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(proba, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix (n_rows, n_classes) with at least one row, got shape {array.shape}. Pass the "
            "output of predict_proba."
        )
    if not (array >= 0).all() or (np.abs(array.sum(axis=1) - 1.0) > 1e-3).any():
        raise ValueError(
            f"{name} must hold distributions: finite, at least 0, rows summing to 1. Pass the output of predict_proba, "
            "not margins."
        )
    return array / array.sum(axis=1, keepdims=True)


def _same_shape(teacher: np.ndarray, student: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    if teacher.shape != student.shape:
        raise ValueError(
            f"The teacher's and the student's {what} must have the same shape, got {teacher.shape} and "
            f"{student.shape}. Predict the same rows, and bring the columns into the same order of classes."
        )
    if len(teacher) == 0:
        raise ValueError(f"There are no {what} to compare. Pass at least one row.")
    return teacher, student


def _floored(proba: np.ndarray, floor: float) -> np.ndarray:
    floored = np.maximum(proba, floor)
    return floored / floored.sum(axis=1, keepdims=True)


def _average(rows: np.ndarray, sample_weight: ArrayLike | None) -> float:
    return float(np.average(rows, weights=None if sample_weight is None else np.asarray(sample_weight)))
