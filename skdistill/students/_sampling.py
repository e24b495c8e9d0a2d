"""Soft targets as labels drawn from the teacher's distribution."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from skdistill._sklearn import safe_indexing
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain, is_single_label
from skdistill.students._repetition import canonical_order, repeat_by_weight, row_draws

__all__ = ["SamplingStrategy", "draw_classes"]


def draw_classes(target: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Turn one uniform number per row into a column number (inverse of the cumulative distribution)."""
    edges = np.cumsum(target, axis=1)
    return (draws[:, None] * edges[:, -1:] >= edges).sum(axis=1).clip(max=target.shape[1] - 1)


class SamplingStrategy(SoftTargetStrategy):
    """Fit any classifier on labels drawn from the mixed target, one per row.

    Unbiased for the soft cross-entropy and noisy: the last resort, for classifiers that take no weights. There, a row
    of weight two stands twice, with two draws, and the rest of a weight is a chance. Rows keep their draws wherever
    they stand, and are handed to the student in an order that follows from what they hold.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdistill.students import SamplingStrategy, SoftTargets
    >>> X = np.zeros((1000, 1))
    >>> targets = SoftTargets(np.tile([0.9, 0.1], (1000, 1)), np.full(1000, -1), np.ones(1000), np.zeros(1000),
    ...                       np.array(["no", "yes"]))
    >>> student = SamplingStrategy().fit(KNeighborsClassifier(1000), X, targets, random_state=0)
    >>> student.predict_proba(X[:1]).round(1)
    array([[0.9, 0.1]])
    """

    route: ClassVar[str] = "sampling"

    def accepts(self, student: Any) -> bool:
        """Whether the student is a classifier of one label per row."""
        return is_single_label(student)

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on drawn labels; see `SoftTargetStrategy.fit`."""
        weighted = has_fit_parameter(student, "sample_weight")
        target, weight = targets.mixed()
        if targets.is_hard and (weighted or (weight == 1.0).all()):
            return fit_plain(student, X, targets.labels, weight)
        rows = canonical_order(X, target)
        if not weighted:
            rows = rows[repeat_by_weight(safe_indexing(X, rows), target[rows], weight[rows], random_state)]
            weight = np.ones(len(weight))
        X, target = safe_indexing(X, rows), target[rows]
        labels = targets.classes[draw_classes(target, row_draws(X, target, random_state))]
        return fit_plain(student, X, labels, weight[rows])
