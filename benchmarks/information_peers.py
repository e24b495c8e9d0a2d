"""Solvers of the BROJA decomposition as worker processes: one answers one request at a time, so they can take turns.

``python -m benchmarks.information_peers SOLVER FILE.npz TOLERANCE`` reads the saved distributions and answers each line
of standard input, which problem and how often, with a line of JSON: processor seconds of every repeat,
atoms in nats, memory. The tolerance is that of ECOS and Clarabel. It is run in the environment of
``information_env.sh``; of skdistill it knows the two calls that are measured.
"""

import gc
import json
import logging
import re
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.special import xlogy

# Linux forgets a process's peak memory when "5" is written here.
RESET_PEAK = Path("/proc/self/clear_refs")


def conditional_entropy(joint):
    """H(Y|X) in nats of an array of shape (n_y, ...)."""
    total = joint.sum(0)
    return float(xlogy(total, total).sum() - xlogy(joint, joint).sum())


def atoms_of(pmf, value):
    """Redundancy, unique to T, unique to S and synergy in nats, where ``value`` is max H_Q(Y|T, S)."""
    h_t, h_s = conditional_entropy(pmf.sum(2)), conditional_entropy(pmf.sum(1))
    h_y, h_ts = conditional_entropy(pmf.sum((1, 2))[:, None]), conditional_entropy(pmf)
    return [h_y - h_t - h_s + value, h_s - value, h_t - value, value - h_ts]


def fields_of(found):
    """Atoms of a PartialInformation in nats."""
    scale = np.log(found.base)
    return [
        np.asarray(value) * scale
        for value in (found.redundancy, found.unique_teacher, found.unique_student, found.synergy)
    ]


class Solver:
    """Something that prepares a distribution, solves what has been prepared and reads atoms from the answer."""

    packages = ()

    def __init__(self, tolerance):
        self.tolerance = tolerance


class Decompose(Solver):
    """What a user of skdistill calls, checks and atoms included; one problem or a batch."""

    def prepare(self, pmf):
        return pmf

    def solve(self, pmf):
        from skdistill.information import decompose

        return decompose(pmf)

    def read(self, pmf, found):
        return [np.ravel(atom).tolist() for atom in fields_of(found)], bool(np.all(found.converged))


class SolveBroja(Decompose):
    """The solver beneath it alone."""

    def prepare(self, pmf):
        return pmf[None]

    def solve(self, pmf):
        from skdistill.information._broja import solve_broja

        return solve_broja(pmf)

    def read(self, pmf, found):
        return atoms_of(pmf[0], float(0.5 * (found.lower[0] + found.upper[0]))), bool(found.converged[0])


def supported(pmf):
    """Cells (y, t, s) that the marginals leave open."""
    return np.argwhere((pmf.sum(2) > 0)[:, :, None] & (pmf.sum(1) > 0)[:, None])


def marginal_rows(pmf, cells):
    """Row numbers of each cell's two marginals, and all right-hand sides."""
    p_t, p_s = pmf.sum(2), pmf.sum(1)
    t_rows, s_rows = np.cumsum(p_t > 0).reshape(p_t.shape) - 1, np.cumsum(p_s > 0).reshape(p_s.shape) - 1
    y, t, s = cells.T
    first = t_rows[y, t]
    second = s_rows[y, s] + np.count_nonzero(p_t)
    return first, second, np.concatenate([p_t[p_t > 0], p_s[p_s > 0]])


def pair_entries(pmf, cells):
    """Index pairs (i, j) of cells that share t and s."""
    pair = cells[:, 1] * pmf.shape[2] + cells[:, 2]
    order = np.argsort(pair, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(pair[order])) + 1)
    left = np.concatenate([np.repeat(group, len(group)) for group in groups])
    return left, np.concatenate([np.tile(group, len(group)) for group in groups])


class Ecos(Solver):
    """The model of BROJA_2PID: r, p, q per cell in the exponential cone, p the sum of q over y, as ready matrices."""

    packages = ("ecos",)

    def prepare(self, pmf):
        from scipy import sparse

        cells = supported(pmf)
        m = len(cells)
        first, second, masses = marginal_rows(pmf, cells)
        left, right = pair_entries(pmf, cells)
        at = np.arange(m)
        rows = np.concatenate([at, left, m + first, m + second])
        columns = np.concatenate([3 * at + 1, 3 * right + 2, 3 * at + 2, 3 * at + 2])
        values = np.concatenate([-np.ones(m), np.ones(len(rows) - m)])
        equal = sparse.csc_matrix((values, (rows, columns)), shape=(m + len(masses), 3 * m))
        gain = np.zeros(3 * m)
        gain[0::3] = -1.0
        cone = -sparse.identity(3 * m, format="csc")
        return gain, cone, np.zeros(3 * m), {"l": 0, "q": [], "e": m}, equal, np.concatenate([np.zeros(m), masses])

    def solve(self, matrices):
        import ecos

        return ecos.solve(*matrices, verbose=False, **dict.fromkeys(("abstol", "reltol", "feastol"), self.tolerance))

    def read(self, pmf, found):
        info = found["info"]
        # 10: close to the tolerance.
        return atoms_of(pmf, -info["pcost"]), info["exitFlag"] in (0, 10)


class EcosLean(Ecos):
    """The same without p and without the redundant marginals, which is faster on small problems."""

    def prepare(self, pmf):
        from scipy import sparse

        cells = supported(pmf)
        m, at = len(cells), np.arange(len(cells))
        first, second, masses = marginal_rows(pmf, cells)
        left, right = pair_entries(pmf, cells)
        # Each label's first marginal of S follows from the others.
        redundant = np.unique(cells[:, 0], return_index=True)[1]
        kept = np.setdiff1d(np.arange(len(masses)), second[redundant])
        rows, columns = np.concatenate([first, second]), np.concatenate([m + at, m + at])
        equal = sparse.csc_matrix((np.ones(2 * m), (rows, columns)), shape=(len(masses), 2 * m)).tocsr()[kept].tocsc()
        rows = np.concatenate([3 * at, 3 * at + 2, 3 * left + 1])
        columns = np.concatenate([at, m + at, m + right])
        cone = sparse.csc_matrix((-np.ones(len(rows)), (rows, columns)), shape=(3 * m, 2 * m))
        gain = np.concatenate([-np.ones(m), np.zeros(m)])
        return gain, cone, np.zeros(3 * m), {"l": 0, "q": [], "e": m}, equal, masses[kept]


class Cvxpy(Solver):
    """A cvxpy program for Clarabel, compiled once for all problems of the same support."""

    packages = ("cvxpy", "clarabel")

    def __init__(self, tolerance):
        super().__init__(tolerance)
        self.programs = {}

    def prepare(self, pmf):
        import cvxpy as cp
        from scipy import sparse

        cells = supported(pmf)
        first, second, masses = marginal_rows(pmf, cells)
        key = cells.tobytes()
        if key not in self.programs:
            left, right = pair_entries(pmf, cells)
            at, m = np.arange(len(cells)), len(cells)
            equal = sparse.csr_matrix((np.ones(2 * m), (np.concatenate([first, second]), np.concatenate([at, at]))))
            total = sparse.csr_matrix((np.ones(len(left)), (left, right)), shape=(m, m))
            q, right_hand = cp.Variable(m), cp.Parameter(len(masses), nonneg=True)
            program = cp.Problem(cp.Minimize(cp.sum(cp.rel_entr(q, total @ q))), [equal @ q == right_hand])
            right_hand.value = masses
            program.get_problem_data(cp.CLARABEL)
            self.programs[key] = program, right_hand
        return (*self.programs[key], masses)

    def solve(self, prepared):
        program, right_hand, masses = prepared
        right_hand.value = masses
        program.solve(solver="CLARABEL", **dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), self.tolerance))
        # Not program.value, which is infinite as soon as one entry of q is a little below zero.
        return program.solution.opt_val, program.status

    def read(self, pmf, found):
        value, status = found
        return atoms_of(pmf, np.nan if value is None else -value), status in ("optimal", "optimal_inaccurate")


class Dit(Solver):
    """``dit.pid.PID_BROJA`` as its users call it; by default it chooses among its methods by size."""

    packages = ("dit",)

    def prepare(self, pmf):
        import dit

        cells = np.argwhere(pmf > 0)
        return dit.Distribution([(t, s, y) for y, t, s in cells.tolist()], pmf[tuple(cells.T)].tolist())

    def options(self):
        return {}

    def solve(self, distribution):
        import dit

        return dit.pid.PID_BROJA(distribution, [[0], [1]], [2], **self.options())

    def read(self, pmf, found):
        nodes = (((0,), (1,)), ((0,),), ((1,),), ((0, 1),))
        return [float(found[node]) * np.log(2.0) for node in nodes], True


class DitCone(Dit):
    packages = ("dit", "ecos")

    def options(self):
        return {"method": "cone", **dict.fromkeys(("abstol", "reltol", "feastol"), self.tolerance)}


class DitAdmui(Dit):
    """dit's admUI by itself, without the other methods that PID_BROJA falls back on."""

    def solve(self, distribution):
        from dit.algorithms.admui import admui_dist

        return admui_dist(distribution, [[0], [1]], [2])

    def read(self, pmf, found):
        distribution, meta = found
        sizes = [len(states) for states in distribution.alphabet]
        plan = np.moveaxis(distribution.pmf.reshape(sizes), 2, 0)
        return atoms_of(pmf, conditional_entropy(plan)), meta["converged"]


OURS = ("decompose", "solve_broja")
SOLVERS = {
    "decompose": Decompose,
    "solve_broja": SolveBroja,
    "ecos": Ecos,
    "ecos_lean": EcosLean,
    "cvxpy": Cvxpy,
    "dit": Dit,
    "dit_cone": DitCone,
    "dit_admui": DitAdmui,
}


def resident(name):
    """Resident memory in MiB, now (VmRSS) or at most (VmHWM); NaN where there is no /proc."""
    status = Path("/proc/self/status")
    found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(found.group(1)) / 1024 if found else float("nan")


def answer(solver, pmf, repeats):
    """Solve a problem ``repeats`` times; the first time its memory is watched."""
    gc.collect()
    if RESET_PEAK.exists():
        RESET_PEAK.write_text("5")
    before = resident("VmRSS")
    start = time.process_time()
    prepared = solver.prepare(pmf)
    prepare = time.process_time() - start
    seconds, wall = [], []
    for turn in range(repeats):
        start, start_wall = time.process_time(), time.perf_counter()
        found = solver.solve(prepared)
        seconds.append(time.process_time() - start)
        wall.append(time.perf_counter() - start_wall)
        if not turn:
            peak = resident("VmHWM") - before
    atoms, good = solver.read(prepared if isinstance(solver, Decompose) else pmf, found)
    return {"prepare": prepare, "seconds": seconds, "wall": wall, "peak": peak, "atoms": atoms, "good": bool(good)}


def main(name, path, tolerance):
    solver, data = SOLVERS[name](float(tolerance)), dict(np.load(path))
    out, sys.stdout = sys.stdout, sys.stderr
    # What is loaded at the first call is no part of any call.
    small = np.random.default_rng(0).dirichlet(np.ones(8)).reshape(2, 2, 2)
    answer(solver, small, 1)
    out.write(json.dumps({"packages": [f"{package} {version(package)}" for package in ("numpy", *solver.packages)]}))
    out.write("\n")
    out.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        # No problem's number means all of them as one batch.
        pmf = data[asked["array"]]
        pmf = pmf if asked["problem"] is None else pmf[asked["problem"]]
        start = time.process_time()
        try:
            reply = answer(solver, pmf, asked["repeats"])
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:200]}
        reply["used"] = time.process_time() - start
        out.write(json.dumps(reply) + "\n")
        out.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    main(*sys.argv[1:])
