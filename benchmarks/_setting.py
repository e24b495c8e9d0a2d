"""What the comparisons share: splits, the teacher, the students, and fits that are not repeated."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import joblib
import numpy as np
import torch
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

import skdistill.estimators._classifier as distilled
from benchmarks._data import encode, load
from skdistill.fidelity import agreement_score, jensen_shannon, predictive_kl
from skdistill.samplers import MungeSampler

FAMILIES = ("tree", "logistic", "lightgbm", "net")
# Fresh rows for the limit of a family, as a multiple of the training rows.
FRESH = 20
FRESH_REAL = 5


@dataclass(frozen=True)
class Caps:
    """How many rows a comparison uses: `train` of them or that share, whichever is less, and of the rest `test`."""

    train: int = 1500
    test: int = 5000
    train_share: float = 0.6


@dataclass(frozen=True)
class Split:
    """Rows of one data set under one seed; `pool` are real rows that neither training nor test uses."""

    name: str
    fingerprint: str
    seed: int
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    pool: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        return np.unique(self.y_train)


@cache
def matrix(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the encoded columns, the classes as 0 .. K-1, and the fingerprint of the rows as they were read."""
    table = load(name)
    codes = np.unique(table.y, return_inverse=True)[1]
    return encode(table), codes.astype(np.int64), table.fingerprint


def split(name: str, seed: int, caps: Caps) -> Split:
    X, y, fingerprint = matrix(name)
    rows = np.arange(len(y))
    n_train = min(caps.train, int(caps.train_share * len(y)))
    train, rest = train_test_split(rows, train_size=n_train, stratify=y, random_state=seed)
    n_test = min(caps.test, len(rest))
    order = np.random.RandomState(seed).permutation(rest)
    test, pool = order[:n_test], order[n_test : n_test + FRESH * n_train]
    return Split(name, fingerprint, seed, X[train], y[train], X[test], y[test], X[pool])


def make_teacher(seed: int, n_trees: int = 150, n_rounds: int = 60) -> VotingClassifier:
    """A vote of extremely randomised and of boosted trees, which err in different ways."""
    boosted = LGBMClassifier(
        n_estimators=n_rounds, learning_rate=0.15, num_leaves=31, random_state=seed, n_jobs=1, verbose=-1
    )
    return VotingClassifier(
        [
            ("extra", ExtraTreesClassifier(n_trees, random_state=seed, n_jobs=1)),
            ("boosted", boosted),
        ],
        voting="soft",
    )


class Batches:
    """Batches cut from whole arrays; torch's own loader collects them row by row, which takes most of the time."""

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False) -> None:
        self.X = torch.as_tensor(np.asarray(dataset.X))
        self.y = None if dataset.y is None else torch.as_tensor(np.asarray(dataset.y))
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        n_rows = len(self.X)
        order = torch.randperm(n_rows) if self.shuffle else torch.arange(n_rows)
        for rows in order.split(self.batch_size):
            # skorch wants something in the place of the targets at predict too.
            yield self.X[rows], torch.zeros(1) if self.y is None else self.y[rows]


class TwoLayers(torch.nn.Module):
    """A perceptron with two hidden layers of 64 units."""

    def __init__(self, n_inputs: int, n_classes: int, n_units: int = 64) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_inputs, n_units),
            torch.nn.ReLU(),
            torch.nn.Linear(n_units, n_units),
            torch.nn.ReLU(),
            torch.nn.Linear(n_units, n_classes),
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X)


def two_layer_net(n_columns: int, n_classes: int, *, max_epochs: int) -> NeuralNetClassifier:
    """A perceptron of two layers of 64 units, trained by Adam."""
    return NeuralNetClassifier(
        TwoLayers,
        module__n_inputs=n_columns,
        module__n_classes=n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=5e-3,
        batch_size=256,
        max_epochs=max_epochs,
        train_split=None,
        callbacks="disable",
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        verbose=0,
    )


def make_student(family: str, seed: int, n_columns: int, n_classes: int, *, small: bool = False) -> Any:
    """A fresh student of a family; `small` gives the 8-leaf tree and the 5 rounds of situation D."""
    if family == "tree":
        return DecisionTreeClassifier(max_leaf_nodes=8 if small else 64, random_state=seed)
    if family == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    if family == "lightgbm":
        return LGBMClassifier(n_estimators=5 if small else 100, num_leaves=15, random_state=seed, n_jobs=1, verbose=-1)
    net = two_layer_net(n_columns, n_classes, max_epochs=20)
    return make_pipeline(StandardScaler(), FunctionTransformer(np.float32), net)


def fit_hard(student: Any, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
    """Fit a student on labels with its own `fit`, torch seeded as a distilled student's would be."""
    strategy_seed = int(np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=2)[0])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(strategy_seed)
        return clone(student).fit(X, y)


class Memory:
    """Fits and answers by what went into them; emptied between splits."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.hits = 0

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        name = joblib.hash(key)
        if name in self.kept:
            self.hits += 1
        else:
            self.kept[name] = make()
        return self.kept[name]

    def clear(self) -> None:
        self.kept.clear()


MEMORY = Memory()


class RememberedTeacher(ClassifierMixin, BaseEstimator):
    """A teacher whose fits and answers are made once for the same rows, whoever asks."""

    def __init__(self, teacher: Any) -> None:
        self.teacher = teacher

    def fit(self, X: np.ndarray, y: np.ndarray) -> "RememberedTeacher":
        self.key_ = joblib.hash((repr(self.teacher), X, y))
        self.fitted_ = MEMORY.get(("teacher", self.key_), lambda: clone(self.teacher).fit(X, y))
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return MEMORY.get(("answer", self.key_, X), lambda: self.fitted_.predict_proba(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@contextmanager
def remembered_students() -> Iterator[None]:
    """Let the distilled classifiers in the block share the students that they fit on the same targets."""
    own = distilled.fit_student

    def fit_student(student: Any, X: Any, targets: Any, strategy: Any, **how: Any) -> Any:
        what = [getattr(targets, field.name) for field in fields(targets)]
        if targets.is_hard:
            what[0] = None
        key = ("student", described(student), X, what, type(strategy).__name__, sorted(how.items()))
        return MEMORY.get(key, lambda: own(student, X, targets, strategy, **how))

    distilled.fit_student = fit_student
    try:
        yield
    finally:
        distilled.fit_student = own


def described(student: Any) -> str:
    if isinstance(student, Pipeline):
        return " > ".join(described(step) for _, step in student.steps)
    return f"{type(student).__name__}{sorted((k, repr(v)) for k, v in student.get_params(deep=False).items())}"


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out the warnings that a comparison causes by design."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def metrics(proba: np.ndarray, predicted: np.ndarray, y: np.ndarray, told: np.ndarray) -> dict[str, float]:
    """Compare a student's answers about held-out rows with the labels and with its teacher's answers."""
    return {
        "accuracy": accuracy_score(y, predicted),
        "log_loss": log_loss(y, proba, labels=np.arange(told.shape[1])),
        "agreement": agreement_score(told.argmax(axis=1), predicted),
        "kl": predictive_kl(told, proba),
        "js": jensen_shannon(told, proba),
    }


def fresh_rows(data: Split, factor: int = FRESH) -> tuple[np.ndarray, str]:
    """Rows that no model has seen: real ones where there are enough, else synthetic ones, and which they are."""
    n = len(data.y_train)
    if len(data.pool) >= FRESH_REAL * n:
        return data.pool[: factor * n], "real"
    drawn = MungeSampler().fit(data.X_train).sample(factor * n, random_state=data.seed)
    return drawn, "munge"
