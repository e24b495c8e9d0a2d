"""Learners that are special: constants as teachers, frozen ones, those that count classes, those that fail."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill.estimators import CooperativeDistillation
from skdistill.estimators._expertise import counts_classes, fit_learner
from skdistill.estimators._owners import read_owner
from skdistill.students import RelabelledClassifier
from tests.estimators.stand_ins import RawRow

X, Y = (part[::2] for part in load_iris(return_X_y=True))
HALVES = np.where(np.arange(75) % 2, "first", "second")


def tree():
    return DecisionTreeClassifier(max_depth=2, random_state=0)


def ensemble(first, second=None, **params):
    learners = [("first", first), ("second", second or tree())]
    return CooperativeDistillation(learners, **{"random_state": 0, "expertise_cv": 3, "n_rounds": 1, **params})


@pytest.mark.parametrize("generator", ["nearest_instance", "growing_spheres"])
def test_a_constant_teaches_its_class(generator):
    owner = np.where(Y == 0, "first", "second")
    fitted = ensemble(LogisticRegression(max_iter=500), generator=generator).fit(X, Y, owner=owner)
    assert isinstance(fitted.initial_estimators_["first"], DummyClassifier)
    assert fitted.initial_estimators_["first"].n_features_in_ == 4
    assert fitted.transfer_matrix_[0, 1] > 0
    assert fitted.accepted_.all()
    assert fitted.named_estimators_["second"].score(X, Y) > 0.9


def test_a_learner_without_any_row_knows_its_columns():
    guess = fit_learner(GaussianNB(), X[:0], Y[:0], None, np.arange(3))
    np.testing.assert_allclose(guess.predict_proba(X), 1 / 3)
    assert guess.n_features_in_ == 4


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("accept", ["improved", "always"])
def test_a_frozen_learner_teaches_and_does_not_learn(accept):
    model = LogisticRegression(max_iter=500).fit(X, Y)
    owner = np.where(Y == 1, "first", "second")
    frozen = FrozenEstimator(model)
    fitted = ensemble(frozen, accept=accept).fit(X, Y, owner=owner, sample_weight=np.full(75, 2.0))
    # It knows classes that its own rows lack.
    assert fitted.named_estimators_["first"].estimator is model
    assert fitted.transfer_matrix_[0, 1] > 0
    assert set(fitted.virtual_instances_.student) == {"second"}
    assert fitted.accepted_.tolist() == [False, True]
    np.testing.assert_array_equal(model.coef_, LogisticRegression(max_iter=500).fit(X, Y).coef_)


@pytest.mark.parametrize("learner", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())])
def test_regressors_are_no_learners(learner):
    with pytest.raises(TypeError, match=r"'first' must be a classifier, got the regressor \w+. Pass a classifier"):
        ensemble(learner).fit(X, Y)


def test_outlier_detectors_are_no_learners():
    learners = [("forest", IsolationForest()), ("tree", tree())]
    with pytest.raises(TypeError, match="'forest' must be a classifier, got the outlier_detector IsolationForest"):
        CooperativeDistillation(learners).fit(X, Y)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")
def test_an_error_says_which_learner_failed():
    owner = np.full(75, "second")
    owner[[3, 35, 70]] = "first"
    with pytest.raises(ValueError, match="Expected n_neighbors <= n_samples_fit") as found:
        ensemble(KNeighborsClassifier(), expertise_cv=None, accept="always").fit(X, Y, owner=owner)
    (note,) = found.value.__notes__
    assert note.startswith("This is the learner 'first', fitted on 3 row(s) of 3 class(es) and asked about others.")


class Tells(RawRow):
    """Hands over something else than the contract says."""

    def __init__(self, what="array"):
        self.what = what

    def generate(self, X, target, threshold=0.5):
        found = super().generate(X, target, threshold)
        if self.what == "array":
            return found.X
        return SimpleNamespace(**{**vars(found), self.what: np.ones(len(X) + 1)})


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("array", TypeError, r"must return an object with X, valid and probability, got ndarray without \['X', "),
        ("valid", ValueError, r"one probability for each of the (\d+) rows.* of shapes \(\1,\), \(\d+,\) and \(\1,\)"),
        ("proximity", ValueError, r"of the (\d+) rows.* of shapes \(\1,\), \(\1,\) and \(\d+,\). Return invalid rows"),
    ],
)
def test_generators_that_return_something_else(what, error, words):
    with pytest.raises(error, match=words):
        ensemble(GaussianNB(), generator=Tells(what)).fit(X, Y)


@pytest.mark.needs("pandas")
def test_a_mask_that_names_its_columns_may_have_any_order():
    import pandas as pd

    names = ["first", "second"]
    mask = pd.DataFrame({"first": HALVES == "first", "second": (HALVES == "second") | (np.arange(75) > 3)})
    for owner in (mask, mask[["second", "first"]]):
        np.testing.assert_array_equal(read_owner(owner, names, 75), mask.to_numpy())
    # Without names, or with other ones, it is their order that counts.
    swapped = mask[["second", "first"]]
    for owner in (swapped.to_numpy(), swapped.set_axis(["north", "south"], axis=1)):
        np.testing.assert_array_equal(read_owner(owner, names, 75), swapped.to_numpy())


@pytest.mark.parametrize("owner", [5, "first", {"first": range(75)}])
def test_owners_that_are_no_array(owner):
    with pytest.raises(TypeError, match=r"entry for each of the 75 rows of X, got a \w+. Pass an array of names, one"):
        ensemble(GaussianNB()).fit(X, Y, owner=owner)


def test_the_others_need_no_numbers_for_classes():
    assert not counts_classes(GaussianNB())
    assert not counts_classes(GridSearchCV(make_pipeline(tree()), {}))


@pytest.mark.needs("xgboost")
@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("wrapped", [False, True])
def test_xgboost_with_classes_that_are_no_numbers(wrapped):
    from xgboost import XGBClassifier

    boosted = XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1)
    learner = GridSearchCV(make_pipeline(StandardScaler(), boosted), {}, cv=2) if wrapped else boosted
    assert counts_classes(learner)
    names = np.array(["u", "v", "w"])[Y]
    fitted = ensemble(learner).fit(X, names, owner=HALVES)
    held = fitted.initial_estimators_["first"]
    assert isinstance(held, RelabelledClassifier)
    assert held.classes_.tolist() == ["u", "v", "w"]
    assert (held.predict(X) == names).mean() > 0.9
    assert fitted.out_of_fold_accuracy_[0, 0] > 0.8
    numbers = ensemble(learner).fit(X, Y, owner=HALVES)
    np.testing.assert_array_equal(numbers.predict_proba(X), fitted.predict_proba(X))
    assert not isinstance(numbers.initial_estimators_["first"], RelabelledClassifier)


@pytest.mark.needs("xgboost")
@pytest.mark.parametrize("blind", [0, 1])
def test_xgboost_in_a_silo_that_lacks_a_class(blind):
    from xgboost import XGBClassifier

    owner = np.where(blind == Y, "second", HALVES)
    fitted = ensemble(XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1)).fit(X, Y, owner=owner)
    before, after = fitted.initial_estimators_["first"], fitted.named_estimators_["first"]
    assert before.classes_.tolist() == [label for label in range(3) if label != blind]
    assert after.classes_.tolist() == [0, 1, 2]
    assert (after.predict(X[blind == Y]) == blind).mean() > 0.8
