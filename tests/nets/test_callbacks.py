"""Callbacks, splits and scorers see labels while the loss sees soft targets."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from skorch import NeuralNetClassifier
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split

from skdistill.nets import SkorchStrategy, net_predict_proba
from tests.nets.modules import classifier, rows, soft_targets

STRINGS = ("blue", "green", "red")


class Witness(Callback):
    """Writes down what it was told."""

    def initialize(self):
        self.seen_ = {}
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.seen_["y"] = np.asarray(y)

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.seen_.setdefault("batches", []).append(batch[1])

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.seen_["train"] = np.array([dataset_train[i][1] for i in range(len(dataset_train))])
        self.seen_["valid"] = np.array([dataset_valid[i][1] for i in range(len(dataset_valid))])


class StopAfterOne(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


class PicklesItself(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.pickled_ = pickle.dumps(net)


def learn(X, targets, **params):
    return SkorchStrategy().fit(clone(classifier(**params)), X, targets, random_state=0)


def callback(net, kind):
    return next(held for _, held in net.callbacks_ if isinstance(held, kind))


def test_callbacks_are_told_labels():
    X = rows()
    targets = soft_targets(X, classes=STRINGS)
    net = learn(X, targets, callbacks=[Witness()], max_epochs=1)
    seen = callback(net, Witness).seen_
    np.testing.assert_array_equal(seen["y"], targets.codes)
    train, valid = next(iter(ValidSplit(5, stratified=True).check_cv(targets.codes).split(X, targets.codes)))
    np.testing.assert_array_equal(seen["train"], targets.codes[train])
    np.testing.assert_array_equal(seen["valid"], targets.codes[valid])
    assert all(labels.dtype == torch.int64 and labels.ndim == 1 for labels in seen["batches"])
    np.testing.assert_array_equal(torch.cat(seen["batches"]), targets.codes[np.concatenate([train, valid])])


@pytest.mark.parametrize("use_caching", [True, False])
def test_scorers_see_labels(use_caching):
    X = rows(100)
    targets = soft_targets(X, classes=STRINGS, temperature=3.0)
    scorers = [
        EpochScoring("neg_log_loss", name="nll", lower_is_better=False, use_caching=use_caching),
        EpochScoring("accuracy", name="train_acc", on_train=True, lower_is_better=False, use_caching=False),
        BatchScoring("accuracy", name="batch_acc", lower_is_better=False),
    ]
    net = learn(X, targets, callbacks=scorers, use_caching=use_caching)
    train, valid = next(iter(ValidSplit(5, stratified=True).check_cv(targets.codes).split(X, targets.codes)))
    proba = net_predict_proba(net, X)
    valid_acc = accuracy_score(targets.codes[valid], proba[valid].argmax(axis=1))
    nll = np.log(proba[valid, targets.codes[valid]]).mean()
    assert net.history[-1, "valid_acc"] == pytest.approx(valid_acc)
    assert net.history[-1, "batch_acc"] == pytest.approx(valid_acc)
    assert net.history[-1, "nll"] == pytest.approx(nll, rel=1e-5)
    if not use_caching:
        expected = accuracy_score(targets.codes[train], proba[train].argmax(axis=1))
        assert net.history[-1, "train_acc"] == pytest.approx(expected)


def test_valid_loss_is_the_soft_loss():
    X = rows(100)
    targets = soft_targets(X, a=1.0, b=0.0)
    net = learn(X, targets)
    _, valid = next(iter(ValidSplit(5, stratified=True).check_cv(targets.codes).split(X, targets.codes)))
    expected = -(targets.teacher[valid] * np.log(net_predict_proba(net, X[valid]))).sum(axis=1).mean()
    assert net.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_early_stopping_schedules_and_clipping_work():
    X = rows()
    stopping = EarlyStopping(patience=2, threshold=10.0, load_best=True)
    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    clipping = GradientNormClipping(1.0)
    net = learn(X, soft_targets(X), callbacks=[stopping, schedule, clipping], max_epochs=50)
    assert len(net.history) < 10
    assert net.optimizer_.param_groups[0]["lr"] < 0.1


def test_a_checkpoint_taken_during_training_is_the_user_s_net(tmp_path):
    X = rows()
    path = tmp_path / "net.pkl"
    checkpoint = Checkpoint(
        monitor=None, f_params=None, f_optimizer=None, f_criterion=None, f_history=None, f_pickle=str(path)
    )
    net = learn(X, soft_targets(X), callbacks=[checkpoint, PicklesItself()])
    for stored in (path.read_bytes(), callback(net, PicklesItself).pickled_):
        back = pickle.loads(stored)
        assert type(back) is NeuralNetClassifier
        assert type(back.criterion_) is torch.nn.CrossEntropyLoss
        np.testing.assert_array_equal(back.predict_proba(X), net.predict_proba(X))


def test_an_interrupted_training_leaves_a_net():
    X = rows()
    net = learn(X, soft_targets(X), callbacks=[StopAfterOne()])
    assert len(net.history) == 1
    assert type(net) is NeuralNetClassifier


def test_a_validation_set_given_beforehand_is_one_of_labels():
    X, other = rows(), rows(30, seed=5).astype(np.float32)
    codes = soft_targets(other).codes
    net = learn(X, soft_targets(X), train_split=predefined_split(Dataset(other, codes)))
    assert net.history[-1, "train_batch_count"] == 1
    proba = net_predict_proba(net, other)
    assert net.history[-1, "valid_acc"] == pytest.approx(accuracy_score(codes, proba.argmax(axis=1)))
    expected = -np.log(proba[np.arange(30), codes]).mean()
    assert net.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-5)
