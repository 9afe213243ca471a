"""Faces checked by eye: the files, reading them, and how boxes fit them."""

import json

import pytest

from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera
from edge_fer.errors import DataError
from edge_fer.types import Box, Outcome, Report, Verdict
from research.annotations import Fit, fit, read_truth, total
from research.naive import BOXES, find_clips

FILES = sorted(BOXES.glob("*.json"))
GOOD = {
    "clip": "x.mkv",
    "size": [200, 100],
    "frames": 20,
    "count": 12,
    "how": "by hand",
    "faces": [
        {"face": "left", "keys": [[0, 0, 10, 40, 40], [10, 20, 10, 60, 60]]},
        {"face": "right", "keys": [[5, 150, 50, 40, 40]]},
    ],
}


def write(folder, **changes):
    path = folder / "x.mkv.json"
    path.write_text(json.dumps({**GOOD, **changes}))
    return path


def report(number, *boxes, size=(200, 100)):
    faces = [Verdict(Outcome.NOT_DUE, Box(*box), str(k)) for k, box in enumerate(boxes)]
    refused = Verdict(Outcome.TOO_SMALL, Box(60, 60, 9, 9))
    return Report(number, number / 10, 0.0, size, [*faces, refused], (), (), {})


def test_between_key_frames_a_box_moves_in_a_straight_line(tmp_path):
    truth = read_truth(write(tmp_path))
    assert [Box(0, 10, 40, 40)] == truth.boxes(0)
    assert [Box(10, 10, 50, 50), Box(150, 50, 40, 40)] == truth.boxes(5)
    assert [Box(20, 10, 60, 60)] == truth.boxes(10)
    assert [] == truth.boxes(11)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 3}, "count = 3: the faces have 12 boxes"),
        ({"frames": 10}, r"faces\[0\].keys: frame 10: must be below frames = 10"),
        (
            {"faces": [{"face": "a", "keys": [[3, 0, 0, 9, 9], [3, 0, 0, 9, 9]]}]},
            r"faces\[0\].keys: frames must rise",
        ),
        (
            {"faces": [{"face": "a", "keys": [[0, 200, 0, 9, 9]]}], "count": 1},
            r"faces\[0\].keys: \[0, 200, 0, 9, 9\] lies outside the frame",
        ),
        ({"faces": [{"face": "a", "keys": [[0, 0, 0, 0, 9]]}]}, r"Expected int >= 1"),
        ({"faces": [{"face": "a", "keys": [[0, 0, 0, 9]]}]}, "Expected array of length 5"),
        ({"how": ""}, "Expected str of length >= 1"),
        ({"colour": 1}, "unknown field colour"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_in_one_line(tmp_path, changes, message):
    path = write(tmp_path, **changes)
    with pytest.raises(DataError, match=rf"^{path}: .*{message}") as caught:
        read_truth(path)
    assert 1 == len(str(caught.value).splitlines())


def test_a_file_that_is_missing_or_no_json_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"x\.json: cannot be read \(No such file"):
        read_truth(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match=r"x\.json: must be JSON"):
        read_truth(tmp_path / "x.json")


def test_a_box_on_no_face_is_false_and_a_second_one_is_doubled(tmp_path):
    truth = read_truth(write(tmp_path))
    assert Fit(0, 0, 0, 1, 0) == fit([report(0)], truth)
    assert Fit(1, 0, 0, 2, 1) == fit([report(5, (10, 10, 50, 50))], truth)
    assert Fit(2, 0, 1, 2, 1) == fit([report(5, (10, 10, 50, 50), (12, 10, 50, 50))], truth)
    assert Fit(2, 1, 0, 2, 1) == fit([report(5, (10, 10, 50, 50), (90, 10, 50, 50))], truth)
    assert Fit(1, 1, 0, 0, 0) == fit([report(15, (10, 10, 50, 50))], truth)


def test_a_box_is_on_a_face_from_an_iou_of_three_tenths_on(tmp_path):
    truth = read_truth(write(tmp_path))
    # 40 px shifted by 21: IoU 19/61; by 22: 18/62, which is less than 0.3.
    assert [0, 1] == [fit([report(0, (x, 10, 40, 40))], truth).false for x in (21, 22)]


def test_reports_of_another_clip_are_refused(tmp_path):
    truth = read_truth(write(tmp_path))
    for wrong in (report(20), report(0, size=(100, 200))):
        with pytest.raises(DataError, match=r"must be one of the 20 of 200x100 px of x\.mkv"):
            fit([wrong], truth)


def test_fits_add_up():
    assert Fit(3, 5, 7, 9, 11) == total([Fit(1, 2, 3, 4, 5), Fit(2, 3, 4, 5, 6)])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_is_named_after_its_clip_and_its_boxes_lie_in_the_frame(path):
    truth = read_truth(path)
    assert path.name == f"{truth.clip}.json"
    inside = Box(0, 0, *truth.size)
    boxes = [box for number in range(truth.frames) for box in truth.boxes(number)]
    assert truth.count == len(boxes)
    assert all(2 * box.overlap(inside) >= box.area for box in boxes)


def test_the_files_fit_the_clips(media):
    for name in ("eat.mkv", "bird.mkv", "head-pose-face-detection-female.gif"):
        [(file, truth)] = find_clips([name], [media])
        with open_camera(Camera(source=f"file:{file}")) as camera:
            shapes = [frame.luma.shape[::-1] for frame in camera]
        assert [truth.size] * truth.frames == shapes


def test_a_clip_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=rf"eat\.mkv: must be in {tmp_path}"):
        find_clips(["eat.mkv"], [tmp_path])
    with pytest.raises(DataError, match=r"no\.mkv\.json: cannot be read"):
        find_clips(["no.mkv"], [tmp_path])
    with pytest.raises(DataError, match=r"no clip of .*boxes is in"):
        find_clips([], [tmp_path])
