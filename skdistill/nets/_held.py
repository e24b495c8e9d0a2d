"""Skorch nets behind scikit-learn's interface, for nets that teach."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skdistill._sklearn import check_sample_weight
from skdistill.exceptions import TeacherError
from skdistill.nets._predict import as_matrix, net_predict_proba, net_predict_values
from skdistill.nets._student import net_fit_regressor
from skdistill.students import SoftTargets

__all__ = ["HeldNetClassifier", "HeldNetRegressor"]


class HeldNetClassifier(ClassifierMixin, BaseEstimator):
    """A skorch classifier that takes what scikit-learn's classifiers take.

    Float64 and integer rows, data frames, labels of any kind, row weights, and a seed. The net is held, not
    changed: each fit teaches a clone.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier or skorch.NeuralNetBinaryClassifier
        The net. Its module may have more outputs than there are classes, as happens in a fold that misses a
        class; the further ones are classes that do not occur.
    random_state : int, RandomState instance or None, default=None
        Seed of initial parameters, dropout and shuffling. A net whose module is an instance, not a class, starts from
        the parameters that the instance has.

    Attributes
    ----------
    net_ : skorch.NeuralNetClassifier
        The fitted net, whose classes are column numbers.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during fit, where they all are strings.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets import HeldNetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear, module__in_features=4, module__out_features=3, criterion=torch.nn.CrossEntropyLoss,
    ...     optimizer=torch.optim.Adam, lr=0.1, max_epochs=60, train_split=None, verbose=0)
    >>> held = HeldNetClassifier(net, random_state=0).fit(X, load_iris().target_names[y])
    >>> held.predict(X[[0, 149]])
    array(['setosa', 'virginica'], dtype='<U10')
    """

    net_: Any
    classes_: np.ndarray

    def __init__(self, net: Any, *, random_state: Any = None) -> None:
        self.net = net
        self.random_state = random_state

    @classmethod
    def from_fitted(cls, net: Any, *, classes: ArrayLike | None = None) -> "HeldNetClassifier":
        """Hold a net that is fitted already.

        Parameters
        ----------
        net : skorch.NeuralNetClassifier or skorch.NeuralNetBinaryClassifier
            The fitted net.
        classes : array-like of shape (n_classes,), default=None
            What the columns of its `predict_proba` stand for. None takes `classes_` of a net that states its
            classes or was fitted by this package, and 0, 1, ... for another, since that is what skorch fits.

        Returns
        -------
        HeldNetClassifier
            A fitted estimator around the same net, to be frozen.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        TeacherError
            If nothing says what its columns stand for.
        """
        if not net.__sklearn_is_fitted__():
            raise NotFittedError(
                f"The net {type(net).__name__} must be fitted, and it is not. Fit it, or use HeldNetClassifier(net)."
            )
        held = cls(net)
        held.net_ = net
        held.classes_ = stated_classes(net) if classes is None else np.asarray(classes)
        return held

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "HeldNetClassifier":
        """Fit a clone of the net.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            The labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; a row of weight 0 is left out.

        Returns
        -------
        HeldNetClassifier
            This estimator.

        Raises
        ------
        ValueError
            If there is only one class.
        """
        from skdistill.nets._teach import teach_classifier

        X, y = validate_data(self, X, y, accept_sparse="csr", allow_nd=True)
        check_classification_targets(y)
        X, y, weight = _weighted_rows(X, y, sample_weight)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least two classes, got the one class {self.classes_[0]!r} (rows of weight 0 "
                "left out). Give HeldNetClassifier rows of another class too."
            )
        n_rows, n_classes = len(codes), len(self.classes_)
        targets = SoftTargets(
            teacher=np.zeros((n_rows, n_classes)),
            codes=codes,
            teacher_weight=np.zeros(n_rows),
            label_weight=weight,
            classes=np.arange(n_classes),
        )
        self.net_ = teach_classifier(
            clone(self.net), as_matrix(X), targets, random_state=_seed(self.random_state), spare_columns=True
        )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give probabilities of the classes.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities in the order of `classes_`.

        Raises
        ------
        TeacherError
            If a net that was fitted elsewhere has another number of columns than classes.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", allow_nd=True, reset=False)
        proba = net_predict_proba(self.net_, X)
        n_classes = len(self.classes_)
        if proba.shape[1] == n_classes:
            return proba
        if self.net_ is self.net:
            raise TeacherError(
                f"The net must give one column for each of its classes {self.classes_.tolist()!r}, got "
                f"{proba.shape[1]} columns. Say what they stand for: HeldNetClassifier.from_fitted(net, "
                "classes=[...])."
            )
        known = proba[:, :n_classes]
        mass = known.sum(axis=1, keepdims=True)
        return np.where(mass > 0, known / np.where(mass > 0, mass, 1.0), 1.0 / n_classes)

    def predict(self, X: Any) -> np.ndarray:
        """Give the most likely class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows,)
            Values of `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.non_deterministic = self.random_state is None
        return tags


class HeldNetRegressor(RegressorMixin, BaseEstimator):
    """A skorch regressor that takes what scikit-learn's regressors take.

    Parameters
    ----------
    net : skorch.NeuralNetRegressor
        The net; each fit teaches a clone.
    random_state : int, RandomState instance or None, default=None
        Seed of initial parameters, dropout and shuffling. A net whose module is an instance, not a class, starts from
        the parameters that the instance has.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The fitted net.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during fit, where they all are strings.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from skdistill.nets import HeldNetRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = NeuralNetRegressor(
    ...     torch.nn.Linear, module__in_features=1, module__out_features=1, lr=0.5, max_epochs=60, verbose=0)
    >>> HeldNetRegressor(net, random_state=0).fit(X, 2 * X[:, 0]).predict([[0.5]])
    array([1.00])
    """

    net_: Any

    def __init__(self, net: Any, *, random_state: Any = None) -> None:
        self.net = net
        self.random_state = random_state

    @classmethod
    def from_fitted(cls, net: Any) -> "HeldNetRegressor":
        """Hold a net that is fitted already.

        Parameters
        ----------
        net : skorch.NeuralNetRegressor
            The fitted net.

        Returns
        -------
        HeldNetRegressor
            A fitted estimator around the same net, to be frozen.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        """
        if not net.__sklearn_is_fitted__():
            raise NotFittedError(
                f"The net {type(net).__name__} must be fitted, and it is not. Fit it, or use HeldNetRegressor(net)."
            )
        held = cls(net)
        held.net_ = net
        return held

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "HeldNetRegressor":
        """Fit a clone of the net.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            The values.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; a row of weight 0 is left out.

        Returns
        -------
        HeldNetRegressor
            This estimator.
        """
        X, y = validate_data(self, X, y, accept_sparse="csr", allow_nd=True, multi_output=True, y_numeric=True)
        X, y, weight = _weighted_rows(X, y, sample_weight)
        self.net_ = net_fit_regressor(clone(self.net), X, y, weight, _seed(self.random_state))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Give values.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Values; one output is given as a flat array.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", allow_nd=True, reset=False)
        return net_predict_values(self.net_, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        tags.non_deterministic = self.random_state is None
        return tags


def stated_classes(net: Any) -> np.ndarray:
    """Say what the columns of a fitted net stand for.

    Raises
    ------
    TeacherError
        If the labels it was fitted on are no column numbers.
    """
    from skdistill.nets._inputs import casts_inputs

    if getattr(net, "classes", None) is not None or casts_inputs(net.module_):
        return np.asarray(net.classes_)
    seen = np.asarray(net.classes_)
    if seen.dtype.kind not in "iub" or seen.min() < 0:
        raise TeacherError(
            f"The classes of a fitted net must be column numbers 0, 1, ..., got {seen.tolist()!r}. Say what "
            "its columns stand for: HeldNetClassifier.from_fitted(net, classes=[...])."
        )
    return np.arange(seen.max() + 1)


def _weighted_rows(X: Any, y: Any, sample_weight: ArrayLike | None) -> tuple[Any, Any, np.ndarray]:
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = weight > 0
    if not kept.any():
        raise ValueError(
            "sample_weight must be positive for at least one row, got zeros only. Leave it out, or mend it."
        )
    return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])


def _seed(random_state: Any) -> int | None:
    if random_state is None or isinstance(random_state, Integral):
        return None if random_state is None else int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
