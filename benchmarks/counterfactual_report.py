"""Tables and the picture of ``benchmarks.counterfactual``."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks.counterfactual_setting import FAMILIES, MIXED, SMALL, TABLES

TITLES = {
    "nearest": "ours",
    "nearest_greedy": "ours, refine=False",
    "spheres": "ours, growing spheres",
    "nice_sparsity": "NICEx, sparsity",
    "nice_proximity": "NICEx, proximity",
    "dice_random": "DiCE, random",
    "dice_genetic": "DiCE, genetic",
    "dice_kdtree": "DiCE, k-d tree",
    "prototype": "alibi, prototypes",
    "ocean": "oceanpy, the optimum",
}
COLORS = {
    "nearest": "#c1272d",
    "nearest_greedy": "#e8878b",
    "spheres": "#8c5a2b",
    "nice_sparsity": "#1f4e9c",
    "nice_proximity": "#7ea6dd",
    "dice_random": "#3b8f4f",
    "dice_genetic": "#93c47d",
    "dice_kdtree": "#e08a1e",
    "prototype": "#8a5aa8",
    "ocean": "#555555",
}
FORM_TITLES = {"pipeline": "pipeline", "model": "lean model"}
QUICKER = {"nice_sparsity": 50.0, "dice_random": 500.0}
DRAWS = 2000


def key(cell: dict[str, Any]) -> tuple[str, str]:
    return cell["dataset"], cell["family"]


def by_method(lines: list[dict[str, Any]], method: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Cells of one method by table and model, in the order of the tables."""
    order = {name: place for place, name in enumerate((*TABLES, *FAMILIES, SMALL))}
    found = [cell for cell in lines if cell["method"] == method]
    return {key(cell): cell for cell in sorted(found, key=lambda cell: [order.get(part, 99) for part in key(cell)])}


def races(lines: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(*key(cell), cell["settings"]["form"]): cell for cell in lines if cell["method"] == "race"}


def number(value: float) -> str:
    """Three digits at most, thousands with a comma."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def interval(found: list[float] | tuple[float, ...], signed: bool = False) -> str:
    mark = "+" if signed else ""
    return f"{found[0]:{mark}.3f} [{found[1]:{mark}.3f}, {found[2]:{mark}.3f}]"


def speed(race: dict[str, Any], rival: str, mine: str = "ours") -> tuple[float, float, float] | None:
    """Rival's mean time per counterfactual over ours, with an interval over its queries and our turns."""
    theirs = np.concatenate([np.asarray(part) for part in race["rivals"].get(rival, [])] or [np.empty(0)])
    if not len(theirs):
        return None
    own, rng = np.asarray(race[mine]), np.random.default_rng(0)
    top = theirs[rng.integers(len(theirs), size=(DRAWS, len(theirs)))].mean(axis=1)
    ratios = top / np.median(own[rng.integers(len(own), size=(DRAWS, len(own)))], axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(theirs.mean() / np.median(own)), float(low), float(high)


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def no_more(found: list[float]) -> str:
    """Judge a difference that should not be above 0, and say where it may be chance."""
    return verdict(found[0] <= 0) + (", within noise" if found[0] > 0 >= found[1] else "")


def goal_rows(lines: list[dict[str, Any]]) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of the table of quality goals and of the table of speed goals."""
    quality, quick = [], []
    raced = races(lines)
    for (table, family), cell in by_method(lines, "nearest").items():
        if family == SMALL:
            continue
        where = [table if table in MIXED else f"{table} (numbers only)", family]
        paired = cell["paired"]
        sparse, near = paired.get("nice_sparsity", {}), paired.get("nice_proximity", {})
        row = [*where, f"{cell['valid']:.1%}", verdict(cell["valid"] == 1.0)]
        if sparse.get("n") and near.get("n"):
            pair = "{:.2f} : {:.2f}".format(*sparse["changed_both"])
            row += [pair, interval(sparse["changed"], signed=True), no_more(sparse["changed"])]
            pair = "{:.4f} : {:.4f}".format(*near["distance_both"])
            row += [pair, interval(near["distance_ratio"]), no_more(near["distance"])]
            quality.append(row)
        for form, title in FORM_TITLES.items():
            race = raced.get((table, family, form))
            if race is None or not race["rivals"]:
                continue
            row = [*where, title, number(float(np.median(race["ours"]))), number(float(np.median(race["greedy"])))]
            for rival, least in QUICKER.items():
                found = speed(race, rival)
                if found is None:
                    row += ["-", "-", "-"]
                    continue
                ms = number(float(np.mean(np.concatenate(race["rivals"][rival]))))
                row += [ms, f"{number(found[0])} [{number(found[1])}, {number(found[2])}]", verdict(found[0] >= least)]
            quick.append(row)
    return quality, quick


def goals(lines: list[dict[str, Any]]) -> str:
    quality, quick = goal_rows(lines)
    head = ["table", "model", "valid", "all", "changed, ours : NICEx-sparsity", "difference [95 %]", "no more"]
    first = markdown([*head, "distance, ours : NICEx-proximity", "ratio [95 %]", "no more"], quality)
    head = ["table", "model", "served as", "ours, ms", "refine=False, ms", "NICEx-sparsity, ms", "times ours [95 %]"]
    second = markdown([*head, ">= 50", "DiCE random, ms", "times ours [95 %]", ">= 500"], quick)
    return f"{first}\n\n{second}"


def method_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    situations = dict.fromkeys(where for method in TITLES for where in by_method(lines, method))
    order = {name: place for place, name in enumerate((*TABLES, *FAMILIES, SMALL))}
    for where in sorted(situations, key=lambda pair: [order.get(part, 99) for part in pair]):
        for method, title in TITLES.items():
            cell = by_method(lines, method).get(where)
            if cell is None:
                continue
            if "failure" in cell:
                rows.append([*where, title, "0", "-", "-", "-", "-", "-", "-", "-", "-"])
                continue
            row = [*where, title, f"{cell['n']:,}", f"{cell['valid']:.1%}"]
            for part, digits in (("distance", 4), ("changed", 2), ("plausibility", 4)):
                found = cell[part]
                row.append("-" if found is None else f"{found[0]:.{digits}f} ± {found[1]:.{digits}f}")
            row += [number(cell["ms"]), number(cell["wall_ms"])]
            rows.append([*row, number(cell["calls"]), number(cell["rows"])])
    head = ["table", "model", "method", "queries", "valid", "distance", "changed", "plausibility", "ms", "wall ms"]
    return markdown([*head, "model calls", "model rows"], rows)


def optimum_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    optimum = by_method(lines, "ocean")
    for method in ("nearest", "nearest_greedy"):
        for where, cell in by_method(lines, method).items():
            found = cell["paired"].get("ocean", {})
            if found.get("n"):
                exact = optimum[where]
                pair = [f"{value:.4f}" for value in found["distance_both"]]
                changed = "{:.2f} : {:.2f}".format(*found["changed_both"])
                row = [*where, TITLES[method], found["n"], exact["optimal"], *pair, interval(found["distance_ratio"])]
                rows.append([*row, changed, number(exact["ms"])])
    head = ["table", "model", "method", "queries", "proved optimal", "distance", "optimum", "ratio [95 %]"]
    return markdown([*head, "changed", "oceanpy, ms"], rows)


def scaling_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    for where, cell in by_method(lines, "scaling").items():
        for n, found in cell["sizes"].items():
            each = 1e3 * found["seconds"] / int(n)
            row = [*where, f"{int(n):,}", number(found["seconds"]), number(each), found["calls"], f"{found['rows']:,}"]
            rows.append([*row, f"{found['peak']:.0f}", f"{found['valid']:.2%}"])
    head = ["table", "model", "queries", "s", "ms each", "model calls", "model rows", "peak, MiB", "valid"]
    return markdown(head, rows)


def failure_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    for method, title in TITLES.items():
        for where, cell in by_method(lines, method).items():
            reason = cell.get("failure") or cell.get("first_failure")
            if reason:
                count = "does not start" if "failure" in cell else f"{cell['failures']} of {cell['n']}"
                rows.append([*where, title, count, " ".join(reason.split())[:160].replace("|", "/")])
    return markdown(["table", "model", "method", "queries without an answer", "first reason"], rows) if rows else ""


def picture(lines: list[dict[str, Any]], path: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(15, 6), layout="constrained", width_ratios=(1.2, 1, 0.9))
    for axis, part in zip(axes, (draw_speed, draw_quality, draw_scaling), strict=True):
        part(axis, lines)
        if axis.get_legend_handles_labels()[0]:
            # Below, where no dot can hide.
            axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
        axis.grid(color="0.92")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_speed(axis: Any, lines: list[dict[str, Any]]) -> None:
    """How many times as fast ours is, one line per table and model."""
    raced = races(lines)
    places = list(dict.fromkeys((table, family) for table, family, _ in raced))[::-1]
    for rival, least in QUICKER.items():
        for form, marker in (("pipeline", "o"), ("model", "D")):
            known = [raced.get((table, family, form)) for table, family in places]
            found = [speed(race, rival) if race else None for race in known]
            at = [place for place, value in enumerate(found) if value]
            values = np.array([value for value in found if value]).reshape(-1, 3)
            label = f"{TITLES[rival]}, {FORM_TITLES[form]}"
            style = {"color": COLORS[rival], "mfc": COLORS[rival] if form == "pipeline" else "white"}
            if len(at):
                reach = [values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]]
                axis.errorbar(values[:, 0], at, xerr=np.maximum(reach, 0), fmt=marker, ms=6, label=label, **style)
        axis.axvline(least, color=COLORS[rival], lw=1, ls="--")
    axis.set_xscale("log")
    axis.set_yticks(range(len(places)), [f"{table}, {family}" for table, family in places], fontsize=8)
    axis.set_xlabel("processor time per counterfactual, theirs / ours (dashed: goals)")
    axis.set_title("Speed at 2,000 queries", fontsize=11)


def draw_quality(axis: Any, lines: list[dict[str, Any]]) -> None:
    """Other methods' changed features and distance over ours, for the same queries."""
    for method, title in TITLES.items():
        points = []
        for cell in by_method(lines, "nearest").values():
            found = cell["paired"].get(method, {})
            if found.get("n"):
                points.append([1 / found["changed_ratio"][0], 1 / found["distance_ratio"][0]])
        if points:
            axis.plot(*np.transpose(points), "o", ms=6, alpha=0.75, color=COLORS[method], label=title)
    axis.plot(1, 1, "*", ms=16, color=COLORS["nearest"], label=TITLES["nearest"])
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axis.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axis.minorticks_off()
    axis.axvline(1, color="0.6", lw=0.8)
    axis.axhline(1, color="0.6", lw=0.8)
    axis.set_xlabel("changed features, theirs / ours")
    axis.set_ylabel("distance, theirs / ours")
    axis.set_title("Quality, one dot per table and model", fontsize=11)


def draw_scaling(axis: Any, lines: list[dict[str, Any]]) -> None:
    for (table, family), cell in by_method(lines, "scaling").items():
        sizes = [int(n) for n in cell["sizes"]]
        axis.plot(sizes, [found["seconds"] for found in cell["sizes"].values()], "o-", label=f"{table}, {family}")
        for n, found in zip(sizes, cell["sizes"].values(), strict=True):
            words, at = f"{found['peak']:.0f} MiB", (n, found["seconds"])
            axis.annotate(words, at, (4, -12), textcoords="offset points", fontsize=7)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("queries")
    axis.set_ylabel("processor seconds")
    axis.set_title("Ours by number of queries, peak memory", fontsize=11)


INTRODUCTION = """Our generators and those of other packages on the same saved models, reference rows and queries:
10,000 reference rows (phoneme and compas: what 2,000 queries leave), 2,000 queries that no model was fitted on, each
to be brought to the class that the model does not give it. One judge measures everybody's rows: valid means
p(target) >= .5 and argmax; distance is the Gower/HEOM mean over features (share of the reference rows' range for
numbers, 0 or 1 for categories); plausibility the distance to the nearest reference row labelled with the target.
Times are processor seconds on one thread. A method gets all 2,000 queries or, where it is slow, the first so many as
its time allows; differences to ours are paired over these."""

GOALS = """Intervals are bootstrap intervals over queries. Speed is measured in turns: ours for all 2,000 queries,
half a second of each rival, ours again, {rounds} times. A model is served in two ways. *pipeline*: scikit-learn's
own encoders and the model in a Pipeline (LightGBM: the model itself, on codes), as users have it and as the goals
were set.
*lean model*: the same fitted model behind a few lines of numpy that encode a row in microseconds, which favours
methods that ask often about few rows."""

METHODS = """Means over the valid rows, ± 1.96 standard errors. Milliseconds with the lean model; calls and rows are per
query, so that a batch shows as a small fraction of a call. Settings in the others' favour: NICEx with justified
candidates and ranges; DiCE one counterfactual, its post-hoc step on (k-d tree: the binary one, ten times as fast);
alibi's prototypes with k-d trees and the settings of its own example for mixed tables, the model a black box."""

OPTIMUM = """oceanpy's constraint-programming back end minimises the same distance, one thread, {limit:.0f} s per query
at most. Columns of whole numbers stay whole, as they do for ours: a few lines put the distance to the nearest whole
number of an interval in place of the distance to its edge. Other numbers may be any real number. The small forest has
10 trees of depth 5."""

SCALING = """One call of `generate` in a process of its own: queries with one value of another query each, so that all
differ. Memory is the peak beyond what the process held before the call."""


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``counterfactual.md`` and ``counterfactual.png``; return the text."""
    picture(lines, folder / "counterfactual.png")
    rounds = next((cell["settings"]["rounds"] for cell in lines if cell["method"] == "race"), 0)
    limit = next((cell["settings"]["limit"] for cell in lines if cell["method"] == "ocean"), 0.0)
    packages = sorted({package for line in lines for package in line.get("packages", ())})
    sections = (
        ("Goals", GOALS.format(rounds=rounds), goals(lines)),
        ("All methods", METHODS, method_table(lines)),
        ("Against the optimum", OPTIMUM.format(limit=limit), optimum_table(lines)),
        ("Scaling", SCALING, scaling_table(lines)),
        ("What found nothing, and why", "", failure_table(lines)),
    )
    parts = ["# Counterfactuals: quality and time\n", paragraph(INTRODUCTION)]
    parts.append("\n![speed, quality and scaling](counterfactual.png)\n")
    for title, words, table in sections:
        if table:
            parts += [f"## {title}\n", *([paragraph(words), ""] if words else []), table, ""]
    own = [line for line in lines if "packages" not in line]
    # What others found does not depend on the state of our package in which they were asked.
    told = [line if "packages" not in line else {**line, "source": own[-1]["source"]} for line in lines]
    where = f"{provenance(command, told)} In the others' environments: {', '.join(packages)}."
    text = "\n".join([*parts, "## Where it was run\n", where, ""])
    (folder / "counterfactual.md").write_text(text, encoding="utf-8")
    return text
