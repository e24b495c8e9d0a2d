"""Building tables like the queries from encoded rows."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdistill._containers import TableFormat

__all__ = ["ColumnsForm", "PlainForm", "QueryForm"]


class QueryForm(ABC):
    """What turns encoded rows into a table like the queries."""

    @abstractmethod
    def decode(self, values: np.ndarray) -> Any:
        """Build a table of encoded rows, of shape (n, n_columns), in the queries' container."""

    @abstractmethod
    def settle(self, values: np.ndarray) -> np.ndarray:
        """Round encoded rows to what the table's dtypes can hold, without changing the array given."""


@dataclass(frozen=True)
class PlainForm(QueryForm):
    """Numeric arrays and sparse matrices: the values are the table.

    Attributes
    ----------
    dtype : dtype
        Of the table.
    container : type or None
        Class of a sparse table.
    """

    dtype: np.dtype
    container: Any = None

    def decode(self, values: np.ndarray) -> Any:
        """Build a table of encoded rows, of shape (n, n_columns), in the queries' container."""
        dense = values.astype(self.dtype)
        return dense if self.container is None else self.container(dense)

    def settle(self, values: np.ndarray) -> np.ndarray:
        """Round encoded rows to what the table's dtypes can hold, without changing the array given."""
        return values if self.dtype == np.float64 else values.astype(self.dtype).astype(np.float64)


@dataclass(frozen=True)
class ColumnsForm(QueryForm):
    """Tables that are built column by column.

    Attributes
    ----------
    form : TableFormat
        The kind of table.
    prototypes : tuple
        For each column, one value for each code of a category, or a piece that keeps a number's dtype.
    is_category : ndarray of shape (n_columns,), bool
        Which columns hold codes.
    narrow : tuple of (int, dtype)
        Numeric columns whose dtype holds less than float64 does.
    """

    form: TableFormat
    prototypes: tuple[Any, ...]
    is_category: np.ndarray
    narrow: tuple[tuple[int, Any], ...] = ()

    def decode(self, values: np.ndarray) -> Any:
        """Build a table of encoded rows, of shape (n, n_columns), in the queries' container."""
        return self.form.decode(values, self.prototypes, self.is_category)

    def settle(self, values: np.ndarray) -> np.ndarray:
        """Round encoded rows to what the table's dtypes can hold, without changing the array given."""
        if not self.narrow:
            return values
        out = np.array(values)
        for j, dtype in self.narrow:
            out[:, j] = out[:, j].astype(dtype)
        return out
