"""
Which teacher for this student?
===============================

Several models are at hand, and one of them is to teach. The most accurate one? Or the one that has most to tell that
the student does not know yet (Uni, its unique information), or the one with which it shares most (Red, redundancy)?
Here are four teachers on one table, measured by :func:`~skdistill.information.distilled_information` before anything is
distilled, and then a benchmark on fourteen tables that asks whether these measurements say which teacher to take.
"""

# %%
# Four teachers
# -------------
# Of the Adult table 2,000 rows fit the teachers and 500 others the student, a tree of 32 leaves. Another 4,000 rows are
# to choose by; all others judge.

import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistilledClassifier
from skdistill.datasets import load_adult
from skdistill.information import PIDDisplay, distilled_information

quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_seeds = 10 if quick else 30
table, income = load_adult(return_X_y=True)
encoder = make_column_transformer(
    (OneHotEncoder(sparse_output=False, min_frequency=50), make_column_selector(dtype_exclude="number")),
    remainder="passthrough",
    verbose_feature_names_out=False,
)
X, y = encoder.fit_transform(table), (income == ">50K").to_numpy(dtype=int)
lesson, rest = train_test_split(np.arange(len(y)), train_size=2000, stratify=y, random_state=0)
choice, rest = train_test_split(rest, train_size=4000, stratify=y[rest], random_state=0)
teachers = {
    "forest": RandomForestClassifier(100, random_state=0),
    "boosted trees": HistGradientBoostingClassifier(max_iter=60, random_state=0),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
    "naive Bayes": GaussianNB(),
}
for teacher in teachers.values():
    teacher.fit(X[lesson], y[lesson])

# %%
# What is known beforehand
# ------------------------
# A student that was fitted on its labels already knows something. Left to distil is what a teacher tells beyond it.


def tree(seed):
    """Make a tree of 32 leaves."""
    return DecisionTreeClassifier(max_leaf_nodes=32, random_state=seed)


def parted(seed):
    """Draw rows of the student, and rows that judge."""
    return train_test_split(rest, train_size=500, test_size=8000, stratify=y[rest], random_state=seed)


own, _ = parted(0)
plain = tree(0).fit(X[own], y[own])
found = {
    name: distilled_information(teacher, plain, X[choice], y[choice], n_bootstrap=200, random_state=0)
    for name, teacher in teachers.items()
}
for name, pid in found.items():
    print(f"{name} (accuracy {teachers[name].score(X[choice], y[choice]):.3f}): {pid.text(3)}")

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
PIDDisplay.from_estimator(found, ax=ax)
plt.show()

# %%
# What distillation gives
# -----------------------
# The student is taught the teacher's answers about its own 500 rows, ``alpha=1``, and set against the same tree fitted
# on the labels; intervals are over new rows of the student and new rows that judge.

gains = {name: [] for name in teachers}
for seed in range(n_seeds):
    own, test = parted(seed)
    plain = tree(seed).fit(X[own], y[own])
    loss = log_loss(y[test], plain.predict_proba(X[test]))
    for name, teacher in teachers.items():
        model = DistilledClassifier(FrozenEstimator(teacher), tree(seed), alpha=1.0, random_state=seed)
        proba = model.fit(X[own], y[own]).predict_proba(X[test])
        accuracy = np.mean(proba.argmax(axis=1) == y[test]) - plain.score(X[test], y[test])
        gains[name].append((accuracy, loss - log_loss(y[test], proba)))

print(f"{'':<16}{'Uni':>8}{'Red':>8}{'gain in accuracy':>22}{'gain in log-loss':>20}")
for name, values in gains.items():
    mean, half = np.mean(values, axis=0), stats.t.ppf(0.975, n_seeds - 1) * stats.sem(values)
    texts = "".join(f"{m:>+14.4f} +- {h:.4f}" for m, h in zip(mean, half, strict=True))
    print(f"{name:<16}{found[name].unique_teacher_:>8.3f}{found[name].redundancy_:>8.3f}{texts}")

# %%
# Fourteen tables
# ---------------
# Four teachers on one table can be ranked right by luck. ``benchmarks/which_teacher.py`` asks the same of six teachers
# and three kinds of students on fourteen tables, and sets beside it what costs nothing: the teacher's accuracy and
# log-loss, the plain I(Y;T), and how often teacher and student agree; and what costs one fit each: to distil from every
# teacher and look. Its lines are part of the repository, and what follows is computed from them here. Dots are mean
# rank correlations, within table, student and seed, of a way of ranking with the gain; intervals are over tables.

file = Path("benchmarks", "results", "which_teacher.jsonl")
root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / file).is_file()), None)
lines = []
if root is None:
    print(f"{file} is not here: the rest of this page needs a checkout of the repository")
else:
    sys.path.insert(0, str(root))
    from benchmarks._records import read_lines
    from benchmarks.which_teacher_report import WEAK, draw, regrets, settings_of, summary, verdicts

    lines = list(read_lines([root / file]))
    tables = sorted({line["dataset"] for line in lines})
    print(f"{len(lines)} cells, {len({line['seed'] for line in lines})} seeds, {', '.join(tables)}")
    fig, axes = plt.subplots(1, 2, figsize=(11, 5), sharey=True, layout="constrained")
    draw(axes, lines)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    plt.show()

# %%
# The weak teachers, naive Bayes and a tree of 8 leaves, are told from the others by nearly anything. Without them:

if lines:
    fig, axes = plt.subplots(1, 2, figsize=(11, 5), sharey=True, layout="constrained")
    draw(axes, lines, WEAK)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    plt.show()

# %%
# What a choice costs: points of accuracy that the student of the teacher ranked first has less than the best one.

if lines:
    settings = settings_of(lines)
    print(f"{'':<28}" + "".join(f"{setting:>30}" for setting in settings))
    losses = [regrets(lines, setting) for setting in settings]
    for name in losses[0].values:
        print(f"{name:<28}" + "".join(f"{100 * some.over_tables(name).mean:>30.2f}" for some in losses))

# %%
# The verdict
# -----------
# Judged over tables, by t-tests with Holm's correction over the six cases (settings and outcomes) of each ranking.

for title, without in (("all six teachers", ()), ("without the weak ones", WEAK)) if lines else ():
    every = verdicts(lines, without)
    judged = [verdict for verdict in every if verdict.name in ("Uni", "Red")]
    better = [verdict for verdict in judged if verdict.against.startswith("better")]
    print(f"{title}:")
    print("\n".join(f"  {text}" for text in summary(every)))
    if better:
        print(f"  -> better than the teacher's accuracy in {len(better)} of {len(judged)} cases of Uni and Red")
    else:
        print("  -> neither Uni nor Red ranks teachers better than their accuracy does, in any case")
