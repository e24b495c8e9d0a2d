"""How each family of learners learns from soft targets."""

from skdistill.students._base import SoftTargets, SoftTargetStrategy
from skdistill.students._catboost import CatBoostStrategy
from skdistill.students._expansion import ExpansionStrategy
from skdistill.students._lightgbm import LightGBMStrategy
from skdistill.students._logit_regression import LogitClassifier, LogitStrategy
from skdistill.students._relabelled import RelabelledClassifier
from skdistill.students._resolve import register_route
from skdistill.students._sampling import SamplingStrategy
from skdistill.students._sharpened import SharpenedClassifier
from skdistill.students._soft_tree import SoftTreeStrategy
from skdistill.students._xgboost import XGBoostStrategy

__all__ = [
    "CatBoostStrategy",
    "ExpansionStrategy",
    "LightGBMStrategy",
    "LogitClassifier",
    "LogitStrategy",
    "RelabelledClassifier",
    "SamplingStrategy",
    "SharpenedClassifier",
    "SoftTargetStrategy",
    "SoftTargets",
    "SoftTreeStrategy",
    "XGBoostStrategy",
    "register_route",
]
