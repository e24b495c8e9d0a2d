"""One table of all rows, as each learner sees it: cells that it lacks are filled, rows go from one to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from skdistill._columns import TableSchema, encode_table
from skdistill._containers import TableFormat, table_format
from skdistill._sklearn import safe_indexing
from skdistill.estimators._silos import select_columns
from skdistill.response._folds import row_fingerprint

__all__ = ["Fill", "Fillings", "LearnerTable", "SharedTable", "nearest_rows"]

# "zero", "reference", "mean", or an imputer.
Fill = Any
# Cells of the distance matrix held at a time.
CHUNK_CELLS = 4_000_000


class SharedTable:
    """All rows as one matrix of floats and codes, NaN where a value is missing, and the way back.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features), float64
        The rows, encoded.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.schema, values = encode_table(X)
        gone = missing_code(self.schema)
        values[values == gone] = np.nan
        self.values = values

    def part(self, columns: np.ndarray) -> tuple[TableFormat, TableSchema]:
        """Return the format and the schema of some columns."""
        form, _ = table_format(select_columns(self.X, columns))
        return form, TableSchema(form, tuple(self.schema.columns[c] for c in columns.tolist()))


def missing_code(schema: TableSchema) -> np.ndarray:
    """Return the code that stands for a missing value of each category, NaN elsewhere, shape (n_columns,)."""
    has_missing = np.array([column.has_missing for column in schema.columns], dtype=bool)
    return np.where(schema.is_category & has_missing, schema.n_levels - 1.0, np.nan)


@dataclass
class LearnerTable:
    """The shared rows in the columns of one learner.

    Parameters
    ----------
    shared : SharedTable
        All rows.
    columns : ndarray of shape (n_columns,)
        The learner's columns.
    owned : ndarray of shape (n_rows,), bool
        Its own rows.
    fill : "zero", "reference", "mean" or imputer
        How cells that it lacks are filled.
    name : str
        The learner, for errors.
    """

    shared: SharedTable
    columns: np.ndarray
    owned: np.ndarray
    fill: Fill
    name: str

    def __post_init__(self) -> None:
        """Take the learner's columns, and fill what others' rows lack."""
        self.X = select_columns(self.shared.X, self.columns)
        self.form, self.schema = self.shared.part(self.columns)
        self.values = self.shared.values[:, self.columns]
        self.missing_code = missing_code(self.schema)
        missing = np.isnan(self.values)
        # Where its own rows miss values, the learner has its way with them.
        self.takes_missing = missing[self.owned].any(axis=0)
        self.askable = self.owned | ~missing.all(axis=1)
        own = self.values[self.owned]
        # Of equally near rows the first counts, so their order must follow from what they hold.
        own = own[np.argsort(row_fingerprint(own), kind="stable")]
        self.fillings = Fillings(own, self.schema, self.fill, self.name)
        absent = missing & ~self.takes_missing & ~self.owned[:, None] & self.askable[:, None]
        self.asked = self.X
        if absent.any():
            self.asked = self.decode(self.fillings.fill(self.values, absent))

    def own(self, rows: np.ndarray) -> Any:
        """Return some of its own rows, as they came."""
        return safe_indexing(self.X, rows)

    def question(self, rows: np.ndarray) -> Any:
        """Return any rows as it can be asked about them."""
        return safe_indexing(self.asked, rows)

    def decode(self, values: np.ndarray) -> Any:
        """Build a table of the learner's kind from encoded rows."""
        return self.schema.decode(np.where(np.isnan(values) & self.schema.is_category, self.missing_code, values))

    def encode(self, table: Any) -> np.ndarray:
        """Encode rows that a generator made.

        Parameters
        ----------
        table : array-like, data frame or sparse matrix of shape (n, n_columns)
            Rows in the learner's columns.

        Returns
        -------
        ndarray of shape (n, n_columns)
            The rows, encoded.

        Raises
        ------
        ValueError
            If the table has other columns, or a category has a value that no row of X has.
        """
        form, table = table_format(table)
        if table.shape[1] != len(self.columns):
            raise ValueError(
                f"generator must return the {len(self.columns)} columns of learner {self.name!r}, got "
                f"{table.shape[1]}. Return rows like those asked about."
            )
        blocks = form.read_numbers(table)
        values, is_category = blocks.values, self.schema.is_category
        others = [j for j in range(table.shape[1]) if is_category[j] or j not in blocks.pieces]
        for place, column in zip(others, form.columns(table, others), strict=True):
            values[:, place] = self._codes(place, form, column) if is_category[place] else form.to_float(column)
            values[form.missing(column), place] = np.nan
        return values

    def _codes(self, place: int, form: TableFormat, column: Any) -> np.ndarray:
        if (short := form.distinct(column)) is not None:
            rows, which = short
            return self._codes_one_by_one(place, form, form.take(column, rows))[which]
        return self._codes_one_by_one(place, form, column)

    def _codes_one_by_one(self, place: int, form: TableFormat, column: Any) -> np.ndarray:
        prototype = self.form.to_list(self.schema.columns[place].prototype)
        known = {(type(value), value): code for code, value in enumerate(prototype)}
        missing = form.missing(column)
        listed = form.to_list(column)
        codes = [known.get((type(v), v), -1) for v in listed]
        strange = [v for v, code, gone in zip(listed, codes, missing, strict=True) if code < 0 and not gone]
        if strange:
            raise ValueError(
                f"generator must return known categories, got {strange[0]!r} in column {int(self.columns[place])} of "
                f"learner {self.name!r}. Take values of categories from the rows handed to fit."
            )
        return np.asarray(codes, dtype=np.float64)

    def receive(self, values: np.ndarray, sender: "LearnerTable") -> np.ndarray:
        """Bring another learner's rows into this one's columns.

        Parameters
        ----------
        values : ndarray of shape (n, n_sender_columns)
            Rows in the sender's columns, encoded.
        sender : LearnerTable
            Whose they are.

        Returns
        -------
        ndarray of shape (n, n_columns)
            Shared columns are copied; those that the sender lacks, and missing values that this learner never saw,
            are filled.
        """
        place = {column: number for number, column in enumerate(sender.columns.tolist())}
        source = np.array([place.get(column, -1) for column in self.columns.tolist()], dtype=np.intp)
        shared = source >= 0
        received = np.full((len(values), len(self.columns)), np.nan)
        received[:, shared] = values[:, source[shared]]
        absent = np.isnan(received) & ~(self.takes_missing & shared)
        return self.fillings.fill(received, absent)

    def shares_columns(self, other: "LearnerTable") -> bool:
        """Whether two learners have a column in common."""
        return bool(np.isin(self.columns, other.columns).any())


class Fillings:
    """What is put into cells that a learner has and a row from elsewhere lacks.

    Parameters
    ----------
    reference : ndarray of shape (n_own, n_columns)
        The learner's own rows, encoded.
    schema : TableSchema
        Its columns.
    fill : "zero", "reference", "mean" or imputer
        How cells are filled. "zero" and "mean" give categories their most frequent value among the own rows.
    name : str
        The learner, for errors.
    """

    def __init__(self, reference: np.ndarray, schema: TableSchema, fill: Fill, name: str) -> None:
        self.reference = reference
        self.schema = schema
        self.fill_with = fill
        self.name = name

    def fill(self, values: np.ndarray, absent: np.ndarray) -> np.ndarray:
        """Return the rows with absent cells filled, shape (n, n_columns)."""
        if not absent.any():
            return values
        if isinstance(self.fill_with, str) and self.fill_with == "reference":
            return self._from_nearest(values, absent)
        filled = np.where(absent, self._constants(), values)
        if not isinstance(self.fill_with, str):
            filled = np.where(absent & ~self.schema.is_category, self._imputed(values, absent), filled)
        whole = np.array([column.integer for column in self.schema.columns])
        return np.where(absent & whole, np.round(filled), filled)

    def _from_nearest(self, values: np.ndarray, absent: np.ndarray) -> np.ndarray:
        filled = np.array(values)
        patterns, which = np.unique(absent, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == number)
            if pattern.any():
                nearest = nearest_rows(values[rows], self.reference, ~pattern, self.schema.is_category)
                filled[np.ix_(rows, pattern)] = self.reference[np.ix_(nearest, pattern)]
        return filled

    def _constants(self) -> np.ndarray:
        mean = isinstance(self.fill_with, str) and self.fill_with == "mean"
        return np.array(
            [
                _most_frequent(column) if is_category else _mean(column) if mean else 0.0
                for column, is_category in zip(self.reference.T, self.schema.is_category, strict=True)
            ]
        )

    def _imputed(self, values: np.ndarray, absent: np.ndarray) -> np.ndarray:
        numbers = ~self.schema.is_category
        own = self.reference[:, numbers]
        rows = np.where(absent, np.nan, values)[:, numbers]
        given = np.asarray(clone(self.fill_with).fit(own).transform(rows), dtype=np.float64)
        if given.shape != rows.shape:
            raise ValueError(
                f"fill must return as many columns as it is given, {rows.shape[1]} for learner {self.name!r}, got "
                f"shape {given.shape}. Use an imputer with keep_empty_features=True and without add_indicator."
            )
        imputed = np.full(values.shape, np.nan)
        imputed[:, numbers] = given
        return imputed


def _most_frequent(column: np.ndarray) -> float:
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return np.nan
    levels, counts = np.unique(present, return_counts=True)
    return float(levels[counts.argmax()])


def _mean(column: np.ndarray) -> float:
    present = column[~np.isnan(column)]
    return float(present.mean()) if len(present) else np.nan


def nearest_rows(
    values: np.ndarray, reference: np.ndarray, shown: np.ndarray | Sequence[bool], is_category: np.ndarray
) -> np.ndarray:
    """Find the nearest reference row of each row, by some columns only.

    The distance is Gower's: differences of numbers over their range in the reference rows, 0 or 1 for categories, 1
    against a missing value.

    Parameters
    ----------
    values : ndarray of shape (n, n_columns)
        The rows, encoded.
    reference : ndarray of shape (n_reference, n_columns)
        Where neighbours are taken from.
    shown : array-like of shape (n_columns,), bool
        The columns that count.
    is_category : ndarray of shape (n_columns,), bool
        Which columns hold codes.

    Returns
    -------
    ndarray of shape (n,)
        Positions; the lowest one of several equally near rows.
    """
    chunk = max(1, CHUNK_CELLS // max(1, len(reference)))
    found = np.empty(len(values), dtype=np.intp)
    for start in range(0, len(values), chunk):
        rows = values[start : start + chunk]
        total = np.zeros((len(rows), len(reference)))
        for j in np.flatnonzero(shown).tolist():
            total += _column_distance(rows[:, j, None], reference[None, :, j], bool(is_category[j]))
        found[start : start + chunk] = total.argmin(axis=1)
    return found


def _column_distance(row: np.ndarray, reference: np.ndarray, is_category: bool) -> np.ndarray:
    gap = np.asarray(row != reference, dtype=np.float64) if is_category else np.abs(row - reference)
    if not is_category:
        present = reference[~np.isnan(reference)]
        width = np.ptp(present) if len(present) else 0.0
        gap = gap / width if width > 0 else np.zeros_like(gap)
    unknown = np.isnan(row) != np.isnan(reference)
    return np.where(unknown, 1.0, np.where(np.isnan(row) & np.isnan(reference), 0.0, gap))
