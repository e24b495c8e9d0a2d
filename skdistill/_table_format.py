"""How a table is taken apart into columns and put together again, whatever its kind."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NumberBlocks", "TableFormat", "is_missing", "is_plain_dtype", "is_plain_number", "repeats"]


def is_missing(value: Any) -> bool:
    """Tell whether one Python object stands for a missing value (None, NaN, NaT, ``pandas.NA``)."""
    if value is None:
        return True
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return True
    return isinstance(value, float | np.floating | np.datetime64 | np.timedelta64) and bool(value != value)


def is_plain_dtype(dtype: Any) -> bool:
    """Tell whether a dtype is one of numpy's own for numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iuf"


def repeats(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the first row of each distinct code, in increasing order, and which of them each row repeats."""
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return first[order], place[which.reshape(-1)]


def is_plain_number(value: Any) -> bool:
    """Tell whether one Python object is a real number; booleans are not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


@dataclass(frozen=True)
class NumberBlocks:
    """Numeric columns that were read at once.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns), float64
        The table; other columns are still to be written.
    pieces : dict of int to column
        For each column that was read, a prototype.
    """

    values: np.ndarray
    pieces: dict[int, Any]


class TableFormat(ABC):
    """How one kind of table is taken apart into columns and put together again.

    A *prototype* is a short piece of a column that keeps what the values alone do not say: the dtype, the
    categories, the marker of a missing value. Prototypes are all that a format needs to build new columns.
    """

    label = "table"

    @abstractmethod
    def columns(self, X: Any, among: Iterable[int] | None = None) -> list[Any]:
        """Give some or all columns of a table, one-dimensional, without copying where that is possible."""

    def read_numbers(self, X: Any) -> NumberBlocks:
        """Read at once the columns whose dtype says that they are numbers; none where that is no faster."""
        return NumberBlocks(np.empty(X.shape, dtype=np.float64, order="F"), {})

    def holds_integers(self, column: Any) -> bool:
        """Tell whether a numeric column with an entry has integers, which float64 may not hold exactly."""
        first = self.to_list(self.take(column, np.flatnonzero(~self.missing(column))[:1]))[0]
        return isinstance(first, int | np.integer)

    def distinct(self, column: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Give the first row of each distinct entry, in increasing order, and which of them each row repeats.

        None where entries that compare equal may differ in kind, as True and 1 do, or where this is no faster.
        """
        return None

    @abstractmethod
    def is_number(self, column: Any) -> bool:
        """Tell whether the dtype of a column (its values, where the dtype is object) is numeric."""

    @abstractmethod
    def missing(self, column: Any) -> np.ndarray:
        """Give the mask of the missing values of a column."""

    @abstractmethod
    def to_float(self, column: Any) -> np.ndarray:
        """Give a numeric column as float64, NaN where a value is missing."""

    def to_list(self, column: Any) -> list[Any]:
        """Give a column as a list of hashable Python objects."""
        return list(column.tolist())

    @abstractmethod
    def take(self, column: Any, rows: np.ndarray) -> Any:
        """Give some entries of a column as a column of the same kind."""

    def number_rows(self, column: Any, missing: np.ndarray) -> np.ndarray:
        """Choose the entries that make the prototype of a numeric column: one present, one missing."""
        picks = [np.flatnonzero(~missing)[:1], np.flatnonzero(missing)[:1]]
        return np.concatenate(picks)

    @abstractmethod
    def from_float(self, values: np.ndarray, prototype: Any) -> Any:
        """Build a numeric column from float64 values, NaN where a value is missing."""

    @abstractmethod
    def build(self, columns: Sequence[Any], n_rows: int) -> Any:
        """Put columns together to a table."""

    def decode(self, values: np.ndarray, prototypes: Sequence[Any], is_category: np.ndarray) -> Any:
        """Build a table of encoded rows.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns), float64
            Numbers, and codes of categories.
        prototypes : sequence of length n_columns
            For each column one value for each code, or a piece that keeps a number's dtype.
        is_category : ndarray of shape (n_columns,), bool
            Which columns hold codes.

        Returns
        -------
        table
            The rows.
        """
        built = [
            self.take(prototype, values[:, j].astype(np.intp))
            if is_category[j]
            else self.from_float(values[:, j], prototype)
            for j, prototype in enumerate(prototypes)
        ]
        return self.build(built, len(values))
