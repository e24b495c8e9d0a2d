"""Counterfactuals by descent on a model's gradients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from skdistill._sklearn import Interval, StrOptions
from skdistill.counterfactual._base import BaseCounterfactual, Queries
from skdistill.counterfactual._box import SearchBox, pull_back
from skdistill.counterfactual._descent import Descent, Norm, Scale, largest_penalty
from skdistill.counterfactual._distance import unit_distances
from skdistill.counterfactual._log_odds import TargetLogOdds, differentiable
from skdistill.counterfactual._oracle import Oracle

__all__ = ["GradientCounterfactual"]

# Penalties of the path, as shares of the one at which nothing moves.
FIRST_SHARE, NEXT_SHARE = 0.8, 0.35
# Where a way is looked at: multiples of its end, which lies at a fifth of what is lacking if the model is linear; and
# of the way on which its farthest column reaches its bound, the others following later.
BEYOND_END = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
BEYOND_BOX = np.array([0.25, 1.0, 4.0])
PULL_STEPS = 10
EXTREME = 1e-15
AIM_BEYOND = 0.05


@dataclass(frozen=True)
class Best:
    """The best row found so far for each row: valid ones before others, then nearer or more probable ones.

    Attributes
    ----------
    rows : ndarray of shape (n, n_columns)
        The rows.
    valid : ndarray of shape (n,), bool
        Whether they are valid.
    badness : ndarray of shape (n,)
        Distance of valid rows; probability that others lack.
    """

    rows: np.ndarray
    valid: np.ndarray
    badness: np.ndarray

    def improve(self, at: np.ndarray, found: np.ndarray, valid: np.ndarray, badness: np.ndarray) -> np.ndarray:
        """Take over what is better, in place, for the rows at some positions; tells for which it was."""
        better = (valid > self.valid[at]) | ((valid == self.valid[at]) & (badness < self.badness[at]))
        chosen = at[better]
        self.rows[chosen], self.valid[chosen], self.badness[chosen] = found[better], valid[better], badness[better]
        return better


class GradientCounterfactual(BaseCounterfactual):
    r"""Counterfactuals found by descending from a row along a model's gradients.

    Searched is the row z that solves

    .. math:: \min_z \; (f(z) - t)^2 + \lambda \, d(z, x)

    for the target's probability (or log-odds) f, the demanded t and the distance d from the row x; only a lack counts,
    since more than t is as good. For each row the weight of the distance starts at the one at which nothing moves, and
    is lowered from there. Since every solution stops short of t, the way from x through z is followed on to the first
    valid row. Of these rows, over all weights, the nearest one is kept: validity comes first, distance second.

    Numbers and one-hot groups move; other categories and missing values keep their values. Whole numbers are rounded,
    one-hot groups take one of their levels, and every row that is returned was shown to the model so. Numbers stay
    within the ranges of the reference rows, or within `permitted_range`. The result is deterministic, and that of a row
    does not depend on the others.

    Models with gradients are: `skdistill.nets.TorchTeacher`, classifiers of skorch, scikit-learn's `MLPClassifier`,
    linear classifiers whose answer is the softmax of their margins, and pipelines that end in one after steps which are
    affine in the numbers (scaling, rotations, encoders of categories).

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, besides those whose dtype is not numeric; they are kept.
    one_hot_groups : list of lists of str or int, default=None
        Columns that together encode one category.
    features_to_vary : array-like of str, int or bool, default=None
        Columns that may change. None means all.
    permitted_range : dict, default=None
        For a column, by name or index, the pair ``(low, high)`` that its numbers must lie in when they change.
    norm : {"l1", "l2"}, default="l1"
        Distance in the search: "l1" is the one of `proximity` and changes few features; "l2" is the mean of squares and
        changes all a little.
    scale : {"log_odds", "probability"}, default="log_odds"
        What f and t are. The log-odds have a gradient where the probability is close to 0 or 1.
    n_penalties : int, default=8
        How many weights of the distance are tried.
    max_iter : int, default=50
        Steps of each descent at most.
    chunk_rows : int, default=50_000
        At most so many rows are sent to the model at a time, which bounds the memory at a few times
        ``chunk_rows * n_features * 8`` bytes.

    Attributes
    ----------
    estimator_ : estimator
        The model, as given, or the holder of a skorch net.
    classes_ : ndarray of shape (n_classes,)
        Its classes.
    n_features_in_ : int
        Number of columns of the reference rows.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where they are strings.

    See Also
    --------
    NearestInstanceCounterfactual : For any model with probabilities.
    GrowingSpheresCounterfactual : For numbers and any such model.

    References
    ----------
    Wachter, Mittelstadt, Russell: Counterfactual explanations without opening the black box, Harvard Journal of Law &
    Technology 31, 2018, equation 1.

    Livanos, Davidson, Wong: Cooperative Knowledge Distillation: A Learner Agnostic Approach, AAAI 2024, where t is
    ``f(x) + a (1 - f(x))`` for the row's own class.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdistill.counterfactual import GradientCounterfactual
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> found = GradientCounterfactual().fit(model, X, y).generate(X[50:100], target=2)
    >>> bool(found.valid.all()), bool((found.sparsity <= 2).all())
    (True, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCounterfactual._parameter_constraints,
        "norm": [StrOptions({"l1", "l2"})],
        "scale": [StrOptions({"log_odds", "probability"})],
        "n_penalties": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        categorical_features: str | ArrayLike = "from_dtype",
        one_hot_groups: Sequence[Sequence[Any]] | None = None,
        features_to_vary: ArrayLike | None = None,
        permitted_range: Mapping[Any, Any] | None = None,
        norm: Norm = "l1",
        scale: Scale = "log_odds",
        n_penalties: int = 8,
        max_iter: int = 50,
        chunk_rows: int = 50_000,
    ) -> None:
        super().__init__(
            categorical_features=categorical_features,
            one_hot_groups=one_hot_groups,
            features_to_vary=features_to_vary,
            permitted_range=permitted_range,
            chunk_rows=chunk_rows,
        )
        self.norm = norm
        self.scale = scale
        self.n_penalties = n_penalties
        self.max_iter = max_iter

    def _prepare(self) -> None:
        # A model without gradients is refused here. What is found is not kept, so that the generator can be pickled.
        differentiable(self.estimator_)

    def _search(self, queries: Queries, oracle: Oracle) -> np.ndarray:
        box = SearchBox(self._space, oracle.form, groups=True)
        if not box.free.any():
            return np.array(queries.values)
        step = max(1, self.chunk_rows // (len(BEYOND_END) + len(BEYOND_BOX)))
        parts = [
            self._search_block(queries.take(slice(start, start + step)), box, oracle)
            for start in range(0, len(queries), step)
        ]
        return np.concatenate(parts)

    def _search_block(self, queries: Queries, box: SearchBox, oracle: Oracle) -> np.ndarray:
        """Descend from the rows themselves, and, where that finds nothing, from the middle of the target and beyond."""
        descent = self._descent(queries, box, oracle)
        n = len(queries)
        _, slope, curvature = descent.loss(np.zeros_like(descent.lower), np.arange(n))
        largest = largest_penalty(slope, curvature, descent.lower, descent.upper, descent.weights, self.norm)
        lacking = 1.0 - queries.proba[np.arange(n), queries.target]
        best = Best(np.array(queries.values), np.zeros(n, dtype=bool), lacking)
        falling = np.append(FIRST_SHARE * NEXT_SHARE ** np.arange(self.n_penalties), 0.0)
        self._path(queries, np.zeros_like(descent.lower), falling * largest[:, None], best, descent, box, oracle)
        # From afar the penalty is raised instead, which leads home as far as the target reaches.
        for prototypes in self._prototypes():
            if best.valid.all():
                break
            away = (prototypes[queries.target] - queries.values)[:, box.free] / box.width[box.free]
            start = np.clip(np.nan_to_num(away), descent.lower, descent.upper)
            self._path(queries, start, falling[::-1] * largest[:, None], best, descent, box, oracle)
        return best.rows

    def _path(
        self,
        queries: Queries,
        moves: np.ndarray,
        strengths: np.ndarray,
        best: "Best",
        descent: Descent,
        box: SearchBox,
        oracle: Oracle,
    ) -> None:
        """Descend under one penalty after the other, and keep the best row that each row's ways lead to."""
        active = np.flatnonzero(~best.valid)
        worse = np.zeros(len(queries), dtype=int)
        for strength in strengths.T:
            # Without a penalty only validity is looked for.
            at = active if strength.any() else active[~best.valid[active]]
            if not len(at):
                continue
            moves[at] = descent.run(moves[at], at, strength[at])
            better = best.improve(at, *self._follow(queries.take(at), moves[at], box, oracle))
            worse[at] = np.where(better, 0, worse[at] + 1)
            # Once two penalties in a row have not helped a valid row, further ones will not.
            active = active[~best.valid[active] | (worse[active] < 2)]

    def _prototypes(self) -> list[np.ndarray]:
        """Return, for each class, the mean of the reference rows that the model takes for it, and the surest row."""
        said = self._reference_proba.argmax(axis=1)
        means = np.full((len(self.classes_), self._space.n_columns), np.nan)
        for code in np.unique(said):
            rows = self._reference[said == code]
            known = ~np.isnan(rows)
            total = np.where(known, rows, 0.0).sum(axis=0)
            means[code] = np.divide(total, known.sum(axis=0), out=means[code], where=known.any(axis=0))
        return [means, self._reference[self._reference_proba.argmax(axis=0)]]

    def _descent(self, queries: Queries, box: SearchBox, oracle: Oracle) -> Descent:
        """State the problem of each row in moves, shares of the columns' ranges."""
        columns = np.flatnonzero(box.free)
        values, width = queries.values[:, columns], box.width[columns]
        # A value outside its range may stay, and move towards it.
        lower = np.minimum((box.low[columns] - values) / width, 0.0)
        upper = np.maximum((box.high[columns] - values) / width, 0.0)
        grouped = self._space.grouped[self._space.unit_of[columns]]
        groups = []
        for unit in box.groups:
            places = np.flatnonzero(np.isin(columns, unit))
            own = (values[:, places] - self._space.low[columns[places]]) / width[places]
            one_hot = (np.isin(own, (0.0, 1.0)).all(axis=1)) & (own.sum(axis=1) == 1.0)
            lower[np.ix_(~one_hot, places)] = upper[np.ix_(~one_hot, places)] = 0.0
            groups.append((places, own, one_hot))
        fixed = np.isnan(values)
        lower[fixed] = upper[fixed] = 0.0
        # Where another class leads, half of the probability makes sure that the target does afterwards.
        aim = np.where(queries.other, np.maximum(queries.threshold, 0.5), queries.threshold)
        return Descent(
            ask=TargetLogOdds(*differentiable(self.estimator_), self._reference, queries, box, oracle),
            # A descent rests a little before its aim.
            aim=logit(np.clip(aim, EXTREME, 1.0 - EXTREME)) + AIM_BEYOND,
            lower=lower,
            upper=upper,
            # One level out and one in are one change of a group.
            weights=np.where(grouped, 0.5, 1.0) / self._space.n_units,
            groups=groups,
            norm=self.norm,
            scale=self.scale,
            max_iter=self.max_iter,
        )

    def _follow(
        self, queries: Queries, moves: np.ndarray, box: SearchBox, oracle: Oracle
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Follow each row's way to the first valid row; the rows, whether they are valid, and how bad they are."""
        n, own = len(queries), queries.values
        longest = np.abs(moves).max(axis=1)
        reach = np.abs(own[:, box.free] - np.where(moves < 0, box.low[box.free], box.high[box.free]))
        reach = np.where(moves != 0, reach / box.width[box.free], 0.0).max(axis=1)
        delta = np.zeros_like(own)
        delta[:, box.free] = moves / np.maximum(longest, 1e-300)[:, None] * box.width[box.free]
        shares = np.column_stack([longest[:, None] * BEYOND_END, reach[:, None] * BEYOND_BOX])
        shares = np.sort(np.minimum(shares, reach[:, None] * BEYOND_BOX[-1]), axis=1)
        owner = np.repeat(np.arange(n), shares.shape[1])
        candidates = box.project(own[owner], own[owner] + shares.reshape(-1, 1) * delta[owner])
        proba = oracle.proba(candidates)
        good = queries.meets(proba, owner).reshape(n, -1)
        lacking = 1.0 - proba[np.arange(len(owner)), queries.target[owner]].reshape(n, -1)
        hit = np.asarray(good.any(axis=1))
        pick = np.where(hit, good.argmax(axis=1), lacking.argmin(axis=1))
        each = np.arange(n)
        found = candidates[each * shares.shape[1] + pick]
        before = np.where(pick > 0, shares[each, np.maximum(pick - 1, 0)], 0.0)
        chosen = shares[each, pick]
        ready = queries.take(hit)
        wanted = own + chosen[:, None] * delta
        start = (before / np.maximum(chosen, 1e-300))[hit]
        found[hit] = pull_back(ready, wanted[hit], found[hit], box, oracle, start=start, n_steps=PULL_STEPS)
        size = unit_distances(own, found, self._space)
        far = size.mean(axis=1) if self.norm == "l1" else (size**2).mean(axis=1)
        return found, hit, np.where(hit, far, lacking[each, pick])
