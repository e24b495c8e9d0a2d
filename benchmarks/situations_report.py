"""Tables and a picture from the lines of `benchmarks.situations`."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._setting import FAMILIES
from benchmarks._statistics import Paired, holm, paired
from benchmarks.quality_report import COLORS, GREATER

METRICS = ("accuracy", "log_loss")
Pairs = dict[tuple[str, str, str], dict[int, dict[str, dict[str, Any]]]]


def pairs_of(lines: list[dict[str, Any]]) -> Pairs:
    """Index lines as ``pairs[situation, family, dataset][seed][method]``, where both methods are there."""
    found: Pairs = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        found[line["settings"]["situation"], line["family"], line["dataset"]][line["seed"]][line["method"]] = line
    pairs = {key: {s: pair for s, pair in sorted(seeds.items()) if len(pair) == 2} for key, seeds in found.items()}
    # A run that was stopped leaves data sets without all of their seeds.
    most = max(len(seeds) for seeds in pairs.values())
    return {key: seeds for key, seeds in pairs.items() if len(seeds) == most}


def overall(pairs: Pairs, situation: str, family: str) -> dict[str, Any] | None:
    """Means over data sets, with an interval over seeds of these means, and counts of cells."""
    here = {key: seeds for key, seeds in pairs.items() if key[:2] == (situation, family) and seeds}
    if not here:
        return None
    seeds = sorted(set.intersection(*(set(found) for found in here.values())))
    row: dict[str, Any] = {"situation": situation, "family": family, "n": len(here)}
    for metric in METRICS:
        table = {
            method: np.array([[found[s][method][metric] for s in seeds] for found in here.values()])
            for method in ("hard", "default")
        }
        gains = GREATER[metric] * (table["default"] - table["hard"])
        row[metric] = (table["hard"].mean(), table["default"].mean(), paired(gains.mean(axis=0)))
        by_dataset = [paired(gain) for gain in gains]
        row[f"{metric}_wins"] = sum(gain.mean > 0 for gain in by_dataset)
        row[f"{metric}_cells"] = by_dataset
    row["alphas"] = [found[s]["default"]["alpha"] for found in here.values() for s in seeds]
    return row


def summary(rows: list[dict[str, Any]]) -> str:
    head = ["situation", "student", "accuracy: plain", "ours", "gain [95 %]", "log-loss: plain", "ours"]
    head += ["gain [95 %]", "data sets better in accuracy / log-loss", "mean alpha", "declined"]
    lines = []
    for row in rows:
        cells = [row["situation"], row["family"]]
        for metric in METRICS:
            plain, ours, gain = row[metric]
            cells += [f"{plain:.4f}", f"{ours:.4f}", _interval(gain)]
        cells.append(f"{row['accuracy_wins']} / {row['log_loss_wins']} of {row['n']}")
        declined = np.mean([alpha == 0 for alpha in row["alphas"]])
        lines.append([*cells, f"{np.mean(row['alphas']):.2f}", f"{declined:.0%}"])
    return markdown(head, lines)


def _interval(gain: Paired) -> str:
    return f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def significance(rows: list[dict[str, Any]]) -> str:
    """How many (data set, student) cells of a situation differ, corrected over all cells and both metrics."""
    everything = [cell for metric in METRICS for row in rows for cell in row[f"{metric}_cells"]]
    adjusted = iter(holm([cell.p for cell in everything]))
    verdicts: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for metric in METRICS:
        for row in rows:
            for cell in row[f"{metric}_cells"]:
                verdicts[row["situation"], metric].append((cell.mean, cell.p, float(next(adjusted))))
    lines = []
    for situation in dict.fromkeys(row["situation"] for row in rows):
        line = [situation]
        for metric in METRICS:
            found = verdicts[situation, metric]
            better = sum(mean > 0 and p < 0.05 for mean, p, _ in found)
            worse = sum(mean < 0 and p < 0.05 for mean, p, _ in found)
            sure = sum(mean > 0 and h < 0.05 for mean, _, h in found)
            harmed = sum(mean < 0 and h < 0.05 for mean, _, h in found)
            line.append(f"{better} / {worse} of {len(found)} ({sure} / {harmed})")
        lines.append(line)
    return markdown(["situation", "accuracy", "log-loss"], lines)


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    situations = list(dict.fromkeys(row["situation"] for row in rows))
    heights = {situation: len(situations) - 1 - number for number, situation in enumerate(situations)}
    offsets = dict(zip(FAMILIES, np.linspace(0.27, -0.27, len(FAMILIES)), strict=True))
    figure, axes = plt.subplots(1, 2, figsize=(12, 0.5 * len(situations) + 1.6), layout="constrained", sharey=True)
    for axis, metric in zip(axes, METRICS, strict=True):
        for family in FAMILIES:
            part = [row for row in rows if row["family"] == family]
            gains = [row[metric][2] for row in part]
            at = [heights[row["situation"]] + offsets[family] for row in part]
            means = np.array([gain.mean for gain in gains])
            reach = np.array([gain.high - gain.mean for gain in gains])
            axis.errorbar(means, at, xerr=reach, fmt="o", ms=5, lw=1.2, color=COLORS[family], label=family)
        axis.axvline(0, color="0.4", lw=0.8)
        axis.grid(axis="x", color="0.92")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(f"Gain in {metric.replace('_', '-')} over the plain fit")
        axis.set_xlabel("mean over data sets, 95 % t-interval over seeds")
    axes[1].set_xscale("symlog", linthresh=0.1)
    axes[0].set_yticks(list(heights.values()), list(heights))
    axes[0].legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


SITUATIONS = """- **A**: all training rows are labelled.
- **B**: 5, 10 or 25 % of them are, the others go into `X_unlabeled`. The teacher saw all rows with their labels and is
  handed over frozen ("of all rows"), or is fitted on the labelled rows only ("of these").
- **C**: the student has a random half of the columns, the teacher all of them (`X_teacher`).
- **D**: the tree has 8 leaves instead of 64, LightGBM 5 rounds instead of 100.
"""
INTRODUCTION = """Data sets: {datasets}; {train} training rows, at most {test} test rows, {seeds} seeds. Teacher: soft
vote of {n_trees} extremely randomised trees and {n_rounds} LightGBM rounds of 31 leaves. Students as in `quality.md`;
nets in B at 10 %, frozen teacher, and in C. Positive gains are better, also for the log-loss."""


def _place(situation: str) -> tuple[str, float, str]:
    """Order situations by their letter, then by their share of labels."""
    share = situation[1:].partition("%")[0]
    return situation[0], float(share) if "%" in situation else 0.0, situation


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``situations.md`` and ``situations.png``; return the text."""
    pairs = pairs_of(lines)
    order = sorted({key[0] for key in pairs}, key=_place)
    rows = [row for title in order for family in FAMILIES if (row := overall(pairs, title, family))]
    picture(rows, folder / "situations.png")
    settings = lines[0]["settings"]
    introduction = INTRODUCTION.format(
        datasets=", ".join(dict.fromkeys(key[2] for key in pairs)),
        train=settings["rows"][0],
        test=settings["rows"][1],
        seeds=len({line["seed"] for line in lines}),
        n_trees=settings["n_trees"],
        n_rounds=settings["n_rounds"],
    )
    text = "\n".join(
        [
            "# Four situations: the default against the plain fit of the same student\n",
            SITUATIONS,
            paragraph(introduction),
            "",
            "![gains](situations.png)\n",
            "## Means over data sets\n",
            summary(rows),
            "\n## Cells that differ\n",
            "Cells (data set, student) that are better / worse at p < .05, paired over seeds; in brackets those that "
            "remain after Holm's correction over all cells and both metrics.\n",
            significance(rows),
            "\n## Where it was run\n",
            provenance(command, lines),
            "",
        ]
    )
    (folder / "situations.md").write_text(text, encoding="utf-8")
    return text
