"""Learners that teach each other where they are strong."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    routing_enabled,
)
from skdistill._validation import seed_inner, weight_params
from skdistill.counterfactual._resolve import resolve_generator
from skdistill.estimators._asking import Panel
from skdistill.estimators._composition import NamedLearners
from skdistill.estimators._holder import WithWaysOut
from skdistill.estimators._rounds import Cooperation, Plan
from skdistill.estimators._silos import FINALS, Learner, Silos, check_learners, check_silos
from skdistill.exceptions import DistillationDeclinedWarning
from skdistill.nets import adapt_teacher
from skdistill.response._collect import is_frozen

__all__ = ["CooperativeDistillation"]

# scikit-learn's own message says what was expected and what came.
WAYS_OUT = {
    "generator": "Use 'nearest_instance', 'gradient' or 'growing_spheres', or an object with fit and generate.",
    "strength": "Use 0.5 to go half of the way to certainty, or several numbers for several virtual rows.",
    "expertise_cv": "Use None to measure expertise on the rows that a learner was fitted on, as the paper does.",
    "max_virtual": "Use an int for a number of rows and a float for a multiple of the student's own rows.",
    "fill": "Use 'zero', 'reference' or 'mean', or an imputer.",
    "final": "Use 'soft' for the average of all learners, 'best', or a learner's name.",
    "accept": "Use 'improved' to keep what helps out of fold, and 'always' to keep everything.",
}
SEED_LIMIT = np.iinfo(np.int32).max


class CooperativeDistillation(NamedLearners, WithWaysOut):
    """Let classifiers of any kind teach each other where they are strong.

    1. Every learner is fitted on its own rows (`owner`), in its own columns, and its expertise is the rows of which it
       is right, ``S_i = {x : f_i(x) = y}``, measured out of fold. 2. Of every ordered pair, i may teach j the rows
       ``R_ij = S_i without S_j``, where i is right and j is wrong; so that each learner is a teacher here and a student
       there. 3. For such a row i makes a *quintessential counterfactual*, a nearby row of the same class of which it is
       surer: the target is ``p + strength * (1 - p)`` instead of its ``p = f_i(x)[y]``, or, where it is never so sure,
       the most it says of an own row of the class. 4. This virtual row is brought into j's columns: shared ones are
       copied, those that only j has are filled (`fill`), the rest is dropped. 5. Learner j is fitted from scratch on
       its own and the virtual rows, and keeps its new self if it is better out of fold on all rows (`accept`).

    Parameters
    ----------
    estimators : list of tuple
        The learners, at least two: (name, estimator) or (name, estimator, columns). They are classifiers with
        `predict_proba` or `decision_function`, pipelines that end in one, or skorch nets. Columns are names, positions,
        a mask or a slice; without them a learner has all. A `FrozenEstimator` teaches but does not learn; it counts as
        expert on rows that it was fitted on, so keep these out.
    generator : {"nearest_instance", "gradient", "growing_spheres"} or object, default="nearest_instance"
        Who makes the virtual rows: a generator of `skdistill.counterfactual`, or any object with
        ``fit(estimator, X, y)`` and ``generate(X, target, threshold)``, whose result has `X`, `valid` and
        `probability`, and possibly `proximity`. Rows that are neither valid nor more typical than before are left out.
    strength : float or sequence of float, default=(0.25, 0.75)
        How far towards certainty, in [0, 1); 0 asks for no more than the row itself offers. Several numbers mean
        several virtual rows of each source row, which share its weight; a learner that takes no weights gets the one
        of the middle strength.
    expertise_cv : int, splitter, iterable of splits or None, default=5
        How expertise is measured out of fold. An int means folds by the rows' content, spread evenly over owners and
        classes. None asks the fitted learners about the rows that they were fitted on.
    n_rounds : int, default=3
        At most so many rounds. In a further round the taught learners teach; virtual rows add up. A round that helps
        nobody is the last.
    max_virtual : int, float or None, default=None
        At most so many virtual rows for a student and round, drawn at random; a float is a multiple of its own rows.
    deduplicate : bool, default=True
        Whether equal virtual rows that several teachers make for a student in one round count once.
    fill : {"zero", "reference", "mean"} or imputer, default="reference"
        How a row from elsewhere gets values in columns that its owner lacks: 0, those of the student's own row that is
        nearest in the other columns, the student's own mean, or those of an imputer of numbers fitted on the student's
        own rows. Categories get their most frequent value instead of 0, a mean or an imputed number.
    final : {"soft", "best"} or str, default="soft"
        Who predicts: the average of the learners that can be asked about a row, the learner with the best out-of-fold
        accuracy, or a learner by its name.
    accept : {"improved", "always"}, default="improved"
        Whether a student has to gain out of fold, more than the standard error of its accuracy (or, where accuracy
        does not fall, of its log-loss), to keep what it learnt. "always" keeps everything and fits fewer models.
    n_jobs : int, default=None
        Number of fits, and of teachers, at the same time. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds learners and generator where they have no seed of their own, and the draw of `max_virtual`.
    verbose : int, default=0
        Above 0 progress is written to the standard error stream.

    Attributes
    ----------
    named_estimators_ : Bunch
        The fitted learners by name, after teaching. A learner that knows one class only is a `DummyClassifier`; one of
        XGBoost, whose classes are not numbers from 0, is held by a `RelabelledClassifier`.
    initial_estimators_ : Bunch
        The same before teaching; the same objects where nothing was taught.
    final_ : str
        Who predicts: "soft", or a learner's name.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X has any.
    virtual_instances_ : VirtualInstances
        Every virtual row that was offered, as arrays teacher, student, source, label, probability_before,
        probability_after, distance, round and accepted; ``.frame()`` gives them as a data frame, ``.tables`` the rows
        themselves by student.
    transfer_matrix_ : ndarray of shape (n_learners, n_learners)
        Number of virtual rows that were kept, by teacher (row) and student (column).
    gain_ : ndarray of shape (n_learners,)
        Out-of-fold accuracy that virtual rows gained each learner; of one that declined them, what they would have
        gained. NaN where nothing was offered or measured. Since learners keep what did well by it, it flatters those
        that gained little.
    accepted_ : ndarray of shape (n_learners,), bool
        Whether a learner was taught anything that it kept.
    out_of_fold_accuracy_ : ndarray of shape (n_learners, 2)
        Accuracy on the rows of everyone before and after; rows that a learner cannot be asked about count as wrong. NaN
        where it was not measured.

    See Also
    --------
    TransferDisplay : Who taught whom, as a picture.
    DistilledClassifier : One teacher, one student, the same rows.

    Notes
    -----
    *What leaves a silo.* Rows of the teacher are not handed over, but virtual rows are made from them: whatever
    the generator keeps of a row, and whatever it takes from another one, reaches the student. With
    ``NearestInstanceCounterfactual(copy_limit=...)`` the values that come from one real row are bounded; a teacher
    that is nowhere surer than of this row, such as a fully grown tree, has nothing more typical to offer, and its
    virtual row is the row. This is no guarantee of privacy. The fit itself sees all rows, also to judge students on
    those of others.

    *Missing values.* A learner is only fitted on its own rows, and missing values there are its own affair. About rows
    of others it is asked with the cells that it lacks filled by `fill`, unless its own rows miss values in that column
    too. A learner that has no column in common with another is not taught by it.

    *The paper's settings* are ``expertise_cv=None, accept="always", fill="zero", strength=0.5, n_rounds=1,
    final="soft"`` with ``deduplicate=True``; without duplicates from several teachers its ten learners gain more.

    References
    ----------
    Livanos, Davidson, Wong: Cooperative Knowledge Distillation: A Learner Agnostic Approach, AAAI 2024, arXiv
    2402.05942 (expertise, deficiency, quintessential counterfactuals, algorithm 1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill import CooperativeDistillation
    >>> X, y = load_iris(return_X_y=True)
    >>> owner = np.where(y == 0, "south", np.where(y == 1, "north", np.where(np.arange(150) % 2, "south", "north")))
    >>> model = CooperativeDistillation(
    ...     [("north", LogisticRegression(max_iter=500)), ("south", GaussianNB())], random_state=0
    ... ).fit(X, y, owner=owner)
    >>> model.accepted_
    array([ True,  True])
    >>> bool((model.gain_ > 0.2).all()), model.score(X, y) > 0.95
    (True, True)
    """

    _ways_out: ClassVar[dict[str, str]] = WAYS_OUT

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimators": [list, tuple],
        "generator": [str, HasMethods(["fit", "generate"])],
        "strength": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "expertise_cv": ["cv_object"],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "max_virtual": [Interval(Real, 0, None, closed="neither"), None],
        "deduplicate": ["boolean"],
        "fill": [StrOptions({"zero", "reference", "mean"}), HasMethods(["fit", "transform"])],
        "final": [str],
        "accept": [StrOptions({"improved", "always"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimators: Any,
        *,
        generator: Any = "nearest_instance",
        strength: Any = (0.25, 0.75),
        expertise_cv: Any = 5,
        n_rounds: int = 3,
        max_virtual: float | None = None,
        deduplicate: bool = True,
        fill: Any = "reference",
        final: str = "soft",
        accept: Literal["improved", "always"] = "improved",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimators = estimators
        self.generator = generator
        self.strength = strength
        self.expertise_cv = expertise_cv
        self.n_rounds = n_rounds
        self.max_virtual = max_virtual
        self.deduplicate = deduplicate
        self.fill = fill
        self.final = final
        self.accept = accept
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, *, owner: Any = None, sample_weight: Any = None) -> "CooperativeDistillation":
        """Fit the learners, let them teach each other, and fit those that got better anew.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows in all columns. What a row's owners do not know is missing there, or ignored by `columns`.
        y : array-like of shape (n_rows,)
            Their classes: numbers or strings.
        owner : array-like of shape (n_rows,) or (n_rows, n_learners), default=None
            Whose each row is: a learner's name, a collection of names, or a column of booleans for each learner, in
            their order or, in a data frame, by their names. A learner is fitted on its own rows only. None makes every
            row everyone's.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows, and of the virtual rows made from them. A weight of zero has the effect of no row.

        Returns
        -------
        CooperativeDistillation
            The fitted estimator.

        Raises
        ------
        TeacherError
            If a learner has neither `predict_proba` nor `decision_function`.
        TypeError
            If a learner is no classifier.
        ValueError
            If the input is not as described, has a single class, or fewer rows than folds; if names, columns or owners
            do not fit together.
        """
        triples = check_learners(self.estimators, self.get_params(deep=False))
        strengths = self._strengths()
        self._check_final([name for name, _, _ in triples])
        generator = resolve_generator(self.generator)
        silos, learners = check_silos(self, X, y, owner, sample_weight, triples)
        classes = np.unique(silos.y)
        plan = self._plan(learners, generator, strengths, self._weighted(learners, silos, sample_weight))
        cooperation = Cooperation(silos, plan, classes, self._say)
        cooperation.begin()
        before = Panel.of(cooperation)
        silence = cooperation.run()
        self._register(cooperation, before, Panel.of(cooperation), classes)
        if silence:
            warnings.warn(
                f"Nobody was taught anything: {silence}. The learners are fitted on their own rows alone. Learners "
                "that differ in rows, columns or kind have more to give each other; accept='always' keeps virtual rows "
                "that do not help.",
                DistillationDeclinedWarning,
                stacklevel=3,
            )
        return self

    def _strengths(self) -> tuple[float, ...]:
        given = np.atleast_1d(np.asarray(self.strength, dtype=np.float64))
        if given.ndim != 1 or len(given) == 0 or not ((given >= 0) & (given < 1)).all():
            raise ValueError(
                f"strength must be a number in [0, 1), or several, got {self.strength!r}. {WAYS_OUT['strength']}"
            )
        return tuple(given.tolist())

    def _check_final(self, names: list[str]) -> None:
        if self.final not in (*FINALS, *names):
            raise ValueError(
                f"final must be 'soft', 'best' or the name of a learner, one of {names}, got {self.final!r}. Use "
                "'soft' for the average of all learners."
            )

    def _weighted(self, learners: list[Learner], silos: Silos, sample_weight: Any) -> list[bool]:
        """Tell which learners are fitted with the weights."""
        takes = [bool(weight_params(learner.estimator, np.ones(1))) for learner in learners]
        if routing_enabled():
            given = {} if sample_weight is None else {"sample_weight": sample_weight}
            routed = process_routing(self, "fit", **given)
            return ["sample_weight" in routed[learner.name].fit for learner in learners]
        if silos.weight is not None:
            pairs = zip(learners, takes, strict=True)
            deaf = [learner.name for learner, able in pairs if not able and not is_frozen(learner.estimator)]
            words = f"The learners {deaf} take no sample_weight and are fitted without. Use learners that take them."
            if deaf:
                warnings.warn(words, UserWarning, stacklevel=4)
        return takes

    def _plan(
        self, learners: list[Learner], generator: Any, strengths: tuple[float, ...], weighted: list[bool]
    ) -> Plan:
        rng = None if self.random_state is None else check_random_state(self.random_state)
        owned = [
            Learner(learner.name, seed_inner(clone(adapt_teacher(learner.estimator)), rng), learner.columns)
            for learner in learners
        ]
        judges = self.accept == "improved"
        return Plan(
            learners=owned,
            weighted=weighted,
            generator=seed_inner(generator, rng),
            strengths=strengths,
            cv=self.expertise_cv,
            n_rounds=self.n_rounds,
            max_virtual=self.max_virtual,
            deduplicate=self.deduplicate,
            fill=self.fill,
            judges=judges,
            measures=judges or self.final == "best",
            seed=int(check_random_state(rng).randint(SEED_LIMIT)),
            n_jobs=self.n_jobs,
        )

    def _register(self, cooperation: Cooperation, before: Panel, after: Panel, classes: np.ndarray) -> None:
        names = [learner.name for learner in cooperation.plan.learners]
        self.classes_ = classes
        self.initial_estimators_ = Bunch(**dict(zip(names, before.models, strict=True)))
        self.named_estimators_ = Bunch(**dict(zip(names, after.models, strict=True)))
        self.virtual_instances_ = cooperation.instances()
        self.transfer_matrix_ = cooperation.transfers()
        self.gain_ = cooperation.gain
        self.accepted_ = cooperation.accepted
        self.out_of_fold_accuracy_ = cooperation.accuracy
        self.final_ = self.final
        if self.final == "best":
            self.final_ = names[int(np.argmax(self.out_of_fold_accuracy_[:, 1]))]
        self._panel, self._initial_panel = after, before

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable class of each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows. A data frame may lack columns, and a row may miss values, as long as some learner of `final_` can be
            asked.

        Returns
        -------
        ndarray of shape (n_rows,)
            Classes.
        """
        # Asked before `classes_` is read, since an unfitted estimator has none.
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probabilities of the classes.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            Rows, as in `predict`.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Distributions over `classes_`.

        Raises
        ------
        ValueError
            If no learner of `final_` can be asked about a row: its columns are not in X or not known in the row.
        """
        check_is_fitted(self)
        wanted = None if self.final_ == "soft" else self.final_
        return self._panel.proba(self, X, wanted)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there are fitted learners."""
        return hasattr(self, "named_estimators_")
