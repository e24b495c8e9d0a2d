"""House rules that no linter has: where torch and private names may be imported, words that do not belong."""

import ast
import re

import pytest

from tools.house import PACKAGE, ROOT

SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
LEFT_OUT = {"_build", "auto_examples", "generated", "__pycache__", "cache", "env"}
FOLDERS = ("skdistill", "tests", "examples", "benchmarks", "doc", "tools", "constraints-data", ".ci")
SUFFIXES = {"", ".py", ".rst", ".md", ".txt", ".toml", ".csv", ".json", ".cff"}
CANDIDATES = sorted(ROOT.glob("*")) + [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*"))]
TEXTS = {
    path.relative_to(ROOT).as_posix(): path
    for path in CANDIDATES
    if path.suffix in SUFFIXES and path.is_file() and LEFT_OUT.isdisjoint(path.relative_to(ROOT).parts)
}

# In pieces, so that this file does not hold what it looks for.
MACHINE_FOLDERS = "|".join(["work", "root", "home", "tmp", "opt", "Users"])
MACHINE_PATH = re.compile(rf"(?<![\w.~])/(?:{MACHINE_FOLDERS})/")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
REGISTRY = re.compile("pypi" + r"\.org|pythonhosted" + r"\.org|index-" + "url")


def imports(source):
    """Yield each import as (module, name), the name empty for plain imports and for calls that import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in {"import_module", "import_optional", "__import__"}:
                yield str(node.args[0].value), ""


def is_private_sklearn(module, name):
    parts = [*module.split("."), name]
    return parts[0] == "sklearn" and any(re.match(r"_(?!_)", part) for part in parts)


def calls_print(source):
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print" for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize("name", SOURCES)
def test_imports_of_the_package(name):
    found = list(imports(SOURCES[name].read_text(encoding="utf-8")))
    assert [module for module, _ in found if module.startswith(".")] == []
    if not name.startswith("nets/"):
        assert [module for module, _ in found if module.partition(".")[0] in {"torch", "skorch"}] == []
    if name != "_sklearn.py":
        assert [pair for pair in found if is_private_sklearn(*pair)] == []


@pytest.mark.parametrize("name", SOURCES)
def test_package_does_not_print(name):
    assert not calls_print(SOURCES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_finished_and_knows_no_machine(name):
    text = TEXTS[name].read_text(encoding="utf-8")
    assert UNFINISHED.findall(text) == []
    assert MACHINE_PATH.findall(text) == []
    assert REGISTRY.findall(text) == []


def test_checks_can_fail():
    source = "from . import a\nimport torch.nn\nfrom sklearn.base import _fit_context\nimport_optional('skorch')\n"
    found = list(imports(source))
    assert found == [(".", "a"), ("torch.nn", ""), ("sklearn.base", "_fit_context"), ("skorch", "")]
    assert [is_private_sklearn(*pair) for pair in found] == [False, False, True, False]
    assert is_private_sklearn("sklearn.utils._tags", "Tags")
    assert not is_private_sklearn("sklearn", "__version__")
    assert calls_print("def f():\n    print(1)\n")
    assert MACHINE_PATH.search("see /" + "work/here")
    assert UNFINISHED.search("# TO" + "DO later")
    assert REGISTRY.search("pypi" + ".org")
