"""The fits behind the curves: every setting on every fold."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_consistent_length, has_fit_parameter

from skdistill._sklearn import num_samples, safe_indexing
from skdistill._validation import as_rows, check_aligned, check_weights, seed_inner
from skdistill.fidelity._answers import SetAnswers, collect_answers
from skdistill.fidelity._calibration import expected_calibration_error
from skdistill.fidelity._metrics import agreement_score, jensen_shannon, predictive_kl
from skdistill.fidelity._refitting._fits import draw_seeds, run_fits, shared_memory
from skdistill.response import row_folds
from skdistill.response._collect import Task
from skdistill.response._crossfit import Splits

__all__ = ["CurveRows", "Variant", "curve_rows", "fit_variants"]

Found = tuple["Variant", int, Mapping[str, Any] | None, str | None]


@dataclass(frozen=True)
class CurveRows:
    """The rows of a curve, and its folds.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Labelled rows.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.
    weight : ndarray of shape (n_rows,) or None
        Weights.
    splits : list of (train, test) index arrays
        The folds.
    task : {"classification", "regression"}
        What is predicted.
    X_teacher : array-like, data frame or sparse matrix or None
        The same rows as the teacher sees them.
    unlabeled : array-like, data frame or sparse matrix or None
        Further rows.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    splits: Splits
    task: Task
    X_teacher: Any = None
    unlabeled: Any = None

    @property
    def n_unlabeled(self) -> int:
        """Number of unlabeled rows."""
        return 0 if self.unlabeled is None else num_samples(self.unlabeled)

    def mean_count(self, value: float) -> int:
        """Return how many rows a setting means, over folds: an int itself, a float as a multiple."""
        if isinstance(value, int):
            return value
        return round(value * float(np.mean([self.n_train(fold) for fold in range(len(self.splits))])))

    def n_train(self, fold: int) -> int:
        """Return the number of training rows with a weight."""
        train = self.splits[fold][0]
        return len(train) if self.weight is None else int((self.weight[train] > 0).sum())

    def fold_weight(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the weights of some rows."""
        return None if self.weight is None else self.weight[rows]


@dataclass(frozen=True)
class Variant:
    """One point of a line.

    Parameters
    ----------
    line : str
        Name of the line.
    x : float
        Where it stands.
    params : dict
        Parameters to set.
    unlabeled : int or float or None
        How many unlabeled rows are handed over, as an int or a multiple; None hands over all that there are.
    """

    line: str
    x: Any
    params: dict[str, Any] = field(default_factory=dict)
    unlabeled: float | None = None


def curve_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, cv: Any, *, X_unlabeled: Any = None, X_teacher: Any = None
) -> CurveRows:
    """Check the rows and make the folds.

    Parameters
    ----------
    estimator : estimator
        Says what the task is.
    X, y, sample_weight, cv, X_unlabeled, X_teacher
        As the user gave them.

    Returns
    -------
    CurveRows
        The rows.
    """
    if y is None:
        raise ValueError("y must hold the labels of the rows, got None. A curve compares held-out accuracy as well.")
    X, y = as_rows(X), np.asarray(y)
    check_consistent_length(X, y)
    weight = check_weights(sample_weight, num_samples(X))
    if X_teacher is not None:
        X_teacher = as_rows(X_teacher)
        check_aligned("X_teacher", X_teacher, num_samples(X))
    classification = is_classifier(estimator)
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        if cv < 2:
            raise ValueError(f"cv must be at least 2, got {cv}. Each fold is judged by students of the others.")
        folds = row_folds(X, y, int(cv), stratify=classification, sample_weight=weight)
        splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(cv)]
    else:
        splits = list(check_cv(cv, y, classifier=classification).split(X, y))
    task: Task = "classification" if classification else "regression"
    unlabeled = None if X_unlabeled is None else as_rows(X_unlabeled)
    return CurveRows(X, y, weight, splits, task, X_teacher, unlabeled)


def fit_variants(
    estimator: Any, rows: CurveRows, variants: Sequence[Variant], *, random_state: Any, n_jobs: int | None, verbose: int
) -> list[Found]:
    """Fit and measure every variant on every fold.

    Parameters
    ----------
    estimator : estimator
        Unfitted; clones are fitted.
    rows : CurveRows
        Rows and folds.
    variants : sequence of Variant
        The points.
    random_state : int, RandomState instance or None
        Seeds what has no seed.
    n_jobs : int or None
        Number of fits at the same time.
    verbose : int
        Above 0 each fit writes a line.

    Returns
    -------
    list of (variant, fold, measured, error)
        In the order of variants, then folds.
    """
    seeds = draw_seeds(random_state, len(rows.splits) + 1)
    order = np.random.RandomState(seeds[-1]).permutation(rows.n_unlabeled)
    # All folds of a variant before the next one, so that parallel fits do not compute the same teacher twice. Variants
    # of several lines that are the same fit are fitted once.
    unique = list({_identity(variant): variant for variant in reversed(variants)}.values())[::-1]
    keys = [(_identity(variant), fold) for variant in unique for fold in range(len(rows.splits))]
    with shared_memory(estimator) as lent:
        jobs = [
            (estimator, {**lent, **variant.params}, rows, fold, _count(variant, rows, fold), order, int(seeds[fold]))
            for variant in unique
            for fold in range(len(rows.splits))
        ]
        names = [f"{v.line}, x={v.x:g}, fold {fold}" for v in unique for fold in range(len(rows.splits))]
        attempts = dict(zip(keys, run_fits(_fit_and_measure, jobs, names, n_jobs=n_jobs, verbose=verbose), strict=True))
    _warn_of_failures([found.error for found in attempts.values() if found.error is not None], len(attempts))
    found = [(v, fold, attempts[_identity(v), fold]) for v in variants for fold in range(len(rows.splits))]
    return [(variant, fold, done.value, done.error) for variant, fold, done in found]


def _identity(variant: Variant) -> tuple[Any, ...]:
    """Tell fits apart: by line, but for those without further rows."""
    return ("no further rows",) if variant.unlabeled == 0 else (variant.line, variant.x)


def _count(variant: Variant, rows: CurveRows, fold: int) -> int | None:
    """Return how many unlabeled rows a fit gets."""
    if variant.unlabeled is None:
        # A sampler's line is about its rows alone.
        return 0 if "sampler" in variant.params else rows.n_unlabeled
    wanted = variant.unlabeled
    return min(wanted if isinstance(wanted, int) else round(wanted * rows.n_train(fold)), rows.n_unlabeled)


def _warn_of_failures(errors: list[str], n_fits: int) -> None:
    if errors:
        warnings.warn(
            f"{len(errors)} of {n_fits} fits failed; the curve's records say why, the first one: {errors[0]}",
            FitFailedWarning,
            stacklevel=5,
        )


def _fit_and_measure(
    estimator: Any, params: dict[str, Any], rows: CurveRows, fold: int, n_unlabeled: int, order: np.ndarray, seed: int
) -> dict[str, Any]:
    train, test = rows.splits[fold]
    # Seeds come before the parameters, so that the same ones go to the same parts whatever is varied.
    model = seed_inner(clone(estimator), np.random.RandomState(seed)).set_params(**params)
    fit_params: dict[str, Any] = {}
    if rows.weight is not None and has_fit_parameter(model, "sample_weight"):
        fit_params["sample_weight"] = rows.weight[train]
    if rows.X_teacher is not None:
        fit_params["X_teacher"] = safe_indexing(rows.X_teacher, train)
    if n_unlabeled:
        fit_params["X_unlabeled"] = safe_indexing(rows.unlabeled, order[:n_unlabeled])
    model.fit(safe_indexing(rows.X, train), rows.y[train], **fit_params)
    answers = collect_answers(
        model.teacher_,
        model,
        f"fold {fold}",
        safe_indexing(rows.X, test),
        rows.y[test],
        sample_weight=rows.fold_weight(test),
        X_teacher=None if rows.X_teacher is None else safe_indexing(rows.X_teacher, test),
    )
    measured = _of_labels(answers) if rows.task == "classification" else _of_values(answers)
    return {**measured, "n_rows": int(getattr(model, "n_synthetic_", 0)) + n_unlabeled}


def _of_labels(answers: SetAnswers) -> dict[str, float]:
    weight: dict[str, Any] = {"sample_weight": answers.weight}
    true, teacher, student = map(np.asarray, (answers.codes_true, answers.codes_teacher, answers.codes_student))
    measured = {
        "agreement": float(agreement_score(teacher, student, **weight)),
        "accuracy_student": float(agreement_score(true, student, **weight)),
        "accuracy_teacher": float(agreement_score(true, teacher, **weight)),
    }
    if answers.proba_student is not None:
        known = np.arange(answers.proba_student.shape[1])
        measured["calibration_error_student"] = float(
            expected_calibration_error(true, answers.proba_student, classes=known, **weight)
        )
    if answers.proba_teacher is not None and answers.proba_student is not None:
        both = (answers.proba_teacher, answers.proba_student)
        measured["predictive_kl"] = float(predictive_kl(*both, **weight))
        measured["jensen_shannon"] = float(jensen_shannon(*both, **weight))
    return measured


def _of_values(answers: SetAnswers) -> dict[str, float]:
    weight = answers.weight
    y, teacher, student = answers.y, answers.values_teacher, answers.values_student
    return {
        "r2_to_teacher": float(r2_score(teacher, student, sample_weight=weight)),
        "mean_absolute_difference": float(mean_absolute_error(teacher, student, sample_weight=weight)),
        "r2_student": float(r2_score(y, student, sample_weight=weight)),
        "r2_teacher": float(r2_score(y, teacher, sample_weight=weight)),
    }
