"""Intervals: Wilson's against SciPy's, the bootstrap against its theory and its own coverage."""

import copy
import json
import pickle
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import binom, binomtest
from sklearn.metrics import r2_score

from skdistill.fidelity import (
    Estimate,
    agreement_score,
    brier_distance,
    expected_calibration_error,
    jensen_shannon,
    log_loss_soft,
    metric_interval,
    predictive_kl,
    total_variation,
    wilson_interval,
)
from skdistill.fidelity._estimates import paired_interval
from skdistill.fidelity._intervals import bootstrap_means, effective_rows, seeded

MEANS = [brier_distance, jensen_shannon, log_loss_soft, predictive_kl, total_variation]


@pytest.fixture
def pair(rng):
    return rng.dirichlet(np.ones(3), size=(2, 60))


# Estimate


def test_an_estimate_is_a_float():
    estimate = Estimate(0.75, 0.3, 0.95, 0.9)
    assert (repr(estimate), str(estimate), f"{estimate:.1f}") == ("0.75", "0.75", "0.8")
    assert estimate == 0.75
    assert type(estimate + 1) is float
    assert np.asarray([estimate]).dtype == np.float64
    assert json.dumps([estimate]) == "[0.75]"
    assert estimate.text() == "0.750 [0.300, 0.950]"
    assert estimate.text(1) == "0.8 [0.3, 0.9]"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies_of_an_estimate_keep_its_interval(protocol):
    estimate = Estimate(0.75, 0.3, 0.95, 0.9)
    copies = [pickle.loads(pickle.dumps(estimate, protocol)), copy.copy(estimate), copy.deepcopy(estimate)]
    for other in copies:
        assert type(other) is Estimate
        assert (float(other), other.low, other.high, other.confidence_level) == (0.75, 0.3, 0.95, 0.9)


# Wilson


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.999))
def test_wilson_is_scipys(counts, level):
    hits, n = counts
    expected = binomtest(hits, n).proportion_ci(confidence_level=level, method="wilson")
    low, high = wilson_interval(hits / n, n, level)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert low < high


def test_wilson_by_hand():
    # z = 1.959964: (3 + 1.920729 -+ 1.959964 sqrt(0.75 + 0.960365)) / 7.841459
    assert wilson_interval(0.75, 4) == pytest.approx((0.300642, 0.954413), abs=1e-6)
    low, high = wilson_interval(1.0, 10)
    assert (low, high) == (pytest.approx(10 / (10 + 1.959964**2)), 1.0)


def test_wilson_of_arrays_and_of_no_rows():
    low, high = wilson_interval([[0.0, 0.5], [1.0, np.nan]], [[5, 2.5], [7, 0]])
    assert low.shape == high.shape == (2, 2)
    assert (low[0, 0], high[1, 0]) == (0.0, 1.0)
    assert (low[1, 1], high[1, 1]) == (0.0, 1.0)
    assert (low[0, 1], high[0, 1]) == wilson_interval(0.5, 2.5)
    assert wilson_interval(np.nan, 0) == (0.0, 1.0)


def test_wilson_covers_as_often_as_it_says():
    # Over all outcomes of n draws, by their probabilities: no simulation. The coverage oscillates about its level.
    n, hits = 60, np.arange(61)
    low, high = wilson_interval(hits / n, n)
    shares = np.linspace(0.05, 0.95, 181)
    coverage = [binom.pmf(hits, n, share)[(low <= share) & (share <= high)].sum() for share in shares]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
    assert min(coverage) > 0.91


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1.2, 5), ["share", "[0, 1]", "1.2", "not counts"]),
        ((np.nan, 5), ["share", "[0, 1]"]),
        ((0.5, -1), ["n must be", "at least 0", "-1"]),
        ((0.5, np.inf), ["n must be finite"]),
        ((0.5, 5, 1.0), ["confidence_level", "(0, 1)", "1.0"]),
        ((0.5, 5, "95%"), ["confidence_level", "95%"]),
    ],
)
def test_what_wilson_refuses(arguments, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        wilson_interval(*arguments)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=20))
def test_effective_rows_are_at_most_the_rows(weight):
    weight = np.asarray(weight)
    effective = effective_rows(weight, len(weight))
    assert 0.0 <= effective <= (weight > 0).sum() * (1 + 1e-9)


def test_effective_rows_by_hand():
    assert effective_rows(np.full(7, 0.3), 7) == pytest.approx(7)
    assert effective_rows(np.array([2.0, 1.0, 1.0]), 3) == pytest.approx(16 / 6)
    assert (effective_rows(None, 7), effective_rows(np.zeros(7), 7)) == (7.0, 0.0)


# Bootstrap


def test_the_bootstrap_has_the_moments_that_theory_gives_it(rng):
    values = rng.exponential(size=(400, 2)) * [1.0, 5.0]
    drawn = bootstrap_means(values, None, 4000, np.random.default_rng(3))
    error = values.std(axis=0) / np.sqrt(400)
    # The mean of the draws has the error of one draw over sqrt(4000), their spread a relative one of 1 / sqrt(8000).
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=5 * error.max() / np.sqrt(4000))
    np.testing.assert_allclose(drawn.std(axis=0), error, rtol=5 / np.sqrt(8000))


def test_the_weighted_bootstrap_is_that_of_a_ratio(rng):
    values, weight = rng.normal(size=500), rng.exponential(size=500)
    drawn = bootstrap_means(values, weight, 4000, np.random.default_rng(3))[:, 0]
    mean = np.average(values, weights=weight)
    # The linearised error of a ratio of means.
    error = np.sqrt(np.square(weight * (values - mean)).sum()) / weight.sum()
    assert drawn.mean() == pytest.approx(mean, abs=0.1 * error)
    assert drawn.std() == pytest.approx(error, rel=0.08)


def test_rows_of_no_weight_are_no_rows(rng):
    values, weight = rng.normal(size=(30, 2)), rng.integers(0, 2, 30).astype(float)
    drawn = bootstrap_means(values, weight, 20, np.random.default_rng(0))
    kept = bootstrap_means(values[weight > 0], np.ones(int(weight.sum())), 20, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, kept)
    unweighted = bootstrap_means(values[weight > 0], None, 20, np.random.default_rng(0))
    np.testing.assert_allclose(drawn, unweighted, rtol=1e-12)


@pytest.mark.parametrize("n_resamples", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_resamples_do_not_depend_on_how_many_follow(rng, n_resamples, weighted):
    values, weight = rng.normal(size=(9, 2)), rng.uniform(1, 2, 9) if weighted else None
    drawn = bootstrap_means(values, weight, n_resamples, np.random.default_rng(5))
    more = bootstrap_means(values, weight, 50, np.random.default_rng(5))
    assert drawn.shape == (n_resamples, 2)
    np.testing.assert_allclose(drawn, more[:n_resamples], rtol=1e-12)
    flat = bootstrap_means(sparse.csr_matrix(values), weight, n_resamples, np.random.default_rng(5))
    np.testing.assert_allclose(flat, drawn, rtol=1e-12)


def test_a_single_row_has_no_spread():
    assert np.isnan(bootstrap_means(np.ones((1, 2)), None, 3, seeded(0))).all()
    assert np.isnan(bootstrap_means(np.ones((3, 2)), np.array([0.0, 1.0, 0.0]), 3, seeded(0))).all()
    alone = metric_interval(jensen_shannon, [[0.5, 0.5]], [[0.9, 0.1]])
    assert alone == jensen_shannon([[0.5, 0.5]], [[0.9, 0.1]])
    assert np.isnan([alone.low, alone.high]).all()


# Metrics with their intervals


def test_agreement_has_wilsons_interval(rng):
    teacher, student = rng.integers(0, 2, size=(2, 50))
    estimate = metric_interval(agreement_score, teacher, student, confidence_level=0.8)
    assert estimate == (teacher == student).mean()
    assert (estimate.low, estimate.high) == wilson_interval(float(estimate), 50, 0.8)
    assert estimate.confidence_level == 0.8


@pytest.mark.parametrize("metric", MEANS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fast_way_is_the_slow_one(metric, weighted, pair, rng):
    weight = rng.uniform(size=60) if weighted else None
    options = {"sample_weight": weight, "n_resamples": 50, "random_state": 7}
    fast = metric_interval(metric, *pair, **options)
    slow = metric_interval(lambda *both, **weights: metric(*both, **weights), *pair, **options)
    assert fast == slow == metric(*pair, sample_weight=weight)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), rel=1e-9)
    assert fast.low < fast < fast.high


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fast_way_of_the_calibration_error(soft, weighted, pair, rng):
    truth = pair[0] if soft else rng.integers(0, 3, 60)
    metric = partial(expected_calibration_error, n_bins=5, classes=[0, 1, 2])
    options = {"sample_weight": rng.uniform(size=60) if weighted else None, "n_resamples": 30, "random_state": 7}
    fast = metric_interval(metric, truth, pair[1], **options)
    slow = metric_interval(lambda *both, **weights: metric(*both, **weights), truth, pair[1], **options)
    assert fast == slow
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), rel=1e-9)


def test_resamples_that_lack_a_class():
    proba, labels = np.tile([[0.6, 0.3, 0.1]], (5, 1)), np.array([0, 0, 0, 1, 2])
    for strategy in ("uniform", "quantile"):
        metric = partial(expected_calibration_error, strategy=strategy)
        estimate = metric_interval(metric, labels, proba, n_resamples=200, random_state=0)
        # Accuracies of 0, 1/5, ..., 1 against 0.6.
        assert estimate == pytest.approx(0.0)
        assert 0.0 <= estimate.low <= estimate.high <= 0.6 + 1e-12


def test_parameters_of_a_metric(pair):
    teacher, student = pair
    turned = partial(predictive_kl, floor=0.1, classes_teacher=["a", "b", "c"], classes_student=["c", "a", "b"])
    estimate = metric_interval(turned, teacher, student[:, [2, 0, 1]], random_state=0)
    plain = metric_interval(partial(predictive_kl, floor=0.1), teacher, student, random_state=0)
    assert (float(estimate), estimate.low, estimate.high) == pytest.approx((float(plain), plain.low, plain.high))
    assert float(estimate) != metric_interval(predictive_kl, teacher, student, random_state=0)


def test_metrics_of_elsewhere(rng):
    teacher = rng.normal(size=80)
    student = teacher + rng.normal(scale=0.3, size=80)
    estimate = metric_interval(r2_score, teacher, student, n_resamples=100, random_state=0)
    assert estimate == r2_score(teacher, student)
    assert estimate.low < estimate < estimate.high


def test_the_seed_decides(pair):
    for metric in (jensen_shannon, lambda *both: jensen_shannon(*both)):
        found = [metric_interval(metric, *pair, n_resamples=50, random_state=seed) for seed in (0, 0, 1)]
        assert (found[0].low, found[0].high) == (found[1].low, found[1].high)
        assert (found[0].low, found[0].high) != (found[2].low, found[2].high)
    found = [metric_interval(jensen_shannon, *pair, random_state=seed) for seed in (0, np.random.RandomState(0))]
    assert (found[0].low, found[0].high) == (found[1].low, found[1].high)


def test_weights_are_no_further_evidence(pair, rng):
    weight = rng.integers(1, 5, 60)
    for metric in (jensen_shannon, agreement_score):
        both = pair if metric is jensen_shannon else pair.argmax(axis=2)
        weighted = metric_interval(metric, *both, sample_weight=weight, random_state=0)
        repeated = metric_interval(metric, *(np.repeat(part, weight, axis=0) for part in both), random_state=0)
        assert weighted == pytest.approx(float(repeated))
        assert weighted.high - weighted.low > 1.2 * (repeated.high - repeated.low)
        scaled = metric_interval(metric, *both, sample_weight=1000 * weight, random_state=0)
        assert (scaled.low, scaled.high) == pytest.approx((weighted.low, weighted.high))


def test_the_bootstrap_covers_as_often_as_it_says():
    # The distance is |d| for a uniform d of mean 0: its mean is 0.25, and its distribution has no skew.
    rng, n_sets, n_rows = np.random.default_rng(11), 300, 200
    teacher = np.full((n_rows, 2), 0.5)
    covered = 0
    for seed in range(n_sets):
        shift = rng.uniform(-0.5, 0.5, n_rows)
        estimate = metric_interval(
            total_variation, teacher, teacher + shift[:, None] * [1, -1], n_resamples=400, random_state=seed
        )
        covered += estimate.low <= 0.25 <= estimate.high
    low, high = binom.ppf([0.0005, 0.9995], n_sets, 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence_level": 0.0}, ["confidence_level", "(0, 1)", "0.0"]),
        ({"n_resamples": 0}, ["n_resamples", "at least 1", "0"]),
        ({"n_resamples": 2.5}, ["n_resamples", "integer", "2.5"]),
        ({"sample_weight": np.ones(3)}, ["sample_weight", "(60,)", "(3,)"]),
        ({"sample_weight": np.zeros(60)}, ["sample_weight is zero"]),
        ({"random_state": "a"}, ["'a'"]),
    ],
)
def test_what_it_refuses(pair, options, words):
    with pytest.raises(ValueError, match=".*".join(re.escape(word) for word in words)):
        metric_interval(jensen_shannon, *pair, **options)


def test_a_paired_difference_by_hand():
    # 4 rows lost, 10 gained of 98; one more of each makes 5 and 11 of 100.
    half = 1.959964 * np.sqrt((0.16 - 0.06**2) / 100)
    assert paired_interval(4 / 98, 10 / 98, 98, 0.95) == pytest.approx((0.06 - half, 0.06 + half))


@pytest.mark.parametrize("n_rows", [1, 2, 10, 1000])
@pytest.mark.parametrize(("lost", "gained"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_a_paired_difference_holds_its_value_and_has_a_width(n_rows, lost, gained):
    low, high = paired_interval(lost, gained, n_rows, 0.95)
    assert -1 <= low <= gained - lost <= high <= 1
    assert low < high


@pytest.mark.parametrize(("lost", "gained"), [(0.02, 0.02), (0.05, 0.01), (0.005, 0.005), (0.2, 0.1)])
def test_paired_differences_cover(rng, lost, gained):
    counts = rng.multinomial(200, [lost, gained, 1 - lost - gained], size=2000)
    ends = [paired_interval(a / 200, b / 200, 200, 0.95) for a, b, _ in counts]
    assert np.mean([low <= gained - lost <= high for low, high in ends]) > 0.93


def test_five_rows_that_differ_one_way_are_no_proof():
    # The exact sign test gives p = 0.0625 for five of five, 0.031 for six of six.
    assert paired_interval(0.0, 5 / 200, 200, 0.95)[0] < 0 < paired_interval(0.0, 6 / 200, 200, 0.95)[0]
