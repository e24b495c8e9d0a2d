"""Asking teachers about rows that they were not fitted on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skdistill._sklearn import check_method_params, num_samples, safe_indexing
from skdistill.response._collect import Task, ask
from skdistill.response._response import Kind, TeacherResponse

__all__ = ["CrossFit", "Job", "Splits", "collect_out_of_fold", "plan_jobs", "run_jobs"]

Splits = list[tuple[np.ndarray, np.ndarray]]
# Key of the answers that the final student learns from; others are keyed by the fold whose rows stay unseen.
FINAL = -1


@dataclass(frozen=True)
class Job:
    """One fit of the teacher, and whom it answers.

    Parameters
    ----------
    train : ndarray of shape (n_train,)
        Rows it is fitted on.
    asks : tuple of (int, ndarray)
        For which student (FINAL, or the fold held out from a trial's student) it answers about which rows.
    fold : int or None
        The fold of which `train` is the training part, if it is one.
    """

    train: np.ndarray
    asks: tuple[tuple[int, np.ndarray], ...]
    fold: int | None


@dataclass(frozen=True)
class CrossFit:
    """Answers for the final student and for the students of trials.

    Parameters
    ----------
    answers : dict of int to TeacherResponse
        Under FINAL, and under each fold if trials were planned, an answer about every row.
    results : dict of int to object
        What the fitted teachers of the folds did besides.
    """

    answers: dict[int, TeacherResponse]
    results: dict[int, Any]


def plan_jobs(
    splits: Splits, *, trials: bool, in_sample: bool = False, halve: Callable[[np.ndarray], np.ndarray] | None = None
) -> list[Job]:
    """Decide which teachers have to be fitted.

    A student on trial is judged on the labels of one fold. The out-of-fold answers about its training rows come from
    teachers that saw just those labels, which flatters the teacher; so it learns from teachers fitted without that fold
    as well: one teacher per pair of folds serves both.

    Parameters
    ----------
    splits : list of (train, test) index arrays
        The folds.
    trials : bool
        Whether students will be tried fold by fold and judged on labels.
    in_sample : bool, default=False
        Whether teachers answer about their own training rows; then only trials need any fit here.
    halve : callable, default=None
        ``halve(train)`` tells as a mask which training rows are in the first half, where there are two folds only;
        None takes every second one.

    Returns
    -------
    list of Job
        At most one fit per fold and one per pair of folds.
    """
    if in_sample:
        return [Job(train, ((fold, train),), fold) for fold, (train, _) in enumerate(splits)] if trials else []
    jobs = [Job(train, ((FINAL, test),), fold) for fold, (train, test) in enumerate(splits)]
    if not trials:
        return jobs
    if len(splits) > 2:
        for (i, (train_i, test_i)), (j, (train_j, test_j)) in combinations(enumerate(splits), 2):
            jobs.append(Job(np.intersect1d(train_i, train_j), ((j, test_i), (i, test_j)), None))
        return jobs
    for fold, (train, _) in enumerate(splits):
        # Two folds leave nothing outside a pair, so each training part is halved.
        first = np.arange(len(train)) % 2 == 0 if halve is None else halve(train)
        for half in (first, ~first):
            jobs.append(Job(train[half], ((fold, train[~half]),), None))
    return jobs


def run_jobs(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    jobs: list[Job],
    *,
    task: Task,
    classes: np.ndarray | None,
    params: Mapping[str, Any] | None = None,
    then: Callable[[Any, np.ndarray], Any] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> CrossFit:
    """Fit the planned teachers and gather their answers.

    Parameters
    ----------
    teacher, X, y, task, classes, params, n_jobs, verbose
        As in `collect_out_of_fold`.
    jobs : list of Job
        From `plan_jobs`.
    then : callable, default=None
        ``then(fitted_teacher, train)`` is called for the teacher of each fold.

    Returns
    -------
    CrossFit
        Rows that a trial's student never learns from keep the final student's answer.
    """
    done = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_fit_and_ask)(teacher, X, y, job, task, classes, params or {}, then) for job in jobs
    )
    told: dict[int, list[tuple[np.ndarray, TeacherResponse]]] = {}
    for job, (responses, _) in zip(jobs, done, strict=True):
        for (key, rows), response in zip(job.asks, responses, strict=True):
            told.setdefault(key, []).append((rows, response))
    final = _assemble(told.pop(FINAL), num_samples(X), None) if FINAL in told else None
    answers = {key: _assemble(parts, num_samples(X), final) for key, parts in told.items()}
    if final is not None:
        answers[FINAL] = final
    return CrossFit(
        answers, {job.fold: result for job, (_, result) in zip(jobs, done, strict=True) if job.fold is not None}
    )


def _assemble(
    parts: list[tuple[np.ndarray, TeacherResponse]], n_rows: int, base: TeacherResponse | None
) -> TeacherResponse:
    everything = [response for _, response in parts] + ([] if base is None else [base])
    kinds = {response.kind for response in everything}
    # A teacher that never saw some class answers in probabilities, so the others have to follow.
    kind: Kind = kinds.pop() if len(kinds) == 1 else "proba"

    def values_of(response: TeacherResponse) -> np.ndarray:
        return response.values if response.kind == kind else response.proba()

    first = values_of(parts[0][1])
    values = values_of(base).copy() if base is not None else _blank(kind, n_rows, first)
    for rows, response in parts:
        values[rows] = values_of(response)
    return TeacherResponse(kind, values, parts[0][1].classes, parts[0][1].method)


def _blank(kind: Kind, n_rows: int, like: np.ndarray) -> np.ndarray:
    """Return an answer that is valid for rows nobody is asked about."""
    fill = 1.0 / like.shape[1] if kind == "proba" else 0.0
    return np.full((n_rows, *like.shape[1:]), fill)


def _fit_and_ask(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    job: Job,
    task: Task,
    classes: np.ndarray | None,
    params: Mapping[str, Any],
    then: Callable[[Any, np.ndarray], Any] | None,
) -> tuple[list[TeacherResponse], Any]:
    seen = np.unique(y[job.train]) if task == "classification" else None
    if seen is not None and len(seen) == 1:
        # Nothing to tell apart: whoever saw a single class expects it everywhere.
        return [_single_class(seen, len(rows), classes) for _, rows in job.asks], None
    cut = check_method_params(X, params=params, indices=job.train)
    fitted = clone(teacher).fit(safe_indexing(X, job.train), y[job.train], **cut)
    responses = []
    for _, rows in job.asks:
        answer = ask(fitted, safe_indexing(X, rows), task=task, classes=seen)
        responses.append(answer if classes is None else answer.align(classes))
    return responses, then(fitted, job.train) if then is not None and job.fold is not None else None


def _single_class(seen: np.ndarray, n_rows: int, classes: np.ndarray | None) -> TeacherResponse:
    answer = TeacherResponse("proba", np.ones((n_rows, 1)), seen, "predict_proba")
    return answer if classes is None else answer.align(classes)


def collect_out_of_fold(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    splits: Splits,
    *,
    task: Task = "classification",
    classes: np.ndarray | None = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> TeacherResponse:
    """Ask, about each row, a teacher that was not fitted on it.

    Parameters
    ----------
    teacher : estimator
        Unfitted; a clone is fitted for every split.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows in the teacher's own columns.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets.
    splits : list of (train, test) index arrays
        Each row stands in exactly one test part.
    task : {"classification", "regression"}, default="classification"
        Whether probabilities or values are asked for.
    classes : ndarray of shape (n_classes,), default=None
        Order of the answer's columns; None takes the sorted values of `y`. A class that a split's training part lacks
        gets probability 0 from that split.
    params : mapping, default=None
        Fit parameters of the teacher; those with a value per row are cut to the training part.
    n_jobs : int, default=None
        Number of splits fitted at the same time.
    verbose : int, default=0
        Verbosity of joblib.

    Returns
    -------
    TeacherResponse
        One row for each row of X.

    Raises
    ------
    ValueError
        If the test parts do not cover every row exactly once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.response import collect_out_of_fold
    >>> X, y = load_iris(return_X_y=True)
    >>> even = np.arange(150) % 2 == 0
    >>> splits = [(np.flatnonzero(even), np.flatnonzero(~even)), (np.flatnonzero(~even), np.flatnonzero(even))]
    >>> collect_out_of_fold(LogisticRegression(max_iter=500), X, y, splits).values.shape
    (150, 3)
    """
    check_partition(splits, num_samples(X))
    wanted = np.unique(y) if task == "classification" and classes is None else classes
    jobs = plan_jobs(splits, trials=False)
    fitted = run_jobs(teacher, X, y, jobs, task=task, classes=wanted, params=params, n_jobs=n_jobs, verbose=verbose)
    return fitted.answers[FINAL]


def check_partition(splits: Splits, n_rows: int) -> None:
    """Refuse splits that do not ask about every row exactly once."""
    asked = np.zeros(n_rows, dtype=np.intp)
    for _, test in splits:
        asked[test] += 1
    if (asked != 1).any():
        raise ValueError(
            "cv must put every row into exactly one test part, but "
            f"{int((asked != 1).sum())} of {n_rows} rows stand in none or in several. Use KFold or StratifiedKFold, "
            "not a repeated, shuffled or time-ordered split."
        )
