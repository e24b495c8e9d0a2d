"""BROJA with two states on either side: a single unknown, whatever the number of labels."""

import numpy as np

from skdistill.information._broja_bounds import dual_bound, kept_marginals, plan_entropy, repair_plan

__all__ = ["binary_bounds"]

# Smallest log odds ratio looked at: what is left of a cell that the optimum empties is e**-60.
SMALLEST = -60.0
# Share of ``tol`` to which the two log odds ratios must agree.
AGREE = 0.2
TINY = 1e-300


class _Tables:
    """Tables of all labels as functions of their common log odds ratio.

    With ``w`` the lighter of the diagonal cells of a label's table, the table is ``first - w`` and ``second - w`` off
    the diagonal, ``w`` and ``w + excess`` on it.
    """

    def __init__(self, p_t: np.ndarray, p_s: np.ndarray) -> None:
        signed = p_t[:, 1] - p_s[:, 0]
        upright = signed >= 0
        self.first, self.second = np.where(upright, p_t[:, 0], p_s[:, 1]), np.where(upright, p_s[:, 0], p_t[:, 1])
        self.excess = np.abs(signed)
        self.front, self.back = np.where(upright, 0.0, self.excess), np.where(upright, self.excess, 0.0)
        self.both, self.product = self.first + self.second, self.first * self.second
        self.front_sum, self.back_sum = self.front.sum(0), self.back.sum(0)

    def take(self, selected: np.ndarray) -> "_Tables":
        """Tables of the selected problems."""
        part = object.__new__(_Tables)
        part.__dict__.update({name: array.compress(selected, -1) for name, array in self.__dict__.items()})
        return part

    def lighter(self, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lighter diagonal cells, and the square root in the quadratic equation that gives them."""
        linear = self.excess + odds * self.both
        root = np.sqrt(linear * linear + (4 * odds * (1 - odds)) * self.product)
        root += TINY
        return (2 * odds) * self.product / (linear + root), root

    def plan(self, log_odds: np.ndarray) -> np.ndarray:
        """All tables, shape (n_y, 2, 2, n)."""
        light, _ = self.lighter(np.exp(log_odds))
        plan = np.empty((len(light), 2, 2, light.shape[1]))
        np.add(light, self.front, out=plan[:, 0, 0])
        np.subtract(self.first, light, out=plan[:, 0, 1])
        np.subtract(self.second, light, out=plan[:, 1, 0])
        np.add(light, self.back, out=plan[:, 1, 1])
        return plan

    def miss(self, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log odds ratio minus that of the summed table, and its derivative."""
        odds = np.exp(log_odds)
        light, root = self.lighter(odds)
        off, other = self.first - light, self.second - light
        diagonal = light.sum(0) + TINY
        front, back = diagonal + self.front_sum, diagonal + self.back_sum
        across, along = front * back, (off.sum(0) + TINY) * (other.sum(0) + TINY)
        total = front + back
        rest = off.sum(0) + other.sum(0) + TINY
        slope = odds * (off * other / root).sum(0)
        return log_odds - np.log(across / along), 1 - slope * (total / across + rest / along)


def _common_log_odds(tables: _Tables, agree: float, max_iter: int) -> np.ndarray:
    """Log odds ratio, at most 0, of each table and of their sum: Newton's method within a bracket."""
    found = np.zeros(tables.first.shape[1])
    which, log_odds = np.arange(len(found)), found.copy()
    upper, lower = found.copy(), np.full_like(found, -np.inf)
    for _ in range(max_iter):
        value, rise = tables.miss(log_odds)
        open_ = (np.abs(value) > agree) & ((log_odds > SMALLEST) | (value < 0))
        remaining = np.count_nonzero(open_)
        if 2 * remaining < len(which):
            found[which] = log_odds
            if not remaining:
                return found
            tables, which, value, rise = tables.take(open_), which[open_], value[open_], rise[open_]
            log_odds, upper, lower, open_ = log_odds[open_], upper[open_], lower[open_], open_[open_]
        above = value > 0
        upper, lower = np.where(above, log_odds, upper), np.where(above, lower, log_odds)
        step = np.maximum(log_odds - value / np.maximum(rise, 1e-12), SMALLEST)
        inside = (step > lower) & (step < upper)
        step = np.where(inside, step, 0.5 * (np.maximum(lower, SMALLEST) + upper))
        log_odds = np.where(open_, step, log_odds)
    found[which] = log_odds
    return found


def _turned(array: np.ndarray, axis: int, which: np.ndarray) -> np.ndarray:
    """``array`` with the two states on ``axis`` swapped for the problems ``which``."""
    return np.where(which, np.flip(array, axis), array)


def _certify(plan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entropy of feasible plans, and the dual value of the point that agrees with them on three of the four pairs.

    There the constraints hold with equality; on the lightest pair ``alpha + beta`` follows from the others, and its
    excess is charged to the lighter of its states. NaN where a plan has a zero.
    """
    joint = plan.sum(0)
    order = joint.reshape(4, -1).argmin(0)
    turn_t, turn_s = order >= 2, (order & 1) == 1
    log_p = np.log(plan)
    log_p -= np.log(joint)
    entropy = -(plan * log_p).sum(0).sum(0).sum(0)
    joint = _turned(_turned(joint, 0, turn_t), 1, turn_s)
    # The alternating sum of the logarithms changes sign with each turn.
    bend = (log_p[:, 0, 1] + log_p[:, 1, 0]) - (log_p[:, 0, 0] + log_p[:, 1, 1])
    bend = np.where(turn_t ^ turn_s, -bend, bend)
    lightest = np.take_along_axis(plan.reshape(-1, 4, plan.shape[3]), order[None, None], 1)[:, 0]
    log_lightest = np.take_along_axis(log_p.reshape(-1, 4, plan.shape[3]), order[None, None], 1)[:, 0]
    excess = np.maximum(np.log(np.exp(log_lightest + bend).sum(0)), 0.0)
    charge = joint[0, 0] + np.minimum(joint[0, 1], joint[1, 0])
    return entropy, entropy - (lightest * bend).sum(0) + excess * charge


def _dual_point(plan: np.ndarray, p_t: np.ndarray, p_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dual point that agrees with ``log q(y|t, s)`` on all pairs but the first, or on all that a label has."""
    log_p = np.log(plan) - np.log(plan.sum(0))
    no_t, no_s = p_t[:, 1] == 0, p_s[:, 1] == 0
    beta = np.zeros_like(p_s)
    beta[:, 0] = np.where(no_t, log_p[:, 0, 0] - log_p[:, 0, 1], log_p[:, 1, 0] - log_p[:, 1, 1])
    beta[:, 0] = np.where(no_s, 0.0, beta[:, 0])
    alpha = np.where(no_s[:, None], log_p[:, :, 0], log_p[:, :, 1])
    alpha, beta = np.where(p_t > 0, alpha, -np.inf), np.where(p_s > 0, beta, -np.inf)
    return np.where(np.isnan(alpha), -np.inf, alpha), np.where(np.isnan(beta), -np.inf, beta)


def _with_zeros(
    p_t: np.ndarray, p_s: np.ndarray, light: float, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bounds and plan of problems in which marginals are zero or next to it: these are left out and put back."""
    kept_t, kept_s = kept_marginals(p_t, p_s, light)
    tables = _Tables(kept_t, kept_s)
    plan = tables.plan(_common_log_odds(tables, AGREE * tol, max_iter))
    order = plan.sum(0).reshape(4, -1).argmin(0)
    turn_t, turn_s = order >= 2, (order & 1) == 1
    turned = _turned(_turned(plan, 1, turn_t), 2, turn_s)
    alpha, beta = _dual_point(turned, _turned(kept_t, 1, turn_t), _turned(kept_s, 1, turn_s))
    upper = dual_bound(_turned(alpha, 1, turn_t), _turned(beta, 1, turn_s), p_t, p_s)
    plan = repair_plan(plan, p_t, p_s, rounds=0)
    return plan_entropy(plan), upper, plan


def binary_bounds(
    p_t: np.ndarray, p_s: np.ndarray, *, light: float, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bracket max H_Q(Y|T, S) for a batch with two states of T and of S.

    Each label's 2 x 2 table has one free entry. Stationarity makes the odds ratios of all labels' tables equal to that
    of their sum Q(T, S); for a given odds ratio each table solves a quadratic equation, so that one monotone equation
    in the log odds ratio is left. At the boundary it runs off to infinity, while the gap vanishes.

    Parameters
    ----------
    p_t, p_s : ndarray of shape (n_y, 2, n)
        Marginals P(Y, T) and P(Y, S).
    light : float
        Marginals up to this mass are left out and put back before bounding where the gap is too large with them.
    tol : float
        Gap in nats that is aimed at.
    max_iter : int
        Number of Newton steps.

    Returns
    -------
    lower, upper : ndarray of shape (n,)
        Certified bounds in nats.
    plan : ndarray of shape (n_y, 2, 2, n)
        Feasible plan that attains ``lower``.

    References
    ----------
    Bertschinger, Rauh, Olbrich, Jost and Ay: Quantifying unique information, Entropy 16(4), 2014, appendix A (the
    conditions of optimality).
    """
    with np.errstate(all="ignore"):
        # States of S are swapped where the odds ratio would be above 1, where small cells would be differences.
        swapped = _Tables(p_t, p_s).miss(np.zeros(p_t.shape[2]))[0] < 0
        turned_s = _turned(p_s, 1, swapped)
        tables = _Tables(p_t, turned_s)
        log_odds = _common_log_odds(tables, AGREE * tol, max_iter)
        plan = tables.plan(log_odds)
        lower, upper = _certify(plan)
        rest = np.flatnonzero(~(upper - lower <= tol))
        if len(rest):
            margins = p_t.take(rest, -1), turned_s.take(rest, -1)
            lower[rest], upper[rest], plan[..., rest] = _with_zeros(*margins, light, tol, max_iter)
        return lower, upper, _turned(plan, 2, swapped)
