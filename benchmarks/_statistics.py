"""Paired differences, corrections for many tests, mean ranks and bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from skdistill.fidelity._slicing._slices import holm

__all__ = [
    "Paired",
    "critical_difference",
    "holm",
    "mean_ranks",
    "median_interval",
    "paired",
    "ratio_interval",
]

CONFIDENCE = 0.95
# Two fits of the same student differ by rounding only, in single precision.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences, its t-interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def paired(differences: Sequence[float]) -> Paired:
    """Judge differences over seeds; where all of them are equal there is no spread to judge by: p is 1 or 0."""
    values = np.asarray(differences, dtype=float)
    values = np.where(np.abs(values) < ROUNDING, 0.0, values)
    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Paired(mean, mean, mean, 1.0 if n < 2 or abs(mean) < 1e-12 else 0.0, n)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    return Paired(mean, mean - reach, mean + reach, float(2 * stats.t.sf(abs(mean) / error, n - 1)), n)


def mean_ranks(scores: np.ndarray) -> np.ndarray:
    """Rank the columns within each row, 1 for the greatest score, ties shared; return the means over rows."""
    return stats.rankdata(-scores, axis=1, method="average").mean(axis=0)


def critical_difference(n_methods: int, n_rows: int) -> float:
    """How far two mean ranks lie apart before the Nemenyi test (5 %) tells them apart."""
    q = stats.studentized_range.ppf(0.95, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_rows)))


def ratio_interval(
    numerator: np.ndarray, denominator: np.ndarray, n_draws: int = 5000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the ratio of two sums over data sets and its bootstrap interval, data sets drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(numerator), size=(n_draws, len(numerator)))
    ratios = numerator[drawn].sum(axis=1) / denominator[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(numerator.sum() / denominator.sum()), float(low), float(high)


def median_interval(values: np.ndarray, n_draws: int = 5000, seed: int = 0) -> tuple[float, float, float]:
    """Return the median and its bootstrap interval."""
    rng = np.random.default_rng(seed)
    drawn = np.median(values[rng.integers(len(values), size=(n_draws, len(values)))], axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(np.median(values)), float(low), float(high)
