"""How the log-odds of a class move with the inputs of a fitted net."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.frozen import FrozenEstimator

from skdistill.exceptions import TeacherError
from skdistill.nets._held import HeldNetClassifier
from skdistill.nets._inputs import cast_tensor, parameter_dtype, takes_integers
from skdistill.nets._losses import log_floored
from skdistill.nets._predict import as_matrix
from skdistill.nets._recognise import is_classifier_net
from skdistill.nets._teacher import TorchTeacher, asked

__all__ = ["input_gradients"]

Ask = Callable[[torch.Tensor], torch.Tensor]


def input_gradients(model: Any, X: Any, target: np.ndarray, *, batch_rows: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    """Give the log-odds of a class for each row, and their gradient with respect to the row.

    The log-odds of class t are ``log p_t - log (1 - p_t)``. They are computed from the net's logits where it has some,
    so that they and their gradient do not vanish where the probability is 0 or 1 in the net's precision. The gradient
    of the probability itself is ``p_t (1 - p_t)`` times this one.

    Parameters
    ----------
    model : TorchTeacher, skorch.NeuralNetClassifier, skorch.NeuralNetBinaryClassifier or HeldNetClassifier
        The fitted net, frozen or not. It is asked in evaluation mode, and is not changed.
    X : array-like of shape (n_rows, ...)
        The rows.
    target : ndarray of shape (n_rows,), int
        Position of each row's class among the net's classes.
    batch_rows : int, default=4096
        Number of rows that the net gets at a time.

    Returns
    -------
    log_odds : ndarray of shape (n_rows,)
        The log-odds of each row's class in nats.
    gradients : ndarray of shape (n_rows, ...)
        Their derivatives by the entries of the row, in the shape of X.

    Raises
    ------
    TeacherError
        If the model is no net, its inputs are indices into an embedding, or its outputs do not depend on the inputs in
        a way that torch can follow.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skdistill.nets import TorchTeacher
    >>> from skdistill.nets._input_gradients import input_gradients
    >>> module = torch.nn.Linear(2, 1, bias=False)
    >>> _ = module.load_state_dict({"weight": torch.tensor([[2.0, -3.0]])})
    >>> teacher = TorchTeacher(module, classes=["no", "yes"])
    >>> input_gradients(teacher, [[1.0, 0.5]], np.array([1]))
    (array([0.5]), array([[ 2., -3.]]))
    """
    inner = model.estimator if isinstance(model, FrozenEstimator) else model
    module, device, ask, n_classes, from_logits = _parts(inner)
    if takes_integers(module):
        raise TeacherError(
            f"The module of {type(inner).__name__} must take numbers to have gradients by its inputs, and it looks "
            "rows up in an embedding. Use a generator that only asks for probabilities, such as "
            "NearestInstanceCounterfactual."
        )
    if not len(target):
        return np.empty(0), np.empty(np.shape(X))
    rows = as_matrix(X)
    log_odds, gradients = [], []
    with asked(module, device), torch.enable_grad():
        home = next((p.device for p in module.parameters()), torch.device("cpu"))
        for start in range(0, rows.shape[0], batch_rows):
            part = rows[start : start + batch_rows]
            dense = part.toarray() if sparse.issparse(part) else part
            # Columns that lie apart in memory, as a data frame's, would be summed up in another order.
            batch = torch.as_tensor(np.ascontiguousarray(dense)).double().to(home).requires_grad_()
            codes = torch.as_tensor(target[start : start + batch_rows]).to(home)
            odds = _log_odds(_columns(ask(batch), n_classes, from_logits), codes, from_logits)
            if not odds.requires_grad:
                raise TeacherError(
                    f"The module of {type(inner).__name__} must compute its outputs so that torch can follow them, "
                    "got outputs without gradients. Leave out detach and no_grad in its forward, or use "
                    "NearestInstanceCounterfactual."
                )
            (slope,) = torch.autograd.grad(odds.sum(), batch)
            log_odds.append(odds.detach().cpu().numpy())
            gradients.append(slope.cpu().numpy())
    return np.concatenate(log_odds), np.concatenate(gradients)


def _parts(model: Any) -> tuple[torch.nn.Module, torch.device | None, Ask, int, bool]:
    """Return the module, where to compute, how to ask, the number of classes, and whether answers are logits."""
    if isinstance(model, TorchTeacher):
        device = None if model.device is None else torch.device(model.device)
        dtype = parameter_dtype(model.module) if model.dtype is None else model.dtype

        def ask_module(batch: torch.Tensor) -> torch.Tensor:
            return _first(model.module(cast_tensor(batch, dtype, model.module)))

        return model.module, device, ask_module, len(model.classes_), model.output == "logits"
    net, n_classes = model, 0
    if isinstance(model, HeldNetClassifier):
        net, n_classes = model.net_, len(model.classes_)
    if not is_classifier_net(net):
        raise TeacherError(
            f"Gradients by inputs need a TorchTeacher or a classifier of skorch, got {type(model).__name__}. Use "
            "NearestInstanceCounterfactual, which only asks for probabilities."
        )
    finish, from_logits = _nonlinearity(net)

    def ask_net(batch: torch.Tensor) -> torch.Tensor:
        return finish(_first(net.infer(cast_tensor(batch, parameter_dtype(net.module_), net.module_))))

    return net.module_, None, ask_net, n_classes, from_logits


def _nonlinearity(net: Any) -> tuple[Ask, bool]:
    """Return what makes probabilities of a skorch net's outputs, or, where these are logits, nothing."""
    finish = net.predict_nonlinearity
    if finish == "auto":
        criterion = getattr(net.criterion_, "_orig_mod", net.criterion_)
        if isinstance(criterion, torch.nn.CrossEntropyLoss | torch.nn.BCEWithLogitsLoss):
            return _as_they_are, True
        finish = None
    return (_as_they_are if finish is None else finish), False


def _as_they_are(output: torch.Tensor) -> torch.Tensor:
    return output


def _first(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


def _columns(output: torch.Tensor, n_classes: int, from_logits: bool) -> torch.Tensor:
    """Give one column per class; the single one of a binary module is the margin or the second probability."""
    if output.dim() == 2 and output.shape[1] > 1:
        # Further columns of a held net are classes that do not occur.
        return output[:, :n_classes] if n_classes else output
    flat = output.reshape(-1)
    return torch.stack([torch.zeros_like(flat) if from_logits else 1.0 - flat, flat], dim=1)


def _log_odds(columns: torch.Tensor, codes: torch.Tensor, from_logits: bool) -> torch.Tensor:
    """Log-odds of one class per row from logits or probabilities."""
    chosen = torch.nn.functional.one_hot(codes, columns.shape[1]).bool()
    if from_logits:
        logits = columns.double()
        return logits[chosen] - torch.logsumexp(logits.masked_fill(chosen, -torch.inf), dim=1)
    others = columns.masked_fill(chosen, 0.0).sum(dim=1)
    return log_floored(columns[chosen].double()) - log_floored(others.double())
