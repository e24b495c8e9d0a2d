"""Where does distillation pay? Four situations, each against the plain fit of the same student.

python -m benchmarks.situations            every missing cell, then the report
python -m benchmarks.situations --report   only the report
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks._setting import MEMORY, Caps, RememberedTeacher, Split, fit_hard, metrics
from benchmarks.situations_report import report
from skdistill import DistilledClassifier

FILE = "situations.jsonl"
DATASETS = ("adult", "phoneme", "spambase", "bank", "satimage")
CAPS = Caps(train=1000, test=5000)
TEACHER = {"n_trees": 100, "n_rounds": 40}
SHARES = (0.05, 0.1, 0.25)
LARGE = ("tree", "logistic", "lightgbm", "net")
# A net in every cell would take most of the run.
B_FAMILIES = {0.05: LARGE[:3], 0.1: LARGE, 0.25: LARGE[:3]}
D_FAMILIES = ("tree", "lightgbm")
Cell = tuple[str, str, Callable[[], tuple[Any, Any, np.ndarray]]]


class Situation:
    """The rows of one data set under one seed, and how a student is fitted in each situation."""

    def __init__(self, data: Split, teacher: dict[str, int]) -> None:
        self.data = data
        self.teacher = RememberedTeacher(_setting.make_teacher(data.seed, **teacher))
        self.columns = np.random.RandomState(data.seed).permutation(data.X_train.shape[1])

    def student(self, family: str, n_columns: int | None = None, *, small: bool = False) -> Any:
        data = self.data
        return _setting.make_student(
            family, data.seed, n_columns or data.X_train.shape[1], len(data.classes), small=small
        )

    def fit(self, student: Any, X: np.ndarray, y: np.ndarray, teacher: Any, **rows: Any) -> DistilledClassifier:
        return DistilledClassifier(teacher, student, random_state=self.data.seed).fit(X, y, **rows)

    def cells(self, families: Sequence[str]) -> Iterator[Cell]:
        """Yield situation, family, and what gives the plain and the distilled student and their test rows."""
        for share in SHARES:
            for family in (f for f in B_FAMILIES[share] if f in families):
                yield f"B {share:.0%}, teacher of all rows", family, self._few_labels(share, family, frozen=True)
                if family != "net":
                    yield f"B {share:.0%}, teacher of these", family, self._few_labels(share, family, frozen=False)
        for family in families:
            if family != "net":
                yield "A all labelled", family, self._small(family, small=False)
            yield "C half the columns", family, self._fewer_columns(family)
            if family in D_FAMILIES:
                yield "D 8 leaves or 5 rounds", family, self._small(family, small=True)

    def _few_labels(self, share: float, family: str, *, frozen: bool) -> Callable[[], tuple[Any, Any, np.ndarray]]:
        def run() -> tuple[Any, Any, np.ndarray]:
            data = self.data
            rows = np.arange(len(data.y_train))
            labelled, rest = train_test_split(rows, train_size=share, stratify=data.y_train, random_state=data.seed)
            X, y = data.X_train[labelled], data.y_train[labelled]
            teacher = self.teacher
            if frozen:
                teacher = FrozenEstimator(clone(self.teacher).fit(data.X_train, data.y_train))
            student = self.student(family)
            plain = fit_hard(student, X, y, data.seed)
            return plain, self.fit(student, X, y, teacher, X_unlabeled=data.X_train[rest]), data.X_test

        return run

    def _fewer_columns(self, family: str) -> Callable[[], tuple[Any, Any, np.ndarray]]:
        def run() -> tuple[Any, Any, np.ndarray]:
            data = self.data
            kept = np.sort(self.columns[: -(-len(self.columns) // 2)])
            X = data.X_train[:, kept]
            student = self.student(family, len(kept))
            plain = fit_hard(student, X, data.y_train, data.seed)
            ours = self.fit(student, X, data.y_train, self.teacher, X_teacher=data.X_train)
            return plain, ours, data.X_test[:, kept]

        return run

    def _small(self, family: str, *, small: bool) -> Callable[[], tuple[Any, Any, np.ndarray]]:
        def run() -> tuple[Any, Any, np.ndarray]:
            data = self.data
            student = self.student(family, small=small)
            plain = fit_hard(student, data.X_train, data.y_train, data.seed)
            return plain, self.fit(student, data.X_train, data.y_train, self.teacher), data.X_test

        return run


def run(
    lines: Lines, names: Sequence[str], seeds: range, caps: Caps, families: Sequence[str], teacher: dict[str, int]
) -> None:
    for name, seed in product(names, seeds):
        start = time.process_time()
        data = _setting.split(name, seed, caps)
        situation = Situation(data, teacher)
        done = 0
        for title, family, fit in situation.cells(families):
            facts = {"dataset": name, "fingerprint": data.fingerprint, "family": family, "seed": seed}
            facts["settings"] = {"rows": [caps.train, caps.test], **teacher, "situation": title}
            if all(lines.has({**facts, "method": method}) for method in ("hard", "default")):
                continue
            done += 1
            for line in measure(data, teacher_of(situation), fit):
                lines.add({**facts, **line})
        if done:
            say(f"{name} seed {seed}: {done} pairs, {time.process_time() - start:.0f} s")
        MEMORY.clear()


def teacher_of(situation: Situation) -> np.ndarray:
    """The answers about the test rows of a teacher fitted on all training rows."""
    data = situation.data
    return clone(situation.teacher).fit(data.X_train, data.y_train).predict_proba(data.X_test)


def measure(data: Split, told: np.ndarray, fit: Callable[[], tuple[Any, Any, np.ndarray]]) -> Iterator[dict[str, Any]]:
    with _setting.remembered_students():
        plain, ours, X_test = fit()
    for method, model in (("hard", plain), ("default", ours)):
        line = {"method": method, **metrics(model.predict_proba(X_test), model.predict(X_test), data.y_test, told)}
        if method == "default":
            line["alpha"] = ours.alpha_
        yield line


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        with _setting.quiet():
            names, families = options.datasets or DATASETS, options.families or LARGE
            run(lines, names, range(options.seeds), CAPS, families, TEACHER)
    report(lines.cells, options.results, "python -m benchmarks.situations")


def quick() -> None:
    """Run every situation on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        families = ("tree", "logistic")
        run(lines, ["phoneme"], range(2), Caps(200, 200), families, {"n_trees": 5, "n_rounds": 3})
        expected = 2 * 2 * (2 * 2 * len(SHARES) + 2 * 2 + 1)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "half the columns" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
