"""What redundant information distillation gains and when, from the lines of `benchmarks.rid`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._records import markdown, paragraph, provenance
from benchmarks._statistics import Paired, holm, paired

Line = dict[str, Any]
Place = tuple[str, str, str, float, int]
SIGNIFICANT = 0.05
CONDITIONS = {
    "trained": "(a) a trained teacher",
    "untrained": "(b) an untrained teacher",
    "nuisance": "(c) a trained teacher full of nuisance",
    "permuted": "a teacher of permuted labels",
}
IMAGES = "fashion"
OURS = "RID"
BASE = "plain"
DEFAULT_WEIGHT = 3.0
# How far behind the best method is near enough under a trained teacher, in points.
NEAR = 1.0
COLOURS = {
    "plain": "0.45",
    "KD": "tab:orange",
    "KD, 4": "tab:olive",
    "VID": "tab:red",
    "TED": "tab:purple",
    "RID, paper": "tab:cyan",
    "RID": "tab:blue",
}
MARKERS = {"trained": "o", "untrained": "s", "nuisance": "^"}


@dataclass(frozen=True)
class Grid:
    """Lines of one condition that are there for every method, place and seed, so that all is paired."""

    places: list[Place]
    seeds: list[int]
    methods: list[str]
    cells: dict[tuple[Place, int, str], Line]

    def values(self, method: str, *, weight: float | None = None) -> np.ndarray:
        """Accuracy in points, shape (places, seeds): at the weight chosen on validation rows, or at a given one."""
        return np.array([[self._value(p, s, method, weight) for s in self.seeds] for p in self.places])

    def gains(self, method: str, *, weight: float | None = None) -> np.ndarray:
        """Give points over the plain student, shape (places, seeds)."""
        return self.values(method, weight=weight) - self.values(BASE)

    def beyond(self, method: str, rival: str, *, weight: float | None = None) -> Paired:
        """Judge differences over seeds, each the mean over the places."""
        return paired((self.values(method, weight=weight) - self.values(rival)).mean(axis=0))

    def only(self, keep: Any) -> "Grid":
        return Grid([place for place in self.places if keep(place)], self.seeds, self.methods, self.cells)

    def _value(self, place: Place, seed: int, method: str, weight: float | None) -> float:
        line = self.cells[place, seed, method]
        if weight is None:
            return 100 * float(line["accuracy"])
        return 100 * float(line["curve"][line["weights"].index(weight)]["test"])


def place_of(line: Line) -> Place:
    names = ("dataset", "teacher", "condition", "share", "n_rows")
    found: Place = tuple(line["settings"][name] for name in names)  # type: ignore[assignment]
    return found


def grid(lines: Sequence[Line], condition: str, *, images: bool = False) -> Grid:
    """Take the places that have most seeds with all methods, and the seeds that all of them have."""
    lines = [line for line in lines if "curve" in line and (line["dataset"] == IMAGES) == images]
    lines = [line for line in lines if place_of(line)[2] == condition]
    methods = [name for name in COLOURS if any(line["method"] == name for line in lines)]
    cells = {(place_of(line), line["seed"], line["method"]): line for line in lines}
    full: dict[Place, set[int]] = {}
    for place, seed, _ in cells:
        if all((place, seed, method) in cells for method in methods):
            full.setdefault(place, set()).add(seed)
    most = max((len(seeds) for seeds in full.values()), default=0)
    # A run that was stopped in a stage has fewer seeds there; these places wait for the rest.
    places = [place for place, seeds in full.items() if len(seeds) >= max(2, 0.5 * most)]
    seeds = sorted(set.intersection(*(full[place] for place in places))) if places else []
    return Grid(sorted(places), seeds, methods, cells)


def grids(lines: Sequence[Line], *, images: bool = False) -> dict[str, Grid]:
    found = {condition: grid(lines, condition, images=images) for condition in CONDITIONS}
    return {condition: one for condition, one in found.items() if one.places and one.seeds}


@dataclass(frozen=True)
class Verdict:
    """RID against one other method under one condition, with its p-value corrected for all comparisons."""

    condition: str
    rival: str
    beyond: Paired
    p: float

    @property
    def word(self) -> str:
        if self.p >= SIGNIFICANT:
            return "not told apart from"
        return "above" if self.beyond.mean > 0 else "below"


def verdicts(found: dict[str, Grid]) -> list[Verdict]:
    pairs = [(name, rival) for name, one in found.items() for rival in one.methods if rival != OURS]
    beyond = [found[name].beyond(OURS, rival) for name, rival in pairs]
    corrected = holm([b.p for b in beyond])
    return [Verdict(*pair, one, p) for pair, one, p in zip(pairs, beyond, corrected, strict=True)]


def summary(found: dict[str, Grid], judged: Sequence[Verdict]) -> list[str]:
    """Judge the three goals, one sentence each."""
    texts = []
    for name, one in found.items():
        own = {verdict.rival: verdict for verdict in judged if verdict.condition == name}
        means = {method: float(one.values(method).mean()) for method in one.methods}
        best = max(means, key=means.__getitem__)
        rivals = max((m for m in means if m != OURS), key=means.__getitem__)
        if name == "trained":
            gap = own[rivals].beyond
            met = "met" if gap.mean > -NEAR else "not met"
            sure = ", the whole interval" if gap.low > -NEAR else ""
            said = f"within {NEAR:.0f} point of the best: {met}{sure}. RID less {rivals}, the best other, {shown(gap)}."
        elif name == "untrained":
            gap = own[BASE].beyond
            met = "met" if gap.mean >= 0 else "not met, but not told apart" if own[BASE].p >= SIGNIFICANT else "not met"
            said = f"at least the plain student: {met}. RID less plain {shown(gap)}, {own[BASE].word} it."
        else:
            met = "met" if best == OURS else "not met"
            told = "; ".join(f"{v.word} {v.rival} ({shown(v.beyond)})" for v in own.values())
            said = f"first: {met} by the means (best: {best}). RID is {told}."
        texts.append(f"**{CONDITIONS[name]}**, {said}")
    return texts


def shown(found: Paired) -> str:
    return f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def gain_table(found: dict[str, Grid]) -> str:
    """Tabulate points over the plain student by condition and method."""
    methods = [name for name in COLOURS if name != BASE and any(name in one.methods for one in found.values())]
    rows = []
    for name, one in found.items():
        chosen = [shown(one.beyond(method, BASE)) for method in methods]
        fixed = shown(one.beyond(OURS, BASE, weight=DEFAULT_WEIGHT)) if _has(one, DEFAULT_WEIGHT) else "-"
        rows.append([CONDITIONS[name], f"{one.values(BASE).mean():.1f}", *chosen, fixed])
    return markdown(["condition", "plain", *methods, f"RID, always {DEFAULT_WEIGHT:g}"], rows)


def curve_table(found: dict[str, Grid]) -> str:
    """Tabulate points over the plain student at every weight: the mean, and that of the worst place."""
    rows, weights = [], _weights(found)
    for name, one in found.items():
        for method in one.methods:
            if method != BASE:
                means = [one.gains(method, weight=weight).mean(axis=1) for weight in weights]
                rows.append([name, method, *(f"{m.mean():+.1f} ({m.min():+.1f})" for m in means)])
    return markdown(["condition", "method", *(f"{weight:g}" for weight in weights)], rows)


def place_table(found: dict[str, Grid]) -> str:
    """Tabulate points over the plain student at each place."""
    methods = [name for name in COLOURS if name != BASE and any(name in one.methods for one in found.values())]
    rows = []
    for one in found.values():
        for k, place in enumerate(one.places):
            teacher = np.mean([100 * one.cells[place, seed, OURS]["teacher_accuracy"] for seed in one.seeds])
            trust = np.mean([np.mean(one.cells[place, seed, OURS]["trust"] or [1.0]) for seed in one.seeds])
            means = [f"{one.gains(method)[k].mean():+.1f}" for method in methods]
            rows.append([*place, f"{teacher:.1f}", f"{trust:.2f}", f"{one.values(BASE)[k].mean():.1f}", *means])
    head = ["table", "teacher", "condition", "share", "rows", "teacher's accuracy", "trust", "plain", *methods]
    return markdown(head, rows)


def sweep(found: dict[str, Grid]) -> dict[str, dict[float, Paired]]:
    """Collect points over plain by the share of nuisance, at the places that all shares have; 0 is no nuisance."""
    if "nuisance" not in found or "trained" not in found:
        return {}
    one, calm = found["nuisance"], found["trained"]
    shares = sorted({place[3] for place in one.places})
    key = {share: {(p[0], p[1], p[4]) for p in one.places if p[3] == share} for share in shares}
    same = set.intersection(*key.values()) & {(p[0], p[1], p[4]) for p in calm.places}
    if not same:
        return {}
    parts = {0.0: calm.only(lambda p: (p[0], p[1], p[4]) in same)}
    parts |= {s: one.only(lambda p, s=s: p[3] == s and (p[0], p[1], p[4]) in same) for s in shares}
    methods = [method for method in one.methods if method != BASE]
    return {method: {share: part.beyond(method, BASE) for share, part in parts.items()} for method in methods}


def sweep_table(found: dict[str, Grid]) -> str:
    swept = sweep(found)
    shares = list(next(iter(swept.values()))) if swept else []
    rows = [[method, *(shown(one[share]) for share in shares)] for method, one in swept.items()]
    return markdown(["method", *(f"share {share:g}" for share in shares)], rows)


def atoms(found: dict[str, Grid]) -> dict[tuple[str, str], dict[str, float]]:
    """Average the information that student and teacher hold, in bits, over places and the seeds that have it."""
    means = {}
    for name, one in found.items():
        for method in one.methods:
            lines = [one.cells[place, seed, method] for place in one.places for seed in one.seeds]
            told = [line["information"] for line in lines if "information" in line]
            if told:
                means[name, method] = {atom: float(np.mean([t[atom] for t in told])) for atom in told[0]}
    return means


def information_table(found: dict[str, Grid]) -> str:
    rows = [
        [condition, method, *(f"{one[a]:.3f}" for a in ("redundancy", "unique_teacher", "unique_student"))]
        for (condition, method), one in atoms(found).items()
    ]
    return markdown(["condition", "student", "Red", "Uni of the teacher", "Uni of the student"], rows)


def throughput_table(lines: Sequence[Line]) -> str:
    rows = [
        [line["method"], f"{line['rows_per_second']:,.0f}", f"{line['ratio']:.2f}"]
        for line in lines
        if line["dataset"] == "throughput"
    ]
    return markdown(["method", "rows per second and epoch", "against the net's own fit"], rows)


INTRODUCTION = """{tables} tables ({names}), {seeds} seeds, {cells} cells. In each, a teacher is fitted on up to 2,000
rows of its own, and a student, a net of two hidden layers of 32 units, on {sizes} other rows with labels: plainly;
distilled from the teacher's answers (KD, by `DistilledClassifier`, at temperatures 1 and 4); and by `RIDStudent`,
methods `"vid"`, `"ted"` and `"rid"`, the last with the paper's settings (`match="hidden"`, `filter_fraction=0.25`) and
with the defaults. Every method goes over the same weights of the transfer ({weights}; KD's alpha is w / (1 + w)), of
which 300 validation rows choose; plain has none. An untrained net has its random weights, untrained trees have learned
permuted labels. Nuisance is further columns, a share of all, which hold four clusters and noise, all independent of y;
the teacher has learned to tell the clusters besides the classes, and its inside serves both. Its answers are those
about the classes alone. Teacher and student see all columns. Intervals are over seeds, of means over tables, teachers
and sizes."""
CURVES = """Points over the plain student at each weight, mean over places and, in brackets, at the worst of them: what
becomes of a weight that nobody has chosen."""
PLANES = """In bits, on up to 2,000 test rows, between the teacher's representation and the student's last hidden layer,
each encoded by clusters; of the students with chosen weights."""
IMAGE_TEXT = """The paper's own setting in small: 14 x 14 pixels, convolutional nets of two layers, 2,000 rows for the
teacher, 500 for the student, {seeds} seeds."""
SPEED = """Processor time of an epoch, 10,000 rows of 40 columns in batches of 128, net of two layers of 64 units,
skorch's own data loader; filters that are fitted before training are left out, as the representation is."""
BELOW = """Differences in points of accuracy with 95 % intervals; told apart by Holm's method over all comparisons with
RID below."""


def report(lines: Sequence[Line], folder: Path, command: str) -> str:
    """Write ``rid.md`` and its picture; return the text."""
    lines = list(lines)
    found = grids(lines)
    judged = verdicts(found)
    used = [line for one in found.values() for line in one.cells.values()]
    tables = sorted({line["dataset"] for line in used})
    introduction = INTRODUCTION.format(
        tables=len(tables),
        names=", ".join(tables),
        seeds=" to ".join(str(n) for n in sorted({len(one.seeds) for one in found.values()})),
        cells=len(lines),
        sizes=" or ".join(f"{n:,}" for n in sorted({place[4] for one in found.values() for place in one.places})),
        weights=", ".join(f"{weight:g}" for weight in _weights(found)),
    )
    parts = [
        "# Redundant information distillation\n",
        paragraph(introduction),
        "\n## Verdict\n",
        *(f"- {text}" for text in summary(found, judged)),
        "\n" + paragraph(BELOW),
        "\n## Points of accuracy over the plain student, weights chosen on validation rows\n",
        gain_table(found),
        "\n## The curve over weights\n",
        paragraph(CURVES) + "\n",
        curve_table(found),
        "\n## By the share of nuisance\n",
        sweep_table(found),
        "\n## RID against each\n",
        verdict_table(judged),
        "\n## Information\n",
        paragraph(PLANES) + "\n",
        information_table(found),
        "\n## Everywhere\n",
        place_table(found),
        *_image_parts(lines),
        "\n## Throughput\n",
        paragraph(SPEED) + "\n",
        throughput_table(lines),
        "\n## Where it was run\n",
        provenance(command, lines),
        "",
    ]
    text = "\n".join(parts)
    (folder / "rid.md").write_text(text, encoding="utf-8")
    _picture(found, folder)
    return text


def _image_parts(lines: Sequence[Line]) -> list[str]:
    found = grids(lines, images=True)
    if not found:
        return ["\n## Fashion-MNIST\n", "Not run: its files were not there."]
    seeds = min(len(one.seeds) for one in found.values())
    return [
        "\n## Fashion-MNIST\n",
        paragraph(IMAGE_TEXT.format(seeds=seeds)) + "\n",
        gain_table(found),
        "",
        curve_table(found),
    ]


def verdict_table(judged: Sequence[Verdict]) -> str:
    rows = [[v.condition, v.rival, shown(v.beyond), f"{v.p:.3f}", f"{v.word} {v.rival}"] for v in judged]
    return markdown(["condition", "RID less", "points", "p", "verdict"], rows)


def draw_curves(axes: Sequence[Any], found: dict[str, Grid]) -> None:
    """Draw what each method gains at each weight, one panel per condition, cut off below."""
    weights = _weights(found)
    for ax, (name, one) in zip(axes, found.items(), strict=False):
        lowest = 0.0
        for method in one.methods:
            if method == BASE:
                continue
            curve = np.array([one.gains(method, weight=weight).mean() for weight in weights])
            ax.semilogx(weights, curve, marker=".", color=COLOURS[method], label=method)
            lowest = min(lowest, float(np.percentile(curve, 40)))
        highest = max(float(one.gains(m, weight=w).mean()) for m in one.methods if m != BASE for w in weights)
        ax.axhline(0, color=COLOURS[BASE], lw=1, label=BASE)
        ax.set_ylim(max(-6.0, min(lowest, -1.0)) - 0.5, max(highest, 1.0) + 0.5)
        ax.set(title=CONDITIONS[name], xlabel="weight of the transfer")
    axes[0].set_ylabel("points over the plain student")


def draw_sweep(ax: Any, found: dict[str, Grid]) -> None:
    """Draw what each method gains against the share of nuisance."""
    for k, (method, one) in enumerate(sweep(found).items()):
        shares = np.array(list(one))
        means = np.array([p.mean for p in one.values()])
        reach = np.array([p.high - p.mean for p in one.values()])
        ax.errorbar(shares + 0.008 * (k - 2), means, reach, color=COLOURS[method], marker=".", capsize=2, label=method)
    ax.axhline(0, color=COLOURS[BASE], lw=1)
    ax.set(title="weights chosen on validation rows", xlabel="share of nuisance columns", ylabel="points over plain")


def draw_plane(ax: Any, found: dict[str, Grid]) -> None:
    """Draw what the student shares with the teacher, and what the teacher alone still holds."""
    for (condition, method), one in atoms(found).items():
        ax.plot(one["redundancy"], one["unique_teacher"], MARKERS[condition], color=COLOURS[method], ms=7, mec="white")
    for condition, marker in MARKERS.items():
        ax.plot([], [], marker, color="0.4", label=condition)
    ax.legend(frameon=False, title="teacher")
    ax.set(title="information about y, in bits", xlabel="Red", ylabel="Uni of the teacher")


def _picture(found: dict[str, Grid], folder: Path) -> None:
    import matplotlib.pyplot as plt

    fig, axes = plt.subplot_mosaic("abc;ssp", figsize=(12, 7.5), layout="constrained")
    draw_curves([axes[k] for k in "abc"], found)
    draw_sweep(axes["s"], found)
    draw_plane(axes["p"], found)
    fig.legend(*axes["a"].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False)
    fig.savefig(folder / "rid.png", dpi=110)
    plt.close(fig)


def _weights(found: dict[str, Grid]) -> list[float]:
    lines = [line for one in found.values() for line in one.cells.values() if line["method"] == OURS]
    return list(lines[0]["weights"]) if lines else []


def _has(one: Grid, weight: float) -> bool:
    return all(weight in line["weights"] for key, line in one.cells.items() if key[2] == OURS)
