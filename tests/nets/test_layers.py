"""Layers of torch modules as representations."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier

from skdistill.exceptions import ConstantRepresentationError
from skdistill.nets import HeldNetClassifier, LayerRepresentation, TorchTeacher
from skdistill.nets._layers import flat_rows, last_linear_name, layer_names, layer_outputs
from skdistill.representation import resolve_representation
from tests.nets.modules import Flat, Looked, Perceptron, classifier, rows


def module(**params):
    torch.manual_seed(0)
    return Perceptron(**params)


def teacher(net):
    return TorchTeacher(net, classes=[0, 1, 2])


def by_hand(net, X, stop):
    """Outputs of the Perceptron of the tests, run layer by layer in evaluation mode."""
    net = net.eval()
    values = torch.as_tensor(X).to(next(net.parameters()).dtype)
    with torch.no_grad():
        steps = {"hidden": net.hidden, "norm": net.norm, "relu": torch.relu, "out": net.out, "last": net.last}
        for name, step in steps.items():
            values = step(values)
            if name == stop:
                return values.double().numpy()
    raise AssertionError(stop)


def standardised(values):
    values = values[:, values.std(axis=0) > 0]
    return (values - values.mean(axis=0)) / np.sqrt(values.var(axis=0).mean())


class TestOutputs:
    @pytest.mark.parametrize("double", [False, True])
    @pytest.mark.parametrize("layer", ["hidden", "norm", "out", "last"])
    def test_named_layer_is_the_module_run_by_hand(self, layer, double):
        net, X = module(norm=True, dropout=0.5, softmax=True, double=double), rows()
        seen = LayerRepresentation(model=teacher(net), layer=layer).fit_transform(X)
        np.testing.assert_allclose(seen, standardised(by_hand(net, X, layer)), atol=1e-12 if double else 1e-5)

    def test_input_of_the_last_linear_layer_by_default(self):
        net, X = module(), rows()
        seen = LayerRepresentation(model=teacher(net)).fit(X)
        assert seen.layer_ == "out"
        np.testing.assert_allclose(seen.transform(X), standardised(by_hand(net, X, "relu")), atol=1e-5)

    def test_last_linear_layer_is_the_one_that_runs_last(self):
        class Shuffled(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.last = torch.nn.Linear(5, 3)
                self.first = torch.nn.Linear(4, 5)
                self.never = torch.nn.Linear(9, 9)

            def forward(self, x):
                return self.last(input=self.first(x))

        torch.manual_seed(0)
        net, X = Shuffled(), rows()
        seen = LayerRepresentation(model=teacher(net)).fit(X)
        assert seen.layer_ == "last"
        with torch.no_grad():
            expected = net.first(torch.as_tensor(X).float()).double().numpy()
        np.testing.assert_allclose(seen.transform(X), standardised(expected), atol=1e-5)
        with pytest.raises(ValueError, match=r"got 'never', which does not\. Name another of 'last', 'first', 'never'"):
            LayerRepresentation(model=teacher(net), layer="never").fit(X)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_layer_that_the_next_one_writes_over(self, dtype):
        torch.manual_seed(0)
        net, X = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(inplace=True)).to(dtype), rows()
        with torch.no_grad():
            expected = net[0](torch.as_tensor(X).to(dtype)).double().numpy()
        assert (expected < 0).any()
        np.testing.assert_allclose(
            LayerRepresentation(model=net, layer="0").fit_transform(X), standardised(expected), atol=1e-5
        )

    def test_layer_that_runs_twice_gives_its_last_run(self):
        class Twice(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.step = torch.nn.Linear(4, 4)

            def forward(self, x):
                return self.step(torch.tanh(self.step(x)))

        torch.manual_seed(0)
        net, X = Twice().double(), rows()
        with torch.no_grad():
            expected = net(torch.as_tensor(X)).numpy()
        np.testing.assert_allclose(
            LayerRepresentation(model=net, layer="step").fit_transform(X), standardised(expected)
        )

    def test_module_that_is_one_linear_layer(self):
        X = rows()
        seen = LayerRepresentation(model=torch.nn.Linear(4, 3)).fit(X)
        assert seen.layer_ == ""
        np.testing.assert_allclose(seen.transform(X), standardised(X), atol=1e-5)

    def test_module_without_linear_layers_gives_its_output(self):
        torch.manual_seed(0)
        X = np.arange(10)[:, None] % 5
        net = Looked()
        seen = LayerRepresentation(model=net).fit(X).transform(X)
        np.testing.assert_allclose(seen, standardised(net.table.weight.detach().double().numpy()[X[:, 0]]), atol=1e-5)

    def test_recurrent_layer(self):
        class Recurrent(torch.nn.Module):
            def __init__(self, batch_first=True):
                super().__init__()
                self.batch_first = batch_first
                self.cell = torch.nn.GRU(2, 3, batch_first=batch_first)
                self.out = torch.nn.Linear(3, 2)

            def forward(self, x):
                x = x.reshape(len(x), -1, 2)
                states, _ = self.cell(x if self.batch_first else x.transpose(0, 1))
                return self.out(states[:, -1] if self.batch_first else states[-1])

        X = rows()
        assert LayerRepresentation(model=Recurrent(), layer="cell").fit(X).transform(X).shape == (60, 6)
        with pytest.raises(ValueError, match=r"layer 'cell' must have one entry per row .* got 2 for 60 rows"):
            LayerRepresentation(model=Recurrent(batch_first=False), layer="cell").fit(X)

    def test_images_are_flattened_and_large_ones_averaged(self):
        small = torch.arange(2 * 3 * 4 * 4, dtype=torch.float64).reshape(2, 3, 4, 4)
        np.testing.assert_array_equal(flat_rows(small), small.reshape(2, -1))
        large = torch.rand(2, 64, 16, 16, dtype=torch.float64)
        expected = large.reshape(2, 64, 8, 2, 8, 2).mean(dim=(3, 5)).reshape(2, -1)
        np.testing.assert_allclose(flat_rows(large), expected)
        assert flat_rows(torch.rand(2, 8, 20, 20, 20)).shape == (2, 8 * 8**3)
        assert flat_rows(torch.rand(2, 5000, 2, 2)).shape == (2, 5000)
        assert flat_rows((torch.rand(2, 3), None)).shape == (2, 3)

    def test_convolutions(self):
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3)
        )
        X = np.random.default_rng(0).normal(size=(30, 1, 8, 8))
        seen = LayerRepresentation(model=net, max_width=10, random_state=0).fit(X)
        assert seen.layer_ == "3"
        assert seen.transform(X).shape == (30, 10)
        np.testing.assert_allclose(
            LayerRepresentation(model=net, layer="1", max_width=10, random_state=0).fit_transform(X),
            seen.transform(X),
            atol=1e-5,
        )


class TestModes:
    def test_dropout_is_off_and_the_mode_restored(self):
        net, X = module(dropout=0.9, norm=True), rows()
        net.train()
        net.norm.eval()
        means = net.norm.running_mean.clone()
        for held in (teacher(net), net):
            seen = LayerRepresentation(model=held).fit(X)
            np.testing.assert_array_equal(seen.transform(X), seen.transform(X))
            assert [part.training for part in (net, net.hidden, net.dropout, net.norm)] == [True, True, True, False]
        assert torch.equal(net.norm.running_mean, means)

    def test_dropout_of_a_net_in_training_mode(self):
        X = rows()
        net = classifier(module__dropout=0.9).fit(X.astype(np.float32), np.arange(60) % 3)
        net.module_.train()
        seen = LayerRepresentation(model=net).fit(X)
        np.testing.assert_array_equal(seen.transform(X), seen.transform(X))
        assert net.module_.dropout.training

    @pytest.mark.parametrize("layer", [None, "hidden"])
    def test_hooks_are_gone(self, layer):
        net, X = module(), rows()
        LayerRepresentation(model=net, layer=layer).fit(X).transform(X)
        assert [part for part in net.modules() if part._forward_hooks or part._forward_pre_hooks] == []

    def test_hooks_are_gone_after_an_error(self):
        net = module()
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            LayerRepresentation(model=net, layer="hidden").fit(rows(n_in=7))
        assert [part for part in net.modules() if part._forward_hooks] == []
        assert net.training

    def test_no_gradients_and_no_changed_parameters(self):
        net, X = module(norm=True), rows()
        before = [p.detach().clone() for p in net.parameters()]
        LayerRepresentation(model=net).fit(X).transform(X)
        assert all(p.grad is None for p in net.parameters())
        assert all(torch.equal(one, other) for one, other in zip(before, net.parameters(), strict=True))


class TestHolders:
    """The same layer, whoever holds the net."""

    def test_all_ways_to_hold_a_net(self):
        X, y = rows(), np.arange(60) % 3
        held = HeldNetClassifier(classifier(module__norm=True), random_state=0).fit(X, y)
        net = held.net_
        expected = standardised(by_hand(net.module_, X, "relu"))
        pipeline = make_pipeline(StandardScaler(with_mean=False, with_std=False).fit(X), net)
        for model in (held, net, net.module_, teacher(net.module_), FrozenEstimator(held), FrozenEstimator(pipeline)):
            (seen,) = resolve_representation("auto", model)
            assert type(seen) is LayerRepresentation
            np.testing.assert_allclose(seen.fit(X).transform(X), expected, atol=1e-5)

    def test_chunks_and_batches_make_no_difference(self):
        X = rows()
        net = classifier(batch_size=7, module__double=True).fit(X, np.arange(60) % 3)
        expected = LayerRepresentation(model=net).fit_transform(X)
        np.testing.assert_allclose(LayerRepresentation(model=net, chunk_rows=11).fit_transform(X), expected, atol=1e-10)
        other = TorchTeacher(net.module_, classes=[0, 1, 2], batch_rows=13)
        np.testing.assert_allclose(LayerRepresentation(model=other).fit_transform(X), expected, atol=1e-10)

    def test_binary_net(self):
        X = rows()
        y = (np.arange(60) % 2).astype(np.float32)
        net = NeuralNetBinaryClassifier(Flat, verbose=0, max_epochs=1).fit(X.astype(np.float32), y)
        np.testing.assert_allclose(LayerRepresentation(model=net).fit_transform(X), standardised(X), atol=1e-5)

    @pytest.mark.needs("pandas")
    def test_tables(self):
        import pandas as pd

        net, X = module(double=True), rows()
        expected = LayerRepresentation(model=net).fit_transform(X)
        for table in (pd.DataFrame(X), X.tolist(), sparse.csr_matrix(X), torch.as_tensor(X)):
            seen = LayerRepresentation(model=net, chunk_rows=17).fit(table).transform(table)
            np.testing.assert_allclose(seen, expected, atol=1e-10)

    def test_several_layers_are_several_representations(self):
        net, X = module(), rows()
        found = resolve_representation("layers", teacher(net), ["hidden", "out"], random_state=0)
        assert [one.layer for one in found] == ["hidden", "out"]
        assert [one.fit(X).transform(X).shape for one in found] == [(60, 8), (60, 3)]
        (one,) = resolve_representation("auto", teacher(net), "hidden")
        assert one.layer == "hidden"

    def test_is_pickled_with_its_net(self):
        net, X = module(), rows()
        seen = LayerRepresentation(model=teacher(net)).fit(X)
        again = pickle.loads(pickle.dumps(seen))
        np.testing.assert_array_equal(again.transform(X), seen.transform(X))

    def test_frozen_net_survives_a_clone(self):
        net, X = module(), rows()
        seen = clone(LayerRepresentation(model=FrozenEstimator(teacher(net)), layer="hidden"))
        np.testing.assert_array_equal(
            seen.fit(X).transform(X), LayerRepresentation(model=net, layer="hidden").fit_transform(X)
        )


class TestBadInput:
    @pytest.mark.parametrize("make", [teacher, lambda net: net, lambda net: FrozenEstimator(teacher(net))])
    def test_layer_that_does_not_exist(self, make):
        (seen,) = resolve_representation("auto", make(module()), "hiden")
        message = "layers of the module Perceptron: 'hidden', 'norm', 'dropout', 'out', 'last'; got 'hiden'"
        with pytest.raises(ValueError, match=message):
            seen.fit(rows())

    def test_module_without_layers(self):
        with pytest.raises(ValueError, match=r"module Linear: \(none: the module has no layers\); got 'a'"):
            LayerRepresentation(model=torch.nn.Linear(4, 3), layer="a").fit(rows())

    def test_model_that_is_no_net(self):
        X = rows()
        with pytest.raises(TypeError, match="needs a skorch net, a TorchTeacher or a torch module, got LogisticRegr"):
            LayerRepresentation(model=LogisticRegression().fit(X, np.arange(60) % 2)).fit(X)

    def test_unfitted_nets(self):
        for net in (classifier(), HeldNetClassifier(classifier())):
            with pytest.raises(NotFittedError, match=f"got an unfitted {type(net).__name__}"):
                resolve_representation("auto", FrozenEstimator(net))

    def test_saturated_layer(self):
        net = module()
        with torch.no_grad():
            net.hidden.bias.fill_(-1e3)
        with pytest.raises(ConstantRepresentationError, match="LayerRepresentation of TorchTeacher must differ"):
            LayerRepresentation(model=teacher(net)).fit(rows())

    def test_module_that_gives_nan(self):
        net = module()
        with torch.no_grad():
            net.hidden.weight.fill_(np.nan)
        with pytest.raises(ValueError, match="LayerRepresentation of Perceptron must be finite, got NaN"):
            LayerRepresentation(model=net, layer="hidden").fit(rows())


def test_pure_functions():
    net, X = module(), torch.as_tensor(rows()).float()
    assert layer_names(net) == ["hidden", "norm", "dropout", "out", "last"]
    assert last_linear_name(net, net, X[:2]) == "out"
    assert last_linear_name(torch.nn.Tanh(), torch.nn.Tanh(), X[:2]) is None
    with torch.no_grad():
        taken = layer_outputs(net, net, X, "out", inputs=True)
        given = layer_outputs(net, net, X, "out")
        np.testing.assert_allclose(net.out(torch.as_tensor(taken).float()).numpy(), given, atol=1e-6)
