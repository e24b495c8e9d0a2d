"""What all representations share: opening the model, reading rows in chunks, few and standardised coordinates."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import Interval, StrOptions, check_n_features, fit_context, num_samples, safe_indexing
from skdistill._validation import as_rows
from skdistill.representation._opened import open_model, through
from skdistill.representation._reduction import Scaling, principal_axes, project, standard_coordinates

__all__ = ["BaseRepresentation"]

# Numbers of a model's inside that are held at a time while axes are found: 160 MB in double precision.
MOST_CELLS = 20_000_000


class BaseRepresentation(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Base class of representations: what a fitted model sees inside, as a transformer of its rows.

    For every representation, whatever the model,

    - `transform` gives a float64 array whose width does not exceed `max_width` and does not depend on the rows, or what
      `set_output` asks for, whose columns are named after the class (leafrepresentation0, ...);
    - a row's output depends neither on the other rows nor on `chunk_rows`, but for rounding;
    - over the rows of `fit` (a sample of them, if there are more than `sample_rows`) each coordinate has mean 0, and
      the mean of their variances is 1; coordinates that are constant there are dropped;
    - the model is only asked and never changed, and equal seeds give equal outputs.

    A subclass implements ``_raw(rows)``, which returns what the learner sees of a chunk of rows as a dense or sparse
    matrix, ``_refuse(core)`` if it is not for every learner, and ``_prepare(rows, rng)`` if it has something to find
    out first. The rows have passed the steps of the model's pipeline; ``self.core_`` is the learner behind them.

    Parameters
    ----------
    model : estimator, default=None
        The fitted model. Frozen models, searches and pipelines are opened; of a pipeline it is the last step whose
        inside is meant, on rows that the other steps have changed. `clone` unfits a model that is not frozen.
    max_width : int, default=64
        Largest number of coordinates. What is wider is reduced to its principal directions.
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, which keeps angles and ratios of distances, or each has variance 1.
    chunk_rows : int, default=4096
        The model is asked about so many rows at a time.
    sample_rows : int, default=10_000
        Directions, means and scales are found on at most so many rows, drawn at random.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and of the randomised solver.

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
    Distances from the centres of a nearest-centroid classifier:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.metrics import pairwise_distances
    >>> from sklearn.neighbors import NearestCentroid
    >>> from skdistill.representation import BaseRepresentation
    >>> class CentroidRepresentation(BaseRepresentation):
    ...     def _raw(self, rows):
    ...         return pairwise_distances(rows, self.core_.centroids_)
    >>> X, y = load_iris(return_X_y=True)
    >>> CentroidRepresentation(model=NearestCentroid().fit(X, y)).fit_transform(X).shape
    (150, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_width": [Interval(Integral, 1, None, closed="left")],
        "scaling": [StrOptions({"total", "coordinate"})],
        "chunk_rows": [Interval(Integral, 1, None, closed="left")],
        "sample_rows": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    model: Any
    max_width: int
    scaling: Scaling
    chunk_rows: int
    sample_rows: int
    random_state: Any
    core_: Any
    width_: int
    _axes: np.ndarray | None
    _kept: np.ndarray | None

    def __init__(
        self,
        *,
        model: Any = None,
        max_width: int = 64,
        scaling: Scaling = "total",
        chunk_rows: int = 4096,
        sample_rows: int = 10_000,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.max_width = max_width
        self.scaling = scaling
        self.chunk_rows = chunk_rows
        self.sample_rows = sample_rows
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "BaseRepresentation":
        """Find out which coordinates the model's inside has on these rows.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the model's own columns.
        y : object, default=None
            Not used.

        Returns
        -------
        BaseRepresentation
            The representation itself.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ConstantRepresentationError
            If the model sees the same in all rows.
        TypeError
            If this representation is not for such a model.
        ValueError
            If a parameter is out of its range, or the model gives NaN or infinity.
        """
        self._steps, self.core_ = open_model(self.model)
        self._refuse(self.core_)
        rng = check_random_state(self.random_state)
        X = as_rows(X)
        check_n_features(self, X, reset=True)
        sample = _drawn(X, self.sample_rows, rng)
        self._prepare(sample, rng)
        raw = _stacked(self._raws(sample))
        axes = principal_axes(raw, self.max_width, rng)
        kept, self.mean_, self.scale_ = standard_coordinates(project(raw, axes), self.scaling, self._what())
        self._axes, self._kept = (None, kept) if axes is None else (np.ascontiguousarray(axes[:, kept]), None)
        self.width_ = len(kept)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Give what the model sees in rows.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the model's own columns.

        Returns
        -------
        ndarray of shape (n_rows, width)
            Standardised coordinates, as float64.

        Raises
        ------
        NotFittedError
            If the representation is not fitted.
        ValueError
            If there are more or fewer columns than in `fit`, or the model gives NaN or infinity.
        """
        check_is_fitted(self)
        X = as_rows(X)
        check_n_features(self, X, reset=False)
        out = np.empty((num_samples(X), self.width_))
        start = 0
        for raw in self._raws(X):
            part = out[start : start + raw.shape[0]]
            coordinates = project(raw, self._axes)
            np.subtract(coordinates if self._kept is None else coordinates[:, self._kept], self.mean_, out=part)
            part /= self.scale_
            start += len(part)
        return out

    def _refuse(self, core: Any) -> None:
        """Raise a TypeError for a learner that has no such inside; by default none is refused."""

    def _prepare(self, rows: Any, rng: np.random.RandomState) -> None:
        """Learn what ``_raw`` needs, from the drawn rows before the pipeline's steps; by default nothing."""

    @abstractmethod
    def _raw(self, rows: Any) -> Any:
        """Return what ``self.core_`` sees in rows that have passed the steps: a matrix of shape (n_rows, n_raw)."""

    def _chunks(self, X: Any) -> Iterator[Any]:
        """Yield the rows in chunks, after the steps of the pipeline."""
        n_rows = num_samples(X)
        for start in range(0, n_rows, self.chunk_rows):
            rows = X
            if n_rows > self.chunk_rows:
                rows = safe_indexing(X, np.arange(start, min(start + self.chunk_rows, n_rows)))
            yield through(self._steps, rows)

    def _raws(self, X: Any) -> Iterator[Any]:
        for rows in self._chunks(X):
            raw = self._raw(rows)
            if not sparse.issparse(raw) and not np.isfinite(raw).all():
                raise ValueError(
                    f"{self._what()} must be finite, got NaN or infinity. Check the model on these rows: missing "
                    "values that it cannot handle, or training that diverged."
                )
            yield raw

    def _what(self) -> str:
        return f"{type(self).__name__} of {type(self.core_).__name__}"

    @property
    def _n_features_out(self) -> int:
        return self.width_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "width_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _drawn(X: Any, n_most: int, rng: np.random.RandomState) -> Any:
    """Return the rows themselves, or some of them in random order, of which the first ones are again a sample."""
    n_rows = num_samples(X)
    return X if n_rows <= n_most else safe_indexing(X, rng.permutation(n_rows)[:n_most])


def _stacked(raws: Iterator[Any]) -> Any:
    parts: list[Any] = []
    cells = 0
    for raw in raws:
        parts.append(raw)
        cells += raw.nnz if sparse.issparse(raw) else raw.size
        if cells > MOST_CELLS:
            break
    return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
