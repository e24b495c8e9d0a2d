"""What every sampler keeps, as functions of a sampler and a table; they share no code with the package."""

import copy
import pickle
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skdistill.samplers import ConditionalSampler, MixupSampler, MungeSampler, check_sampled_rows

SAMPLERS = [
    MungeSampler(),
    MungeSampler(n_neighbors=1, local_variance=0.5),
    MixupSampler(),
    MixupSampler(n_neighbors=3, alpha=1.0),
    ConditionalSampler(max_iter=3, redraw_probability=1.0),
]


def sampler_id(sampler: Any) -> str:
    return f"{type(sampler).__name__}-{getattr(sampler, 'n_neighbors', '')}"


def plain(value: Any) -> Any:
    """Give a scalar as a plain Python object, None where it is missing."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    value = value.item() if isinstance(value, np.number | np.bool_) else value
    return None if value != value else value


def columns(X: Any) -> list[list[Any]]:
    """Give any table as lists of plain values."""
    if sparse.issparse(X):
        X = X.toarray()
    if isinstance(X, np.ndarray):
        X = [X[:, j] for j in range(X.shape[1])]
    elif hasattr(X, "iloc"):
        X = [X.iloc[:, j].tolist() for j in range(X.shape[1])]
    else:
        X = [column.to_list() for column in X.get_columns()]
    return [[plain(value) for value in column] for column in X]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_rows(rows: Any, X: Any, n: int) -> None:
    assert type(rows) is type(X)
    assert rows.shape == (n, X.shape[1])
    if hasattr(X, "dtypes"):
        assert list(rows.columns) == list(X.columns)
        assert list(rows.dtypes) == list(X.dtypes)
    else:
        assert rows.dtype == X.dtype
    if hasattr(X, "format"):
        assert rows.format == X.format
    for new, old in zip(columns(rows), columns(X), strict=True):
        seen = [value for value in old if value is not None]
        made = [value for value in new if value is not None]
        assert len(seen) < len(old) or len(made) == len(new)
        if seen and all(is_number(value) for value in seen):
            assert all(min(seen) <= value <= max(seen) for value in made)
            if all(value == round(value) for value in seen):
                assert all(value == round(value) for value in made)
            assert {type(value) for value in made} <= {type(value) for value in seen}
        else:
            assert {(type(value), value) for value in made} <= {(type(value), value) for value in seen}


def law_rows_look_like_the_table(sampler: Any, X: Any) -> None:
    n = 2 * X.shape[0] + 3
    rows = sampler.fit(X).sample(n, random_state=0)
    check_rows(rows, X, n)
    assert check_sampled_rows(rows, X, n_rows=n) is rows


def law_any_number_of_rows(sampler: Any, X: Any) -> None:
    sampler.fit(X)
    for n in (0, 1, np.int64(2)):
        check_rows(sampler.sample(n, random_state=0), X, n)


def law_seed_decides(sampler: Any, X: Any) -> None:
    first = columns(clone(sampler).set_params(random_state=1).fit(X).sample(50, random_state=2))
    again = columns(clone(sampler).set_params(random_state=1).fit(X).sample(50, random_state=2))
    other = columns(clone(sampler).set_params(random_state=1).fit(X).sample(50, random_state=3))
    assert first == again
    assert first != other


def law_own_seed_is_the_default(sampler: Any, X: Any) -> None:
    seeded = clone(sampler).set_params(random_state=7).fit(X)
    assert columns(seeded.sample(40)) == columns(seeded.sample(40, random_state=7))
    unseeded = clone(sampler).fit(X)
    assert columns(unseeded.sample(40)) != columns(unseeded.sample(40))


def law_table_is_not_changed(sampler: Any, X: Any) -> None:
    before = copy.deepcopy(X)
    rows = sampler.fit(X).sample(30, random_state=0)
    assert columns(X) == columns(before)
    # New rows are no view of the table or of what the sampler remembers.
    again = sampler.sample(30, random_state=0)
    if isinstance(rows, np.ndarray):
        rows[:] = rows[0]
        assert columns(sampler.sample(30, random_state=0)) == columns(again)
        assert columns(X) == columns(before)


def law_missing_share_is_kept(sampler: Any, X: Any) -> None:
    n_rows = X.shape[0]
    rows = sampler.fit(X).sample(10 * n_rows, random_state=0)
    for new, old in zip(columns(rows), columns(X), strict=True):
        share = np.mean([value is None for value in old])
        # Five standard errors of the share in the table itself, which is all a sampler has seen.
        tolerance = 5 * np.sqrt(share * (1 - share) / n_rows)
        assert abs(np.mean([value is None for value in new]) - share) <= tolerance


def law_clone_and_pickle(sampler: Any, X: Any) -> None:
    fitted = clone(sampler).fit(X)
    assert not hasattr(clone(fitted), "n_features_in_")
    assert clone(fitted).get_params() == sampler.get_params()
    back = pickle.loads(pickle.dumps(fitted))
    assert columns(back.sample(20, random_state=0)) == columns(fitted.sample(20, random_state=0))


def law_one_row_is_repeated(sampler: Any, X: Any) -> None:
    one = X[:1]
    rows = sampler.fit(one).sample(5, random_state=0)
    check_rows(rows, one, 5)
    assert columns(rows) == [column * 5 for column in columns(one)]


def law_refit_forgets(sampler: Any, X: Any) -> None:
    twice = clone(sampler).set_params(random_state=0).fit(np.arange(90.0).reshape(30, 3)).fit(X)
    once = clone(sampler).set_params(random_state=0).fit(X)
    assert columns(twice.sample(20)) == columns(once.sample(20))
    assert twice.n_features_in_ == X.shape[1]
    assert twice.n_rows_in_ == X.shape[0]


LAWS = [value for name, value in sorted(globals().items()) if name.startswith("law_")]
