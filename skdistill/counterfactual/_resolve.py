"""From an alias or an object to a generator of counterfactuals."""

from typing import Any, Protocol, runtime_checkable

from sklearn.base import clone

from skdistill.counterfactual._base import BaseCounterfactual
from skdistill.counterfactual._gradient import GradientCounterfactual
from skdistill.counterfactual._growing_spheres import GrowingSpheresCounterfactual
from skdistill.counterfactual._nearest_instance import NearestInstanceCounterfactual
from skdistill.counterfactual._result import CounterfactualSet

GENERATORS: dict[str, type[BaseCounterfactual]] = {
    "nearest_instance": NearestInstanceCounterfactual,
    "growing_spheres": GrowingSpheresCounterfactual,
    "gradient": GradientCounterfactual,
}

__all__ = ["GENERATORS", "CounterfactualGenerator", "resolve_generator"]


@runtime_checkable
class CounterfactualGenerator(Protocol):
    """Anything that takes a fitted model with reference rows and changes rows."""

    def fit(self, estimator: Any, X: Any, y: Any) -> Any:
        """Take a fitted model and reference rows."""

    def generate(self, X: Any, target: Any, threshold: Any = 0.5) -> CounterfactualSet:
        """Find a counterfactual for each row."""


def resolve_generator(generator: str | CounterfactualGenerator, *, random_state: int | None = None) -> Any:
    """Turn an alias or a generator into a generator of one's own, not yet fitted.

    Parameters
    ----------
    generator : {"nearest_instance", "growing_spheres", "gradient"} or object with ``fit`` and ``generate``
        The generator. It is cloned, not changed; an object without ``get_params`` is copied as a whole.
    random_state : int, default=None
        Seed for a generator that has a parameter ``random_state`` and leaves it at None.

    Returns
    -------
    object
        A new generator.

    Raises
    ------
    ValueError
        If the alias is unknown.
    TypeError
        If the object lacks ``fit`` or ``generate``, or is a class.

    Examples
    --------
    >>> from skdistill.counterfactual import resolve_generator
    >>> resolve_generator("nearest_instance")
    NearestInstanceCounterfactual()
    """
    known = ", ".join(repr(name) for name in GENERATORS)
    wanted = f"generator should be one of {known} or an object with fit and generate"
    if isinstance(generator, str):
        if generator not in GENERATORS:
            raise ValueError(f"{wanted}, got {generator!r}. Use one of these names, or pass the generator itself.")
        own = GENERATORS[generator]()
    elif isinstance(generator, type):
        raise TypeError(f"{wanted}, got the class {generator.__name__}. Pass an instance: {generator.__name__}().")
    else:
        lacking = [name for name in ("fit", "generate") if not callable(getattr(generator, name, None))]
        if lacking:
            raise TypeError(
                f"{wanted}, got {type(generator).__name__}, which lacks {' and '.join(lacking)}. Add what is missing, "
                "or use a name."
            )
        own = clone(generator, safe=False)
    if random_state is not None and hasattr(own, "get_params"):
        params = own.get_params(deep=False)
        if "random_state" in params and params["random_state"] is None:
            own.set_params(random_state=random_state)
    return own
