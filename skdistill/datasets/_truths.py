"""Joint distributions of (X, y) in closed form: how rows are drawn and what p(y | x) is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

__all__ = ["TRUTHS", "CheckerboardTruth", "GaussianTruth", "LogisticTruth", "RingsTruth", "Truth"]


def directions(n_classes: int, n_features: int) -> np.ndarray:
    """One vector per class, ``cos(2 pi k / K + j) * sqrt(2 / p)``: all differ, no two features are alike."""
    turns = 2.0 * np.pi * np.arange(n_classes) / n_classes
    return np.cos(turns[:, None] + np.arange(n_features)[None, :]) * np.sqrt(2.0 / n_features)


@dataclass(frozen=True)
class Truth(ABC):
    """A joint distribution of K classes and p numeric columns, fixed by its shape and sharpness.

    Two truths of equal fields are the same distribution. A subclass says how rows are drawn and gives p(y |
    x) as logits; the logits of finite rows are finite.

    Parameters
    ----------
    n_classes : int
        Number of classes K.
    n_features : int
        Number of columns p.
    sharpness : float
        How far the classes are apart; at 0 the columns tell nothing.
    """

    n_classes: int
    n_features: int
    sharpness: float

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw rows from p(x), an array of shape (n_samples, n_features)."""
        return random.standard_normal((n_samples, self.n_features))

    @abstractmethod
    def logits(self, X: np.ndarray) -> np.ndarray:
        """Log p(y | x) up to a constant per row, of shape (n_samples, n_classes)."""

    def proba(self, X: np.ndarray) -> np.ndarray:
        """Return p(y | x), of shape (n_samples, n_classes)."""
        return softmax(self.logits(X), axis=1)


@dataclass(frozen=True)
class LogisticTruth(Truth):
    """Multinomial logit: x ~ N(0, I), logits ``sharpness * (x @ directions.T) + intercept``."""

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the linear logits."""
        intercept = np.linspace(0.5, -0.5, self.n_classes)
        return self.sharpness * (X @ directions(self.n_classes, self.n_features).T) + intercept


@dataclass(frozen=True)
class GaussianTruth(Truth):
    """Mixture of spherical Gaussians of unequal weights and widths; p(y | x) by Bayes' rule."""

    @property
    def weights(self) -> np.ndarray:
        """Share of each class, falling in even steps from the first to half of it at the last."""
        raw = np.linspace(2.0, 1.0, self.n_classes)
        return raw / raw.sum()

    @property
    def means(self) -> np.ndarray:
        """Centre of each class, of shape (n_classes, n_features)."""
        return self.sharpness * directions(self.n_classes, self.n_features)

    @property
    def widths(self) -> np.ndarray:
        """Standard deviation of each class, the same in all columns; all equal where the sharpness is 0."""
        return np.linspace(1.0, 1.0 + 0.5 * min(self.sharpness, 1.0), self.n_classes)

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw the component of each row, then the row."""
        component = random.choice(self.n_classes, size=n_samples, p=self.weights)
        noise = random.standard_normal((n_samples, self.n_features))
        return self.means[component] + self.widths[component, None] * noise

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the log weight plus the log density of each class, less what all classes share."""
        squared = ((X[:, None, :] - self.means[None, :, :]) ** 2).sum(axis=2)
        log_density = -0.5 * squared / self.widths**2 - self.n_features * np.log(self.widths)
        return np.log(self.weights) + log_density


@dataclass(frozen=True)
class CheckerboardTruth(Truth):
    """Exclusive or: x ~ U(-1, 1), K x K cells in two columns, class ``(row + column) mod K`` favoured."""

    def sample(self, n_samples: int, random: np.random.RandomState) -> np.ndarray:
        """Draw rows evenly from the cube."""
        return random.uniform(-1.0, 1.0, size=(n_samples, self.n_features))

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return ``sharpness`` for the class of the row's cell and 0 for the others."""
        cells = np.clip(np.floor((X[:, :2] + 1.0) * self.n_classes / 2.0), 0, self.n_classes - 1)
        favoured = cells.sum(axis=1).astype(np.intp) % self.n_classes
        return self.sharpness * np.eye(self.n_classes)[favoured]


@dataclass(frozen=True)
class RingsTruth(Truth):
    """Rings: x ~ N(0, I), logits ``-2 sharpness * (r - r_k)^2``, r the length of two columns."""

    @property
    def radii(self) -> np.ndarray:
        """Radius of each class: quantiles of the length, so that the rings hold about equally many rows."""
        shares = (np.arange(self.n_classes) + 0.5) / self.n_classes
        return np.sqrt(-2.0 * np.log1p(-shares))

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the negative squared distance to each ring, scaled."""
        length = np.hypot(X[:, 0], X[:, 1])
        return -2.0 * self.sharpness * (length[:, None] - self.radii[None, :]) ** 2


TRUTHS: dict[str, type[Truth]] = {
    "logistic": LogisticTruth,
    "gaussian": GaussianTruth,
    "xor": CheckerboardTruth,
    "rings": RingsTruth,
}
