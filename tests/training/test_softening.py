"""Soft labels are averages of an ensemble, survive their file, and are refused when unfit."""

import numpy as np
import pytest
import torch
from toys import tiny_net, toy_split

from edge_fer.errors import ConfigError, DataError
from training import soften
from training.soften import LABELS, read_soft, scores_of, write_soft

SPLIT = toy_split(each=4)


def nets():
    return [(tiny_net(seed=seed).eval(), size) for seed, size in ((1, 48), (2, 64))]


def test_scores_of_both_heads_add_up_to_one():
    scores = scores_of(nets(), SPLIT, views=3)
    assert (len(SPLIT), 15) == scores.shape
    assert torch.allclose(torch.ones(len(SPLIT)), scores[:, :LABELS].sum(1), atol=1e-3)
    assert torch.allclose(torch.ones(len(SPLIT)), scores[:, LABELS:].sum(1), atol=1e-3)


def test_an_ensemble_says_the_mean_of_its_members():
    both = scores_of(nets(), SPLIT, views=0)
    alone = [scores_of([net], SPLIT, views=0) for net in nets()]
    assert torch.allclose(both, sum(alone) / 2, atol=1e-4)


def test_without_views_a_mirrored_picture_has_the_same_scores():
    mirrored = type(SPLIT)(SPLIT.chips.flip(-1), SPLIT.labels, SPLIT.votes)
    same = [scores_of(nets(), split, views=0) for split in (SPLIT, mirrored)]
    assert torch.allclose(*same, atol=1e-3)


def test_a_file_keeps_the_scores_within_two_percent(tmp_path, monkeypatch):
    monkeypatch.setattr(soften, "FOLDER", tmp_path)
    scores = scores_of(nets(), SPLIT, views=2)
    write_soft(scores, tmp_path / "toy.npz")
    kept = read_soft("toy", len(SPLIT)).exp()
    assert torch.allclose(scores, kept, rtol=0.02, atol=1e-3)


def test_a_network_may_be_shown_the_chips_at_another_size(tmp_path, monkeypatch):
    monkeypatch.setattr(soften, "RUNS", tmp_path)
    (tmp_path / "toy/pruned1").mkdir(parents=True)
    torch.save(tiny_net(), tmp_path / "toy/pruned1/final.pt")
    assert [48, 64] == [soften._finished(f"toy/pruned1{at}")[1] for at in ("", "@64")]
    with pytest.raises(ConfigError, match=r"RUN = toy/pruned1@big: .* must be .* in px, is big"):
        soften._finished("toy/pruned1@big")
    net = tiny_net(seed=1).eval()
    small, large = (scores_of([(net, size)], SPLIT, views=0) for size in (48, 64))
    assert not torch.allclose(small, large)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [("none", 3, "must be a file of soft labels; there are toy"), ("toy", 4, "3 rows, must be 4")],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, monkeypatch, name, count, message):
    monkeypatch.setattr(soften, "FOLDER", tmp_path)
    np.savez(tmp_path / "toy.npz", logs=np.zeros((3, 15), np.uint8))
    with pytest.raises(DataError, match=message):
        read_soft(name, count)
