"""Distillation of what a teacher sees into a net, and of that only what is about the task."""

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skdistill._sklearn import Interval, StrOptions, fit_context
from skdistill._validation import seed_inner
from skdistill.estimators._holder import all_or_nothing
from skdistill.estimators._inputs import Labelled, check_estimators, check_rows
from skdistill.estimators._rid_base import BaseTaughtNet
from skdistill.estimators._rid_inputs import (
    LayerPairs,
    check_classes,
    check_labels,
    check_table,
    check_teacher,
    hold,
    layer_pairs,
    own_fit_params,
    refuse_other_classes,
    refuse_untaught,
    rows_for_net,
    seeds_of_net,
    student_steps,
    warn_of_no_hidden_layer,
    with_net,
)
from skdistill.estimators._rid_inside import answers_out_of_fold, look_inside, only_answers
from skdistill.nets import adapt_teacher
from skdistill.nets._predict import as_matrix
from skdistill.nets._require import require_torch
from skdistill.response._collect import fit_teacher, is_frozen

__all__ = ["RIDStudent"]

SEED_LIMIT = np.iinfo(np.int32).max


class RIDStudent(BaseTaughtNet):
    r"""Teach a net what is redundant about y between what it sees and what its teacher sees.

    Let T be what the teacher sees inside of a row and S what the student sees. A filter f_t keeps of T a few channels
    that tell y, and the student is trained on the labels and on these channels; what T holds besides, nuisance with
    regard to the task, is not asked of it. In the paper a second filter f_s brings S into the same channels, and
    f_t and the student take turns at lowering the squared difference. By default f_t is fitted once, on labels alone,
    and teaches the student's output: what the teacher knows of y, as sure as it may be on rows it was not fitted on.
    The transfer is weighed by what the teacher tells beyond the student's own columns, so that a teacher that has
    nothing to give leaves the student alone.

    Parameters
    ----------
    teacher : estimator
        Any classifier; a clone is fitted. A fitted one is handed over as ``FrozenEstimator(teacher)``. One that is
        fitted here knows the labels of the rows that it is asked about. By default it is therefore fitted five times
        more, and the student learns only what it answers about rows it was not fitted on.
    student : skorch.NeuralNetClassifier, subclass of torch.nn.Module, Pipeline or None, default=None
        What is taught: a net, whose parameters are reached as ``student__lr`` and so on; the class of a module, which
        Adam trains for 100 epochs; a pipeline that ends in a net; or None, for standardised columns and
        `skdistill.nets.SmallNet`, two hidden layers of 64 units. The constructor of a class gets the number of columns
        as `n_features` or `in_features`, and that of classes as `n_classes` or `out_features`, if it has them. A module
        may compute in lower precision (``torch.autocast`` in its `forward`); losses are in single precision at least.
        A binary net predicts the likelier class, whatever its `threshold`.
    method : {"rid", "vid", "ted", "none"}, default="rid"
        What is matched: filtered representations with a scale for each channel (redundant information distillation),
        the teacher's own representation by a Gaussian with learnt variances (variational information distillation),
        representations behind filters that were both trained on the task first (task-aware distillation), or nothing.
    representation : str or BaseRepresentation, default="auto"
        What is taken of the teacher: "auto" for the inside of whatever model it is, "layers", "leaves", "kernel",
        "logits" or "log_proba", or a representation of `skdistill.representation`. With "auto", a filter that stays as
        the labels made it sees the teacher's log-probabilities beside its inside: with a single weight if the output is
        matched and the teacher's classes are among those of y, else as further coordinates. Where its inside is the
        same for all rows, "auto" takes its answers alone; where its answers cannot be read, its inside alone.
    layers : str or list of str and pairs, default=None
        Layers to match, of a teacher that is a net. A name is a layer of the teacher, a pair one of the teacher and one
        of the student; None stands for what the last linear layer gets. A student's layer by itself is
        ``[(None, "name")]``.
    n_channels : int, default=None
        Number of channels of the common space. None is the number of classes for a filter that stays as the labels made
        it, which has no more than that, and else the width of the representation, at most 32. With "vid" it is the
        representation itself.
    task_weight : float, default=1.0
        Weight of the labels' loss.
    transfer_weight : float, default=3.0
        Weight of the transfer's loss, which is a mean over rows, a mean over channels, and a sum over layers. With 0
        the student is to the bit the plain net of the same seed, and the teacher is fitted but not looked into.
    warmup_epochs : int, default=30
        Epochs of the filters on labels alone, before the student, where filters are trained by epochs: for "ted", and
        for "rid" with a `filter_fraction` above 0.
    cycle_epochs : int, default=30
        Length of a cycle: first epochs of the teacher's filter, then epochs of the student.
    filter_fraction : float, default=0.0
        Share of a cycle in which the teacher's filter is trained on, on labels and towards the student. With 0 it is
        fitted once, on labels alone and before any match, by a logistic regression whose penalty is cross-validated.
        Its answers are brought to the temperature at which they are as sure as they may be on held-out rows, and the
        transfer's weight is multiplied by the trust in the teacher.
        Epochs of filters come beside the student's, which `max_epochs` of the net counts.
    match : {"output", "hidden", "both"}, default="output"
        Where "rid" matches the student: at its output, which learns the answers that the teacher's filter and its head
        give; at a hidden layer, where filtered representations are compared; or at both. With `filter_fraction` 0 a
        student without a hidden layer is matched at its output, whatever is said here, and a warning says so.
    random_state : int, RandomState instance or None, default=None
        Seeds the student (as in `HeldNetClassifier`), the filters, and the teacher where it has no seed of its own.
    verbose : int, default=0
        Above 0 progress is written to the standard error stream.

    Attributes
    ----------
    teacher_ : estimator
        The fitted teacher.
    student_ : HeldNetClassifier or Pipeline
        What leaves for production: the net behind scikit-learn's interface, after the steps before it.
    net_ : skorch.NeuralNetClassifier
        The fitted net, whose own `predict` gives column numbers, places in `classes_`.
    representation_ : list of BaseRepresentation
        What is taken of the teacher, one per layer; empty where nothing is transferred.
    teacher_filter_, student_filter_ : list of torch.nn.Module
        The filters of each layer, as modules that take tensors. There are none of the teacher for "vid", none of the
        student where only the output is matched, and none at all where nothing is.
    scale_ : list of ndarray of shape (n_channels,)
        The scales sigma of each layer; none for "ted" and where the student has no filter.
    trust_ : list of float
        Factor of the transfer's weight for each layer, from 0 to 1.
    history_ : list of dict
        One entry per epoch, with its number, its phase ("warmup", "filter" or "student") and its losses.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X has any.

    See Also
    --------
    DistilledClassifier : Distils a teacher's answers, into any learner.

    Notes
    -----
    With channels :math:`V = f_t(T) - f_s(S)`, scales :math:`\sigma_c > 0` and a head :math:`g_t`, section 4 of the
    paper lowers in turn

    .. math:: \mathrm{CE}(Y, g_t(f_t(T))) + \sum_c \mathbb{E}[V_c^2 / \sigma_c]

    over the teacher's filter and head, and over the student, its filter and the scales

    .. math:: \lambda_1 \mathrm{CE}(Y, \hat{Y})
        + \lambda_2 \Big(\|\sigma\|^2 + \sum_c \mathbb{E}[V_c^2 / \sigma_c]\Big).

    These are ``match="hidden", filter_fraction=0.25``, with the paper's 30 epochs of warm-up and cycles of 30 epochs,
    which are defaults here. Sums over channels are means here, so that its :math:`\lambda_2 / \lambda_1` is
    ``transfer_weight / task_weight`` divided by the number of channels.

    The default minimises, with :math:`\lambda` the weights, z the student's logits and r the trust,

    .. math:: \lambda_1 \mathrm{CE}(Y, \mathrm{softmax}(z)) + \lambda_2 r \, \theta^2 \, \mathbb{E}\,
        \mathrm{KL}(\mathrm{softmax}(g_t(f_t(T)) / \theta) \,\|\, \mathrm{softmax}(z / \theta))

    where :math:`g_t(f_t(T)) = (a \log q + T W + b) / \tau` for the teacher's own answers q: a logistic regression with
    a single weight :math:`a \ge 0` for q, a cross-validated penalty on W, and a temperature :math:`\tau` at which it is
    no surer of its own rows than held-out ones allow. :math:`\theta \ge 1` is the least temperature at which these
    answers leave half of the possible entropy open. With I what a regression tells of the labels of held-out rows,
    from q alone (a), from T and q (T), and from the student's own columns and a radial kernel of them (X), the trust is

    .. math:: r = \min\big(1, (I_a + \max(0, I_T - I_X)) / I_X\big)

    and :math:`\min(1, I_T / I_X)^2` without answers for these classes. The default departs from the paper because a
    hidden layer that is matched hands little on to the output that decides, and filters that are trained by epochs on
    few labels overfit them; ``benchmarks/results/rid.md`` has both beside each other.

    A teacher that is fitted here has seen the labels of the same rows; its inside tells more of them than of fresh
    rows. With the default representation, ``filter_fraction=0`` and ``match="output"``, W is therefore 0 and q are
    answers out of fold. Such a teacher knows nothing that the labels do not say themselves: it smooths them, which is
    worth the more, the more of y the answers leave open. The transfer's weight is :math:`\lambda_2 I (1 - I)^2`. A
    representation or a layer that is named is taken as it is.

    References
    ----------
    Dissanayake et al.: Quantifying Knowledge Distillation Using Partial Information Decomposition, AISTATS 2025,
    section 4 (arXiv 2411.07483).

    Ahn, Hu, Damianou, Lawrence, Dai: Variational Information Distillation for Knowledge Transfer, CVPR 2019.

    Liang, Zuo, Zhang, He, Chen, Zhao: Less is More: Task-aware Layer-wise Distillation for Language Model Compression,
    ICML 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdistill.estimators import RIDStudent
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RIDStudent(RandomForestClassifier(20), random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"rid", "vid", "ted", "none"})],
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "task_weight": [Interval(Real, 0, None, closed="neither")],
        "transfer_weight": [Interval(Real, 0, None, closed="left")],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "cycle_epochs": [Interval(Integral, 1, None, closed="left")],
        "filter_fraction": [Interval(Real, 0, 1, closed="left")],
        "match": [StrOptions({"output", "hidden", "both"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        method: Literal["rid", "vid", "ted", "none"] = "rid",
        representation: Any = "auto",
        layers: Any = None,
        n_channels: int | None = None,
        task_weight: float = 1.0,
        transfer_weight: float = 3.0,
        warmup_epochs: int = 30,
        cycle_epochs: int = 30,
        filter_fraction: float = 0.0,
        match: Literal["output", "hidden", "both"] = "output",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.method = method
        self.representation = representation
        self.layers = layers
        self.n_channels = n_channels
        self.task_weight = task_weight
        self.transfer_weight = transfer_weight
        self.warmup_epochs = warmup_epochs
        self.cycle_epochs = cycle_epochs
        self.filter_fraction = filter_fraction
        self.match = match
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, X_teacher: Any = None) -> "RIDStudent":
        """Fit the teacher, look at what it sees, and teach the student.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows. Those of images are flat, for a module that begins with `torch.nn.Unflatten`.
        y : array-like of shape (n_rows,)
            Their classes: numbers or strings.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; a row of weight 0 is left out.
        X_teacher : array-like, data frame or sparse matrix of shape (n_rows, n_teacher_features), default=None
            The same rows as the teacher sees them, when it has other or more columns.

        Returns
        -------
        RIDStudent
            The fitted estimator.

        Raises
        ------
        ConvergenceError
            If a loss is no longer finite.
        NotFittedError
            If a frozen teacher is not fitted.
        OptionalDependencyError
            If torch or skorch is not installed.
        StudentRouteError
            If the module's outputs do not fit the classes.
        ValueError
            If the input is not as described, has a single class, a layer does not exist, or what would be matched is
            the same for all rows (`ConstantRepresentationError`).
        """
        require_torch("RIDStudent")
        with all_or_nothing(self):
            self._fit(X, y, sample_weight, X_teacher)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_teacher: Any) -> None:
        from skdistill.nets._probe import probe_student
        from skdistill.nets._rid_training import teach_redundant
        from skdistill.nets._small_net import check_net, make_student_net

        rows, pairs = self._check(X, y, sample_weight, X_teacher)
        rng = None if self.random_state is None else check_random_state(self.random_state)
        student_seed, filter_seed = seeds_of_net(self.random_state, rng)
        steps, net = student_steps(self.student, rows.X)
        steps = None if steps is None else seed_inner(steps, rng)
        columns = rows_for_net(steps, rows, self.student)
        features = as_matrix(columns)
        net = clone(make_student_net(net, features.shape[1], len(self.classes_)))
        check_net(net, rows.n_rows)
        refuse_other_classes(net, self.classes_)
        recipe = self._recipe(filter_seed)
        self._layers = [student for _, student in pairs]
        layers = self._layers if self._transfers() else None
        probe_student(net, features, len(self.classes_), layers, by_rows=recipe.matches_hidden)

        teacher, params = self._fit_teacher(rows, rng)
        self._inside = self._what_to_look_at(pairs, rng)
        sources, own_rows = self._look_inside(rows, self._knows_the_labels(pairs), teacher, params)
        n_answers = getattr(self.representation_[0], "n_answers_", 0) if self.representation_ else 0
        self._say(f"teaching {type(net).__name__}, method {self.method!r}")
        self.net_, taught = teach_redundant(
            net,
            features,
            np.searchsorted(self.classes_, rows.y),
            self.classes_,
            rows.unit_weight(),
            sources,
            replace(recipe, n_answers=n_answers, own_rows=own_rows),
            layers=self._layers,
            random_state=student_seed,
            report=self._say,
        )
        refuse_untaught(self.net_, taught.history)
        self.student_ = with_net(steps, hold(self.net_, columns, self.classes_))
        self.teacher_filter_, self.student_filter_ = taught.teacher_filters, taught.student_filters
        self.scale_, self.trust_, self.history_ = taught.scales, taught.trusts, taught.history
        if taught.recipe.match != self.match:
            warn_of_no_hidden_layer(self.match, self.net_)

    def _transfers(self) -> bool:
        """Whether anything of the teacher is used; else nothing about it may stop the plain student."""
        return self.method != "none" and self.transfer_weight > 0

    def _check(self, X: Any, y: Any, sample_weight: Any, X_teacher: Any) -> tuple[Labelled, LayerPairs]:
        """Check all that can be checked before anything is fitted."""
        check_estimators(teacher=self.teacher)
        pairs = layer_pairs(self.layers)
        check_teacher(self.teacher, self.representation, [layer for layer, _ in pairs], looks=self._transfers())
        check_table(self, X, y)
        self._two_views = X_teacher is not None
        rows = check_rows(self, X, y, sample_weight, X_teacher, None, check_labels)
        self.classes_ = check_classes(rows.y)
        return rows, pairs

    def _fit_teacher(self, rows: Labelled, rng: np.random.RandomState | None) -> tuple[Any, dict[str, Any]]:
        """Fit the teacher, and return it as it was before with its fit parameters."""
        teacher = seed_inner(clone(adapt_teacher(self.teacher)), rng)
        self._say(f"fitting the teacher {type(self.teacher).__name__}")
        params = own_fit_params(teacher, rows)
        self.teacher_ = fit_teacher(teacher, rows.X_teacher, rows.y, params)
        return teacher, params

    def _look_inside(
        self, rows: Labelled, knows_the_labels: bool, teacher: Any, params: dict[str, Any]
    ) -> tuple[list[np.ndarray], bool]:
        """Return what the teacher gives for the rows, and whether that is answers out of fold alone."""
        self.representation_: list[Any] = []
        if not self._transfers():
            return [], False
        self._say(f"asking the teacher what it sees of {rows.n_rows} rows")
        self.representation_, sources = look_inside(self.teacher_, rows.X_teacher, **self._inside)
        if not (knows_the_labels and all(getattr(one, "n_answers_", 0) for one in self.representation_)):
            return sources, False
        self._say("asking teachers about rows that they were not fitted on")
        told = answers_out_of_fold(teacher, rows, self.classes_, params)
        return [only_answers(T, told) for T in sources], True

    def _what_to_look_at(self, pairs: LayerPairs, rng: np.random.RandomState | None) -> dict[str, Any]:
        """Return the arguments of `look_inside`, kept for where `information_` looks first."""
        return {
            "representation": self.representation,
            "layers": [layer for layer, _ in pairs],
            # As a whole they make large channels, which a hidden layer cannot match beside what it is for.
            "classes": self.classes_ if self.match == "output" else None,
            "with_answers": self.method == "rid" and self.filter_fraction == 0,
            "random_state": None if rng is None else int(rng.randint(SEED_LIMIT)),
        }

    def _knows_the_labels(self, pairs: LayerPairs) -> bool:
        """Whether the teacher has seen the labels of the student's rows, and nothing of its inside was asked for."""
        by_default = isinstance(self.representation, str) and self.representation == "auto"
        by_default = by_default and all(layer is None for layer, _ in pairs)
        return by_default and self._transfers() and not is_frozen(self.teacher)

    def _recipe(self, seed: int) -> Any:
        from skdistill.nets._recipe import Recipe

        return Recipe(
            method=self.method,
            task_weight=float(self.task_weight),
            transfer_weight=float(self.transfer_weight),
            warmup_epochs=int(self.warmup_epochs),
            cycle_epochs=int(self.cycle_epochs),
            filter_fraction=float(self.filter_fraction),
            n_channels=self.n_channels,
            match=self.match,
            seed=seed,
        )
