"""The fits behind the controls, and what is kept of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdistill.fidelity._answers import SetAnswers, collect_answers
from skdistill.fidelity._models import readable
from skdistill.fidelity._refitting._fits import Attempt, attempt, has_seed, run_fits
from skdistill.fidelity._refitting._recipes import DistilledRecipe, Recipe
from skdistill.fidelity._refitting._refits import TrainingRows, refit, remade, thawed
from skdistill.fidelity._told import told_teacher

__all__ = ["Case", "Scored", "fit_and_score", "other_teachers", "row_scores"]

# Two refits that differ by less than this, in mean total variation or relative root mean square, are one teacher.
SAME = 1e-3


@dataclass(frozen=True)
class Scored:
    """What is kept of a fit: a score per judged row, and two means."""

    rows: np.ndarray
    jensen_shannon: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Case:
    """What every fit works with."""

    teacher: Any
    recipe: Recipe
    rows: TrainingRows
    answers: SetAnswers
    seeds: np.ndarray

    def judged_by_teacher(self) -> Any:
        """Return the judged rows in the teacher's columns."""
        seen = self.answers.X_teacher
        return self.answers.X if seen is None else seen

    def seeded_teacher(self) -> Any:
        """Return the teacher whose seeds count: the one at hand, or that which the student fits itself."""
        inner = thawed(self.teacher)
        if not hasattr(inner, "fit") and isinstance(self.recipe, DistilledRecipe) and not self.recipe.is_frozen:
            return self.recipe.teacher
        return inner


# The other teachers.


def other_teachers(
    case: Case, independent: str, n_repeats: int, n_jobs: int | None, verbose: int
) -> tuple[list[Attempt], str]:
    """Fit the teachers of other randomness, and say how they were made."""

    def fit(mode: str, repeats: Sequence[int]) -> list[Attempt]:
        jobs = [(case, mode, repeat) for repeat in repeats]
        names = [f"teacher again ({mode}), repeat {repeat + 1}" for repeat in repeats]
        return run_fits(_fit_other, jobs, names, n_jobs=n_jobs, verbose=verbose)

    if independent != "auto":
        return fit(independent, range(n_repeats)), independent
    if not has_seed(case.seeded_teacher()):
        return fit("bootstrap", range(n_repeats)), "bootstrap"
    first = fit("seed", range(2))
    apart = attempt(_distance, case, *(done.value for done in first))
    if apart.error is None and apart.value < SAME:
        return fit("bootstrap", range(n_repeats)), "bootstrap"
    return (first + fit("seed", range(2, n_repeats)))[:n_repeats], "seed"


def _fit_other(case: Case, mode: str, repeat: int) -> Any:
    teacher = remade(case.teacher, mode, int(case.seeds[0, repeat]), case.rows.task)
    return refit(teacher, case.rows.for_teacher, case.rows)


def _distance(case: Case, first: Any, second: Any) -> float:
    """Measure how differently two teachers answer on the judged rows, as a share of what is possible."""
    one, other = (_answered(case, model, case.judged_by_teacher()) for model in (first, second))
    weight = one.unit_weight()
    if one.task == "regression":
        given = np.asarray(one.values_teacher)
        spread = float(np.average((given - given.mean(axis=0)) ** 2, axis=0, weights=weight).mean())
        squared = (np.asarray(one.values_student) - np.asarray(other.values_student)) ** 2
        return float(np.average(squared.reshape(one.n_rows, -1).mean(axis=1), weights=weight) / (spread or 1.0)) ** 0.5
    if one.proba_student is None or other.proba_student is None:
        return float(np.average(one.codes_student != other.codes_student, weights=weight))
    return float(np.average(0.5 * np.abs(one.proba_student - other.proba_student).sum(axis=1), weights=weight))


# One fit.


def _answered(case: Case, model: Any, X: Any) -> SetAnswers:
    """Put a model into the student's place."""
    given = case.answers
    y = given.y if given.codes_true is None else np.asarray(given.classes)[given.codes_true]
    return collect_answers(
        told_teacher(given),
        readable(model, "student"),
        given.name,
        X,
        y,
        sample_weight=given.weight,
        classes=given.classes,
        task=given.task,
    )


def fit_and_score(case: Case, control: str, repeat: int, mode: str, other: Attempt | None) -> Scored:
    """Make one control's model and keep what is needed of its answers."""
    seeds = tuple(int(row[repeat]) for row in case.seeds)
    other = other or Attempt(error="not fitted")
    X = case.answers.X
    if control == "student again":
        model = case.recipe.again(case.teacher, case.rows, seeds[1])
    elif control == "independent teacher":
        model = case.recipe.independent(other.get, mode, case.rows, (seeds[0], seeds[2]))
    elif control == "hard labels":
        model = case.recipe.labels_alone(case.rows, seeds[3])
    else:
        model, X = other.get(), case.judged_by_teacher()
    answers = _answered(case, model, X)
    divergence, weight = answers.divergence(), answers.unit_weight()
    return Scored(
        row_scores(answers),
        None if divergence is None else float(np.average(divergence, weights=weight)),
        _accuracy(answers, weight),
    )


def row_scores(answers: SetAnswers) -> np.ndarray:
    """Score each row so that the mean is the agreement, or R^2 against the teacher.

    For values the score is ``1 - (t - s)^2 / V``, averaged over outputs, V being the variance of the teacher's values
    on these rows.
    """
    if answers.task == "classification":
        return 1.0 - answers.disagreement()
    teacher = np.asarray(answers.values_teacher).reshape(answers.n_rows, -1)
    return _one_minus_ratio(teacher, np.asarray(answers.values_student).reshape(answers.n_rows, -1), answers)


def _one_minus_ratio(aim: np.ndarray, values: np.ndarray, answers: SetAnswers) -> np.ndarray:
    centre = np.average(aim, axis=0, weights=answers.unit_weight())
    spread = np.average((aim - centre) ** 2, axis=0, weights=answers.unit_weight())
    squared = (aim - values) ** 2
    # As scikit-learn's r2_score has it: values that are constant are met or not.
    ratio = np.where(spread > 0, squared / np.where(spread > 0, spread, 1.0), squared > 0)
    return (1.0 - ratio).mean(axis=1)


def _accuracy(answers: SetAnswers, weight: np.ndarray) -> float | None:
    if answers.codes_true is not None:
        return float(np.average(answers.codes_student == answers.codes_true, weights=weight))
    if answers.y is None:
        return None
    truth = np.asarray(answers.y).reshape(answers.n_rows, -1)
    values = np.asarray(answers.values_student).reshape(answers.n_rows, -1)
    return float(np.average(_one_minus_ratio(truth, values, answers), weights=weight))
