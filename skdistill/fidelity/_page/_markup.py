"""HTML that is escaped unless it says that it is HTML already."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from skdistill.fidelity._page._glossary import Unit

__all__ = ["Html", "absent", "count", "element", "estimate", "number", "p_value", "table"]

VOID = frozenset({"img", "link", "meta"})
MINUS = "\u2212"
# A mean so small beside its interval is what rounding left of zero.
ROUNDING = 1e-9


class Html(str):
    """Text that is HTML already; text of any other type is escaped where it meets an element."""

    __slots__ = ()


def element(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Write an element.

    Parameters
    ----------
    name : str
        Its name.
    *children : Html, str or None
        What it holds, in order; text that is not Html is escaped, and None is left out.
    **attributes : str, int or None
        Its attributes, escaped, None left out; ``class_`` is written class and ``aria_label`` aria-label.

    Returns
    -------
    Html
        The element.

    Examples
    --------
    >>> from skdistill.fidelity._page._markup import element
    >>> print(element("p", "a < b, ", element("b", "not c"), class_="law"))
    <p class="law">a &lt; b, <b>not c</b></p>
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{join(children)}</{name}>")


def join(children: Iterable[Any], between: str = "") -> Html:
    """Join pieces, escaping those that are not HTML."""
    parts = [child if isinstance(child, Html) else escape(str(child)) for child in children if child is not None]
    return Html(between.join(parts))


def is_absent(value: Any) -> bool:
    """Tell whether there is no number to show."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def absent() -> Html:
    """Return what a cell without a number shows, and what a screen reader says there."""
    return join([element("span", "\u2013", aria_hidden="true"), element("span", "none", class_="unseen")])


def number(value: float, unit: Unit = "share") -> str:
    """Write a number to a fixed number of places, or four digits that count of one on an unknown scale."""
    value = float(value)
    if math.isinf(value):
        text = "infinite" if value > 0 else "-infinite"
    elif unit == "value":
        text = _any_scale(value)
    else:
        text = f"{value:.{4 if unit == 'nats' else 3}f}"
    if not text.strip("-0."):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def _any_scale(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0"
    if not 1e-4 <= size < 1e12:
        return f"{value:.3e}"
    return f"{value:#.4g}" if size < 999.95 else f"{value:,.0f}"


def count(value: Any) -> str:
    """Write a number of rows; weights may make it a fraction."""
    return f"{float(value):,.1f}".removesuffix(".0")


def estimate(value: Any, low: Any = None, high: Any = None, unit: Unit = "share") -> Html:
    """Write a value with the interval under it, where there is one."""
    if is_absent(value):
        return absent()
    if is_absent(low) or is_absent(high):
        return join([number(value, unit)])
    if abs(value) < ROUNDING * max(abs(low), abs(high)):
        value = 0.0
    interval = element("span", f"({number(low, unit)} to {number(high, unit)})", class_="interval")
    return join([number(value, unit), interval], " ")


def p_value(value: Any) -> Html:
    """Write a p-value to three places; a smaller one as a bound."""
    if is_absent(value):
        return absent()
    return join(["< 0.001" if value < 0.001 else number(value)])


def table(
    name: str,
    caption: str,
    header: Sequence[str],
    groups: Iterable[tuple[str | None, Iterable[Sequence[Any]]]],
    *,
    class_: str = "scroll",
) -> Html:
    """Write a table inside a region that scrolls and that a keyboard reaches.

    Parameters
    ----------
    name : str
        Identifier of the caption; empty for a table whose region takes the caption as its label.
    caption : str
        What the table shows.
    header : sequence of str
        Headings of the columns; the first column holds the headings of the rows.
    groups : iterable of (str or None, iterable of rows)
        A heading over each group of rows, None for none, and its rows of cells.
    class_ : str, default="scroll"
        Classes of the region.

    Returns
    -------
    Html
        The region.
    """
    head = element("thead", element("tr", *(element("th", text, scope="col") for text in header)))
    bodies = [_body(title, rows, len(header)) for title, rows in groups]
    label = {"aria_labelledby": name} if name else {"aria_label": caption}
    told = element("caption", element("span", caption, class_="caption", id=name or None))
    return element("div", element("table", told, head, *bodies), class_=class_, role="region", tabindex=0, **label)


def _body(title: str | None, rows: Iterable[Sequence[Any]], width: int) -> Html:
    over = (
        None if title is None else element("tr", element("th", title, class_="group", scope="rowgroup", colspan=width))
    )
    written = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    return element("tbody", over, *written)
