"""What a teacher and a student say about the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skdistill._sklearn import num_samples
from skdistill._validation import as_rows, check_weights
from skdistill.fidelity._checks import check_distributions
from skdistill.fidelity._metrics import jensen_shannon_rows
from skdistill.fidelity._models import codes_in, known_classes, label_array, task_of
from skdistill.response import TeacherResponse, ask
from skdistill.response._collect import Task

__all__ = ["SetAnswers", "check_mapping", "collect_answers", "read_sets"]

SET_PARTS = ("X", "y", "sample_weight", "X_teacher")
# Only ratios of weights matter; the squares and sums of these would leave the range of floats.
HUGE = 1e100


@dataclass(frozen=True, repr=False, eq=False)
class SetAnswers:
    """What both models say about one set of rows.

    Parameters
    ----------
    name : str
        Name of the set.
    task : {"classification", "regression"}
        What is predicted.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows as the student sees them.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    classes : ndarray of shape (n_classes,) or None
        All classes that either model or the labels know; the codes below count in it.
    codes_true, codes_teacher, codes_student : ndarray of shape (n_rows,) or None
        Labels and predicted labels.
    proba_teacher, proba_student : ndarray of shape (n_rows, n_classes) or None
        Distributions; None for a model without.
    y, values_teacher, values_student : ndarray of shape (n_rows,) or (n_rows, n_outputs) or None
        Targets and predictions of a regression.
    X_teacher : array-like, data frame or sparse matrix of shape (n_rows, n_teacher_features) or None
        The rows as the teacher sees them, where it has other columns.
    """

    name: str
    task: Task
    X: Any
    weight: np.ndarray | None = None
    classes: np.ndarray | None = None
    codes_true: np.ndarray | None = None
    codes_teacher: np.ndarray | None = None
    codes_student: np.ndarray | None = None
    proba_teacher: np.ndarray | None = None
    proba_student: np.ndarray | None = None
    y: np.ndarray | None = None
    values_teacher: np.ndarray | None = None
    values_student: np.ndarray | None = None
    X_teacher: Any = None

    def __repr__(self) -> str:
        """Name the set and its size; the arrays would fill pages."""
        return f"SetAnswers({self.name!r}, {self.task}, {self.n_rows} rows)"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.said("teacher"))

    @property
    def has_truth(self) -> bool:
        """Whether the labels or targets are known."""
        return self.codes_true is not None or self.y is not None

    @property
    def has_proba(self) -> bool:
        """Whether both models gave distributions."""
        return self.proba_teacher is not None and self.proba_student is not None

    def said(self, role: str) -> np.ndarray:
        """Return the predictions of "teacher" or "student": codes of classes, or values."""
        return np.asarray(getattr(self, f"codes_{role}" if self.task == "classification" else f"values_{role}"))

    def right(self, role: str) -> np.ndarray:
        """Return, row by row, whether the label that "teacher" or "student" predicts is the true one."""
        return np.asarray(self.said(role) == self.codes_true)

    def unit_weight(self) -> np.ndarray:
        """Return the weights, or ones."""
        return np.ones(self.n_rows) if self.weight is None else self.weight

    def disagreement(self) -> np.ndarray:
        """Return, row by row, whether the labels differ, or the squared difference of the values."""
        teacher, student = self.said("teacher"), self.said("student")
        if self.task == "classification":
            return (teacher != student).astype(np.float64)
        return ((teacher - student) ** 2).reshape(self.n_rows, -1).mean(axis=1)

    def divergence(self) -> np.ndarray | None:
        """Return the Jensen-Shannon divergence row by row, or None without distributions."""
        if self.proba_teacher is None or self.proba_student is None:
            return None
        return jensen_shannon_rows(self.proba_teacher, self.proba_student)


def read_sets(sets: Any) -> dict[str, dict[str, Any]]:
    """Bring the sets of a report into one form.

    Parameters
    ----------
    sets : mapping of str to tuple, mapping or table
        ``(X, y)``, ``(X, None)``, ``(X, y, sample_weight)``, a mapping with the keys "X", "y", "sample_weight" and
        "X_teacher", or the rows alone.

    Returns
    -------
    dict of str to dict
        With the keys "X", "y", "sample_weight", "X_teacher".

    Raises
    ------
    ValueError
        If there is no set, or one is not as described.
    """
    check_mapping(sets, "(X, y)", "{'test': (X, y)}; y may be None")
    return {str(name): _read_set(str(name), value) for name, value in sets.items()}


def check_mapping(sets: Any, parts: str, example: str) -> None:
    """Refuse sets that are not at least one name with its parts."""
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(
            f"sets must be a mapping of at least one name to {parts}, got {_shown(sets)}. For one set of rows write "
            f"{example}."
        )


def _read_set(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - set(SET_PARTS))
        if unknown or "X" not in value:
            raise ValueError(
                f"The set {name!r} must have 'X' and may have 'y', 'sample_weight' and 'X_teacher', got "
                f"{sorted(value)}. Rename or leave out the others."
            )
        parts = dict(value)
    elif isinstance(value, tuple):
        if not 1 <= len(value) <= 3:
            raise ValueError(
                f"The set {name!r} must be (X, y) or (X, y, sample_weight), got a tuple of {len(value)}. Write None "
                "for what is not known."
            )
        parts = dict(zip(SET_PARTS, value, strict=False))
    else:
        if isinstance(value, list) and any(hasattr(part, "shape") and np.ndim(part) == 2 for part in value):
            raise ValueError(f"The set {name!r} must be a tuple (X, y), got a list of tables. Write (X, y).")
        parts = {"X": value}
    if parts["X"] is None or isinstance(parts["X"], str):
        raise ValueError(f"The set {name!r} must have rows, got {_shown(parts['X'])} for X. Leave the set out.")
    return _checked_set(name, {part: parts.get(part) for part in SET_PARTS})


def _checked_set(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the parts with rows that can be indexed and weights as an array, or say which does not fit."""
    X = as_rows(parts["X"])
    n_rows = num_samples(X)
    if n_rows == 0:
        raise ValueError(f"The set {name!r} must have at least one row, got none. Leave the set out.")
    X_teacher = None if parts["X_teacher"] is None else as_rows(parts["X_teacher"])
    for part, values in (("y", parts["y"]), ("X_teacher", X_teacher)):
        if values is not None and num_samples(values) != n_rows:
            raise ValueError(
                f"{part} of the set {name!r} must have one entry per row of X, {n_rows}, got {num_samples(values)}. "
                "Select the same rows from both."
            )
    weight = check_weights(parts["sample_weight"], n_rows)
    return {"X": X, "y": parts["y"], "sample_weight": weight, "X_teacher": X_teacher}


def _shown(value: Any) -> str:
    return "an empty mapping" if isinstance(value, Mapping) else f"{type(value).__name__} {str(value)[:40]!r}"


def collect_answers(
    teacher: Any,
    student: Any,
    name: str,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    X_teacher: Any = None,
    classes: np.ndarray | None = None,
    task: Task | None = None,
) -> SetAnswers:
    """Ask two fitted models about one set of rows.

    Parameters
    ----------
    teacher, student : estimator
        Fitted models of one task.
    name : str
        Name of the set.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows as the student sees them.
    y : array-like of shape (n_rows,), default=None
        Labels or targets.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    X_teacher : array-like, data frame or sparse matrix, default=None
        The same rows as the teacher sees them; None if it sees X.
    classes : ndarray of shape (n_classes,), default=None
        Sorted classes to count in; None takes those of the models and of y.
    task : {"classification", "regression"}, default=None
        What the models predict; None reads it off them.

    Returns
    -------
    SetAnswers
        The answers.

    Raises
    ------
    ValueError
        If the set is empty, its parts have different lengths, or an answer is not a valid one.
    """
    parts = _checked_set(name, {"X": X, "y": y, "sample_weight": sample_weight, "X_teacher": X_teacher})
    X, weight = parts["X"], parts["sample_weight"]
    if weight is not None and not 1 / HUGE < weight.max() < HUGE:
        weight = weight / weight.max()
    X_teacher = X if parts["X_teacher"] is None else parts["X_teacher"]
    if (task or task_of(teacher, student)) == "regression":
        answers = _collect_values(teacher, student, name, X, y, weight, X_teacher)
        return replace(answers, X_teacher=parts["X_teacher"])
    if classes is None:
        classes = known_classes(teacher, student, {name: {"y": y}})
    proba_teacher = _teacher_proba(teacher, X_teacher, classes)
    proba_student = _student_proba(student, X, classes)
    answers = SetAnswers(
        name,
        "classification",
        X,
        weight,
        classes=classes,
        codes_true=None if y is None else codes_in(classes, label_array(y, f"y of the set {name!r}"), "y"),
        codes_teacher=_predicted_codes(teacher, "teacher", X_teacher, classes, proba_teacher),
        codes_student=_predicted_codes(student, "student", X, classes, proba_student),
        proba_teacher=proba_teacher,
        proba_student=proba_student,
        X_teacher=parts["X_teacher"],
    )
    _check_lengths(answers, num_samples(X))
    return answers


def _check_lengths(answers: SetAnswers, n_rows: int) -> None:
    for role in ("teacher", "student"):
        for said in (getattr(answers, f"codes_{role}"), getattr(answers, f"proba_{role}")):
            if said is not None and len(said) != n_rows:
                raise ValueError(
                    f"The {role} must answer for each row of the set {answers.name!r}, {n_rows}, got {len(said)} "
                    "answers. Check its predict and predict_proba."
                )


def _teacher_proba(teacher: Any, X: Any, classes: np.ndarray) -> np.ndarray | None:
    if not hasattr(teacher, "predict_proba") and not hasattr(teacher, "decision_function"):
        return None
    return ask(teacher, X).align(classes).proba()


def _student_proba(student: Any, X: Any, classes: np.ndarray) -> np.ndarray | None:
    if not hasattr(student, "predict_proba"):
        return None
    own = np.asarray(student.classes_)
    proba = check_distributions(student.predict_proba(X), "the student's predict_proba")
    if proba.shape[1] != len(own):
        raise ValueError(
            f"The student's predict_proba must give one column per class in its classes_, {len(own)}, got "
            f"{proba.shape[1]}. Check that they belong together."
        )
    return TeacherResponse("proba", proba, own, "predict_proba").align(classes).values


def _predicted_codes(model: Any, role: str, X: Any, classes: np.ndarray, proba: np.ndarray | None) -> np.ndarray:
    # A model may decide otherwise than by its greatest probability (a tuned threshold), so it is asked for both.
    if not hasattr(model, "predict") and proba is not None:
        return proba.argmax(axis=1)
    what = f"the {role}'s predictions"
    return codes_in(classes, label_array(model.predict(X), what), what)


def _collect_values(
    teacher: Any, student: Any, name: str, X: Any, y: Any, weight: np.ndarray | None, X_teacher: Any
) -> SetAnswers:
    told = {
        "the teacher's predictions": teacher.predict(X_teacher),
        "the student's predictions": student.predict(X),
    }
    if y is not None:
        told["y"] = y
    values = {what: _finite_values(value, what, name) for what, value in told.items()}
    shapes = {array.shape for array in values.values()}
    if len(shapes) > 1:
        raise ValueError(
            f"The predictions about the set {name!r} and its y must have one shape, got "
            f"{', '.join(f'{array.shape} for {what}' for what, array in values.items())}. Compare the same outputs."
        )
    given, learnt, *truth = values.values()
    return SetAnswers(
        name, "regression", X, weight, y=truth[0] if truth else None, values_teacher=given, values_student=learnt
    )


def _finite_values(values: Any, what: str, name: str) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"In the set {name!r} {what} must be numbers, since this is a regression, got {np.asarray(values).dtype} "
            f"({error}). Of classifiers give the classes: as classes_, or to from_predictions as classes."
        ) from error
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))[0])
        raise ValueError(
            f"In the set {name!r} {what} must be finite, got NaN or infinity in row {row}. Drop such rows, or check "
            "the model on them."
        )
    return array
