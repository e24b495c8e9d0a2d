"""The fidelity report: how close, where not, why, and what next."""

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from skdistill._optional import import_optional
from skdistill._sklearn import Interval, validate_params
from skdistill.fidelity._answers import check_mapping, collect_answers, read_sets
from skdistill.fidelity._drawing._pictures import draw_report
from skdistill.fidelity._models import known_classes, readable, task_of
from skdistill.fidelity._page._html import report_fragment, report_page
from skdistill.fidelity._refitting._controls import run_controls
from skdistill.fidelity._report_tables import ReportTables, as_frame
from skdistill.fidelity._slicing._slices import find_slices
from skdistill.fidelity._text import report_text
from skdistill.fidelity._told import answers_from_arrays

__all__ = ["FidelityReport"]

PAGE_INCHES = (12.5, 9)
OPTIONS: dict[str, list[Any]] = {
    "target": [Interval(Real, 0, 1, closed="both")],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    "n_resamples": [Interval(Integral, 2, None, closed="left")],
    "random_state": ["random_state"],
}


class FidelityReport(ReportTables):
    """How close a student is to its teacher, where it is not, and what to do next.

    Made by `from_estimators` or `from_predictions`.

    Parameters
    ----------
    sets : dict of str to SetAnswers
        What both models say about each set of rows.
    teacher, student : estimator, default=None
        The models, which `controls` fits again.
    train : dict, default=None
        The training rows for `controls`.
    target : float, default=0.95
        Agreement (of regressors: R^2 to the teacher) that counts as faithful.
    confidence_level : float, default=0.95
        Of all intervals.
    n_resamples : int, default=500
        Draws of the bootstrap intervals.
    random_state : int, RandomState instance or None, default=None
        Seeds the bootstrap and the search for slices.

    Attributes
    ----------
    judged : str
        The set that the verdict speaks of: "test", else rows that nobody was fitted on, else the last one.
    task : {"classification", "regression"}
        What the models predict.
    classes : ndarray of shape (n_classes,) or None
        All classes that a model or a label knows.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistilledClassifier, FidelityReport
    >>> X_train, X_test, y_train, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    >>> model = DistilledClassifier(
    ...     RandomForestClassifier(random_state=0), DecisionTreeClassifier(max_leaf_nodes=8), alpha=1.0, random_state=0
    ... ).fit(X_train, y_train)
    >>> report = FidelityReport.from_estimators(
    ...     model.teacher_, model, {"train": (X_train, y_train), "test": (X_test, y_test)}, random_state=0
    ... )
    >>> report.verdict()
    'test (143 rows): ...; agreement 0.9... [0.8..., 0.9...] (target 0.95, by chance 0.9...), ...'
    >>> [finding.code for finding in report.findings()]
    [...]
    """

    @classmethod
    @validate_params(OPTIONS, prefer_skip_nested_validation=True)
    def from_estimators(
        cls,
        teacher: Any,
        student: Any,
        sets: Mapping[str, Any],
        *,
        target: float = 0.95,
        confidence_level: float = 0.95,
        n_resamples: int = 500,
        random_state: Any = None,
    ) -> "FidelityReport":
        """Ask two fitted models about sets of rows.

        Parameters
        ----------
        teacher, student : estimator
            Fitted classifiers or regressors of any make: pipelines, frozen ones, distilled ones, skorch nets,
            `TorchTeacher`, any object with `predict` or `predict_proba` and, for classifiers, `classes_`.
        sets : mapping of str to tuple or mapping
            Rows by name: ``(X, y)``, ``(X, None)``, ``(X, y, sample_weight)``, or a mapping with the keys "X", "y",
            "sample_weight" and "X_teacher" (the same rows in the teacher's columns). Findings know "train",
            "distill" and "synthetic" as rows that the student learnt from, "test" as the rows to judge by, and
            "shift" as rows from elsewhere.
        target : float, default=0.95
            Agreement (of regressors: R^2 to the teacher) that counts as faithful.
        confidence_level : float, default=0.95
            Of all intervals.
        n_resamples : int, default=500
            Draws of the bootstrap intervals.
        random_state : int, RandomState instance or None, default=None
            Seeds the bootstrap and the search for slices.

        Returns
        -------
        FidelityReport
            The report.

        Raises
        ------
        TeacherError
            If a model cannot predict, or its answer is not a valid one.
        NotFittedError
            If a model was not fitted.
        ValueError
            If the models have no class in common or different tasks, or a set is not as described.
        """
        teacher, student = readable(teacher, "teacher"), readable(student, "student")
        read = read_sets(sets)
        task = task_of(teacher, student)
        classes = known_classes(teacher, student, read) if task == "classification" else None
        answers = {
            name: collect_answers(teacher, student, name, parts.pop("X"), parts.pop("y"), classes=classes, **parts)
            for name, parts in ((name, dict(parts)) for name, parts in read.items())
        }
        return cls(
            answers,
            teacher=teacher,
            student=student,
            train=read.get("train"),
            target=target,
            confidence_level=confidence_level,
            n_resamples=n_resamples,
            random_state=random_state,
        )

    @classmethod
    @validate_params(OPTIONS, prefer_skip_nested_validation=True)
    def from_predictions(
        cls,
        sets: Mapping[str, Mapping[str, Any]],
        *,
        classes: Any = None,
        target: float = 0.95,
        confidence_level: float = 0.95,
        n_resamples: int = 500,
        random_state: Any = None,
    ) -> "FidelityReport":
        """Compare predictions that were made elsewhere.

        Parameters
        ----------
        sets : mapping of str to mapping
            For each set "teacher" and "student": probabilities of shape (n_rows, n_classes), or labels or values of
            shape (n_rows,); and, where known, "y", "X" (for slices) and "sample_weight".
        classes : array-like of shape (n_classes,), default=None
            Labels of the probabilities' columns. None, without probabilities, means a regression.
        target : float, default=0.95
            Agreement (of regressors: R^2 to the teacher) that counts as faithful.
        confidence_level : float, default=0.95
            Of all intervals.
        n_resamples : int, default=500
            Draws of the bootstrap intervals.
        random_state : int, RandomState instance or None, default=None
            Seeds the bootstrap and the search for slices.

        Returns
        -------
        FidelityReport
            The report; its `controls` are not to be had, since there is nothing to fit.

        Raises
        ------
        ValueError
            If the predictions are not probabilities, labels among the classes, or values, or differ in length.
        """
        check_mapping(sets, "a mapping", "{'test': {'teacher': ..., 'student': ..., 'y': y}}")
        answers = {str(name): answers_from_arrays(str(name), parts, classes) for name, parts in sets.items()}
        options: dict[str, Any] = {"target": target, "confidence_level": confidence_level, "n_resamples": n_resamples}
        return cls(answers, **options, random_state=random_state)

    def frame(self) -> Any:
        """Give every number of every set as one tidy table.

        Returns
        -------
        DataFrame
            With the columns set, metric, value, low, high, n_rows; divergences are in nats.
        """
        return as_frame(self.metric_records(), "FidelityReport.frame")

    def errors(self) -> Any:
        """Give who is right: lost and gained knowledge, and errors made together.

        Returns
        -------
        DataFrame
            With the columns set, outcome ("both right", "lost", "gained", "both wrong alike", "both wrong
            differently"; of regressors "teacher nearer", "student nearer", "equally near"), n_rows, share, low, high.
        """
        return as_frame(self.error_records(), "FidelityReport.errors")

    def per_class(self) -> Any:
        """Give agreement, recalls and mean probabilities class by class.

        Returns
        -------
        DataFrame
            One row per set and class; of regressors per set and bin of the teacher's value.
        """
        return as_frame(self.class_records(), "FidelityReport.per_class")

    def slices(self, name: str | None = None, *, max_depth: int = 3, min_rows: int = 30, n_slices: int = 10) -> Any:
        """Give the slices of a set in which teacher and student differ most.

        A small tree looks for them on one random half of the rows; every number comes from the other half, and
        p-values are adjusted by Holm's method for the number of slices.

        Parameters
        ----------
        name : str, default=None
            The set; None means the judged one.
        max_depth : int, default=3
            Most conditions of a slice.
        min_rows : int, default=30
            Fewest rows of a slice in the half where it is looked for.
        n_slices : int, default=10
            Most slices in the table; p-values are adjusted for all that were tested.

        Returns
        -------
        DataFrame
            With the columns slice, n_rows, share, disagreement, low, high, rest, ratio, p_value, p_holm,
            jensen_shannon; worst first. Its ``attrs["note"]`` says how to read it, or why it is empty.

        Raises
        ------
        ValueError
            If there is no such set, or its rows are no table.
        """
        answers = self.sets[self._known_set(name)]
        records = find_slices(
            answers,
            max_depth=max_depth,
            min_rows=min_rows,
            n_slices=n_slices,
            confidence_level=self.confidence_level,
            random_state=self._seed,
        )
        frame = as_frame(records, "FidelityReport.slices")
        frame.attrs["note"] = records.note or records.reason
        return frame

    # What needs fits.

    def controls(
        self,
        X: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        X_teacher: Any = None,
        X_unlabeled: Any = None,
        distill: Callable[..., Any] | None = None,
        independent: str = "auto",
        n_repeats: int = 3,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> Any:
        """Fit the controls, without which agreement proves nothing about this teacher.

        Parameters
        ----------
        X, y : array-like, default=None
            The rows that teacher and student were fitted on; None takes the set "train".
        sample_weight : array-like of shape (n_rows,), default=None
            Their weights.
        X_teacher : array-like, default=None
            The same rows in the teacher's columns.
        X_unlabeled : array-like, default=None
            Further rows that the student learnt from.
        distill : callable, default=None
            ``distill(teacher, X, y)`` returns a student distilled from a fitted teacher. None fits a clone of a
            distilled estimator anew, and lets any other student learn the teacher's labels.
        independent : {"auto", "seed", "bootstrap"}, default="auto"
            How the independent teacher differs: by its seeds, or by its seeds and a bootstrap of the rows. "auto" is
            by seeds where these change its answers.
        n_repeats : int, default=3
            Fits of each control.
        n_jobs : int, default=None
            Fits at the same time. The result does not depend on it.
        random_state : int, RandomState instance or None, default=None
            Seeds the fits.
        verbose : int, default=0
            Above 0 progress is written to the standard error stream.

        Returns
        -------
        DataFrame
            One row per control ("student again", "independent teacher", "hard labels", "teacher again") with the
            agreement with the teacher, and by how much this student's exceeds it, with intervals.

        Raises
        ------
        ValueError
            If there are no training rows, or no models.
        """
        if self.teacher is None:
            raise ValueError(
                "controls needs the two models, and this report was made of predictions. Use "
                "FidelityReport.from_estimators(teacher, student, sets)."
            )
        train = (
            {"X": X, "y": y, "sample_weight": sample_weight, "X_teacher": X_teacher} if X is not None else self.train
        )
        if train is None or train["y"] is None:
            raise ValueError(
                "controls needs the rows that the models were fitted on, with labels; the report has no set 'train' "
                "with y. Call controls(X_train, y_train)."
            )
        self._controls = run_controls(
            self.teacher,
            self.student,
            train["X"],
            train["y"],
            self.sets[self.judged],
            sample_weight=train["sample_weight"],
            X_teacher=train["X_teacher"],
            X_unlabeled=X_unlabeled,
            distill=distill,
            independent=independent,
            n_repeats=n_repeats,
            confidence_level=self.confidence_level,
            n_jobs=n_jobs,
            random_state=self._seed if random_state is None else random_state,
            verbose=verbose,
        )
        return as_frame(self.control_records(), "FidelityReport.controls")

    # How it is shown.

    def plot(self, fig: Any = None) -> Any:
        """Draw a page of four pictures.

        Parameters
        ----------
        fig : matplotlib Figure, default=None
            Where to draw; None makes a figure of pyplot's.

        Returns
        -------
        matplotlib Figure
            Agreement between its bounds, reliability against the teacher, who is right, worst slices.
        """
        pyplot = import_optional("matplotlib.pyplot", caller="FidelityReport.plot", extra="plot")
        return draw_report(self, pyplot.figure(figsize=PAGE_INCHES) if fig is None else fig)

    def to_html(self, path: Any = None) -> str:
        """Write the whole report as one HTML page that needs nothing else.

        Parameters
        ----------
        path : str or Path, default=None
            Where to write it; None only returns it.

        Returns
        -------
        str
            The page.
        """
        import_optional("matplotlib", caller="FidelityReport.to_html", extra="plot")
        page = report_page(self)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        """Return verdict, numbers and findings as text."""
        return report_text(self, self.notes)

    def _repr_html_(self) -> str:
        return report_fragment(self)
