"""Reference rows that counterfactuals are made of: which ones a row may head for."""

import numpy as np

from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._distance import Neighbourhood
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._space import FeatureSpace
from skdistill.counterfactual._walk import column_keys, ranks

# Where what may change is restricted, so many of the nearest anchors are looked at in turn.
WIDENING = (16, 64, 256, 1024)

__all__ = ["Anchors", "find_anchors"]


class Anchors:
    """Reference rows that the model gets right, by class.

    Parameters
    ----------
    reference : ndarray of shape (n_rows, n_columns)
        Encoded reference rows.
    labels : ndarray of shape (n_rows,), int
        Positions of their labels in the model's classes.
    proba : ndarray of shape (n_rows, n_classes)
        What the model says of them.
    space : FeatureSpace
        The columns.

    Attributes
    ----------
    rows : list of ndarray
        For each class the rows that are labelled with it and that the model takes for it, equal ones once.
    near : list of Neighbourhood
        The same, to be searched.
    proba : list of ndarray
        Their probabilities of the class.
    """

    def __init__(self, reference: np.ndarray, labels: np.ndarray, proba: np.ndarray, space: FeatureSpace) -> None:
        right = proba.argmax(axis=1) == labels
        n_classes = proba.shape[1]
        # Equal rows are one anchor, the first of them.
        _, first = np.unique(column_keys(np.column_stack([reference, labels])).sum(axis=1), return_index=True)
        once = np.zeros(len(reference), dtype=bool)
        once[first] = True
        self.rows = [np.flatnonzero(right & once & (labels == code)) for code in range(n_classes)]
        self.near = [Neighbourhood(reference[rows], space) for rows in self.rows]
        self.proba = [proba[rows, code] for code, rows in enumerate(self.rows)]


def find_anchors(
    anchors: Anchors, queries: Queries, k: int, oracle: Oracle, space: FeatureSpace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find where each row may head for.

    Parameters
    ----------
    anchors : Anchors
        Reference rows by class.
    queries : Queries
        The rows.
    k : int
        At most so many anchors for each of them.
    oracle : Oracle
        The model; it is asked only where what may change is restricted.
    space : FeatureSpace
        The columns.

    Returns
    -------
    owner : ndarray of shape (m,), int
        Rows in increasing order; one that has nowhere to go is not among them.
    rank : ndarray of shape (m,), int
        0 for the nearest anchor of the row, 1 for the next and so on.
    goal : ndarray of shape (m, n_columns)
        The anchors, brought back to what may change.
    """
    found = []
    for code in np.unique(queries.target).tolist():
        rows = np.flatnonzero(queries.target == code)
        if not len(anchors.rows[code]):
            continue
        search = nearest_goals if space.unrestricted else permitted_goals
        owner, rank, goal = search(anchors, code, queries.take(rows), k, oracle, space)
        found.append((rows[owner], rank, goal))
    if not found:
        none = np.empty(0, dtype=np.intp)
        return none, none, np.empty((0, space.n_columns))
    owner, rank, goal = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((rank, owner))
    return owner[order], rank[order], goal[order]


def nearest_goals(
    anchors: Anchors, code: int, queries: Queries, k: int, oracle: Oracle, space: FeatureSpace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the nearest anchors of rows that want one class, or the most typical one where none is good enough."""
    near, proba = anchors.near[code], anchors.proba[code]
    index, _ = near.query(queries.values, k, score=proba, least=queries.threshold)
    index[index[:, 0] < 0, 0] = proba.argmax()
    owner, rank = np.nonzero(index >= 0)
    return owner, rank, near.candidates[index[owner, rank]]


def permitted_goals(
    anchors: Anchors, code: int, queries: Queries, k: int, oracle: Oracle, space: FeatureSpace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the nearest anchors that are valid with only what may change; else the most promising one asked about."""
    n_anchors = len(anchors.rows[code])
    lacking = np.arange(len(queries))
    promise, fallback = np.full(len(queries), -np.inf), np.array(queries.values)
    found, past = [], 0
    for width in WIDENING:
        width = min(max(width, k), n_anchors)
        step = max(1, oracle.chunk_rows // width)
        for rows in [lacking[start : start + step] for start in range(0, len(lacking), step)]:
            line, goal = changed_goals(anchors, code, queries.take(rows), (past, width), space)
            answer = oracle.proba(goal)
            chance = answer[:, code]
            best = np.lexsort((-chance, line))
            best = best[np.flatnonzero(np.diff(line[best], prepend=-1))]
            best = best[chance[best] > promise[rows[line[best]]]]
            promise[rows[line[best]]], fallback[rows[line[best]]] = chance[best], goal[best]
            good = queries.meets(answer, rows[line])
            line, goal = line[good], goal[good]
            rank = ranks(line)
            found.append((rows[line[rank < k]], rank[rank < k], goal[rank < k]))
        lacking = np.setdiff1d(lacking, np.concatenate([owner for owner, _, _ in found]))
        past = width
        if not len(lacking) or width == n_anchors:
            break
    found.append((lacking, np.zeros(len(lacking), dtype=np.intp), fallback[lacking]))
    owner, rank, goal = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return owner, rank, goal


def changed_goals(
    anchors: Anchors, code: int, queries: Queries, places: tuple[int, int], space: FeatureSpace
) -> tuple[np.ndarray, np.ndarray]:
    """Give some of the nearest anchors of each row, with only what may change, each distinct one of a row once.

    Returns
    -------
    line : ndarray of shape (m,), int
        Rows in increasing order.
    goal : ndarray of shape (m, n_columns)
        The anchors, nearest first within a row.
    """
    near, proba = anchors.near[code], anchors.proba[code]
    index, _ = near.query(queries.values, places[1], score=proba, least=queries.threshold)
    if places[0] == 0:
        index[index[:, 0] < 0, 0] = proba.argmax()
    line, place = np.nonzero(index[:, places[0] :] >= 0)
    goal = space.restrict(queries.values[line], near.candidates[index[line, places[0] + place]])
    _, first = np.unique(np.column_stack([line, np.nan_to_num(goal, nan=np.inf)]), axis=0, return_index=True)
    first = np.sort(first)
    return line[first], goal[first]
