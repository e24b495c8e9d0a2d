"""Import of packages that only one of the extras brings."""

import importlib
from types import ModuleType

from skdistill.exceptions import OptionalDependencyError


def import_optional(name: str, *, caller: str, extra: str) -> ModuleType:
    """Import a package of an extra, or say how to install it.

    Parameters
    ----------
    name : str
        Name of the module, for instance ``"torch"``.
    caller : str
        What needs it, as the user knows it.
    extra : str
        The extra of skdistill that brings it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    OptionalDependencyError
        If the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise OptionalDependencyError(
            f"{caller} needs the package {name!r}, which could not be imported ({error}). "
            f"Install it with: pip install 'skdistill[{extra}]'"
        ) from error
