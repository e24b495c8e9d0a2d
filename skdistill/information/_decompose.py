"""The public decomposition: check, measure, change the unit."""

import numpy as np
from numpy.typing import ArrayLike

from skdistill.information._broja import solve_broja
from skdistill.information._dit import dit_atoms
from skdistill.information._measures import CLOSED_FORMS
from skdistill.information._pmf import (
    PartialInformation,
    as_numbers,
    check_pmf,
    check_positive,
    conditional_entropy,
    entropy,
    mutual_information,
)

__all__ = ["OURS", "decompose"]

OURS = ("broja", *CLOSED_FORMS)
# In nats: what differences of sums of a whole table's cells can be off by.
ROUNDING = 1e-13


def decompose(
    pmf: ArrayLike, *, measure: str = "broja", base: float = 2.0, tol: float = 1e-9, normalize: bool = False
) -> PartialInformation:
    """Split the information that a teacher and a student hold about a task into its four parts.

    With H the entropy, Q over all joint distributions with the (Y, T) and (Y, S) margins of the given one, and
    ``V = max_Q H_Q(Y | T, S)``, the measure ``"broja"`` says

    - ``unique_teacher = min_Q I_Q(Y; T | S) = H(Y | S) - V``, knowledge left to distil,
    - ``unique_student = H(Y | T) - V``,
    - ``redundancy = I(Y; T) - unique_teacher``, knowledge transferred,
    - ``synergy = V - H(Y | T, S)``.

    None is negative, and they sum to I(Y; T, S). The other measures give a redundancy, from which the rest follows.

    Parameters
    ----------
    pmf : array-like of shape (n_y, n_t, n_s) or (n, n_y, n_t, n_s)
        Joint distribution of the task Y, the teacher T and the student S, or a batch of n of them, which are solved
        together.
    measure : str, default="broja"
        ``"broja"`` (Bertschinger et al.); ``"imin"`` (Williams and Beer), which counts equal amounts as shared;
        ``"mmi"`` (Barrett), the smaller mutual information, an upper bound; ``"intersection"``, information in a
        function of one source that adds nothing to the other, a lower bound that RID maximises and that is 0 for nearly
        every table of counts; or a class of ``dit.pid`` by its name, such as ``"PID_CCS"``, which needs the extra
        ``dit`` and goes through a batch one by one. ``"PID_BROJA"`` is dit's own solver, whose default method can be
        off by a tenth of a bit without saying so.
    base : float, default=2.0
        Base of the logarithm, above 1: 2 for bits, ``math.e`` for nats.
    tol : float, default=1e-09
        Largest certified gap, in nats, with which ``"broja"`` counts as converged.
    normalize : bool, default=False
        Whether masses of any sum, counts for instance, are divided by it.

    Returns
    -------
    PartialInformation
        Plain numbers for one distribution, arrays of shape (n,) for a batch. Its ``gap`` is 0 for imin, mmi and
        intersection, which are closed forms, and NaN for dit's, which certify nothing and so never count as converged.
        The synergy of intersection and any part of dit's measures may be negative.

    Raises
    ------
    ValueError
        If pmf holds no joint distributions (negative, NaN, of another sum than 1, not three axes, an empty axis), base
        is not above 1, tol not above 0, or the measure is unknown.
    OptionalDependencyError
        If the measure is none of ours and dit is not installed.

    References
    ----------
    Bertschinger, Rauh, Olbrich, Jost and Ay: Quantifying Unique Information, Entropy 16(4), 2014, definition 1 and
    equation 3. Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS
    2025, section 3, for what the parts mean in distillation. Williams and Beer: Nonnegative Decomposition of
    Multivariate Information, arXiv 1004.2515, 2010. Barrett: Exploration of synergistic and redundant information
    sharing in static and dynamical Gaussian systems, Physical Review E 91, 052802, 2015. Griffith and Ho: Quantifying
    Redundant Information in Predicting a Target Random Variable, Entropy 17(7), 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.information import decompose, named_gate
    >>> found = decompose(named_gate("and"))
    >>> print(f"{found.redundancy:.4f} {found.unique_teacher:.4f} {found.synergy:.4f} {found.converged}")
    0.3113 0.0000 0.5000 True

    A batch, here of counts, in nats:

    >>> counts = np.random.default_rng(0).integers(1, 50, (100, 2, 3, 4))
    >>> decompose(counts, base=np.e, normalize=True).unique_teacher.shape
    (100,)
    """
    base, tol = check_positive("base", base, above=1.0), check_positive("tol", tol, above=0.0)
    if not isinstance(measure, str):
        raise ValueError(
            f"measure must be one of {', '.join(map(repr, OURS))}, or the name of a class of dit.pid, got {measure!r}. "
            "Pass a name."
        )
    batch = check_pmf(pmf, normalize=normalize)
    n = len(batch)
    total = mutual_information(batch.reshape(n, batch.shape[1], -1))
    if measure == "broja":
        atoms, gap = _broja_atoms(batch, tol)
    elif measure in CLOSED_FORMS:
        atoms, gap = _atoms_of(CLOSED_FORMS[measure](batch), batch, total), np.zeros(n)
    else:
        atoms, gap = dit_atoms(batch, measure, OURS), np.full(n, np.nan)
    # Differences of entropies: a part that is 0 may come out just below.
    atoms = np.where((atoms <= 0) & (atoms > -ROUNDING), 0.0, atoms) / np.log(base)
    found = PartialInformation(
        redundancy=atoms[0],
        unique_teacher=atoms[1],
        unique_student=atoms[2],
        synergy=atoms[3],
        mutual_information=total / np.log(base),
        gap=gap,
        converged=gap <= tol,
        base=base,
        measure=measure,
    )
    return as_numbers(found) if np.ndim(pmf) == 3 else found


def _broja_atoms(batch: np.ndarray, tol: float) -> tuple[np.ndarray, np.ndarray]:
    """Atoms in nats, of shape (4, n), and the certified gap of V, of shape (n,)."""
    h_t, h_s = conditional_entropy(batch.sum(3)), conditional_entropy(batch.sum(2))
    h_ts = conditional_entropy(batch.reshape(len(batch), batch.shape[1], -1))
    # What the sources would leave unknown together if they shared all that can be: no redundancy at V below it.
    least = h_t + h_s - entropy(batch.sum((2, 3)))
    solution = solve_broja(batch, tol=tol)
    # That no part is negative bounds V as well, exactly, and brackets a problem on which the solver failed.
    lower = np.fmax(solution.lower, np.maximum(h_ts, least))
    upper = np.fmin(solution.upper, np.minimum(h_t, h_s))
    value = 0.5 * (lower + upper)
    atoms = np.stack([value - least, h_s - value, h_t - value, value - h_ts])
    return atoms, np.abs(upper - lower)


def _atoms_of(redundancy: np.ndarray, batch: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Atoms of a given redundancy, in nats, of shape (4, n)."""
    i_t, i_s = mutual_information(batch.sum(3)), mutual_information(batch.sum(2))
    return np.stack([redundancy, i_t - redundancy, i_s - redundancy, total - i_t - i_s + redundancy])
