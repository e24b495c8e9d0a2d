"""Tables behind the reliability pictures: rows in bins of what the student says."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._checks import check_positive_int
from skdistill.fidelity._differences import weighted_quantiles
from skdistill.fidelity._estimates import effective_rows, wilson_interval
from skdistill.fidelity._tables import metric_records

__all__ = ["SPREAD", "Table", "bin_edges", "bounds_table", "bounds_table_of", "reliability_table", "row_values"]

Table = dict[str, np.ndarray]

# The teacher's spread within a bin: the middle 80 % of its rows.
SPREAD = (0.1, 0.9)
BOUND_METRICS = {
    "agreement_lower_bound": "bound_low",
    "agreement_upper_bound": "bound_high",
    "agreement_by_chance": "by_chance",
    "accuracy_teacher": "accuracy_teacher",
    "accuracy_student": "accuracy_student",
}


def row_values(answers: SetAnswers, label: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return what is compared row by row: the student's, the teacher's and the true value.

    Parameters
    ----------
    answers : SetAnswers
        What both models say.
    label : object, default=None
        A class, or the position of an output. None takes the student's top class of each row; with several outputs
        all of them, each centred and scaled by the teacher's mean and standard deviation.

    Returns
    -------
    tuple of ndarray of shape (n_rows,) or (n_rows * n_outputs,)
        Student, teacher, truth; the truth is None where it is not known.

    Raises
    ------
    ValueError
        If there are no probabilities, or no such class or output.
    """
    if answers.task == "regression":
        return _regression_values(answers, label)
    teacher, student = answers.proba_teacher, answers.proba_student
    if teacher is None or student is None:
        without = "teacher" if teacher is None else "student"
        raise ValueError(
            f'kind="reliability" compares probabilities, and the {without} gives none. Use kind="bounds", which needs '
            "labels only, or a model with predict_proba."
        )
    rows = np.arange(answers.n_rows)
    codes = student.argmax(axis=1) if label is None else np.full(answers.n_rows, _code_of(answers, label))
    truth = None if answers.codes_true is None else (answers.codes_true == codes).astype(np.float64)
    return student[rows, codes], teacher[rows, codes], truth


def _code_of(answers: SetAnswers, label: Any) -> int:
    known = np.asarray(answers.classes).tolist()
    if label not in known:
        raise ValueError(
            f"label must be one of the classes {known}, got {label!r}. None takes the student's top class."
        )
    return known.index(label)


def _regression_values(answers: SetAnswers, label: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    parts = [answers.values_student, answers.values_teacher, answers.y]
    columns = [None if part is None else np.asarray(part).reshape(answers.n_rows, -1) for part in parts]
    teacher = np.asarray(columns[1])
    n_outputs = teacher.shape[1]
    if label is not None:
        if not isinstance(label, int | np.integer) or not 0 <= label < n_outputs:
            raise ValueError(
                f"label must be the position of an output, 0 to {n_outputs - 1}, got {label!r}. None takes all of them."
            )
        chosen = slice(int(label), int(label) + 1)
        columns = [None if part is None else part[:, chosen] for part in columns]
    elif n_outputs > 1:
        spread = teacher.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        columns = [None if part is None else (part - teacher.mean(axis=0)) / scale for part in columns]
    student, given, truth = (None if part is None else part.ravel() for part in columns)
    return np.asarray(student), np.asarray(given), truth


def bin_edges(
    values: np.ndarray, n_bins: int, strategy: str, limits: tuple[float, float], weight: np.ndarray
) -> np.ndarray:
    """Return the ends of bins, ascending; quantiles that coincide make fewer bins.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        What is binned.
    n_bins : int
        The most bins.
    strategy : {"uniform", "quantile"}
        Bins of one width between the limits, or of about the same weight.
    limits : tuple of float
        Outer ends.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    ndarray of shape (n_edges,)
        At least two.
    """
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f'strategy must be "uniform" or "quantile", got {strategy!r}. Choose one of them.')
    # Divided, not spaced by a step: an end is then the float that its decimal is read as.
    inner = np.arange(1, check_positive_int(n_bins, "n_bins")) / n_bins
    if strategy == "uniform":
        inner = limits[0] + inner * (limits[1] - limits[0])
    else:
        inner = weighted_quantiles(values, inner, weight)
        inner = inner[inner < values[weight > 0].max()]
    inner = np.unique(inner[(inner > limits[0]) & (inner < limits[1])])
    return np.concatenate([[limits[0]], inner, [limits[1]]])


def reliability_table(
    answers: SetAnswers,
    *,
    label: Any = None,
    n_bins: int = 10,
    strategy: str = "uniform",
    confidence_level: float = 0.95,
) -> Table:
    """Average the teacher, and the truth where it is known, in bins of the student.

    Parameters
    ----------
    answers : SetAnswers
        What both models say.
    label : object, default=None
        As in `row_values`.
    n_bins : int, default=10
        The most bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        How bins are cut. As in `reliability_curve` they are closed on the right.
    confidence_level : float, default=0.95
        Of the interval of the observed frequency (Wilson) or mean (normal).

    Returns
    -------
    dict of str to ndarray of shape (n_bins_with_rows,)
        With the keys bin_low, bin_high, n_rows, share, student, teacher, teacher_low, teacher_high (quantiles 0.1 and
        0.9) and, where the truth is known, observed, observed_low, observed_high.
    """
    student, teacher, truth = row_values(answers, label)
    weight = np.repeat(answers.unit_weight(), len(student) // answers.n_rows)
    limits = (0.0, 1.0) if answers.task == "classification" else (float(student.min()), float(student.max()))
    edges = bin_edges(student, n_bins, strategy, limits, weight)
    place = np.searchsorted(edges[1:-1], student, side="left")
    rows = []
    for at in np.unique(place[weight > 0]).tolist():
        inside = (place == at) & (weight > 0)
        own = weight[inside]
        low, high = weighted_quantiles(teacher[inside], SPREAD, own)
        row = {
            "bin_low": edges[at],
            "bin_high": edges[at + 1],
            "n_rows": int(inside.sum()),
            "share": own.sum() / weight.sum(),
            "student": np.average(student[inside], weights=own),
            "teacher": np.average(teacher[inside], weights=own),
            "teacher_low": low,
            "teacher_high": high,
        }
        if truth is not None:
            row.update(_observed(truth[inside], own, answers.task, confidence_level))
        rows.append(row)
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def _observed(truth: np.ndarray, weight: np.ndarray, task: str, confidence_level: float) -> dict[str, float]:
    mean, n_effective = float(np.average(truth, weights=weight)), effective_rows(weight, len(truth))
    if task == "classification":
        # A weighted mean of ones may exceed one by rounding.
        low, high = wilson_interval(min(mean, 1.0), n_effective, confidence_level)
    else:
        # One row has no spread, and its interval is not known.
        variance = np.average((truth - mean) ** 2, weights=weight)
        half = ndtri((1 + confidence_level) / 2) * np.sqrt(variance / (n_effective - 1)) if n_effective > 1 else np.nan
        low, high = mean - half, mean + half
    return {"observed": mean, "observed_low": float(low), "observed_high": float(high)}


def bounds_table(sets: list[SetAnswers], *, confidence_level: float = 0.95) -> Table:
    """Measure the agreement on each set beside what accuracies and chance allow.

    Parameters
    ----------
    sets : list of SetAnswers
        What both models say.
    confidence_level : float, default=0.95
        Of Wilson's interval of the agreement.

    Returns
    -------
    dict of str to ndarray of shape (n_sets,)
        With the keys set, n_rows, agreement, low, high, bound_low, bound_high, by_chance, accuracy_teacher,
        accuracy_student; NaN for what needs labels where there are none.
    """
    records = []
    for answers in sets:
        # None of the columns that are kept comes from draws.
        records += metric_records(answers, confidence_level=confidence_level, n_resamples=1, seed=0)
    return bounds_table_of(records)


def bounds_table_of(records: list[dict[str, Any]]) -> Table:
    """Take the table of bounds from a report's metric records."""
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        row = rows.setdefault(record["set"], {"set": record["set"], "n_rows": record["n_rows"]})
        if record["metric"] == "agreement":
            row.update(agreement=record["value"], low=record["low"], high=record["high"])
        elif record["metric"] in BOUND_METRICS:
            row[BOUND_METRICS[record["metric"]]] = record["value"]
    table: Table = {"set": np.array(list(rows), dtype=object), "n_rows": np.array([r["n_rows"] for r in rows.values()])}
    for key in ("agreement", "low", "high", *BOUND_METRICS.values()):
        found = [row.get(key) for row in rows.values()]
        table[key] = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    return table
