"""The tables of a fidelity report, as records: what is measured on one set of rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._calibration import expected_calibration_error
from skdistill.fidelity._estimates import (
    bootstrap_means,
    effective_rows,
    paired_interval,
    percentile_ends,
    wilson_interval,
)
from skdistill.fidelity._metrics import (
    STUDENT_FLOOR,
    agreement_bounds,
    brier_rows,
    cross_entropy_rows,
    kl_rows,
    total_variation_rows,
)

__all__ = [
    "OUTCOMES",
    "chance_agreement",
    "class_records",
    "error_records",
    "metric_records",
    "outcome_records",
]

Record = dict[str, Any]
# So many resampled tables are held at a time.
BLOCK = 64

OUTCOMES = ("both right", "lost", "gained", "both wrong alike", "both wrong differently")


def metric_records(answers: SetAnswers, *, confidence_level: float, n_resamples: int, seed: int) -> list[Record]:
    """Measure one set of rows of a classification.

    Shares have Wilson's interval, the difference of two shares Bonett's and Price's; means over rows have the
    percentiles of a bootstrap of rows. The calibration errors have none, because their plain estimate is biased upwards
    and a bootstrap of it more so.

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
    weight, n_effective = answers.unit_weight(), effective_rows(answers.weight, answers.n_rows)
    rng = np.random.default_rng(seed)

    def share(hits: np.ndarray) -> tuple[float, float, float]:
        value = float(np.average(hits, weights=weight))
        low, high = wilson_interval(value, n_effective, confidence_level)
        return value, float(low), float(high)

    found: dict[str, tuple[float, float | None, float | None]] = {}
    found["agreement"] = share(answers.disagreement() == 0)
    if answers.codes_true is not None:
        right = {"teacher": answers.right("teacher"), "student": answers.right("student")}
        accuracy = {role: share(hits) for role, hits in right.items()}
        lower, upper = agreement_bounds(accuracy["teacher"][0], accuracy["student"][0])
        found["agreement_lower_bound"] = (float(lower), None, None)
        found["agreement_upper_bound"] = (float(upper), None, None)
    found.update(_against_chance(answers, n_effective, confidence_level, n_resamples, rng))
    columns = _row_values(answers)
    if columns:
        values = np.column_stack(list(columns.values()))
        means = np.average(values, axis=0, weights=weight)
        drawn = bootstrap_means(values, answers.weight, n_resamples, rng)
        ends = percentile_ends(drawn, confidence_level)
        found.update({name: (float(means[i]), *ends[i]) for i, name in enumerate(columns)})
    if answers.codes_true is not None:
        found.update({f"accuracy_{role}": value for role, value in accuracy.items()})
        found["accuracy_difference"] = _accuracy_difference(right, weight, n_effective, confidence_level)
    for name, value in _calibration_errors(answers).items():
        found[name] = (value, None, None)
    return [_record(answers, name, found[name]) for name in METRICS if name in found]


METRICS = (
    "agreement",
    "agreement_lower_bound",
    "agreement_upper_bound",
    "agreement_by_chance",
    "agreement_over_chance",
    "jensen_shannon",
    "predictive_kl",
    "total_variation",
    "brier_distance",
    "log_loss_soft",
    "calibration_error_to_teacher",
    "accuracy_teacher",
    "accuracy_student",
    "accuracy_difference",
    "log_loss_teacher",
    "log_loss_student",
    "calibration_error_teacher",
    "calibration_error_student",
)


def _record(answers: SetAnswers, metric: str, found: tuple[float, float | None, float | None]) -> Record:
    value, low, high = found
    return {
        "set": answers.name,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "n_rows": answers.n_rows,
    }


def _row_values(answers: SetAnswers) -> dict[str, np.ndarray]:
    """Collect what has one value per row and is reported as a mean."""
    columns: dict[str, np.ndarray] = {}
    teacher, student = answers.proba_teacher, answers.proba_student
    if teacher is not None and student is not None:
        divergence = answers.divergence()
        columns["jensen_shannon"] = np.zeros(answers.n_rows) if divergence is None else divergence
        columns["predictive_kl"] = kl_rows(teacher, student)
        columns["total_variation"] = total_variation_rows(teacher, student)
        columns["brier_distance"] = brier_rows(teacher, student)
        columns["log_loss_soft"] = cross_entropy_rows(teacher, student)
    if answers.codes_true is not None:
        for role, proba in (("teacher", teacher), ("student", student)):
            if proba is not None:
                given = proba[np.arange(answers.n_rows), answers.codes_true]
                columns[f"log_loss_{role}"] = -np.log(np.maximum(given, STUDENT_FLOOR))
    return columns


def _accuracy_difference(
    right: dict[str, np.ndarray], weight: np.ndarray, n_effective: float, confidence_level: float
) -> tuple[float, float | None, float | None]:
    lost, gained = (
        float(np.average(right[one] & ~right[other], weights=weight))
        for one, other in (("teacher", "student"), ("student", "teacher"))
    )
    if n_effective <= 1:
        return gained - lost, None, None
    return gained - lost, *paired_interval(lost, gained, n_effective, confidence_level)


def _calibration_errors(answers: SetAnswers) -> dict[str, float]:
    found: dict[str, float] = {}
    truth, weight, classes = answers.codes_true, answers.weight, np.arange(len(np.asarray(answers.classes)))
    if answers.proba_teacher is not None and answers.proba_student is not None:
        found["calibration_error_to_teacher"] = float(
            expected_calibration_error(answers.proba_teacher, answers.proba_student, sample_weight=weight)
        )
    for role in ("teacher", "student"):
        proba = getattr(answers, f"proba_{role}")
        if truth is not None and proba is not None:
            error = expected_calibration_error(truth, proba, classes=classes, sample_weight=weight)
            found[f"calibration_error_{role}"] = float(error)
    return found


# What two models would agree on without knowing of each other.


def chance_agreement(counts: np.ndarray, cells: np.ndarray, n_classes: int) -> np.ndarray:
    """Agreement of two models that err independently of each other.

    ``sum_c p(c) sum_k p(teacher says k | c) p(student says k | c)`` over the true classes c; without labels c is a
    single class, and this is the chance term of Cohen's kappa.

    Parameters
    ----------
    counts : ndarray of shape (n_tables, n_cells)
        Counts of each combination of true class, teacher's label and student's label.
    cells : ndarray of shape (n_cells, 3)
        The combinations.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_tables,)
        In [0, 1].

    References
    ----------
    Cohen: A Coefficient of Agreement for Nominal Scales, Educational and Psychological Measurement 20, 1960.
    """
    by_teacher, by_student = (cells[:, 0] * n_classes + cells[:, said] for said in (1, 2))
    # Of all pairs of class and label only those count that both models have; among many classes they are few.
    pairs = np.intersect1d(by_teacher, by_student)

    def totals(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        cell, column = np.flatnonzero(np.isin(keys, wanted)), np.searchsorted(wanted, keys[np.isin(keys, wanted)])
        return counts @ sparse.csr_array((np.ones(len(cell)), (cell, column)), shape=(len(cells), len(wanted)))

    by_class = totals(cells[:, 0], np.arange(n_classes))[:, pairs // n_classes]
    both = totals(by_teacher, pairs) * totals(by_student, pairs)
    return np.divide(both, by_class, out=np.zeros_like(both), where=by_class > 0).sum(axis=1) / counts.sum(axis=1)


def _against_chance(
    answers: SetAnswers, n_effective: float, confidence_level: float, n_resamples: int, rng: np.random.Generator
) -> Iterator[tuple[str, tuple[float, float | None, float | None]]]:
    """Yield the agreement by chance and what exceeds it; rows are drawn anew as counts of their combinations."""
    n_classes = len(np.asarray(answers.classes))
    truth = np.zeros(answers.n_rows, dtype=np.intp) if answers.codes_true is None else answers.codes_true
    combined = (truth * n_classes + answers.said("teacher")) * n_classes + answers.said("student")
    keys, place = np.unique(combined, return_inverse=True)
    weight = answers.unit_weight()
    mass = np.bincount(place.reshape(-1), weights=weight / weight.max())
    cells = np.column_stack([keys // n_classes**2, keys // n_classes % n_classes, keys % n_classes])
    same = (cells[:, 1] == cells[:, 2]).astype(np.float64)

    chance = float(chance_agreement(mass[None, :], cells, n_classes)[0])
    over = float(mass @ same / mass.sum()) - chance
    drawn_over = []
    for start in range(0, n_resamples, BLOCK):
        size = min(BLOCK, n_resamples - start)
        drawn = rng.multinomial(max(1, round(n_effective)), mass / mass.sum(), size=size).astype(np.float64)
        drawn_over.append(drawn @ same / drawn.sum(axis=1) - chance_agreement(drawn, cells, n_classes))
    yield "agreement_by_chance", (chance, None, None)
    yield "agreement_over_chance", (over, *percentile_ends(np.concatenate(drawn_over)[:, None], confidence_level)[0])


# Who is right, and on which classes.


def error_records(answers: SetAnswers, *, confidence_level: float) -> list[Record]:
    """Count who is right.

    Parameters
    ----------
    answers : SetAnswers
        What both models say; without labels there is nothing to count.
    confidence_level : float
        Of Wilson's intervals.

    Returns
    -------
    list of dict
        With the keys set, outcome, n_rows, share, low, high; one for each of `OUTCOMES`.
    """
    if answers.codes_true is None:
        return []
    teacher, student = answers.right("teacher"), answers.right("student")
    alike = answers.disagreement() == 0
    masks = (teacher & student, teacher & ~student, ~teacher & student, ~teacher & alike, ~teacher & ~student & ~alike)
    return outcome_records(answers, dict(zip(OUTCOMES, masks, strict=True)), confidence_level)


def outcome_records(answers: SetAnswers, masks: dict[str, np.ndarray], confidence_level: float) -> list[Record]:
    """Give the share of the rows in each mask, with Wilson's interval."""
    weight, n_effective = answers.unit_weight(), effective_rows(answers.weight, answers.n_rows)
    records = []
    for outcome, mask in masks.items():
        share = float(np.average(mask, weights=weight))
        low, high = wilson_interval(share, n_effective, confidence_level)
        found = {"n_rows": int(mask.sum()), "share": share, "low": float(low), "high": float(high)}
        records.append({"set": answers.name, "outcome": outcome, **found})
    return records


def class_records(answers: SetAnswers, *, confidence_level: float) -> list[Record]:
    """Measure one class after the other: the rows of the true class, or, without labels, of the teacher's label.

    Parameters
    ----------
    answers : SetAnswers
        What both models say.
    confidence_level : float
        Of Wilson's intervals.

    Returns
    -------
    list of dict
        With the keys set, class, n_rows, agreement, low, high, recall_teacher, recall_student, mass_teacher,
        mass_student (the mean probability of the class over all rows; shares of the labels where there are no
        probabilities) and jensen_shannon. A class without rows has None for what needs rows.
    """
    weight, divergence = answers.unit_weight(), answers.divergence()
    alike = answers.disagreement() == 0
    by = answers.said("teacher") if answers.codes_true is None else answers.codes_true
    records = []
    for code, label in enumerate(np.asarray(answers.classes).tolist()):
        rows = (by == code) & (weight > 0)
        record: Record = {"set": answers.name, "class": label, "n_rows": int(rows.sum())}
        record.update(dict.fromkeys(("agreement", "low", "high", "recall_teacher", "recall_student"), None))
        if rows.any():
            own = weight[rows]
            share = float(np.average(alike[rows], weights=own))
            low, high = wilson_interval(share, effective_rows(own, len(own)), confidence_level)
            record.update(agreement=share, low=float(low), high=float(high))
            if answers.codes_true is not None:
                for role in ("teacher", "student"):
                    record[f"recall_{role}"] = float(np.average(answers.right(role)[rows], weights=own))
        for role in ("teacher", "student"):
            proba = getattr(answers, f"proba_{role}")
            given = answers.said(role) == code if proba is None else proba[:, code]
            record[f"mass_{role}"] = float(np.average(given, weights=weight))
        record["jensen_shannon"] = None
        if divergence is not None and rows.any():
            record["jensen_shannon"] = float(np.average(divergence[rows], weights=weight[rows]))
        records.append(record)
    return records
