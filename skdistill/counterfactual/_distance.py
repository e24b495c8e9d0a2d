"""How far mixed rows are from each other."""

import numpy as np
from scipy.spatial.distance import cdist

from skdistill.counterfactual._space import FeatureSpace

CHUNK_CELLS = 500_000
# Above this share of all pairs, comparing all numbers at once is faster than pair by pair.
SHORT_SHARE = 0.1
BARRED = np.iinfo(np.int16).max
# A grid with fewer steps than this for each number tells too little apart to be worth its time.
COARSEST = 30

__all__ = ["Neighbourhood", "changed_columns", "changed_units", "distance", "nearest_rows", "unit_distances"]


def column_distances(a: np.ndarray, b: np.ndarray, space: FeatureSpace) -> np.ndarray:
    r"""Give the distance of rows in each column.

    .. math::
        d_j(a, b) = |a_j - b_j| / r_j \text{ for numbers}, \qquad [a_j \ne b_j] \text{ for categories},

    where r is the range of the reference rows. A number in a column of range 0 adds nothing; a missing number is 1
    away from a present one and 0 from a missing one.

    Parameters
    ----------
    a, b : ndarray of shape (n, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n, n_columns)
        Distances.
    """
    gaps = np.abs(a - b) * space.scale
    codes = space.is_category
    if codes.any():
        gaps[:, codes] = a[:, codes] != b[:, codes]
    if np.isnan(gaps).any() or codes.any():
        gone_a, gone_b = np.isnan(a), np.isnan(b)
        gaps[gone_a != gone_b] = 1.0
        gaps[gone_a & gone_b] = 0.0
    return gaps


def unit_distances(a: np.ndarray, b: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """Give the distance of rows in each unit; a one-hot group counts 1 if any of its columns differ.

    Parameters
    ----------
    a, b : ndarray of shape (n, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n, n_units)
        Distances, from 0 to 1 within the range of the reference rows.
    """
    gaps = column_distances(a, b, space)
    if not space.grouped.any():
        return gaps
    first = np.array([unit[0] for unit in space.units])
    return np.where(space.grouped, changed_units(a, b, space), gaps[:, first])


def distance(a: np.ndarray, b: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """Give the mean distance of rows over units, after Gower and HEOM.

    Parameters
    ----------
    a, b : ndarray of shape (n, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n,)
        Distances.
    """
    return unit_distances(a, b, space).mean(axis=1)


def changed_columns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tell in which columns rows differ; two missing numbers do not."""
    differs = a != b
    gone = np.isnan(a) & np.isnan(b) if differs.any() else differs
    return differs & ~gone


def changed_units(a: np.ndarray, b: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """Tell in which units rows differ.

    Parameters
    ----------
    a, b : ndarray of shape (n, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n, n_units), bool
        Changed units.
    """
    return space.by_unit(changed_columns(a, b))


class Neighbourhood:
    """Rows among which nearest ones are searched, by the mean distance over units.

    All distances are first taken in small integers, with an error that is known. Only candidates that may be among the
    nearest in spite of it are compared exactly, so that the result is exact.

    Parameters
    ----------
    candidates : ndarray of shape (m, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.
    chunk_cells : int, default=500_000
        At most so many pairs of rows are looked at at a time.
    """

    def __init__(self, candidates: np.ndarray, space: FeatureSpace, *, chunk_cells: int = CHUNK_CELLS) -> None:
        self.candidates, self.space, self.chunk_cells = candidates, space, chunk_cells
        coded = np.array([space.grouped[u] or space.is_category[unit[0]] for u, unit in enumerate(space.units)])
        self._numbers = np.array([unit[0] for u, unit in enumerate(space.units) if not coded[u]], dtype=np.intp)
        self._coded = [unit for u, unit in enumerate(space.units) if coded[u]]
        self._tables = [LevelTable(candidates[:, unit]) for unit in self._coded]
        self._lost = np.isnan(candidates[:, self._numbers])
        # The sum over all units must stay below the mark of what a row does not accept.
        self._grid = (BARRED - 1) // space.n_units
        self._coarse = np.ascontiguousarray(self._on_grid(candidates).T)

    def query(
        self, values: np.ndarray, k: int = 1, *, score: np.ndarray | None = None, least: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest candidates of rows.

        Parameters
        ----------
        values : ndarray of shape (n, n_columns)
            Encoded rows.
        k : int, default=1
            How many candidates to find.
        score : ndarray of shape (m,), default=None
            A score of each candidate.
        least : ndarray of shape (n,), default=None
            The least score that each row accepts.

        Returns
        -------
        index : ndarray of shape (n, k), int
            Positions among the candidates, nearest first, ties to the lower position; -1 where there are no more.
        distance : ndarray of shape (n, k)
            Their distances; infinite where there are no more.
        """
        n, m = len(values), len(self.candidates)
        index, found = np.full((n, k), -1, dtype=np.intp), np.full((n, k), np.inf)
        step = max(1, self.chunk_cells // max(m, 1))
        for start in range(0, n if m else 0, step):
            part = slice(start, start + step)
            barred = None
            if score is not None and least is not None and least[part].max() > score.min():
                barred = score < least[part, None]
            pairs = self._shortlist(values[part], barred, k)
            if pairs is None:
                gaps = self._gaps(values[part]) + self._counts(values[part])
                if barred is not None:
                    gaps[barred] = np.inf
                index[part], found[part] = smallest(gaps, k)
            else:
                lines, places = pairs
                gaps = unit_distances(values[part][lines], self.candidates[places], self.space).sum(axis=1)
                index[part], found[part] = nearest_pairs(lines, places, gaps, len(values[part]), k)
        return index, found / self.space.n_units

    def _on_grid(self, values: np.ndarray) -> np.ndarray:
        """Bring numbers to whole steps of their range; outside of it all candidates are farther by the same."""
        space = self.space
        share = ((values - space.low) * space.scale)[:, self._numbers]
        return np.rint(np.clip(np.nan_to_num(share), 0.0, 1.0) * self._grid).astype(np.int16)

    def _outside(self, values: np.ndarray) -> bool:
        """Tell whether a number is out of range where some candidates miss it, which then keep their distance."""
        columns = self._numbers[self._lost.any(axis=0)]
        rows = values[:, columns]
        return bool(((rows < self.space.low[columns]) | (rows > self.space.high[columns])).any())

    def _counts(self, values: np.ndarray) -> np.ndarray:
        """Count the categories and groups in which rows and candidates differ."""
        counts = np.zeros((len(values), len(self.candidates)), dtype=np.int16 if len(self._coded) > 127 else np.int8)
        for unit, table in zip(self._coded, self._tables, strict=True):
            counts += table.differs[table.codes(values[:, unit])]
        return counts

    def _shortlist(self, values: np.ndarray, barred: np.ndarray | None, k: int) -> tuple[np.ndarray, np.ndarray] | None:
        """List all pairs of rows and candidates that may be among the k nearest, unless they are too many."""
        error = len(self._numbers)
        if self._grid < COARSEST * error or self._outside(values):
            return None
        gaps = self._counts(values).astype(np.int16)
        gaps *= self._grid
        coarse, lost = self._on_grid(values), np.isnan(values[:, self._numbers])
        gap = np.empty_like(gaps)
        for place, theirs in enumerate(self._coarse):
            np.subtract(coarse[:, place, None], theirs, out=gap)
            np.abs(gap, out=gap)
            if lost[:, place].any() or self._lost[:, place].any():
                gap[:, self._lost[:, place]] = self._grid
                gap[lost[:, place]] = np.where(self._lost[:, place], 0, self._grid)
            gaps += gap
        if barred is not None:
            gaps[barred] = BARRED
        reach = kth_smallest(gaps, k).astype(np.int32) + 2 * error
        flat = np.flatnonzero(gaps <= np.minimum(reach, BARRED - 1)[:, None].astype(np.int16))
        if len(flat) > SHORT_SHARE * gaps.size:
            return None
        lines, places = np.divmod(flat, gaps.shape[1])
        return lines, places

    def _gaps(self, values: np.ndarray) -> np.ndarray:
        """Give the sums of the distances in numbers of rows and all candidates."""
        ours, theirs = ((rows * self.space.scale)[:, self._numbers] for rows in (values, self.candidates))
        if not len(self._numbers):
            return np.zeros((len(values), len(self.candidates)))
        gaps = cdist(np.nan_to_num(ours), np.nan_to_num(theirs), "cityblock")
        lost = np.isnan(ours)
        for place in np.flatnonzero(lost.any(axis=0) | self._lost.any(axis=0)):
            a, b = ours[:, place][:, None], theirs[:, place][None]
            added = np.abs(np.nan_to_num(a) - np.nan_to_num(b))
            gaps += np.where(np.isnan(a) | np.isnan(b), (np.isnan(a) != np.isnan(b)) - added, 0.0)
        return np.asarray(gaps)


class LevelTable:
    """For each level of a unit, the candidates that have another one.

    Parameters
    ----------
    columns : ndarray of shape (m, n_unit_columns)
        The unit's columns of the candidates.
    """

    def __init__(self, columns: np.ndarray) -> None:
        rows = self._keys(columns)
        self.levels, codes = np.unique(rows, return_inverse=True)
        # The last line stands for levels that no candidate has.
        self.differs = np.arange(len(self.levels) + 1)[:, None].astype(np.int32) != codes.reshape(-1).astype(np.int32)

    def codes(self, columns: np.ndarray) -> np.ndarray:
        """Give the levels of rows the candidates' numbers, and a further one to unknown levels."""
        rows = self._keys(columns)
        place = np.minimum(np.searchsorted(self.levels, rows), len(self.levels) - 1)
        return np.where(self.levels[place] == rows, place, len(self.levels))

    @staticmethod
    def _keys(columns: np.ndarray) -> np.ndarray:
        # Adding 0.0 turns -0.0 into 0.0, so that equal numbers have equal bytes; NaN has one pattern.
        rows = np.ascontiguousarray(np.where(np.isnan(columns), np.nan, columns) + 0.0)
        if rows.shape[1] == 1:
            return rows[:, 0].view(np.uint64)
        return np.array([row.tobytes() for row in rows], dtype=object)


def nearest_pairs(
    lines: np.ndarray, places: np.ndarray, gaps: np.ndarray, n: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k pairs of smallest distance of each row.

    Parameters
    ----------
    lines, places : ndarray of shape (n_pairs,), int
        Rows, in increasing order, and candidates, in increasing order within a row.
    gaps : ndarray of shape (n_pairs,)
        Their distances.
    n : int
        Number of rows.
    k : int
        How many candidates to find.

    Returns
    -------
    index : ndarray of shape (n, k), int
        Candidates, nearest first, ties to the lower one; -1 where there are no more.
    found : ndarray of shape (n, k)
        Their distances.
    """
    index, found = np.full((n, k), -1, dtype=np.intp), np.full((n, k), np.inf)
    if not len(lines):
        return index, found
    gaps = np.array(gaps)
    starts = np.flatnonzero(np.r_[True, lines[1:] != lines[:-1]])
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(lines)]))
    for place in range(k):
        least = np.minimum.reduceat(gaps, starts)
        hits = np.flatnonzero((gaps == least[group]) & np.isfinite(gaps))
        first = hits[np.r_[True, group[hits][1:] != group[hits][:-1]]] if len(hits) else hits
        index[lines[first], place], found[lines[first], place] = places[first], gaps[first]
        gaps[first] = np.inf
    return index, found


def kth_smallest(gaps: np.ndarray, k: int) -> np.ndarray:
    """Give the k-th smallest entry of each row, the largest if there are fewer; the array is left as it was."""
    each, taken = np.arange(len(gaps)), []
    for place in range(min(k, gaps.shape[1])):
        best = gaps.argmin(axis=1)
        taken.append((best, gaps[each, best]))
        if place < k - 1:
            gaps[each, best] = BARRED
    for best, value in reversed(taken):
        gaps[each, best] = value
    return np.asarray(taken[-1][1])


def smallest(gaps: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k smallest entries of each row, ties to the lower position; entries may be overwritten.

    Parameters
    ----------
    gaps : ndarray of shape (n, m)
        Numbers; infinite ones are never found.
    k : int
        How many.

    Returns
    -------
    index : ndarray of shape (n, k), int
        Positions, smallest first; -1 where there are no more.
    found : ndarray of shape (n, k)
        The entries.
    """
    n, m = gaps.shape
    each = np.arange(n)
    index, found = np.full((n, k), -1, dtype=np.intp), np.full((n, k), np.inf)
    if k <= 8:
        for place in range(min(k, m)):
            best = gaps.argmin(axis=1)
            value = gaps[each, best]
            finite = np.isfinite(value)
            index[finite, place], found[finite, place] = best[finite], value[finite]
            gaps[each, best] = np.inf
        return index, found
    order = np.argsort(gaps, axis=1, kind="stable")[:, :k]
    value = np.take_along_axis(gaps, order, axis=1)
    width = order.shape[1]
    index[:, :width], found[:, :width] = np.where(np.isfinite(value), order, -1), value
    return index, found


def nearest_rows(
    values: np.ndarray, candidates: np.ndarray, space: FeatureSpace, k: int = 1, *, chunk_cells: int = CHUNK_CELLS
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest candidates of rows, ties to the lower position.

    Parameters
    ----------
    values : ndarray of shape (n, n_columns)
        Encoded rows.
    candidates : ndarray of shape (m, n_columns)
        Encoded rows among which to search.
    space : FeatureSpace
        The columns.
    k : int, default=1
        How many candidates to find.
    chunk_cells : int, default=500_000
        At most so many distances are held at a time.

    Returns
    -------
    index : ndarray of shape (n, k), int
        Positions among the candidates; -1 where there are no more.
    distance : ndarray of shape (n, k)
        Their distances; infinite where there are no more.
    """
    return Neighbourhood(candidates, space, chunk_cells=chunk_cells).query(values, k)
