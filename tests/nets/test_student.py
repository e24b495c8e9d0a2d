import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier

from skdistill.exceptions import ConvergenceError, StudentRouteError
from skdistill.nets import SkorchStrategy, net_predict, net_predict_proba
from skdistill.students import SoftTargets, SoftTargetStrategy
from tests.nets.modules import (
    Looked,
    Perceptron,
    SizeByData,
    classifier,
    parameters,
    regressor,
    rows,
    same_parameters,
    soft_targets,
)

STRINGS = ("blue", "green", "red")


def learn(net, X, targets, random_state=0):
    return SkorchStrategy().fit(clone(net), X, targets, random_state=random_state)


def hard(targets, weight=1.0):
    n_rows = len(targets)
    zeros, weights = np.zeros(n_rows), np.broadcast_to(np.asarray(weight, dtype=float), n_rows).copy()
    return SoftTargets(targets.teacher, targets.codes, zeros, weights, targets.classes)


class Focal(torch.nn.CrossEntropyLoss):
    def forward(self, output, target):
        chosen = torch.log_softmax(output, dim=1).gather(1, target[:, None])
        return -(((1 - chosen.exp()) ** 2) * chosen).mean()


class Penalised(NeuralNetClassifier):
    """Adds a penalty in the step that skorch documents for it."""

    penalty = 100.0

    def get_loss(self, y_pred, y_true, X=None, training=False):
        size = sum(p.square().sum() for p in self.module_.parameters())
        return super().get_loss(y_pred, y_true, X=X, training=training) + self.penalty * size


def test_the_route_is_stated():
    assert isinstance(SkorchStrategy(), SoftTargetStrategy)
    assert (SkorchStrategy.route, SkorchStrategy.two_terms) == ("native", True)
    binary = NeuralNetBinaryClassifier(Perceptron)
    assert [SkorchStrategy().accepts(net) for net in (classifier(), binary)] == [True, True]
    assert [SkorchStrategy().accepts(other) for other in (regressor(), 3, NeuralNetClassifier)] == [False] * 3


@pytest.mark.parametrize(
    "net",
    [
        classifier(),
        classifier(module__softmax=True, criterion=torch.nn.NLLLoss),
        classifier(module__dropout=0.5, iterator_train__shuffle=True, batch_size=7),
        classifier(module__norm=True, train_split=None, optimizer=torch.optim.Adam),
        classifier(criterion__label_smoothing=0.1),
        classifier(criterion=Focal, predict_nonlinearity=torch.nn.Softmax(dim=1)),
        classifier(module__double=True),
    ],
    ids=["logits", "probabilities", "dropout", "batch_norm", "smoothing", "own_criterion", "double"],
)
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_hard_targets_are_the_plain_fit_to_the_bit(net, weight):
    X = rows()
    targets = soft_targets(X)
    plain = clone(net)
    torch.manual_seed(11)
    plain.fit(X if net.get_params().get("module__double") else X.astype(np.float32), targets.codes)
    taught = learn(net, X, hard(targets, weight), random_state=11)
    assert same_parameters(plain, taught)
    for key in ("train_loss", "valid_loss", "valid_acc"):
        if key in plain.history[-1]:
            assert plain.history[:, key] == taught.history[:, key]


def test_soft_targets_at_temperature_one_of_one_hot_rows_are_the_hard_ones():
    X = rows()
    targets = soft_targets(X)
    one_hot = SoftTargets(targets.one_hot(), targets.codes, np.full(60, 0.3), np.full(60, 0.7), targets.classes)
    soft, plain = learn(classifier(), X, one_hot), learn(classifier(), X, hard(targets))
    for a, b in zip(parameters(soft), parameters(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("softmax", [False, True])
def test_a_linear_student_finds_the_linear_teacher_at_every_temperature(temperature, softmax):
    X = rows(200)
    targets = soft_targets(X, a=1.0, b=0.0, temperature=temperature)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), *([torch.nn.Softmax(dim=1)] if softmax else []))
    net = NeuralNetClassifier(
        module.double(),
        criterion=torch.nn.NLLLoss if softmax else torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.LBFGS,
        optimizer__line_search_fn="strong_wolfe",
        lr=1.0,
        max_epochs=60,
        batch_size=-1,
        train_split=None,
        verbose=0,
    )
    taught = learn(net, X, targets)
    at_one = soft_targets(X).teacher
    np.testing.assert_allclose(net_predict_proba(taught, X), at_one, atol=2e-3)


def test_seeds():
    X = rows()
    targets = soft_targets(X)
    net = classifier(module__dropout=0.3)
    assert same_parameters(learn(net, X, targets, 3), learn(net, X, targets, 3))
    assert not same_parameters(learn(net, X, targets, 3), learn(net, X, targets, 4))


def test_global_generators_stay_as_they_were():
    X = rows()
    targets = soft_targets(X)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    learn(classifier(module__dropout=0.3), X, targets, random_state=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002
    learn(classifier(), X, targets, random_state=None)
    assert not torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_the_caller_s_generator_counts():
    X = rows()
    targets = soft_targets(X)
    torch.manual_seed(5)
    one = learn(classifier(), X, targets, random_state=None)
    torch.manual_seed(5)
    assert same_parameters(one, learn(classifier(), X, targets, random_state=None))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_change_nothing(backend):
    X = rows()
    targets = soft_targets(X)
    # Of library classes alone, which workers import under any test runner.
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 3))
    net = classifier(module, iterator_train__shuffle=True, batch_size=16)
    here = [learn(net, X, targets, seed) for seed in (1, 2)]
    work = Parallel(n_jobs=2, backend=backend)
    there = work(delayed(SkorchStrategy().fit)(clone(net), X, targets, random_state=seed) for seed in (1, 2))
    assert all(same_parameters(a, b) for a, b in zip(here, there, strict=True))


def test_the_net_takes_what_scikit_learn_takes():
    X = np.round(10 * rows())
    net = learn(classifier(max_epochs=1), X, soft_targets(X))
    names = list("abcd")
    expected = net.predict_proba(X.astype(np.float32))
    for other in (X, X.astype(np.int64)):
        np.testing.assert_array_equal(net.predict_proba(other), expected)
    frame = pd.DataFrame(X.astype(int), columns=names)
    mixed = frame.astype({"a": float, "b": "float32", "c": "int8"})
    many = (
        X,
        X.tolist(),
        frame,
        mixed,
        pl.DataFrame(X, schema=names),
        sparse.csr_array(X),
        sparse.coo_array(X),
    )
    for other in many:
        proba = net_predict_proba(net, other)
        np.testing.assert_allclose(proba, expected, atol=1e-6)
        assert proba.dtype == np.float64
        np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", ["frame", "polars", "integers", "sparse", "float32"])
def test_training_takes_what_scikit_learn_takes(kind):
    X = np.round(3 * rows())
    targets = soft_targets(X)
    given = {
        "frame": pd.DataFrame(X.astype(int), columns=list("abcd")).astype({"a": float}),
        "polars": pl.DataFrame(X, schema=list("abcd")),
        "integers": X.astype(np.int64),
        "sparse": sparse.csc_array(X),
        "float32": X.astype(np.float32),
    }[kind]
    assert same_parameters(learn(classifier(), X, targets), learn(classifier(), given, targets))


def test_text_columns_are_refused_with_a_way_out():
    X = pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"X must be numeric .*OneHotEncoder"):
        learn(classifier(module__n_in=2), X, soft_targets(rows(2)))


def test_integers_stay_integers_for_an_embedding():
    X = np.arange(40)[:, None] % 5
    net = learn(classifier(Looked), X, soft_targets(X))
    assert net_predict_proba(net, X).shape == (40, 3)
    assert net_predict_proba(net, pd.DataFrame(X)).shape == (40, 3)


def test_labels_of_any_kind():
    X = rows()
    net = learn(classifier(max_epochs=30), X, soft_targets(X, classes=STRINGS))
    assert net.classes_.tolist() == list(STRINGS)
    assert set(net_predict(net, X)) == set(STRINGS)
    np.testing.assert_array_equal(net_predict(net, X), np.array(STRINGS)[net.predict(X)])
    assert net.predict_proba(X).shape == (60, 3)


def test_what_fit_leaves_behind():
    X = rows()
    net = clone(classifier(callbacks=[("sized", SizeByData())]))
    before = net.get_params(deep=False)
    taught = SkorchStrategy().fit(net, X, soft_targets(X, classes=STRINGS), random_state=0)
    assert taught is net
    assert type(net) is NeuralNetClassifier
    assert net.initialized_
    assert type(net.criterion_) is torch.nn.CrossEntropyLoss
    assert len(net.history) == 3
    after = net.get_params(deep=False)
    given = {name: value for name, value in after.items() if name in before}
    # The callback of this test sets two parameters; nothing else may differ.
    assert {name for name in given if given[name] is not before[name]} <= {"module__n_in", "module__n_out"}
    assert set(after) - set(before) <= {"module__n_in", "module__n_out"}


def test_pickles_before_and_after():
    X = rows()
    targets = soft_targets(X, classes=STRINGS)
    once_more = pickle.loads(pickle.dumps(classifier()))
    net = learn(once_more, X, targets)
    back = pickle.loads(pickle.dumps(net))
    assert type(back) is NeuralNetClassifier
    np.testing.assert_array_equal(back.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(net_predict(back, X), net_predict(net, X))
    assert not clone(net).initialized_


def test_two_rows_are_one_row_of_weight_two():
    X = rows(20)
    targets = soft_targets(X, temperature=2.0)
    double = np.arange(20) % 3 == 0
    twice = np.concatenate([np.arange(20), np.flatnonzero(double)])
    weight = np.where(double, 2.0, 1.0)
    weighted = SoftTargets(targets.teacher, targets.codes, 0.5 * weight, 0.5 * weight, targets.classes, temperature=2.0)
    net = classifier(batch_size=-1, train_split=None, module__double=True, max_epochs=10)
    one, other = learn(net, X, weighted), learn(net, X[twice], targets.take(twice))
    for a, b in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("softmax", [False, True])
def test_weights_of_hard_targets_count(softmax):
    X = rows(20)
    targets = soft_targets(X)
    weight = np.where(np.arange(20) % 2, 2.0, 1.0)
    twice = np.concatenate([np.arange(20), np.flatnonzero(weight == 2.0)])
    criterion = torch.nn.NLLLoss if softmax else torch.nn.CrossEntropyLoss
    net = classifier(
        criterion=criterion,
        module__softmax=softmax,
        module__double=True,
        batch_size=-1,
        train_split=None,
    )
    one, other = learn(net, X, hard(targets, weight)), learn(net, X[twice], hard(targets).take(twice))
    # The plain fit of the other side takes skorch's log(p + eps).
    for a, b in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_scaling_all_weights_changes_nothing():
    X = rows()
    a = np.linspace(0.1, 1.0, 60)
    one, other = soft_targets(X, a=a, b=1 - a), soft_targets(X, a=8 * a, b=8 * (1 - a))
    for p, q in zip(parameters(learn(classifier(), X, one)), parameters(learn(classifier(), X, other)), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)


def test_permuting_classes_permutes_the_answer():
    X = rows()
    targets = soft_targets(X, temperature=2.0)
    order = np.array([2, 0, 1])
    place = np.argsort(order)
    permuted = SoftTargets(
        targets.teacher[:, order],
        place[targets.codes],
        targets.teacher_weight,
        targets.label_weight,
        targets.classes,
        temperature=2.0,
    )
    first, second = torch.nn.Linear(4, 3).double(), torch.nn.Linear(4, 3).double()
    second.load_state_dict({name: value[order] for name, value in first.state_dict().items()})
    params = {"max_epochs": 10, "train_split": None}
    one, other = (
        learn(classifier(first, **params), X, targets),
        learn(classifier(second, **params), X, permuted),
    )
    np.testing.assert_allclose(net_predict_proba(one, X)[:, order], net_predict_proba(other, X), rtol=1e-9)


def test_rows_without_a_label_learn_from_the_teacher_alone():
    X = rows()
    targets = soft_targets(X, a=1.0, b=np.where(np.arange(60) < 30, 1.0, 0.0))
    codes = np.where(np.arange(60) < 30, targets.codes, -1)
    unlabelled = SoftTargets(targets.teacher, codes, targets.teacher_weight, targets.label_weight, targets.classes)
    assert same_parameters(
        learn(classifier(train_split=None), X, unlabelled), learn(classifier(train_split=None), X, targets)
    )


def test_the_net_s_own_loss_step_is_kept():
    X = rows()
    params = {"criterion": torch.nn.CrossEntropyLoss, "lr": 0.002, "max_epochs": 60, "verbose": 0}
    net = learn(Penalised(Perceptron, **params), X, soft_targets(X))
    assert type(net) is Penalised
    # So large a penalty leaves nothing but uniform answers.
    np.testing.assert_allclose(net.predict_proba(X), 1 / 3, atol=0.01)


def test_one_output_for_two_classes():
    X = rows(200)
    targets = soft_targets(X, classes=(0, 1), a=1.0, b=0.0, temperature=2.0)
    net = NeuralNetBinaryClassifier(torch.nn.Linear(4, 1), lr=1.0, max_epochs=100, batch_size=-1, verbose=0)
    taught = learn(net, X, targets)
    np.testing.assert_allclose(net_predict_proba(taught, X), soft_targets(X, classes=(0, 1)).teacher, atol=0.05)
    plain = clone(net)
    torch.manual_seed(0)
    plain.fit(X.astype(np.float32), targets.codes.astype(np.float32))
    assert same_parameters(plain, learn(net, X, hard(targets)))


def test_a_module_may_be_sized_by_a_callback():
    X = rows(n_in=6)
    net = learn(classifier(callbacks=[SizeByData()]), X, soft_targets(X, classes=STRINGS))
    assert net_predict_proba(net, X).shape == (60, 3)


@pytest.mark.parametrize(("n_rows", "batch_size"), [(17, 8), (9, 8), (25, 8)])
def test_a_lone_last_row_does_not_stop_batch_normalisation(n_rows, batch_size):
    X = rows(n_rows)
    net = classifier(module__norm=True, batch_size=batch_size, train_split=None)
    for targets in (soft_targets(X), hard(soft_targets(X))):
        taught = learn(net, X, targets)
        assert taught.history[-1, "train_batch_count"] == n_rows // batch_size
        assert np.isfinite(taught.predict_proba(X)).all()


def test_batches_larger_than_the_data():
    X = rows(10)
    net = classifier(batch_size=64, train_split=None)
    assert len(learn(net, X, soft_targets(X)).history) == 3
    with pytest.raises(ValueError, match=r"batch_size must leave at least one batch .* got 64"):
        learn(net.set_params(iterator_train__drop_last=True), X, soft_targets(X))


@pytest.mark.parametrize("targets", ["soft", "hard"])
def test_a_diverging_loss_names_the_epoch_and_what_to_lower(targets):
    X = 1e3 * rows()
    given = soft_targets(X, temperature=4.0)
    net = classifier(torch.nn.Linear(4, 3), lr=1e38, max_epochs=5)
    told = r"got (nan|inf) in epoch \d of 5\. Lower lr \(now 1e\+38\)"
    told += r", the temperature \(now 4: its square" if targets == "soft" else " or the scale of X"
    with pytest.raises(ConvergenceError, match=told):
        learn(net, X, given if targets == "soft" else hard(given))


def test_a_net_is_its_own_class_again_after_an_error():
    net = classifier(torch.nn.Linear(4, 3), lr=1e38)
    with pytest.raises(ConvergenceError):
        SkorchStrategy().fit(net, 1e3 * rows(), soft_targets(rows()), random_state=0)
    assert type(net) is NeuralNetClassifier
    assert type(net.criterion_) is torch.nn.CrossEntropyLoss


@pytest.mark.parametrize("kind", [soft_targets, lambda X: hard(soft_targets(X))], ids=["soft", "hard"])
@pytest.mark.parametrize(
    ("net", "message"),
    [
        (classifier(module__n_out=4), r"one column for each of the 3 classes, got outputs of shape \(2, 4\)"),
        (classifier(module__n_out=2), r"one column for each of the 3 classes, got outputs of shape \(2, 2\)"),
        (classifier(module__n_in=5), r"must take rows of shape \(4,\), and fails on them"),
        (classifier(criterion=torch.nn.NLLLoss), r"must give probabilities under skorch's NLLLoss"),
        (classifier(predict_nonlinearity=None), r"predict_proba .* must give probabilities"),
        (classifier(classes=["b", "g", "r"]), r"classes .* must be those of the targets, \[0, 1, 2\]"),
        (NeuralNetBinaryClassifier(Perceptron, verbose=0), r"takes the classes 0 and 1 only"),
    ],
)
def test_nets_that_cannot_fit_the_targets(kind, net, message):
    X = rows()
    with pytest.raises(ValueError, match=message):
        learn(net, X, kind(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"criterion": Focal}, r"must be NLLLoss or CrossEntropyLoss .* got Focal"),
        (
            {"criterion": torch.nn.BCEWithLogitsLoss},
            r"must be NLLLoss or CrossEntropyLoss .* got BCEWithLogitsLoss",
        ),
        ({"criterion__label_smoothing": 0.1}, r"criterion__label_smoothing must be left at 0\.0 .* got 0\.1"),
        ({"criterion__weight": torch.tensor([1.0, 2.0, 3.0])}, r"criterion__weight must be left at None"),
    ],
)
def test_criteria_that_give_soft_targets_no_meaning(params, message):
    X = rows()
    net = classifier(predict_nonlinearity=torch.nn.Softmax(dim=1), **params)
    with pytest.raises(StudentRouteError, match=message):
        learn(net, X, soft_targets(X))


def test_an_absent_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"got 'cuda', .* Use device='cpu'"):
        learn(classifier(device="cuda"), rows(), soft_targets(rows()))


def test_classes_that_the_net_states_itself():
    X = rows()
    net = learn(classifier(classes=list(STRINGS)), X, soft_targets(X, classes=STRINGS))
    assert set(net_predict(net, X)) <= set(STRINGS)


def test_a_module_given_as_an_instance_starts_where_it_is():
    X = rows()
    targets = soft_targets(X)
    module = torch.nn.Linear(4, 3)
    before = [p.detach().clone() for p in module.parameters()]
    net = classifier(module)
    assert same_parameters(learn(net, X, targets, 1), learn(net, X, targets, 2))
    assert all(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))


def test_routing_of_metadata_changes_nothing():
    X = rows()
    targets = soft_targets(X)
    plain = learn(classifier(), X, targets)
    with config_context(enable_metadata_routing=True):
        assert same_parameters(plain, learn(classifier(), X, targets))


def test_no_trace_in_the_net_s_state():
    # What a net holds after a fit is what skorch puts there, but for the input cast on its module.
    X = rows()
    targets = soft_targets(X)
    plain = clone(classifier()).fit(X.astype(np.float32), targets.codes)
    assert set(vars(learn(classifier(), X, targets))) == set(vars(plain))
