"""Models of the tests, one of each kind that can be seen into, and the rows they are fitted on."""

from functools import cache

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

TREES = {
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(20, random_state=0),
    "extra trees": ExtraTreesClassifier(20, max_depth=5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "bagging": BaggingClassifier(n_estimators=6, max_features=0.5, random_state=0),
    "adaboost": AdaBoostClassifier(n_estimators=6, random_state=0),
}
KERNELS = {
    "rbf": SVC(),
    "linear kernel": SVC(kernel="linear"),
    "polynomial": NuSVC(kernel="poly", gamma=0.1, coef0=1.0, degree=2),
    "gaussian process": GaussianProcessClassifier(max_iter_predict=20, random_state=0),
}
OTHERS = {
    "logistic": LogisticRegression(),
    "perceptron": MLPClassifier((12, 6), solver="lbfgs", alpha=1.0, max_iter=5000, random_state=0),
    "bayes": GaussianNB(),
    "neighbours": KNeighborsClassifier(),
    "pipeline": make_pipeline(StandardScaler(), SVC()),
}
MODELS = {**TREES, **KERNELS, **OTHERS}
KINDS = {
    **dict.fromkeys(TREES, "LeafRepresentation"),
    **dict.fromkeys(KERNELS, "KernelRepresentation"),
    "logistic": "LogitRepresentation",
    "perceptron": "PerceptronRepresentation",
    "bayes": "LogProbaRepresentation",
    "neighbours": "LogProbaRepresentation",
    "pipeline": "KernelRepresentation",
}


def rows(n_rows=160, n_classes=3, seed=0):
    """Draw rows of six features and their labels."""
    return make_classification(
        n_rows, 6, n_informative=4, n_redundant=0, n_classes=n_classes, n_clusters_per_class=1, random_state=seed
    )


@cache
def fitted(name, n_classes=3):
    """Fit one of the models, once."""
    X, y = rows(n_classes=n_classes)
    return clone(MODELS[name]).fit(X, y)


def linear_fit_error(features, values):
    """Largest error of the best affine map from features to values, relative to the values' spread."""
    design = np.column_stack([features, np.ones(len(features))])
    weights, *_ = np.linalg.lstsq(design, values, rcond=None)
    return np.abs(design @ weights - values).max() / values.std()
