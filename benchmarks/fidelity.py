"""Which findings of "Does Knowledge Distillation Really Work?" (Stanton et al. 2021) hold on tables?

python -m benchmarks.fidelity            every missing cell, then the report
python -m benchmarks.fidelity --report   only the report
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks._setting import MEMORY, RememberedTeacher, fit_hard
from benchmarks.fidelity_report import report
from skdistill import DistilledClassifier
from skdistill.fidelity import agreement_score, expected_calibration_error, jensen_shannon, predictive_kl
from skdistill.samplers import MixupSampler, MungeSampler

FILE = "fidelity.jsonl"
DATASETS = ("adult", "bank", "phoneme", "satimage", "spambase", "optdigits", "diamonds", "letter")
SEEDS = 10
KINDS = ("forest", "boosted")
SIZES = (1, 3, 5)
# Leaves of a tree, rounds of LightGBM. A boosted teacher's member has BOOSTED rounds of the same shape.
CAPACITIES: dict[str, tuple[int | None, ...]] = {"tree": (16, 128, None), "lightgbm": (10, 40, 80)}
BOOSTED = 40
# Trees take the whole grid; LightGBM a part of it, on tables of few classes, whose number its rounds are multiplied by.
GRID: dict[str, dict[str, Sequence[Any]]] = {
    "tree": {
        "sizes": SIZES,
        "sources": ("same", "fresh", "both", "munge", "munge4", "mixup"),
        "temperatures": (1.0, 4.0),
    },
    "lightgbm": {"sizes": (1, 5), "sources": ("same", "both", "munge4"), "temperatures": (1.0,)},
}
FEW_CLASSES = 6
LABELLED = ("same", "fresh", "both")
ON_TEST = ("agreement", "js", "kl", "accuracy", "ece")
ON_LESSON = ("lesson_agreement", "lesson_js", "lesson_kl")
OF_TWIN = ("seed_agreement", "seed_js", "seed_accuracy", "seed_ece", "seed_lesson_agreement")
OF_OTHER_ROWS = ("rows_agreement", "rows_js")
COLUMNS = ("capacity", "source", "temperature", *ON_TEST, *ON_LESSON, *OF_TWIN, *OF_OTHER_ROWS)


@dataclass(frozen=True)
class Caps:
    """Rows of each of three disjoint training samples, and at most how many rows judge; trees of a forest."""

    train: int = 1000
    test: int = 3000
    n_trees: int = 20


@dataclass(frozen=True)
class Rows:
    """The teachers' training rows, fresh rows, the rows of the teacher that has seen others, and test rows."""

    name: str
    fingerprint: str
    seed: int
    X: dict[str, np.ndarray]
    y: dict[str, np.ndarray]

    @property
    def classes(self) -> np.ndarray:
        return np.unique(self.y["train"])


def split(name: str, seed: int, caps: Caps) -> Rows:
    X, y, fingerprint = _setting.matrix(name)
    rest = np.arange(len(y))
    parts = {}
    for part in ("train", "fresh", "other"):
        parts[part], rest = train_test_split(rest, train_size=caps.train, stratify=y[rest], random_state=seed)
    parts["test"] = np.random.RandomState(seed).permutation(rest)[: caps.test]
    return Rows(name, fingerprint, seed, {k: X[v] for k, v in parts.items()}, {k: y[v] for k, v in parts.items()})


class Vote(ClassifierMixin, BaseEstimator):
    """The mean of fitted members' probabilities."""

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = members

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Vote":
        return self

    @property
    def classes_(self) -> np.ndarray:
        return self.members[0].classes_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.mean([member.predict_proba(X) for member in self.members], axis=0)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def make_member(kind: str, seed: int, n_trees: int) -> Any:
    """One member of an ensemble: individual enough for a vote of several to differ from it."""
    if kind == "forest":
        return RandomForestClassifier(n_trees, random_state=seed, n_jobs=1)
    return LGBMClassifier(
        n_estimators=BOOSTED,
        learning_rate=0.15,
        num_leaves=31,
        subsample=0.5,
        subsample_freq=1,
        colsample_bytree=0.5,
        random_state=seed,
        n_jobs=1,
        verbose=-1,
    )


def make_student(family: str, capacity: int | None, seed: int) -> Any:
    if family == "tree":
        return DecisionTreeClassifier(max_leaf_nodes=capacity, random_state=seed)
    return LGBMClassifier(
        n_estimators=capacity, learning_rate=0.15, num_leaves=31, random_state=seed, n_jobs=1, verbose=-1
    )


class Bench:
    """The rows of one table under one seed, the teachers, and what students are taught on."""

    def __init__(self, data: Rows, n_trees: int) -> None:
        self.data = data
        self.n_trees = n_trees
        n, rows = len(data.y["train"]), data.X["train"]
        munge = MungeSampler().fit(rows).sample(4 * n, random_state=data.seed)
        nothing = rows[:0]
        self.further = {
            "same": nothing,
            "fresh": nothing,
            "both": data.X["fresh"],
            "munge": munge[:n],
            "munge4": munge,
            "mixup": MixupSampler().fit(rows).sample(n, random_state=data.seed),
        }

    def teacher(self, kind: str, size: int, twin: str) -> Vote:
        """Return a teacher: the "original", one with another "seed", or one fitted on other "rows"."""
        number = ("original", "seed", "rows").index(twin)
        part = "other" if twin == "rows" else "train"
        members = []
        for place in range(size):
            # No two members of any teachers share a seed.
            member = make_member(kind, 1000 * self.data.seed + 10 * number + place, self.n_trees)
            members.append(RememberedTeacher(member).fit(self.data.X[part], self.data.y[part]))
        return Vote(members)

    def lesson(self, source: str) -> np.ndarray:
        """Return all rows of a source."""
        return np.vstack([self.labelled(source)[0], self.further[source]])

    def labelled(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        part = "fresh" if source == "fresh" else "train"
        return self.data.X[part], self.data.y[part]

    def taught(self, teacher: Vote, student: Any, source: str, temperature: float) -> DistilledClassifier:
        """Distil: the teacher's answers alone, in-sample where the rows are its own training rows."""
        model = DistilledClassifier(
            FrozenEstimator(teacher), student, alpha=1.0, temperature=temperature, random_state=self.data.seed
        )
        further = self.further[source]
        return model.fit(*self.labelled(source), X_unlabeled=further if len(further) else None)

    def by_labels(self, student: Any, source: str) -> Any:
        X, y = self.labelled(source)
        if source == "both":
            X, y = np.vstack([X, self.data.X["fresh"]]), np.concatenate([y, self.data.y["fresh"]])
        return fit_hard(student, X, y, self.data.seed)


def close(told: np.ndarray, proba: np.ndarray) -> tuple[float, float, float]:
    """Agreement, Jensen-Shannon divergence and KL divergence of answers from the teacher's."""
    agreement = agreement_score(told.argmax(axis=1), proba.argmax(axis=1))
    return float(agreement), float(jensen_shannon(told, proba)), float(predictive_kl(told, proba))


def judged(y: np.ndarray, proba: np.ndarray) -> tuple[float, float]:
    error = expected_calibration_error(y, proba, classes=np.arange(proba.shape[1]), n_bins=15, strategy="uniform")
    return float(accuracy_score(y, proba.argmax(axis=1))), float(error)


def measure(bench: Bench, family: str, kind: str, size: int) -> dict[str, Any]:
    """Measure every student of one teacher, with its controls: one line."""
    X_test, y_test = bench.data.X["test"], bench.data.y["test"]
    teachers = {twin: bench.teacher(kind, size, twin) for twin in ("original", "seed", "rows")}
    told = {twin: teacher.predict_proba(X_test) for twin, teacher in teachers.items()}
    facts: dict[str, Any] = {f"teacher_{twin}": judged(y_test, answer) for twin, answer in told.items()}
    facts |= {f"between_{twin}": close(told["original"], told[twin])[:2] for twin in ("seed", "rows")}
    lessons = {source: teachers["original"].predict_proba(bench.lesson(source)) for source in GRID[family]["sources"]}
    facts["lessons"] = {source: (len(answer), answer.max(axis=1).mean()) for source, answer in lessons.items()}
    facts["columns"] = COLUMNS
    facts["students"] = [_rounded(row) for row in _students(bench, family, teachers, told["original"])]
    return facts


def _students(bench: Bench, family: str, teachers: dict[str, Vote], told: np.ndarray) -> Iterator[list[Any]]:
    data, grid = bench.data, GRID[family]
    X_test, y_test = data.X["test"], data.y["test"]
    for capacity, source in product(CAPACITIES[family], grid["sources"]):
        lesson = bench.lesson(source)
        told_lesson = teachers["original"].predict_proba(lesson)
        student = make_student(family, capacity, data.seed)
        for temperature in grid["temperatures"]:
            model = bench.taught(teachers["original"], student, source, temperature)
            proba = model.predict_proba(X_test)
            row = [capacity, source, temperature, *close(told, proba), *judged(y_test, proba)]
            row += close(told_lesson, model.predict_proba(lesson))
            control = bench.taught(teachers["seed"], student, source, temperature)
            proba = control.predict_proba(X_test)
            row += [*close(told, proba)[:2], *judged(y_test, proba)]
            row.append(close(told_lesson, control.predict_proba(lesson))[0])
            if family == "tree" and temperature == 1:
                control = bench.taught(teachers["rows"], student, source, temperature)
                row += close(told, control.predict_proba(X_test))[:2]
            yield row
        if source in LABELLED:
            key = ("labels", family, capacity, source, data.name, data.seed)
            plain = MEMORY.get(key, lambda s=student, rows=source: bench.by_labels(s, rows))
            proba = plain.predict_proba(X_test)
            row = [capacity, source, "labels", *close(told, proba), *judged(y_test, proba)]
            yield [*row, *close(told_lesson, plain.predict_proba(lesson))]


def _rounded(row: list[Any]) -> list[Any]:
    return [round(float(value), 5) if isinstance(value, float | np.floating) else value for value in row]


def run(lines: Lines, names: Sequence[str], seeds: range, caps: Caps, families: Sequence[str]) -> None:
    settings = {"rows": [caps.train, caps.test], "n_trees": caps.n_trees, "n_rounds": BOOSTED}
    # Seed by seed, so that a run that is stopped leaves every table with the same number of seeds.
    for seed, name in product(seeds, names):
        facts = {"dataset": name, "fingerprint": _setting.matrix(name)[2], "seed": seed}
        few = len(np.unique(_setting.matrix(name)[1])) <= FEW_CLASSES
        wanted = []
        for family, kind in product([family for family in families if few or family == "tree"], KINDS):
            for size in GRID[family]["sizes"]:
                cell = {**facts, "family": family, "method": f"{kind} {size}", "settings": settings}
                wanted.append((cell, family, kind, size))
        missing = [entry for entry in wanted if not lines.has(entry[0])]
        if missing:
            start = time.process_time()
            bench = Bench(split(name, seed, caps), caps.n_trees)
            for cell, family, kind, size in missing:
                lines.add({**cell, "n_test": len(bench.data.y["test"]), **measure(bench, family, kind, size)})
            MEMORY.clear()
            say(f"{name} seed {seed}: {len(missing)} cells, {time.process_time() - start:.0f} s")


def main() -> None:
    made = parser(__doc__ or "")
    made.set_defaults(seeds=SEEDS)
    options = made.parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        with _setting.quiet():
            run(lines, options.datasets or DATASETS, range(options.seeds), Caps(), options.families or tuple(GRID))
    report(lines.cells, options.results, "python -m benchmarks.fidelity")


def quick() -> None:
    """Run the whole grid on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        run(lines, ["phoneme"], range(2), Caps(100, 100, 3), tuple(GRID))
        expected = 2 * len(KINDS) * sum(len(grid["sizes"]) for grid in GRID.values())
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "Verdicts" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
