"""Teachers of `RIDStudent` that have little or nothing to give, inside or in their answers."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import shuffle
from sklearn.utils.validation import check_is_fitted

from skdistill.estimators import RIDStudent
from skdistill.exceptions import ConstantRepresentationError, InvalidResponseError
from skdistill.information import PartialInformation
from skdistill.nets import HeldNetClassifier, LayerRepresentation, TorchTeacher
from skdistill.representation import KernelRepresentation, LeafRepresentation, LogProbaRepresentation
from tests.nets.modules import classifier

X, codes = shuffle(*load_iris(return_X_y=True), random_state=0)
Z = StandardScaler().fit_transform(X)
y = load_iris().target_names[codes]


def net(**params):
    return classifier(**{"max_epochs": 20, "lr": 0.1, "batch_size": 32, **params})


def rid(teacher, **params):
    return RIDStudent(teacher, net(), **{"random_state": 0, **params})


class Secret(LogisticRegression):
    """A teacher that must not be asked anything."""

    def decision_function(self, X):
        raise AssertionError("the teacher was asked")

    predict = predict_proba = predict_log_proba = decision_function


class Blind(torch.nn.Module):
    """Its layers see nothing of the rows; its output takes them past the layers."""

    def __init__(self, sees=True):
        super().__init__()
        self.layer = torch.nn.Linear(4, 8)
        self.out = torch.nn.Linear(8, 3)
        self.sees = sees
        # Parameters that torch draws are others in every process.
        for part in self.parameters():
            torch.nn.init.constant_(part, 0.5)
        torch.nn.init.zeros_(self.layer.weight)

    def forward(self, X):
        return self.out(torch.relu(self.layer(X))) + (X[:, :3] if self.sees else 0.0)


class Broken(RandomForestClassifier):
    """Its leaves are in order and its probabilities are not."""

    def predict_proba(self, X):
        return np.full((len(X), 3), np.nan)


def blind(sees=True):
    return FrozenEstimator(TorchTeacher(Blind(sees), classes=np.unique(y)))


TEACHERS = {
    "secret": Secret(max_iter=1000),
    "constant": DummyClassifier(),
    "stump": DecisionTreeClassifier(max_leaf_nodes=2, min_samples_leaf=100),
    "pairs": SVC(decision_function_shape="ovo"),
    "blind": blind(sees=False),
    "layer that does not exist": net(),
}
WITHOUT = [{"method": "none"}, {"transfer_weight": 0.0}, {"transfer_weight": 0.0, "method": "ted"}]


@pytest.mark.parametrize("params", WITHOUT, ids=str)
@pytest.mark.parametrize("name", TEACHERS)
def test_without_transfer_no_teacher_is_looked_into(name, params):
    layers = "hiden" if name.startswith("layer") else None
    plain = HeldNetClassifier(net(), random_state=0).fit(Z, y)
    model = rid(TEACHERS[name], layers=layers, **params).fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), plain.predict_proba(Z))
    check_is_fitted(model.teacher_)
    assert model.representation_ == model.trust_ == []


def test_without_transfer_information_looks_into_the_teacher_when_it_is_asked_for():
    model = rid(RandomForestClassifier(20), method="none").fit(Z[::2], y[::2])
    found = model.information_(Z[1::2], y[1::2])
    assert isinstance(found, PartialInformation)
    assert found.redundancy > 0.5
    # What was fitted is measured, whatever is set for the next fit.
    model.set_params(representation="kernel", match="both")
    np.testing.assert_equal(found.as_dict(), model.information_(Z[1::2], y[1::2]).as_dict())
    layers = ["hidden", "out", "hidden"]
    two = rid(net(), layers=layers, representation="layers", transfer_weight=0.0).fit(Z[::2], y[::2])
    assert two._teacher_sees(Z).shape == (150, 8 + 3)
    with pytest.raises(ConstantRepresentationError, match="must differ between rows"):
        rid(DummyClassifier(), method="none").fit(Z, y).information_(Z, y)


WAY_OUT = r"must differ between rows.*labels alone.*set transfer_weight=0 or method='none'"


@pytest.mark.parametrize("method", ["rid", "vid", "ted"])
@pytest.mark.parametrize(
    "teacher",
    [DummyClassifier(), DecisionTreeClassifier(min_samples_leaf=100), blind(sees=False)],
    ids=["constant", "stump", "net"],
)
def test_a_teacher_that_sees_and_says_the_same_of_all_rows(teacher, method):
    with pytest.raises(ConstantRepresentationError, match=WAY_OUT):
        rid(teacher, method=method).fit(Z, y)


def test_a_forest_on_constant_columns():
    with pytest.raises(ConstantRepresentationError, match=f"LeafRepresentation of RandomForest.*{WAY_OUT}"):
        rid(RandomForestClassifier(5)).fit(Z, y, X_teacher=np.ones((150, 2)))


@pytest.mark.parametrize(
    "params", [{"representation": "layers"}, {"representation": LayerRepresentation()}, {"layers": "layer"}], ids=str
)
def test_an_inside_that_was_asked_for_and_is_the_same_for_all_rows(params):
    with pytest.raises(ConstantRepresentationError, match=f"LayerRepresentation of TorchTeacher {WAY_OUT}"):
        rid(blind(), **params).fit(Z, y)


@pytest.mark.parametrize("method", ["rid", "vid", "ted"])
def test_answers_stand_in_for_an_inside_that_is_the_same_for_all_rows(method):
    model = rid(blind(), method=method, match="both").fit(Z, y)
    (seen,) = model.representation_
    assert isinstance(seen, LogProbaRepresentation)
    assert model.score(Z, y) > 0.6


@pytest.mark.parametrize(
    "teacher",
    [SVC(decision_function_shape="ovo"), make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo"))],
    ids=["machine", "pipeline"],
)
@pytest.mark.parametrize("match", ["output", "both"])
def test_the_inside_stands_alone_where_answers_compare_pairs_of_classes(teacher, match):
    with pytest.warns(UserWarning, match=r"answers of the teacher SVC must be readable.*inside alone.*shape='ovr'"):
        model = rid(teacher, match=match).fit(Z, y)
    (seen,) = model.representation_
    assert isinstance(seen, KernelRepresentation)
    named = rid(teacher, match=match, representation="kernel").fit(Z, y)
    np.testing.assert_array_equal(model.predict_proba(Z), named.predict_proba(Z))
    assert model.trust_[0] > 0.8


def test_the_inside_stands_alone_where_answers_are_no_probabilities():
    with pytest.warns(UserWarning, match=r"answers of the teacher Broken must be readable") as caught:
        model = rid(Broken(10)).fit(Z, y)
    # It points at the line that called fit.
    assert caught[0].filename == __file__
    assert isinstance(model.representation_[0], LeafRepresentation)
    assert model.score(Z, y) > 0.8
    with pytest.raises(InvalidResponseError):
        rid(Broken(10), representation="log_proba").fit(Z, y)


def test_a_teacher_of_several_outputs_is_seen_inside_alone():
    forest = RandomForestClassifier(10, random_state=0).fit(Z, np.column_stack([codes, codes > 0]))
    model = rid(FrozenEstimator(forest)).fit(Z, y)
    assert isinstance(model.representation_[0], LeafRepresentation)
    assert model.score(Z, y) > 0.8


class Unread(ClassifierMixin, BaseEstimator):
    """Neither its inside nor its answers can be read."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 2.0)

    def predict(self, X):
        return self.classes_[np.zeros(len(X), dtype=int)]


def test_a_teacher_of_whom_nothing_can_be_read():
    with pytest.raises(InvalidResponseError):
        rid(Unread()).fit(Z, y)
    assert rid(Unread(), transfer_weight=0.0).fit(Z, y).score(Z, y) > 0.8
