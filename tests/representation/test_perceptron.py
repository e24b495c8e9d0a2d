"""Layers of scikit-learn's perceptron."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.neural_network import MLPClassifier

from skdistill.representation import PerceptronRepresentation, resolve_representation
from skdistill.representation._perceptron import ACTIVATIONS, hidden_layers
from tests.representation.seen import fitted, linear_fit_error, rows


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_logits_give_the_models_probabilities(activation):
    X, y = rows()
    model = MLPClassifier((7, 5), activation=activation, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    layers = hidden_layers(model, X)
    np.testing.assert_allclose(softmax(layers["logits"], axis=1), model.predict_proba(X), atol=1e-10)
    assert {name: values.shape[1] for name, values in layers.items()} == {"hidden1": 7, "hidden2": 5, "logits": 3}


@pytest.mark.parametrize("layer", ["hidden1", "hidden2", "logits"])
def test_layer_is_the_one_named(layer):
    X, _ = rows()
    model = fitted("perceptron")
    seen = PerceptronRepresentation(model=model, layer=layer, scaling="coordinate").fit(X)
    raw = hidden_layers(model, X)[layer]
    raw = raw[:, raw.std(axis=0) > 0]
    np.testing.assert_allclose(seen.transform(X), (raw - raw.mean(axis=0)) / raw.std(axis=0), atol=1e-9)


def test_last_hidden_layer_by_default():
    X, _ = rows()
    seen = PerceptronRepresentation(model=fitted("perceptron")).fit(X).transform(X)
    np.testing.assert_array_equal(
        seen, PerceptronRepresentation(model=fitted("perceptron"), layer="hidden2").fit(X).transform(X)
    )
    assert linear_fit_error(seen, hidden_layers(fitted("perceptron"), X)["logits"]) < 1e-6


def test_layers_of_a_list_are_representations_of_their_own():
    X, _ = rows()
    for alias in ("auto", "layers"):
        found = resolve_representation(alias, fitted("perceptron"), ["hidden1", "logits"])
        assert [one.layer for one in found] == ["hidden1", "logits"]
        assert [one.fit(X).transform(X).shape[1] for one in found][1] == 3


def test_layer_that_does_not_exist():
    X, _ = rows()
    with pytest.raises(ValueError, match="one of the layers 'hidden1', 'hidden2', 'logits', got 'hidden3'"):
        PerceptronRepresentation(model=fitted("perceptron"), layer="hidden3").fit(X)


def test_model_without_hidden_layers():
    X, _ = rows()
    with pytest.raises(TypeError, match="needs an MLPClassifier, got GaussianNB"):
        PerceptronRepresentation(model=fitted("bayes")).fit(X)
