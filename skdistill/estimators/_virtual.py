"""Virtual rows: made by a teacher from its own rows, brought into a student's columns, counted once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skdistill._optional import import_optional
from skdistill._sklearn import num_samples
from skdistill.estimators._expertise import proba_of
from skdistill.response._folds import row_fingerprint
from skdistill.students._repetition import row_draws

__all__ = [
    "Made",
    "VirtualInstances",
    "VirtualRows",
    "cap_rows",
    "distinct_rows",
    "make_rows",
    "row_marks",
    "stack_virtual",
    "told",
]

# Models in single precision answer alike only up to this.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Made:
    """What a generator made for one teacher.

    Parameters
    ----------
    X : table or ndarray of shape (n, n_teacher_columns)
        The virtual rows, in the generator's container or encoded.
    source : ndarray of shape (n,)
        Positions of the rows that they were made from.
    before, after : ndarray of shape (n,)
        The teacher's probability of the class, of the source row and of the virtual one.
    distance : ndarray of shape (n,)
        Between the two; NaN where the generator does not say.
    usable : ndarray of shape (n,), bool
        Whether the virtual row is as typical as asked for, or at least more typical than its source.
    """

    X: Any
    source: np.ndarray
    before: np.ndarray
    after: np.ndarray
    distance: np.ndarray
    usable: np.ndarray


def target_probability(probability: np.ndarray, strength: float, best: np.ndarray) -> np.ndarray:
    """Return how sure the teacher shall be of a virtual row: ``p + strength * (1 - p)``, if it is ever so sure.

    Parameters
    ----------
    probability : ndarray of shape (n,)
        How sure it is of the source rows.
    strength : float
        Share of the way to certainty.
    best : ndarray of shape (n,)
        How sure it is of that own row of the class of which it is surest; a model cannot be asked for more.

    Returns
    -------
    ndarray of shape (n,)
        Probabilities below 1.
    """
    wanted = probability + strength * (1.0 - probability)
    return np.minimum(wanted, np.maximum(probability, best) - ROUNDING)


def make_rows(
    generator: Any,
    model: Any,
    reference: tuple[Any, np.ndarray],
    queries: tuple[Any, np.ndarray],
    source: np.ndarray,
    strengths: Sequence[float],
    classes: np.ndarray,
) -> list[Made]:
    """Let a teacher make rows of the same class that are more typical of it.

    Parameters
    ----------
    generator : object with fit and generate
        Unfitted; a clone is used.
    model : estimator
        The fitted teacher.
    reference : (table, ndarray)
        The teacher's own rows and their labels.
    queries : (table, ndarray)
        The rows to start from, in the teacher's columns, and their labels.
    source : ndarray of shape (n_queries,)
        Positions of these rows.
    strengths : sequence of float
        One virtual row is made for each strength and query.
    classes : ndarray of shape (n_classes,)
        All classes.

    Returns
    -------
    list of Made
        For each strength, one virtual row for each query.

    Raises
    ------
    ValueError
        If the generator does not return a row for each query.
    """
    X, labels = queries
    before = told_of(model, X, labels, classes)
    own = told_of(model, *reference, classes)
    best = np.array([own[reference[1] == label].max(initial=0.0) for label in classes])[
        np.searchsorted(classes, labels)
    ]
    fitted = clone(generator, safe=False).fit(model, *reference)
    parts = []
    for strength in strengths:
        found = fitted.generate(X, labels, target_probability(before, strength, best))
        after, valid, distance = read_result(found, len(source))
        parts.append(Made(found.X, source, before, after, distance, valid | (after > before)))
    return parts


def read_result(found: Any, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read probability, valid and proximity, each of shape (n_rows,), from what a generator returned, and check it."""
    absent = [name for name in ("X", "valid", "probability") if not hasattr(found, name)]
    if absent:
        raise TypeError(
            f"generator.generate must return an object with X, valid and probability, got {type(found).__name__} "
            f"without {absent}. Return a CounterfactualSet or a namespace with these."
        )
    after, valid = np.asarray(found.probability, dtype=np.float64), np.asarray(found.valid, dtype=bool)
    distance = np.asarray(getattr(found, "proximity", np.full(n_rows, np.nan)), dtype=np.float64)
    if num_samples(found.X) != n_rows or any(part.shape != (n_rows,) for part in (after, valid, distance)):
        raise ValueError(
            f"generator must return one row and one probability for each of the {n_rows} rows, got "
            f"{num_samples(found.X)} rows and probability, valid and proximity of shapes {after.shape}, {valid.shape} "
            f"and {distance.shape}. Return invalid rows too, with valid=False."
        )
    return after, valid, distance


def told_of(model: Any, X: Any, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return a model's probability of each row's label, shape (n_rows,)."""
    return proba_of(model, X, classes)[np.arange(len(labels)), np.searchsorted(classes, labels)]


def told(made: Sequence[Made], weighted: bool) -> Sequence[Made]:
    """Return what a student is told of virtual rows made at several strengths.

    Parameters
    ----------
    made : sequence of Made
        One entry for each strength.
    weighted : bool
        Whether the student takes weights, by which the virtual rows of one source row share its weight.

    Returns
    -------
    sequence of Made
        All of them; for a student without weights those of the middle strength, since all would count several times.
    """
    return made if weighted else [made[(len(made) - 1) // 2]]


@dataclass(frozen=True)
class VirtualRows:
    """Virtual rows in the columns of one student.

    Parameters
    ----------
    values : ndarray of shape (n, n_columns)
        The rows, encoded.
    source : ndarray of shape (n,)
        Positions of the rows that they were made from, which have their classes and weights.
    teacher : ndarray of shape (n,)
        Who made them, as a position among the learners.
    before, after, distance : ndarray of shape (n,)
        As in `Made`.
    """

    values: np.ndarray
    source: np.ndarray
    teacher: np.ndarray
    before: np.ndarray
    after: np.ndarray
    distance: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: np.ndarray) -> "VirtualRows":
        """Return some of the rows."""
        return replace(self, **{part.name: getattr(self, part.name)[rows] for part in fields(self)})


def stack_virtual(parts: Sequence[VirtualRows]) -> VirtualRows:
    """Put virtual rows of one student below each other."""
    return VirtualRows(*(np.concatenate([getattr(p, part.name) for p in parts]) for part in fields(VirtualRows)))


def distinct_rows(rows: VirtualRows, codes: np.ndarray) -> VirtualRows:
    """Count once what several teachers say alike.

    Of virtual rows with the same values and class, only those of one teacher are kept. What one teacher says several
    times, from several source rows or at several strengths, keeps its weight; so do rows that the student has already,
    whose greater weight is the lesson.

    Parameters
    ----------
    rows : VirtualRows
        What all teachers made for one student in one round.
    codes : ndarray of shape (n_rows,)
        Classes of all source rows.

    Returns
    -------
    VirtualRows
        The rows that are left, in their order.
    """
    _, which = np.unique(row_marks(rows.values, codes[rows.source]), return_inverse=True)
    first = np.full(len(rows), np.iinfo(np.intp).max)
    np.minimum.at(first, which, rows.teacher)
    return rows.take(np.flatnonzero(rows.teacher == first[which]))


def row_marks(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return one 64-bit number per row, the same for the same values and class."""
    return row_fingerprint(np.column_stack([values, codes + 1.0]))


def cap_rows(rows: VirtualRows, codes: np.ndarray, most: int | None, seed: int) -> VirtualRows:
    """Keep at most so many rows, drawn at random by what they hold.

    Parameters
    ----------
    rows : VirtualRows
        Virtual rows of one student.
    codes : ndarray of shape (n_rows,)
        Classes of all source rows.
    most : int or None
        How many at most; None keeps all.
    seed : int
        Seed of the draw.

    Returns
    -------
    VirtualRows
        The rows drawn, in their order.
    """
    if most is None or len(rows) <= most:
        return rows
    draws = row_draws(rows.values, codes[rows.source].astype(np.float64), seed)
    return rows.take(np.sort(np.argsort(draws, kind="stable")[:most]))


@dataclass(frozen=True, eq=False, repr=False)
class VirtualInstances:
    """The virtual rows of a cooperative distillation: who taught whom what.

    Parameters
    ----------
    teacher, student : ndarray of shape (n_virtual,)
        Names of learners.
    source : ndarray of shape (n_virtual,)
        Position, in the X of `fit`, of the row that the virtual row was made from.
    label : ndarray of shape (n_virtual,)
        Its class.
    probability_before, probability_after : ndarray of shape (n_virtual,)
        The teacher's probability of the class, of the source row and of the virtual one.
    distance : ndarray of shape (n_virtual,)
        Between the two, as the generator measures it; NaN where it does not.
    round : ndarray of shape (n_virtual,)
        The round, from 1.
    accepted : ndarray of shape (n_virtual,), bool
        Whether the student kept what it learnt in this round.
    tables : dict of str to table
        The virtual rows of each student that was offered any, in its own columns, in the order of its entries here.

    See Also
    --------
    CooperativeDistillation : Has them as `virtual_instances_`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill import CooperativeDistillation
    >>> X, y = load_iris(return_X_y=True)
    >>> owner = ["south" if label == 2 or row % 2 else "north" for row, label in enumerate(y)]
    >>> learners = [("north", LogisticRegression(max_iter=500)), ("south", GaussianNB())]
    >>> told = CooperativeDistillation(learners, random_state=0).fit(X, y, owner=owner).virtual_instances_
    >>> set(told.teacher[told.label == 2].tolist()), told.tables["north"].shape[1]
    ({'south'}, 4)
    """

    teacher: np.ndarray
    student: np.ndarray
    source: np.ndarray
    label: np.ndarray
    probability_before: np.ndarray
    probability_after: np.ndarray
    distance: np.ndarray
    round: np.ndarray
    accepted: np.ndarray
    tables: dict[str, Any]

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_virtual={len(self)}, n_accepted={int(self.accepted.sum())})"

    def frame(self) -> Any:
        """Return one line per virtual row.

        Returns
        -------
        DataFrame
            With columns teacher, student, source, label, probability_before, probability_after, distance, round and
            accepted.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="VirtualInstances.frame", extra="plot")
        return pandas.DataFrame({part.name: getattr(self, part.name) for part in fields(self) if part.name != "tables"})
