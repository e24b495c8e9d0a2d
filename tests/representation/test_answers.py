"""Logits and log-probabilities: what is said, up to mean and scale."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestRegressor, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from skdistill.exceptions import InvalidResponseError, TeacherError
from skdistill.representation import LogitRepresentation, LogProbaRepresentation
from skdistill.representation._answers import centred_log_proba
from tests.representation.seen import fitted, rows


def unscaled(seen, X):
    return seen.transform(X) * seen.scale_ + seen.mean_


class TestLogits:
    def test_softmax_gives_the_models_probabilities(self):
        X, _ = rows()
        seen = LogitRepresentation(model=fitted("logistic")).fit(X)
        np.testing.assert_allclose(softmax(unscaled(seen, X), axis=1), fitted("logistic").predict_proba(X))

    def test_margin_of_two_classes(self):
        X, _ = rows(n_classes=2)
        model = fitted("logistic", 2)
        seen = LogitRepresentation(model=model).fit(X)
        assert seen.transform(X).shape == (len(X), 1)
        np.testing.assert_allclose(expit(unscaled(seen, X)[:, 0]), model.predict_proba(X)[:, 1])

    def test_pairwise_values_of_a_machine(self):
        X, y = rows(n_classes=4)
        model = SVC(decision_function_shape="ovo").fit(X, y)
        seen = LogitRepresentation(model=model).fit(X)
        np.testing.assert_allclose(unscaled(seen, X), model.decision_function(X))

    def test_model_without_decision_function(self):
        X, _ = rows()
        with pytest.raises(TypeError, match=r"model with decision_function, got GaussianNB\. Use LogProbaRepresent"):
            LogitRepresentation(model=fitted("bayes")).fit(X)


class TestLogProba:
    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("name", ["logistic", "bayes", "neighbours", "forest"])
    def test_softmax_gives_the_probabilities_above_the_floor(self, name, n_classes):
        X, _ = rows(n_classes=n_classes)
        model = fitted(name, n_classes)
        seen = LogProbaRepresentation(model=model, floor=1e-3).fit(X)
        expected = np.maximum(model.predict_proba(X), 1e-3)
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(softmax(unscaled(seen, X), axis=1), expected)

    def test_centred_logits_are_centred_log_probabilities(self):
        X, _ = rows()
        logits = fitted("logistic").decision_function(X)
        np.testing.assert_allclose(
            centred_log_proba(fitted("logistic").predict_proba(X), 1e-300),
            logits - logits.mean(axis=1, keepdims=True),
            atol=1e-10,
        )

    def test_decision_function_where_there_are_no_probabilities(self):
        X, y = rows()
        model = RidgeClassifier().fit(X, y)
        seen = LogProbaRepresentation(model=model, floor=1e-9).fit(X)
        np.testing.assert_allclose(
            softmax(unscaled(seen, X), axis=1), softmax(model.decision_function(X), axis=1), atol=1e-8
        )

    def test_labels_where_there_is_nothing_else(self):
        X, y = rows()
        model = VotingClassifier([("one", GaussianNB()), ("other", LogisticRegression())], voting="hard").fit(X, y)
        seen = LogProbaRepresentation(model=model).fit(X)
        np.testing.assert_array_equal(unscaled(seen, X).argmax(axis=1), model.predict(X))
        assert len(np.unique(seen.transform(X).round(9), axis=0)) == 3

    def test_regressor(self):
        X, y = rows()
        with pytest.raises(TeacherError, match="a classifier with classes_, got RandomForestRegressor without"):
            LogProbaRepresentation(model=RandomForestRegressor(2).fit(X, y)).fit(X)

    def test_object_that_says_nothing(self):
        X, _ = rows()
        with pytest.raises(TeacherError, match=r"decision_function or predict, got object.*TorchTeacher"):
            LogProbaRepresentation(model=object()).fit(X)

    def test_model_that_gives_nan(self):
        class Astray(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                self.classes_ = np.unique(y)
                return self

            def predict_proba(self, X):
                return np.full((len(X), 3), np.nan)

        X, y = rows()
        with pytest.raises(InvalidResponseError, match="must give finite numbers, got NaN or infinity in row 0"):
            LogProbaRepresentation(model=Astray().fit(X, y)).fit(X)

    def test_unfitted_model_of_another_make(self):
        class Model(GaussianNB):
            pass

        X, _ = rows()
        with pytest.raises(NotFittedError, match="got an unfitted Model"):
            LogProbaRepresentation(model=Model()).fit(X)
