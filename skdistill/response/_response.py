"""The teacher's answer, typed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from skdistill.exceptions import InvalidResponseError
from skdistill.response._temperature import soften, soften_logits

__all__ = ["Kind", "TeacherResponse"]

Kind = Literal["proba", "logit", "label", "value"]

# Networks answer in float32, whose rows sum to one within about 1e-6 per class; this leaves room for many classes.
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class TeacherResponse:
    """What a teacher says about some rows.

    The kind is stated, never guessed from the numbers: an array that lies in [0, 1] may hold margins.

    Parameters
    ----------
    kind : {"proba", "logit", "label", "value"}
        What `values` holds: probabilities, logits (up to a constant per row), class labels, or regression values.
    values : ndarray
        Shape (n_rows, n_classes) for "proba" and "logit", (n_rows,) for "label", (n_rows,) or (n_rows, n_outputs)
        for "value".
    classes : ndarray of shape (n_classes,) or None
        The classes that the columns stand for; None for "value".
    method : str
        The teacher's method that gave the answer.

    Raises
    ------
    InvalidResponseError
        If the values are not what the kind says: NaN, negative probabilities, rows that do not sum to one, another
        number of columns than classes, labels that are not among the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.response import TeacherResponse
    >>> answer = TeacherResponse("logit", np.array([[0.0, 1.0]]), np.array(["no", "yes"]), "decision_function")
    >>> answer.proba().round(3)
    array([[0.269, 0.731]])
    """

    kind: Kind
    values: np.ndarray
    classes: np.ndarray | None
    method: str

    def __post_init__(self) -> None:
        """Check that the values are what the kind says, and bring probabilities to rows of sum one."""
        if self.kind == "proba":
            object.__setattr__(self, "values", checked_proba(self.values, self.classes, self.method))
        elif self.kind == "logit":
            object.__setattr__(self, "values", _checked_matrix(self.values, self.classes, self.method))
        elif self.kind == "value":
            object.__setattr__(self, "values", _checked_finite(self.values, self.method))
        elif self.kind == "label":
            if self.classes is None or not np.isin(self.values, self.classes).all():
                raise InvalidResponseError(
                    f"The teacher's {self.method} gave labels that are not among its classes {self.classes!r}. "
                    "Let the teacher predict labels of the classes in its classes_."
                )
        else:
            raise InvalidResponseError(
                f"kind must be 'proba', 'logit', 'label' or 'value', got {self.kind!r}. State what the values are."
            )

    def __len__(self) -> int:
        """Return the number of rows answered."""
        return len(self.values)

    def take(self, rows: np.ndarray) -> "TeacherResponse":
        """Return the answer about some rows.

        Parameters
        ----------
        rows : ndarray
            Positions or a mask.

        Returns
        -------
        TeacherResponse
            Of the same kind.
        """
        return TeacherResponse(self.kind, self.values[rows], self.classes, self.method)

    def proba(self, temperature: float = 1.0) -> np.ndarray:
        """Give the answer as distributions over `classes`.

        Parameters
        ----------
        temperature : float, default=1.0
            Softens (above 1) or sharpens (below 1) the distributions.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Distributions; one-hot for an answer in labels.
        """
        if self.kind == "proba":
            return soften(self.values, temperature)
        if self.kind == "logit":
            return soften_logits(self.values, temperature)
        if self.kind == "label" and self.classes is not None:
            return (self.values[:, None] == self.classes[None, :]).astype(np.float64)
        raise InvalidResponseError(
            "A regression answer (kind 'value') has no probabilities. Use a classifier as teacher."
        )

    def align(self, classes: ArrayLike) -> "TeacherResponse":
        """Bring the columns into the order of other classes, by value.

        Parameters
        ----------
        classes : array-like of shape (n_classes,)
            The classes wanted. One that the teacher never saw gets probability 0; one that the teacher knows and that
            is not wanted is dropped and the rest renormalised.

        Returns
        -------
        TeacherResponse
            An answer of kind "proba", or of kind "logit" if the classes are the same set.

        Raises
        ------
        InvalidResponseError
            If the teacher knows none of the classes, or gives no mass to them in some row.
        """
        wanted = np.asarray(classes)
        if self.classes is None:
            return self
        if self.classes.tolist() == wanted.tolist():
            return self
        positions = _positions(self.classes, wanted)
        found = positions >= 0
        if not found.any():
            raise InvalidResponseError(
                f"The teacher's classes {_shown(self.classes)} and the labels' classes {_shown(wanted)} have nothing "
                "in common. Train the teacher on the same labels, or encode both in the same way."
            )
        same_set = found.all() and len(self.classes) == len(wanted)
        if self.kind == "logit" and same_set:
            return TeacherResponse("logit", self.values[:, positions], wanted, self.method)
        proba = self.proba()
        aligned = np.zeros((len(proba), len(wanted)))
        aligned[:, found] = proba[:, positions[found]]
        if len(self.classes) > found.sum():
            aligned = _renormalised(aligned, wanted)
        return TeacherResponse("proba", aligned, wanted, self.method)


def checked_proba(values: ArrayLike, classes: np.ndarray | None, method: str) -> np.ndarray:
    """Return probabilities as float64 rows of sum one, or say what is wrong with them."""
    proba = _checked_matrix(values, classes, method)
    if (proba < 0).any():
        row = int(np.flatnonzero((proba < 0).any(axis=1))[0])
        raise InvalidResponseError(
            f"The teacher's {method} must give probabilities of at least 0, got {proba[row].min():.4g} in row {row}. "
            "If these are margins, let the teacher offer them as decision_function instead of predict_proba."
        )
    sums = proba.sum(axis=1)
    wrong = np.abs(sums - 1.0) > SUM_TOLERANCE
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidResponseError(
            f"Each row of the teacher's {method} must sum to 1, got {sums[row]:.4g} in row {row} ({int(wrong.sum())} "
            f"of {len(sums)} rows are off). Normalise them, or offer margins as decision_function."
        )
    return proba / sums[:, None]


def _checked_matrix(values: ArrayLike, classes: np.ndarray | None, method: str) -> np.ndarray:
    matrix = _checked_finite(values, method)
    n_classes = None if classes is None else len(classes)
    if matrix.ndim != 2 or matrix.shape[1] != n_classes:
        raise InvalidResponseError(
            f"The teacher's {method} must give one column per class, (n_rows, {n_classes}), got shape {matrix.shape}. "
            "For an SVC set decision_function_shape='ovr'; a multi-label teacher cannot be distilled."
        )
    return matrix


def _checked_finite(values: ArrayLike, method: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))[0])
        raise InvalidResponseError(
            f"The teacher's {method} must give finite numbers, got NaN or infinity in row {row}. Check the teacher on "
            "that row: missing values it cannot handle, or training that diverged."
        )
    return array


def _positions(have: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    lookup = {value: i for i, value in enumerate(have.tolist())}
    return np.array([lookup.get(value, -1) for value in wanted.tolist()], dtype=np.intp)


def _renormalised(proba: np.ndarray, classes: np.ndarray) -> np.ndarray:
    mass = proba.sum(axis=1, keepdims=True)
    if (mass <= 0).any():
        row = int(np.flatnonzero(mass[:, 0] <= 0)[0])
        raise InvalidResponseError(
            f"The teacher gives all mass in row {row} to classes that are not among the labels' {_shown(classes)}. "
            "Train the teacher on the same classes, or drop the rows of the other classes."
        )
    return proba / mass


def _shown(classes: np.ndarray) -> str:
    listed = classes.tolist()
    return repr(listed) if len(listed) <= 8 else repr(listed[:8])[:-1] + f", ... ({len(listed)} in all)]"
