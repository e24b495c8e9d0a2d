"""Conditions on columns: which rows meet them, and how they read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdistill.fidelity._slicing._slice_columns import Column

__all__ = ["Condition", "describe", "mask_of", "short_date", "short_number"]

DATE_UNITS = ("Y", "M", "D", "h", "m", "s", "ms", "us", "ns")


@dataclass(frozen=True)
class Condition:
    """One condition on one column.

    Parameters
    ----------
    column : int
        Position of the column.
    value : float, int or object
        Where numbers or dates are cut, or the level; None stands for the missing values.
    holds : bool
        For a cut, whether values above it are meant; for a level, whether it is meant rather than all others; for None,
        whether the missing values are meant.
    """

    column: int
    value: Any
    holds: bool


def mask_of(condition: Condition, column: Column) -> np.ndarray:
    """Tell which rows meet a condition; missing numbers lie below every cut.

    Parameters
    ----------
    condition : Condition
        The condition.
    column : Column
        Its column.

    Returns
    -------
    ndarray of shape (n_rows,), dtype bool
        Whether the row meets it.
    """
    if condition.value is None:
        return column.missing == condition.holds
    if column.kind == "level":
        code = column.levels.index(condition.value) if condition.value in column.levels else -2
        return ((column.values == code) & ~column.missing) == condition.holds
    return ((column.values > condition.value) & ~column.missing) == condition.holds


def describe(conditions: Sequence[Condition], columns: dict[int, Column]) -> str:
    """Write conditions as one line.

    Parameters
    ----------
    conditions : sequence of Condition
        All of these are met.
    columns : dict of int to Column
        The columns.

    Returns
    -------
    str
        Such as ``"25 < age <= 37.5 and sex = Female"``; conditions on one column are put together.
    """
    positions = dict.fromkeys(condition.column for condition in conditions)
    parts = []
    for position in positions:
        own = [condition for condition in conditions if condition.column == position]
        column = columns[position]
        parts.append(_levels_text(own, column) if column.kind == "level" else _interval_text(own, column))
    return " and ".join(parts)


def _levels_text(conditions: Sequence[Condition], column: Column) -> str:
    chosen = [c for c in conditions if c.holds]
    if chosen:
        return _level_text(column.name, chosen[0].value, True)
    present: list[Any] = [column.levels[code] for code in np.unique(column.values[~column.missing])]
    present += [None] * bool(column.missing.any())
    left = [level for level in present if level not in [c.value for c in conditions]]
    if len(left) == 1 and len(present) == 2:
        return _level_text(column.name, left[0], True)
    return " and ".join(_level_text(column.name, c.value, False) for c in conditions)


def _level_text(name: str, level: Any, holds: bool) -> str:
    if level is None:
        return f"{name} is missing" if holds else f"{name} is known"
    return f"{name} {'=' if holds else '!='} {level}"


def _interval_text(conditions: Sequence[Condition], column: Column) -> str:
    cuts = [c for c in conditions if c.value is not None]
    low = max((c.value for c in cuts if c.holds), default=None)
    high = min((c.value for c in cuts if not c.holds), default=None)
    known = {c.holds for c in conditions if c.value is None}
    if True in known:
        return f"{column.name} is missing"
    if low is None and high is None:
        return f"{column.name} is known"
    if low is not None and high is not None:
        return f"{_shown(low, column)} < {column.name} <= {_shown(high, column)}"
    if low is not None:
        return f"{column.name} > {_shown(low, column)}"
    text = f"{column.name} <= {_shown(high, column)}"
    return f"({text} or missing)" if not known and column.missing.any() else text


def _shown(value: Any, column: Column) -> str:
    if column.kind == "date":
        date = np.int64(value).astype(f"datetime64[{column.unit}]")
        exact = [unit for unit in DATE_UNITS[2:] if date == date.astype(f"datetime64[{unit}]")]
        return str(date.astype(f"datetime64[{exact[0]}]") if exact else date)
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(float(value))


def short_number(low: float, high: float) -> float:
    """Return the number of fewest decimals from `low` up to but not including `high`, near their middle.

    Parameters
    ----------
    low, high : float
        Neighbouring values, `low` < `high`.

    Returns
    -------
    float
        The number.

    Examples
    --------
    >>> from skdistill.fidelity._slicing._slice_conditions import short_number
    >>> short_number(37.21, 37.84), short_number(25, 26)
    (37.5, 25.0)
    """
    low, high = float(low), float(high)
    if not np.isfinite([low, high]).all():
        return low
    middle = low / 2 + high / 2
    start = -int(np.ceil(np.log10(max(abs(low), abs(high)))))
    for digits in range(start, start + 20):
        for candidate in (round(middle, digits), round(low, digits)):
            if low <= candidate < high:
                return candidate + 0.0
    return low


def short_date(low: int, high: int, unit: str) -> int:
    """Return the roundest date from `low` up to but not including `high`.

    Parameters
    ----------
    low, high : int
        Ticks of neighbouring dates, `low` < `high`.
    unit : str
        Unit of the ticks.

    Returns
    -------
    int
        Ticks of the date.
    """
    last = np.int64(int(high) - 1).astype(f"datetime64[{unit}]")
    for coarse in DATE_UNITS:
        ticks = int(last.astype(f"datetime64[{coarse}]").astype(f"datetime64[{unit}]").astype(np.int64))
        if low <= ticks < high:
            return ticks
    return int(low)
