"""What joins `benchmarks.quality` and the environment of its peers.

python -m benchmarks.peers_cells export    write the splits and the teacher's answers that `peers.py` works on
python -m benchmarks.peers_cells collect   append a line per answer of `peers.py` to the results
"""

import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _setting
from benchmarks._records import Lines, parser
from benchmarks._setting import MEMORY, Caps, metrics
from benchmarks.quality import DATASETS, FILE, Bench

CACHE = Path(__file__).resolve().parent / "cache" / "peers"


def export(names: list[str], seeds: range, caps: Caps) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, seed in product(names, seeds):
        path = CACHE / f"{name}-{seed}.npz"
        if path.exists():
            continue
        data = _setting.split(name, seed, caps)
        bench = Bench(data)
        np.savez_compressed(
            path,
            X_train=data.X_train,
            y_train=data.y_train,
            X_test=data.X_test,
            y_test=data.y_test,
            told_train=bench.fitted.predict_proba(data.X_train),
            told=bench.told,
            seed=seed,
        )
        MEMORY.clear()


def collect(lines: Lines, names: list[str], seeds: range, caps: Caps) -> int:
    added = 0
    for name, seed in product(names, seeds):
        answers = CACHE / f"{name}-{seed}.answers.npz"
        if not answers.exists():
            continue
        data, found = np.load(CACHE / f"{name}-{seed}.npz"), np.load(answers)
        for method in ("trustee", "imodels", "imodels_shrunk"):
            cell: dict[str, Any] = {
                "dataset": name,
                "fingerprint": _setting.matrix(name)[2],
                "method": method,
                "family": "tree",
                "seed": seed,
                "settings": {"rows": [caps.train, caps.test]},
            }
            if method in found and not lines.has(cell):
                proba = found[method]
                measured = metrics(proba, proba.argmax(axis=1), data["y_test"], data["told"])
                lines.add({**cell, **measured, "peers": found["versions"].tolist()})
                added += 1
    return added


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("step", choices=["export", "collect"])
    options = made.parse_args()
    names, seeds = list(options.datasets or DATASETS), range(options.seeds)
    if options.step == "export":
        export(names, seeds, Caps())
    else:
        sys.stderr.write(f"{collect(Lines(options.results / FILE), names, seeds, Caps())} cells added\n")


if __name__ == "__main__":
    main()
