"""How two regressors' values differ."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from skdistill.fidelity._checks import check_fraction, check_row_weights, check_same_rows, check_values

__all__ = ["difference_quantiles", "weighted_quantiles"]

# Cumulative weights are sums of floats: one that is this close to a quantile's share has reached it.
ROUNDING = 1e-12


def weighted_quantiles(values: np.ndarray, shares: ArrayLike, weight: np.ndarray | None = None) -> np.ndarray:
    """Take quantiles by the inverse of the weighted distribution function.

    The quantile of share q is the smallest value up to which at least q of the weight lies, so that it is one of the
    values, and an integer weight has exactly the effect of repetition.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Numbers.
    shares : array-like of shape (n_quantiles,)
        Shares q in [0, 1].
    weight : ndarray of shape (n_rows,), default=None
        Weights, some of them positive.

    Returns
    -------
    ndarray of shape (n_quantiles,)
        The quantiles.

    References
    ----------
    Hyndman, Fan: Sample Quantiles in Statistical Packages, The American Statistician 50, 1996, definition 1.
    """
    if weight is None:
        weight = np.ones(len(values))
    elif not weight.all():
        values, weight = values[weight > 0], weight[weight > 0]
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    wanted = np.asarray(shares, dtype=np.float64) * reached[-1] * (1 - ROUNDING)
    return values[order][np.searchsorted(reached, wanted, side="left").clip(max=len(order) - 1)]


def difference_quantiles(
    values_teacher: ArrayLike,
    values_student: ArrayLike,
    *,
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    """Take the quantiles of the difference student minus teacher.

    The mean of the difference may be small because errors cancel; its quantiles show how far the student is off, and
    to which side. A quantile is the smallest difference up to which at least its share of the weight lies.

    Parameters
    ----------
    values_teacher, values_student : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Predicted values.
    quantiles : sequence of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        Shares in [0, 1].
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows. An integer weight has the effect of repetition.

    Returns
    -------
    ndarray of shape (n_quantiles,) or (n_quantiles, n_outputs)
        In the unit of the values.

    Raises
    ------
    ValueError
        If the values have other shapes than each other, no row, or some that are not finite; if a quantile is outside
        [0, 1] or the weights are no weights.

    References
    ----------
    Hyndman, Fan: Sample Quantiles in Statistical Packages, The American Statistician 50, 1996, definition 1.

    Examples
    --------
    >>> from skdistill.fidelity import difference_quantiles
    >>> difference_quantiles([1.0, 2.0, 3.0, 4.0], [1.5, 2.0, 3.0, 3.0], quantiles=[0.25, 0.5, 1.0])
    array([-1. ,  0. ,  0.5])
    """
    teacher = check_values(values_teacher, "values_teacher")
    student = check_values(values_student, "values_student")
    check_same_rows(teacher, student, "values")
    weight = check_row_weights(sample_weight, len(teacher))
    shares = [check_fraction(share, "quantiles", closed=True) for share in np.asarray(quantiles).reshape(-1).tolist()]
    difference = student - teacher
    if difference.ndim == 1:
        return weighted_quantiles(difference, shares, weight)
    return np.column_stack([weighted_quantiles(column, shares, weight) for column in difference.T])
