"""Asking a skorch net about each row in its order, and without drawing from torch's generator."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from skdistill.nets._batches import each_row_once
from skdistill.nets._inputs import to_numpy_dtype

if TYPE_CHECKING:
    # A mixin of nets, which to a type checker is a net.
    from skorch import NeuralNet
else:
    NeuralNet = object

__all__ = ["quiet", "quiet_and_cast"]

# Classes of nets at a time; making one anew costs less than asking a net.
KEPT_CLASSES = 16
# Of loaders without workers, which draw a seed and do not use it.
UNUSED_SEEDS = torch.Generator()


class QuietNet(NeuralNet):
    """The step of a net's predictions that draws and orders; a mixin before the net's own class."""

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Iterate as the net does, each row once, with seeds of the loader's own for its workers."""
        iterator = each_row_once(super().get_iterator(dataset, training=training))
        if isinstance(iterator, DataLoader) and iterator.generator is None:
            iterator.generator = torch.Generator() if iterator.num_workers else UNUSED_SEEDS
        return iterator


def quiet(net: Any) -> Any:
    """Give another view of a net, to be asked in its place.

    What skorch's predictions draw from torch's generator seeds the workers of a data loader, also where there are none.
    It moves what the caller draws next, and in other threads what a training draws. The generator cannot be put back
    afterwards without taking from those threads, so nothing is drawn in the first place. A module that draws in
    evaluation mode itself, as in Monte Carlo dropout, still does.

    Rows come in their order and none is left out, also where ``iterator_valid`` of the net shuffles them or drops the
    last ones.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net, which is not changed, so that several threads may ask it.

    Returns
    -------
    skorch.NeuralNet
        A net of a subclass with the same attributes: what is set on one is set on the other.
    """
    own: Any = type(net)
    # A class that exists for one training holds its data.
    kind: Any = _made(own) if hasattr(own, "lesson_") else _kept(own)
    view = object.__new__(kind)
    # Past skorch's __setattr__, which would take it for a parameter.
    object.__setattr__(view, "__dict__", vars(net))
    return view


def quiet_and_cast(net: Any, X: Any) -> tuple[Any, Any]:
    """Return the view of a net, and rows in the number type of its module."""
    return quiet(net), to_numpy_dtype(X, net.module_)


def _made(own: type) -> type:
    metaclass: Any = type(own)
    made: type = metaclass(own.__name__, (QuietNet, own), {"__module__": own.__module__, "__doc__": own.__doc__})
    return made


_kept = lru_cache(maxsize=KEPT_CLASSES)(_made)
