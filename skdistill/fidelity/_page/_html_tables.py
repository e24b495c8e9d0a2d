"""The tables of the page of a fidelity report."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from skdistill.fidelity._page._glossary import GROUPS, OUTCOMES, Unit, term
from skdistill.fidelity._page._markup import Html, absent, count, element, estimate, is_absent, join, p_value, table

__all__ = [
    "Record",
    "class_tables",
    "control_table",
    "error_table",
    "level_text",
    "metric_groups",
    "metric_table",
    "rows_row",
    "slice_table",
]

Record = dict[str, Any]
Group = tuple[str | None, list[list[Any]]]

# From so many sets on, paper is turned.
WIDE = 6


class Column(NamedTuple):
    """A column of numbers: key of the record, heading, unit, and the keys of its interval's ends."""

    key: str
    heading: str
    unit: Unit
    low: str = ""
    high: str = ""


CLASS_COLUMNS = (
    Column("agreement", "Agreement", "share", "low", "high"),
    Column("recall_teacher", "Recall, teacher", "share"),
    Column("recall_student", "Recall, student", "share"),
    Column("mass_teacher", "Mean probability, teacher", "share"),
    Column("mass_student", "Mean probability, student", "share"),
    Column("jensen_shannon", "Jensen-Shannon", "nats"),
)
VALUE_COLUMNS = (
    Column("mean_difference", "Mean difference", "value", "low", "high"),
    Column("mean_absolute_difference", "Mean absolute difference", "value"),
    Column("mean_absolute_error_teacher", "Mean absolute error, teacher", "value"),
    Column("mean_absolute_error_student", "Mean absolute error, student", "value"),
)
CONTROL_COLUMNS = (
    Column("agreement", "Agreement", "share", "low", "high"),
    Column("difference", "Student less control", "gap", "difference_low", "difference_high"),
    Column("jensen_shannon", "Jensen-Shannon", "nats"),
    Column("accuracy", "Accuracy", "share"),
)
DASH_NOTE = (
    "A dash: the set has no labels, a model gives no probabilities, or there are too few rows for the number to exist."
)
CLASS_NOTE = (
    "Agreement, recall and divergence are taken over the rows of the class (by the labels, or, where there are none, "
    "by the teacher's prediction), the mean probability over all rows."
)
SLICE_NOTE = (
    "A small tree looked for rows on which the models differ. The corrected p-value (Holm) allows for the number of "
    "slices compared; a slice whose corrected p-value is large may be chance."
)
CONTROL_NOTE = (
    "Student less control: how much nearer the student is to its teacher than the control is. Where the interval "
    "holds 0, nothing that is particular to this teacher is seen to have moved."
)


def level_text(report: Any) -> str:
    """Say which intervals a table holds."""
    return f", with {100 * report.confidence_level:g} % intervals"


def rows_row(report: Any) -> list[Any]:
    """Return the first row of a table of metrics: the size of each set."""
    return ["rows", *(count(answers.n_rows) for answers in report.sets.values())]


def metric_table(report: Any, records: list[Record]) -> Html:
    """Write every metric on every set.

    Parameters
    ----------
    report : FidelityReport
        The report.
    records : list of dict
        Its metric records.

    Returns
    -------
    Html
        The table and its note.
    """
    names = list(report.sets)
    groups: list[Group] = [(None, [rows_row(report)]), *metric_groups(records, names)]
    caption = f"Every metric on every set{level_text(report)}"
    shown = table("table-metrics", caption, ["Metric", *names], groups, class_=_scroll(len(names)))
    complete = len(records) == len({record["metric"] for record in records}) * len(names)
    return join([shown, None if complete else _note(DASH_NOTE)])


def metric_groups(records: list[Record], names: Sequence[str]) -> list[Group]:
    """Lay metric records out as rows, in groups of what they are measured against.

    Parameters
    ----------
    records : list of dict
        Metric records.
    names : sequence of str
        The sets, one column each.

    Returns
    -------
    list of (str, rows)
        The groups that have rows.
    """
    found = {(record["metric"], record["set"]): record for record in records}
    metrics = list(dict.fromkeys(record["metric"] for record in records))
    groups: list[Group] = []
    for group in GROUPS:
        rows = [
            [
                words.label,
                *(_cell(found.get((metric, name)), Column("value", "", words.unit, "low", "high")) for name in names),
            ]
            for metric in metrics
            if (words := term(metric)).group == group
        ]
        if rows:
            groups.append((group, rows))
    return groups


def error_table(report: Any) -> Html | None:
    """Write who is right on the sets with labels.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    Html or None
        The table; None without labels.
    """
    records = report.error_records()
    found = {(record["outcome"], record["set"]): record for record in records}
    names = [name for name in report.sets if any(record["set"] == name for record in records)]
    outcomes = list(dict.fromkeys(record["outcome"] for record in records))
    if not outcomes:
        return None
    rows = [
        [_with_meaning(outcome, OUTCOMES.get(outcome)), *(_share_of_rows(found.get((outcome, name))) for name in names)]
        for outcome in outcomes
    ]
    caption = f"Share of the rows, and their number{level_text(report)}"
    return table("table-errors", caption, ["Outcome", *names], [(None, rows)], class_=_scroll(len(names)))


def class_tables(report: Any) -> Html | None:
    """Write one table of classes, or of bins of the teacher's value, for each set; all but the first folded.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    Html or None
        The tables, the judged set's first; None without records.
    """
    by_set: dict[str, list[Record]] = {}
    for record in report.class_records():
        by_set.setdefault(record["set"], []).append(record)
    names = sorted(by_set, key=lambda name: name != report.judged)
    tables = [_class_table(report, name, by_set[name], f"table-classes-{i}") for i, name in enumerate(names)]
    if not tables:
        return None
    folded = [
        element("details", element("summary", f"The same on the set {name}"), shown)
        for name, shown in zip(names[1:], tables[1:], strict=True)
    ]
    return join([tables[0], _note(CLASS_NOTE) if report.task == "classification" else None, *folded])


def _class_table(report: Any, name: str, records: list[Record], identifier: str) -> Html:
    if report.task == "classification":
        first, caption = "Class", f"The set {name}, the lowest agreement first"
        records = sorted(records, key=lambda record: (is_absent(record["agreement"]), record["agreement"] or 0.0))
        columns = _filled(CLASS_COLUMNS, records)
    else:
        first, caption = "Teacher's value", f"The set {name}, by the teacher's value"
        columns = _filled(VALUE_COLUMNS, records)
    rows = [
        [str(record["class"]), count(record["n_rows"]), *(_cell(record, column) for column in columns)]
        for record in records
    ]
    header = [first, "Rows", *(column.heading for column in columns)]
    return table(identifier, caption + level_text(report), header, [(None, rows)])


def slice_table(report: Any) -> Html | None:
    """Write the slices of the judged set on which the models differ most.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    Html or None
        The table and its note; None where no slice was found.
    """
    records = report.slice_records()
    if not records:
        return None
    classify = report.task == "classification"
    unit: Unit = "share" if classify else "value"
    measured = (
        Column("share", "Share of rows", "share"),
        Column("disagreement", "Disagreement" if classify else "Mean squared difference", unit, "low", "high"),
        Column("rest", "On the other rows", unit),
        Column("ratio", "Ratio", "value"),
        Column("jensen_shannon", "Jensen-Shannon", "nats"),
    )
    columns = _filled(measured, records)
    rows = [
        [
            str(record["slice"]),
            count(record["n_rows"]),
            *(_cell(record, column) for column in columns),
            p_value(record["p_value"]),
            p_value(record["p_holm"]),
        ]
        for record in records
    ]
    header = ["Slice", "Rows", *(column.heading for column in columns), "p", "p, corrected"]
    caption = f"The worst slices of the set {report.judged}{level_text(report)}"
    shown = table("table-slices", caption, header, [(None, rows)])
    return join([shown, _note(SLICE_NOTE)])


def control_table(report: Any) -> Html | None:
    """Write what other models reach against the same teacher.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    Html or None
        The table and its note; None where the controls did not run.
    """
    records = report.control_records()
    if not records:
        return None
    columns = _filled(CONTROL_COLUMNS, records)
    rows = []
    for record in records:
        fits = f"{record['n_fits']}, {record['n_failed']} failed" if record["n_failed"] else str(record["n_fits"])
        named = _with_meaning(str(record["control"]), record.get("error"))
        rows.append([named, fits, *(_cell(record, column) for column in columns)])
    header = ["Control", "Fits", *(column.heading for column in columns)]
    caption = f"Other models against the same teacher{level_text(report)}"
    shown = table("table-controls", caption, header, [(None, rows)])
    return join([shown, _note(CONTROL_NOTE)])


def _scroll(n_sets: int) -> str:
    return "scroll wide" if n_sets >= WIDE else "scroll"


def _note(text: str) -> Html:
    return element("p", text, class_="muted after")


def _with_meaning(name: str, meaning: str | None) -> Html:
    return join([name, element("span", meaning, class_="meaning") if meaning else None], " ")


def _filled(columns: Iterable[Column], records: list[Record]) -> tuple[Column, ...]:
    return tuple(column for column in columns if any(not is_absent(record.get(column.key)) for record in records))


def _cell(record: Record | None, column: Column) -> Html:
    if record is None:
        return absent()
    return estimate(record.get(column.key), record.get(column.low), record.get(column.high), column.unit)


def _share_of_rows(record: Record | None) -> Html:
    if record is None:
        return absent()
    rows = element("span", f"{count(record['n_rows'])} rows", class_="interval")
    return join([_cell(record, Column("share", "", "share", "low", "high")), rows], " ")
