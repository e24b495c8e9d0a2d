"""Distributions P(Y, T, S) whose decomposition is known exactly."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal, overload

import numpy as np

from skdistill.information._pmf import PartialInformation

__all__ = ["GATES", "named_gate"]

# Entropy in bits of a bit that is 1 with probability 1/4.
H_QUARTER = 2.0 - 0.75 * np.log2(3.0)


@dataclass(frozen=True)
class Gate:
    """What Y, T and S are as functions of two bits, and the atoms in bits."""

    function: Callable[[int, int], tuple[int, int, int]]
    atoms: tuple[float, float, float, float]
    differ: float = 0.5


# Atoms: redundancy, unique to the teacher, unique to the student, synergy.
GATES: dict[str, Gate] = {
    "and": Gate(lambda u, v: (u & v, u, v), (H_QUARTER - 0.5, 0.0, 0.0, 0.5)),
    "xor": Gate(lambda u, v: (u ^ v, u, v), (0.0, 0.0, 0.0, 1.0)),
    "rdn": Gate(lambda u, v: (u, u, u), (1.0, 0.0, 0.0, 0.0)),
    "unq": Gate(lambda u, v: (u, u, v), (0.0, 1.0, 0.0, 0.0)),
    "copy": Gate(lambda u, v: (2 * u + v, u, v), (1.0 - H_QUARTER, H_QUARTER, H_QUARTER, 0.0), differ=0.25),
    "sum": Gate(lambda u, v: (u + v, u, v), (0.5, 0.0, 0.0, 1.0)),
    "useless_teacher": Gate(lambda u, v: (u, v, v), (0.0, 0.0, 0.0, 0.0)),
    "student_of_task": Gate(lambda u, v: (u, 2 * u + v, u), (1.0, 0.0, 0.0, 0.0)),
    "student_of_nuisance": Gate(lambda u, v: (u, 2 * u + v, v), (0.0, 1.0, 0.0, 0.0)),
    "masked_teacher": Gate(lambda u, v: (u, u ^ v, v), (0.0, 0.0, 0.0, 1.0)),
}


@overload
def named_gate(name: str) -> np.ndarray: ...
@overload
def named_gate(name: str, *, return_atoms: Literal[False]) -> np.ndarray: ...
@overload
def named_gate(name: str, *, return_atoms: Literal[True]) -> tuple[np.ndarray, PartialInformation]: ...


def named_gate(name: str, *, return_atoms: bool = False) -> np.ndarray | tuple[np.ndarray, PartialInformation]:
    """Joint distribution of a small example whose BROJA decomposition is known exactly.

    Two fair bits U and V, independent but in ``"copy"``, make the task Y, the teacher T and the student S:

    ===========================  ==========  ==========  ==========  ==================================================
    name                         Y           T           S           atoms
    ===========================  ==========  ==========  ==========  ==================================================
    ``"and"``                    U and V     U           V           .311 redundant, .5 synergy
    ``"xor"``                    U xor V     U           V           1 synergy
    ``"rdn"``                    U           U           U           1 redundant
    ``"unq"``                    U           U           V           1 unique to the teacher
    ``"copy"``                   (U, V)      U           V           .189 redundant, .811 unique to each: here U and V
                                                                     differ with probability 1/4
    ``"sum"``                    U + V       U           V           .5 redundant, 1 synergy
    ``"useless_teacher"``        U           V           V           all 0, though the student is the teacher's equal
    ``"student_of_task"``        U           (U, V)      U           1 redundant: nothing is left to distil
    ``"student_of_nuisance"``    U           (U, V)      V           1 unique to the teacher, though I(T; S) is the same
    ``"masked_teacher"``         U           U xor V     V           1 synergy: nothing to distil, though I(Y; T | S)
                                                                     is 1
    ===========================  ==========  ==========  ==========  ==================================================

    Parameters
    ----------
    name : str
        One of the names above.
    return_atoms : bool, default=False
        Whether the exact decomposition comes with it.

    Returns
    -------
    pmf : ndarray of shape (n_y, n_t, n_s)
        The joint distribution.
    atoms : PartialInformation
        The exact decomposition in bits. Only with ``return_atoms=True``.

    Raises
    ------
    ValueError
        If there is no gate of this name.

    References
    ----------
    Bertschinger, Rauh, Olbrich, Jost and Ay: Quantifying Unique Information, Entropy 16(4), 2014, section 4 (and, xor,
    copy). Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025
    (the last four are what its examples speak of).

    Examples
    --------
    >>> from skdistill.information import named_gate
    >>> named_gate("rdn")
    array([[[0.5, 0. ],
            [0. , 0. ]],
           [[0. , 0. ],
            [0. , 0.5]]])
    >>> pmf, atoms = named_gate("xor", return_atoms=True)
    >>> atoms.synergy
    1.0
    """
    if name not in GATES:
        raise ValueError(f"name must be one of {', '.join(map(repr, GATES))}, got {name!r}. Choose one of these.")
    gate = GATES[name]
    weights = (1.0 - gate.differ, gate.differ)
    cells = [(gate.function(u, v), 0.5 * weights[u ^ v]) for u, v in product((0, 1), repeat=2)]
    pmf = np.zeros(tuple(1 + max(states) for states in zip(*(cell for cell, _ in cells), strict=True)))
    for cell, mass in cells:
        pmf[cell] += mass
    if not return_atoms:
        return pmf
    redundancy, unique_teacher, unique_student, synergy = map(float, gate.atoms)
    exact = PartialInformation(
        redundancy=redundancy,
        unique_teacher=unique_teacher,
        unique_student=unique_student,
        synergy=synergy,
        mutual_information=float(sum(gate.atoms)),
        gap=0.0,
        converged=True,
        base=2.0,
        measure="broja",
    )
    return pmf, exact
