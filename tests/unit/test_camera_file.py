"""Files as a camera: times, pace, depths, and real clips where there are some."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_fer.cameras import open_camera
from edge_fer.cameras.file import FileCamera
from edge_fer.config.settings import Camera as Settings
from tests.fakes.clock import Clock
from tests.support.clips import HEIGHT, WIDTH, scenes, write_folder, write_gif, write_video

MEDIA = os.environ.get("EDGE_FER_MEDIA", "")


def test_a_whole_video_gives_every_frame_and_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.mp4", scenes(30), "mp4v", 12.5)
    with open_camera(Settings(source=str(path))) as camera:
        frames = list(camera)
        assert [] == list(camera)
    assert [n / 12.5 for n in range(30)] == pytest.approx([f.time for f in frames], abs=2e-3)
    assert not caplog.records


def test_frames_of_a_gif_are_shown_when_it_says(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "a.gif", scenes(4), [10, 50, 20, 10])
    with open_camera(Settings(source=str(path))) as camera:
        assert [0, 0.1, 0.6, 0.8] == pytest.approx([frame.time for frame in camera])


def test_pictures_of_a_folder_are_sorted_and_may_change_size(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "many", scenes(2))
    cv2.imwrite(str(folder / "0005.png"), scenes(1, 40, 30)[0])
    (folder / "labels.csv").write_text("ignored")
    with open_camera(Settings(source=str(folder), fps=4)) as camera:
        frames = list(camera)
    assert [(HEIGHT, WIDTH), (30, 40), (HEIGHT, WIDTH)] == [f.luma.shape for f in frames]
    assert [0, 0.25, 0.5] == [f.time for f in frames]


def _wide(scene: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return scene.astype(np.uint16) * 257


def _with_alpha(scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([scene, scene, scene, np.zeros_like(scene)])


@pytest.mark.parametrize("make", [_wide, _with_alpha], ids=["16-bit", "alpha"])
def test_a_picture_of_any_depth_or_with_alpha_is_luma(
    tmp_path: Path, make: Callable[[NDArray[np.uint8]], NDArray[Any]]
) -> None:
    scene = scenes(1)[0]
    cv2.imwrite(str(tmp_path / "a.png"), make(scene))
    with open_camera(Settings(source=str(tmp_path / "a.png"))) as camera:
        luma = next(camera).luma
    assert np.uint8 == luma.dtype
    assert np.abs(scene.astype(int) - luma).max() <= 1


def test_real_pace_waits_for_the_time_of_each_frame_and_skips_none(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "many", scenes(5))
    clock = Clock()
    settings = Settings(source=str(folder), fps=10, pace="real")
    seen = []
    with FileCamera(settings, str(folder), clock=clock, sleep=clock.sleep) as camera:
        for frame in camera:
            seen.append((frame.number, round(clock.now - 100, 6)))
            clock.now += 0.35 if frame.number == 1 else 0.03
    assert [(0, 0), (1, 0.1), (2, 0.45), (3, 0.48), (4, 0.51)] == seen
    assert [0.07] == pytest.approx(clock.sleeps)


def test_fast_pace_never_sleeps(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "many", scenes(5))
    clock = Clock()
    with FileCamera(
        Settings(source=str(folder)), str(folder), clock=clock, sleep=clock.sleep
    ) as camera:
        list(camera)
    assert [] == clock.sleeps


def test_a_replay_is_the_same_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", scenes(10), "mp4v", 30)
    sums = []
    for _ in range(2):
        with open_camera(Settings(source=str(path))) as camera:
            sums.append([(f.number, f.time, f.stamp, zlib.crc32(f.luma.tobytes())) for f in camera])
    assert sums[0] == sums[1]


@pytest.mark.skipif(not MEDIA, reason="EDGE_FER_MEDIA names no folder with the sample clips")
@pytest.mark.parametrize(
    ("name", "count", "size", "end_s"),
    [
        ("eat.mkv", 47, (480, 640), 46 / 30),
        ("head-pose-face-detection-male.gif", 62, (270, 480), 5.08),
    ],
)
def test_real_clips_are_whole(name: str, count: int, size: tuple[int, int], end_s: float) -> None:
    with open_camera(Settings(source=str(Path(MEDIA) / name))) as camera:
        frames = list(camera)
    assert count == len(frames)
    assert {size} == {frame.luma.shape for frame in frames}
    assert end_s == pytest.approx(frames[-1].time, abs=2e-3)
