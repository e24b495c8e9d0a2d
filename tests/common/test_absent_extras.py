"""Without its extras the package imports, and says how to install what a call needs."""

import ast
import re
import subprocess
import sys
import textwrap

import pytest

from tools.house import PACKAGE, ROOT

EXTRAS = {
    "torch": "torch",
    "skorch": "torch",
    "lightgbm": "boosting",
    "matplotlib": "plot",
    "pandas": "plot",
    "dit": "dit",
    "polars": None,
    "xgboost": None,
    "catboost": None,
}

BLOCK = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Block())
"""


def run_without(blocked, code, env):
    """Run code in a Python in which some packages cannot be imported; return what it printed."""
    source = BLOCK.format(blocked=set(blocked)) + textwrap.dedent(code)
    command = [sys.executable, "-W", "error::ImportWarning", "-c", source]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_package_imports_without_any_extra(subprocess_env):
    code = """
    import importlib, pkgutil, skdistill
    found = [info.name for info in pkgutil.iter_modules(skdistill.__path__)]
    names = [name for name in found if name not in ("nets", "__main__")]
    for name in names:
        importlib.import_module(f"skdistill.{name}")
    print(*names)
    """
    assert {"exceptions", "response", "students"} <= set(run_without(EXTRAS, code, subprocess_env).split())


@pytest.mark.parametrize(("package", "extra"), [(p, e) for p, e in EXTRAS.items() if e])
def test_error_names_the_caller_the_package_and_the_command(subprocess_env, package, extra):
    code = f"""
    from skdistill._optional import import_optional
    from skdistill.exceptions import OptionalDependencyError
    try:
        import_optional({package!r}, caller="this call", extra={extra!r})
    except OptionalDependencyError as error:
        print(error)
    """
    message = run_without([package], code, subprocess_env)
    assert message.startswith(f"this call needs the package {package!r}, which could not be imported")
    assert f"pip install 'skdistill[{extra}]'" in message


# What a user calls: the absent package, the extra that brings it, and the code that has to end in the error.
CALLS = {
    "FidelityDisplay": (
        "matplotlib",
        "plot",
        "from skdistill.fidelity import FidelityDisplay; FidelityDisplay.from_predictions([[1.0]], [[1.0]])",
    ),
    "FidelityReport.plot": (
        "matplotlib",
        "plot",
        "from skdistill import FidelityReport\n        "
        "FidelityReport.from_predictions({'a': {'teacher': [1.0, 2.0], 'student': [1.0, 2.0]}}).plot()",
    ),
    "FidelityReport.frame": (
        "pandas",
        "plot",
        "from skdistill import FidelityReport\n        "
        "FidelityReport.from_predictions({'a': {'teacher': [1.0, 2.0], 'student': [1.0, 2.0]}}).frame()",
    ),
    "PIDDisplay": (
        "matplotlib",
        "plot",
        "from skdistill.information import PIDDisplay\n        "
        "PIDDisplay.from_values({'redundancy': [0.2], 'unique_teacher': [0.8]}, kind='plane')",
    ),
    "a measure of dit": (
        "dit",
        "dit",
        "from skdistill.information import decompose, named_gate; decompose(named_gate('and'), measure='PID_CCS')",
    ),
    "load_adult": ("pandas", "plot", "from skdistill.datasets import load_adult; load_adult()"),
}


@pytest.mark.parametrize("name", CALLS)
def test_call_without_its_extra(subprocess_env, name):
    package, extra, call = CALLS[name]
    code = f"""
    from skdistill.exceptions import OptionalDependencyError
    try:
        {call}
    except OptionalDependencyError as error:
        print(error)
    """
    message = run_without([package], code, subprocess_env)
    assert repr(package) in message
    assert f"pip install 'skdistill[{extra}]'" in message


# Needed only by someone who brought a frame or a model of theirs along, so they are installed then.
BROUGHT_ALONG = {"polars", "xgboost", "catboost"}


def optional_imports():
    """Yield the place, package and extra of each call of import_optional in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_optional":
                extra = {word.arg: word.value for word in node.keywords}["extra"]
                name, extra = (getattr(part, "value", None) for part in (node.args[0], extra))
                yield f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}", name, extra


def extras():
    """Packages of each extra, from the lines of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    for extra, requirements in re.findall(r"^(\w+) = (\[.*\])$", table, re.MULTILINE):
        yield from ((re.split(r"\W", name)[0], extra) for name in ast.literal_eval(requirements))


def test_the_extra_that_an_error_names_brings_the_package():
    brings = set(extras())
    assert ("lightgbm", "boosting") in brings
    wrong = [
        (place, name, extra)
        for place, name, extra in optional_imports()
        if isinstance(name, str)
        and isinstance(extra, str)
        and name.partition(".")[0] not in BROUGHT_ALONG
        and (name.partition(".")[0], extra) not in brings
    ]
    assert wrong == []
    assert "pandas" in {name for _, name, _ in optional_imports()}
