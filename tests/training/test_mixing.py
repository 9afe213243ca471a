"""Published scores are a mix of both heads, and the loss is smallest where it fits the guide."""

import numpy as np
import pytest
import torch
from toys import toy_pictures

from training.compare_mixes import Row, compare
from training.mix import Mix, mix_loss, published

PRIOR = (0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.03, 0.02)


def scores(count=5, seed=0):
    logits = torch.randn(count, 15, generator=torch.Generator().manual_seed(seed))
    return torch.cat([logits[:, :7].softmax(1), logits[:, 7:].softmax(1)], 1)


def test_each_head_alone_publishes_its_own_scores_under_the_right_names():
    heads = scores()
    assert torch.allclose(heads[:, 7:], published(heads, Mix(votes=1)))
    alone = published(heads, Mix(votes=0))
    # FER+'s order: neutral, happy, surprise, sad, angry, disgust, fear, contempt.
    assert torch.allclose(heads[:, [6, 3, 5, 4, 0, 1, 2]], alone[:, :7])
    assert [0.0] * 5 == alone[:, 7].tolist()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_published_scores_add_up_to_one(power):
    found = published(scores(), Mix(votes=0.6, power=power, prior=PRIOR))
    assert torch.allclose(torch.ones(5), found.sum(1))


def test_a_power_of_the_prior_lifts_rare_labels():
    plain, lifted = (
        published(scores(), Mix(votes=1, power=power, prior=PRIOR)) for power in (0, 0.5)
    )
    assert (lifted[:, 0] < plain[:, 0]).all()
    assert (lifted[:, 7] > plain[:, 7]).all()


def test_the_loss_is_smallest_at_the_guide():
    guide = scores().log()
    mix = Mix(votes=0.4, power=0.5, prior=PRIOR)
    least = mix_loss(guide, guide, mix)
    others = [mix_loss(guide + 0.3 * torch.randn(5, 15), guide, mix) for _ in range(20)]
    assert least < min(others)
    logits = torch.zeros(5, 15, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        loss = mix_loss(logits, guide, mix)
        loss.backward()
        optimizer.step()
    heads = torch.cat([logits[:, :7].softmax(1), logits[:, 7:].softmax(1)], 1)
    assert loss.item() == pytest.approx(float(least), abs=1e-2)
    assert torch.allclose(published(heads, mix), published(guide.exp(), mix), atol=0.05)


def test_mixes_are_ordered_by_macro_recall_over_both_label_sets():
    data = toy_pictures(10)
    data.votes[:] = 0
    # The crowd says neutral wherever the label is sad.
    columns = np.array([4, 5, 6, 1, 0, 2, 0])[data.labels]
    data.votes[np.arange(len(data)), columns] = 10
    heads = torch.full((len(data), 15), 0.01)
    heads[range(len(data)), torch.from_numpy(data.labels.astype(int))] = 1
    heads[range(len(data)), torch.from_numpy(columns) + 7] = 1
    rows = compare(heads, data, PRIOR)
    assert sorted(rows, key=lambda row: -row.rank) == rows
    by_head = {(row.votes, row.power): row for row in rows}
    assert (1.0, 1.0) == (by_head[0.0, 0.0].fer2013, by_head[1.0, 0.0].ferplus)
    assert 6 / 7 == pytest.approx(by_head[1.0, 0.0].fer2013)
    assert isinstance(rows[0], Row)
    assert len({row.rank for row in rows}) > 1
