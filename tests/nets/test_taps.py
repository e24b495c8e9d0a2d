"""Layers of a student that cannot be matched, and whatever way its last linear layer is called."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier

from skdistill.nets._taps import Taps, net_representation
from tests.nets.modules import Perceptron, classifier, rows


class Unused(Perceptron):
    def __init__(self, **params):
        super().__init__(**params)
        self.unused = torch.nn.Linear(4, 2)


class TimeFirst(torch.nn.Module):
    """Two columns at a time, with time as the first axis inside."""

    def __init__(self, linear_in_time=False, n_steps=2):
        super().__init__()
        self.n_steps = n_steps
        self.cell = torch.nn.LSTM(4 // n_steps, 5)
        self.out = torch.nn.Linear(5, 3)
        self.linear_in_time = linear_in_time

    def forward(self, x):
        states, _ = self.cell(x.reshape(len(x), self.n_steps, -1).transpose(0, 1))
        return self.out(states)[-1] if self.linear_in_time else self.out(states[-1])


def initialised(module, **params):
    net = NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, verbose=0, **params)
    torch.manual_seed(0)
    return net.initialize()


def no_hooks(net):
    return not any(part._forward_hooks for part in net.module_.modules())


X = rows(3).astype(np.float32)


def test_a_layer_that_does_not_run():
    net = initialised(Unused)
    message = r"run in the forward of the student's module Unused, got 'unused', which does not\. Name another of 'hid"
    for ask in (lambda: Taps(net, ["unused"], X), lambda: net_representation(net, X, "unused")):
        with pytest.raises(ValueError, match=message):
            ask()
        assert no_hooks(net)


@pytest.mark.parametrize("n_steps", [1, 2, 4])
@pytest.mark.parametrize(
    ("linear_in_time", "name", "side"),
    [(False, "cell", "output of layer 'cell'"), (True, None, "input of layer 'out'")],
)
def test_a_layer_whose_first_axis_is_not_that_of_rows(linear_in_time, name, side, n_steps):
    net = initialised(TimeFirst, module__linear_in_time=linear_in_time, module__n_steps=n_steps)
    with pytest.raises(ValueError, match=rf"{side} of the student's module TimeFirst must have one entry per row"):
        Taps(net, [name], X)
    assert no_hooks(net)
    # Where nothing is compared row by row, it is nobody's business.
    Taps(net, [name], X, by_rows=False).remove()


def test_time_as_long_as_there_are_rows():
    net = initialised(TimeFirst, module__n_steps=4)
    four = rows(4).astype(np.float32)
    with pytest.raises(ValueError, match=r"got 4 for 3 rows"):
        Taps(net, ["cell"], four)


def test_a_module_that_cannot_take_a_lone_row():
    class Squeezed(Perceptron):
        def forward(self, x):
            return self.out(torch.relu(self.hidden(x)).squeeze())

    taps = Taps(initialised(Squeezed), [None], X)
    assert taps.widths == [8]


def test_a_linear_layer_called_by_keyword():
    class Keyword(Perceptron):
        def forward(self, x):
            return self.out(input=torch.relu(self.hidden(x)))

    net, plain = initialised(Keyword), initialised(Perceptron)
    np.testing.assert_array_equal(net_representation(net, X), net_representation(plain, X))


def test_an_unknown_layer_leaves_no_hooks():
    net = classifier().initialize()
    with pytest.raises(ValueError, match="got 'hiden'"):
        Taps(net, ["hidden", "hiden"], X)
    assert no_hooks(net)
