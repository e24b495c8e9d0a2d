"""The linear systems of the BROJA solver: a two-block system, eliminated block by block, for a batch.

Problems run on the last axis while entries are formed (contiguous rows for every elementwise operation) and on the
first where LAPACK takes over.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

__all__ = ["BlockSystem", "Workspace", "solve_stack"]

# Relative ridge on the scaled matrices: keeps pivots of directions that no constraint holds away from zero. A few
# roundings are enough; ten times as much hides the couplings of nearly equal sources.
RIDGE = 5e-16
# Added to the diagonal of a variable that is held fixed; its square root is still far from overflow.
FIXED = 1e60
# Sides up to which a factor is written out, and the number of problems from which that beats LAPACK.
WRITTEN_OUT, MANY = 24, 64
# Side of the diagonal blocks of a stack of larger factors.
BLOCK = 8


def solve_stack(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a stack of systems; NaN for a singular one, without harm to the others.

    Parameters
    ----------
    matrices : ndarray of shape (n, m, m)
        One matrix per problem.
    right : ndarray of shape (n, m, k)
        Right-hand sides.

    Returns
    -------
    ndarray of shape (n, m, k)
        Solutions.
    """
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(right, np.nan)
        half = len(matrices) // 2
        parts = (slice(None, half), slice(half, None))
        return np.concatenate([solve_stack(matrices[part], right[part]) for part in parts])


class Workspace:
    """Buffers that outlive one Newton step: fresh memory costs more than the arithmetic done in it."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Uninitialised array of this shape over the buffer of this name, which it overwrites."""
        size = prod(shape)
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.empty(size)
        return self._buffers[name][:size].reshape(shape)


def cholesky_stack(matrices: np.ndarray, workspace: Workspace) -> None:
    """Lower Cholesky factors in place of matrices of unit diagonal, shape (m, m, n), written out over m."""
    side, _, n = matrices.shape
    for k in range(side):
        root = np.sqrt(np.maximum(matrices[k, k], RIDGE) + RIDGE)
        matrices[k, k] = root
        column = matrices[k + 1 :, k]
        column /= root
        update = workspace.array("update", (side - k - 1, side - k - 1, n))
        matrices[k + 1 :, k + 1 :] -= np.multiply(column[:, None], column, out=update)


def substitute_stack(factors: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve with the factors of `cholesky_stack` for ``right`` of shape (m, n), which is overwritten."""
    side = len(factors)
    for k in range(side):
        right[k] /= factors[k, k]
        right[k + 1 :] -= factors[k + 1 :, k] * right[k]
    for k in reversed(range(side)):
        right[k] -= (factors[k + 1 :, k] * right[k + 1 :]).sum(0)
        right[k] /= factors[k, k]
    return right


def blocked_factor(matrices: np.ndarray) -> list[tuple[slice, slice, np.ndarray, np.ndarray]]:
    """Cholesky factors of matrices of shape (n, m, m), by columns of blocks: inverse diagonal block, rest below.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one of the matrices is not positive definite.
    """
    factors, side = np.linalg.cholesky(matrices), matrices.shape[1]
    parts = []
    for start in range(0, side, BLOCK):
        own, below = slice(start, min(start + BLOCK, side)), slice(min(start + BLOCK, side), side)
        parts.append((own, below, np.linalg.inv(factors[:, own, own]), factors[:, below, own]))
    return parts


def blocked_substitute(parts: list[tuple[slice, slice, np.ndarray, np.ndarray]], right: np.ndarray) -> np.ndarray:
    """Solve with the factors of `blocked_factor` for ``right`` of shape (n, m, k), which is overwritten."""
    for own, below, inverse, rest in parts:
        right[:, own] = np.matmul(inverse, right[:, own])
        right[:, below] -= np.matmul(rest, right[:, own])
    for own, below, inverse, rest in reversed(parts):
        right[:, own] -= np.matmul(rest.transpose(0, 2, 1), right[:, below])
        right[:, own] = np.matmul(inverse.transpose(0, 2, 1), right[:, own])
    return right


def stack_solver(matrices: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Factorise matrices of shape (n, m, m) once, to solve for right-hand sides of shape (m, n) many times."""
    if len(matrices) == 1:
        factor, failed = dpotrf(matrices[0].T, lower=1, clean=0)
        if not failed:
            return lambda right: dpotrs(factor, right, lower=1)[0]
    else:
        try:
            parts = blocked_factor(matrices)
        except np.linalg.LinAlgError:
            # Rounding has left some matrix indefinite; LU below takes it, and tells a singular one by NaN.
            parts = None
        if parts is not None:
            return lambda right: blocked_substitute(parts, np.ascontiguousarray(right.T)[:, :, None])[:, :, 0].T
    return lambda right: solve_stack(matrices, right.T[:, :, None])[:, :, 0].T


class BlockSystem:
    """Hessian of the dual, factorised: block-diagonal over t, Schur complement on the variables of s.

    The Hessian is the sum over (t, s) of ``diag(q) + c pi pi'``, ``c = r / slack - r``, which acts on
    ``alpha(., t) + beta(., s)``. Its t-t part has one ``(n_y, n_y)`` block per t; these are eliminated by Cholesky
    factors written out over y, the rest is a dense matrix of side ``n_y * n_s``. Memory per problem:
    ``O((n_y n_t)(n_y n_s))`` numbers.

    Parameters
    ----------
    pi : ndarray of shape (n_y, n_t, n_s, n)
        Softmax of ``alpha + beta`` over y.
    r, slack : ndarray of shape (n_t, n_s, n)
        Multiplier and slack of each constraint.
    free_t, free_s : ndarray of shape (n_y, n_t, n) and (n_y, n_s, n)
        False where a variable is held fixed: no marginal, or redundant.
    workspace : Workspace
        Buffers; the system is valid until the next one is built over them.
    """

    def __init__(
        self,
        pi: np.ndarray,
        r: np.ndarray,
        slack: np.ndarray,
        free_t: np.ndarray,
        free_s: np.ndarray,
        workspace: Workspace,
    ) -> None:
        self.workspace = workspace
        self.solve_schur: Callable[[np.ndarray], np.ndarray]
        n_y, n_t, n_s, n = pi.shape
        plan = pi * r
        weighted = pi * (r / slack - r)
        work = workspace.array("work", (n_y, n_t, n_y * n_s + n_y, n))
        cross = work[:, :, : n_y * n_s].reshape(n_y, n_t, n_y, n_s, n)
        np.multiply(weighted[:, :, None], pi.transpose(1, 0, 2, 3)[None], out=cross)
        block_t, block_s = cross.sum(3), cross.sum(1)
        # einsum with a repeated index is a writable view of the diagonal.
        np.einsum("yayn->yan", block_t)[:] += plan.sum(2) + ~free_t
        np.einsum("yybn->ybn", block_s)[:] += plan.sum(1)
        np.einsum("yaybn->yabn", cross)[:] += plan
        self._eliminate(block_t, work, n_y * n_s)
        self._reduce(block_s, free_s)

    def _eliminate(self, block_t: np.ndarray, work: np.ndarray, split: int) -> None:
        """Right-looking Cholesky of each t's block, applied to [cross | identity]."""
        n_y = len(block_t)
        identity = work[:, :, split:]
        identity[:] = 0.0
        diagonal = np.einsum("yayn->yan", block_t).copy()
        for k in range(n_y):
            identity[k, :, k] = 1.0
        for k in range(n_y):
            floor = RIDGE * diagonal[k]
            root = np.sqrt(np.maximum(block_t[k, :, k], floor) + floor)
            work[k] /= root[:, None]
            if k + 1 < n_y:
                column = block_t[k + 1 :, :, k] / root
                update = self.workspace.array("update", work[k + 1 :].shape)
                work[k + 1 :] -= np.multiply(column[:, :, None], work[k], out=update)
                block_t[k + 1 :, :, k + 1 :] -= column[:, :, None] * column.transpose(1, 0, 2)[None]
        self.cross, self.inverse = work[:, :, :split], identity

    def _reduce(self, block_s: np.ndarray, free_s: np.ndarray) -> None:
        """Scaled Schur complement; problems last where the factor is written out, first for LAPACK."""
        n_y, n_t, side, n = self.cross.shape
        n_s = side // n_y
        rows = self.workspace.array("rows", (n, n_y, n_t, side))
        rows[:] = self.cross.transpose(3, 0, 1, 2)
        rows = rows.reshape(n, n_y * n_t, side)
        schur = np.matmul(rows.transpose(0, 2, 1), rows, out=self.workspace.array("schur", (n, side, side)))
        np.negative(schur, out=schur)
        np.einsum("nyszs->nyzs", schur.reshape(n, n_y, n_s, n_y, n_s))[:] += block_s.transpose(3, 0, 1, 2)
        diagonal = np.einsum("nii->ni", schur)
        diagonal += np.where(free_s, 0.0, FIXED).reshape(side, n).T
        scale = 1.0 / np.sqrt(np.maximum(diagonal, 1e-300))
        if side <= WRITTEN_OUT and n >= MANY:
            turned = self.workspace.array("turned", (side, side, n))
            turned[:] = schur.transpose(1, 2, 0)
            schur, scale = turned, np.ascontiguousarray(scale.T)
            schur *= scale[:, None]
            schur *= scale
            cholesky_stack(schur, self.workspace)
            self.solve_schur = partial(substitute_stack, schur)
        else:
            schur *= scale[:, :, None]
            schur *= scale[:, None]
            diagonal[:] = 1.0 + RIDGE
            scale = scale.T
            self.solve_schur = stack_solver(schur)
        self.rows, self.scale, self.free_s = rows, scale, free_s

    def solve(self, right_t: np.ndarray, right_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Step in alpha and beta for right-hand sides of shape (n_y, n_t, n) and (n_y, n_s, n)."""
        n_y, n_t, n = right_t.shape
        half = (self.inverse * right_t.transpose(1, 0, 2)[None]).sum(2)
        stacked = half.reshape(n_y * n_t, n).T[:, :, None]
        right = (right_s * self.free_s).reshape(-1, n) - np.matmul(self.rows.transpose(0, 2, 1), stacked)[:, :, 0].T
        right *= self.scale
        step_s = self.scale * self.solve_schur(right)
        half = half - np.matmul(self.rows, step_s.T[:, :, None])[:, :, 0].T.reshape(half.shape)
        step_t = (self.inverse * half[:, :, None]).sum(0).transpose(1, 0, 2)
        return step_t, step_s.reshape(right_s.shape) * self.free_s
