"""Who takes part in cooperative distillation: named learners, their columns, and the rows each of them owns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from skdistill._sklearn import num_features, num_samples, safe_indexing
from skdistill._validation import as_rows, check_weights, inner_tags, refuse_missing, refuse_nested
from skdistill.estimators._owners import read_owner
from skdistill.exceptions import TeacherError
from skdistill.response._collect import check_can_answer

__all__ = ["Learner", "Silos", "check_learners", "check_silos", "learner_triples", "select_columns"]

# What `final` may be besides a learner's name.
FINALS = ("soft", "best")


@dataclass(frozen=True)
class Learner:
    """One of those that teach each other.

    Parameters
    ----------
    name : str
        Its name.
    estimator : estimator
        Unfitted.
    columns : ndarray of shape (n_columns,)
        Positions of its columns in X.
    """

    name: str
    estimator: Any
    columns: np.ndarray


@dataclass(frozen=True)
class Silos:
    """The rows of a fit and who owns them.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows in all columns.
    y : ndarray of shape (n_rows,)
        Labels, in their own values.
    weight : ndarray of shape (n_rows,) or None
        Positive sample weights.
    owns : ndarray of shape (n_rows, n_learners), bool
        Whether a row belongs to a learner.
    kept : ndarray of shape (n_rows,)
        Positions of the rows among those handed in; those with weight 0 are not here.
    n_given : int
        Number of rows handed in.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    owns: np.ndarray
    kept: np.ndarray
    n_given: int

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    def unit_weight(self) -> np.ndarray:
        """Return the weights, or ones, of shape (n_rows,)."""
        return np.ones(self.n_rows) if self.weight is None else self.weight


def learner_triples(estimators: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, estimator, columns), columns None where there are none; refuse what is no list of learners."""
    if not isinstance(estimators, list | tuple) or not all(
        isinstance(item, list | tuple) and len(item) in (2, 3) and isinstance(item[0], str) for item in estimators
    ):
        raise ValueError(
            "estimators must be a list of (name, estimator) or (name, estimator, columns), got "
            f"{estimators!r}. Write for instance [('tree', DecisionTreeClassifier()), ('bayes', GaussianNB())]."
        )
    return [(item[0], item[1], item[2] if len(item) == 3 else None) for item in estimators]


def check_learners(estimators: Any, reserved: Collection[str]) -> list[tuple[str, Any, Any]]:
    """Check learners without looking at any rows.

    Parameters
    ----------
    estimators : list of tuple
        As given to the constructor.
    reserved : collection of str
        Names of parameters, which a learner may not have.

    Returns
    -------
    list of (str, estimator, columns)
        The learners.

    Raises
    ------
    ValueError
        If there are fewer than two, or their names are not distinct or not usable.
    TypeError
        If one of them is no estimator.
    TeacherError
        If one of them cannot say how sure it is.
    """
    triples = learner_triples(estimators)
    names = [name for name, _, _ in triples]
    if len(names) < 2:
        raise ValueError(
            f"estimators must hold at least two learners, got {len(names)}: a single one has nobody to learn from. Add "
            "another one, or fit it by itself."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"The names of estimators must be distinct, got {twice} more than once. Rename the learners.")
    bad = sorted(name for name in names if not name or "__" in name or name in reserved or name in FINALS)
    if bad:
        raise ValueError(
            f"The names of estimators must not be empty, hold '__', or be a parameter's name or one of {list(FINALS)}, "
            f"got {bad}. Rename the learners."
        )
    for name, estimator, _ in triples:
        _check_learner(name, estimator)
    return triples


def _check_learner(name: str, estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(
            f"The learner {name!r} must be an instance, got the class {estimator.__name__}. Write "
            f"{estimator.__name__}()."
        )
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise TypeError(
            f"The learner {name!r} must be a scikit-learn-style classifier, got {type(estimator).__name__}. Pass an "
            "estimator with fit and predict_proba or decision_function."
        )
    tags = inner_tags(estimator)
    if tags is not None and tags.estimator_type not in (None, "classifier"):
        raise TypeError(
            f"The learner {name!r} must be a classifier, got the {tags.estimator_type} {type(estimator).__name__}. "
            "Pass a classifier with predict_proba or decision_function."
        )
    try:
        check_can_answer(estimator, "classification")
    except TeacherError:
        raise TeacherError(
            f"The learner {name!r} must be able to say how sure it is, but {type(estimator).__name__} has neither "
            "predict_proba nor decision_function. Wrap it, for instance as CalibratedClassifierCV(estimator)."
        ) from None


def check_silos(
    estimator: Any, X: Any, y: Any, owner: Any, sample_weight: Any, triples: list[tuple[str, Any, Any]]
) -> tuple[Silos, list[Learner]]:
    """Check everything that `fit` is handed, before any work.

    Parameters
    ----------
    estimator : CooperativeDistillation
        Gets `n_features_in_` and `feature_names_in_`.
    X, y, owner, sample_weight
        As in `fit`.
    triples : list of (str, estimator, columns)
        The learners.

    Returns
    -------
    silos : Silos
        The rows that count.
    learners : list of Learner
        The learners with the positions of their columns.
    """
    if hasattr(X, "columns"):
        validate_data(estimator, X, y, skip_check_array=True)
    else:
        X = validate_data(
            estimator, as_rows(X), accept_sparse=True, dtype=None, ensure_all_finite=False, ensure_min_samples=2
        )
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Expertise is measured by "
            "labels; drop the rows without one."
        )
    targets = _check_labels(y)
    check_consistent_length(X, targets)
    n_given = num_samples(X)
    weight = check_weights(sample_weight, n_given)
    names = [name for name, _, _ in triples]
    owns = read_owner(owner, names, n_given)
    refuse_nested(X)
    labels = list(X.columns) if hasattr(X, "columns") else None
    learners = [
        Learner(name, inner, column_positions(name, columns, num_features(X), labels))
        for name, inner, columns in triples
    ]
    kept = np.arange(n_given)
    if weight is not None and not weight.all():
        # A row of weight zero must not differ from one that is absent, in the folds or anywhere.
        kept = np.flatnonzero(weight)
        X, targets, weight, owns = safe_indexing(X, kept), targets[kept], weight[kept], owns[kept]
    _check_shares(names, owns, targets)
    for place, learner in enumerate(learners):
        own = safe_indexing(select_columns(X, learner.columns), np.flatnonzero(owns[:, place]))
        refuse_missing(own, {f"learner {learner.name!r},": learner.estimator})
    return Silos(X, targets, weight, owns, kept, n_given), learners


def _check_labels(y: Any) -> np.ndarray:
    labels = column_or_1d(y, warn=True)
    if labels.dtype == object and len({isinstance(value, str) for value in labels.tolist()}) > 1:
        raise ValueError(
            "y must hold classes of one kind, got both strings and other values (or missing ones). Convert them, for "
            "instance with y.astype(str), and drop rows without a label."
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("Input y contains NaN or infinity. Drop the rows without a label.")
    check_classification_targets(labels)
    return np.asarray(labels)


def _check_shares(names: list[str], owns: np.ndarray, labels: np.ndarray) -> None:
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least two classes, got only one class, {classes.tolist()[0]!r}. There is nothing to tell "
            "apart; check the labels (and that sample_weight leaves rows of two classes)."
        )
    empty = [name for name, count in zip(names, owns.sum(axis=0), strict=True) if count == 0]
    if empty:
        raise ValueError(
            f"owner must give every learner at least one row (of a weight above 0), got none for {empty}. Leave these "
            "learners out of estimators, or let a splitter keep rows of every owner."
        )


def column_positions(name: str, columns: Any, n_features: int, labels: Sequence[Any] | None) -> np.ndarray:
    """Turn the columns of a learner into positions.

    Parameters
    ----------
    name : str
        The learner, for errors.
    columns : None, slice, array-like of str, int or bool
        None means all; negative positions count from the end.
    n_features : int
        Number of columns of X.
    labels : sequence or None
        Names of the columns of a data frame.

    Returns
    -------
    ndarray of shape (n_columns,)
        Positions, in the order given.

    Raises
    ------
    ValueError
        If a column does not exist, is named twice, or none is named.
    """
    if columns is None:
        return np.arange(n_features)
    if isinstance(columns, slice):
        found = np.arange(n_features)[columns]
    else:
        found = _listed(name, np.atleast_1d(np.asarray(columns)), n_features, labels)
    if len(found) == 0:
        raise ValueError(
            f"The columns of learner {name!r} must be at least one, got {columns!r}, which is none of the "
            f"{n_features} feature(s). Name some, or leave columns out for all."
        )
    if len(np.unique(found)) < len(found):
        raise ValueError(f"The columns of learner {name!r} must be distinct, got {columns!r}. Name each one once.")
    return found


def _listed(name: str, given: np.ndarray, n_features: int, labels: Sequence[Any] | None) -> np.ndarray:
    if given.ndim == 1 and given.dtype.kind == "b" and len(given) == n_features:
        return np.flatnonzero(given)
    if given.size == 0:
        return np.empty(0, dtype=np.intp)
    if given.ndim == 1 and given.dtype.kind in "iu":
        absent = [position for position in given.tolist() if not -n_features <= position < n_features]
        if not absent:
            return given.astype(np.intp) % n_features
        raise ValueError(
            f"The columns of learner {name!r} must be positions in X, which has {n_features} feature(s), got {absent}, "
            "which X does not have. Use positions below the number of columns."
        )
    if given.ndim == 1 and given.dtype.kind in "OUT" and labels is not None:
        known = {label: position for position, label in enumerate(labels)}
        absent = [label for label in given.tolist() if label not in known]
        if not absent:
            return np.array([known[label] for label in given.tolist()], dtype=np.intp)
        raise ValueError(
            f"The columns of learner {name!r} must be columns of X, got {absent}, which X does not have. The columns "
            f"of X are {list(labels)}."
        )
    raise ValueError(
        f"The columns of learner {name!r} must be positions, a slice or a mask of the {n_features} feature(s)"
        f"{' or names' if labels is not None else ''}, got {given.tolist()!r}. Names need a data frame."
    )


def select_columns(X: Any, columns: np.ndarray) -> Any:
    """Return some columns of a table; the table itself where they are all of them in order."""
    if np.array_equal(columns, np.arange(num_features(X))):
        return X
    return safe_indexing(X, columns, axis=1)
