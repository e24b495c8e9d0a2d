"""Divergences row by row, of distributions of shape (n_rows, n_classes) that are checked already."""

import numpy as np
from scipy.special import rel_entr, xlogy

__all__ = [
    "STUDENT_FLOOR",
    "brier_rows",
    "cross_entropy_rows",
    "jensen_shannon_rows",
    "kl_rows",
    "total_variation_rows",
]

# A tree student gives exact zeros, against which the divergence would be infinite.
STUDENT_FLOOR = 1e-6


def kl_rows(teacher: np.ndarray, student: np.ndarray, floor: float = STUDENT_FLOOR) -> np.ndarray:
    """Return ``sum_k t_k log(t_k / s_k)`` of each row, in nats, with the student's probabilities floored."""
    return np.maximum(rel_entr(teacher, _floored(student, floor)).sum(axis=1), 0.0)


def cross_entropy_rows(teacher: np.ndarray, student: np.ndarray, floor: float = STUDENT_FLOOR) -> np.ndarray:
    """Return ``-sum_k t_k log s_k`` of each row, in nats, with the student's probabilities floored."""
    return np.maximum(-xlogy(teacher, _floored(student, floor)).sum(axis=1), 0.0)


def jensen_shannon_rows(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Return ``(KL(t, m) + KL(s, m)) / 2`` with ``m = (t + s) / 2`` of each row, in nats."""
    middle = 0.5 * (teacher + student)
    rows = 0.5 * (rel_entr(teacher, middle) + rel_entr(student, middle)).sum(axis=1)
    return np.clip(rows, 0.0, np.log(2.0))


def total_variation_rows(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Return ``sum_k |t_k - s_k| / 2`` of each row."""
    return np.minimum(0.5 * np.abs(teacher - student).sum(axis=1), 1.0)


def brier_rows(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Return ``sum_k (t_k - s_k)^2`` of each row."""
    return np.square(teacher - student).sum(axis=1)


def _floored(proba: np.ndarray, floor: float) -> np.ndarray:
    floored = np.maximum(proba, floor)
    return floored / floored.sum(axis=1, keepdims=True)
