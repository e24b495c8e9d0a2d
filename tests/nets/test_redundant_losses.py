"""Losses of RID, VID and TED: against numbers computed by hand, and what they keep whatever the numbers."""

import math

import numpy as np
import pytest
import torch

from skdistill.nets import (
    answer_loss,
    channel_errors,
    optimal_scale,
    rid_filter_loss,
    rid_transfer_loss,
    ted_loss,
    vid_loss,
)

T = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
S = torch.tensor([[0.0, 0.0], [1.0, 6.0]])
# Mean squared differences of the two channels: (1 + 4) / 2 and (0 + 16) / 2.
ERRORS = torch.tensor([2.5, 8.0])
SCALE = torch.tensor([0.5, 2.0])


def draw(n_rows=7, n_channels=3, seed=0):
    made = torch.Generator().manual_seed(seed)
    T, S = torch.randn(2, n_rows, n_channels, generator=made, dtype=torch.float64)
    scale = torch.rand(n_channels, generator=made, dtype=torch.float64) + 0.5
    return T, S, scale


LOSSES = {
    "rid": lambda T, S, scale, weight=None: rid_transfer_loss(T, S, scale, weight),
    "vid": lambda T, S, scale, weight=None: vid_loss(T, S, scale.log(), weight),
    "ted": lambda T, S, scale, weight=None: ted_loss(T, S, weight),
    "answer": lambda T, S, scale, weight=None: answer_loss(S, T, 1.5, weight),
    "filter": lambda T, S, scale, weight=None: rid_filter_loss(
        T, torch.arange(len(T)) % T.shape[1], T, S, scale, weight
    ),
}


def test_errors_by_hand():
    torch.testing.assert_close(channel_errors(T, S), ERRORS)


def test_rid_by_hand():
    # Channel 1: .25 + 2.5 / .5, channel 2: 4 + 8 / 2.
    assert rid_transfer_loss(T, S, SCALE).item() == pytest.approx((5.25 + 8.0) / 2)
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    label = (-math.log(3 / 4) - math.log(1 / 2)) / 2
    found = rid_filter_loss(logits, torch.tensor([1, 0]), T, S, SCALE)
    assert found.item() == pytest.approx(label + (5.0 + 4.0) / 2)


def test_vid_by_hand():
    first = math.log(0.5) + 2.5 / (2 * 0.25)
    second = math.log(2.0) + 8.0 / (2 * 4.0)
    assert vid_loss(T, S, SCALE.log()).item() == pytest.approx((first + second) / 2)


def test_vid_is_a_gaussian_likelihood():
    T, mean, scale = draw()
    likelihood = torch.distributions.Normal(mean, scale).log_prob(T)
    constant = 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(vid_loss(T, mean, scale.log()), -likelihood.mean() - constant)


def test_ted_by_hand():
    assert ted_loss(T, S).item() == pytest.approx((1 + 4 + 0 + 16) / 4)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_answers_by_hand(temperature):
    wanted = np.exp(np.array([0.0, 1.0]) / temperature)
    wanted /= wanted.sum()
    expected = temperature**2 * (wanted * np.log(2 * wanted)).sum()
    answers = torch.tensor([[0.0, 1.0]])
    assert answer_loss(torch.zeros(1, 2), answers, temperature).item() == pytest.approx(expected, rel=1e-5)
    assert answer_loss(answers + 3.0, answers, temperature).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("error", [1e-4, 0.3, 2.0, 50.0])
def test_the_best_scale_has_a_closed_form(error):
    T = torch.full((1, 1), math.sqrt(error), dtype=torch.float64)
    best = optimal_scale(torch.tensor([error], dtype=torch.float64)).requires_grad_()
    least = rid_transfer_loss(T, torch.zeros_like(T), best)
    least.backward()
    assert abs(best.grad.item()) < 1e-10
    assert least.item() == pytest.approx(3 * (error / 2) ** (2 / 3))
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert rid_transfer_loss(T, torch.zeros_like(T), factor * best) > least


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_depends_neither_on_batch_nor_on_width(name):
    loss = LOSSES[name]
    T, S, scale = draw(6)
    rows = loss(T.repeat(4, 1), S.repeat(4, 1), scale)
    torch.testing.assert_close(rows, loss(T, S, scale))
    if name not in ("filter", "answer"):
        torch.testing.assert_close(loss(T.repeat(1, 5), S.repeat(1, 5), scale.repeat(5)), loss(T, S, scale))


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_two_is_the_row_twice(name):
    loss = LOSSES[name]
    T, S, scale = draw(6)
    times = torch.tensor([1, 2, 3, 1, 1, 4])
    weight = times / times.double().mean()
    # The labels of "filter" go by the number of the row, so rows are repeated as a whole batch is.
    rows = torch.repeat_interleave(torch.arange(6), times)
    if name == "filter":
        codes = torch.arange(6) % 3
        repeated = rid_filter_loss(T[rows], codes[rows], T[rows], S[rows], scale)
    else:
        repeated = loss(T[rows], S[rows], scale)
    torch.testing.assert_close(loss(T, S, scale, weight), repeated)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    T, S, scale = (part.requires_grad_() for part in draw(4, 2))
    assert torch.autograd.gradcheck(lambda *parts: LOSSES[name](*parts), (T, S, scale))


def test_the_papers_sum_over_channels_is_the_mean_times_their_number():
    T, S, scale = draw()
    papers = (scale.square().sum() + (torch.square(T - S) / scale).sum(dim=1).mean()).item()
    assert 3 * rid_transfer_loss(T, S, scale).item() == pytest.approx(papers)


def test_scales_of_channels_without_error_vanish():
    np.testing.assert_array_equal(optimal_scale(torch.zeros(2)), np.zeros(2))
