"""What does distillation cost beyond the teacher's and the student's own work?

python -m benchmarks.cost            every missing cell, then the report
python -m benchmarks.cost --report   only the report
"""

import argparse
import gc
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skorch import NeuralNetClassifier

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks._setting import two_layer_net
from benchmarks.cost_report import report
from skdistill import DistilledClassifier

FILE = "cost.jsonl"
ROWS, COLUMNS, CLASSES = 100_000, 30, 3
REPEATS = 200
# Linux forgets a process's peak memory when "5" is written here.
RESET_PEAK = Path("/proc/self/clear_refs")
METHODS = ("fit", "predict", "predict_proba", "decision_function", "partial_fit")


def net() -> NeuralNetClassifier:
    return two_layer_net(COLUMNS, CLASSES, max_epochs=5)


# Route -> the student, and the classes whose methods are its own work.
STUDENTS: dict[str, Callable[[], Any]] = {
    "soft_tree": lambda: DecisionTreeClassifier(max_leaf_nodes=64, random_state=0),
    "objective": lambda: LGBMClassifier(n_estimators=100, num_leaves=15, random_state=0, n_jobs=1, verbose=-1),
    "expansion": lambda: LogisticRegression(max_iter=200),
    "native": net,
    "logits": lambda: Ridge(),
    "sampling": lambda: LinearDiscriminantAnalysis(),
}
OWN_WORK: dict[str, tuple[type, ...]] = {
    "soft_tree": (DecisionTreeClassifier, DecisionTreeRegressor),
    "objective": (LGBMClassifier,),
    "expansion": (LogisticRegression,),
    "native": (NeuralNetClassifier,),
    "logits": (Ridge,),
    "sampling": (LinearDiscriminantAnalysis,),
}


def teacher() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=20, early_stopping=False, random_state=0)


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(
        n, COLUMNS, n_informative=12, n_redundant=6, n_classes=CLASSES, class_sep=0.8, flip_y=0.1, random_state=0
    )


def converted(X: np.ndarray, route: str) -> np.ndarray:
    """Rows as the student takes them when it is fitted plainly: torch wants float32."""
    return X.astype(np.float32) if route == "native" else X


class Clock:
    """Processor time inside the methods of some classes; a call within a timed call counts once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.busy = False

    def timed(self, who: str, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        clock = self

        # Whoever looks at the signature, for sample_weight say, must find the method's own.
        @wraps(method)
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            if clock.busy:
                return method(self, *args, **kwargs)
            clock.busy = True
            start = time.process_time()
            try:
                return method(self, *args, **kwargs)
            finally:
                clock.busy = False
                clock.seconds[who] += time.process_time() - start
                clock.calls[f"{who}.{name}"] += 1

        return run

    @contextmanager
    def watching(self, owners: dict[str, tuple[type, ...]]) -> Iterator["Clock"]:
        with ExitStack() as stack:
            for who, kinds in owners.items():
                for kind, name in product(kinds, METHODS):
                    method = getattr(kind, name, None)
                    if method is not None:
                        stack.enter_context(patch.object(kind, name, self.timed(who, name, method)))
            yield self


def fit_cell(route: str, alpha: Any, n: int) -> dict[str, Any]:
    """Processor time of one fit: the teacher's, the student's, and what is left."""
    X, y = rows(n)
    student = STUDENTS[route]()
    start = time.process_time()
    clone(student).fit(converted(X, route), y)
    hard = time.process_time() - start
    owners = {"teacher": (HistGradientBoostingClassifier,), "student": OWN_WORK[route]}
    model = DistilledClassifier(teacher(), student, alpha=alpha, soft_targets=route, random_state=0)
    with Clock().watching(owners) as clock:
        start = time.process_time()
        model.fit(X, y)
        total = time.process_time() - start
    own = clock.seconds["teacher"] + clock.seconds["student"]
    return {
        "total": total,
        "teacher": clock.seconds["teacher"],
        "student": clock.seconds["student"],
        "share": (total - own) / own,
        "hard": hard,
        "calls": dict(clock.calls),
        "alpha": model.alpha_,
    }


class Canned:
    """A fitted student that answers at once, so that only the time around it is left."""

    def __init__(self, student: Any, X: np.ndarray) -> None:
        self.classes_ = student.classes_
        self.labels = np.asarray(student.predict(X))
        self.proba = student.predict_proba(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.labels

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.proba


def call_cell(route: str, n: int) -> dict[str, Any]:
    """Microseconds that a call of the distilled estimator takes beyond the same call of its student."""
    X, y = rows(2000)
    model = DistilledClassifier(teacher(), STUDENTS[route](), alpha=1.0, soft_targets=route, random_state=0).fit(X, y)
    asked = X[:n]
    whole = {name: timed_calls(model, model.student_, name, asked) for name in CALLS}
    if route != "native":
        # A net is told by its class, which nothing canned has; the calls of others are much noisier than ours.
        model.student_ = Canned(model.student_, asked)
    for name in CALLS:
        times = timed_calls(model, model.student_, name, asked)
        whole[name]["added"] = times["ours"] - times["own"]
    return whole


CALLS = ("predict", "predict_proba")


def timed_calls(model: Any, student: Any, name: str, asked: np.ndarray) -> dict[str, float]:
    """Median microseconds of the same question to both, asked in turn."""
    ours, own = getattr(model, name), getattr(student, name)
    times: dict[str, list[float]] = {"ours": [], "own": []}
    for _ in range(REPEATS):
        for who, call in (("ours", ours), ("own", own)):
            start = time.perf_counter_ns()
            call(asked)
            times[who].append((time.perf_counter_ns() - start) / 1000)
    return {who: float(np.median(taken)) for who, taken in times.items()}


def memory_cell(route: str, n: int) -> dict[str, Any]:
    """Peak memory of two fresh processes: student on hard labels, and distilled with a frozen teacher."""
    found = {}
    for what in ("hard", "distilled"):
        command = [sys.executable, "-m", "benchmarks.cost", "--peak", what, route, str(n)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[what] = json.loads(answer)
    hard, ours = found["hard"], found["distilled"]
    return {
        "hard": hard,
        "ours": ours,
        "ratio": ours["peak"] / hard["peak"],
        "ratio_without_imports": (ours["peak"] - ours["imports"]) / max(hard["peak"] - hard["imports"], 0.1),
    }


def peak(what: str, route: str, n: int) -> dict[str, float]:
    """Resident memory of this process, in MiB: with its imports, before a fit, and at the fit's peak; Linux only."""
    X, y = rows(500)
    fitted = teacher().fit(X, y)
    student = STUDENTS[route]()
    # Small fits first, so that what is loaded lazily counts as imports.
    clone(student).fit(converted(X, route), y)
    DistilledClassifier(FrozenEstimator(fitted), student, alpha=1.0, soft_targets=route, random_state=0).fit(X, y)
    gc.collect()
    imports = resident("VmRSS")
    X, y = rows(n)
    gc.collect()
    RESET_PEAK.write_text("5")
    before = resident("VmRSS")
    if what == "hard":
        student.fit(converted(X, route), y)
    else:
        DistilledClassifier(FrozenEstimator(fitted), student, alpha=1.0, soft_targets=route, random_state=0).fit(X, y)
    return {"imports": imports, "before": before, "peak": resident("VmHWM")}


def resident(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) / 1024 if found else float("nan")


IMPORTS = {
    "python": "pass",
    "sklearn": "import sklearn.base, sklearn.utils.validation",
    "skdistill": "import skdistill",
    "DistilledClassifier": "from skdistill import DistilledClassifier",
}


def import_cell(n: int) -> dict[str, Any]:
    """Processor seconds of fresh interpreters, the least and the median of n."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(n):
        for name, code in IMPORTS.items():
            before = children_time()
            subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
            times[name].append(children_time() - before)
    least = {name: min(taken) for name, taken in times.items()}
    return {
        "least": least,
        "median": {name: float(np.median(taken)) for name, taken in times.items()},
        "ratio": least["skdistill"] / least["sklearn"],
        "ratio_with_class": least["DistilledClassifier"] / least["sklearn"],
    }


def children_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(
    lines: Lines,
    n: int,
    calls: tuple[int, ...] = (1, 1000),
    n_imports: int = 11,
    memory: tuple[str, ...] = tuple(STUDENTS),
    alphas: tuple[Any, ...] = (1.0, "auto"),
) -> None:
    cells: list[tuple[str, str, dict[str, Any], Callable[[], dict[str, Any]]]] = []
    for route in STUDENTS:
        for alpha in alphas:
            cells.append(("fit", route, {"rows": n, "alpha": alpha}, lambda r=route, a=alpha: fit_cell(r, a, n)))
        if route in memory:
            cells.append(("memory", route, {"rows": n}, lambda r=route: memory_cell(r, n)))
        for asked in calls:
            cells.append(("call", route, {"rows": asked}, lambda r=route, k=asked: call_cell(r, k)))
    cells.append(("import", "-", {}, lambda: import_cell(n_imports)))
    for method, family, settings, measure in cells:
        identity = {
            "fingerprint": f"make_classification {COLUMNS} x {CLASSES}",
            "method": method,
            "family": family,
            "seed": 0,
            "settings": settings,
        }
        if not lines.has(identity):
            lines.add({**identity, **measure()})
            say(f"{method} {family} {settings}")


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--peak", nargs=3, default=None, help=argparse.SUPPRESS)
    options = made.parse_args()
    with _setting.quiet():
        if options.peak:
            what, route, n = options.peak
            sys.stdout.write(json.dumps(peak(what, route, int(n))))
            return
        if options.quick:
            quick()
            return
        lines = opened(options, FILE)
        if not options.report:
            run(lines, ROWS)
        report(lines.cells, options.results, "python -m benchmarks.cost")


def quick() -> None:
    """Measure everything once on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Lines(Path(folder) / FILE)
        memory = ("soft_tree",) if RESET_PEAK.exists() else ()
        run(lines, 500, calls=(1,), n_imports=1, memory=memory, alphas=(1.0,))
        expected = 2 * len(STUDENTS) + 1 + len(memory)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be measured, {len(lines.cells)} are there")
        if "Memory" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
