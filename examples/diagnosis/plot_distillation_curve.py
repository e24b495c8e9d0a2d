"""
How many rows, and at which temperature?
========================================

A student sees its teacher only through the rows about which the teacher was asked. Here a forest that learnt 500 digits
teaches a tree of 256 leaves, and :func:`distillation_curve <skdistill.fidelity.distillation_curve>` counts what further
rows bring: real ones without labels, and made ones of two samplers. :func:`temperature_curve
<skdistill.fidelity.temperature_curve>` then varies the temperature. Both say how sure one may be of it.
"""

# %%
# Rows
# ----
# The labelled rows are cut into five folds. For each fold, source and number of rows a student is fitted on the other
# four, and compared with its teacher on the fold, which neither has seen. Without further rows all lines share a point.

import os

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistilledClassifier
from skdistill.fidelity import (
    DistillationCurveDisplay,
    TemperatureCurveDisplay,
    distillation_curve,
    temperature_curve,
)

quick = bool(os.environ.get("SKDISTILL_QUICK"))
X, y = load_digits(return_X_y=True)
X_train, X_further, y_train, _ = train_test_split(X, y, train_size=500, stratify=y, random_state=0)
model = DistilledClassifier(
    RandomForestClassifier(n_estimators=100, random_state=0),
    DecisionTreeClassifier(max_leaf_nodes=256, random_state=0),
    alpha=1.0,
    random_state=0,
)
curve = distillation_curve(
    model,
    X_train,
    y_train,
    samplers=("munge", "mixup"),
    n_rows=(0, 300, 1200) if quick else (0, 300, 600, 1200, 4800),
    X_unlabeled=X_further[:1200],
    random_state=0,
)
display = DistillationCurveDisplay(curve).plot()

# %%
# What it shows
# -------------
# Real rows bring the tree closest by far. Made rows lower the divergence, more of them more so, but it is hard to see
# them in the agreement. Where the tree gets closer it gains accuracy, because its teacher is far better than it is.
#
# The fourth panel goes the other way, and that is no mistake. A forest that learnt a few hundred digits is unsure of
# itself: it is right more often than its probabilities say. A student that follows it closely takes this over. Fidelity
# is closeness to the teacher, with its faults.

proba = model.fit(X_train, y_train).teacher_.predict_proba(X_further)
print(f"the forest's greatest probability is {proba.max(axis=1).mean():.2f} on average on rows that it has not seen")

# %%
# How sure one may be
# -------------------
# The bars are Student's intervals over five folds, each of them for one point alone. Folds are harder or easier for
# all students alike, so a comparison within folds is sharper than two bars side by side:


def compared(records, metric, left, right):
    """Mean difference of two points within folds, with its interval of 95 %."""
    values = {(record["line"], record["x"], record["fold"]): record[metric] for record in records}
    folds = sorted({record["fold"] for record in records})
    gains = np.array([values[(*left, fold)] - values[(*right, fold)] for fold in folds])
    half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.3f} [{gains.mean() - half:+.3f}, {gains.mean() + half:+.3f}]"


for metric in ("agreement", "predictive_kl"):
    print(f"{metric}, 1,200 further rows against none")
    for line in curve.lines:
        print(f"    {line:<11}{compared(curve.records, metric, (line, 1200), (line, 0))}")

# %%
# The folds share most of their training rows, so that even these intervals are somewhat too narrow; and they speak of
# this teacher's kind, this student and this table only. Where a curve still rises at its end, more rows are worth
# having; where it is flat, the student is full, and F101 of a report says the same.
#
# The temperature
# ---------------
# A temperature above 1 softens what the student learns from. The comparison itself is made at temperature 1 throughout,
# between the probabilities that both give in use.

temperatures = temperature_curve(
    model,
    X_train,
    y_train,
    temperatures=(0.5, 1, 4) if quick else (0.5, 1, 2, 4, 8),
    X_unlabeled=X_further[:1200],
    random_state=0,
)
display = TemperatureCurveDisplay(temperatures).plot()

# %%
# This forest's answers are soft already, and temperature 1 keeps the tree closest to them: at 4 it looks for splits
# among nearly equal shares. That high temperatures were found to help networks of very sure teachers is no reason to
# raise it here. The divergence shows the cost more clearly than the agreement does, since it looks at whole
# distributions and not only at which class comes first.

for metric in ("agreement", "predictive_kl"):
    change = compared(temperatures.records, metric, ("student", 4), ("student", 1))
    print(f"{metric:<14} temperature 4 against 1: {change}")
plt.show()
