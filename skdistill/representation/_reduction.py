"""From what a model gives to few standardised coordinates: axes, means, scales."""

from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD

from skdistill.exceptions import ConstantRepresentationError

__all__ = ["Scaling", "principal_axes", "project", "standard_coordinates"]

Scaling = Literal["total", "coordinate"]
# Far above what rounding in double precision leaves of a constant, and below what single precision can tell apart.
SMALLEST_SPREAD = 1e-7
# On leaves of deep forests a linear probe of the coordinates gains nothing from more.
POWER_ITERATIONS = 3


def principal_axes(raw: Any, max_width: int, rng: np.random.RandomState) -> np.ndarray | None:
    """Find the directions along which rows differ most.

    A dense matrix is centred first (principal components); a sparse one is not, which would fill it (truncated
    singular value decomposition).

    Parameters
    ----------
    raw : ndarray or sparse matrix of shape (n_rows, n_raw)
        What the model gives for some rows.
    max_width : int
        Largest number of directions.
    rng : RandomState
        Source of the randomised solver's start.

    Returns
    -------
    ndarray of shape (n_raw, width) or None
        Orthonormal directions; None where there are no more than `max_width` columns, which then stay as they are.

    References
    ----------
    Halko, N., Martinsson, P. G. and Tropp, J. A. (2011). Finding structure with randomness: probabilistic algorithms
    for constructing approximate matrix decompositions. SIAM Review 53(2), algorithm 4.4.
    """
    n_rows, n_raw = raw.shape
    if n_raw <= max_width:
        return None
    width = min(max_width, n_rows)
    if sparse.issparse(raw):
        solver = TruncatedSVD(width, algorithm="randomized", n_iter=POWER_ITERATIONS, random_state=rng)
    else:
        solver = PCA(width, random_state=rng)
    axes = solver.fit(raw).components_
    # A sparse matrix times a transposed view would copy all directions for each chunk of rows.
    return np.ascontiguousarray(axes.T)


def project(raw: Any, axes: np.ndarray | None) -> np.ndarray:
    """Give coordinates along directions as a dense array; the columns themselves if there are no directions."""
    if axes is not None:
        return np.asarray(raw @ axes, dtype=np.float64)
    return np.asarray(raw.toarray() if sparse.issparse(raw) else raw, dtype=np.float64)


def standard_coordinates(
    coordinates: np.ndarray, scaling: Scaling, what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say which coordinates vary, around what and how much.

    With m_j and s_j the mean and the standard deviation of coordinate j, coordinate j is divided by s_j
    ("coordinate"), or each by the same sqrt(mean_j s_j^2) ("total"), which keeps angles and ratios of distances. Either
    way the mean variance of the coordinates is 1, whatever their number.

    Parameters
    ----------
    coordinates : ndarray of shape (n_rows, width)
        Coordinates of some rows.
    scaling : {"total", "coordinate"}
        By what to divide.
    what : str
        Whose representation it is, for the error.

    Returns
    -------
    kept : ndarray of shape (n_kept,), int
        Coordinates that are not constant.
    mean, scale : ndarray of shape (n_kept,)
        What to subtract, and by what to divide.

    Raises
    ------
    ConstantRepresentationError
        If no coordinate varies.
    """
    mean, spread = coordinates.mean(axis=0), coordinates.std(axis=0)
    size = np.maximum(np.abs(coordinates).max(axis=0), spread.max(initial=0.0))
    kept = np.flatnonzero(spread > SMALLEST_SPREAD * size)
    if not len(kept):
        raise ConstantRepresentationError(
            f"{what} must differ between rows, got the same {coordinates.shape[1]} numbers for all {len(coordinates)} "
            "rows, so there is nothing in it to learn from. Pass more varied rows, a model that tells rows apart "
            "(a tree that never split and a saturated layer do not), or another representation or layer of it."
        )
    scale = spread[kept] if scaling == "coordinate" else np.full(len(kept), np.sqrt(np.mean(spread[kept] ** 2)))
    return kept, mean[kept], scale
