"""A network's scores and the crowd's votes together say more than either."""

import dataclasses

import torch
from toys import toy_split

from training.posterior import posterior

KNOWN, WANTED = toy_split(each=60), toy_split(each=60, seed=1)


def halves(split, seed):
    """A network that tells only even from odd labels, a crowd that tells only low from high."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.full((len(split), 15), 0.05)
    scores[torch.arange(len(split)), split.labels % 2] = 0.7
    scores += 0.01 * torch.rand(scores.shape, generator=generator)
    votes = torch.zeros(len(split), 8)
    votes[torch.arange(len(split)), split.labels // 2] = 1.0
    return scores, dataclasses.replace(split, votes=votes)


def right(scores, split):
    return float((scores.argmax(1) == split.labels).float().mean())


def test_both_together_say_what_neither_says_alone():
    known, wanted = halves(KNOWN, 0), halves(WANTED, 1)
    said = posterior(known, wanted)
    assert right(wanted[0][:, :7], WANTED) < 0.5
    assert 1.0 == right(said, WANTED)
    assert torch.allclose(torch.ones(len(WANTED)), said.sum(1), atol=1e-5)


def test_what_says_nothing_gives_the_labels_own_shares():
    scores = torch.full((len(KNOWN), 15), 1 / 7)
    bare = dataclasses.replace(KNOWN, votes=torch.zeros(len(KNOWN), 8))
    said = posterior((scores, bare), (scores[:5], dataclasses.replace(bare, votes=bare.votes[:5])))
    shares = torch.bincount(KNOWN.labels, minlength=7) / len(KNOWN)
    assert torch.allclose(shares.expand(5, 7), said, atol=0.02)
