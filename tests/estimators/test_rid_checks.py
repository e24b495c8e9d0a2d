"""Our checks that speak of every distilled estimator, on students and teachers of several kinds."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdistill.estimators import RIDStudent
from tests.estimators import distiller_checks
from tests.estimators.distiller_checks import make_rows, seeded
from tests.nets.modules import Perceptron, classifier


def net(**params):
    return classifier(**{"module__n_in": 3, "max_epochs": 40, "lr": 0.3, "batch_size": 16, **params})


OURS = {
    "net": RIDStudent(RandomForestClassifier(10), net(), match="both"),
    "pipeline": RIDStudent(LogisticRegression(), make_pipeline(StandardScaler(), net()), method="ted"),
    "class": RIDStudent(make_pipeline(StandardScaler(), SVC()), torch.nn.Linear),
    "plain": RIDStudent(LogisticRegression(), net(), method="none"),
}


# The others speak of alpha, of synthetic rows or of n_jobs.
APPLYING = (
    "distiller_constructor_only_stores",
    "distiller_leaves_the_callers_objects",
    "distiller_predictions",
    "distiller_learns",
    "distiller_is_seeded",
    "distiller_does_not_touch_the_global_generator",
    "distiller_pickles",
    "distiller_clones_are_unfitted",
    "distiller_writes_to_the_error_stream_alone",
    "distiller_weights_of_zero_are_absent_rows",
    "distilled_teacher_is_fitted_on_all_rows",
)


@pytest.mark.parametrize("check", APPLYING)
@pytest.mark.parametrize("name", OURS)
def test_our_checks(name, check):
    getattr(distiller_checks, f"check_{check}")(OURS[name])


@pytest.mark.parametrize("name", OURS)
def test_a_second_fit_forgets_the_first(name):
    X, y = make_rows(OURS[name])
    other, labels = make_rows(OURS[name], 60, seed=4)
    twice = seeded(OURS[name]).fit(other, labels).fit(X, y)
    once = seeded(OURS[name]).fit(X, y)
    np.testing.assert_array_equal(twice.predict_proba(X), once.predict_proba(X))
    assert twice.history_ == once.history_


@pytest.mark.parametrize("name", OURS)
def test_a_frozen_teacher_is_asked_and_never_fitted(name):
    X, y = make_rows(OURS[name])
    other, labels = make_rows(OURS[name], 120, seed=8)
    teacher = seeded(OURS[name]).teacher.fit(other, labels)
    model = seeded(OURS[name], teacher=FrozenEstimator(teacher)).fit(X, y)
    assert model.teacher_.estimator is teacher
    assert model.score(X, y) > 0.5


def test_a_module_is_left_as_it_is():
    assert isinstance(OURS["net"].student.module, type)
    assert OURS["net"].student.module is Perceptron
