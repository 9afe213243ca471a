"""annotate: a copy of the user's own file with what was seen; never a live camera's picture."""

import os

import cv2
import numpy as np
import pytest

from edge_fer.cameras import Camera
from edge_fer.cli import main
from edge_fer.demo.annotate import annotate
from edge_fer.errors import ConfigError

SMALL_FACES = "vision.min_face_px=40"


class Live(Camera):
    """A camera that must not be opened."""

    live = True

    def _open(self):
        raise AssertionError

    def _read(self):
        raise AssertionError

    def _close(self):
        raise AssertionError


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    while (read := capture.read())[0]:
        yield read[1]


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_video_keeps_its_frames_and_gets_a_box_round_the_face(tmp_path, carphone, suffix):
    target = tmp_path / f"seen{suffix}"
    assert 0 == main(["annotate", str(carphone), str(target), "--set", SMALL_FACES])
    frames = list(frames_of(target))
    assert 120 == len(frames)
    assert (432, 528, 3) == frames[0].shape
    *_, last = frames
    green = (last[:, :, 1].astype(int) - last[:, :, 2]) > 60
    assert 100 < green.sum() < 0.05 * green.size
    assert [target] == list(tmp_path.iterdir())


def test_a_picture_becomes_a_picture(tmp_path, portrait):
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), portrait)
    assert 0 == main(["annotate", str(source), str(target)])
    seen = cv2.imread(str(target))
    assert portrait.shape == seen.shape[:2]
    assert np.ptp(seen, axis=2).max() > 100


def test_a_live_camera_is_refused_before_it_is_opened(tmp_path):
    with pytest.raises(ConfigError, match="no picture of a live camera leaves the process"):
        annotate(None, Live("v4l2:/dev/video9"), tmp_path / "x.mp4")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("out.mov", 78, "must end in .mp4, .avi, .png, .jpg"),
        ("missing/out.mp4", 78, "is no folder"),
        ("out.png", 74, "has many frames"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path, carphone, capsys, name, code, said):
    assert code == main(["annotate", str(carphone), str(tmp_path / name)])
    assert said in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_a_folder_is_no_target_and_is_known_before_the_file_is_played(tmp_path, capsys):
    target = tmp_path / "out.mp4"
    target.mkdir()
    source = tmp_path / "in.png"
    cv2.imwrite(str(source), np.zeros((64, 64), np.uint8))
    assert 78 == main(["annotate", str(source), str(target)])
    assert "is a folder" in capsys.readouterr().err


def test_the_source_is_never_overwritten(tmp_path, portrait, capsys):
    source = tmp_path / "in.png"
    cv2.imwrite(str(source), portrait)
    before = source.read_bytes()
    assert 78 == main(["annotate", str(source), str(source)])
    assert "is the source file; name another target" in capsys.readouterr().err
    assert before == source.read_bytes()


def test_a_name_that_is_no_utf_8_is_one_line(tmp_path, carphone, capsys):
    target = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")
    assert 78 == main(["annotate", str(carphone), target])
    assert capsys.readouterr().err.endswith("must be a UTF-8 name\n")
    assert [] == list(tmp_path.iterdir())
