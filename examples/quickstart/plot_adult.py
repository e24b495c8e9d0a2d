"""
One strong teacher, four small students
=======================================

A vote of gradient boosters says who earns more than 50,000 dollars a year, from the 48,842 rows and 14 columns of the
Adult census table. It is a good model and a slow one. Below it teaches a tree of 64 leaves, a logistic regression,
100 small boosted trees and a two-layer network, each by the plain call
``DistilledClassifier(teacher, student).fit(X, y)``, and each is set against the same learner fitted on the labels.

The environment variable ``SKDISTILL_QUICK`` cuts the table down to 6,000 rows and the teacher to a fifth.
"""

# %%
# The table
# ---------
# The eight categorical columns become indicators, a missing entry being a level of its own; numbers stay as they are.
# All models see the same columns, so that the times below are the models' own.

import os
import pickle
import sys
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import torch
from lightgbm import LGBMClassifier
from matplotlib.ticker import FuncFormatter, MaxNLocator
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

from skdistill import DistilledClassifier, FidelityReport
from skdistill.datasets import load_adult
from skdistill.exceptions import DistillationDeclinedWarning

started = time.perf_counter()
quick = bool(os.environ.get("SKDISTILL_QUICK"))
torch.set_num_threads(1)

table, income = load_adult(return_X_y=True)
if quick:
    table, _, income, _ = train_test_split(table, income, train_size=6000, stratify=income, random_state=0)
y = (income == ">50K").to_numpy(dtype=np.int64)
train, test, y_train, y_test = train_test_split(table, y, test_size=0.2, stratify=y, random_state=0)
encoder = make_column_transformer(
    (
        OneHotEncoder(sparse_output=False, handle_unknown="ignore", min_frequency=20, dtype=np.float32),
        make_column_selector(dtype_include="category"),
    ),
    remainder="passthrough",
)
X_train = encoder.fit_transform(train).astype(np.float32)
X_test = encoder.transform(test).astype(np.float32)
print(f"{len(X_train)} rows to learn from, {len(X_test)} to judge by, {X_train.shape[1]} columns")

# %%
# The teacher
# -----------
# It is a soft vote of three boosters. A distillation that chooses how much to trust the teacher fits it 16 times:
# on all rows, out of fold for the answers that the student learns from, and without each pair of folds for the
# trials. ``memory`` keeps this work, so that the four students share it.


def booster(seed):
    """One of the voters: many small steps, each on a part of rows and columns."""
    return LGBMClassifier(
        n_estimators=100 if quick else 200,
        learning_rate=0.1 if quick else 0.08,
        num_leaves=24,
        colsample_bytree=0.5,
        subsample=0.8,
        subsample_freq=1,
        random_state=seed,
        n_jobs=1,
        verbose=-1,
    )


voters = [(f"lightgbm{seed}", booster(seed)) for seed in (1, 2)]
voters.append(
    ("hist", HistGradientBoostingClassifier(max_iter=80 if quick else 200, learning_rate=0.1, random_state=0))
)
teacher = VotingClassifier(voters, voting="soft")
memory = tempfile.TemporaryDirectory()
n_jobs = 1 if quick else min(2, joblib.cpu_count())

# %%
# The students
# ------------
# Scaling is part of the student where it needs it. The network trains for four epochs only, because
# ``alpha="auto"`` fits each student 26 times: five weights on five folds, and once more on all rows.


def two_layers(n_inputs, width=64):
    """Two hidden layers."""
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, 2),
    )


net = NeuralNetClassifier(
    two_layers,
    module__n_inputs=X_train.shape[1],
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    batch_size=512,
    max_epochs=4,
    train_split=None,
    verbose=0,
)
students = {
    "tree of 64 leaves": DecisionTreeClassifier(max_leaf_nodes=64, random_state=0),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "100 boosted trees": LGBMClassifier(n_estimators=100, num_leaves=15, random_state=0, n_jobs=1, verbose=-1),
    "two-layer network": make_pipeline(StandardScaler(), net),
}

plain, distilled = {}, {}
for name, student in students.items():
    torch.manual_seed(0)
    plain[name] = clone(student).fit(X_train, y_train)
    with warnings.catch_warnings():
        # The verdicts at the end say which students declined the teacher.
        warnings.simplefilter("ignore", DistillationDeclinedWarning)
        distilled[name] = DistilledClassifier(teacher, student, memory=memory.name, n_jobs=n_jobs, random_state=0).fit(
            X_train, y_train
        )
memory.cleanup()

# %%
# What moved
# ----------
# A report puts each model beside the teacher; the table has its numbers on the test rows, divergences in nats.
# ``bytes`` is the length of the pickle of ``student_``, what leaves for production. Times are microseconds for a
# row, within a batch of all test rows and when a row comes alone.


def microseconds(model, X, n_rows, n_repeats):
    """Best time of a call on the first rows, per row."""
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        model.predict_proba(X[:n_rows])
        times.append(time.perf_counter() - start)
    return 1e6 * min(times) / n_rows


def measured(model):
    """All numbers about one fitted model."""
    report = FidelityReport.from_estimators(fitted_teacher, model, {"test": (X_test, y_test)}, random_state=0)
    numbers = {record["metric"]: record["value"] for record in report.metric_records()}
    given = report.sets["test"].proba_student[np.arange(len(y_test)), y_test]
    return {
        **numbers,
        "bytes": len(pickle.dumps(model)),
        "batch": microseconds(model, X_test, len(X_test), 3),
        "single": microseconds(model, X_test, 1, 50),
        "row losses": -np.log(np.maximum(given, 1e-6)),
        "verdict": report.verdict(),
    }


fitted_teacher = distilled["tree of 64 leaves"].teacher_
teacher_numbers = measured(fitted_teacher)
plain_numbers = {name: measured(model) for name, model in plain.items()}
distilled_numbers = {name: measured(model.student_) for name, model in distilled.items()}


metrics = ("accuracy_student", "log_loss_student", "agreement", "predictive_kl", "jensen_shannon")


def line(name, learnt, numbers, alpha=""):
    """One line of the table."""
    shares = "".join(f"{numbers[metric]:>11.4f}" for metric in metrics)
    costs = f"{numbers['bytes']:>12,}{numbers['batch']:>12.2f}{numbers['single']:>12.0f}"
    return f"{name:<21}{learnt:<10}{shares}{costs}{alpha:>7}"


shares = "".join(f"{head:>11}" for head in ("accuracy", "log-loss", "agreement", "KL", "JS"))
costs = "".join(f"{head:>12}" for head in ("bytes", "us in batch", "us alone"))
print(f"{'':<31}{shares}{costs}{'alpha':>7}")
print(line("teacher", "labels", teacher_numbers))
for name, model in distilled.items():
    print(line(name, "labels", plain_numbers[name]))
    print(line("", "distilled", distilled_numbers[name], f"{model.alpha_:.2f}"))

# %%
# The picture
# -----------
# One line for each model, one panel for each number. An arrow leads from the student fitted on labels to the
# distilled one.

colors = {"labels": "#9aa0a6", "distilled": "#1a73b8", "teacher": "#d1601f"}
panels = {
    "accuracy_student": "accuracy\n(more is better)",
    "log_loss_student": "log-loss\n(less is better)",
    "predictive_kl": "KL to the teacher, nats\n(less is closer)",
    "single": "microseconds for a single row\n(logarithmic)",
}
places = {name: place for place, name in enumerate(reversed(["teacher", *students]))}
fig, axes = plt.subplots(1, len(panels), figsize=(12, 3.6), sharey=True, layout="constrained")
for ax, (key, title) in zip(axes, panels.items(), strict=True):
    for name in students:
        before, after = (plain_numbers[name][key], places[name]), (distilled_numbers[name][key], places[name])
        if key != "single":
            ax.annotate("", after, before, arrowprops={"arrowstyle": "-|>", "color": colors["distilled"], "lw": 1.8})
        ax.plot(*before, "o", color=colors["labels"], ms=9)
        ax.plot(*after, "o", color=colors["distilled"], ms=6)
    ax.plot(teacher_numbers[key], places["teacher"], "*", color=colors["teacher"], ms=15)
    ax.set_xlabel(title)
    ax.set_ylim(-0.6, len(places) - 0.4)
    ax.set_yticks(list(places.values()), list(places))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.margins(x=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(4))
axes[-1].set_xscale("log")
axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
marks = {"labels": ("o", 9, "fitted on labels"), "distilled": ("o", 6, "distilled"), "teacher": ("*", 13, "teacher")}
fig.legend(
    handles=[
        plt.Line2D([], [], marker=marker, ls="", ms=size, color=colors[key], label=label)
        for key, (marker, size, label) in marks.items()
    ],
    loc="outside upper center",
    ncols=3,
    frameon=False,
)
# The gallery keeps the figure by itself.
if "sphinx" not in sys.modules:
    picture = Path("demo_output", "adult.png")
    picture.parent.mkdir(exist_ok=True)
    fig.savefig(picture, dpi=150)
    print(f"picture: {picture}")

# %%
# The verdicts
# ------------
# First against labels alone: a difference counts when it is more than two standard errors of its mean over the test
# rows, row by row. Then against the teacher, as the report says it. This is one split of one table: it says what
# happened here.


def verdict(name):
    """Say what distillation did to one student, next to labels alone."""
    before, after, alpha = plain_numbers[name], distilled_numbers[name], distilled[name].alpha_
    if alpha == 0:
        return "declined the teacher: it is the student of the labels"
    gains = before["row losses"] - after["row losses"]
    gain, error = gains.mean(), gains.std(ddof=1) / np.sqrt(len(gains))
    if abs(gain) <= 2 * error:
        word = "no different from labels"
    else:
        word = "better than labels" if gain > 0 else "worse than labels"
    return f"{word} (log-loss {-gain:+.4f}, standard error {error:.4f})"


for name in students:
    print(f"{name}: {verdict(name)}\n    {distilled_numbers[name]['verdict']}")
print(f"{time.perf_counter() - started:.0f} seconds in all")
