"""What every estimator that teaches one student has: errors with a way out, progress, and checks before it predicts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import InvalidParameterError, check_feature_names, check_n_features

__all__ = ["StudentHolder", "WithWaysOut", "all_or_nothing"]


class WithWaysOut(BaseEstimator):
    """An estimator whose refusal of a parameter says what to set it to, and which tells of its progress if asked."""

    # By the name of a parameter what to set it to; scikit-learn's own message says what was expected and what came.
    _ways_out: ClassVar[dict[str, str]] = {}

    verbose: int

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            hint = next((hint for name, hint in self._ways_out.items() if f"'{name}'" in str(error)), None)
            raise InvalidParameterError(str(error) if hint is None else f"{error} {hint}") from None

    def _say(self, message: str) -> None:
        if self.verbose:
            sys.stderr.write(f"[{type(self).__name__}] {message}\n")


class StudentHolder(WithWaysOut):
    """An estimator whose predictions are those of its `student_`."""

    student_: Any

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is a fitted student."""
        return hasattr(self, "student_")

    def _check_fitted_and(self, X: Any) -> None:
        """Refuse rows that are not in the columns of `fit`."""
        if not hasattr(self, "student_"):
            check_is_fitted(self)
        check_feature_names(self, X, reset=False)
        shape = getattr(X, "shape", (0, 0))
        if len(shape) > 2:
            raise ValueError(
                f"X must be a table of rows, got an array with dim {len(shape)}, of shape {tuple(shape)}. Flatten each "
                "row as for fit, X.reshape(len(X), -1)."
            )
        if len(shape) == 1:
            raise ValueError(
                f"X must be a table of rows, got a single dimension of length {len(X)}. Reshape your data with "
                "X.reshape(1, -1) for one row or X.reshape(-1, 1) for one column."
            )
        check_n_features(self, X, reset=False)


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Give an estimator the attributes back that it had, if its `fit` in the `with` block fails or is interrupted.

    Parameters
    ----------
    estimator : estimator
        Its attributes are replaced in the block, and the objects that they were are not changed.

    Yields
    ------
    None
        Nothing.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
