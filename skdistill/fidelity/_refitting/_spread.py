"""Means over judged rows and repeated fits, with intervals that know both."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from skdistill.fidelity._estimates import wilson_interval

__all__ = ["Spread", "mean_over_fits"]

ROUNDING = 1e-24
Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class Spread:
    """A mean with its variance, the degrees of freedom of that variance and the effective number of rows."""

    value: float
    variance: float
    freedom: float
    n_rows: float

    def interval(self, level: float) -> Ends:
        """Return Student's interval; a single row has none."""
        if self.n_rows <= 1:
            return None, None
        half = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.variance**0.5 if self.variance > 0 else 0.0
        return float(self.value - half), float(self.value + half)

    def level_interval(self, level: float, share: bool) -> Ends:
        """Return the interval of a share of rows, or of an R^2."""
        if share:
            return self._share_interval(level)
        low, high = self.interval(level)
        return low, None if high is None else min(high, 1.0)

    def _share_interval(self, level: float) -> tuple[float, float]:
        """Return Wilson's interval for as many rows as would give this variance by themselves."""
        share = min(max(self.value, 0.0), 1.0)
        enough = min(share * (1 - share) / self.variance, self.n_rows) if self.variance > 0 else self.n_rows
        # Student's quantile is wider than the normal one, which has the effect of fewer rows.
        shrink = (stats.norm.ppf((1 + level) / 2) / stats.t.ppf((1 + level) / 2, self.freedom)) ** 2
        low, high = wilson_interval(share, enough * shrink, level)
        return float(low), float(high)


def mean_over_fits(scores: np.ndarray, weight: np.ndarray) -> Spread:
    """Average scores over judged rows and repeated fits.

    The variance has two parts: that over rows of the rows' means over fits, and that over fits of the fits' means over
    rows; the degrees of freedom are Welch's and Satterthwaite's. A single fit leaves the part of the rows.

    Parameters
    ----------
    scores : ndarray of shape (n_fits, n_rows)
        The scores.
    weight : ndarray of shape (n_rows,)
        Weights of the rows; their effective number is Kish's.

    Returns
    -------
    Spread
        Mean, variance and degrees of freedom.
    """
    share = weight / weight.sum()
    n_rows = 1.0 / (share**2).sum()
    row_means, fit_means = scores.mean(axis=0), scores @ share
    mean = float(row_means @ share)
    over_rows = float(share**2 @ (row_means - mean) ** 2) * (n_rows / (n_rows - 1) if n_rows > 1 else 1.0)
    parts = [(over_rows, max(n_rows - 1, 1.0))]
    if len(scores) > 1:
        parts.append((float(fit_means.var(ddof=1)) / len(scores), len(scores) - 1.0))
    # What is left of nothing by rounding.
    parts = [(part if part > ROUNDING else 0.0, freedom) for part, freedom in parts]
    variance = sum(part for part, _ in parts)
    noise = sum(part**2 / freedom for part, freedom in parts)
    return Spread(mean, variance, variance**2 / noise if noise > 0 else parts[0][1], n_rows)
