"""Teachers made again, with other randomness."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if

from skdistill._sklearn import safe_indexing
from skdistill._validation import inner_tags, weight_params
from skdistill.exceptions import TeacherError
from skdistill.fidelity._refitting._fits import NotPossibleError, has_seed, reseed
from skdistill.response._collect import Task, is_frozen

__all__ = ["ResampledTeacher", "TrainingRows", "check_can_refit", "refit", "remade", "thawed"]


@dataclass(frozen=True)
class TrainingRows:
    """What everything is fitted on.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows as the student sees them.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Labels or targets.
    weight : ndarray of shape (n_rows,) or None
        Positive weights.
    X_teacher : array-like, data frame or sparse matrix or None
        The same rows as the teacher sees them, where it sees others.
    task : {"classification", "regression"}
        What is predicted.
    X_unlabeled : array-like, data frame or sparse matrix or None, default=None
        Further rows that the student learns from.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    X_teacher: Any
    task: Task
    X_unlabeled: Any = None

    @property
    def for_teacher(self) -> Any:
        """The rows in the teacher's columns."""
        return self.X if self.X_teacher is None else self.X_teacher


def _has(name: str) -> Callable[["ResampledTeacher"], bool]:
    def check(self: "ResampledTeacher") -> bool:
        return hasattr(getattr(self, "estimator_", self.estimator), name)

    return check


class ResampledTeacher(BaseEstimator):
    """A teacher that learns from rows drawn with replacement from those it is given.

    Parameters
    ----------
    estimator : estimator
        The teacher.
    stratify : bool
        Whether every class keeps its number of rows, so that none is lost.
    random_state : int
        Seed of the draw.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill.fidelity._refitting._refits import ResampledTeacher
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = ResampledTeacher(GaussianNB(), stratify=True, random_state=0).fit(X, y)
    >>> teacher.estimator_.class_count_
    array([50., 50., 50.])
    """

    def __init__(self, estimator: Any, *, stratify: bool, random_state: int) -> None:
        self.estimator = estimator
        self.stratify = stratify
        self.random_state = random_state

    @property
    def classes_(self) -> np.ndarray:
        """The teacher's classes."""
        return np.asarray(self.estimator_.classes_)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ResampledTeacher":
        """Draw rows, with their weights, and fit the teacher on them."""
        y = np.asarray(y)
        rows = self._draw(y)
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        self.estimator_ = clone(self.estimator).fit(
            safe_indexing(X, rows), y[rows], **weight_params(self.estimator, weight)
        )
        return self

    def _draw(self, y: np.ndarray) -> np.ndarray:
        rng = check_random_state(self.random_state)
        if not self.stratify:
            return rng.randint(len(y), size=len(y))
        codes = np.unique(y, return_inverse=True)[1].reshape(-1)
        groups = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
        return np.sort(np.concatenate([rng.choice(group, size=len(group)) for group in groups]))

    @available_if(_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predict as the teacher does."""
        return self.estimator_.predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the teacher's probabilities."""
        return self.estimator_.predict_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Give the teacher's margins."""
        return self.estimator_.decision_function(X)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is a fitted teacher."""
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        """Give the teacher's tags."""
        return inner_tags(self.estimator) or super().__sklearn_tags__()


def thawed(model: Any) -> Any:
    """Return what is inside a frozen model, or the model."""
    return model.estimator if is_frozen(model) else model


def check_can_refit(model: Any, role: str) -> None:
    """Say why a model cannot be fitted again, where it cannot."""
    inner = thawed(model)
    if not hasattr(inner, "fit") or not hasattr(inner, "get_params"):
        raise NotPossibleError(
            f"not possible: the {role} {type(inner).__name__} cannot be fitted again, since it has no fit and "
            "get_params of scikit-learn's kind"
        )


def refit(teacher: Any, X: Any, rows: TrainingRows) -> Any:
    """Fit an unfitted teacher on training rows, shown as X; one that refuses ever to be fitted is told apart."""
    try:
        return teacher.fit(X, rows.y, **weight_params(teacher, rows.weight))
    except TeacherError as error:
        raise NotPossibleError(f"not possible: {error}") from error


def remade(teacher: Any, mode: str, seed: int, task: Task) -> Any:
    """Return an unfitted teacher like another one, of other randomness.

    Parameters
    ----------
    teacher : estimator
        What it is to be like; it is not changed.
    mode : {"seed", "bootstrap"}
        Whether only seeds differ or rows are drawn too.
    seed : int
        Of both.
    task : {"classification", "regression"}
        Whether rows are drawn class by class.

    Returns
    -------
    estimator
        A reseeded clone, or a `ResampledTeacher` of one.
    """
    check_can_refit(teacher, "teacher")
    again = reseed(clone(thawed(teacher)), seed)
    if mode == "seed":
        if not has_seed(again):
            raise NotPossibleError(
                f"not possible: the teacher {type(again).__name__} has no random_state to change; independent="
                "'bootstrap' draws its rows instead"
            )
        return again
    return ResampledTeacher(again, stratify=task == "classification", random_state=seed)
