"""What the numbers of a fidelity report mean, and what to do next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._estimates import effective_rows, wilson_interval
from skdistill.response._collect import Task

__all__ = ["CODES", "Finding", "find", "judged_set", "taught_set"]

Severity = Literal["info", "warning", "problem"]
Record = dict[str, Any]

TAUGHT = ("distill", "train", "synthetic")
NOT_HELD_OUT = (*TAUGHT, "shift")
LEVEL = {"classification": "agreement", "regression": "r2_to_teacher"}
LEVEL_NAME = {"classification": "agreement", "regression": "R^2 to the teacher"}
SIGNIFICANT = 0.05
# A slice or class is named when it differs by so much; significance alone says little on large tables.
NOTABLE_RATIO = 1.5


@dataclass(frozen=True)
class Finding:
    """One thing that a report found.

    Parameters
    ----------
    code : str
        Stable name, such as "F102"; the user guide has a paragraph on each.
    severity : {"info", "warning", "problem"}
        How much it matters to someone who is about to ship the student.
    title : str
        A few words.
    sentence : str
        What was found, with its numbers.
    advice : str, default=""
        What to do next; empty where there is nothing to do.
    evidence : dict, default=None
        The numbers by name.

    Examples
    --------
    >>> from skdistill.fidelity import Finding
    >>> print(Finding("F109", "info", "few rows", "The test set has 20 rows.", "Judge on more rows."))
    F109 info: The test set has 20 rows. Judge on more rows.
    """

    code: str
    severity: Severity
    title: str
    sentence: str
    advice: str = ""
    evidence: dict[str, Any] | None = None

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.code} {self.severity}: {self.sentence} {self.advice}".rstrip()


class Report(Protocol):
    """What findings are found in."""

    task: Task
    sets: dict[str, SetAnswers]
    judged: str
    target: float
    confidence_level: float

    def metric_records(self) -> list[Record]:
        """Give every number of every set."""

    def error_records(self) -> list[Record]:
        """Say who is right."""

    def class_records(self) -> list[Record]:
        """Go class by class."""

    def slice_records(self) -> list[Record]:
        """Give slices of the judged set."""

    def control_records(self) -> list[Record]:
        """Give the controls, if they ran."""


def judged_set(sets: dict[str, SetAnswers]) -> str:
    """Name the set that the verdict speaks of: "test", else held-out rows, labelled if possible, else the last set."""
    if "test" in sets:
        return "test"
    held_out = [name for name in sets if name not in NOT_HELD_OUT]
    labelled = [name for name in held_out if sets[name].has_truth]
    return (labelled or held_out or list(sets))[-1]


def taught_set(sets: dict[str, SetAnswers]) -> str | None:
    """Name the set that the student learnt from: "distill", else "train", else "synthetic", else None."""
    return next((name for name in TAUGHT if name in sets), None)


class Numbers:
    """The metrics of a report by set and name."""

    def __init__(self, report: Report) -> None:
        self._records = {(record["set"], record["metric"]): record for record in report.metric_records()}
        self.level = LEVEL[report.task]
        self.level_name = LEVEL_NAME[report.task]

    def get(self, name: str, metric: str) -> Record | None:
        """Return a record, or None where there is none."""
        return self._records.get((name, metric))

    def shown(self, record: Record) -> str:
        """Write a value with its interval."""
        if record["low"] is None:
            return f"{record['value']:.3f}"
        return f"{record['value']:.3f} [{record['low']:.3f}, {record['high']:.3f}]"


def find(report: Report) -> list[Finding]:
    """Read a report.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    list of Finding
        Problems first, then warnings, then information.
    """
    numbers = Numbers(report)
    found = [finding for rule in RULES for finding in rule(report, numbers)]
    order = ("problem", "warning", "info")
    return sorted(found, key=lambda finding: order.index(finding.severity))


# Close enough on the rows that count?


def _level(report: Report, numbers: Numbers) -> Iterator[Finding]:
    judged = numbers.get(report.judged, numbers.level)
    taught_name = taught_set(report.sets)
    taught = None if taught_name is None else numbers.get(taught_name, numbers.level)
    if judged is None or judged["low"] is None:
        return
    if taught is not None and taught["low"] is None:
        taught = None
    about = f"{numbers.level_name} on {report.judged!r} is {numbers.shown(judged)}, the target {report.target:g}"
    evidence = {"judged": judged, "taught": taught, "target": report.target}
    if judged["low"] >= report.target:
        yield Finding("F100", "info", "meets the target", f"The {about}.", evidence=evidence)
    elif judged["high"] >= report.target:
        sentence = f"The {about}: {judged['n_rows']} rows cannot tell on which side it lies."
        advice = "Judge on more rows; they need no labels, since the teacher gives its answer for any row."
        yield Finding("F109", "info", "too few rows to tell", sentence, advice, evidence)
    elif taught is not None and taught["high"] >= report.target and taught["low"] <= judged["high"]:
        sentence = (
            f"The {about}; on the rows it learnt from ({taught_name!r}) {numbers.shown(taught)}, which is neither "
            "below the target nor above the former."
        )
        advice = f"More rows in {taught_name!r} would tell whether it is too weak (F101) or does not carry over (F102)."
        yield Finding("F103", "problem", "misses the target", sentence, advice, evidence)
    elif taught is not None and taught["high"] >= report.target:
        on_taught = f"on the rows it learnt from ({taught_name!r}) {numbers.shown(taught)}"
        advice = (
            "The student can follow its teacher where it was shown how: give it more or better distillation rows "
            "(X_unlabeled, a sampler), nearer to those it will meet."
        )
        yield Finding("F102", "problem", "does not carry over", f"The {about}; {on_taught}.", advice, evidence)
    elif taught is not None:
        on_taught = f"The {numbers.level_name} on the rows it learnt from ({taught_name!r}) is {numbers.shown(taught)}"
        advice = (
            "The student does not even follow its teacher where it was shown how: it is too weak, was trained too "
            "little, or learnt from the labels (a small alpha). Give it more capacity or training, or a larger alpha."
        )
        sentence = f"{on_taught}, the target {report.target:g}."
        yield Finding("F101", "problem", "too weak or undertrained", sentence, advice, evidence)
    else:
        advice = "Add the rows that the student learnt from as 'distill' or 'train' to see why."
        yield Finding("F103", "problem", "misses the target", f"The {about}.", advice, evidence)


def _teacher_is_the_limit(report: Report, numbers: Numbers) -> Iterator[Finding]:
    level, difference = (numbers.get(report.judged, name) for name in (numbers.level, "accuracy_difference"))
    if level is None or difference is None or level["low"] < report.target:
        return
    shares = {r["outcome"]: r["share"] for r in report.error_records() if r["set"] == report.judged}
    wrong = shares["lost"] + shares["both wrong alike"] + shares["both wrong differently"]
    if wrong == 0:
        return
    answers = report.sets[report.judged]
    inherited = min(shares["both wrong alike"] / wrong, 1.0)
    n_wrong = wrong * effective_rows(answers.weight, answers.n_rows)
    if wilson_interval(inherited, n_wrong, report.confidence_level)[0] > 0.5:
        sentence = (
            f"{inherited:.0%} of the student's errors on {report.judged!r} are its teacher's own, label for label."
        )
        advice = "The teacher is the limit now: a better teacher would do more than a closer student."
        evidence = {"inherited": inherited, "error_rate": wrong}
        yield Finding("F104", "info", "the teacher is the limit", sentence, advice, evidence)


def _accuracy(report: Report, numbers: Numbers) -> Iterator[Finding]:
    metric, sign, what = "accuracy_difference", 1.0, "accuracy"
    if report.task == "regression":
        metric, sign, what = "absolute_error_difference", -1.0, "mean absolute error"
    record = numbers.get(report.judged, metric)
    if record is None or record["low"] is None:
        return
    ends = sorted((sign * record["low"], sign * record["high"]))
    sentence = f"The student's {what} on {report.judged!r} less its teacher's is {numbers.shown(record)}."
    if ends[1] < 0:
        advice = "Weigh this loss against what the student saves; .errors() and .slices() say where it falls."
        yield Finding("F105", "warning", "less accurate than its teacher", sentence, advice, record)
    elif ends[0] > 0:
        advice = "Fidelity is not what made it better: a close student would have kept its teacher's errors."
        yield Finding("F106", "info", "more accurate than its teacher", sentence, advice, record)


# Is it agreement with this teacher?


def _chance(report: Report, numbers: Numbers) -> Iterator[Finding]:
    over, chance = (numbers.get(report.judged, f"agreement_{name}") for name in ("over_chance", "by_chance"))
    if over is None or chance is None or over["low"] is None or over["low"] > 0 or len(_seen_classes(report)) < 2:
        return
    known = "that know only the class of a row" if report.sets[report.judged].has_truth else "with such label shares"
    sentence = (
        f"Two models {known} would agree on {chance['value']:.3f} of {report.judged!r} by chance; the agreement "
        f"exceeds it by {numbers.shown(over)}."
    )
    advice = "On these rows nothing shows that the student learnt from this teacher. Look at .controls()."
    # Where accurate models agree by necessity, the rows are too easy to show more: no fault of the student's.
    severity: Severity = "info" if chance["value"] >= report.target else "warning"
    yield Finding("F107", severity, "no more than chance", sentence, advice, {"chance": chance, "over": over})


def _seen_classes(report: Report) -> np.ndarray:
    answers = report.sets[report.judged]
    return np.unique(np.concatenate([np.asarray(answers.codes_teacher), np.asarray(answers.codes_student)]))


def _controls(report: Report, numbers: Numbers) -> Iterator[Finding]:
    records = {record["control"]: record for record in report.control_records()}
    record = records.get("independent teacher")
    if record is None or record["difference_low"] is None:
        return
    interval = f"{record['difference']:+.3f} [{record['difference_low']:+.3f}, {record['difference_high']:+.3f}]"
    sentence = (
        f"The {numbers.level_name} exceeds that of a student distilled in the same way from an independent teacher by "
        f"{interval}."
    )
    if record["difference_low"] <= 0:
        advice = (
            "Nothing specific to this teacher is seen to have moved: a student of another such teacher may serve as "
            "well. That is no fault where all good teachers agree."
        )
        yield Finding("F108", "warning", "nothing specific to this teacher", sentence, advice, record)
    else:
        yield Finding("F110", "info", "specific to this teacher", sentence, evidence=record)


# Where not?


def _slices(report: Report, numbers: Numbers) -> Iterator[Finding]:
    for record in report.slice_records():
        if record["p_holm"] < SIGNIFICANT and record["ratio"] is not None and record["ratio"] >= NOTABLE_RATIO:
            what = "disagreement" if report.task == "classification" else "squared difference"
            sentence = (
                f"In the slice {record['slice']!r} ({record['n_rows']} rows) the {what} is "
                f"{record['disagreement']:.3g}, elsewhere {record['rest']:.3g} (p = {record['p_holm']:.2g} after Holm)."
            )
            advice = "Give the student distillation rows from there, or let the teacher answer such rows."
            yield Finding("F111", "warning", "a slice where it differs", sentence, advice, record)
            return


def _classes(report: Report, numbers: Numbers) -> Iterator[Finding]:
    level = numbers.get(report.judged, "agreement")
    of_set = [r for r in report.class_records() if r["set"] == report.judged and r.get("agreement") is not None]
    if level is None or len(of_set) < 2 or level["low"] is None:
        return
    highs = [_high_among(report, record, len(of_set)) for record in of_set]
    high, worst = min(zip(highs, of_set, strict=True), key=lambda pair: pair[0])
    if high < level["low"] and 1 - worst["agreement"] >= NOTABLE_RATIO * (1 - level["value"]):
        by = "of the class" if report.sets[report.judged].has_truth else "to which the teacher gives the label"
        sentence = (
            f"On rows {by} {worst['class']!r} ({worst['n_rows']} rows of {report.judged!r}) the agreement is "
            f"{numbers.shown({**worst, 'value': worst['agreement']})}, over all rows {level['value']:.3f}."
        )
        advice = "Weigh this class up, or give the student more distillation rows of it."
        yield Finding("F112", "warning", "a class where it differs", sentence, advice, worst)


def _high_among(report: Report, record: Record, n_classes: int) -> float:
    """Return the upper end of a class's agreement at a level that holds for all classes at once (Bonferroni)."""
    answers = report.sets[report.judged]
    by = answers.said("teacher") if answers.codes_true is None else answers.codes_true
    weight = answers.unit_weight()[by == np.asarray(answers.classes).tolist().index(record["class"])]
    level = 1 - (1 - report.confidence_level) / n_classes
    return float(wilson_interval(record["agreement"], effective_rows(weight, len(weight)), level)[1])


def _shift(report: Report, numbers: Numbers) -> Iterator[Finding]:
    judged, shift = (numbers.get(name, numbers.level) for name in (report.judged, "shift"))
    if judged is None or shift is None or report.judged == "shift" or None in (judged["low"], shift["high"]):
        return
    if shift["high"] >= judged["low"]:
        return
    sentence = (
        f"The {numbers.level_name} falls from {numbers.shown(judged)} on {report.judged!r} to {numbers.shown(shift)} "
        "on 'shift'."
    )
    advice = "Off the rows it learnt from the student is another model than its teacher: distil on such rows too."
    yield Finding("F113", "warning", "differs under shift", sentence, advice, {"judged": judged, "shift": shift})


# How to read the numbers.


def _zeros(report: Report, numbers: Numbers) -> Iterator[Finding]:
    answers = report.sets[report.judged]
    if answers.proba_teacher is None or answers.proba_student is None:
        return
    share = float(((answers.proba_student == 0) & (answers.proba_teacher > 0)).any(axis=1).mean())
    if share > 0:
        sentence = (
            f"On {share:.1%} of {report.judged!r} the student gives exactly 0 to a class that its teacher holds "
            "possible; predictive_kl is finite only because such zeros count as 1e-6."
        )
        advice = "Read jensen_shannon, which needs no such floor."
        yield Finding("F114", "info", "exact zeros", sentence, advice, {"share": share})


def _labels_only(report: Report, numbers: Numbers) -> Iterator[Finding]:
    answers = report.sets[report.judged]
    if report.task == "classification" and not answers.has_proba:
        without = [r for r in ("teacher", "student") if getattr(answers, f"proba_{r}") is None]
        sentence = f"The {' and the '.join(without)} gave no probabilities, so only labels are compared."
        yield Finding("F115", "info", "labels only", sentence, evidence={"without": without})


RULES: tuple[Callable[[Report, Numbers], Iterator[Finding]], ...] = (
    _level,
    _teacher_is_the_limit,
    _accuracy,
    _chance,
    _controls,
    _slices,
    _classes,
    _shift,
    _zeros,
    _labels_only,
)
CODES = tuple(f"F{number}" for number in range(100, 116))
