"""One JSON line per finished cell, and what a report says about where the numbers come from."""

import argparse
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill
from typing import Any

import skdistill

RESULTS = Path(__file__).resolve().parent / "results"
KEY = ("fingerprint", "method", "family", "seed", "settings", "version")
PACKAGES = ("skdistill", "scikit-learn", "numpy", "scipy", "lightgbm", "torch", "skorch")


@cache
def source_digest() -> str:
    """Twelve hex digits over the package's source: which state of it a line was computed with."""
    digest = hashlib.sha256()
    root = Path(skdistill.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()[:12]


def cell_key(cell: dict[str, Any]) -> str:
    """What makes a cell the same cell: a second run skips it."""
    return json.dumps([cell.get(name) for name in KEY], sort_keys=True)


class Lines:
    """The finished cells in a file of JSON lines; a line that a killed run left unfinished does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = list(read_lines([path]))
        self._done = {cell_key(cell) for cell in self.cells}

    def has(self, cell: dict[str, Any]) -> bool:
        return cell_key({**cell, "version": skdistill.__version__}) in self._done

    def add(self, cell: dict[str, Any]) -> None:
        line = {
            **cell,
            "version": skdistill.__version__,
            "source": source_digest(),
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=_plain) + "\n")
        self._done.add(cell_key(line))
        self.cells.append(line)

    def forget(self, **values: Iterable[Any]) -> int:
        """Drop the cells whose every named entry is among the values given; return how many."""
        kept = [c for c in self.cells if not all(c.get(name) in wanted for name, wanted in values.items())]
        dropped = len(self.cells) - len(kept)
        if dropped:
            self.path.write_text("".join(json.dumps(cell) + "\n" for cell in kept), encoding="utf-8")
        self.cells, self._done = kept, {cell_key(cell) for cell in kept}
        return dropped


def read_lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def _plain(value: Any) -> Any:
    """Turn numpy's scalars and arrays into what JSON knows."""
    return value.item() if getattr(value, "ndim", 1) == 0 else value.tolist()


def provenance(command: str, cells: list[dict[str, Any]]) -> str:
    """A report's last paragraph: command, dates, machine and versions."""
    dates = sorted({cell["date"] for cell in cells})
    states = sorted({cell["source"] for cell in cells})
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"`{command}`, {when}, {len(cells)} cells. {machine()}, one thread per job. Python "
        f"{platform.python_version()}, {', '.join(found)}; source of skdistill {', '.join(states)} (first digits of a "
        "SHA-256 over its files)."
    )


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores ({model}), {platform.system()}"


def markdown(head: list[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [head, ["---"] * len(head), *([str(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paragraph(text: str) -> str:
    """Fill a paragraph anew, whatever has been put into it."""
    return fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def parser(doc: str) -> argparse.ArgumentParser:
    """Make the command line that all benchmarks share."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON lines and the reports")
    made.add_argument("--seeds", type=int, default=5, help="number of seeds")
    made.add_argument("--datasets", nargs="*", default=None, help="only these data sets")
    made.add_argument("--families", nargs="*", default=None, help="only these students")
    made.add_argument("--methods", nargs="*", default=None, help="only these methods")
    made.add_argument("--quick", action="store_true", help="a few rows, to see that all of it runs")
    made.add_argument("--report", action="store_true", help="only write the report from the lines at hand")
    made.add_argument("--forget", nargs="*", default=(), metavar="METHOD", help="drop the cells of these methods first")
    return made


def opened(options: argparse.Namespace, file: str) -> Lines:
    """Open the lines of a benchmark, without the cells that are to be forgotten."""
    lines = Lines(options.results / file)
    if options.forget:
        say(f"{lines.forget(method=options.forget)} cells forgotten")
    return lines


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(timezone.utc):%H:%M:%S} {text}\n")
    sys.stderr.flush()
