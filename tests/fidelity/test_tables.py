"""The tables of a report: by hand, against independent sums, under weights."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss, mean_absolute_error, r2_score, recall_score

from skdistill.fidelity import expected_calibration_error, jensen_shannon, predictive_kl
from skdistill.fidelity._tables import chance_agreement, class_records, error_records, metric_records
from skdistill.fidelity._told import answers_from_arrays
from skdistill.fidelity._value_tables import bin_records, nearer_records, value_metric_records

OPTIONS = {"confidence_level": 0.95, "n_resamples": 200, "seed": 0}


def answered(rng, n_rows=200, n_classes=3, weight=None, **changes):
    told = {
        "teacher": rng.dirichlet(np.ones(n_classes), n_rows),
        "student": rng.dirichlet(np.ones(n_classes), n_rows),
        "y": rng.integers(0, n_classes, n_rows),
        "sample_weight": weight,
    }
    return answers_from_arrays("test", {**told, **changes}, np.arange(n_classes))


def values_of(records):
    return {record["metric"]: record["value"] for record in records}


def test_metrics_are_those_of_the_functions(rng):
    weight = rng.uniform(0.1, 2, 200)
    a = answered(rng, weight=weight)
    found = values_of(metric_records(a, **OPTIONS))
    teacher, student = a.proba_teacher, a.proba_student
    assert found["predictive_kl"] == pytest.approx(predictive_kl(teacher, student, sample_weight=weight))
    assert found["jensen_shannon"] == pytest.approx(jensen_shannon(teacher, student, sample_weight=weight))
    assert found["agreement"] == pytest.approx(accuracy_score(a.codes_teacher, a.codes_student, sample_weight=weight))
    for role, proba in (("teacher", teacher), ("student", student)):
        labels = proba.argmax(axis=1)
        assert found[f"accuracy_{role}"] == pytest.approx(accuracy_score(a.codes_true, labels, sample_weight=weight))
        assert found[f"log_loss_{role}"] == pytest.approx(log_loss(a.codes_true, proba, sample_weight=weight), rel=1e-4)
        error = expected_calibration_error(a.codes_true, proba, classes=np.arange(3), sample_weight=weight)
        assert found[f"calibration_error_{role}"] == pytest.approx(float(error))
    assert found["accuracy_difference"] == pytest.approx(found["accuracy_student"] - found["accuracy_teacher"])
    assert found["agreement_lower_bound"] <= found["agreement"] <= found["agreement_upper_bound"]
    assert found["agreement_over_chance"] == pytest.approx(found["agreement"] - found["agreement_by_chance"])


def test_intervals_hold_their_values(rng):
    records = metric_records(answered(rng), **OPTIONS)
    with_interval = [record for record in records if record["low"] is not None]
    assert {"agreement", "jensen_shannon", "predictive_kl", "accuracy_difference"} <= {
        r["metric"] for r in with_interval
    }
    assert all(record["low"] <= record["value"] <= record["high"] for record in with_interval)
    agreement = records[0]
    expected = binomtest(round(agreement["value"] * 200), 200).proportion_ci(method="wilson")
    assert (agreement["low"], agreement["high"]) == pytest.approx((expected.low, expected.high))


def test_the_seed_decides(rng):
    a = answered(rng)
    assert metric_records(a, **OPTIONS) == metric_records(a, **OPTIONS)
    other = metric_records(a, **{**OPTIONS, "seed": 1})
    assert [r["value"] for r in other] == [r["value"] for r in metric_records(a, **OPTIONS)]
    assert other != metric_records(a, **OPTIONS)


def test_weights_are_repetitions(rng):
    a = answered(rng, n_rows=40)
    times = rng.integers(0, 4, 40)
    rows = np.repeat(np.arange(40), times)
    parts = {"teacher": a.proba_teacher, "student": a.proba_student, "y": a.codes_true}
    weighted = answers_from_arrays("test", {**parts, "sample_weight": times}, np.arange(3))
    repeated = answers_from_arrays("test", {name: part[rows] for name, part in parts.items()}, np.arange(3))
    expected = values_of(metric_records(repeated, **OPTIONS))
    assert values_of(metric_records(weighted, **OPTIONS)) == pytest.approx(expected)
    shares = [r["share"] for r in error_records(weighted, confidence_level=0.95)]
    assert shares == pytest.approx([r["share"] for r in error_records(repeated, confidence_level=0.95)])
    classes = zip(*(class_records(part, confidence_level=0.95) for part in (weighted, repeated)), strict=True)
    for mine, theirs in classes:
        for key in ("agreement", "recall_teacher", "mass_student", "jensen_shannon"):
            assert mine[key] == pytest.approx(theirs[key])


def test_what_is_not_known_is_left_out(rng):
    without_y = {r["metric"] for r in metric_records(answered(rng, y=None), **OPTIONS)}
    assert "accuracy_teacher" not in without_y
    assert {"agreement", "agreement_by_chance", "jensen_shannon", "calibration_error_to_teacher"} <= without_y
    labels = answered(rng, student=rng.integers(0, 3, 200))
    found = {r["metric"] for r in metric_records(labels, **OPTIONS)}
    assert "jensen_shannon" not in found
    assert {"agreement", "accuracy_student", "log_loss_teacher"} <= found
    assert "log_loss_student" not in found
    assert error_records(answered(rng, y=None), confidence_level=0.95) == []


def test_chance_without_labels_is_that_of_kappa(rng):
    teacher, student = rng.integers(0, 3, (2, 300))
    found = values_of(
        metric_records(answers_from_arrays("a", {"teacher": teacher, "student": student}, np.arange(3)), **OPTIONS)
    )
    kappa = cohen_kappa_score(teacher, student)
    assert found["agreement_over_chance"] / (1 - found["agreement_by_chance"]) == pytest.approx(kappa)


def test_chance_with_labels_by_hand():
    # Class 0: the teacher is right on 3 of 4, the student on 2 of 4. Class 1, two rows: both always right.
    cells = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 1]])
    counts = np.array([[1.0, 2.0, 1.0, 2.0]])
    of_class_0 = 3 / 4 * 2 / 4 + 1 / 4 * 2 / 4
    assert chance_agreement(counts, cells, 2) == pytest.approx((4 * of_class_0 + 2) / 6)


def test_independent_models_do_not_exceed_chance(rng):
    low = []
    for seed in range(100):
        y = rng.integers(0, 3, 400)
        teacher, student = (np.where(rng.uniform(size=400) < 0.7, y, rng.integers(0, 3, 400)) for _ in range(2))
        a = answers_from_arrays("a", {"teacher": teacher, "student": student, "y": y}, np.arange(3))
        record = next(
            r for r in metric_records(a, **{**OPTIONS, "seed": seed}) if r["metric"] == "agreement_over_chance"
        )
        low.append(record["low"] > 0)
    # One end of a 95 % interval: 2.5 of 100 on average, and more than 10 with a probability below one in ten thousand.
    assert sum(low) <= 10


def test_errors_by_hand():
    told = {"y": [0, 0, 0, 0, 0], "teacher": [0, 0, 1, 1, 1], "student": [0, 1, 0, 1, 2]}
    records = error_records(answers_from_arrays("test", told, np.arange(3)), confidence_level=0.95)
    assert [(r["outcome"], r["n_rows"], r["share"]) for r in records] == [
        ("both right", 1, 0.2),
        ("lost", 1, 0.2),
        ("gained", 1, 0.2),
        ("both wrong alike", 1, 0.2),
        ("both wrong differently", 1, 0.2),
    ]


def test_classes_one_by_one(rng):
    a = answered(rng)
    records = class_records(a, confidence_level=0.95)
    recalls = recall_score(a.codes_true, a.codes_student, average=None)
    assert [r["recall_student"] for r in records] == pytest.approx(recalls.tolist())
    assert [r["mass_teacher"] for r in records] == pytest.approx(a.proba_teacher.mean(axis=0).tolist())
    assert sum(r["n_rows"] for r in records) == 200
    agreement = sum(r["n_rows"] * r["agreement"] for r in records) / 200
    assert agreement == pytest.approx(values_of(metric_records(a, **OPTIONS))["agreement"])


def test_a_class_without_rows():
    told = {"y": [0, 0], "teacher": [0, 1], "student": [0, 0]}
    empty = class_records(answers_from_arrays("test", told, np.arange(3)), confidence_level=0.95)[2]
    assert (empty["n_rows"], empty["agreement"], empty["recall_teacher"], empty["mass_teacher"]) == (0, None, None, 0.0)


def test_without_labels_the_teacher_names_the_classes():
    told = {"teacher": [0, 1, 1], "student": [0, 0, 1]}
    records = class_records(answers_from_arrays("test", told, np.arange(2)), confidence_level=0.95)
    assert [(r["n_rows"], r["agreement"], r["recall_teacher"]) for r in records] == [(1, 1.0, None), (2, 0.5, None)]


def test_one_row_and_one_class():
    told = {"teacher": [[1.0]], "student": [[1.0]], "y": [0]}
    found = values_of(metric_records(answers_from_arrays("test", told, [0]), **OPTIONS))
    assert found["agreement"] == 1.0
    assert found["agreement_by_chance"] == 1.0
    assert found["jensen_shannon"] == 0.0


# Regression.


def test_values_are_those_of_scikit_learn(rng):
    y, teacher, student = rng.normal(size=(3, 200))
    weight = rng.uniform(0.1, 2, 200)
    told = {"y": y, "teacher": teacher, "student": student, "sample_weight": weight}
    records = value_metric_records(answers_from_arrays("test", told, None), **OPTIONS)
    found = values_of(records)
    assert found["r2_to_teacher"] == pytest.approx(r2_score(teacher, student, sample_weight=weight))
    assert found["r2_student"] == pytest.approx(r2_score(y, student, sample_weight=weight))
    assert found["mean_absolute_difference"] == pytest.approx(
        mean_absolute_error(teacher, student, sample_weight=weight)
    )
    assert found["mean_absolute_error_teacher"] == pytest.approx(mean_absolute_error(y, teacher, sample_weight=weight))
    assert found["mean_difference"] == pytest.approx(np.average(student - teacher, weights=weight))
    assert found["root_mean_squared_difference"] == pytest.approx(
        np.sqrt(np.average((student - teacher) ** 2, weights=weight))
    )
    assert all(r["low"] <= r["value"] <= r["high"] for r in records if r["low"] is not None)


def test_several_outputs_are_averaged(rng):
    teacher, student = rng.normal(size=(2, 100, 3)) + 1e4
    found = values_of(
        value_metric_records(answers_from_arrays("test", {"teacher": teacher, "student": student}, None), **OPTIONS)
    )
    assert found["r2_to_teacher"] == pytest.approx(r2_score(teacher, student))
    assert found["mean_absolute_difference"] == pytest.approx(mean_absolute_error(teacher, student))


@pytest.mark.parametrize(("student", "expected"), [([2.0, 2.0, 2.0], 1.0), ([2.0, 2.0, 3.0], 0.0)])
def test_nothing_to_explain(student, expected):
    told = {"teacher": [2.0, 2.0, 2.0], "student": student}
    found = values_of(value_metric_records(answers_from_arrays("test", told, None), **OPTIONS))
    assert found["r2_to_teacher"] == expected == r2_score(told["teacher"], student)


def test_one_row_has_no_r2():
    found = values_of(
        value_metric_records(answers_from_arrays("a", {"teacher": [1.0], "student": [3.0]}, None), **OPTIONS)
    )
    assert "r2_to_teacher" not in found
    assert found["mean_difference"] == 2.0


def test_nearer_by_hand():
    told = {"y": [0.0, 0.0, 0.0], "teacher": [1.0, 1.0, 1.0], "student": [2.0, 0.5, -1.0]}
    records = nearer_records(answers_from_arrays("test", told, None), confidence_level=0.95)
    assert [(r["outcome"], r["n_rows"]) for r in records] == [
        ("teacher nearer", 1),
        ("student nearer", 1),
        ("equally near", 1),
    ]


def test_bins_by_hand():
    told = {"teacher": np.arange(10.0), "student": np.arange(10.0) + np.repeat([0.0, 1.0], 5), "y": np.zeros(10)}
    records = bin_records(answers_from_arrays("test", told, None), **OPTIONS, n_bins=2)
    assert [(r["class"], r["n_rows"], r["mean_difference"]) for r in records] == [
        ("0 to 4", 5, 0.0),
        ("5 to 9", 5, 1.0),
    ]
    assert records[1]["mean_absolute_error_student"] == pytest.approx(8.0)


def test_bins_of_a_constant_teacher():
    told = {"teacher": [1.0, 1.0, 1.0], "student": [1.0, 2.0, 3.0]}
    (record,) = bin_records(answers_from_arrays("test", told, None), **OPTIONS)
    assert (record["n_rows"], record["mean_difference"]) == (3, 1.0)


def test_many_classes_cost_no_table_of_pairs(rng):
    y = rng.integers(0, 2000, 3000)
    teacher, student = (np.where(rng.uniform(size=3000) < 0.9, y, rng.integers(0, 2000, 3000)) for _ in range(2))
    cells, counts = np.unique(np.column_stack([y, teacher, student]), axis=0, return_counts=True)
    expected = 0.0
    for label in np.unique(y):
        rows = y == label
        shares = [np.bincount(said[rows], minlength=2000) / rows.sum() for said in (teacher, student)]
        expected += rows.mean() * (shares[0] @ shares[1])
    # Dense tables of class and label for so many draws would take 32 GB each.
    drawn = np.repeat(counts[None, :] * 1.0, 1000, axis=0)
    assert chance_agreement(drawn, cells, 2000) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_the_scale_of_weights_changes_nothing(rng, scale):
    weight = rng.uniform(0.1, 2, 200)
    teacher, student, y = rng.dirichlet(np.ones(3), 200), rng.dirichlet(np.ones(3), 200), rng.integers(0, 3, 200)
    told = {"teacher": teacher, "student": student, "y": y}
    found, expected = (
        values_of(metric_records(answers_from_arrays("a", {**told, "sample_weight": w}, np.arange(3)), **OPTIONS))
        for w in (weight * scale, weight)
    )
    assert found == pytest.approx(expected)


def test_bins_leave_out_rows_without_weight(rng):
    teacher, student = rng.normal(size=100), rng.normal(size=100)
    weight = np.repeat([1.0, 0.0], 50)
    kept = {"teacher": teacher[:50], "student": student[:50]}
    found, expected = (
        bin_records(answers_from_arrays("a", parts, None), **OPTIONS)
        for parts in ({"teacher": teacher, "student": student, "sample_weight": weight}, kept)
    )
    assert [r["class"] for r in found] == [r["class"] for r in expected]
    assert [r["n_rows"] for r in found] == [10] * 5


def test_models_that_are_right_on_the_same_few_rows_may_still_differ():
    labels = np.arange(20) % 3
    found = {
        r["metric"]: r
        for r in metric_records(
            answers_from_arrays("a", {"teacher": labels, "student": labels, "y": labels}, np.arange(3)), **OPTIONS
        )
    }
    assert found["accuracy_difference"]["value"] == 0
    assert found["accuracy_difference"]["low"] < -0.05
    assert found["accuracy_difference"]["high"] > 0.05
