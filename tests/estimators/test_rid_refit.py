"""A fit of `RIDStudent` that fails or is interrupted leaves what there was before."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle
from skorch.callbacks import Callback

from skdistill.estimators import RIDStudent
from skdistill.exceptions import ConvergenceError
from tests.nets.modules import SizeByData, classifier

X, y = shuffle(*load_iris(return_X_y=True), random_state=0)
Z = StandardScaler().fit_transform(X)


class Interrupted(LogisticRegression):
    """Someone loses patience while it is fitted."""

    def fit(self, X, y, sample_weight=None):
        raise KeyboardInterrupt


class Late(Callback):
    """Someone loses patience while the student is taught."""

    def __init__(self, error):
        self.error = error

    def on_epoch_end(self, net, **kwargs):
        raise self.error


def rid(teacher=None, **params):
    student = classifier(callbacks=[SizeByData()], max_epochs=3)
    return RIDStudent(LogisticRegression(max_iter=1000) if teacher is None else teacher, student, **params)


FAILURES = {
    "in the labels": ({}, {"y": np.zeros(150)}, ValueError),
    "in the teacher": ({"teacher": Interrupted()}, {}, KeyboardInterrupt),
    "in its inside": ({"representation": "leaves"}, {}, TypeError),
    "in a layer": ({"layers": [(None, "hiden")]}, {}, ValueError),
    "in the net": ({"student__lr": 1e30}, {}, ConvergenceError),
    "in an epoch": ({"student__callbacks": [SizeByData(), Late(RuntimeError())]}, {}, RuntimeError),
    "in a parameter": ({"method": "kd"}, {}, ValueError),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_refit_leaves_the_former_fit(name):
    params, arguments, error = FAILURES[name]
    model = rid(random_state=0).fit(Z, y)
    before, proba = dict(vars(model)), model.predict_proba(Z)
    model.set_params(**params)
    given = {key: value for key, value in vars(model).items() if not key.endswith("_") and not key.startswith("_")}
    with pytest.raises(error):
        model.fit(**{"X": np.column_stack([Z, Z]), "y": y + 7, **arguments})
    assert set(vars(model)) == set(before)
    assert all(vars(model)[key] is value for key, value in {**before, **given}.items())
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.predict_proba(Z), proba)


@pytest.mark.needs("pandas")
def test_names_of_columns_come_back_too():
    import pandas

    frame = pandas.DataFrame(Z, columns=list("abcd"))
    model = rid(random_state=0).fit(frame, y)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(teacher=Interrupted()).fit(Z, y)
    assert model.feature_names_in_.tolist() == list("abcd")
    # A fit that ends well forgets them.
    model.set_params(teacher=LogisticRegression(max_iter=1000)).fit(Z, y)
    assert not hasattr(model, "feature_names_in_")


def test_a_failed_first_fit_leaves_nothing():
    model = rid(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        model.fit(Z, y)
    assert sorted(vars(model)) == sorted(model.get_params(deep=False))
    with pytest.raises(NotFittedError):
        model.predict(Z)


def test_an_interrupted_training_keeps_its_epochs_as_skorch_does():
    model = rid(random_state=0).fit(Z, y)
    student = classifier(callbacks=[SizeByData(), Late(KeyboardInterrupt())], max_epochs=3, optimizer=torch.optim.Adam)
    model.set_params(student=student).fit(np.column_stack([Z, Z]), y + 7)
    assert len(model.net_.history) == 1
    assert model.n_features_in_ == 8
    assert set(model.predict(np.column_stack([Z, Z]))) <= {7, 8, 9}
