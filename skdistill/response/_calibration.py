"""Mending an under- or over-confident teacher by its out-of-fold answers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from sklearn.isotonic import IsotonicRegression

from skdistill.response._temperature import soften

__all__ = ["ResponseCalibration", "fit_calibration"]

# exp(+-3): beyond twenty-fold sharpening or flattening the answers carry a single bit or none.
LOG_EXPONENT_BOUNDS = (-3.0, 3.0)
PROBABILITY_FLOOR = 1e-12


@dataclass(frozen=True)
class ResponseCalibration:
    """A fitted correction of a teacher's probabilities.

    Parameters
    ----------
    exponent : float, default=1.0
        Power to which the probabilities are raised (above 1: the teacher was under-confident).
    isotonic : tuple of IsotonicRegression, default=()
        One monotone map per class, or empty.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.response import ResponseCalibration
    >>> ResponseCalibration(exponent=2.0).apply(np.array([[0.8, 0.2]])).round(3)
    array([[0.941, 0.059]])
    """

    exponent: float = 1.0
    isotonic: tuple[IsotonicRegression, ...] = ()

    def apply(self, proba: np.ndarray) -> np.ndarray:
        """Correct probabilities.

        Parameters
        ----------
        proba : ndarray of shape (n_rows, n_classes)
            Distributions.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Corrected distributions; where all isotonic maps say zero, the row stays as it was.
        """
        if not self.isotonic:
            return soften(proba, 1.0 / self.exponent)
        mapped = np.column_stack([m.predict(column) for m, column in zip(self.isotonic, proba.T, strict=True)])
        mass = mapped.sum(axis=1, keepdims=True)
        return np.where(mass > 0, mapped / np.where(mass > 0, mass, 1.0), proba)


def fit_calibration(
    method: Literal["temperature", "isotonic"],
    proba: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> ResponseCalibration:
    """Fit a correction to out-of-fold probabilities.

    Parameters
    ----------
    method : {"temperature", "isotonic"}
        One exponent that minimises the log-loss (temperature scaling, Guo et al. 2017), or one isotonic map per class
        against the rest, renormalised (Zadrozny and Elkan 2002).
    proba : ndarray of shape (n_rows, n_classes)
        Answers about rows that the teacher was not fitted on.
    codes : ndarray of shape (n_rows,)
        The rows' classes as column numbers.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    ResponseCalibration
        The fitted correction.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.response import fit_calibration
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(0.05, 0.95, 5000)
    >>> codes = (rng.uniform(size=5000) < truth).astype(int)
    >>> timid = np.sqrt(np.column_stack([1 - truth, truth]))
    >>> bool(1.8 < fit_calibration("temperature", timid / timid.sum(axis=1, keepdims=True), codes).exponent < 2.2)
    True
    """
    weights = np.ones(len(codes)) if sample_weight is None else sample_weight
    if method == "isotonic":
        maps = tuple(
            IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(
                proba[:, k], (codes == k).astype(np.float64), sample_weight=weights
            )
            for k in range(proba.shape[1])
        )
        return ResponseCalibration(isotonic=maps)
    floored = np.maximum(proba, PROBABILITY_FLOOR)
    rows = np.arange(len(codes))

    def loss(log_exponent: float) -> float:
        chosen = soften(floored, np.exp(-log_exponent))[rows, codes]
        return float(-xlogy(weights, np.maximum(chosen, np.finfo(np.float64).tiny)).sum())

    best = minimize_scalar(loss, bounds=LOG_EXPONENT_BOUNDS, method="bounded")
    return ResponseCalibration(exponent=float(np.exp(best.x)))
