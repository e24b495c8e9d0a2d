"""Neural nets as students and as teachers; the only package that uses torch and skorch.

Importing it imports neither: names that need torch are looked up when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from skdistill._optional import import_optional
from skdistill.nets._adapt import adapt_teacher
from skdistill.nets._held import HeldNetClassifier, HeldNetRegressor
from skdistill.nets._predict import net_predict, net_predict_proba, net_predict_values
from skdistill.nets._recognise import is_classifier_net, is_regressor_net
from skdistill.nets._student import SkorchStrategy, net_fit_regressor

if TYPE_CHECKING:
    from skdistill.nets._layers import LayerRepresentation
    from skdistill.nets._losses import SoftTargetLoss, hinton_loss, soft_cross_entropy
    from skdistill.nets._redundant import (
        answer_loss,
        channel_errors,
        optimal_scale,
        rid_filter_loss,
        rid_transfer_loss,
        ted_loss,
        vid_loss,
    )
    from skdistill.nets._small_net import SmallNet
    from skdistill.nets._teacher import TorchTeacher

__all__ = [
    "HeldNetClassifier",
    "HeldNetRegressor",
    "LayerRepresentation",
    "SkorchStrategy",
    "SmallNet",
    "SoftTargetLoss",
    "TorchTeacher",
    "adapt_teacher",
    "answer_loss",
    "channel_errors",
    "hinton_loss",
    "is_classifier_net",
    "is_regressor_net",
    "net_fit_regressor",
    "net_predict",
    "net_predict_proba",
    "net_predict_values",
    "optimal_scale",
    "rid_filter_loss",
    "rid_transfer_loss",
    "soft_cross_entropy",
    "ted_loss",
    "vid_loss",
]

LAZY = {
    "LayerRepresentation": "skdistill.nets._layers",
    "SmallNet": "skdistill.nets._small_net",
    "SoftTargetLoss": "skdistill.nets._losses",
    "TorchTeacher": "skdistill.nets._teacher",
    "answer_loss": "skdistill.nets._redundant",
    "channel_errors": "skdistill.nets._redundant",
    "hinton_loss": "skdistill.nets._losses",
    "optimal_scale": "skdistill.nets._redundant",
    "rid_filter_loss": "skdistill.nets._redundant",
    "rid_transfer_loss": "skdistill.nets._redundant",
    "soft_cross_entropy": "skdistill.nets._losses",
    "ted_loss": "skdistill.nets._redundant",
    "vid_loss": "skdistill.nets._redundant",
}


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_optional("torch", caller=f"skdistill.nets.{name}", extra="torch")
    return getattr(importlib.import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
