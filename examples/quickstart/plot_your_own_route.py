"""
A route for your own class
==========================

skdistill knows how trees, linear models, boosted trees and networks learn soft targets. A class that it does not know
is taught by weighted copies if it takes ``sample_weight``, else by labels drawn from the teacher's distribution, which
is unbiased and noisy. Where a class can do better, a few lines say how.
"""

# %%
# A learner with labels only
# --------------------------
# Stands for a third party's class: a kernel smoother, whose probabilities are a weighted mean over all training
# rows of their one-hot labels. It takes no weights, so that ``"auto"`` leaves it with drawn labels.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted, validate_data

from skdistill import DistilledClassifier
from skdistill.fidelity import predictive_kl
from skdistill.response import ask
from skdistill.students import SoftTargetStrategy, register_route


class KernelSmoother(ClassifierMixin, BaseEstimator):
    """Nadaraya and Watson's kernel regression of the classes."""

    def __init__(self, gamma=10.0):
        self.gamma = gamma

    def fit(self, X, y):
        """Keep the rows and their one-hot labels."""
        X, y = validate_data(self, X, y)
        self.classes_ = np.unique(y)
        return self.keep(X, (y[:, None] == self.classes_).astype(float))

    def keep(self, X, proba):
        """Keep the rows and what to say about each."""
        self.rows_, self.proba_ = X, proba
        return self

    def predict_proba(self, X):
        """Average over the rows, near ones weighing more."""
        check_is_fitted(self)
        weight = rbf_kernel(validate_data(self, X, reset=False), self.rows_, gamma=self.gamma) + 1e-12
        return weight @ self.proba_ / weight.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Give the most likely class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


# %%
# Its route
# ---------
# The smoother averages one-hot labels; it may as well average distributions. A strategy gets a
# :class:`skdistill.students.SoftTargets` and returns a fitted classifier. ``targets.mixed()`` is the single target
# of the teacher's and the labels' terms, with the weights of the rows.


class SmoothingStrategy(SoftTargetStrategy):
    """Average the teacher's distributions instead of labels."""

    route = "smoothing"

    def accepts(self, student):
        """Take smoothers only."""
        return isinstance(student, KernelSmoother)

    def fit(self, student, X, targets, *, random_state=None):
        """Keep the mixed targets where labels would be."""
        proba, weight = targets.mixed()
        if not np.allclose(weight, weight[0]):
            raise ValueError("KernelSmoother takes no weights. Leave out sample_weight.")
        student.fit(X, targets.labels)
        student.classes_ = targets.classes
        return student.keep(student.rows_, proba)


quick = bool(os.environ.get("SKDISTILL_QUICK"))
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=300 if quick else 600, stratify=y, random_state=0
)
model = DistilledClassifier(SVC(), KernelSmoother(), alpha=1.0, calibration="temperature", random_state=0)
before = clone(model).fit(X_train, y_train)
register_route(KernelSmoother, SmoothingStrategy())
after = clone(model).fit(X_train, y_train)
plain = KernelSmoother().fit(X_train, y_train)

told = ask(after.teacher_, X_test).proba()
print(f"{'':<34}{'accuracy':>9}{'log-loss':>10}{'KL to the teacher':>19}")
for name, fitted in (
    ("labels", plain),
    (f"route {before.soft_targets_!r}", before),
    (f"route {after.soft_targets_!r}", after),
):
    answers = fitted.predict_proba(X_test)
    kl = predictive_kl(after.calibration_.apply(told), answers)
    print(f"{name:<34}{fitted.score(X_test, y_test):>9.3f}{log_loss(y_test, answers):>10.3f}{kl:>19.3f}")

# %%
# A search over both
# ------------------
# The distilled estimator is searched like any other, over the student's parameters and its own at once. ``memory``
# would spare the teacher's repeated work; the support vector machine is fast enough here.

grid = {"student__gamma": [1.0, 3.0, 10.0, 30.0], "alpha": [0.0, 0.5, 1.0]}
search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(X_train, y_train)
print("best:", search.best_params_)
print(f"log-loss on the test rows: {log_loss(y_test, search.predict_proba(X_test)):.3f}")

scores = -search.cv_results_["mean_test_score"].reshape(len(grid["alpha"]), len(grid["student__gamma"]))
fig, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
for alpha, losses, color in zip(grid["alpha"], scores, ("#9aa0a6", "#8ab4f8", "#1a73b8"), strict=True):
    name = {0.0: " (labels only)", 1.0: " (teacher only)"}.get(alpha, "")
    ax.plot(grid["student__gamma"], losses, "o-", color=color, label=f"alpha = {alpha:g}{name}")
ax.set(xscale="log", xlabel="gamma of the student", ylabel="log-loss, cross-validated")
ax.set_xticks(grid["student__gamma"], [f"{gamma:g}" for gamma in grid["student__gamma"]])
ax.minorticks_off()
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
