"""The search for slices: small trees propose rules, which are then made as simple as they can be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from skdistill.fidelity._slicing._slice_columns import Column, Table
from skdistill.fidelity._slicing._slice_conditions import Condition, mask_of, short_date, short_number

__all__ = ["Gauge", "Rule", "search_rules"]

Rule = tuple[Condition, ...]

MAX_COLUMNS = 100
MAX_LEVELS = 12
MAX_TREE_ROWS = 20_000
LATER_WORTH = 3.0


class Worth(NamedTuple):
    """What a rule must show: its excess, in standard errors, and what each condition adds to the squared excess."""

    rule: float
    condition: float


# A tree that grew on the very quantity that judges its rules has overfitted it; measured on planted slices.
OTHER_TARGET, SAME_TARGET, SAME_TARGET_AGAIN = Worth(2.0, 6.0), Worth(2.0, 14.0), Worth(3.5, 14.0)


@dataclass(frozen=True)
class Feature:
    """A column of the matrix that trees grow on, and what a cut through it means."""

    position: int
    column: Column
    level: Any = None
    ordered: np.ndarray | None = None
    distinct: np.ndarray | None = None

    def conditions(self, threshold: float, slack: int) -> tuple[Condition, Condition]:
        """Return the conditions of both sides of a cut, which may move over `slack` rows to a rounder value."""
        if self.ordered is None or self.distinct is None:
            return Condition(self.position, self.level, False), Condition(self.position, self.level, True)
        if threshold < 0:
            return Condition(self.position, None, True), Condition(self.position, None, False)
        end = int(np.searchsorted(self.ordered, self.distinct[int(threshold)], side="right"))
        low = self.ordered[max(end - 1 - slack, 0)]
        high = self.ordered[min(end + slack, len(self.ordered) - 1)]
        date = self.column.kind == "date"
        value = short_date(low, high, self.column.unit) if date else short_number(low, high)
        return Condition(self.position, value, False), Condition(self.position, value, True)


def search_rules(
    table: Table,
    targets: Sequence[np.ndarray],
    measure: np.ndarray,
    weight: np.ndarray,
    rows: np.ndarray,
    *,
    max_depth: int,
    min_rows: int,
    rng: np.random.RandomState,
) -> tuple[list[Rule], dict[int, Column]] | None:
    """Look for rules whose rows have a larger measure than the others.

    Parameters
    ----------
    table : Table
        The columns.
    targets : sequence of ndarray of shape (n,)
        What trees grow on, one tree each; rules of the first come first.
    measure, weight : ndarray of shape (n,)
        What rules are judged by, and weights.
    rows : ndarray of int of shape (n,)
        The rows that these belong to, in random order.
    max_depth : int
        Most conditions of a rule.
    min_rows : int
        Fewest rows of a leaf.
    rng : RandomState
        Seeds the trees.

    Returns
    -------
    tuple or None
        The rules, and the whole columns that they speak of; None if no column can be cut.
    """
    few = slice(0, MAX_TREE_ROWS)
    positions = table.screen(targets[0][few], weight[few], rows[few], MAX_COLUMNS)
    matrix, features = _matrix(table, positions, rows[few], min_rows)
    if not features:
        return None
    proposed: list[tuple[Rule, Worth]] = []
    for target in targets:
        tree = DecisionTreeRegressor(
            max_depth=max_depth, min_samples_leaf=min_rows, random_state=rng.randint(np.iinfo(np.int32).max)
        )
        tree.fit(matrix, _standardised(target[few]), sample_weight=weight[few])
        same = SAME_TARGET if len(targets) == 1 else SAME_TARGET_AGAIN
        worth = same if target is measure else OTHER_TARGET
        proposed += [(rule, worth) for rule in _leaves(tree.tree_, features)]
    columns = {c.column: table.column(c.column) for rule, _ in proposed for c in rule}
    read = {position: column for position, column in columns.items() if column is not None}
    masks = {c: mask_of(c, read[c.column])[rows] for rule, _ in proposed for c in rule}
    return _select(proposed, masks, measure, weight), read


class Gauge:
    """By how many standard errors the mean of a measure is larger inside a mask than outside (the score test).

    Parameters
    ----------
    measure, weight : ndarray of shape (n,)
        Numbers and their weights.
    """

    def __init__(self, measure: np.ndarray, weight: np.ndarray) -> None:
        total = weight.sum()
        centred = measure - weight @ measure / total
        self.shares = weight / total
        self.pull = self.shares * centred
        self.error = np.sqrt(self.pull @ centred * (self.shares @ self.shares))

    def excess(self, mask: np.ndarray) -> float:
        """Return the statistic; minus infinity where no row, or every row, is inside."""
        share = self.shares[mask].sum()
        if mask.all() or not 0 < share < 1 or self.error == 0:
            return -np.inf
        return float(self.pull[mask].sum() / (self.error * np.sqrt(share * (1 - share))))


def _matrix(table: Table, positions: list[int], rows: np.ndarray, min_rows: int) -> tuple[np.ndarray, list[Feature]]:
    found = [
        pair
        for position in positions
        if (column := table.column(position, rows)) is not None
        for pair in _features(position, column, min_rows)
    ]
    matrix = np.empty((len(rows), len(found)), dtype=np.float32)
    for place, (values, _) in enumerate(found):
        matrix[:, place] = values
    return matrix, [feature for _, feature in found]


def _features(position: int, column: Column, min_rows: int) -> Iterator[tuple[np.ndarray, Feature]]:
    if column.kind == "level":
        codes = np.where(column.missing, 0, column.values + 1)
        names = (None, *column.levels)
        counts = np.bincount(codes, minlength=len(names))
        # Levels of few rows are left out, and with them columns of names and numbers of cases.
        usable = [code for code in np.flatnonzero(counts >= min_rows) if counts[code] <= len(codes) - min_rows]
        usable = sorted(usable, key=lambda code: (-counts[code], str(names[code])))[:MAX_LEVELS]
        both = len(usable) == 2 and counts[usable].sum() == len(codes)
        for code in usable[:1] if both else usable:
            yield codes == code, Feature(position, column, names[code])
        return
    # Ranks are exact in the float32 of a tree, and missing values get a place below them.
    ordered = np.sort(column.values[~column.missing])
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
    if len(distinct) + column.missing.any() > 1:
        ranks = np.where(column.missing, -1, np.searchsorted(distinct, column.values))
        yield ranks, Feature(position, column, None, ordered, distinct)


def _standardised(target: np.ndarray) -> np.ndarray:
    """Return a target of unit spread: a tree takes spreads below 1e-16 for none."""
    spread = target.std()
    return np.asarray((target - target.mean()) / spread) if spread > 0 else np.zeros(len(target))


def _leaves(tree: Any, features: list[Feature]) -> Iterator[Rule]:
    open_nodes: list[tuple[int, Rule]] = [(0, ())]
    while open_nodes:
        node, path = open_nodes.pop()
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            if path:
                yield path
            continue
        slack = int(min(tree.n_node_samples[left], tree.n_node_samples[right])) // 50
        below, above = features[tree.feature[node]].conditions(tree.threshold[node], slack)
        open_nodes += [(left, (*path, below)), (right, (*path, above))]


def _select(
    proposed: list[tuple[Rule, Worth]], masks: dict[Condition, np.ndarray], measure: np.ndarray, weight: np.ndarray
) -> list[Rule]:
    """Keep the best rule, then the best on what it leaves unexplained, and so on."""
    whole, kept = Gauge(measure, weight), list[Rule]()
    cells = np.zeros(len(measure), dtype=np.intp)
    for worth in sorted({worth for _, worth in proposed}):
        rules = [rule for rule, own in proposed if own == worth]
        while rules:
            means = np.bincount(cells, weights=weight * measure) / np.bincount(cells, weights=weight)
            gauge = Gauge(measure - means[cells], weight)
            simpler = [_simplified(rule, masks, gauge, worth.condition) for rule in rules]
            best = int(np.argmax([score for score, _ in simpler]))
            score, rule = simpler[best]
            if score < (max(worth.rule, LATER_WORTH) if kept else worth.rule):
                break
            del rules[best]
            mask = _met(rule, masks)
            if whole.excess(mask) > 0:
                kept.append(rule)
                cells = np.unique(2 * cells + mask, return_inverse=True)[1].ravel()
    return kept


def _simplified(
    rule: Rule, masks: dict[Condition, np.ndarray], gauge: Gauge, condition_worth: float
) -> tuple[float, Rule]:
    """Drop conditions as long as that costs no more than their worth of the squared excess."""
    score = gauge.excess(_met(rule, masks))
    while len(rule) > 1:
        shorter = [rule[:place] + rule[place + 1 :] for place in range(len(rule))]
        scores = [gauge.excess(_met(candidate, masks)) for candidate in shorter]
        best = int(np.argmax(scores))
        if scores[best] <= max(score, 0.0) and max(scores[best], 0.0) ** 2 + condition_worth < score**2:
            break
        if scores[best] <= 0 < score:
            break
        rule, score = shorter[best], scores[best]
    return score, rule


def _met(rule: Rule, masks: dict[Condition, np.ndarray]) -> np.ndarray:
    return np.asarray(np.logical_and.reduce([masks[condition] for condition in rule]))
