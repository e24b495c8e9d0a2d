"""Who has which rows and columns in `benchmarks.cooperative`, and what takes the place of counterfactuals there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state

from benchmarks._data import encode, load
from skdistill._validation import weight_params
from skdistill.counterfactual import NearestInstanceCounterfactual

BLIND, SILOS, OWN_COLUMNS, OWN_REGION, SAME = "blind", "silos", "own columns", "own region", "same rows"
FAMILIES: dict[str, tuple[str, ...]] = {
    "logistic": ("logistic",),
    "trees": ("tree",),
    "mixed": ("logistic", "tree", "bayes"),
    "tree, net, linear": ("tree", "net", "logistic"),
}
N_SILOS = 3
# Of a silo's rows where silos have regions, these come from everywhere.
STRAY = 0.1
# Of the variables of silos that have their own, these are known to all.
SHARED = 0.5
# Less of a class than this is left out of what a learner is fitted on.
FAINT = 0.01


@dataclass(frozen=True)
class Sizes:
    """Rows of the experiments (per silo: of one), and classes of the first."""

    blind: int = 600
    silo: int = 100
    same: int = 300
    test: int = 2000
    classes: int = 10


@dataclass(frozen=True)
class Rows:
    """A table with one 0/1 column per level of a category; `variables` holds the columns of each variable."""

    X: np.ndarray
    y: np.ndarray
    variables: list[np.ndarray]
    fingerprint: str

    def take(self, rows: np.ndarray) -> "Rows":
        return replace(self, X=self.X[rows], y=self.y[rows])


@dataclass(frozen=True)
class Situation:
    """Rows to learn from and rows that judge, and which columns and rows each learner has."""

    learners: list[tuple[str, Any, np.ndarray]]
    owns: np.ndarray
    train: Rows
    test: Rows
    seed: int

    @property
    def n_classes(self) -> int:
        return int(self.train.y.max()) + 1

    def own(self, place: int, columns_of: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return a learner's rows, in its columns or those of another one."""
        rows = np.flatnonzero(self.owns[:, place])
        columns = self.learners[place if columns_of is None else columns_of][2]
        return self.train.X[np.ix_(rows, columns)], self.train.y[rows]


@cache
def rows_of(name: str, n_classes: int) -> Rows:
    """Read the rows of the first classes of a table; of lending_club, as many of each."""
    table = load(name)
    codes = np.unique(table.y, return_inverse=True)[1]
    parts = [encode(replace(table, X=table.X[[column]])) for column in table.X]
    ends = np.cumsum([part.shape[1] for part in parts])
    variables = np.split(np.arange(ends[-1]), ends[:-1])
    kept = np.flatnonzero(codes < n_classes)
    if name == "lending_club":
        # Of twenty loans one fails, so that accuracy would say nothing of those that do.
        order = np.random.RandomState(0).permutation(kept)
        fewest = np.bincount(codes).min()
        kept = np.sort(np.concatenate([order[codes[order] == c][:fewest] for c in np.unique(codes)]))
    return Rows(np.hstack(parts), codes, variables, table.fingerprint).take(kept)


def situation(experiment: str, name: str, family: str, seed: int, sizes: Sizes, overlap: float = 1.0) -> Situation:
    """Deal rows and columns to the learners of one experiment."""
    rows = rows_of(name, sizes.classes)
    rng = np.random.RandomState(seed)
    n_train = {BLIND: sizes.blind, SAME: sizes.same}.get(experiment, N_SILOS * sizes.silo)
    train, rest = train_test_split(np.arange(len(rows.y)), train_size=n_train, stratify=rows.y, random_state=seed)
    train, test = rows.take(train), rows.take(rng.permutation(rest)[: sizes.test])
    n_learners = int(rows.y.max()) + 1 if experiment == BLIND else N_SILOS
    owner = _owner(experiment, train, n_learners, rng)
    known = _variables(experiment, rows.variables, overlap, rng)
    kinds = FAMILIES[family]
    dealt = [(kinds[place % len(kinds)], known[place % N_SILOS]) for place in range(n_learners)]
    learners = [
        (f"{kind} {place}", make_learner(kind, mine, seed), np.concatenate(mine))
        for place, (kind, mine) in enumerate(dealt)
    ]
    owns = np.ones((len(train.y), n_learners), dtype=bool) if owner is None else owner[:, None] == np.arange(n_learners)
    return Situation(learners, owns, train, test, seed)


def _owner(experiment: str, train: Rows, n_learners: int, rng: np.random.RandomState) -> np.ndarray | None:
    """Give every row to one learner, or to all."""
    n = len(train.y)
    if experiment == SAME:
        return None
    if experiment == BLIND:
        # Any learner but the one that shall never see this class.
        return (train.y + rng.randint(1, n_learners, size=n)) % n_learners
    order = rng.permutation(n)
    if experiment == OWN_REGION:
        centred = StandardScaler().fit_transform(train.X)
        main = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        order = np.argsort(np.argsort(main, kind="stable"), kind="stable")
    owner = order * n_learners // n
    stray = (rng.uniform(size=n) < STRAY) & (experiment == OWN_REGION)
    return np.where(stray, rng.randint(n_learners, size=n), owner)


def _variables(
    experiment: str, variables: list[np.ndarray], overlap: float, rng: np.random.RandomState
) -> list[list[np.ndarray]]:
    """Give every learner all variables, or those that all share and its part of the others."""
    share = {OWN_COLUMNS: SHARED, SAME: overlap}.get(experiment, 1.0)
    order = rng.permutation(len(variables))
    n_shared = round(share * len(variables))
    parts = np.array_split(order[n_shared:], N_SILOS)
    chosen = [np.sort(np.r_[order[:n_shared], part]) for part in parts]
    return [[variables[place] for place in mine] for mine in chosen]


def make_learner(kind: str, variables: Sequence[np.ndarray], seed: int) -> "Scaled":
    models = {
        "logistic": LogisticRegression(max_iter=200),
        "tree": DecisionTreeClassifier(min_samples_leaf=2, random_state=seed),
        "bayes": GaussianNB(var_smoothing=1e-2),
        "net": MLPClassifier((32,), max_iter=60, random_state=seed),
    }
    return Scaled(models[kind], tuple(len(columns) for columns in variables))


class Scaled(ClassifierMixin, BaseEstimator):
    """A model behind a scaler; says how many columns each variable has, one after the other.

    A pipeline would check every table thrice, which takes longer than the answers about a few rows.
    """

    def __init__(self, model: Any, sizes: tuple[int, ...]) -> None:
        self.model = model
        self.sizes = sizes

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "Scaled":
        self.scaler_ = StandardScaler().fit(X)
        self.n_features_in_ = X.shape[1]
        self.model_ = clone(self.model).fit(self._scaled(X), y, sample_weight=sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.model_.predict_proba(self._scaled(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model_.predict(self._scaled(X))

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - self.scaler_.mean_) / self.scaler_.scale_


class Counterfactuals(BaseEstimator):
    """Our generator, which hears from the teacher which columns are the levels of one category."""

    def fit(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> "Counterfactuals":
        ends = np.cumsum(estimator.sizes)
        groups = [part.tolist() for part in np.split(np.arange(ends[-1]), ends[:-1]) if len(part) > 1]
        self.inner_ = NearestInstanceCounterfactual(one_hot_groups=groups or None).fit(estimator, X, y)
        return self

    def generate(self, X: np.ndarray, target: Any, threshold: Any = 0.5) -> Any:
        return self.inner_.generate(X, target, threshold)


class RawRows(BaseEstimator):
    """A control: the row itself."""

    def fit(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> "RawRows":
        self.estimator_ = estimator
        return self

    def generate(self, X: np.ndarray, target: Any, threshold: Any = 0.5) -> SimpleNamespace:
        return told(self.estimator_, X, target)


class RandomRows(BaseEstimator):
    """A control: any row of the teacher's that has this label."""

    def __init__(self, random_state: Any = None) -> None:
        self.random_state = random_state

    def fit(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> "RandomRows":
        self.estimator_, self.X_, self.y_ = estimator, X, np.asarray(y)
        self.rng_ = check_random_state(self.random_state)
        return self

    def generate(self, X: np.ndarray, target: Any, threshold: Any = 0.5) -> SimpleNamespace:
        rows = [self.rng_.choice(np.flatnonzero(self.y_ == label)) for label in np.broadcast_to(target, len(X))]
        return told(self.estimator_, self.X_[rows], target)


def told(estimator: Any, X: np.ndarray, target: Any) -> SimpleNamespace:
    """What the contract of generators asks for: rows, all of them valid, and their probabilities."""
    wanted = np.searchsorted(estimator.classes_, np.broadcast_to(target, len(X)))
    probability = estimator.predict_proba(X)[np.arange(len(X)), wanted]
    return SimpleNamespace(X=X, valid=np.ones(len(X), dtype=bool), probability=probability)


def aligned(model: Any, X: np.ndarray, n_classes: int) -> np.ndarray:
    """Probabilities of all classes, 0 for one that the model never saw."""
    proba = np.zeros((len(X), n_classes))
    proba[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(X)
    return proba


def fit_merged(place: int, here: Situation) -> Any:
    """Fit a learner on everybody's rows."""
    _, learner, columns = here.learners[place]
    return clone(learner).fit(here.train.X[:, columns], here.train.y)


def fit_soft(learner: Any, X: np.ndarray, proba: np.ndarray) -> Any:
    """Fit a learner on probabilities: a row becomes one row per class, weighted."""
    rows, classes = np.nonzero(proba > FAINT)
    model = clone(learner)
    return model.fit(X[rows], classes, **weight_params(model, proba[rows, classes]))
