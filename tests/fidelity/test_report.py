"""The report as a user meets it: any pair, its tables, its controls, its text."""

import copy
import pickle
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import skdistill
from skdistill import DistilledClassifier, DistilledRegressor, FidelityReport
from skdistill.exceptions import TeacherError

X, Y = load_iris(return_X_y=True)
TRAIN, TEST, Y_TRAIN, Y_TEST = train_test_split(X, Y, stratify=Y, random_state=0)
SETS = {"train": (TRAIN, Y_TRAIN), "distill": (TRAIN, None), "test": (TEST, Y_TEST)}


@pytest.fixture(scope="module")
def teacher():
    return RandomForestClassifier(20, random_state=0).fit(TRAIN, Y_TRAIN)


@pytest.fixture(scope="module")
def student(teacher):
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(TRAIN, teacher.predict(TRAIN))


@pytest.fixture(scope="module")
def report(teacher, student):
    return FidelityReport.from_estimators(teacher, student, SETS, random_state=0)


def words(*parts):
    return ".*".join(re.escape(part) for part in parts)


def test_it_is_in_the_flat_namespace():
    assert skdistill.FidelityReport is FidelityReport


def test_records(report):
    records = report.metric_records()
    assert {record["set"] for record in records} == {"train", "distill", "test"}
    assert {r["n_rows"] for r in records if r["set"] == "test"} == {38}
    assert not [r for r in records if r["set"] == "distill" and r["metric"].startswith("accuracy")]
    assert {r["set"] for r in report.error_records()} == {"train", "test"}
    assert len(report.class_records()) == 9
    assert report.control_records() == []
    assert (report.judged, report.task, report.classes.tolist()) == ("test", "classification", [0, 1, 2])


def test_the_text_holds_verdict_numbers_and_findings(report):
    text = repr(report)
    assert text.startswith(f"FidelityReport: {report.verdict()}")
    agreement = next(r for r in report.metric_records() if (r["set"], r["metric"]) == ("test", "agreement"))
    assert f"{agreement['value']:.4f} [{agreement['low']:.4f}, {agreement['high']:.4f}]" in text
    assert all(finding.code in text for finding in report.findings())
    assert all(note.split()[0] in text for note in report.notes)
    assert re.match(r"test \(38 rows\): (faithful|not faithful|undecided); agreement 0\.", report.verdict())
    assert max(map(len, text.splitlines()[1:])) <= 120


def test_the_text_keeps_the_order_of_the_metrics(teacher, student):
    sets = {"distill": (TRAIN, None), "test": (TEST, Y_TEST)}
    text = repr(FidelityReport.from_estimators(teacher, student, sets, random_state=0))
    places = [
        text.index(f"  {name}") for name in ("agreement ", "agreement_lower_bound", "jensen_shannon", "accuracy_")
    ]
    assert places == sorted(places)


@pytest.mark.needs("matplotlib")
def test_the_page_of_pictures_is_a_figure_of_pyplots(report):
    import matplotlib.pyplot as plt

    figure = report.plot()
    assert plt.fignum_exists(figure.number)
    plt.close(figure)
    own = plt.figure()
    assert report.plot(own) is own
    plt.close(own)


def test_the_seed_decides_and_order_of_asking_does_not(teacher, student):
    first, second = (FidelityReport.from_estimators(teacher, student, SETS, random_state=3) for _ in range(2))
    second.slice_records()
    second.class_records()
    assert first.metric_records() == second.metric_records()
    assert list(first.slice_records()) == list(second.slice_records())


def test_it_can_be_stored(report):
    for other in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
        assert other.metric_records() == report.metric_records()
        assert repr(other) == repr(report)


@pytest.mark.needs("pandas")
def test_frames(report):
    frame = report.frame()
    assert frame.columns.tolist() == ["set", "metric", "value", "low", "high", "n_rows"]
    assert len(frame) == len(report.metric_records())
    assert frame["value"].dtype == float
    assert report.errors().groupby("set")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert {"class", "recall_teacher", "jensen_shannon"} <= set(report.per_class().columns)
    assert report.slices().attrs["note"]


@pytest.mark.needs("pandas")
def test_data_frames_with_categories():
    import pandas as pd
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=600), "color": pd.Categorical(rng.choice(list("rgb"), 600))})
    y = np.where((frame["color"] == "r") ^ (frame["size"] > 0), "yes", "no")
    encode = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="category")), remainder="passthrough"
    )
    strong = make_pipeline(encode, RandomForestClassifier(20, random_state=0)).fit(frame, y)
    weak = make_pipeline(encode, LogisticRegression()).fit(frame, y)
    report = FidelityReport.from_estimators(strong, weak, {"test": (frame, pd.Series(y))}, random_state=0)
    assert report.classes.tolist() == ["no", "yes"]
    found = report.slices(min_rows=20)
    assert found["slice"].str.contains("color").any()
    with pytest.raises(ValueError, match=words("no set 'x'", "['test']")):
        report.slices("x")


def test_any_pair(teacher):
    pairs = [
        (FrozenEstimator(teacher), make_pipeline(StandardScaler(), LogisticRegression()).fit(TRAIN, Y_TRAIN)),
        (LinearSVC().fit(TRAIN, Y_TRAIN), teacher),
        (teacher, LinearSVC().fit(TRAIN, Y_TRAIN)),
    ]
    for first, second in pairs:
        report = FidelityReport.from_estimators(first, second, SETS)
        assert report.metric_records()[0]["metric"] == "agreement"
    assert "F115" in {finding.code for finding in report.findings()}
    assert "only labels are compared" in repr(report)


def test_a_teacher_with_columns_of_its_own(teacher):
    narrow = DecisionTreeClassifier(max_depth=3, random_state=0).fit(TRAIN[:, :2], Y_TRAIN)
    sets = {"test": {"X": TEST[:, :2], "y": Y_TEST, "X_teacher": TEST}}
    found = FidelityReport.from_estimators(teacher, narrow, sets).sets["test"]
    np.testing.assert_array_equal(found.codes_teacher, teacher.predict(TEST))
    np.testing.assert_array_equal(found.codes_student, narrow.predict(TEST[:, :2]))


def test_weights(teacher, student):
    weight = np.linspace(0, 1, len(TEST))
    report = FidelityReport.from_estimators(teacher, student, {"test": (TEST, Y_TEST, weight)})
    accuracy = next(r for r in report.metric_records() if r["metric"] == "accuracy_student")
    assert accuracy["value"] == pytest.approx(student.score(TEST, Y_TEST, sample_weight=weight))
    assert any("Kish" in note for note in report.notes)


def test_rows_that_are_no_table_have_no_slices(teacher):
    class Reader(ClassifierMixin, BaseEstimator):
        classes_ = np.array(["long", "short"])

        def __init__(self, limit=5):
            self.limit = limit

        def fit(self, X, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict(self, X):
            return np.array(["long" if len(text) > self.limit else "short" for text in X])

    texts = ["a", "abcdef", "abc"] * 100
    report = FidelityReport.from_estimators(Reader(), Reader(2), {"test": texts})
    assert list(report.slice_records()) == []
    assert report.slice_records().reason
    assert report.metric_records()[0]["value"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="table"):
        report.slices()


# Controls.


@pytest.mark.needs("pandas")
def test_controls_of_a_distilled_student():
    model = DistilledClassifier(
        RandomForestClassifier(10, random_state=0), DecisionTreeClassifier(max_depth=2), alpha=1.0, random_state=0
    ).fit(TRAIN, Y_TRAIN)
    before = model.get_params()
    report = FidelityReport.from_estimators(model.teacher_, model, SETS, random_state=0)
    frame = report.controls(n_repeats=2)
    assert frame["control"].tolist() == ["student again", "independent teacher", "hard labels", "teacher again"]
    assert (frame["n_failed"] == 0).all()
    assert {"F108", "F110"} & {finding.code for finding in report.findings()}
    assert report.control_records() == frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert model.get_params() == before
    again = FidelityReport.from_estimators(model.teacher_, model, SETS, random_state=0)
    assert again.controls(n_repeats=2, n_jobs=2).equals(frame)


@pytest.mark.needs("pandas")
def test_controls_of_a_distilled_regressor():
    A, b = load_diabetes(return_X_y=True)
    model = DistilledRegressor(
        RandomForestRegressor(10, random_state=0), DecisionTreeRegressor(max_depth=3), alpha=1.0, random_state=0
    ).fit(A[:300], b[:300])
    report = FidelityReport.from_estimators(model.teacher_, model, {"test": (A[300:], b[300:])}, random_state=0)
    frame = report.controls(A[:300], b[:300], n_repeats=2)
    assert (frame["n_failed"] == 0).all()
    assert frame["agreement"].between(-1, 1).all()


def test_controls_need_models_and_rows(teacher, student):
    alone = FidelityReport.from_estimators(teacher, student, {"test": (TEST, Y_TEST)})
    with pytest.raises(ValueError, match=words("no set 'train' with y", "controls(X_train, y_train)")):
        alone.controls()
    told = FidelityReport.from_predictions({"a": {"teacher": [1.0, 2.0], "student": [1.0, 3.0]}})
    with pytest.raises(ValueError, match=words("needs the two models", "from_estimators")):
        told.controls(X, Y)


# What is wrong with the input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 1.5}, ["'target'", "1.5"]),
        ({"confidence_level": 95}, ["'confidence_level'", "95"]),
        ({"n_resamples": 0}, ["'n_resamples'", "0"]),
        ({"random_state": "x"}, ["'random_state'", "'x'"]),
        ({"sets": {}}, ["at least one name"]),
        ({"sets": {"test": (TEST, Y_TEST[:3])}}, ["y of the set 'test'", "38, got 3"]),
        ({"sets": {"test": (TEST[:0], Y_TEST[:0])}}, ["'test'", "at least one row"]),
        ({"student": RandomForestRegressor(2).fit(X, Y)}, ["two classifiers or two regressors"]),
    ],
)
def test_wrong_arguments(teacher, student, arguments, message):
    given = {"student": student, "sets": SETS, **arguments}
    with pytest.raises(ValueError, match=words(*message)):
        FidelityReport.from_estimators(teacher, **given)


def test_models_that_cannot_be_asked(teacher):
    with pytest.raises(NotFittedError, match="student must be fitted"):
        FidelityReport.from_estimators(teacher, DecisionTreeClassifier(), SETS)
    with pytest.raises(TeacherError, match="predict or predict_proba"):
        FidelityReport.from_estimators("model", teacher, SETS)


def test_sets_are_checked_before_any_long_work(teacher):
    class Slow:
        classes_ = teacher.classes_

        def predict(self, X):
            raise AssertionError("asked")

    with pytest.raises(ValueError, match="at least one row"):
        FidelityReport.from_estimators(Slow(), Slow(), {"train": (TRAIN, Y_TRAIN), "test": (TEST[:0], None)})


def test_one_row_one_class(teacher, student):
    one = FidelityReport.from_estimators(teacher, student, {"test": (TEST[:1], Y_TEST[:1])})
    assert "undecided" in one.verdict() or "not faithful" in one.verdict()
    assert one.findings()
    same = RandomForestClassifier(2).fit(TRAIN, np.zeros(len(TRAIN)))
    single = FidelityReport.from_estimators(same, same, {"test": (TEST, np.zeros(len(TEST)))})
    assert single.verdict().startswith("test (38 rows): undecided; agreement 1.000")
    assert all(np.isfinite(r["value"]) for r in single.metric_records())


@pytest.mark.parametrize("sets", [{}, [], None])
def test_predictions_without_a_set(sets):
    with pytest.raises(ValueError, match=words("sets must be a mapping of at least one name", "'student'")):
        FidelityReport.from_predictions(sets)


def test_probabilities_without_classes_are_no_regression(rng):
    proba = rng.dirichlet(np.ones(3), 20)
    with pytest.raises(ValueError, match=words("holds probabilities, so classes must be given", "3 columns")):
        FidelityReport.from_predictions({"test": {"teacher": proba, "student": proba}})
    values = {"teacher": 2 * proba, "student": 2 * proba}
    assert FidelityReport.from_predictions({"test": values}).task == "regression"


def test_probabilities_from_margins_are_told(student):
    found = [
        any("decision_function" in note for note in FidelityReport.from_estimators(teacher, student, SETS).notes)
        for teacher in (LinearSVC().fit(TRAIN, Y_TRAIN), LogisticRegression(max_iter=500).fit(TRAIN, Y_TRAIN))
    ]
    assert found == [True, False]


def test_a_verdict_about_rows_learnt_from_is_told(teacher, student):
    def told(**sets):
        report = FidelityReport.from_estimators(teacher, student, sets)
        return any("rows that the student learnt from" in note for note in report.notes)

    assert told(train=(TRAIN, Y_TRAIN))
    assert not told(train=(TRAIN, Y_TRAIN), test=(TEST, Y_TEST))


def test_slices_of_predictions_without_rows():
    report = FidelityReport.from_predictions({"test": {"teacher": [0, 1], "student": [0, 1]}}, classes=[0, 1])
    assert "Give them as its 'X'" in report.slice_records().reason
    with pytest.raises(ValueError, match="which this set came without"):
        report.slices()


@pytest.mark.needs("pandas")
def test_controls_judged_on_one_row(teacher, student):
    report = FidelityReport.from_estimators(
        teacher, student, {"train": (TRAIN, Y_TRAIN), "test": (TEST[:1], Y_TEST[:1])}, random_state=0
    )
    report.controls(n_repeats=2)
    assert "F108" not in repr(report)
    assert len(report.control_records()) == 4
