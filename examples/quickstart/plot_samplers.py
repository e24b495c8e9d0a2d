"""
Where synthetic rows come from
==============================

A teacher can label any row, so a student can learn from rows that nobody has seen. Where these rows lie decides what it
learns. Here are the three samplers in two dimensions, and what each makes of a mixed table.
"""

# %%
# Two numbers
# -----------
# The real rows lie on two half moons. Each sampler draws as many rows again.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import NearestNeighbors

from skdistill.datasets import load_compas
from skdistill.samplers import ConditionalSampler, MixupSampler, MungeSampler

quick = bool(os.environ.get("SKDISTILL_QUICK"))
X, _ = make_moons(300 if quick else 600, noise=0.07, random_state=0)
samplers = {
    "munge": MungeSampler(),
    "mixup": MixupSampler(),
    "conditional": ConditionalSampler(),
    "conditional, all redrawn": ConditionalSampler(redraw_probability=1.0),
}
fresh, _ = make_moons(len(X), noise=0.07, random_state=1)
drawn = {"the same source again": fresh}
for name, sampler in samplers.items():
    drawn[name] = sampler.fit(X).sample(len(X), random_state=0)

fig, axes = plt.subplots(1, 5, figsize=(12, 1.9), sharex=True, sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, drawn.items(), strict=True):
    ax.plot(*X.T, ".", color="0.8", ms=5)
    ax.plot(*rows.T, ".", color="#1a73b8", ms=3)
    ax.set_title(name, fontsize=11)
    ax.set(xticks=[], yticks=[], aspect="equal")
plt.show()

# %%
# How far a drawn row is from the nearest real one says how much new ground the teacher is asked about; fresh rows
# from the true source are the measure. Munge and the conditional sampler replace each value by chance only, so that
# some rows of two columns stay what they were. Mixup pairs any two rows, and some of its rows lie where no real row
# can be.

nearest = NearestNeighbors(n_neighbors=1).fit(X)
print(f"{'':<24}{'median distance':>16}{'90 % quantile':>16}{'largest':>10}{'equal to a real row':>22}")
for name, rows in drawn.items():
    distance = nearest.kneighbors(rows)[0][:, 0]
    shares = f"{np.median(distance):>16.4f}{np.quantile(distance, 0.9):>16.4f}{distance.max():>10.4f}"
    print(f"{name:<24}{shares}{(distance == 0).mean():>22.2f}")

# %%
# A mixed table
# -------------
# Data frames go in and come out, with their columns, types and categories.

table, _ = load_compas(return_X_y=True)
table = table.head(1000)
rows = MungeSampler().fit(table).sample(5, random_state=0)
print(rows)
print("types kept:", bool((rows.dtypes == table.dtypes).all()))
