"""Colours, labels and numbers as all pictures write them."""

import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdistill._optional import import_optional

__all__ = [
    "DARK",
    "LIGHT",
    "Look",
    "current_look",
    "dress",
    "label_text",
    "new_axes",
    "number",
    "percent",
    "percent_axis",
    "rows_text",
    "say",
]

MISSING_GLYPH = "\N{WHITE SQUARE}"


@dataclass(frozen=True)
class Look:
    """Colours of a picture; the data colours are Okabe and Ito's, which the colour-blind tell apart.

    Parameters
    ----------
    text, muted, faint : str
        Colours of text, of axes and references, and of areas in the background.
    main, second, third, fourth : str
        Colours of data.
    cycle : tuple of str
        Colours of lines beside each other.
    """

    text: str
    muted: str
    faint: str
    main: str
    second: str
    third: str
    fourth: str
    cycle: tuple[str, ...]


LIGHT = Look(
    text="#1f2328",
    muted="#6a737d",
    faint="#d8dee4",
    main="#0072b2",
    second="#d55e00",
    third="#009e73",
    fourth="#cc79a7",
    cycle=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#444444"),
)
DARK = Look(
    text="#e6edf3",
    muted="#9aa4af",
    faint="#3a424c",
    main="#56b4e9",
    second="#e69f00",
    third="#2fc79c",
    fourth="#e29fc6",
    cycle=("#56b4e9", "#e69f00", "#2fc79c", "#e29fc6", "#f0e442", "#d55e00", "#cccccc"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def current_look() -> Look:
    """Return the look that fits the background of the user's matplotlib style."""
    colors = import_optional("matplotlib.colors", caller="A display", extra="plot")
    settings = import_optional("matplotlib", caller="A display", extra="plot").rcParams
    red, green, blue = colors.to_rgb(settings["axes.facecolor"])
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4 else LIGHT


def new_axes(ax: Any, caller: str) -> Any:
    """Return the user's axes, or new ones."""
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", caller=caller, extra="plot")
    return pyplot.subplots(layout="constrained")[1]


def label_text(text: Any, width: int = 24, lines: int = 2) -> str:
    """Write any object as a label: wrapped, shortened, drawable, and not read as mathematics.

    Parameters
    ----------
    text : object
        A name.
    width, lines : int, default=24, 2
        Characters of a line, and the most lines.

    Returns
    -------
    str
        Its label.
    """
    words = " ".join(str(text).split()) or "(empty)"
    fonts = _fonts()
    drawable = "".join(char if _is_drawable(char, fonts) else MISSING_GLYPH for char in words)
    wrapped = textwrap.wrap(drawable, width, break_on_hyphens=False) if lines > 1 else [drawable]
    # The rest goes to the last line and is cut there, not at a word, which may be all that tells two names apart.
    shown = [*wrapped[: lines - 1], " ".join(wrapped[lines - 1 :])]
    if len(shown[-1]) > width:
        shown[-1] = f"{shown[-1][: width - 1].rstrip()}…"
    return "\n".join(line for line in shown if line).replace("$", r"\$")


def _is_drawable(char: str, fonts: list[Any]) -> bool:
    return char == " " or (char.isprintable() and any(font.get_char_index(ord(char)) for font in fonts))


def _fonts() -> list[Any]:
    manager = import_optional("matplotlib.font_manager", caller="A picture", extra="plot")
    families = import_optional("matplotlib", caller="A picture", extra="plot").rcParams["font.family"]
    return [manager.get_font(manager.findfont(manager.FontProperties(family=[family]))) for family in families]


def percent(share: float | None) -> str:
    """Write a share as a percentage; only the whole is 100 %."""
    if share is None or not math.isfinite(share):
        return "unknown"
    shown = f"{100 * share:.1f}"
    if shown == "100.0" and share < 1:
        return ">99.9 %"
    return f"{'<0.1' if shown == '0.0' and share > 0 else shown} %"


def number(value: float | None) -> str:
    """Write a number with three digits that count."""
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if abs(value) < 1000 else f"{value:,.0f}"


def rows_text(count: int) -> str:
    """Write a number of rows."""
    return "1 row" if count == 1 else f"{count:,} rows"


def percent_axis(axis: Any) -> None:
    """Mark the ticks of an axis of shares as percentages."""
    ticker = import_optional("matplotlib.ticker", caller="A picture", extra="plot")
    axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{np.round(100 * value, 6):g} %"))


def dress(ax: Any, look: Look) -> None:
    """Give axes the colours of a look, a transparent ground and two spines."""
    ax.patch.set_alpha(0.0)
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(look.muted)
    ax.tick_params(color=look.muted, labelcolor=look.text)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_color(look.text)
    legend = ax.get_legend()
    for text in [] if legend is None else legend.get_texts():
        text.set_color(look.text)


def say(ax: Any, sentence: str, look: Look) -> None:
    """Say in an empty panel why it is empty."""
    ax.set_axis_off()
    ax.patch.set_alpha(0.0)
    shown = label_text(sentence, width=44, lines=6)
    ax.text(0.5, 0.5, shown, ha="center", va="center", color=look.muted, transform=ax.transAxes)
