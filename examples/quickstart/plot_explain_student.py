"""
Reading the student of a forest
===============================

A forest of 300 trees is hard to read; a tree of eight leaves is not. When the small tree follows the forest, its
drawing tells what the forest does, as far as it does follow. This page draws it, measures how far, explains one row,
and packs what leaves for production.
"""

# %%
# The student closest to the forest
# ---------------------------------
# The aim is an explanation of the forest, not the best predictor: ``scoring="neg_predictive_kl"`` chooses the
# teacher's weight that keeps the student closest to the teacher's probabilities.

import io
import os
import pickle

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, plot_tree

from skdistill import DistilledClassifier
from skdistill.fidelity import agreement_score, predictive_kl

quick = bool(os.environ.get("SKDISTILL_QUICK"))
data = load_breast_cancer(as_frame=True)
y = data.target_names[data.target]
X_train, X_test, y_train, y_test = train_test_split(data.data, y, stratify=y, random_state=0)
tree = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=5, random_state=0)
model = DistilledClassifier(
    RandomForestClassifier(100 if quick else 300, random_state=0), tree, scoring="neg_predictive_kl", random_state=0
).fit(X_train, y_train)
forest, student = model.teacher_, model.student_
plain = tree.fit(X_train, y_train)

print(f"alpha = {model.alpha_:g}, route {model.soft_targets_}, student_ is a {type(student).__name__}")
print(f"{'':<18}{'accuracy':>10}{'agreement':>11}{'KL to the forest':>18}")
told = forest.predict_proba(X_test)
for name, fitted in (("forest", forest), ("tree of labels", plain), ("distilled tree", student)):
    agreement = agreement_score(forest.predict(X_test), fitted.predict(X_test))
    kl = abs(predictive_kl(told, fitted.predict_proba(X_test)))
    print(f"{name:<18}{fitted.score(X_test, y_test):>10.3f}{agreement:>11.3f}{kl:>18.3f}")

# %%
# Its drawing
# -----------
# The distilled tree is an object of the student's own class, so ``plot_tree`` draws it as any other. Each node
# shows the share of the two classes that the forest sees there.

fig, ax = plt.subplots(figsize=(12, 6), layout="constrained")
plot_tree(
    student,
    feature_names=list(X_train.columns),
    class_names=list(student.classes_),
    impurity=False,
    proportion=True,
    filled=True,
    rounded=True,
    precision=2,
    fontsize=8,
    ax=ax,
)

# %%
# What the two look at
# --------------------
# The same question to both, on the same unseen rows: how much accuracy is lost when a column is shuffled? Where
# columns say nearly the same, as many do here, a forest spreads its attention and a tree picks one of them.

lost = {}
for name, fitted in (("forest", forest), ("distilled tree", student)):
    result = permutation_importance(fitted, X_test, y_test, n_repeats=5 if quick else 30, random_state=0)
    lost[name] = result.importances_mean
used = np.argsort(np.maximum(lost["forest"], lost["distilled tree"]))[-8:]

row = int(np.argmin(np.abs(student.predict_proba(X_test)[:, 1] - 0.5)))
path = student.decision_path(X_test.iloc[[row]]).indices
share = student.tree_.value[:, 0, 1]
names = X_test.columns[student.tree_.feature[path[:-1]]]
steps = np.diff(share[path])

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
height = 0.38
for shift, (name, color) in zip(
    (height / 2, -height / 2), (("forest", "#d1601f"), ("distilled tree", "#1a73b8")), strict=True
):
    left.barh(np.arange(len(used)) + shift, lost[name][used], height, color=color, label=name)
left.set_yticks(range(len(used)), X_test.columns[used])
left.set_xlabel("accuracy lost when the column is shuffled")
left.legend(frameon=False, loc="lower right")

# %%
# One row
# -------
# For a tree, an explanation of one row adds up exactly: it starts at the share of all rows and moves at each split
# of the row's path, up to the probability of its leaf. The row is the one about which the student is least sure.

values = X_test.iloc[row]
labels = ["all rows", *(f"{name} = {values[name]:.4g}" for name in names)]
places = np.arange(len(labels))[::-1]
right.barh(places[0], share[0], color="#9aa0a6")
for place, start, step in zip(places[1:], share[path[:-1]], steps, strict=True):
    right.barh(place, step, left=start, color="#1a73b8" if step > 0 else "#d1601f")
right.axvline(share[path[-1]], color="0.3", lw=1, ls=":")
right.set_yticks(places, labels)
right.set(xlim=(0, 1), xlabel=f"probability of {student.classes_[1]}")
for ax in (left, right):
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)

print(f"all rows: {share[0]:.3f}")
for name, step, node in zip(names, steps, path[1:], strict=True):
    print(f"{name:<24}{step:>+8.3f} -> {share[node]:.3f}")
print(f"the student says {student.predict_proba(X_test.iloc[[row]])[0, 1]:.3f}, the forest {told[row, 1]:.3f}")

# %%
# What leaves for production
# --------------------------
# ``student_`` needs neither the forest nor skdistill to predict. A pickle of it is compared with one of the forest,
# and the copy answers as the original.

packed = pickle.dumps(student)
print(f"student: {len(packed):,} bytes, forest: {len(pickle.dumps(forest)):,} bytes")
print("needs skdistill:", b"skdistill" in packed)
file = io.BytesIO()
joblib.dump(student, file)
file.seek(0)
copy = joblib.load(file)
print("same answers:", bool((copy.predict_proba(X_test) == model.predict_proba(X_test)).all()))
plt.show()
