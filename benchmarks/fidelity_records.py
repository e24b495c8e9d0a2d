"""Records of the students in the lines of `benchmarks.fidelity`, and means, contrasts and correlations over them.

Tables are the unit: a value is averaged over cells and seeds of a table first, and the t-interval is over tables.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from scipy import stats

from benchmarks._statistics import Paired, holm, paired

Record = dict[str, Any]
Value = Callable[[Record], float]
# One value per seed, by table.
BySeed = dict[str, np.ndarray]

SIGNIFICANT = 0.05
KINDS = ("forest", "boosted")
CELL = ("family", "kind", "size", "capacity", "source", "temperature")
STUDENTS = {"tree": (16, 128, None), "lightgbm": (10, 40, 80)}
UNITS = {"tree": "leaves", "lightgbm": "rounds"}


@dataclass(frozen=True)
class Estimate:
    """A mean over tables with its t-interval, and on how many tables it is above or below zero (Holm, over seeds)."""

    over_tables: Paired
    above: int
    below: int
    means: dict[str, float]

    def __str__(self) -> str:
        found = self.over_tables
        return f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"

    @property
    def counts(self) -> str:
        return f"{self.above} / {self.below} of {self.over_tables.n}"


class Students:
    """Records of students, one each, kept by what they are but for table and seed."""

    def __init__(self, cells: dict[tuple[Any, ...], list[Record]]) -> None:
        self.cells = cells
        self.kept: dict[Any, dict[str, BySeed]] = {}

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(self.cells.values())

    def __len__(self) -> int:
        return sum(map(len, self.cells.values()))


def records_of(lines: Iterable[dict[str, Any]]) -> Students:
    """One record per student, with what its line says of the teacher; splits that lack a teacher are left out."""
    cells: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for line in _complete(list(lines)):
        kind, size = line["method"].split()
        facts = {name: line[name] for name in ("dataset", "seed", "family")}
        facts |= {"kind": kind, "size": int(size), "between_seed": line["between_seed"][0]}
        facts |= dict(zip(("teacher_accuracy", "teacher_ece"), line["teacher_original"], strict=True))
        for row in line["students"]:
            # Students of labels have no controls, so that their rows are shorter.
            record = {**facts, **dict(zip(line["columns"], row, strict=False))}
            record["lesson_confidence"] = line["lessons"][record["source"]][1]
            cells[tuple(record[name] for name in CELL)].append(record)
    return Students(dict(cells))


def _complete(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the splits that have all teachers, which one that a run has been stopped at has not."""
    names = ("family", "dataset", "seed")
    counts = Counter(tuple(line[name] for name in names) for line in lines)
    most = {family: max(n for key, n in counts.items() if key[0] == family) for family in {key[0] for key in counts}}
    return [line for line in lines if counts[tuple(line[name] for name in names)] == most[line["family"]]]


def where(records: Students, **wanted: Any) -> Students:
    """Keep the records whose entries are as wanted; a tuple stands for any of its members."""
    sets = [(CELL.index(n), values if isinstance(values, tuple) else (values,)) for n, values in wanted.items()]
    kept = {cell: part for cell, part in records.cells.items() if all(cell[at] in values for at, values in sets)}
    return Students(kept)


def taught(records: Students) -> Students:
    """Leave out the students of labels."""
    return Students({cell: part for cell, part in records.cells.items() if cell[-1] != "labels"})


def level(records: Students, value: Value) -> BySeed:
    """Average a value over the cells of a table and seed."""
    return _averaged((record["dataset"], record["seed"], value(record)) for record in records)


def contrast(records: Students, factor: str, one: Any, other: Any, value: Value) -> BySeed:
    """Average the difference of a value between two levels of a factor over cells that are alike but for it."""
    at, found = CELL.index(factor), []
    for cell, here in records.cells.items():
        there = records.cells.get((*cell[:at], other, *cell[at + 1 :])) if cell[at] == one else None
        if there:
            known = {(record["dataset"], record["seed"]): record for record in there}
            pairs = [(record, known.get((record["dataset"], record["seed"]))) for record in here]
            found += [(a["dataset"], a["seed"], value(a) - value(b)) for a, b in pairs if b]
    return _averaged(found)


def _averaged(values: Iterable[tuple[str, int, float]]) -> BySeed:
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for dataset, seed, value in values:
        found[dataset][seed].append(value)
    return {name: np.array([np.mean(seeds[seed]) for seed in sorted(seeds)]) for name, seeds in found.items()}


def estimate(by_seed: BySeed) -> Estimate:
    """Judge a value over tables, and table by table over seeds."""
    each = [paired(values) for values in by_seed.values()]
    sure = holm([found.p for found in each]) < SIGNIFICANT
    above = sum(found.mean > 0 and known for found, known in zip(each, sure, strict=True))
    means = {name: found.mean for name, found in zip(by_seed, each, strict=True)}
    return Estimate(paired(list(means.values())), above, int(sure.sum()) - above, means)


def agreement(record: Record) -> float:
    return record["agreement"]


def gap(record: Record) -> float:
    """How much nearer to the teacher the student is than the student of an independent teacher."""
    return record["agreement"] - record["seed_agreement"]


def shortfall(record: Record) -> float:
    """How far agreement lies below what the two accuracies allow."""
    return 1 - abs(record["teacher_accuracy"] - record["accuracy"]) - record["agreement"]


def named(family: str, capacity: int | None) -> str:
    return f"{family}, {'all' if capacity is None else capacity} {UNITS[family]}"


def mean(by_seed: BySeed) -> str:
    return f"{np.mean([values.mean() for values in by_seed.values()]):.3f}"


def lesson(record: Record) -> float:
    return record["lesson_agreement"]


def _related(ranks: np.ndarray, other: np.ndarray) -> float:
    """Correlate two rows of ranks; 0 where one of them says nothing."""
    if np.ptp(ranks) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(ranks, other)[0, 1])


RANKED = {"agreement": 1, "ece": -1, "accuracy": 1, "js": -1, "seed_agreement": 1, "seed_ece": -1}


def _correlations(students: list[Record]) -> dict[str, float]:
    """Rank correlations over the students of one teacher on one table; positive: the more faithful, the better."""
    columns = np.array([[sign * record[name] for record in students] for name, sign in RANKED.items()])
    faithful, good, accurate, near, as_control, good_control = stats.rankdata(columns, axis=1)
    raw, a, b = _related(faithful, good), _related(faithful, accurate), _related(good, accurate)
    rest = (1 - a**2) * (1 - b**2)
    sizes = np.array([str(record["capacity"]) for record in students])
    alike = [stats.rankdata(columns[:2, sizes == size], axis=1) for size in np.unique(sizes)]
    return {
        "ece": raw,
        "control": _related(as_control, good_control),
        "js": _related(near, good),
        "alike": float(np.mean([_related(*ranks) for ranks in alike])),
        "given accuracy": (raw - a * b) / np.sqrt(rest) if rest > 1e-12 else 0.0,
        "accuracy": a,
        # 1 for the best calibrated of all, 0 for the worst.
        "place": (good[int(np.argmax(faithful))] - 1) / (len(good) - 1),
    }


def correlations(records: Students, family: str, kind: str, size: int) -> dict[str, BySeed]:
    """Rank correlations by table and seed, over the students of a teacher."""
    key = (family, kind, size)
    if key not in records.kept:
        groups: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in taught(where(records, family=family, kind=kind, size=size)):
            groups[record["dataset"], record["seed"]].append(record)
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for (dataset, _), students in sorted(groups.items()):
            for name, value in _correlations(students).items():
                found[name][dataset].append(value)
        records.kept[key] = {name: {d: np.array(v) for d, v in tables.items()} for name, tables in found.items()}
    return records.kept[key]


def difference(one: BySeed, other: BySeed) -> BySeed:
    return {name: one[name] - other[name] for name in one}
