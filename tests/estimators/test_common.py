"""Both suites, scikit-learn's and ours, on pairs of teacher and student of every kind; nothing is expected to fail.

The learners are chosen such that they pass scikit-learn's checks by themselves: bootstrap forests, for instance, do not
take weights for repetitions. `DistillationDeclinedWarning` is ignored: many tables of the checks are noise, about which
a teacher knows nothing. Some have classes of fewer rows than folds, of which a warning informs.
"""

import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator

from skdistill import DistilledClassifier, DistilledRegressor
from tests.estimators.distiller_checks import CHECKS, LAWS

pytestmark = [
    pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning"),
    pytest.mark.filterwarnings("ignore:The class .* fewer than cv:UserWarning"),
]


def logistic():
    return LogisticRegression(tol=1e-10, max_iter=2000)


def ridge(**params):
    # On sparse tables Ridge iterates, and stops early by default.
    return Ridge(tol=1e-12, **params)


def forest():
    # Two features often part the same few rows, and then rounding would decide.
    return RandomForestClassifier(3, bootstrap=False, min_weight_fraction_leaf=0.1)


def tree():
    return DecisionTreeClassifier(max_leaf_nodes=6)


CLASSIFIERS = {
    "defaults": DistilledClassifier(LogisticRegression(), DecisionTreeClassifier()),
    "tree": DistilledClassifier(logistic(), tree(), alpha=1.0, temperature=2.0),
    "faithful": DistilledClassifier(GaussianNB(), logistic(), scoring="neg_predictive_kl"),
    "forest-teacher": DistilledClassifier(forest(), logistic(), alpha=0.5),
    "margins": DistilledClassifier(RidgeClassifier(tol=1e-12), tree(), alpha=1.0, temperature=2.0),
    "forest-student": DistilledClassifier(
        GaussianNB(), ExtraTreesClassifier(15, min_weight_fraction_leaf=0.1), alpha=0.5
    ),
    "munge": DistilledClassifier(logistic(), tree(), alpha=0.5, sampler="munge", n_synthetic=20),
    "munge-auto": DistilledClassifier(GaussianNB(), GaussianNB(), sampler="munge", n_synthetic=20, cv=3),
    "calibrated": DistilledClassifier(logistic(), GaussianNB(), alpha=0.5, calibration="temperature"),
    "sampling": DistilledClassifier(logistic(), KNeighborsClassifier(3), alpha=0.5),
    "logits": DistilledClassifier(logistic(), ridge(), cv=3),
    "no-proba": DistilledClassifier(logistic(), LinearSVC(tol=1e-8), alpha=0.5),
    "pipelines": DistilledClassifier(
        make_pipeline(MaxAbsScaler(), logistic()),
        make_pipeline(MaxAbsScaler(), logistic()),
        alpha=0.5,
        calibration="isotonic",
    ),
    "search": DistilledClassifier(logistic(), GridSearchCV(tree(), {"max_depth": [2]}, cv=2), alpha=0.5),
    "in-sample": DistilledClassifier(forest(), tree(), alpha=1.0, cv=None),
}
REGRESSORS = {
    "defaults": DistilledRegressor(Ridge(), DecisionTreeRegressor()),
    "forest-teacher": DistilledRegressor(
        RandomForestRegressor(3, bootstrap=False, min_weight_fraction_leaf=0.1),
        ridge(),
        alpha=1.0,
        sampler="munge",
        n_synthetic=10,
    ),
    "mixture": DistilledRegressor(ridge(), DecisionTreeRegressor(max_depth=3), alpha=0.5),
    "closeness": DistilledRegressor(ridge(), ridge(alpha=5.0), scoring="neg_mean_squared_difference", cv=3),
    "pipelines": DistilledRegressor(
        make_pipeline(MaxAbsScaler(), ridge()), make_pipeline(MaxAbsScaler(), ridge()), alpha=0.5
    ),
    "search": DistilledRegressor(ridge(), GridSearchCV(DecisionTreeRegressor(), {"max_depth": [2]}, cv=2), alpha=0.5),
    "in-sample": DistilledRegressor(ridge(), DecisionTreeRegressor(max_depth=3), alpha=1.0, cv=None),
}
# These learners do not themselves take weights for repetitions, which scikit-learn knows of them.
INEXACT = {
    "bootstraps": DistilledClassifier(RandomForestClassifier(2), RandomForestClassifier(2, max_depth=4), cv=2),
    "svc": DistilledClassifier(SVC(), LogisticRegression(), alpha=1.0, temperature=2.0),
    "scaled": DistilledClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), make_pipeline(StandardScaler(), GaussianNB()), cv=3
    ),
    "neighbours": DistilledRegressor(RandomForestRegressor(3), KNeighborsRegressor(), alpha=0.5),
}
# Skips itself unless the environment variable SCIPY_ARRAY_API is set.
NEEDS_A_SETTING = "check_array_api_input"
REPETITIONS = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
DISTILLERS = {f"classifier-{name}": value for name, value in CLASSIFIERS.items()}
DISTILLERS |= {f"regressor-{name}": value for name, value in REGRESSORS.items()}


def suite():
    """Every check of every pair, as parametrize_with_checks gives them, under names that can be read.

    Its older releases hand pytest a generator, which pytest deprecates.
    """
    for name, distiller in DISTILLERS.items():
        for estimator, check in estimator_checks_generator(distiller):
            if check.func.__name__ != NEEDS_A_SETTING:
                yield pytest.param(estimator, check, id=f"{name}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(suite()))
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", INEXACT)
def test_scikit_learns_own_checks_but_for_weights(name):
    names = []
    for estimator, check in estimator_checks_generator(INEXACT[name]):
        names.append(check.func.__name__)
        if names[-1] not in (*REPETITIONS, NEEDS_A_SETTING):
            check(estimator)
    assert len(names) > 50
    assert set(REPETITIONS) & set(names)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_distiller_"))
@pytest.mark.parametrize("name", [*DISTILLERS, *INEXACT])
def test_our_checks(name, check):
    check({**DISTILLERS, **INEXACT}[name])


@pytest.mark.parametrize("check_law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", DISTILLERS)
def test_our_laws(name, check_law):
    check_law(DISTILLERS[name])
