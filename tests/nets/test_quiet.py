"""Asking a net moves no generator, draws nothing, and gives each row in its place."""

import threading

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback

from skdistill.nets import (
    HeldNetClassifier,
    HeldNetRegressor,
    LayerRepresentation,
    TorchTeacher,
    net_predict_proba,
)
from skdistill.nets._inputs import parameter_dtype
from skdistill.nets._quiet import KEPT_CLASSES, _kept, quiet
from skdistill.nets._taps import net_representation
from tests.nets.modules import Looked, Perceptron, classifier, parameters, regressor, rows, soft_targets


class Noisy(torch.nn.Module):
    """Draws in evaluation mode too, as Monte Carlo dropout does."""

    def __init__(self):
        super().__init__()
        self.out = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.out(torch.nn.functional.dropout(x, 0.5, training=True))


def held(**params):
    X = rows()
    return HeldNetClassifier(classifier(**params), random_state=0).fit(X, soft_targets(X).codes)


def asked_with(seed, ask):
    """What `ask` gives under a seed of torch, and whether it moved the generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        answer = ask()
        return answer, not torch.equal(before, torch.get_rng_state())


WAYS = {
    "classifier": lambda one: one.predict_proba(rows()),
    "function": lambda one: net_predict_proba(one.net_, rows()),
    "layer": lambda one: LayerRepresentation(model=one, random_state=0).fit_transform(rows()),
    "layer of a module": lambda one: LayerRepresentation(
        model=TorchTeacher(one.net_.module_, classes=[0, 1, 2]), layer="out", random_state=0
    ).fit_transform(rows()),
    "student's layer": lambda one: net_representation(one.net_, rows()),
}


@pytest.mark.parametrize("way", WAYS)
def test_asking_a_net_neither_moves_nor_follows_the_callers_generator(way):
    one = held(module__dropout=0.5)
    first, moved = asked_with(1, lambda: WAYS[way](one))
    second, _ = asked_with(2, lambda: WAYS[way](one))
    assert not moved
    np.testing.assert_array_equal(first, second)


def test_regressors_move_no_generator():
    X = rows()
    one = HeldNetRegressor(regressor(), random_state=0).fit(X, X[:, 0])
    assert not asked_with(1, lambda: one.predict(X))[1]


@pytest.mark.parametrize("way", ["layer", "layer of a module", "student's layer"])
def test_what_a_layer_sees_is_the_same_also_where_the_module_draws(way):
    one = held(module=Noisy)
    first, moved = asked_with(1, lambda: WAYS[way](one))
    second, _ = asked_with(2, lambda: WAYS[way](one))
    assert not moved
    np.testing.assert_array_equal(first, second)


def test_a_module_that_draws_to_tell_its_doubt_still_does():
    one = held(module=Noisy)
    first, second = one.predict_proba(rows()), one.predict_proba(rows())
    assert (first != second).any()


class AsksElsewhere(Callback):
    """Has another thread ask a net after each batch, and waits for it."""

    def __init__(self, ask):
        self.ask = ask

    def on_batch_end(self, net, **kwargs):
        thread = threading.Thread(target=self.ask)
        thread.start()
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_asking_a_net_in_another_thread_neither_disturbs_nor_awaits_a_training():
    X = rows()
    codes = soft_targets(X).codes
    other, answers = held().net_, []
    asks = (lambda: None, lambda: answers.append(net_predict_proba(other, X)))
    settings = {"module__dropout": 0.5, "iterator_train__shuffle": True, "batch_size": 16}
    alone, disturbed = (
        HeldNetClassifier(classifier(callbacks=[AsksElsewhere(ask)], **settings), random_state=0).fit(X, codes)
        for ask in asks
    )
    assert answers
    for one, other in zip(parameters(alone.net_), parameters(disturbed.net_), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:You set iterator_valid__shuffle")
@pytest.mark.parametrize("settings", [{"iterator_valid__drop_last": True}, {"iterator_valid__shuffle": True}])
def test_every_row_is_answered_in_its_place(settings):
    X = rows()
    codes = soft_targets(X).codes
    usual, other = (
        HeldNetClassifier(classifier(batch_size=16, train_split=None, **more), random_state=0).fit(X, codes)
        for more in ({}, settings)
    )
    np.testing.assert_array_equal(other.predict_proba(X[:37]), usual.predict_proba(X[:37]))


def test_loaders_with_workers_have_seeds_of_their_own():
    net = held(iterator_valid__num_workers=1).net_
    loaders = [quiet(net).get_iterator(net.get_dataset(rows())) for _ in range(2)]
    assert loaders[0].generator is not loaders[1].generator
    assert loaders[0].generator.initial_seed() == loaders[1].generator.initial_seed()
    given = held(iterator_valid__generator=torch.Generator()).net_
    loader = quiet(given).get_iterator(net.get_dataset(rows()))
    assert loader.generator is given.iterator_valid__generator


def test_a_view_is_the_net_itself_but_for_its_class():
    net = held().net_
    view = quiet(net)
    assert isinstance(view, type(net))
    assert repr(view) == repr(net)
    view.told_ = 3
    assert net.told_ == 3
    assert type(quiet(net)) is type(view)


def test_the_class_of_a_training_is_not_kept():
    class Asks(Callback):
        def on_epoch_end(self, net, **kwargs):
            net_predict_proba(net, rows())

    _kept.cache_clear()
    held(callbacks=[Asks()])
    assert _kept.cache_info().currsize == 0
    assert _kept.cache_info().maxsize == KEPT_CLASSES


HUGE = {
    "array": np.full((5, 4), -1e300),
    "one cell": np.where(np.arange(20).reshape(5, 4) == 7, 1e39, 0.0),
    "sparse": sparse.csr_matrix(np.full((5, 4), 1e300)),
}


@pytest.mark.parametrize("name", HUGE)
def test_numbers_beyond_the_precision_of_a_net_are_refused(name):
    one = held()
    module = TorchTeacher(one.net_.module_, classes=[0, 1, 2])
    size = r"1e\+39" if name == "one cell" else r"1e\+300"
    message = rf"X contains a value too large for a neural net in float32: .* at most 3.4e\+38, got {size}\. Scale"
    for ask in (one.predict_proba, module.predict_proba, LayerRepresentation(model=one).fit):
        with pytest.raises(ValueError, match=message):
            ask(HUGE[name])
    with pytest.raises(ValueError, match=message):
        HeldNetClassifier(classifier(train_split=None)).fit(HUGE[name], np.arange(5) % 3)


def test_numbers_that_a_double_net_takes():
    X = rows()
    X[:, 0] *= 1e39
    codes = soft_targets(X).codes
    one = HeldNetClassifier(classifier(module__double=True, lr=1e-90), random_state=0).fit(X, codes)
    assert np.isfinite(one.predict_proba(X)).all()


def test_gaps_pass_for_a_module_that_knows_them():
    class Filled(Perceptron):
        def forward(self, x):
            return super().forward(torch.nan_to_num(x, posinf=0.0))

    X = rows()
    expected, net = X.copy(), classifier(module=Filled).initialize()
    X[0, 0], X[1, 1] = np.nan, np.inf
    expected[0, 0], expected[1, 1] = 0.0, 0.0
    np.testing.assert_array_equal(net_predict_proba(net, X), net_predict_proba(net, expected))


def test_the_precision_of_a_module_is_that_of_its_first_floating_parameter():
    net = Perceptron()
    net.hidden.double()
    integers = torch.nn.Module()
    integers.counts = torch.nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False)
    integers.register_parameter("none", None)
    nested = torch.nn.Sequential(torch.nn.ReLU(), integers, torch.nn.Sequential(torch.nn.Identity(), net))
    for module in (net, nested, torch.nn.Linear(1, 1), torch.nn.ReLU(), integers, Looked().half()):
        expected = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
        assert parameter_dtype(module) == expected
