"""Displays: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier
from skdistill.fidelity._calibration import reliability_curve
from skdistill.fidelity._drawing._curve_displays import DistillationCurveDisplay, TemperatureCurveDisplay
from skdistill.fidelity._drawing._displays import FidelityDisplay
from skdistill.fidelity._estimates import wilson_interval
from skdistill.fidelity._metrics import agreement_bounds, agreement_score
from skdistill.fidelity._refitting._curves import DistillationCurve, distillation_curve, temperature_curve

# Two classes, bins of width 0.5: three rows below, two above.
STUDENT = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.0, 1.0]])
TEACHER = np.array([[1.0, 0.0], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [0.4, 0.6]])
TRUTH = np.array([0, 0, 1, 1, 1])


@pytest.fixture(autouse=True)
def no_figures_left():
    assert plt.get_fignums() == []
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def iris_models():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    teacher = RandomForestClassifier(n_estimators=10, random_state=0).fit(X[::2], names[::2])
    student = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X[::2], names[::2])
    return teacher, student, X[1::2], names[1::2]


def random_distributions(rng, n_rows, n_classes):
    return rng.dirichlet(np.ones(n_classes), size=n_rows)


def assert_same_tables(first, second):
    assert list(first) == list(second)
    for key, column in first.items():
        np.testing.assert_array_equal(column, second[key], err_msg=key)


def test_reliability_of_a_class_by_hand():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, TRUTH, label=1, n_bins=2)
    table = display.table
    np.testing.assert_allclose(table["bin_low"], [0, 0.5])
    np.testing.assert_allclose(table["bin_high"], [0.5, 1])
    np.testing.assert_array_equal(table["n_rows"], [3, 2])
    np.testing.assert_allclose(table["share"], [0.6, 0.4])
    np.testing.assert_allclose(table["student"], [0.2, 0.8])
    np.testing.assert_allclose(table["teacher"], [0.3, 0.7])
    # The least value with a tenth, and with nine tenths, of the rows at or below it.
    np.testing.assert_allclose(table["teacher_low"], [0.0, 0.6])
    np.testing.assert_allclose(table["teacher_high"], [0.6, 0.8])
    np.testing.assert_allclose(table["observed"], [1 / 3, 1])
    low, high = wilson_interval([1 / 3, 1], [3, 2])
    np.testing.assert_allclose(table["observed_low"], low)
    np.testing.assert_allclose(table["observed_high"], high)


def test_reliability_of_the_top_class_by_hand():
    student = [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.1, 0.8, 0.1]]
    teacher = [[0.5, 0.5, 0.0], [0.9, 0.0, 0.1], [0.2, 0.8, 0.0]]
    table = FidelityDisplay.from_predictions(teacher, student, [0, 0, 1], n_bins=1).table
    np.testing.assert_allclose(table["student"], [0.7])
    np.testing.assert_allclose(table["teacher"], [(0.5 + 0.1 + 0.8) / 3])
    np.testing.assert_allclose(table["observed"], [2 / 3])


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_are_those_of_the_calibration_error(rng, strategy):
    teacher, student = (random_distributions(rng, 200, 3) for _ in range(2))
    truth, weight = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    params = {"n_bins": 7, "strategy": strategy, "sample_weight": weight}
    table = FidelityDisplay.from_predictions(teacher, student, truth, **params).table
    curve = reliability_curve(truth, student, classes=[0, 1, 2], **params)
    rows = curve.n_rows > 0
    np.testing.assert_array_equal(table["n_rows"], curve.n_rows[rows])
    np.testing.assert_allclose(table["student"], curve.confidence[rows])
    np.testing.assert_allclose(table["observed"], curve.accuracy[rows])


@pytest.mark.parametrize("kind", ["reliability", "bounds"])
def test_weights_are_repetition(rng, kind):
    teacher, student = (random_distributions(rng, 60, 3) for _ in range(2))
    truth, weight = rng.integers(0, 3, 60), rng.integers(0, 3, 60)
    repeated = np.repeat(np.arange(60), weight)
    weighted = FidelityDisplay.from_predictions(teacher, student, truth, kind=kind, sample_weight=weight).table
    longer = FidelityDisplay.from_predictions(teacher[repeated], student[repeated], truth[repeated], kind=kind).table
    # Counts, and intervals by the effective number of rows, speak of rows and not of weight.
    for key in ("student", "teacher", "teacher_low", "observed", "share", "agreement", "bound_low", "by_chance"):
        if key in weighted:
            np.testing.assert_allclose(weighted[key], longer[key], err_msg=key)


def test_reliability_artists_hold_the_table():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, TRUTH, label=1, n_bins=2)
    table = display.table
    np.testing.assert_array_equal(display.line_.get_xydata(), np.column_stack([table["student"], table["teacher"]]))
    spread = np.array(display.spread_.get_segments())
    np.testing.assert_array_equal(spread[:, :, 1], np.column_stack([table["teacher_low"], table["teacher_high"]]))
    points, _, (bars,) = display.truth_
    np.testing.assert_array_equal(points.get_ydata(), table["observed"])
    ends = np.array(bars.get_segments())[:, :, 1]
    np.testing.assert_allclose(ends, np.column_stack([table["observed_low"], table["observed_high"]]))
    np.testing.assert_array_equal([bar.get_height() for bar in display.counts_], table["n_rows"])
    np.testing.assert_array_equal(display.diagonal_.get_xydata(), [[0, 0], [1, 1]])
    assert "class 1" in display.ax_.get_xlabel()


def test_bounds_by_hand_and_as_drawn():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, TRUTH, kind="bounds", name="held out")
    table = {key: column[0] for key, column in display.table.items()}
    assert table["set"] == "held out"
    # The teacher takes class 1 in rows 2, 3, 4, which is the truth; the student in rows 3 and 4.
    assert table["agreement"] == pytest.approx(agreement_score([0, 0, 1, 1, 1], [0, 0, 0, 1, 1]))
    assert (table["accuracy_teacher"], table["accuracy_student"]) == pytest.approx((1.0, 0.8))
    assert (table["bound_low"], table["bound_high"]) == pytest.approx(tuple(agreement_bounds(1.0, 0.8)))
    # Given class 0 both always say 0; given class 1 the teacher always says 1 and the student two times of three.
    assert table["by_chance"] == pytest.approx((2 * 1 + 3 * 2 / 3) / 5)
    np.testing.assert_allclose(display.line_.get_xydata(), [[0.8, 0]])
    (bar,) = display.bounds_
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx((table["bound_low"], table["bound_high"]))
    np.testing.assert_allclose(display.intervals_.get_segments()[0][:, 0], [table["low"], table["high"]])
    np.testing.assert_allclose(display.chance_.get_segments()[0][:, 0], table["by_chance"])


def test_bounds_of_several_sets(iris_models):
    teacher, student, X, y = iris_models
    display = FidelityDisplay.from_estimators(teacher, student, {"all": (X, y), "$x$ <b>": X[:9]}, kind="bounds")
    assert list(display.table["set"]) == ["all", "$x$ <b>"]
    np.testing.assert_array_equal(np.isnan(display.table["bound_low"]), [False, True])
    assert len(display.bounds_) == 1
    display.figure_.canvas.draw()
    assert display.ax_.get_yticklabels()[1].get_text() == r"\$x\$ <b>"


@pytest.mark.parametrize("params", [{}, {"label": "virginica"}, {"kind": "bounds"}])
def test_from_estimators_is_from_predictions(iris_models, params):
    teacher, student, X, y = iris_models
    asked = FidelityDisplay.from_estimators(teacher, student, X, y, **params)
    told = FidelityDisplay.from_predictions(
        teacher.predict_proba(X), student.predict_proba(X), y, classes=teacher.classes_, **params
    )
    assert_same_tables(asked.table, told.table)


def test_order_of_classes_does_not_matter(iris_models):
    teacher, student, X, y = iris_models
    order = [2, 0, 1]
    one, other = (
        FidelityDisplay.from_predictions(
            teacher.predict_proba(X)[:, columns],
            student.predict_proba(X)[:, columns],
            y,
            classes=teacher.classes_[columns],
            label="versicolor",
        ).table
        for columns in ([0, 1, 2], order)
    )
    assert_same_tables(one, other)


def test_class_that_the_student_never_saw(iris_models):
    teacher, _, X, y = iris_models
    known = y != "virginica"
    student = DecisionTreeClassifier(max_depth=1).fit(X[known], y[known])
    table = FidelityDisplay.from_estimators(teacher, student, X, y, label="virginica").table
    np.testing.assert_array_equal(table["student"], [0.0])
    assert table["observed"][0] == pytest.approx((y == "virginica").mean())


def test_one_class_and_one_row():
    table = FidelityDisplay.from_predictions([[1.0]], [[1.0]], [0]).table
    assert (table["student"][0], table["teacher"][0], table["observed"][0], table["n_rows"][0]) == (1, 1, 1, 1)
    display = FidelityDisplay.from_predictions([[1.0]], [[1.0]], [0], kind="bounds")
    display.figure_.canvas.draw()
    assert display.table["agreement"][0] == 1


def test_without_labels_nothing_is_observed():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT)
    assert "observed" not in display.table
    assert display.truth_ is None


def test_given_axes_are_used_and_settings_are_passed():
    _, (left, right) = plt.subplots(1, 2)
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, ax=left, color="black", name="$tree$")
    assert display.ax_ is left
    assert display.line_.get_color() == "black"
    assert display.line_.get_label() == r"\$tree\$"
    assert display.plot(right, name="again") is display
    assert display.ax_ is right
    assert len(plt.get_fignums()) == 1


def test_names_that_look_like_mathematics_are_drawn():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, classes=["$x", "$y_{$"], label="$y_{$")
    display.figure_.canvas.draw()
    assert display.ax_.get_xlabel() == r"student's probability of class \$y_{\$"


@pytest.mark.needs("pandas")
def test_frame_is_the_table():
    display = FidelityDisplay.from_predictions(TEACHER, STUDENT, TRUTH, n_bins=2)
    frame = display.frame()
    assert_same_tables({key: frame[key].to_numpy() for key in frame}, display.table)


def test_regression_by_hand():
    student, teacher, truth = np.array([0.0, 1.0, 3.0, 4.0]), np.array([1.0, 1.0, 2.0, 4.0]), np.array([0, 2, 3, 3])
    display = FidelityDisplay.from_predictions(teacher, student, truth, task="regression", n_bins=2)
    table = display.table
    np.testing.assert_allclose(table["bin_high"], [2, 4])
    np.testing.assert_allclose(table["student"], [0.5, 3.5])
    np.testing.assert_allclose(table["teacher"], [1, 3])
    np.testing.assert_allclose(table["observed"], [1, 3])
    np.testing.assert_allclose(table["observed_high"] - table["observed"], [1.959964, 0], atol=1e-6)
    np.testing.assert_array_equal(display.cloud_.get_xydata(), np.column_stack([student, teacher]))


def test_regression_of_constants_and_of_many_rows(rng):
    constant = FidelityDisplay.from_predictions([2.0, 3.0], [1.0, 1.0], task="regression")
    constant.figure_.canvas.draw()
    assert constant.table["teacher"] == pytest.approx([2.5])
    values = rng.normal(size=2000)
    display = FidelityDisplay.from_predictions(values, values + rng.normal(size=2000), task="regression")
    display.figure_.canvas.draw()
    assert display.cloud_.get_array().sum() == 2000


def test_regression_of_several_outputs(rng):
    X = rng.normal(size=(50, 3))
    y = X @ rng.normal(size=(3, 2)) * [1, 100]
    teacher, student = LinearRegression().fit(X, y), DecisionTreeRegressor(max_depth=2).fit(X, y)
    pooled = FidelityDisplay.from_estimators(teacher, student, X, y)
    assert pooled.cloud.shape == (100, 2)
    assert pooled.cloud[:, 1].std() == pytest.approx(1)
    second = FidelityDisplay.from_estimators(teacher, student, X, y, label=1)
    np.testing.assert_array_equal(second.cloud[:, 1], teacher.predict(X)[:, 1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kind": "confusion"}, "kind must be"),
        ({"label": 7}, "label must be one of the classes"),
        ({"n_bins": 0}, "n_bins must be"),
        ({"strategy": "kmeans"}, "strategy must be"),
        ({"y": [0, 1]}, "y must hold"),
        ({"y": [0, 0, 1, 1, 5]}, "y must hold"),
        ({"classes": [0, 1, 2]}, "classes must"),
        ({"sample_weight": [1, 1]}, "sample_weight must"),
        ({"task": "regression", "kind": "bounds"}, 'kind="bounds" compares labels'),
        ({"task": "regression", "label": 2}, "position of an output"),
        ({"confidence_level": 2.0, "y": TRUTH}, "confidence_level must"),
    ],
)
def test_bad_input(params, message):
    params = dict(params)
    y = params.pop("y", None)
    with pytest.raises(ValueError, match=message):
        FidelityDisplay.from_predictions(TEACHER, STUDENT, y, **params)


def test_models_without_probabilities(iris_models):
    teacher, _, X, y = iris_models
    student = RidgeClassifier().fit(X, y)
    with pytest.raises(ValueError, match=r'compares probabilities, and the student gives none. Use kind="bounds"'):
        FidelityDisplay.from_estimators(teacher, student, X, y)
    assert FidelityDisplay.from_estimators(teacher, student, X, y, kind="bounds").table["n_rows"] == [75]


def test_several_sets_are_for_bounds_and_bring_their_labels(iris_models):
    teacher, student, X, y = iris_models
    with pytest.raises(ValueError, match="Several sets are drawn by"):
        FidelityDisplay.from_estimators(teacher, student, {"a": (X, y)})
    with pytest.raises(ValueError, match="must be None when X is a mapping"):
        FidelityDisplay.from_estimators(teacher, student, {"a": (X, y)}, y, kind="bounds")


def curve_records():
    """Two lines over three numbers of rows and two folds, one fit of which failed."""
    records = []
    for line, gain in (("munge", 0.1), ("$mixup$", 0.05)):
        for x in (0, 100, 1000):
            for fold in (0, 1):
                value = 0.7 + gain * (x > 0) + gain * (x > 100) + 0.02 * fold
                records.append(
                    {
                        "line": line,
                        "x": x,
                        "fold": fold,
                        "agreement": value,
                        "predictive_kl": 1 - value,
                        "accuracy_student": value - 0.1,
                        "accuracy_teacher": 0.95,
                        "calibration_error_student": 0.1,
                        "n_rows": x,
                        "error": None,
                    }
                )
    failed = dict.fromkeys(records[-1], None) | {"line": "$mixup$", "x": 1000, "fold": 1, "error": "ValueError: no"}
    return [*records[:-1], failed]


def test_curve_artists_hold_the_summary():
    curve = DistillationCurve(curve_records(), "further rows", "classification")
    display = DistillationCurveDisplay(curve).plot()
    assert len(display.axes_) == 4
    summary = [record for record in curve.summary() if record["line"] == "munge"]
    for metric in ("agreement", "predictive_kl", "accuracy_student", "calibration_error_student"):
        line = display.lines_[metric, "munge"]
        np.testing.assert_array_equal(line.get_xdata(), [0, 100, 1000])
        np.testing.assert_array_equal(line.get_ydata(), [record[metric] for record in summary])
        ends = np.array(display.bands_[metric, "munge"].get_segments())[:, :, 1]
        np.testing.assert_array_equal(ends, [(r[f"{metric}_low"], r[f"{metric}_high"]) for r in summary])
    assert display.lines_["agreement", "$mixup$"].get_ydata()[2] == pytest.approx(0.8)
    assert list(display.teachers_) == ["accuracy_student"]
    np.testing.assert_allclose(display.teachers_["accuracy_student"].get_ydata(), [0.95, 0.95])
    display.figure_.canvas.draw()
    legend = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert legend == ["munge", r"\$mixup\$"]
    assert [label.get_text() for label in display.axes_[0].get_xticklabels()] == ["0", "100", "1,000"]


@pytest.mark.needs("pandas")
def test_curve_frame_is_the_summary():
    curve = DistillationCurve(curve_records(), "further rows", "classification")
    frame = DistillationCurveDisplay(curve).frame(0.9)
    assert len(frame) == 6
    assert frame["agreement_low"][0] == curve.summary(0.9)[0]["agreement_low"]


def test_curve_of_a_regression_and_axes_of_ones_own():
    records = [{"line": "student", "x": x, "fold": 0, "r2_to_teacher": 0.1 * x, "error": None} for x in (1, 2)]
    curve = DistillationCurve(records, "temperature", "regression")
    _, ax = plt.subplots()
    display = TemperatureCurveDisplay(curve).plot(ax, metrics=["r2_to_teacher"], color="black")
    assert list(display.axes_) == [ax]
    assert display.lines_["r2_to_teacher", "student"].get_color() == "black"
    # What no fit gave has a panel that says so.
    whole = TemperatureCurveDisplay(curve).plot()
    assert list(whole.lines_) == [("r2_to_teacher", "student")]
    assert ["No fit gave" in text.get_text() for text in whole.axes_[1].texts] == [True]


def test_curve_bad_input():
    display = DistillationCurveDisplay(DistillationCurve(curve_records(), "further rows", "classification"))
    with pytest.raises(ValueError, match="metrics must be some of"):
        display.plot(metrics=["f1"])
    with pytest.raises(ValueError, match="metrics must be some of"):
        display.plot(metrics="agreement")
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="one Axes per metric, 4 of them, got 2"):
        display.plot(axes)


@pytest.mark.parametrize(
    ("cls", "compute", "params"),
    [
        (DistillationCurveDisplay, distillation_curve, {"samplers": ("mixup",), "n_rows": (0, 1.0)}),
        (TemperatureCurveDisplay, temperature_curve, {"temperatures": (1, 2)}),
    ],
)
def test_curve_from_estimator_is_the_curve_drawn(cls, compute, params):
    X, y = load_iris(return_X_y=True)
    student = DecisionTreeClassifier(max_depth=2)
    model = DistilledClassifier(GaussianNB(), student, alpha=1.0, cv=2)
    params = {**params, "cv": 2, "random_state": 0}
    display = cls.from_estimator(model, X, y, metrics=["agreement"], **params)
    assert display.curve == compute(model, X, y, **params)
    assert len(display.axes_) == 1


def test_a_teacher_that_knows_nothing(iris_models):
    _, student, X, y = iris_models
    teacher = DummyClassifier(strategy="prior").fit(X, y)
    table = FidelityDisplay.from_estimators(teacher, student, X, y).table
    np.testing.assert_allclose(table["teacher_high"] - table["teacher_low"], 0, atol=0.05)
