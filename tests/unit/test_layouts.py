"""Folders as people have them: each layout gives the same pictures with the same labels."""

import numpy as np
import pytest

from edge_fer.cli import main
from edge_fer.emotion.card import LABELS
from edge_fer.errors import DataError
from edge_fer.evaluation.dataset import load, splits_in
from tests.support.datasets import affectnet, affectnet_csv, class_folders, put, raf_db
from tests.support.tiny_model import write_tiny_model

PICTURES = [
    ("happy", np.full((64, 64), 200, np.uint8)),
    ("angry", np.full((64, 64), 20, np.uint8)),
    ("sad", np.full((64, 64), 90, np.uint8)),
]
SPLITS = dict.fromkeys(("train", "public", "private"), PICTURES)

LAYOUTS = {
    class_folders: {"train", "public", "private"},
    raf_db: {"train", "private"},
    affectnet: {"train", "public"},
    affectnet_csv: {"train", "public"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_told_by_what_lies_in_it(layout, tmp_path):
    layout(tmp_path, SPLITS)
    assert LAYOUTS[layout] == splits_in(tmp_path)
    for split in LAYOUTS[layout]:
        data = load(tmp_path, split)
        seen = {LABELS[label]: chip for chip, label in zip(data.images, data.labels, strict=True)}
        expected = dict(PICTURES)
        assert expected.keys() == seen.keys()
        assert all(np.abs(expected[name] - seen[name].astype(int)).max() <= 2 for name in seen)


def test_pictures_may_be_cut_while_they_are_read_and_those_without_a_face_are_left_out(tmp_path):
    class_folders(tmp_path, SPLITS)
    (tmp_path / "train/happy/.DS_Store").write_bytes(b"\0")
    data = load(
        tmp_path, "train", cut=lambda picture: picture[:8, :8] if picture.max() > 50 else None
    )
    assert (2, 8, 8) == data.images.shape
    assert (2, 1) == (len(data), data.faceless)
    assert ["happy", "sad"] == [LABELS[label] for label in data.labels]


def test_a_folder_of_ones_own_label_must_be_declared(tmp_path):
    put(tmp_path / "Thumbs-up" / "a.png", PICTURES[0][1])
    with pytest.raises(DataError, match=r"Thumbs-up: folder name must be one of .* your own"):
        load(tmp_path, "train")
    data = load(tmp_path, "train", own_labels=["thumbs-up"])
    assert ["thumbs-up"] == [data.names[label] for label in data.labels]


def break_raf_label(root):
    (root / "basic/EmoLabel/list_patition_label.txt").write_text("train_00001.jpg 8\n")


def break_raf_list(root):
    (root / "basic/EmoLabel/list_patition_label.txt").unlink()


def break_raf_picture(root):
    (root / "basic/Image/aligned/train_00001_aligned.jpg").unlink()


def break_note(root):
    (root / "train_set/annotations/00001_exp.npy").unlink()


def break_expression(root):
    np.save(root / "train_set/annotations/00001_exp.npy", "11")


def break_text(root):
    # Eight characters that are none: read as text they would end the process.
    note = root / "train_set/annotations/00001_exp.npy"
    np.save(note, np.frombuffer(b"\xff" * 32, "<U8")[0:1])


def break_list(root):
    (root / "training.csv").write_bytes(b"subDirectory_filePath,expression\n\xff,1\n")


def break_row(root):
    (root / "training.csv").write_text("subDirectory_filePath,expression\na.jpg\n")


def break_column(root):
    (root / "training.csv").write_text("file,expression\n")


@pytest.mark.parametrize(
    ("layout", "damage", "text"),
    [
        (raf_db, break_raf_label, "list_patition_label.txt, line 1: must be '<name>.jpg <1-7>'"),
        (raf_db, break_raf_list, "list_patition_label.txt: no such file"),
        (raf_db, break_raf_picture, "train_00001_aligned.jpg: not a picture"),
        (affectnet, break_note, "00001_exp.npy: must hold the expression of 00001.jpg"),
        (affectnet, break_expression, "expression 11, must be 0 to 10"),
        (affectnet, break_text, "00001_exp.npy: must hold the expression of 00001.jpg"),
        (affectnet_csv, break_column, "no column subDirectory_filePath"),
        (affectnet_csv, break_list, "training.csv: must be UTF-8 text"),
        (affectnet_csv, break_row, "training.csv, line 2: "),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(layout, damage, text, tmp_path):
    layout(tmp_path, SPLITS)
    damage(tmp_path)
    with pytest.raises(DataError) as caught:
        load(tmp_path, "train")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    raf_db(tmp_path, SPLITS)
    with pytest.raises(DataError, match="has no split public, must be one of train, private"):
        load(tmp_path, "public")


def test_evaluate_reads_a_layout_and_labels_of_a_models_own(tmp_path, capsys):
    model = write_tiny_model(tmp_path, labels=("angry", "waving"), own_labels=["waving"])
    for name, value in (("angry", 10), ("waving", 240)):
        put(tmp_path / "data" / name / "a.png", np.full((30, 30), value, np.uint8))
    assert 0 == main(["evaluate", "--data", str(tmp_path / "data"), "--model", str(model)])
    out = capsys.readouterr().out
    assert "waving" in out
    assert "1.0000" in out
