"""Fitted learners that are asked together: each about the rows that it can be asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdistill._containers import table_format
from skdistill._sklearn import check_feature_names, check_n_features, num_samples, safe_indexing
from skdistill._validation import as_rows, has_missing, inner_tags
from skdistill.estimators._expertise import proba_of
from skdistill.estimators._rounds import ALL, Cooperation
from skdistill.estimators._silos import select_columns

__all__ = ["Panel"]


@dataclass(frozen=True)
class Panel:
    """Fitted learners, and what they need to be asked.

    Parameters
    ----------
    names : list of str
        Their names.
    models : list of estimator
        The fitted learners.
    columns : list of ndarray of shape (n_columns,)
        Their columns.
    takes_missing : list of ndarray of shape (n_columns,), bool
        In which of them they take missing values.
    classes : ndarray of shape (n_classes,)
        All classes.
    """

    names: list[str]
    models: list[Any]
    columns: list[np.ndarray]
    takes_missing: list[np.ndarray]
    classes: np.ndarray

    @classmethod
    def of(cls, cooperation: Cooperation) -> "Panel":
        """Take the learners as they are now."""
        learners = cooperation.plan.learners
        models = [cooperation.models[ALL, place] for place in range(len(learners))]
        # Claims count only where nobody has to be left out; else what the own rows prove.
        tags = [inner_tags(learner.estimator) for learner in learners]
        all_cope = all(one is not None and one.input_tags.allow_nan for one in tags)
        return cls(
            names=[learner.name for learner in learners],
            models=models,
            columns=[learner.columns for learner in learners],
            takes_missing=[table.takes_missing | all_cope for table in cooperation.tables],
            classes=cooperation.classes,
        )

    def proba(self, estimator: Any, X: Any, wanted: str | None) -> np.ndarray:
        """Average the learners that can be asked about each row.

        Parameters
        ----------
        estimator : CooperativeDistillation
            Knows the columns of `fit`.
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows; a data frame may lack columns.
        wanted : str or None
            The name of the only one to ask; None asks all.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Distributions.

        Raises
        ------
        ValueError
            If nobody can be asked about some row.
        """
        total, count = self._sum(estimator, X, wanted)
        lost = np.flatnonzero(count == 0)
        if len(lost):
            asked = self.names if wanted is None else [wanted]
            raise ValueError(
                f"Input X contains NaN, in row {lost[0]} in columns of every learner that could be asked, {asked} "
                f"({len(lost)} such rows), and none of them takes missing values there. Impute these rows first, or "
                "add a learner that takes missing values."
            )
        return total / count[:, None]

    def accuracy(self, estimator: Any, X: Any, y: np.ndarray, name: str, weight: Any) -> float:
        """Measure one learner on the rows that it can be asked about; NaN if there is none."""
        total, count = self._sum(estimator, X, name)
        asked = count > 0
        if not asked.any():
            return float("nan")
        right = self.classes[total[asked].argmax(axis=1)] == y[asked]
        return float(np.average(right, weights=None if weight is None else np.asarray(weight)[asked]))

    def _sum(self, estimator: Any, X: Any, wanted: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Sum the answers about each row, and count them."""
        X, position, lost = read_columns(estimator, X)
        asked = [place for place, name in enumerate(self.names) if wanted in (None, name)]
        able = [place for place in asked if (position[self.columns[place]] >= 0).all()]
        if not able:
            labels = [set(estimator.feature_names_in_[self.columns[place]]) for place in asked]
            told = "; ".join(
                f"the learner {self.names[place]!r} needs {[c for c in lost if c in needed]}"
                for place, needed in zip(asked, labels, strict=True)
            )
            raise ValueError(
                f"{names_message(lost)}No learner of final={estimator.final!r} can be asked: {told}. Pass these "
                "columns, or fit with final='soft' and learners that do without them."
            )
        missing = missing_cells(X) if has_missing(X) else None
        total, count = np.zeros((num_samples(X), len(self.classes))), np.zeros(num_samples(X))
        for place in able:
            columns = position[self.columns[place]]
            rows = self._rows(place, columns, missing)
            part = select_columns(X, columns)
            if rows is None:
                rows = np.arange(num_samples(X))
            elif len(rows):
                part = safe_indexing(part, rows)
            if len(rows):
                total[rows] += proba_of(self.models[place], part, self.classes)
                count[rows] += 1
        return total, count

    def _rows(self, place: int, columns: np.ndarray, missing: np.ndarray | None) -> np.ndarray | None:
        """Return the rows that a learner can be asked about, or None for all."""
        if missing is None:
            return None
        lacking = (missing[:, columns] & ~self.takes_missing[place]).any(axis=1)
        return np.flatnonzero(~lacking) if lacking.any() else None


def read_columns(estimator: Any, X: Any) -> tuple[Any, np.ndarray, list[Any]]:
    """Check the columns of rows to be predicted.

    Parameters
    ----------
    estimator : CooperativeDistillation
        Fitted.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        Rows. A data frame may lack columns; the others stand in the order of `fit`.

    Returns
    -------
    X : table
        The rows.
    position : ndarray of shape (n_features_in_,)
        Where each column of `fit` stands in X; -1 if it does not.
    lost : list
        Names of the columns that X lacks.
    """
    known = list(getattr(estimator, "feature_names_in_", []))
    have = list(X.columns) if hasattr(X, "columns") else []
    lost = [name for name in known if name not in have]
    if lost and have and have == [name for name in known if name in have]:
        place = {name: number for number, name in enumerate(have)}
        return X, np.array([place.get(name, -1) for name in known], dtype=np.intp), lost
    check_feature_names(estimator, X, reset=False)
    X = as_rows(X)
    if len(X.shape) == 1:
        raise ValueError(
            f"X must be a table of rows, got a single dimension of length {len(X)}. Reshape your data with "
            "X.reshape(1, -1) for one row or X.reshape(-1, 1) for one column."
        )
    check_n_features(estimator, X, reset=False)
    return X, np.arange(estimator.n_features_in_), []


def names_message(lost: Sequence[Any]) -> str:
    """Say, in scikit-learn's words, which columns are missing."""
    shown = "".join(f"- {name}\n" for name in sorted(lost)[:5]) + ("- ...\n" if len(lost) > 5 else "")
    return (
        "The feature names should match those that were passed during fit.\n"
        f"Feature names seen at fit time, yet now missing:\n{shown}"
    )


def missing_cells(X: Any) -> np.ndarray:
    """Return where a table misses values, shape (n_rows, n_columns)."""
    form, X = table_format(X)
    return np.column_stack([form.missing(column) for column in form.columns(X)])
