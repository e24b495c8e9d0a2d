"""Checks and small table operations shared by estimators."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import has_fit_parameter

from skdistill._sklearn import BaseSearchCV, num_features, num_samples

__all__ = [
    "as_rows",
    "check_aligned",
    "check_same_columns",
    "check_weights",
    "handles_missing",
    "has_infinity",
    "has_missing",
    "inner_tags",
    "refuse_missing",
    "refuse_nested",
    "seed_inner",
    "stack_rows",
    "weight_params",
]


def inner_tags(estimator: Any) -> Tags | None:
    """Return the tags of an inner estimator, or None for an object that has none."""
    try:
        return get_tags(estimator)
    except (AttributeError, TypeError):
        return None


def seed_inner(estimator: Any, rng: np.random.RandomState | None) -> Any:
    """Give every `random_state` that is None inside an owned estimator a seed of its own.

    Parameters
    ----------
    estimator : estimator
        A clone, which is changed. Seeds that the user set stay.
    rng : RandomState or None
        Where seeds come from; None leaves the estimator as it is.

    Returns
    -------
    estimator
        The same object.
    """
    if rng is None or not hasattr(estimator, "get_params"):
        return estimator
    params = estimator.get_params(deep=True)
    unseeded = sorted(name for name in params if name.split("__")[-1] == "random_state" and params[name] is None)
    if unseeded:
        estimator.set_params(**{name: int(rng.randint(np.iinfo(np.int32).max)) for name in unseeded})
    return estimator


def check_weights(sample_weight: Any, n_rows: int) -> np.ndarray | None:
    """Return weights as float64 of shape (n_rows,), or None when there are none."""
    if sample_weight is None:
        return None
    if np.isscalar(sample_weight):
        sample_weight = np.full(n_rows, sample_weight)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must have one weight per row, shape ({n_rows},), got {weights.shape}. sample_weight.shape "
            "== X.shape[0] is expected: pass weights of the same rows as X."
        )
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"sample_weight must be finite and at least 0, got {weights[row]} in row {row} ({int(bad.sum())} such "
            "rows; NaN, infinite or negative values in sample_weight). Drop these rows or give them weight 0."
        )
    if not weights.any():
        raise ValueError("sample_weight is zero for every row, so there is nothing to learn. Give some row a weight.")
    return weights


def check_aligned(name: str, rows: Any, n_rows: int) -> None:
    """Refuse a second view of the rows that has another length."""
    if num_samples(rows) != n_rows:
        raise ValueError(
            f"{name} must hold the same rows as X, {n_rows} of them, got {num_samples(rows)}. Select the same rows "
            f"from both, in the same order. Inside a search pass it to the search's fit, which splits it along with X."
        )


def check_same_columns(name: str, rows: Any, X: Any) -> None:
    """Refuse further rows whose columns are not those of X."""
    expected = getattr(X, "columns", None)
    got = getattr(rows, "columns", None)
    if expected is not None and got is not None:
        if list(expected) != list(got):
            missing = [c for c in expected if c not in list(got)]
            unknown = [c for c in got if c not in list(expected)]
            raise ValueError(
                f"{name} must have the columns of X in the same order; missing: {missing}, unknown: {unknown}. "
                f"Select them with {name}[X.columns]."
            )
        _check_categories(name, rows, X)
        return
    if (expected is None) != (got is None):
        raise ValueError(
            f"{name} must be the same kind of table as X, got {type(rows).__name__} for {type(X).__name__}. Convert "
            "one of them."
        )
    if num_features(rows) != num_features(X):
        raise ValueError(
            f"{name} must have the {num_features(X)} columns of X, got {num_features(rows)}. Select the same columns."
        )


def _check_categories(name: str, rows: Any, X: Any) -> None:
    for column in X.columns:
        known = getattr(getattr(X[column], "cat", None), "categories", None)
        if known is None:
            continue
        strange = [value for value in rows[column].dropna().unique().tolist() if value not in known]
        if strange:
            raise ValueError(
                f"{name} must have the categories of X, got {strange[:5]!r} besides in column {column!r}. Leave these "
                "rows out, or give the column of X a dtype with all categories."
            )


def refuse_missing(X: Any, roles: Mapping[str, Any]) -> None:
    """Refuse missing values before any long work if an estimator is known not to handle them.

    Parameters
    ----------
    X : array-like or data frame of shape (n_rows, n_features)
        The rows.
    roles : mapping of str to estimator
        Who will see them, by the name of the parameter.
    """
    refusing = [name for name, estimator in roles.items() if not handles_missing(estimator)]
    if not refusing or not has_missing(X):
        return
    names = " and ".join(f"{name} {type(roles[name]).__name__}" for name in refusing)
    raise ValueError(
        f"Input X contains NaN, which the {names} cannot handle. Impute the rows first, for instance with "
        "make_pipeline(SimpleImputer(), ...) as that parameter, or choose a learner that accepts missing values, such "
        "as HistGradientBoostingClassifier."
    )


def handles_missing(estimator: Any) -> bool:
    """Whether an estimator may accept missing values; composites that do not say count as able."""
    if isinstance(estimator, Pipeline):
        return any(handles_missing(step) for _, step in estimator.steps[:1] if step not in (None, "passthrough"))
    if not type(estimator).__module__.startswith("sklearn.") or hasattr(estimator, "transformers"):
        return True
    if any(hasattr(value, "fit") for value in estimator.get_params(deep=True).values()):
        return True
    tags = inner_tags(estimator)
    return tags is None or tags.input_tags.allow_nan


def has_missing(X: Any) -> bool:
    """Whether a table has NaN in a numeric column."""
    if hasattr(X, "isnull"):
        return bool(np.asarray(X.isnull()).any())
    if sparse.issparse(X):
        return bool(X.dtype.kind == "f" and np.isnan(X.tocsr().data).any())
    array = np.asarray(X) if not hasattr(X, "to_numpy") else X.to_numpy()
    if array.dtype.kind == "f":
        # A sum is NaN if any entry is; infinities are left to the learners.
        with np.errstate(invalid="ignore", over="ignore"):
            return bool(np.isnan(array.sum()) and np.isnan(array).any())
    return array.dtype.kind == "O" and any(value is None or value != value for value in array.ravel())


def refuse_nested(X: Any) -> None:
    """Refuse an object array with cells that are tables or collections, which nothing can be drawn from."""
    if not isinstance(X, np.ndarray) or X.dtype != object:
        return
    for row, column in np.ndindex(X.shape):
        if isinstance(X[row, column], dict | list | set | tuple | np.ndarray):
            raise TypeError(
                f"Each cell of X given as argument must be a string, a number or missing, got "
                f"{type(X[row, column]).__name__} in row {row}, column {column}. Spread it over columns of its own."
            )


def has_infinity(X: Any) -> bool:
    """Whether a table has an infinite number."""
    if sparse.issparse(X):
        X = X.tocsr().data
    columns = [np.asarray(X[name]) for name in X.columns] if hasattr(X, "columns") else [np.asarray(X)]
    return any(bool(np.isinf(column).any()) for column in columns if column.dtype.kind == "f")


def as_rows(X: Any) -> Any:
    """Return tables as they are, nested lists as arrays and sparse matrices in a format that rows can be taken from."""
    if sparse.issparse(X) and X.format not in ("csr", "csc"):
        return X.tocsr()
    return X if hasattr(X, "shape") else np.asarray(X)


def stack_rows(first: Any, more: Any) -> Any:
    """Put further rows below the first ones, in the first ones' container and categories.

    Numbers take a type that holds both, so that nothing is rounded.

    Parameters
    ----------
    first, more : array-like, data frame or sparse matrix
        Rows with the same columns.

    Returns
    -------
    array-like, data frame or sparse matrix of shape (n_first + n_more, n_features)
        All rows.
    """
    if sparse.issparse(first) or sparse.issparse(more):
        return sparse.vstack([first, more]).asformat(getattr(first, "format", "csr"))
    if hasattr(first, "iloc"):
        pandas = _module_of(first)
        kept = {
            name: dtype
            for name, dtype in first.dtypes.to_dict().items()
            if not hasattr(dtype, "kind") or dtype.kind not in "biuf"
        }
        return pandas.concat([first, more[first.columns].astype(kept)], ignore_index=True)
    if hasattr(first, "vstack"):
        polars = _module_of(first)
        kept = {name: dtype for name, dtype in first.schema.items() if not dtype.is_numeric()}
        return polars.concat([first, more.select(first.columns).cast(kept)], how="vertical_relaxed")
    return np.concatenate([np.asarray(first), np.asarray(more)])


def _module_of(table: Any) -> Any:
    return importlib.import_module(type(table).__module__.split(".")[0])


def weight_params(estimator: Any, weights: np.ndarray | None) -> dict[str, Any]:
    """Return the fit parameters that hand weights to an estimator, or to the last step of a pipeline.

    Parameters
    ----------
    estimator : estimator
        Whom to hand them to.
    weights : ndarray of shape (n_rows,) or None
        The weights.

    Returns
    -------
    dict
        Empty if there are no weights or the estimator takes none.
    """
    if weights is None:
        return {}
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return {f"{name}__{key}": value for key, value in weight_params(last, weights).items()}
    # These hand their fit parameters on, whether or not the learner inside takes them.
    if isinstance(estimator, BaseSearchCV | MultiOutputRegressor):
        return weight_params(estimator.estimator, weights)
    return {"sample_weight": weights} if has_fit_parameter(estimator, "sample_weight") else {}
