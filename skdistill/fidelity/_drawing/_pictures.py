"""The pictures of a fidelity report: one by one, or four on a page."""

import io
from typing import Any

import numpy as np

from skdistill._optional import import_optional
from skdistill.fidelity._drawing._bins import bounds_table_of, reliability_table, row_values
from skdistill.fidelity._drawing._displays import reliability_labels
from skdistill.fidelity._drawing._look import DARK, LIGHT, Look, label_text, say
from skdistill.fidelity._drawing._panels import (
    draw_bounds,
    draw_cloud,
    draw_outcomes,
    draw_quantiles,
    draw_ranked,
    draw_reliability,
    draw_scores,
    ranked_labels,
)
from skdistill.fidelity._drawing._picture_texts import errors_alt, reliability_alt, sets_alt, slices_alt

__all__ = ["PICTURES", "draw_report", "picture", "picture_alt", "picture_title", "ranked_rows", "svg"]

PICTURES = ("sets", "reliability", "errors", "slices")
TITLES = {
    "classification": (
        "How close on each set",
        "Probabilities beside the teacher's",
        "Who is right",
        "Where they differ",
    ),
    "regression": (
        "How close on each set",
        "Values beside the teacher's",
        "Differences on each set",
        "Where they differ",
    ),
}
# Named rows beside each other that can still be read; the tables have all.
MOST_ROWS = 12
LOWEST_SCORE = -1.0

Record = dict[str, Any]


def draw_report(report: Any, fig: Any = None, *, dark: bool = False) -> Any:
    """Draw the page of four pictures.

    Parameters
    ----------
    report : FidelityReport
        The report.
    fig : matplotlib Figure or SubFigure, default=None
        Where to draw. None makes a figure that pyplot does not know of.
    dark : bool, default=False
        Colours for a dark ground. The ground itself is transparent.

    Returns
    -------
    matplotlib Figure
        The page.
    """
    with _plain_style():
        if fig is None:
            fig = _figure(12.5, 9.0)
        elif hasattr(fig, "get_layout_engine") and hasattr(fig, "set_layout_engine") and not fig.get_layout_engine():
            fig.set_layout_engine("constrained")
        for which, part in zip(PICTURES, fig.subfigures(2, 2).ravel(), strict=True):
            _draw(part, report, which, DARK if dark else LIGHT, titled=True)
    return fig


def picture(report: Any, which: str, *, dark: bool = False, titled: bool = False) -> Any:
    """Draw one of the pictures.

    Parameters
    ----------
    report : FidelityReport
        The report.
    which : {"sets", "reliability", "errors", "slices"}
        The picture.
    dark : bool, default=False
        Colours for a dark ground. The ground itself is transparent.
    titled : bool, default=False
        Write the title over the picture.

    Returns
    -------
    matplotlib Figure
        The picture, of which pyplot does not know.
    """
    _check_which(which)
    with _plain_style():
        fig = _figure(5.8, _height(report, which))
        _draw(fig, report, which, DARK if dark else LIGHT, titled=titled)
    return fig


def _height(report: Any, which: str) -> float:
    """Return a picture's height in inches, by the rows that it has."""
    if which == "reliability":
        return 4.0
    if which != "slices":
        return 1.5 + 0.36 * min(max(len(report.sets), 5), 16)
    labels = _ranked_labels(ranked_rows(report))
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return 1.5 + max(0.36, 0.19 * lines) * max(len(labels), 5)


def picture_title(which: str, task: str = "classification") -> str:
    """Return the title of a picture."""
    _check_which(which)
    return TITLES[task][PICTURES.index(which)]


def picture_alt(report: Any, which: str) -> str:
    """Return what a picture shows, in words made of its numbers."""
    _check_which(which)
    if which == "slices":
        return slices_alt(report, ranked_rows(report))
    return {"sets": sets_alt, "reliability": reliability_alt, "errors": errors_alt}[which](report)


def svg(figure: Any) -> str:
    """Write a figure as SVG, without a prolog and the same every time.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure.

    Returns
    -------
    str
        An ``<svg>`` element whose text is text, in the reader's sans-serif font.
    """
    settings = {"svg.hashsalt": "skdistill", "svg.fonttype": "none", "savefig.bbox": None}
    buffer = io.StringIO()
    with _matplotlib().rc_context(settings):
        about = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=about)
    text = buffer.getvalue()
    return text[text.index("<svg") :].strip()


def _matplotlib() -> Any:
    return import_optional("matplotlib", caller="FidelityReport.plot", extra="plot")


def _plain_style() -> Any:
    # A report looks the same whatever style sheet the user draws with.
    return import_optional("matplotlib.style", caller="FidelityReport.plot", extra="plot").context("default")


def _figure(width: float, height: float) -> Any:
    figure = import_optional("matplotlib.figure", caller="FidelityReport.plot", extra="plot")
    made = figure.Figure(figsize=(width, height), layout="constrained", facecolor="none")
    made.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return made


def _check_which(which: str) -> None:
    if which not in PICTURES:
        raise ValueError(f"which must be one of {PICTURES}, got {which!r}.")


def _draw(fig: Any, report: Any, which: str, look: Look, *, titled: bool) -> None:
    fig.patch.set_alpha(0.0)
    if titled:
        shown = picture_title(which, report.task)
        fig.suptitle(shown, x=0.02, ha="left", fontsize="large", fontweight="bold", color=look.text)
    draw = {
        "sets": _draw_sets,
        "reliability": _draw_reliability,
        "errors": _draw_errors,
        "slices": _draw_slices,
    }[which]
    draw(fig.subplots(), report, look)


def _draw_sets(ax: Any, report: Any, look: Look) -> None:
    if report.task == "classification":
        draw_bounds(ax, bounds_table_of(report.metric_records()), look)
        return
    rows = [
        {**record, "name": record["set"]} for record in report.metric_records() if record["metric"] == "r2_to_teacher"
    ]
    if not rows:
        say(ax, "No set has the two rows that R² needs.", look)
        return
    draw_scores(ax, rows, look, floor=LOWEST_SCORE, xlabel="R² of the student's values to the teacher's")


def _draw_reliability(ax: Any, report: Any, look: Look) -> None:
    answers = report.sets[report.judged]
    if report.task == "classification" and not answers.has_proba:
        say(ax, "A model without predict_proba has no probabilities to compare.", look)
        return
    shares = report.task == "classification"
    if not shares:
        student, teacher, _ = row_values(answers)
        draw_cloud(ax, student, teacher, look)
    table = reliability_table(answers, confidence_level=report.confidence_level)
    draw_reliability(ax, table, look, shares=shares)
    xlabel, ylabel = reliability_labels(report.task, None)
    several = not shares and np.ndim(answers.values_teacher) > 1
    scaled = ", in standard deviations" if several else ""
    ax.set(xlabel=f"{xlabel}{scaled} (set {label_text(report.judged, 20, 1)})", ylabel=f"{ylabel}{scaled}")


def _draw_errors(ax: Any, report: Any, look: Look) -> None:
    if report.task == "regression":
        draw_quantiles(ax, _quantile_rows(report), look, xlabel="student's value minus the teacher's")
        return
    records = report.error_records()
    if not records:
        say(ax, "No set has labels, so it is not known who is right.", look)
        return
    draw_outcomes(ax, records, look)


def _quantile_rows(report: Any) -> list[Record]:
    rows: dict[str, Record] = {}
    for record in report.metric_records():
        if record["metric"].startswith("difference_q"):
            row = rows.setdefault(record["set"], {"name": record["set"]})
            row[record["metric"].removeprefix("difference_")] = record["value"]
    return list(rows.values())


def _draw_slices(ax: Any, report: Any, look: Look) -> None:
    ranked = ranked_rows(report)
    if not ranked["rows"]:
        say(ax, "There are no slices and no classes with rows to compare.", look)
        return
    draw_ranked(
        ax,
        ranked["rows"],
        _ranked_labels(ranked),
        look,
        xlabel=ranked["xlabel"],
        reference=ranked["reference"],
        shares=ranked["shares"],
    )
    n_rows, n_all = len(ranked["rows"]), ranked["n_all"]
    named = {"slices": "slice", "classes": "class", "ranges": "range of the teacher's value"}[ranked["kind"]]
    rest = f" (the {n_rows} of {n_all} that differ most)" if n_rows < n_all else ""
    ax.set_ylabel(f"{named}{rest}", color=look.text)


def ranked_rows(report: Any) -> dict[str, Any]:
    """Choose what the picture of differences shows: the worst slices, or the worst classes where there are none.

    Parameters
    ----------
    report : FidelityReport
        The report.

    Returns
    -------
    dict
        With the keys kind ("slices" or "classes"), rows (name, value, low, high, n_rows; the worst first), n_all,
        reference (the value on all rows), shares (whether values are shares) and xlabel.
    """
    classes, answers = report.task == "classification", report.sets[report.judged]
    reference = float(np.average(answers.disagreement(), weights=answers.unit_weight()))
    found = {
        "kind": "slices",
        "reference": reference,
        "shares": classes,
        "xlabel": "rows with different labels" if classes else "mean squared difference of the values",
    }
    slices = report.slice_records()
    rows = [
        {"name": str(s["slice"]), "value": s["disagreement"], "low": s["low"], "high": s["high"], "n_rows": s["n_rows"]}
        for s in slices
    ]
    if not rows:
        rows = _class_rows(report)
        found["kind"] = "classes" if classes else "ranges"
        if not classes:
            found.update(reference=None, xlabel="mean of student's value minus the teacher's")
    if found["kind"] == "classes":
        rows.sort(key=lambda row: -row["value"])
    return {**found, "rows": rows[:MOST_ROWS], "n_all": len(rows)}


def _ranked_labels(ranked: dict[str, Any]) -> list[str]:
    return ranked_labels([row["name"] for row in ranked["rows"]], rules=ranked["kind"] == "slices")


def _class_rows(report: Any) -> list[Record]:
    rows = []
    for record in report.class_records():
        if record["set"] != report.judged or not record["n_rows"]:
            continue
        row = {"name": str(record["class"]), "n_rows": record["n_rows"]}
        if report.task == "classification":
            # Differing is the rest of agreeing, and so is each end of its interval.
            row.update(value=1 - record["agreement"], low=1 - record["high"], high=1 - record["low"])
        else:
            row.update(value=record["mean_difference"], low=record["low"], high=record["high"])
        rows.append(row)
    return rows
