"""From representations to discrete states: fitted on some rows, applied to any."""

import warnings
from abc import ABC, abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import Interval, fit_context
from skdistill.information._sources import as_columns, as_labels, few, is_discrete, sorted_codes

__all__ = ["ClassStates", "KMeansStates", "LabelStates", "QuantileStates", "StateEncoder"]

# Rows that clusters are found on; more do not move ten centres by what matters.
FIT_ROWS = 20_000
DISTANCE_CELLS = 10_000_000


class StateEncoder(ABC, TransformerMixin, BaseEstimator):
    """Base class of encoders: `fit` on rows, then `transform` gives each row's state, 0 to ``n_states_ - 1``.

    A row unlike those that `fit` saw gets the state that is nearest. A subclass implements ``_fit(values)``, which sets
    `n_states_`, and ``_transform(values)``; both see a finite float64 matrix.
    """

    n_states_: int
    n_features_in_: int

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "StateEncoder":
        """Find states.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, n_columns)
            A representation.
        y : object, default=None
            Not used.

        Returns
        -------
        StateEncoder
            The encoder itself, fitted.
        """
        values = as_columns(X, "X")
        self.n_features_in_ = values.shape[1]
        self._fit(values)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Give the state of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, n_columns)
            A representation with the columns that `fit` saw.

        Returns
        -------
        ndarray of shape (n_rows,), int
            States.

        Raises
        ------
        ValueError
            If X has other columns than `fit` saw, or is not finite.
        """
        check_is_fitted(self, "n_states_")
        values = as_columns(X, "X")
        if values.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X must have the {self.n_features_in_} columns that {type(self).__name__} was fitted on, got "
                f"{values.shape[1]}. Pass the same representation of other rows."
            )
        return self._transform(values)

    @abstractmethod
    def _fit(self, values: np.ndarray) -> None:
        """Find states."""

    @abstractmethod
    def _transform(self, values: np.ndarray) -> np.ndarray:
        """Give the state of each row."""


class QuantileStates(StateEncoder):
    """States by quantiles of each column; a state is a combination of bins.

    For one column, or few: each of c columns gets the whole c-th root of `n_states` bins, at least 2. Equal values are
    never parted, so that there may be fewer bins. A combination that `fit` did not see is given the nearest one seen,
    by the sum of the differences of bins.

    Parameters
    ----------
    n_states : int, default=10
        The most states for one column, and about as many for several; more columns than its binary logarithm make more,
        since each has at least 2 bins.

    Attributes
    ----------
    n_states_ : int
        Number of states.
    n_features_in_ : int
        Number of columns.
    edges_ : list of ndarray
        Inner edges of the bins of each column; a value on an edge belongs to the bin above.
    bins_ : ndarray of shape (n_states, n_features), int
        The bins of each state.

    See Also
    --------
    KMeansStates : For many columns.

    Examples
    --------
    >>> from skdistill.information import QuantileStates
    >>> encoder = QuantileStates(n_states=2).fit([0.1, 0.2, 0.3, 0.4])
    >>> encoder.transform([-5.0, 0.2, 0.3, 9.0])
    array([0, 0, 1, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"n_states": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, *, n_states: int = 10) -> None:
        self.n_states = n_states

    def _fit(self, values: np.ndarray) -> None:
        n_bins = self.n_states
        if values.shape[1] > 1:
            n_bins = max(2, int(self.n_states ** (1 / values.shape[1]) + 1e-9))
        self.edges_ = [_inner_edges(column, n_bins) for column in values.T]
        self.bins_ = np.unique(self._bins(values), axis=0)
        self.n_states_ = len(self.bins_)

    def _bins(self, values: np.ndarray) -> np.ndarray:
        columns = zip(self.edges_, values.T, strict=True)
        return np.column_stack([np.searchsorted(edges, column, side="right") for edges, column in columns])

    def _transform(self, values: np.ndarray) -> np.ndarray:
        return nearest_state(self._bins(values), self.bins_)


def _inner_edges(column: np.ndarray, n_bins: int) -> np.ndarray:
    """Return edges between values that were seen, so that the same rows fall on the same side whatever the rounding."""
    inner = np.quantile(column, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    seen = np.unique(column)
    if len(seen) <= n_bins:
        # Quantiles would merge values from the one end only, so that p and 1 - p had other states.
        above = np.arange(1, len(seen))
    else:
        above = np.unique(np.searchsorted(seen, inner, side="right"))
        above = above[above < len(seen)]
    low, high = seen[above - 1], seen[above]
    # The middle of two neighbouring floats may round down to the lower one.
    return np.asarray(np.maximum(low + (high - low) / 2, np.nextafter(low, np.inf)))


def nearest_state(rows: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return, for integer rows (n, c), the place of the equal or else nearest row among sorted states (m, c)."""
    found, inverse = np.unique(rows, axis=0, return_inverse=True)
    step = max(1, DISTANCE_CELLS // states.size)
    places = [
        np.abs(found[start : start + step, None] - states[None]).sum(axis=2).argmin(axis=1)
        for start in range(0, len(found), step)
    ]
    return np.asarray(np.concatenate(places)[inverse.reshape(-1)])


class ClassStates(StateEncoder):
    """States by the class of greatest value: of probabilities, or of one margin per class.

    Attributes
    ----------
    n_states_ : int
        Number of columns.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    KMeansStates : States that also tell how sure a model is.

    Examples
    --------
    >>> from skdistill.information import ClassStates
    >>> ClassStates().fit_transform([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    array([0, 2])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def _fit(self, values: np.ndarray) -> None:
        if values.shape[1] < 2:
            raise ValueError(
                "The encoder 'class' needs one column per class, got a single column. Pass the probabilities of all "
                "classes, or use encoder='quantile'."
            )
        self.n_states_ = values.shape[1]

    def _transform(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values.argmax(axis=1))


class KMeansStates(StateEncoder):
    """States by principal components and k-means.

    Rows are centred and projected onto the leading principal components, whose scale is kept; a state is the nearest of
    the k-means centres (the best of three k-means++ starts). With more than 20,000 rows, 20,000 chosen by chance
    decide the components and centres. Where fewer different rows than states are seen, each is a state of its own.

    Parameters
    ----------
    n_states : int, default=10
        Number of clusters.
    n_components : int, default=10
        The most principal components.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of rows and of the first centres.

    Attributes
    ----------
    n_states_ : int
        Number of states.
    n_features_in_ : int
        Number of columns.
    pca_ : PCA
        The projection.
    kmeans_ : KMeans
        The clusters.

    See Also
    --------
    QuantileStates : For one column.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025,
    section 5, whose estimates discretise by PCA and k-means.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.information import KMeansStates
    >>> X, _ = load_iris(return_X_y=True)
    >>> states = KMeansStates(n_states=3, random_state=0).fit_transform(X)
    >>> sorted(set(states.tolist()))
    [0, 1, 2]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_states": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, *, n_states: int = 10, n_components: int = 10, random_state: Any = None) -> None:
        self.n_states = n_states
        self.n_components = n_components
        self.random_state = random_state

    def _fit(self, values: np.ndarray) -> None:
        rng = check_random_state(self.random_state)
        if len(values) > FIT_ROWS:
            values = values[rng.choice(len(values), FIT_ROWS, replace=False)]
        n_components = min(self.n_components, *values.shape)
        seeds = rng.randint(np.iinfo(np.int32).max, size=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Rows that are all alike have no variance to divide by.
            self.pca_ = PCA(n_components, random_state=int(seeds[0])).fit(values)
        projected = self.pca_.transform(values)
        n_clusters = min(self.n_states, _count_different(values, self.n_states))
        self.kmeans_ = KMeans(n_clusters, n_init=3, random_state=int(seeds[1]))
        with warnings.catch_warnings():
            # Rows that differ in their last digits may meet in the projection, and a cluster stay empty.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.kmeans_.fit(projected)
        self.n_states_ = n_clusters

    def _transform(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(self.kmeans_.predict(self.pca_.transform(values)), dtype=np.intp)


def _count_different(values: np.ndarray, enough: int) -> int:
    """Count different rows; more than `enough` of them are not told apart."""
    first = np.unique(values[: 20 * enough], axis=0)
    return len(first) if len(first) >= enough else len(np.unique(values, axis=0))


class LabelStates(BaseEstimator):
    """States that are there already: each label, or each whole number, is one.

    Attributes
    ----------
    n_states_ : int
        Number of labels.
    classes_ : ndarray of shape (n_states,)
        The labels, sorted.

    See Also
    --------
    QuantileStates : For a column of continuous values.

    Examples
    --------
    >>> from skdistill.information import LabelStates
    >>> LabelStates().fit_transform(["cat", "dog", "cat"])
    array([0, 1, 0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    n_states_: int

    def fit(self, X: Any, y: Any = None) -> "LabelStates":
        """Collect the labels.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, 1)
            Labels: strings, booleans or whole numbers.
        y : object, default=None
            Not used.

        Returns
        -------
        LabelStates
            The encoder itself, fitted.

        Raises
        ------
        ValueError
            If labels are missing, or the values are continuous.
        """
        labels = as_labels(X, "X")
        if not is_discrete(labels):
            raise ValueError(
                "The encoder 'label' needs strings, booleans or whole numbers, got continuous values such as "
                f"{labels[labels != np.round(labels)][0]}. Use encoder='quantile'."
            )
        self.classes_ = np.unique(labels)
        self.n_states_ = len(self.classes_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Give the place of each label.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, 1)
            Labels. A number that `fit` did not see is given the nearest one.

        Returns
        -------
        ndarray of shape (n_rows,), int
            States.

        Raises
        ------
        ValueError
            If a string was not seen by `fit`.
        """
        check_is_fitted(self)
        labels = as_labels(X, "X")
        codes, known = sorted_codes(self.classes_, labels)
        if known.all():
            return codes
        if "U" in (labels.dtype.kind, self.classes_.dtype.kind):
            raise ValueError(
                f"Labels must be among those that were fitted, {few(self.classes_)}, got "
                f"{labels[~known].tolist()[0]!r}. No known one is nearest: fit on rows that have all of them."
            )
        numbers, wanted = self.classes_.astype(np.float64), labels.astype(np.float64)
        above = np.clip(np.searchsorted(numbers, wanted), 1, max(1, len(numbers) - 1))
        below = above - 1
        above = np.minimum(above, len(numbers) - 1)
        return np.asarray(np.where(wanted - numbers[below] <= numbers[above] - wanted, below, above))

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Collect the labels and give the place of each.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, 1)
            Labels.
        y : object, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_rows,), int
            States.
        """
        return self.fit(X, y).transform(X)
