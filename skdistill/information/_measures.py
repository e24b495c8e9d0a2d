"""Redundancies in closed form, for batches; each is in nats, of shape (n,)."""

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from skdistill.information._pmf import mutual_information

__all__ = ["CLOSED_FORMS", "imin", "intersection", "mmi"]

# Two numbers of at most 1 that differ by less, in total variation, are taken for equal.
SAME = 1e-10


def imin(pmf: np.ndarray) -> np.ndarray:
    """Average the smaller of the two sources' specific informations over the values of the task.

    ``sum_y p(y) min(I(Y=y; T), I(Y=y; S))`` with the specific information ``I(Y=y; X) = sum_x p(x | y) log(p(y | x) /
    p(y))``, the divergence of p(x | y) from p(x). It compares how much, and not what, the sources tell of y: two
    independent bits that Y consists of share one bit by it.

    Parameters
    ----------
    pmf : ndarray of shape (n, n_y, n_t, n_s)
        Joint distributions.

    Returns
    -------
    ndarray of shape (n,)
        Redundancies.

    References
    ----------
    Williams and Beer: Nonnegative Decomposition of Multivariate Information, arXiv 1004.2515, 2010, equations 2 and 3.
    """
    return np.minimum(_specific(pmf.sum(3)), _specific(pmf.sum(2))).sum(1)


def _specific(joint: np.ndarray) -> np.ndarray:
    """P(y) I(Y=y; X) of a batch of shape (n, n_y, n_x); shape (n, n_y)."""
    p_y, p_x = joint.sum(2, keepdims=True), joint.sum(1, keepdims=True)
    ratio = np.divide(joint, p_y, out=np.ones_like(joint), where=joint > 0)
    ratio = np.divide(ratio, p_x, out=ratio, where=joint > 0)
    return np.maximum((xlogy(joint, ratio) - joint + p_y * p_x).sum(2), 0.0)


def mmi(pmf: np.ndarray) -> np.ndarray:
    """Smaller of the two mutual informations, ``min(I(Y; T), I(Y; S))``.

    The largest redundancy that leaves no unique part negative: an upper bound for every other one. For jointly
    Gaussian variables with a single Y it is the BROJA redundancy.

    Parameters
    ----------
    pmf : ndarray of shape (n, n_y, n_t, n_s)
        Joint distributions.

    Returns
    -------
    ndarray of shape (n,)
        Redundancies.

    References
    ----------
    Barrett: Exploration of synergistic and redundant information sharing in static and dynamical Gaussian systems,
    Physical Review E 91, 052802, 2015.
    """
    return np.minimum(mutual_information(pmf.sum(3)), mutual_information(pmf.sum(2)))


def intersection(pmf: np.ndarray) -> np.ndarray:
    """Information about Y in a function of one source that adds nothing to the other: a bound on I_alpha from below.

    Griffith and Ho's I_alpha is the largest I(Y; Q) over variables Q with ``I(Y; Q | T) = I(Y; Q | S) = 0``. RID takes
    ``Q = f(T)``, for which the first condition holds by itself. Here f ranges over partitions of the states of T, and
    of S with the roles exchanged.

    Write ``d_t(y, s) = p(y, s | t) - p(s | t) p(y | s)``: how far Y depends on T = t where S = s. Summing
    ``p(t) d_t(y, s) = p(s) (p(t, y | s) - p(t | s) p(y | s))`` over a block B shows that f(T) is independent of Y given
    S exactly if ``sum_{t in B} p(t) d_t = 0`` for each block. Over all t this sum is 0. If the vectors of different
    blocks span independent subspaces, each block's share of the sum must then be 0 by itself; so the finest partition
    into independent subspaces meets the condition. It is found as the finest block structure of the orthogonal
    projector onto the row space of the matrix with columns d_t: that space is a direct sum over blocks of states
    exactly if its projector is block-diagonal. Three cases show its reach.

    - A function of T that is also a function of S (Gacs and Koerner's common part: the connected components of the
      graph that joins t and s where p(t, s) > 0) is at least as coarse, since the d_t of two components have no (y, s)
      in common. So the result is at least Griffith et al.'s ``I(Y; T ^ S)``.
    - If ``I(Y; T | S) = 0`` all d_t are 0, every state is a block of its own, and the result is I(Y; T).
    - Where all d_t are entangled there is one block, and the result is 0. That is the rule for tables of counts, even
      if a strong dependence makes T and S nearly the same: the measure answers for exact models, not for samples.

    Further partitions meet the condition where dependent vectors of several blocks cancel by coincidence; to find the
    best of these is a subset-sum problem, and they are not searched.

    What is returned is ``I(Y; Q) - I(Y; Q | S)``, whose second term is rounding. For every function Q of T this is at
    most the BROJA redundancy: with T replaced by Q the redundancy can only fall, and it is ``I(Y; Q)`` less the least
    I(Y; Q | S) over all joint distributions with these margins, the true one among them. As the redundancy may be
    much too small, the synergy that goes with it may be negative.

    Parameters
    ----------
    pmf : ndarray of shape (n, n_y, n_t, n_s)
        Joint distributions.

    Returns
    -------
    ndarray of shape (n,)
        Redundancies.

    References
    ----------
    Griffith and Ho: Quantifying Redundant Information in Predicting a Target Random Variable, Entropy 17(7), 2015
    (I_alpha). Griffith, Chong, James, Ellison and Crutchfield: Intersection Information Based on Common Randomness,
    Entropy 16(4), 2014 (the common part). Dissanayake et al.: Quantifying Knowledge Distillation Using Partial
    Information Decomposition, AISTATS 2025, section 4 (Q as a function of T).
    """
    return np.maximum(np.maximum(_one_sided(pmf), _one_sided(pmf.swapaxes(2, 3))), 0.0)


def _one_sided(pmf: np.ndarray) -> np.ndarray:
    """I(Y; Q) - I(Y; Q | S) for the finest admissible function Q of T."""
    n, n_y, n_t, n_s = pmf.shape
    labels = components(_entangled(pmf))
    member = (labels[:, :, None] == np.arange(n_t)).astype(np.float64)
    blocks = np.matmul(pmf.transpose(0, 1, 3, 2).reshape(n, n_y * n_s, n_t), member).reshape(n, n_y, n_s, n_t)
    with_s = mutual_information(blocks.reshape(n, n_y, n_s * n_t))
    return mutual_information(blocks.sum(2)) + mutual_information(blocks.sum(3)) - with_s


def _entangled(pmf: np.ndarray) -> np.ndarray:
    """Which states of T the projector onto the row space of d joins; booleans of shape (n, n_t, n_t)."""
    n, n_y, n_t, n_s = pmf.shape
    p_ys, p_ts, p_t = pmf.sum(2), pmf.sum(1), pmf.sum((1, 3))
    p_s = p_ys.sum(1, keepdims=True)
    y_given_s = np.divide(p_ys, p_s, out=np.zeros_like(p_ys), where=p_s > 0)
    scale = np.divide(1.0, p_t, out=np.zeros_like(p_t), where=p_t > 0)
    d = (pmf - p_ts[:, None] * y_given_s[:, :, None]) * scale[:, None, :, None]
    columns = d.transpose(0, 1, 3, 2).reshape(n, n_y * n_s, n_t)
    _, size, rows = np.linalg.svd(columns, full_matrices=False)
    rows = rows * (size > SAME)[:, :, None]
    return np.abs(np.matmul(rows.transpose(0, 2, 1), rows)) > SAME


def components(joined: np.ndarray) -> np.ndarray:
    """Find the connected components of a batch of symmetric graphs.

    Parameters
    ----------
    joined : ndarray of bool, of shape (n, n_states, n_states)
        Which states are neighbours.

    Returns
    -------
    ndarray of int, of shape (n, n_states)
        For each state the first one of its component.
    """
    n_states = joined.shape[1]
    near = joined | np.eye(n_states, dtype=bool)
    labels = np.broadcast_to(np.arange(n_states), joined.shape[:2])
    while True:
        least = np.where(near, labels[:, None, :], n_states).min(2)
        least = np.take_along_axis(least, least, axis=1)
        if np.array_equal(least, labels):
            return labels
        labels = least


CLOSED_FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"imin": imin, "mmi": mmi, "intersection": intersection}
