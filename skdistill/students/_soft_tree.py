"""Soft targets for Gini trees and forests: one multi-output regression, read as a classifier."""

from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from skdistill._sklearn import Tree, safe_indexing
from skdistill.students._base import SoftTargets, SoftTargetStrategy, fit_plain
from skdistill.students._expansion import class_weights

__all__ = ["SoftTreeStrategy", "classification_tree", "soft_gini"]

REGRESSORS: dict[type, type] = {
    DecisionTreeClassifier: DecisionTreeRegressor,
    ExtraTreeClassifier: ExtraTreeRegressor,
    RandomForestClassifier: RandomForestRegressor,
    ExtraTreesClassifier: ExtraTreesRegressor,
}
# What a forest leaves behind; `estimators_samples_` draws its bootstraps again from the names with an underscore.
LEARNT = (
    "n_features_in_",
    "feature_names_in_",
    "max_features_",
    "_n_samples",
    "_n_samples_bootstrap",
    "_sample_weight",
)
# Impurity gains of the regression are those of the Gini index divided by the number of classes.
GAIN_PARAMETERS = ("min_impurity_decrease", "ccp_alpha")


def soft_gini(proba: np.ndarray) -> np.ndarray:
    """Return ``1 - sum_k p_k^2`` of each distribution, shape (n_nodes,)."""
    return 1.0 - np.square(proba).sum(axis=1)


def classification_tree(regression: Tree, n_classes: int) -> Tree:
    """Rebuild a fitted regression tree on class probabilities as a classification tree with the same splits.

    Parameters
    ----------
    regression : Tree
        Structure of a regressor of the probabilities: one output per class, or the second class's alone.
    n_classes : int
        Number of classes.

    Returns
    -------
    Tree
        Nodes with class distributions as values and the Gini index as impurity.
    """
    state = regression.__getstate__()
    proba = regression.value[:, :, 0]
    if n_classes == 2:
        proba = np.column_stack([1.0 - proba[:, 0], proba[:, 0]])
    # Means of probabilities leave [0, 1] by rounding only.
    proba = np.clip(proba, 0.0, 1.0)
    proba = proba / proba.sum(axis=1, keepdims=True)
    nodes = state["nodes"].copy()
    nodes["impurity"] = soft_gini(proba)
    tree = Tree(regression.n_features, np.array([n_classes], dtype=np.intp), 1)
    tree.__setstate__({**state, "nodes": nodes, "values": np.ascontiguousarray(proba[:, None, :])})
    return tree


def reweighted(target: np.ndarray, weight: np.ndarray, factors: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Apply class weights to distributions: the masses ``w_i q_ik c_k`` as new distributions and row weights."""
    mass = target * np.asarray(factors)
    total = mass.sum(axis=1)
    return np.divide(mass, total[:, None], out=target.copy(), where=total[:, None] > 0), weight * total


class SoftTreeStrategy(SoftTargetStrategy):
    """Grow a Gini tree or forest on distributions by one squared-error tree on the probability matrix.

    The squared error of the probabilities, summed over classes, falls at a split by exactly as much as the soft Gini
    index, so the splits are those of a tree grown on weighted copies, with n rows instead of n times K, and with
    `min_samples_*` and bootstraps that count rows. The result is an object of the student's own class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.students import SoftTargets, SoftTreeStrategy
    >>> X = np.array([[-1.0], [1.0]])
    >>> targets = SoftTargets(np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([-1, -1]), np.ones(2), np.zeros(2),
    ...                       np.array(["no", "yes"]))
    >>> student = SoftTreeStrategy().fit(DecisionTreeClassifier(), X, targets)
    >>> student.predict_proba(X).round(2)
    array([[0.7, 0.3],
           [0.2, 0.8]])
    >>> type(student).__name__
    'DecisionTreeClassifier'
    """

    route: ClassVar[str] = "soft_tree"

    def accepts(self, student: Any) -> bool:
        """Whether the student is one of scikit-learn's trees or forests with the Gini criterion."""
        return type(student) in REGRESSORS and student.criterion == "gini"

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit the student on distributions; see `SoftTargetStrategy.fit`."""
        if targets.is_hard:
            return fit_plain(student, X, targets.labels, targets.label_weight)
        n_classes = len(targets.classes)
        target, weight = reweighted(*targets.mixed(), class_weights(student.class_weight, targets))
        regressor = _regressor_like(student, n_classes)
        regressor.fit(
            X,
            target[:, 1] if n_classes == 2 else target,
            sample_weight=None if (weight == 1.0).all() else weight,
        )
        fitted = _as_classifier(student, regressor, targets.classes)
        if getattr(student, "oob_score", False):
            _set_out_of_bag(fitted, X, targets)
        return fitted


def _regressor_like(student: Any, n_classes: int) -> Any:
    kind = REGRESSORS[type(student)]
    allowed = set(kind().get_params()) - {"criterion"}
    params = {name: value for name, value in student.get_params(deep=False).items() if name in allowed}
    params.update({name: params[name] / n_classes for name in GAIN_PARAMETERS})
    if "oob_score" in params:
        params["oob_score"] = False
    return kind(**params)


def _as_classifier(student: Any, regressor: Any, classes: np.ndarray) -> Any:
    """Move what a fitted regressor learnt into its twin classifier."""
    # The names with a leading underscore are what `estimators_samples_` draws the bootstraps again from.
    for name in (
        "n_features_in_",
        "feature_names_in_",
        "max_features_",
        "_n_samples",
        "_n_samples_bootstrap",
        "_sample_weight",
    ):
        if hasattr(regressor, name):
            setattr(student, name, getattr(regressor, name))
    student.classes_ = classes
    student.n_classes_ = len(classes)
    student.n_outputs_ = 1
    if hasattr(regressor, "tree_"):
        student.tree_ = classification_tree(regressor.tree_, len(classes))
        return student
    student.estimator_ = type(student)().estimator
    student.estimators_ = [_inner_tree(student, tree, len(classes)) for tree in regressor.estimators_]
    return student


def _inner_tree(forest: Any, regressor: Any, n_classes: int) -> Any:
    inner = type(forest.estimator_)()
    params = {name: value for name, value in regressor.get_params().items() if name in inner.get_params()}
    params.update({name: getattr(forest, name) for name in GAIN_PARAMETERS})
    inner.set_params(**{**params, "criterion": "gini"})
    # A forest's own trees are fitted on class numbers.
    return _as_classifier(inner, regressor, np.arange(n_classes, dtype=np.float64))


def _set_out_of_bag(forest: Any, X: Any, targets: SoftTargets) -> None:
    """Score each row, on its hard label, by the trees whose bootstrap left it out."""
    votes = np.zeros((len(targets), len(targets.classes)))
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        left_out = np.setdiff1d(np.arange(len(targets)), drawn)
        votes[left_out] += tree.predict_proba(safe_indexing(X, left_out))
    total = votes.sum(axis=1, keepdims=True)
    forest.oob_decision_function_ = np.divide(votes, total, out=np.full_like(votes, np.nan), where=total > 0)
    answered = total[:, 0] > 0
    predicted = targets.classes[votes[answered].argmax(axis=1)]
    scoring = forest.oob_score if callable(forest.oob_score) else accuracy_score
    forest.oob_score_ = float(scoring(targets.labels[answered], predicted))
