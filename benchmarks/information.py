"""What does the BROJA decomposition cost here and elsewhere, and how exact is it?

python -m benchmarks.information            every missing cell, then the report
python -m benchmarks.information --report   only the report

``sh benchmarks/information_env.sh`` builds the rivals' environment first, in which the solvers run, ours too.
"""

import hashlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._records import Lines, parser, say
from benchmarks.information_peers import OURS, SOLVERS, atoms_of
from benchmarks.information_report import report
from skdistill.information import decompose, named_gate
from skdistill.information._broja import solve_broja
from skdistill.information._gates import GATES

FILE = "information.jsonl"
ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "benchmarks" / "cache" / "information"
PYTHON = ROOT / ".venv-information" / "bin" / "python"
# Tolerances of ECOS and Clarabel: their default, the fastest, where time counts; the tightest where errors do.
DEFAULT, TIGHTEST = 1e-8, 1e-12
# Processor seconds: after the budget a solver gets no further problem of a cell, after the limit it is given up.
BUDGET, BUDGET_PRECISION = 10.0, 5.0
LIMIT, LIMIT_PRECISION = 30.0, 5.0
# A solver that waits for the processor for this many times its limit has died in all but name.
PATIENCE = 20
STARTING = 60.0


@dataclass(frozen=True)
class Size:
    """How many problems of one size are solved, how often each, and the batch."""

    shape: tuple[int, int, int]
    problems: int
    repeats: int
    batch: int = 0
    batch_repeats: int = 5


SIZES = {
    "2x2x2": Size((2, 2, 2), 30, 7, 1000, 15),
    "3x4x5": Size((3, 4, 5), 30, 5, 1000, 9),
    "5x10x10": Size((5, 10, 10), 15, 5, 1000),
    "10x20x20": Size((10, 20, 20), 5, 3, 100, 3),
    "10x50x50": Size((10, 50, 50), 2, 3),
    "10x100x100": Size((10, 100, 100), 1, 3),
}
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
KINDS = ("dirichlet 1", "dirichlet .1", "dirichlet .01", "zeros 1", "zeros .1", "zeros .01", "deterministic")
# Problems of each kind that all solvers get, by shape.
PRECISION = {(2, 2, 2): 20, (3, 4, 5): 20, (5, 10, 10): 5}
# Problems of each kind that ours gets, by shape: 10,000 with all kinds.
GAPS = {(2, 2, 2): 500, (3, 4, 5): 500, (4, 2, 6): 229, (5, 10, 10): 200}
PARTS = ("redundancy", "unique_teacher", "unique_student", "synergy")


def draw(kind: str, shape: Sequence[int], n: int, seed: int) -> np.ndarray:
    """``n`` distributions: Dirichlet, Dirichlet with every other cell emptied by chance, or Y a function of (T, S)."""
    rng = np.random.default_rng([seed, KINDS.index(kind), *shape])
    if kind == "deterministic":
        pmf = np.zeros((n, *shape))
        sources = rng.dirichlet(np.ones(shape[1] * shape[2]), size=n).reshape(n, 1, *shape[1:])
        np.put_along_axis(pmf, rng.integers(shape[0], size=sources.shape), sources, axis=1)
        return pmf
    word, concentration = kind.split()
    pmf = np.empty((n, *shape))
    for problem in pmf:
        mass = 0.0
        while not mass > 0:
            problem[:] = rng.dirichlet(np.full(problem.size, float(concentration))).reshape(shape)
            if word == "zeros":
                problem *= rng.random(shape) < 0.5
            mass = problem.sum()
        problem /= mass
    return pmf


def saved(name: str, **arrays: np.ndarray) -> Path:
    """Save distributions for the workers; return where."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def label(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def processor_seconds(process: int) -> float:
    """Processor time of another process so far; 0 where there is no /proc."""
    file = Path(f"/proc/{process}/stat")
    # After the command's name, in brackets, user and system time are the entries 12 and 13.
    return sum(map(int, file.read_text().rpartition(")")[2].split()[11:13])) / TICKS if file.exists() else 0.0


class Worker:
    """A solver in a process of its own, started anew after it has been given up."""

    def __init__(self, name: str, path: Path, tolerance: float, python: str) -> None:
        self.command = [python, "-m", "benchmarks.information_peers", name, str(path), str(tolerance)]
        self.packages: list[str] = []
        self.start()

    def start(self) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
        # Ours comes from this tree, whatever the environment holds.
        environment = {**os.environ, **one, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        with (CACHE / "workers.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environment,
                text=True,
            )
        ready = self._line(STARTING)
        if ready is None:
            raise RuntimeError(f"{' '.join(self.command)} did not start: see {CACHE / 'workers.log'}")
        self.packages = ready["packages"]

    def _line(self, limit: float) -> dict[str, Any] | None:
        """Next line of the worker; None if it needs more than ``limit`` processor seconds, or has died."""
        before, start = processor_seconds(self.process.pid), time.perf_counter()
        while not select.select([self.process.stdout], [], [], min(limit, 0.2))[0]:
            waited = time.perf_counter() - start
            if processor_seconds(self.process.pid) - before > limit or waited > PATIENCE * limit:
                return None
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line else None

    def ask(self, array: str, problem: int | None, repeats: int, limit: float) -> dict[str, Any]:
        """Ask for one problem, or for all as a batch; an answer that comes too late is an error."""
        asked = {"array": array, "problem": problem, "repeats": repeats}
        before = processor_seconds(self.process.pid)
        self.process.stdin.write(json.dumps(asked) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        reply = self._line(limit)
        if reply is not None:
            return reply
        died, used = self.process.poll() is not None, processor_seconds(self.process.pid) - before
        self.stop()
        self.start()
        return {"error": "died" if died else "late", "at_least": used}

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def workers(names: Sequence[str], path: Path, tolerance: float) -> Iterator[dict[str, Worker]]:
    python = str(PYTHON) if PYTHON.exists() else sys.executable
    with ExitStack() as stack:
        made = {}
        for name in names:
            made[name] = Worker(name, path, tolerance, python)
            stack.callback(made[name].stop)
        yield made


def time_cell(size: Size, pmf: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Seconds of every solver for the same problems, asked in turn; a solver stops at its limit or its budget."""
    found: dict[str, Any] = {key: {"solve": [], "whole": [], "wall": [], "good": []} for key in names}
    batch: list[float] = []
    spent = dict.fromkeys(names, 0.0)
    with workers(names, saved(f"time-{label(size.shape)}", pmf=pmf), DEFAULT) as made:
        for problem in range(size.problems):
            for key, worker in made.items():
                entry = found[key]
                if "failure" not in entry and spent[key] <= BUDGET:
                    # A rival is asked once at first, and again only if it is quick.
                    quick = key in OURS or (entry["solve"] and max(entry["solve"]) < 1)
                    before = processor_seconds(worker.process.pid)
                    _note(entry, worker.ask("pmf", problem, size.repeats if quick else 1, LIMIT))
                    spent[key] += processor_seconds(worker.process.pid) - before
            if size.batch and problem < size.batch_repeats:
                batch += made["decompose"].ask("pmf", None, 1, LIMIT)["seconds"]
        packages = sorted({package for worker in made.values() for package in worker.packages})
    return {"solvers": found, "batch": [seconds / len(pmf) for seconds in batch], "packages": packages}


def _note(entry: dict[str, Any], reply: dict[str, Any]) -> None:
    """Put an answer of a worker into its entry."""
    if "error" in reply:
        entry |= {"failure": reply["error"], "at_least": reply.get("at_least")}
        return
    solve = float(np.median(reply["seconds"]))
    entry["solve"].append(solve)
    entry["whole"].append(reply["prepare"] + solve)
    entry["wall"].append(float(np.median(reply["wall"])))
    entry["good"].append(reply["good"])
    entry.setdefault("peak", reply["peak"])


def precision_cell(array: str, pmf: np.ndarray, made: dict[str, Worker]) -> dict[str, Any]:
    """How far every solver's atoms lie outside our bracket, in nats, and what it says of itself."""
    bounds = solve_broja(pmf)
    found: dict[str, Any] = {}
    for key, worker in made.items():
        entry = found[key] = {"error": [], "least": [], "good": [], "failures": []}
        spent = 0.0
        for problem in range(len(pmf)):
            if spent > BUDGET_PRECISION:
                break
            reply = worker.ask(array, problem, 1, LIMIT_PRECISION)
            spent += reply.get("at_least") or reply.get("used", 0.0)
            if "error" in reply:
                entry["failures"].append(reply["error"])
                continue
            atoms = np.ravel(reply["atoms"])
            low, high = np.sort([atoms_of(pmf[problem], v[problem]) for v in (bounds.lower, bounds.upper)], axis=0)
            entry["error"].append(float(np.maximum(np.maximum(low - atoms, atoms - high), 0.0).max()))
            entry["least"].append(float(atoms.min()))
            entry["good"].append(reply["good"])
    return {"solvers": found, "gap": bounds.gap.tolist(), "converged": bounds.converged.tolist()}


def gap_cell(pmf: np.ndarray) -> dict[str, Any]:
    """Certified gaps of ours on a batch, and its seconds per problem."""
    start = time.process_time()
    found = decompose(pmf, base=np.e)
    seconds = (time.process_time() - start) / len(pmf)
    atoms = np.stack([found.redundancy, found.unique_teacher, found.unique_student, found.synergy])
    gap = np.asarray(found.gap)
    return {
        "problems": len(pmf),
        "converged": int(np.count_nonzero(found.converged)),
        "quantiles": np.quantile(gap, [0.5, 0.99]).tolist(),
        "largest": float(gap.max()),
        "open": np.sort(gap[~np.asarray(found.converged)]).tolist(),
        "histogram": np.histogram(np.log10(np.maximum(gap, 1e-16)), bins=np.arange(-16, 1.5, 0.5))[0].tolist(),
        "least": float(atoms.min()),
        "seconds": seconds,
    }


def gate_cell() -> dict[str, Any]:
    """Largest error of ours on gates whose atoms are known exactly, in nats, and the largest gap."""
    errors, gaps = {}, {}
    for name in GATES:
        pmf, exact = named_gate(name, return_atoms=True)
        found = decompose(pmf)
        pairs = ((getattr(found, part), getattr(exact, part)) for part in PARTS)
        errors[name], gaps[name] = float(max(abs(a - b) for a, b in pairs) * np.log(2.0)), found.gap
    return {"errors": errors, "gaps": gaps}


def padded_gates() -> np.ndarray:
    """All gates as one batch: states without mass fill up the smaller ones."""
    pmf = np.zeros((len(GATES), 4, 4, 2))
    for problem, name in zip(pmf, GATES, strict=True):
        gate = named_gate(name)
        problem[tuple(map(slice, gate.shape))] = gate
    return pmf


def given_up(lines: Lines, size: Size) -> set[str]:
    """Solvers that failed, or were too slow, at a smaller size."""
    failed = set()
    for cell in lines.cells:
        if cell["method"] == "time" and np.prod(cell["settings"]["shape"]) < np.prod(size.shape):
            failed |= {key for key, entry in cell["solvers"].items() if "failure" in entry}
    return failed


def identity(method: str, dataset: str, settings: dict[str, Any], pmf: np.ndarray) -> dict[str, Any]:
    """What makes a cell the same cell."""
    fingerprint = hashlib.sha256(pmf.tobytes()).hexdigest()[:16]
    return {"fingerprint": fingerprint, "method": method, "dataset": dataset, "seed": 0, "settings": settings}


def measure(
    lines: Lines,
    method: str,
    dataset: str,
    settings: dict[str, Any],
    pmf: np.ndarray,
    cell: Callable[[], dict[str, Any]],
) -> None:
    """Measure a cell that is missing."""
    known = identity(method, dataset, settings, pmf)
    if not lines.has(known):
        start = time.perf_counter()
        lines.add({**known, **cell()})
        say(f"{method} {dataset}: {time.perf_counter() - start:.0f} s")


def run_times(lines: Lines, sizes: dict[str, Size], names: Sequence[str]) -> None:
    for name, size in sizes.items():
        pmf = draw("dirichlet 1", size.shape, max(size.batch, size.problems), 0)
        able = [key for key in names if key not in given_up(lines, size)]
        settings = json.loads(json.dumps(asdict(size)))
        measure(lines, "time", name, settings, pmf, partial(time_cell, size, pmf, able))


def run_precision(lines: Lines, numbers: dict[tuple[int, int, int], int], names: Sequence[str]) -> None:
    problems = {f"{kind} {label(shape)}": draw(kind, shape, n, 1) for shape, n in numbers.items() for kind in KINDS}
    problems["gates"] = padded_gates()
    settings = {"names": list(names)}
    missing = {a: pmf for a, pmf in problems.items() if not lines.has(identity("precision", a, settings, pmf))}
    if missing:
        with workers(names, saved("precision", **missing), TIGHTEST) as made:
            for array, pmf in missing.items():
                measure(lines, "precision", array, settings, pmf, partial(precision_cell, array, pmf, made))


def run_gaps(lines: Lines, numbers: dict[tuple[int, int, int], int]) -> None:
    for shape, n in numbers.items():
        for kind in KINDS:
            pmf = draw(kind, shape, n, 2)
            measure(lines, "gaps", f"{kind} {label(shape)}", {"problems": n}, pmf, partial(gap_cell, pmf))
    measure(lines, "gates", "gates", {}, padded_gates(), gate_cell)


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = Lines(options.results / FILE)
    if options.forget:
        wanted = {"dataset": options.datasets} if options.datasets else {}
        say(f"{lines.forget(method=options.forget, **wanted)} cells forgotten")
    if not options.report:
        if not PYTHON.exists():
            raise RuntimeError(f"{PYTHON} is missing: run `sh benchmarks/information_env.sh`, which builds it first")
        sizes = {name: size for name, size in SIZES.items() if not options.datasets or name in options.datasets}
        run_times(lines, sizes, tuple(SOLVERS))
        run_precision(lines, PRECISION, tuple(SOLVERS))
        run_gaps(lines, GAPS)
    report(lines.cells, options.results, "python -m benchmarks.information", BUDGET_PRECISION, LIMIT_PRECISION)


def quick() -> None:
    """Measure ours alone on a few problems; see that every cell is there, every gap small and every gate exact."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Lines(Path(folder) / FILE)
        sizes = {"3x4x5": Size((3, 4, 5), 2, 2, 20, 1)}
        run_times(lines, sizes, OURS)
        run_precision(lines, {(2, 2, 2): 3}, OURS)
        run_gaps(lines, {(2, 2, 2): 20, (3, 4, 5): 20})
        expected = len(sizes) + 3 * len(KINDS) + 2
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be measured, {len(lines.cells)} are there")
        if max(lines.cells[-1]["errors"].values()) > 1e-9:
            raise RuntimeError(f"a gate is not exact: {lines.cells[-1]['errors']}")
        if any(cell["converged"] < cell["problems"] for cell in lines.cells if cell["method"] == "gaps"):
            raise RuntimeError("a random problem has not converged")
        if "Goals" not in report(lines.cells, Path(folder), "quick", BUDGET_PRECISION, LIMIT_PRECISION):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
