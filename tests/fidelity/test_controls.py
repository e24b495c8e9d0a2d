"""Controls: students of other teachers and of none, beside the student."""

from copy import deepcopy
from dataclasses import replace

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdistill import DistilledClassifier, DistilledRegressor
from skdistill.fidelity._answers import collect_answers
from skdistill.fidelity._refitting._controls import CONTROLS, run_controls
from skdistill.fidelity._refitting._fits import has_seed, reseed
from skdistill.fidelity._refitting._refits import ResampledTeacher, remade
from skdistill.fidelity._refitting._spread import mean_over_fits

NAMES = np.array(["ant", "bee", "cat"])


def noisy_rows(n_rows=240, noise=0.3, seed=0):
    """Give rows of which a share has a label by chance, so that flexible teachers learn chance."""
    X, codes = make_classification(
        n_rows, 5, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, flip_y=noise, random_state=seed
    )
    return X, NAMES[codes]


X, Y = noisy_rows()
TRAIN, TEST = slice(0, 120), slice(120, None)
FOREST = RandomForestClassifier(5, random_state=0).fit(X[TRAIN], Y[TRAIN])
TREE = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X[TRAIN], FOREST.predict(X[TRAIN]))


def answers_of(teacher, student, X=X[TEST], y=Y[TEST], **params):
    return collect_answers(teacher, student, "test", X, y, **params)


def controls(teacher=FOREST, student=TREE, X=X[TRAIN], y=Y[TRAIN], answers=None, **params):
    answers = answers_of(teacher, student) if answers is None else answers
    return run_controls(teacher, student, X, y, answers, **{"n_repeats": 2, "random_state": 0, **params})


def of(result, control):
    return next(record for record in result.summary if record["control"] == control)


# What is in the result.


def test_each_control_has_its_row():
    result = controls(n_repeats=3)
    assert tuple(record["control"] for record in result.summary) == CONTROLS
    assert [(record["n_fits"], record["n_failed"], record["error"]) for record in result.summary] == [(3, 0, None)] * 4
    assert [(f["control"], f["repeat"]) for f in result.fits] == [(c, r) for c in CONTROLS for r in range(3)]
    assert (result.set, result.metric, result.confidence_level) == ("test", "agreement", 0.95)
    for record in result.summary:
        of_fits = [fit["agreement"] for fit in result.fits if fit["control"] == record["control"]]
        assert record["agreement"] == pytest.approx(np.mean(of_fits))
        assert record["difference"] == pytest.approx(result.agreement - record["agreement"])
        assert record["low"] < record["agreement"] < record["high"]
        assert record["difference_low"] < record["difference"] < record["difference_high"]
        assert 0 < record["jensen_shannon"] < np.log(2)
        assert 0.4 < record["accuracy"] < 1


def test_the_student_itself():
    result = controls(n_repeats=1)
    assert result.agreement == pytest.approx(np.mean(TREE.predict(X[TEST]) == FOREST.predict(X[TEST])))
    assert result.low < result.agreement < result.high


def test_hard_labels_are_the_learner_on_labels():
    student = GaussianNB().fit(X[TRAIN], FOREST.predict(X[TRAIN]))
    record = of(controls(student=student), "hard labels")
    plain = GaussianNB().fit(X[TRAIN], Y[TRAIN])
    assert record["agreement"] == pytest.approx(np.mean(plain.predict(X[TEST]) == FOREST.predict(X[TEST])))
    assert record["accuracy"] == pytest.approx(plain.score(X[TEST], Y[TEST]))


def test_without_truth_or_probabilities():
    student = LinearSVC(random_state=0).fit(X[TRAIN], FOREST.predict(X[TRAIN]))
    result = controls(student=student, answers=answers_of(FOREST, student, y=None))
    assert [record["accuracy"] for record in result.summary] == [None] * 4
    assert of(result, "hard labels")["jensen_shannon"] is None
    # The judged student has no distributions; the teacher again has, and so has the teacher.
    assert of(result, "teacher again")["jensen_shannon"] > 0


def test_progress_goes_to_the_error_stream(capsys):
    controls(n_repeats=1)
    assert capsys.readouterr() == ("", "")
    controls(n_repeats=1, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "hard labels, repeat 1 of 1: done" in err


@pytest.mark.needs("pandas")
def test_frame():
    result = controls()
    assert result.frame().to_dict("records")[0]["control"] == "student again"


# Laws.


def test_the_same_for_every_n_jobs():
    model = DistilledClassifier(FOREST, TREE, alpha=1.0, cv=2, random_state=0).fit(X[TRAIN], Y[TRAIN])
    one, two = (controls(model.teacher_, model, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert one == two


def test_seeds_decide():
    assert controls(random_state=1) == controls(random_state=1)
    assert controls(random_state=1).fits != controls(random_state=2).fits
    repeats = {fit["repeat"]: fit for fit in controls().fits if fit["control"] == "teacher again"}
    assert repeats[0]["jensen_shannon"] != repeats[1]["jensen_shannon"]


def test_what_the_caller_gave_is_left_as_it_is():
    model = DistilledClassifier(FOREST, TREE, alpha=1.0, cv=2, random_state=0).fit(X[TRAIN], Y[TRAIN])
    rows = X[TRAIN].copy()
    before = joblib.hash([FOREST, TREE, model, rows])
    controls(FOREST, model, X=rows)
    controls(FOREST, TREE, X=rows)
    assert joblib.hash([FOREST, TREE, model, rows]) == before


def test_rows_of_weight_zero_are_absent():
    weight = np.ones(120)
    weight[::3] = 0
    kept = np.flatnonzero(weight)
    absent = controls(X=X[kept], y=Y[kept], sample_weight=weight[kept])
    assert controls(sample_weight=weight).fits == absent.fits


def test_weights_of_judged_rows():
    weight = np.r_[np.ones(60), np.zeros(60)]
    few = slice(120, 180)
    of_few = controls(answers=answers_of(FOREST, TREE, X[few], Y[few]))
    weighted = controls(answers=answers_of(FOREST, TREE, sample_weight=weight))
    for record, expected in zip(weighted.summary, of_few.summary, strict=True):
        for name in ("agreement", "low", "high", "difference", "difference_low", "difference_high", "accuracy"):
            assert record[name] == pytest.approx(expected[name])


# Intervals.


def test_interval_by_hand():
    scores = np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
    spread = mean_over_fits(scores, np.ones(4))
    # Rows' means 1, 1/2, 1, 1/2 have variance 1/12; both fits' means are 3/4.
    assert (spread.value, spread.variance, spread.freedom) == pytest.approx((0.75, 1 / 48, 3))
    scores = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]])
    spread = mean_over_fits(scores, np.ones(4))
    # Now the fits' means are 1 and 1/2, of variance 1/8, and Welch's and Satterthwaite's formula mixes 3 and 1.
    rows, fits = 1 / 48, 1 / 16
    freedom = (rows + fits) ** 2 / (rows**2 / 3 + fits**2 / 1)
    assert (spread.value, spread.variance, spread.freedom) == pytest.approx((0.75, rows + fits, freedom))
    half = stats.t.ppf(0.95, freedom) * (rows + fits) ** 0.5
    assert spread.interval(0.9) == pytest.approx((0.75 - half, 0.75 + half))


def test_a_single_fit_leaves_the_rows(rng):
    scores = rng.normal(size=40)
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    assert mean_over_fits(scores[None], np.ones(40)).interval(0.9) == pytest.approx(tuple(expected))


def test_the_scale_of_weights_does_not_matter(rng):
    scores, weight = rng.normal(size=(3, 20)), rng.uniform(1, 2, size=20)
    assert mean_over_fits(scores, weight).interval(0.95) == pytest.approx(
        mean_over_fits(scores, 1000 * weight).interval(0.95)
    )


def test_intervals_cover(rng):
    # Judged rows and fits both vary about a true difference of 0.1.
    hits = 0
    for _ in range(400):
        fits, rows = rng.normal(0, 0.05, size=(3, 1)), rng.normal(0, 0.5, size=80)
        low, high = mean_over_fits(0.1 + fits + rows + rng.normal(0, 0.1, size=(3, 80)), np.ones(80)).interval(0.9)
        hits += low <= 0.1 <= high
    # Six standard errors of a share of 0.9 over 400 draws are 0.09.
    assert 0.81 <= hits / 400 <= 0.99


def test_shares_stay_inside_zero_and_one():
    perfect = mean_over_fits(np.ones((3, 50)), np.ones(50)).level_interval(0.95, True)
    assert 0.9 < perfect[0] < perfect[1] == 1.0
    assert mean_over_fits(np.ones((1, 1)), np.ones(1)).interval(0.95) == (None, None)


def test_a_single_repeat_is_told():
    result = controls(n_repeats=1)
    assert any(note.startswith("A single fit each of student again, independent teacher") for note in result.notes)
    assert not any("single fit" in note for note in controls(n_repeats=2).notes)
    own = 1.0 - answers_of(FOREST, TREE).disagreement()
    plain = DecisionTreeClassifier(max_depth=5, random_state=0)
    hard = reseed(plain, int(np.random.RandomState(0).randint(2**31 - 1, size=(4, 2))[3, 0])).fit(X[TRAIN], Y[TRAIN])
    paired = stats.ttest_rel(own, hard.predict(X[TEST]) == FOREST.predict(X[TEST])).confidence_interval(0.95)
    record = of(result, "hard labels")
    assert (record["difference_low"], record["difference_high"]) == pytest.approx(tuple(paired))


# What the controls can tell.


@pytest.mark.parametrize("seed", range(3))
def test_what_is_specific_to_a_teacher_is_seen(seed):
    # A bootstrap of one tree learns labels that are chance; a nearest neighbour taught on many rows hands that on.
    rows, labels = noisy_rows(900, 0.5, seed)
    tree = DecisionTreeClassifier(random_state=0)
    teacher = ResampledTeacher(tree, stratify=True, random_state=0).fit(rows[:300], labels[:300])

    def distill(teacher, X, y):
        return KNeighborsClassifier(1).fit(rows[:700], teacher.predict(rows[:700]))

    student = distill(teacher, None, None)
    answers = answers_of(teacher, student, rows[700:], labels[700:])
    result = controls(teacher, student, rows[:300], labels[:300], answers, distill=distill, n_repeats=3)
    assert of(result, "independent teacher")["difference_low"] > 0
    assert of(result, "teacher again")["difference_low"] > 0
    assert of(result, "student again")["difference"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_any_teacher_gives_is_not_told_apart(seed):
    rows, labels = noisy_rows(600, 0.0, seed)
    teacher = GaussianNB().fit(rows[:400], labels[:400])
    student = LogisticRegression().fit(rows[:400], teacher.predict(rows[:400]))
    result = controls(
        teacher, student, rows[:400], labels[:400], answers_of(teacher, student, rows[400:], labels[400:])
    )
    record = of(result, "independent teacher")
    assert record["difference_low"] <= 0
    assert abs(record["difference"]) < 0.05


# Independent teachers.


def test_auto_takes_seeds_where_they_matter():
    assert controls().independent == "seed"
    assert any("by other seeds" in note for note in controls().notes)


@pytest.mark.parametrize("teacher", [GaussianNB(), LogisticRegression(random_state=0)], ids=lambda t: type(t).__name__)
def test_auto_draws_rows_where_seeds_do_not_matter(teacher):
    fitted = clone(teacher).fit(X[TRAIN], Y[TRAIN])
    result = controls(fitted, TREE, answers=answers_of(fitted, TREE))
    assert result.independent == "bootstrap"
    assert of(result, "teacher again")["agreement"] < 1
    assert any("drawn with replacement" in note for note in result.notes)


def test_seeds_that_do_not_exist_cannot_be_changed():
    teacher = GaussianNB().fit(X[TRAIN], Y[TRAIN])
    result = controls(teacher, TREE, answers=answers_of(teacher, TREE), independent="seed")
    for control in ("independent teacher", "teacher again"):
        record = of(result, control)
        assert (record["n_fits"], record["n_failed"], record["agreement"]) == (0, 0, None)
        assert record["error"].startswith("not possible: the teacher GaussianNB has no random_state")
    assert result.independent is None
    assert of(result, "hard labels")["error"] is None


def test_every_seed_is_new():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=3))
    again = remade(model, "seed", 0, "classification")
    assert again[-1].random_state not in (None, 3)
    assert model[-1].random_state == 3
    assert has_seed(model)
    assert not has_seed(GaussianNB())
    nested = DistilledClassifier(RandomForestClassifier(random_state=1), DecisionTreeClassifier(random_state=2))
    reseed(nested, 0, but="teacher")
    assert nested.teacher.random_state == 1
    assert nested.student.random_state not in (None, 2)


def test_resampled_teachers_lose_no_class(rng):
    labels = np.array(["rare"] + ["often"] * 60)
    rows = rng.normal(size=(61, 2))
    teacher = ResampledTeacher(GaussianNB(), stratify=True, random_state=0).fit(rows, labels, np.arange(61) + 1.0)
    assert teacher.classes_.tolist() == ["often", "rare"]
    assert not hasattr(ResampledTeacher(LinearSVC(), stratify=True, random_state=0), "predict_proba")
    assert teacher.predict_proba(rows).shape == (61, 2)


# How students are made again.


def test_any_student_is_relabelled():
    result = controls()
    assert any("relabelled by the teacher" in note for note in result.notes)
    labels = RandomForestClassifier(5, random_state=0).fit(X[TRAIN], Y[TRAIN]).predict(X[TRAIN])
    naive = GaussianNB().fit(X[TRAIN], labels)
    again = of(controls(student=naive), "student again")
    assert (again["difference"], again["agreement"]) == pytest.approx(
        (0, np.mean(naive.predict(X[TEST]) == FOREST.predict(X[TEST])))
    )


def test_a_distilled_student_is_distilled_again():
    teacher = RandomForestClassifier(5)
    model = DistilledClassifier(teacher, GaussianNB(), alpha=1.0, cv=2, random_state=0).fit(X[TRAIN], Y[TRAIN])
    result = controls(model.teacher_, model, answers=answers_of(model.teacher_, model))
    # The learner has no seed and the same teacher the same ones, found in the fitted teacher: nothing differs.
    assert of(result, "student again")["difference"] == pytest.approx(0)
    assert of(result, "independent teacher")["jensen_shannon"] != of(result, "student again")["jensen_shannon"]
    assert not any("relabelled" in note for note in result.notes)
    assert not any("no seed" in note for note in result.notes)


def test_a_teacher_without_seed_is_told():
    model = DistilledClassifier(RandomForestClassifier(5), GaussianNB(), alpha=1.0, cv=2).fit(X[TRAIN], Y[TRAIN])
    result = controls(model.teacher_, model, answers=answers_of(model.teacher_, model))
    assert any("has no seed that is known" in note for note in result.notes)
    assert of(result, "student again")["error"] is None


def test_frozen_teachers_are_fitted_again():
    model = DistilledClassifier(FrozenEstimator(FOREST), GaussianNB(), alpha=1.0).fit(X[TRAIN], Y[TRAIN])
    result = controls(FOREST, model, answers=answers_of(FOREST, model))
    assert of(result, "student again")["difference"] == pytest.approx(0)
    assert of(result, "independent teacher")["error"] is None
    assert any("where the teacher learnt from others" in note for note in result.notes)
    # The independent student's teacher is the teacher again.
    seed = int(np.random.RandomState(0).randint(2**31 - 1, size=(4, 2))[0, 0])
    other = reseed(clone(FOREST), seed).fit(X[TRAIN], Y[TRAIN])
    taught = clone(model).set_params(teacher=FrozenEstimator(other), random_state=0).fit(X[TRAIN], Y[TRAIN])
    first = next(fit for fit in result.fits if fit["control"] == "independent teacher")
    assert first["agreement"] == pytest.approx(np.mean(taught.predict(X[TEST]) == FOREST.predict(X[TEST])))


def test_pipelines_and_searches_around_a_distilled_estimator():
    scaled = StandardScaler().fit(X[TRAIN])
    inner = RandomForestClassifier(5, random_state=0).fit(scaled.transform(X[TRAIN]), Y[TRAIN])
    teacher = make_pipeline(scaled, inner)
    distilled = DistilledClassifier(FrozenEstimator(inner), TREE, alpha=1.0, random_state=0)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), distilled), {"distilledclassifier__temperature": [1.0, 2.0]}, cv=2
    ).fit(X[TRAIN], Y[TRAIN])
    result = controls(teacher, search, answers=answers_of(teacher, search), sample_weight=np.ones(120))
    assert [record["error"] for record in result.summary] == [None] * 4
    assert any("search was not repeated" in note for note in result.notes)
    # A teacher on rows that were not scaled would be no better than chance.
    assert of(result, "independent teacher")["agreement"] > 0.6


def test_other_columns_for_the_teacher():
    narrow = X[:, :3]
    model = DistilledClassifier(FOREST, TREE, alpha=1.0, cv=2, random_state=0)
    model.fit(narrow[TRAIN], Y[TRAIN], X_teacher=X[TRAIN])
    answers = collect_answers(model.teacher_, model, "test", narrow[TEST], Y[TEST], X_teacher=X[TEST])
    result = controls(model.teacher_, model, narrow[TRAIN], answers=answers, X_teacher=X[TRAIN])
    for control in ("student again", "independent teacher", "hard labels"):
        assert of(result, control)["error"] is None


def test_further_rows_that_the_student_learnt_from():
    A, b = noisy_rows(900, noise=0.0, seed=1)
    few, further, test = slice(0, 20), slice(20, 400), slice(400, None)
    forest = RandomForestClassifier(10, random_state=0).fit(A[:400], b[:400])
    distilled = DistilledClassifier(FrozenEstimator(forest), DecisionTreeClassifier(), alpha=1.0, random_state=0)
    relabelled = DecisionTreeClassifier(random_state=0).fit(A[:400], forest.predict(A[:400]))
    for model in (distilled.fit(A[few], b[few], X_unlabeled=A[further]), relabelled):
        answers = answers_of(forest, model, A[test], b[test])
        found = {
            known: controls(forest, model, A[few], b[few], answers, X_unlabeled=A[further] if known else None)
            for known in (True, False)
        }
        again = {known: of(result, "student again") for known, result in found.items()}
        assert again[True]["agreement"] > again[False]["agreement"] + 0.05
        assert again[True]["difference_low"] <= 0 <= again[True]["difference_high"]
        told = {known: any("Hand over X_unlabeled" in note for note in result.notes) for known, result in found.items()}
        beyond = {known: not r["difference_low"] <= 0 <= r["difference_high"] for known, r in again.items()}
        assert told == beyond
    with pytest.raises(ValueError, match="X_unlabeled must have the 5 columns of X, got 2"):
        controls(forest, model, A[few], b[few], answers, X_unlabeled=A[further, :2])


def test_a_student_unlike_the_one_at_hand_is_told():
    constant = DummyClassifier().fit(X[TRAIN], Y[TRAIN])
    result = controls(student=constant, answers=answers_of(FOREST, constant), distill=lambda teacher, X, y: FOREST)
    assert of(result, "student again")["difference_high"] < 0
    assert any("not like this one" in note for note in result.notes)


def test_what_distill_returns_is_taken():
    calls = []

    def distill(teacher, X, y, random_state):
        calls.append(random_state)
        return DecisionTreeClassifier(random_state=random_state).fit(X, teacher.predict(X))

    result = controls(distill=distill)
    assert len(set(calls)) == 4
    assert not any("takes no random_state" in note for note in result.notes)
    without = controls(distill=lambda teacher, X, y: GaussianNB().fit(X, teacher.predict(X)))
    assert any("takes no random_state" in note for note in without.notes)
    assert of(without, "student again")["error"] is None


def test_a_learner_of_values_learns_labels_through_the_distilled_estimator():
    model = DistilledClassifier(FOREST, DecisionTreeRegressor(max_depth=4), alpha=1.0, cv=2, random_state=0)
    model.fit(X[TRAIN], Y[TRAIN])
    record = of(controls(model.teacher_, model), "hard labels")
    assert record["error"] is None
    assert record["accuracy"] > 0.5


def test_auto_alpha_chooses_again():
    model = DistilledClassifier(FOREST, TREE, scoring="agreement", cv=2, random_state=0).fit(X[TRAIN], Y[TRAIN])
    assert [r["error"] for r in controls(model.teacher_, model, n_repeats=1).summary] == [None] * 4


# Failures.


class Moody(ClassifierMixin, BaseEstimator):
    """Fails for odd seeds."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        if self.random_state % 2:
            raise ValueError(f"odd seed\nin {type(self).__name__}")
        self.inner_ = DummyClassifier().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)


def test_a_fit_that_fails_is_reported_in_its_row():
    student = Moody().fit(X[TRAIN], Y[TRAIN])
    result = controls(student=student, n_repeats=6)
    failed = [fit for fit in result.fits if fit["error"]]
    assert 0 < len(failed) < len(result.fits)
    assert {fit["error"] for fit in failed} == {"ValueError: odd seed in Moody"}
    assert all(fit["agreement"] is None for fit in failed)
    for record in result.summary:
        of_control = [fit for fit in result.fits if fit["control"] == record["control"]]
        assert record["n_fits"] == 6
        assert record["n_failed"] == sum(fit["error"] is not None for fit in of_control)
        fine = [fit["agreement"] for fit in of_control if fit["error"] is None]
        assert record["agreement"] == pytest.approx(np.mean(fine))
    assert of(result, "teacher again")["n_failed"] == 0


def test_a_teacher_that_cannot_be_fitted_again_is_told():
    class Oracle:
        classes_ = NAMES

        def predict(self, X):
            return NAMES[np.clip(np.round(X[:, 0]) + 1, 0, 2).astype(int)]

    oracle = Oracle()
    student = clone(TREE).fit(X[TRAIN], oracle.predict(X[TRAIN]))
    for teacher in (oracle, FrozenEstimator(oracle)):
        result = controls(teacher, student, answers=answers_of(oracle, student))
        for control in ("independent teacher", "teacher again"):
            assert of(result, control)["n_fits"] == 0
            assert of(result, control)["error"].startswith("not possible: the teacher Oracle cannot be fitted again")
        assert [of(result, control)["error"] for control in ("student again", "hard labels")] == [None, None]
        assert {fit["control"] for fit in result.fits} == {"student again", "hard labels"}


@pytest.mark.needs("torch")
def test_a_trained_module_is_not_fitted_again():
    import torch

    from skdistill.nets import TorchTeacher

    torch.manual_seed(0)
    teacher = FrozenEstimator(TorchTeacher(torch.nn.Linear(5, 3), classes=NAMES))
    model = DistilledClassifier(teacher, TREE, alpha=1.0, random_state=0).fit(X[TRAIN], Y[TRAIN])
    result = controls(teacher, model, answers=answers_of(teacher, model))
    for control in ("independent teacher", "teacher again"):
        assert of(result, control)["n_fits"] == 0
        assert of(result, control)["error"].startswith("not possible: TorchTeacher must not be fitted")
    assert [of(result, control)["error"] for control in ("student again", "hard labels")] == [None, None]


def test_a_student_that_cannot_be_cloned_is_told():
    class Rule:
        classes_ = NAMES

        def predict(self, X):
            return np.full(len(X), "ant")

    result = controls(student=Rule(), answers=answers_of(FOREST, Rule()))
    assert of(result, "student again")["error"].startswith("not possible: the student Rule cannot be fitted again")
    assert of(result, "teacher again")["error"] is None


def test_interrupts_are_passed_on():
    def distill(teacher, X, y):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        controls(distill=distill)


# Values.


def test_regression(rng):
    rows = rng.normal(size=(200, 3))
    y = rows @ [1.0, -1.0, 0.5] + rng.normal(size=200)
    teacher = RandomForestRegressor(5, random_state=0).fit(rows[:100], y[:100])
    model = DistilledRegressor(FrozenEstimator(teacher), LinearRegression(), alpha=1.0).fit(rows[:100], y[:100])
    weight = rng.uniform(1, 2, size=100)
    answers = answers_of(teacher, model, rows[100:], y[100:], sample_weight=weight)
    result = controls(teacher, model, rows[:100], y[:100], answers)
    aim, values = teacher.predict(rows[100:]), model.predict(rows[100:])
    assert result.metric == "r2_to_teacher"
    assert result.agreement == pytest.approx(r2_score(aim, values, sample_weight=weight))
    record = of(result, "hard labels")
    plain = LinearRegression().fit(rows[:100], y[:100]).predict(rows[100:])
    assert record["agreement"] == pytest.approx(r2_score(aim, plain, sample_weight=weight))
    assert record["accuracy"] == pytest.approx(r2_score(y[100:], plain, sample_weight=weight))
    assert record["jensen_shannon"] is None
    assert any("R^2 against the teacher" in note for note in result.notes)
    several = replace(
        answers, **{n: np.column_stack([getattr(answers, n)] * 2) for n in ("y", "values_teacher", "values_student")}
    )
    two = np.column_stack([y[:100], y[:100]])
    both = RandomForestRegressor(5, random_state=0).fit(rows[:100], two)
    pair = LinearRegression().fit(rows[:100], both.predict(rows[:100]))
    assert controls(both, pair, rows[:100], two, several).agreement == pytest.approx(result.agreement)


# Bad input.


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"independent": "other"}, r"independent must be 'auto', 'seed' or 'bootstrap', got 'other'"),
        ({"n_repeats": 0}, r"n_repeats must be .*got 0"),
        ({"confidence_level": 1.0}, r"confidence_level must be .*got 1.0"),
        ({"y": None}, r"y must hold the labels of the training rows, got None"),
        ({"y": Y[:7]}, r"inconsistent numbers of samples"),
        ({"sample_weight": np.ones(3)}, r"sample_weight must have one weight per row"),
        ({"X_teacher": X[:9]}, r"X_teacher must hold the same rows as X"),
    ],
)
def test_bad_input(params, message):
    with pytest.raises(ValueError, match=message):
        controls(**deepcopy(params))


def test_distill_must_be_callable():
    with pytest.raises(TypeError, match=r"distill must be a callable .* got str"):
        controls(distill="again")


class Summed(DecisionTreeRegressor):
    """Whose refits give the same values but for the last digits."""

    def fit(self, X, y, sample_weight=None):
        self.nudge_ = 1 + 1e-14 * (self.random_state or 0) / 2**31
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        return super().predict(X) * self.nudge_


def test_rounding_is_no_difference(rng):
    X = rng.normal(size=(200, 1))
    teacher = LinearRegression().fit(X, X[:, 0])
    student = Summed(max_depth=2).fit(X, teacher.predict(X))
    answers = collect_answers(teacher, student, "test", X, X[:, 0])
    result = run_controls(teacher, student, X, X[:, 0], answers, n_repeats=2, random_state=0)
    again = result.summary[0]
    assert (again["difference"], again["difference_low"], again["difference_high"]) == (0, 0, 0)
    assert not any("not like this one" in note for note in result.notes)
