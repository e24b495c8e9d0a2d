"""A fidelity report as plain text."""

from textwrap import fill
from typing import Any

from skdistill.fidelity._findings import LEVEL, LEVEL_NAME, Numbers, Report, find
from skdistill.fidelity._tables import METRICS
from skdistill.fidelity._value_tables import VALUE_METRICS

__all__ = ["report_text", "verdict_line"]

WIDTH = 110


def verdict_line(report: Report) -> str:
    """Say in one line how close the student is on the judged set."""
    numbers = Numbers(report)
    answers = report.sets[report.judged]
    level = numbers.get(report.judged, LEVEL[report.task])
    head = f"{report.judged} ({answers.n_rows:,} rows): "
    if level is None or level["low"] is None:
        return f"{head}undecided; {LEVEL_NAME[report.task]} needs at least two rows"
    if level["low"] >= report.target:
        word = "faithful"
    else:
        word = "not faithful" if level["high"] < report.target else "undecided"
    parts = [f"{LEVEL_NAME[report.task]} {numbers.shown(level)} (target {report.target:g}"]
    chance = numbers.get(report.judged, "agreement_by_chance")
    parts[0] += f", by chance {chance['value']:.3f})" if chance is not None else ")"
    divergence = numbers.get(report.judged, "jensen_shannon")
    if divergence is not None:
        parts.append(f"Jensen-Shannon {divergence['value']:.4f} nats")
    parts += _against_truth(report, numbers)
    return f"{head}{word}; {', '.join(parts)}"


def _against_truth(report: Report, numbers: Numbers) -> list[str]:
    accuracy, names = "accuracy", ("accuracy_student", "accuracy_teacher", "accuracy_difference")
    if report.task == "regression":
        accuracy = "mean absolute error"
        names = ("mean_absolute_error_student", "mean_absolute_error_teacher", "absolute_error_difference")
    found = [numbers.get(report.judged, name) for name in names]
    if any(record is None for record in found):
        return []
    student, teacher, difference = (record for record in found if record is not None)
    ends = "" if difference["low"] is None else f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    return [f"{accuracy} {student['value']:.3f} against {teacher['value']:.3f} ({difference['value']:+.3f}{ends})"]


def report_text(report: Report, notes: list[str]) -> str:
    """Write verdict, numbers, who is right, findings and notes.

    Parameters
    ----------
    report : FidelityReport
        The report.
    notes : list of str
        How to read it.

    Returns
    -------
    str
        Several lines.
    """
    parts = [f"FidelityReport: {verdict_line(report)}", "", *_metric_lines(report)]
    errors = report.error_records()
    if errors:
        parts += ["", "who is right, share of rows", *_grid(errors, "outcome", "share")]
    findings = find(report)
    parts += ["", "findings" if findings else "no findings"]
    parts += [fill(str(finding), WIDTH, initial_indent="  ", subsequent_indent="       ") for finding in findings]
    parts += [fill(note, WIDTH, initial_indent="note: ", subsequent_indent="      ") for note in notes]
    return "\n".join(parts)


def _metric_lines(report: Report) -> list[str]:
    records = report.metric_records()
    rows = [{**record, "shown": _cell(record)} for record in records]
    counts = [{"set": n, "metric": "rows", "shown": f"{a.n_rows:,}"} for n, a in report.sets.items()]
    order = ["rows", *(METRICS if report.task == "classification" else VALUE_METRICS)]
    return _grid(sorted([*counts, *rows], key=lambda record: order.index(record["metric"])), "metric", "shown")


def _cell(record: dict[str, Any]) -> str:
    value = f"{record['value']:.4f}"
    return value if record["low"] is None else f"{value} [{record['low']:.4f}, {record['high']:.4f}]"


def _grid(records: list[dict[str, Any]], row: str, value: str) -> list[str]:
    """Lay records out with one column per set."""
    sets = list(dict.fromkeys(record["set"] for record in records))
    names = list(dict.fromkeys(record[row] for record in records))
    cells = {(record[row], record["set"]): record[value] for record in records}
    texts = [["", *sets]]
    for name in names:
        found = [cells.get((name, column)) for column in sets]
        texts.append([name, *(f"{cell:.4f}" if isinstance(cell, float) else cell or "" for cell in found)])
    widths = [max(len(line[i]) for line in texts) for i in range(len(sets) + 1)]
    return [
        "  " + "  ".join([line[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(line[1:], widths[1:], strict=True))])
        for line in texts
    ]
