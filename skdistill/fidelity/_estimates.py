"""Numbers with an interval: Wilson's for shares, resampled rows for means."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import ndtri
from sklearn.utils import check_random_state

from skdistill.fidelity._checks import check_fraction

__all__ = [
    "Estimate",
    "bootstrap_means",
    "effective_rows",
    "paired_interval",
    "percentile_ends",
    "seeded",
    "wilson_interval",
]

# So many counts are held at a time, whatever the number of resamples.
BLOCK_RESAMPLES = 16


class Estimate(float):
    """A number that knows its confidence interval, and is a plain float in every other respect.

    Parameters
    ----------
    value : float
        The number.
    low, high : float
        Ends of its confidence interval; NaN where there is none, as of a single row.
    confidence_level : float, default=0.95
        Level of the interval.

    Examples
    --------
    >>> from skdistill.fidelity import agreement_score
    >>> agreement = agreement_score(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    >>> agreement, agreement.text()
    (0.75, '0.750 [0.301, 0.954]')
    """

    low: float
    high: float
    confidence_level: float

    def __new__(cls, value: float, low: float, high: float, confidence_level: float = 0.95) -> "Estimate":
        """Make the float, and give it its interval."""
        self = super().__new__(cls, value)
        self.low = float(low)
        self.high = float(high)
        self.confidence_level = float(confidence_level)
        return self

    def __getnewargs__(self) -> tuple[float, float, float, float]:  # type: ignore[override]
        """Give what copies and pickles are made from."""
        return float(self), self.low, self.high, self.confidence_level

    def text(self, digits: int = 3) -> str:
        """Write the number and its interval.

        Parameters
        ----------
        digits : int, default=3
            Digits behind the point.

        Returns
        -------
        str
            Such as ``0.750 [0.301, 0.954]``.
        """
        return f"{float(self):.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def wilson_interval(share: ArrayLike, n: ArrayLike, confidence_level: float = 0.95) -> tuple[Any, Any]:
    """Give Wilson's score interval of a share.

    With z the normal quantile of the level, ``(n p + z^2 / 2 -+ z sqrt(n p (1 - p) + z^2 / 4)) / (n + z^2)``: inside
    [0, 1] and of positive width for every share, 0 and 1 included.

    Parameters
    ----------
    share : array-like of shape (...)
        Shares p in [0, 1]. Where n is 0 they do not matter and may be NaN.
    n : array-like of shape (...)
        Numbers of rows; under weights their effective number, ``(sum w)^2 / sum w^2``.
    confidence_level : float, default=0.95
        Level of the interval.

    Returns
    -------
    low : float or ndarray of shape (...)
        Lower end of the interval; 0 for n = 0.
    high : float or ndarray of shape (...)
        Upper end of the interval; 1 for n = 0.

    Raises
    ------
    ValueError
        If a share is outside [0, 1], a number negative or not finite, or the level outside (0, 1).

    References
    ----------
    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.

    Kish: Survey Sampling, 1965, section 11.7 (the effective number).

    Examples
    --------
    >>> from skdistill.fidelity import wilson_interval
    >>> low, high = wilson_interval(0.75, 4)
    >>> round(low, 3), round(high, 3)
    (0.301, 0.954)
    """
    p, count = np.broadcast_arrays(np.asarray(share, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not (np.isfinite(count) & (count >= 0)).all():
        raise ValueError(f"n must be finite and at least 0, got {n!r}. Pass the number of rows behind each share.")
    p = np.where(count == 0, 0.5, p)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"share must be in [0, 1], got {share!r}. Pass shares, not counts or percentages.")
    z = ndtri(0.5 + check_fraction(confidence_level, "confidence_level") / 2)
    middle = count * p + z**2 / 2
    half = z * np.sqrt(count * p * (1 - p) + z**2 / 4)
    # Rounding may take an end just past the share, or past 0 and 1.
    low = np.clip((middle - half) / (count + z**2), 0.0, np.where(count == 0, 0.0, p))
    high = np.clip((middle + half) / (count + z**2), np.where(count == 0, 1.0, p), 1.0)
    return (low[()], high[()]) if low.ndim else (float(low), float(high))


def paired_interval(lost: float, gained: float, n: float, confidence_level: float) -> tuple[float, float]:
    """Give an interval of the difference between two shares of the same rows.

    Wald's interval after one row more of each kind. Unlike resampled rows it has a width where no row differs, and it
    does not take a handful of rows that differ the same way for proof.

    Parameters
    ----------
    lost, gained : float
        Shares of the rows that count for the first only, and for the second only.
    n : float
        Number of rows; under weights their effective number.
    confidence_level : float
        Level of the interval.

    Returns
    -------
    low, high : float
        Ends, within [-1, 1], for ``gained - lost``.

    References
    ----------
    Bonett, Price: Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data,
    Journal of Educational and Behavioral Statistics 37, 2012.

    Examples
    --------
    >>> from skdistill.fidelity._estimates import paired_interval
    >>> [round(end, 3) for end in paired_interval(0.0, 0.04, 100, 0.95)]
    [-0.008, 0.086]
    """
    less, more = (lost * n + 1) / (n + 2), (gained * n + 1) / (n + 2)
    difference = more - less
    half = ndtri((1 + confidence_level) / 2) * np.sqrt((more + less - difference**2) / (n + 2))
    low, high = max(difference - half, -1.0), min(difference + half, 1.0)
    return float(min(low, gained - lost)), float(max(high, gained - lost))


def effective_rows(weight: np.ndarray | None, n_rows: int) -> float:
    """Return Kish's effective number of rows, ``(sum w)^2 / sum w^2``; 0 if no row has a weight."""
    if weight is None:
        return float(n_rows)
    top = weight.max(initial=0.0)
    if top == 0:
        return 0.0
    scaled = weight / top
    return float(scaled.sum() ** 2 / np.square(scaled).sum())


def bootstrap_means(values: Any, weight: np.ndarray | None, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Take the weighted means of some quantities over resampled rows.

    Each resample draws as many rows as there are, with replacement, and the rows' weights with them. A row of weight 0
    is no row. All quantities share a resample, so that differences between them can be taken in it.

    Parameters
    ----------
    values : ndarray or sparse matrix of shape (n_rows, n_quantities), or ndarray of shape (n_rows,)
        Quantities row by row.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    n_resamples : int
        Number of resamples.
    rng : Generator
        Where draws come from; `seeded` makes one of a `random_state`.

    Returns
    -------
    ndarray of shape (n_resamples, n_quantities)
        The means; NaN for a single row, which has no spread to resample.

    References
    ----------
    Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 6.
    """
    table = values.tocsr() if sparse.issparse(values) else np.asarray(values, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if weight is not None and not weight.all():
        table, weight = table[weight > 0], weight[weight > 0]
    if table.shape[0] < 2:
        return np.full((n_resamples, table.shape[1]), np.nan)
    if weight is not None:
        # One product gives the numerators and the denominator of the means.
        if sparse.issparse(table):
            stacked = sparse.hstack([sparse.diags(weight) @ table, weight[:, None]], format="csr")
        else:
            stacked = np.column_stack([table * weight[:, None], weight])
        sums = _resampled_sums(stacked, n_resamples, rng)
        return sums[:, :-1] / sums[:, -1:]
    return _resampled_sums(table, n_resamples, rng) / table.shape[0]


def percentile_ends(drawn: np.ndarray, confidence_level: float) -> list[tuple[float | None, float | None]]:
    """Give the ends of the percentile interval of each column of resampled numbers; None where there is no spread.

    Parameters
    ----------
    drawn : ndarray of shape (n_resamples, n_quantities)
        Resampled numbers, as `bootstrap_means` gives them.
    confidence_level : float
        Level of the intervals.

    Returns
    -------
    list of tuple
        Low and high end of each quantity.
    """
    ends = np.quantile(drawn, [(1 - confidence_level) / 2, (1 + confidence_level) / 2], axis=0)
    return [(None, None) if np.isnan(low) else (float(low), float(high)) for low, high in ends.T]


def _resampled_sums(table: Any, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    n_rows = table.shape[0]
    sums = np.empty((n_resamples, table.shape[1]))
    counts = np.empty((min(BLOCK_RESAMPLES, n_resamples), n_rows))
    for start in range(0, n_resamples, len(counts)):
        block = counts[: n_resamples - start]
        for line in block:
            line[:] = np.bincount(rng.integers(0, n_rows, n_rows), minlength=n_rows)
        sums[start : start + len(block)] = block @ table
    return sums


def seeded(random_state: Any) -> np.random.Generator:
    """Return a generator, much faster at drawing rows than a RandomState, seeded from scikit-learn's kind of seed."""
    return np.random.default_rng(check_random_state(random_state).randint(np.iinfo(np.int32).max))
