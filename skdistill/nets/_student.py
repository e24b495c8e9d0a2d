"""Skorch nets as students: Hinton's loss on the user's own net."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skdistill._sklearn import check_sample_weight
from skdistill.exceptions import StudentRouteError
from skdistill.nets._predict import as_matrix
from skdistill.nets._recognise import is_binary_net, is_classifier_net
from skdistill.students import SoftTargets, SoftTargetStrategy

__all__ = ["SkorchStrategy", "net_fit_regressor"]


class SkorchStrategy(SoftTargetStrategy):
    """Teach a skorch classifier soft targets by Hinton's loss, exactly.

    ``mean_i [a_i T^2 CE(t_i, softmax(z_i / T)) + b_i CE(y_i, softmax(z_i))]`` with weights of mean one. Both
    terms are learnt at their own temperature, so that the net's probabilities are meant at temperature 1 and
    need no exponent, also when the loss is purely soft. With NLLLoss, for which skorch has modules give
    probabilities p, ``log p`` stands for z, each p below 1e-30 being taken as 1e-30.

    The net keeps its class, its criterion, its callbacks and its history. Callbacks, scorers and the
    validation split see labels; `train_loss` and `valid_loss` are the loss above. Its module gets a forward
    pre-hook that casts inputs to the type of its parameters, so that the net takes float64 and, unless the
    module has an embedding, integers. Hard targets of one weight are fitted by the net's own criterion, which
    gives what ``net.fit`` gives. A last batch of one row is left out of an epoch when the module has a
    `BatchNorm1d`.

    Notes
    -----
    The same seed gives the same net on a CPU, in this process and in others, as long as torch uses the same
    number of threads. Threads of one process that train with a seed wait for each other, because torch has
    one generator. A net whose module is an instance, not a class, starts from the parameters that the
    instance has, whatever the seed, as it does in skorch.

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, section 2.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.nets import SkorchStrategy, net_predict
    >>> from skdistill.students import SoftTargets
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> t = 1 / (1 + np.exp(-3 * X[:, 0]))
    >>> targets = SoftTargets(
    ...     teacher=np.column_stack([1 - t, t]), codes=np.full(40, -1), teacher_weight=np.ones(40),
    ...     label_weight=np.zeros(40), classes=np.array(["no", "yes"]))
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear, module__in_features=1, module__out_features=2, criterion=torch.nn.CrossEntropyLoss,
    ...     lr=1.0, max_epochs=50, verbose=0)
    >>> net = SkorchStrategy().fit(net, X, targets, random_state=0)
    >>> net_predict(net, [[-1.0], [1.0]])
    array(['no', 'yes'], dtype='<U3')
    """

    route: ClassVar[str] = "native"
    two_terms: ClassVar[bool] = True

    def accepts(self, student: Any) -> bool:
        """Whether the student is a skorch classifier.

        Parameters
        ----------
        student : estimator
            Any estimator.

        Returns
        -------
        bool
            True for `NeuralNetClassifier` and `NeuralNetBinaryClassifier`.
        """
        return is_classifier_net(student)

    def fit(self, student: Any, X: Any, targets: SoftTargets, *, random_state: int | None = None) -> Any:
        """Fit a net, which is used up.

        Parameters
        ----------
        student : skorch.NeuralNetClassifier or skorch.NeuralNetBinaryClassifier
            The net. A binary one, whose classes are fixed, is taken for the classes 0 and 1 only.
        X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            The rows.
        targets : SoftTargets
            What to learn about them; every row has positive weight.
        random_state : int, default=None
            Seed of initial parameters, dropout and shuffling; the caller's torch generators are left as they
            were. None draws from them.

        Returns
        -------
        skorch.NeuralNetClassifier
            The same net, fitted, with `classes_` equal to the targets' classes.

        Raises
        ------
        StudentRouteError
            If the criterion gives soft targets no meaning, or the module's outputs do not fit the classes.
        ConvergenceError
            If the loss is no longer finite.
        ValueError
            If the net's device is absent, or X is not numeric.
        """
        from skdistill.nets._teach import teach_classifier

        check_classes(student, targets.classes)
        return teach_classifier(student, as_matrix(X), targets, random_state=random_state)


def check_classes(net: Any, classes: np.ndarray) -> None:
    """Refuse a net that insists on other classes than the targets'.

    Raises
    ------
    StudentRouteError
        If `classes_` of the fitted net would not be the targets' classes.
    """
    stated = [0, 1] if is_binary_net(net) else net.classes
    if stated is not None and not np.array_equal(np.asarray(stated), classes):
        raise StudentRouteError(
            f"The classes of {type(net).__name__} must be those of the targets, {classes.tolist()!r}, got "
            f"{list(stated)!r}. Leave the parameter classes of a NeuralNetClassifier at None; a "
            "NeuralNetBinaryClassifier takes the classes 0 and 1 only, so use NeuralNetClassifier with two "
            "outputs for others."
        )


def net_fit_regressor(
    net: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, random_state: int | None = None
) -> Any:
    """Fit a skorch regressor on float64 rows, flat targets and weights, none of which it takes itself.

    Parameters
    ----------
    net : skorch.NeuralNetRegressor
        The net, which is fitted and returned. Its module may give outputs of shape (n_rows, n_outputs) or
        (n_rows,).
    X : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        The rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        The values.
    sample_weight : array-like of shape (n_rows,), default=None
        Positive weights of the rows, which are scaled to mean one.
    random_state : int, default=None
        Seed of initial parameters, dropout and shuffling; the caller's torch generators are left as they
        were. None draws from them.

    Returns
    -------
    skorch.NeuralNetRegressor
        The same net, fitted, with the input cast of `SkorchStrategy`; ask it by `net_predict_values`.

    Raises
    ------
    ConvergenceError
        If the loss is no longer finite.
    StudentRouteError
        If rows have weights and the criterion cannot give a loss per row.
    ValueError
        If the net's device is absent, or the module's outputs do not fit y.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from skdistill.nets import net_fit_regressor, net_predict_values
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> net = NeuralNetRegressor(
    ...     torch.nn.Linear, module__in_features=1, module__out_features=1, lr=0.5, max_epochs=60, verbose=0)
    >>> net_predict_values(net_fit_regressor(net, X, 2 * X[:, 0], random_state=0), [[0.5]])
    array([1.00])
    """
    from skdistill.nets._teach import teach_regressor

    rows, values = as_matrix(X), np.asarray(y, dtype=np.float64)
    weight = None if sample_weight is None else check_sample_weight(sample_weight, rows, dtype=np.float64)
    return teach_regressor(net, rows, values.reshape(len(values), -1), weight, random_state=random_state)
