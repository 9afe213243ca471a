"""A run learns, can be interrupted anywhere, and is never done twice."""

import dataclasses
import json

import pytest
import torch
from torch import nn
from toys import ENOUGH, QUICK, tiny_net, toy_split

from edge_fer.errors import ConfigError
from training.data import Split
from training.fit import accuracy, fit

TRAIN, VALID = toy_split(each=24), toy_split(each=10, seed=1)
STEPS = len(TRAIN) // QUICK.batch


class Unplugged(Exception):  # noqa: N818
    pass


class PowerCut(nn.Module):
    """A teacher that says nothing of use and pulls the plug in a given step."""

    def __init__(self, after: int | None = None) -> None:
        super().__init__()
        self.calls, self.after = 0, after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.after:
            raise Unplugged
        return torch.zeros(len(x), 15)


def run(folder, *, teacher=None, seed=1, dropout=0.0):
    net = tiny_net(dropout=dropout)
    return fit(net, TRAIN, VALID, QUICK, folder, seed=seed, teacher=teacher)


def history(folder):
    records = json.loads((folder / "history.json").read_text())
    return [{key: record[key] for key in record if key != "seconds"} for record in records]


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, run(folder, teacher=PowerCut())


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
        run(tmp_path, teacher=PowerCut(after=step))
    assert not (tmp_path / "final.pt").exists()
    rest = PowerCut()
    net = run(tmp_path, teacher=rest)
    assert (QUICK.epochs - (step - 1) // STEPS) * STEPS == rest.calls
    assert same(finished[1], net)
    assert history(finished[0]) == history(tmp_path)


def test_dropout_goes_on_where_it_was_interrupted(tmp_path):
    whole = run(tmp_path / "whole", teacher=PowerCut(), dropout=0.3)
    with pytest.raises(Unplugged):
        run(tmp_path / "cut", teacher=PowerCut(after=2 * STEPS + 1), dropout=0.3)
    torch.rand(7)  # as another process would have drawn otherwise
    assert same(whole, run(tmp_path / "cut", teacher=PowerCut(), dropout=0.3))


def test_a_run_cut_short_ahead_of_its_last_file_needs_no_more_training(tmp_path, finished):
    (tmp_path / "checkpoint.pt").write_bytes((finished[0] / "checkpoint.pt").read_bytes())
    assert same(finished[1], run(tmp_path, teacher=PowerCut(after=1)))


def test_a_finished_run_is_not_trained_again(tmp_path, finished):
    # The final file alone will do: checkpoints are large and may be deleted.
    (tmp_path / "final.pt").write_bytes((finished[0] / "final.pt").read_bytes())
    again = run(tmp_path, teacher=PowerCut(after=1))
    assert same(finished[1], again)
    assert not again.training
    assert {"final.pt", "options.json"} == {path.name for path in tmp_path.iterdir()}


def test_a_run_is_not_gone_on_with_under_other_options(tmp_path, finished):
    (tmp_path / "final.pt").write_bytes((finished[0] / "final.pt").read_bytes())
    run(tmp_path)
    with pytest.raises(ConfigError, match="was begun with other options"):
        fit(tiny_net(), TRAIN, VALID, _one_epoch(), tmp_path)


def test_fewer_pictures_than_a_batch_are_refused(tmp_path):
    few = Split(TRAIN.chips[:3], TRAIN.labels[:3], TRAIN.votes[:3])
    with pytest.raises(ConfigError, match="must be at most 3"):
        fit(tiny_net(), few, VALID, _one_epoch(), tmp_path)


def test_another_seed_gives_another_network(tmp_path, finished):
    assert not same(finished[1], run(tmp_path, seed=2, teacher=PowerCut()))


def test_the_teacher_is_asked_once_a_step_and_never_changed(tmp_path):
    teacher = tiny_net(seed=4).eval()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    fit(tiny_net(), TRAIN, VALID, _one_epoch(distil=1.0), tmp_path, teacher=teacher)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


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
