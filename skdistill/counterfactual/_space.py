"""What may change in a row, in which units, and how far: the space in which counterfactuals are searched."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill.counterfactual._forms import QueryForm
from skdistill.counterfactual._reference import read_reference

__all__ = ["FeatureSpace", "column_positions"]


def column_positions(which: ArrayLike, names: Sequence[Any] | None, n_columns: int, parameter: str) -> np.ndarray:
    """Turn names, indices or a mask of columns into positions.

    Parameters
    ----------
    which : array-like of str, int or bool
        The columns.
    names : sequence or None
        Names of the columns of a data frame.
    n_columns : int
        Number of columns.
    parameter : str
        How errors name what was given.

    Returns
    -------
    ndarray of shape (n,), int
        Positions, each once, in increasing order.

    Raises
    ------
    ValueError
        If a column does not exist.
    """
    given = np.asarray(which)
    if given.ndim == 1 and given.dtype.kind == "b" and len(given) == n_columns:
        return np.flatnonzero(given)
    if given.ndim == 1 and given.size == 0:
        return np.empty(0, dtype=np.intp)
    if given.ndim == 1 and given.dtype.kind in "iu" and given.min() >= 0 and given.max() < n_columns:
        return np.unique(given).astype(np.intp)
    if given.ndim == 1 and given.dtype.kind in "OUT" and names is not None:
        known = {name: j for j, name in enumerate(names)}
        unknown = [name for name in given.tolist() if name not in known]
        if not unknown:
            return np.unique([known[name] for name in given.tolist()]).astype(np.intp)
        raise ValueError(
            f"{parameter} should name columns of X, got {unknown!r}, which X does not have. "
            f"The columns of X are {list(names)!r}."
        )
    wanted = "names, indices" if names is not None else "indices"
    raise ValueError(
        f"{parameter} should hold {wanted} from 0 to {n_columns - 1} or a mask of the {n_columns} columns of X, got "
        f"{which!r}. Names need a data frame."
    )


class FeatureSpace:
    """The columns of a reference table, grouped into units that change as one.

    A unit is one column, or the columns of a one-hot group. Rows are handled *encoded*: one float64 matrix, numbers as
    they are (NaN for missing), categories as codes. Of a numeric array the codes are the values themselves.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
        Reference rows.
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, besides those whose dtype is not numeric.
    one_hot_groups : list of lists of str or int, default=None
        Columns that together encode one category.
    features_to_vary : array-like of str, int or bool, default=None
        Columns that may change; None means all.
    permitted_range : dict, default=None
        For a column (name or index), ``(low, high)`` if it is a number, a list of values if it is a category.

    Attributes
    ----------
    reference : ndarray of shape (n_rows, n_columns), float64
        The reference rows, encoded.
    is_category, integer : ndarray of shape (n_columns,), bool
        Which columns hold codes, and which hold whole numbers only.
    low, high : ndarray of shape (n_columns,)
        Range of the reference rows; 0 for categories and columns without a number.
    scale : ndarray of shape (n_columns,)
        One over the range; 0 for constant columns and for categories.
    units : tuple of ndarray
        Columns of each unit; units are ordered by their first column.
    unit_of : ndarray of shape (n_columns,), int
        The unit of each column.
    grouped : ndarray of shape (n_units,), bool
        Which units are one-hot groups.
    varies : ndarray of shape (n_units,), bool
        Which units may change.
    lower, upper : ndarray of shape (n_columns,)
        Permitted numbers; infinite where nothing was said.
    permitted_codes : dict of int to ndarray
        Permitted codes of the categories that were given a list.
    """

    def __init__(
        self,
        X: Any,
        *,
        categorical_features: str | ArrayLike = "from_dtype",
        one_hot_groups: Sequence[Sequence[Any]] | None = None,
        features_to_vary: ArrayLike | None = None,
        permitted_range: Mapping[Any, Any] | None = None,
    ) -> None:
        self.names = list(X.columns) if hasattr(X, "columns") else None
        self.table = read_reference(X, categorical_features, self.names)
        self.reference = self.table.values
        self.n_columns = self.reference.shape[1]
        self.is_category = self.table.is_category
        self.integer = self.table.integer
        self.low, self.high = self.table.low, self.table.high
        width = self.high - self.low
        number = ~self.is_category & (width > 0)
        self.scale = np.divide(1.0, width, out=np.zeros(self.n_columns), where=number)
        self._set_units(one_hot_groups)
        self._set_varying(features_to_vary)
        self._set_permitted(permitted_range or {})

    @property
    def n_units(self) -> int:
        """Number of units, the features of a one-hot group counted once."""
        return len(self.units)

    def label(self, column: int) -> str:
        """Name a column as errors do."""
        return repr(self.names[column]) if self.names is not None else str(column)

    def encode(self, X: Any) -> tuple[np.ndarray, QueryForm]:
        """Encode rows to be asked about.

        Parameters
        ----------
        X : table of shape (n, n_columns)
            Rows in the columns of the reference table. A level that no reference row has gets a code of its own.

        Returns
        -------
        values : ndarray of shape (n, n_columns), float64
            The rows, encoded.
        form : QueryForm
            What turns encoded rows into a table of the same kind.

        Raises
        ------
        ValueError
            If the columns, the container or the values are not those of the reference table.
        """
        return self.table.read(X)

    def by_unit(self, columns: np.ndarray) -> np.ndarray:
        """Tell which units hold a column that is marked.

        Parameters
        ----------
        columns : ndarray of shape (n, n_columns), bool
            Marked columns.

        Returns
        -------
        ndarray of shape (n, n_units), bool
            Marked units.
        """
        if not self.grouped.any():
            return columns
        return np.asarray(np.logical_or.reduceat(columns[:, self._order], self._starts, axis=1))

    def sum_units(self, columns: np.ndarray) -> np.ndarray:
        """Add up the columns of each unit: (n, n_columns) to (n, n_units)."""
        if not self.grouped.any():
            return columns
        return np.asarray(np.add.reduceat(columns[:, self._order], self._starts, axis=1))

    def substitute(self, rows: np.ndarray, units: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Take one unit of each row from another row.

        Parameters
        ----------
        rows, source : ndarray of shape (n, n_columns)
            Encoded rows and where values come from.
        units : ndarray of shape (n,), int
            The unit to take.

        Returns
        -------
        ndarray of shape (n, n_columns)
            New rows.
        """
        if self.grouped.any():
            return np.where(self.unit_of == units[:, None], source, rows)
        out = np.array(rows)
        each = np.arange(len(out))
        out[each, units] = source[each, units]
        return out

    def restrict(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Bring wanted rows back to what may change in the given rows.

        Units that may not vary keep the row's values, numbers are brought into the permitted range, and categories
        that are not permitted stay as they are. A row's own value may stay, permitted or not.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            The rows themselves, encoded.
        wanted : ndarray of shape (n, n_columns)
            What they would become.

        Returns
        -------
        ndarray of shape (n, n_columns)
            What they may become.
        """
        if self.unrestricted:
            return wanted
        own = (wanted == rows) | (np.isnan(wanted) & np.isnan(rows))
        out = np.where(own, wanted, np.clip(wanted, self.lower, self.upper))
        # A missing number is in no range, so it is no way around one.
        bounded = np.isfinite(self.lower) | np.isfinite(self.upper)
        keep = ~self.varies[self.unit_of] | (np.isnan(wanted) & bounded)
        out = np.where(keep, rows, out)
        for j, codes in self.permitted_codes.items():
            out[:, j] = np.where(np.isin(out[:, j], codes), out[:, j], rows[:, j])
        return out

    @property
    def unrestricted(self) -> bool:
        """Whether any value may become any other."""
        return self._unrestricted

    def _set_units(self, one_hot_groups: Sequence[Sequence[Any]] | None) -> None:
        group_of = np.full(self.n_columns, -1)
        for g, group in enumerate(one_hot_groups or []):
            if np.ndim(group) != 1:
                raise ValueError(
                    f"one_hot_groups should be a list of lists of columns, got {group!r} among them. Put the columns "
                    "of each group into a list of its own, even of a single group."
                )
            columns = column_positions(np.asarray(group), self.names, self.n_columns, f"one_hot_groups[{g}]")
            one_hot = not self.is_category[columns].any() or self.table.boolean[columns].all()
            if len(columns) < 2 or not one_hot:
                raise ValueError(
                    f"one_hot_groups[{g}] should hold at least two numeric columns, or two of booleans, got "
                    f"{list(group)!r}. A category in one column is a feature by itself and needs no group."
                )
            if (group_of[columns] >= 0).any():
                raise ValueError(
                    f"one_hot_groups should not share columns, got {list(group)!r} after another group had "
                    f"{self.label(int(columns[group_of[columns] >= 0][0]))}. Name each column in one group."
                )
            group_of[columns] = g
        units: list[np.ndarray] = []
        for j in range(self.n_columns):
            if group_of[j] < 0:
                units.append(np.array([j]))
            elif (group_of[:j] != group_of[j]).all():
                units.append(np.flatnonzero(group_of == group_of[j]))
        self.units = tuple(units)
        sizes = np.array([len(unit) for unit in units])
        self.grouped = sizes > 1
        self._order = np.concatenate(units)
        self._starts = np.cumsum(sizes) - sizes
        self.unit_of = np.empty(self.n_columns, dtype=np.intp)
        self.unit_of[self._order] = np.repeat(np.arange(len(units)), sizes)

    def _set_varying(self, features_to_vary: ArrayLike | None) -> None:
        self.varies = np.ones(self.n_units, dtype=bool)
        if features_to_vary is None:
            return
        named = np.zeros(self.n_columns, dtype=bool)
        named[column_positions(features_to_vary, self.names, self.n_columns, "features_to_vary")] = True
        if not named.any():
            raise ValueError(
                "features_to_vary should name at least one column, got none, so that nothing could change. "
                "Name the columns that may change, or leave it at None for all."
            )
        for u, unit in enumerate(self.units):
            if named[unit].any() and not named[unit].all():
                raise ValueError(
                    "features_to_vary should name all columns of a one-hot group or none, got only some of "
                    f"{[self.label(j) for j in unit.tolist()]}. Name all of them."
                )
            self.varies[u] = named[unit].all()

    def _set_permitted(self, permitted_range: Mapping[Any, Any]) -> None:
        self.lower = np.full(self.n_columns, -np.inf)
        self.upper = np.full(self.n_columns, np.inf)
        self.permitted_codes: dict[int, np.ndarray] = {}
        for key, permitted in permitted_range.items():
            j = self._permitted_column(key)
            if self.is_category[j]:
                self.permitted_codes[j] = self._codes_of(j, permitted)
            else:
                self.lower[j], self.upper[j] = self._bounds_of(j, permitted)
        bounded = np.isfinite(self.lower) | np.isfinite(self.upper)
        self._unrestricted = bool(self.varies.all() and not bounded.any() and not self.permitted_codes)

    def _permitted_column(self, key: Any) -> int:
        if isinstance(key, Integral) or self.names is None:
            found = column_positions([key], self.names, self.n_columns, "The keys of permitted_range")
        else:
            found = column_positions(
                np.array([key], dtype=object), self.names, self.n_columns, "The keys of permitted_range"
            )
        j = int(found[0])
        if self.grouped[self.unit_of[j]]:
            raise ValueError(
                f"permitted_range should not name a column of a one-hot group, got {self.label(j)}. Leave the group "
                "out of features_to_vary to keep it as it is."
            )
        return j

    def _codes_of(self, j: int, permitted: Any) -> np.ndarray:
        values = list(permitted) if np.iterable(permitted) and not isinstance(permitted, str) else [permitted]
        codes = self.table.codes(j, values)
        if (codes < 0).any() or not values:
            unknown = [value for value, code in zip(values, codes, strict=True) if code < 0]
            raise ValueError(
                f"permitted_range of the category {self.label(j)} should list values of the reference rows, got "
                f"{unknown!r} that none of them has. Name values that occur in X."
            )
        return codes.astype(np.float64)

    def _bounds_of(self, j: int, permitted: Any) -> tuple[float, float]:
        try:
            low, high = (np.nan if end is None else float(end) for end in permitted)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"permitted_range of the number {self.label(j)} should be a pair (low, high), got {permitted!r}. "
                "Use None for an open end; list the column in categorical_features if it is a category."
            ) from error
        low, high = -np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high
        if self.integer[j]:
            low, high = np.ceil(low), np.floor(high)
        if low > high:
            raise ValueError(
                f"permitted_range of the number {self.label(j)} should be a pair (low, high) with a permitted number "
                f"in between, got {permitted!r}. Swap the ends, or widen the range."
            )
        return low, high
