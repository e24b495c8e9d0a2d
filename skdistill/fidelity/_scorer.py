"""Scorers whose aim is the most faithful student rather than the best predictor."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skdistill.fidelity._metrics import agreement_score, jensen_shannon, predictive_kl
from skdistill.response import TeacherResponse, ask

__all__ = ["FIDELITY_SCORINGS", "FidelityScorer", "make_fidelity_scorer"]

Metric = Literal["predictive_kl", "jensen_shannon", "agreement"]


class FidelityScorer:
    """A scorer ``scorer(estimator, X, y=None, sample_weight=None)``: greater is closer to the teacher.

    Parameters
    ----------
    teacher : estimator or None
        Fitted teacher to compare with. None leaves it to a distilled estimator, whose `alpha="auto"` then compares
        with the answers of its own teacher, out of fold.
    metric : {"predictive_kl", "jensen_shannon", "agreement"}
        What is measured; divergences count negatively.
    """

    def __init__(self, teacher: Any, metric: Metric) -> None:
        self.teacher = teacher
        self.metric = metric

    def __repr__(self) -> str:
        """Name the scorer as it is made."""
        return f"make_fidelity_scorer({self.teacher!r}, metric={self.metric!r})"

    def __call__(self, estimator: Any, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Ask both models about the rows and compare; y is ignored."""
        if self.teacher is None:
            raise ValueError(
                "A fidelity scorer without a teacher can only be the scoring of a distilled estimator. For a search "
                "use make_fidelity_scorer(fitted_teacher)."
            )
        answer = ask(self.teacher, X).align(estimator.classes_)
        if self.metric == "agreement":
            labels = estimator.classes_[answer.proba().argmax(axis=1)]
            return agreement_score(labels, estimator.predict(X), sample_weight=sample_weight)
        return self.compare(answer, estimator.predict_proba(X), sample_weight)

    def compare(
        self, answer: TeacherResponse, proba_student: np.ndarray, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score probabilities of shape (n_rows, n_classes) against a teacher's answer about the same rows."""
        teacher = answer.proba()
        if self.metric == "agreement":
            return agreement_score(teacher.argmax(axis=1), proba_student.argmax(axis=1), sample_weight=sample_weight)
        divergence = predictive_kl if self.metric == "predictive_kl" else jensen_shannon
        return -divergence(teacher, proba_student, sample_weight=sample_weight)


def make_fidelity_scorer(teacher: Any = None, metric: Metric = "predictive_kl") -> FidelityScorer:
    """Make a scorer for searches, or for the `scoring` of a distilled classifier.

    Parameters
    ----------
    teacher : estimator, default=None
        Fitted teacher. None is for ``DistilledClassifier(scoring=make_fidelity_scorer())``, where the teacher at hand
        is meant.
    metric : {"predictive_kl", "jensen_shannon", "agreement"}, default="predictive_kl"
        What is measured.

    Returns
    -------
    FidelityScorer
        Greater is closer to the teacher.

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
    if metric not in ("predictive_kl", "jensen_shannon", "agreement"):
        raise ValueError(
            f"metric must be 'predictive_kl', 'jensen_shannon' or 'agreement', got {metric!r}. Choose one of them."
        )
    return FidelityScorer(teacher, metric)


FIDELITY_SCORINGS = {
    "neg_predictive_kl": FidelityScorer(None, "predictive_kl"),
    "neg_jensen_shannon": FidelityScorer(None, "jensen_shannon"),
    "agreement": FidelityScorer(None, "agreement"),
}
