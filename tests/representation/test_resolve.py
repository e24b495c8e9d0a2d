"""From aliases and objects to representations."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skdistill.representation import (
    KernelRepresentation,
    LeafRepresentation,
    LogitRepresentation,
    LogProbaRepresentation,
    resolve_representation,
)
from tests.representation.seen import KINDS, fitted, rows


@pytest.mark.parametrize("name", KINDS)
def test_auto_takes_what_there_is(name):
    (found,) = resolve_representation("auto", FrozenEstimator(fitted(name)))
    assert type(found).__name__ == KINDS[name]


@pytest.mark.parametrize(
    ("alias", "name", "kind"),
    [
        ("leaves", "forest", LeafRepresentation),
        ("kernel", "rbf", KernelRepresentation),
        ("logits", "rbf", LogitRepresentation),
        ("log_proba", "forest", LogProbaRepresentation),
    ],
)
def test_aliases(alias, name, kind):
    (found,) = resolve_representation(alias, fitted(name), random_state=3)
    assert type(found) is kind
    assert found.model is fitted(name)
    assert found.random_state == 3


class TestInstances:
    def test_is_cloned_and_given_the_model(self):
        own = LeafRepresentation(max_width=5)
        (found,) = resolve_representation(own, fitted("forest"), random_state=2)
        assert found is not own
        assert (found.model, found.max_width, found.random_state) == (fitted("forest"), 5, 2)
        assert (own.model, own.random_state) == (None, None)

    def test_keeps_a_model_and_a_seed_of_its_own(self):
        own = LeafRepresentation(model=fitted("tree"), random_state=7)
        (found,) = resolve_representation(own, fitted("forest"), random_state=2)
        assert (found.model, found.random_state) == (fitted("tree"), 7)
        X, _ = rows()
        np.testing.assert_array_equal(found.fit(X).transform(X), own.fit(X).transform(X))

    @pytest.mark.parametrize("thing", [LeafRepresentation, GaussianNB(), 3])
    def test_other_objects(self, thing):
        with pytest.raises(TypeError, match=r"an alias or an instance of BaseRepresentation, got \w+\. Pass an inst"):
            resolve_representation(thing, fitted("forest"))

    def test_layers_are_named_in_the_instance(self):
        with pytest.raises(TypeError, match=r"layers must be None where representation is an instance, got \['a'\]"):
            resolve_representation(LeafRepresentation(), fitted("forest"), ["a"])


class TestBadInput:
    def test_unknown_alias(self):
        with pytest.raises(ValueError, match=r"one of 'auto', 'layers', 'leaves', 'kernel', .* got 'trees'"):
            resolve_representation("trees", fitted("forest"))

    def test_layers_of_a_model_without(self):
        with pytest.raises(TypeError, match=r"layers must be None for a model without layers, got 'a' for Rand"):
            resolve_representation("auto", fitted("forest"), "a")
        with pytest.raises(TypeError, match=r"representation='layers' needs a net .*, got RandomForestClassifier"):
            resolve_representation("layers", fitted("forest"))

    @pytest.mark.parametrize("layers", [[], ["hidden1", "hidden1"]])
    def test_no_layers_and_one_twice(self, layers):
        with pytest.raises(ValueError, match="layers must be a name or a list of different names"):
            resolve_representation("auto", fitted("perceptron"), layers)

    @pytest.mark.parametrize("alias", ["auto", "log_proba"])
    def test_unfitted_model(self, alias):
        with pytest.raises(NotFittedError, match="unfitted GaussianNB"):
            resolve_representation(alias, FrozenEstimator(make_pipeline(GaussianNB())))

    def test_alias_that_does_not_fit_the_model(self):
        X, _ = rows()
        (found,) = resolve_representation("leaves", fitted("bayes"))
        with pytest.raises(TypeError, match="LeafRepresentation needs trees"):
            found.fit(X)
