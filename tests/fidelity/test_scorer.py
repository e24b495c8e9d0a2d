"""Scorers whose aim is the teacher."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdistill.fidelity import agreement_score, jensen_shannon, make_fidelity_scorer, predictive_kl
from skdistill.response import TeacherResponse

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def teacher():
    return LogisticRegression(max_iter=1000).fit(X, Y)


@pytest.fixture(scope="module")
def student():
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)


@pytest.mark.parametrize(("name", "metric"), [("predictive_kl", predictive_kl), ("jensen_shannon", jensen_shannon)])
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

    turned = make_fidelity_scorer(Turned())(student, X)
    assert turned == pytest.approx(make_fidelity_scorer(teacher)(student, X))


def test_inside_searches(teacher):
    scorer = make_fidelity_scorer(teacher, metric="jensen_shannon")
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, scoring=scorer, cv=3).fit(X, Y)
    assert search.best_params_ == {"max_depth": 3}
    assert (cross_val_score(DecisionTreeClassifier(), X, Y, scoring=scorer, cv=3) <= 0).all()


def test_it_compares_answers_directly(teacher, student):
    answer = TeacherResponse("proba", teacher.predict_proba(X), teacher.classes_, "predict_proba")
    proba = student.predict_proba(X)
    for name in ("predictive_kl", "jensen_shannon", "agreement"):
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
    with pytest.raises(ValueError, match=r"metric must be 'predictive_kl'.* got 'accuracy'. Choose one"):
        make_fidelity_scorer(teacher, metric="accuracy")


def test_perfect_students_score_best(teacher):
    assert make_fidelity_scorer(teacher)(teacher, X) == pytest.approx(0.0, abs=1e-4)
    assert make_fidelity_scorer(teacher, metric="agreement")(teacher, X) == 1.0
    np.testing.assert_allclose(make_fidelity_scorer(teacher, metric="jensen_shannon")(teacher, X), 0.0, atol=1e-12)
