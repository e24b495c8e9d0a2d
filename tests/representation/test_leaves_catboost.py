"""Leaves of CatBoost."""

import catboost
import numpy as np
import pytest

from skdistill.representation import resolve_representation
from skdistill.representation._leaves import leaf_reader
from tests.representation.seen import rows


@pytest.fixture
def model():
    X, y = rows()
    return catboost.CatBoostClassifier(
        iterations=4, depth=3, verbose=0, thread_count=1, allow_writing_files=False, random_seed=0
    ).fit(X, y)


def test_rows_of_the_same_leaves_have_the_same_scores(model):
    X, _ = rows()
    leaves = leaf_reader(model)(X)
    assert leaves.shape == (len(X), 4)
    assert leaves.max() < 8
    groups = np.unique(leaves, axis=0, return_inverse=True)[1].ravel()
    scores = model.predict(X, prediction_type="RawFormulaVal")
    for group in np.unique(groups):
        assert np.ptp(scores[groups == group], axis=0).max() < 1e-9


def test_auto(model):
    X, _ = rows()
    (seen,) = resolve_representation("auto", model, random_state=0)
    assert type(seen).__name__ == "LeafRepresentation"
    expected = seen.fit(X).transform(X)
    np.testing.assert_array_equal(seen.set_params(chunk_rows=9).transform(X), expected)
