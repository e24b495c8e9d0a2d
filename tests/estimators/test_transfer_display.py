"""The picture of who taught whom."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skdistill.estimators import CooperativeDistillation, TransferDisplay
from skdistill.estimators._transfer_display import shortened
from tests.estimators.stand_ins import RawRow

X, Y = load_iris(return_X_y=True)
OWNER = np.where(Y == 0, "north", np.where(Y == 1, "south", np.where(np.arange(150) % 2, "north", "south")))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    learners = [("north", LogisticRegression(max_iter=500)), ("south", GaussianNB())]
    return CooperativeDistillation(learners, generator=RawRow(), random_state=0).fit(X, Y, owner=OWNER)


def test_out_of_fold(fitted):
    display = TransferDisplay.from_estimator(fitted)
    np.testing.assert_array_equal(display.transfers, fitted.transfer_matrix_)
    np.testing.assert_array_equal(np.column_stack([display.before, display.after]), fitted.out_of_fold_accuracy_)
    shown = [text.get_text() for text in display.ax_[0].texts]
    assert shown == [str(fitted.transfer_matrix_[0, 1]), str(fitted.transfer_matrix_[1, 0])]
    assert [text.get_text() for text in display.ax_[1].get_yticklabels()] == [f"{g:+.3f}" for g in fitted.gain_]
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), display.before)
    assert display.ax_[1].get_xlabel() == "accuracy out of fold"
    assert display.image_.get_array().mask.tolist() == [[True, False], [False, True]]


def test_on_rows_given(fitted):
    display = TransferDisplay.from_estimator(fitted, X, Y)
    for place, name in enumerate(("north", "south")):
        assert display.before[place] == pytest.approx((fitted.initial_estimators_[name].predict(X) == Y).mean())
        assert display.after[place] == pytest.approx((fitted.named_estimators_[name].predict(X) == Y).mean())
    weight = np.where(Y == 0, 1.0, 0.0)
    weighted = TransferDisplay.from_estimator(fitted, X, Y, sample_weight=weight)
    assert weighted.before[1] == pytest.approx(0.0)
    with pytest.raises(ValueError, match=r"X and y must be given together, got X without y. Pass both or none"):
        TransferDisplay.from_estimator(fitted, X)


@pytest.mark.needs("pandas")
def test_frame(fitted):
    frame = TransferDisplay.from_estimator(fitted).frame()
    assert list(frame.learner) == ["north", "south"]
    np.testing.assert_allclose(frame.gain, fitted.gain_)
    np.testing.assert_array_equal(frame.n_taught, fitted.transfer_matrix_.sum(axis=1))
    np.testing.assert_array_equal(frame.from_south, fitted.transfer_matrix_[1])


def test_what_was_not_measured_is_said():
    unknown = np.full(2, np.nan)
    display = TransferDisplay(["a", "b"], np.array([[0, 3], [0, 0]]), unknown, unknown).plot()
    assert [text.get_text() for text in display.ax_[1].texts] == ["not measured"]


def test_a_loss_has_another_colour():
    display = TransferDisplay(["a", "b"], np.zeros((2, 2), int), np.array([0.5, 0.6]), np.array([0.4, 0.7])).plot()
    assert display.lines_[2].get_xdata().tolist() == [0.4]
    assert display.lines_[1].get_xdata().tolist() == [0.7]
    assert display.lines_[1].get_color() != display.lines_[2].get_color()


def test_given_axes():
    figure, axes = plt.subplots(2, 1)
    display = TransferDisplay(["a", "b"], np.eye(2, dtype=int)[::-1], np.zeros(2), np.ones(2)).plot(ax=axes)
    assert display.figure_ is figure
    assert display.ax_.tolist() == axes.tolist()
    with pytest.raises(ValueError, match=r"ax must be a pair of axes, got 1. Make them with"):
        display.plot(ax=axes[0])


def test_many_learners_have_a_colour_bar_and_no_numbers():
    k = 15
    display = TransferDisplay([f"n{i}" for i in range(k)], np.ones((k, k), int), np.zeros(k), np.ones(k)).plot()
    assert len(display.ax_[0].texts) == 0
    assert len(display.figure_.axes) == 3


def test_long_names_stay_distinct():
    names = [f"the hospital of the northern province, ward {i}" for i in range(3)]
    assert len(set(shortened(names))) == 3
    assert max(map(len, shortened(names))) <= 18
    assert shortened(["a$b$"]) == [r"a\$b\$"]
    assert shortened(["plain", "gradient boosting with all columns"]) == ["plain", "gradient boosting…"]
