"""Counterfactuals by drawing rows around a row, in spheres that grow until the model gives way."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skdistill._sklearn import Interval
from skdistill.counterfactual._base import BaseCounterfactual, Queries
from skdistill.counterfactual._box import SearchBox, pull_back
from skdistill.counterfactual._distance import distance
from skdistill.counterfactual._oracle import Oracle

__all__ = ["GrowingSpheresCounterfactual"]

# Shells end within this share of the radius at which they were first met.
SHELL_TOLERANCE = 0.1
PULL_STEPS = 12


def shell_radii(inner: np.ndarray, outer: np.ndarray, uniform: np.ndarray, n_columns: int) -> np.ndarray:
    """Give radii that are uniform by volume between two spheres.

    ``(a^m + u (b^m - a^m))^(1/m)`` for the radii a and b in m dimensions.

    Parameters
    ----------
    inner, outer : ndarray of shape (n,)
        Radii a and b of each row's spheres, b positive.
    uniform : ndarray of shape (n_draws,)
        Numbers u in [0, 1).
    n_columns : int
        Dimensions m.

    Returns
    -------
    ndarray of shape (n, n_draws)
        Radii.
    """
    empty = (inner / outer)[:, None] ** n_columns
    return outer[:, None] * (empty + uniform * (1.0 - empty)) ** (1.0 / n_columns)


def next_radius(inner: np.ndarray, met: np.ndarray, radius: np.ndarray, hit: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give the shells of the next round: twice as large until the class is met, then halved.

    Parameters
    ----------
    inner : ndarray of shape (n,)
        Radius up to which nothing was met.
    met : ndarray of shape (n,)
        Least radius within which something was met; infinite before.
    radius : ndarray of shape (n,)
        Outer radius of the shell just drawn from.
    hit : ndarray of shape (n,), bool
        Whether something was met in it.

    Returns
    -------
    inner, met, radius : ndarray of shape (n,)
        The same for the next round.
    """
    met = np.where(hit, radius, met)
    inner = np.where(hit, inner, radius)
    return inner, met, np.where(np.isinf(met), 2.0 * radius, 0.5 * (inner + met))


class GrowingSpheresCounterfactual(BaseCounterfactual):
    """Counterfactuals found by drawing rows in growing spheres around a row.

    Rows are drawn uniformly between two spheres around the row, in units of the columns' ranges; the spheres grow until
    the model takes a drawn row for the target. The nearest such row is kept, and its changes are undone, the smallest
    first, as long as it stays valid. Last, it is pulled back towards the row. Radii double and are then bisected,
    rather than growing by equal steps, so that the first radius hardly matters.

    Only numbers move: categories, one-hot groups and missing values keep their values. Of the reference rows only
    the ranges are used; numbers stay within them, or within `permitted_range`.

    Directions are blind. With many columns few of them lead to the target, so that counterfactuals are farther than
    those of a directed search, and none may be found where the target takes many columns moving in concert.

    All rows advance together. They share the directions that are drawn, so that the counterfactual of a row does not
    depend on which other rows are asked about.

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, besides those whose dtype is not numeric.
    one_hot_groups : list of lists of str or int, default=None
        Columns that together encode one category; they are kept.
    features_to_vary : array-like of str, int or bool, default=None
        Columns that may change. None means all.
    permitted_range : dict, default=None
        For a column, by name or index, the pair ``(low, high)`` that its numbers must lie in when they change.
    first_radius : float, default=0.1
        Radius of the first sphere; 1 is the range of one column.
    n_draws : int, default=200
        Rows drawn per row and round. More find nearer counterfactuals, above all with many columns.
    max_rounds : int, default=20
        Rounds of drawing at most.
    chunk_rows : int, default=50_000
        At most so many rows are drawn and sent to the model at a time, which bounds the memory at a few times
        ``chunk_rows * n_features * 8`` bytes.
    random_state : int, RandomState instance or None, default=None
        Seed of the directions.

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
    NearestInstanceCounterfactual : Fewer model calls, and categories change too.
    GradientCounterfactual : For models with gradients.

    References
    ----------
    Laugel, Lesot, Marsala, Renard, Detyniecki: Comparison-based inverse classification for interpretability in machine
    learning, IPMU 2018, algorithms 1 (generation) and 2 (feature selection).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.counterfactual import GrowingSpheresCounterfactual
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> search = GrowingSpheresCounterfactual(random_state=0).fit(model, X, y)
    >>> found = search.generate(X[:50], target=1)
    >>> bool(found.valid.all()), bool((found.sparsity <= 2).all())
    (True, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCounterfactual._parameter_constraints,
        "first_radius": [Interval(Real, 0, None, closed="neither")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        categorical_features: str | ArrayLike = "from_dtype",
        one_hot_groups: Sequence[Sequence[Any]] | None = None,
        features_to_vary: ArrayLike | None = None,
        permitted_range: Mapping[Any, Any] | None = None,
        first_radius: float = 0.1,
        n_draws: int = 200,
        max_rounds: int = 20,
        chunk_rows: int = 50_000,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            categorical_features=categorical_features,
            one_hot_groups=one_hot_groups,
            features_to_vary=features_to_vary,
            permitted_range=permitted_range,
            chunk_rows=chunk_rows,
        )
        self.first_radius = first_radius
        self.n_draws = n_draws
        self.max_rounds = max_rounds
        self.random_state = random_state

    def _search(self, queries: Queries, oracle: Oracle) -> np.ndarray:
        box = SearchBox(self._space, oracle.form, groups=False)
        if not box.free.any():
            return np.array(queries.values)
        # One seed for all blocks, since each must see the same directions.
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        step = max(1, self.chunk_rows // self.n_draws)
        parts = []
        for start in range(0, len(queries), step):
            block = queries.take(slice(start, start + step))
            found, valid = self._generate(block, box, oracle, np.random.default_rng(seed))
            ready = block.take(valid)
            chosen = select_features(ready, found[valid], box, oracle)
            found[valid] = pull_back(ready, chosen, chosen, box, oracle, n_steps=PULL_STEPS)
            parts.append(found)
        return np.concatenate(parts)

    def _generate(
        self, queries: Queries, box: SearchBox, oracle: Oracle, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw until each row's nearest shell with the target is known; the best rows, and which are valid."""
        n = len(queries)
        best, valid = np.array(queries.values), np.zeros(n, dtype=bool)
        score = 1.0 - queries.proba[np.arange(n), queries.target]
        inner, met, radius = np.zeros(n), np.full(n, np.inf), np.full(n, float(self.first_radius))
        active = np.arange(n)
        # No row of the box is farther away than its diagonal.
        whole_box = np.sqrt(self._diagonal(queries.values, box))
        for _ in range(self.max_rounds):
            rows = queries.take(active)
            drawn, hit, badness = self._draw(rows, inner[active], radius[active], box, oracle, rng)
            better = (hit > valid[active]) | ((hit == valid[active]) & (badness < score[active]))
            at = active[better]
            best[at], score[at], valid[at] = drawn[better], badness[better], hit[better]
            inner[active], met[active], radius[active] = next_radius(inner[active], met[active], radius[active], hit)
            coarse = np.isinf(met) | (inner < (1.0 - SHELL_TOLERANCE) * met)
            active = np.flatnonzero(coarse & (inner < whole_box))
            if not len(active):
                break
        return best, valid

    def _diagonal(self, values: np.ndarray, box: SearchBox) -> np.ndarray:
        reach = np.maximum(np.abs(values - box.low), np.abs(values - box.high)) / box.width
        return np.where(box.free & ~np.isnan(reach), reach, 0.0) ** 2 @ np.ones(values.shape[1])

    def _draw(
        self,
        queries: Queries,
        inner: np.ndarray,
        outer: np.ndarray,
        box: SearchBox,
        oracle: Oracle,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw from one shell per row; the best row of each, whether it is valid, and how bad it is."""
        n, columns = len(queries), np.flatnonzero(box.free)
        directions = rng.normal(size=(self.n_draws, len(columns)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        radii = shell_radii(inner, outer, rng.uniform(size=self.n_draws), len(columns))
        owner = np.repeat(np.arange(n), self.n_draws)
        own = queries.values[owner]
        wanted = np.array(own)
        steps = radii[:, :, None] * (directions * box.width[columns])[None]
        wanted[:, columns] += steps.reshape(len(owner), -1)
        candidates = box.project(own, wanted)
        proba = oracle.proba(candidates)
        good = queries.meets(proba, owner)
        # Valid rows are ranked by distance, and the others, all behind them, by how far the target is.
        far = distance(own, candidates, self._space)
        lacking = 1.0 - proba[np.arange(len(owner)), queries.target[owner]]
        rank = np.where(good, far, np.inf).reshape(n, -1)
        fallback = lacking.reshape(n, -1)
        hit = np.asarray(good.reshape(n, -1).any(axis=1))
        pick = np.where(hit, rank.argmin(axis=1), fallback.argmin(axis=1))
        at = np.arange(n) * self.n_draws + pick
        return candidates[at], hit, np.where(hit, far[at], lacking[at])


def select_features(queries: Queries, found: np.ndarray, box: SearchBox, oracle: Oracle) -> np.ndarray:
    """Undo the changes of valid rows, the smallest first, as long as the rows stay valid.

    How many of the smallest changes can be undone together is bisected; the others are then tried one by one.

    Parameters
    ----------
    queries : Queries
        The rows.
    found : ndarray of shape (n, n_columns)
        A valid row for each.
    box : SearchBox
        What may move.
    oracle : Oracle
        The model.

    Returns
    -------
    ndarray of shape (n, n_columns)
        Valid rows.
    """
    best, own = np.array(found), queries.values
    size = np.where(box.free, np.abs(np.nan_to_num(found - own)) / box.width, 0.0)
    place = np.argsort(np.argsort(np.where(size > 0, size, np.inf), axis=1, kind="stable"), axis=1, kind="stable")
    changed = (size > 0).sum(axis=1)
    undone, too_many = np.zeros(len(best), dtype=int), np.array(changed)
    while (active := np.flatnonzero(too_many - undone > 1)).size:
        middle = (undone[active] + too_many[active]) // 2
        candidates = np.where(place[active] < middle[:, None], own[active], found[active])
        good = queries.meets(oracle.proba(candidates), active)
        undone[active[good]], too_many[active[~good]] = middle[good], middle[~good]
        best[active[good]] = candidates[good]
    for turn in range(int(changed.max(initial=0))):
        active = np.flatnonzero((turn > undone) & (turn < changed))
        if not len(active):
            continue
        candidates = np.where(place[active] == turn, own[active], best[active])
        good = queries.meets(oracle.proba(candidates), active)
        best[active[good]] = candidates[good]
    return best
