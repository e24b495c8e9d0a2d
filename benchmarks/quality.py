"""Does a distilled student beat its rivals, and never lose to plain labels?

python -m benchmarks.quality                    every missing cell, then the report
python -m benchmarks.quality --forget default   only that method again
python -m benchmarks.quality --report           only the report
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks._setting import FAMILIES, MEMORY, Caps, RememberedTeacher, Split, fit_hard, fresh_rows, metrics
from benchmarks.quality_report import report
from skdistill import DistilledClassifier
from skdistill.estimators._view import ClassifierView
from skdistill.nets import SkorchStrategy
from skdistill.response import collect_out_of_fold, row_folds
from skdistill.samplers import MungeSampler
from skdistill.students import SoftTargets
from skdistill.students._resolve import fit_student, resolve_route

FILE = "quality.jsonl"
DATASETS = (
    "adult",
    "phoneme",
    "satimage",
    "spambase",
    "compas",
    "bank",
    "diamonds",
    "default",
    "lending_club",
    "mushroom",
    "caravan",
    "splice",
    "chess",
    "optdigits",
    "letter",
)
N_SYNTHETIC = 3.0
N_FOLDS = 5


class Bench:
    """One data set under one seed: a teacher fitted once, and its answers."""

    def __init__(self, data: Split, *, n_trees: int = 150, n_rounds: int = 60) -> None:
        self.data = data
        self.teacher = RememberedTeacher(_setting.make_teacher(data.seed, n_trees, n_rounds))
        self.fitted = clone(self.teacher).fit(data.X_train, data.y_train)
        self.told = self.fitted.predict_proba(data.X_test)

    def student(self, family: str, *, small: bool = False) -> Any:
        data = self.data
        return _setting.make_student(family, data.seed, data.X_train.shape[1], len(data.classes), small=small)

    def out_of_fold(self) -> np.ndarray:
        data = self.data
        folds = row_folds(data.X_train, data.y_train, N_FOLDS, stratify=True)
        splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(N_FOLDS)]
        return collect_out_of_fold(self.teacher, data.X_train, data.y_train, splits).proba()

    def teach(self, family: str, X: np.ndarray, told: np.ndarray, codes: np.ndarray) -> Any:
        """Fit a student on labels where ``codes >= 0`` and on the teacher's answers elsewhere, all of one weight."""
        student = self.student(family)
        labelled = codes >= 0
        targets = SoftTargets(
            teacher=told,
            codes=codes,
            teacher_weight=(~labelled).astype(float),
            label_weight=labelled.astype(float),
            classes=self.data.classes,
        )
        strategy = resolve_route(student, "auto", further=(SkorchStrategy(),))
        n_original = int(labelled.sum()) or None
        fitted = fit_student(student, X, targets, strategy, n_original=n_original, random_state=self.data.seed)
        return ClassifierView(fitted, self.data.classes)

    def distilled(self, family: str, **settings: Any) -> DistilledClassifier:
        model = DistilledClassifier(self.teacher, self.student(family), random_state=self.data.seed, **settings)
        return model.fit(self.data.X_train, self.data.y_train)


class Constant:
    """Always the one class that a teacher ever answers."""

    def __init__(self, code: int, n_classes: int) -> None:
        self.row = np.eye(n_classes)[code]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.tile(self.row, (len(X), 1))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.row.argmax())


def hard(bench: Bench, family: str) -> Any:
    return fit_hard(bench.student(family), bench.data.X_train, bench.data.y_train, bench.data.seed)


def teacher_hard(bench: Bench, family: str) -> Any:
    answers = bench.out_of_fold().argmax(axis=1)
    n_classes = len(bench.data.classes)
    if len(np.unique(answers)) == 1:
        return Constant(answers[0], n_classes)
    return bench.teach(family, bench.data.X_train, np.eye(n_classes)[answers], np.full(len(answers), -1))


def autogluon_munge(bench: Bench, family: str) -> Any:
    data = bench.data
    drawn = MungeSampler().fit(data.X_train).sample(int(N_SYNTHETIC * len(data.y_train)), random_state=data.seed)
    return _labels_then_teacher(bench, family, drawn)


def autogluon_spunge(bench: Bench, family: str) -> Any:
    return _labels_then_teacher(bench, family, spunge(bench.data.X_train, 5 * len(bench.data.y_train), bench.data.seed))


def _labels_then_teacher(bench: Bench, family: str, drawn: np.ndarray) -> Any:
    data = bench.data
    told = bench.fitted.predict_proba(drawn)
    rows = np.vstack([data.X_train, drawn])
    codes = np.concatenate([data.y_train, np.full(len(drawn), -1)])
    return bench.teach(family, rows, np.vstack([np.eye(told.shape[1])[data.y_train], told]), codes)


def spunge(X: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw rows with replacement and redraw a tenth of the columns in a tenth of the rows each.

    Numbers get noise of a tenth of their standard deviation where a column is redrawn, as AutoGluon describes it.
    """
    rng = np.random.default_rng(seed)
    drawn = X[rng.integers(len(X), size=n)].copy()
    continuous = np.array([len(np.unique(column)) > 10 for column in X.T])
    for _ in range(int(0.1 * X.shape[1])):
        rows = rng.permutation(n)
        columns = rng.integers(X.shape[1], size=n)
        values = X[rng.integers(len(X), size=n), columns]
        noise = 0.1 * X.std(axis=0)[columns] * rng.standard_normal(n) * continuous[columns]
        drawn[rows, columns] = values + noise
    return drawn


def limit(bench: Bench, family: str) -> Any:
    rows, _ = fresh_rows(bench.data)
    return bench.teach(family, rows, bench.fitted.predict_proba(rows), np.full(len(rows), -1))


def ours(**settings: Any) -> Callable[[Bench, str], Any]:
    return lambda bench, family: bench.distilled(family, **settings)


FIDELITY_AIM = {"scoring": "neg_predictive_kl", "sampler": "munge", "n_synthetic": N_SYNTHETIC}
AGREEMENT_AIM = {**FIDELITY_AIM, "scoring": "agreement"}
METHODS: dict[str, Callable[[Bench, str], Any]] = {
    "hard": hard,
    "default": ours(),
    "fidelity": ours(**FIDELITY_AIM),
    "agreement": ours(**AGREEMENT_AIM),
    "accuracy": ours(scoring="accuracy"),
    "soft_oof": ours(alpha=1.0),
    "naive_soft": ours(alpha=1.0, cv=None),
    "teacher_hard": teacher_hard,
    "autogluon_munge": autogluon_munge,
    "autogluon_spunge": autogluon_spunge,
    "limit": limit,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "fidelity": FIDELITY_AIM,
    "agreement": AGREEMENT_AIM,
    "accuracy": {"scoring": "accuracy"},
    "soft_oof": {"alpha": 1.0},
    "naive_soft": {"alpha": 1.0, "cv": None},
}


def run_cell(bench: Bench, family: str, method: str) -> dict[str, Any]:
    data = bench.data
    start = time.process_time()
    model = METHODS[method](bench, family)
    seconds = time.process_time() - start
    proba = model.predict_proba(data.X_test)
    cell = metrics(proba, model.predict(data.X_test), data.y_test, bench.told)
    cell["seconds"] = seconds
    if isinstance(model, DistilledClassifier):
        scores = getattr(model, "alpha_scores_", None)
        cell["alpha"] = model.alpha_
        cell["alpha_scores"] = scores and {str(alpha): score for alpha, score in scores.items()}
        cell["declined"] = scores is not None and model.alpha_ == 0
    if method == "limit":
        cell["fresh"] = fresh_rows(data)[1]
    return cell


def teacher_cell(bench: Bench) -> dict[str, float]:
    predicted = bench.told.argmax(axis=1)
    return metrics(bench.told, predicted, bench.data.y_test, bench.told)


def run(
    lines: Lines, names: list[str], seeds: range, caps: Caps, pairs: Sequence[tuple[str, str]], **teacher: int
) -> None:
    shared = {"rows": [caps.train, caps.test], **teacher}
    for name, seed in product(names, seeds):
        facts = {"dataset": name, "fingerprint": _setting.matrix(name)[2], "seed": seed}
        wanted = [
            {**facts, "family": family, "method": method, "settings": {**shared, **SETTINGS.get(method, {})}}
            for family, method in [*pairs, ("teacher", "teacher")]
        ]
        missing = [cell for cell in wanted if not lines.has(cell)]
        if missing:
            run_split(lines, _setting.split(name, seed, caps), missing, teacher)


def run_split(lines: Lines, data: Split, missing: list[dict[str, Any]], teacher: dict[str, int]) -> None:
    start = time.process_time()
    bench = Bench(data, **teacher)
    facts = {"n_train": len(data.y_train), "n_test": len(data.y_test), "n_pool": len(data.pool)}
    with _setting.remembered_students():
        for cell in missing:
            if cell["method"] == "teacher":
                lines.add({**cell, **facts, **teacher_cell(bench)})
            else:
                lines.add({**cell, **facts, **run_cell(bench, cell["family"], cell["method"])})
    say(f"{data.name} seed {data.seed}: {len(missing)} cells, {time.process_time() - start:.0f} s")
    MEMORY.clear()


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        with _setting.quiet():
            pairs = list(product(options.families or FAMILIES, options.methods or METHODS))
            run(lines, list(options.datasets or DATASETS), range(options.seeds), Caps(), pairs)
    write(lines, options.results)


def write(lines: Lines, folder: Path, planned: Sequence[str] = DATASETS) -> str:
    return report(lines.cells, folder, "python -m benchmarks.quality", FIDELITY_AIM, planned)


def quick() -> None:
    """Run every method on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        run(lines, ["phoneme"], range(2), Caps(150, 200), list(product(FAMILIES, METHODS)), n_trees=10, n_rounds=5)
        expected = 2 * (len(FAMILIES) * len(METHODS) + 1)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "Do no harm" not in write(lines, Path(folder), ["phoneme"]):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
