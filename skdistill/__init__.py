"""skdistill: move what one model knows into another, and measure what moved."""

from skdistill.estimators import DistilledClassifier, DistilledRegressor

__version__ = "0.1.0"

__all__ = ["DistilledClassifier", "DistilledRegressor", "__version__"]
