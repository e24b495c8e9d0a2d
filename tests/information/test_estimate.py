"""Measured on rows: known atoms, intervals, tests, weights, other rows, and input that cannot be measured."""

import math
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
)

from skdistill.information import decompose
from skdistill.information._bias import CORRECTIONS
from skdistill.information._estimate import PIDEstimator
from skdistill.information._rows import ATOMS, NAMES, unit_of
from skdistill.information._states import KMeansStates, QuantileStates


def noisy(labels, accuracy, n_classes, rng):
    """Labels of which a share is right and the rest are any other."""
    other = (labels + rng.integers(1, n_classes, len(labels))) % n_classes
    return np.where(rng.random(len(labels)) < accuracy, labels, other)


@pytest.fixture
def degraded(rng):
    """A target, a teacher that errs, and a student that knows the teacher only."""
    y = rng.integers(0, 3, 3000)
    teacher = noisy(y, 0.85, 3, rng)
    return teacher, noisy(teacher, 0.8, 3, rng), y


def values_of(pid):
    return {name: getattr(pid, f"{name}_") for name in NAMES}


def test_known_atoms(degraded):
    T, S, y = degraded
    pid = PIDEstimator(n_bootstrap=100, n_permutations=39, random_state=0).fit(T, S, y)

    def symmetric(right):
        return math.log2(3) + right * math.log2(right) + (1 - right) * math.log2((1 - right) / 2)

    # The student is right if it copies a right teacher, or turns a wrong one to the truth.
    student = 0.85 * 0.8 + 0.15 * 0.2 / 2
    truth = {
        "redundancy": symmetric(student),
        "unique_teacher": symmetric(0.85) - symmetric(student),
        "unique_student": 0.0,
        "synergy": 0.0,
        "mutual_information": symmetric(0.85),
        "information_teacher": symmetric(0.85),
        "information_student": symmetric(student),
    }
    for name, value in truth.items():
        assert getattr(pid, f"{name}_") == pytest.approx(value, abs=0.05)
        low, high = pid.intervals_[name]
        assert low <= getattr(pid, f"{name}_") <= high
    assert min(pid.p_values_["unique_student"], pid.p_values_["synergy"]) > 0.05
    assert max(pid.p_values_[name] for name in ("redundancy", "unique_teacher", "mutual_information")) == 1 / 40
    assert pid.converged_
    assert pid.gap_ <= 1e-9


def test_plug_in_is_the_decomposition_of_the_table(degraded):
    pid = PIDEstimator(bias_correction=None).fit(*degraded)
    table = np.zeros((3, 3, 3))
    np.add.at(table, (degraded[2], degraded[0], degraded[1]), 1 / 3000)
    np.testing.assert_allclose(pid.pmf_, table)
    expected = decompose(table)
    for name in NAMES:
        np.testing.assert_allclose(getattr(pid, f"{name}_"), getattr(expected, name), atol=1e-9)
        assert pid.bias_[name] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", ["broja", "imin", "mmi"])
@pytest.mark.parametrize("correction", [None, *CORRECTIONS])
def test_atoms_are_coherent(rng, measure, correction):
    y, T, S = rng.integers(0, 3, size=(3, 60))
    pid = PIDEstimator(measure=measure, bias_correction=correction, n_bootstrap=20, random_state=0).fit(T, S, y)
    atoms = [getattr(pid, f"{name}_") for name in ATOMS]
    assert min(atoms) >= -1e-12
    assert sum(atoms) == pytest.approx(pid.mutual_information_, abs=1e-9)
    assert pid.redundancy_ + pid.unique_teacher_ == pytest.approx(pid.information_teacher_, abs=1e-9)
    for name in NAMES:
        low, high = pid.intervals_[name]
        assert low <= getattr(pid, f"{name}_") <= high
        assert getattr(pid.plug_in_, name) - pid.bias_[name] == pytest.approx(getattr(pid, f"{name}_"), abs=1e-9)


def test_measures_with_negative_atoms_keep_them(rng):
    y = rng.integers(0, 2, 500)
    T, S = noisy(y, 0.9, 2, rng), noisy(y, 0.9, 2, rng)
    # The intersection has no common part here, so that everything counts twice and the synergy pays for it.
    pid = PIDEstimator(measure="intersection", n_bootstrap=30, n_permutations=9, random_state=0).fit(T, S, y)
    assert pid.synergy_ < -0.1
    assert pid.intervals_["synergy"][0] < pid.synergy_ < pid.intervals_["synergy"][1] < 0
    assert set(pid.p_values_) == set(NAMES)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_again(degraded, rng, weighted):
    weight = rng.uniform(0.5, 2, 3000) if weighted else None
    params = {"n_bootstrap": 10, "n_permutations": 5, "bias_correction": "extrapolation", "random_state": 3}
    first, again = (PIDEstimator(**params).fit(*degraded, sample_weight=weight) for _ in range(2))
    assert values_of(first) == values_of(again)
    assert first.intervals_ == again.intervals_
    assert first.p_values_ == again.p_values_
    # Asking for less changes nothing of the rest.
    alone = PIDEstimator(bias_correction="extrapolation", random_state=3).fit(*degraded, sample_weight=weight)
    assert values_of(alone) == values_of(first)
    assert alone.intervals_ == alone.p_values_ == {}


def test_weights(degraded):
    T, S, y = (part[:600] for part in degraded)
    weight = np.repeat([1.0, 0.0], 300)
    dropped = PIDEstimator(n_bootstrap=10, random_state=0).fit(T, S, y, sample_weight=weight)
    assert values_of(dropped) == values_of(PIDEstimator(random_state=0).fit(T[:300], S[:300], y[:300]))
    assert dropped.n_rows_ == 300
    equal, plain = PIDEstimator().fit(T, S, y, sample_weight=np.full(600, 7.0)), PIDEstimator().fit(T, S, y)
    for name in NAMES:
        assert getattr(equal, f"{name}_") == pytest.approx(getattr(plain, f"{name}_"), abs=1e-9)
    # A weight of 2 counts as two rows in the table, and as less evidence than 600 different rows.
    double = np.r_[np.full(300, 2.0), np.ones(300)]
    uneven = PIDEstimator(bias_correction=None).fit(T, S, y, sample_weight=double)
    rows = np.r_[np.arange(300), np.arange(600)]
    np.testing.assert_allclose(uneven.pmf_, PIDEstimator().fit(T[rows], S[rows], y[rows]).pmf_)
    assert PIDEstimator().fit(T, S, y, sample_weight=double).bias_["synergy"] >= 0


@pytest.mark.parametrize("scale", [1e-300, 1e200, 1e307])
def test_the_scale_of_weights_does_not_matter(degraded, scale):
    weight = 1.0 + np.arange(len(degraded[2])) % 2
    plain, scaled = (PIDEstimator(random_state=0).fit(*degraded, sample_weight=w) for w in (weight, scale * weight))
    assert values_of(scaled) == pytest.approx(values_of(plain), rel=1e-9, abs=1e-9)


def test_base_is_a_unit(degraded):
    bits, nats = PIDEstimator(random_state=0).fit(*degraded), PIDEstimator(base=math.e, random_state=0).fit(*degraded)
    for name in NAMES:
        np.testing.assert_allclose(getattr(nats, f"{name}_"), getattr(bits, f"{name}_") * math.log(2), atol=1e-8)
    assert [unit_of(base) for base in (2, math.e, 10, 3)] == ["bit", "nat", "hartley", "(log base 3)"]


def test_names_of_states_do_not_matter(degraded):
    T, S, y = degraded
    letters = np.array(["z", "a", "m"])
    same = PIDEstimator().fit(letters[T], (S * 1.0)[:, None], letters[y])
    assert values_of(same) == pytest.approx(values_of(PIDEstimator().fit(T, S, y)), abs=1e-8)


@pytest.mark.parametrize("accuracy", [0.5, 0.7])
def test_intervals_hold_the_truth(rng, accuracy):
    # 4 x 4 x 4 cells on 300 rows. A student as good as its teacher is the hardest: nothing is unique, by a hair.
    channels = [np.full((4, 4), (1 - share) / 3) + (share - (1 - share) / 3) * np.eye(4) for share in (0.7, accuracy)]
    pmf = channels[0][:, :, None] * channels[1][:, None, :] / 4
    truth = decompose(pmf)
    held = dict.fromkeys(NAMES, 0)
    for seed in range(30):
        y, T, S = np.unravel_index(rng.choice(64, 300, p=pmf.ravel()), pmf.shape)
        pid = PIDEstimator(n_bootstrap=60, random_state=seed).fit(T, S, y)
        for name in NAMES:
            low, high = pid.intervals_[name]
            held[name] += low - 1e-9 <= getattr(truth, name) <= high + 1e-9
    # With 85 % of intervals holding, 20 or fewer of 30 come about once in two hundred times.
    assert min(held.values()) > 20, held


def test_p_values_are_spread_where_nothing_is_there(rng):
    low = dict.fromkeys(NAMES, 0)
    for seed in range(40):
        y, T, S = rng.integers(0, 2, size=(3, 100))
        pid = PIDEstimator(n_permutations=19, random_state=seed).fit(T, S, y)
        for name in NAMES:
            low[name] += pid.p_values_[name] <= 0.1
    assert max(low.values()) <= 12, low


def test_a_source_just_as_good_is_not_found_to_have_its_own(rng):
    right = np.full((3, 3), 0.15) + 0.55 * np.eye(3)
    pmf = right[:, :, None] * right[:, None, :] / 3
    found = {"unique_teacher": 0, "unique_student": 0}
    for seed in range(30):
        y, T, S = np.unravel_index(rng.choice(27, 300, p=pmf.ravel()), pmf.shape)
        pid = PIDEstimator(n_permutations=19, random_state=seed).fit(T, S, y)
        for name in found:
            found[name] += pid.p_values_[name] <= 0.1
    # At .1, 8 of 30 come about once in a hundred times.
    assert max(found.values()) <= 7, found


def test_rounding_is_no_evidence():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 3, 400)
        T = noisy(y, 0.6, 3 + seed, rng)
        pid = PIDEstimator(bias_correction=None, n_bootstrap=10, n_permutations=20, random_state=0).fit(T, T, y)
        assert [pid.p_values_[name] for name in ATOMS[1:]] == [1, 1, 1]
        known = PIDEstimator(bias_correction=None, n_bootstrap=10, random_state=0).fit(y, np.minimum(y, 1), y)
        assert [found.intervals_["synergy"][0] for found in (pid, known)] == [0, 0]


def test_states_of_one_set_on_another(rng):
    y = rng.integers(0, 2, 800)
    T = y[:, None] + rng.normal(size=(800, 3))
    S = T[:, :1] + rng.normal(size=(800, 1))
    first, second = slice(0, 400), slice(400, 800)
    pid = PIDEstimator(n_states=4, n_bootstrap=20, random_state=0).fit(T[first], S[first], y[first])
    before = values_of(pid)
    other = pid.evaluate(T[second], S[second], y[second])
    assert values_of(pid) == before
    assert other.teacher_states_ is pid.teacher_states_
    assert other.n_rows_ == 400
    expected = PIDEstimator(n_bootstrap=20, random_state=0)
    codes = [pid.teacher_states_.transform(T[second]), pid.student_states_.transform(S[second])]
    assert values_of(expected.fit(*codes, y[second])) == pytest.approx(values_of(other), abs=1e-8)
    assert values_of(pid.evaluate(T[first], S[first], y[first])) == pytest.approx(before, abs=1e-12)
    found = PIDEstimator(n_states=4, random_state=0).fit_states(T[first], S[first])
    assert not hasattr(found, "redundancy_")
    assert values_of(found.evaluate(T[second], S[second], y[second])) == values_of(other)
    with pytest.raises(ValueError, match="n_states must be a number where states are found without a target"):
        PIDEstimator().fit_states(T, S)
    with pytest.raises(NotFittedError):
        PIDEstimator().evaluate(T, S, y)


def test_encoders_of_a_pair(rng):
    y = rng.integers(0, 3, 300)
    proba = np.eye(3)[noisy(y, 0.8, 3, rng)] + 0.01
    S = rng.normal(size=(300, 2)) + y[:, None]
    pid = PIDEstimator(encoder=("class", KMeansStates(n_states=5, random_state=1)), random_state=0).fit(proba, S, y)
    assert pid.pmf_.shape == (3, 3, 5)
    foreign = PIDEstimator(encoder=KMeans(4, n_init=1), random_state=0).fit(S, S, y)
    assert foreign.pmf_.shape == (3, 4, 4)
    with pytest.raises(ValueError, match=r"one encoder, or a pair \(for T, for S\), got 3"):
        PIDEstimator(encoder=("class",) * 3).fit(proba, S, y)


def test_number_of_states_follows_the_rows(rng):
    T, S = rng.normal(size=(2, 1000, 3))
    y = rng.integers(0, 2, 1000)
    # 1000 rows, 4 for each cell, 2 classes: 125 cells, 11 states, of which 10 at most.
    assert PIDEstimator(random_state=0).fit(T, S, y).pmf_.shape == (2, 10, 10)
    assert PIDEstimator(random_state=0).fit(T[:200], S[:200], y[:200]).pmf_.shape == (2, 5, 5)


def test_a_table_with_more_cells_than_rows_is_warned_of(rng):
    T, S = rng.normal(size=(2, 100, 3))
    y = rng.integers(0, 2, 100)
    message = r"2 x 8 x 8 = 128 cells for 100 rows.*about 3 states of each source; set n_states=3"
    with pytest.warns(UserWarning, match=message):
        PIDEstimator(n_states=8, random_state=0).fit(T, S, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PIDEstimator(n_states=3, random_state=0).fit(T, S, y)
    with pytest.warns(UserWarning, match="carry fewer than 2 states"):
        PIDEstimator().fit(["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"])


def test_a_constant_source_tells_nothing(degraded):
    T, _, y = degraded
    pid = PIDEstimator(n_bootstrap=5, n_permutations=5, random_state=0).fit(T, np.ones((3000, 4)), y)
    assert pid.student_states_.n_states_ == 1
    assert pid.redundancy_ == pid.unique_student_ == pytest.approx(0, abs=1e-9)
    assert pid.unique_teacher_ == pytest.approx(pid.mutual_information_, abs=1e-9)
    nothing = PIDEstimator(n_bootstrap=5, n_permutations=5, random_state=0).fit(T, T, np.zeros(3000))
    assert nothing.mutual_information_ == pytest.approx(0, abs=1e-9)
    assert nothing.p_values_["mutual_information"] == 1


def test_a_continuous_target_is_cut_only_when_asked(rng):
    y = rng.normal(size=400)
    T, S = y + 0.1 * rng.normal(size=400), y + rng.normal(size=400)
    with pytest.raises(ValueError, match=r"y must be discrete, got .* Set target_states of a PIDEstimator"):
        PIDEstimator().fit(T, S, y)
    pid = PIDEstimator(target_states=3, n_states=4).fit(T, S, y)
    assert pid.pmf_.shape == (3, 4, 4)
    np.testing.assert_allclose(pid.pmf_.sum(axis=(1, 2)), 1 / 3, atol=0.01)
    assert isinstance(pid.target_states_, QuantileStates)
    assert pid.evaluate(T[:50], S[:50], y[:50]).target_states_ is pid.target_states_
    found = PIDEstimator(target_states=3, n_states=4).fit_states(T, S).evaluate(T, S, y)
    assert values_of(found) == pytest.approx(values_of(pid), abs=1e-9)


@pytest.mark.parametrize(
    ("T", "S", "y", "message"),
    [
        ([0], [1], [0], "At least 2 rows .* got 1"),
        ([0, 1, 0], [0, 1], [0, 1, 1], "T, S, y must have one entry for each of the same rows, got 3, 2, 3"),
        ([0.5, np.nan], [0, 1], [0, 1], "T must be finite"),
        ([0, 1], [[0.5], [np.inf]], [0, 1], "S must be finite"),
        ([0, 1], [0, 1], [0.0, np.nan], "y must be finite, got nan in row 1"),
        ([0, 1], [0, 1], ["a", None], "y has missing labels"),
        ([0, 1], [0, 1], [[0, 1], [1, 0]], "y must be one label per row"),
        ([], [], [], "T must have shape .* at least one row"),
    ],
)
def test_rows_that_cannot_be_measured(T, S, y, message):
    with pytest.raises(ValueError, match=message):
        PIDEstimator().fit(T, S, y)


def test_strings_have_no_quantiles(degraded):
    with pytest.raises(ValueError, match="y must hold numbers to be cut at its quantiles"):
        PIDEstimator(target_states=2).fit(*degraded[:2], degraded[2].astype(str))


def test_more_states_than_rows_are_refused(rng):
    T, S = rng.normal(size=(2, 12, 3))
    y = np.arange(12) % 2
    with pytest.raises(ValueError, match="n_states must be at most the number of rows, 12, got 13"):
        PIDEstimator(n_states=13).fit(T, S, y)
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        PIDEstimator().fit(T, S, y, sample_weight=-np.ones(12))


@pytest.mark.parametrize(
    "params",
    [{"base": 1.0}, {"n_bootstrap": -1}, {"bias_correction": "nsb"}, {"confidence_level": 1.0}, {"n_states": 0}],
)
def test_parameters_are_checked(params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of PIDEstimator"):
        PIDEstimator(**params).fit([0, 1], [0, 1], [0, 1])


def test_unknown_measure():
    with pytest.raises((ValueError, ImportError), match="nonsense"):
        PIDEstimator(measure="nonsense").fit([0, 1, 0, 1] * 3, [0, 1, 1, 0] * 3, [0, 1, 0, 1] * 3)


def test_house_keeping_of_estimators(degraded):
    check_no_attributes_set_in_init("PIDEstimator", PIDEstimator())
    check_parameters_default_constructible("PIDEstimator", PIDEstimator())
    pid = PIDEstimator(n_states=3, encoder=("class", KMeansStates(n_states=2)), random_state=0)
    copied = clone(pid)
    assert copied.get_params()["n_states"] == 3
    assert repr(copied) == repr(pid)
    assert clone(pid.set_params(n_states=4)).n_states == 4
    fitted = PIDEstimator(n_bootstrap=5, random_state=0).fit(*degraded)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert values_of(loaded) == values_of(fitted)
    assert loaded.intervals_ == fitted.intervals_
    assert repr(fitted) == "PIDEstimator(n_bootstrap=5, random_state=0)"
    inputs = [part.copy() for part in degraded]
    fitted.fit(*degraded)
    for part, kept in zip(degraded, inputs, strict=True):
        np.testing.assert_array_equal(part, kept)


def test_text(degraded):
    pid = PIDEstimator(random_state=0).fit(*degraded)
    shared, teacher = f"{pid.redundancy_:.2f} bit", f"{pid.information_teacher_:.2f} bit"
    assert pid.text().startswith(f"The student shares {shared} of the {teacher} that the teacher knows about y; ")
    assert "[" not in pid.text()
    told = PIDEstimator(n_bootstrap=20, base=math.e, random_state=0).fit(*degraded)
    low, high = told.intervals_["unique_teacher"]
    assert f"{told.unique_teacher_:.3f} nat [{low:.3f}, {high:.3f}] is left to distil" in told.text(3)
    with pytest.raises(NotFittedError):
        PIDEstimator().text()


@pytest.mark.needs("pandas")
def test_frame(degraded):
    pid = PIDEstimator(n_bootstrap=20, random_state=0).fit(*degraded)
    frame = pid.frame()
    assert list(frame.index) == list(NAMES)
    assert frame.loc["redundancy", "value"] == pid.redundancy_
    assert tuple(frame.loc["synergy", ["low", "high"]]) == pid.intervals_["synergy"]
    assert frame["p_value"].isna().all()
    np.testing.assert_allclose(frame["value"] + frame["bias"], frame["plug_in"], atol=1e-12)


@pytest.mark.parametrize("correction", [None, "chao", "miller_madow", "permutation", "jackknife"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.filterwarnings("ignore:The table has")
def test_no_more_is_told_than_there_are_labels(n_classes, correction):
    # So few rows that corrections count on labels that were not seen: with chao, 1.8 bits of two labels.
    y = np.arange(n_classes)
    for T, S in ((y, y), (y, np.zeros(n_classes, dtype=int)), (y % 2, y // 2)):
        pid = PIDEstimator(encoder="label", bias_correction=correction, random_state=0).fit(T, S, y)
        bounds = np.log2([n_classes, len(np.unique(T)), len(np.unique(S))])
        told = [pid.mutual_information_, pid.information_teacher_, pid.information_student_]
        assert (told <= bounds + 1e-6).all()
        atoms = [values_of(pid)[name] for name in ATOMS]
        assert sum(atoms) == pytest.approx(pid.mutual_information_, abs=1e-6)
        assert min(atoms) >= -1e-9
