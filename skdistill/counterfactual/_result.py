"""What a search for counterfactuals returns: the rows, how good each one is, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from skdistill._containers import table_format
from skdistill._optional import import_optional

__all__ = ["CounterfactualSet"]

Kind = Literal["summary", "probability", "features", "row"]

# Okabe and Ito's colours, which the colour-blind tell apart.
UP, DOWN, QUIET = "#0072b2", "#d55e00", "0.55"
SHOWN_FEATURES = 12


@dataclass(frozen=True, eq=False, repr=False)
class CounterfactualSet:
    """Counterfactuals of some rows, one for every row, with what the model says of them.

    A row for which nothing was found is kept: its `valid` is False, and its line of `X` is the best that was found.

    Parameters
    ----------
    X : {ndarray, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_features)
        The counterfactuals, with the columns and dtypes of the rows asked about; categories have all levels of the
        reference rows, and whole numbers become floats where reference rows have fractions.
    valid : ndarray of shape (n_rows,), bool
        Whether the model gives the target at least the threshold's probability and, where it did not favour the target
        before, favours it now.
    probability : ndarray of shape (n_rows,)
        The target's probability.
    proximity : ndarray of shape (n_rows,)
        Distance from the row asked about, from 0 to 1: the mean over features of their differences, which are shares
        of the range in the reference rows for numbers, and 0 or 1 for categories. Numbers outside the range can make
        it exceed 1.
    plausibility : ndarray of shape (n_rows,)
        Distance to the nearest reference row that is labelled with the target; NaN where there is none.
    n_model_calls : int
        How often the model was asked.
    n_model_rows : int
        How many rows it was asked about in all.
    queries : {ndarray, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_features)
        The rows asked about.
    target : ndarray of shape (n_rows,)
        The class wanted for each of them.
    threshold : ndarray of shape (n_rows,)
        The probability of it that was demanded.
    probability_before : ndarray of shape (n_rows,)
        The target's probability in the rows asked about.
    shifts : ndarray of shape (n_rows, n_features)
        How far each column moved: the signed share of its range for a number, 1 for another category or where a value
        was missing before or after, 0 for no change; NaN for a change of a number whose range is unknown or 0.
    feature_names : tuple of str
        Names of the columns.
    groups : tuple of tuple of int, default=()
        Columns that stand for one feature, such as those of a one-hot encoded one.

    Attributes
    ----------
    sparsity : ndarray of shape (n_rows,), int
        Number of features that changed; a one-hot group is one feature.

    See Also
    --------
    NearestInstanceCounterfactual : Where such a set comes from.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.counterfactual import CounterfactualSet
    >>> found = CounterfactualSet(
    ...     X=np.array([[1.0, 5.0], [2.0, 7.0]]), valid=np.array([True, True]), probability=np.array([0.8, 0.6]),
    ...     proximity=np.array([0.1, 0.25]), plausibility=np.array([0.0, 0.2]),
    ...     n_model_calls=4, n_model_rows=9, queries=np.array([[1.0, 4.0], [1.0, 7.0]]), target=np.array([1, 1]),
    ...     threshold=np.full(2, 0.5), probability_before=np.array([0.3, 0.4]),
    ...     shifts=np.array([[0.0, 0.2], [0.5, 0.0]]), feature_names=("age", "income"),
    ... )
    >>> found
    CounterfactualSet(n_rows=2, n_valid=2, median_proximity=0.175, median_sparsity=1, n_model_calls=4, n_model_rows=9)
    """

    X: Any
    valid: np.ndarray
    probability: np.ndarray
    proximity: np.ndarray
    plausibility: np.ndarray
    n_model_calls: int
    n_model_rows: int
    queries: Any
    target: np.ndarray
    threshold: np.ndarray
    probability_before: np.ndarray
    shifts: np.ndarray
    feature_names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    sparsity: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Count the features that changed."""
        changed = np.stack([(self.shifts[:, part] != 0).any(axis=1) for _, part in self._units()])
        object.__setattr__(self, "sparsity", changed.sum(axis=0))

    def __len__(self) -> int:
        return len(self.valid)

    def __repr__(self) -> str:
        middle = (
            f"median_proximity={float(np.median(self.proximity)):.3g}, "
            f"median_sparsity={float(np.median(self.sparsity)):g}, "
            if len(self)
            else ""
        )
        return (
            f"{type(self).__name__}(n_rows={len(self)}, n_valid={int(self.valid.sum())}, {middle}"
            f"n_model_calls={self.n_model_calls}, n_model_rows={self.n_model_rows})"
        )

    def frame(self, *, changes: bool = False) -> Any:
        """Return the result as a table.

        Parameters
        ----------
        changes : bool, default=False
            Whether to list the cells that changed instead of the rows.

        Returns
        -------
        DataFrame
            One line per row asked about, with target, threshold, valid, probability_before, probability, proximity,
            sparsity and plausibility. With ``changes=True`` one line per changed cell, with row (its position),
            feature, before, after and shift (see the parameter `shifts`).

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skdistill.counterfactual import NearestInstanceCounterfactual
        >>> X, y = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1, 0, 1, 0]}), np.array([0, 0, 1, 1])
        >>> search = NearestInstanceCounterfactual().fit(LogisticRegression().fit(X, y), X, y)
        >>> search.generate(X[:1], target=1).frame(changes=True)[["row", "feature"]]
           row feature
        0    0       a
        """
        pandas = import_optional("pandas", caller="CounterfactualSet.frame", extra="plot")
        if changes:
            return pandas.DataFrame(self._changed_cells())
        names = ["target", "threshold", "valid", "probability_before", "probability"]
        names += ["proximity", "sparsity", "plausibility"]
        return pandas.DataFrame({name: getattr(self, name) for name in names})

    def plot(self, ax: Any = None, *, kind: Kind | None = None, row: int = 0) -> Any:
        """Draw what changed and what it brought.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of two of them for "summary", default=None
            Where to draw. None makes a new figure.
        kind : {"summary", "probability", "features", "row"}, default=None
            "probability" draws each row's probability of the target, before and after; "features" in how many rows
            each feature changed; "summary" both, side by side; "row" what changed in one row. None draws "row" if there
            is one row, else "summary", or "features" into given single axes.
        row : int, default=0
            Position of the row that "row" draws.

        Returns
        -------
        matplotlib Figure
            The figure of the axes.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If there is no such kind or row, or the number of axes does not fit.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skdistill.counterfactual import NearestInstanceCounterfactual
        >>> X, y = load_iris(return_X_y=True)
        >>> model = LogisticRegression(max_iter=500).fit(X, y)
        >>> found = NearestInstanceCounterfactual().fit(model, X, y).generate(X[50:], target=0)
        >>> figure = found.plot()
        >>> [panel.get_xlabel() for panel in figure.axes]
        ['probability of the target before', 'rows in which it changed (%)']
        >>> plt.close(figure)
        """
        pyplot = import_optional("matplotlib.pyplot", caller="CounterfactualSet.plot", extra="plot")
        if not len(self):
            raise ValueError("There must be at least one counterfactual to draw, got none. Generate some first.")
        if kind is None:
            kind = "row" if len(self) == 1 else "summary" if ax is None or np.size(ax) == 2 else "features"
        if kind not in ("summary", "probability", "features", "row"):
            raise ValueError(
                f'kind must be "summary", "probability", "features" or "row", got {kind!r}. Use one of them.'
            )
        n_panels = 2 if kind == "summary" else 1
        if ax is None:
            _, ax = pyplot.subplots(1, n_panels, figsize=(5.2 * n_panels, 4.0), layout="constrained")
        panels = np.ravel(np.asarray(ax, dtype=object))
        if len(panels) != n_panels:
            raise ValueError(f"ax must hold {n_panels} axes for kind={kind!r}, got {len(panels)}. Pass as many.")
        if kind in ("summary", "probability"):
            self._draw_probability(panels[0])
        if kind in ("summary", "features"):
            self._draw_features(panels[-1])
        if kind == "row":
            self._draw_row(panels[0], row)
        return panels[0].figure

    def _changed_cells(self) -> dict[str, Any]:
        """Return the cells that changed, row by row, as columns of a table."""
        before, after = (_columns(table) for table in (self.queries, self.X))
        rows, columns = np.nonzero(self.shifts != 0)
        return {
            "row": rows,
            "feature": [self.feature_names[j] for j in columns],
            "before": _cells(before, rows, columns),
            "after": _cells(after, rows, columns),
            "shift": self.shifts[rows, columns],
        }

    def _units(self) -> list[tuple[str, np.ndarray]]:
        """Return the features with the columns of each, in the order of the table."""
        leader = {group[0]: group for group in self.groups}
        followers = {j for group in self.groups for j in group[1:]}
        parts = [leader.get(j, (j,)) for j in range(len(self.feature_names)) if j not in followers]
        return [(_unit_name([self.feature_names[j] for j in part]), np.asarray(part)) for part in parts]

    def _draw_probability(self, ax: Any) -> None:
        marks = {"linestyle": "none", "rasterized": len(self) > 5000}
        size = float(np.clip(90.0 / np.sqrt(len(self)), 1.5, 6.0))
        ax.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
        ax.plot(self.probability_before, self.threshold, marker="_", color="0.3", label="demanded", **marks)
        for kept, colour, marker, label in (
            (self.valid, UP, "o", f"valid ({int(self.valid.sum()):,})"),
            (~self.valid, DOWN, "X", f"not valid ({int((~self.valid).sum()):,})"),
        ):
            if kept.any():
                style = {"marker": marker, "color": colour, "markersize": size, "markeredgewidth": 0, "alpha": 0.7}
                ax.plot(self.probability_before[kept], self.probability[kept], label=label, **style, **marks)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.set(xlabel="probability of the target before", ylabel="probability of the target after")
        # Most points lie above the diagonal.
        ax.legend(frameon=False, fontsize="small", loc="lower right")

    def _draw_features(self, ax: Any) -> None:
        units = self._units()
        share = np.array([100.0 * (self.shifts[:, part] != 0).any(axis=1).mean() for _, part in units])
        order = np.argsort(-share, kind="stable")
        order = order[share[order] > 0][:SHOWN_FEATURES]
        ax.barh(np.arange(len(order)), share[order], color=UP, height=0.7)
        ax.set_yticks(np.arange(len(order)), [_plain(units[k][0]) for k in order])
        left = int((share > 0).sum()) - len(order)
        if left:
            ax.annotate(
                f"and {left} more", xy=(0.98, 0.02), xycoords="axes fraction", ha="right", color="0.4", fontsize="small"
            )
        ax.invert_yaxis()
        ax.set(xlim=(0, 100), xlabel="rows in which it changed (%)")
        ax.set_title(f"changed per row: median {np.median(self.sparsity):g} of {len(units)}", fontsize="medium")

    def _draw_row(self, ax: Any, row: int) -> None:
        if not 0 <= row < len(self):
            raise ValueError(f"row must be a position from 0 to {len(self) - 1}, got {row!r}. Pass one of these.")
        before, after = (_columns(table) for table in (self.queries, self.X))
        shifts = self.shifts[row]
        columns = np.flatnonzero(shifts != 0)
        # Categories and unknown ranges have no size of change to compare, so they come last.
        size = np.where(np.isfinite(shifts[columns]), np.abs(shifts[columns]), 0.0)
        columns = columns[np.argsort(-size, kind="stable")]
        left, columns = len(columns) - len(columns[:SHOWN_FEATURES]), columns[:SHOWN_FEATURES]
        places, numbers = np.arange(len(columns)), np.nan_to_num(shifts[columns])
        ax.barh(places, numbers, color=np.where(numbers < 0, DOWN, UP), height=0.55)
        labels = [
            f"{_plain(self.feature_names[j])}\n{_short(_cells(before, [row], [j])[0])} to "
            f"{_short(_cells(after, [row], [j])[0])}"
            for j in columns
        ]
        ax.set_yticks(places, labels)
        # One bar would fill the picture.
        ax.set_ylim(max(len(columns), 4) - 0.5, -0.5)
        ax.axvline(0.0, color="0.6", linewidth=0.8, zorder=0)
        # A picture of one small change would look like a large one without a scale that stays.
        reach = max(0.1, float(np.abs(numbers).max(initial=0.0))) * 1.05
        ax.set(xlim=(-reach, reach), xlabel="change / range (another category: 1)")
        ax.locator_params(axis="x", nbins=5)
        ax.set_title(
            f"probability of {_plain(str(self.target[row]))}: {self.probability_before[row]:.2f} to "
            f"{self.probability[row]:.2f}\n{'valid' if self.valid[row] else 'not valid'}, demanded "
            f"{self.threshold[row]:.2f}" + (f"; and {left} more changes" if left else ""),
            fontsize="medium",
        )


def _columns(table: Any) -> tuple[Any, list[Any]]:
    """Return a table's format and its columns."""
    form, table = table_format(table)
    return form, form.columns(table)


def _cells(parts: tuple[Any, list[Any]], rows: Sequence[int] | np.ndarray, columns: Any) -> list[Any]:
    """Return single cells as Python objects."""
    form, stored = parts
    rows, columns = np.asarray(rows), np.asarray(columns)
    found: list[Any] = [None] * len(rows)
    for j in np.unique(columns):
        here = np.flatnonzero(columns == j)
        for place, value in zip(here, form.to_list(form.take(stored[j], rows[here])), strict=True):
            found[place] = value
    return found


def _unit_name(names: list[str]) -> str:
    """Return a name for columns that are one feature: what their names have in common, else the first and last."""
    if len(names) == 1:
        return names[0]
    # What the first and the last in the alphabet share, all others share too.
    low, high = min(names), max(names)
    shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:shared].rstrip("_-=:. ") or f"{names[0]} to {names[-1]}"


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
    return _plain(text if len(text) <= 20 else text[:19] + "…")


def _plain(text: str) -> str:
    """Return text of the user's that starts no formula in a picture."""
    return text.replace("$", r"\$")
