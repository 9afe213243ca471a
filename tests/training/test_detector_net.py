"""The face detector's network, loss, decoding, training, export and measurement."""

import dataclasses

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch
from face_toys import toy_portraits

from edge_fer.errors import ConfigError
from edge_fer.vision.scan import find_whole
from training.detector.decode import REACH, SIZE, decode, grid, merged
from training.detector.drawings import drawing
from training.detector.export import export, quantize
from training.detector.fit import Batches, Plan, Training, line, runner
from training.detector.geometry import overlaps
from training.detector.loss import Targets, assign, loss_of
from training.detector.measure import measure, scene_sets
from training.detector.mosaic import Mosaics, Options
from training.detector.net import VALUES, FaceNet, Shape, multiplications, parameters
from training.detector.runtime import CnnDetector
from training.detector.weights import load_weights, save_weights

SMALL = Shape(stem=8, quarter=12, width=16, depths=(0, 1, 1, 1), neck=16)
PLAN = Plan(epochs=2, steps=3, pixels=20_000, most=4, warmup=2, every=1)
LENIENT = -0.3
"""Threshold for a network that has learnt for a minute only."""

EASY = Options(photograph=0, crowd=0, empty=0.05, sides=(22, 34), covered=0, degraded=False)


def toy_mosaics(options=Options(), seed=0):  # noqa: B008  frozen
    fields = [drawing((160, 220), np.random.default_rng(seed + k)) for k in range(4)]
    return Mosaics([toy_portraits(4)], (1.0,), fields, options)


def rows_of(levels):
    """The network's maps as the exported file gives them, (N, n, values)."""
    rows = torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)
    return torch.cat([rows[..., :1].sigmoid(), rows[..., 1:]], 2)


def perfect(boxes, points, size):
    """Rows that say exactly what is there, in every cell that answers for it."""
    targets = Targets.of([(boxes, points, np.ones(len(boxes), np.float32))])
    index = assign(targets, size)[0][0].numpy()
    places, strides = grid(*size)
    rows = np.zeros((len(places), VALUES), np.float32)
    for cell in np.flatnonzero(index >= 0):
        x, y, side = boxes[index[cell]]
        place, stride = places[cell], strides[cell]
        rows[cell, 0] = 0.9
        rows[cell, 1:3] = (np.array([x, y]) - place) / stride
        rows[cell, 3] = np.log(side / (SIZE * stride))
        rows[cell, 4:] = ((points[index[cell]] - place) / (REACH * stride)).ravel()
    return rows


BOXES = np.float32([(40, 50, 24), (120, 60, 60), (90, 100, 110)])
POINTS = BOXES[:, None, :2] + BOXES[:, None, 2:] * np.linspace(-0.3, 0.3, 10).reshape(5, 2)


def test_the_network_keeps_to_its_budget(tmp_path):
    net = FaceNet()
    assert 60_000 <= parameters(net) <= 95_000
    assert multiplications(net, (192, 256)) < 40e6
    assert export(net, tmp_path / "net.onnx").stat().st_size < 400_000


def test_multiplications_of_one_convolution_are_counted_right():
    net = FaceNet(SMALL)
    more = FaceNet(dataclasses.replace(SMALL, head=2))
    cells = sum((96 // stride) * (128 // stride) for stride in (8, 16, 32))
    assert multiplications(more, (96, 128)) - multiplications(net, (96, 128)) == (
        cells * (16 * 9 + 16 * 16)
    )


def test_every_level_has_a_row_of_values_for_each_cell():
    levels = FaceNet(SMALL).eval()(torch.zeros(2, 1, 64, 96))
    assert [tuple(level.shape) for level in levels] == [
        (2, VALUES, 8, 12),
        (2, VALUES, 4, 6),
        (2, VALUES, 2, 3),
    ]
    assert rows_of(levels)[..., 0].max() < 0.05


def test_every_face_has_cells_that_answer_and_ignored_regions_count_for_none():
    face = np.float32([1, 1, 0])
    index, counted = assign(Targets.of([(BOXES, np.float32(POINTS), face)]), (160, 192))
    assert set(index[0].tolist()) == {-1, 0, 1}
    places, _ = grid(160, 192)
    inside = np.abs(places - BOXES[2, :2]).max(1) < 55
    own = index[0].numpy() >= 0
    assert not counted[0].numpy()[inside & ~own].any()
    assert counted[0].numpy()[np.abs(places - BOXES[2, :2]).max(1) > 55].all()


@pytest.mark.parametrize("side", [12, 20, 33, 39, 60, 80, 120, 180])
def test_a_face_of_any_size_and_place_has_a_cell(side):
    draw = np.random.default_rng(side)
    for _ in range(20):
        x, y = draw.uniform(side / 2, 256 - side / 2, 2)
        box = np.float32([[x, y, side]])
        targets = Targets.of([(box, np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))])
        assert (assign(targets, (256, 256))[0] >= 0).any()


def test_decoding_gives_back_what_was_encoded():
    rows = perfect(BOXES, np.float32(POINTS), (160, 192))
    boxes, scores, points = decode(rows, (160, 192), 0.5)
    order = np.argsort(boxes[:, 2])
    assert boxes[order] == pytest.approx(BOXES, abs=0.01)
    assert points[order] == pytest.approx(POINTS, abs=0.01)
    assert scores == pytest.approx([0.9] * 3)


def test_nothing_above_the_threshold_is_nothing():
    boxes, scores, points = decode(np.zeros((126, VALUES), np.float32), (64, 96), 0.5)
    assert (boxes.shape, scores.shape, points.shape) == ((0, 3), (0,), (0, 5, 2))


def test_boxes_of_one_face_become_their_weighted_mean():
    boxes = np.float32([(50, 50, 40), (54, 50, 40), (150, 50, 40), (50, 65, 40)])
    scores = np.float32([0.9, 0.3, 0.8, 0.7])
    found, best, _ = merged(boxes, scores, np.zeros((4, 5, 2), np.float32))
    assert best.tolist() == pytest.approx([0.9, 0.8])
    assert found[0] == pytest.approx([51, 50, 40])


def test_a_perfect_answer_costs_only_its_modest_score():
    size = (160, 192)
    rows = perfect(BOXES, np.float32(POINTS), size)
    rows[:, 0] = np.where(rows[:, 0] > 0, 6.0, -8.0)
    levels, start = [], 0
    for stride in (8, 16, 32):
        h, w = size[0] // stride, size[1] // stride
        part = rows[start : start + h * w]
        levels.append(torch.from_numpy(part.T.reshape(1, VALUES, h, w).copy()))
        start += h * w
    targets = Targets.of([(BOXES, np.float32(POINTS), np.ones(3, np.float32))])
    total, parts = loss_of(levels, targets)
    assert float(total) < 0.01
    levels[0][0, 0, 0, 0] = 6.0  # a face where there is none
    worse = loss_of(levels, targets)[1]
    assert worse["score"] > parts["score"] + 0.3
    levels[1][:, 3] += 0.2  # boxes a fifth too large
    assert loss_of(levels, targets)[1]["box"] > worse["box"] + 0.1


def test_a_run_that_was_interrupted_ends_where_an_uninterrupted_one_does(tmp_path):
    sets = scene_sets(lambda options: toy_mosaics(options), 2)
    through = Training(tmp_path / "through", PLAN, SMALL, lambda _: None)
    through.run(toy_mosaics(), sets, 0)
    first = Training(tmp_path / "cut", PLAN, SMALL, lambda _: None)
    first.history = []
    record = first._epoch(toy_mosaics(), 0)
    first.history.append(record)
    first._save()
    again = Training(tmp_path / "cut", PLAN, SMALL, lambda _: None)
    assert len(again.history) == 1
    again.run(toy_mosaics(), sets, 1)
    for one, other in zip(
        through.average.state_dict().values(), again.average.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert (tmp_path / "cut" / "history.json").exists()


def test_a_run_with_another_plan_is_refused(tmp_path):
    training = Training(tmp_path, PLAN, SMALL, lambda _: None)
    training._save()
    with pytest.raises(ConfigError, match="another plan"):
        Training(tmp_path, dataclasses.replace(PLAN, rate=1.0), SMALL)


def test_batches_are_the_same_each_time_and_differ_by_epoch():
    mosaics = toy_mosaics()
    one, again, other = (Batches(mosaics, PLAN, epoch)[1][0] for epoch in (0, 0, 1))
    assert torch.equal(one, again)
    assert one.shape != other.shape or not torch.equal(one, other)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A small network that has learnt the toy faces, and the record of its last epoch."""
    folder = tmp_path_factory.mktemp("learnt")
    plan = Plan(
        epochs=2, steps=110, pixels=50_000, most=6, rate=8e-3, warmup=10, average=0.95, every=2
    )
    said = list[str]()
    training = Training(folder, plan, dataclasses.replace(SMALL, width=24), said.append)
    draw = np.random.default_rng(3)
    scenes = [toy_mosaics(EASY).scene((128, 160), draw) for _ in range(12)]
    net = training.run(toy_mosaics(EASY), {"mixed": scenes}, 0)
    return net, training.history[-1], said


def surest(run, scene):
    """The box (3,) of the surest cell, and its IoU with the face it is nearest to."""
    rows = run(scene.luma)
    box = decode(rows, scene.luma.shape, float(rows[:, 0].max()) - 1e-6)[0][0]
    return box, overlaps(box[None], scene.boxes).max()


def easy_scenes(count, seed):
    draw = np.random.default_rng(seed)
    scenes = [toy_mosaics(EASY).scene((128, 160), draw) for _ in range(2 * count)]
    return [scene for scene in scenes if len(scene.boxes)][:count]


def test_what_it_is_surest_of_after_a_minute_is_a_toy_face(learnt):
    run = runner(learnt[0], torch.device("cpu"))
    hits = [surest(run, scene)[1] > 0.5 for scene in easy_scenes(16, 11)]
    assert np.mean(hits) >= 0.8
    assert learnt[1]["epoch"] == 2
    assert "recall" in learnt[2][-1]
    assert line({"epoch": 1, "seconds": 2.0, "loss": {"box": 0.5}}) == "epoch 1 2 s: box 0.500"


def test_the_exported_file_says_what_the_network_says(learnt, tmp_path):
    fp32 = export(learnt[0], tmp_path / "fp32.onnx")
    session = ort.InferenceSession(str(fp32), providers=["CPUExecutionProvider"])
    run = runner(learnt[0], torch.device("cpu"))
    for size in ((64, 96), (128, 128)):
        luma = toy_mosaics(EASY).scene(size, np.random.default_rng(1)).luma
        (rows,) = session.run(None, {"luma": luma[None, None]})
        assert rows[0] == pytest.approx(run(luma), abs=1e-4)


def test_the_int8_file_is_surest_of_the_same_faces(learnt, tmp_path):
    fp32 = export(learnt[0], tmp_path / "fp32.onnx")
    draw = np.random.default_rng(7)
    pictures = [toy_mosaics(EASY).scene((96, 128), draw).luma for _ in range(16)]
    int8 = quantize(fp32, tmp_path / "int8.onnx", pictures)
    runs = []
    for file in (fp32, int8):
        session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        runs.append(lambda luma, own=session: own.run(None, {"luma": luma[None, None]})[0][0])
    pairs = [[surest(run, scene)[0] for run in runs] for scene in easy_scenes(16, 12)]
    same = [overlaps(one[None], other[None])[0, 0] > 0.6 for one, other in pairs]
    assert np.mean(same) >= 0.8


@pytest.fixture(scope="module")
def detector(learnt, tmp_path_factory):
    return CnnDetector(export(learnt[0], tmp_path_factory.mktemp("onnx") / "net.onnx"))


def toy_picture(size=(150, 190), centre=(70, 80), side=34):
    """A flat picture of an odd size with one toy face."""
    one = toy_portraits(1)[0]
    factor = side / one.box[0, 2]
    small = cv2.resize(one.luma, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    picture = np.full(size, 110, np.uint8)
    top = centre[1] - round(one.box[0, 1] * factor)
    left = centre[0] - round(one.box[0, 0] * factor)
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def test_the_detector_finds_a_face_where_it_is_in_a_picture_of_any_size(detector):
    found = detector.find(toy_picture(), LENIENT)
    assert found
    box = found[0].box
    assert box.left + box.width / 2 == pytest.approx(70, abs=4)
    assert box.top + box.height / 2 == pytest.approx(80, abs=4)
    assert box.width == box.height == pytest.approx(34, abs=10)
    scores = [one.score for one in detector.find(toy_picture(), -0.48)]
    assert sorted(scores, reverse=True) == scores
    whole = find_whole(detector, toy_picture(), min_face_px=24, threshold=LENIENT)
    assert whole[0].box.iou(box) > 0.9


def test_the_detector_takes_views_and_pictures_without_pixels(detector):
    part = np.dstack([toy_picture()] * 3)[:, ::-1, 1]
    assert detector.find(part, LENIENT)
    assert detector.find(part, LENIENT) == detector.find(np.ascontiguousarray(part), LENIENT)
    for shape in ((0, 0), (0, 7), (1, 1), (20, 300)):
        assert detector.find(np.zeros(shape, np.uint8), 0.0) == []
    assert len(detector.find(toy_picture(), -1.0)) <= 300


def test_an_oracle_finds_all_and_a_liar_is_caught():
    sets = scene_sets(lambda options: toy_mosaics(options), 6)

    def oracle(luma):
        scene = next(
            one
            for scenes in sets.values()
            for one in scenes
            if one.luma.shape == luma.shape and (one.luma == luma).all()
        )
        kept = (scene.face > 0) & (scene.boxes[:, 2] < 1e3)
        return perfect(scene.boxes[kept], scene.points[kept], luma.shape)

    def liar(luma):
        size = luma.shape
        return perfect(np.float32([[20, 20, 30]]), np.zeros((1, 5, 2), np.float32), size)

    honest = {}
    for name, scenes in sets.items():
        honest |= {name: measure(oracle, {name: scenes, "mixed": []})[name]} if scenes else {}
    assert all(
        one["recall"] == 1 for name, one in honest.items() if one["faces"] and name != "mixed"
    )
    assert all(one["wrong"] == 0 for one in honest.values())
    caught = measure(liar, {"empty": sets["empty"], "mixed": sets["mixed"]})
    assert caught["empty"]["wrong"] == 6
    assert caught["empty"]["precision"] == 0


def test_weights_survive_their_file_in_half_precision(learnt, tmp_path):
    path = tmp_path / "weights.npz"
    save_weights(learnt[0], path)
    net = FaceNet(learnt[0].shape)
    net.load_state_dict(load_weights(path))
    luma = toy_picture((128, 160))
    run, again = (runner(one, torch.device("cpu"))(luma) for one in (learnt[0], net))
    assert again == pytest.approx(run, abs=0.05)
