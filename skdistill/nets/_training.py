"""Teaching a skorch net more than its labels, without changing what its own class does.

While it is taught, a net belongs to a subclass of its own class (`TaughtNet` before it), and afterwards to
its own class again. Only the data set holds the packed targets: the validation split, the callbacks and the
scorers see plain ones.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from skorch.dataset import get_len

from skdistill.exceptions import ConvergenceError
from skdistill.nets._inputs import install_cast, numpy_dtype, to_numpy_dtype
from skdistill.nets._quiet import quiet

if TYPE_CHECKING:
    # A mixin of nets, which to a type checker is a net.
    from skorch import NeuralNet
else:
    NeuralNet = object

__all__ = ["Lesson", "seeded", "taught"]

PROBED_ROWS = 2
# torch has one generator per process, which threads that train at the same time would share.
SEED_LOCK = threading.RLock()


@dataclass(frozen=True)
class Lesson:
    """What a net is taught.

    Parameters
    ----------
    plain : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets as splits, callbacks and scorers see them.
    check : callable
        Called as ``check(net, X)`` before the first epoch, with a few rows.
    packed : ndarray of shape (n_rows, n_columns), default=None
        Targets as the loss sees them. None teaches `plain` by the net's own criterion.
    make_loss : callable, default=None
        Called as ``make_loss(net)`` before the first epoch, gives the criterion of `packed`.
    n_classes : int, default=None
        Number of classes; None for a regressor.
    """

    plain: np.ndarray
    check: Callable[[Any, Any], None]
    packed: np.ndarray | None = None
    make_loss: Callable[[Any], torch.nn.Module] | None = None
    n_classes: int | None = None

    @cached_property
    def references(self) -> np.ndarray:
        """Numbers -1, -2, ... of the rows: no label is negative, and a number costs a data loader less than a row."""
        return np.arange(-1, -1 - len(self.plain), -1)

    @cached_property
    def plain_tensor(self) -> torch.Tensor:
        """The plain targets, for looking batches up."""
        return torch.from_numpy(self.plain)

    def refers(self, y: Any) -> bool:
        """Whether targets are numbers of rows; those of a validation set that the user gave are not."""
        if self.packed is None or getattr(y, "ndim", 0) != 1 or len(y) == 0:
            return False
        integers = y.dtype == torch.int64 if isinstance(y, torch.Tensor) else y.dtype.kind == "i"
        return integers and bool((y < 0).all())

    def told(self, batch: Any) -> Any:
        """Return a batch as callbacks are told it: with plain targets in the place of row numbers."""
        if isinstance(batch, (tuple, list)) and len(batch) == 2 and self.refers(batch[1]):
            return [batch[0], look_up(self.plain_tensor, batch[1])]
        return batch


def look_up(targets: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Return the targets of a batch of row numbers -1, -2, ..."""
    return targets[-1 - references.cpu()]


class TaughtNet(NeuralNet):
    """The steps of a net's training that see the lesson; each leaves the rest to the net's own class."""

    lesson_: ClassVar[Lesson]
    own_class_: ClassVar[type]
    loss_: ClassVar[torch.nn.Module | None] = None
    packed_: ClassVar[torch.Tensor | None] = None

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks, with plain targets, and check what the step brought."""
        if method_name == "on_epoch_end":
            check_epoch(self)
        super().notify(method_name, **with_plain_targets(self.lesson_, cb_kwargs))
        # After the callbacks, since one of them may size the module by the data.
        if method_name == "on_train_begin":
            install_cast(self.module_)
            with torch.random.fork_rng(devices=[]):
                self.lesson_.check(quiet(self), cb_kwargs["X"][:PROBED_ROWS])
            if self.lesson_.packed is not None and self.lesson_.make_loss is not None:
                type(self).loss_ = self.lesson_.make_loss(self)
                type(self).packed_ = torch.from_numpy(self.lesson_.packed.astype(numpy_dtype(self.module_)))

    def check_data(self, X: Any, y: Any = None) -> None:
        """Let the net look at the data; its classes are all columns, whichever occur in y."""
        super().check_data(X, y)
        if self.lesson_.n_classes is not None:
            self.classes_inferred_ = np.arange(self.lesson_.n_classes)

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Make the training data of the lesson's targets, and any other data as the net does."""
        if y is None or len(y) != len(self.lesson_.plain):
            return super().get_dataset(X, y)
        if self.lesson_.packed is not None:
            y = self.lesson_.references
        return super().get_dataset(to_numpy_dtype(X, self.module_), y)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Iterate as the net does, without a lone row that batch normalisation cannot take."""
        iterator = super().get_iterator(dataset, training=training)
        normalised = any(isinstance(part, torch.nn.BatchNorm1d) for part in self.module_.modules())
        return WithoutLoneRow(iterator) if training and normalised else iterator

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Let the net compute its loss, the lesson's criterion standing in for its own."""
        if self.loss_ is None:
            if self.lesson_.n_classes is None and y_pred.numel() == y_true.numel():
                y_true = y_true.reshape(y_pred.shape)
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        if self.packed_ is not None and self.lesson_.refers(y_true):
            y_true = look_up(self.packed_, y_true)
        own = self.criterion_
        # Past skorch's __setattr__, which would take the criterion for a new component of the net.
        self.__dict__["criterion_"] = self.loss_
        try:
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        finally:
            self.__dict__["criterion_"] = own

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as a net of the own class, which is what a checkpoint taken during training has to hold."""
        make, arguments, *rest = super().__reduce_ex__(protocol)
        own = tuple(self.own_class_ if value is type(self) else value for value in arguments)
        # pickle lets __newobj__ make objects of nothing but the pickled object's class.
        return (object.__new__ if make.__name__ == "__newobj__" else make, own, *rest)


class WithoutLoneRow:
    """Batches of an iterator, but no batch of a single row unless it is the only one.

    Parameters
    ----------
    iterator : iterable
        Gives batches (X, y).
    """

    def __init__(self, iterator: Any) -> None:
        self.iterator = iterator

    def __len__(self) -> int:
        """Return the number of batches, a lone row counted."""
        return len(self.iterator)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches."""
        for number, batch in enumerate(self.iterator):
            if number == 0 or get_len(batch[0]) > 1:
                yield batch


@contextmanager
def taught(net: Any, lesson: Lesson) -> Iterator[Any]:
    """Make a net's training follow a lesson inside the `with` block.

    Parameters
    ----------
    net : skorch.NeuralNet
        Its class is its own again afterwards, also after an error.
    lesson : Lesson
        What to teach.

    Yields
    ------
    skorch.NeuralNet
        The same net.
    """
    own = type(net)
    members = {"lesson_": lesson, "own_class_": own, "__module__": own.__module__, "__doc__": own.__doc__}
    metaclass: Any = type(own)
    net.__class__ = metaclass(own.__name__, (TaughtNet, own), members)
    try:
        yield net
    finally:
        net.__class__ = own


@contextmanager
def seeded(random_state: int | None, device: Any) -> Iterator[None]:
    """Seed torch inside the `with` block, and leave the caller's generators as they were.

    Parameters
    ----------
    random_state : int, default=None
        Seed; None draws from the caller's generators.
    device : str, torch.device or None
        Where the net computes; the generator of a CUDA device is seeded too.

    Yields
    ------
    None
        Nothing.
    """
    if random_state is None:
        yield
        return
    on_gpu = device is not None and torch.device(device).type == "cuda"
    with SEED_LOCK, torch.random.fork_rng(devices=[torch.device(device)] if on_gpu else []):
        # Not torch.manual_seed, which also seeds devices that are not restored here.
        torch.default_generator.manual_seed(random_state)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(random_state)
        yield


def check_epoch(net: Any) -> None:
    """Stop a training that learns nothing any more.

    Raises
    ------
    ConvergenceError
        If the loss is not finite.
    ValueError
        If the epoch had no batch.
    """
    epoch = net.history[-1]
    losses = [batch["train_loss"] for batch in epoch["batches"] if "train_loss" in batch]
    if not losses:
        raise ValueError(
            f"batch_size must leave at least one batch per epoch, got {net.batch_size!r} with the last batch "
            "dropped and fewer rows than that. Lower batch_size, or leave iterator_train__drop_last at "
            "False."
        )
    if not np.isfinite(losses[-1]):
        loss = type(net).loss_
        heat = getattr(loss, "temperature", 1.0)
        squared = f", the temperature (now {heat:g}: its square multiplies the loss)" if heat > 1.0 else ""
        raise ConvergenceError(
            f"The training loss of {type(net).__name__} must be finite, got {losses[-1]} in epoch "
            f"{epoch['epoch']} of {net.max_epochs}. Lower lr (now {net.lr:g}){squared} or the scale of X "
            "(put a StandardScaler in front), and see that X has no missing values."
        )


def with_plain_targets(lesson: Lesson, cb_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Replace numbers of rows by plain targets in what a callback is told."""
    if lesson.packed is None:
        return cb_kwargs
    told = dict(cb_kwargs)
    if "batch" in told:
        told["batch"] = lesson.told(told["batch"])
    for name in ("dataset_train", "dataset_valid"):
        if told.get(name) is not None:
            told[name] = plain_view(told[name], lesson)
    return told


def plain_view(dataset: Any, lesson: Lesson) -> Any:
    """Return a data set, or a subset of one, with plain targets in the place of row numbers."""
    if hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        return torch.utils.data.Subset(plain_view(dataset.dataset, lesson), dataset.indices)
    if not lesson.refers(getattr(dataset, "y", None)):
        return dataset
    view = copy.copy(dataset)
    view.y = lesson.plain
    return view
