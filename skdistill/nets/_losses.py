"""Losses that teach a module soft targets, as functions of tensors and as a torch criterion."""

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from skdistill.students import SoftTargets

__all__ = [
    "PROBABILITY_FLOOR",
    "RowWeightedLoss",
    "SoftTargetLoss",
    "hinton_loss",
    "log_floored",
    "pack_targets",
    "soft_cross_entropy",
]

# Far below any probability of interest, and its reciprocal times a weight stays finite in float32.
PROBABILITY_FLOOR = 1e-30
LEADING_COLUMNS = 3


def soft_cross_entropy(logits: Tensor, target: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy between distributions and a module's answer at a temperature.

    ``-sum_k t_k log softmax(z / T)_k`` for each row.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_classes)
        The module's logits z.
    target : Tensor of shape (n_rows, n_classes)
        Distributions t, already at the temperature.
    temperature : float, default=1.0
        Positive temperature T.

    Returns
    -------
    Tensor of shape (n_rows,)
        The loss of each row in nats.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import soft_cross_entropy
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.3, 0.7]])).item()
    0.6931
    """
    return F.cross_entropy(logits / temperature, target, reduction="none")


def hinton_loss(
    logits: Tensor,
    teacher: Tensor,
    codes: Tensor,
    teacher_weight: Tensor,
    label_weight: Tensor,
    temperature: float = 1.0,
) -> Tensor:
    """Loss with a teacher's term at a temperature and a label's term at temperature 1.

    ``mean_i [a_i T^2 CE(t_i, softmax(z_i / T)) + b_i CE(y_i, softmax(z_i))]``. The factor T^2 makes up for
    the gradient of the first term, which falls as 1 / T^2. The mean is over rows, not over weights: with
    weights of mean one over the whole data set, every batch is then an unbiased estimate of the weighted
    loss.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_outputs)
        The module's logits z; outputs beyond the teacher's classes are classes that never occur.
    teacher : Tensor of shape (n_rows, n_classes)
        The teacher's distributions t at the temperature.
    codes : Tensor of shape (n_rows,)
        Labels y as column numbers; negative for a row without a label, whose weight b is 0.
    teacher_weight : Tensor of shape (n_rows,)
        Weight a of the teacher's term.
    label_weight : Tensor of shape (n_rows,)
        Weight b of the label's term.
    temperature : float, default=1.0
        Positive temperature T.

    Returns
    -------
    Tensor of shape ()
        The loss in nats.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import hinton_loss
    >>> teacher, code, one = torch.tensor([[0.3, 0.7]]), torch.tensor([0]), torch.ones(1)
    >>> hinton_loss(torch.zeros(1, 2), teacher, code, one, one, temperature=2.0).item()
    3.4657
    """
    soft = soft_cross_entropy(logits, _widened(teacher, logits), temperature)
    hard = F.cross_entropy(logits, codes.clamp(min=0), reduction="none")
    return (teacher_weight * temperature**2 * soft + label_weight * hard).mean()


def log_floored(proba: Tensor) -> Tensor:
    """Logarithm of probabilities, those below 1e-30 taken as 1e-30 (and in at least single precision)."""
    single = proba.float() if proba.dtype in (torch.float16, torch.bfloat16) else proba
    return single.clamp(min=PROBABILITY_FLOOR).log()


def pack_targets(targets: "SoftTargets", scale: float = 1.0) -> np.ndarray:
    """Lay targets out as one array with rows ``[code, a, b, t_1 ... t_K]``, the weights times `scale`."""
    return np.column_stack(
        [targets.codes, targets.teacher_weight * scale, targets.label_weight * scale, targets.teacher]
    )


def _widened(teacher: Tensor, logits: Tensor) -> Tensor:
    spare = logits.shape[1] - teacher.shape[1]
    return F.pad(teacher, (0, spare)) if spare else teacher


def _two_columns(output: Tensor, from_probabilities: bool) -> Tensor:
    """Turn the single output of a binary module into columns: a margin d into the logits (0, d)."""
    if output.dim() > 1:
        return output
    return torch.stack([1.0 - output if from_probabilities else torch.zeros_like(output), output], dim=1)


class SoftTargetLoss(torch.nn.Module):
    """Criterion on packed soft targets: `hinton_loss` behind the signature that trainers call.

    Parameters
    ----------
    temperature : float, default=1.0
        Temperature T of the teacher's term.
    from_probabilities : bool, default=False
        Whether the module gives probabilities p instead of logits. Their logarithm then stands for the
        logits, each probability below 1e-30 being taken as 1e-30: nothing is added to the others.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import SoftTargetLoss
    >>> packed = torch.tensor([[1.0, 0.5, 0.5, 0.25, 0.75]])
    >>> SoftTargetLoss()(torch.zeros(1, 2), packed).item()
    0.6931
    """

    def __init__(self, temperature: float = 1.0, from_probabilities: bool = False) -> None:
        super().__init__()
        self.temperature = temperature
        self.from_probabilities = from_probabilities

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        output : Tensor of shape (n_rows, n_classes) or (n_rows,)
            The module's logits or probabilities; a flat output is the second class's of two.
        target : Tensor of shape (n_rows, 3 + n_classes) or (n_rows,)
            Rows ``[code, a, b, t_1 ... t_K]``, or plain labels as column numbers.

        Returns
        -------
        Tensor of shape ()
            The loss in nats.
        """
        columns = _two_columns(output, self.from_probabilities)
        logits = log_floored(columns) if self.from_probabilities else columns
        if target.dim() == 1:
            return F.cross_entropy(logits, target.long())
        target = target.to(logits.dtype)
        code, teacher_weight, label_weight = target[:, :LEADING_COLUMNS].unbind(dim=1)
        teacher = target[:, LEADING_COLUMNS:]
        return hinton_loss(logits, teacher, code.long(), teacher_weight, label_weight, self.temperature)


class RowWeightedLoss(torch.nn.Module):
    """A regression criterion with a weight per row, which stands in the target's first column.

    Parameters
    ----------
    criterion : torch.nn.Module
        A criterion with a `reduction`, for instance `MSELoss()`; it is not changed.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets._losses import RowWeightedLoss
    >>> packed = torch.tensor([[1.5, 0.0], [0.5, 0.0]])
    >>> RowWeightedLoss(torch.nn.MSELoss())(torch.tensor([[2.0], [4.0]]), packed).item()
    7.0
    """

    def __init__(self, criterion: torch.nn.Module) -> None:
        super().__init__()
        self.criterion = copy.copy(criterion)
        self.criterion.reduction = "none"

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the mean over rows of weight times loss, the loss of a row being the mean over its outputs.

        Parameters
        ----------
        output : Tensor of shape (n_rows,) or (n_rows, n_outputs)
            The module's values.
        target : Tensor of shape (n_rows, 1 + n_outputs)
            Rows ``[weight, y_1 ... y_m]``.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        values = output.reshape(len(output), -1)
        losses = self.criterion(values, target[:, 1:].to(values.dtype))
        return (target[:, 0].to(values.dtype) * losses.mean(dim=1)).mean()
