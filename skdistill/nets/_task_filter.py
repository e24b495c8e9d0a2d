"""A filter that keeps what a representation tells of the labels, and how much that is on rows it was not fitted on.

It is fitted before any student is looked at: a penalised logistic regression, whose penalty is chosen by
cross-validation. Of what the representation holds, its logits are what is about the labels. Where a teacher's own
answers are known, they enter as a whole, with a single weight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

__all__ = ["TaskFilter", "fit_task_filter", "matching_temperature"]

STRENGTHS = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
N_FOLDS = 5
# More rows do not move the choice of a penalty, nor the weights of some dozens of coordinates.
CHOICE_ROWS = 2000
FIT_ROWS = 20_000
MAX_STEPS = 200
MAX_TEMPERATURE = 100.0
# Share of the labels' largest entropy; see `matching_temperature`.
MATCHED_ENTROPY = 0.5


@dataclass(frozen=True)
class TaskFilter:
    """A linear filter with a linear head, and what it tells of rows it was not fitted on.

    Parameters
    ----------
    weight : ndarray of shape (width, n_channels)
        The filter's weights.
    bias : ndarray of shape (n_channels,)
        Its offsets.
    head : ndarray of shape (n_channels, n_classes)
        From channels to logits, divided by the temperature.
    temperature : float
        By how much the regression is too sure of the rows it was fitted on, at least 1; see `honest_temperature`.
    strength : float
        The inverse penalty that was chosen.
    answer_weight : float
        The weight a of the teacher's answers; 0 without any.
    information : float
        Share of the labels' entropy that logits tell of held-out rows, in [0, 1]: ``I(Y; f_t(T)) >= H(Y) - CE``, the
        bound of Barber and Agakov, divided by H(Y); nothing if the bound is below its standard error.
    answer_information : float, default=None
        The same of the teacher's answers by themselves, at a single temperature; None without any.
    own_information : float, default=0.0
        The same of a regression on what the student's own columns show; 0 if they were not looked at.
    """

    weight: np.ndarray
    bias: np.ndarray
    head: np.ndarray
    temperature: float
    strength: float
    answer_weight: float
    information: float
    answer_information: float | None = None
    own_information: float = 0.0

    @property
    def trust(self) -> float:
        """How far a student should follow, from 0 to 1.

        With answers it is ``min(1, (I_a + max(0, I(Y; f_t(T)) - I(Y; X))) / I(Y; X))``. I_a is what the teacher's
        answers tell, which it has learnt elsewhere. What a regression on its inside tells, the student's own labels
        have taught; random features would tell much of that, too. It is the teacher's only where it is more than the
        same labels tell of the student's own columns X. Without answers it is ``min(1, I(Y; f_t(T)) / I(Y; X))^2``.
        All is relative to X, not to H(Y): where labels are noisy, nobody tells much.
        """
        if self.own_information <= 0.0:
            return float(self.information > 0.0)
        if self.answer_information is None:
            return min(1.0, self.information / self.own_information) ** 2
        gain = self.answer_information + max(0.0, self.information - self.own_information)
        return min(1.0, gain / self.own_information)


def fit_task_filter(
    T: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
    n_channels: int | None = None,
    *,
    n_answers: int = 0,
    own: Callable[[np.ndarray], np.ndarray] | None = None,
    random_state: int | None = None,
) -> TaskFilter:
    """Fit a penalised logistic regression of labels on a representation, and make a filter of it.

    Parameters
    ----------
    T : ndarray of shape (n_rows, width)
        The representation, of about unit scale, and behind it the teacher's answers, if there are any.
    codes : ndarray of shape (n_rows,)
        Labels as column numbers.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    n_classes : int
        Number of classes.
    n_channels : int, default=None
        Number of channels; None or the number of classes and more for the logits themselves, fewer for those of their
        directions in which they vary most.
    n_answers : int, default=0
        How many last columns of T are the teacher's answers: n_classes of them, or none; see `logistic_regression`.
    own : callable, default=None
        Gives what the student's own columns show of the rows of these numbers, shape (n_some, n_columns).
    random_state : int, default=None
        Draws folds, and rows where there are very many.

    Returns
    -------
    TaskFilter
        The filter.

    References
    ----------
    Barber, Agakov: The IM Algorithm, NIPS 2003 (the bound on information).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skdistill.nets._task_filter import fit_task_filter
    >>> X, y = load_iris(return_X_y=True)
    >>> found = fit_task_filter(scale(X), y, np.ones(len(y)), 3, random_state=0)
    >>> found.weight.shape, found.information > 0.8
    ((4, 3), True)
    """
    # Many small products, which threads would only slow down.
    with threadpool_limits(1):
        return _fit(T, codes, weight, n_classes, n_channels, n_answers, own, random_state)


def _fit(
    T: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
    n_channels: int | None,
    n_answers: int,
    own: Callable[[np.ndarray], np.ndarray] | None,
    random_state: int | None,
) -> TaskFilter:
    rng = np.random.RandomState(random_state)
    order = rng.permutation(len(T))
    few, many = order[:CHOICE_ROWS], order[:FIT_ROWS]
    strength, told, told_alone = _choose(T[few], codes[few], weight[few], n_classes, n_answers)
    W, b = logistic_regression(T[many], codes[many], weight[many], n_classes, strength, n_answers=n_answers)
    answer_weight = float(W[-n_answers, 0]) if n_answers else 0.0
    b -= b.mean()
    axes = np.eye(n_classes)
    if n_channels is not None and n_channels < n_classes:
        logits = T[many] @ W
        centred = logits - np.average(logits, axis=0, weights=weight[many])
        _, _, rows = np.linalg.svd(np.sqrt(weight[many])[:, None] * centred, full_matrices=False)
        axes = rows[:n_channels].T
    # The rows that the penalty was chosen on are among those of the fit.
    tau = honest_temperature(T[few] @ W + b, codes[few], weight[few], -float(np.average(told, weights=weight[few])))
    information = _information(told, codes[few], weight[few], n_classes)
    by_answers = _information(told_alone, codes[few], weight[few], n_classes) if n_answers else None
    by_columns = 0.0
    if own is not None and information > 0:
        _, told, _ = _choose(own(few), codes[few], weight[few], n_classes, 0)
        by_columns = _information(told, codes[few], weight[few], n_classes)
    filtered = (W @ axes, b @ axes, axes.T / tau)
    return TaskFilter(*filtered, tau, strength, answer_weight, information, by_answers, by_columns)


def honest_temperature(logits: np.ndarray, codes: np.ndarray, weight: np.ndarray, held_out: float) -> float:
    """Find the temperature at which a model's log-loss on its own rows is what it is on held-out ones.

    A regression has seen the labels of the rows that it tells a student about. It is too sure of them, and its answers
    would say little that the labels do not.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes)
        The model's logits for rows it was fitted on.
    codes : ndarray of shape (n_rows,)
        Their labels as column numbers.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    held_out : float
        Mean log-loss in nats on rows that it was not fitted on.

    Returns
    -------
    float
        The temperature, from 1 to 100.
    """

    def excess(log_tau: float) -> float:
        told = log_softmax(logits / np.exp(log_tau), axis=1)[np.arange(len(codes)), codes]
        return -float(np.average(told, weights=weight)) - held_out

    if excess(0.0) >= 0.0:
        return 1.0
    if excess(np.log(MAX_TEMPERATURE)) <= 0.0:
        return MAX_TEMPERATURE
    return float(np.exp(brentq(excess, 0.0, np.log(MAX_TEMPERATURE))))


def matching_temperature(answers: np.ndarray, weight: np.ndarray) -> float:
    """Find the temperature at which a student compares itself with answers: the least at which they are soft enough.

    Of answers that are nearly certain the classes that they rule out are hardly heard. A temperature makes them heard,
    and one that is higher than needed makes noise of what was uncertain anyway. The least one from 1 is taken at which
    the answers' mean entropy is half of what is possible.

    Parameters
    ----------
    answers : ndarray of shape (n_rows, n_classes)
        Logits.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    float
        The temperature, from 1 to 100.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.nets._task_filter import matching_temperature
    >>> sure, unsure = np.array([[9.0, 0.0, 3.0]]), np.array([[0.4, 0.0, 0.1]])
    >>> round(matching_temperature(sure, np.ones(1)), 2), matching_temperature(unsure, np.ones(1))
    (3.11, 1.0)
    """
    wanted = MATCHED_ENTROPY * np.log(answers.shape[1])

    def missing(log_tau: float) -> float:
        told = log_softmax(answers / np.exp(log_tau), axis=1)
        return wanted + float(np.average((np.exp(told) * told).sum(axis=1), weights=weight))

    if missing(0.0) <= 0.0:
        return 1.0
    if missing(np.log(MAX_TEMPERATURE)) >= 0.0:
        return MAX_TEMPERATURE
    return float(np.exp(brentq(missing, 0.0, np.log(MAX_TEMPERATURE))))


def logistic_regression(
    T: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
    strength: float,
    start: np.ndarray | None = None,
    *,
    n_answers: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Minimise ``sum_i w_i CE_i + |W|^2 / (2 strength) + a^2 / 2`` over weights W, offsets b and a number a >= 0.

    The logits are :math:`a q + T W + b`, where q are a teacher's answers, as centred log-probabilities of the same
    classes. With a = 1 and W = b = 0 they are the teacher's; a teacher that knows nothing gets an a near 0; one that is
    too sure, or not sure enough, is put right by a single number, where weights for every pair of classes would have to
    be learnt from the same few rows. Unlike scikit-learn's regression, it has a column for a class that does not occur.

    Parameters
    ----------
    T : ndarray of shape (n_rows, width)
        Inputs, the answers last.
    codes : ndarray of shape (n_rows,)
        Labels as column numbers.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    n_classes : int
        Number of classes.
    strength : float
        The inverse penalty C.
    start : ndarray of shape (width + 1, n_classes), default=None
        W above b, to begin with; None for zeros.
    n_answers : int, default=0
        How many last columns are answers: n_classes, or none.

    Returns
    -------
    W : ndarray of shape (width, n_classes)
        Weights; those of the answers are a times the identity.
    b : ndarray of shape (n_classes,)
        Offsets.
    """
    n_inside = T.shape[1] - n_answers
    shape = (n_inside + 1, n_classes)
    rows = np.column_stack([T[:, :n_inside], np.ones(len(T))])
    answers = T[:, n_inside:] if n_answers else np.zeros((len(T), n_classes))
    every = np.arange(len(T))
    # A mean instead of the sum keeps the optimiser's steps and tolerances of one size.
    total = weight.sum()
    share = (weight / total)[:, None]

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        a, params = flat[0], flat[1:].reshape(shape)
        logits = a * answers + rows @ params
        penalised = params.copy()
        if not n_answers:
            penalised[-1] = 0.0
        penalty = penalised / (strength * total)
        told = log_softmax(logits, axis=1)
        loss = -share[:, 0] @ told[every, codes]
        loss += 0.5 * (penalised * penalty).sum() + 0.5 * a * a / total
        error = np.exp(told)
        error[every, codes] -= 1.0
        error *= share
        gradient = rows.T @ error + penalty
        return float(loss), np.concatenate([[(error * answers).sum() + a / total], gradient.ravel()])

    begin = np.zeros(1 + shape[0] * n_classes)
    if start is not None:
        begin[0] = start[n_inside, 0] if n_answers else 0.0
        begin[1:] = np.vstack([start[:n_inside], start[-1:]]).ravel()
    found = minimize(
        loss_and_gradient,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] + [(None, None)] * (len(begin) - 1),
        options={"maxiter": MAX_STEPS, "gtol": 1e-5},
    )
    params = found.x[1:].reshape(shape)
    scaled = found.x[0] * np.eye(n_answers, n_classes)
    return np.vstack([params[:-1], scaled]), params[-1]


def _choose(
    T: np.ndarray, codes: np.ndarray, weight: np.ndarray, n_classes: int, n_answers: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the strongest penalty within one standard error of the best on held-out rows, and log-likelihoods.

    First its own, then those of the strongest of all, which leaves nothing but the answers.
    """
    # Rows come in random order, so that every fold has its share of each class.
    fold = np.empty(len(codes), dtype=np.intp)
    fold[np.argsort(codes, kind="stable")] = np.arange(len(codes)) % N_FOLDS
    told = np.zeros((len(STRENGTHS), len(codes)))
    for k in range(N_FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        params = None
        for number, strength in enumerate(STRENGTHS):
            if not len(test) or not len(train):
                continue
            W, b = logistic_regression(
                T[train], codes[train], weight[train], n_classes, strength, params, n_answers=n_answers
            )
            params = np.vstack([W, b])
            told[number, test] = log_softmax(T[test] @ W + b, axis=1)[np.arange(len(test)), codes[test]]
    # The answers are left behind only where labels ask for it.
    behind = told[int(np.argmax(told @ weight))] - told
    share = weight / weight.sum()
    mean = behind @ share
    error = np.sqrt(np.square(behind - mean[:, None]) @ np.square(share))
    chosen = int(np.flatnonzero(mean <= error)[0])
    return STRENGTHS[chosen], told[chosen], told[0]


def _information(told: np.ndarray, codes: np.ndarray, weight: np.ndarray, n_classes: int) -> float:
    """Return what log-likelihoods gain on knowing nothing but how frequent the classes are, as a share of that."""
    share = np.bincount(codes, weight, n_classes) / weight.sum()
    ignorance = -np.log(share[codes])
    unit = weight / weight.sum()
    gains = told + ignorance
    gain, entropy = float(unit @ gains), float(unit @ ignorance)
    error = float(np.sqrt(np.square(unit) @ np.square(gains - gain)))
    return gain / entropy if gain > error and entropy > 0 else 0.0
