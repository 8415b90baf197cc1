"""Images that a model is too sure of, and a classifier for the libraries we compare with."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin


class Ready(ClassifierMixin, BaseEstimator):
    """A fitted classifier of five classes whose inputs are its probabilities."""

    classes_ = np.arange(5)

    def fit(self, probabilities, labels):
        raise AssertionError("is fitted")

    def predict(self, probabilities):
        return probabilities.argmax(axis=1)

    def predict_proba(self, probabilities):
        return probabilities

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture(scope="session")
def ready():
    """A fitted classifier whose inputs are its probabilities."""
    return Ready()


@pytest.fixture(scope="session")
def overconfident():
    """Draws images whose logits are `factor` times those that their labels were drawn by."""

    def draw(count=3000, classes=5, factor=3.0, seed=0):
        generator = np.random.default_rng(seed)
        logits = generator.normal(0, 1.5, (count, classes))
        cumulative = softmax(logits, axis=1).cumsum(axis=1)
        labels = (generator.random((count, 1)) > cumulative).sum(axis=1).clip(max=classes - 1)
        return labels, softmax(factor * logits, axis=1)

    return draw
