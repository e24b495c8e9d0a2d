"""Columns of any table, one at a time, as numbers, dates or levels."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from scipy import sparse

from skdistill._sklearn import num_samples
from skdistill.fidelity._checks import is_missing

__all__ = ["Column", "SliceError", "Table", "column_of"]


class SliceError(ValueError):
    """The rows are no table, so no condition on columns can name a part of them."""


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        What conditions call it.
    kind : {"number", "date", "level"}
        Numbers and dates are cut in two, levels are taken one by one.
    values : ndarray of shape (n_rows,)
        float64 for numbers (durations in seconds), int64 ticks for dates, positions in `levels` for levels.
    missing : ndarray of shape (n_rows,), dtype bool
        Where the value is missing; `values` says nothing there.
    levels : tuple, default=()
        The levels.
    unit : str, default=""
        Unit of a date's ticks, as numpy names it.
    """

    name: str
    kind: Literal["number", "date", "level"]
    values: np.ndarray
    missing: np.ndarray
    levels: tuple[Any, ...] = ()
    unit: str = ""


class Table:
    """The columns of a table, read when they are asked for.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The table.

    Raises
    ------
    SliceError
        If X is None or not two-dimensional.
    """

    def __init__(self, X: Any) -> None:
        if X is None:
            raise SliceError("Slices need the rows, which this set came without. Give them as its 'X'.")
        self.kind = _container(X)
        if self.kind == "sparse":
            X = X.tocsc()
        elif self.kind == "other":
            X = _as_array(X)
        if len(X.shape) != 2:
            raise SliceError(
                f"Slices need rows with columns, shape (n_rows, n_features), got shape {tuple(X.shape)}. Describe the "
                "rows by a table of features (lengths, sizes, sources) and look for slices in that."
            )
        self.X = X
        self.n_columns = int(X.shape[1])

    def column(self, position: int, rows: np.ndarray | None = None) -> Column | None:
        """Read a column, or None for one that conditions cannot speak of.

        Parameters
        ----------
        position : int
            Which column.
        rows : ndarray of int or None, default=None
            Which rows; all if None.

        Returns
        -------
        Column or None
            The column.
        """
        if self.kind == "pandas":
            return _from_pandas(str(self.X.columns[position]), self.X.iloc[:, position], rows)
        if self.kind == "polars":
            return _from_polars(self.X.columns[position], self.X[:, position], rows)
        sparse_one = self.kind == "sparse"
        array = self.X[:, [position]].toarray().ravel() if sparse_one else np.asarray(self.X[:, position])
        return column_of(f"x{position}", array if rows is None else array[rows])

    def screen(self, target: np.ndarray, weight: np.ndarray, rows: np.ndarray, limit: int) -> list[int]:
        """Choose the columns that go with a target, if there are more than a limit.

        Parameters
        ----------
        target, weight : ndarray of shape (n,)
            What the columns should go with, and weights.
        rows : ndarray of int of shape (n,)
            The rows that these belong to.
        limit : int
            Largest number of columns.

        Returns
        -------
        list of int
            Positions of the columns, ascending.
        """
        if self.n_columns <= limit:
            return list(range(self.n_columns))
        centred = weight * (target - np.average(target, weights=weight))
        if self.kind == "sparse":
            scores = _sparse_association(self.X, centred, weight, rows)
        else:
            columns = (self.column(position, rows) for position in range(self.n_columns))
            scores = np.array([0.0 if column is None else _association(column, centred, weight) for column in columns])
        return np.sort(np.argsort(-scores, kind="stable")[:limit]).tolist()


def column_of(name: str, array: np.ndarray) -> Column | None:
    """Read a one-dimensional array as a column.

    Parameters
    ----------
    name : str
        Its name.
    array : ndarray of shape (n_rows,)
        Its values.

    Returns
    -------
    Column or None
        The column; None for values that conditions cannot speak of, such as lists or complex numbers.
    """
    kind = array.dtype.kind
    if kind in "iuf":
        values = array.astype(np.float64)
        return Column(name, "number", values, np.isnan(values))
    if kind == "b":
        return Column(name, "level", array.astype(np.intp), np.zeros(len(array), dtype=bool), (False, True))
    if kind == "M":
        unit = np.datetime_data(array.dtype)[0]
        array = array.astype(f"datetime64[{unit}]")
        return Column(name, "date", array.view(np.int64), np.isnat(array), unit=unit)
    if kind == "m":
        seconds = np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "s"))
        return Column(f"{name} in seconds", "number", seconds, np.isnan(seconds))
    if kind in "OUST":
        return _from_objects(name, array.tolist())
    return None


def _from_objects(name: str, values: list[Any]) -> Column | None:
    try:
        distinct = list(dict.fromkeys(values))
    except TypeError:
        return None
    levels = [value for value in distinct if not is_missing(value)]
    if levels and all(_is_number(value) for value in levels):
        numbers = {value: float(value) for value in levels}
        array = np.fromiter((numbers.get(value, np.nan) for value in values), dtype=np.float64, count=len(values))
        return Column(name, "number", array, np.isnan(array))
    if levels and all(isinstance(value, date) and getattr(value, "tzinfo", None) is None for value in levels):
        known = set(levels)
        return column_of(name, np.array([v if v in known else None for v in values], dtype="datetime64[us]"))
    places = {level: place for place, level in enumerate(levels)}
    codes = np.fromiter((places.get(value, -1) for value in values), dtype=np.intp, count=len(values))
    return Column(name, "level", codes, codes < 0, tuple(levels))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _from_pandas(name: str, series: Any, rows: np.ndarray | None) -> Column | None:
    series = series if rows is None else series.iloc[rows]
    if hasattr(series, "cat"):
        codes = np.asarray(series.cat.codes, dtype=np.intp)
        return Column(name, "level", codes, codes < 0, tuple(series.cat.categories.tolist()))
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iuf":
        return column_of(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "M":
        series = series if series.dt.tz is None else series.dt.tz_convert(None)
        return column_of(name, series.to_numpy(dtype=f"datetime64[{getattr(series.dt, 'unit', 'ns')}]"))
    if kind == "m":
        return column_of(name, series.to_numpy(dtype="timedelta64[ns]"))
    return column_of(name, series.to_numpy(dtype=bool) if series.dtype == bool else series.to_numpy(dtype=object))


def _from_polars(name: str, series: Any, rows: np.ndarray | None) -> Column | None:
    series = series if rows is None else series.gather(rows)
    if series.dtype.is_numeric():
        return column_of(name, np.asarray(series.cast(float).to_numpy()))
    if str(series.dtype).startswith(("Date", "Duration")):
        return column_of(name, series.to_numpy())
    return _from_objects(name, series.to_list())


def _container(X: Any) -> str:
    if sparse.issparse(X):
        return "sparse"
    if isinstance(X, np.ndarray):
        return "numpy"
    for name in ("pandas", "polars"):
        module = sys.modules.get(name)
        if module is not None and isinstance(X, getattr(module, "DataFrame", ())):
            return name
    return "other"


def _as_array(X: Any) -> np.ndarray:
    if isinstance(X, Sequence) and len(X) and isinstance(X[0], str):
        return np.asarray(X, dtype=object)
    try:
        return np.asarray(X)
    except ValueError:
        return np.empty(num_samples(X), dtype=object)


def _association(column: Column, centred: np.ndarray, weight: np.ndarray) -> float:
    """Correlation with a target: Pearson's for numbers, the correlation ratio for levels."""
    if column.kind == "level":
        groups = np.where(column.missing, len(column.levels), column.values)
        sums, masses = np.bincount(groups, weights=centred), np.bincount(groups, weights=weight)
        seen = masses > 0
        return float(np.sqrt(np.sum(sums[seen] ** 2 / masses[seen])))
    usable = ~column.missing & np.isfinite(column.values)
    mass = weight[usable].sum()
    if mass == 0:
        return 0.0
    values = column.values[usable].astype(np.float64)
    values = values - weight[usable] @ values / mass
    spread = weight[usable] @ values**2
    return float(abs(centred[usable] @ values) / np.sqrt(spread)) if spread > 0 else 0.0


def _sparse_association(X: Any, centred: np.ndarray, weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
    chosen = X[rows].astype(np.float64)
    mass = weight.sum()
    means = np.asarray(weight @ chosen).ravel() / mass
    spread = np.asarray(weight @ chosen.multiply(chosen)).ravel() - mass * means**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 1e-12, np.abs(np.asarray(centred @ chosen).ravel()) / np.sqrt(spread), 0.0)
