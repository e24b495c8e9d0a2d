"""How far numbers may be moved, and what becomes of a row that was moved: whole numbers, one-hot groups, ranges."""

import numpy as np

from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._forms import QueryForm
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._space import FeatureSpace

__all__ = ["SearchBox", "pull_back"]


class SearchBox:
    """The part of a feature space in which a search may move: its numbers, within their ranges.

    Parameters
    ----------
    space : FeatureSpace
        The columns.
    form : QueryForm
        What the queries' dtypes can hold.
    groups : bool
        Whether one-hot groups may change.

    Attributes
    ----------
    free : ndarray of shape (n_columns,), bool
        Columns that may move: numbers that vary and are not constant in the reference rows.
    width : ndarray of shape (n_columns,)
        Their ranges in the reference rows; 1 for other columns.
    low, high : ndarray of shape (n_columns,)
        How far they may go: the permitted range, and where nothing was said, the range of the reference rows.
    """

    def __init__(self, space: FeatureSpace, form: QueryForm, *, groups: bool) -> None:
        self.space, self.form = space, form
        number = ~space.is_category & (space.scale > 0) & space.varies[space.unit_of]
        grouped = space.grouped[space.unit_of]
        self.free = number & (~grouped | groups)
        self.width = np.where(self.free, space.high - space.low, 1.0)
        # A permitted range may lie beside that of the reference rows.
        self.low = np.where(np.isfinite(space.lower), space.lower, np.minimum(space.low, space.upper))
        self.high = np.where(np.isfinite(space.upper), space.upper, np.maximum(space.high, space.lower))
        self.groups = [unit for unit, many in zip(space.units, space.grouped, strict=True) if many and groups]
        self.groups = [unit for unit in self.groups if self.free[unit].any()]
        self.single = self.free & ~grouped

    def project(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Turn wanted rows into rows that the table can hold and the ranges permit.

        Whole numbers are rounded, each one-hot group takes the nearest of its levels, missing values and columns that
        may not move keep the row's value.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            The rows themselves, encoded.
        wanted : ndarray of shape (n, n_columns)
            What they would become.

        Returns
        -------
        ndarray of shape (n, n_columns)
            What they become.
        """
        out = np.where(self.single & ~np.isnan(rows), wanted, rows)
        # Where nothing moves, nothing is rounded or cut either.
        moved = out != rows
        whole = self.space.integer
        out[:, whole] = np.round(out[:, whole])
        out = np.where(moved, np.clip(out, self.low, self.high), rows)
        for unit in self.groups:
            out[:, unit] = self._nearest_level(rows[:, unit], wanted[:, unit], unit)
        return self.space.restrict(rows, self.form.settle(out))

    def _nearest_level(self, own: np.ndarray, wanted: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Give the level of a one-hot group that is nearest to relaxed values, ties to the row's own."""
        low, high = self.space.low[unit], self.space.high[unit]
        best = wanted.argmax(axis=1)
        level = np.where(np.arange(len(unit)) == best[:, None], high, low)
        stays = ((wanted - own) ** 2).sum(axis=1) <= ((wanted - level) ** 2).sum(axis=1)
        return np.where((stays | np.isnan(own).any(axis=1))[:, None], own, level)


def pull_back(
    queries: Queries,
    wanted: np.ndarray,
    found: np.ndarray,
    box: SearchBox,
    oracle: Oracle,
    *,
    start: np.ndarray | None = None,
    n_steps: int,
) -> np.ndarray:
    """Move valid rows back towards their queries, as far as they stay valid, by bisection of the segment between.

    Parameters
    ----------
    queries : Queries
        The rows.
    wanted : ndarray of shape (n, n_columns)
        Ends of the segments, not yet rounded or cut.
    found : ndarray of shape (n, n_columns)
        What became of them, valid rows.
    box : SearchBox
        What may move.
    oracle : Oracle
        The model.
    start : ndarray of shape (n,), default=None
        Share of the segment up to which rows are known not to be valid; None means 0.
    n_steps : int
        Number of bisections.

    Returns
    -------
    ndarray of shape (n, n_columns)
        Valid rows.
    """
    best = np.array(found)
    delta = wanted - queries.values
    far = np.ones(len(found))
    near = np.zeros(len(found)) if start is None else np.array(start)
    for _ in range(n_steps):
        middle = 0.5 * (near + far)
        candidates = box.project(queries.values, queries.values + middle[:, None] * delta)
        good = queries.meets(oracle.proba(candidates))
        best[good] = candidates[good]
        far, near = np.where(good, middle, far), np.where(good, near, middle)
    return best
