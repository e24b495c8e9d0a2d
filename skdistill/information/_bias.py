r"""How much too large information measured on few rows is, and atoms with that taken off.

The four atoms are a linear image of four terms: :math:`I(Y;T)`, :math:`I(Y;S)`, :math:`I(Y;T,S)` and the union
:math:`I_\cup = I(Y;T) + \mathrm{Uni}(Y:S \setminus T)`. The terms are corrected, brought back to the order that
:math:`\max(I_T, I_S) \le I_\cup \le \min(I_T + I_S, I_{TS})` asks for, and turned into atoms, which are then never
negative and sum to the corrected :math:`I(Y;T,S)`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma, hyperu

from skdistill.information._sample import Sample, normalised

__all__ = [
    "ANALYTIC",
    "CORRECTIONS",
    "atoms_from",
    "chao_entropy",
    "entropy_bias",
    "information_terms",
    "largest_terms",
    "miller_madow_entropy",
    "ordered_terms",
    "plug_in_entropy",
    "resampled_bias",
]

# A function of tables (n, n_y, n_t, n_s) of sum 1 that returns their four terms, shape (n, 4).
Terms = Callable[[np.ndarray], np.ndarray]

N_PERMUTATIONS = 20
N_HALVINGS = 4
N_GROUPS = 5


def information_terms(result: Any) -> np.ndarray:
    """Return I(Y;T), I(Y;S), I(Y;T,S) and the union of decompositions, shape (..., 4)."""
    teacher = np.asarray(result.redundancy + result.unique_teacher)
    student = np.asarray(result.redundancy + result.unique_student)
    return np.stack([teacher, student, np.asarray(result.mutual_information), teacher + result.unique_student], axis=-1)


def ordered_terms(terms: np.ndarray) -> np.ndarray:
    """Bring terms (..., 4) to the order in which every atom is at least 0, by raising or cutting what breaks it."""
    teacher, student, joint, union = np.moveaxis(np.asarray(terms, dtype=np.float64), -1, 0)
    teacher, student = np.maximum(teacher, 0.0), np.maximum(student, 0.0)
    larger = np.maximum(teacher, student)
    joint = np.maximum(joint, larger)
    union = np.clip(union, larger, np.minimum(teacher + student, joint))
    return np.stack([teacher, student, joint, union], axis=-1)


def largest_terms(shape: tuple[int, int, int]) -> np.ndarray:
    """Return the most that the four terms can be, in nats, in a table of n_y x n_t x n_s states, shape (4,)."""
    n_y, n_t, n_s = shape
    return np.log([min(n_y, n_t), min(n_y, n_s), min(n_y, n_t * n_s), min(n_y, n_t * n_s)])


def atoms_from(terms: np.ndarray) -> np.ndarray:
    """Return redundancy, unique_teacher, unique_student and synergy of terms (..., 4), shape (..., 4)."""
    teacher, student, joint, union = np.moveaxis(terms, -1, 0)
    return np.stack([teacher + student - union, union - student, union - teacher, joint - union], axis=-1)


def plug_in_entropy(counts: np.ndarray) -> np.ndarray:
    """Return the entropy of the shares in tables of counts.

    Parameters
    ----------
    counts : ndarray of shape (n, n_cells)
        Counts of at least 0.

    Returns
    -------
    ndarray of shape (n,)
        In nats.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1))


def miller_madow_entropy(counts: np.ndarray) -> np.ndarray:
    """Return the plug-in entropy plus (occupied cells - 1) / (2 n), in nats, shape (n,).

    Parameters
    ----------
    counts : ndarray of shape (n, n_cells)
        Counts of at least 0.

    Returns
    -------
    ndarray of shape (n,)
        In nats.

    References
    ----------
    Miller: Note on the bias of information estimates, 1955.
    """
    return np.asarray(plug_in_entropy(counts) + ((counts > 0).sum(axis=1) - 1) / (2.0 * counts.sum(axis=1)))


def chao_entropy(counts: np.ndarray) -> np.ndarray:
    r"""Return the entropy of distributions of which only some cells were seen, from how many were seen once and twice.

    .. math:: \sum_c \frac{n_c}{n} \bigl(\psi(n) - \psi(n_c)\bigr)
              + \frac{f_1}{n} \sum_{k \ge 0} \frac{(1 - A)^{k+1}}{n + k}, \qquad
              A = \frac{2 f_2}{(n - 1) f_1 + 2 f_2}

    The first sum is without bias for what counts of this size can tell; the second, for cells not seen, is written
    here with the series continued beyond n, which does not cancel.

    Parameters
    ----------
    counts : ndarray of shape (n, n_cells)
        Whole counts.

    Returns
    -------
    ndarray of shape (n,)
        In nats.

    References
    ----------
    Chao, Wang, Jost: Entropy and the species accumulation curve, Methods in Ecology and Evolution 4, 2013.
    """
    total = counts.sum(axis=1)
    seen = np.where(counts > 0, counts, 1.0)
    entropy = (counts * (digamma(total)[:, None] - digamma(seen))).sum(axis=1) / total
    once, twice = (counts == 1).sum(axis=1), (counts == 2).sum(axis=1)
    # Without a cell seen twice, the paper's stand-in for A.
    coverage = np.where(
        twice > 0,
        2.0 * twice / np.maximum((total - 1) * once + 2 * twice, 1),
        2.0 / np.maximum((total - 1) * (once - 1) + 2, 2),
    )
    unseen = (once > 0) & (coverage < 1)
    entropy[unseen] += once[unseen] / total[unseen] * _tail(1.0 - coverage[unseen], total[unseen])
    return entropy


def _tail(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the sum of x^(k+1) / (n + k) over k >= 0, for 0 < x < 1."""
    k = np.arange(64)[:, None]
    small = (x ** (k + 1) / (n + k)).sum(axis=0)
    # The integral of exp(-n (w - a)) / (1 - exp(-w)) from a = -log(x), with 1/w + 1/2 + w/12 - w^3/720 for the kernel.
    a = -np.log(np.maximum(x, 0.5))
    third = a**3 / n + 3 * a**2 / n**2 + 6 * a / n**3 + 6 / n**4
    large = x * (hyperu(1.0, 1.0, n * a) + 0.5 / n + (a / n + 1.0 / n**2) / 12 - third / 720)
    return np.where(x < 0.5, small, large)


ENTROPIES = {"chao": chao_entropy, "miller_madow": miller_madow_entropy}
ANALYTIC = tuple(ENTROPIES)
CORRECTIONS = (*ANALYTIC, "permutation", "extrapolation", "jackknife")


def entropy_bias(counts: np.ndarray, method: str) -> np.ndarray:
    """Return the bias of I(Y;T), I(Y;S) and I(Y;T,S) from formulas for entropies.

    Parameters
    ----------
    counts : ndarray of shape (n, n_y, n_t, n_s)
        Number of rows in each cell.
    method : {"chao", "miller_madow"}
        The entropy that the plug-in one is compared with.

    Returns
    -------
    ndarray of shape (n, 3)
        In nats.
    """
    n = len(counts)

    def lack(*axes: int) -> np.ndarray:
        table = counts.sum(axis=axes).reshape(n, -1)
        return np.asarray(ENTROPIES[method](table) - plug_in_entropy(table))

    target = lack(2, 3)
    return np.stack([lack(3) - target - lack(1, 3), lack(2) - target - lack(1, 2), lack() - target - lack(1)], axis=1)


def resampled_bias(
    sample: Sample, terms: np.ndarray, measured: Terms, method: str, rng: np.random.RandomState
) -> np.ndarray:
    """Return the bias of the four terms from further decompositions.

    Parameters
    ----------
    sample : Sample
        The rows.
    terms : ndarray of shape (4,)
        Their plug-in terms.
    measured : callable
        Gives the terms of tables.
    method : {"permutation", "extrapolation", "jackknife"}
        What is decomposed: tables with the target permuted; halves and quarters of the rows, from which the terms are
        extrapolated as a + b / n + c / n^2; or all rows without one of 5 groups in turn.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (4,)
        In the unit of the terms.

    References
    ----------
    Strong, Koberle, de Ruyter van Steveninck, Bialek: Entropy and information in neural spike trains, 1998
    (extrapolation). Panzeri, Senatore, Montemurro, Petersen: Correcting for the sampling bias problem in spike train
    information measures, 2007.
    """
    if method == "permutation":
        return np.asarray(measured(sample.permuted(N_PERMUTATIONS, "y", None, rng)).mean(axis=0))
    if method == "jackknife":
        # Dealt out by a shuffle of its own, so that without resamples nothing depends on a seed.
        parts = sample.split(min(N_GROUPS, sample.n_rows), np.random.RandomState(0))
        left = measured(normalised(parts.sum(axis=0) - parts)).mean(axis=0)
        return np.asarray((len(parts) - 1) * (left - terms))
    if sample.n_rows < 4:
        raise ValueError(
            f"bias_correction='extrapolation' needs at least 4 rows, to quarter them, got {sample.n_rows}. Use 'chao'."
        )
    quarters = np.concatenate([sample.split(4, rng) for _ in range(N_HALVINGS)])
    halves = quarters.reshape(-1, 2, *quarters.shape[1:]).sum(axis=1)
    half, quarter = (measured(normalised(part)).mean(axis=0) for part in (halves, quarters))
    return np.asarray(terms - (8 * terms - 6 * half + quarter) / 3)
