"""What `RIDStudent` takes and gives: students and teachers of all kinds, searches, attributes."""

import contextlib
import io
import pickle
from typing import ClassVar

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
from skorch import NeuralNetClassifier
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


def untrained(seed=0):
    """A module with parameters of its own seed: torch's generator begins elsewhere in every process."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Perceptron()


TEACHERS = {
    "forest": RandomForestClassifier(10),
    "boosting": HistGradientBoostingClassifier(max_iter=5),
    "kernel": SVC(),
    "linear": LogisticRegression(),
    "answers": GaussianNB(),
    "net": net(),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5)),
    "module": FrozenEstimator(TorchTeacher(untrained(), classes=np.unique(y))),
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
    "pipeline": make_pipeline(StandardScaler(), net()),
    "probabilities": net(module__softmax=True, criterion=torch.nn.NLLLoss),
    "double": net(module__double=True),
    "norm": net(module__norm=True, batch_size=7, lr=0.05),
}


@pytest.mark.parametrize("match", ["output", "both"])
@pytest.mark.parametrize("name", STUDENTS)
def test_any_student(name, match):
    model = RIDStudent(RandomForestClassifier(10), STUDENTS[name], match=match, random_state=0).fit(Z, y)
    assert model.score(Z, y) > 0.8
    proba = model.predict_proba(Z)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.predict(Z), model.classes_[proba.argmax(axis=1)])
    np.testing.assert_array_equal(model.student_.predict_proba(Z), proba)
    assert type(pickle.loads(pickle.dumps(model)).net_) is type(model.net_)


def test_a_module_of_one_layer():
    model = RIDStudent(RandomForestClassifier(10), torch.nn.Linear, random_state=0).fit(Z, y)
    # Guessing scores a third; the linear module has but a few hundred steps.
    assert model.score(Z, y) > 0.6


@pytest.mark.parametrize("match", ["hidden", "both"])
def test_a_student_without_a_hidden_layer_is_matched_at_its_output(match):
    inside = {"representation": "leaves", "random_state": 0}
    with pytest.warns(UserWarning, match=r"needs a student with a hidden layer, got Linear.*Use match='out") as caught:
        model = RIDStudent(RandomForestClassifier(10), torch.nn.Linear, match=match, **inside).fit(Z, y)
    assert caught[0].filename == __file__
    assert model.student_filter_ == model.scale_ == []
    output = RIDStudent(RandomForestClassifier(10), torch.nn.Linear, match="output", **inside).fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), output.predict_proba(Z))
    # What moves towards the student, or has no filter, is matched by the outputs as it was.
    for params in ({"filter_fraction": 0.25}, {"method": "vid"}, {"method": "ted"}):
        other = RIDStudent(RandomForestClassifier(10), torch.nn.Linear, match=match, **inside, **params).fit(Z, y)
        assert other.student_filter_[0].layers[0].in_features == 3


class Lower(Perceptron):
    """Computes in bfloat16, and gives logits of that type."""

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x)


class Stepping(NeuralNetClassifier):
    """Keeps the types of its losses, and may compute its steps in bfloat16."""

    lower = False
    types: ClassVar[set] = set()

    def train_step_single(self, batch, **fit_params):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.lower):
            step = super().train_step_single(batch, **fit_params)
        self.types.add(step["loss"].dtype)
        return step


class LowerStepping(Stepping):
    lower = True


SETTINGS = {
    "output": {},
    # Two matches at the default weight magnify the least difference of precision.
    "both": {"match": "both", "transfer_weight": 0.5},
    "paper": {"match": "hidden", "filter_fraction": 0.25, "warmup_epochs": 2, "cycle_epochs": 8},
    "vid": {"method": "vid"},
    "ted": {"method": "ted", "warmup_epochs": 2},
    "none": {"method": "none"},
}


@pytest.mark.parametrize(("module", "kind"), [(Lower, Stepping), (Perceptron, LowerStepping)], ids=["module", "step"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_mixed_precision(setting, module, kind):
    Stepping.types.clear()
    lower = rid(student=net(module=module, kind=kind), **SETTINGS[setting]).fit(Z, y)
    assert Stepping.types == {torch.float32}
    proba = lower.predict_proba(Z)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    # The transfer, too, is that of single precision but for bfloat16's three digits.
    whole = rid(**SETTINGS[setting]).fit(Z, y)
    assert np.abs(proba - whole.predict_proba(Z)).mean() < 0.02
    for one, other in zip(lower.history_, whole.history_, strict=True):
        assert one.get("transfer_loss", 0.0) == pytest.approx(other.get("transfer_loss", 0.0), rel=0.1)
    again = pickle.loads(pickle.dumps(lower))
    np.testing.assert_array_equal(again.predict_proba(Z), proba)


def test_mixed_precision_of_teachers_and_of_plain_nets():
    model = rid(net(module=Lower), net(module=Lower), match="both").fit(Z, y)
    assert model.score(Z, y) > 0.8
    assert np.isfinite(model.information_(Z, y).redundancy)
    plain = HeldNetClassifier(net(module=Lower), random_state=0).fit(Z, y)
    without = rid(net(), net(module=Lower), transfer_weight=0.0).fit(Z, y)
    np.testing.assert_array_equal(without.predict_proba(Z), plain.predict_proba(Z))


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
    student = make_pipeline(encode, StandardScaler(), net(max_epochs=60))
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
    proba = default.teacher_.predict_proba(Z)
    # A vote that nobody cast counts as half the least that was.
    logs = np.log(np.maximum(proba, 0.5 * proba[proba > 0].min()))
    np.testing.assert_allclose(both[:, width:], logs - logs.mean(axis=1, keepdims=True), atol=1e-12)
    # They reach the filter with a single weight.
    weights = default.teacher_filter_[0].layers[0].weight.detach().numpy()[:, width:]
    np.testing.assert_allclose(weights, weights[0, 0] * np.eye(3), atol=1e-7)
    assert weights[0, 0] > 0.1
    # Where a hidden layer is matched they are coordinates like any other.
    assert rid(forest, match="hidden").fit(Z, y).representation_[0].n_answers_ == 0
    assert rid(forest, representation="leaves").fit(Z, y).representation_[0].width_ == width
    logistic = LogisticRegression(max_iter=1000).fit(Z, y)
    # Of a linear teacher the logits are the inside; as answers they have a single weight besides.
    assert rid(FrozenEstimator(logistic)).fit(Z, y).representation_[0].transform(Z).shape == (150, 6)
    assert rid(FrozenEstimator(logistic), match="hidden").fit(Z, y).representation_[0].width_ == 3


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


@pytest.mark.parametrize("teacher", [RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=1000)])
def test_a_teacher_of_the_same_rows_teaches_what_it_answers_about_others(teacher):
    model = rid(teacher).fit(Z, y)
    (seen,) = model.representation_
    (weights,) = (layer.layers[0].weight.detach().numpy() for layer in model.teacher_filter_)
    assert seen.transform(Z).shape == (150, weights.shape[1])
    # Nothing of the inside, and a single weight for the answers.
    np.testing.assert_array_equal(weights[:, :-3], 0.0)
    np.testing.assert_allclose(weights[:, -3:], weights[0, -3] * np.eye(3), atol=1e-7)
    assert weights[0, -3] > 0.1
    told = model.history_[0]["information"]
    assert model.trust_ == [pytest.approx(told * (1.0 - told) ** 2)]
    frozen = rid(FrozenEstimator(clone(teacher).fit(Z, y))).fit(Z, y)
    first = frozen.history_[0]
    more = first["answer_information"] + max(0.0, first["information"] - first["own_information"])
    assert frozen.trust_ == [pytest.approx(min(1.0, more / first["own_information"]))]


def test_a_frozen_teacher_is_followed_as_far_as_it_tells_more_than_the_rows():
    rng = np.random.default_rng(0)
    good = RandomForestClassifier(50, random_state=0).fit(Z, y)
    random = RandomForestClassifier(50, random_state=0).fit(Z, rng.permutation(y))
    knows, guesses = (rid(FrozenEstimator(one)).fit(Z[::2], y[::2]) for one in (good, random))
    assert knows.trust_[0] == 1.0
    # Its leaves cut the rows into parts that labels can be learnt from; so do the rows' own columns.
    assert guesses.history_[0]["information"] > 0.3
    assert guesses.trust_[0] < 0.1


def test_a_teacher_that_knows_labels_of_noise_by_heart_teaches_next_to_nothing():
    rng = np.random.default_rng(0)
    noise, drawn = rng.normal(size=(300, 5)), rng.integers(3, size=300)
    forest = RandomForestClassifier(20, random_state=0)
    assert rid(forest, net(module__n_in=5)).fit(noise, drawn).trust_[0] < 0.02
    # The inside that was asked for by name is believed: its labels are those of the same rows.
    assert rid(forest, net(module__n_in=5), representation="leaves").fit(noise, drawn).trust_[0] > 0.3


def test_rows_that_nobody_else_can_be_asked_about_teach_nothing():
    some = [int(np.flatnonzero(codes == k)[0]) for k in range(3)]
    model = rid(student=net(train_split=None, batch_size=3)).fit(Z[some], y[some])
    plain = rid(student=net(train_split=None, batch_size=3), method="none").fit(Z[some], y[some])
    assert model.trust_ == [0.0]
    np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))


def test_equal_rows_are_told_by_teachers_that_saw_none_of_them():
    # Copies of a row have the same label, which only a teacher that saw one of them can know.
    rng = np.random.default_rng(1)
    rows, drawn = rng.normal(size=(60, 4)), rng.integers(3, size=60)
    forest = RandomForestClassifier(20, random_state=0)
    model = rid(forest).fit(np.repeat(rows, 5, axis=0), np.repeat(drawn, 5))
    assert model.teacher_.score(rows, drawn) > 0.9
    assert model.trust_[0] < 0.02


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
