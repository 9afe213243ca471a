"""Faces of photographs have only soft labels, and students can learn from them."""

import dataclasses

import numpy as np
import pytest
import torch
from toys import tiny_net, toy_split

from edge_fer.errors import ConfigError, DataError
from training import fit, precision, soften, train
from training.loss import loss_of
from training.mix import Mix, mix_loss
from training.recipe import Fit
from training.soften import write_soft
from training.train import with_photographs

OPTIONS = Fit(epochs=1, distil=0.6)


def tensors(seed=0):
    draw = torch.Generator().manual_seed(seed)
    logits, guide = (torch.randn(4, 15, generator=draw) for _ in range(2))
    return logits.requires_grad_(), torch.tensor([0, 3, 6, 2]), torch.eye(8)[:4], guide


def test_a_picture_without_a_label_learns_from_its_soft_labels_alone():
    logits, labels, votes, guide = tensors()
    labels[1], votes[1] = -1, 0
    [given] = torch.autograd.grad(loss_of(logits, labels, votes, guide, OPTIONS), logits)
    only = Fit(epochs=1, distil=1.0)
    [wanted] = torch.autograd.grad(loss_of(logits, labels, votes, guide, only), logits)
    assert torch.allclose(0.6 * wanted[1], given[1], atol=1e-6)
    assert not torch.allclose(0.6 * wanted[0], given[0], atol=1e-3)


def test_the_other_pictures_weigh_as_much_as_without_it():
    logits, labels, votes, guide = tensors()
    [whole] = torch.autograd.grad(loss_of(logits, labels, votes, guide, OPTIONS), logits)
    labels[1] = -1
    [given] = torch.autograd.grad(loss_of(logits, labels, votes, guide, OPTIONS), logits)
    assert torch.allclose(whole[[0, 2, 3]], given[[0, 2, 3]], atol=1e-6)


def test_the_mix_is_one_more_term_of_the_loss():
    logits, labels, votes, guide = tensors()
    plain = loss_of(logits, labels, votes, guide, OPTIONS)
    mixed = loss_of(
        logits, labels, votes, guide,
        Fit(epochs=1, distil=0.6, mix=0.5, mix_votes=0.3, mix_power=0.5),
    )  # fmt: skip
    term = mix_loss(logits, guide, Mix(votes=0.3, power=0.5))
    assert (plain + 0.5 * term).item() == pytest.approx(mixed.item(), rel=1e-6)
    assert term.item() > 0.1


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Eleven faces, most of them neutral by their soft labels."""
    monkeypatch.setattr(soften, "FOLDER", tmp_path)
    monkeypatch.setattr(train, "SOFT", tmp_path)
    monkeypatch.setenv("EDGE_FER_RUNS", str(tmp_path))
    pictures = np.arange(11, dtype=np.uint16) * 2
    chips = np.random.RandomState(0).randint(0, 256, (11, 64, 64), np.uint8)
    np.savez(tmp_path / "wild.npz", chips=chips, picture=pictures)
    scores = torch.full((11, 15), 0.02)
    scores[:10, 6] = scores[10, 2] = 1
    write_soft(scores, tmp_path / "toy-wild.npz")
    with np.load(tmp_path / "toy-wild.npz") as held:
        logs = held["logs"]
    np.savez(tmp_path / "toy-wild.npz", logs=logs, picture=pictures)
    split = toy_split(3)
    return dataclasses.replace(split, guide=torch.zeros(len(split), 15), aligned=split.chips)


def test_photographs_follow_the_pictures_of_the_data_set(photographs, tmp_path):
    whole = with_photographs(photographs, "toy")
    assert 21 + 11 == len(whole) == len(whole.chips) == len(whole.votes) == len(whole.guide)
    assert torch.equal(photographs.chips, whole.chips[:21])
    assert torch.equal(whole.aligned[21:], whole.chips[21:])
    assert [-1] * 11 == whole.labels[21:].tolist()
    assert [6] * 10 + [2] == whole.guide[21:, :7].argmax(1).tolist()
    with np.load(tmp_path / "wild.npz") as held:
        mean = (held["chips"][4].mean() - 128) / 64
    assert mean == pytest.approx(whole.chips[25].mean().item(), abs=0.02)


def test_a_balanced_draw_counts_photographs_by_their_soft_labels(photographs, tmp_path):
    whole = with_photographs(photographs, "toy")
    options = Fit(epochs=1, batch=8, balance=1.0)
    run = fit._Run(tiny_net(), options, tmp_path, 1, len(whole))
    drawn = torch.cat([run._draw(whole) for _ in range(60)])
    label = torch.where(whole.labels < 0, whole.guide[:, :7].argmax(1), whole.labels)[drawn]
    assert (torch.bincount(label, minlength=7) / len(drawn)).sub(1 / 7).abs().max() < 0.04
    assert (drawn >= 21).any()


def test_photographs_without_their_soft_labels_are_refused(photographs, tmp_path):
    with pytest.raises(ConfigError, match="needs soft labels"):
        with_photographs(photographs, None)
    np.savez(tmp_path / "wild.npz", chips=np.zeros((11, 64, 64), np.uint8), picture=np.arange(11))
    with pytest.raises(DataError, match=r"other faces than toy-wild\.npz"):
        with_photographs(photographs, "toy")
    (tmp_path / "wild.npz").unlink()
    with pytest.raises(DataError, match=r"run python -m training\.teachers\.wild"):
        with_photographs(photographs, "toy")


@pytest.mark.parametrize(
    ("processor", "expected"), [("AVX512_BF16", True), ("AVX2", False), ("DEFAULT", False)]
)
def test_half_precision_is_used_only_where_it_is_fast(monkeypatch, processor, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    with precision.half_precision():
        found = torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3))
    assert expected == (torch.bfloat16 == found.dtype)
