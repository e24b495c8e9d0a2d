"""Numbers brought back towards the row as far as the answer allows, all rows in lock-step."""

import numpy as np

from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._distance import changed_columns, column_distances
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._space import FeatureSpace

# It is not worth a question to be closer than this share of a column's range, or this share of the way.
FINEST = 1 / 256
LAST_PART = 1 / 32

__all__ = ["bring_back"]


def bring_back(queries: Queries, found: np.ndarray, oracle: Oracle, space: FeatureSpace) -> np.ndarray:
    """Bisect changed numbers between the row and its counterfactual, those that moved farthest first.

    Each question is about one number of every row that is not done yet. Whole numbers stay whole, and what is returned
    was valid when it was asked about.

    Parameters
    ----------
    queries : Queries
        The rows.
    found : ndarray of shape (n, n_columns)
        A valid counterfactual of each, encoded.
    oracle : Oracle
        The model.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n, n_columns)
        Valid counterfactuals that are no farther away.
    """
    out = np.array(found)
    own = queries.values
    number = ~space.is_category & ~space.grouped[space.unit_of]
    gaps = np.where(number & changed_columns(own, out), column_distances(own, out, space), 0.0)
    gaps[np.isnan(own) | np.isnan(out)] = 0.0
    order = np.argsort(-gaps, axis=1, kind="stable")
    search = Bisection(own, out, order, (gaps > FINEST).sum(axis=1), space)
    while len(search.active):
        rows, columns, middle = search.ask()
        asked = out[rows]
        asked[np.arange(len(rows)), columns] = middle
        search.learn(queries.meets(oracle.proba(asked), rows), middle)
    return out


class Bisection:
    """Where each row stands: the column it is at, and the interval that holds the limit.

    Parameters
    ----------
    own : ndarray of shape (n, n_columns)
        The rows, encoded.
    out : ndarray of shape (n, n_columns)
        Their counterfactuals, changed in place.
    order : ndarray of shape (n, n_columns), int
        In which order columns are treated.
    count : ndarray of shape (n,), int
        How many of them are.
    space : FeatureSpace
        The columns.
    """

    def __init__(
        self, own: np.ndarray, out: np.ndarray, order: np.ndarray, count: np.ndarray, space: FeatureSpace
    ) -> None:
        self.own, self.out, self.order, self.count, self.space = own, out, order, count, space
        self.place = np.zeros(len(own), dtype=np.intp)
        self.column = np.zeros(len(own), dtype=np.intp)
        self.near, self.middle, self.least = np.zeros(len(own)), np.zeros(len(own)), np.zeros(len(own))
        self.active = np.flatnonzero(count > 0)
        self._enter(self.active)
        self._settle(self.active)

    def ask(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows to ask about, with the column and the number of each."""
        return self.active, self.column[self.active], self.middle[self.active]

    def learn(self, valid: np.ndarray, middle: np.ndarray) -> None:
        """Halve the intervals by the answers, and go on to the next column where one is done."""
        rows = self.active
        self.out[rows[valid], self.column[rows[valid]]] = middle[valid]
        self.near[rows[~valid]] = middle[~valid]
        self._settle(rows)

    def _enter(self, rows: np.ndarray) -> None:
        """Begin with the column that is next for some rows."""
        column = self.order[rows, self.place[rows]]
        self.column[rows] = column
        self.near[rows] = np.clip(self.own[rows, column], self.space.lower[column], self.space.upper[column])
        way = np.abs(self.out[rows, column] - self.near[rows])
        self.least[rows] = np.maximum(way * self.space.scale[column] * LAST_PART, FINEST)

    def _settle(self, rows: np.ndarray) -> None:
        """Give each row a number to ask about, or retire it."""
        while len(rows):
            column, near = self.column[rows], self.near[rows]
            far = self.out[rows, column]
            middle = near + (far - near) / 2
            middle = np.where(self.space.integer[column], np.round(middle), middle)
            open_rows = (middle != near) & (middle != far)
            open_rows &= np.abs(far - near) * self.space.scale[column] > self.least[rows]
            self.middle[rows] = middle
            rows = rows[~open_rows]
            self.place[rows] += 1
            rows = rows[self.place[rows] < self.count[rows]]
            self._enter(rows)
        self.active = self.active[self.place[self.active] < self.count[self.active]]
