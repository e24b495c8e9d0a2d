"""Fidelity metrics: by hand, in their bounds, with their symmetries."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from skdistill.fidelity import (
    agreement_bounds,
    agreement_score,
    brier_distance,
    jensen_shannon,
    log_loss_soft,
    predictive_kl,
    total_variation,
    wilson_interval,
)

DISTANCES = [jensen_shannon, total_variation, brier_distance]
DIVERGENCES = [*DISTANCES, predictive_kl, log_loss_soft]
GREATEST = {jensen_shannon: np.log(2), total_variation: 1.0, brier_distance: 2.0}
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
    assert total_variation(teacher, student) == pytest.approx((0.25 + 0.5) / 2)
    assert brier_distance(teacher, student) == pytest.approx((2 * 0.25**2 + 2 * 0.5**2) / 2)
    assert agreement_score([1, 2, 3, 4], [1, 2, 0, 0]) == 0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_against_scipy_and_scikit_learn(rng, weighted):
    teacher, student = rng.dirichlet(np.ones(4), size=(2, 50))
    weight = rng.uniform(size=50) if weighted else None
    kl = np.average(entropy(teacher, student, axis=1), weights=weight)
    assert predictive_kl(teacher, student, sample_weight=weight, floor=0) == pytest.approx(kl)
    js = np.average(jensenshannon(teacher, student, axis=1) ** 2, weights=weight)
    assert jensen_shannon(teacher, student, sample_weight=weight) == pytest.approx(js)
    labels = teacher.argmax(axis=1), student.argmax(axis=1)
    expected = accuracy_score(*labels, sample_weight=weight)
    assert agreement_score(*labels, sample_weight=weight) == pytest.approx(expected)
    codes, positive = rng.integers(0, 2, 50), student[:, 0]
    brier = brier_score_loss(codes, positive, sample_weight=weight)
    found = brier_distance(np.eye(2)[codes], np.column_stack([1 - positive, positive]), sample_weight=weight)
    assert found == pytest.approx(2 * brier)


@settings(deadline=None)
@given(RAW)
def test_bounds_and_symmetries(pair):
    teacher, student = pair
    assert predictive_kl(teacher, student) >= -1e-12
    for metric in DISTANCES:
        assert 0.0 <= metric(teacher, student) <= GREATEST[metric] + 1e-12
        assert metric(teacher, student) == pytest.approx(metric(student, teacher), abs=1e-12)
        # Disjoint distributions are as far apart as any.
        assert metric([[1.0, 0.0]], [[0.0, 1.0]]) == pytest.approx(GREATEST[metric])
    # Pinsker, and what Jensen's inequality makes of it in the mean.
    assert total_variation(teacher, student) ** 2 <= predictive_kl(teacher, student, floor=0.0) / 2 + 1e-12
    # Lin's bound: in nats, row by row and so in the mean.
    assert jensen_shannon(teacher, student) <= np.log(2) * total_variation(teacher, student) + 1e-12
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
    for metric in (predictive_kl, *DISTANCES):
        assert metric(teacher, teacher) == pytest.approx(0.0, abs=1e-9)
        if np.abs(teacher - student).max() > 1e-3:
            assert metric(teacher, student) > 1e-8


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


@pytest.mark.parametrize("metric", DIVERGENCES)
def test_one_class_one_row_and_zeros(metric):
    assert metric([[1.0], [1.0]], [[1.0], [1.0]]) == 0.0
    assert metric([[1.0, 0.0]], [[1.0, 0.0]]) == pytest.approx(0.0, abs=2e-6)
    assert metric([[0.3, 0.7]], [[0.6, 0.4]]) == metric([[0.3, 0.7]] * 3, [[0.6, 0.4]] * 3)
    assert np.isfinite(metric([[0.0, 0.5, 0.5]], [[1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("metric", DIVERGENCES)
def test_classes_are_matched_by_value(metric, rng):
    teacher, student = rng.dirichlet(np.ones(3), size=(2, 10))
    names = np.array(["a", "b", "c"])
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        options = {"classes_teacher": names, "classes_student": names[order]}
        assert metric(teacher, student[:, order], **options) == pytest.approx(metric(teacher, student))
        options = {"classes_teacher": names[order], "classes_student": names}
        assert metric(teacher[:, order], student, **options) == pytest.approx(metric(teacher, student))


@pytest.mark.parametrize("metric", DIVERGENCES)
def test_absent_classes_have_probability_zero(metric, rng):
    teacher, student = rng.dirichlet(np.ones(3), size=6), rng.dirichlet(np.ones(2), size=6)
    found = metric(teacher, student, classes_teacher=[1, 2, 3], classes_student=[3, 2])
    assert found == pytest.approx(metric(teacher, np.column_stack([np.zeros(6), student[:, ::-1]])))
    # The teacher lacks a class, and each has one that the other lacks.
    found = metric(student, teacher, classes_teacher=[3, 2], classes_student=[1, 2, 3])
    assert found == pytest.approx(metric(np.column_stack([np.zeros(6), student[:, ::-1]]), teacher))
    other = rng.dirichlet(np.ones(2), size=6)
    found = metric(student, other, classes_teacher=["a", "b"], classes_student=["b", "c"])
    zeros = np.zeros((6, 1))
    assert found == pytest.approx(metric(np.hstack([student, zeros]), np.hstack([zeros, other])))


def test_a_class_that_the_student_never_saw_costs_the_floor():
    found = predictive_kl([[0.5, 0.5]], [[1.0]], classes_teacher=[0, 1], classes_student=[0])
    assert found == pytest.approx(0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-6), rel=1e-4)
    assert jensen_shannon([[0.0, 1.0]], [[1.0]], classes_teacher=[0, 1], classes_student=[0]) == np.log(2)


def test_agreement_of_strings():
    assert agreement_score(np.array(["a", "b"]), np.array(["a", "a"], dtype=object)) == 0.5
    assert agreement_score([["a"], ["b"]], ["a", "b"]) == 1.0
    assert agreement_score(np.array([1, "b"], dtype=object), np.array([1, "c"], dtype=object)) == 0.5
    assert agreement_score(np.array([1, 0], dtype=object), [True, False]) == 1.0


def test_agreement_has_its_interval(rng):
    teacher, student = rng.integers(0, 2, size=(2, 30))
    agreement = agreement_score(teacher, student, confidence_level=0.9)
    assert (agreement.low, agreement.high) == wilson_interval((teacher == student).mean(), 30, 0.9)
    assert agreement.confidence_level == 0.9
    same = agreement_score(teacher, teacher, sample_weight=rng.uniform(size=30))
    assert (same, same.high) == (1.0, 1.0)
    assert 0.8 < same.low < 1.0


def test_weights_are_no_further_evidence(rng):
    teacher, student = rng.integers(0, 2, size=(2, 30))
    plain = agreement_score(teacher, student)
    scaled = agreement_score(teacher, student, sample_weight=np.full(30, 50.0))
    assert (float(scaled), scaled.low, scaled.high) == pytest.approx((float(plain), plain.low, plain.high))
    weight = rng.integers(1, 5, 30)
    weighted = agreement_score(teacher, student, sample_weight=weight)
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert (weighted.low, weighted.high) == pytest.approx(wilson_interval(float(weighted), effective))
    zeros = agreement_score([0, 1, 1], [0, 1, 0], sample_weight=[1, 1, 0])
    assert (float(zeros), zeros.low) == (1.0, agreement_score([0, 1], [0, 1]).low)


@settings(deadline=None)
@given(hnp.arrays(np.int64, (3, 12), elements=st.integers(0, 2)))
def test_agreement_lies_in_its_bounds(answers):
    truth, teacher, student = answers
    low, high = agreement_bounds((truth == teacher).mean(), (truth == student).mean())
    assert low - 1e-12 <= (teacher == student).mean() <= high + 1e-12


def test_agreement_bounds_by_hand():
    assert agreement_bounds(0.9, 0.8) == pytest.approx((0.7, 0.9))
    assert agreement_bounds(0.3, 0.5) == pytest.approx((0.0, 0.8))
    assert agreement_bounds(1.0, 1.0) == (1.0, 1.0)
    assert agreement_bounds(1, 0) == (0.0, 0.0)
    low, high = agreement_bounds([0.9, 0.3], 0.8)
    np.testing.assert_allclose(low, [0.7, 0.1])
    np.testing.assert_allclose(high, [0.9, 0.5])
    for wrong in (1.1, -0.1, np.nan, 90):
        with pytest.raises(ValueError, match=r"accuracy_student must be in \[0, 1\], got .* not counts"):
            agreement_bounds(0.5, wrong)


@pytest.mark.parametrize("metric", DIVERGENCES)
@pytest.mark.parametrize(
    ("teacher", "student", "words"),
    [
        ([[0.5, 0.5]], [[0.2, 0.3, 0.5]], ["same shape", "(1, 2)", "(1, 3)", "order of classes"]),
        ([[0.5, 0.5]], [[-0.5, 1.5]], ["proba_student", "distributions", "[-0.5, 1.5]", "row 0", "not margins"]),
        ([[0.5, 0.5], [0.5, 0.6]], [[0.5, 0.5]] * 2, ["proba_teacher", "rows summing to 1", "sum 1.1", "row 1"]),
        ([[0.5, 0.5], [np.nan, 1.0]], [[0.5, 0.5]] * 2, ["proba_teacher", "finite", "row 1 (1 of 2"]),
        ([[0.5, 0.5]], [[np.inf, 0.0]], ["proba_student", "finite", "row 0"]),
        ([[0.5, 0.5]], [[np.inf, -np.inf]], ["proba_student", "finite", "row 0"]),
        ([[0.5, 0.5]], [[0.5, 0.5]] * 2, ["same shape", "(1, 2)", "(2, 2)", "Predict the same rows"]),
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
    with pytest.raises(ValueError, match=r"labels_student must be labels of shape \(n_rows,\), got shape \(1, 2\)"):
        agreement_score([0], [[0.5, 0.5]])


@pytest.mark.parametrize("missing", [np.array([1.0, np.nan]), np.array(["a", None], dtype=object)])
def test_missing_labels(missing):
    with pytest.raises(ValueError, match=r"labels_teacher must have a label in each row, got .* in row 1"):
        agreement_score(missing, missing)


def test_labels_of_other_kinds():
    for strings in (["0", "1"], np.array(["0", "1"], dtype=object)):
        with pytest.raises(ValueError, match=r"of one kind, got numbers and strings. Encode both"):
            agreement_score([0, 1], strings)


@pytest.mark.parametrize("metric", [*DIVERGENCES, agreement_score])
@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1.0], ["sample_weight", "(2,)", "(1,)"]),
        ([1.0, np.nan], ["sample_weight", "finite", "nan in row 1"]),
        ([-1.0, 1.0], ["sample_weight", "at least 0", "-1.0 in row 0"]),
        ([0.0, 0.0], ["sample_weight is zero for every row", "nothing to compare"]),
    ],
)
def test_weights_that_are_none(metric, weight, words):
    both = ([0, 1], [0, 1]) if metric is agreement_score else (np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        metric(*both, sample_weight=weight)


@pytest.mark.parametrize("metric", DIVERGENCES)
@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ((["a", "b"], None), ["classes_student must be given along"]),
        ((None, ["a", "b"]), ["classes_teacher must be given along"]),
        ((["a", "b"], ["a", "b", "c"]), ["classes_student", "(2,)", "(3,)", "classes_"]),
        ((["a", "a"], ["a", "b"]), ["classes_teacher", "once", "'a' more than once"]),
        ((["a", "b"], [0, 1]), ["['a', 'b']", "[0, 1]", "in common", "same way"]),
    ],
)
def test_classes_that_do_not_fit(metric, classes, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        metric(np.eye(2), np.eye(2), classes_teacher=classes[0], classes_student=classes[1])


def test_other_rows_are_told_from_other_classes():
    with pytest.raises(ValueError, match=r"same shape, got \(2,\) and \(3,\)"):
        jensen_shannon(np.eye(2), np.eye(3), classes_teacher=[0, 1], classes_student=[0, 1, 2])


@pytest.mark.parametrize("metric", [predictive_kl, log_loss_soft])
@pytest.mark.parametrize("floor", [-0.1, 1.0, np.nan])
def test_floors_out_of_range(metric, floor):
    with pytest.raises(ValueError, match="floor must be at least 0 and below 1"):
        metric(np.eye(2), np.eye(2), floor=floor)


@pytest.mark.parametrize("metric", [agreement_score, *DIVERGENCES])
def test_levels_and_input_are_left_alone(metric, rng):
    if metric is agreement_score:
        with pytest.raises(ValueError, match=r"confidence_level must be in \(0, 1\).* got 95"):
            metric([0], [0], confidence_level=95)
    proba = np.array([[0.25, 0.7505], [0.5, 0.5]])
    kept = proba.copy()
    metric(*((proba[:, 0], proba[:, 0]) if metric is agreement_score else (proba, proba)))
    np.testing.assert_array_equal(proba, kept)
