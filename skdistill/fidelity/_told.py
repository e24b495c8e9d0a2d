"""Answers that were given elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skdistill.fidelity._answers import SetAnswers, collect_answers
from skdistill.fidelity._checks import check_distributions
from skdistill.fidelity._models import label_array
from skdistill.response._collect import Task

__all__ = ["ToldLabels", "ToldProba", "ToldValues", "answers_from_arrays", "told_teacher"]

ROUNDING = 1e-5


class ToldValues:
    """A regressor that has answered already."""

    def __init__(self, answer: Any) -> None:
        self.answer = np.asarray(answer)

    def predict(self, X: Any) -> np.ndarray:
        """Give the answer."""
        return self.answer


class ToldLabels(ToldValues):
    """A classifier that has answered already, with labels."""

    def __init__(self, answer: Any, classes: np.ndarray) -> None:
        super().__init__(answer)
        self.classes_ = classes


class ToldProba(ToldLabels):
    """A classifier that has answered already, with probabilities; its labels need not be the most probable ones."""

    def __init__(self, answer: Any, classes: np.ndarray, labels: Any = None) -> None:
        super().__init__(answer, classes)
        self.labels = labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the answer."""
        return self.answer

    def predict(self, X: Any) -> np.ndarray:
        """Give the labels, or else the most probable classes."""
        return self.classes_[self.answer.argmax(axis=1)] if self.labels is None else np.asarray(self.labels)


def told_teacher(answers: SetAnswers) -> ToldValues:
    """Return a teacher that answers as it did about one set, so that it need not be asked again.

    Parameters
    ----------
    answers : SetAnswers
        What both models said.

    Returns
    -------
    object
        With `predict`, and `predict_proba` if the teacher gave distributions.
    """
    if answers.task == "regression":
        return ToldValues(answers.values_teacher)
    classes = np.asarray(answers.classes)
    labels = classes[answers.said("teacher")]
    if answers.proba_teacher is None:
        return ToldLabels(labels, classes)
    return ToldProba(answers.proba_teacher, classes, labels)


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
        If a part is missing, unknown or not valid, or there are probabilities without classes.
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


def _told(answer: Any, classes: np.ndarray | None, what: str) -> ToldValues:
    array = np.asarray(answer)
    if classes is None:
        if _are_distributions(array):
            raise ValueError(
                f"{what} holds probabilities, so classes must be given, the labels of the {array.shape[1]} columns; "
                "got None, which means a regression. If these are values that sum to one, leave out the last column."
            )
        return ToldValues(array)
    if array.ndim == 1:
        return ToldLabels(array, classes)
    if array.ndim != 2 or array.shape[1] != len(classes):
        raise ValueError(
            f"{what} must have one column per class, {len(classes)}, got shape {array.shape}. Pass the labels of the "
            "columns as classes."
        )
    return ToldProba(check_distributions(array, what), classes)


def _are_distributions(array: np.ndarray) -> bool:
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind != "f":
        return False
    return bool((array >= 0).all() and (np.abs(array.sum(axis=1) - 1) <= ROUNDING).all())
