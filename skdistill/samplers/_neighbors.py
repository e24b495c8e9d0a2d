"""Nearest rows of a table with numbers and categories."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skdistill._columns import TableSchema

CHUNK_ROWS = 8192
FREQUENT_LEVELS = 32
TREE_DIMENSIONS = 6

__all__ = ["MixedNeighbors", "MixedSpace"]


def unit_range(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map numbers from [low, high] to [0, 1], without overflow; a constant becomes 0."""
    width = high / 2 - low / 2
    return (values / 2 - low / 2) / width if width > 0 else np.where(np.isnan(values), np.nan, 0.0)


class MixedSpace:
    r"""Coordinates in which Euclidean distance is the distance of mixed rows.

    .. math::
        d(a, b)^2 = \sum_{j \text{ number}} \frac{(a_j - b_j)^2}{\sigma_j^2}
        + 2 \sum_{j \text{ category}} [a_j \ne b_j]

    A pair of random rows differs in a number by :math:`2 \sigma_j^2` in mean square, hence the 2: categories
    and numbers weigh alike. A missing number is one more level, at the mean of the others. Levels beyond the
    most frequent ones of a category count as one.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    values : ndarray of shape (n_rows, n_columns)
        Encoded rows that say how the numbers scatter and which levels are frequent.
    """

    def __init__(self, schema: TableSchema, values: np.ndarray) -> None:
        self.schema = schema
        self.scales: list[tuple[float, float]] = []
        self.lookups: list[np.ndarray | None] = []
        for j, column in enumerate(schema.columns):
            if column.is_category:
                counts = np.bincount(values[:, j].astype(np.intp), minlength=column.n_levels)
                ranks = np.empty(column.n_levels, dtype=np.intp)
                ranks[np.argsort(-counts, kind="stable")] = np.arange(column.n_levels)
                self.lookups.append(np.minimum(ranks, FREQUENT_LEVELS))
                self.scales.append((0.0, 1.0))
            else:
                unit = unit_range(values[:, j], column.low, column.high)
                present = unit[~np.isnan(unit)]
                spread = float(present.std()) if present.size else 0.0
                self.lookups.append(None)
                self.scales.append((float(present.mean()) if present.size else 0.0, spread or 1.0))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Give the coordinates of encoded rows.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Encoded rows.

        Returns
        -------
        ndarray of shape (n, n_coordinates), float32
            Their coordinates.
        """
        parts = []
        for j, (column, lookup) in enumerate(zip(self.schema.columns, self.lookups, strict=True)):
            if lookup is not None:
                width = min(column.n_levels, FREQUENT_LEVELS + 1)
                parts.append(np.eye(width, dtype=np.float32)[lookup[values[:, j].astype(np.intp)]])
                continue
            mean, spread = self.scales[j]
            scaled = (unit_range(values[:, j], column.low, column.high) - mean) / spread
            parts.append(np.nan_to_num(scaled, nan=0.0)[:, None])
            if column.has_missing:
                parts.append(np.sqrt(2.0) * np.isnan(scaled)[:, None])
        return np.concatenate(parts, axis=1, dtype=np.float32)


class MixedNeighbors:
    """Nearest rows among a bounded number of candidates, without the row itself.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    values : ndarray of shape (n_rows, n_columns)
        Encoded rows of the table.
    n_neighbors : int
        How many neighbours a row has.
    max_candidates : int or None
        Neighbours are searched among this many rows, chosen by chance; None means all.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self,
        schema: TableSchema,
        values: np.ndarray,
        *,
        n_neighbors: int,
        max_candidates: int | None,
        rng: np.random.Generator,
    ) -> None:
        n_rows = len(values)
        self.candidates = np.arange(n_rows)
        if max_candidates is not None and max_candidates < n_rows:
            self.candidates = np.sort(rng.choice(n_rows, max_candidates, replace=False))
        chosen = values[self.candidates]
        self.space = MixedSpace(schema, chosen)
        self.n_neighbors = min(n_neighbors, len(self.candidates) - 1)
        if self.n_neighbors:
            coordinates = self.space.transform(chosen)
            tree = "kd_tree" if coordinates.shape[1] <= TREE_DIMENSIONS else "brute"
            self.index = NearestNeighbors(n_neighbors=self.n_neighbors + 1, algorithm=tree).fit(coordinates)

    def query(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Find the neighbours of some rows of the table.

        Parameters
        ----------
        rows : ndarray of shape (m,), int
            Row numbers.
        values : ndarray of shape (n_rows, n_columns)
            The encoded table.

        Returns
        -------
        ndarray of shape (m, max(1, n_neighbors)), int
            Row numbers of the neighbours, nearest first. The only row of a table is its own neighbour.
        """
        if not self.n_neighbors:
            return np.repeat(self.candidates[:1], len(rows))[:, None]
        found = np.empty((len(rows), self.n_neighbors), dtype=np.intp)
        for start in range(0, len(rows), CHUNK_ROWS):
            part = rows[start : start + CHUNK_ROWS]
            near = self.index.kneighbors(self.space.transform(values[part]), return_distance=False)
            near = self.candidates[near]
            drop = near == part[:, None]
            # A row that is no candidate, or has many twins, may not be among its own neighbours.
            drop[~drop.any(axis=1), -1] = True
            found[start : start + CHUNK_ROWS] = near[~drop].reshape(len(part), -1)
        return found
