"""
Which smallest change would this model accept?
==============================================

A model says of a person that they earn no more than 50,000 dollars a year. Which smallest change would have made it
say otherwise? And of a person of whom it is half sure: what would make them typical of the class? Three generators of
``skdistill.counterfactual`` answer for the Adult table. They explain the *model*: nothing here says that a person who
changes so would earn more.
"""

# %%
# Any model, any columns
# ----------------------
# The model is gradient boosting on numbers and categories, some of them missing. (Gains and losses of capital are left
# out, because nearly any answer would be to have more of them.) A generator takes the model fitted, with labelled
# reference rows, which give ranges, categories and values.

import os
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdistill.counterfactual import (
    GradientCounterfactual,
    GrowingSpheresCounterfactual,
    NearestInstanceCounterfactual,
)
from skdistill.datasets import load_adult

quick = bool(os.environ.get("SKDISTILL_QUICK"))
n_train, n_asked = (2000, 60) if quick else (12000, 1000)
table, income = load_adult(return_X_y=True)
table = table.drop(columns=["fnlwgt", "education", "capital-gain", "capital-loss"])
X_train, X_rest, y_train, y_rest = train_test_split(table, income, train_size=n_train, stratify=income, random_state=0)
model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=50, random_state=0)
model.fit(X_train, y_train)

search = NearestInstanceCounterfactual().fit(model, X_train, y_train)
refused = X_rest[model.predict(X_rest) == "<=50K"].head(n_asked)
found = search.generate(refused, target=">50K")
print(found)
found.plot()
plt.show()

# %%
# Left, everybody was below one half and is above it now; well above where one step of the model leads there. Right,
# what it could be moved by. The result has a line for every person and for every changed cell. Here are three people:

print(found.frame(changes=True).query("row < 3").to_string(index=False))

# %%
# Some of these nobody can do. What a person cannot change is fixed by ``features_to_vary``, and what may change is kept
# within ``permitted_range``: here education, work and 20 to 50 hours of it. Fewer people can be moved then. Those who
# cannot are named by ``valid``, with the best that was found, and not dropped.

bounded = NearestInstanceCounterfactual(
    features_to_vary=["workclass", "education-num", "occupation", "hours-per-week"],
    permitted_range={"hours-per-week": (20, 50)},
)
# The warning says how many rows are not valid, which is printed here.
warnings.filterwarnings("ignore", "No counterfactual of class", UserWarning)
able = bounded.fit(model, X_train, y_train).generate(refused, target=">50K")
print(able)

most = int(np.argmax(np.where(able.valid, able.sparsity, 0)))
print(able.frame().loc[most].to_string())
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
able.plot(ax, kind="row", row=most)
plt.show()

# %%
# Three generators
# ----------------
# - ``NearestInstanceCounterfactual`` takes values of real rows of the class that the model gets right. It takes any
#   model and any columns.
# - ``GrowingSpheresCounterfactual`` draws rows around the row. It takes any model and moves numbers only, but it needs
#   no reference row of the class.
# - ``GradientCounterfactual`` follows the gradient of a linear model or a network, through a pipeline if need be.
#
# So that all three can be asked, the model is a logistic regression now, on indicators of the categories. The same
# people, the same target. Distance and number of changes are of valid rows; plausibility is the distance to the nearest
# reference row that has the target's label.

encoder = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include="category")),
    remainder=StandardScaler(),
)
linear = make_pipeline(encoder, LogisticRegression(max_iter=300)).fit(X_train, y_train)
asked = X_rest[linear.predict(X_rest) == "<=50K"].head(n_asked)
generators = {
    "nearest instance": NearestInstanceCounterfactual(),
    "growing spheres": GrowingSpheresCounterfactual(random_state=0),
    "gradient": GradientCounterfactual(),
}
results = {}
print(f"{'':<18}{'valid':>7}{'distance':>10}{'changed':>9}{'plausibility':>14}{'model rows':>12}{'ms per row':>12}")
for name, generator in generators.items():
    generator.fit(linear, X_train, y_train)
    start = time.perf_counter()
    some = results[name] = generator.generate(asked, target=">50K")
    spent = 1000 * (time.perf_counter() - start) / len(asked)
    kept = some.valid
    print(
        f"{name:<18}{kept.mean():>7.0%}{some.proximity[kept].mean():>10.4f}{some.sparsity[kept].mean():>9.2f}"
        f"{some.plausibility[kept].mean():>14.4f}{some.n_model_rows:>12,}{spent:>12.1f}"
    )

shares = {name: 100 * (some.shifts != 0).mean(axis=0) for name, some in results.items()}
order = np.argsort(np.sum(list(shares.values()), axis=0))
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for step, ((name, share), color) in enumerate(zip(shares.items(), ("#1b6ca8", "#d1601f", "#2e8b57"), strict=True)):
    ax.barh(np.arange(len(order)) - 0.27 * (step - 1), share[order], height=0.25, color=color, label=name)
ax.set_yticks(range(len(order)), table.columns[order])
ax.set_xlabel("people for whom it changed (%)")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# More typical of its own class
# -----------------------------
# The target may be the class that a row has already, with a higher probability: a *quintessential counterfactual*
# (Livanos, Davidson, Wong, AAAI 2024). This is what learners teach each other in
# :class:`~skdistill.CooperativeDistillation`. Half of the way to certainty is asked for here; a threshold may be given
# for each row.

told = model.predict_proba(X_rest)[:, 1]
unsure = (told > 0.5) & (told < 0.8) & (y_rest == ">50K").to_numpy()
earn, before = X_rest[unsure].head(n_asked), told[unsure][:n_asked]
typical = search.generate(earn, target=">50K", threshold=before + 0.5 * (1 - before))
print(typical)
moved = typical.frame(changes=True)
print("changed most often:", ", ".join(moved["feature"].value_counts().index[:4]))

fig, axes = plt.subplots(1, 2, figsize=(10.4, 4), layout="constrained")
typical.plot(axes)
plt.show()

# %%
# How near a real row do the results come? A row that is valid as it is comes back unchanged, so that asking for next to
# nothing measures real people: how far each of them is from the nearest reference row of the class.

usual = search.generate(earn, target=">50K", threshold=1e-9)
print(f"{'real rows of the class':<24}{usual.plausibility.mean():.4f}")
for name, some in results.items():
    print(f"{name:<24}{some.plausibility.mean():.4f}")
