"""Losses that match what a student sees with what its teacher sees: RID, VID and TED, as functions of tensors.

Rows may have weights, of mean one over the data. Every loss is a mean over rows and over channels, where the papers
have sums over channels: their weight of the transfer is ours divided by the number of channels, and ours does not
depend on the sizes of batches and representations.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "answer_loss",
    "channel_errors",
    "optimal_scale",
    "rid_filter_loss",
    "rid_transfer_loss",
    "ted_loss",
    "vid_loss",
]


def channel_errors(target: Tensor, answer: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference of each channel, ``E_c = mean_i w_i (target_ic - answer_ic)^2``.

    Parameters
    ----------
    target, answer : Tensor of shape (n_rows, n_channels)
        What is compared.
    weight : Tensor of shape (n_rows,), default=None
        Weights w of the rows, of mean one; None means ones.

    Returns
    -------
    Tensor of shape (n_channels,)
        The errors E.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import channel_errors
    >>> channel_errors(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.zeros(2, 2))
    tensor([5., 0.])
    """
    squares = torch.square(target - answer)
    return squares.mean(dim=0) if weight is None else (weight[:, None] * squares).mean(dim=0)


def optimal_scale(error: Tensor) -> Tensor:
    """Scale of each channel that makes `rid_transfer_loss` least, ``sigma_c = (E_c / 2)^(1/3)``.

    Parameters
    ----------
    error : Tensor of shape (n_channels,)
        Mean squared differences E.

    Returns
    -------
    Tensor of shape (n_channels,)
        The scales sigma.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import optimal_scale
    >>> optimal_scale(torch.tensor([2.0, 16.0]))
    tensor([1., 2.])
    """
    return (error / 2.0).pow(1.0 / 3.0)


def rid_filter_loss(
    logits: Tensor,
    codes: Tensor,
    filtered_teacher: Tensor,
    filtered_student: Tensor,
    scale: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Loss of the teacher's filter and its head in phase 1 of redundant information distillation.

    ``CE(y, g_t(f_t(T))) + mean_c E_c / sigma_c`` with E the errors of ``f_t(T) - f_s(S)``: keep what is about y, in a
    form that the student has or can have.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_classes)
        The head's logits ``g_t(f_t(T))``.
    codes : Tensor of shape (n_rows,)
        Labels y as column numbers.
    filtered_teacher : Tensor of shape (n_rows, n_channels)
        The teacher's filtered representation ``f_t(T)``.
    filtered_student : Tensor of shape (n_rows, n_channels)
        The student's, ``f_s(S)``.
    scale : Tensor of shape (n_channels,)
        Positive scales sigma.
    weight : Tensor of shape (n_rows,), default=None
        Weights of the rows, of mean one.

    Returns
    -------
    Tensor of shape ()
        The loss.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025,
    section 4, phase 1.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import rid_filter_loss
    >>> one = torch.ones(1, 1)
    >>> rid_filter_loss(torch.zeros(1, 2), torch.tensor([1]), 3 * one, one, torch.tensor([2.0])).item()
    2.6931
    """
    errors = channel_errors(filtered_teacher, filtered_student, weight)
    return label_loss(logits, codes, weight) + (errors / scale).mean()


def rid_transfer_loss(
    filtered_teacher: Tensor, filtered_student: Tensor, scale: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Loss of the student, its filter and the scales in phase 2 of redundant information distillation.

    ``mean_c [sigma_c^2 + E_c / sigma_c]`` with E the errors of ``f_t(T) - f_s(S)``; the label's loss comes on top.
    The best scales are `optimal_scale`.

    Parameters
    ----------
    filtered_teacher, filtered_student : Tensor of shape (n_rows, n_channels)
        The filtered representations ``f_t(T)`` and ``f_s(S)``.
    scale : Tensor of shape (n_channels,)
        Positive scales sigma.
    weight : Tensor of shape (n_rows,), default=None
        Weights of the rows, of mean one.

    Returns
    -------
    Tensor of shape ()
        The loss.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025,
    section 4, phase 2.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import rid_transfer_loss
    >>> one = torch.ones(1, 1)
    >>> rid_transfer_loss(3 * one, one, torch.tensor([2.0])).item()
    6.0
    """
    errors = channel_errors(filtered_teacher, filtered_student, weight)
    return (torch.square(scale) + errors / scale).mean()


def vid_loss(teacher: Tensor, mean: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
    """Loss of variational information distillation: a Gaussian's negative log-likelihood, its constant left out.

    ``mean_c [log sigma_c + E_c / (2 sigma_c^2)]`` with E the errors of ``t - mu(s)``.

    Parameters
    ----------
    teacher : Tensor of shape (n_rows, n_channels)
        The teacher's representation t.
    mean : Tensor of shape (n_rows, n_channels)
        What the student's representation says of it, ``mu(s)``.
    log_scale : Tensor of shape (n_channels,)
        ``log sigma``.
    weight : Tensor of shape (n_rows,), default=None
        Weights of the rows, of mean one.

    Returns
    -------
    Tensor of shape ()
        The loss in nats per channel.

    References
    ----------
    Ahn, Hu, Damianou, Lawrence, Dai: Variational Information Distillation for Knowledge Transfer, CVPR 2019,
    equations 4 and 5.

    Examples
    --------
    >>> import math, torch
    >>> from skdistill.nets import vid_loss
    >>> one = torch.ones(1, 1)
    >>> vid_loss(3 * one, one, torch.tensor([math.log(2.0)])).item()
    1.1931
    """
    errors = channel_errors(teacher, mean, weight)
    return (log_scale + 0.5 * errors * torch.exp(-2.0 * log_scale)).mean()


def ted_loss(filtered_teacher: Tensor, filtered_student: Tensor, weight: Tensor | None = None) -> Tensor:
    """Loss of task-aware layer-wise distillation: the mean squared difference of filtered representations.

    Parameters
    ----------
    filtered_teacher, filtered_student : Tensor of shape (n_rows, n_channels)
        What filters that were first trained on the task let through.
    weight : Tensor of shape (n_rows,), default=None
        Weights of the rows, of mean one.

    Returns
    -------
    Tensor of shape ()
        The loss.

    References
    ----------
    Liang, Zuo, Zhang, He, Chen, Zhao: Less is More: Task-aware Layer-wise Distillation for Language Model
    Compression, ICML 2023, section 3.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import ted_loss
    >>> ted_loss(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)).item()
    5.0
    """
    return channel_errors(filtered_teacher, filtered_student, weight).mean()


def answer_loss(logits: Tensor, answers: Tensor, temperature: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """Loss of a student's output against the answers of a filter's head.

    ``mean_i tau^2 KL(softmax(a_i / tau) || softmax(z_i / tau))``, which is 0 where both agree.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_classes)
        The student's logits z.
    answers : Tensor of shape (n_rows, n_classes)
        The logits a of the head, ``g_t(f_t(T))``.
    temperature : float, default=1.0
        Positive temperature tau.
    weight : Tensor of shape (n_rows,), default=None
        Weights of the rows, of mean one.

    Returns
    -------
    Tensor of shape ()
        The loss in nats.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> import math, torch
    >>> from skdistill.nets import answer_loss
    >>> answer_loss(torch.zeros(1, 2), torch.tensor([[0.0, math.log(3.0)]])).item()
    0.1308
    """
    wanted = F.log_softmax(answers / temperature, dim=1)
    found = F.log_softmax(logits / temperature, dim=1)
    losses = (wanted.exp() * (wanted - found)).sum(dim=1)
    return temperature**2 * (losses.mean() if weight is None else (weight * losses).mean())


def label_loss(logits: Tensor, codes: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy with labels, a mean over rows."""
    if weight is None:
        return F.cross_entropy(logits, codes)
    return (weight * F.cross_entropy(logits, codes, reduction="none")).mean()
