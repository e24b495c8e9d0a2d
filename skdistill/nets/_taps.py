"""Watching what a student's layers give while it is trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from skdistill.nets._inputs import to_numpy_dtype
from skdistill.nets._layers import flat_rows, last_linear_name, layer_names
from skdistill.nets._training import PROBED_ROWS

__all__ = ["Taps", "net_representation"]


class Tap:
    """Forward hook that keeps a layer's latest output, or its latest input.

    A class of this module's top level without what it kept, so that a net can be pickled in the middle of training.

    Parameters
    ----------
    takes_input : bool
        Whether the layer's input is kept.
    """

    def __init__(self, takes_input: bool) -> None:
        self.takes_input = takes_input
        self.latest: Any = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Keep one side of a call."""
        self.latest = args[0] if self.takes_input else output

    def __getstate__(self) -> dict[str, Any]:
        return {"takes_input": self.takes_input, "latest": None}


class Taps:
    """Hooks on the layers of a student whose outputs are to be matched.

    Parameters
    ----------
    net : skorch.NeuralNet
        An initialised net.
    names : sequence of str or None
        One name per layer, as in ``module.named_modules()``: what such a layer gives is taken. None stands for what
        the linear layer gets that runs last, or gives where it gets the rows themselves; for what the module gives if
        it has no linear layer.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        A few rows.

    Attributes
    ----------
    widths : list of int
        Number of units of each layer.

    Raises
    ------
    ValueError
        If the module has no layer of such a name.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets._taps import Taps
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    >>> net = NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> taps = Taps(net, [None, "2"], np.zeros((2, 4), dtype=np.float32))
    >>> taps.widths
    [5, 3]
    >>> logits = net.infer(torch.zeros(7, 4))
    >>> [tuple(seen.shape) for seen in taps.latest()]
    [(7, 5), (7, 3)]
    >>> taps.remove()
    """

    def __init__(self, net: Any, names: Sequence[str | None], X: Any) -> None:
        module = net.module_
        X = X.toarray() if sparse.issparse(X) else X
        self.taps: list[Tap] = []
        self.handles: list[Any] = []
        with asked_with_gradients(module):
            found = None if None not in names else last_linear_name(module, net.infer, X)
            layers = dict(module.named_modules())
            for name in names:
                if name is not None and name not in layer_names(module):
                    raise ValueError(_no_such_layer(module, name))
                tap = Tap(takes_input=name is None and found is not None)
                self.taps.append(tap)
                self.handles.append(layers[(found or "") if name is None else name].register_forward_hook(tap))
            # An input that no parameter has touched cannot be taught anything.
            for _ in range(2):
                net.infer(X)
                for tap in self.taps:
                    tap.takes_input = tap.takes_input and tap.latest.requires_grad
        self.widths = [seen.shape[1] for seen in self.latest()]

    def latest(self) -> list[Tensor]:
        """Return what the layers gave in the latest forward pass.

        Returns
        -------
        list of Tensor of shape (n_rows, width)
            One per layer, flat for each row.
        """
        return [flat_rows(tap.latest) for tap in self.taps]

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()


@contextmanager
def asked_with_gradients(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode inside the `with` block, and back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.enable_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def net_representation(net: Any, X: Any, name: str | None = None) -> np.ndarray:
    """Give what a layer of a fitted net sees.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        The net.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        The rows.
    name : str, default=None
        The layer, as for `Taps`.

    Returns
    -------
    ndarray of shape (n_rows, width)
        The representation, as float64.
    """
    X = to_numpy_dtype(X, net.module_)
    taps = Taps(net, [name], X[:PROBED_ROWS])
    try:
        seen = [taps.latest()[0].detach().double().cpu().numpy() for _ in net.forward_iter(X)]
    finally:
        taps.remove()
    return np.concatenate(seen)


def _no_such_layer(module: nn.Module, name: str) -> str:
    return (
        f"layers must name layers of the student's module {type(module).__name__}, got {name!r}. It has "
        f"{', '.join(map(repr, layer_names(module)))}; None stands for what its last linear layer gets."
    )
