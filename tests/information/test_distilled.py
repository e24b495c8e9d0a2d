"""Two fitted models: whatever they are, what their answers tell about y is measured."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdistill.exceptions import TeacherError
from skdistill.information._distilled import distilled_information, representation_of
from skdistill.information._estimate import PIDEstimator
from skdistill.information._rows import NAMES


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[y]
    return X[::2], names[::2], X[1::2], names[1::2]


@pytest.fixture(scope="module")
def models(cancer):
    X, y, _, _ = cancer
    teacher = RandomForestClassifier(n_estimators=20, random_state=0).fit(X, y)
    return teacher, DecisionTreeClassifier(max_depth=1, random_state=0).fit(X, teacher.predict(X))


class LabelsOnly:
    """A model of no library that gives labels."""

    def __init__(self, inner):
        self.inner = inner

    def predict(self, X):
        return self.inner.predict(X)


def values_of(pid):
    return [getattr(pid, f"{name}_") for name in NAMES]


def test_two_classifiers(cancer, models):
    _, _, X, y = cancer
    pid = distilled_information(*models, X, y, random_state=0)
    assert isinstance(pid, PIDEstimator)
    # A stump has two answers, which the forest nearly implies.
    assert pid.pmf_.shape[2] == 2
    assert pid.unique_teacher_ > 3 * pid.unique_student_
    assert 0.2 < pid.redundancy_ < pid.information_teacher_ < 1
    assert set(pid.intervals_) == set(NAMES)
    again = PIDEstimator(n_bootstrap=200, random_state=0)
    again.fit(models[0].predict_proba(X)[:, 1:], models[1].predict_proba(X)[:, 1:], y)
    assert values_of(again) == values_of(pid)


def test_a_student_that_is_its_teacher_has_it_all(cancer, models):
    _, _, X, y = cancer
    pid = distilled_information(models[0], models[0], X, y, n_bootstrap=20, random_state=0)
    np.testing.assert_allclose([pid.unique_teacher_, pid.unique_student_, pid.synergy_], 0, atol=1e-8)
    assert pid.intervals_["unique_teacher"][1] < 1e-4
    assert pid.redundancy_ > 0.5


def test_any_pair_of_classifiers(cancer, models):
    X_fit, y_fit, X, y = cancer
    expected = values_of(distilled_information(*models, X, y, n_bootstrap=0, random_state=0))
    teacher, student = models
    frozen = distilled_information(FrozenEstimator(teacher), student, X, y, n_bootstrap=0, random_state=0)
    assert values_of(frozen) == expected
    for other in (
        make_pipeline(StandardScaler(), LinearSVC()),
        make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
        RidgeClassifier(),
        GaussianNB(),
    ):
        pid = distilled_information(teacher, other.fit(X_fit, y_fit), X, y, n_bootstrap=0, random_state=0)
        assert pid.redundancy_ > 0.3
    labels = distilled_information(LabelsOnly(teacher), LabelsOnly(student), X, y, n_bootstrap=0)
    assert labels.pmf_.shape == (2, 2, 2)
    assert labels.teacher_states_.classes_.tolist() == ["benign", "malignant"]


def test_representations(cancer, models):
    X_fit, y_fit, X, y = cancer
    teacher, student = models
    margins = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_fit, y_fit)
    pair = distilled_information(
        margins, student, X, y, representation=("decision", "label"), n_states=4, n_bootstrap=0
    )
    assert pair.pmf_.shape == (2, 4, 2)
    leaves = distilled_information(
        teacher,
        student,
        X,
        y,
        representation=(lambda model, rows: model.apply(rows), "proba"),
        n_states=5,
        n_bootstrap=0,
        random_state=0,
    )
    assert leaves.pmf_.shape == (2, 5, 2)
    np.testing.assert_array_equal(representation_of(margins[:1], X, "transform", "teacher"), margins[0].transform(X))
    # Functions and arrays are what they give.
    by_function = distilled_information(teacher.apply, student.predict, X, y, n_states=5, n_bootstrap=0, random_state=0)
    by_array = distilled_information(
        teacher.apply(X), student.predict(X), X, y, n_states=5, n_bootstrap=0, random_state=0
    )
    assert values_of(by_function) == values_of(by_array)
    assert values_of(by_function) == pytest.approx(values_of(leaves), abs=1e-8)


def test_several_classes_by_class_and_by_cluster():
    X, y = load_iris(return_X_y=True)
    teacher, student = GaussianNB().fit(X, y), DecisionTreeClassifier(max_depth=1).fit(X, y)
    by_class = distilled_information(teacher, student, X, y, encoder="class", n_bootstrap=0)
    assert by_class.pmf_.shape == (3, 3, 3)
    clusters = distilled_information(teacher, student, X, y, n_states=3, n_bootstrap=0, random_state=0)
    assert clusters.pmf_.shape == (3, 3, 2)
    assert by_class.redundancy_ == pytest.approx(clusters.redundancy_, abs=0.1)


def test_states_found_on_other_rows(cancer, models):
    X_fit, _, X, y = cancer
    pid = distilled_information(*models, X, y, X_fit=X_fit, n_bootstrap=0, random_state=0)
    edges = PIDEstimator(n_states=pid.n_states).fit_states(*(model.predict_proba(X_fit)[:, 1:] for model in models))
    np.testing.assert_array_equal(pid.teacher_states_.edges_[0], edges.teacher_states_.edges_[0])
    # 284 rows, 2 classes: 35 cells of 4 rows for each class.
    assert pid.n_states == 5
    assert pid.n_rows_ == len(X)
    with pytest.raises(ValueError, match="With X_fit the teacher must be a model or a function"):
        distilled_information(models[0].predict(X), models[1], X, y, X_fit=X_fit)


def test_a_teacher_with_other_columns(cancer):
    X_fit, y_fit, X, y = cancer
    teacher, student = GaussianNB().fit(X_fit, y_fit), GaussianNB().fit(X_fit[:, :3], y_fit)
    pid = distilled_information(
        teacher, student, X[:, :3], y, X_teacher=X, X_fit=X_fit[:, :3], X_fit_teacher=X_fit, n_bootstrap=0
    )
    same = distilled_information(
        teacher, lambda rows: student.predict_proba(rows[:, :3])[:, 1:], X, y, X_fit=X_fit, n_bootstrap=0
    )
    assert values_of(pid) == values_of(same)


@pytest.mark.needs("pandas")
def test_frames(cancer):
    import pandas as pd

    X_fit, y_fit, X, y = cancer
    names = [f"c{i}" for i in range(30)]
    teacher = RandomForestClassifier(n_estimators=5, random_state=0).fit(pd.DataFrame(X_fit, columns=names), y_fit)
    student = GaussianNB().fit(pd.DataFrame(X_fit, columns=names), y_fit)
    frame = pd.DataFrame(X, columns=names)
    pid = distilled_information(teacher, student, frame, pd.Series(y), n_bootstrap=0, random_state=0)
    assert pid.n_rows_ == len(X)


def test_weights_and_settings_are_handed_on(cancer, models):
    _, _, X, y = cancer
    weight = np.r_[np.ones(200), np.zeros(len(X) - 200)]
    settings = {"measure": "mmi", "base": 10.0, "bias_correction": "miller_madow", "confidence_level": 0.5}
    pid = distilled_information(
        *models, X, y, sample_weight=weight, n_states=3, n_bootstrap=7, n_permutations=3, random_state=0, **settings
    )
    assert pid.n_rows_ == 200
    assert pid.get_params() == {
        **settings,
        "encoder": "auto",
        "n_states": 3,
        "target_states": None,
        "n_bootstrap": 7,
        "n_permutations": 3,
        "random_state": 0,
    }
    assert set(pid.p_values_) == set(NAMES)


def test_what_cannot_be_asked(cancer, models):
    X_fit, y_fit, X, y = cancer
    teacher, student = models
    with pytest.raises(TeacherError, match="teacher must be a fitted model, got the class GaussianNB"):
        distilled_information(GaussianNB, student, X, y)
    with pytest.raises(TeacherError, match=r"needs a student with decision_function, got DecisionTreeClassifier"):
        distilled_information(teacher, student, X, y, representation=("auto", "decision"))
    with pytest.raises(TeacherError, match="needs a teacher with predict_proba or decision_function or predict"):
        distilled_information(NearestNeighbors().fit(X), student, X, y)
    several = MultiOutputClassifier(GaussianNB()).fit(X_fit, np.column_stack([y_fit, y_fit]))
    with pytest.raises(TeacherError, match="one answer per output"):
        distilled_information(several, student, X, y)
    with pytest.raises(ValueError, match="representation must be one of 'proba'"):
        distilled_information(teacher, student, X, y, representation="logits")
    with pytest.raises(ValueError, match=f"one answer for each of the {len(X)} rows of X"):
        distilled_information(teacher, student.predict(X[:5]), X, y)
    with pytest.raises(ValueError, match="one entry for each of the same rows"):
        distilled_information(teacher, student, X, y[:-1])
    with pytest.raises(ValueError, match="y must be discrete"):
        distilled_information(teacher, student, X, X[:, 0])


def test_many_classes_are_states_of_their_own():
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X[:600], y[:600])
    weak, good = (DecisionTreeClassifier(max_leaf_nodes=n, random_state=0).fit(X[:600], y[:600]) for n in (12, 100))
    test = slice(600, 1000)
    with pytest.warns(UserWarning, match="400 rows, too few"):
        found = [distilled_information(forest, tree, X[test], y[test], random_state=0) for tree in (weak, good)]
    assert found[0].pmf_.shape == (10, 10, 10)
    assert found[0].redundancy_ < found[1].redundancy_
    # Rows that carry as many states as there are classes are clustered, and who asks for k-means gets it.
    chosen = distilled_information(forest, good, X[test], y[test], encoder="kmeans", n_states=3, random_state=0)
    assert chosen.pmf_.shape == (10, 3, 3)
    iris = load_iris(return_X_y=True)
    model = GaussianNB().fit(*iris)
    assert type(distilled_information(model, model, *iris, random_state=0).teacher_states_).__name__ == "KMeansStates"


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return GaussianNB().fit(X[:600], y[:600]), X[:600], y[:600], X[600:1000], y[600:1000]


@pytest.mark.filterwarnings("ignore:The table has")
def test_a_student_of_two_classes_beside_a_teacher_of_many(digits):
    teacher, X_fit, y_fit, X, y = digits
    student = GaussianNB().fit(X_fit[y_fit < 2], y_fit[y_fit < 2])
    pid = distilled_information(teacher, student, X, y, n_bootstrap=0, random_state=0)
    names = [type(states).__name__ for states in (pid.teacher_states_, pid.student_states_)]
    assert names == ["ClassStates", "QuantileStates"]
    assert pid.unique_teacher_ > pid.redundancy_


@pytest.mark.filterwarnings("ignore:The table has")
def test_probabilities_in_arrays_are_not_guessed(digits):
    teacher, X_fit, y_fit, X, y = digits
    student = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0).fit(X_fit, y_fit)
    settings = {"n_bootstrap": 0, "random_state": 0}
    expected = values_of(distilled_information(teacher, student, X, y, **settings))
    for given in (teacher.predict_proba, teacher.predict_proba(X)):
        assert distilled_information(given, student, X, y, **settings).pmf_.shape[1] < 10
        pid = distilled_information(given, student, X, y, encoder="class", **settings)
        assert values_of(pid) == expected


def test_few_rows_to_find_states_on(cancer, models):
    X_fit, _, X, y = cancer
    pid = distilled_information(*models, X, y, X_fit=X_fit[:3], n_bootstrap=0)
    assert pid.n_states == 3
    with pytest.raises(ValueError, match="X_fit must be given with X_fit_teacher"):
        distilled_information(*models, X, y, X_fit_teacher=X_fit)


def test_the_way_out_is_one_that_the_model_has(cancer, models):
    X_fit, _, X, y = cancer
    with pytest.raises(TeacherError, match=r"got StandardScaler\. Use representation='transform', or a function"):
        distilled_information(StandardScaler().fit(X_fit), models[1], X, y)
    with pytest.raises(TeacherError, match=r"got NearestNeighbors\. Use a function from rows"):
        distilled_information(NearestNeighbors().fit(X_fit), models[1], X, y)
