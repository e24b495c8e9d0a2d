"""Leaves of LightGBM."""

import lightgbm
import numpy as np
import pytest

from skdistill.representation import resolve_representation
from skdistill.representation._leaves import leaf_reader
from tests.representation.seen import rows


@pytest.mark.parametrize("n_classes", [2, 3])
def test_leaves_explain_the_raw_scores(n_classes):
    X, y = rows(n_classes=n_classes)
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, y)
    leaves = leaf_reader(model)(X)
    assert leaves.shape == (len(X), 5 * (1 if n_classes == 2 else n_classes))
    booster = model.booster_
    values = [[booster.get_leaf_output(tree, leaf) for tree, leaf in enumerate(row)] for row in leaves]
    scores = np.reshape(values, (len(X), 5, -1)).sum(axis=1)
    np.testing.assert_allclose(np.squeeze(scores), model.predict(X, raw_score=True), atol=1e-6)


def test_auto():
    X, y = rows()
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, y)
    (seen,) = resolve_representation("auto", model, random_state=0)
    assert type(seen).__name__ == "LeafRepresentation"
    expected = seen.fit(X).transform(X)
    np.testing.assert_array_equal(seen.set_params(chunk_rows=9).transform(X), expected)
