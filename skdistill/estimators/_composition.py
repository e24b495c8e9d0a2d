"""Parameters, metadata, tags and picture of an ensemble of named learners that may have columns of their own."""

from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skdistill._sklearn import BaseComposition, VisualBlock
from skdistill._validation import inner_tags
from skdistill.estimators._silos import learner_triples

__all__ = ["NamedLearners"]


class NamedLearners(ClassifierMixin, BaseComposition):
    """What follows from `estimators`, a list of (name, estimator) or (name, estimator, columns)."""

    estimators: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters, with ``deep=True`` the learners by name and their parameters too.

        Parameters
        ----------
        deep : bool, default=True
            Whether learners and their parameters are included.

        Returns
        -------
        dict
            Values by name.
        """
        return self._get_params("_named_learners", deep=deep)

    def set_params(self, **params: Any) -> "NamedLearners":
        """Set parameters, also a learner by its name, or one of its parameters as ``name__parameter``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        object
            The estimator itself.
        """
        if "estimators" in params:
            self.estimators = params.pop("estimators")
        self._set_params("_named_learners", **params)
        return self

    @property
    def _named_learners(self) -> Any:
        """The learners without their columns, as scikit-learn's compositions hold them."""
        try:
            return [(name, estimator) for name, estimator, _ in learner_triples(self.estimators)]
        except (TypeError, ValueError):
            return self.estimators

    @_named_learners.setter
    def _named_learners(self, pairs: Any) -> None:
        columns = [item[2:] for item in self.estimators]
        kind = type(self.estimators)
        self.estimators = kind((*pair, *rest) for pair, rest in zip(pairs, columns, strict=True))

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which metadata of `fit` go to the learners: `sample_weight` to those that request it.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        for name, estimator, _ in learner_triples(self.estimators):
            router.add(**{name: estimator}, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        return router

    def __sklearn_tags__(self) -> Tags:
        """Derive the tags from the learners: what all of them can take."""
        tags = super().__sklearn_tags__()
        try:
            found = [inner_tags(estimator) for _, estimator, _ in learner_triples(self.estimators)]
        except ValueError:
            return tags
        inner = [one for one in found if one is not None]
        for name in ("allow_nan", "sparse", "categorical", "string"):
            setattr(tags.input_tags, name, bool(inner) and all(getattr(one.input_tags, name) for one in inner))
        tags.input_tags.positive_only = any(one.input_tags.positive_only for one in inner)
        tags.classifier_tags.multi_class = all(
            one.classifier_tags.multi_class for one in inner if one.classifier_tags is not None
        )
        return tags

    def _sk_visual_block_(self) -> Any:
        names, estimators = zip(*self._named_learners, strict=True)
        return VisualBlock("parallel", list(estimators), names=list(names))
