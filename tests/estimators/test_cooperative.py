"""What is taught to whom, by hand: expertise, deficiency, virtual rows, verdicts."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdistill.counterfactual import NearestInstanceCounterfactual
from skdistill.estimators import CooperativeDistillation
from skdistill.estimators._expertise import Answers, deficiency, measure_gain
from skdistill.estimators._virtual import VirtualRows, cap_rows, distinct_rows, make_rows, target_probability
from skdistill.exceptions import DistillationDeclinedWarning
from tests.estimators.stand_ins import RandomRow, RawRow, Shifted

# One virtual row for each lesson, and one round, so that lessons can be counted.
ONCE = {"strength": 0.5, "n_rounds": 1}


def logistic(**params):
    return LogisticRegression(max_iter=2000, **params)


def blind_silos(n_rows=240, seed=0, noise=0.5):
    """Two silos of three clusters in a row; each lacks one of the outer clusters."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n_rows)
    X = np.column_stack([3.0 * y, rng.normal(size=n_rows)]) + noise * rng.normal(size=(n_rows, 2))
    owner = np.where(y == 0, "left", np.where(y == 2, "right", rng.choice(["left", "right"], n_rows)))
    return X, y, owner


def two(**params):
    return CooperativeDistillation(
        [("left", logistic()), ("right", GaussianNB())], **{"generator": RawRow(), "random_state": 0, **ONCE, **params}
    )


def answers(right, told):
    return Answers(np.array(right, dtype=bool), np.array(told, dtype=float))


# The parts.


def test_deficiency_is_where_the_teacher_is_right_and_the_student_wrong():
    teacher, student = answers([1, 1, 0, 1, 1], [0.9] * 5), answers([0, 1, 0, 0, 0], [0.1] * 5)
    owned, askable = np.array([1, 1, 1, 1, 0], dtype=bool), np.array([1, 1, 1, 0, 1], dtype=bool)
    assert deficiency(teacher, student, owned, askable).tolist() == [0]


def test_target_goes_a_share_of_the_way_to_certainty():
    np.testing.assert_allclose(target_probability(np.array([0.2, 0.6]), 0.5, np.ones(2)), [0.6, 0.8])
    assert target_probability(np.array([1.0]), 0.5, np.ones(1))[0] < 1.0
    # Nobody is asked for more than it says of its own rows, nor for less than it says of this one.
    asked = target_probability(np.array([0.2, 0.6]), 0.5, np.array([0.5, 0.5]))
    np.testing.assert_allclose(asked, [0.5, 0.6], atol=1e-5)


def test_accuracy_beyond_its_error_is_a_gain():
    before, after = answers([0] * 50 + [1] * 50, [0.4] * 100), answers([1] * 100, [0.6] * 100)
    gain = measure_gain(before, after, np.ones(100))
    assert (gain.accuracy, gain.accepted) == (0.5, True)
    assert measure_gain(after, before, np.ones(100)).accepted is False


def test_one_row_of_a_hundred_is_noise_and_the_log_loss_decides():
    before = answers([0] + [1] * 99, [0.4] + [0.6] * 99)
    worse = answers([1] * 100, [0.6] + [0.55] * 99)
    surer = answers([1] * 100, [0.6] + [0.9] * 99)
    assert measure_gain(before, worse, np.ones(100)).accepted is False
    assert measure_gain(before, surer, np.ones(100)).accepted is True


def test_a_gain_in_log_loss_does_not_excuse_a_loss_of_accuracy():
    before, after = answers([1] * 100, [0.5] * 100), answers([0] + [1] * 99, [0.4] + [0.99] * 99)
    assert measure_gain(before, after, np.ones(100)).accepted is False


def test_rows_that_nobody_asked_about_are_not_judged():
    before = answers([0, 0, 0], [0.1, 0.1, np.nan])
    after = answers([1, 1, 0], [0.9, 0.9, np.nan])
    assert measure_gain(before, after, np.ones(3)).accuracy == 1.0


def virtual(values, source, teacher):
    n = len(source)
    return VirtualRows(np.array(values, dtype=float), np.array(source), np.array(teacher), *[np.zeros(n)] * 3)


def test_what_several_teachers_say_alike_counts_once():
    rows = virtual([[1, 2], [1, 2], [1, 2], [1, 3]], [0, 0, 1, 0], [0, 1, 1, 1])
    # Row 2 has another class, row 3 other values.
    assert distinct_rows(rows, np.array([5, 6])).teacher.tolist() == [0, 1, 1]


def test_what_one_teacher_says_twice_keeps_its_weight():
    rows = virtual([[1, np.nan]] * 3, [0, 1, 0], [1, 1, 2])
    assert distinct_rows(rows, np.array([5, 5])).source.tolist() == [0, 1]


def test_the_cap_draws_by_content():
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    rows = virtual(values, np.arange(50), np.zeros(50, dtype=int))
    kept = cap_rows(rows, codes, 10, seed=3).source
    order = rng.permutation(50)
    shuffled = cap_rows(rows.take(order), codes, 10, seed=3).source
    assert len(kept) == 10
    assert set(kept) == set(shuffled) != set(cap_rows(rows, codes, 10, seed=4).source)
    assert cap_rows(rows, codes, None, seed=3) is rows
    assert cap_rows(rows, codes, 50, seed=3) is rows


# The whole.


def test_a_blind_learner_is_taught_by_the_one_that_sees():
    X, y, owner = blind_silos()
    fitted = two().fit(X, y, owner=owner)
    fresh, truth, _ = blind_silos(seed=1)
    for name, unseen in (("left", 2), ("right", 0)):
        before, after = fitted.initial_estimators_[name], fitted.named_estimators_[name]
        rows = truth == unseen
        assert (before.predict(fresh[rows]) == unseen).sum() == 0
        assert (after.predict(fresh[rows]) == unseen).mean() > 0.9
    assert fitted.accepted_.tolist() == [True, True]
    assert (fitted.gain_ > 0.2).all()
    assert fitted.score(fresh, truth) > 0.95


def test_what_is_taught_is_where_the_teacher_is_right_and_the_student_wrong():
    X, y, owner = blind_silos()
    fitted = two().fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    assert (owner[told.source] == told.teacher).all()
    assert (told.teacher != told.student).all()
    # Every row of a class that the student never saw, if its teacher is right out of fold, is a lesson.
    lessons = set(told.source[told.student == "left"])
    assert len(lessons & set(np.flatnonzero(y == 2))) > 0.9 * (y == 2).sum()
    np.testing.assert_array_equal(fitted.transfer_matrix_, [[0, np.sum(told.student == "right")],
                                                            [np.sum(told.student == "left"), 0]])  # fmt: skip


def test_a_taught_learner_is_the_plain_one_on_more_rows():
    X, y, owner = blind_silos()
    fitted = two(generator=Shifted(0.25)).fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    mine = told.student == "left"
    np.testing.assert_array_equal(told.tables["left"], X[told.source[mine]] + 0.25)
    rows = np.concatenate([X[owner == "left"], told.tables["left"]])
    plain = logistic().fit(rows, np.r_[y[owner == "left"], told.label[mine]])
    np.testing.assert_allclose(plain.predict_proba(X), fitted.named_estimators_["left"].predict_proba(X))


def test_virtual_rows_reach_the_target_or_come_closer():
    X, y, owner = blind_silos()
    fitted = two(generator=NearestInstanceCounterfactual()).fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    teacher = fitted.initial_estimators_["left"]
    mine = told.teacher == "left"
    column = dict(zip(teacher.classes_, range(3), strict=False))
    rows = np.flatnonzero(mine)
    places = [column[label] for label in told.label[rows]]
    proba = teacher.predict_proba(X[told.source[rows]])[np.arange(len(rows)), places]
    np.testing.assert_allclose(told.probability_before[rows], proba)
    after = teacher.predict_proba(told.tables["right"])[np.arange(len(rows)), places]
    np.testing.assert_allclose(told.probability_after[rows], after)
    assert (told.probability_after >= told.probability_before - 1e-6).all()
    assert (told.distance > 0).any()
    own = teacher.predict_proba(X[owner == "left"])
    best = np.array([own[y[owner == "left"] == label, place].max() for label, place in column.items()])[places]
    wanted = target_probability(told.probability_before[rows], 0.5, best)
    assert (told.probability_after[rows] >= wanted).all()


def test_rows_that_are_neither_valid_nor_better_are_not_taught():
    X, y, owner = blind_silos()
    with pytest.warns(DistillationDeclinedWarning, match="the generator made no row that is more typical"):
        fitted = two(generator=Shifted(valid=False, gain=0.0)).fit(X, y, owner=owner)
    assert len(fitted.virtual_instances_) == 0
    improved = two(generator=Shifted(valid=False, gain=1.0)).fit(X, y, owner=owner)
    assert len(improved.virtual_instances_) > 0


def test_identical_learners_have_nothing_to_teach():
    X, y = load_iris(return_X_y=True)
    same = CooperativeDistillation([("a", GaussianNB()), ("b", GaussianNB()), ("c", GaussianNB())])
    with pytest.warns(DistillationDeclinedWarning, match="no learner was right where another one was wrong"):
        fitted = same.fit(X, y)
    assert fitted.named_estimators_["a"] is fitted.initial_estimators_["a"]
    np.testing.assert_allclose(fitted.predict_proba(X), GaussianNB().fit(X, y).predict_proba(X))
    assert fitted.transfer_matrix_.sum() == 0
    assert np.isnan(fitted.gain_).all()


class Poison(RawRow):
    """Hands over rows of another class under the name of this one."""

    def generate(self, X, target, threshold=0.5):
        found = super().generate(X, target, threshold)
        found.X = np.array([self.X_[self.y_ != label][0] for label in target])
        return found


def test_a_lesson_that_does_not_help_is_declined():
    X, y = load_iris(return_X_y=True)
    learners = [("bayes", GaussianNB()), ("stump", DecisionTreeClassifier(max_depth=1, random_state=0))]
    poisoned = CooperativeDistillation(learners, generator=Poison(), random_state=0, **ONCE)
    with pytest.warns(DistillationDeclinedWarning, match="no learner got better out of fold"):
        fitted = poisoned.fit(X, y)
    assert fitted.accepted_.tolist() == [False, False]
    assert fitted.transfer_matrix_.sum() == 0
    assert len(fitted.virtual_instances_) > 0
    assert not fitted.virtual_instances_.accepted.any()
    assert fitted.gain_[1] <= 0
    always = clone(poisoned).set_params(accept="always").fit(X, y)
    assert always.accepted_[1]
    assert always.named_estimators_["stump"] is not always.initial_estimators_["stump"]


def test_the_papers_settings_measure_expertise_on_known_rows():
    X, y, owner = blind_silos()
    paper = two(expertise_cv=None, accept="always", fill="zero").fit(X, y, owner=owner)
    left = logistic().fit(X[owner == "left"], y[owner == "left"])
    right = GaussianNB().fit(X[owner == "right"], y[owner == "right"])
    expected = np.flatnonzero((owner == "left") & (left.predict(X) == y) & (right.predict(X) != y))
    told = paper.virtual_instances_
    np.testing.assert_array_equal(np.sort(told.source[told.student == "right"]), expected)
    assert np.isnan(paper.gain_).all()
    assert np.isnan(paper.out_of_fold_accuracy_).all()


def test_a_memory_is_no_expertise():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.integers(0, 2, 120)
    learners = [("memory", KNeighborsClassifier(1)), ("bayes", GaussianNB())]
    in_sample = CooperativeDistillation(learners, generator=RawRow(), expertise_cv=None, accept="always", **ONCE).fit(
        X, y
    )
    out_of_fold = CooperativeDistillation(learners, generator=RawRow(), accept="always", **ONCE).fit(X, y)
    wrong = (GaussianNB().fit(X, y).predict(X) != y).sum()
    assert in_sample.transfer_matrix_[0, 1] == wrong
    assert out_of_fold.transfer_matrix_[0, 1] < 0.8 * wrong


def test_several_strengths_share_the_weight():
    X, y, owner = blind_silos()
    once = two().fit(X, y, owner=owner)
    thrice = two(strength=[0.25, 0.5, 0.75]).fit(X, y, owner=owner)
    np.testing.assert_array_equal(thrice.transfer_matrix_, 3 * once.transfer_matrix_)
    np.testing.assert_allclose(thrice.predict_proba(X), once.predict_proba(X), atol=1e-4)


def test_a_learner_without_weights_is_taught_one_strength():
    X, y, owner = blind_silos()
    learners = [("left", KNeighborsClassifier()), ("right", GaussianNB())]
    params = {"generator": Shifted(), "n_rounds": 1, "accept": "always"}
    once = CooperativeDistillation(learners, strength=0.5, **params).fit(X, y, owner=owner)
    thrice = CooperativeDistillation(learners, strength=[0.25, 0.5, 0.75], **params).fit(X, y, owner=owner)
    np.testing.assert_array_equal(thrice.transfer_matrix_, once.transfer_matrix_ * np.array([1, 3]))
    told = thrice.virtual_instances_
    assert once.transfer_matrix_[1, 0] == (told.student == "left").sum() > 0
    np.testing.assert_array_equal(thrice.predict(X), once.predict(X))


def test_further_rounds_teach_what_is_left_and_rows_add_up():
    X, y, owner = blind_silos(noise=1.5)
    fitted = two(n_rounds=3, accept="always", generator=Shifted(0.25)).fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    counts = np.bincount(told.round)[1:]
    assert len(counts) == 3
    assert counts[1] < 0.5 * counts[0]
    mine = told.student == "left"
    rows = np.concatenate([X[owner == "left"], told.tables["left"]])
    plain = logistic().fit(rows, np.r_[y[owner == "left"], told.label[mine]])
    np.testing.assert_allclose(plain.predict_proba(X), fitted.named_estimators_["left"].predict_proba(X))


def test_a_round_that_helps_nobody_is_the_last():
    X, y, owner = blind_silos(noise=1.5)
    fitted = two(n_rounds=20).fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    last = told.round.max()
    assert 1 < last < 20
    assert told.accepted[told.round == 1].all()
    assert not told.accepted[told.round == last].any()


def test_gains_are_what_out_of_fold_accuracy_changed_by():
    X, y, owner = blind_silos()
    fitted = two(n_rounds=3).fit(X, y, owner=owner)
    before, after = fitted.out_of_fold_accuracy_.T
    np.testing.assert_allclose(fitted.gain_[fitted.accepted_], (after - before)[fitted.accepted_])


@pytest.mark.parametrize(("most", "kept"), [(5, 5), (0.1, 12)])
def test_virtual_rows_are_capped(most, kept):
    X, y, owner = blind_silos(246)
    fitted = two(max_virtual=most).fit(X, y, owner=owner)
    own = (owner == "left").sum()
    expected = kept if isinstance(most, int) else round(most * own)
    assert fitted.transfer_matrix_[1, 0] == expected
    assert expected == pytest.approx(kept, abs=2)


def test_copies_from_several_teachers_are_one():
    X, y, owner = blind_silos()
    learners = [("left", logistic()), ("right", GaussianNB()), ("twin", GaussianNB())]
    shared = [["left"] if name == "left" else ["right", "twin"] for name in owner]
    once = CooperativeDistillation(learners, generator=RawRow(), **ONCE).fit(X, y, owner=shared)
    twice = CooperativeDistillation(learners, generator=RawRow(), deduplicate=False, **ONCE).fit(X, y, owner=shared)
    assert twice.transfer_matrix_[:, 0].sum() == 2 * once.transfer_matrix_[:, 0].sum()
    assert once.transfer_matrix_[2, 0] == 0


# Silos that are hard.


def test_a_learner_of_one_class_is_a_constant_until_it_is_taught():
    X, y, owner = blind_silos()
    owner = np.where(y == 0, "left", "right")
    fitted = two().fit(X, y, owner=owner)
    assert isinstance(fitted.initial_estimators_["left"], DummyClassifier)
    assert fitted.initial_estimators_["left"].classes_.tolist() == [0]
    assert fitted.named_estimators_["left"].classes_.tolist() == [0, 1, 2]
    assert fitted.predict_proba(X).shape == (240, 3)


def test_a_class_that_a_learner_never_saw_has_probability_0():
    X, y, owner = blind_silos()
    with pytest.warns(DistillationDeclinedWarning):
        fitted = two(generator=Shifted(valid=False), final="left").fit(X, y, owner=owner)
    assert (fitted.predict_proba(X)[:, 2] == 0).all()
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)


def test_a_silo_of_ten_rows():
    X, y = load_iris(return_X_y=True)
    owner = np.full(150, "large", dtype=object)
    owner[[0, 10, 20, 60, 70, 80, 110, 120, 130, 140]] = "small"
    learners = [("large", logistic()), ("small", DecisionTreeClassifier(random_state=0))]
    fitted = CooperativeDistillation(learners, random_state=0).fit(X, y, owner=owner)
    assert fitted.score(X, y) > 0.9


def test_a_silo_of_one_row():
    X, y = load_iris(return_X_y=True)
    owner = np.full(150, "large", dtype=object)
    owner[77] = "small"
    learners = [("large", logistic()), ("small", GaussianNB())]
    fitted = CooperativeDistillation(learners, random_state=0).fit(X, y, owner=owner)
    assert fitted.transfer_matrix_[0, 1] > 0
    assert fitted.accepted_[1]


def test_nobody_to_learn_from():
    X, y = load_iris(return_X_y=True)
    learners = [("sepals", GaussianNB(), [0, 1]), ("petals", GaussianNB(), [2, 3])]
    with pytest.warns(DistillationDeclinedWarning, match="no learner was right"):
        fitted = CooperativeDistillation(learners).fit(X, y)
    assert fitted.transfer_matrix_.sum() == 0


def test_a_learner_without_expertise_is_a_student_only():
    X, y = load_iris(return_X_y=True)
    learners = [("bayes", GaussianNB()), ("guess", DummyClassifier(strategy="constant", constant=0))]
    fitted = CooperativeDistillation(learners, generator=RawRow(), accept="always", **ONCE).fit(X, y)
    assert fitted.transfer_matrix_[1, 0] <= 1
    assert fitted.transfer_matrix_[0, 1] > 80


@pytest.mark.filterwarnings("ignore:No counterfactual of class:UserWarning")
def test_all_anchors_of_a_class_missing():
    X, y, _ = blind_silos()
    model = GaussianNB().fit(X, y)
    few = y < 2
    rows, source = (X[y == 2][:5], y[y == 2][:5]), np.flatnonzero(y == 2)[:5]
    (made,) = make_rows(NearestInstanceCounterfactual(), model, (X[few], y[few]), rows, source, (0.5,), model.classes_)
    np.testing.assert_array_equal(made.X, rows[0])
    assert len(made.usable) == 5


def test_a_teacher_that_is_never_surer_still_teaches():
    X, y, owner = blind_silos()
    stump = DecisionTreeClassifier(max_depth=1, random_state=0)
    learners = [("left", stump), ("right", GaussianNB())]
    fitted = CooperativeDistillation(learners, random_state=0, accept="always", **ONCE).fit(X, y, owner=owner)
    told = fitted.virtual_instances_
    assert (told.teacher == "left").sum() > 40
    assert (told.probability_after >= told.probability_before - 1e-6)[told.teacher == "left"].all()


# Whoever predicts.


def test_soft_is_the_average_of_all():
    X, y, owner = blind_silos()
    fitted = two().fit(X, y, owner=owner)
    parts = [fitted.named_estimators_[name].predict_proba(X) for name in ("left", "right")]
    np.testing.assert_allclose(fitted.predict_proba(X), np.mean(parts, axis=0))


def test_a_named_learner_predicts_alone():
    X, y, owner = blind_silos()
    fitted = two(final="right").fit(X, y, owner=owner)
    assert fitted.final_ == "right"
    np.testing.assert_allclose(fitted.predict_proba(X), fitted.named_estimators_["right"].predict_proba(X))


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
@pytest.mark.parametrize("accept", ["improved", "always"])
def test_best_is_the_best_out_of_fold(accept):
    X, y = load_iris(return_X_y=True)
    learners = [("guess", DummyClassifier()), ("bayes", GaussianNB())]
    fitted = CooperativeDistillation(learners, final="best", accept=accept, generator=RawRow()).fit(X, y)
    assert fitted.final_ == "bayes"
    assert np.isfinite(fitted.out_of_fold_accuracy_).all()


@pytest.mark.filterwarnings("ignore::skdistill.exceptions.DistillationDeclinedWarning")
def test_margins_become_probabilities():
    X, y = load_iris(return_X_y=True)
    learners = [("svc", SVC()), ("stump", DecisionTreeClassifier(max_depth=1, random_state=0))]
    fitted = CooperativeDistillation(learners, final="svc", random_state=0).fit(X, y)
    margins = fitted.named_estimators_["svc"].decision_function(X)
    expected = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected)


# Controls, and what they are for.


def test_controls_are_plugged_in_as_generators():
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    rng = np.random.default_rng(0)
    owner = np.where(y < 5, "low", np.where(rng.random(600) < 0.5, "high", "low"))
    owner[(y < 5)] = np.where(rng.random((y < 5).sum()) < 0.9, "low", "high")
    learners = [("low", logistic()), ("high", GaussianNB(var_smoothing=1e-2))]
    for generator in (RawRow(), RandomRow()):
        fitted = CooperativeDistillation(learners, generator=generator, random_state=0, expertise_cv=2)
        fitted.fit(X, y, owner=owner)
        told = fitted.virtual_instances_
        assert len(told) > 20
        if isinstance(generator, RawRow) and not isinstance(generator, RandomRow):
            np.testing.assert_array_equal(told.tables["high"], X[told.source[told.student == "high"]])


def test_an_interrupted_fit_leaves_the_callers_learners():
    X, y = load_iris(return_X_y=True)
    learners = [("bayes", GaussianNB()), ("interrupts", Interrupts(max_depth=1))]
    ensemble = CooperativeDistillation(learners, generator=RawRow(), random_state=0)
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(X, y)
    assert ensemble.estimators is learners
    assert [vars(learner) for _, learner in learners] == [vars(clone(learner)) for _, learner in learners]
    assert not hasattr(ensemble, "named_estimators_")


class Interrupts(DecisionTreeClassifier):
    """Is interrupted once it is fitted on more rows than there are."""

    def fit(self, X, y, **params):
        if len(X) > 120:
            raise KeyboardInterrupt
        return super().fit(X, y, **params)
