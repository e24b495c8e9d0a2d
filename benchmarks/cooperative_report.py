"""What learners gain from each other, by counterfactuals or otherwise, from the lines of `benchmarks.cooperative`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._statistics import Paired, holm, paired

Line = dict[str, Any]
SIGNIFICANT = 0.05
# Learners that lose more than this, in accuracy, count as harmed: less is within the noise of the rows that judge.
HARM = 0.005
OURS, BEFORE, RAW, RANDOM, TWICE = "default", "before", "raw row", "random row", "raw row twice"
ONE, RAW_ONE, PAPER, PLAIN, MERGED = "default, one round", "raw row, one round", "paper", "plain distillation", "merged"
IMPROVED = "default, improved"
SHOWN = (BEFORE, PAPER, ONE, OURS, RAW_ONE, RAW, TWICE, RANDOM, PLAIN, MERGED)
# Each is one family of tests.
COMPARISONS = (
    (OURS, BEFORE),
    (OURS, ONE),
    (OURS, RAW),
    (ONE, RAW_ONE),
    (OURS, TWICE),
    (OURS, RANDOM),
    (OURS, PLAIN),
    (OURS, PAPER),
    (OURS, MERGED),
)
GROUPS = {"blind": ("blind",), "silos": ("silos", "own"), "same rows": ("same",)}
OTHERS = {
    TWICE: "the raw row twice",
    RANDOM: "random rows of the class",
    PLAIN: "plain distillation",
    PAPER: "the paper's settings",
    ONE: "one round instead of three",
}
COLORS = {BEFORE: "0.45", RAW: "#0072b2", TWICE: "#56b4e9", RANDOM: "#e69f00", PLAIN: "#cc79a7", OURS: "#d55e00"}
MARKS = {BEFORE: "o", RAW: "s", TWICE: "D", RANDOM: "^", PLAIN: "v", OURS: "o"}


@dataclass(frozen=True)
class Setting:
    """One experiment with one kind of learners: the mean accuracy of the learners by arm, table and seed."""

    experiment: str
    family: str
    tables: list[str]
    seeds: list[int]
    accuracy: dict[str, np.ndarray]
    cells: dict[tuple[str, int], dict[str, Line]]

    @property
    def name(self) -> str:
        return f"{self.experiment}: {self.family}" if self.experiment == "blind" else self.experiment

    @property
    def overlap(self) -> float | None:
        return float(self.experiment.split()[-1].rstrip("%")) / 100 if "overlap" in self.experiment else None

    def mean(self, arm: str) -> float:
        return float(self.accuracy[arm].mean())

    def difference(self, arm: str, other: str) -> np.ndarray:
        """Points of accuracy, of shape (n_seeds,), means over tables."""
        return 100 * (self.accuracy[arm] - self.accuracy[other]).mean(axis=0)


def settings_of(lines: Iterable[Line]) -> list[Setting]:
    """Arrange the lines; a seed counts where all tables have it with all arms."""
    found: dict[tuple[str, str], dict[tuple[str, int], dict[str, Line]]] = defaultdict(lambda: defaultdict(dict))
    arms: list[str] = []
    for line in lines:
        found[line["settings"]["experiment"], line["family"]][line["dataset"], line["seed"]][line["method"]] = line
        if line["method"] not in arms:
            arms.append(line["method"])
    made = []
    for (experiment, family), cells in found.items():
        tables = sorted({table for table, _ in cells})
        seeds = sorted({seed for _, seed in cells})
        seeds = [seed for seed in seeds if all(len(cells.get((table, seed), {})) == len(arms) for table in tables)]
        accuracy = {
            arm: np.array([[np.mean(cells[table, seed][arm]["accuracy"]) for seed in seeds] for table in tables])
            for arm in arms
        }
        made.append(Setting(experiment, family, tables, seeds, accuracy, dict(cells)))
    return [setting for setting in made if setting.seeds]


@dataclass(frozen=True)
class Compared:
    """An arm against another one in every setting, and over all of them."""

    arm: str
    other: str
    found: list[Paired]
    p: list[float]
    overall: Paired

    def counts(self) -> tuple[int, int]:
        """In how many settings the arm is better, and in how many worse, beyond chance."""
        pairs = list(zip(self.found, self.p, strict=True))
        return tuple(sum(q < SIGNIFICANT and sign * one.mean > 0 for one, q in pairs) for sign in (1, -1))


def compare(settings: Sequence[Setting], arm: str, other: str) -> Compared:
    found = [paired(setting.difference(arm, other)) for setting in settings]
    seeds = min(len(setting.seeds) for setting in settings)
    overall = paired(np.mean([setting.difference(arm, other)[:seeds] for setting in settings], axis=0))
    return Compared(arm, other, found, holm([one.p for one in found]), overall)


def shown(found: Paired, digits: int = 2) -> str:
    return f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"


def sided(found: Paired, words: tuple[str, str, str]) -> str:
    """Choose among more, no different, less."""
    if found.p >= SIGNIFICANT:
        return words[1]
    return words[0] if found.mean > 0 else words[2]


def slope(settings: Sequence[Setting], arm: str) -> Paired | None:
    """How many points the gain over before rises from no overlap to full overlap, by a straight line per seed."""
    some = [setting for setting in settings if setting.overlap is not None]
    if len(some) < 2:
        return None
    seeds = min(len(setting.seeds) for setting in some)
    gains = np.array([setting.difference(arm, BEFORE)[:seeds] for setting in some])
    return paired(np.polyfit([setting.overlap for setting in some], gains, 1)[0])


def by_group(settings: Sequence[Setting], arm: str, other: str) -> str:
    """The same difference within each group of experiments."""
    found = []
    for group, names in GROUPS.items():
        some = [setting for setting in settings if setting.experiment.startswith(names)]
        if some:
            found.append(f"{group} {shown(compare(some, arm, other).overall)}")
    return "; ".join(found)


def verdict(settings: Sequence[Setting], compared: dict[tuple[str, str], Compared]) -> list[str]:
    """The findings in sentences."""
    n = len(settings)
    texts = []
    help_ = compared[OURS, BEFORE]
    better, worse = help_.counts()
    texts.append(
        f"Do learners gain? {shown(help_.overall)} points over what they were, over all settings; more in {better} of "
        f"{n}, less in {worse}."
    )
    for arm, other, text in (
        (OURS, RAW, "Does a counterfactual beat sharing the raw row, with the same number of rounds?"),
        (ONE, RAW_ONE, "And with one round each?"),
    ):
        one = compared[arm, other]
        better, worse = one.counts()
        answer = sided(one.overall, ("Yes, on average", "No difference on average", "No, it is worse on average"))
        texts.append(
            f"{text} {answer}: {shown(one.overall)} points; better in {better} of {n} settings, worse in {worse} "
            f"({by_group(settings, arm, other)})."
        )
    for other, text in OTHERS.items():
        one = compared[OURS, other]
        better, worse = one.counts()
        texts.append(
            f"Against {text}: {sided(one.overall, ('better', 'no different', 'worse'))} on average, "
            f"{shown(one.overall)} points; better in {better} of {n} settings, worse in {worse}."
        )
    rise = slope(settings, OURS)
    if rise is not None:
        answer = sided(rise, ("Yes, the gain grows with it", "No, not measurably", "Yes, the gain shrinks with it"))
        texts.append(f"Does overlap of the features matter? {answer}: {shown(rise)} points from none to full.")
    return [*texts, harm_text(settings)]


def harmed(settings: Sequence[Setting], arm: str) -> tuple[float, float, float]:
    """Share of learners that end up worse, the mean gain in points, and the worst one."""
    gains = np.concatenate(
        [
            np.subtract(cell[arm]["accuracy"], cell[BEFORE]["accuracy"])
            for setting in settings
            for (_, seed), cell in setting.cells.items()
            if seed in setting.seeds
        ]
    )
    return float(np.mean(gains < -HARM)), 100 * float(gains.mean()), 100 * float(gains.min())


def harm_text(settings: Sequence[Setting]) -> str:
    always, improved = harmed(settings, OURS), harmed(settings, IMPROVED)
    return (
        f'Does accept="improved" keep learners from harm? Of all, {always[0]:.1%} lose more than {100 * HARM:.1f} '
        f'points with "always" (mean gain {always[1]:+.2f}, worst {always[2]:+.1f}), {improved[0]:.1%} with '
        f'"improved" ({improved[1]:+.2f}, worst {improved[2]:+.1f}).'
    )


def accuracy_table(settings: Sequence[Setting]) -> str:
    rows = [[setting.name, *(f"{100 * setting.mean(arm):.1f}" for arm in SHOWN)] for setting in settings]
    return markdown(["setting", *SHOWN], rows)


def loss_table(settings: Sequence[Setting]) -> str:
    rows = []
    for setting in settings:
        cells = [cell for (_, seed), cell in setting.cells.items() if seed in setting.seeds]
        rows.append(
            [setting.name, *(f"{np.mean([np.mean(cell[arm]['log_loss']) for cell in cells]):.2f}" for arm in SHOWN)]
        )
    return markdown(["setting", *SHOWN], rows)


def comparison_table(settings: Sequence[Setting], compared: dict[tuple[str, str], Compared]) -> str:
    head = ["setting", *(f"{arm} - {other}" for arm, other in compared)]
    rows = []
    for place, setting in enumerate(settings):
        cells = [f"{shown(one.found[place])}{' *' if one.p[place] < SIGNIFICANT else ''}" for one in compared.values()]
        rows.append([setting.name, *cells])
    rows.append(["**all**", *(shown(one.overall) for one in compared.values())])
    return markdown(head, rows)


def median_table(settings: Sequence[Setting]) -> str:
    """The median learner's accuracy on each table, as the paper gives it."""
    rows = []
    for setting in settings:
        for table in setting.tables:
            cells = [setting.cells[table, seed] for seed in setting.seeds]
            medians = [100 * np.mean([np.median(cell[arm]["accuracy"]) for cell in cells]) for arm in SHOWN]
            together = [100 * np.mean([cell[arm]["together"] for cell in cells]) for arm in (BEFORE, OURS, RAW)]
            rows.append([setting.name, table, *(f"{value:.1f}" for value in medians + together)])
    return markdown(["setting", "table", *SHOWN, *(f"all together: {arm}" for arm in (BEFORE, OURS, RAW))], rows)


def harm_table(settings: Sequence[Setting]) -> str:
    rows = []
    for setting in settings:
        row = [setting.name]
        for arm in (PAPER, OURS, IMPROVED):
            share, gain, worst = harmed([setting], arm)
            row.append(f"{share:.0%} / {gain:+.2f} / {worst:+.1f}")
        rows.append(row)
    return markdown(["setting", "paper", "default, always", "default, improved"], rows)


def draw_differences(ax: Any, settings: Sequence[Setting], compared: dict[tuple[str, str], Compared]) -> None:
    """Draw the default's lead over each control in every setting."""
    places = np.arange(len(settings))
    shift = np.linspace(-0.28, 0.28, 4)
    for offset, other in zip(shift, (RAW, TWICE, RANDOM, PLAIN), strict=True):
        found = compared[OURS, other].found
        means = np.array([one.mean for one in found])
        ends = np.abs([[one.low, one.high] for one in found] - means[:, None]).T
        style = {"fmt": MARKS[other], "color": COLORS[other], "ms": 4.5, "lw": 1.2, "capsize": 2}
        ax.errorbar(means, places + offset, xerr=ends, label=other, **style)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set_xscale("symlog", linthresh=2)
    ticks = [tick for tick in (-20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20) if ax.get_xlim()[0] < tick < ax.get_xlim()[1]]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(places, [setting.name for setting in settings])
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_xlabel("the default's lead in points of accuracy (linear up to 2)")
    ax.legend(frameon=False, title="over", fontsize=8)


def draw_overlap(ax: Any, settings: Sequence[Setting]) -> None:
    some = [setting for setting in settings if setting.overlap is not None]
    for number, arm in enumerate((OURS, RAW, RANDOM, PLAIN)):
        found = [paired(setting.difference(arm, BEFORE)) for setting in some]
        means = np.array([one.mean for one in found])
        ends = np.abs([[one.low, one.high] for one in found] - means[:, None]).T if found else None
        x = [100 * setting.overlap + 0.8 * (number - 1.5) for setting in some]
        ax.errorbar(x, means, yerr=ends, marker=MARKS[arm], color=COLORS[arm], ms=4.5, lw=1.2, capsize=2, label=arm)
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.set_xlabel("variables that all learners have, %")
    ax.set_ylabel("gain over before, points of accuracy")
    ax.legend(frameon=False, fontsize=8)


def draw(settings: Sequence[Setting], compared: dict[tuple[str, str], Compared], path: Path) -> None:
    fig, axes = plt.subplots(1, 2, figsize=(12.5, 0.5 * len(settings) + 1.6), width_ratios=(1.5, 1))
    draw_differences(axes[0], settings, compared)
    draw_overlap(axes[1], settings)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    plt.close(fig)


INTRODUCTION = """Several learners, each with its own rows, columns or algorithm, teach each other with
`CooperativeDistillation`, and are then judged one by one on rows that nobody had. **blind**: ten learners, each never
sees one of ten classes ({classes}; letter: A to J), and the other rows are dealt to them at random, about 60 each.
**silos**: a linear model, a tree and naive Bayes with 100 rows each of a credit table ({credit}; lending_club with as
many failed loans as others); in **own columns** half of the variables are known to all and the others to one each, in
**own region** a silo has a third of the first principal component's range, and one row in ten from anywhere. **same
rows**: a tree, a net and a linear model have the same 300 rows ({same}) and all variables, or share only some of them
and have the others to themselves. {seeds} seeds."""
CONTROLS = """Arms: *default* is the package's default with `accept="always"`, *default, improved* without it, and
*default, one round* with one round; *paper* has {paper}. Controls, with the same rows to teach from: *raw row*, the row
itself in the place of its counterfactual, with as many rounds and with one; *raw row twice*; *random row*, any row of
that class among the teacher's; *plain distillation*, each learner fitted on its own rows with half labels, half another
learner's answers, mean over the others; *merged*, each learner fitted on everybody's rows. Accuracy is the mean over
learners. Intervals (95 %) are over seeds, of means over tables; a star marks p < 0.05 by Holm's method over all
settings of a comparison."""


def report(lines: Sequence[Line], folder: Path, command: str) -> str:
    """Write ``cooperative.md`` and its picture; return the text."""
    settings = settings_of(lines)
    compared = {pair: compare(settings, *pair) for pair in COMPARISONS}

    def tables(chosen: Callable[[str], bool]) -> str:
        return ", ".join(sorted({table for one in settings if chosen(one.experiment) for table in one.tables}))

    introduction = INTRODUCTION.format(
        classes=tables(lambda name: name == "blind"),
        credit=tables(lambda name: name in ("silos", "own columns", "own region")),
        same=tables(lambda name: name.startswith("same")),
        seeds=min(len(setting.seeds) for setting in settings),
    )
    paper = "strength 0.5, one round, expertise on the learners' own rows, lacking columns filled with 0"
    parts = [
        "# Do learners teach each other by counterfactuals?\n",
        paragraph(introduction),
        "\n" + paragraph(CONTROLS.format(paper=paper)),
        "\n## Verdict\n",
        *(f"- {text}" for text in verdict(settings, compared)),
        "\n![The default's lead over its controls](cooperative.png)\n",
        "## Accuracy, mean over learners, tables and seeds\n",
        accuracy_table(settings),
        "\n## Points of accuracy between arms\n",
        comparison_table(settings, compared),
        "\n## Log-loss, mean over learners, tables and seeds\n",
        loss_table(settings),
        "\n## Harm: learners that lose more than half a point / mean gain / worst, in points\n",
        harm_table(settings),
        "\n## The median learner on each table, and the average of all learners' answers\n",
        median_table(settings),
        "\n## Where this comes from\n",
        paragraph(provenance(command, list(lines))),
    ]
    text = "\n".join(parts) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cooperative.md").write_text(text, encoding="utf-8")
    draw(settings, compared, folder / "cooperative.png")
    return text
