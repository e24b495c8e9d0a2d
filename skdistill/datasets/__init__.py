"""Toy distributions whose true probabilities are known, and tables that an optional package carries."""

from skdistill.datasets._loaders import load_adult, load_compas
from skdistill.datasets._teachers import KnownProbabilities, TruthTeacher, make_known_probabilities

__all__ = ["KnownProbabilities", "TruthTeacher", "load_adult", "load_compas", "make_known_probabilities"]
