"""Teaching a net beside filters: the schedule, what each phase leaves untouched, and the plain net as the limit."""

import pickle
import re
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import Dataset, ValidSplit
from torch.utils.data import DataLoader, Subset

from skdistill.exceptions import ConvergenceError, StudentRouteError
from skdistill.nets._batches import Batches, take_batches_at_once
from skdistill.nets._guide import Guide
from skdistill.nets._inputs import CastOutputs
from skdistill.nets._own_view import own_view
from skdistill.nets._recipe import Recipe
from skdistill.nets._redundant import optimal_scale
from skdistill.nets._rid_training import Session, teach_redundant
from skdistill.nets._task_filter import (
    TaskFilter,
    fit_task_filter,
    honest_temperature,
    logistic_regression,
    matching_temperature,
)
from tests.nets.modules import Perceptron, classifier, rows

PAPER = {"warmup_epochs": 4, "cycle_epochs": 4, "filter_fraction": 0.25, "match": "hidden"}


def recipe(method="rid", **params):
    defaults = {
        "task_weight": 1.0,
        "transfer_weight": 1.0,
        "warmup_epochs": 20,
        "cycle_epochs": 4,
        "filter_fraction": 0.0,
        "n_channels": None,
        "match": "both",
        "seed": 11,
    }
    return Recipe(method=method, **{**defaults, **params})


def data(n_rows=80, seed=0):
    """Rows, labels that depend on them, and what a teacher sees: two directions about the labels and three others."""
    X = rows(n_rows, seed=seed)
    codes = np.searchsorted([-0.5, 0.5], X[:, 0] + 0.3 * X[:, 1])
    other = np.random.default_rng(seed + 1).normal(size=(n_rows, 3))
    return X, codes, np.column_stack([X[:, 0], X[:, 1], other])


def teach(net, wanted, *, weight=None, sources=None, random_state=0, n_rows=80, **params):
    X, codes, T = data(n_rows)
    weight = np.ones(len(X)) if weight is None else weight
    sources = [T] if sources is None else sources
    return teach_redundant(
        clone(net), X, codes, np.arange(3), weight, sources, wanted, random_state=random_state, **params
    )


def parameters(net):
    return {name: value.detach().clone() for name, value in net.module_.named_parameters()}


def assert_same_net(first, second):
    for name, value in parameters(first).items():
        assert torch.equal(value, parameters(second)[name]), name


NETS = {
    "sgd": {},
    "dropout": {"module__dropout": 0.3, "max_epochs": 5},
    "adam": {"optimizer": torch.optim.Adam, "lr": 0.01, "iterator_train__shuffle": True},
    "norm": {"module__norm": True, "batch_size": 7, "train_split": None},
    "softmax": {"module__softmax": True, "criterion": torch.nn.NLLLoss},
}


@pytest.mark.parametrize("wanted", [recipe(transfer_weight=0.0), recipe("none"), recipe("ted", transfer_weight=0.0)])
@pytest.mark.parametrize("name", NETS)
def test_without_transfer_it_is_the_plain_net_to_the_bit(name, wanted):
    X, codes, _ = data()
    net = classifier(**NETS[name])
    with torch.random.fork_rng():
        torch.manual_seed(5)
        plain = clone(net).fit(X.astype(np.float32), codes)
    taught, _ = teach(net, wanted, random_state=5)
    assert_same_net(plain, taught)
    assert [epoch["valid_loss"] for epoch in taught.history if "valid_loss" in epoch] == [
        epoch["valid_loss"] for epoch in plain.history if "valid_loss" in epoch
    ]


@pytest.mark.parametrize("wanted", [recipe(), recipe(match="output"), recipe(**PAPER), recipe("vid"), recipe("ted")])
def test_filters_draw_nothing_that_the_student_draws(wanted):
    net = classifier(module__dropout=0.3, iterator_train__shuffle=True)
    plain, _ = teach(net, recipe("none"))
    # A transfer so light that adding its gradients changes no bit of the student's.
    light, _ = teach(net, Recipe(**{**vars(wanted), "transfer_weight": 1e-35}))
    assert_same_net(plain, light)


class Witness(Callback):
    """Copies all parameters where an epoch of the student begins and ends."""

    def initialize(self):
        self.seen_ = []
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.first_ = True

    def on_batch_begin(self, net, training=False, **kwargs):
        if training and self.first_:
            self.seen_.append(both_sides(net))
            self.first_ = False

    def on_epoch_end(self, net, **kwargs):
        self.seen_.append(both_sides(net))


def both_sides(net):
    """All parameters of a net in training, and of its guide."""
    pairs = net.session_.guide.pairs
    return parameters(net), {name: value.detach().clone() for name, value in pairs.named_parameters()}


def changed(first, second, *parts):
    """Names of the filters' parameters that differ, of those that begin with one of the parts."""
    names = [name for name in first if name.split(".")[1] in parts]
    assert names
    return [name for name in names if not torch.equal(first[name], second[name])]


def test_phase_1_leaves_the_student_and_the_scales_untouched(monkeypatch):
    seen = []
    refine, before_epoch = Guide._refine, Session.before_epoch

    def remember(session, net, dataset):
        seen.append([net])
        before_epoch(session, net, dataset)

    def watched(guide, rows, shown):
        net = seen[-1].pop()
        seen[-1].append(both_sides(net))
        refine(guide, rows, shown)
        seen[-1].append(both_sides(net))

    monkeypatch.setattr(Session, "before_epoch", remember)
    monkeypatch.setattr(Guide, "_refine", watched)
    teach(classifier(max_epochs=7), recipe(**PAPER))
    phases = [pair for pair in seen if len(pair) == 2]
    # Cycles of three student epochs: before the epochs 1, 4 and 7.
    assert len(phases) == 3
    for (student, filters), (student_after, filters_after) in phases:
        assert all(torch.equal(value, student_after[name]) for name, value in student.items())
        assert changed(filters, filters_after, "student", "log_scale") == []
        assert len(changed(filters, filters_after, "teacher", "teacher_head")) == 4


@pytest.mark.parametrize("wanted", [recipe(match="hidden"), recipe(), recipe(**PAPER)])
def test_phase_2_leaves_the_teachers_filter_untouched(wanted):
    net, _ = teach(classifier(callbacks=[Witness()], max_epochs=7), wanted)
    seen = next(one for _, one in net.callbacks_ if isinstance(one, Witness)).seen_
    assert len(seen) == 14
    for (student, filters), (student_after, filters_after) in zip(seen[0::2], seen[1::2], strict=True):
        assert changed(filters, filters_after, "teacher", "teacher_head") == []
        assert len(changed(filters, filters_after, "student", "log_scale")) == 3
        assert not torch.equal(student["hidden.weight"], student_after["hidden.weight"])


def test_scales_start_where_they_are_best_for_a_student_that_knows_nothing():
    _, guide = teach(
        classifier(max_epochs=1, lr=1e-12), Recipe(**{**vars(recipe(match="hidden")), "transfer_weight": 1e-9})
    )
    targets = guide.targets[0][guide_rows()]
    # One epoch of Adam at .01 has moved them a little.
    np.testing.assert_allclose(guide.scales[0], optimal_scale(targets.var(dim=0, correction=0)).numpy(), rtol=0.05)


def guide_rows():
    """Numbers of the rows that a net with skorch's default split is trained on."""
    _, codes, _ = data()
    return next(iter(ValidSplit(5, stratified=True).check_cv(codes).split(codes, codes)))[0]


@pytest.mark.parametrize(
    ("method", "filter_fraction", "expected"),
    [
        ("rid", 0.25, {"warmup": 4, "filter": 4, "student": 9}),
        ("rid", 0.0, {"warmup": 1, "student": 9}),
        ("vid", 0.25, {"student": 9}),
        ("ted", 0.25, {"warmup": 4, "student": 9}),
        ("none", 0.25, {"student": 9}),
    ],
)
def test_the_schedule(method, filter_fraction, expected):
    wanted = recipe(method, warmup_epochs=4, cycle_epochs=8, filter_fraction=filter_fraction)
    _, guide = teach(classifier(max_epochs=9), wanted)
    phases = [entry["phase"] for entry in guide.history]
    if method == "rid" and filter_fraction:
        # Cycles of eight epochs: two of the filter, six of the student.
        assert phases == ["warmup"] * 4 + ["filter"] * 2 + ["student"] * 6 + ["filter"] * 2 + ["student"] * 3
    assert Counter(phases) == expected
    numbers = [entry["epoch"] for entry in guide.history if entry["phase"] == "student"]
    assert numbers == list(range(1, 10))


def test_history_holds_finite_losses():
    net, guide = teach(classifier(), recipe(**PAPER))
    for entry in guide.history:
        losses = [value for name, value in entry.items() if name.endswith("_loss")]
        assert losses
        assert np.isfinite(losses).all()
    student = [entry for entry in guide.history if entry["phase"] == "student"]
    assert [entry["valid_loss"] for entry in student] == [epoch["valid_loss"] for epoch in net.history]
    assert all(entry["train_loss"] > entry["transfer_loss"] for entry in student)


def theorem(n_rows=2000):
    """The example of Theorem 3.1: a teacher that sees the task part Z and a nuisance G of higher entropy."""
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 2, n_rows)
    G = rng.normal(size=(n_rows, 8))
    X = np.column_stack([2.0 * Z - 1.0, G]) + 0.05 * rng.normal(size=(n_rows, 9))
    T = np.column_stack([2.0 * Z - 1.0, G])
    return X, Z, T @ np.linalg.qr(rng.normal(size=(9, 9)))[0]


def explained(part, by):
    """Share of the variance of columns that a linear map of others explains."""
    by = np.column_stack([np.ones(len(by)), by])
    left = part - by @ np.linalg.lstsq(by, part, rcond=None)[0]
    return 1.0 - left.var(axis=0).sum() / part.var(axis=0).sum()


@pytest.mark.parametrize("settings", [{"n_channels": None}, {**PAPER, "warmup_epochs": 30, "n_channels": 4}])
def test_the_filter_keeps_the_task_and_drops_the_nuisance(settings):
    X, Z, T = theorem()
    wanted = recipe(**settings)
    net = classifier(module__n_in=9, module__n_out=2, max_epochs=8, lr=0.05)
    _, guide = teach_redundant(net, X, Z, np.arange(2), np.ones(len(X)), [T], wanted, random_state=0)
    with torch.no_grad():
        filtered = guide.teacher_filters[0](torch.tensor(T, dtype=torch.float32)).double().numpy()
    nuisance = X[:, 1:]
    assert explained(Z[:, None].astype(float), filtered) > 0.95
    assert explained(filtered, nuisance) < 0.1 * explained(T, nuisance)


def test_trust_is_what_the_filter_tells_of_other_rows():
    _, codes, _ = data(400)
    rng = np.random.default_rng(3)
    clean, noise = np.eye(3)[codes], rng.normal(size=(400, 40))
    _, sure = teach(classifier(), recipe(), sources=[clean], n_rows=400)
    _, blind = teach(classifier(), recipe(), sources=[noise], n_rows=400)
    assert sure.trusts[0] > 0.9
    # Forty directions of noise would separate a good part of the rows they are fitted on.
    assert blind.trusts[0] < 0.05
    _, paper = teach(classifier(), recipe(**PAPER), sources=[noise], n_rows=400)
    assert paper.trusts == [1.0]


def test_a_teacher_that_tells_nothing_leaves_the_student_alone():
    # Every three rows that look the same to the teacher have all three labels.
    X, codes = rows(90), np.arange(90) % 3
    same = np.repeat(np.random.default_rng(3).normal(size=(30, 2)), 3, axis=0)
    net = classifier(module__dropout=0.2)

    def taught(wanted):
        return teach_redundant(clone(net), X, codes, np.arange(3), np.ones(90), [same], wanted, random_state=0)

    plain, _ = taught(recipe("none"))
    alone, guide = taught(recipe())
    assert guide.trusts == [0.0]
    assert_same_net(plain, alone)


def test_the_regression_of_a_filter_is_scikit_learns():
    _, codes, T = data(120)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, len(T))
    theirs = LogisticRegression(C=0.3, tol=1e-10, max_iter=1000).fit(T, codes, sample_weight=weight)
    W, b = logistic_regression(T, codes, weight, 3, 0.3)
    np.testing.assert_allclose(W, theirs.coef_.T, atol=1e-3)
    np.testing.assert_allclose(b - b.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-3)


@pytest.mark.parametrize("noise", [0, 30])
def test_answers_are_as_sure_as_they_may_be(noise):
    _, codes, T = data(150)
    rng = np.random.default_rng(7)
    codes = np.where(rng.random(150) < 0.2, rng.integers(0, 3, 150), codes)
    T = np.column_stack([T, rng.normal(size=(150, noise))])
    weight = rng.uniform(0.5, 2.0, 150)
    found = fit_task_filter(T, codes, weight, 3, random_state=0)
    answers = (T @ found.weight + found.bias) @ found.head
    entropy = log_loss(codes, np.tile(np.bincount(codes, weight) / weight.sum(), (150, 1)), sample_weight=weight)
    loss = log_loss(codes, softmax(answers, axis=1), sample_weight=weight)
    assert found.temperature > 1.0
    # On its own rows, whose labels it has seen, the filter claims no more than it could tell of others.
    assert 1.0 - loss / entropy == pytest.approx(found.information, abs=1e-6)


def test_a_temperature_never_makes_answers_surer():
    logits = np.array([[2.0, 0.0], [0.0, 2.0]])
    codes, weight = np.array([0, 1]), np.ones(2)
    own = float(np.log1p(np.exp(-2.0)))
    assert honest_temperature(logits, codes, weight, 0.5 * own) == 1.0
    assert honest_temperature(logits, codes, weight, np.log1p(np.exp(-1.0))) == pytest.approx(2.0)
    assert honest_temperature(logits, codes, weight, 5.0) == 100.0


@pytest.mark.parametrize("n_classes", [2, 5])
def test_answers_are_matched_where_half_of_what_is_possible_is_open(n_classes):
    rng = np.random.default_rng(5)
    answers, weight = 8.0 * rng.normal(size=(60, n_classes)), rng.uniform(0.5, 2.0, 60)

    def left_open(tau):
        p = softmax(answers / tau, axis=1)
        return np.average(-(p * np.log(p)).sum(axis=1), weights=weight) / np.log(n_classes)

    found = matching_temperature(answers, weight)
    assert found > 1.0
    assert left_open(found) == pytest.approx(0.5, abs=1e-9)
    # Answers at that temperature are already soft enough, and softer ones stay as they are.
    assert matching_temperature(answers / found, weight) == pytest.approx(1.0, abs=1e-9)
    assert matching_temperature(answers / (2.0 * found), weight) == 1.0
    assert matching_temperature(1e6 * answers, weight) == 100.0


def told(information, by_answers, by_columns):
    empty = np.zeros((0, 0))
    return TaskFilter(empty, empty, empty, 1.0, 1.0, 1.0, information, by_answers, by_columns).trust


def test_trust_is_what_a_teacher_tells_beyond_the_rows():
    # Answers that tell as much as the rows are followed all the way, whatever the inside tells.
    assert told(0.6, 0.5, 0.5) == told(0.6, 0.7, 0.5) == 1.0
    # Nothing in the answers, and no more in the inside than in the rows: nothing.
    assert told(0.5, 0.0, 0.5) == told(0.3, 0.0, 0.5) == 0.0
    assert told(0.6, 0.1, 0.5) == pytest.approx((0.1 + 0.1) / 0.5)
    # Where nobody but the teacher tells anything, it is all there is.
    assert told(0.1, 0.0, 0.0) == told(0.1, None, 0.0) == 1.0
    assert told(0.0, 0.0, 0.0) == 0.0
    # Without answers only the whole can be compared.
    assert told(0.4, None, 0.8) == pytest.approx(0.25)
    assert told(0.9, None, 0.8) == 1.0


def test_random_features_are_not_trusted_and_answers_are():
    rng = np.random.default_rng(4)
    X, codes, _ = data(400)
    random = np.maximum(X @ rng.normal(size=(4, 30)), 0.0)
    said = np.where(np.eye(3)[codes] > 0, 2.0, -1.0)
    useless, useful = (
        fit_task_filter(
            np.column_stack([random, answers]),
            codes,
            np.ones(400),
            3,
            n_answers=3,
            own=lambda numbers: own_view(X[numbers], 0),
            random_state=0,
        )
        for answers in (rng.permutation(said), said)
    )
    # A regression on random features of the rows tells much of the labels.
    assert useless.information > 0.5 * useless.own_information > 0.1
    assert useless.trust < 0.2
    assert useful.trust == 1.0


@pytest.mark.parametrize("shape", [(50, 3), (50, 100), (20, 90), (40, 2, 6, 6), (5, 1)])
def test_the_own_view_of_rows(shape):
    X = np.random.default_rng(1).normal(size=shape)
    X[..., 0] = 7.0
    found = own_view(X, 0)
    flat = X.reshape(len(X), -1)
    assert found.shape == (len(X), min(flat.shape[1], max(64, flat.shape[1] if len(X) <= 64 else 64)) + min(64, len(X)))
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_array_equal(found, own_view(sparse.csr_matrix(flat), 0))
    np.testing.assert_allclose(found, own_view(3.0 * X + 1.0, 0), atol=1e-8)


def answering(n_rows, knows=True, sharpness=1.0, seed=0):
    """Labels drawn from probabilities, and a teacher's inside without use, with its answers for three classes."""
    rng = np.random.default_rng(seed)
    logits = 2.0 * rng.normal(size=(n_rows, 3))
    codes = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    said = sharpness * logits if knows else 2.0 * rng.normal(size=(n_rows, 3))
    answers = said - said.mean(axis=1, keepdims=True)
    return np.column_stack([rng.normal(size=(n_rows, 20)), answers]), codes, softmax(logits, axis=1)


def answers_of(found, T):
    return softmax((T @ found.weight + found.bias) @ found.head, axis=1)


@pytest.mark.parametrize("sharpness", [0.25, 1.0, 4.0])
def test_a_filter_reproduces_the_answers_of_a_perfect_teacher_however_sure_it_is(sharpness):
    T, codes, truth = answering(3000, sharpness=sharpness)
    found = fit_task_filter(T, codes, np.ones(3000), 3, n_answers=3, random_state=0)
    # Four standard errors of one logistic coefficient on so many rows.
    assert found.answer_weight * sharpness == pytest.approx(1.0, abs=0.15)
    np.testing.assert_allclose(found.weight[-3:], found.answer_weight * np.eye(3), atol=1e-12)
    assert np.mean(truth * (np.log(truth) - np.log(answers_of(found, T)))) < 0.01


def test_a_filter_makes_nothing_of_the_answers_of_a_teacher_that_knows_nothing():
    T, codes, _ = answering(3000, knows=False)
    found = fit_task_filter(T, codes, np.ones(3000), 3, n_answers=3, random_state=0)
    assert abs(found.answer_weight) < 0.1
    assert found.information == 0.0


def test_few_rows_are_enough_for_a_single_weight():
    T, codes, truth = answering(60)
    whole, columns = (fit_task_filter(T, codes, np.ones(60), 3, n_answers=n, random_state=0) for n in (3, 0))
    error = [np.mean(truth * (np.log(truth) - np.log(answers_of(found, T)))) for found in (whole, columns)]
    assert error[0] < 0.5 * error[1]
    assert whole.information > columns.information


def test_the_regression_with_answers_is_at_its_minimum():
    T, codes, _ = answering(100)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=100)
    W, b = logistic_regression(T, codes, weight, 3, 0.1, n_answers=3)

    def objective(a, W, b):
        told = log_softmax(a * T[:, 20:] + T[:, :20] @ W + b, axis=1)[np.arange(100), codes]
        return -weight @ told + np.square(W).sum() / 0.2 + a * a / 2.0

    best = objective(W[20, 0], W[:20], b)
    rng = np.random.default_rng(2)
    for _ in range(20):
        step = 0.1 * rng.normal(size=1 + 60 + 3)
        assert objective(W[20, 0] + step[0], W[:20] + step[1:61].reshape(20, 3), b + step[61:]) > best
    again, _ = logistic_regression(T, codes, weight, 3, 0.1, np.vstack([W, b]), n_answers=3)
    np.testing.assert_allclose(again, W, atol=1e-3)


def test_a_filter_of_few_channels_keeps_what_varies_most():
    _, codes, T = data(300)
    whole = fit_task_filter(T, codes, np.ones(300), 3, random_state=0)
    few = fit_task_filter(T, codes, np.ones(300), 3, 1, random_state=0)
    assert few.weight.shape == (5, 1)
    logits, kept = (T @ one.weight @ one.head for one in (whole, few))
    # The labels follow one direction.
    assert explained(logits, kept) > 0.9
    assert few.temperature == pytest.approx(whole.temperature)
    np.testing.assert_allclose(few.head @ few.head.T, np.eye(1) / few.temperature**2, atol=1e-12)


def test_a_filter_knows_classes_that_are_rare():
    codes = np.array([0] * 10 + [1] * 10 + [2])
    found = fit_task_filter(np.eye(3)[codes], codes, np.ones(21), 3, random_state=0)
    assert found.weight.shape == (3, 3)
    assert np.isfinite(found.weight).all()


def test_weights_reach_the_labels_and_the_transfer():
    weight = np.where(np.arange(80) % 2, 3.0, 1.0)
    net = classifier(train_split=None, batch_size=80, max_epochs=1, lr=0.1)
    weighted, guide = teach(net, recipe(**PAPER), weight=weight)
    plain, _ = teach(net, recipe(**PAPER))
    assert not torch.equal(parameters(weighted)["out.weight"], parameters(plain)["out.weight"])
    scaled, again = teach(net, recipe(**PAPER), weight=10.0 * weight)
    assert_same_net(weighted, scaled)
    assert guide.history == again.history


@pytest.mark.parametrize("method", ["rid", "vid", "ted"])
def test_the_transfer_brings_the_student_towards_the_teacher(method):
    net = classifier(max_epochs=40, lr=0.2, module__n_hidden=16)
    _, guide = teach(net, recipe(method, match="hidden"), n_rows=300)
    losses = [entry["transfer_loss"] for entry in guide.history if entry["phase"] == "student"]
    assert losses[-1] < 0.7 * losses[0]


def test_several_layers_have_filters_of_their_own():
    _, _, T = data()
    _, guide = teach(classifier(), recipe(n_channels=2), sources=[T, T[:, :4]], layers=["hidden", None])
    assert [pair.teacher.layers[0].in_features for pair in guide.pairs] == [5, 4]
    assert [pair.student.layers[0].in_features for pair in guide.pairs] == [8, 8]
    assert len(guide.trusts) == 2


class Ahead(torch.nn.Module):
    """Its only linear layer is a hidden one: behind it are units with parameters of their own."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 6)
        self.centres = torch.nn.Parameter(torch.eye(3, 6))

    def forward(self, x):
        return -torch.cdist(self.first(x), self.centres)


def test_a_student_without_hidden_layers_is_matched_by_its_outputs():
    net = classifier(module=torch.nn.Linear, module__in_features=4, module__out_features=3)
    _, guide = teach(net, recipe())
    assert (guide.recipe.match, guide.student_filters) == ("output", [])
    for wanted in (recipe(**PAPER), recipe("vid"), recipe("ted")):
        _, guide = teach(net, wanted)
        assert guide.recipe == wanted
        assert guide.pairs[0].student.layers[0].in_features == 3
    for module, layers in ((Ahead, None), (Perceptron, None), (Perceptron, ["out"])):
        assert teach(classifier(module), recipe(match="hidden"), layers=layers)[1].recipe.match == "hidden"


def test_a_layer_that_does_not_exist():
    with pytest.raises(ValueError, match=r"layers must name layers of .* Perceptron, got 'hiden'. It has 'hidden', 'n"):
        teach(classifier(), recipe(), layers=["hiden"])


def test_outputs_that_are_not_the_classes():
    with pytest.raises(StudentRouteError, match="must give one column for each of the 3 classes"):
        teach(classifier(module__n_out=4), recipe())


def test_a_loss_that_is_no_number_names_epoch_and_phase():
    with pytest.raises(ConvergenceError, match=r"finite, got (nan|inf) in epoch \d+ of 3, phase 'student'. Lower lr"):
        teach(classifier(lr=1e20), recipe())


def test_filters_whose_loss_is_no_number():
    _, codes, T = data()
    wanted = recipe(**PAPER)
    T[3, 1] = np.inf
    guide = Guide(wanted, [torch.tensor(T)], torch.tensor(codes), torch.ones(len(T)).double(), 3)
    guide.start([2])
    with pytest.raises(ConvergenceError, match=r"filters must be finite, got nan in epoch 1 of phase 'warmup'"):
        guide.before_epoch(torch.arange(len(T)), lambda: [torch.zeros(len(T), 2).double()])


def test_a_device_that_is_absent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device must be one that torch sees on this machine, got 'cuda'"):
        teach(classifier(device="cuda"), recipe())


def test_callbacks_of_the_user_work(tmp_path):
    path = tmp_path / "net.pkl"
    net = classifier(
        max_epochs=50,
        callbacks=[
            Checkpoint(
                monitor=None, f_params=None, f_optimizer=None, f_criterion=None, f_history=None, f_pickle=str(path)
            ),
            EarlyStopping(patience=2, threshold=10.0),
            LRScheduler(policy="StepLR", step_size=1, gamma=0.5),
            EpochScoring("neg_log_loss", lower_is_better=False),
        ],
    )
    taught, guide = teach(net, recipe(**PAPER))
    assert len(taught.history) < 10
    assert sum(entry["phase"] == "student" for entry in guide.history) == len(taught.history)
    stored = pickle.loads(path.read_bytes())
    assert type(stored) is type(net)
    assert_same_net(stored, taught)


def test_the_net_is_left_as_the_user_s():
    net, _ = teach(classifier(), recipe())
    assert type(net) is type(classifier())
    # But for the cast of what the module gives.
    assert [hook for part in net.module_.children() for hook in part._forward_hooks.values()] == []
    assert [type(hook) for hook in net.module_._forward_hooks.values()] == [CastOutputs]
    assert isinstance(net.criterion_, torch.nn.CrossEntropyLoss)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(net)).predict_proba(data()[0]), net.predict_proba(data()[0])
    )


def test_double_precision():
    net, guide = teach(classifier(module__double=True), recipe())
    assert next(net.module_.parameters()).dtype == torch.float64
    assert guide.pairs[0].log_scale.dtype == torch.float64


def test_the_same_seed_gives_the_same_net():
    first, one = teach(classifier(module__dropout=0.2), recipe(**PAPER), random_state=3)
    again, two = teach(classifier(module__dropout=0.2), recipe(**PAPER), random_state=3)
    assert_same_net(first, again)
    assert one.history == two.history
    other, _ = teach(classifier(module__dropout=0.2), recipe(**PAPER), random_state=4)
    assert not torch.equal(parameters(first)["hidden.weight"], parameters(other)["hidden.weight"])


def test_the_callers_generator_is_left_alone():
    before = torch.get_rng_state()
    teach(classifier(), recipe(**PAPER))
    assert torch.equal(torch.get_rng_state(), before)


def loaders():
    X, codes, _ = data()
    whole = Dataset(X.astype(np.float32), codes)
    part = Subset(whole, np.arange(80)[::-3])
    thin = Dataset(sparse.csr_matrix(np.where(X > 0, X, 0).astype(np.float32)), codes)
    for dataset in (whole, part, Subset(whole, list(range(5, 60))), thin, Subset(thin, [3, 7, 5, 9])):
        for shuffle in (False, True):
            yield lambda dataset=dataset, shuffle=shuffle: DataLoader(
                dataset, batch_size=4, shuffle=shuffle, drop_last=shuffle
            )


@pytest.mark.parametrize("make", list(loaders()))
def test_batches_taken_at_once_are_the_same_batches(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = list(make())
        state = torch.get_rng_state()
        torch.manual_seed(0)
        fast = take_batches_at_once(make())
        found = list(fast)
        assert torch.equal(torch.get_rng_state(), state)
    assert isinstance(fast.dataset, Batches)
    assert len(fast) == len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert [part.dtype for part in one] == [part.dtype for part in other]
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_loaders_of_the_user_are_left_alone():
    X, codes, _ = data()
    dataset = Dataset(X.astype(np.float32), codes)
    for loader in (DataLoader(dataset, collate_fn=list), DataLoader(list(X)), [1, 2]):
        assert take_batches_at_once(loader) is loader


def test_error_of_layers_lists_all_of_them():
    with pytest.raises(ValueError, match="It has") as caught:
        teach(classifier(), recipe(), layers=["x"])
    assert re.findall(r"'(\w+)'", str(caught.value))[1:] == [name for name, _ in Perceptron().named_modules() if name]


@pytest.mark.needs("pandas")
def test_representations_that_come_as_frames():
    import pandas as pd

    _, _, T = data()
    plain, _ = teach(classifier(), recipe())
    framed, _ = teach(classifier(), recipe(), sources=[pd.DataFrame(T)])
    assert_same_net(plain, framed)
