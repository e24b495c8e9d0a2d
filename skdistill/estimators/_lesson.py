"""What one fit of a student is given: labelled rows, further rows, and the teacher's answers about both."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skdistill._sklearn import num_samples, safe_indexing
from skdistill._validation import stack_rows
from skdistill.response import TeacherResponse

__all__ = ["Further", "Lesson"]


@dataclass(frozen=True)
class Further:
    """Rows without labels, and what the teacher says of them.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_further, n_features)
        The rows, in the student's columns.
    told : ndarray of shape (n_further, n_classes) or (n_further,) or (n_further, n_outputs)
        The teacher's distributions or values, as the student learns them.
    """

    X: Any
    told: np.ndarray


@dataclass(frozen=True)
class Lesson:
    """Labelled rows with the teacher's answers, and further rows.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Labelled rows, in the student's columns.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Labels: class numbers or values.
    weight : ndarray of shape (n_rows,)
        Sample weights.
    told : ndarray of shape (n_rows, n_classes) or (n_rows,) or (n_rows, n_outputs)
        The teacher's distributions or values, as the student learns them (calibrated, at its temperature).
    answer : TeacherResponse
        The teacher's own answer about the labelled rows.
    further : Further or None, default=None
        Rows without labels.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    told: np.ndarray
    answer: TeacherResponse
    further: Further | None = None

    def part(self, rows: np.ndarray, further: Further | None) -> "Lesson":
        """Return the lesson of some labelled rows, with further rows of their own."""
        return Lesson(
            safe_indexing(self.X, rows), self.y[rows], self.weight[rows], self.told[rows], self.answer, further
        )

    def labels_only(self) -> "Lesson":
        """Return the lesson without further rows, which the labels say nothing about."""
        return replace(self, further=None)

    @property
    def n_further(self) -> int:
        """Number of further rows."""
        return 0 if self.further is None else num_samples(self.further.X)

    def all_rows(self) -> Any:
        """Return labelled rows, then further rows."""
        return self.X if self.further is None else stack_rows(self.X, self.further.X)

    def all_told(self) -> np.ndarray:
        """Return the teacher's answers about all rows."""
        return self.told if self.further is None else np.concatenate([self.told, self.further.told])
