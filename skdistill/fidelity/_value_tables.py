"""The tables of a fidelity report on two regressors, as records."""

from typing import Any

import numpy as np

from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._differences import difference_quantiles, weighted_quantiles
from skdistill.fidelity._estimates import bootstrap_means, percentile_ends
from skdistill.fidelity._tables import outcome_records

__all__ = ["bin_records", "nearer_records", "value_metric_records"]

Record = dict[str, Any]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def value_metric_records(answers: SetAnswers, *, confidence_level: float, n_resamples: int, seed: int) -> list[Record]:
    """Measure one set of rows of a regression.

    R^2 is taken per output and averaged; it needs two rows and targets that differ. Intervals are percentiles of a
    bootstrap of rows; the quantiles of the difference have none.

    Parameters
    ----------
    answers : SetAnswers
        What both models say.
    confidence_level : float
        Of the intervals.
    n_resamples : int
        Bootstrap draws.
    seed : int
        Of the draws.

    Returns
    -------
    list of dict
        With the keys set, metric, value, low, high, n_rows.
    """
    rows = _Rows(answers)
    teacher, student = rows.values["teacher"], rows.values["student"]
    rows.means("mean_absolute_difference", np.abs(student - teacher))
    rows.means("root_mean_squared_difference", (student - teacher) ** 2)
    rows.means("mean_difference", student - teacher)
    rows.r_squared("r2_to_teacher", teacher, student)
    if rows.truth is not None:
        for role, values in rows.values.items():
            rows.r_squared(f"r2_{role}", rows.truth, values)
            rows.means(f"mean_absolute_error_{role}", np.abs(rows.truth - values))
        worse = np.abs(rows.truth - student) - np.abs(rows.truth - teacher)
        rows.means("absolute_error_difference", worse)
    found = rows.estimate(confidence_level, n_resamples, np.random.default_rng(seed))
    quantiles = difference_quantiles(
        answers.said("teacher"), answers.said("student"), quantiles=QUANTILES, sample_weight=answers.weight
    )
    by_quantile = np.asarray(quantiles).reshape(len(QUANTILES), -1).mean(axis=1)
    for level, value in zip(QUANTILES, by_quantile.tolist(), strict=True):
        found[f"difference_q{round(100 * level):02d}"] = (value, None, None)
    order = [name for name in VALUE_METRICS if name in found]
    return [
        {
            "set": answers.name,
            "metric": name,
            **dict(zip(("value", "low", "high"), found[name], strict=True)),
            "n_rows": answers.n_rows,
        }
        for name in order
    ]


VALUE_METRICS = (
    "r2_to_teacher",
    "mean_absolute_difference",
    "root_mean_squared_difference",
    "mean_difference",
    *(f"difference_q{round(100 * level):02d}" for level in QUANTILES),
    "r2_teacher",
    "r2_student",
    "mean_absolute_error_teacher",
    "mean_absolute_error_student",
    "absolute_error_difference",
)


class _Rows:
    """Per-row moments of which every metric is a function, so that one bootstrap of means serves them all."""

    def __init__(self, answers: SetAnswers) -> None:
        self.answers = answers
        as_table = (answers.n_rows, -1)
        self.values = {role: answers.said(role).reshape(as_table) for role in ("teacher", "student")}
        self.truth = None if answers.y is None else np.asarray(answers.y).reshape(as_table)
        self.columns: list[np.ndarray] = []
        self.metrics: dict[str, tuple[str, list[int]]] = {}

    def means(self, name: str, values: np.ndarray) -> None:
        """Add a mean over rows and outputs."""
        kind = "root" if name.startswith("root") else "mean"
        self.metrics[name] = (kind, [self._add(values.mean(axis=1))])

    def r_squared(self, name: str, reference: np.ndarray, values: np.ndarray) -> None:
        """Add an R^2: for each output the moments of ``1 - E[(r - v)^2] / (E[r^2] - E[r]^2)``."""
        centred = reference - reference.mean(axis=0)
        if self.answers.n_rows < 2:
            return
        places = []
        for output in range(centred.shape[1]):
            squared = (reference[:, output] - values[:, output]) ** 2
            places += [self._add(squared), self._add(centred[:, output]), self._add(centred[:, output] ** 2)]
        self.metrics[name] = ("r2", places)

    def _add(self, column: np.ndarray) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def estimate(
        self, confidence_level: float, n_resamples: int, rng: np.random.Generator
    ) -> dict[str, tuple[float, float | None, float | None]]:
        """Give each metric with its interval."""
        table = np.column_stack(self.columns)
        value = np.average(table, axis=0, weights=self.answers.unit_weight())[None, :]
        drawn = bootstrap_means(table, self.answers.weight, n_resamples, rng)
        return {
            name: (
                float(_metric(kind, value[:, places])[0]),
                *percentile_ends(_metric(kind, drawn[:, places])[:, None], confidence_level)[0],
            )
            for name, (kind, places) in self.metrics.items()
        }


def _metric(kind: str, moments: np.ndarray) -> np.ndarray:
    if kind == "mean":
        return moments[:, 0]
    if kind == "root":
        return np.sqrt(moments[:, 0])
    error, mean, square = (moments[:, part::3] for part in range(3))
    spread = square - mean**2
    # As scikit-learn's r2_score has it: where there is nothing to explain, 1 for no error and 0 for any.
    flat = spread <= 1e-12 * np.maximum(square, np.finfo(np.float64).tiny)
    ratio = np.where(flat, np.where(error > 0, 1.0, 0.0), error / np.where(flat, 1.0, spread))
    return 1.0 - ratio.mean(axis=1)


def nearer_records(answers: SetAnswers, *, confidence_level: float) -> list[Record]:
    """Count which of two regressors is nearer to the target.

    Parameters
    ----------
    answers : SetAnswers
        What both models say; without targets there is nothing to count.
    confidence_level : float
        Of Wilson's intervals.

    Returns
    -------
    list of dict
        With the keys set, outcome, n_rows, share, low, high.
    """
    if answers.y is None:
        return []
    teacher, student = (_error_size(answers, role) for role in ("teacher", "student"))
    masks = {
        "teacher nearer": teacher < student,
        "student nearer": student < teacher,
        "equally near": teacher == student,
    }
    return outcome_records(answers, masks, confidence_level)


def _error_size(answers: SetAnswers, role: str) -> np.ndarray:
    error = np.abs(np.asarray(answers.y) - answers.said(role))
    return error.reshape(answers.n_rows, -1).mean(axis=1)


def bin_records(
    answers: SetAnswers, *, confidence_level: float, n_resamples: int, seed: int, n_bins: int = 5
) -> list[Record]:
    """Measure two regressors in bins of equal mass of the teacher's value.

    Parameters
    ----------
    answers : SetAnswers
        What both models say; of several outputs the mean is binned.
    confidence_level : float
        Of the bootstrap intervals.
    n_resamples : int
        Bootstrap draws.
    seed : int
        Of the draws.
    n_bins : int, default=5
        Number of bins; fewer where values repeat.

    Returns
    -------
    list of dict
        With the keys set, class (the bin's range of values), n_rows, mean_difference (student minus teacher), low,
        high, mean_absolute_difference, mean_absolute_error_teacher, mean_absolute_error_student.
    """
    weight = answers.unit_weight()
    teacher, student = (answers.said(role).reshape(answers.n_rows, -1).mean(axis=1) for role in ("teacher", "student"))
    cuts = np.unique(weighted_quantiles(teacher, np.arange(1, n_bins) / n_bins, weight))
    place = np.searchsorted(cuts, teacher, side="left")
    rng = np.random.default_rng(seed)
    records = []
    for number in range(len(cuts) + 1):
        rows = (place == number) & (weight > 0)
        if not rows.any():
            continue
        difference = (student - teacher)[rows]
        drawn = bootstrap_means(difference[:, None], weight[rows], n_resamples, rng)
        low, high = percentile_ends(drawn, confidence_level)[0]
        start, stop = teacher[rows].min(), teacher[rows].max()
        record: Record = {
            "set": answers.name,
            "class": f"{start:.4g} to {stop:.4g}",
            "n_rows": int(rows.sum()),
            "mean_difference": float(np.average(difference, weights=weight[rows])),
            "low": low,
            "high": high,
            "mean_absolute_difference": float(np.average(np.abs(difference), weights=weight[rows])),
        }
        for role in ("teacher", "student"):
            error = None if answers.y is None else _error_size(answers, role)[rows]
            mean = None if error is None else float(np.average(error, weights=weight[rows]))
            record[f"mean_absolute_error_{role}"] = mean
        records.append(record)
    return records
