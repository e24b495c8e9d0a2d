"""The soft loss as a boosting library sees it: gradients and hessians in the raw scores."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets

__all__ = ["SoftLoss", "codes_with_every_class", "is_instance_of", "soft_loss", "start_scores"]

# Cells worked on at a time: two float64 buffers of this size stay in a core's cache.
BLOCK_CELLS = 16_384
# A class that no target mentions starts at the logarithm of this, and XGBoost keeps hessians above a similar
# number.
SMALLEST_SHARE = 1e-15
SMALLEST_HESSIAN = 1e-16


def is_instance_of(student: Any, package: str, name: str) -> bool:
    """Whether an object is of a class of an optional package, which is not imported for the question."""
    cls = getattr(sys.modules.get(package), name, None)
    return cls is not None and isinstance(student, cls)


def codes_with_every_class(targets: SoftTargets, student: Any) -> np.ndarray:
    """Return the hard labels as column numbers, with each class somewhere among them.

    The libraries read the classes off the labels and a custom objective reads nothing else off them, so where
    a class is known to the teacher alone the first rows stand for all classes.
    """
    n_classes = len(targets.classes)
    codes = np.where(targets.codes >= 0, targets.codes, targets.teacher.argmax(axis=1))
    if len(np.unique(codes)) == n_classes:
        return codes
    if len(codes) < n_classes:
        raise StudentRouteError(
            f"{type(student).__name__} learns soft targets from at least as many rows as there are classes, "
            f"got {len(codes)} rows and {n_classes} classes. Give it more rows, or use "
            "soft_targets='expansion'."
        )
    codes[:n_classes] = np.arange(n_classes)
    return codes


def start_scores(targets: SoftTargets, class_weight: np.ndarray) -> np.ndarray:
    """Return the scores that boosting starts from: the log of the average target, times its temperature.

    Where both terms count at two temperatures it is the mean of the two terms' scores, in proportion to their
    weights.

    Parameters
    ----------
    targets : SoftTargets
        The targets.
    class_weight : ndarray of shape (n_classes,)
        Weight of each class's share in the targets.

    Returns
    -------
    ndarray of shape (n_classes,)
        Scores at temperature 1.
    """
    n_classes = len(targets.classes)
    labelled = targets.codes >= 0
    soft = class_weight * (targets.teacher_weight @ targets.teacher)
    hard = class_weight * np.bincount(
        targets.codes[labelled], weights=targets.label_weight[labelled], minlength=n_classes
    )
    if targets.temperature == 1.0 or not hard.any():
        return targets.temperature * _log_shares(soft + hard)
    share = soft.sum() / (soft.sum() + hard.sum())
    return share * targets.temperature * _log_shares(soft) + (1.0 - share) * _log_shares(hard)


def _log_shares(mass: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(mass / mass.sum(), SMALLEST_SHARE))


@dataclass(frozen=True)
class SoftLoss:
    """``sum_i a_i T^2 CE(t_i, softmax(z_i / T)) + b_i CE(y_i, softmax(z_i))`` as a function of the scores z.

    With s_T the softmax at temperature T and u a term's weights, the gradient is the sum of ``u T s_T`` over
    the terms minus `wanted`, and the diagonal of the hessian the sum of ``factor u s_T (1 - s_T)``. Two
    classes have one score.

    Parameters
    ----------
    wanted : ndarray of shape (n_scores, n_rows)
        ``T a t + b y``; for two classes the second one's.
    terms : list of (temperature, weight) pairs
        Temperature and row weights, (n_rows,), of each term; None for weights that are all one.
    factor : float
        Factor of the hessian.
    """

    wanted: np.ndarray
    terms: list[tuple[float, np.ndarray | None]]
    factor: float

    def write(self, scores: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> None:
        """Compute gradient and hessian block by block.

        Parameters
        ----------
        scores : ndarray of shape (n_scores, n_rows)
            Raw scores z, in any memory order.
        gradient : ndarray of shape (n_scores, n_rows)
            Where the gradient goes.
        hessian : ndarray of shape (n_scores, n_rows)
            Where the diagonal of the hessian goes.
        """
        n_scores, n_rows = self.wanted.shape
        block = min(n_rows, max(256, BLOCK_CELLS // n_scores))
        share_buffer, buffer = np.empty((2, n_scores, block))
        for begin in range(0, n_rows, block):
            rows = slice(begin, begin + block)
            width = self.wanted[:, rows].shape[1]
            share, work = share_buffer[:, :width], buffer[:, :width]
            for position, (temperature, weight) in enumerate(self.terms):
                _shares(scores[:, rows], temperature, share)
                np.subtract(1.0, share, out=work)
                work *= share
                if self.factor != 1.0:
                    work *= self.factor
                if weight is not None:
                    work *= weight[rows]
                    share *= weight[rows]
                if temperature != 1.0:
                    share *= temperature
                before = self.wanted[:, rows] if position == 0 else -gradient[:, rows]
                np.subtract(share, before, out=gradient[:, rows], casting="same_kind")
                if position:
                    work += hessian[:, rows]
                np.maximum(work, SMALLEST_HESSIAN, out=hessian[:, rows], casting="same_kind")


def _shares(scores: np.ndarray, temperature: float, out: np.ndarray) -> None:
    np.copyto(out, scores)
    if temperature != 1.0:
        out /= temperature
    if len(out) == 1:
        expit(out, out=out)
        return
    out -= out.max(axis=0)
    np.exp(out, out=out)
    out /= out.sum(axis=0)


def soft_loss(targets: SoftTargets, class_weight: np.ndarray, factor: float) -> SoftLoss:
    """Prepare the loss of targets, each class's share in them weighted.

    Parameters
    ----------
    targets : SoftTargets
        The targets.
    class_weight : ndarray of shape (n_classes,)
        Weights c: a target q counts as ``c q``, as if the classes' copies of a row were weighted.
    factor : float
        Factor of the hessian for three and more classes; it is 1 for two.

    Returns
    -------
    SoftLoss
        The loss.
    """
    n_rows, n_classes = targets.teacher.shape
    temperature = targets.temperature
    wanted = np.empty((n_classes, n_rows), dtype=np.float32)
    soft_weight = np.zeros(n_rows)
    hard_weight = np.zeros(n_rows)
    for k in range(n_classes):
        soft = class_weight[k] * targets.teacher_weight * targets.teacher[:, k]
        hard = class_weight[k] * targets.label_weight * (targets.codes == k)
        wanted[k] = temperature * soft + hard
        soft_weight += soft
        hard_weight += hard
    if temperature == 1.0:
        terms = [(1.0, soft_weight + hard_weight)]
    else:
        terms = [(temperature, soft_weight)] + [(1.0, hard_weight)] * bool(hard_weight.any())
    if n_classes == 2:
        wanted, factor = wanted[1:], 1.0
    return SoftLoss(wanted, [(degree, _as_stored(weight)) for degree, weight in terms], factor)


def _as_stored(weight: np.ndarray) -> np.ndarray | None:
    # The libraries hold weights in single precision; rounding alike keeps close splits from falling
    # differently.
    rounded = weight.astype(np.float32)
    return None if (rounded == 1.0).all() else rounded
