"""What accompanies a student's training: filters, the schedule of their own training, and the transfer's loss."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdistill.exceptions import ConvergenceError
from skdistill.nets._filters import SCALE_FLOOR, FilterPair
from skdistill.nets._recipe import Recipe
from skdistill.nets._redundant import (
    answer_loss,
    channel_errors,
    label_loss,
    optimal_scale,
    rid_filter_loss,
    rid_transfer_loss,
    ted_loss,
    vid_loss,
)
from skdistill.nets._task_filter import fit_task_filter, matching_temperature

__all__ = ["Guide"]

FILTER_BATCH = 256
FILTER_LR = 1e-2
MAX_CHANNELS = 32


class Guide:
    """Filters beside a student: they are trained before and between its epochs, and give it a loss in them.

    Parameters
    ----------
    recipe : Recipe
        What is matched, how strongly, and when.
    sources : sequence of Tensor of shape (n_rows, width)
        The teacher's representations of all rows, one per layer.
    codes : Tensor of shape (n_rows,)
        Labels as column numbers.
    weight : Tensor of shape (n_rows,)
        Weights of the rows, of mean one.
    n_classes : int
        Number of classes.
    report : callable, default=None
        Called with a line about each phase.
    own : callable, default=None
        Gives what the student's own columns show of the rows of these numbers, shape (n_some, n_columns).

    Attributes
    ----------
    pairs : ModuleList of FilterPair
        The filters, one pair per layer.
    history : list of dict
        One entry per epoch: its number, its phase and its losses.
    trusts : list of float
        Factor of the transfer's weight for each layer.
    """

    def __init__(
        self,
        recipe: Recipe,
        sources: Sequence[Tensor],
        codes: Tensor,
        weight: Tensor,
        n_classes: int,
        report: Callable[[str], None] | None = None,
        *,
        own: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.recipe = recipe
        self.sources = list(sources)
        self.codes = codes
        # Equal weights are left out of every batch's loss.
        self.weight = None if bool((weight == weight[0]).all()) else weight
        self.n_classes = n_classes
        self.report = report or (lambda line: None)
        self.own = own
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.pairs = nn.ModuleList()
        self.history: list[dict[str, Any]] = []
        self.trusts: list[float] = []
        self.targets: list[Tensor] = []
        self.answers: list[Tensor] = []
        self.temperatures: list[float] = []
        self.optimiser: torch.optim.Optimizer | None = None
        self.student_epoch = 0
        self._transferred: list[Tensor] = []

    @property
    def teacher_filters(self) -> list[nn.Module]:
        """The filters f_t of the layers; none for "vid"."""
        return [pair.teacher for pair in self.pairs if pair.teacher is not None]

    @property
    def student_filters(self) -> list[nn.Module]:
        """The filters f_s of the layers; none where nothing is matched behind them."""
        return [pair.student for pair in self.pairs] if self.recipe.matches_hidden else []

    @property
    def scales(self) -> list[np.ndarray]:
        """The scales sigma of the layers; none where there are no filters of the student, and for "ted"."""
        if not self.recipe.matches_hidden or self.recipe.method == "ted":
            return []
        return [pair.scale.detach().cpu().double().numpy() for pair in self.pairs]

    def start(self, widths: Sequence[int]) -> None:
        """Make the filters for a student whose layers have these widths.

        Parameters
        ----------
        widths : sequence of int
            One width per layer.
        """
        filtered = self.recipe.method != "vid"
        for T, width in zip(self.sources, widths, strict=True):
            n_channels = self._n_channels(T.shape[1]) if filtered else T.shape[1]
            pair = FilterPair(T.shape[1], width, n_channels, self.n_classes, filter_teacher=filtered)
            self.pairs.append(pair.to(T))
        self.trusts = [1.0] * len(self.pairs)
        if self.recipe.matches_hidden:
            self.optimiser = _adam(self._student_params())

    def before_epoch(self, rows: Tensor, see: Callable[[], list[Tensor]]) -> None:
        """Train filters where the schedule says so, before an epoch of the student.

        Parameters
        ----------
        rows : Tensor of shape (n_train,)
            Numbers of the rows that the student is trained on.
        see : callable
            Gives the student's representations of these rows.
        """
        if self.student_epoch == 0:
            self._warm_up(rows, see)
            self._start_scales(rows)
        if self.student_epoch % self.recipe.student_epochs == 0:
            if self.recipe.filter_epochs:
                self._refine(rows, see())
            self._fix_targets(rows)
        self.student_epoch += 1
        self._transferred = []

    def loss(self, task_loss: Tensor, logits: Tensor, seen: Sequence[Tensor], rows: Tensor) -> Tensor:
        """Add the transfer's loss to the label's.

        Parameters
        ----------
        task_loss : Tensor of shape ()
            The student's own loss on a batch.
        logits : Tensor of shape (n_batch, n_classes)
            The student's logits.
        seen : sequence of Tensor of shape (n_batch, width)
            The student's representations.
        rows : Tensor of shape (n_batch,)
            Numbers of the rows.

        Returns
        -------
        Tensor of shape ()
            The loss to be minimised.
        """
        weight = None if self.weight is None else self.weight[rows]
        total = task_loss if self.recipe.task_weight == 1.0 else self.recipe.task_weight * task_loss
        if not self.pairs:
            return total
        parts = []
        for number, trust in enumerate(self.trusts):
            if trust > 0 and self.recipe.matches_hidden:
                parts.append(
                    (trust, self._transfer(self.pairs[number], self.targets[number][rows], seen[number], weight))
                )
            if trust > 0 and self.recipe.matches_output:
                answers, temperature = self.answers[number][rows], self.temperatures[number]
                parts.append((trust, answer_loss(logits, answers, temperature, weight)))
        if not parts:
            self._transferred.append(torch.zeros_like(task_loss))
            return total
        # Each operation on a small batch costs as much as a layer of a small net.
        weighted = [found if trust == 1.0 else trust * found for trust, found in parts]
        transferred = weighted[0] if len(weighted) == 1 else torch.stack(weighted).sum()
        self._transferred.append(transferred.detach())
        return total + self.recipe.transfer_weight * transferred

    def clear(self) -> None:
        """Forget the gradients of the student's filters and of the scales."""
        if self.optimiser is not None:
            self.optimiser.zero_grad()

    def step(self) -> None:
        """Follow the gradients of the student's filters and of the scales."""
        if self.optimiser is not None:
            self.optimiser.step()

    def after_epoch(self, epoch: int, losses: dict[str, float]) -> None:
        """Write an epoch of the student down.

        Parameters
        ----------
        epoch : int
            Its number, from 1.
        losses : dict of str to float
            Its losses.
        """
        if self._transferred:
            losses = {**losses, "transfer_loss": float(torch.stack(self._transferred).mean())}
        self.history.append({"epoch": epoch, "phase": "student", **losses})

    def _transfer(self, pair: FilterPair, target: Tensor, S: Tensor, weight: Tensor | None) -> Tensor:
        answer = pair.student(S.to(target.dtype))
        if self.recipe.method == "vid":
            return vid_loss(target, answer, pair.log_scale, weight)
        if self.recipe.method == "ted":
            return ted_loss(target, answer, weight)
        return rid_transfer_loss(target, answer, pair.scale, weight)

    def _n_channels(self, width: int) -> int:
        if self.recipe.method == "rid" and not self.recipe.alternates:
            return min(self.n_classes, self.recipe.n_channels or self.n_classes)
        return min(width, MAX_CHANNELS) if self.recipe.n_channels is None else self.recipe.n_channels

    def _student_params(self) -> list[nn.Parameter]:
        scales = [] if self.recipe.method == "ted" else [pair.log_scale for pair in self.pairs]
        return [p for pair in self.pairs for p in pair.student.parameters()] + scales

    def _teacher_params(self) -> list[nn.Parameter]:
        return [p for pair in self.pairs for p in (*pair.teacher.parameters(), *pair.teacher_head.parameters())]

    @torch.no_grad()
    def _fix_targets(self, rows: Tensor) -> None:
        self.targets = [pair.filtered_teacher(T) for pair, T in zip(self.pairs, self.sources, strict=True)]
        if self.recipe.matches_output:
            heads = [pair.teacher_head for pair in self.pairs]
            self.answers = [head(target) for head, target in zip(heads, self.targets, strict=True)]
            weight = np.ones(len(rows)) if self.weight is None else _as_array(self.weight[rows])
            self.temperatures = [matching_temperature(_as_array(answers[rows]), weight) for answers in self.answers]

    def _warm_up(self, rows: Tensor, see: Callable[[], list[Tensor]]) -> None:
        if self.recipe.method == "vid":
            return
        if self.recipe.method == "rid" and not self.recipe.alternates:
            self._fit_on_labels(rows)
            return

        def loss(number: int, batch: Tensor, seen: Sequence[Tensor]) -> Tensor:
            pair = self.pairs[number]
            T, codes, weight = self._batch(number, batch)
            found = label_loss(pair.teacher_head(pair.teacher(T)), codes, weight)
            if self.recipe.method == "ted":
                found = found + label_loss(pair.student_head(pair.student(seen[number])), codes, weight)
            return found

        params = self._teacher_params()
        if self.recipe.method == "ted":
            params += [p for pair in self.pairs for p in (*pair.student.parameters(), *pair.student_head.parameters())]
        seen = see() if self.recipe.method == "ted" else []
        self._train("warmup", self.recipe.warmup_epochs, params, rows, seen, loss)

    @torch.no_grad()
    def _start_scales(self, rows: Tensor) -> None:
        """Start the scales of RID where they are best for a student that knows nothing yet."""
        if self.recipe.method == "rid" and self.recipe.matches_hidden:
            for pair, T in zip(self.pairs, self.sources, strict=True):
                answer, weight = pair.teacher(T[rows]), None if self.weight is None else self.weight[rows]
                mean = answer.mean(dim=0) if weight is None else weight @ answer / weight.sum()
                error = channel_errors(answer, mean, weight)
                pair.log_scale.copy_(optimal_scale(error).clamp(min=SCALE_FLOOR).log())

    @torch.no_grad()
    def _fit_on_labels(self, rows: Tensor) -> None:
        """Fit the teacher's filters on labels alone, and trust them as far as they tell more than the rows do."""
        numbers, given = rows.cpu().numpy(), self.own
        asked = None if given is None or self.recipe.own_rows else given
        own = None if asked is None else lambda few: asked(numbers[few])
        for number, (pair, T) in enumerate(zip(self.pairs, self.sources, strict=True)):
            weight = torch.ones_like(T[:, 0]) if self.weight is None else self.weight
            found = fit_task_filter(
                _as_array(T[rows]),
                self.codes[rows].cpu().numpy(),
                _as_array(weight[rows]),
                self.n_classes,
                pair.log_scale.numel(),
                n_answers=self.recipe.n_answers,
                own=own,
                random_state=self.recipe.seed,
            )
            filter_layer = pair.teacher.layers[0]
            filter_layer.weight.copy_(torch.from_numpy(found.weight.T))
            filter_layer.bias.copy_(torch.from_numpy(found.bias))
            pair.teacher_head.weight.copy_(torch.from_numpy(found.head.T))
            pair.teacher_head.bias.zero_()
            # Who learnt from the same labels says nothing that they do not. It smooths them, worth the more, the more
            # they leave open; where labels are all but told, it errs and they do not.
            doubt = found.information * (1.0 - found.information) ** 2
            self.trusts[number] = doubt if self.recipe.own_rows else found.trust
            parts = ("information", "answer_information", "own_information")
            told = {name: getattr(found, name) for name in parts if getattr(found, name) is not None}
            self.history.append({"phase": "warmup", "layer": number, **told})
            self.report(
                f"filter {number}: tells {found.information:.0%} of the labels' entropy on rows held out from it, the "
                f"student's own columns {found.own_information:.0%}; trust {self.trusts[number]:.2f}"
            )

    def _refine(self, rows: Tensor, seen: Sequence[Tensor]) -> None:
        """Train the teacher's filters and heads on labels and on what the student's filters let through."""
        with torch.no_grad():
            filtered = [pair.student(S) for pair, S in zip(self.pairs, seen, strict=True)]

        def loss(number: int, batch: Tensor, filtered: Sequence[Tensor]) -> Tensor:
            pair = self.pairs[number]
            T, codes, weight = self._batch(number, batch)
            answer = pair.teacher(T)
            return rid_filter_loss(
                pair.teacher_head(answer), codes, answer, filtered[number], pair.scale.detach(), weight
            )

        self._train("filter", self.recipe.filter_epochs, self._teacher_params(), rows, filtered, loss)

    def _batch(self, number: int, batch: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        weight = None if self.weight is None else self.weight[batch]
        return self.sources[number][batch], self.codes[batch], weight

    def _train(
        self,
        phase: str,
        n_epochs: int,
        params: Iterable[nn.Parameter],
        rows: Tensor,
        seen: Sequence[Tensor],
        loss: Callable[[int, Tensor, Sequence[Tensor]], Tensor],
    ) -> None:
        """Train filters on fixed representations; `seen` and `rows` go together."""
        optimiser = _adam(params)
        for epoch in range(1, n_epochs + 1):
            total, count = 0.0, 0
            for part in torch.randperm(len(rows), generator=self.generator).to(rows.device).split(FILTER_BATCH):
                few = [S[part] for S in seen]
                found = torch.stack([loss(number, rows[part], few) for number in range(len(self.pairs))]).sum()
                optimiser.zero_grad()
                found.backward()
                optimiser.step()
                total, count = total + float(found.detach()) * len(part), count + len(part)
            self.history.append({"epoch": epoch, "phase": phase, "filter_loss": total / count})
            if not torch.isfinite(torch.tensor(total)):
                raise ConvergenceError(
                    f"The loss of the filters must be finite, got {total / count} in epoch {epoch} of phase {phase!r}. "
                    "Bring the teacher's representation to unit scale, for instance with a StandardScaler behind it, "
                    "and see that it has no missing or infinite values."
                )
        if n_epochs:
            self.report(f"{phase}: loss of the filters {self.history[-1]['filter_loss']:.4g} after {n_epochs} epochs")


def _adam(params: Iterable[nn.Parameter]) -> torch.optim.Adam:
    """Make the filters' optimiser; in one pass over few numbers, where torch has that for the device, it is quicker."""
    params = list(params)
    try:
        return torch.optim.Adam(params, lr=FILTER_LR, fused=True)
    except RuntimeError:
        return torch.optim.Adam(params, lr=FILTER_LR)


def _as_array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
