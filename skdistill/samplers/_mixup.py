"""Mixup: convex combinations of two rows."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import Interval
from skdistill.samplers._base import BaseSampler, spread_rows
from skdistill.samplers._neighbors import MixedNeighbors

CHUNK_ROWS = 32_768

__all__ = ["MixupSampler", "mixup_rows"]


def mixup_rows(
    rows: np.ndarray,
    partners: np.ndarray,
    weights: np.ndarray,
    *,
    is_category: np.ndarray,
    is_integer: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    r"""Mix rows with partners: :math:`\lambda a + (1 - \lambda) b` for numbers.

    What cannot be averaged, a category or a number that one of the two is missing, is taken from the first
    row with probability :math:`\lambda`, and for the whole row from the same of the two, so that values that
    belong together stay together. Whole numbers are rounded up or down by chance such that their mean is
    kept.

    Parameters
    ----------
    rows, partners : ndarray of shape (n, n_columns)
        Encoded rows; NaN for a missing number.
    weights : ndarray of shape (n,)
        Weight :math:`\lambda` of the first row, in [0, 1].
    is_category, is_integer : ndarray of shape (n_columns,), bool
        Which columns hold codes, and which whole numbers.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, n_columns)
        New rows.
    """
    weight = weights[:, None]
    mixed = weight * rows + (1.0 - weight) * partners
    step = rng.random(mixed.shape)
    mixed = np.where(is_integer, np.floor(mixed + step), mixed)
    whole = np.where(rng.random(weight.shape) < weight, rows, partners)
    same = rows == partners
    return np.where(is_category | same | np.isnan(mixed), whole, mixed)


class MixupSampler(BaseSampler):
    """Convex combinations of two rows of the table.

    Each new row is a weighted mean of a row and a partner, with a weight drawn from a Beta distribution. A
    category is that of one of the two, with the weight as probability. All rows are used equally often as the
    first of the two.

    Parameters
    ----------
    alpha : float, default=0.2
        Both parameters of the Beta distribution of the weight. Below 1 most rows stay near one of
        the two, 1 is uniform, above 1 they gather in the middle.
    n_neighbors : int or None, default=None
        Choose the partner among so many nearest rows; None means among all rows, as in [1]_.
    max_candidates : int or None, default=20000
        Neighbours are searched among so many rows of the table, chosen by chance in `fit`, which bounds
        time and memory; None means all rows. Not used where ``n_neighbors`` is None.
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, as names, indices or a mask, besides those whose dtype is not numeric.
        ``"from_dtype"`` means only those: categories, strings, objects, booleans and dates; in a numpy array
        of objects, the columns that hold anything but numbers.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of candidates, and `sample` where that is given no seed of its own.

    Attributes
    ----------
    is_categorical_ : ndarray of shape (n_features,), bool
        Which columns are handled as categories.
    n_rows_in_ : int
        Number of rows seen in `fit`.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where all of them are strings.

    See Also
    --------
    MungeSampler : Rows mixed with their nearest neighbours.
    ConditionalSampler : Values redrawn given the rest of the row.

    References
    ----------
    .. [1] Zhang, H., Cisse, M., Dauphin, Y. N., Lopez-Paz, D. (2018). mixup: Beyond empirical risk
       minimization. ICLR, Equation 1; the labels are left to the teacher here.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.samplers import MixupSampler
    >>> X, _ = load_iris(return_X_y=True)
    >>> MixupSampler(alpha=1.0).fit(X).sample(500, random_state=0).shape
    (500, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSampler._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "max_candidates": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        alpha: float = 0.2,
        n_neighbors: int | None = None,
        max_candidates: int | None = 20_000,
        categorical_features: str | ArrayLike = "from_dtype",
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.n_neighbors = n_neighbors
        self.max_candidates = max_candidates
        self.categorical_features = categorical_features
        self.random_state = random_state

    def _prepare(self, rng: np.random.Generator) -> None:
        self._is_integer = np.array([column.integer for column in self._schema.columns])
        self._neighbors = None
        if self.n_neighbors is not None:
            self._neighbors = MixedNeighbors(
                self._schema,
                self._values,
                n_neighbors=self.n_neighbors,
                max_candidates=self.max_candidates,
                rng=rng,
            )

    def _partners(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self._neighbors is None:
            return rng.integers(len(self._values), size=len(rows))
        used, place = np.unique(rows, return_inverse=True)
        near = self._neighbors.query(used, self._values)
        return near[place, rng.integers(near.shape[1], size=len(rows))]

    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = spread_rows(n, len(self._values), rng)
        partners = self._partners(rows, rng)
        weights = rng.beta(self.alpha, self.alpha, size=n)
        out = np.empty((n, self._values.shape[1]), order="F")
        for start in range(0, n, CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            out[part] = mixup_rows(
                self._values[rows[part]],
                self._values[partners[part]],
                weights[part],
                is_category=self._schema.is_category,
                is_integer=self._is_integer,
                rng=rng,
            )
        return out
