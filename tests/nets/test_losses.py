import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skdistill.nets import SoftTargetLoss, hinton_loss, soft_cross_entropy
from skdistill.nets._losses import RowWeightedLoss, log_floored, pack_targets
from tests.nets.modules import rows, soft_targets


def draw(n_rows=7, n_classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_rows, n_classes, generator=generator, dtype=torch.float64)
    teacher = torch.softmax(torch.randn(n_rows, n_classes, generator=generator, dtype=torch.float64), dim=1)
    codes = torch.randint(n_classes, (n_rows,), generator=generator)
    return logits, teacher, codes


def test_soft_cross_entropy_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4), and at T = 2 the logits are (0, ln sqrt 3).
    logits = torch.tensor([[0.0, np.log(3.0)]])
    target = torch.tensor([[0.5, 0.5]])
    root = np.sqrt(3.0)
    by_hand = {
        1.0: -0.5 * np.log(1 / 4) - 0.5 * np.log(3 / 4),
        2.0: -0.5 * np.log(1 / (1 + root)) - 0.5 * np.log(root / (1 + root)),
    }
    for temperature, expected in by_hand.items():
        assert soft_cross_entropy(logits, target, temperature).item() == pytest.approx(expected, rel=1e-6)


def test_hinton_loss_by_hand():
    # Uniform answers cost ln 2 by either term: mean of 2 * 9 * ln 2 and 3 * ln 2.
    teacher = torch.tensor([[0.3, 0.7], [0.5, 0.5]])
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 3.0])
    loss = hinton_loss(torch.zeros(2, 2), teacher, torch.tensor([-1, 1]), a, b, temperature=3.0)
    assert loss.item() == pytest.approx((2 * 9 + 3) * np.log(2) / 2, rel=1e-6)


def test_hinton_loss_is_torch_s_own_at_its_ends():
    logits, teacher, codes = draw()
    one, none = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    hard = hinton_loss(logits, teacher, codes, none, one, temperature=5.0)
    soft = hinton_loss(logits, teacher, codes, one, none)
    torch.testing.assert_close(hard, F.cross_entropy(logits, codes))
    torch.testing.assert_close(soft, F.cross_entropy(logits, teacher))


def test_gradient_of_the_soft_term_does_not_fade_with_temperature():
    # Hinton's equation 4: in the limit T^2 times the gradient is (z - v) / K for centred logits, whatever T is.
    logits, _, codes = draw()
    other = draw(seed=1)[0]
    logits, other = (z - z.mean(dim=1, keepdim=True) for z in (logits, other))
    logits.requires_grad_(True)
    one, none = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    temperature = 1e4
    loss = hinton_loss(logits, torch.softmax(other / temperature, dim=1), codes, one, none, temperature)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, (logits - other).detach() / 3 / 7, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("from_probabilities", [False, True])
def test_gradient_against_finite_differences(from_probabilities):
    logits, _, _ = draw(n_rows=6)
    targets = soft_targets(rows(6), a=np.arange(6.0), b=0.5, temperature=2.0)
    packed = torch.from_numpy(pack_targets(targets))
    loss = SoftTargetLoss(2.0, from_probabilities)
    output = torch.softmax(logits, dim=1) if from_probabilities else logits
    assert torch.autograd.gradcheck(lambda out: loss(out, packed), output.requires_grad_(True))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_probabilities_and_their_logits_cost_the_same(temperature):
    logits, _, _ = draw(n_rows=6)
    packed = torch.from_numpy(pack_targets(soft_targets(rows(6), temperature=temperature)))
    from_logits = SoftTargetLoss(temperature)(logits, packed)
    from_proba = SoftTargetLoss(temperature, from_probabilities=True)(torch.softmax(logits, dim=1), packed)
    torch.testing.assert_close(from_proba, from_logits)


def test_log_adds_nothing_to_probabilities_above_the_floor():
    proba = torch.tensor([1.0, 1e-8, 1e-20, 0.0])
    torch.testing.assert_close(log_floored(proba)[:3], torch.log(proba)[:3], rtol=0, atol=0)
    assert log_floored(proba)[3].item() == pytest.approx(np.log(1e-30), rel=1e-6)
    assert torch.isfinite(log_floored(torch.zeros(1, dtype=torch.float16))).all()


def test_certain_and_wrong_probabilities_have_a_finite_gradient():
    proba = torch.tensor([[0.0, 1.0]], requires_grad=True)
    packed = torch.tensor([[0.0, 50.0, 50.0, 1.0, 0.0]])
    SoftTargetLoss(2.0, from_probabilities=True)(proba, packed).backward()
    assert torch.isfinite(proba.grad).all()


@pytest.mark.parametrize("from_probabilities", [False, True])
def test_a_flat_output_is_the_second_class(from_probabilities):
    margins = torch.tensor([-1.0, 0.0, 2.0])
    both = torch.stack([torch.zeros(3), margins], dim=1)
    packed = torch.from_numpy(pack_targets(soft_targets(rows(3), classes=(0, 1)))).float()
    loss = SoftTargetLoss(2.0, from_probabilities)
    flat = torch.sigmoid(margins) if from_probabilities else margins
    columns = torch.softmax(both, dim=1) if from_probabilities else both
    torch.testing.assert_close(loss(flat, packed), loss(columns, packed))


def test_plain_labels_are_hard_targets():
    # A validation set that the user gave beforehand has plain labels.
    logits, _, codes = draw()
    torch.testing.assert_close(SoftTargetLoss(3.0)(logits, codes), F.cross_entropy(logits, codes))


def test_outputs_beyond_the_classes_are_classes_that_never_occur():
    logits, teacher, codes = draw()
    one = torch.ones(7, dtype=torch.float64)
    wide = torch.cat([logits, torch.full((7, 2), -1e9, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(
        hinton_loss(wide, teacher, codes, one, one), hinton_loss(logits, teacher, codes, one, one)
    )


def test_row_weighted_loss_of_equal_weights_is_the_criterion_s():
    criterion = torch.nn.SmoothL1Loss(beta=0.3)
    output, target = torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), torch.ones(5, 2)
    packed = torch.cat([torch.ones(5, 1), target], dim=1)
    torch.testing.assert_close(RowWeightedLoss(criterion)(output, packed), criterion(output, target))
    assert criterion.reduction == "mean"
