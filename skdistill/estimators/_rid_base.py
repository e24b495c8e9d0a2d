"""What a net that was taught gives, and how it is checked."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags

from skdistill._validation import inner_tags
from skdistill.estimators._holder import StudentHolder
from skdistill.estimators._rid_inside import look_inside
from skdistill.information import PartialInformation, distilled_information
from skdistill.nets._predict import as_matrix

__all__ = ["BaseTaughtNet"]

WAYS_OUT = {
    "method": "Use 'rid' for what is about the task, 'vid' for all that the teacher sees, 'none' for the labels alone.",
    "transfer_weight": "Use 0 for the plain student, and 1 for a transfer as heavy as the labels.",
    "task_weight": "Use 1 and lower transfer_weight for a lighter transfer.",
    "filter_fraction": "Use 0.0 for a teacher's filter that stays as the labels made it, and 0.25 as the paper does.",
    "match": "Use 'output' to teach the student the answers of the teacher's filter, and 'hidden' as the paper does.",
}


class BaseTaughtNet(ClassifierMixin, StudentHolder):
    """The predictions and tags of an estimator that teaches a net what a teacher sees.

    A subclass sets `teacher_`, `representation_`, `net_` and `student_`; ``_inside``, how the teacher is looked into;
    ``_layers``, those of the student; and ``_two_views``, whether the teacher has columns of its own.
    """

    _ways_out: ClassVar[dict[str, str]] = WAYS_OUT

    teacher: Any
    student: Any
    net_: Any
    teacher_: Any
    representation_: list[Any]
    _inside: dict[str, Any]
    _layers: list[str | None]
    _two_views: bool

    def predict(self, X: Any) -> np.ndarray:
        """Give the student's class for each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the student's columns.

        Returns
        -------
        ndarray of shape (n_rows,)
            Classes.
        """
        self._check_fitted_and(X)
        return self.student_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the student's probabilities.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the student's columns.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Distributions over `classes_`.
        """
        self._check_fitted_and(X)
        return self.student_.predict_proba(X)

    def information_(
        self, X: Any, y: ArrayLike, *, X_teacher: Any = None, sample_weight: ArrayLike | None = None
    ) -> PartialInformation:
        """Measure what student and teacher tell of y: together, alone, and only in combination.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows, best ones that neither was fitted on.
        y : array-like of shape (n_rows,)
            Their classes.
        X_teacher : array-like, data frame or sparse matrix of shape (n_rows, n_teacher_features), default=None
            The same rows as the teacher sees them, if it was fitted on such.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        PartialInformation
            In bits, between the representations, each encoded by clusters; corrected for bias. Where `fit` transferred
            nothing, the teacher is looked into on these rows.

        Raises
        ------
        ValueError
            If `fit` got the teacher's own columns, and they are not passed here.

        See Also
        --------
        skdistill.information.distilled_information : The same with intervals, and of answers.
        """
        self._check_fitted_and(X)
        if X_teacher is None and self._two_views:
            raise ValueError(
                "X_teacher must be passed to information_ where fit got one, got None. Pass the same rows in the "
                "columns of the teacher."
            )
        found = distilled_information(
            self._teacher_sees(X if X_teacher is None else X_teacher),
            self._student_sees(X),
            X,
            y,
            sample_weight=sample_weight,
            n_bootstrap=0,
            random_state=0,
        )
        corrected = {field.name: getattr(found, f"{field.name}_", None) for field in dataclasses.fields(found.plug_in_)}
        known = {name: value for name, value in corrected.items() if value is not None}
        return dataclasses.replace(found.plug_in_, **known)

    def _teacher_sees(self, X: Any) -> np.ndarray:
        if not self.representation_:
            # Nothing was matched, and fit did not look.
            looked = look_inside(self.teacher_, X, **self._inside)
            return np.hstack(list({id(one): seen for one, seen in zip(*looked, strict=True)}.values()))
        distinct = {id(one): one for one in self.representation_}
        return np.hstack([one.transform(X) for one in distinct.values()])

    def _student_sees(self, X: Any) -> np.ndarray:
        from skdistill.nets._taps import net_representation

        if isinstance(self.student_, Pipeline):
            X = self.student_[:-1].transform(X)
        distinct = dict.fromkeys(self._layers)
        return np.hstack([net_representation(self.net_, as_matrix(X), layer) for layer in distinct])

    def set_params(self, **params: Any) -> "BaseTaughtNet":
        """Set parameters of this estimator, or of the teacher and the student by ``teacher__name``, ``student__name``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        estimator
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        student = params.get("student", self.student)
        inner = [name for name in params if name.startswith("student__")]
        if inner and not hasattr(student, "set_params"):
            what = "None" if student is None else f"the class {getattr(student, '__name__', student)}"
            raise ValueError(
                f"{inner[0]} needs a student with parameters, got {what}. Pass a net: NeuralNetClassifier(Module, "
                "criterion=torch.nn.CrossEntropyLoss, ...)."
            )
        super().set_params(**params)
        return self

    def __sklearn_tags__(self) -> Tags:
        """Derive the tags from teacher and student: what both can take."""
        tags = super().__sklearn_tags__()
        inner = [found for found in (inner_tags(self.teacher), inner_tags(self.student)) if found is not None]
        # A net takes sparse rows, whatever its tags say.
        needed = inner if isinstance(self.student, Pipeline) else inner[:1]
        tags.input_tags.sparse = bool(inner) and all(found.input_tags.sparse for found in needed)
        tags.input_tags.allow_nan = isinstance(self.student, Pipeline) and all(t.input_tags.allow_nan for t in inner)
        return tags
