"""Distillation of what a teacher sees into a net, and of that only what is about the task."""

from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skdistill._sklearn import Interval, StrOptions, fit_context
from skdistill._validation import seed_inner
from skdistill.estimators._inputs import Labelled, check_estimators, check_rows, teacher_fit_params
from skdistill.estimators._rid_base import BaseTaughtNet
from skdistill.estimators._rid_inputs import check_classes, check_labels, layer_pairs, refuse_gaps, student_steps
from skdistill.estimators._rid_inside import look_inside
from skdistill.nets import HeldNetClassifier, adapt_teacher
from skdistill.nets._predict import as_matrix
from skdistill.nets._require import require_torch
from skdistill.response._collect import check_frozen_fitted, fit_teacher, is_frozen

__all__ = ["RIDStudent"]

SEED_LIMIT = np.iinfo(np.int32).max
WAYS_OUT = {
    "method": "Use 'rid' for what is about the task, 'vid' for all that the teacher sees, 'none' for the labels alone.",
    "transfer_weight": "Use 0 for the plain student, and 1 for a transfer as heavy as the labels.",
    "task_weight": "Use 1 and lower transfer_weight for a lighter transfer.",
    "filter_fraction": "Use 0.0 for a teacher's filter that stays as the labels made it, and 0.25 as the paper does.",
    "match": "Use 'output' to teach the student the answers of the teacher's filter, and 'hidden' as the paper does.",
}


class RIDStudent(BaseTaughtNet):
    r"""Teach a net what is redundant about y between what it sees and what its teacher sees.

    Let T be what the teacher sees inside of a row and S what the student sees. A filter f_t keeps of T a few channels
    that tell y, and the student is trained on the labels and on these channels; what T holds besides, nuisance with
    regard to the task, is not asked of it. In the paper a second filter f_s brings S into the same channels, and
    f_t and the student take turns at lowering the squared difference. By default f_t is fitted once, on labels alone,
    and teaches the student's output: what the teacher knows of y, as sure as it may be on rows it was not fitted on.
    The transfer is weighed by the share of the labels' entropy that f_t tells of such rows, so that a teacher that
    tells nothing leaves the student alone.

    Parameters
    ----------
    teacher : estimator
        Any classifier; a clone is fitted. A fitted one is handed over as ``FrozenEstimator(teacher)``.
    student : skorch.NeuralNetClassifier, subclass of torch.nn.Module, Pipeline or None, default=None
        What is taught: a net, whose parameters are reached as ``student__lr`` and so on; the class of a module, which
        Adam trains for 100 epochs; a pipeline that ends in a net; or None, for standardised columns and
        `skdistill.nets.SmallNet`, two hidden layers of 64 units. The constructor of a class gets the number of columns
        as `n_features` or `in_features`, and that of classes as `n_classes` or `out_features`, if it has them.
    method : {"rid", "vid", "ted", "none"}, default="rid"
        What is matched: filtered representations with a scale for each channel (redundant information distillation),
        the teacher's own representation by a Gaussian with learnt variances (variational information distillation),
        representations behind filters that were both trained on the task first (task-aware distillation), or nothing.
    representation : str or BaseRepresentation, default="auto"
        What is taken of the teacher: "auto" for the inside of whatever model it is, "layers", "leaves", "kernel",
        "logits" or "log_proba", or a representation of `skdistill.representation`. With "auto", a filter that stays as
        the labels made it sees the teacher's log-probabilities beside its inside: with a single weight if the output is
        matched and the teacher's classes are among those of y, else as further coordinates.
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
        the student is to the bit the plain net of the same seed.
    warmup_epochs : int, default=30
        Epochs of the filters on labels alone, before the student, where filters are trained by epochs: for "ted", and
        for "rid" with a `filter_fraction` above 0.
    cycle_epochs : int, default=30
        Length of a cycle: first epochs of the teacher's filter, then epochs of the student.
    filter_fraction : float, default=0.0
        Share of a cycle in which the teacher's filter is trained on, on labels and towards the student. With 0 it is
        fitted once, on labels alone and before any match, by a logistic regression whose penalty is cross-validated.
        Its answers are brought to the temperature at which they are as sure as they may be on held-out rows, and the
        transfer's weight is multiplied by the share of the labels' entropy that they tell there.
        Epochs of filters come beside the student's, which `max_epochs` of the net counts.
    match : {"output", "hidden", "both"}, default="output"
        Where "rid" matches the student: at its output, which learns the answers that the teacher's filter and its head
        give; at a hidden layer, where filtered representations are compared; or at both.
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
        The fitted net.
    representation_ : list of BaseRepresentation
        What is taken of the teacher, one per layer.
    teacher_filter_, student_filter_ : list of torch.nn.Module
        The filters of each layer, as modules that take tensors. There are none of the teacher for "vid", none of the
        student where only the output is matched, and none at all where nothing is.
    scale_ : list of ndarray of shape (n_channels,)
        The scales sigma of each layer; none for "ted" and where the student has no filter.
    trust_ : list of float
        Factor of the transfer's weight for each layer.
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

    The default minimises, with :math:`\lambda` the weights and I the trust in the filter,

    .. math:: \lambda_1 \mathrm{CE}(Y, \hat{Y}) + \lambda_2 I \, \mathbb{E}\,
        \mathrm{KL}(\mathrm{softmax}(g_t(f_t(T))) \,\|\, \hat{Y})

    where :math:`g_t(f_t(T)) = (a \log q + T W + b) / \tau` for the teacher's own answers q: a logistic regression with
    a single weight a for q, a cross-validated penalty on W, and a temperature at which it is no surer of its own rows
    than held-out ones allow. It departs from the paper because a hidden layer that is matched
    hands little on to the output that decides, and filters that are trained by epochs on few labels overfit them; in
    our trials (``benchmarks/results/rid.md``) the paper's losses gained less under a trained teacher and under
    nuisance, and lost more under an untrained one.

    A teacher that is fitted on the same rows has seen their labels; what its representation tells of them is more than
    it tells of fresh rows.

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

    _ways_out: ClassVar[dict[str, str]] = WAYS_OUT

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
            The rows.
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
            If the input is not as described, has a single class, a layer does not exist, or the representation is the
            same for all rows.
        """
        require_torch("RIDStudent")
        from skdistill.nets._rid_training import teach_redundant
        from skdistill.nets._small_net import check_net, make_student_net

        rows, pairs = self._check(X, y, sample_weight, X_teacher)
        rng = None if self.random_state is None else check_random_state(self.random_state)
        student_seed, filter_seed = self._seeds(rng)
        steps, net, name = student_steps(self.student, rows.X)
        steps = None if steps is None else seed_inner(steps, rng)
        features = self._features(steps, rows)
        net = clone(make_student_net(net, features.shape[1], len(self.classes_)))
        check_net(net, rows.n_rows)

        sources = self._look_inside(rows, pairs, rng)
        self._say(f"teaching {type(net).__name__}, method {self.method!r}")
        self.net_, taught = teach_redundant(
            net,
            features,
            np.searchsorted(self.classes_, rows.y),
            self.classes_,
            rows.unit_weight(),
            sources,
            self._recipe(filter_seed),
            layers=[student for _, student in pairs],
            random_state=student_seed,
            report=self._say,
        )
        held = HeldNetClassifier.from_fitted(self.net_, classes=self.classes_)
        self.student_ = held if steps is None else Pipeline([*steps.steps, (name, held)])
        self.teacher_filter_, self.student_filter_ = taught.teacher_filters, taught.student_filters
        self.scale_, self.trust_, self.history_ = taught.scales, taught.trusts, taught.history
        self._layers = [student for _, student in pairs]
        return self

    def _check(
        self, X: Any, y: Any, sample_weight: Any, X_teacher: Any
    ) -> tuple[Labelled, list[tuple[str | None, str | None]]]:
        """Check all that can be checked before anything is fitted."""
        check_estimators(teacher=self.teacher)
        pairs = layer_pairs(self.layers)
        rows = check_rows(self, X, y, sample_weight, X_teacher, None, check_labels)
        self.classes_ = check_classes(rows.y)
        if is_frozen(self.teacher):
            check_frozen_fitted(self.teacher)
        return rows, pairs

    def _seeds(self, rng: np.random.RandomState | None) -> tuple[int | None, int]:
        """Return the seed of the student, which an int is itself, and that of the filters."""
        drawn = check_random_state(rng).randint(SEED_LIMIT, size=2).tolist()
        if self.random_state is None:
            return None, drawn[1]
        return int(self.random_state) if isinstance(self.random_state, Integral) else drawn[0], drawn[1]

    def _features(self, steps: Pipeline | None, rows: Labelled) -> Any:
        """Return the rows as the net gets them."""
        if steps is None:
            refuse_gaps(rows.X)
            return as_matrix(rows.X)
        features = as_matrix(steps.fit_transform(rows.X, rows.y))
        refuse_gaps(features)
        return features

    def _look_inside(
        self, rows: Labelled, pairs: list[tuple[str | None, str | None]], rng: np.random.RandomState | None
    ) -> list[np.ndarray]:
        """Fit the teacher, and return what it sees of the rows."""
        teacher = seed_inner(clone(adapt_teacher(self.teacher)), rng)
        self._say(f"fitting the teacher {type(self.teacher).__name__}")
        self.teacher_ = fit_teacher(teacher, rows.X_teacher, rows.y, teacher_fit_params(teacher, rows, None))
        self._say(f"asking the teacher what it sees of {rows.n_rows} rows")
        self.representation_, seen = look_inside(
            self.teacher_,
            rows.X_teacher,
            self.representation,
            [layer for layer, _ in pairs],
            # As a whole they make large channels, which a hidden layer cannot match beside what it is for.
            classes=self.classes_ if self.match == "output" else None,
            with_answers=self.method == "rid" and self.filter_fraction == 0,
            random_state=None if rng is None else int(rng.randint(SEED_LIMIT)),
        )
        return seen

    def _recipe(self, seed: int) -> Any:
        from skdistill.nets._guide import Recipe

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
            n_answers=getattr(self.representation_[0], "n_answers_", 0),
        )
