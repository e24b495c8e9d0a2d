"""A table of any kind as one matrix of floats and codes, and the way back.

Numbers stand in the matrix as they are, NaN where they are missing. Values of a category are replaced by the
code of their level 0, 1, 2 and so on; a missing value of a category is one more level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill._containers import NumberBlocks, TableFormat, table_format
from skdistill.exceptions import SampledRowsError

EXACT_INTEGERS = 2.0**53

__all__ = ["Column", "TableSchema", "categorical_mask", "encode_table"]


@dataclass(frozen=True)
class Column:
    """What has to be kept of one column.

    Attributes
    ----------
    prototype : column
        Of a category, one value for every level, in the order of the codes; of a number, a piece that
        keeps the dtype and the marker of missing values.
    n_levels : int
        Number of levels of a category, a missing value included; 0 for a number.
    integer : bool
        Whether all numbers seen are whole.
    low, high : float
        Range of the numbers, or of the codes.
    has_missing : bool
        Whether a number was missing; for a category, whether a value was.
    """

    prototype: Any
    n_levels: int
    integer: bool
    low: float
    high: float
    has_missing: bool

    @property
    def is_category(self) -> bool:
        """Whether the column is handled as a category."""
        return self.n_levels > 0


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table and how to build one.

    Attributes
    ----------
    form : TableFormat
        The kind of table.
    columns : tuple of Column
        One entry for each column of the table.
    is_category : ndarray of shape (n_columns,), bool
        Which columns are categories.
    n_levels : ndarray of shape (n_columns,), int
        Number of levels, 0 for numbers.
    low, high : ndarray of shape (n_columns,)
        Ranges of numbers and of codes.
    """

    form: TableFormat
    columns: tuple[Column, ...]
    is_category: np.ndarray = field(init=False)
    n_levels: np.ndarray = field(init=False)
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Gather what the samplers need as arrays."""
        for name, dtype in (("is_category", bool), ("n_levels", np.intp), ("low", float), ("high", float)):
            object.__setattr__(self, name, np.array([getattr(c, name) for c in self.columns], dtype=dtype))

    def tidy(self, values: np.ndarray) -> np.ndarray:
        """Round whole numbers and bring all numbers into the range seen, in place.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns), float64
            New rows, encoded.

        Returns
        -------
        ndarray of shape (n, n_columns)
            The same array.

        Raises
        ------
        SampledRowsError
            If a code is no level of its column, or a value is missing in a column that had none missing.
        """
        for j, column in enumerate(self.columns):
            if column.integer:
                np.round(values[:, j], out=values[:, j])
            missing = np.isnan(values[:, j]).any()
            outside = column.is_category and not np.isin(values[:, j], np.arange(column.n_levels)).all()
            if outside or (missing and not column.has_missing):
                raise SampledRowsError(
                    "_sample should return known codes, and missing values only where some were seen; "
                    f"column {j} breaks this. Return rows made from the encoded values of the fitted table."
                )
            np.clip(values[:, j], column.low, column.high, out=values[:, j])
        return values

    def decode(self, values: np.ndarray) -> Any:
        """Build a table of the original kind.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns), float64
            Rows, encoded and tidy.

        Returns
        -------
        table
            The rows as a table with the columns and dtypes of the one that was encoded.
        """
        return self.form.decode(values, [column.prototype for column in self.columns], self.is_category)


def categorical_mask(
    categorical_features: str | ArrayLike, n_columns: int, names: Sequence[str] | np.ndarray | None
) -> np.ndarray:
    """Turn names, indices or a mask into a mask.

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like of str, int or bool
        The columns that are categories; ``"from_dtype"`` names none here.
    n_columns : int
        Number of columns of the table.
    names : sequence of str or None
        The names of the columns, where it has some.

    Returns
    -------
    ndarray of shape (n_columns,), bool
        True for the columns that were named.

    Raises
    ------
    ValueError
        If a name, an index or the length of the mask does not fit the table.
    """
    mask = np.zeros(n_columns, dtype=bool)
    if isinstance(categorical_features, str):
        return mask
    given = np.asarray(categorical_features)
    if given.size == 0:
        return mask
    if given.ndim == 1 and given.dtype.kind == "b" and len(given) == n_columns:
        return given.copy()
    if given.ndim == 1 and given.dtype.kind in "iu" and given.min() >= 0 and given.max() < n_columns:
        mask[given] = True
        return mask
    if given.ndim == 1 and given.dtype.kind in "OUT" and names is not None:
        known = {name: j for j, name in enumerate(names)}
        unknown = [name for name in given.tolist() if name not in known]
        if not unknown:
            mask[[known[name] for name in given.tolist()]] = True
            return mask
        raise ValueError(
            f"categorical_features should hold names of columns, got {unknown!r} that X does not have. "
            f"The columns of X are {list(names)!r}."
        )
    wanted = "indices from 0 to n_columns - 1 or a mask" + (", or names" if names is not None else "")
    raise ValueError(
        f"categorical_features should be 'from_dtype' or hold {wanted} for the {n_columns} columns of X, got "
        f"{categorical_features!r}. Leave it at 'from_dtype' to go by the dtypes; names need a data frame."
    )


def level_codes(form: TableFormat, column: Any, missing: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Give each level of a column a number, in the order in which they appear.

    Returns
    -------
    codes : ndarray of shape (n_rows,), int
        Code of every row.
    first : ndarray of shape (n_levels,), int
        A row where each level appears.
    """
    if (short := form.distinct(column)) is not None:
        rows, which = short
        codes, first = plain_codes(form, form.take(column, rows), missing[rows], label)
        return codes[which], rows[first]
    return plain_codes(form, column, missing, label)


def plain_codes(form: TableFormat, column: Any, missing: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Give each level of a column a number, as `level_codes` does, looking at each entry by itself."""
    values = form.to_list(column)
    table: dict[Any, int] = {}
    try:
        # The type is part of the key because True, 1 and 1.0 are equal but are not the same value to keep.
        codes = np.fromiter(
            (
                -1 if gone else table.setdefault(v if type(v) is str else (type(v), v), len(table))
                for v, gone in zip(values, missing, strict=True)
            ),
            dtype=np.intp,
            count=len(values),
        )
    except TypeError as error:
        raise ValueError(
            f"Column {label} should hold numbers, strings or other single values, got values that cannot be "
            f"compared ({error}). Drop the column or turn it into plain columns."
        ) from error
    if missing.any():
        codes[missing] = len(table)
    _, first = np.unique(codes, return_index=True)
    return codes, first


def encode_column(form: TableFormat, column: Any, listed: bool, label: str) -> tuple[Column, np.ndarray]:
    """Describe one column and encode its values as float64."""
    missing = form.missing(column)
    if not listed and not missing.all() and form.is_number(column):
        values = form.to_float(column)
        present = values[~missing]
        if np.isinf(present).any():
            raise ValueError(
                f"X should hold finite numbers or missing values, got infinity in column {label}. "
                "Replace it with NaN or with a large finite number."
            )
        low, high = float(present.min()), float(present.max())
        exact = max(abs(low), abs(high)) < EXACT_INTEGERS or not form.holds_integers(column)
        if exact:
            prototype = form.take(column, form.number_rows(column, missing))
            integer = bool((present == np.round(present)).all())
            return Column(prototype, 0, integer, low, high, bool(missing.any())), values
    codes, first = level_codes(form, column, missing, label)
    n_levels = len(first)
    described = Column(form.take(column, first), n_levels, False, 0.0, n_levels - 1.0, bool(missing.any()))
    return described, codes.astype(np.float64)


def describe_numbers(form: TableFormat, blocks: NumberBlocks, columns: list[int]) -> dict[int, Column]:
    """Describe columns that were read at once, but for those that must be handled as categories."""
    values = blocks.values[:, columns]
    missing = np.isnan(values)
    some_missing = missing.any(axis=0)
    low = np.where(missing, np.inf, values).min(axis=0) if some_missing.any() else values.min(axis=0)
    high = np.where(missing, -np.inf, values).max(axis=0) if some_missing.any() else values.max(axis=0)
    whole = ((values == np.round(values)) | missing).all(axis=0)
    described = {}
    for place, j in enumerate(columns):
        least, most = float(low[place]), float(high[place])
        piece = blocks.pieces[j]
        exact = max(abs(least), abs(most)) < EXACT_INTEGERS or not form.holds_integers(piece)
        # Infinity also stands for columns without a number. Both have their way elsewhere.
        if exact and np.isfinite(least) and np.isfinite(most):
            described[j] = Column(piece, 0, bool(whole[place]), least, most, bool(some_missing[place]))
    return described


def encode_table(
    X: Any,
    categorical_features: str | ArrayLike = "from_dtype",
    names: Sequence[str] | np.ndarray | None = None,
) -> tuple[TableSchema, np.ndarray]:
    """Encode a table as one matrix.

    Parameters
    ----------
    X : {array-like, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_columns)
        The table; it is not changed.
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, besides those whose dtype leaves no choice.
    names : sequence of str, default=None
        Names of the columns.

    Returns
    -------
    schema : TableSchema
        What is needed to go back.
    values : ndarray of shape (n_rows, n_columns), float64
        Numbers and codes; NaN only where a number is missing.

    Raises
    ------
    ValueError
        If the table is empty, holds infinity or values that cannot be handled, or if
        ``categorical_features`` does not fit it.
    TypeError
        If the table is of an unknown kind.
    """
    form, X = table_format(X)
    listed = categorical_mask(categorical_features, X.shape[1], names)
    blocks = form.read_numbers(X)
    values = blocks.values
    described = describe_numbers(form, blocks, [j for j in blocks.pieces if not listed[j]])
    others = [j for j in range(X.shape[1]) if j not in described]
    for j, column in zip(others, form.columns(X, others), strict=True):
        label = repr(str(names[j])) if names is not None else str(j)
        described[j], values[:, j] = encode_column(form, column, bool(listed[j]), label)
    return TableSchema(form, tuple(described[j] for j in range(X.shape[1]))), values
