"""What rows in states tell: the decomposition of their table, corrected, with intervals and p-values."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skdistill.information._bias import (
    ANALYTIC,
    atoms_from,
    entropy_bias,
    information_terms,
    largest_terms,
    ordered_terms,
    resampled_bias,
)
from skdistill.information._decompose import decompose
from skdistill.information._pmf import PartialInformation
from skdistill.information._sample import Sample

__all__ = ["ATOMS", "NAMES", "RowMeasurement", "measure_rows", "unit_of"]

ATOMS = ("redundancy", "unique_teacher", "unique_student", "synergy")
NAMES = (*ATOMS, "mutual_information", "information_teacher", "information_student")
UNIQUE = [1, 2]
# Measures none of whose atoms can be negative, so that the corrected ones must not be either.
NONNEGATIVE = ("broja", "imin", "mmi")
# In nats; resamples scatter by far more than this.
REPLICATE_TOL = 1e-6
ROUNDING = 1e-12
BLOCK_CELLS = 2_000_000
# From a number of tables to their terms, shape (n, 4).
Draw = Callable[[int], np.ndarray]
# Which variable is permuted, among which rows, and what is 0 then.
NULLS = (
    ("y", None, ("mutual_information",)),
    ("t", None, ("redundancy", "information_teacher")),
    ("s", None, ("redundancy", "information_student")),
    ("t", "s", ("synergy",)),
    ("s", "t", ("synergy",)),
)


def unit_of(base: float) -> str:
    """Name the unit of information to a base."""
    known = {2.0: "bit", math.e: "nat", 10.0: "hartley"}
    return known.get(float(base), f"(log base {base:g})")


@dataclass(frozen=True, eq=False)
class RowMeasurement:
    """What was measured on rows, by the names in `NAMES`.

    Parameters
    ----------
    pmf : ndarray of shape (n_y, n_t, n_s)
        The table of shares.
    plug_in : PartialInformation
        Its decomposition.
    values, bias : dict of str to float
        The corrected quantities, and what was taken off.
    intervals : dict of str to tuple of float, default=None
        Ends of their intervals.
    p_values : dict of str to float, default=None
        Of the hypothesis that they are 0.
    """

    pmf: np.ndarray
    plug_in: PartialInformation
    values: dict[str, float]
    bias: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    p_values: dict[str, float]


def measure_rows(
    sample: Sample,
    *,
    measure: str,
    base: float,
    bias_correction: str | None,
    n_bootstrap: int,
    n_permutations: int,
    confidence_level: float,
    rng: np.random.RandomState,
) -> RowMeasurement:
    """Decompose the table of rows, correct it, and resample.

    Parameters
    ----------
    sample : Sample
        The rows.
    measure, base, bias_correction, n_bootstrap, n_permutations, confidence_level : object
        As in `PIDEstimator`.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    RowMeasurement
        The quantities.
    """
    # Seeded apart, so that asking for intervals changes nothing else.
    seeds = [int(seed) for seed in rng.randint(np.iinfo(np.int32).max, size=3)]
    scheme = _Scheme(measure, base, bias_correction)
    pmf = sample.pmf()
    plug_in = decompose(pmf, measure=measure, base=base)
    before = information_terms(plug_in)
    bias = scheme.bias(sample, before, np.random.RandomState(seeds[0]))
    loose = before - bias
    values = _quantities(scheme.ordered(loose, sample.shape))
    found = RowMeasurement(pmf, plug_in, _by_name(values), _by_name(_quantities(before) - values), {}, {})
    # Between sources that are equally good the union is a maximum of equals: its bias falls with the root of the number
    # of rows, and what is extrapolated in 1 / n is half of it.
    slack = max(float(bias[3]), 0.0)
    if n_bootstrap:
        drawn = scheme.resampled(sample, n_bootstrap, _quantities(loose), np.random.RandomState(seeds[1]))
        ends = zip(*(end.tolist() for end in scheme.interval(drawn, values, slack, confidence_level)), strict=True)
        found = replace(found, intervals=dict(zip(NAMES, ends, strict=True)))
    if n_permutations:
        again = np.random.RandomState(seeds[2])
        p_values = scheme.p_values(sample, _quantities(before), n_permutations, again)
        drawn = scheme.resampled(sample, n_permutations, _quantities(loose), again)
        zero = slack + 2 * REPLICATE_TOL / math.log(base)
        shares = (1 + (drawn[:, UNIQUE] <= zero).sum(axis=0)) / (1 + n_permutations)
        p_values |= dict(zip([NAMES[i] for i in UNIQUE], shares.tolist(), strict=True))
        found = replace(found, p_values=p_values)
    return found


def _quantities(terms: np.ndarray) -> np.ndarray:
    """Return what `NAMES` names, of terms (..., 4): shape (..., 7)."""
    return np.concatenate([atoms_from(terms), terms[..., [2, 0, 1]]], axis=-1)


def _by_name(values: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, values.tolist(), strict=True))


def _in_blocks(total: int, n_cells: int, make: Draw) -> np.ndarray:
    """Stack what `make` gives for `total` tables of so many cells, a bounded number at a time."""
    step = max(1, BLOCK_CELLS // n_cells)
    return np.concatenate([make(min(step, total - start)) for start in range(0, total, step)])


@dataclass(frozen=True)
class _Scheme:
    """How tables are decomposed and corrected, for the rows and for what is drawn from them."""

    measure: str
    base: float
    correction: str | None

    def measured(self, tables: np.ndarray) -> np.ndarray:
        return information_terms(decompose(tables, measure=self.measure, base=self.base, tol=REPLICATE_TOL))

    def ordered(self, terms: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        if self.measure not in NONNEGATIVE:
            return terms
        # Corrected entropies may count on states that no row has, and then exceed what those of the table can tell.
        return ordered_terms(np.minimum(terms, largest_terms(shape) / math.log(self.base)))

    def known(self, counts: np.ndarray, inflation: float) -> np.ndarray:
        """Return the part of the bias that has a formula, shape (n, 4); of the union, what it shares with a source."""
        bias = np.zeros((len(counts), 4))
        if self.correction in ANALYTIC:
            bias[:, :3] = entropy_bias(counts, self.correction) * (inflation / math.log(self.base))
            bias[:, 3] = bias[:, :2].mean(axis=1)
        return bias

    def bias(self, sample: Sample, terms: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return the bias of the four terms.

        What the union has beyond a source, which is a unique part, has no formula: beside formulas for the rest it is
        found by the jackknife, as the mean over both sources.
        """
        if self.correction is None:
            return np.zeros(4)
        if self.correction not in ANALYTIC:
            return resampled_bias(sample, terms, self.measured, self.correction, rng)
        found = resampled_bias(sample, terms, self.measured, "jackknife", rng)
        bias = self.known(sample.counts()[None], sample.inflation)[0]
        bias[3] += found[3] - found[:2].mean()
        return bias

    def resampled(self, sample: Sample, n: int, centre: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return the quantities on resampled rows, moved such that their mean is the estimate, shape (n, 7)."""

        def draw(count: int) -> np.ndarray:
            tables, counts = sample.bootstrap(count, rng)
            return self.measured(tables) - self.known(counts, sample.inflation)

        drawn = _quantities(_in_blocks(n, int(np.prod(sample.shape)), draw))
        return np.asarray(drawn - drawn.mean(axis=0) + centre)

    def interval(
        self, drawn: np.ndarray, values: np.ndarray, slack: float, level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return quantiles of resamples about the estimate, widened to hold it; each of shape (7,).

        `slack` is what may be left of the bias of the union: the unique parts may be less by it, the rest more.
        """
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        low[UNIQUE] -= slack
        high[[0, 3]] += slack
        if self.measure in NONNEGATIVE:
            # An estimate that was lifted to 0 lifts its upper end with it: 0 is no certainty.
            high += np.maximum(values - drawn.mean(axis=0), 0.0)
            # What is 0 but for rounding must not seem to be sure to be more.
            low, high = np.where(low > ROUNDING, low, 0.0), np.maximum(high, 0.0)
        return np.minimum(low, values), np.maximum(high, values)

    def p_values(self, sample: Sample, observed: np.ndarray, n: int, rng: np.random.RandomState) -> dict[str, float]:
        """Return the share of permuted tables with at least as much of each quantity; the larger of several shares."""
        found = dict.fromkeys(NAMES, 0.0)
        # What the solver leaves open must not make equal tables unequal.
        reached = observed - 2 * REPLICATE_TOL / math.log(self.base)
        for what, within, names in NULLS:

            def permute(count: int, what: str = what, within: str | None = within) -> np.ndarray:
                return self.measured(sample.permuted(count, what, within, rng))

            drawn = _quantities(_in_blocks(n, int(np.prod(sample.shape)), permute))
            shares = (1 + (drawn >= reached).sum(axis=0)) / (1 + n)
            for name in names:
                found[name] = max(found[name], float(shares[NAMES.index(name)]))
        return found
