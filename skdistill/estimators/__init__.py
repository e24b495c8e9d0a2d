"""The public estimators: check, ask the teacher, teach the student."""

from skdistill.estimators._classifier import DistilledClassifier
from skdistill.estimators._regressor import DistilledRegressor
from skdistill.estimators._rid import RIDStudent

__all__ = ["DistilledClassifier", "DistilledRegressor", "RIDStudent"]
