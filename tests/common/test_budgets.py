"""Size budgets of doc/architecture.rst, and what ``import skdistill`` may bring along."""

import ast
import inspect
import subprocess
import sys

import pytest
from sklearn.base import BaseEstimator

from tools.house import PACKAGE, comments_per_100, measure, measure_package
from tools.public import public_callables

MODULE_LINES = 400
MODULE_LINES_HARD = 600
FUNCTION_LINES = 50
CONSTRUCTOR_PARAMETERS = 14
COMMENTS_PER_100 = 13

# Modules over the soft cap, each with the reason why it is not two modules.
LONG_MODULES: dict[str, str] = {}

MODULES = {module.name: module for module in measure_package()}
HEAVY = {"torch", "skorch", "matplotlib", "pandas", "polars", "lightgbm", "xgboost", "catboost"}
HEAVY |= {"dask", "pyarrow"}


@pytest.mark.parametrize("name", MODULES)
def test_module_length(name):
    cap = MODULE_LINES_HARD if name in LONG_MODULES else MODULE_LINES
    assert MODULES[name].lines <= cap


def test_the_list_of_long_modules_is_current():
    assert [name for name in LONG_MODULES if name not in MODULES or MODULES[name].lines <= MODULE_LINES] == []


@pytest.mark.parametrize("name", MODULES)
def test_function_length(name):
    too_long = {function: n for function, n in MODULES[name].functions.items() if n > FUNCTION_LINES}
    assert too_long == {}


def test_comments_are_few(record_property):
    share = comments_per_100(list(MODULES.values()))
    record_property("comments_per_100_code_lines", round(share, 1))
    assert share <= COMMENTS_PER_100


def constructor_parameters(cls):
    return list(inspect.signature(cls).parameters.values())


CLASSES = {name: value for name, value in public_callables().items() if inspect.isclass(value)}


@pytest.mark.parametrize("name", CLASSES)
def test_constructor_size(name):
    assert len(constructor_parameters(CLASSES[name])) <= CONSTRUCTOR_PARAMETERS


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if issubclass(cls, BaseEstimator)])
def test_constructor_is_keyword_only_after_the_estimators(name):
    positional = [p for p in constructor_parameters(CLASSES[name]) if p.kind is not p.KEYWORD_ONLY]
    # A default says that the parameter is a setting, and a setting is given by name; but a student may be left out,
    # and is an estimator all the same.
    assert [p.name for p in positional if p.default is not p.empty and p.name != "student"] == []


def loaded_after(statements, env):
    """Names of the modules that a fresh Python holds after some statements."""
    command = [sys.executable, "-c", f"import sys; {statements}; print(*sorted(sys.modules))"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split())


def test_import_is_light(subprocess_env):
    loaded = loaded_after("import skdistill", subprocess_env)
    assert "skdistill" in loaded
    # scikit-learn 1.9 imports pandas by itself where it is installed.
    borrowed = loaded_after("import sklearn.utils.validation", subprocess_env)
    assert (loaded - borrowed).isdisjoint(HEAVY)


def test_measure_counts_code_comments_and_functions_without_docstrings():
    source = '"""Doc.\n\nMore.\n"""\n\n# reason\ndef f():\n    """Doc."""\n    return 1  # reason\n'
    module = measure(source, "m.py")
    assert (module.lines, module.code_lines, module.comment_lines) == (9, 2, 2)
    assert module.functions == {"f": 2}


def test_every_module_of_the_package_is_measured():
    assert {name.removeprefix("skdistill/") for name in MODULES} == {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")
    }
    assert all(isinstance(ast.parse(path.read_text("utf-8")), ast.Module) for path in PACKAGE.rglob("*.py"))
