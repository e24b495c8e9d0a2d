"""Sizes of the package's own source: modules, functions, comments.

``python -m tools.house`` prints them; ``tests/common/test_budgets.py`` holds them to the budgets.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "skdistill"


@dataclass(frozen=True)
class Module:
    """What a module's source amounts to.

    Parameters
    ----------
    name : str
        Path of the module below the repository.
    lines : int
        All lines, docstrings and blank ones included.
    code_lines : int
        Lines that hold code, docstrings not counted.
    comment_lines : int
        Lines that hold a comment, alone or behind code.
    functions : dict of str to int
        Lines of each function, from ``def`` to its end, without its docstring.
    """

    name: str
    lines: int
    code_lines: int
    comment_lines: int
    functions: dict[str, int]


def docstring_lines(node: ast.AST) -> set[int]:
    """Line numbers of the docstrings of a module and all it holds."""
    found: set[int] = set()
    for child in ast.walk(node):
        if not isinstance(child, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = child.body[0] if child.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            found.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def function_lengths(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield each function's dotted name and its length without docstrings."""
    for child in ast.iter_child_nodes(tree):
        inner = prefix
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{prefix}{child.name}."
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            last = child.end_lineno or child.lineno
            yield inner[:-1], last - child.lineno + 1 - len(docstring_lines(child))
        yield from function_lengths(child, inner)


def count_lines(source: str, docstrings: set[int]) -> tuple[int, int]:
    """Count lines of code and lines with a comment."""
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in layout:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - docstrings), len(comments)


def measure(source: str, name: str) -> Module:
    """Measure one module's source."""
    tree = ast.parse(source)
    code, comments = count_lines(source, docstring_lines(tree))
    return Module(name, len(source.splitlines()), code, comments, dict(function_lengths(tree)))


def measure_package(folder: Path = PACKAGE) -> list[Module]:
    """Measure all modules of the package, in order of their paths."""
    return [
        measure(path.read_text(encoding="utf-8"), path.relative_to(folder.parent).as_posix())
        for path in sorted(folder.rglob("*.py"))
    ]


def comments_per_100(modules: list[Module]) -> float:
    """Comment lines for each hundred lines of code, over all modules together."""
    return 100 * sum(m.comment_lines for m in modules) / max(1, sum(m.code_lines for m in modules))


def summary(modules: list[Module]) -> str:
    """One paragraph with the sizes."""
    longest = max(modules, key=lambda module: module.lines)
    size, function = max((n, f"{m.name}:{f}") for m in modules for f, n in m.functions.items())
    return (
        f"{len(modules)} modules, {sum(m.lines for m in modules)} lines, "
        f"{sum(m.code_lines for m in modules)} of code; "
        f"longest module {longest.name} ({longest.lines}); longest function {function} ({size}); "
        f"{comments_per_100(modules):.1f} comments per 100 lines of code"
    )


if __name__ == "__main__":
    print(summary(measure_package()))
