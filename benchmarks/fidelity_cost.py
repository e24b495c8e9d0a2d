"""What does a fidelity report cost beyond the two models' own predictions?

python -m benchmarks.fidelity_cost            every missing cell, then the report
python -m benchmarks.fidelity_cost --report   only the report
"""

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from benchmarks._records import Lines, markdown, opened, paragraph, parser, provenance, say
from skdistill import FidelityReport

FILE = "fidelity_cost.jsonl"
ROWS = (25_000, 50_000, 100_000)
KINDS = ("array", "frame", "weighted")
COLUMNS, CLASSES, LEVELS = 30, 10, 12
GOAL_SECONDS = 3.0
TABLES = ("metric_records", "error_records", "class_records", "slice_records", "findings")


class Timed:
    """A model whose predictions are timed."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.classes_ = model.classes_
        self.seconds = 0.0

    def predict(self, X: Any) -> np.ndarray:
        return self._timed(self.model.predict, X)

    def predict_proba(self, X: Any) -> np.ndarray:
        return self._timed(self.model.predict_proba, X)

    def _timed(self, call: Callable[[Any], np.ndarray], X: Any) -> np.ndarray:
        start = time.process_time()
        answer = call(_numbers(X))
        self.seconds += time.process_time() - start
        return answer


def _numbers(X: Any) -> np.ndarray:
    """Undo what `make_rows` did to columns, for models that know numbers only."""
    if isinstance(X, np.ndarray):
        return X
    coded = X.apply(lambda column: column.cat.codes if column.dtype == "category" else column)
    return coded.to_numpy(dtype=np.float64)


def make_rows(n_rows: int, seed: int, kind: str) -> tuple[Any, np.ndarray, np.ndarray | None]:
    X, y = make_classification(n_rows, COLUMNS, n_informative=15, n_classes=CLASSES, random_state=seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2, n_rows) if kind == "weighted" else None
    if kind != "frame":
        return X, y, weight
    frame = pd.DataFrame(X, columns=[f"column{i}" for i in range(COLUMNS)])
    for name in frame.columns[::4]:
        frame[name] = pd.qcut(frame[name], LEVELS, labels=[f"level{i}" for i in range(LEVELS)]).astype("category")
    return frame, y, weight


def measured(n_rows: int, seed: int, kind: str) -> dict[str, Any]:
    """Time one report with every table that needs no fit, then its page, then again for its memory."""
    X, y, weight = make_rows(n_rows, seed, kind)
    fitted = [DecisionTreeClassifier(max_leaf_nodes=size, random_state=seed).fit(_numbers(X), y) for size in (500, 100)]

    def full_report() -> tuple[FidelityReport, float]:
        teacher, student = (Timed(model) for model in fitted)
        report = FidelityReport.from_estimators(teacher, student, {"test": (X, y, weight)}, random_state=seed)
        for table in TABLES:
            getattr(report, table)()
        return report, teacher.seconds + student.seconds

    start = time.process_time()
    report, predicting = full_report()
    seconds = time.process_time() - start - predicting
    start = time.process_time()
    page = report.to_html()
    page_seconds = time.process_time() - start
    del report
    tracemalloc.start()
    kept, _ = full_report()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "seconds": seconds,
        "predicting": predicting,
        "page_seconds": page_seconds,
        "page_kilobytes": len(page) / 1e3,
        "peak_megabytes": peak / 1e6,
        "n_findings": len(kept.findings()),
    }


def run(lines: Lines, rows: Sequence[int], kinds: Sequence[str], seeds: range) -> None:
    for n_rows, kind, seed in product(rows, kinds, seeds):
        cell = {"fingerprint": "make_classification", "method": kind, "seed": seed, "settings": {"rows": n_rows}}
        if not lines.has(cell):
            lines.add({**cell, **measured(n_rows, seed, kind)})
            say(f"{n_rows} rows, {kind}, seed {seed}: {lines.cells[-1]['seconds']:.2f} s")


INTRODUCTION = """`FidelityReport.from_estimators` on one set with labels and every table that needs no fit (metrics
with 500 bootstrap draws, who is right, classes, slices, findings), {columns} columns, {classes} classes; processor
seconds without what passes inside the models' `predict` and `predict_proba`. "frame" has a categorical column of
{levels} levels in every four; "weighted" has weights. The page with its pictures comes on top. Peak memory is that of
Python's own allocations, the models' answers included. Goal at 100,000 rows: under {goal:g} s."""


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``fidelity_cost.md``; return the text."""
    rows = []
    for n_rows, kind in product(sorted({line["settings"]["rows"] for line in lines}), KINDS):
        part = [line for line in lines if line["settings"]["rows"] == n_rows and line["method"] == kind]
        if part:
            seconds = [line["seconds"] for line in part]
            means = [np.mean([line[key] for line in part]) for key in ("page_seconds", "peak_megabytes")]
            spread = f"{np.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
            per_row = f"{1e6 * means[1] / n_rows:.0f}"
            rows.append([f"{n_rows:,}", kind, len(part), spread, f"{means[0]:.2f}", f"{means[1]:.0f}", per_row])
    head = ["rows", "kind", "seeds", "seconds, median (range)", "page, s", "peak memory, MB", "bytes per row"]
    introduction = INTRODUCTION.format(columns=COLUMNS, classes=CLASSES, levels=LEVELS, goal=GOAL_SECONDS)
    text = "\n".join(
        [
            "# What a fidelity report costs\n",
            paragraph(introduction),
            "",
            markdown(head, rows),
            "\n## Where it was run\n",
            provenance(command, lines),
            "",
        ]
    )
    (folder / "fidelity_cost.md").write_text(text, encoding="utf-8")
    return text


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        run(lines, ROWS, KINDS, range(options.seeds))
    report(lines.cells, options.results, "python -m benchmarks.fidelity_cost")


def quick() -> None:
    """Run every kind on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Lines(Path(folder) / FILE)
        run(lines, [2_000], KINDS, range(1))
        if len(lines.cells) != len(KINDS):
            raise RuntimeError(f"{len(KINDS)} cells were to be run, {len(lines.cells)} are there")
        if "bytes per row" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
