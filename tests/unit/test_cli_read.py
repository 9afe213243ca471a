"""`edge-fer read`: pictures and folders; one bad file never ends it."""

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.cameras.file import list_pictures
from edge_fer.cli import main
from edge_fer.errors import DataError

OPTIONS = ["--set", "vision.min_face_px=60"]


@pytest.fixture
def folder(portrait: np.ndarray, landmarks: Path, tmp_path: Path) -> Path:
    """A face, no face, a damaged picture and a text, and one more face in a subfolder."""
    colour = np.stack([portrait // 2, portrait, portrait], axis=2)
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "2.png"), colour)
    cv2.imwrite(str(tmp_path / "10.png"), np.zeros((100, 100), np.uint8))
    (tmp_path / "5.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    cv2.imwrite(str(tmp_path / "more/1.jpg"), portrait)
    return tmp_path


def test_every_picture_has_its_lines_and_a_bad_one_is_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 65 == main(["read", str(folder), *OPTIONS])
    out, err = capsys.readouterr()
    first, second, third = out.splitlines()
    assert first.startswith(f"{folder}/2.png: happy ")
    assert f"{folder}/10.png: no face" == second
    assert third.startswith(f"{folder}/more/1.jpg: happy ")
    assert f"edge-fer: {folder}/5.jpg: cannot be decoded; it is damaged or not a picture\n" == err


def test_json_has_a_line_for_each_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["read", str(folder / "2.png"), str(folder / "10.png"), "--json", *OPTIONS])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f"{folder}/2.png", f"{folder}/10.png"] == [row["picture"] for row in rows]
    (face,) = rows[0]["faces"]
    assert ("happy", None) == (face["emotion"], face["outcome"])
    assert face["confidence"] == max(face["scores"].values())
    assert {"left", "top", "width", "height"} == set(face["box"])
    assert (68, 2) == np.array(face["landmarks"]).shape
    assert face["quality"]["ipd_px"] > 20
    assert [] == rows[1]["faces"]


def test_csv_has_a_row_for_each_face(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = ["--set", "quality.min_ipd_px=200"]
    assert 65 == main(["read", str(folder), "--csv", *OPTIONS, *strict])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [f"{folder}/2.png", f"{folder}/more/1.jpg"] == [row["picture"] for row in rows]
    assert ["tiny", "tiny"] == [row["outcome"] for row in rows]
    assert [("", "0.0000", "")] * 2 == [
        (row["emotion"], row["confidence"], row["happy"]) for row in rows
    ]
    assert 0 == main(["read", str(folder / "2.png"), "--csv", *OPTIONS])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["happy"] == row["confidence"]


def test_what_is_missing_or_empty_is_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    names = ["none.png", "empty", "10.png"]
    assert 65 == main(["read", *(str(folder / name) for name in names), *OPTIONS])
    out, err = capsys.readouterr()
    assert f"{folder}/10.png: no face\n" == out
    first, second = err.splitlines()
    assert f"edge-fer: {folder}/none.png: cannot be read: no such file or directory" == first
    assert second.startswith(f"edge-fer: {folder}/empty: holds no picture; must be one of ")


def test_pictures_come_in_natural_order_of_their_names(tmp_path: Path) -> None:
    for name in ("10.jpg", "2.jpg", "b/1.png", "a10.gif", "a9.png", "A10.png", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in list_pictures(tmp_path)]
    assert ["2.jpg", "10.jpg", "a9.png", "A10.png", "b/1.png"] == found
    assert [tmp_path / "notes.md"] == list_pictures(tmp_path / "notes.md")
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        list_pictures(tmp_path / "c")


def test_a_wrong_setting_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert 78 == main(["read", "a.png", "--set", "vision.min_face_px=3"])
    assert "vision.min_face_px" in capsys.readouterr().err
