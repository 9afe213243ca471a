"""The loss: labels, votes and the teacher's scores, each with its own weight."""

import pytest
import torch
from torch.nn import functional as F

from training.loss import loss_of
from training.recipe import Fit

LABELS = torch.tensor([0, 3, 6, 2])


@pytest.fixture
def logits():
    return torch.randn(4, 15, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.fixture
def votes():
    return torch.rand(4, 8, generator=torch.Generator().manual_seed(1)).softmax(1)


@pytest.fixture
def guide():
    return torch.randn(4, 15, generator=torch.Generator().manual_seed(2)) * 3


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits)[0]


def test_without_a_teacher_it_is_the_labels_plus_the_weighted_votes(logits, votes):
    options = Fit(epochs=1, label_smoothing=0.1, auxiliary=0.3, distil=0.5)
    labels = F.cross_entropy(logits[:, :7], LABELS, label_smoothing=0.1)
    voted = F.cross_entropy(logits[:, 7:], votes)
    actual = loss_of(logits, LABELS, votes, None, options)
    assert (labels + 0.3 * voted).item() == pytest.approx(actual.item(), rel=1e-6)


def test_a_picture_nobody_voted_on_teaches_the_vote_head_nothing(logits, votes):
    votes[1] = 0
    loss = loss_of(logits, LABELS, votes, None, Fit(epochs=1))
    step = gradient(loss, logits)
    assert 0 == step[1, 7:].abs().max()
    assert step[0, 7:].abs().max() > 0
    assert step[1, :7].abs().max() > 0


def test_with_a_weight_of_one_only_the_teacher_counts(logits, votes, guide):
    options = Fit(epochs=1, distil=1.0)
    loss = loss_of(logits, LABELS, votes, guide, options).item()
    assert loss == loss_of(logits, LABELS.flip(0), votes.flip(0), guide, options).item()
    assert loss != loss_of(logits, LABELS, votes, guide.flip(0), options).item()


def test_with_a_weight_of_zero_the_teacher_does_not_count(logits, votes, guide):
    options = Fit(epochs=1, distil=0.0)
    alone, taught = (loss_of(logits, LABELS, votes, by, options) for by in (None, guide))
    assert alone.item() == taught.item()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_who_agrees_with_the_teacher_has_nothing_to_learn(logits, votes, temperature):
    options = Fit(epochs=1, distil=1.0, temperature=temperature)
    loss = loss_of(logits, LABELS, votes, logits.detach(), options)
    assert gradient(loss, logits).abs().max() < 1e-6


def test_a_step_along_the_gradient_comes_nearer_to_the_teacher(logits, votes, guide):
    options = Fit(epochs=1, distil=1.0)
    before = loss_of(logits, LABELS, votes, guide, options)
    after = loss_of(logits - gradient(before, logits), LABELS, votes, guide, options)
    assert after.item() < before.item()


def test_the_teacher_guides_the_vote_head_as_well(logits, votes, guide):
    loss = loss_of(logits, LABELS, votes, guide, Fit(epochs=1, distil=1.0))
    assert gradient(loss, logits)[:, 7:].abs().min() > 0
