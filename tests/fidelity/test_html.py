"""The page of a report as text: well-formed, escaped, named, and readable in both looks."""

import itertools
import math
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skdistill import __version__
from skdistill.fidelity._page import _html
from skdistill.fidelity._page._glossary import GLOSSARY, OUTCOMES
from skdistill.fidelity._page._html import model_name, report_fragment, report_page
from skdistill.fidelity._page._markup import Html, count, element, estimate, number, p_value
from skdistill.fidelity._report import FidelityReport
from skdistill.fidelity._tables import METRICS
from skdistill.fidelity._value_tables import VALUE_METRICS
from tests.fidelity.reports import (
    CONTROLS,
    HOSTILE,
    LONG,
    SETS,
    classification_report,
    regression_report,
    with_controls,
)
from tools.house import PACKAGE, ROOT

VOID = {"img", "link", "meta"}
REPORTS = {
    "two classes": lambda: classification_report(2),
    "three classes": lambda: classification_report(3, ("train", "distill", "test")),
    "one set": lambda: classification_report(3, ("rows",)),
    "no labels": lambda: classification_report(3, with_y=False),
    "labels only": lambda: classification_report(3, labels_only=True),
    "one row": lambda: classification_report(3, ("test",), n_rows=1),
    "many": lambda: with_controls(classification_report(26, SETS)),
    "regression": regression_report,
    "two outputs": lambda: regression_report(2),
    "regression, no targets": lambda: regression_report(with_y=False),
}


class Reader(HTMLParser):
    """Reads a page, refuses what is not well nested, and keeps elements, texts and tables."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.tables = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


@pytest.fixture(scope="module")
def pages():
    """Each report's page, written once, with its pictures left out: those have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_html, "_pictures", lambda report: element("p", "pictures"))
        return {name: (report, report_page(report)) for name, report in ((n, make()) for n, make in REPORTS.items())}


@pytest.mark.parametrize("name", REPORTS)
def test_page_is_well_formed_and_its_parts_are_named(pages, name):
    reader = Reader(pages[name][1])
    html, *_ = reader.all("html")
    assert html == {"lang": "en"}
    ids = [attributes["id"] for _, attributes, _ in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = [a["href"].removeprefix("#") for a in reader.all("a")]
    referred += [a["aria-labelledby"] for _, a, _ in reader.elements if "aria-labelledby" in a]
    assert set(referred) <= set(ids)
    levels = [int(tag[1]) for tag, _, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in reader.all("meta")


@pytest.mark.parametrize("name", REPORTS)
def test_tables_have_captions_scopes_and_full_rows(pages, name):
    reader = Reader(pages[name][1])
    assert len(reader.tables) == len(reader.all("caption")) == len(reader.all("table"))
    assert all(attributes["scope"] in ("col", "row", "rowgroup") for attributes in reader.all("th"))
    regions = [(tag, a) for tag, a, _ in reader.elements if a.get("role") == "region"]
    assert len(regions) == len(reader.tables)
    assert all(a["tabindex"] == "0" and "aria-labelledby" in a for _, a in regions)
    for header, *rows in reader.tables:
        assert rows
        assert all(len(row) == len(header) or len(row) == 1 for row in rows)
        assert all(cell.strip() for row in rows for cell in row)


@pytest.mark.parametrize("name", REPORTS)
def test_page_loads_and_runs_nothing(pages, name):
    page = pages[name][1]
    reader = Reader(page)
    assert {"script", "iframe", "object", "embed", "base", "form"}.isdisjoint(tag for tag, _, _ in reader.elements)
    addresses = [a[key] for _, a, _ in reader.elements for key in ("src", "href", "srcset", "action") if key in a]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not any(key.startswith("on") for _, a, _ in reader.elements for key in a)
    assert re.search(r"url\(|@import|https?://", page) is None
    policy = [a["content"] for a in reader.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy[0].startswith("default-src 'none'")


def test_names_are_escaped_and_shown_whole(pages):
    page = pages["many"][1]
    assert HOSTILE not in page
    reader = Reader(page)
    cells = {cell for table in reader.tables for row in table for cell in row}
    assert {HOSTILE, LONG, SETS[6]} <= cells


@pytest.mark.parametrize("name", REPORTS)
def test_every_number_is_on_the_page(pages, name):
    report, page = pages[name]
    reader = Reader(page)
    rows = {row[0]: row[1:] for table in reader.tables[:1] for row in table}
    assert next(iter(rows)) == "Metric"
    sets = rows["Metric"]
    assert sets == list(report.sets)
    for record in report.metric_records():
        words = GLOSSARY[record["metric"]]
        shown = rows[words.label][sets.index(record["set"])]
        assert shown.startswith(number(record["value"], words.unit))
        assert (" to " in shown) == (record["low"] is not None and math.isfinite(record["low"]))
    outcomes = {record["outcome"] for record in report.error_records()}
    cells = {row[0] for table in reader.tables for row in table}
    assert all(any(cell.startswith(outcome) for cell in cells) for outcome in outcomes)
    assert {str(record["class"]) for record in report.class_records()} <= cells
    assert {str(record["slice"]) for record in report.slice_records()} <= cells


@pytest.mark.parametrize("name", REPORTS)
def test_findings_and_verdict_are_in_words(pages, name):
    report, page = pages[name]
    texts = "".join(Reader(page).texts)
    assert report.verdict() in texts
    words = {"problem": "Problem", "warning": "Warning", "info": "Note"}
    for finding in report.findings():
        assert f"{words[finding.severity]}: {finding.title} {finding.code}{finding.sentence}" in texts
        assert finding.advice in texts
    assert all(note in texts for note in report.notes)


def test_class_tables_start_with_the_judged_set_and_the_worst_class(pages):
    report, page = pages["three classes"]
    assert page.index("The set test, the lowest agreement first") < page.index("The set train, the lowest agreement")
    table = next(table for table in Reader(page).tables if table[0][0] == "Class")
    of_set = [record for record in report.class_records() if record["set"] == "test"]
    assert [row[0] for row in table[1:]] == [str(r["class"]) for r in sorted(of_set, key=lambda r: r["agreement"])]


def test_controls_are_shown_once_they_ran(pages):
    assert "Controls" not in set(Reader(pages["three classes"][1]).texts)
    table = next(table for table in Reader(pages["many"][1]).tables if table[0][0] == "Control")
    assert [row[0].split(" ValueError")[0] for row in table[1:]] == [record["control"] for record in CONTROLS]
    assert "no <rows> left" in table[2][0]
    assert table[2][1] == "3, 1 failed"


def test_dashes_say_what_they_are(pages):
    table = Reader(pages["three classes"][1]).tables[0]
    row = next(row for row in table if row[0] == "accuracy, student")
    assert row[2] == "\u2013none"
    assert "A dash: " in pages["three classes"][1]
    assert "A dash: " not in pages["two classes"][1]


def test_provenance(pages):
    page = pages["three classes"][1]
    texts = Reader(page).texts
    for text in ("train: 300, distill: 300, test: 300", "95 %", "50", "classification, 3 classes"):
        assert text in texts
    assert any(f"skdistill {__version__}" in text for text in texts)


def test_models_are_named_in_title_and_provenance():
    X, y = load_iris(return_X_y=True)
    teacher = make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression(max_iter=1000)).fit(X, y)
    student = DecisionTreeClassifier(max_depth=1).fit(X, y)
    report = FidelityReport.from_estimators(FrozenEstimator(teacher), student, {"train": (X, y)}, n_resamples=10)
    page = report_fragment(report)
    assert "DecisionTreeClassifier against LogisticRegression in a pipeline" in page
    assert model_name(None, "the student") == "the student"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_html, "_pictures", lambda report: element("p", "pictures"))
        texts = Reader(report_page(report)).texts
    assert texts.count("Fidelity of DecisionTreeClassifier to LogisticRegression in a pipeline") == 2
    assert "DecisionTreeClassifier(max_depth=1)" in texts
    # Neither a line break nor an address of memory, which would be another one in every run.
    (recipe,) = (text for text in texts if text.startswith("FrozenEstimator("))
    assert "FunctionTransformer(func=<function" in recipe
    assert " at 0x" not in recipe
    assert "\n" not in recipe


@pytest.mark.parametrize("name", REPORTS)
def test_fragment(pages, name):
    fragment = report_fragment(pages[name][0])
    reader = Reader(fragment)
    assert HOSTILE not in fragment
    assert not any("id" in attributes for _, attributes, _ in reader.elements)
    assert [a["class"] for tag, a, inside in reader.elements if not inside] == ["skdistill-fidelity"]
    assert reader.tables[0][0][1:] == list(pages[name][0].sets)
    assert all(cell.strip() for row in reader.tables[0][1:] for cell in row)
    assert pages[name][0].verdict() in "".join(reader.texts)


def test_fragment_styles_only_itself():
    style = (PACKAGE / "fidelity" / "_page" / "_fragment.css").read_text(encoding="utf-8")
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL))
    parts = [part.strip() for selector in selectors for part in selector.split(",")]
    assert len(parts) > 10
    assert all(part.startswith(".skdistill-fidelity") for part in parts)
    # Colours are those of what is around it: neither a light nor a dark one is written down.
    assert set(re.findall(r"(?<!-)color:\s*([^;]+);", style)) == {"inherit"}


# Colours of the page.


def looks():
    """Custom properties of the light and of the dark look."""
    style = (PACKAGE / "fidelity" / "_page" / "_page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root\s*\{([^}]*)\}", style)
    return [dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{6});", block)) for block in (light, dark)]


def luminance(color):
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(factor * part for factor, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    """Contrast ratio of WCAG 2.2."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("look", [0, 1], ids=["light", "dark"])
def test_contrast_of_every_text_colour(look):
    colors = looks()[look]
    texts = ("ink", "muted", "link", "problem", "warning", "info")
    low = {
        (text, ground): contrast(colors[text], colors[ground])
        for text in texts
        for ground in ("paper", "wash")
        if contrast(colors[text], colors[ground]) < 4.5
    }
    assert low == {}
    assert contrast(colors["focus"], colors["paper"]) >= 3


def test_looks_name_the_same_colours_and_rules_name_no_other():
    light, dark = looks()
    assert light.keys() == dark.keys()
    assert len(light) >= 10
    style = (PACKAGE / "fidelity" / "_page" / "_page.css").read_text(encoding="utf-8")
    rules = re.sub(r":root\s*\{[^}]*\}", "", style)
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules) == []
    assert set(re.findall(r"var\(--(\w+)\)", rules)) - set(light) == {"mark"}


# Parts.


def test_elements_escape_what_is_not_html():
    assert element("p", "<b>", Html("<i></i>"), None, title='"&') == '<p title="&quot;&amp;">&lt;b&gt;<i></i></p>'
    assert element("img", src="data:,", alt="") == '<img src="data:," alt="">'


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.91249, "share", "0.912"),
        (-0.0312, "gap", "\u22120.031"),
        (-0.0001, "gap", "0.000"),
        (0.04567, "nats", "0.0457"),
        (21.8, "value", "21.80"),
        (999.99, "value", "1,000"),
        (1234.567, "value", "1,235"),
        (-1234567.8, "value", "\u22121,234,568"),
        (1.5e13, "value", "1.500e+13"),
        (3.2e-7, "value", "3.200e\u221207"),
        (0.0, "value", "0"),
        (float("inf"), "value", "infinite"),
    ],
)
def test_number(value, unit, text):
    assert number(value, unit) == text


def test_cells():
    assert count(1234) == "1,234"
    assert count(2.5) == "2.5"
    assert estimate(0.5) == "0.500"
    assert estimate(0.5, 0.4, 0.6) == '0.500 <span class="interval">(0.400 to 0.600)</span>'
    assert estimate(2e-16, -3.0, 3.0, "value").startswith("0 <")
    assert "none" in estimate(None)
    assert "none" in estimate(float("nan"), 0.1, 0.2)
    assert p_value(0.0004) == "&lt; 0.001"
    assert p_value(0.04) == "0.040"
    assert "none" in p_value(None)


def test_every_metric_and_outcome_has_words():
    assert set(METRICS) | set(VALUE_METRICS) <= set(GLOSSARY)
    assert all(term.meaning.endswith(".") for term in GLOSSARY.values())
    reports = (classification_report(3), regression_report())
    assert {record["outcome"] for report in reports for record in report.error_records()} == set(OUTCOMES)


@pytest.mark.needs("hatchling")
def test_wheel_carries_the_styles(tmp_path, subprocess_env):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=subprocess_env, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {path.relative_to(ROOT).as_posix() for path in (PACKAGE / "fidelity").glob("*.css")} <= held
    assert "skdistill/fidelity/_page/_page.css" in held
