"""The typed answer: what it accepts, aligns and refuses."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from skdistill.exceptions import InvalidResponseError
from skdistill.response import TeacherResponse

ABC = np.array(["a", "b", "c"])


def answer(kind="proba", values=((0.2, 0.3, 0.5), (1.0, 0.0, 0.0)), classes=ABC, method="predict_proba"):
    return TeacherResponse(kind, np.array(values, dtype=float), classes, method)


def test_the_kind_decides_not_the_numbers():
    # Each row could be probabilities and could be margins.
    values = np.array([[0.0, 1.0], [0.5, 0.5]])
    classes = np.array([0, 1])
    np.testing.assert_array_equal(TeacherResponse("proba", values, classes, "m").proba(), values)
    np.testing.assert_allclose(
        TeacherResponse("logit", values, classes, "m").proba(), [[1 - expit(1.0), expit(1.0)], [0.5, 0.5]]
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_means_the_same_for_both_kinds(temperature, rng):
    logits = rng.normal(size=(20, 3))
    told = answer("logit", logits).proba(temperature)
    np.testing.assert_allclose(told, softmax(logits / temperature, axis=1))
    np.testing.assert_allclose(answer("proba", softmax(logits, axis=1)).proba(temperature), told)


def test_labels_are_one_hot():
    told = TeacherResponse("label", np.array(["b", "a"]), ABC, "predict").proba()
    np.testing.assert_array_equal(told, [[0, 1, 0], [1, 0, 0]])


def test_values_have_no_probabilities():
    with pytest.raises(InvalidResponseError, match=r"no probabilities\. Use a classifier"):
        TeacherResponse("value", np.zeros(3), None, "predict").proba()


def test_rows_of_single_precision_are_normalised():
    values = np.array([[0.3333, 0.3333, 0.3333]], dtype=np.float32)
    told = TeacherResponse("proba", values, ABC, "m").values
    assert told.dtype == np.float64
    assert told.sum() == pytest.approx(1.0, abs=1e-15)


@settings(deadline=None)
@given(st.permutations(range(3)), st.sampled_from(["proba", "logit"]))
def test_alignment_is_by_value(order, kind):
    values = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    shuffled = TeacherResponse(kind, values[:, order], ABC[order], "m").align(ABC)
    assert shuffled.kind == kind
    np.testing.assert_allclose(shuffled.values, values, rtol=1e-15)
    np.testing.assert_array_equal(shuffled.classes, ABC)


def test_a_class_never_seen_gets_nothing():
    told = answer("logit", [[0.0, 1.0]], np.array(["a", "c"])).align(ABC)
    assert told.kind == "proba"
    np.testing.assert_allclose(told.values, [[1 - expit(1.0), 0.0, expit(1.0)]])


def test_a_class_not_wanted_is_dropped():
    told = answer(values=[[0.2, 0.3, 0.5]]).align(["c", "a"])
    np.testing.assert_allclose(told.values, [[5 / 7, 2 / 7]])


def test_numbers_of_other_types_are_the_same_class():
    told = answer(values=[[0.2, 0.8]], classes=np.array([0.0, 1.0])).align(np.array([1, 0]))
    np.testing.assert_allclose(told.values, [[0.8, 0.2]])


def test_aligned_values_of_a_regression_stay():
    response = TeacherResponse("value", np.zeros((2, 2)), None, "predict")
    assert response.align(ABC) is response


def test_taking_rows():
    taken = answer().take(np.array([1]))
    assert len(taken) == 1
    np.testing.assert_array_equal(taken.values, [[1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"values": [[np.nan, 0.5, 0.5]]}, ["predict_proba", "finite", "row 0", "Check the teacher"]),
        ({"kind": "logit", "values": [[0, 0, 0], [np.inf, 0, 0]]}, ["finite", "row 1"]),
        ({"values": [[-0.1, 0.6, 0.5]]}, ["at least 0", "-0.1", "row 0", "decision_function"]),
        ({"values": [[0.2, 0.3, 0.5], [0.9, 0.9, 0.9]]}, ["sum to 1", "2.7", "row 1", "1 of 2 rows"]),
        ({"values": [[0.5, 0.5]]}, ["one column per class", "(n_rows, 3)", "(1, 2)"]),
        ({"values": [0.5, 0.5]}, ["one column per class", "(2,)"]),
        ({"kind": "guess"}, ["kind must be", "'guess'"]),
    ],
)
def test_an_answer_that_is_not_what_it_claims(kwargs, words):
    with pytest.raises(InvalidResponseError, match=".*".join(re.escape(word) for word in words)):
        answer(**kwargs)


def test_labels_that_are_no_classes():
    with pytest.raises(InvalidResponseError, match=r"not among its classes.*Let the teacher"):
        TeacherResponse("label", np.array(["d"]), ABC, "predict")


def test_disjoint_classes():
    with pytest.raises(InvalidResponseError, match=r"\['a', 'b', 'c'\] .*\[0, 1\] have nothing in common. Train"):
        answer().align([0, 1])


def test_all_mass_on_classes_that_do_not_count():
    with pytest.raises(InvalidResponseError, match=r"all mass in row 1 .*\['b', 'c'\].*drop the rows"):
        answer().align(["b", "c"])
