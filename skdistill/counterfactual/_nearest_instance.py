"""Counterfactuals made of values of the nearest reference rows."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import Interval
from skdistill.counterfactual._anchors import Anchors, find_anchors
from skdistill.counterfactual._base import BaseCounterfactual, Queries
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._refine import bring_back
from skdistill.counterfactual._walk import Walks, best_walks, drop_needless, nearest_way, walk

__all__ = ["NearestInstanceCounterfactual"]


class NearestInstanceCounterfactual(BaseCounterfactual):
    r"""Counterfactuals made of values of the nearest reference rows of the target class.

    For each row the nearest *anchors* are found: reference rows labelled with the target that the model gets right with
    at least the demanded probability. From the row a walk goes towards each of them, feature by feature: every value
    that can be taken is tried, and the one that brings most for its distance is taken, until the model is convinced.
    A walk ends at its anchor at the latest, so each row that has an anchor gets a valid counterfactual. Then changes
    that turn out not to be needed are undone, and numbers are brought back towards the row as far as the model allows.

    Parameters
    ----------
    n_anchors : int, default=4
        To how many anchors walks go from each row. More make fewer and smaller changes and need more model rows.
    refine : bool, default=True
        Whether changed numbers are brought back towards the row, to within 1/32 of the way or 1/256 of the column's
        range. Without it each value is one that the row or an anchor has.
    copy_limit : int, default=None
        At most so many values of a counterfactual are taken from one reference row; where that is not enough, the walk
        goes on with values of the next anchors. This bounds what a counterfactual tells about a single row, and a
        valid counterfactual is no longer certain.
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, as names, indices or a mask, besides those whose dtype is not numeric.
    one_hot_groups : list of lists of str or int, default=None
        Columns that together encode one category. A group changes as one and counts as one feature.
    features_to_vary : array-like of str, int or bool, default=None
        Columns that may change, as names, indices or a mask; None means all.
    permitted_range : dict, default=None
        What a changed value may be, by column name or index: ``(low, high)`` for a number, where None leaves an end
        open, and a list of values for a category.
    chunk_rows : int, default=50_000
        At most so many rows are sent to the model at a time. Rows are handled in blocks such that the search holds
        about this many candidate rows, ``8 * chunk_rows * n_features`` bytes, and a few times this in passing.

    Attributes
    ----------
    estimator_ : estimator
        The model.
    classes_ : ndarray of shape (n_classes,)
        Its classes.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where all of them are strings.

    See Also
    --------
    GrowingSpheresCounterfactual : Needs no reference rows near by.
    GradientCounterfactual : Follows the gradient of a network.

    Notes
    -----
    The idea is that of NICE [1]_, which walks to one anchor and has two rewards to choose from: the gain in
    probability, which needs few changes, and the gain per distance, which goes a short way. Here a change is worth

    .. math:: \Delta p / \sqrt{d + \epsilon},

    which is between the two, and the walks to several anchors compete; together they need fewer changes than the first
    and go a shorter way than the second. None goes farther than the nearest anchor is. All rows move in lock-step: a
    round is one call of the model about every value that any row can take, each distinct row once. Among changes that
    convince the model the nearest is taken; ties go to the larger probability, then to the earlier feature, and between
    walks to fewer changes, then the shorter distance, then the nearer anchor, of two equally near ones that of the
    lower row index.

    Where no reference row of the target reaches the demanded probability, the walk goes to the most typical one; what
    is returned then is valid only if it came across a valid row. With `features_to_vary` or `permitted_range` an
    anchor's values are taken as far as they are permitted, and those of the 1,024 nearest anchors are used that are
    still valid then.

    The extension to the own class, with a higher probability demanded, is the quintessential counterfactual of [2]_.

    References
    ----------
    .. [1] Brughmans, D., Leyman, P., Martens, D. (2023). NICE: an algorithm for nearest instance counterfactual
       explanations. Data Mining and Knowledge Discovery, 38, 2665-2703.
    .. [2] Livanos, M., Davidson, I., Wong, S. (2024). Cooperative knowledge distillation: a learner agnostic approach.
       AAAI, 38(12), section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.counterfactual import NearestInstanceCounterfactual
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> search = NearestInstanceCounterfactual().fit(forest, X, y)
    >>> found = search.generate(X[:50], target=1)
    >>> bool(found.valid.all()), int(found.sparsity.max())
    (True, 2)

    The same class, more typical of it, petals as they are:

    >>> sepals = NearestInstanceCounterfactual(features_to_vary=[0, 1]).fit(forest, X, y)
    >>> typical = sepals.generate(X[121:122], target=2, threshold=0.95)
    >>> X[121], typical.X[0]
    (array([5.6, 2.8, 4.9, 2. ]), array([6.00625, 2.8    , 4.9    , 2.     ]))
    >>> typical.probability_before, typical.probability
    (array([0.9]), array([0.97]))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCounterfactual._parameter_constraints,
        "n_anchors": [Interval(Integral, 1, None, closed="left")],
        "refine": ["boolean"],
        "copy_limit": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        n_anchors: int = 4,
        refine: bool = True,
        copy_limit: int | None = None,
        categorical_features: str | ArrayLike = "from_dtype",
        one_hot_groups: Sequence[Sequence[Any]] | None = None,
        features_to_vary: ArrayLike | None = None,
        permitted_range: Mapping[Any, Any] | None = None,
        chunk_rows: int = 50_000,
    ) -> None:
        super().__init__(
            categorical_features=categorical_features,
            one_hot_groups=one_hot_groups,
            features_to_vary=features_to_vary,
            permitted_range=permitted_range,
            chunk_rows=chunk_rows,
        )
        self.n_anchors = n_anchors
        self.refine = refine
        self.copy_limit = copy_limit

    def _prepare(self) -> None:
        self._anchors = Anchors(self._reference, self._labels, self._reference_proba, self._space)

    def _search(self, queries: Queries, oracle: Oracle) -> np.ndarray:
        out = np.empty_like(queries.values)
        step = max(1, self.chunk_rows // self._space.n_units)
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            out[part] = self._block(queries.take(part), oracle)
        return out

    def _block(self, queries: Queries, oracle: Oracle) -> np.ndarray:
        """Find the counterfactuals of as many rows as one round may send."""
        space = self._space
        out = np.array(queries.values)
        limit = self.copy_limit
        n_goals = self.n_anchors if limit is None else max(self.n_anchors, -(-space.n_units // limit))
        owner, rank, goal = find_anchors(self._anchors, queries, n_goals, oracle, space)
        if not len(owner):
            return out
        reach = nearest_way(queries, owner, rank, goal, space)
        walks = Walks(queries.take(owner), owner, rank, goal, reach)
        if limit is None:
            walk(walks.begin(space), oracle, space)
        else:
            walks = walk_on(walks, limit, self.n_anchors, oracle, space)
        walks = walks.select(best_walks(walks))
        drop_needless(walks, oracle, space)
        better = walks.valid | (walks.proba > queries.proba[walks.owner, queries.target[walks.owner]])
        out[walks.owner[better]] = walks.current[better]
        done = walks.owner[walks.valid]
        if self.refine:
            out[done] = bring_back(queries.take(done), out[done], oracle, space)
        return out

    def _reason(self, target: int) -> str:
        if len(self._anchors.rows[target]):
            return ""
        return " The model takes no reference row that is labelled with this class for it."


def walk_on(walks: Walks, limit: int, n_anchors: int, oracle: Oracle, space: Any) -> Walks:
    """Walk to one anchor after the other, taking at most so many units from each.

    Parameters
    ----------
    walks : Walks
        One walk for each anchor of each row, the anchors of a row behind each other.
    limit : int
        How many units to take from one anchor.
    n_anchors : int
        With how many of its anchors each row begins.
    oracle : Oracle
        The model.
    space : FeatureSpace
        The columns.

    Returns
    -------
    Walks
        The walks that began, at their ends.
    """
    goals, first = walks.goal, np.flatnonzero(walks.rank == 0)
    count = np.bincount(walks.owner, minlength=int(walks.owner.max()) + 1)
    first_of = np.zeros(len(count), dtype=np.intp)
    first_of[walks.owner[first]] = first
    begun = np.flatnonzero(walks.rank < n_anchors)
    # The nearest anchor is no bound where it may not be reached.
    anywhere = np.full(len(begun), np.inf)
    moving = Walks(walks.queries.take(begun), walks.owner[begun], walks.rank[begun], goals[begun], anywhere).begin(
        space
    )
    for turn in range(int(count.max())):
        # Each walk passes all anchors of its row, beginning with its own.
        place = (moving.rank + turn) % count[moving.owner]
        going = turn < count[moving.owner]
        moving.goal = np.where(going[:, None], goals[first_of[moving.owner] + place], moving.current)
        walk(moving, oracle, space, rounds=limit)
        if moving.valid.all():
            break
    return moving
