"""Bringing rows into the number type of a module's parameters, and outputs into one that losses and NumPy take."""

from typing import Any

import numpy as np
import torch
from scipy import sparse

__all__ = [
    "at_least_single",
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


class CastOutputs:
    """Forward hook that brings what a module gives in lower precision, as under autocast, to single precision.

    Losses lose digits in lower precision, and NumPy has no bfloat16.
    """

    def __call__(self, module: torch.nn.Module, args: Any, output: Any) -> Any:
        """Cast the output of a call, or the tensors of a plain tuple of outputs."""
        if type(output) in (tuple, list):
            return type(output)(map(at_least_single, output))
        return at_least_single(output)


def at_least_single(value: Any) -> Any:
    """Cast a tensor of bfloat16 or float16 to float32; other things pass unchanged."""
    lower = isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if lower else value


def cast_tensor(value: Any, dtype: torch.dtype, module: torch.nn.Module) -> Any:
    """Cast a tensor of numbers; other things, and integers that a module takes as indices, pass unchanged."""
    if not isinstance(value, torch.Tensor) or value.is_complex():
        return value
    return value.to(dtype) if value.is_floating_point() or not takes_integers(module) else value


def parameter_dtype(module: torch.nn.Module) -> torch.dtype:
    """Return the number type of the first floating parameter; float32 if there is none."""
    return _first_dtype(module) or torch.float32


def _first_dtype(module: torch.nn.Module) -> torch.dtype | None:
    # module.parameters() would take several times as long, most of what casting one row takes.
    own = next((p.dtype for p in module._parameters.values() if p is not None and p.is_floating_point()), None)
    if own is not None:
        return own
    parts = (_first_dtype(part) for part in module._modules.values() if part is not None)
    return next((dtype for dtype in parts if dtype is not None), None)


def takes_integers(module: torch.nn.Module) -> bool:
    """Whether the module has an embedding, which indexes by integers."""
    return any(isinstance(part, (torch.nn.Embedding, torch.nn.EmbeddingBag)) for part in module.modules())


def numpy_dtype(module: torch.nn.Module) -> type[np.floating]:
    """Return NumPy's type for data of a module: float64 for one in double precision, else float32."""
    return np.float64 if parameter_dtype(module) == torch.float64 else np.float32


def to_numpy_dtype(X: Any, module: torch.nn.Module) -> Any:
    """Cast rows in memory once, as the hook would cast each batch of them.

    Raises
    ------
    ValueError
        If finite numbers would become infinite.
    """
    if X.dtype.kind not in "iub" or not takes_integers(module):
        try:
            with np.errstate(over="raise"):
                X = X.astype(numpy_dtype(module), copy=False)
        except FloatingPointError:
            raise ValueError(_too_large(X, module)) from None
    # torch warns about memory that it may not write, as of a data frame or of a worker's memory map.
    return X if sparse.issparse(X) or X.flags.writeable else X.copy()


def _too_large(X: Any, module: torch.nn.Module) -> str:
    sizes = np.abs(X.data if sparse.issparse(X) else X)
    dtype, size = np.dtype(numpy_dtype(module)), np.max(sizes, initial=0.0, where=np.isfinite(sizes))
    return (
        f"Input X contains a value too large for a neural net in {dtype}: its size must be at most "
        f"{np.finfo(dtype).max:.3g}, got {size:.3g}. Scale the columns first, for instance with "
        "make_pipeline(RobustScaler(), net), and mend or drop such rows."
    )


def install_cast(module: torch.nn.Module) -> None:
    """Give a module the casts of its inputs and outputs, once."""
    if not casts_inputs(module):
        module.register_forward_pre_hook(CastInputs(), with_kwargs=True)
        module.register_forward_hook(CastOutputs())


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
