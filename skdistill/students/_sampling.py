"""Soft targets as labels drawn from the teacher's distribution."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import has_fit_parameter

from skdistill._sklearn import safe_indexing
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain

__all__ = ["SamplingStrategy", "draw_classes"]


def draw_classes(target: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draw one column number per row from its distribution (inverse of the cumulative distribution)."""
    edges = np.cumsum(target, axis=1)
    draws = rng.uniform(size=(len(target), 1)) * edges[:, -1:]
    return (draws >= edges).sum(axis=1).clip(max=target.shape[1] - 1)


class SamplingStrategy(SoftTargetStrategy):
    """Fit any classifier on labels drawn from the mixed target, one per row.

    Unbiased for the soft cross-entropy and noisy: the last resort, for classifiers that take no weights. There,
    weights become chances: a row stays with probability weight / largest weight.

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
        """Whether the student is a classifier."""
        return is_classifier(student)

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on drawn labels; see `SoftTargetStrategy.fit`."""
        weighted = has_fit_parameter(student, "sample_weight")
        rng = np.random.RandomState(random_state)
        if targets.is_hard:
            labels, weight = targets.labels, targets.label_weight
        else:
            target, weight = targets.mixed()
            labels = targets.classes[draw_classes(target, rng)]
        if weighted or (weight == 1.0).all():
            return fit_plain(student, X, labels, weight)
        stays = rng.uniform(size=len(weight)) * weight.max() < weight
        return student.fit(safe_indexing(X, np.flatnonzero(stays)), labels[stays])
