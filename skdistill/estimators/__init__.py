"""The public estimators: check, ask the teacher, teach the student."""

from skdistill.estimators._classifier import DistilledClassifier
from skdistill.estimators._cooperative import CooperativeDistillation
from skdistill.estimators._regressor import DistilledRegressor
from skdistill.estimators._rid import RIDStudent
from skdistill.estimators._transfer_display import TransferDisplay
from skdistill.estimators._virtual import VirtualInstances

__all__ = [
    "CooperativeDistillation",
    "DistilledClassifier",
    "DistilledRegressor",
    "RIDStudent",
    "TransferDisplay",
    "VirtualInstances",
]
