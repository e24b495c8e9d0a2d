"""The panels that displays and pictures are made of: each draws one table into axes and returns its artists."""

from typing import Any

import numpy as np

from skdistill._optional import import_optional
from skdistill.fidelity._drawing._bins import Table
from skdistill.fidelity._drawing._look import Look, dress, label_text, number, percent, percent_axis, rows_text

__all__ = [
    "draw_bounds",
    "draw_cloud",
    "draw_outcomes",
    "draw_quantiles",
    "draw_ranked",
    "draw_reliability",
    "draw_scores",
    "ranked_labels",
]

Artists = dict[str, Any]
Record = dict[str, Any]

# More points than this are drawn as a picture of their density.
POINTS = 400
DENSITY_CELLS = 60


def draw_reliability(ax: Any, table: Table, look: Look, *, shares: bool = True, **kwargs: Any) -> Artists:
    """Draw the teacher's and the observed means against the student's, with the counts of the bins on top."""
    student, teacher = table["student"], table["teacher"]
    ends = (0.0, 1.0) if shares else _common_ends(table)
    (diagonal,) = ax.plot(ends, ends, color=look.muted, linestyle=":", linewidth=1.2, zorder=1)
    style = {
        "color": look.main,
        "marker": "o",
        "markersize": 5,
        "linewidth": 1.6,
        "zorder": 4,
        "label": "teacher, mean",
    }
    (line,) = ax.plot(student, teacher, **{**style, **kwargs})
    spread = ax.vlines(
        student, table["teacher_low"], table["teacher_high"], color=line.get_color(), alpha=0.25, linewidth=7, zorder=2
    )
    spread.set_label("teacher, middle 80 % of rows")
    truth = None
    if "observed" in table:
        # An interval that is not known is drawn as none, not left to be NaN.
        reach = np.abs(np.stack([table["observed_low"], table["observed_high"]]) - table["observed"])
        truth = ax.errorbar(
            student,
            table["observed"],
            yerr=np.nan_to_num(reach),
            color=look.second,
            marker="s",
            markersize=4.5,
            linestyle="none",
            linewidth=1.4,
            capsize=2.5,
            zorder=3,
            label="observed frequency" if shares else "observed, mean",
        )
    if shares:
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        percent_axis(ax.xaxis)
        percent_axis(ax.yaxis)
    ax.legend(loc="best", frameon=False, fontsize="small", handlelength=1.6)
    dress(ax, look)
    counts_ax, counts = _draw_counts(ax, table, look)
    return {
        "line": line,
        "spread": spread,
        "diagonal": diagonal,
        "truth": truth,
        "counts_ax": counts_ax,
        "counts": counts,
    }


def _common_ends(table: Table) -> tuple[float, float]:
    columns = [table[key] for key in ("student", "teacher", "teacher_low", "teacher_high")]
    return float(min(column.min() for column in columns)), float(max(column.max() for column in columns))


def _draw_counts(ax: Any, table: Table, look: Look) -> tuple[Any, Any]:
    inset = ax.inset_axes([0.0, 1.015, 1.0, 0.12], sharex=ax)
    width = table["bin_high"] - table["bin_low"]
    bars = inset.bar(table["bin_low"], table["n_rows"], width=width, align="edge", color=look.muted, alpha=0.6)
    inset.set_axis_off()
    most = int(table["n_rows"].argmax())
    # A bar at the right end is named to its left, so that the number stays inside.
    at_right = table["bin_high"][most] > 0.5 * sum(ax.get_xlim())
    inset.annotate(
        rows_text(table["n_rows"][most]),
        xy=(table["bin_low"][most] if at_right else table["bin_high"][most], table["n_rows"][most]),
        xytext=(-4 if at_right else 4, 0),
        textcoords="offset points",
        ha="right" if at_right else "left",
        va="top",
        fontsize="small",
        color=look.muted,
    )
    return inset, bars


def draw_cloud(ax: Any, student: np.ndarray, teacher: np.ndarray, look: Look) -> Any:
    """Draw values against values: points, or their density where there are many."""
    if len(student) <= POINTS:
        return ax.plot(student, teacher, ".", color=look.muted, markersize=3, alpha=0.5, zorder=0)[0]
    colors = import_optional("matplotlib.colors", caller="A picture", extra="plot")
    counts, x_edges, y_edges = np.histogram2d(student, teacher, bins=DENSITY_CELLS)
    ramp = colors.LinearSegmentedColormap.from_list("rows", [(*colors.to_rgb(look.muted), a) for a in (0.15, 0.9)])
    extent = (x_edges[0], x_edges[-1], y_edges[0], y_edges[-1])
    shown = np.ma.masked_equal(counts.T, 0)
    norm = colors.LogNorm(vmin=1, vmax=max(2, counts.max()))
    image = ax.imshow(shown, origin="lower", extent=extent, aspect="auto", cmap=ramp, norm=norm, zorder=0)
    image.set_interpolation("nearest")
    # The lines drawn later reach beyond the rows' density.
    ax.use_sticky_edges = False
    ax.autoscale(True)
    return image


def draw_bounds(ax: Any, table: Table, look: Look, **kwargs: Any) -> Artists:
    """Draw the agreement on each set between its bounds, with the agreement expected by chance."""
    places = np.arange(len(table["set"]))
    low, high = table["bound_low"], table["bound_high"]
    known = np.isfinite(low)
    bounds = ax.barh(
        places[known],
        (high - low)[known],
        left=low[known],
        height=0.56,
        color=look.faint,
        label="what the two accuracies allow",
    )
    # Without labels chance is another quantity, of models that do not know the class; the two do not compare.
    by_chance = known if known.any() else np.isfinite(table["by_chance"])
    chance = ax.vlines(
        table["by_chance"][by_chance],
        places[by_chance] - 0.36,
        places[by_chance] + 0.36,
        color=look.second,
        linewidth=2,
        zorder=3,
        label="expected by chance",
    )
    intervals = _draw_intervals(ax, table["low"], table["high"], places, look.main)
    style = {"color": look.main, "marker": "o", "markersize": 6, "linestyle": "none", "zorder": 4, "label": "agreement"}
    (line,) = ax.plot(table["agreement"], places, **{**style, **kwargs})
    columns = [table["agreement"], table["low"], low[known], table["by_chance"][by_chance]]
    start = float(np.nanmin(np.concatenate(columns)))
    ax.set_xlim(max(0.0, start - 0.08 * max(1.0 - start, 0.02)) - 0.003, 1.0 + 0.02 * max(1.0 - start, 0.02))
    percent_axis(ax.xaxis)
    ax.set_xlabel("rows with the same label")
    _name_rows(ax, [label_text(name) for name in table["set"]], look, [percent(value) for value in table["agreement"]])
    shown = [line, *([bounds] if known.any() else []), *([chance] if by_chance.any() else [])]
    _legend_above(ax, look, shown, columns=2)
    return {"line": line, "intervals": intervals, "bounds": bounds, "chance": chance}


def _draw_intervals(ax: Any, low: np.ndarray, high: np.ndarray, places: np.ndarray, color: str) -> Any:
    known = np.isfinite(low) & np.isfinite(high)
    return ax.hlines(places[known], low[known], high[known], color=color, linewidth=2, zorder=3)


def _name_rows(ax: Any, names: list[str], look: Look, values: list[str]) -> None:
    ax.set_yticks(np.arange(len(names)), names)
    # Few rows keep to the middle, or their bars would be bulky.
    pad = max(0.6, 0.5 * (5 - len(names)))
    ax.set_ylim(len(names) - 1 + pad, -pad)
    dress(ax, look)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    for place, value in enumerate(values):
        ax.text(1.015, place, value, transform=ax.get_yaxis_transform(), va="center", color=look.text, fontsize="small")


def _legend_above(ax: Any, look: Look, handles: list[Any], columns: int) -> None:
    legend = ax.legend(
        handles=handles,
        # At the right end, from where it may reach over the names on the left.
        loc="lower right",
        bbox_to_anchor=(1.16, 1.0),
        borderaxespad=0.1,
        borderpad=0.2,
        ncols=columns,
        frameon=False,
        fontsize="small",
        handlelength=1.4,
        columnspacing=1.4,
    )
    for text in legend.get_texts():
        text.set_color(look.text)


def draw_outcomes(ax: Any, records: list[Record], look: Look) -> Artists:
    """Draw the shares of rows on which at least one model is wrong, stacked, one bar per set."""
    names = list(dict.fromkeys(record["set"] for record in records))
    share = {(record["set"], record["outcome"]): record["share"] for record in records}
    parts = {
        "lost": ("lost: only the teacher is right", look.second, ""),
        "gained": ("gained: only the student is right", look.third, ""),
        "both wrong alike": ("both wrong alike", look.muted, ""),
        "both wrong differently": ("both wrong differently", look.fourth, "////"),
    }
    start, artists, total = np.zeros(len(names)), {}, {}
    for outcome, (label, color, hatch) in parts.items():
        width = np.array([share.get((name, outcome), 0.0) for name in names])
        artists[outcome] = ax.barh(
            np.arange(len(names)),
            width,
            left=start,
            height=0.6,
            color=color,
            label=label,
            hatch=hatch,
            edgecolor="none",
        )
        start, total[outcome] = start + width, float(width.sum())
    ax.set_xlim(0, max(1.04 * float(start.max()), 0.01))
    percent_axis(ax.xaxis)
    ax.set_xlabel("rows on which a model is wrong")
    _name_rows(
        ax,
        [label_text(name) for name in names],
        look,
        [f"{percent(share.get((name, 'both right')))}\nboth right" for name in names],
    )
    # Two models that err on one of two classes err alike, so that an outcome may be impossible.
    shown = [bars for outcome, bars in artists.items() if outcome in ("lost", "gained") or total[outcome] > 0]
    _legend_above(ax, look, shown, columns=2)
    return artists


def draw_ranked(
    ax: Any,
    rows: list[Record],
    labels: list[str],
    look: Look,
    *,
    xlabel: str,
    reference: float | None,
    shares: bool,
) -> Any:
    """Draw labelled values with intervals, one below the other; rows are dicts of value, low, high, n_rows."""
    places = np.arange(len(rows))
    low, value, high = (
        np.array([np.nan if row[key] is None else row[key] for row in rows]) for key in ("low", "value", "high")
    )
    _draw_intervals(ax, low, high, places, look.main)
    (line,) = ax.plot(value, places, "o", color=look.main, markersize=6, zorder=4)
    if reference is not None:
        ax.axvline(reference, color=look.second, linestyle="--", linewidth=1.4, zorder=1)
        shown = f"all rows {percent(reference) if shares else number(reference)}"
        ax.annotate(
            shown,
            xy=(reference, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize="small",
            color=look.second,
        )
    if shares:
        percent_axis(ax.xaxis)
    ax.set_xlabel(xlabel)
    if reference is None:
        ax.axvline(0.0, color=look.muted, linestyle=":", linewidth=1.2, zorder=1)
    texts = [f"{percent(row['value']) if shares else number(row['value'])}, n={row['n_rows']:,}" for row in rows]
    _name_rows(ax, labels, look, texts)
    return line


def ranked_labels(names: list[str], *, rules: bool) -> list[str]:
    """Return labels that fit beside each other; each condition of a rule has its own line, since many begin alike."""
    lines = 3 if len(names) <= 6 else 2 if len(names) <= 9 else 1
    labels = []
    for name in names:
        conditions = name.split(" and ") if rules and lines > 1 else [name]
        if len(conditions) == 1:
            labels.append(label_text(name, 28, min(lines, 2)))
            continue
        shown = conditions[:lines]
        if len(conditions) > lines:
            shown[-1] += " and …"
        labels.append("\n".join(label_text(condition, 28, 1) for condition in shown))
    return labels


def draw_scores(ax: Any, rows: list[Record], look: Look, *, floor: float, xlabel: str) -> Any:
    """Draw scores of at most 1 with intervals; those below a floor sit on it, and their number is written."""
    places = np.arange(len(rows))
    low, value, high = (
        np.array([np.nan if row[key] is None else row[key] for row in rows]) for key in ("low", "value", "high")
    )
    inside = value >= floor
    _draw_intervals(ax, np.maximum(low, floor)[inside], high[inside], places[inside], look.main)
    (line,) = ax.plot(value[inside], places[inside], "o", color=look.main, markersize=6, zorder=4)
    ax.plot(np.full((~inside).sum(), floor), places[~inside], "<", color=look.second, markersize=8, zorder=5)
    start = float(np.nanmin(np.maximum(np.append(low, value), floor)))
    pad = 0.05 * max(1.0 - start, 0.02)
    ax.set_xlim(start - pad, 1.0 + 0.5 * pad)
    ax.set_xlabel(xlabel)
    _name_rows(ax, [label_text(row["name"]) for row in rows], look, [number(v) for v in value])
    return line


def draw_quantiles(ax: Any, rows: list[Record], look: Look, *, xlabel: str) -> Artists:
    """Draw quantiles of differences: thin the middle 90 %, thick the middle half, a dot the median."""
    places = np.arange(len(rows))
    q05, q25, q50, q75, q95 = (np.array([row[key] for row in rows]) for key in ("q05", "q25", "q50", "q75", "q95"))
    wide = ax.hlines(places, q05, q95, color=look.main, linewidth=2, label="middle 90 % of rows")
    half = ax.hlines(places, q25, q75, color=look.main, linewidth=8, alpha=0.55, label="middle half")
    (dots,) = ax.plot(q50, places, "o", color=look.text, markersize=5, zorder=4, label="median")
    ax.axvline(0.0, color=look.muted, linestyle=":", linewidth=1.2, zorder=1)
    ax.set_xlabel(xlabel)
    _name_rows(ax, [label_text(row["name"]) for row in rows], look, [number(v) for v in q50])
    _legend_above(ax, look, [dots, half, wide], columns=3)
    return {"wide": wide, "half": half, "median": dots}
