"""Checked settings of the curves."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from skdistill.fidelity._refitting._curve_fits import CurveRows, Variant

__all__ = ["check_distiller", "check_temperatures", "row_variants"]

UNLABELED = "unlabeled"


def check_distiller(estimator: Any, varied: Sequence[str], caller: str, *, unlabeled: bool) -> None:
    """Refuse, before any fit, an estimator that does not have the parameters to vary.

    Parameters
    ----------
    estimator : object
        What the user gave.
    varied : sequence of str
        The parameters needed besides `teacher` and `student`.
    caller : str
        Name of the function, for the message.
    unlabeled : bool
        Whether `fit` must take `X_unlabeled`.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params") or not hasattr(estimator, "fit"):
        what = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
        raise TypeError(f"{caller} needs an unfitted distilled estimator, got {what}. Pass DistilledClassifier(...).")
    lacking = [name for name in ("teacher", "student", *varied) if name not in estimator.get_params(deep=False)]
    if lacking:
        held = any(name.endswith("__teacher") for name in estimator.get_params(deep=True))
        way = (
            "Pass the distilled estimator inside it, with pipelines as its teacher and student."
            if held
            else "Pass DistilledClassifier(...), or DistilledRegressor(...) where that has them."
        )
        raise TypeError(
            f"{caller} needs an estimator with the parameters teacher, student and {', '.join(varied)}; "
            f"{type(estimator).__name__} lacks {', '.join(lacking)}. {way}"
        )
    if unlabeled and not has_fit_parameter(estimator, "X_unlabeled"):
        raise TypeError(f"{caller} got X_unlabeled, which {type(estimator).__name__}.fit does not take. Leave it out.")


def check_temperatures(temperatures: Any) -> list[float]:
    """Return different temperatures above 0, in the order given."""
    found = [] if isinstance(temperatures, str) or not np.iterable(temperatures) else list(temperatures)
    fine = all(isinstance(t, Real) and not isinstance(t, bool) and 0 < float(t) < np.inf for t in found)
    if not found or not fine:
        raise ValueError(
            f"temperatures must be a sequence of numbers above 0, got {temperatures!r}. Write temperatures=(1, 2, 4)."
        )
    return list(dict.fromkeys(float(t) for t in found))


def row_variants(samplers: Any, n_rows: Any, rows: CurveRows) -> list[Variant]:
    """Return one variant for each line and number of rows.

    Parameters
    ----------
    samplers : sequence of str or objects with fit and sample
        What draws rows.
    n_rows : sequence of int or float
        Numbers of rows, or multiples of the training rows.
    rows : CurveRows
        Tells how many rows a multiple stands for.

    Returns
    -------
    list of Variant
        Without rows all lines share one fit.
    """
    wanted = _check_numbers(n_rows)
    lines = _named(samplers)
    if not lines and rows.unlabeled is None:
        raise ValueError(
            "samplers must name at least one sampler where there is no X_unlabeled, got none. Write "
            "samplers=('munge',)."
        )
    found: dict[tuple[str, int], Variant] = {}
    for line, sampler in lines:
        for value in wanted:
            variant = Variant(line, rows.mean_count(value), {"sampler": sampler, "n_synthetic": value})
            found.setdefault((line, variant.x), variant if value else _plain(line, lines))
    if rows.unlabeled is not None:
        for value in wanted:
            x = min(rows.mean_count(value), rows.n_unlabeled)
            variant = Variant(UNLABELED, x, _no_sampler(lines), value)
            found.setdefault((UNLABELED, x), variant if value else _plain(UNLABELED, lines))
    return list(found.values())


def _plain(line: str, lines: list[tuple[str, Any]]) -> Variant:
    return Variant(line, 0, _no_sampler(lines), 0)


def _no_sampler(lines: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"sampler": None, "n_synthetic": 0} if lines else {"sampler": None}


def _named(samplers: Any) -> list[tuple[str, Any]]:
    if isinstance(samplers, str) or not np.iterable(samplers):
        raise TypeError(f"samplers must be a sequence, got {samplers!r}. Write samplers=(sampler,) for a single one.")
    named: dict[str, Any] = {}
    for sampler in samplers:
        if not isinstance(sampler, str) and not (hasattr(sampler, "fit") and hasattr(sampler, "sample")):
            raise TypeError(
                f"samplers must be names or objects with fit and sample, got {sampler!r}. Use 'munge', 'mixup' or "
                "'conditional', or an object of skdistill.samplers."
            )
        name = sampler if isinstance(sampler, str) else type(sampler).__name__
        count = sum(known == name or known.startswith(f"{name} (") for known in named)
        if count and isinstance(sampler, str):
            raise ValueError(f"samplers must differ, got {name!r} twice. Leave one out.")
        named[f"{name} ({count + 1})" if count else name] = sampler
    return list(named.items())


def _check_numbers(n_rows: Any) -> list[int | float]:
    found = [] if isinstance(n_rows, str) or not np.iterable(n_rows) else list(n_rows)
    fine = all(isinstance(n, Real) and not isinstance(n, bool) and 0 <= float(n) < np.inf for n in found)
    if not found or not fine:
        raise ValueError(
            f"n_rows must be a sequence of numbers of at least 0, got {n_rows!r}: ints for numbers of rows, floats for "
            "multiples of the training rows. Write n_rows=(0, 1.0, 5.0)."
        )
    return [int(n) if isinstance(n, Integral) else float(n) for n in found]
