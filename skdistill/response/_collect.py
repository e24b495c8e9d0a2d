"""Asking fitted teachers."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import BaseSearchCV, num_samples, safe_indexing
from skdistill.exceptions import InvalidResponseError, TeacherError
from skdistill.response._response import Kind, TeacherResponse

__all__ = ["Task", "ask", "check_can_answer", "fit_teacher", "is_frozen"]

Task = Literal["classification", "regression"]


def ask(
    teacher: Any,
    X: Any,
    *,
    task: Task = "classification",
    classes: np.ndarray | None = None,
    batch_rows: int | None = None,
) -> TeacherResponse:
    """Ask a fitted teacher about rows.

    `predict_proba` is preferred to `decision_function`. A binary margin d becomes the two logits (0, d), whose softmax
    is sigmoid(d).

    Parameters
    ----------
    teacher : estimator
        Fitted classifier or regressor.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows, in the teacher's own columns.
    task : {"classification", "regression"}, default="classification"
        Whether probabilities or values are asked for.
    classes : ndarray of shape (n_classes,), default=None
        What the columns of the answer stand for when the teacher has no `classes_`.
    batch_rows : int, default=None
        Ask about so many rows at a time, which bounds the teacher's working memory. None asks at once.

    Returns
    -------
    TeacherResponse
        Of kind "proba", "logit" or "value".

    Raises
    ------
    TeacherError
        If the teacher has neither `predict_proba` nor `decision_function`.
    InvalidResponseError
        If its answer is not a valid one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skdistill.response import ask
    >>> X, y = load_iris(return_X_y=True)
    >>> answer = ask(SVC().fit(X, y), X[:2])
    >>> answer.kind, answer.method, answer.values.shape
    ('logit', 'decision_function', (2, 3))
    """
    n_rows = num_samples(X)
    if batch_rows is None or n_rows <= batch_rows:
        return _ask_once(teacher, X, task, classes)
    parts = [
        _ask_once(teacher, safe_indexing(X, np.arange(start, min(start + batch_rows, n_rows))), task, classes)
        for start in range(0, n_rows, batch_rows)
    ]
    values = np.concatenate([part.values for part in parts])
    return TeacherResponse(parts[0].kind, values, parts[0].classes, parts[0].method)


def _ask_once(teacher: Any, X: Any, task: Task, classes: np.ndarray | None) -> TeacherResponse:
    if task == "regression":
        return TeacherResponse("value", np.asarray(teacher.predict(X)), None, "predict")
    known = getattr(teacher, "classes_", classes)
    if known is None:
        raise TeacherError(
            f"The teacher {type(teacher).__name__} has no classes_, so its columns cannot be matched with the labels. "
            "Give it a classes_ attribute in the order of its columns."
        )
    known = np.asarray(known)
    if hasattr(teacher, "predict_proba"):
        return _response("proba", teacher.predict_proba(X), known, "predict_proba")
    if hasattr(teacher, "decision_function"):
        _refuse_one_vs_one(teacher)
        margins = np.asarray(teacher.decision_function(X), dtype=np.float64)
        return _response("logit", binary_logits(margins, len(known)), known, "decision_function")
    raise TeacherError(_cannot_answer(teacher))


def _response(kind: Kind, values: Any, classes: np.ndarray, method: str) -> TeacherResponse:
    if isinstance(values, list) or classes.ndim != 1:
        raise InvalidResponseError(
            f"The teacher's {method} gave one answer per output. A multi-output classifier cannot be distilled; "
            "distil each output by itself, for instance with MultiOutputClassifier(DistilledClassifier(...))."
        )
    return TeacherResponse(kind, np.asarray(values), classes, method)


def binary_logits(margins: np.ndarray, n_classes: int) -> np.ndarray:
    """Turn binary margins d of shape (n_rows,) into logits (0, d); other margins stay as they are."""
    if n_classes == 2 and (margins.ndim == 1 or margins.shape[1] == 1):
        flat = margins.reshape(-1)
        return np.column_stack([np.zeros_like(flat), flat])
    return margins


def _refuse_one_vs_one(teacher: Any) -> None:
    if getattr(_innermost(teacher), "decision_function_shape", None) == "ovo" and len(teacher.classes_) > 2:
        raise InvalidResponseError(
            "The teacher's decision_function compares pairs of classes (decision_function_shape='ovo'), so it has no "
            "margin per class. Set decision_function_shape='ovr'."
        )


def _innermost(teacher: Any) -> Any:
    """Return the learner whose margins a fitted teacher passes on, out of frozen shells, searches and pipelines."""
    while True:
        if is_frozen(teacher):
            teacher = teacher.estimator
        elif isinstance(teacher, BaseSearchCV):
            teacher = teacher.best_estimator_
        elif isinstance(teacher, Pipeline):
            teacher = teacher.steps[-1][1]
        else:
            return teacher


def check_can_answer(teacher: Any, task: Task) -> None:
    """Refuse, before any long work, a teacher that can never answer.

    A method that scikit-learn's `available_if` hides may appear after `fit`, so only its absence from the class counts
    for an unfitted teacher.
    """
    if not hasattr(teacher, "fit") and not is_frozen(teacher):
        raise TeacherError(
            f"teacher must be a scikit-learn-style estimator with fit, got {type(teacher).__name__}. Wrap a trained "
            "torch module as FrozenEstimator(skdistill.nets.TorchTeacher(module, classes=...))."
        )
    if is_frozen(teacher):
        check_frozen_fitted(teacher)
    wanted = ("predict",) if task == "regression" else ("predict_proba", "decision_function")
    holder = teacher if is_frozen(teacher) else type(teacher)
    if not any(hasattr(holder, name) or hasattr(teacher, name) for name in wanted):
        raise TeacherError(_cannot_answer(teacher) if task == "classification" else _no_predict(teacher))


def check_frozen_fitted(teacher: FrozenEstimator) -> None:
    """Refuse a frozen teacher whose inner estimator was never fitted."""
    try:
        check_is_fitted(teacher.estimator)
    except NotFittedError as error:
        raise NotFittedError(
            f"The frozen teacher {type(teacher.estimator).__name__} is not fitted. Fit it before freezing it, or hand "
            "over the bare estimator, which is then fitted."
        ) from error


def is_frozen(teacher: Any) -> bool:
    """Whether a teacher is handed over already fitted."""
    return isinstance(teacher, FrozenEstimator)


def fit_teacher(teacher: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
    """Fit a clone of the teacher; a frozen one is its own clone and stays as it is."""
    fitted = clone(teacher)
    return fitted if is_frozen(fitted) else fitted.fit(X, y, **params)


def _cannot_answer(teacher: Any) -> str:
    return (
        f"The teacher {type(teacher).__name__} offers neither predict_proba nor decision_function, so it cannot say "
        "how sure it is. Use a teacher with one of them (for instance voting='soft', SVC, or "
        "CalibratedClassifierCV(teacher))."
    )


def _no_predict(teacher: Any) -> str:
    return f"The teacher {type(teacher).__name__} has no predict. Use a fitted or unfitted regressor."
