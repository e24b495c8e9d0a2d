"""How well teachers are ranked before distillation, from the lines of `benchmarks.which_teacher`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._statistics import Paired, holm, paired

Entry = dict[str, Any]
Line = dict[str, Any]
SIGNIFICANT = 0.05
OUTCOMES = ("accuracy", "log_loss")
# What ranks the teachers, the greatest first. `auto`: default states of their probabilities; `class`: their labels.
INFORMATION: dict[str, Callable[[Entry], float]] = {
    "Uni": lambda entry: entry["auto"]["unique_teacher"],
    "Red": lambda entry: entry["auto"]["redundancy"],
    "Uni, of labels": lambda entry: entry["class"]["unique_teacher"],
    "Red, of labels": lambda entry: entry["class"]["redundancy"],
}
RIVALS: dict[str, Callable[[Entry], float]] = {
    "teacher's accuracy": lambda entry: entry["accuracy"],
    "teacher's log-loss": lambda entry: -entry["log_loss"],
    "I(Y;T)": lambda entry: entry["auto"]["information_teacher"],
    "I(Y;T), of labels": lambda entry: entry["class"]["information_teacher"],
    "agreement": lambda entry: entry["agreement"],
}
RIVAL = "teacher's accuracy"
TRYING = "trying each"
HALVES = "one half of the test rows"
CHANCE = "by chance"
# The weak teachers, which anything tells from the others.
WEAK = ("bayes", "small tree")
EVERY: tuple[str, ...] = ()


def gain(entry: Entry, plain: Entry, outcome: str) -> float:
    """What distillation gave a student over the plain fit: accuracy more, or log-loss less."""
    difference = entry[outcome] - plain[outcome]
    return float(difference if outcome == "accuracy" else -difference)


def half_gains(entry: Entry, outcome: str) -> list[float]:
    place, sign = (0, 1.0) if outcome == "accuracy" else (1, -1.0)
    return [sign * half[place] for half in entry["halves"]]


def tried(entry: Entry, outcome: str) -> float:
    """How the distilled student does on the rows to choose by."""
    return float(entry["choice"][0] if outcome == "accuracy" else -entry["choice"][1])


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Rank correlation; 0 where one side has no order."""
    ranks = stats.rankdata([left, right], axis=1)
    return 0.0 if (ranks.std(axis=1) == 0).any() else float(np.corrcoef(ranks)[0, 1])


@dataclass(frozen=True)
class Scores:
    """For each way of ranking, the mean over students and seeds on each table."""

    tables: list[str]
    values: dict[str, np.ndarray]

    def over_tables(self, name: str) -> Paired:
        return paired(self.values[name])

    def beyond(self, name: str, rival: str) -> Paired:
        return paired(self.values[name] - self.values[rival])


def _by_table(lines: Iterable[Line], score: Callable[[Line], dict[str, float]]) -> Scores:
    found: dict[str, list[dict[str, float]]] = {}
    for line in lines:
        found.setdefault(line["dataset"], []).append(score(line))
    tables = sorted(found)
    names = found[tables[0]][0]
    return Scores(tables, {name: np.array([np.mean([s[name] for s in found[t]]) for t in tables]) for name in names})


def _teachers(line: Line, without: Sequence[str]) -> list[Entry]:
    return [entry for kind, entry in line["teachers"].items() if kind not in without]


def correlations(lines: Iterable[Line], setting: str, outcome: str, without: Sequence[str] = EVERY) -> Scores:
    """Rank correlation, within a table and seed, of each way of ranking with what distillation gave."""

    def score(line: Line) -> dict[str, float]:
        entries = _teachers(line, without)
        students = [entry["students"][setting] for entry in entries]
        gains = [gain(student, line["plain"], outcome) for student in students]
        found = {name: spearman([value(e) for e in entries], gains) for name, value in (INFORMATION | RIVALS).items()}
        found[TRYING] = spearman([tried(student, outcome) for student in students], gains)
        first, second = zip(*(half_gains(student, outcome) for student in students), strict=True)
        found[HALVES] = spearman(first, second)
        return found

    return _by_table(lines, score)


def regrets(lines: Iterable[Line], setting: str, without: Sequence[str] = EVERY) -> Scores:
    """Accuracy lost by taking the teacher that is ranked first, against the one that turned out best."""

    def score(line: Line) -> dict[str, float]:
        entries = _teachers(line, without)
        students = [entry["students"][setting] for entry in entries]
        gains = np.array([gain(student, line["plain"], "accuracy") for student in students])
        ranked = {name: [value(e) for e in entries] for name, value in (INFORMATION | RIVALS).items()}
        ranked[TRYING] = [tried(student, "accuracy") for student in students]
        ranked[CHANCE] = [0.0] * len(entries)
        return {
            name: float(gains.max() - gains[np.asarray(values) == max(values)].mean())
            for name, values in ranked.items()
        }

    return _by_table(lines, score)


def transfers(lines: Iterable[Line], setting: str, outcome: str) -> Scores:
    """Rank correlation of what the student shares afterwards, and of what is left then, with what it gained."""

    def score(line: Line) -> dict[str, float]:
        entries = _teachers(line, EVERY)
        students = [entry["students"][setting] for entry in entries]
        gains = [gain(student, line["plain"], outcome) for student in students]
        before = [entry["auto"]["redundancy"] for entry in entries]
        after = [student["after"]["redundancy"] for student in students]
        return {"Red afterwards": spearman(after, gains), "rise of Red": spearman(np.subtract(after, before), gains)}

    return _by_table(lines, score)


@dataclass(frozen=True)
class Verdict:
    """What is said of one way of ranking, in one setting, for one outcome."""

    name: str
    setting: str
    outcome: str
    correlation: Paired
    beyond: Paired
    predicts: str
    against: str

    @property
    def text(self) -> str:
        return f"{self.predicts}; {self.against}"


def settings_of(lines: Sequence[Line]) -> list[str]:
    return list(next(iter(lines[0]["teachers"].values()))["students"])


def verdicts(lines: Sequence[Line], without: Sequence[str] = EVERY) -> list[Verdict]:
    """Judge each kind of information by Holm's method over all settings and outcomes of it."""
    judged = []
    cases = [(setting, outcome) for setting in settings_of(lines) for outcome in OUTCOMES]
    scores = [correlations(lines, *case, without) for case in cases]
    for name in INFORMATION:
        found = [score.over_tables(name) for score in scores]
        beyond = [score.beyond(name, RIVAL) for score in scores]
        for case, one, more, p, q in zip(
            cases, found, beyond, holm([f.p for f in found]), holm([b.p for b in beyond]), strict=True
        ):
            words = ("predicts", "does not predict", "ranks them the wrong way round")
            against = ("better than", "no better than", "worse than")
            judged.append(Verdict(name, *case, one, more, _word(one, p, words), f"{_word(more, q, against)} {RIVAL}"))
    return judged


def _word(found: Paired, p: float, words: tuple[str, str, str]) -> str:
    if p >= SIGNIFICANT:
        return words[1]
    return words[0] if found.mean > 0 else words[2]


def summary(judged: Sequence[Verdict]) -> list[str]:
    """One sentence for each kind of information."""
    texts = []
    for name in INFORMATION:
        own = [verdict for verdict in judged if verdict.name == name]
        n = len(own)
        right = sum(verdict.predicts == "predicts" for verdict in own)
        wrong = sum(verdict.predicts.startswith("ranks") for verdict in own)
        better, worse = (sum(verdict.against.startswith(word) for verdict in own) for word in ("better", "worse"))
        low, high = min(v.correlation.mean for v in own), max(v.correlation.mean for v in own)
        texts.append(
            f"{name}: mean rank correlation {low:+.2f} to {high:+.2f}; predicts in {right} of {n} cases, the wrong way "
            f"round in {wrong}; better than the teacher's accuracy in {better}, worse in {worse}."
        )
    return texts


def shown(found: Paired, digits: int = 2) -> str:
    return f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"


def correlation_table(lines: Sequence[Line], outcome: str, without: Sequence[str] = EVERY) -> str:
    settings = settings_of(lines)
    scores = [correlations(lines, setting, outcome, without) for setting in settings]
    rows = [[name, *(shown(score.over_tables(name)) for score in scores)] for name in scores[0].values]
    return markdown(["ranked by", *settings], rows)


def verdict_table(judged: Sequence[Verdict]) -> str:
    rows = [
        [v.name, v.setting, v.outcome.replace("_", "-"), shown(v.correlation), shown(v.beyond), v.text] for v in judged
    ]
    return markdown(["ranked by", "setting", "gain in", "rank correlation", "less that of accuracy", "verdict"], rows)


def regret_table(lines: Sequence[Line]) -> str:
    settings = settings_of(lines)
    scores = [regrets(lines, setting) for setting in settings]
    rows = [[name, *(f"{100 * s.over_tables(name).mean:.2f}" for s in scores)] for name in scores[0].values]
    return markdown(["taken by", *settings], rows)


def gain_table(lines: Sequence[Line]) -> str:
    """Mean gain in accuracy by teacher, in points, over tables."""
    rows = []
    for kind in lines[0]["teachers"]:
        row = [kind]
        for setting in settings_of(lines):
            scores = _by_table(
                lines, lambda c, k=kind, s=setting: {k: gain(c["teachers"][k]["students"][s], c["plain"], "accuracy")}
            )
            found = scores.over_tables(kind)
            row.append(f"{100 * found.mean:+.2f} [{100 * found.low:+.2f}, {100 * found.high:+.2f}]")
        rows.append(row)
    return markdown(["teacher", *settings_of(lines)], rows)


def transfer_table(lines: Sequence[Line]) -> str:
    settings, rows = settings_of(lines), []
    for outcome in OUTCOMES:
        scores = [transfers(lines, setting, outcome) for setting in settings]
        name_of = f"with the gain in {outcome.replace('_', '-')}"
        rows += [[f"{name} {name_of}", *(shown(s.over_tables(name)) for s in scores)] for name in scores[0].values]
    return markdown(["", *settings], rows)


def draw(axes: Sequence[Any], lines: Sequence[Line], without: Sequence[str] = EVERY) -> None:
    """Draw the mean rank correlations with their intervals, one panel per outcome."""
    settings = settings_of(lines)
    for ax, outcome in zip(axes, OUTCOMES, strict=True):
        names: list[str] = []
        for number, setting in enumerate(settings):
            scores = correlations(lines, setting, outcome, without)
            names = list(scores.values)
            found = [scores.over_tables(name) for name in names]
            places = np.arange(len(names)) + 0.22 * (number - 0.5 * (len(settings) - 1))
            means = np.array([one.mean for one in found])
            ends = np.abs([[one.low, one.high] for one in found] - means[:, None]).T
            style = {"fmt": "os^"[number], "color": ("#0072b2", "#d55e00", "#009e73")[number], "ms": 4.5}
            ax.errorbar(means, places, xerr=ends, capsize=2, lw=1.2, label=setting, **style)
        ax.axvline(0.0, color="0.6", lw=0.8, zorder=0)
        for border in (len(INFORMATION) - 0.5, len(INFORMATION) + len(RIVALS) - 0.5):
            ax.axhline(border, color="0.85", lw=0.8, zorder=0)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlabel(f"rank correlation with the gain in {outcome.replace('_', '-')}")
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)


INTRODUCTION = """{tables} tables ({names}), {seeds} seeds, {cells} cells. On each, six teachers of different kinds
are fitted on their own rows; a student ({students}) is fitted on up to 500 other rows with labels, and distilled on
the same rows from each of the teachers: on the teacher's answers alone, on a mixture of half answers, half labels,
and on the answers about as many as 1,500 further rows as well. Before that, on up to 2,000 labelled rows to choose
by, the information that the teacher and the plain student hold about y is measured by `distilled_information`, from
the default states of their probabilities and from their labels; and what is trivial: the teacher's accuracy, log-loss
and I(Y;T), and its agreement with the plain student. Then each ranks the six teachers, and its ranking is compared,
by Spearman's correlation within table, seed and student, with the gain in held-out accuracy or log-loss over the
plain student, on up to 4,000 rows. Intervals are over tables, of means over seeds and students."""
BEYOND = """To rank by "trying each" is to rank by the distilled students' own accuracy or log-loss on the rows to
choose by, at one fit per teacher. "one half of the test rows" ranks the students by one half and is judged by the
other: what noise leaves."""


def report(lines: Sequence[Line], folder: Path, command: str) -> str:
    """Write ``which_teacher.md`` and its picture; return the text."""
    lines = list(lines)
    tables = sorted({line["dataset"] for line in lines})
    students = list(dict.fromkeys(line["family"] for line in lines))
    introduction = INTRODUCTION.format(
        tables=len(tables),
        names=", ".join(tables),
        seeds=len({line["seed"] for line in lines}),
        cells=len(lines),
        students=", ".join(students),
    )
    good = "Without the weak teachers (naive Bayes, a tree of 8 leaves)"
    gap = max(entry["auto"]["gap"] for line in lines for entry in line["teachers"].values())
    judged = verdicts(lines)
    parts = [
        "# Which teacher for this student?\n",
        paragraph(introduction),
        "\n## Verdict\n",
        *(f"- {text}" for text in summary(judged)),
        f"\n{good}:\n",
        *(f"- {text}" for text in summary(verdicts(lines, WEAK))),
        "\n"
        + paragraph(f"Largest certified gap of a decomposition: {gap:.1e} nats. A case is a setting and an outcome."),
        "\n## Rank correlation with the gain in accuracy\n",
        correlation_table(lines, "accuracy"),
        "\n" + paragraph(BEYOND),
        "\n## Rank correlation with the gain in log-loss\n",
        correlation_table(lines, "log_loss"),
        f"\n## {good}: accuracy\n",
        correlation_table(lines, "accuracy", WEAK),
        f"\n## {good}: log-loss\n",
        correlation_table(lines, "log_loss", WEAK),
        "\n## Every verdict\n",
        "All teachers; p-values by Holm's method over the six cases of each.\n",
        verdict_table(judged),
        "\n## Points of accuracy lost by the choice\n",
        "The best teacher's gain less that of the teacher taken, mean over tables.\n",
        regret_table(lines),
        "\n## Afterwards\n",
        "Of what the student shares after distillation, and of its rise, with what it gained.\n",
        transfer_table(lines),
        "\n## Gain in accuracy by teacher, in points\n",
        gain_table(lines),
        "\n## Where it was run\n",
        provenance(command, lines),
        "",
    ]
    text = "\n".join(parts)
    (folder / "which_teacher.md").write_text(text, encoding="utf-8")
    _picture(lines, folder)
    return text


def _picture(lines: Sequence[Line], folder: Path) -> None:
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True, layout="constrained")
    draw(axes, lines)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    fig.savefig(folder / "which_teacher.png", dpi=110)
    plt.close(fig)
