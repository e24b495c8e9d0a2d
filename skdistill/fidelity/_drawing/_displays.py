"""Pictures of how close a student is on given rows."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skdistill._optional import import_optional
from skdistill.fidelity._answers import SetAnswers, collect_answers, read_sets
from skdistill.fidelity._checks import (
    aligned_pair,
    check_classes,
    check_labels,
    check_row_weights,
    check_same_rows,
    check_values,
    class_codes,
)
from skdistill.fidelity._drawing._bins import Table, bounds_table, reliability_table, row_values
from skdistill.fidelity._drawing._look import current_look, label_text, new_axes
from skdistill.fidelity._drawing._panels import draw_bounds, draw_cloud, draw_reliability
from skdistill.fidelity._models import readable
from skdistill.response._collect import Task

__all__ = ["FidelityDisplay", "Kind", "reliability_labels"]

Kind = Literal["reliability", "bounds"]


class FidelityDisplay:
    """Picture of a student beside its teacher: reliability, or agreement between its bounds.

    Make it with `from_estimators` or `from_predictions`, which also draw it. The parameters are stored as attributes.

    Parameters
    ----------
    table : dict of str to ndarray
        What is drawn, one entry per bin or per set; `frame` says what is in it.
    kind : {"reliability", "bounds"}, default="reliability"
        What `table` holds.
    task : {"classification", "regression"}, default="classification"
        What is predicted.
    label : object, default=None
        The class, or the position of the output, that `table` is about.
    cloud : ndarray of shape (n_values, 2), default=None
        The student's and the teacher's values behind the bins of a regression.
    name : str, default=None
        Name of the line of the teacher's means.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the picture.
    figure_ : matplotlib Figure
        Figure of the axes.
    line_ : matplotlib Line2D
        The teacher's means, or the agreement on each set.
    spread_ : matplotlib LineCollection
        Reliability: the middle 80 % of the teacher in each bin.
    truth_ : matplotlib ErrorbarContainer or None
        Reliability: what was observed, with intervals; None without labels.
    diagonal_ : matplotlib Line2D
        Reliability: where both are equal.
    counts_ax_, counts_ : matplotlib Axes, matplotlib BarContainer
        Reliability: the number of rows in each bin.
    cloud_ : matplotlib Line2D, AxesImage or None
        Reliability of a regression: the rows themselves, or their density.
    intervals_ : matplotlib LineCollection
        Bounds: intervals of the agreement.
    bounds_ : matplotlib BarContainer
        Bounds: what the two accuracies allow.
    chance_ : matplotlib LineCollection
        Bounds: the agreement of two models that err independently.

    See Also
    --------
    DistillationCurveDisplay : Closeness against the number of distillation rows.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.fidelity import FidelityDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> teacher = RandomForestClassifier(n_estimators=10, random_state=0).fit(X[::2], y[::2])
    >>> student = DecisionTreeClassifier(max_depth=3).fit(X[::2], teacher.predict(X[::2]))
    >>> display = FidelityDisplay.from_estimators(teacher, student, X[1::2], y[1::2], kind="bounds")
    >>> display.table["n_rows"]
    array([284])
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        table: Table,
        *,
        kind: Kind = "reliability",
        task: Task = "classification",
        label: Any = None,
        cloud: np.ndarray | None = None,
        name: str | None = None,
    ) -> None:
        self.table = table
        self.kind = kind
        self.task = task
        self.label = label
        self.cloud = cloud
        self.name = name

    @classmethod
    def from_estimators(
        cls,
        teacher: Any,
        student: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        kind: Kind = "reliability",
        label: Any = None,
        n_bins: int = 10,
        strategy: str = "uniform",
        sample_weight: ArrayLike | None = None,
        confidence_level: float = 0.95,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "FidelityDisplay":
        """Ask two fitted models about rows, and draw.

        Parameters
        ----------
        teacher, student : estimator
            Fitted models of one task.
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features), or mapping
            The rows. With ``kind="bounds"`` also a mapping of names to ``(X, y)``, which gives one row per set.
        y : array-like of shape (n_rows,), default=None
            Labels or targets.
        kind : {"reliability", "bounds"}, default="reliability"
            "reliability" bins the rows by the student's probability, or value, and shows the teacher's mean in each
            bin; "bounds" shows the agreement of the labels between the bounds that follow from the two accuracies.
        label : object, default=None
            Reliability of this class, or of this output by its position. None takes the student's top class of each
            row; of several outputs all together, each in units of the teacher's standard deviation.
        n_bins : int, default=10
            The most bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of one width, or of about the same number of rows.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        confidence_level : float, default=0.95
            Of the intervals.
        name : str, default=None
            Name of the line, or of the one set of "bounds".
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Passed to the `plot` of the line.

        Returns
        -------
        FidelityDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If "reliability" is asked of a model without probabilities, or "bounds" of regressors.
        """
        _need_matplotlib("FidelityDisplay.from_estimators")
        teacher, student = readable(teacher, "teacher"), readable(student, "student")
        if isinstance(X, Mapping):
            _check_several(kind, y, sample_weight)
            parts = list(read_sets(X).items())
        else:
            parts = [("rows" if name is None else name, {"X": X, "y": y, "sample_weight": sample_weight})]
        sets = [collect_answers(teacher, student, key, **part) for key, part in parts]
        table_params = {"label": label, "n_bins": n_bins, "strategy": strategy, "confidence_level": confidence_level}
        return cls._from_answers(sets, kind, name, table_params).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        proba_teacher: ArrayLike,
        proba_student: ArrayLike,
        y: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
        task: Task = "classification",
        kind: Kind = "reliability",
        label: Any = None,
        n_bins: int = 10,
        strategy: str = "uniform",
        sample_weight: ArrayLike | None = None,
        confidence_level: float = 0.95,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "FidelityDisplay":
        """Draw from what two models said.

        Parameters
        ----------
        proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
            Distributions over the same classes; values of shape (n_rows,) or (n_rows, n_outputs) of a regression. The
            label of a row is its class of greatest probability.
        y : array-like of shape (n_rows,), default=None
            Labels or targets.
        classes : array-like of shape (n_classes,), default=None
            What the columns stand for. None means 0, 1, ..., n_classes - 1.
        task : {"classification", "regression"}, default="classification"
            What is predicted.
        kind : {"reliability", "bounds"}, default="reliability"
            As in `from_estimators`.
        label : object, default=None
            As in `from_estimators`.
        n_bins : int, default=10
            The most bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of one width, or of about the same number of rows.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        confidence_level : float, default=0.95
            Of the intervals.
        name : str, default=None
            Name of the line, or of the one set of "bounds".
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Passed to the `plot` of the line.

        Returns
        -------
        FidelityDisplay
            The display, drawn.

        Raises
        ------
        OptionalDependencyError
            If matplotlib is not installed.
        ValueError
            If the arrays are not as described.
        """
        _need_matplotlib("FidelityDisplay.from_predictions")
        shown = "rows" if name is None else name
        answers = _read_arrays(shown, task, proba_teacher, proba_student, y, classes, sample_weight)
        table_params = {"label": label, "n_bins": n_bins, "strategy": strategy, "confidence_level": confidence_level}
        return cls._from_answers([answers], kind, name, table_params).plot(ax=ax, **kwargs)

    @classmethod
    def _from_answers(
        cls, sets: list[SetAnswers], kind: Kind, name: str | None, params: dict[str, Any]
    ) -> "FidelityDisplay":
        task = sets[0].task
        if kind == "bounds":
            if task == "regression":
                raise ValueError(
                    'kind="bounds" compares labels, and these are regressors. Use kind="reliability", which compares '
                    "values."
                )
            return cls(bounds_table(sets, confidence_level=params["confidence_level"]), kind=kind, task=task, name=name)
        if kind != "reliability":
            raise ValueError(f'kind must be "reliability" or "bounds", got {kind!r}.')
        table = reliability_table(sets[0], **params)
        cloud = None
        if task == "regression":
            cloud = np.column_stack(row_values(sets[0], params["label"])[:2])
        return cls(table, kind=kind, task=task, label=params["label"], cloud=cloud, name=name)

    def plot(self, ax: Any = None, *, name: str | None = None, **kwargs: Any) -> "FidelityDisplay":
        """Draw into axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the line of the teacher's means. None takes that of the display.
        **kwargs : dict
            Passed to the `plot` of the line.

        Returns
        -------
        FidelityDisplay
            The display itself.
        """
        self.ax_ = new_axes(ax, "FidelityDisplay.plot")
        self.figure_ = self.ax_.figure
        look, name = current_look(), self.name if name is None else name
        if name is not None and self.kind == "reliability":
            kwargs = {"label": label_text(name), **kwargs}
        if self.kind == "bounds":
            artists = draw_bounds(self.ax_, self.table, look, **kwargs)
        else:
            cloud = None if self.cloud is None else draw_cloud(self.ax_, self.cloud[:, 0], self.cloud[:, 1], look)
            artists = {"cloud": cloud}
            artists |= draw_reliability(self.ax_, self.table, look, shares=self.task == "classification", **kwargs)
            xlabel, ylabel = reliability_labels(self.task, self.label)
            self.ax_.set(xlabel=xlabel, ylabel=ylabel)
        for key, artist in artists.items():
            setattr(self, f"{key}_", artist)
        return self

    def frame(self) -> Any:
        """Return what is drawn as a table.

        Returns
        -------
        DataFrame
            Reliability: one row per bin that has rows, with bin_low, bin_high, n_rows, share (of the weight), student,
            teacher (means), teacher_low, teacher_high (quantiles 0.1 and 0.9) and, with labels, observed,
            observed_low, observed_high. Bounds: one row per set, with set, n_rows, agreement, low, high, bound_low,
            bound_high, by_chance, accuracy_teacher, accuracy_student.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        return import_optional("pandas", caller="FidelityDisplay.frame", extra="plot").DataFrame(self.table)


def reliability_labels(task: Task, label: Any) -> tuple[str, str]:
    """Say what the axes of a reliability picture hold."""
    if task == "regression":
        which = "" if label is None else f", output {label}"
        return f"student's value{which}", f"teacher's value{which}"
    if label is None:
        return "student's probability of its top class", "probability of the same class"
    shown = label_text(label, width=20, lines=1)
    return f"student's probability of class {shown}", f"probability of class {shown}"


def _need_matplotlib(caller: str) -> None:
    import_optional("matplotlib", caller=caller, extra="plot")


def _check_several(kind: Kind, y: Any, sample_weight: Any) -> None:
    if kind != "bounds":
        raise ValueError(f'Several sets are drawn by kind="bounds" only, got kind={kind!r}. Pass the rows of one set.')
    if y is not None or sample_weight is not None:
        raise ValueError(
            "y and sample_weight must be None when X is a mapping of sets. Put them into the mapping: "
            "{'test': (X, y, sample_weight)}."
        )


def _read_arrays(
    name: str, task: Task, teacher: Any, student: Any, y: Any, classes: Any, sample_weight: Any
) -> SetAnswers:
    if task == "regression":
        values = [check_values(part, what) for part, what in ((teacher, "the teacher"), (student, "the student"))]
        check_same_rows(values[0], values[1], "values")
        truth = None if y is None else check_values(y, "y")
        if truth is not None and truth.shape != values[0].shape:
            raise ValueError(f"y must have the shape of the values, {values[0].shape}, got {truth.shape}.")
        weight = check_row_weights(sample_weight, len(values[0]))
        return SetAnswers(name, task, None, weight, y=truth, values_teacher=values[0], values_student=values[1])
    given, learnt = aligned_pair(teacher, student)
    n_rows, n_classes = given.shape
    known = check_classes(np.arange(n_classes) if classes is None else classes, n_classes, "classes")
    codes = None if y is None else class_codes(check_labels(y, "y"), known)
    if codes is not None and (len(codes) != n_rows or (codes < 0).any()):
        raise ValueError(
            f"y must hold one of the classes {known.tolist()} for each of the {n_rows} rows, got {len(codes)} labels "
            f"of which {int((codes < 0).sum())} are none of them. Pass classes= in the order of the columns."
        )
    return SetAnswers(
        name,
        task,
        None,
        check_row_weights(sample_weight, n_rows),
        classes=known,
        codes_true=codes,
        codes_teacher=given.argmax(axis=1),
        codes_student=learnt.argmax(axis=1),
        proba_teacher=given,
        proba_student=learnt,
    )
