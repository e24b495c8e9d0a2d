"""Trained torch modules as teachers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from skdistill.exceptions import TeacherError
from skdistill.nets._inputs import cast_tensor, check_device, parameter_dtype, to_numpy_dtype
from skdistill.nets._predict import as_matrix

__all__ = ["TorchTeacher"]

OUTPUTS = ("logits", "probabilities", "values")


def _is_classifier(teacher: "TorchTeacher") -> bool:
    return teacher.output != "values"


def _gives_logits(teacher: "TorchTeacher") -> bool:
    return teacher.output == "logits"


@contextmanager
def asked(module: torch.nn.Module, device: torch.device | None) -> Iterator[None]:
    """Put a module into evaluation mode on a device inside the `with` block, and back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    home = next((p.device for p in module.parameters()), torch.device("cpu"))
    module.eval()
    if device is not None:
        module.to(device)
    try:
        with torch.no_grad():
            yield
    finally:
        if device is not None:
            module.to(home)
        for part, training in modes:
            part.training = training


class TorchTeacher(BaseEstimator):
    """A trained torch module behind scikit-learn's interface.

    It is fitted as it stands. Hand it over as ``FrozenEstimator(TorchTeacher(module, classes=...))``. The
    module is only asked: in evaluation mode, without gradients, its mode and device being restored after each
    call.

    Parameters
    ----------
    module : torch.nn.Module
        The trained module. It takes a batch of rows and gives an array of shape (n_rows, n_classes), or of
        shape (n_rows,) or (n_rows, 1) with two classes, or a tuple that begins with such an array.
    classes : array-like of shape (n_classes,), default=None
        What the module's columns stand for, in their order. Needed unless the output is "values".
    output : {"logits", "probabilities", "values"}, default="logits"
        What the module gives. The one column of a binary module is the margin d, whose logits are (0, d), or
        the probability of the second class. With "values" the teacher is a regressor.
    batch_rows : int, default=4096
        Number of rows that the module gets at a time.
    device : str or torch.device, default=None
        Where to compute. None leaves the module where it is.
    dtype : torch.dtype, default=None
        Number type of the rows that the module gets. None takes that of its first floating parameter, and
        leaves integers as they are if the module has an embedding.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, in the order of the module's columns.

    Examples
    --------
    >>> import torch
    >>> from sklearn.frozen import FrozenEstimator
    >>> from skdistill.nets import TorchTeacher
    >>> module = torch.nn.Linear(1, 1, bias=False)
    >>> _ = module.load_state_dict({"weight": torch.tensor([[2.0]])})
    >>> teacher = FrozenEstimator(TorchTeacher(module, classes=["no", "yes"]))
    >>> teacher.decision_function([[1.0]]), teacher.predict_proba([[1.0]]), teacher.predict([[1.0]])
    (array([2.]), array([[0.119, 0.881]]), array(['yes'], dtype='<U3'))
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        classes: ArrayLike | None = None,
        output: Literal["logits", "probabilities", "values"] = "logits",
        batch_rows: int = 4096,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.module = module
        self.classes = classes
        self.output = output
        self.batch_rows = batch_rows
        self.device = device
        self.dtype = dtype

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of the module's columns."""
        if not _is_classifier(self):
            raise AttributeError("A TorchTeacher with output='values' is a regressor and has no classes_.")
        classes = np.asarray([] if self.classes is None else self.classes)
        if classes.ndim != 1 or len(classes) < 2 or len(np.unique(classes)) < len(classes):
            raise TeacherError(
                f"classes of TorchTeacher must be at least two different labels, got {self.classes!r}. Name "
                "what the module's columns stand for, in their order, or set output='values' for a "
                "regressor."
            )
        return classes

    def fit(self, X: Any, y: Any = None, **params: Any) -> NoReturn:
        """Refuse to fit, since the module is trained already.

        Parameters
        ----------
        X : object
            Not used.
        y : object, default=None
            Not used.
        **params : object
            Not used.

        Returns
        -------
        NoReturn
            Nothing.

        Raises
        ------
        TeacherError
            Always.
        """
        raise TeacherError(
            "TorchTeacher must not be fitted, its module is trained already, and fit was called. Freeze it: "
            "sklearn.frozen.FrozenEstimator(TorchTeacher(module, classes=...)). To train a module on your "
            "rows, hand over a skorch.NeuralNetClassifier instead."
        )

    @available_if(_is_classifier)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give probabilities of the classes.

        Parameters
        ----------
        X : array-like, data frame, tensor or sparse matrix of shape (n_rows, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities in the order of `classes_`, as float64.

        Raises
        ------
        TeacherError
            If the module's outputs do not fit the classes.
        """
        columns = self._columns(X)
        if _gives_logits(self):
            return softmax(columns, axis=1)
        # Single precision leaves the sums of rows off by more than scikit-learn's metrics accept.
        sums = columns.sum(axis=1, keepdims=True)
        return np.where(np.abs(sums - 1.0) < 1e-3, columns / sums, columns)

    @available_if(_gives_logits)
    def decision_function(self, X: Any) -> np.ndarray:
        """Give logits.

        Parameters
        ----------
        X : array-like, data frame, tensor or sparse matrix of shape (n_rows, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            Logits; with two classes, the second's minus the first's.

        Raises
        ------
        TeacherError
            If the module's outputs do not fit the classes.
        """
        logits = self._columns(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: Any) -> np.ndarray:
        """Give the most likely class, or the values of a regressor.

        Parameters
        ----------
        X : array-like, data frame, tensor or sparse matrix of shape (n_rows, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Values of `classes_`, or the module's values; one output is given as a flat array.
        """
        if _is_classifier(self):
            columns = self._columns(X)
            return self.classes_[columns.argmax(axis=1)]
        values = self._outputs(X)
        return values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Give the accuracy of a classifier, or the coefficient of determination of a regressor.

        Parameters
        ----------
        X : array-like, data frame, tensor or sparse matrix of shape (n_rows, ...)
            The rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Labels or values.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        float
            The score.
        """
        metric = accuracy_score if _is_classifier(self) else r2_score
        return float(metric(y, self.predict(X), sample_weight=sample_weight))

    def _columns(self, X: Any) -> np.ndarray:
        """Ask the module for one column per class."""
        n_classes, values = len(self.classes_), self._outputs(X)
        if n_classes == 2 and (values.ndim == 1 or values.shape[1:] == (1,)):
            flat = values.reshape(-1)
            return np.column_stack([np.zeros_like(flat) if _gives_logits(self) else 1.0 - flat, flat])
        if values.ndim != 2 or values.shape[1] != n_classes:
            raise TeacherError(
                f"The module must give one column for each of the {n_classes} classes, got outputs of shape "
                f"{values.shape}. Name all of its columns in classes, in their order."
            )
        return values

    def _outputs(self, X: Any) -> np.ndarray:
        if self.output not in OUTPUTS:
            raise TeacherError(
                f"output of TorchTeacher must be one of {OUTPUTS}, got {self.output!r}. Say what the module gives."
            )
        check_device(self.device)
        device = None if self.device is None else torch.device(self.device)
        rows = X if isinstance(X, torch.Tensor) else as_matrix(X)
        with asked(self.module, device):
            parts = [
                self._output(rows[start : start + self.batch_rows], device)
                for start in range(0, rows.shape[0], self.batch_rows)
            ]
        return np.concatenate(parts)

    def _output(self, rows: Any, device: torch.device | None) -> np.ndarray:
        dense = rows.toarray() if sparse.issparse(rows) else rows
        home = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        if self.dtype is None and not isinstance(dense, torch.Tensor):
            dense = to_numpy_dtype(dense, self.module)
        batch = torch.as_tensor(dense).to(home if device is None else device)
        if self.dtype is None:
            batch = cast_tensor(batch, parameter_dtype(self.module), self.module)
        else:
            batch = batch.to(self.dtype)
        output = self.module(batch)
        first = output[0] if isinstance(output, tuple) else output
        return first.double().cpu().numpy()

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        # Asked of the mixins, so that a release's further tags come along.
        mixin = ClassifierMixin if _is_classifier(self) else RegressorMixin
        tags = type("Tagged", (mixin, BaseEstimator), {})().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.sparse = True
        return tags
