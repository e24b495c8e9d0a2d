"""What `RIDStudent` takes and gives: students and teachers of all kinds, searches, attributes."""

import contextlib
import io
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import shuffle
from skorch.callbacks import Callback, EarlyStopping

from skdistill.estimators import RIDStudent
from skdistill.information import PartialInformation
from skdistill.nets import HeldNetClassifier, SmallNet, TorchTeacher
from tests.nets.modules import Perceptron, classifier

X, codes = shuffle(*load_iris(return_X_y=True), random_state=0)
Z = StandardScaler().fit_transform(X)
y = load_iris().target_names[codes]


def net(**params):
    return classifier(**{"max_epochs": 20, "lr": 0.1, "batch_size": 32, **params})


def rid(teacher=None, student=None, **params):
    teacher = LogisticRegression(max_iter=1000) if teacher is None else teacher
    return RIDStudent(teacher, net() if student is None else student, **{"random_state": 0, **params})


TEACHERS = {
    "forest": RandomForestClassifier(10),
    "boosting": HistGradientBoostingClassifier(max_iter=5),
    "kernel": SVC(),
    "linear": LogisticRegression(),
    "answers": GaussianNB(),
    "net": net(),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5)),
    "module": FrozenEstimator(TorchTeacher(Perceptron(), classes=np.unique(y))),
    "frozen": FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(Z, y)),
}


@pytest.mark.parametrize("method", ["rid", "vid", "ted"])
@pytest.mark.parametrize("name", TEACHERS)
def test_any_teacher(name, method):
    model = rid(TEACHERS[name], method=method, match="both", warmup_epochs=2).fit(Z, y)
    assert model.score(Z, y) > 0.8
    (seen,) = model.representation_
    assert seen.transform(Z).shape[0] == 150
    assert all(np.isfinite(entry.get("transfer_loss", 0.0)) for entry in model.history_)


STUDENTS = {
    "none": None,
    "net": net(),
    "class": SmallNet,
    "linear": torch.nn.Linear,
    "pipeline": make_pipeline(StandardScaler(), net()),
    "probabilities": net(module__softmax=True, criterion=torch.nn.NLLLoss),
    "double": net(module__double=True),
    "norm": net(module__norm=True, batch_size=7, lr=0.05),
}


@pytest.mark.parametrize("match", ["output", "both"])
@pytest.mark.parametrize("name", STUDENTS)
def test_any_student(name, match):
    model = RIDStudent(RandomForestClassifier(10), STUDENTS[name], match=match, random_state=0).fit(Z, y)
    # Guessing scores a third; the linear module has but a few hundred steps.
    assert model.score(Z, y) > 0.6
    proba = model.predict_proba(Z)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.predict(Z), model.classes_[proba.argmax(axis=1)])
    np.testing.assert_array_equal(model.student_.predict_proba(Z), proba)
    assert type(pickle.loads(pickle.dumps(model)).net_) is type(model.net_)


def test_without_a_student_it_is_the_small_net_on_standardised_columns():
    model = RIDStudent(RandomForestClassifier(10), random_state=0).fit(1000.0 * X + 5.0, y)
    assert isinstance(model.net_.module_, SmallNet)
    assert isinstance(model.student_[0], StandardScaler)
    assert len(model.net_.history) == 100
    assert model.score(1000.0 * X + 5.0, y) > 0.95


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("student", [None, net()])
def test_sparse_rows(convert, student):
    model = RIDStudent(LogisticRegression(max_iter=1000), student, match="both", random_state=0)
    assert model.fit(convert(X), y).predict(convert(X)).shape == (150,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_number_types(dtype):
    model = rid().fit((10 * X).astype(dtype), y)
    assert model.predict_proba((10 * X).astype(dtype)).dtype == np.float64


@pytest.mark.needs("pandas")
def test_frames_with_categories():
    import pandas

    frame = pandas.DataFrame({"length": Z[:, 0], "width": Z[:, 2], "kind": np.where(X[:, 3] > 1.0, "wide", "narrow")})
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    teacher = make_pipeline(clone(encode), RandomForestClassifier(10))
    student = make_pipeline(encode, StandardScaler(), net())
    model = RIDStudent(teacher, student, random_state=0).fit(frame, y)
    assert model.score(frame, y) > 0.8
    assert model.feature_names_in_.tolist() == ["length", "width", "kind"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["kind", "length", "width"]])
    with pytest.raises(ValueError, match="X must be numeric for a neural net"):
        rid(teacher).fit(frame, y)


def test_a_teacher_on_other_columns():
    model = rid(RandomForestClassifier(10), net(module__n_in=2), match="both").fit(Z[:, :2], y, X_teacher=Z)
    assert model.teacher_.n_features_in_ == 4
    assert model.predict(Z[:, :2]).shape == (150,)
    found = model.information_(Z[:, :2], y, X_teacher=Z)
    assert found.information_teacher > found.information_student


def test_settings_of_the_net_are_reached():
    model = rid(student=net(callbacks=[("stop", EarlyStopping(patience=2, threshold=10.0))]))
    assert len(model.fit(Z, y).net_.history) == 3
    model.set_params(student__callbacks__stop=None, student__lr=0.2, student__max_epochs=9, student__device="cpu")
    fitted = model.fit(Z, y)
    assert len(fitted.net_.history) == 9
    assert (fitted.net_.lr, fitted.net_.device) == (0.2, "cpu")
    assert not model.student.initialized_


def test_searches_over_the_net_and_the_transfer():
    grid = {"student__lr": [1e-6, 0.3], "transfer_weight": [0.0, 1.0]}
    found = GridSearchCV(rid(student=net(max_epochs=10)), grid, cv=2).fit(Z, y)
    assert found.best_params_["student__lr"] == 0.3
    piped = make_pipeline(StandardScaler(), rid())
    assert cross_val_score(piped, X, y, cv=2).min() > 0.7


def test_a_search_cuts_the_teachers_rows_too():
    found = GridSearchCV(rid(student=net(module__n_in=2)), {"student__lr": [0.3]}, cv=2)
    assert found.fit(Z[:, :2], y, X_teacher=Z).best_score_ > 0.5


def test_without_transfer_it_is_the_held_net_of_the_same_seed():
    plain = HeldNetClassifier(net(module__dropout=0.3), random_state=3).fit(Z, y)
    for settings in ({"method": "none"}, {"transfer_weight": 0.0}):
        model = rid(student=net(module__dropout=0.3), random_state=3, **settings).fit(Z, y)
        np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))
        assert model.teacher_filter_ == model.student_filter_ == model.scale_ == model.trust_ == []


def test_filters_and_scales():
    model = rid(RandomForestClassifier(10), match="both").fit(Z, y)
    T = model.representation_[0].transform(Z)
    (teacher,), (student,), (scale,) = model.teacher_filter_, model.student_filter_, model.scale_
    with torch.no_grad():
        channels = teacher(torch.tensor(T, dtype=torch.float32))
        hidden = torch.relu(model.net_.module_.hidden(torch.tensor(Z, dtype=torch.float32)))
        errors = torch.square(channels - student(hidden)).mean(dim=0)
    assert channels.shape == (150, 3)
    assert scale.shape == (3,)
    assert (scale > 0).all()
    # The channels are what the student was drawn to.
    assert errors.mean() < 0.5 * channels.var(dim=0).mean()
    assert 0.5 < model.trust_[0] <= 1.0
    assert rid(n_channels=1, match="both").fit(Z, y).scale_[0].shape == (1,)
    assert rid(method="ted", n_channels=7).fit(Z, y).teacher_filter_[0].layers[0].out_features == 7
    assert rid(method="vid").fit(Z, y).teacher_filter_ == []


def test_layers_of_both_sides():
    teacher = net(module__n_hidden=12)
    pairs = ["hidden", (None, "hidden"), ("hidden", "out")]
    model = rid(teacher, layers=pairs, match="hidden", transfer_weight=0.1).fit(Z, y)
    assert len(model.student_filter_) == 3
    assert [one.layers[0].in_features for one in model.student_filter_] == [8, 8, 3]
    assert model.representation_[0] is model.representation_[2]
    assert rid(teacher, layers="hidden").fit(Z, y).representation_[0].inside.layer == "hidden"
    assert rid(layers=[(None, "hidden")], match="hidden").fit(Z, y).score(Z, y) > 0.8


class Counted(RandomForestClassifier):
    """Counts how often it is asked."""

    def __init__(self, n_estimators=5, random_state=None):
        super().__init__(n_estimators, random_state=random_state)

    def apply(self, X):
        self.asked_ = getattr(self, "asked_", 0) + len(X)
        return super().apply(X)


def test_answers_stand_beside_the_inside_of_a_frozen_filter():
    forest = RandomForestClassifier(10)
    default, papers = rid(forest).fit(Z, y), rid(forest, filter_fraction=0.25, match="hidden").fit(Z, y)
    width = papers.representation_[0].width_
    both = default.representation_[0].transform(Z)
    assert both.shape == (150, width + 3)
    logs = np.log(np.maximum(default.teacher_.predict_proba(Z), 1e-6))
    np.testing.assert_allclose(both[:, width:], logs - logs.mean(axis=1, keepdims=True), atol=1e-12)
    # They reach the filter with a single weight.
    weights = default.teacher_filter_[0].layers[0].weight.detach().numpy()[:, width:]
    np.testing.assert_allclose(weights, weights[0, 0] * np.eye(3), atol=1e-7)
    assert weights[0, 0] > 0.1
    # Where a hidden layer is matched they are coordinates like any other.
    assert rid(forest, match="hidden").fit(Z, y).representation_[0].n_answers_ == 0
    assert rid(forest, representation="leaves").fit(Z, y).representation_[0].width_ == width
    assert rid(LogisticRegression(max_iter=1000)).fit(Z, y).representation_[0].width_ == 3


def test_answers_of_a_teacher_that_knows_some_of_the_classes_have_a_column_for_each():
    known = y != "setosa"
    teacher = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(Z[known], y[known]))
    model = rid(teacher).fit(Z, y)
    answers = model.representation_[0].transform(Z)[:, -3:]
    assert (answers[:, 0] < answers[:, 1:].max(axis=1)).all()
    assert model.score(Z, y) > 0.8


@pytest.mark.parametrize("labels", [np.array(["a", "b", "c", "d"])[codes + (X[:, 0] > 6.0)], codes.astype(float) + 0.5])
def test_answers_for_other_classes_are_columns_of_the_representation(labels):
    kinds, numbers = np.unique(labels, return_inverse=True)
    # Strings that look like the student's classes are other classes too.
    spelled = numbers.astype(str) if labels.dtype.kind == "U" else numbers + 10
    forest = RandomForestClassifier(10, random_state=0).fit(Z, spelled)
    model = rid(FrozenEstimator(forest), net(module__n_out=3)).fit(Z, codes)
    (seen,) = model.representation_
    both, width = seen.transform(Z), seen.inside.width_
    assert both.shape[1] <= width + len(kinds)
    # Both blocks have the same total variance.
    assert both[:, :width].var(axis=0).sum() == pytest.approx(both[:, width:].var(axis=0).sum())
    assert model.score(Z, codes) > 0.8


def test_a_teacher_with_a_kernel_pickles():
    model = rid(SVC()).fit(Z, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.representation_[0].transform(Z), model.representation_[0].transform(Z))


def test_the_teacher_is_asked_once_and_not_every_epoch():
    few = rid(Counted(), student=net(max_epochs=2)).fit(Z, y).teacher_.asked_
    many = rid(Counted(), student=net(max_epochs=20)).fit(Z, y).teacher_.asked_
    assert few == many


def test_information_of_the_pair():
    model = rid(RandomForestClassifier(20)).fit(Z[::2], y[::2])
    found = model.information_(Z[1::2], y[1::2])
    assert isinstance(found, PartialInformation)
    parts = (found.redundancy, found.unique_teacher, found.unique_student, found.synergy)
    assert sum(parts) == pytest.approx(found.mutual_information)
    assert 0.5 < found.redundancy < np.log2(3)
    np.testing.assert_equal(found.as_dict(), model.information_(Z[1::2], y[1::2]).as_dict())


class Phases(Callback):
    def on_train_begin(self, net, **kwargs):
        self.epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1


def test_history_tells_phases_and_no_times():
    student = net(callbacks=[Phases()], max_epochs=6)
    model = rid(student=student, match="hidden", warmup_epochs=3, cycle_epochs=4, filter_fraction=0.5).fit(Z, y)
    phases = [entry["phase"] for entry in model.history_]
    assert phases == ["warmup"] * 3 + (["filter"] * 2 + ["student"] * 2) * 3
    assert next(one for _, one in model.net_.callbacks_ if isinstance(one, Phases)).epochs_ == 6
    assert not any("dur" in entry for entry in model.history_)


def test_weights_count():
    weight = np.where(codes == 0, 20.0, 1.0)
    plain, heavy = rid(), rid()
    plain.fit(Z, y)
    heavy.fit(Z, y, sample_weight=weight)
    first = y == "setosa"
    assert heavy.predict_proba(Z)[~first, 0].mean() > plain.predict_proba(Z)[~first, 0].mean()


def test_progress_is_told():
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        rid(verbose=1).fit(Z, y)
    assert "filter 0: tells" in told.getvalue()
