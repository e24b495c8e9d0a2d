"""Representations: what a fitted model sees inside, its layers, leaves, kernels and logits."""

from skdistill.representation._answers import LogProbaRepresentation
from skdistill.representation._base import BaseRepresentation
from skdistill.representation._forest import LeafRepresentation
from skdistill.representation._kernel import KernelRepresentation
from skdistill.representation._linear import LogitRepresentation
from skdistill.representation._perceptron import PerceptronRepresentation
from skdistill.representation._resolve import resolve_representation

__all__ = [
    "BaseRepresentation",
    "KernelRepresentation",
    "LeafRepresentation",
    "LogProbaRepresentation",
    "LogitRepresentation",
    "PerceptronRepresentation",
    "resolve_representation",
]
