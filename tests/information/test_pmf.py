"""Joint distributions: what is refused, what is measured on them, the gates, the result's own methods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from skdistill.information import PartialInformation, decompose, named_gate
from skdistill.information._gates import GATES
from skdistill.information._pmf import check_pmf, conditional_entropy, entropy, mutual_information

FAIR = np.full((2, 2, 2), 1 / 8)


def batch_with(bad_entry, *, at=(3, 1, 0, 1), n=5):
    batch = np.repeat(FAIR[None], n, axis=0)
    batch[at] = bad_entry
    return batch


def test_negative_mass_is_refused_with_its_place():
    with pytest.raises(
        ValueError, match=r"must not be negative, got -0.25 at \(y, t, s\) = \(1, 0, 1\) in problem 3 of"
    ):
        decompose(batch_with(-0.25))
    single = FAIR.copy()
    single[0, 0, 0] = -1e-18
    with pytest.raises(ValueError, match=r"got -1e-18 at \(y, t, s\) = \(0, 0, 0\)\. Set"):
        decompose(single)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_masses_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match=r"must be finite, got -?(nan|inf) at .* in problem 3 of 5\. Replace NaN"):
        decompose(batch_with(bad))


@pytest.mark.parametrize(("factor", "total"), [(2.0, "2"), (1 + 3e-9, "1.000000003"), (0.0, "0")])
def test_mass_that_does_not_sum_to_one_is_refused(factor, total):
    with pytest.raises(ValueError, match=rf"must sum to 1, got {total}\. Pass normalize=True"):
        decompose(FAIR * factor)


def test_the_first_problem_of_wrong_mass_is_named():
    batch = np.stack([FAIR, FAIR * 2, FAIR * 3])
    with pytest.raises(ValueError, match="in problem 1 of 3, got 2"):
        decompose(batch)


def test_mass_is_normalised_when_asked(rng):
    counts = rng.integers(0, 50, (2, 3, 4))
    counts[0, 0, 0] = 7
    asked = decompose(counts, normalize=True)
    assert asked.as_dict() == pytest.approx(decompose(counts / counts.sum()).as_dict(), abs=1e-12)
    huge = decompose(counts * 1e305, normalize=True)
    assert huge.redundancy == pytest.approx(asked.redundancy, abs=1e-12)
    tiny = decompose(counts * 1e-300, normalize=True)
    assert tiny.redundancy == pytest.approx(asked.redundancy, abs=1e-12)


def test_no_mass_at_all_cannot_be_normalised():
    with pytest.raises(ValueError, match=r"in problem 1 of 2, got 0\. There is nothing to normalise"):
        decompose(np.stack([FAIR, 0 * FAIR]), normalize=True)


def test_a_sum_off_by_rounding_is_normalised():
    assert check_pmf(FAIR * (1 + 5e-10)).sum() == pytest.approx(1.0, abs=1e-15)
    assert check_pmf(FAIR.astype(np.float32))[0] == pytest.approx(FAIR)


@pytest.mark.parametrize("shape", [(), (8,), (2, 4), (1, 1, 2, 2, 2)])
def test_wrong_number_of_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"must have the axes \(n_y, n_t, n_s\).*got shape .* axis of length 1"):
        decompose(np.full(shape, 1.0 / max(1, np.prod(shape))))


@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 2), (2, 2, 0), (0, 2, 2, 2), (3, 2, 0, 2)])
def test_empty_axes_are_refused(shape):
    with pytest.raises(ValueError, match="at least one state on every axis"):
        decompose(np.ones(shape))


@pytest.mark.parametrize("bad", ["abc", [[["a"]]], [[[0.5j, 0.5]]], [[[None]]], [[[1.0], [2.0, 3.0]]], None])
def test_what_is_no_array_of_numbers_is_refused(bad):
    with pytest.raises(ValueError, match="pmf must"):
        decompose(bad)


def test_the_input_stays_as_it_is():
    counts = np.arange(8.0).reshape(2, 2, 2)
    decompose(counts, normalize=True)
    assert counts.tolist() == np.arange(8.0).reshape(2, 2, 2).tolist()


TABLES = hnp.arrays(np.float64, (4, 3, 5), elements=st.floats(0, 1)).map(
    lambda raw: (raw + 1e-12 * np.ones((3, 5))) / (raw + 1e-12).sum((1, 2), keepdims=True)
)


@settings(deadline=None)
@given(TABLES)
def test_measures_agree_with_their_definitions(tables):
    h_y, h_x = entropy(tables.sum(2)), entropy(tables.sum(1))
    assert h_y == pytest.approx(stats.entropy(tables.sum(2), axis=1), abs=1e-12)
    h_yx = entropy(tables.reshape(4, -1))
    assert conditional_entropy(tables) == pytest.approx(h_yx - h_x, abs=1e-12)
    assert mutual_information(tables) == pytest.approx(h_y + h_x - h_yx, abs=1e-12)
    assert mutual_information(tables) == pytest.approx(mutual_information(tables.swapaxes(1, 2)), abs=1e-14)


def test_small_information_is_resolved():
    # p = 1/4 +- e: I = 8 e^2 + O(e^4) nats.
    e = 1e-7
    table = np.array([[[0.25 + e, 0.25 - e], [0.25 - e, 0.25 + e]]])
    assert mutual_information(table)[0] == pytest.approx(8 * e**2, abs=1e-16)


def test_peaked_masses_do_not_overflow():
    table = np.array([[[1e-200, 0.0], [0.0, 1.0]], [[1e-280, 1e-150], [1e-320, 1.0]]])
    found = mutual_information(table)
    assert np.isfinite(found).all()
    assert found == pytest.approx(0.0, abs=1e-15)
    assert np.isfinite(
        list(decompose(check_pmf(table[0][None] * np.ones((2, 1, 1)) / 2)[0]).as_dict().values())[:6]
    ).all()


@pytest.mark.parametrize("name", GATES)
def test_gates_are_distributions_whose_atoms_sum_to_their_information(name):
    pmf, atoms = named_gate(name, return_atoms=True)
    assert pmf.sum() == 1.0
    total = mutual_information(pmf.reshape(1, len(pmf), -1))[0] / np.log(2)
    assert atoms.mutual_information == pytest.approx(total, abs=1e-15)
    teacher, student = mutual_information(pmf.sum(2)[None])[0], mutual_information(pmf.sum(1)[None])[0]
    assert atoms.information_teacher == pytest.approx(teacher / np.log(2), abs=1e-15)
    assert atoms.information_student == pytest.approx(student / np.log(2), abs=1e-15)


def test_what_conditional_information_says_of_the_masked_teacher_misleads():
    pmf, atoms = named_gate("masked_teacher", return_atoms=True)
    given_student = mutual_information(pmf.reshape(1, 2, 4))[0] - mutual_information(pmf.sum(1)[None])[0]
    assert given_student / np.log(2) == pytest.approx(1.0)
    assert atoms.unique_teacher == 0.0


def test_unknown_gate():
    with pytest.raises(ValueError, match=r"name must be one of 'and', 'xor', .*, got 'nand'"):
        named_gate("nand")


def test_take_and_as_dict(rng):
    batch = rng.dirichlet(np.ones(12), 6).reshape(6, 2, 2, 3)
    found = decompose(batch)
    one = found.take(4)
    assert type(one.redundancy) is float
    assert type(one.converged) is bool
    assert one.redundancy == found.redundancy[4]
    assert (one.base, one.measure) == (2.0, "broja")
    assert found.take([1, 3]).synergy.tolist() == found.synergy[[1, 3]].tolist()
    assert found.take(slice(2)).gap.shape == (2,)
    assert found.take(found.redundancy >= 0).gap.shape == (6,)
    assert PartialInformation(**one.as_dict()).as_dict() == one.as_dict()
    with pytest.raises(TypeError, match=r"take\(\) picks from a batch"):
        one.take(0)
    with pytest.raises(IndexError):
        found.take(6)


def test_repr_is_short():
    xor = named_gate("xor")
    text = "PartialInformation(redundancy=0, unique_teacher=0, unique_student=0, synergy=1, measure='mmi', base=2)"
    assert repr(decompose(xor, measure="mmi")) == text
    assert repr(decompose(np.stack([xor] * 3))) == "<PartialInformation of 3 problems, measure='broja'>"


def test_the_result_cannot_be_changed():
    with pytest.raises(AttributeError):
        decompose(FAIR).redundancy = 1.0
