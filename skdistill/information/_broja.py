"""The BROJA optimum of a batch of distributions, with certified bounds."""

from dataclasses import dataclass

import numpy as np

from skdistill.information._broja_binary import binary_bounds
from skdistill.information._broja_linear import Workspace
from skdistill.information._broja_newton import NewtonSettings, newton_bounds
from skdistill.information._broja_single import single_bounds

__all__ = ["BrojaSolution", "solve_broja"]

# Numbers in the largest array of one chunk of the batch: larger ones fall out of the cache.
CHUNK = 500_000
BINARY_CHUNK = 4096
# Slack on either bound for the rounding of its sums, in units of the machine epsilon per axis length.
ROUNDING = 4.0


@dataclass(frozen=True)
class BrojaSolution:
    """Bounds on ``V = max H_Q(Y|T, S)`` over all Q with the marginals P(Y, T) and P(Y, S), for n problems.

    Parameters
    ----------
    lower, upper : ndarray of shape (n,)
        Certified bounds on V in nats: ``lower`` is the entropy of ``q`` and ``upper`` a dual value, each widened by a
        few roundings.
    q : ndarray of shape (n, n_y, n_t, n_s)
        Feasible distributions, their marginals exact up to rounding.
    gap : ndarray of shape (n,)
        ``upper - lower``, at least 0.
    converged : ndarray of shape (n,)
        Whether the gap is at most the tolerance.
    """

    lower: np.ndarray
    upper: np.ndarray
    q: np.ndarray
    gap: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True)
class _Attempt:
    """One way to iterate: which side is eliminated, what is too light (in units of tol), and the step rules."""

    transposed: bool
    light: float
    settings: NewtonSettings


_ATTEMPTS = (
    _Attempt(False, 1e-4, NewtonSettings()),
    _Attempt(True, 1e-3, NewtonSettings(cap=2.0, boundary=0.9, centre=0.5)),
    _Attempt(True, 1e-4, NewtonSettings(centre=0.5)),
    _Attempt(False, 1e-3, NewtonSettings(cap=3.0, boundary=0.9)),
    _Attempt(True, 1e-2, NewtonSettings(cap=2.0, boundary=0.9)),
)


class _Best:
    """Best bounds so far of every problem, problems on the last axis."""

    def __init__(self, p_t: np.ndarray, p_s: np.ndarray) -> None:
        self.p_t, self.p_s = p_t, p_s
        self.lower, self.upper = np.full(p_t.shape[2], -np.inf), np.full(p_t.shape[2], np.inf)
        self.plan = np.zeros((p_t.shape[0], p_t.shape[1], p_s.shape[1], p_t.shape[2]))

    def merge(self, which: np.ndarray, lower: np.ndarray, upper: np.ndarray, plan: np.ndarray) -> None:
        """Take over what is better for the problems ``which``."""
        better = lower > self.lower[which]
        if better.all():
            self.lower[which], self.plan[..., which] = lower, plan
        else:
            self.lower[which[better]], self.plan[..., which[better]] = lower[better], plan[..., better]
        self.upper[which] = np.fmin(self.upper[which], upper)

    def open(self, tol: float) -> np.ndarray:
        """Return the indices of the problems whose gap is not small enough."""
        return np.flatnonzero(~(self.upper - self.lower <= tol))


def _try(best: _Best, attempt: _Attempt, tol: float, max_iter: int, workspace: Workspace) -> None:
    """Work on all problems that are open."""
    which = best.open(tol)
    p_t, p_s = best.p_t.take(which, -1), best.p_s.take(which, -1)
    if attempt.transposed:
        p_t, p_s = p_s, p_t
    room = max(1, CHUNK // (len(p_t) ** 2 * p_t.shape[1] * p_s.shape[1]))
    lower, upper, plan = newton_bounds(
        p_t,
        p_s,
        light=attempt.light * tol,
        tol=tol,
        max_iter=max_iter,
        room=room,
        settings=attempt.settings,
        workspace=workspace,
    )
    best.merge(which, lower, upper, plan.swapaxes(1, 2) if attempt.transposed else plan)


def solve_broja(pmf: np.ndarray, *, tol: float = 1e-9, max_iter: int = 80) -> BrojaSolution:
    """Bracket the BROJA optimum of a batch of distributions.

    ``V = max H_Q(Y|T, S)`` over all Q with ``Q(Y, T) = P(Y, T)`` and ``Q(Y, S) = P(Y, S)``, from which the unique
    information of T is ``H(Y|S) - V``, that of S ``H(Y|T) - V``. Two states on either side are a problem in one
    unknown; all others go through a primal-dual Newton method on the dual program, those that it leaves open through
    more careful variants of it. Convergence is judged by the two certified bounds alone.

    Parameters
    ----------
    pmf : ndarray of shape (n, n_y, n_t, n_s)
        Distributions of (Y, T, S), float64, each of sum 1.
    tol : float, default=1e-09
        Gap in nats at which a problem counts as solved.
    max_iter : int, default=80
        Newton steps of each variant.

    Returns
    -------
    BrojaSolution
        Bounds, plans and verdicts; each problem has its own.

    Notes
    -----
    Memory is ``O(n n_y n_t n_s)`` for the batch and ``O((n_y (n_t + n_s))**2)`` for each of the problems that are
    worked on at a time, about 500,000 / (n_y n_t n_y n_s) or one.

    References
    ----------
    Bertschinger, Rauh, Olbrich, Jost and Ay: Quantifying unique information, Entropy 16(4), 2014, equations 3-6.
    Makkeh, Theis and Vicente: BROJA-2PID: A robust estimator for bivariate partial information decomposition, Entropy
    20(4), 2018, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.information._broja import solve_broja
    >>> both = np.zeros((1, 2, 2, 2))
    >>> both[0, [0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1]] = 0.25
    >>> solution = solve_broja(both)
    >>> bool(solution.converged[0]), round(float(solution.lower[0] / np.log(2)), 6)
    (True, 0.5)
    """
    n, n_y, n_t, n_s = pmf.shape
    turned = n_s > n_t
    if turned:
        pmf = pmf.swapaxes(2, 3)
    slack = ROUNDING * np.finfo(np.float64).eps * (n_y + n_t + n_s)
    # The bounds are to be within tol when both have been widened.
    aim = max(tol - 2 * slack, 0.5 * tol)
    if n == 1 and n_t == n_s == 2:
        p_t, p_s = pmf[0].sum(2).tolist(), pmf[0].sum(1).tolist()
        found = single_bounds(p_t, p_s, tol=aim, max_iter=max_iter)
        if found[1] - found[0] <= aim:
            return _solution(np.array(found[:1]), np.array(found[1:2]), np.array(found[2:]), slack, tol)
    last = np.ascontiguousarray(np.moveaxis(pmf, 0, 3))
    best = _Best(last.sum(2), last.sum(1))
    del last
    if n_t == n_s == 2:
        light = _ATTEMPTS[0].light * aim
        for start in range(0, n, BINARY_CHUNK):
            which = np.arange(start, min(start + BINARY_CHUNK, n))
            p_t, p_s = best.p_t.take(which, -1), best.p_s.take(which, -1)
            best.merge(which, *binary_bounds(p_t, p_s, light=light, tol=aim, max_iter=max_iter))
    workspace = Workspace()
    for attempt in _ATTEMPTS:
        if not len(best.open(aim)):
            break
        _try(best, attempt, aim, max_iter, workspace)
    q = np.ascontiguousarray(best.plan.transpose(3, 0, 2, 1) if turned else best.plan.transpose(3, 0, 1, 2))
    return _solution(best.lower, best.upper, q, slack, tol)


def _solution(lower: np.ndarray, upper: np.ndarray, q: np.ndarray, slack: float, tol: float) -> BrojaSolution:
    lower, upper = lower - slack, upper + slack
    # Rounding alone can put the bounds in the wrong order; the slack covers it.
    gap = np.maximum(upper - lower, 0.0)
    return BrojaSolution(lower, upper, q, gap, gap <= tol)
