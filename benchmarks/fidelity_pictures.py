"""Pictures of the findings: each draws on one axis, for the report and for the gallery page."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from benchmarks.fidelity_records import (
    KINDS,
    STUDENTS,
    BySeed,
    Record,
    Students,
    agreement,
    contrast,
    correlations,
    estimate,
    gap,
    lesson,
    level,
    named,
    taught,
    where,
)

OWN, CONTROL, TWIN, LABELS = "#1b6ca8", "#d1601f", "0.55", "#2e8b57"


def tidy(axis: Any, heights: Sequence[float], names: Sequence[str]) -> None:
    """Name the rows, the first on top, and take the frame off."""
    axis.set_yticks(heights, names)
    axis.set_ylim(min(heights) - 0.7, max(heights) + 0.7)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="0.92")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)


def interval(axis: Any, by_seed: BySeed, height: float, color: str, label: str, marker: str = "o") -> None:
    """Draw a mean over tables with its interval, and each table as a tick."""
    found = estimate(by_seed)
    mean, low, high = found.over_tables.mean, found.over_tables.low, found.over_tables.high
    axis.plot(list(found.means.values()), [height] * len(found.means), "|", color=color, alpha=0.4, ms=7)
    reach = [[mean - low], [high - mean]]
    axis.errorbar(mean, height, xerr=reach, fmt=marker, ms=5, lw=1.3, capsize=2.5, color=color, label=label)


def _once(axis: Any, **where_to: Any) -> None:
    """Draw a legend without repetitions."""
    handles, labels = axis.get_legend_handles_labels()
    kept = dict(zip(labels, handles, strict=True))
    axis.legend(kept.values(), kept.keys(), frameon=False, fontsize=8, **where_to)


def draw_levels(axis: Any, records: Students) -> None:
    """Draw agreement with the teacher: of its student, of its twin's student, of labels' students, of the twin."""
    # Labels speak of real rows only.
    records = where(records, source=("same", "fresh", "both"), temperature=(1.0, "labels"))
    cases = [(f, k, s) for f, k, s in product(STUDENTS, KINDS, (1, 3, 5)) if where(records, family=f, kind=k, size=s)]
    heights = list(range(len(cases)))[::-1]
    values: list[tuple[str, str, str, Callable[[Record], float], bool]] = [
        ("its own student", OWN, "o", agreement, True),
        ("the control: an independent teacher's student", CONTROL, "d", lambda r: r["seed_agreement"], True),
        ("a student of labels", LABELS, "x", agreement, False),
        ("the independent teacher itself", TWIN, "|", lambda r: r["between_seed"], True),
    ]
    for (family, kind, size), height in zip(cases, heights, strict=True):
        here = where(records, family=family, kind=kind, size=size)
        for label, color, marker, value, distilled in values:
            part = taught(here) if distilled else where(here, temperature="labels")
            x = np.mean([seeds.mean() for seeds in level(part, value).values()])
            axis.plot(x, height, marker, color=color, ms=9 if marker == "|" else 6, mew=2, label=label)
    tidy(axis, heights, [f"{family}, {kind} x {size}" for family, kind, size in cases])
    axis.set_xlabel("agreement on held-out rows, mean over tables")
    _once(axis, loc="upper center", bbox_to_anchor=(0.45, -0.13), ncols=2)


def draw_gaps(axis: Any, records: Students) -> None:
    """Draw how much of the agreement is specific to the teacher."""
    cases = [(f, k, s) for f, k, s in product(STUDENTS, KINDS, (1, 3, 5)) if where(records, family=f, kind=k, size=s)]
    heights = list(range(len(cases)))[::-1]
    for (family, kind, size), height in zip(cases, heights, strict=True):
        here = taught(where(records, family=family, kind=kind, size=size))
        interval(axis, level(here, gap), height, OWN, "mean over tables, 95 %")
    axis.axvline(0, color="0.4", lw=0.8)
    tidy(axis, heights, [f"{family}, {kind} x {size}" for family, kind, size in cases])
    axis.set_xlabel("agreement less the control's (ticks: tables)")


def draw_steps(axis: Any, records: Students) -> None:
    """Draw what four more rows for each one, drawn by MUNGE, change on the rows taught and on held-out ones."""
    students = [(f, c) for f in STUDENTS for c in STUDENTS[f] if where(records, family=f, capacity=(c,))]
    heights = list(range(len(students)))[::-1]
    kinds = [("on the rows taught", CONTROL, "s", lesson), ("on held-out rows", OWN, "o", agreement)]
    kinds.append(("held out, beyond the control's", TWIN, "d", gap))
    for (family, capacity), height in zip(students, heights, strict=True):
        here = where(records, family=family, capacity=(capacity,), temperature=1.0)
        for place, (label, color, marker, value) in enumerate(kinds):
            change = contrast(here, "source", "munge4", "same", value)
            interval(axis, change, height + 0.24 * (1 - place), color, label, marker)
    axis.axvline(0, color="0.4", lw=0.8)
    tidy(axis, heights, [named(*student) for student in students])
    axis.set_xlabel("change of agreement from the teacher's rows to five times as many (MUNGE)")
    _once(axis, loc="upper center", bbox_to_anchor=(0.45, -0.13), ncols=3)


def draw_sizes(axis: Any, records: Students) -> None:
    """Draw what five members instead of one change."""
    cases = [(f, k) for f, k in product(STUDENTS, KINDS) if where(records, family=f, kind=k)]
    heights = list(range(len(cases)))[::-1]
    kinds = [("agreement of the student", OWN, "o", agreement), ("beyond the control's", CONTROL, "d", gap)]
    kinds.append(("agreement of two independent teachers", TWIN, "s", lambda record: record["between_seed"]))
    for (family, kind), height in zip(cases, heights, strict=True):
        here = taught(where(records, family=family, kind=kind))
        for place, (label, color, marker, value) in enumerate(kinds):
            interval(axis, contrast(here, "size", 5, 1, value), height + 0.24 * (1 - place), color, label, marker)
    axis.axvline(0, color="0.4", lw=0.8)
    tidy(axis, heights, [f"{family}, {kind}" for family, kind in cases])
    axis.set_xlabel("change from one member to five (ticks: tables)")
    _once(axis, loc="upper center", bbox_to_anchor=(0.45, -0.13), ncols=2)


def draw_correlations(axis: Any, records: Students) -> None:
    """Draw how far the more faithful students are the better calibrated ones."""
    cases = [(f, k, s) for f, k, s in product(STUDENTS, KINDS, (1, 3, 5)) if where(records, family=f, kind=k, size=s)]
    heights = list(range(len(cases)))[::-1]
    for (family, kind, size), height in zip(cases, heights, strict=True):
        found = correlations(records, family, kind, size)
        interval(axis, found["ece"], height + 0.14, OWN, "with agreement with the teacher")
        interval(axis, found["control"], height - 0.14, CONTROL, "the same over the control's students", "d")
    axis.axvline(0, color="0.4", lw=0.8)
    axis.set_xlim(-1.05, 1.05)
    tidy(axis, heights, [f"{family}, {kind} x {size}" for family, kind, size in cases])
    axis.set_xlabel("rank correlation of a low calibration error (ticks: tables)")
    _once(axis, loc="upper center", bbox_to_anchor=(0.45, -0.13), ncols=2)
