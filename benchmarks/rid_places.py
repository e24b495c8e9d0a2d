"""Where redundant information distillation is tried: tables and images, teachers with and without nuisance."""

import gzip
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from skorch import NeuralNetClassifier

from benchmarks import _setting
from benchmarks._setting import Batches, TwoLayers
from benchmarks.which_teacher import boosted
from skdistill.nets import TorchTeacher

# Table -> the teacher that the nuisance is given to; nets and trees of both kinds are among them.
DATASETS = {"satimage": "forest", "optdigits": "net", "letter": "net", "bank": "boosted"}
TEACHERS = ("forest", "boosted", "net")
SHARES = (0.3, 0.6, 0.9)
# Factors behind the nuisance columns; the teacher learns to tell them, besides the classes.
FACTORS = 4
STUDENT_UNITS = 32
TEACHER_UNITS = 256
# Where Debian's package dataset-fashion-mnist puts its files.
IMAGES = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
IMAGE_ROWS = 500


@dataclass(frozen=True)
class Caps:
    """At most how many rows each part has."""

    teacher: int = 2000
    teacher_share: float = 0.35
    choice: int = 300
    test: int = 2000


@dataclass(frozen=True)
class Situation:
    """A table, a teacher of one kind and what has been done to it, and how many rows the student has."""

    dataset: str
    teacher: str
    condition: str
    share: float
    n_rows: int


@dataclass(frozen=True)
class Rows:
    """Rows of one situation under one seed; `joint` are the teacher's targets, of `n_joint` classes."""

    X: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    joint: np.ndarray
    n_factors: int
    images: bool = False


class MarginalTrees(ClassifierMixin, BaseEstimator):
    """Trees of classes and factors, asked for the classes alone; their leaves are what they are."""

    def __init__(self, model: Any, n_classes: int, n_factors: int) -> None:
        self.model = model
        self.n_classes = n_classes
        self.n_factors = n_factors
        self.classes_ = np.arange(n_classes)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MarginalTrees":
        raise RuntimeError("this teacher comes fitted")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def apply(self, X: np.ndarray) -> np.ndarray:
        return self.model.apply(X) if hasattr(self.model, "apply") else self.model.predict(X, pred_leaf=True)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        found = np.zeros((len(X), self.n_classes * self.n_factors))
        found[:, self.model.classes_] = self.model.predict_proba(X)
        return found.reshape(len(X), self.n_classes, self.n_factors).sum(axis=2)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predict_proba(X).argmax(axis=1)


class MarginalNet(torch.nn.Module):
    """A net of classes and factors, asked for the classes alone."""

    def __init__(self, joint: torch.nn.Module, n_classes: int, n_factors: int) -> None:
        super().__init__()
        self.joint = joint
        self.shape = (n_classes, n_factors)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.joint(X).reshape(len(X), *self.shape).logsumexp(dim=2)


class SmallConv(torch.nn.Module):
    """Two convolutions, each with pooling, and a linear layer; rows are square images."""

    def __init__(self, n_inputs: int, n_classes: int, n_units: int) -> None:
        super().__init__()
        self.side = round(n_inputs**0.5)
        conv, pool, few = torch.nn.Conv2d, torch.nn.MaxPool2d, n_units // 4
        seen = [
            conv(1, few, 3, padding=1),
            torch.nn.ReLU(),
            pool(2),
            conv(few, 2 * few, 3, padding=1),
            torch.nn.ReLU(),
            pool(2),
        ]
        self.seen = torch.nn.Sequential(*seen, torch.nn.Flatten())
        self.head = torch.nn.Linear(2 * few * (self.side // 4) ** 2, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.seen(X.reshape(len(X), 1, self.side, self.side)))


@cache
def fashion(n_rows: int = 20_000) -> tuple[np.ndarray, np.ndarray, str]:
    """Read the first images of Fashion-MNIST, squares of four pixels as one, the classes, and a fingerprint."""
    bytes_of = {
        part: gzip.decompress((IMAGES / f"train-{part}-ubyte.gz").read_bytes())
        for part in ("images-idx3", "labels-idx1")
    }
    pixels = np.frombuffer(bytes_of["images-idx3"], np.uint8, offset=16).reshape(-1, 14, 2, 14, 2)[:n_rows]
    codes = np.frombuffer(bytes_of["labels-idx1"], np.uint8, offset=8)[:n_rows].astype(np.int64)
    X = pixels.mean(axis=(2, 4)).reshape(n_rows, -1)
    return X, codes, hashlib.sha256(X.tobytes() + codes.tobytes()).hexdigest()[:16]


def matrix(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    return fashion() if name == "fashion" else _setting.matrix(name)


def stages(names: Sequence[str], sizes: Sequence[int]) -> list[list[Situation]]:
    """List the situations, what matters most first: each table's own teacher, more rows, then the other teachers."""
    made = []
    for size in sizes:
        own = [(name, DATASETS[name]) for name in names]
        calm = [Situation(*pair, condition, 0.0, size) for pair in own for condition in ("trained", "untrained")]
        made.append([*calm, *(Situation(*pair, "nuisance", share, size) for pair in own for share in SHARES)])
    if IMAGES.exists():
        made.append(
            [Situation("fashion", "conv", how, 0.0, IMAGE_ROWS) for how in ("trained", "untrained", "permuted")]
        )
    others = [(name, kind) for name in names for kind in TEACHERS if kind != DATASETS[name]]
    return [*made, [Situation(*pair, how, 0.0, sizes[0]) for pair in others for how in ("trained", "untrained")]]


def make_rows(place: Situation, seed: int, caps: Caps) -> Rows:
    X, y, _ = matrix(place.dataset)
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(y))
    n_teacher = min(caps.teacher, int(caps.teacher_share * len(y)))
    ends = np.cumsum([n_teacher, place.n_rows, caps.choice, caps.test])
    parts = dict(zip(("teacher", "student", "choice", "test"), np.split(order, ends)[:4], strict=True))
    mean, std = X[parts["teacher"]].mean(axis=0), X[parts["teacher"]].std(axis=0)
    X = ((X - mean) / np.where(std > 1e-6, std, 1.0)).clip(-5, 5)
    factor, n_factors = np.zeros(len(y), dtype=int), 1
    if place.share > 0:
        n_factors = FACTORS
        factor = rng.randint(n_factors, size=len(y))
        width = round(X.shape[1] * place.share / (1 - place.share))
        centres = rng.normal(size=(n_factors, width))
        X = np.hstack([X, (centres[factor] + rng.normal(size=(len(y), width))) / np.sqrt(2)])
    joint = (y * n_factors + factor)[parts["teacher"]]
    X = X.astype(np.float32)
    cut = [{k: values[v] for k, v in parts.items()} for values in (X, y)]
    return Rows(*cut, joint, n_factors, place.dataset == "fashion")


def net(
    n_columns: int, n_classes: int, *, units: int, epochs: int, batch: int, images: bool = False
) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        SmallConv if images else TwoLayers,
        module__n_inputs=n_columns,
        module__n_classes=n_classes,
        module__n_units=units,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=5e-3 if units == STUDENT_UNITS else 1e-3,
        batch_size=batch,
        max_epochs=epochs,
        train_split=None,
        callbacks="disable",
        iterator_train=Batches,
        iterator_train__shuffle=True,
        iterator_valid=Batches,
        verbose=0,
    )


def make_teacher(place: Situation, rows: Rows, n_classes: int, seed: int) -> Any:
    """Fit the teacher; an untrained net has random weights, untrained trees have learned permuted labels."""
    X, y = rows.X["teacher"], rows.joint
    n_joint = n_classes * rows.n_factors
    untrained = place.condition == "untrained"
    if place.condition == "permuted":
        y = np.random.RandomState(seed).permutation(y)
    if place.teacher in ("net", "conv"):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            images = place.teacher == "conv"
            units, epochs = (TEACHER_UNITS // 2, 12) if images else (TEACHER_UNITS, 25)
            wide = net(X.shape[1], n_joint, units=units, epochs=0 if untrained else epochs, batch=64, images=images)
            module = wide.fit(X, y.astype(np.int64)).module_
        return TorchTeacher(MarginalNet(module, n_classes, rows.n_factors), classes=np.arange(n_classes))
    labels = np.random.RandomState(seed).permutation(y) if untrained else y
    if place.teacher == "forest":
        trees = RandomForestClassifier(100, random_state=seed, n_jobs=1)
    else:
        trees = boosted(max(6, 120 // len(np.unique(y))), 15, seed)
    return MarginalTrees(trees.fit(X, labels), n_classes, rows.n_factors)


def classes_of(rows: Rows) -> int:
    return max(int(y.max()) for y in rows.y.values()) + 1


def make_student(rows: Rows, n_classes: int) -> NeuralNetClassifier:
    """Fewer passes over more rows, so that the number of steps grows slowly."""
    n = len(rows.y["student"])
    epochs, batch = (60, n // 2) if n <= 300 else (40, n // 5)
    n_columns = rows.X["student"].shape[1]
    return net(n_columns, n_classes, units=STUDENT_UNITS, epochs=epochs, batch=batch, images=rows.images)
