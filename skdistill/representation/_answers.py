"""What a model says, as its representation: centred log-probabilities, for any classifier."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np

from skdistill._sklearn import Interval
from skdistill.exceptions import TeacherError
from skdistill.representation._base import BaseRepresentation
from skdistill.representation._reduction import Scaling
from skdistill.response import TeacherResponse, ask

__all__ = ["LogProbaRepresentation", "centred_log_proba"]


def centred_log_proba(proba: np.ndarray, floor: float) -> np.ndarray:
    r"""Give log-probabilities less their mean over classes.

    .. math:: t_{k} = \log \max(p_k, \epsilon) - \frac{1}{K} \sum_j \log \max(p_j, \epsilon)

    which is the centred log-ratio of Aitchison, and equals the centred logits of a model whose probabilities are a
    softmax.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities.
    floor : float
        Smaller ones count as this much (epsilon).

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Centred log-probabilities in nats.

    References
    ----------
    Aitchison, J. (1982). The statistical analysis of compositional data. Journal of the Royal Statistical Society B
    44(2), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.representation._answers import centred_log_proba
    >>> centred_log_proba(np.array([[0.5, 0.5], [0.8, 0.2]]), 1e-6).round(3)
    array([[ 0.   ,  0.   ],
           [ 0.693, -0.693]])
    """
    logs = np.log(np.maximum(proba, floor))
    return logs - logs.mean(axis=1, keepdims=True)


class LogProbaRepresentation(BaseRepresentation):
    """Centred log-probabilities of a classifier: what is left where a model's inside cannot be seen.

    A model without probabilities is asked for its decision function, of which the softmax is taken; one that has
    neither, for its labels.

    Parameters
    ----------
    model : estimator, default=None
        The fitted classifier; see `BaseRepresentation`.
    floor : float, default=1e-4
        Smaller probabilities count as this much. Votes of a forest are often 0, whose logarithm would be minus
        infinity; a floor far below what the model can tell apart lets such rows outweigh all others.
    max_width : int, default=64
        Largest number of coordinates.
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, or each has variance 1.
    chunk_rows : int, default=4096
        The model is asked about so many rows at a time.
    sample_rows : int, default=10_000
        Means and scales are found on at most so many rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows.

    Attributes
    ----------
    core_ : estimator
        The learner itself.
    mean_, scale_ : ndarray of shape (width,)
        What is subtracted from each coordinate, and by what it is divided.
    width_ : int
        Number of coordinates.
    n_features_in_ : int
        Number of columns of the rows of `fit`, where they have columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill.representation import LogProbaRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> LogProbaRepresentation(model=GaussianNB().fit(X, y)).fit_transform(X).shape
    (150, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRepresentation._parameter_constraints,
        "floor": [Interval(Real, 0.0, 0.5, closed="neither")],
    }

    def __init__(
        self,
        *,
        model: Any = None,
        floor: float = 1e-4,
        max_width: int = 64,
        scaling: Scaling = "total",
        chunk_rows: int = 4096,
        sample_rows: int = 10_000,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            model=model,
            max_width=max_width,
            scaling=scaling,
            chunk_rows=chunk_rows,
            sample_rows=sample_rows,
            random_state=random_state,
        )
        self.floor = floor

    def _refuse(self, core: Any) -> None:
        if not any(hasattr(core, name) for name in ("predict_proba", "decision_function", "predict")):
            raise TeacherError(
                f"model must have predict_proba, decision_function or predict, got {type(core).__name__} with none of "
                "them. Wrap a torch module as skdistill.nets.TorchTeacher(module, classes=...)."
            )
        if getattr(core, "classes_", None) is None:
            raise TeacherError(
                f"model must be a classifier with classes_, got {type(core).__name__} without. Regressors have no "
                "log-probabilities; give a classifier of another make a classes_ attribute in the order of its columns."
            )

    def _raw(self, rows: Any) -> np.ndarray:
        return centred_log_proba(_answer(self.core_, rows).proba(), self.floor)


def _answer(core: Any, rows: Any) -> TeacherResponse:
    if hasattr(core, "predict_proba") or hasattr(core, "decision_function"):
        return ask(core, rows)
    return TeacherResponse("label", np.asarray(core.predict(rows)), np.asarray(core.classes_), "predict")
