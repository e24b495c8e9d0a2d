"""Back to temperature 1: powers of probabilities, multiples of margins, the same labels."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.naive_bayes import GaussianNB

from skdistill.response import soften
from skdistill.students import SharpenedClassifier

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def model():
    return LogisticRegression(max_iter=1000).fit(X, Y)


@pytest.mark.parametrize("exponent", [0.3, 1.0, 5.0])
def test_probabilities_and_margins_belong_together(model, exponent):
    sharp = SharpenedClassifier.around(model, exponent=exponent)
    np.testing.assert_allclose(sharp.predict_proba(X), soften(model.predict_proba(X), 1 / exponent))
    margins = sharp.decision_function(X)
    np.testing.assert_allclose(np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True), sharp.predict_proba(X))
    np.testing.assert_array_equal(sharp.predict(X), model.predict(X))
    assert sharp.model_ is model


def test_methods_are_those_of_the_model_inside(model):
    assert not hasattr(SharpenedClassifier.around(GaussianNB().fit(X, Y), exponent=2.0), "decision_function")
    assert not hasattr(SharpenedClassifier.around(Perceptron().fit(X, Y), exponent=2.0), "predict_proba")
    back = pickle.loads(pickle.dumps(SharpenedClassifier.around(model, exponent=2.0)))
    assert back.exponent == 2.0
    np.testing.assert_array_equal(back.classes_, [0, 1, 2])
