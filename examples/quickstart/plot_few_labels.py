"""
Few labels, many rows
=====================

Labels cost something, rows often do not. Here a tenth of the rows is labelled; the teacher labels the others, which go
into ``X_unlabeled``. The students are a tree and a logistic regression, the table is Adult.
"""

# %%
# Two teachers
# ------------
# One teacher is fitted on the labelled tenth, like the student. The other one exists already: it was fitted
# elsewhere, on other labelled rows, and is handed over frozen. A model bought or inherited is like that.

import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistilledClassifier
from skdistill.datasets import load_adult
from skdistill.exceptions import DistillationDeclinedWarning

warnings.simplefilter("ignore", DistillationDeclinedWarning)
quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_rows, n_repeats = (3000, 2) if quick else (10000, 3)
table, income = load_adult(return_X_y=True)
y = (income == ">50K").to_numpy(dtype=int)
elsewhere, table, y_elsewhere, y = train_test_split(table, y, train_size=10000, stratify=y, random_state=0)
encoder = make_column_transformer(
    (
        OneHotEncoder(sparse_output=False, handle_unknown="ignore", min_frequency=50),
        make_column_selector(dtype_include="category"),
    ),
    (StandardScaler(), make_column_selector(dtype_exclude="category")),
)
booster = HistGradientBoostingClassifier(
    max_iter=50 if quick else 100, categorical_features="from_dtype", random_state=0
)
inherited = FrozenEstimator(clone(booster).fit(elsewhere, y_elsewhere))
students = {
    "tree of 32 leaves": make_pipeline(encoder, DecisionTreeClassifier(max_leaf_nodes=32, random_state=0)),
    "logistic regression": make_pipeline(encoder, LogisticRegression(max_iter=300)),
}

# %%
# Five ways
# ---------
# The first and the last are fitted plainly, on a tenth of the labels and on all of them: the second is what
# labelling everything would buy. The three in between are distilled with their defaults; the weight of the teacher
# is chosen on the labelled rows, out of fold.

ways = [
    "labels of a tenth",
    "teacher of the tenth",
    "teacher of the tenth + unlabeled rows",
    "inherited teacher + unlabeled rows",
    "labels of all rows",
]
found = {name: {way: [] for way in ways} for name in students}
for repeat in range(n_repeats):
    train, test, y_train, y_test = train_test_split(
        table, y, train_size=n_rows, test_size=10000, stratify=y, random_state=repeat
    )
    few, rest, y_few, _ = train_test_split(train, y_train, train_size=0.1, stratify=y_train, random_state=repeat)
    for name, student in students.items():
        own = DistilledClassifier(booster, student, random_state=repeat)
        given = DistilledClassifier(inherited, student, random_state=repeat)
        fitted = [
            clone(student).fit(few, y_few),
            clone(own).fit(few, y_few),
            clone(own).fit(few, y_few, X_unlabeled=rest),
            clone(given).fit(few, y_few, X_unlabeled=rest),
            clone(student).fit(train, y_train),
        ]
        for way, model in zip(ways, fitted, strict=True):
            answers = model.predict_proba(test)
            numbers = (model.score(test, y_test), log_loss(y_test, answers), getattr(model, "alpha_", np.nan))
            found[name][way].append(numbers)

# %%
# Means over the repetitions; the log-loss of a tree that learnt from few labels suffers from leaves that are certain.

print(f"{n_rows // 10} labelled rows, {n_rows - n_rows // 10} without labels, {n_repeats} repetitions")
print(f"{'':<22}{'':<40}{'accuracy':>9}{'log-loss':>10}{'alpha':>7}")
for name, results in found.items():
    for way, numbers in results.items():
        accuracy, loss, alpha = np.mean(numbers, axis=0)
        print(f"{name:<22}{way:<40}{accuracy:>9.3f}{loss:>10.3f}{'' if np.isnan(alpha) else format(alpha, '.2f'):>7}")

colors = ["#9aa0a6", "#8ab4f8", "#4a90d9", "#1a5fa8", "#3c4043"]
fig, axes = plt.subplots(2, 2, figsize=(10, 4.8), layout="constrained")
for row, (name, results) in zip(axes, found.items(), strict=True):
    for position, (ax, title) in enumerate(zip(row, ("accuracy", "log-loss"), strict=True)):
        for place, (way, color) in enumerate(zip(reversed(ways), reversed(colors), strict=True)):
            values = [numbers[position] for numbers in results[way]]
            ax.plot(values, [place] * len(values), "|", color=color, ms=12, alpha=0.6)
            ax.plot(np.mean(values), place, "o", color=color, ms=8)
        ax.set_yticks(range(len(ways)), list(reversed(ways)) if position == 0 else [])
        ax.set_ylim(-0.6, len(ways) - 0.4)
        ax.set_title(f"{name}: {title}", fontsize=11)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", color="0.93")
        ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()

# %%
# What the unlabeled rows bring, as a share of what labelling all of them would:

for name, results in found.items():
    low, high = np.mean(results[ways[0]], axis=0), np.mean(results[ways[4]], axis=0)
    for way in ways[2:4]:
        middle = np.mean(results[way], axis=0)
        # Adding zero turns -0.0 into 0.0.
        shares = np.round((middle[:2] - low[:2]) / (high[:2] - low[:2]), 2) + 0.0
        print(f"{name}, {way}: {shares[0]:.0%} of the way in accuracy, {shares[1]:.0%} in log-loss")
