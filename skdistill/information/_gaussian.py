"""Partial information of jointly Gaussian variables."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import digamma

from skdistill.information._bias import N_GROUPS, atoms_from, information_terms, ordered_terms
from skdistill.information._pmf import PartialInformation, check_positive
from skdistill.information._sources import as_columns

__all__ = ["gaussian_decompose", "gaussian_information"]

MAX_STEPS = 60
MAX_CONJUGATE = 400
# Of each step of the path of barriers, and how close it comes to it.
SHRINK = 0.1
NEWTON_TOL = 1e-3


def gaussian_decompose(
    covariance: ArrayLike, sizes: tuple[int, int, int], *, base: float = 2.0, tol: float = 1e-8
) -> PartialInformation:
    r"""Decompose the information of jointly Gaussian variables Y, T, S, from their covariance.

    The coupling Q of the definition is sought among Gaussian ones. Given Y, whitened sources have the covariance
    :math:`\begin{pmatrix} I & \Sigma \\ \Sigma^\top & I \end{pmatrix}`, and
    :math:`\mathrm{Uni}(Y:T \setminus S) = \min_{\|\Sigma\|_2 \le 1} I_\Sigma(Y;T,S) - I(Y;S)` is a convex problem in
    :math:`\Sigma`, solved by a barrier and certified by its Frank-Wolfe gap. Where Y has a single dimension the result
    is that of every coupling, and in closed form: the weaker source has nothing of its own.

    Parameters
    ----------
    covariance : array-like of shape (n_dimensions, n_dimensions)
        Of (Y, T, S), in this order.
    sizes : tuple of int
        Dimensions of Y, T and S.
    base : float, default=2.0
        Of the logarithm: 2 for bits, e for nats.
    tol : float, default=1e-08
        Wanted gap, in nats.

    Returns
    -------
    PartialInformation
        With measure "gaussian".

    Raises
    ------
    ValueError
        If the matrix is not a covariance, the sizes do not sum to its order, or a source determines Y, or Y a source,
        so that information is infinite.

    References
    ----------
    Barrett: Exploration of synergistic and redundant information sharing in static and dynamical Gaussian systems,
    Physical Review E 91, 2015 (one-dimensional Y). Venkatesh, Bennett, Gale, Ramirez, Heller, Durand, Olsen, Mihalas:
    Gaussian Partial Information Decomposition: Bias Correction and Application to High-dimensional Data, NeurIPS 2023.

    Examples
    --------
    A student that sees the teacher's signal through further noise:

    >>> from skdistill.information import gaussian_decompose
    >>> parts = gaussian_decompose([[1, 1, 1], [1, 2, 2], [1, 2, 4]], (1, 1, 1))
    >>> round(parts.redundancy, 3), round(parts.unique_teacher, 3), round(parts.unique_student, 3)
    (0.208, 0.292, 0.0)
    """
    base, tol = check_positive("base", base, above=1.0), check_positive("tol", tol, above=0.0)
    matrix = _covariance(covariance, sizes)
    gain_t, gain_s, noise = _whitened(matrix, sizes)
    terms = np.array([_capacity(gain_t), _capacity(gain_s), _joint(gain_t, gain_s, noise), 0.0])
    terms[3], gap = _union(gain_t, gain_s, terms, tol)
    atoms = np.maximum(atoms_from(terms), 0.0) / math.log(base)
    return _parts(atoms, terms[2] / math.log(base), gap, tol, base)


def _parts(atoms: np.ndarray, joint: float, gap: float, tol: float, base: float) -> PartialInformation:
    shared, teacher, student, synergy = atoms.tolist()
    converged = bool(gap <= tol)
    return PartialInformation(shared, teacher, student, synergy, float(joint), float(gap), converged, base, "gaussian")


def gaussian_information(
    T: ArrayLike, S: ArrayLike, y: ArrayLike, *, bias_correction: bool = True, base: float = 2.0, tol: float = 1e-8
) -> PartialInformation:
    """Decompose the information of continuous representations about a continuous target, taken as jointly Gaussian.

    Parameters
    ----------
    T, S, y : array-like of shape (n_rows,) or (n_rows, n_columns)
        The teacher's and the student's representation, and the target.
    bias_correction : bool, default=True
        Whether the bias is taken off: that of the mutual informations, which is known exactly for Gaussian rows, and
        that of the unique parts, found by a jackknife with 5 groups of rows.
    base : float, default=2.0
        Of the logarithm: 2 for bits, e for nats.
    tol : float, default=1e-08
        Wanted gap, in nats.

    Returns
    -------
    PartialInformation
        With measure "gaussian".

    Raises
    ------
    ValueError
        If lengths differ, values are missing, there are not more rows than dimensions by 2, or columns depend on each
        other linearly.

    See Also
    --------
    PIDEstimator : For a target of classes.

    References
    ----------
    Misra, Singh, Demchuk: Estimation of the entropy of a multivariate normal distribution, Journal of Multivariate
    Analysis 92, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.information import gaussian_information
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=2000)
    >>> teacher = y + 0.5 * rng.normal(size=2000)
    >>> student = teacher + rng.normal(size=2000)
    >>> parts = gaussian_information(teacher, student, y)
    >>> round(parts.redundancy, 1), round(parts.unique_teacher, 1), round(parts.unique_student, 1)
    (0.4, 0.7, 0.0)
    """
    columns = [as_columns(values, name) for values, name in ((y, "y"), (T, "T"), (S, "S"))]
    n_rows = len(columns[0])
    if {len(part) for part in columns} != {n_rows}:
        raise ValueError(
            f"T, S and y must have one entry for each of the same rows, got {len(columns[1])}, {len(columns[2])} and "
            f"{n_rows}. Select the same rows from all three."
        )
    sizes = (columns[0].shape[1], columns[1].shape[1], columns[2].shape[1])
    if n_rows < sum(sizes) + 2:
        raise ValueError(
            f"There must be at least {sum(sizes) + 2} rows for {sum(sizes)} columns of y, T and S, got {n_rows}. "
            "Measure on more rows, or reduce the columns by PCA first."
        )
    joined = np.hstack(columns)
    # Information does not change with the units of columns, and the checks of rank must not.
    scale = joined.std(axis=0)
    joined = joined / np.where(scale > 0, scale, 1.0)
    parts = gaussian_decompose(np.cov(joined, rowvar=False), sizes, base=base, tol=tol)
    if not bias_correction:
        return parts
    terms = information_terms(parts)
    d_y, d_t, d_s = sizes
    bias = np.array([_wishart_bias(d_y, d, n_rows) for d in (d_t, d_s, d_t + d_s)]) / math.log(base)
    terms = ordered_terms(terms - np.append(bias, bias[:2].mean() + _unique_bias(joined, sizes, terms, base)))
    return _parts(atoms_from(terms), terms[2], parts.gap, tol, base)


def _unique_bias(rows: np.ndarray, sizes: tuple[int, int, int], terms: np.ndarray, base: float) -> float:
    """Return the mean bias of the unique parts, from the rows without one group at a time; 0 for too few rows."""
    n_rows = len(rows)
    n_groups = min(N_GROUPS, n_rows)
    if n_rows - -(-n_rows // n_groups) < sum(sizes) + 2:
        return 0.0
    # Dealt out by a shuffle of its own: the same rows give the same answer.
    groups = np.random.RandomState(0).permutation(n_rows) % n_groups
    left = [
        information_terms(gaussian_decompose(np.cov(rows[groups != i], rowvar=False), sizes, base=base))
        for i in range(n_groups)
    ]
    change = (n_groups - 1) * (np.mean(left, axis=0) - terms)
    return float(change[3] - change[:2].mean())


def _wishart_bias(d_y: int, d: int, n_rows: int) -> float:
    """Return the bias, in nats, of the information between d_y and d dimensions measured on rows."""

    def lack(order: int) -> float:
        # Expectation of half the log-determinant of a covariance of rows, less that of the true one.
        degrees = n_rows - 1
        return float(0.5 * (digamma((degrees - np.arange(order)) / 2) - np.log(degrees / 2)).sum())

    return lack(d_y) + lack(d) - lack(d_y + d)


def _covariance(covariance: Any, sizes: tuple[int, int, int]) -> np.ndarray:
    matrix = np.asarray(covariance)
    if matrix.dtype.kind not in "biuf" or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"covariance must be a square matrix of real numbers, got {matrix.dtype} of shape {matrix.shape}. Use "
            "numpy.cov."
        )
    matrix = matrix.astype(np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError("covariance must be finite, got NaN or infinity. Drop rows with missing values first.")
    order = len(matrix)
    given = np.asarray(sizes)
    if given.dtype.kind not in "iu" or given.shape != (3,) or given.min() < 1 or given.sum() != order:
        raise ValueError(
            f"sizes must be three whole dimensions of at least 1, of Y, T and S, that sum to the order of covariance, "
            f"{order}, got {sizes!r}. Count the columns of each."
        )
    variances = np.diag(matrix)
    if not (variances > 0).all():
        raise ValueError(
            f"covariance must have positive variances, got {variances.min():g} at {int(variances.argmin())}. Leave "
            "constant columns out."
        )
    scale = np.sqrt(variances)
    correlation = matrix / scale[:, None] / scale
    skew = np.abs(correlation - correlation.T).max()
    if skew > 1e-9:
        raise ValueError(
            f"covariance must be symmetric, got correlations that differ by {skew:.2g}. Average it with its transpose "
            "if rounding made it differ."
        )
    least = np.linalg.eigvalsh(correlation)[0]
    if least < 1e-11:
        raise ValueError(
            f"covariance must be positive definite, got {least:.2g} as the least eigenvalue of its correlations: some "
            "of the variables determine another one, so that information is infinite or columns are repeated. Leave "
            "columns out, or reduce them by PCA."
        )
    return np.asarray(correlation)


def _whitened(matrix: np.ndarray, sizes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gains of both sources for a white Y and white noise, and the covariance of the two noises."""
    d_y, d_t, _ = sizes
    root = np.linalg.cholesky(matrix[:d_y, :d_y])
    # Regression of the sources on whitened Y.
    gains = solve_triangular(root, matrix[:d_y, d_y:], lower=True).T
    noise = matrix[d_y:, d_y:] - gains @ gains.T
    root_t, root_s = np.linalg.cholesky(noise[:d_t, :d_t]), np.linalg.cholesky(noise[d_t:, d_t:])
    gain_t = solve_triangular(root_t, gains[:d_t], lower=True)
    gain_s = solve_triangular(root_s, gains[d_t:], lower=True)
    cross = solve_triangular(root_s, solve_triangular(root_t, noise[:d_t, d_t:], lower=True).T, lower=True).T
    return gain_t, gain_s, cross


def _capacity(gain: np.ndarray) -> float:
    """Return the information of a source with this gain, in nats."""
    return float(0.5 * np.linalg.slogdet(np.eye(gain.shape[1]) + gain.T @ gain)[1])


def _joined_noise(cross: np.ndarray) -> np.ndarray:
    d_t, d_s = cross.shape
    return np.block([[np.eye(d_t), cross], [cross.T, np.eye(d_s)]])


def _joint(gain_t: np.ndarray, gain_s: np.ndarray, cross: np.ndarray) -> float:
    """Return I(Y;T,S) in nats for noises with this covariance."""
    gains, noise = np.vstack([gain_t, gain_s]), _joined_noise(cross)
    return float(0.5 * (np.linalg.slogdet(noise + gains @ gains.T)[1] - np.linalg.slogdet(noise)[1]))


def _union(gain_t: np.ndarray, gain_s: np.ndarray, terms: np.ndarray, tol: float) -> tuple[float, float]:
    """Return the least I(Y;T,S) over the covariance of the noises, and its certified gap, in nats."""
    if gain_t.shape[1] == 1:
        return max(terms[0], terms[1]), 0.0
    problem = _Problem(gain_t, gain_s)
    cross = np.zeros((gain_t.shape[0], gain_s.shape[0]))
    floor, ceiling = max(terms[0], terms[1]), min(terms[0] + terms[1], terms[2])
    lower, upper, weight = floor, ceiling, 1.0
    while True:
        try:
            cross = problem.centre(cross, weight)
            value, slack = problem.certified(cross)
        except np.linalg.LinAlgError:
            # So close to the edge of the ball that noise is singular in floating point: the bounds stay as they are.
            break
        lower, upper = max(lower, value - slack), min(upper, value)
        if upper - lower <= tol or weight < 1e-14:
            break
        weight *= SHRINK
    lower = min(lower, upper)
    return 0.5 * (lower + upper), upper - lower


class _Problem:
    """Half the log-determinant of signal and noise, less that of noise, over the covariance of two white noises."""

    def __init__(self, gain_t: np.ndarray, gain_s: np.ndarray) -> None:
        gains = np.vstack([gain_t, gain_s])
        self.signal = gains @ gains.T
        self.d_t = gain_t.shape[0]

    def certified(self, cross: np.ndarray) -> tuple[float, float]:
        """Return the value, and how much lower a convex function with this gradient can be within the unit ball."""
        noise = _joined_noise(cross)
        both, own = cho_factor(noise + self.signal, lower=True), cho_factor(noise, lower=True)
        value = np.log(np.diag(both[0])).sum() - np.log(np.diag(own[0])).sum()
        slope = self._corner(_inverse(both) - _inverse(own))
        return float(value), float((slope * cross).sum() + np.linalg.svd(slope, compute_uv=False).sum())

    def centre(self, cross: np.ndarray, weight: float) -> np.ndarray:
        """Minimise the value plus `weight` times minus half the log-determinant of noise, by Newton's method."""
        for _ in range(MAX_STEPS):
            noise = _joined_noise(cross)
            both, own = (_inverse(cho_factor(part, lower=True)) for part in (noise + self.signal, noise))
            slope = self._corner(both - (1.0 + weight) * own)
            step = self._newton(both, own, weight, -slope)
            decrease = -float((slope * step).sum())
            length = self._longest(cross, step)
            start = self._barrier(cross, weight)
            while self._barrier(cross + length * step, weight) > start - 0.25 * length * decrease and length > 1e-10:
                length *= 0.5
            if length <= 1e-10:
                break
            cross = cross + length * step
            if decrease <= NEWTON_TOL * weight:
                break
        return cross

    def _corner(self, matrix: np.ndarray) -> np.ndarray:
        return np.asarray(matrix[: self.d_t, self.d_t :])

    def _barrier(self, cross: np.ndarray, weight: float) -> float:
        noise = _joined_noise(cross)
        (sign_both, both), (sign, own) = np.linalg.slogdet(noise + self.signal), np.linalg.slogdet(noise)
        return float(0.5 * (both - (1.0 + weight) * own)) if sign > 0 and sign_both > 0 else math.inf

    def _longest(self, cross: np.ndarray, step: np.ndarray) -> float:
        """Return a length of step that stays within the unit ball."""
        length = 1.0
        while np.linalg.norm(cross + length * step, 2) >= 1.0 - 1e-15 and length > 1e-10:
            length *= 0.7
        return length

    def _newton(self, both: np.ndarray, own: np.ndarray, weight: float, target: np.ndarray) -> np.ndarray:
        """Solve for the step by conjugate gradients."""

        def curvature(step: np.ndarray) -> np.ndarray:
            change = np.zeros_like(both)
            change[: self.d_t, self.d_t :] = step
            change[self.d_t :, : self.d_t] = step.T
            return self._corner((1.0 + weight) * (own @ change @ own) - both @ change @ both)

        found = np.zeros_like(target)
        rest = direction = target
        size = goal = float((rest * rest).sum())
        for _ in range(MAX_CONJUGATE):
            if size <= 1e-16 * goal:
                break
            bent = curvature(direction)
            along = float((direction * bent).sum())
            if along <= 0:
                break
            found = found + size / along * direction
            rest = rest - size / along * bent
            size, before = float((rest * rest).sum()), size
            direction = rest + size / before * direction
        return found if found.any() else target


def _inverse(factor: Any) -> np.ndarray:
    return np.asarray(cho_solve(factor, np.eye(len(factor[0]))))
