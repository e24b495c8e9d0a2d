"""Tables and the picture of ``benchmarks.information``."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._statistics import median_interval

TITLES = {
    "decompose": "decompose",
    "solve_broja": "its solver alone",
    "ecos": "ECOS, BROJA_2PID's model",
    "ecos_lean": "ECOS, lean model",
    "cvxpy": "cvxpy + Clarabel",
    "dit_cone": "dit, method='cone'",
    "dit_admui": "dit's admUI",
    "dit": "dit, default",
}
COLORS = {
    "decompose": "#c1272d",
    "solve_broja": "#e8878b",
    "ecos": "#1f4e9c",
    "ecos_lean": "#7ea6dd",
    "cvxpy": "#3b8f4f",
    "dit_cone": "#e08a1e",
    "dit_admui": "#8a5aa8",
    "dit": "#555555",
}
CERTIFIED = "decompose, certified width"
BARE = ("ecos", "ecos_lean")
# An atom further below zero than this is called negative.
NEGATIVE = -1e-9
FLOOR = 1e-16


def times(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The cells of times by size, smallest first."""
    cells = [line for line in lines if line["method"] == "time"]
    return {cell["dataset"]: cell for cell in sorted(cells, key=lambda cell: np.prod(cell["settings"]["shape"]))}


def seconds(cell: dict[str, Any], solver: str, part: str = "solve") -> np.ndarray:
    return np.array(cell["solvers"].get(solver, {}).get(part, []))


def ratio(cell: dict[str, Any], rival: str, ours: str) -> tuple[float, float, float] | None:
    """Rival's time over ours on the same problems: the median and its interval; one that was late gives a bound."""
    theirs, mine = seconds(cell, rival), seconds(cell, ours)
    if ours == "batch":
        mine = np.full(len(theirs), np.median(cell["batch"]) if cell["batch"] else np.nan)
    if not len(theirs):
        bound = cell["solvers"].get(rival, {}).get("at_least")
        least = (np.median(cell["batch"]) if ours == "batch" else np.median(seconds(cell, ours))) if bound else np.nan
        return (bound / least, np.nan, np.nan) if bound else None
    n = min(len(theirs), len(mine))
    return median_interval(theirs[:n] / mine[:n])


def shown(found: tuple[float, float, float] | None) -> str:
    if found is None or np.isnan(found[0]):
        return "-"
    if np.isnan(found[1]):
        return f"> {number(found[0])}"
    return f"{number(found[0])} [{number(found[1])}, {number(found[2])}]"


def number(value: float) -> str:
    """Three digits at most, thousands with a comma."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 100 else f"{value:.2g}"


def milliseconds(values: np.ndarray) -> str:
    return number(1e3 * float(np.median(values))) if len(values) else "-"


def strongest(cell: dict[str, Any]) -> str | None:
    """The faster of the two ECOS models at this size."""
    able = [solver for solver in BARE if len(seconds(cell, solver))]
    return min(able, key=lambda solver: float(np.median(seconds(cell, solver)))) if able else None


# Rival, sizes, the least ratio where there is a goal, and whether single calls or a batch are compared.
GOALS: tuple[tuple[str, tuple[str, ...], float | None, bool], ...] = (
    ("bare", ("2x2x2",), 1.0, False),
    ("bare", ("3x4x5",), None, False),
    ("bare", ("5x10x10", "10x20x20"), 3.0, False),
    ("bare", ("10x50x50",), None, False),
    ("dit_cone", ("2x2x2", "3x4x5", "5x10x10", "10x20x20", "10x50x50", "10x100x100"), 10.0, False),
    ("dit", ("3x4x5", "5x10x10"), 1000.0, False),
    ("bare", ("2x2x2", "3x4x5"), 100.0, True),
    ("bare", ("5x10x10",), 20.0, True),
    ("bare", ("10x20x20",), 10.0, True),
)


def goal_table(lines: list[dict[str, Any]]) -> str:
    cells, rows = times(lines), []
    for rival, sizes, least, batched in GOALS:
        for size in sizes:
            cell = cells.get(size)
            solver = (strongest(cell) if rival == "bare" else rival) if cell else None
            if cell is None or solver is None:
                continue
            found = ratio(cell, solver, "batch" if batched else "decompose")
            if found is None:
                continue
            alone = None if batched else ratio(cell, solver, "solve_broja")
            what = "batch, per problem" if batched else "one problem"
            goal, met = ("-", "-") if least is None else (f">= {number(least)}", verdict(found[0] >= least))
            rows.append([what, size, TITLES[solver], goal, shown(found), shown(alone), met])
    for size, limit in (("10x50x50", 1.0), ("10x100x100", 10.0)):
        if size in cells:
            whole, alone = (float(np.median(seconds(cells[size], name))) for name in ("decompose", "solve_broja"))
            met = verdict(whole <= limit)
            rows.append(["one problem", size, "-", f"<= {limit:g} s", f"{whole:.2g} s", f"{alone:.2g} s", met])
    gaps = [line for line in lines if line["method"] == "gaps"]
    if gaps:
        total, good = (sum(line[key] for line in gaps) for key in ("problems", "converged"))
        met = verdict(total == good)
        rows.append(["gap <= 1e-9", f"{total:,} problems", "-", "all", f"{good:,}", "-", met])
    head = ["what", "size", "against", "goal", "decompose [95 %]", "its solver alone [95 %]", "verdict"]
    return markdown(head, rows)


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def time_table(lines: list[dict[str, Any]]) -> str:
    cells, rows = times(lines), []
    batch = [number(1e3 * float(np.median(cell["batch"]))) if cell["batch"] else "-" for cell in cells.values()]
    rows.append(["decompose, batch", *batch])
    for solver, title in TITLES.items():
        row = [title]
        for cell in cells.values():
            entry = cell["solvers"].get(solver)
            if entry is None:
                row.append("-")
            elif not entry["solve"]:
                row.append(f"> {number(1e3 * entry['at_least'])}" if entry.get("at_least") else entry["failure"])
            else:
                star = "" if any(entry["good"]) else "*"
                whole = milliseconds(seconds(cell, solver, "whole"))
                row.append(f"{milliseconds(seconds(cell, solver))}{star} ({whole})")
        if set(row[1:]) != {"-"}:
            rows.append(row)
    return markdown(["ms", *cells], rows)


def number_table(lines: list[dict[str, Any]]) -> str:
    """How many problems each time is a median of."""
    cells = times(lines)
    rows = [
        [TITLES[solver], *(len(seconds(cell, solver)) or "-" for cell in cells.values())]
        for solver in TITLES
        if any(len(seconds(cell, solver)) for cell in cells.values())
    ]
    return markdown(["problems", *cells], rows)


def memory_table(lines: list[dict[str, Any]]) -> str:
    cells = {size: cell for size, cell in times(lines).items() if size in ("10x20x20", "10x50x50", "10x100x100")}
    rows = []
    for solver, title in TITLES.items():
        entries = [cell["solvers"].get(solver, {}) for cell in cells.values()]
        if any("peak" in entry for entry in entries):
            rows.append([title, *(f"{entry['peak']:.0f}" if "peak" in entry else "-" for entry in entries)])
    return markdown(["MiB", *cells], rows)


def by_kind(lines: list[dict[str, Any]], method: str) -> dict[str, list[dict[str, Any]]]:
    """Cells by kind of distribution, the sizes of one kind together."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["method"] == method:
            kind = line["dataset"] if line["dataset"] == "gates" else line["dataset"].rpartition(" ")[0]
            found.setdefault(kind, []).append(line)
    return found


def joined(cells: Iterable[dict[str, Any]], solver: str, part: str) -> list[Any]:
    return [value for cell in cells for value in cell["solvers"].get(solver, {}).get(part, [])]


def errors_of(cells: Iterable[dict[str, Any]], solver: str) -> np.ndarray:
    """Errors of the answers that the solver holds to be good; for ours, what it certifies them to be at most."""
    cells = list(cells)
    if solver == "decompose":
        return np.array([gap for cell in cells for gap in cell["gap"]])
    errors, good = np.array(joined(cells, solver, "error"), dtype=float), joined(cells, solver, "good")
    return errors[np.array(good, dtype=bool) & np.isfinite(errors)]


def error_table(lines: list[dict[str, Any]]) -> str:
    kinds = by_kind(lines, "precision")
    rows = []
    for solver in judged():
        row = [CERTIFIED if solver == "decompose" else TITLES[solver]]
        for cells in kinds.values():
            errors = errors_of(cells, solver)
            row.append(f"{small(np.median(errors))} / {small(errors.max())}" if len(errors) else "-")
        if set(row[1:]) != {"-"}:
            rows.append(row)
    return markdown(["nats: median / largest", *kinds], rows)


def judged() -> list[str]:
    """Solvers whose errors are shown: ours once."""
    return [solver for solver in TITLES if solver != "solve_broja"]


def small(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


def failure_table(lines: list[dict[str, Any]]) -> str:
    cells = [line for line in lines if line["method"] == "precision"]
    asked = sum(len(cell["gap"]) for cell in cells)
    rows = []
    for solver in judged():
        errors, failures = np.array(joined(cells, solver, "error"), dtype=float), joined(cells, solver, "failures")
        if not len(errors) and not failures:
            continue
        least, good = np.array(joined(cells, solver, "least"), dtype=float), joined(cells, solver, "good")
        late = sum(failure == "late" for failure in failures)
        row = [TITLES[solver], len(errors), asked - len(errors) - len(failures), late, len(failures) - late]
        row += [good.count(False) + int(np.isnan(errors).sum()), int((errors_of(cells, solver) > 1e-6).sum())]
        rows.append([*row, int((least < NEGATIVE).sum()), f"{min(np.nanmin(least, initial=0.0), 0.0):.0e}"])
    head = ["solver", "answers", "not asked", "late", "raised", "says that it failed", "silent error > 1e-6"]
    return markdown([*head, "with a negative atom", "lowest atom"], rows)


def gap_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    for line in lines:
        if line["method"] == "gaps":
            still = ", ".join(small(gap) for gap in line["open"]) or "-"
            row = [line["dataset"], line["problems"], line["converged"], f"{line['quantiles'][0]:.1e}"]
            rows.append([*row, f"{line['largest']:.1e}", still, f"{line['least']:.0e}", number(1e3 * line["seconds"])])
    head = ["kind", "problems", "converged", "median gap", "largest gap", "gaps of those that say they did not"]
    return markdown([*head, "lowest atom", "ms per problem"], rows)


def picture(lines: list[dict[str, Any]], path: Path) -> None:
    figure = plt.figure(figsize=(13, 6), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.2, 1))
    axes = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    for axis, part in zip(axes, (draw_times, draw_errors, draw_gaps), strict=True):
        part(axis, lines)
        axis.grid(color="0.92")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_times(axis: Any, lines: list[dict[str, Any]]) -> None:
    cells = times(lines)
    at = {size: float(np.prod(cell["settings"]["shape"])) for size, cell in cells.items()}
    for solver, title in TITLES.items():
        known = [size for size, cell in cells.items() if len(seconds(cell, solver))]
        middle = [float(np.median(seconds(cells[size], solver))) for size in known]
        style = {"color": COLORS[solver], "lw": 2.2 if solver == "decompose" else 1.4}
        if known:
            axis.plot([at[size] for size in known], middle, "o-", ms=4, label=title, **style)
        for size, cell in cells.items():
            bound = cell["solvers"].get(solver, {}).get("at_least")
            if bound:
                axis.plot([at[known[-1]], at[size]] if known else [at[size]], [*middle[-1:], bound], ":", **style)
                axis.plot(at[size], bound, "^", ms=7, mfc="white", color=COLORS[solver])
    batched = [size for size, cell in cells.items() if cell["batch"]]
    batch = [float(np.median(cells[size]["batch"])) for size in batched]
    axis.plot(
        [at[size] for size in batched], batch, "s--", ms=4, lw=2.2, color=COLORS["decompose"], label="decompose, batch"
    )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(list(at.values()), list(at), rotation=25, ha="right", fontsize=8)
    axis.minorticks_off()
    axis.set_xlabel("|Y| x |T| x |S|, placed by its number of cells")
    axis.set_ylabel("processor seconds per problem")
    axis.set_title("Time (white triangle: given up there)", fontsize=11)
    axis.legend(frameon=False, fontsize=8, loc="lower right")


def draw_errors(axis: Any, lines: list[dict[str, Any]]) -> None:
    cells = [line for line in lines if line["method"] == "precision"]
    rng = np.random.default_rng(0)
    solvers = [solver for solver in judged() if len(errors_of(cells, solver))][::-1]
    for height, solver in enumerate(solvers):
        errors = np.maximum(errors_of(cells, solver), FLOOR)
        shift = height + rng.uniform(-0.28, 0.28, len(errors))
        axis.scatter(errors, shift, s=9, alpha=0.5, lw=0, color=COLORS[solver])
        axis.plot(np.median(errors), height, "|", ms=22, mew=2, color="black")
    axis.axvline(1e-9, color="0.4", lw=0.8)
    axis.set_xscale("log")
    axis.set_xlim(FLOOR / 3, 10)
    ticks = 10.0 ** np.arange(-16, 1, 4)
    axis.set_xticks(ticks, ["0", *(f"1e{exponent}" for exponent in range(-12, 1, 4))])
    axis.minorticks_off()
    axis.set_yticks(range(len(solvers)), [CERTIFIED if solver == "decompose" else TITLES[solver] for solver in solvers])
    axis.set_xlabel("nats outside the certified bracket (line: 1e-9, bar: median)")
    axis.set_title("Error, one dot per problem", fontsize=11)


def draw_gaps(axis: Any, lines: list[dict[str, Any]]) -> None:
    """Histogram of our certified gaps over all kinds."""
    cells = [line for line in lines if line["method"] == "gaps"]
    counts = np.sum([cell["histogram"] for cell in cells], axis=0)
    axis.bar(np.arange(len(counts)) / 2 - 16, counts, width=0.5, align="edge", color=COLORS["decompose"])
    axis.axvline(-9, color="0.4", lw=0.8)
    axis.set_yscale("log")
    axis.set_xlim(-16.5, 1)
    axis.set_xticks(range(-16, 1, 4), [f"1e{exponent}" for exponent in range(-16, 1, 4)])
    axis.set_xlabel("certified gap in nats (leftmost: down to 0)")
    axis.set_ylabel("problems")
    axis.set_title(f"Our gap on {sum(cell['problems'] for cell in cells):,} problems", fontsize=11)


INTRODUCTION = """`decompose` against every rival, in the same run, on the same saved distributions, each solver in a
process of its own on one thread; they are asked in turn, problem by problem, so that a busy machine harms all alike.
Times are processor seconds: the median of several repeats, then the median over problems; ratios are medians over
problems of the ratio on the same problem, with bootstrap intervals. Each rival has what favours it. ECOS gets
ready-made matrices, cvxpy a program that was compiled for that support before, dit a ready distribution; in brackets
the time with that preparation. Where time is measured, ECOS, dit's cone and Clarabel have a tolerance of 1e-8, the
default of both solvers; where errors are, the tightest, 1e-12, with which ECOS takes about a sixth longer. dit's admUI
is run by itself: through PID_BROJA it falls back on a general optimiser, as the default does from 125 cells on."""

TIMES = """Dirichlet 1, milliseconds per problem; in brackets with the preparation. > means given up after that much
processor time; - means not run, because a smaller size had been given up or there is no batch; * means that no answer
had converged, here after admUI's 1,000 rounds. The lean model of ECOS leaves out the variables p and the redundant
marginals; the goals are judged against the faster of the two."""

ERRORS = """By how many nats the worst of the four atoms lies outside our certified interval, 0 if inside: median /
largest over sizes up to 5x10x10. `zeros` empties half the cells by chance; in `deterministic` Y is a random function of
T and S; `gates` are the ten named ones. Answers that a solver itself calls failed are left out here and counted below.
Ours is the width of the interval, which no error of ours can exceed."""

FAILURES = """Out of {asked} problems. Not asked: a solver gets {budget:.0f} s per kind and size; late: more than
{limit:.0f} s for one problem. Negative means below {negative:g} nats."""

GAPS = """Certified gaps, in nats, on problems of which the solver knows nothing beforehand."""

MEMORY = """Peak resident memory of the first call beyond what the process held before it, preparation included. Ours is
O((n_y (n_t + n_s))^2) per problem that is worked on; Linux only."""


def report(lines: list[dict[str, Any]], folder: Path, command: str, budget: float, limit: float) -> str:
    """Write ``information.md`` and ``information.png``; return the text."""
    picture(lines, folder / "information.png")
    precision = [line for line in lines if line["method"] == "precision"]
    asked = sum(len(cell["gap"]) for cell in precision)
    failures = FAILURES.format(asked=asked, budget=budget, limit=limit, negative=NEGATIVE)
    gates = next(line for line in lines if line["method"] == "gates")
    truth = (
        f"On the gates, whose atoms are known, `decompose` is off by at most {max(gates['errors'].values()):.0e} nats."
    )
    packages = sorted({package for line in lines for package in line.get("packages", ())})
    sections: Sequence[tuple[str, str, str]] = (
        ("Goals", "", goal_table(lines)),
        ("Times", TIMES, time_table(lines) + "\n\n" + number_table(lines)),
        ("Errors", ERRORS + " " + truth, error_table(lines)),
        ("Failures", failures, failure_table(lines)),
        ("Our certified gap", GAPS, gap_table(lines)),
        ("Memory", MEMORY, memory_table(lines)),
    )
    parts = ["# Information: time and precision of the BROJA decomposition\n", paragraph(INTRODUCTION)]
    parts.append("\n![times and errors](information.png)\n")
    for title, words, table in sections:
        parts += [f"## {title}\n", *([paragraph(words), ""] if words else []), table, ""]
    where = f"{provenance(command, lines)} In the solvers' environment: {', '.join(packages)}."
    text = "\n".join([*parts, "## Where it was run\n", where, ""])
    (folder / "information.md").write_text(text, encoding="utf-8")
    return text
