"""The BROJA solver: closed forms, true brackets against independent computations, laws, and no harm within a batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import xlogy

from skdistill.information._broja import solve_broja
from skdistill.information._broja_bounds import dual_bound, kept_marginals, repair_plan
from skdistill.information._broja_linear import BlockSystem, Workspace, solve_stack

# Bounds are widened by a few roundings; this is far above that, and far below the tolerance.
ROUNDING = 1e-12
TOL = 1e-9


def table(n_y, rule, *, t=(0, 1), s=(0, 1)):
    """Distribution of (Y, T, S) with uniform independent sources and Y = rule(T, S)."""
    pmf = np.zeros((n_y, len(t), len(s)))
    for a in t:
        for b in s:
            pmf[rule(a, b), a, b] = 1 / (len(t) * len(s))
    return pmf


def conditional_entropy(pmf, axis):
    """H(Y | the sources that are left after summing over ``axis``) in nats, of one distribution."""
    joint = pmf.sum(axis) if axis is not None else pmf
    return float(xlogy(joint.sum(0), joint.sum(0)).sum() - xlogy(joint, joint).sum())


def random_pmf(rng, n, shape, concentration=1.0, zeros=0.0):
    """Dirichlet tables; small concentrations in the log domain, so that cells reach 1e-100 instead of zero."""
    size = (n, *shape)
    log_mass = np.log(rng.gamma(concentration + 1, size=size)) + np.log(rng.random(size)) / concentration
    mass = np.exp(log_mass - log_mass.max(axis=(1, 2, 3), keepdims=True)) * (rng.random(size) >= zeros)
    mass[mass.sum(axis=(1, 2, 3)) == 0, 0, 0, 0] = 1.0
    return mass / mass.sum(axis=(1, 2, 3), keepdims=True)


def last(pmf):
    """Both marginals with the problems on the last axis."""
    return pmf.sum(3).transpose(1, 2, 0), pmf.sum(2).transpose(1, 2, 0)


def assert_sound(pmf, solution, tol=TOL):
    """Shapes, feasibility, order of the bounds, verdicts."""
    assert solution.q.shape == pmf.shape
    assert (solution.q >= 0).all()
    np.testing.assert_allclose(solution.q.sum(3), pmf.sum(3), rtol=0, atol=4e-16)
    np.testing.assert_allclose(solution.q.sum(2), pmf.sum(2), rtol=0, atol=4e-16)
    np.testing.assert_allclose([conditional_entropy(q, None) for q in solution.q], solution.lower, atol=ROUNDING)
    np.testing.assert_array_equal(solution.gap, solution.upper - solution.lower)
    assert (solution.gap >= 0).all()
    np.testing.assert_array_equal(solution.converged, solution.gap <= tol)


GATES = {
    "and": (table(2, lambda t, s: t & s), 0.5),
    "xor": (table(2, lambda t, s: t ^ s), 1.0),
    "rdn": (np.einsum("ya,yb->yab", np.eye(2), np.eye(2)) / 2, 0.0),
    "unq": (table(4, lambda t, s: 2 * t + s), 0.0),
    "sum": (table(3, lambda t, s: t + s), 1.0),
    "copy": (table(9, lambda t, s: 3 * t + s, t=range(3), s=range(3)), 0.0),
    "teacher's first bit": (table(2, lambda t, s: t // 2, t=range(4)), 0.0),
    "xor beside a bit": (table(4, lambda t, s: 2 * (t // 2) + (t % 2 ^ s), t=range(4)), 1.0),
}


@pytest.mark.parametrize("gate", GATES)
def test_gates(gate):
    pmf, bits = GATES[gate]
    solution = solve_broja(pmf[None])
    assert_sound(pmf[None], solution)
    assert solution.converged.all()
    assert solution.lower[0] <= bits * np.log(2) <= solution.upper[0]


@pytest.mark.parametrize("shape", [(3, 1, 4), (3, 4, 1), (3, 1, 1), (1, 3, 2), (1, 1, 1), (4, 2, 1)])
def test_one_state_in_an_axis_is_solved_at_once(rng, shape):
    pmf = random_pmf(rng, 20, shape, zeros=0.2)
    solution = solve_broja(pmf, max_iter=0)
    assert_sound(pmf, solution)
    axis = 2 if shape[2] == 1 else 1
    expected = [conditional_entropy(p, axis) if shape[0] > 1 else 0.0 for p in pmf]
    assert (solution.lower <= expected).all()
    assert (expected <= solution.upper).all()
    assert (solution.gap < ROUNDING).all()


def test_a_source_that_knows_nothing_leaves_the_other_alone(rng):
    of_t = rng.dirichlet(np.ones(12), size=10).reshape(10, 3, 4)
    pmf = np.einsum("nya,nb->nyab", of_t, rng.dirichlet(np.ones(3), size=10))
    solution = solve_broja(pmf)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.lower, [conditional_entropy(p, 2) for p in pmf], atol=TOL)


def test_equal_sources(rng):
    pmf = np.einsum("nya,ab->nyab", rng.dirichlet(np.ones(12), size=10).reshape(10, 3, 4), np.eye(4))
    solution = solve_broja(pmf)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.lower, [conditional_entropy(p, 2) for p in pmf], atol=TOL)


@pytest.mark.parametrize("noise", [1e-2, 1e-5, 1e-8, 1e-9, 1e-12])
def test_nearly_equal_sources(rng, noise):
    # Faint couplings between heavy states: what the linear systems find hardest.
    equal = np.einsum("nya,ab->nyab", rng.dirichlet(np.ones(12), size=20).reshape(20, 3, 4), np.eye(4))
    pmf = equal + noise * rng.random(equal.shape)
    pmf /= pmf.sum((1, 2, 3), keepdims=True)
    solution = solve_broja(pmf)
    assert_sound(pmf, solution)
    assert solution.gap.max() < 1e-8
    assert solution.converged.mean() >= 0.9


def largest_entropy(pmf):
    """Maximum of H_Q(Y|T, S) by a general solver on the null space of the marginals, and its own feasible plan."""
    n_y, n_t, n_s = pmf.shape
    moves = []
    for y in range(n_y):
        for a in range(1, n_t):
            for b in range(1, n_s):
                move = np.zeros(pmf.shape)
                move[y, 0, 0], move[y, a, b], move[y, 0, b], move[y, a, 0] = 1, 1, -1, -1
                moves.append(move.ravel())
    moves, floor = np.array(moves), 1e-12
    start = np.einsum("ya,yb->yab", pmf.sum(2), pmf.sum(1)) / pmf.sum((1, 2))[:, None, None]

    def loss(x):
        q = np.maximum(start.ravel() + x @ moves, floor).reshape(pmf.shape)
        ratio = np.log(q / q.sum(0))
        return (q * ratio).sum(), moves @ ratio.ravel()

    bounds = {"type": "ineq", "fun": lambda x: start.ravel() + x @ moves - floor, "jac": lambda x: moves.T}
    found = minimize(
        loss,
        np.zeros(len(moves)),
        jac=True,
        method="SLSQP",
        constraints=bounds,
        options={"ftol": 1e-13, "maxiter": 300},
    )
    return conditional_entropy(np.maximum(start.ravel() + found.x @ moves, 0).reshape(pmf.shape), None)


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 2, 2), (2, 3, 2), (2, 3, 3), (3, 2, 4)])
def test_against_a_general_solver(rng, shape):
    pmf = random_pmf(rng, 6, shape)
    solution = solve_broja(pmf)
    assert solution.converged.all()
    reference = np.array([largest_entropy(p) for p in pmf])
    assert (reference <= solution.upper + ROUNDING).all()
    np.testing.assert_allclose(solution.lower, reference, atol=2e-5)


def test_grid_of_all_binary_plans(rng):
    pmf = random_pmf(rng, 4, (2, 2, 2), concentration=0.5)
    solution = solve_broja(pmf)
    for p, lower, upper in zip(pmf, solution.lower, solution.upper, strict=True):
        cells = []
        for rows, columns in zip(p.sum(2), p.sum(1), strict=True):
            free = np.linspace(max(0.0, rows[0] - columns[1]), min(rows[0], columns[0]), 401)
            cells.append(np.array([[free, rows[0] - free], [columns[0] - free, rows[1] - columns[0] + free]]))
        q = np.maximum(np.stack(np.broadcast_arrays(cells[0][..., None], cells[1][..., None, :])), 0)
        entropy = (xlogy(q.sum(0), q.sum(0)).sum((0, 1)) - xlogy(q, q).sum((0, 1, 2))).max()
        assert lower - 1e-3 < entropy <= upper + ROUNDING


@pytest.mark.parametrize("concentration", [1.0, 0.1, 0.01])
def test_no_plan_is_above_and_no_dual_point_below(rng, concentration):
    pmf = random_pmf(rng, 40, (3, 4, 3), concentration)
    solution = solve_broja(pmf)
    p_t, p_s = last(pmf)
    for _ in range(5):
        plan = repair_plan(rng.gamma(0.3, size=(3, 4, 3, 40)), p_t, p_s)
        entropies = [conditional_entropy(q, None) for q in plan.transpose(3, 0, 1, 2)]
        assert (entropies <= solution.upper + ROUNDING).all()
        alpha, beta = rng.normal(scale=5, size=p_t.shape), rng.normal(scale=5, size=p_s.shape)
        assert (dual_bound(alpha, beta, p_t, p_s) >= solution.lower - ROUNDING).all()


SWEEP = [
    (shape, concentration, zeros)
    for shape in [(2, 2, 2), (2, 3, 3), (3, 4, 5), (4, 2, 6), (5, 6, 6), (6, 3, 2)]
    for concentration, zeros in [(1.0, 0.0), (0.1, 0.0), (0.01, 0.0), (1.0, 0.5), (0.1, 0.5), (0.01, 0.3)]
]


@pytest.mark.parametrize(("shape", "concentration", "zeros"), SWEEP)
def test_random_sparse_and_peaked(rng, shape, concentration, zeros):
    pmf = random_pmf(rng, 40, shape, concentration, zeros)
    solution = solve_broja(pmf)
    assert_sound(pmf, solution)
    # One in ten thousand peaked tables stays open by a few times the tolerance, and says so.
    assert solution.gap.max() < 1e-7
    assert solution.converged.mean() >= 0.95


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 2**32 - 1),
    log_concentration=st.floats(-2.5, 1.0),
    zeros=st.floats(0, 0.9),
    determined=st.booleans(),
)
def test_any_distribution_is_solved_or_says_so(shape, seed, log_concentration, zeros, determined):
    rng = np.random.default_rng(seed)
    pmf = random_pmf(rng, 3, shape, 10**log_concentration, zeros)
    if determined:
        pmf = np.eye(shape[0])[rng.integers(shape[0], size=(3, *shape[1:]))].transpose(0, 3, 1, 2) * pmf.sum(
            1, keepdims=True
        )
    solution = solve_broja(pmf)
    assert_sound(pmf, solution)
    own = np.array([conditional_entropy(p, None) for p in pmf])
    assert (own <= solution.upper + ROUNDING).all()
    least = np.array([min(conditional_entropy(p, 1), conditional_entropy(p, 2)) for p in pmf])
    assert (solution.lower <= least + ROUNDING).all()


@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_stopped_early_it_still_brackets(rng, max_iter):
    pmf = random_pmf(rng, 30, (3, 4, 4), 0.3)
    early, full = solve_broja(pmf, max_iter=max_iter), solve_broja(pmf)
    assert_sound(pmf, early)
    assert full.converged.all()
    assert not early.converged.any()
    assert (early.lower <= full.upper).all()
    assert (early.upper >= full.lower).all()


@pytest.mark.parametrize("tol", [1e-4, 1e-7, 1e-11])
def test_tolerance(rng, tol):
    pmf = random_pmf(rng, 30, (3, 4, 3))
    solution = solve_broja(pmf, tol=tol)
    assert_sound(pmf, solution, tol)
    assert solution.converged.all()


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 4, 5), (3, 3, 2)])
def test_batch_equals_singles(rng, shape):
    pmf = np.concatenate([random_pmf(rng, 70, shape, c) for c in (1.0, 0.1, 0.01)])
    together = solve_broja(pmf)
    alone = [solve_broja(p[None]) for p in pmf[::7]]
    np.testing.assert_array_equal(together.converged[::7], [one.converged[0] for one in alone])
    np.testing.assert_allclose(together.lower[::7], [one.lower[0] for one in alone], atol=2 * TOL)


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 4, 3)])
def test_one_broken_problem_spoils_no_other(rng, shape):
    good = random_pmf(rng, 9, shape, 0.1)
    broken = np.full((1, *shape), np.nan)
    faint = np.full((1, *shape), 1e-310)
    faint[0, 0, 0, 0] = 1.0
    solution = solve_broja(np.concatenate([good[:5], broken, good[5:], faint]))
    others = np.array([0, 1, 2, 3, 4, 6, 7, 8, 9])
    assert solution.converged[others].all()
    assert solution.converged[10]
    assert not solution.converged[5]
    np.testing.assert_allclose(solution.lower[others], solve_broja(good).lower, atol=2 * TOL)


def test_no_problem_at_all():
    solution = solve_broja(np.empty((0, 2, 3, 4)))
    assert solution.q.shape == (0, 2, 3, 4)
    assert solution.gap.shape == solution.converged.shape == (0,)


@pytest.mark.parametrize("concentration", [1.0, 0.1])
def test_relabelling_exchanging_and_splitting_leave_it(rng, concentration):
    pmf = random_pmf(rng, 20, (3, 4, 3), concentration)
    value = solve_broja(pmf).lower
    relabelled = pmf[:, rng.permutation(3)][:, :, rng.permutation(4)][:, :, :, rng.permutation(3)]
    np.testing.assert_allclose(solve_broja(relabelled).lower, value, atol=2 * TOL)
    np.testing.assert_allclose(solve_broja(pmf.swapaxes(2, 3)).lower, value, atol=2 * TOL)
    split = np.concatenate([pmf[:, :, :3], 0.3 * pmf[:, :, 3:], 0.7 * pmf[:, :, 3:]], axis=2)
    np.testing.assert_allclose(solve_broja(split).lower, value, atol=2 * TOL)


@pytest.mark.parametrize("shape", [(2, 2, 2), (3, 4, 3), (4, 2, 5)])
@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_brackets_found_on_different_ways_overlap(rng, shape, zeros):
    # Peaked tables take other steps, other repairs and other eliminations when they are turned, split or hurried.
    pmf = random_pmf(rng, 60, shape, 0.02, zeros)
    split = np.concatenate([pmf[:, :, :1] / 3, pmf[:, :, 1:], pmf[:, :, :1] * (2 / 3)], axis=2)
    found = [solve_broja(p) for p in (pmf, pmf[:, ::-1], pmf[:, :, ::-1], pmf.swapaxes(2, 3), split)]
    found += [solve_broja(pmf, max_iter=10), solve_broja(pmf, tol=1e-5), solve_broja(pmf, tol=1e-12)]
    assert (np.max([one.lower for one in found], axis=0) <= np.min([one.upper for one in found], axis=0)).all()


def test_coarser_sources_know_less(rng):
    pmf = random_pmf(rng, 20, (3, 4, 3))
    coarse = np.concatenate([pmf[:, :, :2], pmf[:, :, 2:].sum(2, keepdims=True)], axis=2)
    assert (solve_broja(coarse).upper >= solve_broja(pmf).lower).all()


def test_the_input_is_left_alone(rng):
    pmf = random_pmf(rng, 3, (2, 2, 3))
    before = pmf.copy()
    solve_broja(pmf)
    np.testing.assert_array_equal(pmf, before)


def test_repair_keeps_a_feasible_plan_and_mends_any_other(rng):
    pmf = random_pmf(rng, 10, (3, 4, 5), zeros=0.4)
    p_t, p_s = last(pmf)
    plan = pmf.transpose(1, 2, 3, 0)
    np.testing.assert_allclose(repair_plan(plan.copy(), p_t, p_s), plan, atol=1e-15)
    mended = repair_plan(np.zeros(plan.shape), p_t, p_s)
    np.testing.assert_allclose(mended.sum(2), p_t, atol=1e-15)
    np.testing.assert_allclose(mended.sum(1), p_s, atol=1e-15)


def test_dual_bound_does_not_see_the_gauge(rng):
    pmf = random_pmf(rng, 10, (3, 4, 5))
    p_t, p_s = last(pmf)
    alpha, beta = rng.normal(size=p_t.shape), rng.normal(size=p_s.shape)
    offset = 1e6 * rng.normal(size=(3, 1, 10))
    plain, moved = dual_bound(alpha, beta, p_t, p_s), dual_bound(alpha + offset, beta - offset, p_t, p_s)
    np.testing.assert_allclose(moved, plain, rtol=1e-8)


def test_kept_marginals_have_equal_masses():
    p_t = np.array([[0.5, 1e-16], [1e-16, 1e-16], [0.5, 2e-15]])[..., None]
    p_s = np.array([[0.25, 0.25], [2e-15, 0.0], [0.5, 1e-16]])[..., None]
    kept_t, kept_s = kept_marginals(p_t, p_s, 1e-15)
    np.testing.assert_array_equal(kept_t[..., 0], [[0.5, 0], [0, 0], [0.5, 2e-15]])
    np.testing.assert_allclose(kept_t.sum(1), kept_s.sum(1), rtol=1e-15)
    assert kept_s[1].max() == 0


@pytest.mark.parametrize("n", [1, 70])
def test_block_system_solves_the_whole_hessian(rng, n):
    n_y, n_t, n_s = 3, 4, 2
    pi = rng.dirichlet(np.ones(n_y), size=(n_t, n_s, n)).transpose(3, 0, 1, 2)
    r, slack = rng.gamma(1.0, size=(n_t, n_s, n)), rng.gamma(1.0, size=(n_t, n_s, n))
    free_s = np.ones((n_y, n_s, n), dtype=bool)
    free_s[:, 0] = False
    system = BlockSystem(pi, r, slack, np.ones((n_y, n_t, n), dtype=bool), free_s, Workspace())
    right_t, right_s = rng.normal(size=(n_y, n_t, n)), rng.normal(size=(n_y, n_s, n))
    step_t, step_s = system.solve(right_t, right_s)
    change = step_t[:, :, None] + step_s[:, None]
    tilt = (pi * change).sum(0)
    curved = r * pi * change + (r / slack - r) * tilt * pi
    assert (step_s[:, 0] == 0).all()
    np.testing.assert_allclose(curved.sum(2), right_t, atol=1e-10)
    np.testing.assert_allclose(curved.sum(1)[:, 1], right_s[:, 1], atol=1e-10)


def test_a_singular_system_is_nan_alone():
    matrices = np.stack([np.eye(2), np.zeros((2, 2)), 2 * np.eye(2)])
    solved = solve_stack(matrices, np.ones((3, 2, 1)))
    np.testing.assert_array_equal(solved[[0, 2], :, 0], [[1, 1], [0.5, 0.5]])
    assert np.isnan(solved[1]).all()
