"""What a teacher's representation is matched by, how strongly, and when."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """What is matched, how strongly, and when.

    Parameters
    ----------
    method : {"rid", "vid", "ted", "none"}
        What is matched.
    task_weight : float
        Weight of the label's loss.
    transfer_weight : float
        Weight of the transfer's loss; 0 leaves it out.
    warmup_epochs : int
        Epochs that filters are trained on labels alone, before the student.
    cycle_epochs : int
        Length q of a cycle.
    filter_fraction : float
        Share r of a cycle in which the teacher's filter is trained.
    n_channels : int or None
        Number of channels; None means the number of classes for a filter that stays as the labels made it, else the
        width of the representation, at most 32.
    match : {"output", "hidden", "both"}
        Where RID matches the student.
    seed : int
        Seed of the filters.
    n_answers : int, default=0
        How many last columns of each of the teacher's representations are its answers for the classes.
    own_rows : bool, default=False
        Whether the teacher was fitted on these very rows, and answers about each without having seen it.
    """

    method: Literal["rid", "vid", "ted", "none"]
    task_weight: float
    transfer_weight: float
    warmup_epochs: int
    cycle_epochs: int
    filter_fraction: float
    n_channels: int | None
    match: Literal["output", "hidden", "both"]
    seed: int
    n_answers: int = 0
    own_rows: bool = False

    @property
    def transfers(self) -> bool:
        """Whether anything is matched."""
        return self.method != "none" and self.transfer_weight > 0

    @property
    def alternates(self) -> bool:
        """Whether the teacher's filter is trained in cycles with the student."""
        return self.method == "rid" and self.filter_fraction > 0

    @property
    def matches_output(self) -> bool:
        """Whether the answers of the teacher's filter are taught to the student's output."""
        return self.method == "rid" and self.match != "hidden"

    @property
    def matches_hidden(self) -> bool:
        """Whether what filters let through is matched."""
        return self.method != "rid" or self.match != "output"

    @property
    def filter_epochs(self) -> int:
        """Epochs of a cycle in which the teacher's filter is trained; only RID has any."""
        return min(max(1, round(self.filter_fraction * self.cycle_epochs)), self._most) if self.alternates else 0

    @property
    def _most(self) -> int:
        """A cycle leaves one epoch to the student, if it is longer than one."""
        return max(1, self.cycle_epochs - 1)

    @property
    def student_epochs(self) -> int:
        """Epochs of a cycle in which the student is trained."""
        return max(1, self.cycle_epochs - self.filter_epochs)
