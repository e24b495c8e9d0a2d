"""Fits of which some may fail: seeds, failures as results, progress, the teacher's work shared."""

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skdistill.exceptions import DistillationDeclinedWarning
from skdistill.response._collect import is_frozen

__all__ = [
    "Attempt",
    "KnownFailureError",
    "NotPossibleError",
    "attempt",
    "draw_seeds",
    "has_seed",
    "reseed",
    "run_fits",
    "shared_memory",
]

SEED_LIMIT = np.iinfo(np.int32).max
# CatBoost and LightGBM have names of their own.
SEED_NAMES = ("random_state", "random_seed", "seed")


class KnownFailureError(Exception):
    """Something failed before, for the reason given."""

    possible = True


class NotPossibleError(KnownFailureError):
    """Something cannot be fitted at all, for the reason given; there was no attempt."""

    possible = False


@dataclass(frozen=True)
class Attempt:
    """What came of a fit.

    Parameters
    ----------
    value : object
        What the fit gave; None if it failed.
    error : str or None
        Why it failed, as "ValueError: ...", or why there was none.
    possible : bool
        Whether it was tried.
    """

    value: Any = None
    error: str | None = None
    possible: bool = True

    def get(self) -> Any:
        """Return the value, or fail as the fit did."""
        if self.error is not None:
            raise (KnownFailureError if self.possible else NotPossibleError)(self.error)
        return self.value


def attempt(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Attempt:
    """Call something; an error is a result, an interrupt is not."""
    try:
        with warnings.catch_warnings():
            # One of many fits that declines its teacher is a measurement, not news.
            warnings.simplefilter("ignore", DistillationDeclinedWarning)
            # Joblib's word on a slow disk is not news either: the shared memory is ours, not the user's.
            warnings.filterwarnings("ignore", message="Persisting input arguments took", category=UserWarning)
            return Attempt(work(*args, **kwargs))
    except KnownFailureError as reason:
        return Attempt(error=str(reason), possible=reason.possible)
    except Exception as error:
        return Attempt(error=f"{type(error).__name__}: {' '.join(str(error).split())}")


def run_fits(
    work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], names: Sequence[str], *, n_jobs: int | None, verbose: int
) -> list[Attempt]:
    """Attempt ``work(*job)`` for every job.

    Parameters
    ----------
    work : callable
        Depends on its arguments only, so that the result is the same for every `n_jobs`.
    jobs : sequence of tuple
        Arguments.
    names : sequence of str
        What progress calls them.
    n_jobs : int or None
        Number of jobs at the same time.
    verbose : int
        Above 0 each job writes a line to the standard error stream when it ends; above 1 joblib writes too.

    Returns
    -------
    list of Attempt
        In the order of the jobs.
    """
    calls = (
        delayed(_one)(work, job, f"{number}/{len(jobs)} {name}" if verbose else None)
        for number, (job, name) in enumerate(zip(jobs, names, strict=True), start=1)
    )
    return list(Parallel(n_jobs=n_jobs, verbose=max(0, verbose - 1))(calls))


def _one(work: Callable[..., Any], job: tuple[Any, ...], told: str | None) -> Attempt:
    done = attempt(work, *job)
    if told is not None:
        sys.stderr.write(f"[skdistill.fidelity] {told}: {'done' if done.error is None else done.error}\n")
    return done


def draw_seeds(random_state: Any, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw the seeds of all fits before any of them runs."""
    return check_random_state(random_state).randint(SEED_LIMIT, size=shape)


def has_seed(estimator: Any) -> bool:
    """Whether an estimator, or one inside it, has a parameter that is a seed."""
    return bool(_seed_params(estimator, ""))


def reseed(estimator: Any, seed: int, *, but: str = "") -> Any:
    """Give every seed inside an owned estimator a new value, those that the user set included.

    Parameters
    ----------
    estimator : estimator
        A clone, which is changed. What is frozen inside keeps its seeds.
    seed : int
        Where the values come from.
    but : str, default=""
        Name of a parameter whose own parameters stay as they are.

    Returns
    -------
    estimator
        The same object.
    """
    rng = np.random.RandomState(seed)
    names = _seed_params(estimator, but)
    if names:
        estimator.set_params(**{name: int(rng.randint(SEED_LIMIT)) for name in names})
    return estimator


def _seed_params(estimator: Any, but: str) -> list[str]:
    params = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    names = [name for name in params if name.rpartition("__")[2] in SEED_NAMES]
    return sorted(name for name in names if not but or not name.startswith(f"{but}__"))


@contextmanager
def shared_memory(distiller: Any) -> Iterator[dict[str, Any]]:
    """Lend a folder that keeps the teacher's fits while several students of one teacher are fitted.

    Parameters
    ----------
    distiller : estimator
        With the parameters `teacher` and, if anything is to be lent, `memory`.

    Yields
    ------
    dict
        ``{"memory": folder}``, or nothing where the user has a memory, the teacher is frozen (and has no work to
        share) or cannot be told from another one by what it holds.
    """
    params = distiller.get_params(deep=False)
    if params.get("memory", "") is not None or is_frozen(params["teacher"]) or not _can_hash(params["teacher"]):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="skdistill-", ignore_cleanup_errors=True) as folder:
        yield {"memory": folder}


def _can_hash(teacher: Any) -> bool:
    try:
        joblib.hash(teacher)
    except (PicklingError, TypeError, AttributeError):
        return False
    return True
