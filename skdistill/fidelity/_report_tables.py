"""What a fidelity report holds: answers, and the tables made of them once they are asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skdistill._optional import import_optional
from skdistill.fidelity._answers import SetAnswers
from skdistill.fidelity._findings import TAUGHT, Finding, find, judged_set
from skdistill.fidelity._refitting._controls import ControlResult
from skdistill.fidelity._slicing._slices import SliceError, SliceList, find_slices
from skdistill.fidelity._tables import class_records, error_records, metric_records
from skdistill.fidelity._text import verdict_line
from skdistill.fidelity._value_tables import bin_records, nearer_records, value_metric_records

__all__ = ["Record", "ReportTables", "as_frame"]

Record = dict[str, Any]


class ReportTables:
    """The numbers of a report as records, its findings and its verdict."""

    def __init__(
        self,
        sets: dict[str, SetAnswers],
        *,
        teacher: Any = None,
        student: Any = None,
        train: dict[str, Any] | None = None,
        target: float = 0.95,
        confidence_level: float = 0.95,
        n_resamples: int = 500,
        random_state: Any = None,
    ) -> None:
        self.sets = sets
        self.teacher = teacher
        self.student = student
        self.train = train
        self.target = target
        self.confidence_level = confidence_level
        self.n_resamples = n_resamples
        self.judged = judged_set(sets)
        self.task = sets[self.judged].task
        self.classes = sets[self.judged].classes
        # Drawn once, so that every table of one report rests on the same draws whatever order they are asked in.
        self._seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        self._tables: dict[str, list[Record]] = {}
        self._slices: dict[str, SliceList] = {}
        self._controls: ControlResult | None = None

    # Numbers.

    def metric_records(self) -> list[Record]:
        """Give every number of every set.

        Returns
        -------
        list of dict
            With the keys set, metric, value, low, high, n_rows.
        """
        measure = metric_records if self.task == "classification" else value_metric_records
        return self._table("metrics", lambda answers: measure(answers, **self._draws()))

    def error_records(self) -> list[Record]:
        """Give who is right, for each set with labels.

        Returns
        -------
        list of dict
            With the keys set, outcome, n_rows, share, low, high.
        """
        count = error_records if self.task == "classification" else nearer_records
        return self._table("errors", lambda answers: count(answers, confidence_level=self.confidence_level))

    def class_records(self) -> list[Record]:
        """Give the numbers class by class, of a regression in bins of the teacher's value.

        Returns
        -------
        list of dict
            With the keys set, class, n_rows and the measures of that class.
        """
        if self.task == "classification":
            return self._table("classes", lambda a: class_records(a, confidence_level=self.confidence_level))
        return self._table("classes", lambda answers: bin_records(answers, **self._draws()))

    def slice_records(self, name: str | None = None) -> SliceList:
        """Give the worst slices of a set.

        Parameters
        ----------
        name : str, default=None
            The set; None means the judged one.

        Returns
        -------
        SliceList
            Records as `slices` gives them; its `note` says how to read them, its `reason` why there are none.
        """
        answers = self.sets[self._known_set(name)]
        if answers.name not in self._slices:
            # Only who asks for slices by name is told by an error that the rows are no table.
            try:
                found = find_slices(answers, confidence_level=self.confidence_level, random_state=self._seed)
            except SliceError as error:
                found = SliceList(reason=str(error))
            self._slices[answers.name] = found
        return self._slices[answers.name]

    def control_records(self) -> list[Record]:
        """Give the summary of the controls.

        Returns
        -------
        list of dict
            Empty until `controls` ran.
        """
        return [] if self._controls is None else self._controls.summary

    def _table(self, key: str, measure: Callable[[SetAnswers], list[Record]]) -> list[Record]:
        if key not in self._tables:
            self._tables[key] = [record for answers in self.sets.values() for record in measure(answers)]
        return self._tables[key]

    def _draws(self) -> dict[str, Any]:
        return {"confidence_level": self.confidence_level, "n_resamples": self.n_resamples, "seed": self._seed}

    def _known_set(self, name: str | None) -> str:
        if name is not None and name not in self.sets:
            raise ValueError(f"There is no set {name!r} in this report, only {list(self.sets)}. Name one of these.")
        return self.judged if name is None else name

    # What it means.

    def findings(self) -> list[Finding]:
        """Say what the numbers mean and what to do next.

        Returns
        -------
        list of Finding
            Problems first, then warnings, then information.
        """
        return find(self)

    def verdict(self) -> str:
        """Say in one line how close the student is.

        Returns
        -------
        str
            Name and size of the judged set; "faithful", "not faithful" or "undecided" as the interval of the
            agreement lies above, below or across the target; the main numbers.
        """
        return verdict_line(self)

    @property
    def notes(self) -> list[str]:
        """How to read the numbers."""
        paired = self.task == "classification" and any(answers.has_truth for answers in self.sets.values())
        notes = [
            f"Intervals are at {100 * self.confidence_level:g} %: Wilson's for shares, "
            f"{'Bonett and Price for accuracy_difference, ' if paired else ''}{self.n_resamples} bootstrap draws of "
            "rows for means."
        ]
        if any(answers.weight is not None for answers in self.sets.values()):
            notes.append("Rows are weighted; intervals rest on Kish's effective number of rows.")
        if any(answers.has_proba for answers in self.sets.values()):
            notes.append(
                "predictive_kl and the log-losses count a student's probability below 1e-6 as 1e-6; jensen_shannon "
                "needs no such floor."
            )
        asked = self.teacher is not None and not hasattr(self.teacher, "predict_proba")
        if asked and any(answers.proba_teacher is not None for answers in self.sets.values()):
            notes.append(
                "The teacher has no predict_proba: its probabilities are made from the margins of its "
                "decision_function, and nothing has calibrated them."
            )
        if self.judged in TAUGHT:
            notes.append(
                f"Judged is {self.judged!r}, rows that the student learnt from; on others it may be less close. Add "
                "held-out rows as 'test'."
            )
        return notes + ([] if self._controls is None else list(self._controls.notes))


def as_frame(records: list[Record], caller: str) -> Any:
    """Make a data frame of records, or say what has to be installed."""
    return import_optional("pandas", caller=caller, extra="plot").DataFrame.from_records(records)
