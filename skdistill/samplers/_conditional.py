"""Conditional sampling: every value redrawn given the rest of its row."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import Interval
from skdistill.samplers._base import BaseSampler, spread_rows
from skdistill.samplers._column_models import MIN_ROWS, ConditionalModels

CHUNK_ROWS = 32_768

__all__ = ["ConditionalSampler"]


class ConditionalSampler(BaseSampler):
    r"""Rows whose values are redrawn one by one given all others.

    Each new row starts as a row of the table. Then some of its values, column by column in random order, are
    redrawn from an estimate of :math:`p(x_j \mid x_{-j})` by gradient boosting: Gibbs sampling that starts at
    the data and stays near it, as in FAST-DAD [1]_. All rows of the table are used equally often.

    Parameters
    ----------
    n_sweeps : int, default=1
        How many passes over the columns are made. More sweeps go further from the rows of the table, and let
        errors of the estimates add up.
    redraw_probability : float, default=0.25
        Probability that a value is redrawn in a sweep, in (0, 1]. The lower it is, the nearer new rows stay
        to those of the table. With 1 every value of a row is new, which is a full Gibbs pass.
    max_iter : int, default=50
        Boosting rounds of each estimate.
    max_fit_rows : int or None, default=10000
        The estimates are fitted on so many rows, chosen by chance, which bounds the time of `fit`; None means
        all rows.
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, as names, indices or a mask, besides those whose dtype is not numeric.
        ``"from_dtype"`` means only those: categories, strings, objects, booleans and dates; in a numpy array
        of objects, the columns that hold anything but numbers.
    random_state : int, RandomState instance or None, default=None
        Seeds `fit`, and `sample` where that is given no seed of its own.

    Attributes
    ----------
    is_categorical_ : ndarray of shape (n_features,), bool
        Which columns are handled as categories.
    n_rows_in_ : int
        Number of rows seen in `fit`.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where all of them are strings.

    See Also
    --------
    MungeSampler : Rows mixed with their nearest neighbours; much faster.
    MixupSampler : Convex combinations of two rows.

    Notes
    -----
    The table is cut in two halves, and the estimates for a row were fitted on the half it is not in: an
    estimate that had seen the row would mostly give its own value back. A number is regressed on its rank
    scale, and the residual of a held-out row with nearly the same prediction is added, so that scatter which
    does not go with the prediction is averaged. A category is drawn from the predicted probabilities; its
    rare levels, and those beyond the 32 most frequent, are told apart only by how often they occur. Missing
    values are drawn as well. [1]_ estimates the conditionals with a self-attention network. With fewer than
    40 rows there is little to learn from, and values are drawn from their columns.

    References
    ----------
    .. [1] Fakoor, R., Mueller, J., Erickson, N., Chaudhari, P., Smola, A. J. (2020). Fast, accurate, and
       simple models for tabular data via augmented distillation. NeurIPS, Section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.samplers import ConditionalSampler
    >>> X, _ = load_iris(return_X_y=True)
    >>> sampler = ConditionalSampler(max_iter=20, random_state=0).fit(X)
    >>> sampler.sample(500).shape
    (500, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSampler._parameter_constraints,
        "n_sweeps": [Interval(Integral, 1, None, closed="left")],
        "redraw_probability": [Interval(Real, 0, 1, closed="right")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_fit_rows": [Interval(Integral, 2 * MIN_ROWS, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        n_sweeps: int = 1,
        redraw_probability: float = 0.25,
        max_iter: int = 50,
        max_fit_rows: int | None = 10_000,
        categorical_features: str | ArrayLike = "from_dtype",
        random_state: Any = None,
    ) -> None:
        self.n_sweeps = n_sweeps
        self.redraw_probability = redraw_probability
        self.max_iter = max_iter
        self.max_fit_rows = max_fit_rows
        self.categorical_features = categorical_features
        self.random_state = random_state

    def _prepare(self, rng: np.random.Generator) -> None:
        self._models = ConditionalModels(
            self._schema,
            self._values,
            max_iter=self.max_iter,
            max_fit_rows=self.max_fit_rows,
            rng=rng,
        )

    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = spread_rows(n, len(self._values), rng)
        values = self._values[rows]
        for start in range(0, n, CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            for _ in range(self.n_sweeps):
                folds = self._models.fold[rows[part]]
                self._models.sweep(values[part], folds, self.redraw_probability, rng)
        return values
