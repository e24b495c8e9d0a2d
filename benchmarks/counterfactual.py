"""How good, and how quick, are counterfactuals here and elsewhere?

python -m benchmarks.counterfactual            every missing cell, then the report
python -m benchmarks.counterfactual --report   only the report

``sh benchmarks/counterfactual_env.sh`` builds the environments of the other packages first.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._records import Lines, parser, say
from benchmarks.counterfactual_report import report
from benchmarks.counterfactual_setting import (
    CACHE,
    FAMILIES,
    SMALL,
    TABLES,
    Situation,
    compared,
    judged,
    situation,
    summary,
)
from skdistill.counterfactual import GrowingSpheresCounterfactual, NearestInstanceCounterfactual

FILE = "counterfactual.jsonl"
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv-counterfactual"
# Environment, most queries, processor seconds for a cell, and for a query.
PEERS: dict[str, tuple[str, int, float, float]] = {
    "nice_sparsity": ("nice", 2000, 30.0, 20.0),
    "nice_proximity": ("nice", 2000, 30.0, 20.0),
    "ocean": ("ocean", 100, 20.0, 20.0),
    "dice_random": ("dice", 500, 10.0, 20.0),
    "dice_genetic": ("dice", 100, 5.0, 20.0),
    "dice_kdtree": ("dice", 100, 5.0, 20.0),
    "prototype": ("alibi", 10, 10.0, 60.0),
}
# Which methods are asked about which models.
EXACT = {"tree", SMALL}
RACED = {"nice_sparsity": 0.5, "dice_random": 0.5}
FORMS = ("pipeline", "model")
ROUNDS = 5
OURS = ("nearest", "nearest_greedy", "spheres")
ALL = (*PEERS, *OURS, "race", "scaling")
SIZES = (1_000, 10_000, 100_000)
SCALED = (("adult", "logistic"), ("adult", "lightgbm"))


def ours(method: str, here: Situation) -> Any:
    """Make a generator of ours."""
    categorical = here.n_levels > 0
    if method == "spheres":
        return GrowingSpheresCounterfactual(random_state=0)
    return NearestInstanceCounterfactual(categorical_features=categorical, refine=method == "nearest")


def variants(here: Situation) -> list[str]:
    """Spheres are for numbers only."""
    return [method for method in OURS if method != "spheres" or not len(here.codes)]


def generated(generator: Any, X: np.ndarray, targets: np.ndarray) -> tuple[Any, float, float]:
    """Counterfactuals, and the processor and wall seconds that they took."""
    start, wall = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        # Invalid rows are counted, not warned of.
        warnings.simplefilter("ignore", UserWarning)
        found = generator.generate(X, targets)
    return found, time.process_time() - start, time.perf_counter() - wall


class Worker:
    """Another package's method in a process of its own, in its own environment."""

    def __init__(self, name: str, folder: Path, form: str = "model") -> None:
        python = ENVIRONMENTS / PEERS[name][0] / "bin" / "python"
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        one |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        # The package's progress bars are off, since they would be part of its time.
        environment = {**os.environ, **one, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
        command = [str(python), "-m", "benchmarks.counterfactual_peers", name, str(folder), form]
        with (CACHE / "workers.log").open("a") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environment,
                text=True,
            )
        self.ready = self._line()

    def _line(self) -> dict[str, Any]:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line else {"error": f"died: see {CACHE / 'workers.log'}"}

    def ask(self, first: int, last: int, limit: float) -> dict[str, Any]:
        """Ask for the counterfactuals of some queries."""
        self.process.stdin.write(json.dumps({"first": first, "last": last, "limit": limit}) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return self._line()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def built(name: str) -> bool:
    return (ENVIRONMENTS / PEERS[name][0] / "bin" / "python").exists()


@contextmanager
def workers(names: Sequence[str], here: Situation, form: str) -> Iterator[dict[str, Worker]]:
    with ExitStack() as stack:
        made = {}
        for name in names:
            made[name] = Worker(name, here.folder, form)
            stack.callback(made[name].stop)
        yield made


def saved_as(here: Situation, method: str) -> Path:
    return here.folder / f"found-{method}.npz"


def peer_cell(here: Situation, name: str) -> dict[str, Any]:
    """Ask a method about the queries until there are no more or its time is over; save what it found."""
    _, most, budget, limit = PEERS[name]
    most = min(most, len(here.queries))
    with workers([name], here, "model") as made:
        worker = made[name]
        if "error" in worker.ready:
            return {"failure": worker.ready["error"]}
        got: dict[str, list[Any]] = {key: [] for key in ("rows", "seconds", "wall", "failures", "statuses")}
        calls = asked = 0
        step = 1
        while len(got["rows"]) < most and sum(got["seconds"]) < budget:
            reply = worker.ask(len(got["rows"]), min(most, len(got["rows"]) + step), limit)
            if "error" in reply:
                got["failures"].append(reply["error"])
                break
            for key, values in got.items():
                values += reply[key]
            calls, asked = calls + reply["calls"], asked + reply["model_rows"]
            pace = sum(got["seconds"]) / len(got["seconds"])
            step = int(np.clip(2.0 / max(pace, 1e-4), 1, 500))
    rows = np.array(got["rows"], dtype=float).reshape(-1, here.X.shape[1])
    np.savez(saved_as(here, name), rows=rows)
    cell = {**summary(judged(here, rows)), "packages": worker.ready["packages"], "prepare": worker.ready["prepare"]}
    n = max(len(rows), 1)
    cell |= {"ms": 1e3 * sum(got["seconds"]) / n, "wall_ms": 1e3 * sum(got["wall"]) / n}
    cell |= {"calls": calls / n, "rows": asked / n, "failures": len(got["failures"])}
    cell |= {"first_failure": got["failures"][0]} if got["failures"] else {}
    if any(got["statuses"]):
        cell["optimal"] = got["statuses"].count("OPTIMAL")
    return cell


def our_cell(here: Situation, method: str) -> dict[str, Any]:
    """Ours for all queries at once, and what is paired with every other method's."""
    generator = ours(method, here).fit(here.served, here.X, here.y)
    found, seconds, wall = generated(generator, here.queries, here.targets)
    rows, n = np.asarray(found.X, dtype=float), len(here.queries)
    np.savez(saved_as(here, method), rows=rows)
    mine = judged(here, rows)
    cell = {**summary(mine), "ms": 1e3 * seconds / n, "wall_ms": 1e3 * wall / n}
    cell |= {"calls": found.n_model_calls / n, "rows": found.n_model_rows / n, "all_calls": found.n_model_calls}
    # Our own definitions agree with the judge's.
    cell["disagreement"] = float(np.nanmax(np.abs(np.asarray(found.proximity) - mine["distance"])))
    cell["says_valid"] = float(np.mean(found.valid))
    cell["paired"] = {}
    for name in PEERS:
        if saved_as(here, name).exists():
            cell["paired"][name] = compared(mine, judged(here, np.load(saved_as(here, name))["rows"]))
    return cell


def race_cell(here: Situation, form: str, names: Sequence[str]) -> dict[str, Any]:
    """Milliseconds per counterfactual, in turn: ours for all queries, some queries of each rival, ours again."""
    model = here.model(form)
    generator = ours("nearest", here).fit(model, here.X, here.y)
    greedy = ours("nearest_greedy", here).fit(model, here.X, here.y)
    mine: list[float] = []
    plain: list[float] = []
    seconds: dict[str, list[list[float]]] = {name: [] for name in names}
    with workers(names, here, form) as made:
        able = {name: worker for name, worker in made.items() if "error" not in worker.ready}
        for name, worker in able.items():
            # What is loaded at the first call is no part of any call.
            worker.ask(0, 1, PEERS[name][3])
        places = dict.fromkeys(able, 0)
        generated(generator, here.queries[:100], here.targets[:100])
        for _ in range(ROUNDS):
            mine.append(1e3 * generated(generator, here.queries, here.targets)[1] / len(here.queries))
            plain.append(1e3 * generated(greedy, here.queries, here.targets)[1] / len(here.queries))
            for name, worker in able.items():
                seconds[name].append(_stretch(worker, places, name, len(here.queries)))
    rivals = {name: [[1e3 * value for value in part] for part in parts] for name, parts in seconds.items() if parts}
    return {"ours": mine, "greedy": plain, "rivals": rivals, "queries": len(here.queries)}


def _stretch(worker: Worker, places: dict[str, int], name: str, n_queries: int) -> list[float]:
    """Seconds of the next queries, about as many as fit into the time of one turn."""
    out: list[float] = []
    while sum(out) < RACED[name]:
        first = places[name] % n_queries
        last = min(first + 5, n_queries)
        out += worker.ask(first, last, PEERS[name][3])["seconds"]
        places[name] = last
    return out


def many_queries(here: Situation, n: int, seed: int = 0) -> np.ndarray:
    """``n`` different rows: queries, each with one number or code of another query."""
    rng = np.random.default_rng(seed)
    made = here.queries[rng.integers(len(here.queries), size=n)]
    column = rng.integers(made.shape[1], size=n)
    made[np.arange(n), column] = here.queries[rng.integers(len(here.queries), size=n), column]
    return made


CHILD = "import sys; from benchmarks.counterfactual import scale_child; scale_child(*sys.argv[1:])"


def scale_child(table: str, family: str, folder: str, n: str) -> None:
    """Print seconds and peak memory of one call for ``n`` queries, in a process that does nothing else."""
    from benchmarks.information_peers import RESET_PEAK, resident

    here = situation(table, family, Path(folder))
    queries = many_queries(here, int(n))
    targets = 1 - here.served.predict(queries)
    generator = ours("nearest", here).fit(here.served, here.X, here.y)
    generated(generator, queries[:50], targets[:50])
    if RESET_PEAK.exists():
        RESET_PEAK.write_text("5")
    before = resident("VmRSS")
    found, seconds, wall = generated(generator, queries, targets)
    line = {"seconds": seconds, "wall": wall, "peak": resident("VmHWM") - before, "valid": float(np.mean(found.valid))}
    sys.stdout.write(json.dumps({**line, "calls": found.n_model_calls, "rows": found.n_model_rows}) + "\n")


def scale_cell(here: Situation, sizes: Sequence[int]) -> dict[str, Any]:
    out = {}
    for n in sizes:
        command = [sys.executable, "-c", CHILD, here.table, here.family, str(here.folder.parent), str(n)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        out[str(n)] = json.loads(done.stdout.splitlines()[-1])
    return {"sizes": out}


def measure(
    lines: Lines, here: Situation, method: str, settings: dict[str, Any], cell: Callable[[], dict[str, Any]]
) -> None:
    """Measure a cell that is missing."""
    known = {"fingerprint": here.fingerprint, "method": method, "dataset": here.table, "family": here.family, "seed": 0}
    known["settings"] = settings
    if not lines.has(known):
        start = time.perf_counter()
        lines.add({**known, **cell()})
        say(f"{here.table} {here.family} {method}: {time.perf_counter() - start:.0f} s")


def suits(name: str, family: str) -> bool:
    """Whether a method is asked about a model: the optimum about small ones, the small forest for the optimum only."""
    if name == "ocean":
        return family in EXACT
    return family != SMALL or name == "nice_proximity"


def run(lines: Lines, here: Situation, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Measure the wanted cells of one situation: the others first, whose rows ours are paired with."""
    for name in names:
        if name in wanted and suits(name, here.family):
            _, most, budget, limit = PEERS[name]
            measure(lines, here, name, {"most": most, "budget": budget, "limit": limit}, partial(peer_cell, here, name))
    for method in variants(here):
        if method in wanted:
            measure(lines, here, method, {}, partial(our_cell, here, method))
    if here.family != SMALL and "race" in wanted:
        for form in FORMS:
            raced = [name for name in RACED if name in names]
            measure(lines, here, "race", {"form": form, "rounds": ROUNDS}, partial(race_cell, here, form, raced))


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    lines = Lines(options.results / FILE)
    if options.forget:
        wanted = {"dataset": options.datasets} if options.datasets else {}
        say(f"{lines.forget(method=options.forget, **wanted)} cells forgotten")
    if not options.report:
        names = [name for name in PEERS if built(name)]
        wanted = options.methods or ALL
        if not names:
            raise RuntimeError(f"{ENVIRONMENTS} is empty: run `sh benchmarks/counterfactual_env.sh`, which builds it")
        for table in options.datasets or TABLES:
            for family in options.families or (*FAMILIES, SMALL):
                run(lines, situation(table, family), names, wanted)
        for table, family in SCALED if "scaling" in wanted else ():
            here = situation(table, family)
            measure(lines, here, "scaling", {"sizes": list(SIZES)}, partial(scale_cell, here, SIZES))
    report(lines.cells, options.results, "python -m benchmarks.counterfactual")


def quick() -> None:
    """Measure ours alone on a few rows; see that every row is valid and that our distances are the judge's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = Lines(folder / FILE)
        for table, family in (("compas", "logistic"), ("compas", "tree"), ("phoneme", "lightgbm")):
            run(lines, situation(table, family, folder, 500, 100), (), ALL)
        here = situation("compas", "logistic", folder)
        measure(lines, here, "scaling", {"sizes": [100]}, partial(scale_cell, here, (100,)))
        cells = [cell for cell in lines.cells if cell["method"].startswith("nearest")]
        if any(cell["valid"] < 1 or cell["says_valid"] < 1 for cell in cells):
            raise RuntimeError("a counterfactual is not valid")
        if max(cell["disagreement"] for cell in cells) > 1e-9:
            raise RuntimeError("our distances are not those of the judge")
        if "Goals" not in report(lines.cells, folder, "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
