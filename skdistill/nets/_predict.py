"""Asking fitted skorch nets as scikit-learn estimators are asked."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_array

__all__ = ["as_matrix", "net_predict", "net_predict_proba", "net_predict_values"]


def as_matrix(X: Any) -> Any:
    """Turn rows into what a net takes: one numeric array, or a CSR matrix.

    skorch takes a data frame for a dictionary of columns, each of which the module would get by name.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, ...)
        The rows.

    Returns
    -------
    ndarray or csr_matrix of shape (n_rows, ...)
        The same numbers; missing values stay.

    Raises
    ------
    ValueError
        If a column is not numeric.

    Examples
    --------
    >>> from skdistill.nets._predict import as_matrix
    >>> as_matrix([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    # What check_array would return as it is, at a tenth of the time of asking a small net about one row.
    if type(X) is np.ndarray and X.ndim > 1 and X.dtype.kind in "fiub" and X.flags.writeable and X.size:
        return X
    try:
        matrix = check_array(
            X,
            accept_sparse="csr",
            dtype="numeric",
            ensure_all_finite=False,
            allow_nd=True,
            input_name="X",
            force_writeable=True,
        )
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            f"X must be numeric for a neural net: {error}. Encode other columns first, for instance with "
            "make_pipeline(OneHotEncoder(), net)."
        ) from error
    # skorch takes single rows, which of a csr_array would be one-dimensional.
    return sparse.csr_matrix(matrix) if sparse.issparse(matrix) else matrix


def net_predict_proba(net: Any, X: ArrayLike) -> np.ndarray:
    """Ask a fitted skorch classifier for probabilities.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        Fitted or initialised.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities as float64; the rows sum to one in that precision.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets import net_predict_proba
    >>> net = NeuralNetClassifier(torch.nn.Linear(2, 3), criterion=torch.nn.CrossEntropyLoss)
    >>> net_predict_proba(net.initialize(), np.zeros((4, 2))).shape
    (4, 3)
    """
    proba = np.asarray(_asked(net, X, "predict_proba"), dtype=np.float64)
    return proba / proba.sum(axis=1, keepdims=True)


def net_predict(net: Any, X: ArrayLike) -> np.ndarray:
    """Ask a fitted skorch classifier for labels, where skorch itself gives column numbers.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        Fitted, with `classes_` in the order of its columns.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Values of `net.classes_`.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets import net_predict
    >>> module = torch.nn.Linear(1, 2)
    >>> _ = module.load_state_dict({"weight": torch.tensor([[-1.0], [1.0]]), "bias": torch.zeros(2)})
    >>> net = NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, classes=["no", "yes"])
    >>> net_predict(net.initialize(), [[-2.0], [2.0]])
    array(['no', 'yes'], dtype='<U3')
    """
    return np.asarray(net.classes_)[net_predict_proba(net, X).argmax(axis=1)]


def net_predict_values(net: Any, X: ArrayLike) -> np.ndarray:
    """Ask a fitted skorch regressor for values.

    Parameters
    ----------
    net : skorch.NeuralNetRegressor
        Fitted or initialised.
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Values as float64; one output is given as a flat array.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from skdistill.nets import net_predict_values
    >>> net = NeuralNetRegressor(torch.nn.Linear(2, 1)).initialize()
    >>> net_predict_values(net, np.zeros((4, 2))).shape
    (4,)
    """
    values = np.asarray(_asked(net, X, "predict"), dtype=np.float64)
    return values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values


def _asked(net: Any, X: Any, method: str) -> Any:
    from skdistill.nets._quiet import quiet_and_cast

    view, rows = quiet_and_cast(net, as_matrix(X))
    return getattr(view, method)(rows)
