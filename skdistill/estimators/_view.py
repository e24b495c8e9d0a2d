"""A fitted student as the estimators see it: aligned classes, any kind of rows."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from skdistill.nets import (
    is_classifier_net,
    is_regressor_net,
    net_predict,
    net_predict_proba,
    net_predict_values,
)
from skdistill.response import TeacherResponse

__all__ = ["ClassifierView", "RegressorView", "aligned_proba"]


def _student_has(name: str) -> Any:
    return lambda self: hasattr(self.student, name)


def aligned_proba(proba: np.ndarray, have: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Bring a student's probabilities into the order of `wanted`; classes it never saw get 0."""
    if len(have) == len(wanted) and (have == wanted).all():
        return proba
    return TeacherResponse("proba", proba, np.asarray(have), "predict_proba").align(wanted).values


def net_and_rows(student: Any, X: Any) -> tuple[Any, Any]:
    """Return the net that a student is or ends in, and the rows as it sees them; (None, X) for other students."""
    if isinstance(student, Pipeline):
        net = student.steps[-1][1]
        if is_classifier_net(net) or is_regressor_net(net):
            return net, student[:-1].transform(X) if len(student.steps) > 1 else X
        return None, X
    return (student, X) if is_classifier_net(student) or is_regressor_net(student) else (None, X)


class ClassifierView(ClassifierMixin, BaseEstimator):
    """A fitted classifier read in terms of all classes."""

    def __init__(self, student: Any, classes: np.ndarray) -> None:
        self.student = student
        self.classes = classes
        # Scorers look for fitted attributes.
        self.classes_ = classes

    def predict(self, X: Any) -> np.ndarray:
        """Give the class of each row, shape (n_rows,)."""
        net, rows = net_and_rows(self.student, X)
        if net is not None:
            return net_predict(net, rows)
        return np.asarray(self.student.predict(X)).reshape(-1)

    @available_if(_student_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give distributions over all classes, shape (n_rows, n_classes)."""
        net, rows = net_and_rows(self.student, X)
        if net is not None:
            return aligned_proba(net_predict_proba(net, rows), net.classes_, self.classes)
        return aligned_proba(self.student.predict_proba(X), self.student.classes_, self.classes)

    @available_if(_student_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Give the student's own margins."""
        return self.student.decision_function(X)


class RegressorView(RegressorMixin, BaseEstimator):
    """A fitted regressor."""

    def __init__(self, student: Any) -> None:
        self.student = student

    def __sklearn_is_fitted__(self) -> bool:
        """Say that the student inside is fitted."""
        return True

    def predict(self, X: Any) -> np.ndarray:
        """Give the value of each row, shape (n_rows,) or (n_rows, n_outputs)."""
        net, rows = net_and_rows(self.student, X)
        return np.asarray(self.student.predict(X)) if net is None else net_predict_values(net, rows)
