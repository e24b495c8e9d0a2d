"""Findings: each code comes when its numbers are there, and only then."""

import re

import numpy as np
import pytest

from skdistill.fidelity import FidelityReport, Finding
from skdistill.fidelity._findings import CODES, judged_set, taught_set

CLASSES = np.arange(3)


def told(rng, n_rows=1000, agreement=1.0, accuracy=0.8, **changes):
    """Labels of a teacher of some accuracy and of a student that departs from it at random."""
    y = rng.integers(0, 3, n_rows)

    def other(labels):
        return (labels + rng.integers(1, 3, n_rows)) % 3

    teacher = np.where(rng.uniform(size=n_rows) < accuracy, y, other(y))
    student = np.where(rng.uniform(size=n_rows) < agreement, teacher, other(teacher))
    return {"teacher": teacher, "student": student, "y": y, **changes}


def codes(sets, **options):
    report = FidelityReport.from_predictions(sets, classes=CLASSES, random_state=0, n_resamples=200, **options)
    return {finding.code: finding for finding in report.findings()}


def test_a_faithful_student(rng):
    found = codes({"train": told(rng), "test": told(rng, agreement=0.99)})
    assert {"F100", "F104"} <= set(found)
    assert {"F101", "F102", "F103", "F109"}.isdisjoint(found)
    assert "99" in found["F100"].sentence or "0.98" in found["F100"].sentence
    assert found["F104"].evidence["inherited"] > 0.9


def test_too_weak(rng):
    found = codes({"distill": told(rng, agreement=0.7, y=None), "test": told(rng, agreement=0.7)})
    assert found["F101"].severity == "problem"
    assert "'distill'" in found["F101"].sentence
    assert {"F100", "F102"}.isdisjoint(found)


def test_does_not_carry_over(rng):
    found = codes({"distill": told(rng, agreement=0.99), "test": told(rng, agreement=0.7)})
    assert found["F102"].severity == "problem"
    assert "distillation rows" in found["F102"].advice
    assert "F101" not in found


def test_a_miss_without_the_rows_learnt_from(rng):
    assert codes({"test": told(rng, agreement=0.7)})["F103"].advice.startswith("Add the rows")


def test_too_few_rows_learnt_from_to_tell_the_reason(rng):
    # 55 of 60 rows: the interval holds the target and overlaps with that of the judged set.
    few = told(rng, n_rows=60)
    few["student"][:5] = (few["teacher"][:5] + 1) % 3
    found = codes({"distill": few, "test": told(rng, n_rows=3000, agreement=0.92)})
    assert {"F101", "F102"}.isdisjoint(found)
    assert "neither below the target nor above" in found["F103"].sentence
    assert "More rows in 'distill'" in found["F103"].advice


def test_few_errors_do_not_make_the_teacher_the_limit(rng):
    parts = told(rng, n_rows=500, accuracy=1.0)
    parts["teacher"][0] = parts["student"][0] = (parts["y"][0] + 1) % 3
    assert "F104" not in codes({"test": parts})


def test_a_set_of_one_weighted_row_has_no_interval(rng):
    teacher = rng.normal(size=300)
    parts = {"teacher": teacher, "student": teacher + rng.normal(size=300), "y": teacher}
    one = {**parts, "sample_weight": np.eye(1, 300)[0]}
    for name in ("train", "test", "shift"):
        sets = {"train": parts, "test": parts, "shift": parts, name: one}
        report = FidelityReport.from_predictions(sets, random_state=0)
        found = {finding.code for finding in report.findings()}
        assert "F113" not in found
        assert ("undecided" in report.verdict()) == (name == "test")
        assert ("F103" in found) == (name == "train")


def test_too_few_rows(rng):
    found = codes({"test": told(rng, n_rows=20, agreement=0.9)})
    assert "20 rows cannot tell" in found["F109"].sentence


def test_the_target_decides(rng):
    sets = {"test": told(rng, agreement=0.9)}
    assert "F103" in codes(sets, target=0.95)
    assert "F100" in codes(sets, target=0.8)


@pytest.mark.parametrize(("accuracies", "code"), [((0.9, 0.7), "F105"), ((0.7, 0.9), "F106")])
def test_accuracy_against_the_teacher(rng, accuracies, code):
    y = rng.integers(0, 3, 2000)
    teacher, student = (np.where(rng.uniform(size=2000) < a, y, (y + 1) % 3) for a in accuracies)
    found = codes({"test": {"teacher": teacher, "student": student, "y": y}})
    assert code in found
    assert ({"F105", "F106"} - {code}).isdisjoint(found)
    assert codes({"test": told(rng)}).keys().isdisjoint({"F105", "F106"})


def test_chance(rng):
    y = rng.integers(0, 3, 2000)
    teacher, student = (np.where(rng.uniform(size=2000) < 0.8, y, rng.integers(0, 3, 2000)) for _ in range(2))
    independent = {"test": {"teacher": teacher, "student": student, "y": y}}
    assert "that know only the class" in codes(independent)["F107"].sentence
    assert "F107" not in codes({"test": told(rng, agreement=0.9)})
    # Where both give one label to every row there is no question of chance.
    assert "F107" not in codes({"test": {"teacher": np.zeros(50, int), "student": np.zeros(50, int)}})


def test_a_slice(rng):
    parts = told(rng, n_rows=4000)
    X = rng.uniform(size=(4000, 3))
    parts["student"] = np.where(
        (X[:, 0] > 0.8) & (rng.uniform(size=4000) < 0.5), (parts["teacher"] + 1) % 3, parts["teacher"]
    )
    found = codes({"test": {**parts, "X": X}})
    assert re.search(r"0\.8\d* < x0|x0 > 0\.8", found["F111"].evidence["slice"])
    assert "F111" not in codes({"test": {**told(rng, n_rows=4000, agreement=0.9), "X": X}})


def test_a_class(rng):
    parts = told(rng, n_rows=3000, accuracy=1.0)
    astray = (parts["y"] == 2) & (rng.uniform(size=3000) < 0.3)
    parts["student"] = np.where(astray, 0, parts["teacher"])
    found = codes({"test": parts})
    assert found["F112"].evidence["class"] == 2
    assert "of the class 2" in found["F112"].sentence
    assert "to which the teacher gives the label 2" in codes({"test": {**parts, "y": None}})["F112"].sentence
    assert "F112" not in codes({"test": told(rng, n_rows=3000, agreement=0.9)})


def test_many_classes_are_not_each_a_chance_to_differ():
    fired = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 100, 4000)
        student = np.where(rng.uniform(size=4000) < 0.9, y, (y + 1) % 100)
        sets = {"test": {"teacher": y, "student": student, "y": y}}
        report = FidelityReport.from_predictions(sets, classes=np.arange(100), random_state=0, n_resamples=10)
        fired += "F112" in {finding.code for finding in report.findings()}
    assert fired <= 5


def test_the_slice_that_is_named_is_a_significant_one(rng):
    class WithSlices(FidelityReport):
        def slice_records(self, name=None):
            common = {"n_rows": 10, "rest": 0.1, "ratio": 3.0, "disagreement": 0.3}
            return [{"slice": "a", "p_holm": 0.2, **common}, {"slice": "b", "p_holm": 0.01, **common}]

    report = WithSlices.from_predictions({"test": told(rng)}, classes=CLASSES, random_state=0)
    named = [finding.evidence["slice"] for finding in report.findings() if finding.code == "F111"]
    assert named == ["b"]


def test_a_shift(rng):
    found = codes({"test": told(rng), "shift": told(rng, agreement=0.7)})
    assert found["F113"].severity == "warning"
    assert "F113" not in codes({"test": told(rng, agreement=0.9), "shift": told(rng, agreement=0.9)})


def test_exact_zeros_and_missing_probabilities(rng):
    proba = rng.dirichlet(np.ones(3), 200)
    zeros = np.eye(3)[proba.argmax(axis=1)]
    assert codes({"test": {"teacher": proba, "student": zeros}})["F114"].evidence["share"] == 1.0
    assert "F114" not in codes({"test": {"teacher": zeros, "student": proba}})
    labels = codes({"test": {"teacher": proba, "student": proba.argmax(axis=1)}})
    assert labels["F115"].evidence["without"] == ["student"]
    assert "F115" not in codes({"test": {"teacher": proba, "student": proba}})


@pytest.mark.parametrize(("low", "code"), [(0.01, "F110"), (-0.01, "F108")])
def test_controls(rng, low, code):
    class WithControls(FidelityReport):
        def control_records(self):
            return [
                {"control": "independent teacher", "difference": 0.03, "difference_low": low, "difference_high": 0.05}
            ]

    report = WithControls.from_predictions({"test": told(rng)}, classes=CLASSES, random_state=0)
    found = {finding.code: finding for finding in report.findings()}
    assert code in found
    assert ({"F108", "F110"} - {code}).isdisjoint(found)
    assert "+0.030" in found[code].sentence


def test_controls_on_a_single_row_say_nothing(rng):
    class WithControls(FidelityReport):
        def control_records(self):
            ends = {"difference_low": None, "difference_high": None}
            return [{"control": "independent teacher", "difference": 0.0, **ends}]

    report = WithControls.from_predictions({"test": told(rng, n_rows=1)}, classes=CLASSES, random_state=0)
    assert {"F108", "F110"}.isdisjoint(finding.code for finding in report.findings())


def test_regressors(rng):
    teacher = rng.normal(size=500)
    close, far = teacher + 0.01 * rng.normal(size=500), rng.normal(size=500)

    def found(student):
        parts = {"teacher": teacher, "student": student, "y": teacher}
        report = FidelityReport.from_predictions({"test": parts}, random_state=0)
        return {finding.code: finding for finding in report.findings()}

    assert "R^2 to the teacher" in found(close)["F100"].sentence
    assert {"F103", "F105"} <= set(found(far))
    assert "mean absolute error" in found(far)["F105"].sentence
    single = FidelityReport.from_predictions({"test": {"teacher": [1.0], "student": [2.0]}})
    assert single.findings() == []
    assert "undecided" in single.verdict()


def test_problems_come_first(rng):
    report = FidelityReport.from_predictions(
        {"train": told(rng, agreement=0.7), "test": told(rng, agreement=0.7)}, classes=CLASSES, random_state=0
    )
    order = ["problem", "warning", "info"]
    ranks = [order.index(finding.severity) for finding in report.findings()]
    assert ranks == sorted(ranks)
    assert {finding.code for finding in report.findings()} <= set(CODES)


def test_a_finding_is_one_line():
    assert str(Finding("F100", "info", "t", "It is so.", "Do this.")) == "F100 info: It is so. Do this."
    assert str(Finding("F100", "info", "t", "It is so.")) == "F100 info: It is so."


def test_which_set_is_judged(rng):
    def named(*names, **without_y):
        sets = {name: told(rng, n_rows=5, **({"y": None} if name in without_y else {})) for name in names}
        return FidelityReport.from_predictions(sets, classes=CLASSES).sets

    assert judged_set(named("test", "other")) == "test"
    assert judged_set(named("train", "holdout", "shift")) == "holdout"
    assert judged_set(named("a", "b", b=True)) == "a"
    assert judged_set(named("train")) == "train"
    assert taught_set(named("train", "distill", "test")) == "distill"
    assert taught_set(named("test")) is None
