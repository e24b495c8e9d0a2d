"""One squared-error tree on probabilities is the Gini tree on weighted copies."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier, export_text

from skdistill.exceptions import StudentRouteError
from skdistill.students import ExpansionStrategy, SoftTargets, SoftTreeStrategy
from skdistill.students._expansion import expand
from skdistill.students._resolve import resolve_route

NAMES = np.array(["ant", "bee", "cat", "dog"])


def make(rng, n_rows=80, n_classes=3, n_features=3, *, weighted=False):
    X = rng.normal(size=(n_rows, n_features))
    teacher = softmax(2 * rng.normal(size=(n_rows, n_classes)) + X[:, :1], axis=1)
    codes = rng.integers(0, n_classes, n_rows)
    weight = rng.uniform(0.2, 3.0, n_rows) if weighted else np.ones(n_rows)
    return X, SoftTargets(teacher, codes, 0.8 * weight, 0.2 * weight, NAMES[:n_classes])


def by_copies(student, X, targets):
    """Fit on weighted copies directly, with nothing but scikit-learn; every row has a copy of each class."""
    rows, codes, weights = expand(*targets.mixed(), 0.0)
    n_classes = len(targets.classes)
    # Numbers of rows become numbers of copies. Even the free values: a tree that tries to split the copies of one row
    # finds nothing, but draws random numbers for it.
    counted = {name: n_classes * student.get_params()[name] for name in ("min_samples_leaf", "min_samples_split")}
    return clone(student).set_params(**counted).fit(X[rows], targets.classes[codes], sample_weight=weights)


def assert_same_tree(soft, copies, X, n_classes):
    """Compare what the trees do with their own rows: two features may part the same rows, and rounding decides."""
    np.testing.assert_allclose(soft.predict_proba(X), copies.predict_proba(X), atol=1e-12)
    assert soft.tree_.node_count == copies.tree_.node_count
    a, b = soft.apply(X), copies.apply(X)
    np.testing.assert_array_equal(soft.tree_.n_node_samples[a] * n_classes, copies.tree_.n_node_samples[b])
    for name in ("impurity", "weighted_n_node_samples"):
        left, right = getattr(soft.tree_, name)[a], getattr(copies.tree_, name)[b]
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(soft.tree_.impurity[0], copies.tree_.impurity[0], atol=1e-12)


# Parameters that do not count rows mean the same on rows and on copies.
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "max_depth": st.integers(1, 6),
        "max_leaf_nodes": st.integers(2, 12),
        "min_weight_fraction_leaf": st.floats(0.0, 0.3),
        "min_impurity_decrease": st.floats(0.0, 0.05),
        "ccp_alpha": st.floats(0.0, 0.05),
        "splitter": st.sampled_from(["best", "random"]),
        "max_features": st.sampled_from([None, 1, 2, "sqrt"]),
        "class_weight": st.sampled_from([None, {"ant": 3.0, "bee": 0.5}]),
    },
)


@settings(deadline=None, max_examples=60)
@given(PARAMS, st.integers(2, 4), st.booleans(), st.integers(0, 2**31 - 1))
def test_a_soft_tree_is_the_gini_tree_of_the_copies(params, n_classes, weighted, seed):
    X, targets = make(np.random.default_rng(seed), n_classes=n_classes, weighted=weighted)
    student = DecisionTreeClassifier(random_state=0, **params)
    soft = SoftTreeStrategy().fit(clone(student), X, targets)
    copies = by_copies(student, X, targets)
    assert_same_tree(soft, copies, X, n_classes)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.integers(2, 15), st.integers(2, 4), st.integers(0, 2**31 - 1))
def test_numbers_of_rows_count_rows(leaf, split, n_classes, seed):
    # Every row has a copy of each class, so the copies are exactly n_classes as many.
    X, targets = make(np.random.default_rng(seed), n_classes=n_classes)
    student = DecisionTreeClassifier(min_samples_leaf=leaf, min_samples_split=split, random_state=0)
    soft = SoftTreeStrategy().fit(clone(student), X, targets)
    assert_same_tree(soft, by_copies(student, X, targets), X, n_classes)
    assert soft.tree_.n_node_samples[soft.tree_.children_left == -1].min() >= leaf
    # The expansion route scales by itself.
    expanded = ExpansionStrategy(min_weight=0.0).fit(clone(student), X, targets)
    np.testing.assert_allclose(expanded.predict_proba(X), soft.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("class_weight", ["balanced", {"bee": 4.0}])
def test_class_weights_agree_with_the_expansion_route(rng, class_weight):
    X, targets = make(rng, weighted=True)
    student = DecisionTreeClassifier(max_depth=4, class_weight=class_weight, random_state=0)
    soft = SoftTreeStrategy().fit(clone(student), X, targets)
    expanded = ExpansionStrategy(min_weight=0.0).fit(clone(student), X, targets)
    np.testing.assert_allclose(soft.predict_proba(X), expanded.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize(
    "student",
    [
        ExtraTreeClassifier(max_leaf_nodes=9, max_features=None),
        RandomForestClassifier(5, bootstrap=False, max_features=2, max_depth=4),
        ExtraTreesClassifier(5, max_depth=4, ccp_alpha=0.01),
        RandomForestClassifier(5, bootstrap=False, class_weight={"cat": 2.0}, min_impurity_decrease=0.01),
    ],
    ids=["extra-tree", "forest", "extra-forest", "weighted-forest"],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_forests_without_bootstraps_are_those_of_the_copies(rng, student, n_classes):
    if n_classes == 2 and student.class_weight:
        student = clone(student).set_params(class_weight={"bee": 2.0})
    X, targets = make(rng, n_classes=n_classes)
    student = clone(student).set_params(random_state=3)
    soft = SoftTreeStrategy().fit(clone(student), X, targets)
    np.testing.assert_allclose(soft.predict_proba(X), by_copies(student, X, targets).predict_proba(X), atol=1e-12)


@pytest.mark.parametrize(
    "student", [DecisionTreeClassifier(), ExtraTreeClassifier(), RandomForestClassifier(4), ExtraTreesClassifier(4)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_alone_are_the_plain_fit(rng, student, weighted):
    X, targets = make(rng, weighted=weighted)
    student = clone(student).set_params(random_state=0)
    hard = SoftTargets(targets.teacher, targets.codes, np.zeros(80), targets.weight, targets.classes)
    plain = clone(student).fit(X, targets.labels, sample_weight=targets.weight if weighted else None)
    fitted = SoftTreeStrategy().fit(clone(student), X, hard)
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))


def test_bootstraps_draw_rows(rng):
    X, targets = make(rng)
    forest = SoftTreeStrategy().fit(RandomForestClassifier(6, max_samples=0.5, random_state=0), X, targets)
    assert [len(drawn) for drawn in forest.estimators_samples_] == [40] * 6
    assert all(drawn.max() < 80 for drawn in forest.estimators_samples_)


def test_the_student_is_of_the_users_own_class_and_works_like_one(rng):
    X, targets = make(rng)
    tree = SoftTreeStrategy().fit(DecisionTreeClassifier(max_depth=2, random_state=0), X, targets)
    assert type(tree) is DecisionTreeClassifier
    assert "class: " in export_text(tree)
    assert tree.get_depth() <= 2
    assert tree.feature_importances_.sum() == pytest.approx(1.0)
    assert tree.apply(X).shape == (80,)
    assert tree.cost_complexity_pruning_path(X, targets.labels).ccp_alphas[0] == 0.0
    forest = SoftTreeStrategy().fit(RandomForestClassifier(4, random_state=0), X, targets)
    assert forest.feature_importances_.shape == (3,)
    assert all(type(inner) is DecisionTreeClassifier for inner in forest.estimators_)
    back = pickle.loads(pickle.dumps(forest))
    np.testing.assert_array_equal(back.predict_proba(X), forest.predict_proba(X))
    np.testing.assert_array_equal(forest.decision_path(X)[1][[0]], [0])
    mean = np.mean([inner.predict_proba(X) for inner in forest.estimators_], axis=0)
    np.testing.assert_allclose(mean, forest.predict_proba(X))


def test_out_of_bag_answers_leave_out_the_trees_that_saw_a_row(rng):
    X, targets = make(rng)
    forest = SoftTreeStrategy().fit(RandomForestClassifier(30, oob_score=True, random_state=0), X, targets)
    row = 7
    unseen = [
        tree for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True) if row not in drawn
    ]
    expected = np.mean([tree.predict_proba(X[[row]])[0] for tree in unseen], axis=0)
    np.testing.assert_allclose(forest.oob_decision_function_[row], expected)
    hits = targets.classes[forest.oob_decision_function_.argmax(axis=1)] == targets.labels
    assert forest.oob_score_ == pytest.approx(hits.mean())
    scored = SoftTreeStrategy().fit(
        RandomForestClassifier(30, oob_score=lambda y, found: 100 * (y == found).mean(), random_state=0), X, targets
    )
    assert scored.oob_score_ == pytest.approx(100 * hits.mean())


def test_a_row_seen_by_every_tree_has_no_out_of_bag_answer(rng):
    X, targets = make(rng, n_rows=20)
    forest = SoftTreeStrategy().fit(RandomForestClassifier(1, oob_score=True, random_state=0), X, targets)
    drawn = np.unique(forest.estimators_samples_[0])
    assert np.isnan(forest.oob_decision_function_[drawn]).all()
    left_out = np.setdiff1d(np.arange(20), drawn)
    np.testing.assert_allclose(forest.oob_decision_function_[left_out].sum(axis=1), 1.0)
    hits = forest.predict(X[left_out]) == targets.labels[left_out]
    assert forest.oob_score_ == pytest.approx(hits.mean())


@pytest.mark.parametrize("criterion", ["entropy", "log_loss"])
def test_other_criteria_take_the_expansion(rng, criterion):
    student = DecisionTreeClassifier(criterion=criterion, max_depth=3, random_state=0)
    assert resolve_route(student, "auto").route == "expansion"
    with pytest.raises(StudentRouteError, match=r"DecisionTreeClassifier cannot learn .* 'soft_tree'.*'expansion'"):
        resolve_route(student, "soft_tree")


def test_subclasses_are_not_rebuilt(rng):
    class Own(DecisionTreeClassifier):
        pass

    assert resolve_route(Own(), "auto").route == "expansion"


def test_missing_values(rng):
    X, targets = make(rng)
    X[rng.random(X.shape) < 0.2] = np.nan
    student = DecisionTreeClassifier(max_depth=4, random_state=0)
    soft = SoftTreeStrategy().fit(clone(student), X, targets)
    np.testing.assert_allclose(soft.predict_proba(X), by_copies(student, X, targets).predict_proba(X), atol=1e-12)
