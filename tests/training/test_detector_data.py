"""Teaching boxes, faceless pictures and mosaics of the face detector's training."""

import cv2
import numpy as np
import pytest
from face_toys import toy_portraits

from training.detector.backgrounds import fingerprint, on_grey, tiled, views
from training.detector.covers import COVERS
from training.detector.degrade import degrade
from training.detector.drawings import KINDS, drawing
from training.detector.faces import portraits
from training.detector.geometry import FLIPPED, FLIPPED_68, clusters, moved, overlaps
from training.detector.mosaic import Mosaics, Options, hides, scrambled, within
from training.detector.paste import head, mapped, placed, visible, whole, window
from training.detector.pictures import held_out, packed, unpacked
from training.detector.prepare import SHEET, TILE, sheet
from training.detector.teach import FACE, IGNORE, Teachers, Vote, agree, settle_points


def draw(seed=0):
    return np.random.default_rng(seed)


def box(x, y, side):
    return np.array([x, y, side], np.float32)


def vote(x, y, side, score, *, points=True):
    five = np.full((5, 2), x, np.float32) if points else None
    return Vote(box(x, y, side), five, score)


def test_mirroring_twice_changes_no_order():
    for order in (FLIPPED, FLIPPED_68):
        assert sorted(order) == list(range(len(order)))
        assert [order[order[k]] for k in range(len(order))] == list(range(len(order)))


def test_overlap_of_equal_shifted_and_distant_boxes():
    boxes = np.stack([box(10, 10, 10), box(15, 10, 10), box(40, 40, 10)])
    assert overlaps(boxes[:1], boxes)[0] == pytest.approx([1, 1 / 3, 0])


def test_a_cluster_is_led_by_its_surest_box():
    boxes = np.stack([box(10, 10, 10), box(40, 40, 10), box(11, 10, 10)])
    assert clusters(boxes, [2, 1, 0], 0.4) == [[2, 0], [1]]


def test_what_most_passes_see_is_a_face():
    (found,) = agree([vote(50, 50, 40, 0.9)] * 3, [], passes=6)
    assert (found["kind"], found["votes"]) == (FACE, 3)
    assert found["box"] == pytest.approx([50, 50, 40])


def test_a_face_of_few_passes_needs_hog():
    few = [vote(50, 50, 40, 0.5)] * 2
    assert agree(few, [], passes=6)[0]["kind"] == IGNORE
    assert agree(few, [vote(52, 50, 44, 0.3, points=False)], passes=6)[0]["kind"] == FACE


def test_what_hog_alone_sees_is_ignored():
    (found,) = agree([], [vote(50, 50, 40, 1.5, points=False)], passes=6)
    assert (found["kind"], found["hog"]) == (IGNORE, True)


def test_points_are_dlibs_where_both_agree_and_mapped_where_not():
    count = 80
    base = np.array([(-0.2, -0.2), (0.2, -0.2), (0, 0), (-0.15, 0.25), (0.15, 0.25)])
    jitter = draw().normal(0, 0.01, (count, 5, 2))
    theirs = base + jitter
    dlibs = theirs + np.array([0.03, -0.02])
    landmarks = np.zeros((count, 68, 2))
    landmarks[:, 36:42], landmarks[:, 42:48] = dlibs[:, None, 0], dlibs[:, None, 1]
    landmarks[:, 30], landmarks[:, 48], landmarks[:, 54] = dlibs[:, 2], dlibs[:, 3], dlibs[:, 4]
    landmarks[-1] += 0.5  # dlib is lost on the last face
    table = {
        "box": np.tile(box(100, 100, 50), (count, 1)),
        "points": theirs * 50 + 100,
        "landmarks": landmarks * 50 + 100,
        "kind": np.full(count, FACE),
        "hog": np.ones(count),
    }
    points = settle_points(table)
    assert points[0] == pytest.approx(dlibs[0] * 50 + 100, abs=0.01)
    assert points[-1] == pytest.approx(dlibs[-1] * 50 + 100, abs=0.5)


def test_teachers_agree_on_the_portrait(portrait, yunet_file):
    part = portrait[20:220, 130:330]
    yunet, hog = Teachers(yunet_file).votes(part)
    best = max(agree(yunet, hog, passes=6), key=lambda one: one["mean"])
    assert best["kind"] == FACE
    assert best["hog"]
    assert overlaps(np.float32(best["box"][None]), box(93, 107, 88)[None])[0, 0] > 0.6
    own = [one.box for one in yunet if overlaps(one.box[None], best["box"][None])[0, 0] > 0.4]
    assert np.ptp([one[0] for one in own]) < 10


def test_a_sheet_shows_faces_green_and_doubtful_regions_red():
    pictures = [np.full((96, 96), 90, np.uint8)] * 2
    table = {
        "picture": np.array([0, 1]),
        "box": np.stack([box(48, 48, 40)] * 2),
        "points": np.full((2, 5, 2), 48.0),
        "kind": np.array([FACE, IGNORE]),
    }
    drawn = sheet(pictures, table, 1)
    assert drawn.shape == (SHEET[0] * TILE, SHEET[1] * TILE, 3)
    first, second = drawn[:TILE, :TILE], drawn[:TILE, TILE : 2 * TILE]
    assert (first == (0, 255, 0)).all(2).any()
    assert (second == (0, 0, 255)).all(2).any()
    assert not (second == (0, 255, 0)).all(2).any()


def test_pictures_survive_packing():
    pictures = [drawing((40, 50), draw(k)) for k in range(3)]
    again = unpacked(**packed(pictures, 101))
    assert all((one == other).all() for one, other in zip(pictures, again, strict=True))


def test_one_block_in_ten_is_held_out():
    held = held_out(np.arange(10_000))
    assert held.mean() == 0.1
    assert len(set(held[700:800].tolist())) == 1


def test_what_is_transparent_becomes_grey():
    picture = np.zeros((4, 4, 4), np.uint8)
    picture[:2] = 255
    luma = on_grey(picture)
    assert luma[0, 0] == 255
    assert luma[3, 3] == 128


def test_copies_of_other_sizes_have_one_fingerprint():
    picture = cv2.resize(drawing((12, 12), draw(3)), (200, 200), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(picture, (100, 100), interpolation=cv2.INTER_AREA)
    assert fingerprint(picture) == fingerprint(small)
    assert fingerprint(picture) != fingerprint(picture[::-1])


def test_a_large_picture_is_seen_whole_and_in_detail(tmp_path):
    file = tmp_path / "wide.png"
    cv2.imwrite(str(file), drawing((900, 1600), draw()))
    shapes = [view.shape for view in views(file)]
    assert shapes == [(252, 448), (384, 384), (384, 384), (384, 384)]
    cv2.imwrite(str(file), drawing((60, 600), draw()))
    assert list(views(file)) == []


def test_a_contact_sheet_holds_any_number():
    assert tiled([]).shape == (128, 12 * 128)
    assert tiled([np.zeros((9, 9), np.uint8)] * 13).shape == (2 * 128, 12 * 128)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_drawings_have_the_size_asked_for_and_differ(kind):
    one, other = kind((48, 80), draw(1)), kind((48, 80), draw(2))
    assert one.shape == other.shape == (48, 80)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", [kind for _, kind in COVERS], ids=lambda kind: kind.__name__)
def test_a_cover_hides_some_of_the_face_and_not_all(kind):
    shares = []
    for seed in range(12):
        one = toy_portraits(1)[0]
        luma = one.luma.copy()
        kind(luma, one.landmarks[0], draw(seed))
        x, y, side = one.box[0]
        part = np.s_[int(y - side / 2) : int(y + side / 2), int(x - side / 2) : int(x + side / 2)]
        shares.append((luma[part] != one.luma[part]).mean())
    assert 0.01 < np.mean(shares) < 0.7
    assert max(shares) < 0.9


def test_a_map_brings_the_face_where_it_belongs():
    matrix = mapped(box(30, 40, 20), 50, np.array([100, 90]), 0.0, draw(), flip=False)
    assert moved(np.float32([[30, 40]]), matrix)[0] == pytest.approx([100, 90], abs=1e-3)
    assert np.sqrt(np.linalg.det(matrix[:, :2])) == pytest.approx(2.5)
    turned = mapped(box(30, 40, 20), 50, np.array([100, 90]), np.pi / 2, draw(), flip=False)
    right = moved(np.float32([[40, 40]]), turned)[0]
    assert right[0] == pytest.approx(100, abs=0.01)
    assert right[1] > 110


def test_a_mirrored_face_keeps_its_left_eye_at_the_left():
    one = toy_portraits(1)[0]
    matrix = mapped(one.box[0], 40, np.array([64, 64]), 0.0, draw(), flip=True)
    pasted = placed(one, 0, matrix, whole(one.luma, draw(1)), 0.0, draw())
    assert pasted.points[0, 0, 0] < pasted.points[0, 1, 0]
    assert pasted.points[0, 3, 0] < pasted.points[0, 4, 0]


def test_what_is_pasted_looks_as_its_points_say():
    one = toy_portraits(1)[0]
    for seed, angle in enumerate((0.0, 0.6, -1.0)):
        canvas = np.full((160, 160), 200, np.uint8)
        matrix = mapped(one.box[0], 60, np.array([80, 75]), angle, draw(seed), flip=bool(seed))
        mask = np.full(one.luma.shape, 255, np.uint8)
        pasted = placed(one, 0, matrix, mask, 0.0, draw())
        pasted.apply(canvas)
        for x, y in pasted.points[0, :2]:
            assert canvas[int(y), int(x)] < 60  # the toy's eyes are black
        left, top, right, bottom = pasted.zone(canvas.shape)
        outside = np.ones(canvas.shape, bool)
        outside[top:bottom, left:right] = False
        assert (canvas[outside] == 200).all()


def test_masks_show_the_face():
    one = toy_portraits(1)[0]
    for seed in range(10):
        for mask in (
            head(one.luma, one.box[0], draw(seed)),
            window(one.luma, one.box[0], draw(seed)),
        ):
            assert visible(one.box[0], mask) > 0.8
            assert (mask == 0).any()


def test_a_region_to_ignore_stays_one():
    one = toy_portraits(1, doubtful=True)[0]
    matrix = mapped(one.box[0], 40, np.array([64, 64]), 0.0, draw(), flip=False)
    pasted = placed(one, 0, matrix, np.full(one.luma.shape, 255, np.uint8), 0.0, draw())
    assert pasted.face.tolist() == [1, 0]


def test_a_scene_is_the_same_for_the_same_seed_and_holds_to_its_bounds():
    mosaics = Mosaics([toy_portraits(4)], (1.0,), [drawing((200, 300), draw(5))])
    kinds = set()
    for seed in range(30):
        scene, again = (mosaics.scene((96, 128), draw(seed)) for _ in range(2))
        assert (scene.luma == again.luma).all()
        assert scene.luma.shape == (96, 128)
        assert len(scene.boxes) == len(scene.points) == len(scene.face)
        assert (within(scene.boxes[scene.face > 0], (96, 128)) >= 0.5).all()
        assert (scene.boxes[scene.face > 0, 2] >= 10).all()
        kinds.add(min(int((scene.face > 0).sum()), 5))
    assert kinds >= {0, 1, 2, 5}


def test_options_set_sizes_and_tilt():
    options = Options(photograph=0, crowd=0, empty=0, sides=(30, 32), tilt=45, covered=0)
    scene = Mosaics([toy_portraits(2)], (1.0,), [], options).scene((160, 160), draw(3))
    faces = scene.boxes[scene.face > 0]
    assert len(faces)
    assert (np.abs(faces[:, 2] - 31) < 1.1).all()
    eyes = scene.points[scene.face > 0][:, 1] - scene.points[scene.face > 0][:, 0]
    tilt = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    assert np.abs(tilt) == pytest.approx(45, abs=10)


def test_no_face_is_pasted_over_another():
    one = toy_portraits(1)[0]
    matrix = mapped(one.box[0], 40, np.array([64, 64]), 0.0, draw(), flip=False)
    pasted = placed(one, 0, matrix, np.full(one.luma.shape, 255, np.uint8), 0.0, draw())
    assert hides((60, 60, 90, 90), [pasted])
    assert not hides((100, 100, 140, 140), [pasted])


def test_a_scrambled_portrait_keeps_its_pixels_only():
    one = toy_portraits(1)[0]
    mixed = scrambled(one, draw(2))
    assert mixed.shape != one.luma.shape or not (mixed == one.luma).all()
    assert abs(int(mixed.mean()) - int(one.luma.mean())) < 12


def test_degrading_keeps_shape_and_differs():
    luma = toy_portraits(1)[0].luma
    results = [degrade(luma, 60, draw(seed)) for seed in range(20)]
    assert all(one.shape == luma.shape and one.dtype == np.uint8 for one in results)
    assert len({one.tobytes() for one in results}) == 20


def test_pictures_without_a_large_face_are_left_out_and_blocks_held_out():
    pictures = [np.zeros((80, 80), np.uint8)] * 800
    table = {
        "picture": np.array([0, 1, 750]),
        "kind": np.array([FACE, IGNORE, FACE]),
        "box": np.stack([box(40, 40, 30)] * 3),
        "points": np.zeros((3, 5, 2), np.float32),
        "landmarks": np.zeros((3, 68, 2), np.float32),
    }
    train, held = portraits(pictures, table)
    assert (len(train), len(held)) == (1, 1)
