"""Scorers whose aim is the teacher."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill.exceptions import TeacherError
from skdistill.fidelity import (
    agreement_score,
    brier_distance,
    jensen_shannon,
    log_loss_soft,
    make_fidelity_scorer,
    predictive_kl,
    total_variation,
)
from skdistill.response import TeacherResponse

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def teacher():
    return LogisticRegression(max_iter=1000).fit(X, Y)


@pytest.fixture(scope="module")
def student():
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)


DIVERGENCES = {
    "predictive_kl": predictive_kl,
    "jensen_shannon": jensen_shannon,
    "total_variation": total_variation,
    "brier_distance": brier_distance,
    "log_loss_soft": log_loss_soft,
}


@pytest.mark.parametrize(("name", "metric"), DIVERGENCES.items())
def test_divergences_count_negatively(teacher, student, name, metric, rng):
    scorer = make_fidelity_scorer(teacher, metric=name)
    weight = rng.uniform(size=len(X))
    expected = -metric(teacher.predict_proba(X), student.predict_proba(X), sample_weight=weight)
    assert scorer(student, X, sample_weight=weight) == pytest.approx(expected)
    assert scorer(student, X, Y) == pytest.approx(-metric(teacher.predict_proba(X), student.predict_proba(X)))


def test_agreement_needs_labels_of_the_student_only(teacher):
    student = LinearSVC().fit(X[:, :2], Y)
    scorer = make_fidelity_scorer(LogisticRegression().fit(X[:, :2], Y), metric="agreement")
    expected = agreement_score(scorer.teacher.predict(X[:, :2]), student.predict(X[:, :2]))
    assert scorer(student, X[:, :2]) == pytest.approx(expected)


def test_classes_are_matched_by_value(teacher, student):
    class Turned:
        classes_ = teacher.classes_[::-1]

        def predict_proba(self, X):
            return teacher.predict_proba(X)[:, ::-1]

    for name in ("agreement", *DIVERGENCES):
        turned = make_fidelity_scorer(Turned(), metric=name)(student, X)
        assert turned == pytest.approx(make_fidelity_scorer(teacher, metric=name)(student, X))


@pytest.mark.parametrize("name", ["agreement", *DIVERGENCES])
def test_a_class_that_one_model_never_saw(teacher, name):
    known = Y < 2
    student = LogisticRegression(max_iter=1000).fit(X[known], Y[known])
    padded = np.column_stack([student.predict_proba(X), np.zeros(len(X))])
    for pair in ((teacher, student), (student, teacher)):
        answers = [padded if model is student else model.predict_proba(X) for model in pair]
        if name == "agreement":
            expected = agreement_score(*(model.predict(X) for model in pair))
        else:
            expected = -DIVERGENCES[name](*answers)
        assert make_fidelity_scorer(pair[0], metric=name)(pair[1], X) == pytest.approx(expected)


def test_teachers_of_labels_only(student):
    class Oracle:
        def predict(self, X):
            return Y

    labels = LinearSVC().fit(X, Y)
    for teacher, told in ((labels, labels.predict(X)), (Oracle(), Y)):
        scorer = make_fidelity_scorer(teacher, metric="agreement")
        score = scorer(student, X, sample_weight=Y + 1.0)
        assert type(score) is float
        assert score == pytest.approx(agreement_score(told, student.predict(X), sample_weight=Y + 1.0))
    with pytest.raises(TeacherError, match="no classes_"):
        make_fidelity_scorer(Oracle())(student, X)


def test_a_teachers_labels_are_those_it_predicts(student):
    class Cautious(LogisticRegression):
        def predict(self, X):
            return np.where(self.predict_proba(X)[:, 2] > 0.1, 2, super().predict(X))

    cautious = Cautious(max_iter=1000).fit(X, Y)
    told = cautious.predict(X)
    assert (told != cautious.predict_proba(X).argmax(axis=1)).any()
    assert make_fidelity_scorer(cautious, "agreement")(student, X) == agreement_score(told, student.predict(X))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_students_without_probabilities(teacher, name):
    student = LinearSVC().fit(X, Y)
    with pytest.raises(ValueError, match=rf"{name}.*LinearSVC.* no predict_proba. Use metric='agreement'"):
        make_fidelity_scorer(teacher, metric=name)(student, X)


# Regressors


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(
    ("name", "measure", "sign"), [("r2", r2_score, 1), ("mean_absolute_error", mean_absolute_error, -1)]
)
def test_regressors(name, measure, sign, outputs, rng):
    target = X[:, 3] if outputs == 1 else X[:, 2:]
    teacher = LinearRegression().fit(X[:, :2], target)
    student = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X[:, :2], target)
    weight = rng.uniform(size=len(X))
    scorer = make_fidelity_scorer(teacher, metric=name)
    told, learnt = teacher.predict(X[:, :2]), student.predict(X[:, :2])
    assert scorer(student, X[:, :2]) == pytest.approx(sign * measure(told, learnt))
    expected = sign * measure(told, learnt, sample_weight=weight)
    assert scorer(student, X[:, :2], sample_weight=weight) == pytest.approx(expected)
    assert scorer(teacher, X[:, :2]) == max(sign, 0)
    # The rows are sorted by species.
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(DecisionTreeRegressor(random_state=0), {"max_depth": [1, 4]}, scoring=scorer, cv=folds)
    assert search.fit(X[:, :2], target).best_params_ == {"max_depth": 4}


def test_a_column_is_one_output():
    teacher = LinearRegression().fit(X[:, :2], X[:, [3]])
    student = LinearRegression().fit(X[:, :2], X[:, 3])
    assert make_fidelity_scorer(teacher, metric="mean_absolute_error")(student, X[:, :2]) == pytest.approx(0.0)
    both = LinearRegression().fit(X[:, :2], X[:, 2:])
    with pytest.raises(ValueError, match=r"values must have the same shape, got \(150, 1\) and \(150, 2\)"):
        make_fidelity_scorer(teacher, metric="r2")(both, X[:, :2])


def test_metrics_of_the_other_task(teacher, student):
    value = LinearRegression().fit(X, Y)
    for pair in ((value, student), (teacher, value)):
        with pytest.raises(ValueError, match=r"metric 'r2' compares values.* is a classifier. Use 'agreement'"):
            make_fidelity_scorer(pair[0], metric="r2")(pair[1], X)
    for name in ("agreement", "jensen_shannon"):
        with pytest.raises(ValueError, match=rf"'{name}' compares classifiers.*LinearRegression has no classes_.*'r2'"):
            make_fidelity_scorer(teacher, metric=name)(value, X)
    answer = TeacherResponse("proba", teacher.predict_proba(X), teacher.classes_, "predict_proba")
    with pytest.raises(ValueError, match="metric 'mean_absolute_error' compares values, and the student is"):
        make_fidelity_scorer(metric="mean_absolute_error").compare(answer, student.predict_proba(X))


def test_inside_searches(teacher):
    scorer = make_fidelity_scorer(teacher, metric="jensen_shannon")
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, scoring=scorer, cv=3).fit(X, Y)
    assert search.best_params_ == {"max_depth": 3}
    assert (cross_val_score(DecisionTreeClassifier(), X, Y, scoring=scorer, cv=3) <= 0).all()
    agreement = make_fidelity_scorer(teacher, metric="agreement")
    scores = cross_val_score(DummyClassifier(strategy="constant", constant=0), X, Y, scoring=agreement, cv=3)
    np.testing.assert_allclose(scores.mean(), (teacher.predict(X) == 0).mean())


def test_it_compares_answers_directly(teacher, student):
    answer = TeacherResponse("proba", teacher.predict_proba(X), teacher.classes_, "predict_proba")
    proba = student.predict_proba(X)
    for name in ("agreement", *DIVERGENCES):
        scorer = make_fidelity_scorer(teacher, metric=name)
        assert scorer.compare(answer, proba) == pytest.approx(scorer(student, X))


def test_it_can_be_read_and_stored(teacher, student):
    scorer = make_fidelity_scorer(teacher, metric="agreement")
    assert repr(scorer) == "make_fidelity_scorer(LogisticRegression(max_iter=1000), metric='agreement')"
    assert pickle.loads(pickle.dumps(scorer))(student, X) == scorer(student, X)


def test_without_a_teacher_it_is_for_distilled_estimators(student):
    with pytest.raises(ValueError, match=r"without a teacher can only be .*make_fidelity_scorer\(fitted_teacher\)"):
        make_fidelity_scorer()(student, X)


def test_unknown_metrics(teacher):
    with pytest.raises(
        ValueError, match=r"metric must be one of 'agreement', 'predictive_kl'.* got 'accuracy'. Choose one"
    ):
        make_fidelity_scorer(teacher, metric="accuracy")


def test_perfect_students_score_best(teacher):
    assert make_fidelity_scorer(teacher)(teacher, X) == pytest.approx(0.0, abs=1e-4)
    assert make_fidelity_scorer(teacher, metric="agreement")(teacher, X) == 1.0
    np.testing.assert_allclose(make_fidelity_scorer(teacher, metric="jensen_shannon")(teacher, X), 0.0, atol=1e-12)


def test_weights_are_routed_to_a_scorer_that_asks_for_them(teacher, rng):
    weight = rng.uniform(size=len(X)) * (Y > 0)
    plain = make_fidelity_scorer(teacher, metric="agreement")
    asking = plain.set_score_request(sample_weight=True)
    tree, folds = DecisionTreeClassifier(max_depth=1, random_state=0), KFold(2, shuffle=True, random_state=0)
    with config_context(enable_metadata_routing=True):
        tree.set_fit_request(sample_weight=False)
        found = cross_val_score(tree, X, Y, scoring=asking, cv=folds, params={"sample_weight": weight})
    bare = cross_val_score(DecisionTreeClassifier(max_depth=1, random_state=0), X, Y, scoring=plain, cv=folds)
    expected = []
    for train, test in folds.split(X):
        student = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X[train], Y[train])
        pair = teacher.predict(X[test]), student.predict(X[test])
        expected.append(agreement_score(*pair, sample_weight=weight[test]))
    assert found == pytest.approx(expected)
    assert found != pytest.approx(bare)
    assert pickle.loads(pickle.dumps(asking)).metric == "agreement"


def test_a_regressor_with_an_empty_classes_attribute():
    class RegressorWithClasses(DecisionTreeRegressor):
        classes_ = ()

    model = RegressorWithClasses(max_depth=2).fit(X, Y)
    assert make_fidelity_scorer(model, metric="r2")(model, X) == 1.0
