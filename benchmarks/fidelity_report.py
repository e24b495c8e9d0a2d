"""Tables, verdicts and a picture from the lines of `benchmarks.fidelity`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks.fidelity_findings import (
    MOST,
    NOT,
    SAME_AS_CONTROL,
    UNSURE,
    Finding,
    findings,
)
from benchmarks.fidelity_pictures import draw_correlations, draw_levels, draw_sizes, draw_steps
from benchmarks.fidelity_records import (
    SIGNIFICANT,
    STUDENTS,
    Students,
    agreement,
    contrast,
    estimate,
    gap,
    named,
    records_of,
    taught,
    where,
)

INTRODUCTION = """Stanton, Izmailov, Kirichenko, Alemi and Wilson (NeurIPS 2021) asked of networks whether distillation
makes a student that answers like its teacher. Here is what their findings come to on tables. Data sets: {datasets};
{train} training rows of the teacher, as many fresh real rows, at most {test} test rows, {seeds} seeds. LightGBM
students on the tables of at most 6 classes only."""
SETTING = """
- **Teachers**: a random forest of {n_trees} trees, or {n_rounds} LightGBM rounds of 31 leaves on random halves of rows
  and columns; alone, or as soft votes of 3 and 5 that differ by their seeds.
- **Students**: trees of 16 and 128 leaves and without limit; LightGBM of 10, 40 and 80 rounds of 31 leaves. They learn
  the teacher's answers alone (`alpha=1`, a frozen teacher, asked directly), as in the paper; `DistilledClassifier`'s
  default is another one: out-of-fold answers, and a weight chosen by labels.
- **Rows taught**: the teacher's training rows ("same"), as many real rows that it has not seen ("fresh"), "both", and
  the training rows with as many mixup rows ("mixup"), as many MUNGE rows ("munge") or four times as many ("munge4").
- **Temperatures** 1 and 4 for trees; 1 for LightGBM.
- **Control**: a student distilled in the same way, on the same rows, from an independent teacher with other seeds (its
  members are fitted on the same rows as the teacher's), judged by its agreement with the teacher. "Control of other
  rows" is the student of a teacher that was fitted on other rows besides, for trees at temperature 1. "Labels" is the
  same student fitted on the labels of the same rows.
- **Intervals** are 95 % t-intervals over tables, of means over the seeds and cells of a table: they speak of further
  tables like these. The columns "{counts}" say on how many of them the value is above or below
  zero over seeds, with Holm's correction over tables. Splits of one table share rows, so these counts are somewhat
  generous.
"""
RULES = """A row holds if its value has the sign that the claim says, by a t-test over tables at {level:.0%} after
Holm's correction over the rows of its table. Where the claim could be true of any good student, what is left of the
value beyond the control's must have that sign too: if it has not even without the correction, the row "{same}". "{no}"
means that no such difference was shown, "{unsure}" that the test without the correction alone shows it. F5 is tested on
the share of the control's disagreement that having the right teacher removes: a row holds if that share is above 0 by
the same rule and its interval is below {most:.0%}; it "{same}" if the share is not above 0."""
NOTES = {
    "F1a": """LightGBM of as many rounds and leaves as the boosted teacher, or more, could be that teacher; a tree
    without limit has a leaf for each row taught, which is enough on these rows and not elsewhere. Two accurate models
    agree on many rows whatever they learnt from: what accuracies allow is 1 - |difference of the accuracies|, the upper
    bound of the agreement. A student "nearer than an independent teacher" agrees more with its teacher than a second
    teacher of the same kind does, trained on the same rows with another seed.""",
    "F1b": """The gain is over the same student fitted on the labels of the same rows, at temperature 1, over all
    teachers.""",
    "F1c": """The paper's account is that fidelity and generalisation go together where the teacher is a large ensemble,
    and need not where a model teaches its like.""",
    "F2a": """The paper takes such a fall for a failure of optimisation. A tree without limit gives every row its own
    leaf, so it repeats what it was taught whatever that is: its search cannot fail there. LightGBM of as many rounds
    and leaves as the boosted teacher could be that teacher.""",
    "F2b": """Not a claim of the paper: beside F2a, to see what capacity alone does.""",
    "F2c": """The gap is the student's agreement less the control's: where it does not grow, more rows made students
    that agree more with any such teacher.""",
    "F3": """Independent ensembles agree with one another more than independent single models do, so that their
    students would agree more with any of them.""",
    "F4a": """Rank correlations over the students of one teacher on one table and seed (36 trees, 9 of LightGBM),
    positive if the more faithful are the better calibrated; ECE of the top class, 15 bins of equal width. The control
    asks the same of the control's students: their agreement with a teacher that is not theirs.""",
    "F4b": """The same over the students of one member.""",
    "F5": """Over all sources, capacities and temperatures. The control by itself is this benchmark's: the paper argues
    that students differ from their teachers, and this says how much of their likeness is owed to the teacher.""",
}


def picture(records: Students, path: Path) -> None:
    figure, axes = plt.subplots(2, 2, figsize=(14, 10), layout="constrained")
    draws = {
        "F1, F5: agreement, and the control's": draw_levels,
        "F2: more rows taught": draw_steps,
        "F3: larger ensembles": draw_sizes,
        "F4: fidelity and calibration": draw_correlations,
    }
    for axis, (title, draw) in zip(axes.flat, draws.items(), strict=True):
        draw(axis, records)
        axis.set_title(title, loc="left", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def summary(found: Sequence[Finding]) -> str:
    return markdown(["finding", "claim", "verdict"], [[f.code, f.claim, f"**{f.verdict}**"] for f in found])


def section(finding: Finding) -> list[str]:
    rows = [[*row, verdict] for row, verdict in zip(finding.rows, finding.verdicts, strict=True)]
    title = f"\n## {finding.code}: {finding.claim[0].lower()}{finding.claim[1:].rstrip('.')}\n"
    return [
        title,
        f"Verdict: **{finding.verdict}**.\n",
        paragraph(NOTES[finding.code]),
        "",
        markdown([*finding.head, "verdict"], rows),
    ]


def temperatures(records: Students) -> str:
    """What temperature 4 changes in trees, all sources and teachers."""
    values = {
        "agreement": agreement,
        "gap to the control": gap,
        "JS": lambda record: record["js"],
        "accuracy": lambda record: record["accuracy"],
        "ECE": lambda record: record["ece"],
    }
    rows = []
    for capacity in STUDENTS["tree"]:
        here = taught(where(records, family="tree", capacity=(capacity,)))
        found = [estimate(contrast(here, "temperature", 4.0, 1.0, value)) for value in values.values()]
        rows.append([named("tree", capacity), *(f"{one}, {one.counts}" for one in found)])
    return markdown(["student", *values], rows)


LEVELS = {
    "agreement": "agreement",
    "seed_agreement": "control's agreement",
    "js": "JS",
    "seed_js": "control's JS",
    "kl": "KL",
    "accuracy": "accuracy",
    "ece": "ECE",
    "lesson_agreement": "agreement on the rows taught",
    "lesson_js": "JS there",
    "lesson_confidence": "teacher's mean top probability there",
}


def levels(records: Students) -> str:
    """Means over tables and seeds: source by source."""
    rows = []
    cases = dict.fromkeys((cell[0], cell[4], cell[5]) for cell in records.cells)
    for family, source, temperature in cases:
        part = list(where(records, family=family, source=source, temperature=temperature))
        means = [f"{np.mean([r[n] for r in part]):.4f}" if n in part[0] else "-" for n in LEVELS]
        rows.append([family, source, temperature, *means])
    return markdown(["students", "rows taught", "temperature", *LEVELS.values()], rows)


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``fidelity.md`` and ``fidelity.png``; return the text."""
    records = records_of(lines)
    found = findings(records)
    picture(records, folder / "fidelity.png")
    settings = lines[0]["settings"]
    introduction = INTRODUCTION.format(
        datasets=", ".join(dict.fromkeys(record["dataset"] for record in records)),
        train=settings["rows"][0],
        test=settings["rows"][1],
        seeds=len({record["seed"] for record in records}),
    )
    rules = RULES.format(level=SIGNIFICANT, same=SAME_AS_CONTROL, no=NOT, unsure=UNSURE, most=MOST)
    text = "\n".join(
        [
            "# Fidelity: does distillation really work, on tables?\n",
            paragraph(introduction),
            SETTING.format(**settings, counts="tables above / below 0"),
            "![findings](fidelity.png)\n",
            "## Verdicts\n",
            paragraph(rules),
            "",
            summary(found),
            *(part for finding in found for part in section(finding)),
            "\n## Temperature 4 instead of 1\n",
            "Changes [95 %], and on how many tables they are above / below 0.\n",
            temperatures(records),
            "\n## Levels\n",
            "Means over tables, seeds, teachers and capacities.\n",
            levels(records),
            "\n## Where it was run\n",
            provenance(command, lines),
            "",
        ]
    )
    (folder / "fidelity.md").write_text(text, encoding="utf-8")
    return text
