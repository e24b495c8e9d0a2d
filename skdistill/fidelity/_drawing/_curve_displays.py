"""Pictures of how closeness changes with the number of distillation rows, or with the temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill._optional import import_optional
from skdistill.fidelity._drawing._look import MARKERS, Look, current_look, dress, label_text, percent_axis, say
from skdistill.fidelity._refitting._curves import CLASSIFICATION, REGRESSION, distillation_curve, temperature_curve

__all__ = ["DistillationCurveDisplay", "TemperatureCurveDisplay"]

DEFAULTS = {
    "classification": ("agreement", "predictive_kl", "accuracy_student", "calibration_error_student"),
    "regression": ("r2_to_teacher", "mean_absolute_difference", "r2_student"),
}
LABELS = {
    "agreement": "agreement with the teacher",
    "predictive_kl": "Kullback-Leibler divergence (nats)",
    "jensen_shannon": "Jensen-Shannon divergence (nats)",
    "accuracy_student": "student's accuracy",
    "accuracy_teacher": "teacher's accuracy",
    "calibration_error_student": "student's calibration error",
    "mean_absolute_difference": "mean absolute difference",
    "r2_to_teacher": "R² to the teacher",
    "r2_student": "student's R²",
}
SHARES = ("agreement", "accuracy_student", "accuracy_teacher", "calibration_error_student")
# What the teacher reaches by itself, drawn into the panel of what the student reaches.
TEACHERS = {"accuracy_student": "accuracy_teacher", "r2_student": "r2_teacher"}
# From this ratio of the ends on, the horizontal axis is logarithmic.
LOG_RATIO = 8
POINTS_ASIDE = 4


class _CurveDisplay:
    def __init__(self, curve: Any) -> None:
        self.curve = curve

    def plot(
        self,
        ax: Any = None,
        *,
        metrics: Sequence[str] | None = None,
        confidence_level: float = 0.95,
        **kwargs: Any,
    ) -> Any:
        """Draw one panel per metric, with one line per way of making rows.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, one per metric. None makes a new figure.
        metrics : sequence of str, default=None
            What is drawn. None takes agreement, predictive_kl, accuracy_student and calibration_error_student, of a
            regression r2_to_teacher, mean_absolute_difference and r2_student.
        confidence_level : float, default=0.95
            Of the bands.
        **kwargs : dict
            Passed to the `plot` of each line.

        Returns
        -------
        display
            The display itself.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If there is no such metric, or the number of axes is not that of metrics.
        """
        records = self.curve.summary(confidence_level)
        wanted = list(DEFAULTS[self.curve.task] if metrics is None else metrics)
        known = CLASSIFICATION if self.curve.task == "classification" else REGRESSION
        if not wanted or not set(wanted) <= set(known):
            raise ValueError(f"metrics must be some of {list(known)}, got {metrics!r}. Draw what curves measure.")
        self.axes_ = _axes_for(ax, len(wanted), f"{type(self).__name__}.plot")
        self.figure_ = self.axes_[0].figure
        self.lines_: dict[tuple[str, str], Any] = {}
        self.bands_: dict[tuple[str, str], Any] = {}
        self.teachers_: dict[str, Any] = {}
        look = current_look()
        for place, metric in zip(self.axes_, wanted, strict=True):
            if metric in self.curve.metrics:
                self._draw_panel(place, records, metric, look, kwargs)
            else:
                say(place, f"No fit gave the {LABELS[metric]}.", look)
        if len(self.curve.lines) > 1 and self.lines_:
            self.axes_[0].legend(
                loc="lower left",
                bbox_to_anchor=(0.0, 1.0),
                borderaxespad=0.2,
                ncols=3,
                frameon=False,
                fontsize="small",
                labelcolor=look.text,
            )
        return self

    def _draw_panel(
        self, ax: Any, records: list[dict[str, Any]], metric: str, look: Look, style: dict[str, Any]
    ) -> None:
        shifts = []
        for number, name in enumerate(self.curve.lines):
            rows = sorted((record for record in records if record["line"] == name), key=lambda record: record["x"])
            x, value, low, high = (_numbers(rows, key) for key in ("x", metric, f"{metric}_low", f"{metric}_high"))
            look_of_line = {
                "color": look.cycle[number % len(look.cycle)],
                "marker": MARKERS[number % len(MARKERS)],
                "markersize": 5,
                "linewidth": 1.6,
                "label": label_text(name),
            }
            aside = (number - 0.5 * (len(self.curve.lines) - 1)) * POINTS_ASIDE / 72
            (line,) = ax.plot(x, value, **{**look_of_line, **style})
            # Bars, since between two numbers of rows nothing was measured.
            band = ax.vlines(x, low, high, color=line.get_color(), linewidth=1.4)
            shifts.append((line, band, aside))
            self.lines_[metric, str(name)], self.bands_[metric, str(name)] = line, band
        teacher = _numbers(records, TEACHERS[metric]) if metric in TEACHERS else np.empty(0)
        if np.isfinite(teacher).any():
            self.teachers_[metric] = ax.axhline(np.nanmean(teacher), color=look.muted, linestyle=":", linewidth=1.6)
            ax.annotate(
                "teacher",
                xy=(1.0, np.nanmean(teacher)),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                fontsize="small",
                color=look.muted,
            )
        ax.set(xlabel=self.curve.x_name, ylabel=LABELS.get(metric, metric.replace("_", " ")))
        _mark_axis(ax, _numbers(records, "x"))
        _shift(ax, shifts)
        if metric in SHARES:
            percent_axis(ax.yaxis)
        dress(ax, look)

    def frame(self, confidence_level: float = 0.95) -> Any:
        """Return what is drawn as a table.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the intervals.

        Returns
        -------
        DataFrame
            One row per line and position, with line, x and, for each metric m, the columns m, m_low and m_high.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller=f"{type(self).__name__}.frame", extra="plot")
        return pandas.DataFrame(self.curve.summary(confidence_level))


def _numbers(rows: list[dict[str, Any]], key: str) -> np.ndarray:
    found = [row.get(key) for row in rows]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def _axes_for(ax: Any, n_panels: int, caller: str) -> list[Any]:
    if ax is not None:
        given = list(np.asarray(ax, dtype=object).ravel())
        if len(given) != n_panels:
            raise ValueError(
                f"ax must be one Axes per metric, {n_panels} of them, got {len(given)}. Pass fewer metrics, or None."
            )
        return given
    pyplot = import_optional("matplotlib.pyplot", caller=caller, extra="plot")
    n_columns = min(2, n_panels)
    n_lines = -(-n_panels // n_columns)
    size = (5.0 * n_columns, 3.4 * n_lines)
    figure, made = pyplot.subplots(n_lines, n_columns, figsize=size, layout="constrained", squeeze=False)
    for spare in made.ravel()[n_panels:]:
        figure.delaxes(spare)
    return list(made.ravel()[:n_panels])


def _shift(ax: Any, shifts: list[tuple[Any, Any, float]]) -> None:
    """Move lines by inches: at the same positions, their intervals are told apart only beside each other."""
    transforms = import_optional("matplotlib.transforms", caller="A display", extra="plot")
    for line, band, aside in shifts:
        moved = ax.transData + transforms.ScaledTranslation(aside, 0, ax.figure.dpi_scale_trans)
        line.set_transform(moved)
        band.set_transform(moved)


def _mark_axis(ax: Any, x: np.ndarray) -> None:
    positions = np.unique(x[np.isfinite(x)])
    above = positions[positions > 0]
    if len(above) < 2 or above[-1] / above[0] < LOG_RATIO:
        return
    if len(above) < len(positions):
        # No rows at all is a position too.
        ax.set_xscale("symlog", base=2, linthresh=float(above[0]), linscale=1.0)
        ax.set_xlim(-0.15 * above[0], 1.15 * above[-1])
    else:
        ax.set_xscale("log", base=2)
        ax.set_xlim(above[0] / 1.15, 1.15 * above[-1])
    shown = positions[np.unique(np.linspace(0, len(positions) - 1, 6).round().astype(int))]
    ax.set_xticks(shown, [f"{value:,.6g}" for value in shown])
    ax.set_xticks([], minor=True)


class DistillationCurveDisplay(_CurveDisplay):
    """Closeness against the number of further rows to distil on, one line per way of making them.

    Parameters
    ----------
    curve : DistillationCurve
        What `distillation_curve` returned.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        Figure of the panels.
    lines_ : dict of (str, str) to matplotlib Line2D
        The means, by metric and line.
    bands_ : dict of (str, str) to matplotlib LineCollection
        Their intervals.
    teachers_ : dict of str to matplotlib Line2D
        What the teacher reaches, by metric.

    See Also
    --------
    TemperatureCurveDisplay : Closeness against the temperature.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdistill.fidelity import DistillationCurve, DistillationCurveDisplay
    >>> records = [
    ...     {"line": "munge", "x": x, "fold": 0, "agreement": 0.7 + x / 1000, "error": None} for x in (0, 100, 200)
    ... ]
    >>> display = DistillationCurveDisplay(DistillationCurve(records, "further rows", "classification"))
    >>> display.plot(metrics=["agreement"]).lines_["agreement", "munge"].get_ydata()
    array([0.7, 0.8, 0.9])
    >>> plt.close(display.figure_)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        metrics: Sequence[str] | None = None,
        confidence_level: float = 0.95,
        ax: Any = None,
        **params: Any,
    ) -> "DistillationCurveDisplay":
        """Compute a distillation curve, and draw it.

        Parameters
        ----------
        estimator : DistilledClassifier or DistilledRegressor
            What is fitted.
        X : array-like or data frame of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Labels or targets.
        metrics : sequence of str, default=None
            What is drawn. None takes agreement, predictive_kl, accuracy_student and calibration_error_student, of a
            regression r2_to_teacher, mean_absolute_difference and r2_student.
        confidence_level : float, default=0.95
            Of the bands.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, one per metric. None makes a new figure.
        **params : dict
            Parameters of `distillation_curve`.

        Returns
        -------
        DistillationCurveDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        """
        import_optional("matplotlib", caller=f"{cls.__name__}.from_estimator", extra="plot")
        curve = distillation_curve(estimator, X, y, **params)
        return cls(curve).plot(ax, metrics=metrics, confidence_level=confidence_level)


class TemperatureCurveDisplay(_CurveDisplay):
    """Closeness against the temperature of the teacher's probabilities.

    Parameters
    ----------
    curve : DistillationCurve
        What `temperature_curve` returned.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        Figure of the panels.
    lines_ : dict of (str, str) to matplotlib Line2D
        The means, by metric and line.
    bands_ : dict of (str, str) to matplotlib LineCollection
        Their intervals.
    teachers_ : dict of str to matplotlib Line2D
        What the teacher reaches, by metric.

    See Also
    --------
    DistillationCurveDisplay : Closeness against the number of rows.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdistill.fidelity import DistillationCurve, TemperatureCurveDisplay
    >>> records = [
    ...     {"line": "student", "x": x, "fold": 0, "agreement": 0.7 + x / 10, "error": None} for x in (1, 2)
    ... ]
    >>> display = TemperatureCurveDisplay(DistillationCurve(records, "temperature", "classification"))
    >>> display.plot(metrics=["agreement"]).lines_["agreement", "student"].get_ydata()
    array([0.8, 0.9])
    >>> plt.close(display.figure_)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        metrics: Sequence[str] | None = None,
        confidence_level: float = 0.95,
        ax: Any = None,
        **params: Any,
    ) -> "TemperatureCurveDisplay":
        """Compute a temperature curve, and draw it.

        Parameters
        ----------
        estimator : DistilledClassifier
            What is fitted.
        X : array-like or data frame of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Labels.
        metrics : sequence of str, default=None
            What is drawn. None takes agreement, predictive_kl, accuracy_student and calibration_error_student, of a
            regression r2_to_teacher, mean_absolute_difference and r2_student.
        confidence_level : float, default=0.95
            Of the bands.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, one per metric. None makes a new figure.
        **params : dict
            Parameters of `temperature_curve`.

        Returns
        -------
        TemperatureCurveDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        """
        import_optional("matplotlib", caller=f"{cls.__name__}.from_estimator", extra="plot")
        curve = temperature_curve(estimator, X, y, **params)
        return cls(curve).plot(ax, metrics=metrics, confidence_level=confidence_level)
