"""skdistill: move what one model knows into another, and measure what moved."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdistill.estimators import (
        CooperativeDistillation,
        DistilledClassifier,
        DistilledRegressor,
        RIDStudent,
        TransferDisplay,
    )
    from skdistill.fidelity import FidelityReport
    from skdistill.information import PIDEstimator, decompose, distilled_information

__version__ = "0.1.0"

__all__ = [
    "CooperativeDistillation",
    "DistilledClassifier",
    "DistilledRegressor",
    "FidelityReport",
    "PIDEstimator",
    "RIDStudent",
    "TransferDisplay",
    "__version__",
    "decompose",
    "distilled_information",
]

# Names are resolved when they are first used (PEP 562), so that importing the package costs nothing.
_HOMES = {
    "CooperativeDistillation": "skdistill.estimators",
    "DistilledClassifier": "skdistill.estimators",
    "DistilledRegressor": "skdistill.estimators",
    "FidelityReport": "skdistill.fidelity",
    "PIDEstimator": "skdistill.information",
    "RIDStudent": "skdistill.estimators",
    "TransferDisplay": "skdistill.estimators",
    "decompose": "skdistill.information",
    "distilled_information": "skdistill.information",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
