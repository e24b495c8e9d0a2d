"""What a fitted teacher sees inside, with what it says beside it."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdistill.estimators._inputs import Labelled
from skdistill.exceptions import ConstantRepresentationError, TeacherError
from skdistill.representation import LogitRepresentation, LogProbaRepresentation, resolve_representation
from skdistill.representation._answers import centred_log_proba
from skdistill.representation._opened import open_model, through
from skdistill.response import ask, collect_out_of_fold, row_folds

__all__ = ["InsideAndAnswers", "answers_out_of_fold", "look_inside", "only_answers"]

N_FOLDS = 5

# Of a net that is all but certain also what it all but rules out is in some order.
LEAST_PROBABILITY = 1e-30
WAY_OUT = (
    "To teach the labels alone, whatever the teacher sees, set transfer_weight=0 or method='none', which do not look "
    "inside the teacher."
)


class InsideAndAnswers(TransformerMixin, BaseEstimator):
    """A representation and, beside it, the model's centred log-probabilities.

    What a model's inside holds is cut to some dozens of coordinates, which may lose what its answers say. With
    `classes` the answers are as they are, a column for each class; without, half of the total variance each.

    Parameters
    ----------
    inside : BaseRepresentation
        What the model sees, fitted.
    answers : BaseRepresentation
        What it says, not fitted.
    classes : ndarray of shape (n_classes,), default=None
        Classes of the answers' columns, of which the model's are some; None if it has others, for what its answers
        have of variance.

    Attributes
    ----------
    n_answers_ : int
        How many last columns are answers for the classes.
    floor_ : float
        What a probability of 0 counts as: half the least positive one in `fit`, but at least 1e-30. A forest's vote of
        0 says no more than that none of its trees voted so.
    ratio_ : float
        Factor of answers without classes; 0 if they are the same for all rows, which are then left out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.estimators._rid_inside import InsideAndAnswers
    >>> from skdistill.representation import LeafRepresentation, LogProbaRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RandomForestClassifier(5, random_state=0).fit(X, y)
    >>> leaves = LeafRepresentation(model=model, max_width=8).fit(X)
    >>> InsideAndAnswers(leaves, LogProbaRepresentation(model=model)).fit(X).transform(X).shape
    (150, 11)
    """

    def __init__(self, inside: Any, answers: Any, classes: Any = None) -> None:
        self.inside = inside
        self.answers = answers
        self.classes = classes

    def fit(self, X: Any, y: Any = None) -> "InsideAndAnswers":
        """Fit the representation of the answers, which is owned.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the model's own columns.
        y : object, default=None
            Not used.

        Returns
        -------
        InsideAndAnswers
            The representation itself.

        Raises
        ------
        TeacherError
            If the model's answers cannot be read.
        """
        self._fit_answers(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit, and give both, side by side; the model is asked for its answers once.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the model's own columns.
        y : object, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_rows, width)
            The coordinates.

        Raises
        ------
        TeacherError
            If the model's answers cannot be read.
        """
        proba = self._fit_answers(X)
        return self.transform(X) if proba is None else self._beside(X, proba)

    def _fit_answers(self, X: Any) -> np.ndarray | None:
        """Return the answers for the classes, if that is what they are."""
        self.n_answers_ = 0 if self.classes is None else len(self.classes)
        if self.n_answers_:
            proba = self._ask(X)
            self.floor_ = floor_of(proba)
            return proba
        try:
            width = self.answers.fit(X).width_
        except ConstantRepresentationError:
            self.ratio_ = 0.0
        else:
            self.ratio_ = float(np.sqrt(self.inside.width_ / width))
        return None

    def transform(self, X: Any) -> np.ndarray:
        """Give both, side by side.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the model's own columns.

        Returns
        -------
        ndarray of shape (n_rows, width)
            The coordinates.

        Raises
        ------
        TeacherError
            If the model's answers cannot be read.
        """
        check_is_fitted(self, "n_answers_")
        if self.n_answers_:
            return self._beside(X, self._ask(X))
        inside: np.ndarray = self.inside.transform(X)
        if not self.ratio_:
            return inside
        return np.sqrt(0.5) * np.hstack([inside, self.ratio_ * self.answers.transform(X)])

    def _ask(self, X: Any) -> np.ndarray:
        # Only the learner itself shows whether its margins are of classes or of pairs of them.
        steps, core = open_model(self.answers.model)
        return ask(core, through(steps, X), batch_rows=self.answers.chunk_rows).align(self.classes).proba()

    def _beside(self, X: Any, proba: np.ndarray) -> np.ndarray:
        return np.hstack([self.inside.transform(X), centred_log_proba(proba, self.floor_)])


def floor_of(proba: np.ndarray) -> float:
    """Return half the least positive probability, but at least 1e-30."""
    return max(LEAST_PROBABILITY, 0.5 * float(proba[proba > 0].min()))


def look_inside(
    model: Any,
    X: Any,
    representation: Any,
    layers: list[str | None],
    *,
    classes: np.ndarray | None,
    with_answers: bool,
    random_state: int | None,
) -> tuple[list[Any], list[np.ndarray]]:
    """Fit what is taken of a fitted teacher, and take it of its rows.

    Parameters
    ----------
    model : estimator
        The fitted teacher.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows in its columns.
    representation : str or BaseRepresentation
        As in `RIDStudent`.
    layers : list of str or None
        The teacher's layers, which may repeat.
    classes : ndarray of shape (n_classes,) or None
        The student's classes; None for answers that are further coordinates whatever the teacher's classes.
    with_answers : bool
        Whether "auto" has the teacher's answers beside its inside, if they can be read.
    random_state : int, default=None
        Seed.

    Returns
    -------
    representations : list of transformer
        One per layer, fitted; the same object for the same layer.
    seen : list of ndarray of shape (n_rows, width)
        What they give.

    Raises
    ------
    ConstantRepresentationError
        If a representation or a layer that was asked for is the same for all rows; with "auto" and no layer named, if
        the teacher's answers are so, too.

    Warns
    -----
    UserWarning
        If the answers were to stand beside the inside, and cannot be read.
    """
    order: list[Any] = list(dict.fromkeys(layers))
    names = None if order == [None] else order
    found: list[Any] = list(resolve_representation(representation, model, names, random_state=random_state))
    asked = isinstance(representation, str) and representation == "auto" and _can_answer(model)
    answers = LogProbaRepresentation(model=model, random_state=random_state) if asked else None
    fitted = [_fitted(one, X, answers if names is None else None) for one in found]
    seen = [one.transform(X) for one in fitted]
    if with_answers and answers is not None:
        # By value: to numpy the string "1" and the number 1 are the same.
        shared = classes is not None and set(np.asarray(model.classes_).tolist()) <= set(classes.tolist())
        for place, one in enumerate(fitted):
            # As a whole they have a single weight, which also answers that are the inside have not.
            if _is_answer(one) and not shared:
                continue
            both = InsideAndAnswers(one, answers, classes if shared else None)
            try:
                fitted[place], seen[place] = both, both.fit_transform(X)
            except TeacherError as error:
                fitted[place] = one
                _say_unread(model, error)
    places = [order.index(name) for name in layers]
    return [fitted[place] for place in places], [seen[place] for place in places]


def _fitted(representation: Any, X: Any, answers: Any) -> Any:
    """Fit a representation; the answers stand in for an inside that is the same for all rows, if they may."""
    try:
        return representation.fit(X)
    except ConstantRepresentationError as error:
        if answers is not None and not _is_answer(representation):
            # If they cannot stand in, it is the inside that the user has to hear about.
            with suppress(ConstantRepresentationError, TeacherError):
                return answers.fit(X)
        raise ConstantRepresentationError(f"{error} {WAY_OUT}") from None


def _say_unread(model: Any, error: TeacherError) -> None:
    warnings.warn(
        f"The answers of the teacher {type(open_model(model)[1]).__name__} must be readable to stand beside what it "
        f"sees inside, and are not, so the student is taught by its inside alone: {error} Or name the representation "
        "('layers', 'leaves', 'kernel'), which has no answers beside it.",
        UserWarning,
        # The caller of the estimator's fit.
        stacklevel=7,
    )


def only_answers(seen: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Leave nothing of what a teacher sees but answers, which take the place of its own.

    Parameters
    ----------
    seen : ndarray of shape (n_rows, width)
        The inside and, in the last columns, the teacher's answers.
    answers : ndarray of shape (n_rows, n_classes)
        Others about the same rows.

    Returns
    -------
    ndarray of shape (n_rows, width)
        Zeros, which a filter gives no weight, and the answers.
    """
    left = np.zeros_like(seen)
    left[:, -answers.shape[1] :] = answers
    return left


def answers_out_of_fold(
    teacher: Any, rows: Labelled, classes: np.ndarray, params: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Ask about each row a teacher that was not fitted on it.

    Parameters
    ----------
    teacher : estimator
        Unfitted; a clone is fitted for each of five folds.
    rows : Labelled
        Rows and labels.
    classes : ndarray of shape (n_classes,)
        Order of the columns.
    params : mapping, default=None
        Fit parameters of the teacher.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Centred log-probabilities; zeros if no class has two rows.
    """
    n_folds = min(N_FOLDS, int(np.unique(rows.y, return_counts=True)[1].max()))
    if n_folds < 2:
        return np.zeros((rows.n_rows, len(classes)))
    folds = row_folds(rows.X, rows.y, n_folds, stratify=True, sample_weight=rows.weight)
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(n_folds)]
    told = collect_out_of_fold(teacher, rows.X_teacher, rows.y, splits, classes=classes, params=params)
    proba = told.proba()
    return centred_log_proba(proba, floor_of(proba))


def _is_answer(representation: Any) -> bool:
    return isinstance(representation, LogProbaRepresentation | LogitRepresentation)


def _can_answer(model: Any) -> bool:
    """Whether a model gives probabilities or margins of classes; one with several outputs gives none."""
    gives = any(hasattr(model, name) for name in ("predict_proba", "decision_function"))
    classes = getattr(model, "classes_", None)
    return gives and classes is not None and all(np.ndim(label) == 0 for label in classes)
