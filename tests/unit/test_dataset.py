"""Data sets: npz, the official csv and class folders give the same thing."""

import csv

import cv2
import numpy as np
import pytest

from edge_fer.errors import DataError
from edge_fer.evaluation.dataset import FERPLUS_COLUMNS, copies, load

IMAGES = np.random.RandomState(0).randint(0, 256, (6, 48, 48), np.uint8)
LABELS = np.array([3, 0, 6, 3, 1, 2], np.uint8)
USAGE = np.array([0, 0, 1, 1, 2, 2], np.uint8)
VOTES = np.random.RandomState(1).randint(0, 10, (6, 10), np.uint8)
NAMES = ("Training", "PublicTest", "PrivateTest")


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "fer2013.npz"
    np.savez(
        path,
        images=IMAGES,
        label=LABELS,
        usage=USAGE,
        ferplus_votes=VOTES,
        id=np.array([0, 1, 0, 1, 0, 1]),
        duplicate=np.array([0, 0, 1, 0, 0, 1], bool),
    )
    return path


@pytest.fixture
def official(tmp_path):
    path = tmp_path / "fer2013.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        for image, label, usage in zip(IMAGES, LABELS, USAGE, strict=True):
            rows.writerow([label, " ".join(map(str, image.ravel())), NAMES[usage]])
    with (tmp_path / "fer2013new.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Usage", "Image name", *FERPLUS_COLUMNS])
        for number, votes in enumerate(VOTES):
            rows.writerow(["", f"fer{number:07}.png", *votes])
    return path


@pytest.mark.parametrize(("split", "usage"), [("train", 0), ("public", 1), ("private", 2)])
def test_npz_and_csv_agree(npz, official, split, usage):
    first, second = load(npz, split), load(official, split)
    for data in (first, second):
        assert np.array_equal(IMAGES[usage == USAGE], data.images)
        assert np.array_equal(LABELS[usage == USAGE], data.labels)
        assert np.array_equal(VOTES[usage == USAGE], data.votes)
        assert [0, 1] == data.ids.tolist()


def test_duplicates_are_told_by_the_npz_and_found_in_the_csv(npz, official):
    assert [True, False] == load(npz, "public").duplicate.tolist()
    assert [False, False] == load(official, "public").duplicate.tolist()


def test_a_copy_is_found_through_small_noise_and_a_lookalike_is_not():
    noise = np.random.RandomState(2).randint(-3, 4, IMAGES.shape)
    near = np.clip(IMAGES[:2] + noise[:2], 0, 255).astype(np.uint8)
    other = np.clip(IMAGES[:2] // 2 + 60, 0, 255).astype(np.uint8)
    assert [True, True] == copies(near, IMAGES).tolist()
    assert [False, False] == copies(other, IMAGES).tolist()


def test_csv_without_votes_is_read(official):
    official.with_name("fer2013new.csv").unlink()
    assert load(official, "public").votes is None


def test_class_folders_are_read_with_common_names(tmp_path):
    for folder, count in (("happiness", 2), ("sad", 1)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            cv2.imwrite(str(tmp_path / folder / f"{number}.png"), IMAGES[number])
    data = load(tmp_path, "public")
    assert [3, 3, 4] == data.labels.tolist()
    assert np.array_equal(IMAGES[[0, 1, 0]], data.images)


def test_class_folders_may_have_splits(tmp_path):
    (tmp_path / "private" / "fear").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "private" / "fear" / "a.png"), IMAGES[0])
    assert [2] == load(tmp_path, "private").labels.tolist()


def refusal(path, split="public"):
    with pytest.raises(DataError) as caught:
        load(path, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_data_is_refused_in_one_line(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.npz")
    assert "must be one of train, public, private" in refusal(tmp_path, "test")
    assert "no pictures" in refusal(tmp_path)
    (tmp_path / "hapy").mkdir()
    assert "folder name must be one of" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["broken.npz", "broken.csv"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"emotion,pixels\n1,2\n"])
def test_a_corrupt_file_is_refused_in_one_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert name in refusal(path)


def test_a_truncated_npz_is_refused_in_one_line(npz):
    npz.write_bytes(npz.read_bytes()[:-500])
    assert "cannot be read as FER-2013" in refusal(npz)


def test_numbers_out_of_range_are_refused_and_not_bent(official):
    text = official.read_text()
    first = " ".join(map(str, IMAGES[2].ravel()[:2]))
    for row, what in ((f"6,{first}", "pixels"), ("6,", "labels")):
        assert f"\n{row}" in text
        official.write_text(text.replace(f"\n{row}", f"\n{row.replace('6,', '7,')}"))
        if what == "pixels":
            official.write_text(text.replace(f"\n6,{first}", "\n6,2555 0"))
        assert f"{what} must be" in refusal(official)


def test_fewer_votes_than_pictures_are_refused(official):
    votes = official.with_name("fer2013new.csv")
    votes.write_text("\n".join(votes.read_text().splitlines()[:3]))
    assert "fer2013new.csv has 2 rows" in refusal(official)


def test_an_npz_whose_parts_do_not_fit_is_refused(npz):
    with np.load(npz) as arrays:
        whole = dict(arrays)
    for name, wrong in (("label", LABELS + 5), ("images", IMAGES[:, 0]), ("id", np.zeros((6, 2)))):
        np.savez(npz, **{**whole, name: wrong})
        assert "cannot be read as FER-2013" in refusal(npz)


def test_a_name_that_is_not_utf_8_is_read(tmp_path):
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "\udcff.png").write_bytes(cv2.imencode(".png", IMAGES[0])[1].tobytes())
    assert np.array_equal(IMAGES[:1], load(tmp_path, "public").images)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "notes.txt").write_text("hello")
    assert "notes.txt" in refusal(tmp_path)


def test_the_real_data_set_has_its_known_shape(data):
    assert 3589 == len(load(data / "fer2013.npz", "public"))
    private = load(data / "fer2013.npz", "private")
    assert (3589, 298) == (len(private), int(private.duplicate.sum()))
