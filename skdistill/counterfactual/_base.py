"""What all generators of counterfactuals share: checks, the model, and the last word on every row."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from skdistill._containers import table_format
from skdistill._sklearn import Interval, StrOptions, fit_context, num_samples
from skdistill.counterfactual._checks import check_model_columns, check_order, class_codes, thresholds, usable_model
from skdistill.counterfactual._distance import Neighbourhood, changed_columns, column_distances, distance
from skdistill.counterfactual._forms import QueryForm
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._result import CounterfactualSet
from skdistill.counterfactual._space import FeatureSpace

__all__ = ["BaseCounterfactual", "Queries"]


@dataclass(frozen=True)
class Queries:
    """Rows to be changed, and what the model says of them.

    Attributes
    ----------
    values : ndarray of shape (n, n_columns), float64
        The rows, encoded.
    target : ndarray of shape (n,), int
        Position of the wanted class in `classes_`.
    threshold : ndarray of shape (n,)
        The probability of it that is demanded.
    proba : ndarray of shape (n, n_classes)
        What the model says of the rows themselves.
    other : ndarray of shape (n,), bool
        Whether the model favours another class, so that it must favour the target afterwards.
    """

    values: np.ndarray
    target: np.ndarray
    threshold: np.ndarray
    proba: np.ndarray
    other: np.ndarray

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.target)

    def take(self, rows: np.ndarray | slice) -> "Queries":
        """Return some of the rows, given as positions, a mask or a slice."""
        return Queries(*(getattr(self, part.name)[rows] for part in fields(self)))

    def meets(self, proba: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Tell which answers are valid.

        Parameters
        ----------
        proba : ndarray of shape (m, n_classes)
            Answers about candidates.
        rows : ndarray of shape (m,), int, default=slice(None)
            The row that each candidate belongs to.

        Returns
        -------
        ndarray of shape (m,), bool
            Whether the target has at least the demanded probability and, where another class was favoured, is favoured.
        """
        target = self.target[rows]
        enough = proba[np.arange(len(proba)), target] >= self.threshold[rows]
        return enough & ((proba.argmax(axis=1) == target) | ~self.other[rows])


class BaseCounterfactual(BaseEstimator, ABC):
    """Base class of generators: for each row, a nearby row that the model takes for a wanted class.

    For every generator

    - each row is answered, in the order given; one for which nothing was found has ``valid`` False;
    - a counterfactual is **valid** if the model gives the target at least the threshold's probability and, where it
      favoured another class before, favours the target;
    - the distance of two rows is the mean over features of ``abs(difference) / range`` for numbers (0 for a column that
      is constant in the reference rows), 0 or 1 for categories, 1 against a missing value and 0 between two missing
      ones; a one-hot group is one feature;
    - ``sparsity`` is the number of changed features, ``plausibility`` the distance to the nearest reference row that is
      labelled with the target;
    - columns, dtypes and whole numbers stay what they are, and only features that may vary change, within the permitted
      range. A row's own value may stay, permitted or not;
    - a row that is valid as it is comes back unchanged.

    A subclass implements ``_search(queries, oracle)``, which returns the best encoded rows it found, and ``_prepare()``
    where it has something to learn first. ``self._space`` describes the columns, ``self._reference`` holds the encoded
    reference rows, ``self._labels`` their labels' positions in `classes_` and ``self._reference_proba`` what the model
    says of them.

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like of str, int or bool, default="from_dtype"
        Columns that are categories, as names, indices or a mask, besides those whose dtype is not numeric.
    one_hot_groups : list of lists of str or int, default=None
        Columns that together encode one category. A group changes as one and counts as one feature.
    features_to_vary : array-like of str, int or bool, default=None
        Columns that may change, as names, indices or a mask; None means all.
    permitted_range : dict, default=None
        What a changed value may be, by column name or index: ``(low, high)`` for a number, where None leaves an end
        open, and a list of values for a category.
    chunk_rows : int, default=50_000
        At most so many rows are sent to the model at a time.

    See Also
    --------
    NearestInstanceCounterfactual : Values taken from a reference row of the target.

    Examples
    --------
    A generator that jumps to the reference row most typical of the target:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdistill.counterfactual import BaseCounterfactual
    >>> class MostTypical(BaseCounterfactual):
    ...     def _search(self, queries, oracle):
    ...         best = self._reference_proba.argmax(axis=0)
    ...         return self._space.restrict(queries.values, self._reference[best[queries.target]])
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> found = MostTypical().fit(model, X, y).generate(X[:3], target=2, threshold=0.9)
    >>> found.valid
    array([ True,  True,  True])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like"],
        "one_hot_groups": [list, tuple, None],
        "features_to_vary": ["array-like", None],
        "permitted_range": [dict, None],
        "chunk_rows": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        categorical_features: str | ArrayLike = "from_dtype",
        one_hot_groups: Sequence[Sequence[Any]] | None = None,
        features_to_vary: ArrayLike | None = None,
        permitted_range: Mapping[Any, Any] | None = None,
        chunk_rows: int = 50_000,
    ) -> None:
        self.categorical_features = categorical_features
        self.one_hot_groups = one_hot_groups
        self.features_to_vary = features_to_vary
        self.permitted_range = permitted_range
        self.chunk_rows = chunk_rows

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, estimator: Any, X: Any, y: Any = None) -> "BaseCounterfactual":
        """Take a fitted model and reference rows.

        Parameters
        ----------
        estimator : estimator
            Fitted classifier with `predict_proba` or `decision_function` (whose margins become probabilities by
            softmax), frozen or not, or a pipeline. It is used as it is, never fitted and never changed.
        X : {array-like, sparse matrix, pandas DataFrame, polars DataFrame} of shape (n_rows, n_features)
            Reference rows. They give ranges, categories and, to some generators, values.
        y : array-like of shape (n_rows,), default=None
            Their labels, among the model's classes. None is refused; it is there so that a call without a model,
            ``fit(X, y)``, is told what is missing.

        Returns
        -------
        BaseCounterfactual
            The generator itself, fitted.

        Raises
        ------
        ValueError
            If the rows are empty, have other columns than the model was fitted on, or hold infinity; if labels are
            missing, unknown to the model or of another length; or if a parameter does not fit the columns.
        TypeError
            If X is a table of an unknown kind.
        TeacherError
            If the model is no classifier that says how sure it is, or does not come first.
        NotFittedError
            If the model is not fitted.
        """
        check_order(estimator, X, y)
        self.estimator_ = usable_model(estimator)
        self.classes_ = np.asarray(self.estimator_.classes_)
        _, X = table_format(X)
        check_model_columns(self.estimator_, X)
        if num_samples(y) != X.shape[0]:
            raise ValueError(
                f"y should have one label for each of the {X.shape[0]} rows of X, got {num_samples(y)}. "
                "Pass the labels of the same rows."
            )
        self._labels = class_codes(y, self.classes_, "y")
        validate_data(self, X, skip_check_array=True)
        self._space = FeatureSpace(
            X,
            categorical_features=self.categorical_features,
            one_hot_groups=self.one_hot_groups,
            features_to_vary=self.features_to_vary,
            permitted_range=self.permitted_range,
        )
        self._reference = self._space.reference
        _, form = self._space.encode(X.tocsr()[:1].asformat(X.format) if issparse(X) else X[:1])
        self._reference_proba = self._oracle(form).proba(self._reference)
        self._plausible: dict[int, Neighbourhood] = {}
        self._prepare()
        return self

    def generate(self, X: Any, target: Any, threshold: float | ArrayLike = 0.5) -> CounterfactualSet:
        """Find a counterfactual for each row.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)
            Rows, in the container and columns of the reference rows. Categories that no reference row has are kept
            until they change.
        target : label, or array-like of shape (n_rows,)
            The class wanted, one for all or one per row. Of a row that the model takes for another class this asks for
            a classic counterfactual, of one that it takes for this class for a more typical row.
        threshold : float or array-like of shape (n_rows,), default=0.5
            The probability of the target that is demanded, in (0, 1]; one for all or one per row.

        Returns
        -------
        CounterfactualSet
            One counterfactual per row, in the order of the rows.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        ValueError
            If the rows are not like the reference rows, a target is missing or unknown to the model, or a threshold is
            outside (0, 1].

        Warns
        -----
        UserWarning
            If some rows are not valid; names their targets.
        """
        check_is_fitted(self, "estimator_")
        _, X = table_format(X)
        values, form = self._space.encode(X)
        wanted = self._targets(target, len(values))
        demanded = thresholds(threshold, len(values))
        oracle = self._oracle(form)
        proba = oracle.proba(values)
        queries = Queries(values, wanted, demanded, proba, proba.argmax(axis=1) != wanted)
        found = np.array(values)
        open_rows = np.flatnonzero(~queries.meets(proba))
        if len(open_rows):
            todo = queries.take(open_rows)
            found[open_rows] = form.settle(self._search(todo, oracle))
        return self._result(X, queries, found, form, oracle)

    def _prepare(self) -> None:
        """Learn from the reference rows; nothing unless a subclass says otherwise."""

    @abstractmethod
    def _search(self, queries: Queries, oracle: Oracle) -> np.ndarray:
        """Return the best encoded rows found, as a new array of shape (n, n_columns).

        Only rows that are not valid as they are come here. What is returned must come from ``self._space.restrict`` or
        respect it otherwise; rows for which nothing was found stay as they are.
        """

    def _reason(self, target: int) -> str:
        """Say why rows of a target may have found nothing."""
        return ""

    def _oracle(self, form: QueryForm) -> Oracle:
        return Oracle(self.estimator_, self.classes_, form, self.chunk_rows)

    def _targets(self, target: Any, n_rows: int) -> np.ndarray:
        if np.ndim(target) == 0:
            target = [target] * n_rows
        elif num_samples(target) != n_rows:
            raise ValueError(
                f"target should be one class or one for each of the {n_rows} rows of X, got {num_samples(target)}. "
                "Pass one label for all rows, or as many as there are rows."
            )
        return class_codes(target, self.classes_, "target")

    def _result(
        self, X: Any, queries: Queries, found: np.ndarray, form: QueryForm, oracle: Oracle
    ) -> CounterfactualSet:
        """Ask the model about every row that is returned, and measure it."""
        proba = np.array(queries.proba)
        changed = changed_columns(queries.values, found)
        moved = changed.any(axis=1)
        proba[moved] = oracle.proba(found[moved])
        valid = queries.meets(proba)
        self._warn(queries.target, valid)
        each = np.arange(len(found))
        space = self._space
        return CounterfactualSet(
            X=form.decode(found),
            valid=valid,
            probability=proba[each, queries.target],
            proximity=distance(queries.values, found, space),
            plausibility=self._plausibility(found, queries.target),
            n_model_calls=oracle.n_calls,
            n_model_rows=oracle.n_rows,
            queries=X,
            target=self.classes_[queries.target],
            threshold=queries.threshold,
            probability_before=queries.proba[each, queries.target],
            shifts=shifts(queries.values, found, space),
            feature_names=tuple(str(name) for name in space.names or [f"x{j}" for j in range(space.n_columns)]),
            groups=tuple(tuple(unit.tolist()) for unit in space.units if len(unit) > 1),
        )

    def _warn(self, target: np.ndarray, valid: np.ndarray) -> None:
        for code in np.unique(target[~valid]):
            here = target == code
            label, missed = self.classes_.tolist()[code], int((~valid[here]).sum())
            warnings.warn(
                f"No counterfactual of class {label!r} was found for {missed} of {int(here.sum())} rows, which have "
                f"valid=False.{self._reason(int(code))} Lower the threshold, let more features vary, or add reference "
                "rows of this class.",
                UserWarning,
                stacklevel=4,
            )

    def _plausibility(self, found: np.ndarray, target: np.ndarray) -> np.ndarray:
        out = np.full(len(found), np.nan)
        for code in np.unique(target).tolist():
            if code not in self._plausible:
                self._plausible[code] = Neighbourhood(self._reference[self._labels == code], self._space)
            here = target == code
            if len(self._plausible[code].candidates):
                out[here] = self._plausible[code].query(found[here])[1][:, 0]
        return out

    def __sklearn_tags__(self) -> Any:
        """Declare that categories, strings, missing values and sparse tables are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def shifts(before: np.ndarray, after: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """Give how far each column moved, signed for numbers; NaN for a changed number of range 0.

    Parameters
    ----------
    before, after : ndarray of shape (n, n_columns)
        Encoded rows.
    space : FeatureSpace
        The columns.

    Returns
    -------
    ndarray of shape (n, n_columns)
        Shares of the range for numbers, 1 for another category or a missing value, 0 for no change.
    """
    changed = changed_columns(before, after)
    size = column_distances(before, after, space)
    sign = np.where(~space.is_category & (after < before), -1.0, 1.0)
    constant = ~space.is_category & (space.scale == 0) & ~np.isnan(before) & ~np.isnan(after)
    return np.where(changed, np.where(constant, np.nan, sign * size), 0.0)
