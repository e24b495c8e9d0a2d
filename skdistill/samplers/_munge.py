"""MUNGE: rows mixed with their nearest neighbour."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import Interval
from skdistill.samplers._base import BaseSampler, spread_rows
from skdistill.samplers._neighbors import MixedNeighbors

CHUNK_ROWS = 32_768

__all__ = ["MungeSampler", "munge_rows"]


def munge_rows(
    rows: np.ndarray,
    neighbors: np.ndarray,
    is_category: np.ndarray,
    *,
    swap_probability: float,
    local_variance: float,
    rng: np.random.Generator,
) -> np.ndarray:
    r"""Mix rows with their neighbours, as MUNGE does.

    With probability p, a number :math:`e` whose neighbour has :math:`e'` becomes a draw from
    :math:`N(e', |e - e'| / s)`, and a category becomes that of the neighbour. Where one of the two numbers
    is missing, the neighbour's is taken as it is.

    Parameters
    ----------
    rows, neighbors : ndarray of shape (n, n_columns)
        Encoded rows and their neighbours; NaN for a missing number.
    is_category : ndarray of shape (n_columns,), bool
        Which columns hold codes.
    swap_probability : float
        The p of the paper.
    local_variance : float
        The s of the paper: the standard deviation of a draw is the distance of the two numbers divided by it.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, n_columns)
        New rows.
    """
    swap = rng.random(rows.shape) < swap_probability
    noise = rng.standard_normal(rows.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        drawn = neighbors + noise * (np.abs(rows - neighbors) / local_variance)
    drawn = np.where(is_category | np.isnan(drawn), neighbors, drawn)
    return np.where(swap, drawn, rows)


class MungeSampler(BaseSampler):
    """Rows mixed with near ones, by the MUNGE algorithm.

    Each new row starts as a row of the table and takes, column by column and by chance, values near those of
    one of its nearest neighbours. All rows of the table are used equally often.

    Parameters
    ----------
    swap_probability : float, default=0.5
        Probability that a value is replaced, the p of [1]_; in (0, 1].
    local_variance : float, default=2.0
        The s of [1]_: a number is drawn with a standard deviation of ``|difference to the neighbour| / s``,
        so larger values stay closer to the neighbour.
    n_neighbors : int, default=3
        The neighbour is chosen by chance among so many nearest rows. The paper has 1.
    max_candidates : int or None, default=20000
        Neighbours are searched among so many rows of the table, chosen by chance in `fit`, which bounds
        time and memory; None means all rows.
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
    MixupSampler : Convex combinations of two rows.
    ConditionalSampler : Values redrawn given the rest of the row.

    Notes
    -----
    Numbers are scaled by their standard deviation for the search; two different values of a category are as
    far apart as two random values of a number are in mean square. The paper changes a row and its neighbour
    together while it passes over the table; here every row is mixed with the original table, so that rows can
    be drawn independently of each other. Draws outside the range that was seen are set to its end.

    References
    ----------
    .. [1] Bucila, C., Caruana, R., Niculescu-Mizil, A. (2006). Model compression. KDD, Algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.samplers import MungeSampler
    >>> X, _ = load_iris(return_X_y=True)
    >>> rows = MungeSampler().fit(X).sample(500, random_state=0)
    >>> rows.shape
    (500, 4)
    >>> bool((rows.min(axis=0) >= X.min(axis=0)).all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSampler._parameter_constraints,
        "swap_probability": [Interval(Real, 0, 1, closed="right")],
        "local_variance": [Interval(Real, 0, None, closed="neither")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_candidates": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        swap_probability: float = 0.5,
        local_variance: float = 2.0,
        n_neighbors: int = 3,
        max_candidates: int | None = 20_000,
        categorical_features: str | ArrayLike = "from_dtype",
        random_state: Any = None,
    ) -> None:
        self.swap_probability = swap_probability
        self.local_variance = local_variance
        self.n_neighbors = n_neighbors
        self.max_candidates = max_candidates
        self.categorical_features = categorical_features
        self.random_state = random_state

    def _prepare(self, rng: np.random.Generator) -> None:
        self._neighbors = MixedNeighbors(
            self._schema,
            self._values,
            n_neighbors=self.n_neighbors,
            max_candidates=self.max_candidates,
            rng=rng,
        )

    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = spread_rows(n, len(self._values), rng)
        used, place = np.unique(rows, return_inverse=True)
        near = self._neighbors.query(used, self._values)
        partners = near[place, rng.integers(near.shape[1], size=n)]
        out = np.empty((n, self._values.shape[1]), order="F")
        for start in range(0, n, CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            out[part] = munge_rows(
                self._values[rows[part]],
                self._values[partners[part]],
                self._schema.is_category,
                swap_probability=self.swap_probability,
                local_variance=self.local_variance,
                rng=rng,
            )
        return out
