"""Rounds of cooperation: who teaches whom what, and who is the better for it."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from skdistill._validation import stack_rows
from skdistill.estimators._expertise import (
    Answers,
    Gain,
    deficiency,
    fit_and_ask,
    joined,
    measure_gain,
    plan_contexts,
    weighted_accuracy,
)
from skdistill.estimators._shared_table import LearnerTable, SharedTable
from skdistill.estimators._silos import Learner, Silos
from skdistill.estimators._virtual import (
    Made,
    VirtualInstances,
    VirtualRows,
    cap_rows,
    distinct_rows,
    make_rows,
    row_marks,
    stack_virtual,
    told,
)
from skdistill.response._collect import is_frozen

__all__ = ["Cooperation", "Plan"]

# The context of all rows; the others are those of folds.
ALL = 0
# A context and a learner.
Key = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What a fit works with once everything is checked.

    Parameters
    ----------
    learners : list of Learner
        Owned, seeded, unfitted.
    weighted : list of bool
        Whether each learner is fitted with the weights.
    generator : object with fit and generate
        Owned, seeded, unfitted.
    strengths : tuple of float
        One virtual row is made for each; together they weigh as much as their source.
    cv : int, splitter, iterable of splits or None
        How expertise is measured.
    n_rounds : int
        At most so many rounds.
    max_virtual : int, float or None
        At most so many virtual rows for a student and round.
    deduplicate : bool
        Whether every lesson counts once.
    fill : "zero", "reference", "mean" or imputer
        How cells that a student lacks are filled.
    judges : bool
        Whether students that do not improve keep their former selves.
    measures : bool
        Whether students are measured out of fold.
    seed : int
        Of the choice among too many virtual rows.
    n_jobs : int or None
        Number of fits at the same time.
    """

    learners: list[Learner]
    weighted: list[bool]
    generator: Any
    strengths: tuple[float, ...]
    cv: Any
    n_rounds: int
    max_virtual: float | None
    deduplicate: bool
    fill: Any
    judges: bool
    measures: bool
    seed: int
    n_jobs: int | None

    @property
    def share(self) -> float:
        """Weight of one virtual row of a source row of weight one."""
        return 1.0 / len(self.strengths)


class Cooperation:
    """Learners that teach each other on one set of rows.

    Parameters
    ----------
    silos : Silos
        The rows and their owners.
    plan : Plan
        The settings.
    classes : ndarray of shape (n_classes,)
        All classes.
    say : callable
        Told what happens.

    Attributes
    ----------
    models : dict of (int, int) to estimator
        The fitted learners, by context (`ALL`, or a fold from 1) and position of the learner.
    answers : dict of (int, int) to Answers
        What they say of the rows that their context asks about.
    """

    def __init__(self, silos: Silos, plan: Plan, classes: np.ndarray, say: Callable[[str], None]) -> None:
        self.silos, self.plan, self.classes, self.say = silos, plan, classes, say
        self.codes = np.searchsorted(classes, silos.y)
        self.weight = silos.unit_weight()
        shared = SharedTable(silos.X)
        self.tables = [
            LearnerTable(shared, learner.columns, silos.owns[:, place], plan.fill, learner.name)
            for place, learner in enumerate(plan.learners)
        ]
        self.contexts = plan_contexts(silos, plan.cv, folds=plan.cv is not None or plan.measures)
        self.models: dict[Key, Any] = {}
        self.answers: dict[Key, Answers] = {}
        self.taught: dict[Key, VirtualRows] = {}
        self.offered: list[tuple[int, int, VirtualRows, bool]] = []
        self.gain = np.full(self.n_learners, np.nan)
        self.accepted = np.zeros(self.n_learners, dtype=bool)

    @property
    def n_learners(self) -> int:
        """Number of learners."""
        return len(self.plan.learners)

    @property
    def folds(self) -> range:
        """Contexts of folds."""
        return range(1, len(self.contexts))

    def begin(self) -> None:
        """Fit every learner in every context, and ask it."""
        self.say(f"fitting {self.n_learners} learners, {len(self.contexts)} times each")
        keys = [(c, j) for c in range(len(self.contexts)) for j in range(self.n_learners)]
        self._keep(keys, self._fit(keys, {}))
        self.accuracy = np.column_stack([self._accuracies(), np.full(self.n_learners, np.nan)])

    def run(self) -> str:
        """Let the learners teach each other until it helps nobody.

        Returns
        -------
        str
            Why nobody was taught anything; empty if somebody was.
        """
        reason = ""
        for number in range(1, self.plan.n_rounds + 1):
            reason = self._round(number)
            if reason:
                break
        # Without taught learners in the folds there is nothing to measure.
        if self.plan.measures:
            self.accuracy[:, 1] = self._accuracies()
        return "" if self.accepted.any() else reason

    def _round(self, number: int) -> str:
        again = number < self.plan.n_rounds and self.plan.cv is not None
        folds = list(self.folds) if self.plan.measures or again else []
        offers = self._offers([ALL, *folds], number)
        students = [j for j in range(self.n_learners) if (ALL, j) in offers]
        if not students:
            return self.silence
        total = sum(len(offers[ALL, j]) for j in students)
        self.say(f"round {number}: {total} virtual row(s) for {len(students)} learner(s)")
        keys = [(c, j) for c in folds for j in students]
        # Where a fold has nothing to teach, its learner stays as it is.
        tried = {key: (self.models[key], self.answers[key]) for key in keys if key not in offers}
        changed = [key for key in keys if key in offers]
        tried.update(zip(changed, self._fit(changed, offers), strict=True))
        improved = [j for j in students if self._judge(j, tried, folds)]
        for j in students:
            self.offered.append((number, j, offers[ALL, j], j in improved))
        done = [(c, j) for c, j in keys if j in improved]
        self._keep(done, [tried[key] for key in done], offers)
        final = [(ALL, j) for j in improved]
        self._keep(final, self._fit(final, offers), offers)
        self.say(f"round {number}: {len(improved)} of {len(students)} keep what they learnt")
        return "" if improved else "no learner got better out of fold by the virtual rows that it was offered (gain_)"

    def _judge(self, student: int, tried: dict[Key, tuple[Any, Answers]], folds: list[int]) -> bool:
        """Tell whether a student keeps what it learnt, and book what it gained."""
        if not self.plan.measures:
            self.accepted[student] = True
            return True
        gain = self._gain(student, {c: tried[c, student][1] for c in folds})
        keeps = gain.accepted or not self.plan.judges
        if keeps:
            former = self.gain[student] if self.accepted[student] else 0.0
            self.gain[student] = former + gain.accuracy
        elif not self.accepted[student]:
            self.gain[student] = gain.accuracy
        self.accepted[student] |= keeps
        return keeps

    def _gain(self, student: int, after: dict[int, Answers]) -> Gain:
        unseen = {c: np.flatnonzero(~self.contexts[c].learns) for c in after}
        before = joined([(unseen[c], self.answers[c, student]) for c in after])
        return measure_gain(before, joined([(unseen[c], after[c]) for c in after]), self.weight)

    # Fits and answers.

    def _fit(self, keys: Sequence[Key], offers: dict[Key, VirtualRows]) -> list[tuple[Any, Answers]]:
        jobs = (delayed(fit_and_ask)(*self._job(key, offers), self.codes, self.classes) for key in keys)
        return list(Parallel(n_jobs=self.plan.n_jobs)(jobs))

    def _job(self, key: Key, offers: dict[Key, VirtualRows]) -> tuple[Any, ...]:
        context, place = self.contexts[key[0]], key[1]
        table = self.tables[place]
        own = np.flatnonzero(table.owned & context.learns)
        X, rows = table.own(own), own
        virtual = [part for part in (self.taught.get(key), offers.get(key)) if part is not None]
        if virtual:
            more = stack_virtual(virtual)
            X, rows = stack_rows(X, table.decode(more.values)), np.r_[own, more.source]
        weight = None
        if self.plan.weighted[place] and (self.silos.weight is not None or self.plan.share < 1):
            weight = np.r_[self.weight[own], self.plan.share * self.weight[rows[len(own) :]]]
        asked = context.asked[table.askable[context.asked]]
        return self.plan.learners[place], X, self.silos.y[rows], weight, table.question(asked), asked

    def _keep(
        self,
        keys: Iterable[Key],
        fitted: Iterable[tuple[Any, Answers]],
        offers: dict[Key, VirtualRows] | None = None,
    ) -> None:
        for key, (model, answers) in zip(keys, fitted, strict=True):
            self.models[key], self.answers[key] = model, answers
            if offers is not None and key in offers:
                former = [self.taught[key]] if key in self.taught else []
                self.taught[key] = stack_virtual([*former, offers[key]])

    def _experts(self, context: int) -> list[Answers]:
        """Return the answers by which expertise is measured in a context."""
        if self.plan.cv is None:
            return [self.answers[context, j] for j in range(self.n_learners)]
        return [self._out_of_fold(j) for j in range(self.n_learners)]

    def _out_of_fold(self, place: int) -> Answers:
        unseen = {c: np.flatnonzero(~self.contexts[c].learns) for c in self.folds}
        return joined([(unseen[c], self.answers[c, place]) for c in self.folds])

    def _accuracies(self) -> np.ndarray:
        if not self.folds:
            return np.full(self.n_learners, np.nan)
        return np.array([weighted_accuracy(self._out_of_fold(j), self.weight) for j in range(self.n_learners)])

    # Virtual rows.

    def _offers(self, contexts: Sequence[int], number: int) -> dict[Key, VirtualRows]:
        """Make virtual rows in some contexts: one call of the generator per teacher and strength."""
        lessons = {c: self._lessons(c) for c in contexts}
        teachers = [(c, i) for c in contexts for i in range(self.n_learners) if lessons[c][i]]
        self.silence = "no learner was right where another one was wrong"
        sources = {(c, i): np.unique(np.concatenate(list(lessons[c][i].values()))) for c, i in teachers}
        jobs = (delayed(make_rows)(*self._order(key, sources[key])) for key in teachers)
        with warnings.catch_warnings():
            # Rows for which nothing is found are no fault here: they are left out.
            warnings.filterwarnings("ignore", "No counterfactual of class", UserWarning)
            done = Parallel(n_jobs=self.plan.n_jobs)(jobs)
        made = {
            key: [replace(part, X=self.tables[key[1]].encode(part.X)) for part in parts]
            for key, parts in zip(teachers, done, strict=True)
        }
        if teachers:
            self.silence = "the generator made no row that is more typical of its class, or none that is new"
        found: dict[Key, VirtualRows] = {}
        for c in contexts:
            for j in range(self.n_learners):
                parts = [
                    self._received(j, i, part, lessons[c][i][j])
                    for i in range(self.n_learners)
                    if j in lessons[c][i]
                    for part in told(made[c, i], self.plan.weighted[j])
                ]
                rows = self._tidy(stack_virtual(parts), (c, j), number) if parts else None
                if rows is not None and len(rows):
                    found[c, j] = rows
        return found

    def _lessons(self, context: int) -> list[dict[int, np.ndarray]]:
        """Return, for every teacher, the rows that it can teach each student."""
        learns, experts = self.contexts[context].learns, self._experts(context)
        lessons: list[dict[int, np.ndarray]] = []
        for i, teacher in enumerate(self.tables):
            found = {
                j: deficiency(experts[i], experts[j], teacher.owned & learns, student.askable)
                for j, student in enumerate(self.tables)
                if j != i and student.shares_columns(teacher) and not is_frozen(self.plan.learners[j].estimator)
            }
            lessons.append({j: rows for j, rows in found.items() if len(rows)})
        return lessons

    def _order(self, key: Key, source: np.ndarray) -> tuple[Any, ...]:
        table = self.tables[key[1]]
        own = np.flatnonzero(table.owned & self.contexts[key[0]].learns)
        # Generators break ties by the order of rows and count neighbours, so each one comes once, ordered by content.
        own = own[np.unique(row_marks(table.values[own], self.codes[own]), return_index=True)[1]]
        reference, queries = (table.own(own), self.silos.y[own]), (table.own(source), self.silos.y[source])
        plan = self.plan
        return plan.generator, self.models[key], reference, queries, source, plan.strengths, self.classes

    def _received(self, student: int, teacher: int, made: Made, wanted: np.ndarray) -> VirtualRows:
        rows = np.flatnonzero(np.isin(made.source, wanted) & made.usable)
        return VirtualRows(
            values=self.tables[student].receive(made.X[rows], self.tables[teacher]),
            source=made.source[rows],
            teacher=np.full(len(rows), teacher, dtype=np.intp),
            before=made.before[rows],
            after=made.after[rows],
            distance=made.distance[rows],
        )

    def _tidy(self, rows: VirtualRows, key: Key, number: int) -> VirtualRows:
        rows = distinct_rows(rows, self.codes) if self.plan.deduplicate else rows
        most = self.plan.max_virtual
        if most is not None and not isinstance(most, Integral):
            n_own = int((self.tables[key[1]].owned & self.contexts[key[0]].learns).sum())
            most = max(1, round(most * n_own))
        return cap_rows(rows, self.codes, most, self.plan.seed + number)

    def instances(self) -> VirtualInstances:
        """Return all virtual rows that were offered."""
        names = np.array([learner.name for learner in self.plan.learners])
        parts: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        values: dict[int, list[np.ndarray]] = {}
        for number, j, rows, kept in self.offered:
            columns = {
                "teacher": names[rows.teacher],
                "student": np.full(len(rows), names[j]),
                "source": self.silos.kept[rows.source],
                "label": self.silos.y[rows.source],
                "probability_before": rows.before,
                "probability_after": rows.after,
                "distance": rows.distance,
                "round": np.full(len(rows), number),
                "accepted": np.full(len(rows), kept),
            }
            for name, column in columns.items():
                parts[name].append(column)
            values.setdefault(j, []).append(rows.values)
        kinds: dict[str, Any] = {
            "teacher": names.dtype,
            "student": names.dtype,
            "label": self.silos.y.dtype,
            "accepted": bool,
            **dict.fromkeys(("source", "round"), np.intp),
        }
        joint = {
            name: np.concatenate([np.empty(0, dtype=kinds.get(name, np.float64)), *column])
            for name, column in parts.items()
        }
        tables = {str(names[j]): self.tables[j].decode(np.concatenate(part)) for j, part in values.items()}
        return VirtualInstances(**joint, tables=tables)

    def transfers(self) -> np.ndarray:
        """Count the virtual rows that were kept, by teacher (row) and student (column)."""
        counts = np.zeros((self.n_learners, self.n_learners), dtype=np.intp)
        for _, j, rows, kept in self.offered:
            if kept:
                counts[:, j] += np.bincount(rows.teacher, minlength=self.n_learners)
        return counts


COLUMNS = (
    "teacher", "student", "source", "label", "probability_before", "probability_after", "distance", "round", "accepted",
)  # fmt: skip
