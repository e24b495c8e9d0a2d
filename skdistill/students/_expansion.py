"""Soft targets as weighted copies of rows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.model_selection import check_cv
from sklearn.utils.validation import has_fit_parameter

from skdistill._sklearn import num_samples, routing_enabled, safe_indexing
from skdistill.exceptions import RouteWarning
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain, is_single_label

__all__ = ["ExpansionStrategy", "class_weights", "drop_light", "expand"]

# Parameters that count rows, with the value that means "no limit".
COUNTED_PARAMETERS = {"min_samples_leaf": 1, "min_samples_split": 2}
# Above so many rows HistGradientBoosting's early_stopping="auto" means True.
AUTO_EARLY_STOPPING_ROWS = 10_000


def drop_light(target: np.ndarray, min_weight: float) -> np.ndarray:
    """Set shares below `min_weight` to zero and renormalise each row; its largest share always stays."""
    kept = np.where(target < np.minimum(min_weight, target.max(axis=1, keepdims=True)), 0.0, target)
    return kept / kept.sum(axis=1, keepdims=True)


def expand(target: np.ndarray, weight: np.ndarray, min_weight: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn distributions into weighted labels.

    Weighted log-loss over the copies is the soft cross-entropy: ``sum_k w_i q_ik (-log s_ik)``. A weighted Gini or
    entropy split likewise sees the same class masses.

    Parameters
    ----------
    target : ndarray of shape (n_rows, n_classes)
        Distributions q.
    weight : ndarray of shape (n_rows,)
        Weights w.
    min_weight : float
        Copies with a smaller share of their row are left out.

    Returns
    -------
    rows, codes, weights : ndarrays of shape (n_copies,)
        Source row, class and weight of each copy, in the order of the rows.
    """
    shares = drop_light(target, min_weight)
    rows, codes = np.nonzero(shares)
    return rows, codes, weight[rows] * shares[rows, codes]


class ExpansionStrategy(SoftTargetStrategy):
    """Fit a weighted classifier on one copy of a row per class, weighted by the class's share.

    Exact for every learner whose loss is a weighted sum over rows (log-loss, Gini, entropy, hinge). Parameters that
    count rows see copies: `min_samples_leaf` and `min_samples_split` are scaled by the mean number of copies;
    bootstrap, bagging and early-stopping splits draw copies one by one, of which a `RouteWarning` informs. A student
    with a `cv` of its own (LogisticRegressionCV, CalibratedClassifierCV, StackingClassifier) is given splits of rows,
    so that all copies of a row fall on the same side.

    Parameters
    ----------
    min_weight : float, default=1e-05
        A copy whose share of its row is below is dropped and the others are renormalised.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.students import ExpansionStrategy, SoftTargets
    >>> X = np.array([[-1.0], [1.0]])
    >>> targets = SoftTargets(np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([-1, -1]), np.ones(2), np.zeros(2),
    ...                       np.array(["no", "yes"]))
    >>> student = ExpansionStrategy().fit(LogisticRegression(C=1e6), X, targets)
    >>> student.predict_proba(X).round(2)
    array([[0.7, 0.3],
           [0.2, 0.8]])
    """

    route: ClassVar[str] = "expansion"

    def __init__(self, *, min_weight: float = 1e-5) -> None:
        self.min_weight = min_weight

    def accepts(self, student: Any) -> bool:
        """Whether the student is a classifier whose `fit` takes `sample_weight` and splits no copies by itself."""
        return is_single_label(student) and takes_weights(student) and inner_splitter(student) is None

    def why_not(self, student: Any) -> str:
        """Say what inside the student would have copies of a row in two folds."""
        inner = inner_splitter(student)
        if inner is None:
            return ""
        return (
            f"copies of a row would fall into two folds of the {type(inner).__name__} inside it (make the search the "
            "outermost student, or fix what it searches for)"
        )

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on weighted copies; see `SoftTargetStrategy.fit`."""
        if targets.is_hard:
            return fit_plain(student, X, targets.labels, targets.label_weight)
        target, weight = targets.mixed()
        rows, codes, weights = expand(target, weight, self.min_weight)
        copies = len(rows) / num_samples(X)
        if copies == 1.0:
            return fit_plain(student, X, targets.classes[codes], weights)
        _warn_of_copies(student)
        with set_for_copies(student, X, targets, rows):
            return student.fit(_repeated(X, rows), targets.classes[codes], sample_weight=weights)


def takes_weights(student: Any) -> bool:
    """Whether a classifier takes `sample_weight`, or hands it on to classifiers that do."""
    if isinstance(student, VotingClassifier | StackingClassifier):
        inner = [part for _, part in student.estimators if part != "drop"]
        # With routing they would hand on requested weights only.
        return not routing_enabled() and all(has_fit_parameter(part, "sample_weight") for part in inner)
    return has_fit_parameter(student, "sample_weight")


def inner_splitter(student: Any) -> Any:
    """Return an estimator inside the student that splits rows by itself, or None."""
    for value in student.get_params(deep=True).values():
        if hasattr(value, "get_params") and not isinstance(value, type) and "cv" in value.get_params(deep=False):
            return value
    return None


def _repeated(X: Any, rows: np.ndarray) -> Any:
    return X[rows] if isinstance(X, np.ndarray) or sparse.issparse(X) else safe_indexing(X, rows)


def _warn_of_copies(student: Any) -> None:
    params = student.get_params(deep=False)
    seen = [name for name in ("bootstrap", "early_stopping", "n_iter_no_change") if _is_on(name, params.get(name))]
    if params.get("n_iter_no_change") is not None and "early_stopping" in params:
        seen = [name for name in seen if name != "n_iter_no_change"]
    if seen:
        warnings.warn(
            f"{type(student).__name__} learns soft targets from weighted copies of rows, so {seen[0]}="
            f"{params[seen[0]]!r} draws copies, not rows. Switch it off on the student, or use a family with a route "
            "of its own (a Gini tree or forest, LightGBM, a skorch net).",
            RouteWarning,
            stacklevel=2,
        )


def _is_on(name: str, value: Any) -> bool:
    # "auto" is resolved on the number of rows by set_for_copies.
    return value is not None and value is not False and not (name == "early_stopping" and value == "auto")


@contextmanager
def set_for_copies(student: Any, X: Any, targets: SoftTargets, rows: np.ndarray) -> Iterator[None]:
    """Let parameters that speak of rows keep their meaning on copies, for the time of one fit.

    Parameters
    ----------
    student : estimator
        The student; its parameters are set, and set back at the end.
    X : array-like of shape (n_rows, n_features)
        The rows.
    targets : SoftTargets
        Their targets.
    rows : ndarray of shape (n_copies,)
        Source row of each copy.
    """
    params = student.get_params(deep=False)
    n_rows = len(targets)
    changed: dict[str, Any] = {
        name: round(params[name] * len(rows) / n_rows)
        for name, free in COUNTED_PARAMETERS.items()
        if isinstance(params.get(name), int) and params[name] > free
    }
    if isinstance(params.get("class_weight"), str):
        balanced = class_weights(params["class_weight"], targets)
        changed["class_weight"] = dict(zip(targets.classes.tolist(), balanced, strict=True))
    if params.get("early_stopping") == "auto":
        changed["early_stopping"] = n_rows > AUTO_EARLY_STOPPING_ROWS
    if "cv" in params and not isinstance(params["cv"], str):
        splitter = check_cv(params["cv"] or 5, targets.labels, classifier=True)
        changed["cv"] = [
            (copies_of(train, rows, n_rows), copies_of(test, rows, n_rows))
            for train, test in splitter.split(X, targets.labels)
        ]
    student.set_params(**changed)
    try:
        yield
    finally:
        student.set_params(**{name: params[name] for name in changed})


def copies_of(chosen: np.ndarray, rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the positions of all copies of the chosen rows."""
    mask = np.zeros(n_rows, dtype=bool)
    mask[chosen] = True
    return np.flatnonzero(mask[rows])


def class_weights(class_weight: Any, targets: SoftTargets) -> list[float]:
    """Return the weight of each class that a `class_weight` parameter stands for, counted on hard labels."""
    if class_weight is None:
        return [1.0] * len(targets.classes)
    if isinstance(class_weight, dict):
        return [float(class_weight.get(value, 1.0)) for value in targets.classes.tolist()]
    known = targets.codes[targets.codes >= 0]
    codes = known if len(known) else targets.teacher.argmax(axis=1)
    counts = np.bincount(codes, minlength=len(targets.classes)).astype(float)
    present = counts > 0
    weights = np.ones(len(counts))
    weights[present] = len(codes) / (present.sum() * counts[present])
    return weights.tolist()
