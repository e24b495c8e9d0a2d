"""Joint distributions P(Y, T, S) of a task, a teacher and a student, and what is measured on them."""

from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

__all__ = [
    "PartialInformation",
    "as_numbers",
    "check_pmf",
    "check_positive",
    "conditional_entropy",
    "entropy",
    "mutual_information",
]

# A sum this far from 1 is rounding.
MASS_TOL = 1e-9
# Lighter cells carry less information than can be added to anything; left in, their products underflow.
WEIGHTLESS = 1e-290

AXES = "(n_y, n_t, n_s), or (n, n_y, n_t, n_s) for a batch"


@dataclass(frozen=True, eq=False, repr=False)
class PartialInformation:
    """The information that a teacher T and a student S hold about a task Y, in its four parts.

    Each field but the last two is one number for one problem, and an array of shape (n,) for a batch.

    Parameters
    ----------
    redundancy : float or ndarray of shape (n,)
        Held by both: what the student shares of the teacher's knowledge.
    unique_teacher : float or ndarray of shape (n,)
        Held by the teacher alone: what is left to distil.
    unique_student : float or ndarray of shape (n,)
        Held by the student alone.
    synergy : float or ndarray of shape (n,)
        Held by neither alone, only by both together.
    mutual_information : float or ndarray of shape (n,)
        I(Y; T, S), the sum of the four.
    gap : float or ndarray of shape (n,)
        How far each part can be from the truth, in nats whatever the base; NaN where nobody certifies it.
    converged : bool or ndarray of shape (n,)
        Whether the gap is within the tolerance that was asked for.
    base : float
        Base of the logarithm: the unit of all but the gap.
    measure : str
        The measure that tells what both hold.

    Examples
    --------
    >>> from skdistill.information import decompose, named_gate
    >>> found = decompose(named_gate("sum"))
    >>> round(found.redundancy, 6), round(found.information_teacher, 6), round(found.mutual_information, 6)
    (0.5, 0.5, 1.5)
    """

    redundancy: Any
    unique_teacher: Any
    unique_student: Any
    synergy: Any
    mutual_information: Any
    gap: Any
    converged: Any
    base: float
    measure: str

    @property
    def information_teacher(self) -> Any:
        """I(Y; T): what the teacher alone tells of the task."""
        return self.redundancy + self.unique_teacher

    @property
    def information_student(self) -> Any:
        """I(Y; S): what the student alone tells of the task."""
        return self.redundancy + self.unique_student

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name.

        Returns
        -------
        dict
            In the order of the parameters.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def take(self, index: Any) -> "PartialInformation":
        """Return one problem of a batch, or several.

        Parameters
        ----------
        index : int, slice or array-like
            Which; an integer gives one problem with plain numbers, anything else a batch.

        Returns
        -------
        PartialInformation
            With the same base and measure.

        Raises
        ------
        TypeError
            If this is not a batch.
        """
        if np.ndim(self.redundancy) == 0:
            raise TypeError(
                "take() picks from a batch, and this decomposition is of one problem. Read its fields as they are, or "
                "decompose an array of shape (n, n_y, n_t, n_s)."
            )
        if not isinstance(index, slice):
            index = np.asarray(index)
        kept = {name: value if name in ("base", "measure") else value[index] for name, value in self.as_dict().items()}
        return as_numbers(PartialInformation(**kept)) if np.ndim(kept["gap"]) == 0 else PartialInformation(**kept)

    def __repr__(self) -> str:
        if np.ndim(self.redundancy):
            return f"<PartialInformation of {len(self.redundancy)} problems, measure={self.measure!r}>"
        parts = ("redundancy", "unique_teacher", "unique_student", "synergy")
        numbers = ", ".join(f"{name}={getattr(self, name):.4g}" for name in parts)
        return f"PartialInformation({numbers}, measure={self.measure!r}, base={self.base:g})"


def as_numbers(found: PartialInformation) -> PartialInformation:
    """Turn the arrays of a batch of one, or its zero-dimensional entries, into plain numbers."""
    plain = {
        name: value if name in ("base", "measure") else np.asarray(value).item()
        for name, value in found.as_dict().items()
    }
    return PartialInformation(**plain)


def check_pmf(pmf: ArrayLike, *, normalize: bool = False) -> np.ndarray:
    """Check joint distributions and return them as a batch.

    Parameters
    ----------
    pmf : array-like of shape (n_y, n_t, n_s) or (n, n_y, n_t, n_s)
        One joint distribution of Y, T and S, or n of them.
    normalize : bool, default=False
        Whether masses of any sum, counts for instance, are divided by it. Without it a sum within 1e-9 of 1 is taken
        for rounding.

    Returns
    -------
    ndarray of shape (n, n_y, n_t, n_s)
        A copy, of sum 1 up to rounding.

    Raises
    ------
    ValueError
        If these are not distributions over three axes; the message names the first problem of a batch where they are
        not.
    """
    masses = _as_floats(pmf)
    if masses.ndim not in (3, 4):
        raise ValueError(
            f"pmf must have the axes {AXES}, in the order Y, T, S; got shape {masses.shape}. Give a variable that is "
            "missing an axis of length 1, and join variables that are too many into one axis with reshape."
        )
    if 0 in masses.shape:
        raise ValueError(
            f"pmf must have at least one state on every axis {AXES}; got shape {masses.shape}. A variable that never "
            "changes has one state, and an axis of length 1."
        )
    batch = masses if masses.ndim == 4 else masses[None]
    _refuse(~np.isfinite(batch), batch, "must be finite", "Replace NaN and infinities; an impossible cell is 0")
    _refuse(batch < 0, batch, "must not be negative", "Set what rounding made negative to 0, and look for the rest")
    if normalize:
        batch = batch / np.maximum(batch.max((1, 2, 3), keepdims=True), np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        total = batch.sum((1, 2, 3))
    off = total == 0 if normalize else np.abs(total - 1.0) > MASS_TOL
    if off.any():
        which = int(np.flatnonzero(off)[0])
        way_out = "There is nothing to normalise" if normalize else "Pass normalize=True if these are counts or weights"
        raise ValueError(f"The mass of pmf must sum to 1{_of(which, batch)}, got {total[which]:.12g}. {way_out}.")
    batch = batch / total[:, None, None, None]
    batch[batch < WEIGHTLESS] = 0.0
    return cast(np.ndarray, batch)


def _as_floats(pmf: ArrayLike) -> np.ndarray:
    try:
        raw = np.asarray(pmf)
        if raw.dtype.kind not in "biufO":
            raise TypeError(f"entries of type {raw.dtype}")
        return raw.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"pmf must be an array of real numbers with the axes {AXES}, got {type(pmf).__name__} ({error}). Pass the "
            "probabilities as one NumPy array."
        ) from error


def _refuse(bad: np.ndarray, batch: np.ndarray, rule: str, way_out: str) -> None:
    if bad.any():
        which, *cell = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"The masses of pmf {rule}, got {batch[(which, *cell)]:g} at (y, t, s) = {tuple(cell)}"
            f"{_of(which, batch)}. {way_out}."
        )


def _of(which: int, batch: np.ndarray) -> str:
    return f" in problem {which} of {len(batch)}" if len(batch) > 1 else ""


def check_positive(name: str, value: Any, *, above: float) -> float:
    """Refuse a parameter that is not a finite number above a bound."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not above < number < np.inf:
        usual = {"base": "2 gives bits and math.e nats", "tol": "The default is 1e-9 nats"}[name]
        raise ValueError(f"{name} must be a finite number above {above:g}, got {value!r}. {usual}.")
    return number


def entropy(p: np.ndarray) -> np.ndarray:
    """Entropy in nats of each distribution of a batch of shape (n, n_states); shape (n,)."""
    return cast(np.ndarray, -xlogy(p, p).sum(1))


def conditional_entropy(joint: np.ndarray) -> np.ndarray:
    """H(Y | X) in nats of each joint distribution of a batch of shape (n, n_y, n_x); shape (n,).

    A sum of terms none of which is negative, so that it is exactly 0 where X determines Y.
    """
    p_x = joint.sum(1, keepdims=True)
    ratio = np.divide(joint, p_x, out=np.ones_like(joint), where=joint > 0)
    return cast(np.ndarray, -xlogy(joint, np.minimum(ratio, 1.0)).sum((1, 2)))


def mutual_information(joint: np.ndarray) -> np.ndarray:
    """I(Y; X) in nats of each joint distribution of a batch of shape (n, n_y, n_x); shape (n,).

    ``sum p log(p / q) - p + q`` with q the product of the margins: what the last two add is 0, but with them a rounding
    error of q counts to second order only.
    """
    p_y, p_x = joint.sum(2, keepdims=True), joint.sum(1, keepdims=True)
    # The quotient is taken in two steps because the product of two small margins can underflow.
    ratio = np.divide(joint, p_y, out=np.ones_like(joint), where=joint > 0)
    ratio = np.divide(ratio, p_x, out=ratio, where=joint > 0)
    terms = xlogy(joint, ratio) - joint + p_y * p_x
    return cast(np.ndarray, np.maximum(terms.sum((1, 2)), 0.0))
