"""Rows with a known teacher, shared by the tests of the boosted students."""

import numpy as np
from scipy.special import softmax

from skdistill.students import SoftTargets

NAMES = np.array(["ant", "bee", "cat", "dog"])


def make_data(rng, n_classes, n_rows=600):
    """Rows, their true distributions, and class numbers drawn from these."""
    X = rng.normal(size=(n_rows, 4))
    proba = softmax(1.5 * X[:, :n_classes], axis=1)
    codes = (proba.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1).clip(max=n_classes - 1)
    return X, proba, codes


def make_targets(teacher, codes, alpha=1.0, *, weight=None, temperature=1.0, classes=NAMES):
    """Targets with weight alpha on the teacher and 1 - alpha on the labels, times the rows' weights."""
    weight = np.ones(len(codes)) if weight is None else weight
    classes = classes[: teacher.shape[1]]
    return SoftTargets(teacher, codes, alpha * weight, (1.0 - alpha) * weight, classes, temperature)


def cross_entropy(target, proba):
    """Mean cross-entropy of distributions under soft targets."""
    return -(target * np.log(proba)).sum(axis=1).mean()
