"""Whom a report asks: fitted models of any make, their task and their classes."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistill.exceptions import TeacherError
from skdistill.fidelity._checks import is_missing
from skdistill.response._collect import Task

__all__ = ["codes_in", "has_classes", "known_classes", "label_array", "readable", "task_of"]

# Where the objects of a package that is not scikit-learn-style become so. Only their owners have these packages, which
# is why the adapter is named here and imported when such an object comes, not before.
ADAPTERS = {"skorch": ("skdistill.nets", "adapt_teacher")}


def readable(model: Any, role: str) -> Any:
    """Return a fitted model behind scikit-learn's interface, or say why there is none.

    Parameters
    ----------
    model : estimator
        Fitted estimator, frozen or not; a skorch net, or a pipeline that ends in one; any object with `predict` or
        `predict_proba`.
    role : {"teacher", "student"}
        How errors name it.

    Returns
    -------
    estimator
        The same object, or a holder of a net.

    Raises
    ------
    TeacherError
        If the object cannot predict.
    NotFittedError
        If it is an estimator that was not fitted.
    """
    if isinstance(model, type):
        raise TeacherError(
            f"{role} must be a fitted model, got the class {model.__name__} itself. Make an object of it and fit it."
        )
    home = _home_of(_last_step(model))
    if home in ADAPTERS:
        module, name = ADAPTERS[home]
        model = getattr(import_module(module), name)(model if _is_frozen(model) else FrozenEstimator(model))
    _refuse_unfitted(model, role)
    if not hasattr(model, "predict") and not hasattr(model, "predict_proba"):
        raise TeacherError(
            f"{role} must be a fitted model with predict or predict_proba, got {type(model).__name__}. Wrap a torch "
            "module as skdistill.nets.TorchTeacher(module, classes=...), and any other model in a class that has these."
        )
    return model


def _is_frozen(model: Any) -> bool:
    return isinstance(model, FrozenEstimator)


def _last_step(model: Any) -> Any:
    inner = model.estimator if _is_frozen(model) else model
    return inner.steps[-1][1] if isinstance(inner, Pipeline) else inner


def _home_of(model: Any) -> str:
    """Name the first package among a model's classes that has an adapter."""
    homes = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    return next((home for home in homes if home in ADAPTERS), "")


def _refuse_unfitted(model: Any, role: str) -> None:
    inner = model.estimator if _is_frozen(model) else model
    if not hasattr(inner, "fit") or not hasattr(inner, "get_params"):
        return
    try:
        check_is_fitted(inner)
    except NotFittedError as error:
        raise NotFittedError(
            f"{role} must be fitted, got an unfitted {type(inner).__name__}. Call its fit first; of a distilled "
            "estimator, teacher_ is the fitted teacher."
        ) from error


def task_of(teacher: Any, student: Any) -> Task:
    """Say whether two models classify or give values; one that does not tell follows the other.

    Parameters
    ----------
    teacher, student : estimator
        Fitted models.

    Returns
    -------
    {"classification", "regression"}
        The task of both.

    Raises
    ------
    ValueError
        If they have different tasks, or neither tells.
    """
    tasks = {"teacher": _own_task(teacher), "student": _own_task(student)}
    told = {task for task in tasks.values() if task is not None}
    if len(told) == 1:
        return told.pop()
    if told:
        raise ValueError(
            f"teacher and student must be two classifiers or two regressors, got a teacher for {tasks['teacher']} and "
            f"a student for {tasks['student']}. Compare models of the same task."
        )
    raise ValueError(
        f"Neither the teacher {type(teacher).__name__} nor the student {type(student).__name__} says whether it "
        "classifies. Give classifiers a classes_ attribute, and let regressors inherit from RegressorMixin."
    )


def _own_task(model: Any) -> Task | None:
    if has_classes(model) or hasattr(model, "predict_proba"):
        return "classification"
    try:
        if is_classifier(model):
            return "classification"
        return "regression" if is_regressor(model) else None
    except (AttributeError, TypeError):
        return None


def has_classes(model: Any) -> bool:
    """Tell whether a model names classes; a regressor of CatBoost has the attribute too, and nothing in it."""
    classes = getattr(model, "classes_", None)
    return classes is not None and len(classes) > 0


def known_classes(teacher: Any, student: Any, sets: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Return all classes that two classifiers or the labels of any set know, sorted.

    Parameters
    ----------
    teacher, student : estimator
        Fitted classifiers.
    sets : mapping of str to mapping
        As `read_sets` gives them.

    Returns
    -------
    ndarray of shape (n_classes,)
        The union.

    Raises
    ------
    ValueError
        If the two know no class in common, some are strings and others are not, or labels are missing.
    """
    found = {}
    for role, model in (("teacher", teacher), ("student", student)):
        if getattr(model, "classes_", None) is not None:
            found[f"the {role}'s classes_"] = label_array(model.classes_, f"the {role}'s classes_")
        elif hasattr(model, "predict_proba"):
            raise TeacherError(
                f"The {role} {type(model).__name__} has predict_proba and no classes_, so its columns have no names. "
                "Give it a classes_ attribute in the order of its columns."
            )
    owners = list(found)
    for name, parts in sets.items():
        if parts["y"] is not None:
            found[f"y of the set {name!r}"] = label_array(parts["y"], f"y of the set {name!r}")
    kinds = {source: labels.dtype.kind == "U" for source, labels in found.items()}
    if len(set(kinds.values())) > 1:
        strings = [source for source, is_text in kinds.items() if is_text]
        others = [source for source, is_text in kinds.items() if not is_text]
        raise ValueError(
            f"Labels must be of one kind, got strings in {', '.join(strings)} and other values in "
            f"{', '.join(others)}. Encode all of them in the same way."
        )
    if len(owners) == 2 and not np.isin(found[owners[0]], found[owners[1]]).any():
        raise ValueError(
            f"teacher and student must know some class in common, got {_few(found[owners[0]])} and "
            f"{_few(found[owners[1]])}. Train both on the same labels, or encode them in the same way."
        )
    return np.unique(np.concatenate([np.unique(labels) for labels in found.values()]))


def _few(labels: np.ndarray) -> str:
    listed = np.unique(labels).tolist()
    return repr(listed) if len(listed) <= 8 else f"{repr(listed[:8])[:-1]}, ... ({len(listed)} in all)]"


def label_array(labels: Any, what: str) -> np.ndarray:
    """Return labels as a flat array of strings or of numbers.

    Parameters
    ----------
    labels : array-like of shape (n_rows,) or (n_rows, 1)
        The labels.
    what : str
        How errors name them.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of dtype str, int, float or bool.

    Raises
    ------
    ValueError
        If labels are missing, of mixed kinds, or no flat list.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} must be one label per row, got shape {array.shape}. Pass one output at a time.")
    if array.dtype.kind in "OT":
        values = array.tolist()
        texts = sum(isinstance(value, str) for value in values)
        if texts == len(values):
            return array.astype(str)
        if any(is_missing(value) for value in values):
            raise ValueError(f"{what} has missing labels. Drop these rows, or pass y=None for rows without labels.")
        if texts:
            raise ValueError(f"{what} must hold labels of one kind, got strings and other values. Encode them alike.")
        return np.asarray(values)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{what} has missing or infinite labels. Drop these rows, or pass y=None.")
    return array


def codes_in(classes: np.ndarray, labels: np.ndarray, what: str) -> np.ndarray:
    """Return where labels stand among sorted classes, shape (n_rows,)."""
    text = labels.dtype.kind == "U"
    if text == (classes.dtype.kind == "U"):
        places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        if (classes[places] == labels).all():
            return places
    strange = labels[~np.isin(labels, classes)] if text == (classes.dtype.kind == "U") else labels
    raise ValueError(
        f"{what} must be among the classes {_few(classes)}, got {strange.tolist()[0]!r}. Train both models on the same "
        "labels; a net that gives column numbers needs a wrapper that gives labels."
    )
