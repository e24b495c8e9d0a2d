"""Soft targets for XGBoost, by a custom objective."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain
from skdistill.students._boosting import (
    SoftLoss,
    codes_with_every_class,
    is_instance_of,
    soft_loss,
    start_scores,
)
from skdistill.students._relabelled import RelabelledClassifier

__all__ = ["XGBoostStrategy"]

OWN_OBJECTIVES = (None, "binary:logistic", "multi:softprob", "multi:softmax")
# XGBoost's own hessian of the softmax.
HESSIAN_FACTOR = 2.0
# Before this release the classes of a multiclass model start equal, and base_score is a single number.
VECTOR_START = (3, 1)


class XGBoostStrategy(SoftTargetStrategy):
    """Fit an XGBoost classifier on the cross-entropy with soft targets, each term at its own temperature.

    The gradient and XGBoost's own hessian of the loss are computed from the matrix of targets, without copies
    of rows. The model keeps the objective "binary:logistic" or "multi:softprob", so its probabilities are its
    own, and boosting starts from the average target unless `base_score` is set. With one-hot targets it is
    the classifier fitted on the labels, up to rounding. XGBoost knows the classes 0 to K - 1 only, so the
    outcome is always a `RelabelledClassifier` around the fitted student.

    For two classes `scale_pos_weight` weights the second one's share in the targets. Other objectives are
    refused.

    Examples
    --------
    >>> import numpy as np
    >>> from xgboost import XGBClassifier
    >>> from skdistill.students import SoftTargets, XGBoostStrategy
    >>> X = np.repeat([[-1.0], [1.0]], 50, axis=0)
    >>> targets = SoftTargets(
    ...     teacher=np.repeat([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], 50, axis=0), codes=np.full(100, -1),
    ...     teacher_weight=np.ones(100), label_weight=np.zeros(100), classes=np.array(["a", "b", "c"]))
    >>> student = XGBoostStrategy().fit(XGBClassifier(n_jobs=1), X, targets)
    >>> type(student.model_).__name__, student.predict(X[[0, -1]])
    ('XGBClassifier', array(['a', 'c'], ...))
    >>> student.predict_proba(X[[0, -1]]).round(2)
    array([[0.7, 0.2, 0.1],
           [0.2, 0.2, 0.6]], dtype=float32)
    """

    route: ClassVar[str] = "objective"
    two_terms: ClassVar[bool] = True

    def accepts(self, student: Any) -> bool:
        """Whether the student is an XGBoost classifier."""
        return is_instance_of(student, "xgboost", "XGBClassifier")

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on the soft loss; see `SoftTargetStrategy.fit`."""
        if targets.is_hard:
            classes, codes = np.unique(targets.labels, return_inverse=True)
            return RelabelledClassifier.around(fit_plain(student, X, codes, targets.label_weight), classes)
        if callable(student.objective) or student.objective not in OWN_OBJECTIVES:
            raise StudentRouteError(
                "objective must be 'binary:logistic', 'multi:softprob' or 'multi:softmax' for an XGBoost "
                "student that learns soft targets, which sets the objective itself, got "
                f"{student.objective!r}. Leave it out, or use soft_targets='expansion' to keep it."
            )
        n_classes = len(targets.classes)
        weight = np.ones(n_classes)
        if n_classes == 2 and student.scale_pos_weight is not None:
            weight[1] = student.scale_pos_weight
        codes = codes_with_every_class(targets, student)
        loss = soft_loss(targets, weight, HESSIAN_FACTOR)
        own = student.objective, student.base_score
        student.objective = _objective(loss)
        if student.base_score is None:
            student.base_score = _base_score(targets, weight)
        try:
            fit_plain(student, X, codes, targets.weight)
        finally:
            student.objective, student.base_score = own
        student.objective = "binary:logistic" if n_classes == 2 else "multi:softprob"
        return RelabelledClassifier.around(student, targets.classes)


def _objective(loss: SoftLoss) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    n_scores, n_rows = loss.wanted.shape
    gradient, hessian = np.empty((2, n_rows, n_scores), dtype=np.float32)

    # The weights are part of the loss; XGBoost is told of them for the sake of its quantile sketch.
    def soft_cross_entropy(
        labels: np.ndarray, scores: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        loss.write(scores.reshape(n_rows, n_scores).T, gradient.T, hessian.T)
        return gradient, hessian

    return soft_cross_entropy


def _base_score(targets: SoftTargets, class_weight: np.ndarray) -> float | list[float] | None:
    import xgboost

    start = start_scores(targets, class_weight)
    if len(start) == 2:
        return float(np.clip(expit(start[1] - start[0]), 1e-7, 1.0 - 1e-7))
    release = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
    return (start - start.mean()).tolist() if release >= VECTOR_START else None
