"""What numpy arrays, data frames and sparse matrices have in common: columns that can be read and rebuilt."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from skdistill._frames import PandasFormat, PolarsFormat
from skdistill._table_format import NumberBlocks, TableFormat, is_missing, is_plain_number

DENSE_LIMIT = 100_000_000
ARRAY_KINDS = "biufOUSMm"

__all__ = [
    "ArrayFormat",
    "NumberBlocks",
    "PandasFormat",
    "PolarsFormat",
    "SparseFormat",
    "TableFormat",
    "is_missing",
    "is_plain_number",
    "table_format",
]


class ArrayFormat(TableFormat):
    """A two-dimensional numpy array; columns of an object array are looked at one by one."""

    label = "numpy array"

    def __init__(self, X: np.ndarray) -> None:
        if X.dtype.kind == "c":
            raise ValueError(
                "Complex data not supported: X should hold real numbers, strings or booleans, got dtype "
                f"{X.dtype}. Pass the real and the imaginary parts as two columns."
            )
        if X.dtype.kind not in ARRAY_KINDS:
            raise ValueError(
                "X should be an array of numbers, strings, booleans, dates or objects, got dtype "
                f"{X.dtype}. Convert it to a plain array or to a data frame."
            )
        self.dtype = X.dtype

    def columns(self, X: Any, among: Iterable[int] | None = None) -> list[Any]:
        return [X[:, j] for j in (range(X.shape[1]) if among is None else among)]

    def is_number(self, column: Any) -> bool:
        if self.dtype.kind != "O":
            return self.dtype.kind in "iuf"
        return all(is_plain_number(value) or is_missing(value) for value in column)

    def missing(self, column: Any) -> np.ndarray:
        if self.dtype.kind == "f":
            return np.isnan(column)
        if self.dtype.kind in "Mm":
            return np.isnat(column)
        if self.dtype.kind == "O":
            return np.fromiter((is_missing(value) for value in column), dtype=bool, count=len(column))
        return np.zeros(len(column), dtype=bool)

    def to_float(self, column: Any) -> np.ndarray:
        if self.dtype.kind == "O":
            column = np.where(self.missing(column), np.nan, column)
        return np.asarray(column, dtype=np.float64)

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return np.take(column, rows)

    def number_rows(self, column: Any, missing: np.ndarray) -> np.ndarray:
        rows = super().number_rows(column, missing)
        if self.dtype.kind == "O":
            fractions = [i for i in np.flatnonzero(~missing) if not isinstance(column[i], int | np.integer)]
            rows[:1] = fractions[:1] or rows[:1]
        return rows

    def from_float(self, values: np.ndarray, prototype: Any) -> Any:
        if self.dtype.kind != "O":
            return values.astype(self.dtype)
        whole = isinstance(prototype[0], int | np.integer)
        out = np.empty(len(values), dtype=object)
        missing = np.isnan(values)
        out[~missing] = [int(v) if whole else float(v) for v in values[~missing]]
        if missing.any():
            out[missing] = prototype[-1]
        return out

    def build(self, columns: Sequence[Any], n_rows: int) -> Any:
        out = np.empty((n_rows, len(columns)), dtype=self.dtype)
        for j, column in enumerate(columns):
            out[:, j] = column
        return out


class SparseFormat(ArrayFormat):
    """A scipy sparse matrix or array of any format, handled through a dense table of bounded size."""

    label = "sparse matrix"

    def __init__(self, X: Any) -> None:
        self.container = type(X)
        self._check_size(X.shape)
        super().__init__(np.empty((0, 0), dtype=X.dtype))

    @staticmethod
    def _check_size(shape: tuple[int, int]) -> None:
        if shape[0] * shape[1] > DENSE_LIMIT:
            raise ValueError(
                f"A sparse X should have at most {DENSE_LIMIT:,} cells, zeros included, because rows are "
                f"sampled through a dense table; got {shape[0]:,} x {shape[1]:,}. Pass fewer rows, or reduce "
                "the columns first, for instance with SelectKBest or TruncatedSVD."
            )

    def columns(self, X: Any, among: Iterable[int] | None = None) -> list[Any]:
        return super().columns(X.toarray(order="F"), among)

    def build(self, columns: Sequence[Any], n_rows: int) -> Any:
        self._check_size((n_rows, len(columns)))
        return self.container(super().build(columns, n_rows))


def container_name(X: Any) -> str:
    """Name the kind of table: ``"numpy"``, ``"sparse"``, ``"pandas"``, ``"polars"`` or ``"other"``."""
    if sparse.issparse(X):
        return "sparse"
    if isinstance(X, np.ndarray):
        return "numpy"
    for name in ("pandas", "polars"):
        module = sys.modules.get(name)
        if module is not None and isinstance(X, module.DataFrame):
            return name
    return "other"


def table_format(X: Any) -> tuple[TableFormat, Any]:
    """Find the format of a table and check that it has rows and columns.

    Parameters
    ----------
    X : {array-like, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_columns)
        The table. A list of lists counts as the numpy array that it converts to.

    Returns
    -------
    form : TableFormat
        How to read and rebuild it.
    X : object
        The table itself, or the array made of it.

    Raises
    ------
    ValueError
        If X is not two-dimensional, is empty, or holds values of an unknown kind.
    TypeError
        If X is a table of a kind that is not known here.
    """
    formats: dict[str, Callable[[Any], TableFormat]] = {
        "numpy": ArrayFormat,
        "sparse": SparseFormat,
        "pandas": PandasFormat,
        "polars": PolarsFormat,
    }
    name = container_name(X)
    if name == "other":
        if not isinstance(X, list | tuple) and not hasattr(X, "__array__"):
            raise TypeError(
                "X should be a numpy array, a scipy sparse matrix, a pandas or a polars DataFrame, got "
                f"{type(X).__name__}. Convert it to one of them."
            )
        X, name = np.asarray(X), "numpy"
    if X.ndim != 2 if hasattr(X, "ndim") else len(X.shape) != 2:
        raise ValueError(
            f"Expected 2D array, got {len(X.shape)}D array instead: X should have shape (n_rows, n_columns). "
            "Reshape your data, for one column with X.reshape(-1, 1), for one row with X.reshape(1, -1)."
        )
    if X.shape[0] == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required. Pass at least one row."
        )
    if X.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required. "
            "Pass at least one column."
        )
    return formats[name](X), X
