"""Scorers whose aim is the most faithful student rather than the best predictor."""

from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.utils.metadata_routing import MetadataRequest

from skdistill.fidelity._checks import check_same_rows, check_values
from skdistill.fidelity._metrics import (
    agreement_score,
    brier_distance,
    jensen_shannon,
    log_loss_soft,
    predictive_kl,
    total_variation,
)
from skdistill.fidelity._models import has_classes
from skdistill.response import TeacherResponse, ask

__all__ = ["FIDELITY_SCORINGS", "FidelityScorer", "make_fidelity_scorer"]

Metric = Literal[
    "predictive_kl",
    "jensen_shannon",
    "agreement",
    "total_variation",
    "brier_distance",
    "log_loss_soft",
    "r2",
    "mean_absolute_error",
]

DIVERGENCES: dict[str, Callable[..., float]] = {
    "predictive_kl": predictive_kl,
    "jensen_shannon": jensen_shannon,
    "total_variation": total_variation,
    "brier_distance": brier_distance,
    "log_loss_soft": log_loss_soft,
}
# Of values, with the sign under which greater is closer.
CLOSENESS: dict[str, tuple[Callable[..., float], int]] = {
    "r2": (r2_score, 1),
    "mean_absolute_error": (mean_absolute_error, -1),
}
METRICS = ("agreement", *DIVERGENCES, *CLOSENESS)


class FidelityScorer:
    """A scorer ``scorer(estimator, X, y=None, sample_weight=None)``: greater is closer to the teacher.

    Parameters
    ----------
    teacher : estimator or None
        Fitted teacher to compare with. None leaves it to a distilled estimator, whose `alpha="auto"` then compares
        with the answers of its own teacher, out of fold.
    metric : {"predictive_kl", "jensen_shannon", "agreement", "total_variation", "brier_distance", "log_loss_soft", \
"r2", "mean_absolute_error"}
        What is measured; divergences and errors count negatively.
    """

    def __init__(self, teacher: Any, metric: Metric) -> None:
        self.teacher = teacher
        self.metric = metric
        self._request: MetadataRequest | None = None

    def __repr__(self) -> str:
        """Name the scorer as it is made."""
        return f"make_fidelity_scorer({self.teacher!r}, metric={self.metric!r})"

    def set_score_request(self, *, sample_weight: bool | str | None = None) -> "FidelityScorer":
        """Ask for weights where metadata is routed: a copy that a search hands `sample_weight`, or not.

        Parameters
        ----------
        sample_weight : bool, str or None, default=None
            As in scikit-learn's scorers.

        Returns
        -------
        FidelityScorer
            The copy.
        """
        asking = copy(self)
        asking._request = MetadataRequest(owner=type(self).__name__)
        asking._request.score.add_request(param="sample_weight", alias=sample_weight)
        return asking

    def get_metadata_routing(self) -> MetadataRequest:
        """Say which metadata it asks for; by default none.

        Returns
        -------
        MetadataRequest
            scikit-learn's object for it.
        """
        return deepcopy(self._request) if self._request is not None else MetadataRequest(owner=type(self).__name__)

    def __call__(self, estimator: Any, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Ask both models about the rows and compare; y is ignored."""
        if self.teacher is None:
            raise ValueError(
                "A fidelity scorer without a teacher can only be the scoring of a distilled estimator. For a search "
                "use make_fidelity_scorer(fitted_teacher)."
            )
        self._check_task(estimator)
        if self.metric in CLOSENESS:
            return self._closeness(estimator, X, sample_weight)
        if self.metric == "agreement":
            return float(agreement_score(_labels(self.teacher, X), estimator.predict(X), sample_weight=sample_weight))
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"metric {self.metric!r} compares distributions, which the student {type(estimator).__name__} does not "
                "give: it has no predict_proba. Use metric='agreement', or CalibratedClassifierCV(student)."
            )
        answer = ask(self.teacher, X)
        return -DIVERGENCES[self.metric](
            answer.proba(),
            estimator.predict_proba(X),
            sample_weight=sample_weight,
            classes_teacher=answer.classes,
            classes_student=estimator.classes_,
        )

    def compare(
        self, answer: TeacherResponse, proba_student: np.ndarray, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score probabilities of shape (n_rows, n_classes) against a teacher's answer about the same rows."""
        if self.metric in CLOSENESS:
            raise ValueError(
                f"metric {self.metric!r} compares values, and the student is a classifier. Use 'agreement' or one of "
                f"{', '.join(map(repr, DIVERGENCES))}."
            )
        teacher = answer.proba()
        if self.metric == "agreement":
            labels = teacher.argmax(axis=1), proba_student.argmax(axis=1)
            return float(agreement_score(*labels, sample_weight=sample_weight))
        return -DIVERGENCES[self.metric](teacher, proba_student, sample_weight=sample_weight)

    def _check_task(self, estimator: Any) -> None:
        names = {"student": type(estimator).__name__, "teacher": type(self.teacher).__name__}
        for role, model in (("student", estimator), ("teacher", self.teacher)):
            classifies = has_classes(model)
            if classifies and self.metric in CLOSENESS:
                raise ValueError(
                    f"metric {self.metric!r} compares values, and the {role} {names[role]} is a classifier. Use "
                    f"'agreement' or one of {', '.join(map(repr, DIVERGENCES))}."
                )
            # A teacher without classes_ may still give labels; the rest is found out by asking it.
            if not classifies and self.metric not in CLOSENESS and role == "student":
                raise ValueError(
                    f"metric {self.metric!r} compares classifiers, and the {role} {names[role]} has no classes_. Use "
                    f"one of {', '.join(map(repr, CLOSENESS))} for regressors."
                )

    def _closeness(self, estimator: Any, X: Any, sample_weight: ArrayLike | None) -> float:
        measure, sign = CLOSENESS[self.metric]
        teacher = check_values(ask(self.teacher, X, task="regression").values, "the teacher's predict")
        student = check_values(estimator.predict(X), "the student's predict")
        # A single output may come as a column.
        teacher, student = (values.reshape(len(values), -1) for values in (teacher, student))
        check_same_rows(teacher, student, "values")
        return sign * float(measure(teacher, student, sample_weight=sample_weight))


def _labels(teacher: Any, X: Any) -> np.ndarray:
    """Return a teacher's labels."""
    # A model may decide otherwise than by its greatest probability (a tuned threshold), so its labels come first.
    if hasattr(teacher, "predict"):
        return np.asarray(teacher.predict(X))
    answer = ask(teacher, X)
    return np.asarray(answer.classes)[answer.proba().argmax(axis=1)]


def make_fidelity_scorer(teacher: Any = None, metric: Metric = "predictive_kl") -> FidelityScorer:
    """Make a scorer for searches, or for the `scoring` of a distilled classifier.

    Parameters
    ----------
    teacher : estimator, default=None
        Fitted teacher. None is for ``DistilledClassifier(scoring=make_fidelity_scorer())``, where the teacher at hand
        is meant.
    metric : {"predictive_kl", "jensen_shannon", "agreement", "total_variation", "brier_distance", "log_loss_soft", \
"r2", "mean_absolute_error"}, default="predictive_kl"
        What is measured. "agreement" needs labels only, of both models. The divergences need the student's
        `predict_proba` and the teacher's `predict_proba` or `decision_function`; classes are matched by value, and one
        that a model never saw has probability 0. "r2" and "mean_absolute_error" are for regressors and take the
        teacher's values as the truth.

    Returns
    -------
    FidelityScorer
        Greater is closer to the teacher: divergences and errors count negatively.

    Raises
    ------
    ValueError
        If the metric is unknown.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.fidelity import make_fidelity_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> tree = DecisionTreeClassifier(max_depth=2).fit(X, y)
    >>> scorer = make_fidelity_scorer(forest, metric="agreement")
    >>> round(scorer(tree, X), 2)
    0.96
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(map(repr, METRICS))}, got {metric!r}. Choose one of them.")
    return FidelityScorer(teacher, metric)


FIDELITY_SCORINGS = {
    "neg_predictive_kl": FidelityScorer(None, "predictive_kl"),
    "neg_jensen_shannon": FidelityScorer(None, "jensen_shannon"),
    "agreement": FidelityScorer(None, "agreement"),
}
