"""What a fitted model consists of: the steps that change its rows, and the learner behind them."""

from collections.abc import Sequence
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import BaseSearchCV
from skdistill.exceptions import TeacherError

__all__ = ["open_model", "through"]


def open_model(model: Any) -> tuple[tuple[Any, ...], Any]:
    """Take a fitted model out of its frozen shells, its search and its pipelines.

    Parameters
    ----------
    model : estimator
        A fitted model: any classifier, one in a `FrozenEstimator`, a search (its best estimator counts), a pipeline,
        or these in each other.

    Returns
    -------
    steps : tuple of transformer
        Fitted transformers that the rows pass, in this order.
    core : estimator
        The learner that sees the rows after them.

    Raises
    ------
    NotFittedError
        If the learner was not fitted.
    TeacherError
        If there is no model, or a search has not kept its best one.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdistill.representation._opened import open_model
    >>> pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    >>> steps, core = open_model(FrozenEstimator(pipeline))
    >>> len(steps), core
    (1, LogisticRegression())
    """
    steps: list[Any] = []
    core = model
    while True:
        if isinstance(core, FrozenEstimator):
            core = core.estimator
        elif isinstance(core, BaseSearchCV):
            core = _best_of(core)
        elif isinstance(core, Pipeline):
            steps += [step for _, step in core.steps[:-1] if step not in (None, "passthrough")]
            core = core.steps[-1][1]
        else:
            break
    _refuse_unfitted(core)
    return tuple(steps), core


def through(steps: Sequence[Any], rows: Any) -> Any:
    """Let rows pass fitted transformers; a resampler, which has no `transform`, leaves them as they are."""
    for step in steps:
        rows = step.transform(rows) if hasattr(step, "transform") else rows
    return rows


def _best_of(search: Any) -> Any:
    if not hasattr(search, "best_estimator_"):
        raise TeacherError(
            f"model must hold a fitted learner, got a {type(search).__name__} without best_estimator_. Fit it with "
            "refit=True, or pass the learner itself."
        )
    return search.best_estimator_


def _refuse_unfitted(core: Any) -> None:
    if core is None or isinstance(core, str | type):
        raise TeacherError(
            f"model must be a fitted model, got {core!r}. Pass the fitted object whose inside is wanted: "
            "LeafRepresentation(model=forest), for instance."
        )
    if not hasattr(core, "fit") or not hasattr(core, "get_params"):
        return
    try:
        check_is_fitted(core)
    except NotFittedError as error:
        raise NotFittedError(
            f"model must be fitted, got an unfitted {type(core).__name__}. Call its fit first, and freeze it "
            "(FrozenEstimator(model)) where it might be cloned."
        ) from error
