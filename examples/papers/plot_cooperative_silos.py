"""
Three silos that share no rows (Livanos et al. 2024)
====================================================

Three offices keep records of people and may not hand them over. Each has a model of its own kind. Can the models teach
each other? In the paper's experiment with silos one model goes from 43 to 62 % accuracy. This page asks it of the Adult
table in three ways of dealing rows and columns, with controls, and looks at what would leave an office.
"""

# %%
# Three ways to deal
# ------------------
# - *at random*: each office has 100 people, all columns, no difference but luck;
# - *by age*: one office has the young, one the middle, one the old, and each a few of the others;
# - *own columns*: as at random, but only half of the columns are known to all, and each office has its part of the
#   rest.
#
# A logistic regression, a tree and naive Bayes take the columns as they are: numbers and categories, some of them
# missing.

import os
import warnings
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import CooperativeDistillation, TransferDisplay
from skdistill.datasets import load_adult

quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_seeds, n_test = (3, 1000) if quick else (20, 4000)
# What is left of the defaults where time is short.
settings = {"n_rounds": 1, "strength": 0.5, "expertise_cv": 2} if quick else {}
table, income = load_adult(return_X_y=True)
table = table.drop(columns=["fnlwgt", "education", "native-country"])
# Equally many of both classes, so that accuracy speaks of both.
rich = np.flatnonzero(income == ">50K")
poor = np.random.default_rng(0).choice(np.flatnonzero(income == "<=50K"), len(rich), replace=False)
rows = np.sort(np.r_[rich, poor])
X, y = table.iloc[rows].reset_index(drop=True), income.iloc[rows].to_numpy()
offices = np.array(["north", "south", "west"])
common = ["age", "education-num", "hours-per-week", "workclass", "sex"]
parts = {"north": ["marital-status", "race"], "south": ["relationship", "capital-loss"], "west": ["occupation"]}


def piped(model):
    """Put a model behind indicators of the categories."""
    encoder = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_include="category"),
        ),
        remainder=StandardScaler(),
    )
    return make_pipeline(encoder, model)


models = {
    "north": piped(LogisticRegression(tol=0.01)),
    "south": piped(DecisionTreeClassifier(min_samples_leaf=5)),
    "west": piped(GaussianNB(var_smoothing=0.01)),
}


def situation(deal, seed):
    """Deal rows and columns; the learners, the rows to learn from, their owners, and the rows that judge."""
    train, test = train_test_split(np.arange(len(y)), train_size=300, test_size=n_test, stratify=y, random_state=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(300)
    if deal == "by age":
        order = np.argsort(np.argsort(X["age"].to_numpy()[train] + rng.random(300)))
    places = order * 3 // 300
    stray = (rng.random(300) < 0.1) & (deal == "by age")
    places[stray] = rng.integers(0, 3, stray.sum())
    columns = {name: common + parts[name] if deal == "own columns" else list(X) for name in offices}
    learners = [(name, models[name], columns[name]) for name in offices]
    return learners, X.iloc[train], y[train], offices[places], X.iloc[test], y[test]


# %%
# What is taught
# --------------
# One such day, dealt by age. The picture shows who taught whom, as far as the students kept it, and what it changed.
# Below are the first cells by which the virtual rows that were offered differ from the rows that they were made of.

learners, X_train, y_train, owner, X_test, y_test = situation("by age", 0)
model = CooperativeDistillation(learners, random_state=0, **settings).fit(X_train, y_train, owner=owner)
fig = TransferDisplay.from_estimator(model, X_test, y_test).figure_
plt.show()


def differences(model, X_train):
    """List the cells by which virtual rows differ from their sources, those of a student behind each other."""
    found = model.virtual_instances_
    taught = found.frame()
    lines = []
    for student, rows in found.tables.items():
        about = taught[taught["student"] == student]
        before = X_train.iloc[about["source"]][list(rows)]
        for place, (_, line) in enumerate(about.iterrows()):
            was, now = before.iloc[place], rows.iloc[place]
            cells = [f"{name} {was[name]} to {now[name]}" for name in rows if str(was[name]) != str(now[name])]
            lines.append({**line[["teacher", "student", "label"]], "changed": "; ".join(cells)})
    return pd.DataFrame(lines)


changed = differences(model, X_train)
for _, line in changed[changed["changed"] != ""].drop_duplicates("changed").head(8).iterrows():
    print(f"{line['teacher']:>6} to {line['student']:<6}{line['label']:<6} {line['changed']}")

# %%
# What leaves an office
# ---------------------
# A virtual row keeps most values of the row that it was made from, and some virtual rows *are* real rows: where a tree
# is certain of a row already, it has nothing more typical to offer. ``NearestInstanceCounterfactual(copy_limit=...)``
# bounds how many values come from any one *other* row. Rows are not handed over, but this is no guarantee of privacy,
# and it is worth counting, before anything is sent, how many virtual rows are equal to a real one:

real = set(map(tuple, X_train.astype(str).to_numpy()))
virtual = [tuple(row) for rows in model.virtual_instances_.tables.values() for row in rows.astype(str).to_numpy()]
print(f"{np.mean([row in real for row in virtual]):.0%} of {len(virtual)} virtual rows are equal to a row of an office")

# %%
# The controls
# ------------
# Taught is, in as many rounds: the counterfactual, kept if it helps (the default) or always; the row that it would be
# made of; and another row of the class. ``everybody's rows`` is what the silos forbid.


def answer(model, X, target):
    """Say what the contract of generators asks for: the rows, and what the model says of them."""
    proba = model.predict_proba(X)[np.arange(len(X)), np.searchsorted(model.classes_, target)]
    return SimpleNamespace(X=X, valid=np.ones(len(X), dtype=bool), probability=proba, proximity=np.zeros(len(X)))


class SameRow(BaseEstimator):
    """Teach the row itself."""

    def fit(self, estimator, X, y):
        """Take the teacher and its own rows."""
        self.estimator_, self.X_, self.y_ = estimator, X, y
        return self

    def generate(self, X, target, threshold=0.5):
        """Give the rows back."""
        return answer(self.estimator_, X, target)


class RandomRow(SameRow):
    """Teach some row of the class."""

    def generate(self, X, target, threshold=0.5):
        """Draw a row of the teacher's own for each row."""
        rng = np.random.default_rng(len(X))
        rows = [rng.choice(np.flatnonzero(self.y_ == label)) for label in target]
        return answer(self.estimator_, self.X_.iloc[rows], target)


arms = {
    "counterfactual, if it helps": {"accept": "improved"},
    "counterfactual, always": {},
    "the row itself": {"generator": SameRow(), "strength": 0.5},
    "another row of the class": {"generator": RandomRow(), "strength": 0.5},
}
deals = ("at random", "by age", "own columns")
scores = {deal: {name: [] for name in ("before", *arms, "everybody's rows")} for deal in deals}
for deal, found in scores.items():
    for seed in range(n_seeds):
        learners, X_train, y_train, owner, X_test, y_test = situation(deal, seed)
        for name, how in arms.items():
            with warnings.catch_warnings():
                # That nobody was taught anything is a result here.
                warnings.simplefilter("ignore")
                model = CooperativeDistillation(
                    learners, **{"accept": "always", "random_state": seed, **settings, **how}
                )
                model.fit(X_train, y_train, owner=owner)
            after = [model.named_estimators_[who].score(X_test[own], y_test) for who, _, own in learners]
            found[name].append(after)
        found["before"].append([model.initial_estimators_[who].score(X_test[own], y_test) for who, _, own in learners])
        merged = [clone(one).fit(X_train[own], y_train).score(X_test[own], y_test) for _, one, own in learners]
        found["everybody's rows"].append(merged)

# %%
# Mean accuracy of the three, in points: what each arm gains over the learners before, with 95 % intervals over seeds,
# and in how many learners it did harm of more than a point.


def interval(values):
    """Mean and half the width of its 95 % interval."""
    return np.mean(values), stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


names = [name for name in scores["by age"] if name != "before"]
fig, axes = plt.subplots(1, len(deals), figsize=(11, 2.9), sharex=True, sharey=True, layout="constrained")
for ax, (deal, found) in zip(axes, scores.items(), strict=True):
    before = 100 * np.array(found["before"])
    print(f"{deal}: before {before.mean():.1f}")
    for place, name in enumerate(reversed(names)):
        gains = 100 * np.array(found[name]) - before
        mean, half = interval(gains.mean(axis=1))
        color = "#1b6ca8" if name.startswith("counterfactual") else "0.45"
        ax.errorbar(mean, place, xerr=half, fmt="o", color=color, capsize=4)
        ax.plot(gains.mean(axis=1), [place] * n_seeds, "|", color=color, alpha=0.4, ms=8)
    for name in names:
        gains = 100 * np.array(found[name]) - before
        mean, half = interval(gains.mean(axis=1))
        print(f"  {name:<30}{mean:>+7.1f} +- {half:<5.1f} worse by a point: {(gains < -1).mean():.0%} of learners")
    ax.axvline(0, color="0.6", lw=0.8)
    ax.set_title(deal, fontsize=11, loc="left")
    ax.set_yticks(range(len(names)), list(reversed(names)))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
fig.supxlabel("gain in accuracy, points, mean of the three learners", fontsize=10)
plt.show()

# %%
# Does the counterfactual teach more than the row itself would, or than another row of its class? Paired by seed:

for deal, found in scores.items():
    for control in ("the row itself", "another row of the class"):
        gain = 100 * np.subtract(found["counterfactual, always"], found[control]).mean(axis=1)
        mean, half = interval(gain)
        verdict = "more" if mean > half else "less" if mean < -half else "cannot be told apart"
        print(f"{deal:<12} against {control:<26}{mean:>+5.1f} +- {half:<5.1f}{verdict}")

# %%
# The verdict
# -----------
# A silo gains where it lacks something that others have: a region, a class, a better algorithm. Dealt at random, three
# silos differ by luck and by their algorithms only. What is offered does not always help, which the default notes out
# of fold, before it does harm. Three tables of credit and the like, with intervals, are in
# ``benchmarks/results/cooperative.md``.
