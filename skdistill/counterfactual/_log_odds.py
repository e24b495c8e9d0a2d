"""The log-odds of the target as a function of how far a row's numbers move, with its gradient."""

from typing import Any

import numpy as np
from scipy.special import expit

from skdistill.counterfactual._base import Queries
from skdistill.counterfactual._box import SearchBox
from skdistill.counterfactual._oracle import Oracle
from skdistill.counterfactual._slopes import Slopes, find_slopes, innermost
from skdistill.exceptions import TeacherError

__all__ = ["TargetLogOdds", "differentiable"]

PROBED_ROWS = 100
PROBABILITY_TOLERANCE = 1e-3
AFFINE_TOLERANCE = 1e-6


def differentiable(model: Any) -> tuple[list[Any], Slopes]:
    """Return what rows pass before they reach a model, and how its gradients are computed.

    Parameters
    ----------
    model : estimator
        Fitted classifier.

    Returns
    -------
    steps : list of transformers
        Fitted steps of its pipelines.
    slopes : callable
        As `find_slopes` gives it.

    Raises
    ------
    TeacherError
        If the model has no gradients.
    """
    steps, inner = innermost(model)
    slopes = find_slopes(inner)
    if slopes is None:
        raise TeacherError(
            "estimator should be a model with gradients: a skdistill.nets.TorchTeacher, a classifier of skorch, "
            "scikit-learn's MLPClassifier, a linear classifier with coef_ and intercept_, or a pipeline that ends in "
            f"one, got {type(inner).__name__}. Use NearestInstanceCounterfactual, which only asks for probabilities."
        )
    return steps, slopes


class TargetLogOdds:
    """Log-odds of each query's target, as a function of moves in units of the columns' ranges.

    What a pipeline does before its model must be affine in the numbers that move, as scaling and rotations are; what it
    does with categories does not matter, since they keep their values. The slopes of the steps are then the same
    everywhere, and are read off rows in which one number at a time is moved.

    Parameters
    ----------
    steps : list of transformers
        What rows pass first.
    slopes : callable
        The model's log-odds and gradients.
    reference : ndarray of shape (n_rows, n_columns)
        Encoded rows on which everything is checked.
    queries : Queries
        The rows.
    box : SearchBox
        What may move.
    oracle : Oracle
        The model. Gradients count as calls.

    Raises
    ------
    TeacherError
        If the steps are not affine, or the model's probabilities are not those of its log-odds.
    """

    def __init__(
        self,
        steps: list[Any],
        slopes: Slopes,
        reference: np.ndarray,
        queries: Queries,
        box: SearchBox,
        oracle: Oracle,
    ) -> None:
        self.steps, self.slopes, self.queries, self.box, self.oracle = steps, slopes, queries, box, oracle
        self.columns = np.flatnonzero(box.free)
        sample = reference[np.linspace(0, len(reference) - 1, min(PROBED_ROWS, len(reference))).astype(int)]
        sample = np.where(np.isnan(sample) & box.free, box.space.low, sample)
        self.by_move = self._probe(sample) if steps else None
        self._check_model(sample)
        self.inputs = self._transform(queries.values)

    def __call__(self, moves: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give log-odds and gradients of moved queries.

        Parameters
        ----------
        moves : ndarray of shape (n, n_free)
            How far each column that may move has moved, as a share of its range.
        rows : ndarray of shape (n,), int
            Positions of the queries.

        Returns
        -------
        log_odds : ndarray of shape (n,)
            Log-odds in nats.
        gradients : ndarray of shape (n, n_free)
            Their derivatives by the moves.
        """
        self.oracle.n_calls += 1
        self.oracle.n_rows += len(rows)
        inputs = np.array(self.inputs[rows])
        if self.by_move is None:
            width = self.box.width[self.columns]
            inputs[:, self.columns] += moves * width
            odds, slopes = self.slopes(inputs, self.queries.target[rows])
            return odds, slopes[:, self.columns] * width
        odds, slopes = self.slopes(inputs + moves @ self.by_move, self.queries.target[rows])
        return odds, slopes @ self.by_move.T

    def _transform(self, values: np.ndarray) -> np.ndarray:
        """Pass encoded rows through the steps."""
        table = self.oracle.form.decode(values)
        for step in self.steps:
            table = step.transform(table)
        dense = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
        try:
            return np.array(dense, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TeacherError(
                "Gradients need a model whose inputs are numbers, got other values from the columns "
                f"({error}). Encode categories in the model's pipeline."
            ) from error

    def _probe(self, sample: np.ndarray) -> np.ndarray:
        """Return how the steps' outputs move when one column moves by its range, shape (n_free, n_outputs)."""
        columns, space = self.columns, self.box.space
        width, low = self.box.width[columns], space.low[columns]
        probes = np.repeat(sample[:1], len(columns) + 1, axis=0)
        probes[:, columns] = low
        # From one end of the range to the other, so that whole numbers stay whole.
        probes[np.arange(1, len(columns) + 1), columns] += width
        outputs = self._transform(probes)
        by_move = outputs[1:] - outputs[0]
        base = np.array(sample)
        base[:, columns] = low
        exact, straight = self._transform(sample), self._transform(base)
        straight += ((sample[:, columns] - low) / width) @ by_move
        scale = np.abs(exact).max(axis=0, initial=1.0)
        if not (np.abs(exact - straight) <= AFFINE_TOLERANCE * scale).all():
            raise TeacherError(
                "The steps before the model should be affine in the numbers that may change, as StandardScaler and PCA "
                f"are, got {[type(step).__name__ for step in self.steps]}, which are not. Leave the numbers they bend "
                "out of features_to_vary, or use NearestInstanceCounterfactual."
            )
        return by_move

    def _check_model(self, sample: np.ndarray) -> None:
        codes = np.arange(len(sample)) % len(self.oracle.classes)
        said = self.oracle.proba(sample)[np.arange(len(sample)), codes]
        odds, _ = self.slopes(self._transform(sample), codes)
        if not (np.abs(expit(odds) - said) <= PROBABILITY_TOLERANCE).all():
            raise TeacherError(
                "Gradients need a model whose probabilities are the softmax of its margins, got a "
                f"{type(innermost(self.oracle.model)[1]).__name__} whose are not. Use a model trained by log-loss, or "
                "NearestInstanceCounterfactual."
            )
