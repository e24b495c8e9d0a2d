"""Fidelity metrics: by hand, in their bounds, with their symmetries."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy
from sklearn.metrics import log_loss

from skdistill.fidelity import agreement_score, jensen_shannon, log_loss_soft, predictive_kl

DIVERGENCES = [predictive_kl, jensen_shannon, log_loss_soft]
RAW = hnp.arrays(np.float64, (2, 4, 3), elements=st.floats(0, 1)).map(
    lambda raw: (raw + 1e-4) / (raw + 1e-4).sum(axis=2, keepdims=True)
)


def test_by_hand():
    teacher = np.array([[0.5, 0.5], [1.0, 0.0]])
    student = np.array([[0.25, 0.75], [0.5, 0.5]])
    kl = (0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75) + np.log(2)) / 2
    assert predictive_kl(teacher, student) == pytest.approx(kl)
    assert log_loss_soft(teacher, student) == pytest.approx((-0.5 * np.log(0.25 * 0.75) + np.log(2)) / 2)
    first = (entropy([0.5, 0.5], [0.375, 0.625]) + entropy([0.25, 0.75], [0.375, 0.625])) / 2
    second = (np.log(1 / 0.75) + 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)) / 2
    assert jensen_shannon(teacher, student) == pytest.approx((first + second) / 2)
    assert agreement_score([1, 2, 3, 4], [1, 2, 0, 0]) == 0.5


@settings(deadline=None)
@given(RAW)
def test_bounds_and_symmetries(pair):
    teacher, student = pair
    assert predictive_kl(teacher, student) >= -1e-12
    assert 0.0 <= jensen_shannon(teacher, student) <= np.log(2) + 1e-12
    assert jensen_shannon(teacher, student) == pytest.approx(jensen_shannon(student, teacher), abs=1e-12)
    own = log_loss_soft(teacher, teacher, floor=0.0)
    assert log_loss_soft(teacher, student, floor=0.0) >= own - 1e-9
    assert predictive_kl(teacher, student, floor=0.0) == pytest.approx(
        log_loss_soft(teacher, student, floor=0.0) - own, abs=1e-9
    )
    for metric in DIVERGENCES:
        order = [2, 0, 1]
        assert metric(teacher[:, order], student[:, order]) == pytest.approx(metric(teacher, student), abs=1e-12)


@settings(deadline=None)
@given(RAW)
def test_zero_exactly_for_equal_distributions(pair):
    teacher, student = pair
    for metric in (predictive_kl, jensen_shannon):
        assert metric(teacher, teacher) == pytest.approx(0.0, abs=1e-9)
    if np.abs(teacher - student).max() > 1e-3:
        assert jensen_shannon(teacher, student) > 1e-8
        assert predictive_kl(teacher, student) > 1e-8


def test_one_hot_teachers_make_the_log_loss(rng):
    student = rng.dirichlet(np.ones(3), size=30)
    codes = rng.integers(0, 3, 30)
    assert log_loss_soft(np.eye(3)[codes], student) == pytest.approx(
        log_loss(codes, student, labels=[0, 1, 2]), rel=1e-4
    )


@pytest.mark.parametrize("metric", [*DIVERGENCES, agreement_score])
def test_weights_are_repetitions(metric, rng):
    if metric is agreement_score:
        teacher, student = rng.integers(0, 3, size=(2, 20))
    else:
        teacher, student = rng.dirichlet(np.ones(3), size=(2, 20))
    weight = rng.integers(0, 4, 20)
    expected = metric(teacher.repeat(weight, axis=0), student.repeat(weight, axis=0))
    assert metric(teacher, student, sample_weight=weight) == pytest.approx(expected)


def test_zeros_of_the_student_cost_the_floor():
    teacher, student = [[0.5, 0.5]], [[1.0, 0.0]]
    assert predictive_kl(teacher, student) == pytest.approx(0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-6), rel=1e-4)
    assert predictive_kl(teacher, student, floor=0.0) == np.inf
    assert log_loss_soft(teacher, student, floor=0.1) == pytest.approx(-0.5 * np.log(1 / 1.1) - 0.5 * np.log(0.1 / 1.1))
    # Zeros of the teacher cost nothing.
    assert predictive_kl(student, teacher) == pytest.approx(np.log(2))


def test_agreement_of_strings():
    assert agreement_score(np.array(["a", "b"]), np.array(["a", "a"], dtype=object)) == 0.5


@pytest.mark.parametrize("metric", DIVERGENCES)
@pytest.mark.parametrize(
    ("teacher", "student", "words"),
    [
        ([[0.5, 0.5]], [[0.2, 0.3, 0.5]], ["same shape", "(1, 2)", "(1, 3)", "order of classes"]),
        ([[0.5, 0.5]], [[-0.5, 1.5]], ["proba_student", "distributions", "not margins"]),
        ([[0.5, 0.6]], [[0.5, 0.5]], ["proba_teacher", "rows summing to 1"]),
        ([[np.nan, 1.0]], [[0.5, 0.5]], ["proba_teacher", "finite"]),
        ([0.5, 0.5], [[0.5, 0.5]], ["proba_teacher", "matrix", "(2,)", "predict_proba"]),
        (np.empty((0, 2)), np.empty((0, 2)), ["at least one row"]),
    ],
)
def test_what_is_no_distribution(metric, teacher, student, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        metric(teacher, student)


def test_labels_of_other_rows():
    with pytest.raises(ValueError, match=r"same shape, got \(2,\) and \(3,\). Predict the same rows"):
        agreement_score([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="no labels to compare"):
        agreement_score([], [])
