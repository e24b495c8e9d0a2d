"""Redundant information distillation against its rivals: trained teachers, untrained ones, and ones full of nuisance.

python -m benchmarks.rid            every missing cell, then the report
python -m benchmarks.rid --report   only the report
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, log_loss

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks.rid_places import (
    DATASETS,
    Caps,
    Rows,
    Situation,
    classes_of,
    make_rows,
    make_student,
    make_teacher,
    matrix,
    net,
    stages,
)
from benchmarks.rid_report import report
from benchmarks.which_teacher import rounded
from skdistill import DistilledClassifier
from skdistill.estimators import RIDStudent
from skdistill.information import distilled_information
from skdistill.nets._taps import net_representation
from skdistill.representation import resolve_representation

FILE = "rid.jsonl"
SEEDS = 10
SIZES = (200, 1000)
WEIGHTS = (0.03, 0.3, 3.0, 30.0, 300.0)
METHODS: dict[str, dict[str, Any]] = {
    "plain": {"method": "none"},
    "KD": {"temperature": 1.0},
    "KD, 4": {"temperature": 4.0},
    "VID": {"method": "vid"},
    "TED": {"method": "ted"},
    "RID, paper": {"match": "hidden", "filter_fraction": 0.25},
    "RID": {},
}
# Information needs no ten seeds.
INFORMED_SEEDS = 3


def teach(method: str, weight: float, teacher: Any, rows: Rows, seed: int) -> Any:
    """Fit one student; weights of KD are those of the teacher's term relative to the labels'."""
    n_classes = classes_of(rows)
    student, X, y = make_student(rows, n_classes), rows.X["student"], rows.y["student"].astype(np.int64)
    if method.startswith("KD"):
        how = {"alpha": weight / (1 + weight), **METHODS[method]}
        model: Any = DistilledClassifier(FrozenEstimator(teacher), student, random_state=seed, **how)
    else:
        how = {"transfer_weight": weight} if method != "plain" else {}
        model = RIDStudent(FrozenEstimator(teacher), student, random_state=seed, **METHODS[method], **how)
    return model.fit(X, y)


def judged(model: Any, rows: Rows, n_classes: int) -> dict[str, float]:
    """Accuracy where it counts, and accuracy and log-loss where weights are chosen; classes never seen have none."""
    found = {}
    for part in ("test", "choice"):
        proba = np.full((len(rows.y[part]), n_classes), 1e-9)
        proba[:, model.classes_] = model.predict_proba(rows.X[part])
        proba /= proba.sum(axis=1, keepdims=True)
        found[part] = float(accuracy_score(rows.y[part], proba.argmax(axis=1)))
        if part == "choice":
            found["loss"] = float(log_loss(rows.y[part], proba, labels=np.arange(n_classes)))
    return found


def choose(entries: Sequence[dict[str, float]]) -> int:
    """Most accurate on the rows to choose by; the log-loss breaks ties."""
    return max(range(len(entries)), key=lambda k: (entries[k]["choice"], -entries[k]["loss"]))


def information(model: Any, teacher_sees: np.ndarray, rows: Rows, seed: int) -> dict[str, float]:
    """What student and teacher tell of y: by the student's last hidden layer and the teacher's representation."""
    taught = model.student_ if isinstance(model, DistilledClassifier) else model.net_
    sees = net_representation(taught, rows.X["test"])
    pid = distilled_information(teacher_sees, sees, rows.X["test"], rows.y["test"], n_bootstrap=0, random_state=seed)
    return {atom: float(getattr(pid, f"{atom}_")) for atom in ("redundancy", "unique_teacher", "unique_student")}


def measure(
    place: Situation, methods: Sequence[str], seed: int, caps: Caps, weights: Sequence[float]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Fit teacher and students of one situation: one line per method."""
    rows = make_rows(place, seed, caps)
    n_classes = classes_of(rows)
    teacher = make_teacher(place, rows, n_classes, seed)
    answers = teacher.predict(rows.X["test"])
    facts = {"teacher_accuracy": float(accuracy_score(rows.y["test"], answers))}
    sees = None
    for method in methods:
        start = time.process_time()
        grid = (0.0,) if method == "plain" else tuple(weights)
        models = [teach(method, weight, teacher, rows, seed) for weight in grid]
        entries = [judged(model, rows, n_classes) for model in models]
        best = choose(entries)
        line = {**facts, "weights": grid, "curve": entries, "chosen": grid[best], "accuracy": entries[best]["test"]}
        line["trust"] = getattr(models[best], "trust_", [])
        if seed < INFORMED_SEEDS:
            if sees is None:
                sees = _teacher_sees(teacher, rows, seed)
            line["information"] = information(models[best], sees, rows, seed)
        yield method, {**line, "seconds": time.process_time() - start}


def _teacher_sees(teacher: Any, rows: Rows, seed: int) -> np.ndarray:
    (found,) = resolve_representation("auto", teacher, random_state=seed)
    return np.asarray(found.fit(rows.X["student"]).transform(rows.X["test"]))


def run(
    lines: Lines,
    plan: Sequence[Sequence[Situation]],
    seeds: range,
    caps: Caps,
    methods: Sequence[str] = tuple(METHODS),
    *,
    weights: Sequence[float] = WEIGHTS,
) -> None:
    # Seed by seed within a stage, so that a run that is stopped leaves its situations with the same number of seeds.
    for stage, seed in product(plan, seeds):
        for place in stage:
            cells = {method: cell_of(place, method, seed, weights, caps) for method in methods}
            missing = [method for method, cell in cells.items() if not lines.has(cell)]
            if missing:
                start = time.process_time()
                for method, line in measure(place, missing, seed, caps, weights):
                    lines.add({**cells[method], **rounded(line)})
                say(f"{asdict(place)} seed {seed}: {len(missing)} methods, {time.process_time() - start:.0f} s")


def cell_of(place: Situation, method: str, seed: int, weights: Sequence[float], caps: Caps) -> dict[str, Any]:
    """What makes the cell."""
    settings = {**asdict(place), "weights": list(weights), "caps": asdict(caps)}
    return {
        "dataset": place.dataset,
        "fingerprint": matrix(place.dataset)[2],
        "method": method,
        "family": place.teacher,
        "seed": seed,
        "settings": settings,
    }


def throughput(lines: Lines, n_rows: int = 10_000, epochs: int = 6, rounds: int = 3) -> None:
    """Time epochs of each method against the same skorch net fitted by itself, with skorch's own data loader."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_rows, 40)).astype(np.float32)
    y = (X[:, :10] + rng.normal(size=(n_rows, 10))).argmax(axis=1).astype(np.int64)
    teacher = RandomForestClassifier(100, random_state=0, n_jobs=1).fit(X, y)
    usual = {"iterator_train": torch.utils.data.DataLoader, "iterator_valid": torch.utils.data.DataLoader}
    net_of = {n: net(40, 10, units=64, epochs=n, batch=128).set_params(**usual) for n in (2, 2 + epochs)}
    makers: dict[str, Callable[[Any], Any]] = {"skorch": lambda student: student}
    for method in ("plain", "VID", "TED", "RID, paper", "RID"):
        how = {"warmup_epochs": 1, "cycle_epochs": 30, **METHODS[method]} if method != "plain" else METHODS[method]
        makers[method] = lambda student, how=how: RIDStudent(FrozenEstimator(teacher), student, random_state=0, **how)

    def seconds(make: Callable[[Any], Any], student: Any) -> float:
        start = time.process_time()
        make(student).fit(X, y)
        return time.process_time() - start

    # In turn, several times, since the machine's speed drifts; the least is what the work itself takes.
    least = {(name, n): np.inf for name in makers for n in net_of}
    for _, (name, n) in product(range(rounds), least):
        least[name, n] = min(least[name, n], seconds(makers[name], net_of[n]))
    found = {name: (least[name, 2 + epochs] - least[name, 2]) / epochs for name in makers}
    for name, spent in found.items():
        cell = {"dataset": "throughput", "method": name, "seed": 0, "settings": {"n_rows": n_rows, "batch": 128}}
        lines.add({**cell, "seconds": spent, "rows_per_second": n_rows / spent, "ratio": spent / found["skorch"]})


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
            plan = stages(options.datasets or tuple(DATASETS), SIZES)
            run(lines, plan, range(options.seeds), Caps(), options.methods or tuple(METHODS))
            if not any(line["dataset"] == "throughput" for line in lines.cells):
                throughput(lines)
    report(lines.cells, options.results, "python -m benchmarks.rid")


def quick() -> None:
    """Run everything on a few rows and see that every cell is there."""
    caps = replace(Caps(), teacher=150, choice=60, test=150)
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        own = [one for one in stages(["satimage"], (60,))[0] if one.share in (0.0, 0.6)]
        run(lines, [own], range(2), caps, weights=(3.0,))
        expected = 2 * len(METHODS) * len(own)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        throughput(lines, 200, 1, 1)
        if "Verdict" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
