"""Partial information of two sources about a target, measured on rows."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistill._optional import import_optional
from skdistill._sklearn import Interval, StrOptions, fit_context
from skdistill.information._bias import CORRECTIONS
from skdistill.information._encoding import apply_encoder, carried_states, default_states, encode_target, fit_encoder
from skdistill.information._rows import NAMES, measure_rows, unit_of
from skdistill.information._sample import Sample, effective_rows
from skdistill.information._sources import check_lengths, read_rows, read_source

__all__ = ["PIDEstimator"]


class PIDEstimator(BaseEstimator):
    """How much of a target two sources share, hold alone, and hold only together, measured on rows.

    The sources become discrete states, the states and the target a table of shares, and the table is decomposed. What
    the small number of rows adds is taken off; intervals come from resampled rows.

    Parameters
    ----------
    measure : str, default="broja"
        As in `decompose`.
    encoder : {"auto", "class", "kmeans", "label", "quantile"}, object or pair, default="auto"
        How a source becomes states: the column of greatest value; principal components and k-means; a single discrete
        column as it is; quantiles of each column; or a clusterer or transformer that gives whole numbers, which is
        cloned. "auto" takes a single column of strings, booleans or at most 50 whole numbers as it is, cuts any other
        single column by quantiles, and clusters several columns. A pair (for T, for S) treats them differently.
    n_states : int, default=None
        Number of states of each source, for "kmeans" and "quantile". None takes as many as leave 4 rows for each cell
        of the table, at least 2 and at most 10.
    target_states : int, default=None
        Number of quantile bins of a continuous y. None asks for a discrete one.
    bias_correction : {"chao", "miller_madow", "permutation", "extrapolation", "jackknife"}, default="chao"
        How the bias is estimated; None takes nothing off. See Notes.
    n_bootstrap : int, default=0
        Number of resamples behind `intervals_`; 0 gives none. Some hundreds are a good number.
    n_permutations : int, default=0
        Number of permutations, and for the unique parts of resamples, behind `p_values_`; 0 gives none.
    confidence_level : float, default=0.95
        Of the intervals.
    base : float, default=2.0
        Of the logarithm: 2 for bits, e for nats.
    random_state : int, RandomState instance or None, default=None
        Seeds the clusters, the resamples and the permutations.

    Attributes
    ----------
    redundancy_ : float
        What both sources tell about y: of a teacher and its student, what was transferred.
    unique_teacher_ : float
        What T alone tells: what is left to distil.
    unique_student_ : float
        What S alone tells.
    synergy_ : float
        What only both together tell.
    mutual_information_ : float
        I(Y;T,S), the sum of the four.
    information_teacher_, information_student_ : float
        I(Y;T) and I(Y;S).
    intervals_ : dict of str to tuple of float
        Ends (low, high) for each of the seven quantities, by its name without the underscore; empty without resamples.
    p_values_ : dict of str to float
        Of the hypothesis that the quantity is 0; empty without permutations.
    plug_in_ : PartialInformation
        The decomposition of the table itself, nothing taken off.
    bias_ : dict of str to float
        What was taken off each of the seven quantities.
    gap_ : float
        Certified error of the decomposition, in nats.
    converged_ : bool
        Whether it is as small as was asked for.
    pmf_ : ndarray of shape (n_y, n_t, n_s)
        The table of shares.
    n_rows_ : int
        Number of rows with a weight above 0.
    target_states_ : object
        Encoder of y, with `n_states_`.
    teacher_states_, student_states_ : object
        Encoders of T and S, with `n_states_`.

    See Also
    --------
    decompose : The same for a known distribution.
    distilled_information : The same for two fitted models.

    Notes
    -----
    "chao" replaces the entropies in the three mutual informations by those of Chao, Wang and Jost, which count the
    cells seen once and twice; "miller_madow" adds (occupied cells - 1) / 2n to each. Both find the bias of the unique
    parts by the jackknife. The remaining three find all of it from further tables: "permutation" subtracts what is
    there with y permuted, "extrapolation" follows the terms from quarters and halves of the rows to infinitely many,
    "jackknife" from the rows without one of 5 groups at a time.

    Root mean squared error of the four atoms, in bits, over eight families of known distributions (noisy classes, a
    degraded student, shared noise, random tables, nearly independent ones, a student that errs as often as its teacher,
    one that copies it, one nearly as good), by `benchmarks/information_bias.py`; standard errors are 1 to 4 % of it:

    ==========  ======  ======  ======  ============  ===========  =============  =========
    cells       rows    none    chao    miller_madow  permutation  extrapolation  jackknife
    ==========  ======  ======  ======  ============  ===========  =============  =========
    2x3x3       200     0.0428  0.0429  0.0428        0.0425       0.0436         0.0428
    5x5x5       200     0.1222  0.0876  0.1020        0.1254       0.0924         0.0918
    5x5x5       1000    0.0471  0.0374  0.0382        0.0435       0.0373         0.0374
    5x5x5       10000   0.0144  0.0123  0.0123        0.0145       0.0123         0.0123
    10x10x10    200     0.3220  0.2152  0.3237        0.2597       0.3130         0.3005
    10x10x10    1000    0.1605  0.0684  0.1194        0.1686       0.0838         0.0881
    10x10x10    3000    0.0795  0.0365  0.0507        0.0710       0.0387         0.0407
    10x10x10    10000   0.0352  0.0184  0.0211        0.0283       0.0191         0.0191
    ==========  ======  ======  ======  ============  ===========  =============  =========

    Largest, in all but the smallest table, are the errors of a student that is as good as its teacher and errs
    elsewhere: of both unique parts, which are 0, "chao" leaves 54 to 77 % of the plug-in's error.

    Corrected terms that chance brings out of order, or above what so many states can tell, are moved such that no atom
    is below 0 and their sum at most the logarithm of the number of labels; negative atoms of a measure are kept.

    Intervals are the quantiles of resampled rows, moved such that their mean is the estimate: resampling a table adds
    bias once more, and plain percentiles then miss the truth. The unique parts reach lower, and the redundancy and the
    synergy higher, by what was taken off the union of the sources, since half of its bias may be left. In these
    families, with 300 rows in 4 x 4 x 4 cells, 82 to 100 % of an atom's 95 % intervals held the truth; 78 % where the
    synergy is 0 and the student copies the teacher (1000 rows in 5 x 5 x 5 cells: 85 to 100 %, and 68 %).

    p-values: y is permuted among all rows for the mutual information; T, or S, among all rows for the redundancy, and
    among the rows that agree in the state of the other source for the synergy, of which the larger p-value counts. A
    unique part can be 0 in too many ways to permute for; its p-value is the share of resamples not above 0.

    References
    ----------
    Bertschinger, Rauh, Olbrich, Jost, Ay: Quantifying unique information, Entropy 16, 2014. Dissanayake et al.:
    Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025. Chao, Wang, Jost: Entropy
    and the species accumulation curve, Methods in Ecology and Evolution 4, 2013.

    Examples
    --------
    The target is the exclusive or of a bit that T has and one that only S has:

    >>> import numpy as np
    >>> from skdistill.information import PIDEstimator
    >>> rng = np.random.default_rng(0)
    >>> T, S = rng.integers(0, 2, size=(2, 1000))
    >>> pid = PIDEstimator().fit(T, S, T ^ S)
    >>> round(pid.synergy_, 2), round(pid.redundancy_, 2)
    (1.0, 0.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "measure": [str],
        "encoder": [str, tuple, list, object],
        "n_states": [Interval(Integral, 1, None, closed="left"), None],
        "target_states": [Interval(Integral, 2, None, closed="left"), None],
        "bias_correction": [StrOptions(set(CORRECTIONS)), None],
        "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "base": [Interval(Real, 1, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        measure: str = "broja",
        encoder: Any = "auto",
        n_states: int | None = None,
        target_states: int | None = None,
        bias_correction: str | None = "chao",
        n_bootstrap: int = 0,
        n_permutations: int = 0,
        confidence_level: float = 0.95,
        base: float = 2.0,
        random_state: Any = None,
    ) -> None:
        self.measure = measure
        self.encoder = encoder
        self.n_states = n_states
        self.target_states = target_states
        self.bias_correction = bias_correction
        self.n_bootstrap = n_bootstrap
        self.n_permutations = n_permutations
        self.confidence_level = confidence_level
        self.base = base
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, T: Any, S: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "PIDEstimator":
        """Find states of both sources, and measure.

        Parameters
        ----------
        T, S : array-like of shape (n_rows,) or (n_rows, n_columns)
            The teacher's and the student's representation of the same rows, or their states.
        y : array-like of shape (n_rows,)
            The target.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        PIDEstimator
            The estimator itself.

        Raises
        ------
        ValueError
            If lengths differ, there are fewer than 2 rows or more states than rows, values are missing, or y is
            continuous.
        """
        T, S, labels, weight = read_rows(T, S, y, sample_weight)
        rng = check_random_state(self.random_state)
        self.target_states_ = encode_target(labels, self.target_states)
        n_states = self._number_of_states(
            len(labels), effective_rows(weight, len(labels)), self.target_states_.n_states_
        )
        self._encode_sources(T, S, n_states, rng)
        return self._measure(T, S, labels, weight, rng)

    @fit_context(prefer_skip_nested_validation=True)
    def fit_states(self, T: Any, S: Any) -> "PIDEstimator":
        """Find states of both sources on rows without a target, for `evaluate` to measure with.

        Parameters
        ----------
        T, S : array-like of shape (n_rows,) or (n_rows, n_columns)
            The teacher's and the student's representation of the same rows.

        Returns
        -------
        PIDEstimator
            The estimator itself, with `teacher_states_` and `student_states_`.

        Raises
        ------
        ValueError
            If `n_states` is None, which only a target can decide.
        """
        if self.n_states is None:
            raise ValueError(
                "n_states must be a number where states are found without a target, got None. Set it, or call fit."
            )
        sources = read_source(T, "T"), read_source(S, "S")
        check_lengths({"T": sources[0], "S": sources[1]})
        n_states = self._number_of_states(len(sources[0]), len(sources[0]), 1)
        self._encode_sources(*sources, n_states, check_random_state(self.random_state))
        return self

    def evaluate(self, T: Any, S: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "PIDEstimator":
        """Measure on other rows with the states that `fit` or `fit_states` found.

        Parameters
        ----------
        T, S : array-like of shape (n_rows,) or (n_rows, n_columns)
            The same representations; a row unlike those of `fit` gets the nearest state.
        y : array-like of shape (n_rows,)
            The target.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        PIDEstimator
            Another estimator, with the measurements on these rows; this one stays as it is.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        check_is_fitted(self, "teacher_states_")
        T, S, labels, weight = read_rows(T, S, y, sample_weight)
        other = clone(self)
        other.teacher_states_, other.student_states_ = self.teacher_states_, self.student_states_
        # Labels need no rows to be found on; the cuts of a continuous target do.
        kept = self.target_states is not None and hasattr(self, "target_states_")
        other.target_states_ = self.target_states_ if kept else encode_target(labels, self.target_states)
        return other._measure(T, S, labels, weight, check_random_state(self.random_state))

    def text(self, digits: int = 2) -> str:
        """Say in a sentence what was shared and what is left.

        Parameters
        ----------
        digits : int, default=2
            Digits behind the point.

        Returns
        -------
        str
            The sentence, with intervals where there are some.
        """
        check_is_fitted(self, "redundancy_")

        def shown(name: str) -> str:
            value = f"{getattr(self, f'{name}_'):.{digits}f} {unit_of(self.base)}"
            if name not in self.intervals_:
                return value
            low, high = self.intervals_[name]
            return f"{value} [{low:.{digits}f}, {high:.{digits}f}]"

        return (
            f"The student shares {shown('redundancy')} of the {shown('information_teacher')} that the teacher knows "
            f"about y; {shown('unique_teacher')} is left to distil, and the student alone knows "
            f"{shown('unique_student')}."
        )

    def frame(self) -> Any:
        """Return the seven quantities as a table.

        Returns
        -------
        DataFrame
            One row per quantity, with the columns value, low, high, p_value, plug_in and bias; NaN for what was not
            asked for.

        Raises
        ------
        OptionalDependencyError
            If pandas is not installed.
        """
        check_is_fitted(self, "redundancy_")
        pandas = import_optional("pandas", caller="PIDEstimator.frame", extra="plot")
        none = (np.nan, np.nan)
        rows = [
            (
                getattr(self, f"{name}_"),
                *self.intervals_.get(name, none),
                self.p_values_.get(name, np.nan),
                getattr(self.plug_in_, name),
                self.bias_[name],
            )
            for name in NAMES
        ]
        return pandas.DataFrame(rows, index=list(NAMES), columns=["value", "low", "high", "p_value", "plug_in", "bias"])

    def _number_of_states(self, n_rows: int, n_effective: float, n_y: int) -> int:
        if self.n_states is None:
            return min(default_states(n_effective, n_y), n_rows)
        if self.n_states > n_rows:
            raise ValueError(
                f"n_states must be at most the number of rows, {n_rows}, got {self.n_states}. These rows carry about "
                f"{max(carried_states(n_rows, n_y), 1)} states."
            )
        return self.n_states

    def _encode_sources(self, T: np.ndarray, S: np.ndarray, n_states: int, rng: np.random.RandomState) -> None:
        pair = self.encoder if isinstance(self.encoder, tuple | list) else (self.encoder, self.encoder)
        if len(pair) != 2:
            raise ValueError(f"encoder must be one encoder, or a pair (for T, for S), got {len(pair)}. Pass a pair.")
        seeds = rng.randint(np.iinfo(np.int32).max, size=2)
        self.teacher_states_ = fit_encoder(pair[0], T, n_states, int(seeds[0]))
        self.student_states_ = fit_encoder(pair[1], S, n_states, int(seeds[1]))

    def _measure(
        self, T: np.ndarray, S: np.ndarray, y: np.ndarray, weight: np.ndarray | None, rng: np.random.RandomState
    ) -> "PIDEstimator":
        sample = self._sample(T, S, y, weight)
        found = measure_rows(
            sample,
            measure=self.measure,
            base=self.base,
            bias_correction=self.bias_correction,
            n_bootstrap=self.n_bootstrap,
            n_permutations=self.n_permutations,
            confidence_level=self.confidence_level,
            rng=rng,
        )
        self.n_rows_, self.pmf_, self.plug_in_ = sample.n_rows, found.pmf, found.plug_in
        self.gap_, self.converged_ = found.plug_in.gap, found.plug_in.converged
        for name, value in found.values.items():
            setattr(self, f"{name}_", value)
        self.bias_, self.intervals_, self.p_values_ = found.bias, found.intervals, found.p_values
        return self

    def _sample(self, T: np.ndarray, S: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Sample:
        encoders = (self.target_states_, self.teacher_states_, self.student_states_)
        codes = [apply_encoder(encoder, part) for encoder, part in zip(encoders, (y, T, S), strict=True)]
        n_y, n_t, n_s = shape = tuple(int(encoder.n_states_) for encoder in encoders)
        sample = Sample(codes[0], codes[1], codes[2], (n_y, n_t, n_s), weight)
        n_cells, n_rows = int(np.prod(shape)), effective_rows(weight, sample.n_rows)
        if n_cells > n_rows:
            carried = carried_states(n_rows, shape[0])
            advice = (
                f"about {carried} states of each source; set n_states={carried}" if carried else "fewer than 2 states"
            )
            warnings.warn(
                f"The table has {' x '.join(map(str, shape))} = {n_cells} cells for {n_rows:.0f} rows, too few to "
                f"correct the bias with certainty. These rows carry {advice}, or measure on more rows.",
                stacklevel=4,
            )
        return sample
