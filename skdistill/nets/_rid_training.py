"""Teaching a skorch net its labels and, beside them, what its teacher sees."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from skdistill.exceptions import ConvergenceError
from skdistill.nets._batches import each_row_once, take_batches_at_once
from skdistill.nets._guide import Guide
from skdistill.nets._inputs import check_device, numpy_dtype
from skdistill.nets._losses import SoftTargetLoss, _two_columns, log_floored, pack_targets
from skdistill.nets._own_view import own_view
from skdistill.nets._recipe import Recipe
from skdistill.nets._recognise import is_binary_net
from skdistill.nets._taps import TAPPED_ROWS, Taps
from skdistill.nets._teach import check_probabilities, gives_probabilities, own_criterion
from skdistill.nets._training import Lesson, seeded, taught
from skdistill.students import SoftTargets

if TYPE_CHECKING:
    # A mixin of nets, which to a type checker is a net.
    from skorch import NeuralNet
else:
    NeuralNet = object

__all__ = ["teach_redundant"]


class GuidedNet(NeuralNet):
    """The steps of a net's training that see the guide; a mixin before `TaughtNet` and the net's own class."""

    lesson_: ClassVar[Lesson]
    loss_: ClassVar[Any]
    session_: ClassVar["Session"]

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks, and let the guide do its part before and after epochs."""
        if method_name == "on_epoch_end":
            self.session_.check(self)
        try:
            super().notify(method_name, **cb_kwargs)
        finally:
            # Early stopping ends the training from inside its callback.
            if method_name == "on_epoch_end":
                self.session_.after_epoch(self)
        if method_name == "on_train_begin":
            self.session_.begin(self, cb_kwargs["X"])
        elif method_name == "on_epoch_begin":
            self.session_.before_epoch(self, cb_kwargs["dataset_train"])

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Iterate as the net does, taking batches in one piece where that is the same."""
        return take_batches_at_once(super().get_iterator(dataset, training=training))

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Add the transfer's loss to the net's own while it is trained."""
        if not self.lesson_.refers(y_true):
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        rows = -1 - y_true
        if self.loss_ is None:
            y_true = self.lesson_.plain_tensor[rows.cpu()]
        loss = super().get_loss(y_pred, y_true, *args, **kwargs)
        return self.session_.loss(loss, y_pred, rows) if kwargs.get("training") else loss

    def train_step_single(self, batch: Any, **fit_params: Any) -> Any:
        """Compute the gradients of the net and of the student's filters."""
        self.session_.guide.clear()
        return super().train_step_single(batch, **fit_params)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        """Let the net follow its gradients, then the filters theirs."""
        step = super().train_step(batch, **fit_params)
        self.session_.guide.step()
        return step


class Session:
    """One training: the guide, the hooks on the student, and the rows it is trained on.

    Parameters
    ----------
    recipe : Recipe
        What is matched, how strongly, and when.
    sources : sequence of ndarray of shape (n_rows, width)
        The teacher's representations.
    lesson : Lesson
        What the net is taught.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, of mean one.
    layers : sequence of str or None
        The student's layers, one for each representation.
    report : callable
        Gets a line about each phase.
    """

    guide: Guide

    def __init__(
        self,
        recipe: Recipe,
        sources: Sequence[np.ndarray],
        lesson: Lesson,
        weight: np.ndarray,
        layers: Sequence[str | None],
        report: Callable[[str], None],
    ) -> None:
        self.recipe = recipe
        self.sources = sources
        self.lesson = lesson
        self.weight = weight
        self.layers = layers
        self.report = report
        self.taps: Taps | None = None

    def begin(self, net: Any, X: Any) -> None:
        """Put hooks on the module, and make the filters for what it shows of a few rows."""
        dtype, device = numpy_dtype(net.module_), net.device

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device)

        if self.recipe.transfers:
            # A module that draws in evaluation mode would move what the student draws.
            with torch.random.fork_rng(devices=[]):
                self.taps = Taps(net, self.layers, X[:TAPPED_ROWS], by_rows=self.recipe.matches_hidden)
        self.guide = Guide(
            self._fitting_recipe(),
            [tensor(T.astype(dtype, copy=False)) for T in self.sources] if self.recipe.transfers else [],
            tensor(self.lesson.plain.astype(np.int64, copy=False)),
            tensor(self.weight.astype(dtype, copy=False)),
            self.lesson.n_classes or 0,
            self.report,
            own=lambda numbers: own_view(X[numbers], self.recipe.seed),
        )
        self.from_probabilities = isinstance(own_criterion(net), torch.nn.NLLLoss)
        if self.taps is not None:
            with seeded(self.recipe.seed, None):
                self.guide.start(self.taps.widths)

    def _fitting_recipe(self) -> Recipe:
        """Return the recipe, which matches a student without a hidden layer at its output.

        There, channels of a filter that stays as it is were matched by the student's logits behind a linear map that
        begins at random: a second wish for the logits that the labels' loss does not share. Answers share it.
        """
        recipe, taps = self.recipe, self.taps
        hidden = recipe.method == "rid" and recipe.matches_hidden and not recipe.alternates
        return replace(recipe, match="output") if hidden and taps is not None and all(taps.at_output) else recipe

    def before_epoch(self, net: Any, dataset: Any) -> None:
        """Let the guide train its filters where the schedule says so."""
        if not self.recipe.transfers:
            return

        def see() -> list[torch.Tensor]:
            return self._see(net, dataset)

        # Nothing that the filters draw may move what the student draws.
        with torch.random.fork_rng(devices=[]):
            if not hasattr(self, "rows"):
                self.rows = -1 - torch.as_tensor(np.array([dataset[i][1] for i in range(len(dataset))])).to(net.device)
            self.guide.before_epoch(self.rows, see)

    def loss(self, task_loss: torch.Tensor, output: Any, rows: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch, the transfer's included."""
        if self.taps is None:
            return self.guide.loss(task_loss, output, [], rows)
        # A training step of the user's own may be under autocast, which older torches know on these devices alone.
        kind = task_loss.device.type
        with torch.autocast(kind, enabled=False) if kind in ("cpu", "cuda") else nullcontext():
            columns = _two_columns(output[0] if isinstance(output, tuple) else output, self.from_probabilities)
            logits = log_floored(columns) if self.from_probabilities else columns
            return self.guide.loss(task_loss, logits, self.taps.latest(), rows)

    def check(self, net: Any) -> None:
        """Stop a training that learns nothing any more.

        Raises
        ------
        ConvergenceError
            If the loss of the student is not finite.
        """
        epoch = net.history[-1]
        losses = [batch["train_loss"] for batch in epoch["batches"] if "train_loss" in batch]
        if losses and not np.isfinite(losses[-1]):
            transfers = f", transfer_weight (now {self.recipe.transfer_weight:g})" if self.recipe.transfers else ""
            raise ConvergenceError(
                f"The training loss of {type(net).__name__} must be finite, got {losses[-1]} in epoch "
                f"{epoch['epoch']} of {net.max_epochs}, phase 'student'. Lower lr (now {net.lr:g}){transfers} or the "
                "scale of X (put a StandardScaler in front), and see that X has no missing values."
            )

    def after_epoch(self, net: Any) -> None:
        """Write the epoch down."""
        epoch = net.history[-1]
        losses = {name: float(epoch[name]) for name in ("train_loss", "valid_loss") if name in epoch}
        self.guide.after_epoch(epoch["epoch"], losses)

    def end(self) -> None:
        """Leave the student's module as it was."""
        if self.taps is not None:
            self.taps.remove()

    def _see(self, net: Any, dataset: Any) -> list[torch.Tensor]:
        """Show the rows of a data set, each once and in their order, to the student as it is now."""
        assert self.taps is not None
        parts: list[list[torch.Tensor]] = []
        rows = []
        for batch in each_row_once(net.get_iterator(dataset, training=False)):
            net.evaluation_step(batch)
            parts.append(self.taps.latest())
            rows.append(-1 - batch[1])
        seen = torch.cat(rows).to(self.rows) if rows else self.rows[:0]
        if not torch.equal(seen, self.rows):
            raise ValueError(
                f"iterator_valid of {type(net).__name__} must give each row of a data set once and in order where "
                f"filters are trained by epochs, got {len(seen)} of {len(self.rows)} rows, or others. Use torch's "
                "DataLoader, or filter_fraction=0 with method='rid', which trains no filters by epochs."
            )
        return [torch.cat(layer) for layer in zip(*parts, strict=True)]


@contextmanager
def guided(net: Any, session: Session) -> Iterator[Any]:
    """Let a session accompany the training of a net that is being taught, inside the `with` block."""
    own = type(net)
    members = {"session_": session, "__module__": own.__module__, "__doc__": own.__doc__}
    metaclass: Any = type(own)
    net.__class__ = metaclass(own.__name__, (GuidedNet, own), members)
    try:
        yield net
    finally:
        net.__class__ = own
        session.end()


def teach_redundant(
    net: Any,
    X: Any,
    codes: np.ndarray,
    classes: np.ndarray,
    weight: np.ndarray,
    sources: Sequence[np.ndarray],
    recipe: Recipe,
    *,
    layers: Sequence[str | None] | None = None,
    random_state: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Any, Guide]:
    """Fit a classifier net on labels and on what a teacher sees.

    With a transfer weight of 0 the net is the one that its own `fit` gives under the same seed: filters draw from a
    generator of their own.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        The net, which is fitted and returned.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        The rows.
    codes : ndarray of shape (n_rows,)
        Their labels as column numbers.
    classes : ndarray of shape (n_classes,)
        What the columns stand for.
    weight : ndarray of shape (n_rows,)
        Positive weights of the rows.
    sources : sequence of ndarray of shape (n_rows, width)
        The teacher's representations of the rows.
    recipe : Recipe
        What is matched, how strongly, and when.
    layers : sequence of str or None, default=None
        The student's layer for each representation; None for what the last linear layer gets.
    random_state : int, default=None
        Seed of initial parameters, dropout and shuffling of the student.
    report : callable, default=lambda line: None
        Gets a line about each phase.

    Returns
    -------
    skorch.NeuralNetClassifier, Guide
        The net, with `classes_` equal to the classes, and its guide.
    """
    check_device(net.device)
    codes = codes.astype(np.int64)
    even = bool((weight == weight[0]).all())
    n_rows, n_classes = len(codes), len(classes)
    unit = weight / weight.mean()

    def check(net: Any, X: Any) -> None:
        check_probabilities(net, X, n_classes, spare_columns=False)

    def make_loss(net: Any) -> torch.nn.Module:
        return SoftTargetLoss(from_probabilities=gives_probabilities(net))

    targets = SoftTargets(np.zeros((n_rows, n_classes)), codes, np.zeros(n_rows), unit, np.arange(n_classes))
    lesson = Lesson(
        plain=codes.astype(np.float32) if is_binary_net(net) else codes,
        check=check,
        packed=pack_targets(targets),
        make_loss=None if even else make_loss,
        n_classes=n_classes,
    )
    names = list(layers) if layers is not None else [None] * len(sources)
    # Transformers give frames where scikit-learn is told so.
    session = Session(recipe, [np.asarray(T) for T in sources], lesson, unit, names, report)
    with seeded(random_state, net.device), taught(net, lesson), guided(net, session):
        net.fit(X, lesson.plain)
    net.classes_inferred_ = classes
    return net, session.guide
