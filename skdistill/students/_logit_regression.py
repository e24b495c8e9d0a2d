"""Soft targets for regressors: regression on logits."""

from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, is_regressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdistill._validation import inner_tags
from skdistill.response._temperature import log_proba
from skdistill.students._base import SoftTargets, SoftTargetStrategy
from skdistill.students._repetition import fit_values

__all__ = ["LogitClassifier", "LogitStrategy", "centred_logits", "logits_to_proba"]


def centred_logits(proba: np.ndarray, floor: float) -> np.ndarray:
    """Return what a regressor learns: ``log p_k - mean_j log p_j``, for two classes only ``log p_1 / p_0``.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Distributions.
    floor : float
        Probabilities below are set to it.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), or (n_rows,) for two classes
        Logits.
    """
    logs = log_proba(proba, floor)
    if proba.shape[1] == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - logs.mean(axis=1, keepdims=True)


def logits_to_proba(logits: np.ndarray, exponent: float) -> np.ndarray:
    """Invert `centred_logits`, with the logits scaled by `exponent`."""
    if logits.ndim == 1:
        logits = np.column_stack([np.zeros_like(logits), logits])
    return softmax(exponent * logits, axis=1)


class LogitClassifier(ClassifierMixin, BaseEstimator):
    """A fitted regressor of logits, read as a classifier.

    Parameters
    ----------
    exponent : float, default=1.0
        Factor of the logits at predict: the temperature of the targets it was fitted on.

    Attributes
    ----------
    model_ : estimator
        The fitted regressor; one output per class, a single one for two classes.
    classes_ : ndarray of shape (n_classes,)
        The classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skdistill.students import LogitClassifier
    >>> line = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> LogitClassifier.around(line, np.array([0, 1])).predict_proba([[1.0]]).round(2)
    array([[0.12, 0.88]])
    """

    def __init__(self, *, exponent: float = 1.0) -> None:
        self.exponent = exponent

    @classmethod
    def around(cls, model: Any, classes: np.ndarray, *, exponent: float = 1.0) -> "LogitClassifier":
        """Hold a fitted regressor of logits.

        Parameters
        ----------
        model : estimator
            Fitted regressor of logits.
        classes : ndarray of shape (n_classes,)
            What its outputs stand for.
        exponent : float, default=1.0
            Factor of the logits.

        Returns
        -------
        classifier
            Fitted, with the model at `model_`.
        """
        held = cls(exponent=exponent)
        held.model_ = model
        held.classes_ = classes
        return held

    def fit(self, X: Any, y: Any) -> "LogitClassifier":
        """Refuse: the regressor inside comes from a distillation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Ignored.
        y : array-like of shape (n_rows,)
            Ignored.

        Returns
        -------
        LogitClassifier
            Never.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "A LogitClassifier is the outcome of a distillation and is not fitted by itself. Fit the "
            "DistilledClassifier that it came from."
        )

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the softmax of the regressed logits.

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
        logits = np.asarray(self.model_.predict(X), dtype=np.float64)
        return logits_to_proba(logits.reshape(-1) if len(self.classes_) == 2 else logits, self.exponent)

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


class LogitStrategy(SoftTargetStrategy):
    """Fit a regressor on the centred log-probabilities of the mixed target (Ba and Caruana 2014).

    The loss is the squared error (or whatever the regressor minimises) of logits, not cross-entropy. A regressor of a
    single output becomes one per class.

    Parameters
    ----------
    floor : float, default=0.001
        Probabilities below are set to it: the logits of certain answers would otherwise rule the squared error.

    References
    ----------
    Ba, Caruana: Do Deep Nets Really Need to be Deep?, NeurIPS 2014, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skdistill.students import LogitStrategy, SoftTargets
    >>> X = np.array([[-1.0], [1.0]])
    >>> targets = SoftTargets(np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([-1, -1]), np.ones(2), np.zeros(2),
    ...                       np.array(["no", "yes"]))
    >>> LogitStrategy().fit(LinearRegression(), X, targets).predict_proba(X).round(2)
    array([[0.7, 0.3],
           [0.2, 0.8]])
    """

    route: ClassVar[str] = "logits"

    def __init__(self, *, floor: float = 1e-3) -> None:
        self.floor = floor

    def accepts(self, student: Any) -> bool:
        """Whether the student is a regressor of values of either sign."""
        tags = inner_tags(student)
        return is_regressor(student) and (tags is None or not tags.target_tags.positive_only)

    def why_not(self, student: Any) -> str:
        """Say that logits have both signs."""
        return "it predicts positive values only, and logits have both signs" if is_regressor(student) else ""

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on logits; see `SoftTargetStrategy.fit`."""
        target, weight = targets.mixed()
        logits = centred_logits(target, self.floor)
        model = student
        if logits.ndim == 2 and not get_tags(student).target_tags.multi_output:
            model = MultiOutputRegressor(student)
        if logits.ndim == 1 and not get_tags(student).target_tags.single_output:
            logits = logits[:, None]
        model = fit_values(model, X, logits, weight, random_state)
        return LogitClassifier.around(model, targets.classes, exponent=targets.exponent)
