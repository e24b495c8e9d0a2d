"""Generators of rows that stand in for counterfactuals where a test wants to know what is taught."""

from types import SimpleNamespace

import numpy as np
from sklearn.base import BaseEstimator

from skdistill._sklearn import num_samples, safe_indexing


class RawRow(BaseEstimator):
    """Hands over the row itself."""

    def fit(self, estimator, X, y):
        self.estimator_, self.X_, self.y_ = estimator, X, np.asarray(y)
        return self

    def generate(self, X, target, threshold=0.5):
        n = num_samples(X)
        return SimpleNamespace(X=X, valid=np.ones(n, dtype=bool), probability=np.broadcast_to(threshold, n))


class RandomRow(RawRow):
    """Hands over any row of the class."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def generate(self, X, target, threshold=0.5):
        rng = np.random.default_rng(self.random_state)
        rows = [rng.choice(np.flatnonzero(self.y_ == label)) for label in target]
        found = super().generate(safe_indexing(self.X_, np.array(rows)), target, threshold)
        return SimpleNamespace(**vars(found), proximity=np.zeros(len(rows)))


class Shifted(RawRow):
    """Hands over the row moved by a constant, which tells virtual rows from real ones; keeps what it was asked."""

    def __init__(self, by=0.125, valid=True, gain=0.0):
        self.by = by
        self.valid = valid
        self.gain = gain

    def generate(self, X, target, threshold=0.5):
        n = num_samples(X)
        before = np.asarray(threshold)
        return SimpleNamespace(X=X + self.by, valid=np.full(n, self.valid), probability=before * 0 + self.gain)
