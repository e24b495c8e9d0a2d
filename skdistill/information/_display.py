"""Pictures of partial information: its four parts, the information plane, and the way of training."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skdistill._optional import import_optional
from skdistill.information._rows import ATOMS, unit_of

__all__ = ["PIDDisplay"]

Kind = Literal["atoms", "plane", "steps"]

LABELS = {
    "redundancy": "shared:\ntransferred",
    "unique_teacher": "teacher only:\nleft to distil",
    "unique_student": "student only",
    "synergy": "only together",
}
# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#444444")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLUMNS = (*ATOMS, "information_teacher")


class PIDDisplay:
    """Picture of partial information: its parts, or what is shared and what is left to distil over training.

    Make it with `from_estimator` or `from_values`, which also draw it. The parameters are stored as attributes.

    Parameters
    ----------
    table : dict of str to ndarray
        What is drawn, one entry per decomposition; `frame` says what is in it.
    kind : {"atoms", "plane", "steps"}, default="atoms"
        "atoms" draws the four parts, one marker per name; "plane" redundancy against what only the teacher knows, one
        line per name through its steps; "steps" redundancy against the steps, below what the teacher knows. In the
        plane the lines of one teacher lie on one another, since both parts sum to what it knows.
    base : float, default=2.0
        Base of the logarithm, which names the unit.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the picture.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : dict of str to matplotlib Line2D
        The markers, or the line, of each name.
    intervals_ : dict of str to list of matplotlib LineCollection
        Its intervals: of "plane" those of unique_teacher and of redundancy.
    totals_ : list of matplotlib Line2D
        Plane and steps: where redundancy and unique information sum to what the teacher knows.

    See Also
    --------
    PIDEstimator : Where the numbers come from.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025,
    figure 5 (the information plane).

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdistill.information import PIDDisplay
    >>> display = PIDDisplay.from_values(
    ...     {"step": [0, 1], "redundancy": [0.2, 0.6], "unique_teacher": [0.8, 0.4]}, kind="plane"
    ... )
    >>> display.table["redundancy"]
    array([0.2, 0.6])
    >>> plt.close(display.figure_)
    """

    def __init__(self, table: dict[str, np.ndarray], *, kind: Kind = "atoms", base: float = 2.0) -> None:
        self.table = table
        self.kind = kind
        self.base = base

    @classmethod
    def from_estimator(cls, estimator: Any, *, kind: Kind | None = None, ax: Any = None, **kwargs: Any) -> "PIDDisplay":
        """Draw fitted estimators.

        Parameters
        ----------
        estimator : PIDEstimator or mapping
            One fitted estimator; a mapping of names to one each; or of names to a sequence, or to a mapping of steps,
            of estimators, such as one per epoch.
        kind : {"atoms", "plane", "steps"}, default=None
            What is drawn. None draws the plane where some name has several estimators, else the atoms.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Passed to the `plot` of each line.

        Returns
        -------
        PIDDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If there is no estimator, or they have different bases.
        """
        named = estimator if isinstance(estimator, Mapping) else {"": estimator}
        entries = [(str(name), step, one) for name, group in named.items() for step, one in _steps(group)]
        if not entries:
            raise ValueError("estimator must hold at least one fitted PIDEstimator, got none. Fit one first.")
        for _, _, one in entries:
            check_is_fitted(one, "redundancy_")
        bases = {float(one.base) for _, _, one in entries}
        if len(bases) > 1:
            raise ValueError(f"All estimators must have one base, got {sorted(bases)}. Measure all in the same unit.")
        table = {
            "name": np.array([name for name, _, _ in entries]),
            "step": np.array([step for _, step, _ in entries]),
        }
        for column in COLUMNS:
            table[column] = np.array([getattr(one, f"{column}_") for _, _, one in entries])
            ends = np.array([one.intervals_.get(column, (np.nan, np.nan)) for _, _, one in entries])
            table[f"{column}_low"], table[f"{column}_high"] = ends.T
        if kind is None:
            kind = "plane" if len(entries) > len(named) else "atoms"
        return cls(table, kind=kind, base=bases.pop()).plot(ax=ax, **kwargs)

    @classmethod
    def from_values(
        cls, values: Mapping[str, ArrayLike], *, kind: Kind = "atoms", base: float = 2.0, ax: Any = None, **kwargs: Any
    ) -> "PIDDisplay":
        """Draw from numbers.

        Parameters
        ----------
        values : mapping of str to array-like of shape (n,), or DataFrame
            The columns redundancy and unique_teacher, for "atoms" also unique_student and synergy; and, as far as
            known, name, step, information_teacher and ends of intervals, such as redundancy_low and redundancy_high.
        kind : {"atoms", "plane", "steps"}, default="atoms"
            What is drawn.
        base : float, default=2.0
            Base of the logarithm.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Passed to the `plot` of each line.

        Returns
        -------
        PIDDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If a column is missing or has another length.
        """
        given = {str(column): np.atleast_1d(np.asarray(values[column])) for column in values}
        needed = ATOMS if kind == "atoms" else ATOMS[:2]
        missing = [column for column in needed if column not in given]
        if missing:
            raise ValueError(
                f"values must have the columns {list(needed)} for kind={kind!r}, got none for {missing}. Add them."
            )
        n = len(given["redundancy"])
        if n == 0 or any(column.shape != (n,) for column in given.values()):
            shapes = {name: column.shape for name, column in given.items()}
            raise ValueError(
                f"The columns of values must be flat and of one length, at least 1, got {shapes}. Cut them."
            )
        table = {"name": given.get("name", np.full(n, "")).astype(str), "step": given.get("step", np.arange(n))}
        known = {**{"information_teacher": given["redundancy"] + given["unique_teacher"]}, **given}
        for column in COLUMNS:
            for key in (column, f"{column}_low", f"{column}_high"):
                table[key] = np.asarray(known.get(key, np.full(n, np.nan)), dtype=np.float64)
        return cls(table, kind=kind, base=base).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> "PIDDisplay":
        """Draw into axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Passed to the `plot` of each line.

        Returns
        -------
        PIDDisplay
            The display itself.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        """
        draw = {"atoms": self._draw_atoms, "plane": self._draw_path, "steps": self._draw_steps}.get(self.kind)
        if draw is None:
            raise ValueError(f'kind must be "atoms", "plane" or "steps", got {self.kind!r}. Use one of them.')
        pyplot = import_optional("matplotlib.pyplot", caller="PIDDisplay.plot", extra="plot")
        self.ax_ = pyplot.subplots(layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_: dict[str, Any] = {}
        self.intervals_: dict[str, list[Any]] = {}
        self.totals_: list[Any] = []
        names = list(dict.fromkeys(self.table["name"].tolist()))
        for number, name in enumerate(names):
            style = {
                "color": COLOURS[number % len(COLOURS)],
                "marker": MARKERS[number % len(MARKERS)],
                # A dollar would start a formula.
                "label": name.replace("$", r"\$") or "_nolegend_",
                **kwargs,
            }
            rows = np.flatnonzero(self.table["name"] == name)
            rows = rows[np.argsort(self.table["step"][rows], kind="stable")]
            # Names keep apart within 0.6 of the distance of two parts.
            self.lines_[name], self.intervals_[name] = draw(
                rows, (number - 0.5 * (len(names) - 1)) * min(0.16, 0.6 / len(names)), style
            )
        {"atoms": self._finish_atoms, "plane": self._finish_plane, "steps": self._finish_steps}[self.kind]()
        if any(names):
            self.ax_.legend(frameon=False, fontsize="small")
        return self

    def frame(self) -> Any:
        """Return what is drawn as a table.

        Returns
        -------
        DataFrame
            One row per decomposition, with name, step, redundancy, unique_teacher, unique_student, synergy and
            information_teacher, and the ends of each one's interval as ``_low`` and ``_high``; NaN for what is unknown.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        return import_optional("pandas", caller="PIDDisplay.frame", extra="plot").DataFrame(self.table)

    def _columns(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a quantity and the ends of its intervals."""
        return self.table[name][rows], self.table[f"{name}_low"][rows], self.table[f"{name}_high"][rows]

    def _draw_atoms(self, rows: np.ndarray, shift: float, style: dict[str, Any]) -> tuple[Any, list[Any]]:
        places = np.repeat(np.arange(len(ATOMS)), len(rows)) + shift
        value, low, high = (
            np.concatenate(parts) for parts in zip(*(self._columns(a, rows) for a in ATOMS), strict=True)
        )
        (line,) = self.ax_.plot(value, places, **{"linestyle": "none", **style})
        return line, [self.ax_.hlines(places, low, high, color=line.get_color(), linewidth=1.6)]

    def _draw_path(self, rows: np.ndarray, shift: float, style: dict[str, Any]) -> tuple[Any, list[Any]]:
        x, left, right = self._columns("unique_teacher", rows)
        y, low, high = self._columns("redundancy", rows)
        (line,) = self.ax_.plot(x, y, **{"linewidth": 1.6, "markersize": 4.5, **style})
        ends = {"linestyle": "none", "marker": line.get_marker(), "mec": line.get_color(), "zorder": 3}
        # The beginning is hollow; the larger marker is the end.
        self.ax_.plot(x[:1], y[:1], color="white", **ends)
        self.ax_.plot(x[-1:], y[-1:], color=line.get_color(), markersize=9, **ends)
        thin = {"color": line.get_color(), "linewidth": 0.9, "alpha": 0.6}
        totals = self.table["information_teacher"][rows]
        if np.isfinite(totals).any():
            total = float(np.nanmedian(totals))
            dotted = {"color": line.get_color(), "linestyle": ":", "linewidth": 1.2, "zorder": 1}
            self.totals_ += self.ax_.plot([0, total], [total, 0], **dotted)
        return line, [self.ax_.hlines(y, left, right, **thin), self.ax_.vlines(x, low, high, **thin)]

    def _draw_steps(self, rows: np.ndarray, shift: float, style: dict[str, Any]) -> tuple[Any, list[Any]]:
        step = self.table["step"][rows]
        value, low, high = self._columns("redundancy", rows)
        (line,) = self.ax_.plot(step, value, **{"linewidth": 1.6, "markersize": 4.5, **style})
        dotted = {"color": line.get_color(), "linestyle": ":", "linewidth": 1.2, "zorder": 1}
        self.totals_ += self.ax_.plot(step, self.table["information_teacher"][rows], **dotted)
        return line, [self.ax_.vlines(step, low, high, color=line.get_color(), linewidth=1.2)]

    def _finish_atoms(self) -> None:
        self.ax_.set_yticks(range(len(ATOMS)), [LABELS[atom] for atom in ATOMS])
        self.ax_.set_ylim(len(ATOMS) - 0.5, -0.5)
        self.ax_.axvline(0.0, color="0.6", linewidth=0.8, zorder=0)
        self.ax_.set_xlabel(f"information about y ({unit_of(self.base)})")

    def _finish_plane(self) -> None:
        unit = unit_of(self.base)
        self.ax_.set(
            xlabel=f"left to distil: teacher only ({unit})",
            ylabel=f"transferred: shared ({unit})",
            xlim=(0, None),
            ylim=(0, None),
        )
        if self.totals_:
            end = max(self.totals_, key=lambda line: line.get_xdata()[1]).get_xdata()[1]
            self.ax_.annotate(
                "all that the teacher knows",
                xy=(0.5 * end, 0.5 * end),
                xytext=(4, 4),
                textcoords="offset points",
                color="0.4",
                fontsize="small",
            )

    def _finish_steps(self) -> None:
        self.ax_.set(xlabel="step", ylabel=f"transferred: shared ({unit_of(self.base)})")
        # Room for the words above the highest line.
        self.ax_.set_ylim(0, 1.08 * self.ax_.get_ylim()[1])
        end = self.totals_[0].get_xydata()[-1]
        self.ax_.annotate(
            "the teacher's",
            xy=tuple(end),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color="0.4",
            fontsize="small",
        )


def _steps(group: Any) -> list[tuple[Any, Any]]:
    """Return the estimators of a name with their steps."""
    if isinstance(group, Mapping):
        return list(group.items())
    if isinstance(group, list | tuple):
        return list(enumerate(group))
    return [(0, group)]
