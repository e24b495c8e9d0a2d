"""dit: there and back, its measures by name, and where its answers and ours must be the same."""

import importlib
import re
import sys

import numpy as np
import pytest

from skdistill.exceptions import OptionalDependencyError
from skdistill.information import decompose, from_dit, named_gate, to_dit

ATOMS = ("redundancy", "unique_teacher", "unique_student", "synergy")


def atoms(found):
    return np.array([getattr(found, name) for name in ATOMS])


def sparse_batch(rng, n=12, shape=(2, 3, 4)):
    """Distributions with impossible pairs of (t, s), so that there can be a common part."""
    batch = rng.random((n, *shape)) * (rng.random((n, 1, *shape[1:])) < 0.35)
    batch[:, :, 0, 0] += 0.1
    return batch / batch.sum((1, 2, 3), keepdims=True)


@pytest.mark.needs("dit")
def test_there_and_back(rng):
    pmf = rng.dirichlet(np.ones(2 * 12 * 3)).reshape(2, 12, 3)
    dist = to_dit(pmf)
    assert dist.get_rv_names() == ("T", "S", "Y")
    assert from_dit(dist) == pytest.approx(pmf, abs=1e-15)
    assert from_dit(dist, target="S", teacher="Y", student="T") == pytest.approx(pmf.transpose(2, 0, 1), abs=1e-15)
    assert from_dit(dist, target=-1, teacher=[0], student=(1,)) == pytest.approx(pmf, abs=1e-15)


@pytest.mark.needs("dit")
def test_from_dit_joins_and_sums_out(rng):
    dit = importlib.import_module("dit")
    masses = rng.dirichlet(np.ones(24)).reshape(2, 3, 2, 2)
    dist = dit.Distribution(list(np.ndindex(2, 3, 2, 2)), masses.ravel().tolist())
    dist.set_base(2)
    joined = from_dit(dist, teacher=[0, 1], student=2, target=3)
    assert joined == pytest.approx(masses.reshape(6, 2, 2).transpose(2, 0, 1), abs=1e-15)
    assert from_dit(dist, teacher=1, student=2, target=0) == pytest.approx(masses.sum(3), abs=1e-15)


@pytest.mark.needs("dit")
def test_from_dit_leaves_out_states_without_mass():
    dit = importlib.import_module("dit")
    assert from_dit(dit.Distribution(["a0x", "c0y"], [0.25, 0.75])).tolist() == [[[0.25], [0.0]], [[0.0], [0.75]]]


@pytest.mark.needs("dit")
@pytest.mark.parametrize("wrong", [{"teacher": 7}, {"student": "Z"}, {"target": [0.5]}, {"target": None}])
def test_from_dit_says_which_variables_it_needs(wrong):
    with pytest.raises(ValueError, match=r"dist must be a dit\.Distribution with the variables .* Name its variables"):
        from_dit(to_dit(named_gate("and")), **wrong)


def test_from_dit_refuses_what_is_no_distribution():
    with pytest.raises(ValueError, match="got ndarray"):
        from_dit(np.ones((2, 2, 2)) / 8)


@pytest.mark.needs("dit")
def test_to_dit_checks_and_takes_one_problem():
    with pytest.raises(ValueError, match=r"must be one distribution .* got a batch of 2"):
        to_dit(np.full((2, 2, 2, 2), 1 / 8))
    with pytest.raises(ValueError, match="must sum to 1, got 8"):
        to_dit(np.ones((2, 2, 2)))
    assert sum(to_dit(np.ones((2, 2, 2)), normalize=True).pmf) == pytest.approx(1.0)


@pytest.mark.needs("dit")
@pytest.mark.parametrize(("ours", "theirs"), [("imin", "PID_WB"), ("mmi", "PID_MMI")])
def test_the_same_measure_gives_the_same_atoms(rng, ours, theirs):
    batch = np.concatenate([sparse_batch(rng), rng.dirichlet(np.ones(24), 4).reshape(4, 2, 3, 4)])
    assert atoms(decompose(batch, measure=ours)) == pytest.approx(atoms(decompose(batch, measure=theirs)), abs=1e-9)


@pytest.mark.needs("dit")
def test_intersection_is_at_least_the_information_of_the_common_part(rng):
    batch = sparse_batch(rng, n=30)
    ours, theirs = decompose(batch, measure="intersection"), decompose(batch, measure="PID_GK")
    assert (ours.redundancy >= theirs.redundancy - 1e-12).all()
    equal = np.abs(ours.redundancy - theirs.redundancy) < 1e-9
    assert (equal & (theirs.redundancy > 1e-3)).sum() >= 5
    # Y - S - T: no state of T is a function of S, and yet T tells nothing that S does not.
    chain = np.einsum("ys,st->yts", rng.dirichlet(np.ones(4)).reshape(2, 2), rng.dirichlet(np.ones(3), 2))
    assert decompose(chain, measure="PID_GK").redundancy == pytest.approx(0.0, abs=1e-9)
    found = decompose(chain, measure="intersection")
    assert found.redundancy == pytest.approx(found.information_teacher) != pytest.approx(0.0, abs=1e-4)


@pytest.mark.needs("dit")
def test_a_measure_of_dit_by_name():
    batch = np.stack([named_gate("and"), named_gate("xor")])
    found = decompose(batch, measure="PID_CCS", base=np.e)
    assert found.measure == "PID_CCS"
    assert atoms(found).sum(0) == pytest.approx(found.mutual_information)
    # Of AND only T = S = Y = 0, of mass 1/4, counts there: each source alone changes its surprisal by log2(4/3), and
    # so do both together.
    assert found.redundancy[0] == pytest.approx(0.25 * np.log(4 / 3))
    assert np.isnan(found.gap).all()
    assert not found.converged.any()
    single = decompose(batch[0], measure="PID_PM")
    assert single.unique_teacher == pytest.approx(-0.25)
    assert single.converged is False


@pytest.mark.needs("dit")
def test_an_unknown_measure_is_told_what_there_is():
    message = "measure must be one of 'broja', 'imin', 'mmi', 'intersection', or a class of dit.pid, got 'brojaa'."
    with pytest.raises(ValueError, match=re.escape(message) + r" The installed dit has PID_BROJA, .*PID_WB"):
        decompose(named_gate("and"), measure="brojaa")


def test_without_dit_the_error_names_our_measures_and_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "dit", None)
    with pytest.raises(OptionalDependencyError) as raised:
        decompose(named_gate("and"), measure="PID_CCS")
    for part in ("'PID_CCS'", "'broja', 'imin', 'mmi', 'intersection'", "pip install 'skdistill[dit]'"):
        assert part in str(raised.value)
    with pytest.raises(OptionalDependencyError, match="to_dit needs the package 'dit'"):
        to_dit(named_gate("and"))
