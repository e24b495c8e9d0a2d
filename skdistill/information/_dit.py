"""Exchange with dit, which knows many further measures."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill._optional import import_optional
from skdistill.information._pmf import check_pmf

__all__ = ["dit_atoms", "dit_measures", "from_dit", "to_dit"]

# The atoms in dit's lattice of two sources, in the order of ours.
NODES = (((0,), (1,)), ((0,),), ((1,),), ((0, 1),))


def to_dit(pmf: ArrayLike, *, normalize: bool = False) -> Any:
    """Hand a joint distribution to dit.

    Parameters
    ----------
    pmf : array-like of shape (n_y, n_t, n_s)
        Joint distribution of the task Y, the teacher T and the student S.
    normalize : bool, default=False
        Whether masses of any sum are divided by it.

    Returns
    -------
    dit.Distribution
        Of the variables named T, S and Y in this order, dit's sources before its target, whose outcomes are the
        positions on the axes. Cells of mass 0 are left out.

    Raises
    ------
    ValueError
        If pmf is not one joint distribution.
    OptionalDependencyError
        If dit is not installed.

    Examples
    --------
    >>> import dit
    >>> from skdistill.information import named_gate, to_dit
    >>> dist = to_dit(named_gate("rdn"))
    >>> sorted(dist.outcomes)
    [(0, 0, 0), (1, 1, 1)]
    >>> round(float(dit.shannon.mutual_information(dist, ["T"], ["Y"])), 6)
    1.0
    """
    dit = import_optional("dit", caller="to_dit", extra="dit")
    batch = check_pmf(pmf, normalize=normalize)
    if len(batch) != 1:
        raise ValueError(
            f"pmf must be one distribution of shape (n_y, n_t, n_s), got a batch of {len(batch)}. Call to_dit for each."
        )
    dist = _distribution(dit, batch[0])
    dist.set_rv_names("TSY")
    return dist


def _distribution(dit: Any, pmf: np.ndarray) -> Any:
    cells = np.argwhere(pmf > 0)
    return dit.Distribution([(t, s, y) for y, t, s in cells.tolist()], pmf[tuple(cells.T)].tolist())


def from_dit(dist: Any, *, teacher: Any = 0, student: Any = 1, target: Any = 2) -> np.ndarray:
    """Take a joint distribution over from dit.

    Parameters
    ----------
    dist : dit.Distribution
        Joint distribution of at least these variables; the others are summed out.
    teacher : int, str or list of these, default=0
        Position or name of the variable that is T; a list joins several into one.
    student : int, str or list of these, default=1
        The same for S.
    target : int, str or list of these, default=2
        The same for Y.

    Returns
    -------
    ndarray of shape (n_y, n_t, n_s)
        The joint distribution; states in the order of dit's alphabets.

    Raises
    ------
    ValueError
        If dist has no such variables.

    Examples
    --------
    >>> import dit
    >>> from skdistill.information import decompose, from_dit
    >>> dist = dit.Distribution(["000", "011", "101", "110"], [0.25] * 4)
    >>> round(decompose(from_dit(dist)).synergy, 6)
    1.0
    """
    groups = [group if isinstance(group, list | tuple) else [group] for group in (target, teacher, student)]
    try:
        names, alphabet = list(dist.get_rv_names() or []), dist.alphabet
        positions = [[names.index(v) if isinstance(v, str) else range(len(alphabet))[v] for v in g] for g in groups]
        linear = dist.copy(base="linear")
        cells, masses = list(linear.outcomes), np.asarray(linear.pmf, dtype=np.float64)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"dist must be a dit.Distribution with the variables target={target!r}, teacher={teacher!r} and "
            f"student={student!r}, got {type(dist).__name__} ({error}). Name its variables by position or by the names "
            "in dist.get_rv_names()."
        ) from error
    ranks = [{state: rank for rank, state in enumerate(states)} for states in alphabet]
    coded = np.array([[rank[state] for rank, state in zip(ranks, cell, strict=True)] for cell in cells])
    axes = [np.unique(coded[:, columns], axis=0, return_inverse=True)[1].ravel() for columns in positions]
    pmf = np.zeros([1 + axis.max() for axis in axes])
    np.add.at(pmf, tuple(axes), masses)
    return pmf


def dit_measures(dit: Any) -> dict[str, Any]:
    """Bivariate decompositions of the installed dit, by the names of their classes."""
    return {name: getattr(dit.pid, name) for name in sorted(dir(dit.pid)) if name.startswith("PID_")}


def dit_atoms(batch: np.ndarray, measure: str, ours: tuple[str, ...]) -> np.ndarray:
    """Decompose a batch by one of dit's measures, one problem after the other.

    Parameters
    ----------
    batch : ndarray of shape (n, n_y, n_t, n_s)
        Joint distributions.
    measure : str
        Name of a class of ``dit.pid``, such as ``"PID_CCS"``.
    ours : tuple of str
        The names that skdistill knows by itself, for the error's text.

    Returns
    -------
    ndarray of shape (4, n)
        Redundancy, the teacher's and the student's unique information and synergy in nats; NaN where dit gives none.

    Raises
    ------
    ValueError
        If dit has no such measure.
    OptionalDependencyError
        If dit is not installed.
    """
    known = ", ".join(map(repr, ours))
    caller = f"decompose(measure={measure!r}), which is none of skdistill's own {known},"
    dit = import_optional("dit", caller=caller, extra="dit")
    names = dit_measures(dit)
    if measure not in names:
        raise ValueError(
            f"measure must be one of {known}, or a class of dit.pid, got {measure!r}. The installed dit has "
            f"{', '.join(names)}."
        )
    found = np.empty((4, len(batch)))
    for problem, pmf in enumerate(batch):
        result = names[measure](_distribution(dit, pmf), [[0], [1]], [2])
        found[:, problem] = [result[node] for node in NODES]
    return found * np.log(2.0)
