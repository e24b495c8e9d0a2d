"""A fidelity report as a web page of its own, and as what a notebook shows."""

import base64
import re
import sys
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdistill.fidelity._page._glossary import term
from skdistill.fidelity._page._html_tables import (
    Record,
    class_tables,
    control_table,
    error_table,
    level_text,
    metric_groups,
    metric_table,
    rows_row,
    slice_table,
)
from skdistill.fidelity._page._markup import Html, count, element, table

__all__ = ["model_name", "report_fragment", "report_page"]

# Nothing may be loaded and nothing may run, whatever a class, a column or an estimator is called.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SEVERITIES = {"problem": "Problem", "warning": "Warning", "info": "Note"}
# What the fragment shows of all metrics.
HEADLINES = (
    "agreement",
    "jensen_shannon",
    "accuracy_teacher",
    "accuracy_student",
    "r2_to_teacher",
    "mean_absolute_difference",
    "r2_teacher",
    "r2_student",
)


def report_page(report: Any) -> str:
    """Write a report as one HTML document that loads nothing.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    str
        The document, to be written as UTF-8.

    Raises
    ------
    OptionalDependencyError
        If matplotlib, which draws the pictures, is not installed.
    """
    title = f"Fidelity of {model_name(report.student, 'the student')} to {model_name(report.teacher, 'the teacher')}"
    sections = [(name, heading, body) for name, heading, body in _sections(report) if body]
    links = [element("li", element("a", heading, href=f"#{name}")) for name, heading, _ in sections]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        # A browser asks the server that holds the page for an icon, unless the page brings one.
        element("link", rel="icon", href="data:,"),
        element("style", _style("_page.css")),
    )
    body = element(
        "body",
        element("a", "Skip to the findings", href="#findings", class_="skip"),
        element("header", element("h1", title), element("p", report.verdict(), class_="verdict")),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(_section(*section) for section in sections)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def report_fragment(report: Any) -> str:
    """Write what a notebook shows of a report: verdict, findings, and the main numbers.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    str
        An element with a style of its own that takes the colours of what is around it.
    """
    records = [record for record in report.metric_records() if record["metric"] in HEADLINES]
    names = list(report.sets)
    rows = [rows_row(report)]
    rows += [row for _, group in metric_groups(records, names) for row in group]
    found = [
        element(
            "li",
            element("strong", f"{SEVERITIES[f.severity]}: {f.title}. "),
            f.sentence,
            " ",
            f.advice,
            class_=f.severity,
        )
        for f in report.findings()
    ]
    student, teacher = model_name(report.student, "student"), model_name(report.teacher, "teacher")
    caption = f"{student} against {teacher}{level_text(report)}"
    return element(
        "div",
        element("style", _style("_fragment.css")),
        element("p", report.verdict(), class_="verdict"),
        element("ul", *found, class_="findings") if found else None,
        table("", caption, ["", *names], [(None, rows)]),
        element("p", "All tables and pictures: ", element("code", ".to_html(path)"), "."),
        class_="skdistill-fidelity",
    )


def model_name(model: Any, unknown: str) -> str:
    """Name a model by its class, and a pipeline by its last step.

    Parameters
    ----------
    model : estimator or None
        The model.
    unknown : str
        What to say of predictions without a model.

    Returns
    -------
    str
        Its name.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.fidelity._page._html import model_name
    >>> model_name(make_pipeline(StandardScaler(), DecisionTreeClassifier()), "the student")
    'DecisionTreeClassifier in a pipeline'
    """
    if isinstance(model, FrozenEstimator):
        return model_name(model.estimator, unknown)
    if isinstance(model, Pipeline) and model.steps:
        return f"{model_name(model.steps[-1][1], unknown)} in a pipeline"
    return unknown if model is None else type(model).__name__


def _style(name: str) -> Html:
    return Html(files("skdistill.fidelity._page").joinpath(name).read_text(encoding="utf-8"))


def _section(name: str, heading: str, body: Html) -> Html:
    title = element("h2", heading, id=f"{name}-heading")
    return element("section", title, body, id=name, aria_labelledby=f"{name}-heading", tabindex=-1)


def _sections(report: Any) -> Iterable[tuple[str, str, Html | None]]:
    metrics = report.metric_records()
    yield "findings", "Findings", _findings(report)
    yield "pictures", "Pictures", _pictures(report)
    yield "metrics", "Metrics, set by set", metric_table(report, metrics)
    yield "errors", "Who is right", error_table(report)
    yield "classes", "Class by class" if report.task == "classification" else "By value", class_tables(report)
    yield "slices", "Where they differ most", slice_table(report)
    yield "controls", "Controls", control_table(report)
    yield "notes", "Notes", _notes(report)
    yield "reading", "How to read the numbers", _reading(metrics)
    yield "provenance", "How this page was made", _provenance(report)


def _findings(report: Any) -> Html:
    found = report.findings()
    if not found:
        return element("p", "No finding.")
    return element("ul", *(_finding(finding) for finding in found), class_="findings")


def _finding(finding: Any) -> Html:
    severity = element("span", f"{SEVERITIES[finding.severity]}: ", class_="severity")
    code = element("code", finding.code, class_="code")
    return element(
        "li",
        element("h3", severity, finding.title, " ", code),
        element("p", finding.sentence),
        element("p", element("strong", "What to do: "), finding.advice) if finding.advice else None,
        class_=f"finding {finding.severity}",
    )


def _pictures(report: Any) -> Html:
    # Imported here, because a notebook shows its fragment without pictures, and without what draws them.
    from skdistill.fidelity._drawing._pictures import PICTURES, picture, picture_alt, picture_title, svg

    shown = []
    for which in PICTURES:
        alt = picture_alt(report, which)
        images = [
            element("img", src=_data_uri(svg(picture(report, which, dark=dark))), alt=alt, class_=look)
            for look, dark in (("light", False), ("dark", True))
        ]
        shown.append(element("figure", element("figcaption", picture_title(which, report.task)), *images))
    return element("div", *shown, class_="pictures")


def _data_uri(drawing: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode('utf-8')).decode('ascii')}"


def _notes(report: Any) -> Html | None:
    notes = list(report.notes)
    return element("ul", *(element("li", note) for note in notes)) if notes else None


def _reading(records: list[Record]) -> Html:
    told: list[Html] = []
    for metric in dict.fromkeys(record["metric"] for record in records):
        words = term(metric)
        if words.meaning:
            told += [element("dt", words.label, " ", element("code", metric)), element("dd", words.meaning)]
    return element("dl", *told)


def _provenance(report: Any) -> Html:
    # Looked up, since importing the top of the package from here would turn the floors upside down.
    release = sys.modules["skdistill"].__version__
    sizes = ", ".join(f"{name}: {count(answers.n_rows)}" for name, answers in report.sets.items())
    lines = {
        "Teacher": _recipe(report.teacher),
        "Student": _recipe(report.student),
        "Task": report.task if report.classes is None else f"{report.task}, {len(report.classes)} classes",
        "Rows of each set": sizes,
        "Verdict about": f"the set {report.judged}, target {report.target:g}",
        "Confidence level": f"{100 * report.confidence_level:g} %",
        "Bootstrap resamples": count(report.n_resamples),
        "Versions": f"skdistill {release}, scikit-learn {sklearn.__version__}",
    }
    told = [(element("dt", key), element("dd", value)) for key, value in lines.items() if value is not None]
    return element("dl", *(part for pair in told for part in pair), class_="provenance")


def _recipe(model: Any) -> Html | None:
    # Without line breaks and addresses of objects, so that it wraps on any screen and is the same in every run.
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(model).split()))
    return None if model is None else element("code", text)
