"""Leaves of trees, one-hot, and the directions along which they differ most."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skdistill.representation._base import MOST_CELLS, BaseRepresentation
from skdistill.representation._leaves import LeafReader, leaf_reader

__all__ = ["LeafBook", "LeafRepresentation", "has_leaves", "leaf_book", "one_hot_leaves"]

# The directions are a dense matrix of so many rows, and one-hot rows have so many entries, at most.
MOST_LEAVES = 50_000
MOST_TREES = 1000
# What rounding in sums of scores leaves of the difference between two equal leaves, relative to the scores.
VALUE_ROUNDING = 1e-9


@dataclass(frozen=True)
class LeafBook:
    """Which column stands for which leaf.

    Parameters
    ----------
    leaves : tuple of ndarray
        For each tree its leaves' numbers, ascending.
    columns : tuple of ndarray of int
        For each tree the column of each leaf, -1 for a leaf that has none.
    n_columns : int
        Number of columns.
    tolerance : float
        How far a number may be from a leaf's to be that leaf.
    """

    leaves: tuple[np.ndarray, ...]
    columns: tuple[np.ndarray, ...]
    n_columns: int
    tolerance: float


def leaf_book(leaves: np.ndarray, *, by_value: bool = False, most: int = MOST_LEAVES) -> LeafBook:
    """Give each leaf that rows end in a column, the most frequented ones first served.

    Parameters
    ----------
    leaves : ndarray of shape (n_rows, n_trees)
        For each tree the number of the leaf that a row ends in.
    by_value : bool, default=False
        Whether leaves are known by their values, which are equal up to rounding, and not by integers.
    most : int, default=50_000
        Largest number of columns.

    Returns
    -------
    LeafBook
        For `one_hot_leaves`.
    """
    tolerance = VALUE_ROUNDING * float(np.abs(leaves).sum(axis=1).max()) if by_value else 0.25
    found, counts = zip(*(_levels(column, tolerance) for column in leaves.T), strict=True)
    sizes = np.concatenate(counts)
    columns = np.arange(len(sizes))
    if len(sizes) > most:
        columns = np.full(len(sizes), -1)
        kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
        columns[kept] = np.arange(most)
    ends = np.cumsum([len(levels) for levels in found])[:-1]
    return LeafBook(tuple(found), tuple(np.split(columns, ends)), min(len(sizes), most), tolerance)


def one_hot_leaves(leaves: np.ndarray, book: LeafBook) -> sparse.csr_matrix:
    r"""Encode the leaves that rows end in, such that inner products are proximities.

    .. math:: z(x)_{b,l} = 1[\mathrm{leaf}_b(x) = l] / \sqrt{B}

    so that :math:`z(x)^T z(x')` is the share of the B trees in which both rows end in the same leaf.

    Parameters
    ----------
    leaves : ndarray of shape (n_rows, n_trees)
        For each tree the number of the leaf that a row ends in.
    book : LeafBook
        Which column stands for which leaf; a leaf that is not in it is encoded as zeros.

    Returns
    -------
    csr_matrix of shape (n_rows, n_columns)
        With one stored entry per row and tree.

    References
    ----------
    Breiman, L. (2003). Setting up, using, and understanding random forests v4.0: proximities.

    Davies, A. and Ghahramani, Z. (2014). The random forest kernel and other kernels for big data from random
    partitions. arXiv:1402.4293, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.representation._forest import leaf_book, one_hot_leaves
    >>> leaves = np.array([[1, 5], [1, 7], [2, 7]])
    >>> encoded = one_hot_leaves(leaves, leaf_book(leaves))
    >>> (encoded @ encoded.T).toarray()
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0.5],
           [0. , 0.5, 1. ]])
    """
    n_rows, n_trees = leaves.shape
    indices = np.empty((n_rows, n_trees), dtype=np.int32)
    for b, (known, columns) in enumerate(zip(book.leaves, book.columns, strict=True)):
        # Between two neighbours, the nearer one.
        places = np.searchsorted((known[1:] + known[:-1]) / 2, leaves[:, b])
        near = np.abs(known[places] - leaves[:, b]) <= book.tolerance
        indices[:, b] = np.where(near, columns[places], -1)
    unknown = indices < 0
    data = np.where(unknown, 0.0, 1.0 / np.sqrt(n_trees))
    indices[unknown] = 0
    pointers = np.arange(0, n_rows * n_trees + 1, n_trees)
    return sparse.csr_matrix((data.ravel(), indices.ravel(), pointers), shape=(n_rows, book.n_columns))


def has_leaves(core: Any) -> bool:
    """Whether a learner is made of trees whose leaves can be told."""
    return leaf_reader(core) is not None


def own_reader(core: Any) -> LeafReader:
    """Find how a learner tells leaves, or say that it does not."""
    reader = leaf_reader(core)
    if reader is None:
        raise TypeError(
            f"LeafRepresentation needs trees whose leaves can be told, got {type(core).__name__}. Use "
            "representation='auto', or LogProbaRepresentation, which takes any classifier."
        )
    return reader


class LeafRepresentation(BaseRepresentation):
    """Leaves of a tree, a forest or boosted trees: one-hot, reduced by a singular value decomposition.

    Inner products of the one-hot rows are the forest's proximities, so that the coordinates are those of its kernel's
    leading directions. Trees of scikit-learn, LightGBM, XGBoost and CatBoost are asked for their leaves; those of
    `HistGradientBoostingClassifier`, which does not tell leaves, are known by what each tree adds to the decision
    function. Memory is bounded: of more than 1000 trees an evenly spaced 1000 is read, and of more than 50,000
    leaves the most frequented.

    Parameters
    ----------
    model : estimator, default=None
        The fitted trees; see `BaseRepresentation`.
    max_width : int, default=64
        Largest number of coordinates.
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, or each has variance 1.
    chunk_rows : int, default=4096
        The model is asked about so many rows at a time.
    sample_rows : int, default=10_000
        Leaves and directions are found on at most so many rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and of the randomised decomposition.

    Attributes
    ----------
    core_ : estimator
        The trees themselves.
    mean_, scale_ : ndarray of shape (width,)
        What is subtracted from each coordinate, and by what it is divided.
    width_ : int
        Number of coordinates.
    n_features_in_ : int
        Number of columns of the rows of `fit`, where they have columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.representation import LeafRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> LeafRepresentation(model=forest, max_width=8, random_state=0).fit_transform(X).shape
    (150, 8)
    """

    _trees: np.ndarray
    _book: LeafBook

    def _refuse(self, core: Any) -> None:
        own_reader(core)

    def _prepare(self, rows: Any, rng: np.random.RandomState) -> None:
        reader = own_reader(self.core_)
        parts: list[np.ndarray] = []
        for chunk in self._chunks(rows):
            leaves = reader(chunk)
            if not parts:
                self._trees = spread_trees(leaves.shape[1], MOST_TREES)
            parts.append(leaves[:, self._trees])
            if sum(part.size for part in parts) > MOST_CELLS:
                break
        self._book = leaf_book(np.concatenate(parts), by_value=reader.by_value)

    def _raw(self, rows: Any) -> sparse.csr_matrix:
        return one_hot_leaves(own_reader(self.core_)(rows)[:, self._trees], self._book)


def spread_trees(n_trees: int, n_most: int) -> np.ndarray:
    """Choose evenly spaced trees, the first and the last among them; all if there are not too many."""
    return np.linspace(0, n_trees - 1, min(n_trees, n_most)).round().astype(np.intp)


def _levels(column: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the different numbers of a column, those within the tolerance as one, and how often each occurs."""
    levels, counts = np.unique(column, return_counts=True)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(levels) > tolerance]))
    return levels[starts].astype(np.float64), np.add.reduceat(counts, starts)
