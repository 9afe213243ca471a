"""A run learns, can be interrupted anywhere, and is never done twice."""

import dataclasses
import json

import msgspec
import pytest
import torch
from torch import nn
from toys import ENOUGH, QUICK, tiny_net, toy_split

from edge_fer.errors import ConfigError
from training.data import Split, resize
from training.fit import accuracy, fit

TRAIN, VALID = toy_split(each=24), toy_split(each=10, seed=1)
STEPS = len(TRAIN) // QUICK.batch


class Unplugged(Exception):  # noqa: N818
    pass


class PowerCut:
    """Soft labels that say nothing of use and pull the plug in a given step."""

    def __init__(self, after: int | None = None) -> None:
        self.calls, self.after = 0, after

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.after:
            raise Unplugged
        return torch.zeros(len(index), 15)


def run(folder, *, guide=None, seed=1, dropout=0.0):
    chips = dataclasses.replace(TRAIN, guide=guide)
    return fit(tiny_net(dropout=dropout), chips, VALID, QUICK, folder, seed=seed)


def history(folder):
    records = json.loads((folder / "history.json").read_text())
    return [{key: record[key] for key in record if key != "seconds"} for record in records]


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, run(folder, guide=PowerCut())


def test_the_loss_falls_and_the_labels_are_learnt(tmp_path):
    net = fit(tiny_net(), toy_split(each=40), VALID, ENOUGH, tmp_path)
    losses = [record["loss"] for record in history(tmp_path)]
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(net, VALID) > 0.8
    assert accuracy(tiny_net(), VALID) < 0.4


def test_the_history_tells_of_every_epoch(finished):
    folder, net = finished
    records = history(folder)
    assert [1, 2, 3, 4] == [record["epoch"] for record in records]
    assert records[-1]["valid_accuracy"] == accuracy(net, VALID)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("step", [2 * STEPS + 1, 3 * STEPS + 2])
def test_an_interrupted_run_ends_bit_by_bit_like_an_undisturbed_one(tmp_path, finished, step):
    with pytest.raises(Unplugged):
        run(tmp_path, guide=PowerCut(after=step))
    assert not (tmp_path / "final.pt").exists()
    rest = PowerCut()
    net = run(tmp_path, guide=rest)
    assert (QUICK.epochs - (step - 1) // STEPS) * STEPS == rest.calls
    assert same(finished[1], net)
    assert history(finished[0]) == history(tmp_path)


def test_dropout_goes_on_where_it_was_interrupted(tmp_path):
    whole = run(tmp_path / "whole", guide=PowerCut(), dropout=0.3)
    with pytest.raises(Unplugged):
        run(tmp_path / "cut", guide=PowerCut(after=2 * STEPS + 1), dropout=0.3)
    torch.rand(7)  # as another process would have drawn otherwise
    assert same(whole, run(tmp_path / "cut", guide=PowerCut(), dropout=0.3))


def test_a_run_cut_short_ahead_of_its_last_file_needs_no_more_training(tmp_path, finished):
    (tmp_path / "checkpoint.pt").write_bytes((finished[0] / "checkpoint.pt").read_bytes())
    assert same(finished[1], run(tmp_path, guide=PowerCut(after=1)))


def test_a_finished_run_is_not_trained_again(tmp_path, finished):
    # The final file alone will do: checkpoints are large and may be deleted.
    (tmp_path / "final.pt").write_bytes((finished[0] / "final.pt").read_bytes())
    again = run(tmp_path, guide=PowerCut(after=1))
    assert same(finished[1], again)
    assert not again.training
    assert {"final.pt", "options.json"} == {path.name for path in tmp_path.iterdir()}


def test_a_run_is_not_gone_on_with_under_other_options(tmp_path, finished):
    (tmp_path / "final.pt").write_bytes((finished[0] / "final.pt").read_bytes())
    run(tmp_path)
    with pytest.raises(ConfigError, match="was started with other options"):
        fit(tiny_net(), TRAIN, VALID, _one_epoch(), tmp_path)


def test_fewer_pictures_than_a_batch_are_refused(tmp_path):
    few = Split(TRAIN.chips[:3], TRAIN.labels[:3], TRAIN.votes[:3])
    with pytest.raises(ConfigError, match="must be at most 3"):
        fit(tiny_net(), few, VALID, _one_epoch(), tmp_path)


def test_another_seed_gives_another_network(tmp_path, finished):
    assert not same(finished[1], run(tmp_path, seed=2, guide=PowerCut()))


def test_soft_labels_are_learnt_where_the_labels_say_otherwise(tmp_path):
    chips = toy_split(each=40)
    others = nn.functional.one_hot((chips.labels + 1) % 7, 7)
    guide = torch.cat([others, torch.ones(len(chips), 8) / 8], 1)
    options = msgspec.structs.replace(ENOUGH, distil=1.0)
    net = fit(
        tiny_net(), dataclasses.replace(chips, guide=(guide + 1e-3).log()), VALID, options, tmp_path
    )
    assert accuracy(net, VALID) < 0.2
    assert accuracy(net, dataclasses.replace(VALID, labels=(VALID.labels + 1) % 7)) > 0.5


def test_with_balance_rare_labels_are_seen_as_often_as_common_ones(tmp_path):
    seen = []

    class Votes:
        def __getitem__(self, index):
            seen.append(rare.labels[index])
            return torch.zeros(len(index), 8)

    rare = toy_split(each=24)
    rare = dataclasses.replace(rare, labels=(rare.labels == 3).long())
    fit(
        tiny_net(),
        dataclasses.replace(rare, votes=Votes()),
        VALID,
        _one_epoch(balance=1.0),
        tmp_path,
    )
    share = float(torch.cat(seen).float().mean())
    assert float(rare.labels.float().mean()) < 0.15
    assert 0.35 < share < 0.65


def test_chips_of_all_the_sizes_asked_for_are_seen(tmp_path, monkeypatch):
    seen = set()

    def watched(chips, size):
        seen.add(size)
        return resize(chips, size)

    monkeypatch.setattr("training.fit.resize", watched)
    fit(tiny_net(), TRAIN, VALID, _one_epoch(sizes=(48, 32, 64), batch=8), tmp_path)
    assert {32, 48, 64} == seen


def test_with_a_share_of_one_only_aligned_chips_are_learnt(tmp_path):
    chips, other = toy_split(each=40), toy_split(each=40).labels.add(1).remainder(7)
    # The aligned chips are those of the next label.
    moved = chips.chips[torch.stack([(chips.labels == label).nonzero()[0, 0] for label in other])]
    options = msgspec.structs.replace(ENOUGH, aligned=1.0)
    net = fit(tiny_net(), dataclasses.replace(chips, aligned=moved), VALID, options, tmp_path)
    assert accuracy(net, VALID) < 0.2
    assert accuracy(net, dataclasses.replace(VALID, labels=(VALID.labels - 1) % 7)) > 0.5


def test_a_blended_picture_is_learnt_as_both_of_its_labels(tmp_path, monkeypatch):
    chips = toy_split(each=40)

    def the_partner_alone(batch, generator, *, share):
        partner = torch.randperm(len(batch), generator=generator)
        return batch[partner], partner, 0.0

    monkeypatch.setattr("training.fit.blend", the_partner_alone)
    net = fit(tiny_net(), chips, VALID, msgspec.structs.replace(ENOUGH, mixup=1.0), tmp_path)
    assert accuracy(net, VALID) > 0.8


def test_the_result_is_the_average_of_the_weights_not_the_last_ones(finished):
    folder, net = finished
    last = torch.load(folder / "checkpoint.pt", weights_only=False)["net"]
    assert not torch.equal(last["head.weight"], net.state_dict()["head.weight"])


def test_pictures_without_any_votes_can_be_trained_on(tmp_path):
    bare = dataclasses.replace(TRAIN, votes=torch.zeros_like(TRAIN.votes))
    fit(tiny_net(), bare, VALID, _one_epoch(), tmp_path)
    assert all(torch.isfinite(torch.tensor(record["loss"])) for record in history(tmp_path))


def _one_epoch(**changes):
    settings = {name: getattr(QUICK, name) for name in QUICK.__struct_fields__}
    return type(QUICK)(**{**settings, "epochs": 1, **changes})
