"""Intervals of fidelity metrics, and the numbers that carry them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from skdistill._sklearn import num_samples, safe_indexing
from skdistill._validation import as_rows
from skdistill.fidelity._calibration import calibration_gaps, expected_calibration_error
from skdistill.fidelity._checks import aligned_pair, check_fraction, check_positive_int, check_row_weights
from skdistill.fidelity._estimates import Estimate, bootstrap_means, effective_rows, seeded, wilson_interval
from skdistill.fidelity._metrics import (
    agreement_score,
    brier_distance,
    brier_rows,
    cross_entropy_rows,
    jensen_shannon,
    jensen_shannon_rows,
    kl_rows,
    log_loss_soft,
    predictive_kl,
    total_variation,
    total_variation_rows,
)

__all__ = ["Estimate", "bootstrap_means", "effective_rows", "metric_interval", "seeded", "wilson_interval"]

ROW_MEANS: dict[Any, Callable[..., np.ndarray]] = {
    brier_distance: brier_rows,
    jensen_shannon: jensen_shannon_rows,
    log_loss_soft: cross_entropy_rows,
    predictive_kl: kl_rows,
    total_variation: total_variation_rows,
}
CLASS_PARAMETERS = ("classes_teacher", "classes_student")


def metric_interval(
    metric: Callable[..., float],
    teacher: Any,
    student: Any,
    *,
    sample_weight: Any = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    random_state: Any = None,
) -> Estimate:
    """Give a metric with its confidence interval.

    `agreement_score` has Wilson's interval. Every other metric has the percentiles of its values on resampled rows; a
    row takes its weight with it, so that weights are no further evidence. A metric that is biased, as
    `expected_calibration_error` is upwards, is more so on resamples: its interval covers the spread, may lie to one
    side of the value, and does not say that the true error is above 0.

    Parameters
    ----------
    metric : callable
        ``metric(teacher, student)``, with `sample_weight` if there are weights; parameters of its own are set with
        `functools.partial`. The means over rows of this package are resampled without calling it again.
    teacher, student : array-like of shape (n_rows, ...)
        What it compares: labels, distributions or values of the same rows.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    confidence_level : float, default=0.95
        Level of the interval.
    n_resamples : int, default=1000
        Number of resamples.
    random_state : int, RandomState or None, default=None
        Seed of the resamples.

    Returns
    -------
    Estimate
        The metric's value as a float that has its interval as `low` and `high`; NaN for both ends where a single row
        was resampled.

    Raises
    ------
    ValueError
        If the metric refuses its input, or a parameter is not as described.

    References
    ----------
    Efron, Tibshirani: An Introduction to the Bootstrap, 1993, section 13.3 (the percentile interval).

    Examples
    --------
    >>> from skdistill.fidelity import jensen_shannon, metric_interval
    >>> teacher, student = [[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.8, 0.2], [0.1, 0.9]]
    >>> metric_interval(jensen_shannon, teacher, student, random_state=0).text(4)
    '0.0083 [0.0051, 0.0100]'
    """
    level = check_fraction(confidence_level, "confidence_level")
    n_resamples = check_positive_int(n_resamples, "n_resamples")
    if isinstance(metric, partial) and not metric.args:
        bare, params = metric.func, metric.keywords
    else:
        bare, params = metric, {}
    if bare is agreement_score:
        return agreement_score(teacher, student, sample_weight=sample_weight, **{**params, "confidence_level": level})
    teacher, student = as_rows(teacher), as_rows(student)
    weights = {} if sample_weight is None else {"sample_weight": check_row_weights(sample_weight, num_samples(teacher))}
    value = float(metric(teacher, student, **weights))
    drawn = _resampled(metric, bare, params, teacher, student, weights, n_resamples, seeded(random_state))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, low, high, level)


def _resampled(
    metric: Any, bare: Any, params: Any, teacher: Any, student: Any, weights: Any, n_resamples: int, rng: Any
) -> np.ndarray:
    weight = weights.get("sample_weight")
    if bare in ROW_MEANS:
        params = dict(params)
        pair = aligned_pair(teacher, student, *(params.pop(name, None) for name in CLASS_PARAMETERS))
        return bootstrap_means(ROW_MEANS[bare](*pair, **params), weight, n_resamples, rng)[:, 0]
    if bare is expected_calibration_error and params.get("strategy", "uniform") == "uniform":
        # Bins of equal width stay where they are in every resample.
        params = {name: given for name, given in params.items() if name != "strategy"}
        gaps = bootstrap_means(calibration_gaps(teacher, student, **params), weight, n_resamples, rng)
        return np.abs(gaps).sum(axis=1)
    if bare is expected_calibration_error and np.ndim(teacher) == 1 and params.get("classes") is None:
        # A resample may lack a class.
        metric = partial(bare, **{**params, "classes": np.unique(np.asarray(teacher))})
    return _recomputed(metric, teacher, student, weight, n_resamples, rng)


def _recomputed(
    metric: Callable[..., float], teacher: Any, student: Any, weight: np.ndarray | None, n_resamples: int, rng: Any
) -> np.ndarray:
    rows = np.arange(num_samples(teacher)) if weight is None else np.flatnonzero(weight)
    values = np.full(n_resamples, np.nan)
    for i in range(n_resamples if len(rows) > 1 else 0):
        drawn = rows[rng.integers(0, len(rows), len(rows))]
        weights = {} if weight is None else {"sample_weight": weight[drawn]}
        values[i] = metric(safe_indexing(teacher, drawn), safe_indexing(student, drawn), **weights)
    return values
