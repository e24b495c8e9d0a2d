"""Estimates of every column given all others, by gradient boosting, and draws from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skdistill._columns import TableSchema
from skdistill.samplers._neighbors import unit_range

MAX_GROUPS = 32
MIN_COUNT = 10
MIN_ROWS = 20
N_FOLDS = 2
N_DONORS = 20

__all__ = ["MIN_ROWS", "ConditionalModels", "rank_to_value", "value_to_rank"]


def value_to_rank(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Give the share of ``ordered`` that lies below each value, ties counted by half.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers.
    ordered : ndarray of shape (m,)
        The sample that defines the ranks, in ascending order.

    Returns
    -------
    ndarray of shape (n,)
        Ranks in [0, 1].
    """
    below = np.searchsorted(ordered, values, side="left")
    return (below + np.searchsorted(ordered, values, side="right")) / (2 * len(ordered))


def rank_to_value(ranks: np.ndarray, ordered: np.ndarray, repeats: bool) -> np.ndarray:
    """Give the quantiles of a sample, the inverse of `value_to_rank`.

    Parameters
    ----------
    ranks : ndarray of shape (n,)
        Ranks in [0, 1].
    ordered : ndarray of shape (m,)
        The sample, in ascending order.
    repeats : bool
        Whether only values of the sample are given, rather than interpolated ones.

    Returns
    -------
    ndarray of shape (n,)
        Numbers within the range of the sample.
    """
    place = np.clip(ranks * len(ordered) - 0.5, 0, len(ordered) - 1)
    lower = np.floor(place).astype(np.intp)
    upper = np.minimum(lower + 1, len(ordered) - 1)
    share = np.round(place - lower) if repeats else place - lower
    return (1 - share) * ordered[lower] + share * ordered[upper]


def draw_classes(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one column number for each row of a matrix of probabilities."""
    steps = probabilities.cumsum(axis=1)
    drawn = (rng.random(len(steps))[:, None] * steps[:, -1:] > steps).sum(axis=1)
    return np.minimum(drawn, steps.shape[1] - 1)


def group_levels(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """Give the frequent levels the numbers 0, 1, 2 by frequency, and all others the next number."""
    counts = np.bincount(codes, minlength=n_levels)
    order = np.argsort(-counts, kind="stable")
    n_own = min(MAX_GROUPS, int((counts >= MIN_COUNT).sum()))
    groups = np.full(n_levels, n_own, dtype=np.intp)
    groups[order[:n_own]] = np.arange(n_own)
    return groups


@dataclass(frozen=True)
class NumberModel:
    r"""An estimate of :math:`p(x_j \mid x_{-j})` for a number, by regression of its rank and residuals.

    The residual is that of a held-out row with nearly the same prediction, so that noise which depends on
    the prediction is kept, and ranks keep values that many rows share.

    Attributes
    ----------
    ordered : ndarray
        Numbers of the training rows, in ascending order.
    repeats : bool
        Whether most numbers were seen more than once.
    regressor : estimator or None
        Predicts the rank; None where there is nothing to learn from, which gives draws from the column as it
        is.
    predicted, residuals : ndarray of shape (n_held_out,)
        Predictions for held-out rows, in ascending order, and what they missed.
    gap : estimator or float
        Predicts whether the value is missing; a number is the share of all rows.
    """

    ordered: np.ndarray
    repeats: bool
    regressor: Any
    predicted: np.ndarray
    residuals: np.ndarray
    gap: Any

    def draw(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw one number for each row of features."""
        ranks = rng.random(len(features))
        if self.regressor is not None:
            mean = self.regressor.predict(features)
            first = np.searchsorted(self.predicted, mean) - N_DONORS // 2
            donors = np.clip(first + (ranks * N_DONORS).astype(np.intp), 0, len(self.predicted) - 1)
            ranks = np.clip(mean + self.residuals[donors], 0, 1)
        values = rank_to_value(ranks, self.ordered, self.repeats)
        share = self.gap if isinstance(self.gap, float) else self.gap.predict_proba(features)[:, 1]
        return np.where(rng.random(len(features)) < share, np.nan, values)


@dataclass(frozen=True)
class CategoryModel:
    r"""An estimate of :math:`p(x_j \mid x_{-j})` for a category.

    Attributes
    ----------
    members : list of ndarray
        For every group of levels, the codes of the rows in it.
    classifier : estimator or None
        Predicts the group; None where there is nothing to learn from, which gives draws from the column as it
        is.
    """

    members: list[np.ndarray]
    classifier: Any

    def draw(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw one code for each row of features."""
        if self.classifier is None:
            return rng.choice(np.concatenate(self.members), size=len(features))
        drawn = draw_classes(self.classifier.predict_proba(features), rng)
        out = np.empty(len(features))
        for k, group in enumerate(self.classifier.classes_):
            rows = np.flatnonzero(drawn == k)
            out[rows] = rng.choice(self.members[int(group)], size=len(rows))
        return out


class ConditionalModels:
    """Conditional estimates of all columns, each fitted on one fold and used for rows of the other.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    values : ndarray of shape (n_rows, n_columns)
        The encoded table.
    max_iter : int
        Boosting rounds of each estimate.
    max_fit_rows : int or None
        The estimates are fitted on so many rows, chosen by chance.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self,
        schema: TableSchema,
        values: np.ndarray,
        *,
        max_iter: int,
        max_fit_rows: int | None,
        rng: np.random.Generator,
    ) -> None:
        n_rows, n_columns = values.shape
        order = rng.permutation(n_rows)
        self.schema = schema
        self.fold = np.empty(n_rows, dtype=np.intp)
        self.fold[order] = np.arange(n_rows) % N_FOLDS
        chosen = np.sort(order[:max_fit_rows])
        self.boosting = {
            "max_iter": max_iter,
            "max_leaf_nodes": 15,
            "early_stopping": False,
            "random_state": int(rng.integers(2**31 - 1)),
        }
        self.groups = [
            group_levels(values[chosen, j].astype(np.intp), column.n_levels) if column.is_category else None
            for j, column in enumerate(schema.columns)
        ]
        features = np.empty_like(values)
        for j in range(n_columns):
            features[:, j] = self.feature(j, values[:, j])
        self.models = [
            [self._fit_model(j, f, chosen, values, features) for f in range(N_FOLDS)] for j in range(n_columns)
        ]

    def feature(self, j: int, values: np.ndarray) -> np.ndarray:
        """Give encoded values of column ``j`` as the estimates of other columns see them."""
        groups, column = self.groups[j], self.schema.columns[j]
        if groups is not None:
            return groups[values.astype(np.intp)]
        return unit_range(values, column.low, column.high)

    def others(self, j: int, features: np.ndarray) -> np.ndarray:
        """Give all features but those of column ``j``."""
        return np.delete(features, j, axis=1)

    def _boosting(self, kind: type, j: int) -> Any:
        mask = np.delete(self.schema.is_category, j)
        return kind(categorical_features=mask if mask.any() else None, **self.boosting)

    def _fit_model(
        self, j: int, fold: int, chosen: np.ndarray, values: np.ndarray, features: np.ndarray
    ) -> NumberModel | CategoryModel:
        held_out = self.fold[chosen] == fold
        train, test = chosen[~held_out], chosen[held_out]
        if self.schema.is_category[j]:
            return self._fit_category(j, train, values[:, j], features)
        return self._fit_number(j, train, test, values[:, j], features)

    def _fit_category(self, j: int, train: np.ndarray, codes: np.ndarray, features: np.ndarray) -> CategoryModel:
        groups = self.feature(j, codes)
        members = [codes[groups == group] for group in range(int(groups.max()) + 1)]
        model = None
        if features.shape[1] > 1 and len(train) >= MIN_ROWS and np.ptp(groups[train]):
            model = self._boosting(HistGradientBoostingClassifier, j)
            model.fit(self.others(j, features[train]), groups[train])
        return CategoryModel(members, model)

    def _fit_number(
        self, j: int, train: np.ndarray, test: np.ndarray, numbers: np.ndarray, features: np.ndarray
    ) -> NumberModel:
        missing = np.isnan(numbers)
        present = train[~missing[train]]
        test = test[~missing[test]]
        gap: Any = float(missing.mean())
        enough = features.shape[1] > 1 and len(present) >= MIN_ROWS and len(test) >= MIN_ROWS // 2
        if enough and missing[train].sum() >= MIN_COUNT:
            gap = self._boosting(HistGradientBoostingClassifier, j)
            gap.fit(self.others(j, features[train]), missing[train])
        ordered = np.sort(numbers[present] if len(present) else numbers[~missing])
        n_distinct = len(np.unique(ordered))
        repeats = 2 * n_distinct < len(ordered)
        if not enough or n_distinct < 2:
            return NumberModel(np.sort(numbers[~missing]), repeats, None, np.empty(0), np.empty(0), gap)
        model = self._boosting(HistGradientBoostingRegressor, j)
        model.fit(self.others(j, features[present]), value_to_rank(numbers[present], ordered))
        predicted = model.predict(self.others(j, features[test]))
        order = np.argsort(predicted, kind="stable")
        residuals = value_to_rank(numbers[test], ordered) - predicted
        return NumberModel(ordered, repeats, model, predicted[order], residuals[order], gap)

    def sweep(self, values: np.ndarray, folds: np.ndarray, redraw_probability: float, rng: np.random.Generator) -> None:
        """Redraw every column of some rows once, in random order and in place.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Encoded rows.
        folds : ndarray of shape (n,), int
            Fold of the row of the table that each of them comes from.
        redraw_probability : float
            Probability that a value is redrawn.
        rng : numpy.random.Generator
            Source of randomness.
        """
        features = np.column_stack([self.feature(j, values[:, j]) for j in range(values.shape[1])])
        for j in rng.permutation(values.shape[1]):
            redrawn = rng.random(len(values)) < redraw_probability
            for fold in range(N_FOLDS):
                rows = np.flatnonzero((folds == fold) & redrawn)
                if len(rows):
                    values[rows, j] = self.models[j][fold].draw(self.others(j, features[rows]), rng)
            if self.schema.columns[j].integer:
                np.round(values[:, j], out=values[:, j])
            features[:, j] = self.feature(j, values[:, j])
