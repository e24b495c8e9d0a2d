"""Which route a student takes, and the fit along it through pipelines and searches."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skdistill._sklearn import BaseSearchCV, num_samples, safe_indexing
from skdistill._validation import stack_rows
from skdistill.exceptions import StudentRouteError
from skdistill.students._base import SoftTargets, SoftTargetStrategy
from skdistill.students._catboost import CatBoostStrategy
from skdistill.students._expansion import ExpansionStrategy
from skdistill.students._lightgbm import LightGBMStrategy
from skdistill.students._logit_regression import LogitStrategy
from skdistill.students._sampling import SamplingStrategy
from skdistill.students._search import check_refits, fit_search
from skdistill.students._sharpened import SharpenedClassifier
from skdistill.students._soft_tree import SoftTreeStrategy
from skdistill.students._xgboost import XGBoostStrategy

__all__ = ["ROUTES", "final_learner", "fit_student", "register_route", "resolve_route"]

ROUTES = ("native", "objective", "soft_tree", "expansion", "logits", "sampling")

# In the order in which "auto" tries them.
BUILT_IN: tuple[SoftTargetStrategy, ...] = (
    LightGBMStrategy(),
    XGBoostStrategy(),
    CatBoostStrategy(),
    SoftTreeStrategy(),
    ExpansionStrategy(),
    LogitStrategy(),
    SamplingStrategy(),
)
_registered: dict[type, SoftTargetStrategy] = {}


def register_route(student_class: type, strategy: SoftTargetStrategy) -> None:
    """Teach skdistill how a class of students learns from soft targets.

    Parameters
    ----------
    student_class : type
        The class; its subclasses follow it unless they are registered themselves.
    strategy : SoftTargetStrategy
        How it learns. Registering a class again replaces the former strategy.

    Raises
    ------
    TypeError
        If the arguments are not a class and a strategy.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skdistill.students import ExpansionStrategy, register_route
    >>> register_route(SGDClassifier, ExpansionStrategy(min_weight=0.01))
    """
    if not isinstance(student_class, type) or not isinstance(strategy, SoftTargetStrategy):
        raise TypeError(
            "register_route expects a class and an instance of a SoftTargetStrategy subclass, got "
            f"{student_class!r} and {strategy!r}. Call it as register_route(MyClassifier, MyStrategy())."
        )
    _registered[student_class] = strategy


def final_learner(student: Any) -> Any:
    """Return the learner that sees the targets: the last step of a pipeline, what a search searches over."""
    if isinstance(student, Pipeline):
        return final_learner(student.steps[-1][1])
    if isinstance(student, BaseSearchCV):
        check_refits(student)
        return final_learner(student.estimator)
    return student


def resolve_route(
    student: Any, route: str | SoftTargetStrategy, further: Sequence[SoftTargetStrategy] = ()
) -> SoftTargetStrategy:
    """Choose the strategy by which a student learns.

    Parameters
    ----------
    student : estimator
        The learner, a pipeline that ends in it, or a search over it.
    route : str or SoftTargetStrategy
        "auto", the name of a route, or a strategy.
    further : sequence of SoftTargetStrategy, default=()
        Strategies of other floors, tried first.

    Returns
    -------
    SoftTargetStrategy
        The first one of the route that accepts the learner.

    Raises
    ------
    StudentRouteError
        If none does.
    """
    learner = final_learner(student)
    if isinstance(route, SoftTargetStrategy):
        candidates: list[SoftTargetStrategy] = [route]
    else:
        own = [_registered[kind] for kind in type(learner).__mro__ if kind in _registered]
        candidates = [s for s in (*own, *further, *BUILT_IN) if route in ("auto", s.route)]
    for strategy in candidates:
        if strategy.accepts(learner):
            return strategy
    raise StudentRouteError(_no_route(learner, route, further))


def _no_route(learner: Any, route: str | SoftTargetStrategy, further: Sequence[SoftTargetStrategy]) -> str:
    open_to = sorted({s.route for s in (*further, *BUILT_IN) if s.accepts(learner)})
    name = route if isinstance(route, str) else type(route).__name__
    way_out = (
        f"Use soft_targets='auto' or one of {open_to}."
        if open_to
        else "Use a classifier or a regressor with fit and predict, or register its class with "
        "skdistill.students.register_route."
    )
    reasons = [s.why_not(learner) for s in (*further, *BUILT_IN) if route in ("auto", s.route)]
    because = "".join(f": {reason}" for reason in reasons if reason)
    return f"student {type(learner).__name__} cannot learn soft targets by the route {name!r}{because}. {way_out}"


def fit_student(
    student: Any,
    X: Any,
    targets: SoftTargets,
    strategy: SoftTargetStrategy,
    *,
    n_original: int | None = None,
    random_state: int | None = None,
) -> Any:
    """Fit an unfitted student on soft targets.

    A pipeline's transformers are fitted on the original rows, and only its last step sees the route. A search splits
    rows, never copies of them, and scores on original rows alone.

    Parameters
    ----------
    student : estimator
        Unfitted; it is used up.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The original rows, then any further ones.
    targets : SoftTargets
        What to learn about them.
    strategy : SoftTargetStrategy
        How the final learner learns.
    n_original : int, default=None
        Number of original rows; None means all.
    random_state : int, default=None
        Seed of the strategy's own randomness.

    Returns
    -------
    estimator
        The fitted student.
    """
    n_original = num_samples(X) if n_original is None else n_original
    if isinstance(student, Pipeline):
        return _fit_pipeline(student, X, targets, strategy, n_original, random_state)
    if isinstance(student, BaseSearchCV):
        fit_inner = partial(_fit_candidate, strategy=strategy, random_state=random_state)
        return fit_search(student, X, targets, n_original, fit_inner)
    fitted = strategy.fit(student, X, targets, random_state=random_state)
    # Which class leaves must not depend on the data, so the temperature alone decides.
    if targets.temperature == 1.0 or strategy.two_terms or strategy.route == "logits":
        return fitted
    return SharpenedClassifier.around(fitted, exponent=targets.exponent)


def _fit_candidate(
    inner: Any, X: Any, targets: SoftTargets, n_first: int, *, strategy: SoftTargetStrategy, random_state: int | None
) -> Any:
    return fit_student(inner, X, targets, strategy, n_original=n_first, random_state=random_state)


def _fit_pipeline(
    pipeline: Pipeline,
    X: Any,
    targets: SoftTargets,
    strategy: SoftTargetStrategy,
    n_original: int,
    random_state: int | None,
) -> Pipeline:
    X, last = through_transformers(pipeline, X, targets.labels, n_original)
    fitted = fit_student(last, X, targets, strategy, n_original=n_original, random_state=random_state)
    pipeline.steps[-1] = (pipeline.steps[-1][0], fitted)
    return pipeline


def through_transformers(pipeline: Pipeline, X: Any, labels: np.ndarray, n_original: int) -> tuple[Any, Any]:
    """Fit a pipeline's transformers on the original rows, in place.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted; its transformers are fitted.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The original rows, then any further ones.
    labels : ndarray of shape (n_rows, ...)
        Targets, for transformers that look at them.
    n_original : int
        Number of original rows.

    Returns
    -------
    transformed, last
        All rows as the last step sees them, and that step.
    """
    last = pipeline.steps[-1][1]
    if len(pipeline.steps) == 1:
        return X, last
    n_rows = num_samples(X)
    before = pipeline[:-1]
    original = X if n_rows == n_original else safe_indexing(X, np.arange(n_original))
    transformed = before.fit_transform(original, labels[:n_original])
    if n_rows > n_original:
        more = before.transform(safe_indexing(X, np.arange(n_original, n_rows)))
        transformed = stack_rows(transformed, more)
    pipeline.steps[:-1] = before.steps
    return transformed, last
