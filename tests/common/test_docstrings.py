"""Docstrings: numpydoc's checks, defaults that are the defaults, parameters in order, examples."""

import ast
import inspect
import re

import pytest
import tomllib
from numpydoc.docscrape import ClassDoc, FunctionDoc, NumpyDocString
from numpydoc.validate import ERROR_MSGS, validate

from tools.house import ROOT
from tools.public import public_callables, public_methods

CALLABLES = public_callables()
METHODS = public_methods()
DOCUMENTED = {**CALLABLES, **METHODS}

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["numpydoc_validation"]["checks"]
CHECKS = set(ERROR_MSGS) - (set(CONFIG) - {"all"})


def faults(name):
    """Numpydoc's findings under our configuration."""
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code in CHECKS]


def parse(value):
    return ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)


def signature_parameters(value):
    """Parameters as the caller gives them; stars are written in the docstring as in the signature."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(p.kind, "") + name: p.default
        for name, p in inspect.signature(value).parameters.items()
        if name not in ("self", "cls")
    }


def documented_parameters(doc):
    """Documented types by name; ``a, b : int`` documents two."""
    sections = doc["Parameters"] + doc["Other Parameters"]
    return {name.strip(): p.type for p in sections for name in p.name.split(",")}


def documented_default(text):
    """What follows ``default=`` in a documented type, or None where nothing does."""
    found = re.search(r",\s*default=(.+)$", text, re.DOTALL)
    return found.group(1).strip() if found else None


def same_default(text, default):
    """Tell whether the documented text is how the signature's default is written."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text.rpartition(".")[2] in (getattr(default, "__name__", None), repr(default))
    return value == default and type(value) is type(default)


def default_faults(value):
    documented = documented_parameters(parse(value))
    wrong = []
    for name, default in signature_parameters(value).items():
        text = documented_default(documented.get(name, ""))
        if default is inspect.Parameter.empty:
            wrong += [f"{name}: documented default={text}, and it has none"] * (text is not None)
        elif text is None:
            wrong.append(f"{name}: write ', default={default!r}' behind its type")
        elif not same_default(text, default):
            wrong.append(f"{name}: documented default={text}, the signature says {default!r}")
    return wrong


@pytest.mark.parametrize("name", DOCUMENTED)
def test_numpydoc(name):
    assert faults(name) == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_default_is_the_default(name):
    assert default_faults(DOCUMENTED[name]) == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_parameters_are_documented_in_order(name):
    value = DOCUMENTED[name]
    assert list(documented_parameters(parse(value))) == list(signature_parameters(value))


@pytest.mark.parametrize("name", CALLABLES)
def test_has_examples(name):
    doc = NumpyDocString(inspect.getdoc(CALLABLES[name]) or "")
    assert any(line.lstrip().startswith(">>> ") for line in doc["Examples"])


@pytest.mark.parametrize("name", [name for name, value in CALLABLES.items() if hasattr(value, "get_params")])
def test_attributes_do_not_repeat_parameters(name):
    doc = ClassDoc(CALLABLES[name])
    repeated = {a.name for a in doc["Attributes"]}.intersection(documented_parameters(doc))
    assert repeated == set()


def right(a, *, b="x", c=None, d=0.5):
    """Stand for a function whose documentation is right.

    Parameters
    ----------
    a : int
        First.
    b : {"x", "y"}, default="x"
        Second.
    c : int or None, default=None
        Third.
    d : float, default=0.5
        Fourth.
    """


def wrong(a, *, b="x", c=1, d=2):
    """Stand for a function whose documentation is wrong four times.

    Parameters
    ----------
    a : int, default=3
        It has none.
    b : str, default="y"
        Another string.
    c : float, default=1.0
        Equal, but written otherwise.
    d : int, optional
        Not said.
    """


def test_default_check_can_fail():
    assert default_faults(right) == []
    assert [fault.partition(":")[0] for fault in default_faults(wrong)] == ["a", "b", "c", "d"]


def test_numpydoc_check_can_fail():
    codes = {fault.partition(":")[0] for fault in faults("tests.common.test_docstrings.faults")}
    assert "PR01" in codes
