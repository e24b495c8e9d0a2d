"""Answers that were given elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skdistill.fidelity._answers import SetAnswers, collect_answers
from skdistill.fidelity._checks import check_distributions
from skdistill.fidelity._models import label_array
from skdistill.response._collect import Task

__all__ = ["answers_from_arrays"]


class _ToldValues:
    """A regressor that has answered already."""

    def __init__(self, answer: Any) -> None:
        self.answer = np.asarray(answer)

    def predict(self, X: Any) -> np.ndarray:
        """Give the answer."""
        return self.answer


class _ToldLabels(_ToldValues):
    """A classifier that has answered already, with labels."""

    def __init__(self, answer: Any, classes: np.ndarray) -> None:
        super().__init__(answer)
        self.classes_ = classes


class _ToldProba(_ToldLabels):
    """A classifier that has answered already, with probabilities."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the answer."""
        return self.answer

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable classes."""
        return self.classes_[self.answer.argmax(axis=1)]


def answers_from_arrays(name: str, parts: Mapping[str, Any], classes: Any) -> SetAnswers:
    """Read predictions that were made elsewhere as answers.

    Parameters
    ----------
    name : str
        Name of the set.
    parts : mapping
        With "teacher" and "student", and where known "y", "X" and "sample_weight".
    classes : array-like of shape (n_classes,) or None
        Labels of the probabilities' columns; None means values of a regression.

    Returns
    -------
    SetAnswers
        The answers; without "X" there are no rows to find slices in.

    Raises
    ------
    ValueError
        If a part is missing, unknown or not valid.
    """
    known = {"teacher", "student", "y", "X", "sample_weight"}
    if not isinstance(parts, Mapping) or not {"teacher", "student"} <= set(parts) <= known:
        got = sorted(parts) if isinstance(parts, Mapping) else type(parts).__name__
        raise ValueError(
            f"The set {name!r} must be a mapping with 'teacher' and 'student', and may have 'y', 'X' and "
            f"'sample_weight', got {got}. Rename or leave out the others."
        )
    labels = None if classes is None else label_array(classes, "classes")
    teacher, student = (_told(parts[role], labels, f"{role} of the set {name!r}") for role in ("teacher", "student"))
    n_rows = len(teacher.answer)
    if len(student.answer) != n_rows:
        raise ValueError(
            f"teacher and student of the set {name!r} must tell of the same rows, got {n_rows} and "
            f"{len(student.answer)}. Predict the same rows with both."
        )
    rows = parts.get("X")
    task: Task = "regression" if labels is None else "classification"
    answers = collect_answers(
        teacher,
        student,
        name,
        np.zeros((n_rows, 1)) if rows is None else rows,
        parts.get("y"),
        sample_weight=parts.get("sample_weight"),
        task=task,
    )
    return replace(answers, X=None) if rows is None else answers


def _told(answer: Any, classes: np.ndarray | None, what: str) -> _ToldValues:
    array = np.asarray(answer)
    if classes is None:
        return _ToldValues(array)
    if array.ndim == 1:
        return _ToldLabels(array, classes)
    if array.ndim != 2 or array.shape[1] != len(classes):
        raise ValueError(
            f"{what} must have one column per class, {len(classes)}, got shape {array.shape}. Pass the labels of the "
            "columns as classes."
        )
    return _ToldProba(check_distributions(array, what), classes)
