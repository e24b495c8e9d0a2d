"""Which of several teachers should teach a student: does information say so before anything is distilled?

python -m benchmarks.which_teacher            every missing cell, then the report
python -m benchmarks.which_teacher --report   only the report
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
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks._setting import fit_hard
from benchmarks.which_teacher_report import report
from skdistill import DistilledClassifier
from skdistill.fidelity import agreement_score
from skdistill.information import distilled_information

FILE = "which_teacher.jsonl"
DATASETS = (
    "adult",
    "attrition",
    "bank",
    "chess",
    "compas",
    "contraceptive",
    "diamonds",
    "lending_club",
    "letter",
    "optdigits",
    "phoneme",
    "satimage",
    "spambase",
    "splice",
)
SEEDS = 10
TEACHERS = ("forest", "boosted", "neighbours", "logistic", "bayes", "small tree")
STUDENTS = ("tree", "logistic", "lightgbm")
# LightGBM's rounds are multiplied by the number of classes.
FEW_CLASSES = 10
# Name -> the teacher's weight, and whether further rows without labels are taught as well.
SETTINGS: dict[str, tuple[float, bool]] = {
    "teacher alone": (1.0, False),
    "mixture": (0.5, False),
    "teacher alone, further rows": (1.0, True),
}
ENCODERS = ("auto", "class")
ATOMS = ("redundancy", "unique_teacher", "unique_student", "synergy", "information_teacher")


@dataclass(frozen=True)
class Caps:
    """At most how many rows each part has, and at most which share of a table it takes."""

    teacher: tuple[int, float] = (2000, 0.30)
    student: tuple[int, float] = (500, 0.12)
    further: tuple[int, float] = (1500, 0.18)
    choice: tuple[int, float] = (2000, 0.20)
    test: int = 4000


@dataclass(frozen=True)
class Rows:
    """The teachers' rows, the student's, further ones without labels, those to choose by, and those that judge."""

    name: str
    seed: int
    X: dict[str, np.ndarray]
    y: dict[str, np.ndarray]


def split(name: str, seed: int, caps: Caps) -> Rows:
    X, y, _ = _setting.matrix(name)
    rest, parts = np.arange(len(y)), {}
    for part in ("teacher", "student", "further", "choice"):
        most, share = getattr(caps, part)
        size = min(most, int(share * len(y)))
        parts[part], rest = train_test_split(rest, train_size=size, stratify=y[rest], random_state=seed)
    parts["test"] = np.random.RandomState(seed).permutation(rest)[: caps.test]
    return Rows(name, seed, {k: X[v] for k, v in parts.items()}, {k: y[v] for k, v in parts.items()})


def make_teacher(kind: str, seed: int) -> Any:
    """One of six kinds of teachers, the last two of them weak."""
    made = {
        "forest": RandomForestClassifier(150, random_state=seed, n_jobs=1),
        "boosted": boosted(60, 31, seed),
        "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        "bayes": GaussianNB(var_smoothing=1e-3),
        "small tree": DecisionTreeClassifier(max_leaf_nodes=8, random_state=seed),
    }
    return made[kind]


def make_student(family: str, seed: int) -> Any:
    if family == "tree":
        return DecisionTreeClassifier(max_leaf_nodes=32, random_state=seed)
    if family == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    return boosted(20, 8, seed)


def boosted(rounds: int, leaves: int, seed: int) -> LGBMClassifier:
    return LGBMClassifier(
        n_estimators=rounds, learning_rate=0.15, num_leaves=leaves, random_state=seed, n_jobs=1, verbose=-1
    )


def quality(y: np.ndarray, proba: np.ndarray) -> tuple[float, float]:
    """Accuracy and log-loss."""
    labels = np.arange(proba.shape[1])
    return float(accuracy_score(y, proba.argmax(axis=1))), float(log_loss(y, proba, labels=labels))


def judged(model: Any, rows: Rows) -> dict[str, Any]:
    """Quality on the rows that judge, on each half of them, and on those to choose by."""
    X, y = rows.X["test"], rows.y["test"]
    proba = model.predict_proba(X)
    accuracy, loss = quality(y, proba)
    halves = [quality(y[half::2], proba[half::2]) for half in (0, 1)]
    choice = quality(rows.y["choice"], model.predict_proba(rows.X["choice"]))
    return {"accuracy": accuracy, "log_loss": loss, "halves": halves, "choice": choice}


def information(teacher: Any, student: Any, rows: Rows, encoder: str) -> dict[str, float]:
    """Measure as a user would, on the rows to choose by, with the number of states that these carry."""
    pid = distilled_information(
        teacher,
        student,
        rows.X["choice"],
        rows.y["choice"],
        representation="proba" if encoder == "auto" else "label",
        n_bootstrap=0,
        random_state=rows.seed,
    )
    found = {atom: float(getattr(pid, f"{atom}_")) for atom in ATOMS}
    return {**found, "n_states": int(pid.teacher_states_.n_states_), "gap": float(pid.gap_)}


def measure(rows: Rows, teachers: dict[str, Any], family: str) -> dict[str, Any]:
    """Measure what is known of every teacher beforehand, and what its student then comes to: one line."""
    student = make_student(family, rows.seed)
    plain = fit_hard(student, rows.X["student"], rows.y["student"], rows.seed)
    of_plain = plain.predict_proba(rows.X["choice"])
    facts: dict[str, Any] = {"plain": judged(plain, rows), "teachers": {}}
    for kind, teacher in teachers.items():
        told = teacher.predict_proba(rows.X["choice"])
        accuracy, loss = quality(rows.y["choice"], told)
        agreement = float(agreement_score(told.argmax(axis=1), of_plain.argmax(axis=1)))
        entry: dict[str, Any] = {"accuracy": accuracy, "log_loss": loss, "agreement": agreement}
        entry |= {encoder: information(teacher, plain, rows, encoder) for encoder in ENCODERS}
        entry["students"] = dict(taught(teacher, student, rows))
        facts["teachers"][kind] = entry
    return facts


def taught(teacher: Any, student: Any, rows: Rows) -> Iterator[tuple[str, dict[str, Any]]]:
    """Distil in each setting."""
    for name, (alpha, further) in SETTINGS.items():
        model = DistilledClassifier(FrozenEstimator(teacher), student, alpha=alpha, random_state=rows.seed)
        model.fit(rows.X["student"], rows.y["student"], X_unlabeled=rows.X["further"] if further else None)
        after = information(teacher, model, rows, "auto")
        yield name, {**judged(model, rows), "after": {atom: after[atom] for atom in ATOMS[:2]}}


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def run(lines: Lines, names: Sequence[str], seeds: range, caps: Caps, families: Sequence[str]) -> None:
    settings = {"rows": [caps.teacher, caps.student, caps.further, caps.choice, caps.test]}
    # Seed by seed, so that a run that is stopped leaves every table with the same number of seeds.
    for seed, name in product(seeds, names):
        _, y, fingerprint = _setting.matrix(name)
        few = len(np.unique(y)) <= FEW_CLASSES
        facts = {"dataset": name, "fingerprint": fingerprint, "method": "which teacher", "seed": seed}
        wanted = [(f, {**facts, "family": f, "settings": settings}) for f in families if few or f != "lightgbm"]
        missing = [entry for entry in wanted if not lines.has(entry[1])]
        if missing:
            start = time.process_time()
            rows = split(name, seed, caps)
            teachers = {kind: make_teacher(kind, seed).fit(rows.X["teacher"], rows.y["teacher"]) for kind in TEACHERS}
            sizes = {part: len(labels) for part, labels in rows.y.items()}
            for family, cell in missing:
                lines.add({**cell, "n_rows": sizes, **rounded(measure(rows, teachers, family))})
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
            run(lines, options.datasets or DATASETS, range(options.seeds), Caps(), options.families or STUDENTS)
    report(lines.cells, options.results, "python -m benchmarks.which_teacher")


def quick() -> None:
    """Run everything on a few rows and see that every cell is there."""
    caps = Caps((150, 0.3), (100, 0.12), (100, 0.18), (200, 0.2), 200)
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        run(lines, ["phoneme", "contraceptive"], range(2), caps, STUDENTS)
        if len(lines.cells) != 4 * len(STUDENTS):
            raise RuntimeError(f"{4 * len(STUDENTS)} cells were to be run, {len(lines.cells)} are there")
        if "Verdict" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
