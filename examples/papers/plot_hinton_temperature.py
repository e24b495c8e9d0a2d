"""
Does a temperature above 1 help? (Hinton, Vinyals, Dean 2015)
=============================================================

"Distilling the Knowledge in a Neural Network" trains a small network on the softened answers of a large one. On its
digits a network of 30 units per layer did best at temperatures from 2.5 to 4, while wider ones did not care. Here is
that claim in small, on the digits that scikit-learn brings, with the controls that it needs.
"""

# %%
# The setting
# -----------
# The large network has 256 hidden units, the small one 30. Each seed draws 600 training rows anew and starts the
# networks anew; the other 1,197 rows judge. The teacher's answers about training rows are out of fold, made once
# per seed and handed to every student: a frozen classifier passes them on, and ``X_teacher`` carries them.
#
# - *labels*: the student fitted on labels alone;
# - *T = 1, 2, 4, 8*: the loss ``0.7 * T^2 * KL(teacher at T, student at T) + 0.3 * cross-entropy(labels)``;
# - *shuffled, T = 4*: the control. The answers are dealt out anew among training rows of the same class, so that
#   they keep what they say about the class and lose what they say about the row. If softness alone helped, this
#   would help as much.

import os

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier

from skdistill import DistilledClassifier
from skdistill.response import collect_out_of_fold

torch.set_num_threads(1)
quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_seeds = 10 if quick else 30
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


class PassedOn(ClassifierMixin, BaseEstimator):
    """Answers that were made elsewhere: the rows that it is asked about are the answers."""

    classes_ = np.arange(10)

    def fit(self, X, y):
        """Nothing to learn."""
        return self

    def predict_proba(self, X):
        """Pass the answers on."""
        return X

    def __sklearn_is_fitted__(self):
        return True


def small():
    """Thirty hidden units."""
    return torch.nn.Sequential(torch.nn.Linear(64, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10))


net = NeuralNetClassifier(
    small,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.02,
    batch_size=100,
    max_epochs=20,
    train_split=None,
    verbose=0,
)
large = MLPClassifier((256,), learning_rate_init=0.005, tol=1e-3, random_state=0)

# %%
# The runs
# --------


def shuffled_in_class(answers, labels, rng):
    """Deal the answers out anew among the rows of each class."""
    dealt = answers.copy()
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        dealt[rows] = answers[rng.permutation(rows)]
    return dealt


variants = {"labels": (1, 0.0, False), "T = 1": (1, 0.7, False), "T = 2": (2, 0.7, False), "T = 4": (4, 0.7, False)}
variants |= {"T = 8": (8, 0.7, False), "shuffled, T = 4": (4, 0.7, True)}
errors = {name: [] for name in variants}
losses = {name: [] for name in variants}
teacher_errors = []
for seed in range(n_seeds):
    train, test = train_test_split(np.arange(len(y)), train_size=600, stratify=y, random_state=seed)
    folds = list(StratifiedKFold(4, shuffle=True, random_state=seed).split(X[train], y[train]))
    teacher = large.set_params(random_state=seed)
    answers = collect_out_of_fold(teacher, X[train], y[train], folds).proba()
    dealt = shuffled_in_class(answers, y[train], np.random.default_rng(seed))
    teacher_errors.append(1 - teacher.fit(X[train], y[train]).score(X[test], y[test]))
    for name, (temperature, alpha, shuffled) in variants.items():
        model = DistilledClassifier(
            FrozenEstimator(PassedOn()), net, temperature=temperature, alpha=alpha, random_state=seed
        ).fit(X[train], y[train], X_teacher=dealt if shuffled else answers)
        proba = model.predict_proba(X[test]).astype(float)
        errors[name].append(1 - np.mean(model.classes_[proba.argmax(axis=1)] == y[test]))
        losses[name].append(log_loss(y[test], proba / proba.sum(axis=1, keepdims=True)))

# %%
# Means over the seeds, and the paired difference from T = 1 with its 95 % interval. Negative is better than T = 1.
# Test sets of different seeds share rows, which makes the intervals somewhat too narrow.


def interval(values, level=0.95):
    """Mean and half the width of its interval."""
    return np.mean(values), stats.t.ppf(0.5 + level / 2, len(values) - 1) * stats.sem(values)


def against(numbers, name, reference, level=0.95):
    """Paired difference of two variants."""
    return interval(np.subtract(numbers[name], numbers[reference]), level)


print(f"{n_seeds} seeds; error of the teacher {np.mean(teacher_errors):.4f}")
print(f"{'':<18}{'error':>8}{'log-loss':>10}{'error less that of T = 1':>28}{'log-loss less that of T = 1':>30}")
for name in variants:
    texts = ""
    if name != "T = 1":
        texts = "".join("{:>+19.4f} +- {:.4f}".format(*against(numbers, name, "T = 1")) for numbers in (errors, losses))
    print(f"{name:<18}{np.mean(errors[name]):>8.4f}{np.mean(losses[name]):>10.4f}  {texts}")

shades = {"labels": "#9aa0a6", "T": "#1a73b8", "shuffled": "#d1601f"}
fig, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True, layout="constrained")
for ax, numbers, title in zip(axes, (errors, losses), ("error", "log-loss"), strict=True):
    for place, name in enumerate(reversed(variants)):
        color = shades[name.partition(",")[0].partition(" ")[0]]
        mean, half = interval(numbers[name])
        ax.plot(numbers[name], [place] * n_seeds, "|", color=color, alpha=0.35, ms=9)
        ax.errorbar(mean, place, xerr=half, fmt="o", color=color, capsize=4)
    ax.axvline(np.mean(numbers["T = 1"]), color="0.7", lw=1, ls=":", zorder=0)
    ax.set_xlabel(f"{title} on rows not seen, mean and 95 % interval")
    ax.set_yticks(range(len(variants)), list(reversed(variants)))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()

# %%
# The verdict
# -----------
# The claim is about errors. It holds here if some temperature above 1 has fewer than T = 1, with a margin that three
# comparisons at once allow for (each interval at 1 - 0.05 / 3). What distillation as such brings is said beside it.


def beats(numbers, name, reference, level=0.95):
    """Whether a variant is lower, beyond its interval."""
    mean, half = against(numbers, name, reference, level)
    return mean + half < 0


for title, numbers in (("error", errors), ("log-loss", losses)):
    better = [name for name in ("T = 2", "T = 4", "T = 8") if beats(numbers, name, "T = 1", 1 - 0.05 / 3)]
    holds = f"holds here ({', '.join(better)})" if better else "does not hold here"
    print(f"a temperature above 1 lowers the {title}: {holds}")
    taught = [name for name in ("T = 1", "T = 2", "T = 4", "T = 8") if beats(numbers, name, "labels", 1 - 0.05 / 4)]
    print(f"  lower {title} than with labels alone: {', '.join(taught) or 'at no temperature'}")
    worse = [name for name in ("T = 1", "T = 2", "T = 4", "T = 8") if beats(numbers, "labels", name, 1 - 0.05 / 4)]
    print(f"  higher {title} than with labels alone: {', '.join(worse) or 'at no temperature'}")
    mean, half = against(numbers, "T = 4", "shuffled, T = 4")
    word = "matters" if mean + half < 0 else "makes no difference beyond noise" if mean - half < 0 else "harms"
    print(f"  which row an answer belongs to, at T = 4, {word} ({mean:+.4f} +- {half:.4f})")
