"""Which learner takes which route; every learner of scikit-learn has one, or a reason."""

import warnings

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from sklearn.utils import all_estimators
from sklearn.utils.validation import has_fit_parameter

from skdistill.exceptions import StudentRouteError
from skdistill.students import (
    ExpansionStrategy,
    LogitClassifier,
    SamplingStrategy,
    SharpenedClassifier,
    SoftTargets,
    SoftTargetStrategy,
    register_route,
)
from skdistill.students import _resolve as resolve_module
from skdistill.students._resolve import final_learner, fit_student, resolve_route

NAMES = np.array([3, 5, 7])

TABLE = [
    (DecisionTreeClassifier(), "soft_tree"),
    (ExtraTreeClassifier(), "soft_tree"),
    (RandomForestClassifier(), "soft_tree"),
    (ExtraTreesClassifier(), "soft_tree"),
    (DecisionTreeClassifier(criterion="entropy"), "expansion"),
    (LogisticRegression(), "expansion"),
    (GaussianNB(), "expansion"),
    (SVC(), "expansion"),
    (LinearSVC(), "expansion"),
    (HistGradientBoostingClassifier(), "expansion"),
    (GradientBoostingClassifier(), "expansion"),
    (Ridge(), "logits"),
    (DecisionTreeRegressor(), "logits"),
    (KNeighborsClassifier(), "sampling"),
    (LinearDiscriminantAnalysis(), "sampling"),
]

# How classes with required parameters are made.
REQUIRED = {
    "ClassifierChain": lambda: ClassifierChain(LogisticRegression()),
    "FixedThresholdClassifier": lambda: find("FixedThresholdClassifier")(LogisticRegression()),
    "MultiOutputClassifier": lambda: MultiOutputClassifier(LogisticRegression()),
    "MultiOutputRegressor": lambda: MultiOutputRegressor(Ridge()),
    "OneVsOneClassifier": lambda: find("OneVsOneClassifier")(LogisticRegression()),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(LogisticRegression()),
    "OutputCodeClassifier": lambda: find("OutputCodeClassifier")(LogisticRegression(), random_state=0),
    "RegressorChain": lambda: RegressorChain(Ridge()),
    "SelfTrainingClassifier": lambda: SelfTrainingClassifier(LogisticRegression()),
    "StackingClassifier": lambda: StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], cv=3),
    "StackingRegressor": lambda: StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor())], cv=3),
    "TunedThresholdClassifierCV": lambda: find("TunedThresholdClassifierCV")(LogisticRegression(), cv=3),
    "VotingClassifier": lambda: VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
    "VotingRegressor": lambda: VotingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor())]),
}
# Fewer trees and rounds, where a default is slow or does not fit 90 rows.
QUICK = {
    "n_estimators": 5,
    "max_iter": 200,
    "n_components": 1,
    "nu": 0.1,
    "min_samples": 5,
    "init_size": 10,
    "n_alphas": 5,
    "Cs": 2,
}
MULTILABEL = "learns several labels per row, never one"
POSITIVE = "predicts positive values only"
NO_ROUTE = {
    "ClassifierChain": MULTILABEL,
    "MultiOutputClassifier": MULTILABEL,
    "GammaRegressor": POSITIVE,
    "PoissonRegressor": POSITIVE,
}
OUT_OF_SCOPE = {
    "IsotonicRegression": "takes one column",
    "PassiveAggressiveClassifier": "deprecated in scikit-learn 1.8 in favour of SGDClassifier, which is here",
    "PassiveAggressiveRegressor": "deprecated in scikit-learn 1.8 in favour of SGDRegressor, which is here",
    "StackingRegressor": "has no predict before fit, so scikit-learn's MultiOutputRegressor takes it for no regressor",
}
BINARY = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
LEARNERS = dict(all_estimators(type_filter=["classifier", "regressor"]))
LEARNERS = {name: cls for name, cls in LEARNERS.items() if cls.__module__.startswith("sklearn.")}


def find(name):
    return LEARNERS[name]


def construct(name):
    student = REQUIRED[name]() if name in REQUIRED else LEARNERS[name]()
    params = student.get_params(deep=False)
    return student.set_params(
        **{
            key: value
            for key, value in QUICK.items()
            if params.get(key) not in (None,) and not isinstance(params[key], str | bool)
        }
    )


def make(n_classes, alpha=0.7):
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(90, 3)))
    teacher = softmax(X @ rng.normal(size=(3, n_classes)), axis=1)
    codes = np.arange(90) % n_classes
    return X, SoftTargets(teacher, codes, np.full(90, alpha), np.full(90, 1 - alpha), NAMES[:n_classes])


@pytest.mark.parametrize(("student", "route"), TABLE, ids=lambda value: str(value)[:30])
def test_the_table_of_routes(student, route):
    assert resolve_route(student, "auto").route == route
    assert resolve_route(make_pipeline(StandardScaler(), student), "auto").route == route
    assert resolve_route(GridSearchCV(make_pipeline(PCA(), student), {}), "auto").route == route
    assert resolve_route(student, route).route == route


@pytest.mark.parametrize("name", sorted(set(LEARNERS) - set(NO_ROUTE) - set(OUT_OF_SCOPE)))
def test_every_learner_of_scikit_learn_learns_soft_targets(name):
    for n_classes in (2,) if name in BINARY else (2, 3):
        X, targets = make(n_classes)
        student = construct(name)
        strategy = resolve_route(student, "auto")
        with warnings.catch_warnings():
            # Short fits do not converge, and some classes announce changes of their defaults.
            warnings.simplefilter("ignore")
            fitted = fit_student(student, X, targets, strategy, random_state=0)
        assert set(fitted.classes_) <= set(targets.classes)
        assert set(fitted.predict(X)) <= set(targets.classes)
        if hasattr(fitted, "predict_proba"):
            np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
        expected = LogitClassifier if strategy.route == "logits" else LEARNERS[name]
        assert type(fitted) is expected


@pytest.mark.parametrize("name", NO_ROUTE)
def test_learners_without_a_route_are_refused(name):
    with pytest.raises(StudentRouteError, match=rf"student {name} cannot learn soft targets by the route 'auto'"):
        resolve_route(construct(name), "auto")


@pytest.mark.parametrize("route", ["native", "objective", "soft_tree", "expansion", "logits", "sampling"])
def test_a_route_is_named_only_by_those_who_can(route):
    for student, own in TABLE:
        possible = {own, "sampling"} if own != "logits" else {"logits"}
        if has_fit_parameter(student, "sample_weight") and own != "logits":
            possible.add("expansion")
        if route in possible:
            assert resolve_route(student, route).route == route
        else:
            match = rf"student {type(student).__name__} cannot learn .* {route!r}.*Use soft_targets='auto' or one of"
            with pytest.raises(StudentRouteError, match=match):
                resolve_route(student, route)


@pytest.mark.parametrize("student", [KMeans(), StandardScaler(), make_pipeline(PCA())])
def test_what_is_no_learner(student):
    with pytest.raises(
        StudentRouteError, match=r"cannot learn soft targets.*Use a classifier or a regressor.*register"
    ):
        resolve_route(student, "auto")


def test_a_strategy_can_be_handed_over():
    own = ExpansionStrategy(min_weight=0.1)
    assert resolve_route(DecisionTreeClassifier(), own) is own
    with pytest.raises(StudentRouteError, match=r"KNeighborsClassifier cannot learn .* 'ExpansionStrategy'"):
        resolve_route(KNeighborsClassifier(), own)


class Own(ClassifierMixin, BaseEstimator):
    """A third party's learner, without sample weights."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


class OwnChild(Own):
    pass


class Half(SoftTargetStrategy):
    route = "halves"

    def accepts(self, student):
        return isinstance(student, Own)

    def fit(self, student, X, targets, *, random_state=None):
        student.seen_ = (targets.mixed(), random_state)
        return student.fit(X, targets.classes)


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(resolve_module, "_registered", {})


def test_a_third_party_registers_its_class(registry):
    assert resolve_route(Own(), "auto").route == "sampling"
    register_route(Own, Half())
    for student in (Own(), OwnChild(), make_pipeline(StandardScaler(), OwnChild())):
        assert resolve_route(student, "auto").route == "halves"
    assert resolve_route(Own(), "sampling").route == "sampling"
    register_route(OwnChild, SamplingStrategy())
    assert resolve_route(OwnChild(), "auto").route == "sampling"
    assert resolve_route(Own(), "auto").route == "halves"
    X, targets = make(2)
    fitted = fit_student(Own(), X, targets, resolve_route(Own(), "auto"), random_state=11)
    assert fitted.seen_[1] == 11
    np.testing.assert_array_equal(fitted.seen_[0][0], targets.mixed()[0])


def test_registering_goes_before_the_built_in(registry):
    class Light(ExpansionStrategy):
        route = "light"

    register_route(DecisionTreeClassifier, Light())
    assert resolve_route(DecisionTreeClassifier(), "auto").route == "light"


@pytest.mark.parametrize("bad", [(Own(), Half()), (Own, Half), (Own, "expansion")])
def test_registering_something_else(registry, bad):
    with pytest.raises(TypeError, match=r"register_route expects a class and an instance.*Call it as"):
        register_route(*bad)


def test_the_learner_inside():
    tree = DecisionTreeClassifier()
    assert final_learner(GridSearchCV(make_pipeline(StandardScaler(), GridSearchCV(tree, {})), {})) is tree


@pytest.mark.parametrize("student", [LogisticRegression(), DecisionTreeClassifier(max_depth=3), GaussianNB()])
@pytest.mark.parametrize("alpha", [1.0, 0.7, 0.0])
def test_the_temperature_alone_decides_what_leaves(student, alpha):
    X, targets = make(3, alpha)
    for temperature in (1.0, 2.0):
        told = SoftTargets(
            targets.teacher, targets.codes, targets.teacher_weight, targets.label_weight, NAMES, temperature
        )
        fitted = fit_student(clone(student), X, told, resolve_route(student, "auto"))
        assert type(fitted) is (type(student) if temperature == 1.0 else SharpenedClassifier)
        if temperature != 1.0:
            assert fitted.exponent == (temperature if alpha == 1.0 else 1.0)


@pytest.mark.parametrize(
    "student",
    [
        LogisticRegression(),
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(3, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(),
        MLPClassifier((3,), max_iter=10, random_state=0),
        AdaBoostClassifier(n_estimators=3, random_state=0),
        CalibratedClassifierCV(GaussianNB(), cv=3),
        BaggingClassifier(GaussianNB(), n_estimators=2, random_state=0),
        DummyClassifier(),
    ],
    ids=lambda student: type(student).__name__,
)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_alone_are_the_plain_student_bit_by_bit(student, temperature):
    X, targets = make(3, alpha=0.0)
    hard = SoftTargets(targets.teacher, targets.codes, targets.teacher_weight, np.ones(90), NAMES, temperature)
    plain = clone(student).fit(X, targets.labels)
    fitted = fit_student(clone(student), X, hard, resolve_route(student, "auto"))
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("student", [Ridge(), KernelRidge(), DecisionTreeRegressor(max_depth=2), DummyRegressor()])
def test_permuting_classes_permutes_the_answer(student):
    X, targets = make(3)
    order = np.array([2, 0, 1])
    turned = SoftTargets(
        targets.teacher[:, order],
        np.argsort(order)[targets.codes],
        targets.teacher_weight,
        targets.label_weight,
        NAMES,
    )
    student = clone(student).set_params(**({"random_state": 0} if "random_state" in student.get_params() else {}))
    here = fit_student(clone(student), X, targets, resolve_route(student, "auto"))
    there = fit_student(clone(student), X, turned, resolve_route(student, "auto"))
    np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X)[:, order], atol=1e-9)


@pytest.mark.parametrize("student", [LogisticRegression(tol=1e-9), DecisionTreeClassifier(max_depth=3, random_state=0)])
def test_permuting_classes_permutes_classifiers(student):
    X, targets = make(3)
    order = np.array([2, 0, 1])
    turned = SoftTargets(
        targets.teacher[:, order], np.argsort(order)[targets.codes], targets.teacher_weight, targets.label_weight, NAMES
    )
    here = fit_student(clone(student), X, targets, resolve_route(student, "auto"))
    there = fit_student(clone(student), X, turned, resolve_route(student, "auto"))
    np.testing.assert_allclose(there.predict_proba(X), here.predict_proba(X)[:, order], atol=1e-5)
