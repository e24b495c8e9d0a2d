"""A fitted classifier of class numbers that answers in the user's classes."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

__all__ = ["RelabelledClassifier"]


class RelabelledClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier of class numbers that answers in classes.

    XGBoost knows the classes 0 to K - 1 only, and CatBoost's soft targets leave no room for labels: the model
    inside was fitted on numbers, and this class holds what they stand for.

    Attributes
    ----------
    model_ : estimator
        The fitted classifier inside, for SHAP, plots and export.
    classes_ : ndarray of shape (n_classes,)
        The class that each column of its probabilities stands for.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.students import RelabelledClassifier
    >>> numbers = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> named = RelabelledClassifier.around(numbers, np.array(["no", "yes"]))
    >>> named.predict([[0.0], [1.0]])
    array(['no', 'yes'], ...)
    """

    @classmethod
    def around(cls, model: Any, classes: np.ndarray) -> "RelabelledClassifier":
        """Hold a fitted classifier of class numbers.

        Parameters
        ----------
        model : estimator
            The fitted classifier.
        classes : ndarray of shape (n_classes,)
            The class that each of its numbers stands for.

        Returns
        -------
        RelabelledClassifier
            A fitted classifier of the classes.
        """
        held = cls()
        held.model_ = model
        held.classes_ = classes
        return held

    def fit(self, X: Any, y: Any) -> "RelabelledClassifier":
        """Refuse: the model inside comes from a distillation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Ignored.
        y : array-like of shape (n_rows,)
            Ignored.

        Returns
        -------
        RelabelledClassifier
            Never.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "A RelabelledClassifier is the outcome of a distillation and is not fitted by itself. Fit the "
            "DistilledClassifier that it came from, or the plain student."
        )

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probabilities of the model inside.

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
        return self.model_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """Give the most likely class.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,)
            Classes.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]
