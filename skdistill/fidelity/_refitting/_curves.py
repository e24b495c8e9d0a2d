"""Curves: how close students come as one setting of their distillation varies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from skdistill._optional import import_optional
from skdistill.fidelity._checks import check_fraction
from skdistill.fidelity._refitting._curve_fits import CurveRows, Variant, curve_rows, fit_variants
from skdistill.fidelity._refitting._curve_settings import check_distiller, check_temperatures, row_variants

__all__ = ["DistillationCurve", "distillation_curve", "temperature_curve"]

Record = dict[str, Any]
UNIT = (0.0, 1.0)
# Metrics and their limits.
CLASSIFICATION: dict[str, tuple[float, float]] = {
    "agreement": UNIT,
    "predictive_kl": (0.0, np.inf),
    "jensen_shannon": (0.0, float(np.log(2))),
    "accuracy_student": UNIT,
    "accuracy_teacher": UNIT,
    "calibration_error_student": UNIT,
}
REGRESSION: dict[str, tuple[float, float]] = {
    "r2_to_teacher": (-np.inf, 1.0),
    "mean_absolute_difference": (0.0, np.inf),
    "r2_student": (-np.inf, 1.0),
    "r2_teacher": (-np.inf, 1.0),
}


@dataclass(frozen=True)
class DistillationCurve:
    """What students were measured at, setting by setting and fold by fold.

    Parameters
    ----------
    records : list of dict
        One record per setting and fold: line, x, fold, the metrics, n_rows (further rows that the student learnt
        from), error. Of a fit that failed the metrics are None and the error says why.
    x_name : str
        What x is.
    task : {"classification", "regression"}
        What is predicted, hence the metrics: agreement, predictive_kl, jensen_shannon, accuracy_student,
        accuracy_teacher, calibration_error_student; or r2_to_teacher, mean_absolute_difference, r2_student,
        r2_teacher.

    See Also
    --------
    distillation_curve : Varies the number of distillation rows.
    temperature_curve : Varies the temperature.

    Examples
    --------
    >>> from skdistill.fidelity import DistillationCurve
    >>> records = [
    ...     {"line": "munge", "x": 100, "fold": 0, "r2_to_teacher": 0.8, "error": None},
    ...     {"line": "munge", "x": 100, "fold": 1, "r2_to_teacher": 0.9, "error": None},
    ... ]
    >>> curve = DistillationCurve(records, "further rows", "regression")
    >>> round(curve.summary()[0]["r2_to_teacher"], 3)
    0.85
    """

    records: list[Record]
    x_name: str
    task: str

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics measured."""
        known = CLASSIFICATION if self.task == "classification" else REGRESSION
        return tuple(name for name in known if any(record.get(name) is not None for record in self.records))

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines, in their order."""
        return tuple(dict.fromkeys(record["line"] for record in self.records))

    def summary(self, confidence_level: float = 0.95) -> list[Record]:
        """Average over folds.

        The intervals are Student's t over folds. Folds share most of their training rows, so that their fits are not
        independent and the intervals are somewhat too narrow; they do not speak of other data sets.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the intervals.

        Returns
        -------
        list of dict
            One record per line and x: line, x, n_fits, n_failed and, for each metric m, m, m_low and m_high. These are
            None where every fit failed, the ends also where a single one did not.
        """
        level = check_fraction(confidence_level, "confidence_level")
        groups: dict[tuple[str, Any], list[Record]] = {}
        for record in self.records:
            groups.setdefault((record["line"], record["x"]), []).append(record)
        return [self._mean(line, x, found, level) for (line, x), found in groups.items()]

    def _mean(self, line: str, x: Any, found: list[Record], level: float) -> Record:
        failed = sum(record.get("error") is not None for record in found)
        mean: Record = {"line": line, "x": x, "n_fits": len(found), "n_failed": failed}
        for metric in self.metrics:
            values = [record[metric] for record in found if record.get(metric) is not None]
            low, high = _t_interval(values, level, {**CLASSIFICATION, **REGRESSION}[metric])
            mean[metric] = float(np.mean(values)) if values else None
            mean[f"{metric}_low"], mean[f"{metric}_high"] = low, high
        return mean

    def frame(self) -> Any:
        """Return the records as a table.

        Returns
        -------
        pandas.DataFrame
            One row per setting and fold.
        """
        return import_optional("pandas", caller="DistillationCurve.frame", extra="plot").DataFrame(self.records)


def _t_interval(values: list[float], level: float, limits: tuple[float, float]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return float(max(np.mean(values) - half, limits[0])), float(min(np.mean(values) + half, limits[1]))


def distillation_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    samplers: Sequence[Any] = ("munge",),
    n_rows: Sequence[float] = (0, 0.5, 1.0, 2.0, 5.0),
    X_unlabeled: Any = None,
    cv: Any = 5,
    sample_weight: Any = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> DistillationCurve:
    """Measure how close a student comes to its teacher as it learns from more rows.

    For every fold, sampler and number of rows a clone of the estimator is fitted on the other folds with so many
    synthetic rows, and its student is compared with its teacher on the fold, which neither has seen (unless the
    teacher is frozen and has). The seeds of a fold are the same for all settings, so that these are compared on the
    same teacher; where the estimator has no `memory` its teacher's fits are kept in a temporary folder meanwhile.

    Parameters
    ----------
    estimator : estimator
        Unfitted `DistilledClassifier` or `DistilledRegressor`, or one with the same parameters `teacher`, `student`,
        `sampler` and `n_synthetic` and, once fitted, `teacher_`.
    X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
        Labelled rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or targets.
    samplers : sequence of str or objects with fit and sample, default=("munge",)
        One line each.
    n_rows : sequence of int or float, default=(0, 0.5, 1.0, 2.0, 5.0)
        Numbers of further rows; a float is a multiple of a fold's training rows.
    X_unlabeled : array-like, data frame or sparse matrix of shape (n_unlabeled, n_features), default=None
        Further rows, which give a line "unlabeled": the first of them in a random order. Numbers beyond what there
        is become one point with all of them.
    cv : int, splitter or iterable of splits, default=5
        An int means folds by the rows' content, as in the distilled estimators: equal rows share a fold. For groups
        hand over splits, ``GroupKFold().split(X, y, groups)``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, in fits and in metrics.
    random_state : int, RandomState instance or None, default=None
        Seeds every part of the estimator that has no seed of its own, and the order of unlabeled rows.
    n_jobs : int, default=None
        Number of fits at the same time. The result does not depend on it.
    verbose : int, default=0
        Above 0 each fit writes a line to the standard error stream.

    Returns
    -------
    DistillationCurve
        With x the number of further rows, averaged over folds. A fit that fails is reported in its record.

    Raises
    ------
    TypeError
        If the estimator, or a sampler, is not of the kind described.
    ValueError
        If the settings or the rows are not as described.

    Warns
    -----
    FitFailedWarning
        If fits failed.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, section 5 (more distillation data).

    Bucila, Caruana, Niculescu-Mizil: Model Compression, KDD 2006, figure 2 (synthetic rows).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistilledClassifier
    >>> from skdistill.fidelity import distillation_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DistilledClassifier(KNeighborsClassifier(), DecisionTreeClassifier(max_depth=3), alpha=1.0, cv=2)
    >>> curve = distillation_curve(model, X, y, n_rows=(0, 1.0), cv=2, random_state=0)
    >>> [(record["line"], record["x"], record["fold"]) for record in curve.records]
    [('munge', 0, 0), ('munge', 0, 1), ('munge', 75, 0), ('munge', 75, 1)]
    """
    needed = ("sampler", "n_synthetic") if len(samplers) else ("sampler",)
    check_distiller(estimator, needed, "distillation_curve", unlabeled=X_unlabeled is not None)
    rows = curve_rows(estimator, X, y, sample_weight, cv, X_unlabeled=X_unlabeled)
    variants = row_variants(samplers, n_rows, rows)
    return _curve(estimator, rows, variants, "further rows", random_state, n_jobs, verbose)


def temperature_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    temperatures: Sequence[float] = (0.5, 1, 2, 4, 8),
    X_teacher: Any = None,
    X_unlabeled: Any = None,
    cv: Any = 5,
    sample_weight: Any = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> DistillationCurve:
    """Measure how close a student comes to its teacher under other temperatures.

    As `distillation_curve`, with the temperature in the place of the number of rows. Student and teacher are compared
    at temperature 1 throughout.

    Parameters
    ----------
    estimator : estimator
        Unfitted `DistilledClassifier`, or one with the same parameters `teacher`, `student` and `temperature` and,
        once fitted, `teacher_`.
    X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
        Labelled rows.
    y : array-like of shape (n_samples,)
        Their labels.
    temperatures : sequence of float, default=(0.5, 1, 2, 4, 8)
        Temperatures, above 0.
    X_teacher : array-like, data frame or sparse matrix, default=None
        The same rows as the teacher sees them.
    X_unlabeled : array-like, data frame or sparse matrix of shape (n_unlabeled, n_features), default=None
        Further rows, for every fit.
    cv : int, splitter or iterable of splits, default=5
        An int means folds by the rows' content, as in the distilled estimators: equal rows share a fold. For groups
        hand over splits, ``GroupKFold().split(X, y, groups)``.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, in fits and in metrics.
    random_state : int, RandomState instance or None, default=None
        Seeds every part of the estimator that has no seed of its own.
    n_jobs : int, default=None
        Number of fits at the same time. The result does not depend on it.
    verbose : int, default=0
        Above 0 each fit writes a line to the standard error stream.

    Returns
    -------
    DistillationCurve
        With x the temperature and a single line, "student". A fit that fails is reported in its record.

    Raises
    ------
    TypeError
        If the estimator is not of the kind described.
    ValueError
        If the settings or the rows are not as described.

    Warns
    -----
    FitFailedWarning
        If fits failed.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill import DistilledClassifier
    >>> from skdistill.fidelity import temperature_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DistilledClassifier(GaussianNB(), LogisticRegression(max_iter=1000), alpha=1.0, cv=2)
    >>> curve = temperature_curve(model, X, y, temperatures=(1, 4), cv=2, random_state=0)
    >>> [record["x"] for record in curve.summary()]
    [1.0, 4.0]
    """
    check_distiller(estimator, ("temperature",), "temperature_curve", unlabeled=X_unlabeled is not None)
    variants = [Variant("student", t, {"temperature": t}) for t in check_temperatures(temperatures)]
    rows = curve_rows(estimator, X, y, sample_weight, cv, X_unlabeled=X_unlabeled, X_teacher=X_teacher)
    return _curve(estimator, rows, variants, "temperature", random_state, n_jobs, verbose)


def _curve(
    estimator: Any,
    rows: CurveRows,
    variants: Sequence[Variant],
    x_name: str,
    random_state: Any,
    n_jobs: int | None,
    verbose: int,
) -> DistillationCurve:
    found = fit_variants(estimator, rows, variants, random_state=random_state, n_jobs=n_jobs, verbose=verbose)
    names = CLASSIFICATION if rows.task == "classification" else REGRESSION
    records = [_record(variant, fold, measured, error, names) for variant, fold, measured, error in found]
    return DistillationCurve(records, x_name, rows.task)


def _record(
    variant: Variant, fold: int, measured: Mapping[str, Any] | None, error: str | None, names: Mapping[str, Any]
) -> Record:
    record: Record = {"line": variant.line, "x": variant.x, "fold": fold}
    record.update({name: (measured or {}).get(name) for name in names})
    record["n_rows"] = (measured or {}).get("n_rows")
    record["error"] = error
    return record
