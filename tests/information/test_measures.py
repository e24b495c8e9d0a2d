"""The redundancies in closed form: by hand, against a search of all partitions, and in their order."""

from itertools import product

import numpy as np
import pytest

from skdistill.information import decompose, named_gate
from skdistill.information._measures import CLOSED_FORMS, components, imin, intersection, mmi
from skdistill.information._pmf import mutual_information

LOG2 = np.log(2.0)


def bits(measure, name):
    return measure(named_gate(name)[None])[0] / LOG2


def test_imin_by_hand():
    # Y = (U, V), U and V fair and agreeing with probability 3/4: either bit tells one bit of every y.
    assert bits(imin, "copy") == pytest.approx(1.0)
    # Y = U and V: of y = 1 (mass 1/4) each source tells log2(1 / (1/2)) = 1 bit, of y = 0 (mass 3/4) it tells
    # 2/3 log2((2/3) / (1/2)) + 1/3 log2((1/3) / (1/2)).
    of_zero = 2 / 3 * np.log2(4 / 3) + 1 / 3 * np.log2(2 / 3)
    assert bits(imin, "and") == pytest.approx(0.25 * 1 + 0.75 * of_zero)


def test_imin_takes_the_smaller_of_each_value():
    # T tells y = 0 from the rest, S tells y = 2 from the rest.
    pmf = np.zeros((1, 3, 2, 2))
    pmf[0, 0, 0, 0] = pmf[0, 1, 1, 0] = pmf[0, 2, 1, 1] = 1 / 3
    of_t = [np.log2(3), np.log2(3 / 2), np.log2(3 / 2)]
    assert imin(pmf)[0] / LOG2 == pytest.approx(np.mean(np.minimum(of_t, of_t[::-1])))


def test_mmi_by_hand():
    assert bits(mmi, "copy") == pytest.approx(1.0)
    assert bits(mmi, "unq") == 0.0
    assert bits(mmi, "sum") == pytest.approx(0.5)
    assert bits(mmi, "and") == pytest.approx(1.5 - 0.75 * np.log2(3))


@pytest.mark.parametrize(
    ("name", "expected"), [("rdn", 1.0), ("student_of_task", 1.0), ("copy", 0.0), ("and", 0.0), ("sum", 0.0)]
)
def test_intersection_of_gates(name, expected):
    assert bits(intersection, name) == pytest.approx(expected, abs=1e-14)


def test_intersection_finds_the_common_part():
    # T = (C, A), S = (C, B) with C, A, B fair bits; Y = C flipped with probability 1/4.
    pmf = np.zeros((2, 2, 2, 2, 2))
    for c, a, b, y in product((0, 1), repeat=4):
        pmf[y, c, a, c, b] = (0.75 if y == c else 0.25) / 8
    common = decompose(pmf.reshape(2, 4, 4), measure="intersection")
    assert common.redundancy == pytest.approx(1 + 0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))


def chain(rng, n, n_y, n_t, n_s):
    """Y - S - T: the teacher knows no more than a noisy copy of the student."""
    p_ys = rng.dirichlet(np.ones(n_y * n_s), n).reshape(n, n_y, n_s)
    return np.einsum("nys,nst->nyts", p_ys, rng.dirichlet(np.ones(n_t), (n, n_s)))


def test_intersection_is_the_teachers_information_where_the_teacher_is_a_copy_of_the_student(rng):
    pmf = chain(rng, 20, 3, 4, 5)
    assert intersection(pmf) == pytest.approx(mutual_information(pmf.sum(3)), abs=1e-13)
    assert intersection(pmf.swapaxes(2, 3)) == pytest.approx(mutual_information(pmf.sum(3)), abs=1e-13)


def test_intersection_of_tables_of_counts_is_zero(rng):
    counts = rng.multinomial(1000, np.outer(np.eye(4) + 0.05, np.eye(2).ravel()[:1]).ravel() / 4.8)
    pmf = (1.0 + counts.reshape(4, 4)[None].repeat(2, 0)) * rng.random((2, 4, 4))
    assert intersection((pmf / pmf.sum())[None])[0] == pytest.approx(0.0, abs=1e-14)
    exact = decompose(pmf, normalize=True, measure="intersection")
    assert exact.redundancy == pytest.approx(0.0, abs=1e-14)


def partitions(n):
    """All partitions of n states, each as one label per state."""
    found = [[]]
    for _ in range(n):
        found = [[*labels, new] for labels in found for new in range(max(labels, default=-1) + 2)]
    return found


def best_function(pmf):
    """Largest I(Y; Q) over functions Q of T that tell nothing of Y beyond S: by trying each."""
    n_y, n_t, _ = pmf.shape
    best = 0.0
    for labels in partitions(n_t):
        blocks = np.einsum("yts,tq->yqs", pmf, np.eye(n_t)[labels])
        beyond = mutual_information(blocks.reshape(1, n_y, -1)) - mutual_information(blocks.sum(1)[None])
        if beyond[0] < 1e-13:
            best = max(best, mutual_information(blocks.sum(2)[None])[0])
    return best


def structured(rng, kind):
    n_y, n_t, n_s = rng.integers(2, 4), rng.integers(2, 5), rng.integers(2, 5)
    if kind == "dense":
        return rng.random((n_y, n_t, n_s))
    if kind == "sparse":
        joined = rng.random((n_t, n_s)) < 0.3
        joined[0, 0] = joined[-1, -1] = True
        return rng.random((n_y, n_t, n_s)) * joined
    if kind == "chain":
        return chain(rng, 1, n_y, n_t, n_s)[0]
    if kind == "blocks":
        pmf = np.zeros((n_y, n_t + 1, n_s + 2))
        pmf[:, :n_t, :n_s] = chain(rng, 1, n_y, n_t, n_s)[0]
        pmf[:, n_t:, n_s:] = rng.random((n_y, 1, 2))
        return pmf
    sparse = structured(rng, "sparse")
    return np.concatenate([0.3 * sparse, 0.7 * sparse[:, [0]], 0.3 * sparse[:, [-1]]], axis=1)


@pytest.mark.parametrize("kind", ["dense", "sparse", "chain", "blocks", "split"])
def test_intersection_is_the_best_of_all_functions(rng, kind):
    for _ in range(15):
        pmf = structured(rng, kind)
        pmf = pmf / pmf.sum()
        found = intersection(pmf[None])[0]
        assert found == pytest.approx(max(best_function(pmf), best_function(pmf.swapaxes(1, 2))), abs=1e-12)
        assert found <= decompose(pmf, base=np.e).redundancy + 1e-9


def test_intersection_can_leave_a_negative_synergy():
    found = decompose(named_gate("copy"), measure="intersection")
    assert found.redundancy == pytest.approx(0.0, abs=1e-14)
    # The bits of Y share I(T; S), which the bound does not see.
    assert found.synergy == pytest.approx(-(1 - (2 - 0.75 * np.log2(3))))


def test_the_measures_are_in_order(rng):
    for concentration in (1.0, 0.1, 0.03):
        batch = rng.dirichlet(np.full(24, concentration), 50).reshape(50, 2, 3, 4)
        found = {name: decompose(batch, measure=name).redundancy for name in ("broja", *CLOSED_FORMS)}
        assert (found["intersection"] <= found["broja"] + 1e-8).all()
        assert (found["broja"] <= found["mmi"] + 1e-8).all()
        assert (found["imin"] <= found["mmi"] + 1e-12).all()
        assert (found["broja"] <= found["imin"] + 1e-8).all()


def test_components():
    joined = np.zeros((2, 6, 6), dtype=bool)
    for a, b in [(5, 0), (3, 5), (2, 4)]:
        joined[0, a, b] = joined[0, b, a] = True
    path = np.arange(5)
    joined[1, path, path + 1] = joined[1, path + 1, path] = True
    assert components(joined).tolist() == [[0, 1, 2, 0, 2, 0], [0] * 6]
    assert components(np.zeros((1, 3, 3), dtype=bool)).tolist() == [[0, 1, 2]]
