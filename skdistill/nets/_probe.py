"""What would stop a net from being taught, found on a few rows and before anything long has begun."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

from sklearn.base import clone

__all__ = ["may_be_sized_by_data", "probe_student"]

# Where a net's class, or a callback, may look at the data and change the module.
OF_A_NET = ("fit", "partial_fit", "fit_loop", "check_data", "notify", "on_train_begin")
OF_A_CALLBACK = ("on_train_begin",)


def probe_student(net: Any, X: Any, n_classes: int, layers: Sequence[str | None] | None, *, by_rows: bool) -> None:
    """Refuse a net whose module does not fit the rows, the classes, or the layers that are to be matched.

    A clone is initialised, without callbacks, and shown a few rows; torch's generators stay as they were. A net that
    may yet be sized by the data is refused for the size of its numbers alone.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        The net, which is not changed.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        The rows.
    n_classes : int
        Number of classes.
    layers : sequence of str or None
        The student's layers, as for `Taps`; None where nothing is matched.
    by_rows : bool
        Whether layers must have one entry per row.

    Raises
    ------
    StudentRouteError
        If the module's outputs do not fit the classes.
    ValueError
        If a number is too large for the module's type, the module does not take such rows, or has no such layer.
    """
    from skdistill.nets._inputs import install_cast, to_numpy_dtype
    from skdistill.nets._quiet import quiet
    from skdistill.nets._taps import TAPPED_ROWS, Taps
    from skdistill.nets._teach import check_probabilities
    from skdistill.nets._training import PROBED_ROWS, seeded

    sized = may_be_sized_by_data(net)
    with seeded(0, net.device):
        probe = clone(net)
        # skorch's set_params wants callbacks that are there to be set.
        probe.callbacks, probe.compile = "disable", False
        # Whatever is wrong here may be right once the data has been seen.
        with suppress(Exception) if sized else nullcontext():
            probe.initialize()
        if not hasattr(probe, "module_"):
            return
        install_cast(probe.module_)
        rows = to_numpy_dtype(X, probe.module_)
        with suppress(Exception) if sized else nullcontext():
            check_probabilities(quiet(probe), rows[:PROBED_ROWS], n_classes, spare_columns=False)
            if layers is not None:
                Taps(probe, layers, rows[:TAPPED_ROWS], by_rows=by_rows).remove()


def may_be_sized_by_data(net: Any) -> bool:
    """Whether a net's own class or one of its callbacks might change the module when training begins.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.

    Returns
    -------
    bool
        False where all that sees the data first is skorch's own.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skorch.callbacks import Callback, EarlyStopping
    >>> from skdistill.nets._probe import may_be_sized_by_data
    >>> class Sizes(Callback):
    ...     def on_train_begin(self, net, X=None, y=None, **kwargs):
    ...         net.set_params(module__in_features=X.shape[1])
    >>> may_be_sized_by_data(NeuralNetClassifier(torch.nn.Linear, callbacks=[Sizes()]))
    True
    >>> may_be_sized_by_data(NeuralNetClassifier(torch.nn.Linear, callbacks=[EarlyStopping()]))
    False
    """
    given = net.callbacks if isinstance(net.callbacks, list | tuple) else []
    callbacks = [one[1] if isinstance(one, tuple) else one for one in given]
    return _overrides(net, OF_A_NET) or any(_overrides(one, OF_A_CALLBACK) for one in callbacks)


def _overrides(one: Any, steps: Sequence[str]) -> bool:
    kind = one if isinstance(one, type) else type(one)
    methods = [getattr(kind, step, None) for step in steps]
    return any(method is not None and not method.__module__.startswith("skorch.") for method in methods)
