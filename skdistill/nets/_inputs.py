"""Bringing rows into the number type of a module's parameters."""

from typing import Any

import numpy as np
import torch
from scipy import sparse

__all__ = [
    "cast_tensor",
    "casts_inputs",
    "check_device",
    "install_cast",
    "numpy_dtype",
    "parameter_dtype",
    "to_numpy_dtype",
]


class CastInputs:
    """Forward pre-hook that casts a module's inputs to the type of its parameters.

    Integers and booleans are cast as well, unless the module looks rows up in an embedding. A class of this
    module's top level, so that a module with the hook can be pickled.
    """

    def __call__(self, module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Cast the tensors among the arguments of a call."""
        dtype = parameter_dtype(module)
        return (
            tuple(cast_tensor(value, dtype, module) for value in args),
            {name: cast_tensor(value, dtype, module) for name, value in kwargs.items()},
        )


def cast_tensor(value: Any, dtype: torch.dtype, module: torch.nn.Module) -> Any:
    """Cast a tensor of numbers; other things, and integers that a module takes as indices, pass unchanged."""
    if not isinstance(value, torch.Tensor) or value.is_complex():
        return value
    return value.to(dtype) if value.is_floating_point() or not takes_integers(module) else value


def parameter_dtype(module: torch.nn.Module) -> torch.dtype:
    """Return the number type of the first floating parameter; float32 if there is none."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)


def takes_integers(module: torch.nn.Module) -> bool:
    """Whether the module has an embedding, which indexes by integers."""
    return any(isinstance(part, (torch.nn.Embedding, torch.nn.EmbeddingBag)) for part in module.modules())


def numpy_dtype(module: torch.nn.Module) -> type[np.floating]:
    """Return NumPy's type for data of a module: float64 for one in double precision, else float32."""
    return np.float64 if parameter_dtype(module) == torch.float64 else np.float32


def to_numpy_dtype(X: Any, module: torch.nn.Module) -> Any:
    """Cast rows in memory once, as the hook would cast each batch of them."""
    if X.dtype.kind not in "iub" or not takes_integers(module):
        X = X.astype(numpy_dtype(module), copy=False)
    # torch warns about memory that it may not write, as of a data frame or of a worker's memory map.
    return X if sparse.issparse(X) or X.flags.writeable else X.copy()


def install_cast(module: torch.nn.Module) -> None:
    """Give a module the input cast, once."""
    if not casts_inputs(module):
        module.register_forward_pre_hook(CastInputs(), with_kwargs=True)


def casts_inputs(module: torch.nn.Module) -> bool:
    """Whether a module has the input cast."""
    return any(isinstance(hook, CastInputs) for hook in module._forward_pre_hooks.values())


def check_device(device: Any) -> None:
    """Refuse a device that this machine lacks.

    Raises
    ------
    ValueError
        If a GPU is asked for and torch sees none.
    """
    kind = "cpu" if device is None else torch.device(device).type
    seen = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if kind in seen and not seen[kind]():
        raise ValueError(
            f"device must be one that torch sees on this machine, got {str(device)!r}, and torch "
            f"{torch.__version__} sees no such device. Use device='cpu', or install a torch build and a "
            f"driver for {kind}."
        )
