"""Picture of a cooperative distillation: who taught whom how much, and what it changed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistill._optional import import_optional

__all__ = ["TransferDisplay"]

# Okabe and Ito's colours, which the colour-blind tell apart.
UP, DOWN, QUIET = "#0072b2", "#d55e00", "0.55"
# Names are cut to so many letters in the picture.
LONGEST = 18
# Cells with so many learners have room for their numbers.
MOST_NUMBERS = 12
# A cell darker than this share of the darkest one needs white digits.
DARK = 0.55


class TransferDisplay:
    """Who taught whom, how many virtual rows, and how accurate each learner was before and after.

    On the left a heat map: the learner of a row taught the learner of a column so many virtual rows. On the right the
    accuracy of each learner before (hollow) and after (full).

    Parameters
    ----------
    names : sequence of str
        Names of the learners.
    transfers : ndarray of shape (n_learners, n_learners)
        Number of virtual rows, by teacher and student.
    before, after : ndarray of shape (n_learners,)
        Accuracies; NaN where they are not known.
    measured_on : str, default="out of fold"
        What the accuracies were measured on.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure of the picture.
    ax_ : ndarray of shape (2,)
        Axes of the heat map and of the accuracies.
    image_ : matplotlib AxesImage
        The heat map.
    lines_ : list of matplotlib Line2D
        The markers before and after.

    See Also
    --------
    CooperativeDistillation : Where the numbers come from.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill import TransferDisplay
    >>> display = TransferDisplay(
    ...     ["tree", "bayes"], np.array([[0, 12], [5, 0]]), np.array([0.7, 0.8]), np.array([0.75, 0.84])
    ... )
    >>> display.transfers[0, 1]
    np.int64(12)
    """

    def __init__(
        self,
        names: Sequence[str],
        transfers: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
        *,
        measured_on: str = "out of fold",
    ) -> None:
        self.names = names
        self.transfers = transfers
        self.before = before
        self.after = after
        self.measured_on = measured_on

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, sample_weight: Any = None, ax: Any = None
    ) -> "TransferDisplay":
        """Draw a fitted cooperative distillation.

        Parameters
        ----------
        estimator : CooperativeDistillation
            Fitted.
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), default=None
            Rows on which the learners are measured, each where it can be asked. None takes the out-of-fold accuracies
            of `fit`, which are not known for ``accept="always"`` unless ``final="best"``.
        y : array-like of shape (n_rows,), default=None
            Their classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Their weights.
        ax : sequence of two matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        TransferDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If only one of X and y is given.
        """
        check_is_fitted(estimator)
        if (X is None) != (y is None):
            given, missing = ("X", "y") if y is None else ("y", "X")
            raise ValueError(f"X and y must be given together, got {given} without {missing}. Pass both or none.")
        names = list(estimator.named_estimators_)
        if X is None:
            before, after = estimator.out_of_fold_accuracy_.T
            return cls(names, estimator.transfer_matrix_, before, after).plot(ax=ax)
        panels = (estimator._initial_panel, estimator._panel)
        scores = [
            panel.accuracy(estimator, X, np.asarray(y), name, sample_weight) for panel in panels for name in names
        ]
        before, after = np.reshape(scores, (2, len(names)))
        return cls(names, estimator.transfer_matrix_, before, after, measured_on="on the rows given").plot(ax=ax)

    def plot(self, ax: Any = None) -> "TransferDisplay":
        """Draw the heat map and the accuracies.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        TransferDisplay
            The display itself.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If `ax` is not a pair.
        """
        pyplot = import_optional("matplotlib.pyplot", caller="TransferDisplay.plot", extra="plot")
        k = len(self.names)
        if ax is None:
            size = (5.6 + 0.62 * k, 2.2 + 0.36 * k)
            _, ax = pyplot.subplots(1, 2, figsize=size, width_ratios=(1.25, 1.0), layout="constrained")
        self.ax_ = np.asarray(ax, dtype=object).ravel()
        if len(self.ax_) != 2:
            raise ValueError(
                f"ax must be a pair of axes, got {len(self.ax_)}. Make them with matplotlib.pyplot.subplots(1, 2)."
            )
        self.figure_ = self.ax_[0].figure
        self._draw_transfers(self.ax_[0])
        self._draw_accuracies(self.ax_[1])
        return self

    def frame(self) -> Any:
        """Return what is drawn as a table.

        Returns
        -------
        DataFrame
            One line per learner: accuracy before, accuracy after, gain, number of virtual rows taught and learnt, and
            how many each teacher gave, in columns named ``from_`` and the teacher.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="TransferDisplay.frame", extra="plot")
        columns = {
            "learner": list(self.names),
            "before": self.before,
            "after": self.after,
            "gain": self.after - self.before,
            "n_taught": self.transfers.sum(axis=1),
            "n_learnt": self.transfers.sum(axis=0),
        }
        columns |= {f"from_{name}": row for name, row in zip(self.names, self.transfers, strict=True)}
        return pandas.DataFrame(columns)

    def _draw_transfers(self, ax: Any) -> None:
        k = len(self.names)
        # Nobody teaches itself, so the diagonal is no zero.
        shown = np.ma.masked_array(self.transfers, mask=np.eye(k, dtype=bool))
        most = max(1, int(self.transfers.max(initial=0)))
        self.image_ = ax.imshow(shown, cmap="Blues", vmin=0, vmax=most, aspect="auto")
        ax.set_facecolor("0.93")
        labels = shortened(self.names)
        tilt = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) * k > 24 else {}
        ax.set_xticks(range(k), labels, **tilt)
        ax.set_yticks(range(k), labels)
        ax.tick_params(length=0)
        ax.set(xlabel="student", ylabel="teacher", title="virtual rows taught")
        if k <= MOST_NUMBERS:
            for i, j in np.argwhere(~np.eye(k, dtype=bool)).tolist():
                colour = "white" if self.transfers[i, j] > DARK * most else "0.15"
                ax.text(j, i, str(self.transfers[i, j]), ha="center", va="center", color=colour, fontsize="small")
        else:
            self.figure_.colorbar(self.image_, ax=ax, label="virtual rows")

    def _draw_accuracies(self, ax: Any) -> None:
        k = len(self.names)
        places = np.arange(k)
        known = np.isfinite(self.before) & np.isfinite(self.after)
        up = self.after >= self.before
        for row in np.flatnonzero(known).tolist():
            ends = [self.before[row], self.after[row]]
            ax.plot(ends, [row, row], color=UP if up[row] else DOWN, linewidth=2.0, zorder=1)
        self.lines_ = [
            *ax.plot(self.before, places, "o", color=QUIET, mfc="white", label="before", zorder=2),
            *ax.plot(self.after[up], places[up], "o", color=UP, label="after", zorder=3),
            *ax.plot(self.after[known & ~up], places[known & ~up], "o", color=DOWN, label="after, worse", zorder=3),
        ]
        ax.set_ylim(k - 0.5, -0.5)
        ax.set_yticks(places, [gain_text(a - b) for b, a in zip(self.before, self.after, strict=True)])
        ax.yaxis.tick_right()
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)
        ax.set(xlabel=f"accuracy {self.measured_on}", title="before (hollow) and after")
        if not np.isfinite(self.before).any():
            ax.set_xticks([])
            ax.text(0.5, 0.5, "not measured", transform=ax.transAxes, ha="center", va="center", color="0.4")


def shortened(names: Sequence[str]) -> list[str]:
    """Return names that fit on an axis, numbered if they would look alike; a dollar would start a formula."""
    cut = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    if len(set(cut)) < len(cut):
        cut = [f"{number} {name[: LONGEST - 4]}…" for number, name in enumerate(names, 1)]
    return [name.replace("$", r"\$") for name in cut]


def gain_text(gain: float) -> str:
    """Write a gain with its sign, or nothing where it is not known."""
    return f"{gain:+.3f}" if np.isfinite(gain) else ""
