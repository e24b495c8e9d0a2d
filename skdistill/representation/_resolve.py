"""From an alias or an object to representations of one model."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from sklearn.base import clone

from skdistill.representation._answers import LogProbaRepresentation
from skdistill.representation._base import BaseRepresentation
from skdistill.representation._forest import LeafRepresentation, has_leaves
from skdistill.representation._kernel import KernelRepresentation, has_kernel
from skdistill.representation._linear import LogitRepresentation, gives_logits
from skdistill.representation._opened import open_model
from skdistill.representation._perceptron import PerceptronRepresentation, is_perceptron

__all__ = ["REPRESENTATIONS", "check_representation", "resolve_representation"]

REPRESENTATIONS: dict[str, type[BaseRepresentation]] = {
    "leaves": LeafRepresentation,
    "kernel": KernelRepresentation,
    "logits": LogitRepresentation,
    "log_proba": LogProbaRepresentation,
}
# Whose objects are nets. Only their owners have these packages, which is why the class is named here and imported when
# such an object comes, not before.
NETS = ("skorch", "torch", "skdistill.nets")
LAYERS = ("skdistill.nets", "LayerRepresentation")
# The first that fits is what "auto" means; a net comes before all of them.
CHOICES: tuple[tuple[Callable[[Any], bool], type[BaseRepresentation]], ...] = (
    (is_perceptron, PerceptronRepresentation),
    (has_leaves, LeafRepresentation),
    (has_kernel, KernelRepresentation),
    (gives_logits, LogitRepresentation),
)


def resolve_representation(
    representation: Any = "auto",
    model: Any = None,
    layers: str | Sequence[str] | None = None,
    *,
    random_state: int | None = None,
) -> list[BaseRepresentation]:
    """Turn an alias or a representation into representations of a model, not yet fitted.

    Parameters
    ----------
    representation : {"auto", "layers", "leaves", "kernel", "logits", "log_proba"} or BaseRepresentation, \
default="auto"
        What of the model is meant. "auto" takes a net's layers, the leaves of trees, the kernel map of a kernel model,
        the decision function of another model that has one, and else log-probabilities; of a pipeline, what its last
        step sees. An instance is cloned and given the model, unless it brings one of its own.
    model : estimator, default=None
        The fitted model; frozen or not, a search or a pipeline.
    layers : str or sequence of str, default=None
        Names of layers of a net, each of which is a representation of its own. None is the input of a net's last linear
        layer.
    random_state : int, default=None
        Seed for what leaves it at None.

    Returns
    -------
    list of BaseRepresentation
        One for each layer; one for a model without layers.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the object is no representation, or layers are asked of a model that has none.
    ValueError
        If the alias is unknown, or `layers` is empty or holds a name twice.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.representation import resolve_representation
    >>> X, y = load_iris(return_X_y=True)
    >>> (leaves,) = resolve_representation("auto", RandomForestClassifier(5).fit(X, y))
    >>> type(leaves).__name__
    'LeafRepresentation'
    """
    check_representation(representation, layers)
    if not isinstance(representation, str):
        return [_own(representation, model, random_state)]
    _, core = open_model(model)
    chosen = _chosen(representation, core, model)
    if not _has_layers(chosen):
        if layers is not None:
            raise TypeError(
                f"layers must be None for a model without layers, got {layers!r} for {type(core).__name__}, which is "
                f"seen by {chosen.__name__}. Leave layers out, or pass a net."
            )
        return [chosen(model=model, random_state=random_state)]
    return [chosen(model=model, random_state=random_state).set_params(layer=name) for name in _layer_names(layers)]


def check_representation(representation: Any, layers: str | Sequence[str] | None = None) -> None:
    """Refuse what is no representation of any model, before there is a fitted one.

    Parameters
    ----------
    representation : object
        As in `resolve_representation`.
    layers : str or sequence of str, default=None
        Likewise.

    Raises
    ------
    TypeError
        If the object is no representation, or is one that is asked for layers besides.
    ValueError
        If the alias is unknown.
    """
    if isinstance(representation, str):
        aliases = ("auto", "layers", *REPRESENTATIONS)
        if representation not in aliases:
            raise ValueError(
                f"representation should be one of {', '.join(map(repr, aliases))} or an instance of "
                f"BaseRepresentation, got {representation!r}. Use one of these names, or pass the representation "
                "itself."
            )
        return
    if not isinstance(representation, BaseRepresentation):
        what = representation.__name__ if isinstance(representation, type) else type(representation).__name__
        raise TypeError(
            f"representation should be an alias or an instance of BaseRepresentation, got {what}. Pass an instance "
            "such as LeafRepresentation(max_width=32), or a subclass of BaseRepresentation with a method _raw."
        )
    if layers is not None:
        raise TypeError(
            f"layers must be None where representation is an instance, got {layers!r}. Name the layer in the instance: "
            "LayerRepresentation(layer=...)."
        )


def _chosen(alias: str, core: Any, model: Any) -> type[BaseRepresentation]:
    if alias in REPRESENTATIONS:
        return REPRESENTATIONS[alias]
    if is_net(core):
        module, name = LAYERS
        found: type[BaseRepresentation] = getattr(import_module(module), name)
        return found
    if alias == "layers":
        if not is_perceptron(core):
            raise TypeError(
                f"representation='layers' needs a net (skorch, TorchTeacher, MLPClassifier), got "
                f"{type(core).__name__}. Use representation='auto'."
            )
        return PerceptronRepresentation
    return next((kind for fits, kind in CHOICES if fits(core)), LogProbaRepresentation)


def is_net(core: Any) -> bool:
    """Whether a learner is a torch module, a skorch net, or one of this package's holders of them."""
    homes = [kind.__module__ for kind in type(core).__mro__]
    return any(home == net or home.startswith(f"{net}.") for home in homes for net in NETS)


def _has_layers(kind: type[BaseRepresentation]) -> bool:
    return kind.__name__ in (LAYERS[1], PerceptronRepresentation.__name__)


def _layer_names(layers: str | Sequence[str] | None) -> list[str | None]:
    if layers is None or isinstance(layers, str):
        return [layers]
    names = list(layers)
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"layers must be a name or a list of different names, got {layers!r}. Name each layer once, or leave "
            "layers at None for the input of the last linear layer."
        )
    return [*names]


def _own(representation: BaseRepresentation, model: Any, random_state: int | None) -> BaseRepresentation:
    held = representation.get_params(deep=False)
    # A clone would unfit the model that the instance holds.
    own = clone(representation.__class__(**{**held, "model": None}))
    return own.set_params(
        model=model if held["model"] is None else held["model"],
        random_state=random_state if held["random_state"] is None else held["random_state"],
    )
