"""The public names, found by walking ``__all__`` from the top of the package down.

``python -m tools.public`` writes their list and the API reference; a test compares both with the package.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import groupby
from types import ModuleType

import skdistill
from tools.house import ROOT

# Packages that cannot be imported without an extra.
NEEDS = {"nets": "torch"}

LIST = ROOT / "tests" / "common" / "public_api.txt"
REFERENCE = ROOT / "doc" / "api.rst"


def public_modules() -> dict[str, ModuleType]:
    """Modules whose names are public, in the order in which their names are looked up."""
    found = sorted(info.name for info in pkgutil.iter_modules(skdistill.__path__) if info.name[0] != "_")
    names = [name for name in found if name not in NEEDS or find_spec(NEEDS[name])]
    modules = [skdistill, *(importlib.import_module(f"skdistill.{name}") for name in names)]
    return {module.__name__: module for module in modules if hasattr(module, "__all__")}


def exports() -> Iterator[tuple[str, object]]:
    """Yield each name of each ``__all__`` with what it stands for; modules and dunders left out."""
    for module_name, module in public_modules().items():
        for name in filter(lambda name: hasattr(module, name), module.__all__):
            value = getattr(module, name)
            if not inspect.ismodule(value) and not name.startswith("__"):
                yield f"{module_name}.{name}", value


def public_objects() -> dict[str, object]:
    """Each public object under the one name that users import it by.

    What the top level exports is documented there, though the package that it comes from lists it as well.
    """
    flat = {id(value): name for name, value in exports() if name.count(".") == 1}
    return {name: value for name, value in exports() if flat.get(id(value), name) == name}


def defined_here(value: object) -> bool:
    """Tell whether a class or function is skdistill's own."""
    return str(getattr(value, "__module__", "")).partition(".")[0] == "skdistill"


def public_callables() -> dict[str, object]:
    """Public classes and functions, exceptions and warnings left out."""
    return {
        name: value
        for name, value in public_objects().items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and defined_here(value)
        and not (inspect.isclass(value) and issubclass(value, BaseException))
    }


def documented_by_base(cls: type, name: str) -> bool:
    """Tell whether a method keeps to what a base of ours documents for it, and so repeats no parameters."""
    own = inspect.getdoc(vars(cls).get(name, None)) or ""
    bases = [base for base in cls.__mro__[1:] if defined_here(base) and name in vars(base)]
    return bool(bases) and "Parameters\n------" not in own


def public_methods() -> dict[str, object]:
    """Methods that public classes define themselves, by dotted name."""
    found: dict[str, object] = {}
    for owner, cls in public_callables().items():
        if not inspect.isclass(cls):
            continue
        for name in dir(cls):
            member = inspect.getattr_static(cls, name)
            if name.startswith("_") or documented_by_base(cls, name):
                continue
            # Class methods keep the function as __func__, methods behind `available_if` as fn.
            function = inspect.unwrap(getattr(member, "__func__", getattr(member, "fn", member)))
            if inspect.isfunction(function) and defined_here(function):
                found[f"{owner}.{name}"] = function
    return found


def documented_api() -> list[str]:
    """Lines of the list of public names."""
    return [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


def underlined(title: str, line: str) -> list[str]:
    """Give a title and the line under it, as reStructuredText wants them."""
    return [title, line * len(title), ""]


def reference(names: list[str]) -> str:
    """Write the API reference: a section for each module, opened by its docstring."""
    lines = underlined("API reference", "=")
    for module, members in groupby(names, key=lambda name: name.rpartition(".")[0]):
        lines += underlined(module, "-")
        lines += [inspect.getdoc(importlib.import_module(module)) or "", ""]
        lines += [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree: api/generated", ""]
        lines += [f"   {name.rpartition('.')[2]}" for name in members] + [""]
    return "\n".join(lines)


def ordered(names: Iterable[str]) -> list[str]:
    """Sort by module, the top level first, then by name."""
    return sorted(names, key=lambda name: (name.rpartition(".")[0], name))


if __name__ == "__main__":
    found = ordered(public_objects())
    LIST.write_text("\n".join(found) + "\n", encoding="utf-8")
    REFERENCE.write_text(reference(found), encoding="utf-8")
