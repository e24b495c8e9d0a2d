"""The page of a report in a real browser: on screens, on paper, by keyboard, and without a network."""

import base64
import re

import pytest
from playwright.sync_api import Page

from skdistill.fidelity._drawing._pictures import PICTURES, picture_alt
from skdistill.fidelity._page._html import report_fragment, report_page
from tests.fidelity.browser import opened, started_browser
from tests.fidelity.reports import HOSTILE, LONG, SETS, classification_report, regression_report, with_controls

pytestmark = pytest.mark.needs("matplotlib")

REPORTS = {
    "many": lambda: with_controls(classification_report(26, SETS)),
    "regression": regression_report,
}
# Desktop, phone, and the narrowest that WCAG asks for.
WIDTHS = (1280, 390, 320)


@pytest.fixture(scope="module")
def browser():
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Each report with the file that holds its page."""
    folder, made = tmp_path_factory.mktemp("pages"), {}
    for number, (name, make) in enumerate(REPORTS.items()):
        report, path = make(), folder / f"{number}.html"
        path.write_text(report_page(report), encoding="utf-8")
        made[name] = report, path
    return made


def unfold(page: Page) -> None:
    """Open what is folded, as a reader would."""
    for summary in page.locator("summary").all():
        summary.click()


@pytest.mark.parametrize("name", REPORTS)
def test_page_opens_without_a_complaint_or_a_request(browser, pages, name):
    with opened(browser, pages[name][1]) as shown:
        unfold(shown.page)
        assert shown.page.title() == "Fidelity of the student to the teacher"
        assert (shown.complaints, shown.requests) == ([], [])


def test_watch_sees_complaints_requests_and_scripts(browser, tmp_path):
    # Else the test above could not fail.
    path = tmp_path / "bad.html"
    path.write_text("<script>console.error('no')</script><img src='http://localhost:9/a.png' onerror='alert(1)'>")
    with opened(browser, path) as shown:
        assert shown.requests == ["http://localhost:9/a.png"]
        assert "error: no" in shown.complaints
        assert "dialog: 1" in shown.complaints


def test_policy_of_the_page_stops_scripts_and_requests(browser, pages, tmp_path):
    path = tmp_path / "injected.html"
    injected = "<script>alert(1)</script><img src='http://localhost:9/a.png' alt=''></main>"
    path.write_text(pages["regression"][1].read_text(encoding="utf-8").replace("</main>", injected), encoding="utf-8")
    with opened(browser, path) as shown:
        stopped = [complaint for complaint in shown.complaints if "Content Security Policy" in complaint]
        assert len(stopped) == len(shown.complaints) == 2
        assert any("script" in complaint for complaint in stopped)
        assert any("a.png" in complaint for complaint in stopped)


@pytest.mark.parametrize("name", REPORTS)
def test_tables_show_all_their_rows(browser, pages, name):
    report, path = pages[name]
    measure = """tables => tables.map(table => ({
        caption: table.caption.textContent,
        rows: [...table.querySelectorAll('tbody tr:not(:has(.group))')].map(row => ({
            height: row.getBoundingClientRect().height,
            first: row.cells[0].textContent,
            narrowest: Math.min(...[...row.cells].map(cell => cell.getBoundingClientRect().width)),
            empty: [...row.cells].filter(cell => !cell.innerText.trim()).length,
        })),
    }))"""
    with opened(browser, path) as shown:
        unfold(shown.page)
        tables = shown.page.locator("table").evaluate_all(measure)
    rows = [row for table in tables for row in table["rows"]]
    assert all(row["height"] > 10 and row["narrowest"] > 10 and row["empty"] == 0 for row in rows)
    sizes = {table["caption"]: len(table["rows"]) for table in tables}
    metrics = {record["metric"] for record in report.metric_records()}
    assert sizes["Every metric on every set, with 95 % intervals"] == len(metrics) + 1
    n_tables = 1 + len(report.sets) + sum(map(bool, (report.error_records(), report.slice_records())))
    assert len(tables) == n_tables + bool(report.control_records())
    by_class = [n for caption, n in sizes.items() if caption.startswith("The set ")]
    assert sum(by_class) == len(report.class_records())


@pytest.mark.parametrize("name", REPORTS)
def test_looks_have_colours_and_pictures_of_their_own(browser, pages, name):
    report, path = pages[name]
    texts = [picture_alt(report, which) for which in PICTURES]
    seen = {}
    with opened(browser, path) as shown:
        for look, medium in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
            shown.page.emulate_media(media=medium, color_scheme=look)
            images = shown.page.locator("img:visible")
            loaded = images.evaluate_all("all => all.map(i => [i.complete, i.naturalWidth, i.width, i.alt])")
            assert all(complete and natural > 0 and width > 100 for complete, natural, width, _ in loaded)
            assert [alt for *_, alt in loaded] == texts
            assert shown.page.get_by_role("img").count() == len(PICTURES) == 4
            seen[look, medium] = colors(shown.page), images.evaluate_all("all => all.map(i => i.src)")
    light, dark, paper = seen.values()
    assert paper == light
    assert {*light[0]}.isdisjoint(dark[0])
    assert {*light[1]}.isdisjoint(dark[1])


def colors(page: Page) -> list[str]:
    return page.evaluate("() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; }")


@pytest.mark.parametrize("name", REPORTS)
def test_body_is_never_wider_than_the_screen(browser, pages, name):
    with opened(browser, pages[name][1]) as shown:
        unfold(shown.page)
        for width in WIDTHS:
            shown.page.set_viewport_size({"width": width, "height": 900})
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
            out = shown.page.locator("h1, h2, h3, p, li, dt, dd, img, .caption").evaluate_all(
                "(all, width) => all.filter(e => e.getBoundingClientRect().right > width + 1).map(e => e.textContent)",
                width,
            )
            assert out == []


def test_wide_tables_scroll_within_themselves_and_keep_their_first_column(browser, pages):
    with opened(browser, pages["many"][1], width=390) as shown:
        region = shown.page.locator(".scroll").first
        assert region.evaluate("e => e.scrollWidth > e.clientWidth")
        region.evaluate("e => e.scrollTo(10000, 0)")
        last, first = region.locator("thead th").last, region.locator("tbody th[scope=row]").first
        assert last.text_content() == HOSTILE
        assert last.bounding_box()["x"] + last.bounding_box()["width"] <= 390
        assert first.bounding_box()["x"] >= 0
        assert region.locator(".caption").bounding_box()["x"] >= 0


def focused(page: Page) -> list:
    return page.evaluate(
        """() => {
            const e = document.activeElement, style = getComputedStyle(e);
            return [e.className || e.tagName.toLowerCase(), style.outlineStyle, parseFloat(style.outlineWidth)];
        }"""
    )


def test_keyboard_reaches_the_skip_link_and_every_table(browser, pages):
    with opened(browser, pages["many"][1]) as shown:
        page = shown.page
        page.keyboard.press("Tab")
        assert focused(page)[0] == "skip"
        assert page.locator(".skip").bounding_box()["x"] >= 0
        seen, n_stops = [], page.locator("a, summary, .scroll:visible").count()
        for _ in range(n_stops - 1):
            page.keyboard.press("Tab")
            seen.append(focused(page))
        assert all(style != "none" and width >= 2 for _, style, width in seen)
        reached = [kind.removesuffix(" wide") for kind, *_ in seen]
        assert reached.count("scroll") == page.locator(".scroll:visible").count() > 4
        assert reached.count("summary") == len(SETS) - 1
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "findings"


def test_keys_scroll_a_table_and_open_a_fold(browser, pages):
    with opened(browser, pages["many"][1], width=390) as shown:
        page, region = shown.page, shown.page.locator(".scroll").first
        region.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.scroll').scrollLeft > 0")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details[open] table").is_visible()


def test_accessibility_tree(browser, pages):
    report, path = pages["many"]
    with opened(browser, path) as shown:
        tree = shown.page.locator("body").aria_snapshot()
    for landmark in ("banner", 'navigation "Sections"', "main", 'region "Findings"', 'region "Pictures"'):
        assert f"- {landmark}" in tree
    assert re.findall(r'heading "([^"]+)" \[level=1\]', tree) == ["Fidelity of the student to the teacher"]
    assert len(re.findall(r"heading .*\[level=3\]", tree)) == len(report.findings()) > 0
    assert 'table "Every metric on every set, with 95 % intervals"' in tree
    assert 'rowheader "agreement by chance"' in tree
    assert 'columnheader "validation"' in tree
    assert f"rowheader {LONG}" in tree or f'rowheader "{LONG}"' in tree


@pytest.mark.parametrize("name", REPORTS)
def test_paper_holds_everything(browser, pages, name):
    # A4 at 96 dots per inch less the margins, turned where there are many sets.
    width = 1031 if name == "many" else 703
    with opened(browser, pages[name][1], width=width, color_scheme="dark") as shown:
        page = shown.page
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("nav").is_hidden()
        tables = page.locator("table").evaluate_all(
            "all => all.map(t => [t.getBoundingClientRect().height, t.getBoundingClientRect().right])"
        )
        assert all(height > 30 and right <= width + 1 for height, right in tables)
        paper = page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    sizes = {tuple(round(float(x)) for x in box.split()[2:]) for box in re.findall(rb"/MediaBox \[([^\]]*)\]", paper)}
    assert ((842, 595) in sizes) == (name == "many")
    assert (595, 842) in sizes


def test_names_are_text_and_never_elements(browser, pages):
    with opened(browser, pages["many"][1]) as shown:
        unfold(shown.page)
        assert shown.page.locator("script").count() == 0
        assert shown.page.get_by_role("rowheader", name=HOSTILE, exact=True).count() == len(SETS)
        pictures = shown.page.locator("img").evaluate_all("all => all.map(i => i.src)")
    drawn = [base64.b64decode(source.partition(",")[2]).decode("utf-8") for source in pictures]
    assert not any("<script" in drawing for drawing in drawn)


@pytest.mark.parametrize(
    ("ground", "ink"), [("rgb(255, 255, 255)", "rgb(0, 0, 0)"), ("rgb(17, 17, 17)", "rgb(221, 221, 221)")]
)
def test_fragment_takes_the_look_of_its_notebook(browser, pages, tmp_path, ground, ink):
    fragment = report_fragment(pages["many"][0])
    path = tmp_path / "cell.html"
    cell = f"<!DOCTYPE html><body style='background: {ground}; color: {ink}'><p id='own'>Own text.</p>{fragment}</body>"
    path.write_text(cell, encoding="utf-8")
    with opened(browser, path, width=390) as shown:
        page = shown.page
        found = page.locator(".skdistill-fidelity :not(style)").evaluate_all(
            "all => all.map(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
        )
        assert {color for color, _ in found} == {ink}
        assert {background for _, background in found} == {"rgba(0, 0, 0, 0)"}
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator("#own").evaluate("e => getComputedStyle(e).fontVariantNumeric") == "normal"
        assert (shown.complaints, shown.requests) == ([], [])
