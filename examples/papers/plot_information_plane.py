"""
The information plane of a student (Dissanayake et al. 2025)
============================================================

"Quantifying Knowledge Distillation Using Partial Information Decomposition" (Dissanayake, Hamman, Halder, Sucholutsky,
Zhang, Dutta, AISTATS 2025) watches students learn: what they share of their teacher's information about the task, and
what is left to distil. Here is its figure 5 on a table of letters, and then a question about the estimate itself: it
needs discrete states, three of them in the paper, and how many does it take before a difference can be trusted?
"""

# %%
# The setting
# -----------
# The table has 16 numbers for each of 20,000 images of the 26 letters. The teacher is a network with two layers of 64
# units, fitted on 4,000 rows; students have two layers of 16 and see 500 of these rows. The rest is left to measure on.
# A student learns from the labels alone, or from half labels and half the teacher's answers (``alpha=0.5``). The
# control is a teacher that was never trained, from whom there is nothing to gain. Beside these stand VID, which matches
# the teacher's hidden layer, and RID, which the paper proposes: both with the default weight, RID as
# :class:`skdistill.RIDStudent` has it (matched at the output) and with the paper's settings (at the hidden layer).

import os
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier

from skdistill import DistilledClassifier, RIDStudent
from skdistill.information import PIDDisplay, distilled_information

folder = next((f for f in (Path.cwd(), *Path.cwd().parents) if (f / "benchmarks" / "_data.py").is_file()), Path.cwd())
sys.path.insert(0, str(folder))
from benchmarks._data import encode, load  # noqa: E402

torch.set_num_threads(1)
quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_bootstrap = 10 if quick else 200
n_students, n_clusterings = (4, 2) if quick else (8, 3)
table = load("letter")
X = StandardScaler().fit_transform(encode(table)).astype(np.float32)
y = np.unique(table.y, return_inverse=True)[1]
lesson, rest = train_test_split(np.arange(len(y)), train_size=4000, stratify=y, random_state=0)
own = lesson[:500]


class TwoLayers(torch.nn.Module):
    """A body of two hidden layers, whose last one is what is measured, and a head."""

    def __init__(self, n_units):
        super().__init__()
        first, second = torch.nn.Linear(16, n_units), torch.nn.Linear(n_units, n_units)
        self.body = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU())
        self.head = torch.nn.Linear(n_units, 26)

    def forward(self, X):
        """Logits."""
        return self.head(self.body(X))


def net(n_units, epochs):
    """Make a network that is trained for so many epochs."""
    return NeuralNetClassifier(
        TwoLayers,
        module__n_units=n_units,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.005,
        batch_size=100,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    )


def hidden(model):
    """Ask a model for its last hidden layer, on the rows to measure on."""
    with torch.no_grad():
        fitted = getattr(model, "net_", getattr(model, "student_", model))
        return fitted.module_.body(torch.as_tensor(X[rest])).numpy()


torch.manual_seed(0)
teachers = {
    "trained teacher": net(64, 15).fit(X[lesson], y[lesson]),
    "untrained teacher": net(64, 0).fit(X[own], y[own]),
}
for name, teacher in teachers.items():
    print(f"{name}: accuracy {teacher.score(X[rest], y[rest]):.3f}")


def distilled(teacher, epochs, seed, alpha):
    """Train a student on labels and answers; whatever alpha is, it starts from the same weights."""
    model = DistilledClassifier(FrozenEstimator(teacher), net(16, epochs), alpha=alpha, random_state=seed)
    return model.fit(X[own], y[own])


def matched(teacher, epochs, seed, **how):
    """Train a student on labels and what the teacher sees inside; it starts from weights of its own."""
    return RIDStudent(FrozenEstimator(teacher), net(16, epochs), random_state=seed, **how).fit(X[own], y[own])


methods = {
    "labels": lambda teacher, epochs, seed: distilled(teacher, epochs, seed, 0.0),
    "soft targets": lambda teacher, epochs, seed: distilled(teacher, epochs, seed, 0.5),
    "VID": lambda teacher, epochs, seed: matched(teacher, epochs, seed, method="vid"),
    "RID, paper": lambda teacher, epochs, seed: matched(teacher, epochs, seed, match="hidden", filter_fraction=0.25),
    "RID": matched,
}

# %%
# The plane
# ---------
# Training starts again from the same seed for 1, 3, 10, 30 and 60 epochs, which gives the states of one course of
# training. Representations are cut into 10 states by principal components and k-means, with a bootstrap interval at
# each step. Both axes sum to what the teacher's states tell, the dotted line, so a student can only move along it: down
# to the right is less learnt, up to the left more.

steps = (1, 10, 60) if quick else (1, 3, 10, 30, 60)
planes = {}
for name, teacher in teachers.items():
    planes[name] = {method: {} for method in methods}
    for method, train in methods.items():
        for epochs in steps:
            student = train(teacher, epochs, 0)
            planes[name][method][epochs] = distilled_information(
                hidden(teacher), hidden(student), X[rest], y[rest], n_states=10, n_bootstrap=n_bootstrap, random_state=0
            )

fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
for ax, (name, lines) in zip(axes, planes.items(), strict=True):
    PIDDisplay.from_estimator(lines, ax=ax)
    ax.set_title(name, fontsize=10, loc="left")
plt.show()

# %%
# The same by epochs. The student of labels never met its teacher. What it shares, it shares by having learnt the task,
# so that the height of a line does not say that anything was handed over; the difference between the lines might. An
# untrained network tells something of the letters as well, since random features are features.

fig, axes = plt.subplots(1, 2, figsize=(10.5, 3.6), sharey=True, layout="constrained")
for ax, (name, lines) in zip(axes, planes.items(), strict=True):
    PIDDisplay.from_estimator(lines, kind="steps", ax=ax)
    ax.set_title(name, fontsize=10, loc="left")
    ax.set(xlabel="epochs", xscale="log", ylim=(0, 1.12 * planes["trained teacher"]["labels"][60].information_teacher_))
    ax.set_xticks(steps, [str(step) for step in steps])
    ax.minorticks_off()
plt.show()

# %%
# How many states?
# ----------------
# On CIFAR-100 the paper's estimate, with three clusters, shows RID below the student of labels in redundancy while its
# accuracy is higher. Three states tell at most 1.58 of the 4.7 bits in a letter. So here is the difference in
# redundancy between the student of soft targets and that of labels, trained for 60 epochs under the trained teacher,
# for more and more clusters of the hidden layers, and at the end for the classes that the networks predict. Since the
# teacher's states are the same for both students, the difference in what is left to distil is the same with the other
# sign. Each dot is one pair of students and one seed of the clusters; everything else is as above.

numbers = (3, 10) if quick else (3, 5, 10, 20)
names = [f"{number} clusters" for number in numbers] + ["26 classes"]
teacher = teachers["trained teacher"]
known = hidden(teacher)
differences = {name: np.empty((n_students, n_clusterings)) for name in names}
accuracies = []


def shared(student, layer, name, clustering):
    """Measure the redundancy of teacher and student in one kind of states."""
    with warnings.catch_warnings():
        # 26 x 26 x 26 cells are a few more than there are rows.
        warnings.simplefilter("ignore", UserWarning)
        if name == "26 classes":
            pair = (teacher, student, X[rest], y[rest])
            return distilled_information(*pair, representation="label", n_bootstrap=0).redundancy_
        pair, number = (known, layer, X[rest], y[rest]), int(name.split()[0])
        return distilled_information(*pair, n_states=number, n_bootstrap=0, random_state=clustering).redundancy_


for pair in range(n_students):
    students = [methods[method](teacher, 60, pair) for method in ("labels", "soft targets")]
    layers = [hidden(student) for student in students]
    plain, taught = (student.score(X[rest], y[rest]) for student in students)
    accuracies.append(taught - plain)
    for name in names:
        for clustering in range(n_clusterings):
            if name == "26 classes" and clustering:
                differences[name][pair, clustering] = differences[name][pair, 0]
                continue
            labels, soft = (shared(*each, name, clustering) for each in zip(students, layers, strict=True))
            differences[name][pair, clustering] = soft - labels


def interval(values):
    """Return the mean and half the width of its 95 % interval."""
    return np.mean(values), stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for place, name in enumerate(names):
    for pair, values in enumerate(differences[name]):
        shift = 0.3 * (pair / (n_students - 1) - 0.5)
        ax.plot([place + shift] * n_clusterings, values, ".-", color="#56b4e9", lw=0.8, ms=5)
    mean, half = interval(differences[name].mean(axis=1))
    ax.errorbar(place + 0.25, mean, yerr=half, fmt="s", color="#d55e00", capsize=4)
ax.axhline(0.0, color="0.6", lw=0.8, zorder=0)
ax.set_xticks(range(len(names)), names)
ax.set_ylabel("redundancy: soft targets less labels (bit)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# A line joins the clusterings of one pair: the students are the same, the rows are the same, and only the seed of
# k-means differs. The bootstrap of rows does not see that, because it keeps the states; it does not see either that
# another seed of the training gives another student. The table has the mean over pairs with its interval, the spread
# between clusterings of one pair, and how many single estimates have the sign of the gain in accuracy.

mean, half = interval(accuracies)
print(
    f"gain in accuracy: {mean:+.4f} +- {half:.4f}, {sum(gain > 0 for gain in accuracies)} of {n_students} pairs above 0"
)
sign = np.sign(mean) if abs(mean) > half else 0.0
print(f"{'':<14}{'difference, bit':>20}{'spread of clusterings':>24}{'sign of the gain':>20}")
sure = []
for name in names:
    values = differences[name]
    center, half = interval(values.mean(axis=1))
    sure.append(float(np.sign(center)) if abs(center) > half else 0.0)
    spread = np.sqrt(values.var(axis=1, ddof=1).mean())
    agreeing = np.mean(np.sign(values) == np.sign(mean))
    print(f"{name:<14}{center:>+11.3f} +- {half:.3f}{spread:>22.3f}{agreeing:>20.0%}")
low, high = planes["trained teacher"]["soft targets"][60].intervals_["redundancy"]
print(f"half the bootstrap interval of one redundancy, 10 clusters: {(high - low) / 2:.3f} bit")

# %%
# The verdict
# -----------
# A sign can be trusted from those states on from which every interval, theirs and those of all richer ones, lies on one
# side of 0.

trusted = [name for place, name in enumerate(names) if abs(sum(sure[place:])) == len(sure[place:])]
words = {0.0: "not known", 1.0: "above 0", -1.0: "below 0"}
print(f"sign of the gain in accuracy over {n_students} pairs of students: {words[float(sign)]}")
print(f"sign of the difference in redundancy with 3 clusters: {words[sure[0]]}")
print(f"the sign can be trusted from here on: {trusted[0]}" if trusted else "it can be trusted at none of these states")
for name, lines in planes.items():
    for method in list(methods)[1:]:
        change = lines[method][60].redundancy_ - lines["labels"][60].redundancy_
        print(f"one pair, 10 clusters, {name}: {method} less labels {change:+.3f} bit")
