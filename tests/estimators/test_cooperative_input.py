"""What cooperative distillation refuses, before any long work, and in which words."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skdistill.estimators import CooperativeDistillation
from skdistill.exceptions import TeacherError
from tests.estimators.stand_ins import RawRow

X, Y = load_iris(return_X_y=True)
LEARNERS = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]


class Untouched(GaussianNB):
    """Tells whether it came to a fit."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("nothing should be fitted")


def ensemble(learners=LEARNERS, **params):
    return CooperativeDistillation(learners, **{"generator": RawRow(), "random_state": 0, **params})


@pytest.mark.parametrize(
    ("learners", "error", "words"),
    [
        ([("a", GaussianNB())], ValueError, r"at least two learners, got 1: a single one has nobody to learn from"),
        ([], ValueError, r"at least two learners, got 0"),
        ([("a", GaussianNB()), ("a", GaussianNB())], ValueError, r"must be distinct, got \['a'\] more than once"),
        ([("soft", GaussianNB()), ("b", GaussianNB())], ValueError, r"one of \['soft', 'best'\], got \['soft'\]"),
        ([("fill", GaussianNB()), ("b", GaussianNB())], ValueError, r"a parameter's name.*got \['fill'\]. Rename"),
        ([("a__b", GaussianNB()), ("b", GaussianNB())], ValueError, r"hold '__'.*got \['a__b'\]"),
        ([GaussianNB(), GaussianNB()], ValueError, r"estimators must be a list of \(name, estimator\) or .*Write"),
        ([("a", GaussianNB), ("b", GaussianNB())], TypeError, r"'a' must be an instance, got the class GaussianNB"),
        ([("a", None), ("b", GaussianNB())], TypeError, r"'a' must be a scikit-learn-style classifier, got NoneType"),
        ("ab", ValueError, r"The 'estimators' parameter of CooperativeDistillation must be an instance of 'list'"),
    ],
)
def test_bad_learners(learners, error, words):
    with pytest.raises(error, match=words):
        ensemble(learners).fit(X, Y)


class OnlyPredicts(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_a_learner_that_cannot_say_how_sure_it_is():
    words = r"'mute' must be able to say how sure it is, but OnlyPredicts has neither.*CalibratedClassifierCV"
    with pytest.raises(TeacherError, match=words):
        ensemble([("sound", Untouched()), ("mute", OnlyPredicts())]).fit(X, Y)
    hard = VotingClassifier(LEARNERS)
    with pytest.raises(TeacherError, match="neither predict_proba nor decision_function"):
        ensemble([("bayes", GaussianNB()), ("hard", hard)]).fit(X, Y)


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_margins_will_do():
    fitted = ensemble([("bayes", GaussianNB()), ("margins", Perceptron(random_state=0))]).fit(X, Y)
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([4], r"learner 'tree' must be positions in X, which has 4 feature\(s\), got \[4\], which X does not have"),
        ([-5], r"got \[-5\], which X does not have"),
        ([], r"must be at least one, got \[\], which is none of the 4 feature\(s\). Name some"),
        (slice(4, 9), r"must be at least one"),
        ([0, 0], r"must be distinct, got \[0, 0\]. Name each one once"),
        ([0, -4], r"must be distinct"),
        (["petal"], r"must be positions, a slice or a mask of the 4 feature\(s\), got \['petal'\]. Names need a data"),
        ([True, False], r"must be positions, a slice or a mask of the 4 feature\(s\), got \[True, False\]"),
    ],
)
def test_bad_columns(columns, words):
    with pytest.raises(ValueError, match=words):
        ensemble([("bayes", Untouched()), ("tree", DecisionTreeClassifier(), columns)]).fit(X, Y)


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (["bayes"] * 149 + ["tre"], r"owner must name learners, which are \['bayes', 'tree'\], got 'tre' \(1 such"),
        (["bayes"] * 149 + [None], r"got None \(1 such entries\). Use the names in estimators"),
        (["bayes"] * 149 + [[]], r"owner must give every row to at least one learner, got none for row 149"),
        (["bayes"] * 150, r"owner must give every learner at least one row .*got none for \['tree'\]. Leave"),
        (["bayes"] * 10, r"owner must have an entry for each of the 150 rows of X, got 10. Select"),
        (np.ones((150, 3), dtype=bool), r"a column for each of the 2 learners \['bayes', 'tree'\], got 3. Order"),
        (np.zeros((150, 2), dtype=bool), r"got none for row 0 \(150 such rows\)"),
        (np.zeros((150, 2)), r"one name \(or collection of names\) per row, or a boolean mask.*got shape \(150, 2\)"),
        (np.zeros(150), r"got np.float64\(0.0\) \(150 such entries\)|got 0.0 \(150 such entries\)"),
        ([[True, True]] * 149 + [[True]], r"owner as a mask must have rows of one length, got several"),
    ],
)
def test_bad_owners(owner, words):
    with pytest.raises(ValueError, match=words):
        ensemble([("bayes", Untouched()), ("tree", Untouched())]).fit(X, Y, owner=owner)


def test_ways_to_name_owners():
    mask = np.column_stack([np.arange(150) % 3 > 0, np.arange(150) % 3 < 2])
    names = ["tree" if i % 3 == 0 else ["bayes", "tree"] if i % 3 == 1 else {"bayes"} for i in range(150)]
    expected = ensemble().fit(X, Y, owner=mask).predict_proba(X)
    for owner in (names, mask.tolist(), np.array(names, dtype=object)):
        np.testing.assert_array_equal(ensemble().fit(X, Y, owner=owner).predict_proba(X), expected)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"strength": 1.0}, r"The 'strength' parameter.*Use 0.5 to go half of the way"),
        ({"strength": [0.5, 1.0]}, r"strength must be a number in \[0, 1\), or several, got \[0.5, 1.0\]"),
        ({"strength": []}, r"strength must be a number in \[0, 1\), or several, got \[\]"),
        ({"generator": "raw"}, r"generator"),
        ({"generator": GaussianNB()}, r"The 'generator' parameter.*or an object with fit and generate"),
        ({"expertise_cv": 1}, r"The 'expertise_cv' parameter.*Use None to measure"),
        ({"expertise_cv": 151}, r"expertise_cv=151 needs at least 151 rows, got n_samples=150. Lower expertise_cv"),
        ({"expertise_cv": ShuffleSplit(3)}, r"cv must put every row into exactly one test part"),
        ({"n_rounds": 0}, r"The 'n_rounds' parameter"),
        ({"max_virtual": 0}, r"The 'max_virtual' parameter.*Use an int for a number of rows"),
        ({"fill": "median"}, r"The 'fill' parameter.*Use 'zero', 'reference' or 'mean', or an imputer"),
        ({"accept": "never"}, r"The 'accept' parameter.*Use 'improved' to keep what helps"),
        (
            {"final": "forest"},
            r"final must be 'soft', 'best' or the name of a learner, one of \['bayes', 'tree'\], got",
        ),
    ],
)
def test_bad_parameters(params, words):
    with pytest.raises(ValueError, match=words):
        ensemble(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(150), r"y must have at least two classes, got only one class, 0.0"),
        (np.r_[Y[:149], np.nan], r"Input y contains NaN or infinity. Drop the rows"),
        (np.array([*Y[:149], "a"], dtype=object), r"y must hold classes of one kind"),
        (np.linspace(0, 1, 150), r"Unknown label type: continuous"),
        (None, r"requires y to be passed, but the target y is None"),
    ],
)
def test_bad_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        ensemble([("bayes", Untouched()), ("tree", Untouched())]).fit(X, labels)


def test_missing_values_in_own_rows_are_the_learners_affair():
    gaps = X.copy()
    gaps[::7, 2] = np.nan
    learners = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))]
    with pytest.raises(ValueError, match=r"contains NaN, which the learner 'bayes', GaussianNB cannot handle. Impute"):
        ensemble(learners).fit(gaps, Y)


def test_weights_that_a_learner_does_not_take_are_said():
    learners = [("bayes", GaussianNB()), ("neighbours", KNeighborsClassifier())]
    with pytest.warns(UserWarning, match=r"The learners \['neighbours'\] take no sample_weight and are fitted without"):
        ensemble(learners, accept="always").fit(X, Y, sample_weight=np.linspace(1, 2, 150))


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("cv", [StratifiedKFold(3), KFold(3, shuffle=True, random_state=0)])
def test_expertise_by_a_splitter(cv):
    fitted = ensemble(expertise_cv=cv).fit(X, Y)
    given = ensemble(expertise_cv=list(cv.split(X, Y))).fit(X, Y)
    np.testing.assert_array_equal(fitted.predict_proba(X), given.predict_proba(X))
    np.testing.assert_array_equal(fitted.out_of_fold_accuracy_, given.out_of_fold_accuracy_)


def test_given_splits_number_the_rows_as_handed_in():
    groups = np.arange(150) // 3
    splits = list(GroupKFold(5).split(X, Y, groups))
    more = [(train, np.r_[test, 150 + i]) for i, (train, test) in enumerate(splits)]
    weight = np.r_[np.ones(150), np.zeros(5)]
    padded = ensemble(expertise_cv=more).fit(np.vstack([X, X[:5]]), np.r_[Y, Y[:5]], sample_weight=weight)
    plain = ensemble(expertise_cv=splits).fit(X, Y, sample_weight=np.ones(150))
    np.testing.assert_array_equal(padded.out_of_fold_accuracy_, plain.out_of_fold_accuracy_)


class Short(RawRow):
    def generate(self, X, target, threshold=0.5):
        return super().generate(X[:1], target[:1], threshold[:1])


class Narrow(RawRow):
    def generate(self, X, target, threshold=0.5):
        found = super().generate(X, target, threshold)
        found.X = found.X[:, :1]
        return found


def test_generators_that_do_not_keep_the_contract():
    with pytest.raises(ValueError, match=r"generator must return one row and one probability for each of the \d+ rows"):
        ensemble(generator=Short()).fit(X, Y)
    with pytest.raises(ValueError, match=r"generator must return the 4 columns of learner '\w+', got 1. Return rows"):
        ensemble(generator=Narrow()).fit(X, Y)


class Drops(SimpleImputer):
    def transform(self, X):
        return super().transform(X)[:, :1]


def test_an_imputer_that_drops_columns():
    learners = [("a", GaussianNB(), [0]), ("b", LogisticRegression(), [0, 1])]
    ensemble(learners, fill=SimpleImputer()).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"fill must return as many columns as it is given, 2 for learner 'b', got sha"
    ):
        ensemble(learners, fill=Drops()).fit(X, Y)
