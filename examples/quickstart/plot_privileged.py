"""
A teacher that sees more than the student
=========================================

Some columns exist when a model is trained and not when it is used: what happened later, a slow laboratory test, a
costly sensor. A teacher may use them all the same. ``X_teacher`` holds the rows as the teacher sees them and is needed
in ``fit`` only. Whether that helps depends on what the columns are; here are two cases.
"""

# %%
# Labels that hide a number
# -------------------------
# A label often says only whether a number exceeds a threshold, and the number itself is known in hindsight. In the
# first table, made by ``make_regression`` after the first experiment of Lopez-Paz and others (2016), the label is
# the sign of a noisy margin, and the privileged column is the margin without noise. In the second one, diabetes,
# the label says whether the disease progressed beyond its median a year later, and the privileged column is the
# measured progression.

import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdistill import DistilledClassifier
from skdistill.exceptions import DistillationDeclinedWarning

warnings.simplefilter("ignore", DistillationDeclinedWarning)
quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_repeats = 12 if quick else 50


def margins():
    """Rows, labels and the margins behind the labels."""
    X, margin = make_regression(2000, n_features=50, n_informative=50, noise=0.0, random_state=0)
    noise = np.random.default_rng(0).normal(scale=margin.std(), size=len(margin))
    return X, (margin + noise > 0).astype(int), margin[:, None]


def progression():
    """Rows, labels and the number behind the labels."""
    X, later = load_diabetes(return_X_y=True)
    return X, (later > np.median(later)).astype(int), later[:, None]


# %%
# Three ways to fit the same student
# ----------------------------------
# A logistic regression learns from 200 rows: from the labels; from a teacher with the same columns; from a teacher
# with the privileged column alone. The teacher is a logistic regression as well, so that nothing but the columns
# differs. Each repetition draws the 200 rows anew and judges by the others.

logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
ways = {"labels": "#9aa0a6", "teacher, same columns": "#8ab4f8", "teacher, privileged column": "#1a73b8"}
found = {}
for title, make in (("sign of a noisy margin", margins), ("diabetes", progression)):
    X, y, privileged = make()
    found[title] = {way: [] for way in ways}
    for repeat in range(n_repeats):
        train, test = train_test_split(np.arange(len(y)), train_size=200, stratify=y, random_state=repeat)
        model = DistilledClassifier(logistic, logistic, random_state=repeat)
        fitted = {
            "labels": clone(logistic).fit(X[train], y[train]),
            "teacher, same columns": clone(model).fit(X[train], y[train]),
            "teacher, privileged column": clone(model).fit(X[train], y[train], X_teacher=privileged[train]),
        }
        for way, learnt in fitted.items():
            answers = learnt.predict_proba(X[test])
            found[title][way].append(
                (learnt.score(X[test], y[test]), log_loss(y[test], answers), getattr(learnt, "alpha_", 0))
            )

# %%
# The gain of each way over the labels, with a 95 % interval of its mean. The repetitions share rows, so that the
# intervals are somewhat too narrow.


def interval(values):
    """Mean and half the width of its 95 % interval."""
    return np.mean(values), stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


print(f"{'':<52}{'accuracy':>9}{'log-loss':>9}{'alpha':>7}{'gain in accuracy':>22}{'gain in log-loss':>22}")
fig, axes = plt.subplots(1, 2, figsize=(9, 2.9), sharey=True, layout="constrained")
for title, results in found.items():
    base = np.array(results["labels"])
    for way, numbers in results.items():
        table = np.array(numbers)
        gains = [interval(table[:, 0] - base[:, 0]), interval(base[:, 1] - table[:, 1])]
        texts = "".join(f"{mean:>+13.4f} +- {half:.4f}" for mean, half in gains) if way != "labels" else ""
        accuracy, loss, alpha = table.mean(axis=0)
        print(f"{title:<24}{way:<28}{accuracy:>9.3f}{loss:>9.3f}{alpha:>7.2f}{texts}")
        if way != "labels":
            place = -2 * list(found).index(title) - 0.6 * list(ways).index(way)
            for ax, (mean, half) in zip(axes, gains, strict=True):
                ax.errorbar(mean, place, xerr=half, fmt="o", color=ways[way], capsize=4, ms=7, label=way)
for ax, text in zip(axes, ("gain in accuracy over labels", "gain in log-loss over labels"), strict=True):
    ax.axvline(0, color="0.6", lw=1)
    ax.set(xlabel=text, ylim=(-3.8, 0))
    ax.set_yticks([-0.9, -2.9], list(found))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles[:2], labels[:2], loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# ``teacher_`` knows the privileged column, the fitted model does not ask for it.

print(fitted["teacher, privileged column"].n_features_in_, "columns in, whatever the teacher saw")
for title, results in found.items():
    gain, half = interval(np.array(results["labels"])[:, 1] - np.array(results["teacher, privileged column"])[:, 1])
    verdict = "a gain" if gain > half else "a loss" if gain < -half else "no difference beyond noise"
    print(f"{title}: the privileged column brings {verdict} in log-loss ({gain:+.4f} +- {half:.4f})")
