"""How close two classifiers' predictions are."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill.fidelity._checks import (
    aligned_pair,
    check_labels,
    check_row_weights,
    check_same_rows,
    same_labels,
    weighted_mean,
)
from skdistill.fidelity._estimates import Estimate, effective_rows, wilson_interval
from skdistill.fidelity._rows import (
    STUDENT_FLOOR,
    brier_rows,
    cross_entropy_rows,
    jensen_shannon_rows,
    kl_rows,
    total_variation_rows,
)

__all__ = [
    "STUDENT_FLOOR",
    "agreement_bounds",
    "agreement_score",
    "brier_distance",
    "brier_rows",
    "cross_entropy_rows",
    "jensen_shannon",
    "jensen_shannon_rows",
    "kl_rows",
    "log_loss_soft",
    "predictive_kl",
    "total_variation",
    "total_variation_rows",
]


def agreement_score(
    labels_teacher: ArrayLike,
    labels_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Share of rows to which teacher and student give the same label, with Wilson's interval.

    Under weights the share is that of the rows repeated so many times. The interval is not: a weight is no further
    evidence, so that it counts the rows by Kish's effective number, ``(sum w)^2 / sum w^2``.

    Parameters
    ----------
    labels_teacher, labels_student : array-like of shape (n_rows,)
        Predicted labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.
    confidence_level : float, default=0.95
        Level of the interval.

    Returns
    -------
    Estimate
        A float in [0, 1] that has its interval as `low` and `high`.

    Raises
    ------
    ValueError
        If the labels are of other rows or other kinds, some are missing, or there are none; if the weights are no
        weights.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, equation 3.

    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.

    Examples
    --------
    >>> from skdistill.fidelity import agreement_score
    >>> agreement = agreement_score(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    >>> agreement
    0.75
    >>> round(agreement.low, 3), round(agreement.high, 3)
    (0.301, 0.954)
    """
    teacher, student = check_labels(labels_teacher, "labels_teacher"), check_labels(labels_student, "labels_student")
    check_same_rows(teacher, student, "labels")
    weight = check_row_weights(sample_weight, len(teacher))
    share = min(weighted_mean(same_labels(teacher, student), weight), 1.0)
    low, high = wilson_interval(share, effective_rows(weight, len(teacher)), confidence_level)
    return Estimate(share, low, high, confidence_level)


def agreement_bounds(accuracy_teacher: ArrayLike, accuracy_student: ArrayLike) -> tuple[Any, Any]:
    """Least and greatest agreement that two accuracies on the same rows allow.

    ``max(0, a_t + a_s - 1)``, since so many rows both models must have right, and ``1 - |a_t - a_s|``, since on the
    others exactly one is right. Agreement near the upper bound means that the student errs where the teacher does;
    near the lower bound, that it learnt the labels by another way.

    Parameters
    ----------
    accuracy_teacher, accuracy_student : array-like of shape (...)
        Accuracies in [0, 1] on the same rows.

    Returns
    -------
    low : float or ndarray of shape (...)
        The lower bound. Two models that are both wrong about two classes agree, so that ``|a_t + a_s - 1|`` is a
        sharper one there.
    high : float or ndarray of shape (...)
        The upper bound.

    Raises
    ------
    ValueError
        If an accuracy is outside [0, 1].

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, section 3 (accuracy does not imply
    agreement).

    Examples
    --------
    >>> from skdistill.fidelity import agreement_bounds
    >>> low, high = agreement_bounds(0.9, 0.8)
    >>> round(low, 2), round(high, 2)
    (0.7, 0.9)
    """
    named = {"accuracy_teacher": accuracy_teacher, "accuracy_student": accuracy_student}
    for name, value in named.items():
        array = np.asarray(value, dtype=np.float64)
        if not ((array >= 0) & (array <= 1)).all():
            raise ValueError(f"{name} must be in [0, 1], got {value!r}. Pass shares, not counts or percentages.")
    teacher, student = (np.asarray(value, dtype=np.float64) for value in named.values())
    low, high = np.maximum(0.0, teacher + student - 1.0), 1.0 - np.abs(teacher - student)
    return (low, high) if low.ndim else (float(low), float(high))


def predictive_kl(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    floor: float = STUDENT_FLOOR,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> float:
    """Mean Kullback-Leibler divergence of the student's distributions from the teacher's.

    ``sum_k t_k log(t_k / s_k)`` in nats, teacher first.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.
    floor : float, default=1e-06
        The student's probabilities below are set to it (and its rows renormalised), since one exact zero would make
        the mean infinite. 0 switches this off. A class that the student never saw costs ``t_k log(t_k / floor)``.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        Classes of the columns, by which they are matched; a class that only one model knows has probability 0 for the
        other. None for both means that the columns are those of the same classes in the same order.

    Returns
    -------
    float
        At least 0, in nats.

    Raises
    ------
    ValueError
        If these are no distributions over the same rows, the classes are not those of the columns, or the weights
        are no weights.

    References
    ----------
    Stanton et al.: Does Knowledge Distillation Really Work?, NeurIPS 2021, equation 4.

    Examples
    --------
    >>> from skdistill.fidelity import predictive_kl
    >>> round(predictive_kl([[0.5, 0.5]], [[0.9, 0.1]]), 3)
    0.511
    """
    teacher, student = aligned_pair(proba_teacher, proba_student, classes_teacher, classes_student)
    weight = check_row_weights(sample_weight, len(teacher))
    return weighted_mean(kl_rows(teacher, student, _checked_floor(floor)), weight)


def jensen_shannon(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> float:
    """Mean Jensen-Shannon divergence between two models' distributions.

    ``(KL(t, m) + KL(s, m)) / 2`` with ``m = (t + s) / 2``, in nats: symmetric, at most log 2, and defined for exact
    zeros.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        Classes of the columns, by which they are matched; a class that only one model knows has probability 0 for the
        other. None for both means that the columns are those of the same classes in the same order.

    Returns
    -------
    float
        In [0, log 2], in nats.

    Raises
    ------
    ValueError
        If these are no distributions over the same rows, the classes are not those of the columns, or the weights
        are no weights.

    References
    ----------
    Lin: Divergence Measures Based on the Shannon Entropy, IEEE Transactions on Information Theory 37, 1991.

    Examples
    --------
    >>> from skdistill.fidelity import jensen_shannon
    >>> round(jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]]), 3)
    0.693
    """
    teacher, student = aligned_pair(proba_teacher, proba_student, classes_teacher, classes_student)
    return weighted_mean(jensen_shannon_rows(teacher, student), check_row_weights(sample_weight, len(teacher)))


def total_variation(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> float:
    """Mean total variation distance between two models' distributions.

    ``sum_k |t_k - s_k| / 2``: the most by which the two can differ about the probability of any set of classes.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        Classes of the columns, by which they are matched; a class that only one model knows has probability 0 for the
        other. None for both means that the columns are those of the same classes in the same order.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If these are no distributions over the same rows, the classes are not those of the columns, or the weights
        are no weights.

    References
    ----------
    Levin, Peres: Markov Chains and Mixing Times, 2nd edition, 2017, proposition 4.2.

    Examples
    --------
    >>> from skdistill.fidelity import total_variation
    >>> round(total_variation([[0.5, 0.5, 0.0]], [[0.2, 0.6, 0.2]]), 3)
    0.3
    """
    teacher, student = aligned_pair(proba_teacher, proba_student, classes_teacher, classes_student)
    return weighted_mean(total_variation_rows(teacher, student), check_row_weights(sample_weight, len(teacher)))


def brier_distance(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> float:
    """Mean squared Euclidean distance between two models' distributions.

    ``sum_k (t_k - s_k)^2``, summed over the classes and not divided: with a teacher of one-hot rows it is Brier's
    score of several classes, which for two classes is twice scikit-learn's `brier_score_loss`.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        Classes of the columns, by which they are matched; a class that only one model knows has probability 0 for the
        other. None for both means that the columns are those of the same classes in the same order.

    Returns
    -------
    float
        In [0, 2].

    Raises
    ------
    ValueError
        If these are no distributions over the same rows, the classes are not those of the columns, or the weights
        are no weights.

    References
    ----------
    Brier: Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950, equation 2.

    Examples
    --------
    >>> from skdistill.fidelity import brier_distance
    >>> round(brier_distance([[0.5, 0.5]], [[0.9, 0.1]]), 3)
    0.32
    """
    teacher, student = aligned_pair(proba_teacher, proba_student, classes_teacher, classes_student)
    return weighted_mean(brier_rows(teacher, student), check_row_weights(sample_weight, len(teacher)))


def log_loss_soft(
    proba_teacher: ArrayLike,
    proba_student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    floor: float = STUDENT_FLOOR,
    classes_teacher: ArrayLike | None = None,
    classes_student: ArrayLike | None = None,
) -> float:
    """Mean cross-entropy of the student's distributions under soft labels, ``-sum_k t_k log s_k``.

    Parameters
    ----------
    proba_teacher, proba_student : array-like of shape (n_rows, n_classes)
        Distributions.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; an integer has the effect of repetition.
    floor : float, default=1e-06
        The student's probabilities below are set to it (and its rows renormalised). 0 switches this off.
    classes_teacher, classes_student : array-like of shape (n_classes,), default=None
        Classes of the columns, by which they are matched; a class that only one model knows has probability 0 for the
        other. None for both means that the columns are those of the same classes in the same order.

    Returns
    -------
    float
        At least the mean entropy of the soft labels, in nats.

    Raises
    ------
    ValueError
        If these are no distributions over the same rows, the classes are not those of the columns, or the weights
        are no weights.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2 (cross-entropy with soft
    targets).

    Examples
    --------
    >>> from skdistill.fidelity import log_loss_soft
    >>> round(log_loss_soft([[0.5, 0.5]], [[0.5, 0.5]]), 3)
    0.693
    """
    teacher, student = aligned_pair(proba_teacher, proba_student, classes_teacher, classes_student)
    weight = check_row_weights(sample_weight, len(teacher))
    return weighted_mean(cross_entropy_rows(teacher, student, _checked_floor(floor)), weight)


def _checked_floor(floor: float) -> float:
    if not 0 <= floor < 1:
        raise ValueError(f"floor must be at least 0 and below 1, got {floor!r}. Use 1e-6, or 0 to switch it off.")
    return float(floor)
