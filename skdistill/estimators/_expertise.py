"""Who is right where: learners fitted outside each fold, what they say there, and whom they could teach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import check_cv

from skdistill._sklearn import num_features, num_samples
from skdistill._validation import weight_params
from skdistill.estimators._alpha import MIN_GAIN_ERRORS
from skdistill.estimators._silos import Learner, Silos
from skdistill.response import ask, row_folds
from skdistill.response._collect import is_frozen
from skdistill.response._crossfit import check_partition
from skdistill.response._folds import row_fingerprint
from skdistill.students import RelabelledClassifier

__all__ = [
    "Answers",
    "Context",
    "Gain",
    "answer",
    "deficiency",
    "fit_and_ask",
    "fit_learner",
    "measure_gain",
    "plan_contexts",
    "proba_of",
]

# Folds that judge students where expertise itself is not measured out of fold.
DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Context:
    """Rows that learners may know of, and rows that they are asked about.

    Parameters
    ----------
    learns : ndarray of shape (n_rows,), bool
        Rows that learners, teachers and virtual rows may come from.
    asked : ndarray of shape (n_asked,)
        Positions of the rows asked about.
    """

    learns: np.ndarray
    asked: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What one learner says of the rows.

    Parameters
    ----------
    right : ndarray of shape (n_rows,), bool
        Whether its most probable class is the label; False where it was not asked.
    told : ndarray of shape (n_rows,)
        Its probability of the label; NaN where it was not asked.
    """

    right: np.ndarray
    told: np.ndarray

    def log_loss(self) -> np.ndarray:
        """Return minus the logarithm of the label's probability, with the floor of sklearn.metrics.log_loss."""
        return -np.log(np.maximum(self.told, np.finfo(np.float64).eps))


@dataclass(frozen=True)
class Gain:
    """What virtual rows changed for a student on rows that it did not learn from.

    Parameters
    ----------
    accuracy : float
        Accuracy after less accuracy before.
    accepted : bool
        Whether the change is an improvement beyond noise.
    """

    accuracy: float
    accepted: bool


def plan_contexts(silos: Silos, cv: Any, *, folds: bool) -> list[Context]:
    """Return the context of all rows and, where wanted, that of every fold.

    Folds go by what rows hold, so that equal rows share one; every silo, and every class in it, is spread evenly.

    Parameters
    ----------
    silos : Silos
        The rows.
    cv : int, splitter, iterable of splits or None
        As `expertise_cv`; None judges students by `DEFAULT_FOLDS` folds.
    folds : bool
        Whether folds are needed.

    Returns
    -------
    list of Context
        All rows first, of which nothing is asked; unless learners are asked about rows that they know (``cv=None``),
        where every context is asked about every row.
    """
    everything = np.ones(silos.n_rows, dtype=bool)
    in_sample = np.arange(silos.n_rows) if cv is None else np.empty(0, dtype=np.intp)
    contexts = [Context(everything, in_sample)]
    if not folds:
        return contexts
    for test in _test_parts(silos, DEFAULT_FOLDS if cv is None else cv):
        learns = everything.copy()
        learns[test] = False
        contexts.append(Context(learns, in_sample if cv is None else test))
    return contexts


def _test_parts(silos: Silos, cv: Any) -> list[np.ndarray]:
    if isinstance(cv, int | np.integer):
        if silos.n_rows < cv:
            raise ValueError(
                f"expertise_cv={cv} needs at least {cv} rows, got n_samples={silos.n_rows}. Lower expertise_cv, or use "
                "expertise_cv=None with accept='always'."
            )
        patterns = np.unique(silos.owns, axis=0, return_inverse=True)[1].ravel()
        classes = np.unique(silos.y, return_inverse=True)[1]
        cells = patterns * (classes.max() + 1) + classes
        # A row and its copies count once, as a row of a greater weight does.
        once = np.unique(row_fingerprint(silos.X), return_index=True)[1]
        strata = next((codes for codes in (cells, classes) if np.bincount(codes[once]).max() >= cv), None)
        assigned = row_folds(
            silos.X,
            classes if strata is None else strata,
            int(cv),
            stratify=strata is not None,
            sample_weight=silos.weight,
        )
        return [np.flatnonzero(assigned == fold) for fold in range(int(cv))]
    number = np.full(silos.n_given, -1)
    number[silos.kept] = np.arange(silos.n_rows)
    if hasattr(cv, "split"):
        parts = [test for _, test in check_cv(cv, silos.y, classifier=True).split(silos.X, silos.y)]
    else:
        # Given splits number the rows as they were handed in.
        parts = [number[test][number[test] >= 0] for _, test in check_cv(cv).split()]
    check_partition([(np.empty(0, dtype=np.intp), test) for test in parts], silos.n_rows)
    return parts


def fit_learner(estimator: Any, X: Any, y: np.ndarray, weight: np.ndarray | None, classes: np.ndarray) -> Any:
    """Fit a clone of a learner.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    X : table of shape (n_rows, n_columns)
        Rows.
    y : ndarray of shape (n_rows,)
        Labels.
    weight : ndarray of shape (n_rows,) or None
        Weights.
    classes : ndarray of shape (n_classes,)
        All classes.

    Returns
    -------
    estimator
        The fitted learner. Whoever saw a single class expects it everywhere, and whoever saw no row all classes alike,
        which a `DummyClassifier` says. A `RelabelledClassifier` translates for XGBoost.
    """
    if is_frozen(estimator):
        return estimator
    if num_samples(X) == 0:
        return DummyClassifier(strategy="prior").fit(np.zeros((len(classes), num_features(X))), classes)
    if (y == y[0]).all():
        return DummyClassifier(strategy="prior").fit(X, y)
    params = weight_params(estimator, weight)
    if not counts_classes(estimator):
        return clone(estimator).fit(X, y, **params)
    seen, codes = np.unique(y, return_inverse=True)
    fitted = clone(estimator).fit(X, codes.ravel(), **params)
    return fitted if np.array_equal(seen, np.arange(len(seen))) else RelabelledClassifier.around(fitted, seen)


def counts_classes(estimator: Any) -> bool:
    """Whether a learner, or the one inside, knows the classes 0 to K - 1 only, as those of XGBoost do."""
    inner = estimator.steps[-1][1] if hasattr(estimator, "steps") else getattr(estimator, "estimator", None)
    return type(estimator).__module__.startswith("xgboost.") or (inner is not None and counts_classes(inner))


def proba_of(model: Any, X: Any, classes: np.ndarray) -> np.ndarray:
    """Ask a fitted learner for distributions over all classes, shape (n_rows, n_classes)."""
    return ask(model, X).align(classes).proba()


def answer(model: Any, X: Any, rows: np.ndarray, codes: np.ndarray, classes: np.ndarray) -> Answers:
    """Ask a fitted learner about some rows.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : table of shape (n_asked, n_columns)
        These rows in the learner's columns.
    rows : ndarray of shape (n_asked,)
        Their positions among all rows.
    codes : ndarray of shape (n_rows,)
        Labels of all rows, as positions in `classes`.
    classes : ndarray of shape (n_classes,)
        All classes.

    Returns
    -------
    Answers
        About all rows.
    """
    right, told = np.zeros(len(codes), dtype=bool), np.full(len(codes), np.nan)
    if len(rows):
        proba = proba_of(model, X, classes)
        right[rows] = proba.argmax(axis=1) == codes[rows]
        told[rows] = proba[np.arange(len(rows)), codes[rows]]
    return Answers(right, told)


def fit_and_ask(
    learner: Learner,
    X: Any,
    y: np.ndarray,
    weight: np.ndarray | None,
    questions: Any,
    asked: np.ndarray,
    codes: np.ndarray,
    classes: np.ndarray,
) -> tuple[Any, Answers]:
    """Fit a learner and ask it about some rows, as `fit_learner` and `answer` do; an error says which learner it is."""
    try:
        model = fit_learner(learner.estimator, X, y, weight, classes)
        return model, answer(model, questions, asked, codes, classes)
    except Exception as error:
        # The learner's own words do not tell which one it is, nor that it saw one fold of one silo. Python 3.10 has no
        # notes.
        if hasattr(error, "add_note"):
            error.add_note(
                f"This is the learner {learner.name!r}, fitted on {len(y)} row(s) of {len(np.unique(y))} class(es) and "
                "asked about others. Where a silo or a fold of it is too small for it, take one that needs fewer rows; "
                "where others have categories that it never saw, let its encoder ignore them."
            )
        raise


def joined(parts: Sequence[tuple[np.ndarray, Answers]]) -> Answers:
    """Put answers about different rows together; each is taken at the positions it comes with."""
    right, told = np.zeros_like(parts[0][1].right), np.full_like(parts[0][1].told, np.nan)
    for rows, part in parts:
        right[rows], told[rows] = part.right[rows], part.told[rows]
    return Answers(right, told)


def deficiency(teacher: Answers, student: Answers, owned: np.ndarray, askable: np.ndarray) -> np.ndarray:
    """Find the rows about which one learner can teach another.

    Parameters
    ----------
    teacher, student : Answers
        What both say of the rows.
    owned : ndarray of shape (n_rows,), bool
        The teacher's own rows, as far as they may be used.
    askable : ndarray of shape (n_rows,), bool
        Rows about which the student can be asked.

    Returns
    -------
    ndarray of shape (n_deficient,)
        Positions of the rows of which the teacher's answer is right and the student's is wrong.
    """
    return np.flatnonzero(owned & askable & teacher.right & ~student.right)


def measure_gain(before: Answers, after: Answers, weight: np.ndarray) -> Gain:
    """Compare a student before and after, row by row, out of fold.

    Parameters
    ----------
    before, after : Answers
        What it says of the rows.
    weight : ndarray of shape (n_rows,)
        Their weights.

    Returns
    -------
    Gain
        Accepted if accuracy gains more than its standard error; or, where accuracy does not fall, if the log-loss
        does.
    """
    rows = ~np.isnan(before.told)
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]] = {
        "accuracy": (after.right[rows].astype(np.float64), before.right[rows].astype(np.float64)),
        "log-loss": (-after.log_loss()[rows], -before.log_loss()[rows]),
    }
    found = {name: _paired(new, old, weight[rows]) for name, (new, old) in pairs.items()}
    gain, error = found["accuracy"]
    surer, surer_error = found["log-loss"]
    better = gain > MIN_GAIN_ERRORS * error
    return Gain(gain, bool(better or (gain >= 0 and surer > MIN_GAIN_ERRORS * surer_error)))


def _paired(new: np.ndarray, old: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return the mean difference, and its standard error if there were none, which one changed row cannot exceed."""
    difference = new - old
    error = np.sqrt(np.average(np.square(difference), weights=weight) / weight.sum())
    return float(np.average(difference, weights=weight)), float(error)


def weighted_accuracy(answers: Answers, weight: np.ndarray) -> float:
    """Return the share of all rows that are answered right; a row that cannot be asked about is not."""
    return float(np.average(answers.right, weights=weight))
