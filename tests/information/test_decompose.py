"""The decomposition: exact answers, laws that hold for every distribution, batches, parameters."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skdistill.information import _decompose as module
from skdistill.information import decompose, named_gate
from skdistill.information._broja import BrojaSolution
from skdistill.information._gates import GATES
from skdistill.information._pmf import mutual_information

ATOMS = ("redundancy", "unique_teacher", "unique_student", "synergy")
OURS = ("broja", "imin", "mmi", "intersection")
# A certified gap of 1e-9 nats, in bits, and some rounding.
CLOSE = 2e-9


def atoms(found):
    return np.array([getattr(found, name) for name in ATOMS])


@st.composite
def tables(draw):
    """Joint distributions of up to 3 x 4 x 4 cells: dense, sparse, peaked, with constant variables."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)))
    cells = st.one_of(st.just(0.0), st.floats(0.01, 1), st.integers(1, 3).map(float), st.floats(-12, 0).map(np.exp))
    masses = draw(hnp.arrays(np.float64, shape, elements=cells, fill=st.nothing()))
    masses[tuple(draw(st.integers(0, n - 1)) for n in shape)] += 0.5
    return masses / masses.sum()


@pytest.mark.parametrize("name", GATES)
def test_gates(name):
    pmf, exact = named_gate(name, return_atoms=True)
    found = decompose(pmf)
    assert found.converged
    assert atoms(found) == pytest.approx(atoms(exact), abs=CLOSE)
    assert found.mutual_information == pytest.approx(exact.mutual_information, abs=1e-14)


def test_agrees_with_the_cone_program_of_dit():
    stored = json.loads((Path(__file__).parent / "dit_cone.json").read_text("utf-8"))
    assert stored["order"] == list(ATOMS)
    for case in stored["cases"]:
        found = decompose(case["counts"], normalize=True)
        assert found.converged
        # On three of the sixteen peaked inputs the interior-point solver stops 2e-7 to 6e-7 from the certified value.
        assert atoms(found) == pytest.approx(case["bits"], abs=1e-9 if case["concentration"] == 1.0 else 1e-6)


@settings(deadline=None)
@given(tables())
def test_atoms_are_not_negative_and_sum_to_the_information(pmf):
    for measure in OURS:
        found = decompose(pmf, measure=measure)
        assert atoms(found).sum() == pytest.approx(found.mutual_information, abs=1e-12)
        total = mutual_information(pmf.reshape(1, len(pmf), -1))[0] / np.log(2)
        assert found.mutual_information == pytest.approx(total, abs=1e-12)
        teacher = mutual_information(pmf.sum(2)[None])[0] / np.log(2)
        assert found.information_teacher == pytest.approx(teacher, abs=1e-12)
        student = mutual_information(pmf.sum(1)[None])[0] / np.log(2)
        assert found.information_student == pytest.approx(student, abs=1e-12)
        # Only the synergy of intersection may be negative, as its redundancy is a lower bound.
        assert (atoms(found)[: 3 if measure == "intersection" else 4] >= 0).all()
        assert found.converged == (found.gap <= 1e-9)


@settings(deadline=None)
@given(tables())
def test_exchanging_the_sources_exchanges_their_unique_information(pmf):
    for measure in OURS:
        found, exchanged = decompose(pmf, measure=measure), decompose(pmf.swapaxes(1, 2), measure=measure)
        slack = CLOSE + (found.gap + exchanged.gap) / np.log(2)
        assert atoms(exchanged) == pytest.approx(atoms(found)[[0, 2, 1, 3]], abs=slack)


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_relabelling_changes_nothing(pmf, random):
    order = [random.sample(range(n), n) for n in pmf.shape]
    for measure in OURS:
        found, relabelled = decompose(pmf, measure=measure), decompose(pmf[np.ix_(*order)], measure=measure)
        slack = CLOSE + (found.gap + relabelled.gap) / np.log(2)
        assert atoms(relabelled) == pytest.approx(atoms(found), abs=slack)


@settings(deadline=None)
@given(tables(), st.floats(0.001, 0.999), st.integers(0, 2))
def test_splitting_a_state_at_random_changes_nothing(pmf, share, axis):
    first = pmf.take([0], axis)
    split = np.concatenate([share * first, (1 - share) * first, pmf.take(range(1, pmf.shape[axis]), axis)], axis)
    for measure in OURS:
        found, after = decompose(pmf, measure=measure), decompose(split, measure=measure)
        slack = CLOSE + (found.gap + after.gap) / np.log(2)
        assert atoms(after) == pytest.approx(atoms(found), abs=slack)


def merged(pmf, axis):
    """The same variables with the first two states of one not told apart."""
    return np.concatenate([pmf.take([0, 1], axis).sum(axis, keepdims=True), np.delete(pmf, [0, 1], axis)], axis)


def test_a_coarser_teacher_has_less_to_give_and_a_coarser_student_has_more_to_learn(rng):
    batch = rng.dirichlet(np.full(36, 0.3), 200).reshape(200, 3, 4, 3)
    found, teacher, student = decompose(batch), decompose(merged(batch, 2)), decompose(merged(batch, 3))
    assert (teacher.redundancy <= found.redundancy + CLOSE).all()
    assert (teacher.unique_teacher <= found.unique_teacher + CLOSE).all()
    assert (student.redundancy <= found.redundancy + CLOSE).all()
    assert (student.unique_teacher >= found.unique_teacher - CLOSE).all()
    assert (teacher.redundancy < found.redundancy - 1e-4).any()
    assert (student.unique_teacher > found.unique_teacher + 1e-4).any()


def test_nothing_is_left_to_distil_from_a_degraded_copy_of_the_student(rng):
    # Only P(Y, T) and P(Y, S) matter: T need not be made from this very S, it is enough that it could have been.
    p_ys = rng.dirichlet(np.ones(12), 30).reshape(30, 3, 4)
    p_yt = p_ys @ rng.dirichlet(np.ones(3), (30, 4))
    p_y = p_ys.sum(2)
    apart = np.einsum("nyt,nys,ny->nyts", p_yt, p_ys, 1 / p_y)
    found = decompose(apart)
    assert found.unique_teacher == pytest.approx(np.zeros(30), abs=CLOSE)
    assert found.redundancy == pytest.approx(mutual_information(p_yt) / np.log(2), abs=CLOSE)
    assert found.synergy.min() > 1e-4


@pytest.mark.parametrize("measure", OURS)
@pytest.mark.parametrize("padded", [False, True])
def test_a_constant_teacher_knows_nothing(rng, measure, padded):
    pmf = rng.dirichlet(np.ones(6)).reshape(2, 1, 3)
    pmf = np.pad(pmf, ((0, 0), (1, 1), (0, 0))) if padded else pmf
    found = decompose(pmf, measure=measure)
    expected = [0.0, 0.0, mutual_information(pmf.sum(1)[None])[0] / np.log(2), 0.0]
    assert atoms(found) == pytest.approx(expected, abs=1e-13)
    assert found.converged


@pytest.mark.parametrize("measure", OURS)
def test_of_a_constant_task_nothing_can_be_known(rng, measure):
    for pmf in (rng.dirichlet(np.ones(6)).reshape(1, 2, 3), np.ones((1, 1, 1))):
        found = decompose(pmf, measure=measure)
        assert atoms(found) == pytest.approx(np.zeros(4), abs=1e-13)
        assert found.converged


@pytest.mark.parametrize("measure", OURS)
def test_a_batch_is_its_problems(rng, measure):
    batch = np.concatenate([rng.dirichlet(np.full(24, c), 6) for c in (1.0, 0.1)]).reshape(12, 2, 4, 3)
    batch = np.concatenate([batch, np.eye(24)[[5]].reshape(1, 2, 4, 3)])
    found = decompose(batch, measure=measure)
    assert found.redundancy.shape == found.gap.shape == found.converged.shape == (13,)
    assert found.converged.dtype == bool
    for i, pmf in enumerate(batch):
        single = decompose(pmf, measure=measure)
        slack = 1e-12 + (single.gap + found.gap[i]) / np.log(2)
        assert atoms(found)[:, i] == pytest.approx(atoms(single), abs=slack)
    assert decompose(batch[:1], measure=measure).synergy.shape == (1,)


def test_bases(rng):
    pmf = rng.dirichlet(np.ones(12)).reshape(2, 2, 3)
    in_bits, in_nats, in_base_10 = decompose(pmf), decompose(pmf, base=np.e), decompose(pmf, base=10)
    assert atoms(in_nats) == pytest.approx(atoms(in_bits) * np.log(2))
    assert atoms(in_base_10) == pytest.approx(atoms(in_nats) / np.log(10))
    assert in_base_10.base == 10.0
    assert in_bits.gap == in_nats.gap
    assert in_nats.mutual_information == pytest.approx(in_bits.mutual_information * np.log(2))


@pytest.mark.parametrize("base", [1, 1.0, 0.5, 0, -2, np.inf, np.nan, "2 bits", None])
def test_bad_base(base):
    with pytest.raises(ValueError, match=r"base must be a finite number above 1, got .*2 gives bits"):
        decompose(named_gate("and"), base=base)


@pytest.mark.parametrize("tol", [0, -1e-9, np.nan, np.inf, None])
def test_bad_tol(tol):
    with pytest.raises(ValueError, match=r"tol must be a finite number above 0, got .*default is 1e-9"):
        decompose(named_gate("and"), tol=tol)


def test_a_measure_is_a_name():
    with pytest.raises(ValueError, match="measure must be one of 'broja', 'imin', 'mmi', 'intersection', or the name"):
        decompose(named_gate("and"), measure=None)


def solver_that_returns(lower, upper):
    def solve(pmf, *, tol):
        n = len(pmf)
        low, up = np.broadcast_to(lower, n), np.broadcast_to(upper, n)
        return BrojaSolution(lower=low, upper=up, q=pmf, gap=up - low, converged=up - low <= tol)

    return solve


@pytest.mark.parametrize(("lower", "upper"), [(-np.inf, np.inf), (np.nan, np.nan), (0.0, 5.0)])
def test_a_solver_that_failed_leaves_valid_atoms_and_an_honest_gap(monkeypatch, rng, lower, upper):
    batch = rng.dirichlet(np.ones(18), 20).reshape(20, 2, 3, 3)
    truth = decompose(batch)
    monkeypatch.setattr(module, "solve_broja", solver_that_returns(lower, upper))
    found = decompose(batch)
    assert not found.converged.any()
    assert (atoms(found) >= 0).all()
    assert atoms(found).sum(0) == pytest.approx(found.mutual_information)
    assert (np.abs(atoms(found) - atoms(truth)) <= found.gap / np.log(2) / 2 + CLOSE).all()


def test_bounds_that_contradict_what_is_known_do_not_converge(monkeypatch):
    monkeypatch.setattr(module, "solve_broja", solver_that_returns(2.0, 2.0))
    found = decompose(named_gate("and"))
    assert not found.converged
    assert found.gap > 0.5


def test_tol_decides_what_counts_as_converged(monkeypatch):
    pmf, exact = named_gate("and", return_atoms=True)
    value = exact.synergy * np.log(2)
    monkeypatch.setattr(module, "solve_broja", solver_that_returns(value - 4e-6, value))
    assert not decompose(pmf, tol=1e-6).converged
    found = decompose(pmf, tol=1e-5)
    assert found.converged
    assert found.gap == pytest.approx(4e-6)
    assert atoms(found) == pytest.approx(atoms(exact), abs=4e-6)
