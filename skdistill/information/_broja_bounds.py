"""Certified bounds on the BROJA optimum: from any dual point below, from any plan above.

All arrays have the problems on the last axis, so that every reduction runs over contiguous rows: ``(n_y, n_t, n)`` and
``(n_y, n_s, n)`` for the two marginals, ``(n_y, n_t, n_s, n)`` for a plan. ``-inf`` in a dual variable means that its
marginal is zero or was left out.
"""

import numpy as np
from scipy.special import xlogy

__all__ = ["dual_bound", "kept_marginals", "lse_softmax", "plan_entropy", "repair_plan"]

# The weight in a column that a marginal too light for Newton's method gets back before bounding: it costs the bound
# no more than this per variable.
PUT_BACK = 1e-13


def kept_marginals(p_t: np.ndarray, p_s: np.ndarray, light: float) -> tuple[np.ndarray, np.ndarray]:
    """Marginals of which those up to ``light`` are set to zero, each label's two margins of equal mass again.

    Parameters
    ----------
    p_t, p_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        Marginals P(Y, T) and P(Y, S).
    light : float
        Largest mass that is left out.

    Returns
    -------
    kept_t, kept_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        A label of which one margin is wholly left out is left out of both.
    """
    kept_t, kept_s = np.where(p_t > light, p_t, 0.0), np.where(p_s > light, p_s, 0.0)
    mass_t, mass_s = kept_t.sum(1), kept_s.sum(1)
    both = (mass_t > 0) & (mass_s > 0)
    kept_t *= both[:, None]
    kept_s *= (both * mass_t / np.where(both, mass_s, 1.0))[:, None]
    return kept_t, kept_s


def lse_softmax(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-sum-exp and softmax over the first axis; -inf and zeros where nothing is finite."""
    top = x.max(0)
    top[np.isneginf(top)] = 0.0
    weights = np.exp(x - top)
    total = weights.sum(0)
    with np.errstate(divide="ignore"):
        lse = top + np.log(total)
    weights /= np.where(total > 0, total, 1.0)
    return lse, weights


def plan_entropy(plan: np.ndarray) -> np.ndarray:
    """Conditional entropy H(Y|T, S) in nats of each plan; shape (n,)."""
    joint = plan.sum(0)
    ratio = np.divide(joint, plan, out=np.ones_like(plan), where=plan > 1e-290)
    return xlogy(plan, ratio).sum(0).sum(0).sum(0)


def repair_plan(plan: np.ndarray, p_t: np.ndarray, p_s: np.ndarray, *, rounds: int = 2) -> np.ndarray:
    """Move a plan onto its marginals, exactly up to rounding.

    A few rounds of proportional fitting, then rows and columns are scaled down to their marginals and what is missing
    is added as a product.

    Parameters
    ----------
    plan : ndarray of shape (n_y, n_t, n_s, n)
        Any plan without negative entries; overwritten.
    p_t, p_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        Marginals P(Y, T) and P(Y, S).
    rounds : int, default=2
        Rounds of proportional fitting.

    Returns
    -------
    ndarray of shape (n_y, n_t, n_s, n)
        Feasible plan.

    References
    ----------
    Altschuler, Weed and Rigollet: Near-linear time approximation algorithms for optimal transport via Sinkhorn
    iteration, NeurIPS 2017, algorithm 2.
    """
    for turn in range(rounds + 1):
        for axis, target in ((2, p_t), (1, p_s)):
            mass = plan.sum(axis)
            scale = np.divide(target, mass, out=np.ones_like(mass), where=mass > 0)
            if turn == rounds:
                np.minimum(scale, 1.0, out=scale)
            plan *= np.expand_dims(scale, axis)
    missing_t = np.maximum(p_t - plan.sum(2), 0.0)
    missing_s = np.maximum(p_s - plan.sum(1), 0.0)
    mass = missing_s.sum(1)
    missing_s /= np.where(mass > 0, mass, 1.0)[:, None]
    plan += missing_t[:, :, None] * missing_s[:, None]
    return plan


def dual_bound(alpha: np.ndarray, beta: np.ndarray, p_t: np.ndarray, p_s: np.ndarray) -> np.ndarray:
    """Upper bound on max H_Q(Y|T, S) that any dual point gives.

    With ``lse(t, s) = log sum_y exp(alpha(y, t) + beta(y, s)) <= 0`` everywhere, weak duality says
    ``H_Q(Y|T, S) <= -sum p alpha - sum p beta`` for every Q with these marginals. The point is moved there: each t,
    then each s, by its own largest ``lse``; what rounding leaves is subtracted from all.

    Parameters
    ----------
    alpha, beta : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        Dual variables, -inf where the marginal is zero or was left out.
    p_t, p_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        Marginals P(Y, T) and P(Y, S), nothing left out.

    Returns
    -------
    ndarray of shape (n,)
        Upper bounds in nats.

    References
    ----------
    Makkeh, Theis and Vicente: BROJA-2PID: A robust estimator for bivariate partial information decomposition,
    Entropy 20(4), 2018, section 2.3 (the dual program).
    """
    # Huge opposite values of alpha and beta would cancel in the objective: the largest beta of each label becomes 0.
    top = beta.max(1, keepdims=True)
    top[np.isneginf(top)] = 0.0
    weak = np.log(PUT_BACK)
    beta, alpha = beta - top, alpha + top
    alpha = np.where(p_t > 0, np.where(np.isneginf(alpha), weak, alpha), -np.inf)
    beta = np.where(p_s > 0, np.where(np.isneginf(beta), weak, beta), -np.inf)
    lse, _ = lse_softmax(alpha[:, :, None] + beta[:, None])
    mass_t, mass_s = p_t.sum(0), p_s.sum(0)
    # The lighter state of a pair pays for its excess; then both sides give back what they have left over.
    shift = np.where(mass_t[:, None] < mass_s, lse, 0.0).max(1)
    np.maximum(shift, 0.0, out=shift)
    for axis, variable in ((1, alpha), (0, beta), (1, alpha)):
        if shift is None:
            shift = lse.max(axis)
            shift[np.isneginf(shift)] = 0.0
        variable -= shift
        lse -= np.expand_dims(shift, axis)
        shift = None
    lse, _ = lse_softmax(alpha[:, :, None] + beta[:, None])
    value = np.where(p_t > 0, p_t * np.where(p_t > 0, alpha, 0.0), 0.0).sum(0).sum(0)
    value += np.where(p_s > 0, p_s * np.where(p_s > 0, beta, 0.0), 0.0).sum(0).sum(0)
    return lse.max(1).max(0) * mass_t.sum(0) - value
