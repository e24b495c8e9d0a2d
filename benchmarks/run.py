"""All benchmarks, one after the other: ``python -m benchmarks.run``, or with ``--quick`` on a few rows."""

import argparse

from benchmarks import (
    calibration,
    cooperative,
    cost,
    counterfactual,
    fidelity,
    fidelity_cost,
    information,
    information_bias,
    quality,
    rid,
    situations,
    which_teacher,
)
from benchmarks._records import say

BENCHMARKS = {
    "quality": quality,
    "situations": situations,
    "cost": cost,
    "calibration": calibration,
    "fidelity": fidelity,
    "fidelity_cost": fidelity_cost,
    "which_teacher": which_teacher,
    "information": information,
    "information_bias": information_bias,
    "counterfactual": counterfactual,
    "cooperative": cooperative,
    "rid": rid,
}


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--quick", action="store_true", help="a few rows, to see that all of it runs")
    options = made.parse_args()
    for name, benchmark in BENCHMARKS.items():
        say(name)
        if options.quick:
            benchmark.quick()
        else:
            benchmark.main()


if __name__ == "__main__":
    main()
