"""From an alias or an object to a sampler, and from its rows to rows that can be trusted."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skdistill._containers import container_name
from skdistill.exceptions import SampledRowsError
from skdistill.samplers._base import BaseSampler
from skdistill.samplers._conditional import ConditionalSampler
from skdistill.samplers._mixup import MixupSampler
from skdistill.samplers._munge import MungeSampler

SAMPLERS: dict[str, type[BaseSampler]] = {
    "munge": MungeSampler,
    "mixup": MixupSampler,
    "conditional": ConditionalSampler,
}

__all__ = ["SAMPLERS", "Sampler", "check_sampled_rows", "resolve_sampler"]


@runtime_checkable
class Sampler(Protocol):
    """Anything that learns rows and gives new ones."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn what rows look like."""

    def sample(self, n: int, random_state: Any = None) -> Any:
        """Draw n new rows in the same kind of container as X."""


def resolve_sampler(sampler: str | Sampler, *, random_state: int | None = None) -> Any:
    """Turn an alias or a sampler into a sampler of one's own, not yet fitted.

    Parameters
    ----------
    sampler : {"munge", "mixup", "conditional"} or object with ``fit`` and ``sample``
        The sampler. It is cloned, not changed; an object without ``get_params`` is copied as a whole.
    random_state : int, default=None
        Seed for a sampler that has a parameter ``random_state`` and leaves it at None.

    Returns
    -------
    object
        A new sampler.

    Raises
    ------
    ValueError
        If the alias is unknown.
    TypeError
        If the object lacks ``fit`` or ``sample``, or is a class.

    Examples
    --------
    >>> from skdistill.samplers import resolve_sampler
    >>> resolve_sampler("munge")
    MungeSampler()
    """
    known = ", ".join(repr(name) for name in SAMPLERS)
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise ValueError(
                f"sampler should be one of {known} or an object with fit and sample, got {sampler!r}. "
                "Use one of these names, or pass the sampler itself."
            )
        return SAMPLERS[sampler](random_state=random_state)
    if isinstance(sampler, type):
        raise TypeError(
            f"sampler should be one of {known} or an object with fit and sample, got the class "
            f"{sampler.__name__}. Pass an instance: {sampler.__name__}()."
        )
    lacking = [name for name in ("fit", "sample") if not callable(getattr(sampler, name, None))]
    if lacking:
        raise TypeError(
            f"sampler should be one of {known} or an object with fit(X) and sample(n, random_state), got "
            f"{type(sampler).__name__}, which lacks {' and '.join(lacking)}. "
            "Add what is missing, or use a name."
        )
    own = clone(sampler, safe=False)
    if random_state is not None and hasattr(own, "get_params"):
        params = own.get_params(deep=False)
        if "random_state" in params and params["random_state"] is None:
            own.set_params(random_state=random_state)
    return own


def _shape(rows: Any) -> tuple[int, ...]:
    shape = getattr(rows, "shape", None)
    return tuple(shape) if shape is not None else np.shape(rows)


def _container_difference(sampled: Any, X: Any) -> tuple[str, str] | None:
    names = [container_name(table) for table in (sampled, X)]
    if names[0] != names[1] or (names[0] == "other" and type(sampled) is not type(X)):
        return f"a {type(X).__module__.split('.')[0]} {type(X).__name__}", f"a {type(sampled).__name__}"
    if sparse.issparse(X) and sampled.format != X.format:
        return f"the sparse format {X.format!r}", f"{sampled.format!r}"
    return None


def _column_difference(sampled: Any, X: Any) -> tuple[str, str] | None:
    if not hasattr(X, "columns"):
        return None
    wanted, got = list(X.columns), list(sampled.columns)
    if wanted == got:
        return None
    lacking = [name for name in wanted if name not in got]
    extra = [name for name in got if name not in wanted]
    if not lacking and not extra:
        return f"the columns {wanted!r} in this order", f"{got!r}"
    return f"the columns {wanted!r}", f"columns without {lacking!r} and with {extra!r} besides"


def _same_dtype(got: Any, wanted: Any) -> bool:
    # The longest string decides the dtype of an array of strings, so it differs between any two samples.
    if isinstance(wanted, np.dtype) and isinstance(got, np.dtype) and wanted.kind in "SU":
        return got.kind == wanted.kind
    return bool(got == wanted)


def _dtype_difference(sampled: Any, X: Any) -> tuple[str, str] | None:
    if not hasattr(X, "columns"):
        wanted, got = getattr(X, "dtype", None), getattr(sampled, "dtype", None)
        return None if _same_dtype(got, wanted) else (f"dtype {wanted}", f"dtype {got}")
    for name, wanted, got in zip(X.columns, list(X.dtypes), list(sampled.dtypes), strict=True):
        if not _same_dtype(got, wanted):
            return f"dtype {wanted!r} in column {name!r}", f"{got!r}"
    return None


def check_sampled_rows(sampled: Any, X: Any, *, n_rows: int | None = None) -> Any:
    """Check that a sampler returned rows like those it was fitted on.

    Parameters
    ----------
    sampled : table
        What the sampler returned.
    X : table of shape (n, n_columns)
        The rows it was fitted on.
    n_rows : int, default=None
        How many rows were asked for; None means that any number will do.

    Returns
    -------
    table
        ``sampled``, as it is.

    Raises
    ------
    SampledRowsError
        If the container, the columns, their number, their dtypes or the number of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.samplers import check_sampled_rows
    >>> check_sampled_rows(np.zeros((3, 2)), np.ones((10, 2)), n_rows=3).shape
    (3, 2)
    >>> check_sampled_rows(np.zeros((3, 5)), np.ones((10, 2)))
    Traceback (most recent call last):
        ...
    skdistill.exceptions.SampledRowsError: The rows returned by sampler.sample should have 2 columns, ...
    """
    X = np.asarray(X) if isinstance(X, list | tuple) else X
    difference = _container_difference(sampled, X)
    shape, wanted = _shape(sampled), _shape(X)
    if difference is None and len(shape) != 2:
        difference = "two dimensions", f"{len(shape)}"
    if difference is None:
        difference = _column_difference(sampled, X)
    if difference is None and shape[1] != wanted[1]:
        difference = f"{wanted[1]} columns", f"{shape[1]}"
    if difference is None and n_rows is not None and shape[0] != n_rows:
        difference = f"{n_rows} rows, as many as were asked for", f"{shape[0]}"
    if difference is None:
        difference = _dtype_difference(sampled, X)
    if difference is not None:
        raise SampledRowsError(
            f"The rows returned by sampler.sample should have {difference[0]}, got {difference[1]}. "
            "Let sample(n) return n rows in the container of the X that fit was given, with its columns and "
            "dtypes, or use one of the samplers of skdistill.samplers."
        )
    return sampled
