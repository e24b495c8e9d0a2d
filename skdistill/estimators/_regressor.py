"""Distillation of any regressor into any other."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, is_regressor
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import column_or_1d

from skdistill._sklearn import fit_context, safe_indexing
from skdistill._validation import inner_tags
from skdistill.estimators._alpha import AlphaChoice, Trial, choose_alpha, known_scorer, term_weights, value_trial
from skdistill.estimators._base import COMMON_CONSTRAINTS, BaseDistilled
from skdistill.estimators._inputs import Labelled
from skdistill.estimators._lesson import Lesson
from skdistill.estimators._view import RegressorView
from skdistill.exceptions import InvalidResponseError, StudentRouteError
from skdistill.nets import is_regressor_net, net_fit_regressor
from skdistill.response import TeacherResponse
from skdistill.response._collect import Task
from skdistill.students._regression import fit_value_student, mixed_values
from skdistill.students._resolve import final_learner

__all__ = ["DistilledRegressor"]

# The aim of the student that is closest to the teacher.
CLOSENESS = "neg_mean_squared_difference"


def _fit_net(net: Any, X: Any, target: np.ndarray, weight: np.ndarray, *, seed: int) -> Any:
    weights = None if (weight == 1.0).all() else weight
    return net_fit_regressor(net, X, target, sample_weight=weights, random_state=seed)


class DistilledRegressor(RegressorMixin, BaseDistilled):
    """Teach one regressor what another one knows.

    The student learns the mixture ``alpha * teacher + (1 - alpha) * label`` of the teacher's out-of-fold answer and the
    label, which for the squared error is the same as learning both, and the teacher's answers alone on further rows.
    With the default ``alpha="auto"`` the mixture is chosen out of fold for what `scoring` asks for, and a teacher that
    has nothing to give is declined.

    Parameters
    ----------
    teacher : estimator
        Regressor. A clone is fitted; a fitted one is handed over as ``FrozenEstimator(teacher)`` and asked directly.
    student : estimator
        Regressor; a pipeline that ends in one; a search over one, whose candidates are scored on the mixture.
    alpha : float or "auto", default="auto"
        Weight of the teacher's term, in [0, 1]; that of the labels is 1 - alpha. Each term is a mean over its rows.
        "auto" tries 0, 0.25, 0.5, 0.75 and 1 by cross-validation of the student, with the teacher's answers asked once,
        and takes the best one by `scoring` if its gain over plain labels exceeds the standard error.
    scoring : str or callable, default="neg_mean_squared_error"
        The aim of ``alpha="auto"``: a scorer on labels, or "neg_mean_squared_difference" for the student that is
        closest to the teacher.
    cv : int, splitter, iterable of splits or None, default=5
        How the teacher's answers about training rows are made out of fold. An int means folds by the rows' content, so
        that equal rows share a fold and the order of rows does not matter. None asks the fitted teacher about its
        own training rows.
    sampler : {"munge", "mixup", "conditional"}, object with fit and sample, or None, default=None
        Source of synthetic rows, which the teacher labels.
    n_synthetic : int or float, default=0
        Number of synthetic rows; a float is a multiple of the labelled rows.
    memory : str, object with a cache method, or None, default=None
        Folder (or `joblib.Memory`) that keeps the teacher's fits and out-of-fold answers, so that a search over
        students, or several students of one teacher, ask it once. A teacher without a seed gets one from
        `random_state`; set that too. With ``alpha="auto"`` and further rows only the fit on all rows is kept.
    n_jobs : int, default=None
        Number of teachers, then of students under trial, fitted at the same time. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds teacher, student and sampler where they have no seed of their own.
    verbose : int, default=0
        Above 0 progress is written to the standard error stream.

    Attributes
    ----------
    teacher_ : estimator
        The teacher, fitted on all rows.
    student_ : estimator
        The fitted student, of its own class: what leaves for production.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X has any.
    alpha_ : float
        Weight of the teacher's term; 0 after "auto" means that the teacher was declined.
    alpha_scores_ : dict of float to float
        Mean out-of-fold score of each weight tried; with ``alpha="auto"`` only.
    n_synthetic_ : int
        Number of synthetic rows that the student learnt from.

    See Also
    --------
    DistilledClassifier : The same for classes.

    References
    ----------
    Bucila, Caruana, Niculescu-Mizil: Model Compression, KDD 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from skdistill import DistilledRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = DistilledRegressor(
    ...     RandomForestRegressor(n_estimators=30), DecisionTreeRegressor(max_leaf_nodes=8), alpha=1.0, random_state=0
    ... ).fit(X, y)
    >>> model.score(X, y) > 0.45
    True
    """

    _task: ClassVar[Task] = "regression"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**COMMON_CONSTRAINTS}

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        alpha: Any = "auto",
        scoring: Any = "neg_mean_squared_error",
        cv: Any = 5,
        sampler: Any = None,
        n_synthetic: float = 0,
        memory: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.alpha = alpha
        self.scoring = scoring
        self.cv = cv
        self.sampler = sampler
        self.n_synthetic = n_synthetic
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        X_teacher: Any = None,
        X_unlabeled: Any = None,
        **params: Any,
    ) -> "DistilledRegressor":
        """Fit the teacher, ask it, and teach the student.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Labelled rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Their values.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows. A weight of two has the effect of the row twice; of zero, that of no row.
        X_teacher : array-like, data frame or sparse matrix of shape (n_rows, n_teacher_features), default=None
            The same rows as the teacher sees them, when it has other or more columns (privileged information).
        X_unlabeled : array-like, data frame or sparse matrix of shape (n_unlabeled, n_features), default=None
            Further rows, which the teacher labels; each counts as a row of weight one. scikit-learn's searches cut
            every fit argument that has as many rows as X; hand over ``(X_unlabeled,)``, a tuple of one table, to
            protect it.
        **params : dict
            Metadata, routed to the teacher's fit and the splitter if metadata routing is enabled.

        Returns
        -------
        DistilledRegressor
            The fitted estimator.

        Raises
        ------
        TeacherError
            If the teacher has no `predict`, or its answers are not finite numbers of the labels' shape.
        StudentRouteError
            If the student is not a regressor, or of a single output for labels of several.
        SampledRowsError
            If the sampler's rows are not like X.
        ValueError
            If the input is not as described, or has fewer rows than folds.
        """
        self._fit(X, y, sample_weight, X_teacher, X_unlabeled, params)
        return self

    def _check_targets(self, y: Any) -> np.ndarray:
        values = check_array(y, ensure_2d=False, dtype="numeric", input_name="y").astype(np.float64)
        return values if values.ndim == 2 and values.shape[1] > 1 else column_or_1d(values, warn=True)

    def _register(self, rows: Labelled) -> None:
        learner = final_learner(self.student)
        tags = inner_tags(learner)
        if not is_regressor(learner):
            raise StudentRouteError(
                f"The student of a DistilledRegressor must be a regressor, got {type(learner).__name__}. Use a "
                "DistilledClassifier for classes."
            )
        if rows.y.ndim == 2 and tags is not None and not tags.target_tags.multi_output:
            raise StudentRouteError(
                f"y has {rows.y.shape[1]} outputs, but the student {type(learner).__name__} learns one. Wrap it as "
                "MultiOutputRegressor(student)."
            )
        if rows.y.ndim == 1 and tags is not None and not tags.target_tags.single_output:
            raise StudentRouteError(
                f"y has one output, but the student {type(learner).__name__} learns several. Use a student of one "
                "output, or hand over a y of several columns."
            )
        self._n_outputs = 1 if rows.y.ndim == 1 else rows.y.shape[1]
        if self.alpha == "auto" and self.scoring != CLOSENESS and isinstance(self.scoring, str):
            known_scorer(self.scoring, (CLOSENESS,))

    def _answer_shape(self, answer: TeacherResponse) -> TeacherResponse:
        values = answer.values
        flat = values.reshape(len(values), -1)
        if flat.shape[1] != self._n_outputs:
            raise InvalidResponseError(
                f"The teacher must predict {self._n_outputs} value(s) per row like y, got an answer of shape "
                f"{values.shape}. Use a teacher of as many outputs as y has."
            )
        return TeacherResponse("value", flat[:, 0] if self._n_outputs == 1 else flat, None, answer.method)

    def _is_faithful(self) -> bool:
        return bool(self.scoring == CLOSENESS)

    def _lesson(self, rows: Labelled, answer: TeacherResponse) -> Lesson:
        return Lesson(rows.X, rows.y, rows.unit_weight(), self._targets_from(answer), answer)

    def _targets_from(self, answer: TeacherResponse) -> np.ndarray:
        return answer.values

    def _teach(self, student: Any, lesson: Lesson, alpha: float, seed: int) -> Any:
        teacher_weight, label_weight = term_weights(alpha, lesson.weight, lesson.n_further)
        told = lesson.all_told()
        labels = np.concatenate([lesson.y, np.zeros((lesson.n_further, *lesson.y.shape[1:]))])
        target, weight = mixed_values(told, labels, teacher_weight, label_weight)
        fit_last = None
        if is_regressor_net(final_learner(student)):
            fit_last = partial(_fit_net, seed=seed)
        return fit_value_student(
            student, lesson.all_rows(), target, weight, n_original=len(lesson.y), fit_last=fit_last, random_state=seed
        )

    def _trial(self, student: Any, rows: Labelled, test: np.ndarray, answer: TeacherResponse) -> Trial:
        X, weight = safe_indexing(rows.X, test), rows.unit_weight()[test]
        if self.scoring == CLOSENESS:
            return value_trial(RegressorView(student), X, answer.values[test], weight, "neg_mean_squared_error", True)
        return value_trial(RegressorView(student), X, rows.y[test], weight, self.scoring, rows.weight is not None)

    def _choose(self, outcomes: dict[float, list[Trial]]) -> AlphaChoice:
        return choose_alpha(outcomes, guard_accuracy=False, trust_mean=self._is_faithful())

    def predict(self, X: Any) -> np.ndarray:
        """Give the student's value for each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the student's columns.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Values.
        """
        self._check_fitted_and(X)
        return RegressorView(self.student_).predict(X)

    def __sklearn_tags__(self) -> Tags:
        """Derive the tags from teacher and student."""
        tags = super().__sklearn_tags__()
        found = [t.target_tags for t in (inner_tags(self.teacher), inner_tags(self.student)) if t is not None]
        tags.target_tags.multi_output = bool(found) and all(t.multi_output for t in found)
        tags.target_tags.positive_only = any(t.positive_only for t in found)
        return tags
