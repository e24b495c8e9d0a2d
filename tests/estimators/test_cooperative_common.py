"""Both suites, scikit-learn's and ours, on cooperative ensembles of every kind; nothing is expected to fail.

The learners are chosen such that they pass scikit-learn's checks by themselves and do not answer with near certainty,
where rounding decides which virtual row is found. Many tables of the checks are noise, of which nobody can teach
anything, so `DistillationDeclinedWarning` is ignored.
"""

import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

from skdistill.estimators import CooperativeDistillation
from tests.estimators.distiller_checks import COOPERATIVE_CHECKS, LAWS
from tests.estimators.stand_ins import RandomRow, RawRow

pytestmark = pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")


def logistic():
    return LogisticRegression(tol=1e-10, solver="newton-cg")


def tree():
    return DecisionTreeClassifier(max_leaf_nodes=6)


ENSEMBLES = {
    # The defaults, but for fewer folds, on which nothing here depends.
    "defaults": CooperativeDistillation([("logistic", logistic()), ("tree", DecisionTreeClassifier())], expertise_cv=2),
    "three": CooperativeDistillation(
        [("logistic", logistic()), ("tree", tree()), ("bayes", GaussianNB())], generator=RawRow(), expertise_cv=3
    ),
    # Each one needs the first column, so that no table of the checks can do without it.
    "columns": CooperativeDistillation(
        [("logistic", logistic(), slice(None, None, 2)), ("tree", tree(), slice(None, None, -1))],
        expertise_cv=2,
        n_rounds=1,
    ),
    "paper": CooperativeDistillation(
        [("logistic", logistic()), ("tree", tree())],
        expertise_cv=None,
        accept="always",
        fill="zero",
        strength=0.5,
        n_rounds=1,
    ),
    "pipelines": CooperativeDistillation(
        [("logistic", make_pipeline(MaxAbsScaler(), logistic())), ("tree", make_pipeline(MaxAbsScaler(), tree()))],
        generator=RawRow(),
        expertise_cv=2,
        n_rounds=2,
        final="best",
        accept="always",
    ),
    "margins": CooperativeDistillation(
        [("ridge", RidgeClassifier(tol=1e-12)), ("tree", tree())],
        generator=RawRow(),
        expertise_cv=None,
        n_rounds=1,
        final="tree",
    ),
}
# One that scikit-learn's checks of repeated rows do not hold for: it draws rows by their number.
DRAWING = CooperativeDistillation(
    [("logistic", logistic()), ("tree", tree())],
    generator=RandomRow(),
    strength=[0.25, 0.75],
    max_virtual=0.5,
    deduplicate=False,
    expertise_cv=3,
)
# Skips itself unless the environment variable SCIPY_ARRAY_API is set.
NEEDS_A_SETTING = "check_array_api_input"


def suite():
    for name, ensemble in ENSEMBLES.items():
        for estimator, check in estimator_checks_generator(ensemble):
            if check.func.__name__ != NEEDS_A_SETTING:
                yield pytest.param(estimator, check, id=f"{name}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(suite()))
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", COOPERATIVE_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", [*ENSEMBLES, "drawing"])
def test_our_checks(name, check):
    check({**ENSEMBLES, "drawing": DRAWING}[name])


@pytest.mark.parametrize("check_law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", ENSEMBLES)
def test_our_laws(name, check_law):
    check_law(ENSEMBLES[name])
