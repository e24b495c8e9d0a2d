"""The public estimators: check, ask the teacher, teach the student."""

from skdistill.estimators._classifier import DistilledClassifier
from skdistill.estimators._regressor import DistilledRegressor

__all__ = ["DistilledClassifier", "DistilledRegressor"]
