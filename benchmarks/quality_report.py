"""Tables and a picture from the lines of `benchmarks.quality`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._setting import FAMILIES
from benchmarks._statistics import (
    Paired,
    critical_difference,
    holm,
    mean_ranks,
    median_interval,
    paired,
    ratio_interval,
)

RIVALS = ("hard", "teacher_hard", "naive_soft", "autogluon_munge", "autogluon_spunge")
IMODELS = ("imodels", "imodels_shrunk")
ALL_RIVALS = (*RIVALS, "trustee", *IMODELS)
OURS = ("default", "accuracy", "fidelity", "agreement", "soft_oof")
# Columns of the rank tables: imodels distils two classes only, so it is ranked in a column of its own.
RANKED = {
    "tree": ("tree", (*RIVALS, "trustee")),
    "tree, two classes": ("tree", ALL_RIVALS),
    "logistic": ("logistic", RIVALS),
    "lightgbm": ("lightgbm", RIVALS),
    "net": ("net", RIVALS),
}
AIMS = {"accuracy": "accuracy", "log_loss": "default", "agreement": "agreement", "kl": "fidelity"}
NAMES = {
    "hard": "hard labels",
    "teacher_hard": "teacher's hard labels",
    "naive_soft": "soft labels, in-sample",
    "soft_oof": "ours, alpha=1, out of fold",
    "autogluon_munge": "AutoGluon's recipe, MUNGE rows",
    "autogluon_spunge": "AutoGluon's recipe, spunge rows",
    "trustee": "Trustee",
    "imodels": "imodels",
    "imodels_shrunk": "imodels, shrunk tree",
    "default": "ours, default",
    "accuracy": "ours for accuracy",
    "fidelity": "ours for fidelity (KL)",
    "agreement": "ours for agreement",
    "limit": "limit of the family",
}
GREATER = {"accuracy": 1.0, "agreement": 1.0, "log_loss": -1.0, "kl": -1.0, "js": -1.0}
COLORS = dict(zip(FAMILIES, ("#1b6ca8", "#d1495b", "#2e8b57", "#8a5a9e"), strict=True))
# Below this distance in KL, in nats, a share of the way from hard labels to the limit is noise over noise.
SHORTEST_WAY = 0.005
SIGNIFICANT = 0.05
# A teacher that leads by less in accuracy leaves no gap to close.
LEAST_LEAD = 0.005

Cells = dict[tuple[str, str, str], dict[int, dict[str, Any]]]


def by_cell(lines: list[dict[str, Any]]) -> Cells:
    """Index lines as ``cells[dataset, family, method][seed]``."""
    cells: Cells = defaultdict(dict)
    for line in lines:
        cells[line["dataset"], line["family"], line["method"]][line["seed"]] = line
    # A run that was stopped leaves cells without all of their seeds.
    most = max(len(seeds) for seeds in cells.values())
    return {key: seeds for key, seeds in cells.items() if len(seeds) == most}


def values(cells: Cells, dataset: str, family: str, method: str, metric: str, seeds: Sequence[int]) -> np.ndarray:
    return np.array([cells[dataset, family, method][seed][metric] for seed in seeds])


def seeds_of(cells: Cells, dataset: str, family: str, methods: Sequence[str]) -> list[int]:
    found = [set(cells.get((dataset, family, method), ())) for method in methods]
    return sorted(set.intersection(*found)) if found else []


def harm(cells: Cells, datasets: Sequence[str], method: str = "default") -> list[dict[str, Any]]:
    """Compare a method with hard labels, cell by cell, in accuracy and in log-loss (positive is better)."""
    rows = []
    for dataset in datasets:
        for family in FAMILIES:
            seeds = seeds_of(cells, dataset, family, ["hard", method])
            if not seeds:
                continue
            row: dict[str, Any] = {"dataset": dataset, "family": family}
            for metric in ("accuracy", "log_loss"):
                ours, plain = (values(cells, dataset, family, m, metric, seeds) for m in (method, "hard"))
                row[metric] = paired(GREATER[metric] * (ours - plain))
            chosen = [cells[dataset, family, method][seed] for seed in seeds]
            row["alphas"] = [cell.get("alpha", float("nan")) for cell in chosen]
            rows.append(row)
    adjusted = holm([row[metric].p for metric in ("accuracy", "log_loss") for row in rows])
    for number, metric in enumerate(("accuracy", "log_loss")):
        for row, p in zip(rows, adjusted[number * len(rows) : (number + 1) * len(rows)], strict=True):
            row[f"{metric}_holm"] = float(p)
    return rows


def harm_summary(rows: list[dict[str, Any]]) -> str:
    head = ["student", "metric", "cells", "worse, Holm p < .05", "better, Holm p < .05", "worse, p < .05 alone"]
    head += ["better, p < .05 alone", "identical", "mean difference over data sets [95 %]", "worst cell"]
    lines = []
    for family in (*FAMILIES, "all"):
        part = [row for row in rows if family in ("all", row["family"])]
        if not part:
            continue
        for metric in ("accuracy", "log_loss"):
            found = [row[metric] for row in part]
            sure = [row[f"{metric}_holm"] < SIGNIFICANT for row in part]
            alone = [difference.p < SIGNIFICANT for difference in found]
            means = np.array([difference.mean for difference in found])
            worst = part[int(means.argmin())]
            overall = paired(_by_dataset(part, metric))
            lines.append(
                [
                    family,
                    metric.replace("_", "-"),
                    len(part),
                    _count(sure, means < 0),
                    _count(sure, means > 0),
                    _count(alone, means < 0),
                    _count(alone, means > 0),
                    int((means == 0).sum()),
                    f"{overall.mean:+.4f} [{overall.low:+.4f}, {overall.high:+.4f}]",
                    f"{worst['dataset']}, {worst['family']}: {means.min():+.4f}",
                ]
            )
    return markdown(head, lines)


def _by_dataset(rows: list[dict[str, Any]], metric: str) -> list[float]:
    found = defaultdict(list)
    for row in rows:
        found[row["dataset"]].append(row[metric].mean)
    return [float(np.mean(differences)) for differences in found.values()]


def _count(mask: list[bool], where: np.ndarray) -> int:
    return int((np.array(mask) & where).sum())


def harm_table(rows: list[dict[str, Any]]) -> str:
    head = ["data set", "student", "accuracy: difference [95 %]", "p", "Holm", "log-loss: gain [95 %]", "p", "Holm"]
    head.append("alpha by seed")
    lines = []
    for row in rows:
        cells = [row["dataset"], row["family"]]
        for metric in ("accuracy", "log_loss"):
            difference: Paired = row[metric]
            cells += [
                f"{difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]",
                f"{difference.p:.3f}",
                f"{row[f'{metric}_holm']:.2f}",
            ]
        lines.append([*cells, " ".join(f"{alpha:g}" for alpha in row["alphas"])])
    return markdown(head, lines)


def ways(cells: Cells, datasets: Sequence[str], family: str, method: str) -> dict[str, float]:
    """Share of the way from hard labels to the family's limit in KL, for data sets where there is a way to go."""
    shares = {}
    for dataset in datasets:
        seeds = seeds_of(cells, dataset, family, ["hard", "limit", method])
        if not seeds:
            continue
        plain, best, ours = (values(cells, dataset, family, m, "kl", seeds).mean() for m in ("hard", "limit", method))
        if plain - best > SHORTEST_WAY:
            shares[dataset] = float((plain - ours) / (plain - best))
    return shares


def goal_table(cells: Cells, datasets: Sequence[str], rows: list[dict[str, Any]]) -> str:
    """The goals, and where they are missed."""
    lines = []
    for metric in ("accuracy", "log_loss"):
        line = [f"no cell worse than hard labels in {metric.replace('_', '-')} (Holm, p < .05)"]
        for family in FAMILIES:
            part = [row for row in rows if row["family"] == family]
            bad = sum(row[f"{metric}_holm"] < SIGNIFICANT and row[metric].mean < 0 for row in part)
            line.append(f"yes: 0 of {len(part)}" if not bad else f"**no: {bad} of {len(part)}**")
        lines.append(line)
    line = ["for fidelity, at least 80 % of the way to the limit in KL (median)"]
    for family in FAMILIES:
        shares = list(ways(cells, datasets, family, "fidelity").values())
        middle = float(np.median(shares)) if shares else float("nan")
        reached = f"{middle:.0%}, {sum(share >= 0.8 for share in shares)} of {len(shares)} data sets"
        line.append(f"yes: {reached}" if middle >= 0.8 else f"**no: {reached}**")
    lines.append(line)
    lines = [[*line[:2], "-", *line[2:]] for line in lines]
    for metric, own in AIMS.items():
        line = [f"first in mean rank for {'KL' if metric == 'kl' else metric.replace('_', '-')}, at its own aim"]
        for family, rivals in RANKED.values():
            found, _ = ranks(cells, datasets, family, metric, rivals)
            if not found:
                line.append("-")
                continue
            first = min(found, key=lambda method: found[method])
            met = found[own] == found[first]
            line.append(
                f"yes: {found[own]:.2f}" if met else f"**no: {found[own]:.2f}**, {NAMES[first]} {found[first]:.2f}"
            )
        lines.append(line)
    return markdown(["goal", *RANKED], lines)


def way_summary(cells: Cells, datasets: Sequence[str]) -> str:
    methods = [m for m in (*OURS, *ALL_RIVALS[1:]) if _present(cells, m)]
    head = ["method", *FAMILIES]
    lines = []
    for method in methods:
        line = [NAMES[method]]
        for family in FAMILIES:
            shares = ways(cells, datasets, family, method)
            if not shares:
                line.append("-")
                continue
            middle, low, high = median_interval(np.array(list(shares.values())))
            reached = sum(share >= 0.8 for share in shares.values())
            line.append(f"{middle:.0%} [{low:.0%}, {high:.0%}], {reached} of {len(shares)} reach 80 %")
        lines.append(line)
    return markdown(head, lines)


def way_table(cells: Cells, datasets: Sequence[str]) -> str:
    head = ["data set", "fresh rows", *(f"{family}: hard / ours / limit" for family in FAMILIES)]
    lines = []
    for dataset in datasets:
        line, kinds = [dataset], set()
        for family in FAMILIES:
            seeds = seeds_of(cells, dataset, family, ["hard", "limit", "fidelity"])
            if not seeds:
                line.append("-")
                continue
            plain, ours, best = (
                values(cells, dataset, family, m, "kl", seeds).mean() for m in ("hard", "fidelity", "limit")
            )
            kinds |= {cells[dataset, family, "limit"][seed]["fresh"] for seed in seeds}
            share = f"{(plain - ours) / (plain - best):.0%}" if plain - best > SHORTEST_WAY else "no way to go"
            line.append(f"{plain:.3f} / {ours:.3f} / {best:.3f}: {share}")
        lines.append([line[0], ", ".join(sorted(kinds)), *line[1:]])
    return markdown(head, lines)


def _present(cells: Cells, method: str) -> bool:
    return any(key[2] == method for key in cells)


def ranks(
    cells: Cells, datasets: Sequence[str], family: str, metric: str, rivals: Sequence[str]
) -> tuple[dict[str, float], int]:
    """Mean rank of each method and the number of data sets; methods are ranked within data set and seed."""
    methods = [AIMS[metric], *(m for m in rivals if any(key[1:] == (family, m) for key in cells))]
    table, n_datasets = [], 0
    for dataset in datasets:
        seeds = seeds_of(cells, dataset, family, methods)
        n_datasets += bool(seeds)
        for seed in seeds:
            table.append([GREATER[metric] * cells[dataset, family, m][seed][metric] for m in methods])
    if not table:
        return {}, 0
    return dict(zip(methods, mean_ranks(np.array(table)), strict=True)), n_datasets


def rank_table(cells: Cells, datasets: Sequence[str], metric: str) -> str:
    found = {title: ranks(cells, datasets, family, metric, rivals) for title, (family, rivals) in RANKED.items()}
    methods = [AIMS[metric], *(m for m in ALL_RIVALS if _present(cells, m))]
    lines = []
    for method in methods:
        line = [f"**{NAMES[method]}**" if method == AIMS[metric] else NAMES[method]]
        for by_method, _ in found.values():
            first = by_method and min(by_method.values()) == by_method.get(method)
            text = f"{by_method[method]:.2f}" if method in by_method else "-"
            line.append(f"**{text}**" if first else text)
        lines.append(line)
    distances = [f"{critical_difference(len(m), n):.2f}" if n > 1 else "-" for m, n in found.values()]
    lines.append(["critical distance (Nemenyi, data sets as blocks)", *distances])
    lines.append(["data sets", *(n for _, n in found.values())])
    return markdown(["method", *RANKED], lines)


def gap_table(cells: Cells, datasets: Sequence[str]) -> str:
    """Share of the accuracy that the teacher has over the plain student that a method gives the student."""
    methods = [m for m in (*OURS, *ALL_RIVALS[1:]) if _present(cells, m)]
    lines = []
    for method in methods:
        line = [NAMES[method]]
        for family in FAMILIES:
            found = gaps(cells, datasets, family, method)
            if not found:
                line.append("-")
                continue
            gains, leads = np.array(found).T
            share, low, high = ratio_interval(gains, leads)
            line.append(f"{share:.0%} [{low:.0%}, {high:.0%}] of {len(found)}")
        lines.append(line)
    return markdown(["method", *FAMILIES], lines)


def gaps(cells: Cells, datasets: Sequence[str], family: str, method: str) -> list[tuple[float, float]]:
    """A method's gain and the teacher's lead over hard labels, for data sets where the teacher leads."""
    found = []
    for dataset in datasets:
        seeds = seeds_of(cells, dataset, family, ["hard", method])
        seeds = [seed for seed in seeds if seed in cells.get((dataset, "teacher", "teacher"), ())]
        if not seeds:
            continue
        plain, ours = (values(cells, dataset, family, m, "accuracy", seeds).mean() for m in ("hard", method))
        best = values(cells, dataset, "teacher", "teacher", "accuracy", seeds).mean()
        if best - plain > LEAST_LEAD:
            found.append((float(ours - plain), float(best - plain)))
    return found


def mean_table(cells: Cells, datasets: Sequence[str], family: str) -> str:
    methods = ["hard", *OURS, *ALL_RIVALS[1:], "limit"]
    lines = []
    for method in methods:
        here = [(d, seeds) for d in datasets if (seeds := seeds_of(cells, d, family, [method]))]
        if not here:
            continue
        line = [NAMES[method], len(here)]
        for metric in ("accuracy", "log_loss", "agreement", "kl", "js"):
            line.append(f"{np.mean([values(cells, d, family, method, metric, s).mean() for d, s in here]):.4f}")
        lines.append(line)
    teacher = [d for d in datasets if (d, "teacher", "teacher") in cells]
    line = ["the teacher", len(teacher)]
    for metric in ("accuracy", "log_loss"):
        found = [np.mean([c[metric] for c in cells[d, "teacher", "teacher"].values()]) for d in teacher]
        line.append(f"{np.mean(found):.4f}")
    lines.append([*line, "-", "-", "-"])
    return markdown(["method", "data sets", "accuracy", "log-loss", "agreement", "KL", "JS"], lines)


def picture(cells: Cells, datasets: Sequence[str], rows: list[dict[str, Any]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 0.42 * len(datasets) + 1.8), layout="constrained")
    offsets = dict(zip(FAMILIES, np.linspace(0.27, -0.27, len(FAMILIES)), strict=True))
    heights = {dataset: len(datasets) - 1 - number for number, dataset in enumerate(datasets)}
    for family in FAMILIES:
        part = [row for row in rows if row["family"] == family]
        at = [heights[row["dataset"]] + offsets[family] for row in part]
        means = np.array([row["accuracy"].mean for row in part])
        reach = np.array([row["accuracy"].high - row["accuracy"].mean for row in part])
        left.errorbar(means, at, xerr=reach, fmt="o", ms=4, lw=1, color=COLORS[family], label=family)
        shares = ways(cells, datasets, family, "fidelity")
        at = [heights[dataset] + offsets[family] for dataset in shares]
        right.scatter(np.clip(list(shares.values()), 0.0, 1.5), at, s=22, color=COLORS[family])
    left.axvline(0, color="0.4", lw=0.8)
    left.set_title("Do no harm: accuracy of the default minus that of hard labels", fontsize=11)
    left.set_xlabel("difference over seeds, 95 % t-interval")
    left.legend(frameon=False, loc="best")
    right.axvline(0.8, color="0.4", lw=0.8, ls="--")
    right.axvline(1.0, color="0.4", lw=0.8)
    right.set_title("Fidelity aim: share of the way to the limit, in KL", fontsize=11)
    right.set_xlabel("0: hard labels, 1: the family's limit, dashed: goal; cut at 0 and 1.5")
    right.set_xlim(-0.05, 1.55)
    for axis in (left, right):
        axis.set_yticks(list(heights.values()), list(heights))
        axis.set_ylim(-0.6, len(datasets) - 0.4)
        axis.grid(axis="x", color="0.92")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


INTRODUCTION = """Teacher: soft vote of 150 extremely randomised trees and 60 LightGBM rounds of 31 leaves, fitted once
per data set and seed. Students: a tree of 64 leaves; a logistic regression on standardised columns; 100 LightGBM
rounds of 15 leaves; a skorch perceptron with two layers of 64 units, 20 epochs of Adam, on standardised columns. Rows:
{rows}. All numbers are on test rows. Methods: **ours, default** is `DistilledClassifier(teacher, student)`; **for
accuracy** adds `scoring="accuracy"`; **for fidelity** adds `{fidelity}`, **for agreement** the same with
`scoring="agreement"`. "Teacher's hard labels" are its out-of-fold classes; soft labels "in-sample" are its answers
about its own training rows, alpha 1; AutoGluon's recipe is true labels on the real rows and the teacher's soft labels
on synthetic ones ({n_synthetic:g}x MUNGE rows, or 5x rows of its own `spunge`), learnt by our routes; Trustee and
imodels, for trees only, ran in an environment of their own with the same rows and teacher's answers (see
`benchmarks/README.md`; imodels distils two classes only). Fits that several methods share are made once, so this run
times nothing: see `cost.md`."""


def report(
    lines: list[dict[str, Any]], folder: Path, command: str, fidelity: dict[str, Any], planned: Sequence[str]
) -> str:
    """Write ``quality.md`` and ``quality.png``; return the text."""
    cells = by_cell(lines)
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in cells))
    rows = harm(cells, datasets)
    picture(cells, datasets, rows, folder / "quality.png")
    caps = lines[0]["settings"]["rows"]
    introduction = INTRODUCTION.format(
        rows=f"at most {caps[0]} training rows and 60 % of a data set, at most {caps[1]} test rows; {len(datasets)} "
        f"data sets, {len({line['seed'] for line in lines})} seeds",
        fidelity=", ".join(f"{name}={value!r}" for name, value in fidelity.items()),
        n_synthetic=fidelity["n_synthetic"],
    )
    parts = [
        "# Quality: students of one teacher, against plain labels and against other recipes\n",
        paragraph(introduction),
        *gaps_in_run(cells, planned),
        "\n## Goals\n",
        goal_table(cells, datasets, rows),
        "\n![differences](quality.png)\n",
        *harm_section(cells, datasets, rows),
        *way_section(cells, datasets),
        *rank_section(cells, datasets),
        "\n## Share of the teacher-student accuracy gap that is closed\n",
        "Sum over data sets of the gain over hard labels, by the sum of the teacher's lead over hard labels, for the "
        f"data sets where the teacher leads by more than {100 * LEAST_LEAD:g} points; bootstrap over data sets. On "
        "noisy tables a small student can be better than the teacher.\n",
        gap_table(cells, datasets),
        "\n## Means over data sets\n",
    ]
    for family in FAMILIES:
        parts += [f"\n### {family}\n", mean_table(cells, datasets, family)]
    parts += ["\n## Where it was run\n", provenance(command, lines), ""]
    text = "\n".join(parts)
    (folder / "quality.md").write_text(text, encoding="utf-8")
    return text


def gaps_in_run(cells: Cells, planned: Sequence[str]) -> list[str]:
    """Say which data sets, or which methods on them, the run has not come to."""
    started = {dataset for dataset, _, method in cells if method == "default"}
    faithful = {dataset for dataset, _, method in cells if method == "fidelity"}
    sentences = []
    if set(planned) - started:
        sentences.append(f"Not run: {', '.join(name for name in planned if name not in started)}.")
    if started - faithful:
        names = ", ".join(name for name in planned if name in started - faithful)
        sentences.append(f"Without our fidelity aims and MUNGE rows: {names}.")
    return ["", " ".join(sentences)] if sentences else []


def harm_section(cells: Cells, datasets: Sequence[str], rows: list[dict[str, Any]]) -> list[str]:
    return [
        "## Do no harm: the default against hard labels\n",
        "Differences are paired over seeds (same split, same teacher), with t-intervals; splits of one data set "
        "overlap, so the intervals are if anything too short. Holm's correction runs over all cells and both metrics; "
        "with few seeds it leaves little power, so the counts without it are here too. Positive is better, also for "
        "the log-loss.\n",
        harm_summary(rows),
        "",
        harm_table(rows),
        '\nThe same summary with `scoring="accuracy"`:\n',
        harm_summary(harm(cells, datasets, "accuracy")),
    ]


def way_section(cells: Cells, datasets: Sequence[str]) -> list[str]:
    return [
        "\n## Fidelity: share of the way from hard labels to the family's limit, in KL\n",
        "The limit is the same student on very many fresh rows labelled by the teacher: real rows that nothing else "
        "uses where there are at least five times the training rows, else 20x MUNGE rows. Median over data sets with "
        f"a bootstrap interval; data sets where hard labels are within {SHORTEST_WAY} nats of the limit, or closer to "
        "the teacher than it is, have no way to go.\n",
        way_summary(cells, datasets),
        "",
        way_table(cells, datasets),
    ]


def rank_section(cells: Cells, datasets: Sequence[str]) -> list[str]:
    titles = {
        "accuracy": "Accuracy",
        "agreement": "Agreement with the teacher",
        "kl": "KL to the teacher",
        "log_loss": "Log-loss",
    }
    tables = [(f"\n### {title}\n", rank_table(cells, datasets, metric)) for metric, title in titles.items()]
    return [
        "\n## Mean ranks\n",
        "Ranks among the methods within each data set and seed, 1 is best, ours at the metric's own aim; bold: "
        "first.\n",
        *(part for pair in tables for part in pair),
    ]
