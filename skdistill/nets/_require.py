"""The packages that nets need, asked for before they are used."""

from skdistill._optional import import_optional

__all__ = ["require_torch"]


def require_torch(caller: str) -> None:
    """Refuse to go on without torch and skorch.

    Parameters
    ----------
    caller : str
        What needs them, as the user knows it.

    Raises
    ------
    OptionalDependencyError
        If one is not installed.
    """
    for name in ("torch", "skorch"):
        import_optional(name, caller=caller, extra="torch")
