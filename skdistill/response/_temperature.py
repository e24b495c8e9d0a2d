"""Temperature: one family of distributions for probabilities and for logits."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax

__all__ = ["log_proba", "soften", "soften_logits"]


def soften(proba: ArrayLike, temperature: float) -> np.ndarray:
    """Raise distributions to the power 1 / temperature and renormalise them.

    ``p_k^(1/T) / sum_j p_j^(1/T)``, which is ``softmax(z / T)`` for every z with ``softmax(z) = p``. Exact zeros stay
    zeros, so no clipping is needed. A temperature above 1 flattens; below 1 sharpens.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_classes)
        Distributions, one per row.
    temperature : float
        Positive temperature T.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        The distributions at the temperature.

    Raises
    ------
    ValueError
        If the temperature is not a positive, finite number.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, equation 1.

    Examples
    --------
    >>> from skdistill.response import soften
    >>> soften([[0.8, 0.2]], temperature=2.0).round(3)
    array([[0.667, 0.333]])
    """
    _check_temperature(temperature)
    proba = np.asarray(proba, dtype=np.float64)
    if temperature == 1.0:
        return proba
    # Dividing by the largest entry first keeps small powers from underflowing all at once.
    scaled = proba / proba.max(axis=1, keepdims=True)
    powered = scaled ** (1.0 / temperature)
    return powered / powered.sum(axis=1, keepdims=True)


def soften_logits(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return ``softmax(logits / temperature)`` row by row."""
    _check_temperature(temperature)
    return softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)


def log_proba(proba: np.ndarray, floor: float) -> np.ndarray:
    """Logarithm of distributions whose entries below ``floor`` are first set to it (and renormalised)."""
    clipped = np.maximum(np.asarray(proba, dtype=np.float64), floor)
    return log_softmax(np.log(clipped), axis=1)


def _check_temperature(temperature: float) -> None:
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(
            f"temperature must be a positive, finite number, got {temperature!r}. Use temperature=1.0 for the "
            "teacher's own probabilities and a value above 1 for softer ones."
        )
