"""Landmark files with the real dlib: shorter ones, trained ones, and what compares them."""

import json

import cv2
import numpy as np
import pytest

from edge_fer.errors import ModelError
from edge_fer.types import Box
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker
from training.landmarks.__main__ import main
from training.landmarks.compare import MIN_FACE_PX, drawn_face, faces_of, percent_of_ipd, shrink
from training.landmarks.file import LandmarkFile, Recipe, whole_file
from training.landmarks.train import Example, train, train_landmarks

TINY = Recipe(cascades=3, trees=4, depth=2)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A predictor of three small cascades; what it learnt are circles in noise."""
    random = np.random.default_rng(1)
    turns = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    circle = np.column_stack([np.cos(turns), np.sin(turns)])
    path = tmp_path_factory.mktemp("tiny") / "tiny.dat"
    examples = [
        Example(
            random.integers(0, 256, (80, 80), np.uint8),
            [Box(10, 10, 60, 60)],
            (40 + random.uniform(15, 25) * circle).astype(np.float32),
        )
        for _ in range(30)
    ]
    train_landmarks(examples, TINY, path)
    return path


@pytest.fixture
def faces(tmp_path, portrait):
    """A folder of 100 slightly different pictures of one face."""
    random = np.random.default_rng(2)
    folder = tmp_path / "faces"
    folder.mkdir()
    for number in range(100):
        left, top = random.integers(140, 160), random.integers(20, 40)
        cv2.imwrite(str(folder / f"{number:03}.png"), portrait[top : top + 170, left : left + 170])
    return folder


def call(capsys, *arguments):
    code = main([*(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_all_cascades_written_again_are_the_same_bytes(tiny, tmp_path):
    LandmarkFile(tiny).write_first(3, tmp_path / "all.dat")
    assert tiny.read_bytes() == (tmp_path / "all.dat").read_bytes()


def test_the_parts_of_a_file_follow_each_other_without_gaps(tiny):
    parts = LandmarkFile(tiny).cascades
    assert 3 == len(parts)
    for spans in (parts.forests, parts.anchors, parts.deltas):
        assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
    assert tiny.stat().st_size == parts.deltas[-1][1]


def test_a_shorter_file_is_a_predictor_of_as_many_cascades(tiny, tmp_path):
    shrunk = shrink(tiny, tmp_path / "two.dat", 2)
    assert (2, 3) == (shrunk.cascades, shrunk.of)
    assert 2 == len(LandmarkFile(tmp_path / "two.dat").cascades)
    assert shrunk.source_bytes > shrunk.bytes == (tmp_path / "two.dat").stat().st_size
    assert ["two.dat"] == [path.name for path in tmp_path.iterdir()]


def test_ten_cascades_of_the_stock_file_are_near_to_all_fifteen(landmarks, portrait, tmp_path):
    shrink(landmarks, tmp_path / "ten.dat", 10)
    box = HogDetector().find(portrait, 0.0)[0].box
    ten, all_fifteen = (
        Landmarker(str(path)).locate(portrait, box) for path in (tmp_path / "ten.dat", landmarks)
    )
    assert 0 < percent_of_ipd(ten, all_fifteen)[0] < 2.5


def test_the_drawn_face_is_where_the_detector_sees_it():
    luma, box = drawn_face()
    assert [box] == [found.box for found in HogDetector().find(luma, 0.0)]


@pytest.mark.parametrize("cascades", [-1, 0, 4])
def test_a_file_cannot_have_cascades_that_its_source_lacks(tiny, tmp_path, cascades):
    with pytest.raises(ModelError, match=f"cascades = {cascades}: must be 1 to 3"):
        shrink(tiny, tmp_path / "out.dat", cascades)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", [1, 900, -1])
def test_a_file_cut_short_is_told_from_a_whole_one(tiny, tmp_path, kept):
    path = tmp_path / "cut.dat"
    path.write_bytes(tiny.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"cut\.dat: (damaged|not a dlib file of 68 landmarks)"):
        LandmarkFile(path)


@pytest.mark.parametrize("content", [b"", b"not a predictor at all", b"\x01\x01" * 500])
def test_something_else_is_no_landmark_file(tmp_path, content):
    path = tmp_path / "other.dat"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.dat: (not a dlib file|cannot be read)"):
        LandmarkFile(path)


def test_a_file_that_goes_on_after_its_end_is_damaged(tiny, tmp_path):
    path = tmp_path / "long.dat"
    path.write_bytes(tiny.read_bytes() + b"\x01\x00")
    with pytest.raises(ModelError, match="it goes on after its end"):
        LandmarkFile(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    out = tmp_path / "out.dat"
    out.write_text("old")

    def write_half():
        with whole_file(out) as draft:
            draft.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match=r"out\.dat: cannot be written \(no space left"):
        write_half()
    assert [out] == list(tmp_path.iterdir())
    assert "old" == out.read_text()


def test_a_file_is_never_made_of_itself(tiny, tmp_path):
    link = tmp_path / "link.dat"
    link.symlink_to(tiny)
    with pytest.raises(ModelError, match="is the source file; must be another one"):
        shrink(tiny, link, 2)
    assert 3 == len(LandmarkFile(tiny).cascades)


def test_a_predictor_trained_on_one_face_finds_its_points(landmarks, faces, tmp_path):
    out = tmp_path / "compact.dat"
    assert 100 == train(landmarks, faces, out, Recipe(cascades=4, trees=20, depth=2), 1000)
    learnt, taught = Landmarker(str(out)), Landmarker(str(landmarks))
    errors = [
        percent_of_ipd(learnt.locate(luma, box), taught.locate(luma, box))[0]
        for luma, box in faces_of([faces])
    ]
    assert 100 == len(errors)
    assert np.mean(errors) < 4


def test_faces_of_fer_2013_are_large_enough_to_train_on(landmarks, data, tmp_path):
    out = tmp_path / "compact.dat"
    assert 120 == train(landmarks, data / "fer2013.npz", out, Recipe(2, 9, 2), 120)
    assert 2 == len(LandmarkFile(out).cascades)


def test_compare_gives_a_machine_both_files_and_distance(landmarks, carphone, tmp_path, capsys):
    shrink(landmarks, tmp_path / "four.dat", 4)
    code, out, _ = call(capsys, "compare", tmp_path / "four.dat", carphone, "--json")
    figures = json.loads(out)
    assert 0 == code
    assert landmarks.stat().st_size == figures["reference_bytes"] > figures["bytes"]
    assert figures["reference_resident_mb"] > figures["resident_mb"] > 0
    assert 1 < figures["points_68"]["mean_percent"] < figures["points_68"]["p95_percent"] < 15
    assert figures["faces"] > 100


def test_a_file_does_not_differ_from_itself(tiny, portrait, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "one.png"), portrait)
    code, out, _ = call(capsys, "compare", tiny, tmp_path / "one.png", "--with", tiny)
    assert 0 == code
    assert "68 points: mean error 0.00 %" in out
    assert "1 faces" in out


def test_a_damaged_file_is_not_compared(tiny, tmp_path, capsys):
    (tmp_path / "cut.dat").write_bytes(tiny.read_bytes()[:-9])
    code, _, errors = call(capsys, "compare", tmp_path / "cut.dat", "x.png", "--with", tiny)
    assert 78 == code
    assert "cut.dat: damaged" in errors


def test_media_without_a_face_cannot_compare(tiny, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((100, 100), 128, np.uint8))
    code, _, errors = call(capsys, "compare", tiny, tmp_path / "grey.png", "--with", tiny)
    assert 65 == code
    assert f"landmarks: no face of {MIN_FACE_PX} px or more in" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shrink", "new.dat", "--from", "none.dat"], "none.dat: no such file"),
        (["shrink", "new.dat", "--from", "text"], "text: not a dlib file of 68 landmarks"),
        (["shrink", "text", "--from", "tiny.dat"], "text: exists already; --force replaces it"),
        (
            ["shrink", "tiny.dat", "--from", "tiny.dat", "--force"],
            "is the source file; must be another one",
        ),
        (["shrink", "no/new.dat", "--from", "tiny.dat"], "there is no folder no"),
        (["train", "new.dat", "none", "--from", "tiny.dat"], "none: does not exist"),
        (["train", "new.dat", "none.npz", "--from", "tiny.dat"], "none.npz: no such file"),
        (["compare", "none.dat", "x.mkv", "--with", "tiny.dat"], "none.dat: no such file"),
    ],
)
def test_a_mistake_is_one_line(tiny, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.dat").write_bytes(tiny.read_bytes())
    (tmp_path / "text").write_text("hello")
    code, _, errors = call(capsys, *arguments)
    assert 0 != code
    assert 1 == errors.count("\n")
    assert message in errors
    assert ["text", "tiny.dat"] == sorted(path.name for path in tmp_path.iterdir())


def test_too_few_faces_are_not_trained_on(tiny, tmp_path, portrait, capsys):
    cv2.imwrite(str(tmp_path / "one.png"), portrait)
    code, _, errors = call(
        capsys, "train", tmp_path / "new.dat", tmp_path / "one.png", "--from", tiny
    )
    assert 65 == code
    assert "one.png: has 1 faces, must be 100 or more" in errors


@pytest.mark.parametrize("option", ["--cascades=0", "--trees=x", "--depth=9", "--faces=99"])
def test_a_number_out_of_bounds_is_a_usage_error(capsys, option):
    with pytest.raises(SystemExit) as caught:
        main(["train", "new.dat", "faces", option])
    assert 2 == caught.value.code
    assert "must be " in capsys.readouterr().err


def test_whoever_makes_a_file_is_told_of_its_licence(tiny, tmp_path, capsys):
    code, out, _ = call(capsys, "shrink", tmp_path / "one.dat", "--from", tiny, "--cascades", "1")
    assert 0 == code
    assert 1 == out.count("iBUG 300-W")
