"""Asking teachers: as they are, or out of fold."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import check_method_params, num_samples
from skdistill.exceptions import InvalidResponseError, TeacherError
from skdistill.response._response import Kind, TeacherResponse

__all__ = ["ask", "check_can_answer", "collect_out_of_fold", "fit_teacher", "is_frozen"]

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
        _ask_once(teacher, _safe_indexing(X, np.arange(start, min(start + batch_rows, n_rows))), task, classes)
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
    inner = teacher.estimator if is_frozen(teacher) else teacher
    if getattr(inner, "decision_function_shape", None) == "ovo" and len(teacher.classes_) > 2:
        raise InvalidResponseError(
            "The teacher's decision_function compares pairs of classes (decision_function_shape='ovo'), so it has no "
            "margin per class. Set decision_function_shape='ovr'."
        )


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
            "over the bare estimator, which is then fitted out of fold."
        ) from error


def is_frozen(teacher: Any) -> bool:
    """Whether a teacher is handed over already fitted."""
    return isinstance(teacher, FrozenEstimator)


def fit_teacher(teacher: Any, X: Any, y: np.ndarray, params: Mapping[str, Any]) -> Any:
    """Fit a clone of the teacher; a frozen one is its own clone and stays as it is."""
    fitted = clone(teacher)
    return fitted if is_frozen(fitted) else fitted.fit(X, y, **params)


def collect_out_of_fold(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    *,
    task: Task = "classification",
    classes: np.ndarray | None = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> TeacherResponse:
    """Ask, about each row, a teacher that was not fitted on it.

    Parameters
    ----------
    teacher : estimator
        Unfitted; a clone is fitted for every split.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows in the teacher's own columns.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets.
    splits : list of (train, test) index arrays
        Each row stands in exactly one test part.
    task : {"classification", "regression"}, default="classification"
        Whether probabilities or values are asked for.
    classes : ndarray of shape (n_classes,), default=None
        Order of the answer's columns; None takes the sorted values of `y`. A class that a split's training part lacks
        gets probability 0 from that split.
    params : mapping, default=None
        Fit parameters of the teacher; those with a value per row are cut to the training part.
    n_jobs : int, default=None
        Number of splits fitted at the same time.
    verbose : int, default=0
        Verbosity of joblib.

    Returns
    -------
    TeacherResponse
        One row for each row of X.

    Raises
    ------
    ValueError
        If the test parts do not cover every row exactly once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.response import collect_out_of_fold
    >>> X, y = load_iris(return_X_y=True)
    >>> even = np.arange(150) % 2 == 0
    >>> splits = [(np.flatnonzero(even), np.flatnonzero(~even)), (np.flatnonzero(~even), np.flatnonzero(even))]
    >>> collect_out_of_fold(LogisticRegression(max_iter=500), X, y, splits).values.shape
    (150, 3)
    """
    wanted = np.unique(y) if task == "classification" and classes is None else classes
    answer, _ = cross_ask(
        teacher, X, y, splits, task=task, classes=wanted, params=params, n_jobs=n_jobs, verbose=verbose
    )
    return answer


def cross_ask(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    *,
    task: Task,
    classes: np.ndarray | None,
    params: Mapping[str, Any] | None = None,
    then: Callable[[Any, np.ndarray], Any] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> tuple[TeacherResponse, list[Any]]:
    """Collect out of fold, and let each split's fitted teacher do something more before it is dropped.

    Parameters
    ----------
    teacher, X, y, splits, task, classes, params, n_jobs, verbose
        As in `collect_out_of_fold`.
    then : callable, default=None
        ``then(fitted_teacher, train)`` is called once per split.

    Returns
    -------
    response : TeacherResponse
        One row for each row of X.
    results : list
        What `then` returned, split by split.
    """
    _check_partition(splits, num_samples(X))
    jobs = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_fit_and_ask)(teacher, X, y, train, test, task, classes, params or {}, then)
        for train, test in splits
    )
    parts = [answer for answer, _ in jobs]
    kinds = {part.kind for part in parts}
    # A fold without some class answers in probabilities, so the others have to follow.
    kind = kinds.pop() if len(kinds) == 1 else "proba"
    pieces = [part.values if part.kind == kind else part.proba() for part in parts]
    values = np.empty((num_samples(X), *pieces[0].shape[1:]))
    for (_, test), piece in zip(splits, pieces, strict=True):
        values[test] = piece
    return TeacherResponse(kind, values, classes, parts[0].method), [result for _, result in jobs]


def _fit_and_ask(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    task: Task,
    classes: np.ndarray | None,
    params: Mapping[str, Any],
    then: Callable[[Any, np.ndarray], Any] | None,
) -> tuple[TeacherResponse, Any]:
    cut = check_method_params(X, params=params, indices=train)
    fitted = clone(teacher).fit(_safe_indexing(X, train), y[train], **cut)
    seen = np.unique(y[train]) if task == "classification" else None
    answer = ask(fitted, _safe_indexing(X, test), task=task, classes=seen)
    answer = answer if classes is None else answer.align(classes)
    return answer, None if then is None else then(fitted, train)


def _check_partition(splits: list[tuple[np.ndarray, np.ndarray]], n_rows: int) -> None:
    asked = np.zeros(n_rows, dtype=np.intp)
    for _, test in splits:
        asked[test] += 1
    if (asked != 1).any():
        raise ValueError(
            "cv must put every row into exactly one test part, but "
            f"{int((asked != 1).sum())} of {n_rows} rows stand in none or in several. Use KFold or StratifiedKFold, "
            "not a repeated, shuffled or time-ordered split."
        )


def _cannot_answer(teacher: Any) -> str:
    return (
        f"The teacher {type(teacher).__name__} offers neither predict_proba nor decision_function, so it cannot say how "
        "sure it is. Use a teacher with one of them (for instance voting='soft', SVC, or "
        "CalibratedClassifierCV(teacher))."
    )


def _no_predict(teacher: Any) -> str:
    return f"The teacher {type(teacher).__name__} has no predict. Use a fitted or unfitted regressor."
