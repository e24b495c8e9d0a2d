"""What distilled classifiers and regressors share: check, ask the teacher, choose its weight, teach the student."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch, Tags, check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_memory

from skdistill._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    num_samples,
    raise_for_params,
    routing_enabled,
    safe_indexing,
)
from skdistill._validation import (
    handles_missing,
    has_infinity,
    has_missing,
    inner_tags,
    refuse_nested,
    seed_inner,
    stack_rows,
)
from skdistill.estimators._alpha import AlphaChoice, Trial, run_trials
from skdistill.estimators._holder import StudentHolder
from skdistill.estimators._inputs import (
    Labelled,
    Splits,
    check_estimators,
    check_rows,
    count_synthetic,
    halves,
    make_splits,
    teacher_fit_params,
)
from skdistill.estimators._lesson import Further, Lesson
from skdistill.exceptions import DistillationDeclinedWarning
from skdistill.nets import adapt_teacher
from skdistill.response import TeacherResponse, ask
from skdistill.response._collect import Task, check_can_answer, fit_teacher, is_frozen
from skdistill.response._crossfit import FINAL, CrossFit, check_partition, plan_jobs, run_jobs
from skdistill.samplers import check_sampled_rows, resolve_sampler
from skdistill.students._repetition import canonical_order, repeat_by_weight

__all__ = ["COMMON_CONSTRAINTS", "Asked", "BaseDistilled"]

COMMON_CONSTRAINTS: dict[str, list[Any]] = {
    "alpha": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
    "scoring": [str, callable],
    "cv": ["cv_object"],
    "sampler": [str, HasMethods(["fit", "sample"]), None],
    "n_synthetic": [Interval(Real, 0, None, closed="left")],
    "memory": [str, HasMethods(["cache"]), None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

WAYS_OUT = {
    "temperature": "Use 1.0 for the teacher's own probabilities and a value above 1 for softer ones.",
    "alpha": "Use 1.0 for the teacher alone, 0.0 for the labels alone, and 'auto' to have it chosen out of fold.",
    "calibration": "Use None to teach the teacher's answers as they are.",
    "soft_targets": "Use 'auto' for the route that fits the student.",
    "n_synthetic": "Use an int for a number of rows and a float for a multiple of the labelled rows.",
    "sampler": "Use 'munge', 'mixup' or 'conditional', or None for no synthetic rows.",
}
SEED_LIMIT = np.iinfo(np.int32).max
PROBE_ROWS = 50
# Rows without labels and the teacher's answer about them.
Asked = tuple[Any, TeacherResponse]


@dataclass(frozen=True)
class Plan:
    """What a fit works with once everything is checked: owned clones, splits, seeds."""

    teacher: Any
    student: Any
    sampler: Any
    splits: Splits
    n_synthetic: int
    strategy_seed: int
    sampler_seed: int


class BaseDistilled(ABC, StudentHolder):
    """The common `fit` of the distilled estimators."""

    _task: ClassVar[Task]
    _ways_out: ClassVar[dict[str, str]] = WAYS_OUT

    @abstractmethod
    def _check_targets(self, y: Any) -> np.ndarray:
        """Return checked labels, in their own values."""

    @abstractmethod
    def _register(self, rows: Labelled) -> None:
        """Set what follows from the labels; refuse, before any long work, a student that cannot work."""

    @abstractmethod
    def _answer_shape(self, answer: TeacherResponse) -> TeacherResponse:
        """Bring an answer into the order of the classes, or into the labels' shape."""

    @abstractmethod
    def _is_faithful(self) -> bool:
        """Whether the aim is the student closest to the teacher rather than the best one on labels."""

    @abstractmethod
    def _lesson(self, rows: Labelled, answer: TeacherResponse) -> Lesson:
        """Turn the teacher's answer about labelled rows into a lesson."""

    @abstractmethod
    def _targets_from(self, answer: TeacherResponse) -> np.ndarray:
        """Turn an answer into what a student learns."""

    @abstractmethod
    def _teach(self, student: Any, lesson: Lesson, alpha: float, seed: int) -> Any:
        """Fit an owned, unfitted student."""

    @abstractmethod
    def _trial(self, student: Any, rows: Labelled, test: np.ndarray, answer: TeacherResponse) -> Trial:
        """Score a fitted student on held-out rows."""

    @abstractmethod
    def _choose(self, outcomes: dict[float, list[Trial]]) -> AlphaChoice:
        """Choose the teacher's weight from the trials."""

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, X_teacher: Any, X_unlabeled: Any, params: Mapping[str, Any]
    ) -> None:
        check_estimators(teacher=self.teacher, student=self.student)
        rows = check_rows(self, X, y, sample_weight, X_teacher, X_unlabeled, self._check_targets)
        check_can_answer(self.teacher, self._task)
        self._register(rows)
        routed = self._route(sample_weight, params)
        plan = self._plan(rows, routed)

        fit_params = teacher_fit_params(plan.teacher, rows, routed.teacher)
        self._say(f"asking the teacher about {rows.n_rows} rows")
        crossfit = self._cross_fit(plan, rows, fit_params)
        self.teacher_ = check_memory(self.memory).cache(fit_teacher)(plan.teacher, rows.X_teacher, rows.y, fit_params)
        answer = crossfit.answers.get(FINAL)
        if answer is None:
            answer = self._ask(self.teacher_, rows.X_teacher)
        lesson = self._lesson(rows, answer)
        if self._has_further(plan, rows):
            asked = self._ask_further(self.teacher_, rows, np.arange(rows.n_rows), plan)
            lesson = replace(lesson, further=self._further(asked))

        # A former fit may have chosen among several.
        if hasattr(self, "alpha_scores_"):
            del self.alpha_scores_
        self.alpha_ = float(self.alpha) if self.alpha != "auto" else self._find_alpha(plan, rows, lesson, crossfit)
        lesson = lesson if self.alpha_ > 0 else lesson.labels_only()
        self.n_synthetic_ = plan.n_synthetic if self.alpha_ > 0 else 0
        self._say(f"fitting the student with alpha={self.alpha_:g}")
        # Only where the student itself would take missing values without a word.
        taken = X_teacher is not None or handles_missing(self.teacher)
        self._refuses_missing = not taken and handles_missing(self.student)
        self.student_ = self._teach(clone(plan.student), lesson, self.alpha_, plan.strategy_seed)

    def _plan(self, rows: Labelled, routed: Bunch) -> Plan:
        rng = None if self.random_state is None else check_random_state(self.random_state)
        n_synthetic = count_synthetic(self, rows)
        sampler = None if self.sampler is None else resolve_sampler(self.sampler)
        strategy_seed, sampler_seed = check_random_state(rng).randint(SEED_LIMIT, size=2).tolist()
        if n_synthetic:
            _probe(sampler, rows.X)
        splits: Splits = []
        if self.alpha == "auto" or (self.cv is not None and self.alpha != 0 and not is_frozen(self.teacher)):
            classification = self._task == "classification"
            splits = make_splits(self.cv, rows, routed.splitter or {}, classification=classification)
        return Plan(
            teacher=seed_inner(clone(adapt_teacher(self.teacher)), rng),
            student=seed_inner(clone(self.student), rng),
            sampler=seed_inner(sampler, rng),
            splits=splits,
            n_synthetic=n_synthetic,
            strategy_seed=strategy_seed,
            sampler_seed=sampler_seed,
        )

    # The teacher.

    def _further(self, asked: Asked) -> Further:
        X, answer = asked
        return Further(X, self._targets_from(answer))

    def _ask(self, teacher: Any, X: Any) -> TeacherResponse:
        known = getattr(self, "classes_", None)
        return self._answer_shape(ask(teacher, X, task=self._task, classes=known))

    def _cross_fit(self, plan: Plan, rows: Labelled, params: Mapping[str, Any]) -> CrossFit:
        """Ask out of fold, with further rows where the choice of alpha needs them fold by fold."""
        if is_frozen(self.teacher) or self.alpha == 0:
            return CrossFit({}, {})
        if self.cv is not None:
            check_partition(plan.splits, rows.n_rows)

        def ask_more(teacher: Any, train: np.ndarray) -> Asked:
            return self._ask_further(teacher, rows, train, plan)

        def halve(train: np.ndarray) -> np.ndarray:
            return halves(rows, train, classification=self._task == "classification")

        further = self.alpha == "auto" and self._has_further(plan, rows)
        # What a fold's teacher does with further rows is a closure, which a cache cannot tell from another one.
        run = run_jobs if further else check_memory(self.memory).cache(run_jobs, ignore=["n_jobs", "verbose"])
        crossfit = run(
            plan.teacher,
            rows.X_teacher,
            rows.y,
            plan_jobs(plan.splits, trials=self._labels_judge(), in_sample=self.cv is None, halve=halve),
            task=self._task,
            classes=getattr(self, "classes_", None),
            params=params,
            then=ask_more if further else None,
            n_jobs=self.n_jobs,
            verbose=max(0, self.verbose - 1),
        )
        shaped = {key: self._answer_shape(answer) for key, answer in crossfit.answers.items()}
        return CrossFit(shaped, crossfit.results)

    def _labels_judge(self) -> bool:
        """Whether alpha is chosen by labels, which the teachers of a trial's student must not have seen."""
        return bool(self.alpha == "auto" and not self._is_faithful())

    def _has_further(self, plan: Plan, rows: Labelled) -> bool:
        return bool(self.alpha != 0 and (rows.n_unlabeled or plan.n_synthetic))

    def _ask_further(self, teacher: Any, rows: Labelled, train: np.ndarray, plan: Plan) -> Asked:
        """Collect the unlabeled rows and synthetic ones made from some labelled rows, and ask a fitted teacher."""
        X = rows.unlabeled
        if plan.n_synthetic:
            weight = rows.unit_weight()
            count = max(1, round(plan.n_synthetic * weight[train].sum() / weight.sum()))
            source = _sampled_from(safe_indexing(rows.X, train), weight[train], plan.sampler_seed)
            drawn = clone(plan.sampler, safe=False).fit(source).sample(count, random_state=plan.sampler_seed)
            check_sampled_rows(drawn, source, n_rows=count)
            X = drawn if X is None else stack_rows(X, drawn)
        return X, self._ask(teacher, X)

    # The teacher's weight.

    def _find_alpha(self, plan: Plan, rows: Labelled, lesson: Lesson, crossfit: CrossFit) -> float:
        lessons = [self._trial_lesson(fold, plan, rows, lesson, crossfit) for fold in range(len(plan.splits))]

        def trial(alpha: float, fold: int) -> Trial:
            part = lessons[fold] if alpha > 0 else lessons[fold].labels_only()
            student = self._teach(clone(plan.student), part, alpha, plan.strategy_seed)
            return self._trial(student, rows, plan.splits[fold][1], lesson.answer)

        self._say("choosing alpha out of fold")
        outcomes = run_trials(trial, len(plan.splits), n_jobs=self.n_jobs, verbose=max(0, self.verbose - 1))
        choice = self._choose(outcomes)
        self.alpha_scores_ = choice.scores
        if choice.declined:
            warnings.warn(
                f"The teacher {type(self.teacher).__name__} has nothing to give the student "
                f"{type(self.student).__name__} under scoring={self.scoring!r}: out of fold no weight of its answers "
                "beat the labels alone (alpha_scores_), so the student is fitted on the labels (alpha_=0). Fix alpha "
                "for a student that follows the teacher, or give it further rows (X_unlabeled, sampler).",
                DistillationDeclinedWarning,
                stacklevel=4,
            )
        return choice.alpha

    def _trial_lesson(self, fold: int, plan: Plan, rows: Labelled, lesson: Lesson, crossfit: CrossFit) -> Lesson:
        """Return what a student may learn that will be judged on one fold."""
        train, _ = plan.splits[fold]
        told = lesson.told if fold not in crossfit.answers else self._targets_from(crossfit.answers[fold])
        further = None
        if self._has_further(plan, rows):
            asked = crossfit.results.get(fold) or self._ask_further(self.teacher_, rows, train, plan)
            further = self._further(asked)
        return replace(lesson, told=told).part(train, further)

    # Metadata, tags, predictions.

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which metadata of `fit` go to the teacher, to the student and to the splitter.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(teacher=self.teacher, method_mapping=fit_to_fit)
        router.add(student=self.student, method_mapping=fit_to_fit)
        if hasattr(self.cv, "split"):
            router.add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        return router

    def _route(self, sample_weight: Any, params: Mapping[str, Any]) -> Bunch:
        if not routing_enabled():
            raise_for_params(params, self, "fit")
            return Bunch(teacher=None, splitter=None)
        given = dict(params) if sample_weight is None else {**params, "sample_weight": sample_weight}
        routed = process_routing(self, "fit", **given)
        for_student = set(routed.student.fit) - {"sample_weight"}
        if for_student:
            raise ValueError(
                f"The student requests the metadata {sorted(for_student)} for fit, which cannot follow soft targets "
                "and further rows. Withdraw the request (set_fit_request) or fix the value as one of its parameters."
            )
        return Bunch(teacher=routed.teacher.fit, splitter=routed.splitter.split if hasattr(self.cv, "split") else None)

    def __sklearn_tags__(self) -> Tags:
        """Derive the tags from teacher and student: what both can take."""
        tags = super().__sklearn_tags__()
        inner = [found for found in (inner_tags(self.teacher), inner_tags(self.student)) if found is not None]
        for name in ("allow_nan", "sparse", "categorical", "string"):
            setattr(tags.input_tags, name, bool(inner) and all(getattr(t.input_tags, name) for t in inner))
        tags.input_tags.positive_only = any(t.input_tags.positive_only for t in inner)
        return tags

    def _check_fitted_and(self, X: Any) -> None:
        super()._check_fitted_and(X)
        if self._refuses_missing and (has_missing(X) or has_infinity(X)):
            raise ValueError(
                f"Input X contains NaN or infinity, which the teacher {type(self.teacher).__name__} cannot handle, so "
                "that the student never saw any. Impute the rows as in fit, or distil a teacher that takes them."
            )


def _sampled_from(X: Any, weight: np.ndarray, seed: int) -> Any:
    """Return what a sampler sees: rows repeated by their weights, in an order that follows from what they hold."""
    nothing = np.zeros(len(weight))
    ordered = canonical_order(X, nothing)
    repeated = repeat_by_weight(safe_indexing(X, ordered), nothing, weight[ordered], seed)
    return safe_indexing(X, ordered[repeated])


def _probe(sampler: Any, X: Any) -> None:
    """Refuse, before the teacher is asked, a sampler whose rows are unlike those it was fitted on."""
    refuse_nested(X)
    few = safe_indexing(X, np.arange(min(PROBE_ROWS, num_samples(X))))
    own = seed_inner(clone(sampler, safe=False), np.random.RandomState(0))
    check_sampled_rows(own.fit(few).sample(2, random_state=0), few, n_rows=2)
