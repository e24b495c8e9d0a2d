"""Asking a model about encoded rows, in bounded chunks and with every row counted."""

from typing import Any

import numpy as np

from skdistill.counterfactual._forms import QueryForm
from skdistill.response import ask

__all__ = ["Oracle"]


class Oracle:
    """A fitted model that is asked about encoded rows.

    Parameters
    ----------
    model : estimator
        Fitted classifier with `predict_proba` or `decision_function`; margins become probabilities by softmax.
    classes : ndarray of shape (n_classes,)
        What the columns of answers stand for.
    form : QueryForm
        How encoded rows become a table that the model knows.
    chunk_rows : int
        At most so many rows are sent at a time.

    Attributes
    ----------
    n_calls : int
        How often the model was asked.
    n_rows : int
        How many rows it was asked about in all.
    """

    def __init__(self, model: Any, classes: np.ndarray, form: QueryForm, chunk_rows: int) -> None:
        self.model, self.classes, self.form, self.chunk_rows = model, classes, form, chunk_rows
        self.n_calls = 0
        self.n_rows = 0

    def proba(self, values: np.ndarray) -> np.ndarray:
        """Ask what the model says of rows.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Encoded rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Probabilities.
        """
        starts = range(0, len(values), self.chunk_rows)
        parts = [self._once(values[start : start + self.chunk_rows]) for start in starts]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)))

    def _once(self, values: np.ndarray) -> np.ndarray:
        self.n_calls += 1
        self.n_rows += len(values)
        answer = ask(self.model, self.form.decode(values), classes=self.classes)
        return answer.align(self.classes).proba()
