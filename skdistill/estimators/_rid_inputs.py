"""Checked input of `RIDStudent`: labels, layers, the teacher, and the parts of a student."""

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skdistill._sklearn import check_feature_names, check_n_features, routing_enabled
from skdistill._validation import has_infinity, has_missing, inner_tags
from skdistill.estimators._inputs import Labelled, teacher_fit_params
from skdistill.exceptions import TeacherError
from skdistill.nets import HeldNetClassifier, adapt_teacher
from skdistill.nets._predict import as_matrix
from skdistill.nets._recognise import is_binary_net
from skdistill.nets._student import check_classes as check_stated_classes
from skdistill.representation import LogitRepresentation, LogProbaRepresentation, resolve_representation
from skdistill.representation._resolve import check_representation
from skdistill.response._collect import check_frozen_fitted, is_frozen

__all__ = [
    "LayerPairs",
    "check_classes",
    "check_labels",
    "check_table",
    "check_teacher",
    "hold",
    "layer_pairs",
    "own_fit_params",
    "refuse_other_classes",
    "refuse_untaught",
    "rows_for_net",
    "seeds_of_net",
    "student_steps",
    "warn_of_no_hidden_layer",
    "with_net",
]

SEED_LIMIT = np.iinfo(np.int32).max
LayerPairs = list[tuple[str | None, str | None]]


def check_table(estimator: Any, X: Any, y: Any) -> None:
    """Refuse rows of more than two dimensions, and no labels.

    Raises
    ------
    ValueError
        If X is no table, or there is no y.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. What a teacher sees is "
            "filtered by labels; leave out rows that have none."
        )
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = np.shape(X) if isinstance(X, list | tuple) else ()
    if len(shape) > 2:
        raise ValueError(
            f"X must be a table of shape (n_rows, n_features), got an array with dim {len(shape)}, of shape "
            f"{tuple(shape)}. Flatten each row, X.reshape(len(X), -1), and begin the module with torch.nn.Unflatten(1, "
            f"{tuple(map(int, shape[1:]))})."
        )


def check_teacher(teacher: Any, representation: Any, layers: Sequence[str | None], *, looks: bool) -> None:
    """Refuse, before anything is fitted, a teacher or a representation that can never be looked into.

    Parameters
    ----------
    teacher : estimator
        As in `RIDStudent`.
    representation : str or BaseRepresentation
        Likewise.
    layers : sequence of str or None
        The teacher's layers.
    looks : bool
        Whether anything of the teacher is used.

    Raises
    ------
    NotFittedError
        If a frozen teacher is not fitted.
    TeacherError
        If it is a regressor; a frozen one may be looked into where its inside is no answer.
    TypeError
        If the representation is none.
    ValueError
        If the representation has an unknown name.
    """
    names = [layer for layer in dict.fromkeys(layers) if layer is not None] or None
    check_representation(representation, names)
    if is_frozen(teacher):
        check_frozen_fitted(teacher)
    tags = inner_tags(teacher)
    if not looks or tags is None or tags.estimator_type != "regressor":
        return
    if is_frozen(teacher):
        inside = resolve_representation(representation, adapt_teacher(teacher), names)
        if not any(isinstance(one, LogitRepresentation | LogProbaRepresentation) for one in inside):
            return
    name = type(teacher.estimator if is_frozen(teacher) else teacher).__name__
    raise TeacherError(
        f"teacher must be a classifier, got the regressor {name}. Use the classifier of its kind, as RidgeClassifier "
        "for Ridge; of regressors only trees, kernel machines and nets that are fitted already can be looked into, as "
        "FrozenEstimator(regressor)."
    )


def check_labels(y: Any) -> np.ndarray:
    """Return labels, in their own values.

    Raises
    ------
    ValueError
        If they are values rather than classes, of several kinds, or missing.
    """
    labels = column_or_1d(y, warn=True)
    if labels.dtype == object and len({isinstance(value, str) for value in labels.tolist()}) > 1:
        raise ValueError(
            "y must hold classes of one kind, got both strings and other values (or missing ones). Convert them, for "
            "instance with y.astype(str), and drop rows without a label."
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("Input y contains NaN or infinity. Drop the rows without a label.")
    check_classification_targets(labels)
    return labels


def check_classes(y: np.ndarray) -> np.ndarray:
    """Return the classes.

    Raises
    ------
    ValueError
        If there is only one.
    """
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least two classes, got only one class, {classes.tolist()[0]!r}. There is nothing to tell "
            "apart; check the labels (and that sample_weight leaves rows of two classes)."
        )
    return classes


def layer_pairs(layers: Any) -> LayerPairs:
    """Turn the parameter `layers` into pairs of a teacher's and a student's layer.

    Parameters
    ----------
    layers : None, str, or sequence of str and pairs
        As in `RIDStudent`.

    Returns
    -------
    list of tuple of (str or None, str or None)
        None stands for the default layer.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if layers is None or isinstance(layers, str):
        return [(layers, None)]
    given = list(layers) if isinstance(layers, Sequence) else []
    pairs = [one if isinstance(one, tuple | list) else (one, None) for one in given]
    names = (str, type(None))
    if not pairs or not all(len(pair) == 2 and all(isinstance(name, names) for name in pair) for pair in pairs):
        raise ValueError(
            "layers must be None, the name of a layer of the teacher, or a list of such names and of pairs (teacher's "
            f"layer, student's layer), got {layers!r}. Use None in a pair for the input of the last linear layer."
        )
    return [(pair[0], pair[1]) for pair in pairs]


def student_steps(student: Any, X: Any) -> tuple[Pipeline | None, Any]:
    """Part a student into what changes rows and what is taught.

    Parameters
    ----------
    student : object
        As in `RIDStudent`.
    X : array-like, data frame or sparse matrix
        The rows.

    Returns
    -------
    steps : Pipeline or None
        Unfitted clones of the steps before the net, which has a place at the end; standardisation if there is no
        student; None if there is nothing before the net.
    net : object
        The net, not a clone, or the class of a module, or None.
    """
    if student is None:
        # Centred sparse rows would be dense.
        scaler = MaxAbsScaler() if hasattr(X, "tocsr") else StandardScaler()
        return Pipeline([("scale", scaler), ("net", "passthrough")]), None
    if not isinstance(student, Pipeline):
        return None, student
    *first, (name, net) = student.steps
    return (clone(student).set_params(**{name: "passthrough"}) if first else None), net


def with_net(steps: Pipeline | None, held: HeldNetClassifier) -> Any:
    """Return fitted steps with the net in the place that they keep for it; the net alone if there are none."""
    if steps is None:
        return held
    *first, (name, _) = steps.steps
    steps.steps = [*first, (name, held)]
    return steps


def rows_for_net(steps: Pipeline | None, rows: Labelled, student: Any) -> Any:
    """Let rows pass the steps before the net, which are fitted.

    Parameters
    ----------
    steps : Pipeline or None
        The steps.
    rows : Labelled
        Rows and labels.
    student : object
        As in `RIDStudent`.

    Returns
    -------
    array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows as they leave the steps.

    Raises
    ------
    TypeError
        If entries are objects that stand for no number.
    ValueError
        If they are not numeric, have gaps, or are others than before.
    """
    if steps is None:
        refuse_gaps(rows.X)
        return rows.X
    try:
        features = steps.fit_transform(rows.X, rows.y)
    except (TypeError, ValueError) as error:
        if student is not None or _is_numeric(rows.X):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"X must be numeric for student=None, which standardises its columns: {error}. Encode other columns first, "
            "with student=make_pipeline(make_column_transformer((OneHotEncoder(), [...]), "
            "remainder=StandardScaler()), net)."
        ) from error
    check_consistent_length(features, rows.y)
    refuse_gaps(as_matrix(features))
    return features


def _is_numeric(X: Any) -> bool:
    try:
        as_matrix(X)
    except (TypeError, ValueError):
        return False
    return True


def refuse_other_classes(net: Any, classes: np.ndarray) -> None:
    """Refuse a net that states other classes; the two labels of a binary net may be any.

    Raises
    ------
    StudentRouteError
        If it does.
    """
    if not is_binary_net(net):
        check_stated_classes(net, classes)


def hold(net: Any, features: Any, classes: np.ndarray) -> HeldNetClassifier:
    """Put a fitted net behind scikit-learn's interface, with the columns of the rows that it was taught on."""
    held = HeldNetClassifier.from_fitted(net, classes=classes)
    check_feature_names(held, features, reset=True)
    check_n_features(held, features, reset=True)
    return held


def refuse_untaught(net: Any, history: Sequence[dict[str, Any]]) -> None:
    """Pass on an interruption, which skorch keeps to itself, if it came before the net had learnt anything.

    Raises
    ------
    KeyboardInterrupt
        If the student has not finished an epoch, and was to.
    """
    if net.max_epochs and all(epoch["phase"] != "student" for epoch in history):
        raise KeyboardInterrupt("The training was interrupted before the student's first epoch had ended.")


def warn_of_no_hidden_layer(match: str, net: Any) -> None:
    """Say that a student could not be matched where it was to be."""
    warnings.warn(
        f"match={match!r} needs a student with a hidden layer, got {type(net.module_).__name__}, in which no linear "
        "layer stands behind another layer that learns. It was taught the answers of the teacher's filter at its "
        "output instead. Use match='output', name a hidden layer by layers=[(None, 'name')], or use "
        "filter_fraction=0.25, which lets the filter move towards such a student.",
        UserWarning,
        # The caller of the estimator's fit.
        stacklevel=5,
    )


def seeds_of_net(random_state: Any, rng: np.random.RandomState | None) -> tuple[int | None, int]:
    """Return the seed of the student, which an int is itself, and that of its filters."""
    drawn = check_random_state(rng).randint(SEED_LIMIT, size=2).tolist()
    if random_state is None:
        return None, drawn[1]
    return int(random_state) if isinstance(random_state, Integral) else drawn[0], drawn[1]


def own_fit_params(teacher: Any, rows: Labelled) -> dict[str, Any]:
    """Return the fit parameters of a teacher: the weights, if it takes them.

    Where metadata routing is on, what hands metadata on gets weights if something inside asks for them.

    Parameters
    ----------
    teacher : estimator
        The teacher.
    rows : Labelled
        Rows and weights.

    Returns
    -------
    dict
        The parameters.

    Warns
    -----
    UserWarning
        If there are weights and the teacher is fitted without.
    """
    routing = _routing(teacher) if routing_enabled() and rows.weight is not None else None
    if routing is None or is_frozen(teacher):
        return teacher_fit_params(teacher, rows, None)
    if routing.consumes("fit", ["sample_weight"]):
        return {"sample_weight": rows.weight}
    warnings.warn(
        f"The teacher {type(teacher).__name__} must ask for sample_weight where metadata routing is on, and nothing in "
        "it does, so it is fitted without; the student is fitted with the weights. Ask for them by "
        "set_fit_request(sample_weight=True) of the learner inside.",
        UserWarning,
        # The caller of the estimator's fit.
        stacklevel=6,
    )
    return {}


def _routing(teacher: Any) -> MetadataRouter | None:
    """Return how a teacher hands metadata on, if it does."""
    try:
        routing = get_routing_for_object(teacher)
    except NotImplementedError:
        return None
    return routing if isinstance(routing, MetadataRouter) else None


def refuse_gaps(X: Any) -> None:
    """Refuse missing and infinite values, which no net takes.

    Raises
    ------
    ValueError
        If there are some.
    """
    if has_missing(X) or has_infinity(X):
        raise ValueError(
            "Input X contains NaN or infinity, which a neural net cannot take. Impute the rows first, for instance "
            "with student=make_pipeline(SimpleImputer(), StandardScaler(), net)."
        )
