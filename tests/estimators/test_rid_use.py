"""`RIDStudent` in everyday use: frames, pipelines, metadata routing, interruptions."""

import numpy as np
import pytest
import sklearn
import torch
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import shuffle
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import Callback, EarlyStopping

from skdistill.estimators import RIDStudent
from skdistill.nets import HeldNetClassifier, TorchTeacher
from skdistill.nets._probe import may_be_sized_by_data
from tests.nets.modules import SizeByData, classifier

X, codes = shuffle(*load_iris(return_X_y=True), random_state=0)
Z = StandardScaler().fit_transform(X)
y = load_iris().target_names[codes]


def net(**params):
    return classifier(**{"max_epochs": 5, "lr": 0.1, "batch_size": 32, **params})


def rid(teacher=None, student=None, **params):
    teacher = LogisticRegression(max_iter=1000) if teacher is None else teacher
    return RIDStudent(teacher, net() if student is None else student, **{"random_state": 0, **params})


# Frames.


def frame(rows=Z):
    import pandas

    return pandas.DataFrame(rows, columns=list("abcd"))


@pytest.mark.needs("pandas")
def test_a_bare_net_knows_the_names_of_a_frame():
    model = rid().fit(frame(), y)
    # Warnings are errors here.
    proba = model.predict_proba(frame())
    np.testing.assert_array_equal(model.student_.predict_proba(frame()), proba)
    assert model.student_.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(rid().fit(Z, y).predict_proba(Z), proba)
    with pytest.raises(ValueError, match="feature names should match"):
        model.student_.predict(frame()[["b", "a", "c", "d"]])


@pytest.mark.needs("pandas")
def test_a_net_behind_steps_that_give_frames():
    model = rid(student=make_pipeline(StandardScaler().set_output(transform="pandas"), net())).fit(frame(), y)
    model.predict(frame())
    assert model.student_[-1].feature_names_in_.tolist() == list("abcd")
    with sklearn.config_context(transform_output="pandas"):
        model = RIDStudent(LogisticRegression(), random_state=0).fit(frame(), y)
        model.predict(frame())
    assert model.student_[-1].feature_names_in_.tolist() == list("abcd")


@pytest.mark.needs("polars")
def test_a_bare_net_knows_the_names_of_a_polars_frame():
    import polars

    table = polars.DataFrame(Z, schema=list("abcd"))
    model = rid().fit(table, y)
    model.predict(table)
    assert model.student_.feature_names_in_.tolist() == list("abcd")


def test_the_net_counts_its_own_columns():
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), [0]), remainder="passthrough")
    rows = np.column_stack([codes % 2, Z])
    model = rid(student=make_pipeline(encode, net(module__n_in=6))).fit(rows, y)
    assert (model.n_features_in_, model.student_[-1].n_features_in_) == (5, 6)
    bare = rid().fit(Z, y).student_
    with pytest.raises(ValueError, match="X has 3 features, but HeldNetClassifier is expecting 4"):
        bare.predict(Z[:, :3])


# Pipelines.


def test_a_pipeline_keeps_its_settings(tmp_path, capsys):
    steps = make_pipeline(StandardScaler(), FunctionTransformer(), net(), memory=str(tmp_path), verbose=True)
    model = rid(student=steps).fit(Z, y)
    assert (model.student_.memory, model.student_.verbose) == (str(tmp_path), True)
    assert list(model.student_.named_steps) == list(steps.named_steps)
    assert "(step 2 of 3) Processing functiontransformer" in capsys.readouterr().out
    # Also the last step before the net is kept.
    assert len(list(tmp_path.rglob("output.pkl"))) == 2
    plain = rid(student=make_pipeline(StandardScaler(), FunctionTransformer(), net())).fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))
    # What the user handed over is as it was.
    assert not hasattr(steps[0], "mean_")
    assert not steps[-1].initialized_


# Weights and metadata routing.


class Weighed(LogisticRegression):
    """Remembers the weights that it was fitted with."""

    def fit(self, X, y, sample_weight=None):
        self.given_ = sample_weight
        return super().fit(X, y, sample_weight=sample_weight)


WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, 150)


def in_pipeline(last):
    return make_pipeline(FunctionTransformer(), last)


def searched(last):
    return GridSearchCV(last, {"C": [1.0]}, cv=2)


@pytest.mark.parametrize("build", [in_pipeline, searched])
def test_weights_reach_a_teacher_that_asks_for_them_under_metadata_routing(build):
    plain = rid(build(Weighed(max_iter=1000))).fit(Z, y, sample_weight=WEIGHT)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = Weighed(max_iter=1000).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        model = rid(build(asks)).fit(Z, y, sample_weight=WEIGHT)
        inner = model.teacher_[-1] if build is in_pipeline else model.teacher_.best_estimator_
        np.testing.assert_array_equal(inner.given_, WEIGHT)
    np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))


@pytest.mark.parametrize("build", [in_pipeline, searched])
def test_a_teacher_that_does_not_ask_for_weights_is_fitted_without_and_says_so(build):
    with sklearn.config_context(enable_metadata_routing=True):
        for last in (Weighed(max_iter=1000), Weighed(max_iter=1000).set_fit_request(sample_weight=False)):
            with pytest.warns(
                UserWarning, match=r"must ask for sample_weight.*nothing in it does.*set_fit_r"
            ) as caught:
                model = rid(build(last)).fit(Z, y, sample_weight=WEIGHT)
            assert caught[0].filename == __file__
            inner = model.teacher_[-1] if build is in_pipeline else model.teacher_.best_estimator_
            assert inner.given_ is None
        # Without weights there is nothing to say, and a learner by itself needs no request.
        rid(build(Weighed(max_iter=1000))).fit(Z, y)
        assert rid(Weighed(max_iter=1000)).fit(Z, y, sample_weight=WEIGHT).teacher_.given_ is WEIGHT
        frozen = FrozenEstimator(build(Weighed(max_iter=1000)).fit(Z, y))
        rid(frozen).fit(Z, y, sample_weight=WEIGHT)


def test_a_step_that_leaves_weights_open_is_named_by_scikit_learn():
    with sklearn.config_context(enable_metadata_routing=True):
        asks = LogisticRegression().set_fit_request(sample_weight=True)
        with pytest.raises(UnsetMetadataPassedError, match="StandardScaler"):
            rid(make_pipeline(StandardScaler(), asks)).fit(Z, y, sample_weight=WEIGHT)
        closed = StandardScaler().set_fit_request(sample_weight=False)
        rid(make_pipeline(closed, asks)).fit(Z, y, sample_weight=WEIGHT)


# Interruptions.


class Impatient(Callback):
    """Someone loses patience at some moment of the training."""

    def __init__(self, moment):
        self.moment = moment

    def _stop(self, net, **kwargs):
        raise KeyboardInterrupt

    def __getattribute__(self, name):
        moment = object.__getattribute__(self, "__dict__").get("moment")
        return object.__getattribute__(self, "_stop" if name == moment else name)


@pytest.mark.parametrize("method", ["rid", "ted", "none"])
@pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_batch_end"])
def test_an_interruption_before_the_first_epoch_has_ended_is_passed_on(moment, method):
    model = rid(method=method, warmup_epochs=2)
    proba = model.fit(Z, y).predict_proba(Z)
    model.set_params(student__callbacks=[Impatient(moment)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), proba)


def test_an_interrupted_warm_up_is_passed_on(monkeypatch):
    from skdistill.nets._guide import Guide

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Guide, "before_epoch", stop)
    model = rid()
    with pytest.raises(KeyboardInterrupt):
        model.fit(Z, y)
    assert not hasattr(model, "student_")


def test_a_training_that_ends_early_by_itself_or_has_no_epochs_is_kept():
    early = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    assert len(rid(student=net(callbacks=[early])).fit(Z, y).net_.history) <= 2
    assert rid(student=net(max_epochs=0)).fit(Z, y).net_.history == []


# What is seen of a student before its teacher is fitted.


@pytest.mark.parametrize("random_state", [0, None])
def test_looking_ahead_moves_no_generator(random_state):
    # An unseeded student draws from torch's generator, and only what it draws itself.
    torch.manual_seed(3)
    model = rid(method="none", random_state=random_state).fit(Z, y)
    torch.manual_seed(3)
    plain = HeldNetClassifier(net(), random_state=random_state).fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))


def test_nets_that_are_sized_by_the_data_are_not_judged_before():
    class Sized(type(net())):
        def fit(self, X, y=None, **params):
            self.set_params(module__n_in=X.shape[1])
            return super().fit(X, y, **params)

    wide = np.column_stack([Z, Z])
    assert rid(student=net(callbacks=[SizeByData()])).fit(wide, y).net_.module_.hidden.in_features == 8
    assert rid(student=net(kind=Sized)).fit(wide, y).net_.module_.hidden.in_features == 8
    assert may_be_sized_by_data(net(callbacks=[("size", SizeByData)]))
    assert not may_be_sized_by_data(net(callbacks="disable"))


def test_the_users_net_is_neither_initialised_nor_told_twice():
    class Counting(Callback):
        told = 0

        def on_train_end(self, net, **kwargs):
            type(self).told += 1

    student = net(callbacks=[Counting()])
    rid(student=student).fit(Z, y)
    assert Counting.told == 1
    assert not student.initialized_


# Teachers of another kind.


def test_a_frozen_regressor_is_looked_into_where_its_inside_is_no_answer():
    forest = RandomForestRegressor(10, random_state=0).fit(Z, Z[:, 2])
    assert rid(FrozenEstimator(forest)).fit(Z, y).representation_[0].width_ > 1
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    embedding = FrozenEstimator(TorchTeacher(module, output="values"))
    assert rid(embedding).fit(Z, y).representation_[0].width_ > 1


def test_a_teacher_of_columns_of_its_own_is_asked_in_them():
    both = np.column_stack([Z, Z[:, ::-1]])
    model = rid(RandomForestClassifier(10)).fit(Z, y, X_teacher=both)
    assert model.information_(Z, y, X_teacher=both).redundancy > 0.3
    with pytest.raises(ValueError, match=r"X_teacher must be passed to information_ where fit got one, got None"):
        model.information_(Z, y)
    # The next fit decides anew.
    assert model.fit(Z, y).information_(Z, y).redundancy > 0.3


# Labels of nets.


def test_classes_that_a_net_states_and_two_labels_of_a_binary_one():
    stated = rid(student=net(classes=list(np.unique(y)))).fit(Z, y)
    assert stated.net_.classes == stated.classes_.tolist()
    binary = classifier(
        kind=NeuralNetBinaryClassifier, module__n_out=1, criterion=torch.nn.BCEWithLogitsLoss, max_epochs=5
    )
    assert set(rid(student=binary).fit(Z, np.where(codes, "yes", "no")).predict(Z)) <= {"yes", "no"}


# Students without linear layers.


class Conv(torch.nn.Module):
    """Convolutions alone."""

    def __init__(self):
        super().__init__()
        self.c = torch.nn.Conv1d(1, 6, 4)
        self.head = torch.nn.Conv1d(6, 3, 1)

    def forward(self, X):
        return self.head(torch.relu(self.c(X[:, None, :])))[:, :, 0]


def test_a_student_without_linear_layers_is_told_to_name_a_hidden_one():
    with pytest.warns(UserWarning, match=r"got Conv, in which no linear layer stands behind.*layers=\[\(None, 'name'"):
        rid(student=net(module=Conv), match="both").fit(Z, y)
    model = rid(student=net(module=Conv), match="both", layers=[(None, "c")]).fit(Z, y)
    assert len(model.student_filter_) == 1
