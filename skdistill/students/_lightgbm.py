"""Soft targets for LightGBM: the user's own classifier, by a custom objective."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain
from skdistill.students._boosting import (
    SoftLoss,
    codes_with_every_class,
    is_instance_of,
    soft_loss,
    start_scores,
)
from skdistill.students._expansion import class_weights

__all__ = ["LightGBMStrategy"]

OWN_OBJECTIVES = {"binary": (None, "binary"), "multiclass": (None, "multiclass", "softmax")}
OBJECTIVE_ALIASES = ("objective_type", "app", "application", "loss")
# Parameters whose meaning needs LightGBM's own objective, with the values that change nothing.
NEEDS_OWN_OBJECTIVE: dict[str, tuple[Any, ...]] = {
    "linear_tree": (False,),
    "neg_bagging_fraction": (1.0,),
    "pos_bagging_fraction": (1.0,),
    "sigmoid": (1.0,),
}
FOREST = ("rf", "random_forest")


class LightGBMStrategy(SoftTargetStrategy):
    """Fit a LightGBM classifier on the cross-entropy with soft targets, each term at its own temperature.

    The gradient and LightGBM's own hessian of the loss are computed from the matrix of targets, without
    copies of rows. Boosting starts from the average target, as LightGBM's own objectives do, and the start is
    put into the first trees at the moment when LightGBM does so. The outcome is the student itself, fitted,
    with the objective "binary" or "multiclass": its probabilities, its pickle and its text are those of any
    LightGBM classifier. With one-hot targets it is the classifier fitted on the labels, up to rounding.

    `class_weight` and, for two classes, `scale_pos_weight` and `is_unbalance` weight each class's share in
    the targets; what is counted for them are hard labels. Random forest mode, objectives other than the two,
    linear trees and bagging by class are refused.

    Examples
    --------
    >>> import numpy as np
    >>> from lightgbm import LGBMClassifier
    >>> from skdistill.students import LightGBMStrategy, SoftTargets
    >>> X = np.repeat([[-1.0], [1.0]], 50, axis=0)
    >>> targets = SoftTargets(
    ...     teacher=np.repeat([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], 50, axis=0), codes=np.full(100, -1),
    ...     teacher_weight=np.ones(100), label_weight=np.zeros(100), classes=np.array(["a", "b", "c"]))
    >>> student = LightGBMStrategy().fit(LGBMClassifier(n_jobs=1, verbose=-1), X, targets)
    >>> type(student).__name__, student.predict(X[[0, -1]])
    ('LGBMClassifier', array(['a', 'c'], ...))
    >>> student.predict_proba(X[[0, -1]]).round(2)
    array([[0.7, 0.2, 0.1],
           [0.2, 0.2, 0.6]])
    """

    route: ClassVar[str] = "objective"
    two_terms: ClassVar[bool] = True

    def accepts(self, student: Any) -> bool:
        """Whether the student is a LightGBM classifier that boosts; random forest mode takes no objective."""
        return is_instance_of(student, "lightgbm", "LGBMClassifier") and _boosting(student) not in FOREST

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on the soft loss; see `SoftTargetStrategy.fit`."""
        if targets.is_hard:
            return fit_plain(student, X, targets.labels, targets.label_weight)
        n_classes = len(targets.classes)
        name = "binary" if n_classes == 2 else "multiclass"
        _check_student(student, name)
        codes = codes_with_every_class(targets, student)
        weight = np.asarray(class_weights(student.class_weight, targets))
        # LightGBM leaves the positive class's extra weight out of the start.
        start = start_scores(targets, weight)
        loss = soft_loss(targets, weight * _positive_weight(student, targets), n_classes / (n_classes - 1))
        if n_classes == 2:
            start = start[1:] - start[:1]
        if student.get_params().get("boost_from_average", True) in (False, "false"):
            start = np.zeros_like(start)
        own = student.objective
        student.objective = student._objective = _objective(loss)
        try:
            student.fit(
                X,
                targets.classes[codes],
                init_score=np.squeeze(np.tile(start, (len(targets), 1))),
                callbacks=[
                    _settle_random_streams(_boosting(student) == "dart"),
                    _fold_into_first_trees(start),
                ],
            )
        finally:
            student.objective, student._objective = own, name
        _name_objective(student.booster_, name, n_classes)
        return student


def _objective(loss: SoftLoss) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    # A function and not an object: LightGBM deep-copies its parameters, and functions are not copied.
    gradient, hessian = np.empty((2, *loss.wanted.shape), dtype=np.float32)

    def soft_cross_entropy(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        loss.write(scores.T.reshape(loss.wanted.shape), gradient, hessian)
        if len(gradient) == 1:
            return gradient[0], hessian[0]
        return gradient.T, hessian.T

    return soft_cross_entropy


def _settle_random_streams(dart: bool) -> Callable[[Any], None]:
    """Return a callback that makes the random streams those of the seed before the first round.

    LightGBM resets its parameters before the first custom round, although the objective is "none" already,
    and draws columns once more: without the flag below, a seed gives other columns than on labels. Its "dart"
    reads an uninitialised variable when it is asked for scores before its first round, and then draws or
    draws not: it is asked ahead, and the reset starts its stream again.
    """

    def settle(env: Any) -> None:
        if env.iteration > env.begin_iteration:
            return
        if dart:
            env.model.eval_train(lambda scores, data: ("unused", 0.0, True))
        elif "_Booster__set_objective_to_none" in vars(env.model):
            env.model._Booster__set_objective_to_none = True

    settle.before_iteration = True  # type: ignore[attr-defined]
    return settle


def _fold_into_first_trees(start: np.ndarray) -> Callable[[Any], None]:
    """Return a callback that adds the start to the leaves of the first trees, as LightGBM itself does.

    It has to happen while training goes on: with ``boosting_type="dart"`` these trees are dropped and scaled
    later.
    """

    def fold(env: Any) -> None:
        if env.iteration > env.begin_iteration:
            return
        for tree in env.model.dump_model(num_iteration=1)["tree_info"]:
            number = tree["tree_index"]
            for leaf in range(tree["num_leaves"]):
                value = env.model.get_leaf_output(number, leaf)
                env.model.set_leaf_output(number, leaf, value + start[number])

    return fold


def _name_objective(booster: Any, name: str, n_classes: int) -> None:
    """Write the objective into a model trained by a custom one, so that it answers in probabilities."""
    line = "objective=binary sigmoid:1" if name == "binary" else f"objective=multiclass num_class:{n_classes}"
    text = booster.model_to_string(num_iteration=-1)
    text = text.replace("\nfeature_names=", f"\n{line}\nfeature_names=", 1)
    booster.model_from_string(text.replace("\n[objective: custom]\n", f"\n[objective: {name}]\n", 1))
    booster.params["objective"] = name


def _boosting(student: Any) -> Any:
    params = student.get_params()
    return next((params[name] for name in ("boosting", "boost") if name in params), params["boosting_type"])


def _positive_weight(student: Any, targets: SoftTargets) -> np.ndarray:
    """Return the weights that `scale_pos_weight` and `is_unbalance` give two classes; ones for more."""
    weight = np.ones(len(targets.classes))
    if len(weight) > 2:
        return weight
    params = student.get_params()
    if params.get("is_unbalance") or params.get("unbalance") or params.get("unbalanced_sets"):
        balanced = np.asarray(class_weights("balanced", targets))
        weight = balanced / balanced.min()
    weight[1] *= params.get("scale_pos_weight", 1.0)
    return weight


def _check_student(student: Any, name: str) -> None:
    params = student.get_params()
    if _boosting(student) in FOREST:
        raise StudentRouteError(
            "boosting_type must be 'gbdt' or 'dart' for a LightGBM student that learns soft targets by an "
            f"objective, got {_boosting(student)!r}. Change it, or use soft_targets='expansion'."
        )
    objective = next((params[alias] for alias in OBJECTIVE_ALIASES if alias in params), student.objective)
    if callable(objective) or objective not in OWN_OBJECTIVES[name]:
        raise StudentRouteError(
            f"objective must be None or {name!r} for a LightGBM student that learns soft targets, which sets "
            f"the objective itself, got {objective!r}. Leave it out, or use soft_targets='expansion' to keep "
            "it."
        )
    for parameter, neutral in NEEDS_OWN_OBJECTIVE.items():
        if parameter in params and params[parameter] not in neutral:
            raise StudentRouteError(
                f"{parameter} must be {neutral[0]!r} for a LightGBM student that learns soft targets by an "
                f"objective, got {params[parameter]!r}. Leave it out, or use soft_targets='expansion'."
            )
