"""The findings of Stanton et al. (2021), judged by the lines of `benchmarks.fidelity`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks._statistics import holm
from benchmarks.fidelity_records import (
    KINDS,
    SIGNIFICANT,
    STUDENTS,
    BySeed,
    Estimate,
    Students,
    agreement,
    contrast,
    correlations,
    difference,
    estimate,
    gap,
    lesson,
    level,
    mean,
    named,
    shortfall,
    taught,
    where,
)

COUNTS = "tables above / below 0"
HOLDS = "holds on tables"
SAME_AS_CONTROL = "cannot be told apart from the control"
NOT = "does not hold"
UNSURE = "not sure: only before Holm's correction"
OPPOSITE = "does not hold: the opposite does"
# Rounds of a member of a boosted teacher: a student of as many, or more, can be that member.
MEMBER_ROUNDS = 40
# What prints as +0.0000 is no difference.
NOTHING = 5e-5
# F5: having the right teacher must remove at least this share of the control's disagreement to count as most of it.
MOST = 0.5


@dataclass(frozen=True)
class Finding:
    """A claim, the rows of the table that judges it, and one verdict per row."""

    code: str
    claim: str
    head: list[str]
    rows: list[list[str]]
    verdicts: list[str]

    @property
    def verdict(self) -> str:
        """One verdict for all rows, or how many rows have which."""
        kinds = list(dict.fromkeys(self.verdicts))
        if len(kinds) == 1:
            return kinds[0]
        return "; ".join(f"{kind} ({self.verdicts.count(kind)} of {len(self.verdicts)} rows)" for kind in kinds)


def directions(estimates: Sequence[Estimate]) -> list[int]:
    """Say of each estimate whether it is above (1) or below (-1) zero, by Holm over all of them, or neither (0)."""
    sure = holm([1.0 if abs(found.over_tables.mean) < NOTHING else found.over_tables.p for found in estimates])
    sure = sure < SIGNIFICANT
    return [int(np.sign(e.over_tables.mean)) if known else 0 for e, known in zip(estimates, sure, strict=True)]


def verdicts_of(raw: Sequence[Estimate], control: Sequence[Estimate] | None = None, sign: int = 1) -> list[str]:
    """Judge rows that claim a difference of one sign; `control` is what is left of it beyond the control's."""
    words = {sign: HOLDS, 0: NOT, -sign: OPPOSITE}
    beyond = None if control is None else directions(control)
    verdicts = []
    for row, (found, here) in enumerate(zip(raw, directions(raw), strict=True)):
        verdicts.append(UNSURE if here == 0 and leans(found, sign) else words[here])
        if here == sign and beyond is not None and beyond[row] != sign:
            verdicts[-1] = UNSURE if leans(control[row], sign) else SAME_AS_CONTROL
    return verdicts


def leans(found: Estimate, sign: int) -> bool:
    """Whether a value has a sign by the test without a correction."""
    return bool(found.over_tables.p < SIGNIFICANT and sign * found.over_tables.mean >= NOTHING)


# Students that can answer like their teacher about the rows taught: a tree with a leaf for every row, and boosting
# that could be the teacher itself.
REACH: tuple[tuple[str, int | None, str, int], ...] = (
    *(("tree", None, kind, size) for kind, size in product(KINDS, (1, 5))),
    ("lightgbm", MEMBER_ROUNDS, "boosted", 1),
    ("lightgbm", 2 * MEMBER_ROUNDS, "boosted", 1),
)
REAL_OR_MANY = ("same", "both", "munge4")


def within_reach(records: Students) -> Finding:
    """F1: students that can match, do on the rows they were taught, and do not on others."""
    rows, estimates = [], []
    for family, capacity, kind, size in REACH:
        here = where(records, family=family, capacity=(capacity,), kind=kind, size=size, temperature=1.0)
        here = where(here, source=REAL_OR_MANY)
        if not here:
            continue
        missing = estimate(level(here, shortfall))
        nearer = estimate(level(here, lambda record: record["agreement"] - record["between_seed"]))
        better = estimate(level(here, lambda record: record["accuracy"] - record["teacher_accuracy"]))
        shown = [mean(level(here, lambda record: record["lesson_agreement"])), mean(level(here, agreement))]
        title = [named(family, capacity), f"{kind} {size}"]
        rows.append([*title, *shown, str(missing), missing.counts, str(nearer), str(better)])
        estimates.append(missing)
    head = ["student", "teacher", "agreement on the rows taught", "held out", "short of what accuracies allow [95 %]"]
    head += [COUNTS, "nearer than an independent teacher [95 %]", "accuracy less the teacher's [95 %]"]
    claim = "Students that answer like their teacher on the rows taught do not on held-out rows, even if they could."
    return Finding("F1a", claim, head, rows, verdicts_of(estimates))


def without_matching(records: Students) -> Finding:
    """F1: accuracy is gained over plain labels, and fidelity stays short."""
    rows, gains, missing = [], [], []
    for family, source in product(STUDENTS, ("same", "both")):
        for capacity in STUDENTS[family]:
            here = where(records, family=family, capacity=(capacity,), source=source, temperature=(1.0, "labels"))
            if not here:
                continue
            gain = estimate(contrast(here, "temperature", 1.0, "labels", lambda record: record["accuracy"]))
            closer = estimate(contrast(here, "temperature", 1.0, "labels", agreement))
            short = estimate(level(taught(here), shortfall))
            gains.append(gain)
            missing.append(short)
            shown = [str(gain), gain.counts, str(closer), mean(level(taught(here), agreement)), str(short)]
            rows.append([named(family, capacity), source, *shown])
    head = ["student", "rows", "gain in accuracy over labels [95 %]", COUNTS]
    head += ["gain in agreement [95 %]", "agreement", "short of what accuracies allow [95 %]"]
    # What is gained has to go with a student that stays short of matching.
    short = directions(missing)
    verdicts = [found if left == 1 else NOT for found, left in zip(verdicts_of(gains), short, strict=True)]
    claim = "Distillation makes a student more accurate than labels do without making it match its teacher."
    return Finding("F1b", claim, head, rows, verdicts)


def aligned(records: Students) -> Finding:
    """F1: fidelity and accuracy go together over the students of ensembles more than over those of single teachers."""
    rows, estimates = [], []
    for family, kind in product(STUDENTS, KINDS):
        single, ensemble = (correlations(records, family, kind, size) for size in (1, 5))
        if not single:
            continue
        found = estimate(difference(ensemble["accuracy"], single["accuracy"]))
        levels = [str(estimate(some["accuracy"])) for some in (single, ensemble)]
        rows.append([family, kind, *levels, str(found), found.counts])
        estimates.append(found)
    head = ["students", "teacher", "correlation of agreement with accuracy, 1 member [95 %]", "5 members [95 %]"]
    head += ["difference [95 %]", COUNTS]
    claim = "Fidelity goes with accuracy over the students of an ensemble, and less so over those of a single teacher."
    return Finding("F1c", claim, head, rows, verdicts_of(estimates))


MORE = ("both", "munge4")
STEPS = {"tree": ("fresh", "both", "mixup", "munge4"), "lightgbm": MORE}
LIMITED: tuple[tuple[str, int | None], ...] = (("tree", 16), ("tree", 128), ("lightgbm", 10))


def _larger(records: Students, title: list[str], steps: Sequence[str]) -> tuple[list[list[str]], list[Estimate]]:
    """Compare agreement on the rows taught with that on the teacher's training rows, source by source."""
    rows, estimates = [], []
    for source in steps if records else ():
        found = estimate(contrast(records, "source", source, "same", lesson))
        levels = [mean(level(where(records, source=name), lesson)) for name in ("same", source)]
        rows.append([*title, f"same to {source}", " to ".join(levels), str(found), found.counts])
        estimates.append(found)
    return rows, estimates


LARGER = ["student", "teacher", "rows taught", "agreement there", "change [95 %]", COUNTS]


def larger_sets(records: Students) -> Finding:
    """F2: agreement on the rows taught falls as these become more or harder, with students that could match."""
    rows, estimates = [], []
    trees = where(records, family="tree", capacity=(None,), temperature=1.0)
    cases = [(trees, [named("tree", None), "all"])]
    for rounds in (MEMBER_ROUNDS, 2 * MEMBER_ROUNDS):
        here = where(records, family="lightgbm", capacity=rounds, kind="boosted", size=1, temperature=1.0)
        cases.append((here, [named("lightgbm", rounds), "boosted 1"]))
    for here, title in cases:
        more, found = _larger(here, title, MORE)
        rows += more
        estimates += found
    claim = "Agreement on the rows taught falls as these become more or harder, though the student could match."
    return Finding("F2a", claim, LARGER, rows, verdicts_of(estimates, sign=-1))


def larger_sets_limited(records: Students) -> Finding:
    """Beside F2: the same of students that are too small to match, where capacity alone would do it."""
    rows, estimates = [], []
    for family, capacity in LIMITED:
        here = where(records, family=family, capacity=(capacity,), temperature=1.0)
        more, found = _larger(here, [named(family, capacity), "all"], STEPS[family])
        rows += more
        estimates += found
    claim = "The same of students that are too small to match, where it may be capacity."
    return Finding("F2b", claim, LARGER, rows, verdicts_of(estimates, sign=-1))


def more_rows(records: Students) -> Finding:
    """F2: agreement on held-out rows rises with more distillation rows, and so does what is specific to the teacher."""
    rows, estimates, controls = [], [], []
    for family in STUDENTS:
        for capacity, source in product(STUDENTS[family], MORE):
            here = where(records, family=family, capacity=(capacity,), temperature=1.0)
            if not here:
                continue
            found = estimate(contrast(here, "source", source, "same", agreement))
            left = estimate(contrast(here, "source", source, "same", gap))
            levels = [mean(level(where(here, source=name), agreement)) for name in ("same", source)]
            title = [named(family, capacity), f"same to {source}"]
            rows.append([*title, " to ".join(levels), str(found), found.counts, str(left)])
            estimates.append(found)
            controls.append(left)
    head = ["student", "rows taught", "agreement held out", "change [95 %]", COUNTS]
    head.append("change of the gap to the control [95 %]")
    claim = "Agreement on held-out rows rises as the rows taught become more."
    return Finding("F2c", claim, head, rows, verdicts_of(estimates, controls))


def larger_ensembles(records: Students) -> Finding:
    """F3: ensembles are matched better, also beyond what their twins' students reach."""
    rows, estimates, controls = [], [], []
    for family, kind, size in product(STUDENTS, KINDS, (3, 5)):
        here = taught(where(records, family=family, kind=kind))
        change = contrast(here, "size", size, 1, agreement)
        if not change:
            continue
        found, left = estimate(change), estimate(contrast(here, "size", size, 1, gap))
        twins = estimate(contrast(here, "size", size, 1, lambda record: record["between_seed"]))
        rows.append([family, kind, f"1 to {size}", str(found), found.counts, str(left), str(twins)])
        estimates.append(found)
        controls.append(left)
    head = ["students", "teacher", "members", "change in agreement [95 %]", COUNTS]
    head += ["change of the gap to the control [95 %]", "change of agreement between independent teachers [95 %]"]
    claim = "Larger ensembles are matched better."
    return Finding("F3", claim, head, rows, verdicts_of(estimates, controls))


def calibration(records: Students) -> Finding:
    """F4: over the students of an ensemble the most faithful are the best calibrated."""
    rows, estimates, controls = [], [], []
    for family, kind, size in product(STUDENTS, KINDS, (3, 5)):
        found = correlations(records, family, kind, size)
        if not found:
            continue
        raw, beyond = estimate(found["ece"]), estimate(difference(found["ece"], found["control"]))
        here = where(records, family=family, kind=kind, size=size)
        errors = [mean(level(here, lambda r: r["teacher_ece"])), mean(level(taught(here), lambda r: r["ece"]))]
        shown = [str(estimate(found[name])) for name in ("js", "alike", "given accuracy")]
        place = mean(found["place"])
        rows.append([family, f"{kind} {size}", *errors, str(raw), raw.counts, str(beyond), *shown, place])
        estimates.append(raw)
        controls.append(beyond)
    head = ["students", "teacher", "its ECE", "students' ECE", "correlation of agreement with low ECE [95 %]", COUNTS]
    head += ["more than over the control's students [95 %]", "of low JS with low ECE [95 %]"]
    head += ["of agreement, students of one size [95 %]", "of agreement, given accuracy [95 %]"]
    head.append("place of the most faithful by ECE (1 best, 0 worst)")
    claim = "Over the students of an ensemble the most faithful are the best calibrated."
    return Finding("F4a", claim, head, rows, verdicts_of(estimates, controls))


def calibration_single(records: Students) -> Finding:
    """F4: over the students of a single teacher they are not, or less so."""
    rows, estimates = [], []
    for family, kind in product(STUDENTS, KINDS):
        single, ensemble = (correlations(records, family, kind, size) for size in (1, 5))
        if not single:
            continue
        found = estimate(difference(ensemble["ece"], single["ece"]))
        levels = [str(estimate(some["ece"])) for some in (single, ensemble)]
        rows.append([family, kind, *levels, str(found), found.counts, mean(single["place"])])
        estimates.append(found)
    head = ["students", "teacher", "correlation of agreement with low ECE, 1 member [95 %]", "5 members [95 %]"]
    head += ["difference [95 %]", COUNTS, "place of the most faithful by ECE, 1 member"]
    claim = "Over the students of a single teacher fidelity goes less with calibration than over those of an ensemble."
    return Finding("F4b", claim, head, rows, verdicts_of(estimates))


def removed(by_own: BySeed, by_control: BySeed) -> BySeed:
    """Share of the control's disagreement that having the right teacher removes; one value per table."""
    return {
        name: np.array([(values.mean() - by_control[name].mean()) / (1 - by_control[name].mean())])
        for name, values in by_own.items()
        if by_control[name].mean() < 1
    }


def specific(records: Students) -> Finding:
    """F5: how much of the agreement is specific to the teacher."""
    rows, shares = [], []
    for family, kind, size in product(STUDENTS, KINDS, (1, 3, 5)):
        everyone = where(records, family=family, kind=kind, size=size)
        here = taught(everyone)
        if not here:
            continue
        own, control = level(here, agreement), level(here, lambda record: record["seed_agreement"])
        found, share = estimate(level(here, gap)), estimate(removed(own, control))
        others = where(here, temperature=1.0) if family == "tree" else None
        apart = estimate(level(others, lambda r: r["agreement"] - r["rows_agreement"])) if others else "-"
        labels = estimate(contrast(everyone, "temperature", 1.0, "labels", agreement))
        nearer = estimate(level(here, lambda record: record["seed_js"] - record["js"]))
        shown = [mean(own), mean(control), str(found), found.counts, str(share), str(nearer), str(apart), str(labels)]
        rows.append([family, f"{kind} {size}", *shown, mean(level(here, lambda r: r["between_seed"]))])
        shares.append(share)
    head = ["students", "teacher", "agreement", "the control's", "gap [95 %]", COUNTS]
    head += ["share of the control's disagreement removed [95 %]", "nearer than the control in JS [95 %]"]
    head.append("gap to the control of other rows [95 %]")
    head += ["gap to the student of labels [95 %]", "independent teachers' agreement"]
    # Gaps are greater on harder tables, shares are not.
    verdicts = [
        HOLDS
        if direction == 1 and share.over_tables.high < MOST
        else NOT
        if direction == 1
        else UNSURE
        if leans(share, 1)
        else SAME_AS_CONTROL
        for direction, share in zip(directions(shares), shares, strict=True)
    ]
    claim = "Agreement is mostly not specific to the teacher: a student of an independent teacher reaches most of it."
    return Finding("F5", claim, head, rows, verdicts)


JUDGES = (
    within_reach,
    without_matching,
    aligned,
    larger_sets,
    larger_sets_limited,
    more_rows,
    larger_ensembles,
    calibration,
    calibration_single,
    specific,
)


def findings(records: Students) -> list[Finding]:
    """Judge every finding."""
    return [judge(records) for judge in JUDGES]
