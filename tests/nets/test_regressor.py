import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetRegressor
from skorch.callbacks import EpochScoring

from skdistill.exceptions import ConvergenceError, StudentRouteError
from skdistill.nets import net_fit_regressor, net_predict_values
from tests.nets.modules import Flat, parameters, regressor, rows, same_parameters

SLOPES = np.array([1.0, -2.0, 0.5, 0.0])


@pytest.mark.parametrize("module", [torch.nn.Linear(4, 1), Flat()], ids=["column", "flat"])
@pytest.mark.parametrize("weighted", [False, True])
def test_float64_rows_and_flat_values(module, weighted):
    X = rows(200)
    y = X @ SLOPES
    weight = np.linspace(0.5, 1.5, 200) if weighted else None
    net = clone(regressor(module, lr=0.1, max_epochs=60))
    assert net_fit_regressor(net, X, y, weight, random_state=0) is net
    assert type(net) is NeuralNetRegressor
    values = net_predict_values(net, pd.DataFrame(X))
    assert values.shape == (200,)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, y, atol=0.05)
    assert net.predict(X).dtype == np.float32


@pytest.mark.parametrize("weight", [None, np.full(60, 3.0)])
def test_equal_weights_are_the_plain_fit_to_the_bit(weight):
    X = rows()
    y = X @ SLOPES
    plain = clone(regressor())
    torch.manual_seed(2)
    plain.fit(X.astype(np.float32), y[:, None].astype(np.float32))
    assert same_parameters(plain, net_fit_regressor(clone(regressor()), X, y, weight, random_state=2))


@pytest.mark.parametrize("criterion", [torch.nn.MSELoss, torch.nn.L1Loss, torch.nn.HuberLoss])
def test_two_rows_are_one_row_of_weight_two(criterion):
    X = rows(20)
    y = np.column_stack([X @ SLOPES, X @ SLOPES[::-1]])
    weight = np.where(np.arange(20) % 2, 2.0, 1.0)
    twice = np.concatenate([np.arange(20), np.flatnonzero(weight == 2.0)])
    net = regressor(
        criterion=criterion,
        module__n_out=2,
        module__double=True,
        batch_size=-1,
        train_split=None,
        max_epochs=10,
    )
    one = net_fit_regressor(clone(net), X, y, weight, random_state=0)
    # Double precision cannot take single-precision targets of torch's own criterion, so weights are given here too.
    nearly = np.full(30, 1.0)
    nearly[0] += 1e-12
    other = net_fit_regressor(clone(net), X[twice], y[twice], nearly, random_state=0)
    for a, b in zip(parameters(one), parameters(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
    assert net_predict_values(one, X).shape == (20, 2)


def test_scorers_see_values():
    X = rows()
    y = X @ SLOPES
    scorer = EpochScoring("neg_mean_squared_error", name="mse", lower_is_better=False)
    net = regressor(callbacks=[scorer], train_split=None, max_epochs=2)
    net.set_params(callbacks__EpochScoring__on_train=True, callbacks__EpochScoring__use_caching=False)
    weight = np.linspace(1, 2, 60)
    fitted = net_fit_regressor(clone(net), X, y, weight, random_state=0)
    expected = -np.square(net_predict_values(fitted, X) - y).mean()
    assert fitted.history[-1, "mse"] == pytest.approx(expected, rel=1e-5)


def test_errors():
    X = rows()
    y = X @ SLOPES
    with pytest.raises(ValueError, match=r"must give 1 values per row, as y has, got outputs of shape \(2, 3\)"):
        net_fit_regressor(clone(regressor(module__n_out=3)), X, y)
    with pytest.raises(ConvergenceError, match=r"in epoch \d of 3\. Lower lr"):
        net_fit_regressor(clone(regressor(lr=1e38)), X, y, random_state=0)
    summed = regressor(criterion=torch.nn.MSELoss, criterion__reduction="sum")
    with pytest.raises(StudentRouteError, match=r"reduction='mean' .* leave out sample_weight"):
        net_fit_regressor(clone(summed), X, y, np.linspace(1, 2, 60))
