"""What both models say about a set of rows: any pair of models, any labels, clear errors."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill.exceptions import InvalidResponseError, TeacherError
from skdistill.fidelity._answers import collect_answers, read_sets
from skdistill.fidelity._models import codes_in, known_classes, label_array, readable, task_of
from skdistill.fidelity._told import answers_from_arrays

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="module")
def teacher():
    return RandomForestClassifier(10, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def student():
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)


def words(*parts):
    return ".*".join(re.escape(part) for part in parts)


class Reversed:
    """A classifier whose classes are in another order."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_[::-1]

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        return self.model.predict_proba(X)[:, ::-1]


def test_answers_of_a_pair(teacher, student):
    found = collect_answers(teacher, student, "test", X, Y, sample_weight=np.arange(150.0))
    np.testing.assert_allclose(found.proba_teacher, teacher.predict_proba(X))
    np.testing.assert_allclose(found.proba_student, student.predict_proba(X))
    np.testing.assert_array_equal(found.codes_student, student.predict(X))
    np.testing.assert_array_equal(found.codes_true, Y)
    np.testing.assert_array_equal(found.disagreement(), teacher.predict(X) != student.predict(X))
    np.testing.assert_array_equal(found.unit_weight(), np.arange(150.0))
    assert (found.n_rows, found.has_truth, found.has_proba, found.task) == (150, True, True, "classification")


def test_class_order_is_by_value(teacher, student):
    straight = collect_answers(teacher, student, "test", X, Y)
    turned = collect_answers(Reversed(teacher), Reversed(student), "test", X, Y)
    np.testing.assert_allclose(turned.proba_teacher, straight.proba_teacher)
    np.testing.assert_allclose(turned.proba_student, straight.proba_student)
    np.testing.assert_array_equal(turned.codes_teacher, straight.codes_teacher)


def test_absent_classes_get_no_probability(teacher):
    two = LogisticRegression(max_iter=1000).fit(X[:100], Y[:100])
    found = collect_answers(teacher, two, "test", X, Y)
    assert found.classes.tolist() == [0, 1, 2]
    assert (found.proba_student[:, 2] == 0).all()
    turned = collect_answers(two, teacher, "test", X, Y)
    assert (turned.proba_teacher[:, 2] == 0).all()


def test_labels_that_neither_model_knows_count_as_errors():
    two = LogisticRegression(max_iter=1000).fit(X[:100], Y[:100])
    found = collect_answers(two, two, "test", X, Y)
    assert found.classes.tolist() == [0, 1, 2]
    assert (found.codes_true[100:] == 2).all()
    assert (found.codes_student[100:] != 2).all()


def test_a_decision_that_is_not_the_argmax_is_kept(teacher):
    class Careful(Reversed):
        def predict(self, X):
            return np.zeros(len(X), dtype=int)

    found = collect_answers(teacher, Careful(teacher), "test", X)
    assert (found.codes_student == 0).all()
    assert (found.proba_student.argmax(axis=1) != 0).any()


def test_strings_objects_and_columns(teacher):
    model = LogisticRegression(max_iter=1000).fit(X, NAMES[Y])
    as_objects = LogisticRegression(max_iter=1000).fit(X, NAMES[Y].astype(object))
    found = collect_answers(model, as_objects, "test", X, NAMES[Y].astype(object).reshape(-1, 1))
    assert found.classes.tolist() == NAMES.tolist()
    np.testing.assert_array_equal(found.codes_true, Y)
    assert found.disagreement().sum() == 0


def test_margins_and_labels(teacher):
    svm = LinearSVC().fit(X, Y)
    found = collect_answers(teacher, svm, "test", X)
    assert found.proba_student is None
    assert found.divergence() is None
    as_teacher = collect_answers(svm, teacher, "test", X)
    np.testing.assert_allclose(as_teacher.proba_teacher.sum(axis=1), 1.0)


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda m: make_pipeline(StandardScaler(), m).fit(X, Y)])
def test_frozen_models_and_pipelines(teacher, wrap):
    model = readable(wrap(DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)), "student")
    assert collect_answers(teacher, model, "test", X).n_rows == 150


def test_regressors():
    A, b = load_diabetes(return_X_y=True)
    linear, tree = LinearRegression().fit(A, b), DecisionTreeRegressor(max_depth=3).fit(A, b)
    found = collect_answers(linear, tree, "test", A, b)
    np.testing.assert_allclose(found.disagreement(), (linear.predict(A) - tree.predict(A)) ** 2)
    assert (found.task, found.n_rows, found.has_truth, found.classes) == ("regression", 442, True, None)
    two = LinearRegression().fit(A, np.column_stack([b, -b]))
    assert collect_answers(two, two, "test", A).values_student.shape == (442, 2)
    with pytest.raises(ValueError, match=words("one shape", "(442,)", "(442, 2)", "same outputs")):
        collect_answers(linear, two, "test", A)


def test_one_row_and_one_class():
    constant = DummyClassifier().fit(X, np.ones(150))
    found = collect_answers(constant, constant, "test", X[:1], [1])
    assert (found.n_rows, found.classes.tolist()) == (1, [1])
    np.testing.assert_array_equal(found.divergence(), [0.0])


def test_what_predictions_alone_give(teacher, student):
    proba = {"teacher": teacher.predict_proba(X), "student": student.predict_proba(X), "y": NAMES[Y]}
    found = answers_from_arrays("test", proba, NAMES)
    np.testing.assert_array_equal(found.codes_student, student.predict(X))
    assert found.X is None
    labels = answers_from_arrays("test", {"teacher": NAMES[Y], "student": NAMES[Y], "X": X}, NAMES)
    assert labels.disagreement().sum() == 0
    assert not labels.has_proba
    values = answers_from_arrays("test", {"teacher": [1.0, 2.0], "student": [1.0, 4.0]}, None)
    np.testing.assert_array_equal(values.disagreement(), [0.0, 4.0])
    with pytest.raises(ValueError, match=words("'test'", "'teacher' and 'student'", "['teacher']")):
        answers_from_arrays("test", {"teacher": [1.0]}, None)
    with pytest.raises(ValueError, match=words("same rows", "2 and 1", "Predict")):
        answers_from_arrays("test", {"teacher": [1.0, 2.0], "student": [1.0]}, None)
    with pytest.raises(ValueError, match=words("one column per class, 3", "(1, 2)")):
        answers_from_arrays("test", {"teacher": [[0.5, 0.5]], "student": [[0.5, 0.5]]}, NAMES)


# What cannot be asked.


class Unsure:
    """A classifier whose probabilities are wrong."""

    def __init__(self, proba):
        self.classes_ = np.arange(3)
        self.proba = np.asarray(proba)

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def predict_proba(self, X):
        return np.broadcast_to(self.proba, (len(X), len(self.proba)))


@pytest.mark.parametrize(
    ("proba", "message"),
    [
        ([-0.5, 0.5, 1.0], ["row 0"]),
        ([np.nan, 0.5, 0.5], ["row 0"]),
        ([0.5, 0.5, 0.5], ["row 0"]),
    ],
)
def test_probabilities_that_are_none(teacher, proba, message):
    with pytest.raises(ValueError, match=words("student's predict_proba", *message)):
        collect_answers(teacher, Unsure(proba), "test", X)
    with pytest.raises(InvalidResponseError, match=words("teacher's predict_proba", *message)):
        collect_answers(Unsure(proba), teacher, "test", X)


def test_a_column_too_few(teacher):
    with pytest.raises(ValueError, match=words("student's predict_proba", "3", "2")):
        collect_answers(teacher, Unsure([0.5, 0.5]), "test", X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[:0]}, ["'test'", "at least one row"]),
        ({"X": X, "y": Y[:10]}, ["y of the set 'test'", "150, got 10", "same rows"]),
        ({"X": X, "X_teacher": X[:10]}, ["X_teacher of the set 'test'", "150, got 10"]),
        ({"X": X, "sample_weight": np.ones(3)}, ["sample_weight", "(150,)", "(3,)"]),
        ({"X": X, "y": np.where(Y == 0, np.nan, Y)}, ["y of the set 'test'", "missing", "y=None"]),
        ({"X": X, "y": NAMES[Y]}, ["one kind", "strings in y of the set 'test'", "Encode"]),
        ({"X": X, "y": [None] * 150}, ["missing labels", "y=None"]),
        ({"X": X, "y": np.column_stack([Y, Y])}, ["one label per row", "(150, 2)"]),
    ],
)
def test_sets_that_are_wrong(teacher, student, arguments, message):
    with pytest.raises(ValueError, match=words(*message)):
        collect_answers(teacher, student, "test", **arguments)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({}, ["at least one name", "an empty mapping", "{'test': (X, y)}"]),
        ((X, Y), ["mapping", "tuple"]),
        ({"test": (X, Y, None, None)}, ["'test'", "tuple of 4"]),
        ({"test": {"X": X, "Y": Y}}, ["'test'", "['X', 'Y']"]),
        ({"test": (None, Y)}, ["'test'", "must have rows"]),
    ],
)
def test_mappings_that_are_no_sets(sets, message):
    with pytest.raises(ValueError, match=words(*message)):
        read_sets(sets)


def test_forms_of_a_set():
    weight = np.ones(150)
    for given in ((X, Y, weight), {"X": X, "y": Y, "sample_weight": weight}):
        read = read_sets({"a": given})["a"]
        assert read["X"] is X
        assert read["y"] is Y
        assert read["sample_weight"] is weight
        assert read["X_teacher"] is None
    assert read_sets({"a": X})["a"]["y"] is None


def test_models_that_do_not_fit_together(teacher):
    other = DecisionTreeClassifier().fit(X, Y + 10)
    with pytest.raises(ValueError, match=words("some class in common", "[0, 1, 2]", "[10, 11, 12]")):
        known_classes(teacher, other, {})
    regressor = LinearRegression().fit(X, Y)
    with pytest.raises(ValueError, match=words("two classifiers or two regressors", "teacher for classification")):
        task_of(teacher, regressor)

    class Silent:
        def predict(self, X):
            return np.zeros(len(X))

    assert task_of(Silent(), regressor) == "regression"
    with pytest.raises(ValueError, match=words("Neither", "Silent", "classes_")):
        task_of(Silent(), Silent())


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (DecisionTreeClassifier(), NotFittedError, ["student must be fitted", "unfitted DecisionTreeClassifier"]),
        (FrozenEstimator(DecisionTreeClassifier()), NotFittedError, ["student must be fitted", "Decision"]),
        (DecisionTreeClassifier, TeacherError, ["got the class DecisionTreeClassifier itself"]),
        (object(), TeacherError, ["predict or predict_proba", "object", "TorchTeacher"]),
        (StandardScaler().fit(X), TeacherError, ["predict or predict_proba", "StandardScaler"]),
    ],
)
def test_what_is_no_fitted_model(model, error, message):
    with pytest.raises(error, match=words(*message)):
        readable(model, "student")


def test_predicted_labels_outside_the_classes(teacher):
    class Strange(Reversed):
        def predict(self, X):
            return np.full(len(X), 7)

    with pytest.raises(ValueError, match=words("student's predictions", "[0, 1, 2]", "got 7")):
        collect_answers(teacher, Strange(teacher), "test", X)
    with pytest.raises(ValueError, match=words("y must be among", "'c'")):
        codes_in(np.array(["a", "b"]), np.array(["a", "c"]), "y")


def test_probabilities_without_classes(teacher):
    class Nameless:
        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

    with pytest.raises(TeacherError, match=words("student Nameless", "no classes_", "order of its columns")):
        known_classes(teacher, Nameless(), {})


def test_label_arrays():
    assert label_array([True, False], "y").dtype == bool
    assert label_array(np.array([1, 2], dtype=object), "y").dtype.kind == "i"
    with pytest.raises(ValueError, match=words("y must hold labels of one kind", "strings and other")):
        label_array(np.array(["a", 1], dtype=object), "y")


@pytest.mark.needs("torch", "skorch")
def test_nets_as_they_are():
    import torch
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)
    net = NeuralNetClassifier(
        torch.nn.Linear(4, 3), criterion=torch.nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0
    ).fit(X.astype(np.float32), Y)
    piped = make_pipeline(StandardScaler().fit(X), net)
    for model in (net, FrozenEstimator(net), FrozenEstimator(piped)):
        read = readable(model, "teacher")
        assert collect_answers(read, read, "test", X, Y).divergence().max() < 1e-12
    with pytest.raises(TeacherError, match=words("Linear", "TorchTeacher(module, classes=...)")):
        readable(torch.nn.Linear(4, 3), "teacher")


@pytest.mark.needs("pandas")
@pytest.mark.parametrize("dtype", ["string", "boolean", "Int64"])
def test_missing_labels_of_a_data_frame(teacher, student, dtype):
    import pandas as pd

    y = pd.Series([pd.NA, *(Y[1:] == 0)]).astype(dtype) if dtype != "string" else pd.Series([pd.NA, *NAMES[Y[1:]]])
    with pytest.raises(ValueError, match=words("y of the set 'test' has missing", "labels")):
        collect_answers(teacher, student, "test", X, y)


class RegressorWithClasses(DecisionTreeRegressor):
    """As CatBoostRegressor, which has the attribute and nothing in it."""

    classes_ = ()


def test_an_empty_classes_attribute_makes_no_classifier():
    model = RegressorWithClasses(max_depth=1).fit(X, Y)
    assert task_of(model, LinearRegression().fit(X, Y)) == "regression"
    assert task_of(LinearRegression().fit(X, Y), model) == "regression"


class Short(DecisionTreeClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X)[:-1]


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_answers_about_other_rows(teacher, role):
    short = Short(max_depth=1).fit(X, Y)
    pair = (short, teacher) if role == "teacher" else (teacher, short)
    with pytest.raises(ValueError, match=words(f"The {role} must answer for each row of the set 'test', 150, got 149")):
        collect_answers(*pair, "test", X, Y)


def test_values_that_are_no_numbers():
    model = LinearRegression().fit(X, Y)
    with pytest.raises(ValueError, match=words("y must be numbers, since this is a regression", "classes")):
        collect_answers(model, model, "test", X, NAMES[Y])


def test_a_list_of_rows_and_labels_is_told():
    with pytest.raises(ValueError, match=words("'test' must be a tuple (X, y), got a list of tables")):
        read_sets({"test": [X, Y]})


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_scale_of_weights_does_not_matter(teacher, student, rng, scale):
    weight = rng.uniform(size=150)
    scaled = collect_answers(teacher, student, "test", X, Y, sample_weight=scale * weight)
    assert scaled.weight.sum() == pytest.approx(weight.sum() / weight.max())
    assert scaled.weight / scaled.weight.sum() == pytest.approx(weight / weight.sum())
