"""Do learners teach each other by counterfactuals, and better than by the rows themselves?

python -m benchmarks.cooperative            every missing cell, then the report
python -m benchmarks.cooperative --report   only the report
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from benchmarks import _setting
from benchmarks._records import Lines, opened, parser, say
from benchmarks.cooperative_report import report
from benchmarks.cooperative_setting import (
    BLIND,
    OWN_COLUMNS,
    OWN_REGION,
    SAME,
    SILOS,
    Counterfactuals,
    RandomRows,
    RawRows,
    Situation,
    Sizes,
    aligned,
    fit_merged,
    fit_soft,
    rows_of,
    situation,
)
from skdistill._validation import weight_params
from skdistill.estimators import CooperativeDistillation

FILE = "cooperative.jsonl"
SEEDS = 10
CLASSES = ("digits", "optdigits", "letter")
CREDIT = ("adult", "compas", "lending_club")
OVERLAPS = (0.2, 0.4, 0.6, 0.8, 1.0)
PAPER = {"strength": 0.5, "n_rounds": 1, "expertise_cv": None, "fill": "zero", "accept": "always"}


@dataclass(frozen=True)
class Experiment:
    """One way to deal rows and columns, on some tables, to some learners."""

    name: str
    tables: Sequence[str]
    families: Sequence[str]
    overlap: float = 1.0

    @property
    def title(self) -> str:
        return f"{self.name}, overlap {self.overlap:.0%}" if self.name == SAME else self.name


EXPERIMENTS = (
    Experiment(BLIND, CLASSES, ("logistic", "trees", "mixed")),
    *(Experiment(name, CREDIT, ("mixed",)) for name in (SILOS, OWN_COLUMNS, OWN_REGION)),
    *(Experiment(SAME, ("adult", "letter"), ("tree, net, linear",), share) for share in OVERLAPS),
)


class Arms:
    """Everything that is done with the learners of one situation."""

    def __init__(self, here: Situation) -> None:
        self.here = here
        self.fitted: dict[str, CooperativeDistillation] = {}

    def cooperation(self, name: str, generator: Any = None, **how: Any) -> CooperativeDistillation:
        """Fit once; with counterfactuals and the package's defaults unless told otherwise."""
        if name not in self.fitted:
            here = self.here
            made = Counterfactuals() if generator is None else generator
            model = CooperativeDistillation(
                here.learners, generator=made, random_state=here.seed, **{"accept": "always", **how}
            )
            self.fitted[name] = model.fit(here.train.X, here.train.y, owner=here.owns)
        return self.fitted[name]

    def students(self, name: str) -> list[list[Any]]:
        """Return the models of an arm for each learner: one, or as many as it has teachers."""
        return [models if isinstance(models, list) else [models] for models in ARMS[name](self)]

    def after(self, name: str, generator: Any = None, **how: Any) -> list[Any]:
        return list(self.cooperation(name, generator, **how).named_estimators_.values())

    def before(self) -> list[Any]:
        return list(self.cooperation("default").initial_estimators_.values())

    def doubled(self) -> list[Any]:
        """Fit every learner on its own rows and, with twice their weight, on the raw rows that it was taught."""
        here, raw = self.here, self.cooperation("raw row", RawRows(), **CONTROL)
        found, models = raw.virtual_instances_, []
        for place, (name, learner, _) in enumerate(here.learners):
            if name not in found.tables:
                models.append(raw.initial_estimators_[name])
                continue
            X, y = here.own(place)
            more, labels = found.tables[name], found.label[found.student == name]
            weight = np.full(len(labels), 2 / np.size(raw.strength))
            X, y, weight = np.concatenate([X, more]), np.concatenate([y, labels]), np.r_[np.ones(len(y)), weight]
            models.append(clone(learner).fit(X, y, **weight_params(learner, weight)))
        return models

    def distilled(self) -> list[list[Any]]:
        """Fit every learner on its own rows, on their labels and the answers of each of the others in equal parts."""
        here, before = self.here, self.before()
        models: list[list[Any]] = []
        for place, (_, learner, _) in enumerate(here.learners):
            X, y = here.own(place)
            others = [other for other in range(len(before)) if other != place]
            answers = [aligned(before[i], here.own(place, columns_of=i)[0], here.n_classes) for i in others]
            models.append([fit_soft(learner, X, 0.5 * np.eye(here.n_classes)[y] + 0.5 * told) for told in answers])
        return models

    def merged(self) -> list[Any]:
        return [fit_merged(place, self.here) for place in range(len(self.here.learners))]


# A raw row is a row that somebody has already, which the controls must not lose.
CONTROL = {"deduplicate": False}
ARMS: dict[str, Callable[[Arms], list[Any]]] = {
    "before": Arms.before,
    "default": lambda arms: arms.after("default"),
    "default, one round": lambda arms: arms.after("default, one round", n_rounds=1),
    "default, improved": lambda arms: arms.after("default, improved", accept="improved"),
    "paper": lambda arms: arms.after("paper", **PAPER),
    "raw row": lambda arms: arms.after("raw row", RawRows(), **CONTROL),
    "raw row, one round": lambda arms: arms.after("raw row, one round", RawRows(), n_rounds=1, **CONTROL),
    "raw row twice": Arms.doubled,
    "random row": lambda arms: arms.after("random row", RandomRows(), **CONTROL),
    "plain distillation": Arms.distilled,
    "merged": Arms.merged,
}


def measure(arms: Arms, name: str) -> dict[str, Any]:
    """Judge each learner, and the average of all, on rows that nobody has."""
    here = arms.here
    test = here.test
    start = time.process_time()
    students = arms.students(name)
    seconds = time.process_time() - start
    each = [
        [aligned(model, test.X[:, columns], here.n_classes) for model in models]
        for models, (_, _, columns) in zip(students, here.learners, strict=True)
    ]
    own = np.arange(len(test.y))
    hits = [[float(np.mean(proba.argmax(axis=1) == test.y)) for proba in probas] for probas in each]
    losses = [[float(-np.log(np.clip(proba[own, test.y], 1e-4, 1)).mean()) for proba in probas] for probas in each]
    together = np.mean([np.mean(probas, axis=0) for probas in each], axis=0)
    found = {
        "accuracy": [float(np.mean(part)) for part in hits],
        "log_loss": [float(np.mean(part)) for part in losses],
        "together": float(np.mean(together.argmax(axis=1) == test.y)),
        "seconds": seconds,
    }
    if name in arms.fitted:
        model = arms.fitted[name]
        found |= {
            "n_virtual": len(model.virtual_instances_),
            "accepted": model.accepted_.tolist(),
            "gain": [float(gain) for gain in model.gain_],
        }
    return found


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def run(lines: Lines, experiments: Sequence[Experiment], seeds: range, sizes: Sizes, methods: Sequence[str]) -> None:
    # Seed by seed, so that a run that is stopped leaves every experiment with the same number of seeds.
    for seed, experiment in product(seeds, experiments):
        for table, family in product(experiment.tables, experiment.families):
            facts = {
                "dataset": table,
                "fingerprint": rows_of(table, sizes.classes).fingerprint,
                "family": family,
                "seed": seed,
                "settings": {"experiment": experiment.title, "rows": list(astuple(sizes))},
            }
            missing = [name for name in methods if not lines.has({**facts, "method": name})]
            if not missing:
                continue
            start = time.process_time()
            arms = Arms(situation(experiment.name, table, family, seed, sizes, experiment.overlap))
            for name in missing:
                lines.add({**facts, "method": name, **rounded(measure(arms, name))})
            say(f"{experiment.title}, {table}, {family}, seed {seed}: {time.process_time() - start:.0f} s")


def main() -> None:
    made = parser(__doc__ or "")
    made.set_defaults(seeds=SEEDS)
    options = made.parse_args()
    if options.quick:
        quick()
        return
    lines = opened(options, FILE)
    if not options.report:
        experiments, methods = chosen(options.datasets, options.families), options.methods or list(ARMS)
        with _setting.quiet():
            run(lines, experiments, range(options.seeds), Sizes(), methods)
    report(lines.cells, options.results, "python -m benchmarks.cooperative")


def chosen(tables: Sequence[str] | None, families: Sequence[str] | None) -> list[Experiment]:
    """Restrict all experiments to some tables and kinds of learners."""
    return [
        Experiment(
            one.name,
            [table for table in one.tables if not tables or table in tables],
            [family for family in one.families if not families or family in families],
            one.overlap,
        )
        for one in EXPERIMENTS
    ]


def quick() -> None:
    """Run everything on a few rows and see that every cell is there."""
    sizes = Sizes(blind=90, silo=30, same=60, test=200, classes=3)
    experiments = [
        Experiment(BLIND, ["digits"], ["trees"]),
        Experiment(OWN_COLUMNS, ["compas"], ["mixed"]),
        *(Experiment(SAME, ["letter"], ["trees"], share) for share in (0.4, 1.0)),
    ]
    with tempfile.TemporaryDirectory() as folder, _setting.quiet():
        lines = Lines(Path(folder) / FILE)
        run(lines, experiments, range(2), sizes, list(ARMS))
        expected = len(experiments) * 2 * len(ARMS)
        if len(lines.cells) != expected:
            raise RuntimeError(f"{expected} cells were to be run, {len(lines.cells)} are there")
        if "Verdict" not in report(lines.cells, Path(folder), "quick"):
            raise RuntimeError("the report has not been written")


if __name__ == "__main__":
    main()
