"""Rows as codes of states: how often each cell occurs, and the same for resampled, permuted and split rows."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Sample", "effective_rows", "normalised"]


def effective_rows(weight: np.ndarray | None, n_rows: int) -> float:
    """Return how many rows of equal weight tell as much: the squared sum over the sum of squares (Kish)."""
    if weight is None:
        return float(n_rows)
    share = weight / weight.max()
    return float(share.sum() ** 2 / (share**2).sum())


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows whose target and two sources are codes of states.

    Parameters
    ----------
    y, t, s : ndarray of shape (n_rows,), int
        Codes of the target, of the teacher's and of the student's state.
    shape : tuple of int
        Number of states (n_y, n_t, n_s).
    weight : ndarray of shape (n_rows,) or None, default=None
        Positive weights.
    """

    y: np.ndarray
    t: np.ndarray
    s: np.ndarray
    shape: tuple[int, int, int]
    weight: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def inflation(self) -> float:
        """By how much unequal weights raise biases: the number of rows over the effective number."""
        return self.n_rows / effective_rows(self.weight, self.n_rows)

    def cells(self) -> np.ndarray:
        """Return the cell of each row in the flat table (n_y, n_t, n_s), shape (n_rows,)."""
        return np.ravel_multi_index((self.y, self.t, self.s), self.shape)

    def count(self, cells: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        """Return how often, or with what weight, each cell occurs, shape (n_y, n_t, n_s)."""
        size = int(np.prod(self.shape))
        return np.bincount(cells, weights=weight, minlength=size).reshape(self.shape).astype(np.float64)

    def counts(self) -> np.ndarray:
        """Return the number of rows in each cell, whatever their weight."""
        return self.count(self.cells(), None)

    def pmf(self) -> np.ndarray:
        """Return the share of each cell in the weight."""
        return normalised(self.count(self.cells(), self.weight))

    def bootstrap(self, n: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows with replacement.

        Parameters
        ----------
        n : int
            Number of resamples.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        pmfs, counts : ndarray of shape (n, n_y, n_t, n_s)
            The share of each cell in the weight, and its number of rows.
        """
        if self.weight is None:
            # Which row of a cell was drawn makes no difference, so cells are drawn.
            counts = rng.multinomial(self.n_rows, self.counts().ravel() / self.n_rows, size=n)
            counts = counts.reshape(n, *self.shape).astype(np.float64)
            return normalised(counts), counts
        cells = self.cells()
        found, sums = np.empty((n, *self.shape)), np.empty((n, *self.shape))
        for i in range(n):
            rows = rng.randint(self.n_rows, size=self.n_rows)
            found[i] = self.count(cells[rows], None)
            sums[i] = self.count(cells[rows], self.weight[rows])
        return normalised(sums), found

    def permuted(self, n: int, what: str, within: str | None, rng: np.random.RandomState) -> np.ndarray:
        """Permute the states of one variable among the rows.

        Parameters
        ----------
        n : int
            Number of permutations.
        what : {"y", "t", "s"}
            The variable. The others stay with the weights where they are.
        within : {"y", "t", "s"} or None
            Only among rows that agree in this variable.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        ndarray of shape (n, n_y, n_t, n_s)
            The share of each cell.
        """
        codes = {"y": self.y, "t": self.t, "s": self.s}
        order = np.arange(self.n_rows) if within is None else np.argsort(codes[within], kind="stable")
        weight = None if self.weight is None else self.weight[order]
        codes = {name: values[order] for name, values in codes.items()}
        sizes = [self.n_rows] if within is None else np.bincount(codes[within])
        ends = np.cumsum(sizes)
        strata = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        tables = np.empty((n, *self.shape))
        moved = codes[what].copy()
        for i in range(n):
            for part in strata:
                rng.shuffle(moved[part])
            cells = np.ravel_multi_index(tuple({**codes, what: moved}.values()), self.shape)
            tables[i] = self.count(cells, weight)
        return normalised(tables)

    def split(self, n_parts: int, rng: np.random.RandomState) -> np.ndarray:
        """Deal the rows out to parts by chance.

        Parameters
        ----------
        n_parts : int
            Number of parts, of the same number of rows up to one.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        ndarray of shape (n_parts, n_y, n_t, n_s)
            The weight of each cell in each part.
        """
        order = rng.permutation(self.n_rows)
        cells = self.cells()
        weight = np.ones(self.n_rows) if self.weight is None else self.weight
        return np.stack([self.count(cells[order[i::n_parts]], weight[order[i::n_parts]]) for i in range(n_parts)])


def normalised(tables: np.ndarray) -> np.ndarray:
    """Scale tables (..., n_y, n_t, n_s) to sum 1 each."""
    return np.asarray(tables / tables.sum(axis=(-3, -2, -1), keepdims=True))
