"""Corrections: formulas by hand, order of the terms, and less error on tables whose atoms are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdistill.information import decompose
from skdistill.information._bias import (
    ANALYTIC,
    CORRECTIONS,
    _tail,
    atoms_from,
    chao_entropy,
    entropy_bias,
    information_terms,
    miller_madow_entropy,
    ordered_terms,
    plug_in_entropy,
    resampled_bias,
)
from skdistill.information._rows import ATOMS, measure_rows
from skdistill.information._sample import Sample, effective_rows


def measured(tables):
    return information_terms(decompose(tables, tol=1e-6))


def draw(pmf, n_rows, rng, weight=None):
    cells = rng.choice(pmf.size, n_rows, p=pmf.ravel())
    return Sample(*np.unravel_index(cells, pmf.shape), shape=pmf.shape, weight=weight)


def noisy_classes(n_classes, accuracy_teacher, accuracy_student):
    """Teacher and student who err independently and uniformly."""
    channels = []
    for accuracy in (accuracy_teacher, accuracy_student):
        wrong = (1 - accuracy) / (n_classes - 1)
        channels.append(np.full((n_classes, n_classes), wrong) + (accuracy - wrong) * np.eye(n_classes))
    return channels[0][:, :, None] * channels[1][:, None, :] / n_classes


def test_entropies_by_hand():
    counts = np.array([[2.0, 1.0, 1.0, 0.0]])
    plug_in = 1.5 * math.log(2)
    np.testing.assert_allclose(plug_in_entropy(counts), plug_in)
    np.testing.assert_allclose(miller_madow_entropy(counts), plug_in + 2 / 8)
    # n = 4, seen once: 2, seen twice: 1, so A = 2 / (3 * 2 + 2) = 1 / 4; the formula as it is printed.
    first = 2 / 4 * (1 / 2 + 1 / 3) + 2 * (1 / 4) * (1 + 1 / 2 + 1 / 3)
    a = 1 / 4
    second = 2 / 4 * (1 - a) ** -3 * (-math.log(a) - sum((1 - a) ** r / r for r in range(1, 4)))
    np.testing.assert_allclose(chao_entropy(counts), first + second, rtol=1e-4)


def test_entropy_where_nothing_is_unseen():
    np.testing.assert_allclose(chao_entropy(np.array([[1e6, 1e6]])), math.log(2), atol=1e-6)
    assert chao_entropy(np.array([[5.0, 0.0]]))[0] == 0
    # A single cell seen once, none twice: the paper's stand-in leaves nothing unseen.
    assert np.isfinite(chao_entropy(np.array([[1.0, 9.0]]))).all()


def test_series_of_unseen_cells():
    k = np.arange(20_000)
    for n in (2.0, 30.0, 5000.0):
        for x in (0.01, 0.4, 0.6, 0.99, 0.999):
            np.testing.assert_allclose(
                _tail(np.array([x]), np.array([n]))[0], (x ** (k + 1) / (n + k)).sum(), rtol=3e-4
            )


def test_entropy_of_a_uniform_distribution_from_few_rows(rng):
    counts = rng.multinomial(100, np.full(200, 1 / 200), size=200).astype(float)
    errors = [abs(entropy(counts).mean() - math.log(200)) for entropy in (chao_entropy, miller_madow_entropy)]
    assert errors[0] < 0.5 * errors[1]


terms = arrays(np.float64, (4,), elements=st.floats(-3, 3))


@given(terms)
@settings(deadline=None, max_examples=200)
def test_ordered_terms_give_atoms_of_at_least_zero(values):
    ordered = ordered_terms(values)
    atoms = atoms_from(ordered)
    assert (atoms >= -1e-15).all()
    np.testing.assert_allclose(atoms.sum(), ordered[2], atol=1e-12)
    np.testing.assert_array_equal(ordered_terms(ordered), ordered)


def test_ordered_terms_stay_where_they_are(rng):
    found = decompose(rng.dirichlet(np.ones(27), 50).reshape(50, 3, 3, 3))
    before = information_terms(found)
    np.testing.assert_allclose(ordered_terms(before), before, atol=1e-12)
    atoms = np.stack([found.redundancy, found.unique_teacher, found.unique_student, found.synergy], axis=1)
    np.testing.assert_allclose(atoms_from(before), atoms, atol=1e-12)


@pytest.mark.parametrize("method", ANALYTIC)
def test_bias_of_independent_variables(rng, method):
    # To first order I(Y;T) of independent variables is (n_y - 1)(n_t - 1) / 2n too large.
    pmf = np.full((2, 3, 3), 1 / 18)
    counts = rng.multinomial(2000, pmf.ravel(), size=300).reshape(300, 2, 3, 3).astype(float)
    bias = entropy_bias(counts, method).mean(axis=0)
    np.testing.assert_allclose(bias * 2 * 2000, [2, 2, 8], rtol=0.1)


@pytest.mark.parametrize("method", ["permutation", "extrapolation", "jackknife"])
def test_resampled_bias_of_independent_variables(rng, method):
    pmf = np.full((2, 3, 3), 1 / 18)
    bias = []
    for seed in range(40):
        sample = draw(pmf, 500, rng)
        plug_in = measured(sample.pmf()[None])[0]
        bias.append(resampled_bias(sample, plug_in, measured, method, np.random.RandomState(seed)))
    found = np.mean(bias, axis=0) * 2 * 500 * math.log(2)
    # The union is between the better source and the sum of both.
    np.testing.assert_allclose(found[:3], [2, 2, 8], atol=1.0)
    assert 2 < found[3] < 5


@pytest.mark.parametrize("method", CORRECTIONS)
def test_corrections_err_less_than_none(rng, method):
    pmf = noisy_classes(4, 0.8, 0.6)
    truth = decompose(pmf)
    kept = {"measure": "broja", "base": 2.0, "n_bootstrap": 0, "n_permutations": 0, "confidence_level": 0.95}
    wrong = {None: [], method: []}
    for seed in range(12):
        sample = draw(pmf, 300, rng)
        for correction, errors in wrong.items():
            found = measure_rows(sample, bias_correction=correction, rng=np.random.RandomState(seed), **kept)
            errors.append(found.values["synergy"] - truth.synergy)
            assert min(found.values.values()) >= -1e-12
            np.testing.assert_allclose(found.values["redundancy"] + found.bias["redundancy"], found.plug_in.redundancy)
    # The synergy carries most of the bias: 4 x 4 x 4 cells on 300 rows.
    assert abs(np.mean(wrong[method])) < 0.7 * abs(np.mean(wrong[None]))


def test_chao_is_nearest_where_cells_are_as_many_as_rows(rng):
    kept = {"measure": "broja", "base": 2.0, "n_bootstrap": 0, "n_permutations": 0, "confidence_level": 0.95}
    errors = {method: [] for method in (None, *CORRECTIONS)}
    # A student that is worse than its teacher, and one that is as good, where the union is hardest to correct.
    for accuracy in (0.55, 0.8):
        pmf = noisy_classes(8, 0.8, accuracy)
        truth = decompose(pmf)
        for seed in range(3):
            sample = draw(pmf, 500, rng)
            for method, wrong in errors.items():
                found = measure_rows(sample, bias_correction=method, rng=np.random.RandomState(seed), **kept)
                wrong.append([found.values[name] - getattr(truth, name) for name in ATOMS])
    rms = {method: np.sqrt(np.mean(np.square(wrong))) for method, wrong in errors.items()}
    assert min(rms, key=rms.get) == "chao", rms
    assert rms["chao"] < 0.8 * rms[None]


def test_extrapolation_needs_quarters(rng):
    sample = draw(np.full((2, 2, 2), 1 / 8), 3, rng)
    with pytest.raises(ValueError, match="at least 4 rows, to quarter them, got 3"):
        resampled_bias(sample, np.zeros(4), measured, "extrapolation", np.random.RandomState(0))


def test_sample_counts_and_weights(rng):
    y, t, s = np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([1, 0, 0])
    sample = Sample(y, t, s, (2, 2, 2), np.array([1.0, 1.0, 2.0]))
    assert sample.counts()[1, 1, 0] == 1
    assert sample.pmf()[1, 1, 0] == 0.5
    assert sample.inflation == pytest.approx(3 / effective_rows(sample.weight, 3)) == pytest.approx(3 * 6 / 16)
    assert Sample(y, t, s, (2, 2, 2)).inflation == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_resampled_tables(rng, weighted):
    weight = rng.uniform(0.5, 2, 400) if weighted else None
    sample = draw(noisy_classes(3, 0.7, 0.6), 400, rng, weight)
    pmfs, counts = sample.bootstrap(300, np.random.RandomState(0))
    np.testing.assert_array_equal(counts.sum(axis=(1, 2, 3)), 400)
    np.testing.assert_allclose(pmfs.sum(axis=(1, 2, 3)), 1)
    np.testing.assert_allclose(pmfs.mean(axis=0), sample.pmf(), atol=0.01)
    parts = sample.split(7, np.random.RandomState(0))
    np.testing.assert_allclose(parts.sum(axis=0) / parts.sum(), sample.pmf())


@pytest.mark.parametrize("weighted", [False, True])
def test_permutations_keep_what_they_promise(rng, weighted):
    weight = rng.uniform(0.5, 2, 400) if weighted else None
    sample = draw(noisy_classes(3, 0.7, 0.6), 400, rng, weight)
    pmf, source = sample.pmf(), np.random.RandomState(0)
    within = sample.permuted(40, "t", "s", source)
    np.testing.assert_allclose(within.sum(axis=2), np.broadcast_to(pmf.sum(axis=1), (40, 3, 3)), atol=1e-12)
    if not weighted:
        np.testing.assert_allclose(within.sum(axis=1), np.broadcast_to(pmf.sum(axis=0), (40, 3, 3)), atol=1e-12)
    free = sample.permuted(40, "y", None, source)
    np.testing.assert_allclose(free.sum(axis=1), np.broadcast_to(pmf.sum(axis=0), (40, 3, 3)), atol=1e-12)
    # What is permuted tells nothing any more, but for chance.
    assert decompose(within).unique_teacher.mean() < 0.1 * decompose(pmf).unique_teacher
    assert decompose(free).mutual_information.mean() < 0.1 * decompose(pmf).mutual_information
