"""Watching what a student's layers give while it is trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from skdistill.nets._inputs import at_least_single, to_numpy_dtype
from skdistill.nets._layers import flat_rows, last_linear_name, layer_names
from skdistill.nets._training import seeded

__all__ = ["TAPPED_ROWS", "Taps", "net_representation"]

TAPPED_ROWS = 3


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

    def __call__(self, module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Keep one side of a call."""
        self.latest = (args or tuple(kwargs.values()))[0] if self.takes_input else output

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
        A few rows; of more than two, some are shown twice, in probes of different sizes.
    by_rows : bool, default=True
        Whether a layer must have one entry per row along its first axis, as what is compared row by row has to.

    Attributes
    ----------
    widths : list of int
        Number of units of each layer.
    at_output : list of bool
        Whether a layer is the module's own output, for want of a hidden one.

    Raises
    ------
    ValueError
        If the module has no layer of such a name, does not run it, or it does not give one entry per row.

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

    def __init__(self, net: Any, names: Sequence[str | None], X: Any, *, by_rows: bool = True) -> None:
        module = net.module_
        X = X.toarray() if sparse.issparse(X) else X
        self.taps: list[Tap] = []
        self.handles: list[Any] = []
        try:
            with asked_with_gradients(module):
                output = self._listen(net, names, X, by_rows)
        except BaseException:
            self.remove()
            raise
        self.widths = [seen.shape[1] for seen in self.latest()]
        n_outputs = flat_rows(output).shape[1]
        self.at_output = [
            name is None and not tap.takes_input and width == n_outputs
            for name, tap, width in zip(names, self.taps, self.widths, strict=True)
        ]

    def _listen(self, net: Any, names: Sequence[str | None], X: Any, by_rows: bool) -> Any:
        """Put the hooks on, decide which side of a layer they keep, and return the output of all rows."""
        module = net.module_
        found = None if None not in names else last_linear_name(module, net.infer, X)
        layers = dict(module.named_modules())
        for name in names:
            if name is not None and name not in layer_names(module):
                raise ValueError(_no_such_layer(module, name))
            tap = Tap(takes_input=name is None and found is not None)
            self.taps.append(tap)
            layer = layers[(found or "") if name is None else name]
            self.handles.append(layer.register_forward_hook(tap, with_kwargs=True))
        net.infer(X)
        for tap in self.taps:
            # An input that no parameter has touched cannot be taught anything.
            tap.takes_input = tap.takes_input and tap.latest.requires_grad
        # Another axis may be as long as there are rows in one probe, and not in both.
        for few in (X[:-1], X) if len(X) > 2 else (X,):
            output = net.infer(few)
            for name, tap in zip(names, self.taps, strict=True):
                if tap.latest is None:
                    raise ValueError(_does_not_run(module, name))
                if by_rows and len(flat_rows(tap.latest)) != len(few):
                    raise ValueError(_not_by_rows(module, name or found or "", tap, len(few)))
        return output

    def latest(self) -> list[Tensor]:
        """Return what the layers gave in the latest forward pass.

        Returns
        -------
        list of Tensor of shape (n_rows, width)
            One per layer, flat for each row, in single precision at least.
        """
        return [at_least_single(flat_rows(tap.latest)) for tap in self.taps]

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
    with seeded(0, net.device):
        taps = Taps(net, [name], X[:TAPPED_ROWS])
        try:
            seen = [taps.latest()[0].detach().double().cpu().numpy() for _ in net.forward_iter(X)]
        finally:
            taps.remove()
    return np.concatenate(seen)


def _does_not_run(module: nn.Module, name: str | None) -> str:
    return (
        f"layers must name layers that run in the forward of the student's module {type(module).__name__}, got "
        f"{name!r}, which does not. Name another of {', '.join(map(repr, layer_names(module)))}; None stands for what "
        "its last linear layer gets."
    )


def _not_by_rows(module: nn.Module, name: str, tap: Tap, n_rows: int) -> str:
    return (
        f"The {'input' if tap.takes_input else 'output'} of layer {name!r} of the student's module "
        f"{type(module).__name__} must have one entry per row along its first axis, got {len(flat_rows(tap.latest))} "
        f"for {n_rows} rows. Name in layers a layer behind the one that moves the rows to another axis; with "
        "method='rid' and match='output' a student is taught without any layer."
    )


def _no_such_layer(module: nn.Module, name: str) -> str:
    return (
        f"layers must name layers of the student's module {type(module).__name__}, got {name!r}. It has "
        f"{', '.join(map(repr, layer_names(module)))}; None stands for what its last linear layer gets."
    )
