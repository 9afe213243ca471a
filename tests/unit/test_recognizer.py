"""The library: faces of one picture and of a stream, and what it refuses."""

import dataclasses
import typing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer import Face, Recognizer, Settings, open_camera
from edge_fer.config.settings import Vision
from edge_fer.emotion.card import UNCERTAIN
from edge_fer.errors import CameraError, ConfigError, DataError
from edge_fer.recognizer import KEYWORDS, Options
from edge_fer.testing import ScriptedCamera
from edge_fer.types import Box, Outcome, Phase


@pytest.fixture(scope="module")
def recognizer(landmarks: Path) -> Recognizer:
    return Recognizer(min_face_px=40, threshold=0.5)


@pytest.fixture(scope="module")
def colour(portrait: np.ndarray) -> np.ndarray:
    """The portrait in BGR, with a tint that leaves red and blue different."""
    return np.stack([portrait // 2, portrait, np.minimum(portrait, 200)], axis=2)


def shown(faces: list[Face]) -> list[tuple[Box, str | None, float, Outcome | None]]:
    return [(f.box, f.emotion, round(f.confidence, 6), f.outcome) for f in faces]


def test_a_face_of_a_picture_has_all_that_is_known_of_it(
    recognizer: Recognizer,
    portrait: np.ndarray,
) -> None:
    (face,) = recognizer.read(portrait)
    assert ("happy", None, None) == (face.emotion, face.outcome, face.track)
    assert face.confidence == max(face.scores.values()) > 0.5
    assert set(recognizer.labels) == set(face.scores)
    assert abs(sum(face.scores.values()) - 1) < 1e-4
    assert face.landmarks is not None
    assert ((68, 2), np.float32) == (face.landmarks.shape, face.landmarks.dtype)
    inside = face.landmarks[:, 0].mean() - face.box.left
    assert 0 < inside < face.box.width
    assert face.quality is not None
    assert face.quality.ipd_px > 20


def test_two_pictures_do_not_influence_each_other(
    recognizer: Recognizer,
    portrait: np.ndarray,
) -> None:
    first = shown(recognizer.read(portrait))
    assert [] == recognizer.read(np.zeros((200, 200), np.uint8))
    assert first == shown(recognizer.read(portrait))


def test_a_picture_may_be_grey_or_colour_in_any_layout(
    recognizer: Recognizer,
    colour: np.ndarray,
) -> None:
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    opaque = np.full((*grey.shape, 1), 255, np.uint8)
    expected = shown(recognizer.read(grey))
    assert 1 == len(expected)
    assert expected == shown(recognizer.read(colour))
    assert expected == shown(recognizer.read(grey[:, :, None]))
    assert expected == shown(recognizer.read(np.concatenate([colour, opaque], axis=2)))
    assert expected == shown(recognizer.read(colour[:, :, ::-1], order="rgb"))
    as_bgr = recognizer.read(colour[:, :, ::-1])
    assert as_bgr[0].scores != recognizer.read(colour)[0].scores


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_path_is_read_as_its_pixels_are(
    recognizer: Recognizer, colour: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"portrait{suffix}"
    cv2.imwrite(str(path), colour)
    expected = [face.box for face in recognizer.read(colour)]
    assert expected == [face.box for face in recognizer.read(path)]
    assert expected == [face.box for face in recognizer.read(str(path))]


@pytest.mark.parametrize(
    ("picture", "kind", "text"),
    [
        (np.zeros((64, 64), np.float32), ValueError, "float32 (64, 64), must be uint8"),
        (np.zeros((64, 64, 3), np.uint16), ValueError, "uint16 (64, 64, 3), must be uint8"),
        (np.zeros((64, 64, 2), np.uint8), ValueError, "(height, width, 3 or 4) for colour"),
        (np.zeros((2, 64, 64, 3), np.uint8), ValueError, "uint8 (2, 64, 64, 3)"),
        (np.zeros(64, np.uint8), ValueError, "uint8 (64,)"),
        (np.zeros((8, 64), np.uint8), ValueError, "16 px or more"),
        (np.zeros((0, 0, 3), np.uint8), ValueError, "16 px or more"),
        ([[0, 0], [0, 0]], TypeError, "picture is list, must be a path or a numpy array"),
        (None, TypeError, "picture is NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(
    recognizer: Recognizer, picture: typing.Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        recognizer.read(picture)
    assert text in str(caught.value)


def test_an_unknown_order_of_channels_is_refused(recognizer: Recognizer) -> None:
    wrong: typing.Any = "RGB"
    with pytest.raises(ValueError, match="order is 'RGB', must be 'bgr' or 'rgb'"):
        recognizer.read(np.zeros((64, 64, 3), np.uint8), order=wrong)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"", "is empty"),
        (b"no picture at all", "cannot be decoded"),
        (cv2.imencode(".png", np.zeros((8, 20), np.uint8))[1].tobytes(), "is 20x8 px, must be 16"),
        (cv2.imencode(".jpg", np.zeros((64, 64), np.uint8))[1].tobytes()[:-2], "is cut short"),
    ],
)
def test_a_file_that_is_no_picture_is_an_error_that_names_it(
    recognizer: Recognizer, tmp_path: Path, content: bytes | None, text: str
) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        recognizer.read(path)
    assert str(caught.value).startswith(f"{path}: {text}")


def test_a_face_too_hard_to_read_is_listed_without_an_emotion(
    landmarks: Path,
    portrait: np.ndarray,
) -> None:
    (face,) = Recognizer(min_face_px=40, min_ipd_px=200).read(portrait)
    assert (None, 0.0, {}) == (face.emotion, face.confidence, dict(face.scores))
    assert Outcome.TINY is face.outcome
    assert face.landmarks is not None


def test_a_face_below_enter_is_uncertain(
    landmarks: Path,
    portrait: np.ndarray,
) -> None:
    certain = Recognizer(Settings(vision=Vision(min_face_px=40)))
    doubtful = Recognizer(min_face_px=40, enter=1.0)
    (before,), (after,) = certain.read(portrait), doubtful.read(portrait)
    assert ("happy", None) == (before.emotion, before.outcome)
    assert (UNCERTAIN, Outcome.UNSURE) == (after.emotion, after.outcome)
    assert before.confidence == after.confidence


def test_no_face_of_a_picture_gives_way_to_another(
    landmarks: Path,
    portrait: np.ndarray,
) -> None:
    one_at_a_time = Recognizer(min_face_px=40, max_faces=1)
    twice = np.concatenate([portrait, portrait], axis=1)
    assert ["happy", "happy"] == [face.emotion for face in one_at_a_time.read(twice)]


def test_a_stream_has_tracks_events_and_an_end(
    recognizer: Recognizer,
    carphone: Path,
) -> None:
    frames = list(recognizer.watch(carphone))
    events = [event for frame in frames for event in frame.events]
    assert (Phase.BEGIN, Phase.END) == (events[0].phase, events[-1].phase)
    assert {event.track for event in events} >= {
        face.track for frame in frames for face in frame.faces if face.emotion
    }
    assert [*range(120), 119] == [frame.number for frame in frames]
    assert (144, 176) == frames[0].luma.shape
    assert (0, 1) == (len(frames[-1].faces), len(frames[-1].events))
    named = [face for frame in frames for face in frame.faces if face.emotion in recognizer.labels]
    assert named
    assert all(face.confidence == face.scores[face.emotion or ""] for face in named)


def test_a_stream_is_watched_anew_each_time(
    recognizer: Recognizer,
    portrait: np.ndarray,
) -> None:
    camera = ScriptedCamera([portrait] * 8, fps=10)
    told = [
        [(e.phase, e.emotion) for frame in recognizer.watch(camera) for e in frame.events]
        for _ in range(2)
    ]
    assert [(Phase.BEGIN, "happy"), (Phase.END, "happy")] == told[0] == told[1]
    assert (2, False) == (camera.opened, camera.is_open)


def test_whoever_stops_watching_has_closed_the_camera(
    recognizer: Recognizer,
    portrait: np.ndarray,
) -> None:
    camera = ScriptedCamera([portrait] * 8)
    stream = recognizer.watch(camera)
    assert not camera.is_open
    next(iter(stream))
    assert camera.is_open
    stream.close()
    assert not camera.is_open


def test_a_camera_that_fails_is_an_error_and_closed(
    recognizer: Recognizer,
    portrait: np.ndarray,
) -> None:
    camera = ScriptedCamera([portrait, CameraError("unplugged")])
    with pytest.raises(CameraError, match="unplugged"):
        list(recognizer.watch(camera))
    assert not camera.is_open


def test_a_live_camera_needs_the_acknowledgement_of_use(recognizer: Recognizer) -> None:
    wrong: typing.Any = "work"
    for open_live in (recognizer.watch, open_camera):
        with pytest.raises(ConfigError, match="acknowledge_use: one of home, research"):
            open_live("rtsp://127.0.0.1:9/a")
        with pytest.raises(ConfigError, match="use at work and in education is refused"):
            open_live("rtsp://127.0.0.1:9/a", acknowledge_use=wrong)
    assert open_camera("rtsp://127.0.0.1:9/a", acknowledge_use="home").live
    assert recognizer.watch("rtsp://127.0.0.1:9/a", acknowledge_use="home")


def test_the_acknowledgement_may_be_given_once(landmarks: Path) -> None:
    for settings in (None, Settings()):
        with_use = Recognizer(settings, acknowledge_use="art")
        assert "art" == with_use.settings.privacy.acknowledge_use
        assert with_use.watch("rtsp://127.0.0.1:9/a")


def test_an_unknown_source_is_refused_at_once(recognizer: Recognizer) -> None:
    with pytest.raises(ConfigError, match="did you mean 'v4l2:0'"):
        recognizer.watch("v4l:0")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_face_px": 3}, "vision.min_face_px = 3: must be at least 20 and at most 1000"),
        ({"min_face": 30}, "unknown option 'min_face'; did you mean min_face_px?"),
        ({"detector": "mtcnn"}, "vision.detector = 'mtcnn': must be one of hog, yunet"),
        ({"leave": 0.9}, "smoothing.leave = 0.9: must be at most smoothing.enter"),
        ({"model": "resnet"}, "model.path = resnet: must be a path or one of "),
        ({"acknowledge_use": "school"}, "privacy.acknowledge_use = 'school': must be one of home"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, typing.Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recognizer(**options)
    assert text in str(caught.value)


def test_settings_and_options_exclude_each_other() -> None:
    with pytest.raises(TypeError, match="not both"):
        Recognizer(Settings(), min_face_px=40)


def test_every_option_has_a_typed_keyword() -> None:
    hints = typing.get_type_hints(Options)
    assert set(hints) == set(KEYWORDS)
    for name, hint in hints.items():
        kind = typing.get_args(KEYWORDS[name].hint)[0]
        assert hint == kind, name


def test_faces_are_plain_values(recognizer: Recognizer, portrait: np.ndarray) -> None:
    (face,) = recognizer.read(portrait)
    with pytest.raises(dataclasses.FrozenInstanceError):
        face.emotion = "sad"  # type: ignore[misc]
