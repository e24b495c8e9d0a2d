"""In which leaf of each tree a row ends, asked of any library's trees in public ways."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.utils.validation import validate_data

from skdistill._sklearn import safe_indexing

__all__ = ["LeafReader", "leaf_reader", "staged_values"]


@dataclass(frozen=True)
class LeafReader:
    """How a learner tells leaves.

    Parameters
    ----------
    read : callable
        Called with rows it gives an array of shape (n_rows, ...): after the first axis, one number per tree, which
        two rows share if and only if they end in the same leaf.
    by_value : bool, default=False
        Whether the numbers are values of leaves, equal up to rounding, and not leaves counted.
    """

    read: Callable[[Any], Any]
    by_value: bool = False

    def __call__(self, rows: Any) -> np.ndarray:
        """Give the number of each row's leaf, shape (n_rows, n_trees)."""
        leaves = np.asarray(self.read(rows))
        return leaves.reshape(len(leaves), -1)


def leaf_reader(core: Any) -> LeafReader | None:
    """Find how a learner tells leaves.

    `HistGradientBoostingClassifier` does not tell them. Its trees are known by what each adds to the decision function,
    which is the same for all rows of a leaf, and different for different leaves unless they have the same value.

    Parameters
    ----------
    core : estimator
        A fitted learner.

    Returns
    -------
    LeafReader or None
        None for a learner without trees.
    """
    if _is_a(core, "catboost", "CatBoost"):
        return LeafReader(core.calc_leaf_indexes)
    if _is_a(core, "lightgbm", "LGBMModel"):
        return LeafReader(lambda rows: core.predict(rows, pred_leaf=True))
    if _is_a(core, "xgboost", "XGBModel"):
        return None if core.get_params().get("booster") == "gblinear" else LeafReader(core.apply)
    if isinstance(core, HistGradientBoostingClassifier):
        return LeafReader(lambda rows: staged_values(core, rows), by_value=True)
    if isinstance(core, GradientBoostingClassifier | GradientBoostingRegressor):
        # Its trees are fitted on arrays, and would warn about the names of a frame.
        return LeafReader(lambda rows: core.apply(validate_data(core, rows, accept_sparse="csr", reset=False)))
    if hasattr(core, "fit") and callable(getattr(core, "apply", None)):
        return LeafReader(core.apply)
    return _reader_of_members(core)


def staged_values(core: Any, rows: Any) -> np.ndarray:
    """Return what each tree of a gradient boosting by histograms adds to the decision function.

    Parameters
    ----------
    core : HistGradientBoostingClassifier
        Fitted.
    rows : array-like or data frame of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_rows, n_trees)
        Differences of successive stages of `staged_decision_function`, a column per iteration and class. The first
        iteration holds the constant that boosting starts from, too.
    """
    before: Any = 0.0
    parts = []
    for stage in core.staged_decision_function(rows):
        scores = np.array(stage, dtype=np.float64).reshape(len(stage), -1)
        parts.append(scores - before)
        before = scores
    return np.concatenate(parts, axis=1)


def _reader_of_members(core: Any) -> LeafReader | None:
    """Read bagged and boosted trees (`BaggingClassifier`, `AdaBoostClassifier`) tree by tree."""
    members = getattr(core, "estimators_", None)
    if not isinstance(members, list) or not members or not hasattr(core, "estimator_"):
        return None
    if not all(hasattr(member, "tree_") for member in members):
        return None
    columns = getattr(core, "estimators_features_", [None] * len(members))

    def read(rows: Any) -> np.ndarray:
        # Members of an ensemble are fitted on arrays, and would warn about the names of a frame.
        rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
        return np.column_stack(
            [
                member.apply(rows if own is None else safe_indexing(rows, own, axis=1))
                for member, own in zip(members, columns, strict=True)
            ]
        )

    return LeafReader(read)


def _is_a(core: Any, package: str, name: str) -> bool:
    """Whether an object is of a class of an optional package, which is not imported for the question."""
    cls = getattr(sys.modules.get(package), name, None)
    return cls is not None and isinstance(core, cls)
