"""Data frames of pandas and polars as columns that can be read and rebuilt, numbers as far as possible at once."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from skdistill._optional import import_optional
from skdistill._table_format import NumberBlocks, TableFormat, is_plain_dtype, repeats

__all__ = ["PandasFormat", "PolarsFormat"]


class PandasFormat(TableFormat):
    """A pandas data frame; the index of a new frame is 0, 1, 2 and so on."""

    label = "pandas DataFrame"

    def __init__(self, X: Any) -> None:
        self.names = X.columns.copy()

    def columns(self, X: Any, among: Iterable[int] | None = None) -> list[Any]:
        return [X.iloc[:, j] for j in (range(X.shape[1]) if among is None else among)]

    def read_numbers(self, X: Any) -> NumberBlocks:
        pandas = import_optional("pandas", caller="reading rows of a pandas DataFrame", extra="plot")
        dtypes = list(X.dtypes)
        found: dict[Any, list[int]] = {}
        for j, dtype in enumerate(dtypes):
            if is_plain_dtype(dtype):
                found.setdefault(dtype, []).append(j)
        if len(found) == 1 and len(next(iter(found.values()))) == len(dtypes):
            values = np.array(X.to_numpy(), dtype=np.float64, order="F")
        else:
            values = np.empty(X.shape, dtype=np.float64, order="F")
            for columns in found.values():
                values[:, columns] = X.iloc[:, columns].to_numpy()
        empty = {dtype: pandas.Series(dtype=dtype) for dtype in found}
        return NumberBlocks(values, {j: empty[dtype] for dtype, columns in found.items() for j in columns})

    def holds_integers(self, column: Any) -> bool:
        return getattr(column.dtype, "kind", "O") in "iu"

    def distinct(self, column: Any) -> tuple[np.ndarray, np.ndarray] | None:
        pandas = import_optional("pandas", caller="reading rows of a pandas DataFrame", extra="plot")
        dtype = column.dtype
        plain = isinstance(dtype, np.dtype) and dtype.kind in "biufMm"
        if not plain and not isinstance(dtype, pandas.CategoricalDtype | pandas.StringDtype):
            return None
        return repeats(pandas.factorize(column.array)[0])

    def is_number(self, column: Any) -> bool:
        return getattr(column.dtype, "kind", "O") in "iuf"

    def missing(self, column: Any) -> np.ndarray:
        return np.asarray(column.isna(), dtype=bool)

    def to_float(self, column: Any) -> np.ndarray:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return column.iloc[rows].reset_index(drop=True)

    def from_float(self, values: np.ndarray, prototype: Any) -> Any:
        pandas = import_optional("pandas", caller="building rows of a pandas DataFrame", extra="plot")
        return pandas.Series(values).astype(prototype.dtype)

    def build(self, columns: Sequence[Any], n_rows: int) -> Any:
        pandas = import_optional("pandas", caller="building rows of a pandas DataFrame", extra="plot")
        frame = pandas.DataFrame(dict(enumerate(columns)), index=pandas.RangeIndex(n_rows))
        frame.columns = self.names
        return frame

    def decode(self, values: np.ndarray, prototypes: Sequence[Any], is_category: np.ndarray) -> Any:
        pandas = import_optional("pandas", caller="building rows of a pandas DataFrame", extra="plot")
        dtypes = {piece.dtype for piece in prototypes}
        dtype = prototypes[0].dtype
        plain = len(dtypes) == 1 and is_plain_dtype(dtype) and not is_category.any()
        if plain and (dtype.kind == "f" or not np.isnan(values).any()):
            return pandas.DataFrame(values.astype(dtype, order="C"), columns=self.names, copy=False)
        built = [
            self._from_codes(values[:, j].astype(np.intp), piece)
            if is_category[j]
            else self._from_numbers(values[:, j], piece)
            for j, piece in enumerate(prototypes)
        ]
        return self.build(built, len(values))

    def _from_codes(self, codes: np.ndarray, prototype: Any) -> Any:
        """Take values of a category without their index, which costs more than the values."""
        pandas = import_optional("pandas", caller="building rows of a pandas DataFrame", extra="plot")
        dtype = prototype.dtype
        if isinstance(dtype, pandas.CategoricalDtype):
            return pandas.Categorical.from_codes(prototype.array.codes[codes], dtype=dtype)
        # The dtype is named lest strings among objects become another one.
        return pandas.Series(prototype.array.take(codes), dtype=dtype, copy=False)

    def _from_numbers(self, values: np.ndarray, prototype: Any) -> Any:
        dtype = prototype.dtype
        if is_plain_dtype(dtype) and (dtype.kind == "f" or not np.isnan(values).any()):
            return values.astype(dtype)
        return self.from_float(values, prototype)


class PolarsFormat(TableFormat):
    """A polars data frame; null and NaN both count as missing, and null is written where null was seen."""

    label = "polars DataFrame"

    def __init__(self, X: Any) -> None:
        self.names = list(X.columns)

    def columns(self, X: Any, among: Iterable[int] | None = None) -> list[Any]:
        columns = X.get_columns()
        return list(columns) if among is None else [columns[j] for j in among]

    def read_numbers(self, X: Any) -> NumberBlocks:
        polars = import_optional("polars", caller="reading rows of a polars DataFrame", extra="plot")
        columns = X.get_columns()
        numeric = [j for j, column in enumerate(columns) if self.is_number(column)]
        values = np.empty(X.shape, dtype=np.float64, order="F")
        if numeric:
            values[:, numeric] = X.select([X.columns[j] for j in numeric]).cast(polars.Float64).to_numpy()
        # One null says how missing numbers are written.
        pieces = {j: columns[j].head(0) for j in numeric}
        for j in numeric:
            if columns[j].null_count():
                pieces[j] = polars.Series(columns[j].name, [None], dtype=columns[j].dtype)
        return NumberBlocks(values, pieces)

    def holds_integers(self, column: Any) -> bool:
        return bool(column.dtype.is_integer())

    def distinct(self, column: Any) -> tuple[np.ndarray, np.ndarray] | None:
        polars = import_optional("polars", caller="reading rows of a polars DataFrame", extra="plot")
        if column.dtype not in (polars.Categorical, polars.Enum, polars.Boolean):
            return None
        return repeats(column.to_physical().cast(polars.Int64).fill_null(-1).to_numpy())

    def is_number(self, column: Any) -> bool:
        return bool(column.dtype.is_integer() or column.dtype.is_float())

    def missing(self, column: Any) -> np.ndarray:
        mask = column.is_null()
        if column.dtype.is_float():
            mask = mask | column.is_nan().fill_null(True)
        return mask.to_numpy().astype(bool)

    def to_float(self, column: Any) -> np.ndarray:
        polars = import_optional("polars", caller="building rows of a polars DataFrame", extra="plot")
        floats = column.cast(polars.Float64).fill_null(float("nan"))
        return np.array(floats.to_numpy(), dtype=np.float64)

    def to_list(self, column: Any) -> list[Any]:
        return list(column.to_list())

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return column.gather(rows)

    def number_rows(self, column: Any, missing: np.ndarray) -> np.ndarray:
        rows = super().number_rows(column, missing)
        nulls = np.flatnonzero(column.is_null().to_numpy())
        if nulls.size:
            rows[-1] = nulls[0]
        return rows

    def from_float(self, values: np.ndarray, prototype: Any) -> Any:
        polars = import_optional("polars", caller="building rows of a polars DataFrame", extra="plot")
        column = polars.Series(prototype.name, values, dtype=polars.Float64)
        if prototype.null_count():
            column = column.fill_nan(None)
        return column.cast(prototype.dtype)

    def build(self, columns: Sequence[Any], n_rows: int) -> Any:
        polars = import_optional("polars", caller="building rows of a polars DataFrame", extra="plot")
        return polars.DataFrame(
            [column.alias(name) for column, name in zip(columns, self.names, strict=True)],
        )
