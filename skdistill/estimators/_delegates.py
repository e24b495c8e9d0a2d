"""Which methods a distilled estimator has: those of its student."""

from collections.abc import Callable
from typing import Any

from sklearn.base import is_regressor

from skdistill.students._resolve import final_learner

__all__ = ["can_give_proba", "student_has", "will_give_proba"]


def student_has(name: str) -> Callable[[Any], bool]:
    """Return a check, for `available_if`, of a method of the student."""

    def check(estimator: Any) -> bool:
        return hasattr(getattr(estimator, "student_", estimator.student), name)

    return check


def can_give_proba(estimator: Any) -> bool:
    """Whether a distilled classifier has, or once fitted will have, probabilities."""
    fitted = getattr(estimator, "student_", None)
    return hasattr(fitted, "predict_proba") if fitted is not None else will_give_proba(estimator.student)


def will_give_proba(student: Any) -> bool:
    """Whether a student will have probabilities; a regressor gets them from its logits."""
    return hasattr(student, "predict_proba") or is_regressor(final_learner(student))
