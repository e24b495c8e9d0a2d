"""Filters: small modules that bring what teacher and student see into a common space of channels."""

import torch
from torch import Tensor, nn

__all__ = ["Filter", "FilterPair"]

# Errors are divided by scales, which follow them to zero.
SCALE_FLOOR = 1e-3


class Filter(nn.Module):
    """A map from a representation into channels: linear, or with one hidden layer.

    It has no batch normalisation and no dropout, so that a row's channels do not depend on its batch.

    Parameters
    ----------
    n_inputs : int
        Width of the representation.
    n_channels : int
        Number of channels C.
    n_hidden : int, default=None
        Units of a hidden layer with ReLU; None for a linear map.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets._filters import Filter
    >>> Filter(5, 2)(torch.zeros(3, 5)).shape
    torch.Size([3, 2])
    """

    def __init__(self, n_inputs: int, n_channels: int, n_hidden: int | None = None) -> None:
        super().__init__()
        if n_hidden is None:
            self.layers = nn.Sequential(nn.Linear(n_inputs, n_channels))
        else:
            self.layers = nn.Sequential(nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_channels))

    def forward(self, representation: Tensor) -> Tensor:
        """Give the channels of each row.

        Parameters
        ----------
        representation : Tensor of shape (n_rows, n_inputs)
            What a model sees.

        Returns
        -------
        Tensor of shape (n_rows, n_channels)
            The channels.
        """
        return self.layers(representation)


class FilterPair(nn.Module):
    """What stands between one layer of a teacher and one of a student.

    Parameters
    ----------
    n_teacher, n_student : int
        Widths of the two representations.
    n_channels : int
        Width C of the common space.
    n_classes : int
        Number of classes, for the heads that filters are trained with.
    filter_teacher : bool, default=True
        Whether the teacher's side has a filter; without one its representation is itself the common space.

    Attributes
    ----------
    teacher : Filter or None
        The filter f_t.
    student : Filter
        The filter f_s.
    teacher_head, student_head : Linear or None
        The heads g_t and g_s, from channels to logits.
    log_scale : Parameter of shape (n_channels,)
        Logarithm of the scales sigma, which start at 1.

    Examples
    --------
    >>> from skdistill.nets._filters import FilterPair
    >>> pair = FilterPair(5, 3, 2, 4)
    >>> pair.teacher_head.out_features, pair.scale.tolist()
    (4, [1.0, 1.0])
    """

    def __init__(
        self, n_teacher: int, n_student: int, n_channels: int, n_classes: int, *, filter_teacher: bool = True
    ) -> None:
        super().__init__()
        self.teacher = Filter(n_teacher, n_channels) if filter_teacher else None
        self.teacher_head = nn.Linear(n_channels, n_classes) if filter_teacher else None
        self.student = Filter(n_student, n_channels)
        self.student_head = nn.Linear(n_channels, n_classes)
        self.log_scale = nn.Parameter(torch.zeros(n_channels))

    @property
    def scale(self) -> Tensor:
        """The scales sigma, of shape (n_channels,)."""
        return self.log_scale.exp() + SCALE_FLOOR

    def filtered_teacher(self, representation: Tensor) -> Tensor:
        """Give what the student is to match.

        Parameters
        ----------
        representation : Tensor of shape (n_rows, n_teacher)
            The teacher's representation.

        Returns
        -------
        Tensor of shape (n_rows, n_channels)
            ``f_t(T)``, or T itself.
        """
        return representation if self.teacher is None else self.teacher(representation)
