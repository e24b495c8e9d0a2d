"""The public names: as listed, importable from exactly one documented place, and in the API reference."""

from collections import Counter

import pytest

from tools.public import (
    REFERENCE,
    documented_api,
    ordered,
    public_modules,
    public_objects,
    reference,
)

OBJECTS = public_objects()


@pytest.mark.needs("torch")
def test_public_names_are_those_listed():
    # `python -m tools.public` writes the list; a change of it is a change that users see.
    assert documented_api() == ordered(OBJECTS)


@pytest.mark.needs("torch")
def test_api_reference_is_current():
    assert REFERENCE.read_text(encoding="utf-8") == reference(documented_api())


@pytest.mark.parametrize("name", public_modules())
def test_all_is_sound(name):
    module = public_modules()[name]
    assert [entry for entry, n in Counter(module.__all__).items() if n > 1] == []
    assert [entry for entry in module.__all__ if not hasattr(module, entry)] == []
    assert [entry for entry in module.__all__ if entry.startswith("_") and entry != "__version__"] == []


def test_each_object_has_one_documented_place():
    # Small constants may be one object under two names, so only what has a name of its own is counted.
    places = Counter(id(value) for value in OBJECTS.values() if hasattr(value, "__qualname__"))
    assert [name for name, value in OBJECTS.items() if places[id(value)] > 1] == []


def test_no_name_stands_for_two_objects():
    names = Counter(name.rpartition(".")[2] for name in OBJECTS)
    assert [name for name, n in names.items() if n > 1] == []
