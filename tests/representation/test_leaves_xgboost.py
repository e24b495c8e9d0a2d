"""Leaves of XGBoost."""

import numpy as np
import xgboost

from skdistill.representation import resolve_representation
from skdistill.representation._leaves import leaf_reader
from tests.representation.seen import rows


def test_rows_of_the_same_leaves_have_the_same_scores():
    X, y = rows()
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(X, y)
    leaves = leaf_reader(model)(X)
    assert leaves.shape == (len(X), 9)
    groups = np.unique(leaves, axis=0, return_inverse=True)[1].ravel()
    scores = model.predict(X, output_margin=True)
    for group in np.unique(groups):
        assert np.ptp(scores[groups == group], axis=0).max() < 1e-6


def test_auto():
    X, y = rows()
    (seen,) = resolve_representation("auto", xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, y), random_state=0)
    assert type(seen).__name__ == "LeafRepresentation"
    expected = seen.fit(X).transform(X)
    np.testing.assert_array_equal(seen.set_params(chunk_rows=9).transform(X), expected)


def test_linear_booster_has_no_leaves():
    X, y = rows()
    model = xgboost.XGBClassifier(n_estimators=3, booster="gblinear", n_jobs=1).fit(X, y)
    assert leaf_reader(model) is None
    assert type(resolve_representation("auto", model)[0]).__name__ == "LogProbaRepresentation"
