"""Tables and a picture from the lines of `benchmarks.cost`."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance

SHARE_GOAL, MEMORY_GOAL, CALL_GOAL, IMPORT_GOAL = 0.05, 1.3, 50.0, 1.3


def _verdict(reached: bool) -> str:
    return "yes" if reached else "**no**"


def fit_table(lines: list[dict[str, Any]]) -> str:
    head = ["route", "alpha", "fit, s", "teacher, s", "student, s", "the rest, s", "share", f"under {SHARE_GOAL:.0%}"]
    head += ["student's fits", "one fit on hard labels, s", "one soft fit (alpha=1), s"]
    rows = []
    for line in (line for line in lines if line["method"] == "fit"):
        rest = line["total"] - line["teacher"] - line["student"]
        soft = f"{line['student']:.2f}" if line["settings"]["alpha"] == 1.0 else "-"
        rows.append(
            [
                line["family"],
                line["settings"]["alpha"],
                f"{line['total']:.1f}",
                f"{line['teacher']:.1f}",
                f"{line['student']:.1f}",
                f"{rest:.2f}",
                f"{line['share']:.1%}",
                _verdict(line["share"] < SHARE_GOAL),
                line["calls"].get("student.fit", 0),
                f"{line['hard']:.2f}",
                soft,
            ]
        )
    return markdown(head, rows)


def memory_table(lines: list[dict[str, Any]]) -> str:
    head = ["route", "imports, MiB", "added by rows and fit, hard labels, MiB", "distilled, MiB", "ratio of these"]
    head += ["ratio of the processes' peaks", f"under {MEMORY_GOAL}x"]
    rows = []
    for line in (line for line in lines if line["method"] == "memory"):
        added = [f"{line[who]['peak'] - line[who]['imports']:.0f}" for who in ("hard", "ours")]
        verdict = _verdict(line["ratio_without_imports"] < MEMORY_GOAL)
        rows.append(
            [
                line["family"],
                f"{line['hard']['imports']:.0f}",
                *added,
                f"{line['ratio_without_imports']:.2f}",
                f"{line['ratio']:.2f}",
                f"{verdict} (exempt)" if line["family"] == "expansion" else verdict,
            ]
        )
    return markdown(head, rows)


def call_table(lines: list[dict[str, Any]]) -> str:
    head = ["route", "rows", "method", "student's own call, us", "ours, us", "added, us", f"under {CALL_GOAL:.0f}"]
    rows = []
    for line in (line for line in lines if line["method"] == "call"):
        for name in ("predict", "predict_proba"):
            found = line[name]
            cells = [line["family"], line["settings"]["rows"], name, f"{found['own']:.0f}", f"{found['ours']:.0f}"]
            rows.append([*cells, f"{found['added']:+.0f}", _verdict(found["added"] < CALL_GOAL)])
    return markdown(head, rows)


def import_table(lines: list[dict[str, Any]]) -> str:
    line = next(line for line in lines if line["method"] == "import")
    rows = [[name, f"{line['least'][name]:.3f}", f"{line['median'][name]:.3f}"] for name in line["least"]]
    names = {"ratio": "import skdistill", "ratio_with_class": "from skdistill import DistilledClassifier"}
    sentences = [
        f"`{code}` takes {line[ratio]:.2f}x the time of scikit-learn's two modules; at most {IMPORT_GOAL}: "
        f"{_verdict(line[ratio] <= IMPORT_GOAL)}."
        for ratio, code in names.items()
    ]
    return markdown(["in a fresh interpreter", "least, s", "median, s"], rows) + "\n\n" + " ".join(sentences)


def picture(lines: list[dict[str, Any]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
    fits = [line for line in lines if line["method"] == "fit"]
    routes = list(dict.fromkeys(line["family"] for line in fits))
    for alpha, offset, color in ((1.0, 0.2, "#1b6ca8"), ("auto", -0.2, "#d1495b")):
        part = {line["family"]: line["share"] for line in fits if line["settings"]["alpha"] == alpha}
        at = [len(routes) - 1 - routes.index(route) + offset for route in part]
        left.barh(at, 100 * np.array(list(part.values())), height=0.36, color=color, label=f"alpha={alpha!r}")
    left.axvline(100 * SHARE_GOAL, color="0.3", ls="--", lw=1)
    left.set_title("Fit: time beside the teacher's and the student's own")
    left.set_xlabel("% of the teacher's and the student's own (dashed: the goal)")
    left.legend(frameon=False)
    ratios = {line["family"]: line["ratio_without_imports"] for line in lines if line["method"] == "memory"}
    right.barh([len(routes) - 1 - routes.index(route) for route in ratios], list(ratios.values()), 0.5, color="#2e8b57")
    right.axvline(MEMORY_GOAL, color="0.3", ls="--", lw=1)
    right.set_title("Peak memory: distilled over hard labels")
    right.set_xlabel("ratio of what rows and fit add to a process (dashed: the goal)")
    for axis in (left, right):
        axis.set_yticks(range(len(routes)), routes[::-1])
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", color="0.92")
        axis.set_axisbelow(True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


INTRODUCTION = """Times are processor seconds of one thread. Students: `soft_tree`: a tree of 64 leaves; `objective`:
100 LightGBM rounds of 15 leaves; `expansion`: logistic regression; `native`: a skorch perceptron with two layers of 64
units, 5 epochs; `logits`: ridge regression; `sampling`: linear discriminant analysis. Teacher: 20 rounds of histogram
boosting, cheap on purpose."""


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``cost.md`` and ``cost.png``; return the text."""
    picture(lines, folder / "cost.png")
    n = next(line["settings"]["rows"] for line in lines if line["method"] == "fit")
    text = "\n".join(
        [
            "# Cost: what distillation takes beside the teacher's and the student's own work\n",
            paragraph(INTRODUCTION),
            "",
            "![cost](cost.png)\n",
            f"## Fit, {n:,} x 30, 3 classes\n",
            "The teacher's and the student's own time is what passes inside their `fit` and predict methods, all "
            "cross-fitting and all trials of `alpha` included; the rest is ours. What a route makes the student do "
            "more (a gradient over the matrix of targets, more rows) is inside the student's own time: compare the "
            "last two columns.\n",
            fit_table(lines),
            f"\n## Memory, {n:,} x 30, 3 classes\n",
            "Peak resident memory of a fresh process that fits the student on hard labels, and of one that fits the "
            "distilled classifier with a frozen teacher and alpha=1, both with the fitted teacher. The verdict is on "
            "what rows and fit add to a process that has imported everything.\n",
            memory_table(lines),
            "\n## Calls\n",
            "Medians of 200 calls. What is added is measured around a student that answers at once (but for the net), "
            "since the calls of real ones vary by more.\n",
            call_table(lines),
            "\n## Import\n",
            import_table(lines),
            "\n## Where it was run\n",
            provenance(command, lines),
            "",
        ]
    )
    (folder / "cost.md").write_text(text, encoding="utf-8")
    return text
