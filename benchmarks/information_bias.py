"""How far is partial information measured on rows from that of the distribution they come from?

python -m benchmarks.information_bias            every missing cell, then the report
python -m benchmarks.information_bias --report   only the report

`--methods` chooses among errors, coverage and p_values, `--families` among the distributions.
"""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._records import Lines, markdown, opened, paragraph, parser, provenance, say
from skdistill.information import PIDEstimator, decompose

# The optimum itself, a distribution without synergy, is not public.
from skdistill.information._broja import solve_broja

FILE = "information_bias.jsonl"
ATOMS = ("redundancy", "unique_teacher", "unique_student", "synergy")
NAMES = (*ATOMS, "mutual_information", "information_teacher", "information_student")
TITLES = ("redundancy", "unique T", "unique S", "synergy", "I(Y;T,S)", "I(Y;T)", "I(Y;S)")
CORRECTIONS = (None, "chao", "miller_madow", "permutation", "extrapolation", "jackknife")
CORRECTION_TITLES = [str(name).lower() for name in CORRECTIONS]
LEVEL = 0.05
# The solver's own tolerance, in bits, which must not count as a miss.
SOLVED = 1e-6
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Setting:
    """A part of the benchmark at one size; `repetitions` are per seed and distribution, `draws` per measurement."""

    part: str
    shape: Shape
    rows: int
    repetitions: int
    draws: int = 0

    @property
    def size(self) -> str:
        return "x".join(map(str, self.shape))

    def known(self) -> dict[str, Any]:
        sizes = {"shape": self.size, "rows": self.rows, "repetitions": self.repetitions}
        return {"fingerprint": "simulated", "method": self.part, "settings": {**sizes, "draws": self.draws}}


SETTINGS = (
    Setting("errors", (2, 3, 3), 200, 12),
    Setting("errors", (5, 5, 5), 200, 8),
    Setting("errors", (5, 5, 5), 1000, 8),
    Setting("errors", (5, 5, 5), 10_000, 8),
    Setting("errors", (10, 10, 10), 200, 3),
    Setting("errors", (10, 10, 10), 1000, 3),
    Setting("errors", (10, 10, 10), 3000, 3),
    Setting("errors", (10, 10, 10), 10_000, 3),
    Setting("coverage", (4, 4, 4), 300, 20, 200),
    Setting("coverage", (5, 5, 5), 1000, 8, 200),
    Setting("p_values", (2, 3, 3), 300, 20, 59),
    Setting("p_values", (4, 4, 4), 500, 12, 59),
)


def channel(n_y: int, n_states: int, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    """Shares of states for each class: its own ones with `accuracy`, else any, half of it by chance."""
    own = np.arange(n_states) % n_y == np.arange(n_y)[:, None]
    noise = 0.5 / n_states + 0.5 * rng.dirichlet(np.ones(n_states), n_y)
    return accuracy * own / own.sum(axis=1, keepdims=True) + (1 - accuracy) * noise


def even_channel(n_y: int, n_states: int, accuracy: float) -> np.ndarray:
    """As `channel`, with errors that are equally frequent; the states of a class tell the same."""
    classes = np.full((n_y, n_y), (1 - accuracy) / (n_y - 1))
    np.fill_diagonal(classes, accuracy)
    owner = np.arange(n_states) % n_y
    return classes[:, owner] / np.bincount(owner)[owner]


def apart(weights: np.ndarray, teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Two channels that err independently."""
    return weights[:, None, None] * teacher[:, :, None] * student[:, None, :]


def noisy(shape: Shape, rng: np.random.Generator, teacher: float = 0.8, student: float = 0.55) -> np.ndarray:
    n_y, n_t, n_s = shape
    weights = rng.dirichlet(np.full(n_y, 5.0))
    return apart(weights, channel(n_y, n_t, teacher, rng), channel(n_y, n_s, student, rng))


def weak(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    return noisy(shape, rng, 0.15, 0.05)


def degraded(shape: Shape, rng: np.random.Generator, accuracies: tuple[float, float] = (0.75, 0.6)) -> np.ndarray:
    n_y, n_t, n_s = shape
    weights = rng.dirichlet(np.full(n_y, 5.0))
    teacher, copy = channel(n_y, n_t, accuracies[0], rng), channel(n_t, n_s, accuracies[1], rng)
    return (weights[:, None] * teacher)[:, :, None] * copy


def copying(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    n_y, n_t, n_s = shape
    return (channel(n_y, n_t, 0.8, rng) / n_y)[:, :, None] * channel(n_t, n_s, 0.85, rng)


def shared_noise(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    n_y, n_t, n_s = shape
    weights = rng.dirichlet(np.full(n_y, 5.0))
    teacher, student = channel(n_y, n_t, 0.7, rng), channel(n_y, n_s, 0.6, rng)
    mixed = 0.5 * student[:, None, :] + 0.5 * channel(n_t, n_s, 0.7, rng)
    return weights[:, None, None] * teacher[:, :, None] * mixed


def random_table(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    return rng.dirichlet(np.full(np.prod(shape), 0.2)).reshape(shape)


def equal(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    n_y, n_t, n_s = shape
    accuracy = rng.uniform(0.5, 0.9)
    return apart(np.full(n_y, 1 / n_y), even_channel(n_y, n_t, accuracy), even_channel(n_y, n_s, accuracy))


def near(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    n_y, n_t, n_s = shape
    return apart(np.full(n_y, 1 / n_y), channel(n_y, n_t, 0.8, rng), channel(n_y, n_s, 0.75, rng))


Family = Callable[[Shape, np.random.Generator], np.ndarray]
FAMILIES: dict[str, Family] = {
    "noisy classes": noisy,
    "degraded student": degraded,
    "shared noise": shared_noise,
    "random tables": random_table,
    "nearly independent": weak,
    "equally good": equal,
    "copying student": copying,
    "nearly as good": near,
}


def equal_at_60(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    n_y, n_t, n_s = shape
    return apart(np.full(n_y, 1 / n_y), even_channel(n_y, n_t, 0.6), even_channel(n_y, n_s, 0.6))


def independent(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    table = noisy(shape, rng)
    return table.sum(axis=(1, 2))[:, None, None] * table.sum(axis=0)


def inferior(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """A student that tells what a degraded one does, but errs independently."""
    table = degraded(shape, rng)
    weights = table.sum(axis=(1, 2))
    return apart(weights, table.sum(axis=2) / weights[:, None], table.sum(axis=1) / weights[:, None])


def without_synergy(family: Family) -> Family:
    return lambda shape, rng: np.maximum(solve_broja(family(shape, rng)[None]).q[0], 0.0)


# Distributions, and which quantities are 0 in them.
NULLS: dict[str, tuple[Family, tuple[str, ...]]] = {
    "equally good": (equal_at_60, ("unique_teacher", "unique_student")),
    "independent of y": (independent, NAMES),
    "degraded student": (degraded, ("unique_student", "synergy")),
    "inferior student": (inferior, ("unique_student",)),
    "noisy, no synergy": (without_synergy(noisy), ("synergy",)),
    "random, no synergy": (without_synergy(random_table), ("synergy",)),
}


def drawn(family: Family, setting: Setting, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield a table and the states of T, of S and of y in rows drawn from it, one table per repetition."""
    for _ in range(setting.repetitions):
        table = family(setting.shape, rng)
        table = table / table.sum()
        cells = rng.choice(table.size, setting.rows, p=table.ravel())
        y, teacher, student = np.unravel_index(cells, table.shape)
        yield table, teacher, student, y


def truth(table: np.ndarray, names: Sequence[str]) -> np.ndarray:
    found = decompose(table)
    return np.array([getattr(found, name) for name in names])


def fitted(rows: Sequence[np.ndarray], seed: int, **parameters: Any) -> PIDEstimator:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The table has")
        return PIDEstimator(encoder="label", random_state=seed, **parameters).fit(*rows)


def estimates(found: PIDEstimator, names: Sequence[str]) -> np.ndarray:
    return np.array([getattr(found, f"{name}_") for name in names])


def errors(samples: Iterator[tuple[np.ndarray, ...]], setting: Setting) -> dict[str, Any]:
    """Estimate less truth of the four atoms under each correction, and the processor seconds of a fit."""
    found: dict[str, list[Any]] = {name: [] for name in CORRECTION_TITLES}
    seconds = dict.fromkeys(found, 0.0)
    for i, (table, *rows) in enumerate(samples):
        true = truth(table, ATOMS)
        for name, correction in zip(CORRECTION_TITLES, CORRECTIONS, strict=True):
            start = time.process_time()
            measured = estimates(fitted(rows, i, bias_correction=correction), ATOMS)
            seconds[name] += time.process_time() - start
            found[name].append(np.round(measured - true, 5).tolist())
    return {
        "errors": found,
        "seconds": {name: round(value / setting.repetitions, 4) for name, value in seconds.items()},
    }


def coverage(samples: Iterator[tuple[np.ndarray, ...]], setting: Setting) -> dict[str, Any]:
    """How many intervals hold the truth, and how wide they are on average."""
    hits, width = np.zeros(len(NAMES), dtype=int), np.zeros(len(NAMES))
    for i, (table, *rows) in enumerate(samples):
        true = truth(table, NAMES)
        intervals = fitted(rows, i, n_bootstrap=setting.draws, confidence_level=1 - LEVEL).intervals_
        low, high = np.array([intervals[name] for name in NAMES]).T
        hits += (low <= true + SOLVED) & (true - SOLVED <= high)
        width += high - low
    return {"hits": hits, "width": np.round(width / setting.repetitions, 5)}


def rejections(samples: Iterator[tuple[np.ndarray, ...]], setting: Setting) -> dict[str, Any]:
    """How many p-values are at most the level."""
    count = np.zeros(len(NAMES), dtype=int)
    for i, (_, *rows) in enumerate(samples):
        found = fitted(rows, i, n_permutations=setting.draws).p_values_
        count += np.array([found[name] for name in NAMES]) <= LEVEL + 1e-12
    return {"rejections": count}


Part = Callable[[Iterator[tuple[np.ndarray, ...]], Setting], dict[str, Any]]
PARTS: dict[str, tuple[Part, dict[str, Family]]] = {
    "errors": (errors, FAMILIES),
    "coverage": (coverage, FAMILIES),
    "p_values": (rejections, {name: family for name, (family, _) in NULLS.items()}),
}


def run(lines: Lines, settings: Sequence[Setting], seeds: range, wanted: Sequence[str] | None = None) -> None:
    for setting, seed in product(settings, seeds):
        measure, families = PARTS[setting.part]
        start, n_before = time.process_time(), len(lines.cells)
        for i, (name, family) in enumerate(families.items()):
            cell = {**setting.known(), "family": name, "seed": seed}
            if (wanted is None or name in wanted) and not lines.has(cell):
                rng = np.random.default_rng([seed, i, *setting.shape, setting.rows])
                lines.add({**cell, **measure(drawn(family, setting, rng), setting)})
        if len(lines.cells) > n_before:
            spent = time.process_time() - start
            say(f"{setting.part} {setting.size}, {setting.rows} rows, seed {seed}: {spent:.1f} s")


def of_setting(lines: list[dict[str, Any]], setting: Setting) -> dict[str, list[dict[str, Any]]]:
    """The lines at a setting, by distribution."""
    known = setting.known()
    at = [line for line in lines if all(line[name] == value for name, value in known.items())]
    return {name: [line for line in at if line["family"] == name] for name in dict.fromkeys(c["family"] for c in at)}


def settings_of(lines: list[dict[str, Any]], part: str) -> list[Setting]:
    """The settings of a part that there are lines of, in their order."""
    found = {}
    for line in (line for line in lines if line["method"] == part):
        known = line["settings"]
        n_y, n_t, n_s = (int(number) for number in known["shape"].split("x"))
        setting = Setting(part, (n_y, n_t, n_s), known["rows"], known["repetitions"], known["draws"])
        found[known["shape"], known["rows"], known["repetitions"]] = setting
    return sorted(found.values(), key=lambda setting: (setting.shape, setting.rows))


def stacked(lines: list[dict[str, Any]], correction: str) -> np.ndarray:
    """Errors of the atoms in the repetitions of some lines, shape (n, 4)."""
    return np.concatenate([line["errors"][correction] for line in lines])


def rmse(families: dict[str, list[dict[str, Any]]], correction: str) -> tuple[float, float]:
    """Root mean squared error over distributions, repetitions and atoms, and its standard error."""
    squares = [(stacked(part, correction) ** 2).mean(axis=1) for part in families.values()]
    value = np.sqrt(np.mean([square.mean() for square in squares]))
    spread = np.sqrt(sum(square.var() / max(len(square) - 1, 1) for square in squares)) / len(squares)
    return float(value), float(spread / (2 * value))


def error_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    for setting in settings_of(lines, "errors"):
        families = of_setting(lines, setting)
        found = [rmse(families, correction) for correction in CORRECTION_TITLES]
        n = sum(len(stacked(part, "none")) for part in families.values())
        rows.append([setting.size, f"{setting.rows:,}", n, *(f"{value:.4f} ± {error:.4f}" for value, error in found)])
    return markdown(["cells", "rows", "samples", *CORRECTION_TITLES], rows)


def family_table(lines: list[dict[str, Any]]) -> str:
    """Errors of the unique parts, distribution by distribution: nothing taken off, and the default correction."""
    settings = settings_of(lines, "errors")
    rows = []
    for name in FAMILIES:
        row = [name]
        for setting in settings:
            part = of_setting(lines, setting).get(name)
            sizes = [np.sqrt((stacked(part, way)[:, 1:3] ** 2).mean()) for way in ("none", "chao")] if part else []
            row.append(" / ".join(f"{size:.4f}" for size in sizes))
        rows.append(row)
    return markdown(["distribution", *(f"{setting.size}, {setting.rows:,}" for setting in settings)], rows)


def bias_table(lines: list[dict[str, Any]]) -> str:
    rows = []
    for setting, correction in product(settings_of(lines, "errors"), ("none", "chao")):
        families = of_setting(lines, setting).values()
        means = np.mean([stacked(part, correction).mean(axis=0) for part in families], axis=0)
        seconds = np.mean([line["seconds"][correction] for part in families for line in part])
        shown = (f"{mean:+.4f}" for mean in means)
        rows.append([setting.size, f"{setting.rows:,}", correction, *shown, f"{1e3 * seconds:.0f}"])
    return markdown(["cells", "rows", "correction", *TITLES[:4], "ms"], rows)


def share(hits: float, n: int) -> str:
    """A share in percent, with its standard error."""
    # Half a hit and half a miss more, or a share of all or none would look certain.
    likely = (hits + 0.5) / (n + 1)
    return f"{100 * hits / n:.0f} ± {100 * np.sqrt(likely * (1 - likely) / n):.0f}"


def coverage_table(lines: list[dict[str, Any]], setting: Setting) -> str:
    families = of_setting(lines, setting)
    whole = [line for part in families.values() for line in part]
    rows = []
    for name, part in {**families, "all": whole}.items():
        n = setting.repetitions * len(part)
        hits, width = np.sum([line["hits"] for line in part], axis=0), np.mean([line["width"] for line in part], axis=0)
        rows.append([name, n, *(f"{share(hit, n)} ({size:.2f})" for hit, size in zip(hits, width, strict=True))])
    return markdown(["distribution", "samples", *TITLES], rows)


def rejection_table(lines: list[dict[str, Any]], setting: Setting) -> str:
    rows = []
    for name, part in of_setting(lines, setting).items():
        n, zero = setting.repetitions * len(part), NULLS[name][1]
        counts = np.sum([line["rejections"] for line in part], axis=0)
        shown = (
            share(count, n) if quantity in zero else f"({100 * count / n:.0f})"
            for quantity, count in zip(NAMES, counts, strict=True)
        )
        rows.append([name, n, *shown])
    return markdown(["distribution", "samples", *TITLES], rows)


INTRODUCTION = """Rows are drawn from distributions whose decomposition is known, a new distribution of its kind for
each sample, and `PIDEstimator(encoder="label")` measures them with the BROJA measure; all figures are in bits. Kinds of
distributions: a teacher and a student that err independently (noisy classes); a student that sees only the teacher's
answer (degraded); errors that are partly shared; random tables, from a Dirichlet distribution of 0.2; nearly
independent ones; a student that errs as often as its teacher, independently, all errors equally frequent, so that both
unique parts are 0 (equally good); one that sees the teacher's answer and mostly repeats it (copying); and one nearly as
good. "none" takes nothing off. ± is a standard error."""

ERRORS = """Root mean squared error of redundancy, both unique parts and synergy together, the mean over the eight kinds
of distributions. All corrections measure the same rows, so that differences between columns are surer than the standard
errors say."""

BY_FAMILY = """The two unique parts alone, root mean squared error with nothing taken off / with "chao", by cells and
rows."""

BIAS = """Mean of estimate less truth, and processor milliseconds of a fit."""

COVERAGE = """Percent of the {level:.0f} % intervals that hold the truth, the mean width in brackets: {size} cells,
{rows:,} rows, "chao", {draws} resamples."""

REJECTIONS = """Percent of p-values of at most {level:g}: {size} cells, {rows:,} rows, "chao", {draws} permutations.
Where the quantity is 0 it should be at most {percent:g}; in brackets where it is not 0, or not in all of these tables,
and many are good. "Inferior" is a student that tells no more than a degraded one but errs independently of its teacher;
"no synergy" are the distributions at which the measure attains its optimum."""


def report(lines: list[dict[str, Any]], folder: Path, command: str) -> str:
    """Write ``information_bias.md``; return the text."""
    parts = ["# Partial information measured on rows\n", paragraph(INTRODUCTION)]
    if settings_of(lines, "errors"):
        parts += ["\n## Errors of the atoms\n", paragraph(ERRORS) + "\n", error_table(lines)]
        parts += ["\n" + paragraph(BIAS) + "\n", bias_table(lines)]
        parts += ["\n" + paragraph(BY_FAMILY) + "\n", family_table(lines)]
    for part, title, text, table in (
        ("coverage", "Coverage of the intervals", COVERAGE, coverage_table),
        ("p_values", "Rejections of true nulls", REJECTIONS, rejection_table),
    ):
        settings = settings_of(lines, part)
        parts += [f"\n## {title}"] if settings else []
        for setting in settings:
            level = LEVEL if part == "p_values" else 100 * (1 - LEVEL)
            sizes = {"size": setting.size, "rows": setting.rows, "draws": setting.draws, "percent": 100 * LEVEL}
            parts += ["\n" + paragraph(text.format(level=level, **sizes)) + "\n", table(lines, setting)]
    text = "\n".join([*parts, "\n## Where it was run\n", provenance(command, lines), ""])
    (folder / "information_bias.md").write_text(text, encoding="utf-8")
    return text


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        settings = [setting for setting in SETTINGS if options.methods is None or setting.part in options.methods]
        run(lines, settings, range(options.seeds), options.families)
    report(lines.cells, options.results, "python -m benchmarks.information_bias")


def quick() -> None:
    """Run every part on a few rows and see that every cell is there."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Lines(Path(folder) / FILE)
        settings = [Setting(part, (2, 3, 3), 60, 1, 19 if part != "errors" else 0) for part in PARTS]
        run(lines, settings, range(1))
        expected = sum(len(families) for _, families in PARTS.values())
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "Rejections" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
