"""How much the teacher is worth to a student: the out-of-fold choice of alpha."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils.parallel import Parallel, delayed

from skdistill.fidelity._scorer import FIDELITY_SCORINGS, FidelityScorer
from skdistill.response import TeacherResponse

__all__ = ["ALPHAS", "AlphaChoice", "Trial", "choose_alpha", "resolve_scoring", "run_trials", "term_weights"]

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
# A gain smaller than its standard error is as likely noise as not, and plain labels are the safe choice.
MIN_GAIN_ERRORS = 1.0


@dataclass(frozen=True)
class Trial:
    """What one candidate achieved on one fold's held-out rows.

    Parameters
    ----------
    score : float
        Mean score, greater is better.
    rows : ndarray of shape (n_rows,) or None
        Score of each row where the scoring is a mean over rows.
    hits : ndarray of shape (n_rows,) or None
        Whether each row's label is right, for classifiers.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    """

    score: float
    rows: np.ndarray | None
    hits: np.ndarray | None
    weight: np.ndarray


@dataclass(frozen=True)
class AlphaChoice:
    """The weight that was chosen and the out-of-fold mean scores of all candidates."""

    alpha: float
    scores: dict[float, float]

    @property
    def declined(self) -> bool:
        """Whether the labels alone were the best choice."""
        return self.alpha == 0.0


def term_weights(alpha: float, weight: np.ndarray, n_more: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the teacher's and of the labels' terms.

    The loss is ``alpha * mean over all rows of the teacher's term + (1 - alpha) * mean over labelled rows of the
    label's term``, scaled so that without further rows the weights of a row sum to its sample weight, and that with
    alpha = 1 every row counts once.

    Parameters
    ----------
    alpha : float
        Weight of the teacher's term in [0, 1].
    weight : ndarray of shape (n_labelled,)
        Sample weights of the labelled rows.
    n_more : int
        Number of further rows, of weight one each.

    Returns
    -------
    teacher_weight, label_weight : ndarrays of shape (n_labelled + n_more,)
    """
    total = weight.sum()
    scale = (total + alpha * n_more) / total
    teacher_share = scale * alpha * total / (total + n_more)
    teacher_weight = teacher_share * np.concatenate([weight, np.ones(n_more)])
    label_weight = np.concatenate([scale * (1.0 - alpha) * weight, np.zeros(n_more)])
    return teacher_weight, label_weight


def resolve_scoring(scoring: Any, *, has_proba: bool) -> Any:
    """Return a scorer: a `FidelityScorer`, a scikit-learn scorer, or "neg_log_loss" and "accuracy" as they are.

    A student that gives no probabilities is judged by its accuracy where the default asks for the log-loss.
    """
    if isinstance(scoring, FidelityScorer):
        return scoring
    if isinstance(scoring, str) and scoring in FIDELITY_SCORINGS:
        return FIDELITY_SCORINGS[scoring]
    if scoring in ("neg_log_loss", "accuracy"):
        return scoring if has_proba else "accuracy"
    return scoring if callable(scoring) else known_scorer(scoring, tuple(FIDELITY_SCORINGS))


def known_scorer(scoring: str, own: tuple[str, ...]) -> Any:
    """Return scikit-learn's scorer of a name, or say which names of ours there are besides."""
    try:
        return get_scorer(scoring)
    except ValueError:
        raise ValueError(
            f"scoring must be the name of a scorer, or a scorer, got {scoring!r}. Use {', '.join(map(repr, own))} or "
            "one of sklearn.metrics.get_scorer_names()."
        ) from None


def run_trials(
    trial: Callable[[float, int], Trial], n_folds: int, *, n_jobs: int | None, verbose: int
) -> dict[float, list[Trial]]:
    """Run every candidate on every fold, in parallel; the outcome does not depend on `n_jobs`."""
    pairs = [(alpha, fold) for alpha in ALPHAS for fold in range(n_folds)]
    done = Parallel(n_jobs=n_jobs, verbose=verbose)(delayed(trial)(alpha, fold) for alpha, fold in pairs)
    outcomes: dict[float, list[Trial]] = {alpha: [] for alpha in ALPHAS}
    for (alpha, _), outcome in zip(pairs, done, strict=True):
        outcomes[alpha].append(outcome)
    return outcomes


def choose_alpha(outcomes: dict[float, list[Trial]], *, guard_accuracy: bool, trust_mean: bool) -> AlphaChoice:
    """Choose the teacher's weight with the best mean score, if it is better than none.

    Parameters
    ----------
    outcomes : dict of float to list of Trial
        Per candidate, one trial per fold.
    guard_accuracy : bool
        Whether a candidate that loses accuracy against plain labels is out, whatever it gains, and candidates that
        the score cannot tell apart are told apart by accuracy.
    trust_mean : bool
        Whether the best mean wins as it is (fidelity aims, where labels have no claim); otherwise the gain over plain
        labels must exceed its standard error.

    Returns
    -------
    AlphaChoice
        The choice, and all mean scores.
    """
    sizes = [trial.weight.sum() for trial in outcomes[0.0]]
    scores = {alpha: float(np.average([t.score for t in trials], weights=sizes)) for alpha, trials in outcomes.items()}
    if trust_mean:
        return AlphaChoice(max(scores, key=lambda alpha: (scores[alpha], -alpha)), scores)
    eligible = [alpha for alpha in outcomes if alpha > 0 and _is_safe(outcomes[alpha], outcomes[0.0], guard_accuracy)]
    if not eligible:
        return AlphaChoice(0.0, scores)
    best = max(eligible, key=lambda alpha: scores[alpha])
    if guard_accuracy:
        tied = [alpha for alpha in eligible if not _is_gain(outcomes[best], outcomes[alpha])]
        best = max(tied, key=lambda alpha: (_accuracy(outcomes[alpha]), scores[alpha]))
    return AlphaChoice(best, scores)


def _is_safe(trials: list[Trial], plain: list[Trial], guard_accuracy: bool) -> bool:
    return _is_gain(trials, plain) and not (guard_accuracy and _accuracy(trials) < _accuracy(plain))


def _is_gain(trials: Sequence[Trial], other: Sequence[Trial]) -> bool:
    gain, error = paired_gain(trials, other)
    return gain > MIN_GAIN_ERRORS * error


def _accuracy(trials: Sequence[Trial]) -> float:
    hits = [np.asarray(trial.hits, dtype=np.float64) for trial in trials]
    return float(np.average(np.concatenate(hits), weights=np.concatenate([trial.weight for trial in trials])))


def paired_gain(trials: Sequence[Trial], other: Sequence[Trial]) -> tuple[float, float]:
    """Return the mean gain over another candidate and its standard error, by rows where known, else by folds."""
    if trials[0].rows is None or other[0].rows is None:
        differences = np.array([t.score - o.score for t, o in zip(trials, other, strict=True)])
        return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))
    differences = np.concatenate([t.rows for t in trials]) - np.concatenate([o.rows for o in other])
    weight = np.concatenate([t.weight for t in trials])
    gain = np.average(differences, weights=weight)
    # Weighted like repeated rows: a row of weight two counts as two.
    variance = np.average(np.square(differences - gain), weights=weight)
    return float(gain), float(np.sqrt(variance / weight.sum()))


def label_trial(
    view: Any, X: Any, labels: np.ndarray, codes: np.ndarray, weight: np.ndarray, scoring: Any, weighted: bool
) -> Trial:
    """Score a classifier on held-out labelled rows."""
    if scoring == "neg_log_loss":
        proba = view.predict_proba(X)
        chosen = proba[np.arange(len(codes)), codes] / proba.sum(axis=1)
        # The floor is the one of sklearn.metrics.log_loss.
        rows = np.log(np.maximum(chosen, np.finfo(proba.dtype).eps))
        hits = view.classes_[proba.argmax(axis=1)] == labels
        return Trial(float(np.average(rows, weights=weight)), rows, hits, weight)
    hits = view.predict(X) == labels
    if scoring == "accuracy":
        return Trial(float(np.average(hits, weights=weight)), hits.astype(float), None, weight)
    score = scored(scoring, view, X, labels, weight if weighted else None)
    return Trial(score, None, hits, weight)


def fidelity_trial(scorer: FidelityScorer, view: Any, X: Any, answer: TeacherResponse, weight: np.ndarray) -> Trial:
    """Score a classifier on held-out rows by its teacher's answers about them, given out of fold, or a scorer's own."""
    if scorer.teacher is not None:
        return Trial(scorer(view, X, sample_weight=weight), None, None, weight)
    return Trial(scorer.compare(answer, view.predict_proba(X), weight), None, None, weight)


def value_trial(view: Any, X: Any, y: np.ndarray, weight: np.ndarray, scoring: Any, weighted: bool) -> Trial:
    """Score a regressor on held-out labelled rows."""
    if scoring == "neg_mean_squared_error":
        errors = np.square(view.predict(X).reshape(y.shape) - y)
        rows = -(errors.mean(axis=1) if errors.ndim == 2 else errors)
        return Trial(float(np.average(rows, weights=weight)), rows, None, weight)
    return Trial(scored(scoring, view, X, y, weight if weighted else None), None, None, weight)


def scored(scoring: Any, view: Any, X: Any, y: np.ndarray, weight: np.ndarray | None) -> float:
    """Call a scikit-learn scorer, with weights if there are any and it takes them."""
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    if weight is None or "sample_weight" not in signature(getattr(scorer, "_score_func", scorer)).parameters:
        return float(scorer(view, X, y))
    return float(scorer(view, X, y, sample_weight=weight))
