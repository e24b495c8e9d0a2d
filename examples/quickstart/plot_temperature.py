"""
What temperature does
=====================

The teacher's answers are softened to ``softmax(logits / T)`` before they are taught. A temperature above 1 lifts the
small probabilities, which say how alike the classes are. This page shows the softening, then what two students make
of it.
"""

# %%
# One answer at four temperatures
# -------------------------------
# A network reads handwritten digits. It is fitted on one half of the rows and asked about the others, so that its
# answers are not about rows that it knows by heart. The digit below is the one about which it is least sure.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistilledClassifier
from skdistill.fidelity import predictive_kl
from skdistill.response import ask, soften

quick = bool(os.environ.get("SKDISTILL_QUICK"))
X, y = load_digits(return_X_y=True)
X_teacher, X_rest, y_teacher, y_rest = train_test_split(X, y, train_size=0.4, stratify=y, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X_rest, y_rest, test_size=0.4, stratify=y_rest, random_state=0)
network = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=60, tol=1e-2, random_state=0))
network.fit(X_teacher, y_teacher)
print(f"the network: accuracy {network.score(X_test, y_test):.3f} on {len(X_test)} rows")

proba = ask(network, X_test).proba()
unsure = np.argsort(proba.max(axis=1))[0]
fig, axes = plt.subplots(1, 5, figsize=(11, 2.5), width_ratios=(0.9, 1, 1, 1, 1), layout="constrained")
axes[0].imshow(X_test[unsure].reshape(8, 8), cmap="gray_r")
axes[0].set_title(f"labelled {y_test[unsure]}")
axes[0].axis("off")
for ax, temperature in zip(axes[1:], (1, 2, 4, 8), strict=True):
    softened = soften(proba[[unsure]], temperature)[0]
    ax.bar(range(10), softened, color=["#1a73b8" if k == y_test[unsure] else "#9aa0a6" for k in range(10)])
    ax.set(title=f"T = {temperature}", ylim=(0, 1), xticks=range(10))
    ax.tick_params(labelsize=8, labelleft=ax is axes[1])
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Students taught at each temperature
# -----------------------------------
# The students learn from the teacher alone (``alpha=1``). They learn softened answers, and ``predict_proba`` raises
# theirs to the power T, so that all numbers below are about probabilities at temperature 1. What changes with T is
# which part of the answers the student spends its few parameters on.

temperatures = (0.5, 1, 2, 4, 8) if quick else (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16)
students = {
    "tree of 40 leaves": DecisionTreeClassifier(max_leaf_nodes=40, random_state=0),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
}
found = {name: [] for name in students}
print(f"{'':<22}{'T':>5}{'accuracy':>10}{'log-loss':>10}{'KL':>8}")
for name, student in students.items():
    for temperature in temperatures:
        model = DistilledClassifier(
            FrozenEstimator(network), student, temperature=temperature, alpha=1.0, random_state=0
        ).fit(X_train, y_train)
        answers = model.predict_proba(X_test)
        numbers = (model.score(X_test, y_test), log_loss(y_test, answers), predictive_kl(proba, answers))
        found[name].append(numbers)
        print(f"{name:<22}{temperature:>5g}{numbers[0]:>10.3f}{numbers[1]:>10.3f}{numbers[2]:>8.3f}")

# %%
# A high temperature flattens the answers of these rows until they differ by little. A tree's leaves are averages of
# such answers, and raising an average to the power T enlarges its errors as well.

fig, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
titles = ("accuracy", "log-loss", "KL to the teacher (nats)")
for position, (ax, title) in enumerate(zip(axes, titles, strict=True)):
    for (name, numbers), color in zip(found.items(), ("#1a73b8", "#d1601f"), strict=True):
        ax.plot(temperatures, [row[position] for row in numbers], "o-", label=name, color=color)
    ax.set(xscale="log", xlabel="temperature", title=title)
    ax.set_xticks(temperatures, [f"{t:g}" for t in temperatures])
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
plt.show()

# %%
# Of the temperatures tried, these gave the lowest log-loss here. It is one split of one table; in earnest, put
# ``temperature`` into a search.

for name, numbers in found.items():
    best = min(range(len(temperatures)), key=lambda k: numbers[k][1])
    at_one = numbers[temperatures.index(1)][1]
    print(f"{name}: T = {temperatures[best]:g}, log-loss {numbers[best][1]:.3f}; at T = 1 {at_one:.3f}")
