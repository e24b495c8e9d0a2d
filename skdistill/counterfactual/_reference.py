"""Reading reference rows and queries as one matrix."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from skdistill._columns import EXACT_INTEGERS, Column, categorical_mask, encode_table
from skdistill._containers import (
    DENSE_LIMIT,
    ArrayFormat,
    SparseFormat,
    TableFormat,
    container_name,
    is_plain_number,
    table_format,
)
from skdistill.counterfactual._forms import ColumnsForm, PlainForm, QueryForm

__all__ = ["ColumnsTable", "PlainTable", "ReferenceTable", "read_reference"]


class ReferenceTable(ABC):
    """Reference rows, encoded, and how queries are encoded in the same way.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns), float64
        The rows.
    is_category, integer, boolean : ndarray of shape (n_columns,), bool
        Which columns hold codes, which hold whole numbers only, and which codes stand for booleans.
    low, high : ndarray of shape (n_columns,)
        Range of the numbers; 0 for categories.
    """

    values: np.ndarray
    is_category: np.ndarray
    integer: np.ndarray
    boolean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    names: Sequence[Any] | None

    @abstractmethod
    def read(self, X: Any) -> tuple[np.ndarray, QueryForm]:
        """Encode queries and say how to build tables like them."""

    @abstractmethod
    def codes(self, column: int, values: Sequence[Any]) -> np.ndarray:
        """Give the codes of values of a category, -1 for unknown ones."""

    def check_columns(self, X: Any) -> None:
        """Refuse queries whose columns are not those of the reference rows."""
        got = list(X.columns) if hasattr(X, "columns") else None
        if (got is None) != (self.names is None):
            kinds = ("a data frame", "an array") if got is None else ("an array", "a data frame")
            raise ValueError(
                f"X should be the same kind of table as the reference rows, {kinds[0]}, got {kinds[1]}. "
                "Convert one of them."
            )
        if X.shape[1] != self.values.shape[1]:
            raise ValueError(
                f"X should have the {self.values.shape[1]} columns of the reference rows, got {X.shape[1]}. "
                "Select the same columns."
            )
        if got is not None and self.names is not None and got != list(self.names):
            raise ValueError(
                f"X should have the columns of the reference rows in the same order, {list(self.names)!r}, got "
                f"{got!r}. Select them with X[reference.columns]."
            )

    def label(self, column: int) -> str:
        """Name a column as errors do."""
        return repr(self.names[column]) if self.names is not None else str(column)

    def refuse_infinity(self, values: np.ndarray) -> None:
        """Refuse infinite numbers."""
        bad = np.isinf(values)
        if bad.any():
            j = int(np.flatnonzero(bad.any(axis=0))[0])
            raise ValueError(
                f"X should hold finite numbers or missing values, got infinity in column {self.label(j)}. "
                "Replace it with NaN or with a large finite number."
            )


def is_plain(X: Any) -> bool:
    """Tell whether a table is a numeric array, or a sparse matrix, whose values float64 holds exactly."""
    if sparse.issparse(X):
        return bool(X.dtype.kind in "biuf")
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "biuf":
        return False
    return X.dtype.kind in "bf" or X.dtype.itemsize < 8 or X.size == 0 or abs(X).max() < EXACT_INTEGERS


def dense_values(X: Any) -> np.ndarray:
    """Give a numeric array or sparse matrix as float64, without copying where that is possible."""
    if not sparse.issparse(X):
        return np.asarray(X, dtype=np.float64)
    if X.shape[0] * X.shape[1] > DENSE_LIMIT:
        raise ValueError(
            f"A sparse X should have at most {DENSE_LIMIT:,} cells, zeros included, because rows are compared in a "
            f"dense table; got {X.shape[0]:,} x {X.shape[1]:,}. Pass fewer rows or reduce the columns first."
        )
    return np.asarray(X.toarray(), dtype=np.float64)


class PlainTable(ReferenceTable):
    """Reference rows of a numeric array or sparse matrix; codes of categories are the values themselves."""

    def __init__(self, X: Any, categorical_features: str | ArrayLike) -> None:
        self.names = None
        self.dtype = X.dtype
        self.values = np.array(dense_values(X))
        self.refuse_infinity(self.values)
        listed = categorical_mask(categorical_features, X.shape[1], None)
        self.is_category = listed if X.dtype.kind != "b" else np.ones(X.shape[1], dtype=bool)
        self.boolean = np.full(X.shape[1], X.dtype.kind == "b")
        missing = np.isnan(self.values)
        numbers = np.where(missing, np.inf, self.values)
        self.low = np.where(missing.all(axis=0) | self.is_category, 0.0, numbers.min(axis=0))
        numbers = np.where(missing, -np.inf, self.values)
        self.high = np.where(missing.all(axis=0) | self.is_category, 0.0, numbers.max(axis=0))
        whole = (np.round(self.values) == self.values) | missing
        self.integer = whole.all(axis=0) & ~self.is_category & ~missing.all(axis=0)

    def read(self, X: Any) -> tuple[np.ndarray, QueryForm]:
        """Encode queries and say how to build tables like them."""
        self.check_columns(X)
        if not sparse.issparse(X) and X.dtype.kind not in "biuf":
            X = self._as_numbers(X)
        values = np.array(dense_values(X))
        self.refuse_infinity(values)
        # Integer queries must not cut the fractions of what comes from reference rows.
        keep = X.dtype.kind == "f" or X.dtype == self.dtype
        dtype = X.dtype if keep else np.result_type(X.dtype, self.dtype)
        return values, PlainForm(dtype, type(X) if sparse.issparse(X) else None)

    def codes(self, column: int, values: Sequence[Any]) -> np.ndarray:
        """Give the codes of values of a category, -1 for unknown ones."""
        seen = set(self.values[:, column].tolist())
        known = [not isinstance(value, str) and value is not None and float(value) in seen for value in values]
        if any(value == -1 for value, found in zip(values, known, strict=True) if found):
            raise ValueError(
                f"permitted_range cannot name the value -1 of the category {self.label(column)}, which marks unknown "
                "values. Shift the codes so that none is negative."
            )
        return np.array([float(value) if found else -1 for value, found in zip(values, known, strict=True)])

    @staticmethod
    def _as_numbers(X: np.ndarray) -> np.ndarray:
        try:
            return X.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"X should hold numbers, as the reference rows do, got dtype {X.dtype} ({error}). "
                "Encode the strings as the reference rows were."
            ) from error


def level_key(value: Any) -> Any:
    """Give the key under which a value of a category is known: True, 1 and "1" are three values, 1 and 1.0 one."""
    if is_plain_number(value):
        return "number", float(value)
    return type(value).__name__, value


class ColumnsTable(ReferenceTable):
    """Reference rows of a data frame, or of an array of objects or strings."""

    def __init__(self, X: Any, categorical_features: str | ArrayLike, names: Sequence[Any] | None) -> None:
        self.names = names
        schema, self.values = encode_table(X, categorical_features, names)
        self.form, self.columns = schema.form, schema.columns
        self.kind = container_name(X)
        self.is_category = schema.is_category
        self.integer = np.array([column.integer for column in schema.columns])
        self.low = np.where(self.is_category, 0.0, schema.low)
        self.high = np.where(self.is_category, 0.0, schema.high)
        self.boolean = np.array(
            [
                column.is_category and all(isinstance(v, bool) for v in self.form.to_list(column.prototype))
                for column in schema.columns
            ]
        )
        self.levels = [self._levels(column) if column.is_category else {} for column in schema.columns]

    def _levels(self, column: Column) -> dict[Any, int]:
        found: dict[Any, int] = {}
        missing = self.form.missing(column.prototype)
        for code, value in enumerate(self.form.to_list(column.prototype)):
            found.setdefault(("missing",) if missing[code] else level_key(value), code)
        return found

    def read(self, X: Any) -> tuple[np.ndarray, QueryForm]:
        """Encode queries and say how to build tables like them."""
        self.check_columns(X)
        form, X = table_format(X)
        if container_name(X) != self.kind:
            raise ValueError(
                f"X should be the same kind of table as the reference rows, {self.form.label}, got {form.label}. "
                "Convert one of them."
            )
        if isinstance(form, ArrayFormat) and isinstance(self.form, ArrayFormat):
            form.dtype = np.result_type(form.dtype, self.form.dtype)
        blocks = form.read_numbers(X)
        values = blocks.values
        pieces = {j: self._number_piece(j, form, own) for j, own in blocks.pieces.items() if not self.is_category[j]}
        others = [j for j in range(X.shape[1]) if j not in pieces]
        for j, column in zip(others, form.columns(X, others), strict=True):
            read = self._read_category if self.is_category[j] else self._read_number
            values[:, j], pieces[j] = read(j, form, column)
        prototypes = tuple(pieces[j] for j in range(X.shape[1]))
        dtypes = {j: getattr(pieces[j], "dtype", None) for j in np.flatnonzero(~self.is_category).tolist()}
        narrow = [(j, d) for j, d in dtypes.items() if isinstance(d, np.dtype) and d.kind == "f" and d.itemsize < 8]
        self.refuse_infinity(values)
        return values, ColumnsForm(form, prototypes, self.is_category, tuple(narrow))

    def codes(self, column: int, values: Sequence[Any]) -> np.ndarray:
        """Give the codes of values of a category, -1 for unknown ones."""
        levels = self.levels[column]
        return np.array([levels.get(level_key(value), -1) for value in values])

    def _read_category(self, j: int, form: TableFormat, column: Any) -> tuple[np.ndarray, Any]:
        short = form.distinct(column)
        rows, which = (np.arange(len(column)),) * 2 if short is None else short
        entries = column if short is None else form.take(column, rows)
        levels = dict(self.levels[j])
        known = len(levels)
        keys = [
            ("missing",) if gone else level_key(value)
            for value, gone in zip(form.to_list(entries), form.missing(entries), strict=True)
        ]
        try:
            codes = np.array([levels.setdefault(key, len(levels)) for key in keys], dtype=np.intp)
        except TypeError as error:
            raise ValueError(
                f"Column {self.label(j)} should hold single values, got values that cannot be compared ({error}). "
                "Turn it into plain columns."
            ) from error
        new = np.arange(known, len(levels))
        first = np.array([int(rows[np.flatnonzero(codes == code)[0]]) for code in new], dtype=np.intp)
        return codes[which].astype(np.float64), self._extended(j, form, column, first)

    def _extended(self, j: int, form: TableFormat, column: Any, rows: np.ndarray) -> Any:
        """Put values that no reference row has behind the levels of a category."""
        prototype = self.columns[j].prototype
        if not len(rows):
            return prototype
        values = [*form.to_list(prototype), *form.to_list(form.take(column, rows))]
        if isinstance(form, ArrayFormat):
            out = np.empty(len(values), dtype=object)
            out[:] = values
            return out
        if hasattr(prototype, "iloc"):
            return _pandas_column(prototype, column.iloc[rows], values)
        return _polars_column(prototype, column, values)

    def _read_number(self, j: int, form: TableFormat, column: Any) -> tuple[np.ndarray, Any]:
        missing = form.missing(column)
        prototype = self.columns[j].prototype
        if missing.all():
            return np.full(len(missing), np.nan), self._with_marker(form, prototype, column, missing)
        if not form.is_number(column):
            raise ValueError(
                f"Column {self.label(j)} should hold numbers, as in the reference rows, got "
                f"{form.to_list(form.take(column, np.flatnonzero(~missing)[:1]))[0]!r}. Convert the column, or list it "
                "in categorical_features."
            )
        values = form.to_float(column)
        own = form.take(column, form.number_rows(column, missing))
        return values, self._with_marker(form, self._number_piece(j, form, own), column, missing)

    def _number_piece(self, j: int, form: TableFormat, own: Any) -> Any:
        """Choose the prototype of a number: the queries' unless it cannot hold what comes from reference rows."""
        prototype = self.columns[j].prototype
        fractional = form.holds_integers(own) and not self.form.holds_integers(prototype)
        if not fractional and self._too_narrow(j, form, own):
            return prototype
        if not isinstance(form, ArrayFormat) and form.holds_integers(own) and self.columns[j].has_missing:
            return prototype
        return prototype if fractional else own

    def _too_narrow(self, j: int, form: TableFormat, own: Any) -> bool:
        """Tell whether whole numbers of the reference rows overflow the queries' dtype."""
        dtype = getattr(own, "dtype", None)
        if not isinstance(dtype, np.dtype) or dtype.kind not in "iu":
            return False
        limits = np.iinfo(dtype)
        return bool(self.columns[j].low < limits.min or self.columns[j].high > limits.max)

    def _with_marker(self, form: TableFormat, chosen: Any, column: Any, missing: np.ndarray) -> Any:
        """Let a prototype of objects know how a missing number is written."""
        if not isinstance(form, ArrayFormat) or form.missing(chosen).any():
            return chosen
        gone = column[np.flatnonzero(missing)[:1]] if missing.any() else np.array([np.nan], dtype=object)
        return np.concatenate([chosen[:1].astype(object), gone.astype(object)])


def _pandas_column(prototype: Any, new: Any, values: list[Any]) -> Any:
    kind = type(prototype)
    dtype = prototype.dtype
    if hasattr(dtype, "categories"):
        known = dtype.categories.tolist()
        more = [value for value in new.tolist() if value == value and value is not None and value not in known]
        dtype = type(dtype)([*known, *more], ordered=dtype.ordered)
    try:
        return kind(values, dtype=dtype)
    except (TypeError, ValueError):
        return kind(values, dtype=object)


def _polars_column(prototype: Any, column: Any, values: list[Any]) -> Any:
    for dtype in (prototype.dtype, column.dtype):
        try:
            return type(prototype)(prototype.name, values, dtype=dtype, strict=True)
        except Exception as error:  # polars raises errors of its own, which cannot be named without importing it
            last = error
    raise ValueError(f"Column {prototype.name!r} should hold values of one dtype, got two kinds ({last}).") from last


def read_reference(X: Any, categorical_features: str | ArrayLike, names: Sequence[Any] | None) -> ReferenceTable:
    """Read the rows that counterfactuals are made of.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
        The rows.
    categorical_features : "from_dtype" or array-like
        Columns that are categories, besides those whose dtype is not numeric.
    names : sequence or None
        Names of the columns.

    Returns
    -------
    ReferenceTable
        The rows, encoded.
    """
    form, X = table_format(X)
    if is_plain(X) and not (isinstance(form, SparseFormat) and X.dtype.kind == "b"):
        return PlainTable(X, categorical_features)
    return ColumnsTable(X, categorical_features, names)
