"""Descent of all rows together on a squared loss with a penalty, each with its own step and its own weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

__all__ = ["Descent", "largest_penalty", "nearest_in_simplex", "shortfall"]

Norm = Literal["l1", "l2"]
Scale = Literal["log_odds", "probability"]
# Takes moves (n, m) and the rows' positions (n,); returns log-odds (n,) and gradients (n, m).
Ask = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

STILL = 1e-5
# No step goes farther than a column's range: where the gradient almost vanishes, the loss's curvature says nothing.
LONGEST = 1.0
GROW, SHRINK = 1.5, 0.3


def shortfall(
    odds: np.ndarray, gradients: np.ndarray, aim: np.ndarray, scale: Scale
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Give the squared amount by which rows lack what is demanded.

    .. math:: \min(f(z) - t, 0)^2

    where f is the probability of the target, or its log-odds.

    Parameters
    ----------
    odds : ndarray of shape (n,)
        Log-odds.
    gradients : ndarray of shape (n, m)
        Their gradients.
    aim : ndarray of shape (n,)
        Log-odds that are demanded.
    scale : {"log_odds", "probability"}
        What f is.

    Returns
    -------
    loss : ndarray of shape (n,)
        The squares.
    slope : ndarray of shape (n, m)
        Their gradients.
    curvature : ndarray of shape (n,)
        Twice the squared length of f's gradient: the curvature of the loss if f is linear.
    """
    value, goal = odds, aim
    if scale == "probability":
        value, goal = expit(odds), expit(aim)
        gradients = (value * expit(-odds))[:, None] * gradients
    lack = np.minimum(value - goal, 0.0)
    return lack**2, 2.0 * lack[:, None] * gradients, 2.0 * (gradients**2).sum(axis=1)


def nearest_in_simplex(values: np.ndarray) -> np.ndarray:
    """Give the nearest shares that are not negative and sum to one.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Any numbers.

    Returns
    -------
    ndarray of shape (n, m)
        Shares.

    References
    ----------
    Duchi, Shalev-Shwartz, Singer, Chandra: Efficient projections onto the l1-ball, ICML 2008, figure 1.
    """
    ordered = -np.sort(-values, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1.0) / np.arange(1, values.shape[1] + 1)
    last = (ordered > excess).sum(axis=1) - 1
    return np.maximum(values - excess[np.arange(len(values)), last][:, None], 0.0)


def largest_penalty(
    slope: np.ndarray, curvature: np.ndarray, lower: np.ndarray, upper: np.ndarray, weights: np.ndarray, norm: Norm
) -> np.ndarray:
    """Give the weight of the penalty from which on nothing moves (l1), or that weighs as much as the loss (l2).

    Parameters
    ----------
    slope : ndarray of shape (n, m)
        Gradient of the loss at the rows themselves.
    curvature : ndarray of shape (n,)
        Its curvature.
    lower, upper : ndarray of shape (n, m)
        How far moves may go, with lower <= 0 <= upper.
    weights : ndarray of shape (m,)
        Weight of each column in the penalty.
    norm : {"l1", "l2"}
        The penalty.

    Returns
    -------
    ndarray of shape (n,)
        Weights; 0 where nothing can move.
    """
    useful = np.where(slope < 0, upper > 0, lower < 0) * np.abs(slope)
    if norm == "l2":
        return np.where(useful.any(axis=1), curvature / weights.max(), 0.0)
    return (useful / weights).max(axis=1)


@dataclass(frozen=True)
class Descent:
    """A problem for each row: ``shortfall(u) + strength * penalty(u)`` over moves u within bounds.

    Attributes
    ----------
    ask : callable
        Log-odds and gradients of moved rows.
    aim : ndarray of shape (n,)
        Log-odds that are demanded.
    lower, upper : ndarray of shape (n, m)
        Bounds of the moves.
    weights : ndarray of shape (m,)
        Weight of each column in the penalty.
    groups : sequence of (ndarray of int, ndarray of shape (n, k), ndarray of shape (n,))
        One-hot groups: positions among the m columns, the rows' own shares of 0 and 1, and which rows have a level; the
        others keep their values.
    norm : {"l1", "l2"}
        Penalty: weighted sum of absolute values, or of squares.
    scale : {"log_odds", "probability"}
        What the loss squares.
    max_iter : int
        Steps at most.
    """

    ask: Ask
    aim: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    weights: np.ndarray
    groups: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
    norm: Norm
    scale: Scale
    max_iter: int

    def loss(self, moves: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ask about moved rows; as `shortfall`."""
        odds, gradients = self.ask(moves, rows)
        return shortfall(odds, gradients, self.aim[rows], self.scale)

    def penalty(self, moves: np.ndarray) -> np.ndarray:
        """Give the weighted length of moves, shape (n,)."""
        return (np.abs(moves) if self.norm == "l1" else moves**2) @ self.weights

    def step(self, moves: np.ndarray, rows: np.ndarray, length: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Take the penalty's proximal step, and return to the bounds and the groups' shares.

        Parameters
        ----------
        moves : ndarray of shape (n, m)
            Moves after the gradient's step.
        rows : ndarray of shape (n,), int
            Positions of the rows.
        length : ndarray of shape (n,)
            Length of the step.
        strength : ndarray of shape (n,)
            Weight of the penalty.

        Returns
        -------
        ndarray of shape (n, m)
            Moves.
        """
        pull = (length * strength)[:, None] * self.weights
        if self.norm == "l1":
            moves = np.sign(moves) * np.maximum(np.abs(moves) - pull, 0.0)
        else:
            moves = moves / (1.0 + 2.0 * pull)
        moves = np.clip(moves, self.lower[rows], self.upper[rows])
        for columns, own, one_hot in self.groups:
            shares = nearest_in_simplex(own[rows] + moves[:, columns]) - own[rows]
            moves[:, columns] = np.where(one_hot[rows, None], shares, 0.0)
        return moves

    def run(self, start: np.ndarray, rows: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Descend from given moves until they rest.

        A step that raises the objective is taken back and tried again shorter.

        Parameters
        ----------
        start : ndarray of shape (n, m)
            Moves to start from.
        rows : ndarray of shape (n,), int
            Positions of the rows.
        strength : ndarray of shape (n,)
            Weight of the penalty for each.

        Returns
        -------
        ndarray of shape (n, m)
            Moves.
        """
        moves = np.array(start)
        loss, slope, curvature = self.loss(moves, rows)
        total = loss + strength * self.penalty(moves)
        length = 1.0 / np.maximum(curvature, 1e-300)
        at = np.arange(len(rows))
        for _ in range(self.max_iter):
            # Where the gradient vanishes the step is endless, and zero times it no number.
            longest = np.minimum(length[at], LONGEST / np.maximum(np.abs(slope[at]).max(axis=1), 1e-300))
            gone = moves[at] - longest[:, None] * slope[at]
            trial = self.step(gone, rows[at], longest, strength[at])
            moving = np.abs(trial - moves[at]).max(axis=1) > STILL
            at, trial = at[moving], trial[moving]
            if not len(at):
                break
            loss, new_slope, _ = self.loss(trial, rows[at])
            new_total = loss + strength[at] * self.penalty(trial)
            good = new_total <= total[at]
            better = at[good]
            moves[better], slope[better], total[better] = trial[good], new_slope[good], new_total[good]
            length[at] *= np.where(good, GROW, SHRINK)
        return moves
