"""Ways to make a student again: from the same teacher, from another one, from labels alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from skdistill._sklearn import BaseSearchCV
from skdistill._validation import stack_rows, weight_params
from skdistill.fidelity._refitting._fits import NotPossibleError, reseed
from skdistill.fidelity._refitting._refits import TrainingRows, check_can_refit, refit, remade, thawed
from skdistill.response._collect import is_frozen

__all__ = ["DistilledRecipe", "Recipe", "find_distiller", "find_recipe"]


class Recipe(ABC):
    """How a student is made again.

    Attributes
    ----------
    notes : tuple of str
        What a reader must know about it.
    """

    notes: tuple[str, ...] = ()

    @abstractmethod
    def again(self, teacher: Any, rows: TrainingRows, seed: int) -> Any:
        """Distil the student again from the same fitted teacher, with another seed."""

    @abstractmethod
    def independent(self, fitted: Callable[[], Any], mode: str, rows: TrainingRows, seeds: tuple[int, int]) -> Any:
        """Distil the student from a teacher of other randomness; `fitted` gives the one at hand."""

    @abstractmethod
    def learner(self) -> Any:
        """Return a clone of what learns, to be fitted on labels."""

    def labels_alone(self, rows: TrainingRows, seed: int) -> Any:
        """Fit the student's learner on the labels."""
        learner = reseed(self.learner(), seed)
        return learner.fit(rows.X, rows.y, **weight_params(learner, rows.weight))


class OwnRecipe(Recipe):
    """Calls what the user gave for it."""

    def __init__(self, distill: Callable[..., Any], student: Any) -> None:
        self.distill = distill
        self.student = student
        if not self._takes_seed():
            self.notes = (
                "distill(teacher, X, y) takes no random_state, so how far two distillations differ is as random as "
                "the callable itself.",
            )

    def _takes_seed(self) -> bool:
        try:
            return "random_state" in signature(self.distill).parameters
        except (TypeError, ValueError):
            return False

    def again(self, teacher: Any, rows: TrainingRows, seed: int) -> Any:
        """Call it with the teacher."""
        return self.distill(teacher, rows.X, rows.y, **({"random_state": seed} if self._takes_seed() else {}))

    def independent(self, fitted: Callable[[], Any], mode: str, rows: TrainingRows, seeds: tuple[int, int]) -> Any:
        """Call it with the independent teacher."""
        return self.again(fitted(), rows, seeds[1])

    def learner(self) -> Any:
        """Return the student's learner, if it is known."""
        check_can_refit(self.student, "student")
        found = find_distiller(self.student)
        return clone(self.student if found is None else found[1].student)


class RelabellingRecipe(Recipe):
    """Fits any learner on the labels that the teacher gives."""

    def __init__(self, student: Any) -> None:
        self.student = student
        self.notes = (
            "The student is no distilled estimator, so it was made again by fitting its clone on the rows relabelled "
            "by the teacher. Pass distill(teacher, X, y) if it was distilled otherwise.",
        )

    def again(self, teacher: Any, rows: TrainingRows, seed: int) -> Any:
        """Fit on the labels that the teacher predicts."""
        student = reseed(self.learner(), seed)
        X, labels, weight = rows.X, np.asarray(teacher.predict(rows.for_teacher)), rows.weight
        if rows.X_unlabeled is not None:
            further = np.asarray(teacher.predict(rows.X_unlabeled))
            X, labels = stack_rows(X, rows.X_unlabeled), np.concatenate([labels, further])
            weight = None if weight is None else np.concatenate([weight, np.ones(len(further))])
        return student.fit(X, labels, **weight_params(student, weight))

    def independent(self, fitted: Callable[[], Any], mode: str, rows: TrainingRows, seeds: tuple[int, int]) -> Any:
        """Fit on the labels that the independent teacher predicts."""
        return self.again(fitted(), rows, seeds[1])

    def learner(self) -> Any:
        """Return a clone of the student."""
        check_can_refit(self.student, "student")
        return clone(self.student)


class DistilledRecipe(Recipe):
    """Fits a distilled estimator, alone or inside a pipeline, with another teacher.

    Parameters
    ----------
    model : estimator
        The fitted student.
    path : str
        Name of the parameter that holds the distilled estimator; "" if that is the model.
    distiller : estimator
        The distilled estimator.
    teacher : estimator
        The teacher at hand.
    """

    def __init__(self, model: Any, path: str, distiller: Any, teacher: Any) -> None:
        self.path = path
        self.model = model
        self.distiller = distiller
        self.teacher = self._given_teacher()
        self.is_frozen = is_frozen(self.teacher)
        # A folder for the teacher's fits, while one is lent.
        self.lent: dict[str, Any] = {}
        # One teacher is enough where the student's own is the one at hand, and sees the same columns.
        self.shares = self.is_frozen and thawed(self.teacher) is thawed(teacher) and not isinstance(model, Pipeline)
        params = {} if self.is_frozen else self.teacher.get_params()
        if any(value is None for name, value in params.items() if name.rpartition("__")[2] == "random_state"):
            self.notes = (
                "The teacher that the student fits has no seed that is known, so 'student again' varies the teacher "
                "too. Give the teacher a random_state.",
            )

    def _given_teacher(self) -> Any:
        """Return the teacher's parameter with the seeds that it was fitted with, where they are known."""
        given = self.distiller.teacher
        fitted = getattr(self.distiller, "teacher_", None)
        return given if is_frozen(given) or fitted is None else clone(fitted)

    def _key(self, name: str) -> str:
        return f"{self.path}__{name}" if self.path else name

    def _fit(self, params: dict[str, Any], rows: TrainingRows, seed: int) -> Any:
        student = reseed(clone(self.model), seed, but=self._key("teacher"))
        student.set_params(**{self._key(name): value for name, value in params.items()})
        fit_params = weight_params(student, rows.weight)
        for name in ("X_teacher", "X_unlabeled"):
            if getattr(rows, name) is not None:
                fit_params[self._fit_name(student, name)] = getattr(rows, name)
        return student.fit(rows.X, rows.y, **fit_params)

    def _fit_name(self, student: Any, name: str) -> str:
        if has_fit_parameter(student, name):
            return name
        if isinstance(student, Pipeline) and student.steps[-1][0] == self.path:
            return self._key(name)
        raise NotPossibleError(f"not possible: {type(student).__name__}.fit does not hand on {name}")

    def again(self, teacher: Any, rows: TrainingRows, seed: int) -> Any:
        """Fit with the same teacher and new seeds elsewhere."""
        return self._fit({"teacher": self.teacher, **self.lent}, rows, seed)

    def independent(self, fitted: Callable[[], Any], mode: str, rows: TrainingRows, seeds: tuple[int, int]) -> Any:
        """Fit with another teacher, frozen if the given one is."""
        if not self.is_frozen:
            teacher = remade(self.teacher, mode, seeds[0], rows.task)
        elif self.shares:
            teacher = FrozenEstimator(fitted())
        else:
            inner = remade(self.teacher, mode, seeds[0], rows.task)
            seen = rows.X_teacher if rows.X_teacher is not None else self._transformed(rows.X)
            teacher = FrozenEstimator(refit(inner, seen, rows))
        return self._fit({"teacher": teacher}, rows, seeds[1])

    def _transformed(self, X: Any) -> Any:
        """Return the rows as a teacher inside a pipeline sees them."""
        if isinstance(self.model, Pipeline) and len(self.model.steps) > 1:
            return self.model[:-1].transform(X)
        return X

    def learner(self) -> Any:
        """Return the model with the bare student in the place of the distilled estimator."""
        student = clone(self.distiller.student)
        return clone(self.model).set_params(**{self.path: student}) if self.path else student

    def labels_alone(self, rows: TrainingRows, seed: int) -> Any:
        """Fit the bare student; where it refuses such labels, the distilled estimator without the teacher's term."""
        has_alpha = "alpha" in self.distiller.get_params(deep=False)
        if rows.task == "regression" or not is_regressor(self.distiller.student):
            try:
                return super().labels_alone(rows, seed)
            except Exception:
                if not has_alpha:
                    raise
        elif not has_alpha:
            raise NotPossibleError("not possible: the student's learner learns values, not labels")
        return self._fit({"teacher": self.teacher, "alpha": 0.0}, rows, seed)


def find_distiller(model: Any) -> tuple[str, Any] | None:
    """Find the distilled estimator that a model is or holds.

    Parameters
    ----------
    model : estimator
        Any estimator.

    Returns
    -------
    (str, estimator) or None
        The name of the parameter that holds it, "" if it is the model, and the estimator.
    """
    params = model.get_params(deep=True) if hasattr(model, "get_params") else {}
    if {"teacher", "student"} <= params.keys():
        return "", model
    paths = [name.removesuffix("__teacher") for name in params if name.endswith("__teacher")]
    held = [path for path in paths if f"{path}__student" in params]
    return (min(held, key=len), params[min(held, key=len)]) if held else None


def find_recipe(student: Any, teacher: Any, distill: Callable[..., Any] | None) -> Recipe:
    """Find out how a student can be made again.

    Parameters
    ----------
    student : estimator
        The fitted student.
    teacher : estimator
        The teacher at hand.
    distill : callable or None
        The user's own way.

    Returns
    -------
    Recipe
        With its notes.
    """
    model = thawed(student)
    notes: tuple[str, ...] = ()
    if isinstance(model, BaseSearchCV) and hasattr(model, "best_estimator_"):
        model = thawed(model.best_estimator_)
        notes = ("The student's search was not repeated: the parameters that it chose were used.",)
    found = find_distiller(model)
    recipe: Recipe
    if distill is not None:
        recipe = OwnRecipe(distill, model)
    elif found is not None:
        recipe = DistilledRecipe(model, *found, teacher)
    else:
        recipe = RelabellingRecipe(model)
    recipe.notes = (*recipe.notes, *notes)
    return recipe
