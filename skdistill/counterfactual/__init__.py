"""Counterfactuals: which nearby row is more typical of a class for a fitted model."""

from skdistill.counterfactual._base import BaseCounterfactual
from skdistill.counterfactual._gradient import GradientCounterfactual
from skdistill.counterfactual._growing_spheres import GrowingSpheresCounterfactual
from skdistill.counterfactual._nearest_instance import NearestInstanceCounterfactual
from skdistill.counterfactual._resolve import resolve_generator
from skdistill.counterfactual._result import CounterfactualSet

__all__ = [
    "BaseCounterfactual",
    "CounterfactualSet",
    "GradientCounterfactual",
    "GrowingSpheresCounterfactual",
    "NearestInstanceCounterfactual",
    "resolve_generator",
]
