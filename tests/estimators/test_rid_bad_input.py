"""What `RIDStudent` refuses: each error says what was expected, what came, and the way out."""

import sys

import numpy as np
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch.callbacks import Callback

from skdistill.estimators import RIDStudent
from skdistill.exceptions import (
    ConstantRepresentationError,
    ConvergenceError,
    OptionalDependencyError,
    StudentRouteError,
    TeacherError,
)
from skdistill.representation import LeafRepresentation, LogitRepresentation
from tests.nets.modules import Perceptron, classifier, regressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = np.array(["ant", "bee", "cat"])[np.searchsorted([-0.5, 0.5], X[:, 0])]


class Watched(LogisticRegression):
    """A teacher that must not be fitted."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the teacher was fitted before the input was checked")


def rid(teacher=None, student=None, **params):
    teacher = LogisticRegression() if teacher is None else teacher
    return RIDStudent(teacher, classifier() if student is None else student, **{"random_state": 0, **params})


class Idle(Callback):
    """Might change the module, and does not."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        pass


class NoSizes(torch.nn.Module):
    def __init__(self, n_hidden):
        super().__init__()


WRONG_PARAMETERS = [
    ({"method": "kd"}, r"'method' parameter.*must be a str among.*Got 'kd'.*Use 'rid'"),
    ({"match": "head"}, r"'match' parameter.*Use 'output'"),
    ({"transfer_weight": -1.0}, r"'transfer_weight' parameter.*Got -1.0.*Use 0 for the plain student"),
    ({"task_weight": 0.0}, r"'task_weight' parameter.*Use 1 and lower transfer_weight"),
    ({"filter_fraction": 1.0}, r"'filter_fraction' parameter.*Use 0.0"),
    ({"n_channels": 0}, r"'n_channels' parameter"),
    ({"cycle_epochs": 0}, r"'cycle_epochs' parameter"),
    ({"warmup_epochs": -1}, r"'warmup_epochs' parameter"),
    ({"layers": []}, r"layers must be None, the name of a layer of the teacher, or a list.*got \[\]. Use None"),
    ({"layers": [("a", "b", "c")]}, r"layers must be None.*got \[\('a', 'b', 'c'\)\]"),
    ({"layers": 3}, r"layers must be None.*got 3"),
    ({"representation": "leafs"}, r"representation should be one of 'auto', .*'leaves'.*got 'leafs'"),
    ({"layers": [(None, "hiden")]}, r"layers must name layers of the student's module Perceptron, got 'hiden'. It"),
]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"representation": PCA()}, r"representation should be an alias or an instance of Base.*got PCA. Pass"),
        ({"representation": LeafRepresentation}, r"representation should be an alias.*got LeafRepresentation"),
        ({"representation": LogitRepresentation(), "layers": "a"}, r"layers must be None where .*got \['a'\]"),
    ],
)
def test_representations_that_are_none(params, words):
    with pytest.raises(TypeError, match=words):
        rid(Watched(), **params).fit(X, y)


@pytest.mark.parametrize(("params", "words"), WRONG_PARAMETERS, ids=lambda value: str(value)[:25])
def test_parameters_are_checked_before_any_training(params, words):
    with pytest.raises(ValueError, match=words):
        rid(Watched(), **params).fit(X, y)


def with_gap(value):
    bad = X.copy()
    bad[3, 1] = value
    return bad


WRONG_INPUT = [
    (with_gap(np.nan), y, {}, r"Input X contains NaN"),
    (with_gap(np.inf), y, {}, r"Input X contains .*infinity.*neural net cannot take"),
    (X, np.full(60, "ant"), {}, r"at least two classes, got only one class, 'ant'"),
    (X, y, {"sample_weight": (y == "ant").astype(float)}, r"at least two classes.*sample_weight leaves rows of two"),
    (X, X[:, 0], {}, r"Unknown label type"),
    (X, None, {}, r"RIDStudent requires y to be passed.*leave out rows that have none"),
    (with_gap(1e300), y, {}, r"value too large for a neural net in float32.*at most 3.4e\+38, got 1e\+300"),
    (X.reshape(60, 1, 2, 2), y, {}, r"X must be a table.*dim 4.*\(60, 1, 2, 2\).*Unflatten\(1, \(1, 2, 2\)\)"),
    (X.reshape(60, 2, 2).tolist(), y, {}, r"X must be a table.*dim 3.*Flatten each row"),
    (X, np.where(np.arange(60) < 3, None, y), {}, r"y must hold classes of one kind"),
    (X, np.where(np.arange(60) < 3, np.nan, 1.0), {}, r"y contains NaN"),
    (X, y, {"X_teacher": X[:5]}, r"X_teacher must hold the same rows as X, 60 of them, got 5"),
    (X, y, {"sample_weight": -np.ones(60)}, r"sample_weight must be finite and at least 0, got -1.0 in row 0"),
    (X[:1], y[:1], {}, r"minimum of 2 is required"),
]


@pytest.mark.parametrize(("rows", "labels", "params", "words"), WRONG_INPUT)
def test_input_is_checked_before_any_training(rows, labels, params, words):
    with pytest.raises(ValueError, match=words):
        rid(Watched()).fit(rows, labels, **params)


@pytest.mark.parametrize(
    ("student", "words"),
    [
        (Perceptron(), r"student must be a skorch NeuralNetClassifier.*got Perceptron. Pass its class Perceptron"),
        (LogisticRegression(), r"student must be a skorch.*got LogisticRegression. Wrap a module as NeuralNetClassif"),
        (make_pipeline(StandardScaler(), LogisticRegression()), r"student must be a skorch.*got LogisticRegression"),
        (regressor(), r"student must be a skorch NeuralNetClassifier.*got NamedRegressor|NeuralNetRegressor"),
        (NoSizes, r"constructor of student NoSizes must need nothing but the sizes.*\['n_hidden'\].*module__n_hidden"),
    ],
)
def test_students_that_are_no_nets(student, words):
    with pytest.raises(TypeError, match=words):
        rid(Watched(), student).fit(X, y)


def test_teachers_that_are_none():
    with pytest.raises(TypeError, match="teacher must be an instance of an estimator, got the class Logistic"):
        rid(LogisticRegression).fit(X, y)
    with pytest.raises(NotFittedError, match=r"frozen teacher RandomForestClassifier is not fitted. Fit it before"):
        rid(FrozenEstimator(RandomForestClassifier())).fit(X, y)


def test_layers_that_do_not_exist():
    with pytest.raises(ValueError, match=r"layer must be one of the layers of the module Perceptron: 'hidden', 'norm'"):
        rid(classifier(), layers="hiden").fit(X, y)
    with pytest.raises(TypeError, match=r"layers must be None for a model without layers"):
        rid(LogisticRegression(), layers="hidden").fit(X, y)


@pytest.mark.parametrize("n_out", [2, 4])
def test_a_module_of_another_width(n_out):
    with pytest.raises(StudentRouteError, match="must give one column for each of the 3 classes, got outputs of shape"):
        rid(Watched(), classifier(module__n_out=n_out)).fit(X, y)
    # The plain student is of no other width, and a net that is sized by the data is judged by it.
    with pytest.raises(StudentRouteError, match="must give one column for each of the 3 classes"):
        rid(Watched(), classifier(module__n_out=n_out), method="none").fit(X, y)
    with pytest.raises(StudentRouteError, match="must give one column for each of the 3 classes"):
        rid(student=classifier(module__n_out=n_out, callbacks=[Idle()])).fit(X, y)


def test_a_module_for_other_columns():
    with pytest.raises(ValueError, match=r"must take rows of shape \(4,\), and fails on them"):
        rid(Watched(), classifier(module__n_in=7)).fit(X, y)


def test_a_net_that_states_other_classes():
    with pytest.raises(StudentRouteError, match=r"classes of NeuralNetC.* must be .*'ant', 'bee'.*got \[5, 6, 7\]"):
        rid(Watched(), classifier(classes=[5, 6, 7])).fit(X, y)
    with pytest.raises(StudentRouteError, match=r"got \['cat', 'bee', 'ant'\]"):
        rid(Watched(), make_pipeline(StandardScaler(), classifier(classes=["cat", "bee", "ant"]))).fit(X, y)


class WatchedRegressor(LinearRegression):
    """A regressor that must not be fitted."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the teacher was fitted before the input was checked")


def test_teachers_that_are_regressors():
    words = r"teacher must be a classifier, got the regressor (WatchedRegressor|Pipeline|LinearRegression). Use the cl"
    fitted = LinearRegression().fit(X, X[:, 0])
    for teacher in (
        WatchedRegressor(),
        make_pipeline(StandardScaler(), WatchedRegressor()),
        FrozenEstimator(fitted),
    ):
        with pytest.raises(TeacherError, match=words):
            rid(teacher).fit(X, y)
    forest = FrozenEstimator(RandomForestRegressor(3).fit(X, X[:, 0]))
    with pytest.raises(TeacherError, match=r"teacher must be a classifier, got the regressor RandomForestRegressor"):
        rid(forest, representation="log_proba").fit(X, y)


@pytest.mark.needs("pandas")
def test_columns_of_words_and_no_student():
    import pandas

    words = pandas.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 0, "w", "v")})
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    with pytest.raises(ValueError, match=r"X must be numeric for student=None.*'[vw]'.*make_pipeline\(make_col"):
        RIDStudent(make_pipeline(encode, Watched())).fit(words, y)
    # What a user's own steps refuse is theirs to say.
    with pytest.raises(ValueError, match=r"^could not convert string to float: '[vw]'"):
        rid(make_pipeline(encode, Watched()), make_pipeline(StandardScaler(), classifier())).fit(words, y)


@pytest.mark.parametrize("method", ["rid", "vid", "none"])
def test_a_loss_that_is_no_number(method):
    with pytest.raises(ConvergenceError, match=r"finite, got (nan|inf) in epoch \d+ of 3, phase 'student'. Lower lr"):
        rid(student=classifier(lr=1e30), method=method).fit(X, y)


def test_batches_larger_than_the_data():
    net = classifier(batch_size=100, iterator_train__drop_last=True)
    with pytest.raises(
        ValueError, match=r"batch_size must be at most the number of rows, 60, where incomplete batches"
    ):
        rid(Watched(), net).fit(X, y)
    # One batch of fewer rows is no error, as it is none in skorch.
    assert len(rid(student=classifier(batch_size=100)).fit(X, y).net_.history[-1, "batches"]) == 2


def test_a_representation_that_is_the_same_for_all_rows():
    class Blind(torch.nn.Module):
        def forward(self, X):
            return 0.0 * X[:, :3]

    from skdistill.nets import TorchTeacher

    teacher = FrozenEstimator(TorchTeacher(Blind(), classes=np.unique(y)))
    with pytest.raises(ConstantRepresentationError):
        rid(teacher).fit(X, y)


def test_a_device_that_is_absent(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ValueError, match=r"device must be one that torch sees on this machine, got 'cuda'.*device='cpu'"
    ):
        rid(Watched(), classifier(device="cuda")).fit(X, y)


@pytest.mark.parametrize(("student", "what"), [(None, "None"), (Perceptron, "the class Perceptron")])
def test_settings_of_no_net(student, what):
    with pytest.raises(ValueError, match=f"student__lr needs a student with parameters, got {what}. Pass a net"):
        RIDStudent(LogisticRegression(), student).set_params(student__lr=0.1)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "skorch", None)
    with pytest.raises(OptionalDependencyError, match=r"RIDStudent needs the package 'skorch'.*skdistill\[torch\]"):
        RIDStudent(Watched()).fit(X, y)


def test_asked_before_it_is_fitted():
    model = RIDStudent(LogisticRegression())
    for method in (model.predict, model.predict_proba):
        with pytest.raises(NotFittedError, match="This RIDStudent instance is not fitted yet"):
            method(X)
    with pytest.raises(NotFittedError):
        model.information_(X, y)


def test_rows_to_predict_are_checked():
    model = rid().fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features, but RIDStudent is expecting 4 features"):
        model.predict(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        model.predict(with_gap(np.nan))
    with pytest.raises(ValueError, match=r"X must be a table of rows, got an array with dim 3.*Flatten each row"):
        model.predict(X.reshape(60, 2, 2))
