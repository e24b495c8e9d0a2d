"""What a fitted teacher sees inside, with what it says beside it."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdistill.exceptions import ConstantRepresentationError
from skdistill.representation import LogitRepresentation, LogProbaRepresentation, resolve_representation
from skdistill.representation._answers import centred_log_proba
from skdistill.response import ask

__all__ = ["InsideAndAnswers", "look_inside"]

# A forest's vote of 0 says no more than that none of its trees voted so.
ANSWER_FLOOR = 1e-6


class InsideAndAnswers(TransformerMixin, BaseEstimator):
    """A representation and, beside it, the model's centred log-probabilities.

    What a model's inside holds is cut to some dozens of coordinates, which may lose what its answers say. With
    `classes` the answers are as they are, a column for each class; without, half of the total variance each.

    Parameters
    ----------
    inside : BaseRepresentation
        What the model sees.
    answers : BaseRepresentation
        What it says.
    classes : ndarray of shape (n_classes,), default=None
        Classes of the answers' columns, of which the model's are some; None if it has others, for what its answers
        have of variance.

    Attributes
    ----------
    n_answers_ : int
        How many last columns are answers for the classes.
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
    >>> both = InsideAndAnswers(LeafRepresentation(model=model, max_width=8), LogProbaRepresentation(model=model))
    >>> both.fit(X).transform(X).shape
    (150, 11)
    """

    def __init__(self, inside: Any, answers: Any, classes: Any = None) -> None:
        self.inside = inside
        self.answers = answers
        self.classes = classes

    def fit(self, X: Any, y: Any = None) -> "InsideAndAnswers":
        """Fit both representations, which are owned.

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
        """
        self.inside.fit(X)
        self.n_answers_ = 0 if self.classes is None else len(self.classes)
        if self.n_answers_:
            return self
        try:
            width = self.answers.fit(X).width_
        except ConstantRepresentationError:
            self.ratio_ = 0.0
        else:
            self.ratio_ = float(np.sqrt(self.inside.width_ / width))
        return self

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
        """
        check_is_fitted(self, "n_answers_")
        inside: np.ndarray = self.inside.transform(X)
        if self.n_answers_:
            answer = ask(self.answers.model, X, batch_rows=self.answers.chunk_rows).align(self.classes)
            return np.hstack([inside, centred_log_proba(answer.proba(), ANSWER_FLOOR)])
        if not self.ratio_:
            return inside
        return np.sqrt(0.5) * np.hstack([inside, self.ratio_ * self.answers.transform(X)])


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
        Whether "auto" has the teacher's answers beside its inside.
    random_state : int, default=None
        Seed.

    Returns
    -------
    representations : list of transformer
        One per layer, fitted; the same object for the same layer.
    seen : list of ndarray of shape (n_rows, width)
        What they give.
    """
    order: list[Any] = list(dict.fromkeys(layers))
    names = None if order == [None] else order
    found: list[Any] = list(resolve_representation(representation, model, names, random_state=random_state))
    beside = with_answers and isinstance(representation, str) and representation == "auto" and _can_answer(model)
    if beside:
        # By value: to numpy the string "1" and the number 1 are the same.
        shared = classes is not None and set(np.asarray(model.classes_).tolist()) <= set(classes.tolist())
        answers = LogProbaRepresentation(model=model, random_state=random_state)
        columns = classes if shared else None
        found = [one if _is_answer(one) else InsideAndAnswers(one, answers, columns) for one in found]
    fitted = [one.fit(X) for one in found]
    seen = [one.transform(X) for one in fitted]
    places = [order.index(name) for name in layers]
    return [fitted[place] for place in places], [seen[place] for place in places]


def _is_answer(representation: Any) -> bool:
    return isinstance(representation, LogProbaRepresentation | LogitRepresentation)


def _can_answer(model: Any) -> bool:
    gives = any(hasattr(model, name) for name in ("predict_proba", "decision_function"))
    return gives and getattr(model, "classes_", None) is not None
