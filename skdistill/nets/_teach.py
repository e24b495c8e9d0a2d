"""One lesson for a classifier net and one for a regressor net, with the checks before them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdistill.exceptions import StudentRouteError
from skdistill.nets._inputs import check_device
from skdistill.nets._losses import RowWeightedLoss, SoftTargetLoss, pack_targets
from skdistill.nets._recognise import is_binary_net
from skdistill.nets._training import Lesson, seeded, taught

if TYPE_CHECKING:
    from skdistill.students import SoftTargets

__all__ = ["teach_classifier", "teach_regressor"]

SUM_TOLERANCE = 1e-3
# Parameters of the criteria that would change the loss, and their neutral values.
NEUTRAL = {
    "weight": None,
    "pos_weight": None,
    "label_smoothing": 0.0,
    "reduction": "mean",
    "ignore_index": -100,
}


def teach_classifier(
    net: Any, X: Any, targets: "SoftTargets", *, random_state: int | None = None, spare_columns: bool = False
) -> Any:
    """Fit a classifier net on soft targets, or plainly when they are hard and all of one weight.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier or skorch.NeuralNetBinaryClassifier
        The net, which is fitted and returned.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        The rows.
    targets : SoftTargets
        What to learn about them.
    random_state : int, default=None
        Seed of initial parameters, dropout and shuffling.
    spare_columns : bool, default=False
        Whether the module may have more outputs than there are classes.

    Returns
    -------
    skorch.NeuralNetClassifier
        The net, with `classes_` equal to the targets' classes.
    """
    check_device(net.device)
    n_classes, weight = len(targets.classes), targets.weight
    codes = np.where(targets.codes >= 0, targets.codes, targets.teacher.argmax(axis=1)).astype(np.int64)

    def check(net: Any, X: Any) -> None:
        check_probabilities(net, X, n_classes, spare_columns)

    def make_loss(net: Any) -> torch.nn.Module:
        return SoftTargetLoss(targets.temperature, from_probabilities=gives_probabilities(net))

    plain = targets.is_hard and (weight == weight[0]).all()
    lesson = Lesson(
        plain=codes.astype(np.float32) if is_binary_net(net) else codes,
        check=check,
        packed=None if plain else pack_targets(targets, 1.0 / weight.mean()),
        make_loss=None if plain else make_loss,
        n_classes=n_classes,
    )
    with seeded(random_state, net.device), taught(net, lesson):
        net.fit(X, lesson.plain)
    net.classes_inferred_ = targets.classes
    return net


def teach_regressor(
    net: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, *, random_state: int | None = None
) -> Any:
    """Fit a regressor net on values of shape (n_rows, n_outputs).

    Parameters
    ----------
    net : skorch.NeuralNetRegressor
        The net, which is fitted and returned.
    X : ndarray or csr_matrix of shape (n_rows, ...)
        The rows.
    y : ndarray of shape (n_rows, n_outputs)
        The values.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    random_state : int, default=None
        Seed of initial parameters, dropout and shuffling.

    Returns
    -------
    skorch.NeuralNetRegressor
        The net.
    """
    check_device(net.device)
    weighted = sample_weight is not None and not (sample_weight == sample_weight[0]).all()

    def check(net: Any, X: Any) -> None:
        check_outputs(net, X, y.shape[1])

    packed = None
    if weighted and sample_weight is not None:
        packed = np.column_stack([sample_weight / sample_weight.mean(), y])
    lesson = Lesson(
        plain=y.astype(np.float32),
        check=check,
        packed=packed,
        make_loss=weighted_criterion if weighted else None,
    )
    with seeded(random_state, net.device), taught(net, lesson):
        net.fit(X, lesson.plain)
    return net


def weighted_criterion(net: Any) -> torch.nn.Module:
    """Give the net's criterion a weight per row.

    Raises
    ------
    StudentRouteError
        If the criterion cannot give a loss per row.
    """
    if getattr(own_criterion(net), "reduction", None) != "mean":
        raise StudentRouteError(
            "The criterion must be one of torch's with reduction='mean' for rows to have weights, got "
            f"{type(own_criterion(net)).__name__}. Use MSELoss, L1Loss, SmoothL1Loss or HuberLoss, or leave out "
            "sample_weight."
        )
    return RowWeightedLoss(own_criterion(net))


def own_criterion(net: Any) -> torch.nn.Module:
    """Return the net's criterion, out of its wrapper if it was compiled."""
    return getattr(net.criterion_, "_orig_mod", net.criterion_)


def gives_probabilities(net: Any) -> bool:
    """Whether the net's criterion takes probabilities (skorch's NLLLoss) rather than logits.

    Raises
    ------
    StudentRouteError
        If soft targets have no stated meaning under the criterion.
    """
    criterion, logits_or_proba = own_criterion(net), (torch.nn.NLLLoss, torch.nn.CrossEntropyLoss)
    kinds = (torch.nn.BCEWithLogitsLoss,) if is_binary_net(net) else logits_or_proba
    known = next((kind for kind in kinds if isinstance(criterion, kind)), None)
    if known is None or type(criterion).forward is not known.forward:
        raise StudentRouteError(
            f"The criterion of {type(net).__name__} must be {' or '.join(kind.__name__ for kind in kinds)} "
            f"for soft targets and row weights, got {type(criterion).__name__}. Use NeuralNetClassifier with "
            "criterion=torch.nn.CrossEntropyLoss and a module that gives one logit per class."
        )
    for name, neutral in NEUTRAL.items():
        if getattr(criterion, name, neutral) != neutral:
            raise StudentRouteError(
                f"criterion__{name} must be left at {neutral!r} for soft targets and row weights, got "
                f"{getattr(criterion, name)!r}. Give rows or classes other weights by sample_weight; the "
                "teacher's probabilities already smooth the labels."
            )
    return known is torch.nn.NLLLoss


def first_output(net: Any, X: Any) -> torch.Tensor:
    """Return the module's output for a few rows, the first if there are several.

    Raises
    ------
    ValueError
        If the module cannot take such rows.
    """
    try:
        output = next(iter(net.forward_iter(X)))
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(
            f"The module of {type(net).__name__} must take rows of shape {X.shape[1:]}, and fails on them: "
            f"{error}. Give the module that many inputs, for instance by module__<name of its parameter>."
        ) from error
    return output[0] if isinstance(output, tuple) else output


def check_probabilities(net: Any, X: Any, n_classes: int, spare_columns: bool) -> None:
    """Refuse a net whose answers are not distributions over the classes.

    Raises
    ------
    StudentRouteError
        If the module has another number of outputs, or its outputs are not what its criterion takes.
    """
    output = first_output(net, X)
    width = 2 if output.dim() == 1 else output.shape[1]
    if output.dim() > 2 or (width < n_classes if spare_columns else width != n_classes):
        raise StudentRouteError(
            f"The module of {type(net).__name__} must give one column for each of the {n_classes} classes, "
            f"got outputs of shape {tuple(output.shape)} for {len(output)} rows. Give the module {n_classes} "
            "outputs."
        )
    if not torch.isfinite(output).all():
        return
    if isinstance(own_criterion(net), torch.nn.NLLLoss) and not are_distributions(output.numpy()):
        raise StudentRouteError(
            "The module must give probabilities under skorch's NLLLoss, which takes their logarithm itself, "
            "got outputs that are not. End the module with torch.nn.Softmax(dim=1), or use "
            "criterion=torch.nn.CrossEntropyLoss and a module that gives logits."
        )
    if not are_distributions(net.predict_proba(X)):
        raise StudentRouteError(
            f"predict_proba of {type(net).__name__} must give probabilities, got numbers that are not. Leave "
            "predict_nonlinearity at 'auto' with CrossEntropyLoss, or set it to a softmax."
        )


def are_distributions(values: np.ndarray) -> bool:
    """Whether rows are probabilities that sum to one, in single precision."""
    return bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1.0, atol=SUM_TOLERANCE))


def check_outputs(net: Any, X: Any, n_outputs: int) -> None:
    """Refuse a regressor net with another number of outputs than the targets.

    Raises
    ------
    ValueError
        If the numbers differ.
    """
    output = first_output(net, X)
    width = 1 if output.dim() == 1 else output.shape[1]
    if output.dim() > 2 or width != n_outputs:
        raise ValueError(
            f"The module of {type(net).__name__} must give {n_outputs} values per row, as y has, got outputs "
            f"of shape {tuple(output.shape)} for {len(output)} rows. Give the module {n_outputs} outputs."
        )
