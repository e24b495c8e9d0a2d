"""From an alias or an object to a fitted encoder, and how many states rows can carry."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_clusterer
from sklearn.utils import check_random_state

from skdistill._validation import seed_inner
from skdistill.information._sources import as_columns, is_discrete
from skdistill.information._states import ClassStates, KMeansStates, LabelStates, QuantileStates, nearest_state

__all__ = [
    "ALIASES",
    "ForeignStates",
    "apply_encoder",
    "carried_states",
    "default_states",
    "encode_target",
    "fit_encoder",
]

ALIASES = ("auto", "class", "kmeans", "label", "quantile")
# Rows for each cell of the table at which the corrected atoms err by about .02 bit, at 10 x 10 x 10 cells.
ROWS_PER_CELL = 4
MOST_STATES = 10
# Whole numbers with more different values than this are a scale and no labels.
MOST_LABELS = 50


def carried_states(n_rows: float, n_y: int) -> int:
    """Return how many states of each source rows can carry: at least 4 rows for each cell; 0 if fewer than 2 states."""
    states = int(np.sqrt(n_rows / (ROWS_PER_CELL * n_y)) + 1e-9)
    return states if states >= 2 else 0


def default_states(n_rows: float, n_y: int) -> int:
    """Return the number of states of a source where none is given: what rows carry, from 2 to 10."""
    return min(max(carried_states(n_rows, n_y), 2), MOST_STATES)


class ForeignStates(BaseEstimator):
    """States by somebody else's clusterer or transformer.

    Parameters
    ----------
    encoder : object
        A clusterer with `fit` and `predict`, or a transformer whose `transform` gives whole numbers: one column, or
        several, each combination of which is a state.
    """

    n_states_: int

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any = None) -> "ForeignStates":
        """Fit the encoder, which is changed, and collect its states."""
        self.encoder.fit(X)
        self.states_ = np.unique(self._answers(X), axis=0)
        self.n_states_ = len(self.states_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Give the state of each row; an answer not seen by `fit` is given the nearest one."""
        return nearest_state(self._answers(X), self.states_)

    def _answers(self, X: Any) -> np.ndarray:
        by_cluster = is_clusterer(self.encoder) and hasattr(self.encoder, "predict")
        answers = np.asarray(self.encoder.predict(X) if by_cluster else self.encoder.transform(X))
        if answers.ndim == 1:
            answers = answers[:, None]
        whole = answers.dtype.kind in "biu" or (answers.dtype.kind == "f" and (answers == np.round(answers)).all())
        if answers.ndim != 2 or not whole:
            raise ValueError(
                f"The encoder {type(self.encoder).__name__} must give whole numbers, one row of them per row, got "
                f"{answers.dtype} of shape {answers.shape}. Let it give states (KBinsDiscretizer(encode='ordinal'), "
                "for instance), or use a clusterer with predict."
            )
        return answers.astype(np.int64)


def fit_encoder(encoder: Any, values: np.ndarray, n_states: int, random_state: int) -> Any:
    """Fit an encoder of one's own on a source.

    "auto" takes a single column of strings, booleans or at most 50 whole numbers as it is, cuts any other single column
    by quantiles, and clusters several columns by k-means.

    Parameters
    ----------
    encoder : {"auto", "class", "kmeans", "label", "quantile"} or object
        Which. An object is cloned.
    values : ndarray of shape (n_rows,) or (n_rows, n_columns)
        As `read_source` gives it.
    n_states : int
        Number of states for encoders chosen by name.
    random_state : int
        Seed for what leaves its own at None.

    Returns
    -------
    object
        With `transform` and `n_states_`.

    Raises
    ------
    ValueError
        If there is no such name.
    TypeError
        If the object is no encoder.
    """
    if isinstance(encoder, str):
        if encoder not in ALIASES:
            raise ValueError(
                f"encoder must be one of {', '.join(map(repr, ALIASES))}, a clusterer or a transformer that gives "
                f"states, or a pair of these for T and S, got {encoder!r}. Use one of these names."
            )
        own = _by_name(encoder, values, n_states, random_state)
        return own.fit(values)
    lacking = not hasattr(encoder, "fit") or not (hasattr(encoder, "transform") or hasattr(encoder, "predict"))
    if isinstance(encoder, type) or lacking:
        shown = f"the class {encoder.__name__}" if isinstance(encoder, type) else type(encoder).__name__
        raise TypeError(
            f"encoder must be a name or an object with fit and transform (or predict, of a clusterer), got {shown}. "
            f"Pass one of {', '.join(map(repr, ALIASES))}, or an instance."
        )
    own = seed_inner(clone(encoder, safe=False), check_random_state(random_state))
    return (own if isinstance(own, OWN) else ForeignStates(own)).fit(_for_foreign(values))


OWN = (ClassStates, KMeansStates, LabelStates, QuantileStates)


def _by_name(name: str, values: np.ndarray, n_states: int, random_state: int) -> Any:
    if name == "auto":
        if values.ndim == 1:
            few = values.dtype.kind in "Ub" or len(np.unique(values)) <= MOST_LABELS
            name = "label" if few else "quantile"
        else:
            name = "quantile" if values.shape[1] == 1 else "kmeans"
    if name == "class":
        return ClassStates()
    if name == "label":
        return LabelStates()
    if name == "quantile":
        return QuantileStates(n_states=n_states)
    return KMeansStates(n_states=n_states, random_state=random_state)


def _for_foreign(values: np.ndarray) -> np.ndarray:
    if values.ndim == 1 and values.dtype.kind == "U":
        return values[:, None]
    return as_columns(values, "X")


def apply_encoder(encoder: Any, values: np.ndarray) -> np.ndarray:
    """Return the states of rows of a source, as `read_source` gives it."""
    return np.asarray(encoder.transform(values if isinstance(encoder, OWN) else _for_foreign(values)))


def encode_target(y: np.ndarray, target_states: int | None) -> Any:
    """Fit the encoder of a target: its labels, or quantiles if asked for.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        As `as_labels` gives it.
    target_states : int or None
        Number of quantile bins.

    Returns
    -------
    LabelStates or QuantileStates
        The fitted encoder.

    Raises
    ------
    ValueError
        If y is continuous and no bins are asked for, or bins of strings.
    """
    if target_states is not None:
        if y.dtype.kind == "U":
            raise ValueError(
                f"y must hold numbers to be cut at its quantiles (target_states={target_states}), got strings such as "
                f"{y.tolist()[0]!r}. Leave target_states at None for labels."
            )
        return QuantileStates(n_states=target_states).fit(y)
    if not is_discrete(y):
        raise ValueError(
            f"y must be discrete, got continuous values such as {y[y != np.round(y)][0]}. Set target_states of a "
            "PIDEstimator, for instance to 4, to cut y at its quantiles, or use gaussian_information for continuous "
            "variables."
        )
    return LabelStates().fit(y)
