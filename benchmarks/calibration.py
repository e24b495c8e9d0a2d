"""What does mending the teacher's probabilities gain its students?

python -m benchmarks.calibration            every missing cell, then the report
python -m benchmarks.calibration --report   only the report
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks import _setting
from benchmarks._records import Lines, markdown, opened, paragraph, parser, provenance, say
from benchmarks._setting import MEMORY, Caps, Split, metrics
from benchmarks._statistics import paired
from benchmarks.quality import Bench
from benchmarks.quality_report import COLORS, GREATER

FILE = "calibration.jsonl"
DATASETS = ("adult", "phoneme", "satimage", "spambase", "lending_club", "diamonds")
FAMILIES = ("tree", "logistic", "lightgbm")
CAPS = Caps(train=1000, test=5000)
CALIBRATIONS = (None, "temperature", "isotonic")
ALPHAS = (1.0, "auto")
METRICS = ("accuracy", "log_loss", "kl")
TITLES = {"accuracy": "accuracy", "log_loss": "log-loss", "kl": "KL"}
# Where a calibration lets a tree be fitted on labels alone, its log-loss leaps out of any picture.
CUT = 0.03
TEACHER = {"n_trees": 100, "n_rounds": 40}


def run(lines: Lines, names: Sequence[str], seeds: range, caps: Caps, teacher: dict[str, int]) -> None:
    for name, seed in product(names, seeds):
        facts = {"dataset": name, "fingerprint": _setting.matrix(name)[2], "seed": seed}
        shared = {"rows": [caps.train, caps.test], **teacher}
        wanted = [
            {**facts, "family": family, "method": str(calibration), "settings": {**shared, "alpha": alpha}}
            for family, calibration, alpha in product(FAMILIES, CALIBRATIONS, ALPHAS)
        ]
        missing = [cell for cell in wanted if not lines.has(cell)]
        if missing:
            start = time.process_time()
            run_split(lines, _setting.split(name, seed, caps), missing, teacher)
            say(f"{name} seed {seed}: {len(missing)} cells, {time.process_time() - start:.0f} s")


def run_split(lines: Lines, data: Split, missing: list[dict[str, Any]], teacher: dict[str, int]) -> None:
    bench = Bench(data, **teacher)
    with _setting.remembered_students():
        for cell in missing:
            calibration = None if cell["method"] == "None" else cell["method"]
            model = bench.distilled(cell["family"], calibration=calibration, alpha=cell["settings"]["alpha"])
            found = metrics(model.predict_proba(data.X_test), model.predict(data.X_test), data.y_test, bench.told)
            exponent = getattr(model.calibration_, "exponent", None)
            lines.add({**cell, **found, "alpha": model.alpha_, "exponent": exponent})
    MEMORY.clear()


def gains(lines: list[dict[str, Any]], alpha: Any, family: str, method: str, metric: str) -> dict[str, np.ndarray]:
    """Gain of a calibration over none, by data set: one value per seed, positive is better."""
    found: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for line in lines:
        if line["family"] == family and line["settings"]["alpha"] == alpha:
            found[line["dataset"], line["seed"]][line["method"]] = line[metric]
    by_dataset = defaultdict(list)
    for (dataset, _), values in sorted(found.items()):
        if "None" in values and method in values:
            by_dataset[dataset].append(GREATER[metric] * (values[method] - values["None"]))
    return {dataset: np.array(values) for dataset, values in by_dataset.items()}


def table(lines: list[dict[str, Any]]) -> str:
    head = ["alpha", "student", "calibration", *(f"gain in {TITLES[metric]} [95 %]" for metric in METRICS)]
    head.append("data sets better / worse in log-loss at p < .05")
    rows = []
    for alpha, family, method in product(ALPHAS, FAMILIES, ("temperature", "isotonic")):
        row = [alpha, family, method]
        for metric in METRICS:
            found = gains(lines, alpha, family, method, metric)
            if found:
                mean = paired(np.array(list(found.values())).mean(axis=0))
                row.append(f"{mean.mean:+.4f} [{mean.low:+.4f}, {mean.high:+.4f}]")
        verdicts = [paired(values) for values in gains(lines, alpha, family, method, "log_loss").values()]
        better = sum(verdict.p < 0.05 and verdict.mean > 0 for verdict in verdicts)
        worse = sum(verdict.p < 0.05 and verdict.mean < 0 for verdict in verdicts)
        rows.append([*row, f"{better} / {worse} of {len(verdicts)}"])
    return markdown(head, rows)


def level_table(lines: list[dict[str, Any]]) -> str:
    """Means over data sets and seeds, calibration by calibration."""
    rows = []
    for alpha, family, calibration in product(ALPHAS, FAMILIES, CALIBRATIONS):
        part = [
            line
            for line in lines
            if (line["settings"]["alpha"], line["family"], line["method"]) == (alpha, family, str(calibration))
        ]
        if part:
            means = [f"{np.mean([line[metric] for line in part]):.4f}" for metric in METRICS]
            rows.append([alpha, family, calibration, *means, f"{np.mean([line['alpha'] for line in part]):.2f}"])
    return markdown(
        ["alpha", "student", "calibration", "accuracy", "log-loss", "KL to the teacher", "mean alpha"], rows
    )


def picture(lines: list[dict[str, Any]], path: Path) -> None:
    datasets = list(dict.fromkeys(line["dataset"] for line in lines))
    figure, axes = plt.subplots(1, 2, figsize=(12, 0.5 * len(datasets) + 1.8), layout="constrained", sharey=True)
    offsets = dict(zip(FAMILIES, (0.22, 0.0, -0.22), strict=True))
    for axis, alpha in zip(axes, ALPHAS, strict=True):
        for family, (method, marker) in product(FAMILIES, {"temperature": "o", "isotonic": "x"}.items()):
            found = gains(lines, alpha, family, method, "log_loss")
            at = [len(datasets) - 1 - datasets.index(dataset) + offsets[family] for dataset in found]
            means = np.clip([values.mean() for values in found.values()], -CUT, CUT)
            axis.scatter(means, at, marker=marker, s=28, color=COLORS[family], label=f"{family}, {method}")
        axis.axvline(0, color="0.4", lw=0.8)
        axis.set_xlim(-1.05 * CUT, 1.05 * CUT)
        axis.grid(axis="x", color="0.92")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(f"alpha={alpha!r}")
    figure.supxlabel(f"gain in log-loss over calibration=None, mean over seeds, cut at {CUT}", fontsize=10)
    axes[0].set_yticks(range(len(datasets)), datasets[::-1])
    axes[1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


INTRODUCTION = """`calibration="temperature"` raises the teacher's distributions to one power, `"isotonic"` maps each
class's probability; both are fitted by labels on the out-of-fold answers. Gains are over `calibration=None`, positive
is better; means over data sets, t-intervals over seeds. KL is to the teacher as it is: a calibrated lesson moves the
student away from it by intention. Data sets: {datasets}; {train} training rows, at most {test} test rows, {seeds}
seeds. Teacher: soft vote of {n_trees} extremely randomised trees and {n_rounds} LightGBM rounds of 31 leaves. Students
as in `quality.md`."""


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``calibration.md`` and ``calibration.png``; return the text."""
    picture(lines, folder / "calibration.png")
    settings = lines[0]["settings"]
    introduction = INTRODUCTION.format(
        datasets=", ".join(dict.fromkeys(line["dataset"] for line in lines)),
        train=settings["rows"][0],
        test=settings["rows"][1],
        seeds=len({line["seed"] for line in lines}),
        n_trees=settings["n_trees"],
        n_rounds=settings["n_rounds"],
    )
    text = "\n".join(
        [
            "# Calibration: what mending the teacher's answers gains\n",
            paragraph(introduction),
            "\n![gains](calibration.png)\n",
            "## Gains\n",
            table(lines),
            "\n## Levels\n",
            level_table(lines),
            "\n## Where it was run\n",
            provenance(command, lines),
            "",
        ]
    )
    (folder / "calibration.md").write_text(text, encoding="utf-8")
    return text


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        with _setting.quiet():
            run(lines, options.datasets or DATASETS, range(options.seeds), CAPS, TEACHER)
    report(lines.cells, options.results, "python -m benchmarks.calibration")


def quick() -> None:
    """Run every calibration on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        run(lines, ["phoneme"], range(2), Caps(150, 200), {"n_trees": 5, "n_rounds": 3})
        expected = 2 * len(FAMILIES) * len(CALIBRATIONS) * len(ALPHAS)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "Gains" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
