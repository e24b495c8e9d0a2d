"""Leaves: who ends where, and proximities as inner products."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression

from skdistill.representation import LeafRepresentation
from skdistill.representation._forest import leaf_book, one_hot_leaves
from skdistill.representation._leaves import leaf_reader, staged_values
from tests.representation.seen import TREES, fitted, rows


def proximity(leaves):
    """Share of trees in which two rows end in the same leaf, pair by pair."""
    return (leaves[:, None, :] == leaves[None, :, :]).mean(axis=2)


def leaves_of(name, X):
    return leaf_reader(fitted(name))(X)


class TestOneHot:
    @pytest.mark.parametrize("name", [name for name in TREES if name != "histograms"])
    def test_inner_products_are_the_forests_proximity(self, name):
        X, _ = rows()
        leaves = leaves_of(name, X)
        encoded = one_hot_leaves(leaves, leaf_book(leaves))
        np.testing.assert_allclose((encoded @ encoded.T).toarray(), proximity(leaves), atol=1e-12)

    def test_leaves_are_those_of_each_tree(self):
        X, _ = rows()
        for name in ("forest", "extra trees", "adaboost"):
            trees = fitted(name).estimators_
            np.testing.assert_array_equal(leaves_of(name, X), np.column_stack([tree.apply(X) for tree in trees]))
        bagging = fitted("bagging")
        members = zip(bagging.estimators_, bagging.estimators_features_, strict=True)
        expected = np.column_stack([tree.apply(X[:, columns]) for tree, columns in members])
        np.testing.assert_array_equal(leaves_of("bagging", X), expected)

    def test_leaf_that_no_row_of_the_book_ended_in_counts_for_nothing(self):
        book = leaf_book(np.array([[1, 5], [2, 5]]))
        encoded = one_hot_leaves(np.array([[1, 5], [3, 5], [0, 4], [9, 6]]), book).toarray()
        half = np.sqrt(0.5)
        np.testing.assert_allclose(encoded, [[half, 0, half], [0, 0, half], [0, 0, 0], [0, 0, 0]])

    def test_most_frequented_leaves_come_first(self):
        leaves = np.array([[1, 4], [1, 5], [2, 5], [1, 5]])
        book = leaf_book(leaves, most=2)
        expected = np.sqrt(0.5) * np.array([[1, 0], [1, 1], [0, 1], [1, 1]])
        np.testing.assert_allclose(one_hot_leaves(leaves, book).toarray(), expected)

    def test_large_numbers_of_leaves_are_not_taken_for_one_another(self):
        leaves = 10**9 + np.array([[0], [1], [1], [2]])
        encoded = one_hot_leaves(leaves, leaf_book(leaves))
        np.testing.assert_array_equal((encoded @ encoded.T).toarray(), leaves == leaves.T)

    def test_values_that_differ_by_rounding_are_one_leaf(self):
        leaves = np.array([[0.1, 3.0], [0.1 + 1e-16, 3.0], [0.1 + 1e-6, -3.0]])
        encoded = one_hot_leaves(leaves, leaf_book(leaves, by_value=True))
        np.testing.assert_allclose((encoded @ encoded.T).toarray(), [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-12)


class TestHistograms:
    """Boosting by histograms, which does not tell its leaves."""

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_values_add_up_to_the_decision_function(self, n_classes):
        X, _ = rows(n_classes=n_classes)
        model = fitted("histograms", n_classes)
        values = staged_values(model, X)
        per_stage = 1 if n_classes == 2 else n_classes
        assert values.shape == (len(X), model.n_iter_ * per_stage)
        scores = values.reshape(len(X), model.n_iter_, per_stage).sum(axis=1)
        np.testing.assert_allclose(scores.reshape(model.decision_function(X).shape), model.decision_function(X))

    def test_a_tree_has_as_many_leaves_as_it_was_allowed(self):
        # With at most four leaves per tree and many rows, each tree has four, whose values differ.
        X, y = rows(1000)
        model = HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=4, random_state=0).fit(X, y)
        book = leaf_book(staged_values(model, X), by_value=True)
        assert [len(leaves) for leaves in book.leaves] == [4] * 30

    def test_leaves_of_other_rows_are_found_again(self):
        X, y = rows(1000)
        model = HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=4, random_state=0).fit(X, y)
        book = leaf_book(staged_values(model, X[:500]), by_value=True)
        encoded = one_hot_leaves(staged_values(model, X[500:]), book)
        np.testing.assert_allclose(encoded.multiply(encoded).sum(axis=1), 1.0)

    def test_missing_values_are_the_models_affair(self):
        X, y = rows()
        X[::7, 0] = np.nan
        model = clone(fitted("histograms")).fit(X, y)
        assert np.isfinite(LeafRepresentation(model=model).fit(X).transform(X)).all()


class TestRepresentation:
    def test_all_directions_of_a_small_forest_keep_the_kernel(self):
        X, y = rows()
        forest = RandomForestClassifier(5, max_leaf_nodes=4, random_state=0).fit(X, y)
        seen = LeafRepresentation(model=forest).fit(X)
        assert seen.transform(X).shape[1] == len(np.unique(forest.apply(X) + 1000 * np.arange(5)))
        kernel = proximity(forest.apply(X))
        centre = np.eye(len(X)) - 1 / len(X)
        gram = seen.transform(X) @ seen.transform(X).T
        np.testing.assert_allclose(gram * seen.scale_[0] ** 2, centre @ kernel @ centre, atol=1e-10)

    def test_leading_directions_are_the_best_of_their_number(self):
        X, _ = rows(400)
        encoded = one_hot_leaves(leaves := leaves_of("extra trees", X), leaf_book(leaves))
        seen = LeafRepresentation(model=fitted("extra trees"), max_width=10, random_state=0).fit(X)
        gram = (seen.transform(X) * seen.scale_ + seen.mean_) @ (seen.transform(X) * seen.scale_ + seen.mean_).T
        singular = np.linalg.svd(encoded.toarray(), compute_uv=False)
        missed = np.linalg.norm((encoded @ encoded.T).toarray() - gram)
        assert missed <= 1.02 * np.linalg.norm(singular[10:] ** 2)

    def test_many_trees_are_thinned_out_and_many_leaves_cut(self, monkeypatch):
        X, _ = rows()
        monkeypatch.setattr("skdistill.representation._forest.MOST_TREES", 5)
        seen = LeafRepresentation(model=fitted("forest"), random_state=0).fit(X)
        np.testing.assert_array_equal(seen._trees, [0, 5, 10, 14, 19])
        kept = fitted("forest").apply(X)[:, [0, 5, 10, 14, 19]]
        assert seen._book.n_columns == sum(len(np.unique(column)) for column in kept.T)

    def test_book_is_read_from_a_bounded_sample(self, monkeypatch):
        X, _ = rows()
        monkeypatch.setattr("skdistill.representation._forest.MOST_CELLS", 20 * 30)
        seen = LeafRepresentation(model=fitted("forest"), chunk_rows=20, random_state=0).fit(X)
        assert seen._book.n_columns == sum(len(np.unique(column)) for column in fitted("forest").apply(X[:40]).T)

    @pytest.mark.needs("pandas")
    @pytest.mark.parametrize("name", TREES)
    def test_frames_are_read_without_a_warning(self, name):
        import pandas as pd

        X, y = rows()
        frame = pd.DataFrame(X, columns=list("abcdef"))
        model = clone(fitted(name)).fit(frame, y)
        seen = LeafRepresentation(model=model, random_state=0).fit(frame).transform(frame)
        np.testing.assert_array_equal(
            seen, LeafRepresentation(model=clone(model).fit(X, y), random_state=0).fit(X).transform(X)
        )
        if name == "boosting":
            with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
                LeafRepresentation(model=model).fit(frame[list("bacdef")])

    def test_fewer_rows_than_directions(self):
        X, _ = rows()
        assert LeafRepresentation(model=fitted("forest"), random_state=0).fit(X[:5]).transform(X).shape == (len(X), 5)

    def test_tells_the_labels(self):
        X, y = rows(400)
        seen = LeafRepresentation(model=fitted("forest"), max_width=8, random_state=0).fit(X).transform(X)
        # Rows 160 to 399 are new to the forest, which the coordinates should serve about as well as the votes do.
        probe = LogisticRegression().fit(seen[:160], y[:160]).score(seen[160:], y[160:])
        assert probe > fitted("forest").score(X[160:], y[160:]) - 0.05

    @pytest.mark.parametrize(
        "model",
        [
            LogisticRegression(),
            VotingClassifier([("forest", RandomForestClassifier(3))]),
            BaggingClassifier(LogisticRegression(), n_estimators=3),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_model_without_leaves(self, model):
        X, y = rows()
        with pytest.raises(TypeError, match=rf"needs trees whose leaves can be told, got {type(model).__name__}\. Use"):
            LeafRepresentation(model=model.fit(X, y)).fit(X)
