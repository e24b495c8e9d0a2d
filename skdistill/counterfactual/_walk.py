"""Walks from rows towards anchors, one unit at a time and all of them in lock-step."""

from dataclasses import dataclass, field, fields

import numpy as np

from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._distance import changed_units, unit_distances
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._space import FeatureSpace

# A change that costs nothing, in a column that is constant in the reference rows, must not win by division alone.
LEAST_STEP = 1e-3
ROUNDING = 1e-9
# So many walks of a row go on after the first round. The others bring little for the questions they cost.
GO_ON = 2

__all__ = ["Walks", "best_walks", "column_keys", "drop_needless", "nearest_way", "ranks", "reward", "walk"]


@dataclass
class Walks:
    """Rows on their way to anchors; changed in place.

    Attributes
    ----------
    queries : Queries
        The row of each walk.
    owner : ndarray of shape (n,), int
        Number of that row; walks of one row compete.
    rank : ndarray of shape (n,), int
        Which of the row's anchors it heads for first, 0 for the nearest.
    goal : ndarray of shape (n, n_columns)
        The anchor, brought back to what may change.
    reach : ndarray of shape (n,)
        It may not go farther than this: the way to the row's nearest anchor, which is sure to be valid.
    current : ndarray of shape (n, n_columns)
        Where it is.
    proba : ndarray of shape (n,)
        The target's probability there.
    valid : ndarray of shape (n,), bool
        Whether that is a counterfactual.
    spent : ndarray of shape (n,)
        Distance from the row.
    taken : ndarray of shape (n, n_units), int
        The round in which a unit was changed, from 1 on; 0 where it was not.
    ended : ndarray of shape (n,), bool
        Whether it was given up.
    """

    queries: Queries
    owner: np.ndarray
    rank: np.ndarray
    goal: np.ndarray
    reach: np.ndarray
    current: np.ndarray = field(init=False)
    proba: np.ndarray = field(init=False)
    valid: np.ndarray = field(init=False)
    spent: np.ndarray = field(init=False)
    taken: np.ndarray = field(init=False)
    ended: np.ndarray = field(init=False)

    def begin(self, space: FeatureSpace) -> "Walks":
        """Put all walks at their start."""
        n = len(self.owner)
        self.current = np.array(self.queries.values)
        self.proba = self.queries.proba[np.arange(n), self.queries.target]
        self.valid = np.zeros(n, dtype=bool)
        self.spent = np.zeros(n)
        self.taken = np.zeros((n, space.n_units), dtype=np.int32)
        self.ended = np.zeros(n, dtype=bool)
        return self

    def select(self, walks: np.ndarray) -> "Walks":
        """Return some of the walks, copied."""
        first = (self.queries.take(walks), self.owner[walks], self.rank[walks], self.goal[walks], self.reach[walks])
        chosen = Walks(*first)
        for part in fields(self)[5:]:
            setattr(chosen, part.name, getattr(self, part.name)[walks])
        return chosen


@dataclass
class Stage:
    """What a stretch of walks towards fixed goals needs.

    Attributes
    ----------
    steps : ndarray of shape (n, n_units)
        Distance of row and goal in each unit.
    open : ndarray of shape (n, n_units), bool
        Units that can still be taken from the goal.
    keys : ndarray of shape (n,), uint64
        Numbers by which equal rows are recognised.
    moves : ndarray of shape (n, n_units), uint64
        What taking a unit adds to the key.
    known : tuple of ndarray
        Keys of the rows asked about last, in increasing order, with their probabilities and whether they are valid.
    """

    steps: np.ndarray
    open: np.ndarray
    keys: np.ndarray
    moves: np.ndarray
    known: tuple[np.ndarray, np.ndarray, np.ndarray] = (
        np.empty(0, dtype=np.uint64),
        np.empty(0),
        np.empty(0, dtype=bool),
    )


def reward(gain: np.ndarray, steps: np.ndarray) -> np.ndarray:
    r"""Weigh what a change brings against how far it goes.

    .. math:: r = \Delta p / \sqrt{d + \epsilon} \text{ where } \Delta p > 0, \qquad r = \Delta p \text{ elsewhere}

    Between the gain itself, which needs the fewest changes, and the gain per distance, which goes the shortest way.

    Parameters
    ----------
    gain : ndarray of shape (n, n_units)
        Change of the target's probability.
    steps : ndarray of shape (n, n_units)
        Distance of the change.

    Returns
    -------
    ndarray of shape (n, n_units)
        Rewards; minus infinity stays what it is.
    """
    return np.where(gain > 0, gain / np.sqrt(steps + LEAST_STEP), gain)


def first_best(*keys: np.ndarray) -> np.ndarray:
    """Find the column of each row that is largest by the first key, then by the next; ties to the lower column."""
    alive = np.ones(keys[0].shape, dtype=bool)
    for key in keys:
        shown = np.where(alive, key, -np.inf)
        alive &= shown == shown.max(axis=1, keepdims=True)
    return np.asarray(alive.argmax(axis=1))


def nearest_way(
    queries: Queries, owner: np.ndarray, rank: np.ndarray, goal: np.ndarray, space: FeatureSpace
) -> np.ndarray:
    """Give each walk the distance of its row's nearest anchor, summed over units."""
    nearest = np.flatnonzero(rank == 0)
    way = np.full(len(queries), np.inf)
    way[owner[nearest]] = unit_distances(queries.values[owner[nearest]], goal[nearest], space).sum(axis=1)
    return way[owner]


def walk(walks: Walks, oracle: Oracle, space: FeatureSpace, *, rounds: int | None = None) -> None:
    """Let all walks take units of their goals until one walk of each row is valid.

    In each round every unit that can still be taken is tried in every walk. A walk takes the nearest change that makes
    it valid, else the one of the largest reward. All walks of a row end with the first valid one. In the first round
    further anchors are asked about only if no single value of the nearest one is enough; after it two walks go on, the
    one to the nearest anchor and the one of the highest probability. No walk goes farther than the nearest anchor is.

    Parameters
    ----------
    walks : Walks
        The walks, changed in place.
    oracle : Oracle
        The model.
    space : FeatureSpace
        The columns.
    rounds : int, default=None
        Take at most so many units; None goes on to the goals.
    """
    stage = start_stage(walks, space)
    finished = np.zeros(int(walks.owner.max(initial=-1)) + 1, dtype=bool)
    finished[walks.owner[walks.valid]] = True
    turn = start = int(walks.taken.max(initial=0))
    while rounds is None or turn - start < rounds:
        turn += 1
        asked = False
        parts = [walks.rank == 0, walks.rank > 0] if turn == 1 else [np.ones(len(walks.owner), dtype=bool)]
        for part in parts:
            active = np.flatnonzero(part & ~finished[walks.owner] & ~walks.ended)
            active = active[within_reach(walks, stage, active).any(axis=1)]
            if len(active):
                asked = True
                take_round(walks, stage, active, turn, oracle, space)
                finished[walks.owner[active[walks.valid[active]]]] = True
        if not asked:
            break
        if turn == 1:
            give_up(walks, ~finished[walks.owner])


def give_up(walks: Walks, among: np.ndarray) -> None:
    """End all but the most promising walks of each row and the one to its nearest anchor, which is sure to arrive."""
    left = np.flatnonzero(among)
    order = left[np.lexsort((walks.rank[left], -walks.proba[left], walks.rank[left] > 0, walks.owner[left]))]
    walks.ended[order[ranks(walks.owner[order]) >= GO_ON]] = True


def ranks(line: np.ndarray) -> np.ndarray:
    """Count the entries of each row from 0 on, given row numbers in increasing order."""
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    return np.arange(len(line)) - np.repeat(starts, np.diff(np.append(starts, len(line))))


def start_stage(walks: Walks, space: FeatureSpace) -> Stage:
    """Look from where the walks are to their goals."""
    own = walks.queries.values
    differs = changed_units(own, walks.goal, space) & (walks.taken == 0)
    # The owner counts as one more column, because equal rows of two owners may want different classes.
    keys = column_keys(np.column_stack([walks.current, walks.owner])).sum(axis=1)
    moves = column_keys(walks.goal) - column_keys(own)
    return Stage(unit_distances(own, walks.goal, space), np.array(differs), keys, space.sum_units(moves))


def within_reach(walks: Walks, stage: Stage, active: np.ndarray) -> np.ndarray:
    """Tell which units some walks can still take without going too far."""
    way = walks.spent[active][:, None] + stage.steps[active]
    return stage.open[active] & (way <= walks.reach[active][:, None] + ROUNDING)


def column_keys(values: np.ndarray) -> np.ndarray:
    """Give each cell a number such that sums over different rows of cells differ, but for one chance in 2**64."""
    plain = np.ascontiguousarray(np.where(np.isnan(values), np.nan, values) + 0.0)
    bits: np.ndarray = plain.view(np.uint64) + np.arange(1, values.shape[1] + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def take_round(walks: Walks, stage: Stage, active: np.ndarray, turn: int, oracle: Oracle, space: FeatureSpace) -> None:
    """Try every open unit of some walks, and take the best one in each."""
    lines, units = np.nonzero(within_reach(walks, stage, active))
    keys = stage.keys[active][lines] + stage.moves[active][lines, units]
    keys, first, again = np.unique(keys, return_index=True, return_inverse=True)
    answers = ask_new(walks, stage, keys, active[lines[first]], units[first], oracle, space)
    proba = np.full((len(active), space.n_units), -np.inf)
    valid = np.zeros(proba.shape, dtype=bool)
    again = again.reshape(-1)
    proba[lines, units], valid[lines, units] = answers[0][again], answers[1][again]
    steps = stage.steps[active]
    best_valid = np.where(valid, -steps, -np.inf)
    rewards = reward(proba - walks.proba[active][:, None], steps)
    best = first_best(np.where(valid.any(axis=1, keepdims=True), best_valid, rewards), proba, -steps)
    each = np.arange(len(active))
    walks.current[active] = space.substitute(walks.current[active], best, walks.goal[active])
    walks.taken[active, best] = turn
    walks.proba[active], walks.valid[active] = proba[each, best], valid[each, best]
    walks.spent[active] += steps[each, best]
    stage.open[active, best] = False
    stage.keys[active] += stage.moves[active, best]


def ask_new(
    walks: Walks,
    stage: Stage,
    keys: np.ndarray,
    rows: np.ndarray,
    units: np.ndarray,
    oracle: Oracle,
    space: FeatureSpace,
) -> tuple[np.ndarray, np.ndarray]:
    """Ask about walks with one unit taken from the goal, but for those asked about last, as further anchors repeat."""
    known, proba, valid = stage.known
    place = np.minimum(np.searchsorted(known, keys), max(len(known) - 1, 0))
    new = known[place] != keys if len(known) else np.ones(len(keys), dtype=bool)
    answers = np.empty(len(keys)), np.empty(len(keys), dtype=bool)
    answers[0][~new], answers[1][~new] = proba[place[~new]], valid[place[~new]]
    asked = ask_substituted(walks, rows[new], units[new], walks.goal, oracle, space)
    answers[0][new], answers[1][new] = asked
    stage.known = (keys, *answers)
    return answers


def ask_substituted(
    walks: Walks, rows: np.ndarray, units: np.ndarray, source: np.ndarray, oracle: Oracle, space: FeatureSpace
) -> tuple[np.ndarray, np.ndarray]:
    """Ask about walks with one unit taken from elsewhere, in bounded chunks.

    Returns
    -------
    proba : ndarray of shape (n,)
        The target's probability.
    valid : ndarray of shape (n,), bool
        Whether that is a counterfactual.
    """
    proba, valid = np.empty(len(rows)), np.empty(len(rows), dtype=bool)
    for start in range(0, len(rows), oracle.chunk_rows):
        part = slice(start, start + oracle.chunk_rows)
        here = rows[part]
        answer = oracle.proba(space.substitute(walks.current[here], units[part], source[here]))
        proba[part] = answer[np.arange(len(here)), walks.queries.target[here]]
        valid[part] = walks.queries.meets(answer, here)
    return proba, valid


def best_walks(walks: Walks) -> np.ndarray:
    """Choose one walk of each row.

    Parameters
    ----------
    walks : Walks
        Walks that have ended.

    Returns
    -------
    ndarray of shape (n_rows,), int
        A valid walk, else the one of the highest probability; ties to fewer changes, the shorter distance, the nearer
        anchor.
    """
    missed = np.where(walks.valid, 0.0, -walks.proba)
    changes = (walks.taken > 0).sum(axis=1)
    order = np.lexsort((walks.rank, walks.spent, changes, missed, ~walks.valid, walks.owner))
    owners = walks.owner[order]
    return order[np.flatnonzero(np.diff(owners, prepend=-1))]


def drop_needless(walks: Walks, oracle: Oracle, space: FeatureSpace) -> None:
    """Undo changes without which a row stays valid, the longest first.

    Parameters
    ----------
    walks : Walks
        Walks that have ended, changed in place.
    oracle : Oracle
        The model.
    space : FeatureSpace
        The columns.
    """
    own = walks.queries.values
    steps = unit_distances(own, walks.current, space)
    last = walks.taken.max(axis=1, initial=0)[:, None]
    # Without one of its last two changes a row was asked about on the way, and was not valid.
    open_units = (walks.taken > 0) & (walks.taken <= last - 2)
    active = np.flatnonzero(walks.valid & open_units.any(axis=1))
    while len(active):
        lines, units = np.nonzero(open_units[active])
        proba = np.full((len(active), space.n_units), -np.inf)
        valid = np.zeros(proba.shape, dtype=bool)
        proba[lines, units], valid[lines, units] = ask_substituted(walks, active[lines], units, own, oracle, space)
        some = valid.any(axis=1)
        active, proba, valid = active[some], proba[some], valid[some]
        best = first_best(np.where(valid, steps[active], -np.inf), proba)
        walks.current[active] = space.substitute(walks.current[active], best, own[active])
        walks.taken[active, best] = 0
        walks.proba[active] = proba[np.arange(len(active)), best]
        walks.spent[active] -= steps[active, best]
        # What could not be spared beside more changes is hardly spared beside fewer.
        open_units[active] &= valid
        open_units[active, best] = False
        active = active[open_units[active].any(axis=1)]
