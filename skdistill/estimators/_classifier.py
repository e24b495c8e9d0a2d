"""Distillation of any classifier into any other."""

from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skdistill._sklearn import Interval, StrOptions, fit_context, safe_indexing
from skdistill._validation import inner_tags
from skdistill.estimators._alpha import (
    AlphaChoice,
    Trial,
    choose_alpha,
    fidelity_trial,
    label_trial,
    resolve_scoring,
    term_weights,
)
from skdistill.estimators._base import COMMON_CONSTRAINTS, BaseDistilled
from skdistill.estimators._delegates import can_give_proba, student_has, will_give_proba
from skdistill.estimators._inputs import Labelled
from skdistill.estimators._lesson import Lesson
from skdistill.estimators._view import ClassifierView
from skdistill.exceptions import TeacherError
from skdistill.fidelity._scorer import FidelityScorer
from skdistill.nets import SkorchStrategy
from skdistill.response import ResponseCalibration, TeacherResponse, fit_calibration, soften
from skdistill.response._collect import Task, is_frozen
from skdistill.students import SoftTargets, SoftTargetStrategy
from skdistill.students._resolve import ROUTES, fit_student, resolve_route

__all__ = ["DistilledClassifier"]


class DistilledClassifier(ClassifierMixin, BaseDistilled):
    """Teach one classifier what another one knows.

    The teacher is asked for probabilities about the training rows, out of fold, and the student learns a mixture of
    these answers and the labels: by a route of its own for its family (`soft_targets`). With the default
    ``alpha="auto"`` the mixture is chosen out of fold for what `scoring` asks for, and a teacher that has nothing to
    give is declined.

    Parameters
    ----------
    teacher : estimator
        Classifier with `predict_proba` or `decision_function`. A clone is fitted; a fitted one is handed over as
        ``FrozenEstimator(teacher)`` and asked directly.
    student : estimator
        Classifier, or regressor of logits; a pipeline that ends in one; a search over one.
    temperature : float, default=1.0
        The teacher's distributions are ``softmax(logits / temperature)``. A student that learns from them alone
        (alpha = 1) is brought back to temperature 1 at predict. LightGBM, XGBoost and nets learn the soft and the hard
        term at their own temperatures; every other student with 0 < alpha < 1 is fitted on the mixture of the softened
        answer and the label, read at temperature 1.
    alpha : float or "auto", default="auto"
        Weight of the teacher's term, in [0, 1]; that of the labels is 1 - alpha. Each term is a mean over its rows.
        "auto" tries 0, 0.25, 0.5, 0.75 and 1 by cross-validation of the student, with the teacher's answers asked once,
        and takes the best one by `scoring`. Where labels are the judge, a weight is taken only if its gain over plain
        labels exceeds the standard error and, for the log-loss, if accuracy does not fall.
    scoring : str or callable, default="neg_log_loss"
        The aim of ``alpha="auto"``: a scorer on labels (the best predictor), or "neg_predictive_kl",
        "neg_jensen_shannon", "agreement" or a scorer of `skdistill.fidelity` (the most faithful student). A student
        without probabilities is judged by accuracy where the log-loss is asked for.
    calibration : {"temperature", "isotonic"} or None, default=None
        Correction of the teacher's out-of-fold answers by the labels before they are taught. A frozen teacher, or
        ``cv=None``, is corrected on the answers at hand, which is right only if it was not fitted on these rows.
    cv : int, splitter, iterable of splits or None, default=5
        How the teacher's answers about training rows are made out of fold. An int means folds by the rows' content, so
        that equal rows share a fold and the order of rows does not matter. None asks the fitted teacher about its
        own training rows.
    soft_targets : str or SoftTargetStrategy, default="auto"
        Route by which the student learns: "native", "objective", "soft_tree", "expansion", "logits", "sampling", or a
        strategy. "auto" takes the first that fits the student.
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
        The fitted student: what leaves for production. An object of the student's own class on the routes "native",
        "soft_tree", "expansion", "sampling" and for LightGBM; elsewhere a thin classifier with the fitted model at
        `model_`.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X has any.
    soft_targets_ : str
        The route taken.
    alpha_ : float
        Weight of the teacher's term; 0 after "auto" means that the teacher was declined.
    alpha_scores_ : dict of float to float
        Mean out-of-fold score of each weight tried; with ``alpha="auto"`` only.
    calibration_ : ResponseCalibration or None
        The fitted correction of the teacher.
    n_synthetic_ : int
        Number of synthetic rows that the student learnt from.

    See Also
    --------
    DistilledRegressor : The same for values.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Bucila, Caruana, Niculescu-Mizil: Model Compression, KDD 2006 (synthetic rows).

    Lopez-Paz, Bottou, Schoelkopf, Vapnik: Unifying Distillation and Privileged Information, ICLR 2016 (`X_teacher`).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistilledClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = DistilledClassifier(
    ...     RandomForestClassifier(n_estimators=30), DecisionTreeClassifier(max_leaf_nodes=8), alpha=1.0, random_state=0
    ... ).fit(X, y)
    >>> model.soft_targets_, type(model.student_).__name__
    ('soft_tree', 'DecisionTreeClassifier')
    >>> model.score(X, y) > 0.93
    True
    """

    _task: ClassVar[Task] = "classification"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON_CONSTRAINTS,
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "calibration": [StrOptions({"temperature", "isotonic"}), None],
        "soft_targets": [StrOptions({"auto", *ROUTES}), SoftTargetStrategy],
    }

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        temperature: float = 1.0,
        alpha: Any = "auto",
        scoring: Any = "neg_log_loss",
        calibration: Literal["temperature", "isotonic"] | None = None,
        cv: Any = 5,
        soft_targets: Any = "auto",
        sampler: Any = None,
        n_synthetic: float = 0,
        memory: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.temperature = temperature
        self.alpha = alpha
        self.scoring = scoring
        self.calibration = calibration
        self.cv = cv
        self.soft_targets = soft_targets
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
    ) -> "DistilledClassifier":
        """Fit the teacher, ask it, and teach the student.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Labelled rows.
        y : array-like of shape (n_rows,)
            Their classes: numbers or strings.
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
        DistilledClassifier
            The fitted estimator.

        Raises
        ------
        TeacherError
            If the teacher has neither `predict_proba` nor `decision_function`, knows none of the classes, or gives
            answers that are no probabilities.
        StudentRouteError
            If the student can learn by no route, or not by the one asked for.
        SampledRowsError
            If the sampler's rows are not like X.
        ValueError
            If the input is not as described, has a single class, or fewer rows than folds.
        """
        self._fit(X, y, sample_weight, X_teacher, X_unlabeled, params)
        return self

    def _check_targets(self, y: Any) -> np.ndarray:
        targets = column_or_1d(y, warn=True)
        if targets.dtype == object and len({isinstance(value, str) for value in targets.tolist()}) > 1:
            raise ValueError(
                "y must hold classes of one kind, got both strings and other values (or missing ones). Convert them, "
                "for instance with y.astype(str), and drop rows without a label."
            )
        if targets.dtype.kind == "f" and not np.isfinite(targets).all():
            raise ValueError(
                "Input y contains NaN or infinity. Drop the rows without a label or put them in X_unlabeled."
            )
        try:
            check_classification_targets(targets)
        except ValueError as error:
            raise ValueError(f"{error} Use DistilledRegressor for values.") from None
        return targets

    def _register(self, rows: Labelled) -> None:
        self.classes_ = np.unique(rows.y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must have at least two classes, got only one class, {self.classes_.tolist()[0]!r}. There is "
                "nothing to tell apart; check the labels (and that sample_weight leaves rows of two classes)."
            )
        known = getattr(self.teacher, "classes_", None) if is_frozen(self.teacher) else None
        if known is not None and set(self.classes_.tolist()).isdisjoint(np.asarray(known).tolist()):
            raise TeacherError(
                f"The frozen teacher's classes {known!r} and the labels' {self.classes_!r} have nothing "
                "in common. Train the teacher on the same labels, or encode both in the same way."
            )
        self.soft_targets_ = self._strategy().route
        if self.alpha == "auto":
            scoring = self._scorer()
            if isinstance(scoring, FidelityScorer) and not will_give_proba(self.student):
                raise ValueError(
                    f"scoring={self.scoring!r} compares probabilities, which the student "
                    f"{type(self.student).__name__} does not give. Fix alpha, or use scoring='accuracy'."
                )

    def _strategy(self) -> SoftTargetStrategy:
        return resolve_route(self.student, self.soft_targets, further=(SkorchStrategy(),))

    def _scorer(self) -> Any:
        return resolve_scoring(self.scoring, has_proba=will_give_proba(self.student))

    def _answer_shape(self, answer: TeacherResponse) -> TeacherResponse:
        return answer.align(self.classes_)

    def _is_faithful(self) -> bool:
        return isinstance(self._scorer(), FidelityScorer)

    def _lesson(self, rows: Labelled, answer: TeacherResponse) -> Lesson:
        codes = np.searchsorted(self.classes_, rows.y)
        self.calibration_: ResponseCalibration | None = None
        if self.calibration is not None and self.alpha != 0:
            self.calibration_ = fit_calibration(self.calibration, answer.proba(), codes, rows.weight)
        return Lesson(rows.X, codes, rows.unit_weight(), self._targets_from(answer), answer)

    def _targets_from(self, answer: TeacherResponse) -> np.ndarray:
        if self.calibration_ is None:
            return answer.proba(self.temperature)
        return soften(self.calibration_.apply(answer.proba()), self.temperature)

    def _teach(self, student: Any, lesson: Lesson, alpha: float, seed: int) -> Any:
        teacher_weight, label_weight = term_weights(alpha, lesson.weight, lesson.n_further)
        targets = SoftTargets(
            teacher=lesson.all_told(),
            codes=np.concatenate([lesson.y, np.full(lesson.n_further, -1, dtype=np.intp)]),
            teacher_weight=teacher_weight,
            label_weight=label_weight,
            classes=self.classes_,
            temperature=float(self.temperature),
        )
        return fit_student(
            student, lesson.all_rows(), targets, self._strategy(), n_original=len(lesson.y), random_state=seed
        )

    def _trial(self, student: Any, rows: Labelled, test: np.ndarray, answer: TeacherResponse) -> Trial:
        view = ClassifierView(student, self.classes_)
        scoring = self._scorer()
        X, weight = safe_indexing(rows.X, test), rows.unit_weight()[test]
        if isinstance(scoring, FidelityScorer):
            return fidelity_trial(scoring, view, X, answer.take(test), weight)
        labels = rows.y[test]
        codes = np.searchsorted(self.classes_, labels)
        return label_trial(view, X, labels, codes, weight, scoring, rows.weight is not None)

    def _choose(self, outcomes: dict[float, list[Trial]]) -> AlphaChoice:
        scoring = self._scorer()
        return choose_alpha(
            outcomes,
            guard_accuracy=scoring == "neg_log_loss",
            trust_mean=self._is_faithful(),
        )

    @available_if(student_has("predict"))
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
        return ClassifierView(self.student_, self.classes_).predict(X)

    @available_if(can_give_proba)
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
        return ClassifierView(self.student_, self.classes_).predict_proba(X)

    @available_if(student_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Give the student's margins.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in the student's columns.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            The student's own margins.
        """
        self._check_fitted_and(X)
        return ClassifierView(self.student_, self.classes_).decision_function(X)

    def __sklearn_tags__(self) -> Tags:
        """Derive the tags from teacher and student."""
        tags = super().__sklearn_tags__()
        found = [t.classifier_tags for t in (inner_tags(self.teacher), inner_tags(self.student)) if t is not None]
        tags.classifier_tags.multi_class = all(t.multi_class for t in found if t is not None)
        return tags
