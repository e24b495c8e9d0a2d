"""Reports that tests of pictures and pages show: many classes, many sets, names that are hard to write."""

from typing import Any

import numpy as np

from skdistill.fidelity._report import FidelityReport

HOSTILE = "<script>alert(1)</script>"
LONG = "a class whose name is a whole sentence, of the kind that surveys & forms bring along"
SETS = ("train", "distill", "synthetic", "validation", "test", "shift", 'north "&" south', HOSTILE)
CONTROLS = [
    {
        "control": control,
        "n_fits": 3,
        "n_failed": failed,
        "agreement": 0.91,
        "low": 0.88,
        "high": 0.93,
        "difference": None if failed else 0.04,
        "difference_low": None if failed else -0.01,
        "difference_high": None if failed else 0.09,
        "jensen_shannon": 0.05,
        "accuracy": 0.87,
        "error": "ValueError: no <rows> left" if failed else None,
    }
    for control, failed in (("independent teacher", 0), ("hard labels", 1))
]


def class_names(n_classes: int) -> list[str]:
    """Names of classes, two of them hard to write."""
    return [HOSTILE, LONG, *(f"class {chr(97 + number)}" for number in range(n_classes - 2))][:n_classes]


def told_about(rng: np.random.Generator, n_rows: int, n_classes: int, labels: np.ndarray | None) -> dict[str, Any]:
    """What two models that are mostly of one mind say about random rows: distributions, or labels only."""
    X = rng.normal(size=(n_rows, 3))
    logits = np.column_stack([X[:, :1] * 0.8, rng.normal(size=(n_rows, n_classes - 1))]) * 2
    student = logits + rng.normal(size=logits.shape) * np.where(X[:, 1:2] > 0.8, 3.0, 0.4)
    proba = [np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, student)]
    answers = proba if labels is None else [labels[p.argmax(axis=1)] for p in proba]
    return {"teacher": answers[0], "student": answers[1], "X": X, "truth": proba[0].argmax(axis=1)}


def classification_report(
    n_classes: int = 3,
    names: tuple[str, ...] = ("train", "test"),
    *,
    n_rows: int = 300,
    with_y: bool = True,
    labels_only: bool = False,
) -> FidelityReport:
    """Report on two classifiers that exist only as their predictions; the set "distill" has no labels."""
    rng = np.random.default_rng(0)
    # scikit-learn sorts classes, and so do the columns here.
    classes = np.array(sorted(class_names(n_classes)))
    sets = {}
    for name in names:
        told = told_about(rng, n_rows, n_classes, classes if labels_only else None)
        truth = classes[np.where(rng.random(n_rows) < 0.1, 0, told.pop("truth"))]
        sets[name] = {**told, "y": truth} if with_y and name != "distill" else told
    return FidelityReport.from_predictions(sets, classes=classes, n_resamples=50, random_state=0)


def regression_report(n_outputs: int = 1, *, with_y: bool = True) -> FidelityReport:
    """Report on two regressors that exist only as their predictions."""
    rng = np.random.default_rng(0)
    sets = {}
    for name in ("train", "test"):
        X = rng.normal(size=(300, 3))
        y = 1000 * X[:, :1] + rng.normal(size=(300, n_outputs)) * 100
        teacher = y + rng.normal(size=y.shape) * 50
        student = teacher + rng.normal(size=y.shape) * np.where(X[:, 1:2] > 0.8, 200.0, 20.0)
        told = {"teacher": teacher, "student": student, "X": X}
        sets[name] = {**told, "y": y} if with_y else told
        if n_outputs == 1:
            sets[name] = {part: values if part == "X" else values[:, 0] for part, values in sets[name].items()}
    return FidelityReport.from_predictions(sets, n_resamples=50, random_state=0)


def with_controls(report: FidelityReport) -> FidelityReport:
    """Return a report that shows controls without having fitted any."""
    report.control_records = lambda: CONTROLS
    return report
