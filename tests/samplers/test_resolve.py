"""From names and objects to samplers, and checks of what foreign samplers return."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import KernelDensity

from skdistill.exceptions import SampledRowsError
from skdistill.samplers import (
    ConditionalSampler,
    MixupSampler,
    MungeSampler,
    check_sampled_rows,
    resolve_sampler,
)


class Plain:
    """A sampler that is no estimator."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def fit(self, X: Any, y: Any = None) -> "Plain":
        self.seen.append(len(X))
        return self

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        return np.zeros((n, 2))


class OnlyFit:
    def fit(self, X: Any, y: Any = None) -> "OnlyFit":
        return self


@pytest.mark.parametrize(
    ("name", "kind"), [("munge", MungeSampler), ("mixup", MixupSampler), ("conditional", ConditionalSampler)]
)
def test_names(name: str, kind: type) -> None:
    assert type(resolve_sampler(name)) is kind
    assert resolve_sampler(name).get_params() == kind().get_params()
    assert resolve_sampler(name, random_state=3).random_state == 3


def test_instance_is_cloned_unfitted() -> None:
    sampler = MungeSampler(local_variance=3.0).fit(np.eye(4))
    own = resolve_sampler(sampler)
    assert own is not sampler
    assert own.local_variance == 3.0
    assert not hasattr(own, "n_features_in_")
    assert hasattr(sampler, "n_features_in_")


def test_seed_fills_only_what_was_left_open() -> None:
    assert resolve_sampler(MungeSampler(), random_state=5).random_state == 5
    assert resolve_sampler(MungeSampler(random_state=1), random_state=5).random_state == 1
    assert resolve_sampler(KernelDensity(), random_state=5).get_params() == KernelDensity().get_params()


def test_objects_that_are_no_estimators_are_copied() -> None:
    plain = Plain()
    own = resolve_sampler(plain, random_state=0).fit(np.eye(2))
    assert own.seen == [2]
    assert plain.seen == []


def test_samplers_of_scikit_learn_are_welcome() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    rows = resolve_sampler(KernelDensity()).fit(X).sample(7, random_state=0)
    assert check_sampled_rows(rows, X, n_rows=7).shape == (7, 2)


@pytest.mark.parametrize(
    ("sampler", "error", "message"),
    [
        ("spunge", ValueError, "one of 'munge', 'mixup', 'conditional' or an object.*got 'spunge'. Use one"),
        (MungeSampler, TypeError, r"got the class MungeSampler. Pass an instance: MungeSampler\(\)"),
        (OnlyFit(), TypeError, "got OnlyFit, which lacks sample. Add"),
        (3, TypeError, "got int, which lacks fit and sample"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_what_is_no_sampler(sampler: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve_sampler(sampler)


X = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("rows", "table", "message"),
    [
        (X[:, :2], X, "should have 3 columns, got 2"),
        (X[:2], X, "should have 4 rows, as many as were asked for, got 2"),
        (X.astype(np.float32), X, "should have dtype float64, got dtype float32"),
        (X[0], X, "should have two dimensions, got 1"),
        ((X, X), X, "should have a numpy ndarray, got a tuple"),
        (sparse.csr_matrix(X), X, "should have a numpy ndarray, got a csr_matrix"),
        (sparse.csc_matrix(X), sparse.csr_matrix(X), "should have the sparse format 'csr', got 'csc'"),
        (None, X, "got a NoneType"),
    ],
)
def test_rows_that_differ(rows: Any, table: Any, message: str) -> None:
    with pytest.raises(SampledRowsError, match=f"{message}.*Let sample"):
        check_sampled_rows(rows, table, n_rows=4)


def test_rows_that_are_fine() -> None:
    assert check_sampled_rows(X[:0], X) is not None
    assert check_sampled_rows(X, X.tolist(), n_rows=4) is X
    assert check_sampled_rows(np.array([["abc"]]), np.array([["a"]])).shape == (1, 1)


@pytest.mark.needs("pandas")
def test_frames_that_differ() -> None:
    import pandas

    frame = pandas.DataFrame({"a": [1, 2], "b": pandas.Categorical(["x", "y"])})
    other = frame.assign(b=pandas.Categorical(["x", "x"]))
    wrong = {
        r"columns without \['b'\] and with \['c'\]": frame.rename(columns={"b": "c"}),
        r"columns \['a', 'b'\] in this order, got \['b', 'a'\]": frame[["b", "a"]],
        r"dtype dtype\('int64'\) in column 'a', got dtype\('float64'\)": frame.astype({"a": float}),
        r"dtype CategoricalDtype.* in column 'b'": other,
        "a pandas DataFrame, got a ndarray": frame.to_numpy(),
    }
    for message, rows in wrong.items():
        with pytest.raises(SampledRowsError, match=message):
            check_sampled_rows(rows, frame)
    assert check_sampled_rows(frame.iloc[:1], frame, n_rows=1).shape == (1, 2)
