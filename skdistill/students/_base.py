"""What every student family shares: the targets, and the contract of a route."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier

from skdistill._validation import inner_tags

__all__ = ["SoftTargetStrategy", "SoftTargets", "fit_plain", "is_single_label"]


@dataclass(frozen=True)
class SoftTargets:
    """What a student is to learn about each row.

    The loss of a student with probabilities s is ``sum_i a_i T^2 CE(t_i, s_i^(1/T)) + b_i CE(y_i, s_i)``, where t_i is
    the teacher's distribution at temperature T, a_i the weight of the teacher's term and b_i that of the label's.

    Parameters
    ----------
    teacher : ndarray of shape (n_rows, n_classes)
        The teacher's distributions at `temperature`.
    codes : ndarray of shape (n_rows,)
        The labels as column numbers; -1 for a row without a label.
    teacher_weight : ndarray of shape (n_rows,)
        Weight a of the teacher's term.
    label_weight : ndarray of shape (n_rows,)
        Weight b of the label's term; 0 for a row without a label.
    classes : ndarray of shape (n_classes,)
        The classes that the columns stand for, sorted.
    temperature : float, default=1.0
        Temperature T of `teacher`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.students import SoftTargets
    >>> targets = SoftTargets(
    ...     teacher=np.array([[0.6, 0.4]]), codes=np.array([0]), teacher_weight=np.array([0.5]),
    ...     label_weight=np.array([0.5]), classes=np.array(["a", "b"]))
    >>> mixed, weight = targets.mixed()
    >>> mixed, weight
    (array([[0.8, 0.2]]), array([1.]))
    """

    teacher: np.ndarray
    codes: np.ndarray
    teacher_weight: np.ndarray
    label_weight: np.ndarray
    classes: np.ndarray
    temperature: float = 1.0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    @property
    def weight(self) -> np.ndarray:
        """Weight of each row, both terms together, shape (n_rows,)."""
        return self.teacher_weight + self.label_weight

    @property
    def is_hard(self) -> bool:
        """Whether the teacher has no say, so that the student is fitted plainly on the labels."""
        return not self.teacher_weight.any()

    @property
    def exponent(self) -> float:
        """Power that brings a student of the mixed target back to temperature 1: T if purely soft, else 1."""
        return 1.0 if self.label_weight.any() else self.temperature

    @property
    def labels(self) -> np.ndarray:
        """The rows' hard labels: their own, or the teacher's most likely class for rows without one."""
        return self.classes[np.where(self.codes >= 0, self.codes, self.teacher.argmax(axis=1))]

    def one_hot(self) -> np.ndarray:
        """Return the labels as distributions of shape (n_rows, n_classes); zeros for a row without a label."""
        return (self.codes[:, None] == np.arange(len(self.classes))).astype(np.float64)

    def mixed(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the single target ``(a t + b y) / (a + b)`` and the weights ``a + b``.

        At temperature 1 cross-entropy against it is the loss of the class docstring up to a constant. At another
        temperature with both terms it is what a learner with one target is fitted on, read at temperature 1.
        """
        if self.is_hard:
            return self.one_hot(), self.label_weight
        if not self.label_weight.any():
            return self.teacher, self.teacher_weight
        weight = self.weight
        share = np.divide(self.teacher_weight, weight, out=np.zeros_like(weight), where=weight > 0)
        return share[:, None] * self.teacher + (1.0 - share)[:, None] * self.one_hot(), weight

    def take(self, rows: np.ndarray) -> "SoftTargets":
        """Return the targets of some rows.

        Parameters
        ----------
        rows : ndarray
            Positions or a mask.

        Returns
        -------
        SoftTargets
            The same for these rows.
        """
        return replace(
            self,
            teacher=self.teacher[rows],
            codes=self.codes[rows],
            teacher_weight=self.teacher_weight[rows],
            label_weight=self.label_weight[rows],
        )


class SoftTargetStrategy(ABC, BaseEstimator):
    """How one family of learners learns from soft targets.

    Laws, proved for every strategy by one parametrised test: with `is_hard` targets the result is the student fitted on
    the labels (and weights); permuting classes permutes the answer; the caller's student is not changed; a fitted
    student answers `predict`, has `classes_`, and pickles.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill.students import SoftTargetStrategy
    >>> class LabelsOnly(SoftTargetStrategy):
    ...     route = "labels_only"
    ...     def accepts(self, student):
    ...         return isinstance(student, GaussianNB)
    ...     def fit(self, student, X, targets, *, random_state=None):
    ...         return student.fit(X, targets.labels)
    >>> LabelsOnly().accepts(GaussianNB())
    True
    """

    route: ClassVar[str]
    two_terms: ClassVar[bool] = False
    """Whether the soft and the hard term are learnt at two temperatures; otherwise by the mixed target."""

    @abstractmethod
    def accepts(self, student: Any) -> bool:
        """Whether the student can learn by this route.

        Parameters
        ----------
        student : estimator
            A learner, not a pipeline or a search.

        Returns
        -------
        bool
            True if `fit` can be called with it.
        """

    def why_not(self, student: Any) -> str:
        """Say what about a student keeps it from a route that it would otherwise learn by.

        Parameters
        ----------
        student : estimator
            A learner, not a pipeline or a search.

        Returns
        -------
        str
            A clause for an error message, or nothing.
        """
        return ""

    @abstractmethod
    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit an unfitted student, which the strategy may use up.

        Parameters
        ----------
        student : estimator
            Unfitted, owned by the strategy.
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.
        targets : SoftTargets
            What to learn about them; every row has positive weight.
        random_state : int, default=None
            Seed of the strategy's own randomness.

        Returns
        -------
        estimator
            A fitted classifier with `classes_` (a subset of the targets' classes, by value).
        """


def is_single_label(student: Any) -> bool:
    """Whether a student is a classifier of one label per row."""
    tags = inner_tags(student)
    return is_classifier(student) and (tags is None or tags.target_tags.single_output)


def fit_plain(student: Any, X: Any, labels: np.ndarray, weight: np.ndarray) -> Any:
    """Fit a student on labels; weights that are all one are left out, so that the call is the plain one."""
    if (weight == 1.0).all():
        return student.fit(X, labels)
    return student.fit(X, labels, sample_weight=weight)
