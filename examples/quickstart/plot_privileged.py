"""
A teacher that sees more than the student
=========================================

Some columns exist when a model is trained and not when it is used: a slow laboratory test, what happened later, a
costly sensor. A teacher may use them all the same. ``X_teacher`` holds the rows as the teacher sees them, and is needed
in ``fit`` only.
"""

# %%
# Half a digit
# ------------
# The teacher sees all 64 pixels of a handwritten digit, the student only the upper 32. Few rows are labelled, as is usual
# where labels cost something.

import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistilledClassifier
from skdistill.exceptions import DistillationDeclinedWarning

warnings.simplefilter("ignore", DistillationDeclinedWarning)
quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_repeats = 4 if quick else 20
X, y = load_digits(return_X_y=True)
X = X / 16
upper = X[:, :32]

teacher = SVC(gamma="scale", random_state=0)
students = {
    "forest of 30 trees": RandomForestClassifier(30, min_samples_leaf=2, random_state=0),
    "tree of 40 leaves": DecisionTreeClassifier(max_leaf_nodes=40, random_state=0),
    "logistic regression": LogisticRegression(max_iter=300),
}
example = y.tolist().index(6)
fig, axes = plt.subplots(1, 2, figsize=(4.4, 2.4), layout="constrained")
for ax, rows, title in zip(axes, (8, 4), ("the teacher sees", "the student sees"), strict=True):
    picture = np.ma.masked_all((8, 8))
    picture[:rows] = X[example].reshape(8, 8)[:rows]
    ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(title, fontsize=11)
    ax.set(xticks=[], yticks=[])

# %%
# Three ways to fit the same student
# ----------------------------------
# On the labels; taught by a teacher with the student's own 32 columns; taught by the teacher with all 64. The margins of
# the support vector machine become probabilities by ``calibration="temperature"``. Each repetition draws 300 labelled rows
# anew, and the rest judges.

ways = {"labels": "#9aa0a6", "teacher with the same columns": "#8ab4f8", "teacher with all columns": "#1a73b8"}
results = {name: {way: [] for way in ways} for name in students}
teacher_accuracy = []
for repeat in range(n_repeats):
    train, test = train_test_split(np.arange(len(y)), train_size=300, stratify=y, random_state=repeat)
    teacher_accuracy.append(clone(teacher).fit(X[train], y[train]).score(X[test], y[test]))
    for name, student in students.items():
        model = DistilledClassifier(teacher, student, alpha=0.75, calibration="temperature", random_state=repeat)
        fitted = {
            "labels": clone(student).fit(upper[train], y[train]),
            "teacher with the same columns": clone(model).fit(upper[train], y[train]),
            "teacher with all columns": clone(model).fit(upper[train], y[train], X_teacher=X[train]),
        }
        for way, learnt in fitted.items():
            proba = learnt.predict_proba(upper[test])
            results[name][way].append((learnt.score(upper[test], y[test]), log_loss(y[test], proba)))
