"""Bringing a student that was taught at a temperature back to temperature 1."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdistill.response._temperature import soften

__all__ = ["SharpenedClassifier"]


def _model_has(name: str) -> Any:
    return lambda self: hasattr(self.model_, name)


class SharpenedClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are raised to a power and renormalised.

    A student taught by ``softmax(z / T)`` answers at temperature T; the power T brings it back (Hinton's objective for
    any learner). The label does not change.

    Parameters
    ----------
    exponent : float, default=1.0
        The power.

    Attributes
    ----------
    model_ : estimator
        The fitted classifier inside.
    classes_ : ndarray of shape (n_classes,)
        Its classes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.students import SharpenedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> soft = LogisticRegression(max_iter=500).fit(X, y)
    >>> sharp = SharpenedClassifier.around(soft, exponent=2.0)
    >>> bool(sharp.predict_proba(X[:1]).max() > soft.predict_proba(X[:1]).max())
    True
    """

    def __init__(self, *, exponent: float = 1.0) -> None:
        self.exponent = exponent

    @classmethod
    def around(cls, model: Any, *, exponent: float) -> "SharpenedClassifier":
        """Hold a fitted classifier.

        Parameters
        ----------
        model : estimator
            Fitted classifier.
        exponent : float
            The power.

        Returns
        -------
        classifier
            Fitted, with the model at `model_`.
        """
        held = cls(exponent=exponent)
        held.model_ = model
        held.classes_ = model.classes_
        return held

    def fit(self, X: Any, y: Any) -> "SharpenedClassifier":
        """Refuse: the model inside comes from a distillation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Ignored.
        y : array-like of shape (n_rows,)
            Ignored.

        Returns
        -------
        SharpenedClassifier
            Never.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "A SharpenedClassifier is the outcome of a distillation and is not fitted by itself. Fit the "
            "DistilledClassifier that it came from, or the plain student."
        )

    @available_if(_model_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the sharpened probabilities.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Distributions over `classes_`.
        """
        check_is_fitted(self, "model_")
        return soften(self.model_.predict_proba(X), 1.0 / self.exponent)

    def predict(self, X: Any) -> np.ndarray:
        """Give the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,)
            Classes.
        """
        check_is_fitted(self, "model_")
        return self.model_.predict(X)

    @available_if(_model_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Give the margins, scaled by the exponent.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            Margins; for a model whose probabilities are the softmax of its margins, those of the sharpened ones.
        """
        check_is_fitted(self, "model_")
        return self.exponent * self.model_.decision_function(X)
