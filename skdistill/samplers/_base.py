"""What all samplers share: reading a table, keeping its books, and giving new rows back as such a table."""

from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skdistill._columns import TableSchema, encode_table
from skdistill._containers import table_format
from skdistill._sklearn import StrOptions, fit_context

__all__ = ["BaseSampler", "spread_rows"]


def spread_rows(n: int, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Choose rows such that all of them are chosen equally often, but for a remainder chosen by chance.

    Parameters
    ----------
    n : int
        How many rows to choose.
    n_rows : int
        How many there are.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n,), int
        Row numbers in random order.
    """
    rounds, rest = divmod(n, n_rows)
    rows = np.concatenate([np.tile(np.arange(n_rows), rounds), rng.permutation(n_rows)[:rest]])
    return rng.permutation(rows)


class BaseSampler(BaseEstimator):
    """Base class of samplers: new rows that look like the rows of a table.

    For every sampler, whatever the table, the rows given by `sample`

    - come in the same kind of container, with the same columns, dtypes and categories;
    - hold whole numbers where only whole numbers were seen;
    - stay within the range of each numeric column and within the values seen of each category;
    - are missing a value only in columns where values were missing.

    A subclass implements ``_sample(n, rng)``, which returns encoded rows made from ``self._values``, and
    ``_prepare(rng)`` where it has something to learn first. Both see one float64 matrix with numbers as they
    are (NaN for missing) and categories as codes; ``self._schema`` says which is which.

    See Also
    --------
    resolve_sampler : A sampler from its name.

    Examples
    --------
    A sampler that repeats rows of the table:

    >>> from skdistill.samplers import BaseSampler
    >>> class Bootstrap(BaseSampler):
    ...     def __init__(self, *, categorical_features="from_dtype", random_state=None):
    ...         self.categorical_features = categorical_features
    ...         self.random_state = random_state
    ...
    ...     def _sample(self, n, rng):
    ...         return self._values[rng.integers(len(self._values), size=n)]
    >>> Bootstrap().fit([["a", 1], ["b", 2]]).sample(3, random_state=0).shape
    (3, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like"],
        "random_state": ["random_state"],
    }

    categorical_features: Any
    random_state: Any
    n_features_in_: int
    _schema: TableSchema
    _values: np.ndarray

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "BaseSampler":
        """Learn what rows look like.

        Parameters
        ----------
        X : {array-like, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_columns)
            The table. It is not changed.
        y : object, default=None
            Not used; here so that samplers are called as estimators are.

        Returns
        -------
        BaseSampler
            The sampler itself, fitted.

        Raises
        ------
        ValueError
            If X is empty, not two-dimensional, or holds infinity or values that cannot be compared, or if
            ``categorical_features`` does not fit X.
        TypeError
            If X is a table of an unknown kind.
        """
        _, X = table_format(X)
        validate_data(self, X, skip_check_array=True)
        names = X.columns if hasattr(X, "columns") else None
        self._schema, self._values = encode_table(X, self.categorical_features, names)
        self.is_categorical_ = self._schema.is_category.copy()
        self.n_rows_in_ = len(self._values)
        self._prepare(self._generator(self.random_state))
        return self

    def sample(self, n: int, random_state: Any = None) -> Any:
        """Draw new rows.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed of this draw. None means the sampler's own ``random_state``.

        Returns
        -------
        table of shape (n, n_columns)
            New rows in the same kind of container as the X of `fit`; the index of a pandas DataFrame is new.

        Raises
        ------
        ValueError
            If ``n`` is not an integer of at least 0.
        sklearn.exceptions.NotFittedError
            If the sampler has not been fitted.
        """
        check_is_fitted(self)
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
            raise ValueError(f"n should be an integer of at least 0, got {n!r}. Pass the number of rows to draw.")
        rng = self._generator(self.random_state if random_state is None else random_state)
        values = self._sample(int(n), rng) if n else np.empty((0, self.n_features_in_))
        return self._schema.decode(self._schema.tidy(values))

    @staticmethod
    def _generator(random_state: Any) -> np.random.Generator:
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
        return np.random.default_rng(seed)

    def _prepare(self, rng: np.random.Generator) -> None:
        """Learn from ``self._values``; nothing unless a subclass says otherwise."""

    @abstractmethod
    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n >= 1 encoded rows, as a new float64 array of shape (n, n_columns)."""

    def __sklearn_tags__(self) -> Any:
        """Declare that categories, strings, missing values and sparse tables are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
