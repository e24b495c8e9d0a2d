"""What a student shares of a teacher's knowledge of y, from the two fitted models."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import num_samples
from skdistill._validation import as_rows, check_weights
from skdistill.exceptions import TeacherError
from skdistill.information._encoding import default_states
from skdistill.information._estimate import PIDEstimator
from skdistill.information._sample import effective_rows
from skdistill.information._sources import as_labels

__all__ = ["distilled_information", "representation_of"]

METHODS = {
    "proba": ("predict_proba",),
    "decision": ("decision_function",),
    "label": ("predict",),
    "transform": ("transform",),
    "auto": ("predict_proba", "decision_function", "predict"),
}


def distilled_information(
    teacher: Any,
    student: Any,
    X: Any,
    y: ArrayLike,
    *,
    X_teacher: Any = None,
    X_fit: Any = None,
    X_fit_teacher: Any = None,
    sample_weight: ArrayLike | None = None,
    representation: Any = "auto",
    measure: str = "broja",
    encoder: Any = "auto",
    n_states: int | None = None,
    bias_correction: str | None = "chao",
    n_bootstrap: int = 200,
    n_permutations: int = 0,
    confidence_level: float = 0.95,
    base: float = 2.0,
    random_state: Any = None,
) -> PIDEstimator:
    """Measure how much of what a teacher knows about y its student shares, and how much is left to distil.

    Both are asked about the rows, their answers become states, and the table of y and the states is decomposed.

    Parameters
    ----------
    teacher, student : estimator, callable or array-like
        Fitted models of any kind, pipelines and frozen ones included; or functions from rows to representations, such
        as a network's hidden layer; or the representations of the rows of X themselves.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows, best ones that neither was fitted on.
    y : array-like of shape (n_rows,)
        Their classes.
    X_teacher : array-like, data frame or sparse matrix, default=None
        The same rows as the teacher sees them, where it has other columns.
    X_fit : array-like, data frame or sparse matrix, default=None
        Rows that states are found on, which needs no labels. None finds them on X.
    X_fit_teacher : array-like, data frame or sparse matrix, default=None
        The rows of `X_fit` as the teacher sees them.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows of X.
    representation : {"auto", "proba", "decision", "label", "transform"} or pair, default="auto"
        What a model is asked for: `predict_proba`, `decision_function`, `predict` or `transform`; "auto" takes the
        first of the first three that it has. Or a function ``representation(model, X)``. A pair treats teacher and
        student differently. It does not concern functions and arrays.
    measure : str, default="broja"
        As in `decompose`.
    encoder : str, object or pair, default="auto"
        As in `PIDEstimator`. Of the two columns of a `predict_proba` the second is taken. Where the rows carry fewer
        states than it has columns, "auto" takes the most probable class as the state; probabilities that come as arrays
        or from functions are not recognised, and "class" asks for the same.
    n_states : int, default=None
        As in `PIDEstimator`; with `X_fit` None takes no more than it has rows.
    bias_correction : str, default="chao"
        As in `PIDEstimator`.
    n_bootstrap : int, default=200
        Number of resamples behind the intervals.
    n_permutations : int, default=0
        As in `PIDEstimator`.
    confidence_level : float, default=0.95
        Of the intervals.
    base : float, default=2.0
        Of the logarithm: 2 for bits, e for nats.
    random_state : int, RandomState instance or None, default=None
        Seeds the clusters, the resamples and the permutations.

    Returns
    -------
    PIDEstimator
        Fitted: `redundancy_` is what the student shares, `unique_teacher_` what is left to distil, `unique_student_`
        what the student has of its own, `synergy_` what shows only from both, each with an interval in `intervals_`;
        `text` says it in a sentence.

    Raises
    ------
    TeacherError
        If a model lacks the method, or answers once per output.
    ValueError
        If rows do not match, y is continuous, or `X_fit_teacher` comes without `X_fit`.

    See Also
    --------
    PIDEstimator : The same from representations.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.information import distilled_information
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> teacher = RandomForestClassifier(n_estimators=50, random_state=0).fit(X[::2], y[::2])
    >>> student = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X[::2], teacher.predict(X[::2]))
    >>> pid = distilled_information(teacher, student, X[1::2], y[1::2], random_state=0)
    >>> round(pid.redundancy_, 1), round(pid.unique_teacher_, 1)
    (0.5, 0.3)
    """
    asked = _pair(representation)
    sources, fitted_on = [], []
    for role, model, own, rows, fit_rows in (
        ("teacher", teacher, asked[0], X if X_teacher is None else X_teacher, _rows_of_teacher(X_fit_teacher, X_fit)),
        ("student", student, asked[1], X, X_fit),
    ):
        sources.append(representation_of(model, rows, own, role))
        fitted_on.append(None if X_fit is None else _fit_side(model, fit_rows, own, role))
    if n_states is None:
        weight = check_weights(sample_weight, len(sources[0]))
        carried = default_states(effective_rows(weight, len(sources[0])), len(np.unique(as_labels(y, "y"))))
        encoder = _encoders(encoder, carried, (teacher, student), asked, sources)
        n_states = None if X_fit is None else min(carried, *(len(part) for part in fitted_on if part is not None))
    pid = PIDEstimator(
        measure=measure,
        encoder=encoder,
        n_states=n_states,
        bias_correction=bias_correction,
        n_bootstrap=n_bootstrap,
        n_permutations=n_permutations,
        confidence_level=confidence_level,
        base=base,
        random_state=random_state,
    )
    if X_fit is None:
        return pid.fit(*sources, y, sample_weight)
    return pid.fit_states(*fitted_on).evaluate(*sources, y, sample_weight)


def representation_of(model: Any, X: Any, representation: Any, role: str) -> Any:
    """Ask a model for what it makes of rows.

    Parameters
    ----------
    model : estimator, callable or array-like
        A fitted model, a function of rows, or the answers themselves.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        Rows.
    representation : str or callable
        As in `distilled_information`.
    role : {"teacher", "student"}
        How errors name the model.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_columns)
        The answers.

    Raises
    ------
    TeacherError
        If the model has no such method, or answers once per output.
    ValueError
        If there are not as many answers as rows, or there is no such representation.
    """
    answers = _answers(model, X, representation, role)
    n_rows = num_samples(as_rows(X))
    if isinstance(answers, list) and len(answers) != n_rows:
        raise TeacherError(
            f"The {role} gave one answer per output. Measure each output by itself, with a function that picks one."
        )
    array = np.asarray(answers)
    if array.ndim == 0 or len(array) != n_rows:
        raise ValueError(
            f"The {role} must give one answer for each of the {n_rows} rows of X, got shape {array.shape}. Pass "
            "answers to the same rows."
        )
    return array


def _encoders(encoder: Any, carried: int, models: tuple[Any, Any], asked: tuple[Any, Any], sources: list[Any]) -> Any:
    """Return the encoder, or classes as states where clusters would be fewer than the classes of probabilities.

    Fewer clusters than classes cannot tell the classes apart, and which they merge differs from model to model, so that
    the better student may seem to share less.
    """
    tables = [
        _gives_proba(model, own) and source.ndim == 2 and source.shape[1] > 2
        for model, own, source in zip(models, asked, sources, strict=True)
    ]
    crowded = any(table and source.shape[1] > carried for table, source in zip(tables, sources, strict=True))
    if not isinstance(encoder, str) or encoder != "auto" or not crowded:
        return encoder
    return tuple("class" if table else "auto" for table in tables)


def _gives_proba(model: Any, representation: Any) -> bool:
    """Whether a model is asked for probabilities; those in arrays are not guessed from their numbers."""
    return isinstance(representation, str) and representation in ("auto", "proba") and hasattr(model, "predict_proba")


def _answers(model: Any, X: Any, representation: Any, role: str) -> Any:
    if isinstance(model, type):
        raise TeacherError(f"{role} must be a fitted model, got the class {model.__name__} itself. Make and fit one.")
    methods = {name for names in METHODS.values() for name in names}
    is_model = any(hasattr(model, name) for name in (*methods, "fit"))
    if not is_model:
        return model(X) if callable(model) else model
    if callable(representation):
        return representation(model, X)
    name = next((name for name in METHODS[representation] if hasattr(model, name)), None)
    if name is None:
        raise TeacherError(
            f"representation={representation!r} needs a {role} with {' or '.join(METHODS[representation])}, got "
            f"{type(model).__name__}. Use {_way_out(model)}a function from rows to a representation."
        )
    answers = getattr(model, name)(X)
    two = name == "predict_proba" and getattr(answers, "ndim", 0) == 2 and answers.shape[1] == 2
    # The second says what the first does.
    return np.asarray(answers)[:, 1:] if two else answers


def _way_out(model: Any) -> str:
    able = [name for name in METHODS if name != "auto" and hasattr(model, METHODS[name][0])]
    return f"representation={' or '.join(map(repr, able))}, or " if able else ""


def _pair(representation: Any) -> tuple[Any, Any]:
    pair = tuple(representation) if isinstance(representation, tuple | list) else (representation, representation)
    if len(pair) != 2 or not all(callable(one) or (isinstance(one, str) and one in METHODS) for one in pair):
        raise ValueError(
            f"representation must be one of {', '.join(map(repr, METHODS))}, a function of a model and rows, or a pair "
            f"of these, got {representation!r}. Use 'auto' for the probabilities of classifiers."
        )
    return pair[0], pair[1]


def _rows_of_teacher(X_fit_teacher: Any, X_fit: Any) -> Any:
    if X_fit is None and X_fit_teacher is not None:
        raise ValueError(
            "X_fit must be given with X_fit_teacher, got None. Pass the same rows as the student sees them."
        )
    return X_fit if X_fit_teacher is None else X_fit_teacher


def _fit_side(model: Any, X: Any, representation: Any, role: str) -> Any:
    is_answers = not callable(model) and not any(hasattr(model, name) for name in ("fit", "predict", "transform"))
    if is_answers:
        raise ValueError(
            f"With X_fit the {role} must be a model or a function, which can be asked about its rows, got an array of "
            "answers to X. Pass a function, or use PIDEstimator.fit on one set and evaluate on the other."
        )
    return representation_of(model, X, representation, role)
