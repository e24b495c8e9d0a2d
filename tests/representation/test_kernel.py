"""Kernels: the Nystroem map of a model's own kernel."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from skdistill.representation import KernelRepresentation
from skdistill.representation._kernel import kernel_parts, nystroem_weights
from tests.representation.seen import KERNELS, fitted, linear_fit_error, rows

MACHINES = [name for name in KERNELS if name != "gaussian process"]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MACHINES)
def test_decision_values_are_linear_in_the_coordinates(name, n_classes):
    pairwise = clone(fitted(name)).set_params(decision_function_shape="ovo").fit(*rows(n_classes=n_classes))
    # More rows than coordinates, else any values would be linear in them.
    more, _ = rows(2000, n_classes=n_classes, seed=1)
    seen = KernelRepresentation(model=pairwise, max_width=500).fit(more).transform(more)
    assert seen.shape[1] < 300
    assert linear_fit_error(seen, pairwise.decision_function(more)) < 1e-4


def test_kernel_is_the_models_own():
    X, y = rows()
    model = SVC(gamma="scale").fit(X, y)
    ((kernel, known),) = kernel_parts(model)
    expected = rbf_kernel(X, model.support_vectors_, gamma=1 / (X.shape[1] * X.var()))
    np.testing.assert_allclose(kernel(X, known), expected)


def test_inner_products_between_landmarks_are_the_kernel():
    X, _ = rows()
    kernel = rbf_kernel(X)
    features = kernel @ nystroem_weights(kernel)
    np.testing.assert_allclose(features @ features.T, kernel, atol=1e-8)


def test_directions_without_extent_are_left_out():
    kernel = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert nystroem_weights(kernel).shape == (3, 2)
    assert nystroem_weights(-np.eye(2)).shape == (2, 0)


def test_landmarks_are_bounded(monkeypatch):
    X, _ = rows()
    monkeypatch.setattr("skdistill.representation._kernel.MOST_LANDMARKS", 12)
    seen = KernelRepresentation(model=fitted("rbf"), random_state=0).fit(X)
    assert seen.transform(X).shape[1] <= 12
    seen = KernelRepresentation(model=fitted("gaussian process"), random_state=0).fit(X)
    assert [landmarks.shape for _, landmarks, _ in seen._maps] == [(4, 6)] * 3


def test_machine_fitted_on_sparse_rows():
    X, y = rows()
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    model = SVC().fit(sparse.csr_matrix(X), y)
    seen = KernelRepresentation(model=model).fit(sparse.csr_matrix(X)).transform(X)
    np.testing.assert_allclose(seen, KernelRepresentation(model=SVC().fit(X, y)).fit(X).transform(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_latent_means_of_gaussian_processes_are_linear_in_the_coordinates(n_classes):
    model = fitted("gaussian process", n_classes)
    more, _ = rows(2000, n_classes=n_classes, seed=1)
    seen = KernelRepresentation(model=model, max_width=500, random_state=0).fit(more).transform(more)
    assert seen.shape[1] <= 500
    inner = model.base_estimator_
    for part in [inner] if n_classes == 2 else inner.estimators_:
        # Equation 3.21 of Rasmussen and Williams (2006), on which the probability of a binary process stands.
        latent = part.kernel_(more, part.X_train_) @ (part.y_train_ - part.pi_)
        assert linear_fit_error(seen, latent) < 1e-4


@pytest.mark.parametrize("kernel", ["precomputed", rbf_kernel], ids=["precomputed", "function"])
def test_kernels_that_cannot_be_asked(kernel):
    X, y = rows()
    known = rbf_kernel(X) if kernel == "precomputed" else X
    with pytest.raises(TypeError, match=r"KernelRepresentation needs a SVC, NuSVC or .*representation='logits'"):
        KernelRepresentation(model=SVC(kernel=kernel).fit(known, y)).fit(known)


def test_model_without_kernel():
    X, _ = rows()
    with pytest.raises(TypeError, match="got LogisticRegression"):
        KernelRepresentation(model=fitted("logistic")).fit(X)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_can_be_pickled(name):
    X, _ = rows()
    seen = KernelRepresentation(model=fitted(name), random_state=0).fit(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(seen)).transform(X), seen.transform(X))
