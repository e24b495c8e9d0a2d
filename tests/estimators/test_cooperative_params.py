"""Learners by name: parameters, searches, metadata, weights, pictures, persistence."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill.estimators import CooperativeDistillation
from tests.estimators.stand_ins import RawRow

pytestmark = pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")

X, Y = load_iris(return_X_y=True)
OWNER = np.where(np.arange(150) % 2, "logistic", "tree")


def ensemble(**params):
    learners = [
        ("logistic", LogisticRegression(max_iter=500)),
        ("tree", make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=1, random_state=0)), [1, 3]),
    ]
    return CooperativeDistillation(
        learners,
        **{"generator": RawRow(), "random_state": 0, "expertise_cv": 3, "strength": 0.5, "n_rounds": 1, **params},
    )


def test_parameters_reach_the_learners_by_name():
    one = ensemble()
    params = one.get_params()
    assert params["logistic"] is one.estimators[0][1]
    assert params["logistic__C"] == 1.0
    assert params["tree__decisiontreeclassifier__max_depth"] == 1
    one.set_params(logistic__C=0.5, tree__decisiontreeclassifier__max_depth=3, strength=0.25)
    assert one.estimators[0][1].C == 0.5
    assert one.get_params()["tree__decisiontreeclassifier__max_depth"] == 3
    assert one.strength == 0.25


def test_a_learner_is_replaced_by_name_and_keeps_its_columns():
    one = ensemble()
    before = one.estimators
    one.set_params(tree=GaussianNB())
    assert isinstance(one.estimators[1][1], GaussianNB)
    assert one.estimators[1][2] == [1, 3]
    assert one.estimators is not before
    assert before[1][1] is not one.estimators[1][1]
    one.set_params(estimators=before)
    assert one.estimators is before


def test_clones_are_deep():
    one = ensemble()
    other = clone(one)
    assert other.estimators[0][1] is not one.estimators[0][1]
    assert other.estimators[1][2] == [1, 3]
    assert repr(other) == repr(one)
    with pytest.raises(NotFittedError):
        other.predict(X)


def test_parameters_of_what_is_no_list_of_learners_do_not_fail():
    broken = CooperativeDistillation("nonsense")
    assert broken.get_params()["estimators"] == "nonsense"
    assert repr(broken) == "CooperativeDistillation(estimators='nonsense')"


def test_a_search_over_strength_and_a_learners_parameter():
    search = GridSearchCV(ensemble(), {"strength": [0.25, 0.5], "logistic__C": [0.01, 1.0]}, cv=3)
    search.fit(X, Y, owner=OWNER)
    assert set(search.best_params_) == {"strength", "logistic__C"}
    assert search.best_score_ > 0.8
    assert len(search.cv_results_["params"]) == 4


def test_owners_follow_the_rows_into_folds():
    scores = cross_val_score(ensemble(), X, Y, cv=3, params={"owner": OWNER})
    assert (scores > 0.8).all()


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        weight = np.linspace(0.5, 2, 150)
        routed = ensemble().set_params(
            logistic=LogisticRegression(max_iter=500).set_fit_request(sample_weight=True),
            tree=DecisionTreeClassifier(max_depth=1, random_state=0).set_fit_request(sample_weight=False),
        )
        routed.set_fit_request(owner=True, sample_weight=True)
        fitted = clone(routed).fit(X, Y, owner=OWNER, sample_weight=weight)
        own = OWNER == "logistic"
        plain = LogisticRegression(max_iter=500).fit(X[own], Y[own], sample_weight=weight[own])
        np.testing.assert_allclose(fitted.initial_estimators_["logistic"].coef_, plain.coef_)
        other = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X[~own][:, [1, 3]], Y[~own])
        np.testing.assert_array_equal(fitted.initial_estimators_["tree"].tree_.value, other.tree_.value)
        routed.set_score_request(sample_weight=False)
        search = GridSearchCV(routed, {"strength": [0.25, 0.5]}, cv=3)
        search.fit(X, Y, owner=OWNER, sample_weight=weight)
        assert search.best_score_ > 0.8


def test_weights_that_no_learner_asked_for():
    with sklearn.config_context(enable_metadata_routing=True):
        unset = ensemble().set_fit_request(sample_weight=True)
        with pytest.raises(ValueError, match="not explicitly set as requested or not requested"):
            unset.fit(X, Y, sample_weight=np.ones(150))


def test_weights_of_source_rows_are_those_of_virtual_ones():
    weight = np.random.default_rng(0).uniform(0.5, 3.0, 150)
    fitted = ensemble(accept="always").fit(X, Y, owner=OWNER, sample_weight=weight)
    told = fitted.virtual_instances_
    mine, own = told.student == "tree", OWNER == "tree"
    rows = np.concatenate([X[own][:, [1, 3]], told.tables["tree"]])
    weights = np.r_[weight[own], weight[told.source[mine]]]
    assert np.ptp(weights[own.sum() :]) > 0.5
    plain = clone(ensemble().estimators[1][1])
    plain.fit(rows, np.r_[Y[own], told.label[mine]], decisiontreeclassifier__sample_weight=weights)
    np.testing.assert_array_equal(plain[-1].tree_.value, fitted.named_estimators_["tree"][-1].tree_.value)


def test_sources_number_the_rows_as_handed_in():
    weight = np.where(np.arange(150) < 20, 0.0, 1.0)
    fitted = ensemble(accept="always").fit(X, Y, owner=OWNER, sample_weight=weight)
    told = fitted.virtual_instances_
    assert told.source.min() >= 20
    np.testing.assert_array_equal(told.tables["tree"][:, 0], X[told.source[told.student == "tree"], 1])


def test_string_labels_and_class_weights():
    names = np.array(["setosa", "versicolor", "virginica"])[Y]
    balanced = ensemble().set_params(logistic__class_weight={"setosa": 2.0, "versicolor": 1.0, "virginica": 1.0})
    fitted = balanced.fit(X, names, owner=OWNER)
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert set(fitted.predict(X)) <= set(names)
    assert set(fitted.virtual_instances_.label) <= set(names)


def test_the_same_for_every_n_jobs_in_processes():
    one = ensemble(generator="nearest_instance", n_rounds=2).fit(X, Y, owner=OWNER)
    with joblib.parallel_backend("loky", n_jobs=2):
        two = ensemble(generator="nearest_instance", n_rounds=2, n_jobs=2).fit(X, Y, owner=OWNER)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    np.testing.assert_array_equal(one.virtual_instances_.source, two.virtual_instances_.source)


def test_virtual_instances_survive_pickling():
    fitted = ensemble(accept="always").fit(X, Y, owner=OWNER)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.virtual_instances_.source, fitted.virtual_instances_.source)
    assert repr(again.virtual_instances_) == repr(fitted.virtual_instances_)
    assert len(again.virtual_instances_) == fitted.transfer_matrix_.sum()


@pytest.mark.needs("pandas")
def test_the_frame_of_virtual_instances():
    fitted = ensemble(accept="always").fit(X, Y, owner=OWNER)
    frame = fitted.virtual_instances_.frame()
    expected = ["teacher", "student", "source", "label", "probability_before", "probability_after", "distance"]
    assert list(frame.columns) == [*expected, "round", "accepted"]
    counts = frame[frame.accepted].groupby(["teacher", "student"]).size()
    assert counts["logistic", "tree"] == fitted.transfer_matrix_[0, 1]
    assert frame.distance.isna().all()


def test_tags_follow_the_learners():
    tags = ensemble().__sklearn_tags__()
    assert tags.classifier_tags.multi_class
    assert not tags.input_tags.allow_nan
    trees = CooperativeDistillation([("a", DecisionTreeClassifier()), ("b", DecisionTreeClassifier())])
    assert trees.__sklearn_tags__().input_tags.allow_nan
    assert not CooperativeDistillation("nonsense").__sklearn_tags__().input_tags.allow_nan
