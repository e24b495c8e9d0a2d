"""Inside pipelines and searches, around them, with metadata routing, and as a picture."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn import config_context, set_config
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.metadata_routing import get_routing_for_object

from skdistill import DistilledClassifier, DistilledRegressor

X, Y = make_classification(120, 5, n_informative=4, n_redundant=0, n_classes=3, flip_y=0.1, random_state=0)
VALUES = 3.0 * X[:, 0] + np.square(X[:, 1]) + np.random.default_rng(0).normal(size=120)


class Heard(RandomForestClassifier):
    """A teacher that counts its fits."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        Heard.fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture
def model():
    return DistilledClassifier(
        GaussianNB(), DecisionTreeClassifier(max_depth=3, random_state=0), alpha=0.5, cv=3, random_state=0
    )


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def test_pipelines_around_and_inside(model):
    around = make_pipeline(StandardScaler(), SelectKBest(k=3), model).fit(X, Y)
    scaled = around[:-1].transform(X)
    np.testing.assert_array_equal(around.predict_proba(X), clone(model).fit(scaled, Y).predict_proba(scaled))
    inside = DistilledClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)),
        alpha=0.5,
    ).fit(X, Y)
    assert type(inside.student_[-1]) is DecisionTreeClassifier
    assert inside.soft_targets_ == "soft_tree"


def test_searches_over_every_kind_of_parameter(model):
    grid = {
        "teacher__var_smoothing": [1e-9, 1e3],
        "student__max_depth": [1, 4],
        "temperature": [1.0, 2.0],
        "alpha": [0.3, 1.0],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 16
    assert search.best_params_["student__max_depth"] == 4
    assert search.best_estimator_.student_.get_params()
    assert search.score(X, Y) == search.best_estimator_.score(X, Y)
    piped = make_pipeline(StandardScaler(), model)
    names = {"distilledclassifier__student": [GaussianNB(), LogisticRegression()]}
    found = GridSearchCV(piped, names, cv=2).fit(X, Y)
    assert type(found.best_estimator_[-1].student_) in (GaussianNB, LogisticRegression)
    random = RandomizedSearchCV(model, {"alpha": [0.0, 0.5, 1.0]}, n_iter=2, cv=2, random_state=0).fit(X, Y)
    assert random.best_params_["alpha"] in (0.0, 0.5, 1.0)


def test_cross_validation(model):
    scores = cross_validate(model, X, Y, cv=3, scoring=["accuracy", "neg_log_loss"], return_estimator=True)
    assert (scores["test_accuracy"] > 0.4).all()
    assert len({id(fitted.student_) for fitted in scores["estimator"]}) == 3
    proba = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    regressor = DistilledRegressor(RandomForestRegressor(5), DecisionTreeRegressor(max_depth=4), alpha=0.5)
    assert np.isfinite(cross_validate(regressor, X, VALUES, cv=3, scoring="r2")["test_score"]).all()


def test_as_a_part_of_other_estimators(model):
    vote = VotingClassifier([("a", model), ("b", GaussianNB())], voting="soft").fit(X, Y)
    assert vote.predict(X).shape == (120,)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(X, Y)
    assert calibrated.predict_proba(X).shape == (120, 3)
    both = MultiOutputClassifier(model).fit(X, np.column_stack([Y, Y[::-1]]))
    assert both.predict(X).shape == (120, 2)
    chained = DistilledClassifier(model, LogisticRegression(), alpha=0.5).fit(X, Y)
    assert type(chained.teacher_) is DistilledClassifier
    taught = DistilledClassifier(FrozenEstimator(model.fit(X, Y)), LogisticRegression(), alpha=1.0).fit(X, Y)
    assert taught.teacher_.estimator is model
    # A searched teacher, and a distilled student of a distilled student.
    searched = DistilledClassifier(
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 5]}, cv=2), GaussianNB(), alpha=0.5
    ).fit(X, Y)
    assert searched.teacher_.best_params_["max_depth"] in (2, 5)


def test_importances_by_permutation(model):
    result = permutation_importance(model.fit(X, Y), X, Y, n_repeats=2, random_state=0)
    assert result.importances_mean.max() > 0


@pytest.mark.parametrize("several", [False, True])
def test_values_of_several_outputs(several):
    y = np.column_stack([VALUES, X[:, 0]]) if several else VALUES
    model = DistilledRegressor(
        RandomForestRegressor(10),
        DecisionTreeRegressor(max_depth=4),
        scoring="neg_mean_squared_difference",
        random_state=0,
    )
    model.fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.3
    fixed = DistilledRegressor(
        Ridge(), MultiOutputRegressor(DecisionTreeRegressor(max_depth=2, random_state=0)), alpha=0.5, cv=None
    )
    if several:
        told = Ridge().fit(X, y).predict(X)
        plain = MultiOutputRegressor(DecisionTreeRegressor(max_depth=2, random_state=0)).fit(X, (told + y) / 2)
        np.testing.assert_allclose(fixed.fit(X, y).predict(X), plain.predict(X))
    column = DistilledRegressor(Ridge(), LinearRegression(), alpha=0.5)
    with pytest.warns(match="column-vector y was passed"):
        assert column.fit(X, VALUES[:, None]).predict(X).shape == (120,)


@pytest.mark.parametrize("weighted", [False, True])
def test_search_students_of_values(weighted):
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 120) if weighted else None
    search = GridSearchCV(DecisionTreeRegressor(random_state=0), {"max_depth": [1, 4]}, cv=3)
    model = DistilledRegressor(Ridge(), search, alpha=0.5).fit(X, VALUES, sample_weight=weight)
    assert type(model.student_) is GridSearchCV
    assert model.student_.best_params_ == {"max_depth": 4}


def test_search_students_of_values_do_not_judge_on_further_rows():
    seen = []

    class Watching(DecisionTreeRegressor):
        def score(self, X, y, sample_weight=None):
            seen.append(len(X))
            return super().score(X, y, sample_weight)

    search = GridSearchCV(Watching(), {"max_depth": [1, 4]}, cv=3)
    DistilledRegressor(Ridge(), search, alpha=0.5).fit(X, VALUES, X_unlabeled=X[:60] + 0.1)
    assert seen == [40] * 6


# Metadata routing.


def test_weights_are_routed_as_requested(routing, model):
    weight = np.random.default_rng(0).uniform(0.1, 3.0, 120)
    asked = model.set_params(teacher=GaussianNB().set_fit_request(sample_weight=True), cv=None)
    asked.set_params(student=model.student.set_fit_request(sample_weight=False))
    weighted = GaussianNB().fit(X, Y, sample_weight=weight)
    fitted = clone(asked).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(fitted.teacher_.theta_, weighted.theta_)
    silent = clone(asked).set_params(teacher=GaussianNB().set_fit_request(sample_weight=False))
    np.testing.assert_allclose(silent.fit(X, Y, sample_weight=weight).teacher_.theta_, GaussianNB().fit(X, Y).theta_)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        clone(asked).set_params(teacher=GaussianNB()).fit(X, Y, sample_weight=weight)


def test_groups_reach_the_splitter(routing):
    groups = np.arange(120) // 6
    seen = []

    class Watching(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append({tuple(row) for row in X})
            return super().fit(X, y, sample_weight)

    DistilledClassifier(Watching(), GaussianNB(), alpha=1.0, cv=GroupKFold(4)).fit(X, Y, groups=groups)
    for rows in seen[:4]:
        inside = np.array([tuple(row) in rows for row in X])
        assert all(len(set(inside[groups == group])) == 1 for group in set(groups))


def test_groups_of_rows_without_weight_are_cut(routing):
    groups, weight = np.arange(120) // 6, np.r_[np.ones(90), np.zeros(30)]
    base = DistilledClassifier(
        GaussianNB().set_fit_request(sample_weight=False),
        DecisionTreeClassifier(max_depth=2, random_state=0).set_fit_request(sample_weight=False),
        alpha=1.0,
        cv=GroupKFold(3),
    )
    whole = clone(base).fit(X, Y, groups=groups, sample_weight=weight)
    cut = clone(base).fit(X[:90], Y[:90], groups=groups[:90])
    np.testing.assert_array_equal(whole.predict_proba(X), cut.predict_proba(X))


def test_the_teachers_rows_go_through_a_search_on_request(routing, model):
    rich = np.column_stack([X, Y])
    asked = model.set_fit_request(X_teacher=True)
    search = GridSearchCV(asked, {"alpha": [0.5, 1.0]}, cv=2).fit(X, Y, X_teacher=rich)
    assert search.best_estimator_.teacher_.n_features_in_ == 6
    routed = get_routing_for_object(asked)
    assert routed.consumes("fit", ["X_teacher", "X_unlabeled"]) == {"X_teacher"}


def test_metadata_that_cannot_follow_soft_targets_is_refused(routing):
    class Wants(GaussianNB):
        def fit(self, X, y, sample_weight=None, colour=None):
            return super().fit(X, y)

    model = DistilledClassifier(GaussianNB(), Wants().set_fit_request(colour=True), alpha=0.5)
    with pytest.raises(ValueError, match=r"student requests the metadata \['colour'\].*Withdraw the request"):
        model.fit(X, Y, colour=np.ones(120))


@pytest.mark.parametrize(
    "student",
    [
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=2),
        LogisticRegression(),
        VotingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))]),
        Ridge(),
    ],
)
def test_students_of_every_kind_under_routing(routing, student):
    model = DistilledClassifier(GaussianNB(), student, alpha=0.5, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.5


@pytest.mark.parametrize(
    "estimator", [DecisionTreeRegressor(), make_pipeline(StandardScaler(), DecisionTreeRegressor())]
)
def test_search_students_of_values_under_routing(routing, estimator):
    search = GridSearchCV(estimator, {}, cv=2)
    values = DistilledRegressor(Ridge(), search, alpha=0.5).fit(X, VALUES, X_unlabeled=X[:30])
    assert values.score(X, VALUES) > 0.5


# Storing and showing.


def test_stored_and_loaded(model, tmp_path):
    model.fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    joblib.dump(model, tmp_path / "model.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "model.joblib").predict_proba(X), model.predict_proba(X))


def test_the_picture_holds_teacher_and_student(model):
    html = make_pipeline(StandardScaler(), model)._repr_html_()
    assert "teacher: GaussianNB" in html
    assert "student: DecisionTreeClassifier" in html
    assert repr(model) == (
        "DistilledClassifier(alpha=0.5, cv=3, random_state=0,\n"
        "                    student=DecisionTreeClassifier(max_depth=3, random_state=0),\n"
        "                    teacher=GaussianNB())"
    )


def test_messages_go_to_the_error_stream(model, capsys):
    model.set_params(verbose=1).fit(X, Y)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "[DistilledClassifier] asking the teacher about 120 rows",
        "[DistilledClassifier] fitting the student with alpha=0.5",
    ]


def test_a_teacher_is_asked_once_for_several_students(tmp_path):
    Heard.fits = 0
    base = DistilledClassifier(
        Heard(3, random_state=0), GaussianNB(), alpha=0.5, cv=3, memory=joblib.Memory(tmp_path, verbose=0)
    )
    first = clone(base).fit(X, Y)
    assert Heard.fits == 4
    clone(base).set_params(student=LogisticRegression(), alpha=1.0, temperature=2.0).fit(X, Y)
    assert Heard.fits == 4
    again = clone(base).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    clone(base).fit(X + 1.0, Y)
    assert Heard.fits == 8


def test_configuration_is_left_alone(model):
    set_config(enable_metadata_routing=False)
    with config_context(transform_output="default"):
        assert model.fit(X, Y).predict(X).shape == (120,)
    columns = ColumnTransformer([("some", StandardScaler(), [0, 1]), ("rest", "passthrough", [2])])
    assert make_pipeline(columns, model).fit(X, Y)[-1].n_features_in_ == 3
