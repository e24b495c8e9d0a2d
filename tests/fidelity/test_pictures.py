"""Pictures of a report: legible, the same every time, and in words for those who do not see them."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill.fidelity import FidelityReport
from skdistill.fidelity._drawing._look import label_text, number, percent
from skdistill.fidelity._drawing._pictures import (
    PICTURES,
    draw_report,
    picture,
    picture_alt,
    picture_title,
    ranked_rows,
    svg,
)


@pytest.fixture(autouse=True)
def nothing_leaks():
    before = dict(matplotlib.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="module")
def report():
    X, y = load_breast_cancer(return_X_y=True)
    teacher = RandomForestClassifier(n_estimators=20, random_state=0).fit(X[::2], y[::2])
    student = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[::2], teacher.predict(X[::2]))
    sets = {"train": (X[::2], y[::2]), "test": (X[1::2], y[1::2])}
    return FidelityReport.from_estimators(teacher, student, sets, n_resamples=20, random_state=0)


@pytest.fixture(scope="module")
def regression():
    X, y = load_diabetes(return_X_y=True)
    teacher = RandomForestRegressor(n_estimators=20, random_state=0).fit(X[::2], y[::2])
    student = DecisionTreeRegressor(max_depth=3, random_state=0).fit(X[::2], teacher.predict(X[::2]))
    sets = {"train": (X[::2], y[::2]), "test": (X[1::2], y[1::2]), "shift": (X[1::2] + 1, None)}
    return FidelityReport.from_estimators(teacher, student, sets, n_resamples=20, random_state=0)


@pytest.fixture(scope="module")
def crowded():
    """Eight sets and 26 classes, with names that try every patience."""
    rng = np.random.default_rng(0)
    odd = [
        "$x$",
        "<b>",
        "漢字",
        "",
        "a\nb",
        "&amp;",
        "x" * 60,
        "\\frac{1}{$",
        "one and two and three and four and five",
    ]
    classes = np.array([*odd, *"abcdefghijklmnopq"], dtype=object)
    names = ["test", "<i>", "$\\alpha$", "a set with quite a long name, and then some", "y" * 50, "混", "shift", " "]
    sets = {}
    for name in names:
        proba = rng.dirichlet(np.ones(26), size=300)
        sets[name] = {"teacher": proba, "student": np.roll(proba, 1, axis=0), "y": classes[rng.integers(0, 26, 300)]}
        sets[name]["student"][:200] = proba[:200]
    return FidelityReport.from_predictions(sets, classes=classes, n_resamples=20, random_state=0)


def shown_texts(figure):
    """Draw a figure; return its visible texts with their boxes, tick labels of the vertical axes apart."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    inside = [t for t in figure.findobj(matplotlib.text.Text) if t.get_visible() and t.get_text().strip()]
    names = [label for ax in figure.findobj(matplotlib.axes.Axes) for label in ax.get_yticklabels()]
    # Ticks beyond the limits exist and are not drawn.
    unused = {
        label
        for ax in figure.findobj(matplotlib.axes.Axes)
        for axis in (ax.xaxis, ax.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
        if not axis.axes.axison or not in_view(axis, tick.get_loc())
    }
    boxes = {text: text.get_window_extent(renderer) for text in inside if text not in unused}
    return boxes, [boxes[name] for name in names if name in boxes]


def in_view(axis, place):
    low, high = sorted(axis.get_view_interval())
    return low - 1e-9 <= place <= high + 1e-9


def check_legible(figure):
    boxes, names = shown_texts(figure)
    assert boxes
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes.items():
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text
    for first, second in itertools.combinations(names, 2):
        assert not first.shrunk(0.98, 0.85).overlaps(second.shrunk(0.98, 0.85))


@pytest.mark.parametrize(("name", "dark"), [("report", True), ("regression", False), ("crowded", False)])
def test_page_of_four_is_legible(request, name, dark):
    page = draw_report(request.getfixturevalue(name), dark=dark)
    assert isinstance(page, Figure)
    assert len(page.subfigs) == len(PICTURES) == 4
    assert page.get_facecolor()[3] == 0
    check_legible(page)


@pytest.mark.parametrize("which", PICTURES)
@pytest.mark.parametrize("name", ["regression", "crowded"])
def test_single_picture_is_legible(request, name, which):
    check_legible(picture(request.getfixturevalue(name), which, titled=which == "sets"))


def test_page_into_a_figure_of_ones_own(report):
    mine = Figure(figsize=(12, 9))
    assert draw_report(report, mine) is mine
    check_legible(mine)


def test_light_and_dark_differ_in_colours_only(report):
    light, dark = (picture(report, "sets", dark=dark) for dark in (False, True))
    texts = [[text.get_text() for text in figure.axes[0].texts] for figure in (light, dark)]
    assert texts[0] == texts[1]
    assert light.axes[0].texts[0].get_color() != dark.axes[0].texts[0].get_color()


@pytest.mark.parametrize(("name", "which"), [*(("report", which) for which in PICTURES), ("crowded", "sets")])
def test_svg_is_the_same_every_time_and_stands_alone(request, name, which):
    report = request.getfixturevalue(name)
    text = svg(picture(report, which))
    assert text == svg(picture(report, which))
    assert text.startswith("<svg")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "date" not in text.lower()
    # Names of vocabularies are no addresses to load from.
    assert set(re.findall(r'(?:href|src)="(?!#|data:)([^"]*)"', text)) == set()


def test_svg_holds_names_as_text(crowded):
    text = svg(picture(crowded, "sets"))
    assert "&lt;i&gt;" in text
    assert r"$\alpha$" in text


def test_style_of_the_user_changes_nothing(report):
    with matplotlib.rc_context({"axes.grid": True, "font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}):
        styled = svg(picture(report, "sets"))
    assert styled == svg(picture(report, "sets"))


def value_of(report, metric, name="test"):
    found = [r for r in report.metric_records() if (r["set"], r["metric"]) == (name, metric)]
    return found[0]["value"]


def test_words_hold_the_numbers(report):
    sets = picture_alt(report, "sets")
    assert f"test {percent(value_of(report, 'agreement'))}" in sets
    assert f"by chance {percent(value_of(report, 'agreement_by_chance'))}" in sets
    share = {r["outcome"]: percent(r["share"]) for r in report.error_records() if r["set"] == "test"}
    assert f"only the teacher in {share['lost']}, only the student in {share['gained']}" in picture_alt(
        report, "errors"
    )
    answers = report.sets["test"]
    top = answers.proba_student.max(axis=1).mean()
    assert f"top class is {percent(top)}" in picture_alt(report, "reliability")
    worst = ranked_rows(report)["rows"][0]
    slices = picture_alt(report, "slices")
    assert worst["name"] in slices
    assert percent(worst["value"]) in slices


def test_words_on_a_regression(regression):
    assert f"test {number(value_of(regression, 'r2_to_teacher'))}" in picture_alt(regression, "sets")
    assert number(value_of(regression, "difference_q95")) in picture_alt(regression, "errors")
    student = regression.sets["test"].values_student.mean()
    assert f"mean value is {number(student)}" in picture_alt(regression, "reliability")
    assert ranked_rows(regression)["rows"][0]["name"] in picture_alt(regression, "slices")


def test_words_on_many_sets_stay_short(crowded):
    text = picture_alt(crowded, "sets")
    assert f"test {percent(value_of(crowded, 'agreement'))}" in text
    assert "and 7 further sets in the table" in text
    assert len(text) < 300


def points_of(figure):
    return [line.get_xydata() for line in figure.axes[0].lines if line.get_marker() == "o"]


def test_pictures_show_the_records(report, regression):
    (points,) = points_of(picture(report, "sets"))
    np.testing.assert_allclose(points, [(value_of(report, "agreement", n), i) for i, n in enumerate(report.sets)])
    (points,) = points_of(picture(regression, "sets"))
    expected = [max(value_of(regression, "r2_to_teacher", n), -1.0) for n in regression.sets]
    np.testing.assert_allclose(points[:, 0], [value for value in expected if value > -1.0])
    for one in (report, regression):
        (points,) = points_of(picture(one, "slices"))
        np.testing.assert_allclose(points[:, 0], [row["value"] for row in ranked_rows(one)["rows"]])
    shares = {(r["set"], r["outcome"]): r["share"] for r in report.error_records()}
    bars = picture(report, "errors").axes[0].containers
    np.testing.assert_allclose([bar.get_width() for bar in bars[0]], [shares[n, "lost"] for n in report.sets])
    np.testing.assert_allclose(
        [bar.get_width() for bar in bars[2]], [shares[n, "both wrong alike"] for n in report.sets]
    )


def test_worst_classes_stand_in_for_slices(crowded):
    ranked = ranked_rows(crowded)
    assert ranked["kind"] in ("classes", "slices")
    classes = {r["class"]: r for r in crowded.class_records() if r["set"] == "test"}
    stand_in = Stub(crowded, slices=[])
    ranked = ranked_rows(stand_in)
    assert (ranked["kind"], ranked["n_all"], len(ranked["rows"])) == ("classes", 26, 12)
    values = [row["value"] for row in ranked["rows"]]
    assert values == sorted(values, reverse=True)
    assert values[0] == max(1 - r["agreement"] for r in classes.values())
    figure = picture(stand_in, "slices")
    assert "12 of 26" in figure.axes[0].get_ylabel()


class Stub:
    """A report whose slices are given."""

    def __init__(self, report, slices):
        self.report, self.slices = report, slices

    def __getattr__(self, name):
        return getattr(self.report, name)

    def slice_records(self):
        return self.slices


def test_given_slices_keep_their_order_and_show_all_rows(report):
    keys = ("slice", "n_rows", "disagreement", "low", "high")
    rules = [("age <= 30 and $job$ = <b>", 40, 0.2, 0.1, 0.3), ("income > 5", 9, 0.3, None, None)]
    stub = Stub(report, [dict(zip(keys, rule, strict=True)) for rule in rules])
    figure = picture(stub, "slices")
    check_legible(figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "age <= 30\n\\$job\\$ = <b>",
        "income > 5",
    ]
    reference = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    assert reference[0].get_text() == f"all rows {percent(1 - value_of(report, 'agreement'))}"
    assert "20.0 % (95 % interval 10.0 % to 30.0 %) over 40 rows" in picture_alt(stub, "slices")


@pytest.mark.parametrize(("n_slices", "n_conditions"), [(6, 4), (9, 3), (14, 3)])
def test_many_long_slices_do_not_run_into_each_other(report, n_slices, n_conditions):
    rule = " and ".join(f"a-rather-long-column-{i} = some-level-of-it" for i in range(n_conditions))
    record = {"n_rows": 1234, "disagreement": 0.2, "low": 0.1, "high": 0.3}
    stub = Stub(report, [{"slice": f"x > {i} and {rule}", **record} for i in range(n_slices)])
    check_legible(picture(stub, "slices"))
    check_legible(draw_report(stub))


def test_what_is_missing_is_said():
    X, y = load_breast_cancer(return_X_y=True)
    teacher, student = DecisionTreeClassifier(max_depth=2).fit(X, y), RidgeClassifier().fit(X, y)
    bare = FidelityReport.from_estimators(teacher, student, {"rows": (X, None)}, n_resamples=20, random_state=0)
    check_legible(draw_report(bare))
    for which, words in (("reliability", "without predict_proba"), ("errors", "No set has labels")):
        (ax,) = picture(bare, which).axes
        assert words in " ".join(ax.texts[0].get_text().split())
        assert picture_alt(bare, which).startswith("No picture")


def test_one_row_and_one_class():
    sets = {"rows": {"teacher": [[1.0]], "student": [[1.0]], "y": ["only"]}}
    one = FidelityReport.from_predictions(sets, classes=["only"], n_resamples=20, random_state=0)
    check_legible(draw_report(one))
    assert "over 1 row," in picture_alt(one, "slices")


def test_one_row_of_a_regression_and_several_outputs(rng):
    sets = {"rows": {"teacher": [1.0], "student": [2.0]}}
    one = FidelityReport.from_predictions(sets, n_resamples=20, random_state=0)
    check_legible(draw_report(one))
    assert "two rows" in picture(one, "sets").axes[0].texts[0].get_text()
    X = rng.normal(size=(60, 3))
    y = X @ rng.normal(size=(3, 2))
    models = LinearRegression().fit(X, y), DecisionTreeRegressor(max_depth=2).fit(X, y)
    several = FidelityReport.from_estimators(*models, {"test": (X, y)}, n_resamples=20, random_state=0)
    figure = picture(several, "reliability")
    check_legible(figure)
    assert "standard deviations" in figure.axes[0].get_xlabel()


def test_titles_and_unknown_pictures(report):
    for task in ("classification", "regression"):
        titles = [picture_title(which, task) for which in PICTURES]
        assert len(set(titles)) == 4
    for call in (picture, picture_alt):
        with pytest.raises(ValueError, match="which must be one of"):
            call(report, "pie")
    with pytest.raises(ValueError, match="which must be one of"):
        picture_title("pie")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a", "a"),
        ("", "(empty)"),
        (3, "3"),
        ("$x$", r"\$x\$"),
        ("a\tb\n c", "a b c"),
        ("\x00\ud800", "□□"),
        ("word " * 5, "word word\nword word…"),
        ("x" * 30, "xxxxxxxxxx\nxxxxxxxxx…"),
    ],
)
def test_labels(text, shown):
    assert label_text(text, width=10) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0.0 %"), (0.0001, "<0.1 %"), (0.5, "50.0 %"), (0.9999, ">99.9 %"), (1, "100.0 %"), (None, "unknown")],
)
def test_percent(share, shown):
    assert percent(share) == shown
    assert percent(float("nan")) == "unknown"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (-1.2345, "\N{MINUS SIGN}1.23"), (12345.6, "12,346"), (None, "unknown")]
)
def test_number(value, shown):
    assert number(value) == shown
