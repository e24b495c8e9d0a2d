"""How much of a task teacher and student share, hold alone, and hold only together."""

from skdistill.information._decompose import decompose
from skdistill.information._display import PIDDisplay
from skdistill.information._distilled import distilled_information
from skdistill.information._dit import from_dit, to_dit
from skdistill.information._estimate import PIDEstimator
from skdistill.information._gates import named_gate
from skdistill.information._gaussian import gaussian_decompose, gaussian_information
from skdistill.information._pmf import PartialInformation
from skdistill.information._states import ClassStates, KMeansStates, LabelStates, QuantileStates

__all__ = [
    "ClassStates",
    "KMeansStates",
    "LabelStates",
    "PIDDisplay",
    "PIDEstimator",
    "PartialInformation",
    "QuantileStates",
    "decompose",
    "distilled_information",
    "from_dit",
    "gaussian_decompose",
    "gaussian_information",
    "named_gate",
    "to_dit",
]
