"""Controls: what agreement is worth, measured on students of other teachers and of none."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdistill._optional import import_optional
from skdistill._sklearn import num_samples, safe_indexing
from skdistill._validation import as_rows, check_aligned, check_same_columns, check_weights
from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._checks import check_fraction, check_positive_int
from skdistill.fidelity._models import readable
from skdistill.fidelity._refitting._control_fits import Case, fit_and_score, other_teachers, row_scores
from skdistill.fidelity._refitting._fits import Attempt, draw_seeds, run_fits, shared_memory
from skdistill.fidelity._refitting._recipes import DistilledRecipe, Recipe, find_recipe
from skdistill.fidelity._refitting._refits import TrainingRows
from skdistill.fidelity._refitting._spread import mean_over_fits

__all__ = ["CONTROLS", "ControlResult", "run_controls"]

CONTROLS = ("student again", "independent teacher", "hard labels", "teacher again")
OF_OTHER_TEACHERS = ("independent teacher", "teacher again")
MEASURED = ("agreement", "low", "high", "jensen_shannon", "accuracy")
SUMMARY = (
    "control",
    "n_fits",
    "n_failed",
    "agreement",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "jensen_shannon",
    "accuracy",
    "error",
)
ROUNDING = 1e-9
Record = dict[str, Any]


@dataclass(frozen=True)
class ControlResult:
    """How the controls agree with the teacher, beside the student.

    Parameters
    ----------
    set : str
        Name of the rows judged on.
    metric : {"agreement", "r2_to_teacher"}
        What stands under "agreement": for values it is R^2 against the teacher's.
    agreement, low, high : float
        This student's, with an interval over rows; no ends for an R^2 on a single row.
    confidence_level : float
        Of all intervals.
    independent : {"seed", "bootstrap"} or None
        How independent teachers were made; None if none could be.
    summary : list of dict
        One record per control: control, n_fits, n_failed, agreement, low, high, difference, difference_low,
        difference_high, jensen_shannon, accuracy, error. What there is no number for is None.
    fits : list of dict
        One record per fit: control, repeat, agreement, low, high, jensen_shannon, accuracy, error.
    notes : tuple of str
        What a reader must know.
    """

    set: str
    metric: Literal["agreement", "r2_to_teacher"]
    agreement: float
    low: float | None
    high: float | None
    confidence_level: float
    independent: str | None
    summary: list[Record]
    fits: list[Record]
    notes: tuple[str, ...]

    def frame(self) -> Any:
        """Return the summary as a table.

        Returns
        -------
        pandas.DataFrame
            One row per control.
        """
        return import_optional("pandas", caller="ControlResult.frame", extra="plot").DataFrame(self.summary)


def run_controls(
    teacher: Any,
    student: Any,
    X: Any,
    y: Any,
    answers: SetAnswers,
    *,
    sample_weight: Any = None,
    X_teacher: Any = None,
    X_unlabeled: Any = None,
    distill: Callable[..., Any] | None = None,
    independent: str = "auto",
    n_repeats: int = 3,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> ControlResult:
    """Fit the controls without which agreement proves nothing about this teacher, and measure them.

    Two accurate models agree often, whoever taught them. Four controls say how often:

    - "student again": the student distilled again from the same teacher with another seed;
    - "independent teacher": the student distilled in the same way from a teacher like the teacher but of other
      randomness, and compared with the teacher itself;
    - "hard labels": the student's learner fitted on y alone;
    - "teacher again": that other teacher itself, compared with the teacher.

    A student with the parameters `teacher` and `student`, also inside a pipeline or a search (which is not repeated),
    is cloned and fitted with the teacher in question; any other one is fitted on the labels that the teacher gives.
    A student's learner that refuses the labels as they are is fitted through the distilled estimator with alpha = 0.

    The interval of a difference takes the judged rows (pairwise, row by row) and the repeated fits of the control as
    its two sources of variation: variance = (variance over rows of the mean difference over fits) / n_rows + (variance
    over fits of the mean difference over rows) / n_fits, Student's t with Welch's and Satterthwaite's degrees of
    freedom. It speaks of this one fitted student. With a single fit the second part is unknown and left out, which
    the notes say.

    Parameters
    ----------
    teacher, student : estimator
        The fitted models; they are not changed.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Training rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Their labels or targets.
    answers : SetAnswers
        What both models say about the rows to judge on, which should be held out.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the training rows.
    X_teacher : array-like, data frame or sparse matrix, default=None
        The training rows as the teacher sees them.
    X_unlabeled : array-like, data frame or sparse matrix of shape (n_unlabeled, n_features), default=None
        Further rows that the student learnt from; a callable `distill` sees to its own.
    distill : callable, default=None
        ``distill(teacher, X, y)`` gives a fitted student; it gets a `random_state` too if it has that parameter. None
        finds a way as said above.
    independent : {"auto", "seed", "bootstrap"}, default="auto"
        How another teacher is made: a clone with new seeds, or one fitted on rows drawn with replacement (class by
        class) as well. "auto" takes seeds if two such teachers really answer differently, else the bootstrap.
    n_repeats : int, default=3
        Fits of each control.
    confidence_level : float, default=0.95
        Of all intervals.
    n_jobs : int, default=None
        Number of fits at the same time. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds all fits.
    verbose : int, default=0
        Above 0 each fit writes a line to the standard error stream.

    Returns
    -------
    ControlResult
        A fit that fails, or cannot be made, is reported in its row.

    Raises
    ------
    ValueError
        If the rows, y and weights do not belong together, or a setting is not as described.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, section 3 and appendix.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.fidelity._answers import collect_answers
    >>> from skdistill.fidelity._refitting._controls import run_controls
    >>> X, y = load_iris(return_X_y=True)
    >>> train, test = slice(0, None, 2), slice(1, None, 2)
    >>> forest = RandomForestClassifier(5, random_state=0).fit(X[train], y[train])
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X[train], forest.predict(X[train]))
    >>> answers = collect_answers(forest, tree, "test", X[test], y[test])
    >>> result = run_controls(forest, tree, X[train], y[train], answers, random_state=0)
    >>> [record["control"] for record in result.summary]
    ['student again', 'independent teacher', 'hard labels', 'teacher again']
    """
    _check_settings(independent, distill)
    n_repeats, level = check_positive_int(n_repeats, "n_repeats"), check_fraction(confidence_level, "confidence_level")
    rows = _training_rows(X, y, sample_weight, X_teacher, X_unlabeled, answers)
    teacher = readable(teacher, "teacher")
    seeds = draw_seeds(random_state, (4, max(2, n_repeats)))
    recipe = find_recipe(student, teacher, distill)
    case = Case(teacher, recipe, rows, answers, seeds)
    others, mode = other_teachers(case, independent, n_repeats, n_jobs, verbose)
    jobs = [
        (case, control, r, mode, others[r] if control in OF_OTHER_TEACHERS else None)
        for control in CONTROLS
        for r in range(n_repeats)
    ]
    names = [f"{control}, repeat {r + 1} of {n_repeats}" for control in CONTROLS for r in range(n_repeats)]
    with _teacher_once(recipe):
        done = run_fits(fit_and_score, jobs, names, n_jobs=n_jobs, verbose=verbose)
    by_control = {control: done[k * n_repeats : (k + 1) * n_repeats] for k, control in enumerate(CONTROLS)}
    return _result(case, by_control, mode, level)


def _check_settings(independent: Any, distill: Any) -> None:
    if independent not in ("auto", "seed", "bootstrap"):
        raise ValueError(
            f"independent must be 'auto', 'seed' or 'bootstrap', got {independent!r}. Leave it at 'auto' if in doubt."
        )
    if distill is not None and not callable(distill):
        raise TypeError(
            f"distill must be a callable distill(teacher, X, y) that gives a fitted student, got "
            f"{type(distill).__name__}. Leave it out for a distilled estimator."
        )


def _training_rows(
    X: Any, y: Any, sample_weight: Any, X_teacher: Any, X_unlabeled: Any, answers: SetAnswers
) -> TrainingRows:
    if y is None:
        raise ValueError("y must hold the labels of the training rows, got None. The controls are fitted on them.")
    X, y = as_rows(X), np.asarray(y)
    check_consistent_length(X, y)
    weight = check_weights(sample_weight, num_samples(X))
    if X_teacher is not None:
        X_teacher = as_rows(X_teacher)
        check_aligned("X_teacher", X_teacher, num_samples(X))
    if weight is not None and not weight.all():
        kept = np.flatnonzero(weight)
        X, y, weight = safe_indexing(X, kept), y[kept], weight[kept]
        X_teacher = None if X_teacher is None else safe_indexing(X_teacher, kept)
    if X_unlabeled is not None:
        X_unlabeled = as_rows(X_unlabeled)
        check_same_columns("X_unlabeled", X_unlabeled, X)
    return TrainingRows(X, y, weight, X_teacher, answers.task, X_unlabeled)


@contextmanager
def _teacher_once(recipe: Recipe) -> Iterator[None]:
    """Let repeated distillations from the same teacher share its fits, where there are any."""
    if not isinstance(recipe, DistilledRecipe):
        yield
        return
    with shared_memory(recipe.distiller) as lent:
        recipe.lent = lent
        try:
            yield
        finally:
            recipe.lent = {}


# The result.


def _result(case: Case, done: Mapping[str, list[Attempt]], mode: str, level: float) -> ControlResult:
    answers = case.answers
    own, weight, share = row_scores(answers), answers.unit_weight(), answers.task == "classification"
    spread = mean_over_fits(own[None], weight)
    low, high = spread.level_interval(level, share)
    summary = [_summary_record(name, attempts, own, weight, level, share) for name, attempts in done.items()]
    fits = [
        _fit_record(control, repeat, found, weight, level, share)
        for control, attempts in done.items()
        for repeat, found in enumerate(attempts)
        if found.possible
    ]
    return ControlResult(
        set=answers.name,
        metric="agreement" if share else "r2_to_teacher",
        agreement=spread.value,
        low=low,
        high=high,
        confidence_level=level,
        independent=mode if _any_other_teacher(done) else None,
        summary=summary,
        fits=fits,
        notes=_notes(case, done, mode, summary[CONTROLS.index("student again")]),
    )


def _fit_record(control: str, repeat: int, found: Attempt, weight: np.ndarray, level: float, share: bool) -> Record:
    record: Record = dict.fromkeys(("control", "repeat", *MEASURED, "error"))
    record.update(control=control, repeat=repeat, error=found.error)
    if found.error is None:
        spread = mean_over_fits(found.value.rows[None], weight)
        low, high = spread.level_interval(level, share)
        record.update(agreement=spread.value, low=low, high=high)
        record.update(jensen_shannon=found.value.jensen_shannon, accuracy=found.value.accuracy)
    return record


def _summary_record(
    control: str, attempts: list[Attempt], own: np.ndarray, weight: np.ndarray, level: float, share: bool
) -> Record:
    record: Record = dict.fromkeys(SUMMARY)
    tried = [found for found in attempts if found.possible]
    record.update(control=control, n_fits=len(tried), n_failed=sum(found.error is not None for found in tried))
    record["error"] = next((found.error for found in attempts if found.error is not None), None)
    done = [found.value for found in attempts if found.error is None]
    if not done:
        return record
    scores = np.array([scored.rows for scored in done])
    gaps = own - scores
    # The same values added up in another order differ by this little, always to the same side.
    gaps[np.abs(gaps) < ROUNDING] = 0.0
    agreement, difference = mean_over_fits(scores, weight), mean_over_fits(gaps, weight)
    record["agreement"], (record["low"], record["high"]) = agreement.value, agreement.level_interval(level, share)
    record["difference"] = difference.value
    record["difference_low"], record["difference_high"] = difference.interval(level)
    for name in ("jensen_shannon", "accuracy"):
        values = [getattr(scored, name) for scored in done]
        record[name] = None if None in values else float(np.mean(values))
    return record


def _any_other_teacher(done: Mapping[str, list[Attempt]]) -> bool:
    return any(found.possible for name in OF_OTHER_TEACHERS for found in done[name])


def _notes(case: Case, done: Mapping[str, list[Attempt]], mode: str, again: Record) -> tuple[str, ...]:
    notes = list(case.recipe.notes)
    if again["difference_low"] is not None and not again["difference_low"] <= 0 <= again["difference_high"]:
        notes.append(
            "The student made again is not like this one, beyond its interval: this one may have learnt from rows or "
            "in a way that the controls do not know, and then they say little. Hand over X_unlabeled, or distill."
        )
    how = "other seeds" if mode == "seed" else "rows drawn with replacement, and other seeds"
    if _any_other_teacher(done):
        notes.append(f"Independent teachers were made by {how}.")
        if not (isinstance(case.recipe, DistilledRecipe) and not case.recipe.is_frozen):
            notes.append(
                f"They were fitted on the {len(case.rows.y)} training rows given; where the teacher learnt from "
                "others, they differ in that too."
            )
    if case.answers.task == "regression":
        notes.append("Under 'agreement' stands R^2 against the teacher's values, under 'accuracy' R^2 against y.")
    single = [name for name, attempts in done.items() if sum(found.error is None for found in attempts) == 1]
    if single:
        notes.append(
            f"A single fit each of {', '.join(single)}: these intervals take the judged rows into account, not how far "
            "repeated fits differ."
        )
    return tuple(notes)
