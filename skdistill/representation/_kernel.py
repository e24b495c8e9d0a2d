"""The Nystroem map of a kernel model's own kernel."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import validate_data

from skdistill._sklearn import fitted_gamma
from skdistill.representation._base import BaseRepresentation

__all__ = ["KernelRepresentation", "has_kernel", "kernel_parts", "nystroem_weights"]

Kernel = Callable[[Any, Any], np.ndarray]
# Landmarks of all kernels together. Their map costs its cube once, and its square for each row.
MOST_LANDMARKS = 512
# Directions of the landmarks' kernel with less than this share of the largest are rounding.
SMALLEST_SHARE = 1e-10


def nystroem_weights(kernel: np.ndarray) -> np.ndarray:
    r"""Give the weights that turn a row's kernel with landmarks into coordinates.

    With the landmarks' kernel :math:`K = U S U^T`, the weights are :math:`U S^{-1/2}`, so that inner products of the
    coordinates :math:`k(x)^T U S^{-1/2}` are the kernel itself between landmarks, and its Nystroem approximation
    elsewhere.

    Parameters
    ----------
    kernel : ndarray of shape (n_landmarks, n_landmarks)
        Symmetric and positive up to rounding; directions in which it is not are left out.

    Returns
    -------
    ndarray of shape (n_landmarks, rank)
        The weights.

    References
    ----------
    Williams, C. and Seeger, M. (2001). Using the Nystroem method to speed up kernel machines. NIPS 13, equation 8.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.representation._kernel import nystroem_weights
    >>> K = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> features = K @ nystroem_weights(K)
    >>> np.allclose(features @ features.T, K)
    True
    """
    values, vectors = np.linalg.eigh((kernel + kernel.T) / 2)
    kept = values > SMALLEST_SHARE * max(values[-1], 0.0)
    weights: np.ndarray = vectors[:, kept] / np.sqrt(values[kept])
    return weights


def kernel_parts(core: Any) -> list[tuple[Kernel, Any]]:
    """Find a learner's kernels and the training rows that they compare with.

    Parameters
    ----------
    core : estimator
        A fitted learner.

    Returns
    -------
    list of (callable, ndarray or csr_matrix of shape (n_known, n_features))
        One pair for a support vector machine, one for each binary Gaussian process; empty for a learner without a
        kernel between rows.
    """
    if isinstance(core, SVC | NuSVC):
        # A machine with a kernel of the user's own keeps its support vectors to itself.
        known = core.kernel != "precomputed" and not callable(core.kernel)
        return [(_machine_kernel(core), core.support_vectors_)] if known else []
    if isinstance(core, GaussianProcessClassifier):
        inner = core.base_estimator_
        binary = [inner] if hasattr(inner, "X_train_") else list(inner.estimators_)
        return [(part.kernel_, part.X_train_) for part in binary if part.kernel_.requires_vector_input]
    return []


def has_kernel(core: Any) -> bool:
    """Whether a learner compares rows by a kernel that can be asked."""
    return bool(kernel_parts(core))


def _machine_kernel(core: Any) -> Kernel:
    # Unlike a function of its own, a partial one can be pickled.
    params = {"gamma": fitted_gamma(core), "degree": core.degree, "coef0": core.coef0}
    return partial(pairwise_kernels, metric=core.kernel, filter_params=True, **params)


class KernelRepresentation(BaseRepresentation):
    """The feature map of a kernel model: Nystroem coordinates of its own kernel, on its own support vectors.

    With all support vectors of a positive definite kernel as landmarks the decision function is linear in the
    coordinates before they are reduced to `max_width`; of another, such as kernel="sigmoid", directions of negative
    eigenvalues are left out. Of more than 512 support vectors (training rows, for a Gaussian process) 512 are drawn; a
    Gaussian process of several classes has a kernel for each, which share this number.

    Parameters
    ----------
    model : estimator, default=None
        The fitted `SVC`, `NuSVC` or `GaussianProcessClassifier`; see `BaseRepresentation`.
    max_width : int, default=64
        Largest number of coordinates. What is wider is reduced to its principal directions (kernel principal
        components).
    scaling : {"total", "coordinate"}, default="total"
        Whether one number scales all coordinates, or each has variance 1.
    chunk_rows : int, default=4096
        The model is asked about so many rows at a time.
    sample_rows : int, default=10_000
        Directions, means and scales are found on at most so many rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows and landmarks, and of the randomised solver.

    Attributes
    ----------
    core_ : estimator
        The learner itself.
    mean_, scale_ : ndarray of shape (width,)
        What is subtracted from each coordinate, and by what it is divided.
    width_ : int
        Number of coordinates.
    n_features_in_ : int
        Number of columns of the rows of `fit`, where they have columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skdistill.representation import KernelRepresentation
    >>> X, y = load_iris(return_X_y=True)
    >>> KernelRepresentation(model=SVC().fit(X, y), max_width=10).fit_transform(X).shape
    (150, 10)
    """

    _maps: list[tuple[Kernel, Any, np.ndarray]]

    def _refuse(self, core: Any) -> None:
        if not has_kernel(core):
            raise TypeError(
                "KernelRepresentation needs a SVC, NuSVC or GaussianProcessClassifier with a kernel of scikit-learn, "
                f"got {type(core).__name__} (of an SVC: not kernel='precomputed' or a function). Use "
                "representation='logits' for its decision function."
            )

    def _prepare(self, rows: Any, rng: np.random.RandomState) -> None:
        parts = kernel_parts(self.core_)
        share = max(1, MOST_LANDMARKS // len(parts))
        self._maps = []
        for kernel, known in parts:
            n_known = known.shape[0]
            landmarks = known if n_known <= share else known[np.sort(rng.permutation(n_known)[:share])]
            weights = nystroem_weights(kernel(landmarks, landmarks)) / np.sqrt(len(parts))
            self._maps.append((kernel, landmarks, weights))

    def _raw(self, rows: Any) -> np.ndarray:
        rows = validate_data(self.core_, rows, accept_sparse="csr", reset=False)
        rows = sparse.csr_matrix(rows) if sparse.issparse(self._maps[0][1]) else rows
        return np.concatenate([kernel(rows, known) @ weights for kernel, known, weights in self._maps], axis=1)
