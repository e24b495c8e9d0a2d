"""Whether probabilities are the shares that they claim to be."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from skdistill.fidelity._checks import (
    check_classes,
    check_distributions,
    check_labels,
    check_positive_int,
    check_row_weights,
    check_same_rows,
    class_codes,
)
from skdistill.fidelity._differences import weighted_quantiles
from skdistill.fidelity._estimates import wilson_interval

__all__ = ["ReliabilityCurve", "calibration_gaps", "expected_calibration_error", "reliability_curve"]

Strategy = Literal["uniform", "quantile"]


@dataclass(frozen=True)
class ReliabilityCurve:
    """Probabilities in bins, and how often they came true.

    Bin i holds the rows whose probability is above ``edges[i]`` and at most ``edges[i + 1]``; the first one also those
    of probability 0.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Ends of the bins, from 0 to 1.
    confidence : ndarray of shape (n_bins,)
        Mean probability in each bin; NaN in an empty one.
    accuracy : ndarray of shape (n_bins,)
        Share that came true in each bin; NaN in an empty one.
    weight : ndarray of shape (n_bins,)
        Weight of each bin's rows; their number if there are no weights.
    n_rows : ndarray of shape (n_bins,)
        Number of each bin's rows, without those of weight 0.
    n_effective : ndarray of shape (n_bins,)
        Kish's effective number of each bin's rows, ``(sum w)^2 / sum w^2``.

    Examples
    --------
    >>> from skdistill.fidelity import reliability_curve
    >>> curve = reliability_curve([1, 1, 0], [[0.1, 0.9], [0.3, 0.7], [0.2, 0.8]], n_bins=2)
    >>> curve.edges, curve.n_rows, round(curve.calibration_error, 3)
    (array([0. , 0.5, 1. ]), array([0, 3]), 0.133)
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    weight: np.ndarray
    n_rows: np.ndarray
    n_effective: np.ndarray

    @property
    def calibration_error(self) -> float:
        """Mean of ``abs(accuracy - confidence)`` over the bins, by their weight."""
        filled = self.n_rows > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(gaps, weights=self.weight[filled]))

    def interval(self, confidence_level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Give Wilson's interval of each bin's accuracy.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        low : ndarray of shape (n_bins,)
            Lower ends; 0 in an empty bin.
        high : ndarray of shape (n_bins,)
            Upper ends; 1 in an empty bin.
        """
        low, high = wilson_interval(np.clip(self.accuracy, 0.0, 1.0), self.n_effective, confidence_level)
        return low, high


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    n_bins: int = 15,
    strategy: Strategy = "uniform",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Measure by how much the top label's probability is off on average.

    This is the expected calibration error, ``sum_b W_b / W |acc_b - conf_b|``: rows are put into bins b by the greatest
    probability they have; conf_b is its mean in a bin of weight W_b and acc_b the share of its rows where the class of
    that probability is right. With a teacher's distributions as `y_true`, right is what the teacher gives to that
    class: this is how well a student is calibrated to its teacher. The estimate is biased upwards, more so with few
    rows and many bins.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_classes)
        Labels, or distributions over the columns of `y_proba`.
    y_proba : array-like of shape (n_rows, n_classes)
        Predicted distributions. Of equal greatest probabilities the first column counts.
    classes : array-like of shape (n_classes,), default=None
        Classes of the columns. None takes the sorted labels in `y_true`, if they are as many as the columns. A label
        that is none of the classes counts as wrong.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        "uniform" has bins of equal width, ``((b - 1) / n_bins, b / n_bins]``. "quantile" has bins of equal mass, whose
        ends are weighted quantiles of the probabilities; equal probabilities share a bin, so that there may be fewer.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If the probabilities are no distributions, the labels or classes do not fit them, or a parameter is not as
        described.

    References
    ----------
    Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, equation 3.

    Examples
    --------
    >>> from skdistill.fidelity import expected_calibration_error
    >>> y_proba = [[0.1, 0.9], [0.3, 0.7], [0.2, 0.8]]
    >>> round(expected_calibration_error([1, 1, 0], y_proba, n_bins=2), 3)
    0.133
    """
    curve = reliability_curve(
        y_true, y_proba, classes=classes, n_bins=n_bins, strategy=strategy, sample_weight=sample_weight
    )
    return min(curve.calibration_error, 1.0)


def reliability_curve(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    label: Any = None,
    classes: ArrayLike | None = None,
    n_bins: int = 15,
    strategy: Strategy = "uniform",
    sample_weight: ArrayLike | None = None,
) -> ReliabilityCurve:
    """Put probabilities into bins and count how often they came true.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_classes)
        Labels, or distributions over the columns of `y_proba`, which then say how far a class is true.
    y_proba : array-like of shape (n_rows, n_classes)
        Predicted distributions.
    label : object, default=None
        Class whose probability is put into bins. None means the class of the greatest probability in each row.
    classes : array-like of shape (n_classes,), default=None
        Classes of the columns. None takes the sorted labels in `y_true`, if they are as many as the columns; for
        distributions, the numbers of the columns.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width or of equal mass, as in `expected_calibration_error`.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.

    Returns
    -------
    ReliabilityCurve
        The bins.

    Raises
    ------
    ValueError
        If the probabilities are no distributions, the labels or classes do not fit them, or a parameter is not as
        described.

    References
    ----------
    DeGroot, Fienberg: The Comparison and Evaluation of Forecasters, The Statistician 32, 1983.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017, equations 1 and 2.

    Examples
    --------
    >>> from skdistill.fidelity import reliability_curve
    >>> y_proba = [[0.1, 0.9], [0.3, 0.7], [0.8, 0.2]]
    >>> curve = reliability_curve([1, 1, 0], y_proba, label=1, n_bins=2)
    >>> curve.confidence, curve.accuracy
    (array([0.2, 0.8]), array([0., 1.]))
    """
    claimed, came_true = _claims(y_true, y_proba, label, classes)
    weight = check_row_weights(sample_weight, len(claimed))
    edges, place = _bins(claimed, check_positive_int(n_bins, "n_bins"), strategy, weight)
    size = len(edges) - 1
    unit = np.ones(len(claimed)) if weight is None else weight
    mass, squared = np.bincount(place, unit, size), np.bincount(place, unit**2, size)
    divisor = np.where(mass > 0, mass, np.nan)
    return ReliabilityCurve(
        edges=edges,
        confidence=np.bincount(place, unit * claimed, size) / divisor,
        accuracy=np.bincount(place, unit * came_true, size) / divisor,
        weight=mass,
        n_rows=np.bincount(place[unit > 0], minlength=size),
        n_effective=np.divide(mass**2, squared, out=np.zeros(size), where=squared > 0),
    )


def calibration_gaps(
    y_true: ArrayLike, y_proba: ArrayLike, *, classes: ArrayLike | None = None, n_bins: int = 15
) -> sparse.csr_matrix:
    """Give the signed part of each row in the calibration error over bins of equal width.

    The error is the sum over the columns of the absolute values of their (weighted) means.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_classes)
        Labels, or distributions over the columns of `y_proba`.
    y_proba : array-like of shape (n_rows, n_classes)
        Predicted distributions.
    classes : array-like of shape (n_classes,), default=None
        Classes of the columns, as in `expected_calibration_error`.
    n_bins : int, default=15
        Number of bins.

    Returns
    -------
    sparse matrix of shape (n_rows, n_bins)
        What came true less what was claimed, in the column of the row's bin.
    """
    claimed, came_true = _claims(y_true, y_proba, None, classes)
    edges, place = _bins(claimed, check_positive_int(n_bins, "n_bins"), "uniform", None)
    rows = np.arange(len(claimed))
    return sparse.csr_matrix((came_true - claimed, (rows, place)), shape=(len(rows), len(edges) - 1))


def _claims(
    y_true: ArrayLike, y_proba: ArrayLike, label: Any, classes: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return, row by row, the probability that is looked at and how far what it is about came true."""
    proba = check_distributions(y_proba, "y_proba")
    truth = np.asarray(y_true)
    rows = np.arange(len(proba))
    if truth.ndim == 2 and (truth.shape[1] > 1 or proba.shape[1] == 1):
        told = check_distributions(truth, "y_true")
        check_same_rows(told, proba, "distributions")
        columns = np.arange(proba.shape[1]) if classes is None else check_classes(classes, proba.shape[1], "classes")
        looked_at = proba.argmax(axis=1) if label is None else np.full(len(proba), _column_of(label, columns))
        return proba[rows, looked_at], told[rows, looked_at]
    labels = check_labels(truth, "y_true")
    if len(labels) != len(proba):
        raise ValueError(
            f"y_true must have one label per row of y_proba, {len(proba)}, got {len(labels)}. Select the same rows."
        )
    columns = _classes_of(labels, classes, proba.shape[1])
    looked_at = proba.argmax(axis=1) if label is None else np.full(len(proba), _column_of(label, columns))
    return proba[rows, looked_at], (class_codes(labels, columns) == looked_at).astype(np.float64)


def _classes_of(labels: np.ndarray, classes: ArrayLike | None, n_columns: int) -> np.ndarray:
    if classes is None:
        found = np.unique(labels)
        if len(found) != n_columns:
            raise ValueError(
                f"classes must be given where y_true does not hold all of them, got {len(found)} labels in y_true for "
                f"{n_columns} columns of y_proba. Pass the classes_ of the model."
            )
        return found
    known = check_classes(classes, n_columns, "classes")
    if len(labels) and (class_codes(labels, known) < 0).all():
        raise ValueError(
            f"classes {known.tolist()[:8]!r} must hold labels of y_true, got {labels.tolist()[:3]!r} and none of them. "
            "Pass the classes_ of the model, and labels in the same encoding."
        )
    return known


def _column_of(label: Any, classes: np.ndarray) -> int:
    listed = classes.tolist()
    if label not in listed:
        raise ValueError(f"label must be one of the classes {listed!r}, got {label!r}. Choose one of them.")
    return listed.index(label)


def _bins(claimed: np.ndarray, n_bins: int, strategy: str, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the bins' ends, from 0 to 1, and the bin of each row; bins are closed on the right."""
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile', got {strategy!r}. Choose one of them.")
    # Divided, not spaced by a step: an end is then the float that its decimal is read as.
    inner = np.arange(1, n_bins) / n_bins
    if strategy == "quantile":
        cuts = np.unique(weighted_quantiles(claimed, inner, weight))
        inner = cuts[cuts < (claimed if weight is None else claimed[weight > 0]).max()]
    return np.concatenate([[0.0], inner, [1.0]]), np.searchsorted(inner, claimed, side="left")
