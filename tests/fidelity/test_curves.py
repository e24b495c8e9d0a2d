"""Curves: closeness against the number of distillation rows, and against the temperature."""

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.fidelity import agreement_score, expected_calibration_error, jensen_shannon, predictive_kl
from skdistill.fidelity._refitting._curves import DistillationCurve, distillation_curve, temperature_curve
from skdistill.samplers import MungeSampler

X, CODES = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[CODES]
FOREST, TREE = RandomForestClassifier(3), DecisionTreeClassifier(max_leaf_nodes=4)
MODEL = DistilledClassifier(FOREST, TREE, alpha=1.0, cv=2)
FOLDS = StratifiedKFold(2)
VALUES = DistilledRegressor(RandomForestRegressor(3), DecisionTreeRegressor(max_leaf_nodes=6), alpha=1.0, cv=2)


def curve_of(model=MODEL, **params):
    return distillation_curve(model, X, Y, **{"n_rows": (0, 10), "cv": 2, "random_state": 0, **params})


def temperatures_of(model=MODEL, **params):
    return temperature_curve(model, X, Y, **{"temperatures": (1, 4), "cv": 2, "random_state": 0, **params})


class Logging(GaussianNB):
    """Writes a line into a file for every fit."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def fit(self, X, y):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("fit\n")
        return super().fit(X, y)


# What is in the result.


def test_one_record_per_line_number_and_fold():
    curve = curve_of(samplers=("munge", "mixup"), n_rows=(0, 0.2, 30), X_unlabeled=X[:40])
    assert curve.lines == ("munge", "mixup", "unlabeled")
    assert [(r["line"], r["x"], r["fold"]) for r in curve.records] == [
        (line, x, fold) for line in curve.lines for x in (0, 15, 30) for fold in (0, 1)
    ]
    assert [r["n_rows"] for r in curve.records] == [x for _ in curve.lines for x in (0, 0, 15, 15, 30, 30)]
    assert [r["error"] for r in curve.records] == [None] * 18
    assert (curve.x_name, curve.task) == ("further rows", "classification")


def test_every_number_is_that_of_the_fitted_model():
    model = clone(MODEL).set_params(random_state=3, teacher__random_state=1, student__random_state=2)
    weight = np.linspace(1, 2, len(X))
    record = curve_of(model, n_rows=(20,), cv=FOLDS, sample_weight=weight).records[1]
    train, test = list(FOLDS.split(X, Y))[1]
    fitted = clone(model).set_params(sampler="munge", n_synthetic=20)
    fitted.fit(X[train], Y[train], sample_weight=weight[train])
    teacher, student = fitted.teacher_.predict_proba(X[test]), fitted.predict_proba(X[test])
    labels_teacher, labels = fitted.teacher_.predict(X[test]), fitted.predict(X[test])
    params = {"sample_weight": weight[test]}
    assert record == {
        "line": "munge",
        "x": 20,
        "fold": 1,
        "agreement": pytest.approx(agreement_score(labels_teacher, labels, **params)),
        "predictive_kl": pytest.approx(predictive_kl(teacher, student, **params)),
        "jensen_shannon": pytest.approx(jensen_shannon(teacher, student, **params)),
        "accuracy_student": pytest.approx(accuracy_score(Y[test], labels, **params)),
        "accuracy_teacher": pytest.approx(accuracy_score(Y[test], labels_teacher, **params)),
        "calibration_error_student": pytest.approx(expected_calibration_error(Y[test], student, **params)),
        "n_rows": 20,
        "error": None,
    }


def test_temperatures():
    curve = temperatures_of(temperatures=(1, 1.0, 5), X_unlabeled=X[:10])
    assert [(r["line"], r["x"], r["fold"], r["n_rows"]) for r in curve.records] == [
        ("student", x, fold, 10) for x in (1.0, 5.0) for fold in (0, 1)
    ]
    assert curve.x_name == "temperature"
    first, second = (clone(MODEL).set_params(random_state=0, temperature=t) for t in (1.0, 5.0))
    assert temperatures_of(first, temperatures=(5,)) == temperatures_of(second, temperatures=(5,))
    assert curve.records[0]["accuracy_teacher"] == curve.records[2]["accuracy_teacher"]


def test_values():
    y = X[:, 3] + 0.1 * X[:, 0]
    curve = distillation_curve(VALUES, X[:, :3], y, n_rows=(0, 50), cv=2, random_state=0)
    assert curve.task == "regression"
    assert curve.metrics == ("r2_to_teacher", "mean_absolute_difference", "r2_student", "r2_teacher")
    model = clone(VALUES).set_params(random_state=0, teacher__random_state=0, student__random_state=0)
    record = distillation_curve(model, X[:, :3], y, n_rows=(0,), cv=FOLDS.split(X, Y)).records[0]
    train, test = next(iter(FOLDS.split(X, Y)))
    fitted = model.fit(X[train, :3], y[train])
    aim, values = fitted.teacher_.predict(X[test, :3]), fitted.predict(X[test, :3])
    assert record["r2_to_teacher"] == pytest.approx(r2_score(aim, values))
    assert record["mean_absolute_difference"] == pytest.approx(np.abs(aim - values).mean())
    assert (record["r2_student"], record["r2_teacher"]) == pytest.approx(
        (r2_score(y[test], values), r2_score(y[test], aim))
    )


def test_students_without_probabilities():
    curve = curve_of(DistilledClassifier(FOREST, LinearSVC(), alpha=1.0, cv=2, soft_targets="sampling"), n_rows=(0,))
    assert curve.metrics == ("agreement", "accuracy_student", "accuracy_teacher")
    assert curve.records[0]["jensen_shannon"] is None


def test_other_columns_for_the_teacher():
    curve = temperature_curve(MODEL, X[:, :2], Y, temperatures=(1,), X_teacher=X, cv=FOLDS, random_state=0)
    own = temperature_curve(MODEL, X[:, :2], Y, temperatures=(1,), cv=FOLDS, random_state=0)
    assert curve.records[0]["accuracy_teacher"] > own.records[0]["accuracy_teacher"]


# Rows.


def test_without_further_rows_all_lines_share_one_fit():
    curve = curve_of(samplers=("munge", "mixup"), n_rows=(0,))
    munge, mixup = ([{**r, "line": ""} for r in curve.records if r["line"] == line] for line in curve.lines)
    assert munge == mixup


def test_more_unlabeled_rows_than_there_are():
    curve = curve_of(samplers=(), n_rows=(10, 1.0, 5.0), X_unlabeled=X[:30])
    assert [(r["x"], r["n_rows"]) for r in curve.records] == [(10, 10)] * 2 + [(30, 30)] * 2


def test_unlabeled_rows_are_nested():
    seen = []

    class Spy(DistilledClassifier):
        def fit(self, X, y, *, sample_weight=None, X_teacher=None, X_unlabeled=None):
            seen.append(X_unlabeled[:, 0].tolist())
            return super().fit(X, y, X_unlabeled=X_unlabeled)

    rows = np.arange(40.0)[:, None] * np.ones((1, 4))
    curve_of(Spy(GaussianNB(), TREE, alpha=1.0, cv=2), samplers=(), n_rows=(5, 9), X_unlabeled=rows)
    few, more = seen[0], seen[2]
    assert len(set(few)) == 5
    assert more[:5] == few
    assert few != sorted(few)


def test_samplers_are_named():
    samplers = (MungeSampler(), MungeSampler(swap_probability=0.2), "munge") if False else (MungeSampler(), "munge")
    assert curve_of(samplers=samplers, n_rows=(10,)).lines == ("MungeSampler", "munge")
    assert curve_of(samplers=(MungeSampler(), MungeSampler()), n_rows=(10,)).lines == (
        "MungeSampler",
        "MungeSampler (2)",
    )


# Laws.


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_the_same_for_every_n_jobs():
    # A random teacher: what is shared between fits must not depend on who came first.
    model = clone(MODEL).set_params(alpha="auto", scoring="agreement")
    one, two = (curve_of(model, samplers=("munge", "mixup"), n_rows=(0, 10), n_jobs=n_jobs) for n_jobs in (1, 2))
    assert one == two


def test_the_shared_memory_changes_nothing(tmp_path, monkeypatch):
    lent = temperatures_of(), curve_of()
    own = clone(MODEL).set_params(memory=str(tmp_path))
    assert (temperatures_of(own), curve_of(own)) == lent
    monkeypatch.setattr("skdistill.fidelity._refitting._fits._can_hash", lambda teacher: False)
    assert (temperatures_of(), curve_of()) == lent


def test_the_teacher_is_fitted_once_per_fold(tmp_path):
    log = tmp_path / "log"
    teacher = Logging(str(log))
    temperatures_of(DistilledClassifier(teacher, TREE, alpha=1.0, cv=2), temperatures=(1, 2, 4))
    # Two folds of cross-fitting and one fit on all rows, for each of two folds; not for each temperature.
    assert len(log.read_text().splitlines()) == 6


def test_the_temporary_folder_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    temperatures_of()
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(FitFailedWarning):
        temperatures_of(clone(MODEL).set_params(alpha=7.0))
    assert list(tmp_path.iterdir()) == []


def test_seeds_decide():
    assert curve_of() == curve_of()
    assert curve_of().records != curve_of(random_state=1).records
    model = clone(MODEL).set_params(random_state=5, teacher__random_state=5, student__random_state=5)
    assert curve_of(model) == curve_of(model, random_state=1)


def test_what_the_caller_gave_is_left_as_it_is():
    rows, sampler = X.copy(), MungeSampler()
    before = joblib.hash([MODEL, rows, sampler])
    distillation_curve(MODEL, rows, Y, samplers=(sampler,), n_rows=(10,), cv=2)
    assert joblib.hash([MODEL, rows, sampler]) == before


def test_the_order_of_rows_does_not_matter(rng):
    order = rng.permutation(len(X))
    model = DistilledClassifier(GaussianNB(), TREE, alpha=1.0, cv=2)
    plain, turned = (
        temperature_curve(model, X[rows], Y[rows], temperatures=(2,), cv=2, random_state=0)
        for rows in (np.arange(len(X)), order)
    )
    for one, other in zip(plain.records, turned.records, strict=True):
        assert one["jensen_shannon"] == pytest.approx(other["jensen_shannon"])


def test_frozen_teachers():
    frozen = FrozenEstimator(RandomForestClassifier(3, random_state=0).fit(X, Y))
    assert curve_of(clone(MODEL).set_params(teacher=frozen)).records[0]["accuracy_teacher"] > 0.95


# Failures.


def test_a_fit_that_fails_is_reported_in_its_record():
    with pytest.warns(FitFailedWarning, match=r"2 of 4 fits failed; .*sampler should be"):
        curve = curve_of(samplers=("munge", "nonsense"), n_rows=(10,))
    fine, failed = ([r for r in curve.records if r["line"] == line] for line in curve.lines)
    assert [r["error"] for r in fine] == [None, None]
    assert all("sampler should be" in r["error"] and r["agreement"] is None and r["n_rows"] is None for r in failed)
    record = curve.summary()[1]
    assert (record["n_fits"], record["n_failed"], record["agreement"], record["agreement_low"]) == (2, 2, None, None)


def test_interrupts_are_passed_on():
    class Interrupted(GaussianNB):
        def fit(self, X, y):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        temperatures_of(DistilledClassifier(Interrupted(), TREE, cv=2))


def test_progress_goes_to_the_error_stream(capsys):
    temperatures_of()
    assert capsys.readouterr() == ("", "")
    temperatures_of(verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "4/4 student, x=4, fold 1: done" in err


# Summary.


def test_summary_by_hand():
    values = [0.8, 0.9, 0.7]
    records = [{"line": "a", "x": 1, "fold": f, "agreement": v, "error": None} for f, v in enumerate(values)]
    records.append({"line": "a", "x": 1, "fold": 3, "agreement": None, "error": "ValueError: no"})
    (record,) = DistillationCurve(records, "further rows", "classification").summary(0.9)
    low, high = stats.t.interval(0.9, 2, np.mean(values), stats.sem(values))
    assert record == {
        "line": "a",
        "x": 1,
        "n_fits": 4,
        "n_failed": 1,
        "agreement": pytest.approx(0.8),
        "agreement_low": pytest.approx(low),
        "agreement_high": pytest.approx(high),
    }


def test_intervals_stay_inside_the_limits():
    records = [{"line": "a", "x": 1, "agreement": v, "predictive_kl": 1 - v, "error": None} for v in (0.99, 0.9)]
    (record,) = DistillationCurve(records, "further rows", "classification").summary()
    assert record["agreement_high"] == 1.0
    assert record["predictive_kl_low"] == 0.0
    assert record["predictive_kl_high"] > 0.1
    with pytest.raises(ValueError, match=r"confidence_level must"):
        DistillationCurve(records, "further rows", "classification").summary(2)


@pytest.mark.needs("pandas")
def test_frame():
    curve = curve_of()
    assert curve.frame().to_dict("records") == curve.records


# Bad input.


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"model": TREE}, TypeError, r"parameters teacher, student and sampler, n_synthetic; DecisionTreeCl.* lacks"),
        ({"model": DistilledClassifier}, TypeError, r"needs an unfitted distilled estimator, got DistilledClassifier"),
        (
            {"model": make_pipeline(StandardScaler(), MODEL)},
            TypeError,
            r"Pipeline lacks .*Pass the distilled",
        ),
        ({"model": GridSearchCV(MODEL, {})}, TypeError, r"GridSearchCV lacks .*Pass the distilled estimator inside"),
        ({"samplers": "munge"}, TypeError, r"samplers must be a sequence, got 'munge'"),
        ({"samplers": (3,)}, TypeError, r"samplers must be names or objects with fit and sample, got 3"),
        ({"samplers": ("munge", "munge")}, ValueError, r"samplers must differ, got 'munge' twice"),
        ({"samplers": ()}, ValueError, r"samplers must name at least one sampler"),
        ({"n_rows": ()}, ValueError, r"n_rows must be a sequence of numbers of at least 0"),
        ({"n_rows": (-1,)}, ValueError, r"n_rows must be .* got \(-1,\)"),
        ({"n_rows": 3}, ValueError, r"n_rows must be .* got 3"),
        ({"n_rows": (True,)}, ValueError, r"n_rows must be"),
        ({"cv": 1}, ValueError, r"cv must be at least 2, got 1"),
        ({"sample_weight": np.ones(3)}, ValueError, r"sample_weight must have one weight per row"),
    ],
)
def test_bad_input(params, error, message):
    with pytest.raises(error, match=message):
        curve_of(**params)


@pytest.mark.parametrize("temperatures", [(), (0,), (-1.0,), 2, "12", (np.nan,), (True,)])
def test_bad_temperatures(temperatures):
    with pytest.raises(ValueError, match=r"temperatures must be a sequence of numbers above 0"):
        temperatures_of(temperatures=temperatures)


def test_regressors_have_no_temperature():
    with pytest.raises(TypeError, match=r"DistilledRegressor lacks temperature"):
        temperature_curve(VALUES, X, X[:, 0])


def test_rows_and_labels_must_fit():
    with pytest.raises(ValueError, match=r"y must hold the labels of the rows, got None"):
        temperature_curve(MODEL, X, None)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        temperature_curve(MODEL, X, Y[:9])
    with pytest.raises(ValueError, match=r"X_teacher must hold the same rows as X"):
        temperatures_of(X_teacher=X[:9])
