"""The net that stands for a student when none is given, and nets around a module's class."""

import inspect
from typing import Any

import torch
from skorch import NeuralNetClassifier
from torch import Tensor, nn

from skdistill.nets._inputs import check_device
from skdistill.nets._recognise import is_classifier_net

__all__ = ["SmallNet", "check_net", "make_student_net"]

# Names under which constructors of modules take the number of columns and of classes.
SIZES = {"n_features": 0, "in_features": 0, "n_classes": 1, "out_features": 1}


class SmallNet(nn.Module):
    """Two hidden layers with ReLU, and one logit per class.

    Parameters
    ----------
    n_features : int
        Number of columns.
    n_classes : int
        Number of classes.
    n_hidden : int, default=64
        Units of each hidden layer.

    Examples
    --------
    >>> import torch
    >>> from skdistill.nets import SmallNet
    >>> SmallNet(4, 3)(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, n_features: int, n_classes: int, n_hidden: int = 64) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(n_features, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_hidden), nn.ReLU()
        )
        self.output = nn.Linear(n_hidden, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Give the logits of rows.

        Parameters
        ----------
        X : Tensor of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        Tensor of shape (n_rows, n_classes)
            The logits.
        """
        return self.output(self.hidden(X))


def make_student_net(student: Any, n_features: int, n_classes: int) -> Any:
    """Give the net that is to be taught: the user's own, or one around a module's class.

    Parameters
    ----------
    student : skorch.NeuralNetClassifier, subclass of torch.nn.Module, or None
        What the user wants taught; None means `SmallNet`.
    n_features : int
        Number of columns of the rows.
    n_classes : int
        Number of classes.

    Returns
    -------
    skorch.NeuralNetClassifier
        The same net, or a new one: with Adam at a learning rate of 0.003, shuffled batches of 64 rows, 100 epochs and
        all rows for training.

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from skdistill.nets._small_net import make_student_net
    >>> net = make_student_net(None, 4, 3)
    >>> type(net).__name__, net.max_epochs, net.batch_size
    ('NeuralNetClassifier', 100, 64)
    """
    if is_classifier_net(student):
        return student
    module = SmallNet if student is None else student
    if not (isinstance(module, type) and issubclass(module, nn.Module)):
        instance = isinstance(module, nn.Module)
        name = type(module).__name__
        way_out = (
            f"Pass its class {name}, or NeuralNetClassifier({name}, ...)"
            if instance
            else "Wrap a module as NeuralNetClassifier(Module, criterion=torch.nn.CrossEntropyLoss), or pass None"
        )
        raise TypeError(
            f"student must be a skorch NeuralNetClassifier, a pipeline that ends in one, a subclass of torch.nn.Module "
            f"or None, got {name}. {way_out}."
        )
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.003,
        max_epochs=100,
        batch_size=64,
        train_split=None,
        iterator_train__shuffle=True,
        callbacks__print_log=None,
        verbose=0,
        **{f"module__{name}": value for name, value in _sizes(module, n_features, n_classes).items()},
    )


def _sizes(module: type[nn.Module], n_features: int, n_classes: int) -> dict[str, int]:
    """Return the arguments of a module's constructor that we know.

    Raises
    ------
    TypeError
        If it has others without a default.
    """
    params = [
        p for p in inspect.signature(module).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    unknown = [p.name for p in params if p.default is p.empty and p.name not in SIZES]
    if unknown:
        raise TypeError(
            f"The constructor of student {module.__name__} must need nothing but the sizes n_features (or in_features) "
            f"and n_classes (or out_features), got {unknown!r} without a default. Wrap it: NeuralNetClassifier("
            f"{module.__name__}, {', '.join(f'module__{name}=...' for name in unknown)}, "
            "criterion=torch.nn.CrossEntropyLoss)."
        )
    known = (n_features, n_classes)
    return {p.name: known[SIZES[p.name]] for p in params if p.name in SIZES}


def check_net(net: Any, n_rows: int) -> None:
    """Refuse a net that would drop its only batch, or whose device is absent.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.
    n_rows : int
        Number of rows.

    Raises
    ------
    ValueError
        If batches are larger than the data and incomplete ones are dropped, or torch does not see the device.
    """
    check_device(net.device)
    params = net.get_params_for("iterator_train")
    batch_size = params.get("batch_size", net.batch_size)
    if params.get("drop_last") and batch_size > n_rows:
        raise ValueError(
            f"batch_size must be at most the number of rows, {n_rows}, where incomplete batches are dropped, got "
            f"{batch_size}. Lower batch_size, or leave iterator_train__drop_last at False."
        )
