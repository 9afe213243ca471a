"""Augmentation changes pictures as it says, and the same way for the same generator."""

import pytest
import torch
from toys import toy_split

from training.augment import augment, blend


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def symmetric(count):
    """Chips that a flip does not change."""
    half = torch.rand(count, 1, 48, 24, generator=seeded(0))
    return torch.cat([half, half.flip(3)], dim=3)


def test_shape_type_and_the_pictures_given_stay():
    chips = toy_split(each=3).chips
    before = chips.clone()
    changed = augment(chips, seeded(0))
    assert chips.shape == changed.shape
    assert chips.dtype == changed.dtype
    assert torch.equal(before, chips)
    assert torch.isfinite(changed).all()


def test_the_generator_alone_decides():
    chips = toy_split(each=3).chips
    first = augment(chips, seeded(5))
    torch.manual_seed(99)
    assert torch.equal(first, augment(chips, seeded(5)))
    assert not torch.equal(first, augment(chips, seeded(6)))


def test_each_picture_of_a_batch_is_changed_its_own_way():
    chips = toy_split(each=1).chips[:1].expand(7, -1, -1, -1)
    changed = augment(chips, seeded(0))
    assert all(not torch.equal(changed[0], other) for other in changed[1:])


def test_at_strength_zero_nothing_moves_and_the_light_stays():
    # Fewer than eight chips: none is blurred; what is left is one covered rectangle at most.
    chips = symmetric(7)
    changed = augment(chips, seeded(1), strength=0.0)
    touched = [
        (was, now, (was - now).abs() > 1e-5) for was, now in zip(chips, changed, strict=True)
    ]
    assert any(not where.any() for _, _, where in touched)
    for _, now, where in touched:
        assert 1 >= len(now[where].unique())
        assert where.float().mean() <= 1 / 16 + 0.02


def test_more_strength_changes_more():
    chips = symmetric(7)
    weak, strong = (augment(chips, seeded(1), strength=value) for value in (0.2, 1.0))
    assert (weak - chips).abs().mean() < (strong - chips).abs().mean()


def test_half_of_the_pictures_are_flipped():
    chips = torch.zeros(400, 1, 48, 48)
    chips[..., :24] = 1.0
    changed = augment(chips, seeded(2), strength=0.0)
    flipped = (changed[..., 24:].mean((1, 2, 3)) > changed[..., :24].mean((1, 2, 3))).float().mean()
    assert 0.4 < float(flipped) < 0.6


def test_blended_chips_are_the_weighted_sums_of_two():
    chips = toy_split(each=3).chips
    blended, partner, weight = blend(chips, seeded(0), share=1.0)
    assert 0.6 <= weight < 1
    assert sorted(partner.tolist()) == list(range(len(chips)))
    assert torch.allclose(blended, weight * chips + (1 - weight) * chips[partner])
    assert not torch.equal(blended, chips)


def test_without_a_share_nothing_is_blended_nor_drawn():
    chips, generator = toy_split(each=3).chips, seeded(0)
    before = generator.get_state()
    blended, partner, weight = blend(chips, generator, share=0.0)
    assert blended is chips
    assert 1 == weight
    assert torch.equal(torch.arange(len(chips)), partner)
    assert torch.equal(before, generator.get_state())


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_so_many_batches_are_blended_as_was_asked_for(share):
    chips, generator = toy_split(each=1).chips, seeded(0)
    weights = [blend(chips, generator, share=share)[2] for _ in range(400)]
    assert abs(share - sum(weight < 1 for weight in weights) / 400) < 0.08
