"""Primal-dual Newton method on the BROJA dual, for a batch."""

from dataclasses import dataclass

import numpy as np

from skdistill.information._broja_bounds import dual_bound, kept_marginals, lse_softmax, plan_entropy, repair_plan
from skdistill.information._broja_linear import BlockSystem, Workspace

__all__ = ["NewtonSettings", "newton_bounds"]


# A slack below this share of 1 is lost in the rounding of the log-sum-exp: the path does not ask for less.
LEAST_SLACK = 1e-12
# Step length at which a problem counts as stuck.
STUCK = 1e-9


@dataclass(frozen=True)
class NewtonSettings:
    """Step rules of the method.

    Parameters
    ----------
    cap : float
        Largest change of a log-probability in one step.
    boundary : float
        Share of the way to the nearest bound that a step may go.
    centre : float
        Share of ``tol`` at which the barrier weight stops falling.
    """

    cap: float = 8.0
    boundary: float = 0.99
    centre: float = 0.25


class _Bounds:
    """Best certified bounds and plan so far of each problem."""

    def __init__(self, p_t: np.ndarray, p_s: np.ndarray) -> None:
        n = p_t.shape[2]
        self.p_t, self.p_s = p_t, p_s
        self.lower, self.upper = np.full(n, -np.inf), np.full(n, np.inf)
        self.plan = np.zeros((p_t.shape[0], p_t.shape[1], p_s.shape[1], n))

    def update(self, which: np.ndarray, plan: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> None:
        """Bound the problems ``which`` from their present plan and dual point."""
        p_t, p_s = self.p_t.take(which, -1), self.p_s.take(which, -1)
        plan = repair_plan(plan, p_t, p_s)
        lower, upper = plan_entropy(plan), dual_bound(alpha, beta, p_t, p_s)
        better = lower > self.lower[which]
        self.lower[which[better]] = lower[better]
        self.plan[..., which[better]] = plan[..., better]
        self.upper[which] = np.fmin(self.upper[which], upper)


class _State:
    """Iterates of the unfinished problems."""

    def __init__(self, which: np.ndarray, kept_t: np.ndarray, kept_s: np.ndarray) -> None:
        self.which, self.turn, self.length = which, np.zeros(len(which), dtype=int), np.ones(len(which))
        self.kept_t, self.kept_s = kept_t, kept_s
        self.free_t, self.free_s = kept_t > 0, kept_s > 0
        # One equation per label is redundant; it is the heaviest, since a light one costs digits.
        heaviest = kept_s.argmax(1)[:, None]
        np.put_along_axis(self.free_s, heaviest, False, axis=1)
        mass = kept_t.sum(1)
        share = kept_s / np.where(mass > 0, mass, 1.0)[:, None]
        with np.errstate(divide="ignore"):
            self.alpha, self.beta = np.log(kept_t), np.log(share)
            self.r = (kept_t[:, :, None] * share[:, None]).sum(0)
            log_r = np.log(self.r)
        self.dead = self.r == 0
        top = log_r.max(1)
        self.alpha -= np.where(np.isneginf(top), 0.0, top) + 0.3
        self.weight = self.r
        self.refresh()
        self.slack = -self.lse

    def refresh(self) -> None:
        """Log-sum-exp and softmax at the present dual point; pairs without any label count as satisfied."""
        self.lse, self.pi = lse_softmax(self.alpha[:, :, None] + self.beta[:, None])
        self.lse[self.dead] = -1.0

    def keep(self, selected: np.ndarray) -> None:
        """Drop all problems but the selected."""
        self.__dict__.update({name: array.compress(selected, -1) for name, array in self.__dict__.items()})

    def join(self, other: "_State") -> None:
        """Take in the problems of another state."""
        pairs = ((name, array, getattr(other, name)) for name, array in self.__dict__.items())
        self.__dict__.update({name: np.concatenate([own, its], -1) for name, own, its in pairs})


def _direction(state: _State, system: BlockSystem, excess: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Newton step towards ``r * slack = target``: alpha, beta, r, slack, and the largest log-probability change."""
    ratio = state.r / state.slack
    base = target / state.slack + ratio * excess
    pull = state.pi * base
    step_t, step_s = system.solve(state.kept_t - pull.sum(2), state.kept_s - pull.sum(1))
    change = step_t[:, :, None] + step_s[:, None]
    tilt = (state.pi * change).sum(0)
    largest = _flat(np.abs(change, out=change)).max(0)
    return step_t, step_s, base - state.r + ratio * tilt, -excess - tilt, largest


def _flat(array: np.ndarray) -> np.ndarray:
    """View with all axes but that of the problems in one."""
    return array.reshape(-1, array.shape[-1])


def _longest(state: _State, step: tuple[np.ndarray, ...], share: float, cap: float) -> np.ndarray:
    """Length of at most 1 that goes ``share`` of the way to the nearest bound, and no further than ``cap``."""
    _, _, step_r, step_slack, largest = step
    towards = np.maximum(step_r / (-state.r - state.dead), step_slack / -state.slack)
    return 1.0 / np.maximum(np.maximum(_flat(towards).max(0) / share, largest / cap), 1.0)


def _advance(state: _State, tol: float, settings: NewtonSettings, workspace: Workspace) -> None:
    """Take one predictor-corrector step in all problems; the step lengths are NaN where the system broke down."""
    excess = state.slack + state.lse
    system = BlockSystem(state.pi, state.r, state.slack, state.free_t, state.free_s, workspace)
    total = _flat(state.r * state.slack).sum(0)

    step = _direction(state, system, excess, np.zeros_like(state.r))
    length = _longest(state, step, 1.0, settings.cap)
    step_r, step_slack = step[2:4]
    ahead = _flat((state.r + length * step_r) * (state.slack + length * step_slack)).sum(0)
    sigma = np.clip((ahead / total) ** 2, 1e-4, 0.9)
    target = np.maximum(sigma * total, settings.centre * tol) * state.weight
    target = np.maximum(target, LEAST_SLACK * state.r)

    step = _direction(state, system, excess, target - length * step_r * step_slack)
    state.length = _longest(state, step, settings.boundary, settings.cap)
    if not np.isfinite(state.length).all():
        step = tuple(np.where(np.isfinite(state.length), part, 0.0) for part in step)
    length = np.nan_to_num(state.length)
    state.alpha += length * step[0]
    state.beta += length * step[1]
    state.r = state.r + length * step[2]
    linear = state.slack + length * step[3]
    state.refresh()
    # The slack follows the true one within limits: never far below the violation, which the next step must undo.
    state.slack = np.maximum(np.minimum(np.maximum(-state.lse, 0.3 * linear), 3.0 * linear), 0.1 * state.lse)
    state.turn += 1


def newton_bounds(
    p_t: np.ndarray,
    p_s: np.ndarray,
    *,
    light: float,
    tol: float,
    max_iter: int,
    room: int,
    settings: NewtonSettings | None = None,
    workspace: Workspace | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bracket max H_Q(Y|T, S) for a batch by a primal-dual Newton method on the dual.

    The dual maximises ``sum p(y,t) alpha + sum p(y,s) beta`` subject to ``logsumexp_y(alpha + beta) <= 0`` for every
    (t, s). With slack ``u`` and multiplier ``r`` of each constraint, ``q = r softmax(alpha + beta)`` must have the
    marginals and ``r u = mu w``. The start is ``q = p(y,t) p(y,s) / p(y)``, and the weights ``w`` are its ``r``: this
    makes the path blind to how light a state is. Step rules are Mehrotra's. A problem leaves the batch when its
    certified gap is small enough.

    Parameters
    ----------
    p_t, p_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        Marginals that the bounds hold for.
    light : float
        Marginals up to this mass are left out of the iteration, and put back before bounding.
    tol : float
        Gap at which a problem is finished.
    max_iter : int
        Number of Newton steps.
    room : int
        Number of problems that are worked on at a time: others enter as these finish.
    settings : NewtonSettings, default=None
        Step rules; None for the usual ones.
    workspace : Workspace, default=None
        Buffers to share between calls; None for new ones.

    Returns
    -------
    lower, upper : ndarray of shape (n,)
        Certified bounds in nats.
    plan : ndarray of shape (n_y, n_t, n_s, n)
        Feasible plan that attains ``lower``.

    References
    ----------
    Makkeh, Theis and Vicente: BROJA-2PID: A robust estimator for bivariate partial information decomposition,
    Entropy 20(4), 2018. Mehrotra: On the implementation of a primal-dual interior point method, SIAM Journal on
    Optimization 2(4), 1992.
    """
    settings, workspace = settings or NewtonSettings(), workspace or Workspace()
    bounds, waiting = _Bounds(p_t, p_s), np.arange(p_t.shape[2])

    def enter(number: int) -> _State:
        nonlocal waiting
        entering, waiting = waiting[:number], waiting[number:]
        return _State(entering, *kept_marginals(p_t.take(entering, -1), p_s.take(entering, -1), light))

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        state = enter(room)
        while len(state.which):
            _bound(bounds, state, tol, max_iter)
            stuck = ~(state.length > STUCK) | (state.turn >= max_iter)
            open_ = (bounds.upper[state.which] - bounds.lower[state.which] > tol) & ~stuck
            if not open_.all():
                state.keep(open_)
            if len(state.which):
                _advance(state, tol, settings, workspace)
            if len(waiting) and 2 * len(state.which) <= room:
                state.join(enter(room - len(state.which)))
    return bounds.lower, bounds.upper, bounds.plan


def _bound(bounds: _Bounds, state: _State, tol: float, max_iter: int) -> None:
    """Bound the problems that look finished, or stopped, or have just begun, and all others now and then."""
    gap = _flat(state.r * np.maximum(state.slack, -state.lse)).sum(0)
    due = gap + np.maximum(_flat(state.lse).max(0), 0.0) < tol
    due |= (state.turn % 8 == 0) | (state.turn >= max_iter) | ~(state.length > STUCK)
    if due.any():
        plan = state.pi.compress(due, -1) * state.r.compress(due, -1)
        bounds.update(state.which[due], plan, state.alpha.compress(due, -1), state.beta.compress(due, -1))
