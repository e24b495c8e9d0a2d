"""What a layer of a torch module puts out, as a representation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from skdistill._sklearn import num_samples, safe_indexing
from skdistill.nets._held import HeldNetClassifier, HeldNetRegressor
from skdistill.nets._inputs import to_numpy_dtype
from skdistill.nets._predict import as_matrix
from skdistill.nets._teacher import TorchTeacher, asked
from skdistill.nets._training import seeded
from skdistill.representation import BaseRepresentation
from skdistill.representation._reduction import Scaling

__all__ = ["LayerRepresentation", "last_linear_name", "layer_names", "layer_outputs"]

# Wider outputs of convolutions are averaged over squares of pixels, until they have no more numbers per row.
MOST_RAW = 4096

Run = Callable[[Any], object]


def layer_names(module: torch.nn.Module) -> list[str]:
    """Name the layers of a module, in the order in which they were registered.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    list of str
        As `named_modules` names them, without the module itself.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets._layers import layer_names
    >>> layer_names(torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)))
    ['0', '1', '2']
    """
    return [name for name, _ in module.named_modules() if name]


@contextmanager
def listening(module: torch.nn.Module, hear: Callable[[str, Any, Any], None], *names: str) -> Iterator[None]:
    """Call ``hear(name, inputs, output)`` after each run of the named layers inside the `with` block."""

    def hook_of(name: str) -> Callable[..., None]:
        return lambda layer, args, kwargs, output: hear(name, args or tuple(kwargs.values()), output)

    layers = dict(module.named_modules())
    handles = [layers[name].register_forward_hook(hook_of(name), with_kwargs=True) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def last_linear_name(module: torch.nn.Module, run: Run, rows: Any) -> str | None:
    """Name the linear layer that a module runs last.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    run : callable
        Runs the module on rows.
    rows : array-like of shape (n_rows, ...)
        A few rows.

    Returns
    -------
    str or None
        None for a module that runs no linear layer. The module itself is named "".
    """
    linear = [name for name, part in module.named_modules() if isinstance(part, torch.nn.Linear)]
    ran: list[str] = []
    with listening(module, lambda name, inputs, output: ran.append(name), *linear):
        run(rows)
    return ran[-1] if ran else None


def layer_outputs(module: torch.nn.Module, run: Run, rows: Any, name: str, *, inputs: bool = False) -> np.ndarray:
    """Run a module and give what one of its layers puts out.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    run : callable
        Runs the module on rows, in one or more batches.
    rows : array-like of shape (n_rows, ...)
        The rows.
    name : str
        Name of the layer; "" is the module itself.
    inputs : bool, default=False
        Whether what the layer takes in is wanted instead.

    Returns
    -------
    ndarray of shape (n_rows, n_units)
        Flat numbers per row, as float64. Of a layer that runs several times in a batch, its last run.

    Raises
    ------
    ValueError
        If the layer does not run, or its output does not have one entry per row along its first axis.
    """
    parts: list[torch.Tensor] = []
    last: list[torch.Tensor] = []

    def hear(heard: str, taken: Any, given: Any) -> None:
        if heard == name:
            # Copied at once, since the next layer may write over it (ReLU(inplace=True)).
            last[:] = [flat_rows(taken if inputs else given).to("cpu", torch.float64, copy=True)]
        if heard == "" and last:
            parts.append(last.pop())

    with listening(module, hear, *dict.fromkeys((name, ""))):
        run(rows)
    n_rows = num_samples(rows)
    if not parts:
        raise ValueError(
            f"layer must name a layer that runs in the module's forward, got {name!r}, which does not. Name another of "
            f"{_listed(module)}."
        )
    if sum(len(part) for part in parts) != n_rows:
        raise ValueError(
            f"The output of layer {name!r} must have one entry per row along its first axis, got "
            f"{sum(len(part) for part in parts)} for {n_rows} rows. Name a layer behind the one that moves the rows to "
            "another axis."
        )
    return torch.cat(parts).numpy()


def flat_rows(output: Any) -> torch.Tensor:
    """Flatten what a layer gives to one row of numbers per row; large images are averaged over squares first."""
    while isinstance(output, (tuple, list)):
        output = output[0]
    if output.ndim in (4, 5) and output[0].numel() > MOST_RAW:
        axes = output.ndim - 2
        side = max(1, int((MOST_RAW / output.shape[1]) ** (1 / axes) + 1e-9))
        pool = torch.nn.functional.adaptive_avg_pool2d if axes == 2 else torch.nn.functional.adaptive_avg_pool3d
        output = pool(output, [min(side, size) for size in output.shape[2:]])
    return output.reshape(len(output), -1)


class LayerRepresentation(BaseRepresentation):
    """A layer of a net: what it puts out, or what the last linear layer takes in.

    The module runs in evaluation mode and without gradients; its mode and its place are restored afterwards.

    Parameters
    ----------
    model : estimator or torch.nn.Module, default=None
        A fitted skorch net, a `TorchTeacher`, a `HeldNetClassifier` or a module itself; also frozen, or last in a
        pipeline. See `BaseRepresentation`.
    layer : str, default=None
        Name of the layer whose output is wanted, as `named_modules` gives it. None is the input of the linear layer
        that runs last, and the module's output if it has no linear layer.
    max_width : int, default=64
        Largest number of coordinates. What is wider is reduced to its principal directions; images of more than 4096
        numbers are averaged over squares of pixels before.
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, or each has variance 1.
    chunk_rows : int, default=4096
        The module gets at most so many rows at a time; a skorch net, of these, as many as its own batches hold.
    sample_rows : int, default=10_000
        Directions, means and scales are found on at most so many rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and of the randomised solver.

    Attributes
    ----------
    core_ : estimator or torch.nn.Module
        The net itself.
    layer_ : str
        Name of the layer; "" is the module itself.
    mean_, scale_ : ndarray of shape (width,)
        What is subtracted from each coordinate, and by what it is divided.
    width_ : int
        Number of coordinates.
    n_features_in_ : int
        Number of columns of the rows of `fit`, where they have columns.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.nets import LayerRepresentation, TorchTeacher
    >>> _ = torch.manual_seed(0)
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    >>> X, y = load_iris(return_X_y=True)
    >>> seen = LayerRepresentation(model=TorchTeacher(module, classes=[0, 1, 2])).fit(X)
    >>> seen.layer_, seen.transform(X).shape
    ('2', (150, 8))
    """

    layer_: str

    def __init__(
        self,
        *,
        model: Any = None,
        layer: str | None = None,
        max_width: int = 64,
        scaling: Scaling = "total",
        chunk_rows: int = 4096,
        sample_rows: int = 10_000,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            model=model,
            max_width=max_width,
            scaling=scaling,
            chunk_rows=chunk_rows,
            sample_rows=sample_rows,
            random_state=random_state,
        )
        self.layer = layer

    def _refuse(self, core: Any) -> None:
        module, _ = module_and_run(core)
        if self.layer is not None and self.layer not in layer_names(module):
            raise ValueError(
                f"layer must be one of the layers of the module {type(module).__name__}: {_listed(module)}; got "
                f"{self.layer!r}. Use one of these names, or None for the input of the last linear layer."
            )

    def _prepare(self, rows: Any, rng: np.random.RandomState) -> None:
        if self.layer is not None:
            self.layer_, self._inputs = self.layer, False
            return
        module, run = module_and_run(self.core_)
        few = next(self._chunks(safe_indexing(rows, np.arange(min(2, num_samples(rows))))))
        found = last_linear_name(module, run, few)
        self.layer_, self._inputs = found or "", found is not None

    def _raw(self, rows: Any) -> np.ndarray:
        module, run = module_and_run(self.core_)
        return layer_outputs(module, run, rows, self.layer_, inputs=self._inputs)


def module_and_run(core: Any) -> tuple[torch.nn.Module, Run]:
    """Find a learner's module and how it is run on rows.

    Parameters
    ----------
    core : estimator or torch.nn.Module
        The learner.

    Returns
    -------
    module : torch.nn.Module
        The module.
    run : callable
        Runs it on rows in evaluation mode.

    Raises
    ------
    TypeError
        If the learner is no net.
    """
    if isinstance(core, HeldNetClassifier | HeldNetRegressor):
        core = core.net_
    if isinstance(core, torch.nn.Module):
        core = TorchTeacher(core, output="values")
    if isinstance(core, TorchTeacher):
        return core.module, undisturbing(core.module, core._outputs)
    if not isinstance(getattr(core, "module_", None), torch.nn.Module):
        raise TypeError(
            f"LayerRepresentation needs a skorch net, a TorchTeacher or a torch module, got {type(core).__name__}. Use "
            "representation='auto', which finds what other models see."
        )
    module: torch.nn.Module = core.module_

    def run(rows: Any) -> None:
        with asked(module, None):
            for _ in core.forward_iter(to_numpy_dtype(as_matrix(rows), module), training=False):
                pass

    return module, undisturbing(module, run)


def undisturbing(module: torch.nn.Module, run: Run) -> Run:
    """Let a run neither move torch's generators nor depend on them, whether a loader draws or the module does."""

    def run_seeded(rows: Any) -> object:
        with seeded(0, next((p.device for p in module.parameters()), None)):
            return run(rows)

    return run_seeded


def _listed(module: torch.nn.Module) -> str:
    return ", ".join(map(repr, layer_names(module))) or "(none: the module has no layers)"
