"""A teacher that is never wrong about the probabilities, and labelled rows drawn from what it knows."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_random_state

from skdistill._sklearn import Interval, StrOptions, fit_context, validate_params
from skdistill.datasets._truths import TRUTHS, Truth

__all__ = ["KnownProbabilities", "TruthTeacher", "make_known_probabilities"]

TRUTH_CONSTRAINTS = {
    "truth": [StrOptions(set(TRUTHS))],
    "n_features": [Interval(Integral, 1, None, closed="left")],
    "n_classes": [Interval(Integral, 2, None, closed="left")],
    "sharpness": [Interval(Real, 0, None, closed="left")],
    "classes": ["array-like", None],
}


class TruthTeacher(ClassifierMixin, BaseEstimator):
    """Classifier whose ``predict_proba`` is the true p(y | x) of a toy distribution.

    It has nothing to learn: it counts as fitted from the start, so that it can be handed over in a
    `sklearn.frozen.FrozenEstimator`, and ``fit`` only checks what it is given, so that it can be cloned and
    refitted in folds. The distributions are those of `make_known_probabilities`; they depend on the
    parameters alone, never on data or a random state.

    Parameters
    ----------
    truth : {"logistic", "gaussian", "xor", "rings"}, default="logistic"
        The distribution.
    n_features : int, default=2
        Number of columns; at least 2 for ``"xor"`` and ``"rings"``, which use the first two.
    n_classes : int, default=2
        Number of classes.
    sharpness : float, default=2.0
        How far the classes are apart; at 0 the columns tell nothing about the class.
    classes : array-like of shape (n_classes,) or None, default=None
        Labels of the classes, in the order of the columns of ``predict_proba``, which need not be sorted;
        ``None`` for 0 to n_classes - 1.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of columns, as the parameter says.

    See Also
    --------
    make_known_probabilities : Rows, labels and the true probabilities.

    Examples
    --------
    >>> from skdistill.datasets import TruthTeacher
    >>> teacher = TruthTeacher(truth="xor", classes=["no", "yes"])
    >>> teacher.predict([[0.5, 0.5], [0.5, -0.5]])
    array(['no', 'yes'], dtype='<U3')
    >>> teacher.predict_proba([[0.5, 0.5], [0.5, -0.5]]).round(3)
    array([[0.881, 0.119],
           [0.119, 0.881]])
    """

    _parameter_constraints: dict[str, list[Any]] = TRUTH_CONSTRAINTS

    def __init__(
        self,
        *,
        truth: str = "logistic",
        n_features: int = 2,
        n_classes: int = 2,
        sharpness: float = 2.0,
        classes: ArrayLike | None = None,
    ) -> None:
        self.truth = truth
        self.n_features = n_features
        self.n_classes = n_classes
        self.sharpness = sharpness
        self.classes = classes

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> "TruthTeacher":
        """Check the columns and labels; learn nothing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, each one of ``classes_``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Accepted so that the teacher fits wherever a classifier does; without effect.

        Returns
        -------
        TruthTeacher
            The teacher itself.

        Raises
        ------
        ValueError
            If the number of columns is not ``n_features``, or if ``y`` holds other labels than ``classes_``.
        """
        self._rows(X)
        known = self.classes_.tolist()
        labels = [] if y is None else dict.fromkeys(np.asarray(y).tolist())
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ValueError(
                f"y must hold labels of this truth, {known}, but has {unknown} as well. Give the labels "
                "that y uses, in the order of the true classes, as classes=[...]."
            )
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the true p(y | x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, the columns in the order of ``classes_``.
        """
        return self._distribution().proba(self._rows(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the truly most probable class, which no classifier can do better than.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        return self.classes_[self._distribution().logits(self._rows(X)).argmax(axis=1)]

    @property
    def classes_(self) -> np.ndarray:
        """Labels of the classes, of shape (n_classes,)."""
        classes = np.arange(self.n_classes) if self.classes is None else np.asarray(self.classes)
        if classes.shape != (self.n_classes,) or np.unique(classes).size != self.n_classes:
            raise ValueError(
                f"classes must be n_classes={self.n_classes} different labels, got {classes.tolist()}. Leave "
                "classes=None for 0 to n_classes - 1, or change n_classes."
            )
        return classes

    @property
    def n_features_in_(self) -> int:
        """Number of columns."""
        return self.n_features

    def _distribution(self) -> Truth:
        self._validate_params()
        if self.truth in ("xor", "rings") and self.n_features < 2:
            raise ValueError(
                f"n_features must be at least 2 for truth={self.truth!r}, which lies in two columns, got "
                f"{self.n_features}. Take n_features=2, or truth='logistic' or 'gaussian' for one column."
            )
        return TRUTHS[self.truth](self.n_classes, self.n_features, float(self.sharpness))

    def _rows(self, X: ArrayLike) -> np.ndarray:
        rows = check_array(X, dtype=np.float64)
        if rows.shape[1] != self.n_features:
            raise ValueError(
                f"X must have n_features={self.n_features} columns, got {rows.shape[1]}. Give rows of this "
                f"truth, or make the teacher with n_features={rows.shape[1]}."
            )
        return rows

    def __sklearn_is_fitted__(self) -> bool:
        return True


class KnownProbabilities(NamedTuple):
    """Labelled rows together with the distribution that the labels were drawn from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Labels, drawn from ``proba``.
    proba : ndarray of shape (n_samples, n_classes)
        True p(y | x) of the rows, the columns in the order of ``teacher.classes_``.
    teacher : TruthTeacher
        Gives the same probabilities for any further row.

    Examples
    --------
    >>> from skdistill.datasets import make_known_probabilities
    >>> known = make_known_probabilities(n_samples=4, random_state=0)
    >>> known.proba.shape
    (4, 2)
    """

    X: np.ndarray
    y: np.ndarray
    proba: np.ndarray
    teacher: TruthTeacher


@validate_params(
    {
        **TRUTH_CONSTRAINTS,
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_known_probabilities(
    truth: str = "logistic",
    *,
    n_samples: int = 1000,
    n_features: int = 2,
    n_classes: int = 2,
    sharpness: float = 2.0,
    classes: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> KnownProbabilities:
    r"""Draw labelled rows from a distribution whose p(y | x) is known in closed form.

    With K classes, p columns, sharpness s, and one direction :math:`d_k` per class, of entries
    :math:`\sqrt{2/p}\,\cos(2 \pi k / K + j)`:

    - ``"logistic"``: x ~ N(0, I) and p(y = k | x) is proportional to :math:`\exp(s\, d_k \cdot x + b_k)`,
      with :math:`b` falling evenly from 0.5 to -0.5. A multinomial logistic regression can be exactly right.
    - ``"gaussian"``: class k has a share that falls evenly to half of the first class's, and its rows are
      :math:`N(s\, d_k, w_k^2 I)` with widths w rising evenly from 1 to 1 + min(s, 1) / 2; the logits of
      p(y | x), by Bayes' rule, are quadratic in x.
    - ``"xor"``: x is uniform on the cube from -1 to 1; the first two columns are cut into K times K cells,
      and the class (row + column) mod K of the cell is exp(s) times as probable as each other class. A tree
      of K * K leaves can be exactly right; a linear model learns nothing from two classes.
    - ``"rings"``: x ~ N(0, I) and p(y = k | x) is proportional to exp(-2 s (r - r_k)^2), r being the length
      of the first two columns and r_k its quantile of level (k + 1/2) / K.

    The distribution depends on ``truth``, ``n_features``, ``n_classes`` and ``sharpness`` alone: another
    ``random_state`` gives fresh rows of the same truth, for instance as test data.

    Parameters
    ----------
    truth : {"logistic", "gaussian", "xor", "rings"}, default="logistic"
        The distribution.
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=2
        Number of columns; at least 2 for ``"xor"`` and ``"rings"``, where all but the first two say nothing.
    n_classes : int, default=2
        Number of classes.
    sharpness : float, default=2.0
        How far the classes are apart; at 0 the columns tell nothing about the class.
    classes : array-like of shape (n_classes,) or None, default=None
        Labels of the classes; ``None`` for 0 to n_classes - 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows and labels.

    Returns
    -------
    KnownProbabilities
        The named tuple ``(X, y, proba, teacher)``.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or ``classes`` are not ``n_classes`` different labels.

    See Also
    --------
    TruthTeacher : The classifier that gives these probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.datasets import make_known_probabilities
    >>> X, y, proba, teacher = make_known_probabilities("rings", n_samples=500, n_classes=3, random_state=0)
    >>> X.shape, y.shape, proba.shape
    ((500, 2), (500,), (500, 3))
    >>> bool(np.all(teacher.predict_proba(X) == proba))
    True
    """
    teacher = TruthTeacher(
        truth=truth, n_features=n_features, n_classes=n_classes, sharpness=sharpness, classes=classes
    )
    random = check_random_state(random_state)
    distribution = teacher._distribution()
    X = distribution.sample(n_samples, random)
    proba = distribution.proba(X)
    # A uniform number falls behind as many steps of the cumulative distribution as the class's position says.
    steps = proba.cumsum(axis=1)[:, :-1]
    position = (random.uniform(size=(n_samples, 1)) >= steps).sum(axis=1)
    return KnownProbabilities(X, teacher.classes_[position], proba, teacher)
