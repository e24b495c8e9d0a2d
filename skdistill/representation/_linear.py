"""Logits: what a linear model, or any other with a decision function, sees before it decides."""

from typing import Any

import numpy as np

from skdistill.representation._base import BaseRepresentation

__all__ = ["LogitRepresentation", "gives_logits"]


def gives_logits(core: Any) -> bool:
    """Whether a learner has a decision function."""
    return hasattr(core, "decision_function")


class LogitRepresentation(BaseRepresentation):
    """The decision function of a classifier: one column per class, or the margin of two classes.

    Parameters
    ----------
    model : estimator, default=None
        The fitted classifier; see `BaseRepresentation`.
    max_width : int, default=64
        Largest number of coordinates. What is wider is reduced to its principal directions.
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
    Up to its mean and scale, what is seen is the decision function:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.representation import LogitRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> seen = LogitRepresentation(model=model).fit(X)
    >>> np.allclose(seen.transform(X) * seen.scale_ + seen.mean_, model.decision_function(X))
    True
    """

    def _refuse(self, core: Any) -> None:
        if not gives_logits(core):
            raise TypeError(
                f"LogitRepresentation needs a model with decision_function, got {type(core).__name__}. Use "
                "LogProbaRepresentation (representation='log_proba'), which takes any classifier."
            )

    def _raw(self, rows: Any) -> np.ndarray:
        values = np.asarray(self.core_.decision_function(rows), dtype=np.float64)
        return values[:, None] if values.ndim == 1 else values
