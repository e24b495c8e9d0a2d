"""What the pictures of a fidelity report show, in words for those who do not see them."""

from typing import Any

import numpy as np

from skdistill.fidelity._drawing._bins import bounds_table_of, reliability_table
from skdistill.fidelity._drawing._look import number, percent, rows_text

__all__ = ["errors_alt", "reliability_alt", "sets_alt", "slices_alt"]

Record = dict[str, Any]


def sets_alt(report: Any) -> str:
    """Say how close the models are on each set."""
    level = f"{100 * report.confidence_level:g} % interval"
    if report.task == "regression":
        records = [record for record in report.metric_records() if record["metric"] == "r2_to_teacher"]
        told = [
            f"{r['set']} {number(r['value'])} ({level} {number(r['low'])} to {number(r['high'])})"
            for r in _chosen(records, report.judged)
        ]
        return (
            f"R² of the student's values to the teacher's: {_joined(told, len(records))}."
            if told
            else "Nothing to show."
        )
    table = bounds_table_of(report.metric_records())
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    told = []
    for row in _chosen(rows, report.judged):
        text = f"{row['set']} {percent(row['agreement'])} ({level} {percent(row['low'])} to {percent(row['high'])}"
        if np.isfinite(row["bound_low"]):
            text += f"; the accuracies allow {percent(row['bound_low'])} to {percent(row['bound_high'])}"
        told.append(f"{text}; by chance {percent(row['by_chance'])})")
    return f"Rows with the same label: {_joined(told, len(rows))}."


def _chosen(rows: list[Record], judged: str) -> list[Record]:
    return rows if len(rows) <= 4 else [row for row in rows if row["set"] == judged]


def _joined(told: list[str], n_all: int) -> str:
    rest = n_all - len(told)
    return ", ".join(told) + (f", and {rest} further sets in the table" if rest else "")


def reliability_alt(report: Any) -> str:
    """Say how far the teacher's means are from the student's."""
    answers = report.sets[report.judged]
    shares = report.task == "classification"
    if shares and not answers.has_proba:
        return "No picture: a model without predict_proba has no probabilities to compare."
    table = reliability_table(answers, confidence_level=report.confidence_level)
    shown = percent if shares else number
    student, teacher = (float(np.average(table[key], weights=table["share"])) for key in ("student", "teacher"))
    worst = int(np.abs(table["teacher"] - table["student"]).argmax())
    what = "probability of its top class" if shares else "value"
    return (
        f"On the set {report.judged} the student's mean {what} is {shown(student)}, the teacher's for the same "
        f"{shown(teacher)}. They are furthest apart in the bin where the student says "
        f"{shown(table['student'][worst])} and the teacher {shown(table['teacher'][worst])} "
        f"({rows_text(table['n_rows'][worst])})."
    )


def errors_alt(report: Any) -> str:
    """Say who is right, or how differences are distributed."""
    if report.task == "regression":
        found = {r["metric"]: r["value"] for r in report.metric_records() if r["set"] == report.judged}
        low, middle, high = (number(found.get(f"difference_{level}")) for level in ("q05", "q50", "q95"))
        return (
            f"On the set {report.judged} the student's value minus the teacher's has the median {middle}, and is "
            f"between {low} and {high} for nine rows of ten."
        )
    records = [record for record in report.error_records() if record["set"] == report.judged]
    if not records:
        return "No picture: the judged set has no labels, so it is not known who is right."
    share = {record["outcome"]: percent(record["share"]) for record in records}
    return (
        f"On the set {report.judged} both models are right in {share['both right']} of the rows, only the teacher in "
        f"{share['lost']}, only the student in {share['gained']}; both are wrong alike in "
        f"{share['both wrong alike']} and differently in {share['both wrong differently']}."
    )


def slices_alt(report: Any, ranked: Record) -> str:
    """Say where the models differ most."""
    rows, kind = ranked["rows"], ranked["kind"]
    if not rows:
        return "No picture: there are no slices and no classes with rows to compare."
    shown = percent if ranked["shares"] else number
    first = max(rows, key=lambda row: abs(row["value"])) if kind == "ranges" else rows[0]
    ends = ""
    if first["low"] is not None and first["high"] is not None:
        ends = f" ({100 * report.confidence_level:g} % interval {shown(first['low'])} to {shown(first['high'])})"
    of = {"slices": "slices", "classes": "classes", "ranges": "ranges of the teacher's value"}[kind]
    what = "different labels" if ranked["shares"] else ranked["xlabel"]
    against = "" if ranked["reference"] is None else f", against {shown(ranked['reference'])} on all rows"
    where = {"slices": "where", "classes": "in class", "ranges": "in the range"}[kind]
    return (
        f"Of {ranked['n_all']} {of} of the set {report.judged} the models differ most {where} {first['name']}: {what} "
        f"{shown(first['value'])}{ends} over {rows_text(first['n_rows'])}{against}."
    )
