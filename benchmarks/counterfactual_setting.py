"""Tables, models and queries that all counterfactual methods share, and the one judge of what they find."""

import hashlib
import json
import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from benchmarks._data import Table, load
from benchmarks.counterfactual_peers import Served

CACHE = Path(__file__).resolve().parent / "cache" / "counterfactual"
TABLES = ("adult", "bank", "compas", "phoneme")
MIXED = ("adult", "bank", "compas")
N_REFERENCE, N_QUERIES = 10_000, 2_000
FAMILIES = ("logistic", "tree", "forest", "lightgbm")
# Small enough for the optimum.
SMALL = "small_forest"
# A change of a number by less than this share of its range is rounding.
ROUNDING = 1e-6
CHUNK = 200


def model_of(family: str, codes: np.ndarray) -> tuple[Any, bool]:
    """An unfitted model, and whether it wants one 0/1 column per level."""
    if family == "lightgbm":
        categories = codes.tolist() if len(codes) else "auto"
        return _Boosted(categories), False
    models = {
        "logistic": LogisticRegression(max_iter=2000),
        "tree": DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
        "forest": RandomForestClassifier(100, random_state=0),
        SMALL: RandomForestClassifier(10, max_depth=5, random_state=0),
    }
    return models[family], True


class _Boosted:
    """Fit a LGBMClassifier that knows which columns are codes."""

    def __init__(self, categories: Any) -> None:
        self.categories = categories

    def fit(self, X: np.ndarray, y: np.ndarray) -> LGBMClassifier:
        return LGBMClassifier(n_jobs=1, random_state=0, verbose=-1).fit(X, y, categorical_feature=self.categories)


def coded(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of numbers or codes, where missing is one more, and their numbers of levels, 0 for numbers."""
    columns, levels = [], []
    for _, column in table.X.items():
        if column.dtype.name != "category":
            columns.append(column.to_numpy(dtype=np.float64))
            levels.append(0)
            continue
        codes, n = column.cat.codes.to_numpy(dtype=np.float64), len(column.cat.categories)
        columns.append(np.where(codes < 0, n, codes))
        levels.append(n + int((codes < 0).any()))
    return np.column_stack(columns), np.array(levels)


@dataclass(frozen=True)
class Situation:
    """One model on one table: reference rows with labels, queries with the class that each is to be brought to."""

    table: str
    family: str
    folder: Path
    served: Served
    X: np.ndarray
    y: np.ndarray
    n_levels: np.ndarray
    queries: np.ndarray
    targets: np.ndarray

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.family.encode())
        for part in (self.X, self.y, self.queries, self.targets):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:16]

    @property
    def codes(self) -> np.ndarray:
        return np.flatnonzero(self.n_levels)

    @cached_property
    def spread(self) -> np.ndarray:
        """Range of each number, infinite where it is constant, so that it counts nothing."""
        found = np.ptp(self.X, axis=0)
        return np.where(found > 0, found, np.inf)

    def terms(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Distance in each column: a share of the range for numbers, 0 or 1 for codes."""
        return np.where(self.n_levels > 0, before != after, np.abs(before - after) / self.spread)

    def model(self, form: str) -> Any:
        with (self.folder / f"{form}.pkl").open("rb") as file:
            return pickle.load(file)


def situation(table: str, family: str, folder: Path = CACHE, n_rows: int = N_REFERENCE, n_queries: int = N_QUERIES):
    """Read a situation, or make and save it."""
    here = folder / f"{table}-{family}"
    if not (here / "data.npz").exists():
        _save(table, family, here, n_rows, n_queries)
    with (here / "model.pkl").open("rb") as file:
        served = pickle.load(file)
    data = dict(np.load(here / "data.npz"))
    return Situation(table, family, here, served, **data)


def _save(table: str, family: str, here: Path, n_rows: int, n_queries: int) -> None:
    read = load(table)
    X, n_levels = coded(read)
    y = (read.y == np.unique(read.y)[1]).astype(np.int64)
    n_rows = min(n_rows, len(y) - n_queries)
    kept = train_test_split(X, y, train_size=n_rows, test_size=n_queries, stratify=y, random_state=0)
    reference, queries, labels, _ = kept
    model, one_hot = model_of(family, np.flatnonzero(n_levels))
    served = Served(model, n_levels, one_hot).fit(reference, labels)
    targets = 1 - served.predict(queries)
    here.mkdir(parents=True, exist_ok=True)
    for form, made in (("model", served), ("pipeline", pipeline_of(served, reference))):
        (here / f"{form}.pkl").write_bytes(pickle.dumps(made))
    np.savez(here / "data.npz", X=reference, y=labels, n_levels=n_levels, queries=queries, targets=targets)


def pipeline_of(served: Served, X: np.ndarray) -> Any:
    """The same fitted model behind scikit-learn's own encoders, as users have it."""
    if not served.one_hot:
        return served.estimator_
    levels = [np.arange(served.n_levels[j], dtype=np.float64) for j in served.codes_]
    encoders = [("numbers", MinMaxScaler(), served.numbers_)]
    if levels:
        encoders.append(("codes", OneHotEncoder(categories=levels, sparse_output=False), served.codes_))
    return Pipeline([("columns", ColumnTransformer(encoders).fit(X)), ("model", served.estimator_)])


def judged(here: Situation, found: np.ndarray) -> dict[str, np.ndarray]:
    """Judge what was found for the first queries: valid, distance, changed, plausibility; a row of NaN is nothing."""
    n = len(found)
    queries, targets = here.queries[:n], here.targets[:n]
    there = ~np.isnan(found).any(axis=1)
    valid, proba = np.zeros(n, dtype=bool), np.full(n, np.nan)
    if there.any():
        answers = here.served.predict_proba(found[there])
        proba[there] = answers[np.arange(len(answers)), targets[there]]
        valid[there] = (proba[there] >= 0.5) & (answers.argmax(axis=1) == targets[there])
    terms = here.terms(queries, found)
    changed = (terms > ROUNDING) | ((here.n_levels == 0) & ~np.isfinite(here.spread) & (queries != found))
    out = {"valid": valid, "distance": terms.mean(axis=1), "changed": changed.sum(axis=1).astype(float)}
    out["plausibility"] = plausibility(here, found, targets)
    for key in ("distance", "changed", "plausibility"):
        out[key] = np.where(there, out[key], np.nan)
    return out


def plausibility(here: Situation, found: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Distance to the nearest reference row labelled with the target."""
    out = np.full(len(found), np.inf)
    for target in (0, 1):
        rows = np.flatnonzero(targets == target)
        real = here.X[here.y == target]
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            total = np.zeros((len(part), len(real)))
            for j, n_levels in enumerate(here.n_levels):
                gap = found[part, j][:, None] - real[:, j]
                total += (gap != 0) if n_levels else np.abs(gap) / here.spread[j]
            out[part] = total.min(axis=1) / len(here.n_levels)
    return out


def compared(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], seed: int = 0) -> dict[str, Any]:
    """Paired over the queries that both brought to the target: differences, and the ratio of mean distances."""
    n = min(len(ours["valid"]), len(theirs["valid"]))
    both = ours["valid"][:n] & theirs["valid"][:n]
    out: dict[str, Any] = {"n": int(both.sum())}
    if not both.any():
        return out
    rng = np.random.default_rng(seed)
    drawn = rng.integers(both.sum(), size=(2000, int(both.sum())))
    for key in ("distance", "changed", "plausibility"):
        a, b = ours[key][:n][both], theirs[key][:n][both]
        means = (a - b)[drawn].mean(axis=1)
        out[key] = [float((a - b).mean()), *np.quantile(means, [0.025, 0.975]).tolist()]
        if key != "plausibility":
            ratios = a[drawn].mean(axis=1) / b[drawn].mean(axis=1)
            out[f"{key}_ratio"] = [float(a.mean() / b.mean()), *np.quantile(ratios, [0.025, 0.975]).tolist()]
            out[f"{key}_both"] = [float(a.mean()), float(b.mean())]
    return out


def summary(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Share that is valid, and means over the valid ones with intervals."""
    valid = found["valid"]
    out: dict[str, Any] = {"n": len(valid), "valid": float(valid.mean())}
    for key in ("distance", "changed", "plausibility"):
        values = found[key][valid]
        error = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        out[key] = [float(values.mean()), error] if len(values) else None
    return json.loads(json.dumps(out))
