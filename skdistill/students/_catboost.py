"""Soft targets for CatBoost: fractions for two classes, weighted copies of rows for more."""

from typing import Any, ClassVar

import numpy as np

from skdistill._sklearn import safe_indexing
from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain
from skdistill.students._boosting import is_instance_of
from skdistill.students._expansion import expand
from skdistill.students._relabelled import RelabelledClassifier

__all__ = ["CatBoostStrategy"]

LOSSES = (None, "Logloss", "CrossEntropy", "MultiClass")
LOSS_ALIASES = ("loss_function", "objective")
CLASS_PARAMETERS = (
    "auto_class_weights",
    "class_names",
    "class_weights",
    "classes_count",
    "scale_pos_weight",
    "target_border",
)
# What CatBoost's choice of a learning rate depends on, besides the loss and the number of rows.
RATE_PARAMETERS = (
    "boost_from_average",
    "iterations",
    "l2_leaf_reg",
    "leaf_estimation_iterations",
    "leaf_estimation_method",
    "n_estimators",
    "num_boost_round",
    "num_trees",
    "reg_lambda",
)
LOG_PARAMETERS = ("logging_level", "silent", "verbose", "verbose_eval")
SMALLEST_SHARE = 1e-5
DEFAULT_L2 = 3.0


class CatBoostStrategy(SoftTargetStrategy):
    """Fit a CatBoost classifier on the cross-entropy with soft targets.

    Two classes: CatBoost's loss "CrossEntropy" on the second class's share, which is exact. More classes:
    "MultiClass" on one weighted copy of a row per class, shares below 1e-5 dropped. The copies' weighted
    log-loss is the soft cross-entropy; `l2_leaf_reg` and `min_data_in_leaf` are scaled so that they mean what
    they mean on rows, while bootstrapping, random strength and the statistics of categorical columns see
    copies. A Python objective would need no copies and is about twenty times slower, because CatBoost calls
    it for one row at a time.

    The learning rate that CatBoost would choose for the labels is chosen for the targets too.
    `class_weights`, `auto_class_weights` and `scale_pos_weight` weight each class's share in the targets;
    what is counted for them are hard labels. At a temperature with both terms the mixed target is learnt. The
    outcome is a `RelabelledClassifier` around a fitted classifier, silent and without files unless the
    student says otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from catboost import CatBoostClassifier
    >>> from skdistill.students import CatBoostStrategy, SoftTargets
    >>> X = np.repeat([[-1.0], [1.0]], 50, axis=0)
    >>> targets = SoftTargets(
    ...     teacher=np.repeat([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], 50, axis=0), codes=np.full(100, -1),
    ...     teacher_weight=np.ones(100), label_weight=np.zeros(100), classes=np.array(["a", "b", "c"]))
    >>> student = CatBoostStrategy().fit(CatBoostClassifier(iterations=200, thread_count=1), X, targets)
    >>> type(student.model_).__name__, student.predict(X[[0, -1]])
    ('CatBoostClassifier', array(['a', 'c'], ...))
    >>> student.predict_proba(X[[0, -1]]).round(1)
    array([[0.7, 0.2, 0.1],
           [0.2, 0.2, 0.6]])
    """

    route: ClassVar[str] = "objective"

    def accepts(self, student: Any) -> bool:
        """Whether the student is a CatBoost classifier."""
        return is_instance_of(student, "catboost", "CatBoostClassifier")

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit a classifier with the student's parameters on the soft loss; see `SoftTargetStrategy.fit`."""
        params = _quiet(student.get_params())
        if targets.is_hard:
            classes, codes = np.unique(targets.labels, return_inverse=True)
            params = _in_codes(params, classes)
            return RelabelledClassifier.around(
                fit_plain(type(student)(**params), X, codes, targets.label_weight), classes
            )
        _check_loss(params)
        weights = _class_weights(params, targets)
        for name in (*CLASS_PARAMETERS, *LOSS_ALIASES):
            params.pop(name, None)
        if "learning_rate" not in params and "eta" not in params:
            params["learning_rate"] = _automatic_rate(type(student), params, targets)
        shares, weight = targets.mixed()
        mass = shares * weights
        total = mass.sum(axis=1, keepdims=True)
        weight = weight * total[:, 0]
        shares = np.divide(mass, total, out=shares.copy(), where=total > 0)
        if len(targets.classes) == 2:
            model = type(student)(**params, loss_function="CrossEntropy")
            fit_plain(model, X, shares[:, 1], weight)
        else:
            rows, codes, copied_weight = expand(shares, weight, SMALLEST_SHARE)
            model = type(student)(**_for_copies(params, len(rows) / len(targets)), loss_function="MultiClass")
            fit_plain(model, safe_indexing(X, rows), codes, copied_weight)
        return RelabelledClassifier.around(model, targets.classes)


class _StopAtOnce:
    def after_iteration(self, info: Any) -> bool:
        return False


def _automatic_rate(cls: Any, params: dict[str, Any], targets: SoftTargets) -> float:
    """Ask CatBoost which learning rate it would choose for so many labelled rows.

    It has one rule for "Logloss" and "MultiClass" by the number of rows and rounds, and none for
    "CrossEntropy", which would learn with 0.03.
    """
    settings = {name: params[name] for name in RATE_PARAMETERS if name in params}
    n_rows, n_classes = targets.teacher.shape
    loss = "Logloss" if n_classes == 2 else "MultiClass"
    probe = cls(**settings, loss_function=loss, thread_count=1, verbose=False, allow_writing_files=False)
    number = np.arange(n_rows)
    probe.fit((number % 2).astype(np.float32)[:, None], number % n_classes, callbacks=[_StopAtOnce()])
    return float(probe.get_all_params()["learning_rate"])


def _for_copies(params: dict[str, Any], copies: float) -> dict[str, Any]:
    """Return parameters that mean on so many copies per row what the given ones mean on rows."""
    scaled = dict(params)
    # CatBoost multiplies this one by the mean weight of a row, which falls as the copies share it.
    l2 = "reg_lambda" if "reg_lambda" in params else "l2_leaf_reg"
    scaled[l2] = params.get(l2, DEFAULT_L2) * copies
    for name in ("min_data_in_leaf", "min_child_samples"):
        if params.get(name, 1) > 1:
            scaled[name] = round(params[name] * copies)
    return scaled


def _quiet(params: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in params.items() if value is not None}
    given.setdefault("allow_writing_files", False)
    if not any(name in given for name in LOG_PARAMETERS):
        given["verbose"] = False
    return given


def _named_weights(params: dict[str, Any], classes: np.ndarray) -> dict[Any, float] | None:
    weights = params.get("class_weights")
    if weights is None or isinstance(weights, dict):
        return weights
    return dict(zip(params.get("class_names", classes.tolist()), weights, strict=True))


def _in_codes(params: dict[str, Any], classes: np.ndarray) -> dict[str, Any]:
    """Return parameters in which classes are called by their numbers."""
    named = _named_weights(params, classes)
    coded = {name: value for name, value in params.items() if name not in ("class_names", "class_weights")}
    if named is not None:
        coded["class_weights"] = [float(named.get(value, 1.0)) for value in classes.tolist()]
    return coded


def _class_weights(params: dict[str, Any], targets: SoftTargets) -> np.ndarray:
    """Return the weight of each class that the student's parameters ask for."""
    classes = targets.classes
    named = _named_weights(params, classes) or {}
    weights = np.array([float(named.get(value, 1.0)) for value in classes.tolist()])
    if len(weights) == 2:
        weights[1] *= params.get("scale_pos_weight", 1.0)
    automatic = params.get("auto_class_weights", "None")
    if automatic in ("Balanced", "SqrtBalanced"):
        codes = np.searchsorted(classes, targets.labels)
        mass = np.bincount(codes, weights=targets.weight, minlength=len(classes))
        ratio = mass.max() / np.where(mass > 0, mass, mass.max())
        weights *= ratio if automatic == "Balanced" else np.sqrt(ratio)
    return weights


def _check_loss(params: dict[str, Any]) -> None:
    loss = next((params[name] for name in LOSS_ALIASES if name in params), None)
    if not (loss is None or isinstance(loss, str)) or loss not in LOSSES:
        raise StudentRouteError(
            "loss_function must be 'Logloss', 'CrossEntropy' or 'MultiClass' for a CatBoost student that "
            f"learns soft targets, which sets the loss itself, got {loss!r}. Leave it out, or use "
            "soft_targets='expansion' to keep it."
        )
