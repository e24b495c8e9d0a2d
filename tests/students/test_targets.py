"""What a student is told: the two terms and their mixture."""

import numpy as np
import pytest

from skdistill.students import SoftTargets
from skdistill.students._regression import mixed_values


@pytest.fixture
def targets():
    return SoftTargets(
        teacher=np.array([[0.6, 0.4], [0.1, 0.9], [0.7, 0.3]]),
        codes=np.array([1, 1, -1]),
        teacher_weight=np.array([0.5, 1.0, 2.0]),
        label_weight=np.array([1.5, 0.0, 0.0]),
        classes=np.array(["no", "yes"]),
        temperature=3.0,
    )


def test_the_mixture_is_the_weighted_mean_of_both_terms(targets):
    mixed, weight = targets.mixed()
    np.testing.assert_allclose(mixed, [[0.15, 0.85], [0.1, 0.9], [0.7, 0.3]])
    np.testing.assert_allclose(weight, [2.0, 1.0, 2.0])


def test_labels_are_the_rows_own_or_the_teachers(targets):
    assert targets.labels.tolist() == ["yes", "yes", "no"]
    np.testing.assert_array_equal(targets.one_hot(), [[0, 1], [0, 1], [0, 0]])


def test_only_purely_soft_targets_are_read_at_their_temperature(targets):
    assert targets.exponent == 1.0
    assert targets.take(np.array([1, 2])).exponent == 3.0


def test_targets_without_a_teacher_are_the_labels(targets):
    hard = SoftTargets(targets.teacher, np.array([1, 0, 1]), np.zeros(3), np.array([1.0, 2.0, 0.5]), targets.classes)
    assert hard.is_hard
    assert not targets.is_hard
    mixed, weight = hard.mixed()
    np.testing.assert_array_equal(mixed, [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(weight, [1.0, 2.0, 0.5])


def test_soft_targets_alone_are_the_teachers_own_numbers(targets):
    soft = targets.take(np.array([False, True, True]))
    assert len(soft) == 2
    np.testing.assert_array_equal(soft.mixed()[0], targets.teacher[1:])


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_mixed_values_have_the_gradient_of_both_squared_errors(rng, shape):
    teacher, y, at = rng.normal(size=(3, *shape))
    a, b = rng.uniform(size=(2, 50)) * (rng.random((2, 50)) < 0.7) + 1e-9
    target, weight = mixed_values(teacher, y, a, b)
    wide = (slice(None),) + (None,) * (len(shape) - 1)
    gradient = a[wide] * (at - teacher) + b[wide] * (at - y)
    np.testing.assert_allclose(weight[wide] * (at - target), gradient, atol=1e-12)


def test_labels_that_do_not_exist_do_not_matter():
    target, weight = mixed_values(np.array([1.0, 2.0]), np.array([np.nan, 4.0]), np.ones(2), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(target, [1.0, 3.0])
    np.testing.assert_array_equal(weight, [1.0, 2.0])
